package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func (f folder) write(name, content string) {
	f.t.Helper()
	check(f.t, os.WriteFile(filepath.Join(f.path, name), []byte(content), 0o644))
}

func (f folder) read(name string) string {
	f.t.Helper()
	content, err := os.ReadFile(filepath.Join(f.path, name))
	check(f.t, err)
	return string(content)
}

func (f folder) isMissing(names ...string) {
	f.t.Helper()
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(f.path, name)); !os.IsNotExist(err) {
			f.t.Errorf("%s is there: %v", name, err)
		}
	}
}

func TestImportCSV(t *testing.T) {
	f := newFolder(t)
	f.write("u.csv", "email,name\na@x,\"Ann, B\"\nb@x,007\n")
	f.run("import", "u.kv", "u.csv", "--key", "email").wants("2 entries imported from u.csv, 32 bytes\n")
	f.run("list", "u.kv").wants("a@x\t{\"email\":\"a@x\",\"name\":\"Ann, B\"}\nb@x\t{\"email\":\"b@x\",\"name\":\"007\"}\n")
	f.run("import", "r.kv", "u.csv", "--keys=row", "--prefix", "p:", "--types", "--json", "--limit", "9").
		wants(`{"imported":2,"fileName":"u.csv","bytesRead":32}` + "\n")
	f.run("keys", "r.kv").wants("p:0000000001\np:0000000002\n")
	f.run("get", "r.kv", "p:0000000002").wants(`{"email":"b@x","name":"007"}` + "\n")
	f.write("u.TSV", "1\tx\n2\ty\n")
	f.run("import", "t.kv", "u.TSV", "--no-header", "--key", "1").wants("2 entries imported from u.TSV, 8 bytes\n")
	f.run("list", "t.kv").wants("x\t{\"0\":\"1\",\"1\":\"x\"}\ny\t{\"0\":\"2\",\"1\":\"y\"}\n")
	f.write("s.csv", "k;v\n1;2\n")
	f.run("import", "s.kv", "s.csv", "--delimiter", ";", "--key", "k", "--types").has("1 entry imported")
	f.run("get", "s.kv", "1").wants("{\"k\":1,\"v\":2}\n")
	f.write("s.csv", "k\tv\n1\t2\n")
	f.run("import", "s.kv", "s.csv", "--delimiter", `\t`, "--key", "v").has("1 entry imported")
	f.run("keys", "s.kv").wants("1\n2\n")
}

func TestImportJSONL(t *testing.T) {
	f := newFolder(t)
	f.write("a.jsonl", `{"key":"a","value":[1]}`+"\n"+`{"key":"b","value":"x"}`+"\n")
	f.run("import", "a.kv", "a.jsonl", "--limit=1").has("1 entry imported")
	f.run("list", "a.kv").wants("a\t[1]\n")
	f.run("import", "a.kv", "a.jsonl", "--prefix", "p").has("2 entries imported")
	f.run("keys", "a.kv").wants("a\npa\npb\n")
	f.write("bad.jsonl", `{"key":"a","value":1}`+"\n"+`{"key":"b","value":}`+"\n")
	f.run("import", "a.kv", "bad.jsonl").fails(storeFailed, "bad.jsonl", "line 2, column 20", "JSON")
	f.run("get", "a.kv", "a").wants("[1]\n")
}

func TestExport(t *testing.T) {
	f := newFolder(t)
	f.run("set", "a.kv", "a:1", `{"n":1,"t":"x,y"}`).wants("")
	f.run("set", "a.kv", "a:2", `{"n":null}`).wants("")
	f.run("set", "a.kv", "b", `{"n":3}`).wants("")
	f.run("export", "a.kv", "o.csv", "--columns", "n,t", "--prefix", "a:").has("2 entries exported to o.csv, ")
	if got := f.read("o.csv"); got != "key,n,t\r\na:1,1,\"x,y\"\r\na:2,,\r\n" {
		t.Errorf("%q", got)
	}
	f.run("export", "a.kv", "o.csv", "--columns=n", "--no-key", "--delimiter=;", "--limit=1", "--json").
		wants(`{"exported":1,"fileName":"o.csv","bytesWritten":6}` + "\n")
	if got := f.read("o.csv"); got != "n\r\n1\r\n" {
		t.Errorf("%q", got)
	}
	f.run("export", "a.kv", "o.jsonl").has("3 entries exported to o.jsonl, ")
	if got, listed := f.read("o.jsonl"), f.run("list", "a.kv", "--jsonl").out; got != listed {
		t.Errorf("export and list differ: %q %q", got, listed)
	}
	f.run("set", "a.kv", "c", "1").wants("")
	f.run("export", "a.kv", "no.csv", "--columns", "n").fails(storeFailed, `"c"`)
	f.isMissing("no.csv")
}

// Stores of text and of bytes are exported as they are listed, and come back.
func TestExportsComeBack(t *testing.T) {
	f := newFolder(t)
	for _, serialization := range []string{"string", "binary"} {
		store := serialization + ".kv"
		f.finish(f.command("set", store, "k\t\"", "--serialization", serialization, "-"), "\x01\"\\\n\u007fé").wants("")
		value := f.run("get", store, "k\t\"").out
		f.run("export", store, "o.jsonl").has("1 entry exported")
		if got, listed := f.read("o.jsonl"), f.run("list", store, "--jsonl").out; !sameJSON(t, got, listed) {
			t.Errorf("export and list differ: %q %q", got, listed)
		}
		f.run("import", "copy-"+store, "o.jsonl", "--serialization", serialization).has("1 entry imported")
		f.run("get", "copy-"+store, "k\t\"").wants(value)
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var one, other any
	check(t, json.Unmarshal([]byte(a), &one))
	check(t, json.Unmarshal([]byte(b), &other))
	return fmt.Sprint(one) == fmt.Sprint(other)
}

func TestBackupAndRestore(t *testing.T) {
	f := newFolder(t)
	f.fill("a.kv", 3)
	f.run("backup", "a.kv", "b.kv").has("3 entries written to b.kv, ", " kB\n")
	f.run("list", "b.kv").wants(f.run("list", "a.kv").out)
	f.run("set", "a.kv", "more", "1").wants("")
	f.run("restore", "a.kv", "b.kv").wants("3 entries restored from b.kv\n")
	f.run("keys", "a.kv").wants("key:000\nkey:001\nkey:002\n")
	f.run("restore", "new.kv", "b.kv", "--json").wants("{\"totalEntries\":3}\n")
	f.run("count", "new.kv").wants("3\n")
	f.write("junk", "junk")
	f.run("restore", "a.kv", "junk").fails(storeFailed, "junk")
	f.run("count", "a.kv").wants("3\n")
}

// A store is imported beside what is there; a new one is of its kind.
func TestImportStore(t *testing.T) {
	f := newFolder(t)
	f.run("set", "s.kv", "k", "--serialization", "string", "not JSON").wants("")
	f.run("import", "new.kv", "s.kv", "--prefix", "p:").wants("1 entry imported from s.kv\n")
	f.run("list", "new.kv").wants("p:k\tnot JSON\n")
	f.run("import", "new.kv", "s.kv", "--json").wants(`{"imported":1,"fileName":"s.kv"}` + "\n")
	f.run("keys", "new.kv").wants("k\np:k\n")
	f.fill("j.kv", 2500)
	f.run("import", "j.kv", "s.kv").fails(storeFailed, `"s.kv" has serialization "string", and "j.kv" has "json"`)
	f.run("import", "copy.kv", "j.kv").has("2500 entries imported")
	f.run("list", "copy.kv").wants(f.run("list", "j.kv").out)
	f.run("import", "some.kv", "j.kv", "--limit", "1001").has("1001 entries imported")
	f.run("count", "some.kv").wants("1001\n")
	f.write("junk.kv", "junk")
	f.run("import", "copy.kv", "junk.kv").fails(storeFailed, "junk.kv")
	f.run("count", "copy.kv").wants("2500\n")
}

func TestFilesThatCannotBe(t *testing.T) {
	f := newFolder(t)
	f.write("u.csv", "a\n1\n")
	f.write("u.txt", "a\n1\n")
	f.write("u.jsonl", "")
	rows := []struct {
		words    string
		code     int
		messages []string
	}{
		{"import n.kv u.csv", badUsage, []string{"--key COLUMN", "--keys row"}},
		{"import n.kv u.csv --key a --keys row", badUsage, []string{"--key COLUMN"}},
		{"import n.kv u.csv --keys column", badUsage, []string{"--keys must be one of row"}},
		{"import n.kv u.txt", badUsage, []string{`"u.txt" does not end with .csv, .jsonl or .kv`}},
		{"import n.kv u.jsonl --types", badUsage, []string{"--types is about CSV", `"u.jsonl"`}},
		{"import n.kv no.csv --key a", storeFailed, []string{`"no.csv" cannot be read: No such file`}},
		{"import n.kv no.jsonl", storeFailed, []string{`"no.jsonl" cannot be read`}},
		{"import n.kv no.kv", storeFailed, []string{`"no.kv" cannot be read`}},
		{"restore n.kv no.kv", storeFailed, []string{`"no.kv" cannot be read`}},
		{"export n.kv o.txt", badUsage, []string{`"o.txt" does not end with .csv or .jsonl`, "xkv backup"}},
		{"export n.kv o.kv", badUsage, []string{"xkv backup"}},
		{"export n.kv o.csv", badUsage, []string{"CSV needs --columns"}},
		{"export n.kv o.jsonl --columns a", badUsage, []string{"--columns is about CSV"}},
		{"export n.kv o.jsonl", storeFailed, []string{"there is no store"}},
		{"backup n.kv b.kv", storeFailed, []string{"there is no store"}},
		{"import u.csv", badUsage, []string{"--key COLUMN"}},
		{"import", badUsage, []string{"import needs FILE"}},
	}
	for _, row := range rows {
		f.run(strings.Fields(row.words)...).fails(row.code, row.messages...)
		f.isMissing("n.kv", ".k6.kv", "o.jsonl", "o.csv", "b.kv")
	}
	f.fill("a.kv", 1)
	f.run("import", "a.kv", "u.csv", "--key", "b").fails(badUsage, `no column "b"`)
	f.run("export", "a.kv", "o.csv", "--columns", "key").fails(badUsage, `"key"`, "--no-key")
	f.run("backup", "a.kv", "u.csv/b.kv").fails(storeFailed, "u.csv")
}

// What fails before it has brought anything leaves no store that was not there.
func TestFailuresLeaveNoStore(t *testing.T) {
	f := newFolder(t)
	f.write("u.csv", "a,b\n1,2\n3\n")
	f.write("u.jsonl", "{\"key\":\"a\",\"value\":}\n")
	f.write("no.db", "this is no store of any kind")
	f.fill("json.kv", 1)
	f.run("set", "text.kv", "a", "no JSON", "--serialization", "string").wants("")
	rows := []struct {
		words string
		code  int
		says  string
	}{
		{"import n.kv u.csv --key nope", badUsage, `no column "nope"`},
		{"import n.kv u.csv --key a", storeFailed, "line 3"},
		{"import n.kv u.jsonl", storeFailed, "line 1"},
		{"import n.kv no.db", storeFailed, "no.db"},
		{"import n.kv text.kv --serialization json", storeFailed, "serialization"},
		{"restore n.kv text.kv", storeFailed, "serialization"},
		{"restore n.kv no.db", storeFailed, "no.db"},
		{"import http://h/n.kv u.csv --key a", storeFailed, "download"},
	}
	for _, row := range rows {
		f.run(strings.Fields(row.words)...).fails(row.code, row.says)
		f.isMissing("n.kv", "n.kv-lock")
	}
	f.write("n.kv", "")
	f.run("import", "n.kv", "u.csv", "--key", "nope").fails(badUsage, `no column "nope"`)
	f.run("count", "n.kv").wants("0\n") // it was there
	f.run("import", "json.kv", "u.csv", "--key", "nope").fails(badUsage, `no column "nope"`)
	f.run("count", "json.kv").wants("1\n")
	f.run("import", "n.kv", "http://h/u.csv", "--key", "a").fails(badUsage, "http://h/u.csv", "download")
}

// The store of another k6 extension is restored, or imported beside what is there.
func TestBoltDB(t *testing.T) {
	f := newFolder(t)
	writer := exec.Command("go", "run", "./example", filepath.Join(f.path, "old.kv"))
	writer.Dir = "../bolt"
	if out, err := writer.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f.run("get", "old.kv", "user:7").fails(storeFailed, "BoltDB")
	f.run("restore", "new.kv", "old.kv").wants("100 entries restored from old.kv\n")
	f.run("get", "new.kv", "user:7").wants(`{"id":7,"name":"user7"}` + "\n")
	f.run("import", "more.kv", "old.kv", "--prefix", "old:", "--limit", "10").wants("10 entries imported from old.kv\n")
	f.run("get", "more.kv", "old:user:1").wants(`{"id":1,"name":"user1"}` + "\n")
	f.run("import", "text.kv", "old.kv", "--serialization", "string").has("100 entries imported")
	f.run("stat", "text.kv").has("serialization  string")
}
