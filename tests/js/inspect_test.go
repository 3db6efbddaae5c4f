package js_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tool runs another command of k6 than run, on a script that is written into dir.
func tool(t *testing.T, dir, script string, arguments ...string) (output string, err error) {
	t.Helper()
	path := filepath.Join(tempDir(t), "script.js")
	writeFile(t, path, script)
	cmd := exec.Command(k6Binary, append(arguments, path)...)
	cmd.Dir = dir
	cmd.Env = command(options{}, tempDir(t)).Env
	all, err := cmd.CombinedOutput()
	return string(all), err
}

func mustTool(t *testing.T, dir, script string, arguments ...string) string {
	t.Helper()
	output, err := tool(t, dir, script, arguments...)
	if err != nil {
		t.Fatalf("k6 %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
	return output
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("there are the files %v, want %v", got, want)
	}
}

const plain = `import { openKv } from "k6/x/kv";
	const kv = openKv({path: "dir/a.kv"}), again = openKv({path: "./dir/a.kv"}), other = openKv();
	export async function setup() { await kv.set("a", 1); }
	export default async function () { await kv.incrementBy("a", 1); }
	export async function teardown() { console.log("@@a\t" + await again.get("a")); }`

// What only looks at a script opens nothing.
func TestInspectAndArchiveTouchNothing(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	mustTool(t, dir, plain, "inspect")
	mustTool(t, dir, plain, "inspect", "--execution-requirements")
	wantFiles(t, dir)
	mustTool(t, dir, plain, "archive", "-O", "a.tar")
	wantFiles(t, dir, "a.tar")
	mustTool(t, dir, `import { openKv } from "k6/x/kv";
		try { openKv({disk: {readOnly: true}}); } catch (error) { throw new Error("it looked for a file"); }
		export default function () {}`, "inspect")

	cmd := exec.Command(k6Binary, "run", "--quiet", "--address=", "a.tar")
	cmd.Dir, cmd.Env = dir, command(options{}, tempDir(t)).Env
	output, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(output), `@@a\t2`) {
		t.Errorf("the archive does not run: %v\n%s", err, output)
	}
	wantFiles(t, dir, ".k6.kv", ".k6.kv-lock", "a.tar", "dir")
}

// Nor do they disturb a run, or are disturbed by it.
func TestInspectBesideARun(t *testing.T) {
	t.Parallel()
	p := startHolder(t)
	const script = `import { openKv } from "k6/x/kv"; const kv = openKv();
		export default async function () { await kv.get("a"); }`
	mustTool(t, p.dir, script, "inspect")
	mustTool(t, p.dir, script, "archive", "-O", filepath.Join(tempDir(t), "a.tar"))
	p.interrupt()
}

// What can be known without a file is told at once.
func TestInspectChecksOptions(t *testing.T) {
	t.Parallel()
	for js, words := range map[string]string{
		`openKv({bakend: "memory"})`:                     `InvalidOptionsError|did you mean`,
		`openKv({path: "~/a.kv"})`:                       `DiskPathError|__ENV.HOME`,
		`openKv({path: "dir/"})`:                         `DiskPathError|a directory`,
		`openKv(); openKv({trackKeys: true})`:            `KVOptionsConflictError|trackKeys false|true as well`,
		`openKv({backend: "mongodb"})`:                   `InvalidBackendError`,
		`openKv().close(); openKv({trackKeys: true})`:    ``,
		`openKv({name: "default"}); openKv({path: "b"})`: ``,
	} {
		output, err := tool(t, tempDir(t), `import { openKv } from "k6/x/kv"; `+js+`; export default function () {}`, "inspect")
		if (err == nil) != (words == "") {
			t.Errorf("%s: %v\n%s", js, err, output)
		}
		for _, word := range strings.Split(words, "|") {
			if !strings.Contains(output, word) {
				t.Errorf("%s: %q is not in %s", js, word, output)
			}
		}
	}
}

// Where servers are, and the password for them, is said where the script runs.
func TestInspectNeedsNoServer(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	script := `import { openKv } from "k6/x/kv";
		const kv = openKv({backend: "redis", name: "a"}),
		other = openKv({backend: "redis", url: "redis://me@127.0.0.1:1", redis: {passwordEnv: "KV_NOT_SET"}});
		export default async function () { await kv.get("a"); }`
	mustTool(t, dir, script, "inspect")
	mustTool(t, dir, script, "archive", "-O", "a.tar")
	output, err := tool(t, dir, strings.ReplaceAll(script, "127.0.0.1:1", "127.0.0.1:x"), "inspect")
	if err == nil || !strings.Contains(output, "a port must be") {
		t.Error(output)
	}
	for only, words := range map[string]string{
		`openKv({backend: "redis"})`: "give url",
		`openKv({backend: "redis", url: "redis://127.0.0.1:1", redis: {passwordEnv: "KV_NOT_SET"}})`: "redis.passwordEnv",
	} {
		res := run(t, imports+only+`; export const options = {iterations: 1}; export default function () {}`, options{})
		res.wantCode(exitScriptException)
		res.wantLog("error", "InvalidOptionsError", words)
	}
}

// A call at the top level needs the file, whoever runs the script.
func TestTopLevelCallsOpenTheStore(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	const script = `import { openKv } from "k6/x/kv";
		const kv = openKv(), same = openKv({path: "./.k6.kv"}), closed = openKv({path: "closed.kv"});
		closed.close();
		const calls = [kv.set("k", 1), same.incrementBy("k", 1), kv.get("k"), closed.size().catch((error) => error.name)];
		export const options = {iterations: (await Promise.all(calls))[2], tags: {name: await calls[3]}};
		export default function () {}`
	output := mustTool(t, dir, script, "inspect")
	if !strings.Contains(output, `"iterations": 2`) || !strings.Contains(output, `StoreClosedError`) {
		t.Error(output)
	}
	wantFiles(t, dir, ".k6.kv", ".k6.kv-lock")
}

// A run whose store cannot be opened ends before anything is done.
func TestRunWithoutItsStore(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ options, words string }{
		"a directory": {`{path: "."}`, "DiskPathError"},
		"not there":   {`{disk: {readOnly: true}}`, "DiskStoreOpenError"},
		"no store":    {`{path: "text"}`, "DiskStoreOpenError"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tempDir(t)
			writeFile(t, filepath.Join(dir, "text"), "some text that is no store")
			res := run(t, imports+`const kv = openKv(`+test.options+`);
				export const options = {vus: 3, iterations: 3, thresholds: {xk6_kv_errors_total: ["count==0"]}};
				export function setup() { tell("begun", "setup"); }
				export default function () { tell("begun", "iteration"); }
				export function teardown() { tell("begun", "teardown"); }
				export function handleSummary() { tell("summary", ""); return {}; }`, options{dir: dir})
			res.wantCode(exitScriptException)
			res.wantLog("error", test.words, "script.js")
			if len(res.reports["begun"]) > 0 {
				t.Errorf("it began with %v", res.reports["begun"])
			}
			res.one("summary") // and is no second error
			wantFiles(t, dir, "text")
		})
	}
}

// All virtual users wait for another process together.
func TestRunBesideAWriterWaitsOnce(t *testing.T) {
	t.Parallel()
	p := startHolder(t)
	start := time.Now()
	res := run(t, imports+`const kv = openKv({disk: {timeout: 1500}});
		export const options = {vus: 20, iterations: 20};
		export default function () { tell("begun", "iteration"); }`, options{dir: p.dir, env: []string{"GOMAXPROCS=8"}}) // so many at once
	took := time.Since(start)
	res.wantCode(exitScriptException)
	res.wantLog("error", "DiskStoreOpenError", "waited 1500 ms")
	if took < 1500*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	// Each wait that takes a second is told of, once; one that comes late may be a second one.
	if warnings := res.warnings(); len(warnings) < 1 || len(warnings) > 2 {
		t.Errorf("k6 warned: %q", warnings)
	}
	p.interrupt()
}

// Nor for a server that is not there.
func TestRunWithoutItsServerWaitsOnce(t *testing.T) {
	t.Parallel()
	start := time.Now()
	res := run(t, imports+`const kv = openKv({backend: "redis", url: "redis://127.0.0.1:1", redis: {timeout: 3000}});
		export const options = {vus: 20, iterations: 20};
		export default function () { tell("begun", "iteration"); }`, options{env: []string{"GOMAXPROCS=2"}})
	took := time.Since(start)
	res.wantCode(exitScriptException)
	res.wantLog("error", "ServerUnavailableError", "nobody listens there")
	if took < 2900*time.Millisecond || took > 5500*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}
