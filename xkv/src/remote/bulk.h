/*
 * bulk.h - numbers and bulk strings as a server reads them, written where there is room for them
 *
 * For what is asked often: words.h grows its buffer with each word. Each returns what is behind.
 */
#ifndef XKV_REMOTE_BULK_H
#define XKV_REMOTE_BULK_H

#include "base/config.h"

enum {
    XKV__DIGITS_MAX = 20,
    XKV__HEAD_MAX = XKV__DIGITS_MAX + 3, /* "$", digits, an end of line */
    XKV__FRAME_MAX = XKV__HEAD_MAX + 2   /* of a bulk string, all but its bytes */
};

/* Most numbers are lengths of one or two digits. */
static inline unsigned char *xkv__write_digits(unsigned char *at, uint64_t number) {
    unsigned char digits[XKV__DIGITS_MAX];
    size_t first = XKV__DIGITS_MAX;

    if (number < 100) {
        if (number >= 10)
            *at++ = (unsigned char)('0' + number / 10);
        *at = (unsigned char)('0' + number % 10);
        return at + 1;
    }
    do
        digits[--first] = (unsigned char)('0' + number % 10);
    while (number /= 10);
    memcpy(at, digits + first, XKV__DIGITS_MAX - first);
    return at + XKV__DIGITS_MAX - first;
}

static inline unsigned char *xkv__write_signed(unsigned char *at, int64_t number) {
    if (number >= 0)
        return xkv__write_digits(at, (uint64_t)number);
    *at = '-';
    return xkv__write_digits(at + 1, 0 - (uint64_t)number);
}

static inline unsigned char *xkv__write_end(unsigned char *at) {
    at[0] = '\r';
    at[1] = '\n';
    return at + 2;
}

/* "*3", "$12": how many there are, or how long it is. */
static inline unsigned char *xkv__write_head(unsigned char *at, char kind, size_t number) {
    *at = (unsigned char)kind;
    return xkv__write_end(xkv__write_digits(at + 1, number));
}

static inline unsigned char *xkv__write_bytes(unsigned char *at, xkv_bytes bytes) {
    if (bytes.len > 0)
        memcpy(at, bytes.data, bytes.len);
    return at + bytes.len;
}

static inline unsigned char *xkv__write_bulk(unsigned char *at, xkv_bytes bytes) {
    at = xkv__write_head(at, '$', bytes.len);
    return xkv__write_end(xkv__write_bytes(at, bytes));
}

#endif
