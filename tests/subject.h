/*
 * subject.h - a store that has some of everything, for tests that make LMDB fail
 */
#ifndef XKV_TESTS_SUBJECT_H
#define XKV_TESTS_SUBJECT_H

#include "items.h"
#include "lmdb_calls.h"

/* The library sleeps only while it waits for others: here there are none. (Nor is the processor
 * given away, which takes long where it is wanted.) */
int nanosleep(const struct timespec *time, struct timespec *left) {
    (void)time, (void)left;
    return 0;
}

/* -- A store ----------------------------------------------------------------- */

enum { NUMBERS = 20, LONG = 1300, SLOTS = 32 };

static char long_key[LONG + 1];
static char lone_key[LONG], new_key[LONG]; /* which share no beginning with it */

struct subject {
    xkv_options options;
    struct client client;
    char path[PATH_SIZE];
};

static inline xkv_bytes number_key(char out[32], unsigned n) {
    return bytes_of(out, (size_t)snprintf(out, 32, "key:%02u", n));
}

static inline void fill(struct subject *subject) {
    struct client *client = &subject->client;
    xkv_command claim = {.op = XKV_OP_CLAIM_KEY, .key = LIT("key:01"), .ttl_ms = XKV_TTL_MAX};
    xkv_items items = NO_ITEMS;
    char key[32];

    for (unsigned n = 0; n < NUMBERS; n++)
        items_add(&items, number_key(key, n), LIT("7"));
    items_add(&items, bytes_of(long_key, LONG), LIT("7"));
    items_add(&items, bytes_of(long_key, LONG + 1), LIT("7"));
    items_add(&items, bytes_of(lone_key, sizeof lone_key), LIT("7"));
    MUST(do_plain(client, XKV_OP_CLEAR) == XKV_OK);
    MUST(do_list_of(client, XKV_OP_SET_MANY, items) == XKV_OK);
    MUST(client_run(client, &claim) == XKV_OK && client->reply.number == 1);
}

static inline void subject_open(struct subject *subject, int durability, bool track_keys) {
    subject->options = disk_options(fresh_path(subject->path));
    subject->options.serialization = XKV_STRING;
    subject->options.durability = durability;
    subject->options.track_keys = track_keys;
    subject->options.initial_map_size = 1 << 20;
    client_open(&subject->client, &subject->options, false);
    fill(subject);
}

static inline void subject_close(struct subject *subject) {
    client_close(&subject->client);
    assert_int_equal(lmdb_calls.live, 0);
}

static inline void long_keys_make(void) {
    memset(long_key, 'L', sizeof long_key);
    memset(lone_key, 'M', sizeof lone_key);
    memset(new_key, 'N', sizeof new_key);
}

#endif
