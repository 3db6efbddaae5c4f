/*
 * json_text.c - see json_text.h
 *
 * What is open is a bit for each level, so depth costs no memory and no recursion. Strings
 * are most of what there is, and are passed over eight bytes at a time.
 */
#include "formats/json_text.h"

#include "base/json_parts.h"
#include "base/text.h"
#include "formats/copy.h"
#include "formats/format.h"

/* The functions below pass over what begins at a place, and return what is behind it: NULL
 * where there is a flaw. Places are handed on and not kept, since that is faster by a fifth. */
typedef const unsigned char *place;

static place flaw(xkv__json *json, place at, const char *words) {
    json->at = at;
    json->flaw = words;
    return NULL;
}

/* -- Scalars ----------------------------------------------------------------- */

static inline place skip_space(place at, place end) {
    if (at<end && * at> ' ') /* mostly there is none */
        return at;
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* The byte at a place; 0 at the end. */
static inline unsigned char byte_at(place at, place end) {
    return at < end ? *at : 0;
}

static inline bool is_plain(unsigned char c) {
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* The first byte of a string that does not just stand for itself. */
static inline place skip_plain(place at, place end) {
    for (; end - at >= 8; at += 8) {
        uint64_t eight = xkv__load_eight(at);
        uint64_t marks = (eight | xkv__mark_below(eight, 0x20) | xkv__mark_equal(eight, '"') |
                          xkv__mark_equal(eight, '\\')) &
                         XKV__MARKS;
        if (marks)
            return at + xkv__first_mark(marks);
    }
    while (at < end && is_plain(*at))
        at++;
    return at;
}

/* Passes over a byte of a string that is not plain, and what belongs to it. */
static place pass_special(xkv__json *json, place at) {
    if (at == json->end)
        return flaw(json, at, "the string has no end");
    if (*at < 0x20)
        return flaw(json, at, "a control character in a string must be written as an escape");
    if (*at == '\\') {
        place behind = at + 1;
        if (xkv__json_escape(&behind, json->end) < 0)
            return flaw(json, at, "there is no such escape");
        return behind;
    }
    size_t len = xkv__utf8_sequence(at, (size_t)(json->end - at));
    return len > 0 ? at + len : flaw(json, at, "it is not UTF-8");
}

/* Passes over a string, from its first quote on. */
static inline place pass_string(xkv__json *json, place at) {
    const place end = json->end;

    at = skip_plain(at + 1, end);
    while (byte_at(at, end) != '"') {
        at = pass_special(json, at);
        if (!at)
            return NULL;
        at = skip_plain(at, end);
    }
    return at + 1;
}

static place pass_number(xkv__json *json, place at) {
    place behind = xkv__json_number(at, json->end);
    return behind ? behind : flaw(json, at, "there is no such number in JSON");
}

static place pass_word(xkv__json *json, place at) {
    const size_t left = (size_t)(json->end - at);

    if (left >= 4 && (memcmp(at, "true", 4) == 0 || memcmp(at, "null", 4) == 0))
        return at + 4;
    if (left >= 5 && memcmp(at, "false", 5) == 0)
        return at + 5;
    return flaw(json, at, "a value is missing here");
}

static inline place pass_scalar(xkv__json *json, place at) {
    unsigned char c = byte_at(at, json->end);

    if (c == '"')
        return pass_string(json, at);
    if (c == '-' || (c >= '0' && c <= '9'))
        return pass_number(json, at);
    return pass_word(json, at);
}

/* -- Arrays and objects ------------------------------------------------------ */

/* What is open: a bit for each, the outermost first; whether it is an object. */
struct nesting {
    size_t depth;
    bool in_object;
    uint64_t objects[(XKV__NESTING_MAX + 63) / 64];
};

static inline place nest(xkv__json *json, struct nesting *nesting, place at) {
    uint64_t bit = UINT64_C(1) << nesting->depth % 64;

    if (nesting->depth == XKV__NESTING_MAX)
        return flaw(json, at, "more than 10000 arrays and objects lie within each other");
    nesting->in_object = *at == '{';
    if (nesting->in_object)
        nesting->objects[nesting->depth / 64] |= bit;
    else
        nesting->objects[nesting->depth / 64] &= ~bit;
    nesting->depth++;
    return at + 1;
}

static inline void leave(struct nesting *nesting) {
    size_t outer = --nesting->depth - 1; /* of no meaning for the outermost */

    nesting->in_object = nesting->depth > 0 && nesting->objects[outer / 64] >> outer % 64 & 1;
}

/* Passes over a member's name, and the colon behind it. */
static inline place pass_name(xkv__json *json, place at, xkv_bytes *name) {
    const place end = json->end, first = skip_space(at, end);

    if (byte_at(first, end) != '"')
        return flaw(json, first, "a name in quotes is missing here");
    at = pass_string(json, first);
    if (!at)
        return NULL;
    *name = (xkv_bytes){first + 1, (size_t)(at - first) - 2};
    at = skip_space(at, end);
    return byte_at(at, end) == ':' ? at + 1 : flaw(json, at, "a colon is missing here");
}

/* From an array or object that begins to its first value. *complete: there is none, and it has
 * been left again. */
static inline place enter(xkv__json *json, struct nesting *nesting, place at, bool *complete) {
    xkv_bytes name;

    at = nest(json, nesting, at);
    if (!at)
        return NULL;
    at = skip_space(at, json->end);
    *complete = byte_at(at, json->end) == (nesting->in_object ? '}' : ']');
    if (*complete) {
        leave(nesting);
        return at + 1;
    }
    return nesting->in_object ? pass_name(json, at, &name) : at;
}

/* From behind a value to the next one, through what ends there; or nothing is open
 * any more. */
static inline place go_on(xkv__json *json, struct nesting *nesting, place at) {
    xkv_bytes name;

    while (nesting->depth > 0) {
        at = skip_space(at, json->end);
        unsigned char c = byte_at(at, json->end);
        if (c == ',')
            return nesting->in_object ? pass_name(json, at + 1, &name) : at + 1;
        if (c != (nesting->in_object ? '}' : ']'))
            return flaw(json, at,
                        nesting->in_object ? "a comma or } is missing here"
                                           : "a comma or ] is missing here");
        leave(nesting);
        at++;
    }
    return at;
}

/* Passes over a value that begins here. */
static place pass_value(xkv__json *json, place at) {
    struct nesting nesting;

    nesting.depth = 0;
    nesting.in_object = false;
    do {
        bool complete = true;
        at = skip_space(at, json->end);
        unsigned char c = byte_at(at, json->end);
        at = c == '{' || c == '[' ? enter(json, &nesting, at, &complete) : pass_scalar(json, at);
        if (at && complete)
            at = go_on(json, &nesting, at);
    } while (at && nesting.depth > 0);
    return at;
}

/* -- Interface --------------------------------------------------------------- */

bool xkv__json_value(xkv__json *json, xkv_bytes *value) {
    place first = skip_space(json->at, json->end);
    unsigned char c = byte_at(first, json->end);
    place behind = c == '{' || c == '[' ? pass_value(json, first) : pass_scalar(json, first);

    if (!behind)
        return false;
    *value = (xkv_bytes){first, (size_t)(behind - first)};
    json->at = behind;
    return true;
}

bool xkv__json_over(xkv__json *json) {
    json->at = skip_space(json->at, json->end);
    return json->at == json->end || flaw(json, json->at, "nothing may follow here");
}

bool xkv__json_valid(xkv_bytes text, xkv__json *json) {
    xkv_bytes value;

    *json = xkv__json_on(text);
    return xkv__json_value(json, &value) && xkv__json_over(json);
}

bool xkv__json_object(xkv__json *json) {
    json->at = skip_space(json->at, json->end);
    if (byte_at(json->at, json->end) != '{')
        return false;
    json->at++;
    return true;
}

bool xkv__json_member(xkv__json *json, xkv__member *member) {
    place at = skip_space(json->at, json->end);
    unsigned char c = byte_at(at, json->end);

    if (c == '}') {
        json->at = at + 1;
        return false;
    }
    if (member->value.data && c != ',')
        return flaw(json, at, "a comma or } is missing here");
    if (member->value.data)
        at++;
    at = pass_name(json, at, &member->name);
    if (!at)
        return false;
    json->at = at;
    return xkv__json_value(json, &member->value);
}

bool xkv__json_is_string(xkv_bytes value, xkv_bytes *inside) {
    const unsigned char *first = value.data;

    if (*first != '"')
        return false;
    *inside = (xkv_bytes){first + 1, value.len - 2};
    return true;
}

/* Appends what the inside of a string means; there is room for it, since no text grows by
 * losing its escapes. False at a lone surrogate. */
static bool append_meaning(xkv_bytes inside, const unsigned char *escape, xkv__buffer *buffer) {
    const unsigned char *at = inside.data, *end = at + inside.len;
    unsigned char *out = buffer->data + buffer->len;

    for (; escape; escape = memchr(at, '\\', (size_t)(end - at))) {
        memcpy(out, at, (size_t)(escape - at));
        out += escape - at;
        at = escape + 1;
        long c = xkv__json_escape(&at, end);
        if (c >= 0xD800 && c <= 0xDFFF)
            return false;
        out = xkv__put_utf8(out, c);
    }
    memcpy(out, at, (size_t)(end - at));
    out += end - at;
    buffer->len = (size_t)(out - buffer->data);
    return true;
}

bool xkv__json_meaning(xkv_bytes inside, xkv__buffer *buffer, xkv_bytes *meaning) {
    const unsigned char *escape = memchr(inside.data, '\\', inside.len);
    size_t before = buffer->len;

    *meaning = inside;
    if (!escape)
        return true;
    if (!xkv__buffer_reserve(buffer, inside.len) || !append_meaning(inside, escape, buffer))
        return false;
    *meaning = (xkv_bytes){buffer->data + before, buffer->len - before};
    return true;
}

/* -- Quoting ----------------------------------------------------------------- */

static unsigned char *put_escape(unsigned char *out, unsigned char c) {
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt", digits[] = "0123456789abcdef";
    const char *known = c ? strchr(from, c) : NULL;

    *out++ = '\\';
    if (known) {
        *out++ = (unsigned char)to[known - from];
        return out;
    }
    memcpy(out, "u00", 3);
    out[3] = (unsigned char)digits[c >> 4];
    out[4] = (unsigned char)digits[c & 15];
    return out + 5;
}

void xkv__json_quote(xkv_bytes text, xkv__buffer *buffer) {
    const unsigned char *at = text.data;
    size_t left = text.len;

    /* Room for the rest, an escape, and both quotes, is there at every step. */
    unsigned char *out = xkv__buffer_reserve(buffer, left + 8);
    if (!out)
        return;
    *out++ = '"';
    while (left > 0) {
        size_t plain = xkv__copy_plain(out, at, left, '"');
        at += plain;
        left -= plain;
        out += plain;
        if (left == 0)
            break;
        out = put_escape(out, *at++);
        left--;
        buffer->len = (size_t)(out - buffer->data);
        if (!(out = xkv__buffer_reserve(buffer, left + 8)))
            return;
    }
    *out++ = '"';
    buffer->len = (size_t)(out - buffer->data);
}
