/*
 * file.h - opening the file of a disk store with care
 *
 * LMDB trusts its file: it follows links, notices neither a second opening in
 * the same process nor a truncated file, and may then crash. So the file is
 * opened and examined here first, and held open as long as the store is.
 */
#ifndef XKV_FILE_H
#define XKV_FILE_H

#include "internal.h"

#include <sys/types.h>

typedef struct xkv__file {
    int fd;
    dev_t device;
    ino_t inode;
    char *path; /* absolute */
    bool created, locked;
    int lock_fd;       /* LMDB's lock file, -1: none; see the bonds in file.c */
    bool without_lock; /* a reader that cannot use it, and keeps writers out instead */
    dev_t lock_device;
    ino_t lock_inode;
    bool kept;              /* for ever: xkv__file_keep */
    struct xkv__file *next; /* of those whose lock file this process has open */
} xkv__file;

/* Whether there is a regular file at path, and which. Does not open it: closing
 * it again would take away the record lock of xkv__file_lock. */
bool xkv__file_identify(const char *path, dev_t *device, ino_t *inode);

/* The absolute path, to be freed, that an option stands for. Whether there is a
 * file is not looked at. */
int xkv__file_path(const char *given, char **path);

/*
 * Opens the file at options->path, creating it and its parents unless
 * read_only. XKV_OK and *file, to be closed; else xkv__reason tells.
 */
int xkv__file_open(const xkv_options *options, xkv__file **file);

/* Takes the lock that only one writing process holds, waiting as long as
 * options->timeout_ms for it. */
int xkv__file_lock(xkv__file *file, const xkv_options *options);

/* Publishes the process id anew, after another descriptor of the file has been
 * closed, which takes it away. */
void xkv__file_label(const xkv__file *file);

/* Refuses what is not an LMDB file, or a damaged one. An empty file is fine,
 * unless read_only. */
int xkv__file_check(xkv__file *file, const xkv_options *options);

/*
 * Checks the whole structure as of an LMDB transaction: see verify.c. Nothing
 * may be written meanwhile that this transaction does not keep from being
 * reused: hold it, or the writer's lock. XKV__RETRY: it is too old by now.
 */
int xkv__file_verify(xkv__file *file, size_t page_size, uint64_t txn);

/*
 * Why the file cannot become larger, an errno, or 0 if it can: it then has a
 * block more at its end, which no page in use lies behind. Only its writer may
 * ask.
 */
int xkv__file_growth(const xkv__file *file);

/* XKV_E_DISK_STORE_CORRUPT, with what is wrong as its reason. */
int xkv__file_corrupt(const xkv__file *file, const char *what);

/*
 * Makes the lock file that LMDB is about to open, with care, and sees to it that
 * this file and it belong together: it is refused while a live process uses
 * either with another. A reader that may not use it takes a shared lock on the
 * file, and sets without_lock.
 */
int xkv__file_prepare_lock(xkv__file *file, const xkv_options *options);

/* Closes the file and gives up the lock; with undo, removes the file if
 * xkv__file_open created it and nobody else can have used it since: it must
 * still be locked by us. NULL is allowed. */
void xkv__file_close(xkv__file *file, bool undo);

/* Leaves the file open and locked as long as the process lives, since LMDB, which
 * cannot be closed any more, has it open, too. Opening it again is refused. */
void xkv__file_keep(xkv__file *file);

#endif
