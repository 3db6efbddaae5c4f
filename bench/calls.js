// Times each call of group A next to a bare `await Promise.resolve()`, in turns
// within the same run, so that a slow moment of the machine strikes both.
//
//   k6 run bench/calls.js            -e KEYS=20000 -e ROUNDS=15
//
// One virtual user; the stores are filled in init. Prints medians per call in
// microseconds, their spread (the quartiles), and the ratio to the bare await.
import { openKv } from "k6/x/kv";

const KEYS = Number(__ENV.KEYS || 20000);
const ROUNDS = Number(__ENV.ROUNDS || 15);
const BATCH = Number(__ENV.BATCH || 5000); // awaits that are timed together

const stores = {
  memory: openKv({ backend: "memory", trackKeys: true }),
  "disk, none": openKv({ path: "bench-none.kv", trackKeys: true, disk: { durability: "none" } }),
  disk: openKv({ path: "bench-full.kv", trackKeys: true }),
  "disk, untracked": openKv({ path: "bench-untracked.kv", disk: { durability: "none" } }),
};

export const options = {
  scenarios: { bench: { executor: "shared-iterations", vus: 1, iterations: 1, maxDuration: "30m" } },
  setupTimeout: "10m",
};

const value = (i) => ({ id: i, name: `n${i}`, token: "abcdefghijklmnop" });
const keys = Array.from({ length: KEYS }, (_, i) => `${i % 2 ? "odd" : "even"}:${String(i).padStart(8, "0")}`);

async function fill(kv) {
  if ((await kv.size()) === KEYS) return;
  await kv.clear();
  for (let from = 0; from < KEYS; from += 1000) {
    const sets = [];
    for (let i = from; i < Math.min(from + 1000, KEYS); i++) sets.push(kv.set(keys[i], value(i)));
    await Promise.all(sets);
  }
}

// name, the stores it makes sense on, how many per batch, the call
const calls = [
  ["size", Object.keys(stores), BATCH, (kv) => kv.size()],
  ["exists", Object.keys(stores), BATCH, (kv, i) => kv.exists(keys[i % KEYS])],
  ["get", Object.keys(stores), BATCH, (kv, i) => kv.get(keys[i % KEYS])],
  ["set", ["memory", "disk, none"], BATCH, (kv, i) => kv.set(keys[i % KEYS], value(i))],
  ["set, durable", ["disk"], 20, (kv, i) => kv.set(keys[i % KEYS], value(i))],
  ["delete", ["memory", "disk, none"], BATCH, (kv, i) => kv.delete("missing")],
  ["randomKey", ["memory", "disk, none", "disk"], BATCH, (kv) => kv.randomKey()],
  ["randomKey, prefix", ["memory", "disk, none", "disk"], BATCH, (kv) => kv.randomKey({ prefix: "odd:" })],
  ["randomKey, prefix", ["disk, untracked"], 20, (kv) => kv.randomKey({ prefix: "odd:" })],
  ["list of 100", ["memory", "disk"], 50, (kv) => kv.list({ prefix: "even:", limit: 100 })],
];

async function time(count, first, call) {
  const start = Date.now();
  for (let i = first; i < first + count; i++) await call(i);
  return ((Date.now() - start) * 1000) / count;
}

function quantile(sorted, q) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
}

async function measure(name, storeName, count, call) {
  const kv = stores[storeName];
  const bare = [];
  const times = [];
  for (let round = 0; round < ROUNDS; round++) {
    bare.push(await time(BATCH, 0, () => Promise.resolve()));
    times.push(await time(count, round * count * 7, (i) => call(kv, i)));
  }
  const sort = (list) => list.sort((a, b) => a - b);
  const base = quantile(sort(bare), 0.5);
  sort(times);
  return {
    call: name,
    store: storeName,
    us: quantile(times, 0.5),
    low: quantile(times, 0.25),
    high: quantile(times, 0.75),
    bare: base,
    ratio: quantile(times, 0.5) / base,
  };
}

export default async function () {
  for (const kv of Object.values(stores)) await fill(kv);
  const rows = [];
  for (const [name, names, count, call] of calls) {
    for (const storeName of names) rows.push(await measure(name, storeName, count, call));
  }
  const line = (r) =>
    `${r.call.padEnd(20)} ${r.store.padEnd(16)} ${r.us.toFixed(2).padStart(10)} ` +
    `${r.low.toFixed(2).padStart(10)} ${r.high.toFixed(2).padStart(10)} ${r.ratio.toFixed(2).padStart(8)}`;
  console.log(
    [
      `bare await: ${rows[0].bare.toFixed(2)} us, ${KEYS} keys`,
      `${"call".padEnd(20)} ${"store".padEnd(16)} ${"us".padStart(10)} ${"25 %".padStart(10)} ${"75 %".padStart(10)} ${"awaits".padStart(8)}`,
      ...rows.map(line),
    ].join("\n"),
  );
}
