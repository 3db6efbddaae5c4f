/*
 * btree.c - the counted B-tree against a sorted array
 */
#include "../heap.h"
#include "../model.h"

#include "tree/btree.h"
#include "tree/btree_nodes.h"
#include "tree/reclaim.h"

enum { KEY_ROOM = 1024 };

static void assert_all_freed(void) {
    xkv__reclaim_finish();
    assert_int_equal(heap.live, 0);
}

/* -- Keys of several kinds --------------------------------------------------- */

typedef size_t key_maker(struct rng *rng, unsigned char *out);

/* Bytes at the edges: many keys that are prefixes of each other. */
static size_t edge_key(struct rng *rng, unsigned char *out) {
    static const unsigned char edges[] = {0x00, 0x01, 'a', 0x7F, 0x80, 0xFE, 0xFF};
    size_t len = 1 + rng_below(rng, 5);

    for (size_t i = 0; i < len; i++)
        out[i] = edges[rng_below(rng, sizeof edges)];
    return len;
}

static size_t number_key(struct rng *rng, unsigned char *out) {
    return (size_t)snprintf((char *)out, KEY_ROOM, "user:%05u", (unsigned)rng_below(rng, 20000));
}

/* Eight prefixes of about 500 bytes that share most, and a short tail. */
static size_t long_prefix_key(struct rng *rng, unsigned char *out) {
    size_t len = 480 + 4 * rng_below(rng, 8);

    memset(out, 'p', len);
    uint32_t tail = (uint32_t)rng_below(rng, 3000);
    memcpy(out + len, &tail, sizeof tail);
    return len + sizeof tail;
}

/* Each key is a prefix of the next. */
static size_t chain_key(struct rng *rng, unsigned char *out) {
    struct rng fixed = {42};

    rng_fill(&fixed, out, 900);
    size_t len = 1 + rng_below(rng, 900);
    if (rng_chance(rng, 300))
        out[len - 1] = (unsigned char)rng_below(rng, 256);
    return len;
}

/* Long runs of the largest and the smallest byte. */
static size_t run_key(struct rng *rng, unsigned char *out) {
    size_t len = 1 + rng_below(rng, 60);

    memset(out, rng_chance(rng, 500) ? 0xFF : 0x00, len);
    out[rng_below(rng, len)] = (unsigned char)(rng_below(rng, 4) - 2);
    return len;
}

static size_t random_key(struct rng *rng, unsigned char *out) {
    size_t len = 1 + rng_below(rng, 24);

    rng_fill(rng, out, len);
    return len;
}

static const struct {
    const char *name;
    key_maker *make;
} kinds[] = {
    {"edge", edge_key},   {"number", number_key}, {"long prefix", long_prefix_key},
    {"chain", chain_key}, {"run", run_key},       {"random", random_key},
};

/* -- A tree and its model ---------------------------------------------------- */

struct twins {
    xkv__tree tree;
    struct model model;
};

static int twins_put(struct twins *twins, xkv_bytes key, xkv_bytes value) {
    xkv__entry *entry = xkv__entry_new(key, value);
    int error = entry ? xkv__tree_put(&twins->tree, entry) : XKV_E_STORE_FULL;

    if (error == XKV_OK)
        model_put(&twins->model, key, value);
    else
        xkv__entry_release(entry);
    return error;
}

static int twins_delete(struct twins *twins, xkv_bytes key) {
    bool there = model_get(&twins->model, key) != NULL;
    int error = xkv__tree_delete(&twins->tree, key);

    if (error != XKV_E_STORE_FULL)
        assert_int_equal(error, there ? XKV_OK : XKV_E_KEY_NOT_FOUND);
    if (error == XKV_OK)
        model_delete(&twins->model, key);
    return error;
}

static void twins_free(struct twins *twins) {
    xkv__tree_release(&twins->tree);
    model_free(&twins->model);
}

static void assert_entry(const xkv__entry *entry, const struct pair *pair) {
    if (!pair) {
        assert_null(entry);
        return;
    }
    assert_non_null(entry);
    assert_true(same_bytes(xkv__entry_key(entry), pair_key(pair)));
    assert_true(same_bytes(xkv__entry_value(entry), pair_value(pair)));
}

/* The whole content, by walking, and the invariants. */
static void assert_same(const struct twins *twins) {
    xkv__tree_cursor cursor;
    const xkv__entry *entry = xkv__tree_seek(&twins->tree, &cursor, NOTHING);
    const char *wrong = xkv__tree_check(&twins->tree);

    if (wrong)
        fail_msg("%s", wrong);
    assert_int_equal(twins->tree.count, twins->model.count);
    for (size_t i = 0; i < twins->model.count; i++) {
        assert_entry(entry, &twins->model.pairs[i]);
        entry = xkv__tree_next(&cursor);
    }
    assert_null(entry);
}

/* Every question about one key. */
static void assert_answers(const struct twins *twins, xkv_bytes key) {
    const struct model *model = &twins->model;
    xkv__tree_cursor cursor;
    size_t first_expected, rank = model_rank(model, key);
    uint64_t first;

    assert_entry(xkv__tree_get(&twins->tree, key), model_get(model, key));
    assert_int_equal(xkv__tree_rank(&twins->tree, key), rank);
    xkv_bytes prefix = {key.data, key.len / 2};
    size_t count = model_count(model, prefix, &first_expected);
    assert_int_equal(xkv__tree_count(&twins->tree, prefix, &first), count);
    assert_int_equal(first, first_expected);
    assert_int_equal(xkv__tree_count(&twins->tree, key, &first),
                     model_count(model, key, &first_expected));
    const xkv__entry *entry = xkv__tree_seek(&twins->tree, &cursor, key);
    for (size_t i = rank; i < rank + 4; i++) {
        assert_entry(entry, i < model->count ? &model->pairs[i] : NULL);
        assert_entry(xkv__tree_select(&twins->tree, i), i < model->count ? &model->pairs[i] : NULL);
        if (entry)
            entry = xkv__tree_next(&cursor);
    }
}

/* -- Random operations, with clones ------------------------------------------ */

enum { CLONES = 5 };

static void replace_clone(struct twins *clone, const struct twins *twins) {
    assert_same(clone);
    twins_free(clone);
    clone->tree = xkv__tree_clone(&twins->tree);
    clone->model = model_copy(&twins->model);
}

static void random_step(struct twins *twins, struct rng *rng, key_maker *make, unsigned puts) {
    unsigned char key_room[KEY_ROOM], value_room[64];
    xkv_bytes key = {key_room, make(rng, key_room)};
    xkv_bytes value = {value_room, rng_below(rng, sizeof value_room)};

    rng_fill(rng, value_room, value.len);
    if (rng_chance(rng, puts))
        assert_int_equal(twins_put(twins, key, value), XKV_OK);
    else
        twins_delete(twins, key);
    if (rng_chance(rng, 50)) {
        key.len = make(rng, key_room);
        assert_answers(twins, key);
    }
}

/* Phases that grow, stay and shrink. */
static void random_phases(key_maker *make, struct rng *rng) {
    static const unsigned puts[] = {900, 500, 100, 700, 50, 950, 0};
    struct twins twins = {XKV__TREE_EMPTY, {NULL, 0, 0}};
    struct twins clones[CLONES] = {{.tree = XKV__TREE_EMPTY}};
    int steps = SANITIZED ? 2000 : 7000;

    for (size_t phase = 0; phase < COUNT(puts); phase++) {
        for (int i = 0; i < steps; i++) {
            random_step(&twins, rng, make, puts[phase]);
            if (rng_chance(rng, 2))
                replace_clone(&clones[rng_below(rng, CLONES)], &twins);
        }
        assert_same(&twins);
    }
    for (size_t i = 0; i < CLONES; i++) {
        assert_same(&clones[i]);
        twins_free(&clones[i]);
    }
    twins_free(&twins);
}

static void test_random_operations(void **state) {
    struct rng rng = rng_for("random operations");

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        random_phases(kinds[i].make, &rng);
        assert_all_freed();
    }
}

/* -- Loads ------------------------------------------------------------------- */

enum { LOAD = SANITIZED ? 10000 : 50000 };

static xkv_bytes load_key(char out[32], size_t i) {
    return bytes_of(out, (size_t)snprintf(out, 32, "record:%07zu", i));
}

static void order_upwards(size_t *order, struct rng *rng) {
    (void)rng;
    for (size_t i = 0; i < LOAD; i++)
        order[i] = i;
}

static void order_downwards(size_t *order, struct rng *rng) {
    (void)rng;
    for (size_t i = 0; i < LOAD; i++)
        order[i] = LOAD - 1 - i;
}

static void order_at_random(size_t *order, struct rng *rng) {
    order_upwards(order, rng);
    for (size_t i = LOAD; i > 1; i--) {
        size_t j = rng_below(rng, i), held = order[i - 1];
        order[i - 1] = order[j];
        order[j] = held;
    }
}

static void assert_loaded(const xkv__tree *tree) {
    char text[32];

    assert_null(xkv__tree_check(tree));
    assert_int_equal(tree->count, LOAD);
    for (size_t i = 0; i < LOAD; i++) {
        xkv_bytes key = load_key(text, i);
        const xkv__entry *entry = xkv__tree_select(tree, i);
        assert_non_null(entry);
        assert_true(same_bytes(xkv__entry_key(entry), key));
        assert_int_equal(xkv__tree_rank(tree, key), i);
    }
    assert_null(xkv__tree_select(tree, LOAD));
    assert_null(xkv__tree_select(tree, UINT64_MAX));
}

/* Payload and about 64 bytes per key is what a tree may take. */
static void assert_lean(size_t payload) {
    long overhead = heap.bytes / LOAD - (long)payload + 16 /* the system's own per block */;

    if (overhead > 64)
        fail_msg("%ld bytes per key besides key and value", overhead);
}

static void load_and_unload(void (*put_order)(size_t *, struct rng *),
                            void (*delete_order)(size_t *, struct rng *), struct rng *rng) {
    size_t *order = calloc(LOAD, sizeof *order);
    xkv__tree tree = XKV__TREE_EMPTY;
    char text[32];
    static const char value[71];

    assert_non_null(order);
    put_order(order, rng);
    for (size_t i = 0; i < LOAD; i++) {
        xkv__entry *entry = xkv__entry_new(load_key(text, order[i]), bytes_of(value, 71));
        assert_int_equal(xkv__tree_put(&tree, entry), XKV_OK);
    }
    assert_loaded(&tree);
    assert_lean(14 + 71);
    delete_order(order, rng);
    for (size_t i = 0; i < LOAD; i++) {
        assert_int_equal(xkv__tree_delete(&tree, load_key(text, order[i])), XKV_OK);
        if (i % 5000 == 0)
            assert_null(xkv__tree_check(&tree));
    }
    assert_int_equal(tree.count, 0);
    assert_null(xkv__tree_check(&tree));
    xkv__tree_release(&tree);
    assert_all_freed();
    free(order);
}

static void test_loads(void **state) {
    void (*const orders[])(size_t *, struct rng *) = {order_upwards, order_downwards,
                                                      order_at_random};
    struct rng rng = rng_for("loads");

    (void)state;
    for (size_t i = 0; i < COUNT(orders); i++) {
        for (size_t j = 0; j < COUNT(orders); j++)
            load_and_unload(orders[i], orders[j], &rng);
    }
}

/* Put and appended, by turns, to a tree that a clone shares. */
static void test_appending(void **state) {
    xkv__tree tree = XKV__TREE_EMPTY, half = XKV__TREE_EMPTY;
    char text[32];

    (void)state;
    for (size_t i = 0; i < LOAD; i++) {
        xkv__entry *entry = xkv__entry_new(load_key(text, i), NOTHING);
        assert_int_equal(i % 7 == 0 ? xkv__tree_put(&tree, entry) : xkv__tree_append(&tree, entry),
                         XKV_OK);
        if (i == LOAD / 2)
            half = xkv__tree_clone(&tree);
    }
    assert_loaded(&tree);
    assert_int_equal(half.count, LOAD / 2 + 1);
    assert_null(xkv__tree_check(&half));
    xkv__tree_release(&tree);
    xkv__tree_release(&half);
    assert_all_freed();
}

/* Keys in order, and then all that comes where the next one would not be behind the last. */
static void test_out_of_order(void **state) {
    enum { FULL = XKV__FANOUT };
    struct twins twins = {XKV__TREE_EMPTY, {NULL, 0, 0}};
    char text[32];

    (void)state;
    for (size_t i = 0; i < 2 * FULL + 2; i++)
        assert_int_equal(twins_put(&twins, load_key(text, i), LIT("old")), XKV_OK);
    assert_true(twins.tree.ascends);
    assert_int_equal(twins_put(&twins, load_key(text, 2 * FULL + 1), LIT("new")), XKV_OK);
    assert_same(&twins);
    assert_int_equal(twins_put(&twins, LIT("record:0000001a"), NOTHING), XKV_OK);
    assert_false(twins.tree.ascends);
    assert_int_equal(twins_put(&twins, load_key(text, 3 * FULL), NOTHING), XKV_OK);
    assert_true(twins.tree.ascends);
    for (size_t i = 2 * FULL; i < 3 * FULL + 1; i++) /* the last leaf becomes empty */
        (void)twins_delete(&twins, load_key(text, i));
    assert_true(twins.tree.ascends);
    assert_int_equal(twins_put(&twins, LIT("record:0000100a"), NOTHING), XKV_OK);
    assert_int_equal(twins_put(&twins, load_key(text, 3 * FULL), NOTHING), XKV_OK);
    assert_same(&twins);
    twins_free(&twins);
    assert_all_freed();
}

/* -- Small things ------------------------------------------------------------ */

static void test_empty(void **state) {
    xkv__tree tree = XKV__TREE_EMPTY, clone = xkv__tree_clone(&tree);
    xkv__tree_cursor cursor;
    uint64_t first = 7;

    (void)state;
    assert_null(xkv__tree_get(&tree, LIT("a")));
    assert_null(xkv__tree_select(&tree, 0));
    assert_null(xkv__tree_seek(&tree, &cursor, NOTHING));
    assert_null(xkv__tree_next(&cursor));
    assert_int_equal(xkv__tree_rank(&tree, LIT("a")), 0);
    assert_int_equal(xkv__tree_count(&tree, NOTHING, &first), 0);
    assert_int_equal(first, 0);
    assert_int_equal(xkv__tree_delete(&tree, LIT("a")), XKV_E_KEY_NOT_FOUND);
    assert_null(xkv__tree_check(&tree));
    xkv__tree_release(&clone);
    xkv__tree_release(&tree);
}

static void test_longest_keys(void **state) {
    static unsigned char longest[XKV_KEY_MAX];
    struct twins twins = {XKV__TREE_EMPTY, {NULL, 0, 0}};

    (void)state;
    memset(longest, 0xFF, sizeof longest);
    for (size_t i = 0; i < 300; i++) {
        longest[XKV_KEY_MAX - 1] = (unsigned char)i;
        size_t len = XKV_KEY_MAX - (i >= 256 ? i : 0);
        assert_int_equal(twins_put(&twins, bytes_of(longest, len), NOTHING), XKV_OK);
    }
    assert_same(&twins);
    assert_answers(&twins, bytes_of(longest, sizeof longest));
    twins_free(&twins);
}

static void test_replacing_keeps_the_count(void **state) {
    struct twins twins = {XKV__TREE_EMPTY, {NULL, 0, 0}};
    char text[32];

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 64; i++) { /* as many as one node holds */
            xkv_bytes value = {text, (size_t)round};
            assert_int_equal(twins_put(&twins, load_key(text, i), value), XKV_OK);
        }
        assert_int_equal(twins.tree.count, 64);
    }
    assert_same(&twins);
    twins_free(&twins);
}

/* A leaf that has become empty between two that are too full for a merge is walked
 * over, and goes when one of them is thin. */
static void test_empty_leaf(void **state) {
    enum { FULL = XKV__FANOUT };
    struct twins twins = {XKV__TREE_EMPTY, {NULL, 0, 0}};
    char text[32];

    (void)state;
    for (size_t i = 0; i < 3 * FULL; i++)
        assert_int_equal(twins_put(&twins, load_key(text, i), NOTHING), XKV_OK);
    assert_int_equal(twins.tree.root->n, 3);
    for (size_t i = FULL; i < 2 * FULL; i++)
        assert_int_equal(twins_delete(&twins, load_key(text, i)), XKV_OK);
    assert_int_equal(twins.tree.root->n, 3);
    assert_same(&twins);
    for (size_t i = FULL - 4; i < 2 * FULL; i++)
        assert_answers(&twins, load_key(text, i));
    for (size_t i = 2 * FULL; i < 3 * FULL; i++)
        assert_int_equal(twins_delete(&twins, load_key(text, i)), XKV_OK);
    assert_int_equal(twins.tree.root->n, 2);
    assert_same(&twins);
    twins_free(&twins);
}

/* -- Failing allocations ----------------------------------------------------- */

/* One operation, with its n-th allocation failing, for every n. */
static void fail_each(struct twins *twins, const struct twins *clone, xkv_bytes key, bool put,
                      bool for_good) {
    bool failed = true;

    for (long n = 1; failed; n++) {
        heap_fail_at(n, for_good);
        int error = put ? twins_put(twins, key, LIT("new")) : twins_delete(twins, key);
        failed = heap_failed();
        if (error == XKV_E_STORE_FULL)
            assert_true(failed);
        else
            failed = false;
        assert_same(twins);
        assert_same(clone);
    }
}

static void failing_allocations(key_maker *make, struct rng *rng, size_t keys) {
    struct twins twins = {XKV__TREE_EMPTY, {NULL, 0, 0}}, clone = {.tree = XKV__TREE_EMPTY};
    unsigned char room[KEY_ROOM];

    for (size_t i = 0; i < keys; i++)
        assert_int_equal(twins_put(&twins, bytes_of(room, make(rng, room)), LIT("old")), XKV_OK);
    for (size_t i = 0; i < 60 && twins.model.count > 0; i++) {
        replace_clone(&clone, &twins);
        size_t at = rng_below(rng, twins.model.count);
        struct pair victim = pair_new(pair_key(&twins.model.pairs[at]), NOTHING);
        fail_each(&twins, &clone, bytes_of(room, make(rng, room)), true, i % 2);
        fail_each(&twins, &clone, pair_key(&victim), false, i % 2);
        free(victim.bytes);
    }
    twins_free(&clone);
    twins_free(&twins);
    assert_all_freed();
}

static void test_failing_allocations(void **state) {
    static const size_t sizes[] = {1, 64, 65, 500};
    struct rng rng = rng_for("failing allocations");

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        for (size_t j = 0; j < COUNT(sizes); j++)
            failing_allocations(kinds[i].make, &rng, sizes[j]);
    }
}

/* Without clones, a delete needs no memory. */
static void test_delete_without_memory(void **state) {
    struct rng rng = rng_for("delete without memory");
    struct twins twins = {XKV__TREE_EMPTY, {NULL, 0, 0}};
    unsigned char room[KEY_ROOM];

    (void)state;
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(twins_put(&twins, bytes_of(room, number_key(&rng, room)), NOTHING),
                         XKV_OK);
    while (twins.model.count > 0) {
        struct pair pair = twins.model.pairs[rng_below(&rng, twins.model.count)];
        pair = pair_new(pair_key(&pair), NOTHING);
        heap_fail_at(1, true);
        assert_int_equal(twins_delete(&twins, pair_key(&pair)), XKV_OK);
        heap_failed();
        free(pair.bytes);
        if (twins.model.count % 500 == 0)
            assert_same(&twins);
    }
    twins_free(&twins);
    assert_all_freed();
}

/* -- The check itself -------------------------------------------------------- */

/* Gives a key's bytes back as they were, after the tree was found wrong by them. */
static void assert_wrong(xkv__tree *tree, uint64_t n, const char *key, const char *says) {
    xkv__entry *entry = (xkv__entry *)(uintptr_t)xkv__tree_select(tree, n);
    unsigned char before[10];

    memcpy(before, entry->bytes, sizeof before);
    memcpy(entry->bytes, key, sizeof before);
    const char *wrong = xkv__tree_check(tree);
    memcpy(entry->bytes, before, sizeof before);
    assert_non_null(wrong);
    if (!strstr(wrong, says))
        fail_msg("\"%s\" does not mention \"%s\"", wrong, says);
    assert_null(xkv__tree_check(tree));
}

/* What all other tests rely on: a tree that is wrong is found out. */
static void test_check(void **state) {
    xkv__tree tree = XKV__TREE_EMPTY;
    char key[16];

    (void)state;
    assert_null(xkv__tree_check(&tree));
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "user:%05u", i * 2);
        assert_int_equal(xkv__tree_put(&tree, xkv__entry_new(bytes_of(key, 10), NOTHING)), XKV_OK);
    }
    assert_true(tree.height > 0);
    assert_wrong(&tree, 999, "user:00000", "lower fence");
    assert_wrong(&tree, 0, "user:99999", "upper fence");
    assert_wrong(&tree, 2, "user:00002", "out of order");
    assert_wrong(&tree, 0, "aser:00000", "head");
    tree.count++;
    assert_string_equal(xkv__tree_check(&tree), "the tree's count is wrong");
    tree.count--;
    xkv__tree_release(&tree);
    assert_all_freed();
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_longest_keys),
        cmocka_unit_test(test_replacing_keeps_the_count),
        cmocka_unit_test(test_random_operations),
        cmocka_unit_test(test_loads),
        cmocka_unit_test(test_appending),
        cmocka_unit_test(test_out_of_order),
        cmocka_unit_test(test_empty_leaf),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_delete_without_memory),
        cmocka_unit_test(test_check),
    };

    (void)argc;
    test_begin(argv);
    xkv_set_hooks(&heap_hooks);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    xkv_set_hooks(NULL);
    return test_end(failures);
}
