/*
 * internal.h - what the parts of libxkv share, and the backend interface
 *
 * Names that start with xkv__ are shared inside the library; everything else
 * that is not in xkv.h is static to its file.
 *
 * The layers, from the top:
 *
 *   store.c      handles, the registry of open stores, queues, group commit
 *   commands.c   the table of commands, and what arguments must be like
 *   engine.c     runs a command in a transaction
 *   single.c, many.c, claiming.c, insight.c
 *                the meaning of every command, written once over xkv__backend
 *   choose.c, cursor.c, json.c, items.c
 *                what they share: random choices, cursors, equality, packing
 *   claims.c     who holds which key
 *   backend_*.c  ordered maps: memory, LMDB (with file.c, records.c, verify.c)
 *   btree.c      the counted B-tree: memory's data, LMDB's key index, claims
 *   reclaim.c    frees what is left of large trees, in the background
 *   base.c, quantity.c
 *                allocation, clock, randomness, errors, replies, text
 */
#ifndef XKV_INTERNAL_H
#define XKV_INTERNAL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xkv.h"

/* Compiler extensions are used here and in rwlock.c only, and each can be done
 * without: -DXKV_NO_EXTENSIONS does (scripts/check.sh compiles it). */
#if defined(__GNUC__) && !defined(XKV_NO_EXTENSIONS)
#define XKV__EXTENSIONS 1
#else
#define XKV__EXTENSIONS 0
#endif

#if XKV__EXTENSIONS
#define XKV__PRINTF(text_at, first_at) __attribute__((format(printf, text_at, first_at)))
#define XKV__UNLIKELY(condition)       __builtin_expect(!!(condition), 0)
#define XKV__PREFETCH(address)         __builtin_prefetch(address)
#else
#define XKV__PREFETCH(address) ((void)(address))
#define XKV__PRINTF(text_at, first_at)
#define XKV__UNLIKELY(condition) (condition)
#endif

enum { XKV__CACHE_LINE = 64 };

/* -- base.c: the environment ------------------------------------------------ */

/* The hooks in force, every field set. */
extern xkv_hooks xkv__sys;

/* NULL when memory is short. xkv__free(NULL) is legal. */
void *xkv__alloc(size_t size);
void *xkv__resize(void *old, size_t size);
void xkv__free(void *memory);
char *xkv__strdup(const char *text);

/* Starts a thread. XKV_OK or XKV_E_STORE_FULL. */
int xkv__thread_start(pthread_t *thread, void *(*run)(void *), void *argument);

/* A random number below bound (1 or more), without bias. */
uint64_t xkv__random_below(uint64_t bound);

/* Until xkv__draw_freely, the random numbers of this thread are a function of
 * these three. */
void xkv__draw_for(uint64_t seed, uint64_t stream, uint64_t call);
void xkv__draw_freely(void);

/* Writes a message of at most size bytes, cut if need be, and returns code. */
int xkv__explain(char *message, size_t size, int code, const char *format, ...) XKV__PRINTF(4, 5);

/*
 * Why something failed, for functions that return only a code: xkv__fail
 * remembers a message for the calling thread and returns code; xkv__reason
 * gives it back, once, if it belongs to that code, else the table's text.
 */
int xkv__fail(int code, const char *format, ...) XKV__PRINTF(2, 3);
const char *xkv__reason(int code);

/* Tells whoever wants to hear it: see xkv_set_notice. */
void xkv__notice(const char *format, ...) XKV__PRINTF(1, 2);

/* Whether bytes are UTF-8 as Unicode defines it (no surrogates, shortest form). */
bool xkv__is_utf8(xkv_bytes bytes);

/* What a hexadecimal digit stands for; -1 if it is none. */
int xkv__hex(unsigned char c);

/* memcmp order, a prefix first. */
int xkv__compare(xkv_bytes a, xkv_bytes b);

bool xkv__has_prefix(xkv_bytes key, xkv_bytes prefix);

/* Text for a message: quotes key, shortens it and escapes what does not print. */
#define XKV__QUOTE_SIZE 96
const char *xkv__quote(xkv_bytes bytes, char out[XKV__QUOTE_SIZE]);

/* -- base.c: replies --------------------------------------------------------- */

/* Room for size bytes of reply data (grows, keeps what is there); NULL when
 * memory is short. Sets nothing else: the writer sets data and len. */
void *xkv__reply_room(xkv_reply *reply, size_t size);

/* Sets the data to a copy of bytes. */
int xkv__reply_bytes(xkv_reply *reply, xkv_bytes bytes);

/* Fails the reply: status, and the message as data. Returns code. */
int xkv__reply_fail(xkv_reply *reply, int code, const char *format, ...) XKV__PRINTF(3, 4);

/* The same with the table's text. */
int xkv__reply_error(xkv_reply *reply, int code);

/* -- The backend interface --------------------------------------------------- */

/*
 * A backend is an ordered map from keys to values, used through transactions.
 * The engine begins one, calls the others, and ends it with commit or abort.
 * Bytes that calls return stay valid until the next write in the transaction
 * or its end.
 *
 * A transaction has one cursor: seek and next move it, and any write in
 * between makes it invalid until the next seek.
 */
typedef enum xkv__mode {
    XKV__READ,     /* short: a few steps */
    XKV__SNAPSHOT, /* long: must not keep writers waiting */
    XKV__INSPECT,  /* no writes to the data, but no writer beside it */
    XKV__WRITE,    /* one write call at the most: abort need not undo it */
    XKV__BATCH     /* any number of writes; abort undoes them all, but see touch */
} xkv__mode;

typedef struct xkv__backend xkv__backend;
typedef struct xkv__txn xkv__txn;

/* The keys that start with a prefix, as found in a transaction; valid until
 * its next write. */
typedef struct xkv__range {
    xkv_bytes prefix; /* the caller's bytes */
    bool ranked;      /* ranks are known: select and rank take O(log n) */
    uint64_t first;   /* the rank of the first of them, where ranks are known */
    uint64_t count;
} xkv__range;

/* What there is to tell about a store besides its keys. */
typedef struct xkv__facts {
    uint64_t count; /* of keys, as the data has them */
    bool indexed;   /* it keeps an index of keys */
    uint64_t index_count;
    const char *path; /* NULL: not on disk */
    int64_t size;     /* of the file, in bytes */
} xkv__facts;

typedef struct xkv__backend_ops {
    const char *name;

    /* Whether commands that write must go to the writer thread, since they
     * wait for the disk. */
    bool (*waits)(const xkv__backend *backend);

    void (*close)(xkv__backend *backend);

    /* Sets *txn and returns XKV_OK, or returns an error. */
    int (*begin)(xkv__backend *backend, xkv__mode mode, xkv__txn **txn);

    /* Ends the transaction whatever it returns. An error means that nothing
     * was changed. */
    int (*commit)(xkv__txn *txn);
    void (*abort)(xkv__txn *txn);

    /* XKV_E_KEY_NOT_FOUND if there is none. value may be NULL. */
    int (*get)(xkv__txn *txn, xkv_bytes key, xkv_bytes *value);
    int (*put)(xkv__txn *txn, xkv_bytes key, xkv_bytes value);
    /* XKV_E_KEY_NOT_FOUND if there is none; changes nothing then. */
    int (*del)(xkv__txn *txn, xkv_bytes key);
    int (*clear)(xkv__txn *txn);
    /* Sees to it that a del of key, later in this transaction, cannot fail for
     * want of memory. A command that deletes many keys touches all of them
     * first, and after the first del does nothing that can fail: a backend
     * whose del cannot fail then need not be able to undo it. */
    int (*touch)(xkv__txn *txn, xkv_bytes key);

    /* Moves the cursor to the first key that is not less than key, or to the
     * following one. XKV_E_KEY_NOT_FOUND at the end. value may be NULL. */
    int (*seek)(xkv__txn *txn, xkv_bytes key, xkv_bytes *found, xkv_bytes *value);
    int (*next)(xkv__txn *txn, xkv_bytes *found, xkv_bytes *value);

    /* Finds the keys that start with prefix, and how many there are. */
    int (*range)(xkv__txn *txn, xkv_bytes prefix, xkv__range *range);
    /* Number n (from 0, less than range.count) of the keys of the range that
     * was found last. May move the cursor. */
    int (*select)(xkv__txn *txn, const xkv__range *range, uint64_t n, xkv_bytes *key);

    /* How many keys are less than key; only if the range is ranked. */
    uint64_t (*rank)(xkv__txn *txn, xkv_bytes key);

    /* Builds the key index anew, if there is one. */
    int (*rebuild)(xkv__txn *txn);

    /* The number that all tokens of claims given out so far are below, and
     * raising it, so that it outlasts the process if the store does. save
     * counts as a write. */
    int (*load_tokens)(xkv__txn *txn, uint64_t *end);
    int (*save_tokens)(xkv__txn *txn, uint64_t end);

    int (*describe)(xkv__txn *txn, xkv__facts *facts);
} xkv__backend_ops;

typedef struct xkv__claims xkv__claims; /* see claims.h */

/* Every backend's own struct starts with this. */
struct xkv__backend {
    const xkv__backend_ops *ops;
    const xkv_options *options; /* these two are set by who opens it */
    xkv__claims *claims;
    uint64_t commits; /* that changed the data; for the thread that writes */
};

/* And every transaction with this. */
struct xkv__txn {
    xkv__backend *backend;
    xkv__mode mode;
    bool undoes; /* commit can fail, or abort has to undo: changes must be kept apart */
    bool broken; /* a write failed half way: only abort is left */
};

/*
 * What begin, the calls and commit may return besides the codes of
 * XKV_ERROR_MAP: abort and begin again. (The map had to grow.) A backend sees
 * to it that this does not go on for ever.
 */
enum { XKV__RETRY = -1 };

/* What commit returns if a command broke the transaction before: nothing was
 * done, and the command's own reply says why. */
enum { XKV__BROKEN = -2 };

/* It returns XKV_OK and *backend, or an error. */
int xkv__mem_open(xkv__backend **backend);

/* The LMDB backend takes over the file, whatever it returns. */
struct xkv__file;
int xkv__lmdb_open(const xkv_options *options, struct xkv__file *file, xkv__backend **backend);

/* -- commands.c and engine.c ---------------------------------------------------------------- */

/* Checks a command against the table. XKV_OK, or the reply is filled. */
int xkv__check(const xkv_options *options, const xkv_command *command, xkv_reply *reply);

/* What xkv_check_entry does, for a store's options. */
int xkv__check_entry(const xkv_options *options, xkv_bytes key, xkv_bytes value, char *message,
                     size_t size);

/* Runs a checked command in a transaction of its own. Returns reply->status. */
int xkv__run(xkv__backend *backend, const xkv_command *command, xkv_reply *reply);

/* Runs a checked command in a transaction that its caller ends. Afterwards
 * txn->broken says whether that can only be by abort. XKV__RETRY leaves the
 * reply as it was. */
int xkv__run_in(xkv__txn *txn, const xkv_command *command, xkv_reply *reply);

/* Fills the reply for a failed begin, call or commit. */
int xkv__run_failed(int code, const xkv_command *command, xkv_reply *reply);

/* -- quantity.c -------------------------------------------------------------- */

/* Read a duration such as "1m30s", a size such as "64MiB". False if the text is
 * none, or no whole number of milliseconds or bytes; INT64_MAX stands for all
 * that is larger. */
bool xkv__read_duration(xkv_bytes text, int64_t *ms);
bool xkv__read_size(xkv_bytes text, int64_t *bytes);

/* What to write, for messages. */
#define XKV__DURATION_TEXT "text such as \"500ms\", \"1s\", \"1m30s\" or \"1.5h\""
#define XKV__SIZE_TEXT     "text such as \"64MiB\" or \"1.5GiB\""

/* -- options.c --------------------------------------------------------------- */

/* Checks the ranges of a struct that was filled by hand. */
int xkv__options_check(const xkv_options *options, char *message, size_t size);

/* The script name of the first option that two stores differ in, NULL if none;
 * both values as text in a and b. Names, paths and seeds do not count. */
#define XKV__VALUE_TEXT 64
const char *xkv__options_difference(const xkv_options *one, const xkv_options *other,
                                    char a[XKV__VALUE_TEXT], char b[XKV__VALUE_TEXT]);

/* "json", "string" or "binary"; static. */
const char *xkv__serialization_name(int serialization);

/* A deep copy's text fields belong to it: free them with xkv__options_free. */
int xkv__options_copy(xkv_options *to, const xkv_options *from);
void xkv__options_free(xkv_options *options);

#endif
