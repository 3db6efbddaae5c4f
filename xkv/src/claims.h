/*
 * claims.h - who holds which key
 *
 * Claims are kept in memory, beside the data, and change only within write
 * transactions: whatever holds off other writers protects them, too. Where a
 * transaction may have to be undone (txn->undoes), its first change keeps what
 * was before; the backend ends every write transaction with commit or
 * rollback here, before it lets the next writer in.
 *
 * Only keys that exist have claims: whoever deletes a key ends its claim in the
 * same transaction.
 *
 * A failed change of a transaction that undoes leaves it broken; in the others
 * it has changed nothing.
 */
#ifndef XKV_CLAIMS_H
#define XKV_CLAIMS_H

#include "btree.h"

typedef struct xkv__claim {
    uint64_t token;
    uint64_t deadline; /* milliseconds, by the monotonic clock */
} xkv__claim;

/* NULL if memory is short. Free with the store; NULL is allowed. */
xkv__claims *xkv__claims_new(void);
void xkv__claims_free(xkv__claims *claims);

/* For backends, at the end of every write transaction. */
void xkv__claims_commit(xkv__txn *txn);
void xkv__claims_rollback(xkv__txn *txn);

/* Removes the claims that have expired at now. */
int xkv__claims_expire(xkv__txn *txn, uint64_t now);

/* The claim on a key, expired or not; false if there is none. */
bool xkv__claim_find(xkv__txn *txn, xkv_bytes key, xkv__claim *claim);

/* Puts a claim on a key, in the place of any that it has. */
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

/* Sees to it that count tokens can be taken. May write to the data, so bytes
 * got before are not valid any more. */
int xkv__claims_prepare(xkv__txn *txn, uint64_t count);
/* Takes the next of them, or only looks at it. */
uint64_t xkv__claims_token(xkv__txn *txn);
uint64_t xkv__claims_next_token(const xkv__txn *txn);

#endif
