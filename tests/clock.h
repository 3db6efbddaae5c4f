/*
 * clock.h - clocks that only move when a test says so, the library's and a server's
 */
#ifndef XKV_TESTS_CLOCK_H
#define XKV_TESTS_CLOCK_H

#include "support.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>

static struct { _Atomic uint64_t now, wall; /* milliseconds */ } clocks = {5000000, 1700000000000};

static inline uint64_t clocks_now(void) {
    return atomic_load(&clocks.now);
}

static inline uint64_t clocks_wall(void) {
    return atomic_load(&clocks.wall);
}

/* What servers have for the time of day (servers/clock.c); NULL: there are none. */
static _Atomic uint64_t *clocks_served;

static inline void clocks_serve(void) {
    if (clocks_served)
        atomic_store(clocks_served, clocks_wall());
}

/* Time passes, on all. */
static inline void clocks_pass(uint64_t milliseconds) {
    atomic_fetch_add(&clocks.now, milliseconds);
    atomic_fetch_add(&clocks.wall, milliseconds);
    clocks_serve();
}

static inline void clocks_map(const char *path) {
    int file = open(path, O_RDWR | O_CLOEXEC);
    void *mapped = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

    MUST(file >= 0 && mapped != MAP_FAILED);
    close(file);
    clocks_served = mapped;
}

/* From here on time stands still. */
static inline void clocks_stop(void) {
    static const xkv_hooks hooks = {.now_ms = clocks_now, .wall_ms = clocks_wall};
    const char *path = getenv("XKV_SERVER_CLOCK");

    if (path && *path && !clocks_served)
        clocks_map(path);
    clocks_serve();
    xkv_set_hooks(&hooks);
}

/* And on again. */
static inline void clocks_go(void) {
    xkv_set_hooks(NULL);
    if (clocks_served)
        atomic_store(clocks_served, 0);
}

#endif
