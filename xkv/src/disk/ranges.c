/*
 * ranges.c - how many keys start with a prefix, and which is the n-th of them
 *
 * The index knows. Without one a range is counted by a walk over its keys, which
 * notes landmarks, so that a key of a given rank is a short walk from one.
 */
#include "base/text.h"
#include "disk/guard.h"
#include "disk/lmdb.h"

/* The two without a guard, for the loops here, which have one. */
static int seek(xkv__txn *txn, xkv_bytes key, xkv_bytes *found, xkv_bytes *value) {
    xkv__lmdb_txn *own = xkv__own(txn);
    return xkv__record_seek(&own->cursor, own->mdb, &xkv__lmdb_of(txn)->records, key, found, value);
}

static int next(xkv__txn *txn, xkv_bytes *found, xkv_bytes *value) {
    xkv__lmdb_txn *own = xkv__own(txn);
    return xkv__record_next(&own->cursor, own->mdb, &xkv__lmdb_of(txn)->records, found, value);
}

/* Takes the next landmark. When there is no room, every other one goes. */
static void add_landmark(xkv__landmarks *marks, xkv_bytes key) {
    if (key.len > XKV__CHUNK) { /* it is about to change in the cursor's buffer */
        marks->count = 0;
        marks->stride = 0; /* take no more */
        return;
    }
    if (marks->count == XKV__LANDMARKS) {
        marks->count /= 2;
        marks->stride *= 2;
        for (unsigned i = 0; i < marks->count; i++)
            marks->key[i] = marks->key[2 * i];
    }
    marks->key[marks->count++] = key;
}

/* Counts the keys of a range by walking over them, and notes landmarks. */
static int scan_range(xkv__txn *txn, xkv__range *range) {
    xkv__landmarks *marks = &xkv__own(txn)->landmarks;
    xkv_bytes key;
    int code = seek(txn, range->prefix, &key, NULL);

    marks->count = 0;
    marks->stride = 1;
    while (code == MDB_SUCCESS && xkv__has_prefix(key, range->prefix)) {
        if ((range->count & (marks->stride - 1)) == 0)
            add_landmark(marks, key);
        range->count++;
        code = next(txn, &key, NULL);
    }
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

static int guarded_scan(xkv__txn *txn, xkv__range *range) {
    int code;

    XKV__GUARD(code, scan_range(txn, range));
    return xkv__fail_read(xkv__lmdb_of(txn), code);
}

int xkv__lmdb_range(xkv__txn *txn, xkv_bytes prefix, xkv__range *range) {
    xkv__lmdb *lmdb = xkv__lmdb_of(txn);
    const xkv__tree *index = xkv__index_of(txn);

    *range = (xkv__range){.prefix = prefix, .ranked = index != NULL};
    if (index) {
        range->count = xkv__tree_count(index, prefix, &range->first);
        return XKV_OK;
    }
    int error = xkv__need_snapshot(txn);
    if (error != XKV_OK)
        return error;
    xkv__own(txn)->landmarks.count = 0;
    return prefix.len == 0 ? xkv__fail_read(lmdb, xkv__guarded_count(xkv__own(txn)->mdb,
                                                                     &lmdb->records, &range->count))
                           : guarded_scan(txn, range);
}

/* The key that is n behind the one that is sought. */
static int skip(xkv__txn *txn, xkv_bytes from, uint64_t n, xkv_bytes *key) {
    int code = seek(txn, from, key, NULL);

    for (; code == MDB_SUCCESS && n > 0; n--)
        code = next(txn, key, NULL);
    return code;
}

static int guarded_skip(xkv__txn *txn, xkv_bytes from, uint64_t n, xkv_bytes *key) {
    int code;

    XKV__GUARD(code, skip(txn, from, n, key));
    return code;
}

int xkv__lmdb_select(xkv__txn *txn, const xkv__range *range, uint64_t n, xkv_bytes *key) {
    const xkv__tree *index = xkv__index_of(txn);

    if (index) {
        const xkv__entry *entry = xkv__tree_select(index, range->first + n);
        if (!entry)
            return XKV_E_KEY_NOT_FOUND;
        *key = xkv__entry_key(entry);
        return XKV_OK;
    }
    const xkv__landmarks *marks = &xkv__own(txn)->landmarks;
    xkv_bytes from = range->prefix;
    if (marks->count > 0) {
        from = marks->key[n / marks->stride];
        n %= marks->stride;
    }
    int error = xkv__need_snapshot(txn);
    return error == XKV_OK ? xkv__fail_read(xkv__lmdb_of(txn), guarded_skip(txn, from, n, key))
                           : error;
}

uint64_t xkv__lmdb_rank(xkv__txn *txn, xkv_bytes key) {
    const xkv__tree *index = xkv__index_of(txn);
    return index ? xkv__tree_rank(index, key) : 0;
}
