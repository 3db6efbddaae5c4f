/*
 * json.c - which JSON texts mean the same
 */
#include "../json.h"
#include "../comma.h"
#include "../heap.h"

#include "command/json.h"

static bool equal(xkv_bytes a, xkv_bytes b) {
    bool one, other;

    assert_int_equal(xkv__json_equal(a, b, &one), XKV_OK);
    assert_int_equal(xkv__json_equal(b, a, &other), XKV_OK);
    assert_int_equal(one, other);
    return one;
}

static void assert_pair(const char *a, const char *b, bool expected) {
    if (equal(xkv_text(a), xkv_text(b)) != expected)
        fail_msg("%s %s %s", a, expected ? "should equal" : "should not equal", b);
    assert_true(equal(xkv_text(a), xkv_text(a)) && equal(xkv_text(b), xkv_text(b)));
}

/* -- Pairs ------------------------------------------------------------------- */

static const char *const same[][2] = {
    {"1", " 1"},
    {"[1,2]", "\t[ 1 ,\r\n2 ] "},
    {"{}", "{ }"},
    {"[]", "[\n]"},
    {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"},
    {"{\"a\":{\"x\":[1,{\"p\":1,\"q\":2}],\"y\":null},\"b\":[]}",
     "{\"b\":[],\"a\":{\"y\":null,\"x\":[1,{\"q\":2,\"p\":1}]}}"},
    {"{\"\":1,\"a\":2}", "{\"a\":2,\"\":1}"},
    /* numbers as doubles */
    {"1", "1.0"},
    {"1", "1e0"},
    {"1", "10E-1"},
    {"100", "1e+2"},
    {"0.1", "1e-1"},
    {"-1.50", "-15e-1"},
    {"0", "-0"},
    {"0", "-0.0e5"},
    {"0", "1e-400"},
    {"1e21", "1000000000000000000000"},
    {"9007199254740993", "9007199254740992"},
    {"1e400", "2e400"},
    {"123456789012345678901234567890", "1.2345678901234567890123456789e29"},
    /* texts without their escapes */
    {"\"A\"", "\"\\u0041\""},
    {"\"/\"", "\"\\/\""},
    {"\"\\n\"", "\"\\u000a\""},
    {"\"\\n\"", "\"\\u000A\""},
    {"\"\\b\\f\\r\\t\\\\\\\"\"", "\"\\u0008\\u000c\\u000d\\u0009\\u005c\\u0022\""},
    {"\"\xC3\xA9\"", "\"\\u00e9\""},
    {"\"\xE2\x82\xAC\"", "\"\\u20AC\""},
    {"\"\xF0\x9F\x98\x80\"", "\"\\ud83d\\ude00\""},
    {"\"\xF4\x8F\xBF\xBF\"", "\"\\uDBFF\\uDFFF\""},
    {"\"\xF0\x90\x80\x80\"", "\"\\uD800\\uDC00\""},
    {"\"\\ud800\"", "\"\\uD800\""},
    {"\"\\ud800\\n\"", "\"\\uD800\\u000a\""},
    {"\"\\ud800\\ud83d\\ude00\"", "\"\\ud800\xF0\x9F\x98\x80\""},
    {"\"\\udc00\\ud800\"", "\"\\uDC00\\uD800\""},
    {"{\"a\":1}", "{\"\\u0061\":1}"},
    /* the last of two members with one name counts */
    {"{\"a\":1,\"a\":2}", "{\"a\":2}"},
    {"{\"a\":1,\"b\":3,\"a\":2}", "{\"a\":2,\"b\":3}"},
    {"{\"a\":[1],\"\\u0061\":{},\"a\":0}", "{\"a\":0}"},
    {"{\"a\":2,\"a\":2}", "{\"a\":2}"},
    {"[true,false,null]", "[ true , false , null ]"},
};

static const char *const different[][2] = {
    {"1", "2"},
    {"1", "-1"},
    {"1", "\"1\""},
    {"1", "[1]"},
    {"0", "null"},
    {"0", "false"},
    {"0", "\"\""},
    {"null", "false"},
    {"true", "false"},
    {"true", "\"true\""},
    {"null", "\"null\""},
    {"\"\"", "null"},
    {"[]", "{}"},
    {"[]", "[[]]"},
    {"[]", "[null]"},
    {"[\"\"]", "[]"},
    {"{}", "{\"\":null}"},
    {"[1,2]", "[2,1]"},
    {"[1,2]", "[12]"},
    {"[1,2]", "[1,2,2]"},
    {"[[1],2]", "[1,[2]]"},
    {"[[],[[]]]", "[[[]],[]]"},
    {"{\"a\":1}", "{\"a\":2}"},
    {"{\"a\":1}", "{\"b\":1}"},
    {"{\"a\":1}", "{\"A\":1}"},
    {"{\"a\":1}", "{\"a\":1,\"b\":1}"},
    {"{\"a\":1}", "[\"a\",1]"},
    {"{\"a\":\"b\"}", "{\"b\":\"a\"}"},
    {"{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}"},
    {"{\"a\":1,\"a\":2}", "{\"a\":1}"},
    {"{\"a\":1,\"a\":2}", "{\"a\":2,\"a\":1}"},
    {"{\"a\":{\"b\":1}}", "{\"a\":[\"b\",1]}"},
    {"{\"a\":{}}", "{\"a\":[]}"},
    {"\"a\"", "\"a \""},
    {"\"a\"", "\"A\""},
    {"\"ab\"", "\"a\\u0000b\""},
    {"\"\\u0000\"", "\"\""},
    {"\"\\\\n\"", "\"\\n\""},
    {"\"\\ud800\"", "\"\\ud801\""},
    {"\"\\ud800\"", "\"\\udc00\""},
    {"\"\\ud800\"", "\"\\ufffd\""},
    {"\"\\ud83d \\ude00\"", "\"\xF0\x9F\x98\x80\""},
    {"\"\\ude00\\ud83d\"", "\"\xF0\x9F\x98\x80\""},
    {"\"\xC3\xA9\"", "\"e\xCC\x81\""}, /* characters that only look the same */
    {"1.0000000000000002", "1"},
    {"1e308", "1e309"},
    {"1e400", "-1e400"},
    {"9007199254740993", "9007199254740994"},
};

static void test_pairs(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(same); i++)
        assert_pair(same[i][0], same[i][1], true);
    for (size_t i = 0; i < COUNT(different); i++)
        assert_pair(different[i][0], different[i][1], false);
}

/* In many locales 1.5 is written 1,5; then strtod reads "1.5" as 1. */
static void test_locale(void **state) {
    comma_begin();
    test_pairs(state);
    assert_pair("1.5", "1.7", false);
    assert_pair("0.5", "5e-1", true);
    comma_end();
}

static const struct {
    const char *text;
    int code;
    size_t at;
} checked[] = {
    {"1", XKV_OK, 1},
    {" {\"a\" : [true, null]} ", XKV_OK, 22},
    {"", XKV_E_VALUE_PARSE, 0},
    {"  ", XKV_E_VALUE_PARSE, 2},
    {"nul", XKV_E_VALUE_PARSE, 0},
    {"1 2", XKV_E_VALUE_PARSE, 2},
    {"[1,2", XKV_E_VALUE_PARSE, 4},
    {"{\"a\":}", XKV_E_VALUE_PARSE, 5},
    {"{\"a\":1,}", XKV_E_VALUE_PARSE, 7},
    {"{\"a\" 1}", XKV_E_VALUE_PARSE, 5},
};

static void test_check(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(checked); i++) {
        size_t at = 99;
        int code = xkv_check_json(xkv_text(checked[i].text), &at);
        if (code != checked[i].code || at != checked[i].at)
            fail_msg("%s: %s at %zu", checked[i].text, xkv_error_name(code), at);
    }
}

/* What is not JSON equals its own bytes, and nothing else. */
static void test_not_json(void **state) {
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "[1",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\" 1}",
        "{a:1}",
        "{1:2}",
        "{\"a\":1,}",
        "{,}",
        "01",
        "-01",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "-",
        "0x1",
        "1 2",
        "1,",
        "nul",
        "nulll",
        "True",
        "NaN",
        "Infinity",
        "'a'",
        "\"a",
        "\"a\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u",
        "\"\\ud83d\\u\"",
        "\"\n\"",
        "\"\x1F\"",
        "[1]]",
        "{}{}",
        "//\n1",
        "1//",
        "\xEF\xBB\xBF 1",
    };
    static const char *const json[] = {"1", "[1]", "{}", "null", "\"a\"", "{\"a\":1}", "[]", "0"};

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        char spaced[64];
        snprintf(spaced, sizeof spaced, "%s ", texts[i]);
        assert_pair(texts[i], spaced, false);
        for (size_t j = 0; j < COUNT(json); j++)
            assert_pair(texts[i], json[j], false);
    }
    assert_false(equal(LIT("1\0"), LIT("1")));
    assert_false(equal(LIT("[1\0]"), LIT("[1]")));
    assert_false(equal(LIT("\"\0\""), LIT("\"\\u0000\"")));
    assert_true(equal(NOTHING, LIT("")));
    assert_false(equal(NOTHING, LIT("null")));
}

/* -- Depth and size ---------------------------------------------------------- */

enum { DEPTH = 100000 };

/* open and close repeated, with something in the middle. */
static xkv_bytes nested(const char *open, const char *middle, const char *close) {
    size_t open_len = strlen(open), close_len = strlen(close), middle_len = strlen(middle);
    size_t len = DEPTH * (open_len + close_len) + middle_len;
    char *text = malloc(len), *at = text;

    MUST(text);
    for (size_t i = 0; i < DEPTH; i++, at += open_len)
        memcpy(at, open, open_len);
    memcpy(at, middle, middle_len);
    at += middle_len;
    for (size_t i = 0; i < DEPTH; i++, at += close_len)
        memcpy(at, close, close_len);
    return bytes_of(text, len);
}

static void drop(xkv_bytes bytes) {
    free((void *)(uintptr_t)bytes.data);
}

static void test_depth(void **state) {
    xkv_bytes arrays = nested("[", "1", "]"), spaced = nested("[ ", "1", " ]");
    xkv_bytes others = nested("[", "2", "]"), unclosed = nested("[", "1", "");
    xkv_bytes objects = nested("{\"b\":[],\"a\":", "1", "}");
    xkv_bytes turned = nested("{\"a\":", "1", ",\"b\":[]}");

    (void)state;
    assert_true(equal(arrays, spaced));
    assert_false(equal(arrays, others));
    assert_false(equal(arrays, unclosed));
    assert_true(equal(objects, turned));
    assert_false(equal(objects, arrays));
    drop(arrays);
    drop(spaced);
    drop(others);
    drop(unclosed);
    drop(objects);
    drop(turned);
}

/* An object of many members, from number first on, in a circle. */
static xkv_bytes wide(size_t members, size_t first, size_t last_value) {
    size_t room = members * 40 + 2, len = 0;
    char *text = malloc(room);

    MUST(text);
    for (size_t i = 0; i < members; i++) {
        size_t n = (first + i * 7) % members;
        len += (size_t)snprintf(text + len, room - len, "%c\"name %zu\":[%zu]", i ? ',' : '{', n,
                                n == members - 1 ? last_value : n);
    }
    text[len++] = '}';
    return bytes_of(text, len);
}

/* Processor time that comparing objects of so many members takes. */
static clock_t time_to_compare(size_t members) {
    xkv_bytes one = wide(members, 0, 1), turned = wide(members, 5, 1), other = wide(members, 0, 2);
    clock_t start = clock();

    assert_true(equal(one, turned));
    assert_false(equal(one, other));
    clock_t took = clock() - start;
    drop(one);
    drop(turned);
    drop(other);
    return took;
}

/* Ten times as many members take some ten times as long, not a hundred. */
static void test_big(void **state) {
    enum { MEMBERS = 100000 }; /* no multiple of 7, nor is a tenth of it */

    (void)state;
    clock_t tenth = time_to_compare(MEMBERS / 10), whole = time_to_compare(MEMBERS);
    assert_true(whole < 40 * tenth + CLOCKS_PER_SEC / 10);
}

/* -- By chance --------------------------------------------------------------- */

/* Text that is not there yet; where it is cut off, it is not JSON any more. */
struct text {
    char bytes[4096];
    size_t len;
};

static void append(struct text *text, const char *more) {
    size_t len = strlen(more);

    MUST(text->len + len < sizeof text->bytes);
    memcpy(text->bytes + text->len, more, len);
    text->len += len;
}

static void append_value(struct text *text, struct rng *rng, unsigned depth);

static void append_members(struct text *text, struct rng *rng, unsigned depth, bool named) {
    static const char *const names[] = {"\"a\":", "\"b\":", "\"name\":", "\"\\n\":", "\"\":"};
    size_t members = rng_below(rng, 4), first = rng_below(rng, COUNT(names));

    for (size_t i = 0; i < members; i++) {
        if (i > 0)
            append(text, ",");
        if (named)
            append(text, names[(first + i) % COUNT(names)]);
        append_value(text, rng, depth - 1);
    }
}

static void append_value(struct text *text, struct rng *rng, unsigned depth) {
    static const char *const scalars[] = {
        "0",    "1",       "-2.5e3",   "1e400",           "true",        "false",     "null",
        "\"\"", "\"abc\"", "\"\\\\\"", "\"caf\xC3\xA9\"", "\"\\ud800\"", "\"x\\\"y\""};
    size_t kind = depth > 0 ? rng_below(rng, 3) : 0;

    if (kind == 0) {
        append(text, scalars[rng_below(rng, COUNT(scalars))]);
        return;
    }
    append(text, kind == 1 ? "[" : "{");
    append_members(text, rng, depth, kind == 2);
    append(text, kind == 1 ? "]" : "}");
}

static void test_reformatted(void **state) {
    static char copy[4096 * 7];
    struct rng rng = rng_for("json");
    struct text text;

    (void)state;
    for (int i = 0; i < (SANITIZED ? 5000 : 50000); i++) {
        text.len = 0;
        append_value(&text, &rng, 4);
        xkv_bytes json = bytes_of(text.bytes, text.len);
        xkv_bytes again = bytes_of(copy, reformat(json, copy, &rng));
        if (!equal(json, again))
            fail_msg("%.*s\n%.*s", (int)json.len, text.bytes, (int)again.len, copy);
        xkv_bytes wrapped = bytes_of(
            copy, (size_t)snprintf(copy, sizeof copy, "[%.*s]", (int)json.len, text.bytes));
        assert_false(equal(json, wrapped));
    }
}

/* Each allocation fails in turn: an error, and nothing is left behind. */
static void test_without_memory(void **state) {
    xkv_bytes a = wide(300, 0, 1), b = wide(300, 1, 1);
    bool is_equal = false;

    (void)state;
    for (long n = 1; !is_equal; n++) {
        heap_fail_at(n, n % 2);
        int status = xkv__json_equal(a, b, &is_equal);
        bool failed = heap_failed();
        assert_int_equal(status, failed ? XKV_E_STORE_FULL : XKV_OK);
        assert_int_equal(is_equal, !failed);
        assert_int_equal(heap.live, 0);
    }
    drop(a);
    drop(b);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),       cmocka_unit_test(test_locale),
        cmocka_unit_test(test_check),       cmocka_unit_test(test_not_json),
        cmocka_unit_test(test_depth),       cmocka_unit_test(test_big),
        cmocka_unit_test(test_reformatted), cmocka_unit_test(test_without_memory),
    };

    (void)argc;
    test_begin(argv);
    xkv_set_hooks(&heap_hooks);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
