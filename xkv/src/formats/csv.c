/*
 * csv.c - rows of CSV, each of which becomes an object of its cells
 *
 * The object is text of JSON, whatever the store holds: in one of strings or bytes it is what the
 * value's text is, for scripts to read with JSON.parse.
 */
#include "base/error.h"
#include "base/json_parts.h"
#include "base/sys.h"
#include "base/text.h"
#include "formats/columns.h"
#include "formats/copy.h"
#include "formats/csv_write.h"
#include "formats/json_text.h"
#include "formats/reader.h"
#include "formats/rows.h"

#include <stdio.h>

/* So many bytes of a label are copied at once. */
enum { LABEL_STEP = 16 };

struct csv_reader {
    xkv__reader base;
    xkv__row row;

    /* Of the columns, once they are known: what comes before each one's value, that is a bracket or
     * comma, the name and a colon, and where that ends. */
    size_t columns, key_column;
    xkv__buffer labels;
    size_t *label_ends;
};

/* -- Cells ------------------------------------------------------------------- */

/* Copies text in which each quote is doubled, and leaves out the second ones. */
static void append_halved(xkv_bytes text, xkv__buffer *out) {
    const unsigned char *at = text.data, *end = at + text.len, *quote;

    while ((quote = memchr(at, '"', (size_t)(end - at)))) {
        xkv__buffer_append(out, at, (size_t)(quote + 1 - at));
        at = quote + 2;
    }
    xkv__buffer_append(out, at, (size_t)(end - at));
}

static xkv_bytes halved(struct csv_reader *reader, xkv_bytes text) {
    reader->base.text.len = 0;
    append_halved(text, &reader->base.text);
    return xkv__buffer_bytes(&reader->base.text);
}

/* What stands in a cell: a piece of the row, or of the text. */
static inline xkv_bytes cell_text(struct csv_reader *reader, const unsigned char *row,
                                  const xkv__cell *cell) {
    xkv_bytes text = {row + cell->from, cell->to - cell->from};
    return cell->doubled ? halved(reader, text) : text;
}

/* Whether a number of JSON is one in JavaScript, too, and not infinite. Only one with an exponent,
 * or very many digits, can be that. */
static bool is_finite(struct csv_reader *reader, xkv_bytes number) {
    if (number.len < 300 && !memchr(number.data, 'e', number.len) &&
        !memchr(number.data, 'E', number.len))
        return true;
    reader->base.text.len = 0;
    xkv__buffer_append(&reader->base.text, number.data, number.len);
    xkv__buffer_append_byte(&reader->base.text, '\0');
    if (reader->base.text.error != XKV_OK)
        return false;
    double value = xkv__read_double((const char *)reader->base.text.data);
    return value - value == 0;
}

/* Whether all digits of a number are kept by scripts, where numbers are doubles: not of long ones,
 * such as those of cards and accounts, which are text rather. */
static bool is_short(xkv_bytes number) {
    enum { DIGITS_KEPT = 15 };
    const unsigned char *at = number.data;
    size_t sign = *at == '-';

    if (number.len - sign <= DIGITS_KEPT)
        return true;
    return memchr(at, '.', number.len) || memchr(at, 'e', number.len) ||
           memchr(at, 'E', number.len);
}

/* Whether a text reads as a number, true or false. */
static bool looks_typed(struct csv_reader *reader, xkv_bytes text) {
    const unsigned char *at = text.data, *end = at + text.len;

    if (text.len == 0)
        return false;
    if (*at == '-' || (*at >= '0' && *at <= '9'))
        return xkv__json_number(at, end) == end && is_short(text) && is_finite(reader, text);
    return (text.len == 4 && memcmp(at, "true", 4) == 0) ||
           (text.len == 5 && memcmp(at, "false", 5) == 0);
}

/* As xkv__json_quote, which is asked only where there is something to escape. */
static inline void append_quoted(xkv_bytes text, xkv__buffer *out) {
    unsigned char *at = xkv__buffer_reserve(out, text.len + 2);

    if (!at)
        return;
    if (xkv__copy_plain(at + 1, text.data, text.len, '"') < text.len) {
        xkv__json_quote(text, out);
        return;
    }
    at[0] = at[text.len + 1] = '"';
    out->len += text.len + 2;
}

static inline void append_cell(struct csv_reader *reader, const unsigned char *row,
                               const xkv__cell *cell) {
    xkv_bytes text = cell_text(reader, row, cell);
    xkv__buffer *out = &reader->base.value;

    if (!reader->base.layout.types)
        append_quoted(text, out);
    else if (text.len == 0 && !cell->quoted)
        xkv__buffer_append(out, "null", 4);
    else if (looks_typed(reader, text))
        xkv__buffer_append(out, text.data, text.len);
    else
        append_quoted(text, out);
}

/* -- Columns ----------------------------------------------------------------- */

/* Names of columns, while they are made labels. */
struct names {
    xkv__buffer text;
    xkv_bytes *name;
    size_t count;
};

/* Appends the text of a header's cell, or without a header the number of the column. */
static void append_column(struct csv_reader *reader, const unsigned char *row, size_t i,
                          xkv__buffer *out) {
    char digits[24];

    if (reader->base.layout.no_header) {
        xkv__buffer_append(out, digits, (size_t)snprintf(digits, sizeof digits, "%zu", i));
        return;
    }
    xkv_bytes text = cell_text(reader, row, &reader->row.cells[i]);
    xkv__buffer_append(out, text.data, text.len);
}

static int make_names(struct csv_reader *reader, const unsigned char *row, struct names *names) {
    size_t from = 0;

    names->count = reader->row.count;
    names->name = xkv__alloc(names->count * sizeof *names->name);
    if (!names->name)
        return XKV_E_STORE_FULL;
    for (size_t i = 0; i < names->count; i++) {
        size_t before = names->text.len;
        append_column(reader, row, i, &names->text);
        names->name[i].len = names->text.len - before;
    }
    for (size_t i = 0; i < names->count; i++) { /* now they do not move any more */
        names->name[i].data = names->text.data + from;
        from += names->name[i].len;
    }
    return names->text.error != XKV_OK ? names->text.error : reader->base.text.error;
}

static xkv__step check_names(const struct names *names, xkv__taken *taken) {
    char quoted[XKV__QUOTE_SIZE];
    size_t repeated, first;

    for (size_t i = 0; i < names->count; i++) {
        if (names->name[i].len == 0)
            return xkv__reader_bad(taken, "field %zu of the header is empty, and must be a name",
                                   i + 1);
    }
    int error = xkv__find_repeated(names->name, names->count, &repeated, &first);
    if (error != XKV_OK)
        return xkv__reader_error(taken, error);
    if (repeated < names->count)
        return xkv__reader_bad(taken, "fields %zu and %zu of the header are both called %s",
                               first + 1, repeated + 1, xkv__quote(names->name[repeated], quoted));
    return XKV__ONE;
}

static xkv__step find_key_column(struct csv_reader *reader, const struct names *names,
                                 xkv__taken *taken) {
    xkv_bytes wanted = reader->base.layout.key_column;
    size_t i = 0;

    if (reader->base.layout.row_keys)
        return XKV__ONE;
    while (i < names->count && xkv__compare(names->name[i], wanted) != 0)
        i++;
    reader->key_column = i;
    if (i < names->count)
        return XKV__ONE;
    return xkv__reader_error(taken, xkv__no_such_column(wanted, names->name, names->count));
}

static int make_labels(struct csv_reader *reader, const struct names *names) {
    reader->label_ends = xkv__alloc(names->count * sizeof *reader->label_ends);
    if (!reader->label_ends)
        return XKV_E_STORE_FULL;
    for (size_t i = 0; i < names->count; i++) {
        xkv__buffer_append_byte(&reader->labels, i > 0 ? ',' : '{');
        xkv__json_quote(names->name[i], &reader->labels);
        xkv__buffer_append_byte(&reader->labels, ':');
        reader->label_ends[i] = reader->labels.len;
    }
    unsigned char *behind = xkv__buffer_reserve(&reader->labels, LABEL_STEP);
    if (behind)
        memset(behind, 0, LABEL_STEP);
    reader->columns = names->count;
    return reader->labels.error;
}

/* Learns the columns from the first row. */
static xkv__step take_columns(struct csv_reader *reader, const unsigned char *row,
                              xkv__taken *taken) {
    struct names names = {{NULL, 0, 0, XKV_OK}, NULL, 0};
    int error = make_names(reader, row, &names);
    xkv__step step = error == XKV_OK ? check_names(&names, taken) : xkv__reader_error(taken, error);

    if (step == XKV__ONE)
        step = find_key_column(reader, &names, taken);
    if (step == XKV__ONE && (error = make_labels(reader, &names)) != XKV_OK)
        step = xkv__reader_error(taken, error);
    xkv__free(names.name);
    xkv__buffer_free(&names.text);
    return step;
}

/* -- Rows -------------------------------------------------------------------- */

/* Appends a part of the labels, sixteen bytes at a time, which is less work than to ask for the few
 * that there are; behind the last label there is as much room. */
static inline void append_label(const struct csv_reader *reader, size_t from, size_t to,
                                xkv__buffer *out) {
    unsigned char *at = xkv__buffer_reserve(out, to - from + LABEL_STEP);

    if (!at)
        return;
    for (size_t i = 0; from + i < to; i += LABEL_STEP)
        memcpy(at + i, reader->labels.data + from + i, LABEL_STEP);
    out->len += to - from;
}

static void append_object(struct csv_reader *reader, const unsigned char *row) {
    xkv__buffer *out = &reader->base.value;
    size_t from = 0;

    out->len = 0;
    for (size_t i = 0; i < reader->columns; i++) {
        append_label(reader, from, reader->label_ends[i], out);
        append_cell(reader, row, &reader->row.cells[i]);
        from = reader->label_ends[i];
    }
    xkv__buffer_append_byte(out, '}');
}

/* Points to a cell, which may begin on a later line than its row. */
static void point_to_cell(const unsigned char *row, const xkv__cell *cell, xkv__taken *taken) {
    size_t at = cell->from - cell->quoted;

    taken->place.column = at + 1;
    for (size_t i = 0; i < at; i++) {
        if (row[i] != '\n' && (row[i] != '\r' || row[i + 1] == '\n'))
            continue;
        taken->place.line++;
        taken->place.column = at - i;
    }
}

/* Appends ten digits, or more if a number has more. */
static void append_number(uint64_t number, xkv__buffer *out) {
    unsigned char digits[20], *end = digits + sizeof digits, *at = end;

    for (; number > 0 || end - at < 10; number /= 10)
        *--at = (unsigned char)('0' + number % 10);
    xkv__buffer_append(out, at, (size_t)(end - at));
}

static xkv__step take_row_key(struct csv_reader *reader, const unsigned char *row,
                              xkv__taken *taken) {
    if (reader->base.layout.row_keys) {
        reader->base.text.len = 0;
        append_number(taken->place.record, &reader->base.text);
        if (reader->base.text.error != XKV_OK)
            return xkv__reader_error(taken, reader->base.text.error);
        return xkv__reader_key(&reader->base, xkv__buffer_bytes(&reader->base.text), taken);
    }
    const xkv__cell *cell = &reader->row.cells[reader->key_column];
    xkv_bytes key = cell_text(reader, row, cell);
    if (xkv__reader_key(&reader->base, key, taken) == XKV__ONE)
        return XKV__ONE;
    point_to_cell(row, cell, taken); /* what is wrong is said again, with its place */
    return xkv__reader_key(&reader->base, key, taken);
}

static xkv__step take_row(struct csv_reader *reader, const unsigned char *row, xkv__taken *taken) {
    const xkv__buffer *value = &reader->base.value;

    reader->base.record++;
    if (reader->row.count != reader->columns)
        return xkv__reader_bad(
            taken, "the row has %zu fields, and the %s has %zu", reader->row.count,
            reader->base.layout.no_header ? "first one" : "header", reader->columns);
    if (!reader->base.layout.check_only)
        append_object(reader, row);
    xkv__step step = take_row_key(reader, row, taken);
    taken->value = xkv__buffer_bytes(value);
    if (value->error != XKV_OK || reader->base.text.error != XKV_OK)
        return xkv__reader_error(taken, XKV_E_STORE_FULL);
    return step;
}

/* Makes use of a row that has been looked through. *taken_one: an entry was made of it. */
static xkv__step use_row(struct csv_reader *reader, const unsigned char *row, bool *taken_one,
                         xkv__taken *taken) {
    if (xkv__row_is_blank(&reader->row))
        return XKV__ONE;
    if (reader->columns == 0) {
        xkv__step step = take_columns(reader, row, taken);
        if (step != XKV__ONE || !reader->base.layout.no_header)
            return step;
    }
    *taken_one = true;
    return take_row(reader, row, taken);
}

/* Where the next row stands. */
static xkv__place next_place(const struct csv_reader *reader) {
    bool in_header = reader->columns == 0 && !reader->base.layout.no_header;
    return (xkv__place){reader->base.line, 1, in_header ? 0 : reader->base.record + 1};
}

static xkv__step csv_next(xkv__reader *base, xkv_bytes bytes, bool at_end, xkv__taken *taken) {
    struct csv_reader *reader = (struct csv_reader *)base;
    const unsigned char *data = bytes.data;
    bool taken_one = false;

    *taken = (xkv__taken){.used = 0};
    int error = xkv__check_delimiter(base->layout.delimiter);
    if (error != XKV_OK)
        return xkv__reader_error(taken, error);
    xkv__step step = xkv__reader_begin(base, bytes, at_end, &taken->used, taken);
    while (step == XKV__ONE && !taken_one) {
        xkv_bytes rest = {taken->used > 0 ? data + taken->used : data, bytes.len - taken->used};
        taken->place = next_place(reader);
        step = xkv__row_scan(&reader->row, rest, at_end, taken);
        if (step != XKV__ONE)
            break;
        step = use_row(reader, rest.data, &taken_one, taken);
        taken->used += reader->row.at;
        base->line = reader->row.line;
        xkv__row_begin(&reader->row, base->line);
    }
    return step;
}

static xkv__reader *csv_new(const xkv__layout *layout) {
    struct csv_reader *reader = (struct csv_reader *)xkv__reader_new(layout, sizeof *reader);

    if (!reader)
        return NULL;
    reader->base.layout.delimiter = xkv__delimiter_of(layout->delimiter);
    xkv__row_init(&reader->row, reader->base.layout.delimiter);
    xkv__row_begin(&reader->row, reader->base.line);
    return &reader->base;
}

static void csv_free(xkv__reader *base) {
    struct csv_reader *reader = (struct csv_reader *)base;

    if (!reader)
        return;
    xkv__row_free(&reader->row);
    xkv__buffer_free(&reader->labels);
    xkv__free(reader->label_ends);
    xkv__reader_free(base);
}

const xkv__format xkv__csv = {
    .name = "CSV",
    .count = "rows",
    .new = csv_new,
    .next = csv_next,
    .free = csv_free,
    .check = xkv__csv_check,
    .head = xkv__csv_head,
    .entry = xkv__csv_entry,
};
