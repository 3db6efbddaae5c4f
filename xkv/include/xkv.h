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

#define XKV_VERSION "0.2.0"

#define XKV_KEY_MAX       32768u        /* bytes in a key */
#define XKV_VALUE_MAX     (1024u << 20) /* bytes in a value: 1 GiB */
#define XKV_LIST_MAX      250000        /* entries that one list may ask for */
#define XKV_PAGE_MAX      100000        /* entries that one page of a scan may ask for */
#define XKV_COUNT_MAX     1000000  /* keys that one RANDOM_KEYS, CLAIM_… or POP_… may ask for */
#define XKV_TTL_MAX       86400000 /* milliseconds that a claim may last: a day */
#define XKV_TTL_DEFAULT   30000
#define XKV_TIMEOUT_MAX   86400000 /* milliseconds that a call may wait: a day */
#define XKV_OWNER_MAX     256u     /* bytes in the name of a claim's owner */
#define XKV_CURSOR_MAX    43692u   /* bytes in a cursor */
#define XKV_PATH_MAX      4000u    /* bytes in the path of a disk store */
#define XKV_MESSAGE_SIZE  5120u    /* room that any error message fits in */
#define XKV_SHARDS_MAX    65536    /* largest memory.shardCount */
#define XKV_BATCH_MAX     10000    /* entries that an import may store in one step */
#define XKV_BATCH_DEFAULT 1000

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
    X(INVALID_BACKEND, "InvalidBackendError", "backend must be \"memory\", \"disk\" or \"redis\"") \
    X(INVALID_SERIALIZATION, "InvalidSerializationError",                                          \
      "serialization must be \"json\", \"string\" or \"binary\"")                                  \
    X(INVALID_CURSOR, "InvalidCursorError", "the cursor is not one that a scan returned")          \
    X(INIT_CONTEXT, "InitContextError", "openKv() must be called in the init context")             \
    X(OPTIONS_CONFLICT, "KVOptionsConflictError", "the store is open with different options")      \
    X(VALUE_NUMBER_REQUIRED, "ValueNumberRequiredError", "the value must be a number")             \
    X(VALUE_PARSE, "ValueParseError", "the stored value cannot be read as asked")                  \
    X(SERIALIZER, "SerializerError", "the value cannot be stored with this serialization")         \
    X(STORE_CLOSED, "StoreClosedError", "the store is closed")                                     \
    X(STORE_LOST, "StoreLostError", "the server has lost the store, or has another of its name")   \
    X(SERVER_UNAVAILABLE, "ServerUnavailableError", "the server cannot be reached, or refuses")    \
    X(OUTCOME_UNKNOWN, "OutcomeUnknownError", "the connection ended before the answer came")       \
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
typedef enum xkv_backend { XKV_BACKEND_DISK, XKV_BACKEND_MEMORY, XKV_BACKEND_REDIS } xkv_backend;

/* What values mean. The store keeps bytes; it promises the callers of json and
 * string that those bytes are UTF-8 (checked on the way in). */
typedef enum xkv_serialization { XKV_JSON, XKV_STRING, XKV_BINARY } xkv_serialization;

/* In options, for programs that are given stores of any kind: the serialization that the
 * store has, and json if it is new. xkv_store_options then tells which it is. */
#define XKV_ANY (-1)

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
    const char *name;         /* memory, redis: stores are told apart by it; default "default",
                                 which is the only one that disk allows */
    const char *path;         /* disk: the file, a path or a file: URL of at most XKV_PATH_MAX
                                 bytes; default "./.k6.kv" */
    int serialization;        /* xkv_serialization, or XKV_ANY; default XKV_JSON */
    bool track_keys;          /* disk: keep a counted index of the keys in memory */
    int64_t shard_count;      /* memory: 0 to XKV_SHARDS_MAX, accepted and without effect */
    int64_t timeout_ms;       /* disk: how long to wait for another writing process; default 1000 */
    int durability;           /* disk: xkv_durability; default XKV_DURABILITY_FULL */
    bool no_sync;             /* disk: true means XKV_DURABILITY_NONE */
    bool read_only;           /* disk, redis: the store must exist; every write is refused */
    int64_t initial_map_size; /* disk: bytes of address space to start with, 0 = automatic */
    int64_t seed;             /* of the handle: what its calls draw at random becomes a function
                                 of seed, xkv_store_stream, and the call's number; two handles of
                                 a store may differ. -(2^53-1) to 2^53-1; default XKV_NO_SEED */
    bool metrics_operations;  /* kept for the k6 module: emit metrics per call */

    /* Accepted for scripts that set them; validated, without effect. */
    bool no_grow_sync, no_freelist_sync, pre_load_freelist, mlock;
    const char *freelist_type; /* "", "array" or "map" */

    /* redis: where the servers are, and how they are spoken to. Texts may be left out: "" or
     * NULL. No message shows what stands before the @ of a url. */
    const char *url;                /* redis://[user[:password]@]host[:port][,host[:port]...][/db],
                                       rediss:// for TLS, unix:///path[?db=n], or
                                       redis+sentinel://host[:port][,...]/master[/db]; left out: that
                                       of the environment, K6_KV_REDIS_URL */
    int64_t redis_partitions;       /* 1 to 64 that a new store is made of; default 1. XKV_ANY: as
                                       many as it has, 1 of a new one */
    int64_t redis_timeout_ms;       /* how long a call may wait for a server; default 5000 */
    int64_t redis_replicas;         /* 0 to 16 that must have a write before it is acknowledged;
                                       default 0 */
    const char *redis_username;     /* left out: that of the url */
    const char *redis_password_env; /* the variable of the environment that holds the password */
    const char *tls_ca;             /* the file of the certificates to trust, PEM; left out: those
                                       that the system trusts */
    const char *tls_cert, *tls_key; /* files of the client's own certificate and key, PEM: both or
                                       none */
    const char *tls_server_name;    /* that the server's certificate has to be for; left out: the
                                       host of the url */
    bool tls_insecure;              /* whatever certificate the server has */

    /* Of the library itself, for files that nobody else has: there must be none of that name
     * (read_only: it must not be open for writing), and there will be no lock file. */
    bool alone;
} xkv_options;

#define XKV_NO_SEED INT64_MIN

/* Sets every field to its default. */
void xkv_options_init(xkv_options *options);

/* A scalar of whatever type the caller has, for xkv_options_set and xkv_command_set. */
typedef enum xkv_type {
    XKV_TYPE_BOOL,
    XKV_TYPE_NUMBER,
    XKV_TYPE_TEXT,
    XKV_TYPE_OTHER,
    XKV_TYPE_BYTES
} xkv_type;

typedef struct xkv_scalar {
    xkv_type type;
    bool boolean;
    double number;
    const char *text; /* NUL-terminated, borrowed; with TYPE_OTHER: what it is, as "an array" */
    xkv_bytes bytes;  /* borrowed; no option is set from these */
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

/* "disk", "memory" or "redis"; NULL for what is no xkv_backend. Static. */
const char *xkv_backend_name(int backend);

/* "json", "string" or "binary"; NULL for what is no xkv_serialization. Static. */
const char *xkv_serialization_name(int serialization);

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
 *   XKV_E_OPTIONS_CONFLICT  the store is open with another value of an option, or a server
 *                           has it with another serialization or other partitions
 *   XKV_E_DISK_PATH         a directory, device, link or unusable parent; ~, which
 *                           is not expanded; a URL that is not one of a file here
 *   XKV_E_DISK_STORE_OPEN   locked by another process (its id is given), not
 *                           a store of ours, another serialization, missing
 *                           with read_only, no permission
 *   XKV_E_DISK_STORE_READ   the disk does not give what is in the file, or more than
 *                           510 readers were busy for seconds
 *   XKV_E_DISK_STORE_CORRUPT  truncated or damaged
 *   XKV_E_STORE_FULL        no memory, address space, disk space, or memory of a server
 *   XKV_E_SERVER_UNAVAILABLE  no server was there within redis_timeout_ms, or it refuses
 *   XKV_E_STORE_LOST        a server has only a part of the store, or something else
 *                           under its name, or with read_only nothing
 */
int xkv_open(const xkv_options *options, xkv_store **store, char *message, size_t size);

/*
 * Sets who hears, in one sentence, why a call takes its time: xkv_open, when it has
 * waited a second for another process. NULL, the default: nobody. It is called in
 * the thread that waits, and must not open or close stores. Only while no other
 * thread is in the library.
 */
void xkv_set_notice(void (*notice)(const char *text));

/* A connection through TLS that a store wants. The texts are NUL-terminated. */
typedef struct xkv_dial {
    const char *host, *port;
    const xkv_options *options; /* with redis.tls.… as they were given */
    int64_t timeout_ms;         /* it has to be there by then */
} xkv_dial;

/*
 * Makes one: connects to the server, speaks TLS with it as the options say, and from then on
 * carries between the two what comes over socket, which is one end of a pair of connected
 * stream sockets (a file descriptor on POSIX systems) that do not block, until the other
 * end or the server is closed. socket belongs to who is called, whatever it returns: XKV_OK;
 * or, with a sentence of at most size bytes, NUL included, in message,
 * XKV_E_SERVER_UNAVAILABLE, and it is tried again as long as there is time, or
 * XKV_E_INVALID_OPTIONS, if that would not help: a certificate that is not trusted, a file
 * that cannot be read. It is called in threads of the library's, several at once, and must not
 * call the library.
 */
typedef int xkv_dialer(const xkv_dial *to, intptr_t socket, void *context, char *message,
                       size_t size);

/* Sets who makes connections through TLS, which the library cannot do by itself. NULL, the
 * default: nobody, and stores of rediss:// cannot be opened. Only while no other thread is
 * in the library. */
void xkv_set_dialer(xkv_dialer *dialer, void *context);

/* How far a command has come that reads or writes a file. */
typedef struct xkv_progress {
    int op;                /* xkv_op */
    const char *file_name; /* NUL-terminated */
    int64_t entries;       /* read or written so far */
    int64_t bytes;         /* of the file */
    int64_t total_bytes;   /* that the file has; 0 where that is not known */
    int64_t elapsed_ms;
} xkv_progress;

/*
 * Sets who hears how commands that read or write files get on, each of them once in
 * every_ms milliseconds while it runs. NULL, the default: nobody. It is called in the
 * thread that runs the command, and must not call the library. Only while no other thread is
 * in the library.
 */
void xkv_set_progress(void (*progress)(const xkv_progress *progress, void *context), void *context,
                      int64_t every_ms);

/*
 * Whether xkv_open would take the options, as far as that can be told without a
 * file, and without what the environment has (K6_KV_REDIS_URL, redis_password_env), which may
 * be missing: it opens, creates and locks nothing. before may be NULL, or options that
 * passed: if both are of one store they must agree.
 * XKV_OK, or XKV_E_INVALID_OPTIONS, _BACKEND, _SERIALIZATION, _OPTIONS_CONFLICT,
 * _DISK_PATH, _STORE_FULL (no memory) with a message as xkv_open has it.
 */
int xkv_check_options(const xkv_options *options, const xkv_options *before, char *message,
                      size_t size);

/*
 * Releases a handle. Commands that it has queued still take effect and still
 * complete, but those that wait for keys fail with XKV_E_STORE_CLOSED; the handle
 * itself must not be used again. The last handle closes
 * the store: it waits for everything queued, and for a disk store syncs and
 * closes the file. NULL is allowed.
 */
void xkv_close(xkv_store *store);

/* Whether two handles are on the same store. */
bool xkv_same_store(const xkv_store *a, const xkv_store *b);

/* Whether an operation (xkv_op) always has to wait in this store, so that xkv_submit
 * will return XKV_PENDING: what writes to a disk store of durability full or relaxed.
 * False for what is no operation. */
bool xkv_waits(const xkv_store *store, int op);

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

/* What goes on around a store, for those who look on. */
enum { XKV_ROUND_TRIPS = 64 };

typedef struct xkv_activity {
    int64_t commits; /* how many transactions have changed it since it was made; 0 unless on disk */
    int64_t writer;  /* the id of another process that has it open for writing; 0: there is none,
                        or it cannot be told */

    /* Of a store on a server, else 0; all but in_flight since this was asked before: */
    int64_t in_flight;   /* commands of this process that are on their way just now */
    int64_t reconnects;  /* connections that took the place of lost ones */
    int64_t unknown;     /* commands that may or may not have been done */
    int64_t round_trips; /* how many follow: how long commands took, in nanoseconds, of one in
                            sixteen the latest */
    int64_t round_trip_ns[XKV_ROUND_TRIPS];
} xkv_activity;

/* XKV_OK, or XKV_E_STORE_FULL, _DISK_STORE_OPEN, _DISK_STORE_READ, _DISK_STORE_CORRUPT with a
 * message of at most size bytes (NUL included). */
int xkv_store_activity(xkv_store *store, xkv_activity *activity, char *message, size_t size);

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
    X(REBUILD_KEY_LIST, "rebuildKeyList", REBUILD, NONE, NONE, NONE, 0, TRUE)                      \
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
    X(RANDOM_ENTRY, "randomEntry", READ, NONE, NONE, PREFIX, 0, FOUND)                             \
    X(RANDOM_KEYS, "randomKeys", SCAN, NONE, COUNT, PREFIX | XKV_ARG_UNIQUE, 0, FOUND)             \
    X(NEXT_CIRCULAR, "nextCircular", READ, NONE, NONE, PREFIX, 0, FOUND)                           \
    X(NEXT, "next", WRITE, NONE, PREFIX | XKV_ARG_POSITION, CYCLE, 0, FOUND)                       \
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
    X(CLAIM_RANDOM, "claimRandom", WRITE, NONE, NONE,                                              \
      PREFIX | XKV_ARG_OWNER | XKV_ARG_TTL | XKV_ARG_TIMEOUT, 0, FOUND)                            \
    X(CLAIM_KEY, "claimKey", WRITE, KEY, NONE, OWNER | XKV_ARG_TTL | XKV_ARG_TIMEOUT, 0, FOUND)    \
    X(CLAIM_NEXT, "claimNext", WRITE, NONE, NONE,                                                  \
      PREFIX | XKV_ARG_OWNER | XKV_ARG_TTL | XKV_ARG_TIMEOUT, 0, FOUND)                            \
    X(CLAIM_FOR_OWNER, "claimForOwner", WRITE, NONE, OWNER,                                        \
      PREFIX | XKV_ARG_TTL | XKV_ARG_TIMEOUT, 0, FOUND)                                            \
    X(CLAIM_RANDOM_MANY, "claimRandomMany", BATCH, NONE, COUNT,                                    \
      PREFIX | XKV_ARG_OWNER | XKV_ARG_TTL, 0, FOUND)                                              \
    X(CLAIM_KEYS, "claimKeys", BATCH, KEYS, NONE, OWNER | XKV_ARG_TTL | XKV_ARG_ALL_OR_NOTHING, 0, \
      FOUND)                                                                                       \
    X(RENEW_CLAIM, "renewClaim", WRITE, CLAIM, TTL, NONE, 0, BOOLEAN)                              \
    X(RENEW_CLAIMS, "renewClaims", BATCH, CLAIMS, TTL, NONE, 0, ITEMS)                             \
    X(RELEASE_CLAIM, "releaseClaim", WRITE, CLAIM, NONE, NONE, 0, BOOLEAN)                         \
    X(RELEASE_CLAIMS, "releaseClaims", BATCH, CLAIMS, NONE, NONE, 0, ITEMS)                        \
    X(COMPLETE_CLAIM, "completeClaim", WRITE, CLAIM, NONE, DELETE_KEY, 0, BOOLEAN)                 \
    X(COMPLETE_CLAIMS, "completeClaims", BATCH, CLAIMS, NONE, DELETE_KEY, 0, ITEMS)                \
    X(POP_RANDOM, "popRandom", WRITE, NONE, NONE, PREFIX | XKV_ARG_TIMEOUT, 0, FOUND)              \
    X(POP_RANDOM_MANY, "popRandomMany", BATCH, NONE, COUNT, PREFIX, 0, FOUND)                      \
    X(POP_NEXT, "popNext", WRITE, NONE, NONE, PREFIX | XKV_ARG_TIMEOUT, 0, FOUND)                  \
                                                                                                   \
    X(STATS, "stats", ORDERED, NONE, NONE, NONE, 0, ITEMS)                                         \
    X(ALLOCATION_STATS, "allocationStats", ORDERED, NONE, NONE, PREFIX, 0, ITEMS)                  \
    X(REPORT_STATS, "reportStats", ORDERED, NONE, NONE, NONE, 0, REPORT)                           \
                                                                                                   \
    X(BACKUP, "backup", EXPORT, NONE, NONE, FILE_NAME | XKV_ARG_CONCURRENT_WRITES, 0, ITEMS)       \
    X(RESTORE, "restore", IMPORT, NONE, NONE, FILE_NAME | XKV_ARG_MAX_ENTRIES | XKV_ARG_MAX_BYTES, \
      0, ITEMS)                                                                                    \
    X(EXPORT_JSONL, "exportJSONL", EXPORT, NONE, FILE_NAME, PREFIX | XKV_ARG_LIMIT, 0, ITEMS)      \
    X(EXPORT_CSV, "exportCSV", EXPORT, NONE, FILE_NAME | XKV_ARG_COLUMNS,                          \
      PREFIX | XKV_ARG_LIMIT | XKV_ARG_DELIMITER | XKV_ARG_INCLUDE_KEY, 0, ITEMS)                  \
    X(IMPORT_JSONL, "importJSONL", IMPORT, NONE, FILE_NAME,                                        \
      PREFIX | XKV_ARG_LIMIT | XKV_ARG_BATCH_SIZE, 0, ITEMS)                                       \
    X(IMPORT_CSV, "importCSV", IMPORT, NONE, FILE_NAME,                                            \
      PREFIX | XKV_ARG_LIMIT | XKV_ARG_BATCH_SIZE | XKV_ARG_CSV_IN, 0, ITEMS)                      \
    X(VALIDATE_JSONL, "validateJSONL", EXPORT, NONE, FILE_NAME, LIMIT, 0, ITEMS)                   \
    X(VALIDATE_CSV, "validateCSV", EXPORT, NONE, FILE_NAME, LIMIT | XKV_ARG_CSV_IN, 0, ITEMS)

/*
 * What they do. Each is one atomic step, those on many keys included. {…} and […]
 * stand for the items of a reply, see below. What each may fail with stands at the
 * end.
 *
 * Single keys
 *
 *   GET            data = the value; KEY_NOT_FOUND if there is none
 *   SET            stores value under key, replacing any value; SERIALIZER if
 *                  the store holds text (json, string) and value is not UTF-8,
 *                  or if it is too long. That it is JSON, in a json store, is up
 *                  to the caller and not checked, here and wherever a value is
 *                  stored: scripts get a ValueParseError for a key whose value is
 *                  not
 *   DELETE         number = 1 if the key was there, else 0
 *   EXISTS         number = 1 or 0
 *   SET_IF_ABSENT  stores value unless there is one; number = 1 if it did,
 *                  else 0
 *   DELETE_IF_EXISTS  as DELETE; scripts are told the number
 *   GET_OR_SET     stores value unless there is one; {value, loaded}: what is
 *                  there now, and whether it was before
 *   SWAP           stores value; {previous, loaded}: what was there, or null,
 *                  and whether something was
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
 *                  were to choose from, with several partitions on a server a
 *                  moment ago. O(log n) in memory and with track_keys, else one
 *                  pass over the matching keys
 *   RANDOM_ENTRY   an entry whose key is chosen as by RANDOM_KEY, or null
 *   RANDOM_KEYS    [text]: count keys, in random order: different ones, every
 *                  set of them with the same chance, or all if there are fewer;
 *                  with repeats as if each were drawn by RANDOM_KEY
 *   NEXT_CIRCULAR  the entry whose key follows, among those with prefix, the one that
 *                  was given last for this prefix, by whichever handle; behind the
 *                  last the first again; null if there is none. What was given last
 *                  is remembered for each prefix, while the process has the store
 *                  open, whatever becomes of the keys. It changes no data, so it is
 *                  there in read-only stores, too. O(log n), also without an index
 *   NEXT           the same, but what was given last is the value of the key position, where it
 *                  lies as any other value (in a json store as a string), and behind
 *                  the last comes null, unless cycle is set: so each entry is given once, one
 *                  that comes behind the last is given then, and in a disk store that holds
 *                  for runs to come. To set position moves it, to remove it begins
 *                  anew. position may not start with prefix; VALUE_PARSE if its value is
 *                  no key. O(log n), also without an index
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
 *   CLAIM_NEXT     the same on the first free key in order. O(log n) in memory and
 *                  with track_keys, else a walk over the claimed keys before it
 *   CLAIM_FOR_OWNER  the claim that CLAIM_FOR_OWNER has made for this owner and exactly
 *                  this prefix, as it is, if it has not ended; else the same as
 *                  CLAIM_RANDOM. owner must not be empty
 *   CLAIM_KEY      a claim on key; null if it is missing or claimed. These four,
 *                  POP_RANDOM and POP_NEXT, with a timeout, wait so long for what is
 *                  not there: of those who wait for a key, the one that came first
 *                  gets it, in the step that puts or frees it, and nobody who came
 *                  later. While it waits, later commands of its handle overtake it.
 *                  Time that runs out is no error, but null
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
 *   POP_NEXT       removes the first free key in order, found as by CLAIM_NEXT; its
 *                  entry, or null
 *
 * Insight
 *
 *   STATS          {backend, serialization, trackKeys, count, claims: {live,
 *                  expired}, index: {enabled, keysList, keysMap, ost,
 *                  consistent} or null, disk: {path, sizeBytes, readOnly} or
 *                  null}. An expired claim stays until the next call that
 *                  has to do with claims. keysList, keysMap and ost are the number of
 *                  keys in the index, under the names that scripts know;
 *                  consistent says whether the store has as many. It is null in
 *                  a read-only store whose writer has gone on since the index
 *                  was built, which is no fault
 *   ALLOCATION_STATS  {prefix, total, claimable, claimedLive, claimedExpired,
 *                  backend, trackKeys}, of the keys with prefix
 *   REPORT_STATS   as STATS; the k6 module makes metrics of it
 *
 * Files
 *
 * file_name is a path, relative to the current directory, or a file: URL. What is
 * written goes to a new file in the same directory, for its owner alone, that takes
 * the place of the old one when all of it is on the disk: so there is always the old
 * or the new one. Links are not followed, and the file of an open store is no target.
 * Text files have one entry a record: lines of JSONL, {"key": …, "value": …}, and rows
 * of CSV (RFC 4180). In JSONL, text of string stores is a JSON string, values of
 * binary stores are one of base64.
 *
 *   BACKUP         writes a store's file that holds the entries of one moment, and not
 *                  the claims: {totalEntries, bytesWritten, bestEffort: false, warning:
 *                  ""}. Writers go on meanwhile. file_name: "./.k6.kv" if empty; if it
 *                  is the store's own, nothing is done. Of a store on a server they are
 *                  not of one moment: bestEffort is true then, and warning says so
 *   RESTORE        replaces all entries by those of a store's file, or of a BoltDB file
 *                  that other k6 extensions wrote (its bucket "k6", or ".k6.kv"), in one
 *                  step, and ends all claims: {totalEntries}. SNAPSHOT_BUDGET if there
 *                  are more than max_entries, or more bytes in keys and values than
 *                  max_bytes (0: any number); and nothing changes
 *   EXPORT_JSONL   writes the entries whose key starts with prefix, at most limit, in
 *                  order, as of one moment: {exported, fileName, bytesWritten}
 *   EXPORT_CSV     the same; values are objects, of which columns names the members
 *                  that are written: text, numbers, true or false. What is null or
 *                  missing is an empty cell. The key comes first, as column "key",
 *                  unless without_key is set. VALUE_PARSE for what does not fit, and
 *                  there is no file
 *   IMPORT_JSONL   stores all records, at most limit, under prefix and their key:
 *                  {imported, fileName, bytesRead}. Batches of batch_size records are
 *                  one step each. Of two with one key the later counts. At a record
 *                  that is not right, VALUE_PARSE with line and column; the batches
 *                  before it stay
 *   IMPORT_CSV     the same; a row becomes an object of texts, with types of what the
 *                  cells look like: numbers, true and false, null. key_column names
 *                  the column of the keys (with no_header its index, from 0), or
 *                  row_keys is "row": then keys are prefix and the number of the row
 *                  in ten digits
 *   VALIDATE_JSONL, VALIDATE_CSV  read as the imports do, at most limit records, and
 *                  store nothing: {valid, records (rows), bytesRead, checkedAll}, and
 *                  if it is not valid also {firstError: {line (row), name, message}}
 *
 * Errors
 *
 * A command that has failed has changed nothing, but for DISK_STORE_WRITE: after that
 * nobody knows what the disk holds. All writes are refused then until the store is
 * reopened, which brings back everything that was acknowledged. And but for
 * OUTCOME_UNKNOWN: the server has done it once, or not at all.
 *
 * Those that many commands may fail with, by a name:
 *
 *   arguments: INVALID_OPTIONS. An argument is not what XKV_ARGUMENT_MAP says
 *   values: SERIALIZER. A value that was given is too long, or not UTF-8 where the
 *     store holds text
 *   servers: STORE_LOST, SERVER_UNAVAILABLE. Of stores on servers
 *   reading: servers, STORE_FULL, DISK_STORE_OPEN, DISK_STORE_READ, DISK_STORE_CORRUPT. No
 *     memory for the reply, or no address space for a file that has grown. The others are
 *     of disk stores; OPEN: a process of the same id uses it, in another PID namespace
 *   writing: reading, STORE_READ_ONLY, DISK_STORE_WRITE, OUTCOME_UNKNOWN. STORE_FULL
 *     stands also for no room on the disk, or for the memory that a server may use
 *
 *   waiting: OPERATION_CANCELED, STORE_CLOSED. With a timeout: xkv_cancel, or xkv_close,
 *     has ended the wait
 *
 * And those of each (a number that is none: INVALID_OPTIONS; taken back by xkv_cancel in
 * its queue: OPERATION_CANCELED):
 *
 *   GET: arguments, reading, KEY_NOT_FOUND
 *   NEXT_CIRCULAR: arguments, reading, OUTCOME_UNKNOWN
 *   EXISTS, COUNT, RANDOM_KEY, RANDOM_ENTRY, RANDOM_KEYS, LIST, LIST_KEYS,
 *     GET_MANY, ALLOCATION_STATS: arguments, reading
 *   SCAN, SCAN_KEYS: arguments, reading, INVALID_CURSOR
 *   SIZE, STATS, REPORT_STATS: reading
 *   SET, SET_IF_ABSENT, GET_OR_SET, SWAP, COMPARE_AND_SWAP, COMPARE_AND_SWAP_DETAILED,
 *     COMPARE_AND_DELETE, COMPARE_AND_DELETE_DETAILED: arguments, values, writing
 *   INCREMENT_BY, NEXT: arguments, writing, VALUE_PARSE
 *   DELETE, DELETE_IF_EXISTS, SET_MANY, DELETE_MANY, DELETE_BY_PREFIX,
 *     CLAIM_RANDOM_MANY, CLAIM_KEYS, RENEW_CLAIM, RENEW_CLAIMS, RELEASE_CLAIM,
 *     RELEASE_CLAIMS, COMPLETE_CLAIM, COMPLETE_CLAIMS, POP_RANDOM_MANY: arguments, writing
 *   CLAIM_RANDOM, CLAIM_KEY, CLAIM_NEXT, CLAIM_FOR_OWNER, POP_RANDOM, POP_NEXT: arguments,
 *     writing, waiting
 *   CLEAR: writing
 *   REBUILD_KEY_LIST: servers, STORE_FULL, KEY_LIST_REBUILD, OUTCOME_UNKNOWN
 *
 *   files: SNAPSHOT_NOT_FOUND, SNAPSHOT_PERMISSION, SNAPSHOT_EXPORT, SNAPSHOT_READ,
 *     SNAPSHOT_IO. There is no such file; it may not be read, or written; it cannot be a
 *     target (a directory, a link, a device, the file of an open store); it is not what
 *     is read; the disk failed, or is full
 *
 *   BACKUP, EXPORT_JSONL, EXPORT_CSV: arguments, reading, files, VALUE_PARSE
 *   VALIDATE_JSONL, VALIDATE_CSV: arguments, files, STORE_FULL
 *   IMPORT_JSONL, IMPORT_CSV: arguments, writing, files, VALUE_PARSE
 *   RESTORE: arguments, writing, files, VALUE_PARSE, SNAPSHOT_BUDGET
 */
typedef enum xkv_op {
#define X(op, name, access, arguments, required, optional, limit, reply) XKV_OP_##op,
    XKV_COMMAND_MAP(X)
#undef X
        XKV_OP_END /* how many there are */
} xkv_op;

/*
 * Arguments: constant, script name, kind, the field of xkv_command that holds
 * it, range, default, and the code of an error in it (of a TEXT that is none it is
 * INVALID_OPTIONS). The table is all there is to know about an argument: checks,
 * copies, xkv_command_set and bindings walk it, so a new one of a known kind is a row
 * here, a field, and its name in the rows of the commands that take it.
 *
 * The kinds, the type of their fields, and what the range is of:
 *
 *   KEY      xkv_bytes: 1 to XKV_KEY_MAX bytes of UTF-8
 *   VALUE    xkv_bytes: 0 to XKV_VALUE_MAX bytes
 *   EXPECTED a VALUE that must be there, or nothing: see xkv_expect
 *   TEXT     xkv_bytes: UTF-8; the range is of its length in bytes, from 1 if the
 *            command requires it. Where it is from 1 anyway, to give none is no way to
 *            leave it out
 *   INTEGER  int64_t
 *   DURATION int64_t, in milliseconds; as text: see xkv_read_duration
 *   BOOLEAN  bool, true if the argument is not what it is by default
 *   KEYS     xkv_bytes: a list of keys, the keys of items
 *   ENTRIES  a list of keys with values: the entries of items
 *   TEXTS    a list of texts that are not empty: the keys of items
 *   CLAIM    one claim that is given back: see xkv_items_add_claim
 *   CLAIMS   a list of them
 *
 * So zero in a field is the default, where an argument may be left out. A limit has
 * the range of its row above: from 1 if it is required there, else also 0 and less,
 * which mean all.
 */
#define XKV_ARGUMENT_MAP(X)                                                                        \
    X(KEY, "key", KEY, key, 1, XKV_KEY_MAX, 0, INVALID_OPTIONS)                                    \
    X(OLD, "old", EXPECTED, expected, 0, XKV_VALUE_MAX, 0, SERIALIZER)                             \
    X(NEW, "new", VALUE, value, 0, XKV_VALUE_MAX, 0, SERIALIZER)                                   \
    X(VALUE, "value", VALUE, value, 0, XKV_VALUE_MAX, 0, SERIALIZER)                               \
    X(DELTA, "delta", INTEGER, delta, INT64_MIN, INT64_MAX, 0, VALUE_NUMBER_REQUIRED)              \
    X(KEYS, "keys", KEYS, items, 0, UINT32_MAX, 0, INVALID_OPTIONS)                                \
    X(ENTRIES, "entries", ENTRIES, items, 0, UINT32_MAX, 0, INVALID_OPTIONS)                       \
    X(CLAIM, "claim", CLAIM, items, 0, UINT32_MAX, 0, INVALID_OPTIONS)                             \
    X(CLAIMS, "claims", CLAIMS, items, 0, UINT32_MAX, 0, INVALID_OPTIONS)                          \
    X(PREFIX, "prefix", TEXT, prefix, 0, XKV_VALUE_MAX, 0, INVALID_OPTIONS)                        \
    X(POSITION, "position", KEY, key, 1, XKV_KEY_MAX, 0, INVALID_OPTIONS)                          \
    X(CYCLE, "cycle", BOOLEAN, cycle, 0, 1, false, INVALID_OPTIONS)                                \
    X(LIMIT, "limit", INTEGER, limit, 1, INT64_MAX, 0, INVALID_OPTIONS)                            \
    X(CURSOR, "cursor", TEXT, cursor, 0, XKV_CURSOR_MAX, 0, INVALID_CURSOR)                        \
    X(COUNT, "count", INTEGER, count, 1, XKV_COUNT_MAX, 0, INVALID_OPTIONS)                        \
    X(UNIQUE, "unique", BOOLEAN, repeats, 0, 1, true, INVALID_OPTIONS)                             \
    X(OWNER, "owner", TEXT, owner, 0, XKV_OWNER_MAX, 0, INVALID_OPTIONS)                           \
    X(TTL, "ttl", DURATION, ttl_ms, 1, XKV_TTL_MAX, XKV_TTL_DEFAULT, INVALID_OPTIONS)              \
    X(ALL_OR_NOTHING, "allOrNothing", BOOLEAN, all_or_nothing, 0, 1, false, INVALID_OPTIONS)       \
    X(DELETE_KEY, "deleteKey", BOOLEAN, keep_key, 0, 1, true, INVALID_OPTIONS)                     \
    X(INCLUDE_CURRENT, "includeCurrentOnMismatch", BOOLEAN, include_current, 0, 1, false,          \
      INVALID_OPTIONS)                                                                             \
    X(TIMEOUT, "timeout", DURATION, timeout_ms, 0, XKV_TIMEOUT_MAX, 0, INVALID_OPTIONS)            \
    X(FILE_NAME, "fileName", TEXT, file_name, 1, XKV_PATH_MAX, 0, INVALID_OPTIONS)                 \
    X(COLUMNS, "columns", TEXTS, items, 0, UINT32_MAX, 0, INVALID_OPTIONS)                         \
    X(DELIMITER, "delimiter", TEXT, delimiter, 1, 4, 0, INVALID_OPTIONS)                           \
    X(KEY_COLUMN, "keyColumn", TEXT, key_column, 1, XKV_VALUE_MAX, 0, INVALID_OPTIONS)             \
    X(ROW_KEYS, "keys", TEXT, row_keys, 1, XKV_VALUE_MAX, 0, INVALID_OPTIONS)                      \
    X(BATCH_SIZE, "batchSize", INTEGER, batch_size, 1, XKV_BATCH_MAX, XKV_BATCH_DEFAULT,           \
      INVALID_OPTIONS)                                                                             \
    X(MAX_ENTRIES, "maxEntries", INTEGER, max_entries, 0, INT64_MAX, 0, INVALID_OPTIONS)           \
    X(MAX_BYTES, "maxBytes", INTEGER, max_bytes, 0, INT64_MAX, 0, INVALID_OPTIONS)                 \
    X(INCLUDE_KEY, "includeKey", BOOLEAN, without_key, 0, 1, true, INVALID_OPTIONS)                \
    X(HAS_HEADER, "hasHeader", BOOLEAN, no_header, 0, 1, true, INVALID_OPTIONS)                    \
    X(TYPES, "types", BOOLEAN, types, 0, 1, false, INVALID_OPTIONS)                                \
    X(CONCURRENT_WRITES, "allowConcurrentWrites", BOOLEAN, concurrent_writes, 0, 1, false,         \
      INVALID_OPTIONS)

enum {
#define X(argument, name, kind, field, min, max, standard, error) XKV_NTH_##argument,
    XKV_ARGUMENT_MAP(X)
#undef X
        XKV_ARGUMENTS /* how many there are */
};

/* A set of arguments: a bit for each, in the order of the table. (Macros, since an enum of
 * C11 has no room for more than 31.) */
typedef uint64_t xkv_arguments;

#define XKV_ARG_BIT(argument) (UINT64_C(1) << XKV_NTH_##argument)

#define XKV_ARG_NONE              UINT64_C(0)
#define XKV_ARG_KEY               XKV_ARG_BIT(KEY)
#define XKV_ARG_OLD               XKV_ARG_BIT(OLD)
#define XKV_ARG_NEW               XKV_ARG_BIT(NEW)
#define XKV_ARG_VALUE             XKV_ARG_BIT(VALUE)
#define XKV_ARG_DELTA             XKV_ARG_BIT(DELTA)
#define XKV_ARG_KEYS              XKV_ARG_BIT(KEYS)
#define XKV_ARG_ENTRIES           XKV_ARG_BIT(ENTRIES)
#define XKV_ARG_CLAIM             XKV_ARG_BIT(CLAIM)
#define XKV_ARG_CLAIMS            XKV_ARG_BIT(CLAIMS)
#define XKV_ARG_PREFIX            XKV_ARG_BIT(PREFIX)
#define XKV_ARG_POSITION          XKV_ARG_BIT(POSITION)
#define XKV_ARG_CYCLE             XKV_ARG_BIT(CYCLE)
#define XKV_ARG_LIMIT             XKV_ARG_BIT(LIMIT)
#define XKV_ARG_CURSOR            XKV_ARG_BIT(CURSOR)
#define XKV_ARG_COUNT             XKV_ARG_BIT(COUNT)
#define XKV_ARG_UNIQUE            XKV_ARG_BIT(UNIQUE)
#define XKV_ARG_OWNER             XKV_ARG_BIT(OWNER)
#define XKV_ARG_TTL               XKV_ARG_BIT(TTL)
#define XKV_ARG_ALL_OR_NOTHING    XKV_ARG_BIT(ALL_OR_NOTHING)
#define XKV_ARG_DELETE_KEY        XKV_ARG_BIT(DELETE_KEY)
#define XKV_ARG_INCLUDE_CURRENT   XKV_ARG_BIT(INCLUDE_CURRENT)
#define XKV_ARG_TIMEOUT           XKV_ARG_BIT(TIMEOUT)
#define XKV_ARG_FILE_NAME         XKV_ARG_BIT(FILE_NAME)
#define XKV_ARG_COLUMNS           XKV_ARG_BIT(COLUMNS)
#define XKV_ARG_DELIMITER         XKV_ARG_BIT(DELIMITER)
#define XKV_ARG_KEY_COLUMN        XKV_ARG_BIT(KEY_COLUMN)
#define XKV_ARG_ROW_KEYS          XKV_ARG_BIT(ROW_KEYS)
#define XKV_ARG_BATCH_SIZE        XKV_ARG_BIT(BATCH_SIZE)
#define XKV_ARG_MAX_ENTRIES       XKV_ARG_BIT(MAX_ENTRIES)
#define XKV_ARG_MAX_BYTES         XKV_ARG_BIT(MAX_BYTES)
#define XKV_ARG_INCLUDE_KEY       XKV_ARG_BIT(INCLUDE_KEY)
#define XKV_ARG_HAS_HEADER        XKV_ARG_BIT(HAS_HEADER)
#define XKV_ARG_TYPES             XKV_ARG_BIT(TYPES)
#define XKV_ARG_CONCURRENT_WRITES XKV_ARG_BIT(CONCURRENT_WRITES)

/* What there is to say about how a CSV file is read. */
#define XKV_ARG_CSV_IN                                                                             \
    (XKV_ARG_DELIMITER | XKV_ARG_KEY_COLUMN | XKV_ARG_ROW_KEYS | XKV_ARG_HAS_HEADER | XKV_ARG_TYPES)

typedef enum xkv_argument_kind {
    XKV_KIND_KEY,
    XKV_KIND_VALUE,
    XKV_KIND_EXPECTED,
    XKV_KIND_TEXT,
    XKV_KIND_KEYS,
    XKV_KIND_ENTRIES,
    XKV_KIND_TEXTS,
    XKV_KIND_CLAIM,
    XKV_KIND_CLAIMS, /* the last that is bytes */
    XKV_KIND_INTEGER,
    XKV_KIND_DURATION,
    XKV_KIND_BOOLEAN
} xkv_argument_kind;

typedef struct xkv_argument_info {
    xkv_arguments argument; /* its bit */
    const char *name;       /* as scripts call it */
    xkv_argument_kind kind;
    const char *words; /* what it must be: "a string" */
    size_t field;      /* where in xkv_command it stands */
    int64_t min, max;
    int64_t standard; /* the default of an INTEGER, DURATION or BOOLEAN */
    int error;        /* of a value that is not as it must be */
    int type_error;   /* of one that is of another type */
} xkv_argument_info;

/* The row of the argument that one XKV_ARG_ bit stands for; NULL if none. Static. */
const xkv_argument_info *xkv_argument_describe(xkv_arguments argument);

/* The range of an integer or duration (one XKV_ARG_ bit) in one operation; false,
 * and nothing is set, if there is no such operation or argument. */
bool xkv_argument_range(int op, xkv_arguments argument, int64_t *min, int64_t *max);

typedef enum xkv_access {
    XKV_ACCESS_READ,    /* looks at one key, or at counts */
    XKV_ACCESS_SCAN,    /* reads what may be much: writers do not wait for it */
    XKV_ACCESS_EXPORT,  /* reads what may be everything, and writes it to a file */
    XKV_ACCESS_IMPORT,  /* reads a file, and writes what it holds */
    XKV_ACCESS_ORDERED, /* changes no data, but runs with the writes, in their order */
    XKV_ACCESS_REBUILD, /* reads everything, and changes what is derived from it */
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
    XKV_REPLY_FOUND,   /* as ITEMS, of what was looked for: number 0 if there was nothing */
    XKV_REPLY_REPORT   /* as ITEMS, for metrics: scripts get undefined */
} xkv_reply_kind;

typedef struct xkv_op_info {
    const char *name; /* as scripts call it: "randomKey" */
    xkv_access access;
    xkv_arguments arguments;          /* positional, in the order of the bits */
    xkv_arguments required, optional; /* fields of the options argument that follows them */
    int64_t limit_max;                /* the largest limit, 0 where there is none */
    xkv_reply_kind reply;
    bool searches; /* it may find nothing, which is no error: then number is 0 */
} xkv_op_info;

/* The row of an operation; NULL if op is not one. Static. */
const xkv_op_info *xkv_op_describe(int op);

/*
 * Whether an integer or duration (one XKV_ARG_ bit) of an operation may have this
 * value. XKV_OK, or XKV_E_INVALID_OPTIONS with a message of at most size bytes
 * (NUL included) that names operation, argument and range.
 */
int xkv_check_integer(int op, xkv_arguments argument, int64_t number, char *message, size_t size);

/* The same for a duration that is given as text, in the form that xkv_options_set
 * takes: *ms gets it, if it may have this value. */
int xkv_read_duration(int op, xkv_arguments argument, xkv_bytes text, int64_t *ms, char *message,
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
    int op;             /* xkv_op */
    xkv_bytes key;      /* also the position of NEXT */
    xkv_bytes value;    /* also the new one of COMPARE_AND_SWAP */
    xkv_bytes expected; /* the old one */
    xkv_bytes items;    /* keys, entries, claims or columns: see xkv_items */
    xkv_bytes prefix;   /* empty: every key */
    xkv_bytes cursor;   /* empty: from the beginning */
    xkv_bytes owner;    /* at most XKV_OWNER_MAX bytes */
    int64_t delta;
    int64_t limit;        /* 0 or less: all, where it is optional */
    int64_t count;        /* 1 to XKV_COUNT_MAX */
    int64_t ttl_ms;       /* 1 to XKV_TTL_MAX; 0: XKV_TTL_DEFAULT where it is optional */
    int64_t timeout_ms;   /* 0 to XKV_TIMEOUT_MAX: how long to wait for what is not there */
    int expect;           /* xkv_expect */
    bool repeats;         /* RANDOM_KEYS: the same key may come twice (script: unique false) */
    bool cycle;           /* NEXT: behind the last comes the first */
    bool all_or_nothing;  /* CLAIM_KEYS */
    bool keep_key;        /* COMPLETE_CLAIM: do not delete (script: deleteKey false) */
    bool include_current; /* COMPARE_AND_…_DETAILED */

    /* Files. */
    xkv_bytes file_name;
    xkv_bytes delimiter;            /* one character; empty: a comma */
    xkv_bytes key_column;           /* whose cells are the keys; or */
    xkv_bytes row_keys;             /* "row": the rows' numbers are */
    int64_t batch_size;             /* 1 to XKV_BATCH_MAX; 0: XKV_BATCH_DEFAULT */
    int64_t max_entries, max_bytes; /* of RESTORE; 0: any */
    bool without_key;               /* (script: includeKey false) */
    bool no_header;                 /* (script: hasHeader false) */
    bool types;                     /* IMPORT_CSV: cells become what they look like */
    bool concurrent_writes;         /* BACKUP: accepted, without effect */
} xkv_command;

/*
 * Sets one argument of command->op by its script name: "key", "ttl", "unique" …, for
 * programs that are told by others what to do. An INTEGER is set from a number that
 * is whole, a DURATION also from text, a BOOLEAN from a boolean, all else from text
 * or bytes: what holds several (keys, entries, claims) from the bytes of xkv_items.
 * Text and bytes are borrowed, until the command has been run or queued.
 *
 * Returns XKV_OK, or a code with a message of at most size bytes (NUL included) in
 * the words that scripts get; then the command is as it was:
 *   XKV_E_INVALID_OPTIONS  there is no such operation; it takes no argument of this
 *                          name (the nearest one that it takes is named); the value
 *                          is of another type, empty where it must not be, out of
 *                          its range, not UTF-8, or not the items that it takes
 *   XKV_E_INVALID_CURSOR   a cursor that is too long, or not UTF-8
 *   XKV_E_SERIALIZER       a value that is neither text nor bytes, or too long
 *   XKV_E_VALUE_NUMBER_REQUIRED  a delta that is no whole number of 64 bits
 * What depends on the store (that values are UTF-8 where it holds text, that it gave
 * this cursor) is checked when the command runs, as is what was not set at all.
 */
int xkv_command_set(xkv_command *command, const char *name, const xkv_scalar *value, char *message,
                    size_t size);

/* How many arguments of one command may be bytes, and how many numbers. */
#define XKV_BYTES_MOST   5
#define XKV_NUMBERS_MOST 6

/*
 * Sets all arguments of command->op at once, for bindings, which then need to know no
 * field: bytes has one element for each of its arguments that are bytes, numbers one
 * for each INTEGER and DURATION, both in the order of the XKV_ARG_ bits, and flags the
 * bits of the BOOLEANs that are true. Fails at nothing and checks nothing; expect and
 * what the operation does not take are left alone.
 */
void xkv_command_fill(xkv_command *command, const xkv_bytes *bytes, const int64_t *numbers,
                      xkv_arguments flags);

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
 * Whether a store would take an entry of SET_MANY: XKV_OK, or XKV_E_INVALID_OPTIONS
 * for its key or XKV_E_SERIALIZER for its value, with a message of at most size bytes
 * (NUL included). For telling about each of several bad ones; SET_MANY itself tells
 * about the first.
 */
int xkv_check_entry(const xkv_store *store, xkv_bytes key, xkv_bytes value, char *message,
                    size_t size);

/*
 * Whether text is one JSON value, which a json store takes for granted: XKV_OK;
 * XKV_E_VALUE_PARSE, and *at is where in it, in bytes from 0, that ends to be so (its
 * length: more was to come); XKV_E_STORE_FULL, there is no memory. That it is UTF-8 is for
 * xkv_check_entry to see.
 */
int xkv_check_json(xkv_bytes text, size_t *at);

/*
 * Runs a command and waits until it has taken effect: for a write to a disk
 * store, until it is as durable as the store promises. Returns reply->status: XKV_OK,
 * or what the list behind XKV_COMMAND_MAP has for the command.
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
 * Runs a command without waiting.
 *
 * Returns XKV_DONE if it has taken effect or failed: *reply is filled, exactly as by
 * xkv_exec, and queue will hear nothing of it. That is so for reads, and for all
 * commands of memory stores, but for three things that have to wait: what the same
 * handle has queued before, what is read if it is much (a thread of the library does
 * that), and keys that are not there, for a command with a timeout.
 *
 * Returns XKV_PENDING if the command was queued: reply is empty, all arguments have
 * been copied, and xkv_completions will return tag once.
 *
 * With NULL for the queue a command that has to wait is not queued: XKV_PENDING then
 * means that nothing was done, and that it is to be submitted again with a queue.
 */
int xkv_submit(xkv_store *store, const xkv_command *command, xkv_reply *reply, xkv_queue *queue,
               uint64_t tag);

/*
 * Takes back a command that was submitted with a queue and a tag, if it has not begun
 * to take effect. Its completion comes all the same, and tells what became of it: with
 * XKV_E_OPERATION_CANCELED it has had no effect and never will; else it was too late. A
 * command that reads or writes a file stops on its way, too; what an import has stored
 * by then stays. Does nothing if there is no such command.
 */
void xkv_cancel(xkv_store *store, xkv_queue *queue, uint64_t tag);

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
 * What the library takes from the system for itself goes through these functions,
 * so that a program can give it memory of its own, and tests can fail each
 * allocation in turn, move the clock and fix the randomness. A NULL field means
 * the system's own. (LMDB allocates for itself.)
 */
typedef struct xkv_hooks {
    void *(*alloc)(size_t size);             /* as malloc; never asked for 0 bytes */
    void *(*resize)(void *old, size_t size); /* as realloc; never asked for 0 bytes */
    void (*release)(void *memory);           /* as free; also called by a thread of the library */
    uint64_t (*now_ms)(void);                /* monotonic milliseconds: claims expire by it */
    uint64_t (*wall_ms)(void);               /* milliseconds since 1970: what people are told */
    void (*entropy)(void *out, size_t size); /* fills out with seed bytes */
} xkv_hooks;

/* Sets the hooks for the whole process; NULL restores the system's own. Only
 * while no store and no queue is open, and no other thread is in the library. */
void xkv_set_hooks(const xkv_hooks *hooks);

/* Seeds the random generator of the calling thread, for repeatable tests.
 * Other threads keep theirs. */
void xkv_seed(uint64_t seed);

/*
 * Files of stores
 *
 * What is in the file of a disk store, whatever state it is in: damaged, cut short, or no
 * store at all. The file is only read, by plain reads, and nothing in it is trusted; every
 * record has a checksum. A damaged page costs what lies on it, or behind it, and no more.
 *
 * Nobody can open the file for writing meanwhile. If another process has it open for that,
 * both read it as of its last commit, which that process keeps as for any reader: it goes
 * on, and its file may grow. A store that this process has open is refused.
 *
 * Memory: a bit or two per page of the file, and the largest value. Time: each page once, for
 * long keys some more often.
 */
typedef struct xkv_check_report {
    uint64_t bytes;    /* in the file */
    uint64_t pages;    /* that were read for what follows, those of large values included */
    uint64_t keys;     /* entries that can be read */
    uint64_t findings; /* sentences that tell what is wrong; 0: nothing */
    uint64_t damaged_pages;
    uint64_t damaged_records; /* with a wrong checksum, or that cannot be read */
    uint64_t misplaced_keys;  /* or links, that do not follow what is before them */
    uint64_t broken_links; /* between the pieces of long keys: that lead nowhere, or are missing */
    uint64_t invalid_values; /* that are not JSON, in a store of JSON: of keys */
    uint64_t doubtful_keys;  /* of keys: of unknown age, see xkv_salvage */
    uint64_t lost_keys;      /* that the store counts, and that cannot be read; */
    bool lost_is_known;      /* if it can still be told how many it counts */
    bool is_older;           /* the last commit cannot be read, and this is the one before it */
    bool is_scan;            /* nothing leads to the entries: pages were searched for them */
    int serialization;       /* xkv_serialization; -1: it cannot be told */
} xkv_check_report;

/* One thing that is wrong, as a sentence without its full stop, with page and key where they
 * are known. The text is valid during the call. */
typedef void xkv_tell(void *context, const char *finding);

/*
 * An entry that can be read; bytes are valid during the call. doubtful: it was in the store at
 * some time, and may have been changed or deleted since. XKV_OK to go on; any other code ends
 * xkv_salvage, which returns it.
 */
typedef int xkv_salvaged(void *context, xkv_bytes key, xkv_bytes value, bool doubtful);

/*
 * Checks the structure of a store's file, the order of its keys, its counts, its list of free
 * pages, and all checksums; and that values are JSON, in a store of JSON. path as for xkv_open.
 * tell may be NULL. XKV_OK if the check was made, whatever it found; else message (at most
 * size bytes, NUL included) says why not:
 *   XKV_E_INVALID_OPTIONS, XKV_E_DISK_PATH  as xkv_open
 *   XKV_E_DISK_STORE_OPEN  there is no such file, or it is not a store: of another program, of
 *                          another version; or no permission; or this process has it open
 *   XKV_E_DISK_STORE_READ  the file cannot be examined
 *   XKV_E_DISK_STORE_CORRUPT  another process has it open for writing, and its first pages do not
 *                          tell what to read: check it when that has ended
 *   XKV_E_STORE_FULL       no memory
 */
int xkv_check_file(const char *path, xkv_tell *tell, void *context, xkv_check_report *report,
                   char *message, size_t size);

/*
 * Gives every entry that can be read, and reports as xkv_check_file does. They come in the order
 * of their keys, each once, unless there are misplaced ones.
 *
 * Entries are doubtful if they lie on a page that also counts as free, or if their key is not in
 * order. If nothing leads to the entries any more (is_scan) all are: then all pages that are not
 * known to be free are searched, keys come in no order, and one may come several times with
 * different values.
 */
int xkv_salvage(const char *path, xkv_salvaged *salvaged, void *context, xkv_check_report *report,
                char *message, size_t size);

#ifdef __cplusplus
}
#endif

#endif
