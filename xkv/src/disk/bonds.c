/*
 * bonds.c - the lock file that LMDB has beside its file
 *
 * LMDB finds its lock file by the name of the data. So when a file is replaced
 * while somebody has the old one open, old and new share one lock file, and with
 * it the counter of transactions; and when the lock file is deleted, or the data
 * is renamed, processes that have one file open do not see each other. Either
 * loses what was written.
 *
 * So who has a store open leaves a mark on each of the two files, far behind
 * their bytes, at a place that is made from the identity of the other one. A
 * mark at any other place there means that the two do not belong together. Marks
 * last until the handle is closed, and no longer than the process.
 *
 * And LMDB opens its lock file by name, follows links, makes it long by a hole,
 * and then writes to it through a map: on a full disk that is the end of the
 * process. So the file is made here.
 */
#include "base/error.h"
#include "base/xxh64.h"
#include "disk/file.h"
#include "disk/lmdb_format.h"

#include <stdio.h>

/* What LMDB makes of it with the readers that we ask for. */
enum { LOCK_FILE_SIZE = 32 << 10 };

/* Those of this process whose lock file is open. To open one twice and close it
 * once would take away LMDB's locks on it. */
static xkv__file *bonded;
static xkv__mutex bonded_mutex = XKV__MUTEX_STATIC;

/* -- What the lock file holds --------------------------------------------------- */

/* Whether all of a file is zeros. */
static xkv__fault look_for_blank(xkv__handle lock, bool *blank) {
    unsigned char bytes[4096];
    size_t got = sizeof bytes;
    xkv__fault fault = {XKV__FINE, 0};

    *blank = true;
    for (uint64_t at = 0; *blank && got == sizeof bytes; at += got) {
        fault = xkv__files.read_at(lock, bytes, sizeof bytes, at, &got);
        if (fault.cause != XKV__FINE)
            return fault;
        for (size_t i = 0; i < got; i++)
            *blank = *blank && bytes[i] == 0;
    }
    return fault;
}

/* LMDB's lock files start with its magic number, where no file of data has it;
 * or it had no time to write to what was made here. */
static xkv__fault look_for_lock_file(xkv__handle lock, uint64_t size, bool *is_one) {
    unsigned char magic[4];
    size_t got = 0;
    xkv__fault fault = xkv__files.read_at(lock, magic, sizeof magic, 0, &got);

    *is_one = got == sizeof magic && xkv__get_u32(magic) == LMDB_MAGIC;
    if (fault.cause != XKV__FINE || *is_one || size > LOCK_FILE_SIZE)
        return fault;
    return look_for_blank(lock, is_one);
}

/* What LMDB makes of it last, its magic number, is there first, so that the file is
 * known for what it is if the process ends in between. (LMDB makes all of it anew
 * when nobody else has it open, and waits for others to be ready.) */
static xkv__fault fill_lock_file(xkv__handle lock) {
    const uint32_t magic = LMDB_MAGIC;
    xkv__fault fault = xkv__files.allocate(lock, LOCK_FILE_SIZE);

    if (fault.cause != XKV__FINE && fault.cause != XKV__UNSUPPORTED) /* then holes will do */
        return fault;
    fault = xkv__files.write_at(lock, &magic, sizeof magic, 0);
    if (fault.cause == XKV__BUSY) /* by LMDB's lock on the first byte: so it is there */
        fault.cause = XKV__FINE;
    return fault;
}

/* -- Bonds ------------------------------------------------------------------- */

static const uint64_t bonds_at = (uint64_t)1 << 61, bonds_size = (uint64_t)1 << 60;

static uint64_t bond_place(const xkv__identity *other) {
    return bonds_at + xkv__xxh64(other->bytes, sizeof other->bytes, 0) % bonds_size;
}

/* Whether nobody else holds a file together with another one than this. */
static bool bond(xkv__handle handle, const xkv__identity *other) {
    uint64_t place = bond_place(other);

    (void)xkv__files.mark(handle, place); /* a file system without locks has no bonds */
    return !xkv__files.is_marked(handle, bonds_at, place) &&
           !xkv__files.is_marked(handle, place + 1, bonds_at + bonds_size);
}

static int make_bond(xkv__file *file, const char *name) {
    char holder[32];

    if (!bond(file->lock, &file->identity))
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" was replaced while %s has the file open that was there before; "
                         "end that process first",
                         file->path, xkv__file_holder(file, true, holder));
    if (!bond(file->handle, &file->lock_identity))
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "%s has \"%s\" open with another lock file than \"%s\": that was deleted, "
                         "or the store was renamed; end that process first",
                         xkv__file_holder(file, false, holder), file->path, name);
    return XKV_OK;
}

/* -- Opening and closing it ---------------------------------------------------- */

static int check_unused(const xkv__file *file, const xkv__identity *lock) {
    for (const xkv__file *other = bonded; other; other = other->next) {
        if (xkv__identity_equal(&other->lock_identity, lock))
            return xkv__fail(XKV_E_DISK_STORE_OPEN,
                             "\"%s\" was replaced while this process has the file open that was "
                             "there before; close that first",
                             file->path);
    }
    return XKV_OK;
}

/* Of what is there already, if anything is. */
static int check_name(const xkv__file *file, const char *name) {
    xkv__status status;

    if (xkv__files.look(name, false, &status).cause != XKV__FINE)
        return XKV_OK;
    if (status.kind != XKV__REGULAR)
        return xkv__fail(
            XKV_E_DISK_PATH,
            "the lock file \"%s\" is not a regular file; move it away, or give the store "
            "another path",
            name);
    return check_unused(file, &status.identity);
}

static int fail_prepare(const char *name, xkv__fault fault) {
    return xkv__fail_system(XKV_E_DISK_STORE_OPEN, "cannot prepare the lock file", name, fault);
}

static int check_lock_file(xkv__file *file, const char *name) {
    xkv__status status;
    bool is_one = false;
    xkv__fault fault = xkv__files.examine(file->lock, &status);

    if (fault.cause == XKV__FINE)
        fault = look_for_lock_file(file->lock, status.size, &is_one);
    if (fault.cause != XKV__FINE)
        return fail_prepare(name, fault);
    if (!is_one)
        return xkv__fail(XKV_E_DISK_PATH,
                         "the lock file \"%s\" would overwrite a file that is none; give the store "
                         "another path",
                         name);
    file->lock_identity = status.identity;
    return XKV_OK;
}

/* XKV_OK and no lock: it may not be used. With bonded_mutex, so that no other
 * thread opens it for another file meanwhile. */
static int open_lock(xkv__file *file, bool read_only, const char *name) {
    int error = check_name(file, name);

    if (error != XKV_OK)
        return error;
    xkv__fault fault = xkv__files.open(name, XKV__WRITING | XKV__CREATE, &file->lock);
    if (read_only && (fault.cause == XKV__READ_ONLY || fault.cause == XKV__DENIED))
        return XKV_OK;
    if (fault.cause != XKV__FINE)
        return fail_prepare(name, fault);
    error = check_lock_file(file, name);
    if (error == XKV_OK) {
        file->next = bonded;
        bonded = file;
    }
    return error;
}

static int prepare_lock(xkv__file *file, const xkv_options *options, const char *name) {
    xkv__mutex_lock(&bonded_mutex);
    int error = open_lock(file, options->read_only, name);
    xkv__mutex_unlock(&bonded_mutex);
    if (error != XKV_OK)
        return error;
    if (!xkv__is_open(file->lock))
        return xkv__file_read_without_lock(file, options);
    xkv__fault fault = fill_lock_file(file->lock);
    return fault.cause == XKV__FINE ? make_bond(file, name) : fail_prepare(name, fault);
}

int xkv__file_prepare_lock(xkv__file *file, const xkv_options *options) {
    size_t size = strlen(file->path) + sizeof "-lock";
    char *name = xkv__alloc(size);

    if (!name)
        return XKV_E_STORE_FULL;
    snprintf(name, size, "%s-lock", file->path);
    int error = prepare_lock(file, options, name);
    xkv__free(name);
    return error;
}

/* Closes it before another thread may open it again. */
void xkv__file_leave_lock(xkv__file *file) {
    xkv__mutex_lock(&bonded_mutex);
    xkv__file **link = &bonded;
    while (*link && *link != file)
        link = &(*link)->next;
    if (*link)
        *link = file->next;
    if (xkv__is_open(file->lock))
        xkv__files.close(file->lock);
    file->lock = XKV__NO_HANDLE;
    xkv__mutex_unlock(&bonded_mutex);
}

/* -- Files that stay ----------------------------------------------------------- */

void xkv__file_keep(xkv__file *file) {
    xkv__mutex_lock(&bonded_mutex);
    file->kept = true;
    xkv__mutex_unlock(&bonded_mutex);
}

bool xkv__file_is_open(const xkv__identity *identity) {
    bool is_open = false;

    xkv__mutex_lock(&bonded_mutex);
    for (const xkv__file *file = bonded; file && !is_open; file = file->next)
        is_open = xkv__identity_equal(&file->identity, identity);
    xkv__mutex_unlock(&bonded_mutex);
    return is_open;
}

bool xkv__file_is_kept(const xkv__identity *identity) {
    bool kept = false;

    xkv__mutex_lock(&bonded_mutex);
    for (const xkv__file *file = bonded; file && !kept; file = file->next)
        kept = file->kept && xkv__identity_equal(&file->identity, identity);
    xkv__mutex_unlock(&bonded_mutex);
    return kept;
}
