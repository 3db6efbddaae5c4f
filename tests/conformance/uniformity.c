/*
 * uniformity.c - whether what chance chooses gives every choice the same chance
 *
 * One key: 1,000 keys that are left after heavy churn, 250 draws for each: all but
 * one of some million runs of chance end with counts from 6.3 standard deviations (of
 * 16) below that to 7.15 above it; a small bias that many keys share hides within
 * that, so the whole also has to pass Pearson's test. To show that the checks find a
 * bias of two per cent, which is ten standard deviations of half the keys, the same draws
 * are made through samplers that have one planted. XKV_DRAWS sets the draws for each key:
 * make long asks for 1,000, which makes it a million, and counts of 801 to 1226. Several
 * keys and free keys are tested by scenes, see below.
 */
#include "../chisquare.h"
#include "../items.h"
#include "../model.h"

#include <pthread.h>

enum { KEYS = 1000 };

static uint64_t draws_per_key(void) {
    return test_amount("XKV_DRAWS", SANITIZED ? 100 : 250);
}

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
    const double expected = (double)draws_per_key();

    for (size_t i = 0; i < KEYS; i++) {
        double excess = (double)counts[i] - expected, most = excess < 0 ? 6.3 : 7.15;
        if (excess * excess > most * most * expected)
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
    xkv_store_stream(client.store, rng_next(&drawer->rng)); /* matters to a seed */
    for (size_t i = draws_per_key() * KEYS / 2; i > 0; i--)
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

/* Each call has a generator of its own then. */
static void test_seeded(void **state) {
    xkv_options options = memory_options("seeded");

    (void)state;
    options.seed = (int64_t)(test.seed & 0xFFFFFFFF);
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

/* -- Several keys, free keys -------------------------------------------------- */

/*
 * Commands that choose among the free ones of some keys, and how many: what
 * they choose is a sequence, and each sequence has the same chance. So chances
 * of keys, of pairs and sets of keys, and their order are tested at once. What
 * was claimed or popped is put back after each draw.
 */
static const struct scene {
    const char *name;
    int op;
    size_t keys, free;
    size_t count;
    bool repeats;
} scenes[] = {
    {"randomKeys, three of eight", XKV_OP_RANDOM_KEYS, 8, 8, 3, false},
    {"randomKeys, all of five", XKV_OP_RANDOM_KEYS, 5, 5, 5, false},
    {"randomKeys, two of 40", XKV_OP_RANDOM_KEYS, 40, 40, 2, false},
    {"randomKeys, three of eight, repeats", XKV_OP_RANDOM_KEYS, 8, 8, 3, true},
    {"randomEntry", XKV_OP_RANDOM_ENTRY, 20, 20, 1, false},
    {"claimRandom, nothing held", XKV_OP_CLAIM_RANDOM, 20, 20, 1, false},
    {"claimRandom, a few held", XKV_OP_CLAIM_RANDOM, 25, 20, 1, false},
    {"claimRandom, three quarters held", XKV_OP_CLAIM_RANDOM, 40, 10, 1, false},
    {"claimRandom, a few more held", XKV_OP_CLAIM_RANDOM, 44, 10, 1, false},
    {"claimRandom, 290 of 300 held", XKV_OP_CLAIM_RANDOM, 300, 10, 1, false},
    {"claimForOwner, nothing held", XKV_OP_CLAIM_FOR_OWNER, 20, 20, 1, false},
    {"claimForOwner, 290 of 300 held", XKV_OP_CLAIM_FOR_OWNER, 300, 10, 1, false},
    {"claimRandomMany, nothing held", XKV_OP_CLAIM_RANDOM_MANY, 8, 8, 3, false},
    {"claimRandomMany, 290 of 300 held", XKV_OP_CLAIM_RANDOM_MANY, 300, 10, 2, false},
    {"popRandom, nothing held", XKV_OP_POP_RANDOM, 20, 20, 1, false},
    {"popRandom, 290 of 300 held", XKV_OP_POP_RANDOM, 300, 10, 1, false},
    {"popRandomMany, nothing held", XKV_OP_POP_RANDOM_MANY, 8, 8, 3, false},
    {"popRandomMany, 20 of 30 held", XKV_OP_POP_RANDOM_MANY, 30, 10, 2, false},
};

enum { SCENE_KEYS_MAX = 300, CELLS_MAX = 8000 };

/* The number of free key number n: they lie among the others, and at both ends. */
static size_t free_key(const struct scene *scene, size_t n) {
    return scene->free == 1 ? 0 : n * (scene->keys - 1) / (scene->free - 1);
}

static bool is_free(const struct scene *scene, size_t key, size_t *n) {
    for (*n = 0; *n < scene->free; ++*n) {
        if (free_key(scene, *n) == key)
            return true;
    }
    return false;
}

static xkv_bytes scene_key(char out[32], size_t n) {
    return bytes_of(out, (size_t)snprintf(out, 32, "s:%03zu", n));
}

/* Keys, all claimed that are not free, between others. */
static void set_scene(struct client *client, const struct scene *scene) {
    xkv_items entries = {NULL, 0, 0}, held = {NULL, 0, 0};
    char text[32];
    size_t n;

    MUST(do_plain(client, XKV_OP_CLEAR) == XKV_OK);
    for (size_t i = 0; i < scene->keys; i++) {
        items_add(&entries, scene_key(text, i), NOTHING);
        if (!is_free(scene, i, &n))
            items_add(&held, scene_key(text, i), NOTHING);
    }
    items_add(&entries, LIT("before"), NOTHING);
    items_add(&entries, LIT("the last"), NOTHING);
    MUST(do_list_of(client, XKV_OP_SET_MANY, entries) == XKV_OK);
    xkv_command claim = {.op = XKV_OP_CLAIM_KEYS, .ttl_ms = XKV_TTL_MAX};
    MUST(run_with(client, claim, held) == XKV_OK);
    MUST((size_t)client->reply.number == scene->keys - scene->free);
}

/* The keys that were chosen, and how to put them back. */
struct choice {
    size_t count, chosen[8];
    xkv_items back;
};

static void choose(struct choice *choice, const struct scene *scene, xkv_bytes key) {
    char digits[4] = "";

    MUST(key.len == 5 && choice->count < COUNT(choice->chosen));
    memcpy(digits, (const char *)key.data + 2, 3);
    MUST(is_free(scene, strtoul(digits, NULL, 10), &choice->chosen[choice->count++]));
}

static void read_claims(struct choice *choice, const struct scene *scene, const xkv_reply *reply) {
    struct claim claim;

    for (size_t at = 0; next_claim(reply, &at, &claim);) {
        choose(choice, scene, claim.key);
        MUST(xkv_items_add_claim(&choice->back, claim.id, claim.key, claim.token) == XKV_OK);
    }
}

static void read_keys(struct choice *choice, const struct scene *scene, const xkv_reply *reply) {
    xkv_bytes key, value;

    for (size_t at = 0; xkv_reply_next(reply, &at, &key, &value);) {
        choose(choice, scene, key);
        items_add(&choice->back, key, value);
    }
}

/* Draws once; the sequence as a number in the base of free keys. */
static size_t draw_sequence(struct client *client, const struct scene *scene) {
    bool claims = strncmp(xkv_op_describe(scene->op)->name, "claim", 5) == 0;
    struct choice choice = {.count = 0};
    size_t cell = 0;
    MUST(RUN(client, .op = scene->op, .prefix = LIT("s:"), .count = (int64_t)scene->count,
             .owner = LIT("o"), .repeats = scene->repeats) == XKV_OK);
    (claims ? read_claims : read_keys)(&choice, scene, &client->reply);
    MUST(choice.count == scene->count);
    if (claims)
        MUST(do_list_of(client, XKV_OP_RELEASE_CLAIMS, choice.back) == XKV_OK);
    else if (xkv_op_describe(scene->op)->access >= XKV_ACCESS_WRITE)
        MUST(do_list_of(client, XKV_OP_SET_MANY, choice.back) == XKV_OK);
    else
        xkv_items_free(&choice.back);
    for (size_t i = 0; i < choice.count; i++)
        cell = cell * scene->free + choice.chosen[i];
    return cell;
}

/* Whether a number is a sequence that can come. */
static bool can_come(const struct scene *scene, size_t cell) {
    bool seen[CELLS_MAX] = {false};

    for (size_t i = 0; i < scene->count; i++, cell /= scene->free) {
        if (seen[cell % scene->free] && !scene->repeats)
            return false;
        seen[cell % scene->free] = true;
    }
    return cell == 0;
}

/* What a biased sampler would have drawn instead. */
typedef size_t bias(const struct scene *scene, size_t cell, struct rng *rng);

static size_t no_bias(const struct scene *scene, size_t cell, struct rng *rng) {
    (void)scene, (void)rng;
    return cell;
}

/* The last key of a sequence of one is, ten times in a hundred, the first key. */
static size_t favours_first(const struct scene *scene, size_t cell, struct rng *rng) {
    return scene->count == 1 && rng_chance(rng, 100) ? 0 : cell;
}

/* Sets are chosen as they should be, but not their order: now and then it is that of keys. */
static size_t half_sorted(const struct scene *scene, size_t cell, struct rng *rng) {
    size_t second = cell % scene->free, rest = cell / scene->free, first = rest % scene->free;

    if (scene->count < 2 || first < second || !rng_chance(rng, 150))
        return cell;
    return (rest - first + second) * scene->free + first;
}

static bool sequences_are_even(struct client *client, const struct scene *scene, size_t per_cell,
                               bias *biased, struct rng *rng) {
    static uint64_t drawn[CELLS_MAX], counts[CELLS_MAX];
    size_t all = 1, cells = 0;

    for (size_t i = 0; i < scene->count; i++)
        all *= scene->free;
    MUST(all <= CELLS_MAX);
    memset(drawn, 0, sizeof drawn);
    for (size_t cell = 0; cell < all; cell++)
        cells += can_come(scene, cell);
    if (cells > 200) /* many cells find a bias with fewer draws for each */
        per_cell /= 8;
    for (size_t i = 0; i < cells * per_cell; i++)
        drawn[biased(scene, draw_sequence(client, scene), rng)]++;
    cells = 0;
    for (size_t cell = 0; cell < all; cell++) {
        if (can_come(scene, cell))
            counts[cells++] = drawn[cell];
        else
            MUST(drawn[cell] == 0);
    }
    return counts_are_even(counts, cells);
}

static void check_scenes(const xkv_options *options, size_t per_cell) {
    struct rng rng = rng_for("scenes");
    struct client client;

    client_open(&client, options, false);
    for (size_t i = 0; i < COUNT(scenes); i++) {
        set_scene(&client, &scenes[i]);
        if (!sequences_are_even(&client, &scenes[i], per_cell, no_bias, &rng))
            fail_msg("%s: not even", scenes[i].name);
    }
    client_close(&client);
}

enum { PER_CELL = SANITIZED ? 100 : 800 };

static void test_scenes_memory(void **state) {
    xkv_options options = memory_options("scenes");

    (void)state;
    check_scenes(&options, 2 * PER_CELL);
}

static void test_scenes_disk(void **state) {
    char path[PATH_SIZE];

    (void)state;
    for (int tracked = 0; tracked < 2; tracked++) {
        xkv_options options =
            disk_options(test_path(path, tracked ? "scenes-t.kv" : "scenes-u.kv"));
        options.durability = XKV_DURABILITY_NONE;
        options.track_keys = tracked;
        check_scenes(&options, PER_CELL);
    }
}

/* With as few draws as on disk. */
static void test_planted_bias_of_scenes(void **state) {
    xkv_options options = memory_options("biased scenes");
    struct rng rng = rng_for("planted bias of scenes");
    struct client client;

    (void)state;
    if (SANITIZED) /* too few draws to find so slight a bias */
        skip();
    client_open(&client, &options, false);
    for (size_t i = 0; i < COUNT(scenes); i++) {
        set_scene(&client, &scenes[i]);
        bias *biased = scenes[i].count == 1 ? favours_first : half_sorted;
        if (sequences_are_even(&client, &scenes[i], PER_CELL, biased, &rng))
            fail_msg("%s: the bias was not found", scenes[i].name);
    }
    client_close(&client);
}

/* As even as in memory, with as few draws as a server has time for. */
static void test_scenes_servers(void **state) {
    xkv_options options;

    (void)state;
    xkv_options_init(&options);
    options.backend = XKV_BACKEND_REDIS;
    options.serialization = XKV_BINARY;
    set_place(&options, "scenes");
    check_scenes(&options, 60);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest beside[] = {cmocka_unit_test(test_scenes_servers)},
                            tests[] = {
                                cmocka_unit_test(test_memory),
                                cmocka_unit_test(test_seeded),
                                cmocka_unit_test(test_disk_tracked),
                                cmocka_unit_test(test_disk_untracked),
                                cmocka_unit_test(test_planted_bias_is_found),
                                cmocka_unit_test(test_scenes_memory),
                                cmocka_unit_test(test_scenes_disk),
                                cmocka_unit_test(test_planted_bias_of_scenes),
                            };

    (void)argc;
    test_begin(argv);
    return test_end(server_url() ? cmocka_run_group_tests(beside, NULL, NULL)
                                 : cmocka_run_group_tests(tests, NULL, NULL));
}
