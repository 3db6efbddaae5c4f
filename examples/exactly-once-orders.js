// Exactly once: the same orders reach every virtual user, as they do where
// messages are delivered more than once, and each is paid by one of them.
//
//   ./k6 run examples/exactly-once-orders.js
//
// setIfAbsent stores a mark unless there is one and tells which it was. Of all
// who try, at the same moment or later, one gets true.
import { check, sleep } from "k6";
import { Counter, Rate } from "k6/metrics";
import { openKv } from "k6/x/kv";

const VUS = 10;
const ORDERS = 25;

/** @type {import("k6/options").Options} */
export const options = {
  scenarios: { listeners: { executor: "per-vu-iterations", vus: VUS, iterations: 1 } },
  thresholds: {
    xk6_kv_errors_total: ["count==0"],
    checks: ["rate==1"],
    payments: [`count==${ORDERS}`],
    deliveries_that_pay: [`rate==${1 / VUS}`],
  },
};

const payments = new Counter("payments");
const deliveriesThatPay = new Rate("deliveries_that_pay");

const kv = openKv({ backend: "memory" });

export default async function () {
  for (let id = 1; id <= ORDERS; id++) {
    // The value says who it was: worth having when a run goes wrong.
    const first = await kv.setIfAbsent(`paid:${id}`, { by: __VU, at: new Date() });
    deliveriesThatPay.add(first);
    if (first) {
      await pay(id);
    }
    sleep(0.002);
  }
}

/** @param {number} id - The order's number. */
async function pay(id) {
  // A request to the system under test would stand here. If it fails for good,
  // deleting the mark lets somebody else try: await kv.delete(`paid:${id}`);
  await kv.incrementBy("revenue", 10 * id);
  payments.add(1);
}

export async function teardown() {
  const revenue = await kv.get("revenue");
  const marks = await kv.list({ prefix: "paid:" });
  console.log(`${marks.length} orders paid, ${revenue} earned`);
  check(null, {
    "every order is paid": () => marks.length === ORDERS,
    "no order is paid twice": () => revenue === (10 * ORDERS * (ORDERS + 1)) / 2,
    "the mark names a virtual user": () => marks.every(({ value }) => value.by >= 1),
  });
}
