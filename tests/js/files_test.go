package js_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// boltFile is the beginning of a BoltDB file: a page header, then the magic.
func boltFile() string {
	page := make([]byte, 4096)
	binary.NativeEndian.PutUint16(page[8:], 4) // a meta page
	binary.NativeEndian.PutUint32(page[16:], 0xED0CDAED)
	binary.NativeEndian.PutUint32(page[20:], 2)
	binary.NativeEndian.PutUint32(page[24:], 4096)
	return strings.Repeat(string(page), 4)
}

// strangers puts things into a directory that are no stores.
func strangers(t *testing.T, dir string) {
	t.Helper()
	at := func(name string) string { return filepath.Join(dir, name) }
	writeFile(t, at("bolt.db"), boltFile())
	writeFile(t, at("text"), "just some text\n")
	writeFile(t, at("byte"), "x")
	writeFile(t, at("long"), strings.Repeat("nothing that anybody knows\n", 10000))
	writeFile(t, at("zeros"), strings.Repeat("\x00", 8192))
	writeFile(t, at("target"), "the target of a link")
	check(t, os.Mkdir(at("directory"), 0o755))
	check(t, os.Symlink("target", at("link")))
	check(t, os.Symlink("nowhere", at("dangling")))
	check(t, os.Symlink("loop", at("loop")))
	check(t, os.Symlink("directory", at("link-to-directory")))
	check(t, syscall.Mkfifo(at("fifo"), 0o644))
	listener, err := net.Listen("unix", at("socket"))
	check(t, err)
	t.Cleanup(func() { listener.Close() })
	check(t, os.Mkdir(at("locked.kv-lock"), 0o755))
	check(t, os.Symlink("target", at("linked.kv-lock")))
}

// picture describes everything in a directory, contents included.
func picture(t *testing.T, dir string) string {
	t.Helper()
	var text strings.Builder
	entries, err := os.ReadDir(dir)
	check(t, err)
	for _, entry := range entries {
		info, err := entry.Info()
		check(t, err)
		fmt.Fprintln(&text, info.Name(), info.Mode(), info.Size(), info.ModTime().UnixNano())
		if info.Mode().IsRegular() {
			text.Write(readFile(t, filepath.Join(dir, info.Name())))
		}
	}
	return text.String()
}

// onlyHere is whether a row is about what programs in wine do not see: a link is what it leads to.
func onlyHere(js string) bool {
	return slices.Contains([]string{`"link"`, `"dangling"`, `"loop"`, `"link-to-directory"`, `"socket"`, `"linked.kv"`}, js)
}

// What is no store is refused in clear words, and left exactly as it was.
func TestStrangers(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	strangers(t, dir)
	before := picture(t, dir)

	rows := []row{
		{`"bolt.db"`, `!DiskStoreOpenError|bolt.db|BoltDB|another path|bolt.db"}) once|xkv restore`},
		{`"text"`, `!DiskStoreOpenError|text"|not a store`},
		{`"byte"`, `!DiskStoreOpenError|byte"|not a store`},
		{`"long"`, `!DiskStoreOpenError|long"|not a store`},
		{`"zeros"`, `!DiskStoreOpenError|zeros"|not a store`},
		{`"directory"`, `!DiskPathError|directory"|a directory`},
		{`"directory/"`, `!DiskPathError|directory/"|a directory`},
		{`"."`, `!DiskPathError|directory`},
		{`"/"`, `!DiskPathError|directory`},
		{`"new/"`, `!DiskPathError|new/"|a directory`},
		{`"link"`, `!DiskPathError|/link"|symbolic link`},
		{`"dangling"`, `!DiskPathError|dangling"|symbolic link`},
		{`"loop"`, `!DiskPathError|/loop"|symbolic link`},
		{`"link-to-directory"`, `!DiskPathError|/link-to-directory"|symbolic link`},
		{`"fifo"`, `!DiskPathError|fifo"|not a regular file`},
		{`"socket"`, `!DiskPathError|socket"`},
		{`"/dev/null"`, `!DiskPathError|/dev/null"|not a regular file`},
		{`"text/a.kv"`, `!DiskPathError|text|not a directory`},
		{`"text/a/b.kv"`, `!DiskPathError|text|not a directory`},
		{`"x".repeat(300)`, `!DiskPathError|too long`},
		{`"x/".repeat(3000) + "a.kv"`, `!DiskPathError|path|long`},
		{`"locked.kv"`, `!DiskPathError|locked.kv-lock"|not a regular file`},
		{`"linked.kv"`, `!DiskPathError|linked.kv-lock"|not a regular file`},
	}
	for _, more := range []string{"", ", disk: {readOnly: true}"} {
		var opening []row
		for _, row := range rows {
			if inWine && onlyHere(row.js) {
				continue
			}
			if more != "" && strings.HasPrefix(row.want, "!DiskPathError|l") {
				continue // there is no file to read, lock file or not
			}
			row.js = "openKv({path: " + row.js + more + "})"
			opening = append(opening, row)
		}
		runNow(t, options{dir: dir}, "", opening)
		if after := picture(t, dir); after != before {
			t.Errorf("something was changed; before:\n%s\nafter:\n%s", before, after)
		}
	}
}

// goodStore makes a store with 300 small values and 3 large ones, and returns
// its file's content.
func goodStore(t *testing.T) []byte {
	t.Helper()
	res := mustRun(t, imports+`
		const kv = openKv({path: "a.kv"});
		export default async function () {
			for (let i = 0; i < 300; i++) kv.set("key:" + i, "value of key:" + i);
			for (let i = 0; i < 3; i++) kv.set("large:" + i, "value of large:" + i + "x".repeat(20000));
		}`, options{})
	return readFile(t, filepath.Join(res.dir, "a.kv"))
}

// Files that were cut short or damaged where it shows when they are opened.
func TestCorruptFiles(t *testing.T) {
	t.Parallel()
	good := goodStore(t)
	dir := tempDir(t)
	var rows []row
	add := func(name, want string, content []byte) {
		check(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
		rows = append(rows, row{`openKv({path: "` + name + `"})`, want})
	}
	const corrupt = "!DiskStoreCorruptError|"
	add("half.kv", corrupt+"half.kv|cut short", good[:len(good)/2])
	add("last.kv", corrupt+"last.kv|cut short", good[:len(good)-1])
	add("two-pages.kv", corrupt+"two-pages.kv|cut short", good[:8192])
	add("one-page.kv", corrupt+"one-page.kv|damaged", good[:4096])
	add("some-bytes.kv", "!DiskStoreOpenError|some-bytes.kv|not a store", good[:100])

	damaged := bytes.Clone(good)
	clear(damaged[4096:8192])
	add("second-page.kv", corrupt+"second-page.kv|damaged", damaged)
	damaged = bytes.Clone(good)
	binary.NativeEndian.PutUint32(damaged[40:], 12345)
	add("page-size.kv", corrupt+"page-size.kv|damaged", damaged)
	damaged = bytes.Clone(good)
	binary.NativeEndian.PutUint32(damaged[20:], 99)
	add("version.kv", "!DiskStoreOpenError|version.kv|99", damaged)
	add("whole.kv", "opens", good)
	rows[len(rows)-1] = row{`opens({path: "whole.kv"})`, `"opened"`}

	runNow(t, options{dir: dir}, "", rows)
}

// A value that is not what was written is noticed when it is read.
func TestDamagedValue(t *testing.T) {
	t.Parallel()
	good := goodStore(t)
	dir := tempDir(t)
	damaged := bytes.ReplaceAll(good, []byte("value of key:77"), []byte("value of key:78"))
	damaged = bytes.ReplaceAll(damaged, []byte("value of large:1xxx"), []byte("value of large:1yxx"))
	if bytes.Equal(good, damaged) {
		t.Fatal("there was nothing to damage")
	}
	check(t, os.WriteFile(filepath.Join(dir, "a.kv"), damaged, 0o600))
	res := mustRun(t, imports+`
		const kv = openKv({path: "a.kv"});
		export default async function () {
			await row("damaged", () => kv.get("key:77"));
			await row("large", () => kv.get("large:1"));
			await row("other", () => kv.get("key:7"));
			await row("list", () => kv.list());
			await row("set", () => kv.set("key:77", "new"));
			await row("get", () => kv.get("key:77"));
			await row("delete", () => kv.delete("large:1"));
			await row("size", async () => (await kv.list()).length);
		}`, options{dir: dir})
	res.want("damaged", "!DiskStoreCorruptError|get|a.kv|damaged")
	res.want("large", "!DiskStoreCorruptError|get|a.kv|damaged")
	res.want("other", `"value of key:7"`)
	res.want("list", "!DiskStoreCorruptError|list|damaged")
	res.want("set", `"new"`)
	res.want("get", `"new"`)
	res.want("delete", "true")
	res.want("size", "302")
}

// Damage at random places, in every other file only to values: the process
// lives, and no wrong value is given out.
func TestRandomDamage(t *testing.T) {
	t.Parallel()
	good := goodStore(t)
	dir := tempDir(t)
	seed := randomSeed(t)
	random := rand.New(rand.NewPCG(seed, 1))
	values := offsetsOfValues(good)
	const files = 60
	for i := range files {
		damaged := bytes.Clone(good)
		for range 1 + random.IntN(32) {
			at := random.IntN(len(damaged))
			if i%2 == 0 {
				at = values[random.IntN(len(values))]
			}
			damaged[at] = byte(random.IntN(256))
		}
		check(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.kv", i)), damaged, 0o600))
	}
	res := run(t, imports+fmt.Sprintf(`
		const kvs = [];
		for (let i = 0; i < %d; i++) {
			try {
				kvs.push(openKv({path: i + ".kv", trackKeys: i %% 2 === 0}));
			} catch (e) {
				if (!/^Disk/.test(e.name)) tell("bad error", failure(e));
			}
		}`, files)+`
		async function quietly(run) {
			try {
				return await run();
			} catch (e) {
				if (!/^Disk|^KeyNotFound|^KeyList|^StoreFull/.test(e.name)) tell("bad error", failure(e));
			}
		}
		function look(key, value) {
			if (!String(value).startsWith("value of " + key)) tell("wrong value", key + ": " + value);
		}
		export default async function () {
			for (const kv of kvs) {
				for (let i = 0; i < 300; i++) {
					const value = await quietly(() => kv.get("key:" + i));
					if (value !== undefined) look("key:" + i, value);
				}
				for (const {key, value} of await quietly(() => kv.list()) || []) look(key, value);
				await quietly(() => kv.size());
				await quietly(() => kv.randomKey());
				await quietly(() => kv.set("new", "value of new"));
				await quietly(() => kv.delete("key:5"));
				await quietly(() => kv.clear());
			}
			tell("opened", kvs.length);
		}`, options{dir: dir})
	res.wantCode(exitOK)
	if opened, _ := strconv.Atoi(res.one("opened")); opened < files/2 {
		t.Errorf("only %d of %d files could be opened", opened, files)
	}
	for _, id := range []string{"bad error", "wrong value"} {
		if told := res.reports[id]; len(told) > 0 {
			t.Errorf("%s: %q", id, told)
		}
	}
}

// offsetsOfValues lists where the bytes of the small values are.
func offsetsOfValues(content []byte) []int {
	var offsets []int
	text := []byte(`"value of key:`)
	for at := range content {
		if bytes.HasPrefix(content[at:], text) {
			for i := range text {
				offsets = append(offsets, at+i)
			}
		}
	}
	return offsets
}

// randomSeed is XKV_SEED, or a new one; it is shown when the test fails.
func randomSeed(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("XKV_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 0, 64)
		check(t, err)
	}
	t.Logf("XKV_SEED=%d", seed)
	return seed
}

const nobody = 65534

// Directories and files that the user may not write, or not even read.
func TestPermissions(t *testing.T) {
	t.Parallel()
	base := tempDir(t)
	at := func(name string) string { return filepath.Join(base, name) }
	res := mustRun(t, imports+`
		const kv = openKv({path: "a.kv"});
		export default async function () { await kv.set("k", "v"); }`, options{})
	check(t, os.MkdirAll(at("closed/dir"), 0o755))
	for name, mode := range map[string]os.FileMode{"secret.kv": 0, "closed/readable.kv": 0o444} {
		check(t, os.WriteFile(at(name), readFile(t, filepath.Join(res.dir, "a.kv")), 0o600))
		check(t, os.Chmod(at(name), mode))
	}
	check(t, os.Chmod(at("closed/dir"), 0o555))
	check(t, os.Chmod(at("closed"), 0o555))
	t.Cleanup(func() { _ = os.Chmod(at("closed"), 0o755); _ = os.Chmod(at("closed/dir"), 0o755) })

	o := options{dir: base}
	if os.Getuid() == 0 { // who may do everything
		o.uid = nobody
		check(t, os.Chmod(base, 0o777))
	}
	runNow(t, o, "", []row{
		{`opens({path: "closed/a.kv"})`, `!DiskPathError|closed/a.kv|permission denied`},
		{`opens({path: "closed/new/a.kv"})`, `!DiskPathError|closed/new|permission denied`},
		{`opens({path: "closed/dir/a.kv"})`, `!DiskPathError|closed/dir/a.kv|permission denied`},
		{`opens({path: "secret.kv"})`, `!DiskStoreOpenError|secret.kv|permission denied`},
		{`opens({path: "secret.kv", disk: {readOnly: true}})`,
			`!DiskStoreOpenError|secret.kv|permission denied`},
		{`opens({path: "closed/readable.kv"})`,
			`!DiskStoreOpenError|closed/readable.kv|permission denied`},
		{`opens({path: "fine.kv"})`, `"opened"`},
	})
}

func TestReadOnlyFileSystem(t *testing.T) {
	t.Parallel()
	dir := mountTmpfs(t, "size=4m")
	mustRun(t, imports+`
		const kv = openKv({path: "a.kv"});
		export default async function () { await kv.set("k", "v"); }`, options{dir: dir})
	remountReadOnly(t, dir)
	runNow(t, options{dir: dir}, "", []row{
		{`opens({path: "b.kv"})`, `!DiskPathError|b.kv|read-only`},
		{`opens({path: "new/b.kv"})`, `!DiskPathError|new|read-only`},
		{`opens({path: "a.kv"})`, `!DiskStoreOpenError|a.kv|read-only`},
	})
}

// A full disk is an error of the write that needed room. Reads and deletes go
// on, and so do writes once there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	kinds := map[string]string{
		"full": `{}`, "tracked": `{trackKeys: true}`, "relaxed": `{disk: {durability: "relaxed"}}`,
		"none": `{disk: {durability: "none"}}`,
	}
	for name, storeOptions := range kinds {
		t.Run(name, func(t *testing.T) {
			dir := mountTmpfs(t, "size=1m")
			res := mustRun(t, imports+`const kv = openKv(`+storeOptions+`);`+fillDisk, options{dir: dir})
			res.want("full", "!StoreFullError|set")
			res.want("enough", "true")
			res.want("read", "true")
			res.want("together", "true")
			res.want("delete", "true")
			res.want("gone", "0")
			res.want("again", "1")
			res = mustRun(t, imports+`const kv = openKv(`+storeOptions+`);
				export default async function () {
					tell("again", (await kv.get("again")).length);
				}`, options{dir: dir})
			res.want("again", "1")
		})
	}
}

const fillDisk = `
	export default async function () {
		const value = "x".repeat(5000);
		let n = 0;
		await row("full", async () => {
			for (; n < 1000; n++) await kv.set("k:" + n, value);
		});
		tell("enough", n > 50);
		tell("read", await kv.get("k:0") === value && await kv.size() === n);
		const settled = await Promise.allSettled(
			Array.from({length: 50}, (_, i) => kv.set("more:" + i, value)));
		tell("together", settled.every((s) =>
			s.status === "fulfilled" || s.reason.name === "StoreFullError"));
		await row("delete", async () => {
			for (const {key} of await kv.list()) await kv.delete(key);
			return true;
		});
		tell("gone", await kv.size());
		await row("again", async () => (await kv.set("again", ["x".repeat(300000)])).length);
	}`

func TestNoRoomForAStore(t *testing.T) {
	t.Parallel()
	dir := mountTmpfs(t, "size=64k")
	filler := filepath.Join(dir, "filler")
	_ = os.WriteFile(filler, make([]byte, 1<<20), 0o644) // as far as it goes
	runNow(t, options{dir: dir}, "", []row{{`opens()`, `!StoreFullError|.k6.kv`}})
	check(t, os.Remove(filler))
	check(t, os.WriteFile(filler, nil, 0o644))
	res := run(t, imports+`
		const kv = openKv();
		export default async function () { tell("set", await kv.set("k", 1)); }`, options{dir: dir})
	res.want("set", "1")
}

// A file that is taken away under an open store: the path is free for another
// once the process has ended that has the lock file of that name.
func TestFileTakenAway(t *testing.T) {
	t.Parallel()
	p := startHolder(t)
	script := imports + `rowAtInit("open", () => openKv()); export default function () {}`
	check(t, os.Remove(filepath.Join(p.dir, ".k6.kv")))
	res := mustRun(t, script, options{dir: p.dir})
	res.want("open", "!DiskStoreOpenError|.k6.kv|was replaced while process "+strconv.Itoa(p.cmd.Process.Pid))
	if _, err := os.Stat(filepath.Join(p.dir, ".k6.kv")); err == nil {
		t.Error("the refused store has left its file behind")
	}
	p.interrupt()
	res = mustRun(t, imports+`const kv = openKv();
		export default async function () { tell("size", await kv.size()); }`, options{dir: p.dir})
	res.want("size", "0")
}
