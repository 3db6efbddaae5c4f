package cli_test

import (
	"strings"
	"testing"
)

func TestOneKey(t *testing.T) {
	f := newFolder(t)
	f.run("set", "a.kv", "user:1", `{"a": 1}`).wants("")
	f.run("get", "a.kv", "user:1").wants("{\"a\": 1}\n")
	f.run("exists", "a.kv", "user:1").wants("true\n")
	f.run("set", "a.kv", "user:1", "-5").wants("")
	f.run("get", "a.kv", "user:1").wants("-5\n")
	f.run("delete", "a.kv", "user:1").wants("")
	f.run("delete", "a.kv", "user:1").fails(notFound, `"user:1"`, "does not exist")
	f.run("get", "a.kv", "user:1").fails(notFound, `"user:1"`, "does not exist")
	res := f.run("exists", "a.kv", "user:1")
	if res.code != notFound || res.out != "false\n" || res.message != "" {
		t.Errorf("%+v", res)
	}
}

func TestKeysThatLookLikeOptions(t *testing.T) {
	f := newFolder(t)
	f.run("set", "a.kv", "--prefix", "1").fails(badUsage, "no option --prefix", "--")
	f.run("set", "a.kv", "--", "--prefix", "1").wants("")
	f.run("get", "a.kv", "--", "--prefix").wants("1\n")
	f.run("keys", "a.kv", "--prefix=--").wants("--prefix\n")
}

func TestStoreMayBeLeftOut(t *testing.T) {
	f := newFolder(t)
	f.run("set", "k", "1").wants("")
	f.run("get", "k").wants("1\n")
	f.run("get", ".k6.kv", "k").wants("1\n")
	f.run("list").wants("k\t1\n")
	f.run("get").fails(badUsage, "get needs KEY", "usage: xkv get [STORE] KEY")
	f.run("set", "k").fails(badUsage, "set needs VALUE")
	f.run("get", "a", "b", "c").fails(badUsage, `"c"`, "no more than 2")
	f.run("get", "a", "b", "c", "d", "e").fails(badUsage, `"c"`)
}

// What is only read or removed from does not come into being.
func TestMissingStores(t *testing.T) {
	f := newFolder(t)
	for _, words := range [][]string{{"get", "no.kv", "k"}, {"exists", "no.kv", "k"}, {"delete", "no.kv", "k"},
		{"list", "no.kv"}, {"keys", "no.kv"}, {"count", "no.kv"}, {"random", "no.kv"}, {"stat", "no.kv"}} {
		res := f.run(words...)
		res.fails(storeFailed, "there is no store at", "no.kv\"")
		if strings.Contains(res.message, "disk.") {
			t.Errorf("%s names an option of scripts: %s", words[0], res.message)
		}
	}
	f.run("get", "/dev/null", "k").fails(storeFailed, "/dev/null")
}

func TestJSONStores(t *testing.T) {
	f := newFolder(t)
	f.run("set", "a.kv", "k", "text").fails(badUsage, "not JSON from its byte 1 on", `'"text"'`, "--string")
	f.run("set", "a.kv", "k", "[1,2").fails(badUsage, "byte 5")
	f.run("set", "a.kv", "k", "--string", "a \"b\" \\ \n\té").wants("")
	f.run("get", "a.kv", "k").wants("\"a \\\"b\\\" \\\\ \\u000a\\u0009é\"\n")
	f.run("get", "a.kv", "k", "--raw").wants("a \"b\" \\ \n\té\n")
	f.run("set", "a.kv", "k", `"😀 \/ é \ud800 x"`).wants("")
	f.run("get", "-r", "a.kv", "k").wants("😀 / é \ufffd x\n")
	f.run("set", "a.kv", "k", `{"a":"\u0041"}`).wants("")
	f.run("get", "-r", "a.kv", "k").wants("{\"a\":\"\\u0041\"}\n")
	f.run("set", "a.kv", "k", "--string", "\xff").fails(storeFailed, "UTF-8")
}

// What get prints is what set reads, in stores of all kinds.
func TestRoundTrips(t *testing.T) {
	f := newFolder(t)
	rows := []struct{ store, input, output string }{
		{"json", "{\"a\":\n1}\n", "{\"a\":\n1}\n"},
		{"string", "two\nlines\n", "two\nlines\n"},
		{"string", "two\nlines\n\n", "two\nlines\n\n"},
		{"string", "", "\n"},
		{"string", "no end", "no end\n"},
		{"binary", "\x00\xff\n", "\x00\xff\n"},
		{"binary", "", ""},
	}
	for _, row := range rows {
		f.finish(f.command("set", row.store, "k", "--serialization", row.store, "-"), row.input).wants("")
		once := f.run("get", row.store, "k")
		once.wants(row.output)
		f.finish(f.command("set", row.store, "k", "-"), once.out).wants("")
		f.run("get", row.store, "k").wants(row.output)
	}
	f.run("set", "string", "k", "--string", "x").fails(badUsage, "--string", "holds text")
	f.run("set", "binary", "k", "--string", "x").fails(badUsage, "--string", "holds bytes")
	f.run("set", "string", "k", "x", "--serialization", "json").fails(storeFailed, `"string"`, "--serialization")
	f.run("set", "new", "k", "x", "--serialization", "xml").fails(badUsage, "json|string|binary", `"xml"`)
}

func TestBigValues(t *testing.T) {
	f := newFolder(t)
	big := strings.Repeat("0123456789abcdef", 1<<18)
	f.finish(f.command("set", "a.kv", "k", "--serialization", "string", "-"), big).wants("")
	f.run("get", "a.kv", "k").wants(big + "\n")
	f.run("list", "a.kv").wants("k\t" + big + "\n")
}
