// Users of a CSV file for all virtual users: three ways to have them at the start of a test.
//
//   k6 run bench/csv.js -e MODE=ours|shared|experimental|theirs -e ROWS=100000
//
//   ours          importCSV of k6/x/kv, in setup
//   shared        SharedArray with papaparse, in the init context
//   experimental  k6/experimental/csv, whose rows go into k6/x/kv by setMany
//   theirs        another binary's importCSV, with the options that it knows
//
// It expects users.csv beside it, with the column "id"; bench/run.sh makes it, and gets papaparse.
import { SharedArray } from "k6/data";
import { open as openFile } from "k6/experimental/fs";
import csv from "k6/experimental/csv";
import { openKv } from "k6/x/kv";
import { emit, env } from "./lib.js";
export { handleSummary } from "./lib.js";

const MODE = __ENV.MODE || "ours";
const ROWS = env("ROWS", 100000);
const FILE = __ENV.FILE;

export const options = { vus: 1, iterations: 1, setupTimeout: "5m" };

const kv = openKv({ backend: "memory" });
const told = (ms, count) => {
  if (count !== ROWS) throw new Error(`${count} rows`);
  emit({ part: "csv", name: MODE, rows: ROWS, ms });
};

// k6 runs this file several times; the first time fills the array.
if (MODE === "shared") {
  const papaparse = require(__ENV.PAPAPARSE);
  const text = open(FILE);
  const start = Date.now();
  let filled = false;
  const users = new SharedArray("users", () => {
    filled = true;
    return papaparse.parse(text, { header: true, skipEmptyLines: true }).data;
  });
  if (filled) told(Date.now() - start, users.length);
}
// Has to be made here, and is used up by setup().
const parser = MODE === "experimental" ? new csv.Parser(await openFile(FILE)) : null;

async function setMany() {
  let count = 0;
  let names = null;
  for (;;) {
    const entries = {};
    let taken = 0;
    for (; taken < 1000; taken++) {
      const { done, value } = await parser.next();
      if (done) break;
      if (!names) {
        names = value;
        taken--;
        continue;
      }
      const user = {};
      names.forEach((name, i) => (user[name] = value[i]));
      entries[user.id] = user;
    }
    if (taken === 0) return count;
    await kv.setMany(entries);
    count += taken;
  }
}

export async function setup() {
  const start = Date.now();
  if (MODE === "ours" || MODE === "theirs") {
    await kv.importCSV({ fileName: FILE, keyColumn: "id" });
    told(Date.now() - start, await kv.size());
  }
  if (MODE === "experimental") {
    const count = await setMany();
    told(Date.now() - start, count);
  }
}

export default function () {}
