/*
 * xkv.h - the public interface of libxkv, a key-value store for load tests
 *
 * A store maps keys to values, keeps its keys in byte order, and can be shared
 * by any number of threads. It lives in memory or in one LMDB file on disk.
 * What sets it apart from other stores is what load tests need: uniform random
 * keys (also by prefix), every command one atomic step, and durable writes
 * that are committed in groups, so that many waiting clients share one sync.
 *
 * The way to use it:
 *
 *     xkv_options options;
 *     xkv_options_init(&options);
 *     options.backend = XKV_BACKEND_MEMORY;
 *
 *     char why[XKV_MESSAGE_SIZE];
 *     xkv_store *store;
 *     if (xkv_open(&options, &store, why, sizeof why) != XKV_OK)
 *         ... print why ...
 *
 *     xkv_command set = {.op = XKV_OP_SET, .key = xkv_text("user:1"), .value = xkv_text("{}")};
 *     xkv_reply reply;
 *     xkv_reply_init(&reply, NULL, 0);
 *     if (xkv_exec(store, &set, &reply) != XKV_OK)
 *         ... reply.data holds the message, reply.len its length ...
 *     xkv_reply_clear(&reply);
 *     xkv_close(store);
 *
 * examples/c/accounts.c is a whole program.
 *
 * Commands go in, replies come out. A command is a flat struct that names an
 * operation and its arguments; a reply holds a status, a number and bytes.
 * xkv_exec blocks until the command has taken effect (and, where the store is
 * durable, until it is on disk). xkv_submit never blocks on the disk: it either
 * answers at once or queues the command, and xkv_completions hands back what
 * has finished.
 *
 * Conventions
 *   - Functions that can fail return XKV_OK (0) or a code of XKV_ERROR_MAP,
 *     never an errno, and never exit, abort or print.
 *   - Bytes go in as pointer and length (xkv_bytes) and are only read during
 *     the call: libxkv copies what it keeps.
 *   - Every function may be called from any thread, unless it says otherwise.
 *   - After fork() the child must not use a store that the parent opened.
 *   - All keys are 1 to XKV_KEY_MAX bytes of UTF-8 (NUL allowed), all values 0
 *     to XKV_VALUE_MAX bytes. "Order" always means the order of memcmp, a
 *     prefix of a key before the key.
 */
#ifndef XKV_H
#define XKV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XKV_VERSION "0.1.0"

#define XKV_KEY_MAX      32768u        /* bytes in a key */
#define XKV_VALUE_MAX    (1024u << 20) /* bytes in a value: 1 GiB */
#define XKV_LIST_MAX     250000        /* entries that one list may ask for */
#define XKV_PAGE_MAX     100000        /* entries that one page of a scan may ask for */
#define XKV_COUNT_MAX    1000000  /* keys that one RANDOM_KEYS, CLAIM_… or POP_… may ask for */
#define XKV_TTL_MAX      86400000 /* milliseconds that a claim may last: a day */
#define XKV_TTL_DEFAULT  30000
#define XKV_OWNER_MAX    256u   /* bytes in the name of a claim's owner */
#define XKV_CURSOR_MAX   43692u /* bytes in a cursor */
#define XKV_PATH_MAX     4000u  /* bytes in the path of a disk store */
#define XKV_MESSAGE_SIZE 5120u  /* room that any error message fits in */
#define XKV_SHARDS_MAX   65536  /* largest memory.shardCount */

/* The version of the library that is linked, as text "major.minor.patch". */
const char *xkv_version(void);

/* Bytes that somebody else owns. data may be NULL when len is 0. */
typedef struct xkv_bytes {
    const void *data;
    size_t len;
} xkv_bytes;

/* The bytes of a C string, without its NUL. */
static inline xkv_bytes xkv_text(const char *text) {
    xkv_bytes bytes = {text, strlen(text)};
    return bytes;
}

/*
 * Errors
 *
 * The one table of everything that can go wrong: the constant (XKV_E_...), the
 * name that scripts see, and the default message. Some names are only raised
 * by one part (InitContextError by the k6 module); they stand here all the
 * same, so that every part takes its names from one place.
 */
#define XKV_ERROR_MAP(X)                                                                           \
    X(KEY_NOT_FOUND, "KeyNotFoundError", "the key does not exist")                                 \
    X(INVALID_OPTIONS, "InvalidOptionsError", "an argument or option is not valid")                \
    X(INVALID_BACKEND, "InvalidBackendError", "backend must be \"memory\" or \"disk\"")            \
    X(INVALID_SERIALIZATION, "InvalidSerializationError",                                          \
      "serialization must be \"json\", \"string\" or \"binary\"")                                  \
    X(INVALID_CURSOR, "InvalidCursorError", "the cursor is not one that a scan returned")          \
    X(INIT_CONTEXT, "InitContextError", "openKv() must be called in the init context")             \
    X(OPTIONS_CONFLICT, "KVOptionsConflictError", "the store is open with different options")      \
    X(VALUE_NUMBER_REQUIRED, "ValueNumberRequiredError", "the value must be a number")             \
    X(VALUE_PARSE, "ValueParseError", "the stored value cannot be read as asked")                  \
    X(SERIALIZER, "SerializerError", "the value cannot be stored with this serialization")         \
    X(STORE_CLOSED, "StoreClosedError", "the store is closed")                                     \
    X(STORE_READ_ONLY, "StoreReadOnlyError", "the store was opened with disk.readOnly")            \
    X(STORE_FULL, "StoreFullError", "no room is left: the disk, a quota or the memory is full")    \
    X(DISK_PATH, "DiskPathError", "the path cannot hold a store")                                  \
    X(DISK_STORE_OPEN, "DiskStoreOpenError", "the store cannot be opened")                         \
    X(DISK_STORE_READ, "DiskStoreReadError", "reading from the disk failed")                       \
    X(DISK_STORE_WRITE, "DiskStoreWriteError", "writing to the disk failed")                       \
    X(DISK_STORE_CORRUPT, "DiskStoreCorruptError", "the store's file is damaged")                  \
    X(KEY_LIST_REBUILD, "KeyListRebuildError", "the key index could not be rebuilt")               \
    X(METRICS_UNAVAILABLE, "MetricsUnavailableError", "metrics are not available here")            \
    X(OPERATION_CANCELED, "OperationCanceledError", "the virtual user ended first")                \
    X(SNAPSHOT_NOT_FOUND, "SnapshotNotFoundError", "the snapshot file does not exist")             \
    X(SNAPSHOT_PERMISSION, "SnapshotPermissionError", "the snapshot file may not be accessed")     \
    X(SNAPSHOT_EXPORT, "SnapshotExportError", "the snapshot cannot be written there")              \
    X(SNAPSHOT_READ, "SnapshotReadError", "the file is not a snapshot that can be read")           \
    X(SNAPSHOT_IO, "SnapshotIOError", "reading or writing the snapshot failed")                    \
    X(SNAPSHOT_BUDGET, "SnapshotBudgetExceededError", "the snapshot is larger than allowed")       \
    X(INTERNAL, "InternalStoreError", "an internal error of the store")

typedef enum xkv_error {
    XKV_OK = 0,
#define X(code, name, text) XKV_E_##code,
    XKV_ERROR_MAP(X)
#undef X
        XKV_ERROR_END /* one more than the last code */
} xkv_error;

/* The name of an error, such as "KeyNotFoundError"; "" for XKV_OK, and
 * "InternalStoreError" for a number that is no code. Never NULL, static. */
const char *xkv_error_name(int code);

/* The default message of an error, without a final full stop; static. */
const char *xkv_error_text(int code);

/*
 * Options of a store
 *
 * Fill the struct directly (after xkv_options_init), or set fields by the
 * names that scripts use (xkv_options_set). Text fields are borrowed: they
 * must stay valid until xkv_open returns.
 */
typedef enum xkv_backend { XKV_BACKEND_DISK, XKV_BACKEND_MEMORY } xkv_backend;

/* What values mean. The store keeps bytes; it promises the callers of json and
 * string that those bytes are UTF-8 (checked on the way in). */
typedef enum xkv_serialization { XKV_JSON, XKV_STRING, XKV_BINARY } xkv_serialization;

/* What a write that has been acknowledged survives:
 *   FULL     a crash of the process or the system, and a power cut;
 *   RELAXED  the same, but a power cut may take back the last commits;
 *   NONE     a killed process; a power cut may destroy the file. */
typedef enum xkv_durability {
    XKV_DURABILITY_FULL,
    XKV_DURABILITY_RELAXED,
    XKV_DURABILITY_NONE
} xkv_durability;

typedef struct xkv_options {
    int backend;              /* xkv_backend; default XKV_BACKEND_DISK */
    const char *name;         /* memory: stores are told apart by it; default "default", which is
                                 the only one that disk allows */
    const char *path;         /* disk: the file, a path or a file: URL of at most XKV_PATH_MAX
                                 bytes; default "./.k6.kv" */
    int serialization;        /* xkv_serialization; default XKV_JSON */
    bool track_keys;          /* disk: keep a counted index of the keys in memory */
    int64_t shard_count;      /* memory: 0 to XKV_SHARDS_MAX, accepted and without effect */
    int64_t timeout_ms;       /* disk: how long to wait for another writing process; default 1000 */
    int durability;           /* disk: xkv_durability; default XKV_DURABILITY_FULL */
    bool no_sync;             /* disk: true means XKV_DURABILITY_NONE */
    bool read_only;           /* disk: the file must exist; every write is refused */
    int64_t initial_map_size; /* disk: bytes of address space to start with, 0 = automatic */
    int64_t seed;             /* of the handle: what its calls draw at random becomes a function
                                 of seed, xkv_store_stream, and the call's number; two handles of
                                 a store may differ. -(2^53-1) to 2^53-1; default XKV_NO_SEED */
    bool metrics_operations;  /* kept for the k6 module: emit metrics per call */

    /* Accepted for scripts that set them; validated, without effect. */
    bool no_grow_sync, no_freelist_sync, pre_load_freelist, mlock;
    const char *freelist_type; /* "", "array" or "map" */
} xkv_options;

#define XKV_NO_SEED INT64_MIN

/* Sets every field to its default. */
void xkv_options_init(xkv_options *options);

/* A scalar of whatever type the caller has, for xkv_options_set. */
typedef enum xkv_type { XKV_TYPE_BOOL, XKV_TYPE_NUMBER, XKV_TYPE_TEXT, XKV_TYPE_OTHER } xkv_type;

typedef struct xkv_scalar {
    xkv_type type;
    bool boolean;
    double number;
    const char *text; /* NUL-terminated, borrowed; with TYPE_OTHER: what it is, as "an array" */
} xkv_scalar;

/*
 * Sets one option by its script name: "backend", "trackKeys", "disk.timeout"…
 * Durations are a number of milliseconds, or text as Go and k6 write it: numbers
 * with a unit each (ns, us, ms, s, m, h, d) that are added up, "500ms", "1m30s",
 * "1.5h"; sizes a number of bytes, or in the same way text as "64MiB" (B, KB, MB,
 * GB, TB, and KiB to TiB). What is no whole number is refused. Returns XKV_OK, or
 * XKV_E_INVALID_OPTIONS, XKV_E_INVALID_BACKEND or XKV_E_INVALID_SERIALIZATION with a message of at
 * most size bytes (NUL included) in message that names the option, the value
 * and what is allowed, or for an unknown name the nearest one that exists.
 */
int xkv_options_set(xkv_options *options, const char *name, const xkv_scalar *value, char *message,
                    size_t size);

/* The script name of option number i, NULL past the last: for tools that list them. */
const char *xkv_option_name(size_t i);

/*
 * Stores
 *
 * An xkv_store is a handle: one client's view of a store. Any number of
 * handles may be open on the same store. Stores are told apart by name
 * (memory) or by device and inode (disk), so two paths to one file are one
 * store, opened once.
 *
 * What a handle guarantees: its commands take effect in the order in which
 * they were given, waited for or not. Commands of different handles do not
 * wait for each other, so give every client (thread, virtual user) its own.
 */
typedef struct xkv_store xkv_store;

/*
 * Opens a store, or one more handle on one that this process has open already.
 *
 * A disk store's file is created with mode 0600 if it is missing, its parent
 * directories too. A file that is not a regular file, is reached through a
 * symbolic link, has several hard links, or is not a store of this library is
 * refused and left as it is. One process writes; another that wants to waits up
 * to timeout_ms. Any number of processes may read (read_only) beside it, and see
 * its commits; all together may run 510 reading commands at the same moment, and
 * more wait.
 *
 * Any thread may call it at any time. While another thread is opening the same
 * store it waits for that, and has the same outcome; while it is being closed, for
 * the end of that. It does not wait for other stores, but for the last one of the
 * process to have its memory freed, if that was closed just then.
 *
 * Returns XKV_OK and a handle in *store, to be given to xkv_close; else *store
 * is NULL and message (at most size bytes, NUL included) says what to do:
 *   XKV_E_INVALID_OPTIONS, _BACKEND, _SERIALIZATION  a field out of its range
 *   XKV_E_OPTIONS_CONFLICT  the store is open with another value of an option
 *   XKV_E_DISK_PATH         a directory, device, link or unusable parent; ~, which
 *                           is not expanded; a URL that is not one of a file here
 *   XKV_E_DISK_STORE_OPEN   locked by another process (its id is given), not
 *                           a store of ours, another serialization, missing
 *                           with read_only, no permission
 *   XKV_E_DISK_STORE_CORRUPT  truncated or damaged
 *   XKV_E_STORE_FULL        no memory or disk space
 */
int xkv_open(const xkv_options *options, xkv_store **store, char *message, size_t size);

/*
 * Sets who hears, in one sentence, why a call takes its time: xkv_open, when it has
 * waited a second for another process. NULL, the default: nobody. It is called in
 * the thread that waits, and must not open or close stores. Only while no other
 * thread is in the library.
 */
void xkv_set_notice(void (*notice)(const char *text));

/*
 * Whether xkv_open would take the options, as far as that can be told without a
 * file: it opens, creates and locks nothing. before may be NULL, or options that
 * passed: if both are of one store they must agree.
 * XKV_OK, or XKV_E_INVALID_OPTIONS, _BACKEND, _SERIALIZATION, _OPTIONS_CONFLICT,
 * _DISK_PATH, _STORE_FULL (no memory) with a message as xkv_open has it.
 */
int xkv_check_options(const xkv_options *options, const xkv_options *before, char *message,
                      size_t size);

/*
 * Releases a handle. Commands that it has queued still take effect and still
 * complete; the handle itself must not be used again. The last handle closes
 * the store: it waits for everything queued, and for a disk store syncs and
 * closes the file. NULL is allowed.
 */
void xkv_close(xkv_store *store);

/* Whether two handles are on the same store. */
bool xkv_same_store(const xkv_store *a, const xkv_store *b);

/* Whether xkv_submit may return XKV_PENDING for this store: a disk store with
 * durability full or relaxed, opened for writing. */
bool xkv_waits(const xkv_store *store);

/*
 * Says which client a handle is, for options.seed: clients of one seed draw
 * apart if their streams differ (default 0). Before the first command. Then
 * what the handle's n-th command draws is always the same, whichever thread runs
 * it; commands that are refused for their arguments do not count. What is there
 * to be chosen is another matter: it depends on what all clients have done.
 */
void xkv_store_stream(xkv_store *store, uint64_t stream);

/* The options that the store was first opened with, after defaults; disk paths are
 * absolute. Valid while the handle is open. */
const xkv_options *xkv_store_options(const xkv_store *store);

/*
 * Commands
 *
 * One row per operation: constant, script name, how it touches the data, the
 * positional arguments, the required and the optional fields of the options
 * argument behind them, the largest limit (0: any), and what its reply holds.
 * Every other list of operations in the project is made from this one.
 */
#define XKV_COMMAND_MAP(X)                                                                         \
    X(GET, "get", READ, KEY, NONE, NONE, 0, VALUE)                                                 \
    X(SET, "set", WRITE, KEY | XKV_ARG_VALUE, NONE, NONE, 0, ECHO)                                 \
    X(DELETE, "delete", WRITE, KEY, NONE, NONE, 0, TRUE)                                           \
    X(EXISTS, "exists", READ, KEY, NONE, NONE, 0, BOOLEAN)                                         \
    X(CLEAR, "clear", WRITE, NONE, NONE, NONE, 0, TRUE)                                            \
    X(SIZE, "size", READ, NONE, NONE, NONE, 0, NUMBER)                                             \
    X(LIST, "list", SCAN, NONE, NONE, PREFIX | XKV_ARG_LIMIT, XKV_LIST_MAX, ITEMS)                 \
    X(RANDOM_KEY, "randomKey", READ, NONE, NONE, PREFIX, 0, KEY)                                   \
    X(REBUILD_KEY_LIST, "rebuildKeyList", ORDERED, NONE, NONE, NONE, 0, TRUE)                      \
                                                                                                   \
    X(GET_MANY, "getMany", SCAN, KEYS, NONE, NONE, 0, ITEMS)                                       \
    X(SET_MANY, "setMany", BATCH, ENTRIES, NONE, NONE, 0, ITEMS)                                   \
    X(DELETE_MANY, "deleteMany", BATCH, KEYS, NONE, NONE, 0, ITEMS)                                \
    X(DELETE_BY_PREFIX, "deleteByPrefix", BATCH, NONE, PREFIX | XKV_ARG_LIMIT, NONE, XKV_PAGE_MAX, \
      ITEMS)                                                                                       \
    X(SCAN, "scan", SCAN, NONE, NONE, PREFIX | XKV_ARG_LIMIT | XKV_ARG_CURSOR, XKV_PAGE_MAX,       \
      ITEMS)                                                                                       \
    X(SCAN_KEYS, "scanKeys", SCAN, NONE, NONE, PREFIX | XKV_ARG_LIMIT | XKV_ARG_CURSOR,            \
      XKV_PAGE_MAX, ITEMS)                                                                         \
    X(LIST_KEYS, "listKeys", SCAN, NONE, NONE, PREFIX | XKV_ARG_LIMIT, 0, ITEMS)                   \
    X(COUNT, "count", READ, NONE, NONE, PREFIX, 0, NUMBER)                                         \
    X(RANDOM_KEYS, "randomKeys", SCAN, NONE, COUNT, PREFIX | XKV_ARG_UNIQUE, 0, ITEMS)             \
    X(INCREMENT_BY, "incrementBy", WRITE, KEY | XKV_ARG_DELTA, NONE, NONE, 0, NUMBER)              \
    X(GET_OR_SET, "getOrSet", WRITE, KEY | XKV_ARG_VALUE, NONE, NONE, 0, ITEMS)                    \
    X(SWAP, "swap", WRITE, KEY | XKV_ARG_VALUE, NONE, NONE, 0, ITEMS)                              \
    X(SET_IF_ABSENT, "setIfAbsent", WRITE, KEY | XKV_ARG_VALUE, NONE, NONE, 0, BOOLEAN)            \
    X(DELETE_IF_EXISTS, "deleteIfExists", WRITE, KEY, NONE, NONE, 0, BOOLEAN)                      \
    X(COMPARE_AND_SWAP, "compareAndSwap", WRITE, KEY | XKV_ARG_OLD | XKV_ARG_NEW, NONE, NONE, 0,   \
      BOOLEAN)                                                                                     \
    X(COMPARE_AND_SWAP_DETAILED, "compareAndSwapDetailed", WRITE, KEY | XKV_ARG_OLD | XKV_ARG_NEW, \
      NONE, INCLUDE_CURRENT, 0, ITEMS)                                                             \
    X(COMPARE_AND_DELETE, "compareAndDelete", WRITE, KEY | XKV_ARG_OLD, NONE, NONE, 0, BOOLEAN)    \
    X(COMPARE_AND_DELETE_DETAILED, "compareAndDeleteDetailed", WRITE, KEY | XKV_ARG_OLD, NONE,     \
      INCLUDE_CURRENT, 0, ITEMS)                                                                   \
                                                                                                   \
    X(CLAIM_RANDOM, "claimRandom", WRITE, NONE, NONE, PREFIX | XKV_ARG_OWNER | XKV_ARG_TTL, 0,     \
      ITEMS)                                                                                       \
    X(CLAIM_KEY, "claimKey", WRITE, KEY, NONE, OWNER | XKV_ARG_TTL, 0, ITEMS)                      \
    X(CLAIM_RANDOM_MANY, "claimRandomMany", BATCH, NONE, COUNT,                                    \
      PREFIX | XKV_ARG_OWNER | XKV_ARG_TTL, 0, ITEMS)                                              \
    X(CLAIM_KEYS, "claimKeys", BATCH, KEYS, NONE, OWNER | XKV_ARG_TTL | XKV_ARG_ALL_OR_NOTHING, 0, \
      ITEMS)                                                                                       \
    X(RENEW_CLAIM, "renewClaim", WRITE, CLAIM, TTL, NONE, 0, BOOLEAN)                              \
    X(RENEW_CLAIMS, "renewClaims", BATCH, CLAIMS, TTL, NONE, 0, ITEMS)                             \
    X(RELEASE_CLAIM, "releaseClaim", WRITE, CLAIM, NONE, NONE, 0, BOOLEAN)                         \
    X(RELEASE_CLAIMS, "releaseClaims", BATCH, CLAIMS, NONE, NONE, 0, ITEMS)                        \
    X(COMPLETE_CLAIM, "completeClaim", WRITE, CLAIM, NONE, DELETE_KEY, 0, BOOLEAN)                 \
    X(COMPLETE_CLAIMS, "completeClaims", BATCH, CLAIMS, NONE, DELETE_KEY, 0, ITEMS)                \
    X(POP_RANDOM, "popRandom", WRITE, NONE, NONE, PREFIX, 0, ITEMS)                                \
    X(POP_RANDOM_MANY, "popRandomMany", BATCH, NONE, COUNT, PREFIX, 0, ITEMS)                      \
                                                                                                   \
    X(STATS, "stats", ORDERED, NONE, NONE, NONE, 0, ITEMS)                                         \
    X(ALLOCATION_STATS, "allocationStats", ORDERED, NONE, NONE, PREFIX, 0, ITEMS)                  \
    X(REPORT_STATS, "reportStats", ORDERED, NONE, NONE, NONE, 0, REPORT)

/*
 * What they do (status XKV_OK unless said otherwise; STORE_READ_ONLY for every
 * write on a read-only store; STORE_FULL, DISK_STORE_READ, _WRITE and _CORRUPT
 * wherever memory or disk are involved). After DISK_STORE_WRITE nobody knows
 * what the disk holds: all writes are refused until the store is reopened,
 * which brings back everything that was acknowledged. Each is one atomic step,
 * those on many keys included. {…} and […] stand for the items of a reply, see
 * below.
 *
 * Single keys
 *
 *   GET            data = the value; KEY_NOT_FOUND if there is none
 *   SET            stores value under key, replacing any value; SERIALIZER if
 *                  the store holds text (json, string) and value is not UTF-8.
 *                  That it is JSON, in a json store, is up to the caller and
 *                  not checked, here and wherever a value is stored: scripts get
 *                  a ValueParseError for a key whose value is not
 *   DELETE         number = 1 if the key was there, else 0
 *   EXISTS         number = 1 or 0
 *   SET_IF_ABSENT  stores value unless there is one; number = 1 if it did,
 *                  else 0. Fails as SET
 *   DELETE_IF_EXISTS  as DELETE; scripts are told the number
 *   GET_OR_SET     stores value unless there is one; {value, loaded}: what is
 *                  there now, and whether it was before. Fails as SET
 *   SWAP           stores value; {previous, loaded}: what was there, or null,
 *                  and whether something was. Fails as SET
 *   INCREMENT_BY   adds delta to the integer under key, 0 if there is none;
 *                  number = the sum. VALUE_PARSE, and nothing changes, if the
 *                  value is no integer or the sum leaves 64 bits
 *   COMPARE_AND_SWAP  stores value if what is there is what expect says; number
 *                  = 1 if it did, else 0. In a json store values are compared
 *                  as what they mean to scripts: the order of an object's
 *                  members, spaces and ways to write a text do not matter, and
 *                  numbers are doubles, so integers beyond 2^53 may be equal
 *                  that INCREMENT_BY tells apart
 *   COMPARE_AND_SWAP_DETAILED  the same; {swapped, reason}: true, "swapped"; or
 *                  {swapped, reason, existed}: false, "mismatch", whether there
 *                  was a value; with include_current and a value also {current}
 *   COMPARE_AND_DELETE, COMPARE_AND_DELETE_DETAILED  the same for removing the
 *                  key: {deleted, …}, "deleted". Where nothing is expected there
 *                  is nothing to remove, so that never matches
 *
 * Many keys
 *
 *   CLEAR          removes everything
 *   SIZE           number = how many keys there are
 *   COUNT          number = how many keys start with prefix. Takes the time of
 *                  RANDOM_KEY
 *   LIST           [entry]: those whose key starts with prefix, in order, at
 *                  most limit of them (limit <= 0: all); number = how many
 *   LIST_KEYS      [text]: the keys alone
 *   SCAN           a page of LIST: {entries, cursor, done}, those after cursor
 *                  (empty: from the beginning); done is true on the last page,
 *                  even a full one, and then cursor is "". INVALID_CURSOR if
 *                  it is not one that a scan of this prefix gave. A page is
 *                  one step, a walk over pages is not: a key that is there
 *                  throughout is seen exactly once
 *   SCAN_KEYS      {keys, cursor, done}
 *   GET_MANY       [{key, exists, value}]: per key of items, in their order; an
 *                  empty key is one that does not exist
 *   SET_MANY       stores all entries of items or, if anything is wrong with
 *                  one, none: {written}. The later of two with one key counts
 *   DELETE_MANY    {deleted, missing}: of the keys in items, how many were
 *                  there, and how many not (any more)
 *   DELETE_BY_PREFIX  removes the first limit keys with prefix: {deleted, done},
 *                  done if none is left
 *   RANDOM_KEY     data = a key that starts with prefix, each with the same
 *                  chance; len 0 if there is none; number = how many there
 *                  were to choose from. O(log n) in memory and with
 *                  track_keys, else one pass over the matching keys
 *   RANDOM_KEYS    [text]: count keys, in random order: different ones, every
 *                  set of them with the same chance, or all if there are fewer;
 *                  with repeats as if each were drawn by RANDOM_KEY
 *   REBUILD_KEY_LIST  builds the key index anew from the data, with track_keys
 *                  on disk; XKV_OK at once otherwise. KEY_LIST_REBUILD if it
 *                  fails; the store then goes on with the index it had
 *
 * Claims
 *
 * A claim gives one holder a key for ttl_ms milliseconds of monotonic time.
 * Claims block each other and POP_…, nothing else: a value can be read and
 * written by all. A claim ends when it is released, completed or expires, and
 * when its key is deleted in any way. They live in the memory of the process
 * and are gone when the store is closed.
 *
 * A claim in a reply is {id, key, entry, owner, token, expiresAt}: expiresAt is
 * in milliseconds since 1970 by the clock on the wall, for people; token grows
 * with every claim and never repeats, not even when a disk store is opened
 * again. Whoever gives id, key and token back holds the claim, until it ended.
 * "Free" keys are those without a claim.
 *
 *   CLAIM_RANDOM   a claim on a free key with prefix, each with the same chance;
 *                  null if there is none
 *   CLAIM_KEY      a claim on key; null if it is missing or claimed
 *   CLAIM_RANDOM_MANY  [claim]: up to count, every set of free keys with the
 *                  same chance
 *   CLAIM_KEYS     {claimed, busy, missing}: [claim], [text], [text]; with
 *                  all_or_nothing, nothing is claimed if one of the keys cannot
 *                  be, and only the first such key is told
 *   RENEW_CLAIM    the claim then ends ttl_ms from now; number = 1, or 0 if it
 *                  has ended
 *   RELEASE_CLAIM  ends the claim; number as above
 *   COMPLETE_CLAIM ends the claim and, unless keep_key is set, deletes the key;
 *                  number as above
 *   RENEW_CLAIMS, RELEASE_CLAIMS, COMPLETE_CLAIMS  the same for each claim of
 *                  items: {attempted, renewed (released, completed), failed},
 *                  failed: [{index, id, key, name, message}]
 *   POP_RANDOM     removes a free key chosen as by CLAIM_RANDOM; its entry, or
 *                  null
 *   POP_RANDOM_MANY  [entry]: up to count, chosen as by CLAIM_RANDOM_MANY
 *
 * Insight
 *
 *   STATS          {backend, serialization, trackKeys, count, claims: {live,
 *                  expired}, index: {enabled, keysList, keysMap, ost,
 *                  consistent} or null, disk: {path, sizeBytes, readOnly} or
 *                  null}. An expired claim stays until the next call that
 *                  looks for free keys. keysList, keysMap and ost are the number of
 *                  keys in the index, under the names that scripts know;
 *                  consistent says whether the store has as many. It is null in
 *                  a read-only store whose writer has gone on since the index
 *                  was built, which is no fault
 *   ALLOCATION_STATS  {prefix, total, claimable, claimedLive, claimedExpired,
 *                  backend, trackKeys}, of the keys with prefix
 *   REPORT_STATS   as STATS; the k6 module makes metrics of it
 */
typedef enum xkv_op {
#define X(op, name, access, arguments, required, optional, limit, reply) XKV_OP_##op,
    XKV_COMMAND_MAP(X)
#undef X
        XKV_OP_END /* how many there are */
} xkv_op;

/*
 * Arguments: constant, script name, kind, and for integers the range; a limit
 * has the range of its row above, from 1 if it is required there. A prefix that
 * is required must not be empty. The kinds:
 *
 *   KEY      1 to XKV_KEY_MAX bytes of UTF-8
 *   VALUE    0 to XKV_VALUE_MAX bytes
 *   TEXT     UTF-8
 *   INTEGER, BOOLEAN
 *   DURATION an INTEGER, in milliseconds; as text: see xkv_read_duration
 *   KEYS     a list of keys: the keys of items
 *   ENTRIES  a list of keys with values: the entries of items
 *   CLAIM    one claim that is given back: see xkv_items_add_claim
 *   CLAIMS   a list of them
 */
#define XKV_ARGUMENT_MAP(X)                                                                        \
    X(KEY, 0, "key", KEY, 0, 0)                                                                    \
    X(OLD, 1, "old", VALUE, 0, 0)                                                                  \
    X(NEW, 2, "new", VALUE, 0, 0)                                                                  \
    X(VALUE, 3, "value", VALUE, 0, 0)                                                              \
    X(DELTA, 4, "delta", INTEGER, INT64_MIN, INT64_MAX)                                            \
    X(KEYS, 5, "keys", KEYS, 0, 0)                                                                 \
    X(ENTRIES, 6, "entries", ENTRIES, 0, 0)                                                        \
    X(CLAIM, 7, "claim", CLAIM, 0, 0)                                                              \
    X(CLAIMS, 8, "claims", CLAIMS, 0, 0)                                                           \
    X(PREFIX, 9, "prefix", TEXT, 0, 0)                                                             \
    X(LIMIT, 10, "limit", INTEGER, INT64_MIN, INT64_MAX)                                           \
    X(CURSOR, 11, "cursor", TEXT, 0, 0)                                                            \
    X(COUNT, 12, "count", INTEGER, 1, XKV_COUNT_MAX)                                               \
    X(UNIQUE, 13, "unique", BOOLEAN, 0, 0)                                                         \
    X(OWNER, 14, "owner", TEXT, 0, 0)                                                              \
    X(TTL, 15, "ttl", DURATION, 1, XKV_TTL_MAX)                                                    \
    X(ALL_OR_NOTHING, 16, "allOrNothing", BOOLEAN, 0, 0)                                           \
    X(DELETE_KEY, 17, "deleteKey", BOOLEAN, 0, 0)                                                  \
    X(INCLUDE_CURRENT, 18, "includeCurrentOnMismatch", BOOLEAN, 0, 0)

enum {
    XKV_ARG_NONE = 0,
#define X(argument, bit, name, kind, min, max) XKV_ARG_##argument = 1 << bit,
    XKV_ARGUMENT_MAP(X)
#undef X
        XKV_ARGUMENTS = 19 /* how many there are */
};

typedef enum xkv_argument_kind {
    XKV_KIND_KEY,
    XKV_KIND_VALUE,
    XKV_KIND_TEXT,
    XKV_KIND_INTEGER,
    XKV_KIND_DURATION,
    XKV_KIND_BOOLEAN,
    XKV_KIND_KEYS,
    XKV_KIND_ENTRIES,
    XKV_KIND_CLAIM,
    XKV_KIND_CLAIMS
} xkv_argument_kind;

typedef struct xkv_argument_info {
    const char *name; /* as scripts call it */
    xkv_argument_kind kind;
    int64_t min, max; /* of an INTEGER or DURATION */
} xkv_argument_info;

/* The row of the argument that one XKV_ARG_ bit stands for; NULL if none. Static. */
const xkv_argument_info *xkv_argument_describe(unsigned argument);

typedef enum xkv_access {
    XKV_ACCESS_READ,    /* looks at one key, or at counts */
    XKV_ACCESS_SCAN,    /* reads what may be much: writers do not wait for it */
    XKV_ACCESS_ORDERED, /* changes no data, but runs with the writes, in their order */
    XKV_ACCESS_WRITE,   /* changes one key */
    XKV_ACCESS_BATCH    /* changes many, all or none */
} xkv_access;

/* What the reply of a successful command holds. */
typedef enum xkv_reply_kind {
    XKV_REPLY_TRUE,    /* nothing: scripts get true */
    XKV_REPLY_ECHO,    /* nothing: scripts get the value they passed */
    XKV_REPLY_BOOLEAN, /* number: 0 or 1 */
    XKV_REPLY_NUMBER,  /* number */
    XKV_REPLY_VALUE,   /* data: a value */
    XKV_REPLY_KEY,     /* data: a key, or nothing */
    XKV_REPLY_ITEMS,   /* data: items, see xkv_item_next; number: how many results */
    XKV_REPLY_REPORT   /* as ITEMS, for metrics: scripts get undefined */
} xkv_reply_kind;

typedef struct xkv_op_info {
    const char *name; /* as scripts call it: "randomKey" */
    xkv_access access;
    unsigned arguments;          /* positional, in the order of the bits */
    unsigned required, optional; /* fields of the options argument that follows them */
    int64_t limit_max;           /* the largest limit, 0 where there is none */
    xkv_reply_kind reply;
} xkv_op_info;

/* The row of an operation; NULL if op is not one. Static. */
const xkv_op_info *xkv_op_describe(int op);

/*
 * Whether an integer or duration (one XKV_ARG_ bit) of an operation may have this
 * value. XKV_OK, or XKV_E_INVALID_OPTIONS with a message of at most size bytes
 * (NUL included) that names operation, argument and range.
 */
int xkv_check_integer(int op, unsigned argument, int64_t number, char *message, size_t size);

/* The same for a duration that is given as text, in the form that xkv_options_set
 * takes: *ms gets it, if it may have this value. */
int xkv_read_duration(int op, unsigned argument, xkv_bytes text, int64_t *ms, char *message,
                      size_t size);

/* Which of count names (NUL-terminated) is nearest to word, by edit distance;
 * NULL if none is near enough to be what was meant. For "did you mean". */
const char *xkv_nearest(const char *word, const char *const *names, size_t count);

/* What COMPARE_AND_… must find under the key. */
typedef enum xkv_expect {
    XKV_EXPECT_VALUE,          /* the value expected */
    XKV_EXPECT_ABSENT,         /* nothing */
    XKV_EXPECT_ABSENT_OR_VALUE /* either: only for COMPARE_AND_SWAP… */
} xkv_expect;

/* Zero is the default of every field. What an operation does not take is not
 * looked at. */
typedef struct xkv_command {
    int op; /* xkv_op */
    xkv_bytes key;
    xkv_bytes value;    /* also the new one of COMPARE_AND_SWAP */
    xkv_bytes expected; /* the old one */
    xkv_bytes items;    /* keys, entries or claims: see xkv_items */
    xkv_bytes prefix;   /* empty: every key */
    xkv_bytes cursor;   /* empty: from the beginning */
    xkv_bytes owner;    /* at most XKV_OWNER_MAX bytes */
    int64_t delta;
    int64_t limit;        /* 0 or less: all, where it is optional */
    int64_t count;        /* 1 to XKV_COUNT_MAX */
    int64_t ttl_ms;       /* 1 to XKV_TTL_MAX; 0: XKV_TTL_DEFAULT where it is optional */
    int expect;           /* xkv_expect */
    bool repeats;         /* RANDOM_KEYS: the same key may come twice (script: unique false) */
    bool all_or_nothing;  /* CLAIM_KEYS */
    bool keep_key;        /* COMPLETE_CLAIM: do not delete (script: deleteKey false) */
    bool include_current; /* COMPARE_AND_…_DETAILED */
} xkv_command;

/*
 * A reply. Initialise it once with xkv_reply_init, use it for any number of
 * commands (each call clears it first), and end with xkv_reply_clear.
 *
 * data points into the buffer given to xkv_reply_init when the bytes fit
 * there, else into memory that the reply owns; either way it is valid until
 * the reply is used again or cleared. When status is not XKV_OK, data is the
 * message (not NUL-terminated).
 */
typedef struct xkv_reply {
    int status; /* XKV_OK or a code of XKV_ERROR_MAP */
    int64_t number;
    const void *data;
    size_t len;

    /* private */
    void *buffer, *owned;
    size_t buffer_size, owned_size;
} xkv_reply;

/* Prepares a reply. buffer (size bytes, may be NULL and 0) stays the caller's
 * and must outlive the reply; with room for a usual value it saves the
 * library an allocation per command. */
void xkv_reply_init(xkv_reply *reply, void *buffer, size_t size);

/* Frees what the reply owns and makes it ready for use again. A reply that
 * owns nothing (owned is NULL) need not be cleared. */
void xkv_reply_clear(xkv_reply *reply);

/*
 * Items
 *
 * What a reply holds that is more than a number or a value is a sequence of
 * items: null, a boolean, an integer, text, a value of the store, an entry (a key
 * with its value), and arrays and objects, each followed by its members. Those
 * of an object have names. So {deleted: 2, missing: 1} is three items. Lists
 * that go into a command are items, too: entries, one after the other.
 *
 * The packing, for those who read and write it without these functions, has
 * nothing aligned and all numbers in the machine's byte order:
 *
 *   1 byte   xkv_item_kind
 *   1 byte   length of the name, 0: none;  then the name
 *   INTEGER        int64_t
 *   TEXT, VALUE    uint32_t length; then the bytes
 *   ENTRY          uint32_t lengths of key and value; then both
 *   ARRAY, OBJECT  uint32_t how many members follow
 */
typedef enum xkv_item_kind {
    XKV_ITEM_NULL,
    XKV_ITEM_FALSE,
    XKV_ITEM_TRUE,
    XKV_ITEM_INTEGER,
    XKV_ITEM_TEXT,
    XKV_ITEM_VALUE,
    XKV_ITEM_ENTRY,
    XKV_ITEM_ARRAY,
    XKV_ITEM_OBJECT
} xkv_item_kind;

typedef struct xkv_item {
    xkv_item_kind kind;
    xkv_bytes name;  /* empty if it has none; not NUL-terminated */
    int64_t integer; /* INTEGER; TRUE: 1, FALSE: 0; ARRAY, OBJECT: how many members */
    xkv_bytes text;  /* TEXT; ENTRY: the key */
    xkv_bytes value; /* VALUE; ENTRY */
} xkv_item;

/* Reads the next item: start with *at = 0; false after the last, and where the
 * bytes are not items. The item points into them. */
bool xkv_item_next(xkv_bytes items, size_t *at, xkv_item *item);

/* Reads the next entry of a reply that has items, or the next text, as a key
 * with an empty value, and passes over all else. For lists of entries or keys. */
bool xkv_reply_next(const xkv_reply *reply, size_t *at, xkv_bytes *key, xkv_bytes *value);

/* Items for a command, made one by one. Begin with all zero; give
 * xkv_items_bytes(&items) to the command; free when it has been run. */
typedef struct xkv_items {
    unsigned char *data;
    size_t len, room;
} xkv_items;

/* Add a key (value empty) or an entry, or a claim that is given back. XKV_OK, or
 * XKV_E_STORE_FULL: no memory, or longer than a command may have; then nothing
 * was added. */
int xkv_items_add(xkv_items *items, xkv_bytes key, xkv_bytes value);
int xkv_items_add_claim(xkv_items *items, xkv_bytes id, xkv_bytes key, int64_t token);
void xkv_items_free(xkv_items *items);

static inline xkv_bytes xkv_items_bytes(const xkv_items *items) {
    xkv_bytes bytes = {items->data, items->len};
    return bytes;
}

/*
 * Whether a store would take an entry of SET_MANY: XKV_OK, or the error with a
 * message of at most size bytes (NUL included). For telling about each of
 * several bad ones; SET_MANY itself tells about the first.
 */
int xkv_check_entry(const xkv_store *store, xkv_bytes key, xkv_bytes value, char *message,
                    size_t size);

/*
 * Runs a command and waits until it has taken effect: for a write to a disk
 * store, until it is as durable as the store promises. Returns reply->status.
 * A failed command has changed nothing.
 */
int xkv_exec(xkv_store *store, const xkv_command *command, xkv_reply *reply);

/*
 * Queues: commands without waiting
 *
 * A disk store with durability full or relaxed has one thread that writes. It
 * takes all commands that are queued, from all handles, applies them in one
 * transaction, syncs once and completes them all (group commit): while one
 * client's write costs a sync, so do five hundred clients' writes together.
 */
typedef struct xkv_queue xkv_queue;

/* A new queue for completions; NULL if memory is short. One queue can serve
 * any number of stores. */
xkv_queue *xkv_queue_new(void);

/* Frees a queue. Every command submitted with it must have been collected, and
 * no thread may be inside xkv_completions. NULL is allowed. */
void xkv_queue_free(xkv_queue *queue);

/* What xkv_submit returns. */
enum { XKV_DONE = 0, XKV_PENDING = 1 };

/*
 * Runs a command without waiting for the disk.
 *
 * Returns XKV_DONE if it has taken effect or failed: *reply is filled, exactly
 * as by xkv_exec, and queue will hear nothing of it. Reads, and all commands
 * of memory stores, are done at once, unless the same handle has commands
 * queued: then they wait their turn.
 *
 * Returns XKV_PENDING if the command was queued: reply is left as it was, all
 * arguments have been copied, and xkv_completions will return tag once.
 */
int xkv_submit(xkv_store *store, const xkv_command *command, xkv_reply *reply, xkv_queue *queue,
               uint64_t tag);

typedef struct xkv_completion {
    uint64_t tag;
    xkv_reply reply; /* the caller's to clear */
} xkv_completion;

/*
 * Collects up to max finished commands into out, oldest first (64 at most per
 * call); waits up to timeout_ms (negative: without end) while there are none.
 * Returns how many; 0 after a timeout, or after xkv_queue_wake. Meant for one collecting thread;
 * with several, each completion goes to one of them.
 */
size_t xkv_completions(xkv_queue *queue, xkv_completion *out, size_t max, int timeout_ms);

/* Makes one call of xkv_completions (waiting, or the next one) return at once. */
void xkv_queue_wake(xkv_queue *queue);

/*
 * Replacing the environment
 *
 * Everything the library takes from the system goes through these functions,
 * so that tests can fail each call in turn, move the clock and fix the
 * randomness. A NULL field means the system's own. (LMDB allocates and writes
 * for itself; tests interpose below it.)
 */
struct stat;

typedef struct xkv_hooks {
    void *(*alloc)(size_t size);             /* as malloc; never asked for 0 bytes */
    void *(*resize)(void *old, size_t size); /* as realloc; never asked for 0 bytes */
    void (*release)(void *memory);           /* as free; also called by a thread of the library */
    uint64_t (*now_ms)(void);                /* monotonic milliseconds: claims expire by it */
    uint64_t (*wall_ms)(void);               /* milliseconds since 1970: what people are told */
    void (*entropy)(void *out, size_t size); /* fills out with seed bytes */
    int (*open)(const char *path, int flags, unsigned mode);
    int (*fstat)(int fd, struct stat *status);
    int64_t (*pread)(int fd, void *out, size_t size, int64_t at);
    int (*fsync)(int fd);
    int (*mkdir)(const char *path, unsigned mode);
} xkv_hooks;

/* Sets the hooks for the whole process; NULL restores the system's own. Only
 * while no store and no queue is open, and no other thread is in the library. */
void xkv_set_hooks(const xkv_hooks *hooks);

/* Seeds the random generator of the calling thread, for repeatable tests.
 * Other threads keep theirs. */
void xkv_seed(uint64_t seed);

#ifdef __cplusplus
}
#endif

#endif
