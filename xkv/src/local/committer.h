/*
 * committer.h - the thread that writes to a store, and commits for many at once
 */
#ifndef XKV_LOCAL_COMMITTER_H
#define XKV_LOCAL_COMMITTER_H

#include "local/backend.h"
#include "store/request.h"

typedef struct xkv__committer xkv__committer;

/* One that does not run yet; NULL when memory is short. */
xkv__committer *xkv__committer_new(void);
void xkv__committer_free(xkv__committer *committer); /* it does not run; NULL is allowed */

/* Has it run for a backend. XKV_OK, or XKV_E_STORE_FULL with a reason. */
int xkv__committer_start(xkv__committer *committer, xkv__backend *backend);

/* Waits for all that it has taken, and ends its thread. Nothing if it does not run. */
void xkv__committer_stop(xkv__committer *committer);

/* Whether it runs. */
bool xkv__committer_runs(const xkv__committer *committer);

/* Takes a request, which it will run in the order in which it came. */
void xkv__committer_take(xkv__committer *committer, xkv__request *request);

/* Has it see what is due, though nobody brings anything. */
void xkv__committer_look(xkv__committer *committer);

#endif
