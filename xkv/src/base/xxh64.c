/*
 * xxh64.c - see xxh64.h
 *
 * Written from "xxHash fast digest algorithm", version 0.1.1 (Collet), section
 * "XXH64". Four lanes take 32 bytes a round; what is left at the end is taken
 * eight, four and one bytes at a time, and an avalanche mixes it all. tests/unit/
 * xxh64.c has the published vectors and compares with libxxhash.
 */
#include "base/xxh64.h"

static const uint64_t prime1 = 0x9E3779B185EBCA87u, prime2 = 0xC2B2AE3D27D4EB4Fu,
                      prime3 = 0x165667B19E3779F9u, prime4 = 0x85EBCA77C2B2AE63u,
                      prime5 = 0x27D4EB2F165667C5u;

static inline uint64_t rotate(uint64_t x, unsigned by) {
    return x << by | x >> (64 - by);
}

/* The least significant byte first, on every machine; compilers make one load
 * of it where they can. */
static inline uint64_t read32(const unsigned char *at) {
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24;
}

static inline uint64_t read64(const unsigned char *at) {
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 |
           (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 |
           (uint64_t)at[7] << 56;
}

static inline uint64_t take_lane(uint64_t lane, uint64_t input) {
    return rotate(lane + input * prime2, 31) * prime1;
}

static inline uint64_t merge_lane(uint64_t sum, uint64_t lane) {
    return (sum ^ take_lane(0, lane)) * prime1 + prime4;
}

/* The rounds over all whole stripes of 32 bytes; at is left behind them. */
static uint64_t take_stripes(const unsigned char **at, size_t len, uint64_t seed) {
    uint64_t a = seed + prime1 + prime2, b = seed + prime2, c = seed, d = seed - prime1;
    const unsigned char *next = *at;

    for (; len >= 32; len -= 32, next += 32) {
        a = take_lane(a, read64(next));
        b = take_lane(b, read64(next + 8));
        c = take_lane(c, read64(next + 16));
        d = take_lane(d, read64(next + 24));
    }
    *at = next;
    uint64_t sum = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
    return merge_lane(merge_lane(merge_lane(merge_lane(sum, a), b), c), d);
}

static uint64_t take_rest(uint64_t sum, const unsigned char *at, size_t len) {
    for (; len >= 8; len -= 8, at += 8)
        sum = rotate(sum ^ take_lane(0, read64(at)), 27) * prime1 + prime4;
    for (; len >= 4; len -= 4, at += 4)
        sum = rotate(sum ^ read32(at) * prime1, 23) * prime2 + prime3;
    for (; len > 0; len--, at++)
        sum = rotate(sum ^ *at * prime5, 11) * prime1;
    return sum;
}

uint64_t xkv__xxh64(const void *data, size_t len, uint64_t seed) {
    const unsigned char *at = data;
    uint64_t sum = len >= 32 ? take_stripes(&at, len, seed) : seed + prime5;

    sum = take_rest(sum + len, at, len % 32);
    sum = (sum ^ sum >> 33) * prime2;
    sum = (sum ^ sum >> 29) * prime3;
    return sum ^ sum >> 32;
}
