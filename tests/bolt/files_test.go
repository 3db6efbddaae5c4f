package bolt_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// dumper is the C program: see TestMain.
const dumper = "../../build/asan/bolt/dump/dump"

func TestMain(m *testing.M) {
	out, err := exec.Command("make", "-s", "-C", "../..", strings.TrimPrefix(dumper, "../../")).CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s%v\n", out, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// random is a source of the seed that the test prints.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("KV_SEED"); text != "" {
		given, err := strconv.ParseUint(text, 10, 64)
		must(t, err)
		seed = given
	}
	t.Logf("KV_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func randomBytes(r *rand.Rand, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.IntN(256))
	}
	return b
}

// entry is a key with its value.
type entry struct{ key, value string }

// content is what is read from a file, or why it cannot be read.
type content struct {
	failed  string
	entries []entry
	pages   uint64 // of read: the number from which on there are none
	holder  int    // of read: the page in which the bucket's root stands
}

// without counts the entries that another content does not have.
func (c content) without(other content) int {
	has := map[entry]bool{}
	for _, e := range other.entries {
		has[e] = true
	}
	missing := 0
	for _, e := range c.entries {
		if !has[e] {
			missing++
		}
	}
	return missing
}

func same(t *testing.T, what string, want, got content) {
	t.Helper()
	if got.failed != "" || len(got.entries) != len(want.entries) {
		t.Fatalf("%s: %d entries instead of %d; %s", what, len(got.entries), len(want.entries), got.failed)
	}
	for i, e := range want.entries {
		if got.entries[i] != e {
			t.Fatalf("%s: entry %d is %.60q, not %.60q", what, i, got.entries[i], e)
		}
	}
}

// make1 makes a file with bbolt, and returns its path.
func make1(t *testing.T, options *bbolt.Options, change func(db *bbolt.DB)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	db, err := bbolt.Open(path, 0o600, options)
	must(t, err)
	change(db)
	must(t, db.Close())
	return path
}

func write(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}

// read reads a file with bbolt.
func read(t *testing.T, path, bucket string) content {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	must(t, err)
	defer db.Close()
	var c content
	must(t, db.View(func(tx *bbolt.Tx) error {
		size := db.Info().PageSize
		c.pages = uint64(tx.Size()) / uint64(size)
		b := tx.Bucket([]byte(bucket))
		c.holder = int(tx.Cursor().Bucket().Root())
		return b.ForEach(func(key, value []byte) error {
			c.entries = append(c.entries, entry{string(key), string(value)})
			return nil
		})
	}))
	return c
}

func dumpOne(t *testing.T, path string) content {
	t.Helper()
	return dump(t, path)[0]
}

// dump reads files with the library.
func dump(t *testing.T, paths ...string) []content {
	t.Helper()
	command := exec.Command(dumper, paths...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	printed := bufio.NewReader(bytes.NewReader(out))
	var all []content
	for range paths {
		all = append(all, parse(t, printed))
	}
	return all
}

func parse(t *testing.T, printed *bufio.Reader) content {
	t.Helper()
	line, err := printed.ReadString('\n')
	must(t, err)
	if reason, is := strings.CutPrefix(line, "failed "); is {
		return content{failed: strings.TrimSpace(reason)}
	}
	count, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "ok ")))
	must(t, err)
	var c content
	for range count {
		var sizes [2]uint32
		must(t, binary.Read(printed, binary.NativeEndian, &sizes))
		both := make([]byte, sizes[0]+sizes[1])
		_, err := io.ReadFull(printed, both)
		must(t, err)
		c.entries = append(c.entries, entry{string(both[:sizes[0]]), string(both[sizes[0]:])})
	}
	return c
}
