/*
 * cursor.h - cursors of scans
 */
#ifndef XKV_COMMAND_CURSOR_H
#define XKV_COMMAND_CURSOR_H

#include "command/items.h"

/* Room for a key that came from a cursor. */
typedef struct xkv__position {
    size_t len;
    unsigned char key[XKV_KEY_MAX];
} xkv__position;

/* Reads a cursor. XKV_OK, or XKV_E_INVALID_CURSOR with its reason. */
int xkv__cursor_read(xkv_bytes cursor, xkv_bytes prefix, xkv__position *position);

/* Appends the cursor that goes on after key, as text. */
void xkv__put_cursor(xkv__writer *writer, const char *name, xkv_bytes key);

#endif
