// The shortest proof that the module works: k6 run tests/smoke.js
import { check } from "k6";
import { Counter } from "k6/metrics";
import { openKv } from "k6/x/kv";

/** @type {import("k6/options").Options} */
export const options = {
  // A failed check and an error that nobody catches both fail the run.
  thresholds: { checks: ["rate==1"], finished: ["count==1"] },
};

const finished = new Counter("finished");

const kv = openKv({ backend: "memory" });

export default async function () {
  await kv.set("greeting", { text: "hello" });
  const value = await kv.get("greeting");
  const size = await kv.size();

  check(null, {
    "the value comes back": () => value.text === "hello",
    "there is one key": () => size === 1,
  });
  finished.add(1);
}
