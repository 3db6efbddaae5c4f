/**
 * Types of `k6/x/kv`: a key-value store that the virtual users of a k6 load
 * test share.
 *
 * To have them in an editor, let TypeScript see this file, for example with a
 * `jsconfig.json` (or `tsconfig.json`) beside the scripts:
 *
 * ```json
 * {
 *   "compilerOptions": { "checkJs": true, "strict": true, "types": ["k6"] },
 *   "include": ["*.js", "path/to/xk6-kv/index.d.ts"]
 * }
 * ```
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
   *   an option; the message says which.
   * @throws `DiskPathError` - the path is a directory, a device or a symbolic
   *   link, or its parent cannot be used.
   * @throws `DiskStoreOpenError` - the file is not a store of this module, was
   *   written with another serialization, is missing (with `disk.readOnly`),
   *   or another process has it open for writing.
   * @throws `DiskStoreCorruptError` - the file is truncated or damaged.
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
  export type Backend = "disk" | "memory";

  /** What the values of a store are; see {@link OpenKvOptions.serialization}. */
  export type Serialization = "json" | "string" | "binary";

  /** What a resolved write survives; see {@link DiskOptions.durability}. */
  export type Durability = "full" | "relaxed" | "none";

  /** Options of {@link openKv}. A field that is null or undefined means its default. */
  export interface OpenKvOptions<S extends Serialization = Serialization> {
    /**
     * - `"disk"`: one file, which is still there in the next run.
     * - `"memory"`: gone when k6 ends.
     *
     * @defaultValue `"disk"`
     */
    backend?: Backend | null;

    /**
     * Memory only: which store. Several may be open at once, one for each name.
     *
     * @defaultValue `"default"`
     */
    name?: string | null;

    /**
     * Disk only: the store's file, relative to the directory that k6 was
     * started in. Missing parent directories are created; the file gets mode
     * 0600 and a lock file beside it.
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
     * {@link KV.randomKey} stays fast in a large disk store, also with a
     * prefix. It is built from the data when the store opens.
     *
     * @defaultValue `false`
     */
    trackKeys?: boolean | null;

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

  /** The field `disk` of {@link OpenKvOptions}. */
  export interface DiskOptions {
    /**
     * How long to wait while another process has the store open for writing,
     * before `openKv` throws a DiskStoreOpenError that names its process id:
     * milliseconds, or text as `"500ms"`, `"1s"`, `"2m"`.
     *
     * @defaultValue `1000`
     */
    timeout?: number | string | null;

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

  /** The field `metrics` of {@link OpenKvOptions}. */
  export interface MetricsOptions {
    /**
     * Accepted; this version emits no metrics of its own.
     *
     * @defaultValue `false`
     */
    operations?: boolean | null;
  }

  /** Options of {@link KV.list}. */
  export interface ListOptions {
    /** Only keys that start with this text. Default: every key. */
    prefix?: string | null;

    /**
     * At most so many entries, an integer up to 250,000; 0, less or nothing
     * means all. Default: all.
     */
    limit?: number | null;
  }

  /** Options of {@link KV.randomKey}, {@link KV.popRandom} and {@link KV.count}. */
  export interface RandomKeyOptions {
    /** Only keys that start with this text. Default: every key. */
    prefix?: string | null;
  }

  // --- values --------------------------------------------------------------

  /** A key and its value, as {@link KV.list} gives them. */
  export interface Entry<T = any> {
    /** The key. */
    key: string;
    /** The value stored under it. */
    value: T;
  }

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
   * | plain object, array | kept | - | - |
   * | ArrayBuffer, typed array | - | its bytes, UTF-8 | kept |
   *
   * Objects with a `toJSON` method (such as Date) count as what it returns.
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

  type StorableAsJSON<V> = V extends JSONValue | undefined
    ? V
    : V extends Bytes
      ? "bytes cannot be stored with serialization json, use binary"
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
          : V extends object
            ? { [K in keyof V]: StorableAsJSON<V[K]> }
            : V;

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
   * `StoreClosedError` (after `close`), `OperationCanceledError` (reserved: the VU ended
   * first), and on disk with `DiskStoreReadError`, `DiskStoreWriteError`,
   * `DiskStoreCorruptError` or `StoreFullError`. Below, each method lists what
   * it adds to that.
   *
   * @typeParam S - The store's serialization.
   */
  export interface KV<S extends Serialization = "json"> {
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
     * @param value - The value; see {@link Storable} for what can be stored.
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
     * Removes a key.
     *
     * @param key - The key.
     * @returns Always true, also if there was no such key.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     */
    delete(key: string): Promise<true>;

    /**
     * Stores a value unless the key has one, in one step: of all virtual users
     * that try, exactly one gets true.
     *
     * @param key - The key.
     * @param value - The value, as for {@link KV.set}.
     * @returns Whether the value was stored.
     */
    setIfAbsent<V>(key: string, value: V & Storable<S, V>): Promise<boolean>;
    /** Without a value, a store with serialization json stores null. */
    setIfAbsent(key: S extends "json" ? string : never): Promise<boolean>;

    /**
     * Removes a key and tells whether it was there: of all virtual users that
     * try, exactly one gets true.
     *
     * @param key - The key.
     */
    deleteIfExists(key: string): Promise<boolean>;

    /**
     * Adds to an integer, in one step, exact in 64 bits. A key that is not there
     * counts as 0; a string of digits as the integer.
     *
     * @param key - The key.
     * @param delta - What to add: an integer, also below 0.
     * @returns The sum.
     * @throws `ValueNumberRequiredError` - delta is not an integer.
     * @throws `ValueParseError` - the value is not an integer, or the sum would
     * leave 64 bits; the value is kept.
     */
    incrementBy(key: string, delta: number): Promise<number>;

    /**
     * Takes a random key out of the store, with its value. It is one step: no
     * two virtual users get the same key.
     *
     * @param options - Only keys with this prefix.
     * @returns The entry, or null if there is none.
     */
    popRandom<T extends Stored<S> = Stored<S>>(
      options?: RandomKeyOptions | null,
    ): Promise<Entry<T> | null>;

    /**
     * Counts keys; with `trackKeys` or in memory in a time that hardly depends
     * on how many there are.
     *
     * @param options - Only keys with this prefix.
     */
    count(options?: RandomKeyOptions | null): Promise<number>;

    /**
     * Tells whether a key exists.
     *
     * @param key - The key.
     */
    exists(key: string): Promise<boolean>;

    /**
     * Removes every key.
     *
     * @returns Always true.
     * @throws `StoreReadOnlyError` - the store was opened with `disk.readOnly`.
     */
    clear(): Promise<true>;

    /** Counts the keys. */
    size(): Promise<number>;

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
     * Picks a key at random; every matching key has the same chance.
     *
     * In memory, and on disk with {@link OpenKvOptions.trackKeys}, the time it
     * takes hardly depends on how many keys there are. On disk without it, it
     * reads through the matching keys.
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
    randomKey(options?: RandomKeyOptions | null): Promise<string>;

    /**
     * Builds the key index of {@link OpenKvOptions.trackKeys} anew from the
     * data. The module does this by itself when it opens a disk store, so a
     * script seldom needs to. Does nothing without `trackKeys`.
     *
     * @returns Always true.
     * @throws `KeyListRebuildError` - it failed; the store goes on without an
     *   index.
     */
    rebuildKeyList(): Promise<true>;

    /**
     * Releases this handle at once; calls made on it later reject with
     * StoreClosedError. May be called again. Other handles, such as those of
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
    /** `openKv` was called outside the init context. */
    | "InitContextError"
    /** The store is open with another value of an option. */
    | "KVOptionsConflictError"
    /** The store's serialization cannot hold this value. */
    | "SerializerError"
    /** The handle was closed. */
    | "StoreClosedError"
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
    /** The key index could not be rebuilt. */
    | "KeyListRebuildError"
    /** The VU ended before the call did. */
    | "OperationCanceledError"
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
  }
}
