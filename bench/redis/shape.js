// One script for all: gets and sets of texts of 50 bytes, by one virtual user
// and by many, in turns with a bare await. `api` has get(key) and set(key, text).
import { Counter } from "k6/metrics";
import { emit, env, inTurns, keyAt, median, once, VUS } from "../lib.js";

const ROUNDS = env("ROUNDS", 2);
const WINDOW = env("WINDOW", 0.5);
const KEYS = 20000;
const TEXT = "t".repeat(50);
const calls = ["bare await", "get", "set"];
const measured = calls.flatMap((call) => [1, VUS].map((vus) => ({ call, vus })));
const keys = __VU ? Array.from({ length: KEYS }, (_, i) => keyAt(((__VU + i) * 7919) % KEYS)) : [];
const counters = Array.from({ length: measured.length * ROUNDS }, (_, i) => new Counter(`calls_${i}`));

export const options = once(VUS);

export const setupWith = (api) => async () => {
  for (let from = 0; from < KEYS; from += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, i) => api.set(keyAt(from + i), TEXT)));
  }
  return Date.now() + 500;
};

const worksOf = (api) => ({
  "bare await": async (count, at) => {
    for (let i = at; i < at + count; i++) await Promise.resolve();
  },
  get: async (count, at) => {
    for (let i = at; i < at + count; i++) await api.get(keys[i % KEYS]);
  },
  set: async (count, at) => {
    for (let i = at; i < at + count; i++) await api.set(keys[i % KEYS], TEXT);
  },
});

export const runWith = (api) => async (start) => {
  const works = worksOf(api);
  const windows = counters.map((_, i) => {
    const { call, vus } = measured[i % measured.length];
    return { vus, work: works[call] };
  });
  const done = await inTurns(start, WINDOW, windows);
  done.forEach((count, i) => counters[i].add(count));
};

// What a server is asked is told with the time of each round, see server_cpu.py.
const rowsOf = (store, start, what, i, counts) => {
  if (!__ENV.SERVER) return [{ part: "redis", store, ...what, rate: median(counts) / WINDOW }];
  return counts.map((calls, round) => {
    const from = start / 1000 + (round * measured.length + i) * WINDOW;
    const row = { part: "servers", store, ...what, keys: KEYS, calls, rate: calls / WINDOW };
    return { ...row, from, to: from + WINDOW };
  });
};

export const summaryOf = (store) => ({ metrics, setup_data: start }) => {
  for (const [i, what] of measured.entries()) {
    const counts = Array.from({ length: ROUNDS }, (_, round) => {
      return metrics[`calls_${round * measured.length + i}`].values.count;
    });
    rowsOf(store, start, what, i, counts).forEach(emit);
  }
  return {};
};
