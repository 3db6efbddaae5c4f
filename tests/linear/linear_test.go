// Package linear_test checks that the store is linearizable: whatever clients do
// at the same time, each command takes effect as one step at some moment
// between its call and its return.
//
// Eight clients do random operations on few keys; porcupine looks for an order
// in which a sequential store replies the same. Clients with a bug planted show
// that it finds what it should.
//
//	KV_HISTORIES=1000 KV_SEED=1 go test ./tests/linear
package linear_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

func TestLinearizable(t *testing.T) {
	p := planOf(seedOf(t))
	count := int(number(t, "KV_HISTORIES", 50))
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) { p.checkMany(t, model, b, count*b.factor()) })
	}
}

// factor is how many times as many histories a store needs. Where no call waits
// for the disk, calls are short and few meet in the store; but checks are short, too.
func (b backend) factor() int {
	if b.syncs() || b.isOnServers() {
		return 1
	}
	return 20
}

// checkMany checks count histories of a new store.
func (p plan) checkMany(t *testing.T, m porcupine.Model, b backend, count int) {
	clients := b.open(t, clientCount)
	var operations, overlaps int
	var slowest time.Duration
	for n := range count {
		h := p.record(clients, n, unchanged)
		operations += len(h)
		overlaps += h.overlaps()
		start := time.Now()
		switch h.check(m, checkTimeout) {
		case porcupine.Illegal:
			t.Fatalf("history %d with seed %d is not linearizable: %v%s", n, p.seed, h, h.explain(m))
		case porcupine.Unknown:
			t.Fatalf("history %d with seed %d takes too long to check: %v", n, p.seed, h)
		}
		slowest = max(slowest, time.Since(start))
	}
	if overlaps == 0 && (b.syncs() || runtime.NumCPU() > 1) { // else a short call may be never left
		t.Error("no operation was called while another was under way")
	}
	t.Logf("%d histories, %d operations, %d of them while another was under way; slowest check %v",
		count, operations, overlaps, slowest)
}
