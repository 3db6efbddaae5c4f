/*
 * check.c - the first pages of an LMDB file, before LMDB sees it
 */
#include "base/error.h"
#include "base/paths.h"
#include "disk/file.h"
#include "disk/lmdb_format.h"
#include "formats/bolt.h"

enum { UNWRITTEN_PAGES_MAX = 1 << 18 };

static int read_meta(const xkv__file *file, unsigned char meta[META_SIZE], uint64_t at,
                     bool *whole) {
    size_t got = 0;
    xkv__fault fault = xkv__files.read_at(file->handle, meta, META_SIZE, at, &got);

    if (fault.cause != XKV__FINE)
        return xkv__fail_system(XKV_E_DISK_STORE_OPEN, "cannot read", file->path, fault);
    *whole = got == META_SIZE;
    return XKV_OK;
}

static int check_first_page(const xkv__file *file, const unsigned char *meta, bool whole) {
    uint32_t magic = whole ? xkv__get_u32(meta + META_MAGIC_AT) : 0;
    uint32_t version = xkv__get_u32(meta + META_VERSION_AT);
    uint32_t page = xkv__get_u32(meta + META_PAGE_SIZE_AT);

    if (xkv__is_bolt((xkv_bytes){meta, META_SIZE}))
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" is a BoltDB file, which another extension wrote; open another "
                         "path, and call restore({fileName: \"%s\"}) once, or use xkv restore",
                         file->path, file->path);
    if (magic != LMDB_MAGIC)
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" is not a store of this extension; it was left as it is, give "
                         "another path",
                         file->path);
    if (version != META_VERSION)
        return xkv__fail(XKV_E_DISK_STORE_OPEN, "\"%s\" has LMDB data version %u; only %d is known",
                         file->path, version, META_VERSION);
    if (page < 512 || page > 65536 || (page & (page - 1)) != 0)
        return xkv__file_corrupt(file, "its page size is not one that exists");
    return XKV_OK;
}

bool xkv__file_is_cut(uint64_t size, uint64_t page_size, uint64_t last_page) {
    return last_page > size / page_size * 2 + UNWRITTEN_PAGES_MAX;
}

/* Checks the second meta page, and the number of the last page. */
static int check_second_page(const xkv__file *file, const unsigned char *first, uint64_t size) {
    unsigned char second[META_SIZE] = {0};
    uint64_t page = xkv__get_u32(first + META_PAGE_SIZE_AT);
    bool whole = false;
    int error = read_meta(file, second, page, &whole);

    if (error != XKV_OK)
        return error;
    if (!whole || xkv__get_u32(second + META_MAGIC_AT) != LMDB_MAGIC)
        return xkv__file_corrupt(file, "its second page is missing");
    if (xkv__get_u32(second + META_PAGE_SIZE_AT) != page ||
        ((first[META_FLAGS_AT] | second[META_FLAGS_AT]) & META_FIXED_MAP))
        return xkv__file_corrupt(file, "its first pages contradict each other");
    bool newer = xkv__get_u64(second + META_TXN_AT) > xkv__get_u64(first + META_TXN_AT);
    uint64_t last = xkv__get_u64((newer ? second : first) + META_LAST_AT);
    if (xkv__file_is_cut(size, page, last))
        return xkv__file_corrupt(file, "it was cut short");
    return XKV_OK;
}

int xkv__file_check(xkv__file *file, const xkv_options *options) {
    unsigned char first[META_SIZE] = {0};
    xkv__status status;
    bool whole = false;
    int error = xkv__file_examine(file, XKV_E_DISK_STORE_OPEN, &status);

    if (error != XKV_OK)
        return error;
    if (status.size == 0 && !options->read_only)
        return xkv__sync_parent(file->path);
    if (status.size == 0)
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" is empty; open it for writing once to make it a store",
                         file->path);
    error = read_meta(file, first, 0, &whole);
    if (error == XKV_OK)
        error = check_first_page(file, first, whole);
    return error == XKV_OK ? check_second_page(file, first, status.size) : error;
}
