/*
 * claims.h - who holds which key
 *
 * Claims are kept in memory, beside the data, and change only within write
 * transactions: whatever holds off other writers protects them, too. Where a
 * transaction may have to be undone (txn->undoes), its first change keeps what
 * was before; the engine ends every write transaction with commit or rollback
 * here, before the backend lets the next writer in.
 *
 * Only keys that exist have claims: change.c ends them with their keys.
 *
 * A failed change of a transaction that undoes leaves it broken; in the others
 * it has changed nothing.
 */
#ifndef XKV_LOCAL_CLAIMS_H
#define XKV_LOCAL_CLAIMS_H

#include "local/backend.h"
#include "tree/btree.h"

typedef struct xkv__claim {
    uint64_t token;
    uint64_t deadline; /* milliseconds, by the monotonic clock */
    /* Of one that its owner is to find again, by itself and the prefix that the claim was made
     * with: a beginning of its key. Else there is no owner here. */
    xkv_bytes owner, prefix;
    uint64_t expires_at; /* milliseconds, by the clock on the wall: what it was told */
} xkv__claim;

/* NULL if memory is short. Free with the store; NULL is allowed. */
xkv__claims *xkv__claims_new(void);
void xkv__claims_free(xkv__claims *claims);

/* For the engine, at the end of every write transaction. */
void xkv__claims_commit(xkv__txn *txn);
void xkv__claims_rollback(xkv__txn *txn);

/* Removes the claims that have expired. They are before any command that has to
 * do with claims (engine.c), so that there are none but live ones then. */
int xkv__claims_end_due(xkv__txn *txn);
/* The same, of those that have expired at now. */
int xkv__claims_expire(xkv__txn *txn, uint64_t now);

/* When the next one expires, UINT64_MAX if there is none. */
uint64_t xkv__claims_due(const xkv__txn *txn);

/* The claim on a key; false if there is none. Its bytes stay valid until the next change. */
bool xkv__claim_find(xkv__txn *txn, xkv_bytes key, xkv__claim *claim);

/* The key of the claim that an owner has with a prefix; false if there is none. It stays valid
 * until the next change. */
bool xkv__claim_of(xkv__txn *txn, xkv_bytes owner, xkv_bytes prefix, xkv_bytes *key);

/* Puts a claim on a key, in the place of any that it has, which must have had the same owner
 * and prefix. An owner must not have another with that prefix. */
int xkv__claim_put(xkv__txn *txn, xkv_bytes key, const xkv__claim *claim);

/* Removes the claim on a key, if there is one. Unless the transaction undoes,
 * it cannot fail. */
int xkv__claim_end(xkv__txn *txn, xkv_bytes key);

/* Removes all claims. */
void xkv__claims_clear(xkv__txn *txn);

/* The keys that have claims, in order; valid until the next change. */
const xkv__tree *xkv__claims_keys(const xkv__txn *txn);

/* How many claims there are that have expired at now, among the keys with prefix. */
uint64_t xkv__claims_expired(const xkv__txn *txn, xkv_bytes prefix, uint64_t now);

/* Sees to it that count tokens can be taken. May be a write, so bytes got before
 * are not valid any more. */
int xkv__claims_prepare(xkv__txn *txn, uint64_t count);
/* Takes the next of them, or only looks at it. */
uint64_t xkv__claims_token(xkv__txn *txn);
uint64_t xkv__claims_next_token(const xkv__txn *txn);

#endif
