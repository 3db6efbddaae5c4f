// Package js_test runs scripts with a k6 that has the module compiled in, and
// looks at what they report, at k6's log and at how the process ended.
//
// K6_BINARY is the absolute path of that k6; without it one is built.
package js_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// k6Binary lies in a directory that every user may read, since some tests run
// k6 as another user.
var k6Binary string

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "k6-tests-")
	if err == nil {
		defer os.RemoveAll(dir)
		k6Binary = filepath.Join(dir, "k6")
		err = provideBinary(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "no k6 to test:", err)
		return 1
	}
	return m.Run()
}

func provideBinary(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	given := os.Getenv("K6_BINARY")
	if given == "" {
		return buildBinary()
	}
	data, err := os.ReadFile(given)
	if err != nil {
		return err
	}
	return os.WriteFile(k6Binary, data, 0o755)
}

func buildBinary() error {
	build := exec.Command("go", "build", "-o", k6Binary, "../../cmd/k6")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	return build.Run()
}
