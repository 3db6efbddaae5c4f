/*
 * heard.h - the items of an answer, looked at one by one
 */
#ifndef XKV_REMOTE_HEARD_H
#define XKV_REMOTE_HEARD_H

#include "remote/protocol.h"

/* The error of an answer that is none of our scripts'. */
int xkv__not_ours(void);

/* Each takes the next item. False if it is of another kind: then it is xkv__not_ours. */

static inline bool xkv__hear_text(xkv__resp_cursor *cursor, xkv_bytes *text) {
    xkv__resp_item item;
    bool is_text = xkv__resp_next(cursor, &item) && item.kind == XKV__RESP_TEXT;

    *text = is_text ? item.text : (xkv_bytes){NULL, 0};
    return is_text;
}

/* A number that is not below zero: an integer, or text of its digits. */
static inline bool xkv__hear_number(xkv__resp_cursor *cursor, int64_t *number) {
    xkv__resp_item item;

    return xkv__resp_next(cursor, &item) && xkv__resp_integer(&item, number) && *number >= 0;
}

static inline bool xkv__hear_array(xkv__resp_cursor *cursor, size_t *members) {
    xkv__resp_item item;
    bool is_array = xkv__resp_next(cursor, &item) && item.kind == XKV__RESP_ARRAY;

    *members = is_array ? item.members : 0;
    return is_array;
}

/* A text, or nothing: *there tells. */
static inline bool xkv__hear_value(xkv__resp_cursor *cursor, xkv_bytes *value, bool *there) {
    xkv__resp_item item;

    *there = false;
    *value = (xkv_bytes){NULL, 0};
    if (!xkv__resp_next(cursor, &item))
        return false;
    *there = item.kind == XKV__RESP_TEXT;
    if (*there)
        *value = item.text;
    return *there || item.kind == XKV__RESP_NULL;
}

#endif
