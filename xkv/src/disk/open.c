/*
 * open.c - a store in an LMDB file is opened and closed
 *
 * What the file must be like: file.c, check.c, verify.c. What is in it: records.c,
 * and here the three databases, the format and its version.
 */
#include "base/error.h"
#include "command/options.h"
#include "disk/guard.h"
#include "disk/lmdb.h"
#include "disk/map.h"

#include <stdio.h>

enum { FORMAT_VERSION = 2, ID_SIZE = 16 };

static const char format_name[] = "format", id_name[] = "id";

/* -- The format ---------------------------------------------------------------- */

int xkv__lmdb_put_id(xkv__lmdb *lmdb, MDB_txn *txn) {
    unsigned char id[ID_SIZE];

    xkv__sys.entropy(id, sizeof id);
    return xkv__meta_put(txn, &lmdb->records, id_name, (xkv_bytes){id, sizeof id});
}

/* What says what this file is; and an id, which tells it from others. */
static int write_format(xkv__lmdb *lmdb, MDB_txn *txn, int serialization) {
    char text[64];
    if (serialization == XKV_ANY)
        serialization = XKV_JSON;
    int len = snprintf(text, sizeof text, "xk6-kv %d %s", FORMAT_VERSION,
                       xkv_serialization_name(serialization));

    int code = xkv__meta_put(txn, &lmdb->records, format_name, (xkv_bytes){text, (size_t)len});
    if (code == MDB_SUCCESS)
        code = xkv__lmdb_put_id(lmdb, txn);
    return xkv__fail_lmdb(lmdb, code, XKV_E_DISK_STORE_OPEN);
}

int xkv__format_refuse(const xkv__file *file, int version) {
    return xkv__fail(XKV_E_DISK_STORE_OPEN,
                     "\"%s\" has store format %d; this version knows %d: use the version that "
                     "wrote it, or another path",
                     file->path, version, FORMAT_VERSION);
}

/* The number of a serialization, -1 for a name that is none. */
static int serialization_of(const char *name) {
    int number = XKV_BINARY;

    while (number >= 0 && strcmp(xkv_serialization_name(number), name) != 0)
        number--;
    return number;
}

bool xkv__format_read(xkv_bytes value, int *version, int *serialization) {
    char text[64], name[16];

    if (value.len >= sizeof text)
        return false;
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    if (sscanf(text, "xk6-kv %d %15s", version, name) != 2)
        return false;
    *serialization = serialization_of(name);
    return true;
}

bool xkv__format_is_known(int version) {
    return version == FORMAT_VERSION;
}

/* Format 1, which was never released, had its text without a checksum. */
static bool is_format_1(const xkv__lmdb *lmdb, MDB_txn *txn) {
    static const char start[] = "xk6-kv 1 ";
    MDB_val at = {sizeof format_name, (void *)(uintptr_t)format_name}, record;

    return mdb_get(txn, lmdb->records.meta, &at, &record) == MDB_SUCCESS &&
           record.mv_size >= sizeof start && memcmp(record.mv_data, start, sizeof start - 1) == 0;
}

/* Notes what is there, too. */
static int check_format(xkv__lmdb *lmdb, MDB_txn *txn, int serialization) {
    xkv_bytes value;
    int version;

    if (is_format_1(lmdb, txn))
        return xkv__format_refuse(lmdb->file, 1);
    int code = xkv__meta_check(txn, &lmdb->records);
    if (code == MDB_SUCCESS)
        code = xkv__meta_get(txn, &lmdb->records, format_name, &value);
    if (code == MDB_NOTFOUND ||
        (code == MDB_SUCCESS && !xkv__format_read(value, &version, &lmdb->base.found)))
        code = XKV__DAMAGED;
    if (code != MDB_SUCCESS)
        return xkv__fail_lmdb(lmdb, code, XKV_E_DISK_STORE_OPEN);
    if (!xkv__format_is_known(version))
        return xkv__format_refuse(lmdb->file, version);
    if (lmdb->base.found < 0)
        return xkv__fail_lmdb(lmdb, XKV__DAMAGED, XKV_E_DISK_STORE_OPEN);
    if (serialization != XKV_ANY && serialization != lmdb->base.found)
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" was written with serialization \"%s\"; open it with that, or give "
                         "another path",
                         lmdb->file->path, xkv_serialization_name(lmdb->base.found));
    return XKV_OK;
}

/* An LMDB file without our databases is somebody else's, or new. */
static int open_databases(xkv__lmdb *lmdb, MDB_txn *txn, int serialization) {
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
        return xkv__fail_lmdb(lmdb, code, XKV_E_DISK_STORE_OPEN);
    return is_new ? write_format(lmdb, txn, serialization) : check_format(lmdb, txn, serialization);
}

/* An assertion need not end more than the opening: if there is a page that can
 * have been overwritten, nothing is written here. */
static int guarded_databases(xkv__lmdb *lmdb, MDB_txn *txn, int serialization) {
    int error;

    XKV__GUARD(error, open_databases(lmdb, txn, serialization));
    return error == XKV__ASSERTED ? xkv__fail_changed(lmdb) : error;
}

/* LMDB trusts the pages of its file; so they are checked before it looks at
 * them. A writer that commits twice meanwhile makes it necessary to try again. */
static int verify(xkv__lmdb *lmdb) {
    uint64_t end = xkv__map_extends_file && !lmdb->read_only ? lmdb->size_before : 0;
    MDB_stat stat;
    int error = XKV__RETRY;

    mdb_env_stat(lmdb->env, &stat);
    for (int tries = 0; tries < 100 && error == XKV__RETRY; tries++) {
        MDB_txn *txn;
        error = xkv__begin_opening(lmdb, MDB_RDONLY, &txn);
        if (error != XKV_OK)
            return error;
        error = xkv__file_verify(lmdb->file, stat.ms_psize, mdb_txn_id(txn), end);
        mdb_txn_abort(txn);
    }
    return error == XKV__RETRY ? xkv__file_corrupt(lmdb->file, "its first pages do not agree")
                               : error;
}

/* Opens the databases and builds the index in one transaction. */
static int load_once(xkv__lmdb *lmdb, const xkv_options *options) {
    MDB_txn *txn;
    MDB_envinfo info;
    int error = xkv__begin_opening(lmdb, lmdb->read_only ? MDB_RDONLY : 0, &txn);

    if (error != XKV_OK)
        return error;
    error = guarded_databases(lmdb, txn, options->serialization);
    if (error == XKV_OK && lmdb->tracked)
        error = xkv__index_build(lmdb, txn, &lmdb->index);
    atomic_store(&lmdb->index_txn, mdb_txn_id(txn));
    if (error != XKV_OK) {
        mdb_txn_abort(txn);
        return error;
    }
    error = xkv__fail_lmdb(lmdb, mdb_txn_commit(txn), XKV_E_DISK_STORE_OPEN);
    if (error == XKV_OK && !lmdb->read_only) {
        mdb_env_info(lmdb->env, &info);
        atomic_store(&lmdb->index_txn, info.me_last_txnid);
    }
    return error;
}

/* A new store has to find room in the map, too. */
static int load(xkv__lmdb *lmdb, const xkv_options *options) {
    int error;

    while ((error = load_once(lmdb, options)) == XKV__RETRY) {
        xkv__tree_release(&lmdb->index);
        error = xkv__grow_map(lmdb);
        if (error != XKV_OK)
            return error;
    }
    return error;
}

/* -- LMDB's part ---------------------------------------------------------------- */

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
static int fail_first_map(const xkv__lmdb *lmdb, const xkv_options *options) {
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

static int choose_map_size(xkv__lmdb *lmdb, const xkv_options *options) {
    xkv__status status;
    int error = xkv__file_examine(lmdb->file, XKV_E_DISK_STORE_READ, &status);

    if (error != XKV_OK)
        return error;
    lmdb->size_before = status.size;
    size_t size =
        xkv__map_first(status.size, (uint64_t)options->initial_map_size, options->read_only);
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
static int check_identity(xkv__lmdb *lmdb) {
    const char *path = lmdb->file->path;
    mdb_filehandle_t theirs;
    xkv__status status;
    int code = mdb_env_get_fd(lmdb->env, &theirs);

    if (code != MDB_SUCCESS)
        return xkv__fail_lmdb(lmdb, code, XKV_E_DISK_STORE_OPEN);
    xkv__fault fault = xkv__files.examine((xkv__handle){(intptr_t)theirs}, &status);
    if (fault.cause != XKV__FINE)
        return xkv__fail_system(XKV_E_DISK_STORE_OPEN, "cannot examine", path, fault);
    if (xkv__identity_equal(&status.identity, &lmdb->file->identity))
        return XKV_OK;
    return xkv__fail(XKV_E_DISK_STORE_OPEN, "\"%s\" was replaced while it was being opened", path);
}

static int open_held(xkv__lmdb *lmdb, const xkv_options *options) {
    int error = choose_map_size(lmdb, options);

    if (error != XKV_OK)
        return error;
    int code = mdb_env_create(&lmdb->env);
    if (code != MDB_SUCCESS)
        return xkv__fail_lmdb(lmdb, code, XKV_E_DISK_STORE_OPEN);
    if (!options->read_only)
        xkv__make_sparse(lmdb->file->handle);
    code = mdb_env_set_mapsize(lmdb->env, lmdb->map_size);
    xkv__guard_env(lmdb->env);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_maxdbs(lmdb->env, 4);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_maxreaders(lmdb->env, XKV__READERS_MAX);
    if (code == MDB_SUCCESS)
        code = mdb_env_open(lmdb->env, lmdb->file->path, env_flags(options, lmdb->file), 0600);
    xkv__cause cause = xkv__fault_of(code).cause;
    if (cause == XKV__DENIED || cause == XKV__READ_ONLY)
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" or its lock file \"%s-lock\" cannot be opened: permission denied",
                         lmdb->file->path, lmdb->file->path);
    if (code == MDB_INVALID || code == MDB_VERSION_MISMATCH) /* it does not say of which */
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" or its lock file \"%s-lock\" is not what LMDB expects (%s); keep "
                         "a copy of both, and see to it that the file system has file locks",
                         lmdb->file->path, lmdb->file->path, mdb_strerror(code));
    if (code != MDB_SUCCESS)
        return xkv__fail_lmdb(lmdb, code, XKV_E_DISK_STORE_OPEN);
    lmdb->mapped = true;
    mdb_reader_check(lmdb->env, NULL);
    return check_identity(lmdb);
}

static int open_env(xkv__lmdb *lmdb, const xkv_options *options) {
    if (!options->read_only)
        return open_held(lmdb, options);
    xkv__hold_size(lmdb->file->handle);
    int error = open_held(lmdb, options);
    xkv__let_size(lmdb->file->handle);
    return error;
}

/* Where the map has made the file longer, it is cut again: behind its pages, or if it could not be
 * opened to what it was. (Others may have it mapped: then it stays as it is, and whoever closes it
 * next cuts it.) */
static void close_env(xkv__lmdb *lmdb) {
    bool cut = xkv__map_extends_file && !lmdb->read_only && !atomic_load(&lmdb->unmapped);
    MDB_envinfo info = {.me_last_pgno = 0};
    MDB_stat stat = {.ms_psize = 0};

    if (cut && lmdb->mapped) {
        mdb_env_info(lmdb->env, &info);
        mdb_env_stat(lmdb->env, &stat);
    }
    mdb_env_close(lmdb->env);
    uint64_t used = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
    if (used > 0 && !lmdb->opened)
        used = lmdb->size_before;
    if (cut && stat.ms_psize > 0)
        xkv__cut_file(lmdb->file->handle, used);
}

/* -- All of it ------------------------------------------------------------------ */

/* Who is alone with a file that he writes has locked it already. */
static int see_to_lock(xkv__file *file, const xkv_options *options) {
    if (!options->alone)
        return xkv__file_prepare_lock(file, options);
    if (options->read_only)
        return xkv__file_read_without_lock(file, options);
    file->without_lock = true;
    return XKV_OK;
}

static int open_checked(xkv__lmdb *lmdb, const xkv_options *options) {
    int error = lmdb->read_only ? XKV_OK : xkv__file_lock(lmdb->file, options);

    if (error == XKV_OK)
        error = xkv__file_check(lmdb->file, options);
    if (error == XKV_OK)
        error = see_to_lock(lmdb->file, options);
    if (error == XKV_OK)
        error = open_env(lmdb, options);
    if (error == XKV_OK)
        error = verify(lmdb);
    return error == XKV_OK ? load(lmdb, options) : error;
}

static int init_locks(xkv__lmdb *lmdb) {
    int error = xkv__rwlock_init(&lmdb->map_lock);

    if (error != XKV_OK)
        return error;
    error = xkv__rwlock_init(&lmdb->index_lock);
    if (error == XKV_OK) {
        error = xkv__mutex_init(&lmdb->write_mutex);
        if (error == XKV_OK)
            return error;
        xkv__rwlock_destroy(&lmdb->index_lock);
    }
    xkv__rwlock_destroy(&lmdb->map_lock);
    return error;
}

/* All but what LMDB and the file have. */
static void lmdb_free(xkv__lmdb *lmdb) {
    xkv__tree_release(&lmdb->index);
    xkv__mutex_destroy(&lmdb->write_mutex);
    xkv__rwlock_destroy(&lmdb->index_lock);
    xkv__rwlock_destroy(&lmdb->map_lock);
    xkv__free(lmdb);
}

void xkv__lmdb_close(xkv__backend *backend) {
    xkv__lmdb *lmdb = (xkv__lmdb *)backend;

    xkv__drop_idle_readers(lmdb);
    if (!lmdb->read_only && !atomic_load(&lmdb->dead) && !atomic_load(&lmdb->unmapped))
        (void)mdb_env_sync(lmdb->env, 1);
    if (!atomic_load(&lmdb->lost))
        close_env(lmdb);
    if (atomic_load(&lmdb->lost))
        xkv__file_keep(lmdb->file);
    else
        xkv__file_close(lmdb->file, false);
    lmdb_free(lmdb);
}

static xkv__lmdb *lmdb_new(const xkv_options *options, xkv__file *file) {
    xkv__lmdb *lmdb = xkv__alloc(sizeof *lmdb);

    if (!lmdb)
        return NULL;
    memset(lmdb, 0, sizeof *lmdb);
    if (init_locks(lmdb) != XKV_OK) {
        xkv__free(lmdb);
        return NULL;
    }
    lmdb->base.ops = &xkv__lmdb_ops;
    lmdb->base.writes_wait = !options->read_only && options->durability != XKV_DURABILITY_NONE;
    lmdb->base.indexed = options->track_keys;
    lmdb->file = file;
    lmdb->read_only = options->read_only;
    lmdb->syncs_all = !options->read_only && options->durability == XKV_DURABILITY_FULL;
    lmdb->tracked = options->track_keys;
    return lmdb;
}

int xkv__lmdb_open(const xkv_options *options, xkv__file *file, xkv__backend **backend) {
    xkv__lmdb *lmdb = lmdb_new(options, file);
    int error = lmdb ? open_checked(lmdb, options) : XKV_E_STORE_FULL;

    if (error == XKV_OK) {
        lmdb->opened = true;
        *backend = &lmdb->base;
        return XKV_OK;
    }
    if (lmdb && lmdb->env)
        close_env(lmdb);
    if (lmdb)
        lmdb_free(lmdb);
    xkv__file_close(file, true);
    return error;
}

void xkv__lmdb_label(const xkv__backend *backend) {
    xkv__file_label(((const xkv__lmdb *)backend)->file);
}

/* -- For plain reads -------------------------------------------------------------- */

int xkv__lmdb_pin(const xkv_options *options, xkv__file *file, xkv__pin *pin) {
    pin->lmdb = lmdb_new(options, file);
    if (!pin->lmdb)
        return XKV_E_STORE_FULL;
    int error = xkv__file_prepare_lock(file, options);
    if (error == XKV_OK)
        error = open_env(pin->lmdb, options);
    return error == XKV_OK ? xkv__lmdb_pin_newest(pin) : error;
}

int xkv__lmdb_pin_newest(xkv__pin *pin) {
    if (pin->txn)
        mdb_txn_abort(pin->txn);
    pin->txn = NULL;
    int error = xkv__begin_opening(pin->lmdb, MDB_RDONLY, &pin->txn);
    pin->txn_id = error == XKV_OK ? mdb_txn_id(pin->txn) : 0;
    return error;
}

void xkv__lmdb_unpin(xkv__pin *pin) {
    if (pin->txn)
        mdb_txn_abort(pin->txn);
    if (pin->lmdb && pin->lmdb->env)
        mdb_env_close(pin->lmdb->env);
    if (pin->lmdb)
        lmdb_free(pin->lmdb);
    *pin = (xkv__pin){.lmdb = NULL};
}
