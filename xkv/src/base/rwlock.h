/*
 * rwlock.h - a readers-writer lock whose readers do not disturb each other
 *
 * Each thread counts itself in at one of many counters, each on a cache line
 * of its own, so readers on different cores share no line that either writes.
 * A writer pays for it: it looks at all counters. That is the right bargain
 * for a store that is mostly read. (Known as a distributed or "big-reader"
 * lock; compare Hsieh and Weihl, "Scalable reader-writer locks for parallel
 * systems", 1992, and Dice and Kogan, "BRAVO", 2019.)
 *
 * Writers do not starve: once one has announced itself, new readers wait. Who
 * must wait for long sleeps. No recursion, in either mode.
 */
#ifndef XKV_BASE_RWLOCK_H
#define XKV_BASE_RWLOCK_H

#include "base/monitor.h"

enum { XKV__LOCK_SLOTS = 32 };

typedef struct xkv__rwlock {
    struct {
        _Atomic uint32_t readers;
        char apart[XKV__CACHE_LINE - sizeof(uint32_t)];
    } slot[XKV__LOCK_SLOTS];
    _Atomic bool writing; /* a writer holds the mutex and waits or works */
    _Atomic bool asleep;  /* the writer sleeps until a reader wakes it */
    xkv__mutex mutex;
    xkv__monitor left; /* a reader has gone */
} xkv__rwlock;

/* The calling thread's slot, 0 to XKV__LOCK_SLOTS - 1; also good for sharding
 * other things by thread. */
unsigned xkv__thread_slot(void);

int xkv__rwlock_init(xkv__rwlock *lock); /* XKV_OK or XKV_E_STORE_FULL */
void xkv__rwlock_destroy(xkv__rwlock *lock);
void xkv__read_lock(xkv__rwlock *lock);
void xkv__read_unlock(xkv__rwlock *lock);
void xkv__write_lock(xkv__rwlock *lock);
void xkv__write_unlock(xkv__rwlock *lock);

#endif
