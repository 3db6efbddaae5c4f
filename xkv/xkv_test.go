package xkv_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/xk6-kv/xkv"
)

// good sets an argument to something that it may be.
func good(command *xkv.Command, a *xkv.ArgumentInfo) {
	switch a.Kind {
	case xkv.KindInteger, xkv.KindDuration:
		command.SetNumber(a.Slot, 1)
	case xkv.KindKeys, xkv.KindTexts:
		command.SetBytes(a.Slot, xkv.AppendKey(nil, "k"))
	case xkv.KindEntries:
		command.SetBytes(a.Slot, xkv.AppendEntry(nil, "k", nil))
	case xkv.KindClaim, xkv.KindClaims:
		command.SetBytes(a.Slot, xkv.AppendClaim(nil, "id", "k", 1))
	case xkv.KindBoolean:
		command.SetFlag(a.Bit, !a.Default)
	default:
		command.SetText(a.Slot, goodText(a.Name))
	}
}

// goodText is what a text may be that is not any.
func goodText(name string) string {
	switch name {
	case "delimiter":
		return ";"
	case "keyColumn": // of a file without a header
		return "0"
	case "keys": // there is a keyColumn
		return ""
	case "position": // which must not begin with the prefix
		return "position"
	default:
		return "good"
	}
}

// bad sets it to what it may not be, and returns a part of what must be said then;
// "" if it may be everything.
func bad(command *xkv.Command, a *xkv.ArgumentInfo) string {
	switch a.Kind {
	case xkv.KindBoolean:
		return ""
	case xkv.KindInteger, xkv.KindDuration:
		if a.Max+1 < a.Max {
			return ""
		}
		command.SetNumber(a.Slot, a.Max+1)
		return fmt.Sprintf("%s is %d; ", a.Name, a.Max+1)
	case xkv.KindKeys, xkv.KindTexts, xkv.KindEntries, xkv.KindClaim, xkv.KindClaims:
		command.SetText(a.Slot, "bad")
		return "items is not a list"
	case xkv.KindValue, xkv.KindExpected:
		command.SetText(a.Slot, strings.Repeat("bad", 1<<10)+"\xFF")
		return "the value for key "
	default:
		command.SetText(a.Slot, "bad\xFF")
		return a.Name + " "
	}
}

// Each argument of each operation gets to where C looks for it: the one that is bad
// among good ones is the one that C complains of.
func TestArgumentsCross(t *testing.T) {
	t.Chdir(t.TempDir()) // some write files
	store, err := xkv.Open([]xkv.Setting{{Name: "backend", Value: "memory"}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	queue := xkv.NewQueue()
	for _, operation := range xkv.Operations() {
		arguments := slices.Concat(operation.Positional, operation.Fields)
		submit := func(name string, change func(*xkv.Command) string) {
			var (
				command xkv.Command
				reply   xkv.Reply
			)
			command.Begin(&operation)
			for n := range arguments {
				good(&command, &arguments[n])
			}
			want := change(&command)
			if store.Submit(&command, nil, queue, 0, &reply) {
				queue.Collect(func(done []xkv.Completion) { reply = done[0].Reply; reply.Keep(nil) })
			}
			defer reply.Release()
			refused := reply.Code == xkv.InvalidOptions || reply.Code == xkv.Serializer
			if want == "" && refused || !strings.Contains(string(reply.Data), want) {
				t.Errorf("%s, %s: %s %q, want %q", operation.Name, name, reply.Code.Name(), reply.Data, want)
			}
		}
		submit("all good", func(*xkv.Command) string { return "" })
		for n := range arguments {
			submit(arguments[n].Name, func(c *xkv.Command) string { return bad(c, &arguments[n]) })
		}
	}
}

// And booleans, which may be both.
func TestBooleansCross(t *testing.T) {
	store, err := xkv.Open([]xkv.Setting{{Name: "backend", Value: "memory"}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	queue := xkv.NewQueue()
	run := func(name string, set func(c *xkv.Command, o *xkv.Operation)) int64 {
		operations := xkv.Operations()
		n := slices.IndexFunc(operations, func(o xkv.Operation) bool { return o.Name == name })
		var (
			command xkv.Command
			reply   xkv.Reply
		)
		command.Begin(&operations[n])
		set(&command, &operations[n])
		store.Submit(&command, nil, queue, 0, &reply)
		defer reply.Release()
		if reply.Code != xkv.OK {
			t.Fatalf("%s: %s", name, reply.Data)
		}
		return reply.Number
	}
	run("set", func(c *xkv.Command, _ *xkv.Operation) { c.SetText(0, "k") })
	count := func(c *xkv.Command, o *xkv.Operation) {
		n := slices.IndexFunc(o.Fields, func(a xkv.ArgumentInfo) bool { return a.Name == "count" })
		c.SetNumber(o.Fields[n].Slot, 3)
	}
	unique := func(value bool) func(*xkv.Command, *xkv.Operation) {
		return func(c *xkv.Command, o *xkv.Operation) {
			count(c, o)
			n := slices.IndexFunc(o.Fields, func(a xkv.ArgumentInfo) bool { return a.Name == "unique" })
			c.SetFlag(o.Fields[n].Bit, value)
		}
	}
	for _, test := range []struct {
		set  func(*xkv.Command, *xkv.Operation)
		want int64
	}{{count, 1}, {unique(true), 1}, {unique(false), 3}} {
		if got := run("randomKeys", test.set); got != test.want {
			t.Errorf("%d keys, want %d", got, test.want)
		}
	}
}
