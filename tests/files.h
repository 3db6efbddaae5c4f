/*
 * files.h - whole files, and stores that must not open
 */
#ifndef XKV_TESTS_FILES_H
#define XKV_TESTS_FILES_H

#include "support.h"

static inline void write_file(const char *path, const void *data, size_t size) {
    FILE *file = fopen(path, "wb");

    MUST(file && fwrite(data, 1, size, file) == size && fclose(file) == 0);
}

/* All of a file, which the caller frees. */
static inline void *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    struct stat status;

    MUST(file && fstat(fileno(file), &status) == 0);
    *size = (size_t)status.st_size;
    void *data = malloc(*size + 1);
    MUST(data && fread(data, 1, *size, file) == *size);
    fclose(file);
    return data;
}

/* Opens a store and closes it; what xkv_open says. */
static inline int try_open(const xkv_options *options, char message[XKV_MESSAGE_SIZE]) {
    xkv_store *store = (xkv_store *)(void *)message;
    int code = xkv_open(options, &store, message, XKV_MESSAGE_SIZE);

    if (code == XKV_OK)
        xkv_close(store);
    else
        assert_null(store);
    return code;
}

static inline void assert_refused(const xkv_options *options, int expected, const char *says) {
    char message[XKV_MESSAGE_SIZE] = "";
    int code = try_open(options, message);

    if (code != expected)
        fail_msg("%s: %s, not %s: %s", options->path, xkv_error_name(code),
                 xkv_error_name(expected), message);
    if (!strstr(message, says))
        fail_msg("\"%s\" does not mention \"%s\"", message, says);
}

#endif
