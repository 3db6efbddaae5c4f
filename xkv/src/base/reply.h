/*
 * reply.h - filling a reply
 */
#ifndef XKV_BASE_REPLY_H
#define XKV_BASE_REPLY_H

#include "base/config.h"

/* Room for size bytes of reply data (grows, keeps what is there); NULL when
 * memory is short. Sets nothing else: the writer sets data and len. */
void *xkv__reply_room(xkv_reply *reply, size_t size);

/* Sets the data to a copy of bytes. */
int xkv__reply_bytes(xkv_reply *reply, xkv_bytes bytes);

/* Fails the reply: status, and the message as data. Returns code. */
int xkv__reply_fail(xkv_reply *reply, int code, const char *format, ...) XKV__PRINTF(3, 4);

/* The same with the table's text. */
int xkv__reply_error(xkv_reply *reply, int code);

#endif
