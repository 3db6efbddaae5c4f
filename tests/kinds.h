/*
 * kinds.h - the kinds of stores that a test runs on, one after the other
 */
#ifndef XKV_TESTS_KINDS_H
#define XKV_TESTS_KINDS_H

#include "support.h"

struct kind {
    const char *name;
    int backend, durability;
    bool track_keys;
};

static const struct kind *running; /* the kind that a case is at, NULL: none */

/* For a loop over kinds: makes number n the one that runs. False past the last. Beside servers,
 * theirs is the only one. */
static inline bool run_kind(const struct kind *kinds, size_t count, size_t n) {
    static const struct kind servers[] = {{"redis", XKV_BACKEND_REDIS, XKV_DURABILITY_FULL, false}};

    if (server_url())
        kinds = servers, count = 1;
    running = n < count ? &kinds[n] : NULL;
    return running;
}

/* A case that failed left its loop: tell where. */
static inline int after_case(void **state) {
    (void)state;
    if (running)
        fprintf(stderr, "with a store of kind: %s\n", running->name);
    running = NULL;
    return 0;
}

/* Options for a store that no test has had yet; name holds its name. */
static inline xkv_options fresh(const struct kind *kind, char name[PATH_SIZE]) {
    xkv_options options;

    xkv_options_init(&options);
    options.backend = kind->backend;
    options.durability = kind->durability;
    options.track_keys = kind->track_keys;
    set_place(&options, fresh_path(name));
    return options;
}

#endif
