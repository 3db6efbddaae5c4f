// Durable sets per second with VUS virtual users: run it with several numbers
// and compare (bench/run.sh does).
import { openKv } from "k6/x/kv";
import exec from "k6/execution";
import { Counter } from "k6/metrics";

const kv = openKv({ path: __ENV.STORE || "bench-commit.kv" });
const sets = new Counter("sets");
const SECONDS = Number(__ENV.SECONDS || 4);

export const options = {
  scenarios: {
    sets: { executor: "constant-vus", vus: Number(__ENV.VUS || 1), duration: `${SECONDS}s`, gracefulStop: "5s" },
  },
};

export default async function () {
  const me = exec.vu.idInTest;
  for (let i = 0; i < 20; i++) await kv.set(`vu${me}:${i}`, { vu: me, i });
  sets.add(20);
}

export function handleSummary(data) {
  const count = data.metrics.sets.values.count;
  return { stdout: `${__ENV.VUS || 1} ${(count / SECONDS).toFixed(0)}\n` };
}
