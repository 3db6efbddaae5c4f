/*
 * json.c - any two texts as JSON: equality is what it must be for any equality,
 * and does not look at how a text is written
 */
#include "../json.h"

#include "command/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition) {
    if (!condition)
        abort();
}

static bool equal(xkv_bytes a, xkv_bytes b) {
    bool one = false, other = false;

    check(xkv__json_equal(a, b, &one) == XKV_OK);
    check(xkv__json_equal(b, a, &other) == XKV_OK);
    check(one == other);
    return one;
}

/* Bytes that are JSON are equal to themselves with a space behind them, and then
 * to themselves however they are written; others are not. */
static void check_reformatted(xkv_bytes json) {
    struct rng rng = {json.len};
    char *again = malloc(reformatted_room(json.len)), *spaced = malloc(json.len + 2);

    check(again && spaced);
    if (json.len > 0)
        memcpy(spaced, json.data, json.len);
    spaced[json.len] = ' ';
    bool is_json = equal(json, (xkv_bytes){spaced, json.len + 1});
    size_t len = reformat(json, again, &rng);
    if (is_json)
        check(equal(json, (xkv_bytes){again, len}));
    spaced[json.len] = ']';
    check(!equal(json, (xkv_bytes){spaced, json.len + 1}));
    free(again);
    free(spaced);
}

/* Each byte as a piece of JSON, so that it comes to objects soon. */
static void check_pieces(const uint8_t *data, size_t size) {
    static const char *const pieces[] = {
        "{",     "}",    "[",           "]",      ",",  ":",         "\"a\":", "\"b\":",
        "\"a\"", "\"\"", "\"\\u0061\"", "1",      "0",  "-0",        "1.0",    "1e400",
        "true",  "null", " ",           "\"\\ud", "\\", "\"\\ud83d", "\"",     ",{\"a\":1}"};
    char *text = malloc(size * 12 + 1);
    size_t len = 0;

    check(text);
    for (size_t i = 0; i < size; i++)
        len += (size_t)sprintf(text + len, "%s", pieces[data[i] % COUNT(pieces)]);
    check_reformatted((xkv_bytes){text, len});
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    xkv_bytes all = {data, size};
    size_t half = size / 2;

    check(equal(all, all));
    equal((xkv_bytes){data, half}, (xkv_bytes){data + half, size - half});
    check_reformatted(all);
    check_pieces(data, size);
    return 0;
}
