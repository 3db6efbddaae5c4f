package kv

import (
	"sync/atomic"

	"example.com/xk6-kv/xkv"
)

// handle is a virtual user's one handle on a store. Any number of KV objects
// of its script share it.
type handle struct {
	store         *xkv.Store // nil: to be opened by the first call
	serialization serialization
	waits         bool // calls may be queued
	readOnly      bool
	meter         *meter
	users         int // KV objects that are not closed
	waiting       int // calls that are queued, or have not come back yet
	state         atomic.Int32
}

// The store may be closed by k6's end while a call of the virtual user is
// still on its way, so both take turns.
const (
	stateIdle int32 = iota
	stateBusy
	stateClosed
)

func (i *instance) newHandle(options xkv.Options) *handle {
	return &handle{
		serialization: serialization(options.Serialization),
		readOnly:      options.ReadOnly,
		meter:         i.newMeter(options),
	}
}

// open opens the store of an object. It may turn out to be one that the virtual
// user has a handle on already.
func (kv *kvObject) open() error {
	store, err := kv.root.openings.open(kv.settings)
	if err == nil {
		kv.handle = kv.adopt(store, kv.handle)
		kv.handle.users++
	}
	return err
}

// enter begins a call; false if the store is closed.
func (h *handle) enter() bool { return h.state.CompareAndSwap(stateIdle, stateBusy) }

func (h *handle) leave() { h.state.Store(stateIdle) }

// reopen tells whether the handle is open and on the same store.
func (h *handle) reopen(store *xkv.Store) bool {
	if !h.enter() {
		return false
	}
	defer h.leave()
	return h.store.SameStore(store)
}

// close closes the handle unless it is closed, or busy: then the process is
// ending, and what the store has acknowledged is safe without it.
func (h *handle) close() {
	if h.state.CompareAndSwap(stateIdle, stateClosed) {
		h.store.Close()
	}
}
