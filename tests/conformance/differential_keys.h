/*
 * differential_keys.h - steps of the differential test on keys: single ones, many,
 * random ones, counts and lists
 */
#ifndef XKV_TESTS_DIFFERENTIAL_KEYS_H
#define XKV_TESTS_DIFFERENTIAL_KEYS_H

#include "differential.h"

/* -- Single keys ------------------------------------------------------------- */

/* A value that stays as it is until the next one is made. Some are integers. */
static inline xkv_bytes any_value(struct run *run) {
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
static inline bool remove_key(struct run *run, xkv_bytes key) {
    model_delete(&run->claims, key);
    return model_delete(&run->model, key);
}

static inline void step_set(struct run *run) {
    xkv_bytes key = any_key(&run->rng), value = any_value(run);

    assert_answer(run, do_set(&run->client, key, value) == XKV_OK);
    model_put(&run->model, key, value);
}

static inline void step_get(struct run *run) {
    xkv_bytes key = any_key(&run->rng);
    const struct pair *pair = model_get(&run->model, key);
    int status = do_get(&run->client, key);

    assert_answer(run, status == (pair ? XKV_OK : XKV_E_KEY_NOT_FOUND));
    if (pair)
        assert_answer(run, same_bytes(answer(&run->client), pair_value(pair)));
}

static inline void step_delete(struct run *run) {
    int op = rng_chance(&run->rng, 500) ? XKV_OP_DELETE : XKV_OP_DELETE_IF_EXISTS;
    xkv_bytes key = any_key(&run->rng);

    assert_answer(run, do_key(&run->client, op, key) == XKV_OK);
    assert_answer(run, run->client.reply.number == remove_key(run, key));
}

static inline void step_exists(struct run *run) {
    xkv_bytes key = any_key(&run->rng);

    assert_answer(run, do_exists(&run->client, key) == XKV_OK);
    assert_answer(run, run->client.reply.number == (model_get(&run->model, key) != NULL));
}

static inline void set_if_absent(struct run *run, xkv_bytes key, xkv_bytes value) {
    bool absent = !model_get(&run->model, key);

    assert_answer(run, do_value(&run->client, XKV_OP_SET_IF_ABSENT, key, value) == XKV_OK);
    assert_answer(run, run->client.reply.number == absent);
    if (absent)
        model_put(&run->model, key, value);
}

static inline void get_or_set(struct run *run, xkv_bytes key, xkv_bytes value) {
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

static inline void swap(struct run *run, xkv_bytes key, xkv_bytes value) {
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
static inline void take_details(struct run *run, const char *done, bool did,
                                const struct pair *pair, bool include) {
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

static inline bool is_expected(const struct pair *pair, const xkv_command *command, bool swaps) {
    if (!pair)
        return swaps && command->expect != XKV_EXPECT_VALUE;
    return command->expect != XKV_EXPECT_ABSENT && same_bytes(pair_value(pair), command->expected);
}

static inline void compare(struct run *run, xkv_bytes key, xkv_bytes value) {
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
static inline bool is_integer(xkv_bytes value, int64_t *number) {
    char text[16] = {0}, again[24];

    if (value.len == 0 || value.len >= sizeof text)
        return false;
    memcpy(text, value.data, value.len);
    *number = strtoll(text, NULL, 10);
    snprintf(again, sizeof again, "%" PRId64, *number);
    return strcmp(text, again) == 0 && strlen(text) == value.len;
}

static inline void increment(struct run *run, xkv_bytes key) {
    const struct pair *pair = model_get(&run->model, key);
    int64_t delta = (int64_t)rng_below(&run->rng, 200) - 100, number = 0;
    xkv_command command = {.op = XKV_OP_INCREMENT_BY, .key = key, .delta = delta};
    char text[24];

    if (pair && !is_integer(pair_value(pair), &number)) {
        assert_answer(run, client_run(&run->client, &command) == XKV_E_VALUE_PARSE);
        return;
    }
    run_command(run, &command);
    assert_answer(run, run->client.reply.number == number + delta);
    snprintf(text, sizeof text, "%" PRId64, number + delta);
    model_put(&run->model, key, xkv_text(text));
}

static inline void step_atomic(struct run *run) {
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

static inline void step_size(struct run *run) {
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

static inline void step_list(struct run *run) {
    xkv_bytes prefix = any_prefix(&run->rng);
    int64_t limit = rng_chance(&run->rng, 950) ? 1 + (int64_t)rng_below(&run->rng, 20) : 0;

    assert_answer(run, do_list(&run->client, prefix, limit) == XKV_OK);
    assert_answer(run, model_matches(&run->model, prefix, limit, &run->client.reply));
}

/* Keys from number first on, as texts or as entries. */
static inline void take_keys(struct run *run, size_t *at, size_t first, size_t count,
                             bool entries) {
    for (size_t i = 0; i < count; i++) {
        const struct pair *pair = &run->model.pairs[first + i];
        xkv_item item = take(run, at, "", entries ? XKV_ITEM_ENTRY : XKV_ITEM_TEXT);
        assert_answer(run, same_bytes(item.text, pair_key(pair)));
        if (entries)
            assert_answer(run, same_bytes(item.value, pair_value(pair)));
    }
}

static inline void list_keys(struct run *run) {
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
static inline void keep_cursor(struct run *run, size_t *at, size_t end, bool done) {
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

static inline void scan_on(struct run *run) {
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

static inline void step_page(struct run *run) {
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
static inline void assert_chosen(struct run *run, xkv_bytes prefix, size_t count, bool different) {
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

static inline void random_keys(struct run *run, xkv_bytes prefix) {
    xkv_command command = {.op = XKV_OP_RANDOM_KEYS, .prefix = prefix};
    size_t first, count = model_count(&run->model, prefix, &first);

    command.count = 1 + (int64_t)rng_below(&run->rng, rng_chance(&run->rng, 50) ? 800 : 8);
    command.repeats = rng_chance(&run->rng, 300);
    run_command(run, &command);
    if (command.repeats ? count > 0 : count > (size_t)command.count)
        count = (size_t)command.count;
    assert_chosen(run, prefix, count, !command.repeats);
}

static inline void random_entry(struct run *run, xkv_bytes prefix) {
    xkv_command command = {.op = XKV_OP_RANDOM_ENTRY, .prefix = prefix};
    size_t first, count = model_count(&run->model, prefix, &first), at = 0;

    run_command(run, &command);
    assert_chosen(run, prefix, count > 0, true);
    xkv_item item = take(run, &at, "", count > 0 ? XKV_ITEM_ENTRY : XKV_ITEM_NULL);
    if (count > 0)
        assert_answer(run, same_bytes(item.value, pair_value(model_get(&run->model, item.text))));
    assert_end(run, at);
}

static inline void step_random(struct run *run) {
    xkv_bytes prefix = any_prefix(&run->rng);
    size_t first, count = model_count(&run->model, prefix, &first);

    if (rng_chance(&run->rng, 350)) {
        (rng_chance(&run->rng, 500) ? random_keys : random_entry)(run, prefix);
        return;
    }
    assert_answer(run, do_random(&run->client, prefix) == XKV_OK);
    assert_answer(run, is_in_parts(run) ? (run->client.reply.number > 0) == (count > 0)
                                        : (size_t)run->client.reply.number == count);
    xkv_bytes key = answer(&run->client);
    if (count == 0)
        assert_answer(run, key.len == 0);
    else
        assert_answer(run, starts_with(key, prefix) && model_get(&run->model, key));
}

/* -- Many keys --------------------------------------------------------------- */

/* Some keys, repeats among them. */
static inline xkv_items any_keys(struct run *run) {
    size_t count = rng_below(&run->rng, 12);
    xkv_items items = {NULL, 0, 0};

    for (size_t i = 0; i < count; i++)
        items_add(&items, any_key(&run->rng), NOTHING);
    return items;
}

static inline void get_many(struct run *run) {
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

static inline void set_many(struct run *run) {
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

static inline void delete_many(struct run *run) {
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

static inline void delete_by_prefix(struct run *run) {
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

static inline void step_many(struct run *run) {
    void (*const steps[])(struct run *) = {get_many, get_many,    set_many,
                                           set_many, delete_many, delete_by_prefix};

    steps[rng_below(&run->rng, COUNT(steps))](run);
}

#endif
