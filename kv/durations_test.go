package kv

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.k6.io/k6/v2/lib/types"

	"example.com/xk6-kv/xkv"
)

// randomTerm is a number with a unit, or nearly.
func randomTerm(source *rand.Rand) string {
	number := strconv.Itoa(source.IntN(1 << source.IntN(20)))
	if source.IntN(4) == 0 {
		number += "." + strconv.Itoa(source.IntN(1000))
	}
	units := []string{"ms", "ms", "s", "s", "m", "m", "h", "us", "µs", "x", "", "S", " s s"}
	return number + units[source.IntN(len(units))]
}

// A duration means here what it means in k6's own options, but that it must have
// a unit and be a whole number of milliseconds.
func TestDurationsAsK6ReadsThem(t *testing.T) {
	claimRandom := operationNamed(t, "claimRandom")
	ttl := slices.IndexFunc(claimRandom.Fields, func(a argument) bool { return a.Name == "ttl" })
	source := seed(t)
	count := 0
	for range 100_000 {
		text := ""
		for range 1 + source.IntN(3) {
			text += randomTerm(source)
		}
		theirs, err := types.ParseExtendedDuration(text)
		hasUnit := strings.ContainsAny(text, "smh")
		good := err == nil && hasUnit && theirs%time.Millisecond == 0 &&
			theirs >= time.Millisecond && theirs <= 24*time.Hour
		ours, err := xkv.ReadDuration(claimRandom.Op, claimRandom.Fields[ttl].Bit, text)
		if good != (err == nil) || good && ours != theirs.Milliseconds() {
			t.Fatalf("%q is %v in k6, and here %d ms, %v", text, theirs, ours, err)
		}
		if good {
			count++
		}
	}
	if count < 10_000 {
		t.Errorf("only %d of them were durations", count)
	}
}

func operationNamed(t *testing.T, name string) xkv.Operation {
	t.Helper()
	for _, operation := range xkv.Operations() {
		if operation.Name == name {
			return operation
		}
	}
	t.Fatalf("there is no operation %s", name)
	return xkv.Operation{}
}
