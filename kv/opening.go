package kv

import (
	"fmt"
	"sync"

	"example.com/xk6-kv/xkv"
)

// openings are the attempts to open stores that are under way, of all virtual users.
//
// k6 makes several virtual users at once, and when one cannot be made it waits for
// the others before it ends the run. Where a store is in use by another process,
// each would wait for as long as disk.timeout says, one after the other. So those
// that ask for the same at the same time wait once.
type openings struct {
	mu       sync.Mutex
	underWay map[string]*opening
}

type opening struct {
	done chan struct{}
	err  error
}

func (o *openings) open(settings []xkv.Setting) (*xkv.Store, error) {
	key := fmt.Sprintf("%#v", settings)
	o.mu.Lock()
	first := o.underWay[key]
	if first == nil {
		own := &opening{done: make(chan struct{})}
		o.underWay[key] = own
		o.mu.Unlock()
		return o.run(own, key, settings)
	}
	o.mu.Unlock()
	<-first.done
	if first.err != nil {
		return nil, first.err
	}
	return xkv.Open(settings)
}

func (o *openings) run(own *opening, key string, settings []xkv.Setting) (*xkv.Store, error) {
	store, err := xkv.Open(settings)
	own.err = err
	o.mu.Lock()
	delete(o.underWay, key)
	o.mu.Unlock()
	close(own.done)
	return store, err
}
