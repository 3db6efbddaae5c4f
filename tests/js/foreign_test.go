package js_test

import (
	"path/filepath"
	"slices"
	"testing"

	"example.com/xk6-kv/xkv"
)

// storeRaw stores values as a program does that uses the C library.
func storeRaw(t *testing.T, path string, entries [][2]string) {
	t.Helper()
	store, err := xkv.Open([]xkv.Setting{
		{Name: "path", Value: path},
		{Name: "disk.durability", Value: "none"}, // so that nothing waits
	})
	check(t, err)
	defer store.Close()
	queue := xkv.NewQueue()
	operations := xkv.Operations()
	set := slices.IndexFunc(operations, func(o xkv.Operation) bool { return o.Name == "set" })
	for _, entry := range entries {
		var command xkv.Command
		command.Begin(&operations[set])
		command.SetText(0, entry[0])
		command.SetBytes(1, []byte(entry[1]))
		var reply xkv.Reply
		store.Submit(&command, nil, queue, 0, &reply)
		if reply.Code != xkv.OK {
			t.Fatalf("set %s: %s", entry[0], reply.Data)
		}
		reply.Release()
	}
}

// What is not JSON in a json store is no damage of the file, and is named.
func TestForeignValues(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	storeRaw(t, filepath.Join(dir, "f.kv"), [][2]string{
		{"good", `{"n":1}`}, {"u:bad", `hello`}, {"v:cut", `{"n":`}, {"w:huge", `1e999`}, {"x:empty", ``},
	})
	const bad = `!ValueParseError|"u:bad"|not JSON|`
	res := mustRun(t, imports+`
		const kv = openKv({path: "f.kv"});
		const rows = [
			async () => kv.get("u:bad"), async () => kv.list(), async () => kv.scan({prefix: "u"}),
			async () => kv.getMany(["good", "u:bad"]), async () => kv.getOrSet("u:bad", 1),
			async () => kv.compareAndSwapDetailed("u:bad", 1, 2, {includeCurrentOnMismatch: true}),
			async () => kv.claimRandom({prefix: "u:"}), async () => kv.claimRandomMany({prefix: "v:", count: 2}),
			async () => kv.get("w:huge"), async () => kv.list({prefix: "x"}), async () => kv.list({prefix: "g"}),
			async () => kv.get("u:bad").catch((e) => e.message.includes("damaged")),
			async () => kv.swap("u:bad", 1),
			async () => kv.get("u:bad"),
		];
		export default async function () {
			for (let i = 0; i < rows.length; i++) await row("/" + i, rows[i]);
		}`, options{dir: dir})
	for i, want := range []string{
		bad + "get: ", bad + "list: ", bad + "scan: ", bad + "getMany: ", bad + "getOrSet: ",
		bad + "compareAndSwapDetailed: ", bad + "claimRandom: ", `!ValueParseError|"v:cut"|ends too early`,
		`!ValueParseError|"w:huge"|range`, `!ValueParseError|"x:empty"|not JSON`, `[{"key":"good","value":{"n":1}}]`,
		`false`, bad + "swap: ", `1`,
	} {
		res.wantEverywhere(i, row{"", want}, []store{{"", ""}})
	}
}
