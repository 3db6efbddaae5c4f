package kv

// Which values are stored as what, and what is said of the others.

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grafana/sobek"
)

// A value that a serialization takes comes with the bytes stored; one that it
// refuses, with a part of the message after "! ".
var valueTable = []struct{ js, json, text, binary string }{
	{`"plain"`, `"plain"`, `plain`, `plain`},
	{`""`, `""`, ``, ``},
	{`"q\"b\\ \b\f\n\r\t\v\u0001\u007f/"`, `"q\"b\\ \b\f\n\r\t\u000b\u0001` + "\x7f" + `/"`, "q\"b\\ \b\f\n\r\t\v\x01\x7f/", "q\"b\\ \b\f\n\r\t\v\x01\x7f/"},
	{`"\0"`, `"\u0000"`, "\x00", "\x00"},
	{`"äß€😀\u2028"`, "\"äß€😀\u2028\"", "äß€😀\u2028", "äß€😀\u2028"},
	{`"\ufffd"`, "\"\uFFFD\"", "\uFFFD", "\uFFFD"},
	{`"a\ud800"`, `"a\ud800"`, `! value is a string with a lone surrogate`, `! lone surrogate`},
	{`"\udC00\ud83d\ude00\ud800x\n"`, `"\udc00😀\ud800x\n"`, `! lone surrogate`, `! lone surrogate`},

	{`5`, `5`, `5`, `! value is a number (5); serialization "binary" holds strings`},
	{`-300`, `-300`, `-300`, `! a number`},
	{`0.1`, `0.1`, `0.1`, `! a number`},
	{`1e21`, `1e+21`, `1e+21`, `! a number`},
	{`123456789012345680000`, `123456789012345680000`, `123456789012345680000`, `! a number`},
	{`9007199254740991`, `9007199254740991`, `9007199254740991`, `! a number`},
	{`9007199254740992`, `9007199254740992`, `9007199254740992`, `! a number`},
	{`9007199254740994`, `9007199254740994`, `9007199254740994`, `! a number`},
	{`2**60`, `1152921504606847000`, `1152921504606847000`, `! a number`},
	{`5e-324`, `5e-324`, `5e-324`, `! a number`},
	{`1.7976931348623157e308`, `1.7976931348623157e+308`, `1.7976931348623157e+308`, `! a number`},
	{`-0`, `-0`, `0`, `! a number`},
	{`[-0, {a: -0}]`, `[0,{"a":0}]`, `! an array`, `! an array`},
	{`true`, `true`, `true`, `! value is a boolean (true); serialization "binary" holds`},
	{`false`, `false`, `false`, `! a boolean`},
	{`NaN`, `! value is NaN, which JSON cannot hold`, `! value is NaN, which cannot be stored`, `! a number (NaN)`},
	{`Infinity`, `! value is Infinity, which JSON`, `! value is Infinity`, `! a number (Infinity)`},
	{`-Infinity`, `! value is -Infinity, which JSON`, `! value is -Infinity`, `! a number (-Infinity)`},

	{`null`, `null`, `! value is null, which serialization "string" cannot hold; use serialization "json"`, `! value is null`},
	{`undefined`, `null`, `! value is undefined, which serialization "string"`, `! value is undefined`},

	{`({})`, `{}`, `! value is an object, which serialization "string" cannot hold; use serialization "json"`, `! value is an object, which serialization "binary" cannot hold; use serialization "json"`},
	{`({a: 1, b: "x", c: [true, null], d: {}})`, `{"a":1,"b":"x","c":[true,null],"d":{}}`, `! use serialization "json"`, `! use serialization "json"`},
	{`({b: 1, a: 2, 10: 3, 9: 4, "01": 5})`, `{"9":4,"10":3,"b":1,"a":2,"01":5}`, `! an object`, `! an object`},
	{`({a: undefined, b: 1, c: undefined})`, `{"b":1}`, `! an object`, `! an object`},
	{`[]`, `[]`, `! value is an array, which serialization "string" cannot hold; use serialization "json"`, `! value is an array`},
	{`[1, undefined, 3]`, `[1,null,3]`, `! an array`, `! an array`},
	{`[,,1]`, `[null,null,1]`, `! an array`, `! an array`},
	{`Object.assign([1, 2], {extra: 3})`, `[1,2]`, `! an array`, `! an array`},
	{`({["__proto__"]: 1, "a b": 2, "": 3, "\ud800": 4, "\ufffd": 5, ä: 6})`, `{"__proto__":1,"a b":2,"":3,"\ud800":4,"` + "\uFFFD" + `":5,"ä":6}`, `! an object`, `! an object`},
	{`Object.create(null, {a: {value: 1, enumerable: true}, b: {value: 2}})`, `{"a":1}`, `! an object`, `! an object`},
	{`new (class A { constructor() { this.x = 1; this.y = [2] } z() {} get w() { return 3 } })`, `{"x":1,"y":[2]}`, `! an object`, `! an object`},
	{`new (class B extends Array {})(3)`, `[null,null,null]`, `! an array`, `! an array`},
	{`({[Symbol("s")]: 1, a: 2})`, `{"a":2}`, `! an object`, `! an object`},
	{`Object.freeze([1, Object.freeze({a: 1})])`, `[1,{"a":1}]`, `! an array`, `! an array`},
	{`({get a() { return this.b + 1 }, b: 1})`, `{"a":2,"b":1}`, `! an object`, `! an object`},
	{`(function() { return arguments })(1, "a")`, `{"0":1,"1":"a"}`, `! an object`, `! an object`},
	{`new Error("e")`, `! value is an Error, which JSON cannot hold; store {name: e.name, message`, `! an Error, which cannot be stored`, `! an Error, which cannot be stored`},
	{`new (class Mine extends TypeError {})("e")`, `! value is an Error`, `! an Error`, `! an Error`},
	{`({log: [Object.assign(new RangeError("e"), {code: 5})]})`, `! value.log[0] is an Error`, `! an object`, `! an object`},
	{`Object.assign(new Error("e"), {toJSON() { return this.message; }})`, `"e"`, `! an Error`, `! an Error`},
	{`({a: new ArrayBuffer(2)})`, `! value.a is an ArrayBuffer, which JSON cannot hold; encode it, for example with b64encode`, `! use serialization "json"`, `! use serialization "json", with bytes inside of it encoded (b64encode`},
	{`[new Uint8Array(2)]`, `! value[0] is a typed array, which JSON cannot hold; encode it`, `! use serialization "json"`, `! with bytes inside of it encoded (b64encode`},
	{`[new DataView(new ArrayBuffer(2))]`, `! value[0] is a DataView, which JSON cannot hold; encode it`, `! use serialization "json"`, `! with bytes inside of it encoded (b64encode`},
	{`(function* () { yield 1; })()`, `! value is an iterator, which JSON cannot hold; convert it with Array.from`, `! cannot be stored`, `! cannot be stored`},
	{`new Map([[1, 2]]).keys()`, `! value is an iterator`, `! cannot be stored`, `! cannot be stored`},
	{`/x/g`, `! value is a RegExp, which JSON cannot hold; store its source`, `! a RegExp, which cannot be stored`, `! a RegExp`},
	{`new Date(0)`, `"1970-01-01T00:00:00.000Z"`, `! value is a Date, which serialization "string" cannot hold; use`, `! a Date`},
	{`new Date(NaN)`, `null`, `! a Date`, `! a Date`},
	{`Object.assign(new Date(0), {toJSON: null, a: 1})`, `{"toJSON":null,"a":1}`, `! a Date`, `! a Date`},
	{`[new Date(5), {d: new Date(6)}]`, `["1970-01-01T00:00:00.005Z",{"d":"1970-01-01T00:00:00.006Z"}]`, `! an array`, `! an array`},
	{`new Number(5)`, `5`, `! value is a Number object, which serialization "string" cannot`, `! a Number object`},
	{`[new String("s\n"), new Boolean(false), new Number(-0)]`, `["s\n",false,0]`, `! an array`, `! an array`},
	{`new String("\ud800")`, `"\ud800"`, `! a String object`, `! a String object`},
	{`Object.assign(new Number(5), {valueOf() { return 7 }})`, `7`, `! a Number object`, `! a Number object`},
	{`Object.assign(new String("s"), {toString() { return 7 }})`, `"7"`, `! a String object`, `! a String object`},
	{`Object.assign(new Boolean(true), {valueOf() { return false }})`, `true`, `! a Boolean object`, `! a Boolean object`},
	{`new Number(NaN)`, `! value is NaN`, `! a Number object`, `! a Number object`},
	{`({toJSON() { return undefined }})`, `null`, `! an object`, `! an object`},
	{`({toJSON(k) { return [k, typeof k] }})`, `["","string"]`, `! an object`, `! an object`},
	{`({a: [{toJSON(k) { return k + typeof k }}], b: {toJSON(k) { return {toJSON: 1, k} }}})`, `{"a":["0string"],"b":{"toJSON":1,"k":"b"}}`, `! an object`, `! an object`},
	{`({"\ud800": {toJSON(k) { return k === "\ud800" }}})`, `{"\ud800":true}`, `! an object`, `! an object`},
	{`({a: {toJSON() { return {toJSON() { return 1 }} }}})`, `! value.a.toJSON is a function, which JSON cannot hold`, `! an object`, `! an object`},
	{`Object.assign(() => 1, {toJSON() { return "f" }})`, `"f"`, `! a function`, `! a function`},
	{`Object.assign(new Map(), {toJSON() { return "m" }})`, `"m"`, `! a Map`, `! a Map`},
	{`new Proxy({a: 1, b: [2]}, {})`, `{"a":1,"b":[2]}`, `! an object`, `! an object`},
	{`new Proxy([1, [2]], {})`, `[1,[2]]`, `! an array`, `! an array`},
	{`new Proxy(new Proxy([1], {}), {get: (t, k) => k === "length" ? 3 : t[k]})`, `[1,null,null]`, `! an array`, `! an array`},
	{`[1, 2][Symbol.iterator]()`, `! value is an iterator`, `! an object`, `! an object`},

	{`10n`, `! value is a BigInt, which JSON cannot hold; convert it`, `! value is a BigInt, which cannot be stored`, `! a BigInt`},
	{`Object(10n)`, `! value is a BigInt object`, `! value is a BigInt object`, `! a BigInt object`},
	{`Symbol("s")`, `! value is a symbol, which JSON cannot hold`, `! value is a symbol, which cannot be stored`, `! a symbol`},
	{`Object(Symbol("s"))`, `! value is a symbol`, `! a symbol`, `! a symbol`},
	{`(() => 1)`, `! value is a function, which JSON cannot hold`, `! value is a function, which cannot be stored`, `! a function`},
	{`(class {})`, `! value is a function`, `! a function`, `! a function`},
	{`(async () => 1)`, `! value is a function`, `! a function`, `! a function`},
	{`new Proxy(() => 1, {})`, `! value is a function`, `! a function`, `! a function`},
	{`Math.max`, `! value is a function`, `! a function`, `! a function`},
	{`new Map([[1, 2]])`, `! value is a Map, which JSON cannot hold; convert it with Object.fromEntries()`, `! value is a Map, which cannot be stored`, `! a Map`},
	{`new Set([1])`, `! value is a Set, which JSON cannot hold; convert it with Array.from()`, `! value is a Set`, `! a Set`},
	{`new (class M extends Map {})`, `! value is a Map`, `! a Map`, `! a Map`},
	{`new WeakMap()`, `! value is a WeakMap, which JSON cannot hold`, `! an object`, `! an object`},
	{`new WeakSet()`, `! value is a WeakSet, which JSON cannot hold`, `! an object`, `! an object`},
	{`Promise.resolve(1)`, `! value is a Promise, which JSON cannot hold; did you forget await?`, `! value is a Promise (did you forget await?), which`, `! did you forget await?`},
	{`(async () => 1)()`, `! did you forget await?`, `! did you forget await?`, `! did you forget await?`},

	{`new Uint8Array([104, 105]).buffer`, `! value is an ArrayBuffer, which JSON cannot hold; use serialization "binary"`, `hi`, `hi`},
	{`new Uint8Array([0, 104, 105, 0]).subarray(1, 3)`, `! value is a typed array, which JSON cannot hold; use serialization "binary"`, `hi`, `hi`},
	{`new Int8Array([104, -1]).subarray(0, 1)`, `! a typed array`, `h`, `h`},
	{`new Uint8ClampedArray([104])`, `! a typed array`, `h`, `h`},
	{`new Uint16Array([0, 0x6968, 0]).subarray(1, 2)`, `! a typed array`, `hi`, `hi`},
	{`new Int16Array([0x6968])`, `! a typed array`, `hi`, `hi`},
	{`new Uint32Array([0, 0x6c6c6968]).subarray(1)`, `! a typed array`, `hill`, `hill`},
	{`new Int32Array([0x6c6c6968])`, `! a typed array`, `hill`, `hill`},
	{`new Float32Array([0])`, `! a typed array`, "\x00\x00\x00\x00", "\x00\x00\x00\x00"},
	{`new Float64Array([1, 0]).subarray(1)`, `! a typed array`, "\x00\x00\x00\x00\x00\x00\x00\x00", "\x00\x00\x00\x00\x00\x00\x00\x00"},
	{`new BigInt64Array([1n])`, `! a typed array`, "\x01\x00\x00\x00\x00\x00\x00\x00", "\x01\x00\x00\x00\x00\x00\x00\x00"},
	{`new BigUint64Array([1n])`, `! a typed array`, "\x01\x00\x00\x00\x00\x00\x00\x00", "\x01\x00\x00\x00\x00\x00\x00\x00"},
	{`new DataView(new Uint8Array([0, 104, 105, 0]).buffer, 1, 2)`, `! value is a DataView, which JSON cannot hold; use serialization "binary"`, `hi`, `hi`},
	{`new Uint8Array([255, 0, 1])`, `! a typed array`, `! value is a typed array of bytes that are not UTF-8; use serialization "binary"`, "\xff\x00\x01"},
	{`new ArrayBuffer(0)`, `! an ArrayBuffer`, ``, ``},
	{`new Uint8Array(0)`, `! a typed array`, ``, ``},
	{`Object.defineProperty(new Uint8Array([104, 105]), "byteLength", {value: 999})`, `! a typed array`, `hi`, `hi`},
}

func TestValueTable(t *testing.T) {
	f := newFixture(t)
	for _, row := range valueTable {
		t.Run(row.js, func(t *testing.T) {
			f.TB = t
			v := f.js(row.js)
			for s, want := range []string{row.json, row.text, row.binary} {
				if part, refused := strings.CutPrefix(want, "! "); refused {
					if message := f.refused(v, serialization(s)); !strings.Contains(message, part) {
						t.Errorf("serialization %d: message %q lacks %q", s, message, part)
					}
				} else if got := f.stored(v, serialization(s)); got != want {
					t.Errorf("serialization %d: stored %q, want %q", s, got, want)
				}
			}
			if kind := describe(v); kind == "" {
				t.Error("no description")
			}
		})
	}
}

func TestNoArgument(t *testing.T) {
	f := newFixture(t)
	if got := f.stored(nil, serializationJSON); got != "null" {
		t.Errorf("stored %q", got)
	}
	f.refused(nil, serializationString)
	f.refused(nil, serializationBinary)
}

// What is refused inside of an array or object is refused with the path to it.
func TestPaths(t *testing.T) {
	f := newFixture(t)
	for source, want := range map[string]string{
		`({users: [1, 2, 3, {born: NaN}]})`:                           `value.users[3].born is NaN, which JSON cannot hold`,
		`({"a b": [Infinity]})`:                                       `value["a b"][0] is Infinity, which JSON cannot hold`,
		`[[[() => 1]]]`:                                               `value[0][0][0] is a function, which JSON cannot hold`,
		`({a: {b: Symbol()}})`:                                        `value.a.b is a symbol, which JSON cannot hold`,
		`({"1a": {"": 1n}})`:                                          `value["1a"][""] is a BigInt, which JSON cannot hold; convert it to a number or a string`,
		`({$_1: {ä: new Map()}})`:                                     `value.$_1.ä is a Map, which JSON cannot hold; convert it with Object.fromEntries()`,
		`({a: 1, p: Promise.resolve()})`:                              `value.p is a Promise, which JSON cannot hold; did you forget await?`,
		`({"\ud800": [new Set()]})`:                                   `value["\ud800"][0] is a Set, which JSON cannot hold; convert it with Array.from()`,
		`({"q\"": new ArrayBuffer(1)})`:                               `value["q\""] is an ArrayBuffer, which JSON cannot hold; encode it, for example with b64encode of k6/encoding`,
		`({a: {toJSON() { return {b: NaN} }}})`:                       `value.a.b is NaN, which JSON cannot hold`,
		`(() => { const a = {}; a.a = a; return a })()`:               `value.a refers back to value, a cycle, which JSON cannot hold`,
		`(() => { const a = {x: [{}]}; a.x[0].y = a.x; return a })()`: `value.x[0].y refers back to value.x, a cycle, which JSON cannot hold`,
		`(() => { const a = []; a[2] = [a]; return {a} })()`:          `value.a[2][0] refers back to value.a, a cycle, which JSON cannot hold`,
	} {
		if message := f.refused(f.js(source), serializationJSON); message != want {
			t.Errorf("%s:\n got %s\nwant %s", source, message, want)
		}
	}
}

// The same object twice is no cycle.
func TestSharedObject(t *testing.T) {
	f := newFixture(t)
	if got := f.stored(f.js(`(() => { const o = {a: []}; return [o, o, {o, p: o.a}] })()`), serializationJSON); got !=
		`[{"a":[]},{"a":[]},{"o":{"a":[]},"p":[]}]` {
		t.Error(got)
	}
}

func TestNesting(t *testing.T) {
	f := newFixture(t)
	nested := func(levels int) sobek.Value {
		return f.js(fmt.Sprintf(`(() => { let v = 1; for (let i = 0; i < %d; i++) v = i %% 2 ? [v] : {k: v}; return v })()`, levels))
	}
	for _, levels := range []int{9_999, 10_000} {
		text := f.stored(nested(levels), serializationJSON)
		if want := f.call(f.stringify, nested(levels)).String(); text != want {
			t.Fatalf("%d levels: %.60s…", levels, text)
		}
		v, err := f.d.decode([]byte(text), serializationJSON)
		if err != nil {
			t.Fatalf("%d levels: %v", levels, err)
		}
		if f.stored(v, serializationJSON) != text {
			t.Fatalf("%d levels do not come back", levels)
		}
	}
	message := f.refused(nested(10_001), serializationJSON)
	if want := "value.k[0].k[0].k[0].k[0]…"; !strings.HasPrefix(message, want) ||
		!strings.HasSuffix(message, " is nested deeper than 10000 levels") || len(message) > 200 {
		t.Error(message)
	}
	if got := f.stored(f.js(`[1]`), serializationJSON); got != "[1]" {
		t.Errorf("after an error: %q", got)
	}

	for _, levels := range []int{maxDepth, maxDepth + 1, 1_000_000} {
		text := strings.Repeat(`{"a":[`, levels/2) + strings.Repeat("[", levels%2) + strings.Repeat("]", levels%2) + strings.Repeat("]}", levels/2)
		_, err := f.d.decode([]byte(text), serializationJSON)
		if (err == nil) != (levels <= maxDepth) {
			t.Errorf("%d levels: %v", levels, err)
		}
	}
}

// Many beside each other are not deep.
func TestManySiblings(t *testing.T) {
	f := newFixture(t)
	text := "[" + strings.Repeat(`[],{},`, maxDepth) + "0]"
	v, err := f.d.decode([]byte(text), serializationJSON)
	if err != nil {
		t.Fatal(err)
	}
	if f.stored(v, serializationJSON) != text {
		t.Error("it comes back changed")
	}
}

func TestDetachedBuffers(t *testing.T) {
	f := newFixture(t)
	buffer := f.rt.NewArrayBuffer(make([]byte, 1<<16))
	if err := f.rt.Set("buffer", buffer); err != nil {
		t.Fatal(err)
	}
	values := []sobek.Value{f.rt.ToValue(buffer)}
	for _, source := range []string{
		`new Uint8Array(buffer, 8192, 8)`,
		`new Float64Array(buffer, 8192, 8)`,
		`new DataView(buffer, 8192, 8)`,
		`Object.defineProperty(new Uint8Array(buffer, 8192), "byteLength", {value: 8})`,
	} {
		values = append(values, f.js(source))
	}
	buffer.Detach()
	for _, v := range values {
		for _, s := range []serialization{serializationString, serializationBinary} {
			if message := f.refused(v, s); !strings.Contains(message, "detached") {
				t.Error(message)
			}
		}
		f.refused(v, serializationJSON)
	}
}

// Arrays that are long without holding anything must not be written out.
func TestHugeArrays(t *testing.T) {
	f := newFixture(t)
	for _, source := range []string{
		`(() => { const a = []; a.length = 4294967295; return {a} })()`,
		`({a: new Array(4294967295)})`,
		`({a: new Proxy([], {get: (t, k) => k === "length" ? 2 ** 53 : 1})})`,
	} {
		if message := f.refused(f.js(source), serializationJSON); !strings.HasPrefix(message, "value.a is an array of ") {
			t.Error(message)
		}
	}
	v := f.js(`(() => { const a = []; a[100000] = 1; a.x = 1; return a })()`)
	if got := f.stored(v, serializationJSON); got != "["+strings.Repeat("null,", 100_000)+"1]" {
		t.Errorf("%.40s…, %d bytes", got, len(got))
	}
}

func TestLargestValue(t *testing.T) {
	f := newFixture(t)
	defer func(size int) { maxSize = size }(maxSize)
	maxSize = 1000
	for _, source := range []string{
		`Array(300).fill(null)`, `({a: [Array(480).fill(1), Array(480).fill(1)]})`,
		`Object.fromEntries(Array.from({length: 300}, (_, i) => ["k" + i, 1]))`,
	} {
		if message := f.refused(f.js(source), serializationJSON); !strings.Contains(message, "more than 1000 bytes") {
			t.Error(message)
		}
	}
	f.stored(f.js(`({a: Array(480).fill(1)})`), serializationJSON)
}

func TestBufferIsNotKept(t *testing.T) {
	f := newFixture(t)
	if got := f.stored(f.js(`"x".repeat(3 << 20)`), serializationJSON); len(got) != 3<<20+2 {
		t.Errorf("%d bytes", len(got))
	}
	if cap(f.e.buf) > keptBuffer {
		t.Errorf("%d bytes kept", cap(f.e.buf))
	}
	first, _ := f.e.encode(f.js(`[1]`), serializationJSON)
	second, _ := f.e.encode(f.js(`[2]`), serializationJSON)
	if &first[0] != &second[0] {
		t.Error("small buffers are not reused")
	}
}

// A BigInt is refused, unless the script gave it a toJSON.
func TestBigIntToJSON(t *testing.T) {
	f := newFixture(t)
	f.js(`BigInt.prototype.toJSON = function(k) { return typeof this + String(this) + k }`)
	if got, want := f.stored(f.js(`[1n, {a: 2n}]`), serializationJSON), f.call(f.stringify, f.js(`[1n, {a: 2n}]`)).String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

type hostStruct struct {
	Name string
	List []int
	Map  map[string]int
}

func (hostStruct) Method() string { return "not stored" }

type (
	hostNumber    int
	hostMarshaler struct{ text string }
	hostEncodable struct{ result any }
	hostDynamic   struct{}
)

func (m hostMarshaler) MarshalJSON() ([]byte, error) {
	if m.text == "" {
		return nil, errors.New("no text")
	}
	return []byte(m.text), nil
}

func (e hostEncodable) JsonEncodable() any { return e.result }

func (hostDynamic) Get(key string) sobek.Value   { return sobek.Null() }
func (hostDynamic) Set(string, sobek.Value) bool { return false }
func (hostDynamic) Has(string) bool              { return true }
func (hostDynamic) Delete(string) bool           { return false }
func (hostDynamic) Keys() []string               { return []string{"k"} }

// Go values that k6 hands to scripts are written as JSON.stringify does.
func TestHostValues(t *testing.T) {
	f := newFixture(t)
	number := hostNumber(7)
	for _, host := range []any{
		map[string]any{"a": []any{1, "x", nil, 1.5, true}},
		[]any{1, map[string]any{"b": 2}},
		hostStruct{Name: "n", List: []int{1, 2}, Map: map[string]int{"k": 1}},
		&hostStruct{},
		[]hostStruct{{Name: "m"}},
		map[string]int{"one": 1},
		[3]int{1, 2, 3},
		[]byte("hi"),
		hostNumber(5), &number,
		time.Unix(0, 0).UTC(),
		hostMarshaler{`{"raw": [1, 2]}`},
		json.RawMessage(`{"r":1}`),
		"string \xff from Go with bytes that are not UTF-8 and \uFFFD",
		"\xff",
	} {
		v := f.rt.ToValue(map[string]any{"host": host})
		want := f.call(f.stringify, v).String()
		if got := f.stored(v, serializationJSON); got != want {
			t.Errorf("%T:\n got %s\nwant %s", host, got, want)
		}
	}
	// Asked once only, it does not matter that its method is a function.
	for _, result := range []any{1, "s", nil, map[string]any{"a": 1}, []any{1}, hostStruct{Name: "n"}, hostEncodable{1}} {
		v := f.rt.ToValue(hostEncodable{result})
		if got, want := f.stored(v, serializationJSON), f.call(f.stringify, v).String(); got != want {
			t.Errorf("%v:\n got %s\nwant %s", result, got, want)
		}
	}
	if got := f.stored(f.rt.NewDynamicObject(hostDynamic{}), serializationJSON); got != `{"k":null}` {
		t.Error(got)
	}
	for _, text := range []string{"", "{", "undefined"} {
		f.refused(f.rt.ToValue(hostMarshaler{text}), serializationJSON)
	}
	if got := f.stored(f.rt.ToValue([]byte("\xffhi")), serializationBinary); got != "\xffhi" {
		t.Errorf("%q", got)
	}
	if got := f.stored(f.rt.ToValue("\xff"), serializationString); got != "\uFFFD" {
		t.Errorf("%q", got)
	}
}

func TestKeyText(t *testing.T) {
	f := newFixture(t)
	for source, want := range map[string]string{
		`"a"`: "a", `""`: "", `"\0"`: "\x00", `"ä😀"`: "ä😀", `"\ufffd"`: "\uFFFD",
		`"a long key that is not stored inline " + 1`: "a long key that is not stored inline 1",
	} {
		if got, ok := keyText(f.js(source)); !ok || got != want {
			t.Errorf("%s: %q, %t", source, got, ok)
		}
	}
	for text, want := range map[string]string{
		"\xff": "\uFFFD", "long enough to be imported \xff\xfe": "long enough to be imported \uFFFD\uFFFD",
		"long enough to be imported": "long enough to be imported", "Schlüssel, lang genug": "Schlüssel, lang genug",
	} {
		if got, ok := keyText(f.rt.ToValue(text)); !ok || got != want {
			t.Errorf("%q: %q, %t", text, got, ok)
		}
	}
	for _, source := range []string{`"\ud800"`, `"x\udc00y"`, `5`, `null`, `undefined`, `new String("a")`, `["a"]`, `Symbol("a")`} {
		if got, ok := keyText(f.js(source)); ok {
			t.Errorf("%s: %q", source, got)
		}
	}
	if _, ok := keyText(nil); ok {
		t.Error("nil is a key")
	}
}

func TestDescribe(t *testing.T) {
	f := newFixture(t)
	for source, want := range map[string]string{
		`undefined`: "undefined", `null`: "null", `5`: "a number (5)", `NaN`: "a number (NaN)", `true`: "a boolean (true)",
		`""`: "an empty string", `"ab\n"`: `a string ("ab\n")`, `"\ud800"`: "a string with a lone surrogate",
		`"ä".repeat(100)`:       `a string ("` + strings.Repeat("ä", 20) + `…")`,
		`"x" + "ä".repeat(100)`: `a string ("x` + strings.Repeat("ä", 19) + `…")`,
		`[]`:                    "an array", `({})`: "an object", `(() => 1)`: "a function", `1n`: "a BigInt", `Symbol()`: "a symbol",
		`Promise.resolve()`: "a Promise (did you forget await?)", `new Map()`: "a Map", `new Set()`: "a Set",
		`new Date()`: "a Date", `new ArrayBuffer(1)`: "an ArrayBuffer", `new Uint8Array(1)`: "a typed array",
		`new String("a")`: "a String object", `Object(1n)`: "a BigInt object", `new Proxy({}, {})`: "an object",
		`(() => { const p = Proxy.revocable({}, {}); p.revoke(); return p.proxy })()`: "an object",
		`({toJSON() { throw 1 }, toString() { throw 2 }})`:                            "an object",
	} {
		if got := describe(f.js(source)); got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
	if describe(nil) != "undefined" {
		t.Error(describe(nil))
	}
}
