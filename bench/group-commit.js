// Durable calls per second of 1, 50 and 500 virtual users, in turns.
//
//   k6 run bench/group-commit.js -e VUS=500 -e ROUNDS=3 -e WINDOW=1.5 -e CALL=popRandom
import { openKv } from "k6/x/kv";
import { Counter } from "k6/metrics";
import { emit, env, inTurns, median, once, valueAt } from "./lib.js";

const VUS = env("VUS", 500);
const CALL = __ENV.CALL || "set";
const ROUNDS = env("ROUNDS", 3);
const WINDOW = env("WINDOW", 1.5);
const crowds = [1, 50, 500].filter((vus) => vus <= VUS);

// Without the index a random key would take a walk over all of them.
const kv = openKv({ backend: "disk", path: "bench-commit.kv", trackKeys: CALL === "popRandom" });
const sets = Array.from({ length: ROUNDS * crowds.length }, (_, i) => new Counter(`sets_${i}`));

export const options = once(VUS);

const POPS = 60000; // each of them takes a key: as many as can be had in all windows

export async function setup() {
  if (CALL === "popRandom") {
    for (let from = 0; from < POPS * ROUNDS * WINDOW; from += 10000) {
      const batch = Array.from({ length: 10000 }, (_, i) => [`pop:${from + i}`, valueAt(i)]);
      await kv.setMany(Object.fromEntries(batch));
    }
  }
  return Date.now() + 1000;
}

const works = {
  async set(count, at) {
    for (let i = at; i < at + count; i++) await kv.set(`vu${__VU}:${i % 100}`, valueAt(i));
  },
  async popRandom(count) {
    for (let i = 0; i < count; i++) if (!(await kv.popRandom())) throw new Error("all keys are gone");
  },
};
const work = works[CALL];

export default async function (start) {
  const windows = sets.map((_, i) => ({ vus: crowds[i % crowds.length], work }));
  const done = await inTurns(start, WINDOW, windows);
  done.forEach((count, i) => sets[i].add(count));
}

export function handleSummary({ metrics }) {
  const rates = sets.map((_, i) => metrics[`sets_${i}`].values.count / WINDOW);
  const of = (which) => rates.filter((_, i) => i % crowds.length === which);
  const alone = of(0);
  for (const [i, vus] of crowds.entries()) {
    const ratio = median(of(i).map((rate, round) => rate / alone[round]));
    emit({ part: "commit", call: CALL, vus, rate: median(of(i)) || null, ratio });
  }
  return {};
}
