/* reach.c - see reach.h */
#include "remote/reach.h"

#include "base/error.h"
#include "base/random.h"

enum {
    BACK_OFF_MIN = 10,  /* milliseconds between attempts to connect, */
    BACK_OFF_MAX = 1000 /* twice as many each time, and up to */
};

static void *reach_main(void *context) {
    xkv__reach *reach = context;
    xkv__line line = {.socket = XKV__NO_HANDLE,
                      .deadline_ns = xkv__monitor_now() + reach->ops.timeout_ms * 1000000};
    int error = reach->ops.dial(reach->ops.dial_context, &line);
    char *reason = error == XKV_OK ? NULL : xkv__strdup(xkv__reason(error));

    xkv__mutex_lock(&reach->mutex);
    reach->socket = line.socket;
    reach->reason = reason;
    reach->has_ended = true;
    xkv__mutex_unlock(&reach->mutex);
    reach->ops.wake(reach->ops.wake_context);
    return NULL;
}

/* Some time from now, of which a part is chance: many that lost a server at one moment are not
 * to come back at one. */
static void back_off(xkv__reach *reach) {
    uint64_t wait_ms = (uint64_t)reach->back_off_ms;

    wait_ms = wait_ms / 2 + xkv__random_below(wait_ms);
    reach->retry_ns = xkv__monitor_now() + (int64_t)wait_ms * 1000000;
    reach->back_off_ms *= 2;
    if (reach->back_off_ms > BACK_OFF_MAX)
        reach->back_off_ms = BACK_OFF_MAX;
}

static bool has_left_something(xkv__reach *reach) {
    xkv__mutex_lock(&reach->mutex);
    bool has_ended = reach->has_thread && reach->has_ended;
    xkv__mutex_unlock(&reach->mutex);
    return has_ended;
}

/* The thread has ended. */
static xkv__handle take_what_is_left(xkv__reach *reach, char **reason) {
    xkv__handle socket = reach->socket;

    xkv__thread_join(reach->thread);
    *reason = reach->reason;
    reach->has_thread = false;
    reach->socket = XKV__NO_HANDLE;
    reach->reason = NULL;
    if (xkv__is_open(socket))
        reach->back_off_ms = BACK_OFF_MIN;
    else
        back_off(reach);
    return socket;
}

xkv__handle xkv__reach_look(xkv__reach *reach, char **reason) {
    *reason = NULL;
    if (has_left_something(reach))
        return take_what_is_left(reach, reason);
    if (!reach->has_thread && xkv__monitor_now() >= reach->retry_ns) {
        reach->has_ended = false;
        reach->has_thread = xkv__thread_start(&reach->thread, reach_main, reach) == XKV_OK;
    }
    return XKV__NO_HANDLE;
}

void xkv__reach_not_before(xkv__reach *reach, int64_t at_ns) {
    reach->retry_ns = at_ns;
}

/* For a connection that is being made, somebody wakes us. */
int64_t xkv__reach_next_ns(const xkv__reach *reach) {
    return reach->has_thread ? INT64_MAX : reach->retry_ns;
}

int xkv__reach_begin(xkv__reach *reach, const xkv__reach_ops *ops) {
    *reach = (xkv__reach){.ops = *ops, .socket = XKV__NO_HANDLE, .back_off_ms = BACK_OFF_MIN};
    return xkv__mutex_init(&reach->mutex);
}

void xkv__reach_end(xkv__reach *reach) {
    if (reach->has_thread)
        xkv__thread_join(reach->thread);
    if (xkv__is_open(reach->socket))
        xkv__net.close(reach->socket);
    xkv__free(reach->reason);
    xkv__mutex_destroy(&reach->mutex);
}
