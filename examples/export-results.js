// What a test has produced, for a spreadsheet and for other programs.
//
//   ./k6 run examples/export-results.js
//   cat results/orders.csv
//
// The virtual users keep what they have made in the store; teardown, which runs once,
// writes it to files. A file is replaced only when the new one is complete.
import { check } from "k6";
import exec from "k6/execution";
import { openKv } from "k6/x/kv";

const ORDERS = 30;

/** @type {import("k6/options").Options} */
export const options = {
  vus: 5,
  iterations: ORDERS,
  thresholds: { xk6_kv_errors_total: ["count==0"], checks: ["rate==1"] },
};

const kv = openKv({ backend: "memory" });

export default async function () {
  const number = exec.scenario.iterationInTest;
  // The order of keys is that of text: zeros in front keep 10 behind 9.
  await kv.set(`order:${String(number).padStart(6, "0")}`, {
    user: `user${exec.vu.idInTest}`,
    total: Math.round(number * 1250) / 100,
    paid: number % 2 === 0,
    note: number === 7 ? 'gift, "wrapped"' : null, // an empty cell
    items: Array.from({ length: (number % 3) + 1 }, (_, n) => ({ sku: `sku-${n}` })),
  });
}

export async function teardown() {
  const prefix = "order:";
  // CSV has room for text, numbers, true and false; JSONL for all of a value.
  const rows = await kv.exportCSV({
    fileName: "results/orders.csv",
    prefix,
    columns: ["user", "total", "paid", "note"],
  });
  const lines = await kv.exportJSONL({ fileName: "results/orders.jsonl", prefix });
  console.log(`${rows.exported} orders are in ${rows.fileName}, ${rows.bytesWritten} bytes`);

  const back = await kv.importCSV({ fileName: rows.fileName, keyColumn: "key", prefix: "back:" });
  const gift = await kv.get("back:order:000007");
  check(gift, {
    "all orders are in both files": () => rows.exported === ORDERS && lines.exported === ORDERS,
    "what was written can be read": ({ note }) =>
      back.imported === ORDERS && note === 'gift, "wrapped"',
  });
}
