/*
 * model.h - an ordered map that is too simple to be wrong: a sorted array
 */
#ifndef XKV_TESTS_MODEL_H
#define XKV_TESTS_MODEL_H

#include "support.h"

struct pair {
    unsigned char *bytes; /* the key, then the value */
    size_t key_len, value_len;
};

struct model {
    struct pair *pairs;
    size_t count, room;
};

static inline xkv_bytes pair_key(const struct pair *pair) {
    return bytes_of(pair->bytes, pair->key_len);
}

static inline xkv_bytes pair_value(const struct pair *pair) {
    return bytes_of(pair->bytes + pair->key_len, pair->value_len);
}

static inline struct pair pair_new(xkv_bytes key, xkv_bytes value) {
    struct pair pair = {malloc(key.len + value.len + 1), key.len, value.len};

    MUST(pair.bytes);
    if (key.len > 0)
        memcpy(pair.bytes, key.data, key.len);
    if (value.len > 0)
        memcpy(pair.bytes + key.len, value.data, value.len);
    return pair;
}

/* How many keys are less than key. */
static inline size_t model_rank(const struct model *model, xkv_bytes key) {
    size_t low = 0, high = model->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (order_of(pair_key(&model->pairs[middle]), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static inline const struct pair *model_get(const struct model *model, xkv_bytes key) {
    size_t at = model_rank(model, key);
    bool found = at < model->count && same_bytes(pair_key(&model->pairs[at]), key);

    return found ? &model->pairs[at] : NULL;
}

static inline void model_make_room(struct model *model) {
    if (model->count < model->room)
        return;
    model->room = model->room * 2 + 64;
    model->pairs = realloc(model->pairs, model->room * sizeof *model->pairs);
    MUST(model->pairs);
}

static inline void model_put(struct model *model, xkv_bytes key, xkv_bytes value) {
    size_t at = model_rank(model, key);

    if (model_get(model, key)) {
        free(model->pairs[at].bytes);
    } else {
        model_make_room(model);
        memmove(&model->pairs[at + 1], &model->pairs[at],
                (model->count++ - at) * sizeof *model->pairs);
    }
    model->pairs[at] = pair_new(key, value);
}

/* Whether the key was there. */
static inline bool model_delete(struct model *model, xkv_bytes key) {
    size_t at = model_rank(model, key);

    if (!model_get(model, key))
        return false;
    free(model->pairs[at].bytes);
    memmove(&model->pairs[at], &model->pairs[at + 1], (--model->count - at) * sizeof *model->pairs);
    return true;
}

static inline void model_clear(struct model *model) {
    for (size_t i = 0; i < model->count; i++)
        free(model->pairs[i].bytes);
    model->count = 0;
}

static inline void model_free(struct model *model) {
    model_clear(model);
    free(model->pairs);
    *model = (struct model){NULL, 0, 0};
}

static inline struct model model_copy(const struct model *model) {
    struct model copy = {calloc(model->count + 1, sizeof *copy.pairs), model->count,
                         model->count + 1};

    MUST(copy.pairs);
    for (size_t i = 0; i < model->count; i++)
        copy.pairs[i] = pair_new(pair_key(&model->pairs[i]), pair_value(&model->pairs[i]));
    return copy;
}

/* How many keys start with prefix; *first is the rank of the first of them. */
static inline size_t model_count(const struct model *model, xkv_bytes prefix, size_t *first) {
    size_t at = model_rank(model, prefix), end = at;

    while (end < model->count && starts_with(pair_key(&model->pairs[end]), prefix))
        end++;
    *first = at;
    return end - at;
}

/* Whether a list reply holds exactly what the model says; prints what differs. */
static inline bool model_matches(const struct model *model, xkv_bytes prefix, int64_t limit,
                                 const xkv_reply *reply) {
    size_t first, count = model_count(model, prefix, &first), at = 0, n = 0;
    xkv_bytes key, value;

    if (limit > 0 && (uint64_t)limit < count)
        count = (size_t)limit;
    for (; xkv_reply_next(reply, &at, &key, &value); n++) {
        const struct pair *pair = n < count ? &model->pairs[first + n] : NULL;
        if (pair && same_bytes(key, pair_key(pair)) && same_bytes(value, pair_value(pair)))
            continue;
        fprintf(stderr, "list: entry %zu of %zu differs\n", n, count);
        return false;
    }
    if (n != count || (size_t)reply->number != count)
        fprintf(stderr, "list: %zu entries, number %" PRId64 ", expected %zu\n", n, reply->number,
                count);
    return n == count && (size_t)reply->number == count;
}

#endif
