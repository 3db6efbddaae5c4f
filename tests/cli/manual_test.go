package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func manual(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/TOOL.md")
	check(t, err)
	return string(text)
}

// The table in docs/TOOL.md is the one that the tool makes of its commands.
func TestManualHasAllCommands(t *testing.T) {
	f := newFolder(t)
	table := f.run("--generate", "markdown").has().out
	if !strings.Contains(manual(t), table) {
		t.Errorf("docs/TOOL.md must have the table that xkv --generate markdown prints:\n%s", table)
	}
}

// The examples of docs/TOOL.md do what they should, one after the other.
func TestManualExamples(t *testing.T) {
	f := newFolder(t)
	f.write("users.csv", "email,name\nann@example.com,Ann\nbob@example.com,Bob\n")
	f.fill("old.kv", 3)
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(manual(t), -1)
	script := `set -eu; xkv() { "$XKV" "$@"; }` + "\n"
	for _, block := range blocks {
		if strings.HasPrefix(block[1], "xkv") {
			script += block[1]
		}
	}
	if count := strings.Count(script, "\nxkv "); count < 20 {
		t.Errorf("%d examples", count)
	}
	command := exec.Command("bash", "-c", script)
	command.Dir, command.Env = f.path, append(command.Environ(), "XKV="+xkvBinary)
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	for _, name := range []string{"saved.kv", "out.csv", "users.jsonl", "new.kv"} {
		if _, err := os.Stat(filepath.Join(f.path, name)); err != nil {
			t.Error(err)
		}
	}
	f.run("count", "new.kv").wants("3\n")
}
