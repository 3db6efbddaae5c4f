/*
 * partitions.c - commands on a store of several partitions, as bytes: which are asked, what, and
 * how many answers become one, whatever they are
 */
#include "../chisquare.h"
#include "../heap.h"
#include "../items.h"

#include "remote/spread.h"

/* -- A store without a server --------------------------------------------------------- */

enum { COUNT_OF_PARTS = 3, ROUNDS = 10000 };

struct store {
    xkv_options options;
    xkv__dialect dialect;
    xkv__exchange exchange;
    xkv__call call;
    xkv_reply reply;
    xkv__buffer asked[XKV__PARTITIONS_MAX];
};

static void store_begin(struct store *store, unsigned count) {
    memset(store, 0, sizeof *store);
    xkv_options_init(&store->options);
    store->options.serialization = XKV_STRING;
    store->options.name = "shop";
    store->dialect = (xkv__dialect){.options = &store->options, .serialization = XKV_STRING};
    memcpy(store->dialect.id, "0123456789abcdef", XKV__ID_SIZE);
    MUST(xkv__partitions_name(&store->dialect, count) == XKV_OK);
    xkv_reply_init(&store->reply, NULL, 0);
}

static void store_end(struct store *store) {
    for (unsigned i = 0; i < XKV__PARTITIONS_MAX; i++)
        xkv__buffer_free(&store->asked[i]);
    xkv__partitions_free(&store->dialect);
    xkv_reply_clear(&store->reply);
}

static void begin(struct store *store, const xkv_command *command) {
    xkv_reply_clear(&store->reply);
    store->call = (xkv__call){.command = command, .reply = &store->reply, .seed = XKV_NO_SEED};
    xkv__exchange_begin(&store->exchange, &store->call);
}

/* Asks whoever is to be asked: whom, or 0 if that fails. */
static uint64_t ask_all(struct store *store) {
    uint64_t whom = xkv__whom(&store->dialect, &store->exchange);

    for (uint64_t left = whom; left != 0; left &= left - 1) {
        unsigned place = XKV__LOWEST_BIT(left);
        store->asked[place].len = 0;
        if (xkv__ask(&store->dialect, &store->exchange, place, false, &store->asked[place]) !=
            XKV_OK)
            return 0;
    }
    return whom;
}

static int answer_all(struct store *store, uint64_t whom, const char *const *texts) {
    xkv__answers given = {.from = whom};

    for (unsigned i = 0; i < store->dialect.count; i++)
        given.of[i] = xkv_text(texts[i]);
    return xkv__answer(&store->dialect, &store->exchange, &given);
}

/* Whether what a partition was asked has a text in it. */
static bool asked_for(const struct store *store, unsigned place, const char *text) {
    const xkv__buffer *asked = &store->asked[place];
    return memmem(asked->data, asked->len, text, strlen(text)) != NULL;
}

/* -- Routing ----------------------------------------------------------------------------- */

static uint64_t whom_of(struct store *store, const xkv_command *command) {
    begin(store, command);
    uint64_t whom = xkv__whom(&store->dialect, &store->exchange);
    xkv__exchange_end(&store->exchange);
    return whom;
}

#define WHOM(store, ...) whom_of((store), &(xkv_command){__VA_ARGS__})

static void test_keys_are_spread(void **state) {
    enum { KEYS = 64000 };
    uint64_t counts[64] = {0};
    struct store store;
    char key[32];

    (void)state;
    store_begin(&store, 64);
    for (int i = 0; i < KEYS; i++) {
        int len = snprintf(key, sizeof key, "user:%d:%x", i, i * 7919);
        counts[xkv__partition_of(&store.dialect, bytes_of(key, (size_t)len))]++;
    }
    assert_true(counts_are_even(counts, 64));
    store_end(&store);
}

static void test_tags(void **state) {
    static const char *const all[] = {"", "a", "{", "{a", "{}", "{}a", "a{}{b}", "a}b"};
    struct store store;

    (void)state;
    store_begin(&store, 64);
    unsigned of_tag = xkv__partition_of(&store.dialect, LIT("b"));
    assert_int_equal(xkv__partition_of(&store.dialect, LIT("x{b}y")), of_tag);
    assert_int_equal(xkv__partition_of(&store.dialect, LIT("{b}{c}")), of_tag);
    for (size_t i = 0; i < COUNT(all); i++)
        assert_true(WHOM(&store, .op = XKV_OP_COUNT, .prefix = xkv_text(all[i])) == UINT64_MAX);
    assert_true(WHOM(&store, .op = XKV_OP_COUNT, .prefix = LIT("a{b}")) == UINT64_C(1) << of_tag);
    assert_true(WHOM(&store, .op = XKV_OP_GET, .key = LIT("a{b}")) == UINT64_C(1) << of_tag);
    assert_true(WHOM(&store, .op = XKV_OP_RANDOM_KEY, .prefix = LIT("{b}1")) == UINT64_C(1)
                                                                                    << of_tag);
    assert_true(WHOM(&store, .op = XKV_OP_SIZE) == UINT64_MAX);
    assert_true(WHOM(&store, .op = XKV_OP_GET_MANY) == 1);
    store_end(&store);
}

/* A key in each partition. */
static const char *key_in(const struct store *store, unsigned place) {
    static char keys[XKV__PARTITIONS_MAX][16];

    for (int n = 0;; n++) {
        int len = snprintf(keys[place], sizeof keys[place], "key%d", n);
        if (xkv__partition_of(&store->dialect, bytes_of(keys[place], (size_t)len)) == place)
            return keys[place];
    }
}

static void test_items_are_parted(void **state) {
    struct store store;
    xkv_items items = NO_ITEMS;

    (void)state;
    store_begin(&store, COUNT_OF_PARTS);
    const char *a = key_in(&store, 0), *b = key_in(&store, 2);
    items_add(&items, xkv_text(b), LIT("second"));
    items_add(&items, xkv_text(a), LIT("first"));
    xkv_command command = {.op = XKV_OP_SET_MANY, .items = xkv_items_bytes(&items)};
    begin(&store, &command);
    assert_int_equal(ask_all(&store), 1 | 1 << 2);
    assert_true(asked_for(&store, 0, a) && asked_for(&store, 0, "first"));
    assert_true(asked_for(&store, 2, b) && asked_for(&store, 2, "second"));
    assert_false(asked_for(&store, 0, b) || asked_for(&store, 2, a));
    assert_int_equal(answer_all(&store, 1 | 1 << 2, (const char *[]){":1\r\n", "", ":1\r\n"}),
                     XKV_OK);
    assert_int_equal(store.reply.number, 2);
    xkv__exchange_end(&store.exchange);
    xkv_items_free(&items);
    store_end(&store);
}

/* -- Merging -------------------------------------------------------------------------------- */

#define ID "$16\r\n0123456789abcdef\r\n"

enum { ALL = (1 << COUNT_OF_PARTS) - 1 };

/* What comes of one question, and the answers of three partitions. */
static int merged(struct store *store, const xkv_command *command, const char *first,
                  const char *second, const char *third) {
    begin(store, command);
    MUST(ask_all(store) != 0);
    int error =
        answer_all(store, store->exchange.spread->whom, (const char *[]){first, second, third});
    xkv__exchange_end(&store->exchange);
    return error;
}

#define MERGED(store, a, b, c, ...) merged((store), &(xkv_command){__VA_ARGS__}, (a), (b), (c))

#define A1 "$1\r\na\r\n$1\r\n1\r\n"
#define B2 "$1\r\nb\r\n$1\r\n2\r\n"
#define C3 "$1\r\nc\r\n$1\r\n3\r\n"
#define D4 "$1\r\nd\r\n$1\r\n4\r\n"

static void test_numbers(void **state) {
    struct store store;

    (void)state;
    store_begin(&store, COUNT_OF_PARTS);
    assert_int_equal(MERGED(&store, ":1\r\n", ":20\r\n", ":300\r\n", .op = XKV_OP_SIZE), XKV_OK);
    assert_int_equal(store.reply.number, 321);
    assert_int_equal(MERGED(&store, ":1\r\n", ":-2\r\n", ":3\r\n", .op = XKV_OP_SIZE),
                     XKV_E_SERVER_UNAVAILABLE);
    assert_int_equal(
        MERGED(&store, ":9223372036854775807\r\n", ":1\r\n", ":1\r\n", .op = XKV_OP_SIZE),
        XKV_E_SERVER_UNAVAILABLE);
    store_end(&store);
}

static void test_lists(void **state) {
    struct store store;

    (void)state;
    store_begin(&store, COUNT_OF_PARTS);
    assert_int_equal(MERGED(&store, "*4\r\n" A1 D4, "*0\r\n", "*4\r\n" B2 C3, .op = XKV_OP_LIST),
                     XKV_OK);
    assert_string_equal(reply_text(&store.reply),
                        "[{\"key\":\"a\",\"value\":1},{\"key\":\"b\",\"value\":2},"
                        "{\"key\":\"c\",\"value\":3},{\"key\":\"d\",\"value\":4}]");
    assert_int_equal(
        MERGED(&store, "*2\r\n" D4, "*2\r\n" C3, "*2\r\n" A1, .op = XKV_OP_LIST, .limit = 1),
        XKV_OK);
    assert_string_equal(reply_text(&store.reply), "[{\"key\":\"a\",\"value\":1}]");
    assert_int_equal(MERGED(&store, "*1\r\n$1\r\nd\r\n", "*1\r\n$1\r\na\r\n", "*0\r\n",
                            .op = XKV_OP_SCAN_KEYS, .limit = 1),
                     XKV_OK);
    assert_non_null(strstr(reply_text(&store.reply), "\"keys\":[\"a\"]"));
    assert_non_null(strstr(reply_text(&store.reply), "\"done\":false"));
    assert_int_equal(MERGED(&store, "*1\r\n$1\r\nd\r\n", "*0\r\n", "*0\r\n", .op = XKV_OP_LIST),
                     XKV_E_SERVER_UNAVAILABLE);
    store_end(&store);
}

/* Each item has its answer, in the order asked; and each partition's id is looked at. */
static void test_items_in_order(void **state) {
    struct store store;

    (void)state;
    store_begin(&store, COUNT_OF_PARTS);
    const char *keys[] = {key_in(&store, 2), key_in(&store, 0), key_in(&store, 1), NULL};
    xkv_items items = keys_of(keys);
    const xkv_bytes bytes = xkv_items_bytes(&items);
    assert_int_equal(MERGED(&store, "*2\r\n" ID "$1\r\n0\r\n", "*2\r\n" ID "$-1\r\n",
                            "*2\r\n" ID "$1\r\n2\r\n", .op = XKV_OP_GET_MANY, .items = bytes),
                     XKV_OK);
    const char *text = reply_text(&store.reply);
    assert_true(strstr(text, "\"value\":2") < strstr(text, "\"value\":0"));
    assert_true(strstr(text, "\"value\":0") < strstr(text, "\"value\":null"));
    assert_int_equal(MERGED(&store, "*2\r\n" ID "$1\r\n0\r\n", "*2\r\n$-1\r\n$-1\r\n",
                            "*2\r\n" ID "$1\r\n2\r\n", .op = XKV_OP_GET_MANY, .items = bytes),
                     XKV_E_STORE_LOST);
    assert_int_equal(MERGED(&store, "*3\r\n" ID "$1\r\n0\r\n$1\r\n0\r\n", "*2\r\n" ID "$-1\r\n",
                            "*1\r\n" ID, .op = XKV_OP_GET_MANY, .items = bytes),
                     XKV_E_SERVER_UNAVAILABLE);
    xkv_items_free(&items);
    store_end(&store);
}

/* -- Draws ------------------------------------------------------------------------------------- */

/* The first draw counts; what it finds is remembered, and the next is one question. */
static void test_draws_remember(void **state) {
    const xkv_command command = {.op = XKV_OP_RANDOM_KEY, .prefix = LIT("p")};
    static const char *const counts[] = {":1000\r\n", ":2000\r\n", ":3000\r\n"};
    static const char *const drawn[] = {"*2\r\n:1000\r\n$2\r\np0\r\n",
                                        "*2\r\n:2000\r\n$2\r\np1\r\n",
                                        "*2\r\n:3000\r\n$2\r\np2\r\n"};
    static const char *const grown[] = {"*1\r\n:9000\r\n", "*1\r\n:9000\r\n", "*1\r\n:9000\r\n"};
    struct store store;

    (void)state;
    store_begin(&store, COUNT_OF_PARTS);
    begin(&store, &command);
    assert_int_equal(ask_all(&store), ALL);
    assert_int_equal(answer_all(&store, ALL, counts), XKV__ASK_AGAIN);
    uint64_t whom = ask_all(&store);
    assert_true(whom == 1 || whom == 2 || whom == 4);
    assert_int_equal(answer_all(&store, whom, drawn), XKV_OK);
    assert_int_equal(store.reply.number, 6000);
    xkv__exchange_end(&store.exchange);
    begin(&store, &command);
    whom = ask_all(&store);
    assert_true(whom == 1 || whom == 2 || whom == 4);
    assert_int_equal(answer_all(&store, whom, grown), XKV__ASK_AGAIN);
    assert_int_equal(ask_all(&store), ALL); /* there are more than the bound: counted anew */
    xkv__exchange_end(&store.exchange);
    store_end(&store);
}

/* Partitions are chosen in proportion to what they hold, and the many are split likewise. */
static void test_proportions(void **state) {
    enum { DRAWS = 60000 };
    uint64_t ones[6] = {0}, many[6] = {0};
    struct store store;
    struct xkv__spread spread = {.round = 0};

    (void)state;
    store_begin(&store, COUNT_OF_PARTS);
    begin(&store, &(xkv_command){.op = XKV_OP_RANDOM_KEYS});
    store.exchange.spread = &spread;
    for (int i = 0; i < DRAWS; i++) {
        memcpy(spread.share, (int64_t[]){1, 2, 3}, 3 * sizeof(int64_t));
        unsigned place = XKV__LOWEST_BIT(xkv__draw_place(&store.exchange));
        ones[place == 0 ? 0 : place == 1 ? 1 + i % 2 : 3 + i % 3]++;
        int64_t count = 1 + i % 5;
        (void)xkv__draw_split(&store.exchange, count, i % 2);
        assert_int_equal(spread.share[0] + spread.share[1] + spread.share[2], count);
        assert_true(i % 2 ||
                    (spread.share[0] <= 1 && spread.share[1] <= 2 && spread.share[2] <= 3));
        many[0] += (uint64_t)spread.share[0] * 2;
        many[1] += (uint64_t)spread.share[1];
        many[2] += (uint64_t)spread.share[1];
    }
    store.exchange.spread = NULL;
    assert_true(counts_are_even(ones, 6));
    double expected = (double)DRAWS * 3 / 6; /* of three a draw, of which the first has a sixth */
    assert_true((double)many[0] / 2 > expected * 0.97 && (double)many[0] / 2 < expected * 1.03);
    assert_true((double)many[1] > 2 * expected * 0.97 && (double)many[1] < 2 * expected * 1.03);
    store_end(&store);
}

/* -- Whatever they answer ------------------------------------------------------------------------
 */

#define CLAIM "$2\r\n17\r\n$4\r\n5000\r\n$1\r\na\r\n$1\r\n1\r\n"

static const char *const anything[] = {
    ":0\r\n",
    ":1\r\n",
    ":2\r\n",
    ":700\r\n",
    ":-1\r\n",
    ":9223372036854775807\r\n",
    "$-1\r\n",
    "*-1\r\n",
    "$0\r\n\r\n",
    "$1\r\na\r\n",
    "$2\r\nkx\r\n",
    "$2\r\n10\r\n",
    "$3\r\n111\r\n",
    "*0\r\n",
    "*1\r\n:0\r\n",
    "*1\r\n:5\r\n",
    "*1\r\n$1\r\na\r\n",
    "*1\r\n$-1\r\n",
    "*1\r\n*0\r\n",
    "*2\r\n:3\r\n$1\r\na\r\n",
    "*2\r\n:0\r\n:1\r\n",
    "*2\r\n" A1,
    "*3\r\n:5\r\n" A1,
    "*4\r\n" A1 B2,
    "*4\r\n" CLAIM,
    "*5\r\n:9\r\n" CLAIM,
    "*8\r\n" CLAIM CLAIM,
    "*2\r\n" ID "$1\r\nv\r\n",
    "*3\r\n" ID "$1\r\nv\r\n$-1\r\n",
    "*1\r\n" ID,
    "*1\r\n$4\r\nbusy\r\n",
    "*2\r\n$7\r\nmissing\r\n$-1\r\n",
    "*1\r\n*3\r\n$2\r\n17\r\n$4\r\n5000\r\n$1\r\n1\r\n",
    "*2\r\n*3\r\n$2\r\n17\r\n$4\r\n5000\r\n$1\r\n1\r\n$4\r\nbusy\r\n",
    "*5\r\n:9\r\n:4\r\n:2\r\n:9\r\n:9\r\n",
    "*5\r\n:9\r\n:1\r\n:2\r\n:9\r\n:9\r\n",
};

static xkv_items some_keys, some_entries, some_claims;

static void items_make(const struct store *store) {
    for (unsigned n = 0; n < 4; n++) {
        xkv_bytes key = xkv_text(key_in(store, n % COUNT_OF_PARTS));
        items_add(&some_keys, key, NOTHING);
        items_add(&some_entries, key, LIT("v"));
        MUST(xkv_items_add_claim(&some_claims, LIT("claim-17"), key, 17) == XKV_OK);
    }
}

static void items_end(void) {
    xkv_items_free(&some_keys);
    xkv_items_free(&some_entries);
    xkv_items_free(&some_claims);
}

static xkv_command any_command(struct rng *rng, int op) {
    xkv_command command = {.op = op, .key = LIT("k"), .value = LIT("v"), .owner = LIT("me")};
    bool claims = op >= XKV_OP_RENEW_CLAIM && op <= XKV_OP_COMPLETE_CLAIMS;

    command.prefix = rng_chance(rng, 500) ? LIT("") : LIT("p");
    command.items = xkv_items_bytes(op == XKV_OP_SET_MANY ? &some_entries
                                    : claims              ? &some_claims
                                                          : &some_keys);
    command.limit = 1 + (int64_t)rng_below(rng, 3);
    command.count = 1 + (int64_t)rng_below(rng, 5);
    command.ttl_ms = 1000;
    command.repeats = rng_chance(rng, 500);
    command.all_or_nothing = rng_chance(rng, 500);
    return command;
}

/* Goes on until it is over: how many steps that took. Most answers are the same for all: else it
 * would hardly ever go on. */
static int answer_anything(struct store *store, struct rng *rng) {
    const char *texts[XKV__PARTITIONS_MAX];
    int error = XKV__ASK_AGAIN, steps = 0;

    for (; error == XKV__ASK_AGAIN && steps < 50; steps++) {
        const char *most = anything[rng_below(rng, COUNT(anything))];
        uint64_t whom = ask_all(store);
        if (whom == 0)
            break;
        for (unsigned i = 0; i < COUNT_OF_PARTS; i++)
            texts[i] = rng_chance(rng, 800) ? most : anything[rng_below(rng, COUNT(anything))];
        error = answer_all(store, whom, texts);
    }
    return steps;
}

static void test_hostile(void **state) {
    struct rng rng = rng_for("hostile");
    struct store store;
    int deepest = 0;

    (void)state;
    store_begin(&store, COUNT_OF_PARTS);
    items_make(&store);
    for (int round = 0; round < ROUNDS; round++) {
        for (int op = 0; op < XKV_OP_END; op++) {
            xkv_command command = any_command(&rng, op);
            begin(&store, &command);
            int steps = answer_anything(&store, &rng);
            deepest = steps > deepest ? steps : deepest;
            xkv__exchange_end(&store.exchange);
        }
    }
    items_end();
    store_end(&store);
    assert_true(deepest > 3);
}

/* -- Want of memory
 * --------------------------------------------------------------------------------- */

/* The same commands and answers, and one allocation after the other fails. */
static void fail_one(struct store *store, int op, uint64_t seed) {
    bool failed = true;

    for (long at = 1; failed; at++) {
        struct rng rng = {seed};
        long live = heap.live;
        xkv_command command = any_command(&rng, op);
        heap_fail_at(at, false);
        begin(store, &command);
        (void)answer_anything(store, &rng);
        xkv__exchange_end(&store->exchange);
        failed = heap_failed();
        xkv_reply_clear(&store->reply);
        for (unsigned i = 0; i < XKV__PARTITIONS_MAX; i++)
            xkv__buffer_free(&store->asked[i]);
        MUST(heap.live <= live);
    }
}

static void test_failing_allocations(void **state) {
    struct rng rng = rng_for("memory");
    struct store store;

    (void)state;
    xkv_set_hooks(&heap_hooks);
    store_begin(&store, COUNT_OF_PARTS);
    items_make(&store);
    for (int round = 0; round < ROUNDS / 200; round++) {
        for (int op = 0; op < XKV_OP_END; op++)
            fail_one(&store, op, rng_next(&rng));
    }
    items_end();
    store_end(&store);
    assert_int_equal(heap.live, 0);
    xkv_set_hooks(NULL);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_spread),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_items_are_parted),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_items_in_order),
        cmocka_unit_test(test_draws_remember),
        cmocka_unit_test(test_proportions),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_failing_allocations),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
