/*
 * json_text.h - JSON (RFC 8259) as text: whether it is well-formed, what strings mean, which
 * members an object has
 *
 * Nothing is copied, and nothing allocated but what is appended to a buffer: what is found are
 * pieces of the text that was given.
 */
#ifndef XKV_FORMATS_JSON_TEXT_H
#define XKV_FORMATS_JSON_TEXT_H

#include "base/buffer.h"

/* A text that is read from its beginning. */
typedef struct xkv__json {
    const unsigned char *at, *end;
    const char *flaw; /* why what stands at is no JSON, as a sentence without its end; else NULL */
} xkv__json;

static inline xkv__json xkv__json_on(xkv_bytes text) {
    const unsigned char *at = text.len > 0 ? text.data : (const unsigned char *)"";
    return (xkv__json){at, at + text.len, NULL};
}

/* Takes a value, without the white space around it, and checks all of it: UTF-8, too, and
 * that no more than XKV__NESTING_MAX arrays and objects lie within each other. Escapes of
 * lone surrogates pass, as they do with JSON.parse. False: see flaw. */
bool xkv__json_value(xkv__json *json, xkv_bytes *value);

/* Whether nothing but white space is left. False: see flaw. */
bool xkv__json_over(xkv__json *json);

/* Whether a whole text is JSON: *json says where it is not. */
bool xkv__json_valid(xkv_bytes text, xkv__json *json);

/* A member of an object. */
typedef struct xkv__member {
    xkv_bytes name;  /* as it is written, between the quotes */
    xkv_bytes value; /* as it is written */
} xkv__member;

/* Begins an object: its members are taken next. False, without a flaw, if the text goes on
 * with something else. */
bool xkv__json_object(xkv__json *json);

/* Takes the next member; *member is all zero before the first. False behind the last, and
 * where there is a flaw. */
bool xkv__json_member(xkv__json *json, xkv__member *member);

/* Whether a value that was taken is a string; then *inside is what stands between its quotes. */
bool xkv__json_is_string(xkv_bytes value, xkv_bytes *inside);

/* What the inside of a string means, as UTF-8: either itself, or, if there are escapes, appended
 * to a buffer, where it stays until that changes. False if memory is short, which the buffer
 * tells, or if it has a lone surrogate, which UTF-8 cannot hold. */
bool xkv__json_meaning(xkv_bytes inside, xkv__buffer *buffer, xkv_bytes *meaning);

/* Appends UTF-8 as a string of JSON, in its quotes. */
void xkv__json_quote(xkv_bytes text, xkv__buffer *out);

#endif
