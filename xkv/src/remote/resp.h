/*
 * resp.h - the replies of a Redis or Valkey server, read from bytes
 *
 * What a server sends is a sequence of replies in the Redis serialization protocol,
 * versions 2 and 3. A scanner finds out where one ends, as its bytes come in; a cursor
 * walks over one that is whole. Neither copies anything, allocates anything, or knows
 * of sockets. What a server sends is not trusted: whatever the bytes are, they are
 * either a reply within the limits, or refused.
 *
 * (The protocol: "RESP protocol spec" in the documentation of Redis.)
 */
#ifndef XKV_REMOTE_RESP_H
#define XKV_REMOTE_RESP_H

#include "base/config.h"

enum {
    XKV__RESP_DEPTH_MAX = 16,       /* arrays within arrays, empty ones and attributes, too */
    XKV__RESP_LINE_MAX = 64 * 1024, /* bytes of a simple string, an error, a number */
    XKV__RESP_BULK_MAX = 512 * 1024 * 1024,  /* bytes of a bulk string: the servers' own limit */
    XKV__RESP_MEMBERS_MAX = 64 * 1024 * 1024 /* members of an array; twice as many of a map */
};

/* What an item of a reply is. RESP3's kinds that say the same as another are that. */
typedef enum xkv__resp_kind {
    XKV__RESP_NULL,    /* $-1, *-1 or _ */
    XKV__RESP_TEXT,    /* a simple or bulk string, a verbatim string without its format, a
                          double or a big number as it was sent */
    XKV__RESP_ERROR,   /* text, too: a simple or bulk error */
    XKV__RESP_INTEGER, /* 64 bits; a boolean is 1 or 0 */
    XKV__RESP_ARRAY,   /* an array or a set; a map of n pairs is one of 2n members */
    XKV__RESP_PUSH     /* an array that answers nothing: only as a whole reply */
} xkv__resp_kind;

typedef struct xkv__resp_item {
    xkv__resp_kind kind;
    xkv_bytes text;  /* TEXT, ERROR: in the bytes that were read */
    int64_t integer; /* INTEGER */
    size_t members;  /* ARRAY, PUSH: so many items follow it, with all that is in them */
} xkv__resp_item;

/* Where a scan of one reply is. Begun anew for each; one that is all zero is begun. */
typedef struct xkv__resp_scan {
    size_t at;       /* where the item begins that is looked at */
    size_t searched; /* so many bytes of its text do not end the line */
    bool is_begun;   /* the reply itself has been seen, be it without its members */
    unsigned depth;
    uint32_t awaited[XKV__RESP_DEPTH_MAX]; /* members that are to come, per level */
} xkv__resp_scan;

/* Begins a scan, the first or the next. Without the levels, of which none is in use: to set
 * them to zero would take as long as to scan a short reply. */
static inline void xkv__resp_scan_begin(xkv__resp_scan *scan) {
    scan->at = scan->searched = 0;
    scan->is_begun = false;
    scan->depth = 0;
}

typedef enum xkv__resp_scanned {
    XKV__RESP_WHOLE, /* the reply is data[0 .. scan->at) */
    XKV__RESP_MORE,  /* it goes on behind size; call again with more */
    XKV__RESP_BAD    /* it is no reply, or beyond a limit: the connection is of no use any more */
} xkv__resp_scanned;

/*
 * Goes on to look where the reply ends that begins at data, of which size bytes are
 * there: the same bytes as before, wherever they lie now, and more. Attributes (RESP3's
 * '|') before an item are passed over; streamed ('?') strings and aggregates are
 * refused, as no server sends them. All calls for a reply together take time in
 * proportion to its size.
 */
xkv__resp_scanned xkv__resp_scan_on(xkv__resp_scan *scan, const unsigned char *data, size_t size);

/* How many bytes more, beyond those seen, the reply needs at least, as far as can be told:
 * room for a long value can be made at once. 0 if that is not known. */
size_t xkv__resp_lacking(const xkv__resp_scan *scan, const unsigned char *data, size_t size);

/* Where a walk over replies is: left are bytes of one or more replies that were WHOLE. */
typedef struct xkv__resp_cursor {
    const unsigned char *at, *end;
} xkv__resp_cursor;

static inline xkv__resp_cursor xkv__resp_cursor_on(xkv_bytes reply) {
    const unsigned char *data = reply.data;
    return (xkv__resp_cursor){data, data + reply.len};
}

/* The next item, depth first: after an array come its members. False at the end. */
bool xkv__resp_next(xkv__resp_cursor *cursor, xkv__resp_item *item);

/* Passes over the next item with all that is in it. */
void xkv__resp_skip(xkv__resp_cursor *cursor);

/* The whole number of 64 bits that an INTEGER is, or a TEXT of such digits. False for all
 * else. */
bool xkv__resp_integer(const xkv__resp_item *item, int64_t *number);

#endif
