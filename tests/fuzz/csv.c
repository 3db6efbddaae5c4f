/*
 * csv.c - any bytes as CSV: in pieces it reads as it does whole, each row becomes JSON, and what is
 * read and written again reads the same
 */
#include "../formats.h"
#include "../json_reference.h"

#include "command/items.h"
#include "formats/json_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The members' names of an object, as items. */
static size_t take_names(xkv_bytes object, xkv_reply *names) {
    xkv__json json = xkv__json_on(object);
    xkv__member member = {NOTHING, NOTHING};
    xkv__writer writer = xkv__writer_on(names);
    xkv__buffer text = {NULL, 0, 0, XKV_OK};
    size_t count = 0;

    MUST(xkv__json_object(&json));
    for (; xkv__json_member(&json, &member); count++) {
        xkv_bytes name;
        text.len = 0;
        MUST(xkv__json_meaning(member.name, &text, &name));
        xkv__put_text(&writer, NULL, name);
    }
    xkv__buffer_free(&text);
    return count;
}

/* What a file has, as far as it can be read: its rows, and the columns. */
struct content {
    struct text rows;
    xkv_reply names;
    size_t columns;
};

/* Reads a file; *again: and writes it once the columns are known. */
static void read_content(const xkv__layout *reading, xkv_bytes file, size_t piece,
                         struct content *content, xkv__buffer *again) {
    struct feed feed = {file, 0, 0, piece};
    xkv__reader *reader = xkv__csv.new(reading);
    xkv__layout writing = {.delimiter = reading->delimiter};
    unsigned char *bytes = NULL;
    bool writes = again != NULL;
    xkv__taken taken;

    MUST(reader);
    while (feed_step(&xkv__csv, reader, &feed, &bytes, &taken) == XKV__ONE) {
        MUST(reference_is_json(taken.value, 1));
        if (content->columns == 0) {
            content->columns = take_names(taken.value, &content->names);
            writing.columns = xkv__columns_new(bytes_of(content->names.data, content->names.len));
            MUST(writing.columns);
            writes = writes && xkv__csv.check(&writing) == XKV_OK; /* not with NUL in names */
            MUST(!writes || xkv__csv.head(&writing, again) == XKV_OK);
        }
        MUST(!writes || xkv__csv.entry(&writing, taken.key, taken.value, again) == XKV_OK);
        text_add(&content->rows, taken.value.data, taken.value.len);
        text_add(&content->rows, "\n", 1);
    }
    xkv__csv.free(reader);
    xkv__columns_free(writing.columns);
    free(bytes);
}

/* In one column what is nothing cannot be told from empty text. */
static bool comes_back(const xkv__layout *layout, const struct content *content) {
    return content->columns > 1 || !layout->types;
}

static void check_round_trip(const xkv__layout *layout, xkv_bytes file, size_t piece) {
    struct content first = {.columns = 0}, second = {.columns = 0};
    const xkv__layout reading = {
        .delimiter = layout->delimiter, .types = layout->types, .row_keys = true};
    xkv__buffer again = {NULL, 0, 0, XKV_OK};

    xkv_reply_init(&first.names, NULL, 0);
    xkv_reply_init(&second.names, NULL, 0);
    read_content(layout, file, piece, &first, &again);
    read_content(&reading, xkv__buffer_bytes(&again), piece + 3, &second, NULL);
    if (again.len > 0 && comes_back(layout, &first))
        MUST(same_bytes(bytes_of(first.rows.data, first.rows.len),
                        bytes_of(second.rows.data, second.rows.len)));
    xkv__buffer_free(&again);
    xkv_reply_clear(&first.names);
    xkv_reply_clear(&second.names);
    text_free(&first.rows);
    text_free(&second.rows);
}

/* The first two bytes say how the others are read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const delimiters[] = {"",  ";", "\t", "\xC3\xA9", "\xF0\x9F\x98\x80",
                                             " ", "1", ",,"};
    if (size < 2)
        return 0;
    const xkv__layout layout = {
        .delimiter = xkv_text(delimiters[data[0] & 7]),
        .types = data[0] & 8,
        .no_header = data[0] & 16,
        .row_keys = data[0] & 32,
        .prefix = data[0] & 64 ? xkv_text("p:") : NOTHING,
        .key_column = xkv_text(data[0] & 16 ? "0" : "a"),
    };
    xkv_bytes file = {data + 2, size - 2};
    size_t piece = 1 + data[1] % 21;
    struct text whole = {NULL, 0, 0};

    say_file(&xkv__csv, &layout, file, file.len, 0, &whole);
    MUST(says_the_same(&xkv__csv, &layout, file, 0, piece, &whole));
    text_free(&whole);
    check_round_trip(&layout, file, piece);
    return 0;
}
