/*
 * registry.h - the stores that this process has open
 */
#ifndef XKV_STORE_REGISTRY_H
#define XKV_STORE_REGISTRY_H

#include "store/executor.h"

enum xkv__core_state { XKV__OPENING, XKV__OPEN, XKV__CLOSING, XKV__FAILED };

/* An open store; handles refer to it. */
typedef struct xkv__core {
    struct xkv__core *next; /* in the registry: under its lock, as all up to reason */
    enum xkv__core_state state;
    unsigned handles; /* and threads that wait for it to be open */
    int error;        /* FAILED: why */
    char *reason;
    xkv_options options; /* own copies of texts; with the name of the site */
    xkv__site site;      /* without what it held */
    const xkv__executor *executor;
    xkv__opened *opened;

    xkv__monitor monitor;
    _Atomic uint32_t under_way; /* requests; the last one ends inside the monitor */
} xkv__core;

/* The options with all that follows from one another, and from what is NULL. */
xkv_options xkv__options_completed(const xkv_options *options);

/* A core for options, whether it was open or not, with one handle more. XKV_OK or an
 * error with its reason. */
int xkv__core_get(const xkv_options *options, xkv__core **core);

/* The same, with whatever other options it is open. */
int xkv__core_get_any(const xkv_options *options, xkv__core **core);

/* Whether this process has a file open as a store. */
bool xkv__is_open_here(const xkv__identity *identity);

/* Gives a handle back; the last one closes the store. */
void xkv__core_release(xkv__core *core);

/* A request of the store has begun, or is over: the store is closed when all are. */
void xkv__core_enter(xkv__core *core);
void xkv__core_leave(xkv__core *core);

#endif
