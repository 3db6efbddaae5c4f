/* reader.c - see reader.h */
#include "formats/reader.h"

#include "base/error.h"
#include "base/sys.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>

xkv__reader *xkv__reader_new(const xkv__layout *layout, size_t size) {
    xkv__reader *reader = xkv__alloc(size);

    if (!reader)
        return NULL;
    memset(reader, 0, size);
    reader->layout = *layout;
    reader->line = 1;
    return reader;
}

void xkv__reader_free(xkv__reader *reader) {
    if (!reader)
        return;
    xkv__buffer_free(&reader->key);
    xkv__buffer_free(&reader->value);
    xkv__buffer_free(&reader->text);
    xkv__free(reader);
}

xkv__step xkv__reader_error(xkv__taken *taken, int error) {
    taken->error = error;
    return XKV__BAD;
}

xkv__step xkv__reader_bad(xkv__taken *taken, const char *format, ...) {
    char words[XKV_MESSAGE_SIZE - 64];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    return xkv__reader_error(taken, xkv__fail(XKV_E_VALUE_PARSE,
                                              "line %" PRIu64 ", column %" PRIu64 ": %s",
                                              taken->place.line, taken->place.column, words));
}

/* Text that is mostly of the first 256 characters has zeros in UTF-16. */
static bool is_utf16(const unsigned char *data, size_t len) {
    if (len > 0 && data[0] == 0)
        return true;
    return len > 1 && (data[1] == 0 || (data[0] == 0xFF && data[1] == 0xFE) ||
                       (data[0] == 0xFE && data[1] == 0xFF));
}

xkv__step xkv__reader_begin(xkv__reader *reader, xkv_bytes bytes, bool at_end, size_t *at,
                            xkv__taken *taken) {
    if (reader->begun)
        return XKV__ONE;
    if (bytes.len < 3 && !at_end)
        return XKV__MORE;
    reader->begun = true;
    if (bytes.len >= 3 && memcmp(bytes.data, "\xEF\xBB\xBF", 3) == 0)
        *at = 3;
    if (!is_utf16(bytes.data, bytes.len))
        return XKV__ONE;
    taken->place = (xkv__place){1, 1, 0};
    return xkv__reader_bad(taken, "the file is UTF-16; save it as UTF-8");
}

xkv__step xkv__reader_key(xkv__reader *reader, xkv_bytes key, xkv__taken *taken) {
    xkv_bytes prefix = reader->layout.prefix;
    char quoted[XKV__QUOTE_SIZE];

    taken->key = key;
    if (key.len == 0)
        return xkv__reader_bad(taken, "the key is empty");
    if (prefix.len > 0) {
        reader->key.len = 0;
        xkv__buffer_append(&reader->key, prefix.data, prefix.len);
        xkv__buffer_append(&reader->key, key.data, key.len);
        taken->key = xkv__buffer_bytes(&reader->key);
    }
    if (taken->key.len > XKV_KEY_MAX)
        return xkv__reader_bad(taken, "the key %s has %zu bytes%s, and may have %u",
                               xkv__quote(taken->key, quoted), taken->key.len,
                               prefix.len > 0 ? " with the prefix" : "", XKV_KEY_MAX);
    return reader->key.error == XKV_OK ? XKV__ONE : xkv__reader_error(taken, reader->key.error);
}
