/* columns.c - see columns.h */
#include "formats/columns.h"

#include "base/buffer.h"
#include "base/error.h"
#include "base/sys.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

xkv_bytes xkv__delimiter_of(xkv_bytes delimiter) {
    return delimiter.len > 0 ? delimiter : xkv_text(",");
}

int xkv__check_delimiter(xkv_bytes delimiter) {
    const unsigned char *first = delimiter.data;
    char quoted[XKV__QUOTE_SIZE];

    if (xkv__utf8_sequence(first, delimiter.len) != delimiter.len)
        return xkv__fail(XKV_E_INVALID_OPTIONS, "the delimiter must be one character, and is %s",
                         xkv__quote(delimiter, quoted));
    if (*first == '"' || *first == '\r' || *first == '\n' || *first == '\0')
        return xkv__fail(XKV_E_INVALID_OPTIONS,
                         "the delimiter must not be a quote, a line end or NUL, and is %s",
                         xkv__quote(delimiter, quoted));
    return XKV_OK;
}

/* By name; of those with one name by their place. */
static int compare_names(const void *a, const void *b) {
    const xkv_bytes *one = *(const xkv_bytes *const *)a, *other = *(const xkv_bytes *const *)b;
    int order = xkv__compare(*one, *other);

    return order ? order : (one > other) - (one < other);
}

int xkv__find_repeated(const xkv_bytes *names, size_t count, size_t *repeated, size_t *first) {
    const xkv_bytes **sorted = xkv__alloc(count * sizeof *sorted);

    if (!sorted)
        return XKV_E_STORE_FULL;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &names[i];
    qsort(sorted, count, sizeof *sorted, compare_names);
    *repeated = *first = count;
    for (size_t i = 1; i < count; i++) {
        size_t index = (size_t)(sorted[i] - names);
        if (index < *repeated && xkv__compare(*sorted[i - 1], *sorted[i]) == 0) {
            *repeated = index;
            *first = (size_t)(sorted[i - 1] - names);
        }
    }
    xkv__free(sorted);
    return XKV_OK;
}

/* -- Columns that are not there ---------------------------------------------- */

enum { COLUMNS_SHOWN = 20 };

/* Writes the first names, and how many more there are. */
static void list_names(const xkv_bytes *names, size_t count, char *out, size_t size) {
    char quoted[XKV__QUOTE_SIZE];
    size_t len = 0;

    for (size_t i = 0; i < count && i < COLUMNS_SHOWN; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? ", " : "",
                                xkv__quote(names[i], quoted));
    if (count > COLUMNS_SHOWN)
        snprintf(out + len, size - len, " and %zu more", count - COLUMNS_SHOWN);
}

/* Appends a name with a NUL, as xkv_nearest wants it; where it lies is yet to move. */
static void append_name(xkv__buffer *buffer, xkv_bytes name) {
    xkv__buffer_append(buffer, name.data, name.len);
    xkv__buffer_append_byte(buffer, '\0');
}

/* Copies the name that is nearest to a word into out, quoted; "" if none is near or memory is
 * short: without the hint the message says enough. */
static void find_nearest(xkv_bytes word, const xkv_bytes *names, size_t count,
                         char out[XKV__QUOTE_SIZE]) {
    xkv__buffer texts = {NULL, 0, 0, XKV_OK};
    const char **all = xkv__alloc(count * sizeof *all);
    size_t at = word.len + 1;

    *out = '\0';
    append_name(&texts, word);
    for (size_t i = 0; i < count; i++)
        append_name(&texts, names[i]);
    if (all && texts.error == XKV_OK) {
        for (size_t i = 0; i < count; at += names[i].len + 1, i++)
            all[i] = (const char *)texts.data + at;
        const char *nearest = xkv_nearest((const char *)texts.data, all, count);
        if (nearest)
            xkv__quote(xkv_text(nearest), out);
    }
    xkv__free(all);
    xkv__buffer_free(&texts);
}

int xkv__no_such_column(xkv_bytes name, const xkv_bytes *names, size_t count) {
    char quoted[XKV__QUOTE_SIZE], nearest[XKV__QUOTE_SIZE];
    char list[(COLUMNS_SHOWN + 1) * (XKV__QUOTE_SIZE + 2)];

    find_nearest(name, names, count, nearest);
    list_names(names, count, list, sizeof list);
    return xkv__fail(XKV_E_INVALID_OPTIONS, "there is no column %s%s%s%s; there are %s",
                     xkv__quote(name, quoted), *nearest ? " (did you mean " : "", nearest,
                     *nearest ? "?)" : "", list);
}
