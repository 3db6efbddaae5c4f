/*
 * base64.h - bytes as text (RFC 4648, 4): the standard alphabet, with padding
 */
#ifndef XKV_BASE_BASE64_H
#define XKV_BASE_BASE64_H

#include "base/config.h"

/* How long the text is that so many bytes make. */
static inline size_t xkv__base64_len(size_t size) {
    return size / 3 * 4 + (size % 3 ? 4 : 0);
}

/* Writes it; out has room for it. */
void xkv__base64_write(xkv_bytes bytes, unsigned char *out);

/* What a text stands for; out has room for three bytes for each four of the text, and may be the
 * text itself. False if it is no base64, or bits are left over that are not 0. */
bool xkv__base64_read(xkv_bytes text, unsigned char *out, size_t *len);

#endif
