// A feature flag for all virtual users: one of them switches it, all see it, and
// no change of its settings gets lost.
//
//   ./k6 run examples/feature-flag.js
//
// compareAndSwap stores a value if what is there is what the caller expects.
// So who decides something by a value that has changed meanwhile is told so.
import { check, sleep } from "k6";
import { Counter } from "k6/metrics";
import { openKv } from "k6/x/kv";

const VUS = 8;
const STEPS = 5; // by each virtual user

/** @type {import("k6/options").Options} */
export const options = {
  scenarios: { users: { executor: "per-vu-iterations", vus: VUS, iterations: STEPS } },
  thresholds: {
    xk6_kv_errors_total: ["count==0"],
    checks: ["rate==1"],
    switched: ["count==1"], // by one virtual user, no matter how many try
    changes: [`count==${VUS * STEPS}`],
  },
};

const switched = new Counter("switched");
const changes = new Counter("changes");

const kv = openKv({ backend: "memory" });

export async function setup() {
  await kv.set("flag:new checkout", "off");
  await kv.set("rollout", { percent: 0, changedBy: [] });
}

export default async function () {
  // Everybody wants to switch it on; all but one find that it is on already.
  if (await kv.compareAndSwap("flag:new checkout", "off", "on")) {
    switched.add(1);
  }
  check(await kv.get("flag:new checkout"), { "the flag is on": (flag) => flag === "on" });

  await change((rollout) => ({
    percent: rollout.percent + 1,
    changedBy: [...rollout.changedBy, __VU],
  }));
  changes.add(1);
  sleep(0.01);
}

/**
 * Replaces the settings by what is made of them, and tries again with the newer
 * ones if somebody else was faster.
 *
 * @typedef {{ percent: number, changedBy: number[] }} Rollout
 * @param {(rollout: Rollout) => Rollout} make - Makes new settings of old ones.
 */
async function change(make) {
  let current = await kv.get("rollout");
  for (;;) {
    const result = await kv.compareAndSwapDetailed("rollout", current, make(current), {
      includeCurrentOnMismatch: true,
    });
    if (result.swapped) {
      return;
    }
    current = result.current;
  }
}

export async function teardown() {
  const { percent, changedBy } = await kv.get("rollout");
  console.log(`the rollout is at ${percent} %, after ${changedBy.length} changes`);
  check(null, {
    "no change got lost": () => percent === VUS * STEPS && changedBy.length === VUS * STEPS,
  });
  // The members stand in another order than in the store: it is the same value.
  check(await kv.compareAndDelete("rollout", { changedBy, percent }), {
    "values are compared by what they mean": (deleted) => deleted,
  });
}
