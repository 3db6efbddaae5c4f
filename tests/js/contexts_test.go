package js_test

import "testing"

// The calls that every context must be able to make.
const useStores = `
	const kvs = {memory: openKv({backend: "memory"}), disk: openKv(),
		"disk-none": openKv({path: "none.kv", disk: {durability: "none"}})};
	async function use(where) {
		for (const name in kvs) {
			const kv = kvs[name];
			await row(where + "/" + name, async () => {
				await kv.set(where, {n: 1});
				const got = await kv.get(where);
				const list = await kv.list({prefix: where});
				await kv.delete(where);
				return [got, list.length, await kv.exists(where)];
			});
			await row(where + "/" + name + "/missing", () => kv.get(where));
		}
	}`

func TestContexts(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+useStores+`
		await use("init");
		export const setup = async () => { await use("setup"); return {from: "setup"}; };
		export default async function () { await use("default"); }
		export const teardown = async (data) => { await use("teardown"); };
		export async function handleSummary() {
			await use("handleSummary");
			return {stdout: "the summary"};
		}`, options{})
	for _, where := range []string{"init", "setup", "default", "teardown", "handleSummary"} {
		for _, store := range []string{"memory", "disk", "disk-none"} {
			res.want(where+"/"+store, `[{"n":1},1,false]`)
			res.want(where+"/"+store+"/missing", `!KeyNotFoundError|"`+where+`"`)
		}
	}
	if res.stdout != "the summary" {
		t.Errorf("handleSummary's text is %q", res.stdout)
	}
}

// handleSummary that is not async returns before its calls have settled; they
// take effect all the same.
func TestNotAwaited(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		const kv = openKv();
		kv.set("init", 1);
		export function setup() { kv.set("setup", 1); }
		export default function () { kv.set("default", 1); }
		export function teardown() { kv.set("teardown", 1); }`, options{})
	res = mustRun(t, imports+`
		const kv = openKv();
		export default async function () { tell("keys", (await kv.list()).map((e) => e.key)); }`,
		options{dir: res.dir})
	res.want("keys", "default,init,setup,teardown")
}

func TestOpenOutsideInit(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		const outside = (where) => rowNow(where, () => openKv({backend: "memory"}));
		export function setup() { outside("setup"); }
		export default function () { outside("default"); }
		export function teardown() { outside("teardown"); }
		export function handleSummary() { outside("handleSummary"); return {}; }`, options{})
	for _, where := range []string{"setup", "default", "teardown", "handleSummary"} {
		res.want(where, `!InitContextError|openKv|init context`)
	}
}

// After an await at the top level it is still the init context.
func TestOpenAfterAwait(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		const one = openKv();
		await one.set("k", 1);
		const other = openKv({path: "other.kv"});
		await other.set("k", await one.get("k") + 1);
		export default async function () { tell("k", show(await other.get("k"))); }`, options{})
	res.want("k", "2")
}

// Old scripts are CommonJS modules.
func TestRequire(t *testing.T) {
	t.Parallel()
	res := mustRun(t, `
		const { openKv } = require("k6/x/kv");
		const kv = openKv({backend: "memory"});
		const same = require("k6/x/kv").default.openKv({backend: "memory"});
		module.exports.default = async function () {
			await kv.set("k", 1);
			console.log("@@k\t" + await same.get("k"));
		};`, options{})
	res.want("k", "1")
}

// Handles work in every scenario, whichever way it starts its iterations.
func TestScenarios(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		export const options = {scenarios: {
			shared: {executor: "shared-iterations", vus: 3, iterations: 30, exec: "write"},
			perVU: {executor: "per-vu-iterations", vus: 3, iterations: 10, exec: "write"},
			rate: {executor: "constant-arrival-rate", rate: 40, duration: "1s",
				preAllocatedVUs: 3, exec: "write"},
		}};
		const kv = openKv();
		export async function write() {
			const key = "vu:" + __VU;
			await kv.set(key, (await kv.exists(key) ? await kv.get(key) : 0) + 1);
		}
		export async function teardown() {
			const counts = (await kv.list()).map((e) => e.value);
			// On a busy machine the rate is not reached.
			tell("sum", counts.reduce((a, b) => a + b) > 60);
		}`, options{})
	res.want("sum", "true")
}
