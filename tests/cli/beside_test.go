package cli_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A script that has a store open, says so, and counts in it until it is interrupted.
const holder = `
	import { openKv } from "k6/x/kv";
	import { sleep } from "k6";
	export const options = {scenarios: {all: {executor: "constant-vus", vus: 2, duration: "10m"}}};
	const kv = openKv({disk: {durability: __ENV.DURABILITY}});
	let n = 0;
	export default async function () {
		await kv.set("vu:" + __VU + ":" + ++n, {n});
		if (n === 1) await kv.set("fixed", "value");
		if (n === 1) console.log("READY");
		sleep(0.002);
	}`

// startK6 runs the holder in a folder until the test ends, or it is stopped.
func (f folder) startK6(durability string) *exec.Cmd {
	f.t.Helper()
	home := f.t.TempDir()
	script := filepath.Join(home, "script.js")
	check(f.t, os.WriteFile(script, []byte(holder), 0o644))
	command := exec.Command(k6Binary, "run", "--quiet", "--no-color", "--address=", "-e", "DURABILITY="+durability, script)
	command.Dir = f.path
	command.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "K6_NO_USAGE_REPORT=true",
		"K6_AUTO_EXTENSION_RESOLUTION=false"}
	log, err := command.StderrPipe()
	check(f.t, err)
	check(f.t, command.Start())
	f.t.Cleanup(func() { _ = command.Process.Kill() })
	var said []string
	for lines := bufio.NewScanner(log); lines.Scan(); {
		said = append(said, lines.Text())
		if strings.Contains(lines.Text(), "READY") {
			go func() {
				for lines.Scan() {
				}
			}()
			return command
		}
	}
	f.t.Fatalf("k6 has not opened the store: %q", said)
	return nil
}

func stop(t *testing.T, k6 *exec.Cmd) {
	t.Helper()
	check(t, k6.Process.Signal(syscall.SIGINT))
	_ = k6.Wait()
}

// While k6 runs on a store it can be read, in any durability; who wants to write
// hears which process has it.
func TestBesideK6(t *testing.T) {
	for _, durability := range []string{"full", "relaxed", "none"} {
		t.Run(durability, func(t *testing.T) {
			f := newFolder(t)
			k6 := f.startK6(durability)
			f.run("get", "fixed").wants("\"value\"\n")
			f.run("exists", "fixed").wants("true\n")
			f.run("list", "--prefix", "fixed").wants("fixed\t\"value\"\n")
			f.run("keys", "--prefix", "fix").wants("fixed\n")
			f.run("random", "--prefix", "fix").wants("fixed\n")
			f.growing()
			process := "process " + strconv.Itoa(k6.Process.Pid)
			f.run("stat").has("entries", "prefixes       vu:", "written by     "+process+"\n")
			f.run("stat", "--json").has(`"writer":` + strconv.Itoa(k6.Process.Pid) + ",")
			for _, words := range [][]string{{"set", "k", "1"}, {"delete", "fixed"}} {
				res := f.run(words...)
				res.fails(storeFailed, ".k6.kv\" is open for writing in "+process, "--wait")
				if strings.Contains(res.message, "disk.") {
					t.Errorf("an option of scripts is named: %s", res.message)
				}
			}
			f.run("exists", "fixed").wants("true\n")
			stop(t, k6)
			f.run("set", "k", "1").wants("")
			f.run("stat", "--json").has(`"writer":null,`)
		})
	}
}

// growing sees the store grow, by count and by watch. On a busy machine k6 may write nothing
// for a while, so it looks until it does.
func (f folder) growing() {
	f.t.Helper()
	f.eventually(func() (bool, any) {
		var counts [2]int
		for i := range counts {
			var err error
			counts[i], err = strconv.Atoi(strings.TrimSpace(f.run("count", "--prefix", "vu:").out))
			check(f.t, err)
			time.Sleep(100 * time.Millisecond)
		}
		return counts[0] > 0 && counts[1] > counts[0], counts
	})
	f.eventually(func() (bool, any) {
		var looks []struct {
			Entries          int64
			EntriesPerSecond float64
			CommitsPerSecond float64
			PrefixesAbout    []struct{ Prefix string }
		}
		out := f.run("watch", "--count", "3", "--interval", "100ms").has().out
		check(f.t, json.Unmarshal([]byte("["+strings.ReplaceAll(strings.TrimSpace(out), "\n", ",")+"]"), &looks))
		return len(looks) == 3 && looks[2].Entries > looks[0].Entries && looks[1].EntriesPerSecond > 0 && looks[1].CommitsPerSecond > 0 &&
			len(looks[2].PrefixesAbout) == 1 && looks[2].PrefixesAbout[0].Prefix == "vu:", looks
	})
}

// eventually fails if what is looked at is not so within half a minute.
func (f folder) eventually(look func() (bool, any)) {
	f.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		fine, seen := look()
		if fine {
			return
		}
		if time.Now().After(end) {
			f.t.Errorf("%+v", seen)
			return
		}
	}
}

// --wait waits for the end of k6, says for whom, and gives up in time.
func TestWait(t *testing.T) {
	f := newFolder(t)
	k6 := f.startK6("none")
	start := time.Now()
	f.run("set", "k", "1", "--wait=1500ms").fails(storeFailed, "waited 1500 ms")
	if waited := time.Since(start); waited < 1500*time.Millisecond || waited > 30*time.Second {
		t.Errorf("waited %v", waited)
	}
	waiting := f.command("set", "k", "2", "--wait")
	stderr, err := waiting.StderrPipe()
	check(t, err)
	check(t, waiting.Start())
	messages := bufio.NewReader(stderr)
	said, err := messages.ReadString('\n')
	check(t, err)
	stop(t, k6)
	more, err := io.ReadAll(messages)
	check(t, err)
	check(t, waiting.Wait())
	notice := fmt.Sprintf("xkv: waiting for process %d, which has", k6.Process.Pid)
	if !strings.HasPrefix(said, notice) || !strings.Contains(said, "--wait") || len(more) > 0 {
		t.Errorf("%q, %q", said, more)
	}
	f.run("get", "k").wants("2\n")
}
