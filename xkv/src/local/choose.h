/*
 * choose.h - uniform random keys, and the lowest that is free
 */
#ifndef XKV_LOCAL_CHOOSE_H
#define XKV_LOCAL_CHOOSE_H

#include "local/backend.h"

/* The keys to choose from: those with a prefix or, of those, the free ones. */
typedef struct xkv__pool {
    xkv__range range;
    uint64_t first_claim, claimed; /* rank of the first claimed key with prefix, and how many */
    uint64_t size;                 /* how many keys there are to choose from */
} xkv__pool;

/* With free_only, expired claims count: end them first. */
int xkv__pool_find(xkv__txn *txn, xkv_bytes prefix, bool free_only, xkv__pool *pool);

/* Chooses one key; the pool must not be empty. The key stays valid until the
 * next write. */
int xkv__pool_choose(xkv__txn *txn, const xkv__pool *pool, xkv_bytes *key);

/* Chooses one of the keys with a prefix, and gets its value. XKV_E_KEY_NOT_FOUND if there is
 * none to choose from. Both stay valid until the next write. */
typedef int xkv__chooser(xkv__txn *txn, xkv_bytes prefix, xkv_bytes *key, xkv_bytes *value);

/* Any of them; any of the free ones; or of the free ones the first in order. With expired
 * claims as above. */
extern xkv__chooser xkv__choose_any, xkv__choose_free, xkv__choose_lowest;

/* The same, as the reply: the entry, or null. */
int xkv__reply_chosen(xkv__txn *txn, xkv_bytes prefix, xkv__chooser *choose, xkv_reply *reply);

/* What is done with each chosen key: an error ends it. */
typedef int xkv__visitor(xkv__txn *txn, xkv_bytes key, void *context);

/* Chooses count keys, all of them different unless repeats is set, and visits
 * them in random order. With fewer keys in the pool: all of them, or with
 * repeats, if it is empty, none. */
int xkv__pool_choose_many(xkv__txn *txn, const xkv__pool *pool, uint64_t count, bool repeats,
                          xkv__visitor *visit, void *context);

#endif
