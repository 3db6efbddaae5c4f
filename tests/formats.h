/*
 * formats.h - reading files of entries, whole and in pieces, and what came of it as text
 */
#ifndef XKV_TESTS_FORMATS_H
#define XKV_TESTS_FORMATS_H

#include "support.h"

#include "base/error.h"
#include "formats/format.h"

/* Text that grows. Not of the library, whose memory may be short. */
struct text {
    char *data;
    size_t len, room;
};

static inline void text_add(struct text *text, const void *data, size_t len) {
    if (text->len + len >= text->room) {
        text->room = (text->len + len) * 2 + 256;
        MUST((text->data = realloc(text->data, text->room)));
    }
    if (len > 0)
        memcpy(text->data + text->len, data, len);
    text->len += len;
    text->data[text->len] = '\0';
}

static inline void text_say(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void text_say(struct text *text, const char *format, ...) {
    static char words[2 * XKV_MESSAGE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    int len = vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    text_add(text, words, (size_t)len);
}

static inline void text_free(struct text *text) {
    free(text->data);
    *text = (struct text){NULL, 0, 0};
}

/* What is known of a file that is fed to a reader: all of it, how much the reader may see, and how
 * much of that it is done with. */
struct feed {
    xkv_bytes file;
    size_t seen, used;
    size_t piece; /* how much more it sees after MORE; 0: all */
};

/* One step, with bytes that lie apart, so that AddressSanitizer sees what is read beyond. They
 * stay in *bytes, since key and value may lie in them. */
static inline xkv__step feed_step(const xkv__format *format, xkv__reader *reader, struct feed *feed,
                                  unsigned char **bytes, xkv__taken *taken) {
    for (;;) {
        size_t len = feed->seen - feed->used;
        free(*bytes);
        MUST((*bytes = malloc(len + (len == 0))));
        if (len > 0)
            memcpy(*bytes, (const unsigned char *)feed->file.data + feed->used, len);
        bool at_end = feed->seen == feed->file.len;
        xkv__step step = format->next(reader, bytes_of(*bytes, len), at_end, taken);
        MUST(taken->used <= len);
        feed->used += taken->used;
        if (step != XKV__MORE)
            return step;
        MUST(!at_end);
        size_t left = feed->file.len - feed->seen;
        feed->seen += feed->piece > 0 && feed->piece < left ? feed->piece : left;
    }
}

/* Whether the words of a reason begin with the place. */
static inline bool begins_with_place(const char *words, xkv__place place) {
    char begin[80];

    snprintf(begin, sizeof begin, "line %" PRIu64 ", column %" PRIu64 ": ", place.line,
             place.column);
    return strncmp(words, begin, strlen(begin)) == 0;
}

static inline void say_taken(struct text *out, const xkv__taken *taken) {
    text_say(out, "%" PRIu64 ":%" PRIu64 " #%" PRIu64 " ", taken->place.line, taken->place.column,
             taken->place.record);
    text_add(out, taken->key.data, taken->key.len);
    text_add(out, " ", 1);
    text_add(out, taken->value.data, taken->value.len);
    text_add(out, "\n", 1);
}

static inline void say_bad(struct text *out, const xkv__taken *taken) {
    const char *words = xkv__reason(taken->error);

    if (taken->error == XKV_E_VALUE_PARSE)
        MUST(begins_with_place(words, taken->place));
    text_say(out, "%s %s #%" PRIu64 "\n", xkv_error_name(taken->error), words, taken->place.record);
}

/* Reads a file, of which first bytes are seen at once, and then piece more at a time, and says what
 * comes: "LINE:COLUMN #RECORD KEY VALUE" for each entry, and the error's name and words. */
static inline void say_file(const xkv__format *format, const xkv__layout *layout, xkv_bytes file,
                            size_t first, size_t piece, struct text *out) {
    struct feed feed = {file, first < file.len ? first : file.len, 0, piece};
    xkv__reader *reader = format->new (layout);
    unsigned char *bytes = NULL;
    xkv__taken taken;
    xkv__step step = XKV__BAD;

    if (!reader) {
        text_say(out, "no reader\n");
        return;
    }
    while ((step = feed_step(format, reader, &feed, &bytes, &taken)) == XKV__ONE)
        say_taken(out, &taken);
    if (step == XKV__BAD)
        say_bad(out, &taken);
    else
        MUST(step == XKV__OVER && feed.used == file.len);
    format->free(reader);
    free(bytes);
}

/* Whether the same comes of a file when it is read in pieces. */
static inline bool says_the_same(const xkv__format *format, const xkv__layout *layout,
                                 xkv_bytes file, size_t first, size_t piece,
                                 const struct text *whole) {
    struct text out = {NULL, 0, 0};

    say_file(format, layout, file, first, piece, &out);
    bool same = same_bytes(bytes_of(whole->data, whole->len), bytes_of(out.data, out.len));
    if (!same)
        fprintf(stderr, "%zu bytes, then by %zu:\n%s", first, piece, out.len > 0 ? out.data : "");
    text_free(&out);
    return same;
}

/* Reads a file whole, and in pieces: split in two at each byte, and one byte at a time. Whether
 * the same comes of it, which *out gets. */
static inline bool say_in_pieces(const xkv__format *format, const xkv__layout *layout,
                                 xkv_bytes file, struct text *out) {
    say_file(format, layout, file, file.len, 0, out);
    bool same = says_the_same(format, layout, file, 0, 1, out);
    for (size_t split = 0; same && split < file.len; split++)
        same = says_the_same(format, layout, file, split, 0, out);
    return same;
}

#endif
