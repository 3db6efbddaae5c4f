// What scripts/dist-try.sh has each k6 of a release run, three times in one folder: stores on
// disk and in memory, claims, waiting, files, and a page from the server at PAGE if that is set.
import { check } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { openKv } from "k6/x/kv";

const RUN = Number(__ENV.RUN);
const DISK = __ENV.DISK !== "no";
const VUS = 8;
const ACCOUNTS = 200;

export const options = {
  scenarios: { accounts: { executor: "per-vu-iterations", vus: VUS, iterations: 5 } },
  thresholds: { xk6_kv_errors_total: ["count==0"], checks: ["rate==1"] },
};

const memory = openKv({ backend: "memory" });
const kept = DISK ? openKv({ backend: "disk", path: "try.kv" }) : openKv({ backend: "memory", name: "kept" });

export async function setup() {
  const runs = await kept.incrementBy("runs", 1);
  check(runs, { "the file has what earlier runs have left": (n) => !DISK || n === RUN });
  const accounts = Array.from({ length: ACCOUNTS }, (_, n) => [`account:${n}`, { n }]);
  await memory.setMany(Object.fromEntries(accounts));
}

export default async function () {
  const claim = await memory.claimRandom({ prefix: "account:", ttl: "1m" });
  const first = await kept.setIfAbsent(`used:${RUN}:${claim.key}`, { by: exec.vu.idInTest });
  check(first, { "an account has one user": (yes) => yes });
  check(await memory.completeClaim(claim), { "the claim held": (yes) => yes });

  // Each waits for what it has sent to another one.
  const next = (exec.vu.idInTest % VUS) + 1;
  await kept.set(`mail:${next}:${exec.vu.iterationInInstance}`, exec.vu.idInTest);
  const mail = await kept.popNext({ prefix: `mail:${exec.vu.idInTest}:`, timeout: "1m" });
  check(mail, { "mail arrives": (entry) => entry !== null && entry.value > 0 });

  if (__ENV.PAGE) {
    check(http.get(__ENV.PAGE), { "the page comes": (response) => response.status === 200 });
  }
}

export async function teardown() {
  const used = await kept.count({ prefix: `used:${RUN}:` });
  check(used, { "each iteration has used one": (n) => n === VUS * 5 });
  if (!DISK) return;
  const { exported } = await kept.exportJSONL({ fileName: "used.jsonl", prefix: "used:" });
  check(exported, { "all are written": (n) => n === RUN * VUS * 5 });
  const { rows } = await memory.importJSONL({ fileName: "used.jsonl" }).then((r) => ({ rows: r.imported }));
  check(rows, { "all are read": (n) => n === RUN * VUS * 5 });
  console.log(`run ${RUN}: all is well`);
}
