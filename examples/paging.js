// Paging: going through a store in pages while others write to it.
//
//   ./k6 run examples/paging.js
//
// A list of everything is one array; with millions of entries that is a lot of
// memory. scan gives a page and a cursor to go on with. A key that is there all
// the while is seen exactly once, whatever happens between two pages.
import { check, sleep } from "k6";
import { Counter } from "k6/metrics";
import { openKv } from "k6/x/kv";

const USERS = 2300;
const PAGE = 250;

/** @type {import("k6/options").Options} */
export const options = {
  scenarios: {
    reader: { executor: "per-vu-iterations", vus: 2, iterations: 1, exec: "walk" },
    writer: { executor: "per-vu-iterations", vus: 2, iterations: 100, exec: "disturb" },
  },
  thresholds: {
    xk6_kv_errors_total: ["count==0"],
    checks: ["rate==1"],
    walks: ["count==2"], // an error that nobody catches makes this fail
    disturbances: ["count==200"],
  },
};

const walks = new Counter("walks");
const disturbances = new Counter("disturbances");

const kv = openKv({ backend: "memory", trackKeys: true });

export async function setup() {
  /** @type {Record<string, { id: number }>} */
  const users = {};
  for (let id = 0; id < USERS; id++) {
    users[`user:${String(id).padStart(5, "0")}`] = { id };
  }
  await kv.setMany(users);
  await kv.setMany({ "order:1": {}, "visitor:1": {} }); // with other prefixes
}

// Guests come and go between the users, while others read.
export async function disturb() {
  const key = `user:${String(Math.floor(Math.random() * USERS)).padStart(5, "0")}:guest`;
  await kv.set(key, { guest: true });
  sleep(0.003);
  await kv.delete(key);
  disturbances.add(1);
}

export async function walk() {
  const seen = new Set();
  let pages = 0;
  let entriesSeen = 0;
  let last = "";
  let inOrder = true;

  for (let cursor = "", done = false; !done; ) {
    const page = await kv.scan({ prefix: "user:", limit: PAGE, cursor });
    for (const { key, value } of page.entries) {
      inOrder = inOrder && key > last;
      last = key;
      if (!value.guest) {
        seen.add(value.id);
        entriesSeen++;
      }
    }
    pages++;
    ({ cursor, done } = page);
    sleep(0.02); // the work on a page
  }

  console.log(`VU ${__VU}: ${seen.size} users on ${pages} pages`);
  check(null, {
    "every user is seen": () => seen.size === USERS,
    "no user is seen twice": () => entriesSeen === USERS,
    "pages come in the order of the keys": () => inOrder,
    "there are as many pages as needed": () => pages >= Math.ceil(USERS / PAGE),
  });
  walks.add(1);
}

// Without writers, pages and one list are the same. scanKeys leaves out values.
export async function teardown() {
  /** @type {string[]} */
  const keys = [];
  for (let cursor = "", done = false; !done; ) {
    const page = await kv.scanKeys({ prefix: "user:", limit: USERS / 2, cursor });
    keys.push(...page.keys);
    ({ cursor, done } = page);
  }
  const all = await kv.listKeys({ prefix: "user:" });
  check(keys, { "the pages make up the list": () => keys.join() === all.join() });
}
