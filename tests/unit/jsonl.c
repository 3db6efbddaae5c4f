/*
 * jsonl.c - lines of JSON: which are read, what is said of those that are not, and that what is
 * written is read again
 */
#include "../formats.h"
#include "../heap.h"

#include "formats/json_text.h"

/* For tables, where LIT is not constant. */
#define ROW(text)                                                                                  \
    { (text), sizeof(text) - 1 }

/* -- Files ------------------------------------------------------------------- */

struct file_case {
    int serialization;
    const char *prefix;
    xkv_bytes file;
    const char *said; /* as say_file says it */
};

#define PARSE "ValueParseError line "

static const struct file_case cases[] = {
    /* files */
    {XKV_JSON, "", ROW(""), ""},
    {XKV_JSON, "", ROW("\n\r\n \t\r\n  "), ""},
    {XKV_JSON, "", ROW("{\"key\":\"a\",\"value\":1}\n"), "1:1 #1 a 1\n"},
    {XKV_JSON, "", ROW("{\"key\":\"a\",\"value\":1}"), "1:1 #1 a 1\n"},
    {XKV_JSON, "", ROW("{\"key\":\"a\",\"value\":1}\r"), "1:1 #1 a 1\n"},
    {XKV_JSON, "", ROW("{\"key\":\"a\",\"value\":1}\r\n{\"value\":[],\"key\":\"b\"}\n"),
     "1:1 #1 a 1\n2:1 #2 b []\n"},
    {XKV_JSON, "", ROW("\n  \n{\"key\":\"a\",\"value\":1}\n\n\n{\"key\":\"b\",\"value\":2}\n\n"),
     "3:1 #1 a 1\n6:1 #2 b 2\n"},
    {XKV_JSON, "", ROW("\xEF\xBB\xBF{\"key\":\"a\",\"value\":1}\nx"),
     "1:1 #1 a 1\n" PARSE "2, column 1: a line must be an object {\"key\": …, \"value\": …} #2\n"},
    {XKV_JSON, "", ROW("\xEF\xBB\xBF"), ""},
    {XKV_JSON, "", ROW("\xEF\xBB\xBF\xEF\xBB\xBF{}"),
     PARSE "1, column 1: a line must be an object {\"key\": …, \"value\": …} #1\n"},
    {XKV_JSON, "", ROW("\xFF\xFE{\0"),
     PARSE "1, column 1: the file is UTF-16; save it as UTF-8 #0\n"},
    {XKV_JSON, "", ROW("\xFE\xFF\0{"),
     PARSE "1, column 1: the file is UTF-16; save it as UTF-8 #0\n"},
    {XKV_JSON, "", ROW("{\0\"\0"), PARSE "1, column 1: the file is UTF-16; save it as UTF-8 #0\n"},
    {XKV_JSON, "", ROW("\0{\0\""), PARSE "1, column 1: the file is UTF-16; save it as UTF-8 #0\n"},
    {XKV_JSON, "", ROW("\0"), PARSE "1, column 1: the file is UTF-16; save it as UTF-8 #0\n"},
    {XKV_JSON, "", ROW("\n\0"), PARSE "1, column 1: the file is UTF-16; save it as UTF-8 #0\n"},
    {XKV_JSON, "", ROW("\n\n\0"),
     PARSE "3, column 1: a line must be an object {\"key\": …, \"value\": …} #1\n"},

    /* values of JSON are kept as they are written */
    {XKV_JSON, "", ROW("  { \"key\" : \"a\" , \"value\" :  [ 1 , \"\\u00e9\\ud800\" ]  } \t"),
     "1:1 #1 a [ 1 , \"\\u00e9\\ud800\" ]\n"},
    {XKV_JSON, "", ROW("{\"key\":\"a\",\"value\":null}"), "1:1 #1 a null\n"},
    {XKV_JSON, "", ROW("{\"key\":\"a\",\"value\":{\"key\":\"b\",\"value\":1}}"),
     "1:1 #1 a {\"key\":\"b\",\"value\":1}\n"},
    {XKV_JSON, "", ROW("{\"\\u006bey\":\"a\",\"val\\u0075e\":1}"), "1:1 #1 a 1\n"},

    /* keys */
    {XKV_JSON, "", ROW("{\"key\":\"\\u00e9\\\"\\ud83d\\ude00\",\"value\":1}"),
     "1:1 #1 \xC3\xA9\"\xF0\x9F\x98\x80 1\n"},
    {XKV_JSON, "p:", ROW("{\"key\":\"a\",\"value\":1}\n{\"key\":\"\\u0062\",\"value\":2}"),
     "1:1 #1 p:a 1\n2:1 #2 p:b 2\n"},
    {XKV_JSON, "", ROW("{\"key\":\"\",\"value\":1}"), PARSE "1, column 8: the key is empty #1\n"},
    {XKV_JSON, "p:", ROW("{\"key\":\"\",\"value\":1}"), PARSE "1, column 8: the key is empty #1\n"},
    {XKV_JSON, "", ROW("{\"value\":1,\"key\":1}"),
     PARSE "1, column 18: the key must be a string #1\n"},
    {XKV_JSON, "", ROW("{\"key\":null,\"value\":1}"),
     PARSE "1, column 8: the key must be a string #1\n"},
    {XKV_JSON, "", ROW("{\"key\":\"a\\ud83d\",\"value\":1}"),
     PARSE "1, column 8: the key has one half of a surrogate pair, which is no character #1\n"},

    /* members */
    {XKV_JSON, "", ROW("{}"), PARSE "1, column 3: the member \"key\" is missing #1\n"},
    {XKV_JSON, "", ROW("{\"key\":\"a\"}\n"),
     PARSE "1, column 12: the member \"value\" is missing #1\n"},
    {XKV_JSON, "", ROW("{\"value\":\"a\"}\r\n"),
     PARSE "1, column 14: the member \"key\" is missing #1\n"},
    {XKV_JSON, "", ROW("{\"key\":\"a\", \"value\":1, \"ttl\":5}"),
     PARSE "1, column 24: the member \"ttl\" is neither \"key\" nor \"value\" #1\n"},
    {XKV_JSON, "", ROW("{\"Key\":\"a\",\"value\":1}"),
     PARSE "1, column 2: the member \"Key\" is neither \"key\" nor \"value\" #1\n"},
    {XKV_JSON, "", ROW("{\"k\\u0000\":\"a\",\"value\":1}"),
     PARSE "1, column 2: the member \"k\\x00\" is neither \"key\" nor \"value\" #1\n"},
    {XKV_JSON, "", ROW("{\"\\ud800\":\"a\",\"value\":1}"),
     PARSE "1, column 2: the member \"\\ud800\" is neither \"key\" nor \"value\" #1\n"},
    {XKV_JSON, "", ROW("\n{\"key\":\"a\",\"value\":1,\"key\":\"b\"}"),
     PARSE "2, column 22: there is a second member \"key\" #1\n"},
    {XKV_JSON, "", ROW("{\"key\":\"a\",\"value\":1,\"v\\u0061lue\":1}"),
     PARSE "1, column 22: there is a second member \"value\" #1\n"},

    /* what is no object of JSON */
    {XKV_JSON, "", ROW("[]"),
     PARSE "1, column 1: a line must be an object {\"key\": …, \"value\": …} #1\n"},
    {XKV_JSON, "", ROW("  1"),
     PARSE "1, column 3: a line must be an object {\"key\": …, \"value\": …} #1\n"},
    {XKV_JSON, "", ROW("{\"key\":\"a\",\"value\":1}\n{\"key\":\"b\",\"value\":1} {\n"),
     "1:1 #1 a 1\n" PARSE "2, column 23: it is not JSON: nothing may follow here #2\n"},
    {XKV_JSON, "", ROW("{\"key\":\"a\",\"value\":01}"),
     PARSE "1, column 21: it is not JSON: a comma or } is missing here #1\n"},
    {XKV_JSON, "", ROW("{\"key\":\"a\",\"value\":[1}}"),
     PARSE "1, column 22: it is not JSON: a comma or ] is missing here #1\n"},
    {XKV_JSON, "", ROW("{\"key\":\"a\",\"value\":"),
     PARSE "1, column 20: it is not JSON: a value is missing here #1\n"},
    {XKV_JSON, "", ROW("{\"key\":\"a\",\n\"value\":1}"),
     PARSE "1, column 12: it is not JSON: a name in quotes is missing here #1\n"},
    {XKV_JSON, "", ROW("{\"key\":\"a\",\"value\":\"\x80\"}"),
     PARSE "1, column 21: it is not JSON: it is not UTF-8 #1\n"},
    {XKV_JSON, "", ROW("{\"key\":\"a\tb\",\"value\":1}"),
     PARSE "1, column 10: it is not JSON: a control character in a string must be written as an "
           "escape #1\n"},

    /* strings */
    {XKV_STRING, "", ROW("{\"key\":\"a\",\"value\":\"plain\"}"), "1:1 #1 a plain\n"},
    {XKV_STRING, "", ROW("{\"key\":\"a\",\"value\":\"\"}"), "1:1 #1 a \n"},
    {XKV_STRING, "", ROW("{\"key\":\"\\u0061\",\"value\":\"\\t\\ud83d\\ude00\"}"),
     "1:1 #1 a \t\xF0\x9F\x98\x80\n"},
    {XKV_STRING, "", ROW("{\"key\":\"a\",\"value\":1}"),
     PARSE "1, column 20: the value must be a string #1\n"},
    {XKV_STRING, "", ROW("{\"key\":\"a\",\"value\":\"\\udc00\"}"),
     PARSE "1, column 20: the value has one half of a surrogate pair, which is no character #1\n"},

    /* bytes */
    {XKV_BINARY, "", ROW("{\"key\":\"a\",\"value\":\"AGJjZP8=\"}"), NULL},
    {XKV_BINARY, "", ROW("{\"key\":\"a\",\"value\":\"\\u0059Wa\\/\"}"), "1:1 #1 a af\xBF\n"},
    {XKV_BINARY, "", ROW("{\"key\":\"a\",\"value\":\"\"}"), "1:1 #1 a \n"},
    {XKV_BINARY, "", ROW("{\"key\":\"a\",\"value\":[1]}"),
     PARSE "1, column 20: the value must be a string #1\n"},
    {XKV_BINARY, "", ROW("{\"value\":\"YWI\",\"key\":\"a\"}"),
     PARSE
     "1, column 10: the value must be base64, of the standard alphabet and with padding #1\n"},
    {XKV_BINARY, "", ROW("{\"key\":\"a\",\"value\":\"YW_-\"}"),
     PARSE
     "1, column 20: the value must be base64, of the standard alphabet and with padding #1\n"},
};

static void assert_case(const struct file_case *of) {
    const xkv__layout layout = {.serialization = of->serialization, .prefix = xkv_text(of->prefix)};
    struct text out = {NULL, 0, 0};

    text_say(&out, "%s", "");
    if (!say_in_pieces(&xkv__jsonl, &layout, of->file, &out))
        fail_msg("in pieces %.*s is not what it is whole: %s", (int)of->file.len,
                 (const char *)of->file.data, out.data);
    if (of->said)
        assert_string_equal(out.data, of->said);
    else
        assert_true(same_bytes(bytes_of(out.data, out.len), LIT("1:1 #1 a \0bcd\xFF\n")));
    text_free(&out);
}

static void test_files(void **state) {
    (void)state;
    xkv__jsonl.free(NULL); /* is allowed */
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_case(&cases[i]);
}

/* -- Limits ------------------------------------------------------------------ */

/* A line whose key is so long. */
static void say_key(size_t len, const char *prefix, struct text *out) {
    const xkv__layout layout = {.serialization = XKV_JSON, .prefix = xkv_text(prefix)};
    struct text file = {NULL, 0, 0};

    text_say(&file, "{\"key\":\"");
    for (size_t i = 0; i < len; i++)
        text_add(&file, "k", 1);
    text_say(&file, "\",\"value\":1}\n");
    say_file(&xkv__jsonl, &layout, bytes_of(file.data, file.len), file.len, 0, out);
    text_free(&file);
}

static void test_long_keys(void **state) {
    struct text out = {NULL, 0, 0};

    (void)state;
    say_key(XKV_KEY_MAX, "", &out);
    say_key(XKV_KEY_MAX - 2, "p:", &out);
    assert_null(strstr(out.data, "Error"));
    text_free(&out);
    say_key(XKV_KEY_MAX + 1, "", &out);
    assert_non_null(strstr(out.data, "…\" has 32769 bytes, and may have 32768 #1\n"));
    text_free(&out);
    say_key(XKV_KEY_MAX - 1, "p:", &out);
    assert_non_null(strstr(out.data, "line 1, column 8: the key \"p:kkkk"));
    assert_non_null(
        strstr(out.data, "…\" has 32769 bytes with the prefix, and may have 32768 #1\n"));
    text_free(&out);
}

/* A line of len bytes, and its end, behind another line. */
static void say_long_line(size_t len, const char *end, size_t piece, char said[200]) {
    static const char begin[] = "{\"key\":\"b\",\"value\":\"";
    const xkv__layout layout = {.serialization = XKV_JSON};
    xkv__reader *reader = xkv__jsonl.new(&layout);
    size_t size = 22 + len + strlen(end);
    char *file = malloc(size + 1);
    xkv__taken taken;
    xkv__step step;

    assert_non_null(file);
    memcpy(file, "{\"key\":\"a\",\"value\":1}\n", 22);
    memset(file + 22, 'x', len);
    memcpy(file + 22, begin, sizeof begin - 1);
    memcpy(file + 22 + len - 2, "\"}", 2);
    memcpy(file + 22 + len, end, strlen(end));
    assert_int_equal(xkv__jsonl.next(reader, bytes_of(file, size), true, &taken), XKV__ONE);
    size_t seen = piece > 0 ? piece : size - 22;
    while ((step = xkv__jsonl.next(reader, bytes_of(file + 22, seen), seen == size - 22, &taken)) ==
           XKV__MORE)
        seen = seen + piece < size - 22 ? seen + piece : size - 22;
    if (step == XKV__ONE)
        sprintf(said, "%zu of %zu, value of %zu", taken.used, size - 22, taken.value.len);
    else
        snprintf(said, 200, "%s", xkv__reason(taken.error));
    xkv__jsonl.free(reader);
    free(file);
}

static void test_long_lines(void **state) {
    static const char *const ends[] = {"", "\n", "\r\n"};
    char said[200], expected[200];

    (void)state;
    for (size_t i = 0; i < COUNT(ends); i++) {
        for (size_t piece = 0; piece <= 1 << 23; piece += 1 << 23) {
            say_long_line(XKV__RECORD_MAX, ends[i], piece, said);
            sprintf(expected, "%zu of %zu, value of %d", XKV__RECORD_MAX + strlen(ends[i]),
                    XKV__RECORD_MAX + strlen(ends[i]), XKV__RECORD_MAX - 20);
            assert_string_equal(said, expected);
            say_long_line(XKV__RECORD_MAX + 1, ends[i], piece, said);
            assert_string_equal(said, "line 2, column 1: the line is longer than 67108864 bytes");
        }
    }
}

/* In pieces of 4 KiB 64 MiB are looked at once, not 8,000 times, which would take minutes. */
static void test_pieces_take_no_longer(void **state) {
    char said[200];

    (void)state;
    uint64_t begin = clock_ms();
    say_long_line(XKV__RECORD_MAX, "\n", 4096, said);
    assert_string_equal(said, "67108865 of 67108865, value of 67108844");
    assert_true(clock_ms() - begin < 20000);
}

/* -- Writing ----------------------------------------------------------------- */

static const struct {
    int serialization;
    xkv_bytes key, value;
    xkv_bytes line;
} lines[] = {
    {XKV_JSON, ROW("a"), ROW("1"), ROW("{\"key\":\"a\",\"value\":1}\n")},
    {XKV_JSON, ROW("\"\n"), ROW("{ \"a\" : [] }"),
     ROW("{\"key\":\"\\\"\\n\",\"value\":{ \"a\" : [] }}\n")},
    {XKV_JSON, ROW("a"), ROW("\n[\r\n1,\n\n\"\\n\"]\r"),
     ROW("{\"key\":\"a\",\"value\": [  1,  \"\\n\"] }\n")},
    {XKV_JSON, ROW("a"), ROW("\"\\ud800\""), ROW("{\"key\":\"a\",\"value\":\"\\ud800\"}\n")},
    {XKV_STRING, ROW("a"), ROW(""), ROW("{\"key\":\"a\",\"value\":\"\"}\n")},
    {XKV_STRING, ROW("a"), ROW("x\0\"y\\\n\xC3\xA9"),
     ROW("{\"key\":\"a\",\"value\":\"x\\u0000\\\"y\\\\\\n\xC3\xA9\"}\n")},
    {XKV_BINARY, ROW("a"), ROW(""), ROW("{\"key\":\"a\",\"value\":\"\"}\n")},
    {XKV_BINARY, ROW("a"), ROW("\0bcd\xFF"), ROW("{\"key\":\"a\",\"value\":\"AGJjZP8=\"}\n")},
};

static void test_written(void **state) {
    xkv__buffer out = {NULL, 0, 0, XKV_OK};

    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        const xkv__layout layout = {.serialization = lines[i].serialization};
        out.len = 0;
        assert_int_equal(xkv__jsonl.check(&layout), XKV_OK);
        assert_int_equal(xkv__jsonl.head(&layout, &out), XKV_OK);
        assert_int_equal(xkv__jsonl.entry(&layout, lines[i].key, lines[i].value, &out), XKV_OK);
        assert_true(same_bytes(xkv__buffer_bytes(&out), lines[i].line));
    }
    xkv__buffer_free(&out);
}

/* What another program has put into a file is named, and nothing of it is written. */
static void test_foreign(void **state) {
    static const struct {
        int serialization;
        const char *key, *value, *reason;
    } foreign[] = {
        {XKV_JSON, "a", "{", "the value of \"a\" is not JSON; another program has stored it"},
        {XKV_JSON, "a", "", "the value of \"a\" is not JSON; another program has stored it"},
        {XKV_JSON, "a", "1 2", "the value of \"a\" is not JSON; another program has stored it"},
        {XKV_JSON, "a", "\"\xFF\"",
         "the value of \"a\" is not JSON; another program has stored it"},
        {XKV_STRING, "a", "\xFF", "the value of \"a\" is not UTF-8; another program has stored it"},
        {XKV_BINARY, "a\xFF", "", "the key \"a\\xff\" is not UTF-8; another program has stored it"},
    };
    xkv__buffer out = {NULL, 0, 0, XKV_OK};

    (void)state;
    xkv__buffer_append(&out, "before", 6);
    for (size_t i = 0; i < COUNT(foreign); i++) {
        const xkv__layout layout = {.serialization = foreign[i].serialization};
        int error =
            xkv__jsonl.entry(&layout, xkv_text(foreign[i].key), xkv_text(foreign[i].value), &out);
        assert_int_equal(error, XKV_E_VALUE_PARSE);
        assert_string_equal(xkv__reason(error), foreign[i].reason);
        assert_true(same_bytes(xkv__buffer_bytes(&out), LIT("before")));
    }
    xkv__buffer_free(&out);
}

/* -- Round trips ------------------------------------------------------------- */

/* Random text of up to 40 bytes, or bytes that are none. */
static size_t random_value(struct rng *rng, bool text, unsigned char *out) {
    static const char *const pieces[] = {"a",
                                         "bc",
                                         "\"",
                                         "\\",
                                         "\n",
                                         "\r",
                                         "\x01",
                                         ",",
                                         "\x7F",
                                         "\xC3\xA9",
                                         "\xF0\x9F\x98\x80",
                                         "{",
                                         "longer than eight"};
    size_t len = rng_below(rng, 24), at = 0;

    if (!text) {
        rng_fill(rng, out, len);
        return len;
    }
    while (at < len) {
        const char *piece = pieces[rng_below(rng, COUNT(pieces))];
        memcpy(out + at, piece, strlen(piece));
        at += strlen(piece);
    }
    return at;
}

/* Entries, of which the values are text, bytes, or text as JSON, are written and read. */
static void assert_round_trip(int serialization, struct rng *rng) {
    enum { ENTRIES = 50 };
    const xkv__layout layout = {.serialization = serialization};
    xkv__buffer file = {NULL, 0, 0, XKV_OK}, json = {NULL, 0, 0, XKV_OK};
    struct text out = {NULL, 0, 0}, expected = {NULL, 0, 0};

    for (int i = 1; i <= ENTRIES; i++) {
        unsigned char key[41] = "k", value[40];
        size_t key_len = 1 + random_value(rng, true, key + 1);
        size_t value_len = random_value(rng, serialization != XKV_BINARY, value);
        xkv_bytes stored = bytes_of(value, value_len);
        json.len = 0;
        if (serialization == XKV_JSON) {
            xkv__json_quote(stored, &json);
            stored = xkv__buffer_bytes(&json);
        }
        assert_int_equal(xkv__jsonl.entry(&layout, bytes_of(key, key_len), stored, &file), XKV_OK);
        text_say(&expected, "%d:1 #%d ", i, i);
        text_add(&expected, key, key_len);
        text_say(&expected, " ");
        text_add(&expected, stored.data, stored.len);
        text_say(&expected, "\n");
    }
    say_file(&xkv__jsonl, &layout, xkv__buffer_bytes(&file), rng_below(rng, 100),
             1 + rng_below(rng, 200), &out);
    assert_true(same_bytes(bytes_of(out.data, out.len), bytes_of(expected.data, expected.len)));
    text_free(&out);
    text_free(&expected);
    xkv__buffer_free(&file);
    xkv__buffer_free(&json);
}

static void test_round_trips(void **state) {
    struct rng rng = rng_for("round trips");

    (void)state;
    for (int round = 0; round < 200; round++)
        assert_round_trip(round % 3, &rng);
}

/* -- Memory ------------------------------------------------------------------ */

/* Escapes everywhere, so that all there is to allocate is allocated. */
static void test_memory_is_short_reading(void **state) {
    static const char *const file = "{\"\\u006bey\":\"\\u0061\",\"value\":\"\\u0059Wa\\/\"}\n"
                                    "{\"key\":\"b\",\"value\":\"YWI=\"}\n";
    bool failed = true;
    long n = 0;

    (void)state;
    xkv_set_hooks(&heap_hooks);
    while (failed) {
        const xkv__layout layout = {.serialization = XKV_BINARY, .prefix = xkv_text("p:")};
        struct text out = {NULL, 0, 0};
        n++;
        heap_fail_at(n, n % 2 == 0);
        say_file(&xkv__jsonl, &layout, xkv_text(file), 30, 5, &out);
        failed = heap_failed();
        assert_int_equal(atomic_load(&heap.live), 0);
        if (!failed)
            assert_string_equal(out.data, "1:1 #1 p:a af\xBF\n2:1 #2 p:b ab\n");
        else if (n > 1)
            assert_non_null(strstr(out.data, "StoreFullError"));
        text_free(&out);
    }
    assert_true(n > 3);
    xkv_set_hooks(NULL);
}

static void test_memory_is_short_writing(void **state) {
    static char text[2000];

    (void)state;
    memset(text, '1', sizeof text);
    xkv_set_hooks(&heap_hooks);
    for (int serialization = XKV_JSON; serialization <= XKV_BINARY; serialization++) {
        const xkv__layout layout = {.serialization = serialization};
        bool failed = true;
        for (long n = 1; failed; n++) {
            xkv__buffer out = {NULL, 0, 0, XKV_OK};
            heap_fail_at(n, false);
            int error = xkv__jsonl.entry(&layout, LIT("a"), bytes_of(text, sizeof text), &out);
            failed = heap_failed();
            assert_int_equal(error, failed ? XKV_E_STORE_FULL : XKV_OK);
            assert_true(!failed || out.len == 0);
            assert_true(failed || n > 2);
            xkv__buffer_free(&out);
        }
    }
    assert_int_equal(atomic_load(&heap.live), 0);
    xkv_set_hooks(NULL);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_long_keys),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_pieces_take_no_longer),
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_memory_is_short_reading),
        cmocka_unit_test(test_memory_is_short_writing),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
