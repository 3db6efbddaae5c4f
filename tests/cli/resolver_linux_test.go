package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const slowResolver = `
#include <netdb.h>
#include <unistd.h>
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **all) {
	(void)host, (void)port, (void)all;
	if (hints->ai_flags & AI_NUMERICHOST)
		return EAI_NONAME;
	sleep(20);
	return EAI_AGAIN;
}
`

// A resolver that does not answer is waited for no longer than anything else.
func TestResolverThatHangs(t *testing.T) {
	f, dir := newFolder(t), t.TempDir()
	source, library := filepath.Join(dir, "slow.c"), filepath.Join(dir, "slow.so")
	if err := os.WriteFile(source, []byte(slowResolver), 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("cc", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	for _, url := range []string{"redis://host.test", "rediss://host.test"} {
		command := f.command("set", url, "k", "1", "--wait=1s")
		command.Env = append(command.Environ(), "LD_PRELOAD="+library)
		began := time.Now()
		res := f.finish(command, "")
		took := time.Since(began)
		res.fails(storeFailed, "host.test:6379", "could not be looked up in time", "/etc/resolv.conf")
		if took < 900*time.Millisecond || took > 1300*time.Millisecond {
			t.Errorf("%s took %v", url, took)
		}
	}
}
