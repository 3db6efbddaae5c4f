// The data of another xk6-kv: its file, old.kv, is one of BoltDB; restore reads it.
//
//   cp the/other/.k6.kv old.kv
//   ./k6 run examples/move-from-boltdb.js
//
// The old file stays as it is. Move once; later runs find everything in new.kv, and this
// script tells them so.
import { check } from "k6";
import { openKv } from "k6/x/kv";

/** @type {import("k6/options").Options} */
export const options = {
  thresholds: { xk6_kv_errors_total: ["count==0"], checks: ["rate==1"] },
};

// The serialization that the old store was written with; json if none was given.
const kv = openKv({ path: "new.kv", serialization: "json", trackKeys: true });

export async function setup() {
  if ((await kv.size()) > 0) {
    console.log("moved already");
    return;
  }
  const { totalEntries } = await kv.restore({ fileName: "old.kv" });
  console.log(`${totalEntries} entries moved`);
  check(totalEntries, { "there were some": (n) => n > 0 });
}

export default async function () {
  const entry = await kv.randomEntry();
  check(entry, { "an entry of the old store": (e) => e !== null && e.key !== "" });
}
