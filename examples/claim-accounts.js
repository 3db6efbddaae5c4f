// Claim, work, complete: every account is used once, by one virtual user.
//
//   ./k6 run examples/claim-accounts.js
//
// popRandom would hand out each account once, too, but with it an account is
// gone as soon as it is taken. A claimed one stays in the store until its work
// is complete: if the work fails it is given back, and if the virtual user never
// comes back the claim expires. So no account gets lost.
import { check, sleep } from "k6";
import { Counter } from "k6/metrics";
import { openKv } from "k6/x/kv";

const ACCOUNTS = 40;

/** @type {import("k6/options").Options} */
export const options = {
  scenarios: {
    customers: { executor: "per-vu-iterations", vus: 10, iterations: 1, maxDuration: "10s" },
  },
  thresholds: {
    xk6_kv_errors_total: ["count==0"],
    checks: ["rate==1"],
    // Every account is completed, and once: an error anywhere makes this fail.
    accounts_completed: [`count==${ACCOUNTS}`],
  },
};

const accountsCompleted = new Counter("accounts_completed");

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
  while ((await kv.count({ prefix: "account:" })) > 0) {
    const claim = await kv.claimRandom({
      prefix: "account:",
      owner: `VU ${__VU}`,
      ttl: "10s",
      timeout: "200ms", // others may hold the rest, and give some back
    });
    if (claim !== null) {
      await use(claim);
    }
  }
}

/** @param {import("k6/x/kv").Claim} claim - Whoever has it is alone with the account. */
async function use(claim) {
  const alone = (await kv.incrementBy(`at work:${claim.key}`, 1)) === 1;
  const succeeded = await visitShop(claim.entry.value);
  await kv.incrementBy(`at work:${claim.key}`, -1);
  check(null, { "nobody else has the account": () => alone });

  if (!succeeded) {
    check(await kv.releaseClaim(claim), { "it is given back": (ended) => ended });
    return;
  }
  // Ends the claim and deletes the key, in one step. False would mean that the
  // work took longer than the claim lasts, and that somebody else may do it, too.
  if (check(await kv.completeClaim(claim), { "the claim still held": (ended) => ended })) {
    accountsCompleted.add(1);
  }
}

/**
 * Stands for requests to the system under test: the first try of every tenth
 * account fails.
 *
 * @param {{ user: string, password: string }} account - Whose visit it is.
 */
async function visitShop({ user }) {
  sleep(0.02);
  return !user.endsWith("5") || !(await kv.setIfAbsent(`failed:${user}`, true));
}

export async function teardown() {
  const left = await kv.count({ prefix: "account:" });
  const failed = await kv.count({ prefix: "failed:" });
  console.log(`${left} accounts left, ${failed} were given back and taken again`);
  check(null, {
    "no account is left": () => left === 0,
    "some were given back": () => failed === ACCOUNTS / 10,
  });
}
