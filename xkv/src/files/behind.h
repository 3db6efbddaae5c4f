/*
 * behind.h - a file that is synced while it is written
 *
 * What is synced only when all of it is written takes the time of both, one after the
 * other. A thread that syncs meanwhile has little left for the end.
 */
#ifndef XKV_FILES_BEHIND_H
#define XKV_FILES_BEHIND_H

#include "base/sys.h"

/* Files that are shorter are synced in a moment. In bytes. */
enum { XKV__BEHIND_FROM = 8 << 20 };

typedef struct xkv__behind {
    xkv__handle handle;
    xkv__monitor monitor; /* of what follows; begins with all zero */
    xkv__thread thread;
    bool runs, ending;
    xkv__fault fault; /* the first: the system tells it only once */
} xkv__behind;

/* Starts to sync a file now and then, from another thread. If there is none to be had, it is
 * synced in the end. */
void xkv__behind_start(xkv__behind *behind, xkv__handle handle);

/* Ends that, if it was started: what has failed. */
xkv__fault xkv__behind_stop(xkv__behind *behind);

#endif
