/*
 * text.h - bytes and text: order, prefixes, UTF-8, quoting
 */
#ifndef XKV_BASE_TEXT_H
#define XKV_BASE_TEXT_H

#include "base/config.h"

/* Whether bytes are UTF-8 as Unicode defines it (no surrogates, shortest form). */
bool xkv__is_utf8(xkv_bytes bytes);

/* How many bytes, of those that are left, the character of UTF-8 takes that begins here; 0
 * if none does. */
size_t xkv__utf8_sequence(const unsigned char *text, size_t left);

/* What a hexadecimal digit stands for; -1 if it is none. */
int xkv__hex(unsigned char c);

/* memcmp order, a prefix first. */
int xkv__compare(xkv_bytes a, xkv_bytes b);

bool xkv__has_prefix(xkv_bytes key, xkv_bytes prefix);

/* Text for a message: quotes key, shortens it and escapes what does not print. */
#define XKV__QUOTE_SIZE 96
const char *xkv__quote(xkv_bytes bytes, char out[XKV__QUOTE_SIZE]);

/* The same for what may be a URL with a password in it, in its right place or in a wrong
 * one: shows neither what stands before the last @, but for the scheme, nor a query, nor a
 * port that is none. */
const char *xkv__quote_masked(const char *text, char out[XKV__QUOTE_SIZE]);

/* Turns %20 into a space, and so on, in place; false if what follows a % is not two
 * hexadecimal digits other than 00. */
bool xkv__decode_percent(char *text);

#endif
