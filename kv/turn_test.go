package kv

import (
	"runtime"
	"sync/atomic"
	"testing"

	"example.com/xk6-kv/xkv"
)

// A virtual user that only makes calls lets others run in between: after every
// turn if they make calls, too, and seldom if nobody does.
func TestCallsTakeTurns(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const turns = 10 * turnsKept
	alone, crowd := gaveWay(t, turns, false), gaveWay(t, turns, true)
	t.Logf("of %d turns, %d ended with another's when alone, and %d in a crowd", turns, alone, crowd)
	// Some may have been a third goroutine's.
	if crowd < turns/2 {
		t.Errorf("in a crowd, %d turns let others run %d times", turns, crowd)
	}
	if alone < turns/turnsKept/2 || alone > turns/4 {
		t.Errorf("alone, %d turns let others run %d times", turns, alone)
	}
}

// gaveWay makes so many turns' calls, and returns how often another goroutine
// ran meanwhile, which ends turns of its own in a crowd.
func gaveWay(t *testing.T, turns int, crowd bool) int64 {
	t.Helper()
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
	_ = f.rt.Set("calls", turns*callsPerTurn)

	var ran atomic.Int64
	over := make(chan struct{})
	go func() {
		for {
			select {
			case <-over:
				return
			default:
			}
			ran.Add(1)
			if crowd {
				i.root.turns.Add(1)
			}
			runtime.Gosched()
		}
	}()
	f.js(`for (let i = 0; i < calls; i++) kv.set("key", i)`)
	times := ran.Load()
	over <- struct{}{}
	return times
}
