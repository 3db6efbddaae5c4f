/*
 * config.h - what every file of the library starts from
 */
#ifndef XKV_BASE_CONFIG_H
#define XKV_BASE_CONFIG_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xkv.h"

/* Compiler extensions are used here and in rwlock.c only, and each can be done
 * without: -DXKV_NO_EXTENSIONS does (scripts/check.sh compiles it). */
#if defined(__GNUC__) && !defined(XKV_NO_EXTENSIONS)
#define XKV__EXTENSIONS 1
#else
#define XKV__EXTENSIONS 0
#endif

#if XKV__EXTENSIONS
#define XKV__PRINTF(text_at, first_at) __attribute__((format(printf, text_at, first_at)))
#define XKV__UNLIKELY(condition)       __builtin_expect(!!(condition), 0)
#define XKV__PREFETCH(address)         __builtin_prefetch(address)
#define XKV__LOWEST_BIT(bits)          ((unsigned)__builtin_ctzll(bits))
#else
#define XKV__LOWEST_BIT(bits)  xkv__lowest_bit(bits)
#define XKV__PREFETCH(address) ((void)(address))
#define XKV__PRINTF(text_at, first_at)
#define XKV__UNLIKELY(condition) (condition)
#endif

/* The number of the lowest bit that is set; there must be one. */
static inline unsigned xkv__lowest_bit(uint64_t bits) {
    unsigned bit = 0;

    while (!(bits >> bit & 1))
        bit++;
    return bit;
}

enum { XKV__CACHE_LINE = 64 };

#endif
