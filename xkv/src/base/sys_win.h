/*
 * sys_win.h - what the files sys_*win.c share: Windows
 */
#ifndef XKV_BASE_SYS_WIN_H
#define XKV_BASE_SYS_WIN_H

#ifdef _WIN32

#include "base/sys.h"

#include <wchar.h>

/* Text in the system's characters. */
typedef struct xkv__wide {
    wchar_t text[XKV_PATH_MAX + 64];
} xkv__wide;

/* What UTF-8 stands for. XKV__NAME_TOO_LONG, or XKV__OTHER for what is none. */
xkv__fault xkv__widen(const char *text, xkv__wide *wide);

/* The fault of the call that has just failed, or none if it has not. */
xkv__fault xkv__last_fault(bool failed);

#endif
#endif
