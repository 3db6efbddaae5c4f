// Calls per second of many virtual users next to one, and how long a call takes
// them: windows of a fraction of a second, in turns.
//
//   k6 run bench/throughput.js -e VUS=50 -e ROUNDS=3 -e WINDOW=0.4 -e STORES=memory/disk
//
// Of every window a few calls are timed one by one. With more virtual users than
// processors, such a time has waiting for a processor in it; the bare await, in
// the same windows, shows how much. In the windows named "mix" all users make
// all calls in turn, so a lock that is held too long shows in the others' p99.
import { Counter, Trend } from "k6/metrics";
import { emit, env, inTurns, KEYS, median, now, once, VALUE_BYTES, VUS } from "./lib.js";
import { BARE, CALLS, fill, HUNDRED, openStores } from "./stores.js";

const ROUNDS = env("ROUNDS", 3);
const WINDOW = env("WINDOW", 0.4);
const SAMPLES = 400; // of each user in each window

const stores = openStores("memory/disk");
const names = Object.keys(CALLS).filter((name) => !CALLS[name].alone && !CALLS[name].own);
const MIX = "mix";
const mixNames = [...names, HUNDRED];

// What is measured: [store, call, users]; in every round, each once.
const measured = Object.keys(stores).flatMap((store) => [
  ...names.flatMap((call) => [
    [store, call, VUS],
    ...(call === BARE || call === "get" ? [[store, call, 1]] : []),
  ]),
  [store, MIX, VUS],
]);

// Metrics need plain names, so they have numbers.
const counters = Array.from({ length: measured.length * ROUNDS }, (_, i) => new Counter(`calls_${i}`));
const trends = measured.map((_, i) => new Trend(`took_${i}`));
const mixed = Object.fromEntries(
  Object.keys(stores).map((store, i) => [store, mixNames.map((_, j) => new Trend(`mix_${i}_${j}`))]),
);

export const options = { ...once(VUS), summaryTrendStats: ["med", "p(99)"] };

export async function setup() {
  for (const kv of Object.values(stores)) await fill(kv);
  return Date.now() + 500; // all users have started by then
}

async function timed(call, kv, at, samples) {
  const start = now();
  await call.loop(kv, 1, at);
  if (samples.length < SAMPLES) samples.push(now() - start);
}

function workOf([store, name, vus], samples) {
  const kv = stores[store];
  const call = CALLS[name];
  return {
    vus,
    work: async (count, at) => {
      await timed(call, kv, at, samples);
      if (count > 1) await call.loop(kv, count - 1, at + 1);
    },
  };
}

function mixOf([store, , vus], samples) {
  const kv = stores[store];
  return {
    vus,
    work: async (count, at) => {
      for (let i = at; i < at + count; i++) {
        const which = (i + __VU) % mixNames.length;
        try {
          await timed(CALLS[mixNames[which]], kv, i, samples[which]);
        } catch {
          // said already, in the call's own window
        }
      }
    },
  };
}

export default async function (start) {
  const windows = [];
  const store = []; // what to do with the samples of a window, once all is over
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, what] of measured.entries()) {
      const isMix = what[1] === MIX;
      const samples = isMix ? mixNames.map(() => []) : [];
      windows.push(isMix ? mixOf(what, samples) : workOf(what, samples));
      store.push(() => {
        if (isMix) samples.forEach((list, j) => list.forEach((us) => mixed[what[0]][j].add(us)));
        else samples.forEach((us) => trends[i].add(us));
      });
    }
  }
  const done = await inTurns(start, WINDOW, windows);
  done.forEach((count, i) => counters[i].add(count));
  store.forEach((add) => add());
}

const perSecond = (metrics, i) =>
  Array.from({ length: ROUNDS }, (_, round) => {
    const metric = metrics[`calls_${round * measured.length + i}`];
    return (metric ? metric.values.count : 0) / WINDOW;
  });

const latency = (metric) => (metric ? { med: metric.values.med, p99: metric.values["p(99)"] } : {});

export function handleSummary({ metrics }) {
  const rates = measured.map((_, i) => perSecond(metrics, i));
  const shared = { keys: KEYS, bytes: VALUE_BYTES };
  for (const [i, [store, call, vus]] of measured.entries()) {
    const isBare = (other) => other[0] === store && other[1] === BARE && other[2] === vus;
    const bare = rates[measured.findIndex(isBare)];
    const ratio = median(rates[i].map((rate, round) => bare[round] / rate));
    emit({ part: "vus", call, store, vus, ...shared, rate: median(rates[i]) || null, ratio, ...latency(metrics[`took_${i}`]) });
  }
  for (const [i, store] of Object.keys(stores).entries()) {
    for (const [j, call] of mixNames.entries()) {
      emit({ part: "mix", call, store, vus: VUS, ...shared, ...latency(metrics[`mix_${i}_${j}`]) });
    }
  }
  return {};
}
