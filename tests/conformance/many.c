/*
 * many.c - commands on many keys: lists of keys, pages, counts, random keys
 */
#include "conformance.h"

static void run(struct client *client, int op, xkv_items items) {
    do_list_of(client, op, items);
    assert_int_equal(told(client), XKV_OK);
}

/* -- Lists of keys ----------------------------------------------------------- */

static void case_get_many(struct client *client) {
    put(client, LIT("a"), LIT("1"));
    put(client, LIT("b"), LIT(""));
    run(client, XKV_OP_GET_MANY, KEYS("b", "none", "a", "a", ""));
    assert_reply(client, "[{\"key\":\"b\",\"exists\":true,\"value\":},"
                         "{\"key\":\"none\",\"exists\":false,\"value\":null},"
                         "{\"key\":\"a\",\"exists\":true,\"value\":1},"
                         "{\"key\":\"a\",\"exists\":true,\"value\":1},"
                         "{\"key\":\"\",\"exists\":false,\"value\":null}]");
    assert_int_equal(client->reply.number, 5);
    run(client, XKV_OP_GET_MANY, NO_ITEMS);
    assert_reply(client, "[]");
    assert_int_equal(do_list_of(client, XKV_OP_GET_MANY, KEYS("a", "\xFF")), XKV_E_INVALID_OPTIONS);
    assert_true(answer_says(client, "getMany: keys[1]") && answer_says(client, "UTF-8"));
}

/* More than is read in a short transaction. */
static void case_get_very_many(struct client *client) {
    enum { MANY = 600 };
    xkv_items keys = {NULL, 0, 0};
    char key[32];
    size_t at = 0;
    xkv_item item;

    put(client, LIT("key:300"), LIT("x"));
    for (int i = 0; i < MANY; i++) {
        snprintf(key, sizeof key, "key:%d", i);
        items_add(&keys, xkv_text(key), NOTHING);
    }
    run(client, XKV_OP_GET_MANY, keys);
    assert_int_equal(client->reply.number, MANY);
    assert_true(xkv_item_next(answer(client), &at, &item) && item.integer == MANY);
    for (int i = 0; i < MANY; i++) {
        snprintf(key, sizeof key, "key:%d", i);
        assert_true(xkv_item_next(answer(client), &at, &item) && item.integer == 3);
        assert_true(xkv_item_next(answer(client), &at, &item));
        assert_true(same_bytes(item.text, xkv_text(key)));
        assert_true(xkv_item_next(answer(client), &at, &item) && item.integer == (i == 300));
        assert_true(xkv_item_next(answer(client), &at, &item));
        assert_int_equal(item.kind, i == 300 ? XKV_ITEM_VALUE : XKV_ITEM_NULL);
    }
    assert_int_equal(at, client->reply.len);
}

static void case_set_many(struct client *client) {
    put(client, LIT("b"), LIT("old"));
    run(client, XKV_OP_SET_MANY, ENTRIES("c", "3", "a", "1", "b", "2", "a", "4"));
    assert_reply(client, "{\"written\":4}");
    assert_int_equal(do_list(client, NOTHING, 0), XKV_OK);
    assert_reply(client, "[{\"key\":\"a\",\"value\":4},{\"key\":\"b\",\"value\":2},"
                         "{\"key\":\"c\",\"value\":3}]");
    run(client, XKV_OP_SET_MANY, NO_ITEMS);
    assert_reply(client, "{\"written\":0}");
    assert_size(client, 3);
}

/* All or nothing; the message counts the bad ones and tells about the first. */
static void case_set_many_bad(struct client *client) {
    assert_int_equal(
        do_list_of(client, XKV_OP_SET_MANY, ENTRIES("a", "1", "", "2", "b", "3", "\xFF", "4")),
        XKV_E_INVALID_OPTIONS);
    assert_true(answer_says(client, "setMany: 2 of 4 entries"));
    assert_true(answer_says(client, "must not be empty"));
    assert_size(client, 0);
    int status = do_list_of(client, XKV_OP_SET_MANY, ENTRIES("a", "1", "b", "\xFF"));
    if (setting.serialization == XKV_BINARY) {
        assert_int_equal(status, XKV_OK);
        return;
    }
    assert_int_equal(status, XKV_E_INVALID_OPTIONS);
    assert_true(answer_says(client, "1 of 2 entries") && answer_says(client, "\"b\""));
    assert_size(client, 0);
}

static void case_set_very_many(struct client *client) {
    enum { MANY = 3000 };
    struct model model = {NULL, 0, 0};
    xkv_items entries = {NULL, 0, 0};
    char key[32];

    for (int i = 0; i < MANY; i++) {
        snprintf(key, sizeof key, "key:%d", i * 7 % 2500);
        items_add(&entries, xkv_text(key), xkv_text(key + 2));
        model_put(&model, xkv_text(key), xkv_text(key + 2));
    }
    run(client, XKV_OP_SET_MANY, entries);
    assert_reply(client, "{\"written\":3000}");
    assert_model(client, &model);
    model_free(&model);
}

static void case_delete_many(struct client *client) {
    run(client, XKV_OP_SET_MANY, ENTRIES("a", "1", "b", "2", "c", "3"));
    run(client, XKV_OP_DELETE_MANY, KEYS("c", "none", "a", "a"));
    assert_reply(client, "{\"deleted\":2,\"missing\":2}");
    assert_int_equal(do_list(client, NOTHING, 0), XKV_OK);
    assert_reply(client, "[{\"key\":\"b\",\"value\":2}]");
    run(client, XKV_OP_DELETE_MANY, NO_ITEMS);
    assert_reply(client, "{\"deleted\":0,\"missing\":0}");
    assert_int_equal(do_list_of(client, XKV_OP_DELETE_MANY, KEYS("b", "")), XKV_E_INVALID_OPTIONS);
    assert_true(answer_says(client, "deleteMany: keys[1]"));
    assert_value(client, LIT("b"), LIT("2"));
}

static void case_delete_by_prefix(struct client *client) {
    enum { DELETE = XKV_OP_DELETE_BY_PREFIX };

    run(client, XKV_OP_SET_MANY,
        ENTRIES("a", "0", "p:1", "1", "p:2", "2", "p:3", "3", "p:4", "4", "q", "5"));
    assert_int_equal(do_limit(client, DELETE, LIT("p:"), 2), XKV_OK);
    assert_reply(client, "{\"deleted\":2,\"done\":false}");
    assert_missing(client, LIT("p:2"));
    assert_value(client, LIT("p:3"), LIT("3"));
    assert_int_equal(do_limit(client, DELETE, LIT("p:"), 2), XKV_OK);
    assert_reply(client, "{\"deleted\":2,\"done\":true}");
    assert_int_equal(do_limit(client, DELETE, LIT("p:"), 2), XKV_OK);
    assert_reply(client, "{\"deleted\":0,\"done\":true}");
    assert_size(client, 2);
    assert_int_equal(do_limit(client, DELETE, NOTHING, XKV_PAGE_MAX), XKV_E_INVALID_OPTIONS);
    assert_true(answer_says(client, "deleteByPrefix: prefix must not be empty"));
    assert_size(client, 2);
}

/* Items that are no list of entries: the library must not trust its callers. */
static void case_lists_that_are_none(struct client *client) {
    static const unsigned char bytes[] = {XKV_ITEM_ENTRY, 0, 1, 0, 0, 0, 1, 0, 0, 0, 'a', '1'};
    static const unsigned char other[] = {XKV_ITEM_NULL, 0};
    const xkv_arguments lists = XKV_ARG_KEYS | XKV_ARG_ENTRIES | XKV_ARG_CLAIM | XKV_ARG_CLAIMS;
    int ops[XKV_OP_END];

    for (size_t count = ops_taking(lists, ops); count-- > 0;) {
        int op = ops[count];
        xkv_command command = {.op = op, .items = bytes_of(other, sizeof other), .ttl_ms = 1};
        assert_int_equal(client_run(client, &command), XKV_E_INVALID_OPTIONS);
        for (size_t len = 1; len < sizeof bytes; len++) {
            command.items = bytes_of(bytes, len);
            assert_int_equal(client_run(client, &command), XKV_E_INVALID_OPTIONS);
            assert_true(answer_says(client, xkv_op_describe(op)->name));
        }
    }
    assert_size(client, 0);
}

/* -- Pages ------------------------------------------------------------------- */

static void fill(struct client *client, size_t count) {
    xkv_items entries = {NULL, 0, 0};
    char key[32];

    for (size_t i = 0; i < count; i++) {
        snprintf(key, sizeof key, "k:%03zu", i);
        items_add(&entries, xkv_text(key), xkv_text(key + 2));
    }
    items_add(&entries, LIT("a"), LIT("before"));
    items_add(&entries, LIT("z"), LIT("behind"));
    run(client, XKV_OP_SET_MANY, entries);
}

static void case_list_keys(struct client *client) {
    fill(client, 3);
    assert_int_equal(do_limit(client, XKV_OP_LIST_KEYS, NOTHING, 0), XKV_OK);
    assert_reply(client, "[\"a\",\"k:000\",\"k:001\",\"k:002\",\"z\"]");
    assert_int_equal(client->reply.number, 5);
    assert_int_equal(do_limit(client, XKV_OP_LIST_KEYS, LIT("k:"), 2), XKV_OK);
    assert_reply(client, "[\"k:000\",\"k:001\"]");
    assert_int_equal(do_limit(client, XKV_OP_LIST_KEYS, LIT("x"), -1), XKV_OK);
    assert_reply(client, "[]");
    assert_int_equal(do_limit(client, XKV_OP_LIST_KEYS, NOTHING, INT64_MAX), XKV_OK);
    assert_int_equal(client->reply.number, 5);
}

struct page {
    char cursor[XKV_CURSOR_MAX + 1];
    size_t cursor_len;
    bool done;
    int64_t count; /* of entries */
    char first[64];
};

/* Scans a page after page->cursor, and reads the reply into it. */
static int turn_page(struct client *client, int op, xkv_bytes prefix, int64_t limit,
                     struct page *page) {
    int status = RUN(client, .op = op, .prefix = prefix, .limit = limit,
                     .cursor = bytes_of(page->cursor, page->cursor_len));
    xkv_item item;
    size_t at = 0;

    if (status != XKV_OK)
        return status;
    assert_true(xkv_item_next(answer(client), &at, &item) && item.integer == 3);
    assert_true(xkv_item_next(answer(client), &at, &item) && item.kind == XKV_ITEM_ARRAY);
    assert_true(same_bytes(item.name, op == XKV_OP_SCAN ? LIT("entries") : LIT("keys")));
    page->count = item.integer;
    assert_int_equal(client->reply.number, page->count);
    for (int64_t i = 0; i < page->count; i++) {
        assert_true(xkv_item_next(answer(client), &at, &item));
        assert_int_equal(item.kind, op == XKV_OP_SCAN ? XKV_ITEM_ENTRY : XKV_ITEM_TEXT);
        if (i == 0)
            snprintf(page->first, sizeof page->first, "%.*s", (int)item.text.len,
                     (const char *)item.text.data);
    }
    assert_true(xkv_item_next(answer(client), &at, &item));
    assert_true(same_bytes(item.name, LIT("cursor")) && item.text.len <= XKV_CURSOR_MAX);
    page->cursor_len = item.text.len;
    memcpy(page->cursor, item.text.data, item.text.len);
    assert_true(xkv_item_next(answer(client), &at, &item));
    assert_true(same_bytes(item.name, LIT("done")));
    page->done = item.kind == XKV_ITEM_TRUE;
    assert_int_equal(at, client->reply.len);
    assert_true(page->done == (page->cursor_len == 0));
    return XKV_OK;
}

/* The pages of a limit: all full but the last, which is never empty unless it
 * is the only one. */
static void assert_pages(struct client *client, int op, xkv_bytes prefix, int64_t limit,
                         int64_t all) {
    static struct page page;
    int64_t seen = 0;

    page = (struct page){.done = false};
    while (!page.done) {
        assert_int_equal(turn_page(client, op, prefix, limit, &page), XKV_OK);
        seen += page.count;
        if (limit > 0 && !page.done)
            assert_int_equal(page.count, limit);
        assert_true(page.count > 0 || all == 0);
    }
    assert_int_equal(seen, all);
}

static void case_scan(struct client *client) {
    static const int64_t limits[] = {-1, 0, 1, 2, 3, 6, 11, 12, 13, 14, XKV_PAGE_MAX};

    assert_pages(client, XKV_OP_SCAN, NOTHING, 1, 0);
    fill(client, 12);
    for (size_t i = 0; i < COUNT(limits); i++) {
        for (int op = XKV_OP_SCAN; op <= XKV_OP_SCAN_KEYS; op++) {
            assert_pages(client, op, LIT("k:"), limits[i], 12);
            assert_pages(client, op, NOTHING, limits[i], 14);
            assert_pages(client, op, LIT("x"), limits[i], 0);
        }
    }
    assert_int_equal(do_limit(client, XKV_OP_SCAN, LIT("k:00"), 1), XKV_OK);
    assert_reply(client, "{\"entries\":[{\"key\":\"k:000\",\"value\":000}],"
                         "\"cursor\":\"AWs6MDAw\",\"done\":false}");
    assert_int_equal(do_limit(client, XKV_OP_SCAN_KEYS, LIT("k:011"), 1), XKV_OK);
    assert_reply(client, "{\"keys\":[\"k:011\"],\"cursor\":\"\",\"done\":true}");
}

/* The longest key's cursor is the longest. */
static void case_scan_long_keys(struct client *client) {
    static char keys[3][XKV_KEY_MAX];
    static struct page page;

    for (size_t i = 0; i < 3; i++) {
        memset(keys[i], 'k', XKV_KEY_MAX);
        keys[i][XKV_KEY_MAX - 1] = (char)('a' + i);
        put(client, bytes_of(keys[i], XKV_KEY_MAX), LIT("1"));
    }
    page = (struct page){.done = false};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(turn_page(client, XKV_OP_SCAN_KEYS, LIT("kk"), 1, &page), XKV_OK);
        assert_int_equal(page.count, 1);
        assert_int_equal(page.cursor_len, i < 2 ? XKV_CURSOR_MAX : 0);
        assert_int_equal(page.done, i == 2);
    }
}

/* Keys that are there throughout are seen once each, whatever comes and goes;
 * the key of the cursor, too, may go. */
static void case_scan_while_changing(struct client *client) {
    static struct page page;
    bool seen[100] = {false};
    char key[32];
    unsigned round = 0;

    fill(client, 100);
    page = (struct page){.done = false};
    while (!page.done) {
        assert_int_equal(turn_page(client, XKV_OP_SCAN, LIT("k:"), 1, &page), XKV_OK);
        assert_int_equal(page.count, 1);
        if (strlen(page.first) > 5) /* one of those that come and go */
            continue;
        size_t n = strtoul(page.first + 2, NULL, 10);
        assert_true(n < 100 && !seen[n]);
        seen[n] = true;
        if (n % 3 == 0) /* what was seen goes: the next page starts behind it all the same */
            assert_int_equal(do_delete(client, xkv_text(page.first)), XKV_OK);
        snprintf(key, sizeof key, "k:%03zu.new", n > 5 ? n - 5 : 0);
        put(client, xkv_text(key), LIT("1"));
        snprintf(key, sizeof key, "k:%03zu.new", n + 2 + round++ % 2);
        put(client, xkv_text(key), LIT("1"));
    }
    for (size_t i = 0; i < 100; i++)
        assert_true(seen[i]);
}

/* Every way to be no cursor. */
static void case_bad_cursors(struct client *client) {
    static const char *const bad[] = {
        "AWs6MDA",   /* cut: not a multiple of four */
        "AWs6M",     /* */
        "AWs6MDA!",  /* not of the alphabet */
        "AWs6MDA-",  /* of another alphabet */
        "AWs6MDA ",  /* */
        "AWs6MD A=", /* */
        "AWs6MA===", /* wrong padding */
        "AWs6=AAA",  /* in the middle */
        "AWs=MDAw",  /* at the end of a group that is not the last */
        "AWs6====",  /* nothing but padding */
        "AWs6M===",  /* one character says less than a byte */
        "AWs6MB==",  /* bits left over that are not zero */
        "AWs6MDB=",  /* */
        "AGs6MDAw",  /* version 0 */
        "Ams6MDAw",  /* version 2 */
        "AQ==",      /* no key */
        "AWs6/w==",  /* not UTF-8 */
        "AWo6MDAw",  /* j:000 has another prefix */
        "AWs=",      /* k has not the whole prefix */
        "\xFF\xFF\xFF\xFF",
        "====",
        "\"AWs6MDAw\"",
    };
    static const char good[] = "AWs6MDAw";
    static char long_one[XKV_CURSOR_MAX + 4];

    fill(client, 2);
    memset(long_one, 'A', sizeof long_one);
    memcpy(long_one, good, strlen(good));
    for (size_t i = 0; i < COUNT(bad) + 2; i++) {
        for (int op = XKV_OP_SCAN; op <= XKV_OP_SCAN_KEYS; op++) {
            xkv_command command = {.op = op, .prefix = LIT("k:"), .limit = 1};
            command.cursor = i < COUNT(bad)    ? xkv_text(bad[i])
                             : i == COUNT(bad) ? LIT("AWs6\0AAA")
                                               : bytes_of(long_one, sizeof long_one);
            if (client_run(client, &command) != XKV_E_INVALID_CURSOR)
                fail_msg("cursor %s: %s", bad[i < COUNT(bad) ? i : 0], reply_text(&client->reply));
            assert_true(answer_says(client, xkv_op_describe(op)->name));
            assert_true(answer_says(client, "cursor"));
        }
    }
    assert_int_equal(RUN(client, .op = XKV_OP_SCAN_KEYS, .prefix = LIT("k:"), .cursor = LIT(good)),
                     XKV_OK);
    assert_reply(client, "{\"keys\":[\"k:001\"],\"cursor\":\"\",\"done\":true}");
}

/* -- Random keys ------------------------------------------------------------- */

static void random_keys(struct client *client, xkv_bytes prefix, int64_t count, bool repeats) {
    RUN(client, .op = XKV_OP_RANDOM_KEYS, .prefix = prefix, .count = count, .repeats = repeats);
    assert_int_equal(told(client), XKV_OK);
}

/* Reads n from each key "k:n" of the reply into how often it came. */
static void count_keys(struct client *client, int64_t expected, unsigned *times, size_t most) {
    xkv_bytes key, value;
    size_t at = 0;
    int64_t n = 0;

    memset(times, 0, most * sizeof *times);
    for (; xkv_reply_next(&client->reply, &at, &key, &value); n++) {
        assert_true(starts_with(key, LIT("k:")) && key.len == 5);
        char digits[4] = {0};
        memcpy(digits, (const char *)key.data + 2, 3);
        size_t number = strtoul(digits, NULL, 10);
        assert_true(number < most);
        times[number]++;
    }
    assert_int_equal(n, expected);
    assert_int_equal(client->reply.number, expected);
}

static void case_random_keys(struct client *client) {
    enum { MANY = 40 };
    unsigned times[MANY], sum = 0;

    random_keys(client, NOTHING, 5, false);
    assert_reply(client, "[]");
    random_keys(client, NOTHING, 5, true);
    assert_reply(client, "[]");
    fill(client, MANY);
    static const int64_t counts[] = {1, 2, 7, MANY - 1, MANY, MANY + 1, 1000, XKV_COUNT_MAX};
    for (size_t i = 0; i < COUNT(counts); i++) {
        random_keys(client, LIT("k:"), counts[i], false);
        count_keys(client, counts[i] < MANY ? counts[i] : MANY, times, MANY);
        for (size_t j = 0; j < MANY; j++)
            assert_true(times[j] <= 1);
    }
    random_keys(client, LIT("k:"), 2000, true); /* one is missed: once in 10^21 */
    count_keys(client, 2000, times, MANY);
    for (size_t j = 0; j < MANY; j++) {
        assert_true(times[j] >= 1);
        sum += times[j];
    }
    assert_int_equal(sum, 2000);
    random_keys(client, LIT("k:00"), 1000, false);
    assert_int_equal(client->reply.number, 10);
    random_keys(client, LIT("nobody"), 1000, true);
    assert_reply(client, "[]");
}

/* Each key comes, with its value, and stays. */
static void case_random_entry(struct client *client) {
    enum { MANY = 12 };
    unsigned times[MANY], all[MANY] = {0};
    xkv_bytes key, value;

    assert_int_equal(do_prefix(client, XKV_OP_RANDOM_ENTRY, NOTHING), XKV_OK);
    assert_reply(client, "null");
    assert_int_equal(client->reply.number, 0);
    fill(client, MANY);
    for (int i = 0; i < 1000; i++) { /* a miss: less than once in 10^36 */
        size_t at = 0;
        assert_int_equal(do_prefix(client, XKV_OP_RANDOM_ENTRY, LIT("k:")), XKV_OK);
        count_keys(client, 1, times, MANY);
        assert_true(xkv_reply_next(&client->reply, &at, &key, &value));
        assert_int_equal(at, client->reply.len);
        assert_true(same_bytes(value, bytes_of((const char *)key.data + 2, 3)));
        for (size_t j = 0; j < MANY; j++)
            all[j] += times[j];
    }
    for (size_t i = 0; i < MANY; i++)
        assert_true(all[i] > 0);
    assert_int_equal(do_prefix(client, XKV_OP_RANDOM_ENTRY, LIT("z")), XKV_OK);
    assert_reply(client, "{\"key\":\"z\",\"value\":behind}");
    assert_int_equal(do_prefix(client, XKV_OP_RANDOM_ENTRY, LIT("nobody")), XKV_OK);
    assert_reply(client, "null");
    assert_size(client, MANY + 2);
}

/* All of them, but in another order each time. */
static void case_random_keys_order(struct client *client) {
    static char first[4000];
    bool differs = false;

    fill(client, 50);
    random_keys(client, NOTHING, 52, false);
    snprintf(first, sizeof first, "%s", reply_text(&client->reply));
    for (int i = 0; i < 3; i++) {
        random_keys(client, NOTHING, 52, false);
        differs |= strcmp(first, reply_text(&client->reply)) != 0;
    }
    assert_true(differs);
    assert_int_equal(do_limit(client, XKV_OP_LIST_KEYS, NOTHING, 0), XKV_OK);
    assert_string_not_equal(first, reply_text(&client->reply));
}

static void case_pop_random_many(struct client *client) {
    enum { MANY = 30 };
    unsigned times[MANY], all[MANY] = {0};

    assert_int_equal(do_count(client, XKV_OP_POP_RANDOM_MANY, NOTHING, 3), XKV_OK);
    assert_reply(client, "[]");
    fill(client, MANY);
    for (int left = MANY; left > 0; left -= 7) {
        assert_int_equal(do_count(client, XKV_OP_POP_RANDOM_MANY, LIT("k:"), 7), XKV_OK);
        count_keys(client, left < 7 ? left : 7, times, MANY);
        for (size_t i = 0; i < MANY; i++)
            all[i] += times[i];
    }
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(all[i], 1);
    assert_int_equal(do_count(client, XKV_OP_POP_RANDOM_MANY, LIT("k:"), 7), XKV_OK);
    assert_reply(client, "[]");
    assert_size(client, 2);
    assert_int_equal(do_count(client, XKV_OP_POP_RANDOM_MANY, LIT("z"), 7), XKV_OK);
    assert_reply(client, "[{\"key\":\"z\",\"value\":behind}]");
}

static const struct named_case cases[] = {
    CASE(get_many),        CASE(get_very_many), CASE(set_many),         CASE(set_many_bad),
    CASE(set_very_many),   CASE(delete_many),   CASE(delete_by_prefix), CASE(lists_that_are_none),
    CASE(list_keys),       CASE(scan),          CASE(scan_long_keys),   CASE(scan_while_changing),
    CASE(bad_cursors),     CASE(random_entry),  CASE(random_keys),      CASE(random_keys_order),
    CASE(pop_random_many),
};

int main(int argc, char *argv[]) {
    (void)argc;
    return run_cases(argv, cases, COUNT(cases), NULL, 0);
}
