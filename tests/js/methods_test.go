package js_test

import (
	"strings"
	"testing"
)

func TestMethods(t *testing.T) {
	t.Parallel()
	runRows(t, stores("json"), []row{
		// get, set
		{`const value = {a: 1}; return await kv.set("k", value) === value;`, `true`},
		{`await kv.set("k", 1); await kv.set("k", 2); return [await kv.get("k"), await kv.size()];`,
			`[2,1]`},
		{`kv.get("not here")`, `!KeyNotFoundError|get|"not here"`},
		{`[typeof kv.exists("k").then, kv.set("k", 1) instanceof Promise]`,
			`["function",true]`},

		// delete, exists
		{`await kv.set("k", null);
		return [await kv.exists("k"), await kv.delete("k"), await kv.exists("k")];`,
			`[true,true,false]`},
		{`kv.delete("never there")`, `true`},
		{`await kv.set("k", 1); await kv.delete("k"); return kv.get("k");`,
			`!KeyNotFoundError|"k"`},
		{`kv.exists("never there")`, `false`},

		// clear, size
		{`await fill(kv, ["a", "b", "c"]);
		return [await kv.size(), await kv.clear(), await kv.size(), await kv.list()];`,
			`[3,true,0,[]]`},
		{`kv.clear()`, `true`},
		{`typeof await kv.size()`, `"number"`},
		{`await kv.clear(); await kv.set("a", 1); return [await kv.size(), await kv.randomKey()];`,
			`[1,"a"]`},

		// list
		{`kv.list()`, `[]`},
		{`kv.list({prefix: "x"})`, `[]`},
		{`await fill(kv, ["b", "a:2", "a:1", "a", "c"]); return (await kv.list()).map((e) => e.key);`,
			`["a","a:1","a:2","b","c"]`},
		{`await fill(kv, ["b", "a:2", "a:1", "a", "c"]); return kv.list({prefix: "a:"});`,
			`[{"key":"a:1","value":"a:1"},{"key":"a:2","value":"a:2"}]`},
		{`await fill(kv, ["b", "a:2", "a:1", "a", "c"]); return kv.list({prefix: "a", limit: 2});`,
			`[{"key":"a","value":"a"},{"key":"a:1","value":"a:1"}]`},
		{`await fill(kv, ["b", "a"]); const count = async (o) => (await kv.list(o)).length;
		return [await count({limit: 1}), await count({limit: 2}), await count({limit: 3}),
			await count({limit: 0}), await count({limit: -5}), await count({limit: 250000}),
			await count({limit: 1.0}), await count({limit: null}), await count({limit: undefined}),
			await count({prefix: ""}), await count({prefix: null}), await count(null),
			await count(undefined), await count({}), await count(Object.create(null))];`,
			`[1,2,2,2,2,2,1,2,2,2,2,2,2,2,2]`},
		{`await fill(kv, ["a"]); const list = await kv.list(); const [entry] = list;
		list.push(1); entry.more = 2;
		return [Array.isArray(list), list.length, Object.keys(entry),
			Object.getPrototypeOf(entry) === Object.prototype];`,
			`[true,2,["key","value","more"],true]`},

		// The byte order of UTF-8 is not the order of JavaScript's strings.
		{`await fill(kv, ["\u{10000}", "\uffff", "\u00e9", "z", "Z", "a\u0000", "a", "\u0000", "10", "9"]);
		return (await kv.list()).map((e) => e.key);`,
			"[\"\\u0000\",\"10\",\"9\",\"Z\",\"a\",\"a\\u0000\",\"z\",\"é\",\"\uffff\",\"\U00010000\"]"},
		{`await fill(kv, ["\u00e9a", "\u00e8", "\u00e9"]);
		return (await kv.list({prefix: "\u00e9"})).map((e) => e.key);`, `["é","éa"]`},

		// randomKey
		{`kv.randomKey()`, `""`},
		{`kv.randomKey({prefix: "a"})`, `""`},
		{`await fill(kv, ["b:1"]);
		return [await kv.randomKey(), await kv.randomKey({prefix: "b:"}),
			await kv.randomKey({prefix: "b:1"}), await kv.randomKey({prefix: "b:10"}),
			await kv.randomKey({prefix: ""}), await kv.randomKey({prefix: null}),
			await kv.randomKey({}), await kv.randomKey(null)];`,
			`["b:1","b:1","b:1","","b:1","b:1","b:1","b:1"]`},
		{`await fill(kv, ["a", "b:1", "b:2", "b:3", "c"]); const seen = {};
		for (let i = 0; i < 300; i++) seen[await kv.randomKey({prefix: "b:"})] = 1;
		return Object.keys(seen).sort();`, `["b:1","b:2","b:3"]`},
		{`await fill(kv, ["a", "b", "c"]); const seen = {};
		for (let i = 0; i < 300; i++) seen[await kv.randomKey()] = 1;
		return Object.keys(seen).sort();`, `["a","b","c"]`},

		// randomEntry
		{`kv.randomEntry()`, `null`},
		{`await kv.set("a:1", {n: 1}); await kv.set("b", 2); await kv.claimKey("b");
		return [await kv.randomEntry({prefix: "a:"}), await kv.randomEntry({prefix: "b"}),
			await kv.randomEntry({prefix: "c"}), await kv.size()];`,
			`[{"key":"a:1","value":{"n":1}},{"key":"b","value":2},null,2]`},
		{`await fill(kv, ["a", "b", "c"]); const seen = {};
		for (let i = 0; i < 300; i++) { const e = await kv.randomEntry(); seen[e.key] = e.value; }
		return Object.entries(seen).sort();`, `[["a","a"],["b","b"],["c","c"]]`},
		{`await kv.set("k", 1); const e = await kv.randomEntry(null); e.value = 2;
		return [Object.keys(e), await kv.get("k")];`, `[["key","value"],1]`},
		{`kv.randomEntry({count: 1})`, `!InvalidOptionsError|randomEntry|count`},
		{`kv.randomEntry("a:")`, `!InvalidOptionsError|randomEntry|object|string`},

		// count, setIfAbsent, deleteIfExists
		{`kv.count()`, `0`},
		{`await fill(kv, ["a:1", "a:2", "b", "a"]);
		return [await kv.count(), await kv.count({prefix: "a:"}), await kv.count({prefix: "c"}),
			await kv.count(null), await kv.count({prefix: null})];`, `[4,2,0,4,4]`},
		{`kv.count({limit: 1})`, `!InvalidOptionsError|count|limit`},
		{`return [await kv.setIfAbsent("k", {n: 1}), await kv.setIfAbsent("k", {n: 2}),
			await kv.get("k"), await kv.delete("k"), await kv.setIfAbsent("k")];`,
			`[true,false,{"n":1},true,true]`},
		{`kv.setIfAbsent("k", NaN)`, `!SerializerError|setIfAbsent|k`},
		{`await kv.set("k", 1); return [await kv.deleteIfExists("k"), await kv.deleteIfExists("k")];`,
			`[true,false]`},
		{`const won = await Promise.all([1, 2, 3, 4].map((n) => kv.setIfAbsent("k", n)));
		return [won.filter(Boolean).length, won[0], await kv.get("k")];`, `[1,true,1]`},

		// incrementBy
		{`return [await kv.incrementBy("n", 1), await kv.incrementBy("n", 41),
			await kv.incrementBy("n", -50), await kv.get("n")];`, `[1,42,-8,-8]`},
		{`await kv.set("n", "5"); return [await kv.incrementBy("n", 1), await kv.get("n")];`, `[6,6]`},
		{`kv.incrementBy("n")`, `!ValueNumberRequiredError|incrementBy|delta|undefined`},
		{`kv.incrementBy("n", 1.5)`, `!ValueNumberRequiredError|delta`},
		{`kv.incrementBy("n", "1")`, `!ValueNumberRequiredError|delta|string`},
		{`kv.incrementBy("n", 1e30)`, `!ValueNumberRequiredError|delta`},
		{`await kv.set("n", {}); return kv.incrementBy("n", 1);`, `!ValueParseError|incrementBy|n`},
		{`await kv.set("n", 1.5); return kv.incrementBy("n", 1);`, `!ValueParseError|incrementBy|n`},

		// popRandom
		{`kv.popRandom()`, `null`},
		{`await kv.set("a:1", {n: 1}); await kv.set("b", 2);
		return [await kv.popRandom({prefix: "a:"}), await kv.popRandom({prefix: "a:"}),
			await kv.size(), await kv.popRandom(), await kv.popRandom(null)];`,
			`[{"key":"a:1","value":{"n":1}},null,1,{"key":"b","value":2},null]`},
		{`kv.popRandom({count: 1})`, `!InvalidOptionsError|popRandom|count`},

		// popNext
		{`kv.popNext()`, `null`},
		{`await fill(kv, ["b", "a:2", "a:1", "a:10"]); await kv.claimKey("a:10"); const got = [];
		for (let i = 0; i < 3; i++) got.push((await kv.popNext({prefix: "a:"}))?.key);
		return [got, await kv.listKeys(), Object.keys(await kv.popNext(null)), await kv.popNext({})];`,
			`[["a:1","a:2",undefined],["a:10","b"],["key","value"],null]`},
		{`kv.popNext({limit: 1})`, `!InvalidOptionsError|popNext|limit`},
		{`kv.popNext("a:")`, `!InvalidOptionsError|popNext`},

		// nextCircular
		{`kv.nextCircular()`, `null`},
		{`await fill(kv, ["b", "a:2", "a:1", "a:10"]); await kv.claimKey("a:10"); const got = [];
		for (let i = 0; i < 5; i++) got.push((await kv.nextCircular({prefix: "a:"})).key);
		return [got, (await kv.nextCircular(null)).key, Object.keys(await kv.nextCircular({prefix: "b"})), await kv.size()];`,
			`[["a:1","a:10","a:2","a:1","a:10"],"a:1",["key","value"],4]`},
		{`const all = []; for (const k of ["x", "y", "z"]) all.push(kv.set(k, 0), kv.nextCircular());
		return (await Promise.all(all)).filter(Boolean).map((e) => e.key);`, `["x","y","z"]`},
		{`await kv.set("k", {n: 1}); const {value} = await kv.nextCircular(); value.n = 2; return kv.get("k");`, `{"n":1}`},
		{`kv.nextCircular({timeout: 1})`, `!InvalidOptionsError|nextCircular|"timeout"`},
		{`kv.nextCircular({prefix: 1})`, `!InvalidOptionsError|nextCircular|prefix|string`},
		{`kv.nextCircular("a:")`, `!InvalidOptionsError|nextCircular`},

		// next
		{`kv.next({prefix: "a:", position: "at"})`, `null`},
		{`await fill(kv, ["b", "a:2", "a:1", "a:10"]); await kv.claimKey("a:10"); const got = [];
		for (let i = 0; i < 4; i++) got.push((await kv.next({prefix: "a:", position: "at"}))?.key);
		return [got, await kv.get("at"), (await kv.next({prefix: "a:", position: "at", cycle: true})).key];`,
			`[["a:1","a:10","a:2",undefined],"a:2","a:1"]`},
		{`await fill(kv, ["a:1", "a:2"]); const all = [kv.next({prefix: "a:", position: "at"}), kv.set("at", "a:1"),
		kv.next({prefix: "a:", position: "at"}), kv.delete("at"), kv.next({prefix: "a:", position: "at"})];
		return (await Promise.all(all)).map((e) => e?.key).filter(Boolean);`, `["a:1","a:2","a:1"]`},
		{`await kv.set("at", 5); return kv.next({prefix: "a:", position: "at"})`, `!ValueParseError|next|position|delete`},
		{`kv.next({prefix: "a:"})`, `!InvalidOptionsError|next|position`},
		{`kv.next({position: "at"})`, `!InvalidOptionsError|next|prefix`},
		{`kv.next()`, `!InvalidOptionsError|next`},
		{`kv.next({prefix: "a:", position: "a:at"})`, `!InvalidOptionsError|next|a:at|prefix`},
		{`kv.next({prefix: "a:", position: ""})`, `!InvalidOptionsError|next|position`},
		{`kv.next({prefix: "a:", position: "at", cycle: 1})`, `!InvalidOptionsError|next|cycle`},
		{`kv.next("a:")`, `!InvalidOptionsError|next`},

		// rebuildKeyList
		{`kv.rebuildKeyList()`, `true`},
		{`await fill(kv, ["a", "b"]); await kv.delete("a");
		return [await kv.rebuildKeyList(), await kv.size(), await kv.randomKey()];`,
			`[true,1,"b"]`},
		{`const done = [kv.set("a", 1), kv.rebuildKeyList(), kv.delete("a"), kv.set("b", 2),
			kv.rebuildKeyList(), kv.randomKey(), kv.size()];
		return (await Promise.all(done)).slice(4);`, `[true,"b",1]`},
	})
}

// What a method does not take is not guessed, and nothing is done. A function
// that is a callback is passed more than its first argument, though.
func TestSurplusArguments(t *testing.T) {
	t.Parallel()
	const nothing = `["k","l"]`
	rows := []row{
		{`return [await kv.size({}), await kv.size(null), await kv.size(undefined, undefined)];`,
			`[2,2,2]`},
		{`return [await kv.set("n", 1, undefined), await kv.get("n", undefined, undefined)];`,
			`[1,1]`},
		{`return Promise.all(["k", "l"].map(kv.get));`, nothing},
		{`return Promise.all(Array.from(new Set(["k", "l"]), kv.get));`, nothing},
		{`return Promise.all(["k", "m"].map(kv.exists));`, `[true,false]`},
		{`await Promise.all(["k", "l", "m"].map(kv.delete)); return kv.listKeys();`, `[]`},
		{`return Promise.all(["k", "m"].map(kv.deleteIfExists));`, `[true,false]`},
		{`await Promise.all(["k", "l"].map(kv.set)); return kv.getOrSet("l", 5);`,
			`{"value":1,"loaded":true}`},
		{`return Promise.all(["m", "n"].map(kv.incrementBy));`, `[0,1]`},
		{`return Promise.all([["k"], ["l", "m"]].map(kv.deleteMany));`,
			`[{"deleted":1,"missing":0},{"deleted":1,"missing":1}]`},
		{`const claims = await kv.claimRandomMany({count: 2});
		return Promise.all(claims.map(kv.releaseClaim));`, `[true,true]`},
	}
	refused := func(call string, words ...string) {
		method, _, _ := strings.Cut(call, "(")
		rows = append(rows, row{
			`try { await kv.` + call + `; } catch (error) {
				if ((await kv.listKeys()).join() === "k,l") throw error;
			}
			return "something was done";`,
			strings.Join(append([]string{"!InvalidOptionsError", method}, words...), "|")})
	}
	refused(`clear("k")`, `"k"`, "argument 1", "clear()", "deleteByPrefix")
	refused(`clear(["k"])`, "array", "deleteMany")
	refused(`clear(0, [])`, "number (0)")
	refused(`clear({prefix: "k"})`, `"prefix"`, "no options", "deleteByPrefix")
	refused(`size("k")`, `"k"`, "count({prefix})")
	refused(`size({prefix: "k"})`, `"prefix"`, "count({prefix})")
	refused(`size(7)`, "7")
	refused(`delete("k", "l")`, `"l"`, "argument 2", "delete(key)", "deleteMany")
	refused(`delete("k", true)`, "boolean")
	refused(`delete("k", -1)`, "-1")
	refused(`delete("k", 0, "l")`, "argument 3")
	refused(`delete("k", 0, ["k"], "l")`, "argument 4")
	refused(`deleteIfExists("k", ["l"])`, "array", "deleteMany")
	refused(`get("k", "l")`, "getMany")
	refused(`exists("k", "l")`, "getMany")
	refused(`set("n", 1, 60)`, "60", "argument 3", "set(key, value)", "{ttl: …}", "milliseconds")
	refused(`set("n", 1, {ttl: 60})`, `"ttl"`, "no options", "milliseconds")
	refused(`set("n", 1, "EX", 60)`, `"EX"`)
	refused(`set("n", 1, null, 60)`, "argument 4")
	refused(`set("n", 1, new (class Options {})())`, "class")
	refused(`deleteMany(["k"], "l")`, "argument 2")
	refused(`list({limit: 1}, "k")`, "argument 2", "list(options)")
	refused(`deleteByPrefix({prefix: "k", limit: 1}, "k")`, "argument 2", "deleteByPrefix(options)")
	refused(`incrementBy("n", 1, 2)`, "argument 3", "incrementBy(key, delta)")
	refused(`releaseClaim(await kv.claimKey("k"), {id: "2"})`, `"id"`, "releaseClaims")
	for n := range rows {
		rows[n].js = `await fill(kv, ["k", "l"]); ` + rows[n].js
	}
	runRows(t, stores("json"), rows)
}

func TestKeys(t *testing.T) {
	t.Parallel()
	rows := []row{
		{`const key = "k".repeat(32768); await kv.set(key, 1);
		return [await kv.get(key), await kv.exists(key), (await kv.list())[0].key === key,
			await kv.randomKey() === key, await kv.delete(key), await kv.size()];`,
			`[1,true,true,true,true,0]`},
		{`const key = "\u20ac".repeat(10922) + "ab"; await kv.set(key, 1); return kv.get(key);`, `1`},
		{`kv.get("\u20ac".repeat(10923))`, `!InvalidOptionsError|get|32768|32769`},
		{`await fill(kv, ["a\u0000b", "a", "\u0000"]);
		return [await kv.get("a\u0000b"), await kv.get("a"), await kv.get("\u0000")];`,
			`["a\u0000b","a","\u0000"]`},
		{`const long = "x".repeat(511);
		await fill(kv, [long, long + "a", long + "b", long.slice(1), long + "a".repeat(5000)]);
		return (await kv.list({prefix: long})).map((e) => e.key.length);`, `[511,512,5511,512]`},
		{`await fill(kv, ["__proto__", "constructor", " ", "\n"]);
		return (await kv.list()).map((e) => e.key);`, `["\n"," ","__proto__","constructor"]`},
	}
	for _, call := range []string{"get(K)", "set(K, 1)", "delete(K)", "exists(K)",
		"setIfAbsent(K, 1)", "deleteIfExists(K)", "incrementBy(K, 1)"} {
		method, _, _ := strings.Cut(call, "(")
		refused := func(key string, words ...string) {
			want := strings.Join(append([]string{"!InvalidOptionsError", method, "key"}, words...), "|")
			rows = append(rows, row{"kv." + strings.Replace(call, "K", key, 1), want})
		}
		refused(`undefined`, "undefined")
		refused(`null`, "null")
		refused(`42`, "number")
		refused(`true`, "boolean")
		refused(`10n`)
		refused(`""`, "empty")
		refused(`({})`, "object")
		refused(`["k"]`, "array")
		refused(`new String("k")`)
		refused(`Symbol("k")`, "symbol")
		refused(`(() => "k")`, "function")
		refused(`({toString: () => "k"})`)
		refused(`"a\ud800b"`, "surrogate")
		refused(`"\udc00"`, "surrogate")
		refused(`"k".repeat(32769)`, "32769", "32768")
		refused(`"k".repeat(3000000)`, "3000000", "32768")
		rows = append(rows, row{"kv." + method + "()", "!InvalidOptionsError|" + method + "|key"})
	}
	runRows(t, stores("json"), rows)
}

// Whatever is wrong with an argument, nothing is done.
func TestMethodOptions(t *testing.T) {
	t.Parallel()
	rows := []row{
		{`kv.list({limit: 250001})`, `!InvalidOptionsError|list|limit|250001|250000`},
		{`kv.list({limit: 2 ** 53})`, `!InvalidOptionsError|list|limit|250000`},
		{`kv.list({limit: 1e300})`, `!InvalidOptionsError|list|limit`},
		{`kv.list({limit: 1.5})`, `!InvalidOptionsError|list|limit|1.5|integer`},
		{`kv.list({limit: "5"})`, `!InvalidOptionsError|list|limit|"5"|integer`},
		{`kv.list({limit: NaN})`, `!InvalidOptionsError|list|limit|NaN|integer`},
		{`kv.list({limit: Infinity})`, `!InvalidOptionsError|list|limit|Infinity`},
		{`kv.list({limit: -Infinity})`, `!InvalidOptionsError|list|limit|Infinity`},
		{`kv.list({limit: true})`, `!InvalidOptionsError|list|limit|true`},
		{`kv.list({limit: 5n})`, `!InvalidOptionsError|list|limit`},
		{`kv.list({limit: {}})`, `!InvalidOptionsError|list|limit|object`},
		{`kv.list({limit: new Number(5)})`, `!InvalidOptionsError|list|limit`},
		{`kv.list({limit: {valueOf: () => 5}})`, `!InvalidOptionsError|list|limit`},
		{`kv.list({limt: 5})`, `!InvalidOptionsError|list|limt|did you mean "limit"`},
		{`kv.list({Limit: 5})`, `!InvalidOptionsError|list|Limit|did you mean "limit"`},
		{`kv.list({completelyElse: 5})`, `!InvalidOptionsError|list|completelyElse`},
		{`kv.randomKey({limit: 5})`, `!InvalidOptionsError|randomKey|limit`},
	}
	for _, method := range []string{"list", "randomKey"} {
		refused := func(options string, words ...string) {
			want := strings.Join(append([]string{"!InvalidOptionsError", method}, words...), "|")
			rows = append(rows, row{"kv." + method + "(" + options + ")", want})
		}
		refused(`{prefx: "a"}`, `"prefx"`, `did you mean "prefix"`)
		refused(`{prefix: 5}`, "prefix", "5", "string")
		refused(`{prefix: new String("a")}`, "prefix", "string")
		refused(`{prefix: ["a"]}`, "prefix", "array")
		refused(`{prefix: Symbol("a")}`, "prefix", "symbol")
		refused(`{prefix: "\ud800"}`, "prefix", "surrogate")
		refused(`{[Symbol.iterator]: 1, prefix: 1n}`, "prefix")
		refused(`"a"`, "object", "string")
		refused(`5`, "object", "number")
		refused(`true`, "object", "boolean")
		refused(`[]`, "object", "array")
		refused(`(() => 1)`, "object", "function")
		refused(`Symbol("s")`, "object", "symbol")
		refused(`new Date(0)`, "object")
		refused(`new Map()`, "object")
		refused(`new (class Options {})()`, "object")
	}
	// A prefix longer than any key matches none.
	rows = append(rows, row{
		`await fill(kv, ["a"]); const prefix = "a".repeat(40000);
		return [await kv.list({prefix}), await kv.randomKey({prefix})];`, `[[],""]`})
	runRows(t, stores("json"), rows)
}

// Without a limit, list gives more than the limit could ask for.
func TestListOfEverything(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		const stores = {memory: openKv({backend: "memory"}), disk: openKv()};
		export default async function () {
			for (const name in stores) {
				const kv = stores[name];
				for (let i = 1; i <= 251000; i++) {
					const done = kv.set("k" + i, 0);
					if (i % 5000 === 0) await done;
				}
				const all = await kv.list();
				tell(name, [all.length, (await kv.list({limit: 250000})).length, await kv.size()]);
			}
		}`, options{})
	res.want("memory", "251000,250000,251000")
	res.want("disk", "251000,250000,251000")
}
