package kv

import (
	"slices"
	"testing"
	"time"

	"example.com/xk6-kv/xkv"
)

// What is logged about a call that takes long.
func TestProgressInWords(t *testing.T) {
	module := New()
	op := slices.IndexFunc(module.methods, func(m *method) bool { return m.Name == "importCSV" })
	for _, test := range []struct {
		bytes, total int64
		want         string
	}{
		{25e6, 100e6, `importCSV "/a/b.csv": 1200 entries, 25 % of the file, 25 MB, after 5s`},
		{25e6, 0, `importCSV "/a/b.csv": 1200 entries, 25 MB, after 5s`},
	} {
		got := module.tell(xkv.Progress{Op: op, FileName: "/a/b.csv", Entries: 1200, Bytes: test.bytes,
			Total: test.total, Elapsed: 5*time.Second + 300*time.Millisecond})
		if got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
	if progressEvery != 5*time.Second {
		t.Errorf("it is logged every %v", progressEvery)
	}
}

// Metrics call methods as k6 calls its own.
func TestSnakeCase(t *testing.T) {
	for name, want := range map[string]string{
		"get": "get", "claimRandomMany": "claim_random_many", "exportJSONL": "export_jsonl",
		"importCSV": "import_csv", "openKv": "open_kv",
	} {
		if got := snakeCase(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
