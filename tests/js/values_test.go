package js_test

import (
	"fmt"
	"strings"
	"testing"
)

// value is a row of the table of values: an expression, and what get gives
// back after set. An empty want means a SerializerError.
type value struct {
	js                string
	json, str, binary string
}

const (
	kept    = "kept" // the string itself
	refused = "!SerializerError"
	useJSON = "!SerializerError|json"
)

var values = []value{
	// Strings.
	{`""`, `""`, `""`, `ArrayBuffer()`},
	{`"abc"`, `"abc"`, `"abc"`, `ArrayBuffer(97,98,99)`},
	{`"a\u0000b"`, `"a\u0000b"`, `"a\u0000b"`, `ArrayBuffer(97,0,98)`},
	{`"\u00e9\u20ac\u{1f600}"`, `"é€😀"`, `"é€😀"`,
		`ArrayBuffer(195,169,226,130,172,240,159,152,128)`},
	{`"\"\\/\b\f\n\r\t\u001f\u007f"`, `"\"\\/\b\f\n\r\t\u001f` + "\x7f\"",
		`"\"\\/\b\f\n\r\t\u001f` + "\x7f\"", `ArrayBuffer(34,92,47,8,12,10,13,9,31,127)`},
	{`"\u2028<&>\u2029"`, "\"\u2028<&>\u2029\"", "\"\u2028<&>\u2029\"",
		`ArrayBuffer(226,128,168,60,38,62,226,128,169)`},
	{`"null"`, `"null"`, `"null"`, `ArrayBuffer(110,117,108,108)`},

	// Numbers and booleans.
	{`0`, `0`, `"0"`, refused},
	{`-0`, `-0`, `"0"`, refused},
	{`1`, `1`, `"1"`, refused},
	{`-1.5`, `-1.5`, `"-1.5"`, refused},
	{`0.1 + 0.2`, `0.30000000000000004`, `"0.30000000000000004"`, refused},
	{`1e21`, `1e+21`, `"1e+21"`, refused},
	{`123456789012345680000`, `123456789012345680000`, `"123456789012345680000"`, refused},
	{`1e-7`, `1e-7`, `"1e-7"`, refused},
	{`5e-324`, `5e-324`, `"5e-324"`, refused},
	{`Number.MAX_VALUE`, `1.7976931348623157e+308`, `"1.7976931348623157e+308"`, refused},
	{`Number.MAX_SAFE_INTEGER`, `9007199254740991`, `"9007199254740991"`, refused},
	{`-(2 ** 53)`, `-9007199254740992`, `"-9007199254740992"`, refused},
	{`2 ** 63`, `9223372036854776000`, `"9223372036854776000"`, refused},
	{`true`, `true`, `"true"`, refused},
	{`false`, `false`, `"false"`, refused},

	// Nothing.
	{`null`, `null`, refused, refused},
	{`undefined`, `null`, refused, refused},

	// Objects and arrays, as JSON.stringify writes them.
	{`({})`, `{}`, useJSON, refused},
	{`[]`, `[]`, useJSON, refused},
	{`({b: 1, a: 2, c: 3})`, `{"b":1,"a":2,"c":3}`, useJSON, refused},
	{`({b: 1, 10: "x", 9: "y"})`, `{"9":"y","10":"x","b":1}`, useJSON, refused},
	{`({a: undefined, b: null})`, `{"b":null}`, useJSON, refused},
	{`[undefined, null, 1]`, `[null,null,1]`, useJSON, refused},
	{`[1, , 3]`, `[1,null,3]`, useJSON, refused},
	{`({a: [{b: [[]]}], c: {d: {}}})`, `{"a":[{"b":[[]]}],"c":{"d":{}}}`, useJSON, refused},
	{`({"": 1, "\u00e9\u0000\"": 2})`, `{"":1,"é\u0000\"":2}`, useJSON, refused},
	{`[-0, 1e21, "x", true]`, `[0,1e+21,"x",true]`, useJSON, refused},
	{`JSON.parse('{"__proto__": {"a": 1}, "b": 2}')`, `{"__proto__":{"a":1},"b":2}`, useJSON,
		refused},
	{`({constructor: 1, toString: 2, length: 3})`, `{"constructor":1,"toString":2,"length":3}`,
		useJSON, refused},
	{`new Date(0)`, `"1970-01-01T00:00:00.000Z"`, refused, refused},
	{`({at: new Date(0)})`, `{"at":"1970-01-01T00:00:00.000Z"}`, useJSON, refused},
	{`({toJSON() { return {x: 1}; }})`, `{"x":1}`, refused, refused},
	{`({a: {toJSON: (key) => "key " + key}})`, `{"a":"key a"}`, useJSON, refused},
	{`[{toJSON: (key) => "key " + key}]`, `["key 0"]`, useJSON, refused},
	{`({a: {toJSON() {}}, b: 1})`, `{"b":1}`, useJSON, refused},
	{`Object.assign(Object.create(null), {a: 1})`, `{"a":1}`, useJSON, refused},
	{`Object.create({inherited: 1}, {hidden: {value: 1}, seen: {value: 2, enumerable: true}})`,
		`{"seen":2}`, refused, refused},
	{`new (class { a = 1; #b = 2; c() {} })()`, `{"a":1}`, refused, refused},
	{`({get a() { return 5; }})`, `{"a":5}`, useJSON, refused},
	{`Object.assign([1], {extra: 2})`, `[1]`, useJSON, refused},
	{`new Proxy({a: 1}, {})`, `{"a":1}`, refused, refused},
	{`new Proxy([1, 2], {})`, `[1,2]`, refused, refused},
	{`(() => { const a = {n: 1}; return [a, a]; })()`, `[{"n":1},{"n":1}]`, useJSON, refused},
	{`({n: new Number(5), s: new String("x"), b: new Boolean(false)})`,
		`{"n":5,"s":"x","b":false}`, useJSON, refused},

	// What JSON.stringify would drop or change without a word.
	{`NaN`, `!SerializerError|NaN`, `!SerializerError|NaN`, refused},
	{`Infinity`, `!SerializerError|Infinity`, `!SerializerError|Infinity`, refused},
	{`-Infinity`, `!SerializerError|-Infinity`, `!SerializerError|-Infinity`, refused},
	{`10n`, `!SerializerError|BigInt`, refused, refused},
	{`(() => 1)`, `!SerializerError|function`, refused, refused},
	{`Symbol("s")`, `!SerializerError|symbol`, refused, refused},
	{`new Map([[1, 2]])`, `!SerializerError|Map`, refused, refused},
	{`new Set([1])`, `!SerializerError|Set`, refused, refused},
	{`Promise.resolve(1)`, `!SerializerError|Promise`, refused, refused},
	{`({a: NaN})`, `!SerializerError|NaN|a`, useJSON, refused},
	{`({items: [1, {price: NaN}]})`, `!SerializerError|NaN|items[1].price`, useJSON, refused},
	{`[[0, [-Infinity]]]`, `!SerializerError|-Infinity|[0][1][0]`, useJSON, refused},
	{`({a: {b: 10n}})`, `!SerializerError|BigInt|a.b`, useJSON, refused},
	{`({a: [() => 1]})`, `!SerializerError|function|a[0]`, useJSON, refused},
	{`({a: [Symbol("s")]})`, `!SerializerError|symbol|a[0]`, useJSON, refused},
	{`({a: {b: new Map()}})`, `!SerializerError|Map|a.b`, useJSON, refused},
	{`({a: {b: new Set()}})`, `!SerializerError|Set|a.b`, useJSON, refused},
	{`({"\ufffd": NaN})`, `!SerializerError|NaN`, useJSON, refused},
	{`({"\ud800": [1n]})`, `!SerializerError|BigInt`, useJSON, refused},
	{`({"\ud800": new Map()})`, `!SerializerError|Map`, useJSON, refused},
	{`(() => { const a = {"\ud800": 1}; a.up = a; return a; })()`, `!SerializerError|up`, useJSON,
		refused},
	{`({"\ufffd": "\ufffd", "a\ud800": "\udfff"})`, `{"�":"�","a\ud800":"\udfff"}`, useJSON,
		refused},
	{`({"x y": {"": NaN}})`, `!SerializerError|NaN|x y`, useJSON, refused},
	{`({a: {toJSON: () => ({b: NaN})}})`, `!SerializerError|NaN|a.b`, useJSON, refused},
	{`({toJSON: () => NaN})`, `!SerializerError|NaN`, refused, refused},
	{`(() => { const a = {n: {}}; a.n.up = a; return a; })()`, `!SerializerError|n.up`, useJSON,
		refused},
	{`(() => { const a = [[]]; a[0].push(a); return a; })()`, `!SerializerError|[0][0]`, useJSON,
		refused},

	// Bytes.
	{`new Uint8Array([104, 105]).buffer`, `!SerializerError|binary`, `"hi"`,
		`ArrayBuffer(104,105)`},
	{`new Uint8Array([104, 105])`, `!SerializerError|binary`, `"hi"`, `ArrayBuffer(104,105)`},
	{`new Uint8Array([1, 104, 105, 2]).subarray(1, 3)`, `!SerializerError|binary`, `"hi"`,
		`ArrayBuffer(104,105)`},
	{`new Uint8Array(0)`, `!SerializerError|binary`, `""`, `ArrayBuffer()`},
	{`new Uint8Array([0, 255, 128])`, `!SerializerError|binary`, `!SerializerError|UTF-8`,
		`ArrayBuffer(0,255,128)`},
	{`new Uint16Array([0x6968])`, `!SerializerError|binary`, `"hi"`, `ArrayBuffer(104,105)`},
	{`new Uint8ClampedArray([104])`, `!SerializerError|binary`, `"h"`, `ArrayBuffer(104)`},
	{`new Float32Array([1])`, `!SerializerError|binary`, `!SerializerError|UTF-8`,
		`ArrayBuffer(0,0,128,63)`},
	{`new BigInt64Array([-1n])`, `!SerializerError|binary`, `!SerializerError|UTF-8`,
		`ArrayBuffer(255,255,255,255,255,255,255,255)`},
	{`({a: [new Uint8Array(1)]})`, `!SerializerError|b64encode|a[0]`, useJSON, refused},
	{`({a: new ArrayBuffer(1)})`, `!SerializerError|b64encode|a`, useJSON, refused},
}

// wanted is what the table says for a serialization.
func (v value) wanted(serialization string) string {
	switch serialization {
	case "json":
		return v.json
	case "string":
		return v.str
	default:
		return v.binary
	}
}

// Besides get, list and what set resolves to are looked at.
func TestValues(t *testing.T) {
	for _, serialization := range []string{"json", "string", "binary"} {
		t.Run(serialization, func(t *testing.T) {
			t.Parallel()
			var rows []row
			for _, value := range values {
				js := fmt.Sprintf(`
					const value = %s;
					if (!Object.is(await kv.set("k", value), value)) return "set gave another value";
					const [{value: listed}] = await kv.list();
					const got = await kv.get("k");
					return show(listed) === show(got) ? got : [got, "but list gives", listed];`,
					value.js)
				rows = append(rows, row{js, value.wanted(serialization)})
			}
			runRows(t, stores(serialization), rows)
		})
	}
}

// A value that is refused leaves the old one, and does not hold up what follows.
func TestRefusedValueChangesNothing(t *testing.T) {
	t.Parallel()
	runRows(t, stores("json"), []row{
		{`await kv.set("k", 1);
		const outcomes = await Promise.allSettled(
			[kv.set("k", NaN), kv.set("j", 2), kv.set("k", {a: 1n})]);
		return [outcomes.map((o) => o.status), await kv.list()];`,
			`[["rejected","fulfilled","rejected"],[{"key":"j","value":2},{"key":"k","value":1}]]`},
	})
}

func TestValuesInJSON(t *testing.T) {
	t.Parallel()
	runRows(t, stores("json"), []row{
		// Whatever is wrong with a value, the message tells the key as well.
		{`kv.set("my key", {a: NaN})`, `!SerializerError|set|"my key"|a`},
		// No argument is the same as undefined.
		{`const given = await kv.set("k"); return [given, await kv.get("k")];`,
			`[undefined,null]`},
		// JSON.stringify writes a lone surrogate as \ud800, so JSON can hold it.
		{`const text = "a\ud800b"; await kv.set("k", text); return await kv.get("k") === text;`,
			`true`},
		// The value is read when set is called.
		{`const value = {n: 1}; const done = kv.set("k", value); value.n = 2; await done;
		return (await kv.get("k")).n;`, `1`},
		// What comes back can be changed, belongs to the caller, and can be stored again.
		{`await kv.set("k", {a: [1], o: {}}); const one = await kv.get("k");
		one.b = 2; one.a.push(3); delete one.o; await kv.set("j", one);
		return [Object.isExtensible(one), one, await kv.get("k"), await kv.get("j")];`,
			`[true,{"a":[1,3],"b":2},{"a":[1],"o":{}},{"a":[1,3],"b":2}]`},
		{`await kv.set("k", {a: [1, {}]}); const {a} = await kv.get("k");
		return [Array.isArray(a), Object.getPrototypeOf(a) === Array.prototype,
			Object.getPrototypeOf(a[1]) === Object.prototype, a.map((x) => typeof x)];`,
			`[true,true,true,["number","object"]]`},
		// A key "__proto__" is a property like others, and no way to the prototype.
		{`await kv.set("k", JSON.parse('{"__proto__": {"polluted": 1}}'));
		const back = await kv.get("k");
		return [back.polluted, ({}).polluted, Object.keys(back)];`,
			`[undefined,undefined,["__proto__"]]`},
		// What the script's own code throws is what set rejects with.
		{`await kv.set("k", {get a() { throw new RangeError("out of my range, I say"); }});
		return 1;`, `!RangeError|my range`},
		{`await kv.set("k", {a: {toJSON() { throw new TypeError("no JSON of me, thank you"); }}});
		return 1;`, `!TypeError|no JSON of me`},
		{`try { await kv.set("k", {get a() { throw 42; }}); } catch (e) { return ["threw", e]; }
		return 1;`, `["threw",42]`},
	})
}

// These take long, so they run on two stores only.
func TestLargeValues(t *testing.T) {
	t.Parallel()
	all := stores("json")
	runRows(t, []store{all[0], all[2]}, []row{
		{`const text = "\u20ac\u{1f600}x".repeat(100000); await kv.set("k", text);
		return await kv.get("k") === text;`, `true`},
		{`const list = Array.from({length: 20000}, (_, i) => ({id: i, name: "n" + i}));
		await kv.set("k", list);
		return JSON.stringify(await kv.get("k")) === JSON.stringify(list);`, `true`},
		// Nesting: 10,000 levels are allowed, one more is not.
		{nest(10000) + `await kv.set("k", value); let back = await kv.get("k"), depth = 0;
		for (; back.length; back = back[0]) depth++; return depth;`, `9999`},
		{nest(10001) + `await kv.set("k", value); return "stored";`, `!SerializerError|10000`},
		{nest(100000) + `await kv.set("k", value); return "stored";`, `!SerializerError`},
		{`let value = {"\ud800": 1}; for (let i = 1; i < 50000; i++) value = {"\ud800": value};
		await kv.set("k", value); return "stored";`, `!SerializerError`},
		{`let value = {}; for (let i = 1; i < 50000; i++) value = {a: value};
		await kv.set("k", value); return "stored";`, `!SerializerError`},
		{`let value = {n: 0}; for (let i = 1; i < 10000; i++) value = {a: value};
		await kv.set("k", value); let back = await kv.get("k"), depth = 1;
		for (; back.a; back = back.a) depth++; return [depth, back.n];`, `[10000,0]`},
	})
}

func TestValuesInStringAndBinary(t *testing.T) {
	t.Parallel()
	runRows(t, stores("string"), []row{
		{`await kv.set("k"); return 1;`, refused},
		{`await kv.set("k", "\ud800"); return await kv.get("k");`, refused},
		{`const text = "\u20acx".repeat(100000); await kv.set("k", text);
		return await kv.get("k") === text;`, `true`},
	})
	runRows(t, stores("binary"), []row{
		{`await kv.set("k"); return 1;`, refused},
		{`await kv.set("k", "\ud800"); return await kv.get("k");`, refused},
		// The bytes are read when set is called, and those that come back are a copy.
		{`const bytes = new Uint8Array([1, 2]); const done = kv.set("k", bytes); bytes[0] = 9;
		await done; const one = new Uint8Array(await kv.get("k")); one[1] = 9;
		return kv.get("k");`, `ArrayBuffer(1,2)`},
		{`const bytes = new Uint8Array(300000).map((_, i) => i * 7); await kv.set("k", bytes);
		const back = new Uint8Array(await kv.get("k"));
		return [back.length, back.every((byte, i) => byte === bytes[i])];`, `[300000,true]`},
		{`await kv.set("k", new ArrayBuffer(4)); const back = await kv.get("k");
		return [back instanceof ArrayBuffer, back.byteLength];`, `[true,4]`},
	})
}

// nest is code that makes an array with so many levels.
func nest(levels int) string {
	return strings.ReplaceAll(`let value = []; for (let i = 1; i < N; i++) value = [value]; `, "N",
		fmt.Sprint(levels))
}
