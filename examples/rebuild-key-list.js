// Rebuilding the key index by hand.
//
//   ./k6 run examples/rebuild-key-list.js
//
// With trackKeys the index is built when the store opens and kept up to date
// by every write, so a script does not need this call. It is there for scripts
// that want to be sure, for instance between two phases of a long test.
import { check } from "k6";
import { Counter } from "k6/metrics";
import { openKv } from "k6/x/kv";

const KEYS = 100;

/** @type {import("k6/options").Options} */
export const options = {
  thresholds: {
    xk6_kv_errors_total: ["count==0"],
    checks: ["rate==1"],
    finished: ["count==1"], // an error that nobody catches makes this fail
  },
};

const finished = new Counter("finished");

const kv = openKv({ path: "rebuild-key-list.kv", trackKeys: true });

export default async function () {
  await kv.clear();
  await Promise.all(Array.from({ length: KEYS }, (_, i) => kv.set(`order:${i}`, i)));

  // Made after the writes, so it sees them: the calls of one virtual user take
  // effect in the order in which it makes them.
  const rebuilt = await kv.rebuildKeyList();
  const size = await kv.size();
  const key = await kv.randomKey({ prefix: "order:" });
  const value = await kv.get(key);
  console.log(`index rebuilt over ${size} keys; a random one is ${key}`);

  check(null, {
    "rebuildKeyList resolves to true": () => rebuilt === true,
    "no key is lost or added": () => size === KEYS,
    "randomKey works on the new index": () => key === `order:${value}`,
  });
  finished.add(1);
}
