//go:build cgo

package xkv

/*
#include <stdlib.h>
#include "xkv.h"

// All at once: one crossing for what many replies hold.
static void xkvgo_clear(xkv_completion *completions, int count) {
	for (int i = 0; i < count; i++)
		xkv_reply_clear(&completions[i].reply);
}
*/
import "C"

import "unsafe"

// Queue is where queued commands come back.
type Queue struct {
	handle *C.xkv_queue
	batch  *C.xkv_completion
	done   [MostCompletions]Completion
}

// Completion is what became of a queued command.
type Completion struct {
	Tag   uint64
	Reply Reply // to be released, and to be kept if it is needed for longer: see Keep
}

func (q *Queue) orNone() *C.xkv_queue {
	if q == nil {
		return nil
	}
	return q.handle
}

// MostCompletions are fetched from C at once.
const MostCompletions = 64

// NewQueue makes a queue; nil if memory is short.
func NewQueue() *Queue {
	queue := &Queue{
		handle: C.xkv_queue_new(),
		batch:  (*C.xkv_completion)(C.malloc(MostCompletions * C.sizeof_xkv_completion)),
	}
	if queue.handle == nil || queue.batch == nil {
		return nil
	}
	return queue
}

// To copy more would keep others waiting for their completions.
const copiedMax = 64 << 10

// take takes over what is much; the rest is still C's.
func (r *Reply) take(from *C.xkv_reply) {
	*r = Reply{Code: Code(from.status), Number: int64(from.number)}
	if from.len > 0 {
		r.Data = cBytes(C.uintptr_t(uintptr(from.data)), from.len)
	}
	if from.len > copiedMax {
		r.owned = C.uintptr_t(uintptr(from.owned))
		from.owned = nil
	}
}

// Keep makes the reply of a completion last until Release: a small one is copied, into
// buffer if there is room, which is returned.
func (r *Reply) Keep(buffer []byte) []byte {
	if r.owned == 0 {
		buffer = append(buffer[:0], r.Data...)
		r.Data = buffer
	}
	return buffer
}

// Collect waits for finished commands and calls done with them, up to MostCompletions at once.
// They are gone when that returns.
func (q *Queue) Collect(done func([]Completion)) {
	count := int(C.xkv_completions(q.handle, q.batch, MostCompletions, -1))
	batch, owned := unsafe.Slice(q.batch, count), false
	for n := range batch {
		q.done[n].Tag = uint64(batch[n].tag)
		q.done[n].Reply.take(&batch[n].reply)
		owned = owned || batch[n].reply.owned != nil
	}
	done(q.done[:count])
	if owned {
		C.xkvgo_clear(q.batch, C.int(count))
	}
}
