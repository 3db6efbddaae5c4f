/*
 * engine.h - what the files that give commands their meaning share
 */
#ifndef XKV_ENGINE_H
#define XKV_ENGINE_H

#include "claims.h"
#include "items.h"

/*
 * How one command works on a transaction that its caller begins and ends. The
 * reply is empty. What fails returns an error; xkv__fail gives it words.
 *
 * A handler that changes many keys finishes its reply first, so that nothing
 * can fail half way but the store itself; see also touch in internal.h.
 */
typedef int xkv__handler(xkv__txn *txn, const xkv_command *command, xkv_reply *reply);

/* The handler of every operation, by file. */
extern xkv__handler xkv__get, xkv__set, xkv__delete, xkv__exists, xkv__set_if_absent,
    xkv__get_or_set, xkv__swap, xkv__increment_by, xkv__compare_and_swap,
    xkv__compare_and_swap_detailed, xkv__compare_and_delete, xkv__compare_and_delete_detailed;

extern xkv__handler xkv__clear, xkv__size, xkv__count, xkv__list, xkv__list_keys, xkv__scan,
    xkv__scan_keys, xkv__get_many, xkv__set_many, xkv__delete_many, xkv__delete_by_prefix,
    xkv__random_key, xkv__random_keys, xkv__rebuild_key_list;

extern xkv__handler xkv__claim_random, xkv__claim_key, xkv__claim_random_many, xkv__claim_keys,
    xkv__renew_claim, xkv__release_claim, xkv__complete_claim, xkv__renew_claims,
    xkv__release_claims, xkv__complete_claims, xkv__pop_random, xkv__pop_random_many;

extern xkv__handler xkv__stats, xkv__allocation_stats;

/* -- Keys -------------------------------------------------------------------- */

/* Removes a key and ends its claim. XKV_E_KEY_NOT_FOUND if there is none. */
int xkv__remove(xkv__txn *txn, xkv_bytes key);

/* Removes the keys of entries, all or none, and ends their claims; *removed
 * gets how many were there. Nothing may fail after it. */
int xkv__remove_all(xkv__txn *txn, xkv_bytes entries, uint64_t *removed);

/* What was counted must be there: without it, the store is damaged. */
int xkv__expect_key(int error);

/* -- choose.c: uniform random keys ------------------------------------------- */

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

/* What is done with each chosen key: an error ends it. */
typedef int xkv__visitor(xkv__txn *txn, xkv_bytes key, void *context);

/* Chooses count keys, all of them different unless repeats is set, and visits
 * them in random order. With fewer keys in the pool: all of them, or with
 * repeats, if it is empty, none. */
int xkv__pool_choose_many(xkv__txn *txn, const xkv__pool *pool, uint64_t count, bool repeats,
                          xkv__visitor *visit, void *context);

/* -- cursor.c: cursors of scans ---------------------------------------------- */

/* Room for a key that came from a cursor. */
typedef struct xkv__position {
    size_t len;
    unsigned char key[XKV_KEY_MAX];
} xkv__position;

/* Reads a cursor. XKV_OK, or XKV_E_INVALID_CURSOR with its reason. */
int xkv__cursor_read(xkv_bytes cursor, xkv_bytes prefix, xkv__position *position);

/* Appends the cursor that goes on after key, as text. */
void xkv__put_cursor(xkv__writer *writer, const char *name, xkv_bytes key);

/* -- json.c: equality -------------------------------------------------------- */

/* Whether two JSON texts mean the same. XKV_OK and *equal, or XKV_E_STORE_FULL.
 * What is not JSON equals nothing but the same bytes. */
int xkv__json_equal(xkv_bytes a, xkv_bytes b, bool *equal);

#endif
