/* batch.c - see batch.h */
#include "files/batch.h"

#include "base/error.h"

/* It is full sooner if its entries are large. */
enum { BATCH_BYTES = 8 << 20 };

static int store(xkv__batch *batch, xkv_reply *reply) {
    xkv_command command = {.op = XKV_OP_SET_MANY, .items = xkv_items_bytes(&batch->items)};
    xkv__call call = {
        .command = &command, .reply = reply, .seed = XKV_NO_SEED, .may_take_long = true};

    (void)batch->opened->executor->run(batch->opened, &call);
    if (reply->status == XKV_OK)
        return XKV_OK;
    return xkv__fail(reply->status, "%.*s", (int)reply->len, (const char *)reply->data);
}

int xkv__batch_store(xkv__batch *batch) {
    unsigned char room[64];
    xkv_reply reply;

    if (batch->count == 0)
        return XKV_OK;
    xkv_reply_init(&reply, room, sizeof room);
    int error = store(batch, &reply);
    xkv_reply_clear(&reply);
    if (error != XKV_OK)
        return error;
    batch->items.len = 0;
    batch->count = 0;
    return XKV_OK;
}

int xkv__batch_add(xkv__batch *batch, xkv_bytes key, xkv_bytes value) {
    int error = xkv_items_add(&batch->items, key, value);

    if (error != XKV_OK)
        return error;
    batch->count++;
    bool full = batch->count >= batch->most || batch->items.len >= BATCH_BYTES;
    return full ? xkv__batch_store(batch) : XKV_OK;
}

void xkv__batch_free(xkv__batch *batch) {
    xkv_items_free(&batch->items);
}
