// Persistence: what one run stores, the next one finds.
//
//   ./k6 run examples/persistence.js
//   ./k6 run examples/persistence.js     # run 2 sees the data of run 1
//
// To start over, delete persistence.kv and persistence.kv-lock.
import { check } from "k6";
import exec from "k6/execution";
import { openKv } from "k6/x/kv";

const VUS = 5;

/** @type {import("k6/options").Options} */
export const options = {
  scenarios: {
    visits: { executor: "per-vu-iterations", vus: VUS, iterations: 1 },
  },
  thresholds: { xk6_kv_errors_total: ["count==0"], checks: ["rate==1"] },
};

const kv = openKv({ path: "persistence.kv" });

// Runs once before the virtual users start; what it returns is handed to them.
export async function setup() {
  const earlier = (await kv.exists("runs")) ? await kv.get("runs") : 0;
  const run = earlier + 1;
  console.log(`run ${run}: the store holds the visits of ${earlier} earlier run(s)`);
  return { run };
}

/** @param {{ run: number }} data - What setup returned. */
export default async function ({ run }) {
  await kv.set(`visit:${run}:${exec.vu.idInTest}`, { at: new Date() });
}

/**
 * Runs once after the virtual users have ended.
 *
 * @param {{ run: number }} data - What setup returned.
 */
export async function teardown({ run }) {
  const visits = await kv.list({ prefix: "visit:" });
  console.log(`run ${run}: ${visits.length} visits are stored now`);
  if (check(visits, { "the visits of all runs are there": (all) => all.length === run * VUS })) {
    await kv.set("runs", run);
  }
}
