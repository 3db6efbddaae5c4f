/*
 * btree_search.h - finding the way in a node, for whoever walks a tree; btree.c
 * explains it
 */
#ifndef XKV_TREE_BTREE_SEARCH_H
#define XKV_TREE_BTREE_SEARCH_H

#include "tree/btree_nodes.h"

/* A place to look for: a key, or what follows all keys with that prefix. */
struct xkv__probe {
    const unsigned char *data;
    size_t len;
    bool after;
};

struct xkv__fences {
    const struct xkv__separator *low, *high; /* NULL: none */
};

/* -- Comparing --------------------------------------------------------------- */

static inline struct xkv__probe xkv__probe_at(xkv_bytes key) {
    return (struct xkv__probe){key.data, key.len, false};
}

static inline struct xkv__probe xkv__probe_after(xkv_bytes prefix) {
    return (struct xkv__probe){prefix.data, prefix.len, true};
}

/* Whether that is behind all keys: no search is needed. */
static inline bool xkv__probe_is_end(const struct xkv__probe *at) {
    return at->after && at->len == 0;
}

/* Four bytes from skip on, the first the most significant; what is missing
 * counts as pad. Keeps order: a < b implies head(a) <= head(b). */
static inline uint32_t xkv__head_of(const unsigned char *data, size_t len, size_t skip,
                                    unsigned char pad) {
    unsigned char four[4] = {pad, pad, pad, pad};

    if (len >= skip + 4)
        memcpy(four, data + skip, 4);
    else if (len > skip)
        memcpy(four, data + skip, len - skip);
    return (uint32_t)four[0] << 24 | (uint32_t)four[1] << 16 | (uint32_t)four[2] << 8 | four[3];
}

static inline uint32_t xkv__probe_head(const struct xkv__probe *at, size_t skip) {
    return xkv__head_of(at->data, at->len, skip, at->after ? 0xFF : 0);
}

/* Compares the rest after skip bytes, which are known to be the same. */
static inline int xkv__probe_compare(const struct xkv__probe *at, const unsigned char *data,
                                     size_t len, size_t skip) {
    size_t common = at->len < len ? at->len : len;
    int order = common > skip ? memcmp(at->data + skip, data + skip, common - skip) : 0;

    if (order != 0)
        return order;
    if (at->after && at->len <= len)
        return 1;
    return (at->len > len) - (at->len < len);
}

/* The first entry that is not less than the probe. */
static inline unsigned xkv__leaf_search(const struct xkv__leaf *leaf, const struct xkv__probe *at,
                                        bool *found) {
    size_t skip = leaf->base.skip;
    uint32_t head = xkv__probe_head(at, skip);
    unsigned low = 0, high = leaf->base.n;

    *found = false;
    if (xkv__probe_is_end(at))
        return high;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        uint32_t other = leaf->base.head[middle];
        int order = (head > other) - (head < other);
        if (order == 0) {
            const xkv__entry *entry = leaf->entry[middle];
            order = xkv__probe_compare(at, entry->bytes, entry->key_len, skip);
        }
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The child in whose range the probe falls. */
static inline unsigned xkv__branch_search(const struct xkv__branch *branch,
                                          const struct xkv__probe *at) {
    size_t skip = branch->base.skip;
    uint32_t head = xkv__probe_head(at, skip);
    unsigned low = 1, high = branch->base.n;

    if (xkv__probe_is_end(at))
        return high - 1;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        uint32_t other = branch->base.head[middle];
        int order = (head > other) - (head < other);
        if (order == 0) {
            const struct xkv__separator *fence = branch->low[middle];
            order = xkv__probe_compare(at, fence->bytes, fence->len, skip);
        }
        if (order >= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}

/* -- Fences ------------------------------------------------------------------ */

static inline size_t xkv__common_prefix(const unsigned char *a, size_t a_len,
                                        const unsigned char *b, size_t b_len) {
    size_t end = a_len < b_len ? a_len : b_len, i = 0;

    while (i < end && a[i] == b[i])
        i++;
    return i;
}

static inline struct xkv__fences xkv__fences_of_child(const struct xkv__branch *parent, unsigned i,
                                                      struct xkv__fences around) {
    return (struct xkv__fences){i > 0 ? parent->low[i] : around.low,
                                i + 1u < parent->base.n ? parent->low[i + 1] : around.high};
}

static inline uint16_t xkv__skip_between(struct xkv__fences around) {
    if (!around.low || !around.high)
        return 0;
    return (uint16_t)xkv__common_prefix(around.low->bytes, around.low->len, around.high->bytes,
                                        around.high->len);
}

#endif
