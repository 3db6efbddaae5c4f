package cli_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// fill puts entries into a store, and returns them in order.
func (f folder) fill(store string, count int) []string {
	f.t.Helper()
	var keys []string
	var lines strings.Builder
	for i := range count {
		key := fmt.Sprintf("key:%03d", i)
		fmt.Fprintf(&lines, "{\"key\":%q,\"value\":%d}\n", key, i)
		keys = append(keys, key)
	}
	f.write("fill.jsonl", lines.String())
	f.run("import", store, "fill.jsonl").has("imported")
	return keys
}

func TestLists(t *testing.T) {
	f := newFolder(t)
	f.run("set", "a.kv", "a", `{"n": "x,\"y\""}`).wants("")
	f.run("set", "a.kv", "b\t\n", "[\n1\n]").wants("")
	f.run("set", "a.kv", "bc", "1").wants("")
	f.run("list", "a.kv").wants("a\t{\"n\": \"x,\\\"y\\\"\"}\nb\t\n\t[\n1\n]\nbc\t1\n")
	f.run("list", "a.kv", "--limit", "1").wants("a\t{\"n\": \"x,\\\"y\\\"\"}\n")
	f.run("list", "a.kv", "--prefix", "bc").wants("bc\t1\n")
	f.run("list", "a.kv", "--prefix", "x").wants("")
	f.run("list", "a.kv", "--jsonl").wants("{\"key\":\"a\",\"value\":{\"n\": \"x,\\\"y\\\"\"}}\n" +
		"{\"key\":\"b\\t\\n\",\"value\":[ 1 ]}\n{\"key\":\"bc\",\"value\":1}\n")
	f.run("keys", "a.kv", "--jsonl", "--prefix=b").wants("\"b\\t\\n\"\n\"bc\"\n")
	f.run("keys", "a.kv").wants("a\nb\t\n\nbc\n")
	f.run("keys", "a.kv", "--json", "--prefix", "x").wants("[]\n")
	f.run("keys", "a.kv", "--csv", "--prefix", "x").wants("key\r\n")
	f.run("count", "a.kv").wants("3\n")
	f.run("count", "a.kv", "--prefix", "b").wants("2\n")
	f.run("list", "a.kv", "--json", "--csv").fails(badUsage, "only one of --json, --jsonl and --csv")
	for _, limit := range []string{"0", "-1", "x", "", "9999999999999999999"} {
		f.run("list", "a.kv", "--limit", limit).fails(badUsage, "--limit must be a whole number from 1", `"`+limit+`"`)
	}
}

// Others read what is printed for programs.
func TestListsForPrograms(t *testing.T) {
	f := newFolder(t)
	for _, key := range []string{`q"uote`, "com,ma", "line\r\nend", "nul\x01", "é😀"} {
		f.run("set", "a.kv", key, "--serialization", "string", key).wants("")
	}
	var entries []struct{ Key, Value string }
	check(t, json.Unmarshal([]byte(f.run("list", "a.kv", "--json").out), &entries))
	rows, err := csv.NewReader(strings.NewReader(f.run("list", "a.kv", "--csv").out)).ReadAll()
	check(t, err)
	if len(entries) != 5 || len(rows) != 6 {
		t.Fatalf("%q %q", entries, rows)
	}
	for i, entry := range entries {
		// Go's reader takes CR LF within a field for LF.
		cell := strings.ReplaceAll(entry.Key, "\r\n", "\n")
		if entry.Key != entry.Value || rows[i+1][0] != cell || rows[i+1][1] != cell {
			t.Errorf("%q %q", entry, rows[i+1])
		}
	}
	for _, value := range []string{"", "a", "ab", "abc", "\x00\xff\xfe"} {
		f.finish(f.command("set", "b.kv", "k", "-", "--serialization", "binary"), value).wants("")
		var one struct{ Value []byte }
		check(t, json.Unmarshal([]byte(f.run("list", "b.kv", "--jsonl").out), &one))
		if string(one.Value) != value {
			t.Errorf("%q, not %q", one.Value, value)
		}
	}
}

// A store is walked in pages, whatever their entries are like.
func TestManyPages(t *testing.T) {
	f := newFolder(t)
	keys := f.fill("a.kv", 300)
	f.run("keys", "a.kv").wants(strings.Join(keys, "\n") + "\n")
	for _, limit := range []int{1, 63, 64, 65, 299, 300, 301} {
		out := f.run("list", "a.kv", "--limit", fmt.Sprint(limit)).out
		if lines := strings.Count(out, "\n"); lines != min(limit, 300) {
			t.Errorf("%d lines with a limit of %d", lines, limit)
		}
	}
	for i := range 5 {
		f.finish(f.command("set", "a.kv", keys[i], "-"), `"`+strings.Repeat("x", 3<<20)+`"`).wants("")
	}
	out := f.run("list", "a.kv").out
	if lines := strings.Count(out, "\n"); lines != 300 || len(out) < 15<<20 {
		t.Errorf("%d lines, %d bytes", lines, len(out))
	}
}

func TestRandom(t *testing.T) {
	f := newFolder(t)
	keys := f.fill("a.kv", 20)
	out := strings.Fields(f.run("random", "a.kv", "-n", "20").has().out)
	seen := map[string]bool{}
	for _, key := range out {
		seen[key] = true
	}
	if len(out) != 20 || len(seen) != 20 || strings.Join(out, " ") == strings.Join(keys, " ") {
		t.Errorf("drawn: %q", out)
	}
	if n := len(strings.Fields(f.run("random", "a.kv", "-n99", "--prefix", "key:00").out)); n != 10 {
		t.Errorf("%d keys", n)
	}
	f.run("random", "a.kv", "--prefix", "key:007", "--json").wants("[\"key:007\"]\n")
	f.run("random", "a.kv", "--prefix", "x").fails(notFound, "no key that begins with \"x\"")
	f.run("delete", "b.kv", "x").fails(storeFailed)
	f.run("set", "b.kv", "x", "1").wants("")
	f.run("delete", "b.kv", "x").wants("")
	f.run("random", "b.kv").fails(notFound, "has no keys")
}

func TestStat(t *testing.T) {
	f := newFolder(t)
	f.fill("a.kv", 12)
	for _, key := range []string{"single", "user_1", "user_2", "page/a/1", "page/b/2", "x1", "x2", "x3"} {
		f.run("set", "a.kv", key, "1").wants("")
	}
	var stat struct {
		Path, Serialization string
		Entries, Bytes      int64
		Prefixes            []struct {
			Prefix string
			Keys   int64
		}
	}
	check(t, json.Unmarshal([]byte(f.run("stat", "a.kv", "--json").has().out), &stat))
	if stat.Path != f.path+"/a.kv" || stat.Serialization != "json" || stat.Entries != 20 || stat.Bytes < 4096 {
		t.Errorf("%+v", stat)
	}
	if fmt.Sprint(stat.Prefixes) != "[{key: 12} {x 3} {page/ 2} {user_ 2}]" {
		t.Errorf("%v", stat.Prefixes)
	}
	f.run("stat", "a.kv").has("entries        20\n", "serialization  json\n", "prefixes       key:  12\n", " kB\n")
}

func TestOutputThatCannotBeWritten(t *testing.T) {
	f := newFolder(t)
	f.fill("a.kv", 1)
	command := f.command("list", "a.kv")
	command.Args = append([]string{"sh", "-c", `exec "$0" "$@" >/dev/full`, command.Path}, command.Args[1:]...)
	command.Path = "/bin/sh"
	f.finish(command, "").fails(storeFailed, "output cannot be written")
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
