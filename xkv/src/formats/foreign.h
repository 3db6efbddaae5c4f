/*
 * foreign.h - what cannot be written since it is not what a store promises
 */
#ifndef XKV_FORMATS_FOREIGN_H
#define XKV_FORMATS_FOREIGN_H

#include "base/config.h"

/* XKV_E_VALUE_PARSE: a key is not UTF-8, or its value is not what it is said to be. */
int xkv__foreign_key(xkv_bytes key);
int xkv__foreign_value(xkv_bytes key, const char *what);

#endif
