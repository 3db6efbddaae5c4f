// A store of a million entries: keys of 13 bytes, values of 58 as JSON. What is
// measured from outside, peak memory and file size, is up to bench/run.sh.
//
//   k6 run bench/million.js -e MODE=empty|memory|disk|open -e KEYS=1000000
//
//   empty    does nothing
//   memory   loads a memory store with trackKeys, then asks and clears it (unless PEAK_ONLY=1)
//   disk     loads million.kv, without waiting for the disk where that can be chosen
//   open     opens million.kv with trackKeys
import { openKv } from "k6/x/kv";
import { emit, env, now, once, pause, quantile } from "./lib.js";
export { handleSummary } from "./lib.js";

const MODE = __ENV.MODE || "memory";
const KEYS = env("KEYS", 1000000);
const CHUNK = 500;
// As cheap as they can be made, since the script's own work is in the time.
const FIRST = 10000000;
const TOKEN = "t".repeat(18);
const keyAt = (i) => "user:" + (FIRST + i);
const valueAt = (i) => ({ id: FIRST + i, name: "user", token: TOKEN });
if (keyAt(0).length !== 13 || JSON.stringify(valueAt(0)).length !== 58) throw new Error("other sizes");

function openDisk(trackKeys) {
  const options = { backend: "disk", path: "million.kv", trackKeys };
  try {
    return openKv({ ...options, disk: { durability: "none" } });
  } catch (err) {
    if (err.name === "InitContextError") throw err;
    return openKv(options); // another binary, which knows no such option
  }
}

const open = {
  empty: () => null,
  memory: () => openKv({ backend: "memory", trackKeys: true }),
  disk: () => openDisk(false),
  open: () => openDisk(true),
};
const started = Date.now();
const kv = open[MODE]();
// Only the first of the handles that k6 makes opens the file: the slowest counts.
if (MODE === "open") emit({ part: "million", name: "open", keys: KEYS, ms: Date.now() - started });

export const options = once(1);

// Microseconds for each entry.
async function load(count, set) {
  const start = now();
  for (let from = 0; from < count; from += CHUNK) {
    const sets = [];
    for (let i = from; i < from + CHUNK; i++) sets.push(set(keyAt(i), valueAt(i)));
    await Promise.all(sets);
  }
  return (now() - start) / count;
}

// The slowest and the 99.9th percentile of single calls, in microseconds; and how
// late a timer is.
async function respond() {
  const took = [];
  for (let i = 0; i < 20000; i++) {
    const start = now();
    await kv.get(await kv.randomKey());
    took.push(now() - start);
  }
  let late = 0;
  for (let i = 0; i < 20; i++) {
    const start = now();
    await pause(5);
    late = Math.max(late, now() - start - 5000);
  }
  emit({ part: "million", name: "respond", keys: KEYS, p999: quantile(took, 0.999), worst: Math.max(...took), late });
}

async function clear() {
  const start = now();
  await kv.clear();
  emit({ part: "million", name: "clear", keys: KEYS, us: now() - start });
}

export default async function () {
  if (MODE === "memory" || MODE === "disk") {
    const us = await load(KEYS, (key, value) => kv.set(key, value));
    emit({ part: "million", name: `load ${MODE}`, keys: KEYS, us });
  }
  if (MODE === "memory" && !__ENV.PEAK_ONLY) {
    await respond();
    await clear();
    // The same loop with nothing stored: what the script itself takes.
    const us = await load(Math.min(KEYS, 200000), () => Promise.resolve());
    emit({ part: "million", name: "load nothing", keys: KEYS, us });
  }
  if (MODE === "open" && (await kv.size()) !== KEYS) throw new Error("million.kv is not complete");
}
