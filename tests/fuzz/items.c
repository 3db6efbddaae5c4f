/*
 * items.c - any bytes as items: what is read stays within them, and written
 * again it is the same bytes
 */
#include "command/items.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition) {
    if (!condition)
        abort();
}

static bool lies_in(xkv_bytes part, xkv_bytes all) {
    const unsigned char *from = part.data, *start = all.data;
    return part.len == 0 || (from >= start && from + part.len <= start + all.len);
}

static void put_again(xkv__writer *writer, const xkv_item *item) {
    char name[256] = "";

    if (item->name.len > 0)
        memcpy(name, item->name.data, item->name.len);
    switch (item->kind) {
    case XKV_ITEM_NULL:
        xkv__put_null(writer, name);
        return;
    case XKV_ITEM_FALSE:
    case XKV_ITEM_TRUE:
        xkv__put_boolean(writer, name, item->integer != 0);
        return;
    case XKV_ITEM_INTEGER:
        xkv__put_integer(writer, name, item->integer);
        return;
    case XKV_ITEM_TEXT:
        xkv__put_text(writer, name, item->text);
        return;
    case XKV_ITEM_VALUE:
        xkv__put_value(writer, name, item->value);
        return;
    case XKV_ITEM_ENTRY:
        xkv__put_entry(writer, name, item->text, item->value);
        return;
    case XKV_ITEM_ARRAY:
        xkv__put_array(writer, name, (size_t)item->integer);
        return;
    case XKV_ITEM_OBJECT:
        xkv__put_object(writer, name, (size_t)item->integer);
        return;
    }
    abort();
}

/* Names of the library's own are text of at most 32 bytes. */
static bool is_ours(const xkv_item *item) {
    return item->name.len <= 32 &&
           (item->name.len == 0 || !memchr(item->name.data, '\0', item->name.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    xkv_bytes bytes = {data, size};
    size_t at = 0;
    xkv_item item;

    for (size_t before = 0; xkv_item_next(bytes, &at, &item); before = at) {
        check(at > before && at <= size);
        check(lies_in(item.name, bytes) && lies_in(item.text, bytes) && lies_in(item.value, bytes));
        if (!is_ours(&item))
            continue;
        xkv_reply reply;
        xkv_reply_init(&reply, NULL, 0);
        xkv__writer writer = xkv__writer_on(&reply);
        put_again(&writer, &item);
        check(writer.error == XKV_OK && reply.len == at - before);
        check(memcmp(reply.data, data + before, reply.len) == 0);
        xkv_reply_clear(&reply);
    }
    return 0;
}
