/*
 * columns.h - what names of columns, and the character between them, have to be
 */
#ifndef XKV_FORMATS_COLUMNS_H
#define XKV_FORMATS_COLUMNS_H

#include "base/config.h"

/* A layout's delimiter: a comma if it is empty. */
xkv_bytes xkv__delimiter_of(xkv_bytes delimiter);

/* XKV_OK, or XKV_E_INVALID_OPTIONS if it is not one character that can stand between fields. */
int xkv__check_delimiter(xkv_bytes delimiter);

/* Finds the first of names that is like one before it: *repeated, and *first that one; else both
 * are count. XKV_OK or XKV_E_STORE_FULL. */
int xkv__find_repeated(const xkv_bytes *names, size_t count, size_t *repeated, size_t *first);

/* XKV_E_INVALID_OPTIONS: names do not have this one among them. */
int xkv__no_such_column(xkv_bytes name, const xkv_bytes *names, size_t count);

#endif
