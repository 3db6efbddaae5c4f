/*
 * registry.c - the stores that this process has open
 *
 * To open a store may take as long as another process writes to its file, or as
 * long as a large file takes to be checked; to close one, as long as the disk
 * takes. Its core is in the registry all the while, and the lock of the registry
 * is not held: who wants another store does not notice. Who wants the same one
 * waits until it is open, and shares the error if it cannot be opened, so that
 * many wait for another process once and not one after the other; or until it is
 * closed, since a file must not be opened twice in a process.
 */
#include "store/registry.h"

#include "base/error.h"
#include "command/options.h"
#include "store/workers.h"
#include "tree/reclaim.h"

static xkv__monitor registry_monitor = XKV__MONITOR_STATIC; /* a state has changed */
static xkv__core *registry;

/* -- Sites ---------------------------------------------------------------------- */

static bool is_same_site(const xkv__site *a, const xkv__site *b) {
    if (a->exists || b->exists)
        return a->exists && b->exists && xkv__identity_equal(&a->identity, &b->identity);
    return strcmp(a->name, b->name) == 0;
}

static void leave_site(const xkv_options *options, xkv__site *site, xkv__core *same) {
    if (site->held)
        xkv__executors[options->backend]->leave(site, same ? same->opened : NULL);
    xkv__free(site->name);
}

/* Gives options the name of their site, where that is an option. */
static void name_site(xkv_options *options, const xkv__site *site) {
    size_t at = xkv__executors[options->backend]->where_at;

    if (at > 0)
        *(const char **)(void *)((char *)options + at) = site->name;
}

/* Two that are on the same store must agree. */
static int check_same(const xkv__site *site, const xkv_options *first, const xkv_options *options) {
    char is[XKV__VALUE_TEXT], asked[XKV__VALUE_TEXT];
    const char *name = xkv__options_difference(first, options, is, asked);
    const xkv__executor *executor = xkv__executors[first->backend];

    if (!name)
        return XKV_OK;
    return xkv__fail(XKV_E_OPTIONS_CONFLICT,
                     "the %s store \"%s\" is open already with %s %s; it cannot be opened with %s "
                     "as well: give the same options, or another %s",
                     executor->name, site->name, name, is, asked, executor->where);
}

/* -- Cores ------------------------------------------------------------------- */

static void leave_registry(xkv__core *core) {
    xkv__core **link = &registry;

    while (*link != core)
        link = &(*link)->next;
    *link = core->next;
}

static void core_free(xkv__core *core) {
    xkv__monitor_destroy(&core->monitor);
    xkv__options_free(&core->options);
    xkv__free(core->site.name);
    xkv__free(core->reason);
    xkv__free(core);
}

/* NULL when memory is short. */
static xkv__core *core_new(const xkv_options *options, const xkv__site *site) {
    xkv__core *core = xkv__alloc(sizeof *core);
    xkv_options named = *options;

    if (!core)
        return NULL;
    memset(core, 0, sizeof *core);
    if (xkv__monitor_init(&core->monitor) != XKV_OK) {
        xkv__free(core);
        return NULL;
    }
    core->executor = xkv__executors[options->backend];
    name_site(&named, site);
    if (xkv__options_copy(&core->options, &named) == XKV_OK)
        return core;
    core_free(core);
    return NULL;
}

void xkv__core_enter(xkv__core *core) {
    atomic_fetch_add_explicit(&core->under_way, 1, memory_order_relaxed);
}

void xkv__core_leave(xkv__core *core) {
    uint32_t count = atomic_load_explicit(&core->under_way, memory_order_relaxed);

    while (count > 1) {
        if (atomic_compare_exchange_weak_explicit(&core->under_way, &count, count - 1,
                                                  memory_order_release, memory_order_relaxed))
            return;
    }
    /* Inside, so that who waits for it cannot free the core before this is over. */
    xkv__monitor_enter(&core->monitor);
    atomic_fetch_sub(&core->under_way, 1);
    xkv__monitor_wake(&core->monitor);
    xkv__monitor_leave(&core->monitor);
}

static void await_requests(xkv__core *core) {
    xkv__monitor_enter(&core->monitor);
    while (atomic_load(&core->under_way) > 0)
        xkv__monitor_wait(&core->monitor);
    xkv__monitor_leave(&core->monitor);
}

/* -- Opening and closing: all with the registry's lock ------------------------ */

static void core_drop(xkv__core *core) {
    if (--core->handles == 0)
        core_free(core);
}

/* Leaves a core that could not be opened, with the error. */
static int core_give_up(xkv__core *core) {
    int error = core->error;

    xkv__fail(error, "%s", core->reason ? core->reason : xkv_error_text(error));
    core_drop(core);
    return error;
}

static int core_fail(xkv__core *core, int error) {
    core->state = XKV__FAILED;
    core->error = error;
    core->reason = xkv__strdup(xkv__reason(error));
    leave_registry(core);
    xkv__monitor_wake_all(&registry_monitor);
    return core_give_up(core);
}

/* A new core, with one handle. Takes over the site. */
static int core_open(const xkv_options *options, xkv__site *site, xkv__core **out) {
    xkv__core *core = core_new(options, site);

    if (!core) {
        leave_site(options, site, NULL);
        return XKV_E_STORE_FULL;
    }
    core->handles = 1;
    core->site = *site;
    core->next = registry;
    registry = core;
    xkv__monitor_leave(&registry_monitor);
    int error = core->executor->open(core->executor, &core->options, &core->site, &core->opened);
    xkv__monitor_enter(&registry_monitor);
    if (error != XKV_OK)
        return core_fail(core, error);
    if (core->options.serialization == XKV_ANY)
        core->options.serialization = core->opened->serialization;
    if (core->options.redis_partitions == XKV_ANY)
        core->options.redis_partitions = core->opened->partitions;
    core->state = XKV__OPEN;
    xkv__monitor_wake_all(&registry_monitor);
    *out = core;
    return XKV_OK;
}

static void core_close(xkv__core *core) {
    core->state = XKV__CLOSING;
    xkv__monitor_leave(&registry_monitor);
    await_requests(core);
    core->executor->close(core->opened);
    xkv__monitor_enter(&registry_monitor);
    leave_registry(core);
    xkv__monitor_wake_all(&registry_monitor);
    core_free(core);
}

/* What belongs to the process, and not to a store, lasts as long as there are any. */
static void finish_if_last(void) {
    if (registry)
        return;
    xkv__workers_finish();
    xkv__timer_finish();
    xkv__reclaim_finish();
}

/* -- Looking up ---------------------------------------------------------------- */

static xkv__core *find_core(const xkv_options *options, const xkv__site *site) {
    xkv__core *core = registry;

    while (core && (core->options.backend != options->backend || !is_same_site(&core->site, site)))
        core = core->next;
    return core;
}

static void core_leave(xkv__core *core) {
    if (--core->handles == 0)
        core_close(core);
}

/* any: whatever options it is open with. */
static int check_joined(const xkv__core *core, const xkv_options *options, bool any) {
    return any ? XKV_OK : check_same(&core->site, &core->options, options);
}

/* One more handle on a core that is not being closed, once it is open. Whether they agree
 * may only be known then: see XKV_ANY. */
static int core_join(xkv__core *core, const xkv_options *options, bool any) {
    int error = check_joined(core, options, any);

    if (error != XKV_OK)
        return error;
    core->handles++;
    while (core->state == XKV__OPENING)
        xkv__monitor_wait(&registry_monitor);
    if (core->state != XKV__OPEN)
        return core_give_up(core);
    error = check_joined(core, options, any);
    if (error != XKV_OK)
        core_leave(core);
    return error;
}

static int locate(const xkv_options *options, xkv__site *site) {
    const xkv__executor *executor = xkv__executors[options->backend];

    return executor ? executor->locate(options, site)
                    : xkv__fail(XKV_E_INVALID_BACKEND, "this build has no stores on servers");
}

/* Where options lead, and the core that has that open, if there is one. Else the site is
 * prepared: by that, too, it may turn out to be one that is open, by a path that led there
 * only when its directories had been made. */
static int look_up(const xkv_options *options, xkv__site *site, xkv__core **core) {
    const xkv__executor *executor = xkv__executors[options->backend];
    int error = locate(options, site);

    if (error != XKV_OK)
        return error;
    *core = find_core(options, site);
    if (*core)
        return XKV_OK;
    error = executor->prepare(options, site);
    if (error == XKV_OK)
        *core = find_core(options, site);
    else
        xkv__free(site->name);
    return error;
}

/* Once; false if it has to be tried again. */
static bool try_get(const xkv_options *options, bool any, xkv__core **core, int *error) {
    xkv__site site = {.name = NULL};

    *error = look_up(options, &site, core);
    if (*error != XKV_OK)
        return true;
    if (!*core) {
        *error = core_open(options, &site, core);
        return true;
    }
    bool closing = (*core)->state == XKV__CLOSING;
    if (closing) {
        leave_site(options, &site, NULL);
        xkv__monitor_wait(&registry_monitor);
        return false;
    }
    *error = core_join(*core, options, any);
    leave_site(options, &site, *error == XKV_OK ? *core : NULL);
    return true;
}

static int get(const xkv_options *options, bool any, xkv__core **core) {
    int error;

    xkv__monitor_enter(&registry_monitor);
    while (!try_get(options, any, core, &error))
        ;
    finish_if_last();
    xkv__monitor_leave(&registry_monitor);
    return error;
}

int xkv__core_get(const xkv_options *options, xkv__core **core) {
    return get(options, false, core);
}

int xkv__core_get_any(const xkv_options *options, xkv__core **core) {
    return get(options, true, core);
}

bool xkv__is_open_here(const xkv__identity *identity) {
    xkv__monitor_enter(&registry_monitor);
    const xkv__core *core = registry;
    while (core && !(core->site.exists && xkv__identity_equal(&core->site.identity, identity)))
        core = core->next;
    xkv__monitor_leave(&registry_monitor);
    return core != NULL;
}

void xkv__core_release(xkv__core *core) {
    xkv__monitor_enter(&registry_monitor);
    core_leave(core);
    finish_if_last();
    xkv__monitor_leave(&registry_monitor);
}

/* -- Options -------------------------------------------------------------------- */

xkv_options xkv__options_completed(const xkv_options *options) {
    xkv_options effective = *options;

    xkv__options_fill(&effective);
    if (effective.no_sync)
        effective.durability = XKV_DURABILITY_NONE;
    effective.no_sync = effective.durability == XKV_DURABILITY_NONE; /* two names for one thing */
    return effective;
}

/* Completes options, too, and finds where they lead. */
static int check_alone(xkv_options *options, xkv__site *site, char *message, size_t size) {
    int error = xkv__options_check(options, message, size);

    if (error != XKV_OK)
        return error;
    *options = xkv__options_completed(options);
    error = locate(options, site);
    return error == XKV_OK ? XKV_OK : xkv__explain(message, size, error, "%s", xkv__reason(error));
}

int xkv_check_options(const xkv_options *given, const xkv_options *before, char *message,
                      size_t size) {
    xkv_options options = *given, first = before ? *before : *given;
    xkv__site site = {.name = NULL}, other = {.name = NULL};
    int error = check_alone(&options, &site, message, size);

    if (error == XKV_OK && before)
        error = check_alone(&first, &other, message, size);
    if (error == XKV_OK && before && first.backend == options.backend &&
        is_same_site(&other, &site)) {
        error = check_same(&other, &first, &options);
        if (error != XKV_OK)
            xkv__explain(message, size, error, "%s", xkv__reason(error));
    }
    xkv__free(site.name);
    xkv__free(other.name);
    return error;
}
