/*
 * answers.c - the short answers of scripts, of which some are one text
 */
#include "../items.h"

#include "remote/protocol.h"

/* A store on a server, without one. */
struct spoken {
    xkv_options options;
    xkv__dialect dialect;
    xkv_reply reply;
};

static void spoken_begin(struct spoken *spoken, int serialization) {
    xkv_options_init(&spoken->options);
    spoken->options.serialization = serialization;
    spoken->dialect = (xkv__dialect){.options = &spoken->options, .serialization = serialization};
    MUST(xkv__partitions_name(&spoken->dialect, 1) == XKV_OK);
    xkv_reply_init(&spoken->reply, NULL, 0);
}

static void spoken_end(struct spoken *spoken) {
    xkv__partitions_free(&spoken->dialect);
    xkv_reply_clear(&spoken->reply);
}

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

/* Short answers are one text; a value may have any bytes, those that end a key, too. */
static void test_short_answers(void **state) {
    static const char *const wrong[] = {
        "$0\r\n\r\n",          "$1\r\n2\r\n",           "$2\r\n a\r\n",         "$4\r\n-1 a\r\n",
        "$9\r\n17 5000 a\r\n", "$8\r\n17 -5 a\xff\r\n", "$8\r\n17 5000\xff\r\n"};
    const xkv_command random_key = {.op = XKV_OP_RANDOM_KEY}, entry = {.op = XKV_OP_RANDOM_ENTRY},
                      claim = {.op = XKV_OP_CLAIM_KEY, .key = LIT("a")};
    struct spoken spoken;
    xkv_bytes key, value;
    size_t at = 0;

    (void)state;
    spoken_begin(&spoken, XKV_STRING);
    assert_int_equal(answer_command(&spoken, &random_key, LIT("$6\r\n12 a b\r\n")), XKV_OK);
    assert_int_equal(spoken.reply.number, 12);
    assert_true(same_bytes(bytes_of(spoken.reply.data, spoken.reply.len), LIT("a b")));
    assert_int_equal(answer_command(&spoken, &entry, LIT("$5\r\na b\xff\xff\r\n")), XKV_OK);
    assert_int_equal(spoken.reply.number, 1);
    assert_true(xkv_reply_next(&spoken.reply, &at, &key, &value));
    assert_true(same_bytes(key, LIT("a b")) && same_bytes(value, LIT("\xff")));
    assert_int_equal(answer_command(&spoken, &claim,
                                    LIT("$11\r\n17 5000 a\xff"
                                        "1\r\n")),
                     XKV_OK);
    assert_int_equal(spoken.reply.number, 1);
    assert_non_null(strstr(reply_text(&spoken.reply), "\"value\":1},"));
    assert_non_null(strstr(reply_text(&spoken.reply), "\"token\":17,\"expiresAt\":5000}"));
    for (size_t i = 0; i < COUNT(wrong); i++) {
        xkv_bytes answer = xkv_text(wrong[i]);
        bool has_end = memchr(answer.data, 0xff, answer.len) != NULL;
        assert_int_equal(answer_command(&spoken, &claim, answer), XKV_E_SERVER_UNAVAILABLE);
        if (!has_end)
            assert_int_equal(answer_command(&spoken, &entry, answer), XKV_E_SERVER_UNAVAILABLE);
        if (i < 4)
            assert_int_equal(answer_command(&spoken, &random_key, answer),
                             XKV_E_SERVER_UNAVAILABLE);
    }
    spoken_end(&spoken);
}

/* A sum is a number, or text where Lua's numbers end; in an array stands why there is none. */
static void test_sums(void **state) {
    const xkv_command command = {.op = XKV_OP_INCREMENT_BY, .key = LIT("a"), .delta = 1};
    struct spoken spoken;

    (void)state;
    spoken_begin(&spoken, XKV_JSON);
    assert_int_equal(answer_command(&spoken, &command, LIT(":-7\r\n")), XKV_OK);
    assert_int_equal(spoken.reply.number, -7);
    assert_int_equal(answer_command(&spoken, &command, LIT("$19\r\n9223372036854775807\r\n")),
                     XKV_OK);
    assert_true(spoken.reply.number == INT64_MAX);
    assert_int_equal(answer_command(&spoken, &command, LIT("*1\r\n:1\r\n")), XKV_E_VALUE_PARSE);
    assert_int_equal(answer_command(&spoken, &command, LIT("*1\r\n:2\r\n")), XKV_E_VALUE_PARSE);
    assert_int_equal(answer_command(&spoken, &command, LIT("*0\r\n")), XKV_E_SERVER_UNAVAILABLE);
    assert_int_equal(answer_command(&spoken, &command, LIT("$-1\r\n")), XKV_E_SERVER_UNAVAILABLE);
    spoken_end(&spoken);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_answers),
        cmocka_unit_test(test_sums),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests_name("answers", tests, NULL, NULL));
}
