/* behind.c - see behind.h */
#include "files/behind.h"

enum { PAUSE_MS = 5 };

static void *sync_behind(void *context) {
    xkv__behind *behind = context;

    xkv__monitor_enter(&behind->monitor);
    while (!behind->ending && behind->fault.cause == XKV__FINE) {
        xkv__monitor_leave(&behind->monitor);
        xkv__fault fault = xkv__files.sync(behind->handle);
        xkv__monitor_enter(&behind->monitor);
        behind->fault = fault;
        if (!behind->ending)
            (void)xkv__monitor_wait_until(&behind->monitor,
                                          xkv__monitor_now() + PAUSE_MS * (int64_t)1000000);
    }
    xkv__monitor_leave(&behind->monitor);
    return NULL;
}

void xkv__behind_start(xkv__behind *behind, xkv__handle handle) {
    behind->handle = handle;
    behind->ending = false;
    behind->fault = (xkv__fault){XKV__FINE, 0};
    if (xkv__monitor_init(&behind->monitor) != XKV_OK)
        return;
    behind->runs = xkv__thread_start(&behind->thread, sync_behind, behind) == XKV_OK;
    if (!behind->runs)
        xkv__monitor_destroy(&behind->monitor);
}

xkv__fault xkv__behind_stop(xkv__behind *behind) {
    if (!behind->runs)
        return (xkv__fault){XKV__FINE, 0};
    xkv__monitor_enter(&behind->monitor);
    behind->ending = true;
    xkv__monitor_wake(&behind->monitor);
    xkv__monitor_leave(&behind->monitor);
    xkv__thread_join(behind->thread);
    xkv__monitor_destroy(&behind->monitor);
    behind->runs = false;
    return behind->fault;
}
