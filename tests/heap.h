/*
 * heap.h - an allocator for xkv_set_hooks that counts, and fails when told to
 */
#ifndef XKV_TESTS_HEAP_H
#define XKV_TESTS_HEAP_H

#include "support.h"

#include <stdatomic.h>

static struct {
    _Atomic long live;     /* blocks */
    _Atomic long bytes;    /* in them */
    _Atomic long calls;    /* since heap_fail_at */
    _Atomic long fail_at;  /* which of the calls fails, 0: none */
    _Atomic bool for_good; /* and all after it */
} heap;

struct heap_block {
    size_t size, mark;
};

static const size_t heap_mark = 0x5eaf00d5;

static inline bool heap_call_fails(void) {
    long call = atomic_fetch_add(&heap.calls, 1) + 1, at = atomic_load(&heap.fail_at);
    return at != 0 && (call == at || (call > at && atomic_load(&heap.for_good)));
}

static inline void *heap_alloc(size_t size) {
    MUST(size > 0);
    struct heap_block *block = heap_call_fails() ? NULL : malloc(sizeof *block + size);

    if (!block)
        return NULL;
    *block = (struct heap_block){size, heap_mark};
    atomic_fetch_add(&heap.live, 1);
    atomic_fetch_add(&heap.bytes, (long)size);
    return block + 1;
}

static inline void heap_release(void *memory) {
    struct heap_block *block = (struct heap_block *)memory - 1;

    MUST(block->mark == heap_mark);
    block->mark = 0;
    atomic_fetch_sub(&heap.live, 1);
    atomic_fetch_sub(&heap.bytes, (long)block->size);
    free(block);
}

/* Moves always, so that whoever keeps the old address is found out. */
static inline void *heap_resize(void *old, size_t size) {
    void *moved = heap_alloc(size);

    if (moved && old) {
        size_t had = ((struct heap_block *)old - 1)->size;
        memcpy(moved, old, had < size ? had : size);
        heap_release(old);
    }
    return moved;
}

static const xkv_hooks heap_hooks = {
    .alloc = heap_alloc,
    .resize = heap_resize,
    .release = heap_release,
};

/* Lets call number n from now on fail, and with for_good all that follow; 0: none. */
static inline void heap_fail_at(long n, bool for_good) {
    atomic_store(&heap.fail_at, 0);
    atomic_store(&heap.calls, 0);
    atomic_store(&heap.for_good, for_good);
    atomic_store(&heap.fail_at, n);
}

/* Whether it has come to call number at. */
static inline bool heap_reached(long at) {
    return at != 0 && atomic_load(&heap.calls) >= at;
}

/* Whether it has come to the failing. */
static inline bool heap_has_failed(void) {
    return heap_reached(atomic_load(&heap.fail_at));
}

/* The same, and ends it. */
static inline bool heap_failed(void) {
    return heap_reached(atomic_exchange(&heap.fail_at, 0));
}

#endif
