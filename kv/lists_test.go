package kv

import (
	"strings"
	"testing"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/js/modules"

	"example.com/xk6-kv/xkv"
)

// listReader is a KV object that can read lists, and nothing else.
func listReader(t *testing.T) (*fixture, *kvObject) {
	t.Helper()
	f := newFixture(t)
	return f, &kvObject{
		instance: &instance{vu: runtimeOnly{rt: f.rt}, encoder: f.e, decoder: f.d},
		handle:   &handle{},
	}
}

type runtimeOnly struct {
	modules.VU
	rt *sobek.Runtime
}

func (vu runtimeOnly) Runtime() *sobek.Runtime { return vu.rt }

// What a list may take is limited: an iterable need not end.
func TestEndlessList(t *testing.T) {
	defer func(size int) { maxItems = size }(maxItems)
	maxItems = 1 << 20
	f, kv := listReader(t)
	m := &method{Operation: xkv.Operation{Name: "getMany"}}
	endless := f.js(`({[Symbol.iterator]: () => ({next: () => ({value: "key", done: false})})})`)
	for _, test := range []struct {
		argument argument
		list     sobek.Value
	}{
		{argument{Name: "keys", Kind: xkv.KindKeys}, endless},
		{argument{Name: "claims", Kind: xkv.KindClaims},
			f.js(`(function* () { for (;;) yield {id: "id", key: "key", token: 1}; })()`)},
		{argument{Name: "entries", Kind: xkv.KindEntries},
			f.js(`({a: "x".repeat(600000), b: "x".repeat(600000)})`)},
	} {
		r := &request{}
		err := kv.readArgument(r, m, &test.argument, test.list)
		if err == nil || !strings.Contains(err.Error(), test.argument.Name+" are more than the 1048576 bytes") {
			t.Errorf("%s: %v", test.argument.Name, err)
		}
		kv.end(r)
		if cap(kv.spare.items) > keptBuffer {
			t.Errorf("%s: %d bytes are kept", test.argument.Name, cap(kv.spare.items))
		}
	}
}

// A key is packed as xkv_items_add does, a claim as xkv_items_add_claim.
func TestPacking(t *testing.T) {
	f, kv := listReader(t)
	m := &method{}
	read := func(kind xkv.ArgumentKind, script string) []xkv.Item {
		r := &request{}
		if err := kv.readArgument(r, m, &argument{Kind: kind}, f.js(script)); err != nil {
			t.Fatal(err)
		}
		var items []xkv.Item
		for data := r.items; len(data) > 0; {
			var item xkv.Item
			data = item.Read(data)
			items = append(items, item)
		}
		return items
	}
	check := func(item xkv.Item, key, value string) {
		t.Helper()
		if item.Kind != xkv.ItemEntry || len(item.Name) > 0 || string(item.Text) != key || string(item.Value) != value {
			t.Errorf("%+v, want %q, %q", item, key, value)
		}
	}
	keys := read(xkv.KindKeys, `new Set(["a", "", "ä"])`)
	check(keys[0], "a", "")
	check(keys[1], "", "")
	check(keys[2], "ä", "")
	entries := read(xkv.KindEntries, `({b: [1, 2], a: null, "\ufffd": "x"})`)
	check(entries[0], "b", "[1,2]")
	check(entries[1], "a", "null")
	check(entries[2], "\uFFFD", `"x"`)
	claim := read(xkv.KindClaim, `({id: "the id", key: "k", token: 258})`)
	check(claim[0], "k", "\x02\x01\x00\x00\x00\x00\x00\x00the id")
}
