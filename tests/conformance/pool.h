/*
 * pool.h - keys that are hard for a store: prefixes of each other, 1 byte and
 * 32768, NUL and non-ASCII, and long keys that share their first hundreds or
 * thousands of bytes, so that the records for keys that are too long for LMDB
 * are put under stress
 */
#ifndef XKV_TESTS_POOL_H
#define XKV_TESTS_POOL_H

#include "../support.h"

enum { POOL = 640, COMMON_KEYS = 480 };

/* Common keys come first; the rest are so long that they are drawn less. */
static struct pool {
    xkv_bytes keys[POOL];
    size_t count;
} pool;

static inline void pool_add(xkv_bytes key) {
    unsigned char *copy = malloc(key.len);

    MUST(copy && pool.count < POOL);
    memcpy(copy, key.data, key.len);
    pool.keys[pool.count++] = bytes_of(copy, key.len);
}

static unsigned char key_room[XKV_KEY_MAX];

/* A key of len bytes that starts with a run of shared bytes and differs after
 * it, as text. Several lengths of run make families within families. */
static inline void add_family(struct rng *rng, size_t shared, size_t len, size_t members) {
    char tail[32];

    for (size_t i = 0; i < members; i++) {
        int digits = snprintf(tail, sizeof tail, "%zu.%u|", i, (unsigned)rng_below(rng, 1000));
        memset(key_room, 's', len);
        memcpy(key_room + shared, tail,
               len - shared < (size_t)digits ? len - shared : (size_t)digits);
        pool_add(bytes_of(key_room, len));
    }
}

static inline void add_short_keys(struct rng *rng) {
    static const char *const texts[] = {"a",
                                        "b",
                                        "s",
                                        "ss",
                                        "sss",
                                        "user",
                                        "user:",
                                        "\x7F",
                                        "\xC3\xA9",
                                        "\xC3\xA9\xC3\xA9",
                                        "\xE2\x82\xAC",
                                        "\xF0\x9F\x98\x80",
                                        "\xF4\x8F\xBF\xBF"};
    char text[64];

    for (size_t i = 0; i < COUNT(texts); i++)
        pool_add(xkv_text(texts[i]));
    pool_add(LIT("\0"));
    pool_add(LIT("\0\0"));
    pool_add(LIT("a\0"));
    pool_add(LIT("a\0b"));
    pool_add(LIT("s\0s"));
    while (pool.count < 300) {
        snprintf(text, sizeof text, "user:%zu:%u", pool.count, (unsigned)rng_below(rng, 100));
        pool_add(bytes_of(text, strlen(text) - (pool.count % 3 == 0 ? 2 : 0)));
    }
}

/* Around every length at which something changes. */
static inline void add_edge_lengths(unsigned char filler) {
    static const size_t lengths[] = {494, 495, 496, 497, 498, 509, 510,  511,
                                     512, 513, 991, 992, 993, 994, 1488, 1489};

    for (size_t i = 0; i < COUNT(lengths); i++) {
        memset(key_room, filler, lengths[i]);
        pool_add(bytes_of(key_room, lengths[i]));
        key_room[lengths[i] - 1] = 1; /* the byte that LMDB-sized pieces may end with */
        pool_add(bytes_of(key_room, lengths[i]));
    }
}

static inline void fill_pool(struct rng *rng) {
    add_short_keys(rng);
    add_edge_lengths('s');
    add_edge_lengths('t');
    add_family(rng, 480, 505, 20);
    add_family(rng, 500, 520, 40);
    add_family(rng, 992, 1000, 30);
    while (pool.count < COMMON_KEYS)
        add_family(rng, 1000, 1020 + rng_below(rng, 100), 1);
    add_family(rng, 1000, 4000, 30);
    add_family(rng, 3990, 4000, 30);
    add_family(rng, 4000, 4500, 40);
    add_family(rng, 4000, 9000, 20);
    add_family(rng, 32760, 32768, 15);
    add_family(rng, 10, 32768, 10);
    while (pool.count < POOL)
        add_family(rng, 20000, 20100 + rng_below(rng, 12668), 1);
}

static inline void free_pool(void) {
    while (pool.count > 0)
        free((void *)(uintptr_t)pool.keys[--pool.count].data);
}

static inline xkv_bytes any_key(struct rng *rng) {
    size_t rare = rng_chance(rng, 60) ? POOL - COMMON_KEYS : 0;
    return pool.keys[rare ? COMMON_KEYS + rng_below(rng, rare) : rng_below(rng, COMMON_KEYS)];
}

/* A prefix of a key, cut between characters; sometimes the whole key. */
static inline xkv_bytes any_prefix(struct rng *rng) {
    xkv_bytes prefix = any_key(rng);
    const unsigned char *bytes = prefix.data;

    if (rng_chance(rng, 100))
        return NOTHING;
    if (rng_chance(rng, 700))
        prefix.len = rng_below(rng, prefix.len + 1);
    while (prefix.len > 0 && prefix.len < XKV_KEY_MAX && (bytes[prefix.len - 1] & 0x80))
        prefix.len--;
    return prefix;
}

#endif
