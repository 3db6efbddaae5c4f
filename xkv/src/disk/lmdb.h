/*
 * lmdb.h - the disk backend: an LMDB file and a key index in memory
 *
 * Between the files that make it up. LMDB's codes and those of records.h are
 * called code, our own error.
 */
#ifndef XKV_DISK_LMDB_H
#define XKV_DISK_LMDB_H

#include "base/rwlock.h"
#include "disk/file.h"
#include "disk/records.h"
#include "local/backend.h"
#include "tree/btree.h"

/* Opens the backend; it takes over the file, whatever it returns. */
int xkv__lmdb_open(const xkv_options *options, xkv__file *file, xkv__backend **backend);

/* See xkv__file_label. */
void xkv__lmdb_label(const xkv__backend *backend);

enum { XKV__READERS_MAX = 510 }; /* slots in LMDB's table, over all processes */

typedef struct xkv__lmdb {
    xkv__backend base;
    xkv__file *file;
    MDB_env *env;
    xkv__records records;
    bool read_only;
    bool mapped;    /* LMDB has opened the file */
    bool opened;    /* entirely */
    bool syncs_all; /* a commit waits for the disk to have all that it wrote */

    xkv__rwlock map_lock;
    size_t map_size;
    uint64_t size_before;        /* of the file, when it was opened */
    bool map_full;               /* under write_mutex: grow before the next transaction */
    uint64_t readers_checked_ms; /* under write_mutex: when dead ones were last looked for, */
    uint64_t readers_checked_at; /* and how many pages there were */
    uint64_t pages;              /* under write_mutex: what the file has by the last commit */

    xkv__mutex write_mutex;      /* one write transaction at a time */
    _Atomic uint64_t committing; /* the LMDB transaction whose commit began last */
    _Atomic bool dead;           /* a write's outcome is unknown */
    _Atomic bool lost;           /* a write ended half way: LMDB cannot write or close any more */
    _Atomic bool unmapped;       /* the map was lost, and LMDB must not be touched */

    _Atomic(MDB_txn *) idle_reader[XKV__LOCK_SLOTS];

    bool tracked;
    xkv__rwlock index_lock;
    xkv__tree index;            /* changed under both index_lock and write_mutex */
    _Atomic uint64_t index_txn; /* the LMDB transaction that it agrees with */
} xkv__lmdb;

/*
 * Every stride-th key of the range that was scanned last, so that one of them
 * is found without a walk from its beginning. They are noted where they lie in
 * the map, so only keys that lie there in one piece will do.
 */
enum { XKV__LANDMARKS = 128 };

typedef struct xkv__landmarks {
    unsigned count;
    uint64_t stride; /* a power of two, or 0: there are none */
    xkv_bytes key[XKV__LANDMARKS];
} xkv__landmarks;

typedef struct xkv__lmdb_txn {
    xkv__txn base;
    MDB_txn *mdb; /* NULL: not begun yet */
    xkv__record_cursor cursor;
    xkv__landmarks landmarks;
    bool map_locked, index_locked;
    bool index_ahead;        /* of the file that is read, or behind: it is left aside */
    xkv__tree index_clone;   /* what a snapshot reads */
    bool index_cloned;       /* there is one */
    xkv__tree changed_index; /* a writer's clone */
    bool index_changed;      /* there is one */
    bool meta_put;           /* must be on the disk, whatever the durability */
} xkv__lmdb_txn;

_Static_assert(sizeof(xkv__lmdb_txn) <= sizeof(xkv__txn_room), "it needs more room");

static inline xkv__lmdb *xkv__lmdb_of(const xkv__txn *txn) {
    return (xkv__lmdb *)txn->backend;
}

static inline xkv__lmdb_txn *xkv__own(xkv__txn *txn) {
    return (xkv__lmdb_txn *)txn;
}

/* Whether it keeps those away that write. */
static inline bool xkv__is_alone(const xkv__txn *txn) {
    return txn->mode >= XKV__INSPECT;
}

/* -- failures.c: our errors, with a reason ----------------------------------- */

/* For a code of LMDB's or of records.h; other is the error for what is neither a key
 * that is not there, nor damage, nor a want of room. XKV__RETRY: the map is full. */
int xkv__fail_lmdb(xkv__lmdb *lmdb, int code, int other);
int xkv__fail_read(xkv__lmdb *lmdb, int code); /* other: XKV_E_DISK_STORE_READ */

/* The same, of a key's record; a key without bytes is not known. */
int xkv__fail_record(xkv__lmdb *lmdb, int code, xkv_bytes key);

/* For codes of put, del and clear: whatever went wrong, part of it may be done. */
int xkv__fail_write(xkv__txn *txn, int code);

/* For a code that is the system's, and means that cause. */
int xkv__fail_below(xkv__lmdb *lmdb, xkv__cause cause, int code, int other);

int xkv__fail_full(const xkv__lmdb *lmdb, const char *what);

/* A page that LMDB believed when the store was opened is another one now. */
int xkv__fail_changed(const xkv__lmdb *lmdb);
int xkv__fail_dead(const xkv__lmdb *lmdb);     /* it takes no writes any more */
int xkv__fail_unmapped(const xkv__lmdb *lmdb); /* nor reads */

/* What a writer had begun stays as it is, for ever: see guard.h. */
void xkv__lmdb_lose(xkv__lmdb *lmdb);

/* -- readers.c --------------------------------------------------------------- */

/* Doubles the map, if there are addresses. With write_mutex, and no transaction. */
int xkv__grow_map(xkv__lmdb *lmdb);

/* A transaction of LMDB's for opening the store, beside other processes. */
int xkv__begin_opening(xkv__lmdb *lmdb, unsigned flags, MDB_txn **txn);

/* Begins to read the file unless that was done. XKV__RETRY: it is not of the moment of
 * the index that was read. */
int xkv__need_snapshot(xkv__txn *txn);
void xkv__close_snapshot(xkv__lmdb *lmdb, xkv__lmdb_txn *own);

/* With nobody who reads. */
void xkv__drop_idle_readers(xkv__lmdb *lmdb);

/* Looks for readers that were killed, if it is time. With write_mutex. */
void xkv__forget_dead_readers(xkv__lmdb *lmdb);

/* -- index.c ----------------------------------------------------------------- */

/* Whether the index is of the moment that is read. */
bool xkv__index_agrees(const xkv__lmdb *lmdb, const xkv__lmdb_txn *own);

/* Begins to read the file and the index of one moment. */
int xkv__begin_snapshot(xkv__txn *txn);

/* The index for this transaction to read; NULL if the file must be scanned. */
const xkv__tree *xkv__index_of(xkv__txn *txn);

/* The clone of the index that this transaction changes; and its changes. A key that is
 * there already may be put, and one that is not may be deleted. */
xkv__tree *xkv__index_to_change(xkv__txn *txn);
int xkv__index_put(xkv__txn *txn, xkv_bytes key);
int xkv__index_del(xkv__txn *txn, xkv_bytes key);

/* Builds an index of all keys that a transaction sees. */
int xkv__index_build(xkv__lmdb *lmdb, MDB_txn *mdb, xkv__tree *out);

/* Puts a changed index, if there is one, in the place of the old one: that of a
 * transaction of LMDB's. */
void xkv__index_publish(xkv__lmdb *lmdb, xkv__lmdb_txn *own, uint64_t txn_id);

/* -- open.c: the format, and who reads without LMDB ---------------------------- */

/* Reads the record "format" of meta: the version, and the serialization, -1 for one that is not
 * known. False if it is no such record. */
bool xkv__format_read(xkv_bytes value, int *version, int *serialization);
bool xkv__format_is_known(int version);
int xkv__format_refuse(const xkv__file *file, int version);

/*
 * Keeps the pages of the newest commit from being used again by a writer in another process,
 * as a read-only store does, for somebody who reads them without LMDB. The file's
 * first pages have been checked (xkv__file_check), as nothing else is. Begin with all zero, and
 * unpin whatever it returns.
 */
typedef struct xkv__pin {
    xkv__lmdb *lmdb;
    MDB_txn *txn;
    uint64_t txn_id; /* whose pages are kept */
} xkv__pin;

int xkv__lmdb_pin(const xkv_options *options, xkv__file *file, xkv__pin *pin);
int xkv__lmdb_pin_newest(xkv__pin *pin); /* those of the commit that is newest by now */
void xkv__lmdb_unpin(xkv__pin *pin);

/* Gives the store a new random id, which tells it from others. An LMDB code. (open.c) */
int xkv__lmdb_put_id(xkv__lmdb *lmdb, MDB_txn *txn);

/* -- ranges.c, open.c, lmdb.c: of xkv__backend_ops --------------------------- */

int xkv__lmdb_range(xkv__txn *txn, xkv_bytes prefix, xkv__range *range);
int xkv__lmdb_select(xkv__txn *txn, const xkv__range *range, uint64_t n, xkv_bytes *key);
uint64_t xkv__lmdb_rank(xkv__txn *txn, xkv_bytes key);
void xkv__lmdb_close(xkv__backend *backend);
extern const xkv__backend_ops xkv__lmdb_ops;

#endif
