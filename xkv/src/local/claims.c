/*
 * claims.c - who holds which key
 *
 * Three counted trees: claims by key; keys by deadline, the next to expire
 * first; and, of those claims that their owner is to find again, keys by owner
 * and prefix. Their entries are never changed but replaced, so what was before a
 * transaction is a clone of each, which costs O(1) and is made by the first
 * change. That the tree by key is counted makes the n-th free key findable in
 * O(log n) steps, see choose.c: free keys need no counts of their own.
 *
 * Tokens are numbered from 1. A disk store keeps a number that they are all
 * below, and raises it by STRIDE when it is reached; a store that was not closed
 * goes on from that number, so at most STRIDE tokens are skipped.
 */
#include "local/claims.h"
#include "base/bytes.h"
#include "base/sys.h"
#include "base/text.h"
#include "local/backend.h"
#include "local/change.h"
#include "local/engine.h"
#include "local/waiting.h"
#include "tree/btree.h"

enum { STRIDE = 1 << 16, NUMBER_SIZE = 8, DEADLINE_KEY = 2 * NUMBER_SIZE };

enum { LENGTH_SIZE = 2, OWNER_KEY_MAX = LENGTH_SIZE + XKV_OWNER_MAX + XKV_KEY_MAX };

_Static_assert(OWNER_KEY_MAX <= UINT16_MAX, "longer than a key of a tree may be");

/* What stands in the tree by key. Most claims have no owner to be found by: then only the
 * first two. Else the owner follows. */
struct numbers {
    uint64_t token, deadline;
    uint64_t expires_at, prefix_len;
};

enum { PLAIN_SIZE = offsetof(struct numbers, expires_at) };

struct trees {
    xkv__tree by_key;      /* key: numbers, and the owner */
    xkv__tree by_deadline; /* deadline and token, big-endian: key */
    xkv__tree by_owner;    /* the owner's length, the owner, and the prefix: key */
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
    xkv__tree_release(&trees->by_owner);
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
static struct trees *trees_to_change(xkv__txn *txn) {
    xkv__claims *claims = claims_of(txn);

    if (txn->undoes && !claims->kept) {
        claims->before.by_key = xkv__tree_clone(&claims->now.by_key);
        claims->before.by_deadline = xkv__tree_clone(&claims->now.by_deadline);
        claims->before.by_owner = xkv__tree_clone(&claims->now.by_owner);
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
    xkv_bytes value = xkv__entry_value(entry), key = xkv__entry_key(entry);
    size_t size = value.len == PLAIN_SIZE ? PLAIN_SIZE : sizeof(struct numbers);
    struct numbers numbers = {.prefix_len = 0};

    memcpy(&numbers, value.data, size);
    return (xkv__claim){
        .token = numbers.token,
        .deadline = numbers.deadline,
        .owner = {(const char *)value.data + size, value.len - size},
        .prefix = {key.data, (size_t)numbers.prefix_len},
        .expires_at = numbers.expires_at,
    };
}

bool xkv__claim_find(xkv__txn *txn, xkv_bytes key, xkv__claim *claim) {
    const xkv__tree *keys = xkv__claims_keys(txn);
    const xkv__entry *entry = keys->count > 0 ? xkv__tree_get(keys, key) : NULL;

    if (entry)
        *claim = claim_in(entry);
    return entry != NULL;
}

static void append(xkv_bytes *to, unsigned char *room, xkv_bytes bytes) {
    if (bytes.len > 0)
        memcpy(room + to->len, bytes.data, bytes.len);
    *to = (xkv_bytes){room, to->len + bytes.len};
}

/* The key of a claim in the tree by owner. */
static xkv_bytes owner_key(unsigned char out[OWNER_KEY_MAX], xkv_bytes owner, xkv_bytes prefix) {
    xkv_bytes key = {out, LENGTH_SIZE};

    out[0] = (unsigned char)(owner.len >> 8);
    out[1] = (unsigned char)owner.len;
    append(&key, out, owner);
    append(&key, out, prefix);
    return key;
}

/* No key begins with a prefix that is longer than keys may be. */
bool xkv__claim_of(xkv__txn *txn, xkv_bytes owner, xkv_bytes prefix, xkv_bytes *key) {
    const xkv__tree *owners = &claims_of(txn)->now.by_owner;
    unsigned char place[OWNER_KEY_MAX];

    if (owners->count == 0 || prefix.len > XKV_KEY_MAX)
        return false;
    const xkv__entry *entry = xkv__tree_get(owners, owner_key(place, owner, prefix));
    if (entry)
        *key = xkv__entry_value(entry);
    return entry != NULL;
}

/* The deadline that an entry of the tree by deadline stands at. */
static uint64_t deadline_of(const xkv__entry *entry) {
    return xkv__get_be64(entry->bytes);
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

/* The key of a claim in the tree by deadline. */
static xkv_bytes deadline_key(unsigned char out[DEADLINE_KEY], const xkv__claim *claim) {
    xkv__put_be64(out, claim->deadline);
    xkv__put_be64(out + NUMBER_SIZE, claim->token);
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

static int put_owner(struct trees *trees, xkv_bytes key, const xkv__claim *claim) {
    unsigned char place[OWNER_KEY_MAX];

    if (claim->owner.len == 0)
        return XKV_OK;
    return put_entry(&trees->by_owner, owner_key(place, claim->owner, claim->prefix), key);
}

static int delete_owner(struct trees *trees, const xkv__claim *claim) {
    unsigned char place[OWNER_KEY_MAX];

    if (claim->owner.len == 0)
        return XKV_OK;
    return xkv__tree_delete(&trees->by_owner, owner_key(place, claim->owner, claim->prefix));
}

static int put_by_key(struct trees *trees, xkv_bytes key, const xkv__claim *claim) {
    struct numbers numbers = {claim->token, claim->deadline, claim->expires_at, claim->prefix.len};
    unsigned char room[sizeof numbers + XKV_OWNER_MAX];
    size_t size = claim->owner.len == 0 ? PLAIN_SIZE : sizeof numbers;
    xkv_bytes value = {room, 0};

    append(&value, room, (xkv_bytes){&numbers, size});
    append(&value, room, claim->owner);
    return put_entry(&trees->by_key, key, value);
}

/* One that is there already keeps its place by owner. */
static int put_places(struct trees *trees, xkv_bytes key, const xkv__claim *claim, bool replaces) {
    unsigned char deadline[DEADLINE_KEY];
    int error = put_entry(&trees->by_deadline, deadline_key(deadline, claim), key);

    if (error != XKV_OK)
        return error;
    error = replaces ? XKV_OK : put_owner(trees, key, claim);
    if (error != XKV_OK)
        (void)delete_deadline(trees, claim);
    return error;
}

int xkv__claim_put(xkv__txn *txn, xkv_bytes key, const xkv__claim *claim) {
    struct trees *trees = trees_to_change(txn);
    xkv__claim old;
    bool replaces = xkv__claim_find(txn, key, &old);
    bool same_place = replaces && old.deadline == claim->deadline && old.token == claim->token;

    if (same_place)
        return XKV_OK;
    int error = put_places(trees, key, claim, replaces);
    if (error != XKV_OK)
        return changed(txn, error);
    error = put_by_key(trees, key, claim);
    if (error == XKV_OK)
        return changed(txn, replaces ? delete_deadline(trees, &old) : XKV_OK);
    (void)delete_deadline(trees, claim);
    if (!replaces)
        (void)delete_owner(trees, claim);
    return changed(txn, error);
}

int xkv__claim_end(xkv__txn *txn, xkv_bytes key) {
    xkv__claim old;

    if (!xkv__claim_find(txn, key, &old))
        return XKV_OK;
    struct trees *trees = trees_to_change(txn);
    int error = delete_owner(trees, &old); /* its bytes are those of the entry by key */
    if (error == XKV_OK)
        error = delete_deadline(trees, &old);
    if (error == XKV_OK)
        error = xkv__tree_delete(&trees->by_key, key);
    if (error == XKV_OK)
        xkv__change_note(txn, key);
    return changed(txn, error);
}

void xkv__claims_clear(xkv__txn *txn) {
    if (xkv__claims_keys(txn)->count > 0)
        trees_release(trees_to_change(txn));
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
    if (deadlines->count > 0 && !xkv__waiting_any(txn->backend->waiting) &&
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

uint64_t xkv__claims_due(const xkv__txn *txn) {
    const xkv__entry *first = xkv__tree_select(&claims_of(txn)->now.by_deadline, 0);
    return first ? deadline_of(first) : UINT64_MAX;
}

int xkv__claims_end_due(xkv__txn *txn) {
    return xkv__claims_keys(txn)->count > 0 ? xkv__claims_expire(txn, xkv__now(txn)) : XKV_OK;
}

/* -- Tokens ------------------------------------------------------------------ */

static const xkv_bytes tokens_key = {"tokens", 6};

/* The number below which are all tokens of claims that were ever given out. */
static int load_tokens(xkv__txn *txn, uint64_t *end) {
    xkv_bytes value;
    int error = txn->backend->ops->get(txn, XKV__META, tokens_key, &value);

    *end = 1;
    if (error != XKV_OK)
        return error == XKV_E_KEY_NOT_FOUND ? XKV_OK : error;
    if (value.len != NUMBER_SIZE)
        return XKV_E_DISK_STORE_CORRUPT;
    *end = xkv__get_be64(value.data);
    return XKV_OK;
}

static int save_tokens(xkv__txn *txn, uint64_t end) {
    unsigned char number[NUMBER_SIZE];

    xkv__put_be64(number, end);
    return txn->backend->ops->put(txn, XKV__META, tokens_key, (xkv_bytes){number, sizeof number});
}

int xkv__claims_prepare(xkv__txn *txn, uint64_t count) {
    xkv__claims *claims = claims_of(txn);
    int error = XKV_OK;

    if (claims->tokens_end == 0) {
        error = load_tokens(txn, &claims->next_token);
        if (error != XKV_OK)
            return error;
        claims->tokens_end = claims->tokens_end_before = claims->next_token;
    }
    /* Not a difference: after a rollback, tokens beyond the end may be taken. */
    if (claims->next_token + count <= claims->tokens_end)
        return XKV_OK;
    error = save_tokens(txn, claims->next_token + count + STRIDE);
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
