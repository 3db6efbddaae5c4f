// Times each call next to a bare `await Promise.resolve()`, in turns
// within the same run, so that a slow moment of the machine strikes both.
//
//   k6 run bench/calls.js -e KEYS=20000 -e VALUE_BYTES=50 -e ROUNDS=15 \
//     -e STORES=memory/disk -e CALLS=get/set
//
// One virtual user; the stores are filled first. Prints a row for each call and
// store: median of a call in microseconds, quartiles, the bare await's median,
// and the median of the rounds' ratios.
import { BATCH_US, emit, env, KEYS, median, now, once, quantile, VALUE_BYTES } from "./lib.js";
import { BARE, CALLS, fill, HUNDRED, openStores } from "./stores.js";
export { handleSummary } from "./lib.js";

const ROUNDS = env("ROUNDS", 15);
const MOST = 20000;

const stores = openStores("memory/disk/disk none");
const notHere = [BARE, HUNDRED, "set and delete"];
const wanted = __ENV.CALLS ? __ENV.CALLS.split("/") : Object.keys(CALLS).filter((name) => !notHere.includes(name));

export const options = once(1);

async function time(call, kv, count, at) {
  if (call.before) await call.before(kv, count, at);
  const start = now();
  await call.loop(kv, count, at);
  return (now() - start) / count / (call.per || 1);
}

// How many calls fill a batch.
async function calibrate(call, kv) {
  const limit = call.limit || MOST;
  let count = 1;
  let us = await time(call, kv, count, 0);
  const per = call.per || 1;
  while (us * per * count < BATCH_US / 4 && count < limit) {
    count = Math.min(limit, count * 4);
    us = await time(call, kv, count, 0);
  }
  return Math.max(1, Math.min(limit, Math.round(BATCH_US / us / per)));
}

async function measure(name, kv, bareCount) {
  const count = await calibrate(CALLS[name], kv);
  const rounds = CALLS[name].alone ? Math.min(ROUNDS, 3) : ROUNDS;
  const bare = [];
  const times = [];
  for (let round = 0; round < rounds; round++) {
    bare.push(await time(CALLS[BARE], kv, bareCount, 0));
    times.push(await time(CALLS[name], kv, count, round * count));
  }
  return {
    us: median(times),
    low: quantile(times, 0.25),
    high: quantile(times, 0.75),
    bare: median(bare),
    ratio: median(times.map((us, i) => us / bare[i])),
  };
}

export default async function () {
  const bareCount = await calibrate(CALLS[BARE]);
  for (const [store, kv] of Object.entries(stores)) {
    await fill(kv);
    for (const name of wanted) {
      const which = { call: name, store, keys: KEYS, bytes: VALUE_BYTES };
      try {
        emit({ part: "calls", ...which, ...(await measure(name, kv, bareCount)) });
      } catch (err) {
        emit({ part: "failed", ...which, why: String(err) });
      }
    }
  }
}
