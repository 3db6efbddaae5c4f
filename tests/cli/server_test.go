package cli_test

import (
	"crypto/tls"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"example.com/xk6-kv/tests/redistest"
	"example.com/xk6-kv/xkv"
)

const secret = "s3cr3t"

func TestStoresOnServers(t *testing.T) {
	f, socket := newFolder(t), redistest.Start(t, "--requirepass", secret)
	url, shown := "unix://:"+secret+"@"+socket, "unix://"+socket
	f.run("set", url, "user:1", `{"a":1}`).wants("")
	f.run("get", url, "user:1").wants("{\"a\":1}\n")
	f.run("exists", url, "user:1").wants("true\n")
	f.run("set", url, "else", "2", "--name", "other").wants("")
	f.run("keys", url).wants("user:1\n")
	f.run("keys", url, "--name", "other").wants("else\n")
	f.run("export", url, "all.jsonl").has()
	f.run("import", url, "all.jsonl", "--prefix", "copy:").has()
	f.run("list", url).wants("copy:user:1\t{\"a\":1}\nuser:1\t{\"a\":1}\n")
	f.run("random", url, "--prefix", "none").fails(notFound, `"`+shown+`" has no key`)
	stat := f.run("stat", url).has(shown, "entries        2").out
	if strings.Contains(stat, "size") || strings.Contains(stat, secret) {
		t.Error(stat)
	}
	f.run("delete", url, "user:1").wants("")
	f.run("count", url).wants("1\n")
}

// Who only looks makes no store, nor does who takes something away.
func TestStoresThatAreNotOnTheServer(t *testing.T) {
	f, socket := newFolder(t), redistest.Start(t)
	url := "unix://" + socket
	f.run("set", url, "k", "1").wants("")
	for _, words := range [][]string{
		{"get", url, "k"}, {"exists", url, "k"}, {"list", url}, {"keys", url}, {"count", url}, {"random", url},
		{"stat", url}, {"watch", url, "--count", "1"}, {"export", url, "all.jsonl"}, {"backup", url, "all.kv"},
		{"delete", url, "k"},
	} {
		f.run(append(words, "--name", "nope")...).fails(storeFailed, `no store of the name "nope"`, "--name")
	}
	f.run("list", url).wants("k\t1\n")
	f.run("set", url, "made", "1", "--name", "nope").wants("")
	f.run("keys", url, "--name", "nope").wants("made\n")
	f.run("delete", url, "made", "--name", "nope").wants("")
	f.run("count", url, "--name", "nope").wants("0\n")
}

// However many partitions a store has, the tool looks into it.
func TestStoresWithPartitions(t *testing.T) {
	f, socket := newFolder(t), redistest.Start(t)
	url := "unix://" + socket
	store, err := xkv.Open([]xkv.Setting{
		{Name: "backend", Value: "redis"}, {Name: "url", Value: url}, {Name: "redis.partitions", Value: 5.0},
	})
	if err != nil {
		t.Fatal(err)
	}
	store.Close()
	for n := range 20 {
		f.run("set", url, fmt.Sprint("key:", n), "1").wants("")
	}
	f.run("count", url, "--prefix", "key:").wants("20\n")
	f.run("stat", url).has("entries        20")
}

// What fails on a server has nothing to do with the file that is used where none is named.
func TestFailingOnAServerLeavesFilesAlone(t *testing.T) {
	f, socket := newFolder(t), redistest.Start(t)
	f.run("set", "k", "1").wants("")
	f.run("delete", "k").wants("")
	command := f.command("set", "redis:", "k", "no JSON")
	command.Env = append(command.Environ(), "K6_KV_REDIS_URL=unix://"+socket)
	f.finish(command, "").fails(badUsage, "not JSON")
	f.run("count").wants("0\n")
}

// Passwords are not shown, whatever is wrong.
func TestPasswordsOfServers(t *testing.T) {
	f, socket := newFolder(t), redistest.Start(t, "--requirepass", secret)
	for _, one := range []struct{ url, says string }{
		{"unix://" + socket, "asks for a password"},
		{"unix://:no" + secret + "@" + socket, "does not know this user and password"},
		{"unix://me:" + secret + "@" + socket, "does not know this user and password"},
		{"redis://:" + secret + "@host:99999", "a port must be"},
		{"redis://me:" + secret, "a port must be"},
		{"redis://localhost?password=" + secret, "behind a ?"},
		{"rediss://:" + secret + "@127.0.0.1:1", "127.0.0.1:1"},
	} {
		res := f.run("get", one.url, "k")
		res.fails(storeFailed, one.says)
		if strings.Contains(res.message, secret) {
			t.Errorf("%s", res.message)
		}
	}
	variable := "K6_KV_REDIS_URL=unix://:" + secret + "@" + socket
	for _, words := range [][]string{{"set", "redis:", "k", "1"}, {"exists", "redis:", "k"}} {
		command := f.command(words...)
		command.Env = append(command.Environ(), variable)
		if res := f.finish(command, ""); res.code != done || res.message != "" {
			t.Errorf("%q: %s", words, res.message)
		}
	}
	f.run("get", "a.kv", "k", "--name", "other").fails(storeFailed, "name is", "path")
}

// The tool has TLS where OpenSSL was found when it was built.
func TestServersThroughTLS(t *testing.T) {
	f := newFolder(t)
	a := redistest.New(t)
	url := "rediss://:" + secret + "@" + a.Front(redistest.Start(t, "--requirepass", secret), tls.NoClientCert)
	// There is no option for a file of certificates: OpenSSL takes this variable.
	command := func(words ...string) *exec.Cmd {
		command := f.command(words...)
		command.Env = append(command.Environ(), "SSL_CERT_FILE="+a.File("ca.pem"))
		return command
	}
	res := f.finish(command("set", url, "k", "-"), strings.Repeat("1", 1<<20))
	if strings.Contains(res.message, "built without TLS") {
		t.Skip("NOT RUN: this xkv was built without OpenSSL")
	}
	res.wants("")
	if got := f.finish(command("get", url, "k"), ""); got.out != strings.Repeat("1", 1<<20)+"\n" {
		t.Errorf("%d bytes came back, and: %s", len(got.out), got.message)
	}
	f.run("get", url, "k").fails(storeFailed, "cannot connect through TLS", "certificate")
	plain := redistest.Plain(t, redistest.Start(t))
	f.run("set", "rediss://"+plain, "k", "1", "--wait=1s").fails(storeFailed, "has not answered in TLS", "redis://")
	f.run("set", strings.Replace(url, "rediss", "redis", 1), "k", "1", "--wait=1s").fails(storeFailed, "begin with rediss://")
}
