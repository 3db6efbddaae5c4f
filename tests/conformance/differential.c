/*
 * differential.c - a million random operations per backend, and a sorted array
 *
 * Keys come from a pool that holds what is hard: prefixes of each other, 1 byte
 * and 32768, NUL and non-ASCII, and long keys that share their first hundreds
 * or thousands of bytes, so that the records for keys that are too long for
 * LMDB are put under stress. Every answer must be the array's.
 */
#include "../model.h"

/* -- The pool ---------------------------------------------------------------- */

enum { POOL = 640, COMMON_KEYS = 480 };

/* Common keys come first; the rest are so long that they are drawn less. */
static struct pool {
    xkv_bytes keys[POOL];
    size_t count;
} pool;

static void pool_add(xkv_bytes key) {
    unsigned char *copy = malloc(key.len);

    MUST(copy && pool.count < POOL);
    memcpy(copy, key.data, key.len);
    pool.keys[pool.count++] = bytes_of(copy, key.len);
}

static unsigned char key_room[XKV_KEY_MAX];

/* A key of len bytes that starts with a run of shared bytes and differs after
 * it, as text. Several lengths of run make families within families. */
static void add_family(struct rng *rng, size_t shared, size_t len, size_t members) {
    char tail[32];

    for (size_t i = 0; i < members; i++) {
        int digits = snprintf(tail, sizeof tail, "%zu.%u|", i, (unsigned)rng_below(rng, 1000));
        memset(key_room, 's', len);
        memcpy(key_room + shared, tail,
               len - shared < (size_t)digits ? len - shared : (size_t)digits);
        pool_add(bytes_of(key_room, len));
    }
}

static void add_short_keys(struct rng *rng) {
    static const char *const texts[] = {"a",
                                        "b",
                                        "s",
                                        "ss",
                                        "sss",
                                        "user",
                                        "user:",
                                        "\x7F",
                                        "\xC3\xA9",
                                        "\xC3\xA9\xC3\xA9",
                                        "\xE2\x82\xAC",
                                        "\xF0\x9F\x98\x80",
                                        "\xF4\x8F\xBF\xBF"};
    char text[64];

    for (size_t i = 0; i < COUNT(texts); i++)
        pool_add(xkv_text(texts[i]));
    pool_add(LIT("\0"));
    pool_add(LIT("\0\0"));
    pool_add(LIT("a\0"));
    pool_add(LIT("a\0b"));
    pool_add(LIT("s\0s"));
    while (pool.count < 300) {
        snprintf(text, sizeof text, "user:%zu:%u", pool.count, (unsigned)rng_below(rng, 100));
        pool_add(bytes_of(text, strlen(text) - (pool.count % 3 == 0 ? 2 : 0)));
    }
}

/* Around every length at which something changes. */
static void add_edge_lengths(unsigned char filler) {
    static const size_t lengths[] = {494, 495, 496, 497, 498, 509, 510,  511,
                                     512, 513, 991, 992, 993, 994, 1488, 1489};

    for (size_t i = 0; i < COUNT(lengths); i++) {
        memset(key_room, filler, lengths[i]);
        pool_add(bytes_of(key_room, lengths[i]));
        key_room[lengths[i] - 1] = 1; /* the byte that LMDB-sized pieces may end with */
        pool_add(bytes_of(key_room, lengths[i]));
    }
}

static void fill_pool(struct rng *rng) {
    add_short_keys(rng);
    add_edge_lengths('s');
    add_edge_lengths('t');
    add_family(rng, 480, 505, 20);
    add_family(rng, 500, 520, 40);
    add_family(rng, 992, 1000, 30);
    while (pool.count < COMMON_KEYS)
        add_family(rng, 1000, 1020 + rng_below(rng, 100), 1);
    add_family(rng, 1000, 4000, 30);
    add_family(rng, 3990, 4000, 30);
    add_family(rng, 4000, 4500, 40);
    add_family(rng, 4000, 9000, 20);
    add_family(rng, 32760, 32768, 15);
    add_family(rng, 10, 32768, 10);
    while (pool.count < POOL)
        add_family(rng, 20000, 20100 + rng_below(rng, 12668), 1);
}

static void free_pool(void) {
    while (pool.count > 0)
        free((void *)(uintptr_t)pool.keys[--pool.count].data);
}

static xkv_bytes any_key(struct rng *rng) {
    size_t rare = rng_chance(rng, 60) ? POOL - COMMON_KEYS : 0;
    return pool.keys[rare ? COMMON_KEYS + rng_below(rng, rare) : rng_below(rng, COMMON_KEYS)];
}

/* A prefix of a key, cut between characters; sometimes the whole key. */
static xkv_bytes any_prefix(struct rng *rng) {
    xkv_bytes prefix = any_key(rng);
    const unsigned char *bytes = prefix.data;

    if (rng_chance(rng, 100))
        return NOTHING;
    if (rng_chance(rng, 700))
        prefix.len = rng_below(rng, prefix.len + 1);
    while (prefix.len > 0 && prefix.len < XKV_KEY_MAX && (bytes[prefix.len - 1] & 0x80))
        prefix.len--;
    return prefix;
}

/* -- One run ----------------------------------------------------------------- */

/* Of thousand operations, how many are what. What costs time proportional to
 * the store's size is rarer where there is no index. */
struct mix {
    unsigned sets, gets, deletes, exists, sizes, lists, randoms, rebuilds, clears;
};

static const struct mix memory_mix = {300, 200, 260, 90, 40, 40, 68, 1, 1};
static const struct mix tracked_mix = {250, 320, 220, 120, 30, 15, 44, 0, 1};
static const struct mix untracked_mix = {240, 360, 210, 137, 30, 12, 10, 0, 1};

struct run {
    const xkv_options *options;
    const struct mix *mix;
    struct rng rng;
    struct client client;
    struct model model;
    unsigned char *value_room;
    uint64_t operation;
};

enum { VALUE_ROOM = 9000 };

static void assert_answer(struct run *run, bool right) {
    if (!right) {
        told(&run->client);
        fail_msg("operation %" PRIu64 " differs", run->operation);
    }
}

static void step_set(struct run *run) {
    xkv_bytes key = any_key(&run->rng);
    size_t most = rng_chance(&run->rng, 20) ? VALUE_ROOM : 100;
    xkv_bytes value = {run->value_room, rng_below(&run->rng, most)};

    rng_fill(&run->rng, run->value_room, value.len);
    assert_answer(run, do_set(&run->client, key, value) == XKV_OK);
    model_put(&run->model, key, value);
}

static void step_get(struct run *run) {
    xkv_bytes key = any_key(&run->rng);
    const struct pair *pair = model_get(&run->model, key);
    int status = do_get(&run->client, key);

    assert_answer(run, status == (pair ? XKV_OK : XKV_E_KEY_NOT_FOUND));
    if (pair)
        assert_answer(run, same_bytes(answer(&run->client), pair_value(pair)));
}

static void step_delete(struct run *run) {
    xkv_bytes key = any_key(&run->rng);
    int status = do_delete(&run->client, key);

    assert_answer(run, status == XKV_OK);
    assert_answer(run, run->client.reply.number == model_delete(&run->model, key));
}

static void step_exists(struct run *run) {
    xkv_bytes key = any_key(&run->rng);

    assert_answer(run, do_exists(&run->client, key) == XKV_OK);
    assert_answer(run, run->client.reply.number == (model_get(&run->model, key) != NULL));
}

static void step_size(struct run *run) {
    assert_answer(run, do_plain(&run->client, XKV_OP_SIZE) == XKV_OK);
    assert_answer(run, (size_t)run->client.reply.number == run->model.count);
}

static void step_list(struct run *run) {
    xkv_bytes prefix = any_prefix(&run->rng);
    int64_t limit = rng_chance(&run->rng, 950) ? 1 + (int64_t)rng_below(&run->rng, 20) : 0;

    assert_answer(run, do_list(&run->client, prefix, limit) == XKV_OK);
    assert_answer(run, model_matches(&run->model, prefix, limit, &run->client.reply));
}

static void step_random(struct run *run) {
    xkv_bytes prefix = any_prefix(&run->rng);
    size_t first, count = model_count(&run->model, prefix, &first);

    assert_answer(run, do_random(&run->client, prefix) == XKV_OK);
    assert_answer(run, (size_t)run->client.reply.number == count);
    xkv_bytes key = answer(&run->client);
    if (count == 0)
        assert_answer(run, key.len == 0);
    else
        assert_answer(run, starts_with(key, prefix) && model_get(&run->model, key));
}

static void step_rebuild(struct run *run) {
    assert_answer(run, do_plain(&run->client, XKV_OP_REBUILD_KEY_LIST) == XKV_OK);
}

/* Seldom, so that the store has time to fill up. */
static void step_clear(struct run *run) {
    if (!rng_chance(&run->rng, 50))
        return;
    assert_answer(run, do_plain(&run->client, XKV_OP_CLEAR) == XKV_OK);
    model_clear(&run->model);
}

static void step(struct run *run) {
    const struct mix *mix = run->mix;
    const struct {
        unsigned share;
        void (*step)(struct run *);
    } steps[] = {
        {mix->sets, step_set},       {mix->gets, step_get},
        {mix->deletes, step_delete}, {mix->exists, step_exists},
        {mix->sizes, step_size},     {mix->lists, step_list},
        {mix->randoms, step_random}, {mix->rebuilds, step_rebuild},
        {mix->clears, step_clear},   {1, step_get},
    };
    size_t drawn = rng_below(&run->rng, 1000), i = 0;

    while (i + 1 < COUNT(steps) && drawn >= steps[i].share)
        drawn -= steps[i++].share;
    steps[i].step(run);
}

static void assert_everything(struct run *run) {
    assert_answer(run, do_list(&run->client, NOTHING, 0) == XKV_OK);
    assert_answer(run, model_matches(&run->model, NOTHING, 0, &run->client.reply));
    step_size(run);
    for (size_t i = 0; i < 50; i++)
        step_random(run);
}

static void reopen(struct run *run) {
    if (run->options->backend == XKV_BACKEND_MEMORY)
        return;
    client_close(&run->client);
    client_open(&run->client, run->options, run->operation / 100000 % 2);
}

static void differ(const char *label, const xkv_options *options, const struct mix *mix) {
    struct run run = {.options = options, .mix = mix, .rng = rng_for(label)};
    uint64_t operations = SANITIZED ? 60000 : 1000000, start = clock_ms();

    run.value_room = malloc(VALUE_ROOM);
    MUST(run.value_room);
    client_open(&run.client, options, false);
    for (run.operation = 1; run.operation <= operations; run.operation++) {
        step(&run);
        if (run.operation % (operations / 10) == 0) {
            assert_everything(&run);
            reopen(&run);
            assert_everything(&run);
        }
    }
    client_close(&run.client);
    model_free(&run.model);
    free(run.value_room);
    printf("%s: %" PRIu64 " operations in %" PRIu64 " ms, 0 differences\n", label, operations,
           clock_ms() - start);
}

/* -- The backends ------------------------------------------------------------ */

static void test_memory(void **state) {
    xkv_options options = memory_options("differential");

    (void)state;
    differ("memory", &options, &memory_mix);
}

static void test_disk(bool track_keys) {
    char path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, track_keys ? "t.kv" : "u.kv"));

    options.durability = XKV_DURABILITY_NONE;
    options.track_keys = track_keys;
    options.initial_map_size = 65536;
    differ(track_keys ? "disk, tracked" : "disk, untracked", &options,
           track_keys ? &tracked_mix : &untracked_mix);
}

static void test_disk_tracked(void **state) {
    (void)state;
    test_disk(true);
}

static void test_disk_untracked(void **state) {
    (void)state;
    test_disk(false);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_disk_tracked),
        cmocka_unit_test(test_disk_untracked),
    };

    (void)argc;
    test_begin(argv);
    struct rng rng = rng_for("pool");
    fill_pool(&rng);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    free_pool();
    return test_end(failures);
}
