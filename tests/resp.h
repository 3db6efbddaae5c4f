/*
 * resp.h - replies of servers as text: as the library reads them, and as a simple reader does
 */
#ifndef XKV_TESTS_RESP_H
#define XKV_TESTS_RESP_H

#include "formats.h"

#include "remote/resp.h"

static inline void say_item(struct text *out, const xkv__resp_item *item) {
    static const char *const names[] = {"null", "text", "error", "integer", "array", "push"};

    text_say(out, "%s ", names[item->kind]);
    if (item->kind == XKV__RESP_TEXT || item->kind == XKV__RESP_ERROR) {
        text_say(out, "%zu ", item->text.len);
        text_add(out, item->text.data, item->text.len);
        text_say(out, " ");
    } else if (item->kind == XKV__RESP_INTEGER) {
        text_say(out, "%" PRId64 " ", item->integer);
    } else if (item->kind != XKV__RESP_NULL) {
        text_say(out, "%zu ", item->members);
    }
}

static inline void say_walk(struct text *out, xkv_bytes replies) {
    xkv__resp_cursor cursor = xkv__resp_cursor_on(replies);
    xkv__resp_item item;

    while (xkv__resp_next(&cursor, &item))
        say_item(out, &item);
}

/* Scans with so many bytes more each time (0: all at once), which lie apart, so that
 * AddressSanitizer sees what is read beyond them. *size: of the reply, if it is WHOLE. */
static inline xkv__resp_scanned scan_pieces(xkv_bytes bytes, size_t piece, size_t *size) {
    size_t seen = piece > 0 && piece < bytes.len ? piece : bytes.len, needed = 0;
    xkv__resp_scan scan = {0};
    xkv__resp_scanned scanned;

    for (;; seen = seen + piece < bytes.len ? seen + piece : bytes.len) {
        unsigned char *exact = malloc(seen + 1);
        MUST(exact);
        memcpy(exact + 1, bytes.data, seen);
        scanned = xkv__resp_scan_on(&scan, exact + 1, seen);
        size_t lacking = scanned == XKV__RESP_MORE ? xkv__resp_lacking(&scan, exact + 1, seen) : 0;
        free(exact);
        needed = lacking > 0 ? seen + lacking : needed;
        if (scanned != XKV__RESP_MORE || seen == bytes.len)
            break;
    }
    *size = scan.at;
    MUST(scanned != XKV__RESP_WHOLE || (*size <= seen && needed <= *size));
    return scanned;
}

/* -- The simple reader --------------------------------------------------------- */

/* Goes down by recursion, line by line. A line that has no end yet is not judged: so of
 * what is BAD it may still say MORE, but never of what is not. */
struct plain {
    const unsigned char *at, *end;
    struct text *said; /* NULL: of attributes, which nobody is told */
    unsigned depth;
};

static inline xkv__resp_scanned plain_item(struct plain *in);

static inline xkv__resp_scanned plain_line(struct plain *in, char line[XKV__RESP_LINE_MAX + 1],
                                           size_t *len) {
    size_t left = (size_t)(in->end - in->at);
    const unsigned char *end = left > 0 ? memmem(in->at, left, "\r\n", 2) : NULL;

    if (!end)
        return XKV__RESP_MORE;
    *len = (size_t)(end - in->at);
    if (*len > XKV__RESP_LINE_MAX || memchr(in->at, '\n', *len) || memchr(in->at, '\r', *len))
        return XKV__RESP_BAD;
    memcpy(line, in->at, *len);
    line[*len] = '\0';
    in->at = end + 2;
    return XKV__RESP_WHOLE;
}

static inline bool plain_number(const char *line, size_t len, int64_t *number) {
    const char *digits = line + (*line == '-' || *line == '+');
    size_t count = strspn(digits, "0123456789");

    if (count == 0 || digits + count != line + len || (*digits == '0' && count > 1))
        return false;
    errno = 0;
    *number = strtoll(line, NULL, 10);
    return errno == 0;
}

static inline bool plain_count(const char *line, size_t len, int64_t max, int64_t *count) {
    return *line != '-' && *line != '+' && plain_number(line, len, count) && *count <= max;
}

static inline xkv__resp_scanned plain_say(struct plain *in, xkv__resp_item item) {
    if (in->said)
        say_item(in->said, &item);
    return XKV__RESP_WHOLE;
}

static inline xkv__resp_scanned plain_text(struct plain *in, xkv__resp_kind kind, const void *data,
                                           size_t len) {
    return plain_say(in, (xkv__resp_item){.kind = kind, .text = {data, len}});
}

static inline xkv__resp_scanned plain_bulk(struct plain *in, char first, const char *line,
                                           size_t len) {
    size_t format = first == '=' ? 4 : 0;
    int64_t size;

    if (!plain_count(line, len, XKV__RESP_BULK_MAX, &size))
        return XKV__RESP_BAD;
    if (in->end - in->at < size + 2)
        return XKV__RESP_MORE;
    const unsigned char *text = in->at;
    in->at += size + 2;
    if (memcmp(text + size, "\r\n", 2) != 0 || size < (int64_t)format ||
        (format > 0 && text[3] != ':'))
        return XKV__RESP_BAD;
    return plain_text(in, first == '!' ? XKV__RESP_ERROR : XKV__RESP_TEXT, text + format,
                      (size_t)size - format);
}

static inline xkv__resp_scanned plain_members(struct plain *in, int64_t count) {
    xkv__resp_scanned scanned = XKV__RESP_WHOLE;

    in->depth++;
    for (int64_t i = 0; i < count && scanned == XKV__RESP_WHOLE; i++)
        scanned = plain_item(in);
    in->depth--;
    return scanned;
}

static inline xkv__resp_scanned plain_attribute(struct plain *in, int64_t count) {
    struct text *said = in->said;

    in->said = NULL;
    xkv__resp_scanned scanned = plain_members(in, count);
    in->said = said;
    return scanned == XKV__RESP_WHOLE ? plain_item(in) : scanned;
}

static inline xkv__resp_scanned plain_array(struct plain *in, char first, const char *line,
                                            size_t len) {
    xkv__resp_item item = {.kind = first == '>' ? XKV__RESP_PUSH : XKV__RESP_ARRAY};
    int64_t count;

    if (!plain_count(line, len, XKV__RESP_MEMBERS_MAX, &count) ||
        in->depth == XKV__RESP_DEPTH_MAX || (first == '>' && in->depth > 0))
        return XKV__RESP_BAD;
    if (first == '%' || first == '|')
        count *= 2;
    if (first == '|')
        return plain_attribute(in, count);
    item.members = (size_t)count;
    plain_say(in, item);
    return plain_members(in, count);
}

static inline xkv__resp_scanned plain_item(struct plain *in) {
    static char line[XKV__RESP_LINE_MAX + 1];
    xkv__resp_item integer = {.kind = XKV__RESP_INTEGER}, null = {.kind = XKV__RESP_NULL};
    size_t len;

    if (in->at == in->end)
        return XKV__RESP_MORE;
    char first = (char)*in->at++;
    xkv__resp_scanned scanned = plain_line(in, line, &len);
    if (scanned != XKV__RESP_WHOLE)
        return scanned;
    if ((first == '$' || first == '*') && len == 2 && strcmp(line, "-1") == 0)
        return plain_say(in, null);
    switch (first) {
    case '+':
    case ',':
    case '(':
        return plain_text(in, XKV__RESP_TEXT, line, len);
    case '-':
        return plain_text(in, XKV__RESP_ERROR, line, len);
    case '_':
        return len == 0 ? plain_say(in, null) : XKV__RESP_BAD;
    case ':':
        return plain_number(line, len, &integer.integer) ? plain_say(in, integer) : XKV__RESP_BAD;
    case '#':
        integer.integer = *line == 't';
        return len == 1 && (*line == 't' || *line == 'f') ? plain_say(in, integer) : XKV__RESP_BAD;
    case '$':
    case '!':
    case '=':
        return plain_bulk(in, first, line, len);
    case '*':
    case '~':
    case '>':
    case '%':
    case '|':
        return plain_array(in, first, line, len);
    default:
        return XKV__RESP_BAD;
    }
}

/* -- Both ------------------------------------------------------------------------ */

/* The reply that these bytes begin with is the same to both, all at once and in pieces; and
 * what is passed over ends where it ends. */
static inline void must_be_the_same(xkv_bytes bytes, const struct plain *plain, size_t size) {
    const char *data = bytes.data;
    xkv_bytes reply = {data, size};
    xkv__resp_cursor cursor = xkv__resp_cursor_on(reply);
    struct text walked = {NULL, 0, 0};

    MUST(plain->at == (const unsigned char *)data + size);
    say_walk(&walked, reply);
    MUST(same_bytes(bytes_of(walked.data, walked.len),
                    bytes_of(plain->said->data, plain->said->len)));
    xkv__resp_skip(&cursor);
    MUST(cursor.at == cursor.end);
    text_free(&walked);
}

static inline xkv__resp_scanned must_agree(xkv_bytes bytes, size_t piece) {
    struct text said = {NULL, 0, 0}, noise = {NULL, 0, 0};
    const unsigned char *data = bytes.data;
    struct plain plain = {data, data + bytes.len, &said, 0};
    size_t size, size_in_pieces;
    xkv__resp_scanned expected = plain_item(&plain);
    xkv__resp_scanned scanned = scan_pieces(bytes, 0, &size);

    MUST(scan_pieces(bytes, piece, &size_in_pieces) == scanned && size_in_pieces == size);
    MUST((scanned == XKV__RESP_WHOLE) == (expected == XKV__RESP_WHOLE));
    MUST(expected != XKV__RESP_BAD || scanned == XKV__RESP_BAD);
    if (scanned == XKV__RESP_WHOLE)
        must_be_the_same(bytes, &plain, size);
    say_walk(&noise, bytes); /* whatever they are, a cursor does not leave them */
    text_free(&said);
    text_free(&noise);
    return scanned;
}

#endif
