// Every call of the methods on many keys, in one step, on claims, files
// and for insight, with what it resolves to. What must be rejected is in negative.ts.
import http from "k6/http";
import { openKv } from "k6/x/kv";
import type {
  AllocationStats,
  BackupResult,
  Claim,
  ClaimKeysResult,
  ClaimReference,
  CompareAndDeleteResult,
  CompareAndSwapResult,
  CompleteResult,
  DeleteByPrefixResult,
  DeleteManyResult,
  Entry,
  ExportResult,
  FailedClaim,
  GetManyEntry,
  ImportResult,
  KVError,
  ReleaseResult,
  RenewResult,
  ScanKeysPage,
  ScanPage,
  SetManyResult,
  Stats,
} from "k6/x/kv";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

interface User {
  name: string;
  roles?: string[];
}

declare const user: User;
declare const keys: readonly string[];
declare const usersByKey: Record<string, User>;

const kv = openKv({ backend: "memory", seed: 7, trackKeys: true, metrics: { operations: true } });
const texts = openKv({ backend: "memory", name: "texts", serialization: "string" });
const bytes = openKv({ backend: "memory", name: "bytes", serialization: "binary" });

function* generated(): Generator<string> {
  yield "user:1";
}

export async function manyKeys(): Promise<void> {
  const many = await kv.getMany<User>(["user:1", "user:2"]);
  same<typeof many, GetManyEntry<User>[]>(true);
  for (const entry of many) {
    if (entry.exists) {
      same<typeof entry.value, User>(true);
    } else {
      same<typeof entry.value, null>(true);
    }
  }
  await kv.getMany(keys);
  await kv.getMany(new Set(keys));
  await kv.getMany(new Map([["user:1", user]]).keys());
  await kv.getMany(generated());
  await kv.getMany(["user:1", "user:2"] as const);
  await kv.getMany(await kv.listKeys());
  console.log((await kv.getMany(["user:1"]))[0]?.value.anything.at.all);

  same<Awaited<ReturnType<typeof kv.setMany>>, SetManyResult>(true);
  await kv.setMany({});
  await kv.setMany({ "user:1": user, n: 1, list: [1, "two"], nothing: null, gone: undefined });
  await kv.setMany(usersByKey);
  await kv.setMany({ ...user });
  await kv.setMany(JSON.parse("{}"));
  await kv.setMany(Object.fromEntries([user].map((one) => [one.name, one])));
  await texts.setMany({ a: "text", b: 1, c: true });
  await bytes.setMany({ a: "text", b: new Uint8Array(1) });

  const deleted: DeleteManyResult = await kv.deleteMany(new Set(keys));
  const cleaned: DeleteByPrefixResult = await kv.deleteByPrefix({ prefix: "user:", limit: 1000 });
  console.log(deleted.deleted, deleted.missing, cleaned.deleted, cleaned.done);

  for (let cursor = "", done = false; !done; ) {
    const page: ScanPage<User> = await kv.scan<User>({ prefix: "user:", limit: 100, cursor });
    page.entries.forEach(({ key, value }) => console.log(key, value.name));
    ({ cursor, done } = page);
  }
  const page: ScanKeysPage = await kv.scanKeys({ limit: 100, cursor: null });
  console.log(page.keys.join(), (await texts.scan()).entries[0]?.value.length);
  same<Awaited<ReturnType<typeof kv.listKeys>>, string[]>(true);
  await kv.listKeys({ prefix: "user:", limit: 500000 });
  same<Awaited<ReturnType<typeof kv.count>>, number>(true);
  await kv.count({ prefix: "user:" });
  same<Awaited<ReturnType<typeof kv.randomKeys>>, string[]>(true);
  await kv.randomKeys({ count: 3, prefix: "user:", unique: false });
}

export async function singleSteps(): Promise<void> {
  same<Awaited<ReturnType<typeof kv.incrementBy>>, number>(true);
  await kv.incrementBy("n", -1);
  await texts.incrementBy("n", 1);

  const { value, loaded } = await kv.getOrSet("user:1", user);
  console.log(value.name, loaded === true);
  await kv.getOrSet("nothing");
  const text = await texts.getOrSet("k", 1);
  same<typeof text.value, string>(true);

  const swapped = await texts.swap("k", "new");
  if (swapped.loaded) {
    same<typeof swapped.previous, string>(true);
  } else {
    same<typeof swapped.previous, null>(true);
  }
  await kv.swap("user:1", user);
  await kv.swap("nothing");
  same<Awaited<ReturnType<typeof bytes.setIfAbsent>>, boolean>(true);
  await bytes.setIfAbsent("k", new ArrayBuffer(1));
  await kv.deleteIfExists("k");

  same<Awaited<ReturnType<typeof kv.compareAndSwap>>, boolean>(true);
  await kv.compareAndSwap("user:1", user, { ...user, name: "Grace" });
  await kv.compareAndSwap("user:1", undefined, user);
  await kv.compareAndSwap("user:1", null, user);
  await kv.compareAndSwap("user:1", await kv.get("user:1"), undefined);
  await texts.compareAndSwap("k", undefined, "first");
  await texts.compareAndSwap("k", null, "first");
  await texts.compareAndSwap("k", "first" as string | undefined, "second");
  await bytes.compareAndSwap("k", "old", new Uint8Array(1));

  const short = await kv.compareAndSwapDetailed("k", 1, 2);
  same<typeof short, CompareAndSwapResult>(true);
  if (!short.swapped) {
    same<typeof short.reason, "mismatch">(true);
    same<typeof short.existed, boolean>(true);
  }
  await kv.compareAndSwapDetailed("k", undefined, 1, null);
  await kv.compareAndSwapDetailed("k", null, 1, { includeCurrentOnMismatch: false });
  const long = await texts.compareAndSwapDetailed("k", "a", "b", {
    includeCurrentOnMismatch: true,
  });
  if (!long.swapped && long.existed) {
    same<typeof long.current, string>(true);
  }

  same<Awaited<ReturnType<typeof kv.compareAndDelete>>, boolean>(true);
  await kv.compareAndDelete("k", null);
  await kv.compareAndDelete("k", user);
  await kv.compareAndDelete("k", undefined);
  await kv.compareAndDeleteDetailed("k", undefined, { includeCurrentOnMismatch: true });
  await texts.compareAndDelete("k", 1);
  const gone: CompareAndDeleteResult = await kv.compareAndDeleteDetailed("k", { a: 1 });
  same<typeof gone.reason, "deleted" | "mismatch">(true);
  const kept = await kv.compareAndDeleteDetailed("k", 1, { includeCurrentOnMismatch: true });
  console.log(kept.deleted ? "" : kept.current);
}

export async function claims(): Promise<void> {
  const claim = await kv.claimRandom<User>({ prefix: "user:", owner: "vu 1", ttl: "30s" });
  same<typeof claim, Claim<User> | null>(true);
  if (claim === null) {
    return;
  }
  console.log(claim.id, claim.key, claim.entry.value.name, claim.owner, claim.token, claim.expiresAt);
  await kv.claimRandom();
  await kv.claimRandom(null);
  await kv.claimRandom({ prefix: "user:", ttl: "1m", timeout: "10s" });
  await kv.claimKey("user:1", { owner: "vu 1", timeout: 500 });
  await kv.popRandom({ prefix: "user:", timeout: null });
  const one: Claim<User> | null = await kv.claimKey("user:1", { ttl: 1000 });
  const several: Claim[] = await kv.claimRandomMany({ count: 3, prefix: "user:" });
  const named: ClaimKeysResult<User> = await kv.claimKeys<User>(keys, { allOrNothing: true });
  console.log(one?.key, several.length, named.claimed[0]?.entry.value.name, named.busy, named.missing);
  const text = await texts.claimRandom();
  console.log(text?.entry.value.length);

  const copy: ClaimReference = JSON.parse(JSON.stringify(claim));
  const { id, key, token } = claim;
  same<Awaited<ReturnType<typeof kv.renewClaim>>, boolean>(true);
  await kv.renewClaim(copy, { ttl: "1m30s" });
  await kv.renewClaim({ id, key, token }, { ttl: 1000 });
  await kv.releaseClaim(Object.freeze({ id, key, token }));
  await kv.completeClaim(claim);
  await kv.completeClaim(claim, { deleteKey: false });

  const renewed: RenewResult = await kv.renewClaims(several, { ttl: 1000 });
  const released: ReleaseResult = await kv.releaseClaims(new Set(several));
  const completed: CompleteResult = await kv.completeClaims([claim, copy] as const, null);
  console.log(renewed.attempted, renewed.renewed, released.released, completed.completed);
  for (const failure of [...renewed.failed, ...released.failed, ...completed.failed]) {
    same<typeof failure, FailedClaim>(true);
    same<typeof failure.name, "ClaimNotUpdated">(true);
    console.log(failure.index, failure.id, failure.key, failure.message);
  }

  const next = await kv.claimNext<User>({ prefix: "user:", owner: "vu 1", ttl: "1m", timeout: 5 });
  same<typeof next, Claim<User> | null>(true);
  await kv.claimNext();
  const again = await kv.claimForOwner<User>({ owner: "vu 1", prefix: "user:", ttl: 1000, timeout: "5s" });
  same<typeof again, Claim<User> | null>(true);
  const first = await kv.popNext<User>({ prefix: "user:", timeout: "1s" });
  same<typeof first, Entry<User> | null>(true);
  await texts.popNext(null);
  const turn = await kv.nextCircular<User>({ prefix: "user:" });
  same<typeof turn, Entry<User> | null>(true);
  await texts.nextCircular();
  const row = await kv.next<User>({ prefix: "user:", position: "at", cycle: true });
  same<typeof row, Entry<User> | null>(true);

  const read = await kv.randomEntry<User>({ prefix: "user:" });
  same<typeof read, Entry<User> | null>(true);
  const popped = await kv.popRandom<User>({ prefix: "user:" });
  same<typeof popped, Entry<User> | null>(true);
  const more = await texts.popRandomMany({ count: 2, prefix: "user:" });
  same<typeof more, Entry<string>[]>(true);
}

export async function insight(): Promise<void> {
  const stats: Stats = await kv.stats();
  console.log(stats.count, stats.claims.live, stats.claims.expired, stats.serialization);
  console.log(stats.index?.keysList, stats.index?.consistent, stats.disk?.sizeBytes);
  const pool: AllocationStats = await kv.allocationStats({ prefix: "user:" });
  console.log(pool.prefix, pool.total, pool.claimable, pool.claimedLive, pool.claimedExpired);
  same<Awaited<ReturnType<typeof kv.reportStats>>, undefined>(true);
}

export async function files(): Promise<void> {
  const copy: BackupResult = await kv.backup();
  console.log(copy.totalEntries, copy.bytesWritten, copy.bestEffort, copy.warning);
  await kv.backup({ fileName: "a.kv", allowConcurrentWrites: true });
  await kv.restore(null);
  const { totalEntries } = await kv.restore({ fileName: "a.kv", maxEntries: 10, maxBytes: 1e6 });
  const lines: ExportResult = await kv.exportJSONL({ fileName: "a.jsonl", prefix: "a:", limit: 5 });
  const rows: ExportResult = await kv.exportCSV({
    fileName: import.meta.resolve("./a.csv"),
    columns: new Set(["name", "age"]),
    prefix: "a:",
    limit: 5,
    delimiter: ";",
    includeKey: false,
  });
  console.log(totalEntries, lines.exported, lines.fileName, rows.bytesWritten);
  const { imported, bytesRead }: ImportResult = await kv.importJSONL({
    fileName: "a.jsonl",
    prefix: "a:",
    limit: 5,
    batchSize: 100,
  });
  await kv.importCSV({ fileName: "a.csv", keyColumn: "id", types: true, hasHeader: true });
  await texts.importCSV({ fileName: "a.csv", keys: "row", prefix: "row:", delimiter: "\t" });
  console.log(imported, bytesRead);
  const lineCheck = await kv.validateJSONL({ fileName: "a.jsonl", limit: 1 });
  if (!lineCheck.valid) {
    console.log(lineCheck.records, lineCheck.firstError.line, lineCheck.firstError.message);
  }
  const rowCheck = await kv.validateCSV({ fileName: "a.csv", hasHeader: false, keyColumn: "0" });
  console.log(rowCheck.rows, rowCheck.checkedAll, rowCheck.firstError?.row);
  await kv.validateCSV({ fileName: "a.csv", keys: "row" });
  await kv.validateCSV({ fileName: "a.csv" });
}

export function errors(err: KVError): string[] {
  switch (err.name) {
    case "InvalidCursorError":
    case "ValueNumberRequiredError":
    case "ValueParseError":
    case "MetricsUnavailableError":
    case "SnapshotNotFoundError":
    case "SnapshotPermissionError":
    case "SnapshotExportError":
    case "SnapshotReadError":
    case "SnapshotIOError":
    case "SnapshotBudgetExceededError":
      return [err.message];
    default:
      return (err.errors ?? []).map(({ key, name, message }) => `${key}: ${name}, ${message}`);
  }
}

// What k6/http gives can be stored.
export async function responses(): Promise<void> {
  const url = "https://example.com/";
  const response = http.get(url);
  await kv.set("body", response.body);
  await kv.set("response", response);
  await kv.set("json", response.json());
  await kv.set("id", response.json("user.id"));
  await kv.set("parts", { at: Date.now(), body: response.body, headers: response.headers });
  await kv.set("parts", [response.cookies, response.timings, response.request, response.error]);
  await kv.set("nested", { first: response, all: [response] });
  await kv.setMany({ body: response.body, response });
  await kv.getOrSet("body", response.body);
  await kv.swap("response", response);
  await kv.compareAndSwap("response", response, http.post(url, "text"));
  await kv.compareAndDelete("body", response.body);
  await kv.set("text", http.get(url, { responseType: "text" }).body);
  await kv.set("none", http.get(url, { responseType: "none" }));
  await kv.set("async", await http.asyncRequest("GET", url));
  await kv.set("batch", http.batch([url, url]));
  await kv.set("batch", http.batch({ first: url })["first"]);
  await bytes.set("body", http.get(url, { responseType: "binary" }).body);
  if (response.body !== null) {
    await texts.set("body", response.body);
    await bytes.set("body", response.body);
  }
}
