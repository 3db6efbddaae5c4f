//go:build cgo && !windows

package xkv

import (
	"io"
	"os"
)

// nearEnd is the end of a connection that C has made, as something that Go reads and writes.
func nearEnd(socket uintptr) io.ReadWriteCloser {
	return os.NewFile(socket, "socket of C")
}
