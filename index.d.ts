/**
 * Types of `k6/x/kv`: a key-value store that the virtual users of a k6 load
 * test share.
 *
 * To have them in an editor, install the types of k6 beside the scripts, with
 * `npm i -D @types/k6`, and let TypeScript see this file with a `jsconfig.json`:
 *
 * ```json
 * {
 *   "compilerOptions": {
 *     "target": "ES2022",
 *     "module": "ESNext",
 *     "moduleResolution": "bundler",
 *     "types": ["k6"],
 *     "checkJs": true,
 *     "strict": true,
 *     "noImplicitAny": false,
 *     "useUnknownInCatchVariables": false
 *   },
 *   "include": ["*.js", "path/to/xk6-kv/index.d.ts"]
 * }
 * ```
 *
 * The last two options let plain JavaScript pass as it is: parameters without a
 * type, and `catch (err)` followed by `err.name`. Leave them out to be stricter.
 */
declare module "k6/x/kv" {
  /**
   * Opens a store, or one more handle on a store that is already open.
   *
   * Only in the init context, that is at the top level of a script: k6 runs
   * that code once for every virtual user (VU), and equal options give every
   * VU the same store.
   *
   * @param options - What to open; everything has a default, so `openKv()`
   *   opens the file `./.k6.kv`. Unknown fields are rejected by name.
   * @returns A handle on the store.
   *
   * @throws `InitContextError` - called inside a function that k6 runs later
   *   (`default`, `setup`, `teardown`, …).
   * @throws `InvalidOptionsError`, `InvalidBackendError`,
   *   `InvalidSerializationError` - an option is unknown, of the wrong type or
   *   out of its range.
   * @throws `KVOptionsConflictError` - the store is open with another value of
   *   an option, or a server has it with another; the message says which.
   * @throws `DiskPathError` - the path is a directory, a device or a symbolic
   *   link, or its parent cannot be used.
   * @throws `DiskStoreOpenError` - the file is not a store of this module, was
   *   written with another serialization, is missing (with `disk.readOnly`),
   *   or another process has it open for writing.
   * @throws `DiskStoreCorruptError` - the file is truncated or damaged.
   * @throws `ServerUnavailableError` - no server was there within `redis.timeout`, or it
   *   refuses; also if it does not know user or password.
   * @throws `StoreLostError` - the server has only a part of the store.
   *
   * @example
   * ```js
   * import { openKv } from "k6/x/kv";
   *
   * const kv = openKv({ backend: "memory", trackKeys: true });
   *
   * export default async function () {
   *   await kv.set(`user:${__VU}`, { visits: __ITER });
   * }
   * ```
   */
  export function openKv<S extends Serialization = "json">(
    options?: OpenKvOptions<S> | null,
  ): KV<S>;

  /** The default export, for `import kv from "k6/x/kv"`. */
  const module: {
    /** See {@link openKv}. */
    readonly openKv: typeof openKv;
  };
  export default module;

  // --- options -------------------------------------------------------------

  /** Where a store lives. */
  export type Backend = "disk" | "memory" | "redis";

  /** What the values of a store are; see {@link OpenKvOptions.serialization}. */
  export type Serialization = "json" | "string" | "binary";

  /** What a resolved write survives; see {@link DiskOptions.durability}. */
  export type Durability = "full" | "relaxed" | "none";

  /** Options of {@link openKv}. A field that is null or undefined means its default. */
  export interface OpenKvOptions<S extends Serialization = Serialization> {
    /**
     * - `"disk"`: one file, which is still there in the next run.
     * - `"memory"`: gone when k6 ends.
     * - `"redis"`: on a Redis or Valkey server, where many k6 processes use it at once;
     *   see {@link OpenKvOptions.url}. What is different there stands in docs/API.md,
     *   "Stores on servers".
     *
     * @defaultValue `"disk"`
     */
    backend?: Backend | null;

    /**
     * Memory and servers: which store. Several may be open at once, one for each name.
     *
     * With a store on disk it is refused: {@link OpenKvOptions.path} is what
     * tells those apart.
     *
     * @defaultValue `"default"`
     */
    name?: string | null;

    /**
     * Disk only: the store's file, relative to the directory that k6 was
     * started in, or a file URL such as `import.meta.resolve("./users.kv")`. `~`
     * is not expanded, and undefined is refused: leave it out. Missing parent
     * directories are created; the file gets mode 0600 and a lock file beside it,
     * whose name has `-lock` at the end.
     *
     * It has no effect in memory and on servers, where {@link OpenKvOptions.name} is
     * what tells stores apart.
     *
     * @defaultValue `"./.k6.kv"`
     */
    path?: string | null;

    /**
     * What values are, on the way in and out:
     * - `"json"`: whatever JSON can hold, objects and arrays included;
     * - `"string"`: text; numbers and booleans are stored as their text;
     * - `"binary"`: bytes; `get` resolves to an `ArrayBuffer`.
     *
     * @defaultValue `"json"`
     */
    serialization?: S | null;

    /**
     * Keep an ordered, counted index of all keys in memory, so that
     * {@link KV.randomKey}, {@link KV.count}, claims and pops stay fast in a
     * large disk store, also with a prefix. It is built from the data when the
     * store opens.
     *
     * @defaultValue `false`
     */
    trackKeys?: boolean | null;

    /**
     * Makes random choices repeatable: what a call chooses is then a function of
     * the seed, of `__VU`, and of how many calls this VU has made on the store
     * before. An integer that a number holds exactly. VUs may have different
     * seeds; within one VU it must be the same each time.
     *
     * @defaultValue none: every run chooses anew
     */
    seed?: number | null;

    /**
     * Servers only: where they are.
     *
     * - `"redis://host:6379/0"`, with `user:password@` before the host if need be;
     *   `"rediss://…"` is the same through TLS;
     * - `"redis://host1:6379,host2:6379"`: nodes of a cluster, one or more;
     * - `"redis+sentinel://host1:26379,host2:26379/mymaster"`: sentinels, and what they
     *   call the master;
     * - `"unix:///run/redis.sock?db=0"`: a socket on this machine.
     *
     * User and password are percent-encoded; no message or metric shows them. To
     * keep them out of scripts leave `url` out, or name a variable in
     * {@link RedisOptions.passwordEnv}.
     *
     * @defaultValue the variable `K6_KV_REDIS_URL` in the environment of the k6 process
     */
    url?: string | null;

    /** Options of stores on servers. */
    redis?: RedisOptions | null;

    /** Options of the memory backend. */
    memory?: MemoryOptions | null;

    /** Options of the disk backend. */
    disk?: DiskOptions | null;

    /** Options for metrics. */
    metrics?: MetricsOptions | null;
  }

  /** The field `memory` of {@link OpenKvOptions}. */
  export interface MemoryOptions {
    /**
     * 0 to 65,536. Accepted for scripts that set it, without effect.
     *
     * @defaultValue `0` (automatic)
     */
    shardCount?: number | null;
  }

  /**
   * A span of time: a whole number of milliseconds, or text as k6 writes it,
   * `"500ms"`, `"30s"`, `"1m30s"`, `"1.5h"` (`ms`, `s`, `m`, `h`, `d`).
   */
  export type Duration = number | string;

  /** The field `disk` of {@link OpenKvOptions}. */
  export interface DiskOptions {
    /**
     * How long to wait while another process has the store open for writing,
     * before `openKv` throws a DiskStoreOpenError that names its process id: at
     * most a day.
     *
     * @defaultValue `1000`
     */
    timeout?: Duration | null;

    /**
     * What a write survives once its promise has resolved:
     * - `"full"`: a crash of the process or the system, and a power cut;
     * - `"relaxed"`: the same, but a power cut may take back the last commits;
     *   it never damages the file;
     * - `"none"`: a killed process; a power cut may destroy the file.
     *
     * @defaultValue `"full"`
     */
    durability?: Durability | null;

    /**
     * `true` means `durability: "none"`.
     *
     * @defaultValue `false`
     */
    noSync?: boolean | null;

    /**
     * Only read. The file must exist, and every call that would change it
     * rejects with StoreReadOnlyError. Any number of processes may read beside
     * the one that writes, and they see its writes as they happen.
     *
     * @defaultValue `false`
     */
    readOnly?: boolean | null;

    /**
     * Address space to reserve at the start: bytes, or text as `"64MiB"`. It
     * grows by itself, so there is rarely a reason to set it.
     *
     * @defaultValue automatic
     */
    initialMmapSize?: number | string | null;

    /** Accepted for scripts that set it, without effect. */
    noGrowSync?: boolean | null;

    /** Accepted for scripts that set it, without effect. */
    noFreelistSync?: boolean | null;

    /** Accepted for scripts that set it, without effect. */
    preLoadFreelist?: boolean | null;

    /** Accepted for scripts that set it, without effect. */
    freelistType?: "" | "array" | "map" | "hashmap" | null;

    /** Accepted for scripts that set it, without effect. */
    mlock?: boolean | null;
  }

  /** The field `redis` of {@link OpenKvOptions}. */
  export interface RedisOptions {
    /**
     * How many parts a new store is made of, 1 to 64, which a cluster spreads over
     * its nodes. All that open the store must give the same.
     *
     * @defaultValue `1`
     */
    partitions?: number | null;

    /**
     * How long a call may wait for a server, at most a day, before it rejects with
     * ServerUnavailableError or OutcomeUnknownError.
     *
     * @defaultValue `5000`
     */
    timeout?: Duration | null;

    /**
     * How many replicas must have a write before it is acknowledged: 0 to 16.
     *
     * @defaultValue `0`
     */
    replicas?: number | null;

    /**
     * Who to be on the server, if the URL does not say so.
     *
     * @defaultValue the user of the URL
     */
    username?: string | null;

    /**
     * The name of the variable, in the environment of the k6 process, that holds the
     * password.
     *
     * @defaultValue none: the password of the URL, if it has one
     */
    passwordEnv?: string | null;

    /** Options for URLs that start with `rediss://`. */
    tls?: TlsOptions | null;
  }

  /** The field `tls` of {@link RedisOptions}. */
  export interface TlsOptions {
    /**
     * A file of the certificates to trust, in PEM.
     *
     * @defaultValue those that the system trusts
     */
    ca?: string | null;

    /** A file of the client's own certificate, in PEM; `key` goes with it. */
    cert?: string | null;

    /** The file of its private key, in PEM. */
    key?: string | null;

    /**
     * What the server's certificate must be for.
     *
     * @defaultValue the host of the URL
     */
    serverName?: string | null;

    /**
     * Takes whatever certificate the server has: for tests of your own only.
     *
     * @defaultValue `false`
     */
    insecure?: boolean | null;
  }

  /** The field `metrics` of {@link OpenKvOptions}. */
  export interface MetricsOptions {
    /**
     * Emit k6 metrics about every call made in `setup`, `teardown` and
     * iterations: `xk6_kv_operations_total`, `xk6_kv_operation_duration`,
     * `xk6_kv_operation_failed`, `xk6_kv_empty_result` and
     * `xk6_kv_async_in_flight`. All handles on a store must agree.
     * (`xk6_kv_errors_total` and `xk6_kv_claims_lost_total` are always on.)
     *
     * @defaultValue `false`
     */
    operations?: boolean | null;
  }

  /**
   * Options of {@link KV.randomKey}, {@link KV.randomEntry}, {@link KV.count} and
   * {@link KV.allocationStats}.
   */
  export interface PrefixOptions {
    /** Only keys that start with this text. Default: every key. */
    prefix?: string | null;
  }

  /** Options of {@link KV.list}. */
  export interface ListOptions extends PrefixOptions {
    /**
     * At most so many entries, an integer up to 250,000; 0, less or nothing
     * means all. Default: all.
     */
    limit?: number | null;
  }

  /** Options of {@link KV.listKeys}. */
  export interface ListKeysOptions extends PrefixOptions {
    /** At most so many keys; 0, less or nothing means all. Default: all. */
    limit?: number | null;
  }

  /** Options of {@link KV.scan} and {@link KV.scanKeys}. */
  export interface ScanOptions extends PrefixOptions {
    /**
     * At most so many on this page, an integer up to 100,000; 0, less or nothing
     * means all. Default: all.
     */
    limit?: number | null;

    /**
     * Where to go on: the `cursor` of the page before, unchanged and with the
     * same prefix. Default: `""`, from the beginning.
     */
    cursor?: string | null;
  }

  /** Options of {@link KV.deleteByPrefix}. */
  export interface DeleteByPrefixOptions {
    /** Only keys that start with this text, which is not empty. */
    prefix: string;

    /** At most so many keys, the first ones in order: 1 to 100,000. */
    limit: number;
  }

  /** Options of {@link KV.randomKeys}. */
  export interface RandomKeysOptions extends PrefixOptions {
    /** How many keys: 1 to 1,000,000. */
    count: number;

    /**
     * Whether all keys must differ. With `false` each is drawn by itself.
     *
     * @defaultValue `true`
     */
    unique?: boolean | null;
  }

  /** What the methods share that wait: those that pop or claim one key. */
  export interface WaitOptions {
    /**
     * How long to wait if there is nothing to be had: at most a day. Who has
     * waited longest is served first; on servers it is whoever asks first, and a call
     * that waits asks again up to every 200 ms. When the time is over, the result is null.
     *
     * A call that waits keeps its iteration open; later calls of the same VU
     * overtake it. It rejects with OperationCanceledError when its VU ends, with
     * StoreClosedError after {@link KV.close}, and with InitContextError at the
     * top level of a script.
     *
     * @defaultValue `0`, not to wait
     */
    timeout?: Duration | null;
  }

  /** Options of {@link KV.popRandom}. */
  export interface PopRandomOptions extends PrefixOptions, WaitOptions {}

  /** Options of {@link KV.popNext}. */
  export interface PopNextOptions extends PrefixOptions, WaitOptions {}

  /** Options of {@link KV.next}. */
  export interface NextOptions {
    /** Only keys that start with it; not empty. */
    prefix: string;
    /** The key that holds the key handed out last. It may not start with the prefix. */
    position: string;
    /** Whether the first entry comes behind the last. Default: false. */
    cycle?: boolean | null;
  }

  /** Options of {@link KV.popRandomMany}. */
  export interface PopRandomManyOptions extends PrefixOptions {
    /** How many entries at most: 1 to 1,000,000. */
    count: number;
  }

  /** What the methods share that claim. */
  export interface ClaimOptions {
    /**
     * Who claims, for people and logs: at most 256 bytes.
     *
     * @defaultValue `""`
     */
    owner?: string | null;

    /**
     * How long the claim lasts unless it is renewed: 1 ms to a day. It runs from
     * the moment when the store carries out the call; on disk the time that the
     * write to the disk takes is part of it.
     *
     * @defaultValue `30000`
     */
    ttl?: Duration | null;
  }

  /** Options of {@link KV.claimKey}. */
  export interface ClaimKeyOptions extends ClaimOptions, WaitOptions {}

  /** Options of {@link KV.claimRandom}. */
  export interface ClaimRandomOptions extends ClaimOptions, PrefixOptions, WaitOptions {}

  /** Options of {@link KV.claimNext}. */
  export interface ClaimNextOptions extends ClaimOptions, PrefixOptions, WaitOptions {}

  /** Options of {@link KV.claimForOwner}. */
  export interface ClaimForOwnerOptions extends ClaimOptions, PrefixOptions, WaitOptions {
    /** Whose claim it is, by which it is found again: 1 to 256 bytes. */
    owner: string;
  }

  /** Options of {@link KV.claimRandomMany}. */
  export interface ClaimRandomManyOptions extends ClaimOptions, PrefixOptions {
    /** How many claims at most: 1 to 1,000,000. */
    count: number;
  }

  /** Options of {@link KV.claimKeys}. */
  export interface ClaimKeysOptions extends ClaimOptions {
    /**
     * Claim all keys or none: at the first that is busy or missing nothing is
     * claimed, and only that key is told.
     *
     * @defaultValue `false`
     */
    allOrNothing?: boolean | null;
  }

  /** Options of {@link KV.renewClaim} and {@link KV.renewClaims}. */
  export interface RenewOptions {
    /** How long the claim lasts from now: 1 ms to a day. */
    ttl: Duration;
  }

  /** Options of {@link KV.completeClaim} and {@link KV.completeClaims}. */
  export interface CompleteOptions {
    /**
     * Whether the key is deleted.
     *
     * @defaultValue `true`
     */
    deleteKey?: boolean | null;
  }

  /**
   * Options of {@link KV.compareAndSwapDetailed} and
   * {@link KV.compareAndDeleteDetailed}.
   */
  export interface CompareOptions {
    /**
     * Whether the result has `current`, the value that is there, if it is not
     * the one expected.
     *
     * @defaultValue `false`
     */
    includeCurrentOnMismatch?: boolean | null;
  }

  /** What the methods share that read or write a file. */
  export interface FileOptions {
    /**
     * The file: relative to the directory that k6 was started in, not to the
     * script, or a file URL. `import.meta.resolve("./users.csv")` names a file
     * beside the script. `~` is not expanded.
     */
    fileName: string;
  }

  /** Options of {@link KV.backup}. */
  export interface BackupOptions {
    /**
     * Where to put the copy; see {@link FileOptions.fileName}.
     *
     * @defaultValue `"./.k6.kv"`
     */
    fileName?: string | null;

    /** Accepted for scripts that set it, without effect: writes go on anyway. */
    allowConcurrentWrites?: boolean | null;
  }

  /** Options of {@link KV.restore}. */
  export interface RestoreOptions {
    /**
     * What to read; see {@link FileOptions.fileName}.
     *
     * @defaultValue `"./.k6.kv"`
     */
    fileName?: string | null;

    /** Refuse a file with more entries; 0: any number. Default: any. */
    maxEntries?: number | null;

    /** Refuse a file with more bytes in keys and values; 0: any number. Default: any. */
    maxBytes?: number | null;
  }

  /** Options of {@link KV.exportJSONL}. */
  export interface ExportJSONLOptions extends FileOptions, PrefixOptions {
    /**
     * At most so many entries, the first in the order of the keys; 0, less or
     * nothing means all. Default: all.
     */
    limit?: number | null;
  }

  /** Options of {@link KV.exportCSV}. */
  export interface ExportCSVOptions extends ExportJSONLOptions {
    /**
     * Which members of the values become columns, in this order: at least one,
     * and none twice.
     */
    columns: Keys;

    /**
     * What stands between the cells: one character.
     *
     * @defaultValue `","`
     */
    delimiter?: string | null;

    /**
     * Whether the key comes first, as column `key`. Then no other column may have
     * that name.
     *
     * @defaultValue `true`
     */
    includeKey?: boolean | null;
  }

  /** Options of {@link KV.importJSONL}. */
  export interface ImportJSONLOptions extends FileOptions {
    /** What to put before each key. Default: `""`, nothing. */
    prefix?: string | null;

    /** At most so many records; 0, less or nothing means all. Default: all. */
    limit?: number | null;

    /**
     * How many records are stored in one step: 1 to 10,000.
     *
     * @defaultValue `1000`
     */
    batchSize?: number | null;
  }

  /** How {@link KV.importCSV} and {@link KV.validateCSV} read a file. */
  export interface CSVOptions {
    /**
     * What stands between the cells: one character.
     *
     * @defaultValue `","`
     */
    delimiter?: string | null;

    /**
     * Whether the first row names the columns. Without, they are called `"0"`,
     * `"1"`, …
     *
     * @defaultValue `true`
     */
    hasHeader?: boolean | null;

    /**
     * Whether cells become what they look like: numbers, true, false, and null
     * where they are empty. By default every cell is a string. Integers of more
     * than 15 digits stay strings: scripts would lose some of them.
     *
     * @defaultValue `false`
     */
    types?: boolean | null;
  }

  /**
   * Where the keys of rows come from: the cells of a column, by its name, or the
   * number of the row, from 1 and in ten digits.
   */
  export type CSVKeys =
    | { keyColumn: string; keys?: null }
    | { keys: "row"; keyColumn?: null };

  /** Options of {@link KV.importCSV}: `keyColumn` or `keys` must be there. */
  export type ImportCSVOptions = ImportJSONLOptions & CSVOptions & CSVKeys;

  /** Options of {@link KV.validateJSONL}. */
  export interface ValidateJSONLOptions extends FileOptions {
    /** Look at so many records at most; 0, less or nothing means all. Default: all. */
    limit?: number | null;
  }

  /** Options of {@link KV.validateCSV}. With `keyColumn` it checks the keys, too. */
  export type ValidateCSVOptions = ValidateJSONLOptions &
    CSVOptions &
    (CSVKeys | { keyColumn?: null; keys?: null });

  type WithoutCurrent = { includeCurrentOnMismatch?: false | null };

  // --- results -------------------------------------------------------------

  /** A key and its value, as {@link KV.list} gives them. */
  export interface Entry<T = any> {
    /** The key. */
    key: string;
    /** The value stored under it. */
    value: T;
  }

  /** What {@link KV.getMany} says about one key. */
  export type GetManyEntry<T = any> =
    | { key: string; exists: true; value: T }
    | { key: string; exists: false; value: null };

  /** What {@link KV.getOrSet} resolves to. */
  export interface GetOrSetResult<T = any> {
    /** What is under the key now. */
    value: T;
    /** Whether it was there before; false: it is the value passed. */
    loaded: boolean;
  }

  /** What {@link KV.swap} resolves to: `loaded` tells whether there was a value before. */
  export type SwapResult<T = any> =
    | { previous: T; loaded: true }
    | { previous: null; loaded: false };

  /** What {@link KV.compareAndSwapDetailed} resolves to. */
  export type CompareAndSwapResult =
    | { swapped: true; reason: "swapped" }
    | { swapped: false; reason: "mismatch"; existed: boolean };

  /** The same with `includeCurrentOnMismatch`. */
  export type CompareAndSwapResultWithCurrent<T = any> =
    | { swapped: true; reason: "swapped" }
    | { swapped: false; reason: "mismatch"; existed: true; current: T }
    | { swapped: false; reason: "mismatch"; existed: false; current?: undefined };

  /** What {@link KV.compareAndDeleteDetailed} resolves to. */
  export type CompareAndDeleteResult =
    | { deleted: true; reason: "deleted" }
    | { deleted: false; reason: "mismatch"; existed: boolean };

  /** The same with `includeCurrentOnMismatch`. */
  export type CompareAndDeleteResultWithCurrent<T = any> =
    | { deleted: true; reason: "deleted" }
    | { deleted: false; reason: "mismatch"; existed: true; current: T }
    | { deleted: false; reason: "mismatch"; existed: false; current?: undefined };

  /** What {@link KV.setMany} resolves to. */
  export interface SetManyResult {
    /** How many entries were stored: all of them. */
    written: number;
  }

  /** What {@link KV.deleteMany} resolves to. */
  export interface DeleteManyResult {
    /** How many keys were removed. */
    deleted: number;
    /** How many were not there. */
    missing: number;
  }

  /** What {@link KV.deleteByPrefix} resolves to. */
  export interface DeleteByPrefixResult {
    /** How many keys were removed. */
    deleted: number;
    /** Whether no key with the prefix is left. */
    done: boolean;
  }

  /** A page that {@link KV.scan} gives. */
  export interface ScanPage<T = any> {
    /** The entries, in the order of their keys. */
    entries: Entry<T>[];
    /**
     * What to pass for the next page; `""` on the last one. Since `""` also means
     * from the beginning, save `done` with a cursor that is used later.
     */
    cursor: string;
    /** Whether this is the last page. */
    done: boolean;
  }

  /** A page that {@link KV.scanKeys} gives. */
  export interface ScanKeysPage {
    /** The keys, in order. */
    keys: string[];
    /**
     * What to pass for the next page; `""` on the last one. Since `""` also means
     * from the beginning, save `done` with a cursor that is used later.
     */
    cursor: string;
    /** Whether this is the last page. */
    done: boolean;
  }

  /**
   * The right to a key for some time. It blocks other claims and pops of that
   * key, nothing else: its value can be read and written by all. It ends when it
   * is released, completed or expires, and when the key is deleted in any way.
   */
  export interface Claim<T = any> {
    /** Its name, as `"claim-17"`; for display. */
    id: string;
    /** The key that is held. */
    key: string;
    /** The key and its value, as they were when it was claimed. */
    entry: Entry<T>;
    /** Who claimed it; `""` if nobody was named. */
    owner: string;
    /** A positive integer that grows with every claim and never repeats. */
    token: number;
    /** When it will end unless it is renewed, in milliseconds since 1970. */
    expiresAt: number;
  }

  /** What must be given back of a claim: the claim itself or a copy of these. */
  export type ClaimReference = Readonly<Pick<Claim, "id" | "key" | "token">>;

  /** What {@link KV.claimKeys} resolves to. */
  export interface ClaimKeysResult<T = any> {
    /** The claims. */
    claimed: Claim<T>[];
    /** The keys that are held already. */
    busy: string[];
    /** The keys that do not exist. */
    missing: string[];
  }

  /** A claim that had ended before {@link KV.releaseClaims} and the like. */
  export interface FailedClaim {
    /** Which of the claims passed, counted from 0. */
    index: number;
    /** Its `id`. */
    id: string;
    /** Its key. */
    key: string;
    /** The same for all. */
    name: "ClaimNotUpdated";
    /** A sentence for people. */
    message: string;
  }

  /** What {@link KV.renewClaims} resolves to. */
  export interface RenewResult {
    /** How many claims were passed. */
    attempted: number;
    /** How many of them were renewed. */
    renewed: number;
    /** The others. */
    failed: FailedClaim[];
  }

  /** What {@link KV.releaseClaims} resolves to. */
  export interface ReleaseResult {
    /** How many claims were passed. */
    attempted: number;
    /** How many of them were released. */
    released: number;
    /** The others. */
    failed: FailedClaim[];
  }

  /** What {@link KV.completeClaims} resolves to. */
  export interface CompleteResult {
    /** How many claims were passed. */
    attempted: number;
    /** How many of them were completed. */
    completed: number;
    /** The others. */
    failed: FailedClaim[];
  }

  /** What {@link KV.stats} resolves to. */
  export interface Stats {
    /** Where the store lives. */
    backend: Backend;
    /** What its values are. */
    serialization: Serialization;
    /** Whether it was opened with `trackKeys`. */
    trackKeys: boolean;
    /** How many keys there are. */
    count: number;
    /** How many claims there are. */
    claims: {
      /** Those that hold. */
      live: number;
      /** Those that have expired but were not cleared away yet. */
      expired: number;
    };
    /** The key index; null without `trackKeys`. */
    index: IndexStats | null;
    /** The file; null in memory and on servers. */
    disk: DiskStats | null;
  }

  /** The field `index` of {@link Stats}. There is one index; three names are kept for scripts that know them. */
  export interface IndexStats {
    /** Always true. */
    enabled: boolean;
    /** How many keys the index has. */
    keysList: number;
    /** The same number. */
    keysMap: number;
    /** The same number. */
    ost: number;
    /**
     * Whether the index has as many keys as the store; null if a read-only store
     * has changed since the index was built, which is no fault.
     */
    consistent: boolean | null;
  }

  /** The field `disk` of {@link Stats}. */
  export interface DiskStats {
    /** The file, as an absolute path. */
    path: string;
    /** How large it is. */
    sizeBytes: number;
    /** Whether it was opened with `disk.readOnly`. */
    readOnly: boolean;
  }

  /** What {@link KV.allocationStats} resolves to. */
  export interface AllocationStats {
    /** The prefix asked for; `""` for every key. */
    prefix: string;
    /** How many keys start with it. */
    total: number;
    /** How many of them can be claimed now. */
    claimable: number;
    /** How many of them are held. */
    claimedLive: number;
    /** How many have a claim that has expired; these can be claimed. */
    claimedExpired: number;
    /** Where the store lives. */
    backend: Backend;
    /** Whether it was opened with `trackKeys`. */
    trackKeys: boolean;
  }

  /** What {@link KV.backup} resolves to. */
  export interface BackupResult {
    /** How many entries the copy has. */
    totalEntries: number;
    /** How large its file is. */
    bytesWritten: number;
    /** Whether the copy is not the state of one moment: only of stores on servers. */
    bestEffort: boolean;
    /** What to know about such a copy, else `""`. */
    warning: string;
  }

  /** What {@link KV.restore} resolves to. */
  export interface RestoreResult {
    /** How many entries the store has now. */
    totalEntries: number;
  }

  /** What {@link KV.exportJSONL} and {@link KV.exportCSV} resolve to. */
  export interface ExportResult {
    /** How many entries were written. */
    exported: number;
    /** The `fileName`, as it was given. */
    fileName: string;
    /** How large the file is. */
    bytesWritten: number;
  }

  /** What {@link KV.importJSONL} and {@link KV.importCSV} resolve to. */
  export interface ImportResult {
    /** How many records or rows were stored; two with the same key count twice. */
    imported: number;
    /** The `fileName`, as it was given. */
    fileName: string;
    /** How many bytes of the file were used. */
    bytesRead: number;
  }

  /** What {@link KV.validateJSONL} resolves to. */
  export type ValidateJSONLResult =
    | { valid: true; records: number; bytesRead: number; checkedAll: boolean; firstError?: undefined }
    | {
        valid: false;
        records: number;
        bytesRead: number;
        checkedAll: false;
        /** What is wrong; `line` counts from 1. */
        firstError: { line: number; name: KVErrorName; message: string };
      };

  /** What {@link KV.validateCSV} resolves to. */
  export type ValidateCSVResult =
    | { valid: true; rows: number; bytesRead: number; checkedAll: boolean; firstError?: undefined }
    | {
        valid: false;
        rows: number;
        bytesRead: number;
        checkedAll: false;
        /** What is wrong; `row` counts from 1 and does not count the header, which is 0. */
        firstError: { row: number; name: KVErrorName; message: string };
      };

  // --- values --------------------------------------------------------------

  /** What JSON can hold. */
  export type JSONValue =
    | string
    | number
    | boolean
    | null
    | JSONValue[]
    | { [key: string]: JSONValue };

  /**
   * What comes back from a store: any JSON value (`any`, so that
   * `(await kv.get("user:1")).name` needs no cast), a string, or an ArrayBuffer.
   */
  export type Stored<S extends Serialization = "json"> = S extends "json"
    ? any
    : S extends "string"
      ? string
      : ArrayBuffer;

  /**
   * What can be put into a store: `Storable<S, V>` is `V` when a value of that
   * type can be stored, else a text that says why not.
   *
   * | value | json | string | binary |
   * |---|---|---|---|
   * | string | kept | kept | its UTF-8 bytes |
   * | number, boolean | kept | as text | - |
   * | null, undefined | null | - | - |
   * | plain object, array | as JSON | - | - |
   * | other object | as JSON: its own enumerable properties | - | - |
   * | ArrayBuffer, typed array | - | its bytes, UTF-8 | kept |
   *
   * As JSON means: a member that is undefined is left out, undefined in an array
   * becomes null, and an object with a `toJSON` method (such as Date) counts as
   * what that returns.
   *
   * A response of `k6/http` can be stored as JSON, whole (its methods are left
   * out) or its `body`, unless the body is bytes.
   *
   * The types refuse some values that the store would take: objects with methods
   * and without `toJSON`. `{ ...object }` and `JSON.parse(JSON.stringify(object))`
   * pass. They let pass what may be bytes or text, as the body of a response.
   *
   * NaN, the infinities, cycles and nesting over 10,000 are only found when
   * the script runs; they reject with SerializerError.
   */
  export type Storable<S extends Serialization, V> = S extends "json"
    ? StorableAsJSON<V>
    : S extends "string"
      ? V extends string | number | boolean | Bytes
        ? V
        : "this value cannot be stored with serialization string, use json"
      : V extends string | Bytes
        ? V
        : "this value cannot be stored with serialization binary";

  type Bytes = ArrayBuffer | ArrayBufferView;

  type StorableAsJSON<V> = string extends V
    ? StorableMember<Exclude<V, Bytes>> | Extract<V, Bytes>
    : StorableMember<V>;

  type StorableMember<V> = V extends JSONValue | undefined
    ? V
    : V extends Bytes
      ? "bytes cannot be stored with serialization json, use binary or encode them"
      : V extends
            | bigint
            | symbol
            | ((...args: any[]) => any)
            | ReadonlyMap<any, any>
            | ReadonlySet<any>
            | PromiseLike<any>
        ? "this value cannot be stored with serialization json"
        : V extends { toJSON(...args: any[]): any }
          ? V
          : IsError<V> extends true
            ? "an Error cannot be stored; store its name and message"
            : V extends HTTPResponse
              ? { [K in keyof V]: K extends "body" ? StorableAsJSON<V[K]> : V[K] }
              : V extends object
                ? { [K in keyof V]: StorableAsJSON<V[K]> }
                : V;

  /** How a response of `k6/http` is told from other objects with methods. */
  interface HTTPResponse {
    status: number;
    body: unknown;
    timings: object;
    json(...args: any[]): any;
    html(...args: any[]): any;
  }

  /** Whether V is an Error, and not just an object with a name and a message. */
  type IsError<V> = V extends Error ? (keyof Error extends keyof V ? true : false) : false;

  /** An array or another iterable of keys; a string is none, though it can be iterated. */
  export type Keys = Iterable<string> & object;

  /**
   * What {@link KV.setMany} can store: a plain object of values. A class instance
   * is none, and an interface does not tell whether it is one; `{ ...entries }`
   * always is.
   */
  export type StorableEntries<S extends Serialization, E> =
    E extends Record<string, unknown>
      ? { [K in keyof E]: Storable<S, E[K]> }
      : "entries must be a plain object {key: value}";

  /** What {@link KV.compareAndSwap} can expect: a value, or null or undefined. */
  export type Expected<S extends Serialization, V> = S extends "json"
    ? StorableAsJSON<V>
    : V extends null | undefined
      ? V
      : Storable<S, V>;

  /** What {@link KV.compareAndDelete} can expect: a value, or undefined, which is never there. */
  export type ExpectedValue<S extends Serialization, V> = S extends "json"
    ? StorableAsJSON<V>
    : V extends undefined
      ? V
      : Storable<S, V>;

  // --- the store -----------------------------------------------------------

  /**
   * A handle on a store.
   *
   * Keys are non-empty strings of at most 32,768 bytes of UTF-8; nothing else
   * is turned into a string. "Order" means the byte order of UTF-8.
   *
   * Every method except {@link KV.close} returns a promise and is one atomic
   * step: no other VU ever sees half of it. The calls of one VU take effect in
   * the order in which it made them, awaited or not, and all of them have
   * settled before its iteration ends.
   *
   * A promise that rejects does so with a {@link KVError}. Any method can
   * reject with `InvalidOptionsError` (an argument is not valid),
   * `StoreClosedError` (after `close`), and on disk with `DiskStoreReadError`,
   * `DiskStoreWriteError`, `DiskStoreCorruptError` or `StoreFullError`. Below,
   * each method lists what it adds to that.
   *
   * More than a method takes, as in `kv.set("k", 1, { ttl: 5 })` or
   * `kv.delete("a", "b")`, is an `InvalidOptionsError`, and nothing is done.
   * Ignored are undefined, and the index and array that `keys.map(kv.get)`
   * passes after each key.
   *
   * @typeParam S - The store's serialization.
   */
  export interface KV<S extends Serialization = "json"> {
    // -- single keys --

    /**
     * Reads a value.
     *
     * @param key - The key.
     * @returns The value, a fresh copy that may be changed at will.
     * @throws `KeyNotFoundError` - there is no such key.
     *
     * @example
     * ```js
     * const user = await kv.get("user:1");
     * ```
     */
    get<T extends Stored<S> = Stored<S>>(key: string): Promise<T>;

    /**
     * Stores a value under a key, replacing what was there.
     *
     * On disk the promise resolves once the value is as durable as
     * {@link DiskOptions.durability} promises. Writes of many VUs share one
     * sync to the disk.
     *
     * @param key - The key.
     * @param value - The value; see {@link Storable} for what can be stored. With
     *   serialization json, undefined is stored as null.
     * @returns The value passed.
     * @throws `SerializerError` - the store's serialization cannot hold the
     *   value; the message gives the path to the part that it cannot hold.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     *
     * @example
     * ```js
     * await kv.set("user:1", { name: "Ada", roles: ["admin"] });
     * ```
     */
    set<V>(key: string, value: V & Storable<S, V>): Promise<V>;
    /** Without a value, a store with serialization json stores null. */
    set(key: S extends "json" ? string : never): Promise<undefined>;

    /**
     * Removes a key. A claim on it ends.
     *
     * @param key - The key.
     * @returns Always true, also if there was no such key.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     */
    delete(key: string): Promise<true>;

    /**
     * Tells whether a key exists.
     *
     * @param key - The key.
     */
    exists(key: string): Promise<boolean>;

    // -- single keys, in one step --

    /**
     * Adds to an integer, in one step, exact in 64 bits. A key that is not there
     * counts as 0; a string of digits as the integer.
     *
     * The sum is a JavaScript number, which is exact up to 2^53; the store goes
     * on counting exactly beyond that.
     *
     * @param key - The key.
     * @param delta - What to add: an integer, also below 0.
     * @returns The sum.
     * @throws `ValueNumberRequiredError` - delta is not an integer.
     * @throws `ValueParseError` - the value is not an integer, or the sum would
     *   leave 64 bits; the value is kept.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     */
    incrementBy(key: string, delta: number): Promise<number>;

    /**
     * Stores a value unless the key has one, in one step: of all virtual users
     * that try, exactly one gets true.
     *
     * @param key - The key.
     * @param value - The value, as for {@link KV.set}.
     * @returns Whether the value was stored.
     * @throws As {@link KV.set}.
     */
    setIfAbsent<V>(key: string, value: V & Storable<S, V>): Promise<boolean>;
    /** Without a value, a store with serialization json stores null. */
    setIfAbsent(key: S extends "json" ? string : never): Promise<boolean>;

    /**
     * Stores a value unless the key has one, and reads what is there then.
     *
     * @param key - The key.
     * @param value - The value, as for {@link KV.set}.
     * @returns What is under the key now, and whether it was there before.
     * @throws As {@link KV.set}.
     *
     * @example
     * ```js
     * const { value, loaded } = await kv.getOrSet("config", { retries: 3 });
     * ```
     */
    getOrSet<V>(key: string, value: V & Storable<S, V>): Promise<GetOrSetResult<Stored<S>>>;
    /** Without a value, a store with serialization json stores null. */
    getOrSet(key: S extends "json" ? string : never): Promise<GetOrSetResult<Stored<S>>>;

    /**
     * Stores a value and reads what was there before.
     *
     * @param key - The key.
     * @param value - The value, as for {@link KV.set}.
     * @throws As {@link KV.set}.
     */
    swap<V>(key: string, value: V & Storable<S, V>): Promise<SwapResult<Stored<S>>>;
    /** Without a value, a store with serialization json stores null. */
    swap(key: S extends "json" ? string : never): Promise<SwapResult<Stored<S>>>;

    /**
     * Removes a key and tells whether it was there: of all virtual users that
     * try, exactly one gets true.
     *
     * @param key - The key.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     */
    deleteIfExists(key: string): Promise<boolean>;

    /**
     * Stores a value if the key has the one expected: of all virtual users that
     * expect the same and store something else, exactly one gets true.
     *
     * With serialization json values are compared by what they mean: numbers as
     * doubles, objects whatever the order of their members.
     *
     * @param key - The key.
     * @param old - What must be there. `undefined`: nothing; `null`: nothing or a
     *   stored null.
     * @param value - What to store in its place, as for {@link KV.set}: undefined
     *   stores null, and does not delete the key.
     * @returns Whether the value was stored.
     * @throws As {@link KV.set}.
     *
     * @example
     * ```js
     * const won = await kv.compareAndSwap("state", "waiting", "running");
     * ```
     */
    compareAndSwap<O, V>(
      key: string,
      old: O & Expected<S, O>,
      value: V & Storable<S, V>,
    ): Promise<boolean>;

    /**
     * {@link KV.compareAndSwap} that tells why it did not store the value.
     *
     * @param key - The key.
     * @param old - What must be there, as for {@link KV.compareAndSwap}.
     * @param value - What to store in its place, as for {@link KV.compareAndSwap}.
     * @param options - Whether to tell what is there instead.
     * @throws As {@link KV.set}.
     */
    compareAndSwapDetailed<O, V>(
      key: string,
      old: O & Expected<S, O>,
      value: V & Storable<S, V>,
      options?: WithoutCurrent | null,
    ): Promise<CompareAndSwapResult>;
    compareAndSwapDetailed<O, V>(
      key: string,
      old: O & Expected<S, O>,
      value: V & Storable<S, V>,
      options: CompareOptions | null,
    ): Promise<CompareAndSwapResultWithCurrent<Stored<S>>>;

    /**
     * Removes a key if it has the value expected, which is compared as
     * {@link KV.compareAndSwap} does.
     *
     * @param key - The key.
     * @param old - The value that must be there; null is one like any other,
     *   and undefined is never there.
     * @returns Whether the key was removed.
     * @throws `SerializerError` - `old` is not a value that could be stored.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     */
    compareAndDelete<O>(key: string, old: O & ExpectedValue<S, O>): Promise<boolean>;

    /**
     * {@link KV.compareAndDelete} that tells why it did not remove the key.
     *
     * @param key - The key.
     * @param old - The value that must be there.
     * @param options - Whether to tell what is there instead.
     * @throws As {@link KV.compareAndDelete}.
     */
    compareAndDeleteDetailed<O>(
      key: string,
      old: O & ExpectedValue<S, O>,
      options?: WithoutCurrent | null,
    ): Promise<CompareAndDeleteResult>;
    compareAndDeleteDetailed<O>(
      key: string,
      old: O & ExpectedValue<S, O>,
      options: CompareOptions | null,
    ): Promise<CompareAndDeleteResultWithCurrent<Stored<S>>>;

    // -- many keys --

    /**
     * Removes every key, and ends every claim. It takes no arguments;
     * {@link KV.deleteByPrefix} removes a part.
     *
     * @returns Always true.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     */
    clear(): Promise<true>;

    /** Counts the keys. */
    size(): Promise<number>;

    /**
     * Counts keys; with `trackKeys`, in memory or on servers in a time that hardly
     * depends on how many there are.
     *
     * @param options - Only keys with this prefix.
     */
    count(options?: PrefixOptions | null): Promise<number>;

    /**
     * Reads the values of many keys, as they were at one moment.
     *
     * @param keys - An array or another iterable of keys; `""` is one that does
     *   not exist, one of over 32,768 bytes is rejected.
     * @returns One result for each key, in the order given, repeats included.
     *
     * @example
     * ```js
     * for (const { key, exists, value } of await kv.getMany(["user:1", "user:2"])) {
     *   console.log(key, exists ? value.name : "(nobody)");
     * }
     * ```
     */
    getMany<T extends Stored<S> = Stored<S>>(keys: Keys): Promise<GetManyEntry<T>[]>;

    /**
     * Stores many values, all of them or none.
     *
     * @param entries - A plain object: its properties are the keys.
     * @returns How many were stored.
     * @throws `InvalidOptionsError` - an entry cannot be stored; the error's
     *   {@link KVError.errors | errors} has all that cannot.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     *
     * @example
     * ```js
     * await kv.setMany({ "user:1": { name: "Ada" }, "user:2": { name: "Grace" } });
     * ```
     */
    setMany<E extends object>(entries: E & StorableEntries<S, E>): Promise<SetManyResult>;

    /**
     * Removes many keys, in one step.
     *
     * @param keys - An array or another iterable of keys. With an invalid one,
     *   such as `""`, nothing is removed.
     * @returns How many were there, and how many not; a repeat is not there any
     *   more.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     */
    deleteMany(keys: Keys): Promise<DeleteManyResult>;

    /**
     * Removes the first keys that start with a prefix, which must not be empty:
     * {@link KV.clear} removes every key.
     *
     * @param options - Which, and how many at most; both are required.
     * @returns How many were removed, and whether none is left.
     * @throws `InvalidOptionsError` - the prefix is empty; nothing is removed.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     *
     * @example
     * ```js
     * while (!(await kv.deleteByPrefix({ prefix: "session:", limit: 10000 })).done);
     * ```
     */
    deleteByPrefix(options: DeleteByPrefixOptions): Promise<DeleteByPrefixResult>;

    /**
     * Reads many entries, in the order of their keys, as they were at one
     * moment.
     *
     * @param options - Which entries, and how many at most.
     *
     * @example
     * ```js
     * for (const { key, value } of await kv.list({ prefix: "user:", limit: 10 })) {
     *   console.log(key, value.name);
     * }
     * ```
     */
    list<T extends Stored<S> = Stored<S>>(options?: ListOptions | null): Promise<Entry<T>[]>;

    /**
     * Reads many keys, in order, as they were at one moment.
     *
     * @param options - Which keys, and how many at most.
     */
    listKeys(options?: ListKeysOptions | null): Promise<string[]>;

    /**
     * Reads one page of entries, in the order of their keys. A page is one step,
     * a walk over pages is not: a key that is there throughout is seen exactly
     * once; one that comes or goes meanwhile may be seen or not.
     *
     * A cursor stands for the last key of its page. It can be kept, in a file too,
     * and used later or by another VU. Give it back unchanged, with the same
     * prefix: that it was changed, or comes from another scan or store, is not
     * always noticed.
     *
     * @param options - Which entries, how many at most, and where to go on.
     * @throws `InvalidCursorError` - the cursor is not valid, or its key does not
     *   start with the prefix.
     *
     * @example
     * ```js
     * for (let cursor = "", done = false; !done; ) {
     *   const page = await kv.scan({ prefix: "user:", limit: 1000, cursor });
     *   for (const { key, value } of page.entries) {
     *     console.log(key, value.name);
     *   }
     *   ({ cursor, done } = page);
     * }
     * ```
     */
    scan<T extends Stored<S> = Stored<S>>(options?: ScanOptions | null): Promise<ScanPage<T>>;

    /**
     * {@link KV.scan} for the keys alone. A cursor of either goes on in both.
     *
     * @param options - Which keys, how many at most, and where to go on.
     * @throws `InvalidCursorError` - as {@link KV.scan}.
     */
    scanKeys(options?: ScanOptions | null): Promise<ScanKeysPage>;

    // -- at random --

    /**
     * Picks a key at random; every matching key has the same chance.
     *
     * In memory, on servers, and on disk with {@link OpenKvOptions.trackKeys}, the
     * time it takes hardly depends on how many keys there are. On disk without it,
     * it reads through the matching keys.
     *
     * @param options - Which keys to choose from.
     * @returns A key, or `""` if there is none to choose from.
     *
     * @example
     * ```js
     * const key = await kv.randomKey({ prefix: "user:" });
     * if (key !== "") {
     *   const user = await kv.get(key);
     * }
     * ```
     */
    randomKey(options?: PrefixOptions | null): Promise<string>;

    /**
     * Picks a key as {@link KV.randomKey} does, and reads its value in the same
     * step: nobody can delete the key in between. It stays in the store.
     *
     * @param options - Only keys with this prefix.
     * @returns The entry, or null if there is none.
     *
     * @example
     * ```js
     * const user = await kv.randomEntry({ prefix: "user:" });
     * if (user) {
     *   console.log(user.key, user.value);
     * }
     * ```
     */
    randomEntry<T extends Stored<S> = Stored<S>>(
      options?: PrefixOptions | null,
    ): Promise<Entry<T> | null>;

    /**
     * Hands out the keys in order, in turn for all virtual users of this process
     * (on servers, of all processes), and begins anew behind the last one. Each
     * prefix has a position of its own, which lasts as long as the store is open, on
     * servers as long as the store; nothing but this method moves it.
     * The keys stay; whether they are claimed does not matter.
     *
     * @param options - Only keys with this prefix.
     * @returns The entry, or null if there is none.
     *
     * @example
     * ```js
     * const row = await kv.nextCircular({ prefix: "row:" });
     * ```
     */
    nextCircular<T extends Stored<S> = Stored<S>>(
      options?: PrefixOptions | null,
    ): Promise<Entry<T> | null>;

    /**
     * Hands out the keys in order, each once, for all virtual users together. How far
     * that has come is the value of a key, the position: on disk and on servers the
     * next run goes on there. Set it to a key to go on behind that; delete it to begin
     * anew. The keys stay; whether they are claimed does not matter.
     *
     * @param options - Of which keys, where the position is, and whether it begins
     *   anew behind the last.
     * @returns The first entry behind the position, which moves there; null at the end.
     *
     * @example
     * ```js
     * const row = await kv.next({ prefix: "row:", position: "rows done" });
     * ```
     */
    next<T extends Stored<S> = Stored<S>>(options: NextOptions): Promise<Entry<T> | null>;

    /**
     * Picks many keys at random, in random order.
     *
     * @param options - How many (required), of which keys, and whether the same
     *   key may come more than once.
     * @returns That many keys; fewer if they must differ and there are not so
     *   many; none if there is none to choose from.
     */
    randomKeys(options: RandomKeysOptions): Promise<string[]>;

    /**
     * Takes a random key out of the store, with its value. It is one step: no
     * two virtual users get the same key. Keys that are claimed are left alone.
     *
     * @param options - Only keys with this prefix, and how long to wait for one.
     * @returns The entry, or null if there is none.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     * @throws `OperationCanceledError` - it waited, and its VU has ended.
     * @throws `InitContextError` - with a timeout, at the top level of a script.
     *
     * @example
     * ```js
     * const job = await kv.popRandom({ prefix: "job:", timeout: "10s" });
     * if (job === null) {
     *   return; // nothing to do for ten seconds
     * }
     * ```
     */
    popRandom<T extends Stored<S> = Stored<S>>(
      options?: PopRandomOptions | null,
    ): Promise<Entry<T> | null>;

    /**
     * Takes the first key in order out of the store, with its value: what was
     * loaded in the order of its keys is handed out in that order. It is one
     * step: no two virtual users get the same key. Keys that are claimed are
     * passed over.
     *
     * @param options - Only keys with this prefix, and how long to wait for one.
     * @returns The entry, or null if there is none.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     * @throws `OperationCanceledError` - it waited, and its VU has ended.
     * @throws `InitContextError` - with a timeout, at the top level of a script.
     *
     * @example
     * ```js
     * const row = await kv.popNext({ prefix: "row:" });
     * if (row === null) {
     *   return; // all are used
     * }
     * ```
     */
    popNext<T extends Stored<S> = Stored<S>>(
      options?: PopNextOptions | null,
    ): Promise<Entry<T> | null>;

    /**
     * {@link KV.popRandom} for many keys, in one step.
     *
     * @param options - How many at most (required), of which keys.
     * @returns The entries, in random order; fewer if there are not so many.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     */
    popRandomMany<T extends Stored<S> = Stored<S>>(
      options: PopRandomManyOptions,
    ): Promise<Entry<T>[]>;

    /**
     * Builds the key index of {@link OpenKvOptions.trackKeys} anew from the
     * data. The module does this by itself when it opens a disk store, so a
     * script seldom needs to. Does nothing without `trackKeys`. Claims are kept.
     *
     * @returns Always true.
     * @throws `KeyListRebuildError` - it failed; the store goes on with the index
     *   that it had.
     */
    rebuildKeyList(): Promise<true>;

    // -- claims --

    /**
     * Claims a random free key, each with the same chance: until the claim ends,
     * no other claim is given on that key, and it is not popped.
     *
     * On disk without {@link OpenKvOptions.trackKeys} it reads through the
     * matching keys, all of them if nearly all are held.
     *
     * @param options - Which keys to choose from, for whom, how long, and how long
     *   to wait for one.
     * @returns The claim, or null if there is no free key.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     * @throws `OperationCanceledError` - it waited, and its VU has ended.
     * @throws `InitContextError` - with a timeout, at the top level of a script.
     *
     * @example
     * ```js
     * const claim = await kv.claimRandom({ prefix: "account:", ttl: "1m", timeout: "10s" });
     * if (claim !== null) {
     *   console.log(claim.key, claim.entry.value.password);
     *   await kv.releaseClaim(claim);
     * }
     * ```
     */
    claimRandom<T extends Stored<S> = Stored<S>>(
      options?: ClaimRandomOptions | null,
    ): Promise<Claim<T> | null>;

    /**
     * {@link KV.claimRandom} on the first free key in order.
     *
     * @param options - Only keys with this prefix; for whom, how long, and how
     *   long to wait for a key.
     * @returns The claim, or null if no key is free.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     * @throws `OperationCanceledError` - it waited, and its VU has ended.
     * @throws `InitContextError` - with a timeout, at the top level of a script.
     */
    claimNext<T extends Stored<S> = Stored<S>>(
      options?: ClaimNextOptions | null,
    ): Promise<Claim<T> | null>;

    /**
     * The claim that this method has given to this owner with exactly this prefix
     * before, if it has not ended; it is not renewed. Else a new one, as
     * {@link KV.claimRandom} gives it. So a virtual user finds its account again
     * in each iteration.
     *
     * @param options - For whom (required); only keys with this prefix; how long a
     *   new claim lasts, and how long to wait for a key.
     * @returns The claim, with the value that the key has now; null if the owner
     *   has none and no key is free.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     * @throws `OperationCanceledError` - it waited, and its VU has ended.
     * @throws `InitContextError` - with a timeout, at the top level of a script.
     *
     * @example
     * ```js
     * const claim = await kv.claimForOwner({ prefix: "account:", owner: `VU ${__VU}`, ttl: "10m" });
     * ```
     */
    claimForOwner<T extends Stored<S> = Stored<S>>(
      options: ClaimForOwnerOptions,
    ): Promise<Claim<T> | null>;

    /**
     * Claims one key, which must exist. With a timeout it waits for a missing
     * key, too.
     *
     * @param key - The key.
     * @param options - For whom, how long, and how long to wait for it.
     * @returns The claim, or null if the key is missing or held.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     * @throws `OperationCanceledError` - it waited, and its VU has ended.
     * @throws `InitContextError` - with a timeout, at the top level of a script.
     */
    claimKey<T extends Stored<S> = Stored<S>>(
      key: string,
      options?: ClaimKeyOptions | null,
    ): Promise<Claim<T> | null>;

    /**
     * Claims many random free keys, in one step.
     *
     * @param options - How many at most (required), of which keys, for whom, and
     *   how long.
     * @returns The claims; fewer if there are not so many free keys.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     */
    claimRandomMany<T extends Stored<S> = Stored<S>>(
      options: ClaimRandomManyOptions,
    ): Promise<Claim<T>[]>;

    /**
     * Claims these keys, in one step.
     *
     * @param keys - An array or another iterable of keys; none may be `""` or
     *   come twice.
     * @param options - For whom, how long, and whether all are needed.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     */
    claimKeys<T extends Stored<S> = Stored<S>>(
      keys: Keys,
      options?: ClaimKeysOptions | null,
    ): Promise<ClaimKeysResult<T>>;

    /**
     * Makes a claim last for `ttl` from now, which may be shorter than it would
     * have lasted. The object given is not changed, its `expiresAt` included.
     *
     * @param claim - The claim, or a copy of its `id`, `key` and `token`.
     * @param options - How long; required.
     * @returns Whether it did; false if the claim has ended.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     */
    renewClaim(claim: ClaimReference, options: RenewOptions): Promise<boolean>;

    /** {@link KV.renewClaim} for many claims, in one step. */
    renewClaims(claims: Iterable<ClaimReference>, options: RenewOptions): Promise<RenewResult>;

    /**
     * Ends a claim and leaves the key for others.
     *
     * @param claim - The claim, or a copy of its `id`, `key` and `token`.
     * @returns Whether it did; false if the claim had ended already.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     */
    releaseClaim(claim: ClaimReference): Promise<boolean>;

    /** {@link KV.releaseClaim} for many claims, in one step. */
    releaseClaims(claims: Iterable<ClaimReference>): Promise<ReleaseResult>;

    /**
     * Ends a claim and deletes the key: the work is done.
     *
     * @param claim - The claim, or a copy of its `id`, `key` and `token`.
     * @param options - `deleteKey: false` keeps the key.
     * @returns Whether it did; false if the claim had ended already, and then
     *   nothing is deleted.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     */
    completeClaim(claim: ClaimReference, options?: CompleteOptions | null): Promise<boolean>;

    /** {@link KV.completeClaim} for many claims, in one step. */
    completeClaims(
      claims: Iterable<ClaimReference>,
      options?: CompleteOptions | null,
    ): Promise<CompleteResult>;

    // -- files --

    /**
     * Writes a copy of the store, as it is at one moment, into a file that
     * {@link openKv} can open and {@link KV.restore} can read, whatever the
     * backend. Nobody waits meanwhile: others go on writing. The file is replaced
     * only when the new one is complete. Claims are not part of it.
     *
     * @param options - Where to put it. The store's own file is left as it is.
     * @throws `SnapshotExportError` - there can be no file of this name: it is a
     *   directory, a link, a device, the file of another store that is open, or is
     *   being written by another call.
     * @throws `SnapshotPermissionError`, `SnapshotIOError` - writing it failed.
     *
     * @example
     * ```js
     * await kv.backup({ fileName: "backups/users.kv" });
     * ```
     */
    backup(options?: BackupOptions | null): Promise<BackupResult>;

    /**
     * Replaces everything in the store by what a file holds, in one step. The file
     * is one that {@link KV.backup} has written, any other store's of this
     * module, or a BoltDB file of another xk6-kv. All claims end; calls that wait
     * are served.
     *
     * @param options - Which file, and how much it may hold.
     * @throws `SnapshotNotFoundError`, `SnapshotPermissionError`,
     *   `SnapshotIOError` - it is not there, or reading it failed.
     * @throws `SnapshotReadError` - it is not a store, is damaged, has another
     *   serialization, or is the store's own.
     * @throws `SnapshotBudgetExceededError` - it has more than `maxEntries` or
     *   `maxBytes` allow.
     * @throws `ValueParseError` - a BoltDB file has what this store cannot hold.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     *   Whatever the error, nothing was changed.
     *
     * @example
     * ```js
     * await kv.restore({ fileName: "backups/users.kv" });
     * ```
     */
    restore(options?: RestoreOptions | null): Promise<RestoreResult>;

    /**
     * Writes entries, in the order of their keys and as they are at one moment,
     * to a text file with one `{"key": …, "value": …}` in each line.
     *
     * @param options - Which file (required), which entries, and how many at most.
     * @throws What {@link KV.backup} does.
     * @throws `ValueParseError` - a value that another program has stored is not
     *   JSON; there is no new file.
     *
     * @example
     * ```js
     * await kv.exportJSONL({ fileName: "results/orders.jsonl", prefix: "order:" });
     * ```
     */
    exportJSONL(options: ExportJSONLOptions): Promise<ExportResult>;

    /**
     * Writes entries whose values are objects to a CSV file with a header: a row
     * for each, in the order of the keys and as they are at one moment. A member
     * that is null or not there is an empty cell.
     *
     * @param options - Which file and which columns (both required), which
     *   entries, and how many at most.
     * @throws What {@link KV.backup} does.
     * @throws `ValueParseError` - a value is no object, or a column of it an array
     *   or an object; there is no new file.
     * @throws `InvalidOptionsError` - also in a store with serialization binary.
     *
     * @example
     * ```js
     * await kv.exportCSV({ fileName: "orders.csv", prefix: "order:", columns: ["user", "total"] });
     * ```
     */
    exportCSV(options: ExportCSVOptions): Promise<ExportResult>;

    /**
     * Stores the entries of a file as {@link KV.exportJSONL} writes it. Each batch
     * is one step, the whole is not. Of two records with the same key the later
     * one stays.
     *
     * @param options - Which file (required), what to put before the keys, how many
     *   records at most, and how many in a batch.
     * @throws `SnapshotNotFoundError`, `SnapshotPermissionError`,
     *   `SnapshotReadError`, `SnapshotIOError` - it is not there, no regular
     *   file, has changed meanwhile, or reading it failed.
     * @throws `ValueParseError` - a record is not right; the message names line and
     *   column. The batches before it stay.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     */
    importJSONL(options: ImportJSONLOptions): Promise<ImportResult>;

    /**
     * Stores the rows of a CSV file: each as an object with a string for each
     * column, the one of the key included. Each batch is one step, the whole is
     * not. Of two rows with the same key the later one stays.
     *
     * @param options - Which file, and `keyColumn` or `keys` (required); how to read
     *   it, what to put before the keys, and how many rows.
     * @throws What {@link KV.importJSONL} does.
     * @throws `InvalidOptionsError` - also if there is no such column.
     *
     * @example
     * ```js
     * await kv.importCSV({
     *   fileName: import.meta.resolve("./users.csv"),
     *   keyColumn: "email",
     *   prefix: "user:",
     * });
     * ```
     */
    importCSV(options: ImportCSVOptions): Promise<ImportResult>;

    /**
     * Reads a file as {@link KV.importJSONL} would, and stores nothing.
     *
     * @param options - Which file (required), and how many records at most.
     * @returns Whether all is right; what is not is no error, but a result.
     * @throws `SnapshotNotFoundError`, `SnapshotPermissionError`,
     *   `SnapshotReadError`, `SnapshotIOError` - as {@link KV.importJSONL}.
     */
    validateJSONL(options: ValidateJSONLOptions): Promise<ValidateJSONLResult>;

    /**
     * Reads a file as {@link KV.importCSV} would, and stores nothing. It looks at
     * the keys only if it is told where they are.
     *
     * @param options - Which file (required), how to read it, and how many rows.
     * @returns Whether all is right; what is not is no error, but a result.
     * @throws What {@link KV.validateJSONL} does.
     * @throws `InvalidOptionsError` - also if there is no such column.
     */
    validateCSV(options: ValidateCSVOptions): Promise<ValidateCSVResult>;

    // -- insight --

    /** Tells what the store is and what it holds. */
    stats(): Promise<Stats>;

    /**
     * Counts the keys that are free and those that are claimed.
     *
     * @param options - Only keys with this prefix.
     */
    allocationStats(options?: PrefixOptions | null): Promise<AllocationStats>;

    /**
     * Emits what {@link KV.stats} tells as k6 metrics: `xk6_kv_keys`,
     * `xk6_kv_claims_live`, `xk6_kv_claims_expired`, `xk6_kv_index_keys`,
     * `xk6_kv_index_consistent` and `xk6_kv_disk_size_bytes`. In `handleSummary`
     * it resolves, but k6 takes no more metrics then.
     *
     * @throws `MetricsUnavailableError` - called in the init context.
     */
    reportStats(): Promise<undefined>;

    /**
     * Releases this handle at once; calls made on it later reject with
     * StoreClosedError, and so does what waits ({@link WaitOptions.timeout}) once
     * the VU has closed all its handles on the store. May be called again. Other handles, such as those of
     * other VUs, are not concerned: the last one closes the store. All handles
     * are released when k6 ends, so a script need not call this.
     */
    close(): void;
  }

  // --- errors --------------------------------------------------------------

  /** The `name` of a {@link KVError}. */
  export type KVErrorName =
    /** The key does not exist. */
    | "KeyNotFoundError"
    /** An argument or option is unknown, of the wrong type or out of its range. */
    | "InvalidOptionsError"
    /** There is no such backend. */
    | "InvalidBackendError"
    /** There is no such serialization. */
    | "InvalidSerializationError"
    /** `openKv` was called outside the init context, or what waits inside it. */
    | "InitContextError"
    /** The store is open with another value of an option. */
    | "KVOptionsConflictError"
    /** The store's serialization cannot hold this value. */
    | "SerializerError"
    /** The handle was closed. */
    | "StoreClosedError"
    /** The server has lost the store since it was opened, or has another of its name. */
    | "StoreLostError"
    /** The server cannot be reached, or refuses; the call has had no effect. */
    | "ServerUnavailableError"
    /** The connection ended before the answer came: a write may have taken effect or not. */
    | "OutcomeUnknownError"
    /** The store was opened with `disk.readOnly`. */
    | "StoreReadOnlyError"
    /** The disk, a quota or the memory is full; the store stays usable. */
    | "StoreFullError"
    /** The path cannot hold a store. */
    | "DiskPathError"
    /** The file cannot be opened as a store. */
    | "DiskStoreOpenError"
    /** Reading from the disk failed. */
    | "DiskStoreReadError"
    /** Writing to the disk failed. */
    | "DiskStoreWriteError"
    /** The store's file is damaged. */
    | "DiskStoreCorruptError"
    /** The cursor is not valid, or its key does not start with the prefix. */
    | "InvalidCursorError"
    /** `incrementBy` needs an integer to add. */
    | "ValueNumberRequiredError"
    /** The stored value is not an integer, or the sum would leave 64 bits; a file has a bad record. */
    | "ValueParseError"
    /** `reportStats` was called in the init context. */
    | "MetricsUnavailableError"
    /** The key index could not be rebuilt. */
    | "KeyListRebuildError"
    /** The VU of a call with a timeout has ended; the call has had no effect. */
    | "OperationCanceledError"
    /** The file to be read does not exist. */
    | "SnapshotNotFoundError"
    /** The file may not be read, or not be written. */
    | "SnapshotPermissionError"
    /** There can be no file of this name. */
    | "SnapshotExportError"
    /** The file is not one that can be read. */
    | "SnapshotReadError"
    /** Reading or writing the file failed, or the disk is full. */
    | "SnapshotIOError"
    /** The file holds more than `maxEntries` or `maxBytes` allow. */
    | "SnapshotBudgetExceededError"
    /** A fault in this module. */
    | "InternalStoreError";

  /**
   * What `openKv` throws and the methods reject with: an `Error` whose `name`
   * tells the cases apart and whose `message` is a sentence for people.
   *
   * @example
   * ```js
   * try {
   *   await kv.get("user:1");
   * } catch (err) {
   *   if (err.name !== "KeyNotFoundError") {
   *     throw err;
   *   }
   * }
   * ```
   */
  export interface KVError extends Error {
    name: KVErrorName;

    /** Only of {@link KV.setMany}: every entry that cannot be stored. */
    errors?: EntryError[];
  }

  /** One of the {@link KVError.errors | errors} of {@link KV.setMany}. */
  export interface EntryError {
    /** The key of the entry. */
    key: string;
    /** What is wrong: `"InvalidOptionsError"` (the key) or `"SerializerError"` (the value). */
    name: KVErrorName;
    /** A sentence for people. */
    message: string;
  }
}
