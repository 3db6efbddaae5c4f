package js_test

import (
	"strings"
	"syscall"
	"testing"
)

// Every virtual user tells each key when its write has been acknowledged.
const writeAndTell = `
	export const options = {scenarios: {all: {
		executor: "constant-vus", vus: 20, duration: "60s", gracefulStop: "5s"}}};
	let n = 0;
	export default async function () {
		const key = "k:" + __VU + ":" + n++;
		await kv.set(key, key);
		tell("acked", key);
		if (kind === "many at once") {
			const keys = Array.from({length: 20}, (_, i) => key + ":" + i);
			await Promise.all(keys.map((k) => kv.set(k, k).then(() => tell("acked", k))));
		}
	}
	export async function teardown() { tell("teardown", await kv.size() > 0); }
	export async function handleSummary() { tell("summary", await kv.size() > 0); return {}; }`

// However k6 ends, what it acknowledged is there in the next run.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		signals []syscall.Signal
		options string
	}{
		{"SIGINT", []syscall.Signal{syscall.SIGINT}, `{}`},
		{"SIGTERM", []syscall.Signal{syscall.SIGTERM}, `{}`},
		{"SIGINT twice", []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, `{}`},
		{"SIGINT, tracked", []syscall.Signal{syscall.SIGINT}, `{trackKeys: true}`},
		{"SIGINT, none", []syscall.Signal{syscall.SIGINT}, `{disk: {durability: "none"}}`},
		{"SIGKILL", []syscall.Signal{syscall.SIGKILL}, `{}`},
		{"SIGKILL, relaxed", []syscall.Signal{syscall.SIGKILL}, `{disk: {durability: "relaxed"}}`},
		{"SIGKILL, none", []syscall.Signal{syscall.SIGKILL}, `{disk: {durability: "none"}}`},
	}
	for i, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			kind := []string{"one at a time", "many at once"}[i%2]
			before := imports + `const kv = openKv(` + test.options + `), kind = "` + kind + `";`
			res := interrupted(t, before+writeAndTell, test.signals)
			if len(test.signals) == 1 && test.signals[0] != syscall.SIGKILL {
				res.want("teardown", "true")
				res.want("summary", "true")
			}
			res.wantAcknowledged(before)
		})
	}
}

// interrupted runs a script until it has acknowledged much, and ends it.
func interrupted(t *testing.T, script string, signals []syscall.Signal) *result {
	t.Helper()
	p := start(t, script, options{})
	p.await("acked", 500)
	for _, signal := range signals {
		p.stop(signal)
	}
	res := p.wait()
	if signals[0] == syscall.SIGKILL {
		if res.signal != syscall.SIGKILL {
			t.Fatalf("k6 ended with %d, not by SIGKILL", res.code)
		}
		return res
	}
	res.wantCode(exitExternalAbort)
	return res
}

// wantAcknowledged looks into the store again.
func (r *result) wantAcknowledged(before string) {
	r.t.Helper()
	acknowledged := r.reports["acked"]
	again := mustRun(r.t, before+`
		export default async function () {
			const list = await kv.list();
			tell("keys", list.map((e) => e.key).join());
			tell("size", await kv.size() === list.length);
			tell("wrong", list.filter((e) => e.key !== e.value).length);
			await kv.set("another", 1);
		}`, options{dir: r.dir})
	again.want("wrong", "0")
	again.want("size", "true")
	there := make(map[string]bool)
	for _, key := range strings.Split(again.one("keys"), ",") {
		there[key] = true
	}
	lost := 0
	for _, key := range acknowledged {
		if !there[key] {
			lost++
		}
	}
	if lost > 0 {
		r.t.Errorf("%d of %d acknowledged writes are lost", lost, len(acknowledged))
	}
}

func TestInterruptMemory(t *testing.T) {
	t.Parallel()
	res := interrupted(t, imports+`const kv = openKv({backend: "memory"}), kind = "many at once";`+
		writeAndTell, []syscall.Signal{syscall.SIGINT})
	res.want("teardown", "true")
	res.want("summary", "true")
}

// Iterations that are cut off in the middle of a write, run after run, neither
// hang nor lose what was acknowledged.
func TestIterationsCutOff(t *testing.T) {
	t.Parallel()
	const before = imports + `const kv = openKv();`
	res := run(t, before+`
		export const options = {scenarios: {all: {executor: "constant-vus", vus: 50,
			duration: "1s", gracefulStop: "0s"}}};
		export default async function () {
			for (let n = 0; ; n++) {
				const key = "k:" + __VU + ":" + n;
				await kv.set(key, key);
				tell("acked", key);
			}
		}
		export async function teardown() { tell("teardown", await kv.size() > 0); }`, options{})
	res.wantCode(exitOK)
	res.want("teardown", "true")
	res.wantAcknowledged(before)
}

// A script can abort the test itself.
func TestAbort(t *testing.T) {
	t.Parallel()
	const before = imports + `const kv = openKv();`
	res := run(t, before+`
		import exec from "k6/execution";
		export const options = {scenarios: {all: {executor: "constant-vus", vus: 10,
			duration: "20s"}}};
		let n = 0;
		export default async function () {
			const key = "k:" + __VU + ":" + n++;
			await kv.set(key, key);
			tell("acked", key);
			if (__VU === 1 && n === 20) exec.test.abort("that was enough");
		}`, options{})
	res.wantCode(108)
	res.wantAcknowledged(before)
}
