//go:build !linux

package js_test

import "testing"

func mountTmpfs(t *testing.T, _ string) string {
	t.Helper()
	t.Skip("small file systems are made on Linux only")
	return ""
}

func remountReadOnly(*testing.T, string) {}
