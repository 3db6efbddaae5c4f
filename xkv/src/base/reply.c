/* reply.c - see reply.h */
#include "base/reply.h"
#include "base/sys.h"

#include <stdio.h>

void xkv_reply_init(xkv_reply *reply, void *buffer, size_t size) {
    *reply = (xkv_reply){.buffer = buffer, .buffer_size = size};
}

void xkv_reply_clear(xkv_reply *reply) {
    xkv__free(reply->owned);
    xkv_reply_init(reply, reply->buffer, reply->buffer_size);
}

void *xkv__reply_room(xkv_reply *reply, size_t size) {
    bool in_buffer = !reply->owned;
    size_t have = in_buffer ? reply->buffer_size : reply->owned_size;

    if (size <= have)
        return in_buffer ? reply->buffer : reply->owned;
    size_t want = reply->len > 0 && size < have * 2 ? have * 2 : size; /* growing: double */
    void *room = xkv__resize(reply->owned, want);
    if (!room)
        return NULL;
    if (in_buffer && reply->len > 0)
        memcpy(room, reply->buffer, reply->len);
    reply->owned = room;
    reply->owned_size = want;
    return room;
}

int xkv__reply_bytes(xkv_reply *reply, xkv_bytes bytes) {
    reply->len = 0;
    void *room = xkv__reply_room(reply, bytes.len);

    if (bytes.len > 0 && !room)
        return XKV_E_STORE_FULL;
    if (bytes.len > 0)
        memcpy(room, bytes.data, bytes.len);
    reply->data = room;
    reply->len = bytes.len;
    return XKV_OK;
}

int xkv__reply_fail(xkv_reply *reply, int code, const char *format, ...) {
    char message[XKV_MESSAGE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    int len = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (len >= (int)sizeof message)
        len = (int)sizeof message - 1;
    reply->status = code;
    reply->number = 0;
    if (xkv__reply_bytes(reply, (xkv_bytes){message, len > 0 ? (size_t)len : 0}) != XKV_OK)
        return xkv__reply_error(reply, code); /* no memory: the static text needs none */
    return code;
}

int xkv__reply_error(xkv_reply *reply, int code) {
    reply->status = code;
    reply->number = 0;
    reply->data = xkv_error_text(code);
    reply->len = strlen(xkv_error_text(code));
    return code;
}
