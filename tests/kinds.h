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
    static unsigned stores;
    char file[32];
    xkv_options options;

    snprintf(file, sizeof file, "%u.kv", stores++);
    test_path(name, file);
    xkv_options_init(&options);
    options.backend = kind->backend;
    options.durability = kind->durability;
    options.track_keys = kind->track_keys;
    set_place(&options, name);
    return options;
}

#endif
