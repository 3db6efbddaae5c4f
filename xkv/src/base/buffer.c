/* buffer.c - see buffer.h */
#include "base/buffer.h"

#include "base/sys.h"

/* Twice the room, or as much as is asked for and one byte, so that there is always more than was
 * asked for: where that is so for reserve, too, there is a buffer at all. */
static size_t more_room(const xkv__buffer *buffer, size_t size) {
    size_t least = buffer->len + size + 1, room = buffer->room < 128 ? 256 : buffer->room * 2;

    return room > least ? room : least;
}

unsigned char *xkv__buffer_grow(xkv__buffer *buffer, size_t size) {
    if (buffer->error != XKV_OK)
        return NULL;
    size_t room = size < SIZE_MAX / 4 ? more_room(buffer, size) : 0;
    unsigned char *data = room > 0 ? xkv__resize(buffer->data, room) : NULL;
    if (!data) {
        buffer->error = XKV_E_STORE_FULL;
        return NULL;
    }
    buffer->data = data;
    buffer->room = room;
    return data + buffer->len;
}

void xkv__buffer_free(xkv__buffer *buffer) {
    xkv__free(buffer->data);
    *buffer = (xkv__buffer){NULL, 0, 0, XKV_OK};
}
