package js_test

import (
	"fmt"
	"strings"
	"testing"
)

// row is a piece of a script and what must come of it.
//
// The piece is an expression, or statements if there is a "return" in it; kv
// is the store. What must come of it is the result as show in lib.js writes
// it, much like JSON; or "!Name|word|word": an error of that name whose
// message holds the words.
type row struct {
	js, want string
}

// store is a store that rows run on.
type store struct {
	name, options string
}

// stores has every kind of store that works in its own way.
func stores(serialization string) []store {
	kind := func(name, rest string) store {
		return store{name, fmt.Sprintf("{serialization: %q, %s}", serialization, rest)}
	}
	return []store{
		kind("memory", `backend: "memory"`),
		kind("memory-tracked", `backend: "memory", name: "tracked", trackKeys: true`),
		kind("disk", `path: "plain.kv"`),
		kind("disk-tracked", `path: "tracked.kv", trackKeys: true`),
		kind("disk-none", `path: "none.kv", disk: {durability: "none"}`),
	}
}

const imports = `
import { tell, row, rowNow, rowAtInit, table, show, failure, opens, fill } from "./lib.js";
import { openKv } from "k6/x/kv";
`

// runRows runs rows on all stores with one k6.
func runRows(t *testing.T, stores []store, rows []row) {
	t.Helper()
	runRowsIn(t, options{}, stores, rows)
}

// runRowsIn does so with a k6 that is started in its own way.
func runRowsIn(t *testing.T, o options, stores []store, rows []row) *result {
	t.Helper()
	var script strings.Builder
	script.WriteString(imports + "const stores = {\n")
	for _, store := range stores {
		fmt.Fprintf(&script, "%q: openKv(%s),\n", store.name, store.options)
	}
	script.WriteString("};\nconst rows = [\n")
	for _, row := range rows {
		fmt.Fprintf(&script, "async (kv) => %s,\n", body(row.js))
	}
	script.WriteString("];\nexport default () => table(stores, rows);\n")

	res := mustRun(t, script.String(), o)
	for i, row := range rows {
		res.wantEverywhere(i, row, stores)
	}
	return res
}

// wantEverywhere compares what came of a row on all stores. The same mistake
// on several is told once.
func (r *result) wantEverywhere(i int, row row, stores []store) {
	r.t.Helper()
	var problems []string
	names := make(map[string][]string)
	for _, store := range stores {
		problem := mismatch(row.want, r.one(fmt.Sprintf("%s/%d", store.name, i)))
		if problem == "" {
			continue
		}
		if names[problem] == nil {
			problems = append(problems, problem)
		}
		names[problem] = append(names[problem], store.name)
	}
	for _, problem := range problems {
		r.t.Errorf("row %d on %s: %s\n%s", i, strings.Join(names[problem], ", "), row.js, problem)
	}
}

// runNow runs rows that are not async in the init context; each result is told.
func runNow(t *testing.T, o options, before string, rows []row) *result {
	t.Helper()
	var script strings.Builder
	script.WriteString(imports + before + "\n")
	for i, row := range rows {
		fmt.Fprintf(&script, "rowAtInit(%d, () => %s);\n", i, body(row.js))
	}
	script.WriteString("export default function () {}\n")

	res := mustRun(t, script.String(), o)
	for i, row := range rows {
		res.wantRow(fmt.Sprint(i), row)
	}
	return res
}

// wantEarly looks at what runNow told where files are not opened yet.
func (r *result) wantEarly(rows []row) {
	r.t.Helper()
	for i, row := range rows {
		r.wantRow(fmt.Sprint("early/", i), row)
	}
}

func body(js string) string {
	if strings.Contains(js, "return ") {
		return "{" + js + "}"
	}
	return "(" + js + ")"
}

func (r *result) wantRow(id string, row row) {
	r.t.Helper()
	if problem := mismatch(row.want, r.one(id)); problem != "" {
		r.t.Errorf("%s: %s\n%s", id, row.js, problem)
	}
}

// mismatch says how a result differs from what was wanted, "" if it does not.
func mismatch(want, got string) string {
	if !strings.HasPrefix(want, "!") {
		if got != want {
			return fmt.Sprintf("got  %s\nwant %s", head(got), head(want))
		}
		return ""
	}
	words := strings.Split(want, "|")
	name, message, _ := strings.Cut(got, ": ")
	if name != words[0] {
		return fmt.Sprintf("got  %s\nwant %s", head(got), want)
	}
	for _, word := range words[1:] {
		if !strings.Contains(message, word) {
			return fmt.Sprintf("there is no %q in the message: %s", word, head(got))
		}
	}
	return badSentence(message)
}

// badSentence says what is wrong with the message of an error.
func badSentence(message string) string {
	for _, sign := range []string{"[object ", "%!", "\x00", "(null)"} {
		if strings.Contains(message, sign) {
			return fmt.Sprintf("there is %q in the message: %s", sign, head(message))
		}
	}
	if len(strings.Fields(message)) < 4 {
		return fmt.Sprintf("the message is not a sentence: %q", message)
	}
	if len(message) > 1024 {
		return fmt.Sprintf("the message is %d bytes long: %s…", len(message), message[:200])
	}
	return ""
}
