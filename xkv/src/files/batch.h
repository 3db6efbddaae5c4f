/*
 * batch.h - entries that are stored some at a time
 */
#ifndef XKV_FILES_BATCH_H
#define XKV_FILES_BATCH_H

#include "store/executor.h"

typedef struct xkv__batch {
    xkv__opened *opened;
    xkv_items items;
    int64_t count, most; /* how many there are, and may be */
} xkv__batch;

/* An empty batch for a store. */
static inline xkv__batch xkv__batch_for(xkv__opened *opened, int64_t most) {
    return (xkv__batch){.opened = opened, .most = most};
}

/* Adds an entry that has been checked, and stores the batch, in one step, if it is full. XKV_OK or
 * an error of SET_MANY. */
int xkv__batch_add(xkv__batch *batch, xkv_bytes key, xkv_bytes value);

/* Stores what there is. */
int xkv__batch_store(xkv__batch *batch);

void xkv__batch_free(xkv__batch *batch);

#endif
