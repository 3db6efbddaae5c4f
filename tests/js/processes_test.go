package js_test

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// holder is a script that has the store open, says so, and counts in it until
// it is interrupted. Several virtual users have it open, one of them writes.
const holder = imports + `
	import { sleep } from "k6";
	export const options = {scenarios: {all: {executor: "constant-vus", vus: 3, duration: "5m"}}};
	const kv = openKv();
	let n = 0;
	export default async function () {
		if (__VU > 1) return sleep(0.1);
		await kv.set("n", ++n);
		if (n === 1) await kv.set("fixed", "value");
		if (n === 1) tell("ready", "");
		sleep(0.005);
	}`

func startHolder(t *testing.T) *process {
	t.Helper()
	p := start(t, holder, options{})
	p.await("ready", 1)
	return p
}

func (p *process) interrupt() {
	p.t.Helper()
	p.stop(syscall.SIGINT)
	p.wait().wantCode(exitExternalAbort)
}

func TestSecondWriter(t *testing.T) {
	t.Parallel()
	p := startHolder(t)
	holder := processName(p)
	res := mustRun(t, imports+`
		for (const timeout of [0, "300ms", 600]) {
			const start = Date.now();
			rowAtInit("refused/" + timeout, () => openKv({disk: {timeout}}));
			if (__VU > 0) tell("waited/" + timeout, Date.now() - start);
		}
		const start = Date.now();
		rowAtInit("refused/default", () => openKv());
		if (__VU > 0) tell("waited/default", Date.now() - start);
		export const options = {vus: 1, iterations: 1};
		export default function () {}`, options{dir: p.dir})
	limits := map[string]int{"0": 0, "300ms": 300, "600": 600, "default": 1000}
	for timeout, least := range limits {
		res.want("refused/"+timeout, "!DiskStoreOpenError|.k6.kv|"+holder+"|disk.timeout")
		for _, text := range res.reports["waited/"+timeout] {
			waited, err := strconv.Atoi(text)
			check(t, err)
			if waited < least || waited > least+10000 { // a busy machine takes its time
				t.Errorf("timeout %s: waited %d ms", timeout, waited)
			}
		}
	}
	p.interrupt()
}

// A writer that waits gets the store when the other ends.
func TestSecondWriterWaits(t *testing.T) {
	t.Parallel()
	p := startHolder(t)
	second := start(t, imports+`
		const kv = openKv({disk: {timeout: "2m"}});
		export const options = {vus: 5, iterations: 5};
		export default async function () {
			tell("fixed", show(await kv.get("fixed")));
			await kv.set("second", 1);
		}`, options{dir: p.dir})
	second.awaitWarning()
	holder := processName(p)
	p.interrupt()
	res := second.wait()
	res.wantCode(exitOK)
	warnings := res.warnings()
	if len(warnings) != 1 || !strings.Contains(warnings[0], "waiting for "+holder) ||
		!strings.Contains(warnings[0], p.dir) {
		t.Errorf("k6 warned: %q", warnings)
	}
	res.want("fixed", `"value"`)
}

// Readers see what the writer does while it does it, and cannot change it.
func TestReadersBesideAWriter(t *testing.T) {
	t.Parallel()
	p := startHolder(t)
	reader := imports + `
		import { sleep } from "k6";
		const kv = openKv({disk: {readOnly: true}});
		export default async function () {
			const before = await kv.get("n");
			for (let i = 0; i < 300 && await kv.get("n") === before; i++) sleep(0.1);
			tell("live", await kv.get("n") > before);
			tell("size", await kv.size());
			tell("keys", (await kv.list()).map((e) => e.key));
			tell("fixed", show(await kv.get("fixed")));
			tell("random", (await kv.randomKey({prefix: "f"})));
			tell("rebuild", await kv.rebuildKeyList());
			await row("set", () => kv.set("k", 1));
			await row("delete", () => kv.delete("n"));
			await row("clear", () => kv.clear());
			await row("missing", () => kv.get("k"));
		}`
	other := start(t, reader, options{dir: p.dir})
	for _, res := range []*result{mustRun(t, reader, options{dir: p.dir}), other.wait()} {
		res.wantCode(exitOK)
		res.want("live", "true")
		res.want("size", "2")
		res.want("keys", "fixed,n")
		res.want("fixed", `"value"`)
		res.want("random", "fixed")
		res.want("rebuild", "true")
		for _, call := range []string{"set", "delete", "clear"} {
			res.want(call, "!StoreReadOnlyError|"+call+"|disk.readOnly")
		}
		res.want("missing", `!KeyNotFoundError|"k"`)
	}
	p.interrupt()
}

// trackKeys with readOnly: the index must not be a picture of the moment at
// which the store was opened.
func TestTrackedReaderIsLive(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	p := start(t, imports+`
		import { sleep } from "k6";
		export const options = {scenarios: {all: {executor: "constant-vus", vus: 1, duration: "5m"}}};
		const kv = openKv();
		let n = 0;
		export default async function () {
			await kv.set("key:" + n++, n);
			if (n === 1) tell("ready", "");
			sleep(0.005);
		}`, options{dir: dir})
	p.await("ready", 1)
	res := mustRun(t, imports+`
		import { sleep } from "k6";
		const kv = openKv({trackKeys: true, disk: {readOnly: true}});
		export default async function () {
			const before = await kv.size();
			for (let i = 0; i < 300 && await kv.size() === before; i++) sleep(0.1);
			tell("grew", await kv.size() > before);
			let isNew = false; // they are numbered
			for (let i = 0; i < 200000 && !isNew; i++) isNew = (await kv.randomKey({prefix: "key:"})).slice(4) >= before;
			tell("new keys", isNew);
			tell("agree", (await kv.list()).length <= await kv.size());
			tell("consistent", (await kv.stats()).index.consistent); // not false: that would be an alarm
		}`, options{dir: dir})
	res.want("grew", "true")
	res.want("new keys", "true")
	res.want("agree", "true")
	res.want("consistent", "null")
	p.interrupt()
}

// Readers need no writer.
func TestReaderAlone(t *testing.T) {
	t.Parallel()
	p := startHolder(t)
	p.interrupt()
	res := mustRun(t, imports+`
		const kv = openKv({disk: {readOnly: true}});
		export default async function () { tell("fixed", show(await kv.get("fixed"))); }`,
		options{dir: p.dir})
	res.want("fixed", `"value"`)
}

// Two processes on memory stores have nothing to do with each other.
func TestMemoryIsPerProcess(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	for i := range 2 {
		res := mustRun(t, imports+`
			const kv = openKv({backend: "memory"});
			export default async function () {
				tell("before", await kv.size());
				await kv.set("k", 1);
			}`, options{dir: dir})
		if got := res.one("before"); got != "0" {
			t.Errorf("run %d found %s keys", i, fmt.Sprint(got))
		}
	}
}
