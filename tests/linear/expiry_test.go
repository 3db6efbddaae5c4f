package linear_test

// Claims that expire while the history runs. When exactly, nobody knows: the
// model follows both possibilities where a command may have come before or after.

import (
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// lease says when a claim expires: not before earliest, and not after latest. A
// claim that outlives the history has none, so that its state has no times in it.
type lease struct {
	earliest, latest time.Duration
}

// lease is what a command grants. The store counts in whole milliseconds, so a
// claim may end up to one too early.
func (in *input) lease() lease {
	if in.ttl == longTTL {
		return lease{}
	}
	ttl := time.Duration(in.ttl) * time.Millisecond
	return lease{in.called + ttl - time.Millisecond, in.returned + ttl}
}

// asksForClaims tells whether an operation depends on which claims have ended.
func asksForClaims(op string) bool {
	return strings.HasPrefix(op, "pop") || strings.Contains(strings.ToLower(op), "claim")
}

// expired are the stores that there may be when a command takes effect. Only
// commands that ask for claims have them expire: a disk store asks the clock when
// it runs a command, and others see what was done when it is committed. A get
// that comes in between does not see it yet, though the clock has gone on.
func (s state) expired(in *input) []state {
	all := []state{s}
	if !asksForClaims(in.op) {
		return all
	}
	for key, lease := range s.leases {
		if s.tokens[key] == 0 || lease.latest == 0 || in.returned < lease.earliest {
			continue
		}
		var ended []state
		for _, one := range all {
			one.end(key)
			ended = append(ended, one)
		}
		if in.called > lease.latest {
			all = ended
		} else {
			all = append(all, ended...)
		}
	}
	return all
}

var expiryModel = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{state{}} },
	Step: func(s, in, out any) (next []any) {
		for _, one := range s.(state).expired(in.(*input)) {
			if isLegal, after := one.step(in.(*input), out.(*output)); isLegal {
				next = append(next, after)
			}
		}
		return next
	},
	Hash: func(s any) uint64 { return maphash.Comparable(hashSeed, s.(state)) },
}).ToModel()

func expiryPlan(seed uint64) plan {
	p := planOf(seed)
	p.menu = menuOf("allocationStats") // it tells of the expired that nobody missed yet
	p.ttl = func(rng *rand.Rand) int64 { return 1 + rng.Int64N(5) }
	p.between = func(rng *rand.Rand) { time.Sleep(time.Duration(rng.IntN(1500)) * time.Microsecond) }
	return p
}

func TestLinearizableWithExpiry(t *testing.T) {
	p := expiryPlan(seedOf(t))
	count := int(number(t, "KV_HISTORIES", 50))
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) { p.checkMany(t, expiryModel, b, count) })
	}
}

var expiryBugs = []bug{
	{"lease", "it ends too soon", "claimKey", func(c careless, in *input) *output {
		return c.step("claimKey", in, func(in *input) { in.ttl = 1 })
	}},
	{"lease", "it never ends", "claimRandom", func(c careless, in *input) *output {
		return c.step("claimRandom", in, func(in *input) { in.ttl = longTTL })
	}},
	{"lease", "the old end stays", "renewClaim", func(c careless, in *input) *output {
		return c.step("renewClaim", in, func(in *input) { in.ttl = 1 })
	}},
}

func TestPlantedExpiryBugsAreFound(t *testing.T) {
	expiryPlan(seedOf(t)).findAll(t, expiryModel, expiryBugs)
}
