/*
 * json_text.c - which texts are JSON, where they are not, and what their parts are
 */
#include "../heap.h"
#include "../json_reference.h"

#include "formats/format.h"
#include "formats/json_text.h"

/* For tables, where LIT is not constant. */
#define ROW(text)                                                                                  \
    { (text), sizeof(text) - 1 }

/* -- Whether it is JSON ------------------------------------------------------ */

static const xkv_bytes valid[] = {
    ROW("{}"),
    ROW("[]"),
    ROW("\"\""),
    ROW("0"),
    ROW("-0"),
    ROW("10"),
    ROW("-1.5e+10"),
    ROW("0e0"),
    ROW("0E-1"),
    ROW("1.0"),
    ROW("true"),
    ROW("false"),
    ROW("null"),
    ROW(" \t\r\n1 \t\r\n"),
    ROW("[1,2,[3,[]],{}]"),
    ROW("{\"a\":1,\"a\":{\"b\":[null]}}"),
    ROW("{ \"a\" : 1 , \"b\" : [ ] }"),
    ROW("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uABCD\\uabcd\""),
    ROW("\"\\ud800\""),
    ROW("\"\\udc00\\ud800x\""),
    ROW("\"\\ud83d\\ude00\""),
    ROW("\"\x7F\""),
    ROW("\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4"
        "\x8F\xBF\xBF\""),
    ROW("\"0123456789abcdef\""),
    ROW("[\"0123456\",\"01234567\",\"012345678\"]"),
    ROW("1e400"),
};

static void assert_valid(xkv_bytes text) {
    xkv__json json;

    if (!xkv__json_valid(text, &json))
        fail_msg("%.*s is not JSON at %td: %s", (int)text.len, (const char *)text.data,
                 json.at - (const unsigned char *)text.data, json.flaw);
    assert_true(reference_is_json(text, XKV__NESTING_MAX));
}

static void test_valid(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(valid); i++)
        assert_valid(valid[i]);
}

#define NO_VALUE   "a value is missing here"
#define NO_END     "the string has no end"
#define NO_NUMBER  "there is no such number in JSON"
#define NO_ESCAPE  "there is no such escape"
#define NO_UTF8    "it is not UTF-8"
#define CONTROL    "a control character in a string must be written as an escape"
#define NO_NAME    "a name in quotes is missing here"
#define NO_COLON   "a colon is missing here"
#define NO_BRACE   "a comma or } is missing here"
#define NO_BRACKET "a comma or ] is missing here"
#define BEHIND     "nothing may follow here"

static const struct {
    xkv_bytes text;
    long at;
    const char *flaw;
} invalid[] = {
    {ROW(""), 0, NO_VALUE},
    {ROW("  "), 2, NO_VALUE},
    {ROW("nul"), 0, NO_VALUE},
    {ROW("nulL"), 0, NO_VALUE},
    {ROW("True"), 0, NO_VALUE},
    {ROW("truefalse"), 4, BEHIND},
    {ROW("1 2"), 2, BEHIND},
    {ROW("{}}"), 2, BEHIND},
    {ROW("1\0"), 1, BEHIND},
    {ROW("\xEF\xBB\xBF"
         "1"),
     0, NO_VALUE},
    {ROW("'a'"), 0, NO_VALUE},
    {ROW("NaN"), 0, NO_VALUE},
    {ROW("01"), 1, BEHIND},
    {ROW("-01"), 2, BEHIND},
    {ROW("+1"), 0, NO_VALUE},
    {ROW("-"), 0, NO_NUMBER},
    {ROW("-a"), 0, NO_NUMBER},
    {ROW("1."), 0, NO_NUMBER},
    {ROW("[1,1.e5]"), 3, NO_NUMBER},
    {ROW(".5"), 0, NO_VALUE},
    {ROW("1e"), 0, NO_NUMBER},
    {ROW("1e+"), 0, NO_NUMBER},
    {ROW("0x10"), 1, BEHIND},
    {ROW("\""), 1, NO_END},
    {ROW("\"abcdefgh"), 9, NO_END},
    {ROW("\"a\\"), 2, NO_ESCAPE},
    {ROW("\"a\\x\""), 2, NO_ESCAPE},
    {ROW("\"abcdefgh\\\0\""), 9, NO_ESCAPE},
    {ROW("\"\\u12\""), 1, NO_ESCAPE},
    {ROW("\"\\u12g4\""), 1, NO_ESCAPE},
    {ROW("\"\\ud800\\u12\""), 7, NO_ESCAPE},
    {ROW("\"a\nb\""), 2, CONTROL},
    {ROW("\"abcdefgh\x1F\""), 9, CONTROL},
    {ROW("\"a\0b\""), 2, CONTROL},
    {ROW("\"\x80\""), 1, NO_UTF8},
    {ROW("\"\xC0\xAF\""), 1, NO_UTF8},
    {ROW("\"\xC1\xBF\""), 1, NO_UTF8},
    {ROW("\"a\xE2\x82\""), 2, NO_UTF8},
    {ROW("\"\xE0\x9F\xBF\""), 1, NO_UTF8},
    {ROW("\"\xED\xA0\x80\""), 1, NO_UTF8},
    {ROW("\"\xF0\x8F\xBF\xBF\""), 1, NO_UTF8},
    {ROW("\"\xF4\x90\x80\x80\""), 1, NO_UTF8},
    {ROW("\"\xF5\x80\x80\x80\""), 1, NO_UTF8},
    {ROW("\"abcdefghij\xFF\""), 11, NO_UTF8},
    {ROW("\"\xE2\x82"), 1, NO_UTF8},
    {ROW("["), 1, NO_VALUE},
    {ROW("[1"), 2, NO_BRACKET},
    {ROW("[1,"), 3, NO_VALUE},
    {ROW("[1,]"), 3, NO_VALUE},
    {ROW("[,1]"), 1, NO_VALUE},
    {ROW("[1 2]"), 3, NO_BRACKET},
    {ROW("[1}"), 2, NO_BRACKET},
    {ROW("{"), 1, NO_NAME},
    {ROW("{1:2}"), 1, NO_NAME},
    {ROW("{\"a\""), 4, NO_COLON},
    {ROW("{\"a\" 1}"), 5, NO_COLON},
    {ROW("{\"a\":}"), 5, NO_VALUE},
    {ROW("{\"a\":1"), 6, NO_BRACE},
    {ROW("{\"a\":1]"), 6, NO_BRACE},
    {ROW("{\"a\":1,}"), 7, NO_NAME},
    {ROW("{\"a\":1 \"b\":2}"), 7, NO_BRACE},
    {ROW("{\"a\":[1}"), 7, NO_BRACKET},
    {ROW("[{\"a\":1]"), 7, NO_BRACE},
    {ROW("[[]"), 3, NO_BRACKET},
    {ROW("{\"a\":{}"), 7, NO_BRACE},
    {ROW("]"), 0, NO_VALUE},
    {ROW("// comment"), 0, NO_VALUE},
    {ROW("\v1"), 0, NO_VALUE},
    {ROW("\xC2\xA0"
         "1"),
     0, NO_VALUE},
};

/* In a copy of exactly its size, so that AddressSanitizer sees what is read beyond. */
static void assert_invalid(xkv_bytes text, long at, const char *flaw) {
    unsigned char *copy = malloc(text.len + (text.len == 0));
    xkv__json json;

    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    if (xkv__json_valid(bytes_of(copy, text.len), &json))
        fail_msg("%.*s is JSON", (int)text.len, (const char *)text.data);
    if (text.len > 0 && (json.at - copy != at || strcmp(json.flaw, flaw) != 0))
        fail_msg("%.*s at %td: %s", (int)text.len, (const char *)text.data, json.at - copy,
                 json.flaw);
    assert_string_equal(json.flaw, flaw);
    assert_false(reference_is_json(text, XKV__NESTING_MAX));
    free(copy);
}

static void test_invalid(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(invalid); i++)
        assert_invalid(invalid[i].text, invalid[i].at, invalid[i].flaw);
}

/* Each byte at each place of a string of each length: eight are looked at at a time. */
static void test_each_byte(void **state) {
    unsigned char text[40];
    xkv__json json;

    (void)state;
    for (size_t len = 1; len <= 20; len++) {
        for (size_t at = 0; at < len; at++) {
            for (unsigned c = 0; c < 256; c++) {
                memset(text, 'x', sizeof text);
                text[0] = text[len + 1] = '"';
                text[1 + at] = (unsigned char)c;
                bool is_valid = xkv__json_valid(bytes_of(text, len + 2), &json);
                assert_int_equal(is_valid, reference_is_json(bytes_of(text, len + 2), 1));
            }
        }
    }
}

/* -- Nesting ----------------------------------------------------------------- */

/* Brackets within each other, each a few levels of another kind. */
static size_t nest_text(char *out, size_t depth, struct rng *rng) {
    char *close = malloc(depth);
    size_t len = 0;

    for (size_t i = 0; i < depth; i++) {
        bool is_object = rng_chance(rng, 500);
        len += (size_t)sprintf(out + len, is_object ? "{\"a\":" : "[");
        close[depth - 1 - i] = is_object ? '}' : ']';
    }
    out[len++] = '1';
    memcpy(out + len, close, depth);
    free(close);
    return len + depth;
}

static void test_nesting(void **state) {
    static char text[XKV__NESTING_MAX * 8];
    struct rng rng = rng_for("nesting");
    xkv__json json;

    (void)state;
    size_t len = nest_text(text, XKV__NESTING_MAX, &rng);
    assert_valid(bytes_of(text, len));
    assert_false(xkv__json_valid(bytes_of(text, len - 1), &json));
    for (int i = 0; i < 200; i++) { /* a bracket of the wrong kind, at any depth */
        size_t at = len - 1 - rng_below(&rng, XKV__NESTING_MAX);
        text[at] ^= ']' ^ '}';
        assert_false(xkv__json_valid(bytes_of(text, len), &json));
        assert_ptr_equal(json.at, text + at);
        text[at] ^= ']' ^ '}';
    }
    len = nest_text(text, XKV__NESTING_MAX + 1, &rng);
    assert_false(xkv__json_valid(bytes_of(text, len), &json));
    assert_string_equal(json.flaw, "more than 10000 arrays and objects lie within each other");
    memset(text, '[', sizeof text);
    assert_false(xkv__json_valid(bytes_of(text, sizeof text), &json));
    assert_int_equal(json.at - (unsigned char *)text, XKV__NESTING_MAX);
}

/* -- Members ----------------------------------------------------------------- */

/* The members of an object as NAME=VALUE; and then the flaw, or ".". */
static const char *members_of(const char *text, char out[300]) {
    xkv__json json = xkv__json_on(xkv_text(text));
    xkv__member member = {NOTHING, NOTHING};
    int len = 0;

    if (!xkv__json_object(&json))
        return "no object";
    while (xkv__json_member(&json, &member))
        len +=
            sprintf(out + len, "%.*s=%.*s ", (int)member.name.len, (const char *)member.name.data,
                    (int)member.value.len, (const char *)member.value.data);
    bool over = !json.flaw && xkv__json_over(&json);
    sprintf(out + len, "%s %td", over ? "." : json.flaw, json.at - (const unsigned char *)text);
    return out;
}

static void test_members(void **state) {
    static const char *const cases[][2] = {
        {"{}", ". 2"},
        {" { } ", ". 5"},
        {"{\"a\":1}", "a=1 . 7"},
        {"{\"a\":1,\"\" : [ 1 ] , \"a\":{\"b\":\"}\"}} ", "a=1 =[ 1 ] a={\"b\":\"}\"} . 35"},
        {"{\"\\u0061\":\"\\\"\"}", "\\u0061=\"\\\"\" . 15"},
        {"[]", "no object"},
        {"", "no object"},
        {"{", "a name in quotes is missing here 1"},
        {"{,\"a\":1}", "a name in quotes is missing here 1"},
        {"{\"a\":1", "a=1 a comma or } is missing here 6"},
        {"{\"a\":1,}", "a=1 a name in quotes is missing here 7"},
        {"{\"a\":1 \"b\":1}", "a=1 a comma or } is missing here 7"},
        {"{\"a\":[1}", "a comma or ] is missing here 7"},
        {"{\"a\":1}}", "a=1 nothing may follow here 7"},
        {"{\"a\"}", "a colon is missing here 4"},
        {"{\"a", "the string has no end 3"},
    };
    char out[300];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(members_of(cases[i][0], out), cases[i][1]);
}

/* -- Strings ----------------------------------------------------------------- */

static void test_meaning(void **state) {
    static const struct {
        const char *inside;
        xkv_bytes meaning;
    } cases[] = {
        {"", ROW("")},
        {"plain", ROW("plain")},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", ROW("\"\\/\b\f\n\r\t")},
        {"a\\u0000b", ROW("a\0b")},
        {"\\u007f\\u0080\\u07FF\\u0800\\uffff",
         ROW("\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF")},
        {"\\ud800\\udc00-\\uDBFF\\uDFFF", ROW("\xF0\x90\x80\x80-\xF4\x8F\xBF\xBF")},
        {"\xC3\xA9\\u00e9", ROW("\xC3\xA9\xC3\xA9")},
    };
    static const char *const lone[] = {
        "\\ud800",      "\\udfff", "x\\udc00\\ud800", "\\ud800\\u0041", "\\ud800\\ud800\\udc00",
        "\\n\\udbff\\n"};
    xkv__buffer buffer = {NULL, 0, 0, XKV_OK};
    xkv_bytes meaning;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(xkv__json_meaning(xkv_text(cases[i].inside), &buffer, &meaning));
        assert_true(same_bytes(meaning, cases[i].meaning));
    }
    size_t before = buffer.len;
    for (size_t i = 0; i < COUNT(lone); i++) {
        assert_false(xkv__json_meaning(xkv_text(lone[i]), &buffer, &meaning));
        assert_int_equal(buffer.error, XKV_OK);
        assert_int_equal(buffer.len, before);
    }
    xkv__buffer_free(&buffer);
}

static void assert_quoted(xkv_bytes text, xkv_bytes expected) {
    xkv__buffer buffer = {NULL, 0, 0, XKV_OK};

    xkv__json_quote(text, &buffer);
    assert_int_equal(buffer.error, XKV_OK);
    assert_true(same_bytes(xkv__buffer_bytes(&buffer), expected));
    xkv__buffer_free(&buffer);
}

static void test_quoted(void **state) {
    (void)state;
    assert_quoted(NOTHING, LIT("\"\""));
    assert_quoted(LIT("plain"), LIT("\"plain\""));
    assert_quoted(LIT("\"\\/\b\f\n\r\t\v\0\x1F\x7F"),
                  LIT("\"\\\"\\\\/\\b\\f\\n\\r\\t\\u000b\\u0000\\u001f\x7F\""));
    assert_quoted(LIT("12345678\n"), LIT("\"12345678\\n\""));
    assert_quoted(LIT("\xE2\x82\xAC\xF4\x8F\xBF\xBF"), LIT("\"\xE2\x82\xAC\xF4\x8F\xBF\xBF\""));
}

/* Text of all lengths, with what needs escapes at any place: in quotes it is JSON, and
 * means the same. */
static void test_quoted_means_the_same(void **state) {
    static const unsigned char special[] = "\"\\\n\x1F\x7F !";
    struct rng rng = rng_for("quoted");
    xkv__buffer buffer = {NULL, 0, 0, XKV_OK};
    unsigned char text[40];
    xkv_bytes inside, meaning;

    (void)state;
    for (int round = 0; round < 100000; round++) {
        size_t len = rng_below(&rng, sizeof text + 1), i = 0;
        unsigned often = (unsigned)rng_below(&rng, 600);
        while (i < len) {
            bool two = i + 2 <= len && rng_chance(&rng, often);
            if (two)
                memcpy(text + i, "\xC3\xBF", 2);
            else
                text[i] = rng_chance(&rng, often) ? special[rng_below(&rng, 7)] : 'x';
            i += two ? 2 : 1;
        }
        buffer.len = 0;
        xkv__json_quote(bytes_of(text, len), &buffer);
        assert_true(reference_is_json(xkv__buffer_bytes(&buffer), 1));
        assert_true(xkv__json_is_string(xkv__buffer_bytes(&buffer), &inside));
        xkv__buffer again = {NULL, 0, 0, XKV_OK};
        assert_true(xkv__json_meaning(inside, &again, &meaning));
        assert_true(same_bytes(meaning, bytes_of(text, len)));
        xkv__buffer_free(&again);
    }
    xkv__buffer_free(&buffer);
}

/* -- Memory ------------------------------------------------------------------ */

static void test_memory_is_short(void **state) {
    char text[2000];
    xkv_bytes meaning;

    (void)state;
    memset(text, '\n', sizeof text);
    xkv_set_hooks(&heap_hooks);
    for (long n = 1; n <= 4; n++) {
        xkv__buffer buffer = {NULL, 0, 0, XKV_OK};
        heap_fail_at(n, false);
        xkv__json_quote(bytes_of(text, sizeof text), &buffer);
        bool failed = heap_failed();
        assert_int_equal(buffer.error, failed ? XKV_E_STORE_FULL : XKV_OK);
        assert_int_equal(failed, n < 3); /* it grows once */
        xkv__buffer_free(&buffer);
    }
    xkv__buffer buffer = {NULL, 0, 0, XKV_OK};
    heap_fail_at(1, false);
    assert_false(xkv__json_meaning(LIT("\\n"), &buffer, &meaning));
    assert_true(heap_failed());
    assert_int_equal(buffer.error, XKV_E_STORE_FULL);
    assert_int_equal(atomic_load(&heap.live), 0);
    xkv_set_hooks(NULL);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),           cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_each_byte),       cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_members),         cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_quoted),          cmocka_unit_test(test_quoted_means_the_same),
        cmocka_unit_test(test_memory_is_short),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
