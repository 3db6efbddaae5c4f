//go:build cgo

package xkv

// What C calls stands in a file of its own: where there is such a function, cgo
// copies the C text above the import twice.

import "C"

import "sync/atomic"

var notice atomic.Pointer[func(text string)]

//export xkvgoNotice
func xkvgoNotice(text *C.char) { (*notice.Load())(C.GoString(text)) }
