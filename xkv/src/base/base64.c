/* base64.c - see base64.h */
#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

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

void xkv__base64_write(xkv_bytes bytes, unsigned char *out) {
    const unsigned char *in = bytes.data;

    for (size_t i = 0; i < bytes.len; i += 3, out += 4)
        encode_three(in + i, bytes.len - i < 3 ? bytes.len - i : 3, out);
}

/* The six bits of a character, -1 if it is not of the alphabet. */
static int bits_of(unsigned char c) {
    static const signed char bits['z' - '+' + 1] = {
        62, -1, -1, -1, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1,
        -1, -1, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17,
        18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, -1, -1, 26, 27, 28, 29, 30, 31,
        32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51};
    return c >= '+' && c <= 'z' ? bits[c - '+'] : -1;
}

/* Four characters are three bytes; with one or two "=" at the end two or one,
 * and then the bits that are left over must be 0. Returns how many, 0: none. */
static size_t decode_four(const unsigned char *text, unsigned char *out) {
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
    for (size_t i = 0; i < 3; i++)
        out[i] = (unsigned char)(bits >> (16 - 8 * i));
    return 3 - pad;
}

bool xkv__base64_read(xkv_bytes text, unsigned char *out, size_t *len) {
    const unsigned char *at = text.data;

    *len = 0;
    if (text.len % 4 != 0)
        return false;
    for (size_t i = 0; i < text.len; i += 4) {
        size_t got = decode_four(at + i, out + *len);
        if (got == 0 || (got < 3 && i + 4 < text.len))
            return false;
        *len += got;
    }
    return true;
}
