/* timer.c - see timer.h */
#include "store/timer.h"

#include "base/monitor.h"
#include "base/sys.h"

/* The clock may be one that goes on while the machine sleeps, or that of a test,
 * so it is looked at this often at least. */
enum { LOOK_MS = 1000 };

static xkv__mutex starting = XKV__MUTEX_STATIC; /* for reserve and finish */
static bool started;
static xkv__thread thread;
static size_t reserved;

static xkv__monitor timers; /* there while started is; all that follows under it */
static xkv__heap running;   /* by their time */
static const xkv__timer *firing;
static bool ending;

/* -- The thread ---------------------------------------------------------------- */

static xkv__timer *first_timer(void) {
    return (xkv__timer *)(void *)xkv__heap_first(&running);
}

static void fire(xkv__timer *timer) {
    xkv__heap_remove(&running, &timer->node);
    if (!timer->is_due(timer))
        return;
    firing = timer;
    xkv__monitor_leave(&timers);
    timer->fire(timer);
    xkv__monitor_enter(&timers);
    firing = NULL;
    xkv__monitor_wake_all(&timers);
}

/* Until the first timer may be due, or there is another. */
static void await(const xkv__timer *timer, uint64_t now_ms) {
    if (!timer) {
        xkv__monitor_wait(&timers);
        return;
    }
    uint64_t left = timer->node.key - now_ms;
    int64_t wait_ms = left < LOOK_MS ? (int64_t)left : LOOK_MS;
    (void)xkv__monitor_wait_until(&timers, xkv__monitor_now() + wait_ms * 1000000);
}

static void *timer_main(void *nothing) {
    xkv__monitor_enter(&timers);
    while (!ending) {
        uint64_t now_ms = xkv__sys.now_ms();
        xkv__timer *first = first_timer();
        if (first && first->node.key <= now_ms)
            fire(first);
        else
            await(first, now_ms);
    }
    xkv__monitor_leave(&timers);
    return nothing;
}

static int start_thread(void) {
    int error = started ? XKV_OK : xkv__monitor_init(&timers);

    if (error != XKV_OK || started)
        return error;
    ending = false;
    error = xkv__thread_start(&thread, timer_main, NULL);
    if (error != XKV_OK)
        xkv__monitor_destroy(&timers);
    started = error == XKV_OK;
    return error;
}

static int make_room(size_t wanted) {
    xkv__monitor_enter(&timers);
    int error = xkv__heap_reserve(&running, wanted);
    xkv__monitor_leave(&timers);
    return error;
}

int xkv__timer_reserve(void) {
    xkv__mutex_lock(&starting);
    int error = start_thread();
    if (error == XKV_OK)
        error = make_room(reserved + 1);
    reserved += error == XKV_OK;
    xkv__mutex_unlock(&starting);
    return error;
}

void xkv__timer_unreserve(void) {
    xkv__mutex_lock(&starting);
    reserved--;
    xkv__mutex_unlock(&starting);
}

void xkv__timer_finish(void) {
    xkv__mutex_lock(&starting);
    if (started) {
        xkv__monitor_enter(&timers);
        ending = true;
        xkv__monitor_wake_all(&timers);
        xkv__monitor_leave(&timers);
        xkv__thread_join(thread);
        xkv__monitor_destroy(&timers);
        xkv__heap_free(&running);
        started = false;
    }
    xkv__mutex_unlock(&starting);
}

/* -- Timers -------------------------------------------------------------------- */

void xkv__timer_start(xkv__timer *timer, uint64_t at_ms) {
    xkv__monitor_enter(&timers);
    xkv__heap_put(&running, &timer->node, at_ms);
    if (first_timer() == timer)
        xkv__monitor_wake_all(&timers);
    xkv__monitor_leave(&timers);
}

void xkv__timer_stop(xkv__timer *timer) {
    xkv__monitor_enter(&timers);
    xkv__heap_remove(&running, &timer->node);
    xkv__monitor_leave(&timers);
}

void xkv__timer_end(xkv__timer *timer) {
    xkv__monitor_enter(&timers);
    xkv__heap_remove(&running, &timer->node);
    while (firing == timer) {
        xkv__monitor_wait(&timers);
        xkv__heap_remove(&running, &timer->node); /* if it has started itself again */
    }
    xkv__monitor_leave(&timers);
}

void xkv__timer_look(void) {
    xkv__mutex_lock(&starting);
    if (started) {
        xkv__monitor_enter(&timers);
        xkv__monitor_wake_all(&timers);
        xkv__monitor_leave(&timers);
    }
    xkv__mutex_unlock(&starting);
}
