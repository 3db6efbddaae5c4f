/*
 * index.c - the keys in memory
 *
 * With trackKeys the keys also stand in a counted B-tree. A write transaction
 * changes a clone of it, and commit puts the clone in its place after LMDB's
 * commit, so the index changes all or nothing, too; index_txn says which commit
 * it agrees with. In a read-only process the index is that of one moment, and
 * useless once the writer has committed since.
 *
 * What a transaction sees is of one moment, the index and the file alike. Who
 * writes, or keeps writers away, sees the last commit, and its own changes. A
 * SNAPSHOT begins with both. A READ mostly uses one of the two, so it begins
 * with neither, and the one that it uses first decides. If that is the file: it
 * waits for the index to be as far, so that nobody who has seen a key can then
 * miss it in the index; and if it then finds the index further, it scans the
 * file. If it is the index: its lock keeps the index as it is, and if the file
 * has gone on when that is needed, too, the transaction begins again
 * (XKV__RETRY). For the writer to go on it would wait in vain, since the writer
 * waits for that lock. This takes a commit between two calls of a short
 * transaction each time, so it does not go on for ever.
 */
#include "base/text.h"
#include "disk/guard.h"
#include "disk/lmdb.h"

/* -- What is read -------------------------------------------------------------- */

/* When nobody knows any more what has been written, it has to do. */
bool xkv__index_agrees(const xkv__lmdb *lmdb, const xkv__lmdb_txn *own) {
    return mdb_txn_id(own->mdb) == atomic_load(&lmdb->index_txn) || atomic_load(&lmdb->dead);
}

/* Long reads go on with a clone, so that no writer waits for the lock. Whether
 * the index is that of the file's moment. */
static bool clone_index(xkv__lmdb *lmdb, xkv__lmdb_txn *own) {
    xkv__read_lock(&lmdb->index_lock);
    own->index_cloned = xkv__index_agrees(lmdb, own);
    if (own->index_cloned)
        own->index_clone = xkv__tree_clone(&lmdb->index);
    xkv__read_unlock(&lmdb->index_lock);
    return own->index_cloned;
}

int xkv__begin_snapshot(xkv__txn *txn) {
    xkv__lmdb *lmdb = xkv__lmdb_of(txn);
    xkv__lmdb_txn *own = xkv__own(txn);

    for (;;) {
        int error = xkv__need_snapshot(txn);
        if (error != XKV_OK || !lmdb->tracked)
            return error;
        if (clone_index(lmdb, own) || lmdb->read_only)
            return XKV_OK;
        xkv__close_snapshot(lmdb, own); /* the next commit is in the index already */
    }
}

/* The map's lock comes before the index's where another process writes, since
 * the map may have to be enlarged. */
static const xkv__tree *lock_index(xkv__txn *txn) {
    xkv__lmdb *lmdb = xkv__lmdb_of(txn);
    xkv__lmdb_txn *own = xkv__own(txn);

    if (lmdb->read_only && xkv__need_snapshot(txn) != XKV_OK)
        return NULL;
    if (!own->index_locked) {
        xkv__read_lock(&lmdb->index_lock);
        own->index_locked = true;
        own->index_ahead = own->mdb && !xkv__index_agrees(lmdb, own);
    }
    return own->index_ahead ? NULL : &lmdb->index;
}

const xkv__tree *xkv__index_of(xkv__txn *txn) {
    xkv__lmdb *lmdb = xkv__lmdb_of(txn);
    xkv__lmdb_txn *own = xkv__own(txn);

    if (!lmdb->tracked)
        return NULL;
    if (own->index_changed)
        return &own->changed_index;
    if (xkv__is_alone(txn) && !lmdb->read_only)
        return &lmdb->index; /* nobody else changes it */
    if (txn->mode == XKV__SNAPSHOT)
        return own->index_cloned ? &own->index_clone : NULL;
    return lock_index(txn);
}

/* -- What is changed ------------------------------------------------------------ */

xkv__tree *xkv__index_to_change(xkv__txn *txn) {
    xkv__lmdb_txn *own = xkv__own(txn);

    if (!own->index_changed) {
        own->changed_index = xkv__tree_clone(&xkv__lmdb_of(txn)->index);
        own->index_changed = true;
    }
    return &own->changed_index;
}

int xkv__index_put(xkv__txn *txn, xkv_bytes key) {
    if (!xkv__lmdb_of(txn)->tracked || xkv__tree_get(xkv__index_of(txn), key))
        return XKV_OK;
    xkv__entry *entry = xkv__entry_new(key, (xkv_bytes){NULL, 0});
    int error = entry ? xkv__tree_put(xkv__index_to_change(txn), entry) : XKV_E_STORE_FULL;
    if (error != XKV_OK)
        xkv__entry_release(entry);
    return error;
}

int xkv__index_del(xkv__txn *txn, xkv_bytes key) {
    if (!xkv__lmdb_of(txn)->tracked)
        return XKV_OK;
    int error = xkv__tree_delete(xkv__index_to_change(txn), key);
    return error == XKV_E_KEY_NOT_FOUND ? XKV_OK : error;
}

int xkv__index_build(xkv__lmdb *lmdb, MDB_txn *mdb, xkv__tree *out) {
    xkv__record_cursor cursor = {.data = NULL};
    xkv__tree tree = XKV__TREE_EMPTY;
    xkv_bytes key, last = {NULL, 0};
    int error = XKV_OK;
    int code = xkv__guarded_seek(&cursor, mdb, &lmdb->records, last, &key, NULL);

    while (code == MDB_SUCCESS && error == XKV_OK) {
        if (xkv__compare(last, key) >= 0) {
            code = MDB_CORRUPTED;
            break;
        }
        xkv__entry *entry = xkv__entry_new(key, (xkv_bytes){NULL, 0});
        error = entry ? xkv__tree_append(&tree, entry) : XKV_E_STORE_FULL;
        if (error != XKV_OK) {
            xkv__entry_release(entry);
            break;
        }
        last = xkv__entry_key(entry);
        code = xkv__guarded_next(&cursor, mdb, &lmdb->records, &key, NULL);
    }
    xkv__record_cursor_close(&cursor);
    if (error == XKV_OK && code != MDB_NOTFOUND)
        error = xkv__fail_read(lmdb, code);
    if (error != XKV_OK)
        xkv__tree_release(&tree);
    *out = tree;
    return error;
}

void xkv__index_publish(xkv__lmdb *lmdb, xkv__lmdb_txn *own, uint64_t txn_id) {
    if (own->index_changed) {
        xkv__tree old = lmdb->index;
        xkv__write_lock(&lmdb->index_lock);
        lmdb->index = own->changed_index;
        atomic_store(&lmdb->index_txn, txn_id);
        xkv__write_unlock(&lmdb->index_lock);
        own->index_changed = false;
        xkv__tree_release(&old);
    }
    atomic_store(&lmdb->index_txn, txn_id);
}
