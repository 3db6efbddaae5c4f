/*
 * part.h - a file that takes the place of another when it is complete
 *
 * What is to become "x" is written to "x.part" beside it, synced, and renamed. So there is
 * always the old file or the new one, whole; what a killed process has left of a part goes
 * with the next one. The lock on a part keeps two from being written at once, and tells one
 * that is being written from one that was left.
 */
#ifndef XKV_FILES_PART_H
#define XKV_FILES_PART_H

#include "files/behind.h"

typedef struct xkv__part {
    const char *path; /* of the file that it is for: the caller's */
    char *name;       /* of the part */
    bool written;     /* there is one, and it is ours */
    bool locked;      /* by handle */

    xkv__handle handle; /* or XKV__NO_HANDLE */
    xkv__behind behind;

    struct xkv__part *next; /* of those that this process has in hand */
    bool in_hand;
} xkv__part;

/* Whether there may be a file at path, and clears the way: parents are made, and what was
 * left is removed. XKV_OK, and the part, which stays where it is, is to be ended by one of the
 * two below; or XKV_E_SNAPSHOT_EXPORT, …_PERMISSION, …_IO, XKV_E_STORE_FULL. */
int xkv__part_begin(xkv__part *part, const char *path);

/* For a part that is written by others, who have locked it, and let go of it before it is
 * finished: from now on another that takes its place meanwhile is told from it. XKV_OK or
 * XKV_E_SNAPSHOT_…. */
int xkv__part_hold(xkv__part *part);

/* So many bytes have been written: a part that becomes large is synced while it is written. */
void xkv__part_grown(xkv__part *part, uint64_t size);

/* Puts it in its place. If another process has removed it, which it may where nobody had it
 * locked, nothing is put there, and what that process writes stays. XKV_OK or an error as above;
 * *size gets how many bytes there are. */
int xkv__part_finish(xkv__part *part, uint64_t *size);

/* Ends a part; removes it if it is not in its place. It is locked until then. */
void xkv__part_end(xkv__part *part);

/* A part that is written from its beginning to its end. */
typedef struct xkv__output {
    xkv__part part;
    uint64_t written;
} xkv__output;

/* As those of a part. */
int xkv__output_begin(xkv__output *output, const char *path);
int xkv__output_write(xkv__output *output, const void *data, size_t size);
int xkv__output_finish(xkv__output *output, uint64_t *size);
void xkv__output_end(xkv__output *output);

/* The code of what failed with a file. For one that is written, or read. */
int xkv__file_fault(bool writing, const char *what, const char *path, xkv__fault fault);

#endif
