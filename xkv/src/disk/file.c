/* file.c - see file.h */
#include "disk/file.h"
#include "base/error.h"
#include "base/paths.h"
#include "disk/map.h"

/* -- Opening ----------------------------------------------------------------- */

static int fail_open(const char *path, xkv__fault fault) {
    xkv__cause cause = fault.cause;
    bool bad_path = cause == XKV__IS_LINK || cause == XKV__IS_DIRECTORY ||
                    cause == XKV__NO_DIRECTORY || cause == XKV__NAME_TOO_LONG ||
                    cause == XKV__NO_FILE;

    if (cause == XKV__MISSING) /* else it would have been created */
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "there is no store at \"%s\", and disk.readOnly does not create one",
                         path);
    return xkv__fail_system(bad_path ? XKV_E_DISK_PATH : XKV_E_DISK_STORE_OPEN, "cannot open", path,
                            fault);
}

/* A file that nobody else has must be a new one. */
static int create(xkv__file *file, bool alone) {
    int error = xkv__make_parents(file->path);

    if (error != XKV_OK)
        return error;
    xkv__fault fault =
        xkv__files.open(file->path, XKV__WRITING | XKV__CREATE | XKV__NEW, &file->handle);
    file->created = fault.cause == XKV__FINE;
    if (fault.cause == XKV__EXISTS && !alone) /* somebody else was quicker */
        fault = xkv__files.open(file->path, XKV__WRITING, &file->handle);
    return fault.cause == XKV__FINE
               ? XKV_OK
               : xkv__fail_system(XKV_E_DISK_PATH, "cannot create", file->path, fault);
}

static int open_or_create(xkv__file *file, const xkv_options *options) {
    unsigned how = options->read_only ? 0 : XKV__WRITING;

    if (options->alone && !options->read_only)
        return create(file, true);
    xkv__fault fault = xkv__files.open(file->path, how, &file->handle);
    if (fault.cause == XKV__MISSING && !options->read_only)
        return create(file, false);
    return fault.cause == XKV__FINE ? XKV_OK : fail_open(file->path, fault);
}

/* In a folder that all may write to, another user may have made the file first:
 * he would read what is stored, and could end this process by cutting it short. */
static int check_owner(const xkv__file *file, const xkv__status *status, bool read_only) {
    bool foreign = status->owner == XKV__ANOTHER;

    if ((!foreign || read_only) && !status->open_to_all)
        return XKV_OK;
    return xkv__fail(XKV_E_DISK_PATH,
                     "\"%s\" %s (owner %ld, mode %03o), who could read and change what is stored; "
                     "give a path in a folder of your own, or mend it with %s",
                     file->path,
                     foreign ? "belongs to another user" : "may be written to by every user",
                     status->owner_id, status->mode, xkv__mend_owner);
}

static int check_kind(const xkv__file *file, const xkv__status *status) {
    if (status->kind != XKV__REGULAR)
        return xkv__fail(XKV_E_DISK_PATH, "\"%s\" is %s; give the path of a file", file->path,
                         status->kind == XKV__DIRECTORY ? "a directory" : "not a regular file");
    if (status->links > 1) /* by another name the lock file is another one */
        return xkv__fail(XKV_E_DISK_PATH,
                         "\"%s\" has %llu hard links, under which processes would not notice each "
                         "other; copy the file, and use the copy",
                         file->path, (unsigned long long)status->links);
    return XKV_OK;
}

static int check_opened(xkv__file *file, bool read_only) {
    xkv__status status;
    int error = xkv__file_examine(file, XKV_E_DISK_STORE_OPEN, &status);

    if (error == XKV_OK)
        error = check_kind(file, &status);
    if (error != XKV_OK)
        return error;
    file->identity = status.identity;
    if (xkv__file_is_kept(&file->identity)) /* LMDB would wait for itself */
        return xkv__file_corrupt(file, "a page was overwritten while it was open, and this "
                                       "process cannot open it again");
    return check_owner(file, &status, read_only);
}

int xkv__file_open(const xkv_options *options, xkv__file **out) {
    xkv__file *file = xkv__alloc(sizeof *file);

    if (!file)
        return XKV_E_STORE_FULL;
    *file = (xkv__file){.handle = XKV__NO_HANDLE, .lock = XKV__NO_HANDLE};
    int error = xkv__file_path(options->path, &file->path);
    if (error == XKV_OK)
        error = open_or_create(file, options);
    if (error == XKV_OK)
        error = check_opened(file, options->read_only);
    if (error != XKV_OK) {
        xkv__file_close(file, true);
        return error;
    }
    *out = file;
    return XKV_OK;
}

/* -- Examining --------------------------------------------------------------- */

bool xkv__file_identify(const char *path, xkv__identity *identity) {
    xkv__status status;

    if (xkv__files.look(path, false, &status).cause != XKV__FINE || status.kind != XKV__REGULAR)
        return false;
    *identity = status.identity;
    return true;
}

int xkv__file_examine(const xkv__file *file, int code, xkv__status *status) {
    xkv__fault fault = xkv__files.examine(file->handle, status);

    return fault.cause == XKV__FINE ? XKV_OK
                                    : xkv__fail_system(code, "cannot examine", file->path, fault);
}

int xkv__file_corrupt(const xkv__file *file, const char *what) {
    return xkv__fail(XKV_E_DISK_STORE_CORRUPT,
                     "\"%s\" is damaged: %s; keep a copy of it before anything else, then restore "
                     "a backup, or give another path",
                     file->path, what);
}

xkv__fault xkv__file_growth(const xkv__file *file) {
    static const char block[4096];
    xkv__status status;
    xkv__fault fault = xkv__files.examine(file->handle, &status);

    if (fault.cause != XKV__FINE)
        return fault;
    size_t larger = (size_t)status.size + sizeof block;
    if (xkv__map_within_limit(larger) < larger) /* to try would be a signal */
        return (xkv__fault){XKV__TOO_LARGE, 0};
    return xkv__files.write_at(file->handle, block, sizeof block, status.size);
}

/* -- Closing ------------------------------------------------------------------- */

/* Whether the path still leads to the file, whose identity may be what was not to be had. */
static bool is_still_there(const xkv__file *file) {
    xkv__status ours;
    xkv__identity there;

    return xkv__files.examine(file->handle, &ours).cause == XKV__FINE &&
           xkv__file_identify(file->path, &there) && xkv__identity_equal(&there, &ours.identity);
}

/* Whether nobody else has used the file that we created: we have the lock since
 * before anything was written, or can get it and nothing was. */
static bool is_ours_alone(const xkv__file *file) {
    xkv__status status;

    if (file->locked)
        return true;
    return xkv__files.lock(file->handle, true).cause == XKV__FINE &&
           xkv__files.examine(file->handle, &status).cause == XKV__FINE && status.size == 0;
}

void xkv__file_close(xkv__file *file, bool undo) {
    if (!file)
        return;
    if (undo && file->created && is_ours_alone(file) && is_still_there(file))
        (void)xkv__files.remove(file->path);
    xkv__file_leave_lock(file);
    if (xkv__is_open(file->handle))
        xkv__files.close(file->handle);
    xkv__free(file->path);
    xkv__free(file);
}
