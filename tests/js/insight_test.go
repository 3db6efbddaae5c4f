package js_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestStats(t *testing.T) {
	t.Parallel()
	runRows(t, stores("json"), []row{
		{`const s = await kv.stats(); return [Object.keys(s), Object.keys(s.claims), typeof s.backend, s.serialization, typeof s.trackKeys];`,
			`[["backend","serialization","trackKeys","count","claims","index","disk"],["live","expired"],"string","json","boolean"]`},
		{`await fill(kv, ["a", "b", "c"]); await kv.claimRandom(); const s = await kv.stats(); return [s.count, s.claims];`,
			`[3,{"live":1,"expired":0}]`},
		{`const {index} = await kv.stats(); if (index === null) return true;
		return Object.keys(index).join() === "enabled,keysList,keysMap,ost,consistent" && index.consistent === true;`, `true`},
		{`const {backend, disk} = await kv.stats(); if (disk === null) return backend === "memory";
		return backend === "disk" && Object.keys(disk).join() === "path,sizeBytes,readOnly" && /^([A-Z]:)?[/]/.test(disk.path) &&
			disk.sizeBytes > 0 && disk.readOnly === false;`, `true`},
		{`await kv.set("k", 1); await kv.claimKey("k", {ttl: 20}); await new Promise((r) => setTimeout(r, 50));
		return (await kv.stats()).claims;`, `{"live":0,"expired":1}`},
		{`await fill(kv, ["a:1", "a:2", "a:3", "b"]); await kv.claimKey("a:1"); await kv.claimKey("a:2", {ttl: 10});
		await new Promise((r) => setTimeout(r, 40)); const {backend, trackKeys, ...s} = await kv.allocationStats({prefix: "a:"});
		return [s, typeof backend, typeof trackKeys];`,
			`[{"prefix":"a:","total":3,"claimable":2,"claimedLive":1,"claimedExpired":1},"string","boolean"]`},
		{`return [Object.keys(await kv.allocationStats()), (await kv.allocationStats(null)).prefix];`,
			`[["prefix","total","claimable","claimedLive","claimedExpired","backend","trackKeys"],""]`},
		{`kv.allocationStats({prefix: 5})`, `!InvalidOptionsError|allocationStats|prefix|5`},
		{`kv.allocationStats({limit: 5})`, `!InvalidOptionsError|allocationStats|"limit"`},
		{`const calls = [kv.set("a", 1), kv.stats(), kv.set("b", 1), kv.stats()]; const all = await Promise.all(calls);
		return [all[1].count, all[3].count];`, `[1,2]`},
		{`kv.reportStats()`, `undefined`},
	})
}

func TestReportStatsAtInit(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		const kvs = {memory: openKv({backend: "memory"}), disk: openKv()};
		for (const name in kvs) await row(name, () => kvs[name].reportStats());
		export default function () {}`, options{})
	res.want("memory", "!MetricsUnavailableError|reportStats")
	res.want("disk", "!MetricsUnavailableError|reportStats")
}

// samples is what k6 wrote with --out json, without the metrics of others.
type samples struct {
	kinds  map[string]string // metric to "type contains"
	points map[string][]point
}

type point struct {
	Value float64           `json:"value"`
	Tags  map[string]string `json:"tags"`
}

// measured runs a script and returns what it emitted.
func measured(t *testing.T, script string) samples {
	t.Helper()
	dir := tempDir(t)
	path := filepath.Join(dir, "metrics.json")
	run(t, imports+script, options{dir: dir, args: []string{"--out=json=" + path, "--tag=mine=yes"}}).wantCode(exitOK)
	return readSamples(t, path)
}

// readSamples reads what k6 wrote.
func readSamples(t *testing.T, path string) samples {
	t.Helper()
	all := samples{make(map[string]string), make(map[string][]point)}
	lines := bufio.NewScanner(bytes.NewReader(readFile(t, path)))
	for lines.Scan() {
		var line struct {
			Type, Metric string
			Data         json.RawMessage
		}
		check(t, json.Unmarshal(lines.Bytes(), &line))
		name, ours := strings.CutPrefix(line.Metric, "xk6_kv_")
		if !ours {
			continue
		}
		if line.Type == "Metric" {
			var metric struct{ Type, Contains string }
			check(t, json.Unmarshal(line.Data, &metric))
			all.kinds[name] = metric.Type + " " + metric.Contains
			continue
		}
		var p point
		check(t, json.Unmarshal(line.Data, &p))
		all.points[name] = append(all.points[name], p)
	}
	return all
}

// counts adds up the samples of a metric by some of their tags.
func (s samples) counts(name string, tags ...string) map[string]float64 {
	counts := make(map[string]float64)
	for _, p := range s.points[name] {
		var values []string
		for _, tag := range tags {
			values = append(values, p.Tags[tag])
		}
		counts[strings.Join(values, " ")] += p.Value
	}
	return counts
}

func wantCounts(t *testing.T, what string, got, want map[string]float64) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

const measuredCalls = `
	await kv.set("k", 1);
	await kv.set("k", 2);
	await kv.set("k", NaN).catch(() => {});
	await kv.get("missing").catch(() => {});
	await kv.get(5).catch(() => {});
	await kv.get("k");
	await kv.randomKey();
	await kv.randomKey({prefix: "none"});
	await kv.randomEntry();
	await kv.randomKeys({count: 1, prefix: "none"});
	await kv.nextCircular({prefix: "none"});
	await kv.claimRandomMany({count: 1});
	await kv.claimRandom();
	await kv.popRandom();
	await kv.set("k", { get a() { throw new TypeError("mine"); } }).catch(() => {});
	await kv.setMany({a: 1});
	const c = await kv.claimKey("a");
	await kv.releaseClaim(c);
	await kv.releaseClaims([c]);
	await kv.popRandomMany({count: 1});`

func TestOperationMetrics(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, options, tags string }{
		{"memory", `{backend: "memory", metrics: {operations: true}}`, "memory false json"},
		{"disk", `{trackKeys: true, metrics: {operations: true}}`, "disk true json"},
		{"disk none", `{disk: {durability: "none"}, metrics: {operations: true}}`, "disk false json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := measured(t, `import exec from "k6/execution";
				const kv = openKv(`+test.options+`);
				await kv.set("at init", 1); await kv.clear();
				export default async function () { exec.vu.tags.group = "special"; `+measuredCalls+` }`)
			kinds := map[string]string{
				"operations_total": "counter default", "operation_duration": "trend time", "operation_failed": "rate default",
				"errors_total": "counter default", "empty_result": "rate default", "async_in_flight": "gauge default",
				"claims_lost_total": "counter default",
			}
			if !maps.Equal(s.kinds, kinds) {
				t.Errorf("got the metrics %v, want %v", s.kinds, kinds)
			}
			wantCounts(t, "operations_total", s.counts("operations_total", "op", "status"), map[string]float64{
				"set ok": 2, "set error": 2, "get ok": 1, "get error": 2, "random_key ok": 2, "random_entry ok": 1, "random_keys ok": 1,
				"next_circular ok": 1, "claim_random_many ok": 1, "claim_random ok": 1, "pop_random ok": 1, "set_many ok": 1, "claim_key ok": 1,
				"release_claim ok": 1, "release_claims ok": 1, "pop_random_many ok": 1,
			})
			wantCounts(t, "errors_total", s.counts("errors_total", "op", "error_type"), map[string]float64{
				"set SerializerError": 1, "get KeyNotFoundError": 1, "get InvalidOptionsError": 1, "set Exception": 1,
			})
			wantCounts(t, "empty_result", s.counts("empty_result", "op"), map[string]float64{
				"random_key": 1, "random_entry": 0, "random_keys": 1, "next_circular": 1, "claim_random_many": 0, "claim_random": 1, "pop_random": 1, "claim_key": 0,
				"pop_random_many": 0,
			})
			failed := s.counts("operation_failed", "op")
			if failed["set"] != 2 || failed["get"] != 2 || failed["pop_random"] != 0 || len(failed) != 14 {
				t.Errorf("operation_failed: %v", failed)
			}
			s.wantTags(t, test.tags)
			if n := len(s.points["operation_duration"]); n != 20 {
				t.Errorf("%d durations", n)
			}
			for _, p := range s.points["operation_duration"] {
				if p.Value < 0 || p.Value > 10000 || (p.Value == 0 && !inWine) { // where clocks tick slower
					t.Errorf("a duration of %v ms", p.Value)
				}
			}
			last := s.points["async_in_flight"][len(s.points["async_in_flight"])-1]
			if last.Value != 0 {
				t.Errorf("%v calls are in flight at the end", last.Value)
			}
		})
	}
}

// wantTags checks the tags that all samples have.
func (s samples) wantTags(t *testing.T, store string) {
	t.Helper()
	for name, points := range s.points {
		for _, p := range points {
			got := fmt.Sprint(p.Tags["backend"], " ", p.Tags["track_keys"], " ", p.Tags["serialization"])
			if got != store || p.Tags["mine"] != "yes" || p.Tags["scenario"] != "default" || p.Tags["group"] != "special" {
				t.Fatalf("%s has the tags %v", name, p.Tags)
			}
		}
	}
}

// Waiting calls are counted while they wait.
func TestInFlight(t *testing.T) {
	t.Parallel()
	s := measured(t, `const kv = openKv({metrics: {operations: true}});
		export default async function () {
			await Promise.all([1, 2, 3, 4].map((n) => kv.set("k", n)));
			await kv.get("k");
		}`)
	most := slices.MaxFunc(s.points["async_in_flight"], func(a, b point) int { return int(a.Value - b.Value) })
	last := s.points["async_in_flight"][len(s.points["async_in_flight"])-1]
	if most.Value != 4 || last.Value != 0 {
		t.Errorf("at most %v in flight, %v at the end", most.Value, last.Value)
	}
}

// What was called before an iteration fails is told, above all what failed it.
func TestMetricsOfFailedIterations(t *testing.T) {
	t.Parallel()
	for _, store := range []string{`backend: "memory"`, `path: "failed.kv"`} {
		s := measured(t, `const kv = openKv({`+store+`, metrics: {operations: true}});
			export const options = {iterations: 3};
			export default async function () {
				await kv.set("a", 1);
				await kv.get("missing");
			}`)
		wantCounts(t, store, s.counts("operations_total", "op", "status"),
			map[string]float64{"set ok": 3, "get error": 3})
		wantCounts(t, store, s.counts("errors_total", "error_type"), map[string]float64{"KeyNotFoundError": 3})
	}
}

// Samples have the tags of the moment when the call was made.
func TestTagsOfTheCall(t *testing.T) {
	t.Parallel()
	s := measured(t, `import { group } from "k6";
		import exec from "k6/execution";
		const kvs = [openKv({metrics: {operations: true}}), openKv({backend: "memory", metrics: {operations: true}})];
		export default async function () {
			let calls;
			exec.vu.metrics.tags.step = "one";
			group("mine", () => { calls = kvs.map((kv) => kv.set("a", 1)); });
			exec.vu.metrics.tags.step = "two";
			await Promise.all(calls);
		}`)
	wantCounts(t, "tags", s.counts("operations_total", "backend", "group", "step"),
		map[string]float64{"disk ::mine one": 1, "memory ::mine one": 1})
}

// A report is told when it is made: k6 shows the gauge that came last.
func TestReportsInOrder(t *testing.T) {
	t.Parallel()
	s := measured(t, `import { sleep } from "k6";
		import exec from "k6/execution";
		const kv = openKv({backend: "memory"});
		export const options = {scenarios: {all: {executor: "per-vu-iterations", vus: 2, iterations: 1}}};
		export default async function () {
			if (exec.vu.idInTest === 1) { await kv.set("a", 1); await kv.reportStats(); await kv.set("reported", 1); sleep(0.8); return; }
			await kv.claimKey("reported", {timeout: 50000}); await kv.clear(); await kv.reportStats();
		}`)
	var told []float64
	for _, p := range s.points["keys"] {
		told = append(told, p.Value)
	}
	if !slices.Equal(told, []float64{1, 0}) {
		t.Errorf("the numbers of keys came as %v", told)
	}
}

func TestMetricsOff(t *testing.T) {
	t.Parallel()
	s := measured(t, `const kv = openKv({backend: "memory"}), disk = openKv({metrics: {operations: false}});
		export default async function () { { const kv = disk; `+measuredCalls+` } `+measuredCalls+` }`)
	delete(s.kinds, "errors_total")
	delete(s.kinds, "claims_lost_total")
	if len(s.kinds) > 0 {
		t.Errorf("metrics were emitted: %v", s.kinds)
	}
}

func TestReportStats(t *testing.T) {
	t.Parallel()
	script := func(options string) string {
		return `import exec from "k6/execution";
			const kv = openKv(` + options + `);
			export default async function () {
				exec.vu.tags.group = "special";
				await fill(kv, ["a", "b", "c"]);
				await kv.claimKey("a"); await kv.claimKey("b", {ttl: 10});
				await new Promise((r) => setTimeout(r, 40));
				if (await kv.reportStats() !== undefined) throw new Error("it returned something");
			}`
	}
	for _, test := range []struct {
		options, tags string
		disk, index   bool
	}{
		{`{backend: "memory", serialization: "string"}`, "memory false string", false, false},
		{`{backend: "memory", trackKeys: true}`, "memory true json", false, true},
		{`{path: "a.kv"}`, "disk false json", true, false},
		{`{path: "b.kv", trackKeys: true}`, "disk true json", true, true},
	} {
		t.Run(test.tags, func(t *testing.T) {
			t.Parallel()
			s := measured(t, script(test.options))
			s.wantTags(t, test.tags)
			kinds := map[string]string{"keys": "gauge default", "claims_live": "gauge default", "claims_expired": "gauge default"}
			if test.disk {
				kinds["disk_size_bytes"] = "gauge data"
			}
			if test.index {
				kinds["index_keys"], kinds["index_consistent"] = "gauge default", "gauge default"
				wantCounts(t, "index_keys", s.counts("index_keys", "index"), map[string]float64{"keys_list": 3, "keys_map": 3, "ost": 3})
				wantCounts(t, "index_consistent", s.counts("index_consistent"), map[string]float64{"": 1})
			}
			if !maps.Equal(s.kinds, kinds) {
				t.Errorf("got the metrics %v, want %v", s.kinds, kinds)
			}
			wantCounts(t, "keys", s.counts("keys"), map[string]float64{"": 3})
			wantCounts(t, "claims_live", s.counts("claims_live"), map[string]float64{"": 1})
			wantCounts(t, "claims_expired", s.counts("claims_expired"), map[string]float64{"": 1})
		})
	}
}

// Metrics can have thresholds, as k6's own.
func TestMetricsInTheSummary(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		export const options = {vus: 3, iterations: 30, thresholds: {
			"xk6_kv_operations_total{op:set}": ["count==30"], "xk6_kv_operation_failed{op:get}": ["rate==0"],
			"xk6_kv_operation_duration": ["p(95)<1000"]}};
		const kv = openKv({metrics: {operations: true}});
		export default async function () { await kv.set("k" + __VU, 1); await kv.get("k" + __VU); }
		export function handleSummary(data) {
			const m = data.metrics;
			tell("summary", show([m["xk6_kv_operations_total{op:set}"].values.count, m.xk6_kv_operation_failed.values.rate,
				m.xk6_kv_operation_duration.type, m.xk6_kv_operation_duration.contains]));
			return {};
		}`, options{})
	res.want("summary", `[30,0,"trend","time"]`)
}
