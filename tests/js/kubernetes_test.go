package js_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// node is a piece of a YAML document.
type node = map[string]any

// manifests are the documents of a file in examples/kubernetes, by their kinds.
func manifests(t *testing.T, name string) map[string]node {
	t.Helper()
	found := make(map[string]node)
	documents := yaml.NewDecoder(bytes.NewReader(readFile(t, filepath.Join("../../examples/kubernetes", name))))
	for {
		var document node
		err := documents.Decode(&document)
		if errors.Is(err, io.EOF) {
			return found
		}
		check(t, err)
		found[at(t, document, "kind").(string)] = document
	}
}

// at follows a path of names and numbers.
func at(t *testing.T, from any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			next, is := from.(node)[step]
			if !is {
				t.Fatalf("there is no %q on the way %v", step, path)
			}
			from = next
		case int:
			from = from.([]any)[step]
		}
	}
	return from
}

func wantSame(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, not %v", what, got, want)
	}
}

// What one file names must be in another, as a cluster would find out.
func TestKubernetesManifests(t *testing.T) {
	t.Parallel()
	server := manifests(t, "valkey.yaml")
	run := manifests(t, "testrun.yaml")["TestRun"]
	script := manifests(t, "script.yaml")["ConfigMap"]
	secret := manifests(t, "secret.yaml")["Secret"]
	name := at(t, run, "spec", "script", "configMap", "file").(string)

	wantSame(t, "the script's ConfigMap", at(t, run, "spec", "script", "configMap", "name"), at(t, script, "metadata", "name"))
	wantSame(t, "the script", at(t, script, "data", name), example(t, name))
	made, err := exec.Command("../../examples/kubernetes/make-script.sh").Output()
	check(t, err)
	wantSame(t, "script.yaml", string(readFile(t, "../../examples/kubernetes/script.yaml")), string(made))
	if arguments := at(t, run, "spec", "arguments").(string); !strings.Contains(arguments,
		"PROCESSES="+strconv.Itoa(at(t, run, "spec", "parallelism").(int))) {
		t.Errorf("arguments %q are not those of parallelism", arguments)
	}

	where, err := url.Parse(at(t, secret, "stringData", "K6_KV_REDIS_URL").(string))
	check(t, err)
	password, _ := where.User.Password()
	service, pod := server["Service"], at(t, server["Deployment"], "spec", "template")
	container := at(t, pod, "spec", "containers", 0)
	wantSame(t, "the URL's host", where.Hostname(), at(t, service, "metadata", "name"))
	wantSame(t, "the URL's port", where.Port(), at(t, service, "spec", "ports", 0, "port"))
	wantSame(t, "the server's port", at(t, container, "ports", 0, "containerPort"), where.Port())
	wantSame(t, "the password", password, at(t, secret, "stringData", "VALKEY_PASSWORD"))
	wantSame(t, "the service's pods", at(t, service, "spec", "selector"), at(t, pod, "metadata", "labels"))
	wantSame(t, "the deployment's pods", at(t, server["Deployment"], "spec", "selector", "matchLabels"), at(t, pod, "metadata", "labels"))

	wantSecret(t, secret, at(t, container, "env"), "VALKEY_PASSWORD")
	for _, who := range []string{"initializer", "runner"} {
		wantSecret(t, secret, at(t, run, "spec", who, "env"), "K6_KV_REDIS_URL")
	}
}

// wantSecret fails unless a variable of that name comes from the secret.
func wantSecret(t *testing.T, secret node, env any, name string) {
	t.Helper()
	for _, variable := range env.([]any) {
		if at(t, variable, "name") == name {
			from := at(t, variable, "valueFrom", "secretKeyRef")
			wantSame(t, name+": the secret", at(t, from, "name"), at(t, secret, "metadata", "name"))
			at(t, secret, "stringData", at(t, from, "key"))
			return
		}
	}
	t.Errorf("%s is not in %v", name, env)
}
