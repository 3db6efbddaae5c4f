package linear_test

// Histories: what clients did at the same time, and whether it can have been
// done one after the other.

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

const clientCount = 8

// A check takes milliseconds. One that is not done by then would say nothing.
const checkTimeout = 20 * time.Second

// seedOf is KV_SEED, or a new one.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	return uint64(number(t, "KV_SEED", time.Now().UnixNano()))
}

// number is one from the environment.
func number(t *testing.T, name string, otherwise int64) int64 {
	t.Helper()
	value := otherwise
	if text := os.Getenv(name); text != "" {
		var err error
		if value, err = strconv.ParseInt(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	t.Logf("%s=%d", name, value)
	return value
}

// event is an operation that was done.
type event struct {
	client int
	in     *input
	out    *output
}

func (e event) String() string {
	in := e.in
	text := fmt.Sprintf("%9.3f to %9.3f us, client %d: %s keys %v values %q prefix %q number %d flag %t ttl %d",
		microseconds(in.called), microseconds(in.returned), e.client, in.op, in.keys, in.values,
		in.prefix, in.number, in.flag, in.ttl)
	if strings.HasPrefix(in.op, "compare") {
		text += fmt.Sprintf(" expect %d %q", in.expect, in.expected)
	}
	if len(in.claims) > 0 {
		text += fmt.Sprintf(" claims %v", in.claims)
	}
	return text + " -> " + e.out.text
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// history is what happened, in the order of the calls.
type history []event

func (h history) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d operations; the keys are %v\n", len(h), keyNames)
	for _, e := range h {
		fmt.Fprintln(&text, e)
	}
	return text.String()
}

// overlaps counts the operations that began while another was under way.
func (h history) overlaps() (count int) {
	var busyUntil time.Duration
	for _, e := range h {
		if e.in.called < busyUntil {
			count++
		}
		busyUntil = max(busyUntil, e.in.returned)
	}
	return count
}

// plan says how histories are made.
type plan struct {
	seed       uint64
	menu       []string
	ttl        func(rng *rand.Rand) int64
	operations int                  // of each client
	between    func(rng *rand.Rand) // its operations
}

func planOf(seed uint64) plan {
	return plan{
		seed:       seed,
		menu:       menuOf(),
		ttl:        func(*rand.Rand) int64 { return longTTL },
		operations: 10,
		// Else a client would do all that it has to do before the next one runs.
		between: func(*rand.Rand) { runtime.Gosched() },
	}
}

// record lets the clients do as planned, all at once. wrap may replace a client.
func (p plan) record(clients []*client, n int, wrap func(doer, *claims) doer) history {
	began := time.Now()
	granted := &claims{}
	parts := make([]history, len(clients))
	doers := make([]doer, len(clients))
	generators := make([]*generator, len(clients))
	for i, c := range clients {
		c.began = began
		doers[i] = wrap(c, granted)
		generators[i] = p.generator(n, i, granted)
	}
	emptyAndFill(clients[0], generators[0], &parts[0])

	var ready atomic.Int64
	var done sync.WaitGroup
	for i := range clients {
		done.Go(func() {
			// Not by a channel: all threads of the runtime shall be awake.
			for ready.Add(1); ready.Load() < int64(len(clients)); {
				runtime.Gosched()
			}
			for range p.operations {
				parts[i].add(i, doers[i], generators[i].next(), granted)
				p.between(generators[i].rng)
			}
		})
	}
	done.Wait()

	all := history(slices.Concat(parts...))
	slices.SortFunc(all, func(a, b event) int { return cmp.Compare(a.in.called, b.in.called) })
	return all
}

// generator makes the commands of a client in the n-th history.
func (p plan) generator(n, client int, granted *claims) *generator {
	rng := rand.New(rand.NewPCG(p.seed, uint64(n)<<8|uint64(client)))
	return &generator{
		rng: rng, client: client, keys: 3 + n%(len(keyNames)-2), claims: granted, menu: p.menu,
		ttl: func() int64 { return p.ttl(rng) },
	}
}

// emptyAndFill begins a history.
func emptyAndFill(c *client, g *generator, h *history) {
	endRounds(c)
	for _, op := range []string{"clear", "setMany"} {
		h.add(g.client, c, g.input(op), g.claims)
	}
}

// endRounds has all that is done in turn be at its end, as if it had never begun: nothing else
// resets it while the store is open.
func endRounds(c *client) {
	all := &input{op: "setMany"}
	for key := range keyNames {
		all.keys, all.values = append(all.keys, key), append(all.values, "0")
	}
	c.do(all)
	for _, prefix := range prefixes {
		last := -1
		for _, key := range inOrder {
			if strings.HasPrefix(keyNames[key], prefix) {
				last = key
			}
		}
		for turn := (&input{op: "nextCircular", prefix: prefix}); c.do(turn).picks[0].key != last; {
		}
	}
}

func (h *history) add(client int, d doer, in *input, granted *claims) {
	out := d.do(in)
	granted.add(out.picks)
	*h = append(*h, event{client, in, out})
}

// unchanged is for a history of clients as they are.
func unchanged(d doer, _ *claims) doer { return d }

// model is the store as porcupine wants it.
var model = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(s, in, out any) (bool, any) {
		return s.(state).step(in.(*input), out.(*output))
	},
	Hash: func(s any) uint64 { return maphash.Comparable(hashSeed, s.(state)) },
}

var hashSeed = maphash.MakeSeed()

func (h history) check(m porcupine.Model, timeout time.Duration) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(m, h.operations(), timeout)
}

func (h history) operations() []porcupine.Operation {
	operations := make([]porcupine.Operation, len(h))
	for n, e := range h {
		operations[n] = porcupine.Operation{
			ClientId: e.client,
			Input:    e.in, Call: int64(e.in.called),
			Output: e.out, Return: int64(e.in.returned),
		}
	}
	return operations
}

// explain tells how far an order goes at best. What comes first of the rest is
// mostly what is wrong.
func (h history) explain(m porcupine.Model) string {
	_, info := porcupine.CheckOperationsVerbose(m, h.operations(), checkTimeout)
	var longest []int
	for _, order := range info.PartialLinearizations()[0] {
		if len(order) > len(longest) {
			longest = order
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "An order of %d of them is possible:\n", len(longest))
	for _, n := range longest {
		fmt.Fprintln(&text, h[n])
	}
	fmt.Fprintln(&text, "These would have to come next:")
	for n, e := range h {
		if !slices.Contains(longest, n) {
			fmt.Fprintln(&text, e)
		}
	}
	return text.String()
}
