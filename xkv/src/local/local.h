/*
 * local.h - the executor of stores on this machine: the engine over a backend
 */
#ifndef XKV_LOCAL_LOCAL_H
#define XKV_LOCAL_LOCAL_H

#include "command/command.h"
#include "local/backend.h"
#include "store/executor.h"

/* What the executor of a backend has for its own. */
typedef struct xkv__local_kind {
    /* Opens the backend at a site, which it takes over whatever it returns. XKV_OK or an
     * error with its reason. */
    int (*open)(const xkv_options *options, xkv__site *site, xkv__backend **backend);
} xkv__local_kind;

/* The backend of a store that such an executor has opened. */
xkv__backend *xkv__local_backend(xkv__opened *opened);

int xkv__local_open(const xkv__executor *self, const xkv_options *options, xkv__site *site,
                    xkv__opened **opened);
void xkv__local_close(xkv__opened *opened);
bool xkv__local_waits_for(const xkv__opened *opened, xkv_access access);
xkv__ran xkv__local_run(xkv__opened *opened, xkv__call *call);
void xkv__local_submit(xkv__opened *opened, xkv__request *request);
void xkv__local_unpark(xkv__opened *opened, xkv__request *request);
int xkv__local_walk(xkv__opened *opened, xkv_bytes prefix, xkv__visit *visit, void *context);
int xkv__local_replace(xkv__opened *opened, const xkv__source *source);
int xkv__local_look(xkv__opened *opened, xkv_activity *activity);

/* All of such an executor but its names, its sites and its kind. */
#define XKV__LOCAL                                                                                 \
    .at_once = true, .open = xkv__local_open, .close = xkv__local_close,                           \
    .waits_for = xkv__local_waits_for, .takes_long = xkv__takes_long, .run = xkv__local_run,       \
    .submit = xkv__local_submit, .unpark = xkv__local_unpark, .walk = xkv__local_walk,             \
    .replace = xkv__local_replace, .look = xkv__local_look

#endif
