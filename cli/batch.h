/*
 * batch.h - entries are written to a store, many in one step
 */
#ifndef XKV_CLI_BATCH_H
#define XKV_CLI_BATCH_H

#include "session.h"

struct batch {
    struct session *to;
    xkv_bytes prefix; /* put before each key */
    const char *file; /* where they come from, for the progress that is shown */
    int64_t count;    /* of entries that were taken */

    /* private */
    xkv_items items;
    int64_t waiting, bytes, start_ms;
    char *key;
    size_t key_room;
};

/* Nothing has to be freed before the first entry was taken. */
struct batch batch_for(struct session *to, xkv_bytes prefix, const char *file);
void batch_free(struct batch *batch);

/* Takes an entry, and writes those that have come together now and then. context is the
 * batch. DONE, or what the tool ends with. */
int batch_take(void *context, xkv_bytes key, xkv_bytes value);

/* Writes those that are left. */
int batch_write(struct batch *batch);

#endif
