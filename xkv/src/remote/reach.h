/*
 * reach.h - connections that are made again and again, in a thread of their own
 */
#ifndef XKV_REMOTE_REACH_H
#define XKV_REMOTE_REACH_H

#include "remote/dial.h"

typedef struct xkv__reach_ops {
    /* As xkv__dial, in whatever thread. */
    int (*dial)(void *context, xkv__line *line);
    void *dial_context;

    /* Says that there is something to be taken. From any thread. */
    void (*wake)(void *context);
    void *wake_context;
    int64_t timeout_ms; /* how long it may take */
} xkv__reach_ops;

/* Belongs to one thread at a time. */
typedef struct xkv__reach {
    xkv__reach_ops ops;
    bool has_thread;
    xkv__thread thread;
    int64_t retry_ns; /* when it is to be tried again, of xkv__monitor_now */
    int back_off_ms;

    xkv__mutex mutex; /* of what the thread leaves behind: */
    bool has_ended;
    xkv__handle socket; /* a connection, or none, */
    char *reason;       /* and why not */
} xkv__reach;

/* XKV_OK, and ended by the next, or XKV_E_STORE_FULL. */
int xkv__reach_begin(xkv__reach *reach, const xkv__reach_ops *ops);
void xkv__reach_end(xkv__reach *reach);

/* Takes the connection that was made: the caller's to close. None: it goes on to be tried,
 * and *reason, if it is not NULL, says why there is none. Then that is the caller's to free. */
xkv__handle xkv__reach_look(xkv__reach *reach, char **reason);

/* Does not try before that time. */
void xkv__reach_not_before(xkv__reach *reach, int64_t at_ns);

/* When there is something to do, if nothing comes. */
int64_t xkv__reach_next_ns(const xkv__reach *reach);

#endif
