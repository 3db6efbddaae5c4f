/*
 * handle.c - handles: one client's commands, in the order in which they come
 *
 * What need not wait is run in the thread that brings it. Everything else is a
 * request, and a handle counts those that have not taken effect. While there are any,
 * nothing of this handle may overtake them: what an executor takes in order follows
 * them there, and what it does not - a command that takes long and is for a worker,
 * or one that comes after such a command, or after one of several steps - is held until
 * they are over.
 *
 * A request that is parked, since what it wants is not there, has had its turn: it is
 * not counted, and what comes after it overtakes it.
 */
#include "base/error.h"
#include "base/random.h"
#include "base/reply.h"
#include "command/command.h"
#include "command/options.h"
#include "store/registry.h"
#include "store/workers.h"

struct xkv_store {
    xkv__core *core;
    _Atomic uint32_t refs;    /* the handle's user, and each request */
    _Atomic uint32_t pending; /* counted requests, held ones included */
    int64_t seed;             /* XKV_NO_SEED: chance is left alone */
    uint64_t stream;
    _Atomic uint64_t calls; /* with a seed: how many there have been */

    xkv__mutex mutex;       /* of all that follows */
    xkv__request *requests; /* all that are not over */
    xkv__requests held;     /* with nobody yet */
    unsigned queued;        /* how many are with the executor, and not parked, */
    unsigned alone;   /* and those that nothing follows until they are over: one at the most */
    bool has_brought; /* something to the executor, which has not been told to go */
};

/* -- Opening and closing ------------------------------------------------------- */

static xkv_store *store_new(const xkv_options *options) {
    xkv_store *store = xkv__alloc(sizeof *store);

    if (!store)
        return NULL;
    memset(store, 0, sizeof *store);
    atomic_init(&store->refs, 1);
    store->seed = options->seed;
    if (xkv__mutex_init(&store->mutex) == XKV_OK)
        return store;
    xkv__free(store);
    return NULL;
}

static void store_release(xkv_store *store) {
    if (atomic_fetch_sub_explicit(&store->refs, 1, memory_order_acq_rel) != 1)
        return;
    xkv__mutex_destroy(&store->mutex);
    xkv__free(store);
}

int xkv_open(const xkv_options *options, xkv_store **out, char *message, size_t size) {
    int error = xkv__options_check(options, message, size);

    *out = NULL;
    if (error != XKV_OK)
        return error;
    xkv_options effective = xkv__options_completed(options);
    xkv_store *store = store_new(options);
    error = store ? xkv__core_get(&effective, &store->core) : XKV_E_STORE_FULL;
    if (error != XKV_OK) {
        if (store)
            store_release(store);
        return xkv__explain(message, size, error, "%s", xkv__reason(error));
    }
    *out = store;
    return XKV_OK;
}

bool xkv_same_store(const xkv_store *a, const xkv_store *b) {
    return a->core == b->core;
}

static bool waits_for(const xkv_store *store, xkv_access access) {
    return store->core->executor->waits_for(store->core->opened, access);
}

bool xkv_waits(const xkv_store *store, int op) {
    const xkv_op_info *info = xkv_op_describe(op);
    return info && waits_for(store, info->access);
}

void xkv_store_stream(xkv_store *store, uint64_t stream) {
    store->stream = stream;
}

const xkv_options *xkv_store_options(const xkv_store *store) {
    return &store->core->options;
}

int xkv_store_activity(xkv_store *store, xkv_activity *activity, char *message, size_t size) {
    const xkv__core *core = store->core;
    int error = core->executor->look(core->opened, activity);

    return error == XKV_OK ? XKV_OK : xkv__explain(message, size, error, "%s", xkv__reason(error));
}

int xkv_check_entry(const xkv_store *store, xkv_bytes key, xkv_bytes value, char *message,
                    size_t size) {
    return xkv__check_entry(&store->core->options, key, value, message, size);
}

/* -- Order: all with the handle's mutex ----------------------------------------- */

/* Whether the executor takes it in order with what it has of this handle: where it
 * queues anything, that is all but what takes long. */
static bool is_queueable(const xkv_store *store, const xkv__request *request) {
    return waits_for(store, XKV_ACCESS_WRITE) &&
           !store->core->executor->takes_long(request->call.command);
}

static void link_request(xkv_store *store, xkv__request *request) {
    request->store = store;
    request->before = NULL;
    request->after = store->requests;
    if (store->requests)
        store->requests->before = request;
    store->requests = request;
    atomic_fetch_add_explicit(&store->refs, 1, memory_order_relaxed);
    xkv__core_enter(store->core);
}

static void unlink_request(xkv_store *store, xkv__request *request) {
    if (request->after)
        request->after->before = request->before;
    if (request->before)
        request->before->after = request->after;
    else
        store->requests = request->after;
}

static bool takes_steps(const xkv__core *core, const xkv__request *request) {
    const xkv__executor *executor = core->executor;
    return executor->takes_steps && executor->takes_steps(core->opened, request->call.command);
}

static void work(xkv__request *request);

/* Gives a request to who carries it out. False if there is nobody. */
static bool dispatch(xkv_store *store, xkv__request *request) {
    const xkv__core *core = store->core;

    bool queueable = is_queueable(store, request);

    if (!queueable || takes_steps(core, request)) {
        request->counted = XKV__ALONE;
        store->alone++;
    } else {
        request->counted = XKV__IN_ORDER;
        store->queued++;
    }
    if (!queueable) {
        request->work = work;
        return xkv__workers_take(request);
    }
    store->has_brought = true;
    core->executor->submit(core->opened, request);
    return true;
}

/* Whether it would overtake nothing now. */
static bool is_next(const xkv_store *store, const xkv__request *request) {
    return store->alone == 0 && (store->queued == 0 || is_queueable(store, request));
}

/* Dispatches what was held, as far as it is its turn, and returns those for which there
 * was nobody. */
static xkv__requests release_held(xkv_store *store) {
    xkv__requests refused = {NULL, NULL};

    while (store->held.first && is_next(store, store->held.first)) {
        xkv__request *request = xkv__requests_take(&store->held);
        if (!dispatch(store, request))
            xkv__requests_append(&refused, request);
    }
    return refused;
}

/* The handle waits for it no longer. */
static void uncount(xkv_store *store, xkv__request *request) {
    if (request->counted == XKV__NOT_COUNTED)
        return;
    if (request->counted == XKV__IN_ORDER)
        store->queued--;
    else
        store->alone--;
    request->counted = XKV__NOT_COUNTED;
    atomic_fetch_sub_explicit(&store->pending, 1, memory_order_release);
}

/* -- Requests on their way ------------------------------------------------------- */

/* Leaves the handle's mutex after release_held: what was dispatched goes on its way, and what
 * could not be is over. Another thread may forget the handle meanwhile, but not its core. */
static void leave_handle(xkv_store *store, xkv__requests refused) {
    const xkv__core *core = store->core;
    bool goes = store->has_brought && core->executor->go;

    store->has_brought = false;
    xkv__mutex_unlock(&store->mutex);
    if (goes)
        core->executor->go(core->opened);
    for (xkv__request *request; (request = xkv__requests_take(&refused));)
        xkv__request_fail(request, XKV_E_STORE_FULL);
}

/* Gives a request its place in the order. */
static void bring(xkv_store *store, xkv__request *request) {
    xkv__requests refused = {NULL, NULL};

    xkv__mutex_lock(&store->mutex);
    link_request(store, request);
    atomic_fetch_add_explicit(&store->pending, 1, memory_order_relaxed);
    xkv__requests_append(&store->held, request);
    if (store->held.first == request) /* else what comes before it is not over */
        refused = release_held(store);
    leave_handle(store, refused);
}

void xkv__request_overtake(xkv__request *request) {
    xkv_store *store = request->store;

    xkv__mutex_lock(&store->mutex);
    uncount(store, request);
    leave_handle(store, release_held(store));
}

/*
 * What is over is forgotten before anybody hears of it, who is then free to go on; and
 * heard of before anything that comes after it begins, so that what a handle has brought
 * comes back in that order.
 */
void xkv__request_done(xkv__request *request) {
    xkv_store *store = request->store;
    xkv__core *core = store->core;

    xkv__mutex_lock(&store->mutex);
    unlink_request(store, request);
    uncount(store, request);
    xkv__request_deliver(request);
    leave_handle(store, release_held(store));
    store_release(store);
    xkv__core_leave(core);
}

/* Runs a request that is taken. Once it is parked it may be over at any time, and may have
 * been the last of its store, while the executor is still in its transaction. */
static xkv__ran run_taken(xkv__core *core, xkv__request *request) {
    xkv__core_enter(core);
    xkv__ran ran = core->executor->run(core->opened, &request->call);
    xkv__core_leave(core);
    return ran;
}

/* In the thread of a worker. */
static void work(xkv__request *request) {
    if (!xkv__request_take(request))
        xkv__request_fail(request, atomic_load(&request->end));
    else if (run_taken(request->store->core, request) == XKV__RAN)
        xkv__request_done(request);
}

/* -- Ending what waits ------------------------------------------------------------ */

/* Has a request end with an error instead of waiting (any longer) for what it wants. True
 * if it was parked, and the caller has to see to it. With the handle's mutex, so that it
 * is not over. */
static bool end_wait(xkv__request *request, int error) {
    int none = XKV_OK;

    (void)atomic_compare_exchange_strong(&request->end, &none, error);
    return xkv__request_move(request, XKV__PARKED, XKV__ENDED);
}

static void end_parked(xkv_store *store, xkv__request *request) {
    store->core->executor->unpark(store->core->opened, request);
    xkv__request_fail(request, atomic_load(&request->end));
}

void xkv_cancel(xkv_store *store, xkv_queue *queue, uint64_t tag) {
    bool parked = false;

    xkv__mutex_lock(&store->mutex);
    xkv__request *request = store->requests;
    while (request && (request->queue != queue || request->tag != tag))
        request = request->after;
    if (request) {
        parked = end_wait(request, XKV_E_OPERATION_CANCELED);
        (void)xkv__request_move(request, XKV__QUEUED, XKV__ENDED); /* fails when its turn comes */
    }
    xkv__mutex_unlock(&store->mutex);
    if (parked)
        end_parked(store, request);
}

static void end_waits(xkv_store *store) {
    xkv__requests ended = {NULL, NULL};

    xkv__mutex_lock(&store->mutex);
    for (xkv__request *request = store->requests; request; request = request->after) {
        if (request->call.may_park && end_wait(request, XKV_E_STORE_CLOSED))
            xkv__requests_append(&ended, request);
    }
    xkv__mutex_unlock(&store->mutex);
    for (xkv__request *request; (request = xkv__requests_take(&ended));)
        end_parked(store, request);
}

void xkv_close(xkv_store *store) {
    if (!store)
        return;
    end_waits(store);
    xkv__core_release(store->core);
    store_release(store);
}

/* -- Running commands -------------------------------------------------------------- */

/* A call of a handle, with its number if that counts. */
static xkv__call call_of(xkv_store *store, const xkv_command *command, xkv_reply *reply) {
    xkv__call call = {.command = command, .reply = reply, .seed = store->seed};

    if (store->seed == XKV_NO_SEED)
        return call;
    call.stream = store->stream;
    call.number = atomic_fetch_add_explicit(&store->calls, 1, memory_order_relaxed);
    return call;
}

/* It was not made after all. */
static void uncount_call(xkv_store *store) {
    if (store->seed != XKV_NO_SEED)
        atomic_fetch_sub_explicit(&store->calls, 1, memory_order_relaxed);
}

/* A request draws what its call does. */
static void number_request(xkv__request *request, const xkv__call *call) {
    request->call.seed = call->seed;
    request->call.stream = call->stream;
    request->call.number = call->number;
}

/* Whether a command may be run by the thread that brings it. */
static bool may_run(const xkv_store *store, const xkv_command *command) {
    return atomic_load_explicit(&store->pending, memory_order_acquire) == 0 &&
           !waits_for(store, xkv__info(command)->access);
}

/* Runs a request that overtakes nothing. It is not counted, since what comes after it comes
 * when this is over. */
static xkv__ran run_request(xkv_store *store, xkv__request *request) {
    atomic_store(&request->state, XKV__TAKEN);
    xkv__mutex_lock(&store->mutex);
    link_request(store, request);
    xkv__mutex_unlock(&store->mutex);
    return run_taken(store->core, request);
}

/* For a thread that waits for it. */
static void exec_request(xkv_store *store, xkv__request *request) {
    xkv__waiter *waiter = request->waiter;

    if (!may_run(store, request->call.command))
        bring(store, request);
    else if (run_request(store, request) == XKV__RAN)
        xkv__request_done(request);
    xkv__monitor_enter(&waiter->monitor);
    while (!waiter->done)
        xkv__monitor_wait(&waiter->monitor);
    xkv__monitor_leave(&waiter->monitor);
}

static int exec_slowly(xkv_store *store, const xkv__call *call) {
    xkv__waiter waiter = {.done = false};
    xkv__request request;

    memset(&request, 0, sizeof request);
    if (xkv__monitor_init(&waiter.monitor) != XKV_OK)
        return xkv__reply_error(call->reply, XKV_E_STORE_FULL);
    if (xkv__request_init(&request, call->command, call->reply) == XKV_OK) {
        request.waiter = &waiter;
        number_request(&request, call);
        exec_request(store, &request);
        xkv__request_destroy(&request);
    } else {
        xkv__reply_error(call->reply, XKV_E_STORE_FULL);
    }
    xkv__monitor_destroy(&waiter.monitor);
    return call->reply->status;
}

int xkv_exec(xkv_store *store, const xkv_command *command, xkv_reply *reply) {
    xkv__core *core = store->core;

    xkv_reply_clear(reply);
    int error = xkv__check(&core->options, command, reply);
    if (error != XKV_OK)
        return error;
    xkv__call call = call_of(store, command, reply);
    if (xkv__is_patient(command) || !may_run(store, command))
        return exec_slowly(store, &call);
    call.may_take_long = true;
    (void)core->executor->run(core->opened, &call);
    return reply->status;
}

/* What a request has got becomes the caller's. */
static int hand_over(xkv__request *request, xkv_reply *reply) {
    xkv_reply got = request->own_reply;

    got.buffer = reply->buffer;
    got.buffer_size = reply->buffer_size;
    *reply = got;
    xkv__request_free(request);
    return XKV_DONE;
}

static int submit_request(xkv_store *store, const xkv__call *call, xkv_queue *queue, uint64_t tag) {
    xkv__request *request = xkv__request_new(call->command);

    if (!request) {
        xkv__reply_error(call->reply, XKV_E_STORE_FULL);
        return XKV_DONE;
    }
    request->queue = queue;
    request->tag = tag;
    number_request(request, call);
    if (!xkv__is_patient(call->command) || !may_run(store, call->command)) {
        bring(store, request);
        return XKV_PENDING;
    }
    if (run_request(store, request) != XKV__RAN)
        return XKV_PENDING;
    xkv__mutex_lock(&store->mutex);
    unlink_request(store, request);
    xkv__mutex_unlock(&store->mutex);
    store_release(store);
    xkv__core_leave(store->core);
    return hand_over(request, call->reply);
}

int xkv_submit(xkv_store *store, const xkv_command *command, xkv_reply *reply, xkv_queue *queue,
               uint64_t tag) {
    xkv__core *core = store->core;

    xkv_reply_clear(reply);
    if (xkv__check(&core->options, command, reply) != XKV_OK)
        return XKV_DONE;
    xkv__call call = call_of(store, command, reply);
    if (!xkv__is_patient(command) && may_run(store, command) &&
        core->executor->run(core->opened, &call) == XKV__RAN)
        return XKV_DONE;
    if (queue)
        return submit_request(store, &call, queue, tag);
    uncount_call(store);
    return XKV_PENDING;
}
