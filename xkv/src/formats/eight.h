/*
 * eight.h - looking at eight bytes of text at a time
 *
 * A word holds eight bytes, the first one lowest. The tests below set the highest bit of each
 * byte that they look for; behind the first such byte they may set it for others as well, by
 * the borrow of a subtraction, and for bytes beyond ASCII they set whatever comes. So
 * only the first mark counts, and bytes beyond ASCII are either looked for, too (or the word
 * itself in), or left out (and its complement in). Compare Lamport, "Multiple byte processing with
 * full-word instructions", 1975.
 */
#ifndef XKV_FORMATS_EIGHT_H
#define XKV_FORMATS_EIGHT_H

#include "base/config.h"

#define XKV__EIGHT(byte) (UINT64_C(0x0101010101010101) * (unsigned char)(byte))
#define XKV__MARKS       XKV__EIGHT(0x80)

static inline uint64_t xkv__load_eight(const unsigned char *at) {
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 |
           (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 |
           (uint64_t)at[7] << 56;
}

static inline uint64_t xkv__mark_below(uint64_t eight, unsigned char limit) {
    return eight - XKV__EIGHT(limit);
}

static inline uint64_t xkv__mark_equal(uint64_t eight, unsigned char byte) {
    return (eight ^ XKV__EIGHT(byte)) - XKV__EIGHT(1);
}

/* The number of the first byte that is marked, 0 to 7; there must be one, and no bit beside
 * marks. */
static inline size_t xkv__first_mark(uint64_t marks) {
    return XKV__LOWEST_BIT(marks) / 8;
}

#endif
