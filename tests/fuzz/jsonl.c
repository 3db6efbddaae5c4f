/*
 * jsonl.c - any bytes as JSONL: in pieces it reads as it does whole, what is read and written again
 * reads the same, and what is JSON is what a simple validator says is
 */
#include "../formats.h"
#include "../json_reference.h"

#include "formats/json_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The place that a flaw is at lies in the text, behind nothing but what is right so far. */
static void check_validator(xkv_bytes text) {
    xkv__json json;
    bool valid = xkv__json_valid(text, &json);

    MUST(valid == reference_is_json(text, XKV__NESTING_MAX));
    MUST(valid == !json.flaw);
    MUST(json.at <= json.end);
}

static void check_lines(xkv_bytes file) {
    const unsigned char *at = file.data, *end = at + file.len, *line_end;

    for (; at < end; at = line_end + 1) {
        line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end)
            line_end = end;
        check_validator(bytes_of(at, (size_t)(line_end - at)));
        if (line_end == end)
            break;
    }
}

/* Reads a file in pieces, and writes what it has: up to the first bad line. Says the entries
 * without their places. */
static void read_and_write(const xkv__layout *reading, const xkv__layout *writing, xkv_bytes file,
                           size_t piece, xkv__buffer *again, struct text *said) {
    struct feed feed = {file, 0, 0, piece};
    xkv__reader *reader = xkv__jsonl.new(reading);
    unsigned char *bytes = NULL;
    xkv__taken taken;

    MUST(reader);
    while (feed_step(&xkv__jsonl, reader, &feed, &bytes, &taken) == XKV__ONE) {
        MUST(taken.key.len > 0 && taken.key.len <= XKV_KEY_MAX);
        MUST(xkv__jsonl.entry(writing, taken.key, taken.value, again) == XKV_OK);
        text_add(said, taken.key.data, taken.key.len);
        text_add(said, "\0", 1);
        text_add(said, taken.value.data, taken.value.len);
        text_add(said, "\n", 1);
    }
    xkv__jsonl.free(reader);
    free(bytes);
}

/* Line ends in white space become spaces as they are written, so what is said of values of JSON is
 * compared that way. */
static void flatten(struct text *said) {
    for (size_t i = 0; i < said->len; i++) {
        if (said->data[i] == '\r')
            said->data[i] = ' ';
    }
}

static void check_round_trip(const xkv__layout *layout, xkv_bytes file, size_t piece) {
    xkv__layout plain = {.serialization = layout->serialization};
    xkv__buffer again = {NULL, 0, 0, XKV_OK}, once_more = {NULL, 0, 0, XKV_OK};
    struct text first = {NULL, 0, 0}, second = {NULL, 0, 0};

    read_and_write(layout, &plain, file, piece, &again, &first);
    read_and_write(&plain, &plain, xkv__buffer_bytes(&again), piece + 3, &once_more, &second);
    if (layout->serialization == XKV_JSON) {
        flatten(&first);
        flatten(&second);
    }
    MUST(same_bytes(bytes_of(first.data, first.len), bytes_of(second.data, second.len)));
    MUST(same_bytes(xkv__buffer_bytes(&again), xkv__buffer_bytes(&once_more)));
    xkv__buffer_free(&again);
    xkv__buffer_free(&once_more);
    text_free(&first);
    text_free(&second);
}

/* The first byte says how the others are read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    const xkv__layout layout = {.serialization = data[0] % 3,
                                .prefix = data[0] & 64 ? xkv_text("p:") : NOTHING};
    xkv_bytes file = {data + 1, size - 1};
    size_t piece = 1 + data[0] / 3 % 21;
    struct text whole = {NULL, 0, 0};

    say_file(&xkv__jsonl, &layout, file, file.len, 0, &whole);
    MUST(says_the_same(&xkv__jsonl, &layout, file, 0, piece, &whole));
    text_free(&whole);
    check_validator(file);
    check_lines(file);
    check_round_trip(&layout, file, piece);
    return 0;
}
