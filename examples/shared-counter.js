// Shared counters: numbers that nobody else gets, and a quota for all together.
//
//   ./k6 run examples/shared-counter.js
//
// incrementBy reads, adds and writes in one step. With get and set, two virtual
// users could read the same number, and one of their additions would be lost.
import { check } from "k6";
import { Counter } from "k6/metrics";
import { openKv } from "k6/x/kv";

const ITERATIONS = 400;
const QUOTA = 50; // e-mails in the whole test

/** @type {import("k6/options").Options} */
export const options = {
  vus: 10,
  iterations: ITERATIONS,
  thresholds: {
    xk6_kv_errors_total: ["count==0"],
    checks: ["rate==1"],
    registrations: [`count==${ITERATIONS}`], // an iteration that throws makes this fail
    emails_sent: [`count==${QUOTA}`],
  },
};

const registrations = new Counter("registrations");
const emailsSent = new Counter("emails_sent");

const kv = openKv({ backend: "memory" });

export default async function () {
  // 1, 2, 3, …: each goes to one virtual user, whatever scenario it is in.
  const number = await kv.incrementBy("registrations", 1);
  const user = `user${number}@example.com`;
  check(await kv.setIfAbsent(`user:${user}`, { by: __VU }), {
    "the name is new": (added) => added,
  });
  registrations.add(1);

  // The first QUOTA to come here may go on. Counting further does no harm.
  if ((await kv.incrementBy("e-mails", 1)) <= QUOTA) {
    emailsSent.add(1); // the request would stand here
  }
}

export async function teardown() {
  const [last, asked, users] = await Promise.all([
    kv.get("registrations"),
    kv.get("e-mails"),
    kv.count({ prefix: "user:" }),
  ]);
  console.log(`${users} users, the last number is ${last}; ${asked} wanted e-mails`);
  check(null, {
    "no number is missing or came twice": () => last === ITERATIONS && users === ITERATIONS,
    "every request for an e-mail was counted": () => asked === ITERATIONS,
  });
}
