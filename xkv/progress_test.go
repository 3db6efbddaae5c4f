package xkv_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"example.com/xk6-kv/xkv"
)

// What takes long tells how far it is: which operation, which file, and how much of it.
func TestProgress(t *testing.T) {
	const records = 200000
	var text bytes.Buffer
	for n := range records {
		fmt.Fprintf(&text, "{\"key\":\"key%d\",\"value\":{\"n\":%d}}\n", n, n)
	}
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := xkv.Open([]xkv.Setting{{Name: "backend", Value: "memory"}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()

	var told []xkv.Progress // by the thread that does it, before the reply comes
	xkv.TakeProgress(time.Millisecond, func(p xkv.Progress) { told = append(told, p) })
	defer xkv.TakeProgress(time.Hour, func(xkv.Progress) {})
	operations := xkv.Operations()
	operation := &operations[slices.IndexFunc(operations, func(o xkv.Operation) bool { return o.Name == "importJSONL" })]
	var (
		command xkv.Command
		reply   xkv.Reply
	)
	command.Begin(operation)
	for _, field := range operation.Fields {
		if field.Name == "fileName" {
			command.SetText(field.Slot, path)
		}
	}
	queue := xkv.NewQueue()
	if store.Submit(&command, nil, queue, 1, &reply) {
		queue.Collect(func(done []xkv.Completion) { reply = done[0].Reply; reply.Keep(nil) })
	}
	defer reply.Release()
	if reply.Code != xkv.OK || reply.Number != records {
		t.Fatalf("%s %q, %d records", reply.Code.Name(), reply.Data, reply.Number)
	}
	if len(told) < 2 {
		t.Fatalf("it told %d times how far it was", len(told))
	}
	var before xkv.Progress
	for _, p := range told {
		if p.Op != operation.Op || p.FileName != path || p.Total != int64(text.Len()) {
			t.Errorf("it told %+v", p)
		}
		if p.Entries <= before.Entries || p.Bytes <= before.Bytes || p.Elapsed < before.Elapsed ||
			p.Entries > records || p.Bytes > p.Total {
			t.Errorf("after %+v it told %+v", before, p)
		}
		before = p
	}
}
