/*
 * lead.h - which thread works for a store's connections
 *
 * One at a time does: it has the lead. Who waits for completions takes it (store/driver.h),
 * so that nobody has to be woken for each of them; a thread of our own has it while
 * somebody waits who cannot drive, or has left something that nobody waits for. While who
 * has the lead sleeps, others may do a piece of work in its place.
 */
#ifndef XKV_REMOTE_LEAD_H
#define XKV_REMOTE_LEAD_H

#include "base/net.h"

enum { XKV__WATCHED_MAX = 64 };

/* What there is to be waited for. */
typedef struct xkv__sleep {
    xkv__watched watched[XKV__WATCHED_MAX];
    size_t count;
    int64_t wait_ms; /* no longer than this, -1: for ever */
} xkv__sleep;

typedef struct xkv__lead_ops {
    /* Does what there is to do now, and says what to wait for. */
    void (*work)(void *context, xkv__sleep *sleep);

    /* Whether something has come since; and whether there is anything to wait for. They may be
     * called with any lock. */
    bool (*has_come)(void *context);
    bool (*has_work)(void *context);

    /* Some of what was waited for is ready. */
    void (*hear)(void *context, const xkv__sleep *sleep);
    void *context;
} xkv__lead_ops;

typedef struct xkv__lead xkv__lead;

/* NULL when memory is short. */
xkv__lead *xkv__lead_start(const xkv__lead_ops *ops);

/* There is no more work, and nobody waits: nobody has the lead any more. Others may wake until
 * it is freed. */
void xkv__lead_stop(xkv__lead *lead);
void xkv__lead_free(xkv__lead *lead);

/* Something has come: see to it that somebody works. */
void xkv__lead_call(xkv__lead *lead);

/* The same, if that can be done at once and by this thread: it may only be as long as
 * nothing else is under way, since more is better done together. */
void xkv__lead_help(xkv__lead *lead);

/* Somebody waits who does not drive; until it is over. */
void xkv__lead_need(xkv__lead *lead);
void xkv__lead_need_no_more(xkv__lead *lead);

/* Between these nobody works. */
void xkv__lead_stop_work(xkv__lead *lead);
void xkv__lead_go_on(xkv__lead *lead);

#endif
