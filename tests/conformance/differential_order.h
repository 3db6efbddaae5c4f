/*
 * differential_order.h - steps of the differential test on keys in their order, and on
 * claims that their owners find again
 */
#ifndef XKV_TESTS_DIFFERENTIAL_ORDER_H
#define XKV_TESTS_DIFFERENTIAL_ORDER_H

#include "differential_claims.h"

/* The first free key with prefix; NULL if there is none. */
static inline const struct pair *lowest_free(const struct run *run, xkv_bytes prefix) {
    size_t first, count = model_count(&run->model, prefix, &first);

    for (size_t i = first; i < first + count; i++) {
        if (!is_busy(run, pair_key(&run->model.pairs[i])))
            return &run->model.pairs[i];
    }
    return NULL;
}

static inline void claim_next(struct run *run) {
    xkv_command command = any_claiming(run, XKV_OP_CLAIM_NEXT);
    struct claim claim;
    size_t at = 0;

    command.prefix = any_prefix(&run->rng);
    end_expired(run);
    const struct pair *lowest = lowest_free(run, command.prefix);
    run_command(run, &command);
    assert_answer(run, next_claim(&run->client.reply, &at, &claim) == (lowest != NULL));
    if (lowest)
        assert_answer(run, same_bytes(claim.key, pair_key(lowest)));
    assert_answer(run, note_claims(run, &command) == (lowest != NULL));
}

static inline void pop_next(struct run *run) {
    xkv_command command = {.op = XKV_OP_POP_NEXT, .prefix = any_prefix(&run->rng)};
    xkv_bytes key, value;
    size_t at = 0;

    end_expired(run);
    const struct pair *lowest = lowest_free(run, command.prefix);
    run_command(run, &command);
    assert_answer(run, run->client.reply.number == (lowest != NULL));
    assert_answer(run, xkv_reply_next(&run->client.reply, &at, &key, &value) == (lowest != NULL));
    if (!lowest)
        return;
    assert_answer(run, same_bytes(key, pair_key(lowest)) && same_bytes(value, pair_value(lowest)));
    remove_key(run, key);
}

/* -- Claims of owners -------------------------------------------------------- */

/* Whether a claim of the model is the one that an owner is to find with a prefix. */
static inline bool is_found_by(const struct pair *pair, const xkv_command *command) {
    struct held held = held_of(pair);

    return held.for_owner && same_bytes(xkv_text(held.owner), command->owner) &&
           held.prefix_len == command->prefix.len && starts_with(pair_key(pair), command->prefix);
}

static inline const struct pair *claim_found_by(const struct run *run, const xkv_command *command) {
    for (size_t i = 0; i < run->claims.count; i++) {
        if (is_found_by(&run->claims.pairs[i], command))
            return &run->claims.pairs[i];
    }
    return NULL;
}

/* The reply is the claim as it is, with the value that its key has now. */
static inline void expect_same(struct run *run, const struct pair *pair, xkv_bytes owner) {
    struct held held = held_of(pair);
    struct claim claim;
    size_t at = 0;

    assert_answer(run, next_claim(&run->client.reply, &at, &claim));
    assert_answer(run, claim.token == held.token && same_bytes(claim.id, xkv_text(held.id)));
    assert_answer(run, same_bytes(claim.key, pair_key(pair)) && same_bytes(claim.owner, owner));
    assert_answer(run, same_bytes(claim.value, pair_value(model_get(&run->model, claim.key))));
    assert_answer(run, claim.expires_at == (int64_t)(clocks_wall() + held.deadline - clocks_now()));
}

static inline void note_owner(struct run *run, const xkv_command *command) {
    struct claim claim;
    size_t at = 0;

    MUST(next_claim(&run->client.reply, &at, &claim));
    struct held held = held_of(model_get(&run->claims, claim.key));
    held.for_owner = true;
    memcpy(held.owner, command->owner.data, command->owner.len);
    held.prefix_len = command->prefix.len;
    model_put(&run->claims, claim.key, bytes_of(&held, sizeof held));
}

static inline void claim_for_owner(struct run *run) {
    xkv_command command = any_claiming(run, XKV_OP_CLAIM_FOR_OWNER);

    if (command.owner.len == 0)
        command.owner = LIT("vu 2");
    command.prefix = any_prefix(&run->rng);
    end_expired(run);
    const struct pair *found = claim_found_by(run, &command);
    size_t expected = free_with(run, command.prefix) > 0;
    run_command(run, &command);
    assert_answer(run, run->client.reply.number == (found ? 1 : (int64_t)expected));
    if (found) {
        expect_same(run, found, command.owner);
        return;
    }
    assert_answer(run, note_claims(run, &command) == expected);
    if (expected)
        note_owner(run, &command);
}

/* -- In turn ------------------------------------------------------------------ */

/* The pair whose key follows the one that was last for a prefix. */
static inline const struct pair *next_in_turn(const struct run *run, xkv_bytes prefix) {
    size_t first, count = model_count(&run->model, prefix, &first), at = first;
    const struct pair *last = model_get(&run->turns, prefix);

    if (count == 0)
        return NULL;
    if (last) {
        at = model_rank(&run->model, pair_value(last));
        at += model_get(&run->model, pair_value(last)) != NULL;
    }
    return &run->model.pairs[at < first + count ? at : first];
}

static inline void next_circular(struct run *run) {
    xkv_bytes prefix = any_prefix(&run->rng), key, value;
    const struct pair *next = next_in_turn(run, prefix);
    size_t at = 0;

    assert_answer(run, do_prefix(&run->client, XKV_OP_NEXT_CIRCULAR, prefix) == XKV_OK);
    assert_answer(run, run->client.reply.number == (next != NULL));
    assert_answer(run, xkv_reply_next(&run->client.reply, &at, &key, &value) == (next != NULL));
    if (!next)
        return;
    assert_answer(run, same_bytes(key, pair_key(next)) && same_bytes(value, pair_value(next)));
    model_put(&run->turns, prefix, key);
}

/* The same from a position that is a value: of the model's, too. */
static inline void next_from_position(struct run *run) {
    xkv_bytes prefix = any_prefix(&run->rng), position = LIT("\x01position"), key, value;
    xkv_command command = {.op = XKV_OP_NEXT, .key = position, .prefix = prefix};
    size_t at = 0, first;

    command.cycle = rng_chance(&run->rng, 500);
    if (prefix.len == 0 || starts_with(position, prefix))
        return; /* a mistake */
    size_t count = model_count(&run->model, prefix, &first), next = first;
    const struct pair *last = model_get(&run->model, position);
    if (last) {
        next = model_rank(&run->model, pair_value(last));
        next += model_get(&run->model, pair_value(last)) != NULL;
        if (next < first)
            next = first;
    }
    if (next >= first + count && command.cycle)
        next = first;
    bool any = count > 0 && next < first + count;
    run_command(run, &command);
    assert_answer(run, run->client.reply.number == any);
    assert_answer(run, xkv_reply_next(&run->client.reply, &at, &key, &value) == any);
    if (!any)
        return;
    const struct pair *expected = &run->model.pairs[next];
    assert_answer(run, same_bytes(key, pair_key(expected)));
    assert_answer(run, same_bytes(value, pair_value(expected)));
    model_put(&run->model, position, key);
}

static inline void step_order(struct run *run) {
    void (*const steps[])(struct run *) = {claim_next,        claim_for_owner, claim_for_owner,
                                           pop_next,          next_circular,   next_circular,
                                           next_from_position};

    steps[rng_below(&run->rng, COUNT(steps))](run);
}

#endif
