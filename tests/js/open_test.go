package js_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// An option row: what openKv is given, and what comes of it.
func optionRows() []row {
	const invalid = "!InvalidOptionsError|"
	rows := []row{
		{`opens()`, `"opened"`},
		{`opens(undefined)`, `"opened"`},
		{`opens(null)`, `"opened"`},
		{`opens({})`, `"opened"`},
		{`opens(Object.create(null))`, `"opened"`},
		{`opens({backend: null, name: undefined, path: null, disk: null, memory: undefined,
			serialization: null, trackKeys: null, metrics: null})`, `"opened"`},
		{`opens({disk: {timeout: null, readOnly: undefined, durability: null}, memory: {}})`,
			`"opened"`},

		{`opens("memory")`, invalid + `openKv|object|string`},
		{`opens(5)`, invalid + `openKv|object|number`},
		{`opens(true)`, invalid + `openKv|object|boolean`},
		{`opens([])`, invalid + `openKv|object|array`},
		{`opens(() => 1)`, invalid + `openKv|object|function`},
		{`opens(Symbol("s"))`, invalid + `openKv|object|symbol`},
		{`opens(new Map())`, invalid + `openKv|object`},
		{`opens(new Date())`, invalid + `openKv|object`},

		{`opens({bakend: "memory"})`, invalid + `"bakend"|did you mean "backend"`},
		{`opens({trackkeys: true})`, invalid + `"trackkeys"|did you mean "trackKeys"`},
		{`opens({completelyElse: 1})`, invalid + `completelyElse`},
		{`opens({disk: {timout: 5}})`, invalid + `timout|did you mean "disk.timeout"`},
		{`opens({disk: {readonly: true}})`, invalid + `readonly|did you mean "disk.readOnly"`},
		{`opens({memory: {shards: 5}})`, invalid + `shards`},
		{`opens({memory: {shardcount: 5}})`, invalid + `shardcount|"memory.shardCount"`},
		{`opens({metrics: {operation: true}})`, invalid + `"metrics.operations"`},
		{`opens({readOnly: true})`, invalid + `"readOnly"|did you mean "disk.readOnly"`},
		{`opens({timeout: "5s"})`, invalid + `"timeout"|did you mean "disk.timeout"`},
		{`opens({durability: "none"})`, invalid + `"durability"|did you mean "disk.durability"`},
		{`opens({operations: true})`, invalid + `"operations"|did you mean "metrics.operations"`},
		{`opens({disk: {path: "a.kv"}})`, invalid + `"disk.path"|did you mean "path"`},
		{`opens({"disk.timeout": 5})`, invalid + `disk.timeout`},
		{`opens({disk: "full"})`, invalid + `disk|object|string`},
		{`opens({disk: [1]})`, invalid + `disk|object|array`},
		{`opens({memory: 5})`, invalid + `memory|object|number`},
		{`opens({metrics: true})`, invalid + `metrics|object|boolean`},

		{`opens({redis: "redis://:s3cr3t@host"})`, invalid + `redis must be a plain object; it is a string`},
		{`opens({redis: {tls: true}})`, invalid + `redis.tls must be|object|boolean`},
		{`opens({redis: {tls: {caa: "x"}}})`, invalid + `"redis.tls.caa"|did you mean "redis.tls.ca"`},
		{`opens({redis: {"tls.ca": "x"}})`, invalid + `write {redis: {tls.ca: …}}`},
		{`opens({redis: {tls: {ca: 5}}})`, invalid + `redis.tls.ca must be|5`},
		{`opens({redis: {partitions: 65}})`, invalid + `redis.partitions|1 to 64|65`},
		{`opens({redis: {timeout: "5"}})`, invalid + `redis.timeout|"5"`},
		{`opens({host: "localhost", port: 6379})`, invalid + `"host"|give url: "redis://host:port"`},
		{`opens({socket: {host: "localhost"}})`, invalid + `"socket"|give url: "redis://host:port"`},
		{`opens({cluster: {nodes: []}})`, invalid + `"cluster"|give url: "redis://host1:port,host2:port"`},
		{`opens({password: "s3cr3t"})`, invalid + `"password"|redis: {passwordEnv}`},
		{`opens({tls: {}})`, invalid + `"tls"|rediss://host:port`},
		{`opens({path: "redis://:s3cr3t@host"})`, `!DiskPathError|"redis://***@host"|backend "redis" and url`},
		// Options of a backend that is not used are checked, and no more.
		{`opens({url: "redis://host", redis: {partitions: 4, timeout: "1s", replicas: 1, username: "me",
			passwordEnv: "P", tls: {ca: "a", cert: "b", key: "c", serverName: "d", insecure: true}}})`,
			`"opened"`},
		{`opens({url: null, redis: {tls: null}})`, `"opened"`},

		{`opens({backend: "memory"})`, `"opened"`},
		{`opens({backend: "disk"})`, `"opened"`},
		{`opens({backend: "mongodb"})`, `!InvalidBackendError|"mongodb"|"disk"|"memory"`},
		{`opens({backend: ""})`, `!InvalidBackendError|backend|"memory"`},
		{`opens({backend: "Memory"})`, `!InvalidBackendError|"Memory"`},
		{`opens({backend: 5})`, `!InvalidBackendError|backend|5`},
		{`opens({backend: {}})`, `!InvalidBackendError|backend|object`},
		{`opens({backend: "memory\u0000"})`, `!InvalidBackendError|backend`},

		// Numbers are shown as JavaScript shows them.
		{`opens({disk: {timeout: NaN}})`, invalid + `disk.timeout|it is NaN`},
		{`opens({disk: {timeout: -Infinity}})`, invalid + `disk.timeout|it is -Infinity`},
		{`opens({disk: {timeout: 1e300}})`, invalid + `disk.timeout|it is 1e+300`},

		{`opens({serialization: "yaml"})`,
			`!InvalidSerializationError|"yaml"|"json"|"string"|"binary"`},
		{`opens({serialization: ""})`, `!InvalidSerializationError|serialization`},
		{`opens({serialization: true})`, `!InvalidSerializationError|serialization|true`},

		{`opens({backend: "memory", name: ""})`, invalid + `name`},
		{`opens({backend: "memory", name: " \t"})`, invalid + `name`},
		{`opens({backend: "memory", name: 5})`, invalid + `name|5`},
		{`opens({backend: "memory", name: "\u20ac and more"})`, `"opened"`},
		{`opens({name: "users"})`, invalid + `name is "users"|path`},
		{`opens({backend: "disk", name: "users", path: "a.kv"})`, invalid + `name is "users"|path`},
		{`opens({name: "default"})`, `"opened"`},
		{`opens({path: ""})`, invalid + `path`},
		{`opens({path: 5})`, invalid + `path|5`},
		{`opens({path: ["a.kv"]})`, invalid + `path|array`},
		{`opens({path: "a\u0000b"})`, invalid + `path`},
		{`opens({path: __ENV.NO_SUCH_VARIABLE})`, invalid + `path is undefined|leave it out`},
		{`opens({path: "~/x.kv"})`, `!DiskPathError|"~/x.kv"|__ENV.HOME`},
		{`opens({path: "https://example.com/x.kv"})`, `!DiskPathError|URL|file:`},
		{`opens({path: "a\ud800b"})`, invalid + `path`},
	}
	rows = append(rows, booleanRows(`trackKeys`, `{trackKeys: %s}`)...)
	rows = append(rows, booleanRows(`metrics.operations`, `{metrics: {operations: %s}}`)...)
	for _, field := range []string{"noSync", "noGrowSync", "noFreelistSync", "preLoadFreelist",
		"mlock"} {
		rows = append(rows, booleanRows("disk."+field, "{disk: {"+field+": %s}}")...)
	}
	return append(rows, numberRows()...)
}

func booleanRows(name, options string) []row {
	rows := []row{}
	for _, good := range []string{"true", "false", "null"} {
		rows = append(rows, row{"opens(" + fmt.Sprintf(options, good) + ")", `"opened"`})
	}
	for _, bad := range []string{"1", "0", `"true"`, `""`, "{}", "NaN"} {
		rows = append(rows, row{"opens(" + fmt.Sprintf(options, bad) + ")",
			"!InvalidOptionsError|" + name + "|true or false"})
	}
	return rows
}

func numberRows() []row {
	rows := []row{}
	add := func(name, options string, good, bad []string, allowed string) {
		for _, value := range good {
			rows = append(rows, row{"opens(" + fmt.Sprintf(options, value) + ")", `"opened"`})
		}
		for _, value := range bad {
			rows = append(rows, row{"opens(" + fmt.Sprintf(options, value) + ")",
				"!InvalidOptionsError|" + name + allowed})
		}
	}
	bad := []string{"-1", "1.5", "NaN", "Infinity", "true", "{}", `""`, "10n", "1e300"}
	add("memory.shardCount", `{backend: "memory", memory: {shardCount: %s}}`,
		[]string{"0", "1", "64", "65536", "4.0"}, append(bad, "65537", `"64"`), "|0|65536")
	add("disk.timeout", `{disk: {timeout: %s}}`,
		[]string{"0", "1", "1000", `"1s"`, `"500ms"`, `"1.5s"`, `"2m"`, `"1m30s"`, `"1.1h"`, `"1h0m0s"`, `"1d"`},
		append(bad, `"1"`, `"s"`, `"1 parsec"`, `"-1s"`, `"1sx"`, `"0x10ms"`, `"1m30"`, `"0.5ms"`, `"1d1ms"`,
			`"9".repeat(40) + "d"`, `"1s\0"`, `"1 s\ud800"`), `|milliseconds|"1m30s"`)
	add("disk.initialMmapSize", `{disk: {initialMmapSize: %s}}`,
		[]string{"0", "1", "1048576", `"64MiB"`, `"1GiB"`, `"10MB"`, `"4096B"`, `"1.5GiB"`},
		append(bad, `"64"`, `"64mib"`, `"MiB"`, `"1s"`), "|bytes")
	add("disk.durability", `{disk: {durability: %s}}`,
		[]string{`"full"`, `"relaxed"`, `"none"`}, []string{`"Full"`, `""`, `true`, `0`, `{}`},
		`|"full"|"relaxed"|"none"`)
	add("disk.freelistType", `{disk: {freelistType: %s}}`,
		[]string{`"array"`, `"hashmap"`}, []string{`"tree"`, `true`, `0`}, `|"array"`)
	return rows
}

func TestOptions(t *testing.T) {
	t.Parallel()
	rows := optionRows()
	runNow(t, options{}, "", rows).wantEarly(rows)
}

func TestInvalidReadOnly(t *testing.T) {
	t.Parallel()
	runNow(t, options{}, "", []row{
		{`opens({disk: {readOnly: 1}})`, `!InvalidOptionsError|disk.readOnly|true or false`},
		{`opens({disk: {readOnly: true}})`, `!DiskStoreOpenError|.k6.kv|readOnly`},
		{`opens({path: "no/such/dir/a.kv", disk: {readOnly: true}})`,
			`!DiskStoreOpenError|no/such/dir/a.kv|readOnly`},
	})
}

func TestDefaultFile(t *testing.T) {
	t.Parallel()
	const script = imports + `
		const kv = openKv();
		export default async function () {
			tell("before", await kv.size());
			await kv.set("k", {n: 1});
			tell("value", show(await kv.get("k")));
		}`
	res := mustRun(t, script, options{})
	res.want("before", "0")
	res.want("value", `{"n":1}`)
	wantPrivate(t, filepath.Join(res.dir, ".k6.kv"))
	mustRun(t, script, options{dir: res.dir}).want("before", "1")
}

// A script may say where a store is beside itself.
func TestPathFromURL(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(tempDir(t), "with space")
	check(t, os.Mkdir(dir, 0o755))
	module := filepath.Join(dir, "store.js")
	writeFile(t, module, `import { openKv } from "k6/x/kv";
		export const kv = openKv({path: import.meta.resolve("./sub/x.kv")});`)
	if inWine {
		module = "Z:" + module // as k6 wants it there
	}
	res := mustRun(t, imports+fmt.Sprintf(`
		import { kv } from %q;
		export default async function () { tell("path", (await kv.stats()).disk.path); }`, module), options{})
	path := filepath.Join(dir, "sub", "x.kv")
	if inWine {
		path = "Z:" + path
	}
	res.want("path", path)
}

// The file's parents are made, and its mode does not depend on the umask of
// whoever made it.
func TestParents(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		const kv = openKv({path: "a/b/../b/c/store.kv"});
		export default async function () { tell("set", await kv.set("k", 1)); }`, options{})
	res.want("set", "1")
	wantPrivate(t, filepath.Join(res.dir, "a/b/c/store.kv"))
}

// The options that the first openKv has, and the row's, differ in one.
func TestConflicts(t *testing.T) {
	t.Parallel()
	const conflict = "!KVOptionsConflictError|"
	const first = `
		openKv({backend: "memory", name: "m"});
		openKv({path: "d.kv", disk: {timeout: 2000, durability: "none"}});`
	rows := []row{
		{`opens({backend: "memory", name: "m", trackKeys: true})`, conflict + "trackKeys|m|true|false"},
		{`opens({backend: "memory", name: "m", serialization: "string"})`,
			conflict + "serialization|json|string"},
		{`opens({backend: "memory", name: "m", memory: {shardCount: 5}})`,
			conflict + "memory.shardCount|0|5"},
		{`opens({backend: "memory", name: "m", metrics: {operations: true}})`,
			conflict + "metrics.operations"},
		{`opens({path: "d.kv"})`, conflict + "d.kv|disk."},
		{`opens({path: "d.kv", disk: {timeout: 2000}})`, conflict + "d.kv|disk.durability|full"},
		{`opens({path: "d.kv", disk: {timeout: 1, durability: "none"}})`,
			conflict + "d.kv|disk.timeout|2000|1"},
		{`opens({path: "d.kv", disk: {timeout: 2000, durability: "none", readOnly: true}})`,
			conflict + "disk.readOnly"},

		// These are the same, after defaults.
		{`opens({backend: "memory", name: "m", trackKeys: false, serialization: "json"})`,
			`"opened"`},
		{`opens({backend: "memory", name: "m", memory: {shardCount: 0}, metrics: {}})`,
			`"opened"`},
		{`opens({path: "././d.kv", disk: {timeout: "2s", durability: "none"}})`, `"opened"`},
		{`opens({backend: "memory", name: "other", trackKeys: true})`, `"opened"`},
	}
	runNow(t, options{}, first, rows).wantEarly(rows)

	// That this is the same file shows when there is one.
	runNow(t, options{}, first, []row{{`opens({path: "./x/../d.kv", trackKeys: true,
		disk: {timeout: 2000, durability: "none"}})`, conflict + "trackKeys"}})
}

// noSync true is another way to say durability none.
func TestNoSync(t *testing.T) {
	t.Parallel()
	runNow(t, options{}, `openKv({path: "d.kv", disk: {noSync: true}});`, []row{
		{`opens({path: "d.kv", disk: {noSync: true}})`, `"opened"`},
		{`opens({path: "d.kv", disk: {durability: "none"}})`, `"opened"`},
		{`opens({path: "d.kv"})`, `!KVOptionsConflictError|disk.`},
	})
}

// A file keeps the serialization that it was made with.
func TestOtherSerialization(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		openKv({path: "a.kv", serialization: "string"});
		export default function () {}`, options{})
	runNow(t, options{dir: res.dir}, "", []row{
		{`opens({path: "a.kv"})`, `!DiskStoreOpenError|a.kv|"string"`},
		{`opens({path: "a.kv", serialization: "binary"})`, `!DiskStoreOpenError|a.kv|"string"`},
		{`opens({path: "a.kv", serialization: "string"})`, `"opened"`},
	})
}

func TestSeveralStores(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	check(t, os.Mkdir(filepath.Join(dir, "real"), 0o755))
	check(t, os.Symlink("real", filepath.Join(dir, "link")))
	res := mustRun(t, imports+`
		import module from "k6/x/kv";
		const memory = openKv({backend: "memory"});
		const same = module.openKv({backend: "memory", name: "default"});
		const other = openKv({backend: "memory", name: "other", serialization: "string"});
		const disk = openKv({path: "real/a.kv"});
		const linked = openKv({path: "link/a.kv"});
		const otherDisk = openKv({path: "b.kv", trackKeys: true});

		export default async function () {
			await memory.set("m", 1);
			await other.set("o", 2);
			await disk.set("d", 3);
			await otherDisk.set("e", 4);
			tell("memory", show([await memory.list(), await same.list(), await other.list()]));
			tell("disk", show([await disk.list(), await linked.list(), await otherDisk.list()]));
		}`, options{dir: dir})
	res.want("memory",
		`[[{"key":"m","value":1}],[{"key":"m","value":1}],[{"key":"o","value":"2"}]]`)
	res.want("disk", `[[{"key":"d","value":3}],[{"key":"d","value":3}],[{"key":"e","value":4}]]`)
}

// By a hard link's name the lock file would be another one, so processes would
// not notice each other.
func TestHardLink(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`openKv({path: "a.kv"}); export default function () {}`, options{})
	check(t, os.Link(filepath.Join(res.dir, "a.kv"), filepath.Join(res.dir, "b.kv")))
	runNow(t, options{dir: res.dir}, "", []row{
		{`openKv({path: "a.kv"})`, `!DiskPathError|a.kv"|2 hard links`},
		{`openKv({path: "b.kv", disk: {readOnly: true}})`, `!DiskPathError|b.kv"|2 hard links`},
	})
	check(t, os.Remove(filepath.Join(res.dir, "b.kv")))
	runNow(t, options{dir: res.dir}, "", []row{{`typeof openKv({path: "a.kv"})`, `"object"`}})
}

// All virtual users see one store.
func TestSharedByVUs(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		export const options = {scenarios: {all: {
			executor: "per-vu-iterations", vus: 5, iterations: 1}}};
		const kvs = {memory: openKv({backend: "memory"}), disk: openKv()};
		export default async function () {
			for (const kv of Object.values(kvs)) await kv.set("vu:" + __VU, __VU);
		}
		export async function teardown() {
			for (const name in kvs) tell(name, show((await kvs[name].list()).map((e) => e.value)));
		}`, options{})
	res.want("memory", "[1,2,3,4,5]")
	res.want("disk", "[1,2,3,4,5]")
}

func TestClose(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		const kinds = {memory: {backend: "memory"}, disk: {}, "disk-none": {path: "none.kv",
			disk: {durability: "none"}}};
		const one = {}, other = {}, third = {};
		for (const name in kinds) {
			one[name] = openKv(kinds[name]);
			other[name] = openKv(kinds[name]);
			third[name] = openKv(kinds[name]);
			third[name].close();
		}
		export default async function () {
			for (const name in kinds) {
				// What was called before close still takes effect.
				const before = one[name].set("k", 1);
				tell(name + "/close", show(one[name].close()));
				tell(name + "/again", show(one[name].close()));
				await row(name + "/before", () => before);
				for (const call of ["get", "set", "delete", "exists"]) {
					await row(name + "/closed/" + call, () => one[name][call]("k", 1));
				}
				for (const call of ["clear", "size", "list", "randomKey", "rebuildKeyList"]) {
					await row(name + "/closed/" + call, () => one[name][call]());
				}
				await row(name + "/third", () => third[name].get("k"));
				await row(name + "/other", () => other[name].get("k"));
				other[name].close();
				await row(name + "/other closed", () => other[name].get("k"));
			}
		}`, options{})
	for _, store := range []string{"memory", "disk", "disk-none"} {
		res.want(store+"/close", "undefined")
		res.want(store+"/again", "undefined")
		res.want(store+"/before", "1")
		for _, call := range []string{"get", "set", "delete", "exists", "clear", "size", "list",
			"randomKey", "rebuildKeyList"} {
			res.want(store+"/closed/"+call, "!StoreClosedError|"+call+"|closed")
		}
		res.want(store+"/third", "!StoreClosedError|closed")
		res.want(store+"/other", "1")
		res.want(store+"/other closed", "!StoreClosedError|closed")
	}
}

// The last close of all closes a memory store, and what was in it is gone; a
// disk store can then be opened with other options.
func TestCloseInInit(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		const first = openKv({backend: "memory"});
		await first.set("k", 1);
		first.close();
		const second = openKv({backend: "memory", trackKeys: true});
		tell("memory", await second.size());
		second.close();

		const file = openKv();
		await file.set("k", 1);
		const unawaited = file.set("j", 2);
		file.close();
		await unawaited;
		const again = openKv({trackKeys: true, disk: {durability: "none"}});
		tell("disk", await again.size());
		again.close();
		export default function () {}`, options{})
	res.want("memory", "0")
	res.want("disk", "2")
}
