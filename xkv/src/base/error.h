/*
 * error.h - why something failed, in words
 */
#ifndef XKV_BASE_ERROR_H
#define XKV_BASE_ERROR_H

#include "base/config.h"

/* Writes a message of at most size bytes, cut if need be, and returns code. */
int xkv__explain(char *message, size_t size, int code, const char *format, ...) XKV__PRINTF(4, 5);

/*
 * Why something failed, for functions that return only a code: xkv__fail
 * remembers a message for the calling thread and returns code; xkv__reason
 * gives it back, once, if it belongs to that code, else the table's text.
 */
int xkv__fail(int code, const char *format, ...) XKV__PRINTF(2, 3);
const char *xkv__reason(int code);

/* The reason of an error becomes that of another code, which is returned. */
int xkv__fail_as(int error, int code);

/* Puts words, and ": ", before the reason of an error, which is returned. */
int xkv__fail_about(int error, const char *format, ...) XKV__PRINTF(2, 3);

/* Tells whoever wants to hear it: see xkv_set_notice. */
void xkv__notice(const char *format, ...) XKV__PRINTF(1, 2);

#endif
