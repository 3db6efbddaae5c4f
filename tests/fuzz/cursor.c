/*
 * cursor.c - any text as a cursor: what is accepted is the one cursor of its key
 */
#include "command/cursor.h"
#include "base/text.h"
#include "command/items.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition) {
    if (!condition)
        abort();
}

static void check_same(const xkv__position *position, xkv_bytes cursor) {
    xkv_reply reply;
    xkv_item item;
    size_t at = 0;

    xkv_reply_init(&reply, NULL, 0);
    xkv__writer writer = xkv__writer_on(&reply);
    xkv__put_cursor(&writer, "cursor", (xkv_bytes){position->key, position->len});
    check(xkv_item_next((xkv_bytes){reply.data, reply.len}, &at, &item));
    check(xkv__compare(item.text, cursor) == 0);
    xkv_reply_clear(&reply);
}

/* The first byte says how long the prefix is that follows it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static xkv__position position;

    if (size == 0)
        return 0;
    size_t len = data[0] % 8 < size - 1 ? data[0] % 8 : size - 1;
    xkv_bytes prefix = {data + 1, len}, cursor = {data + 1 + len, size - 1 - len};
    int status = xkv__cursor_read(cursor, prefix, &position);

    check(status == XKV_OK || status == XKV_E_INVALID_CURSOR);
    if (status != XKV_OK)
        return 0;
    check(position.len > 0 && position.len <= XKV_KEY_MAX);
    check(xkv__has_prefix((xkv_bytes){position.key, position.len}, prefix));
    check_same(&position, cursor);
    return 0;
}
