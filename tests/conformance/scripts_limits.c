/*
 * scripts_limits.c - the scripts that servers run, where servers have limits: their memory,
 * stores that are gone, long keys, many entries, and chance
 */
#include "../asked.h"
#include "../chisquare.h"
#include "../items.h"

static xkv_items numbered(unsigned count, bool with_values) {
    xkv_items items = NO_ITEMS;
    char key[32];

    for (unsigned n = 0; n < count; n++)
        items_add(&items, bytes_of(key, (size_t)snprintf(key, sizeof key, "key:%06u", n)),
                  with_values ? LIT("1") : NOTHING);
    return items;
}

static int ask_list(struct asked *asked, xkv_command command, xkv_items items) {
    command.items = xkv_items_bytes(&items);
    int status = asked_run(asked, &command);
    xkv_items_free(&items);
    return status;
}

static struct asked asked;

static int begin(void **state) {
    (void)state;
    if (asked_can())
        asked_open(&asked, XKV_STRING);
    return 0;
}

static int begin_binary(void **state) {
    (void)state;
    if (asked_can())
        asked_open(&asked, XKV_BINARY);
    return 0;
}

static int end(void **state) {
    (void)state;
    if (asked.server)
        asked_close(&asked);
    asked = (struct asked){.server = 0};
    return 0;
}

#define NEEDS_SERVER()                                                                             \
    do {                                                                                           \
        (void)state;                                                                               \
        if (!asked.server)                                                                         \
            skip();                                                                                \
    } while (0)

/* -- Memory ------------------------------------------------------------------------- */

static void expect_number(int64_t number) {
    assert_int_equal(asked.reply.status, XKV_OK);
    assert_int_equal(asked.reply.number, number);
}

/* A server whose memory is full, with twenty keys, of which one is claimed. */
static struct ticket fill_up(void) {
    struct claim claim;
    size_t at = 0;

    ask_list(&asked, (xkv_command){.op = XKV_OP_SET_MANY}, numbered(20, true));
    expect_number(20);
    ASK(&asked, .op = XKV_OP_CLAIM_KEY, .key = LIT("key:000003"), .ttl_ms = XKV_TTL_MAX);
    assert_true(next_claim(&asked.reply, &at, &claim));
    struct ticket ticket = ticket_of(&claim);
    assert_true(tell_server(&asked, "CONFIG SET maxmemory-policy noeviction"));
    assert_true(tell_server(&asked, "CONFIG SET maxmemory 1"));
    return ticket;
}

static void expect_refused(void) {
    assert_int_equal(asked.reply.status, XKV_E_STORE_FULL);
}

/* What a full server refuses is not half done. */
static void test_full_refuses(void **state) {
    static const xkv_command commands[] = {
        {.op = XKV_OP_SET, .key = {"new", 3}, .value = {"1", 1}},
        {.op = XKV_OP_SET, .key = {"key:000001", 10}, .value = {"2", 1}},
        {.op = XKV_OP_SWAP, .key = {"key:000001", 10}, .value = {"2", 1}},
        {.op = XKV_OP_GET_OR_SET, .key = {"new", 3}, .value = {"2", 1}},
        {.op = XKV_OP_SET_IF_ABSENT, .key = {"new", 3}, .value = {"2", 1}},
        {.op = XKV_OP_INCREMENT_BY, .key = {"key:000001", 10}, .delta = 1},
        {.op = XKV_OP_COMPARE_AND_SWAP, .key = {"key:000001", 10}, .expected = {"1", 1}},
        {.op = XKV_OP_CLAIM_RANDOM},
        {.op = XKV_OP_CLAIM_NEXT},
        {.op = XKV_OP_CLAIM_KEY, .key = {"key:000001", 10}},
        {.op = XKV_OP_CLAIM_FOR_OWNER, .owner = {"me", 2}},
        {.op = XKV_OP_CLAIM_RANDOM_MANY, .count = 5},
        {.op = XKV_OP_NEXT_CIRCULAR},
        {.op = XKV_OP_NEXT, .key = {"at", 2}, .prefix = {"key:", 4}},
    };

    NEEDS_SERVER();
    struct ticket held = fill_up();
    for (size_t i = 0; i < COUNT(commands); i++)
        assert_int_equal(asked_run(&asked, &commands[i]), XKV_E_STORE_FULL);
    ask_list(&asked, (xkv_command){.op = XKV_OP_SET_MANY}, numbered(9000, true));
    expect_refused();
    ask_list(&asked, (xkv_command){.op = XKV_OP_CLAIM_KEYS}, numbered(3, false));
    expect_refused();
    ask_list(&asked, (xkv_command){.op = XKV_OP_RENEW_CLAIM, .ttl_ms = 5}, tickets(&held, 1));
    expect_refused();
    ASK(&asked, .op = XKV_OP_SIZE);
    expect_number(20);
    ASK(&asked, .op = XKV_OP_COUNT);
    expect_number(20);
    ASK(&asked, .op = XKV_OP_COMPARE_AND_DELETE, .key = LIT("key:000001"), .expected = LIT("1"));
    expect_number(1);
    ASK(&asked, .op = XKV_OP_STATS);
    assert_non_null(strstr(reply_text(&asked.reply), "\"claims\":{\"live\":1,\"expired\":0}"));
}

/* What only removes goes on. */
static void test_full_removes(void **state) {
    NEEDS_SERVER();
    struct ticket held = fill_up();
    ask_list(&asked, (xkv_command){.op = XKV_OP_RELEASE_CLAIM}, tickets(&held, 1));
    expect_number(1);
    ask_list(&asked, (xkv_command){.op = XKV_OP_RELEASE_CLAIM}, tickets(&held, 1));
    expect_number(0);
    ASK(&asked, .op = XKV_OP_DELETE, .key = LIT("key:000001"));
    expect_number(1);
    ASK(&asked, .op = XKV_OP_POP_RANDOM);
    expect_number(1);
    ASK(&asked, .op = XKV_OP_POP_RANDOM_MANY, .count = 2);
    expect_number(2);
    ASK(&asked, .op = XKV_OP_DELETE_BY_PREFIX, .prefix = LIT("key"), .limit = 10);
    expect_number(10);
    ASK(&asked, .op = XKV_OP_CLEAR);
    expect_number(0);
    ASK(&asked, .op = XKV_OP_SIZE);
    expect_number(0); /* and the store is still there */
}

/* Nothing is refused where there is nothing to do. */
static void test_full_says_that_none_is_free(void **state) {
    NEEDS_SERVER();
    ASK(&asked, .op = XKV_OP_SET, .key = LIT("a"), .value = LIT("1"));
    ASK(&asked, .op = XKV_OP_CLAIM_KEY, .key = LIT("a"), .ttl_ms = XKV_TTL_MAX);
    expect_number(1);
    assert_true(tell_server(&asked, "CONFIG SET maxmemory-policy noeviction"));
    assert_true(tell_server(&asked, "CONFIG SET maxmemory 1"));
    ASK(&asked, .op = XKV_OP_CLAIM_RANDOM);
    expect_number(0);
    ASK(&asked, .op = XKV_OP_CLAIM_NEXT);
    expect_number(0);
    ASK(&asked, .op = XKV_OP_CLAIM_KEY, .key = LIT("a"));
    expect_number(0);
    ASK(&asked, .op = XKV_OP_CLAIM_FOR_OWNER, .owner = LIT("me"));
    expect_number(0);
}

/* -- The store is gone --------------------------------------------------------------- */

static void test_gone(void **state) {
    static const xkv_command commands[] = {
        {.op = XKV_OP_GET, .key = {"a", 1}},
        {.op = XKV_OP_SET, .key = {"a", 1}, .value = {"1", 1}},
        {.op = XKV_OP_SIZE},
        {.op = XKV_OP_INCREMENT_BY, .key = {"a", 1}, .delta = 1},
        {.op = XKV_OP_RANDOM_KEY},
        {.op = XKV_OP_CLAIM_RANDOM},
        {.op = XKV_OP_POP_RANDOM},
        {.op = XKV_OP_CLEAR},
        {.op = XKV_OP_STATS},
    };

    NEEDS_SERVER();
    ASK(&asked, .op = XKV_OP_SET, .key = LIT("a"), .value = LIT("1"));
    assert_int_equal(asked_store(&asked), XKV_OK); /* it is there, and is ours */
    assert_true(tell_server(&asked, "FLUSHALL"));
    for (size_t i = 0; i < COUNT(commands); i++)
        assert_int_equal(asked_run(&asked, &commands[i]), XKV_E_STORE_LOST);
    assert_true(tell_server(&asked, "HSET xkv:{default}:d other 1"));
    assert_int_equal(asked_store(&asked), XKV_E_STORE_LOST); /* a part, and not ours */
    assert_true(tell_server(&asked, "FLUSHALL"));
    assert_int_equal(asked_store(&asked), XKV_OK);
    ASK(&asked, .op = XKV_OP_SIZE);
    expect_number(0);
    assert_true(tell_server(&asked, "DEL xkv:{default}:m"));
    assert_int_equal(asked_store(&asked), XKV_E_STORE_LOST);
    assert_true(tell_server(&asked, "FLUSHALL"));
    assert_true(tell_server(&asked, "SET xkv:{default}:d text"));
    assert_int_equal(asked_store(&asked), XKV_E_STORE_LOST); /* WRONGTYPE */
}

/* Tokens grow, whatever becomes of the last one. */
static void test_tokens_grow(void **state) {
    int64_t last = 0;

    NEEDS_SERVER();
    for (int i = 0; i < 3; i++) {
        struct claim claim;
        size_t at = 0;
        ASK(&asked, .op = XKV_OP_SET, .key = LIT("a"), .value = LIT("1"));
        ASK(&asked, .op = XKV_OP_CLAIM_KEY, .key = LIT("a"));
        assert_true(next_claim(&asked.reply, &at, &claim));
        assert_true(claim.token > last);
        last = claim.token;
        assert_true(tell_server(&asked, "FLUSHALL"));
        assert_int_equal(asked_store(&asked), XKV_OK);
    }
}

/* They go on from a last one that the clock has not come to yet. */
static void test_tokens_are_ahead_of_the_clock(void **state) {
    static const int64_t last[] = {9000000000000000, 8000000000000000, 7};

    NEEDS_SERVER();
    ASK(&asked, .op = XKV_OP_SET, .key = LIT("a"), .value = LIT("1"));
    for (size_t i = 0; i < COUNT(last); i++) {
        int64_t before = last[i];
        char command[80];
        snprintf(command, sizeof command, "SET xkv:{default}:t %" PRId64, before);
        assert_true(tell_server(&asked, command));
        for (int64_t n = 1; n <= 2; n++) {
            struct claim claim;
            size_t at = 0;
            ASK(&asked, .op = XKV_OP_CLAIM_RANDOM);
            assert_true(next_claim(&asked.reply, &at, &claim));
            assert_true(before == 7 ? claim.token > 1600000000000000 : claim.token == before + n);
            struct ticket ticket = ticket_of(&claim);
            ask_list(&asked, (xkv_command){.op = XKV_OP_RELEASE_CLAIM}, tickets(&ticket, 1));
            expect_number(1);
        }
    }
}

/* -- Much ---------------------------------------------------------------------------- */

static void test_many_entries(void **state) {
    enum { MANY = 100000 };
    const struct timespec pause = {0, 20000000};

    NEEDS_SERVER();
    ask_list(&asked, (xkv_command){.op = XKV_OP_SET_MANY}, numbered(MANY, true));
    expect_number(MANY);
    ask_list(&asked, (xkv_command){.op = XKV_OP_GET_MANY}, numbered(MANY, false));
    expect_number(MANY);
    ask_list(&asked, (xkv_command){.op = XKV_OP_GET_MANY}, NO_ITEMS);
    expect_number(0);
    ASK(&asked, .op = XKV_OP_LIST);
    expect_number(MANY);
    ASK(&asked, .op = XKV_OP_CLAIM_RANDOM_MANY, .count = MANY, .ttl_ms = 1);
    expect_number(MANY);
    nanosleep(&pause, NULL);
    ASK(&asked, .op = XKV_OP_CLAIM_RANDOM, .ttl_ms = 1); /* all others have expired at once */
    expect_number(1);
    nanosleep(&pause, NULL);
    ASK(&asked, .op = XKV_OP_RANDOM_KEYS, .count = MANY / 2);
    expect_number(MANY / 2);
    ASK(&asked, .op = XKV_OP_POP_RANDOM_MANY, .count = MANY / 2);
    expect_number(MANY / 2);
    ask_list(&asked, (xkv_command){.op = XKV_OP_DELETE_MANY}, numbered(MANY, false));
    expect_number(MANY - MANY / 2);
    ASK(&asked, .op = XKV_OP_STATS);
    assert_non_null(strstr(reply_text(&asked.reply), "\"claims\":{\"live\":0,\"expired\":0}"));
}

/* Claims the key, and gives it back. */
static void expect_claimed(const xkv_command *command, xkv_bytes value) {
    struct claim claim;
    size_t at = 0;

    assert_int_equal(asked_run(&asked, command), XKV_OK);
    assert_true(next_claim(&asked.reply, &at, &claim));
    assert_true(same_bytes(claim.key, LIT("a")) && same_bytes(claim.value, value));
    struct ticket ticket = ticket_of(&claim);
    ask_list(&asked, (xkv_command){.op = XKV_OP_RELEASE_CLAIM}, tickets(&ticket, 1));
    expect_number(1);
}

static void expect_found(const xkv_command *command, xkv_bytes value) {
    xkv_bytes key, found;
    size_t at = 0;

    ASK(&asked, .op = XKV_OP_SET, .key = LIT("a"), .value = value);
    assert_int_equal(asked.reply.status, XKV_OK);
    assert_int_equal(asked_run(&asked, command), XKV_OK);
    assert_true(xkv_reply_next(&asked.reply, &at, &key, &found));
    assert_true(same_bytes(key, LIT("a")) && same_bytes(found, value));
}

/* However long it is, with what ends a key in a short answer in it. */
static void test_values_of_any_length(void **state) {
    static const size_t lengths[] = {0, 1, 5, 65534, 65535, 65536, 65537, 300000};
    static unsigned char bytes[300000];

    NEEDS_SERVER();
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = i % 3 == 0 ? 0xff : i % 3 == 1 ? ' ' : 0;
    for (size_t i = 0; i < COUNT(lengths); i++) {
        xkv_bytes value = bytes_of(bytes, lengths[i]);
        expect_found(&(xkv_command){.op = XKV_OP_RANDOM_ENTRY}, value);
        expect_claimed(&(xkv_command){.op = XKV_OP_CLAIM_RANDOM}, value);
        expect_claimed(&(xkv_command){.op = XKV_OP_CLAIM_NEXT}, value);
        expect_claimed(&(xkv_command){.op = XKV_OP_CLAIM_KEY, .key = LIT("a")}, value);
        expect_claimed(&(xkv_command){.op = XKV_OP_CLAIM_FOR_OWNER, .owner = LIT("me")}, value);
        expect_found(&(xkv_command){.op = XKV_OP_POP_RANDOM}, value);
        expect_found(&(xkv_command){.op = XKV_OP_POP_NEXT}, value);
    }
}

/* Where Lua's numbers end, sums do not; and a key that comes by a sum is listed. */
static void test_sums(void **state) {
    static const int64_t beginnings[] = {
        0, 9007199254740989, 9007199254740993, -9007199254740994, -9007199254740993, INT64_MAX - 3};

    NEEDS_SERVER();
    for (size_t i = 0; i < COUNT(beginnings); i++) {
        ASK(&asked, .op = XKV_OP_INCREMENT_BY, .key = LIT("new"), .delta = beginnings[i]);
        for (int64_t n = 1; n <= 3; n++) {
            ASK(&asked, .op = XKV_OP_INCREMENT_BY, .key = LIT("new"), .delta = 1);
            assert_int_equal(asked.reply.status, XKV_OK);
            assert_true(asked.reply.number == beginnings[i] + n);
        }
        ASK(&asked, .op = XKV_OP_COUNT);
        expect_number(1);
        ASK(&asked, .op = XKV_OP_POP_NEXT);
        expect_number(1);
        ASK(&asked, .op = XKV_OP_SIZE);
        expect_number(0);
    }
}

static void test_long_keys(void **state) {
    static unsigned char key[XKV_KEY_MAX], prefix[XKV_KEY_MAX + 500];
    xkv_bytes all = bytes_of(key, sizeof key);

    NEEDS_SERVER();
    memset(key, 'k', sizeof key);
    memset(prefix, 'k', sizeof prefix);
    ASK(&asked, .op = XKV_OP_SET, .key = all, .value = LIT("1"));
    ASK(&asked, .op = XKV_OP_COUNT, .prefix = all);
    expect_number(1);
    ASK(&asked, .op = XKV_OP_COUNT, .prefix = bytes_of(prefix, sizeof prefix));
    expect_number(0);
    ASK(&asked, .op = XKV_OP_NEXT_CIRCULAR, .prefix = all);
    expect_number(1);
    ASK(&asked, .op = XKV_OP_NEXT, .key = LIT("at"), .prefix = all);
    expect_number(1);
    ASK(&asked, .op = XKV_OP_POP_NEXT, .prefix = all);
    expect_number(1);
}

/* The list of keys is made anew where it has not as many as there are. */
static void test_rebuild(void **state) {
    NEEDS_SERVER();
    ask_list(&asked, (xkv_command){.op = XKV_OP_SET_MANY}, numbered(5000, true));
    assert_true(tell_server(&asked, "ZREM xkv:{default}:k key:000007 key:000008"));
    ASK(&asked, .op = XKV_OP_COUNT);
    expect_number(4998);
    ASK(&asked, .op = XKV_OP_REBUILD_KEY_LIST);
    ASK(&asked, .op = XKV_OP_COUNT);
    expect_number(5000);
}

/* -- Chance -------------------------------------------------------------------------- */

enum { POOL = 40, DRAWS = 8000 };

static unsigned number_in(xkv_bytes key) {
    char digits[7] = "";

    MUST(key.len == strlen("key:000000"));
    memcpy(digits, (const char *)key.data + 4, 6);
    return (unsigned)strtoul(digits, NULL, 10);
}

/* The number of the key that a command draws; a claim is given back at once. */
static unsigned draw_one(int op) {
    struct ticket ticket;
    struct claim claim;
    xkv_bytes key, value;
    size_t at = 0;

    ASK(&asked, .op = op, .prefix = LIT("key:"), .count = 3);
    if (op == XKV_OP_RANDOM_KEY)
        return number_in(bytes_of(asked.reply.data, asked.reply.len));
    if (op != XKV_OP_CLAIM_RANDOM) {
        assert_true(xkv_reply_next(&asked.reply, &at, &key, &value));
        return number_in(key);
    }
    assert_true(next_claim(&asked.reply, &at, &claim));
    ticket = ticket_of(&claim);
    ask_list(&asked, (xkv_command){.op = XKV_OP_RELEASE_CLAIM}, tickets(&ticket, 1));
    return number_in(xkv_text(ticket.key));
}

/* All keys behind the first, which are claimed, have the same chance. */
static void draw_many(int op, unsigned claimed) {
    uint64_t counts[POOL] = {0};

    for (unsigned i = 0; i < DRAWS; i++)
        counts[draw_one(op) % POOL]++;
    for (unsigned n = 0; n < claimed; n++)
        assert_int_equal(counts[n], 0);
    assert_true(counts_are_even(counts + claimed, POOL - claimed));
}

static void test_uniform(void **state) {
    NEEDS_SERVER();
    ask_list(&asked, (xkv_command){.op = XKV_OP_SET_MANY}, numbered(POOL, true));
    draw_many(XKV_OP_RANDOM_KEY, 0);
    draw_many(XKV_OP_RANDOM_ENTRY, 0);
    draw_many(XKV_OP_RANDOM_KEYS, 0);
    draw_many(XKV_OP_CLAIM_RANDOM, 0);
    ask_list(&asked, (xkv_command){.op = XKV_OP_CLAIM_KEYS, .ttl_ms = XKV_TTL_MAX},
             numbered(POOL / 4, false));
    draw_many(XKV_OP_CLAIM_RANDOM, POOL / 4); /* most are free: drawn until one is */
    ask_list(&asked, (xkv_command){.op = XKV_OP_CLAIM_KEYS, .ttl_ms = XKV_TTL_MAX},
             numbered(POOL - 5, false));
    draw_many(XKV_OP_CLAIM_RANDOM, POOL - 5); /* few are: looked for */
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_full_refuses, begin, end),
        cmocka_unit_test_setup_teardown(test_full_removes, begin, end),
        cmocka_unit_test_setup_teardown(test_full_says_that_none_is_free, begin, end),
        cmocka_unit_test_setup_teardown(test_gone, begin, end),
        cmocka_unit_test_setup_teardown(test_tokens_grow, begin, end),
        cmocka_unit_test_setup_teardown(test_tokens_are_ahead_of_the_clock, begin, end),
        cmocka_unit_test_setup_teardown(test_many_entries, begin, end),
        cmocka_unit_test_setup_teardown(test_values_of_any_length, begin_binary, end),
        cmocka_unit_test_setup_teardown(test_sums, begin, end),
        cmocka_unit_test_setup_teardown(test_long_keys, begin, end),
        cmocka_unit_test_setup_teardown(test_rebuild, begin, end),
        cmocka_unit_test_setup_teardown(test_uniform, begin, end),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests_name("scripts_limits", tests, NULL, NULL));
}
