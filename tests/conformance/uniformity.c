/*
 * uniformity.c - whether randomKey gives every key the same chance
 *
 * 1,000 keys that are left after heavy churn, a million draws: each key is
 * expected a thousand times, give or take 32. All counts within 801 to 1226
 * is what chance does in all but one of some million runs; a small bias that
 * many keys share hides within that, so the whole also has to pass Pearson's
 * test. To show that the checks find a bias of two per cent, the same draws
 * are made through samplers that have one planted.
 */
#include "../chisquare.h"
#include "../model.h"

#include <pthread.h>

enum { KEYS = 1000, DRAWS = (SANITIZED ? 100 : 1000) * KEYS, LEAST = 801, MOST = 1226 };

/* -- A store after churn ----------------------------------------------------- */

static xkv_bytes key_text(char out[32], const char *prefix, size_t n) {
    return bytes_of(out, (size_t)snprintf(out, 32, "%s%zu", prefix, n));
}

/* Keys come and go; what is left is n:0 to n:999 and as many others. */
static void churn(struct client *client, struct rng *rng) {
    char text[32];

    for (int i = 0; i < 30000; i++) {
        const char *prefix = rng_chance(rng, 500) ? "n:" : "other:";
        xkv_bytes key = key_text(text, prefix, rng_below(rng, 4000));
        int status = rng_chance(rng, 550) ? do_set(client, key, NOTHING) : do_delete(client, key);
        MUST(status == XKV_OK);
    }
    for (size_t i = 0; i < 4000; i++) {
        xkv_bytes key = key_text(text, "n:", i);
        MUST((i < KEYS ? do_set(client, key, NOTHING) : do_delete(client, key)) == XKV_OK);
    }
}

static void drop_others(struct client *client) {
    char text[32];

    for (size_t i = 0; i < 4000; i++)
        MUST(do_delete(client, key_text(text, "other:", i)) == XKV_OK);
}

/* -- Samplers ---------------------------------------------------------------- */

typedef size_t sampler(struct client *client, xkv_bytes prefix, struct rng *rng);

/* The number of the key that was drawn. */
static size_t honest(struct client *client, xkv_bytes prefix, struct rng *rng) {
    char text[32] = "";

    (void)rng;
    MUST(do_random(client, prefix) == XKV_OK);
    MUST(client->reply.number == KEYS && client->reply.len < sizeof text);
    memcpy(text, client->reply.data, client->reply.len);
    size_t n = strtoul(text + 2, NULL, 10);
    MUST(strncmp(text, "n:", 2) == 0 && n < KEYS);
    return n;
}

/* Two draws of a hundred end with one key. */
static size_t favours_one(struct client *client, xkv_bytes prefix, struct rng *rng) {
    size_t drawn = honest(client, prefix, rng);
    return rng_chance(rng, 20) ? KEYS / 2 : drawn;
}

/* Keys of the upper half have a chance that is two per cent lower. */
static size_t favours_half(struct client *client, xkv_bytes prefix, struct rng *rng) {
    size_t drawn = honest(client, prefix, rng);
    return drawn >= KEYS / 2 && rng_chance(rng, 20) ? drawn - KEYS / 2 : drawn;
}

/* -- The check --------------------------------------------------------------- */

static bool within_bounds(const uint64_t *counts) {
    for (size_t i = 0; i < KEYS; i++) {
        if (counts[i] < LEAST || counts[i] > MOST)
            return false;
    }
    return true;
}

/* Halves show a bias that no single key does: a table of two cells. */
static bool halves_are_even(const uint64_t *counts) {
    uint64_t halves[2] = {0, 0};

    for (size_t i = 0; i < KEYS; i++)
        halves[i >= KEYS / 2] += counts[i];
    return counts_are_even(halves, 2);
}

/* Half of the draws, by a client of its own. */
struct drawer {
    const xkv_options *options;
    xkv_bytes prefix;
    sampler *draw;
    struct rng rng;
    uint64_t counts[KEYS];
};

static void *draw_half(void *argument) {
    struct drawer *drawer = argument;
    struct client client;

    xkv_seed(rng_next(&drawer->rng));
    client_open(&client, drawer->options, false);
    for (size_t i = 0; i < DRAWS / 2; i++)
        drawer->counts[drawer->draw(&client, drawer->prefix, &drawer->rng)]++;
    client_close(&client);
    return NULL;
}

static bool passes(const struct client *client, xkv_bytes prefix, sampler *draw, struct rng *rng) {
    static struct drawer drawers[2];
    const xkv_options *options = xkv_store_options(client->store);
    pthread_t thread;

    for (size_t i = 0; i < 2; i++)
        drawers[i] = (struct drawer){options, prefix, draw, {rng_next(rng)}, {0}};
    MUST(pthread_create(&thread, NULL, draw_half, &drawers[1]) == 0);
    draw_half(&drawers[0]);
    pthread_join(thread, NULL);
    for (size_t i = 0; i < KEYS; i++)
        drawers[0].counts[i] += drawers[1].counts[i];
    const uint64_t *counts = drawers[0].counts;
    return (SANITIZED || within_bounds(counts)) && counts_are_even(counts, KEYS) &&
           halves_are_even(counts);
}

static void check_store(const xkv_options *options) {
    struct rng rng = rng_for("uniformity");
    struct client client;

    client_open(&client, options, false);
    churn(&client, &rng);
    assert_true(passes(&client, LIT("n:"), honest, &rng));
    drop_others(&client);
    assert_true(passes(&client, NOTHING, honest, &rng));
    client_close(&client);
}

/* -- The backends ------------------------------------------------------------ */

static void test_memory(void **state) {
    xkv_options options = memory_options("uniformity");

    (void)state;
    check_store(&options);
}

static void test_disk_tracked(void **state) {
    char path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "tracked.kv"));

    (void)state;
    options.durability = XKV_DURABILITY_NONE;
    options.track_keys = true;
    check_store(&options);
}

static void test_disk_untracked(void **state) {
    char path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "untracked.kv"));

    (void)state;
    options.durability = XKV_DURABILITY_NONE;
    check_store(&options);
}

static void test_planted_bias_is_found(void **state) {
    xkv_options options = memory_options("biased");
    struct rng rng = rng_for("planted bias");
    struct client client;

    (void)state;
    client_open(&client, &options, false);
    churn(&client, &rng);
    assert_true(passes(&client, LIT("n:"), honest, &rng));
    assert_false(passes(&client, LIT("n:"), favours_one, &rng));
    if (!SANITIZED) /* there, fewer draws: too few for so slight a bias */
        assert_false(passes(&client, LIT("n:"), favours_half, &rng));
    client_close(&client);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_disk_tracked),
        cmocka_unit_test(test_disk_untracked),
        cmocka_unit_test(test_planted_bias_is_found),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
