/*
 * format.h - entries of a store as text files have them
 *
 * A format has a reader, which takes entries from the bytes of a file, and a writer, which
 * makes bytes of entries. Neither knows files: who uses them brings the bytes piece by
 * piece, and takes them away.
 */
#ifndef XKV_FORMATS_FORMAT_H
#define XKV_FORMATS_FORMAT_H

#include "base/buffer.h"

enum {
    XKV__RECORD_MAX = 64 << 20, /* bytes in a line of JSONL, or in a row of CSV */
    XKV__FIELDS_MAX = 10000,    /* in a row of CSV */
    XKV__NESTING_MAX = 10000    /* arrays and objects within each other, in JSON */
};

/* Columns of CSV that are written, and room for what one entry has in them: one export uses them at
 * a time. Made of items, which stay where they are; what is not text has the key's name. NULL when
 * memory is short. */
typedef struct xkv__columns xkv__columns;
xkv__columns *xkv__columns_new(xkv_bytes items);
void xkv__columns_free(xkv__columns *columns); /* NULL is allowed */

/* How entries stand in a file. Texts are the caller's, who keeps them. */
typedef struct xkv__layout {
    int serialization; /* xkv_serialization: of the store that they are of, or for */
    xkv_bytes prefix;  /* READING: stands before each key */

    /* Of CSV: */
    xkv_bytes delimiter; /* one character; empty: a comma */
    bool no_header;  /* READING: the first row is a record, and columns are called "0", "1" … */
    bool check_only; /* READING: what is taken has no value; as much is refused as else */
    bool types;      /* READING: what looks like a number, true, false or nothing is one */
    bool row_keys;   /* READING: keys are the number of the row, from 1, in ten digits */
    xkv_bytes key_column;  /* READING: else the column that holds the keys */
    xkv__columns *columns; /* WRITING: the members of values that are written */
    bool include_key;      /* WRITING: the key comes first, in the column "key" */
} xkv__layout;

/* Where something stands in a file. All count from 1; column in bytes. */
typedef struct xkv__place {
    uint64_t line, column;
    uint64_t record; /* of JSONL: lines that are not blank; of CSV: rows, its header is 0 */
} xkv__place;

typedef enum xkv__step {
    XKV__ONE,  /* an entry was taken */
    XKV__MORE, /* more bytes are needed: what was not used comes again, with more behind it */
    XKV__OVER, /* nothing is left */
    XKV__BAD   /* it cannot be read: error says why */
} xkv__step;

typedef struct xkv__reader xkv__reader;

/* What a reader has found. Key and value are valid until the next step, and have passed as
 * those of the store that the layout is for: a key of 1 to XKV_KEY_MAX bytes of UTF-8, a value of
 * its serialization. They may lie in the bytes that were given. */
typedef struct xkv__taken {
    size_t used; /* bytes, of those that were given, that are done with */
    xkv_bytes key, value;
    xkv__place place; /* of the entry, or of what is wrong */
    int error;        /* BAD: XKV_E_VALUE_PARSE, XKV_E_INVALID_OPTIONS for a column that is not
                       * there, XKV_E_STORE_FULL; the words are left to xkv__reason, with line
                       * and column, without the file's name */
} xkv__taken;

/*
 * A format: how to read it, and how to write it.
 *
 * new makes a reader of a layout, which stays where it is until free. NULL when memory is
 * short.
 *
 * next takes one entry from the beginning of bytes. at_end: the file ends behind them. After
 * BAD and OVER only free may follow.
 *
 * check says whether a layout can be written; head and entry append to a buffer what stands before
 * all entries, and one of them. XKV_OK, or XKV_E_INVALID_OPTIONS, XKV_E_VALUE_PARSE (the words name
 * the key, and the column), XKV_E_STORE_FULL.
 */
typedef struct xkv__format {
    const char *name;  /* "JSONL" */
    const char *count; /* what its records are called: "records" or "rows" */
    xkv__reader *(*new)(const xkv__layout *layout);
    xkv__step (*next)(xkv__reader *reader, xkv_bytes bytes, bool at_end, xkv__taken *taken);
    void (*free)(xkv__reader *reader); /* NULL is allowed */

    int (*check)(const xkv__layout *layout);
    int (*head)(const xkv__layout *layout, xkv__buffer *out);
    int (*entry)(const xkv__layout *layout, xkv_bytes key, xkv_bytes value, xkv__buffer *out);
} xkv__format;

extern const xkv__format xkv__jsonl, xkv__csv;

#endif
