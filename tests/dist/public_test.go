// Package dist_test checks what the project's public site reads: workflows, templates, and that
// the commands in them are there.
package dist_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const root = "../.."

type node = map[string]any

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func parse(t *testing.T, name string) node {
	t.Helper()
	var document node
	if err := yaml.Unmarshal([]byte(read(t, name)), &document); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return document
}

// found are the project's files of a pattern, of which there must be some.
func found(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: no file (%v)", pattern, err)
	}
	for i, path := range paths {
		paths[i], _ = filepath.Rel(root, path)
	}
	return paths
}

// missing are the make targets and scripts that a command names and the project lacks.
func missing(t *testing.T, command string) []string {
	t.Helper()
	makefile := read(t, "Makefile")
	var lacks []string
	for _, call := range regexp.MustCompile(`(?m)(?:^|[;&|({]\s*)make ([^;&|\n]*)`).FindAllStringSubmatch(command, -1) {
		for _, word := range strings.Fields(call[1]) {
			target := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(word) + `:`)
			if !strings.ContainsAny(word, "=-") && !target.MatchString(makefile) ||
				strings.HasPrefix(word, "test-") && !target.MatchString(makefile) {
				lacks = append(lacks, "make "+word)
			}
		}
	}
	for _, script := range regexp.MustCompile(`\b(?:scripts|tests)/[\w/.-]+\.sh\b`).FindAllString(command, -1) {
		if info, err := os.Stat(filepath.Join(root, script)); err != nil || info.Mode()&0o111 == 0 {
			lacks = append(lacks, script)
		}
	}
	for _, call := range regexp.MustCompile(`scripts/check\.sh (\w+)`).FindAllStringSubmatch(command, -1) {
		if !strings.Contains(read(t, "scripts/check.sh"), "\n"+call[1]+"() {") {
			lacks = append(lacks, call[0])
		}
	}
	return lacks
}

// faults are what a workflow must not have.
func faults(t *testing.T, text string) []string {
	t.Helper()
	var said []string
	var flow node
	if err := yaml.Unmarshal([]byte(text), &flow); err != nil {
		return []string{err.Error()}
	}
	rights, has := flow["permissions"].(node)
	if !has {
		said = append(said, "no permissions of its own")
	}
	for what, right := range rights {
		if right != "read" {
			said = append(said, "all of it may "+right.(string)+" "+what)
		}
	}
	if strings.Contains(text, "secrets.") || strings.Contains(text, "secrets:") {
		said = append(said, "a secret")
	}
	jobs, _ := flow["jobs"].(node)
	if len(jobs) == 0 {
		said = append(said, "no job")
	}
	for name, job := range jobs {
		said = append(said, faultsOfJob(t, name, job.(node))...)
	}
	return said
}

var (
	pinned = regexp.MustCompile(`^[\w./-]+@[0-9a-f]{40}$`)
	// What others choose, such as the name of a branch, is a program when it stands in one.
	inserted = regexp.MustCompile(`\$\{\{`)
)

func faultsOfJob(t *testing.T, name string, job node) []string {
	t.Helper()
	var said []string
	if uses, is := job["uses"].(string); is && !strings.HasPrefix(uses, "./.github/workflows/") {
		said = append(said, name+": "+uses)
	}
	steps, _ := job["steps"].([]any)
	if len(steps) == 0 && job["uses"] == nil {
		said = append(said, name+": no step")
	}
	if len(steps) > 0 && job["timeout-minutes"] == nil {
		said = append(said, name+": may hang for hours")
	}
	for _, step := range steps {
		if uses, is := step.(node)["uses"].(string); is && !pinned.MatchString(uses) {
			said = append(said, name+": not pinned: "+uses)
		}
		if run, is := step.(node)["run"].(string); is {
			if inserted.MatchString(run) {
				said = append(said, name+": text of others in a command: "+run)
			}
			for _, lack := range missing(t, run) {
				said = append(said, name+": there is no "+lack)
			}
		}
	}
	return said
}

func TestWorkflows(t *testing.T) {
	t.Parallel()
	for _, name := range found(t, ".github/workflows/*.yml") {
		for _, fault := range faults(t, read(t, name)) {
			t.Errorf("%s: %s", name, fault)
		}
	}
	writes := 0
	for _, job := range parse(t, ".github/workflows/release.yml")["jobs"].(node) {
		rights, has := job.(node)["permissions"].(node)
		if !has {
			t.Error("a job of release.yml has the permissions of all")
		}
		for _, right := range rights {
			if right == "write" {
				writes++
			}
		}
	}
	if writes != 1 {
		t.Errorf("%d jobs may write, not only the one that attaches the archives", writes)
	}
}

// The checks find what is planted.
func TestWorkflowsPlanted(t *testing.T) {
	t.Parallel()
	good := read(t, ".github/workflows/ci.yml")
	for _, planted := range []struct{ what, from, to string }{
		{"there is no make toast", "run: make test", "run: make toast"},
		{"there is no tests/exempels.sh", "tests/examples.sh", "tests/exempels.sh"},
		{"not pinned", "checkout@11bd71901bbe5b1630ceea73d27597364c9af683", "checkout@v4"},
		{"may write contents", "contents: read", "contents: write"},
		{"no permissions", "permissions:\n  contents: read\n", ""},
		{"a secret", "run: make test", "run: make test # ${{ secrets.X }}"},
		{"text of others", "run: make test", "run: make test ${{ github.head_ref }}"},
		{"may hang", "    timeout-minutes: 60\n", ""},
		{"yaml", "jobs:", "jobs: ["},
	} {
		bad := strings.Replace(good, planted.from, planted.to, 1)
		if bad == good {
			t.Errorf("%q is not in ci.yml", planted.from)
		}
		if said := strings.Join(faults(t, bad), "\n"); !strings.Contains(said, planted.what) {
			t.Errorf("%q was planted, %q found", planted.what, said)
		}
	}
}

// Each release is tried on each system that it has an archive for.
func TestReleaseTriesAllTargets(t *testing.T) {
	t.Parallel()
	about := read(t, "scripts/dist-about.sh")
	all := regexp.MustCompile(`ALL_TARGETS=\(([^)]*)\)`).FindStringSubmatch(about)
	if all == nil {
		t.Fatal("scripts/dist-about.sh has no ALL_TARGETS")
	}
	release := read(t, ".github/workflows/release.yml")
	for _, target := range strings.Fields(all[1]) {
		if !strings.Contains(release, "target: "+target+",") {
			t.Errorf("release.yml does not try %s", target)
		}
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	for _, name := range found(t, ".github/ISSUE_TEMPLATE/*.yml") {
		form := parse(t, name)
		if filepath.Base(name) == "config.yml" {
			continue
		}
		if form["name"] == nil || form["description"] == nil {
			t.Errorf("%s has no name or no description", name)
		}
		seen := make(map[any]bool)
		for _, part := range form["body"].([]any) {
			part := part.(node)
			if part["type"] == "markdown" {
				continue
			}
			if part["id"] == nil || seen[part["id"]] {
				t.Errorf("%s: the id %v is missing, or there twice", name, part["id"])
			}
			seen[part["id"]] = true
			if part["attributes"].(node)["label"] == nil {
				t.Errorf("%s: %v has no label", name, part["id"])
			}
		}
	}
	for _, name := range []string{".github/pull_request_template.md", "SECURITY.md"} {
		text := read(t, name)
		for _, code := range regexp.MustCompile("`(make [^`]*)`").FindAllStringSubmatch(text, -1) {
			for _, lack := range missing(t, code[1]) {
				t.Errorf("%s: there is no %s", name, lack)
			}
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
			read(t, filepath.Join(filepath.Dir(name), link[1]))
		}
	}
}

// Everything that is run must be allowed to.
func TestScriptsParse(t *testing.T) {
	t.Parallel()
	for _, name := range append(found(t, "scripts/dist*.sh"), found(t, "tests/dist/*.sh")...) {
		if out, err := exec.Command("bash", "-n", filepath.Join(root, name)).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", name, out)
		}
	}
}
