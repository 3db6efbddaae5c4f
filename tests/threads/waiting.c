/*
 * waiting.c - many threads put keys, wait for keys, give up waiting, and close
 *
 * Every key is put once. Whatever happens: it is handed out once or is left in the
 * store; every call is over once, and in no other way than it may be; and when all is
 * quiet nobody waits for what is there. The clocks are the system's.
 */
#include "../items.h"
#include "../kinds.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    PRODUCERS = 2,
    CONSUMERS = 3,
    EXECUTORS = 2, /* who wait in xkv_exec */
    HANDLES = 6,   /* of a consumer */
    DEPTH = 3,     /* calls that a handle may have under way */
    KEYS_MOST = 400000,
    DURATION_MS = 1500,
    TTL_MOST = 15,
    LONG_MS = 3600000
};

static const struct kind kinds[] = {
    {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false},
    {"disk, full, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, true},
    {"disk, full, untracked", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, false},
    {"disk, none, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, true},
    {"disk, none, untracked", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, false},
};

/* Whether such a store has a thread that writes. */
static bool waits(const struct kind *kind) {
    return kind->backend == XKV_BACKEND_DISK && kind->durability != XKV_DURABILITY_NONE;
}

/* A key lies in one of the pools, and some want any of a pool, of all, or that one. */
static const char *const prefixes[] = {"a:", "b:", "c:", "a", ""};

static xkv_options options;
static _Atomic bool stop;
static _Atomic size_t keys_put; /* numbers of keys that were, or are being, put */
static _Atomic unsigned char taken[KEYS_MOST];
static _Atomic uint64_t served, timed_out, canceled, closed, expired;

static xkv_bytes key_number(char out[32], size_t n) {
    return bytes_of(out, (size_t)snprintf(out, 32, "%c:%07zu", (char)('a' + n % 3), n));
}

static size_t number_of(xkv_bytes key) {
    char digits[8] = "";

    MUST(key.len == 9);
    memcpy(digits, (const char *)key.data + 2, 7);
    return strtoul(digits, NULL, 10);
}

/* A key was handed out for good. */
static void take(xkv_bytes key) {
    MUST(atomic_fetch_add(&taken[number_of(key)], 1) == 0);
    atomic_fetch_add(&served, 1);
}

static void take_all(const xkv_reply *reply) {
    xkv_bytes key, value;

    for (size_t at = 0; xkv_reply_next(reply, &at, &key, &value);)
        take(key);
}

/* -- Producers ------------------------------------------------------------------- */

/* The number of a key that nobody has put, and of as many that follow. */
static size_t new_keys(size_t count) {
    size_t first = atomic_fetch_add(&keys_put, count);
    MUST(first + count <= KEYS_MOST);
    return first;
}

static void put_one(struct client *client, struct rng *rng) {
    static const int ops[] = {XKV_OP_SET, XKV_OP_SWAP, XKV_OP_GET_OR_SET, XKV_OP_SET_IF_ABSENT,
                              XKV_OP_COMPARE_AND_SWAP};
    char key[32];

    MUST(RUN(client, .op = ops[rng_below(rng, COUNT(ops))], .key = key_number(key, new_keys(1)),
             .value = LIT("1"), .expect = XKV_EXPECT_ABSENT) == XKV_OK);
}

static void put_many(struct client *client, struct rng *rng) {
    size_t count = 1 + rng_below(rng, 12), first = new_keys(count);
    xkv_items entries = NO_ITEMS;
    char key[32];

    for (size_t i = 0; i < count; i++)
        items_add(&entries, key_number(key, first + i), LIT("1"));
    MUST(do_list_of(client, XKV_OP_SET_MANY, entries) == XKV_OK);
}

static void nap(struct rng *rng) {
    const struct timespec time = {0, (long)rng_below(rng, 400000)};
    nanosleep(&time, NULL);
}

static void *produce(void *argument) {
    struct rng rng = *(struct rng *)argument;
    struct client client;

    client_open(&client, &options, rng_chance(&rng, 500));
    while (!atomic_load(&stop)) {
        if (rng_chance(&rng, 200))
            put_many(&client, &rng);
        else
            put_one(&client, &rng);
        nap(&rng);
    }
    client_close(&client);
    return NULL;
}

/* -- Calls of consumers ------------------------------------------------------------ */

struct call {
    bool under_way, canceled;
    int op;
    const char *prefix; /* NULL: one key */
    uint64_t begun, timeout;
};

struct handle {
    xkv_store *store;
    bool closed; /* while its calls were under way */
    struct call calls[DEPTH];
};

struct consumer {
    struct rng rng;
    xkv_queue *queue;
    struct client client; /* for what does not wait */
    struct handle handles[HANDLES];
    size_t under_way;
};

static struct call *call_of(struct consumer *consumer, uint64_t tag) {
    return &consumer->handles[tag / DEPTH].calls[tag % DEPTH];
}

/* A claim's holder completes it, seldom too late, or forgets it, and it expires: then somebody
 * else gets the key. */
static void use_claim(struct consumer *consumer, const xkv_reply *reply) {
    struct claim claim;
    size_t at = 0;

    MUST(next_claim(reply, &at, &claim));
    struct ticket ticket = ticket_of(&claim);
    if (rng_chance(&consumer->rng, 300))
        return;
    if (rng_chance(&consumer->rng, 200)) {
        MUST(do_ticket(&consumer->client, XKV_OP_RELEASE_CLAIM, &ticket, 0) == XKV_OK);
        return;
    }
    if (rng_chance(&consumer->rng, 10))
        usleep((TTL_MOST + 1) * 1000);
    MUST(do_ticket(&consumer->client, XKV_OP_COMPLETE_CLAIM, &ticket, 0) == XKV_OK);
    if (consumer->client.reply.number == 1)
        take(xkv_text(ticket.key));
    else
        atomic_fetch_add(&expired, 1);
}

static void found_nothing(const struct call *call) {
    MUST(clock_ms() - call->begun >= call->timeout);
    atomic_fetch_add(&timed_out, 1);
}

/* Each is over once, and only as it may be. */
static void over(struct consumer *consumer, uint64_t tag, const xkv_reply *reply) {
    struct call *call = call_of(consumer, tag);

    MUST(call->under_way);
    call->under_way = false;
    consumer->under_way--;
    if (reply->status == XKV_E_OPERATION_CANCELED) {
        MUST(call->canceled);
        atomic_fetch_add(&canceled, 1);
        return;
    }
    if (reply->status == XKV_E_STORE_CLOSED) {
        MUST(consumer->handles[tag / DEPTH].closed);
        atomic_fetch_add(&closed, 1);
        return;
    }
    MUST(reply->status == XKV_OK);
    if (reply->number == 0)
        found_nothing(call);
    else if (call->op == XKV_OP_POP_RANDOM)
        take_all(reply);
    else
        use_claim(consumer, reply);
}

/* One of those that have just been put, or are next. */
static size_t number_near(struct rng *rng) {
    size_t next = atomic_load(&keys_put), back = rng_below(rng, 6);
    return next + 3 > back ? next + 3 - back : next;
}

static xkv_command choose_call(struct call *call, struct rng *rng, char key[32]) {
    static const int ops[] = {XKV_OP_POP_RANDOM, XKV_OP_POP_RANDOM, XKV_OP_CLAIM_RANDOM,
                              XKV_OP_CLAIM_KEY};
    static const uint64_t timeouts[] = {1, 3, 20, LONG_MS, LONG_MS};

    *call = (struct call){.under_way = true,
                          .op = ops[rng_below(rng, COUNT(ops))],
                          .begun = clock_ms(),
                          .timeout = timeouts[rng_below(rng, COUNT(timeouts))]};
    bool exact = call->op == XKV_OP_CLAIM_KEY;
    call->prefix = exact ? NULL : prefixes[rng_below(rng, COUNT(prefixes))];
    return (xkv_command){.op = call->op,
                         .key = exact ? key_number(key, number_near(rng)) : NOTHING,
                         .prefix = exact ? NOTHING : xkv_text(call->prefix),
                         .ttl_ms = 1 + (int64_t)rng_below(rng, TTL_MOST),
                         .timeout_ms = (int64_t)call->timeout};
}

static void begin_call(struct consumer *consumer, uint64_t tag) {
    struct call *call = call_of(consumer, tag);
    xkv_reply reply;
    char key[32];

    if (call->under_way)
        return;
    xkv_command command = choose_call(call, &consumer->rng, key);
    consumer->under_way++;
    xkv_reply_init(&reply, NULL, 0);
    if (xkv_submit(consumer->handles[tag / DEPTH].store, &command, &reply, consumer->queue, tag) ==
        XKV_DONE)
        over(consumer, tag, &reply);
    xkv_reply_clear(&reply);
}

static void cancel_call(struct consumer *consumer, uint64_t tag) {
    call_of(consumer, tag)->canceled = true;
    xkv_cancel(consumer->handles[tag / DEPTH].store, consumer->queue, tag);
}

static size_t collect(struct consumer *consumer, int timeout_ms) {
    xkv_completion done[64];
    size_t count = xkv_completions(consumer->queue, done, COUNT(done), timeout_ms);

    for (size_t i = 0; i < count; i++) {
        over(consumer, done[i].tag, &done[i].reply);
        xkv_reply_clear(&done[i].reply);
    }
    return count;
}

/* -- Consumers -------------------------------------------------------------------- */

static bool is_busy(const struct handle *handle) {
    bool busy = false;

    for (size_t i = 0; i < DEPTH; i++)
        busy |= handle->calls[i].under_way;
    return busy;
}

/* Closes a handle, mostly with calls under way, which must be over soon. */
static void close_handle(struct consumer *consumer, struct handle *handle) {
    handle->closed = true;
    xkv_close(handle->store);
    while (is_busy(handle))
        MUST(collect(consumer, 60000) > 0);
    handle->closed = false;
}

static void reopen_handle(struct consumer *consumer, struct handle *handle) {
    close_handle(consumer, handle);
    handle->store = must_open(&options);
}

static void step(struct consumer *consumer) {
    uint64_t tag = rng_below(&consumer->rng, HANDLES * DEPTH);

    if (rng_chance(&consumer->rng, 30))
        reopen_handle(consumer, &consumer->handles[tag / DEPTH]);
    else if (rng_chance(&consumer->rng, 150))
        cancel_call(consumer, tag);
    else
        begin_call(consumer, tag);
    while (collect(consumer, rng_chance(&consumer->rng, 100)) > 0)
        ;
}

static void *consume(void *argument) {
    struct consumer *consumer = argument;

    while (!atomic_load(&stop))
        step(consumer);
    return NULL;
}

static void consumer_open(struct consumer *consumer, uint64_t number) {
    *consumer = (struct consumer){.rng = {test.seed + number}};
    client_open(&consumer->client, &options, number % 2);
    MUST((consumer->queue = xkv_queue_new()));
    for (size_t i = 0; i < HANDLES; i++)
        consumer->handles[i].store = must_open(&options);
}

static void consumer_close(struct consumer *consumer) {
    for (size_t i = 0; i < HANDLES; i++)
        close_handle(consumer, &consumer->handles[i]);
    MUST(consumer->under_way == 0 && collect(consumer, 0) == 0);
    client_close(&consumer->client);
    xkv_queue_free(consumer->queue);
}

/* -- Those who wait in xkv_exec ---------------------------------------------------- */

static void *pop_by_exec(void *argument) {
    struct rng rng = *(struct rng *)argument;
    struct client client;

    client_open(&client, &options, false);
    while (!atomic_load(&stop)) {
        uint64_t begun = clock_ms(), timeout = 1 + rng_below(&rng, 6);
        MUST(RUN(&client, .op = XKV_OP_POP_RANDOM, .timeout_ms = (int64_t)timeout,
                 .prefix = xkv_text(prefixes[rng_below(&rng, COUNT(prefixes))])) == XKV_OK);
        if (client.reply.number == 0)
            MUST(clock_ms() - begun >= timeout);
        take_all(&client.reply);
    }
    client_close(&client);
    return NULL;
}

/* -- All together ------------------------------------------------------------------- */

static struct consumer consumers[CONSUMERS];

static void run_threads(void) {
    pthread_t threads[PRODUCERS + EXECUTORS + CONSUMERS];
    struct rng rngs[PRODUCERS + EXECUTORS];
    const struct timespec duration = {DURATION_MS / 1000, DURATION_MS % 1000 * 1000000};

    for (size_t i = 0; i < COUNT(threads); i++) {
        void *argument = i < COUNT(rngs) ? (void *)&rngs[i] : &consumers[i - COUNT(rngs)];
        void *(*body)(void *) = i < PRODUCERS ? produce : i < COUNT(rngs) ? pop_by_exec : consume;
        if (i < COUNT(rngs))
            rngs[i] = (struct rng){test.seed * 31 + i};
        MUST(pthread_create(&threads[i], NULL, body, argument) == 0);
    }
    nanosleep(&duration, NULL);
    atomic_store(&stop, true);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
}

/* Until nothing has happened for so long that all claims have expired, and been taken by
 * somebody who waited. */
static void let_settle(void) {
    for (int quiet = 0; quiet < 4; quiet++) {
        for (size_t i = 0; i < CONSUMERS; i++) {
            if (collect(&consumers[i], 2 * TTL_MOST) > 0)
                quiet = -1;
        }
    }
}

/* Nobody waits for a key that is there: all are free by now. */
static void nobody_waits_in_vain(struct client *client) {
    for (size_t i = 0; i < CONSUMERS; i++) {
        for (uint64_t tag = 0; tag < HANDLES * DEPTH; tag++) {
            const struct call *call = call_of(&consumers[i], tag);
            if (!call->under_way || !call->prefix)
                continue;
            MUST(do_prefix(client, XKV_OP_COUNT, xkv_text(call->prefix)) == XKV_OK);
            assert_int_equal(client->reply.number, 0);
        }
    }
}

static void account(struct client *client) {
    xkv_bytes key, value;

    MUST(do_list(client, NOTHING, 0) == XKV_OK);
    for (size_t at = 0; xkv_reply_next(&client->reply, &at, &key, &value);)
        take(key);
    for (size_t i = 0; i < atomic_load(&keys_put); i++)
        assert_int_equal(atomic_load(&taken[i]), 1);
}

static void begin_account(void) {
    for (size_t i = 0; i < KEYS_MOST; i++)
        atomic_store(&taken[i], 0);
    atomic_store(&keys_put, 0);
    atomic_store(&served, 0);
    atomic_store(&timed_out, 0);
    atomic_store(&canceled, 0);
    atomic_store(&closed, 0);
    atomic_store(&expired, 0);
    atomic_store(&stop, false);
}

static void run_all_of(const struct kind *kind) {
    char name[PATH_SIZE];
    struct client client;

    options = fresh(kind, name);
    begin_account();
    client_open(&client, &options, false);
    for (size_t i = 0; i < CONSUMERS; i++)
        consumer_open(&consumers[i], i);
    run_threads();
    let_settle();
    for (int i = 0; i < 9; i++) /* who waits still gets these */
        put_one(&client, &consumers[0].rng);
    let_settle();
    nobody_waits_in_vain(&client);
    for (size_t i = 0; i < CONSUMERS; i++)
        consumer_close(&consumers[i]);
    account(&client);
    client_close(&client);
    printf("%s: %zu keys, %" PRIu64 " times over, %" PRIu64 " canceled, %" PRIu64
           " closed, %" PRIu64 " expired\n",
           kind->name, atomic_load(&keys_put), timed_out, canceled, closed, expired);
    assert_true(timed_out > 0 && canceled > 0 && closed > 0 && expired > 0);
}

static void test_waiting(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        running = &kinds[i];
        run_all_of(running);
    }
    running = NULL;
}

/* -- Closing ------------------------------------------------------------------------ */

enum { MANY = 1100 }; /* so many that a list of them is for a worker */

static xkv_store *closing;

static void fill(void) {
    struct client client;
    xkv_items entries = NO_ITEMS;
    char key[32];

    closing = must_open(&options);
    client_open(&client, &options, false);
    for (size_t i = 0; i < MANY; i++)
        items_add(&entries, key_number(key, i), LIT("1"));
    MUST(do_list_of(&client, XKV_OP_SET_MANY, entries) == XKV_OK);
    client_close(&client);
}

static void submit(xkv_store *store, const xkv_command *command, xkv_queue *queue, uint64_t tag) {
    xkv_reply reply;

    xkv_reply_init(&reply, NULL, 0);
    MUST(xkv_submit(store, command, &reply, queue, tag) == XKV_PENDING);
}

/* What two calls may have come to: the list has all, the other has waited in vain. */
static void check_closed(const xkv_completion *done) {
    if (done->tag == 0)
        MUST(done->reply.status == XKV_OK && done->reply.number == MANY);
    else
        MUST(done->reply.status == XKV_E_STORE_CLOSED || done->reply.number == 0);
}

/* The last handle is closed while a worker runs the call that then waits, behind
 * another that took it long. */
static void close_last(xkv_queue *queue, uint64_t delay_ns) {
    const xkv_command list = {.op = XKV_OP_LIST_KEYS};
    const xkv_command pop = {.op = XKV_OP_POP_RANDOM, .prefix = LIT("none"), .timeout_ms = 2};
    const struct timespec time = {0, (long)delay_ns};
    xkv_completion done;

    fill(); /* a memory store is empty again each time */
    submit(closing, &list, queue, 0);
    submit(closing, &pop, queue, 1);
    nanosleep(&time, NULL);
    xkv_close(closing);
    for (int i = 0; i < 2; i++) {
        MUST(xkv_completions(queue, &done, 1, 0) == 1);
        check_closed(&done);
        xkv_reply_clear(&done.reply);
    }
}

static void test_closing_the_last_handle(void **state) {
    static const struct kind unwaited[] = {
        {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false},
        {"disk, none", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, false},
    };
    struct rng rng = rng_for("closing");
    char name[PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(unwaited); i++) {
        running = &unwaited[i];
        options = fresh(running, name);
        xkv_queue *queue = xkv_queue_new();
        for (int round = 0; round < (SANITIZED ? 50 : 600); round++)
            close_last(queue, rng_below(&rng, 600000));
        xkv_queue_free(queue);
    }
    running = NULL;
}

/* -- Expiry ------------------------------------------------------------------------- */

/* Fills the committer's time with what writes nothing. */
static void *look_around(void *argument) {
    xkv_queue *queue = xkv_queue_new();
    xkv_store *store = must_open(&options);
    const xkv_command stats = {.op = XKV_OP_STATS};
    xkv_completion done[64];

    (void)argument;
    while (!atomic_load(&stop)) {
        for (size_t i = 0; i < COUNT(done); i++)
            submit(store, &stats, queue, i);
        for (size_t left = COUNT(done); left > 0;) {
            size_t count = xkv_completions(queue, done, COUNT(done), -1);
            for (size_t i = 0; i < count; i++)
                xkv_reply_clear(&done[i].reply);
            left -= count;
        }
    }
    xkv_close(store);
    xkv_queue_free(queue);
    return NULL;
}

/* A claim that nobody gives back is had by the next one when it expires, whatever else is
 * asked of the store at that time. (How soon is for tests/faults/waiting.c.) */
static void claims_expire(void) {
    struct client client;

    client_open(&client, &options, false);
    MUST(do_set(&client, LIT("k"), LIT("1")) == XKV_OK);
    for (int i = 0; i < 25; i++) {
        MUST(RUN(&client, .op = XKV_OP_CLAIM_KEY, .key = LIT("k"), .ttl_ms = 20,
                 .timeout_ms = LONG_MS) == XKV_OK);
        MUST(client.reply.number == 1);
    }
    client_close(&client);
}

static void test_expiry_beside_reads(void **state) {
    pthread_t threads[2];
    char name[PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        running = &kinds[i];
        options = fresh(running, name);
        if (!waits(running))
            continue;
        atomic_store(&stop, false);
        for (size_t j = 0; j < COUNT(threads); j++)
            MUST(pthread_create(&threads[j], NULL, look_around, NULL) == 0);
        claims_expire();
        atomic_store(&stop, true);
        for (size_t j = 0; j < COUNT(threads); j++)
            pthread_join(threads[j], NULL);
    }
    running = NULL;
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_waiting, after_case),
        cmocka_unit_test_teardown(test_expiry_beside_reads, after_case),
        cmocka_unit_test_teardown(test_closing_the_last_handle, after_case),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
