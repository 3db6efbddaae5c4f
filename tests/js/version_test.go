package js_test

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A k6 that was built from a checkout knows the version of its extension.
func TestVersion(t *testing.T) {
	t.Parallel()
	output, err := exec.Command(k6Binary, "version").CombinedOutput()
	check(t, err)
	if !regexp.MustCompile(`/xk6-kv/kv v\d+\.\d+\.\d+(\+[0-9a-z-]+)?, k6/x/kv \[js\]`).Match(output) {
		t.Errorf("k6 version: %s", output)
	}
}

// So it is good enough for scripts that ask for one, and k6 need not look for another
// binary, as it does by default.
func TestScriptsThatAskForAVersion(t *testing.T) {
	t.Parallel()
	const script = `import { openKv } from "k6/x/kv";
		const kv = openKv({backend: "memory"});
		export default async function () { console.log("size " + await kv.size()); }`
	for _, pragma := range []string{``, `"use k6 with k6/x/kv";`, `"use k6 with k6/x/kv >= 0.1";`} {
		dir := tempDir(t)
		writeFile(t, dir+"/script.js", pragma+"\n"+script)
		cmd := exec.Command(k6Binary, "run", "--address=", "--no-usage-report", "script.js")
		cmd.Dir = dir
		cmd.Env = slices.DeleteFunc(command(options{}, dir).Env, func(variable string) bool {
			return strings.HasPrefix(variable, "K6_AUTO_EXTENSION_RESOLUTION")
		})
		output, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(output), "size 0") || strings.Contains(string(output), "provision") {
			t.Errorf("%s: %v\n%s", pragma, err, output)
		}
	}
}
