/*
 * heap.h - what comes first, of things that come and go
 *
 * A binary heap (Williams, "Algorithm 232: Heapsort", 1964). Its nodes lie in what they
 * stand for, so nothing but room for them is ever allocated, and that beforehand: to put
 * a node cannot fail.
 */
#ifndef XKV_BASE_HEAP_H
#define XKV_BASE_HEAP_H

#include "base/config.h"

typedef struct xkv__heap_node {
    uint64_t key; /* the least is first */
    size_t place; /* from 1; 0: it is not in the heap */
} xkv__heap_node;

/* Begins with all zero. */
typedef struct xkv__heap {
    xkv__heap_node **nodes;
    size_t count, room;
} xkv__heap;

/* Sees to it that there is room for so many nodes. XKV_OK or XKV_E_STORE_FULL. */
int xkv__heap_reserve(xkv__heap *heap, size_t count);
void xkv__heap_free(xkv__heap *heap);

/* Puts a node with a key, or gives the one that is in the heap this key. */
void xkv__heap_put(xkv__heap *heap, xkv__heap_node *node, uint64_t key);

/* Nothing if it is not in the heap. */
void xkv__heap_remove(xkv__heap *heap, xkv__heap_node *node);

/* The first node, NULL if there is none. */
static inline xkv__heap_node *xkv__heap_first(const xkv__heap *of) {
    return of->count > 0 ? of->nodes[1] : NULL;
}

#endif
