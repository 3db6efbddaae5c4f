package kv

import (
	"runtime"
	"sync/atomic"
	"testing"

	"example.com/xk6-kv/xkv"
)

// A virtual user that only makes calls lets others run in between.
func TestCallsTakeTurns(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	f := newFixture(t)
	store, err := xkv.Open([]xkv.Setting{{Name: "backend", Value: "memory"}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	i := &instance{
		root: New(), vu: runtimeOnly{rt: f.rt}, errors: newErrorMaker(f.rt),
		encoder: f.e, decoder: f.d, buffer: make([]byte, bufferSize),
	}
	kv := &kvObject{instance: i, handle: &handle{store: store, meter: &meter{}}}
	_ = f.rt.Set("kv", kv.object())

	var turns atomic.Int64
	over := make(chan struct{})
	go func() {
		for {
			select {
			case <-over:
				return
			default:
				turns.Add(1)
				runtime.Gosched()
			}
		}
	}()
	const wanted = 50
	_ = f.rt.Set("calls", wanted*callsPerTurn)
	f.js(`for (let i = 0; i < calls; i++) kv.set("key", i)`)
	got := turns.Load()
	over <- struct{}{}
	// A few turns may have been another goroutine's.
	if got < wanted*3/4 {
		t.Errorf("%d calls let others run %d times instead of %d", wanted*callsPerTurn, got, wanted)
	}
}
