package js_test

import (
	"strings"
	"testing"
)

// Errors of calls that are answered at once and of calls that wait for the
// disk look the same.
func TestErrorObjects(t *testing.T) {
	t.Parallel()
	// What stands at a line of its own must be in the stack, whenever the
	// promise is rejected.
	const describe = `
		let error;
		try {
			await whereItIsCalled(kv);
		} catch (e) {
			error = e;
		}
		return [error instanceof Error, error.constructor === Error, error.name,
			typeof error.message, String(error) === error.name + ": " + error.message,
			Object.keys(error), error.stack.includes("script.js"),
			error.stack.includes("whereItIsCalled")];`
	looks := func(name string) string {
		return `[true,true,"` + name + `","string",true,[],true,true]`
	}
	runRows(t, stores("json"), []row{
		{`const whereItIsCalled = (kv) => kv.get("missing");` + describe, looks("KeyNotFoundError")},
		{`const whereItIsCalled = (kv) => kv.get(5);` + describe, looks("InvalidOptionsError")},
		{`const whereItIsCalled = (kv) => kv.set("k", NaN);` + describe, looks("SerializerError")},
		{`const whereItIsCalled = (kv) => kv.set("k".repeat(40000), 1);` + describe,
			looks("InvalidOptionsError")},
		{`const whereItIsCalled = (kv) => kv.list({limit: 1e9});` + describe,
			looks("InvalidOptionsError")},
		// Behind a write that is under way, the get waits as well.
		{`const whereItIsCalled = (kv) => { kv.set("k", 1); return kv.get("missing"); };` +
			describe, looks("KeyNotFoundError")},
	})
}

// The stack leads to the line of the call.
func TestErrorStack(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		const kvs = {memory: openKv({backend: "memory"}), disk: openKv()};
		function line7(kv) { kv.set("k", 1); return kv.get("missing"); }
		const stackOf = async (kv) => {
			try { await line7(kv); } catch (e) { return e.stack; }
		};
		export default async function () {
			for (const name in kvs) tell(name, show(await stackOf(kvs[name])));
		}`, options{})
	for _, store := range []string{"memory", "disk"} {
		stack := res.one(store)
		for _, part := range []string{"KeyNotFoundError: ", "line7", "script.js:6:"} {
			if !strings.Contains(stack, part) {
				t.Errorf("%s: there is no %q in the stack %s", store, part, stack)
			}
		}
	}
}

// What nobody catches is in k6's log, with name and message.
func TestUncaught(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, body string
		words      []string
	}{
		{"awaited", `await memory.get("my key");`, []string{"KeyNotFoundError: ", `"my key"`}},
		{"awaited on disk", `disk.set("k", 1); await disk.get("my key");`,
			[]string{"KeyNotFoundError: ", `"my key"`}},
		{"not awaited", `memory.get("my key");`, []string{"KeyNotFoundError: ", `"my key"`}},
		{"not awaited on disk", `disk.set("k", 1); disk.get("my key");`,
			[]string{"KeyNotFoundError: ", `"my key"`}},
		{"value", `await disk.set("k", {a: [NaN]});`, []string{"SerializerError: ", "a[0]"}},
		{"openKv", `openKv();`, []string{"InitContextError: ", "openKv"}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			res := run(t, imports+`
				const memory = openKv({backend: "memory"}), disk = openKv();
				export default async function () { `+test.body+` }`, options{})
			res.wantLog("error", append(test.words, "script.js")...)
			res.wantNoObject()
		})
	}
}

// wantNoObject fails if an error was logged as "[object Object]" or as JSON.
func (r *result) wantNoObject() {
	r.t.Helper()
	for _, bad := range []string{"[object ", "{}", "map["} {
		for _, entry := range r.log {
			if entry.Level == "error" && strings.Contains(entry.Msg, bad) {
				r.t.Errorf("there is %q in the log: %s", bad, entry.Msg)
			}
		}
	}
}

// What is thrown in the init context, in setup or in teardown ends the run in
// k6's own way.
func TestUncaughtOutsideIterations(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, code, want string }{
		{"init", `openKv({backend: "mongodb"}); export default function () {}`,
			"InvalidBackendError: "},
		{"init, awaited", `await openKv().get("my key"); export default function () {}`,
			"KeyNotFoundError: "},
		{"setup", `const kv = openKv(); export const setup = () => kv.get("my key");
			export default function () {}`, "KeyNotFoundError: "},
		{"teardown", `const kv = openKv(); export const teardown = () => kv.get("my key");
			export default function () {}`, "KeyNotFoundError: "},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			res := run(t, imports+test.code, options{})
			res.wantCode(exitScriptException, exitRejection)
			res.wantLog("error", test.want, "script.js")
			res.wantNoObject()
		})
	}
}

// After an error the store goes on, and so does the process.
func TestStoreGoesOnAfterErrors(t *testing.T) {
	t.Parallel()
	res := run(t, imports+`
		export const options = {iterations: 20};
		const kvs = [openKv({backend: "memory"}), openKv()];
		export default async function () {
			for (const kv of kvs) {
				kv.set("n:" + __ITER, __ITER);
				kv.get("missing");
				kv.set("bad", NaN);
			}
		}
		export async function teardown() {
			tell("sizes", show([await kvs[0].size(), await kvs[1].size()]));
		}`, options{})
	res.wantCode(exitOK)
	res.want("sizes", "[20,20]")
}
