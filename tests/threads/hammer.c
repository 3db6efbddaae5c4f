/*
 * hammer.c - 16 threads on one store, all commands mixed
 *
 * Meant for ThreadSanitizer as well, which then checks what no assertion can.
 * Each thread owns the keys that start with its number, so it knows what it
 * must read back; the others' keys it only looks at. A thread that clears the
 * store would spoil that, so clear has a test of its own.
 */
#include "../items.h"
#include "../model.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 16, OWN_KEYS = 40, SHARED_BY = 4 };

static const struct kind {
    const char *name;
    int backend, durability;
    bool track_keys, read_mostly;
} kinds[] = {
    {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false, false},
    {"memory, mostly read", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false, true},
    {"disk, none", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, false, false},
    {"disk, none, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, true, false},
    {"disk, full", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, false, true},
    {"disk, full, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, true, false},
    {"disk, relaxed, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_RELAXED, true, true},
};

struct worker {
    const struct kind *kind;
    struct client client;
    unsigned number;
    struct rng rng;
    uint32_t version[OWN_KEYS]; /* of each own key, 0 = not there */
    uint32_t versions;
    uint64_t commands;
    _Atomic bool *stop;
};

/* -- Keys and values --------------------------------------------------------- */

static char padding[700];

/* Some keys are longer than LMDB's. */
static xkv_bytes own_key(char out[1024], unsigned thread, unsigned n) {
    int pad = n % 8 == 7 ? 650 : 0;
    return bytes_of(out, (size_t)snprintf(out, 1024, "t%02u:%.*s%u", thread, pad, padding, n));
}

static xkv_bytes own_prefix(char out[1024], unsigned thread) {
    return bytes_of(out, (size_t)snprintf(out, 1024, "t%02u:", thread));
}

/* The version, and then bytes that follow from it. */
static xkv_bytes value_of(unsigned char out[512], uint32_t version) {
    struct rng rng = {version};
    size_t len = 4 + rng_below(&rng, 500);

    memcpy(out, &version, 4);
    rng_fill(&rng, out + 4, len - 4);
    return bytes_of(out, len);
}

/* Whether a value, of anybody's key, is a whole one. */
static bool is_whole(xkv_bytes value) {
    unsigned char expected[512];
    uint32_t version;

    if (value.len < 4)
        return false;
    memcpy(&version, value.data, 4);
    return same_bytes(value, value_of(expected, version));
}

/* -- Steps ------------------------------------------------------------------- */

static void write_own(struct worker *worker, unsigned n) {
    unsigned char value[512];
    char key[1024];
    xkv_bytes at = own_key(key, worker->number, n);

    if (rng_chance(&worker->rng, 700)) {
        worker->version[n] = ++worker->versions;
        MUST(do_set(&worker->client, at, value_of(value, worker->versions)) == XKV_OK);
        return;
    }
    MUST(do_delete(&worker->client, at) == XKV_OK);
    MUST(worker->client.reply.number == (worker->version[n] != 0));
    worker->version[n] = 0;
}

static void read_own(struct worker *worker, unsigned n) {
    unsigned char value[512];
    char key[1024];
    xkv_bytes at = own_key(key, worker->number, n);

    if (rng_chance(&worker->rng, 300)) {
        MUST(do_exists(&worker->client, at) == XKV_OK);
        MUST(worker->client.reply.number == (worker->version[n] != 0));
        return;
    }
    int status = do_get(&worker->client, at);
    MUST(status == (worker->version[n] ? XKV_OK : XKV_E_KEY_NOT_FOUND));
    if (status == XKV_OK)
        MUST(same_bytes(answer(&worker->client), value_of(value, worker->version[n])));
}

static unsigned count_own(const struct worker *worker) {
    unsigned count = 0;

    for (unsigned n = 0; n < OWN_KEYS; n++)
        count += worker->version[n] != 0;
    return count;
}

/* Entries are in order, with the prefix, and whole. */
static void check_list(const struct client *client, xkv_bytes prefix) {
    xkv_bytes key, value, previous = NOTHING;
    int64_t n = 0;

    for (size_t at = 0; xkv_reply_next(&client->reply, &at, &key, &value); n++) {
        MUST(order_of(previous, key) < 0 && starts_with(key, prefix) && is_whole(value));
        previous = key;
    }
    MUST(n == client->reply.number);
}

static void list_some(struct worker *worker) {
    char prefix[1024];
    unsigned thread = (unsigned)rng_below(&worker->rng, THREADS);
    xkv_bytes own = own_prefix(prefix, thread);

    if (rng_chance(&worker->rng, 150)) {
        MUST(do_list(&worker->client, NOTHING, rng_chance(&worker->rng, 500) ? 0 : 50) == XKV_OK);
        check_list(&worker->client, NOTHING);
        return;
    }
    MUST(do_list(&worker->client, own, 0) == XKV_OK);
    check_list(&worker->client, own);
    if (thread == worker->number)
        MUST(worker->client.reply.number == count_own(worker));
}

static void draw(struct worker *worker) {
    unsigned thread = (unsigned)rng_below(&worker->rng, THREADS);
    char prefix[1024];
    xkv_bytes own = own_prefix(prefix, thread);

    MUST(do_random(&worker->client, own) == XKV_OK);
    MUST(worker->client.reply.number <= OWN_KEYS);
    if (worker->client.reply.number > 0)
        MUST(starts_with(answer(&worker->client), own));
    if (thread == worker->number)
        MUST(worker->client.reply.number == count_own(worker));
    MUST(do_random(&worker->client, NOTHING) == XKV_OK);
    MUST(do_prefix(&worker->client, XKV_OP_RANDOM_ENTRY, own) == XKV_OK);
    check_list(&worker->client, own);
    MUST(do_prefix(&worker->client, XKV_OP_NEXT_CIRCULAR, own) == XKV_OK);
    check_list(&worker->client, own);
}

static void step(struct worker *worker) {
    unsigned n = (unsigned)rng_below(&worker->rng, OWN_KEYS);
    size_t writes = worker->kind->read_mostly ? 10 : 350, drawn = rng_below(&worker->rng, 1000);

    if (drawn < writes)
        write_own(worker, n);
    else if (drawn < 850)
        read_own(worker, n);
    else if (drawn < 940)
        draw(worker);
    else if (drawn < 980)
        list_some(worker);
    else if (drawn < 998 || !rng_chance(&worker->rng, 50))
        MUST(do_plain(&worker->client, XKV_OP_SIZE) == XKV_OK);
    else
        MUST(do_plain(&worker->client, XKV_OP_REBUILD_KEY_LIST) == XKV_OK);
    worker->commands++;
}

static void *work(void *argument) {
    struct worker *worker = argument;

    while (!atomic_load_explicit(worker->stop, memory_order_relaxed))
        step(worker);
    for (unsigned n = 0; n < OWN_KEYS; n++)
        read_own(worker, n);
    return NULL;
}

/* -- One round --------------------------------------------------------------- */

static xkv_options options_of(const struct kind *kind, char name[PATH_SIZE]) {
    xkv_options options = disk_options(NULL);

    options.backend = kind->backend;
    set_place(&options, fresh_path(name));
    options.durability = kind->durability;
    options.track_keys = kind->track_keys;
    options.initial_map_size = kind->backend == XKV_BACKEND_DISK ? 65536 : 0;
    return options;
}

/* Threads below SHARED_BY use the handle of thread 0 by xkv_exec; the others
 * have their own, and every other one submits. */
static void start(struct worker *workers, pthread_t *threads, const struct kind *kind,
                  const xkv_options *options, _Atomic bool *stop) {
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.kind = kind, .number = i, .stop = stop};
        workers[i].rng = (struct rng){test.seed + i};
        if (i > 0 && i < SHARED_BY)
            workers[i].client.store = workers[0].client.store;
        else
            client_open(&workers[i].client, options, i % 2);
    }
    for (unsigned i = 0; i < THREADS; i++)
        MUST(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
}

static void hammer(const struct kind *kind, unsigned milliseconds) {
    static struct worker workers[THREADS];
    struct timespec duration = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    pthread_t threads[THREADS];
    char name[PATH_SIZE];
    _Atomic bool stop = false;
    uint64_t commands = 0;
    int64_t keys = 0;

    xkv_options options = options_of(kind, name);
    start(workers, threads, kind, &options, &stop);
    nanosleep(&duration, NULL);
    atomic_store(&stop, true);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        commands += workers[i].commands;
        keys += count_own(&workers[i]);
    }
    assert_int_equal(do_plain(&workers[0].client, XKV_OP_SIZE), XKV_OK);
    assert_int_equal(workers[0].client.reply.number, keys);
    assert_int_equal(do_random(&workers[0].client, LIT("t")), XKV_OK);
    assert_int_equal(workers[0].client.reply.number, keys);
    for (unsigned i = 0; i < THREADS; i++) {
        if (i > 0 && i < SHARED_BY)
            xkv_reply_clear(&workers[i].client.reply);
        else
            client_close(&workers[i].client);
    }
    assert_true(commands > THREADS);
    printf("%s: %" PRIu64 " commands\n", kind->name, commands);
}

static void test_hammer(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++)
        hammer(&kinds[i], SANITIZED ? 1500 : 800);
}

/* -- Clearing while others look ---------------------------------------------- */

enum { TURNS = 20 }; /* that who writes has had at the least, while others looked */

struct clearing {
    const xkv_options *options;
    _Atomic bool stop;
    _Atomic unsigned turns;
};

/* Sets come in a row a, b, c; so whoever sees a later one sees the earlier. */
static void *set_and_clear(void *argument) {
    struct clearing *clearing = argument;
    struct client client;

    client_open(&client, clearing->options, true);
    while (!atomic_load(&clearing->stop)) {
        MUST(do_set(&client, LIT("a"), LIT("1")) == XKV_OK);
        MUST(do_set(&client, LIT("b"), LIT("1")) == XKV_OK);
        MUST(do_set(&client, LIT("c"), LIT("1")) == XKV_OK);
        MUST(do_plain(&client, XKV_OP_CLEAR) == XKV_OK);
        atomic_fetch_add(&clearing->turns, 1);
    }
    client_close(&client);
    return NULL;
}

static void watch_clearing(const xkv_options *options, int rounds) {
    static const char *const allowed[] = {"", "a", "ab", "abc"};
    struct clearing clearing = {.options = options, .stop = false};
    struct client client;
    pthread_t thread;

    client_open(&client, options, false);
    MUST(pthread_create(&thread, NULL, set_and_clear, &clearing) == 0);
    for (int i = 0; i < rounds || atomic_load(&clearing.turns) < TURNS; i++) {
        char seen[8] = "";
        size_t at = 0, n = 0;
        xkv_bytes key, value;
        MUST(do_list(&client, NOTHING, i % 2 ? 0 : 10) == XKV_OK);
        while (xkv_reply_next(&client.reply, &at, &key, &value) && n < 4)
            seen[n++] = *(const char *)key.data;
        MUST(n < COUNT(allowed) && strcmp(seen, allowed[n]) == 0);
        MUST(do_random(&client, NOTHING) == XKV_OK);
        MUST((client.reply.len == 0) == (client.reply.number == 0));
    }
    atomic_store(&clearing.stop, true);
    pthread_join(thread, NULL);
    client_close(&client);
}

static void test_clear(void **state) {
    char name[PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        xkv_options options = options_of(&kinds[i], name);
        watch_clearing(&options, 5000);
    }
}

/* -- Batches while others look ----------------------------------------------- */

/* More than a snapshot pays for, and less. */
enum { FEW = 20, MANY = 400 };

struct batches {
    const xkv_options *options;
    size_t keys;
    _Atomic bool stop;
    _Atomic unsigned turns;
};

static xkv_bytes batch_key(char out[32], size_t n) {
    return bytes_of(out, (size_t)snprintf(out, 32, "batch:%03zu", n));
}

/* All keys get one value, or go, in one step each. */
static void *write_batches(void *argument) {
    struct batches *batches = argument;
    struct client client;
    char key[32], value[32];

    client_open(&client, batches->options, true);
    for (unsigned n = 0; !atomic_load(&batches->stop); n++) {
        xkv_items items = {NULL, 0, 0};
        int op = n % 3 == 2 ? XKV_OP_DELETE_MANY : XKV_OP_SET_MANY;
        snprintf(value, sizeof value, "value %u", n);
        for (size_t i = 0; i < batches->keys; i++)
            items_add(&items, batch_key(key, i), xkv_text(value));
        MUST(do_list_of(&client, op, items) == XKV_OK);
        atomic_fetch_add(&batches->turns, 1);
    }
    client_close(&client);
    return NULL;
}

/* Of each value or key in the reply: all there and the same, or none. */
static void check_whole(const struct client *client, size_t keys) {
    xkv_bytes first = NOTHING;
    size_t at = 0, values = 0, nulls = 0;

    for (xkv_item item; xkv_item_next(answer(client), &at, &item);) {
        if (item.kind == XKV_ITEM_NULL)
            nulls++;
        if (item.kind != XKV_ITEM_VALUE && item.kind != XKV_ITEM_ENTRY)
            continue;
        first = values++ == 0 ? item.value : first;
        MUST(same_bytes(first, item.value));
    }
    MUST(values == keys || (values == 0 && (nulls == 0 || nulls == keys)));
}

static void watch_batches(struct batches *batches, int rounds) {
    struct client client;
    xkv_items all = {NULL, 0, 0};
    pthread_t threads[2];
    char key[32];

    client_open(&client, batches->options, false);
    for (size_t i = 0; i < batches->keys; i++)
        items_add(&all, batch_key(key, i), NOTHING);
    for (size_t i = 0; i < COUNT(threads); i++)
        MUST(pthread_create(&threads[i], NULL, write_batches, batches) == 0);
    for (int i = 0; i < rounds || atomic_load(&batches->turns) < TURNS; i++) {
        MUST(RUN(&client, .op = XKV_OP_GET_MANY, .items = xkv_items_bytes(&all)) == XKV_OK);
        check_whole(&client, batches->keys);
        MUST(do_limit(&client, i % 2 ? XKV_OP_LIST : XKV_OP_SCAN, NOTHING, i % 3 ? 0 : 1000) ==
             XKV_OK);
        check_whole(&client, batches->keys);
        MUST(do_prefix(&client, i % 2 ? XKV_OP_COUNT : XKV_OP_RANDOM_KEY, LIT("batch:")) == XKV_OK);
        MUST(client.reply.number == 0 || (size_t)client.reply.number == batches->keys);
        MUST(do_count(&client, XKV_OP_RANDOM_KEYS, NOTHING, 1000) == XKV_OK);
        MUST(client.reply.number == 0 || (size_t)client.reply.number == batches->keys);
    }
    atomic_store(&batches->stop, true);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    xkv_items_free(&all);
    client_close(&client);
}

static void test_batches(void **state) {
    static const size_t sizes[] = {FEW, MANY};
    char name[PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(kinds) * COUNT(sizes); i++) {
        xkv_options options = options_of(&kinds[i / COUNT(sizes)], name);
        struct batches batches = {.options = &options, .keys = sizes[i % COUNT(sizes)]};
        watch_batches(&batches, SANITIZED ? 100 : 1000);
    }
}

/* -- Opening and closing ----------------------------------------------------- */

static void *open_and_close(void *argument) {
    const xkv_options *options = argument;
    struct client client;
    char key[32];

    for (int i = 0; i < (SANITIZED ? 30 : 60); i++) {
        client_open(&client, options, i % 2);
        snprintf(key, sizeof key, "%p:%d", (void *)&client, i);
        MUST(do_set(&client, xkv_text(key), LIT("1")) == XKV_OK);
        MUST(do_get(&client, xkv_text(key)) == XKV_OK);
        client_close(&client);
    }
    return NULL;
}

static void test_opening_and_closing(void **state) {
    pthread_t threads[THREADS];
    char name[PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        xkv_options options = options_of(&kinds[i], name);
        for (size_t j = 0; j < COUNT(threads); j++)
            MUST(pthread_create(&threads[j], NULL, open_and_close, &options) == 0);
        for (size_t j = 0; j < COUNT(threads); j++)
            pthread_join(threads[j], NULL);
    }
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hammer),
        cmocka_unit_test(test_clear),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_opening_and_closing),
    };

    (void)argc;
    test_begin(argv);
    memset(padding, 'x', sizeof padding - 1);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
