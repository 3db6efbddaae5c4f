/*
 * input.h - a file that is read from its beginning to its end
 */
#ifndef XKV_FILES_INPUT_H
#define XKV_FILES_INPUT_H

#include "base/buffer.h"
#include "base/sys.h"

typedef struct xkv__input {
    const char *path; /* the caller's */
    xkv__handle handle;
    uint64_t size; /* when it was opened */
    uint64_t read; /* bytes that were read so far */
    xkv__buffer window;
    size_t start; /* where in it that begins which was not used yet */
    bool at_end;  /* nothing follows the window */
} xkv__input;

/* Opens a regular file. XKV_OK, and it is to be closed; or XKV_E_SNAPSHOT_NOT_FOUND,
 * …_PERMISSION, …_READ, …_IO with the reason. */
int xkv__input_open(xkv__input *input, const char *path);
void xkv__input_close(xkv__input *input);

/* What was read and not used. */
static inline xkv_bytes xkv__input_bytes(const xkv__input *input) {
    const unsigned char *data = input->window.data;
    return (xkv_bytes){data ? data + input->start : NULL, input->window.len - input->start};
}

/* So many bytes of it are used. */
static inline void xkv__input_use(xkv__input *input, size_t used) {
    input->start += used;
}

/* Reads on: there is more behind what was not used, or it is at its end. XKV_OK,
 * XKV_E_SNAPSHOT_IO, XKV_E_STORE_FULL; XKV_E_SNAPSHOT_READ for a file that has another size at its
 * end than in the beginning. */
int xkv__input_more(xkv__input *input);

#endif
