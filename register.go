// Package kv registers the module k6/x/kv with k6.
package kv

import (
	"go.k6.io/k6/v2/ext"
	"go.k6.io/k6/v2/js/modules"

	"example.com/xk6-kv/kv"
	"example.com/xk6-kv/xkv"
)

const name = "k6/x/kv"

// commit is what the program was built from: make sets it.
var commit string

func init() {
	modules.Register(name, kv.New())
	setVersion(ext.Get(ext.JSExtension)[name])
}

// setVersion fills in a version where k6 knows none: it looks for it among the
// modules that a program depends on, and misses those that were built from a
// folder. It must be a proper one, since scripts may ask for it ("use k6 with
// k6/x/kv >= 0.1"), and no pre-release, which no such range would take.
func setVersion(extension *ext.Extension) {
	if extension.Version != "" {
		return
	}
	extension.Version = "v" + xkv.Version()
	if commit != "" {
		extension.Version += "+" + commit
	}
}
