/*
 * walk.h - all entries of a store, one by one
 */
#ifndef XKV_CLI_WALK_H
#define XKV_CLI_WALK_H

#include "session.h"

/*
 * Hands each entry of the options --prefix and --limit to take, in the order of keys, and with
 * an empty value unless with_values is set. Keys and values are valid during the call. What is
 * not DONE ends it and is returned. What is written meanwhile may be seen or not; what is there
 * throughout is seen once.
 */
int walk(struct session *session, bool with_values,
         int (*take)(void *context, xkv_bytes key, xkv_bytes value), void *context);

#endif
