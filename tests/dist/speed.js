// A fixed amount of work, for tests/dist/speed.sh, which counts the processor's time for it.
import { openKv } from "k6/x/kv";

const CALLS = Number(__ENV.CALLS);
export const options = { iterations: 1, vus: 1 };
const kv = openKv(__ENV.WHERE === "disk" ? { path: "speed.kv", disk: { durability: "none" } } : { backend: "memory" });

export default async function () {
  for (let n = 0; n < CALLS; n++) {
    const key = `key:${n % 5000}`;
    await kv.set(key, { n, text: "some text that a value may have" });
    await kv.get(key);
    await kv.randomKey();
  }
}
