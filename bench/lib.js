// What all measuring scripts share: rows, the clock, data, turns. Rows are printed
// as JSON, one a line; bench/report.py makes tables of them.
import exec from "k6/execution";

export const env = (name, otherwise) => Number(__ENV[name] || otherwise);

export const KEYS = env("KEYS", 20000);
export const VALUE_BYTES = env("VALUE_BYTES", 50);
export const BATCH_US = env("BATCH_MS", 10) * 1000; // calls that are timed together
export const VUS = env("VUS", 1);

// The summary of k6 would be in the way of the tables.
export function handleSummary() {
  return {};
}

export const once = (vus) => ({
  scenarios: { bench: { executor: "per-vu-iterations", vus, iterations: 1, maxDuration: "10m" } },
  setupTimeout: "5m",
});

export function emit(row) {
  console.log(JSON.stringify({ binary: __ENV.BINARY || "ours", ...row }));
}

// --- time ---------------------------------------------------------------------

// Date.now() has whole milliseconds; this clock has nanoseconds and takes about
// one microsecond to read. Looking up exec.instance itself would take fifteen.
let instance;
export function now() {
  instance ??= exec.instance;
  return instance.currentTestRunDuration * 1000; // in microseconds
}

export function quantile(list, q) {
  const sorted = [...list].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)];
  return low + (sorted[Math.ceil(at)] - low) * (at % 1);
}

export const median = (list) => quantile(list, 0.5);
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// --- data ---------------------------------------------------------------------

// Half of the keys have either prefix, evenly mixed.
export const keyAt = (i) => `${i % 2 ? "odd" : "even"}:${String(i).padStart(8, "0")}`;

// An object of exactly so many bytes as JSON, different for each number.
export function valueOf(bytes) {
  const make = (i, token) => ({ id: 10000000 + i, name: `n${10000000 + i}`, token });
  const token = "t".repeat(Math.max(0, bytes - JSON.stringify(make(0, "")).length));
  return (i) => make(i, token);
}

export const valueAt = valueOf(VALUE_BYTES);

// --- turns of many virtual users -----------------------------------------------

// Windows of time, one after another; in each, the first `vus` virtual users
// repeat `work(count, at)`, the others sleep. Returns how many calls of this one
// ended within each window. All go by the same wall clock.
export async function inTurns(start, seconds, windows) {
  const done = [];
  for (const [turn, { vus, work }] of windows.entries()) {
    const begin = start + turn * seconds * 1000;
    done.push(__VU > vus ? 0 : await repeat(begin, begin + seconds * 1000, work));
  }
  return done;
}

async function repeat(begin, end, work) {
  const wait = begin - Date.now();
  if (wait > 0) await pause(wait);
  let done = 0;
  let count = 1;
  let before = Date.now();
  while (before < end) {
    try {
      await work(count, done);
    } catch (err) {
      // Another binary may lack a call; once is enough to say so.
      if (__VU === 1) emit({ part: "failed", call: "-", store: "-", why: String(err) });
      return 0;
    }
    const after = Date.now();
    if (after < end) done += count;
    // Asks for the time rarely, but does not overrun the window by much.
    if (after - before < 2) count = Math.min(64, count * 2);
    else if (after - before > 8) count = Math.max(1, count >> 1);
    before = after;
  }
  return done;
}
