/*
 * executor.h - who carries out the commands of an open store
 *
 * Handles know how to bring a command, and in which order; what becomes of it is
 * an executor's affair. There is one for each kind of store: the engine of local/
 * over a map in memory or on disk, and servers. kinds.c names them all.
 */
#ifndef XKV_STORE_EXECUTOR_H
#define XKV_STORE_EXECUTOR_H

#include "base/sys.h"
#include "formats/visit.h"
#include "store/request.h"

/* Where a store is: what tells whether two are one. */
typedef struct xkv__site {
    char *name;  /* what tells it from others as long as nothing exists; to be freed */
    bool exists; /* there is something that has an identity, which decides */
    xkv__identity identity;
    void *held; /* what was opened to find it; open and leave take it over */
} xkv__site;

typedef struct xkv__executor xkv__executor;

/* What an executor has opened. Every one's own struct starts with this. */
typedef struct xkv__opened {
    const xkv__executor *executor;
    const xkv_options *options;
    /* Of the store that is there, if options left it open: xkv_serialization, and of those on
     * servers how many partitions. */
    int serialization;
    int64_t partitions;
} xkv__opened;

/* Entries that come from somewhere. */
typedef struct xkv__source {
    /* Has put called for each of them, in the order of the keys, none twice. May be called again,
     * and then begins anew. */
    int (*each)(void *context, xkv__visit *put, void *put_context);
    void *context;
    bool in_parts; /* the store has no other users yet: it may be there in part meanwhile */
} xkv__source;

/* What run returns. */
typedef enum xkv__ran {
    XKV__RAN,   /* the reply is filled */
    XKV__WAITS, /* it is parked, and ends by xkv__request_done */
    XKV__LONG   /* nothing was done: it takes too long for who must not be kept */
} xkv__ran;

struct xkv__executor {
    const char *name;  /* of the backend, as scripts have it */
    bool at_once;      /* walk is of one moment, and replace is one step */
    const char *where; /* the option that says where a store is, */
    size_t where_at;   /* and its place in xkv_options, where the site's name goes; 0: nowhere */

    /* Where options that are complete lead, without creating anything. XKV_OK, or an
     * error with its reason and no site. */
    int (*locate)(const xkv_options *options, xkv__site *site);

    /* Sees to it that there is something at a site, which exists afterwards. XKV_OK or
     * an error with its reason. */
    int (*prepare)(const xkv_options *options, xkv__site *site);

    /* For a site that was prepared and is not opened, since it is that of an open
     * store: what that one has lost by it is put right. */
    void (*leave)(xkv__site *site, xkv__opened *same);

    /* Opens the store at a site that was prepared, and takes that over whatever it
     * returns. The options stay where they are until close, and are then without XKV_ANY.
     * XKV_OK or an error with its reason. */
    int (*open)(const xkv__executor *self, const xkv_options *options, xkv__site *site,
                xkv__opened **opened);

    /* Nothing is under way and nothing is parked any more. */
    void (*close)(xkv__opened *opened);

    /* Whether commands of this kind have to wait for something that others wait for, too:
     * then they are submitted. Else the thread that brings them runs them. */
    bool (*waits_for)(const xkv__opened *opened, xkv_access access);

    /* Whether a command is for a worker, which runs it. */
    bool (*takes_long)(const xkv_command *command);

    /* Whether it may take several steps when it is submitted, between which others could come: what
     * its handle brings after it waits until it is over. NULL: none does. */
    bool (*takes_steps)(const xkv__opened *opened, const xkv_command *command);

    xkv__ran (*run)(xkv__opened *opened, xkv__call *call);

    /* Takes a request, and takes it (xkv__request_take) when its turn has come. It ends by
     * xkv__request_done; or is parked, and xkv__request_overtake says so. */
    void (*submit)(xkv__opened *opened, xkv__request *request);

    /* After one or more of those, with no lock of the handle's: what was taken may be begun by
     * the calling thread. NULL: there is no need to. */
    void (*go)(xkv__opened *opened);

    /* Forgets a parked request, which the caller has moved to XKV__ENDED. */
    void (*unpark)(xkv__opened *opened, xkv__request *request);

    /* Has visit called for every entry whose key starts with prefix, in order. They are those
     * of one moment, or (not at_once) all that are there throughout, and some of those that come
     * and go. In the calling thread, as the next; XKV_OK or an error with its reason. */
    int (*walk)(xkv__opened *opened, xkv_bytes prefix, xkv__visit *visit, void *context);

    /* Replaces all entries by those that source gives, in one step, and ends all claims; nothing is
     * changed if that fails. Not at_once: in several steps, of which some may be done. */
    int (*replace)(xkv__opened *opened, const xkv__source *source);

    /* What there is to tell about who uses it. XKV_OK or an error with its reason. */
    int (*look)(xkv__opened *opened, xkv_activity *activity);

    const void *own; /* the executor's */
};

/* By xkv_backend. */
extern const xkv__executor *const xkv__executors[];

#endif
