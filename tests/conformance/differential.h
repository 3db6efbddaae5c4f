/*
 * differential.h - one run of the differential test: a store, and the sorted arrays
 * that its answers must agree with
 */
#ifndef XKV_TESTS_DIFFERENTIAL_H
#define XKV_TESTS_DIFFERENTIAL_H

#include "../clock.h"
#include "../items.h"
#include "../model.h"
#include "pool.h"

/* A claim in the model: the value of its key there. */
struct held {
    int64_t token;
    uint64_t deadline;
    char id[32];
    bool for_owner; /* who finds it again with a beginning of the key, which is so long: */
    char owner[24];
    size_t prefix_len;
};

struct run {
    const xkv_options *options;
    const struct mix *mix;
    struct rng rng;
    struct client client;
    struct model model;
    struct model claims; /* expired ones stay until a command has to do with claims */
    struct model turns;  /* prefix: the key that was last in turn */
    int64_t last_token;
    unsigned char *value_room;
    uint64_t operation;
    unsigned reopened; /* times */

    /* A scan that goes on: behind which key, of which prefix. */
    xkv_bytes prefix;
    unsigned char last_key[XKV_KEY_MAX];
    size_t last_len;
    char cursor[XKV_CURSOR_MAX];
    size_t cursor_len;
};

enum { VALUE_ROOM = 9000 };

static inline bool is_in_parts(const struct run *run) {
    return traits_for(run->options->backend)->in_parts;
}

static inline void assert_answer(struct run *run, bool right) {
    if (!right) {
        told(&run->client);
        fail_msg("operation %" PRIu64 " differs", run->operation);
    }
}

static inline void run_command(struct run *run, const xkv_command *command) {
    assert_answer(run, client_run(&run->client, command) == XKV_OK);
}

static inline void run_list(struct run *run, xkv_command command, xkv_items items) {
    assert_answer(run, run_with(&run->client, command, items) == XKV_OK);
}

/* The next item of the reply, which has that name and kind. */
static inline xkv_item take(struct run *run, size_t *at, const char *name, xkv_item_kind kind) {
    xkv_item item;

    assert_answer(run, xkv_item_next(answer(&run->client), at, &item));
    assert_answer(run, item.kind == kind && same_bytes(item.name, xkv_text(name)));
    return item;
}

static inline void take_integer(struct run *run, size_t *at, const char *name, uint64_t value) {
    assert_answer(run, take(run, at, name, XKV_ITEM_INTEGER).integer == (int64_t)value);
}

static inline void take_boolean(struct run *run, size_t *at, const char *name, bool value) {
    take(run, at, name, value ? XKV_ITEM_TRUE : XKV_ITEM_FALSE);
}

/* The value of a pair, or null where there is none. */
static inline void take_value(struct run *run, size_t *at, const char *name,
                              const struct pair *pair) {
    xkv_item item = take(run, at, name, pair ? XKV_ITEM_VALUE : XKV_ITEM_NULL);

    if (pair)
        assert_answer(run, same_bytes(item.value, pair_value(pair)));
}

static inline void assert_end(struct run *run, size_t at) {
    assert_answer(run, at == run->client.reply.len);
}

#endif
