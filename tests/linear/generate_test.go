package linear_test

// What clients do: random operations on few keys, so that they get in each
// other's way.

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"example.com/xk6-kv/xkv"
)

// Milliseconds after which no history is still running.
const longTTL = 3_600_000

// The values that are written; the last one cannot be counted up.
var valueTexts = [...]string{"0", "1", "2", `"x"`}

// generator makes the commands of one client.
type generator struct {
	rng    *rand.Rand
	client int
	keys   int // how many of keyNames are in use
	ttl    func() int64
	claims *claims
	menu   []string // names of operations, each as often as its weight
}

// row is an operation of the mix: how often it comes, and its arguments.
type row struct {
	op     string
	weight int
	fill   func(g *generator, in *input)
}

// What empties the store is rare, what fills it or claims is not: most commands
// shall find something.
var mix = []row{
	{"get", 3, (*generator).key},
	{"set", 4, (*generator).entry},
	{"delete", 1, (*generator).key},
	{"deleteIfExists", 1, (*generator).key},
	{"exists", 2, (*generator).key},
	{"setIfAbsent", 4, (*generator).entry},
	{"getOrSet", 4, (*generator).entry},
	{"swap", 3, (*generator).entry},
	{"incrementBy", 4, (*generator).increment},
	{"compareAndSwap", 3, (*generator).comparison},
	{"compareAndSwapDetailed", 2, (*generator).comparison},
	{"compareAndDelete", 2, (*generator).comparisonWithValue},
	{"compareAndDeleteDetailed", 1, (*generator).comparisonWithValue},
	{"getMany", 4, (*generator).anyKeys},
	{"setMany", 6, (*generator).entries},
	{"deleteMany", 1, (*generator).anyKeys},
	{"deleteByPrefix", 1, (*generator).somePrefixAndCount},
	{"clear", 1, nil},
	{"size", 2, nil},
	{"count", 2, (*generator).prefix},
	{"list", 3, (*generator).prefixAndLimit},
	{"listKeys", 2, (*generator).prefixAndLimit},
	{"randomKey", 2, (*generator).prefix},
	{"randomEntry", 3, (*generator).prefix},
	{"nextCircular", 4, (*generator).prefix},
	{"next", 4, (*generator).positionAndPrefix},
	{"rebuildKeyList", 1, nil},
	{"allocationStats", 3, (*generator).prefix},
	{"popRandom", 2, (*generator).prefix},
	{"popNext", 2, (*generator).prefix},
	{"popRandomMany", 1, (*generator).prefixAndCount},
	{"claimRandom", 4, (*generator).prefix},
	{"claimNext", 3, (*generator).prefix},
	{"claimForOwner", 4, (*generator).ownerAndPrefix},
	{"claimRandomMany", 2, (*generator).prefixAndCount},
	{"claimKey", 5, (*generator).key},
	{"claimKeys", 4, (*generator).differentKeys},
	{"renewClaim", 2, (*generator).oneClaim},
	{"releaseClaim", 4, (*generator).oneClaim},
	{"completeClaim", 2, (*generator).oneClaim},
	{"renewClaims", 1, (*generator).anyClaims},
	{"releaseClaims", 2, (*generator).anyClaims},
	{"completeClaims", 2, (*generator).anyClaims},
}

// fills are the rows by operation.
var fills = func() map[string]func(*generator, *input) {
	table := map[string]func(*generator, *input){}
	for _, row := range mix {
		table[row.op] = row.fill
	}
	return table
}()

// menuOf is the mix without some operations.
func menuOf(without ...string) (menu []string) {
	for _, row := range mix {
		if !slices.Contains(without, row.op) {
			menu = append(menu, slices.Repeat([]string{row.op}, row.weight)...)
		}
	}
	return menu
}

// next is the client's next command.
func (g *generator) next() *input { return g.input(g.menu[g.rng.IntN(len(g.menu))]) }

func (g *generator) input(op string) *input {
	in := &input{
		op: op, flag: g.coin(), ttl: g.ttl(), owner: fmt.Sprintf("client %d", g.client),
	}
	if fill := fills[op]; fill != nil {
		fill(g, in)
	}
	return in
}

func (g *generator) coin() bool { return g.rng.IntN(2) == 0 }

func (g *generator) key(in *input) { in.keys = []int{g.rng.IntN(g.keys)} }

func (g *generator) value() string { return valueTexts[g.rng.IntN(len(valueTexts))] }

func (g *generator) entry(in *input) {
	g.key(in)
	in.values = []string{g.value()}
}

func (g *generator) increment(in *input) {
	g.key(in)
	in.number = []int64{-1, 1, 1, 2}[g.rng.IntN(4)]
}

func (g *generator) comparison(in *input) {
	g.comparisonWithValue(in)
	in.expect = xkv.Expect(g.rng.IntN(3))
	in.values = []string{g.value()}
}

func (g *generator) comparisonWithValue(in *input) {
	g.key(in)
	in.expected = g.value()
}

// anyKeys may have repeats.
func (g *generator) anyKeys(in *input) {
	for range 2 + g.rng.IntN(g.keys-1) {
		in.keys = append(in.keys, g.rng.IntN(g.keys))
	}
}

func (g *generator) differentKeys(in *input) {
	in.keys = g.rng.Perm(g.keys)[:2+g.rng.IntN(g.keys-1)]
}

func (g *generator) entries(in *input) {
	g.anyKeys(in)
	for range in.keys {
		in.values = append(in.values, g.value())
	}
}

func (g *generator) prefix(in *input) {
	in.prefix = []string{"", "", "a", "b"}[g.rng.IntN(4)]
}

// ownerAndPrefix is of few owners, so that several clients are the same one.
func (g *generator) ownerAndPrefix(in *input) {
	g.prefix(in)
	in.owner = fmt.Sprintf("team %d", g.client%2)
}

func (g *generator) prefixAndCount(in *input) {
	g.prefix(in)
	in.number = 1 + g.rng.Int64N(3)
}

// somePrefixAndCount is for calls that refuse an empty prefix.
func (g *generator) somePrefixAndCount(in *input) {
	g.prefixAndCount(in)
	in.prefix = []string{"a", "b"}[g.rng.IntN(2)]
}

// positionAndPrefix is for next: no key that is handed out is its position.
func (g *generator) positionAndPrefix(in *input) {
	g.somePrefixAndCount(in)
	for g.key(in); strings.HasPrefix(keyNames[in.keys[0]], in.prefix); {
		g.key(in)
	}
}

func (g *generator) prefixAndLimit(in *input) {
	g.prefix(in)
	in.number = []int64{0, 0, 1, 2}[g.rng.IntN(4)]
}

func (g *generator) oneClaim(in *input) { in.claims = []claim{g.claims.recent(g)} }

func (g *generator) anyClaims(in *input) {
	for range 1 + g.rng.IntN(3) {
		in.claims = append(in.claims, g.claims.recent(g))
	}
}

// --- claims ---------------------------------------------------------------------

// claims are all that were granted in a history. Any client may give back any
// of them, as virtual users can pass them on.
type claims struct {
	mu      sync.Mutex
	granted []claim
}

func (c *claims) add(picks []pick) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range picks {
		if p.token != 0 {
			c.granted = append(c.granted, claim{key: p.key, token: p.token, id: p.id})
		}
	}
}

// on are those on a key.
func (c *claims) on(key int) (on []claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, claim := range c.granted {
		if claim.key == key {
			on = append(on, claim)
		}
	}
	return on
}

// recent is one of the last ones, that may still be held; at times a forged one.
func (c *claims) recent(g *generator) claim {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.granted) == 0 {
		return claim{key: g.rng.IntN(g.keys), token: 1, id: "none", forged: true}
	}
	last := c.granted[max(0, len(c.granted)-5):]
	claim := last[g.rng.IntN(len(last))]
	if g.rng.IntN(10) == 0 {
		claim.forge(g)
	}
	return claim
}

func (c *claim) forge(g *generator) {
	c.forged = true
	switch g.rng.IntN(3) {
	case 0:
		c.token++
	case 1:
		c.id += "0"
	default:
		c.key = (c.key + 1) % g.keys
	}
}
