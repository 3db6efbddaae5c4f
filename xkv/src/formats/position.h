/*
 * position.h - a key that is kept as a value, to tell how far entries were handed out
 */
#ifndef XKV_FORMATS_POSITION_H
#define XKV_FORMATS_POSITION_H

#include "base/buffer.h"

/* The key that a value of a store's kind (XKV_JSON, …) means. It lies in the value, or in the room
 * until that changes. False if the value means none, or memory is short, which the room tells. */
bool xkv__position_read(int serialization, xkv_bytes value, xkv__buffer *room, xkv_bytes *key);

/* Appends the value that means a key; out tells whether memory was short. */
void xkv__position_write(int serialization, xkv_bytes key, xkv__buffer *out);

#endif
