/*
 * bytes.h - numbers as bytes
 */
#ifndef XKV_BASE_BYTES_H
#define XKV_BASE_BYTES_H

#include "base/config.h"

/* With the most significant byte first, so that they are in order as bytes. */
static inline void xkv__put_be64(unsigned char *at, uint64_t number) {
    for (int i = 0; i < 8; i++)
        at[i] = (unsigned char)(number >> (56 - 8 * i));
}

static inline uint64_t xkv__get_be64(const unsigned char *at) {
    uint64_t number = 0;

    for (int i = 0; i < 8; i++)
        number = number << 8 | at[i];
    return number;
}

/* In the machine's own order, at any place. */
static inline uint16_t xkv__get_u16(const unsigned char *at) {
    uint16_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

static inline uint32_t xkv__get_u32(const unsigned char *at) {
    uint32_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

static inline uint64_t xkv__get_u64(const unsigned char *at) {
    uint64_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

#endif
