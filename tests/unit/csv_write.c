/*
 * csv_write.c - writing CSV: which members make which fields, what cannot be written, and that
 * what is written is read again
 */
#include "../formats.h"
#include "../heap.h"

#include "command/items.h"
#include "formats/json_text.h"

/* A layout, and the items of its columns, which are given as names with a comma between. The
 * columns are the layout's; whoever changes the items makes them anew. */
struct writing {
    xkv__layout layout;
    xkv_reply columns;
};

static void make_columns(struct writing *writing) {
    xkv__columns_free(writing->layout.columns);
    writing->layout.columns =
        xkv__columns_new(bytes_of(writing->columns.data, writing->columns.len));
    MUST(writing->layout.columns);
}

static void end_writing(struct writing *writing) {
    xkv__columns_free(writing->layout.columns);
    xkv_reply_clear(&writing->columns);
}

static struct writing writing_of(const char *names, const char *delimiter, bool include_key) {
    struct writing writing = {.layout = {.serialization = XKV_JSON, .include_key = include_key}};
    const char *at = names;

    xkv_reply_init(&writing.columns, NULL, 0);
    xkv__writer writer = xkv__writer_on(&writing.columns);
    while (*at) {
        size_t len = strcspn(at, ",");
        xkv__put_text(&writer, NULL, bytes_of(at, len));
        at += len + (at[len] == ',');
    }
    writing.layout.delimiter = xkv_text(delimiter);
    make_columns(&writing);
    return writing;
}

/* -- Rows -------------------------------------------------------------------- */

static const struct {
    const char *names, *delimiter;
    bool include_key;
    const char *key, *value, *written;
} rows[] = {
    {"a,b", "", true, "k", "{\"a\":\"x\",\"b\":1}", "key,a,b\r\nk,x,1\r\n"},
    {"a,b", "", false, "k", "{\"b\":1,\"a\":\"x\"}", "a,b\r\nx,1\r\n"},
    {"b,a", ";", true, "k", "{\"a\":\"x\",\"b\":1}", "key;b;a\r\nk;1;x\r\n"},
    {"a,b,c,d,e", "", false, "k", " { \"a\" : true , \"b\":false,\"c\":null,\"d\":-1.5e3 } ",
     "a,b,c,d,e\r\ntrue,false,,-1.5e3,\r\n"},
    {"a,b", "", false, "k", "{}", "a,b\r\n,\r\n"},
    {"a,b", "", false, "k", "{\"a\":\"\",\"c\":[1,{}]}", "a,b\r\n\"\",\r\n"},
    {"a,b", "", false, "k", "{\"a\":1,\"b\":2,\"\\u0061\":3,\"b\":null}", "a,b\r\n3,\r\n"},
    {"a,b", "", false, "k", "{\"a\":[1],\"a\":3}", "a,b\r\n3,\r\n"},
    {"a", "", false, "k", "{}", "a\r\n\"\"\r\n"},
    {"a", "", false, "k", "{\"a\":null}", "a\r\n\"\"\r\n"},
    {"a", "", false, "k", "{\"a\":\"\"}", "a\r\n\"\"\r\n"},
    {"a", "", true, "k,\"", "{\"a\":\"\"}", "key,a\r\n\"k,\"\"\",\"\"\r\n"},
    {"a,b", "", false, "k", "{\"a\":\"x,y\",\"b\":\"say \\\"no\\\"\"}",
     "a,b\r\n\"x,y\",\"say \"\"no\"\"\"\r\n"},
    {"a,b", "", false, "k", "{\"a\":\"x\\r\",\"b\":\"\\n\"}", "a,b\r\n\"x\r\",\"\n\"\r\n"},
    {"a,b", "", false, "k", "{\"a\":\" x\",\"b\":\"x\\t\"}", "a,b\r\n\" x\",\"x\t\"\r\n"},
    {"a,b", "", false, "k", "{\"a\":\"x y\",\"b\":\"\\u001f;\"}", "a,b\r\nx y,\x1F;\r\n"},
    {"a,b", "", false, "k", "{\"a\":\"\\\"\",\"b\":\"\\\"\\\"longer than eight\"}",
     "a,b\r\n\"\"\"\",\"\"\"\"\"longer than eight\"\r\n"},
    {"a,b", ".", false, "k", "{\"a\":1.5,\"b\":15}", "a.b\r\n\"1.5\".15\r\n"},
    {"a,b", "u", false, "k", "{\"a\":true,\"b\":null}", "aub\r\n\"true\"u\r\n"},
    {"a,b", "\xE2\x82\xAC", false, "k", "{\"a\":\"5\xE2\x82\xAC\",\"b\":\"\xE2\x82\xAD\"}",
     "a\xE2\x82\xAC"
     "b\r\n\"5\xE2\x82\xAC\"\xE2\x82\xAC\xE2\x82\xAD\r\n"},
    {"\xEF\xBB\xBF"
     "a",
     "", false, "k",
     "{\"\xEF\xBB\xBF"
     "a\":\"\xEF\xBB\xBF\"}",
     "\"\xEF\xBB\xBF"
     "a\"\r\n\"\xEF\xBB\xBF\"\r\n"},
    {"a b, a", "", false, "k", "{\"a b\":1,\" a\":2}", "a b,\" a\"\r\n1,2\r\n"},
    {"\xC3\xA4", "", false, "k", "{\"\\u00e4\":\"\\u00e4\xC3\xA4\"}",
     "\xC3\xA4\r\n\xC3\xA4\xC3\xA4\r\n"},
    {"a", "", false, "k", "{\"\\ud800\":1,\"a\":2}", "a\r\n2\r\n"},
};

static void test_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct writing writing = writing_of(rows[i].names, rows[i].delimiter, rows[i].include_key);
        xkv__buffer out = {NULL, 0, 0, XKV_OK};
        assert_int_equal(xkv__csv.check(&writing.layout), XKV_OK);
        assert_int_equal(xkv__csv.head(&writing.layout, &out), XKV_OK);
        assert_int_equal(
            xkv__csv.entry(&writing.layout, xkv_text(rows[i].key), xkv_text(rows[i].value), &out),
            XKV_OK);
        xkv__buffer_append_byte(&out, '\0');
        assert_string_equal((char *)out.data, rows[i].written);
        xkv__buffer_free(&out);
        end_writing(&writing);
    }
}

/* -- What cannot be written -------------------------------------------------- */

static const struct {
    int serialization;
    const char *key, *value, *reason;
} refused[] = {
    {XKV_JSON, "k", "{\"a\":1,\"b\":[1]}",
     "the member \"b\" of the value of \"k\" is an array; CSV holds text, numbers, true and false"},
    {XKV_JSON, "k", "{\"a\":{}}",
     "the member \"a\" of the value of \"k\" is an object; CSV holds text, numbers, true and "
     "false"},
    {XKV_JSON, "k", "{\"a\":\"\\ud800\"}",
     "the member \"a\" of the value of \"k\" is text with one half of a surrogate pair; a file of "
     "UTF-8 cannot hold that"},
    {XKV_JSON, "k", "[1]", "the value of \"k\" is no object; CSV holds members of objects"},
    {XKV_JSON, "k", " \"text\"", "the value of \"k\" is no object; CSV holds members of objects"},
    {XKV_STRING, "k", "null", "the value of \"k\" is no object; CSV holds members of objects"},
    {XKV_STRING, "k", "text", "the value of \"k\" is not JSON; CSV holds members of objects"},
    {XKV_STRING, "k", "", "the value of \"k\" is not JSON; CSV holds members of objects"},
    {XKV_STRING, "k", "{\"a\":1}}", "the value of \"k\" is not JSON; CSV holds members of objects"},
    {XKV_JSON, "k", "{\"a\":1", "the value of \"k\" is not JSON; another program has stored it"},
    {XKV_JSON, "k", "", "the value of \"k\" is not JSON; another program has stored it"},
    {XKV_JSON, "k", "[1", "the value of \"k\" is not JSON; another program has stored it"},
    {XKV_JSON, "k", "{\"c\":\"\xFF\"}",
     "the value of \"k\" is not JSON; another program has stored it"},
    {XKV_JSON, "\xFF", "{}", "the key \"\\xff\" is not UTF-8; another program has stored it"},
};

static void test_refused(void **state) {
    struct writing writing = writing_of("a,b", "", true);
    xkv__buffer out = {NULL, 0, 0, XKV_OK};

    (void)state;
    xkv__buffer_append(&out, "before", 6);
    for (size_t i = 0; i < COUNT(refused); i++) {
        writing.layout.serialization = refused[i].serialization;
        int error = xkv__csv.entry(&writing.layout, xkv_text(refused[i].key),
                                   xkv_text(refused[i].value), &out);
        assert_int_equal(error, XKV_E_VALUE_PARSE);
        assert_string_equal(xkv__reason(error), refused[i].reason);
        assert_true(same_bytes(xkv__buffer_bytes(&out), LIT("before")));
    }
    xkv__buffer_free(&out);
    end_writing(&writing);
}

static void assert_check(const struct writing *writing, const char *reason) {
    int error = xkv__csv.check(&writing->layout);

    assert_int_equal(error, XKV_E_INVALID_OPTIONS);
    assert_string_equal(xkv__reason(error), reason);
}

static void test_layouts(void **state) {
    static const struct {
        const char *names, *delimiter;
        bool include_key;
        const char *reason;
    } layouts[] = {
        {"", "", false, "columns must have at least one name"},
        {"", "", true, "columns must have at least one name"},
        {"a,,b", "", false, "columns[1] is \"\"; columns need names"},
        {"a,b,c,b,a", "", false, "columns[3] is \"b\", which is there before"},
        {"a,key", "", true,
         "columns[1] is \"key\", the column that includeKey writes; leave one of them out"},
        {"a,\xFF", "", true, "columns[1] is \"\\xff\", which is not UTF-8"},
        {"a", "ab", true, "the delimiter must be one character, and is \"ab\""},
        {"a", "\n", true, "the delimiter must not be a quote, a line end or NUL, and is \"\\x0a\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(layouts); i++) {
        struct writing writing =
            writing_of(layouts[i].names, layouts[i].delimiter, layouts[i].include_key);
        assert_check(&writing, layouts[i].reason);
        end_writing(&writing);
    }
    struct writing writing = writing_of("key", "", false);
    assert_int_equal(xkv__csv.check(&writing.layout), XKV_OK);
    writing.layout.serialization = XKV_BINARY;
    assert_check(&writing, "CSV holds members of objects, which a store of binary values does not "
                           "have; export JSONL");
    end_writing(&writing);
}

/* A name with a NUL, which is no C string; and columns of the other kind of items. */
static void test_columns_of_other_kinds(void **state) {
    struct writing writing = writing_of("", "", false);
    xkv__writer writer = xkv__writer_on(&writing.columns);
    xkv__buffer out = {NULL, 0, 0, XKV_OK};

    (void)state;
    xkv__put_entry(&writer, NULL, LIT("a"), NOTHING);
    make_columns(&writing);
    assert_int_equal(xkv__csv.check(&writing.layout), XKV_OK);
    assert_int_equal(xkv__csv.head(&writing.layout, &out), XKV_OK);
    assert_true(same_bytes(xkv__buffer_bytes(&out), LIT("a\r\n")));
    xkv__put_text(&writer, NULL, LIT("b\0"));
    make_columns(&writing);
    assert_check(&writing,
                 "columns[1] is \"b\\x00\"; a file with NUL in its header would pass for UTF-16");
    xkv__buffer_free(&out);
    end_writing(&writing);
}

static void test_many_columns(void **state) {
    struct text names = {NULL, 0, 0};

    (void)state;
    for (size_t i = 0; i < XKV__FIELDS_MAX; i++)
        text_say(&names, "%s%zu", i > 0 ? "," : "", i);
    struct writing writing = writing_of(names.data, "", false);
    assert_int_equal(xkv__csv.check(&writing.layout), XKV_OK);
    writing.layout.include_key = true;
    assert_check(&writing, "columns has 10000 names, and a row at most 10000 fields");
    end_writing(&writing);
    text_free(&names);
}

/* -- Round trips ------------------------------------------------------------- */

/* Appends a random text as a string of JSON. */
static void append_random_text(struct rng *rng, xkv__buffer *out) {
    static const char *const pieces[] = {"a",
                                         "bc",
                                         "\"",
                                         "\\",
                                         "\n",
                                         "\r",
                                         "\x01",
                                         ",",
                                         ";",
                                         " ",
                                         "1",
                                         "\xC3\xA9",
                                         "0",
                                         "\xEF\xBB\xBF",
                                         "\t",
                                         "-",
                                         "longer than eight"};
    struct text text = {NULL, 0, 0};

    for (size_t n = rng_below(rng, 5); n > 0; n--)
        text_say(&text, "%s", pieces[rng_below(rng, COUNT(pieces))]);
    xkv__json_quote(bytes_of(text.data, text.len), out);
    text_free(&text);
}

/* A value as the reader makes them of rows: an object of three texts. */
static void make_value(struct rng *rng, xkv__buffer *value) {
    static const char *const names[] = {"{\"a\":", ",\"b c\":", ",\"\\\"d\\\"\":"};

    value->len = 0;
    for (size_t i = 0; i < COUNT(names); i++) {
        xkv__buffer_append(value, names[i], strlen(names[i]));
        append_random_text(rng, value);
    }
    xkv__buffer_append_byte(value, '}');
}

/* Writes entries, and says what is to be read of them. */
static void write_entries(const xkv__layout *layout, struct rng *rng, xkv__buffer *file,
                          struct text *expected) {
    xkv__buffer value = {NULL, 0, 0, XKV_OK};
    char key[16];

    assert_int_equal(xkv__csv.head(layout, file), XKV_OK);
    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof key, "k%d", i);
        make_value(rng, &value);
        assert_int_equal(xkv__csv.entry(layout, xkv_text(key), xkv__buffer_bytes(&value), file),
                         XKV_OK);
        text_say(expected, "%s {\"key\":\"%s\",", key, key);
        text_add(expected, value.data + 1, value.len - 1);
        text_add(expected, "\n", 1);
    }
    xkv__buffer_free(&value);
}

/* Reads them, in pieces. */
static void read_entries(const xkv__layout *layout, xkv_bytes file, size_t piece,
                         struct text *out) {
    struct feed feed = {file, 0, 0, piece};
    xkv__reader *reader = xkv__csv.new(layout);
    unsigned char *bytes = NULL;
    xkv__taken taken;

    while (feed_step(&xkv__csv, reader, &feed, &bytes, &taken) == XKV__ONE) {
        text_add(out, taken.key.data, taken.key.len);
        text_add(out, " ", 1);
        text_add(out, taken.value.data, taken.value.len);
        text_add(out, "\n", 1);
    }
    assert_int_equal(taken.error, XKV_OK);
    assert_int_equal(feed.used, file.len);
    xkv__csv.free(reader);
    free(bytes);
}

static void assert_round_trip(struct rng *rng) {
    static const char *const delimiters[] = {"", ";", "\t", " ", "a", "\xC3\xA9", "\xE2\x82\xAC"};
    struct writing writing =
        writing_of("a,b c,\"d\"", delimiters[rng_below(rng, COUNT(delimiters))], true);
    xkv__buffer file = {NULL, 0, 0, XKV_OK};
    struct text expected = {NULL, 0, 0}, out = {NULL, 0, 0};

    writing.layout.key_column = xkv_text("key");
    write_entries(&writing.layout, rng, &file, &expected);
    read_entries(&writing.layout, xkv__buffer_bytes(&file), 1 + rng_below(rng, 50), &out);
    assert_string_equal(out.data, expected.data);
    text_free(&out);
    text_free(&expected);
    xkv__buffer_free(&file);
    end_writing(&writing);
}

static void test_round_trips(void **state) {
    struct rng rng = rng_for("round trips");

    (void)state;
    for (int round = 0; round < 500; round++)
        assert_round_trip(&rng);
}

/* With types numbers, true, false, null and text that looks like nothing else come back. */
static void test_types_round_trip(void **state) {
    static const char *const value = "{\"a\":-1.5e-7,\"b\":true,\"c\":null,\"d\":\"\",\"e\":\"x\"}";
    struct writing writing = writing_of("a,b,c,d,e", "", true);
    xkv__buffer file = {NULL, 0, 0, XKV_OK};
    struct text out = {NULL, 0, 0};
    xkv__layout reading = writing.layout;

    (void)state;
    reading.key_column = xkv_text("key");
    reading.types = true;
    assert_int_equal(xkv__csv.head(&writing.layout, &file), XKV_OK);
    assert_int_equal(xkv__csv.entry(&writing.layout, xkv_text("k"), xkv_text(value), &file),
                     XKV_OK);
    say_file(&xkv__csv, &reading, xkv__buffer_bytes(&file), 0, 1, &out);
    assert_string_equal(out.data, "2:1 #1 k {\"key\":\"k\",\"a\":-1.5e-7,\"b\":true,\"c\":null,"
                                  "\"d\":\"\",\"e\":\"x\"}\n");
    text_free(&out);
    xkv__buffer_free(&file);
    end_writing(&writing);
}

/* -- Memory ------------------------------------------------------------------ */

static int write_all(const xkv__layout *layout, xkv_bytes value, xkv__buffer *out) {
    int error = xkv__csv.check(layout);

    if (error == XKV_OK)
        error = xkv__csv.head(layout, out);
    return error == XKV_OK ? xkv__csv.entry(layout, LIT("k"), value, out) : error;
}

/* Fails each allocation of writing a value in turn; at least so many are made. */
static void assert_memory_short(const char *columns, xkv_bytes value, long at_least) {
    xkv_set_hooks(&heap_hooks);
    struct writing writing = writing_of(columns, "", true);
    long before = atomic_load(&heap.live), n = 0;

    for (bool failed = true; failed;) {
        xkv__buffer out = {NULL, 0, 0, XKV_OK};
        heap_fail_at(++n, false);
        int error = write_all(&writing.layout, value, &out);
        failed = heap_failed();
        assert_int_equal(error, failed ? XKV_E_STORE_FULL : XKV_OK);
        assert_int_equal(atomic_load(&heap.live), before + (out.data != NULL));
        xkv__buffer_free(&out);
    }
    assert_true(n > at_least);
    end_writing(&writing);
    assert_int_equal(atomic_load(&heap.live), 0);
    xkv_set_hooks(NULL);
}

static void test_memory_is_short(void **state) {
    struct text value = {NULL, 0, 0}, columns = {NULL, 0, 0};

    (void)state;
    text_say(&value, "{\"\\u0061\":\"");
    for (int i = 0; i < 1000; i++)
        text_say(&value, i % 2 ? "\\\"," : "x");
    text_say(&value, "\",\"b\":\"%0999d,\"}", 1);
    assert_memory_short("a,b", bytes_of(value.data, value.len), 4);
    text_say(&columns, "a,b");
    for (int i = 0; i < 100; i++)
        text_say(&columns, ",column %d", i);
    assert_memory_short(columns.data, bytes_of(value.data, value.len), 7);
    text_free(&value);
    text_free(&columns);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_columns_of_other_kinds),
        cmocka_unit_test(test_many_columns),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_types_round_trip),
        cmocka_unit_test(test_memory_is_short),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
