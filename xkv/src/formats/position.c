/* position.c - see position.h */
#include "formats/position.h"

#include "formats/json_text.h"

bool xkv__position_read(int serialization, xkv_bytes value, xkv__buffer *room, xkv_bytes *key) {
    xkv__json json = xkv__json_on(value);
    xkv_bytes whole, inside;

    *key = value;
    if (serialization == XKV_JSON &&
        !(xkv__json_value(&json, &whole) && xkv__json_over(&json) &&
          xkv__json_is_string(whole, &inside) && xkv__json_meaning(inside, room, key)))
        return false;
    return key->len > 0 && key->len <= XKV_KEY_MAX;
}

void xkv__position_write(int serialization, xkv_bytes key, xkv__buffer *out) {
    if (serialization == XKV_JSON)
        xkv__json_quote(key, out);
    else
        xkv__buffer_append(out, key.data, key.len);
}
