/* disk.c - see disk.h */
#include "disk/disk.h"

#include "base/paths.h"
#include "base/sys.h"
#include "disk/file.h"
#include "disk/lmdb.h"

static int disk_locate(const xkv_options *options, xkv__site *site) {
    int error = xkv__file_path(options->path, &site->name);

    if (error == XKV_OK) {
        site->exists = xkv__file_identify(site->name, &site->identity);
    } else {
        xkv__free(site->name);
        site->name = NULL;
    }
    return error;
}

static int disk_prepare(const xkv_options *options, xkv__site *site) {
    xkv__file *file;
    int error = xkv__file_open(options, &file);

    if (error != XKV_OK)
        return error;
    site->exists = true;
    site->identity = file->identity;
    site->held = file;
    return XKV_OK;
}

static void disk_leave(xkv__site *site, xkv__opened *same) {
    xkv__file_close(site->held, !same);
    if (same)
        xkv__lmdb_label(xkv__local_backend(same));
}

static int disk_open(const xkv_options *options, xkv__site *site, xkv__backend **backend) {
    return xkv__lmdb_open(options, site->held, backend);
}

static const xkv__local_kind disk_kind = {disk_open};

const xkv__executor xkv__disk_store = {
    .name = "disk",
    .where = "path",
    .where_at = offsetof(xkv_options, path),
    .locate = disk_locate,
    .prepare = disk_prepare,
    .leave = disk_leave,
    XKV__LOCAL,
    .own = &disk_kind,
};
