package kv

import (
	"runtime"
	"sync/atomic"
)

// Where there are more virtual users than processors, and calls settle without
// waiting, nothing makes them take turns but the runtime's preemption, and that
// is coarse: ten milliseconds for one, while others are forgotten for seconds. So
// a virtual user ends a turn after so many calls, and gives its processor away if
// it is wanted. Of 50 virtual users on two processors, the longest iteration
// took, next to the mean:
//
//	calls per turn    no turns    256    128     64     32
//	longest / mean         4.2    1.7   1.45    1.3    1.2
//	time of a call                        +1 %   +2 %   +4 %
//
// What it costs is that the processor's caches have to be filled anew. (And who
// waits for its turn waits in a call, so then one call in 61 takes as long as a
// round of all virtual users.) A prime, so that where a script makes the same
// calls over and over it is not always the same one that waits.
const callsPerTurn = 61

// Whether a processor is wanted, the runtime does not tell, and to give it away
// for nothing is not free: the other processor is woken, and takes the goroutine
// away from its caches. But if all virtual users that make calls have processors,
// each ends about as many turns as the others: fewer than there are processors
// between two of mine. That holds, too, for those that have a processor while
// others wait in vain; so it is given away after some turns at the latest.
const turnsKept = 16

// turn is where a virtual user is with that.
type turn struct {
	calls int
	kept  int   // turns since the processor was last given away
	ended int64 // turns of all virtual users, at the end of the last one
}

// call counts one; all counts the turns of all virtual users.
func (t *turn) call(all *atomic.Int64) {
	if t.calls++; t.calls == callsPerTurn {
		t.calls = 0
		t.end(all)
	}
}

func (t *turn) end(all *atomic.Int64) {
	now := all.Add(1)
	others := now - 1 - t.ended
	t.ended = now
	if t.kept++; t.kept == turnsKept || others >= int64(runtime.GOMAXPROCS(0)) {
		t.kept = 0
		runtime.Gosched()
	}
}
