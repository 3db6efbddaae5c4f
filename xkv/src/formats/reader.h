/*
 * reader.h - what readers of all formats have
 */
#ifndef XKV_FORMATS_READER_H
#define XKV_FORMATS_READER_H

#include "formats/format.h"

struct xkv__reader {
    xkv__layout layout;
    bool begun;             /* what may stand before all records has been passed over */
    size_t scanned;         /* bytes of the next record that have been looked at before */
    uint64_t line;          /* where the next record begins */
    uint64_t record;        /* how many have been taken */
    xkv__buffer key, value; /* of what was taken */
    xkv__buffer text;       /* of a piece, without what is escaped or doubled in it */
};

/* Room of size bytes for a reader, which its own struct begins with; NULL when memory is short. */
xkv__reader *xkv__reader_new(const xkv__layout *layout, size_t size);
void xkv__reader_free(xkv__reader *reader);

/* Passes over a byte order mark at the beginning of a file: *at goes behind it. ONE: go on
 * there; MORE, BAD: as of next. */
xkv__step xkv__reader_begin(xkv__reader *reader, xkv_bytes bytes, bool at_end, size_t *at,
                            xkv__taken *taken);

/* BAD, for a reason whose words begin with line and column of taken->place. */
xkv__step xkv__reader_bad(xkv__taken *taken, const char *format, ...) XKV__PRINTF(2, 3);

/* BAD, for a reason that has been given with this error, or needs none. */
xkv__step xkv__reader_error(xkv__taken *taken, int error);

/* Sets taken->key to the layout's prefix and a key (not of reader->key), or says what is wrong with
 * that. ONE or BAD. */
xkv__step xkv__reader_key(xkv__reader *reader, xkv_bytes key, xkv__taken *taken);

#endif
