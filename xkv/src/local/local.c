/*
 * local.c - see local.h
 *
 * Commands that need not wait for a disk are run by the thread that brings them. The
 * others go to the store's committer, in the order in which they come.
 */
#include "local/local.h"

#include "base/error.h"
#include "command/command.h"
#include "files/files.h"
#include "local/claims.h"
#include "local/committer.h"
#include "local/engine.h"
#include "local/positions.h"
#include "local/waiting.h"

struct local {
    xkv__opened base;
    xkv__backend *backend;
    xkv__claims *claims;
    xkv__waiting *waiting;
    xkv__positions *positions;
    xkv__committer *committer; /* runs where writes wait for a disk, */
    xkv__mutex starting;       /* or have once waited for a file: see replace_waited_for */
    _Atomic unsigned replacing;
};

static struct local *local_of(const xkv__opened *opened) {
    return (struct local *)(uintptr_t)opened;
}

xkv__backend *xkv__local_backend(xkv__opened *opened) {
    return local_of(opened)->backend;
}

/* Something may be due that somebody waits for. */
static void see_what_is_due(void *context) {
    struct local *local = context;

    if (local->backend->writes_wait)
        xkv__committer_look(local->committer);
    else
        (void)xkv__run_group(local->backend, NULL);
}

static void local_free(struct local *local) {
    xkv__committer_free(local->committer);
    xkv__mutex_destroy(&local->starting);
    xkv__waiting_free(local->waiting);
    xkv__positions_free(local->positions);
    xkv__claims_free(local->claims);
    xkv__free(local);
}

static struct local *local_new(const xkv__executor *executor) {
    struct local *local = xkv__alloc(sizeof *local);

    if (!local)
        return NULL;
    memset(local, 0, sizeof *local);
    local->base.executor = executor;
    if (xkv__mutex_init(&local->starting) != XKV_OK) {
        xkv__free(local);
        return NULL;
    }
    local->claims = xkv__claims_new();
    local->waiting = xkv__waiting_new(see_what_is_due, local);
    local->positions = xkv__positions_new();
    local->committer = xkv__committer_new();
    if (local->claims && local->waiting && local->positions && local->committer)
        return local;
    local_free(local);
    return NULL;
}

static int open_backend(struct local *local, const xkv_options *options, xkv__site *site) {
    const xkv__local_kind *kind = local->base.executor->own;
    int error = kind->open(options, site, &local->backend);

    if (error != XKV_OK)
        return error;
    local->base.options = local->backend->options = options;
    local->base.serialization = local->backend->found;
    local->backend->claims = local->claims;
    local->backend->waiting = local->waiting;
    local->backend->positions = local->positions;
    if (local->backend->writes_wait)
        error = xkv__committer_start(local->committer, local->backend);
    if (error != XKV_OK)
        local->backend->ops->close(local->backend);
    return error;
}

int xkv__local_open(const xkv__executor *self, const xkv_options *options, xkv__site *site,
                    xkv__opened **opened) {
    struct local *local = local_new(self);

    if (!local) {
        if (site->held)
            self->leave(site, NULL);
        return XKV_E_STORE_FULL;
    }
    int error = open_backend(local, options, site);
    if (error != XKV_OK) {
        local_free(local);
        return error;
    }
    *opened = &local->base;
    return XKV_OK;
}

void xkv__local_close(xkv__opened *opened) {
    struct local *local = local_of(opened);

    xkv__waiting_stop(local->waiting);
    xkv__committer_stop(local->committer);
    local->backend->ops->close(local->backend);
    local_free(local);
}

bool xkv__local_waits_for(const xkv__opened *opened, xkv_access access) {
    const struct local *local = local_of(opened);

    return access >= XKV_ACCESS_ORDERED &&
           (local->backend->writes_wait ||
            atomic_load_explicit(&local->replacing, memory_order_acquire) > 0);
}

xkv__ran xkv__local_run(xkv__opened *opened, xkv__call *call) {
    if (!xkv__is_of_files(call->command))
        return xkv__run(local_of(opened)->backend, call);
    if (!call->may_take_long)
        return XKV__LONG;
    xkv__files_run(opened, call);
    return XKV__RAN;
}

int xkv__local_walk(xkv__opened *opened, xkv_bytes prefix, xkv__visit *visit, void *context) {
    return xkv__walk(local_of(opened)->backend, prefix, visit, context);
}

/* What keeps writers away as long as it takes to read a file has them wait for a committer
 * meanwhile: those who bring them are not to stand still. */
static int replace_waited_for(struct local *local, const xkv__source *source) {
    int error = XKV_OK;

    xkv__mutex_lock(&local->starting);
    if (!xkv__committer_runs(local->committer))
        error = xkv__committer_start(local->committer, local->backend);
    xkv__mutex_unlock(&local->starting);
    if (error != XKV_OK)
        return error;
    atomic_fetch_add(&local->replacing, 1);
    error = xkv__replace(local->backend, source);
    atomic_fetch_sub(&local->replacing, 1);
    return error;
}

int xkv__local_replace(xkv__opened *opened, const xkv__source *source) {
    struct local *local = local_of(opened);
    int error = local->backend->aside ? xkv__replace(local->backend, source)
                                      : replace_waited_for(local, source);

    if (error == XKV_OK && xkv__waiting_any(local->waiting))
        see_what_is_due(local);
    return error;
}

int xkv__local_look(xkv__opened *opened, xkv_activity *activity) {
    return xkv__look(local_of(opened)->backend, activity);
}

void xkv__local_submit(xkv__opened *opened, xkv__request *request) {
    xkv__committer_take(local_of(opened)->committer, request);
}

void xkv__local_unpark(xkv__opened *opened, xkv__request *request) {
    xkv__waiting_unpark(local_of(opened)->waiting, request);
}
