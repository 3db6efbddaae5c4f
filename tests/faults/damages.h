/*
 * damages.h - what can happen to a file
 */
#ifndef XKV_TESTS_DAMAGES_H
#define XKV_TESTS_DAMAGES_H

#include "../files.h"
#include "../model.h"

enum { PAGE = 4096 };

static inline void flip_bytes(struct rng *rng, unsigned char *file, size_t *size) {
    for (size_t i = 1 + rng_below(rng, 4); i > 0; i--)
        file[rng_below(rng, *size)] ^= (unsigned char)(1 + rng_below(rng, 255));
}

/* The first bytes of a page say what it is and where its nodes are. */
static inline void flip_in_header(struct rng *rng, unsigned char *file, size_t *size) {
    size_t page = rng_below(rng, *size / PAGE);
    file[page * PAGE + rng_below(rng, 64)] ^= (unsigned char)(1u << rng_below(rng, 8));
}

static inline void flip_in_meta(struct rng *rng, unsigned char *file, size_t *size) {
    (void)size;
    file[rng_below(rng, 2) * PAGE + rng_below(rng, 160)] ^=
        (unsigned char)(1u << rng_below(rng, 8));
}

static inline void random_numbers(struct rng *rng, unsigned char *file, size_t *size) {
    rng_fill(rng, file + rng_below(rng, *size - 8) / 8 * 8, 8);
}

static inline void zero_page(struct rng *rng, unsigned char *file, size_t *size) {
    memset(file + rng_below(rng, *size / PAGE) * PAGE, 0, PAGE);
}

static inline void copy_page(struct rng *rng, unsigned char *file, size_t *size) {
    size_t from = rng_below(rng, *size / PAGE), to = rng_below(rng, *size / PAGE);
    memmove(file + to * PAGE, file + from * PAGE, PAGE);
}

static inline void random_block(struct rng *rng, unsigned char *file, size_t *size) {
    size_t at = rng_below(rng, *size / 512) * 512;
    rng_fill(rng, file + at, 512);
}

static inline void cut_short(struct rng *rng, unsigned char *file, size_t *size) {
    (void)file;
    *size = 1 + rng_below(rng, *size - 1);
}

static void (*const damages[])(struct rng *, unsigned char *, size_t *) = {
    flip_bytes, flip_in_header, flip_in_meta, random_numbers,
    zero_page,  copy_page,      random_block, cut_short,
};

#endif
