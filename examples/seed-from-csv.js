// A CSV file of users: loaded once, before the test, and each row used once.
//
//   ./k6 run examples/seed-from-csv.js
//
// The file is read once for all virtual users, and not, as by open(), once for each.
import { check } from "k6";
import exec from "k6/execution";
import { Counter } from "k6/metrics";
import { openKv } from "k6/x/kv";

const ROWS = 20;

/** @type {import("k6/options").Options} */
export const options = {
  scenarios: {
    users: { executor: "shared-iterations", vus: 5, iterations: ROWS },
  },
  thresholds: {
    xk6_kv_errors_total: ["count==0"],
    checks: ["rate==1"],
    users: [`count==${ROWS}`], // as many as there are rows, and the checks say: none twice
  },
};

const users = new Counter("users");

const kv = openKv({ backend: "memory", trackKeys: true });

// Relative to this script. "users.csv" would be where k6 was started.
const FILE = import.meta.resolve("./data/users.csv");

export async function setup() {
  // Before anything is stored: is the whole file right? The message has row and line.
  const checked = await kv.validateCSV({ fileName: FILE, keyColumn: "username" });
  if (!checked.valid) {
    exec.test.abort(`${FILE}: ${checked.firstError.message}`);
  }
  const { imported } = await kv.importCSV({
    fileName: FILE,
    keyColumn: "username",
    prefix: "user:",
  });
  console.log(`${imported} users loaded`);
}

export default async function () {
  const row = await kv.popRandom({ prefix: "user:" }); // gone: nobody else gets it
  check(row, {
    "there is a row left": (user) => user !== null,
    "its cells are text": (user) => user?.value.password.startsWith("secret-"),
    "a comma in quotes is no delimiter": (user) => /^[^"]+$/.test(user?.value.city),
  });
  if (row === null) {
    return;
  }
  // A login would stand here: http.post(url, { user: row.value.username, … })
  check(await kv.setIfAbsent(`used:${row.key}`, true), { "nobody had it before": (first) => first });
  users.add(1);
}

export async function teardown() {
  check(await kv.count({ prefix: "user:" }), { "no row is left": (n) => n === 0 });
}
