/*
 * backend.h - what keeps the keys and values of a store on this machine
 */
#ifndef XKV_LOCAL_BACKEND_H
#define XKV_LOCAL_BACKEND_H

#include "base/config.h"

/*
 * A backend is an ordered map from keys to values, used through transactions.
 * The engine begins one, makes its calls, commits what it has changed, settles
 * what hangs on that (claims), and ends it. Bytes that calls return stay valid
 * until the next write in the transaction or its end.
 *
 * A transaction is a value that lies with who begins it. A thread may be in one
 * of each of several stores, but only in one of the same store.
 *
 * A transaction has one cursor: seek and next move it, and any write in
 * between makes it invalid until the next seek.
 *
 * The modes from XKV__REBUILD on are for transactions that are committed, those
 * from XKV__WRITE on for such that write, of which there is one at a time. What
 * they must be able to undo differs, since that costs something:
 *
 * WRITE is for one write of data at the most, and nothing may fail after it.
 * BATCH is for any number of puts, and then any number of dels. After the first
 * del nothing but a del may fail, so a backend whose dels cannot fail needs to
 * undo puts alone. STEPS is for any number of writes of any kind, any of which,
 * or what comes after it, may fail.
 *
 * APPEND is for nothing but puts, in the order of the keys, which mostly come after all
 * that are there. REPLACE is the same, but begins with no keys, so that there is nothing else
 * when it is committed. Until then there may be other writers beside it.
 */
typedef enum xkv__mode {
    XKV__READ,     /* short: a few steps */
    XKV__SNAPSHOT, /* long: must not keep writers waiting */
    XKV__INSPECT,  /* no writes to the data, but no writer beside it */
    XKV__REBUILD,  /* as INSPECT; begin makes anew what the backend derives from
                    * its data (an index of keys), commit puts it in place */
    XKV__WRITE,
    XKV__BATCH,
    XKV__STEPS,
    XKV__APPEND,
    XKV__REPLACE
} xkv__mode;

/* What get and put are about: the data or, beside it, values that the engine
 * keeps for itself. Those are never listed, counted or cleared; last as long as
 * the data; and when they have been put and committed, they are on the disk, if
 * there is one, whatever the durability. Their keys are texts of less than
 * XKV__META_KEY_MAX bytes. Not in a SNAPSHOT. */
typedef enum xkv__space { XKV__DATA, XKV__META } xkv__space;

enum { XKV__META_KEY_MAX = 32 };

typedef struct xkv__backend xkv__backend;
typedef struct xkv__txn xkv__txn;
typedef union xkv__txn_room xkv__txn_room;

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
    uint64_t count;       /* of keys, as the data has them */
    uint64_t index_count; /* as the index has them, if there is one */
    int64_t size;         /* of the file, in bytes, if there is one */
    xkv_activity activity;
} xkv__facts;

typedef struct xkv__backend_ops {
    const char *name;

    void (*close)(xkv__backend *backend);

    /* Begins a transaction, which is room->txn, or returns an error. The room
     * stays where it is until end. */
    int (*begin)(xkv__backend *backend, xkv__mode mode, xkv__txn_room *room);

    /* Makes the changes stand, and keeps other writers away still. An error means
     * that nothing was changed, unless txn->committed is set: then it stands, but
     * may be gone when the store is opened again. Nothing but end may follow. */
    int (*commit)(xkv__txn *txn);
    /* What was not committed is undone, and the next writer let in. */
    void (*end)(xkv__txn *txn);

    /* XKV_E_KEY_NOT_FOUND if there is none. value may be NULL. */
    int (*get)(xkv__txn *txn, xkv__space space, xkv_bytes key, xkv_bytes *value);
    int (*put)(xkv__txn *txn, xkv__space space, xkv_bytes key, xkv_bytes value);
    /* XKV_E_KEY_NOT_FOUND if there is none; changes nothing then. */
    int (*del)(xkv__txn *txn, xkv_bytes key);
    int (*clear)(xkv__txn *txn);

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

    int (*measure)(xkv__txn *txn, xkv__facts *facts);
} xkv__backend_ops;

typedef struct xkv__claims xkv__claims;       /* see claims.h */
typedef struct xkv__waiting xkv__waiting;     /* see waiting.h */
typedef struct xkv__positions xkv__positions; /* see positions.h */

/* Every backend's own struct starts with this. */
struct xkv__backend {
    const xkv__backend_ops *ops;
    bool writes_wait;         /* for the disk: they are for a thread that does nothing else */
    bool aside;               /* REPLACE keeps no writer away until it is committed */
    bool indexed;             /* REBUILD has an index to make, from all keys */
    _Atomic uint64_t commits; /* that changed the data */
    int found; /* xkv_serialization of what is there already; XKV_JSON if nothing is */
    /* These are set by who opens it; all but the first are nothing to the backend. */
    const xkv_options *options;
    xkv__claims *claims;
    xkv__waiting *waiting;
    xkv__positions *positions;
};

/* And every transaction with this. */
struct xkv__txn {
    xkv__backend *backend;
    xkv__mode mode;
    bool undoes;     /* commit can fail, or end has to undo: changes must be kept apart */
    bool broken;     /* a write failed half way: only end is left */
    bool committed;  /* what was changed stands */
    uint64_t now_ms; /* see xkv__now; 0: not asked for yet */
};

static inline bool xkv__writes(xkv__mode mode) {
    return mode >= XKV__WRITE;
}

/* Room for a transaction of any backend. What a backend does not set in it has
 * no value: to clear it would take longer than many a command. */
enum { XKV__TXN_SIZE = 3584 };

union xkv__txn_room {
    xkv__txn txn;
    max_align_t align;
    unsigned char bytes[XKV__TXN_SIZE];
};

/*
 * What begin, the calls and commit may return besides the codes of
 * XKV_ERROR_MAP: end, and begin again. (The map of a file had to grow, or what
 * was read is of two moments.) A backend sees to it that this does not go on
 * for ever. It is between the engine and its backends: xkv__run and
 * xkv__run_group begin again, and no reply ever has it.
 */
enum { XKV__RETRY = -1 };

#endif
