/*
 * btree.h - a counted B+tree of byte-string keys, copied on write
 *
 * An ordered map that also knows, for every subtree, how many keys it holds
 * (order statistics): the rank of a key, the n-th key, and so a uniform random
 * key of any range cost O(log n). See btree.c for how it works.
 *
 * A tree is a value: xkv__tree_clone makes a second one in O(1) that shares
 * all nodes. Changing either copies the shared nodes on its path first, so the
 * other never sees it.
 *
 * Threads: any number may read a tree while nobody changes it. Two trees that
 * share nodes are independent: one thread may read or release one while
 * another changes the other.
 */
#ifndef XKV_TREE_BTREE_H
#define XKV_TREE_BTREE_H

#include "base/config.h"

/* A key with its value, immutable, in one allocation and counted references. */
typedef struct xkv__entry {
    _Atomic uint32_t refs;
    uint32_t value_len;
    uint16_t key_len;
    unsigned char bytes[]; /* the key, then the value */
} xkv__entry;

/* A new entry with one reference, which is the caller's; NULL when memory is short. */
xkv__entry *xkv__entry_new(xkv_bytes key, xkv_bytes value);
/* One more reference; returns entry. */
xkv__entry *xkv__entry_refer(xkv__entry *entry);
void xkv__entry_release(xkv__entry *entry); /* NULL is allowed */

static inline xkv_bytes xkv__entry_key(const xkv__entry *entry) {
    xkv_bytes key = {entry->bytes, entry->key_len};
    return key;
}

static inline xkv_bytes xkv__entry_value(const xkv__entry *entry) {
    xkv_bytes value = {entry->bytes + entry->key_len, entry->value_len};
    return value;
}

struct xkv__node;

typedef struct xkv__tree {
    struct xkv__node *root; /* NULL when nothing was ever put */
    uint64_t count;         /* of keys */
    unsigned height;        /* of the root over the leaves; 0 is a leaf */
    bool ascends;           /* what was put last came behind all others; the next may, too */
} xkv__tree;

#define XKV__TREE_EMPTY                                                                            \
    (xkv__tree) {                                                                                  \
        NULL, 0, 0, false                                                                          \
    }

/* Drops the tree's references and makes it empty. */
void xkv__tree_release(xkv__tree *tree);

/* A second tree with the same content, in O(1). */
xkv__tree xkv__tree_clone(const xkv__tree *tree);

/* The entry under key, or NULL; valid while the tree is not changed. */
const xkv__entry *xkv__tree_get(const xkv__tree *tree, xkv_bytes key);

/* Puts an entry, replacing one with the same key. Takes over the caller's
 * reference. XKV_OK, or XKV_E_STORE_FULL when memory is short: then the
 * content is as before and the reference is still the caller's. */
int xkv__tree_put(xkv__tree *tree, xkv__entry *entry);

/* The same, and *old gets the entry that was replaced, NULL if none was. Its
 * reference is the caller's. */
int xkv__tree_exchange(xkv__tree *tree, xkv__entry *entry, xkv__entry **old);

/* The same for an entry whose key is greater than all that are there, which
 * the caller knows: keys that come in order are loaded without a look at others. */
int xkv__tree_append(xkv__tree *tree, xkv__entry *entry);

/* Removes a key. XKV_OK, XKV_E_KEY_NOT_FOUND, or XKV_E_STORE_FULL: nodes that
 * are shared must be copied, and there was no memory to. Never fails for want
 * of memory on a tree that shares nothing. */
int xkv__tree_delete(xkv__tree *tree, xkv_bytes key);

/* Puts an entry in the place of the one with the same key, which must be
 * there. Takes over the caller's reference. Fails only as delete does. */
int xkv__tree_replace(xkv__tree *tree, xkv__entry *entry);

/* How many keys are less than key. */
uint64_t xkv__tree_rank(const xkv__tree *tree, xkv_bytes key);

/* How many keys start with prefix; *first gets the rank of the first of them. */
uint64_t xkv__tree_count(const xkv__tree *tree, xkv_bytes prefix, uint64_t *first);

/* The entry of rank n, NULL if there are not that many. */
const xkv__entry *xkv__tree_select(const xkv__tree *tree, uint64_t n);

/* Walking in order. The cursor is valid while its tree is not changed. */
#define XKV__TREE_HEIGHT_MAX 32

typedef struct xkv__tree_cursor {
    struct {
        const struct xkv__node *node;
        unsigned at;
    } path[XKV__TREE_HEIGHT_MAX];
    unsigned height; /* path[height] is the root, path[0] the leaf */
} xkv__tree_cursor;

/* The first entry whose key is not less than key, or NULL. */
const xkv__entry *xkv__tree_seek(const xkv__tree *tree, xkv__tree_cursor *cursor, xkv_bytes key);
/* The following one, or NULL. */
const xkv__entry *xkv__tree_next(xkv__tree_cursor *cursor);

/* Checks every invariant; returns NULL, or what is wrong (static text). For tests. */
const char *xkv__tree_check(const xkv__tree *tree);

#endif
