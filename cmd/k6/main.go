// Command k6 is k6 with the module k6/x/kv compiled in.
package main

import (
	"go.k6.io/k6/v2/cmd"

	_ "example.com/xk6-kv"
)

func main() {
	cmd.Execute()
}
