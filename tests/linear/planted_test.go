package linear_test

// Clients with a bug, to see that the check finds it. Each does one operation in
// a way that an honest but careless author might, on a store that is right.

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// A bug must be found within this many histories; most are in the first few.
const patience = 500

// A bad history may take long to be refuted. Then the next one is tried.
const plantedTimeout = time.Second

// bug is a wrong way to do an operation.
type bug struct {
	kind, what, op string
	do             func(c careless, in *input) *output
}

// needsOthers tells whether nothing is wrong as long as nobody gets in between.
func (b bug) needsOthers() bool {
	return b.kind == "lost update" || b.kind == "half batch" || b.kind == "double pop"
}

var bugs = []bug{
	{"double grant", "the holder of a claim loses it to whoever wants it", "claimKey", careless.takeClaim},
	{"double grant", "the holder's claim is given to others, too", "claimKey", careless.shareClaim},
	{"double pop", "a free key is found, then get, then delete", "popRandom", careless.popInSteps},

	{"wrong order", "the lowest is skipped", "claimNext", instead("claimRandom")},
	{"wrong order", "the lowest is skipped", "popNext", instead("popRandom")},
	{"wrong order", "every other key is skipped", "nextCircular", careless.skipTurn},
	{"wrong order", "handed out twice in a round", "nextCircular", careless.repeatTurn},
	{"wrong order", "every other key is skipped", "next", careless.skipTurn},
	{"wrong order", "handed out twice", "next", careless.repeatTurn},
	{"double grant", "another claim for an owner that has one", "claimForOwner", instead("claimRandom")},
	{"half pop", "what is popped stays", "popNext", careless.peekNext},

	{"lost update", "get, then set", "incrementBy", careless.incrementInSteps},
	{"lost update", "get, then set", "swap", careless.swapInSteps},
	{"lost update", "get, compare, then set", "compareAndSwap", careless.compareInSteps},
	{"lost update", "exists, then set", "setIfAbsent", careless.setAfterExists},

	{"half batch", "two halves", "setMany", careless.setHalves},
	{"half batch", "key by key", "getMany", careless.getEach},
	{"half batch", "key by key", "deleteMany", careless.deleteEach},
	{"half batch", "claim by claim, and given back if one is not to be had", "claimKeys", careless.claimEach},
	{"half batch", "randomKey, then get", "randomEntry", careless.chooseThenGet},
	{"half batch", "claim by claim", "completeClaims", careless.completeEach},

	{"stale token accepted", "the token is not looked at", "releaseClaim", careless.sayDone},
	{"stale token accepted", "whoever holds the key now loses it", "releaseClaim", careless.releaseAny},
	{"stale token accepted", "the key is deleted in any case", "completeClaim", careless.completeAny},
	{"stale token accepted", "a claim that has ended is said to be renewed", "renewClaim", careless.sayDone},

	{"stale read", "what was read before is kept", "get", careless.getFromCache},
	{"late write", "done after the call has returned", "set", careless.setLater},
}

func TestPlantedBugsAreFound(t *testing.T) {
	planOf(seedOf(t)).findAll(t, model, bugs)
}

// findAll looks for the bugs where commands are done at once, and where they wait.
func (p plan) findAll(t *testing.T, m porcupine.Model, bugs []bug) {
	all := backends()
	for _, backend := range []backend{all[0], all[len(all)-1]} {
		for _, bug := range bugs {
			name := fmt.Sprintf("%s/%s: %s: %s", backend.name, bug.kind, bug.op, bug.what)
			t.Run(name, func(t *testing.T) { p.find(t, m, backend, bug) })
		}
	}
}

// find fails if all histories with the bug look legal.
func (p plan) find(t *testing.T, m porcupine.Model, backend backend, b bug) {
	// The operation is met often, though not so often that it meets only itself.
	p.menu = slices.Concat(p.menu, slices.Repeat([]string{b.op}, len(p.menu)/4))
	clients := backend.open(t, clientCount)
	if b.needsOthers() {
		p.checkAlone(t, clients[:1], b)
	}
	letOthers := runtime.Gosched
	if backend.syncs() {
		letOthers = func() { time.Sleep(200 * time.Microsecond) }
	}
	for n := range patience {
		if p.record(clients, n, b.plant(letOthers)).check(m, plantedTimeout) == porcupine.Illegal {
			t.Logf("found in history %d", n)
			return
		}
	}
	t.Errorf("not found in %d histories with seed %d", patience, p.seed)
}

// checkAlone fails if it is not the interleaving that gives the bug away.
func (p plan) checkAlone(t *testing.T, alone []*client, b bug) {
	p.operations *= clientCount
	for n := range 20 {
		h := p.record(alone, n, b.plant(func() {}))
		if h.check(model, checkTimeout) != porcupine.Ok {
			t.Fatalf("the bug shows without other clients, in history %d with seed %d: %v", n,
				p.seed, h)
		}
	}
}

// plant makes clients careless. They pause between the steps of what they do wrong.
func (b bug) plant(pause func()) func(doer, *claims) doer {
	return func(d doer, granted *claims) doer {
		return careless{d, b, pause, granted, map[int]*output{}}
	}
}

// careless is a client that does one operation wrong.
type careless struct {
	doer    // the store, as it should be
	bug     bug
	pause   func()
	granted *claims
	cache   map[int]*output
}

// do measures the whole as one call, whatever the steps measured.
func (c careless) do(in *input) *output {
	if in.op != c.bug.op {
		return c.doer.do(in)
	}
	began := c.doer.(*client).began
	called := time.Since(began)
	out := c.bug.do(c, in)
	in.called, in.returned = called, time.Since(began)
	return out
}

// step does another operation with the arguments of in, some of them changed,
// and lets others go first.
func (c careless) step(op string, in *input, change func(in *input)) *output {
	part := *in
	part.op = op
	if change != nil {
		change(&part)
	}
	out := c.doer.do(&part)
	c.pause()
	return out
}

// on makes a command be about one key.
func on(key int) func(*input) { return func(in *input) { in.keys = []int{key} } }

func to(value string) func(*input) { return func(in *input) { in.values = []string{value} } }

func about(c claim) func(*input) {
	return func(in *input) { in.keys, in.claims = nil, []claim{c} }
}

func valueOf(out *output) string {
	if out.text == "KeyNotFoundError" {
		return ""
	}
	return out.text
}

// --- double grant ---------------------------------------------------------------

// takeClaim ends the claim of another, so that tokens are as they should be.
func (c careless) takeClaim(in *input) *output {
	c.endClaims(in)
	return c.doer.do(in)
}

func (c careless) endClaims(in *input) {
	for _, claim := range c.granted.on(in.keys[0]) {
		c.step("releaseClaim", in, about(claim))
	}
}

// shareClaim grants what is held, with the next token after all that are known.
func (c careless) shareClaim(in *input) *output {
	out := c.doer.do(in)
	held := c.granted.on(in.keys[0])
	if len(out.picks) > 0 || len(held) == 0 {
		return out
	}
	p := pick{key: in.keys[0], token: held[len(held)-1].token + 1}
	value := valueOf(c.step("get", in, nil))
	return &output{fmt.Sprintf("{key:%s,entry:%[1]s=%s,owner:%s,token:%d}", keyNames[p.key], value,
		in.owner, p.token), []pick{p}}
}

// --- double pop -----------------------------------------------------------------

func (c careless) popInSteps(in *input) *output {
	free := c.step("claimRandom", in, nil)
	if len(free.picks) == 0 {
		return free
	}
	c.endPicks(in, free.picks)
	key := free.picks[0].key
	value := valueOf(c.step("get", in, on(key)))
	c.step("delete", in, on(key))
	return &output{keyNames[key] + "=" + value, []pick{{key: key}}}
}

// peekNext claims what it should remove, and lets go of it.
func (c careless) peekNext(in *input) *output {
	free := c.step("claimNext", in, nil)
	if len(free.picks) == 0 {
		return free
	}
	c.endPicks(in, free.picks)
	key := free.picks[0].key
	return &output{keyNames[key] + "=" + valueOf(c.step("get", in, on(key))), []pick{{key: key}}}
}

// --- wrong order ----------------------------------------------------------------

func (c careless) skipTurn(in *input) *output {
	c.step(in.op, in, nil)
	return c.doer.do(in)
}

// repeatTurn replies now and then what was the client's last turn.
func (c careless) repeatTurn(in *input) *output {
	return c.getFromCacheOf(in, slices.Index(prefixes[:], in.prefix))
}

// instead does another operation that looks alike.
func instead(op string) func(c careless, in *input) *output {
	return func(c careless, in *input) *output { return c.step(op, in, nil) }
}

// --- lost update ----------------------------------------------------------------

func (c careless) incrementInSteps(in *input) *output {
	value := valueOf(c.step("get", in, nil))
	number, err := strconv.ParseInt(value, 10, 64)
	if value != "" && err != nil {
		return &output{text: "ValueParseError"}
	}
	sum := strconv.FormatInt(number+in.number, 10)
	c.step("set", in, to(sum))
	return &output{text: sum}
}

func (c careless) swapInSteps(in *input) *output {
	previous := valueOf(c.step("get", in, nil))
	c.step("set", in, nil)
	return &output{text: fmt.Sprintf("{previous:%s,loaded:%t}", orNull(previous), previous != "")}
}

func (c careless) compareInSteps(in *input) *output {
	var before state
	before.values[in.keys[0]] = valueOf(c.step("get", in, nil))
	matches := before.compareAndSet(in, in.values[0])
	if matches {
		c.step("set", in, nil)
	}
	return &output{text: digit(matches)}
}

func (c careless) setAfterExists(in *input) *output {
	exists := c.step("exists", in, nil).text == digit(true)
	if !exists {
		c.step("set", in, nil)
	}
	return &output{text: digit(!exists)}
}

// --- half batch -----------------------------------------------------------------

func (c careless) setHalves(in *input) *output {
	half := len(in.keys) / 2
	c.step("setMany", in, func(in *input) { in.keys, in.values = in.keys[:half], in.values[:half] })
	c.step("setMany", in, func(in *input) { in.keys, in.values = in.keys[half:], in.values[half:] })
	return &output{text: fmt.Sprintf("{written:%d}", len(in.keys))}
}

func (c careless) getEach(in *input) *output {
	return &output{text: array(in.keys, func(key int) string {
		return strings.Trim(c.step("getMany", in, on(key)).text, "[]")
	})}
}

func (c careless) chooseThenGet(in *input) *output {
	chosen := c.step("randomKey", in, nil)
	if len(chosen.picks) == 0 {
		return &output{text: "null"}
	}
	key := chosen.picks[0].key
	value := valueOf(c.step("get", in, on(key)))
	return &output{keyNames[key] + "=" + value, chosen.picks}
}

func (c careless) deleteEach(in *input) *output {
	deleted := 0
	for _, key := range in.keys {
		if c.step("deleteIfExists", in, on(key)).text == digit(true) {
			deleted++
		}
	}
	return &output{text: fmt.Sprintf("{deleted:%d,missing:%d}", deleted, len(in.keys)-deleted)}
}

// claimEach does without all or nothing what it asks for, and takes it back.
func (c careless) claimEach(in *input) *output {
	if !in.flag {
		return c.doer.do(in)
	}
	var all output
	var claimed []string
	for _, key := range in.keys {
		out := c.step("claimKeys", in, on(key))
		if len(out.picks) == 0 {
			c.endPicks(in, all.picks)
			return out // it names the key
		}
		all.picks = append(all.picks, out.picks...)
		text := strings.TrimPrefix(out.text, "{claimed:[")
		claimed = append(claimed, strings.TrimSuffix(text, "],busy:[],missing:[]}"))
	}
	all.text = fmt.Sprintf("{claimed:%s,busy:[],missing:[]}", many(claimed, true))
	return &all
}

func (c careless) endPicks(in *input, picks []pick) {
	for _, p := range picks {
		c.step("releaseClaim", in, about(claim{key: p.key, token: p.token, id: p.id}))
	}
}

func (c careless) completeEach(in *input) *output {
	var failed []string
	for n, claim := range in.claims {
		if c.step("completeClaim", in, about(claim)).text == digit(false) {
			failed = append(failed, notUpdated(n, claim.key))
		}
	}
	return &output{text: settled("completed", len(in.claims), failed)}
}

// --- stale token accepted -------------------------------------------------------

func (c careless) sayDone(in *input) *output {
	c.doer.do(in)
	return &output{text: digit(true)}
}

func (c careless) releaseAny(in *input) *output {
	c.endClaims(&input{keys: []int{in.claims[0].key}})
	return c.sayDone(in)
}

func (c careless) completeAny(in *input) *output {
	if in.flag {
		c.step("delete", in, on(in.claims[0].key))
	}
	return c.sayDone(in)
}

// --- stale read, late write -----------------------------------------------------

func (c careless) getFromCache(in *input) *output { return c.getFromCacheOf(in, in.keys[0]) }

func (c careless) getFromCacheOf(in *input, key int) *output {
	if out := c.cache[key]; out != nil {
		delete(c.cache, key)
		return out
	}
	c.cache[key] = c.doer.do(in)
	return c.cache[key]
}

// setLater keeps a write back until the client writes again.
func (c careless) setLater(in *input) *output {
	if late := c.cache[0]; late != nil {
		c.step("set", in, func(in *input) {
			in.keys, in.values = []int{late.picks[0].key}, []string{late.text}
		})
	}
	c.cache[0] = &output{in.values[0], []pick{{key: in.keys[0]}}}
	return &output{text: "ok"}
}
