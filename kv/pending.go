package kv

import (
	"context"
	"runtime"
	"sync"

	"github.com/grafana/sobek"

	"example.com/xk6-kv/xkv"
)

// pendingCalls holds the calls that wait for something, of all virtual users. One
// goroutine collects what has finished and hands each to the event loop of its
// virtual user; no other goroutine or thread waits for anything.
type pendingCalls struct {
	queue *xkv.Queue
	start sync.Once

	mu    sync.Mutex
	calls []*pendingCall // the tag is the index
	next  uint64         // the first tag that was never used: how many there are
	free  []uint64       // those of calls that are over
}

type pendingCall struct {
	outcome
	bad     error              // what was found out about its arguments
	enqueue func(func() error) // onto the virtual user's event loop
	forget  func() bool        // the virtual user's end; nil if it does not matter
	reply   xkv.Reply
	arrive  func() error // what is enqueued: the call's own method, made once

	frames []sobek.StackFrame // room for the outcome's stack,
	data   []byte             // and for a small reply
}

func newPendingCalls() *pendingCalls {
	return &pendingCalls{queue: xkv.NewQueue()}
}

// add remembers a call and returns its tag.
func (p *pendingCalls) add(call *pendingCall) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := len(p.free) - 1; last >= 0 {
		tag := p.free[last]
		p.free = p.free[:last]
		p.calls[tag] = call
		return tag
	}
	tag := p.next
	p.calls = append(p.calls, call)
	p.next++
	return tag
}

// take forgets the calls that are over, and puts them into calls.
func (p *pendingCalls) take(done []xkv.Completion, calls []*pendingCall) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := range done {
		tag := done[n].Tag
		calls[n] = p.calls[tag]
		p.calls[tag] = nil
		p.free = append(p.free, tag)
	}
}

// cancel takes a call of a handle back, from any goroutine, unless it is over: its
// tag may be another call's by then.
func (p *pendingCalls) cancel(tag uint64, call *pendingCall, h *handle) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls[tag] == call {
		h.cancel(p.queue, tag)
	}
}

// collect runs for the life of the process.
func (p *pendingCalls) collect() {
	for {
		p.queue.Collect(p.finish)
		runtime.Gosched()
	}
}

// finish has calls settled on the event loops of their virtual users.
func (p *pendingCalls) finish(done []xkv.Completion) {
	var calls [xkv.MostCompletions]*pendingCall
	p.take(done, calls[:])
	for n, call := range calls[:len(done)] {
		call.reply = done[n].Reply
		call.data = call.reply.Keep(call.data)
		if call.forget != nil {
			call.forget()
		}
		call.enqueue(call.arrive)
	}
}

// A call that waits needs some memory: that of earlier ones is used again. No virtual
// user keeps more than this of it, nor larger replies.
const (
	mostIdle     = 16
	mostIdleData = 4 << 10
)

func (i *instance) newPending(o outcome) *pendingCall {
	var call *pendingCall
	if last := len(i.idle) - 1; last >= 0 {
		call = i.idle[last]
		i.idle = i.idle[:last]
	} else {
		call = &pendingCall{}
		call.arrive = call.settleHere
	}
	call.outcome = o
	call.frames = i.vu.Runtime().CaptureCallStack(0, call.frames[:0])
	call.stack = call.frames
	return call
}

// retire makes a call's memory that of another. Who cancels a call may do so when it is
// over: what can be canceled is not used again.
func (i *instance) retire(call *pendingCall) {
	if call.forget != nil || len(i.idle) == mostIdle {
		return
	}
	if cap(call.data) > mostIdleData {
		call.data = nil
	}
	call.outcome, call.bad, call.enqueue, call.reply = outcome{}, nil, nil, xkv.Reply{}
	i.idle = append(i.idle, call)
}

// submit brings a call that may have to wait. The handle has been entered.
func (kv *kvObject) submit(r *request, o outcome) {
	pending := kv.root.pending
	pending.start.Do(func() { go pending.collect() })
	call := kv.newPending(o)
	call.enqueue = kv.vu.RegisterCallback()
	tag := pending.add(call)
	kv.handle.waiting++
	call.tags = kv.depart(kv.handle.meter)
	cancel := kv.cancelWithUser(r, call, tag)

	var reply xkv.Reply
	queued := kv.handle.store.Submit(&r.command, nil, pending.queue, tag, &reply)
	if !queued {
		call.bad = kv.whatIsBad(r, o.method, &reply)
	}
	kv.handle.leave()
	switch {
	case !queued: // refused, or done at once after all
		pending.finish([]xkv.Completion{{Tag: tag, Reply: reply}})
	case cancel != nil && kv.vu.Context().Err() != nil: // it may have been too early to cancel it
		cancel()
	}
}

// cancelWithUser has a call canceled when its virtual user ends, if it may last: what is
// only queued is done before long; what waits for a key, or has to do with a file, may not
// be. nil if it does not.
func (kv *kvObject) cancelWithUser(r *request, call *pendingCall, tag uint64) func() {
	if !call.method.OfFiles && !call.method.isPatient(r) {
		return nil
	}
	handle := kv.handle
	cancel := func() { kv.root.pending.cancel(tag, call, handle) }
	call.forget = context.AfterFunc(kv.vu.Context(), cancel)
	return cancel
}

// settleHere settles the call: it is on the virtual user's event loop.
func (c *pendingCall) settleHere() error {
	kv := c.kv
	defer func() {
		c.reply.Release()
		kv.retire(c)
	}()
	kv.handle.waiting--
	kv.handle.meter.arrive()
	if kv.handle.meter.watch != nil {
		kv.tellTraffic()
	}
	if c.bad != nil {
		return c.fail(c.bad)
	}
	return c.settle(&c.reply)
}
