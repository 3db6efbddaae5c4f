package js_test

import "testing"

var loadKinds = []struct{ name, options string }{
	{"memory", `{backend: "memory"}`},
	{"memory, tracked", `{backend: "memory", trackKeys: true}`},
	{"disk", `{}`},
	{"disk, tracked", `{trackKeys: true}`},
	{"disk, relaxed", `{disk: {durability: "relaxed"}}`},
}

// 200 virtual users write keys of their own and count in one each; nothing may
// be lost.
func TestManyVUs(t *testing.T) {
	for _, kind := range loadKinds {
		t.Run(kind.name, func(t *testing.T) {
			res := mustRun(t, imports+`
				const kv = openKv(`+kind.options+`);`+manyVUs, options{})
			res.want("wrong values", "0")
			res.want("keys", "2200")
			res.want("counts", "2000")
			res.want("after clear", "0")
			if kind.options != `{}` {
				return
			}
			res = mustRun(t, imports+`const kv = openKv();
				export default async function () { tell("keys", await kv.size()); }`,
				options{dir: res.dir})
			res.want("keys", "0")
		})
	}
}

const manyVUs = `
	export const options = {scenarios: {all: {
		executor: "per-vu-iterations", vus: 200, iterations: 10}}};

	const mine = "vu:" + __VU + ":";
	export default async function () {
		const key = mine + __ITER;
		await kv.set(key, {vu: __VU, iteration: __ITER});
		const back = await kv.get(key);
		if (back.vu !== __VU || back.iteration !== __ITER) throw new Error("not what I wrote");
		await kv.set("count:" + __VU, (__ITER === 0 ? 0 : await kv.get("count:" + __VU)) + 1);
		const other = await kv.randomKey({prefix: "vu:"});
		if (!await kv.exists(other)) throw new Error(other + " does not exist");
		if (__ITER === 5) {
			const own = await kv.list({prefix: mine});
			if (own.length !== 6) throw new Error("list found " + own.length + " of 6");
			kv.set("gone:" + __VU, 1);
			kv.delete("gone:" + __VU);
		}
	}

	export async function teardown() {
		const list = await kv.list({prefix: "vu:"});
		tell("wrong values", list.filter(({key, value}) =>
			key !== "vu:" + value.vu + ":" + value.iteration).length);
		const counts = (await kv.list({prefix: "count:"})).map((e) => e.value);
		tell("counts", counts.reduce((a, b) => a + b));
	}

	export async function handleSummary() {
		tell("keys", await kv.size());
		await kv.clear();
		tell("after clear", await kv.size());
		return {};
	}`

// 500 virtual users take 10,000 keys from one store, count them and try to be the
// first to do each of twenty things: every key is had by one, no count is lost,
// and each thing is done once.
func TestAtomicSteps(t *testing.T) {
	for _, kind := range loadKinds {
		t.Run(kind.name, func(t *testing.T) {
			res := mustRun(t, imports+`
				const kv = openKv(`+kind.options+`);
				export const options = {scenarios: {all: {
					executor: "per-vu-iterations", vus: 500, iterations: 20}}};
				export async function setup() {
					const jobs = {};
					for (let i = 0; i < 10000; i++) jobs["job:" + i] = i;
					await kv.setMany(jobs);
				}
				export default async function () {
					const job = await kv.popRandom({prefix: "job:"});
					if (job.key !== "job:" + job.value) throw new Error("another's value");
					await kv.set("had:" + job.value + ":" + __VU, 1);
					await kv.incrementBy("sum", job.value);
					if (await kv.setIfAbsent("once:" + __ITER, __VU)) await kv.incrementBy("firsts", 1);
				}
				export async function handleSummary() {
					const had = (await kv.list({prefix: "had:"})).map((e) => e.key.split(":")[1]);
					tell("had", had.length);
					tell("distinct", new Set(had).size);
					tell("left", await kv.count({prefix: "job:"}));
					tell("sum", await kv.get("sum"));
					tell("firsts", await kv.get("firsts"));
					return {};
				}`, options{})
			res.want("had", "10000")
			res.want("distinct", "10000")
			res.want("left", "0")
			res.want("sum", "49995000")
			res.want("firsts", "20")
		})
	}
}

// 500 virtual users work on 300 keys: whoever has claimed one is alone with it.
func TestClaimsUnderLoad(t *testing.T) {
	for _, kind := range loadKinds {
		t.Run(kind.name, func(t *testing.T) {
			res := mustRun(t, imports+`
				const kv = openKv(`+kind.options+`);
				export const options = {scenarios: {all: {
					executor: "per-vu-iterations", vus: 500, iterations: 10}}};
				export async function setup() {
					const pool = {};
					for (let i = 0; i < 300; i++) pool["pool:" + i] = i;
					await kv.setMany(pool);
				}
				export default async function () {
					const claim = await kv.claimRandom({prefix: "pool:", owner: "vu " + __VU});
					if (claim === null) { await kv.incrementBy("none free", 1); return; }
					if (await kv.incrementBy("holders:" + claim.key, 1) !== 1) tell("two holders", claim.key);
					if (await kv.claimKey(claim.key) !== null) tell("claimed twice", claim.key);
					await kv.incrementBy("holders:" + claim.key, -1);
					const done = __ITER % 10 === 9 ? await kv.completeClaim(claim, {deleteKey: false})
						: await kv.releaseClaim(claim);
					if (!done) tell("lost", claim.key);
					if (await kv.releaseClaim(claim)) tell("released twice", claim.key);
					await kv.incrementBy("held", 1);
				}
				export async function handleSummary() {
					const [held, none] = await kv.getMany(["held", "none free"]);
					tell("tries", held.value + (none.value ?? 0));
					tell("free", (await kv.allocationStats({prefix: "pool:"})).claimable);
					return {};
				}`, options{})
			res.want("tries", "5000")
			res.want("free", "300")
			for _, wrong := range []string{"two holders", "claimed twice", "lost", "released twice"} {
				if keys := res.reports[wrong]; len(keys) > 0 {
					t.Errorf("%s: %d times, such as %s", wrong, len(keys), keys[0])
				}
			}
		})
	}
}

// No virtual user sees half of what another does.
func TestAtomicClear(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		export const options = {scenarios: {
			change: {executor: "constant-vus", vus: 1, duration: "1s", exec: "change"},
			look: {executor: "constant-vus", vus: 4, duration: "1s", exec: "look"},
		}};
		const kvs = {memory: openKv({backend: "memory"}), disk: openKv({trackKeys: true})};
		const names = ["a", "b", "c", "d"];
		export async function change() {
			for (const name in kvs) {
				await kvs[name].set("a", 1);
				await kvs[name].set("b", 1);
				await kvs[name].clear();
			}
		}
		export async function look() {
			for (const name in kvs) {
				// Whatever the moment, b is never there without a.
				const keys = (await kvs[name].list()).map((e) => e.key).join();
				if (keys === "b") tell("half", name);
				tell("looked", 1);
			}
		}`, options{})
	res.want("looked", "1")
	if half := res.reports["half"]; len(half) > 0 {
		t.Errorf("half a clear was seen %d times", len(half))
	}
}
