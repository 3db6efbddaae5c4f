/*
 * json.h - when two values mean the same
 */
#ifndef XKV_COMMAND_JSON_H
#define XKV_COMMAND_JSON_H

#include "base/config.h"

/* Whether two JSON texts mean the same. XKV_OK and *equal, or XKV_E_STORE_FULL.
 * What is not JSON equals nothing but the same bytes. */
int xkv__json_equal(xkv_bytes a, xkv_bytes b, bool *equal);

#endif
