package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// damage overwrites all pages of a store's file that have some bytes on them, and says
// whether there were any.
func (f folder) damage(store, text string) bool {
	f.t.Helper()
	path := filepath.Join(f.path, store)
	content, err := os.ReadFile(path)
	check(f.t, err)
	found := false
	for at := 0; at+4096 <= len(content); at += 4096 {
		if page := content[at : at+4096]; bytes.Contains(page, []byte(text)) {
			copy(page[16:], bytes.Repeat([]byte{0xA5}, 4080))
			found = true
		}
	}
	check(f.t, os.WriteFile(path, content, 0o600))
	return found
}

type checkReport struct {
	Messages                                  []string
	Entries, Findings, LostKeys, DoubtfulKeys int64
	DamagedPages, DamagedRecords              int64
	InvalidValues                             int64
	Serialization                             *string
}

func (f folder) check(store string, code int) checkReport {
	f.t.Helper()
	res := f.run("check", store, "--json")
	var report checkReport
	check(f.t, json.Unmarshal([]byte(res.out), &report))
	if res.code != code || res.message != "" {
		f.t.Errorf("%d %s %s", res.code, res.out, res.message)
	}
	return report
}

func TestCheckWholeStore(t *testing.T) {
	f := newFolder(t)
	f.fill("a.kv", 100)
	f.run("check", "a.kv").has("100 entries can be read, of a file of ", " kB: nothing is wrong\n")
	report := f.check("a.kv", done)
	if report.Entries != 100 || report.Findings != 0 || len(report.Messages) != 0 || *report.Serialization != "json" {
		t.Errorf("%+v", report)
	}
	f.write("junk.kv", strings.Repeat("junk", 5000))
	f.run("check", "junk.kv").fails(storeFailed, "junk.kv")
	f.run("check", "junk.kv", "--json").fails(storeFailed, "junk.kv")
	f.run("check", "no.kv").fails(storeFailed, "no.kv")
	f.isMissing("no.kv")
}

// A damaged page costs what lies on it; the rest is saved, as text or as a store.
func TestCheckAndSalvage(t *testing.T) {
	f := newFolder(t)
	f.fill("a.kv", 900)
	if !f.damage("a.kv", "key:450") {
		t.Fatal("there was nothing to damage")
	}
	res := f.run("check", "a.kv")
	if res.code != notFound || res.message != "" || !strings.Contains(res.out, "it is damaged\n") ||
		!strings.Contains(res.out, "damaged pages: 1\n") || !strings.HasSuffix(res.out, "xkv export a.kv FILE --salvage\n") {
		t.Errorf("%+v", res)
	}
	report := f.check("a.kv", notFound)
	if report.Entries+report.LostKeys != 900 || report.LostKeys < 1 || report.DamagedPages != 1 ||
		int64(len(report.Messages)) != report.Findings {
		t.Fatalf("%+v", report)
	}
	lost := fmt.Sprintf("entries that are lost: %d\n", report.LostKeys)
	for _, file := range []string{"s.jsonl", "s.kv"} {
		res := f.run("export", "a.kv", file, "--salvage")
		if res.code != notFound || res.message != "xkv: "+lost ||
			!strings.HasPrefix(res.out, fmt.Sprintf("%d entries saved in %s", report.Entries, file)) {
			t.Errorf("%+v", res)
		}
	}
	f.run("list", "s.kv", "--jsonl").wants(f.read("s.jsonl"))
	whole := f.check("s.kv", done)
	if whole.Entries != report.Entries || strings.Contains(f.read("s.jsonl"), "key:450") ||
		!strings.HasPrefix(f.read("s.jsonl"), `{"key":"key:000","value":0}`) {
		t.Errorf("%+v", whole)
	}
	f.run("export", "a.kv", "s.kv", "--salvage").fails(storeFailed, `"s.kv" is there already`)
	res = f.run("export", "a.kv", "p.jsonl", "--salvage", "--prefix", "key:00", "--json")
	if res.code != notFound || !strings.HasPrefix(res.out, `{"exported":10,`) {
		t.Errorf("%+v", res)
	}
}

// What is whole is saved without a word of loss.
func TestSalvageWholeStore(t *testing.T) {
	f := newFolder(t)
	f.fill("a.kv", 30)
	f.run("export", "a.kv", "s.kv", "--salvage").wants("30 entries saved in s.kv\n")
	f.run("export", "a.kv", "t.kv", "--salvage", "--json").wants(`{"saved":30,"fileName":"t.kv"}` + "\n")
	f.run("list", "s.kv").wants(f.run("list", "a.kv").out)
	f.run("export", "a.kv", "u.kv", "--salvage", "--serialization", "string").wants("30 entries saved in u.kv\n")
	f.run("stat", "u.kv").has("serialization  string")
	f.run("export", "a.kv", "v.kv", "--salvage", "--limit", "1").fails(badUsage, "without a choice")
	f.run("export", "a.kv", "v.jsonl", "--serialization", "json").fails(badUsage, "--salvage")
	f.run("export", "no.kv", "v.jsonl", "--salvage").fails(storeFailed, "no.kv")
	f.isMissing("v.kv", "v.jsonl", "no.kv")
}

// Values that are not what they are taken for are left out, and that is said.
func TestValuesThatAreNotJSON(t *testing.T) {
	f := newFolder(t)
	f.run("set", "s.kv", "k", "--serialization", "string", "abcdefgh").wants("")
	f.run("set", "s.kv", "good", "7").wants("")
	res := f.run("export", "s.kv", "t.jsonl", "--salvage", "--serialization", "json")
	if res.code != notFound || !strings.HasPrefix(res.out, "1 entry saved in t.jsonl") ||
		!strings.Contains(res.message, "left out, since their values are not JSON: 1;") {
		t.Errorf("%+v", res)
	}
}

// A store is checked while k6 writes to it.
func TestCheckBesideK6(t *testing.T) {
	f := newFolder(t)
	k6 := f.startK6("relaxed")
	f.run("check").has("nothing is wrong")
	f.run("export", "s.kv", "--salvage").has("saved in s.kv")
	f.run("get", "s.kv", "fixed").wants("\"value\"\n")
	f.run("backup", "b.kv").has("written to b.kv")
	f.run("get", "b.kv", "fixed").wants("\"value\"\n")
	f.run("export", "e.jsonl").has("exported to e.jsonl")
	process := fmt.Sprintf("process %d", k6.Process.Pid)
	f.run("restore", "b.kv").fails(storeFailed, process, "--wait")
	f.run("import", "e.jsonl").fails(storeFailed, process, "--wait")
	stop(t, k6)
}
