package kv

// From stored bytes back to values.

import (
	"strings"
	"testing"

	"github.com/grafana/sobek"
)

func TestDecode(t *testing.T) {
	f := newFixture(t)
	f.js(`var isPlain = v => Object.getPrototypeOf(v) === Object.prototype && Object.isExtensible(v)`)
	for _, test := range []struct{ text, check string }{
		{`null`, `v === null`},
		{` true `, `v === true`},
		{`-0`, `Object.is(v, -0)`},
		{`[-0, 0, -0.0, -0e5]`, `v.length === 4 && Object.is(v[0], -0) && Object.is(v[1], 0) && Object.is(v[2], -0) && Object.is(v[3], -0)`},
		{`9007199254740993`, `v === 9007199254740992`},
		{`123456789012345`, `v === 123456789012345 && Number.isInteger(v)`},
		{`1e3`, `v === 1000`},
		{`1e-400`, `v === 0`},
		{`"\ud800"`, `v === "\ud800" && v.length === 1`},
		{`"\udc00\ud83d\ude00\ud83d\n"`, `v === "\udc00😀\ud83d\n"`},
		{`"\uD83D\u0041"`, `v === "\ud83dA"`},
		{`"\u00e4\u20AC/\/\"\\\b\f\n\r\t"`, `v === "ä€//\"\\\b\f\n\r\t"`},
		{"\"\uFFFD\\ud800\xED\x95\x9C\"", `v === "\ufffd\ud800한"`},
		{`{}`, `isPlain(v) && Object.keys(v).length === 0`},
		{`[]`, `Array.isArray(v) && v.length === 0 && Object.getPrototypeOf(v) === Array.prototype && (v.push(1), v[0] === 1)`},
		{`{"__proto__":{"a":1},"b":2}`, `isPlain(v) && Object.keys(v).join() === "__proto__,b" && v.a === undefined`},
		{`{"b":1,"a":2,"b":3,"1":4,"0":5}`, `isPlain(v) && JSON.stringify(v) === '{"0":5,"1":4,"b":3,"a":2}'`},
		{`{"\ud800":1,"\ufffd":2,"x":3,"\ud800":4}`, `isPlain(v) && Object.keys(v).length === 3 && v["\ud800"] === 4 && v["\ufffd"] === 2`},
		{`{"\u0061b":1,"ä":2}`, `v.ab === 1 && v.ä === 2`},
		{"[1 , 2\t,\r\n3 ]", `v.join() === "1,2,3"`},
		{`{"a" : [ ] , "b" : { } }`, `isPlain(v) && isPlain(v.b) && v.a.length === 0`},
	} {
		v, err := f.d.decode([]byte(test.text), serializationJSON)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if err := f.rt.Set("v", v); err != nil {
			t.Fatal(err)
		}
		if !f.js(test.check).ToBoolean() {
			t.Errorf("%s: not %s, but %s", test.text, test.check, f.call(f.stringify, v))
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	f := newFixture(t)
	for _, text := range []string{
		``, ` `, `nul`, `nulll`, `tru`, `True`, `undefined`, `NaN`, `-`, `+1`, `.5`, `1.`, `1.e1`, `1e`, `1e+`, `01`, `-01`, `00`, `0x1`,
		`1e999`, `-1e999`, `1 2`, `"`, `"a`, `"\`, `"\"`, `"\x"`, `"\u12"`, `"\u12g4"`, `"\uD83D\u12"`, "\"\n\"", "\"\\\n\"", `'a'`, "\"\x00\"",
		`[`, `]`, `[1`, `[1,`, `[1,]`, `[,1]`, `[,]`, `[1 2]`, `[1}`, `{`, `}`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`,
		`{a:1}`, `{1:1}`, `{"a" 1}`, `{"a":1 "b":2}`, `{"a":1]`, `{"a":}`, `[]]`, `{}}`, "\ufeff1", "\v1", "1\u00a0", `/**/1`,
		"\"\xff\"", "\"\xed\xa0\x80\"", "\"\xc0\x80\"", "\xff",
	} {
		if v, err := f.d.decode([]byte(text), serializationJSON); err == nil {
			t.Errorf("%q is decoded to %s", text, f.call(f.stringify, v))
		} else if v != nil || !strings.HasPrefix(err.Error(), "the stored value ") {
			t.Errorf("%q: %v, %v", text, v, err)
		}
	}
	if _, err := f.d.decode([]byte("\xff"), serializationString); err == nil {
		t.Error("string: no error for bytes that are not UTF-8")
	}
}

func TestDecodeTextAndBinary(t *testing.T) {
	f := newFixture(t)
	data := []byte("hä\x00")
	text, err := f.d.decode(data, serializationString)
	if err != nil || !sobek.IsString(text) || text.String() != "hä\x00" {
		t.Errorf("%v, %v", text, err)
	}
	buffer, err := f.d.decode(data, serializationBinary)
	if err != nil {
		t.Fatal(err)
	}
	key := f.d.key(data)
	clear(data)
	if text.String() != "hä\x00" || key.String() != "hä\x00" {
		t.Error("the text is not a copy")
	}
	if got := f.stored(buffer, serializationBinary); got != "hä\x00" {
		t.Errorf("the buffer holds %q", got)
	}
	if got := f.stored(buffer, serializationString); got != "hä\x00" {
		t.Errorf("the buffer holds %q", got)
	}
}

// The decoder keeps nothing of the value that it made.
func TestDecoderLetsGo(t *testing.T) {
	f := newFixture(t)
	for _, text := range []string{`[[1,2],["x"],3]`, `[[1,2],["x"],`} {
		_, _ = f.d.decode([]byte(text), serializationJSON)
		if f.d.source != "" || f.d.whole != nil || len(f.d.elements) != 0 {
			t.Error("the last value is kept")
		}
		for _, element := range f.d.elements[:cap(f.d.elements)] {
			if element != nil {
				t.Errorf("%s: %v is kept", text, element)
			}
		}
	}
}
