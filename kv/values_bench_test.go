package kv

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/grafana/sobek"

	"example.com/xk6-kv/xkv"
)

const smallJSON = `{"id":1,"name":"n1","token":"abcdefghijklmnop"}`

// largeJSON is an object of about 10 KiB, as an API might return one.
var largeJSON = func() string {
	var b strings.Builder
	b.WriteString(`{"kind":"order list","total":42,"next":null,"items":[`)
	for i := range 42 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"sku":"SKU-%06d","price":%d.%02d,"active":%t,"tags":["new","sale","tag%d"],`+
			`"owner":{"name":"Customer %d","mail":"customer%d@example.com","address":{"city":"Graz","zip":"80%02d"}},`+
			`"note":"say \"hi\" to \u00e4"}`, 100000+i, i*7, i, i%100, i%2 == 0, i, i, i, i%100)
	}
	b.WriteString("]}")
	return b.String()
}()

// BenchmarkDecode compares with JSON.parse, called from Go inside of a script's
// call like the decoder itself.
func BenchmarkDecode(b *testing.B) {
	for _, document := range benchmarkDocuments() {
		rt := sobek.New()
		d := newDecoder(rt)
		data := []byte(document.text)
		parse, _ := sobek.AssertFunction(rt.GlobalObject().Get("JSON").(*sobek.Object).Get("parse"))
		text := rt.ToValue(document.text)

		bench(b, rt, document.name+"/decode", len(data), func() error {
			_, err := d.decode(data, serializationJSON)
			return err
		})
		bench(b, rt, document.name+"/JSON.parse", len(data), func() error {
			_, err := parse(sobek.Undefined(), text)
			return err
		})
	}
}

// BenchmarkEncode compares with JSON.stringify in the same way.
func BenchmarkEncode(b *testing.B) {
	for _, document := range benchmarkDocuments() {
		rt := sobek.New()
		e := newEncoder(rt)
		stringify, _ := sobek.AssertFunction(rt.GlobalObject().Get("JSON").(*sobek.Object).Get("stringify"))
		v, err := rt.RunString("(" + document.text + ")")
		if err != nil {
			b.Fatal(err)
		}
		bench(b, rt, document.name+"/encode", len(document.text), func() error {
			_, err := e.encode(v, serializationJSON)
			return err
		})
		bench(b, rt, document.name+"/JSON.stringify", len(document.text), func() error {
			_, err := stringify(sobek.Undefined(), v)
			return err
		})
	}
}

func BenchmarkKeyText(b *testing.B) {
	rt := sobek.New()
	for _, key := range []string{"user:12345", "user:1234567890:session:abcdefghijklmnop", "Schlüssel:1"} {
		v := rt.ToValue(key)
		bench(b, rt, key, len(key), func() error {
			if _, ok := keyText(v); !ok {
				return fmt.Errorf("%q is no key", key)
			}
			return nil
		})
	}
}

type benchmarkDocument struct{ name, text string }

func benchmarkDocuments() []benchmarkDocument {
	return []benchmarkDocument{{"small", smallJSON}, {"10KiB", largeJSON}}
}

// bench runs a benchmark from within a call of the runtime, as in real life.
func bench(b *testing.B, rt *sobek.Runtime, name string, size int, run func() error) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(size))
		call := func(sobek.FunctionCall) sobek.Value {
			for range b.N {
				if err := run(); err != nil {
					b.Fatal(err)
				}
			}
			return sobek.Undefined()
		}
		if err := rt.Set("run", call); err != nil {
			b.Fatal(err)
		}
		if _, err := rt.RunString("run()"); err != nil {
			b.Fatal(err)
		}
	})
}

// packing writes items as the library does.
type packing []byte

func (p packing) head(kind xkv.ItemKind, name string) packing {
	return append(append(p, byte(kind), byte(len(name))), name...)
}

func (p packing) number(n int) packing {
	return binary.NativeEndian.AppendUint32(p, uint32(n))
}

func (p packing) array(name string, length int) packing {
	return p.head(xkv.ItemArray, name).number(length)
}

func (p packing) object(name string, members int) packing {
	return p.head(xkv.ItemObject, name).number(members)
}

func (p packing) text(name, text string) packing {
	return append(p.head(xkv.ItemText, name).number(len(text)), text...)
}

func (p packing) value(name, value string) packing {
	return append(p.head(xkv.ItemValue, name).number(len(value)), value...)
}

func (p packing) integer(name string, n int64) packing {
	return binary.NativeEndian.AppendUint64(p.head(xkv.ItemInteger, name), uint64(n))
}

func (p packing) entry(name, key, value string) packing {
	p = p.head(xkv.ItemEntry, name).number(len(key)).number(len(value))
	return append(append(p, key...), value...)
}

// BenchmarkItems compares replies with a script that makes the same objects
// from literals: what the runtime itself takes for them.
func BenchmarkItems(b *testing.B) {
	const count = 100
	list := packing{}.array("", count)
	many := packing{}.array("", count)
	keys := packing{}.object("", 3).array("keys", count)
	for i := range count {
		key := fmt.Sprintf("even:%08d", i)
		list = list.entry("", key, smallJSON)
		many = many.object("", 3).text("key", key).head(xkv.ItemTrue, "exists").value("value", smallJSON)
		keys = keys.text("", key)
	}
	keys = keys.text("cursor", "ZXZlbjowMDAwMDA5OQ==").head(xkv.ItemFalse, "done")
	claim := packing{}.object("", 6).text("id", "1-00000001").text("key", "even:00000001").
		entry("entry", "even:00000001", smallJSON).text("owner", "").integer("token", 1<<40).
		integer("expiresAt", 1_800_000_000_000)

	rt := sobek.New()
	d := newDecoder(rt)
	for _, reply := range []struct {
		name string
		data []byte
	}{{"list", list}, {"getMany", many}, {"scanKeys", keys}, {"claim", claim}} {
		bench(b, rt, reply.name, len(reply.data), func() error {
			_, err := d.items(reply.data, serializationJSON)
			return err
		})
	}
	literals, err := rt.RunString(`(() => {
		const list = [];
		for (let i = 0; i < 100; i++)
			list.push({ key: "even:00000001", value: { id: i, name: "n1", token: "abcdefghijklmnop" } });
		return list;
	})`)
	if err != nil {
		b.Fatal(err)
	}
	build, _ := sobek.AssertFunction(literals)
	bench(b, rt, "literals", len(list), func() error {
		_, err := build(sobek.Undefined())
		return err
	})
}
