package js_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// drawn runs a script in which five VUs draw, and returns what each of them drew
// in the init context and in its iterations, by its number.
func drawn(t *testing.T, option string) map[string]string {
	t.Helper()
	res := mustRun(t, imports+`
		export const options = {scenarios: {all: {executor: "per-vu-iterations", vus: 5, iterations: 3}}};
		const memory = openKv({backend: "memory", name: "users", `+option+`});
		const disk = openKv({path: "users.kv", trackKeys: true, `+option+`});
		const users = Object.fromEntries(Array.from({length: 1000}, (_, n) => ["user:" + n, n]));
		await memory.setMany(users);
		const atInit = (await memory.randomKeys({count: 3})).join();
		export const setup = () => disk.setMany(users);
		const mine = [];
		export default async function () {
			// The order between VUs is not repeated, so what is there must not change.
			const calls = [];
			for (const kv of [memory, disk]) {
				calls.push(kv.randomKey(), kv.randomEntry({prefix: "user:2"}).then((e) => e.key), kv.set("user:1", __ITER), kv.randomKeys({count: 2, prefix: "user:"}));
			}
			mine.push((await Promise.all(calls)).join());
			if (__ITER === 2) tell("vu" + __VU, atInit + ";" + mine.join(";"));
		}`, options{})
	all := make(map[string]string)
	for n := 1; n <= 5; n++ {
		name := "vu" + strconv.Itoa(n)
		all[name] = strings.Join(res.reports[name], "")
		if all[name] == "" {
			t.Fatalf("%s told nothing", name)
		}
	}
	return all
}

func TestSeed(t *testing.T) {
	t.Parallel()
	first, again, other := drawn(t, "seed: 7"), drawn(t, "seed: 7"), drawn(t, "seed: 8")
	free := drawn(t, "")
	var seen []string
	for vu, keys := range first {
		if keys != again[vu] {
			t.Errorf("%s drew %s, and with the same seed %s", vu, keys, again[vu])
		}
		if keys == other[vu] || keys == free[vu] {
			t.Errorf("%s drew the same with another seed, or without one", vu)
		}
		if slices.Contains(seen, keys) {
			t.Errorf("%s drew what another VU drew", vu)
		}
		seen = append(seen, keys)
	}
}

func TestSeedOption(t *testing.T) {
	t.Parallel()
	const conflict = "!KVOptionsConflictError|seed"
	runNow(t, options{}, `openKv({backend: "memory", seed: 1}); openKv({backend: "memory", name: "free"});`, []row{
		{`opens({backend: "memory", seed: 1})`, `"opened"`},
		{`opens({backend: "memory", seed: 2})`, conflict},
		{`opens({backend: "memory"})`, conflict},
		{`opens({backend: "memory", name: "free", seed: 0})`, conflict},
		{`opens({backend: "memory", name: "a", seed: -5})`, `"opened"`},
		{`opens({backend: "memory", name: "b", seed: null})`, `"opened"`},
		{`opens({backend: "memory", name: "c", seed: 1.5})`, "!InvalidOptionsError|seed|integer|1.5"},
		{`opens({backend: "memory", name: "c", seed: "7"})`, "!InvalidOptionsError|seed|integer"},
		{`opens({backend: "memory", name: "c", seed: 2 ** 53})`, "!InvalidOptionsError|seed|9007199254740991"},
		{`opens({backend: "memory", name: "c", seed: NaN})`, "!InvalidOptionsError|seed|NaN"},
	})
}
