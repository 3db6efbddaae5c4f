/*
 * lmdb.c - transactions on an LMDB file, and what can be done in them
 *
 * LMDB gives ordered keys, any number of readers that never wait, and commits
 * that are all or nothing. The disk backend adds what it leaves to its users: how
 * the file is opened (open.c), mapped and read (readers.c), an index of the keys
 * (index.c, ranges.c), and what becomes of failures.
 *
 * Failed writes. Running out of space makes LMDB's commit fail and undo
 * itself. After other failures of the disk nobody knows what has been written:
 * the store refuses writes from then on (if it was the meta page, LMDB refuses
 * reads, too), and is sound again when reopened. After an assertion of LMDB's in
 * a write (guard.h) that is for another process to do: this one keeps what it
 * has open, and locked.
 */
#include "disk/lmdb.h"
#include "base/error.h"
#include "disk/guard.h"

#include <stdio.h>

/* -- Transactions ------------------------------------------------------------ */

static int begin_write(xkv__lmdb *lmdb, xkv__lmdb_txn *own) {
    xkv__mutex_lock(&lmdb->write_mutex);
    int error = XKV_OK;
    if (atomic_load(&lmdb->dead))
        error = xkv__fail_dead(lmdb);
    else
        xkv__forget_dead_readers(lmdb);
    if (error == XKV_OK && lmdb->map_full)
        error = xkv__grow_map(lmdb);
    if (error == XKV_OK && atomic_load(&lmdb->unmapped))
        error = xkv__fail_unmapped(lmdb);
    if (error == XKV_OK)
        error = xkv__fail_lmdb(lmdb, mdb_txn_begin(lmdb->env, NULL, 0, &own->mdb),
                               XKV_E_DISK_STORE_WRITE);
    if (error != XKV_OK)
        xkv__mutex_unlock(&lmdb->write_mutex);
    return error;
}

/* Lets go of everything but a writer's LMDB transaction. */
static void release(xkv__txn *txn) {
    xkv__lmdb *lmdb = xkv__lmdb_of(txn);
    xkv__lmdb_txn *own = xkv__own(txn);

    if (own->map_locked) /* reads the file */
        xkv__close_snapshot(lmdb, own);
    if (own->index_locked)
        xkv__read_unlock(&lmdb->index_lock);
    if (own->index_changed)
        xkv__tree_release(&own->changed_index);
    if (own->index_cloned)
        xkv__tree_release(&own->index_clone);
    own->mdb = NULL;
    if (xkv__is_alone(txn))
        xkv__mutex_unlock(&lmdb->write_mutex);
}

static int fail_rebuild(int error) {
    char why[XKV_MESSAGE_SIZE]; /* a copy: the reason is about to be replaced */

    if (error == XKV_OK || error == XKV_E_STORE_FULL)
        return error;
    snprintf(why, sizeof why, "%s", xkv__reason(error));
    return xkv__fail(XKV_E_KEY_LIST_REBUILD, "the key index could not be rebuilt: %s", why);
}

/* Leaves a new index to commit. */
static int rebuild(xkv__txn *txn) {
    xkv__lmdb *lmdb = xkv__lmdb_of(txn);
    xkv__lmdb_txn *own = xkv__own(txn);

    if (!lmdb->tracked)
        return XKV_OK;
    int error = xkv__need_snapshot(txn);
    if (error == XKV_OK)
        error = xkv__index_build(lmdb, own->mdb, &own->changed_index);
    own->index_changed = error == XKV_OK;
    return fail_rebuild(error);
}

/* Field by field: most of it is room for cursors and landmarks. */
static void clear_txn(xkv__lmdb_txn *own, xkv__backend *backend, xkv__mode mode) {
    own->base = (xkv__txn){.backend = backend, .mode = mode, .undoes = xkv__writes(mode)};
    own->mdb = NULL;
    own->cursor.data = own->cursor.deep = NULL;
    own->cursor.key = NULL;
    own->cursor.depth = 0;
    own->landmarks.count = 0;
    own->map_locked = own->index_locked = own->index_ahead = false;
    own->index_cloned = own->index_changed = own->meta_put = false;
}

static int lmdb_clear(xkv__txn *txn);
static void lmdb_end(xkv__txn *txn);

/* Whatever was there is gone, and it is another store now. */
static int begin_replacing(xkv__lmdb *lmdb, xkv__txn *txn) {
    int error = begin_write(lmdb, xkv__own(txn)), code;

    if (error != XKV_OK)
        return error;
    error = lmdb_clear(txn);
    if (error == XKV_OK) {
        XKV__GUARD(code, xkv__lmdb_put_id(lmdb, xkv__own(txn)->mdb));
        error = xkv__fail_write(txn, code);
    }
    if (error != XKV_OK)
        lmdb_end(txn);
    return error;
}

static int lmdb_begin(xkv__backend *backend, xkv__mode mode, xkv__txn_room *room) {
    xkv__lmdb *lmdb = (xkv__lmdb *)backend;
    xkv__lmdb_txn *own = xkv__own(&room->txn);
    int error = XKV_OK;

    clear_txn(own, backend, mode);
    if (mode == XKV__REPLACE)
        return begin_replacing(lmdb, &own->base);
    if (xkv__writes(mode))
        return begin_write(lmdb, own);
    if (xkv__is_alone(&own->base))
        xkv__mutex_lock(&lmdb->write_mutex);
    if (mode == XKV__SNAPSHOT)
        error = xkv__begin_snapshot(&own->base);
    if (mode == XKV__REBUILD)
        error = rebuild(&own->base);
    if (error != XKV_OK)
        release(&own->base);
    return error;
}

/* Whether LMDB refuses everything from now on: it could not write its meta page. */
static bool has_given_up(xkv__lmdb *lmdb) {
    MDB_txn *txn;
    int code = mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &txn);

    if (code == MDB_SUCCESS)
        mdb_txn_abort(txn);
    return code == MDB_PANIC;
}

/* What the engine keeps beside the data must not be lost whatever happens, so it
 * is synced even where other writes are not. (So that tokens of claims do not come
 * again.) The commit is done, and stays: if this fails, nobody knows what the
 * disk has of it. */
static int sync_meta(xkv__lmdb *lmdb) {
    int code = mdb_env_sync(lmdb->env, 1);

    if (code == MDB_SUCCESS)
        return XKV_OK;
    atomic_store(&lmdb->dead, true);
    return xkv__fail(XKV_E_DISK_STORE_WRITE,
                     "\"%s\": the tokens of claims could not be synced: %s; check the disk and "
                     "reopen the store",
                     lmdb->file->path, mdb_strerror(code));
}

/* A write that a limit cut short is an input/output error to LMDB, whose commit
 * has undone itself; and so is a disk that fails. The next write tells. */
static int fail_short_write(xkv__lmdb *lmdb, int code) {
    xkv__fault fault = xkv__file_growth(lmdb->file);

    return xkv__fail_below(lmdb, xkv__means_full(fault) ? fault.cause : XKV__IO, code,
                           XKV_E_DISK_STORE_WRITE);
}

/* What LMDB has synced, the disk has in its own cache only, on macOS. */
static int sync_further(xkv__lmdb *lmdb) {
    xkv__fault fault = {XKV__FINE, 0};

    if (xkv__sync_is_more && lmdb->syncs_all)
        fault = xkv__files.sync(lmdb->file->handle);
    if (fault.cause == XKV__FINE)
        return XKV_OK;
    atomic_store(&lmdb->dead, true);
    return xkv__fail_fault(XKV_E_DISK_STORE_WRITE, "cannot sync", lmdb->file->path, fault);
}

static int guarded_commit(MDB_txn *mdb) {
    int code;

    XKV__GUARD(code, mdb_txn_commit(mdb));
    return code;
}

static int commit_write(xkv__lmdb *lmdb, xkv__lmdb_txn *own) {
    uint64_t id = mdb_txn_id(own->mdb);
    atomic_store(&lmdb->committing, id); /* before readers may see any of it */
    int code = guarded_commit(own->mdb);

    own->mdb = NULL;
    if (code == XKV__ASSERTED) /* before anything of it counted */
        xkv__lmdb_lose(lmdb);
    if (code == MDB_SUCCESS) {
        own->base.committed = true;
        /* A transaction that changed nothing is not counted by LMDB. */
        MDB_envinfo info;
        mdb_env_info(lmdb->env, &info);
        lmdb->base.commits += info.me_last_txnid >= id;
        lmdb->pages = info.me_last_pgno;
        xkv__index_publish(lmdb, own, info.me_last_txnid < id ? info.me_last_txnid : id);
        return own->meta_put && !lmdb->syncs_all ? sync_meta(lmdb) : sync_further(lmdb);
    }
    if (code == MDB_BAD_TXN) /* a call met a damaged page */
        own->base.broken = true;
    if (code != XKV__ASSERTED && has_given_up(lmdb))
        code = MDB_PANIC;
    int error = xkv__fault_of(code).cause == XKV__IO
                    ? fail_short_write(lmdb, code)
                    : xkv__fail_lmdb(lmdb, code, XKV_E_DISK_STORE_WRITE);
    if (error == XKV_E_DISK_STORE_WRITE)
        atomic_store(&lmdb->dead, true);
    return error;
}

/* Not if the list of cursors that it is in leads to a stack that is gone. */
static void close_cursor(xkv__txn *txn) {
    xkv__lmdb_txn *own = xkv__own(txn);

    if (xkv__writes(txn->mode) && atomic_load(&xkv__lmdb_of(txn)->lost))
        own->cursor.data = own->cursor.deep = NULL;
    xkv__record_cursor_close(&own->cursor);
}

static int lmdb_commit(xkv__txn *txn) {
    xkv__lmdb_txn *own = xkv__own(txn);

    close_cursor(txn);
    if (xkv__writes(txn->mode))
        return commit_write(xkv__lmdb_of(txn), own);
    if (own->index_changed)
        xkv__index_publish(xkv__lmdb_of(txn), own, mdb_txn_id(own->mdb));
    txn->committed = true;
    return XKV_OK;
}

static void lmdb_end(xkv__txn *txn) {
    xkv__lmdb_txn *own = xkv__own(txn);

    close_cursor(txn);
    if (xkv__writes(txn->mode) && own->mdb && !atomic_load(&xkv__lmdb_of(txn)->lost))
        mdb_txn_abort(own->mdb);
    release(txn);
}

/* -- Calls ------------------------------------------------------------------- */

struct meta_name {
    char text[XKV__META_KEY_MAX];
};

static const char *name_of_meta(xkv_bytes key, struct meta_name *name) {
    snprintf(name->text, sizeof name->text, "%.*s", (int)key.len, (const char *)key.data);
    return name->text;
}

static int get_meta(xkv__txn *txn, xkv_bytes key, xkv_bytes *value) {
    struct meta_name name;
    xkv_bytes unused;
    int error = xkv__need_snapshot(txn), code;

    if (error != XKV_OK)
        return error;
    XKV__GUARD(code, xkv__meta_get(xkv__own(txn)->mdb, &xkv__lmdb_of(txn)->records,
                                   name_of_meta(key, &name), value ? value : &unused));
    return xkv__fail_read(xkv__lmdb_of(txn), code);
}

static int lmdb_get(xkv__txn *txn, xkv__space space, xkv_bytes key, xkv_bytes *value) {
    xkv__lmdb *lmdb = xkv__lmdb_of(txn);

    if (space == XKV__META)
        return get_meta(txn, key, value);
    const xkv__tree *index = value ? NULL : xkv__index_of(txn);
    if (index)
        return xkv__tree_get(index, key) ? XKV_OK : XKV_E_KEY_NOT_FOUND;
    int error = xkv__need_snapshot(txn);
    if (error != XKV_OK)
        return error;
    int code;
    XKV__GUARD(code, xkv__record_get(xkv__own(txn)->mdb, &lmdb->records, key, value));
    return xkv__fail_record(lmdb, code, key);
}

static int put_meta(xkv__txn *txn, xkv_bytes key, xkv_bytes value) {
    struct meta_name name;
    int code;

    xkv__own(txn)->meta_put = true;
    XKV__GUARD(code, xkv__meta_put(xkv__own(txn)->mdb, &xkv__lmdb_of(txn)->records,
                                   name_of_meta(key, &name), value));
    return xkv__fail_write(txn, code);
}

static int put_record(xkv__lmdb_txn *own, const xkv__records *records, xkv_bytes key,
                      xkv_bytes value) {
    if (own->base.mode >= XKV__APPEND)
        return xkv__record_append(&own->cursor, own->mdb, records, key, value);
    return xkv__record_put(own->mdb, records, key, value);
}

static int lmdb_put(xkv__txn *txn, xkv__space space, xkv_bytes key, xkv_bytes value) {
    xkv__lmdb *lmdb = xkv__lmdb_of(txn);

    if (space == XKV__META)
        return put_meta(txn, key, value);
    int error = xkv__index_put(txn, key), code;
    if (error != XKV_OK)
        return error;
    XKV__GUARD(code, put_record(xkv__own(txn), &lmdb->records, key, value));
    return xkv__fail_write(txn, code);
}

static int lmdb_del(xkv__txn *txn, xkv_bytes key) {
    xkv__lmdb *lmdb = xkv__lmdb_of(txn);
    int code;
    XKV__GUARD(code, xkv__record_del(xkv__own(txn)->mdb, &lmdb->records, key));
    int error = xkv__fail_write(txn, code);

    if (error == XKV_OK) {
        error = xkv__index_del(txn, key);
        txn->broken = error != XKV_OK;
    }
    return error;
}

static int lmdb_clear(xkv__txn *txn) {
    xkv__lmdb *lmdb = xkv__lmdb_of(txn);
    int code;
    XKV__GUARD(code, xkv__record_clear(xkv__own(txn)->mdb, &lmdb->records));
    int error = xkv__fail_write(txn, code);

    if (error == XKV_OK && lmdb->tracked)
        xkv__tree_release(xkv__index_to_change(txn));
    return error;
}

static int lmdb_seek(xkv__txn *txn, xkv_bytes key, xkv_bytes *found, xkv_bytes *value) {
    xkv__lmdb *lmdb = xkv__lmdb_of(txn);
    xkv__lmdb_txn *own = xkv__own(txn);
    int error = xkv__need_snapshot(txn);

    if (error != XKV_OK)
        return error;
    *found = (xkv_bytes){NULL, 0};
    int code = xkv__guarded_seek(&own->cursor, own->mdb, &lmdb->records, key, found, value);
    return xkv__fail_record(lmdb, code, *found);
}

static int lmdb_next(xkv__txn *txn, xkv_bytes *found, xkv_bytes *value) {
    xkv__lmdb *lmdb = xkv__lmdb_of(txn);
    xkv__lmdb_txn *own = xkv__own(txn);

    *found = (xkv_bytes){NULL, 0};
    int code = xkv__guarded_next(&own->cursor, own->mdb, &lmdb->records, found, value);
    return xkv__fail_record(lmdb, code, *found);
}

static int lmdb_measure(xkv__txn *txn, xkv__facts *facts) {
    xkv__lmdb *lmdb = xkv__lmdb_of(txn);
    const xkv__tree *index = xkv__index_of(txn);
    xkv__status status;
    int error = xkv__need_snapshot(txn);

    *facts = (xkv__facts){.index_count = index ? index->count : lmdb->index.count};
    if (error == XKV_OK)
        error = xkv__fail_read(
            lmdb, xkv__guarded_count(xkv__own(txn)->mdb, &lmdb->records, &facts->count));
    if (error == XKV_OK)
        error = xkv__file_examine(lmdb->file, XKV_E_DISK_STORE_READ, &status);
    facts->size = error == XKV_OK ? (int64_t)status.size : 0;
    if (error == XKV_OK) {
        facts->activity.commits = (int64_t)mdb_txn_id(xkv__own(txn)->mdb);
        facts->activity.writer = xkv__file_writer(lmdb->file);
    }
    return error;
}

const xkv__backend_ops xkv__lmdb_ops = {
    .name = "disk",
    .close = xkv__lmdb_close,
    .begin = lmdb_begin,
    .commit = lmdb_commit,
    .end = lmdb_end,
    .get = lmdb_get,
    .put = lmdb_put,
    .del = lmdb_del,
    .clear = lmdb_clear,
    .seek = lmdb_seek,
    .next = lmdb_next,
    .range = xkv__lmdb_range,
    .select = xkv__lmdb_select,
    .rank = xkv__lmdb_rank,
    .measure = lmdb_measure,
};
