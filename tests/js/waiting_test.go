package js_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What is waited for here comes at once, or is over after a few tenths of a second;
// nothing may take as long as this.
const waits = `const T = {timeout: 50000}, keyOf = (found) => found && found.key;
	const took = async (wait) => { const start = Date.now(), got = await wait(); return [got, Date.now() - start]; };
	const about = async (ms, wait) => { const [got, all] = await took(wait); return [got, all >= ms - 5 && all < ms + 8000 || all]; };
	const quick = async (wait) => { const [got, all] = await took(wait); return [got, all < 8000 || all]; }; `

func TestWaiting(t *testing.T) {
	t.Parallel()
	rows := []row{
		// What is there is taken at once.
		{`await kv.set("k", 1); return quick(() => kv.popRandom(T));`, `[{"key":"k","value":1},true]`},
		{`await kv.set("k", 1); return quick(() => kv.claimRandom(T).then(keyOf));`, `["k",true]`},
		{`await kv.set("k", 1); return quick(() => kv.claimKey("k", T).then(keyOf));`, `["k",true]`},
		{`await kv.set("k", 1); const c = await kv.claimKey("k", {timeout: "50s", owner: "me", ttl: "2m"});
		return [Object.keys(c), c.owner, Math.abs(c.expiresAt - Date.now() - 120000) < 5000];`,
			`[["id","key","entry","owner","token","expiresAt"],"me",true]`},

		// Without a timeout nobody waits.
		{`return quick(async () => [await kv.popRandom({timeout: 0}), await kv.claimRandom({timeout: null}),
			await kv.claimKey("k", {timeout: undefined}), await kv.popRandom({timeout: "0s"}), await kv.claimRandom({timeout: -0})]);`,
			`[[null,null,null,null,null],true]`},

		// When time is over, there was nothing.
		{`about(150, () => kv.popRandom({timeout: 150}))`, `[null,true]`},
		{`about(150, () => kv.claimRandom({timeout: "150ms", prefix: "a"}))`, `[null,true]`},
		{`about(100, () => kv.claimKey("k", {timeout: "0.1s"}))`, `[null,true]`},
		{`about(1000, () => kv.popRandom({timeout: "1s"}))`, `[null,true]`},
		{`await kv.set("k", 1); await kv.claimKey("k"); return about(100, () => kv.claimKey("k", {timeout: 100}));`, `[null,true]`},
		{`const all = [kv.popNext(T), kv.claimNext(T), kv.claimForOwner({owner: "o", ...T}), kv.claimForOwner({owner: "o", ...T})];
		await kv.setMany({c: 3, a: 1, b: 2}); return (await Promise.all(all)).map((e) => e.key);`, `["a","b","c","c"]`},
		{`const late = kv.popRandom({timeout: 800}), early = kv.popRandom({timeout: 30}), order = [];
		await Promise.all([late.then(() => order.push("late")), early.then(() => order.push("early"))]); return order;`, `["early","late"]`},
		{`await kv.popRandom({timeout: 20}); await kv.set("k", 1); return kv.exists("k");`, `true`},

		// Later calls of the same virtual user overtake; what they put is taken in the same step.
		{`const found = kv.popRandom(T); return [await kv.set("k", 5), await kv.exists("k"), await found, await kv.size()];`,
			`[5,false,{"key":"k","value":5},0]`},
		{`const found = kv.popRandom(T), set = kv.set("k", 5), there = kv.exists("k"); return Promise.all([found, set, there]);`,
			`[{"key":"k","value":5},5,false]`},
		{`const claim = kv.claimKey("k", T); const before = [await kv.get("a").catch((e) => e.name), await kv.list()];
		await fill(kv, ["a", "k2"]); const listed = await kv.listKeys(); await kv.set("k", 1); return [before, listed, (await claim).key];`,
			`[["KeyNotFoundError",[]],["a","k2"],"k"]`},

		// It has to have the prefix, and to be free.
		{`const found = kv.popRandom({prefix: "job:", ...T}); await fill(kv, ["job", "a", "jobs:1"]); await kv.set("job:1", 1);
		return [(await found).key, await kv.listKeys()];`, `["job:1",["a","job","jobs:1"]]`},
		{`await kv.set("k", 1); const held = await kv.claimKey("k"); const found = kv.popRandom(T); await kv.set("k", 2);
		const there = await kv.exists("k"); await kv.releaseClaim(held); return [there, await found];`, `[true,{"key":"k","value":2}]`},

		// Whatever brings the key, or frees it.
		{`const got = []; for (const bring of [() => kv.set("k", 1), () => kv.setMany({k: 1}), () => kv.setIfAbsent("k", 1),
			() => kv.getOrSet("k", 1), () => kv.swap("k", 1), () => kv.incrementBy("k", 1), () => kv.compareAndSwap("k", null, 1)]) {
			const claim = kv.claimKey("k", T), found = kv.popRandom(T); await bring(); const {key, entry} = await claim;
			await kv.completeClaim(await claim, {deleteKey: false}); got.push(key, entry.value, (await found).value, await kv.size()); }
		return got.join();`, `"` + strings.TrimSuffix(strings.Repeat("k,1,1,0,", 7), ",") + `"`},
		{`await kv.set("k", 1); const first = await kv.claimKey("k"), second = kv.claimRandom(T);
		return [await kv.releaseClaim(first), (await second).key, (await second).token > first.token, await kv.releaseClaim(first)];`,
			`[true,"k",true,false]`},
		{`await kv.set("k", 1); const first = await kv.claimKey("k"), second = kv.claimKey("k", T);
		return [await kv.completeClaim(first, {deleteKey: false}), (await second).entry, await kv.completeClaim(await second), await kv.size()];`,
			`[true,{"key":"k","value":1},true,0]`},
		{`await kv.set("k", 1); const first = await kv.claimKey("k"), second = kv.claimKey("k", T); await kv.completeClaim(first);
		await kv.set("k", 2); return (await second).entry;`, `{"key":"k","value":2}`},
		{`await kv.set("k", 1); await kv.claimKey("k"); const second = kv.claimKey("k", T); await kv.delete("k");
		await kv.set("k", 2); return (await second).entry;`, `{"key":"k","value":2}`},
		{`await fill(kv, ["a", "b"]); const all = await kv.claimRandomMany({count: 2}); const two = [kv.claimRandom(T), kv.popRandom(T)];
		await kv.releaseClaims(all); return (await Promise.all(two)).map((found) => found.key).sort();`, `["a","b"]`},

		// An expiry, though nobody calls anything; and the claim counts from when it is given.
		{`await kv.set("k", 1); let first; const [second, time] = await about(150, async () => {
			first = await kv.claimKey("k", {ttl: 150}); return kv.claimKey("k", {ttl: 60000, ...T}); });
		return [second.key, time, second.token > first.token, Math.abs(second.expiresAt - Date.now() - 60000) < 5000];`,
			`["k",true,true,true]`},
		{`await kv.set("k", 1); const first = await kv.claimKey("k", {ttl: 50000}), second = kv.popRandom(T);
		await kv.renewClaim(first, {ttl: 100}); return quick(() => second);`, `[{"key":"k","value":1},true]`},

		// Who has waited longest is first, and each gets another key.
		{`const order = [], five = [0, 1, 2, 3, 4].map((n) => kv.popRandom({prefix: n % 2 ? "" : "k", ...T}).then(({key}) => order.push(n + key)));
		for (const key of ["k1", "k2", "k3", "k4", "k5"]) await kv.set(key, 1); await Promise.all(five); return order;`,
			`["0k1","1k2","2k3","3k4","4k5"]`},
		{`const five = [0, 1, 2, 3, 4].map((n) => kv.popRandom(n < 3 ? T : {timeout: 300}));
		await kv.setMany({a: 1, b: 1, c: 1}); const got = (await Promise.all(five)).map(keyOf);
		return [got.slice(0, 3).sort(), got.slice(3), await kv.size()];`, `[["a","b","c"],[null,null],0]`},

		// Many at once
		{`const many = Array.from({length: 500}, (_, n) => kv.claimKey("k" + n, T)); await fill(kv, Array.from({length: 500}, (_, n) => "k" + n));
		const claims = await Promise.all(many); return [claims.every((c, n) => c.key === "k" + n), new Set(claims.map((c) => c.token)).size];`,
			`[true,500]`},
	}
	for i := range rows {
		if !strings.Contains(rows[i].js, "return ") {
			rows[i].js = "return " + rows[i].js
		}
		rows[i].js = waits + rows[i].js
	}
	runRows(t, stores("json"), rows)
}

func TestWaitingRefused(t *testing.T) {
	t.Parallel()
	var rows []row
	for method, before := range map[string]string{"claimRandom": "", "popRandom": "", "claimNext": "", "popNext": "", "claimKey": `"k", `} {
		rows = append(rows, refusals(method, before, map[string]string{
			`{timeout: -1}`: "timeout|-1|86400000", `{timeout: 86400001}`: "timeout|86400001|86400000",
			`{timeout: "1d1ms"}`: "timeout|1d1ms|86400000", `{timeout: "-1s"}`: "timeout|-1s", `{timeout: 1.5}`: "timeout|milliseconds|1.5",
			`{timeout: "soon"}`: `timeout|"soon"|"1m30s"`, `{timeout: "30"}`: `timeout|"30"`, `{timeout: ""}`: `timeout|""`,
			`{timeout: NaN}`: "timeout|NaN", `{timeout: Infinity}`: "timeout|Infinity", `{timeout: true}`: "timeout|milliseconds|true",
			`{timeout: {}}`: "timeout|an object", `{timeout: 5n}`: "timeout|BigInt",
			`{timout: 5}`: `"timout"|did you mean "timeout"`, `{timeOut: 5}`: `"timeOut"|did you mean "timeout"`,
			`{timeoutMs: 5}`: `"timeoutMs"|did you mean "timeout"`, `{wait: 5}`: `"wait"|it takes|timeout`,
		})...)
	}
	for _, call := range []string{
		`claimRandomMany({count: 1, timeout: 5})`, `popRandomMany({count: 1, timeout: 5})`, `claimKeys(["k"], {timeout: 5})`,
		`randomKey({timeout: 5})`, `renewClaim({id: "1", key: "k", token: 1}, {ttl: 5, timeout: 5})`,
	} {
		rows = append(rows, row{"kv." + call, `!InvalidOptionsError|"timeout"`})
	}
	runRows(t, stores("json"), rows)
}

// eachKind runs a test with a store of each kind that waits in its own way.
func eachKind(t *testing.T, test func(t *testing.T, before string)) {
	t.Helper()
	for _, s := range []store{
		{"memory", `{backend: "memory"}`}, {"disk", `{}`}, {"disk, none", `{trackKeys: true, disk: {durability: "none"}}`},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			test(t, imports+`import exec from "k6/execution"; const kv = openKv(`+s.options+`), T = {timeout: "50s"}; `)
		})
	}
}

// What one virtual user waits for, another one brings.
func TestWaitingForOthers(t *testing.T) {
	t.Parallel()
	names := []string{"set", "setMany", "release", "complete", "expiry", "swap"}
	eachKind(t, func(t *testing.T, before string) {
		res := mustRun(t, before+`
			const once = {executor: "per-vu-iterations", vus: 1, iterations: 1};
			export const options = {scenarios: {waiter: {...once, exec: "wait"}, bringer: {...once, exec: "bring"}}};
			const names = ["`+strings.Join(names, `","`)+`"];
			export async function wait() {
				for (const name of names) {
					await kv.popRandom({prefix: "ready:" + name, ...T});
					const found = kv.claimKey(name, T);
					await kv.set("waiting:" + name, 1);
					const {entry} = await found;
					tell(name, entry.value);
				}
			}
			const held = async (name, ttl) => { await kv.set(name, name); return kv.claimKey(name, {ttl}); };
			const brings = {
				set: [() => 0, (key) => kv.set(key, key)],
				setMany: [() => 0, (key) => kv.setMany({other: 1, [key]: key})],
				release: [held, (_, claim) => kv.releaseClaim(claim)],
				complete: [held, (_, claim) => kv.completeClaim(claim, {deleteKey: false})],
				expiry: [(key) => held(key, 100), () => 0],
				swap: [() => 0, (key) => kv.swap(key, key)],
			};
			export async function bring() {
				for (const name of names) {
					const [before, after] = brings[name], claim = await before(name);
					await kv.set("ready:" + name, 1);
					await kv.popRandom({prefix: "waiting:" + name, ...T});
					await after(name, claim);
				}
			}`, options{})
		for _, name := range names {
			res.want(name, name)
		}
	})
}

// Who has waited longest is served first, and no newcomer is quicker.
func TestWaitingInOrder(t *testing.T) {
	t.Parallel()
	const waiters = 8
	eachKind(t, func(t *testing.T, before string) {
		res := mustRun(t, before+`
			export const options = {scenarios: {
				waiters: {executor: "per-vu-iterations", vus: 8, iterations: 1, exec: "wait"},
				bringer: {executor: "per-vu-iterations", vus: 1, iterations: 1, exec: "bring"}}};
			export async function setup() { await kv.set("turn:0", 1); }
			export async function wait() {
				const n = exec.scenario.iterationInTest;
				await kv.claimKey("turn:" + n, T);
				const found = n % 2 ? kv.claimRandom({prefix: "job:", ...T}) : kv.popRandom({prefix: "job:", ...T});
				await kv.set("turn:" + (n + 1), 1);
				tell("waiter " + n, (await found).key);
			}
			export async function bring() {
				await kv.claimKey("turn:8", T);
				for (let n = 0; n < 8; n++) {
					kv.set("job:" + n, n);
					if (await kv.popRandom({prefix: "job:"}) !== null) tell("newcomer", n);
				}
			}`, options{})
		for n := range waiters {
			res.want(fmt.Sprint("waiter ", n), fmt.Sprint("job:", n))
		}
		if quicker := res.reports["newcomer"]; len(quicker) > 0 {
			t.Errorf("a newcomer took what others had waited for: %q", quicker)
		}
	})
}

// inTime fails a test that has taken about as long as a call in it would have waited.
func inTime(t *testing.T) func() {
	start := time.Now()
	return func() {
		t.Helper()
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("k6 ended after %v", took)
		}
	}
}

// Who is cut off gets nothing: what it waited for is there for others.
func TestWaitingIsCutOff(t *testing.T) {
	t.Parallel()
	const wait = `
		export default async function () {
			const many = [kv.popRandom({prefix: "job:", ...T}), kv.claimKey("job:1", T), kv.claimRandom({prefix: "j", ...T})];
			const found = await Promise.all(many);
			tell("found", show(found));
		}
		export async function teardown() {
			await kv.set("job:1", "one");
			tell("there", show(await kv.claimRandom({prefix: "job:"}).then((claim) => claim.entry)));
			await new Promise((resolve) => setTimeout(resolve, 100));
			tell("still", await kv.exists("job:1"));
		}`
	ends := []struct {
		name, options, more string
		code                int
	}{
		{"gracefulStop", `executor: "constant-vus", vus: 20, duration: "1s", gracefulStop: "0s"`, ``, exitOK},
		{"gracefulStop later", `executor: "constant-vus", vus: 5, duration: "1s", gracefulStop: "500ms"`, ``, exitOK},
		{"ramping down", `executor: "ramping-vus", startVUs: 10, gracefulRampDown: "0s", gracefulStop: "0s",
			stages: [{duration: "500ms", target: 10}, {duration: "500ms", target: 0}]`, ``, exitOK},
		{"maxDuration", `executor: "per-vu-iterations", vus: 5, maxDuration: "1s", gracefulStop: "0s"`, ``, exitOK},
		{"abort", `executor: "constant-vus", vus: 10, duration: "50s"`,
			`aborter: {executor: "per-vu-iterations", startTime: "1s", exec: "abort"}`, 108},
	}
	for _, end := range ends {
		t.Run(end.name, func(t *testing.T) {
			t.Parallel()
			eachKind(t, func(t *testing.T, before string) {
				defer inTime(t)()
				res := run(t, before+`
					export const options = {scenarios: {all: {`+end.options+`}, `+end.more+`}};
					export const abort = () => exec.test.abort("that was enough");`+wait, options{})
				res.wantCode(end.code)
				res.want("there", `{"key":"job:1","value":"one"}`)
				res.want("still", "true")
				if found := res.reports["found"]; len(found) > 0 {
					t.Errorf("who was cut off found %q", found)
				}
				if strings.Contains(res.stderr, "Uncaught") {
					t.Errorf("k6 logged a rejection:\n%s", tail(res.stderr))
				}
			})
		})
	}
}

// An interrupt ends those who wait, too.
func TestWaitingIsInterrupted(t *testing.T) {
	t.Parallel()
	for _, signals := range [][]syscall.Signal{{syscall.SIGINT}, {syscall.SIGTERM}, {syscall.SIGINT, syscall.SIGINT}} {
		eachKind(t, func(t *testing.T, before string) {
			defer inTime(t)()
			p := start(t, before+`
				export const options = {scenarios: {all: {executor: "constant-vus", vus: 10, duration: "50s", gracefulStop: "50s"}}};
				export default async function () {
					const found = kv.popRandom(T);
					tell("waits", __VU);
					await found;
				}
				export async function teardown() { await kv.set("k", 1); tell("there", await kv.exists("k")); }`, options{})
			p.await("waits", 10)
			for _, signal := range signals {
				p.stop(signal)
			}
			res := p.wait()
			res.wantCode(exitExternalAbort)
			if len(signals) == 1 {
				res.want("there", "true")
			}
		})
	}
}

// Setup and teardown may wait, and are ended by their own timeouts.
func TestWaitingInSetup(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, before string) {
		defer inTime(t)()
		res := mustRun(t, before+`
			export async function setup() {
				const found = kv.popRandom(T);
				await kv.set("k", "setup");
				return (await found).value;
			}
			export default function (data) { tell("data", data); }
			export async function teardown() { tell("teardown", show(await kv.popRandom({timeout: 100}))); }
			export async function handleSummary() { tell("summary", show(await kv.popRandom({timeout: 100}))); return {}; }`, options{})
		res.want("data", "setup")
		res.want("teardown", "null")
		res.want("summary", "null")
		late := run(t, before+`
			export const options = {setupTimeout: "1s"};
			export async function setup() { await kv.popRandom(T); }
			export default function () {}`, options{})
		late.wantCode(100) // errext's SetupTimeout
	})
}

// At the top level nobody else is there yet.
func TestWaitingAtInit(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, before string) {
		res := mustRun(t, before+`
			await row("pop", () => kv.popRandom({timeout: 1}));
			await row("claim", () => kv.claimKey("k", T));
			await row("random", () => kv.claimRandom(T));
			await row("first", () => kv.popNext(T));
			await row("next", () => kv.claimNext(T));
			await row("owner", () => kv.claimForOwner({owner: "o", ...T}));
			await row("none", () => kv.claimRandom({timeout: 0}));
			await row("no option", () => kv.popRandom());
			await row("refused", () => kv.popRandom({timeout: -1}));
			export default function () {}`, options{})
		for id, method := range map[string]string{
			"pop": "popRandom", "claim": "claimKey", "random": "claimRandom", "first": "popNext", "next": "claimNext", "owner": "claimForOwner",
		} {
			res.want(id, "!InitContextError|"+method+"|timeout|setup()")
		}
		res.want("none", "null")
		res.want("no option", "null")
		res.want("refused", "!InvalidOptionsError|timeout|-1")
	})
}

func TestWaitingReadOnly(t *testing.T) {
	t.Parallel()
	defer inTime(t)()
	dir := mustRun(t, imports+`const kv = openKv(); export default () => kv.set("k", 1);`, options{}).dir
	res := mustRun(t, imports+`const kv = openKv({disk: {readOnly: true}}), T = {timeout: "50s"};
		export default async function () {
			await row("pop", () => kv.popRandom(T));
			await row("claim", () => kv.claimKey("missing", T));
			await row("random", () => kv.claimRandom({prefix: "x", ...T}));
		}`, options{dir: dir})
	for id, method := range map[string]string{"pop": "popRandom", "claim": "claimKey", "random": "claimRandom"} {
		res.want(id, "!StoreReadOnlyError|"+method)
	}
}

// close() ends what waits, and nothing else.
func TestWaitingAndClose(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, before string) {
		defer inTime(t)()
		res := mustRun(t, before+`
			export const options = {scenarios: {
				closer: {executor: "per-vu-iterations", vus: 1, iterations: 1, exec: "closes"},
				other: {executor: "per-vu-iterations", vus: 1, iterations: 1, exec: "waits"}}};
			export async function closes() {
				const calls = [kv.popRandom({prefix: "x", ...T}), kv.claimKey("k", T), kv.set("closed", 1), kv.claimRandom({prefix: "x", ...T})];
				kv.close();
				await Promise.all(calls.map((call, n) => row("call " + n, () => call)));
				await row("later", () => kv.popRandom(T));
			}
			export async function waits() {
				const found = kv.claimKey("after", T);
				await kv.claimKey("closed", T);
				await kv.set("after", 1);
				tell("other", (await found).key);
			}`, options{})
		for _, n := range []int{0, 1, 3} {
			res.want(fmt.Sprint("call ", n), "!StoreClosedError|closed")
		}
		res.want("call 2", "1")
		res.want("later", "!StoreClosedError|popRandom|close()")
		res.want("other", "after")
	})
}

// A call that waits keeps its iteration open, awaited or not.
func TestWaitingKeepsTheIteration(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, before string) {
		res := mustRun(t, before+`
			export const options = {iterations: 3};
			let settled = 0;
			export default function () {
				tell("settled " + __ITER, settled);
				kv.popRandom({prefix: "a", timeout: 100}).then((found) => { if (found === null) settled++; });
				kv.popRandom({prefix: "k", ...T}).then((found) => { if (found.value === __ITER) settled++; });
				setTimeout(() => kv.set("k", __ITER), 50);
			}`, options{})
		for n := range 3 {
			res.want(fmt.Sprint("settled ", n), fmt.Sprint(2*n))
		}
	})
}

// An iteration that fails takes back what it waits for, and the next is a new one.
func TestWaitingWhenTheIterationFails(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, before string) {
		defer inTime(t)()
		res := run(t, before+`
			export const options = {iterations: 100};
			export default async function () {
				if (__ITER === 99) {
					await fill(kv, ["a", "b", "c"]);
					tell("left", await kv.size());
					return;
				}
				kv.popRandom(T);
				for (let n = 0; n < 20; n++) kv.set("k", n).then(() => kv.claimKey("missing", T));
				throw new Error("that is enough");
			}`, options{})
		res.wantCode(exitOK)
		if left := res.one("left"); left != "3" && left != "4" {
			t.Errorf("%s keys are left", left)
		}
	})
}

func TestWaitingIsMeasured(t *testing.T) {
	t.Parallel()
	s := measured(t, `
		const kv = openKv({backend: "memory", metrics: {operations: true}});
		export default async function () {
			await kv.popRandom({timeout: 150});
			const found = kv.claimRandom({timeout: 50000});
			await kv.set("k", 1);
			await found;
			await kv.popRandom({timeout: -1}).catch(() => {});
			kv.claimKey("k", {timeout: 50000}).catch(() => {});
			kv.close();
		}`)
	wantCounts(t, "operations", s.counts("operations_total", "op", "status"), map[string]float64{
		"pop_random ok": 1, "claim_random ok": 1, "set ok": 1, "pop_random error": 1, "claim_key error": 1})
	wantCounts(t, "empty", s.counts("empty_result", "op"), map[string]float64{"pop_random": 1, "claim_random": 0})
	wantCounts(t, "errors", s.counts("errors_total", "op", "error_type"), map[string]float64{
		"pop_random InvalidOptionsError": 1, "claim_key StoreClosedError": 1})
	for _, p := range s.points["operation_duration"] {
		if p.Tags["op"] == "pop_random" && p.Tags["status"] == "ok" && (p.Value < 145 || p.Value > 8000) {
			t.Errorf("a call that waited 150 ms took %v ms", p.Value)
		}
	}
	inFlight := s.points["async_in_flight"]
	if len(inFlight) == 0 || inFlight[0].Value != 1 || inFlight[len(inFlight)-1].Value != 0 {
		t.Errorf("calls in flight: %v", inFlight)
	}
}

// What is taken back is told as an error of the call, though no script hears of it.
func TestWaitingCutOffIsMeasured(t *testing.T) {
	t.Parallel()
	s := measured(t, `
		export const options = {scenarios: {all: {executor: "constant-vus", vus: 5, duration: "1s", gracefulStop: "0s"}}};
		const kv = openKv({backend: "memory", metrics: {operations: true}});
		export default async function () { await kv.popRandom({timeout: 50000}); }`)
	wantCounts(t, "errors", s.counts("errors_total", "op", "error_type"),
		map[string]float64{"pop_random OperationCanceledError": 5})
}

// What reads much is done by a thread of the library, but in its turn.
func TestLongReadsInOrder(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		const stores = {memory: openKv({backend: "memory"}), tracked: openKv({path: "tracked.kv", trackKeys: true}),
			disk: openKv({path: "plain.kv"}), none: openKv({path: "none.kv", disk: {durability: "none"}})};
		const many = {};
		for (let n = 0; n < 20000; n++) many["k" + String(n).padStart(5, "0")] = n;
		const names = Object.keys(many);
		async function check(name, kv) {
			await kv.setMany(many);
			kv.set("before", 1);
			const list = kv.list();
			kv.set("after", 1);
			const there = kv.exists("after"), keys = kv.listKeys({prefix: "k"});
			kv.delete("before");
			kv.delete(names[7]);
			const scan = kv.scan({prefix: ""}), count = kv.count();
			kv.set(names[7], "again");
			const got = kv.getMany(names), rebuilt = kv.rebuildKeyList(), random = kv.randomKeys({count: 5000}), seven = kv.get(names[7]);
			kv.clear();
			const none = kv.list();
			kv.set("last", 1);
			const has = (entries, key) => entries.some((entry) => entry.key === key);
			tell(name, show([
				(await list).length, has(await list, "before"), has(await list, "after"), (await list)[20000].value,
				await there, (await keys).length, (await scan).entries.length, has((await scan).entries, "before"),
				has((await scan).entries, "after"), await count, (await got)[7], (await got)[19999].value, await rebuilt,
				new Set(await random).size, await seven, await none, await kv.list(), (await list).every(({key, value}) => value === 1 || many[key] === value)]));
		}
		export default async function () { for (const name in stores) await check(name, stores[name]); }`, options{})
	for _, name := range []string{"memory", "tracked", "disk", "none"} {
		res.want(name, `[20001,true,false,19999,true,20000,20000,false,true,20000,{"key":"k00007","exists":true,"value":"again"},19999,true,`+
			`5000,"again",[],[{"key":"last","value":1}],true]`)
	}
}

// While somebody reads all, the others of its own virtual user wait, and those of others do not.
func TestLongReadsBesideWrites(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, before string) {
		res := mustRun(t, before+`
			export const options = {scenarios: {all: {executor: "per-vu-iterations", vus: 4, iterations: 3}}};
			const many = {};
			for (let n = 0; n < 5000; n++) many["k" + n] = 0;
			export const setup = () => kv.setMany(many);
			export default async function () {
				const key = "vu:" + __VU, calls = [];
				for (let n = 0; n < 3; n++) {
					kv.set(key, __ITER * 3 + n);
					const wanted = __ITER * 3 + n;
					calls.push(kv.list().then((list) => list.length >= 5000 && list.find((e) => e.key === key).value === wanted));
				}
				const right = await Promise.all(calls);
				if (!right.every(Boolean)) tell("wrong", show(right));
			}
			export async function teardown() { tell("size", await kv.size()); }`, options{})
		res.want("size", "5004")
		if wrong := res.reports["wrong"]; len(wrong) > 0 {
			t.Errorf("a list did not hold what was set before it, or what was set after it: %q", wrong)
		}
	})
}
