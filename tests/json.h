/*
 * json.h - writing JSON differently without changing what it means
 */
#ifndef XKV_TESTS_JSON_H
#define XKV_TESTS_JSON_H

#include "support.h"

/* Room that is enough for a text of len bytes. */
static inline size_t reformatted_room(size_t len) {
    return len * 6 + 2;
}

/* A byte of a text, as an escape if it is a letter. Returns how many it took. */
static inline size_t put_escaped(char *out, unsigned char c, struct rng *rng) {
    bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

    if (letter && rng_chance(rng, 300))
        return (size_t)sprintf(out, rng_chance(rng, 500) ? "\\u%04x" : "\\u%04X", c);
    *out = (char)c;
    return 1;
}

static inline size_t put_space(char *out, struct rng *rng) {
    *out = " \t\r\n"[rng_below(rng, 4)];
    return rng_chance(rng, 300);
}

/* Copies JSON with spaces around its brackets, commas and colons, and letters as
 * escapes, by chance. Returns the length. */
static inline size_t reformat(xkv_bytes json, char *out, struct rng *rng) {
    const unsigned char *bytes = json.data;
    bool in_text = false;
    size_t len = put_space(out, rng);

    for (size_t i = 0; i < json.len; i++) {
        unsigned char c = bytes[i];
        if (in_text && c == '\\' && i + 1 < json.len) { /* an escape stays as it is */
            size_t more = bytes[i + 1] == 'u' ? 5 : 1;
            for (out[len++] = (char)c; more > 0 && i + 1 < json.len; more--)
                out[len++] = (char)bytes[++i];
        } else if (in_text) {
            in_text = c != '"';
            len += put_escaped(out + len, c, rng);
        } else {
            bool space = c && strchr("{}[],:", c);
            in_text = c == '"';
            if (space)
                len += put_space(out + len, rng);
            out[len++] = (char)c;
            if (space)
                len += put_space(out + len, rng);
        }
    }
    return len + put_space(out + len, rng);
}

#endif
