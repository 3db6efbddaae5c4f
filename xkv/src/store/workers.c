/* workers.c - see workers.h */
#include "store/workers.h"

#include "base/monitor.h"
#include "base/sys.h"

/* More would only compete for the processors that the test needs. */
enum { WORKERS_MAX = 4 };

static struct {
    xkv__monitor monitor; /* all that follows is under it */
    xkv__requests waiting;
    unsigned queued, count, idle;
    bool ending;
    xkv__thread thread[WORKERS_MAX];
} workers = {.monitor = XKV__MONITOR_STATIC};

static void *worker_main(void *nothing) {
    xkv__monitor_enter(&workers.monitor);
    for (;;) {
        xkv__request *request = xkv__requests_take(&workers.waiting);
        if (request) {
            workers.queued--;
            xkv__monitor_leave(&workers.monitor);
            request->work(request);
            xkv__monitor_enter(&workers.monitor);
            continue;
        }
        if (workers.ending)
            break;
        workers.idle++;
        xkv__monitor_wait(&workers.monitor);
        workers.idle--;
    }
    xkv__monitor_leave(&workers.monitor);
    return nothing;
}

static bool start_worker(void) {
    if (xkv__thread_start(&workers.thread[workers.count], worker_main, NULL) != XKV_OK)
        return false;
    workers.count++;
    return true;
}

bool xkv__workers_take(xkv__request *request) {
    xkv__monitor_enter(&workers.monitor);
    if (workers.queued >= workers.idle && workers.count < WORKERS_MAX)
        (void)start_worker(); /* else those that there are do it one after the other */
    bool taken = workers.count > 0;
    if (taken) {
        xkv__requests_append(&workers.waiting, request);
        workers.queued++;
    }
    xkv__monitor_leave(&workers.monitor);
    xkv__monitor_wake(&workers.monitor);
    return taken;
}

void xkv__workers_finish(void) {
    xkv__monitor_enter(&workers.monitor);
    workers.ending = true;
    xkv__monitor_wake_all(&workers.monitor);
    xkv__monitor_leave(&workers.monitor);
    for (unsigned i = 0; i < workers.count; i++)
        xkv__thread_join(workers.thread[i]);
    workers.count = 0;
    workers.ending = false;
}
