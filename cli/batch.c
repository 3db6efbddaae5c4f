/* batch.c - see batch.h */
#include "batch.h"

#include "progress.h"
#include "terminal.h"

#include <stdlib.h>

enum { BATCH_ENTRIES = 1000, BATCH_BYTES = 8 << 20 };

struct batch batch_for(struct session *to, xkv_bytes prefix, const char *file) {
    return (struct batch){.to = to, .prefix = prefix, .file = file, .start_ms = terminal_now_ms()};
}

void batch_free(struct batch *batch) {
    xkv_items_free(&batch->items);
    free(batch->key);
}

static int no_memory(void) {
    return fail(STORE_FAILED, "there is not enough memory");
}

int batch_write(struct batch *batch) {
    xkv_command set = {.op = XKV_OP_SET_MANY, .items = xkv_items_bytes(&batch->items)};
    xkv_progress progress = {.op = set.op,
                             .file_name = batch->file,
                             .entries = batch->count,
                             .bytes = batch->bytes,
                             .elapsed_ms = terminal_now_ms() - batch->start_ms};
    int code = batch->waiting > 0 ? session_run(batch->to, &set) : DONE;

    progress_show(&progress, NULL);
    batch->items.len = 0;
    batch->waiting = 0;
    return code;
}

/* The key with the prefix before it; false when memory is short. */
static bool put_prefix(struct batch *batch, xkv_bytes *key) {
    size_t len = batch->prefix.len + key->len;

    if (batch->prefix.len == 0)
        return true;
    if (len > batch->key_room) {
        char *room = realloc(batch->key, len * 2);
        if (!room)
            return false;
        batch->key = room;
        batch->key_room = len * 2;
    }
    memcpy(batch->key, batch->prefix.data, batch->prefix.len);
    memcpy(batch->key + batch->prefix.len, key->data, key->len);
    *key = (xkv_bytes){batch->key, len};
    return true;
}

int batch_take(void *context, xkv_bytes key, xkv_bytes value) {
    struct batch *batch = context;

    if (!put_prefix(batch, &key) || xkv_items_add(&batch->items, key, value) != XKV_OK)
        return no_memory();
    batch->count++;
    batch->waiting++;
    batch->bytes += (int64_t)(key.len + value.len);
    bool full = batch->waiting == BATCH_ENTRIES || batch->items.len > BATCH_BYTES;
    return full ? batch_write(batch) : DONE;
}
