/*
 * store.c - handles, the registry of open stores, queues and group commit
 *
 * A core is an open store; handles refer to it. Commands of a store that need
 * not wait for a disk run in the thread that brings them. The others go to the
 * core's writer thread through one list, in the order in which they came. The
 * writer takes the whole list each time, runs it in one transaction and
 * commits once (group commit: Gray and Reuter, "Transaction processing", 1993,
 * 9.4.7), so the cost of a sync is shared by all who waited for it.
 *
 * Program order: a handle counts its commands in the list. While there are
 * any, everything else the handle brings goes to the list too.
 */
#include "internal.h"

#include <stdio.h>
#include <time.h>

#include "claims.h"
#include "file.h"
#include "reclaim.h"

struct request;

struct request_list {
    struct request *first, **end;
};

/* What a core is about to be, or is. */
enum state { OPENING, OPEN, CLOSING, FAILED };

struct core {
    struct core *next; /* in the registry: under its lock, as all up to failure */
    enum state state;
    unsigned handles; /* and threads that wait for it to be open */
    int error;        /* FAILED: why */
    char *reason;
    xkv_options options; /* own copies of texts; the path is absolute */
    dev_t device;        /* disk: which file it is */
    ino_t inode;
    xkv__file *file; /* disk: owned by the backend, once that is open */
    xkv__backend *backend;
    xkv__claims *claims;
    bool queues; /* there is a writer thread */
    pthread_t writer;
    pthread_mutex_t mutex;
    pthread_cond_t arrived;
    struct request_list waiting; /* under mutex, as what follows */
    unsigned queued;             /* how many are waiting */
    unsigned wanted;             /* at how many the writer wants to be woken */
    bool closing;
};

struct xkv_store {
    struct core *core;
    _Atomic uint32_t refs;    /* the handle's user, and each request */
    _Atomic uint32_t pending; /* requests that have not taken effect */
    int64_t seed;             /* XKV_NO_SEED: chance is left alone */
    uint64_t stream;
    _Atomic uint64_t calls; /* with a seed: how many there have been */
};

struct xkv_queue {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    struct request_list finished;
    unsigned wakes;
};

/* For a thread that waits for its one request. */
struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t finished;
    bool done;
};

struct request {
    struct request *next;
    xkv_store *store;
    xkv_command command;
    xkv_reply *reply;      /* own, or that of the thread that waits */
    struct waiter *waiter; /* of the two, */
    xkv_queue *queue;      /* one is set */
    uint64_t tag;
    uint64_t call; /* its number among those of the handle, if that has a seed */
    xkv_reply own_reply;
    unsigned char bytes[]; /* copies of the command's arguments */
};

/* -- Lists, conditions ------------------------------------------------------- */

static void list_init(struct request_list *list) {
    list->first = NULL;
    list->end = &list->first;
}

static void list_append(struct request_list *list, struct request *request) {
    request->next = NULL;
    *list->end = request;
    list->end = &request->next;
}

/* There must be one. */
static struct request *list_take_first(struct request_list *list) {
    struct request *first = list->first;

    list->first = first->next;
    if (!list->first)
        list->end = &list->first;
    return first;
}

/* A mutex and a condition whose timeouts the wall clock does not move. */
static int monitor_init(pthread_mutex_t *mutex, pthread_cond_t *cond) {
    pthread_condattr_t attributes;
    int error = pthread_mutex_init(mutex, NULL);

    if (error != 0)
        return XKV_E_STORE_FULL;
    pthread_condattr_init(&attributes);
#ifndef __APPLE__
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
#endif
    error = pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
    if (error != 0)
        pthread_mutex_destroy(mutex);
    return error == 0 ? XKV_OK : XKV_E_STORE_FULL;
}

static void monitor_destroy(pthread_mutex_t *mutex, pthread_cond_t *cond) {
    pthread_cond_destroy(cond);
    pthread_mutex_destroy(mutex);
}

/* The clock of pthread_cond_timedwait on such a condition. */
static int64_t now_ns(void) {
    struct timespec now;
#ifdef __APPLE__
    clock_gettime(CLOCK_REALTIME, &now);
#else
    clock_gettime(CLOCK_MONOTONIC, &now);
#endif
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Waits until woken, false once the deadline is over. */
static bool wait_until(pthread_mutex_t *mutex, pthread_cond_t *cond, int64_t deadline_ns) {
    struct timespec at = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                          .tv_nsec = (long)(deadline_ns % 1000000000)};
    return pthread_cond_timedwait(cond, mutex, &at) == 0;
}

/* -- Requests ---------------------------------------------------------------- */

static void store_release(xkv_store *store) {
    if (atomic_fetch_sub_explicit(&store->refs, 1, memory_order_acq_rel) == 1)
        xkv__free(store);
}

/* Where the bytes of a command's arguments are, and which arguments those are. */
static const struct {
    size_t at;
    unsigned arguments;
} fields[] = {
#define FIELD(name, arguments)                                                                     \
    { offsetof(xkv_command, name), arguments }
    FIELD(key, XKV_ARG_KEY),
    FIELD(value, XKV_ARG_VALUE | XKV_ARG_NEW),
    FIELD(expected, XKV_ARG_OLD),
    FIELD(items, XKV_ARG_KEYS | XKV_ARG_ENTRIES | XKV_ARG_CLAIM | XKV_ARG_CLAIMS),
    FIELD(prefix, XKV_ARG_PREFIX),
    FIELD(cursor, XKV_ARG_CURSOR),
    FIELD(owner, XKV_ARG_OWNER),
#undef FIELD
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static xkv_bytes *bytes_of_field(xkv_command *command, size_t i) {
    return (xkv_bytes *)(void *)((char *)command + fields[i].at);
}

/* Empties what the operation does not take, and returns the size of the rest. */
static size_t trim(xkv_command *command) {
    const xkv_op_info *info = xkv_op_describe(command->op);
    unsigned takes = info->arguments | info->required | info->optional;
    size_t size = 0;

    for (size_t i = 0; i < FIELDS; i++) {
        xkv_bytes *bytes = bytes_of_field(command, i);
        if (!(fields[i].arguments & takes))
            bytes->len = 0;
        size += bytes->len;
    }
    return size;
}

/* A request with copies of the command's arguments, whose sizes have been
 * checked; NULL when memory is short. */
static struct request *request_new(const xkv_command *given) {
    xkv_command command = *given;
    struct request *request = xkv__alloc(offsetof(struct request, bytes) + trim(&command));

    if (!request)
        return NULL;
    unsigned char *at = request->bytes;
    for (size_t i = 0; i < FIELDS; i++) {
        xkv_bytes *bytes = bytes_of_field(&command, i);
        if (bytes->len > 0)
            memcpy(at, bytes->data, bytes->len);
        bytes->data = at;
        at += bytes->len;
    }
    request->command = command;
    xkv_reply_init(&request->own_reply, NULL, 0);
    request->reply = &request->own_reply;
    return request;
}

static void enqueue(xkv_store *store, struct request *request) {
    struct core *core = store->core;

    request->store = store;
    atomic_fetch_add_explicit(&store->refs, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&store->pending, 1, memory_order_relaxed);
    pthread_mutex_lock(&core->mutex);
    list_append(&core->waiting, request);
    bool awaited = ++core->queued == core->wanted;
    pthread_mutex_unlock(&core->mutex);
    if (awaited)
        pthread_cond_signal(&core->arrived);
}

/* Hands a finished request to the one who waits for it. */
static void finish(struct request *request) {
    xkv_store *store = request->store;
    struct waiter *waiter = request->waiter;
    xkv_queue *queue = request->queue;

    /* First, so that who hears of the result is free to go on at once. */
    atomic_fetch_sub_explicit(&store->pending, 1, memory_order_release);
    store_release(store);
    if (waiter) { /* the request lies on its stack */
        pthread_mutex_lock(&waiter->mutex);
        waiter->done = true;
        pthread_cond_signal(&waiter->finished);
        pthread_mutex_unlock(&waiter->mutex);
        return;
    }
    pthread_mutex_lock(&queue->mutex);
    bool idle = !queue->finished.first;
    list_append(&queue->finished, request);
    if (idle)
        pthread_cond_signal(&queue->filled);
    pthread_mutex_unlock(&queue->mutex);
}

/* -- Seeds -------------------------------------------------------------------- */

static uint64_t next_call(xkv_store *store) {
    if (store->seed == XKV_NO_SEED)
        return 0;
    return atomic_fetch_add_explicit(&store->calls, 1, memory_order_relaxed);
}

/* What a call draws between these two depends on its number alone. */
static void begin_draws(const xkv_store *store, uint64_t call) {
    if (store->seed != XKV_NO_SEED)
        xkv__draw_for((uint64_t)store->seed, store->stream, call);
}

static void end_draws(const xkv_store *store) {
    if (store->seed != XKV_NO_SEED)
        xkv__draw_freely();
}

/* -- Group commit ------------------------------------------------------------ */

static bool changes_data(const xkv_command *command) {
    return xkv_op_describe(command->op)->access >= XKV_ACCESS_WRITE;
}

/* Fails what could not be written. What only looks need not fail with it. */
static void fail_all(xkv__backend *backend, struct request *group, int error) {
    char words[XKV_MESSAGE_SIZE];

    snprintf(words, sizeof words, "%s", xkv__reason(error));
    for (struct request *request = group; request; request = request->next) {
        xkv_reply_clear(request->reply);
        if (!changes_data(&request->command)) {
            begin_draws(request->store, request->call);
            xkv__run(backend, &request->command, request->reply);
            end_draws(request->store);
            continue;
        }
        xkv__fail(error, "%s", words);
        xkv__run_failed(error, &request->command, request->reply);
    }
}

/* Runs a group in one transaction. XKV_OK: each has its own reply. XKV__RETRY:
 * begin again. Else nothing was done, and the error is why. */
static int run_together(xkv__backend *backend, struct request *group) {
    xkv__txn *txn;
    int error = backend->ops->begin(backend, XKV__BATCH, &txn);

    if (error != XKV_OK)
        return error;
    for (struct request *request = group; request; request = request->next) {
        xkv_reply_clear(request->reply);
        begin_draws(request->store, request->call);
        error = xkv__run_in(txn, &request->command, request->reply);
        end_draws(request->store);
        if (error == XKV__RETRY || txn->broken) {
            backend->ops->abort(txn);
            return error == XKV__RETRY ? error : XKV__BROKEN;
        }
    }
    return backend->ops->commit(txn);
}

static void run_group(xkv__backend *backend, struct request *group) {
    int error;

    do
        error = run_together(backend, group);
    while (error == XKV__RETRY);
    if (error == XKV_OK)
        return;
    if (!group->next && error == XKV__BROKEN) {
        if (group->reply->status == XKV_OK) /* else it says why */
            fail_all(backend, group, XKV_E_DISK_STORE_CORRUPT);
        return;
    }
    if (!group->next || (error != XKV_E_STORE_FULL && error != XKV__BROKEN)) {
        fail_all(backend, group, error);
        return;
    }
    /* What is too much together may fit in part: a delete, a smaller value. And
     * what broke the transaction must not be the ruin of the others. */
    while (group) {
        struct request *next = group->next;
        group->next = NULL;
        run_group(backend, group);
        group->next = next;
        group = next;
    }
}

enum { PATIENCE_MAX_NS = 10000000 };

/*
 * Takes the whole list, once it is worth a commit.
 *
 * Clients that wait for their writes come back at about the same time, after
 * the commit that held them; those that came too late for it are in the list
 * already. A writer that took those at once would always commit one half of
 * its clients while the other half waits. So it waits for as many as it has
 * lately had to do with, but no longer than half of what a commit takes at the
 * least: that much is to be saved by having one less. A client that is alone
 * and waits for each of its writes is never kept waiting here. (The same thought
 * as PostgreSQL's commit_delay and commit_siblings, without settings.)
 */
static struct request *take_group(struct core *core, unsigned clients, int64_t least_ns) {
    pthread_mutex_lock(&core->mutex);
    core->wanted = 1;
    while (core->queued == 0 && !core->closing)
        pthread_cond_wait(&core->arrived, &core->mutex);
    core->wanted = clients;
    int64_t patience = least_ns / 2 < PATIENCE_MAX_NS ? least_ns / 2 : PATIENCE_MAX_NS;
    int64_t deadline = now_ns() + patience;
    bool in_time = true;
    while (core->queued < clients && !core->closing && in_time)
        in_time = wait_until(&core->mutex, &core->arrived, deadline);
    struct request *group = core->waiting.first;
    list_init(&core->waiting);
    core->queued = 0;
    pthread_mutex_unlock(&core->mutex);
    return group;
}

/* Hands out the results of a group; returns how many there were. */
static unsigned finish_group(struct request *group) {
    unsigned count = 0;

    for (; group; count++) {
        struct request *next = group->next;
        finish(group);
        group = next;
    }
    return count;
}

/* What a commit takes at the least, whatever is in it: the quickest of late. It
 * is forgotten slowly, so that a disk that has become slower is noticed. */
static int64_t least_of(int64_t least_ns, int64_t took_ns) {
    int64_t forgotten = least_ns + least_ns / 32;
    return least_ns == 0 || took_ns < forgotten ? took_ns : forgotten;
}

static void *writer_main(void *argument) {
    struct core *core = argument;
    unsigned clients = 1;
    int64_t least_ns = 0;

    for (;;) {
        struct request *group = take_group(core, clients, least_ns);
        if (!group)
            return NULL;
        int64_t start = now_ns();
        uint64_t commits = core->backend->commits;
        run_group(core->backend, group);
        if (core->backend->commits != commits) /* else there was nothing to sync */
            least_ns = least_of(least_ns, now_ns() - start);
        pthread_mutex_lock(&core->mutex);
        clients = core->queued; /* came while the others were committed */
        pthread_mutex_unlock(&core->mutex);
        clients += finish_group(group);
    }
}

static void stop_writer(struct core *core) {
    pthread_mutex_lock(&core->mutex);
    core->closing = true;
    pthread_cond_signal(&core->arrived);
    pthread_mutex_unlock(&core->mutex);
    pthread_join(core->writer, NULL);
}

/* -- The registry of stores ----------------------------------------------------
 *
 * To open a store may take as long as another process writes to its file, or as
 * long as a large file takes to be checked; to close one, as long as the disk
 * takes. Its core is in the registry all the while, and the lock of the registry
 * is not held: who wants another store does not notice. Who wants the same one
 * waits until it is open, and shares the error if it cannot be opened, so that
 * many wait for another process once and not one after the other; or until it is
 * closed, since a file must not be opened twice in a process.
 */

static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t registry_changed = PTHREAD_COND_INITIALIZER; /* a state in it has */
static struct core *registry;

static struct core *find_memory(const char *name) {
    struct core *core = registry;

    while (core &&
           (core->options.backend != XKV_BACKEND_MEMORY || strcmp(core->options.name, name) != 0))
        core = core->next;
    return core;
}

static struct core *find_file(dev_t device, ino_t inode) {
    struct core *core = registry;

    while (core && (core->options.backend != XKV_BACKEND_DISK || core->device != device ||
                    core->inode != inode))
        core = core->next;
    return core;
}

static struct core *find_path(const char *path) {
    dev_t device;
    ino_t inode;

    return xkv__file_identify(path, &device, &inode) ? find_file(device, inode) : NULL;
}

static void leave_registry(struct core *core) {
    struct core **link = &registry;

    while (*link != core)
        link = &(*link)->next;
    *link = core->next;
}

static void core_free(struct core *core) {
    xkv__claims_free(core->claims);
    monitor_destroy(&core->mutex, &core->arrived);
    xkv__options_free(&core->options);
    xkv__free(core->reason);
    xkv__free(core);
}

/* Takes over the file. */
static struct core *core_new(const xkv_options *options, xkv__file *file) {
    struct core *core = xkv__alloc(sizeof *core);
    xkv_options absolute = *options;

    if (core)
        memset(core, 0, sizeof *core);
    if (!core || monitor_init(&core->mutex, &core->arrived) != XKV_OK) {
        xkv__free(core);
        xkv__file_close(file, true);
        return NULL;
    }
    list_init(&core->waiting);
    core->file = file;
    if (file) {
        absolute.path = file->path;
        core->device = file->device;
        core->inode = file->inode;
    }
    core->claims = xkv__claims_new();
    if (xkv__options_copy(&core->options, &absolute) == XKV_OK && core->claims)
        return core;
    xkv__file_close(file, true);
    core_free(core);
    return NULL;
}

/* Opens the backend and, where it is needed, the writer. */
static int core_start(struct core *core) {
    int error = core->file ? xkv__lmdb_open(&core->options, core->file, &core->backend)
                           : xkv__mem_open(&core->backend);

    if (error != XKV_OK)
        return error;
    core->backend->options = &core->options;
    core->backend->claims = core->claims;
    core->queues = core->backend->ops->waits(core->backend);
    if (core->queues)
        error = xkv__thread_start(&core->writer, writer_main, core);
    if (error != XKV_OK)
        core->backend->ops->close(core->backend);
    return error;
}

/* All that follow down to the handles are called with the registry's lock. */

static void core_drop(struct core *core) {
    if (--core->handles == 0)
        core_free(core);
}

/* Leaves a core that could not be opened, with the error. */
static int core_leave(struct core *core) {
    int error = core->error;

    xkv__fail(error, "%s", core->reason ? core->reason : xkv_error_text(error));
    core_drop(core);
    return error;
}

static int core_fail(struct core *core, int error) {
    core->state = FAILED;
    core->error = error;
    core->reason = xkv__strdup(xkv__reason(error));
    leave_registry(core);
    pthread_cond_broadcast(&registry_changed);
    return core_leave(core);
}

/* A new core, with one handle. Takes over the file. */
static int core_open(const xkv_options *options, xkv__file *file, struct core **out) {
    struct core *core = core_new(options, file);

    if (!core)
        return XKV_E_STORE_FULL;
    core->handles = 1;
    core->next = registry;
    registry = core;
    pthread_mutex_unlock(&registry_mutex);
    int error = core_start(core);
    pthread_mutex_lock(&registry_mutex);
    if (error != XKV_OK)
        return core_fail(core, error);
    core->state = OPEN;
    pthread_cond_broadcast(&registry_changed);
    *out = core;
    return XKV_OK;
}

static void core_close(struct core *core) {
    core->state = CLOSING;
    pthread_mutex_unlock(&registry_mutex);
    if (core->queues)
        stop_writer(core);
    core->backend->ops->close(core->backend);
    pthread_mutex_lock(&registry_mutex);
    leave_registry(core);
    pthread_cond_broadcast(&registry_changed);
    core_free(core);
}

/* For two that are on the same store. */
static int check_same(const xkv_options *first, const xkv_options *options) {
    char is[XKV__VALUE_TEXT], asked[XKV__VALUE_TEXT];
    const char *name = xkv__options_difference(first, options, is, asked);
    bool disk = first->backend == XKV_BACKEND_DISK;

    if (!name)
        return XKV_OK;
    return xkv__fail(XKV_E_OPTIONS_CONFLICT,
                     "the %s store \"%s\" is open already with %s %s; it cannot be opened with %s "
                     "as well: give the same options, or another %s",
                     disk ? "disk" : "memory", disk ? first->path : first->name, name, is, asked,
                     disk ? "path" : "name");
}

/* One more handle on a core that is not being closed, once it is open. */
static int core_join(struct core *core, const xkv_options *options) {
    int error = check_same(&core->options, options);

    if (error != XKV_OK)
        return error;
    core->handles++;
    while (core->state == OPENING)
        pthread_cond_wait(&registry_changed, &registry_mutex);
    return core->state == OPEN ? XKV_OK : core_leave(core);
}

/* The core for options if there is one; else, for a disk store, its file. */
static int look_up(const xkv_options *options, struct core **core, xkv__file **file) {
    *file = NULL;
    *core = options->backend == XKV_BACKEND_DISK ? find_path(options->path)
                                                 : find_memory(options->name);
    if (*core || options->backend != XKV_BACKEND_DISK)
        return XKV_OK;
    int error = xkv__file_open(options, file);
    if (error == XKV_OK)
        *core = find_file((*file)->device, (*file)->inode);
    return error;
}

/* A handle on the core for options, whether that was open or not. */
static int find_or_open(const xkv_options *options, struct core **core) {
    xkv__file *file;

    for (;;) {
        int error = look_up(options, core, &file);
        if (error != XKV_OK)
            return error;
        if (!*core)
            return core_open(options, file, core);
        bool twice =
            file != NULL; /* by a path that only led there once its directories had been made */
        xkv__file_close(file, false);
        if ((*core)->state == CLOSING) {
            pthread_cond_wait(&registry_changed, &registry_mutex);
            continue;
        }
        error = core_join(*core, options);
        if (error == XKV_OK && twice)
            xkv__file_label((*core)->file);
        return error;
    }
}

/* -- Handles ----------------------------------------------------------------- */

static xkv_store *store_new(const xkv_options *options) {
    xkv_store *store = xkv__alloc(sizeof *store);

    if (store) {
        store->core = NULL;
        atomic_init(&store->refs, 1);
        atomic_init(&store->pending, 0);
        store->seed = options->seed;
        store->stream = 0;
        atomic_init(&store->calls, 0);
    }
    return store;
}

/* The options with all that follows from one another, and from what is NULL. */
static xkv_options completed(const xkv_options *options) {
    xkv_options effective = *options;

    if (!effective.name)
        effective.name = "default";
    if (!effective.path)
        effective.path = "./.k6.kv";
    if (effective.no_sync)
        effective.durability = XKV_DURABILITY_NONE;
    effective.no_sync = effective.durability == XKV_DURABILITY_NONE; /* two names for one thing */
    return effective;
}

static bool lead_to_one_file(const char *path, const char *other) {
    dev_t device, other_device;
    ino_t inode, other_inode;

    if (strcmp(path, other) == 0)
        return true;
    return xkv__file_identify(path, &device, &inode) &&
           xkv__file_identify(other, &other_device, &other_inode) && device == other_device &&
           inode == other_inode;
}

static bool is_same_store(const xkv_options *first, const xkv_options *options) {
    if (first->backend != options->backend)
        return false;
    return first->backend == XKV_BACKEND_DISK ? lead_to_one_file(first->path, options->path)
                                              : strcmp(first->name, options->name) == 0;
}

/* Completes options, too: the path, to be freed, is absolute, or NULL in memory. */
static int check_alone(xkv_options *options, char **path, char *message, size_t size) {
    int error = xkv__options_check(options, message, size);

    *path = NULL;
    if (error != XKV_OK)
        return error;
    *options = completed(options);
    if (options->backend != XKV_BACKEND_DISK)
        return XKV_OK;
    error = xkv__file_path(options->path, path);
    options->path = *path;
    return error == XKV_OK ? XKV_OK : xkv__explain(message, size, error, "%s", xkv__reason(error));
}

int xkv_check_options(const xkv_options *given, const xkv_options *before, char *message,
                      size_t size) {
    xkv_options options = *given, first = before ? *before : *given;
    char *path, *first_path;
    int error = check_alone(&options, &path, message, size);

    if (error == XKV_OK && before) {
        error = check_alone(&first, &first_path, message, size);
        if (error == XKV_OK && is_same_store(&first, &options) &&
            (error = check_same(&first, &options)) != XKV_OK)
            xkv__explain(message, size, error, "%s", xkv__reason(error));
        xkv__free(first_path);
    }
    xkv__free(path);
    return error;
}

int xkv_open(const xkv_options *options, xkv_store **out, char *message, size_t size) {
    int error = xkv__options_check(options, message, size);

    *out = NULL;
    if (error != XKV_OK)
        return error;
    xkv_options effective = completed(options);
    xkv_store *store = store_new(options);
    if (!store)
        return xkv__explain(message, size, XKV_E_STORE_FULL, "%s",
                            xkv_error_text(XKV_E_STORE_FULL));
    pthread_mutex_lock(&registry_mutex);
    error = find_or_open(&effective, &store->core);
    if (error != XKV_OK && !registry)
        xkv__reclaim_finish(); /* of an index that was built in vain */
    pthread_mutex_unlock(&registry_mutex);
    if (error != XKV_OK) {
        xkv__free(store);
        return xkv__explain(message, size, error, "%s", xkv__reason(error));
    }
    *out = store;
    return XKV_OK;
}

void xkv_close(xkv_store *store) {
    if (!store)
        return;
    pthread_mutex_lock(&registry_mutex);
    if (--store->core->handles == 0)
        core_close(store->core);
    if (!registry)
        xkv__reclaim_finish();
    pthread_mutex_unlock(&registry_mutex);
    store_release(store);
}

bool xkv_same_store(const xkv_store *a, const xkv_store *b) {
    return a->core == b->core;
}

bool xkv_waits(const xkv_store *store) {
    return store->core->queues;
}

void xkv_store_stream(xkv_store *store, uint64_t stream) {
    store->stream = stream;
}

const xkv_options *xkv_store_options(const xkv_store *store) {
    return &store->core->options;
}

int xkv_check_entry(const xkv_store *store, xkv_bytes key, xkv_bytes value, char *message,
                    size_t size) {
    return xkv__check_entry(&store->core->options, key, value, message, size);
}

/* -- Running commands -------------------------------------------------------- */

/* Whether a command must wait its turn in the writer's list. */
static bool must_queue(xkv_store *store, const xkv_command *command) {
    if (!store->core->queues)
        return false;
    return xkv_op_describe(command->op)->access >= XKV_ACCESS_ORDERED ||
           atomic_load_explicit(&store->pending, memory_order_acquire) != 0;
}

static int run_here(xkv_store *store, const xkv_command *command, xkv_reply *reply, uint64_t call) {
    begin_draws(store, call);
    int error = xkv__run(store->core->backend, command, reply);
    end_draws(store);
    return error;
}

int xkv_exec(xkv_store *store, const xkv_command *command, xkv_reply *reply) {
    struct waiter waiter = {.done = false};

    xkv_reply_clear(reply);
    int error = xkv__check(&store->core->options, command, reply);
    if (error != XKV_OK)
        return error;
    uint64_t call = next_call(store);
    if (!must_queue(store, command))
        return run_here(store, command, reply, call);
    if (monitor_init(&waiter.mutex, &waiter.finished) != XKV_OK)
        return xkv__reply_error(reply, XKV_E_STORE_FULL);
    struct request request = {.command = *command, .reply = reply, .waiter = &waiter, .call = call};
    enqueue(store, &request);
    pthread_mutex_lock(&waiter.mutex);
    while (!waiter.done)
        pthread_cond_wait(&waiter.finished, &waiter.mutex);
    pthread_mutex_unlock(&waiter.mutex);
    monitor_destroy(&waiter.mutex, &waiter.finished);
    return reply->status;
}

int xkv_submit(xkv_store *store, const xkv_command *command, xkv_reply *reply, xkv_queue *queue,
               uint64_t tag) {
    xkv_reply_clear(reply);
    if (xkv__check(&store->core->options, command, reply) != XKV_OK)
        return XKV_DONE;
    uint64_t call = next_call(store);
    if (!must_queue(store, command)) {
        run_here(store, command, reply, call);
        return XKV_DONE;
    }
    struct request *request = request_new(command);
    if (!request) {
        xkv__reply_error(reply, XKV_E_STORE_FULL);
        return XKV_DONE;
    }
    request->waiter = NULL;
    request->queue = queue;
    request->tag = tag;
    request->call = call;
    enqueue(store, request);
    return XKV_PENDING;
}

/* -- Queues ------------------------------------------------------------------ */

xkv_queue *xkv_queue_new(void) {
    xkv_queue *queue = xkv__alloc(sizeof *queue);

    if (!queue)
        return NULL;
    if (monitor_init(&queue->mutex, &queue->filled) != XKV_OK) {
        xkv__free(queue);
        return NULL;
    }
    list_init(&queue->finished);
    queue->wakes = 0;
    return queue;
}

void xkv_queue_free(xkv_queue *queue) {
    if (!queue)
        return;
    monitor_destroy(&queue->mutex, &queue->filled);
    xkv__free(queue);
}

void xkv_queue_wake(xkv_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    queue->wakes++;
    pthread_cond_signal(&queue->filled);
    pthread_mutex_unlock(&queue->mutex);
}

/* Waits until there is something; false if there is nothing after all. */
static bool wait_filled(xkv_queue *queue, int timeout_ms) {
    int64_t deadline = now_ns() + (int64_t)timeout_ms * 1000000;

    while (!queue->finished.first && queue->wakes == 0) {
        if (timeout_ms == 0)
            return false;
        if (timeout_ms < 0)
            pthread_cond_wait(&queue->filled, &queue->mutex);
        else if (!wait_until(&queue->mutex, &queue->filled, deadline))
            return queue->finished.first != NULL;
    }
    if (queue->finished.first)
        return true;
    queue->wakes--;
    return false;
}

size_t xkv_completions(xkv_queue *queue, xkv_completion *out, size_t max, int timeout_ms) {
    struct request *taken[64];
    size_t count = 0, room = max < 64 ? max : 64;

    pthread_mutex_lock(&queue->mutex);
    if (wait_filled(queue, timeout_ms)) {
        while (count < room && queue->finished.first)
            taken[count++] = list_take_first(&queue->finished);
    }
    if (queue->finished.first || queue->wakes > 0) /* for another collecting thread */
        pthread_cond_signal(&queue->filled);
    pthread_mutex_unlock(&queue->mutex);
    for (size_t i = 0; i < count; i++) {
        out[i].tag = taken[i]->tag;
        out[i].reply = taken[i]->own_reply;
        xkv__free(taken[i]);
    }
    return count;
}
