package kv

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/grafana/sobek"
)

// fixture is a runtime with an encoder and a decoder.
type fixture struct {
	testing.TB
	rt *sobek.Runtime
	e  *encoder
	d  *decoder

	stringify, parse sobek.Callable
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	rt := sobek.New()
	f := &fixture{TB: t, rt: rt, e: newEncoder(rt), d: newDecoder(rt)}
	f.stringify = f.function("JSON.stringify")
	f.parse = f.function("JSON.parse")
	return f
}

// js runs a script and returns its value.
func (f *fixture) js(source string) sobek.Value {
	f.Helper()
	v, err := f.rt.RunString(source)
	if err != nil {
		f.Fatalf("%s: %v", source, err)
	}
	return v
}

func (f *fixture) function(source string) sobek.Callable {
	f.Helper()
	function, ok := sobek.AssertFunction(f.js(source))
	if !ok {
		f.Fatalf("%s is not a function", source)
	}
	return function
}

func (f *fixture) call(function sobek.Callable, arguments ...sobek.Value) sobek.Value {
	f.Helper()
	v, err := function(sobek.Undefined(), arguments...)
	if err != nil {
		f.Fatal(err)
	}
	return v
}

// refused encodes v, which must fail, and returns the message.
func (f *fixture) refused(v sobek.Value, s serialization) string {
	f.Helper()
	data, err := f.e.encode(v, s)
	var refusal *serializerError
	if !errors.As(err, &refusal) {
		f.Fatalf("want a serializerError, got %q, %v", data, err)
	}
	if refusal.Error() != refusal.Message || !strings.HasPrefix(refusal.Message, "value") {
		f.Fatalf("message %q, Error() %q", refusal.Message, refusal.Error())
	}
	return refusal.Message
}

// stored encodes v, which must succeed.
func (f *fixture) stored(v sobek.Value, s serialization) string {
	f.Helper()
	data, err := f.e.encode(v, s)
	if err != nil {
		f.Fatalf("encode: %v", err)
	}
	return string(data)
}

// seed returns a generator of random numbers that KV_SEED can repeat.
func seed(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("KV_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("KV_SEED: %v", err)
		}
	}
	t.Logf("KV_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

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

// Values whose own code throws: what it threw comes back as it is.
func TestThrown(t *testing.T) {
	f := newFixture(t)
	f.js(`var thrown = {own: "error"}; function fail() { throw thrown }`)
	for _, source := range []string{
		`({get a() { fail() }})`,
		`[{b: {get a() { fail() }}}]`,
		`Object.defineProperty([1], 0, {get: fail})`,
		`({toJSON: fail})`,
		`({get toJSON() { fail() }})`,
		`new Proxy({}, {get: fail})`,
		`new Proxy({a: 1}, {ownKeys: fail})`,
		`new Proxy([1], {get: (t, k) => k === "length" ? fail() : t[k]})`,
		`new Proxy({a: 1}, {getOwnPropertyDescriptor: fail})`,
		`Object.assign(new Number(1), {valueOf: fail})`,
		`Object.assign(new String(1), {toString: fail})`,
		`new Proxy([1], {get: (t, k) => k === "length" ? {valueOf: fail} : t[k]})`,
		`(() => { BigInt.prototype.toJSON = fail; return [1n] })()`,
	} {
		_, err := f.e.encode(f.js(source), serializationJSON)
		var exception *sobek.Exception
		if !errors.As(err, &exception) || exception.Value() != f.js("thrown") {
			t.Errorf("%s: %v", source, err)
		}
	}
	if got := f.stored(f.js(`({a: [1]})`), serializationJSON); got != `{"a":[1]}` {
		t.Errorf("after exceptions: %q", got)
	}
}

// Errors that the runtime itself throws while a value is read.
func TestRuntimeThrows(t *testing.T) {
	f := newFixture(t)
	for _, source := range []string{
		`(() => { const p = Proxy.revocable({}, {}); p.revoke(); return p.proxy })()`,
		`(() => { const p = Proxy.revocable([], {}); p.revoke(); return [p.proxy] })()`,
		`(() => { const p = Proxy.revocable({a: 1}, {get: (t, k) => k === "toJSON" && p.revoke()}); return p.proxy })()`,
		`new Proxy([1], {get: (t, k) => k === "length" ? Symbol() : t[k]})`,
		`new Proxy([1], {get: (t, k) => k === "length" ? 1n : t[k]})`,
		`({toJSON: class {}})`,
		`Object.assign(new Number(1), {valueOf: () => ({}), toString: () => ({})})`,
	} {
		v := f.js(source)
		_, err := f.e.encode(v, serializationJSON)
		if _, wrong := f.stringify(nil, v); wrong == nil {
			t.Errorf("%s: JSON.stringify takes it", source)
		}
		var exception *sobek.Exception
		if !errors.As(err, &exception) || !strings.Contains(exception.String(), "TypeError") {
			t.Errorf("%s: %v", source, err)
		}
		_ = describe(v)
		_, _ = f.e.encode(v, serializationString)
		_, _ = f.e.encode(v, serializationBinary)
	}
}

// What a value's own code does while it is read must show, or not, as with
// JSON.stringify.
func TestChangesWhileRead(t *testing.T) {
	f := newFixture(t)
	for _, source := range []string{
		`(() => { const a = [{get x() { a.length = 1; return 1 }}, 2, 3]; return a })()`,
		`(() => { const a = [{get x() { a.length = 0; a.push(7); return 1 }}, ...Array(40).fill(2)]; return a })()`,
		`(() => { const a = [{get x() { a.push(9); return 1 }}, 2]; return a })()`,
		`(() => { const a = [{get x() { for (let i = 0; i < 100; i++) a.push(9); a[1] = 3; return 1 }}, 2]; return a })()`,
		`(() => { const a = Object.defineProperty([1, 2, 3], 0, {get() { a[1] = 5; a.length = 2; return 0 }}); return a })()`,
		`(() => { const o = {get a() { delete o.b; o.d = 4; return 1 }, b: 2, c: 3}; return o })()`,
		`(() => { const o = {get a() { o.b = [1]; return 1 }, b: 2}; return o })()`,
		`(() => { const o = {a: {toJSON() { o.b = undefined; return 1 }}, b: 2}; return o })()`,
		`(() => { const o = {get a() { Object.defineProperty(o, "b", {enumerable: false}); return 1 }, b: 2}; return o })()`,
		`(() => { const o = {get a() { Object.setPrototypeOf(o, {b: 9}); delete o.b; return 1 }, b: 2}; return o })()`,
		`(() => { let n = 0; const o = {get a() { return n++ }, b: {get c() { return n++ }}, get d() { return n++ }}; const r = [o, {get e() { return n++ }}]; r.reset = () => { n = 0 }; return r })()`,
		`(() => { const log = []; return new Proxy({a: {get b() { return log.join() }}, c: 1}, {
			get(t, k) { log.push(String(k)); return t[k] },
			ownKeys(t) { log.push("ownKeys"); return Reflect.ownKeys(t) },
			getOwnPropertyDescriptor(t, k) { log.push("own " + String(k)); return Reflect.getOwnPropertyDescriptor(t, k) },
			getPrototypeOf(t) { log.push("proto"); return Reflect.getPrototypeOf(t) }}) })()`,
		`new Proxy([], {get: (t, k) => k === "length" ? "2" : k})`,
		`new Proxy([], {get: (t, k) => k === "length" ? -5 : k})`,
		`new Proxy([], {get: (t, k) => k === "length" ? 1.9 : k})`,
	} {
		want := f.call(f.stringify, f.js(source)).String()
		if got := f.stored(f.js(source), serializationJSON); got != want {
			t.Errorf("%s:\n got %s\nwant %s", source, got, want)
		}
	}
}

// A toJSON that stores values itself gets an encoder of its own.
func TestReentry(t *testing.T) {
	f := newFixture(t)
	var inner []string
	set := func(call sobek.FunctionCall) sobek.Value {
		data, err := f.e.encode(call.Argument(0), serializationJSON)
		if err != nil {
			panic(f.rt.ToValue(err.Error()))
		}
		inner = append(inner, string(data))
		return sobek.Undefined()
	}
	if err := f.rt.Set("set", set); err != nil {
		t.Fatal(err)
	}
	got := f.stored(f.js(`({a: {toJSON() { set({x: [1, {toJSON() { set([2]); return 3 }}]}); return 4 }}, b: 5})`), serializationJSON)
	if got != `{"a":4,"b":5}` || fmt.Sprint(inner) != `[[2] {"x":[1,3]}]` {
		t.Errorf("%s, inner %s", got, inner)
	}

	_, err := f.e.encode(f.js(`var calls = 0; ({toJSON() { calls++; set(this); return 1 }})`), serializationJSON)
	if err == nil || !strings.Contains(err.Error(), "and so on 100 times") {
		t.Errorf("endless reentry: %v", err)
	}
	if calls := f.js("calls").ToInteger(); calls != 1+maxReentry {
		t.Errorf("%d calls", calls)
	}
	if got := f.stored(f.js(`[1]`), serializationJSON); got != "[1]" {
		t.Errorf("after an error: %q", got)
	}
}

func TestEndlessCode(t *testing.T) {
	f := newFixture(t)
	message := f.refused(f.js(`({a: {toJSON() { return {next: this} }}})`), serializationJSON)
	if !strings.HasSuffix(message, "is nested deeper than 10000 levels") {
		t.Error(message)
	}
	f.rt.SetMaxCallStackSize(500)
	message = f.refused(f.js(`({toJSON() { return this.toJSON() }})`), serializationJSON)
	if !strings.Contains(message, "never ends") {
		t.Error(message)
	}
	message = f.refused(f.js(`({get a() { return this.a }})`), serializationJSON)
	if !strings.Contains(message, "never ends") {
		t.Error(message)
	}
	if got := f.stored(f.js(`({a: [1]})`), serializationJSON); got != `{"a":[1]}` {
		t.Errorf("after errors: %q", got)
	}
}

// An interrupt ends the script that called, and leaves the encoder usable.
func TestInterrupt(t *testing.T) {
	f := newFixture(t)
	call := func(call sobek.FunctionCall) sobek.Value {
		_, err := f.e.encode(call.Argument(0), serializationJSON)
		t.Errorf("encode came back: %v", err)
		return sobek.Undefined()
	}
	if err := f.rt.Set("encode", call); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{
		`encode({toJSON() { for (;;); }})`,
		`encode([{get a() { for (;;); }}])`,
		`try { encode(new Proxy({}, {ownKeys() { for (;;); }})) } catch (e) {} finally { never() }`,
	} {
		timer := time.AfterFunc(20*time.Millisecond, func() { f.rt.Interrupt("stop") })
		_, err := f.rt.RunString(source)
		timer.Stop()
		var interrupt *sobek.InterruptedError
		if !errors.As(err, &interrupt) || interrupt.Value() != "stop" {
			t.Errorf("%s: %v", source, err)
		}
		f.rt.ClearInterrupt()
		if got := f.stored(f.js(`({a: [1]})`), serializationJSON); got != `{"a":[1]}` {
			t.Errorf("after an interrupt: %q", got)
		}
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

// Go code that is called while a value is read may panic with anything.
func TestGoPanics(t *testing.T) {
	f := newFixture(t)
	for name, trouble := range map[string]func(){
		"boom":         func() { panic("boom") },
		"nil map":      func() { var m map[string]int; m["a"] = 1 },
		"out of range": func() { _ = []int{}[len(f.Name())] },
		"an error":     func() { panic(errors.New("an error")) },
	} {
		if err := f.rt.Set("trouble", trouble); err != nil {
			t.Fatal(err)
		}
		for _, source := range []string{`({a: {toJSON: trouble}})`, `({get a() { try { trouble() } finally { } }})`} {
			message := f.refused(f.js(source), serializationJSON)
			if !strings.Contains(message, " cannot be read: ") || !strings.Contains(message, name) {
				t.Error(message)
			}
		}
	}
	if got := f.stored(f.js(`({a: [1]})`), serializationJSON); got != `{"a":[1]}` {
		t.Errorf("after panics: %q", got)
	}
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

// A script may change the built-in objects as it likes.
func TestPatchedBuiltins(t *testing.T) {
	f := newFixture(t)
	f.js(`
		Object.keys = Reflect.get = Reflect.set = Reflect.apply = () => { throw 1 };
		Function.prototype.apply = Array.prototype[Symbol.iterator] = () => { throw 2 };
		Object.prototype.inherited = 1;
		Object.defineProperty(Object.prototype, "trap", {set() { throw 3 }, get() { return 4 }});
		Object.defineProperty(Array.prototype, 1, {get() { return "hole" }, set() { throw 5 }});
	`)
	if got := f.stored(f.js(`({a: [1], b: {c: 2}})`), serializationJSON); got != `{"a":[1],"b":{"c":2}}` {
		t.Error(got)
	}
	v, err := f.d.decode([]byte(`{"trap":{"a":[1,2,3]},"inherited":2}`), serializationJSON)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.stored(v, serializationJSON); got != `{"trap":{"a":[1,2,3]},"inherited":2}` {
		t.Error(got)
	}
	if want, got := f.call(f.stringify, f.js(`[1,,3]`)).String(), f.stored(f.js(`[1,,3]`), serializationJSON); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Names that Go cannot hold are read and set by functions that a script may
// have replaced: then its own code runs, but nothing breaks.
func TestPatchedReflect(t *testing.T) {
	const text = `{"a":[1],"\ud800":{"\udc00":2},"b":[3,4]}`
	for _, patch := range []string{
		`Reflect.set = (o, k, v) => { decode('[[["x"]]]'); o[k] = v; decode('{"y":'); return true }`,
		`Reflect.get = (o, k) => { decode('[5]'); return o[k] }`,
		`Object.keys = o => { decode('[5]'); return Reflect.ownKeys(o) }`,
	} {
		f := newFixture(t)
		f.setDecode()
		f.js(patch)
		v, err := f.d.decode([]byte(text), serializationJSON)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.stored(v, serializationJSON); got != text {
			t.Errorf("%s: %s", patch, got)
		}
	}
	for _, patch := range []string{
		`Reflect = undefined`, `delete Reflect.set; delete Reflect.get`, `Reflect.set = Reflect.get = Object.keys = () => { throw 1 }`,
		`Reflect.set = Reflect.get = Object.keys = class {}`, `Object.keys = () => 5; Reflect.get = () => undefined`,
	} {
		f := newFixture(t)
		v := f.js("(" + text + ")")
		f.js(patch)
		_, _ = f.d.decode([]byte(text), serializationJSON)
		_, _ = f.e.encode(v, serializationJSON)
		if v, err := f.d.decode([]byte(`[1]`), serializationJSON); err != nil || f.stored(v, serializationJSON) != `[1]` {
			t.Errorf("after %s: %v, %v", patch, v, err)
		}
	}
}

// setDecode gives scripts a function that decodes.
func (f *fixture) setDecode() {
	err := f.rt.Set("decode", func(text string) sobek.Value {
		v, _ := f.d.decode([]byte(text), serializationJSON)
		return v
	})
	if err != nil {
		f.Fatal(err)
	}
}

// Views are read by getters of the built-in objects, and never beyond the
// buffer, whatever a script puts in their place.
func TestPatchedViews(t *testing.T) {
	for _, patch := range []string{
		`Uint8Array = undefined`, `Uint8Array = class {}`, `Object.getOwnPropertyDescriptor = undefined`,
		`Object.getOwnPropertyDescriptor = () => ({get: () => 5})`,
		`Object.getOwnPropertyDescriptor = (o, name) => ({get: () => name === "buffer" ? buffer : 4})`,
		`Object.getOwnPropertyDescriptor = (o, name) => ({get: () => name === "buffer" ? buffer : -1})`,
	} {
		f := newFixture(t)
		v := f.js(`var buffer = new ArrayBuffer(5); new Uint8Array(buffer, 2, 3)`)
		f.js(patch)
		if message := f.refused(v, serializationBinary); !strings.Contains(message, "has replaced the built-in objects") {
			t.Errorf("%s: %s", patch, message)
		}
	}
	f := newFixture(t)
	_, err := f.e.encode(f.js(`Object.setPrototypeOf({}, DataView.prototype)`), serializationBinary)
	var exception *sobek.Exception
	if !errors.As(err, &exception) {
		t.Error(err)
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

// generator makes random values of every kind that JSON takes.
const generator = `
const keys = ["a", "b", "id", "name", "0", "1", "10", "02", "-1", "4294967295", "__proto__", "constructor", "length", "",
	"a b", "ä", "\u20ac", "😀", "\ud800", "\udc00x", "\ufffd", "quote\"", "new\nline", "toString", "a rather long name of a member"];
const pick = list => list[random(list.length)];
const unit = () => pick([() => random(128), () => random(32), () => random(0x10000), () => 0xd7f0 + random(0x830), () => 0xfff0 + random(16)])();
const text = () => random(3) ? pick(keys) + random(1000) : String.fromCharCode(...Array.from({length: random(12)}, unit));
const number = () => fair(pick([() => random(300) - 20, () => random(2 ** 31), () => -random(2 ** 31) * 2 ** 22, () => double(),
	() => random(100000) / 100, () => 2 ** random(70), () => -0])());
const define = (o, key, value) => Object.defineProperty(o, key, random(8)
	? {value, enumerable: random(12) > 0, configurable: true, writable: true} : {get: () => value, enumerable: true, configurable: true});
const list = depth => {
	const a = Array.from({length: random(5)}, () => make(depth - 1));
	if (!random(12)) a.length += random(3);
	if (!random(12)) delete a[0];
	if (!random(20)) a.extra = 1;
	if (!random(20) && a.length) define(a, 0, make(depth - 1));
	return a;
};
const object = (depth, o = {}) => {
	for (let n = random(6); n > 0; n--) define(o, random(4) ? pick(keys) : text(), make(depth - 1));
	return o;
};
class Instance { constructor(depth) { object(depth, this) } method() {} get accessor() { return 1 } }
const odd = [
	() => undefined, () => new Date(random(2 ** 40)), () => new Date(NaN), () => new String(text()), () => new Number(number()),
	() => new Boolean(random(2)), () => Object(random(2) > 0),
	depth => new Instance(depth), depth => object(depth, Object.create(null)), depth => Object.freeze(object(depth)),
	depth => Object.freeze(list(depth)), depth => new Proxy(object(depth), {}), depth => new Proxy(list(depth), {}),
	depth => { const value = random(3) ? JSON.parse(JSON.stringify([make(depth - 1)]))[0] : new Date(0); return {toJSON() { return value }} },
	depth => ({toJSON(key) { return key }}), depth => ({toJSON: object(depth)}), depth => Object.assign(() => 1, {toJSON: () => 2}),
	depth => object(depth, Object.create({inherited: 1, toJSON: 5})), depth => (function() { return arguments })(make(depth - 1), 2),
];
function make(depth) {
	const n = random(100);
	if (depth <= 0 || n < 45) return n < 10 ? pick([null, true, false]) : n < 28 ? number() : text();
	return n < 65 ? object(depth) : n < 83 ? list(depth) : pick(odd)(depth);
}
// same compares two values that come from JSON down to their prototypes.
function same(a, b) {
	if (Object.is(a, b)) return true;
	if (typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
	const names = Reflect.ownKeys(a), other = Reflect.ownKeys(b);
	return Object.getPrototypeOf(a) === Object.getPrototypeOf(b) && Object.isExtensible(a) && Object.isExtensible(b) &&
		Array.isArray(a) === Array.isArray(b) && names.length === other.length && names.every((name, i) => {
			const p = Object.getOwnPropertyDescriptor(a, name), q = Object.getOwnPropertyDescriptor(b, name);
			return name === other[i] && p.enumerable === q.enumerable && p.writable === q.writable &&
				p.configurable === q.configurable && same(p.value, q.value);
		});
}
// spoil puts a value somewhere inside of another, and returns that and the path.
function spoil(value) {
	let path = "";
	for (let n = random(5); n > 0; n--) {
		if (random(2)) {
			const a = list(1), at = a.length;
			a.push(value, ...list(0));
			value = a;
			path = "[" + at + "]" + path;
		} else {
			const [key, step] = pick([["k", ".k"], ["b_$1", ".b_$1"], ["a b", '["a b"]'], ["7", '["7"]'], ["", '[""]'], ["\ud800", '["\\ud800"]'], ["ä", ".ä"]]);
			value = define(object(1), key, value) && {before: 1, [key]: value, after: 2};
			path = step + path;
		}
	}
	return [value, "value" + path];
}
`

func newGenerator(t testing.TB) (*fixture, *rand.Rand) {
	f, random := newFixture(t), seed(t)
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(f.rt.Set("random", func(n int64) int64 { return random.Int64N(n) }))
	must(f.rt.Set("double", func() float64 {
		for {
			if x := math.Float64frombits(random.Uint64()); isFinite(x) {
				return x
			}
		}
	}))
	// The runtime gives some numbers the digits of their neighbours: see
	// TestNumbersComeBack. Those it cannot be asked about.
	must(f.rt.Set("fair", func(v sobek.Value) sobek.Value {
		if back, err := strconv.ParseFloat(v.String(), 64); err != nil || back != v.ToFloat() {
			return f.rt.ToValue(1)
		}
		return v
	}))
	f.js(generator)
	return f, random
}

// rounds is how many random values a test tries.
func rounds() int {
	if testing.Short() {
		return 20_000
	}
	return 200_000
}

// Random values: the same bytes as JSON.stringify, and back the same values as
// JSON.parse makes.
func TestLikeTheRuntime(t *testing.T) {
	f, _ := newGenerator(t)
	build, same := f.function("make"), f.function("same")
	for n := range rounds() {
		v := f.call(build, f.rt.ToValue(n%5))
		want := "null"
		if text := f.call(f.stringify, v); isNegativeZero(v) {
			want = "-0"
		} else if !sobek.IsUndefined(text) {
			want = text.String()
		}
		text := f.stored(v, serializationJSON)
		if text != want {
			t.Fatalf("value %d:\n got %s\nwant %s", n, text, want)
		}
		decoded, err := f.d.decode([]byte(text), serializationJSON)
		if err != nil {
			t.Fatalf("value %d: %s: %v", n, text, err)
		}
		if again := f.stored(decoded, serializationJSON); again != text {
			t.Fatalf("value %d:\n was %s\n now %s", n, text, again)
		}
		if strings.Contains(text, `\ud`) {
			continue // JSON.parse loses lone surrogates
		}
		if parsed := f.call(f.parse, f.rt.ToValue(text)); !f.call(same, decoded, parsed).ToBoolean() {
			t.Fatalf("value %d: %s:\n got %s\nwant %s", n, text, f.call(f.stringify, decoded), f.call(f.stringify, parsed))
		}
	}
}

// Something that JSON cannot hold is found wherever it is, with the path.
func TestRefusedAnywhere(t *testing.T) {
	f, _ := newGenerator(t)
	spoil := f.function("spoil")
	bad := []sobek.Value{}
	for _, source := range []string{
		`NaN`, `-Infinity`, `1n`, `Symbol()`, `(() => 1)`, `new Map()`, `new Set()`, `new WeakMap()`, `new WeakSet()`,
		`Promise.resolve()`, `new ArrayBuffer(1)`, `new Uint8Array(1)`, `new DataView(new ArrayBuffer(1))`, `new Number(NaN)`,
	} {
		bad = append(bad, f.js(source))
	}
	for n := range rounds() / 10 {
		pair := f.call(spoil, bad[n%len(bad)]).(*sobek.Object)
		message := f.refused(pair.Get("0"), serializationJSON)
		if path := pair.Get("1").String(); !strings.HasPrefix(message, path+" is ") {
			t.Fatalf("%s: %s", path, message)
		}
	}
}

// randomText writes a JSON text with all the liberties that JSON allows.
func randomText(random *rand.Rand, b *strings.Builder, depth int) {
	space := func() {
		for random.IntN(6) == 0 {
			b.WriteByte(" \t\n\r"[random.IntN(4)])
		}
	}
	members := func(opening, closing byte, named bool) {
		b.WriteByte(opening)
		for n := random.IntN(5); n > 0; n-- {
			space()
			if named {
				randomString(random, b)
				space()
				b.WriteByte(':')
			}
			randomText(random, b, depth-1)
			if n > 1 {
				b.WriteByte(',')
			}
		}
		space()
		b.WriteByte(closing)
	}
	space()
	switch n := random.IntN(12); {
	case n < 3 && depth > 0:
		members('{', '}', true)
	case n < 6 && depth > 0:
		members('[', ']', false)
	case n < 8:
		randomString(random, b)
	case n < 11:
		pieces := [][]string{{"", "-"}, {"0", "7", "12", "100000000000000000000", "999999999999999", "9007199254740993"},
			{"", "", ".0", ".5", ".000100"}, {"", "", "e1", "E+2", "e-3", "e-400"}}
		for _, piece := range pieces {
			b.WriteString(piece[random.IntN(len(piece))])
		}
	default:
		b.WriteString([]string{"null", "true", "false"}[random.IntN(3)])
	}
	space()
}

func randomString(random *rand.Rand, b *strings.Builder) {
	pieces := []string{"a", "b", "key", "1", "0", "__proto__", " ", "/", `\/`, `\"`, `\\`, `\n`, `\b`, `\f`, `\t`, `\r`, `\u0041`,
		`\u00E4`, `\ud83d\ude00`, "ä", "€", "😀", "\u2028", "\x7f", `\u0000`, "a longer piece of text"}
	b.WriteByte('"')
	for n := random.IntN(4); n > 0; n-- {
		b.WriteString(pieces[random.IntN(len(pieces))])
	}
	b.WriteByte('"')
}

// Random texts, right ones and damaged ones, are taken or refused, and read, as
// JSON.parse does.
func TestDecodeLikeTheRuntime(t *testing.T) {
	f, random := newGenerator(t)
	same := f.function("same")
	taken := 0
	for n := range rounds() {
		var b strings.Builder
		randomText(random, &b, n%4)
		text := []byte(b.String())
		for range random.IntN(3) * random.IntN(2) {
			damage(random, &text)
		}
		taken += compareDecode(f, same, text)
	}
	if taken < rounds()/4 || taken == rounds() {
		t.Errorf("%d of %d texts taken", taken, rounds())
	}
}

func damage(random *rand.Rand, text *[]byte) {
	const pieces = `{}[]",:0123456789.eE+-\u dtrfalsn/` + "\x00\x1f\n\t'x"
	at := random.IntN(len(*text) + 1)
	piece := pieces[random.IntN(len(pieces))]
	switch end := min(at+1, len(*text)); random.IntN(3) {
	case 0:
		*text = append((*text)[:at:at], (*text)[end:]...)
	case 1:
		*text = append(append((*text)[:at:at], piece), (*text)[at:]...)
	default:
		*text = append(append((*text)[:at:at], piece), (*text)[end:]...)
	}
}

// compareDecode tells (1 or 0) whether the text was taken.
func compareDecode(f *fixture, same sobek.Callable, text []byte) int {
	f.Helper()
	decoded, err := f.d.decode(text, serializationJSON)
	parsed, wrong := f.parse(nil, f.rt.ToValue(string(text)))
	if !utf8.Valid(text) || strings.Contains(strings.ToLower(string(text)), `\ud`) || !json.Valid(text) {
		// The runtime replaces what is not UTF-8 and lone surrogates, and takes
		// some texts that are not JSON.
		if json.Valid(text) && utf8.Valid(text) && wrong == nil && err != nil || err == nil && !json.Valid(text) {
			f.Fatalf("%q: %v", text, err)
		}
		return 0
	}
	if (err == nil) != (wrong == nil) {
		f.Fatalf("%q: %v; JSON.parse: %v", text, err, wrong)
	}
	if err != nil {
		return 0
	}
	if !f.call(same, decoded, parsed).ToBoolean() {
		f.Fatalf("%q:\n got %s\nwant %s", text, f.call(f.stringify, decoded), f.call(f.stringify, parsed))
	}
	return 1
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		smallJSON, `{"__proto__":1,"a":{"a":[]}}`, `["\ud83d\ude00\ud800",1e5,-0.5e-3]`, ` [ 1 , { "a" : null } ] `, `"\u00e4"`, `[1,]`, `1e999`,
	} {
		f.Add([]byte(text))
	}
	fixture := newFixture(f)
	if _, err := fixture.rt.RunString(generator); err != nil {
		f.Fatal(err)
	}
	same := fixture.function("same")
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.Count(string(text), "[")+strings.Count(string(text), "{") > 5000 {
			return // json.Valid ends at 10,000 levels
		}
		fixture.TB = t
		compareDecode(fixture, same, text)
	})
}

// FuzzEncodeRoundTrip takes the input as a script string, as a member's name and
// as a piece of JSON.
func FuzzEncodeRoundTrip(f *testing.F) {
	for _, text := range []string{smallJSON, `[null,"a"]`, "ä\uFFFD\xff", "\x00", "__proto__", "-0", ""} {
		f.Add(text)
	}
	fixture := newFixture(f)
	wrap := fixture.function(`text => ({[text]: [text, {text}], half: text.slice(1) + "\ud800" + text})`)
	f.Fuzz(func(t *testing.T, text string) {
		fixture.TB = t
		values := []sobek.Value{fixture.call(wrap, fixture.rt.ToValue(text))}
		if v, err := fixture.d.decode([]byte(text), serializationJSON); err == nil {
			values = append(values, v)
		}
		for _, v := range values {
			stored := fixture.stored(v, serializationJSON)
			if want := fixture.call(fixture.stringify, v).String(); stored != want && stored != "-0" {
				t.Fatalf("stored %s, want %s", stored, want)
			}
			decoded, err := fixture.d.decode([]byte(stored), serializationJSON)
			if err != nil {
				t.Fatalf("%s: %v", stored, err)
			}
			if again := fixture.stored(decoded, serializationJSON); again != stored {
				t.Fatalf("was %s, now %s", stored, again)
			}
		}
	})
}
