/*
 * lanes.c - a handle's commands take effect in the order in which they were given,
 * whoever carries them out
 *
 * Handles bring commands without awaiting them: such as are run at once, such as wait for
 * a disk, long ones that a worker does, and such as wait for a key. What each must have
 * found is computed from the order in which they were brought. Every handle has keys of
 * its own; the store is everybody's.
 */
#include "../kinds.h"

#include <pthread.h>

enum {
    THREADS = 3,
    HANDLES = 4, /* of a thread */
    KEYS = 1050, /* of a handle: more than is done by who brings it */
    CALLS = SANITIZED ? 60 : 400,
    BATCH = 40,  /* that are brought before any is awaited */
    WAITERS = 5, /* that wait at the most */
    LONG_MS = 3600000
};

static const struct kind kinds[] = {
    {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false},
    {"disk, full, untracked", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, false},
    {"disk, full, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, true},
    {"disk, relaxed, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_RELAXED, true},
    {"disk, none, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, true},
    {"disk, none, untracked", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, false},
};

static xkv_options options;

/* What a call must come to. */
struct call {
    bool under_way;
    int op, status;
    int64_t number;
    uint64_t hash; /* of the keys and values in its reply */
};

struct handle {
    xkv_store *store;
    size_t number;
    uint32_t values[KEYS];            /* what each key has been set to, 0: it is not there */
    size_t waiting[WAITERS], waiters; /* tags of pops that wait, in their order */
    uint32_t jobs;                    /* given out */
    struct call calls[CALLS + WAITERS];
    size_t brought;
};

struct thread {
    struct rng rng;
    xkv_queue *queue;
    struct handle handles[HANDLES];
};

/* -- What must be found ------------------------------------------------------------ */

static xkv_bytes prefix_of(const struct handle *handle, char out[32]) {
    return bytes_of(out, (size_t)snprintf(out, 32, "h%zu:", handle->number));
}

static xkv_bytes key_of(const struct handle *handle, size_t n, char out[32]) {
    return bytes_of(out, (size_t)snprintf(out, 32, "h%zu:%04zu", handle->number, n));
}

static xkv_bytes job_of(const struct handle *handle, uint32_t n, char out[32]) {
    return bytes_of(out, (size_t)snprintf(out, 32, "j%zu:%u", handle->number, (unsigned)n));
}

static xkv_bytes value_of(uint32_t version, char out[32]) {
    return bytes_of(out, (size_t)snprintf(out, 32, "%u", (unsigned)version));
}

static uint64_t mix(uint64_t hash, xkv_bytes bytes) {
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ ((const unsigned char *)bytes.data)[i]) * 1099511628211u;
    return hash;
}

static uint64_t mix_entry(uint64_t hash, xkv_bytes key, xkv_bytes value) {
    return mix(mix(hash, key), value);
}

/* All that the handle has; with_values: not the keys alone. */
static void expect_all(struct call *call, const struct handle *handle, bool with_values) {
    char key[32], value[32];

    for (size_t i = 0; i < KEYS; i++) {
        if (handle->values[i] == 0)
            continue;
        call->number++;
        call->hash = mix_entry(call->hash, key_of(handle, i, key),
                               with_values ? value_of(handle->values[i], value) : NOTHING);
    }
}

static uint64_t hash_of(const xkv_reply *reply) {
    xkv_bytes key, value;
    uint64_t hash = 0;

    for (size_t at = 0; xkv_reply_next(reply, &at, &key, &value);)
        hash = mix_entry(hash, key, value);
    return hash;
}

/* -- Commands, and what they do ----------------------------------------------------- */

/* What the next command is made of; the bytes lie here. */
struct making {
    struct thread *thread;
    struct handle *handle;
    struct call *call;
    size_t tag;
    char text[32], value[32];
};

static xkv_command make_set(struct making *making) {
    size_t n = rng_below(&making->thread->rng, KEYS);
    uint32_t version = (uint32_t)making->tag + 2;

    making->handle->values[n] = version;
    return (xkv_command){.op = XKV_OP_SET,
                         .key = key_of(making->handle, n, making->text),
                         .value = value_of(version, making->value)};
}

static xkv_command make_delete(struct making *making) {
    size_t n = rng_below(&making->thread->rng, KEYS);

    making->call->number = making->handle->values[n] != 0;
    making->handle->values[n] = 0;
    return (xkv_command){.op = XKV_OP_DELETE, .key = key_of(making->handle, n, making->text)};
}

static xkv_command make_get(struct making *making) {
    size_t n = rng_below(&making->thread->rng, KEYS);
    uint32_t version = making->handle->values[n];

    if (version == 0)
        making->call->status = XKV_E_KEY_NOT_FOUND;
    else
        making->call->hash = mix(0, value_of(version, making->value));
    return (xkv_command){.op = XKV_OP_GET, .key = key_of(making->handle, n, making->text)};
}

static xkv_command make_count(struct making *making) {
    expect_all(making->call, making->handle, false);
    making->call->hash = 0;
    return (xkv_command){.op = XKV_OP_COUNT, .prefix = prefix_of(making->handle, making->text)};
}

static xkv_command make_list(struct making *making) {
    static const int ops[] = {XKV_OP_LIST, XKV_OP_LIST_KEYS, XKV_OP_SCAN, XKV_OP_SCAN_KEYS};
    int op = ops[rng_below(&making->thread->rng, COUNT(ops))];

    expect_all(making->call, making->handle, op == XKV_OP_LIST || op == XKV_OP_SCAN);
    return (xkv_command){.op = op, .prefix = prefix_of(making->handle, making->text)};
}

static xkv_command make_rebuild(struct making *making) {
    (void)making;
    return (xkv_command){.op = XKV_OP_REBUILD_KEY_LIST};
}

static xkv_command make_pop(struct making *making) {
    struct handle *handle = making->handle;
    char *text = making->text;

    if (handle->waiters == WAITERS)
        return make_get(making);
    handle->waiting[handle->waiters++] = making->tag;
    return (xkv_command){.op = XKV_OP_POP_RANDOM,
                         .timeout_ms = LONG_MS,
                         .prefix =
                             bytes_of(text, (size_t)snprintf(text, 32, "j%zu:", handle->number))};
}

/* Whoever has waited longest gets it, if somebody waits: else nobody is to be asked. */
static xkv_command make_job(struct making *making) {
    struct handle *handle = making->handle;

    if (handle->waiters == 0)
        return make_set(making);
    struct call *waiter = &handle->calls[handle->waiting[0]];
    memmove(handle->waiting, handle->waiting + 1, --handle->waiters * sizeof *handle->waiting);
    xkv_bytes job = job_of(handle, handle->jobs++, making->text);
    waiter->number = 1;
    waiter->hash = mix_entry(0, job, LIT("job"));
    return (xkv_command){.op = XKV_OP_SET, .key = job, .value = LIT("job")};
}

static xkv_command make_any(struct making *making) {
    static xkv_command (*const makers[])(struct making *) = {
        make_set, make_set,   make_set,  make_delete, make_delete,  make_get,
        make_get, make_list,  make_pop,  make_pop,    make_job,     make_job,
        make_job, make_count, make_list, make_set,    make_rebuild,
    };
    return makers[rng_below(&making->thread->rng, COUNT(makers))](making);
}

/* -- Bringing them ------------------------------------------------------------------ */

static void check(struct call *call, const xkv_reply *reply) {
    MUST(call->under_way);
    call->under_way = false;
    MUST(reply->status == call->status);
    if (call->status != XKV_OK)
        return;
    if (call->op == XKV_OP_GET) {
        MUST(mix(0, bytes_of(reply->data, reply->len)) == call->hash);
    } else if (call->op != XKV_OP_SET && call->op != XKV_OP_REBUILD_KEY_LIST) {
        MUST(call->op == XKV_OP_SCAN || call->op == XKV_OP_SCAN_KEYS ||
             reply->number == call->number);
        MUST(hash_of(reply) == call->hash);
    }
}

static void bring(struct thread *thread, struct handle *handle,
                  xkv_command (*make)(struct making *)) {
    struct making making = {
        .thread = thread,
        .handle = handle,
        .call = &handle->calls[handle->brought],
        .tag = handle->brought,
    };
    xkv_reply reply;

    *making.call = (struct call){.under_way = true};
    xkv_command command = make(&making);
    making.call->op = command.op;
    handle->brought++;
    xkv_reply_init(&reply, NULL, 0);
    size_t tag = (size_t)(handle - thread->handles) * COUNT(handle->calls) + making.tag;
    if (xkv_submit(handle->store, &command, &reply, thread->queue, tag) == XKV_DONE)
        check(making.call, &reply);
    xkv_reply_clear(&reply);
}

static void collect(struct thread *thread, int timeout_ms) {
    xkv_completion done[64];
    size_t count = xkv_completions(thread->queue, done, COUNT(done), timeout_ms);

    for (size_t i = 0; i < count; i++) {
        struct handle *handle = &thread->handles[done[i].tag / COUNT(handle->calls)];
        check(&handle->calls[done[i].tag % COUNT(handle->calls)], &done[i].reply);
        xkv_reply_clear(&done[i].reply);
    }
}

/* How many are under way that nothing else is to come for. */
static size_t unfinished(const struct handle *handle) {
    size_t count = 0;

    for (size_t i = 0; i < handle->brought; i++)
        count += handle->calls[i].under_way;
    return count - handle->waiters;
}

static void await_all(struct thread *thread) {
    uint64_t deadline = clock_ms() + 60000;

    for (size_t i = 0; i < HANDLES; i++) {
        while (unfinished(&thread->handles[i]) > 0) {
            collect(thread, 100);
            MUST(clock_ms() < deadline);
        }
    }
}

static void fill(struct handle *handle) {
    struct client client = {.store = handle->store};
    xkv_items entries = {NULL, 0, 0};
    char key[32];

    for (size_t i = 0; i < KEYS; i++) {
        handle->values[i] = 1;
        MUST(xkv_items_add(&entries, key_of(handle, i, key), LIT("1")) == XKV_OK);
    }
    xkv_reply_init(&client.reply, NULL, 0);
    MUST(RUN(&client, .op = XKV_OP_SET_MANY, .items = xkv_items_bytes(&entries)) == XKV_OK);
    xkv_reply_clear(&client.reply);
    xkv_items_free(&entries);
}

static void *bring_all(void *argument) {
    struct thread *thread = argument;

    for (size_t i = 0; i < CALLS; i++) {
        for (size_t j = 0; j < HANDLES; j++)
            bring(thread, &thread->handles[j], make_any);
        if (i % BATCH == BATCH - 1)
            await_all(thread);
    }
    for (size_t i = 0; i < HANDLES; i++) {
        while (thread->handles[i].waiters > 0)
            bring(thread, &thread->handles[i], make_job);
    }
    await_all(thread);
    return NULL;
}

/* -- Threads --------------------------------------------------------------------------- */

static struct thread threads[THREADS];

static void thread_open(struct thread *thread, size_t number) {
    *thread = (struct thread){.rng = {test.seed + number}};
    MUST((thread->queue = xkv_queue_new()));
    for (size_t i = 0; i < HANDLES; i++) {
        thread->handles[i].number = number * HANDLES + i;
        thread->handles[i].store = must_open(&options);
        fill(&thread->handles[i]);
    }
}

static void thread_close(struct thread *thread) {
    for (size_t i = 0; i < HANDLES; i++)
        xkv_close(thread->handles[i].store);
    xkv_queue_free(thread->queue);
}

static void run_all_of(void) {
    pthread_t ids[THREADS];
    char name[PATH_SIZE];

    options = fresh(running, name);
    options.serialization = XKV_STRING;
    for (size_t i = 0; i < THREADS; i++)
        thread_open(&threads[i], i);
    for (size_t i = 0; i < THREADS; i++)
        MUST(pthread_create(&ids[i], NULL, bring_all, &threads[i]) == 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(ids[i], NULL);
    for (size_t i = 0; i < THREADS; i++)
        thread_close(&threads[i]);
}

static void test_order(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        running = &kinds[i];
        run_all_of();
    }
    running = NULL;
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(test_order, after_case)};

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
