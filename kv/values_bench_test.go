package kv

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/grafana/sobek"
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

// BenchmarkEntries compares a list of 100 entries with a script that makes the
// same objects from literals: what the runtime itself takes for them.
func BenchmarkEntries(b *testing.B) {
	const count = 100
	var packed []byte
	for i := range count {
		key := fmt.Sprintf("even:%08d", i)
		packed = binary.NativeEndian.AppendUint32(packed, uint32(len(key)))
		packed = binary.NativeEndian.AppendUint32(packed, uint32(len(smallJSON)))
		packed = append(append(packed, key...), smallJSON...)
	}
	rt := sobek.New()
	d := newDecoder(rt)
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

	bench(b, rt, "entries", len(packed), func() error {
		list, _, err := d.entries(make([]any, 0, count), packed, serializationJSON)
		if err != nil {
			return err
		}
		_ = rt.NewArray(list...)
		return nil
	})
	bench(b, rt, "literals", len(packed), func() error {
		_, err := build(sobek.Undefined())
		return err
	})
}
