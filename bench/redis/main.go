// Command redis is k6 with its Redis module compiled in, to compare with.
package main

import (
	_ "github.com/grafana/xk6-redis"
	"go.k6.io/k6/cmd"
)

func main() {
	cmd.Execute()
}
