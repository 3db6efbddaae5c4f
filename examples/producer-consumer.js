// Producer and consumers: three scenarios that share queues in memory.
//
//   ./k6 run examples/producer-consumer.js
//
// One scenario makes jobs, one takes them in order, one takes them at random.
// Each queue has one consumer, so no job is ever taken twice.
import { check, sleep } from "k6";
import exec from "k6/execution";
import { Counter } from "k6/metrics";
import { openKv } from "k6/x/kv";

const JOBS = 30; // for each queue

/** @type {import("k6/options").Options} */
export const options = {
  scenarios: {
    producer: { executor: "per-vu-iterations", vus: 1, iterations: JOBS, exec: "produce" },
    ordered: { executor: "constant-vus", vus: 1, duration: "3s", exec: "consumeInOrder" },
    random: { executor: "constant-vus", vus: 1, duration: "3s", exec: "consumeAtRandom" },
  },
  thresholds: {
    xk6_kv_errors_total: ["count==0"],
    checks: ["rate==1"],
    // Every job is done, and done once: an exception anywhere makes this fail.
    "jobs_done{queue:ordered}": [`count==${JOBS}`],
    "jobs_done{queue:random}": [`count==${JOBS}`],
  },
};

const jobsDone = new Counter("jobs_done");

// A memory store is empty at the start of a run and shared by all scenarios.
const kv = openKv({ backend: "memory", trackKeys: true });

export async function produce() {
  // Zeros in front make the order of the keys the order of the numbers.
  const id = String(exec.scenario.iterationInTest).padStart(6, "0");
  await kv.set(`ordered:${id}`, { id, total: Math.random() });
  await kv.set(`random:${id}`, { id, total: Math.random() });
  sleep(0.03);
}

let last = ""; // of this virtual user

export async function consumeInOrder() {
  const [first] = await kv.list({ prefix: "ordered:", limit: 1 });
  if (!first) {
    sleep(0.01); // nothing to do at the moment
    return;
  }
  check(first.key, { "jobs come in order": (key) => key > last });
  last = first.key;
  await kv.delete(first.key);
  jobsDone.add(1, { queue: "ordered" });
}

export async function consumeAtRandom() {
  const key = await kv.randomKey({ prefix: "random:" });
  if (key === "") {
    sleep(0.01);
    return;
  }
  const job = await kv.get(key);
  check(job, { "the job belongs to its key": ({ id }) => key === `random:${id}` });
  await kv.delete(key);
  jobsDone.add(1, { queue: "random" });
}

export async function teardown() {
  check(await kv.size(), { "no job is left": (size) => size === 0 });
}
