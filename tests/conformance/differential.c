/*
 * differential.c - random operations on each backend, and sorted arrays
 *
 * XKV_OPERATIONS says how many per backend: make long asks for a million.
 * Every answer must be the array's. Where chance has a say, what it chose must
 * be one of those that could be chosen. Claims are an array of their own; time
 * passes when the test says so.
 */
#include "differential_order.h"

/* -- What is drawn ----------------------------------------------------------- */

/* Of ten thousand operations, how many are what. What costs time proportional to
 * the store's size is rarer where there is no index. */
struct mix {
    unsigned sets, gets, deletes, exists, steps, sizes, lists, pages, randoms, many, claims, pops;
    unsigned keeps, times, rebuilds, clears, orders;
};

static const struct mix memory_mix = {2600, 1300, 1500, 600, 800, 300, 250, 250, 500,
                                      300,  600,  100,  500, 60,  5,   10,  300};
static const struct mix tracked_mix = {2000, 3200, 1250, 1000, 550, 250, 70, 100, 350,
                                       80,   350,  60,   350,  30,  1,   10, 200};
static const struct mix untracked_mix = {2100, 4100, 1500, 1100, 400, 120, 60, 80, 40,
                                         60,   50,   15,   80,   15,  0,   5,  100};

/* -- Whole stores ------------------------------------------------------------ */

static void step_rebuild(struct run *run) {
    assert_answer(run, do_plain(&run->client, XKV_OP_REBUILD_KEY_LIST) == XKV_OK);
}

/* Seldom, so that the store has time to fill up. */
static void step_clear(struct run *run) {
    if (!rng_chance(&run->rng, 50))
        return;
    assert_answer(run, do_plain(&run->client, XKV_OP_CLEAR) == XKV_OK);
    model_clear(&run->model);
    model_clear(&run->claims);
}

static void step(struct run *run) {
    const struct mix *mix = run->mix;
    const struct {
        unsigned share;
        void (*step)(struct run *);
    } steps[] = {
        {mix->sets, step_set},        {mix->gets, step_get},     {mix->deletes, step_delete},
        {mix->exists, step_exists},   {mix->steps, step_atomic}, {mix->sizes, step_size},
        {mix->lists, step_list},      {mix->pages, step_page},   {mix->randoms, step_random},
        {mix->many, step_many},       {mix->claims, step_claim}, {mix->pops, step_pop},
        {mix->keeps, step_give_back}, {mix->times, step_time},   {mix->rebuilds, step_rebuild},
        {mix->clears, step_clear},    {mix->orders, step_order}, {1, step_get},
    };
    size_t drawn = rng_below(&run->rng, 10000), i = 0;

    while (i + 1 < COUNT(steps) && drawn >= steps[i].share)
        drawn -= steps[i++].share;
    steps[i].step(run);
}

static void assert_everything(struct run *run) {
    assert_answer(run, do_list(&run->client, NOTHING, 0) == XKV_OK);
    assert_answer(run, model_matches(&run->model, NOTHING, 0, &run->client.reply));
    step_size(run);
    check_stats(run);
    for (size_t i = 0; i < 50; i++)
        step_random(run);
}

/* By xkv_submit, then by xkv_exec again, and so on. */
static void reopen(struct run *run) {
    const struct traits *traits = traits_for(run->options->backend);

    if (!traits->stays)
        return;
    client_close(&run->client);
    client_open(&run->client, run->options, ++run->reopened % 2);
    if (traits->turns_stay)
        return;
    model_clear(&run->claims); /* they end with the process, */
    model_clear(&run->turns);  /* and so does this */
}

static void differ(const char *label, const xkv_options *options, const struct mix *mix) {
    static struct run run;
    const uint64_t operations = test_amount("XKV_OPERATIONS", SANITIZED ? 60000 : 300000);
    const uint64_t start = clock_ms();

    run = (struct run){.options = options, .mix = mix, .rng = rng_for(label)};
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
    model_free(&run.claims);
    model_free(&run.turns);
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

static void test_servers(void **state) {
    xkv_options options;

    (void)state;
    xkv_options_init(&options);
    options.backend = XKV_BACKEND_REDIS;
    options.serialization = XKV_BINARY;
    set_place(&options, "differential");
    differ("redis", &options, &memory_mix);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest beside[] = {cmocka_unit_test(test_servers)},
                            tests[] = {
                                cmocka_unit_test(test_memory),
                                cmocka_unit_test(test_disk_tracked),
                                cmocka_unit_test(test_disk_untracked),
                            };

    (void)argc;
    test_begin(argv);
    clocks_stop();
    struct rng rng = rng_for("pool");
    fill_pool(&rng);
    int failures = server_url() ? cmocka_run_group_tests(beside, NULL, NULL)
                                : cmocka_run_group_tests(tests, NULL, NULL);
    free_pool();
    return test_end(failures);
}
