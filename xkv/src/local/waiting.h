/*
 * waiting.h - requests that wait for keys
 *
 * A command with a timeout that has found nothing is parked, until a key is put or
 * becomes free that it may be satisfied with; then it is run again, in the
 * transaction of that change. So it is served in the same step, and nobody who comes
 * later can be quicker. Of those who want a key, the one who came first gets it.
 *
 * Those that a transaction parks or serves are settled when it is committed, and go
 * back to what they were when it is not. All but xkv__waiting_unpark is for the one
 * who is in a write transaction of the store.
 */
#ifndef XKV_LOCAL_WAITING_H
#define XKV_LOCAL_WAITING_H

#include "local/backend.h"
#include "store/request.h"

/* look is called by the thread of the timers when it is time to see what is due:
 * xkv__waiting_look_at. NULL when memory is short. */
xkv__waiting *xkv__waiting_new(void (*look)(void *context), void *context);
void xkv__waiting_free(xkv__waiting *waiting); /* NULL is allowed; nobody waits */

/* Has look called at a time of xkv__sys.now_ms (UINT64_MAX: never), and not at the one that
 * was given before; and until it has come to this again, once in a second. Only while
 * somebody waits. */
void xkv__waiting_look_at(xkv__waiting *waiting, uint64_t at_ms);

/* look will not be called any more, and is not being called. */
void xkv__waiting_stop(xkv__waiting *waiting);

/* How many requests wait: an xkv__waiting starts with this, since every write looks at it. */
struct xkv__waiters {
    _Atomic size_t count;
};

/* Whether anybody waits. It is certain only in a write transaction. */
static inline bool xkv__waiting_any(const xkv__waiting *waiting) {
    const struct xkv__waiters *waiters = (const struct xkv__waiters *)(const void *)waiting;
    return atomic_load_explicit(&waiters->count, memory_order_relaxed) > 0;
}

/* A key was put, or is free again: who wants it is to be asked. */
void xkv__waiting_note(xkv__waiting *waiting, xkv_bytes key);

/* Any key may be there now. */
void xkv__waiting_note_all(xkv__waiting *waiting);

/* Of those who may be satisfied by what was noted, the one who has waited longest;
 * NULL if there is none. It is to be run. */
xkv__request *xkv__waiting_next(xkv__waiting *waiting);

/* There is nothing for it, after all, nor for who wants the same: it waits on. */
void xkv__waiting_refuse(xkv__waiting *waiting, xkv__request *request);

/* It was served. */
void xkv__waiting_serve(xkv__waiting *waiting, xkv__request *request);

/* A request that was run and has found nothing. XKV_OK or XKV_E_STORE_FULL. */
int xkv__waiting_park(xkv__waiting *waiting, xkv__request *request);

/* The transaction was committed: those that it parked wait from now on. Returns those
 * that it served, for xkv__request_done when the transaction has been ended. */
xkv__requests xkv__waiting_settle(xkv__waiting *waiting);

/* It was not: those that it parked are not, those that it served wait on. With an error
 * other than XKV_OK nobody knows whether it was; then these end with the error. */
void xkv__waiting_undo(xkv__waiting *waiting, int error);

/* Forgets a request that was parked, and that the caller has moved to XKV__ENDED. */
void xkv__waiting_unpark(xkv__waiting *waiting, xkv__request *request);

#endif
