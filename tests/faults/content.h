/*
 * content.h - what a store must hold, keys and claims, and what commands do to it
 */
#ifndef XKV_TESTS_CONTENT_H
#define XKV_TESTS_CONTENT_H

#include "../items.h"
#include "../model.h"

static char long_key[5000], long_value[20000];

enum { KEYS_COUNT = 150, CLAIMED_FROM = 10, CLAIMED_TO = 30 };

/* What the store must hold: keys with values, and claimed keys with the ids of
 * their claims. */
struct content {
    struct model keys, claims;
};

static inline xkv_bytes key_number(char out[32], unsigned n) {
    return bytes_of(out, (size_t)snprintf(out, 32, "key:%03u", n));
}

static inline void content_free(struct content *content) {
    model_free(&content->keys);
    model_free(&content->claims);
}

/* Takes in what claims the reply grants. */
static inline void note_claims(struct content *content, const xkv_reply *reply) {
    struct claim claim;

    for (size_t at = 0; next_claim(reply, &at, &claim);)
        model_put(&content->claims, claim.key, claim.id);
}

static inline void claim(struct client *client, struct content *content, xkv_bytes key,
                         int64_t ttl) {
    MUST(RUN(client, .op = XKV_OP_CLAIM_KEY, .key = key, .ttl_ms = ttl) == XKV_OK &&
         client->reply.number == 1);
    note_claims(content, &client->reply);
}

/* Keys, some of them claimed; the ids of those are claim-1, claim-2 and so on. */
static bool values_are_json; /* of the store that was filled last */

static inline void fill(struct client *client, struct content *content) {
    const xkv_bytes deep = {long_key, 3000};
    char key[32];

    values_are_json = xkv_store_options(client->store)->serialization == XKV_JSON;

    for (unsigned i = 0; i < KEYS_COUNT; i++) {
        MUST(do_set(client, key_number(key, i), LIT("old")) == XKV_OK);
        model_put(&content->keys, key_number(key, i), LIT("old"));
    }
    MUST(do_set(client, deep, LIT("old")) == XKV_OK);
    model_put(&content->keys, deep, LIT("old"));
    for (unsigned i = CLAIMED_FROM; i < CLAIMED_TO; i++)
        claim(client, content, key_number(key, i), XKV_TTL_MAX);
    claim(client, content, deep, XKV_TTL_MAX);
}

static inline int64_t live_claims(struct client *client, xkv_bytes prefix) {
    size_t at = 0;
    xkv_item item;

    assert_int_equal(do_prefix(client, XKV_OP_ALLOCATION_STATS, prefix), XKV_OK);
    while (xkv_item_next(answer(client), &at, &item)) {
        if (same_bytes(item.name, LIT("claimedLive")))
            return item.integer;
    }
    fail();
    return -1;
}

/* The content is what it should be, and so are index, size and claims. */
static inline void assert_content(struct client *client, const struct content *content) {
    size_t first;

    do_list(client, NOTHING, 0);
    assert_int_equal(told(client), XKV_OK);
    assert_true(model_matches(&content->keys, NOTHING, 0, &client->reply));
    assert_int_equal(do_plain(client, XKV_OP_SIZE), XKV_OK);
    assert_int_equal(client->reply.number, content->keys.count);
    assert_int_equal(do_random(client, LIT("key:")), XKV_OK);
    assert_int_equal(client->reply.number, model_count(&content->keys, LIT("key:"), &first));
    assert_int_equal(live_claims(client, NOTHING), content->claims.count);
    assert_int_equal(live_claims(client, LIT("key:01")),
                     model_count(&content->claims, LIT("key:01"), &first));
    xkv_reply_clear(&client->reply);
}

/* -- What they do ------------------------------------------------------------ */

static inline void drop(struct content *content, xkv_bytes key) {
    model_delete(&content->keys, key);
    model_delete(&content->claims, key);
}

/* Claims that are given back and held. */
static inline void apply_ends(struct content *content, const xkv_command *command, bool deletes) {
    size_t at = 0;

    for (xkv_item item; xkv_item_next(command->items, &at, &item);) {
        const struct pair *held = model_get(&content->claims, item.text);
        int64_t token;
        memcpy(&token, item.value.data, sizeof token);
        if (!held || token == 0)
            continue;
        if (deletes)
            drop(content, item.text);
        else
            model_delete(&content->claims, item.text);
    }
}

static inline void apply_list(struct content *content, const xkv_command *command) {
    size_t at = 0;

    for (xkv_item item; xkv_item_next(command->items, &at, &item);) {
        if (command->op == XKV_OP_SET_MANY)
            model_put(&content->keys, item.text, item.value);
        else
            drop(content, item.text);
    }
}

static inline void apply_prefix(struct content *content, const xkv_command *command) {
    size_t first, count = model_count(&content->keys, command->prefix, &first);

    for (size_t i = 0; i < count && i < (size_t)command->limit; i++) {
        struct pair pair = pair_new(pair_key(&content->keys.pairs[first]), NOTHING);
        drop(content, pair_key(&pair));
        free(pair.bytes);
    }
}

static inline void apply_popped(struct content *content, const xkv_reply *reply) {
    xkv_bytes key, value;

    for (size_t at = 0; xkv_reply_next(reply, &at, &key, &value);) {
        MUST(!model_get(&content->claims, key));
        drop(content, key);
    }
}

/* What was handed out is the value of the position. */
static inline void apply_next(struct content *content, const xkv_command *command,
                              const xkv_reply *reply) {
    char text[XKV_KEY_MAX + 3];
    xkv_bytes key, value;
    size_t at = 0;

    if (!xkv_reply_next(reply, &at, &key, &value))
        return;
    int len = snprintf(text, sizeof text, values_are_json ? "\"%.*s\"" : "%.*s", (int)key.len,
                       (const char *)key.data);
    model_put(&content->keys, command->key, bytes_of(text, (size_t)len));
}

static inline void apply(struct content *content, const xkv_command *command,
                         const xkv_reply *reply) {
    bool absent = !model_get(&content->keys, command->key);

    switch (command->op) {
    case XKV_OP_SET_IF_ABSENT:
    case XKV_OP_GET_OR_SET:
        if (!absent)
            break;
        /* fall through */
    case XKV_OP_SET:
    case XKV_OP_SWAP:
        model_put(&content->keys, command->key, command->value);
        break;
    case XKV_OP_COMPARE_AND_SWAP:
    case XKV_OP_COMPARE_AND_SWAP_DETAILED:
        if (reply->number == 1)
            model_put(&content->keys, command->key, command->value);
        break;
    case XKV_OP_DELETE:
    case XKV_OP_DELETE_IF_EXISTS:
    case XKV_OP_COMPARE_AND_DELETE:
    case XKV_OP_COMPARE_AND_DELETE_DETAILED:
        if (reply->number == 1)
            drop(content, command->key);
        break;
    case XKV_OP_INCREMENT_BY:
        model_put(&content->keys, command->key, command->delta > 0 ? LIT("5") : LIT("3"));
        break;
    case XKV_OP_CLEAR:
        model_clear(&content->keys);
        model_clear(&content->claims);
        break;
    case XKV_OP_SET_MANY:
    case XKV_OP_DELETE_MANY:
        apply_list(content, command);
        break;
    case XKV_OP_DELETE_BY_PREFIX:
        apply_prefix(content, command);
        break;
    case XKV_OP_RELEASE_CLAIM:
    case XKV_OP_RELEASE_CLAIMS:
    case XKV_OP_COMPLETE_CLAIM:
    case XKV_OP_COMPLETE_CLAIMS:
        apply_ends(content, command, command->op >= XKV_OP_COMPLETE_CLAIM && !command->keep_key);
        break;
    case XKV_OP_NEXT:
        apply_next(content, command, reply);
        break;
    case XKV_OP_POP_RANDOM:
    case XKV_OP_POP_NEXT:
    case XKV_OP_POP_RANDOM_MANY:
        apply_popped(content, reply);
        break;
    default:
        note_claims(content, reply);
    }
}

/* Which errors the command would have with all the memory of the world. */
static inline int expected_status(const xkv_command *command, const struct content *content) {
    bool twice = command->op == XKV_OP_CLAIM_KEYS && command->items.len > 0 &&
                 memmem(command->items.data, command->items.len, "key:135", 7) &&
                 !command->all_or_nothing;

    if (command->key.len == 0 && (xkv_op_describe(command->op)->arguments & XKV_ARG_KEY))
        return XKV_E_INVALID_OPTIONS;
    if (command->op == XKV_OP_NEXT && command->prefix.len == 0)
        return XKV_E_INVALID_OPTIONS;
    if (command->op == XKV_OP_SET && same_bytes(command->value, LIT("\xFF")))
        return XKV_E_SERIALIZER;
    if (command->op == XKV_OP_SET_MANY && memchr(command->items.data, 0xFF, command->items.len))
        return XKV_E_INVALID_OPTIONS;
    if (command->op == XKV_OP_GET && !model_get(&content->keys, command->key))
        return XKV_E_KEY_NOT_FOUND;
    return twice ? XKV_E_INVALID_OPTIONS : XKV_OK;
}

#endif
