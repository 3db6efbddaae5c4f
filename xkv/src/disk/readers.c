/*
 * readers.c - the map of the file, and those who read it
 *
 * The map. LMDB maps its file into a fixed range of addresses, which is as
 * large as can be (map.h). When it is full all the same, the transaction is
 * given up (XKV__RETRY) and the range is doubled before the next one. No
 * transaction may be open then, so each reader holds map_lock for reading, and
 * only for one command.
 *
 * Readers. Beginning a read transaction from nothing costs a lock and a slot
 * in a table. Finished ones are kept, one per slot of threads, and renewed.
 * A transaction is only begun when a command really touches the file: what the
 * index can answer never does.
 */
#include "base/error.h"
#include "disk/lmdb.h"
#include "disk/map.h"

enum { READERS_WAIT_MS = 5000, READERS_CHECK_MS = 250, READERS_CHECK_PAGES = 256 };

/* -- The map ----------------------------------------------------------------- */

/* Takes the store out of use if not even the old map is to be had again. */
static int map_anew(xkv__lmdb *lmdb, size_t size) {
    int code = mdb_env_set_mapsize(lmdb->env, size);

    if (code == MDB_SUCCESS) {
        lmdb->map_size = size;
        return XKV_OK;
    }
    if (mdb_env_set_mapsize(lmdb->env, lmdb->map_size) == MDB_SUCCESS)
        return xkv__fail_lmdb(lmdb, code, XKV_E_DISK_STORE_WRITE);
    atomic_store(&lmdb->unmapped, true);
    return xkv__fail_unmapped(lmdb);
}

/* Under map_lock, for writing. */
static int remap(xkv__lmdb *lmdb, size_t least, size_t wanted) {
    size_t limit = lmdb->read_only ? wanted : xkv__map_within_limit(wanted);
    char why[96];

    if (limit < wanted && limit <= lmdb->map_size)
        return xkv__fail_full(lmdb,
                              "the file may not grow beyond this process's limit (ulimit -f)");
    size_t size = xkv__map_larger(least < limit ? least : limit, limit);
    return size > 0 ? map_anew(lmdb, size) : xkv__fail_full(lmdb, xkv__map_scarcity(why));
}

int xkv__grow_map(xkv__lmdb *lmdb) {
    lmdb->map_full = false;
    xkv__write_lock(&lmdb->map_lock);
    size_t size = lmdb->map_size;
    int error = remap(lmdb, size + size / 8, xkv__map_next(size));
    xkv__write_unlock(&lmdb->map_lock);
    return error;
}

/* Another process has made the file larger than our map, which had size known
 * when that was seen: of many readers that see it, one enlarges it. */
static int adopt_size(xkv__lmdb *lmdb, size_t known) {
    xkv__status status;
    int error = xkv__file_examine(lmdb->file, XKV_E_DISK_STORE_READ, &status);

    if (error != XKV_OK)
        return error;
    xkv__write_lock(&lmdb->map_lock);
    size_t least = known + known / 8, size = known * 2;
    if (least < (size_t)status.size)
        least = (size_t)status.size;
    while (size < least)
        size *= 2;
    if (xkv__map_extends_file) /* it is as large as the map of who writes */
        least = size = (size_t)status.size;
    if (lmdb->map_size == known)
        error = remap(lmdb, least, size);
    xkv__write_unlock(&lmdb->map_lock);
    return error;
}

static int adopt_map(xkv__lmdb *lmdb, size_t known) {
    xkv__hold_size(lmdb->file->handle);
    int error = adopt_size(lmdb, known);
    xkv__let_size(lmdb->file->handle);
    return error;
}

/* -- Readers ----------------------------------------------------------------- */

/* Whether a reader has read its own commit's meta page. There are two, used in turn: if it
 * was held up between taking the number and reading the page, that may be the page of
 * the next commit but one, half written or not done. A commit beside it is none of these. */
static bool is_of_its_commit(const xkv__lmdb *lmdb, MDB_txn *txn) {
    MDB_envinfo info = {0};

    atomic_thread_fence(memory_order_acquire); /* the page was read before */
    if (lmdb->read_only)                       /* the writer is another process */
        mdb_env_info(lmdb->env, &info);
    else
        info.me_last_txnid = atomic_load(&lmdb->committing);
    return info.me_last_txnid <= mdb_txn_id(txn) + 1;
}

/* Takes the idle reader of this thread's slot, or makes one. */
static int reader_begin(xkv__lmdb *lmdb, MDB_txn **out) {
    MDB_txn *txn = atomic_exchange(&lmdb->idle_reader[xkv__thread_slot()], NULL);
    int code = txn ? mdb_txn_renew(txn) : mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &txn);

    while (code == MDB_SUCCESS && !is_of_its_commit(lmdb, txn)) {
        mdb_txn_reset(txn);
        code = mdb_txn_renew(txn);
    }
    if (code != MDB_SUCCESS && txn)
        mdb_txn_abort(txn);
    *out = txn;
    return code;
}

static void reader_end(xkv__lmdb *lmdb, MDB_txn *txn) {
    MDB_txn *none = NULL;

    mdb_txn_reset(txn);
    if (!atomic_compare_exchange_strong(&lmdb->idle_reader[xkv__thread_slot()], &none, txn))
        mdb_txn_abort(txn);
}

void xkv__drop_idle_readers(xkv__lmdb *lmdb) {
    for (unsigned i = 0; i < XKV__LOCK_SLOTS; i++) {
        MDB_txn *txn = atomic_exchange(&lmdb->idle_reader[i], NULL);
        if (txn)
            mdb_txn_abort(txn);
    }
}

/* The table of readers is full: those of killed processes and our idle ones can
 * go, and others are busy for one command only. */
static int make_reader_room(xkv__lmdb *lmdb, unsigned tries) {
    if (tries > READERS_WAIT_MS)
        return xkv__fail(
            XKV_E_DISK_STORE_READ,
            "\"%s\" has had more than %d readers at once, over all processes, for %d ms",
            lmdb->file->path, XKV__READERS_MAX, READERS_WAIT_MS);
    mdb_reader_check(lmdb->env, NULL);
    xkv__drop_idle_readers(lmdb);
    if (tries > 0)
        xkv__sleep_ms(1);
    return XKV_OK;
}

int xkv__begin_opening(xkv__lmdb *lmdb, unsigned flags, MDB_txn **txn) {
    for (unsigned tries = 0;; tries++) {
        int code = mdb_txn_begin(lmdb->env, NULL, flags, txn);
        if (code == MDB_SUCCESS && flags == MDB_RDONLY && !is_of_its_commit(lmdb, *txn)) {
            mdb_txn_abort(*txn);
            continue;
        }
        if (code != MDB_READERS_FULL && code != MDB_MAP_RESIZED)
            return xkv__fail_lmdb(lmdb, code, XKV_E_DISK_STORE_OPEN);
        int error = code == MDB_MAP_RESIZED ? adopt_map(lmdb, lmdb->map_size)
                                            : make_reader_room(lmdb, tries);
        if (error != XKV_OK)
            return error;
    }
}

/* Begins to read the file. */
static int open_snapshot(xkv__lmdb *lmdb, xkv__lmdb_txn *own) {
    for (unsigned tries = 0;; tries++) {
        xkv__read_lock(&lmdb->map_lock);
        if (atomic_load(&lmdb->unmapped)) {
            xkv__read_unlock(&lmdb->map_lock);
            return xkv__fail_unmapped(lmdb);
        }
        int code = reader_begin(lmdb, &own->mdb), error;
        if (code == MDB_SUCCESS) {
            own->map_locked = true;
            return XKV_OK;
        }
        own->mdb = NULL;
        size_t known = lmdb->map_size;
        xkv__read_unlock(&lmdb->map_lock);
        if (code == MDB_MAP_RESIZED)
            error = adopt_map(lmdb, known);
        else if (code == MDB_READERS_FULL)
            error = make_reader_room(lmdb, tries);
        else
            error = xkv__fail_read(lmdb, code);
        if (error != XKV_OK)
            return error;
    }
}

void xkv__close_snapshot(xkv__lmdb *lmdb, xkv__lmdb_txn *own) {
    reader_end(lmdb, own->mdb);
    own->mdb = NULL;
    xkv__read_unlock(&lmdb->map_lock);
    own->map_locked = false;
}

int xkv__need_snapshot(xkv__txn *txn) {
    xkv__lmdb *lmdb = xkv__lmdb_of(txn);
    xkv__lmdb_txn *own = xkv__own(txn);

    if (own->mdb)
        return XKV_OK;
    int error = open_snapshot(lmdb, own);
    if (error != XKV_OK || !lmdb->tracked || lmdb->read_only || xkv__is_alone(txn))
        return error;
    if (own->index_locked)
        return xkv__index_agrees(lmdb, own) ? XKV_OK : XKV__RETRY;
    while (atomic_load(&lmdb->index_txn) < mdb_txn_id(own->mdb) && !atomic_load(&lmdb->dead))
        xkv__thread_yield(); /* the commit is done; publishing the index takes no time */
    return XKV_OK;
}

/* What a killed reader had in use is not used again while its place is taken:
 * the file would grow with every write. So growth is looked at, too. */
void xkv__forget_dead_readers(xkv__lmdb *lmdb) {
    uint64_t now = xkv__sys.now_ms();
    bool grown = lmdb->map_full || lmdb->pages >= lmdb->readers_checked_at + READERS_CHECK_PAGES;

    if (!grown && now - lmdb->readers_checked_ms < READERS_CHECK_MS)
        return;
    lmdb->readers_checked_ms = now;
    lmdb->readers_checked_at = lmdb->pages;
    mdb_reader_check(lmdb->env, NULL);
}
