/*
 * backend_lmdb.c - the disk backend: an LMDB file and a key index in memory
 *
 * LMDB gives ordered keys, any number of readers that never wait, and commits
 * that are all or nothing. This file adds what it leaves to its users:
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
 *
 * The index. With trackKeys the keys also stand in a counted B-tree. A write
 * transaction changes a clone of it, and commit puts the clone in its place
 * after LMDB's commit, so the index changes all or nothing, too. In between, a
 * reader may see a commit in the file that the index lacks; it waits for the
 * index (index_txn says how far that is), so that nobody who has seen a key
 * can then miss it in the index. In a read-only process the index is that of
 * one moment; once the writer has committed since, it is left aside and the
 * file is scanned.
 *
 * Failed writes. Running out of space makes LMDB's commit fail and undo
 * itself. After other failures of the disk nobody knows what has been written:
 * the store refuses writes from then on (if it was the meta page, LMDB refuses
 * reads, too), and is sound again when reopened. After an assertion of LMDB's in
 * a write (guard.h) that is for another process to do: this one keeps what it
 * has open, and locked.
 */
#include "internal.h"

#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "btree.h"
#include "claims.h"
#include "file.h"
#include "guard.h"
#include "map.h"
#include "records.h"
#include "rwlock.h"

enum {
    READERS_MAX = 510, /* slots in LMDB's table, over all processes */
    READERS_WAIT_MS = 5000,
    READERS_CHECK_MS = 250,
    READERS_CHECK_PAGES = 256,
    FORMAT_VERSION = 2
};

static const char format_name[] = "format", tokens_name[] = "tokens", id_name[] = "id";

struct lmdb {
    xkv__backend base;
    xkv__file *file;
    MDB_env *env;
    xkv__records records;
    bool read_only;
    bool opened;           /* entirely */
    bool syncs, syncs_all; /* a commit waits for the disk; for all that it wrote */

    xkv__rwlock map_lock;
    size_t map_size;
    bool map_full;               /* under write_mutex: grow before the next transaction */
    uint64_t readers_checked_ms; /* under write_mutex: when dead ones were last looked for, */
    uint64_t readers_checked_at; /* and how many pages there were */
    uint64_t pages;              /* under write_mutex: what the file has by the last commit */

    pthread_mutex_t write_mutex; /* one write transaction at a time */
    _Atomic bool dead;           /* a write's outcome is unknown */
    _Atomic bool lost;           /* a write ended half way: LMDB cannot write or close any more */
    _Atomic bool unmapped;       /* the map was lost, and LMDB must not be touched */

    _Atomic(MDB_txn *) idle_reader[XKV__LOCK_SLOTS];

    bool tracked;
    xkv__rwlock index_lock;
    xkv__tree index;            /* changed under both index_lock and write_mutex */
    _Atomic uint64_t index_txn; /* the LMDB transaction that it agrees with */
};

/*
 * Every stride-th key of the range that was scanned last, so that one of them
 * is found without a walk from its beginning. They are noted where they lie in
 * the map, so only keys that lie there in one piece will do.
 */
enum { LANDMARKS = 128 };

struct landmarks {
    unsigned count;
    uint64_t stride; /* a power of two, or 0: there are none */
    xkv_bytes key[LANDMARKS];
};

struct lmdb_txn {
    xkv__txn base;
    MDB_txn *mdb; /* NULL: not begun yet */
    xkv__record_cursor cursor;
    struct landmarks landmarks;
    bool map_locked, index_locked;
    xkv__tree index_clone;   /* what a snapshot reads */
    bool index_cloned;       /* there is one */
    xkv__tree changed_index; /* a writer's clone */
    bool index_changed;      /* there is one */
    bool tokens_saved;       /* must be on the disk, whatever the durability */
};

/* As in the memory backend: a thread is in one transaction at a time. */
static _Thread_local struct lmdb_txn txn_of_thread;

static struct lmdb *lmdb_of(const xkv__txn *txn) {
    return (struct lmdb *)txn->backend;
}

static struct lmdb_txn *mine(xkv__txn *txn) {
    return (struct lmdb_txn *)txn;
}

/* Whether it has a write transaction of LMDB's, */
static bool can_write(const xkv__txn *txn) {
    return txn->mode == XKV__WRITE || txn->mode == XKV__BATCH;
}

/* or at least keeps those away that have. */
static bool is_alone(const xkv__txn *txn) {
    return can_write(txn) || txn->mode == XKV__INSPECT;
}

/* -- Errors ------------------------------------------------------------------ */

static int fail_full(const struct lmdb *lmdb, const char *what) {
    return xkv__fail(XKV_E_STORE_FULL, "no room for \"%s\": %s; %s", lmdb->file->path, what,
                     lmdb->opened ? "the store goes on, and what it held is intact"
                                  : "it was not opened, and what it held is intact");
}

/* A page that LMDB believed when the store was opened is another one now. */
static int fail_changed(const struct lmdb *lmdb) {
    return xkv__file_corrupt(
        lmdb->file, atomic_load(&lmdb->lost)
                        ? "a page has been overwritten while it was open; it takes no writes until "
                          "this process has ended"
                        : "a page has been overwritten while it was open");
}

/* Our code for one of LMDB's; other is for what is neither of these. */
static int fail_lmdb(struct lmdb *lmdb, int code, int other) {
    const char *path = lmdb->file->path;

    switch (code) {
    case MDB_SUCCESS:
        return XKV_OK;
    case MDB_NOTFOUND:
        return XKV_E_KEY_NOT_FOUND;
    case MDB_MAP_FULL:
        lmdb->map_full = true;
        return XKV__RETRY;
    case MDB_TXN_FULL:
        return fail_full(lmdb, "too much was written in one step");
    case ENOMEM:
        return fail_full(lmdb, "the memory is used up");
    case ENOSPC:
        return fail_full(lmdb, "the disk is full");
    case EDQUOT:
        return fail_full(lmdb, "the disk quota is used up");
    case EFBIG:
        return fail_full(lmdb, "the file may not grow any further: its file system takes no larger "
                               "one (FAT32 ends at 4 GiB), or a limit forbids it "
                               "(ulimit -f)");
    case EAGAIN: /* LMDB marks readers by their process id */
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" is open in a process with the same id (%ld) in another PID "
                         "namespace; let the containers share one (docker run --pid, Kubernetes "
                         "shareProcessNamespace), or give each a store of its own",
                         path, (long)getpid());
    case XKV__DAMAGED:
        return xkv__file_corrupt(lmdb->file, "a record does not match its checksum");
    case MDB_BAD_TXN: /* with sound pages none of these is possible */
    case MDB_PAGE_FULL:
    case MDB_CURSOR_FULL:
    case MDB_INCOMPATIBLE:
    case XKV__ASSERTED:
        return fail_changed(lmdb);
    case XKV__NEWER:
        return xkv__fail(other,
                         "\"%s\" has a record that only a newer version of this extension can "
                         "read; use the version that wrote it",
                         path);
    case MDB_PANIC:
        return xkv__fail(other,
                         "\"%s\" cannot be used any further since writing its meta page failed; "
                         "check the disk and reopen the store",
                         path);
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return xkv__file_corrupt(lmdb->file, mdb_strerror(code));
    default:
        return xkv__fail(other, "\"%s\": %s (code %d)", path, mdb_strerror(code), code);
    }
}

static int fail_read(struct lmdb *lmdb, int code) {
    return fail_lmdb(lmdb, code, XKV_E_DISK_STORE_READ);
}

/* What a writer had begun stays as it is, for ever: see guard.h. */
static void lose(struct lmdb *lmdb) {
    atomic_store(&lmdb->lost, true);
    atomic_store(&lmdb->dead, true);
}

/* The same, of a key's record; a key without bytes is not known. */
static int fail_record(struct lmdb *lmdb, int code, xkv_bytes key) {
    char quoted[XKV__QUOTE_SIZE], what[XKV__QUOTE_SIZE + 64];

    if (code != XKV__DAMAGED || key.len == 0)
        return fail_read(lmdb, code);
    snprintf(what, sizeof what, "the record of key %s does not match its checksum",
             xkv__quote(key, quoted));
    return xkv__file_corrupt(lmdb->file, what);
}

/* For codes of put, del and clear: whatever went wrong, part of it may be done. */
static int fail_write(xkv__txn *txn, int code) {
    if (code == XKV__ASSERTED)
        lose(lmdb_of(txn));
    if (code != MDB_SUCCESS && code != MDB_NOTFOUND)
        txn->broken = true;
    return fail_lmdb(lmdb_of(txn), code, XKV_E_DISK_STORE_WRITE);
}

static int fail_dead(const struct lmdb *lmdb) {
    if (atomic_load(&lmdb->lost))
        return fail_changed(lmdb);
    return xkv__fail(XKV_E_DISK_STORE_WRITE,
                     "\"%s\" takes no writes since one failed with an unknown outcome; check the "
                     "disk and reopen the store",
                     lmdb->file->path);
}

/* -- The map ----------------------------------------------------------------- */

static int fail_unmapped(const struct lmdb *lmdb) {
    return xkv__fail(XKV_E_STORE_FULL,
                     "\"%s\" could not be mapped into memory again, and is out of use; free "
                     "address space and reopen the store",
                     lmdb->file->path);
}

/* Takes the store out of use if not even the old map is to be had again. */
static int map_anew(struct lmdb *lmdb, size_t size) {
    int code = mdb_env_set_mapsize(lmdb->env, size);

    if (code == MDB_SUCCESS) {
        lmdb->map_size = size;
        return XKV_OK;
    }
    if (mdb_env_set_mapsize(lmdb->env, lmdb->map_size) == MDB_SUCCESS)
        return fail_lmdb(lmdb, code, XKV_E_DISK_STORE_WRITE);
    atomic_store(&lmdb->unmapped, true);
    return fail_unmapped(lmdb);
}

/* Under map_lock, for writing. */
static int remap(struct lmdb *lmdb, size_t least, size_t wanted) {
    size_t limit = lmdb->read_only ? wanted : xkv__map_within_limit(wanted);
    char why[96];

    if (limit < wanted && limit <= lmdb->map_size)
        return fail_full(lmdb, "the file may not grow beyond this process's limit (ulimit -f)");
    size_t size = xkv__map_larger(least < limit ? least : limit, limit);
    return size > 0 ? map_anew(lmdb, size) : fail_full(lmdb, xkv__map_scarcity(why));
}

static int grow_map(struct lmdb *lmdb) {
    lmdb->map_full = false;
    xkv__write_lock(&lmdb->map_lock);
    size_t size = lmdb->map_size;
    int error = remap(lmdb, size + size / 8, size * 2);
    xkv__write_unlock(&lmdb->map_lock);
    return error;
}

/* Another process has made the file larger than our map, which had size known
 * when that was seen: of many readers that see it, one enlarges it. */
static int adopt_map(struct lmdb *lmdb, size_t known) {
    struct stat status;
    int error = XKV_OK;

    if (xkv__sys.fstat(lmdb->file->fd, &status) != 0)
        return fail_read(lmdb, EIO);
    xkv__write_lock(&lmdb->map_lock);
    size_t least = known + known / 8, size = known * 2;
    if (least < (size_t)status.st_size)
        least = (size_t)status.st_size;
    while (size < least)
        size *= 2;
    if (lmdb->map_size == known)
        error = remap(lmdb, least, size);
    xkv__write_unlock(&lmdb->map_lock);
    return error;
}

/* -- Readers ----------------------------------------------------------------- */

/* Takes the idle reader of this thread's slot, or makes one. */
static int reader_begin(struct lmdb *lmdb, MDB_txn **out) {
    MDB_txn *txn = atomic_exchange(&lmdb->idle_reader[xkv__thread_slot()], NULL);
    int code;

    if (!txn)
        return mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, out);
    code = mdb_txn_renew(txn);
    if (code != MDB_SUCCESS)
        mdb_txn_abort(txn);
    *out = txn;
    return code;
}

static void reader_end(struct lmdb *lmdb, MDB_txn *txn) {
    MDB_txn *none = NULL;

    mdb_txn_reset(txn);
    if (!atomic_compare_exchange_strong(&lmdb->idle_reader[xkv__thread_slot()], &none, txn))
        mdb_txn_abort(txn);
}

static void drop_idle_readers(struct lmdb *lmdb) {
    for (unsigned i = 0; i < XKV__LOCK_SLOTS; i++) {
        MDB_txn *txn = atomic_exchange(&lmdb->idle_reader[i], NULL);
        if (txn)
            mdb_txn_abort(txn);
    }
}

/* The table of readers is full: those of killed processes and our idle ones can
 * go, and others are busy for one command only. */
static int make_reader_room(struct lmdb *lmdb, unsigned tries) {
    struct timespec millisecond = {0, 1000000};

    if (tries > READERS_WAIT_MS)
        return xkv__fail(
            XKV_E_DISK_STORE_READ,
            "\"%s\" has had more than %d readers at once, over all processes, for %d ms",
            lmdb->file->path, READERS_MAX, READERS_WAIT_MS);
    mdb_reader_check(lmdb->env, NULL);
    drop_idle_readers(lmdb);
    if (tries > 0)
        nanosleep(&millisecond, NULL);
    return XKV_OK;
}

/* A transaction of LMDB's for opening the store, beside other processes. */
static int begin_opening(struct lmdb *lmdb, unsigned flags, MDB_txn **txn) {
    for (unsigned tries = 0;; tries++) {
        int code = mdb_txn_begin(lmdb->env, NULL, flags, txn);
        if (code != MDB_READERS_FULL && code != MDB_MAP_RESIZED)
            return fail_lmdb(lmdb, code, XKV_E_DISK_STORE_OPEN);
        int error = code == MDB_MAP_RESIZED ? adopt_map(lmdb, lmdb->map_size)
                                            : make_reader_room(lmdb, tries);
        if (error != XKV_OK)
            return error;
    }
}

/* Begins to read the file. */
static int open_snapshot(struct lmdb *lmdb, struct lmdb_txn *own) {
    for (unsigned tries = 0;; tries++) {
        xkv__read_lock(&lmdb->map_lock);
        if (atomic_load(&lmdb->unmapped)) {
            xkv__read_unlock(&lmdb->map_lock);
            return fail_unmapped(lmdb);
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
            error = fail_read(lmdb, code);
        if (error != XKV_OK)
            return error;
    }
}

/* Begins to read the file unless that was done. */
static int need_snapshot(xkv__txn *txn) {
    struct lmdb *lmdb = lmdb_of(txn);
    struct lmdb_txn *own = mine(txn);

    if (own->mdb)
        return XKV_OK;
    int error = open_snapshot(lmdb, own);
    if (error != XKV_OK || !lmdb->tracked || lmdb->read_only)
        return error;
    while (atomic_load(&lmdb->index_txn) < mdb_txn_id(own->mdb) && !atomic_load(&lmdb->dead))
        sched_yield(); /* the commit is done; publishing the index takes no time */
    return XKV_OK;
}

/* -- The index --------------------------------------------------------------- */

/* Long reads go on with a clone, so that no writer waits for the lock. */
static const xkv__tree *clone_index(struct lmdb *lmdb, struct lmdb_txn *own) {
    own->index_clone = xkv__tree_clone(&lmdb->index);
    own->index_cloned = true;
    xkv__read_unlock(&lmdb->index_lock);
    own->index_locked = false;
    return &own->index_clone;
}

/* The index for this transaction to read; NULL if the file must be scanned. */
static const xkv__tree *index_of(xkv__txn *txn) {
    struct lmdb *lmdb = lmdb_of(txn);
    struct lmdb_txn *own = mine(txn);

    if (!lmdb->tracked)
        return NULL;
    if (own->index_changed)
        return &own->changed_index;
    if (is_alone(txn) && !lmdb->read_only)
        return &lmdb->index; /* nobody else changes it */
    if (own->index_cloned)
        return &own->index_clone;
    /* The map's lock comes before the index's, as in rebuild. */
    if (lmdb->read_only && need_snapshot(txn) != XKV_OK)
        return NULL;
    if (!own->index_locked) {
        xkv__read_lock(&lmdb->index_lock);
        own->index_locked = true;
    }
    if (lmdb->read_only && mdb_txn_id(own->mdb) != atomic_load(&lmdb->index_txn))
        return NULL;
    return txn->mode == XKV__SNAPSHOT ? clone_index(lmdb, own) : &lmdb->index;
}

/* The clone of the index that this transaction changes. */
static xkv__tree *index_to_change(xkv__txn *txn) {
    struct lmdb_txn *own = mine(txn);

    if (!own->index_changed) {
        own->changed_index = xkv__tree_clone(&lmdb_of(txn)->index);
        own->index_changed = true;
    }
    return &own->changed_index;
}

static int index_put(xkv__txn *txn, xkv_bytes key) {
    if (!lmdb_of(txn)->tracked || xkv__tree_get(index_of(txn), key))
        return XKV_OK;
    xkv__entry *entry = xkv__entry_new(key, (xkv_bytes){NULL, 0});
    int error = entry ? xkv__tree_put(index_to_change(txn), entry) : XKV_E_STORE_FULL;
    if (error != XKV_OK)
        xkv__entry_release(entry);
    return error;
}

static int index_del(xkv__txn *txn, xkv_bytes key) {
    if (!lmdb_of(txn)->tracked)
        return XKV_OK;
    int error = xkv__tree_delete(index_to_change(txn), key);
    return error == XKV_E_KEY_NOT_FOUND ? XKV_OK : error;
}

/* Functions of their own: what setjmp stands in must change no variable. */
static int guarded_seek(xkv__record_cursor *cursor, MDB_txn *mdb, const xkv__records *in,
                        xkv_bytes from, xkv_bytes *key, xkv_bytes *value) {
    int code;

    XKV__GUARD(code, xkv__record_seek(cursor, mdb, in, from, key, value));
    return code;
}

static int guarded_next(xkv__record_cursor *cursor, MDB_txn *mdb, const xkv__records *in,
                        xkv_bytes *key, xkv_bytes *value) {
    int code;

    XKV__GUARD(code, xkv__record_next(cursor, mdb, in, key, value));
    return code;
}

/* Builds an index of all keys that a transaction sees. */
static int build_index(struct lmdb *lmdb, MDB_txn *mdb, xkv__tree *out) {
    xkv__record_cursor cursor = {.data = NULL};
    xkv__tree tree = XKV__TREE_EMPTY;
    xkv_bytes key, last = {NULL, 0};
    int error = XKV_OK;
    int code = guarded_seek(&cursor, mdb, &lmdb->records, last, &key, NULL);

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
        code = guarded_next(&cursor, mdb, &lmdb->records, &key, NULL);
    }
    xkv__record_cursor_close(&cursor);
    if (error == XKV_OK && code != MDB_NOTFOUND)
        error = fail_read(lmdb, code);
    if (error != XKV_OK)
        xkv__tree_release(&tree);
    *out = tree;
    return error;
}

/* Puts a changed index in the place of the old one. */
static void publish_index(struct lmdb *lmdb, struct lmdb_txn *own, uint64_t txn_id) {
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

/* -- Transactions ------------------------------------------------------------ */

static bool lmdb_waits(const xkv__backend *backend) {
    return ((const struct lmdb *)backend)->syncs;
}

/* What a killed reader had in use is not used again while its place is taken:
 * the file would grow with every write. So growth is looked at, too. */
static void forget_dead_readers(struct lmdb *lmdb) {
    uint64_t now = xkv__sys.now_ms();
    bool grown = lmdb->map_full || lmdb->pages >= lmdb->readers_checked_at + READERS_CHECK_PAGES;

    if (!grown && now - lmdb->readers_checked_ms < READERS_CHECK_MS)
        return;
    lmdb->readers_checked_ms = now;
    lmdb->readers_checked_at = lmdb->pages;
    mdb_reader_check(lmdb->env, NULL);
}

static int begin_write(struct lmdb *lmdb, struct lmdb_txn *own) {
    pthread_mutex_lock(&lmdb->write_mutex);
    int error = XKV_OK;
    if (atomic_load(&lmdb->dead))
        error = fail_dead(lmdb);
    else
        forget_dead_readers(lmdb);
    if (error == XKV_OK && lmdb->map_full)
        error = grow_map(lmdb);
    if (error == XKV_OK && atomic_load(&lmdb->unmapped))
        error = fail_unmapped(lmdb);
    if (error == XKV_OK)
        error =
            fail_lmdb(lmdb, mdb_txn_begin(lmdb->env, NULL, 0, &own->mdb), XKV_E_DISK_STORE_WRITE);
    if (error != XKV_OK)
        pthread_mutex_unlock(&lmdb->write_mutex);
    return error;
}

static int lmdb_begin(xkv__backend *backend, xkv__mode mode, xkv__txn **out) {
    struct lmdb *lmdb = (struct lmdb *)backend;
    struct lmdb_txn *own = &txn_of_thread;

    own->base = (xkv__txn){.backend = backend, .mode = mode};
    own->base.undoes = can_write(&own->base);
    own->mdb = NULL;
    own->map_locked = own->index_locked = own->index_changed = false;
    own->tokens_saved = own->index_cloned = false;
    *out = &own->base;
    if (can_write(&own->base))
        return begin_write(lmdb, own);
    if (is_alone(&own->base))
        pthread_mutex_lock(&lmdb->write_mutex);
    return XKV_OK;
}

/* Lets go of everything but a writer's LMDB transaction. */
static void release(xkv__txn *txn) {
    struct lmdb *lmdb = lmdb_of(txn);
    struct lmdb_txn *own = mine(txn);

    if (own->map_locked) { /* reads the file */
        reader_end(lmdb, own->mdb);
        xkv__read_unlock(&lmdb->map_lock);
    }
    if (own->index_locked)
        xkv__read_unlock(&lmdb->index_lock);
    if (own->index_changed)
        xkv__tree_release(&own->changed_index);
    if (own->index_cloned)
        xkv__tree_release(&own->index_clone);
    own->mdb = NULL;
    if (is_alone(txn))
        pthread_mutex_unlock(&lmdb->write_mutex);
}

/* Whether LMDB refuses everything from now on: it could not write its meta page. */
static bool has_given_up(struct lmdb *lmdb) {
    MDB_txn *txn;
    int code = mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &txn);

    if (code == MDB_SUCCESS)
        mdb_txn_abort(txn);
    return code == MDB_PANIC;
}

/* Tokens must not come again whatever happens, so they are synced even where
 * other writes are not. The commit is done, and stays: if this fails, nobody
 * knows what the disk has of it. */
static int sync_tokens(struct lmdb *lmdb) {
    int code = mdb_env_sync(lmdb->env, 1);

    if (code == MDB_SUCCESS)
        return XKV_OK;
    atomic_store(&lmdb->dead, true);
    return xkv__fail(XKV_E_DISK_STORE_WRITE,
                     "\"%s\": the tokens of claims could not be synced: %s; check the disk and "
                     "reopen the store",
                     lmdb->file->path, mdb_strerror(code));
}

/* A write that a limit cut short is EIO to LMDB, whose commit has undone itself;
 * and so is a disk that fails. The next write tells. */
static int reason_of_short_write(const struct lmdb *lmdb) {
    int code = xkv__file_growth(lmdb->file);
    return code == ENOSPC || code == EDQUOT || code == EFBIG ? code : EIO;
}

static int guarded_commit(MDB_txn *mdb) {
    int code;

    XKV__GUARD(code, mdb_txn_commit(mdb));
    return code;
}

static int commit_write(struct lmdb *lmdb, struct lmdb_txn *own) {
    uint64_t id = mdb_txn_id(own->mdb);
    int code = guarded_commit(own->mdb);

    own->mdb = NULL;
    if (code == XKV__ASSERTED) /* before anything of it counted */
        lose(lmdb);
    if (code == MDB_SUCCESS) {
        /* A transaction that changed nothing is not counted by LMDB. */
        MDB_envinfo info;
        mdb_env_info(lmdb->env, &info);
        lmdb->base.commits += info.me_last_txnid >= id;
        lmdb->pages = info.me_last_pgno;
        publish_index(lmdb, own, info.me_last_txnid < id ? info.me_last_txnid : id);
        xkv__claims_commit(&own->base);
        return own->tokens_saved && !lmdb->syncs_all ? sync_tokens(lmdb) : XKV_OK;
    }
    if (code == MDB_BAD_TXN) /* a command met a damaged page */
        return XKV__BROKEN;
    if (code != XKV__ASSERTED && has_given_up(lmdb))
        code = MDB_PANIC;
    if (code == EIO)
        code = reason_of_short_write(lmdb);
    int error = fail_lmdb(lmdb, code, XKV_E_DISK_STORE_WRITE);
    if (error == XKV_E_DISK_STORE_WRITE)
        atomic_store(&lmdb->dead, true);
    return error;
}

/* Not if the list of cursors that it is in leads to a stack that is gone. */
static void close_cursor(xkv__txn *txn) {
    struct lmdb_txn *own = mine(txn);

    if (can_write(txn) && atomic_load(&lmdb_of(txn)->lost))
        own->cursor.data = own->cursor.deep = NULL;
    xkv__record_cursor_close(&own->cursor);
}

static int lmdb_commit(xkv__txn *txn) {
    struct lmdb *lmdb = lmdb_of(txn);
    struct lmdb_txn *own = mine(txn);
    int error = XKV_OK;

    close_cursor(txn);
    if (can_write(txn))
        error = commit_write(lmdb, own);
    else if (own->index_changed) /* rebuilt */
        publish_index(lmdb, own, mdb_txn_id(own->mdb));
    if (can_write(txn) && error != XKV_OK)
        xkv__claims_rollback(txn);
    release(txn);
    return error;
}

static void lmdb_abort(xkv__txn *txn) {
    struct lmdb_txn *own = mine(txn);

    close_cursor(txn);
    if (can_write(txn)) {
        if (!atomic_load(&lmdb_of(txn)->lost))
            mdb_txn_abort(own->mdb);
        xkv__claims_rollback(txn);
    }
    release(txn);
}

/* -- Calls ------------------------------------------------------------------- */

static int lmdb_get(xkv__txn *txn, xkv_bytes key, xkv_bytes *value) {
    struct lmdb *lmdb = lmdb_of(txn);
    const xkv__tree *index = value ? NULL : index_of(txn);

    if (index)
        return xkv__tree_get(index, key) ? XKV_OK : XKV_E_KEY_NOT_FOUND;
    int error = need_snapshot(txn);
    if (error != XKV_OK)
        return error;
    int code;
    XKV__GUARD(code, xkv__record_get(mine(txn)->mdb, &lmdb->records, key, value));
    return fail_record(lmdb, code, key);
}

static int lmdb_put(xkv__txn *txn, xkv_bytes key, xkv_bytes value) {
    struct lmdb *lmdb = lmdb_of(txn);
    int error = index_put(txn, key), code;

    if (error != XKV_OK)
        return error;
    XKV__GUARD(code, xkv__record_put(mine(txn)->mdb, &lmdb->records, key, value));
    return fail_write(txn, code);
}

static int lmdb_del(xkv__txn *txn, xkv_bytes key) {
    struct lmdb *lmdb = lmdb_of(txn);
    int code;
    XKV__GUARD(code, xkv__record_del(mine(txn)->mdb, &lmdb->records, key));
    int error = fail_write(txn, code);

    if (error == XKV_OK) {
        error = index_del(txn, key);
        txn->broken = error != XKV_OK;
    }
    return error;
}

static int lmdb_clear(xkv__txn *txn) {
    struct lmdb *lmdb = lmdb_of(txn);
    int code;
    XKV__GUARD(code, xkv__record_clear(mine(txn)->mdb, &lmdb->records));
    int error = fail_write(txn, code);

    if (error == XKV_OK && lmdb->tracked)
        xkv__tree_release(index_to_change(txn));
    return error;
}

/* LMDB undoes deletes. */
static int lmdb_touch(xkv__txn *txn, xkv_bytes key) {
    (void)txn, (void)key;
    return XKV_OK;
}

/* The two without a guard, for loops that have one. */
static int seek(xkv__txn *txn, xkv_bytes key, xkv_bytes *found, xkv_bytes *value) {
    struct lmdb_txn *own = mine(txn);
    return xkv__record_seek(&own->cursor, own->mdb, &lmdb_of(txn)->records, key, found, value);
}

static int next(xkv__txn *txn, xkv_bytes *found, xkv_bytes *value) {
    struct lmdb_txn *own = mine(txn);
    return xkv__record_next(&own->cursor, own->mdb, &lmdb_of(txn)->records, found, value);
}

static int lmdb_seek(xkv__txn *txn, xkv_bytes key, xkv_bytes *found, xkv_bytes *value) {
    struct lmdb *lmdb = lmdb_of(txn);
    struct lmdb_txn *own = mine(txn);
    int error = need_snapshot(txn);

    if (error != XKV_OK)
        return error;
    *found = (xkv_bytes){NULL, 0};
    int code = guarded_seek(&own->cursor, own->mdb, &lmdb->records, key, found, value);
    return fail_record(lmdb, code, *found);
}

static int lmdb_next(xkv__txn *txn, xkv_bytes *found, xkv_bytes *value) {
    struct lmdb *lmdb = lmdb_of(txn);
    struct lmdb_txn *own = mine(txn);

    *found = (xkv_bytes){NULL, 0};
    int code = guarded_next(&own->cursor, own->mdb, &lmdb->records, found, value);
    return fail_record(lmdb, code, *found);
}

/* Takes the next landmark. When there is no room, every other one goes. */
static void add_landmark(struct landmarks *marks, xkv_bytes key) {
    if (key.len > XKV__CHUNK) { /* it is about to change in the cursor's buffer */
        marks->count = 0;
        marks->stride = 0; /* take no more */
        return;
    }
    if (marks->count == LANDMARKS) {
        marks->count /= 2;
        marks->stride *= 2;
        for (unsigned i = 0; i < marks->count; i++)
            marks->key[i] = marks->key[2 * i];
    }
    marks->key[marks->count++] = key;
}

/* Counts the keys of a range by walking over them, and notes landmarks. */
static int scan_range(xkv__txn *txn, xkv__range *range) {
    struct landmarks *marks = &mine(txn)->landmarks;
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

static int guarded_count(struct lmdb *lmdb, MDB_txn *mdb, uint64_t *count) {
    int code;

    XKV__GUARD(code, xkv__record_count(mdb, &lmdb->records, count));
    return fail_read(lmdb, code);
}

static int guarded_scan(xkv__txn *txn, xkv__range *range) {
    int code;

    XKV__GUARD(code, scan_range(txn, range));
    return fail_read(lmdb_of(txn), code);
}

static int lmdb_range(xkv__txn *txn, xkv_bytes prefix, xkv__range *range) {
    struct lmdb *lmdb = lmdb_of(txn);
    const xkv__tree *index = index_of(txn);

    *range = (xkv__range){.prefix = prefix, .ranked = index != NULL};
    if (index) {
        range->count = xkv__tree_count(index, prefix, &range->first);
        return XKV_OK;
    }
    int error = need_snapshot(txn);
    if (error != XKV_OK)
        return error;
    mine(txn)->landmarks.count = 0;
    return prefix.len == 0 ? guarded_count(lmdb, mine(txn)->mdb, &range->count)
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

static int lmdb_select(xkv__txn *txn, const xkv__range *range, uint64_t n, xkv_bytes *key) {
    const xkv__tree *index = index_of(txn);

    if (index) {
        const xkv__entry *entry = xkv__tree_select(index, range->first + n);
        if (!entry)
            return XKV_E_KEY_NOT_FOUND;
        *key = xkv__entry_key(entry);
        return XKV_OK;
    }
    const struct landmarks *marks = &mine(txn)->landmarks;
    xkv_bytes from = range->prefix;
    if (marks->count > 0) {
        from = marks->key[n / marks->stride];
        n %= marks->stride;
    }
    int error = need_snapshot(txn);
    return error == XKV_OK ? fail_read(lmdb_of(txn), guarded_skip(txn, from, n, key)) : error;
}

static uint64_t lmdb_rank(xkv__txn *txn, xkv_bytes key) {
    const xkv__tree *index = index_of(txn);
    return index ? xkv__tree_rank(index, key) : 0;
}

static int fail_rebuild(const char *reason) {
    char why[XKV_MESSAGE_SIZE]; /* a copy: the reason is about to be replaced */

    snprintf(why, sizeof why, "%s", reason);
    return xkv__fail(XKV_E_KEY_LIST_REBUILD, "the key index could not be rebuilt: %s", why);
}

static int lmdb_rebuild(xkv__txn *txn) {
    struct lmdb *lmdb = lmdb_of(txn);
    struct lmdb_txn *own = mine(txn);
    xkv__tree tree;

    if (!lmdb->tracked)
        return XKV_OK;
    int error = need_snapshot(txn);
    if (error == XKV_OK)
        error = build_index(lmdb, own->mdb, &tree);
    if (error != XKV_OK && error != XKV_E_STORE_FULL)
        return fail_rebuild(xkv__reason(error));
    if (error != XKV_OK)
        return error;
    if (own->index_changed)
        xkv__tree_release(&own->changed_index);
    own->changed_index = tree;
    own->index_changed = true;
    return XKV_OK;
}

/* -- What is beside the data -------------------------------------------------- */

static int lmdb_load_tokens(xkv__txn *txn, uint64_t *end) {
    struct lmdb *lmdb = lmdb_of(txn);
    int code;

    XKV__GUARD(code, xkv__meta_get_number(mine(txn)->mdb, &lmdb->records, tokens_name, end));
    if (code == MDB_NOTFOUND) {
        *end = 1;
        return XKV_OK;
    }
    return fail_read(lmdb, code);
}

static int lmdb_save_tokens(xkv__txn *txn, uint64_t end) {
    int code;

    mine(txn)->tokens_saved = true;
    XKV__GUARD(code,
               xkv__meta_put_number(mine(txn)->mdb, &lmdb_of(txn)->records, tokens_name, end));
    return fail_write(txn, code);
}

static int lmdb_describe(xkv__txn *txn, xkv__facts *facts) {
    struct lmdb *lmdb = lmdb_of(txn);
    const xkv__tree *index = index_of(txn);
    struct stat status;
    int error = need_snapshot(txn);

    *facts = (xkv__facts){.indexed = lmdb->tracked,
                          .index_count = index ? index->count : lmdb->index.count,
                          .path = lmdb->file->path};
    if (error == XKV_OK)
        error = guarded_count(lmdb, mine(txn)->mdb, &facts->count);
    if (error == XKV_OK && xkv__sys.fstat(lmdb->file->fd, &status) != 0)
        error = fail_read(lmdb, errno);
    facts->size = error == XKV_OK ? (int64_t)status.st_size : 0;
    return error;
}

/* -- Opening and closing ----------------------------------------------------- */

static void lmdb_close(xkv__backend *backend) {
    struct lmdb *lmdb = (struct lmdb *)backend;

    drop_idle_readers(lmdb);
    if (!lmdb->read_only && !atomic_load(&lmdb->dead) && !atomic_load(&lmdb->unmapped))
        (void)mdb_env_sync(lmdb->env, 1);
    if (!atomic_load(&lmdb->lost))
        mdb_env_close(lmdb->env);
    xkv__tree_release(&lmdb->index);
    xkv__rwlock_destroy(&lmdb->index_lock);
    xkv__rwlock_destroy(&lmdb->map_lock);
    pthread_mutex_destroy(&lmdb->write_mutex);
    if (atomic_load(&lmdb->lost))
        xkv__file_keep(lmdb->file);
    else
        xkv__file_close(lmdb->file, false);
    xkv__free(lmdb);
}

static const xkv__backend_ops lmdb_ops = {
    .name = "disk",
    .waits = lmdb_waits,
    .close = lmdb_close,
    .begin = lmdb_begin,
    .commit = lmdb_commit,
    .abort = lmdb_abort,
    .get = lmdb_get,
    .put = lmdb_put,
    .del = lmdb_del,
    .clear = lmdb_clear,
    .touch = lmdb_touch,
    .seek = lmdb_seek,
    .next = lmdb_next,
    .range = lmdb_range,
    .select = lmdb_select,
    .rank = lmdb_rank,
    .rebuild = lmdb_rebuild,
    .load_tokens = lmdb_load_tokens,
    .save_tokens = lmdb_save_tokens,
    .describe = lmdb_describe,
};

enum { ID_SIZE = 16 };

/* What says what this file is; and a random id, which tells it from others. */
static int write_format(struct lmdb *lmdb, MDB_txn *txn, int serialization) {
    unsigned char id[ID_SIZE];
    char text[64];
    int len = snprintf(text, sizeof text, "xk6-kv %d %s", FORMAT_VERSION,
                       xkv__serialization_name(serialization));

    xkv__sys.entropy(id, sizeof id);
    int code = xkv__meta_put(txn, &lmdb->records, format_name, (xkv_bytes){text, (size_t)len});
    if (code == MDB_SUCCESS)
        code = xkv__meta_put(txn, &lmdb->records, id_name, (xkv_bytes){id, sizeof id});
    return fail_lmdb(lmdb, code, XKV_E_DISK_STORE_OPEN);
}

static int fail_version(const struct lmdb *lmdb, int version) {
    return xkv__fail(XKV_E_DISK_STORE_OPEN,
                     "\"%s\" has store format %d; this version knows %d: use the version that "
                     "wrote it, or another path",
                     lmdb->file->path, version, FORMAT_VERSION);
}

/* Format 1, which was never released, had its text without a checksum. */
static bool is_format_1(const struct lmdb *lmdb, MDB_txn *txn) {
    static const char start[] = "xk6-kv 1 ";
    MDB_val at = {sizeof format_name, (void *)(uintptr_t)format_name}, record;

    return mdb_get(txn, lmdb->records.meta, &at, &record) == MDB_SUCCESS &&
           record.mv_size >= sizeof start && memcmp(record.mv_data, start, sizeof start - 1) == 0;
}

static int check_format(struct lmdb *lmdb, MDB_txn *txn, int serialization) {
    char text[64], name[16];
    xkv_bytes value;
    int version;

    if (is_format_1(lmdb, txn))
        return fail_version(lmdb, 1);
    int code = xkv__meta_check(txn, &lmdb->records);
    if (code == MDB_SUCCESS)
        code = xkv__meta_get(txn, &lmdb->records, format_name, &value);
    if (code == MDB_NOTFOUND || (code == MDB_SUCCESS && value.len >= sizeof text))
        code = XKV__DAMAGED;
    if (code != MDB_SUCCESS)
        return fail_lmdb(lmdb, code, XKV_E_DISK_STORE_OPEN);
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    if (sscanf(text, "xk6-kv %d %15s", &version, name) != 2)
        return fail_lmdb(lmdb, XKV__DAMAGED, XKV_E_DISK_STORE_OPEN);
    if (version != FORMAT_VERSION)
        return fail_version(lmdb, version);
    if (strcmp(name, xkv__serialization_name(serialization)) != 0)
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" was written with serialization \"%s\"; open it with that, or give "
                         "another path",
                         lmdb->file->path, name);
    return XKV_OK;
}

/* An LMDB file without our databases is somebody else's, or new. */
static int open_databases(struct lmdb *lmdb, MDB_txn *txn, int serialization) {
    static const char *const names[] = {"data", "deep", "meta"};
    MDB_dbi *const handles[] = {&lmdb->records.data, &lmdb->records.deep, &lmdb->records.meta};
    MDB_dbi main_dbi;
    MDB_stat stat;
    int code = mdb_dbi_open(txn, NULL, 0, &main_dbi);

    if (code == MDB_SUCCESS)
        code = mdb_stat(txn, main_dbi, &stat);
    bool is_new = code == MDB_SUCCESS && stat.ms_entries == 0 && !lmdb->read_only;
    for (int i = 0; i < 3 && code == MDB_SUCCESS; i++)
        code = mdb_dbi_open(txn, names[i], is_new ? MDB_CREATE : 0, handles[i]);
    if (code == MDB_NOTFOUND || code == MDB_INCOMPATIBLE)
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" is an LMDB file of another program; it was left as it is, give "
                         "another path",
                         lmdb->file->path);
    if (code != MDB_SUCCESS)
        return fail_lmdb(lmdb, code, XKV_E_DISK_STORE_OPEN);
    return is_new ? write_format(lmdb, txn, serialization) : check_format(lmdb, txn, serialization);
}

/* An assertion need not end more than the opening: if there is a page that can
 * have been overwritten, nothing is written here. */
static int guarded_databases(struct lmdb *lmdb, MDB_txn *txn, int serialization) {
    int error;

    XKV__GUARD(error, open_databases(lmdb, txn, serialization));
    return error == XKV__ASSERTED ? fail_changed(lmdb) : error;
}

/* LMDB trusts the pages of its file; so they are checked before it looks at
 * them. A writer that commits twice meanwhile makes it necessary to try again. */
static int verify(struct lmdb *lmdb) {
    MDB_stat stat;
    int error = XKV__RETRY;

    mdb_env_stat(lmdb->env, &stat);
    for (int tries = 0; tries < 100 && error == XKV__RETRY; tries++) {
        MDB_txn *txn;
        error = begin_opening(lmdb, MDB_RDONLY, &txn);
        if (error != XKV_OK)
            return error;
        error = xkv__file_verify(lmdb->file, stat.ms_psize, mdb_txn_id(txn));
        mdb_txn_abort(txn);
    }
    return error == XKV__RETRY ? xkv__file_corrupt(lmdb->file, "its first pages do not agree")
                               : error;
}

/* Opens the databases and builds the index in one transaction. */
static int load(struct lmdb *lmdb, const xkv_options *options) {
    MDB_txn *txn;
    MDB_envinfo info;
    int error = begin_opening(lmdb, lmdb->read_only ? MDB_RDONLY : 0, &txn);

    if (error != XKV_OK)
        return error;
    error = guarded_databases(lmdb, txn, options->serialization);
    if (error == XKV_OK && lmdb->tracked)
        error = build_index(lmdb, txn, &lmdb->index);
    atomic_store(&lmdb->index_txn, mdb_txn_id(txn));
    if (error != XKV_OK) {
        mdb_txn_abort(txn);
        return error;
    }
    error = fail_lmdb(lmdb, mdb_txn_commit(txn), XKV_E_DISK_STORE_OPEN);
    if (error == XKV_OK && !lmdb->read_only) {
        mdb_env_info(lmdb->env, &info);
        atomic_store(&lmdb->index_txn, info.me_last_txnid);
    }
    return error;
}

static unsigned env_flags(const xkv_options *options, const xkv__file *file) {
    unsigned flags = MDB_NOSUBDIR | MDB_NOTLS;

    if (file->without_lock)
        flags |= MDB_NOLOCK;

    if (options->read_only)
        flags |= MDB_RDONLY;
    if (options->durability == XKV_DURABILITY_NONE)
        flags |= MDB_NOSYNC;
    if (options->durability == XKV_DURABILITY_RELAXED)
        flags |= MDB_NOMETASYNC;
    return flags;
}

/* Says what to do about it: another size, or another limit. */
static int fail_first_map(const struct lmdb *lmdb, const xkv_options *options) {
    char why[96];

    xkv__map_scarcity(why);
    if (options->initial_map_size > 0)
        return xkv__fail(XKV_E_STORE_FULL,
                         "\"%s\" cannot be mapped: %s, and disk.initialMmapSize asks for %lld MiB "
                         "of it; give less, or leave it out",
                         lmdb->file->path, why, (long long)options->initial_map_size >> 20);
    return xkv__fail(XKV_E_STORE_FULL, "\"%s\" cannot be mapped: %s; raise that, or end others",
                     lmdb->file->path, why);
}

static int choose_map_size(struct lmdb *lmdb, const xkv_options *options) {
    struct stat status;

    if (xkv__sys.fstat(lmdb->file->fd, &status) != 0)
        return fail_read(lmdb, errno);
    size_t size = xkv__map_first((uint64_t)status.st_size, (uint64_t)options->initial_map_size);
    if (size == 0)
        return fail_first_map(lmdb, options);
    lmdb->map_size = options->read_only ? size : xkv__map_within_limit(size);
    if (lmdb->map_size > 0)
        return XKV_OK;
    return xkv__fail(XKV_E_STORE_FULL,
                     "\"%s\" needs more room than this process may give a file (ulimit -f); raise "
                     "that",
                     lmdb->file->path);
}

/* Whether LMDB has opened the file that was examined. */
static int check_identity(const struct lmdb *lmdb) {
    struct stat status;
    mdb_filehandle_t fd;

    if (mdb_env_get_fd(lmdb->env, &fd) == MDB_SUCCESS && fstat(fd, &status) == 0 &&
        status.st_dev == lmdb->file->device && status.st_ino == lmdb->file->inode)
        return XKV_OK;
    return xkv__fail(XKV_E_DISK_STORE_OPEN, "\"%s\" was replaced while it was being opened",
                     lmdb->file->path);
}

static int open_env(struct lmdb *lmdb, const xkv_options *options) {
    int error = choose_map_size(lmdb, options);

    if (error != XKV_OK)
        return error;
    int code = mdb_env_create(&lmdb->env);
    if (code != MDB_SUCCESS)
        return fail_lmdb(lmdb, code, XKV_E_DISK_STORE_OPEN);
    code = mdb_env_set_mapsize(lmdb->env, lmdb->map_size);
    xkv__guard_env(lmdb->env);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_maxdbs(lmdb->env, 4);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_maxreaders(lmdb->env, READERS_MAX);
    if (code == MDB_SUCCESS)
        code = mdb_env_open(lmdb->env, lmdb->file->path, env_flags(options, lmdb->file), 0600);
    if (code == EACCES || code == EROFS)
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" or its lock file \"%s-lock\" cannot be opened: permission denied",
                         lmdb->file->path, lmdb->file->path);
    if (code == MDB_INVALID || code == MDB_VERSION_MISMATCH) /* it does not say of which */
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" or its lock file \"%s-lock\" is not what LMDB expects (%s); keep "
                         "a copy of both, and see to it that the file system has file locks",
                         lmdb->file->path, lmdb->file->path, mdb_strerror(code));
    if (code != MDB_SUCCESS)
        return fail_lmdb(lmdb, code, XKV_E_DISK_STORE_OPEN);
    mdb_reader_check(lmdb->env, NULL);
    return check_identity(lmdb);
}

static int open_checked(struct lmdb *lmdb, const xkv_options *options) {
    int error = lmdb->read_only ? XKV_OK : xkv__file_lock(lmdb->file, options);

    if (error == XKV_OK)
        error = xkv__file_check(lmdb->file, options);
    if (error == XKV_OK)
        error = xkv__file_prepare_lock(lmdb->file, options);
    if (error == XKV_OK)
        error = open_env(lmdb, options);
    if (error == XKV_OK)
        error = verify(lmdb);
    return error == XKV_OK ? load(lmdb, options) : error;
}

int xkv__lmdb_open(const xkv_options *options, xkv__file *file, xkv__backend **backend) {
    struct lmdb *lmdb = xkv__alloc(sizeof *lmdb);

    if (!lmdb) {
        xkv__file_close(file, true);
        return XKV_E_STORE_FULL;
    }
    memset(lmdb, 0, sizeof *lmdb);
    lmdb->base.ops = &lmdb_ops;
    lmdb->file = file;
    lmdb->read_only = options->read_only;
    lmdb->syncs = !options->read_only && options->durability != XKV_DURABILITY_NONE;
    lmdb->syncs_all = !options->read_only && options->durability == XKV_DURABILITY_FULL;
    lmdb->tracked = options->track_keys;
    if (xkv__rwlock_init(&lmdb->map_lock) != XKV_OK ||
        xkv__rwlock_init(&lmdb->index_lock) != XKV_OK ||
        pthread_mutex_init(&lmdb->write_mutex, NULL) != 0) {
        xkv__file_close(file, true);
        xkv__free(lmdb);
        return XKV_E_STORE_FULL;
    }
    int error = open_checked(lmdb, options);
    if (error != XKV_OK) {
        if (lmdb->env)
            mdb_env_close(lmdb->env);
        xkv__tree_release(&lmdb->index);
        xkv__file_close(file, true);
        xkv__free(lmdb);
        return error;
    }
    lmdb->opened = true;
    *backend = &lmdb->base;
    return XKV_OK;
}
