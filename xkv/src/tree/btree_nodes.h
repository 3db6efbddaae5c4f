/*
 * btree_nodes.h - what a tree is made of; btree.c explains it
 */
#ifndef XKV_TREE_BTREE_NODES_H
#define XKV_TREE_BTREE_NODES_H

#include "tree/btree.h"

enum { XKV__FANOUT = 64 }; /* entries of a leaf, children of a branch */

struct xkv__separator {
    _Atomic uint32_t refs;
    uint16_t len;
    unsigned char bytes[];
};

/* What leaves and branches have in common. Which of both a node is follows
 * from its level: 0 is a leaf. */
struct xkv__node {
    _Atomic uint32_t refs;
    uint16_t n;    /* entries or children */
    uint16_t skip; /* bytes that all keys which can be here share */
    union {
        uint32_t head[XKV__FANOUT];
        struct { /* once nobody refers to it */
            struct xkv__node *next;
            unsigned level;
        } dead;
    };
};

struct xkv__leaf {
    struct xkv__node base;
    xkv__entry *entry[XKV__FANOUT];
};

/* low[i] and head[i] exist for i >= 1: child i holds the keys from low[i] on. */
struct xkv__branch {
    struct xkv__node base;
    struct xkv__separator *low[XKV__FANOUT];
    struct xkv__node *child[XKV__FANOUT];
    uint64_t count[XKV__FANOUT];
};

static inline void xkv__refer(_Atomic uint32_t *refs) {
    atomic_fetch_add_explicit(refs, 1, memory_order_relaxed);
}

/* Whether that was the last reference. */
static inline bool xkv__unrefer(_Atomic uint32_t *refs) {
    return atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

void xkv__separator_release(struct xkv__separator *separator); /* NULL is allowed */

/* Drops a reference to a node, and what hangs from it if it was the last. */
void xkv__node_release(struct xkv__node *node, unsigned level); /* NULL is allowed */

#endif
