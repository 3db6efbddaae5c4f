package js_test

import "testing"

func TestClaims(t *testing.T) {
	t.Parallel()
	const three = `await fill(kv, ["a", "b", "c"]); `
	runRows(t, stores("json"), []row{
		// What a claim looks like.
		{`await kv.set("k", {n: 1}); const before = Date.now(); const c = await kv.claimRandom({owner: "me", ttl: 60000});
		return [Object.keys(c), typeof c.id, c.id.length > 0, c.key, c.entry, c.owner, Number.isSafeInteger(c.token) && c.token > 0,
			Math.abs(c.expiresAt - before - 60000) < 5000, Object.getPrototypeOf(c) === Object.prototype];`,
			`[["id","key","entry","owner","token","expiresAt"],"string",true,"k",{"key":"k","value":{"n":1}},"me",true,true,true]`},
		{`await kv.set("k", 1); const before = Date.now(); const c = await kv.claimKey("k");
		return [Object.keys(c), c.owner, Math.abs(c.expiresAt - before - 30000) < 5000];`,
			`[["id","key","entry","owner","token","expiresAt"],"",true]`},
		{`kv.claimRandom()`, `null`},
		{`kv.claimRandom({prefix: "x"})`, `null`},
		{`kv.claimKey("x")`, `null`},
		{`kv.claimRandomMany({count: 3})`, `[]`},
		{`kv.claimKeys([])`, `{"claimed":[],"busy":[],"missing":[]}`},

		// One holder at a time.
		{three + `const held = []; for (let i = 0; i < 3; i++) held.push((await kv.claimRandom()).key);
		return [held.sort(), await kv.claimRandom(), await kv.claimKey("a"), await kv.popRandom(),
			await kv.popRandomMany({count: 2}), await kv.claimRandomMany({count: 1})];`,
			`[["a","b","c"],null,null,null,[],[]]`},
		{three + `const c = await kv.claimKey("b"); return [await kv.claimKey("b"), await kv.releaseClaim(c),
			await kv.releaseClaim(c), (await kv.claimKey("b")).key, await kv.renewClaim(c, {ttl: 1000}), await kv.completeClaim(c)];`,
			`[null,true,false,"b",false,false]`},
		{three + `await kv.claimKey("a"); await kv.claimKey("c"); const seen = {};
		for (let i = 0; i < 20; i++) { const c = await kv.claimRandom(); seen[c.key] = 1; await kv.releaseClaim(c); }
		return seen;`, `{"b":1}`},
		{`await fill(kv, ["a:1", "a:2", "b"]); const got = await kv.claimRandomMany({count: 5, prefix: "a:", owner: "o", ttl: 1000});
		return [got.map((c) => c.key).sort(), new Set(got.map((c) => c.token)).size, new Set(got.map((c) => c.id)).size, got[0].owner];`,
			`[["a:1","a:2"],2,2,"o"]`},
		{three + `const tokens = []; for (let i = 0; i < 5; i++) { const c = await kv.claimRandom(); tokens.push(c.token);
			await kv.releaseClaim(c); } return tokens.every((t, i) => i === 0 || t > tokens[i - 1]);`, `true`},
		{`await fill(kv, ["a"]); const all = await Promise.all([1, 2, 3].map(() => kv.claimRandom()));
		return all.filter(Boolean).length;`, `1`},
		// A claim blocks nothing else.
		{`await kv.set("k", 1); await kv.claimKey("k");
		return [await kv.get("k"), await kv.set("k", 2), await kv.randomKey(), (await kv.swap("k", 3)).previous, await kv.count()];`,
			`[1,2,"k",2,1]`},
		// Whatever deletes the key ends the claim.
		{`const ended = []; for (const end of [() => kv.delete("k"), () => kv.deleteIfExists("k"), () => kv.deleteMany(["k"]),
			() => kv.clear(), () => kv.deleteByPrefix({prefix: "k", limit: 9}), () => kv.compareAndDelete("k", 1)]) {
			await kv.set("k", 1); const c = await kv.claimKey("k"); await end(); await kv.set("k", 1);
			ended.push(await kv.renewClaim(c, {ttl: 1000}), await kv.releaseClaim(c), (await kv.claimKey("k")) !== null);
			await kv.clear(); }
		return ended.join();`,
			`"` + "false,false,true,false,false,true,false,false,true,false,false,true,false,false,true,false,false,true" + `"`},

		// complete
		{`await fill(kv, ["a", "b"]); const a = await kv.claimKey("a"), b = await kv.claimKey("b");
		return [await kv.completeClaim(a), await kv.completeClaim(b, {deleteKey: false}), await kv.completeClaim(b),
			await kv.listKeys(), (await kv.claimRandom()).key];`, `[true,true,false,["b"],"b"]`},
		{`await fill(kv, ["a"]); const a = await kv.claimKey("a"); return [await kv.completeClaim(a, {deleteKey: true}), await kv.size()];`,
			`[true,0]`},
		{`await fill(kv, ["a"]); const a = await kv.claimKey("a"); return [await kv.completeClaim(a, null), await kv.size()];`,
			`[true,0]`},

		// Copies will do, and whatever else the object has does not matter.
		{`await fill(kv, ["a"]); const c = await kv.claimRandom(); const {id, key, token} = c;
		const copy = JSON.parse(JSON.stringify({token, key, id}));
		return [await kv.renewClaim(copy, {ttl: 5000}), await kv.releaseClaim({id, key, token: token + 1}),
			await kv.releaseClaim({id: id + "x", key, token}), await kv.releaseClaim({id, key: "b", token}),
			await kv.releaseClaim(Object.assign(Object.create({more: 1}), copy, {extra: [1]}))];`,
			`[true,false,false,false,true]`},
		{`await fill(kv, ["a"]); const c = await kv.claimRandom({ttl: 1000}); const text = JSON.stringify(c);
		await kv.renewClaim(c, {ttl: 86400000}); return JSON.stringify(c) === text;`, `true`},

		// claimKeys
		{three + `await kv.claimKey("b"); const got = await kv.claimKeys(["c", "x", "b", "a"], {owner: "o", ttl: 500});
		return [Object.keys(got), got.claimed.map((c) => c.key + c.owner), got.busy, got.missing];`,
			`[["claimed","busy","missing"],["co","ao"],["b"],["x"]]`},
		{three + `await kv.claimKey("b"); return [await kv.claimKeys(["a", "b", "x"], {allOrNothing: true}),
			await kv.claimKeys(["a", "x", "b"], {allOrNothing: true}),
			(await kv.claimKeys(["a", "c"], {allOrNothing: true})).claimed.map((c) => c.key),
			(await kv.claimKeys(["a", "c"], {allOrNothing: false})).busy];`,
			`[{"claimed":[],"busy":["b"],"missing":[]},{"claimed":[],"busy":[],"missing":["x"]},["a","c"],["a","c"]]`},
		{three + `return (await kv.claimKeys(await kv.listKeys())).claimed.map((c) => c.entry);`,
			`[{"key":"a","value":"a"},{"key":"b","value":"b"},{"key":"c","value":"c"}]`},
		{three + `return (await kv.claimKeys(new Set(["b"]))).claimed.map((c) => c.key);`, `["b"]`},
		{three + `return kv.claimKeys(["a", "b", "a"]).catch(async (e) => [e.name, (await kv.claimKey("b")).key]);`,
			`["InvalidOptionsError","b"]`},
		{`kv.claimKeys(["a", ""])`, `!InvalidOptionsError|claimKeys|empty`},

		// Many at once
		{three + `const all = await kv.claimRandomMany({count: 3}); const one = all[0]; await kv.releaseClaim(one);
		const renewed = await kv.renewClaims(all, {ttl: 1000}); const f = renewed.failed[0];
		return [Object.keys(renewed), renewed.attempted, renewed.renewed, Object.keys(f), f.index, f.id === one.id, f.key === one.key,
			f.name, f.message.length > 10];`,
			`[["attempted","renewed","failed"],3,2,["index","id","key","name","message"],0,true,true,"ClaimNotUpdated",true]`},
		{three + `const all = await kv.claimRandomMany({count: 3}); const [a] = all;
		return [await kv.releaseClaims(all.slice(1)), (await kv.completeClaims(all)).failed.map((f) => f.index), await kv.size(),
			await kv.completeClaims([]), await kv.releaseClaims(new Set([])), await kv.renewClaims([a], {ttl: 5}).then((r) => r.failed.length)];`,
			`[{"attempted":2,"released":2,"failed":[]},[1,2],2,{"attempted":0,"completed":0,"failed":[]},` +
				`{"attempted":0,"released":0,"failed":[]},1]`},
		{three + `const all = await kv.claimRandomMany({count: 3});
		await kv.renewClaims(JSON.parse(JSON.stringify(all)), {ttl: 9999});
		return [await kv.completeClaims(new Set(all), {deleteKey: false}), await kv.size(),
			await kv.completeClaims((function* () { yield all[0]; })()).then((r) => r.failed.length)];`,
			`[{"attempted":3,"completed":3,"failed":[]},3,1]`},
		{three + `const c = await kv.claimKey("a"); return kv.releaseClaims([c, c]).then((r) => [r.attempted, r.released, r.failed[0].index]);`,
			`[2,1,1]`},

		// claimNext
		{`kv.claimNext()`, `null`},
		{`await fill(kv, ["b", "a:2", "a:1", "a:10"]); const got = [];
		for (let i = 0; i < 4; i++) got.push(await kv.claimNext({prefix: "a:", owner: "o", ttl: "1m"}));
		await kv.releaseClaim(got[0]);
		return [got.map((c) => c?.key), got[0].owner, Object.keys(got[1]), (await kv.claimNext()).key, (await kv.claimNext(null)).key, await kv.claimNext({})];`,
			`[["a:1","a:10","a:2",undefined],"o",["id","key","entry","owner","token","expiresAt"],"a:1","b",null]`},

		// claimForOwner
		{`kv.claimForOwner({owner: "o"})`, `null`},
		{`await fill(kv, ["a:1", "a:2"]); const o = {owner: "o", prefix: "a:", ttl: 60000}, first = await kv.claimForOwner(o);
		await new Promise((r) => setTimeout(r, 20)); const again = await kv.claimForOwner({...o, ttl: 5});
		const other = await kv.claimForOwner({...o, owner: "p"}), none = await kv.claimForOwner({...o, owner: "q"});
		return [show(first) === show(again), Object.keys(first), first.owner, other.key === first.key, none];`,
			`[true,["id","key","entry","owner","token","expiresAt"],"o",false,null]`},
		{`await fill(kv, ["a"]); const c = await kv.claimForOwner({owner: "o"}); await kv.set("a", "new");
		return [(await kv.claimForOwner({owner: "o"})).entry, await kv.claimForOwner({owner: "o", prefix: "a"}), await kv.completeClaim(c),
			await kv.claimForOwner({owner: "o"})];`, `[{"key":"a","value":"new"},null,true,null]`},
		{`await fill(kv, ["a"]); const c = await kv.claimForOwner({owner: "o"}); await kv.renewClaim(c, {ttl: "1h"});
		const again = await kv.claimForOwner({owner: "o"}); await kv.releaseClaim(again); const next = await kv.claimForOwner({owner: "o"});
		return [again.token === c.token, again.expiresAt > c.expiresAt + 3000000, next.token > c.token];`, `[true,true,true]`},

		// popRandom, popRandomMany
		{three + `await kv.claimKey("b"); const got = await kv.popRandomMany({count: 10});
		return [got.map((e) => e.key).sort(), Object.keys(got[0]), await kv.listKeys()];`, `[["a","c"],["key","value"],["b"]]`},
		{`await fill(kv, ["a:1", "a:2", "b"]); return [(await kv.popRandomMany({count: 1, prefix: "a:"})).length, await kv.count({prefix: "a:"}),
			(await kv.popRandomMany({count: 5, prefix: "a:"})).length, await kv.listKeys()];`, `[1,1,1,["b"]]`},
		{`kv.popRandomMany({count: 1})`, `[]`},

		// The order of calls
		{`const calls = [kv.set("a", 1), kv.claimKey("a"), kv.claimKey("a"), kv.delete("a"), kv.claimKey("a")];
		return (await Promise.all(calls)).map((c) => c?.key ?? c);`, `[1,"a",null,true,null]`},
	})
}

func TestClaimsExpire(t *testing.T) {
	t.Parallel()
	const wait = `const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms)); `
	runRows(t, stores("json"), []row{
		{`await fill(kv, ["a"]); const lasts = async (ttl) => {
			const c = await kv.claimKey("a", {ttl}), ms = c.expiresAt - Date.now();
			await kv.releaseClaim(c); return Math.round(ms / 10000) * 10; };
		return [await lasts("30s"), await lasts("1m30s"), await lasts("1.5h"), await lasts("1d"), await lasts("120000ms")];`,
			`[30,90,5400,86400,120]`},
		{wait + `await fill(kv, ["a"]); const c = await kv.claimKey("a", {ttl: 60000}); const busy = await kv.claimKey("a");
		await kv.renewClaim(c, {ttl: 30}); await wait(60); const again = await kv.claimKey("a", {ttl: 60000});
		return [busy, again.key, again.token > c.token, await kv.releaseClaim(c), await kv.renewClaim(c, {ttl: 9}), await kv.releaseClaim(again)];`,
			`[null,"a",true,false,false,true]`},
		// On a busy machine it may expire before it is renewed.
		{wait + `await fill(kv, ["a"]); let c, renewed = false;
		for (let n = 0; n < 100 && !renewed; n++) { c = await kv.claimRandom({ttl: 30}); renewed = await kv.renewClaim(c, {ttl: 60000}); }
		await wait(60); return [renewed, await kv.claimRandom(), await kv.renewClaim(c, {ttl: 1}), await wait(30),
			(await kv.claimRandom()).key, await kv.completeClaim(c), await kv.size()];`,
			`[true,null,true,undefined,"a",false,1]`},
		{wait + `await fill(kv, ["a", "b"]); await kv.claimRandomMany({count: 2, ttl: 20}); await wait(50);
		return (await kv.popRandomMany({count: 2})).length;`, `2`},
		{wait + `await fill(kv, ["a"]); const c = await kv.claimKey("a", {ttl: 20}); await wait(50);
		return kv.releaseClaims([c]).then((r) => [r.released, r.failed[0].name]);`, `[0,"ClaimNotUpdated"]`},
	})
}

func TestClaimsRefused(t *testing.T) {
	t.Parallel()
	var rows []row
	add := func(more []row) { rows = append(rows, more...) }

	options := func(method, before, rest string) {
		add(refusals(method, before, map[string]string{
			`{` + rest + `ttl: 0}`: "ttl|0|86400000", `{` + rest + `ttl: -5}`: "ttl|-5", `{` + rest + `ttl: 86400001}`: "ttl|86400001|86400000",
			`{` + rest + `ttl: 1.5}`: "ttl|milliseconds|1.5", `{` + rest + `ttl: "30"}`: `ttl|"30"|"1m30s"|86400000`,
			`{` + rest + `ttl: "1.5ms"}`: "ttl|whole number|1.5ms", `{` + rest + `ttl: "1d1ms"}`: "ttl|1d1ms|86400000",
			`{` + rest + `ttl: "0s"}`: "ttl|0s|from 1", `{` + rest + `ttl: ""}`: `ttl|""`, `{` + rest + `ttl: "-1s"}`: "ttl|-1s",
			`{` + rest + `ttl: "9".repeat(99) + "h"}`: "ttl|9999", `{` + rest + `ttl: "1s\0"}`: "ttl|milliseconds",
			`{` + rest + `ttl: "1s\ud800"}`: "ttl|milliseconds|text", `{` + rest + `ttl: new String("1s")}`: "ttl|milliseconds|object",
			`{` + rest + `ttl: true}`: "ttl|milliseconds|true", `{` + rest + `ttl: ["1s"]}`: "ttl|milliseconds|an array",
		}))
	}
	owners := func(method, before, rest string) {
		options(method, before, rest)
		add(refusals(method, before, map[string]string{
			`{` + rest + `owner: 5}`: "owner|string|5", `{` + rest + `owner: "o".repeat(257)}`: "owner|256",
			`{` + rest + `owner: "\ud800"}`: "owner|surrogate", `{` + rest + `ownr: "a"}`: `"ownr"|did you mean "owner"`,
			`"me"`: "options|plain object",
		}))
	}
	owners("claimRandom", "", "")
	owners("claimKey", `"k", `, "")
	owners("claimRandomMany", "", "count: 1, ")
	owners("claimKeys", `["k"], `, "")
	options("renewClaim", `{id: "1", key: "k", token: 1}, `, "")
	options("renewClaims", `[], `, "")
	for _, method := range []string{"claimRandomMany", "popRandomMany"} {
		add(refusals(method, "", map[string]string{
			``: "count is missing", `{}`: "count is missing", `{count: 0}`: "count|0|1000000", `{count: 1000001}`: "count|1000000",
			`{count: "1"}`: "count|integer", `{count: 1, limit: 1}`: `"limit"`, `{count: 1, prefix: 1}`: "prefix|string",
		}))
	}
	add(refusals("claimKeys", `["k"], `, map[string]string{
		`{allOrNothing: 1}`: "allOrNothing|true or false|1", `{allOrNothing: "true"}`: "allOrNothing|true or false",
		`{allornothing: true}`: `"allornothing"|did you mean "allOrNothing"`,
	}))
	add(refusals("renewClaim", `{id: "1", key: "k", token: 1}`, map[string]string{
		``: "ttl is missing", `, {}`: "ttl is missing", `, {ttl: null}`: "ttl is missing", `, {ttl: 5, owner: "a"}`: `"owner"`,
	}))
	add(refusals("renewClaims", `[]`, map[string]string{``: "ttl is missing", `, {ttl: undefined}`: "ttl is missing"}))
	for _, method := range []string{"claimNext", "popNext"} {
		add(refusals(method, "", map[string]string{`{prefix: 1}`: "prefix|string", `{count: 1}`: `"count"`}))
	}
	add(refusals("claimForOwner", "", map[string]string{
		``: "owner is missing", `{}`: "owner is missing", `{owner: null}`: "owner is missing", `{owner: ""}`: "owner|empty",
		`{owner: 5}`: "owner|string|5", `{owner: "o", ttl: 0}`: "ttl|0|86400000", `{owner: "o", count: 2}`: `"count"`,
		`{owner: "x".repeat(257)}`: "owner|257|256",
	}))
	add(refusals("popRandom", "", map[string]string{`{prefix: 1}`: "prefix|string", `{ttl: 1}`: `"ttl"`}))
	for _, key := range []string{``, `undefined`, `5`, `""`, `"\ud800"`} {
		rows = append(rows, row{"kv.claimKey(" + key + ")", "!InvalidOptionsError|claimKey|key"})
	}

	claims := map[string]string{
		`undefined`: "|undefined", `null`: "|null", `5`: "|5", `"id"`: "|string", `true`: "|boolean", `Symbol("s")`: "|symbol",
		`{}`: ".id|undefined", `{id: 1, key: "k", token: 1}`: ".id|string|1", `{id: "1", token: 1}`: ".key|undefined",
		`{id: "1", key: 5, token: 1}`: ".key|string|5", `{id: "1", key: "k"}`: ".token|undefined",
		`{id: "1", key: "k", token: "1"}`: ".token|string", `{id: "1", key: "k", token: 0}`: ".token|positive|0",
		`{id: "1", key: "k", token: -1}`: ".token|-1", `{id: "1", key: "k", token: 1.5}`: ".token|1.5",
		`{id: "1", key: "k", token: 2 ** 53}`: ".token", `{id: "1", key: "k", token: NaN}`: ".token|NaN",
		`{id: "1", key: "k", token: 1n}`: ".token|BigInt", `{id: "a\ud800", key: "k", token: 1}`: ".id|surrogate",
		`{id: "1", key: "\ud800", token: 1}`: ".key|surrogate", `{id: null, key: "k", token: 1}`: ".id|null",
		`[]`: "|an array", `Promise.resolve({})`: "|did you forget await?", `{claim: {id: "1", key: "k", token: 1}}`: ".id",
	}
	for _, method := range []string{"releaseClaim", "completeClaim", "renewClaim"} {
		ttl := ""
		if method == "renewClaim" {
			ttl = ", {ttl: 1000}"
		}
		for bad, words := range claims {
			rows = append(rows,
				row{"kv." + method + "(" + bad + ttl + ")", "!InvalidOptionsError|" + method + "|claim" + words},
				row{"kv." + method + `s([{id: "1", key: "k", token: 1}, ` + bad + "]" + ttl + ")",
					"!InvalidOptionsError|" + method + "s|claims[1]" + words})
		}
		rows = append(rows,
			row{"kv." + method + "({get id() { throw new RangeError('this is my getter'); }}" + ttl + ")", "!RangeError|my getter"},
			row{"kv." + method + "(new Proxy({}, {get() { throw new RangeError('this is my trap'); }})" + ttl + ")", "!RangeError|my trap"},
			row{"kv." + method + `({id: "never", key: "x", token: 7}` + ttl + ")", "false"},
			row{"kv." + method + `({id: "i".repeat(100000), key: "k", token: Number.MAX_SAFE_INTEGER}` + ttl + ")", "false"},
			row{"kv." + method + `({id: "", key: "", token: 7}` + ttl + ")", "!InvalidOptionsError|" + method + "|claim.key|empty"},
			row{"kv." + method + `s([{id: "", key: "k", token: 7}, {id: "", key: "", token: 7}]` + ttl + ")",
				"!InvalidOptionsError|" + method + "s|claims[1].key|empty"},
			row{"kv." + method + `({id: "1", key: "k".repeat(32769), token: 7}` + ttl + ")", "!InvalidOptionsError|" + method + "|claim.key|32769"},
			row{"kv." + method + "s({}" + ttl + ")", "!InvalidOptionsError|" + method + "s|claims|an object"},
			row{"kv." + method + "s(null" + ttl + ")", "!InvalidOptionsError|" + method + "s|claims|null"},
			row{"kv." + method + "s(undefined" + ttl + ")", "!InvalidOptionsError|" + method + "s|claims|undefined"},
			row{"kv." + method + `s({id: "1", key: "k", token: 1}` + ttl + ")", "!InvalidOptionsError|" + method + "s|claims|an object"},
			row{"kv." + method + `s("claims"` + ttl + ")", "!InvalidOptionsError|" + method + "s|claims|string"})
	}
	for _, method := range []string{`completeClaim({id: "1", key: "k", token: 1}, `, `completeClaims([], `} {
		for bad, words := range map[string]string{`{deleteKey: 0}`: "deleteKey|true or false|0", `{deleteKey: "no"}`: "deleteKey",
			`{deletekey: false}`: `"deletekey"|did you mean "deleteKey"`, `true`: "options|plain object"} {
			rows = append(rows, row{"kv." + method + bad + ")", "!InvalidOptionsError|" + words})
		}
	}
	runRows(t, stores("json"), rows)
}

// Tokens go on growing when a disk store is opened again, and claims are gone.
func TestTokensOverRuns(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	const script = imports + `const kv = openKv();
		export default async function () {
			await kv.set("a", 1);
			const c = await kv.claimKey("a", {ttl: 86400000});
			tell("claim", JSON.stringify({id: c.id, key: c.key, token: c.token}));
			tell("stale", await kv.releaseClaim(STALE));
			tell("newer", c.token > STALE.token);
		}`
	first := mustRun(t, `const STALE = {id: "x", key: "a", token: 1};`+script, options{dir: dir})
	second := mustRun(t, "const STALE = "+first.one("claim")+";"+script, options{dir: dir})
	second.want("stale", "false")
	second.want("newer", "true")
}

// Many virtual users: no key has two holders.
func TestClaimsOfManyUsers(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		export const options = {scenarios: {all: {executor: "per-vu-iterations", vus: 30, iterations: 20}}};
		const stores = {memory: openKv({backend: "memory"}), disk: openKv({path: "x.kv", trackKeys: true})};
		const names = Array.from({length: 10}, (_, i) => "k" + i);
		export async function setup() { for (const name in stores) await fill(stores[name], names); }
		export default async function () {
			for (const name in stores) {
				const kv = stores[name];
				const claim = await kv.claimRandom({prefix: "k", owner: "vu" + __VU});
				if (claim === null) continue;
				if (!await kv.setIfAbsent("lock:" + claim.key, __VU)) tell(name, "two holders of " + claim.key);
				await kv.delete("lock:" + claim.key);
				if (!await kv.releaseClaim(claim)) tell(name, "lost " + claim.key);
			}
		}
		export async function teardown() {
			for (const name in stores) tell(name + " left", (await stores[name].claimRandomMany({count: 99, prefix: "k"})).length);
		}`, options{})
	for _, name := range []string{"memory", "disk"} {
		res.want(name+" left", "10")
		if wrong := res.reports[name]; len(wrong) > 0 {
			t.Errorf("%s: %q", name, wrong)
		}
	}
}
