/*
 * items.h - writing the items of a reply; what they are stands in xkv.h
 *
 * A writer remembers its first failure, which can only be want of memory, and
 * then does nothing more: a handler writes its whole reply and looks at error
 * once, before it changes anything.
 */
#ifndef XKV_COMMAND_ITEMS_H
#define XKV_COMMAND_ITEMS_H

#include "base/config.h"

typedef struct xkv__writer {
    xkv_reply *reply;
    int error;
} xkv__writer;

/* A writer that appends to a reply. */
static inline xkv__writer xkv__writer_on(xkv_reply *reply) {
    return (xkv__writer){reply, XKV_OK};
}

/* Each appends one item. name is NULL for one without. */
void xkv__put_null(xkv__writer *writer, const char *name);
void xkv__put_boolean(xkv__writer *writer, const char *name, bool value);
void xkv__put_text(xkv__writer *writer, const char *name, xkv_bytes text);
void xkv__put_value(xkv__writer *writer, const char *name, xkv_bytes value);
void xkv__put_entry(xkv__writer *writer, const char *name, xkv_bytes key, xkv_bytes value);

/* The reply is null, whatever it was: nothing was found. Needs no memory, and returns
 * XKV_OK. */
int xkv__reply_null(xkv_reply *reply);

/* An integer, or an array or object whose members are appended next. They return
 * where their number lies, to be set by the two below once it is known. */
size_t xkv__put_integer(xkv__writer *writer, const char *name, int64_t value);
size_t xkv__put_array(xkv__writer *writer, const char *name, size_t members);
size_t xkv__put_object(xkv__writer *writer, const char *name, size_t members);
void xkv__patch_integer(xkv__writer *writer, size_t at, uint64_t value);
void xkv__patch_members(xkv__writer *writer, size_t at, uint64_t members);

/* The shortest entry, in bytes: of a list of so many bytes that tells how many
 * entries there are at the most. */
enum { XKV__ENTRY_MIN = 10 };

/* A claim that is given back, as xkv_items_add_claim packs it. */
typedef struct xkv__given {
    xkv_bytes id, key;
    uint64_t token;
} xkv__given;

/* Reads one; false if the item is too short to be one. */
bool xkv__given_in(const xkv_item *item, xkv__given *given);

#endif
