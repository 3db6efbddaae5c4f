//go:build cgo

package xkv

// What C calls stands in a file of its own: where there is such a function, cgo
// copies the C text above the import twice.

// #include "xkv.h"
import "C"

import (
	"sync/atomic"
	"time"
)

var (
	notice   atomic.Pointer[func(text string)]
	progress atomic.Pointer[func(Progress)]
)

//export xkvgoNotice
func xkvgoNotice(text *C.char) { (*notice.Load())(C.GoString(text)) }

// Progress is how far a command has come that reads or writes a file.
type Progress struct {
	Op           int
	FileName     string
	Entries      int64
	Bytes, Total int64 // of the file; Total is 0 where it is not known
	Elapsed      time.Duration
}

//export xkvgoProgress
func xkvgoProgress(p *C.xkv_progress) {
	(*progress.Load())(Progress{
		Op:       int(p.op),
		FileName: C.GoString(p.file_name),
		Entries:  int64(p.entries),
		Bytes:    int64(p.bytes),
		Total:    int64(p.total_bytes),
		Elapsed:  time.Duration(p.elapsed_ms) * time.Millisecond,
	})
}
