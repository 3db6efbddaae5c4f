// Durable sets per second of 1, 50 and 500 virtual users, in turns.
//
//   k6 run bench/group-commit.js -e VUS=500 -e ROUNDS=3 -e WINDOW=1.5
import { openKv } from "k6/x/kv";
import { Counter } from "k6/metrics";
import { emit, env, inTurns, median, once, valueAt } from "./lib.js";

const VUS = env("VUS", 500);
const ROUNDS = env("ROUNDS", 3);
const WINDOW = env("WINDOW", 1.5);
const crowds = [1, 50, 500].filter((vus) => vus <= VUS);

const kv = openKv({ backend: "disk", path: "bench-commit.kv" });
const sets = Array.from({ length: ROUNDS * crowds.length }, (_, i) => new Counter(`sets_${i}`));

export const options = once(VUS);

export const setup = () => Date.now() + 1000;

async function work(count, at) {
  for (let i = at; i < at + count; i++) await kv.set(`vu${__VU}:${i % 100}`, valueAt(i));
}

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
    emit({ part: "commit", vus, rate: median(of(i)) || null, ratio });
  }
  return {};
}
