package cli_test

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// What xkv ends with.
const (
	done        = 0
	notFound    = 1
	badUsage    = 2
	storeFailed = 3
)

// A folder in which xkv is run.
type folder struct {
	t    *testing.T
	path string
}

func newFolder(t *testing.T) folder {
	t.Helper()
	t.Parallel()
	return folder{t, t.TempDir()}
}

// What a run of xkv has printed, and what it ended with.
type result struct {
	t            *testing.T
	words        []string
	out, message string
	code         int
}

func (f folder) command(words ...string) *exec.Cmd {
	command := exec.Command(xkvBinary, words...)
	command.Dir = f.path
	return command
}

func (f folder) finish(command *exec.Cmd, input string) result {
	f.t.Helper()
	var out, message bytes.Buffer
	command.Stdin = strings.NewReader(input)
	command.Stdout, command.Stderr = &out, &message
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.t.Fatal(err)
	}
	return result{f.t, command.Args[1:], out.String(), message.String(), command.ProcessState.ExitCode()}
}

// run runs xkv without input.
func (f folder) run(words ...string) result {
	f.t.Helper()
	return f.finish(f.command(words...), "")
}

// wants compares all of what was printed, and that there was no message.
func (r result) wants(out string) {
	r.t.Helper()
	if r.code != done || r.out != out || r.message != "" {
		r.t.Errorf("xkv %q ended with %d and printed %q, not %q; it said: %s", r.words, r.code, r.out, out, r.message)
	}
}

// fails looks for words in the message of a run that failed and printed nothing.
func (r result) fails(code int, words ...string) {
	r.t.Helper()
	if r.code != code || r.out != "" || !strings.HasPrefix(r.message, "xkv: ") {
		r.t.Errorf("xkv %q ended with %d, not %d, and printed %q; it said: %s", r.words, r.code, code, r.out, r.message)
	}
	for _, word := range words {
		if !strings.Contains(r.message, word) {
			r.t.Errorf("xkv %q said %q, which has no %q in it", r.words, r.message, word)
		}
	}
}

// has looks for words in what was printed by a run that did what it should.
func (r result) has(words ...string) result {
	r.t.Helper()
	if r.code != done || r.message != "" {
		r.t.Errorf("xkv %q ended with %d; it said: %s", r.words, r.code, r.message)
	}
	for _, word := range words {
		if !strings.Contains(r.out, word) {
			r.t.Errorf("xkv %q printed %q, which has no %q in it", r.words, r.out, word)
		}
	}
	return r
}
