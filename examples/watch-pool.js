// Watching a pool: how much of it is in use, and what the calls cost, as metrics
// with thresholds.
//
//   ./k6 run examples/watch-pool.js
//
// metrics.operations makes k6 metrics of every call. reportStats emits what the
// store holds at that moment, so one virtual user that calls it now and then is
// enough. allocationStats counts what is free under a prefix. Any output of k6
// has these metrics: k6 run --out json=metrics.json, or a dashboard with
// K6_WEB_DASHBOARD=true.
import { check, sleep } from "k6";
import { Counter, Trend } from "k6/metrics";
import { openKv } from "k6/x/kv";

const ACCOUNTS = 20;
const VUS = 8;
const VISITS = 10; // of each virtual user
const LOOKS = 15;

/** @type {import("k6/options").Options} */
export const options = {
  scenarios: {
    customers: { executor: "per-vu-iterations", vus: VUS, iterations: VISITS },
    watcher: { executor: "per-vu-iterations", vus: 1, iterations: LOOKS, exec: "watch" },
  },
  thresholds: {
    xk6_kv_errors_total: ["count==1"], // the one in setup
    xk6_kv_claims_lost_total: ["count==0"], // nobody has kept an account too long
    checks: ["rate==1"],
    // Those that only hold if the metrics are there and right:
    "xk6_kv_operations_total{op:claim_random}": [`count==${VUS * VISITS}`],
    "xk6_kv_operations_total{op:release_claim,status:ok}": [`count==${VUS * VISITS}`],
    "xk6_kv_operations_total{op:get,status:error}": ["count==1"],
    "xk6_kv_errors_total{error_type:KeyNotFoundError}": ["count==1"],
    xk6_kv_keys: [`value==${ACCOUNTS}`],
    xk6_kv_claims_live: ["value==0"], // the last value: in the end all are back
    "xk6_kv_index_consistent{scenario:watcher}": ["value==1"],
    // Those that a load test would have:
    "xk6_kv_empty_result{op:claim_random}": ["rate==0"], // the pool is large enough
    "xk6_kv_operation_failed{op:claim_random}": ["rate==0"],
    "xk6_kv_operation_duration{op:claim_random}": ["p(95)<250"], // ms
    accounts_free: [`min>=${ACCOUNTS - VUS}`, `max<=${ACCOUNTS}`],
    looks: [`count==${LOOKS}`], // an iteration that throws makes this fail
  },
};

const accountsFree = new Trend("accounts_free");
const looks = new Counter("looks");

const kv = openKv({ backend: "memory", trackKeys: true, metrics: { operations: true } });

export async function setup() {
  /** @type {Record<string, { user: string }>} */
  const accounts = {};
  for (let n = 1; n <= ACCOUNTS; n++) {
    accounts[`account:${n}`] = { user: `user${n}` };
  }
  await kv.setMany(accounts);

  // An error, to see how it is counted.
  const error = await kv.get("nobody").catch((err) => err);
  check(error, { "errors have names": ({ name }) => name === "KeyNotFoundError" });
}

export default async function () {
  const claim = await kv.claimRandom({ prefix: "account:" });
  if (!check(claim, { "there is a free account": (c) => c !== null }) || claim === null) {
    return;
  }
  sleep(0.05 + Math.random() * 0.05); // requests to the system under test
  check(await kv.releaseClaim(claim), { "it is given back": (ended) => ended });
}

export async function watch() {
  const pool = await kv.allocationStats({ prefix: "account:" });
  accountsFree.add(pool.claimable);
  check(pool, {
    "an account is free or held": ({ total, claimable, claimedLive }) =>
      total === ACCOUNTS && claimable + claimedLive === total,
    "nobody holds two": ({ claimedLive }) => claimedLive <= VUS,
  });
  await kv.reportStats();
  looks.add(1);
  sleep(0.1);
}

export async function teardown() {
  const stats = await kv.stats();
  console.log(`${stats.count} accounts, ${stats.claims.live} of them held`);
  check(stats, {
    "all are given back": ({ claims }) => claims.live === 0,
    "nothing is lost": ({ count }) => count === ACCOUNTS,
  });
  await kv.reportStats();
}
