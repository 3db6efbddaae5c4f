package js_test

// Stores on a server, which scripts/servers.sh starts on a free port and ends.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is one that runs as long as its test, or all those of a cluster.
type server struct {
	url   string
	ports []string
	pid   int // of the first
}

// startServer starts servers of a kind that scripts/servers.sh knows; where they cannot be had
// the test is skipped, which its log tells.
func startServer(t *testing.T, kind string) server {
	t.Helper()
	cmd := exec.Command("../../scripts/servers.sh", "run", kind, "--", "sh", "-c",
		`echo "$XKV_REDIS_URL|$XKV_SERVER_PORTS|${XKV_SERVER_PIDS%% *}"; exec sleep 600`)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it ends what it has started
		_, _ = io.Copy(io.Discard, stdout)
		_ = cmd.Wait()
	})
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	if strings.Contains(line, "not run") {
		t.Skip(line)
	}
	parts := strings.Split(strings.TrimSpace(line), "|")
	if len(parts) != 3 {
		t.Fatalf("no server: %q", line)
	}
	pid, err := strconv.Atoi(parts[2])
	check(t, err)
	return server{parts[0], strings.Fields(parts[1]), pid}
}

// ask has a server carry out one that answers with one line.
func ask(t *testing.T, port, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	check(t, err)
	defer conn.Close()
	check(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = fmt.Fprintf(conn, "%s\r\n", text)
	check(t, err)
	answer, err := bufio.NewReader(conn).ReadString('\n')
	check(t, err)
	return strings.TrimSpace(answer)
}

// keys is how many all of them have.
func (s server) keys(t *testing.T) (sum int) {
	t.Helper()
	for _, port := range s.ports {
		count, err := strconv.Atoi(strings.TrimPrefix(ask(t, port, "DBSIZE"), ":"))
		check(t, err)
		sum += count
	}
	return sum
}

func (s server) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	check(t, syscall.Kill(s.pid, signal))
}

func example(t *testing.T, name string) string {
	t.Helper()
	return string(readFile(t, filepath.Join("../../examples", name)))
}

// Processes that share a store use each account once, and number orders without a gap.
func TestManyProcesses(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"redis", "valkey", "cluster"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			runManyProcesses(t, startServer(t, kind))
		})
	}
}

func runManyProcesses(t *testing.T, server server) {
	t.Helper()
	const processes, accounts = 3, 3 * 40
	dir := tempDir(t)
	var running []*process
	for range processes {
		running = append(running, start(t, example(t, "many-processes.js"), options{
			dir:  dir,
			args: []string{"-e", "RESULTS=used.jsonl", "-e", "PROCESSES=" + strconv.Itoa(processes)},
			env:  []string{"K6_KV_REDIS_URL=" + server.url},
		}))
	}
	for _, p := range running {
		p.wait().wantCode(exitOK)
	}
	wantUsed(t, filepath.Join(dir, "used.jsonl"), processes, accounts)
	if left := server.keys(t); left != 3 { // what says which store it is, and the last token
		t.Errorf("the last process has left %d keys", left)
	}
}

// wantUsed looks at who has used which account.
func wantUsed(t *testing.T, path string, processes, accounts int) {
	t.Helper()
	accountsUsed, perProcess := 0, make(map[string]int)
	for line := range bytes.Lines(readFile(t, path)) {
		var used struct {
			Key   string
			Value struct{ By string }
		}
		check(t, json.Unmarshal(line, &used))
		accountsUsed++
		process, _, _ := strings.Cut(used.Value.By, ",")
		perProcess[process]++
	}
	for n := 1; n <= processes; n++ {
		if got := perProcess[fmt.Sprintf("process %d", n)]; got != accounts/processes {
			t.Errorf("process %d used %d accounts, not %d", n, got, accounts/processes)
		}
	}
	if accountsUsed != accounts { // one that two have used is there once
		t.Errorf("%d accounts were used, not %d", accountsUsed, accounts)
	}
}

// Whoever begins to seed and is killed does not keep the others from it.
func TestSeedAfterOneThatWasKilled(t *testing.T) {
	t.Parallel()
	server := startServer(t, "redis")
	env := []string{"K6_KV_REDIS_URL=" + server.url}
	first := start(t, imports+`
		export const options = {setupTimeout: "10m"};
		const kv = openKv({backend: "redis", name: "many-processes 1"});
		export async function setup() {
			await kv.set("seed", {done: false});
			await kv.claimKey("seed", {ttl: "2s"});
			await kv.setMany({"account:1": {user: "user1"}, "account:2": {user: "user2"}});
			tell("half done", "");
			await kv.popRandom({prefix: "nothing", timeout: "5m"});
		}
		export default function () {}`, options{env: env})
	first.await("half done", 1)
	first.stop(syscall.SIGKILL)
	first.wait()
	res := mustRun(t, example(t, "many-processes.js"), options{env: env, args: []string{"-e", "PROCESSES=1"}})
	res.wantLog("info", "40 accounts were used by 1 processes, 10 e-mails sent")
}

// What k6 tells about the traffic of a store on a server.
func TestTrafficMetrics(t *testing.T) {
	t.Parallel()
	server, dir := startServer(t, "redis"), tempDir(t)
	path := filepath.Join(dir, "metrics.json")
	p := start(t, imports+`
		import { sleep } from "k6";
		export const options = {vus: 1, iterations: 1};
		const kv = openKv({backend: "redis", redis: {timeout: "1s"}});
		const lost = async (name) => {
			for (let i = 0; i < 600; i++) {
				try { await kv.set("k", 1); } catch (err) { if (err.name === name) return; }
				sleep(0.05);
			}
		};
		export default async function () {
			await kv.set("k", 1);
			tell("ready", "");
			await lost("OutcomeUnknownError");
			tell("unknown", "");
			for (let i = 0; i < 40; i++) {
				await kv.set("k", 2).catch(() => {});
				sleep(0.1);
			}
		}`, options{dir: dir, env: []string{"K6_KV_REDIS_URL=" + server.url}, args: []string{"--out=json=" + path}})
	p.await("ready", 1)
	server.signal(t, syscall.SIGSTOP)
	t.Cleanup(func() { server.signal(t, syscall.SIGCONT) })
	p.await("unknown", 1)
	server.signal(t, syscall.SIGCONT)
	ask(t, server.ports[0], "CLIENT KILL TYPE normal SKIPME yes")
	p.wait().wantCode(exitOK)

	all := readSamples(t, path)
	for name, kind := range map[string]string{
		"round_trip": "trend time", "requests_in_flight": "gauge default",
		"reconnects_total": "counter default", "outcomes_unknown_total": "counter default",
	} {
		if all.kinds[name] != kind || len(all.points[name]) == 0 {
			t.Errorf("%s: %q, %d samples", name, all.kinds[name], len(all.points[name]))
		}
		for _, point := range all.points[name] {
			if point.Value < 0 || point.Tags["backend"] != "redis" {
				t.Errorf("%s: %+v", name, point)
			}
		}
	}
	for _, name := range []string{"reconnects_total", "outcomes_unknown_total"} {
		if got := all.counts(name)[""]; got < 1 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The rights that MACHINES.md gives a user are enough, and it needs a password.
func TestUserOfTheGuide(t *testing.T) {
	t.Parallel()
	server := startServer(t, "redis")
	page := string(readFile(t, "../../docs/MACHINES.md"))
	_, line, _ := strings.Cut(page, "\nACL SETUSER ")
	line, _, _ = strings.Cut(line, "\n")
	if answer := ask(t, server.ports[0], "ACL SETUSER "+line); answer != "+OK" {
		t.Fatalf("the server said %q", answer)
	}
	url := func(user string) []string {
		return []string{"K6_KV_REDIS_URL=redis://" + user + "@127.0.0.1:" + server.ports[0]}
	}
	one := []string{"-e", "PROCESSES=1"}
	mustRun(t, example(t, "many-processes.js"), options{env: url("k6:s3cr3t"), args: one})
	res := run(t, example(t, "many-processes.js"), options{env: url("k6:wrong"), args: one})
	res.wantCode(exitScriptException)
	if strings.Contains(res.stderr+res.stdout, "wrong") {
		t.Errorf("the password is in what k6 says: %s", res.stderr)
	}
}
