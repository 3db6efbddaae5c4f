// Random test data: every iteration picks a random user of one region.
//
//   ./k6 run examples/random-key-prefix.js
//
// trackKeys keeps an index of the keys in memory, so picking one stays fast
// however many users the file holds.
import { check } from "k6";
import { Counter } from "k6/metrics";
import { openKv } from "k6/x/kv";

const USERS = 500; // in each region
const PICKS = 400;

/** @type {import("k6/options").Options} */
export const options = {
  vus: 4,
  iterations: PICKS,
  thresholds: {
    xk6_kv_errors_total: ["count==0"],
    checks: ["rate==1"],
    picks: [`count==${PICKS}`], // an iteration that throws makes this fail
  },
};

const picks = new Counter("picks");

const kv = openKv({ path: "random-key-prefix.kv", trackKeys: true });

export async function setup() {
  await kv.clear(); // the file is still there from the last run

  // Waiting for all writes together is much faster than one by one: writes
  // that are under way at the same time share one sync to the disk.
  const writes = [];
  for (const region of ["eu", "us"]) {
    for (let id = 0; id < USERS; id++) {
      writes.push(kv.set(`user:${region}:${id}`, { id, region }));
    }
  }
  await Promise.all(writes);

  check(await kv.size(), { "all users are stored": (size) => size === 2 * USERS });
}

export default async function () {
  const key = await kv.randomKey({ prefix: "user:eu:" });
  const user = await kv.get(key);

  check(user, {
    "the user is of the region": ({ region }) => region === "eu",
    "the user belongs to the key": ({ id }) => key === `user:eu:${id}`,
  });
  picks.add(1);
}

export async function teardown() {
  // No key starts with this: the answer is "", not an error.
  check(await kv.randomKey({ prefix: "user:mars:" }), { "nobody is on Mars": (key) => key === "" });
}
