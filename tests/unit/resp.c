/*
 * resp.c - replies of servers: what each kind is read as, wherever they are cut, and what is none
 */
#include "../resp.h"

/* For tables: LIT is no constant. */
#define BYTES(text)                                                                                \
    { (text), sizeof(text) - 1 }

#define MINIMUM "-9223372036854775808"
#define MAXIMUM "9223372036854775807"

/* What is read, told as tests/resp.h tells it. */
static const struct {
    xkv_bytes bytes;
    const char *said;
} replies[] = {
    {BYTES("+OK\r\n"), "text 2 OK "},
    {BYTES("+\r\n"), "text 0  "},
    {BYTES("-ERR no such key\r\n"), "error 15 ERR no such key "},
    {BYTES(":0\r\n"), "integer 0 "},
    {BYTES(":-0\r\n"), "integer 0 "},
    {BYTES(":-1\r\n"), "integer -1 "},
    {BYTES(":+7\r\n"), "integer 7 "},
    {BYTES(":1000000000000000000\r\n"), "integer 1000000000000000000 "},
    {BYTES(":" MAXIMUM "\r\n"), "integer " MAXIMUM " "},
    {BYTES(":" MINIMUM "\r\n"), "integer " MINIMUM " "},
    {BYTES("$5\r\nhello\r\n"), "text 5 hello "},
    {BYTES("$0\r\n\r\n"), "text 0  "},
    {BYTES("$4\r\n\r\n\r\n\r\n"), "text 4 \r\n\r\n "},
    {BYTES("$12\r\n$5\r\nhello\r\n1\r\n"), "text 12 $5\r\nhello\r\n1 "},
    {BYTES("$-1\r\n"), "null "},
    {BYTES("*-1\r\n"), "null "},
    {BYTES("_\r\n"), "null "},
    {BYTES("#t\r\n"), "integer 1 "},
    {BYTES("#f\r\n"), "integer 0 "},
    {BYTES(",1.5e300\r\n"), "text 7 1.5e300 "},
    {BYTES(",-inf\r\n"), "text 4 -inf "},
    {BYTES("(34928903284092385\r\n"), "text 17 34928903284092385 "},
    {BYTES("!9\r\nSYNTAX \r\n\r\n"), "error 9 SYNTAX \r\n "},
    {BYTES("=7\r\ntxt:abc\r\n"), "text 3 abc "},
    {BYTES("=4\r\nmkd:\r\n"), "text 0  "},
    {BYTES("*0\r\n"), "array 0 "},
    {BYTES("~0\r\n"), "array 0 "},
    {BYTES("%0\r\n"), "array 0 "},
    {BYTES(">0\r\n"), "push 0 "},
    {BYTES("*2\r\n$1\r\na\r\n:2\r\n"), "array 2 text 1 a integer 2 "},
    {BYTES("*3\r\n$-1\r\n*-1\r\n_\r\n"), "array 3 null null null "},
    {BYTES("*2\r\n*0\r\n*1\r\n*0\r\n"), "array 2 array 0 array 1 array 0 "},
    {BYTES("~2\r\n+a\r\n#t\r\n"), "array 2 text 1 a integer 1 "},
    {BYTES("%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n"),
     "array 4 text 1 a integer 1 text 1 b array 1 integer 2 "},
    {BYTES(">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n"),
     "push 2 text 10 invalidate array 1 text 1 k "},
    {BYTES("|1\r\n+ttl\r\n:3600\r\n+v\r\n"), "text 1 v "},
    {BYTES("|0\r\n+v\r\n"), "text 1 v "},
    {BYTES("|0\r\n|0\r\n_\r\n"), "null "},
    {BYTES("|1\r\n*1\r\n+a\r\n%1\r\n+b\r\n|0\r\n+c\r\n*1\r\n:5\r\n"), "array 1 integer 5 "},
    {BYTES("*3\r\n:1\r\n:2\r\n|1\r\n+ttl\r\n:3600\r\n:3\r\n"),
     "array 3 integer 1 integer 2 integer 3 "},
    {BYTES("*1\r\n|0\r\n*1\r\n|1\r\n+a\r\n+b\r\n$-1\r\n"), "array 1 array 1 null "},
    {BYTES("|1\r\n+a\r\n+b\r\n>1\r\n+c\r\n"), "push 1 text 1 c "},
};

static const xkv_bytes none[] = {
    BYTES("hello\r\n"),
    BYTES("\r\n"),
    BYTES("\0"),
    BYTES("\xff\r\n"),
    BYTES("HTTP/1.1 400 Bad Request\r\n"),
    BYTES("+a\n"),
    BYTES("+a\rb\r\n"),
    BYTES("+a\nb\r\n"),
    BYTES("+\r\r\n"),
    BYTES("-a\n"),
    BYTES(":\r\n"),
    BYTES(":-\r\n"),
    BYTES(":+-1\r\n"),
    BYTES(":--1\r\n"),
    BYTES(": 1\r\n"),
    BYTES(":1 \r\n"),
    BYTES(":1.0\r\n"),
    BYTES(":01\r\n"),
    BYTES(":-01\r\n"),
    BYTES(":0x1\r\n"),
    BYTES(":1\n"),
    BYTES(":1\r1"),
    BYTES(":9223372036854775808\r\n"),
    BYTES(":-9223372036854775809\r\n"),
    BYTES(":18446744073709551616\r\n"),
    BYTES(":92233720368547758070\r\n"),
    BYTES(":99999999999999999999\r\n"),
    BYTES("$\r\n"),
    BYTES("$-2\r\n"),
    BYTES("$-\r\n"),
    BYTES("$-11\r\n"),
    BYTES("$+1\r\na\r\n"),
    BYTES("$01\r\na\r\n"),
    BYTES("$1a\r\na\r\n"),
    BYTES("$1\r\nab\r\n"),
    BYTES("$1\r\na\n\r\n"),
    BYTES("$1\r\na\r\r"),
    BYTES("$?\r\n"),
    BYTES("$18446744073709551615\r\n"),
    BYTES("$18446744073709551617\r\n"),
    BYTES("$99999999999999999999999999999999"),
    BYTES("!-1\r\n"),
    BYTES("=-1\r\n"),
    BYTES("=3\r\ntxt\r\n"),
    BYTES("=5\r\ntxt;a\r\n"),
    BYTES("_n\r\n"),
    BYTES("_ \r\n"),
    BYTES("#\r\n"),
    BYTES("#T\r\n"),
    BYTES("#tt\r\n"),
    BYTES("#1\r\n"),
    BYTES("*-2\r\n"),
    BYTES("*?\r\n"),
    BYTES("%-1\r\n"),
    BYTES("~-1\r\n"),
    BYTES(">-1\r\n"),
    BYTES("|-1\r\n"),
    BYTES("%?\r\n"),
    BYTES("~?\r\n"),
    BYTES(">?\r\n"),
    BYTES(";1\r\na\r\n"),
    BYTES(".\r\n"),
    BYTES("*1\r\n>0\r\n"),
    BYTES("|1\r\n+a\r\n>0\r\n"),
    BYTES("*2\r\n:1\r\nx"),
    BYTES("*1\r\n\r\n"),
};

static void test_replies(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(replies); i++) {
        struct text said = {NULL, 0, 0};
        size_t size;
        assert_int_equal(scan_pieces(replies[i].bytes, 0, &size), XKV__RESP_WHOLE);
        assert_int_equal(size, replies[i].bytes.len);
        say_walk(&said, replies[i].bytes);
        assert_string_equal(said.data, replies[i].said);
        text_free(&said);
    }
}

/* A beginning of a reply is no reply; in pieces of any size it is the same as whole; and what
 * comes behind it is not looked at. */
static void test_cut(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(replies); i++) {
        xkv_bytes bytes = replies[i].bytes;
        char more[128];
        size_t size;
        for (size_t len = 0; len < bytes.len; len++)
            assert_int_equal(scan_pieces(bytes_of(bytes.data, len), 0, &size), XKV__RESP_MORE);
        memcpy(more, bytes.data, bytes.len);
        memcpy(more + bytes.len, "\r\n", 2);
        for (size_t piece = 1; piece <= bytes.len + 2; piece++) {
            assert_int_equal(must_agree(bytes, piece), XKV__RESP_WHOLE);
            assert_int_equal(must_agree(bytes_of(more, bytes.len + 2), piece), XKV__RESP_WHOLE);
        }
    }
}

static void test_none(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(none); i++) {
        size_t size;
        if (scan_pieces(none[i], 0, &size) != XKV__RESP_BAD)
            fail_msg("%s is not BAD", (const char *)none[i].data);
        for (size_t piece = 1; piece <= none[i].len; piece++)
            assert_int_equal(must_agree(none[i], piece), XKV__RESP_BAD);
    }
}

/* Every single byte of a reply, replaced by every other. */
static void test_replaced(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(replies); i++) {
        unsigned char bytes[128];
        size_t len = replies[i].bytes.len;
        for (size_t at = 0; at < len; at++) {
            memcpy(bytes, replies[i].bytes.data, len);
            for (int c = 0; c < 256; c++) {
                bytes[at] = (unsigned char)c;
                must_agree(bytes_of(bytes, len), 1 + (size_t)c % len);
            }
        }
    }
}

/* -- Limits ---------------------------------------------------------------------- */

static xkv__resp_scanned nested(const char *level, unsigned depth, const char *innermost) {
    struct text text = {NULL, 0, 0};

    for (unsigned i = 0; i < depth; i++)
        text_say(&text, "%s", level);
    text_say(&text, "%s", innermost);
    xkv__resp_scanned scanned = must_agree(bytes_of(text.data, text.len), 3);
    text_free(&text);
    return scanned;
}

static void test_depth(void **state) {
    const unsigned max = XKV__RESP_DEPTH_MAX;

    (void)state;
    assert_int_equal(nested("*1\r\n", max, ":1\r\n"), XKV__RESP_WHOLE);
    assert_int_equal(nested("*1\r\n", max, "*-1\r\n"), XKV__RESP_WHOLE);
    assert_int_equal(nested("*1\r\n", max - 1, "*0\r\n"), XKV__RESP_WHOLE);
    assert_int_equal(nested("*1\r\n", max, "*0\r\n"), XKV__RESP_BAD);
    assert_int_equal(nested("*1\r\n", max, "|0\r\n"), XKV__RESP_BAD);
    assert_int_equal(nested("~1\r\n", max, "*1\r\n"), XKV__RESP_BAD);
    assert_int_equal(nested("%1\r\n+k\r\n", max, ":1\r\n"), XKV__RESP_WHOLE);
    assert_int_equal(nested("%1\r\n+k\r\n", max + 1, ":1\r\n"), XKV__RESP_BAD);
    assert_int_equal(nested("|1\r\n", max, ":1\r\n"), XKV__RESP_MORE);
    assert_int_equal(nested("|1\r\n", max + 1, ":1\r\n"), XKV__RESP_BAD);
    assert_int_equal(nested("|1\r\n:1\r\n:2\r\n", 3 * max, ":1\r\n"), XKV__RESP_WHOLE);
}

/* A line of so many letters, with its end and without. */
static void check_line(char first, size_t len, xkv__resp_scanned with, xkv__resp_scanned without) {
    char *line = malloc(len + 3);
    size_t size;

    MUST(line);
    memset(line, 'a', len + 1);
    line[0] = first;
    memcpy(line + 1 + len, "\r\n", 2);
    assert_int_equal(must_agree(bytes_of(line, len + 3), len / 2), with);
    assert_int_equal(scan_pieces(bytes_of(line, len + 1), 0, &size), without);
    free(line);
}

static void test_lines(void **state) {
    (void)state;
    for (const char *first = "+-,("; *first; first++) {
        check_line(*first, XKV__RESP_LINE_MAX, XKV__RESP_WHOLE, XKV__RESP_MORE);
        check_line(*first, XKV__RESP_LINE_MAX + 1, XKV__RESP_BAD, XKV__RESP_BAD);
    }
}

static void check_length(const char *bytes, xkv__resp_scanned expected, size_t expected_lacking) {
    size_t size = strlen(bytes);
    const unsigned char *data = (const unsigned char *)bytes;
    xkv__resp_scan scan = {0};

    assert_int_equal(xkv__resp_scan_on(&scan, data, size), expected);
    assert_int_equal(xkv__resp_lacking(&scan, data, size), expected_lacking);
}

/* What is announced is awaited, up to the limits; and of a string it is known how much. */
static void test_lengths(void **state) {
    (void)state;
    check_length("$536870912\r\n", XKV__RESP_MORE, 536870914);
    check_length("$536870912\r\nabc", XKV__RESP_MORE, 536870911);
    check_length("!536870912\r\n", XKV__RESP_MORE, 536870914);
    check_length("=536870912\r\n", XKV__RESP_MORE, 536870914);
    check_length("*2\r\n+a\r\n$10\r\n12345", XKV__RESP_MORE, 7);
    check_length("$3\r\nabc\r", XKV__RESP_MORE, 1);
    check_length("$3\r\nabc\r\n", XKV__RESP_WHOLE, 0);
    check_length("$3\r", XKV__RESP_MORE, 0);
    check_length("+abc", XKV__RESP_MORE, 0);
    check_length("", XKV__RESP_MORE, 0);
    check_length("$536870913\r\n", XKV__RESP_BAD, 0);
    check_length("!536870913\r\n", XKV__RESP_BAD, 0);
    check_length("=536870913\r\n", XKV__RESP_BAD, 0);
    for (const char *first = "*~%>|"; *first; first++) {
        char bytes[32];
        snprintf(bytes, sizeof bytes, "%c67108864\r\n", *first);
        check_length(bytes, XKV__RESP_MORE, 0);
        snprintf(bytes, sizeof bytes, "%c67108865\r\n", *first);
        check_length(bytes, XKV__RESP_BAD, 0);
    }
}

/* As many members as there may be on every level: nothing overflows, and nothing ends. */
static void test_many_announced(void **state) {
    (void)state;
    assert_int_equal(nested("%67108864\r\n", XKV__RESP_DEPTH_MAX, "+a\r\n+b\r\n"), XKV__RESP_MORE);
    assert_int_equal(nested("|67108864\r\n", XKV__RESP_DEPTH_MAX, "+a\r\n+b\r\n"), XKV__RESP_MORE);
}

/* -- What has been seen is not looked at again -------------------------------------- */

/* Scans byte by byte, and spoils the bytes of items that are over and of a text up to where it has
 * been searched: who looks again finds no reply. So time grows as the size does. */
static void check_once(const char *reply, size_t size) {
    unsigned char *bytes = malloc(size);
    xkv__resp_scan scan = {0};

    MUST(bytes);
    memcpy(bytes, reply, size);
    for (size_t seen = 1; seen < size; seen++) {
        assert_int_equal(xkv__resp_scan_on(&scan, bytes, seen), XKV__RESP_MORE);
        memset(bytes, '\n', scan.at);
        if (scan.at < seen && bytes[scan.at] == '+' && seen > scan.at + 2)
            memset(bytes + scan.at + 1, '\n', seen - scan.at - 2);
    }
    assert_int_equal(xkv__resp_scan_on(&scan, bytes, size), XKV__RESP_WHOLE);
    assert_int_equal(scan.at, size);
    free(bytes);
}

static void test_once(void **state) {
    struct text text = {NULL, 0, 0};

    (void)state;
    text_say(&text, "*1003\r\n+");
    for (int i = 0; i < 500; i++)
        text_say(&text, "a long line");
    text_say(&text, "\r\n$29\r\nthis is a string, no line end\r\n*0\r\n");
    for (int i = 0; i < 1000; i++)
        text_say(&text, ":%d\r\n", i);
    check_once(text.data, text.len);
    text_free(&text);
}

/* -- Walks ------------------------------------------------------------------------- */

static void test_skip(void **state) {
    xkv_bytes bytes = LIT("*2\r\n*2\r\n:1\r\n%1\r\n+a\r\n|1\r\n+x\r\n*1\r\n+y\r\n+b\r\n:2\r\n"
                          "|1\r\n+x\r\n+y\r\n*1\r\n$1\r\na\r\n:3\r\n");
    xkv__resp_cursor cursor = xkv__resp_cursor_on(bytes);
    xkv__resp_item item;

    (void)state;
    assert_true(xkv__resp_next(&cursor, &item));
    assert_int_equal(item.members, 2);
    xkv__resp_skip(&cursor);
    assert_true(xkv__resp_next(&cursor, &item));
    assert_int_equal(item.integer, 2);
    xkv__resp_skip(&cursor);
    assert_true(xkv__resp_next(&cursor, &item));
    assert_int_equal(item.integer, 3);
    assert_false(xkv__resp_next(&cursor, &item));
    xkv__resp_skip(&cursor);
    assert_false(xkv__resp_next(&cursor, &item));
}

/* Nothing is copied: text lies in the bytes that were read. */
static void test_in_place(void **state) {
    xkv_bytes bytes = LIT("*2\r\n$3\r\nabc\r\n+d\r\n");
    xkv__resp_cursor cursor = xkv__resp_cursor_on(bytes);
    xkv__resp_item item;

    (void)state;
    assert_true(xkv__resp_next(&cursor, &item) && xkv__resp_next(&cursor, &item));
    assert_ptr_equal(item.text.data, (const char *)bytes.data + 8);
    assert_true(xkv__resp_next(&cursor, &item));
    assert_ptr_equal(item.text.data, (const char *)bytes.data + 14);
}

static void check_integer(xkv_bytes reply, bool is_one, int64_t expected) {
    xkv__resp_cursor cursor = xkv__resp_cursor_on(reply);
    xkv__resp_item item;
    int64_t number = 0;

    assert_true(xkv__resp_next(&cursor, &item));
    assert_int_equal(xkv__resp_integer(&item, &number), is_one);
    if (is_one)
        assert_true(number == expected);
}

static void test_integers(void **state) {
    (void)state;
    check_integer(LIT(":" MINIMUM "\r\n"), true, INT64_MIN);
    check_integer(LIT("$20\r\n" MINIMUM "\r\n"), true, INT64_MIN);
    check_integer(LIT("$19\r\n" MAXIMUM "\r\n"), true, INT64_MAX);
    check_integer(LIT("+42\r\n"), true, 42);
    check_integer(LIT("(42\r\n"), true, 42);
    check_integer(LIT("#t\r\n"), true, 1);
    check_integer(LIT("$19\r\n9223372036854775808\r\n"), false, 0);
    check_integer(LIT("$20\r\n-9223372036854775809\r\n"), false, 0);
    check_integer(LIT("$20\r\n10000000000000000000\r\n"), false, 0);
    check_integer(LIT("$2\r\n4x\r\n"), false, 0);
    check_integer(LIT("$2\r\n42\r\n"), true, 42);
    check_integer(LIT("$0\r\n\r\n"), false, 0);
    check_integer(LIT(",4.2\r\n"), false, 0);
    check_integer(LIT("-42\r\n"), false, 0);
    check_integer(LIT("$-1\r\n"), false, 0);
    check_integer(LIT("*1\r\n:1\r\n"), false, 0);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),  cmocka_unit_test(test_cut),
        cmocka_unit_test(test_none),     cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_depth),    cmocka_unit_test(test_lines),
        cmocka_unit_test(test_lengths),  cmocka_unit_test(test_many_announced),
        cmocka_unit_test(test_once),     cmocka_unit_test(test_skip),
        cmocka_unit_test(test_in_place), cmocka_unit_test(test_integers),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
