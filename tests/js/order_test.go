package js_test

import "testing"

// The calls of one virtual user take effect in the order in which it made
// them, awaited or not. The stores include durable ones, where writes wait
// and reads do not.
func TestProgramOrder(t *testing.T) {
	t.Parallel()
	const all = `const settled = await Promise.allSettled(calls);
		return settled.map((s) => s.status === "fulfilled" ? s.value : s.reason.name);`
	runRows(t, stores("json"), []row{
		{`const calls = [kv.set("k", 1), kv.set("k", 2), kv.get("k"), kv.delete("k"),
			kv.exists("k"), kv.get("k"), kv.set("k", 3), kv.get("k"), kv.randomKey(),
			kv.size(), kv.list(), kv.clear(), kv.size(), kv.randomKey(), kv.list()];` + all,
			`[1,2,2,true,false,"KeyNotFoundError",3,3,"k",1,[{"key":"k","value":3}],true,0,"",[]]`},
		{`const calls = [];
		for (let i = 0; i < 300; i++) calls.push(kv.set("n", i), kv.get("n"));
		const values = await Promise.all(calls);
		return values.every((value, i) => value === i >> 1);`, `true`},
		{`const calls = [];
		for (let i = 0; i < 300; i++) {
			if (i % 3 === 2) calls.push(kv.delete("k" + (i - 1)));
			else calls.push(kv.set("k" + i, i));
			calls.push(kv.size());
		}
		const values = await Promise.all(calls);
		return values.filter((_, i) => i % 2).every((size, i) => size === Math.ceil((i + 1) / 3)
			+ (i % 3 === 1));`, `true`},
		// Each settles once, with its own result.
		{`const order = []; const note = (name) => () => order.push(name);
		await Promise.all([kv.set("k", 1).then(note("set")), kv.get("k").then(note("get")),
			kv.get("missing").catch(note("missing")), kv.delete("k").then(note("delete")),
			kv.size().then(note("size"))]);
		return [...order].sort().join();`, `"delete,get,missing,set,size"`},
		// A read behind a write that fails.
		{`const calls = [kv.set("k", 1), kv.set("k", 1n), kv.set("", 2), kv.get("k")];` + all,
			`[1,"SerializerError","InvalidOptionsError",1]`},
		// Not awaited at all: the next awaited call is behind them.
		{`for (let i = 0; i < 100; i++) kv.set("k", i); return kv.get("k");`, `99`},
		{`kv.set("a", 1); kv.clear(); kv.set("b", 2); return kv.list();`,
			`[{"key":"b","value":2}]`},
		{`kv.set("a", 1); kv.rebuildKeyList(); kv.set("b", 2); kv.delete("a");
		return kv.randomKey();`, `"b"`},
	})
}

// Two handles of one virtual user are one for the order of its calls.
func TestOrderOverTwoHandles(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		const kvs = [openKv(), openKv({}), openKv({path: "./.k6.kv"})];
		export default async function () {
			const calls = [];
			for (let i = 0; i < 300; i++) {
				calls.push(kvs[i % 3].set("n", i), kvs[(i + 1) % 3].get("n"));
			}
			const values = await Promise.all(calls);
			tell("in order", values.every((value, i) => value === i >> 1));
		}`, options{})
	res.want("in order", "true")
}

// Each iteration leaves calls behind; the next must find them done.
func TestCallsSettleWithinTheIteration(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		export const options = {iterations: 50};
		const kvs = {memory: openKv({backend: "memory"}), disk: openKv()};
		const settled = {memory: 0, disk: 0};
		export default function () {
			for (const name in kvs) {
				if (settled[name] !== 3 * __ITER) tell("late", name + " in iteration " + __ITER);
				const count = () => settled[name]++;
				kvs[name].set("n", __ITER).then(count);
				kvs[name].get("n").then((n) => { if (n === __ITER) count(); });
				kvs[name].delete("n").then(count);
			}
			if (__ITER === 49) tell("last", show(settled));
		}
		export async function teardown() {
			tell("left", show([await kvs.memory.size(), await kvs.disk.size()]));
		}`, options{})
	res.want("last", `{"memory":147,"disk":147}`)
	res.want("left", "[0,0]")
	if late := res.reports["late"]; len(late) > 0 {
		t.Errorf("calls had not settled when the next iteration began: %q", late)
	}
}

// A rejection that nobody looks at does not touch the calls around it.
func TestUnawaitedRejection(t *testing.T) {
	t.Parallel()
	res := run(t, imports+`
		export const options = {iterations: 3};
		const kv = openKv();
		export default function () {
			kv.set("a:" + __ITER, 1);
			kv.get("missing");
			kv.set("b:" + __ITER, 1);
		}
		export async function teardown() { tell("keys", (await kv.list()).map((e) => e.key)); }`,
		options{})
	res.wantCode(exitOK)
	res.want("keys", "a:0,a:1,a:2,b:0,b:1,b:2")
	res.wantLog("error", "KeyNotFoundError: ", `"missing"`)
}
