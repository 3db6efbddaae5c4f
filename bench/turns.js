// How long the longest iteration takes next to the others, when more virtual users
// than processors do nothing but call a store that does not make them wait.
//
//   k6 run bench/turns.js -e VUS=50 -e CALLS=1500 -e ITERATIONS=6
//
// Prints a row: median and longest in milliseconds, and what an iteration would
// take if all virtual users went side by side.
import { openKv } from "k6/x/kv";
import { emit, env, keyAt, valueAt } from "./lib.js";

const VUS = env("VUS", 50);
const CALLS = env("CALLS", 1500);
const ITERATIONS = env("ITERATIONS", 6);
const KEYS = 1000;

const kv = openKv({ backend: "memory" });

export const options = {
  scenarios: { turns: { executor: "per-vu-iterations", vus: VUS, iterations: ITERATIONS, maxDuration: "5m" } },
  summaryTrendStats: ["med", "max"],
};

export async function setup() {
  for (let i = 0; i < KEYS; i++) await kv.set(keyAt(i), valueAt(i));
}

export default async function () {
  for (let i = 0; i < CALLS; i++) await kv.get(keyAt(i % KEYS));
}

export function handleSummary({ metrics }) {
  const { med, max } = metrics.iteration_duration.values;
  const even = (1000 * VUS) / metrics.iterations.values.rate;
  emit({ part: "turns", call: "get", vus: VUS, med, max, even, ratio: max / even });
  return {};
}
