package js_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// kinds are the two that calls for files work differently on.
var exchangeKinds = []string{`backend: "memory"`, `path: "a.kv"`}

// onKinds runs a test on both.
func onKinds(t *testing.T, test func(t *testing.T, open string)) {
	t.Helper()
	for _, kind := range exchangeKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, imports+`const kv = openKv({`+kind+`});`)
		})
	}
}

// rowsFile writes a CSV file of n rows: id,name,note.
func rowsFile(t *testing.T, path string, n int) {
	t.Helper()
	var text strings.Builder
	text.WriteString("id,name,note\n")
	for i := range n {
		fmt.Fprintf(&text, "%d,user%d,\"some words, %d\"\n", i, i, i)
	}
	writeFile(t, path, text.String())
}

// A file has what the calls before it have stored, and nothing of those behind it;
// those see what it has stored.
func TestExchangeInOrder(t *testing.T) {
	t.Parallel()
	onKinds(t, func(t *testing.T, open string) {
		res := mustRun(t, open+`
			export default async function () {
				kv.set("a", {n: 1});
				const lines = kv.exportJSONL({fileName: "a.jsonl"}), rows = kv.exportCSV({fileName: "a.csv", columns: ["n"]});
				const copy = kv.backup({fileName: "copy.kv"});
				kv.set("b", {n: 2});
				const both = kv.size();
				const back = kv.restore({fileName: "copy.kv"}), one = kv.listKeys();
				kv.importJSONL({fileName: "a.jsonl", prefix: "i:"});
				tell("keys", show([await both, await one, await kv.listKeys()]));
				tell("counts", show([(await lines).exported, (await rows).exported, (await copy).totalEntries,
					(await back).totalEntries]));
			}`, options{})
		res.want("keys", `[2,["a"],["a","i:a"]]`)
		res.want("counts", `[1,1,1,1]`)
		if got := string(readFile(t, filepath.Join(res.dir, "a.jsonl"))); got != "{\"key\":\"a\",\"value\":{\"n\":1}}\n" {
			t.Errorf("the file is %q", got)
		}
	})
}

// An iteration does not end before its calls have, awaited or not; closing the handle
// does not keep them from ending either.
func TestExchangeKeepsTheIterationOpen(t *testing.T) {
	t.Parallel()
	onKinds(t, func(t *testing.T, open string) {
		dir := tempDir(t)
		rowsFile(t, filepath.Join(dir, "rows.csv"), 50000)
		res := mustRun(t, open+`
			let ended = 0;
			export default function () {
				kv.importCSV({fileName: "rows.csv", keyColumn: "id"}).then((r) => tell("import", r.imported));
				kv.exportJSONL({fileName: "all.jsonl"}).then((r) => { tell("export", r.exported); });
				kv.close();
				kv.size().catch((e) => tell("closed", e.name));
			}
			export function teardown() { tell("teardown", "after"); }`, options{dir: dir})
		res.want("import", "50000")
		res.want("export", "50000")
		res.want("closed", "StoreClosedError")
		var order []string
		for _, line := range res.log {
			if id, ok := strings.CutPrefix(line.Msg, "@@"); ok {
				order = append(order, strings.Fields(id)[0])
			}
		}
		if got := strings.Join(order, " "); got != "closed import export teardown" {
			t.Errorf("things came in the order %s", got)
		}
	})
}

// Everything works wherever a script's code runs.
func TestExchangeInAllContexts(t *testing.T) {
	t.Parallel()
	onKinds(t, func(t *testing.T, open string) {
		res := mustRun(t, open+`
			const all = async (where) => {
				const dir = where + __VU + "/";
				await kv.set("k:" + where, {n: 1});
				const of = {prefix: "k:" + where};
				const results = [await kv.exportJSONL({fileName: dir + "a.jsonl", ...of}),
					await kv.exportCSV({fileName: dir + "a.csv", columns: ["n"], ...of}),
					await kv.importJSONL({fileName: dir + "a.jsonl", prefix: "i:"}),
					await kv.importCSV({fileName: dir + "a.csv", keyColumn: "key", prefix: "j:"}),
					await kv.validateJSONL({fileName: dir + "a.jsonl"}),
					await kv.validateCSV({fileName: dir + "a.csv"}),
					await kv.backup({fileName: dir + "copy.kv"}),
					await kv.restore({fileName: dir + "copy.kv"})];
				tell(where, show(results.map((r) => r.exported ?? r.imported ?? r.valid ?? r.totalEntries > 0)));
			};
			await all("init");
			export const setup = () => all("setup");
			export default () => all("iteration");
			export const teardown = () => all("teardown");
			export async function handleSummary() { await all("summary"); return {}; }`, options{})
		for _, where := range []string{"init", "setup", "iteration", "teardown", "summary"} {
			res.want(where, `[1,1,1,1,true,true,true,true]`)
		}
		wantNoParts(t, res.dir)
	})
}

// While a large file is read or written, timers of the same virtual user run, and
// others iterate.
func TestExchangeBesideOthers(t *testing.T) {
	t.Parallel()
	onKinds(t, func(t *testing.T, open string) {
		dir := tempDir(t)
		rowsFile(t, filepath.Join(dir, "rows.csv"), 400000)
		res := mustRun(t, open+`
			import { setInterval, clearInterval } from "k6/timers";
			export const options = {scenarios: {
				file: {executor: "per-vu-iterations", vus: 1, iterations: 1, exec: "file"},
				other: {executor: "constant-vus", vus: 2, duration: "1s", gracefulStop: "1m", exec: "other"}}};
			const meanwhile = async (name, call) => {
				let ticks = 0;
				const timer = setInterval(() => ticks++, 1), began = Date.now();
				await call;
				clearInterval(timer);
				const ms = Date.now() - began;
				// One comes with the end of the call, whatever was before it; and a busy machine
				// leaves out many.
				tell(name, ms < 40 || ticks > 1 ? "fine" : ticks + " ticks in " + ms + " ms");
				tell("ms", ms);
			};
			export async function file() {
				await meanwhile("import", kv.importCSV({fileName: "rows.csv", keyColumn: "id", prefix: "r:"}));
				await meanwhile("export", kv.exportCSV({fileName: "out.csv", columns: ["id", "name"], prefix: "r:"}));
				await meanwhile("backup", kv.backup({fileName: "copy.kv"}));
				await meanwhile("restore", kv.restore({fileName: "copy.kv"}));
				tell("size", await kv.count({prefix: "r:"}));
			}
			export async function other() {
				const began = Date.now();
				await kv.get("nothing").catch(() => {});
				await kv.randomKey({prefix: "nothing"});
				if (Date.now() - began < 5) tell("quick", "yes");
			}`, options{dir: dir})
		for _, name := range []string{"import", "export", "backup", "restore"} {
			res.want(name, "fine")
		}
		res.want("size", "400000")
		if quick := len(res.reports["quick"]); quick < 20 {
			t.Errorf("others have made %d quick iterations", quick)
		}
		longest := 0
		for _, text := range res.reports["ms"] {
			ms := 0
			fmt.Sscan(text, &ms)
			longest = max(longest, ms)
		}
		if longest < 40 {
			t.Errorf("no call took longer than %d ms: the files are too small to tell anything", longest)
		}
	})
}

// However k6 ends, no file is left that is not complete, or the next call clears it away.
func TestExchangeCutOff(t *testing.T) {
	t.Parallel()
	calls := map[string]string{
		"import": `kv.importCSV({fileName: "rows.csv", keyColumn: "id", prefix: "n" + n + ":"})`,
		"export": `kv.exportCSV({fileName: "out.csv", columns: ["id", "name"]})`,
		"copy":   `kv.backup({fileName: "copy.kv"}).then(() => kv.restore({fileName: "copy.kv"}))`,
	}
	for name, call := range calls {
		for _, end := range []string{"SIGINT", "SIGTERM", "SIGKILL", "abort"} {
			t.Run(name+" "+end, func(t *testing.T) { cutOff(t, call, end) })
		}
	}
}

func cutOff(t *testing.T, call, end string) {
	dir := tempDir(t)
	rowsFile(t, filepath.Join(dir, "rows.csv"), 100000)
	p := start(t, imports+`
		import exec from "k6/execution";
		import { setTimeout } from "k6/timers";
		const kv = openKv({backend: "memory"});
		export const setup = () => kv.importCSV({fileName: "rows.csv", keyColumn: "id"});
		export default async function () {
			for (let n = 0; n < 1000; n++) {
				const call = `+call+`;
				tell("begun", n);
				if (n === 2 && "`+end+`" === "abort") exec.test.abort("that was enough");
				await call;
			}
		}`, options{dir: dir})
	p.await("begun", 3)
	signals := map[string]syscall.Signal{"SIGINT": syscall.SIGINT, "SIGTERM": syscall.SIGTERM, "SIGKILL": syscall.SIGKILL}
	began := time.Now()
	if signal, ok := signals[end]; ok {
		p.stop(signal)
	}
	res := p.wait()
	switch end {
	case "SIGKILL":
	case "abort":
		res.wantCode(108)
	default:
		res.wantCode(exitExternalAbort)
	}
	// gracefulStop, by default 30 s, is not used up by what is cut off.
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("k6 took %v to end", took)
	}
	if end != "SIGKILL" {
		wantNoParts(t, dir)
	}
	again := mustRun(t, imports+`const kv = openKv({backend: "memory"});
		export default async function () {
			await kv.importCSV({fileName: "rows.csv", keyColumn: "id"});
			const r = [await kv.exportCSV({fileName: "out.csv", columns: ["id", "name"]}),
				await kv.backup({fileName: "copy.kv"}), await kv.restore({fileName: "copy.kv"}),
				await kv.validateCSV({fileName: "out.csv"})];
			tell("all", show([r[0].exported, r[1].totalEntries, r[2].totalEntries, r[3].rows, r[3].valid]));
		}`, options{dir: dir})
	again.want("all", `[100000,100000,100000,100000,true]`)
	wantNoParts(t, dir)
}

// Many that write one file, or read many.
func TestExchangeByMany(t *testing.T) {
	t.Parallel()
	onKinds(t, func(t *testing.T, open string) {
		dir := tempDir(t)
		for n := 1; n <= 50; n++ {
			rowsFile(t, filepath.Join(dir, fmt.Sprintf("rows%d.csv", n)), 200)
		}
		res := mustRun(t, open+`
			import exec from "k6/execution";
			export const options = {scenarios: {all: {executor: "per-vu-iterations", vus: 50, iterations: 1}}};
			export default async function () {
				const prefix = "vu" + exec.vu.idInTest + ":", number = exec.scenario.iterationInTest + 1;
				const { imported } = await kv.importCSV({fileName: "rows" + number + ".csv", keyColumn: "id", prefix});
				tell("imported", show([imported, await kv.count({prefix})]));
				for (const [name, call] of [["lines", () => kv.exportJSONL({fileName: "one.jsonl"})],
					["copy", () => kv.backup({fileName: "one.kv"})]]) {
					await call().then(() => tell(name, "written"),
						(e) => tell(name, e.name + (e.message.includes("is being written") ? "" : e.message)));
				}
			}
			export async function teardown() {
				const { valid, records } = await kv.validateJSONL({fileName: "one.jsonl"});
				tell("valid", valid && records % 200 === 0 && records > 0);
				await kv.exportJSONL({fileName: "last.jsonl"});
				tell("all", (await kv.validateJSONL({fileName: "last.jsonl"})).records);
				await kv.restore({fileName: "one.kv"});
				tell("copied", await kv.size() % 200 === 0 && await kv.size() > 0);
			}`, options{dir: dir})
		res.want("imported", `[200,200]`)
		for _, name := range []string{"lines", "copy"} {
			written := 0
			for _, what := range res.reports[name] {
				switch what {
				case "written":
					written++
				case "SnapshotExportError":
				default:
					t.Errorf("%s: %s", name, what)
				}
			}
			if len(res.reports[name]) != 50 || written == 0 {
				t.Errorf("of 50 calls %d ended, %d of them well", len(res.reports[name]), written)
			}
		}
		res.want("valid", "true")
		res.want("all", "10000")
		res.want("copied", "true")
		wantNoParts(t, dir)
	})
}

// Metrics have a name for each, and count what fails.
func TestExchangeMetrics(t *testing.T) {
	t.Parallel()
	dir := exchangeDir(t)
	mustRun(t, imports+`
		const kv = openKv({backend: "memory", metrics: {operations: true}});
		export const options = {thresholds: {
			"xk6_kv_operations_total{op:backup}": ["count==1"],
			"xk6_kv_operations_total{op:restore}": ["count==1"],
			"xk6_kv_operations_total{op:export_jsonl}": ["count==1"],
			"xk6_kv_operations_total{op:export_csv,status:ok}": ["count==1"],
			"xk6_kv_operations_total{op:import_jsonl,status:error}": ["count==1"],
			"xk6_kv_operations_total{op:import_csv}": ["count==2"],
			"xk6_kv_operations_total{op:validate_jsonl,status:ok}": ["count==1"],
			"xk6_kv_operations_total{op:validate_csv}": ["count==1"],
			xk6_kv_errors_total: ["count==2"],
			"xk6_kv_errors_total{op:import_jsonl,error_type:ValueParseError}": ["count==1"],
			"xk6_kv_errors_total{op:import_csv,error_type:SnapshotNotFoundError}": ["count==1"],
			"xk6_kv_empty_result": ["rate==0"],
		}};
		export default async function () {
			await kv.importCSV({fileName: "twice.csv", keyColumn: "k"});
			await kv.importCSV({fileName: "nothing", keyColumn: "k"}).catch(() => {});
			await kv.importJSONL({fileName: "bad.jsonl"}).catch(() => {});
			await kv.validateJSONL({fileName: "bad.jsonl"});
			await kv.validateCSV({fileName: "twice.csv"});
			await kv.exportJSONL({fileName: "out"});
			await kv.exportCSV({fileName: "out", columns: ["v"]});
			await kv.backup({fileName: "copy"});
			await kv.restore({fileName: "copy"});
		}`, options{dir: dir})
}

// What is only read can be exported.
func TestExchangeReadOnly(t *testing.T) {
	t.Parallel()
	dir := exchangeDir(t)
	mustRun(t, imports+`const kv = openKv({path: "a.kv"});
		export default () => kv.setMany({a: {n: 1}, b: {n: 2}});`, options{dir: dir})
	res := mustRun(t, imports+`
		const kv = openKv({path: "a.kv", disk: {readOnly: true}});
		export default async function () {
			await row("jsonl", () => kv.exportJSONL({fileName: "out.jsonl"}));
			await row("csv", async () => (await kv.exportCSV({fileName: "out.csv", columns: ["n"]})).exported);
			await row("backup", async () => (await kv.backup({fileName: "out.kv"})).totalEntries);
			await row("own", async () => (await kv.backup({fileName: "a.kv"})).totalEntries);
			await row("validate", async () => (await kv.validateJSONL({fileName: "out.jsonl"})).valid);
			await row("import", () => kv.importJSONL({fileName: "out.jsonl"}));
			await row("rows", () => kv.importCSV({fileName: "twice.csv", keyColumn: "k"}));
			await row("restore", () => kv.restore({fileName: "out.kv"}));
		}`, options{dir: dir})
	res.want("jsonl", `{"exported":2,"fileName":"out.jsonl","bytesWritten":56}`)
	res.want("csv", "2")
	res.want("backup", "2")
	res.want("own", "2")
	res.want("validate", "true")
	for _, name := range []string{"import", "rows", "restore"} {
		res.want(name, "!StoreReadOnlyError")
	}
	wantNoParts(t, dir)
}

// What only looks at a script reads and writes nothing.
func TestExchangeInspected(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	const script = `import { openKv } from "k6/x/kv";
		const kv = openKv({path: "a.kv"});
		export async function setup() { await kv.importCSV({fileName: "nothing.csv", keys: "row"}); }
		export default async function () { await kv.backup({fileName: "b.kv"}); }
		export async function teardown() { await kv.exportJSONL({fileName: "c.jsonl"}); }`
	mustTool(t, dir, script, "inspect")
	mustTool(t, dir, script, "archive", "-O", "a.tar")
	wantFiles(t, dir, "a.tar")
}

// A file URL is relative to the script, and not to where k6 was started.
func TestExchangeBesideTheScript(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		const kv = openKv({backend: "memory"});
		const at = (name) => import.meta.resolve("./" + name);
		export default async function () {
			await kv.set("a", {n: 1});
			const r = await kv.exportJSONL({fileName: at("out/\u00e4 b.jsonl")});
			await kv.backup({fileName: at("out/copy.kv")});
			await kv.importJSONL({fileName: at("out/\u00e4 b.jsonl"), prefix: "i:"});
			tell("name", r.fileName === at("out/\u00e4 b.jsonl") && r.fileName.startsWith("file:///"));
			tell("keys", show(await kv.listKeys()));
			await kv.restore({fileName: at("out/copy.kv")});
			tell("restored", show(await kv.listKeys()));
		}`, options{})
	res.want("name", "true")
	res.want("keys", `["a","i:a"]`)
	res.want("restored", `["a"]`)
	wantFiles(t, res.dir)
}

// A file that another extension has written, by its library, is read.
func TestExchangeBolt(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	make := exec.Command("go", "run", "./example", filepath.Join(dir, "old.kv"))
	make.Dir = "../bolt"
	if output, err := make.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	before := string(readFile(t, filepath.Join(dir, "old.kv")))
	res := mustRun(t, imports+`
		const stores = [openKv({backend: "memory"}), openKv({path: "new.kv"}),
			openKv({backend: "memory", name: "s", serialization: "string"})];
		export default async function () {
			for (const kv of stores) {
				await kv.set("gone", 1);
				const r = await kv.restore({fileName: "old.kv"});
				tell("moved", show([r, await kv.size()]));
				tell("value", show(await kv.get("user:7")).replace(/\\/g, "").replace(/^"(.*)"$/, "$1"));
			}
			await row("budget", () => stores[0].restore({fileName: "old.kv", maxEntries: 99}));
			tell("kept", await stores[0].size());
		}`, options{dir: dir})
	res.want("moved", `[{"totalEntries":100},100]`)
	res.want("value", `{"id":7,"name":"user7"}`)
	res.want("budget", `!SnapshotBudgetExceededError|old.kv|99`)
	res.want("kept", "100")
	if string(readFile(t, filepath.Join(dir, "old.kv"))) != before {
		t.Error("the old file was changed")
	}
}
