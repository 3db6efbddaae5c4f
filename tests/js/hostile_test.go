package js_test

import (
	"strings"
	"testing"
)

// Scripts that do what no sensible script does. The process must live, and
// the store must go on as if nothing had been.
func TestHostileArguments(t *testing.T) {
	t.Parallel()
	const invalid = "!InvalidOptionsError|"
	runRows(t, stores("json"), []row{
		// Methods need no particular this.
		{`const {get, set} = kv; await set("k", 1); return get("k");`, `1`},
		{`await kv.set.call(null, "k", 1); await kv.set.apply(42, ["j", 2]);
		return kv.size.call({get: 1}).then((n) => [n]);`, `[2]`},
		{`const set = kv.set.bind(globalThis, "k"); await set(1); return kv.get("k");`, `1`},
		{`return ["get", "set", "delete", "exists", "clear", "size", "list", "randomKey",
			"rebuildKeyList", "close"].map((name) => kv[name].name).join();`,
			`"get,set,delete,exists,clear,size,list,randomKey,rebuildKeyList,close"`},

		// Strange arguments. Their code is not called, or what it throws comes out.
		{`kv.get({toString() { throw new Error("my toString was called"); }})`, invalid + "get|key"},
		{`kv.get(new Proxy({}, {get() { throw new Error("my trap was sprung"); }}))`,
			invalid + "get|key"},
		{`kv.list(new Proxy({}, {ownKeys() { throw new RangeError("this is my own trap"); }}))`,
			`!RangeError|my own trap`},
		{`kv.list(new Proxy({}, {getPrototypeOf() { throw new RangeError("this is my trap"); }}))`,
			`!RangeError|my trap`},
		{`kv.list({get prefix() { throw new RangeError("this is my own getter"); }})`,
			`!RangeError|my own getter`},
		{`kv.randomKey({get prefix() { throw new RangeError("this is my own getter"); }})`,
			`!RangeError|my own getter`},
		{`await fill(kv, ["a:1", "b:1"]);
		return (await kv.list(new Proxy({prefix: "b"}, {}))).map((e) => e.key);`, `["b:1"]`},
		{`const {proxy, revoke} = Proxy.revocable({}, {}); revoke();
		try { await kv.list(proxy); } catch (e) { return e instanceof Error; } return "listed";`,
			`true`},
		{`const {proxy, revoke} = Proxy.revocable({}, {}); revoke();
		try { await kv.set("k", proxy); } catch (e) { return e instanceof Error; } return "set";`,
			`true`},
		{`await kv.set("k", new Proxy({}, {ownKeys() { throw new RangeError("mine, all mine it is"); }}));
		return 1;`, `!RangeError|mine, all mine`},

		// Much of something.
		{`await kv.set("k", "x".repeat(5000000)); return (await kv.get("k")).length;`, `5000000`},
		{`const value = {}; for (let i = 0; i < 50000; i++) value["n" + i] = i;
		await kv.set("k", value); return Object.keys(await kv.get("k")).length;`, `50000`},
		{`const calls = []; for (let i = 0; i < 5000; i++) calls.push(kv.set("k" + i, i));
		await Promise.all(calls); return kv.size();`, `5000`},
		{`const sparse = []; sparse[100000] = 1; await kv.set("k", sparse);
		return (await kv.get("k")).length;`, `100001`},
		{`try { const value = {length: 4294967295}; await kv.set("k", value); }
		catch (e) { return failure(e); } return (await kv.get("k")).length;`, `4294967295`},

		// Results are the script's own: they can be broken without harm.
		{`await kv.set("k", {a: 1}); const list = await kv.list();
		Object.freeze(list); list[0].value.a = 2; return kv.get("k");`, `{"a":1}`},
		{`const deep = Object.freeze({a: Object.freeze([1])});
		return [await kv.set("k", deep) === deep, await kv.get("k")];`, `[true,{"a":[1]}]`},
	})
}

// The script's code runs in the middle of a call, and calls the store, or
// changes what is being read.
func TestReentrantCalls(t *testing.T) {
	t.Parallel()
	runRows(t, stores("json"), []row{
		{`let inner; await kv.set("outer", {get a() { inner = kv.set("inner", 1); return 2; }});
		await inner; return [await kv.get("inner"), await kv.get("outer")];`, `[1,{"a":2}]`},
		{`let inner; const list = await kv.list({get prefix() { inner = kv.list(); return "x"; }});
		return [list, await inner];`, `[[],[]]`},
		{`await kv.set("k", {toJSON() { kv.set("k", "from inside"); return "from outside"; }});
		return kv.get("k");`, `"from outside"`},
		{`const list = [1, 2, 3]; const value = [{toJSON() { list.length = 0; return 0; }}, list];
		await kv.set("k", value); return kv.get("k");`, `[0,[]]`},
		{`const big = Array.from({length: 1000}, (_, i) => i);
		big[0] = {toJSON() { big.length = 1; return 0; }};
		await kv.set("k", {big}); return (await kv.get("k")).big.length > 0;`, `true`},
		{`const value = {a: {toJSON() { delete value.b; value.c = 3; return 1; }}, b: 2};
		await kv.set("k", value); return (await kv.get("k")).a;`, `1`},
		{`const value = [{toJSON() { kv.set("other", "x".repeat(100)); return 1; }}, {a: [2]}];
		await kv.set("k", value); return kv.get("k");`, `[1,{"a":[2]}]`},
		{`const value = {a: {get b() { kv.set("bad", NaN).catch(() => {}); return [NaN]; }}};
		await kv.set("k", value); return 1;`, `!SerializerError|a.b[0]`},
		{`let depth = 0;
		const value = {get a() { if (depth++ < 50) kv.set("k" + depth, value); return depth; }};
		await kv.set("k", value); return [await kv.size(), await kv.get("k")];`, `[51,{"a":51}]`},
		{`let inner; const prefix = {get prefix() { inner = kv.set("x1", {a: 1}); return "x"; }};
		return [await kv.list(prefix), await inner];`, `[[{"key":"x1","value":{"a":1}}],{"a":1}]`},
		{`await kv.set("k", {get a() { kv.clear(); return 1; }}); return kv.list();`,
			`[{"key":"k","value":{"a":1}}]`},
	})
}

// A script's own Reflect.set runs while a reply is decoded, for names that only
// it can set: the calls it makes must not write over the reply.
func TestCallsDuringDecoding(t *testing.T) {
	t.Parallel()
	runRows(t, stores("json"), []row{{`
		const original = Reflect.set;
		await kv.setMany({a1: {["\ud800"]: 1}, a2: "second", a3: "third", big: "Z".repeat(4000)});
		Reflect.set = (...args) => { kv.get("big"); return original(...args); };
		try {
			const names = (list) => list.map((e) => e.key);
			return [names((await kv.scan({prefix: "a"})).entries), names(await kv.list({prefix: "a"})),
				(await kv.getMany(["a1", "a2"]))[1].value, (await kv.swap("a1", 1)).loaded];
		} finally {
			Reflect.set = original;
		}`, `[["a1","a2","a3"],["a1","a2","a3"],"second",true]`}})
}

// Whatever an argument is, a method rejects and does not throw.
func TestPrototypesThatThrow(t *testing.T) {
	t.Parallel()
	bad := `Object.create(new Proxy({}, {getPrototypeOf() { throw new Error("my trap"); }}))`
	var rows []row
	for _, call := range []string{"get(BAD)", "clear(BAD)", "size(BAD)", `incrementBy("k", BAD)`, "list(BAD)",
		"setMany(BAD)", "releaseClaim(BAD)", `getMany(BAD)`, `set("k", 1, BAD)`} {
		rows = append(rows, row{`let promise; try { promise = kv.` + strings.Replace(call, "BAD", bad, 1) + `; }
			catch (e) { return "thrown: " + e; } try { await promise; return "fine"; }
			catch (e) { return e.message.includes("my trap") ? "ran the trap" : "fine"; }`, `"fine"`})
	}
	runRows(t, stores("json"), rows)
}

// close in the middle of a call: the call finds the store closed.
func TestCloseInTheMiddle(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		const kvs = {memory: openKv({backend: "memory"}), disk: openKv()};
		export default async function () {
			for (const name in kvs) {
				const kv = kvs[name];
				await row(name, () => kv.set("k", {get a() { kv.close(); return 1; }}));
			}
		}`, options{})
	res.want("memory", "!StoreClosedError|set")
	res.want("disk", "!StoreClosedError|set")
}

func TestHostileOptions(t *testing.T) {
	t.Parallel()
	runNow(t, options{}, "", []row{
		{`opens({get backend() { throw new RangeError("this is my own getter"); }})`,
			`!RangeError|my own getter`},
		{`opens({disk: {get timeout() { throw new RangeError("this is my own getter"); }}})`,
			`!RangeError|my own getter`},
		{`opens(new Proxy({}, {ownKeys() { throw new RangeError("this is my own trap"); }}))`,
			`!RangeError|my own trap`},
		{`opens(new Proxy({backend: "memory"}, {}))`, `"opened"`},
		{`opens({backend: {toString: () => "memory"}})`, `!InvalidBackendError|object`},
		{`const disk = new Proxy({}, {get() { throw 1; }, ownKeys: () => ["timeout"],
			getOwnPropertyDescriptor: () => ({enumerable: true, configurable: true, value: 1})});
		try { openKv({disk}); } catch (e) { return ["threw", e]; } return "opened";`,
			`["threw",1]`},
		{`opens({backend: "memory", name: "n".repeat(5000000)})`, `"opened"`},
		{`opens({["x".repeat(5000000)]: 1})`, `!InvalidOptionsError|xxx`},
		{`opens({path: "p".repeat(5000000)})`, `!DiskPathError|path|long`},
		{`const options = {}; for (let i = 0; i < 10000; i++) options["o" + i] = 1;
		return openKv(options);`, `!InvalidOptionsError|"o0"`},
		{`opens({["nul\u0000inside"]: 1})`, `!InvalidOptionsError|nul`},
		{`opens({["trackKeys\u0000"]: true})`, `!InvalidOptionsError|trackKeys`},
		{`const list = []; for (let i = 0; i < 300; i++)
			list.push(openKv({backend: "memory", name: "s" + i}));
		list.forEach((kv) => kv.close()); return list.length;`, `300`},
	})
}

// Every script has its own k6, since it spoils its globals for good.
func TestHostileGlobals(t *testing.T) {
	t.Parallel()
	scripts := []struct{ name, spoil string }{
		{"constructors", `
			globalThis.Error = function () { throw 1; };
			globalThis.Promise = class { constructor() { throw 2; } };
			globalThis.JSON = null;
			globalThis.Object = null;
			globalThis.Array = null;
			globalThis.ArrayBuffer = null;`},
		{"methods", `
			JSON.stringify = () => { throw 1; };
			JSON.parse = () => { throw 2; };
			Object.keys = Object.getPrototypeOf = Object.defineProperty = () => { throw 3; };
			Array.isArray = () => true;
			Array.prototype.push = () => { throw 4; };
			Error.prototype.toString = () => { throw 5; };`},
		{"deleted", `
			for (const name of ["Error", "Promise", "JSON", "Map", "Set", "Date", "Symbol",
				"ArrayBuffer", "Uint8Array"]) delete globalThis[name];`},
		{"setters on Object.prototype", `
			for (const name of ["key", "name", "stack", "message", "a", "0"]) {
				Object.defineProperty(Object.prototype, name, {configurable: true,
					set() { throw new RangeError("a setter of mine"); },
					get() { return undefined; }});
			}`},
		{"setter of value", `
			Object.defineProperty(Object.prototype, "value", {__proto__: null, configurable: true,
				set() { throw new RangeError("a setter of mine"); }, get() { return undefined; }});`},
		{"frozen prototypes", `
			Object.freeze(Object.prototype); Object.freeze(Array.prototype);
			Object.freeze(Error.prototype); Object.freeze(Promise.prototype);`},
		{"array indexes", `
			Object.defineProperty(Array.prototype, "0", {configurable: true,
				set() { throw new RangeError("a setter of mine"); }, get() { return "spoilt"; }});`},
		{"prepareStackTrace", `
			Error.prepareStackTrace = () => { throw 1; };
			Error.captureStackTrace = () => { throw 2; };
			Error.stackTraceLimit = 0;
			Object.defineProperty(Error.prototype, "name", {value: "spoilt"});`},
	}
	for _, test := range scripts {
		t.Run(test.name, func(t *testing.T) {
			res := mustRun(t, imports+`
				const kvs = {memory: openKv({backend: "memory"}), disk: openKv()};
				const names = ["memory", "disk"];
				const real = Error;
				export default async function () {`+test.spoil+`
					for (let i = 0; i < 2; i++) {
						const kv = kvs[names[i]];
						let text = "";
						try {
							const given = await kv.set("k", {a: [1, "x"]});
							const back = await kv.get("k");
							const list = await kv.list();
							text += back.a[1] + list.length + list[0].key + await kv.size();
							await kv.get("missing");
						} catch (e) {
							text += " " + e.name + " " + (e instanceof real);
						}
						tell(names[i], text);
					}
				}`, options{})
			res.want("memory", "x1k1 KeyNotFoundError true")
			res.want("disk", "x1k1 KeyNotFoundError true")
		})
	}
}

// What a script puts on Object.prototype is seen by everything that looks for
// it there; that must not bring the process down.
func TestPollutedPrototypes(t *testing.T) {
	t.Parallel()
	scripts := []struct{ name, pollute string }{
		{"then that is never settled", `Object.prototype.then = () => {};`},
		{"then that throws", `Object.prototype.then = () => { throw new RangeError("then"); };`},
		{"then that resolves", `Object.prototype.then = (resolve) => resolve(1);`},
		{"then getter", `Object.defineProperty(Object.prototype, "then",
			{get() { throw new RangeError("then"); }});`},
		{"then that calls back", `Object.prototype.then = (resolve) => {
			delete Object.prototype.then; kvs.disk.set("inside", 1).then(resolve, resolve); };`},
		{"toJSON", `Object.prototype.toJSON = () => "polluted";`},
		{"toJSON that throws", `Object.prototype.toJSON = () => { throw new RangeError("toJSON"); };`},
		{"toJSON of primitives", `String.prototype.toJSON = Number.prototype.toJSON = () => NaN;`},
		{"enumerable", `Object.prototype.prefix = 5; Object.prototype.limit = "x";
			Object.prototype.backend = "none";`},
		{"promises", `Promise.prototype.then = () => { throw 1; };
			Promise.resolve = Promise.reject = () => { throw 2; };`},
		{"exception in reject", `Object.defineProperty(Error.prototype, "name",
			{set() { throw 1; }}); Object.defineProperty(Error.prototype, "stack",
			{set() { throw 1; }, get() { throw 2; }});`},
	}
	for _, test := range scripts {
		t.Run(test.name, func(t *testing.T) {
			res := run(t, imports+`
				export const options = {scenarios: {all: {
					executor: "per-vu-iterations", vus: 2, iterations: 2, maxDuration: "5s"}}};
				const kvs = {memory: openKv({backend: "memory"}), disk: openKv()};
				export default async function () {
					`+test.pollute+`
					for (const kv of [kvs.memory, kvs.disk]) {
						kv.set("k", {a: 1});
						kv.get("k");
						kv.list({});
						kv.get("missing");
						kv.set("k", NaN);
						kv.size();
						await 0;
						try { await kv.list(); } catch (e) { tell("caught", "something"); }
					}
				}
				export function teardown() { tell("teardown", "reached"); }`, options{})
			res.want("teardown", "reached")
			again := mustRun(t, imports+`const kv = openKv();
				export default async function () { tell("size", await kv.size() < 3); }`,
				options{dir: res.dir})
			again.want("size", "true")
		})
	}
}

// What a polluted prototype must not do: get into options and values that do
// not have the property themselves.
func TestPollutionStaysOutside(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		Object.prototype.prefix = "nothing starts so";
		Object.prototype.limit = "x";
		Object.prototype.backend = "none";
		Object.prototype.polluted = 1;
		const kv = openKv({path: "a.kv"});
		export default async function () {
			await kv.set("k", {a: 1});
			tell("list", (await kv.list({})).length);
			tell("value", show(await kv.get("k")));
		}`, options{})
	res.want("list", "1")
	res.want("value", `{"a":1}`)
}

// A value without end. (Endless recursion of the script itself is not tried:
// the JavaScript engine has no limit for it, and k6 dies of it by itself.)
func TestEndlessValue(t *testing.T) {
	t.Parallel()
	runRows(t, stores("json"), []row{
		{`const value = {get a() { return {__proto__: null, get a() { return value; }}; }};
		await kv.set("k", value); return 1;`, `!SerializerError`},
		{`const deeper = () => ({get a() { return deeper(); }});
		await kv.set("k", deeper()); return 1;`, `!SerializerError|10000`},
		{`const deeper = () => ({toJSON: () => [deeper()]});
		await kv.set("k", deeper()); return 1;`, `!SerializerError|10000`},
		{`const all = new Proxy({}, {get: (_, name) => name === "toJSON" ? undefined : all,
			ownKeys: () => ["a"],
			getOwnPropertyDescriptor: () => ({enumerable: true, configurable: true, value: 1})});
		await kv.set("k", all); return 1;`, `!SerializerError`},
	})
}
