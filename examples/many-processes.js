// One store for many k6 processes, as the load generators of one test are: on a Redis or
// Valkey server. Every account is used once, whichever process takes it; orders have numbers
// that no other has, and a quota holds for all together.
//
//   export K6_KV_REDIS_URL=redis://127.0.0.1:6379
//   ./k6 run --address= examples/many-processes.js &
//   ./k6 run --address= examples/many-processes.js
//
// For the next test use another name, as by -e RUN=2: what is on a server stays there.
// kubernetes/ beside this file has the same script run by k6-operator.
import { check, sleep } from "k6";
import { openKv } from "k6/x/kv";

const PROCESSES = Number(__ENV.PROCESSES || 2); // that this test is made of
const ACCOUNTS = 500;
const QUOTA = 10; // e-mails in the whole test

export const options = {
  scenarios: { customers: { executor: "per-vu-iterations", vus: 8, iterations: 5 } },
  thresholds: { xk6_kv_errors_total: ["count==0"], checks: ["rate==1"] },
};

// Where the server is stands in the environment, and with it the password.
const kv = openKv({ backend: "redis", name: `many-processes ${__ENV.RUN || 1}` });

// setup runs in every process. They come here one after the other, since the claim is a
// lock; the first one loads the data, and all others find that done. If it is killed
// meanwhile, its claim ends, and the next one loads.
export async function setup() {
  await kv.setIfAbsent("seed", { done: false });
  const lock = await kv.claimKey("seed", { ttl: "1m", timeout: "2m" });
  if (lock === null) {
    throw new Error("the process that loads the data has not come to an end");
  }
  if (!lock.entry.value.done) {
    const numbers = Array.from({ length: ACCOUNTS }, (_, n) => n + 1);
    await kv.setMany(Object.fromEntries(numbers.map((n) => [`account:${n}`, { user: `user${n}` }])));
    await kv.set("seed", { done: true });
  }
  await kv.releaseClaim(lock);
  return { process: await kv.incrementBy("processes", 1) };
}

/** @param {{ process: number }} data - What setup has returned. */
export default async function ({ process }) {
  const me = `process ${process}, VU ${__VU}`;
  const account = await kv.claimRandom({ prefix: "account:", owner: me, ttl: "1m" });
  check(account, { "there is an account": (claim) => claim !== null });
  if (account === null) return;

  const first = await kv.setIfAbsent(`used:${account.key}`, { by: me });
  check(first, { "nobody has used it before": (yes) => yes });

  const number = await kv.incrementBy("orders", 1); // 1, 2, 3, … over all processes
  const isNew = await kv.setIfAbsent(`order:${number}`, { account: account.key });
  check(isNew, { "nobody has this order's number": (yes) => yes });

  const mail = await kv.incrementBy("e-mails", 1);
  if (mail <= QUOTA) await kv.set(`e-mail:${mail}`, { to: account.entry.value.user });

  sleep(0.02); // the requests would stand here
  check(await kv.completeClaim(account), { "the claim still held": (yes) => yes });
}

/**
 * Runs in every process, too. The last one sees what all have left.
 *
 * @param {{ process: number }} data - What setup has returned.
 */
export async function teardown({ process }) {
  console.log(`process ${process} is done`);
  if ((await kv.incrementBy("done", 1)) < PROCESSES) return;

  const [left, used, orders, mails] = await Promise.all(
    ["account:", "used:", "order:", "e-mail:"].map((prefix) => kv.count({ prefix })),
  );
  console.log(`${used} accounts were used by ${PROCESSES} processes, ${mails} e-mails sent`);
  check(null, {
    "each account was used once": () => used > 0 && used + left === ACCOUNTS,
    "each has one order": () => orders === used,
    "no more e-mails than allowed": () => mails === QUOTA,
  });
  if (__ENV.RESULTS) await kv.exportJSONL({ fileName: __ENV.RESULTS, prefix: "used:" });
  await kv.clear();
}
