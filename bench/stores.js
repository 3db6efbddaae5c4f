// The stores that are measured, and the calls.
import { openKv } from "k6/x/kv";
import { emit, KEYS, keyAt, VALUE_BYTES, valueAt, VUS } from "./lib.js";

// --- stores -------------------------------------------------------------------

// One process opens a file either with trackKeys or without, so the two may share
// it, and what one has filled the other finds.
const none = { durability: "none" };
const STORES = {
  memory: { backend: "memory", trackKeys: true },
  "memory, metrics": { backend: "memory", name: "metrics", trackKeys: true, metrics: { operations: true } },
  "memory, untracked": { backend: "memory", trackKeys: false },
  disk: { backend: "disk", path: "bench.kv", trackKeys: true },
  "disk, untracked": { backend: "disk", path: "bench.kv", trackKeys: false },
  "disk none": { backend: "disk", path: "bench-none.kv", trackKeys: true, disk: none },
  "disk none, untracked": { backend: "disk", path: "bench-none.kv", trackKeys: false, disk: none },
};

// Opens those named by the environment, which separates them by "/". What
// another binary cannot open is left out.
export function openStores(names) {
  const open = {};
  for (const name of (__ENV.STORES || names).split("/")) {
    try {
      open[name] = openKv(STORES[name]);
    } catch (err) {
      emit({ part: "failed", call: "openKv", store: name, why: String(err) });
    }
  }
  return open;
}

export async function fill(kv) {
  if ((await kv.size()) === KEYS) return;
  const chunk = VALUE_BYTES > 10000 ? 100 : 1000;
  for (let from = 0; from < KEYS; from += chunk) {
    const sets = [];
    for (let i = from; i < Math.min(from + chunk, KEYS); i++) sets.push(kv.set(keyAt(i), valueAt(i)));
    await Promise.all(sets);
  }
}

// Keys in an order that no cache foresees. One virtual user of many needs fewer,
// but others than its neighbours, so that together they touch all.
function sampleOf(count) {
  const step = 7919; // prime to every round number of keys
  return Array.from({ length: count }, (_, i) => keyAt(((__VU * count + i) * step) % KEYS));
}

const SPAN = Math.min(KEYS, VUS === 1 ? 200000 : 20000);
const POOL = 256;
const SPARES = 1000;
// Made in the init context, before any window begins; __VU is 0 in those of k6's
// instances of the script that make no calls.
const keys = __VU ? sampleOf(SPAN) : [];
const spares = Array.from({ length: SPARES }, (_, i) => `spare:${__VU}:${i}`); // of this user alone
const values = Array.from({ length: POOL }, (_, i) => valueAt(i));
const spareEntries = Object.fromEntries(spares.map((key) => [key, values[0]]));
const counters = Array.from({ length: POOL }, (_, i) => `counter:${__VU}:${i}`);
// Batches of keys from all over the store.
const hundreds = Array.from({ length: Math.floor(Math.min(SPAN, 20000) / 100) }, (_, i) =>
  keys.slice(i * 100, i * 100 + 100),
);
const batches = hundreds.map((batch) => Object.fromEntries(batch.map((key, i) => [key, values[i]])));

// --- calls --------------------------------------------------------------------

export const BARE = "bare await";
export const HUNDRED = "100 bare awaits";

// Loops are written out: a closure per call would be a fifth of what is
// measured. `before` makes `count` calls possible and is not measured. `alone`
// marks calls that nobody makes in a loop, or many users at a time; `own` those
// that many users at a time would make to each other. `per` is how many keys one
// call is about: then its figures are per key.
export const CALLS = {
  [BARE]: {
    async loop(kv, count, at) {
      for (let i = at; i < at + count; i++) await Promise.resolve();
    },
  },
  // As long as a list: what the scheduler does to such calls, without any store.
  [HUNDRED]: {
    alone: true,
    async loop(kv, count) {
      for (let i = 0; i < count * 100; i++) await Promise.resolve();
    },
  },
  get: {
    async loop(kv, count, at) {
      for (let i = at; i < at + count; i++) await kv.get(keys[i % SPAN]);
    },
  },
  exists: {
    async loop(kv, count, at) {
      for (let i = at; i < at + count; i++) await kv.exists(keys[i % SPAN]);
    },
  },
  size: {
    async loop(kv, count, at) {
      for (let i = at; i < at + count; i++) await kv.size();
    },
  },
  set: {
    writes: true,
    async loop(kv, count, at) {
      for (let i = at; i < at + count; i++) await kv.set(keys[i % SPAN], values[i % POOL]);
    },
  },
  delete: {
    alone: true,
    limit: SPARES,
    before: (kv, count) => Promise.all(spares.slice(0, count).map((key) => kv.set(key, 1))),
    async loop(kv, count) {
      for (let i = 0; i < count; i++) await kv.delete(spares[i]);
    },
  },
  "set and delete": {
    writes: true,
    async loop(kv, count, at) {
      for (let i = at; i < at + count; i++) {
        await kv.set(spares[i % SPARES], 1);
        await kv.delete(spares[i % SPARES]);
      }
    },
  },
  randomKey: {
    async loop(kv, count, at) {
      for (let i = at; i < at + count; i++) await kv.randomKey();
    },
  },
  "randomKey, prefix": {
    async loop(kv, count, at) {
      for (let i = at; i < at + count; i++) await kv.randomKey({ prefix: "odd:" });
    },
  },
  "list of 100": {
    async loop(kv, count, at) {
      for (let i = at; i < at + count; i++) await kv.list({ prefix: "even:", limit: 100 });
    },
  },
  "count, prefix": {
    own: true,
    async loop(kv, count, at) {
      for (let i = at; i < at + count; i++) await kv.count({ prefix: "odd:" });
    },
  },
  incrementBy: {
    own: true,
    async loop(kv, count, at) {
      for (let i = at; i < at + count; i++) await kv.incrementBy(counters[i % POOL], 1);
    },
  },
  setIfAbsent: {
    own: true,
    limit: SPARES,
    before: (kv) => kv.deleteMany(spares),
    async loop(kv, count) {
      for (let i = 0; i < count; i++) await kv.setIfAbsent(spares[i], values[i % POOL]);
    },
  },
  compareAndSwap: {
    own: true,
    per: 2,
    before: (kv) => kv.setMany(spareEntries),
    async loop(kv, count) {
      for (let i = 0; i < count; i++) {
        await kv.compareAndSwap(spares[i % SPARES], values[0], values[1]);
        await kv.compareAndSwap(spares[i % SPARES], values[1], values[0]);
      }
    },
  },
  "claimRandom + releaseClaim": {
    own: true,
    async loop(kv, count, at) {
      for (let i = at; i < at + count; i++) await kv.releaseClaim(await kv.claimRandom());
    },
  },
  "claimRandom + releaseClaim, prefix": {
    own: true,
    async loop(kv, count, at) {
      for (let i = at; i < at + count; i++) await kv.releaseClaim(await kv.claimRandom({ prefix: "odd:" }));
    },
  },
  popRandom: {
    own: true,
    limit: SPARES,
    before: (kv) => kv.setMany(spareEntries),
    async loop(kv, count) {
      for (let i = 0; i < count; i++) await kv.popRandom({ prefix: "spare:" });
    },
  },
  next: {
    own: true,
    async loop(kv, count) {
      for (let i = 0; i < count; i++) await kv.next({ prefix: "odd:", position: "at", cycle: true });
    },
  },
  "getMany of 100": {
    own: true,
    per: 100,
    async loop(kv, count, at) {
      for (let i = at; i < at + count; i++) await kv.getMany(hundreds[i % hundreds.length]);
    },
  },
  "setMany of 100": {
    own: true,
    per: 100,
    async loop(kv, count, at) {
      for (let i = at; i < at + count; i++) await kv.setMany(batches[i % batches.length]);
    },
  },
  "scanKeys of 1000": {
    own: true,
    per: 1000,
    async loop(kv, count, at) {
      for (let i = at; i < at + count; i++) await kv.scanKeys({ prefix: "even:", limit: 1000 });
    },
  },
  rebuildKeyList: {
    alone: true,
    async loop(kv, count) {
      for (let i = 0; i < count; i++) await kv.rebuildKeyList();
    },
  },
  clear: {
    alone: true,
    limit: 1,
    before: fill,
    loop: (kv) => kv.clear(),
  },
};
