/*
 * config.h - what every file of the library starts from
 */
#ifndef XKV_BASE_CONFIG_H
#define XKV_BASE_CONFIG_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

/* On Windows: printf as C11 has it, and what the system has since Windows 10. */
#ifdef _WIN32
#ifndef __USE_MINGW_ANSI_STDIO
#define __USE_MINGW_ANSI_STDIO 1
#endif
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00
#endif
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN 1
#endif
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

#ifdef __MINGW32__ /* whose own printf takes less than C11 says: see above */
#define XKV__PRINTF_FORMAT gnu_printf
#else
#define XKV__PRINTF_FORMAT printf
#endif

#if XKV__EXTENSIONS
#define XKV__PRINTF(text_at, first_at)                                                             \
    __attribute__((format(XKV__PRINTF_FORMAT, text_at, first_at)))
#define XKV__UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define XKV__PREFETCH(address)   __builtin_prefetch(address)
#define XKV__LOWEST_BIT(bits)    ((unsigned)__builtin_ctzll(bits))
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
