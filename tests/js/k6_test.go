package js_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// k6 exits with these; see its package errext/exitcodes.
const (
	exitOK              = 0
	exitExternalAbort   = 105
	exitScriptException = 107
	exitRejection       = 255 // of an async setup or teardown
)

// A process that takes longer hangs: it is made to print its goroutines.
const patience = 180 * time.Second

// options says how k6 is started. The zero value is fine.
type options struct {
	dir  string   // working directory; a new one if empty
	args []string // further arguments of k6 run
	env  []string // further environment: "NAME=value"
	uid  int      // the user, if not the one of the test
}

// entry is a line of k6's log.
type entry struct {
	Level, Msg, Source, Error string
}

// process is a k6 that runs.
type process struct {
	t        *testing.T
	cmd      *exec.Cmd
	dir      string
	stdout   bytes.Buffer
	stopping bool // the test sent a signal

	mu      sync.Mutex
	news    *sync.Cond // a line was read, or there are no more
	stderr  strings.Builder
	log     []entry
	reports map[string][]string
	ended   bool
}

// result is what a k6 left behind.
type result struct {
	t       *testing.T
	dir     string
	code    int
	signal  syscall.Signal // that ended it, 0 if none did
	log     []entry
	reports map[string][]string // what the script told, by id
	stdout  string
	stderr  string
	shown   bool
}

// mustRun runs a script that is expected to end well: no error, nothing logged
// as one.
func mustRun(t *testing.T, script string, o options) *result {
	t.Helper()
	res := run(t, script, o)
	res.wantCode(exitOK)
	for _, entry := range res.log {
		if entry.Level == "error" {
			t.Fatalf("k6 logged an error: %s", entry.Msg)
		}
	}
	return res
}

// run runs a script to its end.
func run(t *testing.T, script string, o options) *result {
	t.Helper()
	return start(t, script, o).wait()
}

// start starts k6 with a script, which finds lib.js beside itself.
func start(t *testing.T, script string, o options) *process {
	t.Helper()
	if o.dir == "" {
		o.dir = tempDir(t)
	}
	scripts := tempDir(t)
	lib, err := os.ReadFile("scripts/lib.js")
	check(t, err)
	writeFile(t, filepath.Join(scripts, "lib.js"), string(lib))
	writeFile(t, filepath.Join(scripts, "script.js"), script)

	p := &process{t: t, dir: o.dir, reports: make(map[string][]string)}
	p.news = sync.NewCond(&p.mu)
	p.cmd = command(o, scripts)
	p.cmd.Stdout = &p.stdout
	stderr, err := p.cmd.StderrPipe()
	check(t, err)
	check(t, p.cmd.Start())
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	go p.read(stderr)
	return p
}

// command is hermetic: no configuration, no network, no environment.
func command(o options, home string) *exec.Cmd {
	arguments := []string{
		"run", "--quiet", "--no-color", "--no-usage-report", "--log-format=json", "--address=",
	}
	arguments = append(arguments, o.args...)
	cmd := exec.Command(k6Binary, append(arguments, filepath.Join(home, "script.js"))...)
	cmd.Dir = o.dir
	cmd.Env = []string{
		"HOME=" + home, "XDG_CONFIG_HOME=" + home, "PATH=" + os.Getenv("PATH"),
		"K6_NO_USAGE_REPORT=true", "K6_AUTO_EXTENSION_RESOLUTION=false",
	}
	cmd.Env = append(cmd.Env, o.env...)
	if o.uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Credential: &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.uid)},
		}
	}
	return cmd
}

// read takes in the log line by line, so that a test can wait for one.
func (p *process) read(stderr io.Reader) {
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadString('\n')
		p.mu.Lock()
		p.take(line)
		p.ended = err != nil
		p.news.Broadcast()
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *process) take(line string) {
	p.stderr.WriteString(line)
	var e entry
	if json.Unmarshal([]byte(line), &e) != nil {
		return
	}
	p.log = append(p.log, e)
	if report, ok := strings.CutPrefix(e.Msg, "@@"); ok {
		id, text, _ := strings.Cut(report, "\t")
		p.reports[id] = append(p.reports[id], text)
	}
}

// awaitLog waits until k6 has logged what has is true for.
func (p *process) awaitLog(what string, has func() bool) {
	p.t.Helper()
	timer := time.AfterFunc(patience, p.abort)
	defer timer.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !has() && !p.ended {
		p.news.Wait()
	}
	if !has() {
		p.t.Fatalf("k6 ended before %s:\n%s", what, p.stderr.String())
	}
}

// await waits until the script has told something under id, count times.
func (p *process) await(id string, count int) {
	p.t.Helper()
	p.awaitLog(fmt.Sprintf("%d reports %q", count, id), func() bool { return len(p.reports[id]) >= count })
}

// awaitWarning waits until k6 has warned of something.
func (p *process) awaitWarning() {
	p.t.Helper()
	p.awaitLog("a warning", func() bool { return len(warnings(p.log)) > 0 })
}

func (p *process) abort() { _ = p.cmd.Process.Signal(syscall.SIGQUIT) }

// stop sends a signal. From now on it is no surprise that the process ends.
func (p *process) stop(signal syscall.Signal) {
	p.stopping = true
	check(p.t, p.cmd.Process.Signal(signal))
}

// wait waits for the end, and fails the test if the process died of itself.
func (p *process) wait() *result {
	p.t.Helper()
	timer := time.AfterFunc(patience, p.abort)
	defer timer.Stop()
	p.mu.Lock()
	for !p.ended {
		p.news.Wait()
	}
	p.mu.Unlock()
	_ = p.cmd.Wait() // its error only says what is looked at below

	status := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	res := &result{
		t: p.t, dir: p.dir, code: p.cmd.ProcessState.ExitCode(), log: p.log,
		reports: p.reports, stdout: p.stdout.String(), stderr: p.stderr.String(),
	}
	if status.Signaled() {
		res.signal = status.Signal()
	}
	res.wantAlive(p.stopping)
	return res
}

// wantAlive fails the test if Go or C broke down.
func (r *result) wantAlive(stopped bool) {
	r.t.Helper()
	if r.signal != 0 && !stopped {
		r.t.Fatalf("k6 died of signal %v:\n%s", r.signal, tail(r.stderr))
	}
	signs := []string{"panic:", "fatal error:", "SIGSEGV", "SIGBUS", "SIGABRT", "SIGQUIT"}
	for _, sign := range signs {
		if at := strings.Index(r.stderr, sign); at >= 0 {
			r.t.Fatalf("k6 broke down:\n%s", head(r.stderr[at:]))
		}
	}
}

func (r *result) wantCode(codes ...int) {
	r.t.Helper()
	if !slices.Contains(codes, r.code) {
		r.t.Fatalf("exit code %d, want %d:\n%s", r.code, codes, tail(r.stderr))
	}
}

// one is what the script told under id. Code in the init context runs several
// times, so it may have been told repeatedly; but then always the same.
func (r *result) one(id string) string {
	r.t.Helper()
	reports := slices.Compact(slices.Clone(r.reports[id]))
	if len(reports) != 1 {
		r.t.Errorf("%q was told %d times: %q", id, len(reports), reports)
		r.showLog()
		return "?"
	}
	return reports[0]
}

// want compares what was told under id.
func (r *result) want(id, want string) {
	r.t.Helper()
	if problem := mismatch(want, r.one(id)); problem != "" {
		r.t.Errorf("%s: %s", id, problem)
	}
}

// warnings are all that k6 has warned of.
func (r *result) warnings() []string { return warnings(r.log) }

func warnings(log []entry) (messages []string) {
	for _, entry := range log {
		if entry.Level == "warning" {
			messages = append(messages, entry.Msg)
		}
	}
	return messages
}

// wantLog fails unless k6 logged an entry of this level with all the words.
func (r *result) wantLog(level string, words ...string) {
	r.t.Helper()
	for _, entry := range r.log {
		missing := func(word string) bool { return !strings.Contains(entry.Msg+entry.Error, word) }
		if entry.Level == level && !slices.ContainsFunc(words, missing) {
			return
		}
	}
	r.t.Errorf("nothing of level %q with %q in the log", level, words)
	r.showLog()
}

// showLog prints the log, but only once.
func (r *result) showLog() {
	r.t.Helper()
	if !r.shown {
		r.t.Logf("the log of k6:\n%s", tail(r.stderr))
	}
	r.shown = true
}

// As much of a text is shown.
const shownText = 4000

func head(text string) string { return text[:min(len(text), shownText)] }

func tail(text string) string { return text[max(0, len(text)-shownText):] }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tempDir is like t.TempDir, but other users may look into it.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "k6-test-")
	check(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	check(t, os.Chmod(dir, 0o755))
	return dir
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	check(t, os.WriteFile(path, []byte(content), 0o644))
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	check(t, err)
	return data
}
