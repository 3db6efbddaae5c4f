// Quick start: write, read, list, pick at random, delete.
//
//   ./k6 run examples/quick-start.js
//
// The data lands in the file .k6.kv of the directory that k6 was started in,
// and is still there in the next run. Run it as often as you like.
import { check } from "k6";
import { Counter } from "k6/metrics";
import { openKv } from "k6/x/kv";

/** @type {import("k6/options").Options} */
export const options = {
  // k6 only reports failed checks, and only logs errors that nobody catches.
  // These thresholds make it exit with an error in both cases: no call has failed
  // (a metric of the store), no check either, and the end was reached.
  thresholds: { xk6_kv_errors_total: ["count==0"], checks: ["rate==1"], finished: ["count==1"] },
};

const finished = new Counter("finished");

// Stores are opened here, at the top level. Every virtual user runs this line
// and gets a handle on the same store.
const kv = openKv();

export default async function () {
  // Keys are strings; values are whatever JSON can hold.
  await kv.set("demo:user:ada", { name: "Ada", visits: 1 });
  await kv.set("demo:user:grace", { name: "Grace", visits: 2 });
  await kv.set("demo:token", "abc123");

  const ada = await kv.get("demo:user:ada");
  console.log(`get:       ${ada.name} has ${ada.visits} visit(s)`);

  const existed = await kv.exists("demo:token");
  const deleted = await kv.delete("demo:token"); // also true if the key was not there
  const exists = await kv.exists("demo:token");
  console.log(`exists:    ${existed} before delete, ${exists} after`);

  console.log(`get again: ${await getToken()}`);

  console.log(`size:      ${await kv.size()} keys`);

  const users = await kv.list({ prefix: "demo:user:", limit: 10 }); // in the order of the keys
  for (const { key, value } of users) {
    console.log(`list:      ${key} = ${JSON.stringify(value)}`);
  }

  const anyKey = await kv.randomKey(); // "" if the store is empty
  const anyUser = await kv.randomKey({ prefix: "demo:user:" });
  const nobody = await kv.randomKey({ prefix: "demo:nobody:" });
  console.log(`randomKey: ${anyKey}, of the users ${anyUser}, of nobody "${nobody}"`);

  check(null, {
    "get gives what was set": () => ada.name === "Ada" && ada.visits === 1,
    "delete removes the key": () => existed && deleted && !exists,
    "list is in key order": () =>
      users.map(({ key }) => key).join() === "demo:user:ada,demo:user:grace",
    "randomKey gives a key": () => anyKey !== "",
    "randomKey honours the prefix": () => anyUser.startsWith("demo:user:") && nobody === "",
  });
  finished.add(1);
}

// To get a missing key is an error, KeyNotFoundError, so it cannot be mistaken for
// a stored null. Where a key may well be missing, getMany tells without an error.
async function getToken() {
  const [token] = await kv.getMany(["demo:token"]);
  return token?.exists ? token.value : "(no token)";
}
