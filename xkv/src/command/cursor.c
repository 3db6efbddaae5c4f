/*
 * cursor.c - cursors: where a scan goes on
 *
 * A cursor is the last key that was returned, behind a version, in base64 with
 * padding (RFC 4648, 4). It holds nothing else: no position in a structure that
 * may have changed, no snapshot that would have to be kept. Since it comes back
 * from outside it is trusted in nothing.
 */
#include "command/cursor.h"
#include "base/base64.h"
#include "base/error.h"
#include "base/text.h"
#include "command/items.h"

enum { VERSION = 1, PACKED_MAX = 1 + XKV_KEY_MAX };

static int refuse_cursor(const char *why) {
    return xkv__fail(XKV_E_INVALID_CURSOR,
                     "the cursor %s; give one that a scan returned, unchanged, or \"\" to begin",
                     why);
}

int xkv__cursor_read(xkv_bytes cursor, xkv_bytes prefix, xkv__position *position) {
    unsigned char packed[PACKED_MAX + 2];
    size_t len;

    if (cursor.len == 0 || cursor.len > XKV_CURSOR_MAX || !xkv__base64_read(cursor, packed, &len))
        return refuse_cursor("is not one of this store's");
    if (packed[0] != VERSION)
        return refuse_cursor("is of another version");
    xkv_bytes key = {packed + 1, len - 1};
    if (key.len == 0 || key.len > XKV_KEY_MAX || !xkv__is_utf8(key))
        return refuse_cursor("has no key in it");
    if (!xkv__has_prefix(key, prefix))
        return refuse_cursor("belongs to another prefix");
    position->len = key.len;
    memcpy(position->key, key.data, key.len);
    return XKV_OK;
}

void xkv__put_cursor(xkv__writer *writer, const char *name, xkv_bytes key) {
    unsigned char packed[PACKED_MAX], text[XKV_CURSOR_MAX];

    packed[0] = VERSION;
    memcpy(packed + 1, key.data, key.len);
    xkv__base64_write((xkv_bytes){packed, key.len + 1}, text);
    xkv__put_text(writer, name, (xkv_bytes){text, xkv__base64_len(key.len + 1)});
}
