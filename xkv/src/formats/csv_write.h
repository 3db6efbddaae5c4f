/*
 * csv_write.h - writing CSV: the functions of xkv__format
 */
#ifndef XKV_FORMATS_CSV_WRITE_H
#define XKV_FORMATS_CSV_WRITE_H

#include "formats/format.h"

int xkv__csv_check(const xkv__layout *layout);
int xkv__csv_head(const xkv__layout *layout, xkv__buffer *out);
int xkv__csv_entry(const xkv__layout *layout, xkv_bytes key, xkv_bytes value, xkv__buffer *out);

#endif
