/*
 * file.h - the file of a disk store, opened with care
 *
 * LMDB trusts its file: it follows links, notices neither a second opening in
 * the same process nor a truncated file, and may then crash. So the file is
 * opened and examined here first, and held open as long as the store is.
 */
#ifndef XKV_DISK_FILE_H
#define XKV_DISK_FILE_H

#include "base/sys.h"

typedef struct xkv__file {
    xkv__handle handle;
    xkv__identity identity;
    char *path; /* absolute */
    bool created, locked;
    xkv__handle lock;  /* LMDB's lock file, if it is open; see bonds.c */
    bool without_lock; /* a reader that cannot use it, and keeps writers out instead */
    xkv__identity lock_identity;
    bool kept;              /* for ever: xkv__file_keep */
    struct xkv__file *next; /* of those whose lock file this process has open */
} xkv__file;

/* -- file.c ------------------------------------------------------------------ */

/* Whether there is a regular file at path, and which. Does not open it: closing
 * it again would take away the signature of xkv__file_label. */
bool xkv__file_identify(const char *path, xkv__identity *identity);

/*
 * Opens the file at options->path, creating it and its parents unless
 * read_only. XKV_OK and *file, to be closed; else xkv__reason tells.
 */
int xkv__file_open(const xkv_options *options, xkv__file **file);

/* Closes the file and gives up its locks; with undo, removes the file if
 * xkv__file_open created it and nobody else can have used it since: it must
 * still be locked by us. NULL is allowed. */
void xkv__file_close(xkv__file *file, bool undo);

/* What the system says of it. XKV_OK, or code with the reason. */
int xkv__file_examine(const xkv__file *file, int code, xkv__status *status);

/*
 * Why the file cannot become larger; XKV__FINE if it can: it then has a block
 * more at its end, which no page in use lies behind. Only its writer may ask.
 */
xkv__fault xkv__file_growth(const xkv__file *file);

/* XKV_E_DISK_STORE_CORRUPT, with what is wrong as its reason. */
int xkv__file_corrupt(const xkv__file *file, const char *what);

/* -- check.c, verify.c --------------------------------------------------------- */

/* Refuses what is not an LMDB file, or a damaged one. An empty file is fine,
 * unless read_only. */
int xkv__file_check(xkv__file *file, const xkv_options *options);

/*
 * Whether a last page is nonsense for a file of that size. It may lie beyond the end: LMDB does
 * not write pages that a transaction allocated and gave back; that the pages in use are all
 * there is for xkv__file_verify to see.
 */
bool xkv__file_is_cut(uint64_t size, uint64_t page_size, uint64_t last_page);

/*
 * Checks the whole structure as of an LMDB transaction: see verify.c. Nothing
 * may be written meanwhile that this transaction does not keep from being
 * reused: hold it, or the writer's lock. XKV__RETRY: it is too old by now. What lies behind end
 * is a map's, and not the file's, unless end is 0.
 */
int xkv__file_verify(xkv__file *file, size_t page_size, uint64_t txn, uint64_t end);

/* The same as of a meta page (META_SIZE bytes) that has been read, with a page size that is one;
 * *what gets the first fault, static text, or NULL. XKV_OK also then, or an error that is
 * not about what is in the file. */
int xkv__file_find_fault(xkv__file *file, size_t page_size, const unsigned char *meta,
                         const char **what);

/* -- locks.c ----------------------------------------------------------------- */

/* Takes the lock that only one writing process holds, waiting as long as
 * options->timeout_ms for it. */
int xkv__file_lock(xkv__file *file, const xkv_options *options);

/* For a reader that LMDB's table of readers has no place for: on a read-only mount,
 * or another user's. Keeps writers out while it reads. */
int xkv__file_read_without_lock(xkv__file *file, const xkv_options *options);

/* Publishes the process id anew, after another handle of the file has been
 * closed, which takes it away. */
void xkv__file_label(const xkv__file *file);

/* The id of another process that has the file open for writing; 0: none that says so. */
int64_t xkv__file_writer(const xkv__file *file);

/* The process that holds the file for writing, or, if from_lmdb, its lock file, as
 * text for a message. */
const char *xkv__file_holder(const xkv__file *file, bool from_lmdb, char out[32]);

/* -- bonds.c ----------------------------------------------------------------- */

/*
 * Makes the lock file that LMDB is about to open, with care, and sees to it that
 * this file and it belong together: it is refused while a live process uses
 * either with another. A reader that may not use it takes a shared lock on the
 * file, and sets without_lock.
 */
int xkv__file_prepare_lock(xkv__file *file, const xkv_options *options);

/* Closes the lock file, if it is open. */
void xkv__file_leave_lock(xkv__file *file);

/* Leaves the file open and locked as long as the process lives, since LMDB, which
 * cannot be closed any more, has it open, too. Opening it again is refused; the
 * other function says whether that is so. */
void xkv__file_keep(xkv__file *file);
bool xkv__file_is_kept(const xkv__identity *identity);

/* Whether this process has the file open as a store, with its lock file. */
bool xkv__file_is_open(const xkv__identity *identity);

#endif
