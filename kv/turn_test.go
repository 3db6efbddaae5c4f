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
	for _, test := range []struct {
		what  string
		crowd bool
		given int
	}{{"alone", false, turns / turnsKept}, {"in a crowd", true, turns}} {
		given, ran := gaveWay(t, turns, test.crowd)
		t.Logf("%s, %d of %d turns were given away, and others ran in %d", test.what, given, turns, ran)
		// Some may have been a third goroutine's; and the runtime gives away what takes long.
		if given != test.given || ran < test.given/2 {
			t.Errorf("%s, %d of %d turns were given away, not %d, and others ran in %d", test.what, given, turns, test.given, ran)
		}
	}
}

// gaveWay makes so many turns' calls, with others' turns in between in a crowd. It
// returns how many turns ended with the processor given away, and in how many
// another goroutine ran.
func gaveWay(t *testing.T, turns int, crowd bool) (given, times int) {
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
	kv := &kvObject{instance: i, handle: &handle{store: store, waits: i.root.waitsFor(store), meter: &meter{}}}
	_ = f.rt.Set("kv", kv.object())
	_ = f.rt.Set("calls", callsPerTurn)

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
			runtime.Gosched()
		}
	}()
	for range turns {
		before := ran.Load()
		if crowd {
			i.root.turns.Add(1)
		}
		f.js(`for (let i = 0; i < calls; i++) kv.set("key", i)`)
		if ran.Load() > before {
			times++
		}
		if i.turn.kept == 0 {
			given++
		}
	}
	over <- struct{}{}
	return given, times
}
