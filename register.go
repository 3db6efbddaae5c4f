// Package kv registers the module k6/x/kv with k6.
package kv

import (
	"go.k6.io/k6/v2/js/modules"

	"example.com/xk6-kv/kv"
)

func init() {
	modules.Register("k6/x/kv", kv.New())
}
