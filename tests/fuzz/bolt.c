/*
 * bolt.c - any bytes as a BoltDB file
 *
 * A file that has a meta page is also read with the checksums of its meta pages put right, which
 * chance would not find.
 */
#include "../support.h"

#include "base/error.h"
#include "formats/bolt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_bytes(void *context, void *out, size_t size, uint64_t at) {
    const xkv_bytes *file = context;

    MUST(size > 0 && at <= file->len && size <= file->len - at);
    memcpy(out, (const uint8_t *)file->data + at, size);
    return XKV_OK;
}

/* The last entry, and the bytes of all: reads each, so that a sanitizer sees it. */
struct last {
    unsigned char key[XKV_KEY_MAX];
    size_t len;
    uint64_t sum;
};

static int visit(void *context, xkv_bytes key, xkv_bytes value) {
    struct last *last = context;

    MUST(key.len > 0 && key.len <= sizeof last->key);
    MUST(order_of(bytes_of(last->key, last->len), key) < 0);
    memcpy(last->key, key.data, key.len);
    last->len = key.len;
    for (size_t i = 0; i < value.len; i++)
        last->sum += ((const unsigned char *)value.data)[i];
    return XKV_OK;
}

static void read_all(xkv_bytes file) {
    static struct last last;
    xkv__bolt *bolt;
    int error = xkv__bolt_open(&bolt, read_bytes, &file, file.len);

    last.len = 0;
    MUST((error == XKV_OK) == (bolt != NULL));
    if (error == XKV_OK)
        error = xkv__bolt_walk(bolt, visit, &last);
    MUST(error == XKV_OK || error == XKV_E_SNAPSHOT_READ);
    MUST(error == XKV_OK || strlen(xkv__reason(error)) > 20);
    xkv__bolt_close(bolt);
}

static void put_right(uint8_t *meta) {
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 16; i < 72; i++)
        hash = (hash ^ meta[i]) * 1099511628211u;
    memcpy(meta + 72, &hash, 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint32_t page_size;
    uint8_t *copy;

    read_all(bytes_of(data, size));
    if (size < 80)
        return 0;
    MUST((copy = malloc(size)));
    memcpy(copy, data, size);
    put_right(copy);
    memcpy(&page_size, copy + 24, 4);
    if (size >= 80 && page_size >= 80 && page_size <= size - 80)
        put_right(copy + page_size);
    read_all(bytes_of(copy, size));
    free(copy);
    return 0;
}
