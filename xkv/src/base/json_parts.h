/*
 * json_parts.h - what JSON is made of: numbers, escapes and what they stand for
 */
#ifndef XKV_BASE_JSON_PARTS_H
#define XKV_BASE_JSON_PARTS_H

#include "base/config.h"

/* The end of the number that begins here; NULL if it is none as JSON has them. */
const unsigned char *xkv__json_number(const unsigned char *at, const unsigned char *end);

/* What an escape stands for, from behind its backslash, where *at is moved behind it; -1 if it
 * is none. Two that are a pair of surrogates are taken as one; a lone surrogate is
 * returned as it is. */
long xkv__json_escape(const unsigned char **at, const unsigned char *end);

/* Writes a character as UTF-8, which takes 1 to 4 bytes, and returns what is behind it. A
 * lone surrogate is written as it would be if that were allowed. */
unsigned char *xkv__put_utf8(unsigned char *out, long c);

#endif
