/*
 * items.c - the items of replies and of commands: packing and unpacking
 */
#include "command/items.h"
#include "base/reply.h"
#include "base/sys.h"

/* -- Writing ----------------------------------------------------------------- */

/* The largest head: kind, length of the name, a name of this size, 8 bytes. */
enum { NAME_MAX_LEN = 32, HEAD_MAX = 2 + NAME_MAX_LEN + 8 };

static unsigned char *put_head(unsigned char *at, xkv_item_kind kind, const char *name,
                               const void *numbers, size_t size) {
    size_t len = name ? strlen(name) : 0;

    *at++ = (unsigned char)kind;
    *at++ = (unsigned char)len;
    if (len > 0)
        memcpy(at, name, len);
    memcpy(at + len, numbers, size);
    return at + len + size;
}

static unsigned char *put_bytes(unsigned char *at, xkv_bytes bytes) {
    if (bytes.len > 0)
        memcpy(at, bytes.data, bytes.len);
    return at + bytes.len;
}

/* Appends an item with numbers (size bytes) and bytes. */
static void put(xkv__writer *writer, xkv_item_kind kind, const char *name, const void *numbers,
                size_t size, xkv_bytes first, xkv_bytes second) {
    xkv_reply *reply = writer->reply;

    if (writer->error != XKV_OK)
        return;
    unsigned char *room = xkv__reply_room(reply, reply->len + HEAD_MAX + first.len + second.len);
    if (!room) {
        writer->error = XKV_E_STORE_FULL;
        return;
    }
    unsigned char *end = put_head(room + reply->len, kind, name, numbers, size);
    end = put_bytes(put_bytes(end, first), second);
    reply->data = room;
    reply->len = (size_t)(end - room);
}

static const xkv_bytes nothing = {NULL, 0};

void xkv__put_null(xkv__writer *writer, const char *name) {
    put(writer, XKV_ITEM_NULL, name, "", 0, nothing, nothing);
}

int xkv__reply_null(xkv_reply *reply) {
    static const unsigned char item[] = {XKV_ITEM_NULL, 0};

    xkv_reply_clear(reply);
    reply->data = item;
    reply->len = sizeof item;
    return XKV_OK;
}

void xkv__put_boolean(xkv__writer *writer, const char *name, bool value) {
    put(writer, value ? XKV_ITEM_TRUE : XKV_ITEM_FALSE, name, "", 0, nothing, nothing);
}

static void put_one(xkv__writer *writer, xkv_item_kind kind, const char *name, xkv_bytes bytes) {
    uint32_t len = (uint32_t)bytes.len;
    put(writer, kind, name, &len, sizeof len, bytes, nothing);
}

void xkv__put_text(xkv__writer *writer, const char *name, xkv_bytes text) {
    put_one(writer, XKV_ITEM_TEXT, name, text);
}

void xkv__put_value(xkv__writer *writer, const char *name, xkv_bytes value) {
    put_one(writer, XKV_ITEM_VALUE, name, value);
}

void xkv__put_entry(xkv__writer *writer, const char *name, xkv_bytes key, xkv_bytes value) {
    uint32_t lengths[2] = {(uint32_t)key.len, (uint32_t)value.len};
    put(writer, XKV_ITEM_ENTRY, name, lengths, sizeof lengths, key, value);
}

size_t xkv__put_integer(xkv__writer *writer, const char *name, int64_t value) {
    put(writer, XKV_ITEM_INTEGER, name, &value, sizeof value, nothing, nothing);
    return writer->reply->len - sizeof value;
}

static size_t put_container(xkv__writer *writer, xkv_item_kind kind, const char *name,
                            size_t members) {
    uint32_t count = (uint32_t)members;
    put(writer, kind, name, &count, sizeof count, nothing, nothing);
    return writer->reply->len - sizeof count;
}

size_t xkv__put_array(xkv__writer *writer, const char *name, size_t members) {
    return put_container(writer, XKV_ITEM_ARRAY, name, members);
}

size_t xkv__put_object(xkv__writer *writer, const char *name, size_t members) {
    return put_container(writer, XKV_ITEM_OBJECT, name, members);
}

static void patch(xkv__writer *writer, size_t at, const void *number, size_t size) {
    if (writer->error == XKV_OK) /* else at leads nowhere */
        memcpy((unsigned char *)(uintptr_t)writer->reply->data + at, number, size);
}

void xkv__patch_integer(xkv__writer *writer, size_t at, uint64_t value) {
    patch(writer, at, &value, sizeof value);
}

void xkv__patch_members(xkv__writer *writer, size_t at, uint64_t members) {
    uint32_t count = (uint32_t)members;
    patch(writer, at, &count, sizeof count);
}

/* -- Reading ----------------------------------------------------------------- */

/* Bytes that are left to read. */
struct unread {
    const unsigned char *at;
    size_t left;
};

static bool take_bytes(struct unread *reader, size_t size, xkv_bytes *out) {
    if (reader->left < size)
        return false;
    *out = (xkv_bytes){reader->at, size};
    reader->at += size;
    reader->left -= size;
    return true;
}

static bool take_u32(struct unread *reader, uint32_t *out) {
    xkv_bytes bytes;

    if (!take_bytes(reader, sizeof *out, &bytes))
        return false;
    memcpy(out, bytes.data, sizeof *out);
    return true;
}

/* What follows kind and name. */
static bool take_body(struct unread *reader, xkv_item *item) {
    uint32_t first, second;
    xkv_bytes bytes;

    switch (item->kind) {
    case XKV_ITEM_NULL:
    case XKV_ITEM_FALSE:
        return true;
    case XKV_ITEM_TRUE:
        item->integer = 1;
        return true;
    case XKV_ITEM_INTEGER:
        if (!take_bytes(reader, sizeof item->integer, &bytes))
            return false;
        memcpy(&item->integer, bytes.data, sizeof item->integer);
        return true;
    case XKV_ITEM_TEXT:
        return take_u32(reader, &first) && take_bytes(reader, first, &item->text);
    case XKV_ITEM_VALUE:
        return take_u32(reader, &first) && take_bytes(reader, first, &item->value);
    case XKV_ITEM_ENTRY:
        return take_u32(reader, &first) && take_u32(reader, &second) &&
               take_bytes(reader, first, &item->text) && take_bytes(reader, second, &item->value);
    case XKV_ITEM_ARRAY:
    case XKV_ITEM_OBJECT:
        if (!take_u32(reader, &first))
            return false;
        item->integer = first;
        return true;
    }
    return false;
}

bool xkv_item_next(xkv_bytes items, size_t *at, xkv_item *item) {
    xkv_bytes head;

    *item = (xkv_item){.kind = XKV_ITEM_NULL};
    if (*at >= items.len)
        return false;
    struct unread reader = {(const unsigned char *)items.data + *at, items.len - *at};
    if (!take_bytes(&reader, 2, &head))
        return false;
    item->kind = (xkv_item_kind)((const unsigned char *)head.data)[0];
    if (!take_bytes(&reader, ((const unsigned char *)head.data)[1], &item->name) ||
        !take_body(&reader, item))
        return false;
    *at = items.len - reader.left;
    return true;
}

bool xkv_reply_next(const xkv_reply *reply, size_t *at, xkv_bytes *key, xkv_bytes *value) {
    xkv_bytes items = {reply->data, reply->status == XKV_OK ? reply->len : 0};
    xkv_item item;

    while (xkv_item_next(items, at, &item)) {
        if (item.kind != XKV_ITEM_ENTRY && item.kind != XKV_ITEM_TEXT)
            continue;
        *key = item.text;
        *value = item.value;
        return true;
    }
    return false;
}

/* -- Lists for commands ------------------------------------------------------ */

static bool reserve(xkv_items *items, size_t more) {
    size_t room = items->room ? items->room : 256;

    if (more > UINT32_MAX || items->len + more > UINT32_MAX)
        return false;
    while (room < items->len + more)
        room *= 2;
    if (room == items->room)
        return true;
    unsigned char *data = xkv__resize(items->data, room);
    if (!data)
        return false;
    items->data = data;
    items->room = room;
    return true;
}

/* Appends an entry whose value comes in two parts. */
static int add_item(xkv_items *items, xkv_bytes key, xkv_bytes first, xkv_bytes second) {
    uint32_t lengths[2] = {(uint32_t)key.len, (uint32_t)(first.len + second.len)};

    if (!reserve(items, HEAD_MAX + key.len + first.len + second.len))
        return XKV_E_STORE_FULL;
    unsigned char *end =
        put_head(items->data + items->len, XKV_ITEM_ENTRY, NULL, lengths, sizeof lengths);
    end = put_bytes(put_bytes(put_bytes(end, key), first), second);
    items->len = (size_t)(end - items->data);
    return XKV_OK;
}

int xkv_items_add(xkv_items *items, xkv_bytes key, xkv_bytes value) {
    return add_item(items, key, value, nothing);
}

int xkv_items_add_claim(xkv_items *items, xkv_bytes id, xkv_bytes key, int64_t token) {
    return add_item(items, key, (xkv_bytes){&token, sizeof token}, id);
}

bool xkv__given_in(const xkv_item *item, xkv__given *given) {
    const unsigned char *value = item->value.data;
    const size_t size = sizeof given->token;

    if (item->value.len < size)
        return false;
    memcpy(&given->token, value, size);
    given->key = item->text;
    given->id = (xkv_bytes){value + size, item->value.len - size};
    return true;
}

void xkv_items_free(xkv_items *items) {
    xkv__free(items->data);
    *items = (xkv_items){NULL, 0, 0};
}
