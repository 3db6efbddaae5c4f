// Loading test data: once, in batches, checked, and still there in the next run.
//
//   ./k6 run examples/batch-load.js
//   ./k6 run examples/batch-load.js     # finds the data of the first run
//
// setMany stores all entries of an object or none, and costs one sync to the
// disk instead of one for each. To start over, delete batch-load.kv and
// batch-load.kv-lock.
import { check } from "k6";
import { SharedArray } from "k6/data";
import { Counter } from "k6/metrics";
import { openKv } from "k6/x/kv";

const USERS = 5000;
const BATCH = 1000;
const VERSION = "users, version 1"; // change it and the next run loads anew
const READS = 200;

/** @type {import("k6/options").Options} */
export const options = {
  vus: 4,
  iterations: READS,
  thresholds: {
    xk6_kv_errors_total: ["count==1"], // the bad batch that is refused
    checks: ["rate==1"],
    reads: [`count==${READS}`], // an iteration that throws makes this fail
  },
};

const reads = new Counter("reads");

const kv = openKv({ path: "batch-load.kv", trackKeys: true });

// A script would read a file here: JSON.parse(open("./users.json")).
const users = new SharedArray("users", () =>
  Array.from({ length: USERS }, (_, id) => ({ id, name: `user${id}`, plan: id % 3 })),
);

export async function setup() {
  const [mark] = await kv.getMany(["loaded"]); // a missing key is no error here
  if (mark?.value === VERSION) {
    console.log("the data is there from an earlier run");
  } else {
    await kv.clear(); // what a run that was cut short has left
    for (let from = 0; from < USERS; from += BATCH) {
      const batch = users.slice(from, from + BATCH);
      const { written } = await kv.setMany(
        Object.fromEntries(batch.map((user) => [`user:${user.id}`, user])),
      );
      check(written, { "the whole batch is stored": (n) => n === batch.length });
    }
    await kv.set("loaded", VERSION); // the last thing, so it vouches for all the rest
    console.log(`${USERS} users loaded`);
  }
  check(await kv.count({ prefix: "user:" }), { "all users are there": (n) => n === USERS });
  await refuse();
}

// One bad entry, and nothing of the batch is stored; the error has all of them.
async function refuse() {
  let error = null;
  try {
    await kv.setMany({ "user:new": { name: "Ada" }, "user:bad": { score: NaN }, "": "no key" });
  } catch (err) {
    error = /** @type {import("k6/x/kv").KVError} */ (err);
  }
  const stored = await kv.exists("user:new");
  check(error, {
    "a bad batch is refused": (err) => err?.name === "InvalidOptionsError",
    "all that is wrong is told": (err) =>
      err?.errors?.map(({ key, name }) => `${key} ${name}`).join() ===
      "user:bad SerializerError, InvalidOptionsError",
    "nothing of it is stored": () => !stored,
  });
}

export default async function () {
  const keys = await kv.randomKeys({ prefix: "user:", count: 5 });
  const some = await kv.getMany(keys);
  check(some, {
    "five different users": (all) => new Set(all.map(({ value }) => value.id)).size === 5,
    "each belongs to its key": (all) =>
      all.every(({ key, exists, value }) => exists && key === `user:${value.id}`),
  });
  reads.add(1);
}
