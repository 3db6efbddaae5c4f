// Cleaning up: removing what a run has made, and nothing else.
//
//   ./k6 run examples/cleanup.js
//
// All keys of a run begin with the run's own prefix. deleteByPrefix removes
// those, so many at a time that other virtual users need not wait for long.
import { check } from "k6";
import { Counter } from "k6/metrics";
import { openKv } from "k6/x/kv";

const VUS = 5;
const SESSIONS = 100; // of each virtual user
const AT_ONCE = 150;

/** @type {import("k6/options").Options} */
export const options = {
  scenarios: { users: { executor: "per-vu-iterations", vus: VUS, iterations: 1 } },
  thresholds: {
    xk6_kv_errors_total: ["count==0"],
    checks: ["rate==1"],
    finished: [`count==${VUS + 1}`], // an error that nobody catches makes this fail
  },
};

const finished = new Counter("finished");

const kv = openKv({ path: "cleanup.kv", trackKeys: true });

export async function setup() {
  await kv.setMany({ "config:region": "eu", "user:1": { name: "Ada" } }); // to be kept
  const run = await kv.incrementBy("runs", 1);
  return { prefix: `run:${run}:`, keep: (await kv.size()) - (await kv.count({ prefix: "run:" })) };
}

/** @param {{ prefix: string }} data - What setup returned. */
export default async function ({ prefix }) {
  /** @type {Record<string, { by: number }>} */
  const sessions = {};
  for (let n = 0; n < SESSIONS; n++) {
    sessions[`${prefix}session:${__VU}:${n}`] = { by: __VU };
  }
  await kv.setMany(sessions);

  // Single keys: what was there is counted, what was not is no error.
  const own = `${prefix}session:${__VU}:`;
  const result = await kv.deleteMany([`${own}0`, `${own}1`, `${own}1`, `${own}none`]);
  check(result, {
    "what was there is counted": ({ deleted, missing }) => deleted === 2 && missing === 2,
  });
  finished.add(1);
}

/** @param {{ prefix: string, keep: number }} data - What setup returned. */
export async function teardown({ prefix, keep }) {
  const expected = VUS * (SESSIONS - 2);
  let deleted = 0;
  let calls = 0;
  for (let done = false; !done; ) {
    const result = await kv.deleteByPrefix({ prefix, limit: AT_ONCE });
    deleted += result.deleted;
    calls++;
    done = result.done;
  }
  console.log(`${deleted} keys of ${prefix} deleted in ${calls} calls`);

  const left = await kv.count({ prefix });
  const size = await kv.size();
  const kept = await kv.getMany(["config:region", "user:1"]);
  check(null, {
    "everything of the run is gone": () => deleted === expected && left === 0,
    "no call deletes more than it may": () => calls === Math.ceil(expected / AT_ONCE),
    "nothing else is": () => size === keep && kept.every(({ exists }) => exists),
  });
  finished.add(1);
}
