/*
 * reclaim.h - large trees are freed in the background
 *
 * Whoever drops the last reference to a tree frees a little of it, and leaves
 * the rest to a thread; see reclaim.c for the bounds.
 */
#ifndef XKV_TREE_RECLAIM_H
#define XKV_TREE_RECLAIM_H

#include "base/config.h"

/* So much is freed by whoever drops a tree, in steps of about 0.1 us. */
enum { XKV__FREED_AT_ONCE = 1024 };

/* Whether anything waits to be freed. */
extern _Atomic bool xkv__reclaim_waits;

/* Who makes an entry of so many bytes calls this while anything waits. */
void xkv__reclaim_pay(size_t size);

/* Frees everything that waits and ends the thread, if there is one. No tree is
 * in use then: it is for the close of the last store. */
void xkv__reclaim_finish(void);

#endif
