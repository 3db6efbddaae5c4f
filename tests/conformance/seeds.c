/*
 * seeds.c - with a seed, what a handle's calls draw is a function of seed, stream
 * and call number: not of the thread, of other handles, or of the store
 */
#include "../items.h"
#include "../kinds.h"

#include <pthread.h>

static const struct kind kinds[] = {
    {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false},
    {"disk", XKV_BACKEND_DISK, XKV_DURABILITY_RELAXED, false},
    {"disk, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, true},
    {"disk, unsynced", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, true},
};

enum { KEYS = 500, CALLS = 8, TRACE = 4096 };

/* What a sequence of draws gave, as one text. */
struct trace {
    size_t len;
    char text[TRACE];
};

static void note(struct trace *trace, struct client *client) {
    xkv_bytes items = {client->reply.data, client->reply.len}, text;
    size_t at = 0;

    for (xkv_item item; xkv_item_next(items, &at, &item);) {
        text = item.text;
        if (item.kind != XKV_ITEM_ENTRY && item.kind != XKV_ITEM_TEXT)
            continue;
        if (same_bytes(item.name, LIT("id"))) /* its number may be the time */
            continue;
        MUST(trace->len + text.len + 1 < TRACE);
        memcpy(trace->text + trace->len, text.data, text.len);
        trace->len += text.len;
        trace->text[trace->len++] = ' ';
    }
}

static void draw(struct client *client, struct trace *trace) {
    static const xkv_bytes owners[CALLS] = {{"a", 1}, {"b", 1}, {"c", 1}, {"a", 1},
                                            {"d", 1}, {"e", 1}, {"b", 1}, {"f", 1}};

    *trace = (struct trace){0};
    for (int i = 0; i < CALLS; i++) {
        MUST(do_count(client, XKV_OP_RANDOM_KEYS, NOTHING, 3) == XKV_OK);
        note(trace, client);
        MUST(do_prefix(client, XKV_OP_RANDOM_ENTRY, NOTHING) == XKV_OK);
        note(trace, client);
        MUST(do_prefix(client, XKV_OP_CLAIM_RANDOM, LIT("k1")) == XKV_OK);
        note(trace, client);
        MUST(RUN(client, .op = XKV_OP_CLAIM_FOR_OWNER, .owner = owners[i]) == XKV_OK);
        note(trace, client);
        MUST(do_prefix(client, XKV_OP_POP_RANDOM, NOTHING) == XKV_OK);
        note(trace, client);
        MUST(do_count(client, XKV_OP_POP_RANDOM_MANY, LIT("k"), 3) == XKV_OK);
        note(trace, client);
    }
}

static void fill(struct client *client) {
    xkv_items items = {NULL, 0, 0};
    char key[16];

    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "k%03d", i);
        items_add(&items, xkv_text(key), LIT("1"));
    }
    MUST(do_list_of(client, XKV_OP_SET_MANY, items) == XKV_OK);
}

/* What a client draws in a store of its own. */
struct run {
    const struct kind *kind;
    int64_t seed;
    uint64_t stream;
    bool submits;
    struct trace trace;
};

static void *run(void *argument) {
    struct run *run = argument;
    char name[PATH_SIZE];
    xkv_options options = fresh(run->kind, name);
    struct client client;

    options.seed = run->seed;
    client_open(&client, &options, run->submits);
    xkv_store_stream(client.store, run->stream);
    fill(&client);
    draw(&client, &run->trace);
    client_close(&client);
    return NULL;
}

static bool same(const struct run *a, const struct run *b) {
    return a->trace.len == b->trace.len && memcmp(a->trace.text, b->trace.text, a->trace.len) == 0;
}

static void test_repeats(void **state) {
    static struct run first, other;
    pthread_t thread;

    (void)state;
    for (size_t i = 0; run_kind(kinds, COUNT(kinds), i); i++) {
        first = (struct run){.kind = running, .seed = 7, .stream = 1};
        run(&first);
        other = (struct run){.kind = running, .seed = 7, .stream = 1, .submits = true};
        MUST(pthread_create(&thread, NULL, run, &other) == 0);
        pthread_join(thread, NULL);
        assert_true(same(&first, &other));
        other = (struct run){.kind = running, .seed = 8, .stream = 1};
        run(&other);
        assert_false(same(&first, &other));
        other = (struct run){.kind = running, .seed = 7, .stream = 2};
        run(&other);
        assert_false(same(&first, &other));
        other = (struct run){.kind = running, .seed = XKV_NO_SEED, .stream = 1};
        run(&other);
        assert_false(same(&first, &other));
    }
}

static void draw_one(struct client *client, struct trace *trace) {
    MUST(do_count(client, XKV_OP_RANDOM_KEYS, NOTHING, 2) == XKV_OK);
    note(trace, client);
}

/* Handles of one store may have different seeds, and do not disturb each other. */
static void test_handles(void **state) {
    static struct trace alone, beside, nothing;
    char name[PATH_SIZE];

    (void)state;
    for (size_t i = 0; run_kind(kinds, COUNT(kinds), i); i++) {
        struct client client, others[2];
        xkv_options options = fresh(running, name);
        alone = beside = nothing;
        client_open(&others[0], &options, false);
        fill(&others[0]);
        options.seed = 2;
        client_open(&others[1], &options, false);
        for (int round = 0; round < 2; round++) {
            options.seed = 1;
            client_open(&client, &options, false);
            for (int n = 0; n < CALLS; n++) {
                draw_one(&client, round ? &beside : &alone);
                if (round)
                    draw_one(&others[n % 2], &nothing);
                if (round) /* refused: does not count */
                    MUST(do_count(&client, XKV_OP_RANDOM_KEYS, NOTHING, 0) != XKV_OK);
            }
            client_close(&client);
        }
        assert_true(alone.len == beside.len && memcmp(alone.text, beside.text, alone.len) == 0);
        client_close(&others[0]);
        client_close(&others[1]);
    }
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_repeats, after_case),
        cmocka_unit_test_teardown(test_handles, after_case),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
