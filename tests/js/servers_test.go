package js_test

import (
	"testing"

	"example.com/xk6-kv/tests/redistest"
)

// Every call of a store on a server waits for it, wherever in a script it is made.
func TestServersInAllContexts(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		const kv = openKv({backend: "redis", url: "unix://`+redistest.Start(t)+`", metrics: {operations: true}});
		export const options = {vus: 1, iterations: 1};
		await kv.set("top", 1);
		tell("top", show(await kv.get("top")));
		export async function setup() {
			await kv.clear();
			await kv.setMany({a: 1, b: 2, c: 3});
			return await kv.size();
		}
		export default async function (size) {
			kv.set("x", 1);
			kv.set("x", 2); // takes effect before what follows
			const claim = await kv.claimRandom({prefix: "a"});
			tell("calls", show([size, await kv.get("x"), await kv.exists("a"), await kv.exists("z"),
				(await kv.list({prefix: "a"})).length, await kv.count(), await kv.randomKey({prefix: "b"}),
				await kv.incrementBy("n", 5), (await kv.scan({limit: 2})).done,
				claim.key, await kv.releaseClaim(claim)]));
			try { await kv.get("none"); } catch (e) { tell("error", failure(e)); }
		}
		export async function teardown() {
			tell("teardown", show([(await kv.stats()).backend, await kv.count({prefix: "n"})]));
			await kv.reportStats();
		}
		export async function handleSummary(data) {
			tell("summary", show(await kv.get("n")));
			return {};
		}`, options{})
	for id, want := range map[string]string{
		"top":      "1",
		"calls":    `[3,2,true,false,1,4,"b",5,false,"a",true]`,
		"error":    `!KeyNotFoundError: get: key "none" does not exist`,
		"teardown": `["redis",1]`,
		"summary":  "5",
	} {
		if got := res.one(id); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}

// No password is in what is said of a url.
func TestUrlsThatAreNone(t *testing.T) {
	t.Parallel()
	res := mustRun(t, imports+`
		const urls = ["redis://me:s3cr3t@host:x", "http://me:s3cr3t@host", "redis://me:s3cr3t@", "redis://me:s3cr3t"];
		for (const url of urls) {
			try { openKv({backend: "redis", url}); } catch (e) {
				tell(url, e.name + e.message.includes("s3cr3t"));
			}
		}
		export default function () {}`, options{})
	for _, url := range []string{
		"redis://me:s3cr3t@host:x", "http://me:s3cr3t@host", "redis://me:s3cr3t@", "redis://me:s3cr3t",
	} {
		if got := res.one(url); got != "InvalidOptionsErrorfalse" {
			t.Errorf("%s: %s", url, got)
		}
	}
}
