/*
 * csv_write.c - rows of CSV (RFC 4180), of what members of objects are
 *
 * Text is put in quotes only where it needs them, and where it is empty, so that it differs from
 * what is null or missing. A row of one field that has nothing in it is in quotes, too: it
 * would be a blank line, which is no row.
 */
#include "formats/csv_write.h"

#include "base/error.h"
#include "base/sys.h"
#include "base/text.h"
#include "formats/columns.h"
#include "formats/copy.h"
#include "formats/foreign.h"
#include "formats/json_text.h"
#include "formats/rows.h"

/* -- Columns ----------------------------------------------------------------- */

/* The columns that are written, and what an entry has in them. */
struct xkv__columns {
    xkv_bytes *names, *values; /* values: as JSON has them; without data if there is none */
    size_t count;
    bool escaped; /* there is a backslash in a name */
    xkv_bytes room[];
};

static size_t count_items(xkv_bytes items) {
    size_t at = 0, count = 0;
    xkv_item item;

    while (xkv_item_next(items, &at, &item))
        count++;
    return count;
}

xkv__columns *xkv__columns_new(xkv_bytes items) {
    size_t count = count_items(items), at = 0;
    xkv__columns *columns = xkv__alloc(sizeof *columns + 2 * count * sizeof(xkv_bytes));
    xkv_item item;

    if (!columns)
        return NULL;
    *columns = (xkv__columns){columns->room, columns->room + count, 0, false};
    while (xkv_item_next(items, &at, &item)) {
        columns->names[columns->count++] = item.text;
        columns->escaped |= item.text.len > 0 && memchr(item.text.data, '\\', item.text.len);
    }
    return columns;
}

void xkv__columns_free(xkv__columns *columns) {
    xkv__free(columns);
}

static int refuse_column(size_t i, xkv_bytes name, const char *why) {
    char quoted[XKV__QUOTE_SIZE];

    return xkv__fail(XKV_E_INVALID_OPTIONS, "columns[%zu] is %s%s", i, xkv__quote(name, quoted),
                     why);
}

static int check_column(const xkv__layout *layout, size_t i, xkv_bytes name) {
    if (name.len == 0)
        return refuse_column(i, name, "; columns need names");
    if (!xkv__is_utf8(name))
        return refuse_column(i, name, ", which is not UTF-8");
    if (memchr(name.data, '\0', name.len))
        return refuse_column(i, name, "; a file with NUL in its header would pass for UTF-16");
    if (layout->include_key && xkv__compare(name, xkv_text("key")) == 0)
        return refuse_column(i, name, ", the column that includeKey writes; leave one of them out");
    return XKV_OK;
}

static int check_repeated(const xkv__columns *columns) {
    size_t repeated, first;
    int error = xkv__find_repeated(columns->names, columns->count, &repeated, &first);

    if (error != XKV_OK || repeated == columns->count)
        return error;
    return refuse_column(repeated, columns->names[repeated], ", which is there before");
}

static int check_columns(const xkv__layout *layout, const xkv__columns *columns) {
    int error = XKV_OK;

    if (columns->count == 0)
        return xkv__fail(XKV_E_INVALID_OPTIONS, "columns must have at least one name");
    if (columns->count + layout->include_key > XKV__FIELDS_MAX)
        return xkv__fail(XKV_E_INVALID_OPTIONS,
                         "columns has %zu names, and a row at most %d fields", columns->count,
                         XKV__FIELDS_MAX);
    for (size_t i = 0; error == XKV_OK && i < columns->count; i++)
        error = check_column(layout, i, columns->names[i]);
    return error == XKV_OK ? check_repeated(columns) : error;
}

int xkv__csv_check(const xkv__layout *layout) {
    int error = xkv__check_delimiter(xkv__delimiter_of(layout->delimiter));

    if (error != XKV_OK)
        return error;
    if (layout->serialization == XKV_BINARY)
        return xkv__fail(XKV_E_INVALID_OPTIONS,
                         "CSV holds members of objects, which a store of binary values does not "
                         "have; export JSONL");
    return check_columns(layout, layout->columns);
}

/* -- Fields ------------------------------------------------------------------ */

static bool is_space(unsigned char c) {
    return c == ' ' || c == '\t';
}

/* Whether a text has to be in quotes. */
static bool needs_quotes(xkv_bytes text, xkv_bytes delimiter) {
    const unsigned char *at = text.data, *end = at + text.len;
    const unsigned char stop = xkv__stop_of(delimiter);

    if (text.len == 0 || is_space(*at) || is_space(end[-1]))
        return true;
    if (text.len >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0)
        return true; /* else it could pass for a byte order mark */
    for (; (at = xkv__skip_plain(at, end, stop)) < end; at++) {
        if (*at == '"' || *at == '\r' || *at == '\n' || xkv__is_delimiter(at, end, delimiter))
            return true;
    }
    return false;
}

static size_t count_quotes(xkv_bytes text) {
    const unsigned char *at = text.data, *end = at + text.len;
    size_t count = 0;

    for (; (at = memchr(at, '"', (size_t)(end - at))); at++)
        count++;
    return count;
}

/* Puts what a buffer has behind from into quotes, if it needs them. */
static void finish_field(xkv__buffer *out, size_t from, xkv_bytes delimiter) {
    xkv_bytes text = {out->data + from, out->len - from};

    if (out->error != XKV_OK || !needs_quotes(text, delimiter))
        return;
    size_t more = count_quotes(text) + 2;
    if (!xkv__buffer_reserve(out, more))
        return;
    unsigned char *end = out->data + out->len, *to = end + more;
    *--to = '"';
    for (size_t left = text.len; left > 0; left--) {
        *--to = *--end;
        if (*end == '"')
            *--to = '"';
    }
    *--to = '"';
    out->len += more;
}

/* Copies text whole that clearly needs no quotes, which is most of what there is; whether it did.
 * An escape of JSON cannot be copied either. */
static inline bool append_plain(xkv_bytes text, xkv_bytes delimiter, xkv__buffer *out) {
    const unsigned char *first = text.data, stop = *(const unsigned char *)delimiter.data;
    unsigned char *at = xkv__buffer_reserve(out, text.len);

    if (!at || text.len == 0 || stop >= 0x80 || *first == ' ' || first[text.len - 1] == ' ' ||
        *first == 0xEF || xkv__copy_plain(at, first, text.len, stop) < text.len)
        return false;
    out->len += text.len;
    return true;
}

static void append_field(xkv_bytes text, xkv_bytes delimiter, xkv__buffer *out) {
    size_t from = out->len;

    if (append_plain(text, delimiter, out) || !xkv__buffer_reserve(out, text.len))
        return;
    xkv__buffer_append(out, text.data, text.len);
    finish_field(out, from, delimiter);
}

/* -- Entries ----------------------------------------------------------------- */

static const char *kind_of(unsigned char first) {
    return first == '[' ? "an array" : "an object";
}

static int refuse_member(xkv_bytes key, xkv_bytes name, const char *is, const char *why) {
    char key_quoted[XKV__QUOTE_SIZE], name_quoted[XKV__QUOTE_SIZE];

    return xkv__fail(XKV_E_VALUE_PARSE, "the member %s of the value of %s is %s; %s",
                     xkv__quote(name, name_quoted), xkv__quote(key, key_quoted), is, why);
}

/* Appends the field of a column. */
static int append_member(xkv_bytes key, xkv_bytes name, xkv_bytes value, xkv_bytes delimiter,
                         xkv__buffer *out) {
    const unsigned char *first = value.data;
    size_t before = out->len;
    xkv_bytes inside, text = value;

    if (!first || *first == 'n')
        return XKV_OK;
    if (*first == '{' || *first == '[')
        return refuse_member(key, name, kind_of(*first), "CSV holds text, numbers, true and false");
    bool is_text = xkv__json_is_string(value, &inside);
    if (append_plain(is_text ? inside : value, delimiter, out))
        return XKV_OK;
    if (is_text && !xkv__json_meaning(inside, out, &text))
        return out->error != XKV_OK
                   ? out->error
                   : refuse_member(key, name, "text with one half of a surrogate pair",
                                   "a file of UTF-8 cannot hold that");
    if (out->len > before)
        finish_field(out, before, delimiter);
    else
        append_field(text, delimiter, out);
    return out->error;
}

static bool is_name(xkv_bytes one, xkv_bytes other) {
    return one.len == other.len && memcmp(one.data, other.data, one.len) == 0;
}

/* The column of a name, count if there is none. first: which one is likely. */
static size_t find_column(const xkv__columns *columns, size_t first, xkv_bytes name) {
    for (size_t n = 0; n < columns->count; n++) {
        size_t i = first + n < columns->count ? first + n : first + n - columns->count;
        if (is_name(columns->names[i], name))
            return i;
    }
    return columns->count;
}

/* Notes a member's value if it belongs to a column. *next: which one is likely. A name that is like
 * one without a backslash means just that. */
static int note_member(const xkv__member *member, xkv__columns *columns, size_t *next,
                       xkv__buffer *scratch) {
    xkv_bytes name = member->name;
    size_t i = *next;

    if (columns->escaped || !is_name(columns->names[i], name)) {
        scratch->len = 0;
        if (!xkv__json_meaning(member->name, scratch, &name))
            return scratch->error; /* a lone surrogate: no column is called so */
        i = find_column(columns, i, name);
    }
    if (i < columns->count) {
        columns->values[i] = member->value;
        *next = i + 1 < columns->count ? i + 1 : 0;
    }
    return XKV_OK;
}

static int not_an_object(const xkv__layout *layout, xkv_bytes key, const xkv__json *json) {
    char quoted[XKV__QUOTE_SIZE];

    if (json->flaw && layout->serialization == XKV_JSON)
        return xkv__foreign_value(key, "not JSON");
    return xkv__fail(XKV_E_VALUE_PARSE, "the value of %s is %s; CSV holds members of objects",
                     xkv__quote(key, quoted), json->flaw ? "not JSON" : "no object");
}

/* Finds the values of the columns; of two members with one name the last one. */
static int note_members(const xkv__layout *layout, xkv_bytes key, xkv_bytes value,
                        xkv__columns *columns) {
    xkv__buffer scratch = {NULL, 0, 0, XKV_OK};
    xkv__json json = xkv__json_on(value);
    xkv__member member = {{NULL, 0}, {NULL, 0}};
    size_t next = 0;
    int error = XKV_OK;

    memset(columns->values, 0, columns->count * sizeof *columns->values);
    if (!xkv__json_object(&json)) {
        xkv__json_valid(value, &json);
        return not_an_object(layout, key, &json);
    }
    while (error == XKV_OK && xkv__json_member(&json, &member))
        error = note_member(&member, columns, &next, &scratch);
    xkv__buffer_free(&scratch);
    if (error == XKV_OK && (json.flaw || !xkv__json_over(&json)))
        error = not_an_object(layout, key, &json);
    return error;
}

static int append_row(const xkv__layout *layout, xkv_bytes key, const xkv__columns *columns,
                      xkv__buffer *out) {
    xkv_bytes delimiter = xkv__delimiter_of(layout->delimiter);
    size_t before = out->len;
    int error = XKV_OK;

    if (layout->include_key)
        append_field(key, delimiter, out);
    for (size_t i = 0; error == XKV_OK && i < columns->count; i++) {
        if (i > 0 || layout->include_key)
            xkv__buffer_append(out, delimiter.data, delimiter.len);
        error = append_member(key, columns->names[i], columns->values[i], delimiter, out);
    }
    if (out->len == before)
        xkv__buffer_append(out, "\"\"", 2);
    xkv__buffer_append(out, "\r\n", 2);
    return error == XKV_OK ? out->error : error;
}

int xkv__csv_entry(const xkv__layout *layout, xkv_bytes key, xkv_bytes value, xkv__buffer *out) {
    size_t before = out->len;

    if (!xkv__is_utf8(key))
        return xkv__foreign_key(key);
    int error = note_members(layout, key, value, layout->columns);
    if (error == XKV_OK)
        error = append_row(layout, key, layout->columns, out);
    if (error != XKV_OK)
        out->len = before;
    return error;
}

int xkv__csv_head(const xkv__layout *layout, xkv__buffer *out) {
    xkv_bytes delimiter = xkv__delimiter_of(layout->delimiter);
    const xkv__columns *columns = layout->columns;

    if (layout->include_key)
        append_field(xkv_text("key"), delimiter, out);
    for (size_t i = 0; i < columns->count; i++) {
        if (i > 0 || layout->include_key)
            xkv__buffer_append(out, delimiter.data, delimiter.len);
        append_field(columns->names[i], delimiter, out);
    }
    xkv__buffer_append(out, "\r\n", 2);
    return out->error;
}
