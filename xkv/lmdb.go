//go:build cgo

package xkv

// LMDB, whose C sources this module has. Nothing of it is called from Go: the library in src
// calls its functions, which the linker finds here.
import _ "github.com/PowerDNS/lmdb-go/lmdb"
