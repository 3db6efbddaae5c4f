/*
 * resp.c - the replies of a server, read from bytes
 *
 * An item is a line, whose first byte says what it is, and of a long string also that string
 * and a line end; the members of an array are items behind it. One function reads an item, for
 * the scanner and for the cursor, so they cannot disagree about where it ends.
 *
 * Time in proportion to a reply's size, in however many pieces it comes: the scanner keeps
 * where the item begins that is not whole yet, and how far the line of a text has been searched.
 * A number is read once more with each piece, but is short, since none may begin with zeros.
 */
#include "remote/resp.h"

/* What stands behind the first byte of an item. */
enum way {
    WAY_NONE, /* there is no such item */
    WAY_LINE, /* text up to the end of the line */
    WAY_INTEGER,
    WAY_BOOLEAN,
    WAY_NULL,
    WAY_BULK,     /* a length, and behind the line a string */
    WAY_VERBATIM, /* the same, and the string begins with three bytes and a colon */
    WAY_ARRAY,    /* how many members follow */
    WAY_PAIRS     /* how many pairs of members follow */
};

/* A kind that no caller sees: pairs that tell about the item behind them. */
enum { ATTRIBUTE = XKV__RESP_PUSH + 1 };

static const struct shape {
    unsigned char way, kind;
} shapes[256] = {
    ['+'] = {WAY_LINE, XKV__RESP_TEXT},       ['-'] = {WAY_LINE, XKV__RESP_ERROR},
    [','] = {WAY_LINE, XKV__RESP_TEXT},       ['('] = {WAY_LINE, XKV__RESP_TEXT},
    [':'] = {WAY_INTEGER, XKV__RESP_INTEGER}, ['#'] = {WAY_BOOLEAN, XKV__RESP_INTEGER},
    ['_'] = {WAY_NULL, XKV__RESP_NULL},       ['$'] = {WAY_BULK, XKV__RESP_TEXT},
    ['!'] = {WAY_BULK, XKV__RESP_ERROR},      ['='] = {WAY_VERBATIM, XKV__RESP_TEXT},
    ['*'] = {WAY_ARRAY, XKV__RESP_ARRAY},     ['~'] = {WAY_ARRAY, XKV__RESP_ARRAY},
    ['>'] = {WAY_ARRAY, XKV__RESP_PUSH},      ['%'] = {WAY_PAIRS, XKV__RESP_ARRAY},
    ['|'] = {WAY_PAIRS, ATTRIBUTE},
};

/* Reading goes over the bytes with a cursor, in small steps. Each is WHOLE and has moved the
 * cursor behind what it has read; or MORE: so far it is right, and the bytes are over; or BAD. */

/* -- Lines and numbers ----------------------------------------------------------- */

static xkv__resp_scanned expect(xkv__resp_cursor *in, const char *text) {
    for (; *text; text++, in->at++) {
        if (in->at == in->end)
            return XKV__RESP_MORE;
        if (*in->at != (unsigned char)*text)
            return XKV__RESP_BAD;
    }
    return XKV__RESP_WHOLE;
}

static inline xkv__resp_scanned end_line(xkv__resp_cursor *in) {
    if (in->end - in->at < 2 || in->at[0] != '\r' || in->at[1] != '\n')
        return expect(in, "\r\n");
    in->at += 2;
    return XKV__RESP_WHOLE;
}

/* Text up to the end of its line, which is known not to be in the first *searched bytes. */
static xkv__resp_scanned read_line(xkv__resp_cursor *in, size_t *searched, xkv_bytes *text) {
    const unsigned char *begin = in->at, *at = begin + *searched;

    while (at < in->end && *at != '\r' && *at != '\n')
        at++;
    *searched = (size_t)(at - begin);
    *text = (xkv_bytes){begin, *searched};
    in->at = at;
    return *searched > XKV__RESP_LINE_MAX ? XKV__RESP_BAD : end_line(in);
}

/* Digits, without zeros before them, up to what is none, or to where there are too many. */
static inline xkv__resp_scanned read_digits(xkv__resp_cursor *in, uint64_t max, uint64_t *number) {
    enum { DIGITS_MAX = 19 }; /* of 2 to the 63rd; and so many fit into 64 bits, all of them */
    const unsigned char *begin = in->at, *at = begin;
    const unsigned char *end = in->end - at > DIGITS_MAX ? at + DIGITS_MAX : in->end;
    uint64_t sum = 0;

    for (unsigned digit; at < end && (digit = (unsigned)*at - '0') <= 9; at++)
        sum = sum * 10 + digit;
    if (at == begin)
        return at == end ? XKV__RESP_MORE : XKV__RESP_BAD;
    if (sum > max || (*begin == '0' && at - begin > 1))
        return XKV__RESP_BAD;
    in->at = at;
    *number = sum;
    return XKV__RESP_WHOLE;
}

/* Digits with a sign or none. */
static xkv__resp_scanned read_signed(xkv__resp_cursor *in, int64_t *number) {
    unsigned char sign = in->at < in->end ? *in->at : 0;
    bool is_negative = sign == '-';
    uint64_t size = 0;

    if (is_negative || sign == '+')
        in->at++;
    xkv__resp_scanned scanned = read_digits(in, (uint64_t)INT64_MAX + is_negative, &size);
    *number = is_negative && size > 0 ? -(int64_t)(size - 1) - 1 : (int64_t)size;
    return scanned;
}

/* -- One item ------------------------------------------------------------------ */

static xkv__resp_scanned read_integer(xkv__resp_cursor *in, int64_t *integer) {
    xkv__resp_scanned scanned = read_signed(in, integer);

    return scanned == XKV__RESP_WHOLE ? end_line(in) : scanned;
}

static xkv__resp_scanned read_boolean(xkv__resp_cursor *in, int64_t *integer) {
    *integer = in->at < in->end && *in->at == 't';
    return expect(in, *integer ? "t\r\n" : "f\r\n");
}

static inline xkv__resp_scanned read_count(xkv__resp_cursor *in, uint64_t max, size_t *count) {
    uint64_t number = 0;
    xkv__resp_scanned scanned = read_digits(in, max, &number);

    *count = (size_t)number;
    return scanned == XKV__RESP_WHOLE ? end_line(in) : scanned;
}

static inline xkv__resp_scanned read_bulk(xkv__resp_cursor *in, xkv__resp_item *item) {
    size_t len;
    xkv__resp_scanned scanned = read_count(in, XKV__RESP_BULK_MAX, &len);

    if (scanned != XKV__RESP_WHOLE)
        return scanned;
    size_t left = (size_t)(in->end - in->at);
    if (left < len + 2)
        return XKV__RESP_MORE;
    item->text = (xkv_bytes){in->at, len};
    in->at += len;
    return end_line(in);
}

static xkv__resp_scanned read_verbatim(xkv__resp_cursor *in, xkv__resp_item *item) {
    enum { FORMAT = 4 }; /* such as "txt:" */
    xkv__resp_scanned scanned = read_bulk(in, item);
    xkv_bytes *text = &item->text;

    if (scanned != XKV__RESP_WHOLE)
        return scanned;
    const unsigned char *at = text->data;
    if (text->len < FORMAT || at[FORMAT - 1] != ':')
        return XKV__RESP_BAD;
    *text = (xkv_bytes){at + FORMAT, text->len - FORMAT};
    return XKV__RESP_WHOLE;
}

static xkv__resp_scanned read_members(xkv__resp_cursor *in, size_t each, xkv__resp_item *item) {
    xkv__resp_scanned scanned = read_count(in, XKV__RESP_MEMBERS_MAX, &item->members);

    item->members *= each;
    return scanned;
}

/* What RESP2 has for null: a string or an array as if of -1. */
static xkv__resp_scanned read_minus_one(xkv__resp_cursor *in, unsigned char first,
                                        xkv__resp_item *item) {
    item->kind = XKV__RESP_NULL;
    return first == '$' || first == '*' ? expect(in, "-1\r\n") : XKV__RESP_BAD;
}

/* Reads the item that begins here, of which at least one byte is there. *searched: how
 * much of its line has been looked at before. */
static xkv__resp_scanned read_item(xkv__resp_cursor *in, size_t *searched, xkv__resp_item *item) {
    unsigned char first = *in->at++;
    const struct shape shape = shapes[first];

    *item = (xkv__resp_item){.kind = (xkv__resp_kind)shape.kind};
    if (shape.way >= WAY_BULK && in->at < in->end && *in->at == '-')
        return read_minus_one(in, first, item);
    switch ((enum way)shape.way) {
    case WAY_NONE:
        return XKV__RESP_BAD;
    case WAY_LINE:
        return read_line(in, searched, &item->text);
    case WAY_INTEGER:
        return read_integer(in, &item->integer);
    case WAY_BOOLEAN:
        return read_boolean(in, &item->integer);
    case WAY_NULL:
        return end_line(in);
    case WAY_BULK:
        return read_bulk(in, item);
    case WAY_VERBATIM:
        return read_verbatim(in, item);
    case WAY_ARRAY:
        return read_members(in, 1, item);
    default:
        return read_members(in, 2, item);
    }
}

/* -- The scanner --------------------------------------------------------------- */

static bool has_members(const xkv__resp_item *item) {
    return item->kind >= XKV__RESP_ARRAY;
}

static bool is_attribute(const xkv__resp_item *item) {
    return item->kind == (xkv__resp_kind)ATTRIBUTE;
}

/* Notes what is still to come after an item. False if it may not stand here. */
static bool count_item(xkv__resp_scan *scan, const xkv__resp_item *item) {
    if (item->kind == XKV__RESP_PUSH && scan->depth > 0)
        return false;
    if (!is_attribute(item) && scan->depth > 0)
        scan->awaited[scan->depth - 1]--;
    else if (!is_attribute(item))
        scan->is_begun = true;
    if (has_members(item)) {
        if (scan->depth == XKV__RESP_DEPTH_MAX)
            return false;
        scan->awaited[scan->depth++] = (uint32_t)item->members;
    }
    while (scan->depth > 0 && scan->awaited[scan->depth - 1] == 0)
        scan->depth--;
    return true;
}

xkv__resp_scanned xkv__resp_scan_on(xkv__resp_scan *scan, const unsigned char *data, size_t size) {
    xkv__resp_scanned scanned;
    xkv__resp_item item;

    while (!scan->is_begun || scan->depth > 0) {
        if (scan->at >= size)
            return XKV__RESP_MORE;
        xkv__resp_cursor in = {data + scan->at, data + size};
        if ((scanned = read_item(&in, &scan->searched, &item)) != XKV__RESP_WHOLE)
            return scanned;
        if (!count_item(scan, &item))
            return XKV__RESP_BAD;
        scan->at = (size_t)(in.at - data);
        scan->searched = 0;
    }
    return XKV__RESP_WHOLE;
}

size_t xkv__resp_lacking(const xkv__resp_scan *scan, const unsigned char *data, size_t size) {
    size_t len;

    if (scan->at >= size)
        return 0;
    xkv__resp_cursor in = {data + scan->at, data + size};
    unsigned char way = shapes[*in.at++].way;
    if ((way != WAY_BULK && way != WAY_VERBATIM) ||
        read_count(&in, XKV__RESP_BULK_MAX, &len) != XKV__RESP_WHOLE)
        return 0;
    size_t left = (size_t)(in.end - in.at);
    return left < len + 2 ? len + 2 - left : 0;
}

/* -- The cursor ---------------------------------------------------------------- */

/* Bytes that are no whole reply are not for a cursor, but it does not leave them, either. */
static bool step(xkv__resp_cursor *cursor, xkv__resp_item *item) {
    size_t searched = 0;

    if (cursor->at < cursor->end && read_item(cursor, &searched, item) == XKV__RESP_WHOLE)
        return true;
    cursor->at = cursor->end;
    return false;
}

static void pass_over(xkv__resp_cursor *cursor, size_t count) {
    xkv__resp_item item;

    while (count > 0 && step(cursor, &item))
        count += item.members - !is_attribute(&item);
}

bool xkv__resp_next(xkv__resp_cursor *cursor, xkv__resp_item *item) {
    while (step(cursor, item)) {
        if (!is_attribute(item))
            return true;
        pass_over(cursor, item->members);
    }
    return false;
}

void xkv__resp_skip(xkv__resp_cursor *cursor) {
    pass_over(cursor, 1);
}

bool xkv__resp_integer(const xkv__resp_item *item, int64_t *number) {
    *number = item->integer;
    if (item->kind != XKV__RESP_TEXT)
        return item->kind == XKV__RESP_INTEGER;
    xkv__resp_cursor in = xkv__resp_cursor_on(item->text);
    return read_signed(&in, number) == XKV__RESP_WHOLE && in.at == in.end;
}
