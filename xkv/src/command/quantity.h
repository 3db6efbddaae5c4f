/*
 * quantity.h - durations and sizes as text
 */
#ifndef XKV_COMMAND_QUANTITY_H
#define XKV_COMMAND_QUANTITY_H

#include "base/config.h"

/* Read a duration such as "1m30s", a size such as "64MiB". False if the text is
 * none, or no whole number of milliseconds or bytes; INT64_MAX stands for all
 * that is larger. */
bool xkv__read_duration(xkv_bytes text, int64_t *ms);
bool xkv__read_size(xkv_bytes text, int64_t *bytes);

/* What to write, for messages. */
#define XKV__DURATION_TEXT "text such as \"500ms\", \"1s\", \"1m30s\" or \"1.5h\""
#define XKV__SIZE_TEXT     "text such as \"64MiB\" or \"1.5GiB\""

#endif
