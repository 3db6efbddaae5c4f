/*
 * choose.c - uniform random keys, uniform random free keys, and the lowest free key
 *
 * One key. The n-th of the keys with a prefix, for a random n, is a uniform
 * choice; where ranks are known it takes O(log n). A free key is found by
 * drawing until one is free, which is uniform over the free keys whatever is
 * held. As long as a quarter of the keys is free that takes at most four draws
 * on average. When fewer are, the n-th free key is looked for directly.
 *
 * The n-th free key. Claimed keys stand in a counted tree of their own. Before
 * the i-th claimed key, counted from 0, lie rank(i) keys, i of them claimed, so
 * rank(i) - i free ones; that never falls as i grows. The n-th free key lies
 * before the first claimed key i with rank(i) - i > n, and its rank is n + i. i
 * is found by binary search, which takes O(log claims) steps of O(log keys).
 * So the tree of keys need not count free ones, and a claim does not touch it.
 *
 * Where ranks are not known (a disk store without trackKeys) a walk over the
 * keys takes their place, beside a walk over the claims.
 *
 * The lowest free key is number 0 of them, so it is found in the same way: behind
 * the claimed keys that follow each other without a gap. Where ranks are not
 * known the walk begins at the prefix and ends at that gap, and nothing is
 * counted before.
 *
 * Many keys. They are drawn one by one in the same way, as long as a quarter of
 * the keys would still be free after the last. Else, and where no key is
 * claimed, which of them is drawn first, as numbers: Floyd's sampling (Bentley
 * and Floyd, "A sample of brilliance", 1987) makes every set of count numbers
 * equally likely with count random numbers and a set of that size; a shuffle
 * (Fisher and Yates) then makes the order random, too.
 */
#include "local/choose.h"
#include "base/random.h"
#include "base/sys.h"
#include "base/text.h"
#include "command/items.h"
#include "local/backend.h"
#include "local/claims.h"
#include "local/engine.h"
#include "tree/btree.h"

#include <stdlib.h>

/* -- The pool ---------------------------------------------------------------- */

int xkv__pool_find(xkv__txn *txn, xkv_bytes prefix, bool free_only, xkv__pool *pool) {
    const xkv__tree *claims = free_only ? xkv__claims_keys(txn) : NULL;
    int error = txn->backend->ops->range(txn, prefix, &pool->range);

    pool->claimed = pool->first_claim = 0;
    if (claims && claims->count > 0)
        pool->claimed = xkv__tree_count(claims, prefix, &pool->first_claim);
    if (error == XKV_OK && pool->claimed > pool->range.count)
        return XKV_E_DISK_STORE_CORRUPT; /* claimed keys have gone from the file */
    pool->size = error == XKV_OK ? pool->range.count - pool->claimed : 0;
    return error;
}

int xkv__expect_key(int error) {
    return error == XKV_E_KEY_NOT_FOUND ? XKV_E_DISK_STORE_CORRUPT : error;
}

static int select_key(xkv__txn *txn, const xkv__pool *pool, uint64_t n, xkv_bytes *key) {
    return xkv__expect_key(txn->backend->ops->select(txn, &pool->range, n, key));
}

/* Claimed key number i of the pool. */
static xkv_bytes claimed_key(xkv__txn *txn, const xkv__pool *pool, uint64_t i) {
    return xkv__entry_key(xkv__tree_select(xkv__claims_keys(txn), pool->first_claim + i));
}

/* The number, among all keys of a ranked range, of free key number n. */
static uint64_t number_of_free(xkv__txn *txn, const xkv__pool *pool, uint64_t n) {
    uint64_t low = 0, high = pool->claimed;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        uint64_t rank = txn->backend->ops->rank(txn, claimed_key(txn, pool, middle));
        if (rank - pool->range.first - middle > n)
            high = middle;
        else
            low = middle + 1;
    }
    return n + low;
}

/* -- Walking where ranks are not known --------------------------------------- */

/* A walk over the keys of a pool, free ones only if the pool is so. */
struct stroll {
    xkv_bytes key;
    xkv__tree_cursor cursor;
    const xkv__entry *claim; /* the next claimed key that the walk has not met */
};

/* Passes over claimed keys. XKV_E_KEY_NOT_FOUND behind the last key of all. */
static int pass_claimed(xkv__txn *txn, struct stroll *stroll, int error) {
    while (error == XKV_OK && stroll->claim &&
           xkv__compare(stroll->key, xkv__entry_key(stroll->claim)) == 0) {
        stroll->claim = xkv__tree_next(&stroll->cursor);
        error = txn->backend->ops->next(txn, &stroll->key, NULL);
    }
    return error;
}

static int stroll_begin(xkv__txn *txn, xkv_bytes prefix, bool free_only, struct stroll *stroll) {
    stroll->claim = NULL;
    if (free_only)
        stroll->claim = xkv__tree_seek(xkv__claims_keys(txn), &stroll->cursor, prefix);
    return pass_claimed(txn, stroll, txn->backend->ops->seek(txn, prefix, &stroll->key, NULL));
}

static int stroll_in(xkv__txn *txn, const xkv__pool *pool, struct stroll *stroll) {
    return xkv__expect_key(stroll_begin(txn, pool->range.prefix, pool->claimed > 0, stroll));
}

static int stroll_on(xkv__txn *txn, struct stroll *stroll) {
    int error = txn->backend->ops->next(txn, &stroll->key, NULL);
    return xkv__expect_key(pass_claimed(txn, stroll, error));
}

static int stroll_to(xkv__txn *txn, const xkv__pool *pool, uint64_t n, xkv_bytes *key) {
    struct stroll stroll;
    int error = stroll_in(txn, pool, &stroll);

    for (; error == XKV_OK && n > 0; n--)
        error = stroll_on(txn, &stroll);
    *key = stroll.key;
    return error;
}

/* -- One key ----------------------------------------------------------------- */

/* Whether a quarter of the keys is free, even when so many have been taken. */
static bool is_mostly_free(const xkv__pool *pool, uint64_t taken) {
    return pool->size - taken >= pool->range.count / 4;
}

static int draw_until_free(xkv__txn *txn, const xkv__pool *pool, xkv_bytes *key) {
    xkv__claim claim;
    int error;

    do
        error = select_key(txn, pool, xkv__random_below(pool->range.count), key);
    while (error == XKV_OK && pool->claimed > 0 && xkv__claim_find(txn, *key, &claim));
    return error;
}

int xkv__pool_choose(xkv__txn *txn, const xkv__pool *pool, xkv_bytes *key) {
    if (is_mostly_free(pool, 0))
        return draw_until_free(txn, pool, key);
    uint64_t n = xkv__random_below(pool->size);
    if (!pool->range.ranked)
        return stroll_to(txn, pool, n, key);
    return select_key(txn, pool, number_of_free(txn, pool, n), key);
}

/* Finds a pool that is not empty. */
static int find_some(xkv__txn *txn, xkv_bytes prefix, bool free_only, xkv__pool *pool) {
    int error = xkv__pool_find(txn, prefix, free_only, pool);
    return error == XKV_OK && pool->size == 0 ? XKV_E_KEY_NOT_FOUND : error;
}

/* Of a key that was chosen, unless that has failed. */
static int get_chosen(xkv__txn *txn, int error, const xkv_bytes *key, xkv_bytes *value) {
    if (error != XKV_OK)
        return error;
    return xkv__expect_key(txn->backend->ops->get(txn, XKV__DATA, *key, value));
}

static int choose_one(xkv__txn *txn, xkv_bytes prefix, bool free_only, xkv_bytes *key,
                      xkv_bytes *value) {
    xkv__pool pool;
    int error = find_some(txn, prefix, free_only, &pool);

    if (error == XKV_OK)
        error = xkv__pool_choose(txn, &pool, key);
    return get_chosen(txn, error, key, value);
}

int xkv__choose_any(xkv__txn *txn, xkv_bytes prefix, xkv_bytes *key, xkv_bytes *value) {
    return choose_one(txn, prefix, false, key, value);
}

int xkv__choose_free(xkv__txn *txn, xkv_bytes prefix, xkv_bytes *key, xkv_bytes *value) {
    return choose_one(txn, prefix, true, key, value);
}

/* -- The lowest free key ------------------------------------------------------- */

static int lowest_by_rank(xkv__txn *txn, xkv_bytes prefix, xkv_bytes *key) {
    xkv__pool pool;
    int error = find_some(txn, prefix, true, &pool);

    if (error != XKV_OK)
        return error;
    return select_key(txn, &pool, number_of_free(txn, &pool, 0), key);
}

static int lowest_by_walk(xkv__txn *txn, xkv_bytes prefix, xkv_bytes *key) {
    struct stroll stroll;
    int error = stroll_begin(txn, prefix, true, &stroll);

    *key = stroll.key;
    if (error == XKV_OK && !xkv__has_prefix(stroll.key, prefix))
        return XKV_E_KEY_NOT_FOUND;
    return error;
}

int xkv__choose_lowest(xkv__txn *txn, xkv_bytes prefix, xkv_bytes *key, xkv_bytes *value) {
    xkv__range all;
    /* Of all keys, since without ranks those with a prefix would be counted one by one. */
    int error = txn->backend->ops->range(txn, (xkv_bytes){NULL, 0}, &all);

    if (error != XKV_OK)
        return error;
    error = all.ranked ? lowest_by_rank(txn, prefix, key) : lowest_by_walk(txn, prefix, key);
    return get_chosen(txn, error, key, value);
}

/* -- As a reply ------------------------------------------------------------------ */

int xkv__reply_chosen(xkv__txn *txn, xkv_bytes prefix, xkv__chooser *choose, xkv_reply *reply) {
    xkv__writer writer = xkv__writer_on(reply);
    xkv_bytes key, value;
    int error = choose(txn, prefix, &key, &value);

    if (error == XKV_E_KEY_NOT_FOUND)
        return xkv__reply_null(reply);
    if (error != XKV_OK)
        return error;
    xkv__put_entry(&writer, NULL, key, value);
    reply->number = 1;
    return writer.error;
}

/* -- Drawing numbers --------------------------------------------------------- */

/* A set of numbers: a hash table with linear probing, half full at most. */
struct set {
    uint64_t *slots; /* number + 1, or 0 */
    uint64_t mask;
};

/* count is at most XKV_COUNT_MAX. */
static int set_init(struct set *set, uint64_t count) {
    size_t room = 16;

    while (room < count * 2)
        room *= 2;
    set->slots = xkv__alloc(room * sizeof *set->slots); /* NULL can be freed */
    if (!set->slots)
        return XKV_E_STORE_FULL;
    memset(set->slots, 0, room * sizeof *set->slots);
    set->mask = room - 1;
    return XKV_OK;
}

/* Whether the number was not there yet. */
static bool set_add(struct set *set, uint64_t number) {
    uint64_t at = (number * 0x9e3779b97f4a7c15u) >> 20 & set->mask;

    for (; set->slots[at] != 0; at = (at + 1) & set->mask) {
        if (set->slots[at] == number + 1)
            return false;
    }
    set->slots[at] = number + 1;
    return true;
}

static void shuffle(uint64_t *numbers, uint64_t count) {
    for (uint64_t i = count; i > 1; i--) {
        uint64_t j = xkv__random_below(i), taken = numbers[j];
        numbers[j] = numbers[i - 1];
        numbers[i - 1] = taken;
    }
}

/* count different numbers below bound, in random order. */
static int draw_distinct(uint64_t *numbers, uint64_t count, uint64_t bound) {
    struct set set;

    if (count == bound) {
        for (uint64_t i = 0; i < count; i++)
            numbers[i] = i;
        shuffle(numbers, count);
        return XKV_OK;
    }
    if (set_init(&set, count) != XKV_OK)
        return XKV_E_STORE_FULL;
    for (uint64_t i = 0, j = bound - count; i < count; i++, j++) {
        numbers[i] = xkv__random_below(j + 1);
        if (!set_add(&set, numbers[i])) {
            numbers[i] = j; /* larger than all before, so not there yet */
            (void)set_add(&set, j);
        }
    }
    xkv__free(set.slots);
    shuffle(numbers, count);
    return XKV_OK;
}

static int draw(uint64_t *numbers, uint64_t count, uint64_t bound, bool repeats) {
    if (!repeats)
        return draw_distinct(numbers, count, bound);
    for (uint64_t i = 0; i < count; i++)
        numbers[i] = xkv__random_below(bound);
    return XKV_OK;
}

/* -- Many keys --------------------------------------------------------------- */

/* Draws until count different free keys were met. */
static int visit_drawn(xkv__txn *txn, const xkv__pool *pool, uint64_t count, xkv__visitor *visit,
                       void *context) {
    struct set met;
    int error = set_init(&met, count);

    for (uint64_t n = 0; error == XKV_OK && n < count;) {
        uint64_t number = xkv__random_below(pool->range.count);
        xkv__claim claim;
        xkv_bytes key;
        error = select_key(txn, pool, number, &key);
        if (error != XKV_OK || xkv__claim_find(txn, key, &claim) || !set_add(&met, number))
            continue;
        error = visit(txn, key, context);
        n++;
    }
    xkv__free(met.slots);
    return error;
}

static int visit_ranked(xkv__txn *txn, const xkv__pool *pool, const uint64_t *numbers,
                        uint64_t count, xkv__visitor *visit, void *context) {
    int error = XKV_OK;

    for (uint64_t i = 0; error == XKV_OK && i < count; i++) {
        xkv_bytes key;
        uint64_t n = pool->claimed > 0 ? number_of_free(txn, pool, numbers[i]) : numbers[i];
        error = select_key(txn, pool, n, &key);
        if (error == XKV_OK)
            error = visit(txn, key, context);
    }
    return error;
}

static int compare_numbers(const void *a, const void *b) {
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

/* Copies the keys with these numbers, which are in order, into keys; each number
 * becomes the place of its key there. */
static int gather(xkv__txn *txn, const xkv__pool *pool, uint64_t *numbers, uint64_t count,
                  xkv_items *keys) {
    struct stroll stroll;
    uint64_t at = 0, last = UINT64_MAX;
    size_t place = 0;
    int error = stroll_in(txn, pool, &stroll);

    for (uint64_t i = 0; error == XKV_OK && i < count; i++) {
        for (; error == XKV_OK && at < numbers[i]; at++)
            error = stroll_on(txn, &stroll);
        if (error == XKV_OK && numbers[i] != last) {
            place = keys->len;
            error = xkv_items_add(keys, stroll.key, (xkv_bytes){NULL, 0});
        }
        last = numbers[i];
        numbers[i] = place;
    }
    return error;
}

static int visit_places(xkv__txn *txn, const xkv_items *keys, const uint64_t *places,
                        uint64_t count, xkv__visitor *visit, void *context) {
    int error = XKV_OK;
    xkv_item item;

    for (uint64_t i = 0; error == XKV_OK && i < count; i++) {
        size_t at = (size_t)places[i];
        if (!xkv_item_next(xkv_items_bytes(keys), &at, &item))
            return XKV_E_INTERNAL;
        error = visit(txn, item.text, context);
    }
    return error;
}

/* One walk in order, then the visits in random order. */
static int visit_walking(xkv__txn *txn, const xkv__pool *pool, uint64_t *numbers, uint64_t count,
                         xkv__visitor *visit, void *context) {
    xkv_items keys = {NULL, 0, 0};

    qsort(numbers, (size_t)count, sizeof *numbers, compare_numbers);
    int error = gather(txn, pool, numbers, count, &keys);
    if (error == XKV_OK) {
        shuffle(numbers, count);
        error = visit_places(txn, &keys, numbers, count, visit, context);
    }
    xkv_items_free(&keys);
    return error;
}

int xkv__pool_choose_many(xkv__txn *txn, const xkv__pool *pool, uint64_t count, bool repeats,
                          xkv__visitor *visit, void *context) {
    if (pool->size == 0)
        return XKV_OK;
    if (!repeats && count > pool->size)
        count = pool->size;
    if (pool->claimed > 0 && pool->range.ranked && is_mostly_free(pool, count))
        return visit_drawn(txn, pool, count, visit, context);
    uint64_t *numbers = xkv__alloc((size_t)count * sizeof *numbers);
    if (!numbers)
        return XKV_E_STORE_FULL;
    int error = draw(numbers, count, pool->size, repeats);
    if (error == XKV_OK)
        error = (pool->range.ranked ? visit_ranked(txn, pool, numbers, count, visit, context)
                                    : visit_walking(txn, pool, numbers, count, visit, context));
    xkv__free(numbers);
    return error;
}
