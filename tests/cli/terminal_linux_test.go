package cli_test

import (
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// What could do harm to a terminal is shown as JSON would have it.
func TestEscapesOnATerminal(t *testing.T) {
	f := newFolder(t)
	f.run("set", "s.kv", "esc\x1b[31m", "--serialization", "string", "tab\tline\nbell\a c1\u009b é\u202e").wants("")
	f.finish(f.command("set", "b.kv", "k", "--serialization", "binary", "-"), "\x00\xff\xc3\xa9\xed\xa0\x80\n").wants("")
	f.run("set", "j.kv", "k", "[\n\"\u007f\"]").wants("")
	rows := []struct{ words, out string }{
		{"list s.kv", `esc\u001b[31m` + "\t" + `tab\tline\nbell\u0007 c1\u009b é\u202e` + "\r\n"},
		{"keys s.kv", `esc\u001b[31m` + "\r\n"},
		{"random s.kv", `esc\u001b[31m` + "\r\n"},
		{"list s.kv --csv", "key,value\r\r\n" + `esc\u001b[31m,"tab\tline\nbell\u0007 c1\u009b é\u202e"` + "\r\r\n"},
		{"list s.kv --jsonl", `{"key":"esc\u001b[31m","value":"tab\tline\nbell\u0007 c1\u009b é\u202e"}` + "\r\n"},
		{"get b.kv k", `\u0000\xff` + "é" + `\xed\xa0\x80` + "\r\n\r\n"},
		{"get j.kv k", "[\r\n\"" + `\u007f` + "\"]\r\n"},
		{"list j.kv --jsonl", `{"key":"k","value":[ "\u007f"]}` + "\r\n"},
	}
	for _, row := range rows {
		// The terminal makes CR LF of LF, and eight spaces of no tab.
		if out := f.inTerminal(80, 24, strings.Fields(row.words)...).wait(done); out != row.out {
			t.Errorf("%s: %q, not %q", row.words, out, row.out)
		}
	}
	out := f.inTerminal(80, 24, "get", "s.kv", "esc\x1b[31m").wait(done)
	if out != "tab\tline\r\n"+`bell\u0007 c1\u009b é\u202e`+"\r\n" {
		t.Errorf("%q", out)
	}
	out = f.inTerminal(80, 24, "delete", "s.kv", "no\x1b").wait(notFound)
	if !strings.Contains(out, `"no\u001b" does not exist`) {
		t.Errorf("%q", out)
	}
}

// Lines of help are as long as the terminal is wide, up to what reads well.
func TestHelpInATerminal(t *testing.T) {
	f := newFolder(t)
	for _, columns := range []uint16{50, 80, 200} {
		longest := 0
		for _, name := range f.commands() {
			for _, line := range strings.Split(f.inTerminal(columns, 24, name, "--help").wait(done), "\r\n") {
				if strings.HasPrefix(line, "usage:") || strings.HasPrefix(line, "  xkv") {
					continue // these are to be copied
				}
				longest = max(longest, len([]rune(line)))
			}
		}
		if most := min(int(columns), 90); longest > most || longest < most-15 {
			t.Errorf("in %d columns the longest line has %d", columns, longest)
		}
	}
}

const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
)

// watch draws over what it has drawn, sees what another process writes, and leaves
// the terminal as it was.
func TestWatchInATerminal(t *testing.T) {
	f := newFolder(t)
	f.fill("a.kv", 20)
	run := f.inTerminal(60, 24, "watch", "a.kv", "--interval", "20ms")
	run.await("entries             20", 2)
	f.run("set", "a.kv", "one\x1bmore", "1").wants("")
	run.await("entries             21", 1)
	run.await("/s\x1b[K", 4)
	check(t, run.command.Process.Signal(syscall.SIGINT))
	out := run.wait(done)
	if !strings.HasPrefix(out, hideCursor) || !strings.HasSuffix(out, showCursor) {
		t.Errorf("the cursor is not hidden, and shown again: %q", out)
	}
	screen := newScreen(60, 24)
	screen.print(out)
	lines := screen.lines()
	if len(lines) < 5 || !strings.HasSuffix(lines[0], "a.kv   json") || !strings.HasPrefix(lines[1], "entries             21") ||
		!strings.HasPrefix(lines[2], "size") || !strings.Contains(strings.Join(lines, "\n"), "   key:") {
		t.Errorf("what is on the screen at the end: %q", lines)
	}
}

// A view that has no room is cut off, and still drawn over itself.
func TestWatchInASmallTerminal(t *testing.T) {
	f := newFolder(t)
	for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
		f.run("set", "a.kv", key+strings.Repeat("x", 100)+":1", "1").wants("")
		f.run("set", "a.kv", key+strings.Repeat("x", 100)+":2", "1").wants("")
	}
	out := f.inTerminal(30, 6, "watch", "a.kv", "--interval", "5ms", "--count", "4").wait(done)
	screen := newScreen(30, 6)
	screen.print(out)
	if lines := screen.lines(); len(lines) != 5 || screen.scrolled > 0 || !strings.HasPrefix(lines[1], "entries             12") {
		t.Errorf("%d lines scrolled away, and then there is: %q", screen.scrolled, lines)
	}
}

// What goes wrong meanwhile leaves no terminal without a cursor.
func TestWatchEndsWell(t *testing.T) {
	f := newFolder(t)
	f.fill("a.kv", 1)
	run := f.inTerminal(80, 24, "watch", "a.kv")
	run.await("entries", 1)
	check(t, run.command.Process.Signal(syscall.SIGTERM))
	if out := run.wait(done); !strings.HasSuffix(out, showCursor) {
		t.Errorf("%q", out)
	}
	if out := f.inTerminal(80, 24, "watch", "no.kv").wait(storeFailed); strings.Contains(out, hideCursor) {
		t.Errorf("%q", out)
	}
}

// Long work shows how far it is, and leaves nothing of that behind; short work, and
// work that nobody looks at, show nothing.
func TestProgress(t *testing.T) {
	f := newFolder(t)
	f.write("big.jsonl", bigJSONL(60<<20))
	run := f.inTerminal(80, 24, "import", "a.kv", "big.jsonl")
	out := run.wait(done)
	lines := regexp.MustCompile(`\rbig\.jsonl  \[(#*-*)\]( .*?)\x1b`)
	plain := strings.ReplaceAll(out, "\x1b[?7l", "")
	shown := lines.FindAllStringSubmatch(plain, -1)
	if len(shown) == 0 {
		t.Fatalf("no progress: %q", out)
	}
	for _, line := range shown {
		if !regexp.MustCompile(`^  +\d+ %  [\d.]+ [kMG]?B/s  \d+:\d\d left$`).MatchString(line[2]) ||
			len(line[1]) < 8 || len(line[0]) > 81 {
			t.Errorf("%q", line)
		}
	}
	first, last := strings.Count(shown[0][1], "#"), strings.Count(shown[len(shown)-1][1], "#")
	if len(shown) > 1 && last <= first {
		t.Errorf("it does not grow: from %d to %d", first, last)
	}
	screen := newScreen(80, 24)
	screen.print(out)
	if got := screen.lines(); len(got) != 1 || !regexp.MustCompile(`^\d+ entries imported from big.jsonl, 62.9 MB$`).MatchString(got[0]) {
		t.Errorf("what is left on the screen: %q", got)
	}
	if out := f.inTerminal(80, 24, "import", "a.kv", "big.jsonl", "--limit", "1").wait(done); strings.Contains(out, "\x1b") {
		t.Errorf("%q", out)
	}
	f.run("import", "b.kv", "big.jsonl").has("imported")
	out = f.inTerminal(80, 24, "import", "c.kv", "a.kv").wait(done)
	if !regexp.MustCompile(`\ra\.kv  \d+ entries  [\d.]+ MB  [\d.]+ [kM]B/s\x1b`).MatchString(strings.ReplaceAll(out, "\x1b[?7l", "")) {
		t.Errorf("no progress: %q", out)
	}
}

// bigJSONL makes lines of entries, so many bytes or a few more.
func bigJSONL(size int) string {
	var lines strings.Builder
	for i := 0; lines.Len() < size; i++ {
		fmt.Fprintf(&lines, "{\"key\":\"user:%08d\",\"value\":%q}\n", i, strings.Repeat("x", 200))
	}
	return lines.String()
}
