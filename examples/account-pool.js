// A pool of accounts that are lent and given back: more virtual users than
// accounts, long work, and one that never comes back.
//
//   ./k6 run examples/account-pool.js
//
// A claim is a lease: it ends by itself after its ttl. Whoever needs the account
// for longer renews it. The ttl only has to be longer than the longest time
// between two renewals, so an account whose holder has vanished is soon free.
import { check, sleep } from "k6";
import exec from "k6/execution";
import { Counter } from "k6/metrics";
import { openKv } from "k6/x/kv";

const ACCOUNTS = 5;
const VUS = 12;
const LEASE = 1200; // ms

/** @type {import("k6/options").Options} */
export const options = {
  scenarios: {
    customers: {
      executor: "per-vu-iterations",
      vus: VUS,
      iterations: 2,
      maxDuration: "10s",
    },
    deserter: { executor: "per-vu-iterations", vus: 1, iterations: 1, exec: "vanish" },
  },
  thresholds: {
    xk6_kv_errors_total: ["count==0"],
    checks: ["rate==1"],
    visits: [`count==${2 * VUS}`], // an iteration that throws makes this fail
    deserted: ["count==1"],
  },
};

const visits = new Counter("visits");
const deserted = new Counter("deserted");

const kv = openKv({ backend: "memory", trackKeys: true });

export async function setup() {
  /** @type {Record<string, { user: string }>} */
  const accounts = {};
  for (let n = 1; n <= ACCOUNTS; n++) {
    accounts[`account:${n}`] = { user: `user${n}` };
  }
  await kv.setMany(accounts);
}

// Waits until an account is free; who has waited longest gets it. If several are free,
// each has the same chance.
async function borrow() {
  const claim = await kv.claimRandom({
    prefix: "account:",
    owner: `${exec.scenario.name}, VU ${exec.vu.idInTest}`,
    ttl: LEASE,
    timeout: "10s",
  });
  if (claim === null) {
    throw new Error("no account was free for ten seconds");
  }
  return claim;
}

export default async function () {
  const claim = await borrow();
  const before = await kv.incrementBy(`holders:${claim.key}`, 1);

  let held = true;
  for (let step = 1; step <= 3; step++) {
    sleep(0.05); // requests to the system under test
    held = (await kv.renewClaim(claim, { ttl: LEASE })) && held; // counts from now
  }

  await kv.incrementBy(`holders:${claim.key}`, -1);
  const ended = await kv.releaseClaim(claim);
  check(null, {
    "the account had no other holder": () => before === 1,
    "the lease could be renewed": () => held,
    "the lease was ours until the end": () => ended,
  });
  visits.add(1);
}

// Takes an account and does not give it back.
export async function vanish() {
  const claim = await borrow();
  sleep(LEASE / 1000 + 0.2);
  check(null, {
    "the holder is known by name": () => claim.owner.startsWith("deserter"),
  });
  // Too late: others have had the account since, or can have it.
  check(await kv.releaseClaim(claim), { "a lease that ran out is void": (ended) => !ended });
  deserted.add(1);
}

export async function teardown() {
  const pool = await kv.allocationStats({ prefix: "account:" });
  console.log(`${pool.claimable} of ${pool.total} accounts are free`);
  check(pool, {
    "every account is back": ({ total, claimable }) => total === ACCOUNTS && claimable === ACCOUNTS,
  });
}
