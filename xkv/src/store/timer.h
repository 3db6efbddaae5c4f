/*
 * timer.h - one thread for all that is to happen at a time
 *
 * Calls that wait end when their time is over, and claims that somebody waits
 * for when theirs is. A timer lies in what it is for; nothing is allocated when
 * it is started, so that cannot fail where nothing may fail any more.
 */
#ifndef XKV_STORE_TIMER_H
#define XKV_STORE_TIMER_H

#include "base/heap.h"

typedef struct xkv__timer {
    xkv__heap_node node; /* private, and first: the one can be got from the other */

    /* It is time. Called by the thread, which holds the lock of all timers: it must
     * take no other lock and be short. True: the timer's owner has lost it to the
     * thread, which then calls fire without the lock. */
    bool (*is_due)(struct xkv__timer *timer);
    void (*fire)(struct xkv__timer *timer);
} xkv__timer;

/* Room for one more timer, for which the thread is there: from now on xkv__timer_start
 * cannot fail for it. XKV_OK or XKV_E_STORE_FULL. */
int xkv__timer_reserve(void);
void xkv__timer_unreserve(void);

/* Starts a timer, or moves one that runs. at_ms is by the clock xkv__sys.now_ms. */
void xkv__timer_start(xkv__timer *timer, uint64_t at_ms);

/* Stops it. Afterwards it does not become due, and fire is not being called unless
 * is_due had said true before. */
void xkv__timer_stop(xkv__timer *timer);

/* Stops it, and waits until it is not being fired. Never from fire. */
void xkv__timer_end(xkv__timer *timer);

/* Looks at the clock again, which tests move. */
void xkv__timer_look(void);

/* Ends the thread, if there is one. No timer is in use: it is for the close of the
 * last store. */
void xkv__timer_finish(void);

#endif
