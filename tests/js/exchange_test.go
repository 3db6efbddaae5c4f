package js_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// exchangeDir has files to be imported.
func exchangeDir(t *testing.T) string {
	t.Helper()
	dir := tempDir(t)
	for name, content := range map[string]string{
		"users.csv": "\xef\xbb\xbfname;age;city\r\nada;36;\"London; \"\"UK\"\"\"\r\n\r\nbob;007;\r\n",
		"plain.csv": "a,1\nb,true\n",
		"twice.csv": "k,v\na,1\na,2\n",
		"short.csv": "k,v\na,1\nb\n",
		"named.csv": "k,k\na,1\n",
		"open.csv":  "k,v\na,\"1\n",
		"empty":     "",
		"utf16":     "\xff\xfek\x00",
		"a.jsonl":   "{\"key\":\"a\",\"value\":{\"n\":[1,null]}}\n\n{\"value\":2,\"key\":\"b\"}\r\n",
		"bad.jsonl": "{\"key\":\"a\",\"value\":1}\n{\"key\":\"b\",\"value\":2}\n{\"key\":\"c\",\"value\":tru}\n",
		"text":      "just some text that is no store\n",
	} {
		writeFile(t, filepath.Join(dir, name), content)
	}
	check(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	check(t, os.Symlink("a.jsonl", filepath.Join(dir, "link")))
	return dir
}

func TestExchange(t *testing.T) {
	t.Parallel()
	dir := exchangeDir(t)
	runRowsIn(t, options{dir: dir}, stores("json"), []row{
		// CSV in
		{`const r = await kv.importCSV({fileName: "users.csv", keyColumn: "name", prefix: "u:", delimiter: ";"});
		return [r, await kv.list()];`,
			`[{"imported":2,"fileName":"users.csv","bytesRead":55},` +
				`[{"key":"u:ada","value":{"name":"ada","age":"36","city":"London; \"UK\""}},` +
				`{"key":"u:bob","value":{"name":"bob","age":"007","city":""}}]]`},
		{`await kv.importCSV({fileName: "users.csv", keys: "row", delimiter: ";", types: true});
		return kv.list();`,
			`[{"key":"0000000001","value":{"name":"ada","age":36,"city":"London; \"UK\""}},` +
				`{"key":"0000000002","value":{"name":"bob","age":"007","city":null}}]`},
		{`await kv.importCSV({fileName: "plain.csv", hasHeader: false, keyColumn: "0", types: true, limit: 0});
		return kv.list();`,
			`[{"key":"a","value":{"0":"a","1":1}},{"key":"b","value":{"0":"b","1":true}}]`},
		{`return [await kv.importCSV({fileName: "twice.csv", keyColumn: "k", batchSize: 1, prefix: null}),
			await kv.list()];`,
			`[{"imported":2,"fileName":"twice.csv","bytesRead":12},[{"key":"a","value":{"k":"a","v":"2"}}]]`},
		{`return [await kv.importCSV({fileName: "twice.csv", keyColumn: "k", limit: 1}), await kv.list()];`,
			`[{"imported":1,"fileName":"twice.csv","bytesRead":8},[{"key":"a","value":{"k":"a","v":"1"}}]]`},
		{`return [(await kv.importCSV({fileName: "empty", keys: "row"})).imported, await kv.size()];`, `[0,0]`},
		{`kv.importCSV({fileName: "short.csv", keyColumn: "k"})`, `!ValueParseError|importCSV|line 3|short.csv|0 entries`},
		{`await kv.importCSV({fileName: "short.csv", keyColumn: "k", batchSize: 1}).catch(() => {});
		return kv.list();`, `[{"key":"a","value":{"k":"a","v":"1"}}]`},
		{`kv.importCSV({fileName: "named.csv", keyColumn: "k"})`, `!ValueParseError|line 1|"k"`},
		{`kv.importCSV({fileName: "open.csv", keyColumn: "k"})`, `!ValueParseError|line 2, column 3|quote`},
		{`kv.importCSV({fileName: "utf16", keyColumn: "k"})`, `!ValueParseError|UTF-16`},

		// JSONL in
		{`return [await kv.importJSONL({fileName: "a.jsonl", prefix: "p:"}), await kv.list()];`,
			`[{"imported":2,"fileName":"a.jsonl","bytesRead":59},` +
				`[{"key":"p:a","value":{"n":[1,null]}},{"key":"p:b","value":2}]]`},
		{`await kv.importJSONL({fileName: "bad.jsonl", batchSize: 2}).catch((e) => kv.set("error", e.name));
		return kv.list();`,
			`[{"key":"a","value":1},{"key":"b","value":2},{"key":"error","value":"ValueParseError"}]`},
		{`kv.importJSONL({fileName: "bad.jsonl"})`, `!ValueParseError|line 3, column 20|bad.jsonl|0 entries`},

		// Out, and in again
		{`await kv.setMany({"o:1": {user: "a,\"b\"", n: 1.5, ok: true}, "o:2": {user: null}, x: 1});
		const r = await kv.exportCSV({fileName: "out/o.csv", columns: ["n", "user", "ok"], prefix: "o:"});
		await kv.clear();
		await kv.importCSV({fileName: "out/o.csv", keyColumn: "key", types: true});
		return [r, await kv.list()];`,
			`[{"exported":2,"fileName":"out/o.csv","bytesWritten":47},` +
				`[{"key":"o:1","value":{"key":"o:1","n":1.5,"user":"a,\"b\"","ok":true}},` +
				`{"key":"o:2","value":{"key":"o:2","n":null,"user":null,"ok":null}}]]`},
		{`await kv.setMany({a: {n: 1, key: "k"}, b: {n: 2, key: "l"}});
		const r = await kv.exportCSV({fileName: "o2.csv", columns: new Set(["key"]), includeKey: false,
			delimiter: "\t", limit: 1});
		return [r, await kv.validateCSV({fileName: "o2.csv"})];`,
			`[{"exported":1,"fileName":"o2.csv","bytesWritten":8},` +
				`{"valid":true,"rows":1,"bytesRead":8,"checkedAll":true}]`},
		{`const all = {a: {b: [1, {c: null}], a: "\u00e9\n"}, "\u0000": "\ud800", n: 0.1}; await kv.setMany(all);
		const r = await kv.exportJSONL({fileName: "o.jsonl"}); await kv.clear();
		await kv.importJSONL({fileName: "o.jsonl"});
		return [r.exported, show(Object.fromEntries((await kv.list()).map((e) => [e.key, e.value]))) ===
			show({"\u0000": "\ud800", a: all.a, n: 0.1})];`, `[3,true]`},
		{`await kv.set("a", 5);
		return kv.exportCSV({fileName: "never.csv", columns: ["n"]});`, `!ValueParseError|"a"|no object`},
		{`await kv.set("a", {n: [1]});
		return kv.exportCSV({fileName: "never.csv", columns: ["n"]});`, `!ValueParseError|"n"|"a"|array`},
		{`kv.importJSONL({fileName: "never.csv"})`, `!SnapshotNotFoundError|never.csv`},

		// Checks
		{`kv.validateJSONL({fileName: "a.jsonl"})`, `{"valid":true,"records":2,"bytesRead":59,"checkedAll":true}`},
		{`kv.validateJSONL({fileName: "a.jsonl", limit: 1})`,
			`{"valid":true,"records":1,"bytesRead":35,"checkedAll":false}`},
		{`const r = await kv.validateJSONL({fileName: "bad.jsonl"}); r.firstError.message = typeof r.firstError.message;
		return [r, await kv.size()];`,
			`[{"valid":false,"records":2,"bytesRead":68,"checkedAll":false,` +
				`"firstError":{"line":3,"name":"ValueParseError","message":"string"}},0]`},
		{`const r = await kv.validateCSV({fileName: "short.csv"}); r.firstError.message = typeof r.firstError.message;
		return r;`, `{"valid":false,"rows":1,"bytesRead":10,"checkedAll":false,` +
			`"firstError":{"row":2,"name":"ValueParseError","message":"string"}}`},
		{`kv.validateCSV({fileName: "twice.csv", keyColumn: "nokey"})`, `!InvalidOptionsError|no column "nokey"`},

		// Copies
		{`await kv.setMany({a: {b: 1}, c: [2]}); const r = await kv.backup({fileName: "b/copy.kv", allowConcurrentWrites: true});
		await kv.set("d", 1); await kv.delete("a");
		const there = await kv.restore({fileName: "b/copy.kv", maxEntries: 2, maxBytes: 100});
		return [r.totalEntries, r.bytesWritten % 4096, r.bestEffort, r.warning, Object.keys(r), there, await kv.list()];`,
			`[2,0,false,"",["totalEntries","bytesWritten","bestEffort","warning"],{"totalEntries":2},` +
				`[{"key":"a","value":{"b":1}},{"key":"c","value":[2]}]]`},
		{`await kv.backup({fileName: "none"}); await kv.set("a", 1);
		return [await kv.restore({fileName: "none"}), await kv.list()];`, `[{"totalEntries":0},[]]`},
		{`await kv.setMany({a: 1, b: 2}); await kv.backup({fileName: "two"}); await kv.clear(); await kv.set("c", 1);
		const e = await kv.restore({fileName: "two", maxEntries: 1}).catch((e) => e);
		const f = await kv.restore({fileName: "two", maxBytes: 3}).catch((e) => e);
		return [e.name, f.name, await kv.list()];`,
			`["SnapshotBudgetExceededError","SnapshotBudgetExceededError",[{"key":"c","value":1}]]`},
		{`await kv.set("a", 1); await kv.backup({fileName: "one"}); const claim = await kv.claimKey("a");
		const waits = kv.claimRandom({prefix: "a", timeout: "10s"});
		await kv.restore({fileName: "one"}); const next = await waits;
		return [await kv.releaseClaim(claim), next.key, next.token > claim.token];`, `[false,"a",true]`},
		{`await kv.set("a", 1);
		return kv.restore({fileName: "text"});`, `!SnapshotReadError|text"|not a store`},

		// Results are plain, and the store goes on
		{`await kv.set("a", {n: 1}); const all = [await kv.backup({fileName: "x"}), await kv.restore({fileName: "x"}),
			await kv.exportJSONL({fileName: "x.jsonl"}), await kv.exportCSV({fileName: "x.csv", columns: ["n"]}),
			await kv.importJSONL({fileName: "x.jsonl"}), await kv.importCSV({fileName: "x.csv", keyColumn: "key"}),
			await kv.validateJSONL({fileName: "x.jsonl"}), await kv.validateCSV({fileName: "text"})];
		all.push(all[7].firstError ?? {});
		for (const r of all) { r.more = 1; await kv.set("r", r); }
		return all.map((r) => Object.getPrototypeOf(r) === Object.prototype && Object.isExtensible(r) && r.more);`,
			`[1,1,1,1,1,1,1,1,1]`},
	})
	wantNoParts(t, dir)
	for _, name := range []string{"out/o.csv", "o.jsonl", "b/copy.kv", "x"} {
		wantPrivate(t, filepath.Join(dir, name))
	}
	if got, want := string(readFile(t, filepath.Join(dir, "out/o.csv"))),
		"key,n,user,ok\r\no:1,1.5,\"a,\"\"b\"\"\",true\r\no:2,,,\r\n"; got != want {
		t.Errorf("the CSV file is %q, want %q", got, want)
	}
}

// wantNoParts fails if there is a file that is not complete, or one that must not be.
func wantNoParts(t *testing.T, dir string) {
	t.Helper()
	check(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if strings.Contains(path, ".part") || strings.Contains(path, "never") {
			t.Errorf("there is %s", path)
		}
		return err
	}))
}

// Text and bytes come back as they were.
func TestExchangeTextAndBytes(t *testing.T) {
	t.Parallel()
	runRows(t, stores("string"), []row{
		{`await kv.setMany({a: "1\n\"", b: ""}); await kv.exportJSONL({fileName: "s"});
		await kv.importJSONL({fileName: "s", prefix: "i:"}); return kv.list({prefix: "i:"});`,
			`[{"key":"i:a","value":"1\n\""},{"key":"i:b","value":""}]`},
		{`await kv.set("a", '{"n":1,"s":"x"}'); await kv.exportCSV({fileName: "c", columns: ["s", "n"]});
		await kv.importCSV({fileName: "c", keyColumn: "key", types: true}); return kv.get("a");`,
			`"{\"key\":\"a\",\"s\":\"x\",\"n\":1}"`},
		{`await kv.set("a", "text"); return kv.exportCSV({fileName: "c", columns: ["s"]});`, `!ValueParseError|"a"`},
	})
	runRows(t, stores("binary"), []row{
		{`await kv.set("a", new Uint8Array([0, 255, 10])); await kv.exportJSONL({fileName: "b"});
		await kv.importJSONL({fileName: "b", prefix: "i:"}); return kv.get("i:a");`, `ArrayBuffer(0,255,10)`},
		{`await kv.set("a", new Uint8Array([0, 255])); await kv.backup({fileName: "b.kv"}); await kv.clear();
		await kv.restore({fileName: "b.kv"}); return kv.get("a");`, `ArrayBuffer(0,255)`},
		{`kv.exportCSV({fileName: "never", columns: ["a"]})`, `!InvalidOptionsError|binary|JSONL`},
	})
}

// Whatever is wrong with an argument has a name, and nothing is done.
func TestExchangeArguments(t *testing.T) {
	t.Parallel()
	dir := exchangeDir(t)
	var rows []row
	refuse := func(call, want string) { rows = append(rows, row{"kv." + call, want}) }
	for _, name := range []string{"exportJSONL", "exportCSV", "importJSONL", "importCSV", "validateJSONL", "validateCSV"} {
		refuse(name+`()`, `!InvalidOptionsError|`+name+`|fileName|missing`)
		refuse(name+`({})`, `!InvalidOptionsError|`+name+`|fileName|missing`)
		refuse(name+`("a.jsonl")`, `!InvalidOptionsError|`+name+`|options`)
	}
	const rest = `, columns: ["n"]})`
	for _, row := range []row{
		{`""`, `!InvalidOptionsError|exportCSV|fileName|must not be empty; give a string`},
		{`" "`, `!InvalidOptionsError|fileName|blank`},
		{`"a\u0000b"`, `!InvalidOptionsError|fileName|NUL`},
		{`5`, `!InvalidOptionsError|fileName|a string|5`},
		{`"~/a"`, `!InvalidOptionsError|fileName|~`},
		{`"http://a/b"`, `!InvalidOptionsError|fileName|http://a/b`},
		{`"x".repeat(5000)`, `!InvalidOptionsError|fileName|4000`},
		{`"folder"`, `!SnapshotExportError|folder"|directory`},
		{`"link"`, `!SnapshotExportError|link"|symbolic link`},
		{`"/dev/null"`, `!SnapshotExportError|/dev/null"|device`},
		{`"text/never"`, `!SnapshotExportError|text|not a directory`},
		{`"plain.kv"`, `!SnapshotExportError|plain.kv"|store that is open`},
	} {
		refuse(`exportCSV({fileName: `+row.js+rest, row.want)
	}
	const file = `{fileName: "never"`
	for _, row := range []row{
		{`exportCSV(` + file + `})`, `!InvalidOptionsError|columns|missing`},
		{`exportCSV(` + file + `, columns: "n"})`, `!InvalidOptionsError|columns|an array`},
		{`exportCSV(` + file + `, columns: []})`, `!InvalidOptionsError|columns|at least one`},
		{`exportCSV(` + file + `, columns: ["n", "n"]})`, `!InvalidOptionsError|columns[1]|"n"`},
		{`exportCSV(` + file + `, columns: ["n", ""]})`, `!InvalidOptionsError|columns[1]|empty`},
		{`exportCSV(` + file + `, columns: ["n", 1]})`, `!InvalidOptionsError|columns[1]|string`},
		{`exportCSV(` + file + `, columns: ["key"]})`, `!InvalidOptionsError|columns[0]|includeKey`},
		{`exportCSV(` + file + `, delimiter: ";;"` + rest, `!InvalidOptionsError|delimiter|one character`},
		{`exportCSV(` + file + `, delimiter: ""` + rest, `!InvalidOptionsError|delimiter|or leave it out`},
		{`exportCSV(` + file + `, delimiter: "\""` + rest, `!InvalidOptionsError|delimiter|quote`},
		{`exportCSV(` + file + `, includeKey: 1` + rest, `!InvalidOptionsError|includeKey|true or false`},
		{`exportCSV(` + file + `, keyColumn: "n"` + rest, `!InvalidOptionsError|no option "keyColumn"`},
		{`exportJSONL(` + file + `, limit: 1.5})`, `!InvalidOptionsError|limit|1.5`},
		{`exportJSONL(` + file + `, prefix: 1})`, `!InvalidOptionsError|prefix|1`},
		{`exportJSONL(` + file + `, filename: "a"})`, `!InvalidOptionsError|"filename"|did you mean "fileName"`},
		{`importJSONL({fileName: "a.jsonl", batchSize: 0})`, `!InvalidOptionsError|batchSize|1 to 10000`},
		{`importJSONL({fileName: "a.jsonl", batchSize: 10001})`, `!InvalidOptionsError|batchSize|1 to 10000`},
		{`importJSONL({fileName: "a.jsonl", batchSize: "10"})`, `!InvalidOptionsError|batchSize|"10"`},
		{`importJSONL({fileName: "folder"})`, `!SnapshotReadError|folder"|directory`},
		{`importJSONL({fileName: "/dev/zero"})`, `!SnapshotReadError|/dev/zero"|device`},
		{`importJSONL({fileName: "nothing"})`, `!SnapshotNotFoundError|nothing"`},
		{`importCSV({fileName: "twice.csv"})`, `!InvalidOptionsError|keyColumn|keys: "row"`},
		{`importCSV({fileName: "twice.csv", keyColumn: "k", keys: "row"})`, `!InvalidOptionsError|keyColumn and keys`},
		{`importCSV({fileName: "twice.csv", keys: "k"})`, `!InvalidOptionsError|keys must be "row"`},
		{`importCSV({fileName: "twice.csv", keyColumn: "K"})`, `!InvalidOptionsError|no column "K"|did you mean "k"`},
		{`importCSV({fileName: "twice.csv", keyColumn: 0})`, `!InvalidOptionsError|keyColumn|0`},
		{`importCSV({fileName: "twice.csv", keyColumn: "2", hasHeader: false})`, `!InvalidOptionsError|no column "2"`},
		{`importCSV({fileName: "twice.csv", keyColumn: "k", types: "yes"})`, `!InvalidOptionsError|types|"yes"`},
		{`validateJSONL({fileName: "a.jsonl", prefix: "a"})`, `!InvalidOptionsError|no option "prefix"`},
		{`validateCSV({fileName: "nothing"})`, `!SnapshotNotFoundError|validateCSV|nothing"`},
		{`backup({fileName: ""})`, `!InvalidOptionsError|backup|fileName|or leave it out`},
		{`backup({fileName: "folder"})`, `!SnapshotExportError|backup|folder"`},
		{`backup({fileName: "link"})`, `!SnapshotExportError|backup|link"`},
		{`backup({fileName: "never", limit: 1})`, `!InvalidOptionsError|no option "limit"`},
		{`restore({fileName: "nothing"})`, `!SnapshotNotFoundError|restore|nothing"`},
		{`restore({fileName: "folder"})`, `!SnapshotReadError|restore|folder"`},
		{`restore({maxEntries: -1})`, `!InvalidOptionsError|maxEntries|-1`},
		{`restore({maxBytes: 0.5})`, `!InvalidOptionsError|maxBytes|0.5`},
		{`restore({fileName: "text"}, {limit: 1})`, `!InvalidOptionsError|restore`},
	} {
		refuse(row.js, row.want)
	}
	if inWine { // where a link is what it leads to
		rows = slices.DeleteFunc(rows, func(r row) bool { return strings.Contains(r.js, `fileName: "link"`) })
	}
	for i := range rows {
		rows[i].js = `await kv.set("there", {n: 1}); let error; try { await ` + rows[i].js +
			`; } catch (e) { error = e; }
			if (show(await kv.list()) !== '[{"key":"there","value":{"n":1}}]') throw new Error("something was done to it");
			if (error) throw error;
			return "no error";`
	}
	runRowsIn(t, options{dir: dir}, stores("json"), rows)
	wantNoParts(t, dir)
}
