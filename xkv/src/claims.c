/*
 * claims.c - who holds which key
 *
 * Two counted trees: claims by key, and keys by deadline, the next to expire
 * first. Their entries are never changed but replaced, so what was before a
 * transaction is a clone of each, which costs O(1) and is made by the first
 * change. That the tree by key is counted makes the n-th free key findable in
 * O(log n) steps, see choose.c: free keys need no counts of their own.
 *
 * Tokens are numbered from 1. A disk store keeps a number that they are all
 * below, and raises it by STRIDE when it is reached; a store that was not closed
 * goes on from that number, so at most STRIDE tokens are skipped.
 */
#include "claims.h"

enum { STRIDE = 1 << 16, DEADLINE_KEY = 16 };

struct trees {
    xkv__tree by_key;      /* key: xkv__claim */
    xkv__tree by_deadline; /* deadline and token, big-endian: key */
};

struct xkv__claims {
    struct trees now, before;
    bool kept;                                          /* before is what rollback goes back to */
    uint64_t next_token, tokens_end, tokens_end_before; /* the end is 0 until it is loaded */
};

xkv__claims *xkv__claims_new(void) {
    xkv__claims *claims = xkv__alloc(sizeof *claims);

    if (claims)
        *claims = (xkv__claims){.next_token = 1};
    return claims;
}

static void trees_release(struct trees *trees) {
    xkv__tree_release(&trees->by_key);
    xkv__tree_release(&trees->by_deadline);
}

void xkv__claims_free(xkv__claims *claims) {
    if (claims)
        trees_release(&claims->now);
    xkv__free(claims);
}

/* -- Transactions ------------------------------------------------------------ */

static xkv__claims *claims_of(const xkv__txn *txn) {
    return txn->backend->claims;
}

/* To be called before each change. */
static struct trees *change(xkv__txn *txn) {
    xkv__claims *claims = claims_of(txn);

    if (txn->undoes && !claims->kept) {
        claims->before.by_key = xkv__tree_clone(&claims->now.by_key);
        claims->before.by_deadline = xkv__tree_clone(&claims->now.by_deadline);
        claims->kept = true;
    }
    return &claims->now;
}

void xkv__claims_commit(xkv__txn *txn) {
    xkv__claims *claims = claims_of(txn);

    if (claims->kept)
        trees_release(&claims->before);
    claims->kept = false;
    claims->tokens_end_before = claims->tokens_end;
}

void xkv__claims_rollback(xkv__txn *txn) {
    xkv__claims *claims = claims_of(txn);

    if (claims->kept) {
        trees_release(&claims->now);
        claims->now = claims->before;
    }
    claims->kept = false;
    claims->tokens_end = claims->tokens_end_before;
}

static int changed(xkv__txn *txn, int error) {
    if (error != XKV_OK && txn->undoes)
        txn->broken = true;
    return error;
}

/* -- Reading ----------------------------------------------------------------- */

const xkv__tree *xkv__claims_keys(const xkv__txn *txn) {
    return &claims_of(txn)->now.by_key;
}

static xkv__claim claim_in(const xkv__entry *entry) {
    xkv__claim claim;

    memcpy(&claim, xkv__entry_value(entry).data, sizeof claim);
    return claim;
}

bool xkv__claim_find(xkv__txn *txn, xkv_bytes key, xkv__claim *claim) {
    const xkv__tree *keys = xkv__claims_keys(txn);
    const xkv__entry *entry = keys->count > 0 ? xkv__tree_get(keys, key) : NULL;

    if (entry)
        *claim = claim_in(entry);
    return entry != NULL;
}

/* The deadline that an entry of the tree by deadline stands at. */
static uint64_t deadline_of(const xkv__entry *entry) {
    uint64_t number = 0;

    for (int i = 0; i < 8; i++)
        number = number << 8 | entry->bytes[i];
    return number;
}

/* Those that have expired come first in the tree by deadline. */
uint64_t xkv__claims_expired(const xkv__txn *txn, xkv_bytes prefix, uint64_t now) {
    xkv__tree_cursor cursor;
    uint64_t count = 0;
    const xkv__entry *entry =
        xkv__tree_seek(&claims_of(txn)->now.by_deadline, &cursor, (xkv_bytes){NULL, 0});

    for (; entry && deadline_of(entry) <= now; entry = xkv__tree_next(&cursor))
        count += xkv__has_prefix(xkv__entry_value(entry), prefix);
    return count;
}

/* -- Changing ---------------------------------------------------------------- */

static void put_big_endian(unsigned char *out, uint64_t number) {
    for (int i = 7; i >= 0; i--, number >>= 8)
        out[i] = (unsigned char)number;
}

/* The key of a claim in the tree by deadline. */
static xkv_bytes deadline_key(unsigned char out[DEADLINE_KEY], const xkv__claim *claim) {
    put_big_endian(out, claim->deadline);
    put_big_endian(out + 8, claim->token);
    return (xkv_bytes){out, DEADLINE_KEY};
}

static int put_entry(xkv__tree *tree, xkv_bytes key, xkv_bytes value) {
    xkv__entry *entry = xkv__entry_new(key, value);
    int error = entry ? xkv__tree_put(tree, entry) : XKV_E_STORE_FULL;

    if (error != XKV_OK)
        xkv__entry_release(entry);
    return error;
}

static int delete_deadline(struct trees *trees, const xkv__claim *claim) {
    unsigned char key[DEADLINE_KEY];
    return xkv__tree_delete(&trees->by_deadline, deadline_key(key, claim));
}

int xkv__claim_put(xkv__txn *txn, xkv_bytes key, const xkv__claim *claim) {
    struct trees *trees = change(txn);
    unsigned char deadline[DEADLINE_KEY];
    xkv__claim old;
    bool replaces = xkv__claim_find(txn, key, &old);
    bool same_place = replaces && old.deadline == claim->deadline && old.token == claim->token;

    if (same_place)
        return XKV_OK;
    int error = put_entry(&trees->by_deadline, deadline_key(deadline, claim), key);
    if (error != XKV_OK)
        return changed(txn, error);
    error = put_entry(&trees->by_key, key, (xkv_bytes){claim, sizeof *claim});
    if (error != XKV_OK)
        (void)delete_deadline(trees, claim);
    else if (replaces)
        error = delete_deadline(trees, &old);
    return changed(txn, error);
}

int xkv__claim_end(xkv__txn *txn, xkv_bytes key) {
    xkv__claim old;

    if (!xkv__claim_find(txn, key, &old))
        return XKV_OK;
    struct trees *trees = change(txn);
    int error = xkv__tree_delete(&trees->by_key, key);
    if (error == XKV_OK)
        error = delete_deadline(trees, &old);
    return changed(txn, error);
}

void xkv__claims_clear(xkv__txn *txn) {
    if (xkv__claims_keys(txn)->count > 0)
        trees_release(change(txn));
}

/* Ends the claim that expires first. Its entry goes with it, so the key is
 * copied. */
static int end_first(xkv__txn *txn, const xkv__entry *first) {
    unsigned char key[XKV_KEY_MAX];
    xkv_bytes held = {key, first->value_len};

    memcpy(key, xkv__entry_value(first).data, held.len);
    return xkv__claim_end(txn, held);
}

int xkv__claims_expire(xkv__txn *txn, uint64_t now) {
    const xkv__tree *deadlines = &claims_of(txn)->now.by_deadline;
    int error = XKV_OK;

    /* Pools are often claimed, and expire, all at once. */
    if (deadlines->count > 0 &&
        deadline_of(xkv__tree_select(deadlines, deadlines->count - 1)) <= now)
        xkv__claims_clear(txn);
    while (error == XKV_OK) {
        const xkv__entry *first = xkv__tree_select(deadlines, 0);
        if (!first || deadline_of(first) > now)
            return XKV_OK;
        error = end_first(txn, first);
    }
    return error;
}

/* -- Tokens ------------------------------------------------------------------ */

int xkv__claims_prepare(xkv__txn *txn, uint64_t count) {
    xkv__claims *claims = claims_of(txn);
    const xkv__backend_ops *ops = txn->backend->ops;
    int error = XKV_OK;

    if (claims->tokens_end == 0) {
        error = ops->load_tokens(txn, &claims->next_token);
        if (error != XKV_OK)
            return error;
        claims->tokens_end = claims->tokens_end_before = claims->next_token;
    }
    /* Not a difference: after a rollback, tokens beyond the end may be taken. */
    if (claims->next_token + count <= claims->tokens_end)
        return XKV_OK;
    error = ops->save_tokens(txn, claims->next_token + count + STRIDE);
    if (error == XKV_OK)
        claims->tokens_end = claims->next_token + count + STRIDE;
    return error;
}

uint64_t xkv__claims_token(xkv__txn *txn) {
    return claims_of(txn)->next_token++;
}

uint64_t xkv__claims_next_token(const xkv__txn *txn) {
    return claims_of(txn)->next_token;
}
