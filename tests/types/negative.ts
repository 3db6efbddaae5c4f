// What the types must accept and what they must reject. "@ts-expect-error"
// fails the check when the line below it compiles, so a type that became too
// loose is noticed as well as one that became too strict.
import http from "k6/http";
import kvModule, { openKv } from "k6/x/kv";
import type {
  Claim,
  ClaimReference,
  Entry,
  EntryError,
  JSONValue,
  KV,
  KVError,
  KVErrorName,
  OpenKvOptions,
} from "k6/x/kv";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

// --- openKv ---

openKv();
openKv(null);
openKv({});
openKv({ backend: null, path: null, disk: null });
openKv({
  backend: "disk",
  path: "data/users.kv",
  serialization: "json",
  trackKeys: true,
  memory: { shardCount: 4 },
  disk: {
    timeout: "1s",
    durability: "relaxed",
    noSync: false,
    readOnly: false,
    initialMmapSize: "64MiB",
    noGrowSync: true,
    noFreelistSync: true,
    preLoadFreelist: true,
    freelistType: "map",
    mlock: false,
  },
  metrics: { operations: false },
});
openKv({
  backend: "redis",
  name: "users",
  url: "redis://localhost:6379",
  redis: {
    partitions: 8,
    timeout: "5s",
    replicas: 1,
    username: "tester",
    passwordEnv: "REDIS_PASSWORD",
    tls: { ca: "ca.pem", cert: "me.pem", key: "me.key", serverName: "redis", insecure: false },
  },
});
openKv({ url: null, redis: { timeout: 500, tls: null } });
const options: OpenKvOptions = { backend: "memory", name: "users" };
openKv(options);
kvModule.openKv({ disk: { timeout: 500, initialMmapSize: 1 << 20 } });

// @ts-expect-error no such backend
openKv({ backend: "mongodb" });
// @ts-expect-error belongs into url
openKv({ backend: "redis", host: "localhost" });
// @ts-expect-error belongs into the environment
openKv({ backend: "redis", redis: { password: "secret" } });
// @ts-expect-error belongs into tls
openKv({ backend: "redis", redis: { ca: "ca.pem" } });
// @ts-expect-error partitions are counted
openKv({ backend: "redis", redis: { partitions: "8" } });
// @ts-expect-error no such serialization
openKv({ serialization: "xml" });
// @ts-expect-error misspelt
openKv({ trackkeys: true });
// @ts-expect-error belongs into disk
openKv({ readOnly: true });
// @ts-expect-error not a boolean
openKv({ trackKeys: "yes" });
// @ts-expect-error no such durability
openKv({ disk: { durability: "some" } });
// @ts-expect-error shards are counted
openKv({ memory: { shardCount: "4" } });
// @ts-expect-error options are an object
openKv("disk");
// @ts-expect-error one argument
openKv({}, {});
// @ts-expect-error not exported
import { close } from "k6/x/kv";
// @ts-expect-error a helper of the types, not part of them
import type { Bytes } from "k6/x/kv";

// --- json ---

interface User {
  name: string;
  roles?: string[];
}

interface Tree {
  value: number;
  children: Tree[];
  parent?: Tree;
}

declare const user: User;
declare const tree: Tree;
declare const users: readonly User[];
declare const unknown: unknown;
declare const anything: any;
declare const json: JSONValue;
declare const kvError: KVError;
declare const entryError: EntryError;
declare const logLine: LogLine;
declare const asObject: object;

interface LogLine {
  name: string;
  message: string;
  stack: string;
}

class Account {
  constructor(readonly owner: string) {}
}

const kv = openKv({ backend: "memory" });
same<typeof kv, KV>(true);

export async function jsonStore(): Promise<void> {
  const known: User = await kv.get("user:1");
  const generic = await kv.get<User>("user:1");
  same<typeof generic, User>(true);
  console.log(known.name, (await kv.get("user:1")).anything.at.all);

  const back = await kv.set("user:1", user);
  same<typeof back, User>(true);
  await kv.set("text", "text");
  await kv.set("number", 1);
  await kv.set("null", null);
  await kv.set("undefined", undefined);
  await kv.set("nothing");
  await kv.set("date", new Date());
  await kv.set("nested", { a: [1, "two", { three: null }], b: undefined, when: new Date() });
  await kv.set("tuple", [1, "two"] as const);
  await kv.set("any", anything);
  await kv.set("json", json);
  await kv.set("tree", tree);
  await kv.set("users", users);
  await kv.set("unknown", unknown);
  await kv.set("copy", await kv.get("any"));
  await kv.set("record", {} as Record<string, User | undefined>);
  await kv.set("entries", await kv.list());
  await kv.set("either", Math.random() < 0.5 ? user : null);
  await kv.set("why", { name: kvError.name, message: kvError.message });
  await kv.set("why", logLine);
  await kv.set("why", entryError);
  await kv.set("instance", new Account("Ada"));
  const all: User[] = await Promise.all(["a", "b"].map(kv.get));
  console.log(all.length);

  // @ts-expect-error bytes need binary
  await kv.set("k", new ArrayBuffer(1));
  // @ts-expect-error bytes need binary
  await kv.set("k", new Uint8Array(1));
  // @ts-expect-error not JSON
  await kv.set("k", 1n);
  // @ts-expect-error not JSON
  await kv.set("k", new Map());
  // @ts-expect-error not JSON
  await kv.set("k", new Set([1]));
  // @ts-expect-error not JSON
  await kv.set("k", () => 1);
  // @ts-expect-error not JSON
  await kv.set("k", Symbol("s"));
  // @ts-expect-error not JSON, further in
  await kv.set("k", { list: [{ big: 1n }] });
  // @ts-expect-error it would be stored as {}
  await kv.set("k", new Error("broken"));
  // @ts-expect-error it would be stored as {}
  await kv.set("k", { why: new TypeError("broken") });
  // @ts-expect-error it would be stored as {}
  await kv.set("k", kvError);
  // @ts-expect-error it would be stored as {}
  await kv.set("k", /pattern/);
  // @ts-expect-error not JSON
  await kv.set("k", new WeakMap());
  // @ts-expect-error it has no options
  await kv.set("k", 1, { ttl: 5 });
  // @ts-expect-error a promise that somebody forgot to await
  await kv.set("k", kv.get("other"));
  // @ts-expect-error keys are strings
  await kv.set(1, "value");
  // @ts-expect-error too many arguments
  await kv.set("k", 1, 2);
  // @ts-expect-error keys are strings
  await kv.get(1);
  // @ts-expect-error a key is needed
  await kv.get();
  // @ts-expect-error a key is needed
  await kv.exists();
  // @ts-expect-error count has no limit
  await kv.count({ limit: 1 });
  // @ts-expect-error a key is a string
  await kv.deleteIfExists(1);
  // @ts-expect-error a function cannot be stored
  await kv.setIfAbsent("k", () => 1);
  // @ts-expect-error keys are strings
  await kv.delete(null);
}

// --- string and binary ---

const texts = openKv({ serialization: "string" });
same<typeof texts, KV<"string">>(true);

export async function stringStore(): Promise<void> {
  const text = await texts.get("k");
  same<typeof text, string>(true);
  await texts.set("k", "text");
  await texts.set("k", 1);
  await texts.set("k", true);
  await texts.set("k", new Uint8Array(1));
  // @ts-expect-error needs json
  await texts.set("k", { a: 1 });
  // @ts-expect-error needs json
  await texts.set("k", [1]);
  // @ts-expect-error no text for null
  await texts.set("k", null);
  // @ts-expect-error a value is needed
  await texts.set("k");
  // @ts-expect-error a string comes back
  await texts.get<number>("k");
}

const bytes = openKv({ serialization: "binary" });

export async function binaryStore(): Promise<void> {
  const buffer = await bytes.get("k");
  same<typeof buffer, ArrayBuffer>(true);
  await bytes.set("k", "its UTF-8 bytes");
  await bytes.set("k", buffer);
  await bytes.set("k", new Float64Array(2));
  // @ts-expect-error no bytes
  await bytes.set("k", 1);
  // @ts-expect-error no bytes
  await bytes.set("k", { a: 1 });
  // @ts-expect-error a value is needed
  await bytes.set("k");
}

// --- many keys, single steps, claims ---

declare const reference: ClaimReference;
declare const claim: Claim<User>;

export async function manyKeys(): Promise<void> {
  // @ts-expect-error a string is not a list of keys
  await kv.getMany("user:1");
  // @ts-expect-error keys are strings
  await kv.getMany([1]);
  // @ts-expect-error a list is needed
  await kv.getMany();
  // @ts-expect-error not iterable
  await kv.getMany({ a: 1 });
  // @ts-expect-error keys are strings
  await kv.deleteMany([null]);
  // @ts-expect-error an object, not a list of entries
  await kv.setMany([["a", 1]]);
  // @ts-expect-error an object, not a Map
  await kv.setMany(new Map([["a", 1]]));
  // @ts-expect-error an object, not a Set
  await kv.setMany(new Set(["a"]));
  // @ts-expect-error not a plain object
  await kv.setMany(new Account("Ada"));
  // @ts-expect-error not a plain object
  await kv.setMany(new Date());
  // @ts-expect-error not a plain object
  await kv.setMany(new Uint8Array(1));
  // @ts-expect-error not a plain object
  await kv.setMany(() => 1);
  // @ts-expect-error perhaps not a plain object
  await kv.setMany(asObject);
  // @ts-expect-error a promise that somebody forgot to await
  await kv.setMany(Promise.resolve({ a: 1 }));
  // @ts-expect-error an object is needed
  await kv.setMany(null);
  // @ts-expect-error not JSON
  await kv.setMany({ a: 1, b: () => 1 });
  // @ts-expect-error not JSON, further in
  await kv.setMany({ a: { list: [1n] } });
  // @ts-expect-error a promise that somebody forgot to await
  await kv.setMany({ a: kv.get("b") });
  // @ts-expect-error needs json
  await texts.setMany({ a: { n: 1 } });
  // @ts-expect-error no bytes
  await bytes.setMany({ a: 1 });

  // @ts-expect-error both fields are required
  await kv.deleteByPrefix({ prefix: "user:" });
  // @ts-expect-error both fields are required
  await kv.deleteByPrefix({ limit: 1 });
  // @ts-expect-error options are required
  await kv.deleteByPrefix();
  // @ts-expect-error not a number
  await kv.scan({ limit: "10" });
  // @ts-expect-error a cursor is text
  await kv.scan({ cursor: 5 });
  // @ts-expect-error misspelt
  await kv.scanKeys({ Cursor: "" });
  // @ts-expect-error it has keys
  (await kv.scanKeys()).entries;
  // @ts-expect-error no such option
  await kv.listKeys({ cursor: "" });
  // @ts-expect-error count is required
  await kv.randomKeys({ prefix: "user:" });
  // @ts-expect-error count is required
  await kv.randomKeys();
  // @ts-expect-error not a boolean
  await kv.randomKeys({ count: 1, unique: 1 });
}

export async function singleSteps(): Promise<void> {
  // @ts-expect-error a delta is needed
  await kv.incrementBy("n");
  // @ts-expect-error a delta is a number
  await kv.incrementBy("n", "1");
  // @ts-expect-error a delta is a Number
  await kv.incrementBy("n", 1n);
  // @ts-expect-error not JSON
  await kv.getOrSet("k", () => 1);
  // @ts-expect-error needs json
  await texts.swap("k", [1]);
  // @ts-expect-error a value is needed
  await texts.getOrSet("k");
  // @ts-expect-error perhaps null
  (await texts.swap("k", "v")).previous.length;

  // @ts-expect-error three arguments
  await kv.compareAndSwap("k", 1);
  // @ts-expect-error not JSON
  await kv.compareAndSwap("k", () => 1, 1);
  // @ts-expect-error not JSON
  await kv.compareAndSwap("k", 1, new Map());
  // @ts-expect-error needs json
  await texts.compareAndSwap("k", { a: 1 }, "v");
  // @ts-expect-error no text for null
  await texts.compareAndSwap("k", "v", null);
  // @ts-expect-error for that there is compareAndSwapDetailed
  await kv.compareAndSwap("k", 1, 2, { includeCurrentOnMismatch: true });
  // @ts-expect-error misspelt
  await kv.compareAndSwapDetailed("k", 1, 2, { includeCurrent: true });
  // @ts-expect-error not a boolean
  await kv.compareAndSwapDetailed("k", 1, 2, { includeCurrentOnMismatch: "yes" });
  const plain = await kv.compareAndSwapDetailed("k", 1, 2);
  // @ts-expect-error only of a mismatch
  plain.existed;
  // @ts-expect-error not asked for
  if (!plain.swapped) plain.current;
  // @ts-expect-error no such reason
  if (plain.reason === "deleted") return;

  // @ts-expect-error two arguments
  await kv.compareAndDelete("k");
  // @ts-expect-error null cannot be there
  await texts.compareAndDelete("k", null);
}

// @ts-expect-error a seed is a number
openKv({ seed: "7" });

export async function claims(): Promise<void> {
  // @ts-expect-error perhaps null
  (await kv.claimRandom()).key;
  // @ts-expect-error perhaps null
  (await kv.claimKey("k")).key;
  // @ts-expect-error a duration is a number or text
  await kv.claimRandom({ ttl: new Date() });
  // @ts-expect-error an owner is text
  await kv.claimRandom({ owner: 1 });
  // @ts-expect-error a number or text
  await kv.claimRandom({ timeout: true });
  // @ts-expect-error misspelt
  await kv.claimRandom({ timeoutMs: 5000 });
  // @ts-expect-error it may be over without a claim
  (await kv.claimKey("k", { timeout: "5s" })).key;
  // @ts-expect-error it may be over without an entry
  (await kv.popRandom({ timeout: 5000 })).key;
  // @ts-expect-error that is what a claim has
  await kv.popRandom({ ttl: 5000 });
  // @ts-expect-error many are not waited for
  await kv.popRandomMany({ count: 2, timeout: 5000 });
  // @ts-expect-error nor here
  await kv.claimRandomMany({ count: 2, timeout: 5000 });
  // @ts-expect-error nor here
  await kv.claimKeys(["k"], { timeout: 5000 });
  // @ts-expect-error nor for a key without taking it
  await kv.randomKey({ timeout: 5000 });
  // @ts-expect-error for that there is claimRandomMany
  await kv.claimRandom({ count: 2 });
  // @ts-expect-error the key says which
  await kv.claimKey("k", { prefix: "k" });
  // @ts-expect-error a key is needed
  await kv.claimKey();
  // @ts-expect-error count is required
  await kv.claimRandomMany({ prefix: "user:" });
  // @ts-expect-error the keys say which
  await kv.claimKeys(["k"], { prefix: "k" });
  // @ts-expect-error a string is not a list of keys
  await kv.claimKeys("k");
  // @ts-expect-error not a boolean
  await kv.claimKeys(["k"], { allOrNothing: 1 });
  // @ts-expect-error the value is in entry
  claim.value;

  // @ts-expect-error ttl is required
  await kv.renewClaim(reference);
  // @ts-expect-error ttl is required
  await kv.renewClaim(reference, {});
  // @ts-expect-error the owner stays
  await kv.renewClaim(reference, { ttl: 1, owner: "me" });
  // @ts-expect-error not the key alone
  await kv.releaseClaim("user:1");
  // @ts-expect-error perhaps null
  await kv.releaseClaim(await kv.claimRandom());
  // @ts-expect-error a claim has a token
  await kv.completeClaim({ id: "claim-1", key: "k" });
  // @ts-expect-error a token is a number
  await kv.completeClaim({ id: "claim-1", key: "k", token: "1" });
  // @ts-expect-error not a boolean
  await kv.completeClaim(claim, { deleteKey: 0 });
  // @ts-expect-error a promise that somebody forgot to await
  await kv.releaseClaim(kv.claimKey("k"));
  // @ts-expect-error a list
  await kv.releaseClaims(claim);
  // @ts-expect-error claims, not keys
  await kv.completeClaims(["user:1"]);
  // @ts-expect-error perhaps null
  await kv.renewClaims([await kv.claimRandom()], { ttl: 1 });
  // @ts-expect-error that is what releaseClaims tells
  (await kv.renewClaims([claim], { ttl: 1 })).released;
  // @ts-expect-error perhaps null
  (await kv.popRandom()).key;
  // @ts-expect-error count is required
  await kv.popRandomMany({});
  // @ts-expect-error perhaps null
  (await kv.claimNext()).key;
  // @ts-expect-error that is one
  await kv.claimNext({ count: 2 });
  // @ts-expect-error an owner is required
  await kv.claimForOwner({ prefix: "user:" });
  // @ts-expect-error an owner is required
  await kv.claimForOwner();
  // @ts-expect-error an owner is text
  await kv.claimForOwner({ owner: null });
  // @ts-expect-error perhaps null
  (await kv.popNext()).key;
  // @ts-expect-error that is what a claim has
  await kv.popNext({ ttl: 5000 });
  // @ts-expect-error perhaps null
  (await kv.nextCircular()).key;
  // @ts-expect-error there is nothing to wait for
  await kv.nextCircular({ timeout: 5000 });
  // @ts-expect-error perhaps null
  (await kv.next({ prefix: "user:", position: "at" })).key;
  // @ts-expect-error from where?
  await kv.next({ prefix: "user:" });
  // @ts-expect-error of which keys?
  await kv.next({ position: "at" });
}

export async function insight(): Promise<void> {
  const stats = await kv.stats();
  // @ts-expect-error perhaps null
  stats.index.keysList;
  // @ts-expect-error perhaps null
  stats.disk.sizeBytes;
  // @ts-expect-error takes nothing
  await kv.stats({});
  // @ts-expect-error takes nothing
  await kv.reportStats("user:");
  // @ts-expect-error an object
  await kv.allocationStats("user:");
  // @ts-expect-error not a boolean
  openKv({ metrics: { operations: "yes" } });
  // @ts-expect-error no such group of metrics
  openKv({ metrics: { gauges: true } });
}

// --- everything else ---

export async function others(): Promise<void> {
  same<Awaited<ReturnType<typeof kv.exists>>, boolean>(true);
  same<Awaited<ReturnType<typeof kv.size>>, number>(true);
  same<Awaited<ReturnType<typeof kv.delete>>, true>(true);
  same<Awaited<ReturnType<typeof kv.clear>>, true>(true);
  same<Awaited<ReturnType<typeof kv.rebuildKeyList>>, true>(true);
  same<Awaited<ReturnType<typeof kv.randomKey>>, string>(true);
  same<ReturnType<typeof kv.close>, void>(true);

  const entries = await kv.list<User>({ prefix: "user:", limit: 10 });
  same<typeof entries, Entry<User>[]>(true);
  const lines: Entry<string>[] = await texts.list();
  console.log(lines.map(({ key, value }) => `${key} ${value.length}`).join());
  await kv.list(null);
  await kv.randomKey();
  await kv.randomKey({ prefix: "user:" });

  // @ts-expect-error misspelt
  await kv.list({ perfix: "user:" });
  // @ts-expect-error not a number
  await kv.list({ limit: "10" });
  // @ts-expect-error an object
  await kv.randomKey("user:");
  // @ts-expect-error no such option
  await kv.randomKey({ limit: 1 });
  // @ts-expect-error perhaps null
  (await kv.randomEntry()).key;
  // @ts-expect-error takes nothing
  await kv.size("user:");
  // @ts-expect-error that is deleteByPrefix
  await kv.clear({ prefix: "user:" });
  // @ts-expect-error no such method
  await kv.put("k", 1);
  // @ts-expect-error close is not a promise
  await kv.close().then();
}

export async function files(): Promise<void> {
  // @ts-expect-error which file?
  await kv.exportJSONL();
  // @ts-expect-error which file?
  await kv.importJSONL({ prefix: "a:" });
  // @ts-expect-error not the options of a file
  await kv.exportJSONL("a.jsonl");
  // @ts-expect-error which columns?
  await kv.exportCSV({ fileName: "a.csv" });
  // @ts-expect-error several columns are an array
  await kv.exportCSV({ fileName: "a.csv", columns: "name" });
  // @ts-expect-error no key column is chosen in an export
  await kv.exportCSV({ fileName: "a.csv", columns: ["name"], keyColumn: "id" });
  // @ts-expect-error where do the keys come from?
  await kv.importCSV({ fileName: "a.csv" });
  // @ts-expect-error one of the two
  await kv.importCSV({ fileName: "a.csv", keyColumn: "id", keys: "row" });
  // @ts-expect-error keys are of the row or of a column
  await kv.importCSV({ fileName: "a.csv", keys: "id" });
  // @ts-expect-error columns are named as text, those without a header too
  await kv.importCSV({ fileName: "a.csv", keyColumn: 0, hasHeader: false });
  // @ts-expect-error nothing is stored
  await kv.validateJSONL({ fileName: "a.jsonl", prefix: "a:" });
  // @ts-expect-error nothing is stored
  await kv.validateCSV({ fileName: "a.csv", batchSize: 10 });
  // @ts-expect-error no filter
  await kv.restore({ fileName: "a.kv", prefix: "a:" });
  // @ts-expect-error no text
  await kv.backup("a.kv");
  const lines = await kv.validateJSONL({ fileName: "a.jsonl" });
  // @ts-expect-error perhaps there is none
  console.log(lines.firstError.message);
  const rows = await kv.validateCSV({ fileName: "a.csv" });
  // @ts-expect-error lines are of JSONL
  console.log(rows.firstError?.line);
}

export function errors(err: KVError): string {
  const name: KVErrorName = err.name;
  if (name === "KeyNotFoundError") {
    return err.message;
  }
  // @ts-expect-error no such name
  return name === "NotFoundError" ? "" : (err.stack ?? "");
}

export async function responses(): Promise<void> {
  const response = http.get("https://example.com/");
  const picture = http.get("https://example.com/", { responseType: "binary" });
  // @ts-expect-error bytes need binary
  await kv.set("k", picture.body);
  // @ts-expect-error bytes need binary, further in
  await kv.set("k", picture);
  // @ts-expect-error bytes need binary, further in
  await kv.set("k", { all: [picture] });
  // @ts-expect-error perhaps bytes, and never text
  await kv.set("k", response.body === null ? null : new Uint8Array(1));
  // @ts-expect-error a promise that somebody forgot to await
  await kv.set("k", http.asyncRequest("GET", "https://example.com/"));
  // @ts-expect-error methods, and nothing to be stored
  await kv.set("k", response.html());
  // @ts-expect-error an object with methods that is no response
  await kv.set("k", { status: 200, json: () => 1 });
  // @ts-expect-error needs json
  await texts.set("k", response);
  // @ts-expect-error null when the request fails, which is no text
  await texts.set("k", response.body);
  // @ts-expect-error needs json
  await bytes.set("k", response);
}
