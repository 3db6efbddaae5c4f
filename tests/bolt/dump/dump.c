/*
 * dump.c - prints what is in BoltDB files, for the Go test beside it
 *
 *   dump FILE...
 *
 * For each file a line: "ok" and how many entries, which follow, each as two lengths of four
 * bytes, the key and the value; or "failed" and the reason.
 */
#include "../../support.h"

#include "base/error.h"
#include "formats/bolt.h"

static int read_file(void *context, void *out, size_t size, uint64_t at) {
    if (fseeko(context, (off_t)at, SEEK_SET) != 0 || fread(out, 1, size, context) != size)
        return xkv__fail(XKV_E_SNAPSHOT_READ, "the file ends before %" PRIu64, at + size);
    return XKV_OK;
}

static int count_entry(void *context, xkv_bytes key, xkv_bytes value) {
    (void)key;
    (void)value;
    ++*(uint64_t *)context;
    return XKV_OK;
}

static int print_entry(void *context, xkv_bytes key, xkv_bytes value) {
    uint32_t sizes[2] = {(uint32_t)key.len, (uint32_t)value.len};

    (void)context;
    MUST(fwrite(sizes, sizeof sizes, 1, stdout) == 1);
    MUST(fwrite(key.data, 1, key.len, stdout) == key.len);
    MUST(fwrite(value.data, 1, value.len, stdout) == value.len);
    return XKV_OK;
}

/* Twice through the same bucket: first to know how many there are. */
static int dump(FILE *file) {
    uint64_t count = 0;
    xkv__bolt *bolt;

    MUST(fseeko(file, 0, SEEK_END) == 0);
    int error = xkv__bolt_open(&bolt, read_file, file, (uint64_t)ftello(file));
    if (error == XKV_OK)
        error = xkv__bolt_walk(bolt, count_entry, &count);
    if (error == XKV_OK) {
        printf("ok %" PRIu64 "\n", count);
        error = xkv__bolt_walk(bolt, print_entry, NULL);
        MUST(error == XKV_OK);
    }
    xkv__bolt_close(bolt);
    return error;
}

int main(int argc, char *argv[]) {
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        MUST(file);
        int error = dump(file);
        if (error != XKV_OK)
            printf("failed %s\n", xkv__reason(error));
        fclose(file);
    }
    return 0;
}
