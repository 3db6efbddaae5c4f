package kv

import (
	"sync"
	"sync/atomic"

	"example.com/xk6-kv/xkv"
)

// handle is a virtual user's one handle on a store. Any number of KV objects
// of its script share it.
type handle struct {
	store         *xkv.Store // nil: to be opened by the first call
	serialization serialization
	waits         []bool // by operation: calls have to be queued
	readOnly      bool
	meter         *meter
	seed          any // the option; nil if there is none
	users         int // KV objects that are not closed
	waiting       int // calls that are queued, or have not come back yet
	state         atomic.Int32
	closing       sync.Mutex // nothing is canceled meanwhile
}

// The store may be closed by k6's end while a call of the virtual user is
// still on its way, so both take turns.
const (
	stateIdle int32 = iota
	stateBusy
	stateClosed
)

func (i *instance) newHandle(options xkv.Options, settings []xkv.Setting) *handle {
	return &handle{
		serialization: options.Serialization,
		readOnly:      options.ReadOnly,
		meter:         i.newMeter(options),
		seed:          seedIn(settings),
	}
}

// open opens the store of an object. It may turn out to be one that the virtual
// user has a handle on already.
func (kv *kvObject) open() error {
	store, err := kv.root.opener.open(kv.instance, kv.settings)
	if err != nil {
		return err
	}
	seed := kv.handle.seed
	kv.handle = kv.adopt(store, kv.handle)
	if kv.handle.seed != seed {
		return errSeeds
	}
	kv.handle.users++
	return nil
}

// A handle is what counts the calls that a seed is for.
var errSeeds = &xkv.Error{
	Code: xkv.OptionsConflict,
	Message: "openKv: this script has opened the store with another seed, or without one; give " +
		"the same seed each time",
}

func seedIn(settings []xkv.Setting) any {
	for _, setting := range settings {
		if setting.Name == "seed" {
			return setting.Value
		}
	}
	return nil
}

// number is the virtual user's __VU, which there is in the init context, too.
func (i *instance) number() int64 {
	if number := i.vu.Runtime().Get("__VU"); number != nil {
		return number.ToInteger()
	}
	return 0
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
		h.closing.Lock()
		defer h.closing.Unlock()
		h.store.Close()
	}
}

// cancel takes a call back that waits, from any goroutine.
func (h *handle) cancel(queue *xkv.Queue, tag uint64) {
	h.closing.Lock()
	defer h.closing.Unlock()
	if h.state.Load() != stateClosed {
		h.store.Cancel(queue, tag)
	}
}

// waitsFor tells which operations have to be queued in a store.
func (r *RootModule) waitsFor(store *xkv.Store) []bool {
	waits := make([]bool, len(r.methods))
	for n, m := range r.methods {
		waits[n] = store.Waits(m.Op)
	}
	return waits
}
