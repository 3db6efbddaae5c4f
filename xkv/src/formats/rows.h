/*
 * rows.h - rows of CSV (RFC 4180): where their cells lie
 */
#ifndef XKV_FORMATS_ROWS_H
#define XKV_FORMATS_ROWS_H

#include "formats/eight.h"
#include "formats/format.h"

/* The byte to stop at for a delimiter; if that is not ASCII a quote, which is stopped at anyway. */
static inline unsigned char xkv__stop_of(xkv_bytes delimiter) {
    unsigned char first = *(const unsigned char *)delimiter.data;
    return first < 0x80 ? first : '"';
}

/* Whether a delimiter stands at a byte, of those up to end. */
static inline bool xkv__is_delimiter(const unsigned char *at, const unsigned char *end,
                                     xkv_bytes delimiter) {
    return *at == *(const unsigned char *)delimiter.data &&
           (delimiter.len == 1 || ((size_t)(end - at) >= delimiter.len &&
                                   memcmp(at, delimiter.data, delimiter.len) == 0));
}

/* The first byte that is more than text, or may be: a quote, stop, a control character up to CR,
 * and what is not ASCII. end if there is none. */
static inline const unsigned char *xkv__skip_plain(const unsigned char *at,
                                                   const unsigned char *end, unsigned char stop) {
    for (; end - at >= 8; at += 8) {
        uint64_t eight = xkv__load_eight(at);
        uint64_t marks = (eight | xkv__mark_below(eight, '\r' + 1) | xkv__mark_equal(eight, '"') |
                          xkv__mark_equal(eight, stop)) &
                         XKV__MARKS;
        if (marks)
            return at + xkv__first_mark(marks);
    }
    while (at<end && * at> '\r' && *at < 0x80 && *at != '"' && *at != stop)
        at++;
    return at;
}

/* A cell, by where it lies in its row; of a quoted one what is between the quotes. */
typedef struct xkv__cell {
    size_t from, to;
    bool quoted;
    bool doubled; /* quoted, with quotes in it, each of which is written twice */
} xkv__cell;

/*
 * A row that is looked through. The row may come in pieces: what is looked at once is not
 * looked at again, so however it comes it takes as long as it is.
 */
typedef struct xkv__row {
    xkv_bytes delimiter;
    unsigned char stop; /* what may begin a delimiter, if that is ASCII, else a quote */

    xkv__cell *cells;
    size_t count, room;

    size_t at; /* how far it has been looked through, and where the next row begins at last */
    size_t
        line_from; /* where the line begins in which that is, of those that quotes hold together */
    uint64_t line; /* its number */
    xkv__place open; /* where the quote is that was opened last */
    enum { XKV__CELL_BEGINS, XKV__CELL_PLAIN, XKV__CELL_QUOTED, XKV__CELL_CLOSED } state;
} xkv__row;

/* A row of cells between delimiters, which are kept by the caller. */
void xkv__row_init(xkv__row *row, xkv_bytes delimiter);
void xkv__row_free(xkv__row *row);

/* Begins with a row at a line. */
void xkv__row_begin(xkv__row *row, uint64_t line);

/* Looks through the row at the beginning of bytes, which come again, with more behind them, after
 * MORE. ONE: its cells are known, and the next row begins at row->at. BAD: *taken says why. OVER:
 * there is none. */
xkv__step xkv__row_scan(xkv__row *row, xkv_bytes bytes, bool at_end, xkv__taken *taken);

/* Whether a row has nothing in it, not even quotes. */
static inline bool xkv__row_is_blank(const xkv__row *row) {
    return row->count == 1 && !row->cells[0].quoted && row->cells[0].from == row->cells[0].to;
}

#endif
