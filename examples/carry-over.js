// A store in memory whose content the next run finds: a copy at the end, read at the
// beginning.
//
//   ./k6 run examples/carry-over.js
//   ./k6 run examples/carry-over.js     # goes on where the first run has ended
//
// Against a store on disk this has three advantages: the run has the speed of memory; a
// run that fails leaves the copy of the last good one; and copies can be kept and carried
// to other machines. To start over, delete carry-over.kv.
import { check } from "k6";
import { openKv } from "k6/x/kv";

const COPY = "carry-over.kv";
const ITERATIONS = 20;

/** @type {import("k6/options").Options} */
export const options = {
  vus: 4,
  iterations: ITERATIONS,
  thresholds: {
    xk6_kv_errors_total: ["count<=1"], // the first run finds no copy
    checks: ["rate==1"],
  },
};

const kv = openKv({ backend: "memory" });

export async function setup() {
  try {
    const { totalEntries } = await kv.restore({ fileName: COPY, maxEntries: 100000 });
    console.log(`${totalEntries} entries of the last run are there`);
  } catch (err) {
    if (/** @type {import("k6/x/kv").KVError} */ (err).name !== "SnapshotNotFoundError") {
      throw err; // a copy that cannot be read is no reason to begin with nothing
    }
    console.log("there is no earlier run");
  }
  return { run: await kv.incrementBy("runs", 1) };
}

export default async function () {
  await kv.incrementBy("iterations", 1);
}

/** @param {{ run: number }} data - What setup returned. */
export async function teardown({ run }) {
  const iterations = await kv.get("iterations");
  check(iterations, { "the iterations of all runs": (n) => n === run * ITERATIONS });
  const { totalEntries } = await kv.backup({ fileName: COPY });
  console.log(`run ${run}: ${iterations} iterations in all, ${totalEntries} entries kept`);
}
