/*
 * cursor.c - cursors: where a scan goes on
 *
 * A cursor is the last key that was returned, behind a version, in base64 with
 * padding (RFC 4648, 4). It holds nothing else: no position in a structure that
 * may have changed, no snapshot that would have to be kept. Since it comes back
 * from outside it is trusted in nothing.
 */
#include "engine.h"

enum { VERSION = 1, PACKED_MAX = 1 + XKV_KEY_MAX };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The six bits of a character, -1 if it is not of the alphabet. */
static int bits_of(unsigned char c) {
    const char *at = c == '\0' ? NULL : strchr(alphabet, c);
    return at ? (int)(at - alphabet) : -1;
}

/* Four characters are three bytes; with one or two "=" at the end two or one,
 * and then the bits that are left over must be 0. Returns how many, 0: none. */
static size_t decode_four(const unsigned char *text, unsigned char out[3]) {
    size_t pad = text[3] != '=' ? 0 : text[2] != '=' ? 1 : 2;
    uint32_t bits = 0;

    for (size_t i = 0; i < 4; i++) {
        int six = i < 4 - pad ? bits_of(text[i]) : 0;
        if (six < 0)
            return 0;
        bits = bits << 6 | (uint32_t)six;
    }
    if (pad > 0 && (bits & (pad == 1 ? 0xFFu : 0xFFFFu)) != 0)
        return 0;
    out[0] = (unsigned char)(bits >> 16);
    out[1] = (unsigned char)(bits >> 8);
    out[2] = (unsigned char)bits;
    return 3 - pad;
}

/* Whether all of the text could be read; out has room for PACKED_MAX + 2. */
static bool decode(xkv_bytes text, unsigned char *out, size_t *len) {
    const unsigned char *at = text.data;

    *len = 0;
    if (text.len == 0 || text.len % 4 != 0 || text.len > XKV_CURSOR_MAX)
        return false;
    for (size_t i = 0; i < text.len; i += 4) {
        size_t got = decode_four(at + i, out + *len);
        if (got == 0 || (got < 3 && i + 4 < text.len))
            return false;
        *len += got;
    }
    return true;
}

static int refuse(const char *why) {
    return xkv__fail(XKV_E_INVALID_CURSOR,
                     "the cursor %s; give one that a scan returned, unchanged, or \"\" to begin",
                     why);
}

int xkv__cursor_read(xkv_bytes cursor, xkv_bytes prefix, xkv__position *position) {
    unsigned char packed[PACKED_MAX + 2];
    size_t len;

    if (!decode(cursor, packed, &len))
        return refuse("is not one of this store's");
    if (packed[0] != VERSION)
        return refuse("is of another version");
    xkv_bytes key = {packed + 1, len - 1};
    if (key.len == 0 || key.len > XKV_KEY_MAX || !xkv__is_utf8(key))
        return refuse("has no key in it");
    if (!xkv__has_prefix(key, prefix))
        return refuse("belongs to another prefix");
    position->len = key.len;
    memcpy(position->key, key.data, key.len);
    return XKV_OK;
}

static void encode_three(const unsigned char *in, size_t len, unsigned char out[4]) {
    uint32_t bits = (uint32_t)in[0] << 16;

    if (len > 1)
        bits |= (uint32_t)in[1] << 8;
    if (len > 2)
        bits |= in[2];
    for (int i = 0; i < 4; i++)
        out[i] = (unsigned char)alphabet[bits >> (18 - 6 * i) & 63];
    for (size_t i = len + 1; i < 4; i++)
        out[i] = '=';
}

void xkv__put_cursor(xkv__writer *writer, const char *name, xkv_bytes key) {
    unsigned char packed[PACKED_MAX], text[XKV_CURSOR_MAX];
    size_t len = 0;

    packed[0] = VERSION;
    memcpy(packed + 1, key.data, key.len);
    for (size_t i = 0; i < key.len + 1; i += 3, len += 4)
        encode_three(packed + i, key.len + 1 - i < 3 ? key.len + 1 - i : 3, text + len);
    xkv__put_text(writer, name, (xkv_bytes){text, len});
}
