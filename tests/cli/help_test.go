package cli_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// commands asks the tool which commands it has.
func (f folder) commands() []string {
	f.t.Helper()
	var names []string
	for _, found := range regexp.MustCompile(`(?m)^  ([a-z]+) `).FindAllStringSubmatch(f.run("--help").out, -1) {
		names = append(names, found[1])
	}
	if len(names) < 9 {
		f.t.Fatalf("commands: %q", names)
	}
	return names
}

func TestHelp(t *testing.T) {
	f := newFolder(t)
	for _, name := range f.commands() {
		for _, words := range [][]string{{name, "--help"}, {"help", name}, {name, "a", "-h"}} {
			f.run(words...).has("usage: xkv "+name, "examples:\n  xkv "+name+" ")
		}
	}
	f.run("-h").has("commands:", ".k6.kv")
	f.run("help", "lisst").fails(badUsage, `"lisst"`)
}

// Where nothing is known of a terminal, lines have 80 columns.
func TestHelpFits(t *testing.T) {
	f := newFolder(t)
	for _, name := range append(f.commands(), "help") {
		for _, line := range strings.Split(f.run(name, "--help").out, "\n") {
			if len([]rune(line)) > 80 {
				t.Errorf("%s: %d columns: %s", name, len(line), line)
			}
		}
	}
}

// Every example is a command line that is understood.
func TestExamplesAreUnderstood(t *testing.T) {
	f := newFolder(t)
	examples := regexp.MustCompile(`(?m)^  (xkv .*)$`)
	f.run("set", "accounts.kv", "user:1", `{"email":"x"}`).wants("")
	count := 0
	for _, name := range f.commands() {
		for _, found := range examples.FindAllStringSubmatch(f.run(name, "--help").out, -1) {
			line := found[1]
			if strings.Contains(line, "watch") {
				continue
			}
			script := `xkv() { "$XKV" "$@"; }; jq() { cat; }; echo text >index.html; ` + line
			command := exec.Command("bash", "-c", script)
			command.Dir, command.Env = f.path, append(command.Environ(), "XKV="+xkvBinary)
			if out, _ := command.CombinedOutput(); strings.Contains(string(out), "usage:") {
				t.Errorf("%s: %s", line, out)
			}
			count++
		}
	}
	if count < 12 {
		t.Errorf("%d examples", count)
	}
}

func TestVersion(t *testing.T) {
	f := newFolder(t)
	if out := f.run("--version").has().out; !regexp.MustCompile(`^xkv \d+\.\d+\.\d+\n$`).MatchString(out) {
		t.Errorf("%q", out)
	}
}

func TestWrongCommandLines(t *testing.T) {
	f := newFolder(t)
	rows := []struct {
		words    string
		messages []string
	}{
		{"", []string{"a command is missing", "xkv --help"}},
		{"lst", []string{`"lst"`, `did you mean "list"`}},
		{"frobnicate", []string{`"frobnicate"`, "xkv --help"}},
		{"list --prefx=a", []string{"no option --prefx", "did you mean --prefix", "usage: xkv list"}},
		{"list -x", []string{"no option -x"}},
		{"list --prefix", []string{"--prefix needs a value: --prefix P"}},
		{"list --json=1", []string{"--json takes no value"}},
		{"get k --limit 1", []string{"get takes no option --limit"}},
		{"delete k --wait=soon", []string{"--wait must be a duration such as", `"soon"`}},
		{"delete k --wait=30", []string{"--wait must be a duration such as", `"30"`}},
		{"delete k --wait=25h", []string{"at most a day"}},
		{"random -n", []string{"--number needs a value"}},
		{"random -n0", []string{"--number must be a whole number"}},
		{"--generate", []string{"man, bash, zsh or markdown"}},
	}
	for _, row := range rows {
		f.run(strings.Fields(row.words)...).fails(badUsage, row.messages...)
	}
}
