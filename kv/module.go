// Package kv is the k6 module k6/x/kv: a key-value store that all virtual
// users of a test share. It turns JavaScript values into commands and replies
// into JavaScript values; everything else is done by libxkv, through package
// xkv.
package kv

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/js/modules"

	"example.com/xk6-kv/xkv"
)

type (
	// RootModule is what all virtual users have in common.
	RootModule struct {
		pending *pendingCalls
		methods []*method
		groups  map[string]bool // of options: "disk", "memory", …
		turns   atomic.Int64    // ended by all virtual users
		opener  opener

		firstUse sync.Once
		mu       sync.Mutex
		handles  []*handle // of all virtual users
		metrics  *metricSet
		traffic  map[storeTags]*atomic.Int64
		watch    trafficWatch
	}

	// instance is the module as one virtual user sees it.
	instance struct {
		root    *RootModule
		vu      modules.VU
		errors  *errorMaker
		encoder *encoder
		decoder *decoder
		buffer  []byte   // small replies land here
		spare   *request // for the next call; nil while one is being read
		idle    []*pendingCall
		handles []*handle
		metrics *metricSet
		outbox  outbox
		turn    turn

		opensLate bool        // files and servers: not before they are needed
		late      []*kvObject // those whose store this concerns

		arrayPrototype *sobek.Object // looked up when first needed
	}
)

var (
	_ modules.Module   = (*RootModule)(nil)
	_ modules.Instance = (*instance)(nil)
)

// Replies of up to this size need no memory of their own.
const bufferSize = 8 << 10

// New returns the module, to be registered with k6.
func New() *RootModule {
	return &RootModule{
		pending: newPendingCalls(),
		methods: newMethods(xkv.Operations()),
		groups:  optionGroups(xkv.OptionNames()),
		traffic: make(map[storeTags]*atomic.Int64),
	}
}

// NewModuleInstance implements modules.Module: k6 calls it once per virtual user.
func (r *RootModule) NewModuleInstance(vu modules.VU) modules.Instance {
	r.firstUse.Do(func() {
		r.closeAtExit(vu)
		logger := vu.InitEnv().Logger
		xkv.TakeNotices(func(text string) { logger.Warn("k6/x/kv: " + text) })
		xkv.TakeProgress(progressEvery, func(p xkv.Progress) { logger.Info("k6/x/kv: " + r.tell(p)) })
	})
	rt := vu.Runtime()
	return &instance{
		root:    r,
		vu:      vu,
		errors:  newErrorMaker(rt),
		encoder: newEncoder(rt),
		decoder: newDecoder(rt),
		buffer:  make([]byte, bufferSize),
		metrics: r.registerMetrics(vu),

		opensLate: isNobody(rt),
	}
}

// progressEvery is how often calls that read or write a file say how far they are. It is a
// variable so that tests need not wait.
var progressEvery = 5 * time.Second

// tell puts into words how far a call is.
func (r *RootModule) tell(p xkv.Progress) string {
	done := ""
	if p.Total > 0 {
		done = fmt.Sprintf(", %d %% of the file", 100*p.Bytes/p.Total)
	}
	return fmt.Sprintf("%s %q: %d entries%s, %.0f MB, after %v", r.methods[p.Op].Name, p.FileName,
		p.Entries, done, float64(p.Bytes)/1e6, p.Elapsed.Round(time.Second))
}

// isNobody tells whether a script is run for no virtual user that will iterate, but
// to see what is in it (also by k6 inspect and k6 archive, which must not touch
// files), for setup, teardown or handleSummary. k6 makes the virtual users that it
// plans with before any of the last three, so whether a store can be opened shows
// before anything is done.
func isNobody(rt *sobek.Runtime) bool {
	number := rt.GlobalObject().Get("__VU")
	return number != nil && number.ToInteger() == 0
}

// Exports implements modules.Instance.
func (i *instance) Exports() modules.Exports {
	return modules.Exports{
		Default: map[string]any{"openKv": i.openKv},
		Named:   map[string]any{"openKv": i.openKv},
	}
}

// exitEvent is k6's event "the process is about to exit". Its type lies in a
// package that only k6 may import, so it stands here as a number; closeAtExit
// checks its name.
const exitEvent = 6

// closeAtExit closes all stores when k6 ends, also after an interrupt.
func (r *RootModule) closeAtExit(vu modules.VU) {
	events := vu.Events().Global
	if events == nil {
		return
	}
	id, channel := events.Subscribe(exitEvent)
	go func() {
		for event := range channel {
			if event.Type.String() == "Exit" {
				r.closeAll()
			}
			event.Done()
			events.Unsubscribe(id)
		}
	}()
}

func (r *RootModule) closeAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.handles {
		h.close()
	}
	r.handles = nil
}

// openKv opens a store for this virtual user.
func (i *instance) openKv(call sobek.FunctionCall) sobek.Value {
	if i.vu.State() != nil {
		i.observeRefusal(xkv.InitContext)
		panic(i.errors.make(xkv.InitContext,
			"openKv() must be called in the init context: move it to the top level of the script, "+
				"outside of the default function, setup() and teardown()"))
	}
	if i.root.pending.queue == nil {
		panic(i.errors.make(xkv.StoreFull, "openKv: the memory is used up"))
	}
	settings, err := i.readSettings(call.Argument(0))
	if err != nil {
		panic(i.errors.from(err, nil))
	}
	kv, err := i.newKV(settings)
	if err != nil {
		panic(i.errors.from(err, nil))
	}
	return kv.object()
}

// newKV checks the settings, and opens the store if it is time for that.
func (i *instance) newKV(settings []xkv.Setting) (*kvObject, error) {
	options, err := xkv.Check(settings, i.promised())
	if err != nil {
		return nil, err
	}
	kv := &kvObject{instance: i, handle: i.newHandle(options, settings), settings: settings}
	if i.opensLate && options.Outlasts {
		i.late = append(i.late, kv)
		return kv, nil
	}
	return kv, kv.open()
}

// promised is what stores of this virtual user will be opened with, or have been:
// one that opens them differently is told so before there is a file.
func (i *instance) promised() [][]xkv.Setting {
	var settings [][]xkv.Setting
	for _, kv := range i.late {
		if !kv.closed {
			settings = append(settings, kv.settings)
		}
	}
	return settings
}

// adopt returns this virtual user's handle on a store: the new one, or that which
// it has. It has one per store, however often the script opens it, since a handle
// is what keeps calls in order.
func (i *instance) adopt(store *xkv.Store, h *handle) *handle {
	for _, other := range i.handles {
		if other.reopen(store) {
			store.Close()
			return other
		}
	}
	store.SetStream(i.number())
	h.store, h.waits = store, i.root.waitsFor(store)
	i.handles = append(i.handles, h)
	i.root.mu.Lock()
	i.root.handles = append(i.root.handles, h)
	i.root.mu.Unlock()
	return h
}
