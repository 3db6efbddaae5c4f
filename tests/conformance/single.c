/*
 * single.c - atomic steps on one key: getOrSet, swap, compareAndSwap, compareAndDelete
 */
#include "conformance.h"

/* -- getOrSet, swap ---------------------------------------------------------- */

static void case_get_or_set(struct client *client) {
    assert_int_equal(do_value(client, XKV_OP_GET_OR_SET, LIT("k"), LIT("1")), XKV_OK);
    assert_reply(client, "{\"value\":1,\"loaded\":false}");
    assert_int_equal(do_value(client, XKV_OP_GET_OR_SET, LIT("k"), LIT("2")), XKV_OK);
    assert_reply(client, "{\"value\":1,\"loaded\":true}");
    assert_value(client, LIT("k"), LIT("1"));
    put(client, LIT("empty"), NOTHING);
    assert_int_equal(do_value(client, XKV_OP_GET_OR_SET, LIT("empty"), LIT("2")), XKV_OK);
    assert_reply(client, "{\"value\":,\"loaded\":true}");
    assert_size(client, 2);
}

static void case_swap(struct client *client) {
    assert_int_equal(do_value(client, XKV_OP_SWAP, LIT("k"), LIT("1")), XKV_OK);
    assert_reply(client, "{\"previous\":null,\"loaded\":false}");
    assert_int_equal(do_value(client, XKV_OP_SWAP, LIT("k"), LIT("22")), XKV_OK);
    assert_reply(client, "{\"previous\":1,\"loaded\":true}");
    assert_int_equal(do_value(client, XKV_OP_SWAP, LIT("k"), LIT("")), XKV_OK);
    assert_reply(client, "{\"previous\":22,\"loaded\":true}");
    assert_value(client, LIT("k"), LIT(""));
    assert_size(client, 1);
}

/* The old value must be copied before the new one takes its place. */
static void case_swap_large(struct client *client) {
    static char old[50000], new[50000];
    xkv_item item;
    size_t at = 0;

    memset(old, 'o', sizeof old);
    memset(new, 'n', sizeof new);
    put(client, LIT("k"), bytes_of(old, sizeof old));
    assert_int_equal(do_value(client, XKV_OP_SWAP, LIT("k"), bytes_of(new, sizeof new)), XKV_OK);
    assert_true(xkv_item_next(answer(client), &at, &item));
    assert_true(xkv_item_next(answer(client), &at, &item));
    assert_true(same_bytes(item.value, bytes_of(old, sizeof old)));
    assert_value(client, LIT("k"), bytes_of(new, sizeof new));
}

/* -- Comparing --------------------------------------------------------------- */

static int swap_if(struct client *client, xkv_bytes old, int expect, xkv_bytes new) {
    return RUN(client, .op = XKV_OP_COMPARE_AND_SWAP, .key = LIT("k"), .expected = old,
               .expect = expect, .value = new);
}

static void assert_swaps(struct client *client, xkv_bytes old, int expect, xkv_bytes new) {
    assert_int_equal(swap_if(client, old, expect, new), XKV_OK);
    assert_int_equal(client->reply.number, 1);
    assert_int_equal(client->reply.len, 0);
    assert_value(client, LIT("k"), new);
}

static void assert_keeps(struct client *client, xkv_bytes old, int expect) {
    assert_int_equal(swap_if(client, old, expect, LIT("never")), XKV_OK);
    assert_int_equal(client->reply.number, 0);
}

static void case_compare_and_swap(struct client *client) {
    assert_keeps(client, LIT("1"), XKV_EXPECT_VALUE);
    assert_missing(client, LIT("k"));
    assert_swaps(client, NOTHING, XKV_EXPECT_ABSENT, LIT("1"));
    assert_keeps(client, NOTHING, XKV_EXPECT_ABSENT);
    assert_keeps(client, LIT("1"), XKV_EXPECT_ABSENT); /* what is there does not matter */
    assert_keeps(client, LIT("2"), XKV_EXPECT_VALUE);
    assert_keeps(client, LIT(""), XKV_EXPECT_VALUE);
    assert_swaps(client, LIT("1"), XKV_EXPECT_VALUE, LIT("null"));
    assert_swaps(client, LIT("null"), XKV_EXPECT_ABSENT_OR_VALUE, LIT("3"));
    assert_keeps(client, LIT("null"), XKV_EXPECT_ABSENT_OR_VALUE);
    assert_value(client, LIT("k"), LIT("3"));
    assert_int_equal(do_delete(client, LIT("k")), XKV_OK);
    assert_swaps(client, LIT("null"), XKV_EXPECT_ABSENT_OR_VALUE, LIT("4"));
    assert_swaps(client, LIT("4"), XKV_EXPECT_VALUE, LIT("4"));
}

static void note_number(xkv_completion *done, int64_t *numbers) {
    assert_int_equal(done->reply.status, XKV_OK);
    numbers[done->tag] = done->reply.number;
    xkv_reply_clear(&done->reply);
}

/* What is there means what is expected, if in JSON it may: then nothing that the handle brings
 * after it, and has not waited for it, comes between. */
static void case_compares_in_its_turn(struct client *client) {
    const xkv_command commands[] = {
        {.op = XKV_OP_SET, .key = LIT("k"), .value = LIT("{\"a\":1,\"b\":2}")},
        {.op = XKV_OP_COMPARE_AND_SWAP,
         .key = LIT("k"),
         .expected = setting.serialization == XKV_JSON ? LIT("{\"b\":2,\"a\":1}")
                                                       : LIT("{\"a\":1,\"b\":2}"),
         .value = LIT("5")},
        {.op = XKV_OP_INCREMENT_BY, .key = LIT("k"), .delta = 1},
        {.op = XKV_OP_GET, .key = LIT("k")},
    };
    int64_t numbers[COUNT(commands)] = {0};
    xkv_queue *queue = xkv_queue_new();
    xkv_completion done[COUNT(commands)];
    size_t pending = 0;

    for (size_t i = 0; i < COUNT(commands); i++) {
        done[pending].tag = i;
        xkv_reply_init(&done[pending].reply, NULL, 0);
        if (xkv_submit(client->store, &commands[i], &done[pending].reply, queue, i) == XKV_PENDING)
            pending++;
        else
            note_number(&done[pending], numbers);
    }
    for (; pending > 0; pending--) {
        MUST(xkv_completions(queue, done, 1, 60000) == 1);
        note_number(done, numbers);
    }
    assert_int_equal(numbers[1], 1);
    assert_int_equal(numbers[2], 6);
    assert_value(client, LIT("k"), LIT("6"));
    xkv_queue_free(queue);
}

static void compare_detailed(struct client *client, int op, const char *old, bool include) {
    RUN(client, .op = op, .key = LIT("k"), .expected = xkv_text(old), .value = LIT("new"),
        .include_current = include);
    assert_int_equal(told(client), XKV_OK);
}

static void case_compare_and_swap_detailed(struct client *client) {
    enum { SWAP = XKV_OP_COMPARE_AND_SWAP_DETAILED };

    compare_detailed(client, SWAP, "1", true);
    assert_reply(client, "{\"swapped\":false,\"reason\":\"mismatch\",\"existed\":false}");
    put(client, LIT("k"), LIT("1"));
    compare_detailed(client, SWAP, "2", false);
    assert_reply(client, "{\"swapped\":false,\"reason\":\"mismatch\",\"existed\":true}");
    compare_detailed(client, SWAP, "2", true);
    assert_reply(client,
                 "{\"swapped\":false,\"reason\":\"mismatch\",\"existed\":true,\"current\":1}");
    assert_value(client, LIT("k"), LIT("1"));
    compare_detailed(client, SWAP, "1", true);
    assert_reply(client, "{\"swapped\":true,\"reason\":\"swapped\"}");
    assert_value(client, LIT("k"), LIT("new"));
}

static void delete_if(struct client *client, xkv_bytes old, int64_t deleted) {
    assert_int_equal(RUN(client, .op = XKV_OP_COMPARE_AND_DELETE, .key = LIT("k"), .expected = old),
                     XKV_OK);
    assert_int_equal(client->reply.number, deleted);
    assert_int_equal(client->reply.len, 0);
}

/* Whether or not there is a value, there is nothing to be deleted. */
static void case_delete_nothing(struct client *client) {
    xkv_command command = {.op = XKV_OP_COMPARE_AND_DELETE,
                           .key = LIT("k"),
                           .expect = XKV_EXPECT_ABSENT,
                           .expected = LIT("1")};

    for (int exists = 0; exists < 2; exists++) {
        assert_int_equal(client_run(client, &command), XKV_OK);
        assert_int_equal(client->reply.number, 0);
        assert_size(client, exists);
        put(client, LIT("k"), LIT("1"));
    }
    command.op = XKV_OP_COMPARE_AND_DELETE_DETAILED;
    assert_int_equal(client_run(client, &command), XKV_OK);
    assert_reply(client, "{\"deleted\":false,\"reason\":\"mismatch\",\"existed\":true}");
    assert_value(client, LIT("k"), LIT("1"));
}

static void case_compare_and_delete(struct client *client) {
    delete_if(client, LIT("1"), 0);
    put(client, LIT("k"), LIT("1"));
    put(client, LIT("other"), LIT("1"));
    delete_if(client, LIT("2"), 0);
    assert_value(client, LIT("k"), LIT("1"));
    delete_if(client, LIT("1"), 1);
    assert_missing(client, LIT("k"));
    delete_if(client, LIT("1"), 0);
    put(client, LIT("k"), LIT("null"));
    delete_if(client, LIT("null"), 1);
    assert_size(client, 1);
}

static void case_compare_and_delete_detailed(struct client *client) {
    enum { DELETE = XKV_OP_COMPARE_AND_DELETE_DETAILED };

    compare_detailed(client, DELETE, "1", true);
    assert_reply(client, "{\"deleted\":false,\"reason\":\"mismatch\",\"existed\":false}");
    put(client, LIT("k"), LIT("1"));
    compare_detailed(client, DELETE, "2", true);
    assert_reply(client,
                 "{\"deleted\":false,\"reason\":\"mismatch\",\"existed\":true,\"current\":1}");
    compare_detailed(client, DELETE, "2", false);
    assert_reply(client, "{\"deleted\":false,\"reason\":\"mismatch\",\"existed\":true}");
    compare_detailed(client, DELETE, "1", false);
    assert_reply(client, "{\"deleted\":true,\"reason\":\"deleted\"}");
    assert_missing(client, LIT("k"));
}

/* In json stores what counts is the meaning; in others the bytes. unit/json.c
 * has more pairs. */
static void case_structural_equality(struct client *client) {
    static const char *const same[][2] = {
        {"{\"a\":1,\"b\":[2,3]}", " { \"b\" : [ 2 , 3 ] , \"a\" : 1 } "},
        {"[1.0,100]", "[1,1e2]"},
        {"\"\\u0041\\ud83d\\ude00\"", "\"A\xF0\x9F\x98\x80\""},
    };
    static const char *const others[][2] = {
        {"[1,2]", "[2,1]"}, {"{\"a\":null}", "{}"}, {"1", "\"1\""}, {"{}", "[]"}};
    bool json = setting.serialization == XKV_JSON;

    for (size_t i = 0; i < COUNT(same); i++) {
        put(client, LIT("k"), xkv_text(same[i][0]));
        delete_if(client, xkv_text(same[i][1]), json);
        put(client, LIT("k"), xkv_text(same[i][0]));
        assert_int_equal(
            swap_if(client, xkv_text(same[i][1]), XKV_EXPECT_VALUE, xkv_text(same[i][1])), XKV_OK);
        assert_int_equal(client->reply.number, json);
        assert_value(client, LIT("k"), xkv_text(same[i][json]));
    }
    for (size_t i = 0; i < COUNT(others); i++) {
        put(client, LIT("k"), xkv_text(others[i][0]));
        assert_keeps(client, xkv_text(others[i][1]), XKV_EXPECT_VALUE);
        assert_value(client, LIT("k"), xkv_text(others[i][0]));
    }
}

/* -- Bad arguments ----------------------------------------------------------- */

/* Whatever takes a key refuses what is none, and what takes a value text that
 * is none, naming the command; and nothing has changed. */
static void case_bad_keys_and_values(struct client *client) {
    int expected = setting.serialization == XKV_BINARY ? XKV_OK : XKV_E_SERIALIZER;
    int ops[XKV_OP_END];

    for (size_t count = ops_taking(XKV_ARG_KEY, ops); count-- > 0;) {
        int op = ops[count];
        const xkv_op_info *info = xkv_op_describe(op);
        xkv_command bad_key = {.op = op, .key = LIT("\xFF"), .value = LIT("1")};
        assert_int_equal(client_run(client, &bad_key), XKV_E_INVALID_OPTIONS);
        assert_true(answer_says(client, info->name) && answer_says(client, "UTF-8"));
        bad_key.key = NOTHING;
        assert_int_equal(client_run(client, &bad_key), XKV_E_INVALID_OPTIONS);
        if (!(info->arguments & (XKV_ARG_VALUE | XKV_ARG_NEW)))
            continue;
        assert_int_equal(RUN(client, .op = op, .key = LIT("k"), .value = LIT("\xFF"),
                             .expect = XKV_EXPECT_ABSENT),
                         expected);
        if (expected != XKV_OK)
            assert_true(answer_says(client, info->name) && answer_says(client, "k"));
        assert_int_equal(do_delete(client, LIT("k")), XKV_OK);
        assert_int_equal(client->reply.number, expected == XKV_OK);
    }
    assert_size(client, 0);
}

static void case_bad_expected_value(struct client *client) {
    static const int ops[] = {XKV_OP_COMPARE_AND_SWAP, XKV_OP_COMPARE_AND_SWAP_DETAILED,
                              XKV_OP_COMPARE_AND_DELETE, XKV_OP_COMPARE_AND_DELETE_DETAILED};
    int expected = setting.serialization == XKV_BINARY ? XKV_OK : XKV_E_SERIALIZER;

    put(client, LIT("k"), LIT("1"));
    for (size_t i = 0; i < COUNT(ops); i++) {
        assert_int_equal(
            RUN(client, .op = ops[i], .key = LIT("k"), .expected = LIT("\xFF"), .value = LIT("2")),
            expected);
        assert_value(client, LIT("k"), LIT("1"));
    }
}

/* Only what is put in the place of something can expect it or nothing. */
static void case_expectations(struct client *client) {
    static const struct {
        int op, expect, status;
    } rows[] = {
        {XKV_OP_COMPARE_AND_SWAP, XKV_EXPECT_ABSENT_OR_VALUE + 1, XKV_E_INVALID_OPTIONS},
        {XKV_OP_COMPARE_AND_SWAP, -1, XKV_E_INVALID_OPTIONS},
        {XKV_OP_COMPARE_AND_SWAP_DETAILED, 77, XKV_E_INVALID_OPTIONS},
        {XKV_OP_COMPARE_AND_DELETE, XKV_EXPECT_ABSENT_OR_VALUE, XKV_E_INVALID_OPTIONS},
        {XKV_OP_COMPARE_AND_DELETE_DETAILED, XKV_EXPECT_ABSENT_OR_VALUE, XKV_E_INVALID_OPTIONS},
        {XKV_OP_COMPARE_AND_DELETE, XKV_EXPECT_VALUE, XKV_OK},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(RUN(client, .op = rows[i].op, .key = LIT("k"), .value = LIT("2"),
                             .expected = LIT("1"), .expect = rows[i].expect),
                         rows[i].status);
        assert_size(client, 0);
    }
}

/* What an operation does not take is not looked at: here it leads nowhere. */
static void case_fields_not_taken(struct client *client) {
    const xkv_bytes nowhere = {(const void *)(uintptr_t)16, SIZE_MAX / 2};
    xkv_command command = {.op = XKV_OP_SET,
                           .key = LIT("k"),
                           .value = LIT("1"),
                           .expected = nowhere,
                           .items = nowhere,
                           .prefix = nowhere,
                           .cursor = nowhere,
                           .owner = nowhere,
                           .limit = -7,
                           .count = -7,
                           .ttl_ms = -7,
                           .expect = 77};

    assert_int_equal(client_run(client, &command), XKV_OK);
    command.op = XKV_OP_SIZE;
    command.key = command.value = nowhere;
    assert_int_equal(client_run(client, &command), XKV_OK);
    assert_int_equal(client->reply.number, 1);
}

static void case_stored_integers(struct client *client) {
    static const struct {
        const char *text;
        bool in_json, elsewhere;
    } rows[] = {
        {"5", true, true},        {"-5", true, true}, {"5\n", true, false}, {" \t5", true, false},
        {"007", false, true},     {"-0", true, true}, {"0", true, true},    {"\"5\"", true, false},
        {"\"007\"", true, false}, {"", false, false}, {"-", false, false},  {"5 5", false, false},
        {"5.0", false, false},
    };
    bool json = setting.serialization == XKV_JSON;

    for (size_t i = 0; i < COUNT(rows); i++) {
        put(client, LIT("n"), xkv_text(rows[i].text));
        bool fine = json ? rows[i].in_json : rows[i].elsewhere;
        int status = RUN(client, .op = XKV_OP_INCREMENT_BY, .key = LIT("n"), .delta = 1);
        if (status != (fine ? XKV_OK : XKV_E_VALUE_PARSE))
            fail_msg("<%s>", rows[i].text);
        if (!fine)
            assert_value(client, LIT("n"), xkv_text(rows[i].text));
    }
}

/* Prefixes and owners are text, cursors come from scans. */
static void case_texts(struct client *client) {
    int ops[XKV_OP_END];

    for (size_t count = ops_taking(XKV_ARG_PREFIX, ops); count-- > 0;) {
        int op = ops[count];
        const xkv_op_info *info = xkv_op_describe(op);
        assert_int_equal(RUN(client, .op = op, .prefix = LIT("a\xFF"), .limit = 1, .count = 1),
                         XKV_E_INVALID_OPTIONS);
        assert_true(answer_says(client, info->name) && answer_says(client, "prefix"));
    }
}

static void case_integers_that_are_none(struct client *client) {
    char message[XKV_MESSAGE_SIZE];

    (void)client;
    assert_int_equal(
        xkv_check_integer(XKV_OP_RANDOM_KEYS, XKV_ARG_NONE, 1, message, sizeof message),
        XKV_E_INVALID_OPTIONS);
    assert_int_equal(xkv_check_integer(9999, XKV_ARG_COUNT, 1, message, sizeof message),
                     XKV_E_INVALID_OPTIONS);
    assert_int_equal(xkv_check_integer(-1, XKV_ARG_LIMIT, 1, message, sizeof message),
                     XKV_E_INVALID_OPTIONS);
    assert_int_equal(xkv_check_integer(XKV_OP_GET, XKV_ARG_KEY, 1, message, sizeof message),
                     XKV_E_INVALID_OPTIONS);
}

static const struct named_case cases[] = {
    CASE(get_or_set),
    CASE(swap),
    CASE(swap_large),
    CASE(compare_and_swap),
    CASE(compare_and_swap_detailed),
    CASE(delete_nothing),
    CASE(compare_and_delete),
    CASE(compare_and_delete_detailed),
    CASE(structural_equality),
    CASE(bad_keys_and_values),
    CASE(bad_expected_value),
    CASE(expectations),
    CASE(compares_in_its_turn),
    CASE(fields_not_taken),
    CASE(stored_integers),
    CASE(texts),
    CASE(integers_that_are_none),
};

int main(int argc, char *argv[]) {
    (void)argc;
    return run_cases(argv, cases, COUNT(cases), NULL, 0);
}
