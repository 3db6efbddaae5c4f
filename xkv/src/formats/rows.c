/*
 * rows.c - see rows.h
 *
 * Where the bytes end in the
 * middle of something (a character, a delimiter, CR LF, a quote that may be the first of two) it is
 * left to the next piece.
 */
#include "formats/rows.h"

#include "base/sys.h"
#include "base/text.h"
#include "formats/reader.h"

/* What is looked through, and what is known of what follows. */
struct piece {
    const unsigned char *data;
    size_t len;
    bool at_end; /* nothing follows */
    xkv__taken *taken;
};

void xkv__row_init(xkv__row *row, xkv_bytes delimiter) {
    memset(row, 0, sizeof *row);
    row->delimiter = delimiter;
    row->stop = xkv__stop_of(delimiter);
}

void xkv__row_free(xkv__row *row) {
    xkv__free(row->cells);
    row->cells = NULL;
}

void xkv__row_begin(xkv__row *row, uint64_t line) {
    row->count = row->at = row->line_from = 0;
    row->line = line;
    row->state = XKV__CELL_BEGINS;
}

static xkv__place place_of(const xkv__row *row, const struct piece *piece) {
    return (xkv__place){row->line, row->at - row->line_from + 1, piece->taken->place.record};
}

/* BAD, for a reason that begins with where the row has been looked through to. */
static xkv__step bad_here(const xkv__row *row, const struct piece *piece, const char *words) {
    piece->taken->place = place_of(row, piece);
    return xkv__reader_bad(piece->taken, "%s", words);
}

/* -- Cells ------------------------------------------------------------------- */

static xkv__step begin_cell(xkv__row *row, const struct piece *piece) {
    if (row->count == row->room) {
        size_t room = row->room ? row->room * 2 : 16;
        xkv__cell *cells = xkv__resize(row->cells, room * sizeof *cells);
        if (!cells)
            return xkv__reader_error(piece->taken, XKV_E_STORE_FULL);
        row->cells = cells;
        row->room = room;
    }
    if (row->count == XKV__FIELDS_MAX) {
        piece->taken->place = place_of(row, piece);
        return xkv__reader_bad(piece->taken, "the row has more than %d fields", XKV__FIELDS_MAX);
    }
    row->cells[row->count++] = (xkv__cell){row->at, row->at, false, false};
    row->state = XKV__CELL_PLAIN;
    return XKV__ONE;
}

static xkv__cell *last_cell(xkv__row *row) {
    return &row->cells[row->count - 1];
}

/* What begins a cell; a quote is seen only where there is one. */
static xkv__step open_cell(xkv__row *row, const struct piece *piece) {
    xkv__step step = begin_cell(row, piece);

    if (step != XKV__ONE || row->at == piece->len || piece->data[row->at] != '"')
        return step;
    row->open = place_of(row, piece);
    row->at++;
    last_cell(row)->quoted = true;
    last_cell(row)->from = row->at;
    row->state = XKV__CELL_QUOTED;
    return XKV__ONE;
}

/* Whether so few bytes are left that a character or delimiter may be cut. */
static bool may_be_cut(const xkv__row *row, const struct piece *piece) {
    return !piece->at_end && piece->len - row->at < 4;
}

static bool at_delimiter(const xkv__row *row, const struct piece *piece) {
    return xkv__is_delimiter(piece->data + row->at, piece->data + piece->len, row->delimiter);
}

/* Passes over a character that is not ASCII. */
static xkv__step pass_character(xkv__row *row, const struct piece *piece) {
    if (may_be_cut(row, piece))
        return XKV__MORE;
    size_t len = xkv__utf8_sequence(piece->data + row->at, piece->len - row->at);
    if (len == 0)
        return bad_here(row, piece, "it is not UTF-8");
    row->at += len;
    return XKV__ONE;
}

/* Passes over a line end, CR, LF or both; MORE if it may be cut. */
static xkv__step pass_line_end(xkv__row *row, const struct piece *piece) {
    const unsigned char *at = piece->data + row->at;
    size_t left = piece->len - row->at;

    if (*at == '\r' && left == 1 && !piece->at_end)
        return XKV__MORE;
    row->at += *at == '\r' && left > 1 && at[1] == '\n' ? 2 : 1;
    row->line++;
    row->line_from = row->at;
    return XKV__ONE;
}

static inline size_t skip_from(size_t at, const struct piece *piece, unsigned char stop) {
    return (size_t)(xkv__skip_plain(piece->data + at, piece->data + piece->len, stop) -
                    piece->data);
}

/* -- Plain cells ------------------------------------------------------------- */

/* What has to be looked at in a plain cell. *over: the row ends with it. */
static xkv__step pass_in_plain(xkv__row *row, const struct piece *piece, bool *over) {
    unsigned char c = piece->data[row->at];

    if (at_delimiter(row, piece)) {
        last_cell(row)->to = row->at;
        row->at += row->delimiter.len;
        row->state = XKV__CELL_BEGINS;
        return XKV__ONE;
    }
    if (c == '\r' || c == '\n') {
        last_cell(row)->to = row->at;
        *over = true;
        return pass_line_end(row, piece);
    }
    if (c == '"')
        return bad_here(row, piece, "a quote stands in a field that does not begin with one");
    if (c >= 0x80)
        return pass_character(row, piece);
    row->at++;
    return XKV__ONE;
}

static xkv__step scan_plain(xkv__row *row, const struct piece *piece, bool *over) {
    xkv__step step = XKV__ONE;

    while (step == XKV__ONE && row->state == XKV__CELL_PLAIN && !*over) {
        row->at = skip_from(row->at, piece, row->stop);
        if (row->at == piece->len) {
            last_cell(row)->to = row->at;
            *over = piece->at_end;
            return piece->at_end ? XKV__ONE : XKV__MORE;
        }
        step = pass_in_plain(row, piece, over);
    }
    return step;
}

/* -- Quoted cells ------------------------------------------------------------ */

/* A quote: the first of two, or the last one. */
static xkv__step pass_quote(xkv__row *row, const struct piece *piece) {
    size_t left = piece->len - row->at;

    if (left == 1 && !piece->at_end)
        return XKV__MORE;
    if (left > 1 && piece->data[row->at + 1] == '"') {
        last_cell(row)->doubled = true;
        row->at += 2;
        return XKV__ONE;
    }
    last_cell(row)->to = row->at++;
    row->state = XKV__CELL_CLOSED;
    return XKV__ONE;
}

static xkv__step pass_in_quotes(xkv__row *row, const struct piece *piece) {
    unsigned char c = piece->data[row->at];

    if (c == '"')
        return pass_quote(row, piece);
    if (c == '\r' || c == '\n')
        return pass_line_end(row, piece);
    if (c >= 0x80)
        return pass_character(row, piece);
    row->at++;
    return XKV__ONE;
}

static xkv__step scan_quoted(xkv__row *row, const struct piece *piece) {
    xkv__step step = XKV__ONE;

    while (step == XKV__ONE && row->state == XKV__CELL_QUOTED) {
        row->at = skip_from(row->at, piece, '"');
        if (row->at < piece->len) {
            step = pass_in_quotes(row, piece);
        } else if (piece->at_end) {
            piece->taken->place = row->open;
            return xkv__reader_bad(piece->taken, "the quote that begins here has no end");
        } else {
            return XKV__MORE;
        }
    }
    return step;
}

/* Behind the closing quote. */
static xkv__step scan_closed(xkv__row *row, const struct piece *piece, bool *over) {
    if (row->at == piece->len) {
        *over = piece->at_end;
        return piece->at_end ? XKV__ONE : XKV__MORE;
    }
    unsigned char c = piece->data[row->at];
    if (c == '\r' || c == '\n') {
        *over = true;
        return pass_line_end(row, piece);
    }
    if (c >= 0x80 && may_be_cut(row, piece))
        return XKV__MORE;
    if (!at_delimiter(row, piece))
        return bad_here(row, piece, "something stands behind the quote that ends a field");
    row->at += row->delimiter.len;
    row->state = XKV__CELL_BEGINS;
    return XKV__ONE;
}

/* -- Simple cells ------------------------------------------------------------ */

/* How many more cells there is room for, of those that a row may have. */
static size_t cells_left(const xkv__row *row) {
    return (row->room < XKV__FIELDS_MAX ? row->room : XKV__FIELDS_MAX) - row->count;
}

/* Marks what may not be passed over in a simple cell: a quote, the delimiter, a control character
 * up to CR, and what is not ASCII. Each is marked exactly: the sums stay within their bytes. */
static inline uint64_t mark_special(uint64_t eight, uint64_t delimiters) {
    const uint64_t low = eight & ~XKV__MARKS, most = XKV__EIGHT(0x7F);
    uint64_t others = (low + XKV__EIGHT(0x7F - '\r')) & ((low ^ XKV__EIGHT('"')) + most) &
                      ((low ^ delimiters) + most);

    return (eight | ~others) & XKV__MARKS;
}

/* From the quote that opens a cell to the one that closes it, if nothing but text stands between
 * them, and two bytes or more behind them; else NULL. */
static inline const unsigned char *skip_quoted(const unsigned char *open,
                                               const unsigned char *end) {
    const unsigned char *close = xkv__skip_plain(open + 1, end, '"');

    return end - close > 2 && *close == '"' ? close : NULL;
}

static inline void put_cell(xkv__row *row, const struct piece *piece, const unsigned char *from,
                            const unsigned char *to, bool quoted) {
    row->cells[row->count++] =
        (xkv__cell){(size_t)(from - piece->data), (size_t)(to - piece->data), quoted, false};
}

/* Ends the row with the line end that stands at a place, which is not the last one. */
static inline void end_row(xkv__row *row, const struct piece *piece, const unsigned char *at) {
    row->at = (size_t)(at - piece->data) + (*at == '\r' && at[1] == '\n' ? 2 : 1);
    row->line_from = row->at;
    row->line++;
}

/*
 * Takes cells from the beginning of one on, as long as they are simple; whether the row ends with
 * them.
 *
 * This is what makes most files fast: it does nothing that the rest of this file would not do. A
 * simple cell is plain, or lies in quotes with nothing but ASCII between them on one line, and a
 * delimiter of one byte or a line end is behind it. Eight bytes are looked at once for what ends a
 * cell, and all that is marked in them is gone through, since cells are short. Behind quotes, and
 * behind a character that is not ASCII, eight others are taken. Only cells that are complete are
 * taken: at the first byte that is not as it should be, for want of room for cells, and where the
 * piece has no more than eight bytes left, row->at is where a cell begins, and the state is as it
 * was. So whatever is wrong, cut or long is found by those functions that can name it; they look
 * for a second time at the beginning of one cell in a piece.
 */
static bool take_simple(xkv__row *row, const struct piece *piece) {
    const unsigned char *from = piece->data + row->at, *end = piece->data + piece->len, *next;
    const uint64_t delimiters = XKV__EIGHT(row->stop);
    size_t left = cells_left(row);

    for (const unsigned char *at = from; left > 0 && end - at > 8; at = next) {
        uint64_t marks = mark_special(xkv__load_eight(at), delimiters);
        next = at + 8;
        for (; marks && left > 0; marks &= marks - 1) {
            const unsigned char *to = at + xkv__first_mark(marks), *behind = to;
            const bool quoted = *to == '"';
            if (quoted) {
                if (to != from || !(to = skip_quoted(from, end)))
                    return false;
                behind = to + 1;
                next = behind + 1;
                marks = 0;
            }
            const bool ends = *behind == '\n' || *behind == '\r';
            if (*behind == row->stop || ends) {
                put_cell(row, piece, from + quoted, to, quoted);
                if (ends) {
                    end_row(row, piece, behind);
                    return true;
                }
                from = behind + 1;
                row->at = (size_t)(from - piece->data);
                left--;
            } else if (quoted) {
                return false;
            } else if (*behind >= 0x80) {
                next = behind + xkv__utf8_sequence(behind, (size_t)(end - behind));
                if (next == behind)
                    return false;
                marks = 0;
            }
        }
    }
    return false;
}

/* -- Rows -------------------------------------------------------------------- */

/* A cell begins where there is a byte to see, or nothing more to come. */
static xkv__step scan_begin(xkv__row *row, const struct piece *piece, bool *over) {
    *over = row->stop != '"' && take_simple(row, piece);
    if (*over)
        return XKV__ONE;
    if (row->at == piece->len && !piece->at_end)
        return XKV__MORE;
    return open_cell(row, piece);
}

static xkv__step scan_piece(xkv__row *row, const struct piece *piece) {
    xkv__step step = XKV__ONE;
    bool over = false;

    while (step == XKV__ONE && !over) {
        switch (row->state) {
        case XKV__CELL_BEGINS:
            step = scan_begin(row, piece, &over);
            break;
        case XKV__CELL_PLAIN:
            step = scan_plain(row, piece, &over);
            break;
        case XKV__CELL_QUOTED:
            step = scan_quoted(row, piece);
            break;
        case XKV__CELL_CLOSED:
            step = scan_closed(row, piece, &over);
            break;
        }
    }
    return step;
}

static xkv__step too_long(xkv__taken *taken, xkv__place place) {
    taken->place = place;
    return xkv__reader_bad(taken, "the row is longer than %d bytes", XKV__RECORD_MAX);
}

xkv__step xkv__row_scan(xkv__row *row, xkv_bytes bytes, bool at_end, xkv__taken *taken) {
    const size_t most = XKV__RECORD_MAX + 2; /* 2: CR and LF */
    const xkv__place place = taken->place;
    struct piece piece = {bytes.data, bytes.len, at_end, taken};

    if (at_end && bytes.len == 0)
        return XKV__OVER;
    if (bytes.len > most) { /* a row that is too long is so whatever comes in it */
        piece.len = most;
        piece.at_end = false;
    }
    xkv__step step = scan_piece(row, &piece);
    if (step == XKV__MORE)
        return bytes.len > most ? too_long(taken, place) : step;
    if (step == XKV__ONE && last_cell(row)->to + last_cell(row)->quoted > XKV__RECORD_MAX)
        return too_long(taken, place);
    return step;
}
