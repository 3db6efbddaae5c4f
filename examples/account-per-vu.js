// Every virtual user keeps its account from iteration to iteration.
//
//   ./k6 run examples/account-per-vu.js
//
// k6 gives a virtual user nothing to keep between iterations but variables of the
// script, and those do not tell others what is taken. claimForOwner gives whoever
// asks by the same name the same account again, and nobody else gets it until its
// owner gives it back or its time is over.
import { check, sleep } from "k6";
import exec from "k6/execution";
import { openKv } from "k6/x/kv";

const ACCOUNTS = 30;
const USERS = 10;
const ITERATIONS = 4;

/** @type {import("k6/options").Options} */
export const options = {
  scenarios: {
    customers: { executor: "per-vu-iterations", vus: USERS, iterations: ITERATIONS },
  },
  thresholds: { xk6_kv_errors_total: ["count==0"], checks: ["rate==1"] },
};

const kv = openKv({ backend: "memory", trackKeys: true });

export async function setup() {
  /** @type {Record<string, { user: string, password: string }>} */
  const accounts = {};
  for (let n = 1; n <= ACCOUNTS; n++) {
    accounts[`account:${n}`] = { user: `user${n}`, password: `secret${n}` };
  }
  await kv.setMany(accounts);
}

export default async function () {
  const claim = await kv.claimForOwner({
    prefix: "account:",
    owner: `VU ${exec.vu.idInTest}`,
    ttl: "10m", // longer than the test: it is not renewed by asking for it again
  });
  if (!check(claim, { "there is an account": (found) => found !== null }) || claim === null) return;

  const name = `logins:${exec.vu.idInTest}:${claim.key}`;
  await kv.incrementBy(name, 1);
  sleep(0.02); // stands for what claim.entry.value.user does in the shop

  if (exec.vu.iterationInScenario === ITERATIONS - 1) {
    check(await kv.releaseClaim(claim), { "it is given back": (ended) => ended });
  }
}

export async function teardown() {
  const logins = await kv.list({ prefix: "logins:" });
  const { claimedLive } = await kv.allocationStats({ prefix: "account:" });
  console.log(`${logins.length} accounts for ${USERS} virtual users, ${claimedLive} held still`);
  check(null, {
    "every virtual user had one account": () => logins.length === USERS,
    "in each of its iterations": () => logins.every(({ value }) => value === ITERATIONS),
    "none had two owners": () => new Set(logins.map(({ key }) => key.split(":")[3])).size === USERS,
    "all are free again": () => claimedLive === 0,
  });
}
