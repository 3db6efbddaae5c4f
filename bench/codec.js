// What values cost as such: encoding next to JSON.stringify, decoding next to
// JSON.parse, in turns. A get less an exists of the same key is the decoding, a
// set less a set of the number 1 the encoding.
//
//   k6 run bench/codec.js -e ROUNDS=15
import { openKv } from "k6/x/kv";
import { BATCH_US, emit, env, median, now, once, valueOf } from "./lib.js";
export { handleSummary } from "./lib.js";

const ROUNDS = env("ROUNDS", 15);
const kv = openKv({ backend: "memory" });

export const options = once(1);

const user = (i) => ({
  id: i,
  name: `User number ${i}`,
  email: `user${i}@mail.example`,
  active: i % 3 !== 0,
  score: i * 1.25,
  tags: ["load", "test", null],
  address: { street: "12 Main St", zip: "12345" },
});

// Records, until their text has so many bytes.
function recordsOf(bytes) {
  const users = [];
  while (JSON.stringify({ users }).length < bytes) users.push(user(users.length));
  return { users };
}

const values = {
  "50 B": valueOf(50)(1),
  "1 KiB": recordsOf(1024),
  "10 KiB": recordsOf(10240),
  "64 KiB": recordsOf(65536),
};

const work = (value, text) => ({
  async parse(n) {
    for (let i = 0; i < n; i++) JSON.parse(text);
  },
  async stringify(n) {
    for (let i = 0; i < n; i++) JSON.stringify(value);
  },
  async set(n) {
    for (let i = 0; i < n; i++) await kv.set("value", value);
  },
  async get(n) {
    for (let i = 0; i < n; i++) await kv.get("value");
  },
  // Another binary may lack exists; its size costs much the same.
  async exists(n) {
    if (kv.exists) for (let i = 0; i < n; i++) await kv.exists("value");
    else for (let i = 0; i < n; i++) await kv.size();
  },
  async setOne(n) {
    for (let i = 0; i < n; i++) await kv.set("one", 1);
  },
});

async function time(loop, count) {
  const start = now();
  await loop(count);
  return (now() - start) / count;
}

async function measure(name, value) {
  const text = JSON.stringify(value);
  const loops = work(value, text);
  await kv.set("value", value);
  const counts = {};
  for (const [what, loop] of Object.entries(loops)) {
    counts[what] = Math.max(1, Math.ceil(BATCH_US / Math.max(await time(loop, 3), await time(loop, 10))));
  }
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const us = {};
    for (const [what, loop] of Object.entries(loops)) us[what] = await time(loop, counts[what]);
    rounds.push(us);
  }
  const of = (figure) => median(rounds.map(figure));
  emit({
    part: "codec",
    size: name,
    bytes: text.length,
    parse: of((us) => us.parse),
    decode: of((us) => us.get - us.exists),
    decodeRatio: of((us) => (us.get - us.exists) / us.parse),
    stringify: of((us) => us.stringify),
    encode: of((us) => us.set - us.setOne),
    encodeRatio: of((us) => (us.set - us.setOne) / us.stringify),
  });
}

export default async function () {
  for (const [name, value] of Object.entries(values)) await measure(name, value);
}
