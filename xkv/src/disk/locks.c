/*
 * locks.c - one process writes to a file
 *
 * A lock on the whole file keeps the second writer out: it belongs to the open
 * file, so nothing else that this process does with the path gives it up. It
 * does not tell who holds it, so the holder also signs, far behind the data.
 * That is a label only: where it is lost (see sys.h), the process is not known.
 */
#include "base/error.h"
#include "disk/file.h"

#include <stdio.h>

/* Where the signature is, and LMDB's own lock on its lock file. */
static const uint64_t label_at = (uint64_t)1 << 60, lmdb_lock_at = 0;

enum { PAUSE_MS = 10, LONG_MS = 1000 };

int64_t xkv__file_writer(const xkv__file *file) {
    return xkv__files.signer(file->handle, label_at);
}

const char *xkv__file_holder(const xkv__file *file, bool from_lmdb, char out[32]) {
    xkv__handle handle = from_lmdb ? file->lock : file->handle;
    int64_t process = 0;

    if (xkv__is_open(handle))
        process = xkv__files.signer(handle, from_lmdb ? lmdb_lock_at : label_at);
    if (process > 0)
        snprintf(out, 32, "process %lld", (long long)process);
    else
        snprintf(out, 32, "another process");
    return out;
}

static int fail_locked(const xkv__file *file, int64_t waited_ms) {
    char holder[32];

    if (file->without_lock)
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" is open for writing in %s, and its lock file cannot be used from "
                         "here, where it is read-only or another user's (waited %lld ms); end that "
                         "process, or let this one write to the folder",
                         file->path, xkv__file_holder(file, false, holder), (long long)waited_ms);
    return xkv__fail(
        XKV_E_DISK_STORE_OPEN,
        "\"%s\" is open for writing in %s (waited %lld ms), or for reading where its "
        "lock file cannot be used; end it, wait longer with disk.timeout, or open with "
        "disk.readOnly",
        file->path, xkv__file_holder(file, false, holder), (long long)waited_ms);
}

/* Whether somebody should hear now that this takes its time: once. */
static bool is_long(int64_t waited_ms, bool *told) {
    bool now = waited_ms >= LONG_MS && !*told;

    *told = *told || now;
    return now;
}

static void tell_waiting(const xkv__file *file, int64_t timeout_ms) {
    char holder[32];

    xkv__notice("waiting for %s, which has \"%s\" open for writing; disk.timeout allows for %lld "
                "ms",
                xkv__file_holder(file, false, holder), file->path, (long long)timeout_ms);
}

static int lock_data(xkv__file *file, const xkv_options *options, bool exclusive) {
    uint64_t start = xkv__sys.now_ms();
    bool told = false;
    xkv__fault fault;

    while ((fault = xkv__files.lock(file->handle, exclusive)).cause == XKV__BUSY) {
        int64_t waited = (int64_t)(xkv__sys.now_ms() - start);
        if (waited >= options->timeout_ms)
            return fail_locked(file, options->timeout_ms);
        if (is_long(waited, &told))
            tell_waiting(file, options->timeout_ms);
        xkv__sleep_ms(PAUSE_MS);
    }
    if (fault.cause != XKV__FINE)
        return xkv__fail_system(XKV_E_DISK_STORE_OPEN, "cannot lock", file->path, fault);
    return XKV_OK;
}

int xkv__file_lock(xkv__file *file, const xkv_options *options) {
    int error = lock_data(file, options, true);

    if (error == XKV_OK) {
        file->locked = true;
        xkv__file_label(file);
    }
    return error;
}

int xkv__file_read_without_lock(xkv__file *file, const xkv_options *options) {
    file->without_lock = true;
    return lock_data(file, options, false);
}

void xkv__file_label(const xkv__file *file) {
    (void)xkv__files.sign(file->handle, label_at); /* fails for readers, who need none */
}
