/*
 * conformance.c - the rules of commands on single keys and on whole stores, and
 * of commands and replies in general, on every kind of store
 */
#include "conformance.h"

/* -- Single keys ------------------------------------------------------------- */

static void case_missing_key(struct client *client) {
    assert_missing(client, LIT("nobody"));
    assert_int_equal(do_get(client, LIT("nobody")), XKV_E_KEY_NOT_FOUND);
    assert_true(answer_says(client, "nobody"));
    assert_int_equal(do_delete(client, LIT("nobody")), XKV_OK);
    assert_int_equal(client->reply.number, 0);
    assert_size(client, 0);
}

static void case_set_get_delete(struct client *client) {
    put(client, LIT("user:1"), LIT("{\"id\":1}"));
    assert_value(client, LIT("user:1"), LIT("{\"id\":1}"));
    assert_missing(client, LIT("user:"));
    assert_missing(client, LIT("user:10"));
    assert_size(client, 1);
    assert_int_equal(do_delete(client, LIT("user:1")), XKV_OK);
    assert_int_equal(client->reply.number, 1);
    assert_int_equal(do_delete(client, LIT("user:1")), XKV_OK);
    assert_int_equal(client->reply.number, 0);
    assert_missing(client, LIT("user:1"));
    assert_size(client, 0);
}

static void case_replace(struct client *client) {
    static char large[20000];
    const xkv_bytes values[] = {
        LIT("first"),          LIT(""), bytes_of(large, sizeof large), LIT("x"),
        bytes_of(large, 3000), NOTHING};

    memset(large, 'v', sizeof large);
    for (size_t i = 0; i < COUNT(values); i++) {
        put(client, LIT("key"), values[i]);
        assert_value(client, LIT("key"), values[i]);
        assert_size(client, 1);
    }
}

static void case_empty_value(struct client *client) {
    put(client, LIT("empty"), NOTHING);
    assert_value(client, LIT("empty"), NOTHING);
    assert_int_equal(do_list(client, NOTHING, 0), XKV_OK);
    assert_only_entry(client, LIT("empty"), NOTHING);
}

static void case_large_value(struct client *client) {
    size_t size = 1u << 20;
    char *value = malloc(size);

    assert_non_null(value);
    for (size_t i = 0; i < size; i++)
        value[i] = (char)('a' + i % 23);
    put(client, LIT("large"), bytes_of(value, size));
    put(client, LIT("larger"), LIT("small"));
    assert_value(client, LIT("large"), bytes_of(value, size));
    assert_int_equal(do_list(client, LIT("large"), 1), XKV_OK);
    assert_only_entry(client, LIT("large"), bytes_of(value, size));
    free(value);
}

/* -- What keys may be -------------------------------------------------------- */

static void case_key_lengths(struct client *client) {
    static const size_t lengths[] = {1, 2, 495, 496, 497, 510, 511, 512, 992, 993, 4000, 32768};
    static unsigned char key[XKV_KEY_MAX];
    struct model model = {NULL, 0, 0};

    memset(key, 'k', sizeof key);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        xkv_bytes value = bytes_of("0123456789ab", i);
        put(client, bytes_of(key, lengths[i]), value);
        model_put(&model, bytes_of(key, lengths[i]), value);
    }
    for (size_t i = 0; i < COUNT(lengths); i++)
        assert_value(client, bytes_of(key, lengths[i]), bytes_of("0123456789ab", i));
    assert_missing(client, bytes_of(key, 3));
    assert_missing(client, bytes_of(key, 513));
    assert_missing(client, bytes_of(key, 32767));
    for (size_t i = 0; i < COUNT(lengths); i++)
        assert_prefix(client, &model, bytes_of(key, lengths[i]));
    assert_model(client, &model);
    while (model.count > 0) {
        struct pair *middle = &model.pairs[model.count / 2];
        assert_int_equal(do_delete(client, pair_key(middle)), XKV_OK);
        assert_int_equal(client->reply.number, 1);
        model_delete(&model, pair_key(middle));
        assert_model(client, &model);
    }
    model_free(&model);
}

static const int key_ops[] = {XKV_OP_GET,    XKV_OP_SET,           XKV_OP_DELETE,
                              XKV_OP_EXISTS, XKV_OP_SET_IF_ABSENT, XKV_OP_DELETE_IF_EXISTS};

static void assert_key_refused(struct client *client, xkv_bytes key, const char *says) {
    for (size_t i = 0; i < COUNT(key_ops); i++) {
        assert_int_equal(RUN(client, .op = key_ops[i], .key = key, .value = LIT("1")),
                         XKV_E_INVALID_OPTIONS);
        assert_true(answer_says(client, xkv_op_describe(key_ops[i])->name));
        assert_true(answer_says(client, says));
    }
}

static void case_bad_keys(struct client *client) {
    static unsigned char long_key[XKV_KEY_MAX + 1];
    static const char *const invalid[] = {"\xFF",         "a\xC3",  "\xC0\xAF",
                                          "\xED\xA0\x80", "\x80zz", "\xF4\x90\x80\x80"};

    put(client, LIT("before"), LIT("1"));
    assert_key_refused(client, NOTHING, "key");
    memset(long_key, 'k', sizeof long_key);
    assert_key_refused(client, bytes_of(long_key, sizeof long_key), "32768");
    for (size_t i = 0; i < COUNT(invalid); i++)
        assert_key_refused(client, xkv_text(invalid[i]), "UTF-8");
    memset(long_key, 'k', 600); /* invalid only at its end */
    long_key[600] = 0xC3;
    assert_key_refused(client, bytes_of(long_key, 601), "UTF-8");
    assert_size(client, 1);
}

static void case_unusual_keys(struct client *client) {
    const xkv_bytes keys[] = {
        LIT("\0"),
        LIT("\0\0"),
        LIT("a"),
        LIT("a\0"),
        LIT("a\0b"),
        LIT("a\1"),
        LIT("\xC3\xA9"),
        LIT("e\xCC\x81"),
        LIT("\xE2\x82\xAC"),
        LIT("\xF0\x9F\x98\x80"),
        LIT("\xF4\x8F\xBF\xBF"),
        LIT(" "),
        LIT("\n"),
        LIT("\x7F"),
        LIT("__proto__"),
        LIT("links"),
        LIT("meta"),
    };
    struct model model = {NULL, 0, 0};

    for (size_t i = 0; i < COUNT(keys); i++) {
        put(client, keys[i], keys[i]);
        model_put(&model, keys[i], keys[i]);
    }
    assert_int_equal(model.count, COUNT(keys));
    for (size_t i = 0; i < COUNT(keys); i++)
        assert_value(client, keys[i], keys[i]);
    assert_model(client, &model);
    for (size_t i = 0; i < COUNT(keys); i++)
        assert_prefix(client, &model, keys[i]);
    model_free(&model);
}

/* -- What values may be ------------------------------------------------------ */

static void case_value_text(struct client *client) {
    const xkv_bytes bad[] = {LIT("\xFF"), LIT("ok\xC3"), LIT("\xED\xB0\x80"), LIT("\xC0\x80")};
    int expected = setting.serialization == XKV_BINARY ? XKV_OK : XKV_E_SERIALIZER;

    put(client, LIT("key"), LIT("caf\xC3\xA9\0tail"));
    assert_value(client, LIT("key"), LIT("caf\xC3\xA9\0tail"));
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(do_set(client, LIT("raw"), bad[i]), expected);
        if (expected == XKV_OK)
            assert_value(client, LIT("raw"), bad[i]);
        else
            assert_missing(client, LIT("raw"));
    }
    assert_int_equal(do_set(client, LIT("key"), bad[0]), expected);
    if (expected != XKV_OK) { /* a failed command has changed nothing */
        assert_true(answer_says(client, "key"));
        assert_value(client, LIT("key"), LIT("caf\xC3\xA9\0tail"));
    }
}

/* -- Order, prefixes, limits ------------------------------------------------- */

static void fill_users(struct client *client, struct model *model, size_t count) {
    char key[32], value[32];

    for (size_t i = 0; i < count; i++) {
        size_t n = i * 7919 % count; /* not in order */
        snprintf(key, sizeof key, "user:%zu", n);
        snprintf(value, sizeof value, "{\"n\":%zu}", n);
        put(client, xkv_text(key), xkv_text(value));
        model_put(model, xkv_text(key), xkv_text(value));
    }
}

static void case_order(struct client *client) {
    struct model model = {NULL, 0, 0};

    fill_users(client, &model, 300);
    assert_model(client, &model);
    for (size_t i = 0; i < 300; i += 2) {
        struct pair *pair = &model.pairs[i / 2 + i % 3 % 2];
        assert_int_equal(do_delete(client, pair_key(pair)), XKV_OK);
        model_delete(&model, pair_key(pair));
    }
    assert_model(client, &model);
    model_free(&model);
}

static void case_prefixes(struct client *client) {
    const xkv_bytes keys[] = {
        LIT("a"),
        LIT("ab"),
        LIT("ab\0"),
        LIT("abc"),
        LIT("ab\x7F"),
        LIT("ab\x7F\x7F"),
        LIT("ac"),
        LIT("b"),
        LIT("ab\xC2\x80"),
        LIT("ab\xF4\x8F\xBF\xBF"),
        LIT("ab\xF4\x8F\xBF\xBFz"),
        LIT("\xF4\x8F\xBF\xBF"),
        LIT("\xF4\x8F\xBF\xBF\xF4\x8F\xBF\xBF"),
        LIT("\x7F"),
        LIT("user:1"),
        LIT("user:10"),
        LIT("user:2"),
    };
    const xkv_bytes others[] = {LIT("user:"), LIT("user:100"),           LIT("zz"),
                                LIT("\1"),    LIT("ab\xF4\x8F\xBF\xBE"), LIT("abcabcabcabcabcabc")};
    static unsigned char long_prefix[XKV_KEY_MAX];
    struct model model = {NULL, 0, 0};

    for (size_t i = 0; i < COUNT(keys); i++) {
        put(client, keys[i], LIT("0"));
        model_put(&model, keys[i], LIT("0"));
    }
    for (size_t i = 0; i < COUNT(keys); i++)
        assert_prefix(client, &model, keys[i]);
    for (size_t i = 0; i < COUNT(others); i++)
        assert_prefix(client, &model, others[i]);
    memset(long_prefix, 'a', sizeof long_prefix);
    assert_prefix(client, &model, bytes_of(long_prefix, 512));
    assert_prefix(client, &model, bytes_of(long_prefix, sizeof long_prefix));
    model_free(&model);
}

static void case_limits(struct client *client) {
    static const int64_t limits[] = {INT64_MIN, -1, 0, 1, 2, 39, 40, 41, 256, 257, XKV_LIST_MAX};
    static const int64_t too_large[] = {XKV_LIST_MAX + 1, INT64_MAX};
    struct model model = {NULL, 0, 0};

    fill_users(client, &model, 40);
    for (size_t i = 0; i < COUNT(limits); i++) {
        assert_int_equal(do_list(client, NOTHING, limits[i]), XKV_OK);
        assert_true(model_matches(&model, NOTHING, limits[i], &client->reply));
        assert_int_equal(do_list(client, LIT("user:1"), limits[i]), XKV_OK);
        assert_true(model_matches(&model, LIT("user:1"), limits[i], &client->reply));
    }
    for (size_t i = 0; i < COUNT(too_large); i++) {
        assert_int_equal(do_list(client, NOTHING, too_large[i]), XKV_E_INVALID_OPTIONS);
        assert_true(answer_says(client, "limit"));
        assert_true(answer_says(client, "250000"));
    }
    model_free(&model);
}

/* -- Whole stores ------------------------------------------------------------ */

static void case_clear(struct client *client) {
    struct model model = {NULL, 0, 0};
    static unsigned char long_key[2000];

    assert_int_equal(do_plain(client, XKV_OP_CLEAR), XKV_OK);
    memset(long_key, 'k', sizeof long_key);
    for (int round = 0; round < 2; round++) {
        fill_users(client, &model, 50);
        put(client, bytes_of(long_key, sizeof long_key), LIT("7"));
        assert_size(client, 51);
        assert_int_equal(do_plain(client, XKV_OP_CLEAR), XKV_OK);
        model_clear(&model);
        assert_model(client, &model);
        assert_missing(client, LIT("user:1"));
        assert_missing(client, bytes_of(long_key, sizeof long_key));
    }
    model_free(&model);
}

static void assert_count(struct client *client, xkv_bytes prefix, int64_t count) {
    assert_int_equal(do_prefix(client, XKV_OP_COUNT, prefix), XKV_OK);
    assert_int_equal(client->reply.number, count);
    assert_int_equal(client->reply.len, 0);
}

static void case_count(struct client *client) {
    struct model model = {NULL, 0, 0};
    char long_key[1200];

    assert_count(client, NOTHING, 0);
    assert_count(client, LIT("user:"), 0);
    fill_users(client, &model, 150);
    memset(long_key, 'x', sizeof long_key);
    put(client, bytes_of(long_key, sizeof long_key), LIT("1"));
    put(client, LIT("xx"), LIT("1"));
    assert_count(client, NOTHING, 152);
    assert_count(client, LIT("user:"), 150);
    assert_count(client, LIT("user:1"), 61); /* itself, 10 to 19, 100 to 149 */
    assert_count(client, LIT("users"), 0);
    assert_count(client, LIT("x"), 2);
    assert_count(client, bytes_of(long_key, 900), 1);
    model_free(&model);
}

static void case_set_if_absent(struct client *client) {
    static char long_key[3000];

    memset(long_key, 'k', sizeof long_key);
    const xkv_bytes keys[] = {LIT("one"), bytes_of(long_key, sizeof long_key)};
    for (size_t i = 0; i < COUNT(keys); i++) {
        assert_int_equal(do_value(client, XKV_OP_SET_IF_ABSENT, keys[i], LIT("1")), XKV_OK);
        assert_int_equal(client->reply.number, 1);
        assert_int_equal(do_value(client, XKV_OP_SET_IF_ABSENT, keys[i], LIT("2")), XKV_OK);
        assert_int_equal(client->reply.number, 0);
        assert_value(client, keys[i], LIT("1"));
        assert_size(client, (int64_t)i + 1);
    }
    assert_int_equal(do_delete(client, keys[0]), XKV_OK);
    assert_int_equal(do_value(client, XKV_OP_SET_IF_ABSENT, keys[0], LIT("3")), XKV_OK);
    assert_int_equal(client->reply.number, 1);
    assert_value(client, keys[0], LIT("3"));
}

static void case_delete_if_exists(struct client *client) {
    put(client, LIT("one"), LIT("1"));
    assert_int_equal(do_key(client, XKV_OP_DELETE_IF_EXISTS, LIT("two")), XKV_OK);
    assert_int_equal(client->reply.number, 0);
    assert_int_equal(do_key(client, XKV_OP_DELETE_IF_EXISTS, LIT("one")), XKV_OK);
    assert_int_equal(client->reply.number, 1);
    assert_int_equal(do_key(client, XKV_OP_DELETE_IF_EXISTS, LIT("one")), XKV_OK);
    assert_int_equal(client->reply.number, 0);
    assert_size(client, 0);
}

static int increment(struct client *client, int64_t delta) {
    return RUN(client, .op = XKV_OP_INCREMENT_BY, .key = LIT("n"), .delta = delta);
}

static void assert_sum(struct client *client, int64_t delta, int64_t sum) {
    assert_int_equal(increment(client, delta), XKV_OK);
    assert_true(client->reply.number == sum);
}

/* Refused, and the value is as it was. */
static void assert_no_sum(struct client *client, xkv_bytes value, int64_t delta) {
    put(client, LIT("n"), value);
    assert_int_equal(increment(client, delta), XKV_E_VALUE_PARSE);
    assert_value(client, LIT("n"), value);
}

static void case_increment_by(struct client *client) {
    assert_sum(client, 0, 0);
    assert_sum(client, 5, 5);
    assert_sum(client, -7, -2);
    assert_value(client, LIT("n"), LIT("-2"));
    assert_sum(client, INT64_MAX, INT64_MAX - 2);
    assert_sum(client, 2, INT64_MAX);
    put(client, LIT("n"), LIT("-9223372036854775808"));
    assert_sum(client, 0, INT64_MIN);
    assert_no_sum(client, LIT("9223372036854775807"), 1);
    assert_no_sum(client, LIT("-9223372036854775808"), -1);
    assert_no_sum(client, LIT("9223372036854775808"), 0);
    assert_no_sum(client, LIT("18446744073709551617"), 0);
    assert_no_sum(client, LIT("1.5"), 1);
    assert_no_sum(client, LIT("null"), 1);
    assert_no_sum(client, LIT("-"), 1);
    assert_no_sum(client, LIT(""), 1);
    assert_no_sum(client, LIT("\""), 1);
    put(client, LIT("n"), LIT("\"41\""));
    if (setting.serialization == XKV_JSON)
        assert_sum(client, 1, 42);
    else
        assert_int_equal(increment(client, 1), XKV_E_VALUE_PARSE);
}

/* Each key comes out once, with its value; others stay. */
static void case_pop_random(struct client *client) {
    enum { MANY = 40 };
    bool seen[MANY] = {false};
    char text[8];

    assert_int_equal(do_prefix(client, XKV_OP_POP_RANDOM, NOTHING), XKV_OK);
    assert_int_equal(client->reply.number, 0);
    put(client, LIT("other"), LIT("1"));
    for (size_t i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "p:%02zu", i);
        put(client, bytes_of(text, 4), bytes_of(text + 2, 2));
    }
    for (size_t i = 0; i < MANY; i++) {
        size_t at = 0;
        xkv_bytes key, value;
        assert_int_equal(do_prefix(client, XKV_OP_POP_RANDOM, LIT("p:")), XKV_OK);
        assert_int_equal(client->reply.number, 1);
        assert_true(xkv_reply_next(&client->reply, &at, &key, &value));
        assert_int_equal(at, client->reply.len);
        assert_int_equal(key.len, 4);
        assert_true(same_bytes(value, bytes_of((const char *)key.data + 2, 2)));
        const char *digits = value.data;
        size_t n = (size_t)(digits[0] - '0') * 10 + (size_t)(digits[1] - '0');
        assert_true(n < MANY && !seen[n]);
        seen[n] = true;
    }
    assert_int_equal(do_prefix(client, XKV_OP_POP_RANDOM, LIT("p:")), XKV_OK);
    assert_int_equal(client->reply.number, 0);
    assert_size(client, 1);
}

static void case_random_key(struct client *client) {
    bool seen[8] = {false};

    assert_int_equal(do_random(client, NOTHING), XKV_OK);
    assert_int_equal(client->reply.number, 0);
    assert_int_equal(client->reply.number, 0);
    for (char digit = '0'; digit < '8'; digit++) {
        const char key[2] = {'k', digit};
        put(client, bytes_of(key, 2), LIT("1"));
    }
    put(client, LIT("other"), LIT("1"));
    for (int i = 0; i < 1000; i++) { /* a miss: less than once in 10^56 */
        assert_int_equal(do_random(client, LIT("k")), XKV_OK);
        assert_int_equal(client->reply.len, 2);
        assert_int_equal(client->reply.number, 8);
        seen[((const char *)client->reply.data)[1] - '0'] = true;
    }
    for (size_t i = 0; i < COUNT(seen); i++)
        assert_true(seen[i]);
}

/* Each of many is found, also if every n-th is too long to lie in one piece. */
static void case_random_key_of_many(struct client *client) {
    enum { MANY = 200 };
    static const size_t long_ones[] = {MANY, 70};
    char text[700], digits[4] = "";
    bool seen[MANY];

    for (size_t round = 0; round < COUNT(long_ones); round++) {
        assert_int_equal(do_plain(client, XKV_OP_CLEAR), XKV_OK);
        memset(seen, 0, sizeof seen);
        for (size_t i = 0; i < MANY; i++) {
            memset(text, 'x', sizeof text);
            snprintf(text, sizeof text, "m:%03zu", i);
            put(client, bytes_of(text, (i + 1) % long_ones[round] == 0 ? sizeof text : 5),
                LIT("1"));
        }
        for (int i = 0; i < 20 * MANY; i++) { /* a miss: less than once in a million */
            assert_int_equal(do_random(client, LIT("m:")), XKV_OK);
            assert_true(client->reply.number == MANY || traits()->in_parts);
            memcpy(digits, (const char *)client->reply.data + 2, 3); /* nothing ends them there */
            seen[strtoul(digits, NULL, 10)] = true;
        }
        for (size_t i = 0; i < MANY; i++)
            assert_true(seen[i]);
    }
}

static void case_rebuild(struct client *client) {
    struct model model = {NULL, 0, 0};

    assert_int_equal(do_plain(client, XKV_OP_REBUILD_KEY_LIST), XKV_OK);
    fill_users(client, &model, 120);
    assert_int_equal(do_plain(client, XKV_OP_REBUILD_KEY_LIST), XKV_OK);
    assert_model(client, &model);
    assert_prefix(client, &model, LIT("user:1"));
    put(client, LIT("later"), LIT("1"));
    model_put(&model, LIT("later"), LIT("1"));
    assert_int_equal(do_delete(client, LIT("user:1")), XKV_OK);
    model_delete(&model, LIT("user:1"));
    assert_model(client, &model);
    model_free(&model);
}

/* -- Commands and replies ---------------------------------------------------- */

static void case_no_such_command(struct client *client) {
    static const int numbers[] = {-1, XKV_OP_END, INT_MAX};

    for (size_t i = 0; i < COUNT(numbers); i++) {
        assert_int_equal(do_plain(client, numbers[i]), XKV_E_INVALID_OPTIONS);
        assert_true(client->reply.len > 0);
    }
}

/* Replies to a write hold nothing. */
static void case_empty_replies(struct client *client) {
    static const int ops[] = {XKV_OP_SET, XKV_OP_DELETE, XKV_OP_CLEAR, XKV_OP_REBUILD_KEY_LIST};

    assert_int_equal(do_get(client, LIT("fill the reply with a message")), XKV_E_KEY_NOT_FOUND);
    for (size_t i = 0; i < COUNT(ops); i++) {
        assert_int_equal(RUN(client, .op = ops[i], .key = LIT("key"), .value = LIT("1")), XKV_OK);
        assert_int_equal(client->reply.len, 0);
    }
}

/* Commands of reads are done at once when nothing is queued, and land in the
 * caller's buffer if they fit. */
static void case_reply_buffer(struct client *client) {
    char buffer[32];
    xkv_command get = {.op = XKV_OP_GET, .key = LIT("key")};
    xkv_reply reply;

    put(client, LIT("key"), LIT("fits"));
    xkv_reply_init(&reply, buffer, sizeof buffer);
    if (traits()->answers_now) {
        assert_int_equal(xkv_submit(client->store, &get, &reply, client->queue, 1), XKV_DONE);
        assert_int_equal(reply.status, XKV_OK);
        assert_ptr_equal(reply.data, buffer);
    }
    put(client, LIT("key"), LIT("does not fit into the buffer that the caller brought"));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(xkv_exec(client->store, &get, &reply), XKV_OK);
        assert_ptr_not_equal(reply.data, buffer);
        assert_memory_equal(reply.data, "does not fit", 12);
    }
    put(client, LIT("key"), LIT("fits"));
    assert_int_equal(xkv_exec(client->store, &get, &reply), XKV_OK);
    assert_int_equal(reply.len, 4);
    xkv_reply_clear(&reply);
}

/* Bytes are only read during the call. */
static void case_arguments_are_copied(struct client *client) {
    char key[16], value[16];
    int pending = 0;
    xkv_queue *queue = xkv_queue_new();
    xkv_reply reply;

    assert_non_null(queue);
    xkv_reply_init(&reply, NULL, 0);
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "k%02d", i);
        snprintf(value, sizeof value, "%d", i);
        xkv_command set = {.op = XKV_OP_SET, .key = xkv_text(key), .value = xkv_text(value)};
        pending += xkv_submit(client->store, &set, &reply, queue, (uint64_t)i) == XKV_PENDING;
        memset(key, '!', sizeof key);
        memset(value, '!', sizeof value);
    }
    for (xkv_completion done; pending > 0; pending--) {
        assert_int_equal(xkv_completions(queue, &done, 1, -1), 1);
        assert_int_equal(done.reply.status, XKV_OK);
        xkv_reply_clear(&done.reply);
    }
    xkv_reply_clear(&reply);
    xkv_queue_free(queue);
    assert_size(client, 50);
    assert_value(client, LIT("k00"), LIT("0"));
    assert_value(client, LIT("k49"), LIT("49"));
}

static void case_options_of_a_handle(struct client *client) {
    const xkv_options *options = xkv_store_options(client->store);

    assert_int_equal(options->backend, setting.backend);
    assert_int_equal(options->serialization, setting.serialization);
    assert_int_equal(options->track_keys, setting.track_keys);
    if (!traits()->is_file)
        return;
    assert_int_equal(options->durability, setting.durability);
    assert_int_equal(options->path[0], '/');
}

/* -- The program ------------------------------------------------------------- */

static const struct named_case cases[] = {
    CASE(missing_key),
    CASE(set_get_delete),
    CASE(replace),
    CASE(empty_value),
    CASE(large_value),
    CASE(key_lengths),
    CASE(bad_keys),
    CASE(unusual_keys),
    CASE(value_text),
    CASE(order),
    CASE(prefixes),
    CASE(limits),
    CASE(clear),
    CASE(count),
    CASE(set_if_absent),
    CASE(delete_if_exists),
    CASE(increment_by),
    CASE(pop_random),
    CASE(random_key),
    CASE(random_key_of_many),
    CASE(rebuild),
    CASE(no_such_command),
    CASE(empty_replies),
    CASE(reply_buffer),
    CASE(arguments_are_copied),
    CASE(options_of_a_handle),
};

int main(int argc, char *argv[]) {
    (void)argc;
    return run_cases(argv, cases, COUNT(cases), NULL, 0);
}
