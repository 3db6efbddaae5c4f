/*
 * protocol.c - what servers are asked, byte by byte, and what becomes of whatever they answer
 */
#include "../heap.h"
#include "../items.h"

#include "base/error.h"
#include "base/random.h"
#include "remote/protocol.h"

/* -- A store on a server, without one ------------------------------------------------ */

struct spoken {
    xkv_options options;
    xkv__dialect dialect;
    xkv__buffer out;
    xkv_reply reply;
};

static void spoken_begin(struct spoken *spoken, int serialization) {
    *spoken = (struct spoken){.out = {NULL, 0, 0, XKV_OK}};
    xkv_options_init(&spoken->options);
    spoken->options.serialization = serialization;
    spoken->options.name = "shop";
    spoken->dialect = (xkv__dialect){.options = &spoken->options, .serialization = serialization};
    memcpy(spoken->dialect.id, "0123456789abcdef", XKV__ID_SIZE);
    MUST(xkv__partitions_name(&spoken->dialect, 1) == XKV_OK);
    xkv_reply_init(&spoken->reply, NULL, 0);
}

static void spoken_end(struct spoken *spoken) {
    xkv__partitions_free(&spoken->dialect);
    xkv__buffer_free(&spoken->out);
    xkv_reply_clear(&spoken->reply);
}

static int ask_call(struct spoken *spoken, const xkv__call *call, bool whole) {
    xkv__exchange exchange;

    xkv__exchange_begin(&exchange, call);
    int error = xkv__ask(&spoken->dialect, &exchange, 0, whole, &spoken->out);
    xkv__exchange_end(&exchange);
    return error;
}

static int ask_command(struct spoken *spoken, const xkv_command *command) {
    return ask_call(spoken, &(xkv__call){.command = command, .seed = XKV_NO_SEED}, false);
}

/* Gives an answer to a command, whose reply it fills if it succeeds. */
static int answer_command(struct spoken *spoken, const xkv_command *command, xkv_bytes answer) {
    const xkv__answers given = {.from = 1, .of = {answer}};
    const xkv__call call = {.command = command, .reply = &spoken->reply, .seed = XKV_NO_SEED};
    xkv__exchange exchange;

    xkv_reply_clear(&spoken->reply);
    xkv__exchange_begin(&exchange, &call);
    int error = xkv__answer(&spoken->dialect, &exchange, &given);
    xkv__exchange_end(&exchange);
    return error;
}

/* Whether what was asked ends, or begins, like that. */
static bool asked_ends(const struct spoken *spoken, const char *end) {
    size_t len = strlen(end);
    return spoken->out.len >= len &&
           memcmp(spoken->out.data + spoken->out.len - len, end, len) == 0;
}

static bool asked_begins(const struct spoken *spoken, const char *begin) {
    return starts_with(xkv__buffer_bytes(&spoken->out), xkv_text(begin));
}

/* -- One command of each kind, and what a server answers to it ------------------------ */

static xkv_items two_keys, two_entries, two_claims, one_claim;

struct exchange {
    xkv_command command;
    const char *answer;
};

#define ID    "$16\r\n0123456789abcdef\r\n"
#define CLAIM "$2\r\n17\r\n$4\r\n5000\r\n$1\r\na\r\n$1\r\n1\r\n"
#define GIVEN "$4\r\n5000\r\n$1\r\n1\r\n"

static struct exchange samples[XKV_OP_END];

static void sample(xkv_command command, const char *answer) {
    command.key = LIT("a");
    command.value = LIT("1");
    command.expected = LIT("{\"a\":1}");
    command.owner = LIT("me");
    command.prefix = LIT("p");
    command.ttl_ms = 1000;
    command.count = 2;
    samples[command.op] = (struct exchange){command, answer};
}

static void samples_make(void) {
    static const struct ticket list[] = {{"claim-17", "a", 17, 0}, {"claim-18", "b", 18, 0}};

    two_keys = KEYS("a", "b");
    two_entries = ENTRIES("a", "1", "b", "2");
    two_claims = tickets(list, 2);
    one_claim = tickets(list, 1);
    const xkv_bytes keys = xkv_items_bytes(&two_keys), claims = xkv_items_bytes(&two_claims);
    const xkv_bytes claim = xkv_items_bytes(&one_claim);

#define SAMPLE(name, text, ...) sample((xkv_command){.op = XKV_OP_##name, __VA_ARGS__}, text)
    SAMPLE(GET, "*2\r\n" ID "$1\r\n1\r\n", .limit = 0);
    SAMPLE(SET, ":1\r\n", .limit = 0);
    SAMPLE(DELETE, ":1\r\n", .limit = 0);
    SAMPLE(EXISTS, ":1\r\n", .limit = 0);
    SAMPLE(CLEAR, ":1\r\n", .limit = 0);
    SAMPLE(SIZE, ":1\r\n", .limit = 0);
    SAMPLE(LIST, "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n", .limit = 2);
    SAMPLE(RANDOM_KEY, "*2\r\n:2\r\n$1\r\na\r\n", .limit = 0);
    SAMPLE(REBUILD_KEY_LIST, ":1\r\n", .limit = 0);
    SAMPLE(GET_MANY, "*3\r\n" ID "$1\r\n1\r\n$-1\r\n", .items = keys);
    SAMPLE(SET_MANY, ":2\r\n", .items = xkv_items_bytes(&two_entries));
    SAMPLE(DELETE_MANY, ":1\r\n", .items = keys);
    SAMPLE(DELETE_BY_PREFIX, "*2\r\n:2\r\n:1\r\n", .limit = 2);
    SAMPLE(SCAN, "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n", .limit = 1);
    SAMPLE(SCAN_KEYS, "*2\r\n$1\r\na\r\n$1\r\nb\r\n", .limit = 1);
    SAMPLE(LIST_KEYS, "*2\r\n$1\r\na\r\n$1\r\nb\r\n", .limit = 0);
    SAMPLE(COUNT, ":2\r\n", .limit = 0);
    SAMPLE(RANDOM_ENTRY, "*2\r\n$1\r\na\r\n$1\r\n1\r\n", .limit = 0);
    SAMPLE(RANDOM_KEYS, "*2\r\n$1\r\na\r\n$1\r\nb\r\n", .limit = 0);
    SAMPLE(NEXT_CIRCULAR, "*2\r\n$1\r\na\r\n$1\r\n1\r\n", .limit = 0);
    SAMPLE(NEXT, "*2\r\n$1\r\na\r\n$1\r\n1\r\n", .limit = 0);
    SAMPLE(INCREMENT_BY, "$1\r\n7\r\n", .delta = -5);
    SAMPLE(GET_OR_SET, "$1\r\n7\r\n", .limit = 0);
    SAMPLE(SWAP, "$-1\r\n", .limit = 0);
    SAMPLE(SET_IF_ABSENT, ":0\r\n", .limit = 0);
    SAMPLE(DELETE_IF_EXISTS, ":0\r\n", .limit = 0);
    SAMPLE(COMPARE_AND_SWAP, ":1\r\n", .limit = 0);
    SAMPLE(COMPARE_AND_SWAP_DETAILED, "$1\r\n7\r\n", .include_current = true);
    SAMPLE(COMPARE_AND_DELETE, "$-1\r\n", .limit = 0);
    SAMPLE(COMPARE_AND_DELETE_DETAILED, ":0\r\n", .limit = 0);
    SAMPLE(CLAIM_RANDOM, "*4\r\n" CLAIM, .limit = 0);
    SAMPLE(CLAIM_KEY, "*0\r\n", .limit = 0);
    SAMPLE(CLAIM_NEXT, "*4\r\n" CLAIM, .limit = 0);
    SAMPLE(CLAIM_FOR_OWNER, "*4\r\n" CLAIM, .limit = 0);
    SAMPLE(CLAIM_RANDOM_MANY, "*8\r\n" CLAIM CLAIM, .limit = 0);
    SAMPLE(CLAIM_KEYS, "*2\r\n*3\r\n$2\r\n17\r\n" GIVEN "$4\r\nbusy\r\n", .items = keys);
    SAMPLE(RENEW_CLAIM, "$1\r\n1\r\n", .items = claim);
    SAMPLE(RENEW_CLAIMS, "$2\r\n10\r\n", .items = claims);
    SAMPLE(RELEASE_CLAIM, "$1\r\n0\r\n", .items = claim);
    SAMPLE(RELEASE_CLAIMS, "$2\r\n00\r\n", .items = claims);
    SAMPLE(COMPLETE_CLAIM, "$1\r\n1\r\n", .items = claim);
    SAMPLE(COMPLETE_CLAIMS, "$2\r\n11\r\n", .items = claims);
    SAMPLE(POP_RANDOM, "*2\r\n$1\r\na\r\n$1\r\n1\r\n", .limit = 0);
    SAMPLE(POP_RANDOM_MANY, "*2\r\n$1\r\na\r\n$1\r\n1\r\n", .limit = 0);
    SAMPLE(POP_NEXT, "*0\r\n", .limit = 0);
    SAMPLE(STATS, "*5\r\n:3\r\n:2\r\n:1\r\n:3\r\n:3\r\n", .limit = 0);
    SAMPLE(ALLOCATION_STATS, "*5\r\n:3\r\n:2\r\n:1\r\n:9\r\n:9\r\n", .limit = 0);
    SAMPLE(REPORT_STATS, "*5\r\n:3\r\n:2\r\n:1\r\n:3\r\n:3\r\n", .limit = 0);
}

/* -- What is asked ---------------------------------------------------------------- */

static void test_plain_commands(void **state) {
    struct spoken spoken;

    (void)state;
    spoken_begin(&spoken, XKV_STRING);
    assert_int_equal(ask_command(&spoken, &(xkv_command){.op = XKV_OP_GET, .key = LIT("a\0b")}), 0);
    static const char get[] =
        "*4\r\n$5\r\nHMGET\r\n$12\r\nxkv:{shop}:d\r\n$0\r\n\r\n$3\r\na\0b\r\n";
    assert_int_equal(spoken.out.len, sizeof get - 1);
    assert_memory_equal(spoken.out.data, get, sizeof get - 1);

    spoken.out.len = 0;
    xkv_items keys = KEYS("a", "");
    assert_int_equal(ask_command(&spoken, &(xkv_command){.op = XKV_OP_GET_MANY,
                                                         .items = xkv_items_bytes(&keys)}),
                     XKV_OK);
    assert_true(asked_begins(&spoken, "*5\r\n$5\r\nHMGET\r\n"));
    assert_true(asked_ends(&spoken, "$0\r\n\r\n$1\r\na\r\n$1\r\n\xff\r\n")); /* never the id */
    xkv_items_free(&keys);
    spoken_end(&spoken);
}

/* Others of the same kind are asked along: the head grows, by a digit, too. */
static void test_asked_along(void **state) {
    static const char two[] =
        "*5\r\n$5\r\nHMGET\r\n$12\r\nxkv:{shop}:d\r\n$0\r\n\r\n$1\r\na\r\n$1\r\nb\r\n";
    const xkv_command first = {.op = XKV_OP_GET, .key = LIT("a")};
    const xkv_command second = {.op = XKV_OP_GET, .key = LIT("b")};
    const xkv_command set = {.op = XKV_OP_SET, .key = LIT("b"), .value = LIT("v")};
    const xkv__call call = {.command = &first}, along = {.command = &second},
                    other = {.command = &set};
    xkv__exchange exchange, follower, stranger;
    struct spoken spoken;

    (void)state;
    spoken_begin(&spoken, XKV_STRING);
    xkv__exchange_begin(&exchange, &call);
    xkv__exchange_begin(&follower, &along);
    xkv__exchange_begin(&stranger, &other);
    assert_true(xkv__may_share(&exchange, &follower));
    assert_false(xkv__may_share(&exchange, &stranger));
    xkv__buffer_append(&spoken.out, "before", 6);
    assert_int_equal(xkv__ask(&spoken.dialect, &exchange, 0, false, &spoken.out), XKV_OK);
    assert_int_equal(xkv__ask_along(&spoken.dialect, &follower, 0, 6, &spoken.out), XKV_OK);
    assert_int_equal(spoken.out.len, 6 + sizeof two - 1);
    assert_memory_equal(spoken.out.data + 6, two, sizeof two - 1);
    for (int n = 0; n < 95; n++)
        assert_int_equal(xkv__ask_along(&spoken.dialect, &follower, 0, 6, &spoken.out), XKV_OK);
    assert_memory_equal(spoken.out.data, "before*100\r\n$5\r\nHMGET", 21);
    assert_int_equal(spoken.out.len, 6 + sizeof two - 1 + 2 + 95 * 7);
    assert_true(asked_ends(&spoken, "$1\r\nb\r\n$1\r\nb\r\n"));
    xkv__exchange_end(&exchange);
    xkv__exchange_end(&follower);
    xkv__exchange_end(&stranger);
    spoken_end(&spoken);
}

/* Each has its own of a common answer; and one that there is none of is not ours. */
static void test_seats(void **state) {
    const xkv_command get = {.op = XKV_OP_GET, .key = LIT("a")};
    const xkv__answers given = {.from = 1, .of = {LIT("*3\r\n" ID "$1\r\nx\r\n$-1\r\n")}};
    static const int expected[] = {XKV_OK, XKV_E_KEY_NOT_FOUND, XKV_E_SERVER_UNAVAILABLE};
    struct spoken spoken;

    (void)state;
    spoken_begin(&spoken, XKV_STRING);
    for (unsigned seat = 0; seat < COUNT(expected); seat++) {
        const xkv__call call = {.command = &get, .reply = &spoken.reply, .seed = XKV_NO_SEED};
        xkv__exchange exchange;
        xkv_reply_clear(&spoken.reply);
        xkv__exchange_begin(&exchange, &call);
        exchange.seat = seat;
        assert_int_equal(xkv__answer(&spoken.dialect, &exchange, &given), expected[seat]);
        xkv__exchange_end(&exchange);
    }
    spoken_end(&spoken);
}

static void test_arguments(void **state) {
    struct spoken spoken;

    (void)state;
    spoken_begin(&spoken, XKV_JSON);
#define ENDS(end, ...)                                                                             \
    do {                                                                                           \
        spoken.out.len = 0;                                                                        \
        assert_int_equal(ask_command(&spoken, &(xkv_command){__VA_ARGS__}), XKV_OK);               \
        assert_true(asked_ends(&spoken, end));                                                     \
    } while (0)
    ENDS(ID "$1\r\na\r\n$2\r\n42\r\n", .op = XKV_OP_SET, .key = LIT("a"), .value = LIT("42"));
    ENDS("$1\r\na\r\n$20\r\n-9223372036854775808\r\n$1\r\n1\r\n", .op = XKV_OP_INCREMENT_BY,
         .key = LIT("a"), .delta = INT64_MIN);
    ENDS(ID "$1\r\n(\r\n$1\r\n+\r\n", .op = XKV_OP_COUNT);
    ENDS(ID "$3\r\n(ab\r\n$3\r\n(ac\r\n", .op = XKV_OP_COUNT, .prefix = LIT("ab"));
    ENDS(ID "$1\r\n-\r\n$1\r\n+\r\n$2\r\n-1\r\n", .op = XKV_OP_LIST);
    ENDS(ID "$5\r\n[\xf4\x8f\xbf\xbf\r\n$5\r\n(\xf4\x8f\xbf\xc0\r\n$1\r\n3\r\n", .op = XKV_OP_LIST,
         .prefix = LIT("\xf4\x8f\xbf\xbf"), .limit = 3);
    ENDS(ID "$1\r\n-\r\n$1\r\n+\r\n$1\r\n4\r\n", .op = XKV_OP_SCAN, .limit = 3);
    ENDS(ID "$2\r\n(a\r\n$1\r\n+\r\n$1\r\n4\r\n", .op = XKV_OP_SCAN, .limit = 3,
         .cursor = LIT("AWE="));
    ENDS("$0\r\n\r\n$5\r\n30000\r\n$1\r\na\r\n", .op = XKV_OP_CLAIM_KEY, .key = LIT("a"));
    spoken_end(&spoken);
}

/* What fails leaves what was appended before as it was. */
static void test_refused_before_asking(void **state) {
    static const char huge[1];
    struct spoken spoken;

    (void)state;
    spoken_begin(&spoken, XKV_STRING);
    ask_command(&spoken, &(xkv_command){.op = XKV_OP_SIZE});
    size_t len = spoken.out.len;
    assert_int_equal(
        ask_command(&spoken, &(xkv_command){.op = XKV_OP_SCAN, .cursor = LIT("nonsense")}),
        XKV_E_INVALID_CURSOR);
    /* Its length is looked at, its bytes never are. */
    assert_int_equal(
        ask_command(&spoken, &(xkv_command){.op = XKV_OP_SET,
                                            .key = LIT("a"),
                                            .value = {huge, (size_t)XKV__RESP_BULK_MAX + 1}}),
        XKV_E_STORE_FULL);
    assert_true(strstr(xkv__reason(XKV_E_STORE_FULL), "512 MiB") != NULL);
    assert_int_equal(spoken.out.len, len);
    spoken_end(&spoken);
}

/* What a call draws is a function of its seed, stream and number, and of nothing else. */
static void test_seeds(void **state) {
    const xkv_command command = {.op = XKV_OP_RANDOM_KEY};
    xkv__call call = {.command = &command, .seed = 5, .stream = 1, .number = 2};
    struct spoken one, other;

    (void)state;
    spoken_begin(&one, XKV_STRING);
    spoken_begin(&other, XKV_STRING);
    ask_call(&one, &call, false);
    (void)xkv__random_below(100);
    ask_call(&other, &call, false);
    assert_true(same_bytes(xkv__buffer_bytes(&one.out), xkv__buffer_bytes(&other.out)));
    call.number = 3;
    other.out.len = 0;
    ask_call(&other, &call, false);
    assert_false(same_bytes(xkv__buffer_bytes(&one.out), xkv__buffer_bytes(&other.out)));
    call.seed = XKV_NO_SEED;
    one.out.len = other.out.len = 0;
    ask_call(&one, &call, false);
    ask_call(&other, &call, false);
    assert_false(same_bytes(xkv__buffer_bytes(&one.out), xkv__buffer_bytes(&other.out)));
    spoken_end(&one);
    spoken_end(&other);
}

/* All commands are arrays of bulk strings, and say how many keys they have. */
static void test_well_formed(void **state) {
    struct spoken spoken;

    (void)state;
    spoken_begin(&spoken, XKV_JSON);
    for (int op = 0; op < XKV_OP_END; op++) {
        const xkv__call call = {.command = &samples[op].command, .seed = XKV_NO_SEED};
        for (int whole = 0; samples[op].answer && whole < 2; whole++) {
            xkv__resp_scan scan = {0};
            spoken.out.len = 0;
            assert_int_equal(ask_call(&spoken, &call, whole), XKV_OK);
            assert_int_equal(xkv__resp_scan_on(&scan, spoken.out.data, spoken.out.len),
                             XKV__RESP_WHOLE);
            assert_int_equal(scan.at, spoken.out.len);
        }
    }
    spoken_end(&spoken);
}

/* -- What is answered --------------------------------------------------------------- */

static void assert_items(const struct spoken *spoken, int op) {
    xkv_bytes items = {spoken->reply.data, spoken->reply.len};
    size_t at = 0;

    if (op == XKV_OP_GET || op == XKV_OP_RANDOM_KEY)
        return;
    for (xkv_item item; xkv_item_next(items, &at, &item);)
        continue;
    assert_int_equal(at, items.len);
}

static void test_answers(void **state) {
    struct spoken spoken;

    (void)state;
    spoken_begin(&spoken, XKV_JSON);
    for (int op = 0; op < XKV_OP_END; op++) {
        if (!samples[op].answer)
            continue;
        assert_int_equal(
            answer_command(&spoken, &samples[op].command, xkv_text(samples[op].answer)), XKV_OK);
        assert_items(&spoken, op);
    }
    answer_command(&spoken, &samples[XKV_OP_CLAIM_KEYS].command,
                   xkv_text(samples[XKV_OP_CLAIM_KEYS].answer));
    assert_string_equal(reply_text(&spoken.reply),
                        "{\"claimed\":[{\"id\":\"claim-17\",\"key\":\"a\",\"entry\":{\"key\":\"a\","
                        "\"value\":1},\"owner\":\"me\",\"token\":17,\"expiresAt\":5000}],"
                        "\"busy\":[\"b\"],\"missing\":[]}");
    spoken_end(&spoken);
}

static void test_lost(void **state) {
    static const char *const lost[] = {"*2\r\n$-1\r\n$1\r\n1\r\n",
                                       "*2\r\n$16\r\n0123456789abcdeF\r\n$1\r\n1\r\n"};
    const xkv_command get = {.op = XKV_OP_GET, .key = LIT("a")};
    struct spoken spoken;

    (void)state;
    spoken_begin(&spoken, XKV_STRING);
    for (size_t i = 0; i < COUNT(lost); i++)
        assert_int_equal(answer_command(&spoken, &get, xkv_text(lost[i])), XKV_E_STORE_LOST);
    assert_int_equal(answer_command(&spoken, &get, LIT("*2\r\n" ID "$-1\r\n")),
                     XKV_E_KEY_NOT_FOUND);
    spoken_end(&spoken);
}

static void test_equal_json_is_asked_again(void **state) {
    const xkv_command command = {.op = XKV_OP_COMPARE_AND_SWAP,
                                 .key = LIT("a"),
                                 .value = LIT("2"),
                                 .expected = LIT("{\"a\":1,\"b\":2}")};
    const xkv__answers equal = {1, {LIT("$15\r\n{\"b\":2, \"a\": 1}\r\n")}};
    const xkv__answers other = {1, {LIT("$1\r\n7\r\n")}};
    struct spoken spoken;
    xkv__exchange exchange;

    (void)state;
    spoken_begin(&spoken, XKV_JSON);
    const xkv__call call = {.command = &command, .reply = &spoken.reply, .seed = XKV_NO_SEED};
    xkv__exchange_begin(&exchange, &call);
    assert_int_equal(xkv__answer(&spoken.dialect, &exchange, &equal), XKV__ASK_AGAIN);
    assert_int_equal(xkv__ask(&spoken.dialect, &exchange, 0, false, &spoken.out), XKV_OK);
    assert_true(
        asked_ends(&spoken, "$1\r\n0\r\n$15\r\n{\"b\":2, \"a\": 1}\r\n$1\r\n1\r\n$1\r\n2\r\n"));
    assert_int_equal(xkv__answer(&spoken.dialect, &exchange, &other), XKV_OK);
    assert_int_equal(spoken.reply.number, 0);
    xkv__exchange_end(&exchange);
    spoken_end(&spoken);
}

/* -- What no server of ours answers ---------------------------------------------------- */

struct text {
    char bytes[4096];
    size_t len;
};

static void add_reply(struct rng *rng, struct text *text, unsigned depth) {
    static const char *const scalars[] = {"$-1\r\n",
                                          ":0\r\n",
                                          ":1\r\n",
                                          ":-1\r\n",
                                          ":9223372036854775807\r\n",
                                          "$0\r\n\r\n",
                                          "$1\r\n1\r\n",
                                          "$2\r\n10\r\n",
                                          "+OK\r\n",
                                          ID,
                                          "$4\r\nbusy\r\n",
                                          "$7\r\nmissing\r\n",
                                          "$2\r\n-5\r\n",
                                          "$3\r\n2 a\r\n",
                                          "$3\r\na\xff\x31\r\n",
                                          "$11\r\n17 5000 a\xff\x31\r\n",
                                          "_\r\n",
                                          "#t\r\n",
                                          ",1.5\r\n",
                                          "$7\r\n{\"a\":1}\r\n",
                                          "$16\r\n{\"a\":1         }\r\n"};
    size_t members = rng_below(rng, 9);

    if (text->len > sizeof text->bytes - 600)
        members = 0;
    if (depth > 2 || rng_chance(rng, depth == 0 ? 200 : 850)) {
        const char *scalar = scalars[rng_below(rng, COUNT(scalars))];
        memcpy(text->bytes + text->len, scalar, strlen(scalar));
        text->len += strlen(scalar);
        return;
    }
    text->len += (size_t)snprintf(text->bytes + text->len, 32, "*%zu\r\n", members);
    while (members-- > 0)
        add_reply(rng, text, depth + 1);
}

static void test_hostile_answers(void **state) {
    struct rng rng = rng_for("hostile");
    unsigned taken = 0, refused = 0;
    struct spoken spoken;

    (void)state;
    spoken_begin(&spoken, XKV_JSON);
    for (unsigned n = 0; n < 200000; n++) {
        int op = (int)rng_below(&rng, XKV_OP_END);
        struct text text = {.len = 0};
        if (!samples[op].answer)
            continue;
        add_reply(&rng, &text, 0);
        /* In memory of its own, so that what is read behind it is found out. */
        char *copy = malloc(text.len);
        MUST(copy);
        memcpy(copy, text.bytes, text.len);
        int error = answer_command(&spoken, &samples[op].command, bytes_of(copy, text.len));
        free(copy);
        taken += error == XKV_OK;
        refused += error == XKV_E_SERVER_UNAVAILABLE;
        if (error == XKV_OK)
            assert_items(&spoken, op);
        else
            assert_true(error == XKV_E_SERVER_UNAVAILABLE || error == XKV_E_STORE_LOST ||
                        error == XKV_E_KEY_NOT_FOUND || error == XKV_E_VALUE_PARSE ||
                        error == XKV__ASK_AGAIN);
    }
    assert_true(taken > 1000 && refused > 1000);
    spoken_end(&spoken);
}

/* -- No memory --------------------------------------------------------------------- */

static void fail_each(const struct exchange *exchange) {
    const xkv__call call = {.command = &exchange->command, .seed = XKV_NO_SEED};
    struct spoken spoken;
    long live;
    int error;

    spoken_begin(&spoken, XKV_JSON);
    live = heap.live;
    for (long n = 1;; n++) {
        heap_fail_at(n, true);
        error = ask_call(&spoken, &call, true);
        if (error == XKV_OK)
            error = answer_command(&spoken, &exchange->command, xkv_text(exchange->answer));
        bool failed = heap_failed();
        xkv__buffer_free(&spoken.out);
        xkv_reply_clear(&spoken.reply);
        assert_int_equal(heap.live, live);
        if (!failed)
            break;
        assert_int_equal(error, XKV_E_STORE_FULL);
    }
    assert_int_equal(error, XKV_OK);
    spoken_end(&spoken);
}

static void test_failing_allocations(void **state) {
    (void)state;
    xkv_set_hooks(&heap_hooks);
    for (int op = 0; op < XKV_OP_END; op++) {
        if (samples[op].answer)
            fail_each(&samples[op]);
    }
    for (long n = 1; n <= 3; n++) {
        struct spoken spoken = {.dialect = {.options = &spoken.options}};
        xkv_options_init(&spoken.options);
        heap_fail_at(n, false);
        assert_int_equal(xkv__partitions_name(&spoken.dialect, 2), XKV_E_STORE_FULL);
        assert_true(heap_failed());
        assert_int_equal(heap.live, 0);
    }
    xkv_set_hooks(NULL);
}

/* -- The store, refusals, partitions ------------------------------------------------- */

#define STORE(format, serialization, partitions)                                                   \
    "*4\r\n$1\r\n" format "\r\n$16\r\nfedcba9876543210\r\n$1\r\n" serialization                    \
    "\r\n$1\r\n" partitions "\r\n"

static void test_store_answers(void **state) {
    static const char *const wrong[] = {":1\r\n",
                                        "*0\r\n",
                                        "*4\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n",
                                        STORE("1", "9", "1"),
                                        STORE("1", "1", "0"),
                                        "*4\r\n$1\r\n1\r\n$2\r\nid\r\n$1\r\n1\r\n$1\r\n1\r\n"};
    struct spoken spoken;

    (void)state;
    spoken_begin(&spoken, XKV_STRING);
    assert_int_equal(xkv__answer_store(&spoken.dialect, LIT(STORE("1", "1", "1"))), XKV_OK);
    assert_string_equal(spoken.dialect.id, "fedcba9876543210");
    assert_int_equal(xkv__answer_store(&spoken.dialect, LIT(STORE("1", "0", "1"))),
                     XKV_E_OPTIONS_CONFLICT);
    assert_int_equal(xkv__answer_store(&spoken.dialect, LIT(STORE("1", "1", "2"))),
                     XKV_E_OPTIONS_CONFLICT);
    assert_int_equal(xkv__answer_store(&spoken.dialect, LIT(STORE("2", "1", "1"))),
                     XKV_E_OPTIONS_CONFLICT);
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_int_equal(xkv__answer_store(&spoken.dialect, xkv_text(wrong[i])),
                         XKV_E_SERVER_UNAVAILABLE);
    spoken.options.serialization = XKV_ANY;
    assert_int_equal(xkv__answer_store(&spoken.dialect, LIT(STORE("1", "2", "1"))), XKV_OK);
    assert_int_equal(spoken.dialect.serialization, XKV_BINARY);
    spoken_end(&spoken);
}

static void test_refusals(void **state) {
    (void)state;
    assert_int_equal(xkv__refusal(LIT("OOM command not allowed when used memory > 'maxmemory'.")),
                     XKV_E_STORE_FULL);
    assert_int_equal(xkv__refusal(LIT("XKVLOST the store is not there")), XKV_E_STORE_LOST);
    assert_int_equal(xkv__refusal(LIT("OOMPH")), XKV_E_SERVER_UNAVAILABLE);
    assert_true(strstr(xkv__reason(XKV_E_SERVER_UNAVAILABLE), "OOMPH") != NULL);
}

/* As Redis 7.0 and Valkey 9 say it, to a command and inside a script. What is said says no user. */
static void test_what_a_user_may_not_do(void **state) {
    static const struct {
        const char *text, *says;
    } denials[] = {
        {"NOPERM this user has no permissions to run the 'hset' command", "run hset; "},
        {"NOPERM User ann has no permissions to run the 'hset' command", "run hset; "},
        {"NOPERM User ann has no permissions to run the 'client|setname' command",
         "run client|setname; "},
        {"NOPERM this user has no permissions to access one of the keys used as arguments",
         "use the store's keys; "},
        {"NOPERM No permissions to access a key", "use the store's keys; "},
        {"ERR The user executing the script can't run this command or subcommand script: 08be99c7, "
         "on @user_script:1.",
         "run a command that a store needs; "},
        {"ERR The user executing the script can't access at least one of the keys mentioned in the "
         "command arguments script: e3ba, on @user_script:1.",
         "use the store's keys; "},
        {"ERR ACL failure in script: User ann has no permissions to run the 'time' command script: "
         "on @user_script:1.",
         "run time; "},
        {"ERR ACL failure in script: No permissions to access a key script: on @user_script:1.",
         "use the store's keys; "},
        {"NOPERM run the 'hset", "run a command that a store needs; "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(denials); i++) {
        assert_int_equal(xkv__refusal(xkv_text(denials[i].text)), XKV_E_SERVER_UNAVAILABLE);
        const char *reason = xkv__reason(XKV_E_SERVER_UNAVAILABLE);
        if (!strstr(reason, denials[i].says) || !strstr(reason, "~xkv:* +@hash") ||
            strstr(reason, "ann"))
            fail_msg("%s: %s", denials[i].text, reason);
    }
}

static void test_slots(void **state) {
    (void)state;
    assert_int_equal(xkv__slot_of(LIT("123456789")), 0x31c3); /* the check value of the CRC */
    assert_int_equal(xkv__slot_of(LIT("a{123456789}b")), 0x31c3);
    assert_int_equal(xkv__slot_of(LIT("{123456789}{b}")), 0x31c3);
    assert_int_equal(xkv__slot_of(LIT("foo")), 12182); /* as CLUSTER KEYSLOT says */
    assert_int_not_equal(xkv__slot_of(LIT("{}foo")), xkv__slot_of(LIT("foo")));
    assert_int_equal(xkv__slot_of(LIT("{foo")), xkv__slot_of(bytes_of("{foo", 4)));
}

static void assert_spread(const char *name, unsigned count) {
    bool met[XKV__PARTITIONS_MAX] = {false};
    xkv_options options;
    xkv_options_init(&options);
    options.name = name;
    xkv__dialect dialect = {.options = &options};

    assert_int_equal(xkv__partitions_name(&dialect, count), XKV_OK);
    assert_int_equal(dialect.count, count);
    for (unsigned n = 0; n < count; n++) {
        const xkv__partition *partition = &dialect.partitions[n];
        unsigned part = partition->slot * count / 16384;
        assert_false(met[part]);
        met[part] = true;
        assert_int_equal(partition->slot,
                         xkv__slot_of(bytes_of(partition->base, partition->base_len)));
        assert_int_equal(strchr(partition->base, '.') != NULL, n > 0);
    }
    xkv__partitions_free(&dialect);
}

static void test_partitions(void **state) {
    xkv_options options;

    (void)state;
    xkv_options_init(&options);
    options.name = "a{b}%";
    xkv__dialect dialect = {.options = &options};
    assert_int_equal(xkv__partitions_name(&dialect, 1), XKV_OK);
    assert_string_equal(dialect.partitions[0].base, "xkv:{a%7Bb%7D%25}:");
    xkv__partitions_free(&dialect);
    for (unsigned count = 1; count <= XKV__PARTITIONS_MAX; count++) {
        assert_spread("default", count);
        assert_spread("{checkout}", count);
    }
}

static void test_scripts(void **state) {
    size_t count = 0;

    (void)state;
    for (; xkv__script(count); count++)
        assert_true(strlen(xkv__script(count)) > 0);
    assert_true(count > 30);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_commands),
        cmocka_unit_test(test_asked_along),
        cmocka_unit_test(test_seats),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_refused_before_asking),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_well_formed),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_equal_json_is_asked_again),
        cmocka_unit_test(test_hostile_answers),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_store_answers),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_what_a_user_may_not_do),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_scripts),
    };

    (void)argc;
    test_begin(argv);
    samples_make();
    int failures = cmocka_run_group_tests_name("protocol", tests, NULL, NULL);
    xkv_items_free(&two_keys);
    xkv_items_free(&two_entries);
    xkv_items_free(&two_claims);
    xkv_items_free(&one_claim);
    return test_end(failures);
}
