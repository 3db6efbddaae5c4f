/*
 * clock.h - clocks that only move when a test says so, for xkv_set_hooks
 */
#ifndef XKV_TESTS_CLOCK_H
#define XKV_TESTS_CLOCK_H

#include "support.h"

#include <stdatomic.h>

static struct { _Atomic uint64_t now, wall; /* milliseconds */ } clocks = {5000000, 1700000000000};

static inline uint64_t clocks_now(void) {
    return atomic_load(&clocks.now);
}

static inline uint64_t clocks_wall(void) {
    return atomic_load(&clocks.wall);
}

/* Time passes, on both. */
static inline void clocks_pass(uint64_t milliseconds) {
    atomic_fetch_add(&clocks.now, milliseconds);
    atomic_fetch_add(&clocks.wall, milliseconds);
}

static const xkv_hooks clocks_hooks = {.now_ms = clocks_now, .wall_ms = clocks_wall};

#endif
