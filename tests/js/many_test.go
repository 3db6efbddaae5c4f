package js_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/xk6-kv/xkv"
)

func TestManyKeys(t *testing.T) {
	t.Parallel()
	const five = `await fill(kv, ["b", "a:2", "a:1", "a", "c"]); `
	runRows(t, stores("json"), []row{
		// getMany
		{`kv.getMany([])`, `[]`},
		{`await kv.set("a", {n: 1}); await kv.set("n", null); return kv.getMany(["n", "x", "a", "", "a"]);`,
			`[{"key":"n","exists":true,"value":null},{"key":"x","exists":false,"value":null},` +
				`{"key":"a","exists":true,"value":{"n":1}},{"key":"","exists":false,"value":null},` +
				`{"key":"a","exists":true,"value":{"n":1}}]`},
		{five + `return (await kv.getMany(new Set(["a", "b"]))).map((e) => e.value);`, `["a","b"]`},
		{five + `function* some() { yield "b"; yield "c"; }
			return (await kv.getMany(some())).map((e) => e.value);`, `["b","c"]`},
		{five + `const own = {[Symbol.iterator]: () => ["a", "b"].values()};
			return (await kv.getMany(own)).map((e) => e.value);`, `["a","b"]`},
		{five + `return (await kv.getMany(new Map([["a", 1]]).keys())).map((e) => e.value);`, `["a"]`},
		{five + `return (await kv.getMany(new Proxy(["a", "b"], {}))).map((e) => e.value);`, `["a","b"]`},
		{five + `class List extends Array { *[Symbol.iterator]() { yield "c"; } }
			return (await kv.getMany(List.of("a", "b"))).map((e) => e.value);`, `["c"]`},
		{five + `const keys = Object.freeze(["a", "b"]);
			return (await kv.getMany(keys)).map((e) => e.value);`, `["a","b"]`},
		{five + `return (await kv.getMany(await kv.listKeys({prefix: "a:"}))).map((e) => e.value);`,
			`["a:1","a:2"]`},
		{`const many = Array.from({length: 5000}, (_, i) => "k" + i); await fill(kv, many);
		const got = await kv.getMany(many);
		return [got.length, got.every((e, i) => e.key === many[i] && e.value === many[i])];`, `[5000,true]`},
		{`await kv.set("a", "x"); const [e] = await kv.getMany(["a"]); e.more = 1;
		return [Object.getPrototypeOf(e) === Object.prototype, e];`,
			`[true,{"key":"a","exists":true,"value":"x","more":1}]`},
		{`kv.getMany(["x".repeat(40000)]).then(([e]) => e.exists, (e) => e.name)`, `"InvalidOptionsError"`},

		// setMany
		{`return [await kv.setMany({}), await kv.size()];`, `[{"written":0},0]`},
		{`return [await kv.setMany({b: [1], a: {x: null}, n: null, u: undefined}), await kv.list()];`,
			`[{"written":4},[{"key":"a","value":{"x":null}},{"key":"b","value":[1]},` +
				`{"key":"n","value":null},{"key":"u","value":null}]]`},
		{`await kv.set("a", 1); await kv.setMany({a: 2}); return kv.get("a");`, `2`},
		{`await kv.setMany(Object.assign(Object.create(null), {a: 1})); return kv.listKeys();`, `["a"]`},
		{`await kv.setMany({["__proto__"]: 1, 10: 2, "\ufffd": 3, "ä€😀": 4}); return kv.listKeys();`,
			"[\"10\",\"__proto__\",\"ä€😀\",\"\uFFFD\"]"},
		{`const many = {}; for (let i = 0; i < 5000; i++) many["k" + i] = {i};
		return [await kv.setMany(many), await kv.size(), await kv.get("k4999")];`,
			`[{"written":5000},5000,{"i":4999}]`},
		{`const big = "x".repeat(300000); return [await kv.setMany({a: big, b: big, c: big}),
			(await kv.get("c")).length];`, `[{"written":3},300000]`},
		{`await kv.setMany({a: 1, [Symbol("s")]: 2}); return kv.size();`, `1`},
		{`const got = Object.fromEntries((await kv.list()).map((e) => [e.key, e.value]));
		return kv.setMany(got);`, `{"written":0}`},

		// deleteMany
		{`kv.deleteMany([])`, `{"deleted":0,"missing":0}`},
		{five + `return [await kv.deleteMany(["a", "x", "a", "b"]), await kv.listKeys()];`,
			`[{"deleted":2,"missing":2},["a:1","a:2","c"]]`},
		{five + `return [await kv.deleteMany(new Set(["c", "x"])), await kv.size()];`,
			`[{"deleted":1,"missing":1},4]`},
		{five + `return kv.deleteMany(await kv.listKeys());`, `{"deleted":5,"missing":0}`},
		{five + `return kv.deleteMany(["a", ""]).catch(async (e) => [e.name, await kv.size()]);`,
			`["InvalidOptionsError",5]`},
		{`kv.deleteMany(["a", ""])`, `!InvalidOptionsError|deleteMany|empty`},
		{`kv.deleteMany(["a", "x".repeat(32769)])`, `!InvalidOptionsError|deleteMany|32768`},

		// deleteByPrefix
		{five + `return [await kv.deleteByPrefix({prefix: "a", limit: 2}), await kv.listKeys(),
			await kv.deleteByPrefix({prefix: "a", limit: 1}), await kv.deleteByPrefix({prefix: "a", limit: 1}),
			await kv.deleteByPrefix({prefix: "b", limit: 100000})];`,
			`[{"deleted":2,"done":false},["a:2","b","c"],{"deleted":1,"done":true},` +
				`{"deleted":0,"done":true},{"deleted":1,"done":true}]`},
		{five + `return kv.deleteByPrefix({prefix: "", limit: 1}).catch(async (e) => [e.name, await kv.size()]);`,
			`["InvalidOptionsError",5]`},

		// listKeys, count
		{`kv.listKeys()`, `[]`},
		{five + `return [await kv.listKeys(), await kv.listKeys({prefix: "a:"}), await kv.listKeys({limit: 2}),
			await kv.listKeys({limit: 0}).then((l) => l.length), await kv.listKeys({prefix: "x"}), await kv.listKeys(null)];`,
			`[["a","a:1","a:2","b","c"],["a:1","a:2"],["a","a:1"],5,[],["a","a:1","a:2","b","c"]]`},
		{five + `return [await kv.count(), await kv.count({prefix: "a"}), await kv.count({prefix: "x"})];`, `[5,3,0]`},

		// randomKeys
		{`kv.randomKeys({count: 3})`, `[]`},
		{five + `return [(await kv.randomKeys({count: 10})).sort(), (await kv.randomKeys({count: 2, prefix: "a:"})).sort(),
			new Set(await kv.randomKeys({count: 4})).size, (await kv.randomKeys({count: 50, unique: false})).length,
			(await kv.randomKeys({count: 4, unique: true, prefix: "a"})).length];`,
			`[["a","a:1","a:2","b","c"],["a:1","a:2"],4,50,3]`},
		{`kv.randomKeys({count: 5, unique: false})`, `[]`},
		{`await fill(kv, ["a"]); return kv.randomKeys({count: 3, unique: false});`, `["a","a","a"]`},
	})
}

// Pages see every key once, whatever happens between them.
func TestScan(t *testing.T) {
	t.Parallel()
	const walk = `const walk = async (call, field, options) => {
			const pages = []; let cursor = "";
			for (;;) {
				const page = await kv[call]({...options, cursor});
				pages.push(page[field].map((e) => e.key ?? e).join(""));
				if (page.done) return [pages, page.cursor];
				cursor = page.cursor;
			}
		};`
	runRows(t, stores("json"), []row{
		{`kv.scan()`, `{"entries":[],"cursor":"","done":true}`},
		{`kv.scanKeys({limit: 3})`, `{"keys":[],"cursor":"","done":true}`},
		{`await kv.set("a", {n: 1}); return kv.scan({limit: 1});`,
			`{"entries":[{"key":"a","value":{"n":1}}],"cursor":"","done":true}`},
		{`await fill(kv, ["a", "b"]); const page = await kv.scanKeys({limit: 1});
		return [Object.keys(page), page.keys, typeof page.cursor, /^[A-Za-z0-9+/=_-]+$/.test(page.cursor), page.done];`,
			`[["keys","cursor","done"],["a"],"string",true,false]`},
		{walk + `await fill(kv, ["a", "b", "c", "d", "e"]);
		return [await walk("scan", "entries", {limit: 2}), await walk("scanKeys", "keys", {limit: 5}),
			await walk("scanKeys", "keys", {limit: 1}), await walk("scanKeys", "keys", {limit: 0}),
			await walk("scanKeys", "keys", {limit: -1}), await walk("scan", "entries", {})];`,
			`[[["ab","cd","e"],""],[["abcde"],""],[["a","b","c","d","e"],""],[["abcde"],""],[["abcde"],""],[["abcde"],""]]`},
		{walk + `await fill(kv, ["x", "p:1", "p:2", "p:3", "q"]);
		return walk("scanKeys", "keys", {limit: 2, prefix: "p:"});`, `[["p:1p:2","p:3"],""]`},
		{`await fill(kv, ["a", "b", "c", "d"]); const first = await kv.scanKeys({limit: 2});
		await kv.delete("b"); await kv.set("bb", 1); await kv.set("aa", 1);
		return (await kv.scanKeys({limit: 9, cursor: first.cursor})).keys;`, `["bb","c","d"]`},
		{`await fill(kv, ["a\u0000", "a", "ä", "\u{10000}"]); const first = await kv.scanKeys({limit: 3});
		return [first.keys, (await kv.scanKeys({cursor: first.cursor})).keys];`,
			"[[\"a\",\"a\\u0000\",\"ä\"],[\"\U00010000\"]]"},
		{`const long = "k".repeat(32768); await fill(kv, [long, "z"]); const first = await kv.scanKeys({limit: 1});
		return [first.keys[0] === long, (await kv.scanKeys({cursor: first.cursor})).keys];`, `[true,["z"]]`},
		{`await fill(kv, ["a", "b"]); return [await kv.scanKeys({cursor: ""}), await kv.scanKeys({cursor: null})].map((p) => p.keys.length);`,
			`[2,2]`},
		{`kv.scan({limit: 100001})`, `!InvalidOptionsError|scan|limit|100001|100000`},
		{`kv.scanKeys({limit: 100001})`, `!InvalidOptionsError|scanKeys|limit|100001|100000`},
		{`kv.scan({cursor: "no cursor!"})`, `!InvalidCursorError|scan|cursor`},
		{`kv.scanKeys({cursor: "abc"})`, `!InvalidCursorError|scanKeys|cursor`},
		{`kv.scanKeys({cursor: "x".repeat(100000)})`, `!InvalidCursorError|scanKeys|cursor`},
		{`kv.scan({cursor: 5})`, `!InvalidOptionsError|scan|cursor|5`},
		{`await fill(kv, ["a:1", "a:2"]); const {cursor} = await kv.scan({prefix: "a:", limit: 1});
		return kv.scan({prefix: "b:", cursor});`, `!InvalidCursorError|scan|cursor`},
		{`await fill(kv, ["a:1", "a:2"]); const {cursor} = await kv.scan({limit: 1});
		return kv.scan({cursor: cursor.slice(1)});`, `!InvalidCursorError|scan|cursor`},
	})
}

func TestSingleSteps(t *testing.T) {
	t.Parallel()
	runRows(t, stores("json"), []row{
		// getOrSet, swap
		{`return [await kv.getOrSet("k", {a: 1}), await kv.getOrSet("k", 2), await kv.get("k")];`,
			`[{"value":{"a":1},"loaded":false},{"value":{"a":1},"loaded":true},{"a":1}]`},
		{`return [await kv.getOrSet("k"), await kv.getOrSet("k", 1)];`,
			`[{"value":null,"loaded":false},{"value":null,"loaded":true}]`},
		{`return [await kv.swap("k", [1]), await kv.swap("k", "x"), await kv.swap("k"), await kv.swap("k", 1)];`,
			`[{"previous":null,"loaded":false},{"previous":[1],"loaded":true},` +
				`{"previous":"x","loaded":true},{"previous":null,"loaded":true}]`},

		// compareAndSwap
		{`return [await kv.compareAndSwap("k", undefined, 1), await kv.compareAndSwap("k", undefined, 2),
			await kv.compareAndSwap("k", 2, 3), await kv.compareAndSwap("k", 1, 3), await kv.get("k")];`,
			`[true,false,false,true,3]`},
		{`return [await kv.compareAndSwap("k", null, 1), await kv.compareAndSwap("k", null, 2), await kv.get("k"),
			await kv.set("k", null), await kv.compareAndSwap("k", undefined, 5),
			await kv.compareAndSwap("k", null, 6), await kv.get("k")];`, `[true,false,1,null,false,true,6]`},
		{`await kv.set("k", {a: 1, b: {c: [1, {d: "é"}], e: null}});
		return [await kv.compareAndSwap("k", {b: {e: null, c: [1, {d: "\u00e9"}]}, a: 1.0}, 2), await kv.get("k")];`,
			`[true,2]`},
		{`const no = []; const value = {a: [1, 2], b: "x"}; await kv.set("k", value);
		for (const other of [{a: [2, 1], b: "x"}, {a: [1, 2]}, {a: [1, 2], b: "x", c: 1}, [value], "x", 1, true,
			{a: [1, 2], b: "X"}, {a: ["1", 2], b: "x"}, {a: {0: 1, 1: 2}, b: "x"}, {a: [1, 2, null], b: "x"}])
			no.push(await kv.compareAndSwap("k", other, 0));
		return [no.some(Boolean), await kv.get("k")];`, `[false,{"a":[1,2],"b":"x"}]`},
		{`await kv.set("k", 1e21); return [await kv.compareAndSwap("k", 1000000000000000000000, 0.5),
			await kv.compareAndSwap("k", 5e-1, "1"), await kv.compareAndSwap("k", 1, 0), await kv.compareAndSwap("k", "1", -0),
			await kv.compareAndSwap("k", 0, undefined), await kv.get("k")];`, `[true,true,false,true,true,null]`},
		{`await kv.set("k", {d: new Date(0)}); return kv.compareAndSwap("k", {d: "1970-01-01T00:00:00.000Z"}, 1);`, `true`},
		{`let log = ""; const note = (name) => ({toJSON() { log += name; kv.set("other", "y".repeat(3000)); return name; }});
		await kv.set("k", "old"); return [await kv.compareAndSwap("k", note("old"), note("new")), log, await kv.get("k")];`,
			`[true,"oldnew","new"]`},
		{`const won = await Promise.all([1, 2, 3].map((n) => kv.compareAndSwap("k", undefined, n)));
		return [won, await kv.get("k")];`, `[[true,false,false],1]`},

		// compareAndSwapDetailed
		{`kv.compareAndSwapDetailed("k", undefined, 1)`, `{"swapped":true,"reason":"swapped"}`},
		{`kv.compareAndSwapDetailed("k", 1, 2)`, `{"swapped":false,"reason":"mismatch","existed":false}`},
		{`await kv.set("k", {a: 1}); return [await kv.compareAndSwapDetailed("k", 1, 2),
			await kv.compareAndSwapDetailed("k", 1, 2, {includeCurrentOnMismatch: false}),
			await kv.compareAndSwapDetailed("k", 1, 2, {includeCurrentOnMismatch: true}),
			await kv.compareAndSwapDetailed("x", 1, 2, {includeCurrentOnMismatch: true}),
			await kv.compareAndSwapDetailed("k", {a: 1}, 2, {includeCurrentOnMismatch: true})];`,
			`[{"swapped":false,"reason":"mismatch","existed":true},{"swapped":false,"reason":"mismatch","existed":true},` +
				`{"swapped":false,"reason":"mismatch","existed":true,"current":{"a":1}},` +
				`{"swapped":false,"reason":"mismatch","existed":false},{"swapped":true,"reason":"swapped"}]`},

		// compareAndDelete
		{`await kv.set("k", {a: 1, b: 2}); return [await kv.compareAndDelete("k", {a: 1}), await kv.compareAndDelete("x", 1),
			await kv.compareAndDelete("k", {b: 2, a: 1}), await kv.exists("k")];`, `[false,false,true,false]`},
		{`await kv.set("k", null); return [await kv.compareAndDelete("x", null), await kv.compareAndDelete("k", null),
			await kv.exists("k")];`, `[false,true,false]`},
		{`await kv.set("k", 1); return [await kv.compareAndDeleteDetailed("k", 2), await kv.compareAndDeleteDetailed("x", 2),
			await kv.compareAndDeleteDetailed("k", 2, {includeCurrentOnMismatch: true}),
			await kv.compareAndDeleteDetailed("k", 1)];`,
			`[{"deleted":false,"reason":"mismatch","existed":true},{"deleted":false,"reason":"mismatch","existed":false},` +
				`{"deleted":false,"reason":"mismatch","existed":true,"current":1},{"deleted":true,"reason":"deleted"}]`},
		{`kv.compareAndSwap("k")`, `!InvalidOptionsError|compareAndSwap|old is missing`},
		{`kv.compareAndSwap("k", undefined)`, `!InvalidOptionsError|compareAndSwap|new is missing`},
		{`kv.compareAndSwapDetailed("k", 1)`, `!InvalidOptionsError|compareAndSwapDetailed|new is missing`},
		{`kv.compareAndDelete("k")`, `!InvalidOptionsError|compareAndDelete|old is missing`},
		{`await kv.set("k", 1); return [await kv.compareAndDelete("k", undefined), await kv.compareAndDelete("x", undefined),
			await kv.compareAndDeleteDetailed("k", undefined), await kv.compareAndDeleteDetailed("x", undefined),
			await kv.compareAndDeleteDetailed("k", undefined, {includeCurrentOnMismatch: true}), await kv.get("k")];`,
			`[false,false,{"deleted":false,"reason":"mismatch","existed":true},` +
				`{"deleted":false,"reason":"mismatch","existed":false},` +
				`{"deleted":false,"reason":"mismatch","existed":true,"current":1},1]`},
		{`kv.compareAndDeleteDetailed("k")`, `!InvalidOptionsError|compareAndDeleteDetailed|old`},
		{`kv.compareAndSwap("k", NaN, 1)`, `!SerializerError|compareAndSwap "k": old is NaN`},
		{`kv.compareAndSwap("k", 1, {a: [NaN]})`, `!SerializerError|compareAndSwap "k": new.a[0] is NaN`},
		{`kv.compareAndSwapDetailed("k", 1, 2, {includeCurrent: true})`,
			`!InvalidOptionsError|compareAndSwapDetailed|"includeCurrent"|includeCurrentOnMismatch`},
		{`kv.compareAndSwapDetailed("k", 1, 2, {includeCurrentOnMismatch: 1})`,
			`!InvalidOptionsError|compareAndSwapDetailed|includeCurrentOnMismatch|true or false|1`},
	})
}

// Text and bytes are compared as they are, and there is no null among them.
func TestSingleStepsOnText(t *testing.T) {
	t.Parallel()
	runRows(t, stores("string"), []row{
		{`return [await kv.compareAndSwap("k", null, "1"), await kv.compareAndSwap("k", null, "2"),
			await kv.compareAndSwap("k", 1, "null"), await kv.compareAndSwap("k", null, "2"),
			await kv.compareAndSwap("k", "null", 2), await kv.compareAndSwap("k", " 2", "3"), await kv.get("k")];`,
			`[true,false,true,false,true,false,"2"]`},
		{`kv.compareAndDelete("k", null)`, `!SerializerError|compareAndDelete|old is null`},
		{`return [await kv.getOrSet("k", "v"), await kv.swap("k", ""), await kv.swap("j", "w"), await kv.getMany(["k", "x"])];`,
			`[{"value":"v","loaded":false},{"previous":"v","loaded":true},{"previous":null,"loaded":false},` +
				`[{"key":"k","exists":true,"value":""},{"key":"x","exists":false,"value":null}]]`},
		{`kv.getOrSet("k")`, `!SerializerError|getOrSet`},
		{`kv.setMany({a: "1", b: {}}).catch((e) => e.errors)`,
			`[{"key":"b","name":"SerializerError","message":"value is an object, which serialization \"string\" cannot hold; use serialization \"json\""}]`},
		{`await kv.setMany({a: "1", "ä": "ö€"}); return kv.scan();`,
			`{"entries":[{"key":"a","value":"1"},{"key":"ä","value":"ö€"}],"cursor":"","done":true}`},
		{`await kv.set("n", "5"); return [await kv.incrementBy("n", 2), await kv.get("n")];`, `[7,"7"]`},
	})
	runRows(t, stores("binary"), []row{
		{`const bytes = (...b) => new Uint8Array(b);
		return [await kv.compareAndSwap("k", null, bytes(0, 255)), await kv.compareAndSwap("k", bytes(0, 254), ""),
			await kv.compareAndSwap("k", bytes(0, 255).buffer, "hi"), await kv.get("k")];`,
			`[true,false,true,ArrayBuffer(104,105)]`},
		{`await kv.setMany({a: new Uint8Array([1, 200]), b: "b"});
		return [await kv.getMany(["b", "x", "a"]), await kv.scan({limit: 1}).then((p) => p.entries),
			await kv.swap("a", "new"), await kv.popRandom({prefix: "a"})];`,
			`[[{"key":"b","exists":true,"value":ArrayBuffer(98)},{"key":"x","exists":false,"value":null},` +
				`{"key":"a","exists":true,"value":ArrayBuffer(1,200)}],[{"key":"a","value":ArrayBuffer(1,200)}],` +
				`{"previous":ArrayBuffer(1,200),"loaded":true},{"key":"a","value":ArrayBuffer(110,101,119)}]`},
		{`await kv.set("k", "x"); return kv.compareAndSwapDetailed("k", "y", "z", {includeCurrentOnMismatch: true});`,
			`{"swapped":false,"reason":"mismatch","existed":true,"current":ArrayBuffer(120)}`},
		{`kv.setMany({a: 1}).catch((e) => [e.name, e.errors.length, e.errors[0].name])`,
			`["InvalidOptionsError",1,"SerializerError"]`},
	})
}

// What is wrong with entries is told of all of them, and nothing is stored.
func TestSetManyRefused(t *testing.T) {
	t.Parallel()
	rows := []row{
		{`kv.setMany({a: 1, b: NaN})`, `!InvalidOptionsError|setMany|1 of 2|"b"|NaN`},
		{`kv.setMany({a: 1, b: {c: [1n]}, "": 2, d: () => 1})`, `!InvalidOptionsError|setMany|3 of 4|"b"|c[0]|BigInt`},
		{`const bad = {ok: 1, b: NaN, "": 2, ["k".repeat(32769)]: 3, "a\ud800": 4, fine: {x: 1}, z: Symbol("s")};
		try { await kv.setMany(bad); } catch (e) {
			return [e.name, e instanceof Error, Object.keys(e), e.errors.map((b) => [b.key.slice(0, 5), b.name]),
				e.errors.every((b) => Object.keys(b).join() === "key,name,message" && b.message.length > 10 &&
					Object.getPrototypeOf(b) === Object.prototype), Array.isArray(e.errors), await kv.size()];
		}`,
			`["InvalidOptionsError",true,[],[["b","SerializerError"],["","InvalidOptionsError"],["kkkkk","InvalidOptionsError"],` +
				`["a\ud800","InvalidOptionsError"],["z","SerializerError"]],true,true,0]`},
		{`kv.setMany({"": 1, a: 2}).catch((e) => e.errors.map((b) => [b.key, b.name, /empty/.test(b.message)]))`,
			`[["","InvalidOptionsError",true]]`},
		{`kv.setMany({a: {b: [1, NaN]}}).catch((e) => e.errors)`,
			`[{"key":"a","name":"SerializerError","message":"value.b[1] is NaN, which JSON cannot hold"}]`},
		{`kv.setMany({get a() { throw new RangeError("this is my own getter"); }})`, `!RangeError|my own getter`},
		{`kv.setMany({a: NaN, b: {toJSON() { throw new RangeError("this is my toJSON"); }}})`, `!RangeError|my toJSON`},
		{`kv.setMany(new Proxy({}, {ownKeys() { throw new RangeError("this is my own trap"); }}))`, `!RangeError|my own trap`},
		{`await kv.setMany(new Proxy({a: 1}, {})); return kv.get("a");`, `1`},
		{`let inner; await kv.setMany({a: 1, get b() { inner = kv.setMany({x: 1, y: [2]}); return 2; }, c: 3});
		return [await inner, (await kv.list()).map((e) => e.key + show(e.value)).join()];`,
			`[{"written":2},"a1,b2,c3,x1,y[2]"]`},
		{`let ran = 0; const value = {toJSON() { ran++; return 1; }};
		for (const call of [() => kv.set("", value), () => kv.getOrSet("", value), () => kv.swap("x".repeat(32769), value),
			() => kv.compareAndSwap("", value, value), () => kv.setMany({"": value})])
			await call().catch((e) => { if (e.name !== "InvalidOptionsError") ran += 100; });
		return ran;`, `0`},
	}
	for _, bad := range []string{``, `undefined`, `null`, `5`, `"a"`, `[]`, `[["a", 1]]`, `new Map([["a", 1]])`,
		`new Date(0)`, `new (class Entries {})()`, `(() => 1)`, `Symbol("s")`, `Promise.resolve({})`} {
		rows = append(rows, row{"kv.setMany(" + bad + ")", "!InvalidOptionsError|setMany|entries|plain object"})
	}
	runRows(t, stores("json"), rows)
}

// refusals makes rows of one method; each names what is wrong.
func refusals(method, before string, bad map[string]string) []row {
	var rows []row
	for arguments, words := range bad {
		rows = append(rows, row{"kv." + method + "(" + before + arguments + ")",
			"!InvalidOptionsError|" + method + "|" + words})
	}
	return rows
}

func TestListsRefused(t *testing.T) {
	t.Parallel()
	var rows []row
	for _, method := range []string{"getMany", "deleteMany", "claimKeys"} {
		rows = append(rows, refusals(method, "", map[string]string{
			``: "keys|undefined", `null`: "keys|null", `5`: "keys|5", `"ab"`: "keys|string",
			`{}`: "keys|an object", `{length: 1, 0: "a"}`: "keys", `new Date(0)`: "keys|Date",
			`(() => 1)`: "keys|function", `true`: "keys|boolean", `Symbol("s")`: "keys|symbol",
			`Promise.resolve([])`: "keys|Promise", `new WeakSet()`: "keys", `new String("ab").length`: "keys",
			`["a", 5]`: "keys[1]|5", `[undefined]`: "keys[0]|undefined", `["a", , "b"]`: "keys[1]|undefined",
			`[null]`: "keys[0]|null", `[["a"]]`: "keys[0]|an array", `[new String("a")]`: "keys[0]|String object",
			`["a\ud800"]`: "keys[0]|surrogate", `new Set(["a", 1n])`: "keys[1]|BigInt",
			`new Map([["a", 1]])`: "keys[0]|an array", `new Uint8Array(2)`: "keys[0]|0",
			`(function* () { yield "a"; yield "b"; yield {}; })()`: "keys[2]|an object",
			`{[Symbol.iterator]: 5}`:                               "keys",
		})...)
		call := func(js, want string) { rows = append(rows, row{"kv." + method + "(" + js + ")", want}) }
		call(`(function* () { yield "a"; throw new RangeError("this is my generator"); })()`, `!RangeError|my generator`)
		call(`{get [Symbol.iterator]() { throw new RangeError("this is my getter"); }}`, `!RangeError|my getter`)
		call(`Object.defineProperty(["a"], 0, {get() { throw new RangeError("this is my element"); }})`,
			`!RangeError|my element`)
		rows = append(rows,
			row{`let closed = 0; const list = {[Symbol.iterator]() { return {next: () => ({value: 5, done: false}),
				return() { closed++; return {}; }}; }};
			return kv.` + method + `(list).catch((e) => [e.name, closed]);`, `["InvalidOptionsError",1]`},
			row{"kv." + method + `({[Symbol.iterator]: () => ({})})`, "!InvalidOptionsError|" + method + "|keys|iterator"},
			row{`return kv.` + method + `({[Symbol.iterator]: () => 5}).catch((e) => e instanceof Error);`, `true`},
			row{`function* nested() { yield "a"; kv.` + method + `(["x", "y"]); kv.set("k", "z".repeat(500)); yield "b"; }
			return (await kv.` + method + `(nested())) !== undefined;`, `true`})
	}
	rows = append(rows, row{`await fill(kv, ["a", "b", "c"]); let inner;
		function* nested() { yield "a"; inner = kv.getMany(["c"]); yield "b"; }
		return [(await kv.getMany(nested())).map((e) => e.key), (await inner).map((e) => e.key)];`,
		`[["a","b"],["c"]]`})
	runRows(t, stores("json"), rows)
}

func TestFieldsRefused(t *testing.T) {
	t.Parallel()
	var rows []row
	add := func(more []row) { rows = append(rows, more...) }
	add(refusals("deleteByPrefix", "", map[string]string{
		``: "missing", `null`: "missing", `{}`: "prefix is missing", `{prefix: "a"}`: "limit is missing",
		`{limit: 1}`: "prefix is missing", `{prefix: null, limit: 1}`: "prefix is missing",
		`{prefix: "", limit: 1}`:          "prefix must not be empty|use clear",
		`{prefix: "a", limit: undefined}`: "limit is missing", `{prefix: 1, limit: 1}`: "prefix|string|1",
		`{prefix: "a", limit: 0}`: "limit|0|100000", `{prefix: "a", limit: -1}`: "limit|-1|100000",
		`{prefix: "a", limit: 100001}`: "limit|100001|100000", `{prefix: "a", limit: 1.5}`: "limit|integer|1.5",
		`{prefix: "a", limit: "1"}`: "limit|integer", `{prefix: "a", limit: 1, cursor: ""}`: `"cursor"`,
		`{prefx: "a", limit: 1}`: `"prefx"|did you mean "prefix"`, `"a"`: "options|plain object", `[]`: "options|an array",
	}))
	add(refusals("randomKeys", "", map[string]string{
		``: "count is missing", `{}`: "count is missing", `{count: null}`: "count is missing",
		`{count: 0}`: "count|0|1000000", `{count: -1}`: "count|-1", `{count: 1000001}`: "count|1000001|1000000",
		`{count: 1.5}`: "count|1.5", `{count: "3"}`: "count|integer", `{count: 1, unique: 1}`: "unique|true or false|1",
		`{count: 1, unique: "false"}`: "unique|true or false", `{count: 1, uniqe: false}`: `"uniqe"|did you mean "unique"`,
		`{count: 1, prefix: 5}`: "prefix|string", `{count: 1, unique: new Boolean(true)}`: "unique|Boolean object",
	}))
	for _, method := range []string{"listKeys", "scan", "scanKeys"} {
		add(refusals(method, "", map[string]string{
			`{limit: "1"}`: "limit|integer", `{limit: 0.5}`: "limit|0.5", `{prefix: []}`: "prefix|an array",
			`{Prefix: "a"}`: `"Prefix"|did you mean "prefix"`, `5`: "options|plain object",
		}))
	}
	add(refusals("count", "", map[string]string{`{prefix: 5}`: "prefix|string", `{limit: 5}`: `"limit"`}))
	for _, method := range []string{"getOrSet", "swap", "compareAndSwap", "compareAndSwapDetailed", "compareAndDelete",
		"compareAndDeleteDetailed"} {
		for key, words := range map[string]string{`undefined`: "key|undefined", `5`: "key|5", `""`: "key|empty",
			`"a\ud800"`: "key|surrogate", `"k".repeat(32769)`: "32769|32768"} {
			rest := ", 1)"
			if strings.HasPrefix(method, "compareAndSwap") {
				rest = ", 1, 2)"
			}
			rows = append(rows, row{"kv." + method + "(" + key + rest, "!InvalidOptionsError|" + method + "|" + words})
		}
	}
	runRows(t, stores("json"), rows)
}

// The end of the run ends an iterator that has no end of its own.
func TestEndlessIterable(t *testing.T) {
	t.Parallel()
	res := run(t, imports+`
		export const options = {scenarios: {all: {executor: "constant-vus", vus: 1, duration: "1s", gracefulStop: "0s"}}};
		const kv = openKv({backend: "memory"});
		function* endless() { for (;;) yield ""; }
		export default async function () { await kv.getMany(endless()); }
		export function teardown() { tell("teardown", "reached"); }`, options{})
	res.want("teardown", "reached")
}

// On closed handles and read-only stores nothing is encoded, and the error is
// the store's.
func TestNotEncoded(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	mustRun(t, imports+`const kv = openKv(); export default () => kv.set("k", 1);`, options{dir: dir})
	res := mustRun(t, imports+`
		const closed = openKv({backend: "memory"});
		closed.close();
		const readOnly = openKv({disk: {readOnly: true}});
		let ran = 0;
		const value = { toJSON() { ran++; return 1; } };
		const entries = { get a() { ran++; return 1; } };
		const calls = [
			(kv) => kv.set("k", value), (kv) => kv.setIfAbsent("k", value), (kv) => kv.getOrSet("k", value),
			(kv) => kv.swap("k", value), (kv) => kv.compareAndSwap("k", value, value),
			(kv) => kv.compareAndDelete("k", value), (kv) => kv.setMany(entries), (kv) => kv.setMany({a: NaN}),
			(kv) => kv.incrementBy("k", 1), (kv) => kv.deleteMany(["k"]), (kv) => kv.deleteByPrefix({prefix: "k", limit: 1}),
			(kv) => kv.claimRandom(), (kv) => kv.claimKeys(["k"]), (kv) => kv.popRandomMany({count: 1}),
			(kv) => kv.releaseClaim({id: "1", key: "k", token: 1}), (kv) => kv.completeClaims([]),
		];
		const outcome = (kv) => (call) => call(kv).then(() => "resolved", (e) => e.name);
		export default async function () {
			tell("closed", [...new Set(await Promise.all(calls.map(outcome(closed))))]);
			tell("read-only", [...new Set(await Promise.all(calls.map(outcome(readOnly))))]);
			tell("ran", ran);
			await row("reads", async () => [await readOnly.getMany(["k"]), await readOnly.scanKeys(), await readOnly.listKeys(),
				await readOnly.count(), await readOnly.randomKeys({count: 2})]);
		}`, options{dir: dir})
	res.want("closed", "StoreClosedError")
	res.want("read-only", "StoreReadOnlyError")
	res.want("ran", "0")
	res.want("reads", `[[{"key":"k","exists":true,"value":1}],{"keys":["k"],"cursor":"","done":true},["k"],1,["k"]]`)
}

// There is a method for every command, and each has its name.
func TestAllMethods(t *testing.T) {
	t.Parallel()
	names := []string{"close"}
	for _, operation := range xkv.Operations() {
		names = append(names, operation.Name)
	}
	quoted := `["` + strings.Join(names, `","`) + `"]`
	runRows(t, stores("json")[:1], []row{
		{quoted + `.filter((name) => typeof kv[name] !== "function" || kv[name].name !== name)`, `[]`},
	})
}

// Random calls do to every store what they do to a Map.
func TestAgainstModel(t *testing.T) {
	t.Parallel()
	var script strings.Builder
	script.WriteString(imports + "const stores = {\n")
	for _, store := range stores("json") {
		script.WriteString(`"` + store.name + `": openKv(` + store.options + "),\n")
	}
	seed := time.Now().UnixMilli() % 1e9
	t.Logf("seed %d", seed)
	script.WriteString("};\n" + strings.Replace(model, "SEED", fmt.Sprint(seed), 1))
	res := mustRun(t, script.String(), options{})
	for _, store := range stores("json") {
		res.want(store.name, "same")
	}
}

// model has, for each call, what it should resolve to; "all" is what is stored
// and "held" what is claimed.
const model = `
	let seed = SEED;
	const random = (n) => { seed = (seed * 1103515245 + 12345) % 2147483648; return Math.floor(seed / 65536) % n; };
	const pick = (list) => list[random(list.length)];
	const prefixes = ["", "a", "a:", "b", "b:1", "zz"];
	const key = () => pick(["a", "a:", "b", "b:", "long".repeat(200)]) + (random(4) ? random(30) : "");
	const some = (n) => Array.from({length: random(n)}, key);
	const value = () => pick([() => random(5), () => null, () => ({x: random(3), y: [1]}), () => "v" + random(9)])();
	const sorted = (all, prefix) => [...all.keys()].filter((k) => k.startsWith(prefix)).sort();
	const first = (list, limit) => limit > 0 ? list.slice(0, limit) : list;
	const same = (a, b) => show(a) === show(b);

	const calls = {
		async set(kv, all, held) { const k = key(), v = value(); all.set(k, v); return [await kv.set(k, v), v]; },
		async setMany(kv, all) {
			const entries = {}; for (const k of some(20)) entries[k] = value();
			for (const k in entries) all.set(k, entries[k]);
			return [await kv.setMany(entries), {written: Object.keys(entries).length}];
		},
		async getMany(kv, all) {
			const keys = some(20);
			return [await kv.getMany(keys), keys.map((k) => ({key: k, exists: all.has(k), value: all.get(k) ?? null}))];
		},
		async deleteMany(kv, all, held) {
			const keys = some(10); let deleted = 0;
			for (const k of keys) { held.delete(k); if (all.delete(k)) deleted++; }
			return [await kv.deleteMany(keys), {deleted, missing: keys.length - deleted}];
		},
		async deleteByPrefix(kv, all, held) {
			const prefix = pick(prefixes.slice(2)), limit = 1 + random(4), there = sorted(all, prefix), gone = there.slice(0, limit);
			for (const k of gone) { all.delete(k); held.delete(k); }
			return [await kv.deleteByPrefix({prefix, limit}), {deleted: gone.length, done: there.length <= limit}];
		},
		async listKeys(kv, all) {
			const prefix = pick(prefixes), limit = random(6);
			return [await kv.listKeys({prefix, limit}), first(sorted(all, prefix), limit)];
		},
		async scan(kv, all) {
			const prefix = pick(prefixes), limit = random(6), seen = []; let cursor = "", page;
			do {
				page = await kv.scan({prefix, limit, cursor});
				seen.push(...page.entries); cursor = page.cursor;
			} while (!page.done);
			return [seen, sorted(all, prefix).map((key) => ({key, value: all.get(key)}))];
		},
		async count(kv, all) { const prefix = pick(prefixes); return [await kv.count({prefix}), sorted(all, prefix).length]; },
		async randomEntry(kv, all) {
			const prefix = pick(prefixes), there = sorted(all, prefix), got = await kv.randomEntry({prefix});
			return [got === null ? there.length === 0 : there.includes(got.key) && same(got.value, all.get(got.key)), true];
		},
		async randomKeys(kv, all) {
			const prefix = pick(prefixes), count = 1 + random(50), there = sorted(all, prefix), got = await kv.randomKeys({count, prefix});
			return [[got.length, new Set(got).size, got.every((k) => there.includes(k))],
				[Math.min(count, there.length), Math.min(count, there.length), true]];
		},
		async getOrSet(kv, all) {
			const k = key(), v = value(), loaded = all.has(k); if (!loaded) all.set(k, v);
			return [await kv.getOrSet(k, v), {value: all.get(k), loaded}];
		},
		async swap(kv, all) {
			const k = key(), v = value(), previous = all.get(k) ?? null, loaded = all.has(k); all.set(k, v);
			return [await kv.swap(k, v), {previous, loaded}];
		},
		async compareAndSwap(kv, all) {
			const k = key(), v = value(), there = all.get(k), old = pick([undefined, null, value(), there]);
			const fits = old === undefined ? !all.has(k) : old === null ? (there ?? null) === null : all.has(k) && same(there, old);
			if (fits) all.set(k, v);
			return [await kv.compareAndSwap(k, old, v), fits];
		},
		async compareAndDelete(kv, all, held) {
			const k = key(), there = all.get(k), old = pick([null, value(), there ?? 1]), fits = all.has(k) && same(there, old);
			if (fits) { all.delete(k); held.delete(k); }
			return [await kv.compareAndDeleteDetailed(k, old, {includeCurrentOnMismatch: true}),
				fits ? {deleted: true, reason: "deleted"} : all.has(k)
					? {deleted: false, reason: "mismatch", existed: true, current: there} : {deleted: false, reason: "mismatch", existed: false}];
		},
		async claimKey(kv, all, held) {
			const k = key(), free = all.has(k) && !held.has(k), claim = await kv.claimKey(k, {ttl: 86400000});
			if (free) held.set(k, claim);
			return [claim && claim.entry, free ? {key: k, value: all.get(k)} : null];
		},
		async claimRandom(kv, all, held) {
			const prefix = pick(prefixes), free = sorted(all, prefix).filter((k) => !held.has(k)), claim = await kv.claimRandom({prefix, ttl: 86400000});
			if (claim) held.set(claim.key, claim);
			return [claim === null || free.includes(claim.key) && same(claim.entry.value, all.get(claim.key)), claim !== null || free.length === 0];
		},
		async claimRandomMany(kv, all, held) {
			const prefix = pick(prefixes), count = 1 + random(5), free = sorted(all, prefix).filter((k) => !held.has(k));
			const claims = await kv.claimRandomMany({prefix, count, ttl: 86400000});
			const right = claims.every((c) => free.includes(c.key)) && new Set(claims.map((c) => c.key)).size === claims.length;
			for (const c of claims) held.set(c.key, c);
			return [[claims.length, right], [Math.min(count, free.length), true]];
		},
		async claimKeys(kv, all, held) {
			const keys = [...new Set(some(6))], free = keys.filter((k) => all.has(k) && !held.has(k));
			const got = await kv.claimKeys(keys, {ttl: 86400000});
			for (const c of got.claimed) held.set(c.key, c);
			return [[got.claimed.map((c) => c.key), got.busy, got.missing],
				[free, keys.filter((k) => all.has(k) && !free.includes(k)), keys.filter((k) => !all.has(k))]];
		},
		async releaseClaims(kv, all, held) {
			const claims = [...held.values()].slice(0, random(5));
			for (const c of claims) held.delete(c.key);
			const stale = claims.slice(0, 1).map((c) => ({...c, token: c.token + 1}));
			return [[(await kv.releaseClaims([...stale, ...claims])).released, (await kv.renewClaims(claims, {ttl: 5})).renewed], [claims.length, 0]];
		},
		async completeClaim(kv, all, held) {
			const claim = [...held.values()].pop(), deleteKey = random(2) === 0;
			if (!claim) return [1, 1];
			held.delete(claim.key); if (deleteKey) all.delete(claim.key);
			return [[await kv.completeClaim(claim, {deleteKey}), await kv.completeClaim(claim)], [true, false]];
		},
		async popRandom(kv, all, held) {
			const prefix = pick(prefixes), free = sorted(all, prefix).filter((k) => !held.has(k)), got = await kv.popRandom({prefix});
			const right = got === null ? free.length === 0 : free.includes(got.key) && same(got.value, all.get(got.key));
			if (got) all.delete(got.key);
			return [right, true];
		},
		async popNext(kv, all, held) {
			const prefix = pick(prefixes), [first] = sorted(all, prefix).filter((k) => !held.has(k)), value = all.get(first);
			if (first !== undefined) all.delete(first);
			return [await kv.popNext({prefix}), first === undefined ? null : {key: first, value}];
		},
		async claimNext(kv, all, held) {
			const prefix = pick(prefixes), [first] = sorted(all, prefix).filter((k) => !held.has(k));
			const claim = await kv.claimNext({prefix, ttl: 86400000});
			if (claim) held.set(claim.key, claim);
			return [claim?.key, first];
		},
		async claimForOwner(kv, all, held) {
			const prefix = pick(prefixes), owner = pick(["one", "two"]);
			const mine = [...held.values()].find((c) => c.of === owner + prefix && all.has(c.key));
			const free = sorted(all, prefix).filter((k) => !held.has(k)), claim = await kv.claimForOwner({prefix, owner, ttl: 86400000});
			const right = mine ? claim?.token === mine.token : claim ? free.includes(claim.key) : free.length === 0;
			if (claim && !mine) held.set(claim.key, {...claim, of: owner + prefix});
			return [[right, claim ? same(claim.entry.value, all.get(claim.key)) : true], [true, true]];
		},
		async popRandomMany(kv, all, held) {
			const prefix = pick(prefixes), count = 1 + random(3), free = sorted(all, prefix).filter((k) => !held.has(k));
			const got = await kv.popRandomMany({prefix, count}), right = got.every((e) => free.includes(e.key) && same(e.value, all.get(e.key)));
			for (const e of got) all.delete(e.key);
			return [[got.length, right], [Math.min(count, free.length), true]];
		},
		async allocationStats(kv, all, held) {
			const prefix = pick(prefixes), total = sorted(all, prefix).length, claimedLive = sorted(held, prefix).length;
			const s = await kv.allocationStats({prefix});
			return [[s.total, s.claimable, s.claimedLive, s.claimedExpired], [total, total - claimedLive, claimedLive, 0]];
		},
		async stats(kv, all, held) { const s = await kv.stats(); return [[s.count, s.claims.live], [all.size, held.size]]; },
		async clear(kv, all, held) {
			if (random(10)) return [await kv.size(), all.size];
			all.clear(); held.clear(); return [await kv.clear(), true];
		},
	};

	export default async function () {
		for (const name in stores) {
			const kv = stores[name], all = new Map(), held = new Map(), names = Object.keys(calls);
			let wrong = "same";
			for (let i = 0; i < (name.startsWith("memory") ? 3000 : 500) && wrong === "same"; i++) {
				const call = pick(names), before = seed, [got, want] = await calls[call](kv, all, held);
				if (show(got) !== show(want)) wrong = call + " at " + before + ": " + show(got) + ", want " + show(want);
			}
			tell(name, wrong);
		}
	}`
