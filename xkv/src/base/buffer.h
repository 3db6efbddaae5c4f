/*
 * buffer.h - bytes that grow
 */
#ifndef XKV_BASE_BUFFER_H
#define XKV_BASE_BUFFER_H

#include "base/config.h"

/* Begins with all zero. Once memory was short it stays as it is, and error says so: who
 * appends much may look at it in the end. */
typedef struct xkv__buffer {
    unsigned char *data;
    size_t len, room;
    int error; /* XKV_OK, or XKV_E_STORE_FULL */
} xkv__buffer;

/* The same as the next, where there is not more room than that. */
unsigned char *xkv__buffer_grow(xkv__buffer *buffer, size_t size);

/* Makes room for so many bytes more, and returns where they go, which the caller then
 * counts into len; NULL when memory is short. */
static inline unsigned char *xkv__buffer_reserve(xkv__buffer *buffer, size_t size) {
    if (buffer->error == XKV_OK && size < buffer->room - buffer->len)
        return buffer->data + buffer->len;
    return xkv__buffer_grow(buffer, size);
}

static inline void xkv__buffer_append(xkv__buffer *buffer, const void *data, size_t size) {
    unsigned char *at = xkv__buffer_reserve(buffer, size);

    if (at && size > 0) {
        memcpy(at, data, size);
        buffer->len += size;
    }
}

static inline void xkv__buffer_append_byte(xkv__buffer *buffer, unsigned char byte) {
    xkv__buffer_append(buffer, &byte, 1);
}

void xkv__buffer_free(xkv__buffer *buffer);

static inline xkv_bytes xkv__buffer_bytes(const xkv__buffer *buffer) {
    return (xkv_bytes){buffer->data, buffer->len};
}

#endif
