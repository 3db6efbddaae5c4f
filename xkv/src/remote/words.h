/*
 * words.h - writing what a server is asked: an array of bulk strings
 */
#ifndef XKV_REMOTE_WORDS_H
#define XKV_REMOTE_WORDS_H

#include "base/buffer.h"

/* "*3\r\n" or "$17\r\n" */
static inline void xkv__put_count(xkv__buffer *out, char kind, size_t count) {
    char text[24], *end = text + sizeof text, *at = end;

    *--at = '\n';
    *--at = '\r';
    do
        *--at = (char)('0' + count % 10);
    while (count /= 10);
    *--at = kind;
    xkv__buffer_append(out, at, (size_t)(end - at));
}

/* Begins a command of so many words. */
static inline void xkv__put_head(xkv__buffer *out, size_t words) {
    xkv__put_count(out, '*', words);
}

static inline void xkv__put_word(xkv__buffer *out, xkv_bytes word) {
    xkv__put_count(out, '$', word.len);
    xkv__buffer_append(out, word.data, word.len);
    xkv__buffer_append(out, "\r\n", 2);
}

/* A command of texts, up to the first that is NULL. */
static inline void xkv__put_command(xkv__buffer *out, const char *const *words) {
    size_t count = 0;

    while (words[count])
        count++;
    xkv__put_head(out, count);
    for (size_t i = 0; i < count; i++)
        xkv__put_word(out, xkv_text(words[i]));
}

#endif
