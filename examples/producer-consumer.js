// Producer and consumers: three scenarios that share queues in memory, in which the
// consumers wait for the producer.
//
//   ./k6 run examples/producer-consumer.js
//
// One scenario makes jobs, one takes them in order, one takes them at random. With a
// timeout, popRandom and claimKey wait until there is a job: nobody asks again and
// again, and who has waited longest is served first.
import { check, sleep } from "k6";
import exec from "k6/execution";
import { Counter } from "k6/metrics";
import { openKv } from "k6/x/kv";

const JOBS = 30; // for each queue

/** @type {import("k6/options").Options} */
export const options = {
  scenarios: {
    producer: { executor: "per-vu-iterations", vus: 1, iterations: JOBS, exec: "produce" },
    ordered: { executor: "per-vu-iterations", vus: 1, iterations: JOBS, exec: "consumeInOrder" },
    random: { executor: "per-vu-iterations", vus: 3, iterations: 1, exec: "consumeAtRandom" },
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
  const id = exec.scenario.iterationInTest;
  await kv.set(`ordered:${id}`, { id, total: Math.random() });
  await kv.set(`random:${id}`, { id, total: Math.random() });
  sleep(0.03);
}

// The job number n is for iteration n: it waits until that is there.
export async function consumeInOrder() {
  const id = exec.scenario.iterationInTest;
  const claim = await kv.claimKey(`ordered:${id}`, { timeout: "10s" });
  if (claim === null) {
    throw new Error(`job ${id} has not come`);
  }
  check(claim, { "it is the next job": ({ entry }) => entry.value.id === id });
  await kv.completeClaim(claim); // done: the key is deleted
  jobsDone.add(1, { queue: "ordered" });
}

// Any number of consumers may take jobs like this, each job once.
export async function consumeAtRandom() {
  for (;;) {
    const job = await kv.popRandom({ prefix: "random:", timeout: "2s" });
    if (job === null) {
      return; // none for two seconds: the producer is done
    }
    check(job, { "the job belongs to its key": ({ key, value }) => key === `random:${value.id}` });
    jobsDone.add(1, { queue: "random" });
  }
}

export async function teardown() {
  check(await kv.size(), { "no job is left": (size) => size === 0 });
}
