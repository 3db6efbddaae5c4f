// Package cli_test runs the tool xkv, beside a running k6 too, and looks at what it
// prints and how it ends.
//
// XKV_BINARY and K6_BINARY are the absolute paths of the two; without them they are
// built.
package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var xkvBinary, k6Binary string

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	var err error
	xkvBinary, err = provide("XKV_BINARY", "build/xkv", "xkv")
	if err == nil {
		k6Binary, err = provide("K6_BINARY", "k6", "k6")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "nothing to test:", err)
		return 1
	}
	return m.Run()
}

// provide gives the path of a program: the one of a variable, else it is made.
func provide(variable, path, target string) (string, error) {
	if given := os.Getenv(variable); given != "" {
		return given, nil
	}
	made := exec.Command("make", "--no-print-directory", "-C", "../..", target)
	made.Stdout, made.Stderr = os.Stderr, os.Stderr
	if err := made.Run(); err != nil {
		return "", err
	}
	return filepath.Abs(filepath.Join("../..", path))
}
