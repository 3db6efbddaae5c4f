// Every virtual user gets an account of its own, no matter how many there are
// of either, and each order is paid exactly once.
import { openKv } from "k6/x/kv";
import { check } from "k6";

const ACCOUNTS = 50;

const kv = openKv({ backend: "memory", trackKeys: true });

export const options = {
  scenarios: { users: { executor: "per-vu-iterations", vus: 20, iterations: 2 } },
  thresholds: { xk6_kv_errors_total: ["count==0"], checks: ["rate==1"] },
};

export async function setup() {
  for (let n = 1; n <= ACCOUNTS; n++) {
    await kv.set(`account:${n}`, { user: `user${n}`, password: `secret${n}` });
  }
}

export default async function () {
  // Chosen at random, and taken out in the same step: nobody else can get it.
  const account = await kv.popRandom({ prefix: "account:" });
  check(account, { "there is an account": (a) => a !== null });
  if (!account) return; // all are taken

  // Of all who try, one gets true. Who had the account is noted with it.
  const first = await kv.setIfAbsent(`used:${account.key}`, __VU);
  check(first, { "nobody had it before": (yes) => yes });

  // The orders are the same for all: only the first to come pays.
  const order = `order:${__ITER + 1}`;
  if (await kv.setIfAbsent(`paid:${order}`, account.value.user)) await kv.incrementBy("payments", 1);
}

export async function teardown() {
  const used = await kv.count({ prefix: "used:" });
  const left = await kv.count({ prefix: "account:" });
  console.log(`${used} accounts used, ${left} left, ${await kv.get("payments")} payments`);
  check(null, { "each account was used once": () => used + left === ACCOUNTS });
}
