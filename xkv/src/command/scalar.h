/*
 * scalar.h - values that come from outside, whatever type they have
 */
#ifndef XKV_COMMAND_SCALAR_H
#define XKV_COMMAND_SCALAR_H

#include "base/config.h"
#include "base/text.h"

/* Shows a value in a message: text and bytes in quotes, numbers as JavaScript does,
 * or nearly. Returns out. */
#define XKV__SCALAR_SIZE (XKV__QUOTE_SIZE + 32)
const char *xkv__scalar_text(const xkv_scalar *value, char out[XKV__SCALAR_SIZE]);

/* Each returns false, and sets nothing, if the value is no whole number of 64 bits, or
 * neither text nor bytes. */
bool xkv__scalar_integer(const xkv_scalar *value, int64_t *number);
bool xkv__scalar_bytes(const xkv_scalar *value, xkv_bytes *bytes);

#endif
