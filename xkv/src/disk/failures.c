/* failures.c - what goes wrong with an LMDB file, in words; see lmdb.h */
#include "base/error.h"
#include "base/text.h"
#include "command/options.h"
#include "disk/guard.h"
#include "disk/lmdb.h"

#include <stdio.h>

int xkv__fail_full(const xkv__lmdb *lmdb, const char *what) {
    return xkv__fail(XKV_E_STORE_FULL, "no room for \"%s\": %s; %s", lmdb->file->path, what,
                     lmdb->opened ? "the store goes on, and what it held is intact"
                                  : "it was not opened, and what it held is intact");
}

int xkv__fail_changed(const xkv__lmdb *lmdb) {
    return xkv__file_corrupt(
        lmdb->file, atomic_load(&lmdb->lost)
                        ? "a page has been overwritten while it was open; it takes no writes until "
                          "this process has ended"
                        : "a page has been overwritten while it was open");
}

int xkv__fail_below(xkv__lmdb *lmdb, xkv__cause cause, int code, int other) {
    const char *path = lmdb->file->path;

    switch (cause) {
    case XKV__NO_MEMORY:
        return xkv__fail_full(lmdb, "the memory is used up");
    case XKV__NO_SPACE:
        return xkv__fail_full(lmdb, "the disk is full");
    case XKV__QUOTA:
        return xkv__fail_full(lmdb, "the disk quota is used up");
    case XKV__TOO_LARGE:
        return xkv__fail_full(lmdb,
                              "the file may not grow any further: its file system takes no larger "
                              "one (FAT32 ends at 4 GiB), or a limit forbids it "
                              "(ulimit -f)");
    case XKV__BUSY: /* LMDB marks readers by their process id */
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" is open in a process with the same id (%lld) in another PID "
                         "namespace; let the containers share one (docker run --pid, Kubernetes "
                         "shareProcessNamespace), or give each a store of its own",
                         path, (long long)xkv__process_id());
    default:
        return xkv__fail(other, "\"%s\": %s (code %d)", path, mdb_strerror(code), code);
    }
}

int xkv__fail_lmdb(xkv__lmdb *lmdb, int code, int other) {
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
        return xkv__fail_full(lmdb, "too much was written in one step");
    case XKV__NO_ROOM:
        return xkv__fail_below(lmdb, XKV__NO_MEMORY, code, other);
    case XKV__DAMAGED:
        return xkv__file_corrupt(lmdb->file, "a record does not match its checksum");
    case MDB_BAD_TXN: /* with sound pages none of these is possible */
    case MDB_PAGE_FULL:
    case MDB_CURSOR_FULL:
    case MDB_INCOMPATIBLE:
    case XKV__ASSERTED:
        return xkv__fail_changed(lmdb);
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
        return xkv__fail_below(lmdb, xkv__fault_of(code).cause, code, other);
    }
}

int xkv__fail_read(xkv__lmdb *lmdb, int code) {
    return xkv__fail_lmdb(lmdb, code, XKV_E_DISK_STORE_READ);
}

void xkv__lmdb_lose(xkv__lmdb *lmdb) {
    atomic_store(&lmdb->lost, true);
    atomic_store(&lmdb->dead, true);
}

int xkv__fail_record(xkv__lmdb *lmdb, int code, xkv_bytes key) {
    char quoted[XKV__QUOTE_SIZE], what[XKV__QUOTE_SIZE + 64];

    if (code != XKV__DAMAGED || key.len == 0)
        return xkv__fail_read(lmdb, code);
    snprintf(what, sizeof what, "the record of key %s does not match its checksum",
             xkv__quote(key, quoted));
    return xkv__file_corrupt(lmdb->file, what);
}

int xkv__fail_write(xkv__txn *txn, int code) {
    if (code == XKV__ASSERTED)
        xkv__lmdb_lose(xkv__lmdb_of(txn));
    if (code != MDB_SUCCESS && code != MDB_NOTFOUND)
        txn->broken = true;
    return xkv__fail_lmdb(xkv__lmdb_of(txn), code, XKV_E_DISK_STORE_WRITE);
}

int xkv__fail_dead(const xkv__lmdb *lmdb) {
    if (atomic_load(&lmdb->lost))
        return xkv__fail_changed(lmdb);
    return xkv__fail(XKV_E_DISK_STORE_WRITE,
                     "\"%s\" takes no writes since one failed with an unknown outcome; check the "
                     "disk and reopen the store",
                     lmdb->file->path);
}

int xkv__fail_unmapped(const xkv__lmdb *lmdb) {
    return xkv__fail(XKV_E_STORE_FULL,
                     "\"%s\" could not be mapped into memory again, and is out of use; free "
                     "address space and reopen the store",
                     lmdb->file->path);
}
