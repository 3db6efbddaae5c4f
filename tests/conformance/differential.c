/*
 * differential.c - a million random operations per backend, and sorted arrays
 *
 * Every answer must be the array's. Where chance has a say, what it chose must
 * be one of those that could be chosen. Claims are an array of their own; time
 * passes when the test says so.
 */
#include "../clock.h"
#include "../items.h"
#include "../model.h"
#include "pool.h"

/* -- One run ----------------------------------------------------------------- */

/* Of ten thousand operations, how many are what. What costs time proportional to
 * the store's size is rarer where there is no index. */
struct mix {
    unsigned sets, gets, deletes, exists, steps, sizes, lists, pages, randoms, many, claims, pops;
    unsigned keeps, times, rebuilds, clears;
};

static const struct mix memory_mix = {2600, 1600, 1500, 600, 800, 300, 250, 250,
                                      500,  300,  600,  100, 500, 60,  5,   10};
static const struct mix tracked_mix = {2000, 3400, 1250, 1000, 550, 250, 70, 100,
                                       350,  80,   350,  60,   350, 30,  1,  10};
static const struct mix untracked_mix = {2100, 4200, 1500, 1100, 400, 120, 60, 80,
                                         40,   60,   50,   15,   80,  15,  0,  5};

/* A claim in the model: the value of its key there. */
struct held {
    int64_t token;
    uint64_t deadline;
    char id[32];
};

struct run {
    const xkv_options *options;
    const struct mix *mix;
    struct rng rng;
    struct client client;
    struct model model;
    struct model claims; /* expired ones stay until somebody looks for any free key */
    int64_t last_token;
    unsigned char *value_room;
    uint64_t operation;

    /* A scan that goes on: behind which key, of which prefix. */
    xkv_bytes prefix;
    unsigned char last_key[XKV_KEY_MAX];
    size_t last_len;
    char cursor[XKV_CURSOR_MAX];
    size_t cursor_len;
};

enum { VALUE_ROOM = 9000 };

static void assert_answer(struct run *run, bool right) {
    if (!right) {
        told(&run->client);
        fail_msg("operation %" PRIu64 " differs", run->operation);
    }
}

static void run_command(struct run *run, const xkv_command *command) {
    assert_answer(run, client_run(&run->client, command) == XKV_OK);
}

static void run_list(struct run *run, xkv_command command, xkv_items items) {
    assert_answer(run, run_with(&run->client, command, items) == XKV_OK);
}

/* The next item of the reply, which has that name and kind. */
static xkv_item take(struct run *run, size_t *at, const char *name, xkv_item_kind kind) {
    xkv_item item;

    assert_answer(run, xkv_item_next(answer(&run->client), at, &item));
    assert_answer(run, item.kind == kind && same_bytes(item.name, xkv_text(name)));
    return item;
}

static void take_integer(struct run *run, size_t *at, const char *name, uint64_t value) {
    assert_answer(run, take(run, at, name, XKV_ITEM_INTEGER).integer == (int64_t)value);
}

static void take_boolean(struct run *run, size_t *at, const char *name, bool value) {
    take(run, at, name, value ? XKV_ITEM_TRUE : XKV_ITEM_FALSE);
}

/* The value of a pair, or null where there is none. */
static void take_value(struct run *run, size_t *at, const char *name, const struct pair *pair) {
    xkv_item item = take(run, at, name, pair ? XKV_ITEM_VALUE : XKV_ITEM_NULL);

    if (pair)
        assert_answer(run, same_bytes(item.value, pair_value(pair)));
}

static void assert_end(struct run *run, size_t at) {
    assert_answer(run, at == run->client.reply.len);
}

/* -- Single keys ------------------------------------------------------------- */

/* A value that stays as it is until the next one is made. Some are integers. */
static xkv_bytes any_value(struct run *run) {
    size_t most = rng_chance(&run->rng, 20) ? VALUE_ROOM : 100;
    xkv_bytes value = {run->value_room, rng_below(&run->rng, most)};

    if (rng_chance(&run->rng, 100))
        value.len = (size_t)sprintf((char *)run->value_room, "%d",
                                    (int)(rng_below(&run->rng, 2000)) - 1000);
    else
        rng_fill(&run->rng, run->value_room, value.len);
    return value;
}

/* The key goes, and with it its claim. Whether it was there. */
static bool remove_key(struct run *run, xkv_bytes key) {
    model_delete(&run->claims, key);
    return model_delete(&run->model, key);
}

static void step_set(struct run *run) {
    xkv_bytes key = any_key(&run->rng), value = any_value(run);

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
    int op = rng_chance(&run->rng, 500) ? XKV_OP_DELETE : XKV_OP_DELETE_IF_EXISTS;
    xkv_bytes key = any_key(&run->rng);

    assert_answer(run, do_key(&run->client, op, key) == XKV_OK);
    assert_answer(run, run->client.reply.number == remove_key(run, key));
}

static void step_exists(struct run *run) {
    xkv_bytes key = any_key(&run->rng);

    assert_answer(run, do_exists(&run->client, key) == XKV_OK);
    assert_answer(run, run->client.reply.number == (model_get(&run->model, key) != NULL));
}

static void set_if_absent(struct run *run, xkv_bytes key, xkv_bytes value) {
    bool absent = !model_get(&run->model, key);

    assert_answer(run, do_value(&run->client, XKV_OP_SET_IF_ABSENT, key, value) == XKV_OK);
    assert_answer(run, run->client.reply.number == absent);
    if (absent)
        model_put(&run->model, key, value);
}

static void get_or_set(struct run *run, xkv_bytes key, xkv_bytes value) {
    bool loaded = model_get(&run->model, key) != NULL;
    size_t at = 0;

    assert_answer(run, do_value(&run->client, XKV_OP_GET_OR_SET, key, value) == XKV_OK);
    if (!loaded)
        model_put(&run->model, key, value);
    take(run, &at, "", XKV_ITEM_OBJECT);
    take_value(run, &at, "value", model_get(&run->model, key));
    take_boolean(run, &at, "loaded", loaded);
    assert_end(run, at);
}

static void swap(struct run *run, xkv_bytes key, xkv_bytes value) {
    const struct pair *pair = model_get(&run->model, key);
    size_t at = 0;

    assert_answer(run, do_value(&run->client, XKV_OP_SWAP, key, value) == XKV_OK);
    take(run, &at, "", XKV_ITEM_OBJECT);
    take_value(run, &at, "previous", pair);
    take_boolean(run, &at, "loaded", pair != NULL);
    assert_end(run, at);
    model_put(&run->model, key, value);
}

/* What a detailed comparison tells. */
static void take_details(struct run *run, const char *done, bool did, const struct pair *pair,
                         bool include) {
    size_t at = 0;

    take(run, &at, "", XKV_ITEM_OBJECT);
    take_boolean(run, &at, done, did);
    xkv_item reason = take(run, &at, "reason", XKV_ITEM_TEXT);
    assert_answer(run, same_bytes(reason.text, xkv_text(did ? done : "mismatch")));
    if (!did)
        take_boolean(run, &at, "existed", pair != NULL);
    if (!did && include && pair)
        take_value(run, &at, "current", pair);
    assert_end(run, at);
}

static bool is_expected(const struct pair *pair, const xkv_command *command, bool swaps) {
    if (!pair)
        return swaps && command->expect != XKV_EXPECT_VALUE;
    return command->expect != XKV_EXPECT_ABSENT && same_bytes(pair_value(pair), command->expected);
}

static void compare(struct run *run, xkv_bytes key, xkv_bytes value) {
    bool swaps = rng_chance(&run->rng, 700), detailed = rng_chance(&run->rng, 500);
    const struct pair *pair = model_get(&run->model, key);
    xkv_command command = {.key = key, .value = value, .include_current = value.len % 2};

    command.op = swaps ? XKV_OP_COMPARE_AND_SWAP : XKV_OP_COMPARE_AND_DELETE;
    command.op += detailed; /* it comes next */
    command.expect = (int)rng_below(&run->rng, swaps ? 3 : 2);
    command.expected = pair && rng_chance(&run->rng, 700) ? pair_value(pair) : LIT("other");
    bool expected = is_expected(pair, &command, swaps);
    run_command(run, &command);
    if (detailed)
        take_details(run, swaps ? "swapped" : "deleted", expected, pair, command.include_current);
    else
        assert_answer(run, run->client.reply.number == expected);
    if (expected && swaps)
        model_put(&run->model, key, value);
    else if (expected)
        remove_key(run, key);
}

/* Whether it is one that any_value makes as an integer, or a sum of those. */
static bool is_integer(xkv_bytes value, int64_t *number) {
    char text[16] = {0}, again[24];

    if (value.len == 0 || value.len >= sizeof text)
        return value.len == 0 ? false : (*number = 0, false);
    memcpy(text, value.data, value.len);
    *number = strtoll(text, NULL, 10);
    snprintf(again, sizeof again, "%" PRId64, *number);
    return strcmp(text, again) == 0 && strlen(text) == value.len;
}

static void increment(struct run *run, xkv_bytes key) {
    const struct pair *pair = model_get(&run->model, key);
    int64_t delta = (int64_t)rng_below(&run->rng, 200) - 100, number = 0;
    char text[24];

    if (pair && !is_integer(pair_value(pair), &number)) {
        assert_answer(run, do_increment(&run->client, key, delta) == XKV_E_VALUE_PARSE);
        return;
    }
    assert_answer(run, do_increment(&run->client, key, delta) == XKV_OK);
    assert_answer(run, run->client.reply.number == number + delta);
    snprintf(text, sizeof text, "%" PRId64, number + delta);
    model_put(&run->model, key, xkv_text(text));
}

static void step_atomic(struct run *run) {
    xkv_bytes key = any_key(&run->rng), value = any_value(run);

    switch (rng_below(&run->rng, 6)) {
    case 0:
        set_if_absent(run, key, value);
        return;
    case 1:
        get_or_set(run, key, value);
        return;
    case 2:
        swap(run, key, value);
        return;
    case 3:
        increment(run, key);
        return;
    default:
        compare(run, key, value);
    }
}

/* -- Counts and lists -------------------------------------------------------- */

static void step_size(struct run *run) {
    xkv_bytes prefix = any_prefix(&run->rng);
    size_t first;

    assert_answer(run, do_plain(&run->client, XKV_OP_SIZE) == XKV_OK);
    assert_answer(run, (size_t)run->client.reply.number == run->model.count);
    if (rng_chance(&run->rng, 500))
        return;
    assert_answer(run, do_prefix(&run->client, XKV_OP_COUNT, prefix) == XKV_OK);
    assert_answer(run,
                  (size_t)run->client.reply.number == model_count(&run->model, prefix, &first));
}

static void step_list(struct run *run) {
    xkv_bytes prefix = any_prefix(&run->rng);
    int64_t limit = rng_chance(&run->rng, 950) ? 1 + (int64_t)rng_below(&run->rng, 20) : 0;

    assert_answer(run, do_list(&run->client, prefix, limit) == XKV_OK);
    assert_answer(run, model_matches(&run->model, prefix, limit, &run->client.reply));
}

/* Keys from number first on, as texts or as entries. */
static void take_keys(struct run *run, size_t *at, size_t first, size_t count, bool entries) {
    for (size_t i = 0; i < count; i++) {
        const struct pair *pair = &run->model.pairs[first + i];
        xkv_item item = take(run, at, "", entries ? XKV_ITEM_ENTRY : XKV_ITEM_TEXT);
        assert_answer(run, same_bytes(item.text, pair_key(pair)));
        if (entries)
            assert_answer(run, same_bytes(item.value, pair_value(pair)));
    }
}

static void list_keys(struct run *run) {
    xkv_bytes prefix = any_prefix(&run->rng);
    size_t limit = 1 + rng_below(&run->rng, 20), at = 0, first;
    size_t count = model_count(&run->model, prefix, &first);

    if (count > limit)
        count = limit;
    xkv_command command = {.op = XKV_OP_LIST_KEYS, .prefix = prefix, .limit = (int64_t)limit};
    run_command(run, &command);
    assert_answer(run, take(run, &at, "", XKV_ITEM_ARRAY).integer == (int64_t)count);
    take_keys(run, &at, first, count, false);
    assert_end(run, at);
}

/* Remembers where the scan goes on; false after its last page. */
static void keep_cursor(struct run *run, size_t *at, size_t end, bool done) {
    xkv_item cursor = take(run, at, "cursor", XKV_ITEM_TEXT);

    assert_answer(run, done == (cursor.text.len == 0));
    memcpy(run->cursor, cursor.text.data, cursor.text.len);
    run->cursor_len = cursor.text.len;
    if (done)
        return;
    xkv_bytes key = pair_key(&run->model.pairs[end - 1]);
    memcpy(run->last_key, key.data, key.len);
    run->last_len = key.len;
}

static void scan_on(struct run *run) {
    xkv_bytes last = {run->last_key, run->last_len};
    size_t limit = 1 + rng_below(&run->rng, 12), at = 0, first;
    bool entries = rng_chance(&run->rng, 500);
    size_t all = model_count(&run->model, run->prefix, &first), end = first + all;

    if (run->cursor_len > 0)
        first = model_rank(&run->model, last) + (model_get(&run->model, last) != NULL);
    size_t count = end - first < limit ? end - first : limit;
    xkv_command command = {.op = entries ? XKV_OP_SCAN : XKV_OP_SCAN_KEYS,
                           .prefix = run->prefix,
                           .limit = (int64_t)limit,
                           .cursor = bytes_of(run->cursor, run->cursor_len)};
    run_command(run, &command);
    take(run, &at, "", XKV_ITEM_OBJECT);
    xkv_item list = take(run, &at, entries ? "entries" : "keys", XKV_ITEM_ARRAY);
    assert_answer(run, list.integer == (int64_t)count);
    take_keys(run, &at, first, count, entries);
    keep_cursor(run, &at, first + count, first + count == end);
    take_boolean(run, &at, "done", first + count == end);
    assert_end(run, at);
}

static void step_page(struct run *run) {
    if (rng_chance(&run->rng, 200)) {
        list_keys(run);
        return;
    }
    if (run->cursor_len == 0 || rng_chance(&run->rng, 50)) {
        run->cursor_len = 0;
        run->prefix = any_prefix(&run->rng);
    }
    scan_on(run);
}

/* -- Random keys ------------------------------------------------------------- */

/* Whether all keys of the reply are different, and each is a key with prefix. */
static void assert_chosen(struct run *run, xkv_bytes prefix, size_t count, bool different) {
    struct model seen = {NULL, 0, 0};
    xkv_bytes key, value;

    for (size_t at = 0; xkv_reply_next(&run->client.reply, &at, &key, &value);) {
        assert_answer(run, starts_with(key, prefix) && model_get(&run->model, key));
        assert_answer(run, !different || !model_get(&seen, key));
        if (different)
            model_put(&seen, key, NOTHING);
    }
    assert_answer(run, (size_t)run->client.reply.number == count);
    model_free(&seen);
}

static void random_keys(struct run *run, xkv_bytes prefix) {
    xkv_command command = {.op = XKV_OP_RANDOM_KEYS, .prefix = prefix};
    size_t first, count = model_count(&run->model, prefix, &first);

    command.count = 1 + (int64_t)rng_below(&run->rng, rng_chance(&run->rng, 50) ? 800 : 8);
    command.repeats = rng_chance(&run->rng, 300);
    run_command(run, &command);
    if (command.repeats ? count > 0 : count > (size_t)command.count)
        count = (size_t)command.count;
    assert_chosen(run, prefix, count, !command.repeats);
}

static void step_random(struct run *run) {
    xkv_bytes prefix = any_prefix(&run->rng);
    size_t first, count = model_count(&run->model, prefix, &first);

    if (rng_chance(&run->rng, 150)) {
        random_keys(run, prefix);
        return;
    }
    assert_answer(run, do_random(&run->client, prefix) == XKV_OK);
    assert_answer(run, (size_t)run->client.reply.number == count);
    xkv_bytes key = answer(&run->client);
    if (count == 0)
        assert_answer(run, key.len == 0);
    else
        assert_answer(run, starts_with(key, prefix) && model_get(&run->model, key));
}

/* -- Many keys --------------------------------------------------------------- */

/* Some keys, repeats among them. */
static xkv_items any_keys(struct run *run) {
    size_t count = rng_below(&run->rng, 12);
    xkv_items items = {NULL, 0, 0};

    for (size_t i = 0; i < count; i++)
        items_add(&items, any_key(&run->rng), NOTHING);
    return items;
}

static void get_many(struct run *run) {
    xkv_items items = any_keys(run);
    xkv_command command = {.op = XKV_OP_GET_MANY, .items = xkv_items_bytes(&items)};
    size_t at = 0, in = 0;

    run_command(run, &command);
    take(run, &at, "", XKV_ITEM_ARRAY);
    for (xkv_item key; xkv_item_next(command.items, &in, &key);) {
        const struct pair *pair = model_get(&run->model, key.text);
        take(run, &at, "", XKV_ITEM_OBJECT);
        xkv_item found = take(run, &at, "key", XKV_ITEM_TEXT);
        assert_answer(run, same_bytes(found.text, key.text));
        take_boolean(run, &at, "exists", pair != NULL);
        take_value(run, &at, "value", pair);
    }
    assert_end(run, at);
    xkv_items_free(&items);
}

static void set_many(struct run *run) {
    size_t count = rng_below(&run->rng, 8), at = 0;
    xkv_items items = {NULL, 0, 0};

    for (size_t i = 0; i < count; i++) {
        xkv_bytes key = any_key(&run->rng), value = any_value(run);
        items_add(&items, key, value);
        model_put(&run->model, key, value);
    }
    run_list(run, (xkv_command){.op = XKV_OP_SET_MANY}, items);
    take(run, &at, "", XKV_ITEM_OBJECT);
    take_integer(run, &at, "written", count);
    assert_end(run, at);
}

static void delete_many(struct run *run) {
    xkv_items items = any_keys(run);
    size_t deleted = 0, missing = 0, in = 0, at = 0;

    for (xkv_item key; xkv_item_next(xkv_items_bytes(&items), &in, &key);) {
        bool there = remove_key(run, key.text);
        deleted += there;
        missing += !there;
    }
    run_list(run, (xkv_command){.op = XKV_OP_DELETE_MANY}, items);
    take(run, &at, "", XKV_ITEM_OBJECT);
    take_integer(run, &at, "deleted", deleted);
    take_integer(run, &at, "missing", missing);
    assert_end(run, at);
}

static void delete_by_prefix(struct run *run) {
    xkv_bytes prefix = any_prefix(&run->rng);
    while (prefix.len == 0)
        prefix = any_prefix(&run->rng);
    size_t limit = 1 + rng_below(&run->rng, 6), first, at = 0;
    size_t all = model_count(&run->model, prefix, &first), count = all < limit ? all : limit;
    xkv_command command = {
        .op = XKV_OP_DELETE_BY_PREFIX, .prefix = prefix, .limit = (int64_t)limit};

    for (size_t i = 0; i < count; i++) {
        struct pair copy = pair_new(pair_key(&run->model.pairs[first]), NOTHING);
        remove_key(run, pair_key(&copy));
        free(copy.bytes);
    }
    run_command(run, &command);
    take(run, &at, "", XKV_ITEM_OBJECT);
    take_integer(run, &at, "deleted", count);
    take_boolean(run, &at, "done", count == all);
    assert_end(run, at);
}

static void step_many(struct run *run) {
    void (*const steps[])(struct run *) = {get_many, get_many,    set_many,
                                           set_many, delete_many, delete_by_prefix};

    steps[rng_below(&run->rng, COUNT(steps))](run);
}

/* -- Claims ------------------------------------------------------------------ */

static struct held held_of(const struct pair *pair) {
    struct held held;

    memcpy(&held, pair_value(pair).data, sizeof held);
    return held;
}

/* What looks for any free key ends the claims that have expired. */
static void end_expired(struct run *run) {
    for (size_t i = run->claims.count; i > 0; i--) {
        struct pair *pair = &run->claims.pairs[i - 1];
        if (held_of(pair).deadline <= clocks_now())
            model_delete(&run->claims, pair_key(pair));
    }
}

/* Whether somebody holds the key now. */
static bool is_busy(const struct run *run, xkv_bytes key) {
    const struct pair *pair = model_get(&run->claims, key);
    return pair && held_of(pair).deadline > clocks_now();
}

static size_t free_with(const struct run *run, xkv_bytes prefix) {
    size_t first;
    return model_count(&run->model, prefix, &first) - model_count(&run->claims, prefix, &first);
}

/* A claim of the reply is one on a free key with prefix, and as it should be. */
static void note_claim(struct run *run, const struct claim *claim, xkv_bytes prefix,
                       xkv_bytes owner, int64_t ttl) {
    const struct pair *pair = model_get(&run->model, claim->key);
    struct held held = {claim->token, clocks_now() + (uint64_t)ttl, ""};

    assert_answer(run, pair && starts_with(claim->key, prefix));
    assert_answer(run, !is_busy(run, claim->key));
    assert_answer(run, same_bytes(claim->value, pair_value(pair)));
    assert_answer(run, same_bytes(claim->owner, owner));
    assert_answer(run, claim->token > run->last_token);
    assert_answer(run, claim->expires_at == (int64_t)clocks_wall() + ttl);
    assert_answer(run, claim->id.len > 0 && claim->id.len < sizeof held.id);
    memcpy(held.id, claim->id.data, claim->id.len);
    model_put(&run->claims, claim->key, bytes_of(&held, sizeof held));
    run->last_token = claim->token;
}

static size_t note_claims(struct run *run, const xkv_command *command) {
    int64_t ttl = command->ttl_ms ? command->ttl_ms : XKV_TTL_DEFAULT;
    struct claim claim;
    size_t at = 0, count = 0;

    for (; next_claim(&run->client.reply, &at, &claim); count++)
        note_claim(run, &claim, command->prefix, command->owner, ttl);
    assert_answer(run, (size_t)run->client.reply.number == count);
    return count;
}

static xkv_command any_claiming(struct run *run, int op) {
    static const char *const owners[] = {"", "vu 1", "somebody else"};
    xkv_command command = {.op = op, .owner = xkv_text(owners[rng_below(&run->rng, 3)])};

    if (rng_chance(&run->rng, 700))
        command.ttl_ms = 1 + (int64_t)rng_below(&run->rng, 20000);
    return command;
}

static void claim_key(struct run *run) {
    xkv_command command = any_claiming(run, XKV_OP_CLAIM_KEY);

    command.key = any_key(&run->rng);
    size_t expected = model_get(&run->model, command.key) && !is_busy(run, command.key);
    run_command(run, &command);
    assert_answer(run, note_claims(run, &command) == expected);
}

static void claim_random(struct run *run) {
    bool many = rng_chance(&run->rng, 300);
    xkv_command command = any_claiming(run, many ? XKV_OP_CLAIM_RANDOM_MANY : XKV_OP_CLAIM_RANDOM);

    command.prefix = any_prefix(&run->rng);
    command.count = many ? 1 + (int64_t)rng_below(&run->rng, 8) : 1;
    end_expired(run);
    size_t expected = free_with(run, command.prefix);
    run_command(run, &command);
    if (expected > (size_t)command.count)
        expected = (size_t)command.count;
    assert_answer(run, note_claims(run, &command) == expected);
}

/* Different keys: a walk over the pool with a stride. */
static xkv_items different_keys(struct run *run) {
    size_t count = rng_below(&run->rng, 8), start = rng_below(&run->rng, COMMON_KEYS);
    xkv_items items = {NULL, 0, 0};

    for (size_t i = 0; i < count; i++)
        items_add(&items, pool.keys[(start + i * 7) % COMMON_KEYS], NOTHING);
    return items;
}

/* The texts of a list in the reply, in order, are the keys of items that are not
 * free: busy or missing. With first_only, at most the first. */
static void take_unclaimed(struct run *run, size_t *at, const xkv_items *items, bool busy,
                           bool first_only) {
    xkv_item list = take(run, at, busy ? "busy" : "missing", XKV_ITEM_ARRAY);
    int64_t count = 0;
    size_t in = 0;
    bool over = false;

    for (xkv_item key; !over && xkv_item_next(xkv_items_bytes(items), &in, &key);) {
        bool missing = !model_get(&run->model, key.text);
        bool held = !missing && is_busy(run, key.text);
        over = first_only && (missing || held);
        if (busy ? !held : !missing)
            continue;
        xkv_item text = take(run, at, "", XKV_ITEM_TEXT);
        assert_answer(run, same_bytes(text.text, key.text));
        count++;
    }
    assert_answer(run, list.integer == count);
}

static size_t count_free(const struct run *run, const xkv_items *items, size_t *all) {
    size_t in = 0, count = 0;

    *all = 0;
    for (xkv_item key; xkv_item_next(xkv_items_bytes(items), &in, &key); ++*all)
        count += model_get(&run->model, key.text) && !is_busy(run, key.text);
    return count;
}

static void claim_keys(struct run *run) {
    xkv_command command = any_claiming(run, XKV_OP_CLAIM_KEYS);
    xkv_items items = different_keys(run);
    size_t at = 0, all;

    command.items = xkv_items_bytes(&items);
    command.all_or_nothing = rng_chance(&run->rng, 500);
    size_t expected = count_free(run, &items, &all);
    if (command.all_or_nothing && expected < all)
        expected = 0;
    run_command(run, &command);
    take(run, &at, "", XKV_ITEM_OBJECT);
    assert_answer(run, take(run, &at, "claimed", XKV_ITEM_ARRAY).integer == (int64_t)expected);
    for (size_t i = 0; i < expected * 7; i++) /* each an object of six */
        assert_answer(run, xkv_item_next(answer(&run->client), &at, &(xkv_item){.integer = 0}));
    take_unclaimed(run, &at, &items, true, command.all_or_nothing);
    take_unclaimed(run, &at, &items, false, command.all_or_nothing);
    assert_end(run, at);
    assert_answer(run, note_claims(run, &command) == expected);
    xkv_items_free(&items);
}

static void step_claim(struct run *run) {
    void (*const steps[])(struct run *) = {claim_key, claim_random, claim_random, claim_keys};

    steps[rng_below(&run->rng, COUNT(steps))](run);
}

/* What is popped is free, and goes. */
static void step_pop(struct run *run) {
    bool many = rng_chance(&run->rng, 300);
    xkv_command command = {.op = many ? XKV_OP_POP_RANDOM_MANY : XKV_OP_POP_RANDOM};
    xkv_bytes key, value;
    size_t at = 0, count = 0;

    command.prefix = any_prefix(&run->rng);
    command.count = many ? 1 + (int64_t)rng_below(&run->rng, 5) : 1;
    end_expired(run);
    size_t expected = free_with(run, command.prefix);
    run_command(run, &command);
    for (; xkv_reply_next(&run->client.reply, &at, &key, &value); count++) {
        const struct pair *pair = model_get(&run->model, key);
        assert_answer(run, pair && starts_with(key, command.prefix));
        assert_answer(run, same_bytes(value, pair_value(pair)));
        assert_answer(run, !model_get(&run->claims, key));
        remove_key(run, key);
    }
    assert_answer(run,
                  count == (expected < (size_t)command.count ? expected : (size_t)command.count));
    assert_answer(run, (size_t)run->client.reply.number == count);
}

/* -- Giving back ------------------------------------------------------------- */

/* Adds some claim to a list: mostly one that is there, else a wrong one. */
static void add_any_claim(struct run *run, xkv_items *items) {
    struct held held = {-1, 0, "claim-x"};
    xkv_bytes key = any_key(&run->rng);

    if (run->claims.count > 0 && rng_chance(&run->rng, 800)) {
        const struct pair *pair = &run->claims.pairs[rng_below(&run->rng, run->claims.count)];
        held = held_of(pair);
        key = pair_key(pair);
    }
    if (rng_chance(&run->rng, 30))
        held.token += 1;
    if (rng_chance(&run->rng, 30))
        held.id[strlen(held.id) - 1] ^= 1;
    MUST(xkv_items_add_claim(items, xkv_text(held.id), key, held.token) == XKV_OK);
}

/* Whether the claim of an item is held, by the model. */
static bool is_held(const struct run *run, const xkv_item *item) {
    const struct pair *pair = model_get(&run->claims, item->text);
    const unsigned char *value = item->value.data;
    int64_t token;

    if (!pair)
        return false;
    struct held held = held_of(pair);
    memcpy(&token, value, sizeof token);
    return held.token == token && held.deadline > clocks_now() &&
           same_bytes(xkv_text(held.id),
                      bytes_of(value + sizeof token, item->value.len - sizeof token));
}

/* Renews or ends a claim in the model. completed keys go later: a second claim
 * of the same list on one of them is a failed one either way. */
static void settle(struct run *run, const xkv_command *command, xkv_bytes key) {
    bool renews = command->op == XKV_OP_RENEW_CLAIM || command->op == XKV_OP_RENEW_CLAIMS;
    bool completes = command->op == XKV_OP_COMPLETE_CLAIM || command->op == XKV_OP_COMPLETE_CLAIMS;

    if (renews) {
        struct held held = held_of(model_get(&run->claims, key));
        held.deadline = clocks_now() + (uint64_t)command->ttl_ms;
        model_put(&run->claims, key, bytes_of(&held, sizeof held));
        return;
    }
    model_delete(&run->claims, key);
    if (completes && !command->keep_key)
        model_delete(&run->model, key);
}

static void take_failed(struct run *run, size_t *at, size_t index, const xkv_item *item) {
    xkv_bytes id = {(const unsigned char *)item->value.data + 8, item->value.len - 8};

    take(run, at, "", XKV_ITEM_OBJECT);
    take_integer(run, at, "index", index);
    assert_answer(run, same_bytes(take(run, at, "id", XKV_ITEM_TEXT).text, id));
    assert_answer(run, same_bytes(take(run, at, "key", XKV_ITEM_TEXT).text, item->text));
    xkv_item name = take(run, at, "name", XKV_ITEM_TEXT);
    assert_answer(run, same_bytes(name.text, LIT("ClaimNotUpdated")));
    take(run, at, "message", XKV_ITEM_TEXT);
}

static void give_back_many(struct run *run, xkv_command command, const char *done) {
    size_t count = rng_below(&run->rng, 6), at = 0, in = 0, ends = 0, index = 0;
    xkv_items items = {NULL, 0, 0};

    for (size_t i = 0; i < count; i++)
        add_any_claim(run, &items);
    command.items = xkv_items_bytes(&items);
    run_command(run, &command);
    take(run, &at, "", XKV_ITEM_OBJECT);
    take_integer(run, &at, "attempted", count);
    xkv_item number = take(run, &at, done, XKV_ITEM_INTEGER);
    xkv_item failed = take(run, &at, "failed", XKV_ITEM_ARRAY);
    for (xkv_item item; xkv_item_next(command.items, &in, &item); index++) {
        bool held = is_held(run, &item);
        if (held)
            settle(run, &command, item.text);
        else
            take_failed(run, &at, index, &item);
        ends += held;
    }
    assert_end(run, at);
    assert_answer(run, number.integer == (int64_t)ends);
    assert_answer(run, failed.integer == (int64_t)(count - ends));
    xkv_items_free(&items);
}

static void give_back_one(struct run *run, xkv_command command) {
    xkv_items items = {NULL, 0, 0};
    xkv_item item;
    size_t at = 0;

    add_any_claim(run, &items);
    command.items = xkv_items_bytes(&items);
    MUST(xkv_item_next(command.items, &at, &item));
    bool held = is_held(run, &item);
    run_command(run, &command);
    assert_answer(run, run->client.reply.number == held);
    if (held)
        settle(run, &command, item.text);
    xkv_items_free(&items);
}

static void step_give_back(struct run *run) {
    static const struct {
        int one, many;
        const char *done;
    } ways[] = {
        {XKV_OP_RENEW_CLAIM, XKV_OP_RENEW_CLAIMS, "renewed"},
        {XKV_OP_RELEASE_CLAIM, XKV_OP_RELEASE_CLAIMS, "released"},
        {XKV_OP_COMPLETE_CLAIM, XKV_OP_COMPLETE_CLAIMS, "completed"},
    };
    size_t way = rng_below(&run->rng, COUNT(ways));
    xkv_command command = {.op = ways[way].one,
                           .ttl_ms = 1 + (int64_t)rng_below(&run->rng, 20000),
                           .keep_key = rng_chance(&run->rng, 500)};

    if (rng_chance(&run->rng, 500)) {
        give_back_one(run, command);
        return;
    }
    command.op = ways[way].many;
    give_back_many(run, command, ways[way].done);
}

/* -- Time, insight ----------------------------------------------------------- */

static uint64_t count_expired(const struct run *run, xkv_bytes prefix, uint64_t *all) {
    size_t first, count = model_count(&run->claims, prefix, &first);
    uint64_t expired = 0;

    for (size_t i = 0; i < count; i++)
        expired += held_of(&run->claims.pairs[first + i]).deadline <= clocks_now();
    *all = count;
    return expired;
}

static void check_allocation(struct run *run, xkv_bytes prefix) {
    size_t first, total = model_count(&run->model, prefix, &first), at = 0;
    uint64_t all, expired = count_expired(run, prefix, &all);

    assert_answer(run, do_prefix(&run->client, XKV_OP_ALLOCATION_STATS, prefix) == XKV_OK);
    take(run, &at, "", XKV_ITEM_OBJECT);
    take(run, &at, "prefix", XKV_ITEM_TEXT);
    take_integer(run, &at, "total", total);
    take_integer(run, &at, "claimable", total - (all - expired));
    take_integer(run, &at, "claimedLive", all - expired);
    take_integer(run, &at, "claimedExpired", expired);
}

static void check_stats(struct run *run) {
    uint64_t all, expired = count_expired(run, NOTHING, &all);
    size_t at = 0;

    assert_answer(run, do_plain(&run->client, XKV_OP_STATS) == XKV_OK);
    take(run, &at, "", XKV_ITEM_OBJECT);
    take(run, &at, "backend", XKV_ITEM_TEXT);
    take(run, &at, "serialization", XKV_ITEM_TEXT);
    take_boolean(run, &at, "trackKeys", run->options->track_keys);
    take_integer(run, &at, "count", run->model.count);
    take(run, &at, "claims", XKV_ITEM_OBJECT);
    take_integer(run, &at, "live", all - expired);
    take_integer(run, &at, "expired", expired);
    if (!run->options->track_keys)
        return;
    take(run, &at, "index", XKV_ITEM_OBJECT);
    take_boolean(run, &at, "enabled", true);
    take_integer(run, &at, "keysList", run->model.count);
    take_integer(run, &at, "keysMap", run->model.count);
    take_integer(run, &at, "ost", run->model.count);
    take_boolean(run, &at, "consistent", true);
}

static void step_time(struct run *run) {
    clocks_pass(rng_below(&run->rng, 4000));
    check_allocation(run, any_prefix(&run->rng));
    check_stats(run);
}

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
        {mix->sets, step_set},
        {mix->gets, step_get},
        {mix->deletes, step_delete},
        {mix->exists, step_exists},
        {mix->steps, step_atomic},
        {mix->sizes, step_size},
        {mix->lists, step_list},
        {mix->pages, step_page},
        {mix->randoms, step_random},
        {mix->many, step_many},
        {mix->claims, step_claim},
        {mix->pops, step_pop},
        {mix->keeps, step_give_back},
        {mix->times, step_time},
        {mix->rebuilds, step_rebuild},
        {mix->clears, step_clear},
        {1, step_get},
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

static void reopen(struct run *run) {
    if (run->options->backend == XKV_BACKEND_MEMORY)
        return;
    client_close(&run->client);
    client_open(&run->client, run->options, run->operation / 100000 % 2);
    model_clear(&run->claims); /* they end with the process */
}

static void differ(const char *label, const xkv_options *options, const struct mix *mix) {
    static struct run run;
    uint64_t operations = SANITIZED ? 60000 : 1000000, start = clock_ms();

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
    xkv_set_hooks(&clocks_hooks);
    struct rng rng = rng_for("pool");
    fill_pool(&rng);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    free_pool();
    return test_end(failures);
}
