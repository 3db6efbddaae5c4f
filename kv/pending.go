package kv

import (
	"sync"

	"example.com/xk6-kv/xkv"
)

// pendingCalls holds the calls that wait for a disk, of all virtual users. One
// goroutine collects what has finished and hands each to the event loop of its
// virtual user; no other goroutine or thread waits for anything.
type pendingCalls struct {
	queue *xkv.Queue
	start sync.Once

	mu    sync.Mutex
	calls []*pendingCall // the tag is the index
	free  []uint64
}

type pendingCall struct {
	outcome
	bad     error              // what was found out about its arguments
	enqueue func(func() error) // onto the virtual user's event loop
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
	p.calls = append(p.calls, call)
	return uint64(len(p.calls) - 1)
}

// take forgets a call and returns it.
func (p *pendingCalls) take(tag uint64) *pendingCall {
	p.mu.Lock()
	defer p.mu.Unlock()
	call := p.calls[tag]
	p.calls[tag] = nil
	p.free = append(p.free, tag)
	return call
}

// collect runs for the life of the process.
func (p *pendingCalls) collect() {
	for {
		p.queue.Collect(func(tag uint64, reply xkv.Reply) { p.take(tag).finish(reply) })
	}
}

// submit brings a call that may have to wait. The handle has been entered.
func (kv *kvObject) submit(r *request, o outcome) {
	pending := kv.root.pending
	pending.start.Do(func() { go pending.collect() })
	call := &pendingCall{outcome: o, enqueue: kv.vu.RegisterCallback()}
	call.stack = kv.vu.Runtime().CaptureCallStack(0, nil)
	tag := pending.add(call)
	kv.handle.waiting++
	call.tags = kv.depart(kv.handle.meter)

	var reply xkv.Reply
	queued := kv.handle.store.Submit(&r.command, nil, pending.queue, tag, &reply)
	if !queued {
		call.bad = kv.whatIsBad(r, o.method, &reply)
	}
	kv.handle.leave()
	if !queued { // refused, or done at once after all
		pending.take(tag).finish(reply)
	}
}

// finish settles the call on its virtual user's event loop.
func (c *pendingCall) finish(reply xkv.Reply) {
	c.enqueue(func() error {
		defer reply.Release()
		c.kv.handle.waiting--
		c.kv.handle.meter.arrive()
		if c.bad != nil {
			return c.fail(c.bad)
		}
		return c.settle(&reply)
	})
}
