// A job queue: producers put jobs in, workers take them out, each job once.
//
//   ./k6 run examples/job-queue.js
//
// popRandom removes a job and hands it out in one step, so any number of workers
// can share a queue. With a timeout it waits until there is one; nobody asks again
// and again. The order is random; producer-consumer.js has a queue in order.
import { check, sleep } from "k6";
import exec from "k6/execution";
import { Counter } from "k6/metrics";
import { openKv } from "k6/x/kv";

const PRODUCERS = 2;
const JOBS = 60;

/** @type {import("k6/options").Options} */
export const options = {
  scenarios: {
    producers: {
      executor: "shared-iterations",
      vus: PRODUCERS,
      iterations: JOBS,
      exec: "produce",
    },
    workers: {
      executor: "per-vu-iterations",
      vus: 5,
      iterations: 1,
      exec: "work",
      maxDuration: "10s",
    },
    batches: {
      executor: "per-vu-iterations",
      vus: 1,
      iterations: 1,
      exec: "workInBatches",
      maxDuration: "10s",
    },
  },
  thresholds: {
    xk6_kv_errors_total: ["count==0"],
    checks: ["rate==1"],
    jobs_done: [`count==${JOBS}`], // all of them, and none twice
  },
};

const jobsDone = new Counter("jobs_done");

const kv = openKv({ backend: "memory", trackKeys: true });

export async function produce() {
  sleep(0.02);
  const id = exec.scenario.iterationInTest;
  await kv.set(`job:${id}`, { id, action: "send invoice" });
  await kv.incrementBy("produced", 1);
}

// The next job, or null if no more will come. Whether all have been produced has to
// be asked before the queue is looked at: then an empty queue means the end. Adding 0
// reads a counter that need not be there yet.
async function nextJob() {
  for (;;) {
    const last = (await kv.incrementBy("produced", 0)) === JOBS;
    const job = await kv.popRandom({ prefix: "job:", timeout: last ? 0 : "200ms" });
    if (job !== null || last) {
      return job;
    }
  }
}

export async function work() {
  for (let job; (job = await nextJob()) !== null; ) {
    await perform(job);
  }
}

// Fewer calls for small jobs: waits for one, and takes up to nine more that are there.
export async function workInBatches() {
  for (let job; (job = await nextJob()) !== null; ) {
    for (const one of [job, ...(await kv.popRandomMany({ prefix: "job:", count: 9 }))]) {
      await perform(one);
    }
    sleep(0.05);
  }
}

/** @param {import("k6/x/kv").Entry<{ id: number }>} job - What popRandom gave. */
async function perform({ key, value }) {
  const first = await kv.setIfAbsent(`done:${value.id}`, exec.vu.idInTest);
  check(null, {
    "the job belongs to its key": () => key === `job:${value.id}`,
    "nobody else had the job": () => first,
  });
  sleep(0.005);
  jobsDone.add(1);
}

export async function teardown() {
  const [left, done] = await Promise.all([
    kv.count({ prefix: "job:" }),
    kv.count({ prefix: "done:" }),
  ]);
  console.log(`${done} jobs done, ${left} left`);
  check(null, { "every job was done": () => left === 0 && done === JOBS });
}
