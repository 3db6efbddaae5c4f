/*
 * copy.h - text that is looked at while it is copied, eight bytes at a time
 */
#ifndef XKV_FORMATS_COPY_H
#define XKV_FORMATS_COPY_H

#include "formats/eight.h"

/* Whether a byte is a control character, a quote, a backslash, or stop. */
static inline bool xkv__is_marked(unsigned char c, unsigned char stop) {
    return c < 0x20 || c == '"' || c == '\\' || c == stop;
}

static inline uint64_t xkv__mark_copied(uint64_t eight, unsigned char stop) {
    return (xkv__mark_below(eight, 0x20) | xkv__mark_equal(eight, '"') |
            xkv__mark_equal(eight, '\\') | xkv__mark_equal(eight, stop)) &
           ~eight & XKV__MARKS;
}

/* Copies 1 to 7 bytes, some of them twice, if none is marked. */
static inline bool xkv__copy_few(unsigned char *out, const unsigned char *text, size_t len,
                                 unsigned char stop) {
    uint32_t first, last;

    if (len < 4) {
        const unsigned char a = text[0], b = text[len / 2], c = text[len - 1];
        out[0] = a;
        out[len / 2] = b;
        out[len - 1] = c;
        return !xkv__is_marked(a, stop) && !xkv__is_marked(b, stop) && !xkv__is_marked(c, stop);
    }
    memcpy(&first, text, 4);
    memcpy(&last, text + len - 4, 4);
    memcpy(out, &first, 4);
    memcpy(out + len - 4, &last, 4);
    uint64_t eight = first | (uint64_t)last << 32;
    return !xkv__mark_copied(eight, stop);
}

/* Copies up to the first byte that is marked; returns how many bytes those are. out has room for
 * all of the text, and may get more of it. stop is ASCII. */
static inline size_t xkv__copy_plain(unsigned char *out, const unsigned char *text, size_t len,
                                     unsigned char stop) {
    size_t i = 0;

    if (len > 0 && len < 8 && xkv__copy_few(out, text, len, stop))
        return len;
    for (; len - i >= 8; i += 8) {
        uint64_t marks = xkv__mark_copied(xkv__load_eight(text + i), stop);
        memcpy(out + i, text + i, 8);
        if (marks)
            return i + xkv__first_mark(marks);
    }
    if (i < len && len >= 8) { /* the last eight, some of which have been copied */
        memcpy(out + len - 8, text + len - 8, 8);
        uint64_t marks = xkv__mark_copied(xkv__load_eight(text + len - 8), stop);
        return marks ? len - 8 + xkv__first_mark(marks) : len;
    }
    for (; i < len && !xkv__is_marked(text[i], stop); i++)
        out[i] = text[i];
    return i;
}

#endif
