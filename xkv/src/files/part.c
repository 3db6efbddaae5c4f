/* part.c - see part.h */
#include "files/part.h"

#include "base/error.h"
#include "base/monitor.h"
#include "base/paths.h"
#include "store/registry.h"

#include <stdio.h>

int xkv__file_fault(bool writing, const char *what, const char *path, xkv__fault fault) {
    int code = XKV_E_SNAPSHOT_IO;

    switch (fault.cause) {
    case XKV__MISSING:
        code = writing ? XKV_E_SNAPSHOT_EXPORT : XKV_E_SNAPSHOT_NOT_FOUND;
        break;
    case XKV__DENIED:
    case XKV__READ_ONLY:
        code = XKV_E_SNAPSHOT_PERMISSION;
        break;
    case XKV__NO_DIRECTORY:
    case XKV__IS_DIRECTORY:
    case XKV__IS_LINK:
    case XKV__NO_FILE:
    case XKV__NAME_TOO_LONG:
    case XKV__EXISTS:
        code = writing ? XKV_E_SNAPSHOT_EXPORT : XKV_E_SNAPSHOT_READ;
        break;
    default:
        break;
    }
    return xkv__fail_fault(code, what, path, fault);
}

/* -- The target ---------------------------------------------------------------- */

static int fail_target(const char *path, const char *why) {
    return xkv__fail(XKV_E_SNAPSHOT_EXPORT, "\"%s\" %s; give another fileName", path, why);
}

/* Whether another process has a file open as a store: it would not notice that the file is
 * another one. One that cannot be opened is none, or not to be told from one. */
static bool is_in_use(const char *path) {
    xkv__handle handle;
    bool busy = false;

    if (xkv__files.open(path, 0, &handle).cause != XKV__FINE)
        return false;
    busy = xkv__files.lock(handle, true).cause == XKV__BUSY;
    xkv__files.close(handle);
    return busy;
}

static int check_target(const char *path) {
    xkv__status status;
    xkv__fault fault = xkv__files.look(path, false, &status);

    if (fault.cause == XKV__MISSING)
        return XKV_OK;
    if (fault.cause != XKV__FINE)
        return xkv__file_fault(true, "cannot write", path, fault);
    if (status.kind == XKV__LINK)
        return fail_target(path, "is a symbolic link, and those are not followed");
    if (status.kind != XKV__REGULAR)
        return fail_target(path, status.kind == XKV__DIRECTORY ? "is a directory"
                                                               : "is a device, a pipe or a socket");
    /* First: to open it, and close it again, would cost this process its locks. */
    if (xkv__is_open_here(&status.identity))
        return fail_target(path, "is the file of a store that is open");
    if (is_in_use(path))
        return fail_target(path, "is the file of a store that another process has open");
    return XKV_OK;
}

static int make_parents(const char *path) {
    char *copy = xkv__strdup(path);
    int error = copy ? xkv__make_parents(copy) : XKV_E_STORE_FULL;

    xkv__free(copy);
    return error == XKV_E_DISK_PATH ? xkv__fail_as(error, XKV_E_SNAPSHOT_EXPORT) : error;
}

/* -- Parts ----------------------------------------------------------------------- */

static int fail_busy(const char *name) {
    return xkv__fail(XKV_E_SNAPSHOT_EXPORT,
                     "\"%s\" is being written just now; give each export a fileName of its own",
                     name);
}

/*
 * The parts that this process has in hand. Their locks do not tell it enough: between the moment
 * when a part is closed by the store that it was written as and the one when it is locked again
 * there is none, and a file that has just got its place has one still, as if it were a store.
 */
static struct {
    xkv__mutex mutex;
    xkv__part *first;
} in_hand = {.mutex = XKV__MUTEX_STATIC};

static int take_part(xkv__part *part) {
    const xkv__part *other;

    xkv__mutex_lock(&in_hand.mutex);
    for (other = in_hand.first; other && strcmp(other->name, part->name) != 0;)
        other = other->next;
    part->in_hand = !other;
    if (part->in_hand) {
        part->next = in_hand.first;
        in_hand.first = part;
    }
    xkv__mutex_unlock(&in_hand.mutex);
    return part->in_hand ? XKV_OK : fail_busy(part->name);
}

static void put_part_down(xkv__part *part) {
    if (!part->in_hand)
        return;
    xkv__mutex_lock(&in_hand.mutex);
    xkv__part **at = &in_hand.first;
    while (*at != part)
        at = &(*at)->next;
    *at = part->next;
    xkv__mutex_unlock(&in_hand.mutex);
    part->in_hand = false;
}

/* Removes what a process has left that is gone. */
static int sweep(const char *name) {
    xkv__handle handle;
    xkv__fault fault = xkv__files.open(name, XKV__WRITING, &handle);

    if (fault.cause == XKV__MISSING)
        return XKV_OK;
    if (fault.cause != XKV__FINE)
        return xkv__file_fault(true, "cannot write", name, fault);
    fault = xkv__files.lock(handle, true);
    if (fault.cause == XKV__BUSY) {
        xkv__files.close(handle);
        return fail_busy(name);
    }
    fault = xkv__files.remove(name);
    xkv__files.close(handle);
    return fault.cause == XKV__FINE ? XKV_OK : xkv__file_fault(true, "cannot remove", name, fault);
}

static int name_part(xkv__part *part) {
    size_t size = strlen(part->path) + sizeof ".part";

    part->name = xkv__alloc(size);
    if (!part->name)
        return XKV_E_STORE_FULL;
    snprintf(part->name, size, "%s.part", part->path);
    return XKV_OK;
}

int xkv__part_begin(xkv__part *part, const char *path) {
    *part = (xkv__part){.path = path, .handle = XKV__NO_HANDLE};
    int error = name_part(part);
    if (error == XKV_OK)
        error = take_part(part);
    if (error == XKV_OK)
        error = check_target(path);
    if (error == XKV_OK)
        error = make_parents(path);
    if (error == XKV_OK)
        error = sweep(part->name);
    if (error != XKV_OK)
        xkv__part_end(part);
    return error;
}

/* The lock is ours before anybody could take the part for one that was left; or it is gone. */
static xkv__fault lock_part(xkv__part *part) {
    xkv__status ours, there;
    xkv__fault fault = xkv__files.lock(part->handle, true);

    if (fault.cause == XKV__UNSUPPORTED)
        fault.cause = XKV__FINE;
    if (fault.cause == XKV__FINE)
        fault = xkv__files.examine(part->handle, &ours);
    if (fault.cause == XKV__FINE)
        fault = xkv__files.look(part->name, false, &there);
    if (fault.cause == XKV__FINE && !xkv__identity_equal(&ours.identity, &there.identity))
        fault.cause = XKV__BUSY;
    if (fault.cause == XKV__BUSY) /* what is there is another's */
        part->written = false;
    part->locked = fault.cause == XKV__FINE;
    return fault;
}

int xkv__part_hold(xkv__part *part) {
    xkv__fault fault = xkv__files.open(part->name, XKV__WRITING, &part->handle);

    return fault.cause == XKV__FINE ? XKV_OK
                                    : xkv__file_fault(true, "cannot open", part->name, fault);
}

void xkv__part_grown(xkv__part *part, uint64_t size) {
    if (size >= XKV__BEHIND_FROM && !part->behind.runs && xkv__is_open(part->handle))
        xkv__behind_start(&part->behind, part->handle);
}

static int sync_part(xkv__part *part, uint64_t *size) {
    xkv__status status = {.size = 0};
    xkv__fault fault = xkv__behind_stop(&part->behind);

    if (fault.cause == XKV__FINE)
        fault = xkv__files.sync(part->handle);
    if (fault.cause == XKV__FINE)
        fault = xkv__files.examine(part->handle, &status);
    *size = status.size;
    return fault.cause == XKV__FINE ? XKV_OK
                                    : xkv__file_fault(true, "cannot sync", part->name, fault);
}

static int lock_again(xkv__part *part) {
    xkv__fault fault = lock_part(part);

    if (fault.cause == XKV__BUSY)
        return fail_busy(part->name);
    return fault.cause == XKV__FINE ? XKV_OK
                                    : xkv__file_fault(true, "cannot lock", part->name, fault);
}

/* After the rename it is there, whatever a power cut may leave of it. */
int xkv__part_finish(xkv__part *part, uint64_t *size) {
    int error = part->locked ? XKV_OK : lock_again(part);

    if (error == XKV_OK)
        error = sync_part(part, size);
    if (error != XKV_OK)
        return error;
    xkv__fault fault = xkv__files.rename(part->name, part->path);
    if (fault.cause != XKV__FINE)
        return xkv__file_fault(true, "cannot replace", part->path, fault);
    part->written = false;
    error = xkv__sync_parent(part->path);
    return error == XKV_E_DISK_PATH ? xkv__fail_as(error, XKV_E_SNAPSHOT_IO) : error;
}

/* It is locked until it is gone, or in its place; and in hand until it is not locked. */
void xkv__part_end(xkv__part *part) {
    (void)xkv__behind_stop(&part->behind);
    if (part->written)
        (void)xkv__files.remove(part->name);
    part->written = part->locked = false;
    if (xkv__is_open(part->handle))
        xkv__files.close(part->handle);
    part->handle = XKV__NO_HANDLE;
    put_part_down(part);
    xkv__free(part->name);
    part->name = NULL;
}

/* -- Output ----------------------------------------------------------------------- */

int xkv__output_begin(xkv__output *output, const char *path) {
    xkv__part *part = &output->part;
    int error = xkv__part_begin(part, path);

    output->written = 0;
    if (error != XKV_OK)
        return error;
    xkv__fault fault =
        xkv__files.open(part->name, XKV__WRITING | XKV__CREATE | XKV__NEW, &part->handle);
    part->written = fault.cause == XKV__FINE;
    if (fault.cause == XKV__FINE)
        fault = lock_part(part);
    if (fault.cause == XKV__FINE)
        return XKV_OK;
    error = xkv__file_fault(true, "cannot create", part->name, fault);
    xkv__part_end(part);
    return error;
}

int xkv__output_write(xkv__output *output, const void *data, size_t size) {
    xkv__fault fault = {XKV__TOO_LARGE, 0};

    if (output->written + size <= xkv__file_limit()) /* to try would be a signal */
        fault = xkv__files.write_at(output->part.handle, data, size, output->written);
    if (fault.cause != XKV__FINE)
        return xkv__file_fault(true, "cannot write", output->part.name, fault);
    xkv__part_grown(&output->part, output->written + size);
    output->written += size;
    return XKV_OK;
}

int xkv__output_finish(xkv__output *output, uint64_t *size) {
    return xkv__part_finish(&output->part, size);
}

void xkv__output_end(xkv__output *output) {
    xkv__part_end(&output->part);
}
