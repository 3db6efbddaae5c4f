/*
 * csv.c - reading CSV: which rows become which objects, and what is said of those that cannot
 */
#include "../formats.h"
#include "../heap.h"

/* For tables, where LIT is not constant. */
#define ROW(text)                                                                                  \
    { (text), sizeof(text) - 1 }

/* -- Files ------------------------------------------------------------------- */

struct file_case {
    const char *how; /* what differs from a header, text and the key column a: see layout_of */
    xkv_bytes file;
    const char *said; /* as say_file says it */
};

/* Words, with a space between them: types, rows (their numbers are keys), headless; key=NAME,
 * delimiter=CHARACTER, prefix=TEXT. */
static xkv__layout layout_of(const char *how, char words[100]) {
    xkv__layout layout = {.serialization = XKV_JSON, .key_column = xkv_text("a")};

    strcpy(words, how);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
        char *is = strchr(word, '=');
        xkv_bytes what = is ? xkv_text(is + 1) : NOTHING;
        switch (*word) {
        case 't':
            layout.types = true;
            break;
        case 'r':
            layout.row_keys = true;
            break;
        case 'h':
            layout.no_header = true;
            break;
        case 'k':
            layout.key_column = what;
            break;
        case 'd':
            layout.delimiter = what;
            break;
        case 'p':
            layout.prefix = what;
            break;
        default:
            fail_msg("what is %s?", word);
        }
    }
    return layout;
}

#define PARSE "ValueParseError line "

static const struct file_case cases[] = {
    /* files */
    {"", ROW(""), ""},
    {"", ROW("\n\r\n\r"), ""},
    {"", ROW("a,b"), ""},
    {"", ROW("a,b\n"), ""},
    {"", ROW("a,b\n1,2\n"), "2:1 #1 1 {\"a\":\"1\",\"b\":\"2\"}\n"},
    {"", ROW("a,b\n1,2"), "2:1 #1 1 {\"a\":\"1\",\"b\":\"2\"}\n"},
    {"", ROW("a,b\r\n1,2\r\n"), "2:1 #1 1 {\"a\":\"1\",\"b\":\"2\"}\n"},
    {"", ROW("a,b\r1,2\r3,4"),
     "2:1 #1 1 {\"a\":\"1\",\"b\":\"2\"}\n3:1 #2 3 {\"a\":\"3\",\"b\":\"4\"}\n"},
    {"", ROW("\n\na\r\n\r\n1\n\r2\n\n"), "5:1 #1 1 {\"a\":\"1\"}\n7:1 #2 2 {\"a\":\"2\"}\n"},
    {"",
     ROW("\xEF\xBB\xBF"
         "a\n1\n"),
     "2:1 #1 1 {\"a\":\"1\"}\n"},
    {"", ROW("\xEF\xBB\xBF\"a\"\n1\n"), "2:1 #1 1 {\"a\":\"1\"}\n"},
    {"",
     ROW("\xFF\xFE"
         "a\0\n\0"),
     PARSE "1, column 1: the file is UTF-16; save it as UTF-8 #0\n"},
    {"", ROW("\xFE\xFF\0a"), PARSE "1, column 1: the file is UTF-16; save it as UTF-8 #0\n"},
    {"", ROW("a\0,\0"), PARSE "1, column 1: the file is UTF-16; save it as UTF-8 #0\n"},
    {"", ROW("\0a"), PARSE "1, column 1: the file is UTF-16; save it as UTF-8 #0\n"},

    /* fields */
    {"", ROW("a,b\n1,\n2,\"\"\n"),
     "2:1 #1 1 {\"a\":\"1\",\"b\":\"\"}\n"
     "3:1 #2 2 {\"a\":\"2\",\"b\":\"\"}\n"},
    {"", ROW("a,b\n 1 , 2\n"), "2:1 #1  1  {\"a\":\" 1 \",\"b\":\" 2\"}\n"},
    {"", ROW("a,b\n\"1\",\"2,3\"\n"), "2:1 #1 1 {\"a\":\"1\",\"b\":\"2,3\"}\n"},
    {"", ROW("a,b\n1,\"say \"\"no\"\"\"\n"), "2:1 #1 1 {\"a\":\"1\",\"b\":\"say \\\"no\\\"\"}\n"},
    {"", ROW("a,b\n1,\"\"\"\"\n2,\"\"\"\"\"\""),
     "2:1 #1 1 {\"a\":\"1\",\"b\":\"\\\"\"}\n"
     "3:1 #2 2 {\"a\":\"2\",\"b\":\"\\\"\\\"\"}\n"},
    {"", ROW("a,b\n\"k\"\"1\",x\n"), "2:1 #1 k\"1 {\"a\":\"k\\\"1\",\"b\":\"x\"}\n"},
    {"", ROW("a,b\n1,\"x\ny\r\nz\rw\"\n2,2"),
     "2:1 #1 1 {\"a\":\"1\",\"b\":\"x\\ny\\r\\nz\\rw\"}\n6:1 #2 2 {\"a\":\"2\",\"b\":\"2\"}\n"},
    {"", ROW("a,\"b\n\"\"c\"\"\"\n1,2"), "3:1 #1 1 {\"a\":\"1\",\"b\\n\\\"c\\\"\":\"2\"}\n"},
    {"", ROW("a,b\n1,\t\\\x01\x1F\x7F"),
     "2:1 #1 1 {\"a\":\"1\",\"b\":\"\\t\\\\\\u0001\\u001f\x7F\"}\n"},
    {"", ROW("a,b\n1,\0\n"), NULL},
    {"", ROW("a,\xC3\xA4\n\xE2\x82\xAC,\"\xF0\x9F\x98\x80\"\n"),
     "2:1 #1 \xE2\x82\xAC {\"a\":\"\xE2\x82\xAC\",\"\xC3\xA4\":\"\xF0\x9F\x98\x80\"}\n"},
    {"", ROW("a,b\nlonger than eight,\"longer than, eight\"\n"),
     "2:1 #1 longer than eight {\"a\":\"longer than eight\",\"b\":\"longer than, eight\"}\n"},

    /* delimiters */
    {"delimiter=;", ROW("a;b\n1,5;\"2;3\"\n"), "2:1 #1 1,5 {\"a\":\"1,5\",\"b\":\"2;3\"}\n"},
    {"delimiter=\t", ROW("a\tb\n1\t2\n"), "2:1 #1 1 {\"a\":\"1\",\"b\":\"2\"}\n"},
    {"delimiter=\xE2\x82\xAC",
     ROW("a\xE2\x82\xAC"
         "b\n\xE2\x82\xAD\xE2\x82\xAC\"\xE2\x82\xAC\"\n"),
     "2:1 #1 \xE2\x82\xAD {\"a\":\"\xE2\x82\xAD\",\"b\":\"\xE2\x82\xAC\"}\n"},
    {"delimiter=\xF0\x9F\x98\x80",
     ROW("a\xF0\x9F\x98\x80"
         "b\n1\xF0\x9F\x98\x80"),
     "2:1 #1 1 {\"a\":\"1\",\"b\":\"\"}\n"},
    {"delimiter=,,", ROW("a,,b\n"),
     "InvalidOptionsError the delimiter must be one character, and is \",,\" #0\n"},
    {"delimiter=\xFF", ROW("a,,b\n"),
     "InvalidOptionsError the delimiter must be one character, and is \"\\xff\" #0\n"},
    {"delimiter=\"", ROW("a,,b\n"),
     "InvalidOptionsError the delimiter must not be a quote, a line end or NUL, and is \"\"\" "
     "#0\n"},
    {"delimiter=\n", ROW("a,,b\n"),
     "InvalidOptionsError the delimiter must not be a quote, a line end or NUL, and is \"\\x0a\" "
     "#0\n"},
    {"delimiter=\r", ROW(""),
     "InvalidOptionsError the delimiter must not be a quote, a line end or NUL, and is \"\\x0d\" "
     "#0\n"},

    /* types */
    {"types", ROW("a,b\n1,-0\n2,true\n3,false\n4,\n5,\"\"\n6,null\n7,1.50e+3\n8,\"12\"\n"),
     "2:1 #1 1 {\"a\":1,\"b\":-0}\n3:1 #2 2 {\"a\":2,\"b\":true}\n4:1 #3 3 {\"a\":3,\"b\":false}\n"
     "5:1 #4 4 {\"a\":4,\"b\":null}\n6:1 #5 5 {\"a\":5,\"b\":\"\"}\n"
     "7:1 #6 6 {\"a\":6,\"b\":\"null\"}\n8:1 #7 7 {\"a\":7,\"b\":1.50e+3}\n"
     "9:1 #8 8 {\"a\":8,\"b\":12}\n"},
    {"types", ROW("a,b,c,d,e,f,g\n007,+1,0x1,1e999,-1e999,1., 1\n"),
     "2:1 #1 007 {\"a\":\"007\",\"b\":\"+1\",\"c\":\"0x1\",\"d\":\"1e999\",\"e\":\"-1e999\","
     "\"f\":\"1.\",\"g\":\" 1\"}\n"},
    {"types", ROW("a,b,c,d,e\nTrue,truee,1e308,-,1e-999\n"),
     "2:1 #1 True {\"a\":\"True\",\"b\":\"truee\",\"c\":1e308,\"d\":\"-\",\"e\":1e-999}\n"},
    {"types",
     ROW("a,b,c,d\n123456789012345,1234567890123456,-1234567890123456,12345678901234.56\n"),
     "2:1 #1 123456789012345 "
     "{\"a\":123456789012345,\"b\":\"1234567890123456\",\"c\":\"-1234567890123456\",\"d\":"
     "12345678901234.56}\n"},
    {"types", ROW("a,b\nx,\"1\"\"\"\n"), "2:1 #1 x {\"a\":\"x\",\"b\":\"1\\\"\"}\n"},

    /* keys */
    {"prefix=p:", ROW("a,b\n1,2\n"), "2:1 #1 p:1 {\"a\":\"1\",\"b\":\"2\"}\n"},
    {"prefix=p:", ROW("a,b\n\"\"\"\",2\n"), "2:1 #1 p:\" {\"a\":\"\\\"\",\"b\":\"2\"}\n"},
    {"key=b", ROW("a,b\n1,2\n"), "2:1 #1 2 {\"a\":\"1\",\"b\":\"2\"}\n"},
    {"key=b types", ROW("a,b\n1,2\n"), "2:1 #1 2 {\"a\":1,\"b\":2}\n"},
    {"rows", ROW("x\n1\n\n2\n"),
     "2:1 #1 0000000001 {\"x\":\"1\"}\n4:1 #2 0000000002 {\"x\":\"2\"}\n"},
    {"rows prefix=row:", ROW("x\n\"\"\n"), "2:1 #1 row:0000000001 {\"x\":\"\"}\n"},
    {"key=b", ROW("a,b\n1,2\n3,\n"),
     "2:1 #1 2 {\"a\":\"1\",\"b\":\"2\"}\n" PARSE "3, column 3: the key is empty #2\n"},
    {"key=b prefix=p:", ROW("a,b\n1,\"\"\n"), PARSE "2, column 3: the key is empty #1\n"},
    {"key=c", ROW("a,b,c\n1,\"2\r\n\n3\r4\",\n"), PARSE "5, column 4: the key is empty #1\n"},
    {"key=c", ROW("a,b,c\n1,\"2\n\",\"\"\n"), PARSE "3, column 3: the key is empty #1\n"},

    /* headers */
    {"", ROW("b,c\n1,2\n"),
     "InvalidOptionsError there is no column \"a\" (did you mean \"b\"?); "
     "there are \"b\", \"c\" #0\n"},
    {"key=userid", ROW("\nuserId,name,\"a\"\"b\"\n"),
     "InvalidOptionsError there is no column \"userid\" (did you mean \"userId\"?); there are "
     "\"userId\", \"name\", \"a\"b\" #0\n"},
    {"key=name",
     ROW("c1,c2,c3,c4,c5,c6,c7,c8,c9,c10,c11,c12,c13,c14,c15,c16,c17,c18,c19,c20,c21\n"),
     "InvalidOptionsError there is no column \"name\"; there are \"c1\", \"c2\", \"c3\", \"c4\", "
     "\"c5\", \"c6\", \"c7\", \"c8\", \"c9\", \"c10\", \"c11\", \"c12\", \"c13\", \"c14\", "
     "\"c15\", \"c16\", \"c17\", \"c18\", \"c19\", \"c20\" and 1 more #0\n"},
    {"", ROW("a,,c\n1,2\n"),
     PARSE "1, column 1: field 2 of the header is empty, and must be a name #0\n"},
    {"", ROW("\n\na,b,\"\"\n"),
     PARSE "3, column 1: field 3 of the header is empty, and must be a name #0\n"},
    {"", ROW("a,b,a,b\n"),
     PARSE "1, column 1: fields 1 and 3 of the header are both called \"a\" #0\n"},
    {"", ROW("a,\"c\"\"\",\"c\"\"\"\n"),
     PARSE "1, column 1: fields 2 and 3 of the header are both called \"c\"\" #0\n"},
    {"", ROW("a,A,a \n1,2,3\n"), "2:1 #1 1 {\"a\":\"1\",\"A\":\"2\",\"a \":\"3\"}\n"},

    /* without a header */
    {"headless key=0", ROW("x,y\nz,\n"),
     "1:1 #1 x {\"0\":\"x\",\"1\":\"y\"}\n2:1 #2 z {\"0\":\"z\",\"1\":\"\"}\n"},
    {"headless key=1", ROW("\nx,y\n"), "2:1 #1 y {\"0\":\"x\",\"1\":\"y\"}\n"},
    {"headless rows", ROW(",\n"), "1:1 #1 0000000001 {\"0\":\"\",\"1\":\"\"}\n"},
    {"headless key=2", ROW("x,y\n"),
     "InvalidOptionsError there is no column \"2\" (did you mean "
     "\"0\"?); there are \"0\", \"1\" #1\n"},
    {"headless key=01", ROW("x,y\n"),
     "InvalidOptionsError there is no column \"01\" (did you mean "
     "\"0\"?); there are \"0\", \"1\" #1\n"},
    {"headless key=0", ROW("x,y\nz\n"),
     "1:1 #1 x {\"0\":\"x\",\"1\":\"y\"}\n" PARSE
     "2, column 1: the row has 1 fields, and the first one has 2 #2\n"},

    /* rows that are wrong */
    {"", ROW("a,b\n1,2\n3\n"),
     "2:1 #1 1 {\"a\":\"1\",\"b\":\"2\"}\n" PARSE
     "3, column 1: the row has 1 fields, and the header has 2 #2\n"},
    {"", ROW("a,b\n1,2,\n"), PARSE "2, column 1: the row has 3 fields, and the header has 2 #1\n"},
    {"", ROW("a,b\n1,\"\n\n\",3\n"),
     PARSE "2, column 1: the row has 3 fields, and the header has 2 #1\n"},
    {"", ROW("a,b\n1,x\"y\n"),
     PARSE "2, column 4: a quote stands in a field that does not begin with one #1\n"},
    {"", ROW("a,b\n1, \"y\"\n"),
     PARSE "2, column 4: a quote stands in a field that does not begin with one #1\n"},
    {"", ROW("a,b\n1,\"y\"z\n"),
     PARSE "2, column 6: something stands behind the quote that ends a field #1\n"},
    {"", ROW("a,b\n1,\"y\n\" ,2\n"),
     PARSE "3, column 2: something stands behind the quote that ends a field #1\n"},
    {"", ROW("a,b\n1,\"y\"\xE2\x82\xAC\n"),
     PARSE "2, column 6: something stands behind the quote that ends a field #1\n"},
    {"", ROW("a,b\n1,\"y\n\nz\n"), PARSE "2, column 3: the quote that begins here has no end #1\n"},
    {"", ROW("a,b\n1,\"y\"\""), PARSE "2, column 3: the quote that begins here has no end #1\n"},
    {"", ROW("a,b\n1,\"x\ny\",\""),
     PARSE "3, column 4: the quote that begins here has no end #1\n"},
    {"", ROW("a,\"b\n"), PARSE "1, column 3: the quote that begins here has no end #0\n"},
    {"", ROW("a,b\n1,\xFF\n"), PARSE "2, column 3: it is not UTF-8 #1\n"},
    {"", ROW("a,b\n1,\"x\r\n\xC3\"\n"), PARSE "3, column 1: it is not UTF-8 #1\n"},
    {"", ROW("a,b\n1,\xE2\x82"), PARSE "2, column 3: it is not UTF-8 #1\n"},
    {"", ROW("a,\xED\xA0\x80\n"), PARSE "1, column 3: it is not UTF-8 #0\n"},
    {"", ROW("a,b\nlonger than eight,\xF0\x9F\x98\x80\xF5\n"),
     PARSE "2, column 23: it is not UTF-8 #1\n"},
};

/* What is only checked has the same keys and places, and is refused for the same reasons. */
static void assert_checked_alike(xkv__layout layout, xkv_bytes file) {
    xkv__reader *taking = xkv__csv.new(&layout);
    layout.check_only = true;
    xkv__reader *checking = xkv__csv.new(&layout);
    xkv__taken taken = {.used = 0}, checked;
    xkv__step step = XKV__ONE;
    char reason[XKV_MESSAGE_SIZE];

    for (size_t at = 0; step == XKV__ONE; at += taken.used) {
        xkv_bytes rest = bytes_of((const char *)file.data + at, file.len - at);
        step = xkv__csv.next(taking, rest, true, &taken);
        strcpy(reason, step == XKV__BAD ? xkv__reason(taken.error) : "");
        assert_int_equal(step, xkv__csv.next(checking, rest, true, &checked));
        assert_string_equal(reason, step == XKV__BAD ? xkv__reason(checked.error) : "");
        assert_int_equal(taken.used, checked.used);
        assert_memory_equal(&taken.place, &checked.place, sizeof taken.place);
        assert_true(same_bytes(taken.key, checked.key));
        assert_int_equal(checked.value.len, 0);
    }
    xkv__csv.free(taking);
    xkv__csv.free(checking);
}

static void assert_case(const struct file_case *of) {
    char words[100];
    const xkv__layout layout = layout_of(of->how, words);
    struct text out = {NULL, 0, 0};

    text_say(&out, "%s", "");
    if (!say_in_pieces(&xkv__csv, &layout, of->file, &out))
        fail_msg("in pieces %.*s is not what it is whole: %s", (int)of->file.len,
                 (const char *)of->file.data, out.data);
    assert_string_equal(out.data,
                        of->said ? of->said : "2:1 #1 1 {\"a\":\"1\",\"b\":\"\\u0000\"}\n");
    text_free(&out);
    assert_checked_alike(layout, of->file);
}

static void test_files(void **state) {
    (void)state;
    xkv__csv.free(NULL); /* is allowed */
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_case(&cases[i]);
}

/* -- Rows of all kinds ------------------------------------------------------- */

/* Appends something that stands in rows, mostly what is well-formed. */
static void add_something(struct rng *rng, struct text *file) {
    static const char *const cells[] = {"",
                                        "1",
                                        "a text of some length",
                                        "x\ty",
                                        "\x7F\x01",
                                        "\xC3\xA9\xF0\x9F\x98\x80",
                                        "\"a, b\"",
                                        "\"\"",
                                        "\"\"\"q\"\"\"",
                                        "\"a\nb\rc\"",
                                        "back\\slash",
                                        "\"in quotes, long, \xC3\xA9\""};
    static const char *const wrong[] = {"\"", "x\"", "\"\"y", "\xFF", "\xE2\x82", "\""};
    static const char *const ends[] = {"\n", "\r\n", "\r", ",", "\n"};

    for (int i = 0; i < 3; i++) {
        bool bad = rng_below(rng, 150) == 0;
        text_say(file, "%s%s", i > 0 ? "," : "",
                 bad ? wrong[rng_below(rng, COUNT(wrong))] : cells[rng_below(rng, COUNT(cells))]);
    }
    text_say(file, "%s", ends[rng_below(rng, rng_below(rng, 20) ? 3 : COUNT(ends))]);
}

/* What comes one byte at a time never has simple cells, and reads the same. */
static void test_simple_cells(void **state) {
    enum { FILES = SANITIZED ? 300 : 3000 };
    const xkv__layout layout = {.row_keys = true, .types = true};
    struct rng rng = rng_for("simple cells");
    size_t good = 0;

    (void)state;
    for (int n = 0; n < FILES; n++) {
        struct text file = {NULL, 0, 0}, whole = {NULL, 0, 0};
        text_say(&file, "a,b,c\n");
        for (uint64_t rows = rng_below(&rng, 8) + 1; rows > 0; rows--)
            add_something(&rng, &file);
        xkv_bytes bytes = bytes_of(file.data, file.len);
        text_say(&whole, "%s", "");
        say_file(&xkv__csv, &layout, bytes, file.len, 0, &whole);
        for (size_t piece = 1; piece < 30; piece += 7)
            assert_true(says_the_same(&xkv__csv, &layout, bytes, 0, piece, &whole));
        good += strstr(whole.data, "Error") == NULL;
        text_free(&file);
        text_free(&whole);
    }
    assert_in_range(good, FILES / 3, FILES - FILES / 30);
}

/* Values are texts of JSON whatever the store holds. */
static void test_serializations(void **state) {
    (void)state;
    for (int serialization = XKV_JSON; serialization <= XKV_BINARY; serialization++) {
        const xkv__layout layout = {.serialization = serialization, .key_column = xkv_text("a")};
        struct text out = {NULL, 0, 0};
        say_file(&xkv__csv, &layout, LIT("a\n1\n"), 9, 0, &out);
        assert_string_equal(out.data, "2:1 #1 1 {\"a\":\"1\"}\n");
        text_free(&out);
    }
}

/* The empty delimiter is a comma; NUL is none, and no C string. */
static void test_nul_delimiter(void **state) {
    const xkv__layout layout = {.delimiter = LIT("\0"), .key_column = xkv_text("a")};
    struct text out = {NULL, 0, 0};

    (void)state;
    say_file(&xkv__csv, &layout, LIT("a\n1\n"), 9, 0, &out);
    assert_non_null(strstr(out.data, "and is \"\\x00\""));
    text_free(&out);
}

/* -- Limits ------------------------------------------------------------------ */

static void say_fields(size_t count, struct text *out) {
    const xkv__layout layout = {.no_header = true, .key_column = xkv_text("0")};
    struct text file = {NULL, 0, 0};

    for (size_t i = 0; i < count; i++)
        text_say(&file, "%s%zu", i > 0 ? "," : "", i);
    say_file(&xkv__csv, &layout, bytes_of(file.data, file.len), 0, 7000, out);
    text_free(&file);
}

static void test_many_fields(void **state) {
    struct text out = {NULL, 0, 0};

    (void)state;
    say_fields(XKV__FIELDS_MAX, &out);
    assert_non_null(strstr(out.data, ",\"9999\":\"9999\"}\n"));
    text_free(&out);
    say_fields(XKV__FIELDS_MAX + 1, &out);
    assert_string_equal(out.data, PARSE "1, column 48891: the row has more than 10000 fields #1\n");
    text_free(&out);
}

/* The second row is len bytes long, quoted or not, without its end. */
static void say_long_row(size_t len, bool quoted, const char *end, size_t piece, char said[200]) {
    const xkv__layout layout = {.key_column = xkv_text("a")};
    xkv__reader *reader = xkv__csv.new(&layout);
    size_t size = 4 + len + strlen(end);
    char *file = malloc(size + 1);
    xkv__taken taken;
    xkv__step step;

    assert_non_null(file);
    memset(file, 'x', size);
    memcpy(file, "a,b\nk,", 6);
    if (quoted)
        file[6] = file[4 + len - 1] = '"';
    memcpy(file + 4 + len, end, strlen(end));
    size_t used = 0, seen = piece > 0 ? piece : size;
    while ((step = xkv__csv.next(reader, bytes_of(file + used, seen - used), seen == size,
                                 &taken)) == XKV__MORE) {
        used += taken.used;
        seen = seen + piece < size ? seen + piece : size;
    }
    if (step == XKV__ONE)
        sprintf(said, "%zu of %zu, value of %zu", used + taken.used, size, taken.value.len);
    else
        snprintf(said, 200, "%s", xkv__reason(taken.error));
    xkv__csv.free(reader);
    free(file);
}

static void test_long_rows(void **state) {
    static const char *const ends[] = {"", "\n", "\r\n"};
    char said[200], expected[200];

    (void)state;
    for (size_t i = 0; i < 2 * COUNT(ends); i += SANITIZED ? 5 : 1) {
        bool quoted = i >= COUNT(ends);
        const char *end = ends[i % COUNT(ends)];
        for (size_t piece = 0; piece <= 1 << 24; piece += 1 << 24) {
            say_long_row(XKV__RECORD_MAX, quoted, end, piece, said);
            sprintf(expected, "%zu of %zu, value of %d", 4 + XKV__RECORD_MAX + strlen(end),
                    4 + XKV__RECORD_MAX + strlen(end), XKV__RECORD_MAX - (quoted ? 4 : 2) + 16);
            assert_string_equal(said, expected);
            say_long_row(XKV__RECORD_MAX + 1, quoted, end, piece, said);
            assert_string_equal(said, "line 2, column 1: the row is longer than 67108864 bytes");
        }
    }
}

/* In pieces of 4 KiB 64 MiB are looked at once, not 8,000 times, which would take minutes. */
static void test_pieces_take_no_longer(void **state) {
    char said[200];

    (void)state;
    uint64_t begin = clock_ms();
    say_long_row(XKV__RECORD_MAX, false, "\n", 4096, said);
    say_long_row(XKV__RECORD_MAX, true, "\n", 4096, said);
    assert_non_null(strstr(said, "67108869 of 67108869"));
    assert_true(clock_ms() - begin < 20000);
}

static void test_long_keys(void **state) {
    static char file[XKV_KEY_MAX + 100];
    const xkv__layout layout = {.key_column = xkv_text("a")};
    struct text out = {NULL, 0, 0};

    (void)state;
    memset(file, 'k', sizeof file);
    memcpy(file, "b,a\n1,", 6);
    say_file(&xkv__csv, &layout, bytes_of(file, 6 + XKV_KEY_MAX), 0, 1000, &out);
    assert_null(strstr(out.data, "Error"));
    text_free(&out);
    say_file(&xkv__csv, &layout, bytes_of(file, 7 + XKV_KEY_MAX), 0, 1000, &out);
    assert_non_null(strstr(out.data, "line 2, column 3: the key \"kkk"));
    assert_non_null(strstr(out.data, "…\" has 32769 bytes, and may have 32768 #1\n"));
    text_free(&out);
}

/* -- Memory ------------------------------------------------------------------ */

static void assert_memory_is_short(const char *how, const char *file, const char *said) {
    char words[100];
    const xkv__layout layout = layout_of(how, words);
    bool failed = true;
    long n = 0;

    while (failed) {
        struct text out = {NULL, 0, 0};
        n++;
        heap_fail_at(n, n % 2 == 0);
        say_file(&xkv__csv, &layout, xkv_text(file), 30, 50, &out);
        failed = heap_failed();
        assert_int_equal(atomic_load(&heap.live), 0);
        if (!failed)
            assert_string_equal(out.data, said);
        else if (n > 1 && *said != 'I') /* the hint may be left out */
            assert_non_null(strstr(out.data, "StoreFullError"));
        text_free(&out);
    }
    assert_true(n > 6);
}

static void test_memory_is_short(void **state) {
    (void)state;
    xkv_set_hooks(&heap_hooks);
    assert_memory_is_short(
        "types prefix=p:",
        "a,\"c\"\"d\",c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s\n"
        "\"\"\"\",1e5,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s\n",
        "2:1 #1 p:\" {\"a\":\"\\\"\",\"c\\\"d\":1e5,\"c\":\"c\",\"d\":\"d\","
        "\"e\":\"e\",\"f\":\"f\",\"g\":\"g\",\"h\":\"h\",\"i\":\"i\",\"j\":\"j\","
        "\"k\":\"k\",\"l\":\"l\",\"m\":\"m\",\"n\":\"n\",\"o\":\"o\",\"p\":\"p\","
        "\"q\":\"q\",\"r\":\"r\",\"s\":\"s\"}\n");
    assert_memory_is_short("rows prefix=p:", "a\n1\n", "2:1 #1 p:0000000001 {\"a\":\"1\"}\n");
    assert_memory_is_short("key=ac", "ab,cd\n1,2\n",
                           "InvalidOptionsError there is no column \"ac\" (did you mean "
                           "\"ab\"?); there are \"ab\", \"cd\" #0\n");
    xkv_set_hooks(NULL);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple_cells),          cmocka_unit_test(test_files),
        cmocka_unit_test(test_serializations),        cmocka_unit_test(test_nul_delimiter),
        cmocka_unit_test(test_many_fields),           cmocka_unit_test(test_long_rows),
        cmocka_unit_test(test_pieces_take_no_longer), cmocka_unit_test(test_long_keys),
        cmocka_unit_test(test_memory_is_short),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
