/*
 * differential_claims.h - steps of the differential test on claims, the passing of
 * time, and what a store tells about itself
 */
#ifndef XKV_TESTS_DIFFERENTIAL_CLAIMS_H
#define XKV_TESTS_DIFFERENTIAL_CLAIMS_H

#include "differential_keys.h"

/* -- Claims ------------------------------------------------------------------ */

static inline struct held held_of(const struct pair *pair) {
    struct held held;

    memcpy(&held, pair_value(pair).data, sizeof held);
    return held;
}

/* What has to do with claims first ends those that have expired. */
static inline void end_expired(struct run *run) {
    for (size_t i = run->claims.count; i > 0; i--) {
        struct pair *pair = &run->claims.pairs[i - 1];
        if (held_of(pair).deadline <= clocks_now())
            model_delete(&run->claims, pair_key(pair));
    }
}

/* Whether somebody holds the key, once those that have expired were ended. */
static inline bool is_busy(const struct run *run, xkv_bytes key) {
    return model_get(&run->claims, key) != NULL;
}

static inline size_t free_with(const struct run *run, xkv_bytes prefix) {
    size_t first;
    return model_count(&run->model, prefix, &first) - model_count(&run->claims, prefix, &first);
}

/* A claim of the reply is one on a free key with prefix, and as it should be. */
static inline void note_claim(struct run *run, const struct claim *claim, xkv_bytes prefix,
                              xkv_bytes owner, int64_t ttl) {
    const struct pair *pair = model_get(&run->model, claim->key);
    struct held held = {.token = claim->token, .deadline = clocks_now() + (uint64_t)ttl};

    assert_answer(run, pair && starts_with(claim->key, prefix));
    assert_answer(run, !is_busy(run, claim->key));
    assert_answer(run, same_bytes(claim->value, pair_value(pair)));
    assert_answer(run, same_bytes(claim->owner, owner));
    assert_answer(run, claim->token > run->last_token || is_in_parts(run));
    assert_answer(run, claim->expires_at == (int64_t)clocks_wall() + ttl);
    assert_answer(run, claim->id.len > 0 && claim->id.len < sizeof held.id);
    memcpy(held.id, claim->id.data, claim->id.len);
    model_put(&run->claims, claim->key, bytes_of(&held, sizeof held));
    run->last_token = claim->token;
}

static inline size_t note_claims(struct run *run, const xkv_command *command) {
    int64_t ttl = command->ttl_ms ? command->ttl_ms : XKV_TTL_DEFAULT;
    struct claim claim;
    size_t at = 0, count = 0;

    for (; next_claim(&run->client.reply, &at, &claim); count++)
        note_claim(run, &claim, command->prefix, command->owner, ttl);
    assert_answer(run, (size_t)run->client.reply.number == count);
    return count;
}

static inline xkv_command any_claiming(struct run *run, int op) {
    static const char *const owners[] = {"", "vu 1", "somebody else"};
    xkv_command command = {.op = op, .owner = xkv_text(owners[rng_below(&run->rng, 3)])};

    if (rng_chance(&run->rng, 700))
        command.ttl_ms = 1 + (int64_t)rng_below(&run->rng, 20000);
    return command;
}

static inline void claim_key(struct run *run) {
    xkv_command command = any_claiming(run, XKV_OP_CLAIM_KEY);

    command.key = any_key(&run->rng);
    end_expired(run);
    size_t expected = model_get(&run->model, command.key) && !is_busy(run, command.key);
    run_command(run, &command);
    assert_answer(run, note_claims(run, &command) == expected);
}

static inline void claim_random(struct run *run) {
    bool many = rng_chance(&run->rng, 300);
    xkv_command command = any_claiming(run, many ? XKV_OP_CLAIM_RANDOM_MANY : XKV_OP_CLAIM_RANDOM);

    command.prefix = any_prefix(&run->rng);
    command.count = many ? 1 + (int64_t)rng_below(&run->rng, 8) : 1;
    end_expired(run);
    size_t expected = free_with(run, command.prefix);
    run_command(run, &command);
    if (expected > (size_t)command.count)
        expected = (size_t)command.count;
    assert_answer(run, note_claims(run, &command) == expected);
}

/* Different keys: a walk over the pool with a stride. */
static inline xkv_items different_keys(struct run *run) {
    size_t count = rng_below(&run->rng, 8), start = rng_below(&run->rng, COMMON_KEYS);
    xkv_items items = {NULL, 0, 0};

    for (size_t i = 0; i < count; i++)
        items_add(&items, pool.keys[(start + i * 7) % COMMON_KEYS], NOTHING);
    return items;
}

/* The texts of a list in the reply, in order, are the keys of items that are not
 * free: busy or missing. With first_only, at most the first. */
static inline void take_unclaimed(struct run *run, size_t *at, const xkv_items *items, bool busy,
                                  bool first_only) {
    xkv_item list = take(run, at, busy ? "busy" : "missing", XKV_ITEM_ARRAY);
    int64_t count = 0;
    size_t in = 0;
    bool over = false;

    for (xkv_item key; !over && xkv_item_next(xkv_items_bytes(items), &in, &key);) {
        bool missing = !model_get(&run->model, key.text);
        bool held = !missing && is_busy(run, key.text);
        over = first_only && (missing || held);
        if (busy ? !held : !missing)
            continue;
        xkv_item text = take(run, at, "", XKV_ITEM_TEXT);
        assert_answer(run, same_bytes(text.text, key.text));
        count++;
    }
    assert_answer(run, list.integer == count);
}

static inline size_t count_free(const struct run *run, const xkv_items *items, size_t *all) {
    size_t in = 0, count = 0;

    *all = 0;
    for (xkv_item key; xkv_item_next(xkv_items_bytes(items), &in, &key); ++*all)
        count += model_get(&run->model, key.text) && !is_busy(run, key.text);
    return count;
}

static inline void claim_keys(struct run *run) {
    xkv_command command = any_claiming(run, XKV_OP_CLAIM_KEYS);
    xkv_items items = different_keys(run);
    size_t at = 0, all;

    command.items = xkv_items_bytes(&items);
    command.all_or_nothing = rng_chance(&run->rng, 500);
    end_expired(run);
    size_t expected = count_free(run, &items, &all);
    if (command.all_or_nothing && expected < all)
        expected = 0;
    run_command(run, &command);
    take(run, &at, "", XKV_ITEM_OBJECT);
    assert_answer(run, take(run, &at, "claimed", XKV_ITEM_ARRAY).integer == (int64_t)expected);
    for (size_t i = 0; i < expected * 7; i++) /* each an object of six */
        assert_answer(run, xkv_item_next(answer(&run->client), &at, &(xkv_item){.integer = 0}));
    take_unclaimed(run, &at, &items, true, command.all_or_nothing);
    take_unclaimed(run, &at, &items, false, command.all_or_nothing);
    assert_end(run, at);
    assert_answer(run, note_claims(run, &command) == expected);
    xkv_items_free(&items);
}

static inline void step_claim(struct run *run) {
    void (*const steps[])(struct run *) = {claim_key, claim_random, claim_random, claim_keys};

    steps[rng_below(&run->rng, COUNT(steps))](run);
}

/* What is popped is free, and goes. */
static inline void step_pop(struct run *run) {
    bool many = rng_chance(&run->rng, 300);
    xkv_command command = {.op = many ? XKV_OP_POP_RANDOM_MANY : XKV_OP_POP_RANDOM};
    xkv_bytes key, value;
    size_t at = 0, count = 0;

    command.prefix = any_prefix(&run->rng);
    command.count = many ? 1 + (int64_t)rng_below(&run->rng, 5) : 1;
    end_expired(run);
    size_t expected = free_with(run, command.prefix);
    run_command(run, &command);
    for (; xkv_reply_next(&run->client.reply, &at, &key, &value); count++) {
        const struct pair *pair = model_get(&run->model, key);
        assert_answer(run, pair && starts_with(key, command.prefix));
        assert_answer(run, same_bytes(value, pair_value(pair)));
        assert_answer(run, !model_get(&run->claims, key));
        remove_key(run, key);
    }
    assert_answer(run,
                  count == (expected < (size_t)command.count ? expected : (size_t)command.count));
    assert_answer(run, (size_t)run->client.reply.number == count);
}

/* -- Giving back ------------------------------------------------------------- */

/* Adds some claim to a list: mostly one that is there, else a wrong one. */
static inline void add_any_claim(struct run *run, xkv_items *items) {
    struct held held = {.token = -1, .id = "claim-x"};
    xkv_bytes key = any_key(&run->rng);

    if (run->claims.count > 0 && rng_chance(&run->rng, 800)) {
        const struct pair *pair = &run->claims.pairs[rng_below(&run->rng, run->claims.count)];
        held = held_of(pair);
        key = pair_key(pair);
    }
    if (rng_chance(&run->rng, 30))
        held.token += 1;
    if (rng_chance(&run->rng, 30))
        held.id[strlen(held.id) - 1] ^= 1;
    MUST(xkv_items_add_claim(items, xkv_text(held.id), key, held.token) == XKV_OK);
}

/* Whether the claim of an item is held, by the model. */
static inline bool is_held(const struct run *run, const xkv_item *item) {
    const struct pair *pair = model_get(&run->claims, item->text);
    const unsigned char *value = item->value.data;
    int64_t token;

    if (!pair)
        return false;
    struct held held = held_of(pair);
    memcpy(&token, value, sizeof token);
    return held.token == token &&
           same_bytes(xkv_text(held.id),
                      bytes_of(value + sizeof token, item->value.len - sizeof token));
}

/* Renews or ends a claim in the model. completed keys go later: a second claim
 * of the same list on one of them is a failed one either way. */
static inline void settle(struct run *run, const xkv_command *command, xkv_bytes key) {
    bool renews = command->op == XKV_OP_RENEW_CLAIM || command->op == XKV_OP_RENEW_CLAIMS;
    bool completes = command->op == XKV_OP_COMPLETE_CLAIM || command->op == XKV_OP_COMPLETE_CLAIMS;

    if (renews) {
        struct held held = held_of(model_get(&run->claims, key));
        held.deadline = clocks_now() + (uint64_t)command->ttl_ms;
        model_put(&run->claims, key, bytes_of(&held, sizeof held));
        return;
    }
    model_delete(&run->claims, key);
    if (completes && !command->keep_key)
        model_delete(&run->model, key);
}

static inline void take_failed(struct run *run, size_t *at, size_t index, const xkv_item *item) {
    xkv_bytes id = {(const unsigned char *)item->value.data + 8, item->value.len - 8};

    take(run, at, "", XKV_ITEM_OBJECT);
    take_integer(run, at, "index", index);
    assert_answer(run, same_bytes(take(run, at, "id", XKV_ITEM_TEXT).text, id));
    assert_answer(run, same_bytes(take(run, at, "key", XKV_ITEM_TEXT).text, item->text));
    xkv_item name = take(run, at, "name", XKV_ITEM_TEXT);
    assert_answer(run, same_bytes(name.text, LIT("ClaimNotUpdated")));
    take(run, at, "message", XKV_ITEM_TEXT);
}

static inline void give_back_many(struct run *run, xkv_command command, const char *done) {
    size_t count = rng_below(&run->rng, 6), at = 0, in = 0, ends = 0, index = 0;
    xkv_items items = {NULL, 0, 0};

    for (size_t i = 0; i < count; i++)
        add_any_claim(run, &items);
    end_expired(run);
    command.items = xkv_items_bytes(&items);
    run_command(run, &command);
    take(run, &at, "", XKV_ITEM_OBJECT);
    take_integer(run, &at, "attempted", count);
    xkv_item number = take(run, &at, done, XKV_ITEM_INTEGER);
    xkv_item failed = take(run, &at, "failed", XKV_ITEM_ARRAY);
    for (xkv_item item; xkv_item_next(command.items, &in, &item); index++) {
        bool held = is_held(run, &item);
        if (held)
            settle(run, &command, item.text);
        else
            take_failed(run, &at, index, &item);
        ends += held;
    }
    assert_end(run, at);
    assert_answer(run, number.integer == (int64_t)ends);
    assert_answer(run, failed.integer == (int64_t)(count - ends));
    xkv_items_free(&items);
}

static inline void give_back_one(struct run *run, xkv_command command) {
    xkv_items items = {NULL, 0, 0};
    xkv_item item;
    size_t at = 0;

    add_any_claim(run, &items);
    end_expired(run);
    command.items = xkv_items_bytes(&items);
    MUST(xkv_item_next(command.items, &at, &item));
    bool held = is_held(run, &item);
    run_command(run, &command);
    assert_answer(run, run->client.reply.number == held);
    if (held)
        settle(run, &command, item.text);
    xkv_items_free(&items);
}

static inline void step_give_back(struct run *run) {
    static const struct {
        int one, many;
        const char *done;
    } ways[] = {
        {XKV_OP_RENEW_CLAIM, XKV_OP_RENEW_CLAIMS, "renewed"},
        {XKV_OP_RELEASE_CLAIM, XKV_OP_RELEASE_CLAIMS, "released"},
        {XKV_OP_COMPLETE_CLAIM, XKV_OP_COMPLETE_CLAIMS, "completed"},
    };
    size_t way = rng_below(&run->rng, COUNT(ways));
    xkv_command command = {.op = ways[way].one,
                           .ttl_ms = 1 + (int64_t)rng_below(&run->rng, 20000),
                           .keep_key = rng_chance(&run->rng, 500)};

    if (rng_chance(&run->rng, 500)) {
        give_back_one(run, command);
        return;
    }
    command.op = ways[way].many;
    give_back_many(run, command, ways[way].done);
}

/* -- Time, insight ----------------------------------------------------------- */

static inline uint64_t count_expired(const struct run *run, xkv_bytes prefix, uint64_t *all) {
    size_t first, count = model_count(&run->claims, prefix, &first);
    uint64_t expired = 0;

    for (size_t i = 0; i < count; i++)
        expired += held_of(&run->claims.pairs[first + i]).deadline <= clocks_now();
    *all = count;
    return expired;
}

/* Each partition ends the expired claims that it meets: so others may still be there. */
static inline void take_expired(struct run *run, size_t *at, const char *name, uint64_t expired) {
    if (is_in_parts(run))
        assert_answer(run, take(run, at, name, XKV_ITEM_INTEGER).integer >= (int64_t)expired);
    else
        take_integer(run, at, name, expired);
}

static inline void check_allocation(struct run *run, xkv_bytes prefix) {
    size_t first, total = model_count(&run->model, prefix, &first), at = 0;
    uint64_t all, expired = count_expired(run, prefix, &all);

    assert_answer(run, do_prefix(&run->client, XKV_OP_ALLOCATION_STATS, prefix) == XKV_OK);
    take(run, &at, "", XKV_ITEM_OBJECT);
    take(run, &at, "prefix", XKV_ITEM_TEXT);
    take_integer(run, &at, "total", total);
    take_integer(run, &at, "claimable", total - (all - expired));
    take_integer(run, &at, "claimedLive", all - expired);
    take_expired(run, &at, "claimedExpired", expired);
}

static inline void check_stats(struct run *run) {
    uint64_t all, expired = count_expired(run, NOTHING, &all);
    size_t at = 0;

    assert_answer(run, do_plain(&run->client, XKV_OP_STATS) == XKV_OK);
    take(run, &at, "", XKV_ITEM_OBJECT);
    take(run, &at, "backend", XKV_ITEM_TEXT);
    take(run, &at, "serialization", XKV_ITEM_TEXT);
    take_boolean(run, &at, "trackKeys", run->options->track_keys);
    take_integer(run, &at, "count", run->model.count);
    take(run, &at, "claims", XKV_ITEM_OBJECT);
    take_integer(run, &at, "live", all - expired);
    take_expired(run, &at, "expired", expired);
    if (!run->options->track_keys)
        return;
    take(run, &at, "index", XKV_ITEM_OBJECT);
    take_boolean(run, &at, "enabled", true);
    take_integer(run, &at, "keysList", run->model.count);
    take_integer(run, &at, "keysMap", run->model.count);
    take_integer(run, &at, "ost", run->model.count);
    take_boolean(run, &at, "consistent", true);
}

static inline void step_time(struct run *run) {
    clocks_pass(rng_below(&run->rng, 4000));
    check_allocation(run, any_prefix(&run->rng));
    check_stats(run);
}

#endif
