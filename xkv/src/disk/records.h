/*
 * records.h - keys and values as records of an LMDB file
 *
 * Two things that LMDB does not do: keys longer than 511 bytes, in byte order
 * with all others, and checksums. See records.c for the layout.
 *
 * All functions return an LMDB code: MDB_SUCCESS, MDB_NOTFOUND, …; XKV__DAMAGED
 * for a record whose checksum is wrong, XKV__NEWER for one that has what only a
 * newer version knows; XKV__NO_ROOM when memory is short. Bytes that they return stay
 * valid until the next write in the transaction or its end.
 */
#ifndef XKV_DISK_RECORDS_H
#define XKV_DISK_RECORDS_H

#include "base/config.h"

#include "disk/lmdb_api.h"

/* Outside the ranges of errno and of LMDB's codes. */
enum { XKV__DAMAGED = -29999, XKV__NEWER = -29998, XKV__NO_ROOM = -29996 };

/* The named databases of a store. */
typedef struct xkv__records {
    MDB_dbi data; /* keys of up to XKV__CHUNK bytes, and the first chunks of longer ones */
    MDB_dbi deep; /* their further chunks */
    MDB_dbi meta; /* what describes the store */
} xkv__records;

enum {
    XKV__CHUNK = 496, /* bytes of a key on one level */
    XKV__DEPTH = XKV_KEY_MAX / XKV__CHUNK + 2
};

enum {
    XKV__LEVEL_SIZE = 8, /* bytes of a level's number, which stands before its keys in deep */
    XKV__LINK_MARK = 1   /* the last byte of a link's key, behind a chunk */
};

/* The value of a record that was read by other means: MDB_SUCCESS, XKV__DAMAGED or
 * XKV__NEWER. key is the whole key, or what LMDB has where records.c says so. value may be
 * NULL: then nothing is looked at. */
int xkv__record_unpack(xkv_bytes key, xkv_bytes record, xkv_bytes *value);

/* value may be NULL: then only whether the key is there counts. */
int xkv__record_get(MDB_txn *txn, const xkv__records *in, xkv_bytes key, xkv_bytes *value);
int xkv__record_put(MDB_txn *txn, const xkv__records *in, xkv_bytes key, xkv_bytes value);
int xkv__record_del(MDB_txn *txn, const xkv__records *in, xkv_bytes key);
int xkv__record_clear(MDB_txn *txn, const xkv__records *in);
int xkv__record_count(MDB_txn *txn, const xkv__records *in, uint64_t *count);

/* What describes the store, by name. */
int xkv__meta_get(MDB_txn *txn, const xkv__records *in, const char *name, xkv_bytes *value);
int xkv__meta_put(MDB_txn *txn, const xkv__records *in, const char *name, xkv_bytes value);

/* Checks all that describes the store. A name that has changed is noticed by the
 * checksum of what it names; asked for by itself, it would only not be there. */
int xkv__meta_check(MDB_txn *txn, const xkv__records *in);

/* A walk over the records in key order. Start with all zero; close it before
 * its transaction ends. Writes make its position invalid until the next seek. */
typedef struct xkv__record_cursor {
    MDB_cursor *data, *deep;
    unsigned depth;             /* of the level it is on */
    uint64_t level[XKV__DEPTH]; /* the levels it came down, [0] is data */
    unsigned char *key;         /* the key so far, when deep; XKV_KEY_MAX bytes */
} xkv__record_cursor;

/* Moves to the first key that is not less than from. value may be NULL. */
int xkv__record_seek(xkv__record_cursor *cursor, MDB_txn *txn, const xkv__records *in,
                     xkv_bytes from, xkv_bytes *key, xkv_bytes *value);
int xkv__record_next(xkv__record_cursor *cursor, MDB_txn *txn, const xkv__records *in,
                     xkv_bytes *key, xkv_bytes *value);
/* As xkv__record_put, in a transaction that only does this with the cursor, for a key that
 * mostly comes after all others: then it is quicker. */
int xkv__record_append(xkv__record_cursor *cursor, MDB_txn *txn, const xkv__records *in,
                       xkv_bytes key, xkv_bytes value);
void xkv__record_cursor_close(xkv__record_cursor *cursor);

#endif
