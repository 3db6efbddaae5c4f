/*
 * below.h - stands between a store's file and the system
 *
 * LMDB calls write, pwrite, fdatasync and so on by name, so a program that defines
 * them sees every call, and may answer it as a failing disk would. Calls on files
 * other than the watched one pass.
 */
#ifndef XKV_TESTS_BELOW_H
#define XKV_TESTS_BELOW_H

#include "support.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/uio.h>

static struct {
    bool watching;
    dev_t device;
    ino_t inode;
    /* How many of size bytes at a place get written; -1 with errno for none.
     * go_on says what that is without a fault: size. */
    int64_t (*on_write)(int fd, int64_t at, const void *data, size_t size);
    int (*on_sync)(int fd);                   /* 0, or -1 with errno */
    int (*on_truncate)(int fd, int64_t size); /* the same */
} below;

/* From now on the hooks hear of this file, which must exist. */
static inline void below_watch(const char *path) {
    struct stat status;

    MUST(stat(path, &status) == 0);
    below.device = status.st_dev;
    below.inode = status.st_ino;
    below.watching = true;
}

static inline void below_ignore(void) {
    below.watching = false;
}

static inline bool below_concerns(int fd) {
    struct stat status;

    return below.watching && fstat(fd, &status) == 0 && status.st_dev == below.device &&
           status.st_ino == below.inode;
}

/* The system's function of that name, as a pointer of any type. */
static inline void below_find(const char *name, void *pointer, size_t size) {
    void *found = dlsym(RTLD_NEXT, name);

    MUST(found && size == sizeof found);
    memcpy(pointer, &found, size);
}

#define BELOW_REAL(name) below_find(#name, &real, sizeof real)

static inline int64_t below_allowed(int fd, int64_t at, const void *data, size_t size) {
    return below.on_write ? below.on_write(fd, at, data, size) : (int64_t)size;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    ssize_t (*real)(int, const void *, size_t, off_t);

    BELOW_REAL(pwrite);
    if (!below_concerns(fd))
        return real(fd, data, size, at);
    int64_t allowed = below_allowed(fd, at, data, size);
    return allowed < 0 ? -1 : real(fd, data, (size_t)allowed, at);
}

ssize_t write(int fd, const void *data, size_t size) {
    ssize_t (*real)(int, const void *, size_t);

    BELOW_REAL(write);
    if (!below_concerns(fd))
        return real(fd, data, size);
    int64_t allowed = below_allowed(fd, lseek(fd, 0, SEEK_CUR), data, size);
    return allowed < 0 ? -1 : real(fd, data, (size_t)allowed);
}

/* All parts in one piece, which the caller frees. */
static inline char *below_gather(const struct iovec *parts, int count, size_t *size) {
    *size = 0;
    for (int i = 0; i < count; i++)
        *size += parts[i].iov_len;
    char *whole = malloc(*size + 1), *at = whole;
    MUST(whole);
    for (int i = 0; i < count; at += parts[i++].iov_len)
        memcpy(at, parts[i].iov_base, parts[i].iov_len);
    return whole;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    ssize_t (*real)(int, const struct iovec *, int), written = -1;
    ssize_t (*real_write)(int, const void *, size_t);
    size_t size;

    BELOW_REAL(writev);
    if (!below_concerns(fd))
        return real(fd, parts, count);
    below_find("write", &real_write, sizeof real_write);
    char *whole = below_gather(parts, count, &size);
    int64_t allowed = below_allowed(fd, lseek(fd, 0, SEEK_CUR), whole, size);
    if (allowed >= 0)
        written = real_write(fd, whole, (size_t)allowed);
    free(whole);
    return written;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    ssize_t (*real)(int, const struct iovec *, int, off_t), written = -1;
    ssize_t (*real_write)(int, const void *, size_t, off_t);
    size_t size;

    BELOW_REAL(pwritev);
    if (!below_concerns(fd))
        return real(fd, parts, count, at);
    below_find("pwrite", &real_write, sizeof real_write);
    char *whole = below_gather(parts, count, &size);
    int64_t allowed = below_allowed(fd, at, whole, size);
    if (allowed >= 0)
        written = real_write(fd, whole, (size_t)allowed, at);
    free(whole);
    return written;
}

static inline bool below_sync_passes(int fd) {
    return !below_concerns(fd) || !below.on_sync || below.on_sync(fd) == 0;
}

int fdatasync(int fd) {
    int (*real)(int);

    BELOW_REAL(fdatasync);
    return below_sync_passes(fd) ? real(fd) : -1;
}

int fsync(int fd) {
    int (*real)(int);

    BELOW_REAL(fsync);
    return below_sync_passes(fd) ? real(fd) : -1;
}

int ftruncate(int fd, off_t size) {
    int (*real)(int, off_t);

    BELOW_REAL(ftruncate);
    if (below_concerns(fd) && below.on_truncate && below.on_truncate(fd, size) != 0)
        return -1;
    return real(fd, size);
}

#endif
