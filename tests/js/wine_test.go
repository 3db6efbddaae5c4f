package js_test

import (
	"io/fs"
	"os"
	"strconv"
	"testing"
)

// inWine is whether the k6 is one for Windows, which wine runs (scripts/windows.sh). It sees our
// files, and takes a SIGINT for Ctrl-C.
var inWine = os.Getenv("K6_IN_WINE") != ""

// wantPrivate checks that nobody but its owner may do anything with a file. Wine makes the mode from
// a list of rights, in which the groups of the owner have as many.
func wantPrivate(t *testing.T, path string) {
	t.Helper()
	info, err := os.Lstat(path)
	check(t, err)
	private := info.Mode() == 0o600
	if inWine {
		private = info.Mode()&(0o022|0o007|fs.ModeType) == 0
	}
	if !private {
		t.Errorf("%s has mode %v", path, info.Mode())
	}
}

// processName is what messages say of a process. In wine it has another number.
func processName(p *process) string {
	if inWine {
		return "process "
	}
	return "process " + strconv.Itoa(p.cmd.Process.Pid)
}
