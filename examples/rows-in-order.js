// Rows of test data in their order, for all virtual users together.
//
//   ./k6 run examples/rows-in-order.js
//
// nextCircular hands out the rows over and over, each once in a round; next hands
// out each once, and they stay; popNext takes each away. All count for all virtual
// users, so none has to know which rows the others have. Where next is stands in
// the store: on disk the next run goes on there.
import { check } from "k6";
import exec from "k6/execution";
import { openKv } from "k6/x/kv";

const ROWS = 12;
const ROUNDS = 5;

/** @type {import("k6/options").Options} */
export const options = {
  scenarios: {
    around: {
      executor: "shared-iterations",
      exec: "around",
      vus: 4,
      iterations: ROWS * ROUNDS,
    },
    once: { executor: "per-vu-iterations", exec: "once", vus: 4, iterations: 1 },
    each: { executor: "per-vu-iterations", exec: "each", vus: 4, iterations: 1 },
  },
  thresholds: { xk6_kv_errors_total: ["count==0"], checks: ["rate==1"] },
};

const kv = openKv({ backend: "memory", trackKeys: true });

export async function setup() {
  /** @type {Record<string, { name: string }>} */
  const rows = {};
  for (let n = 1; n <= ROWS; n++) {
    const number = String(n).padStart(6, "0"); // keys are text: 000010 comes behind 000002
    rows[`search:${number}`] = { name: `product ${n}` };
    rows[`voucher:${number}`] = { name: `voucher ${n}` };
    rows[`page:${number}`] = { name: `page ${n}` };
  }
  await kv.setMany(rows);
}

export async function around() {
  const row = await kv.nextCircular({ prefix: "search:" });
  if (check(row, { "there is a row": (found) => found !== null }) && row !== null) {
    await kv.incrementBy(`times:${row.key}`, 1); // a search for row.value.name goes here
  }
}

export async function once() {
  let last = "";
  for (let row; (row = await kv.popNext({ prefix: "voucher:" })) !== null; last = row.key) {
    const { key } = row;
    check(null, { "rows come in order": () => key > last });
    const user = await kv.getOrSet(`used:${key}`, exec.vu.idInTest);
    check(user, { "nobody had it before": ({ loaded }) => !loaded });
  }
}

export async function each() {
  for (let row; (row = await kv.next({ prefix: "page:", position: "pages done" })) !== null; ) {
    await kv.incrementBy(`visits:${row.key}`, 1); // a visit of row.value.name goes here
  }
}

export async function teardown() {
  const times = await kv.list({ prefix: "times:" });
  const used = await kv.count({ prefix: "used:" });
  const visits = await kv.list({ prefix: "visits:" });
  console.log(`${times.length} rows searched for ${ROUNDS} times, ${used} vouchers used`);
  check(null, {
    "each row came once in a round": () =>
      times.length === ROWS && times.every(({ value }) => value === ROUNDS),
    "each voucher was used": () => used === ROWS,
    "each page was visited once": () =>
      visits.length === ROWS && visits.every(({ value }) => value === 1),
  });
}
