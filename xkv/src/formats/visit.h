/*
 * visit.h - who is shown entries, one by one
 */
#ifndef XKV_FORMATS_VISIT_H
#define XKV_FORMATS_VISIT_H

#include "base/config.h"

/* Gets an entry, whose bytes are valid during the call. XKV_OK to go on; any other code
 * ends the walk, which then fails with it. */
typedef int xkv__visit(void *context, xkv_bytes key, xkv_bytes value);

#endif
