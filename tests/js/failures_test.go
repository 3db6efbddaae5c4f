package js_test

import "testing"

// k6 exits with it when a threshold is crossed.
const exitThresholds = 99

const noErrors = `export const options = {thresholds: {xk6_kv_errors_total: ["count==0"]}};
	const kv = openKv({path: "a.kv"}), memory = openKv({backend: "memory"});`

// Calls that reject fail a run which says so, also where the script handles it.
func TestFailingCallsFailTheRun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		script string
		code   int
	}{
		"all well":        {`export default async function () { await kv.set("a", 1); await kv.claimKey("b"); }`, exitOK},
		"no calls":        {`export default function () {}`, exitOK},
		"memory":          {`export default async function () { await memory.get("b").catch(() => {}); }`, exitThresholds},
		"disk, queued":    {`export default async function () { await kv.set("a", 1); await kv.incrementBy("b", 0.5).catch(() => {}); }`, exitThresholds},
		"disk, in C":      {`export default async function () { await kv.set("a", "x"); await kv.incrementBy("a", 1).catch(() => {}); }`, exitThresholds},
		"not awaited":     {`export default function () { memory.get("b").catch(() => {}); kv.get("b").catch(() => {}); }`, exitThresholds},
		"not handled":     {`export default async function () { await kv.get("b"); }`, exitThresholds},
		"an argument":     {`export default async function () { await kv.clear("all").catch(() => {}); }`, exitThresholds},
		"closed":          {`export default async function () { kv.close(); await kv.size().catch(() => {}); }`, exitThresholds},
		"openKv":          {`export default function () { try { openKv(); } catch {} }`, exitThresholds},
		"setup":           {`export async function setup() { await kv.get("b").catch(() => {}); } export default function () {}`, exitThresholds},
		"teardown":        {`export default function () {} export async function teardown() { await memory.get("b").catch(() => {}); }`, exitThresholds},
		"setup, disk":     {`export async function setup() { await kv.incrementBy("b", null).catch(() => {}); } export default function () {}`, exitThresholds},
		"only in summary": {`export default function () {} export async function handleSummary() { await kv.get("b").catch(() => {}); return {}; }`, exitOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, imports+noErrors+test.script, options{}).wantCode(test.code)
		})
	}
}

// What is counted carries the tags of its store, whatever metrics.operations is.
func TestErrorsAreAlwaysCounted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ options, tags string }{
		{`{backend: "memory"}`, "memory false json"},
		{`{trackKeys: true, metrics: {operations: false}}`, "disk true json"},
		{`{disk: {durability: "none"}, serialization: "json"}`, "disk false json"},
	} {
		t.Run(test.tags, func(t *testing.T) {
			t.Parallel()
			s := measured(t, `import exec from "k6/execution"; const kv = openKv(`+test.options+`);
				await kv.get("at init").catch(() => {});
				export const options = {iterations: 2};
				export default async function () { exec.vu.tags.group = "special"; await kv.clear(); `+measuredCalls+` }`)
			wantCounts(t, "errors_total", s.counts("errors_total", "op", "error_type"), map[string]float64{
				"set SerializerError": 2, "get KeyNotFoundError": 2, "get InvalidOptionsError": 2, "set Exception": 2,
			})
			wantCounts(t, "claims_lost_total", s.counts("claims_lost_total", "op"),
				map[string]float64{"release_claims": 2})
			if len(s.points) != 2 {
				t.Errorf("more was emitted: %v", s.kinds)
			}
			s.wantTags(t, test.tags)
		})
	}
}

// Claims that came back too late are counted one by one.
func TestLostClaimsAreCounted(t *testing.T) {
	t.Parallel()
	for _, store := range []string{`{backend: "memory"}`, `{path: "lost.kv"}`, `{path: "lost.kv", metrics: {operations: true}}`} {
		s := measured(t, `const kv = openKv(`+store+`);
			export default async function () {
				await fill(kv, ["a", "b", "c", "d", "e", "f"]);
				const [a, b, c, d, e, f] = (await kv.claimKeys(["a", "b", "c", "d", "e", "f"], {ttl: 60000})).claimed;
				await kv.renewClaim(a, {ttl: 60000}); await kv.releaseClaim(a); await kv.completeClaim(b); // in time
				await kv.renewClaims([c, d], {ttl: 60000}); await kv.releaseClaims([]);
				await kv.releaseClaim({id: "?"}).catch(() => {}); // no claim at all
				await kv.renewClaim(a, {ttl: 1}); await kv.releaseClaim(a); await kv.completeClaim(b);
				await kv.completeClaim(b, {deleteKey: false});
				await kv.renewClaims([a, c, b], {ttl: 60000}); // 2 of them
				await kv.releaseClaims([a, c, d]); // 1
				await kv.completeClaims([e, a, b, c, d, f]); // 4
			}`)
		wantCounts(t, store, s.counts("claims_lost_total", "op"), map[string]float64{
			"renew_claim": 1, "release_claim": 1, "complete_claim": 2,
			"renew_claims": 2, "release_claims": 1, "complete_claims": 4,
		})
	}
}

// Many failures at once are all counted.
func TestManyFailuresAreCounted(t *testing.T) {
	t.Parallel()
	mustRun(t, imports+`
		const kv = openKv({backend: "memory"});
		export const options = {vus: 2, iterations: 4, thresholds: {
			xk6_kv_errors_total: ["count==2000"], "xk6_kv_errors_total{error_type:KeyNotFoundError}": ["count==2000"]}};
		export default async function () {
			for (let n = 0; n < 500; n++) await kv.get("missing" + n).catch(() => {});
		}`, options{})
}
