/* queue.c - requests, and where they come back; see request.h */
#include "base/error.h"
#include "base/reply.h"
#include "base/sys.h"
#include "base/text.h"
#include "command/command.h"
#include "store/driver.h"
#include "store/request.h"

struct xkv_queue {
    xkv__monitor monitor;
    xkv__requests finished;
    unsigned wakes;
    const xkv__driver *driver; /* whom the thread that waits for it drives, instead of sleeping */
};

/* -- The driver ---------------------------------------------------------------- */

static struct {
    xkv__monitor monitor;
    const xkv__driver *driver; /* NULL: there is none */
    unsigned users;
} lent = {.monitor = XKV__MONITOR_STATIC};

bool xkv__driver_offer(const xkv__driver *driver) {
    xkv__monitor_enter(&lent.monitor);
    if (!lent.driver)
        lent.driver = driver;
    bool taken = lent.driver == driver;
    xkv__monitor_leave(&lent.monitor);
    return taken;
}

void xkv__driver_withdraw(const xkv__driver *driver) {
    xkv__monitor_enter(&lent.monitor);
    if (lent.driver == driver) {
        lent.driver = NULL;
        while (lent.users > 0)
            xkv__monitor_wait(&lent.monitor);
    }
    xkv__monitor_leave(&lent.monitor);
}

static const xkv__driver *borrow_driver(void) {
    xkv__monitor_enter(&lent.monitor);
    const xkv__driver *driver = lent.driver;
    lent.users += driver != NULL;
    xkv__monitor_leave(&lent.monitor);
    return driver;
}

static void return_driver(void) {
    xkv__monitor_enter(&lent.monitor);
    if (--lent.users == 0)
        xkv__monitor_wake_all(&lent.monitor);
    xkv__monitor_leave(&lent.monitor);
}

/* -- Calls --------------------------------------------------------------------- */

void xkv__call_fail(const xkv__call *call, int code) {
    const char *name = xkv__info(call->command)->name;
    char quoted[XKV__QUOTE_SIZE];

    if (code == XKV_E_KEY_NOT_FOUND)
        xkv__reply_fail(call->reply, code, "%s: key %s does not exist", name,
                        xkv__quote(call->command->key, quoted));
    else
        xkv__reply_fail(call->reply, code, "%s: %s", name, xkv__reason(code));
}

/* -- Requests ------------------------------------------------------------------ */

int xkv__request_init(xkv__request *request, const xkv_command *command, xkv_reply *reply) {
    int error = xkv__is_patient(command) ? xkv__timer_reserve() : XKV_OK;

    request->call.command = command;
    request->call.reply = reply;
    request->call.may_take_long = true;
    request->call.end = &request->end;
    request->call.may_park = xkv__is_patient(command);
    if (xkv__is_patient(command))
        request->until_ms = xkv__sys.now_ms() + (uint64_t)command->timeout_ms;
    return error;
}

void xkv__request_destroy(xkv__request *request) {
    if (request->call.may_park)
        xkv__timer_unreserve();
}

xkv__request *xkv__request_new(const xkv_command *command) {
    size_t size = offsetof(xkv__request, bytes) + xkv__command_size(command);
    xkv__request *request = xkv__alloc(size);

    if (!request)
        return NULL;
    memset(request, 0, offsetof(xkv__request, bytes));
    xkv__command_copy(&request->command, command, request->bytes);
    xkv_reply_init(&request->own_reply, NULL, 0);
    if (xkv__request_init(request, &request->command, &request->own_reply) == XKV_OK)
        return request;
    xkv__free(request);
    return NULL;
}

void xkv__request_free(xkv__request *request) {
    if (request)
        xkv__request_destroy(request);
    xkv__free(request);
}

bool xkv__request_move(xkv__request *request, xkv__request_state from, xkv__request_state to) {
    int expected = (int)from;
    return atomic_compare_exchange_strong(&request->state, &expected, (int)to);
}

void xkv__request_fail(xkv__request *request, int error) {
    xkv_reply_clear(request->call.reply);
    xkv__reply_fail(request->call.reply, error, "%s: %s", xkv__info(request->call.command)->name,
                    xkv_error_text(error));
    xkv__request_done(request);
}

/* In its monitor: so the driver is there as long as it drives. */
static void wake_collector(xkv_queue *queue) {
    if (queue->driver)
        queue->driver->nudge(queue->driver->context);
    else
        xkv__monitor_wake(&queue->monitor);
}

void xkv__request_deliver(xkv__request *request) {
    xkv__waiter *waiter = request->waiter;
    xkv_queue *queue = request->queue;

    if (waiter) { /* the request lies on its stack */
        xkv__monitor_enter(&waiter->monitor);
        waiter->done = true;
        xkv__monitor_wake(&waiter->monitor);
        xkv__monitor_leave(&waiter->monitor);
        return;
    }
    xkv__monitor_enter(&queue->monitor);
    bool idle = !queue->finished.first;
    xkv__requests_append(&queue->finished, request);
    if (idle)
        wake_collector(queue);
    xkv__monitor_leave(&queue->monitor);
}

/* -- Queues -------------------------------------------------------------------- */

xkv_queue *xkv_queue_new(void) {
    xkv_queue *queue = xkv__alloc(sizeof *queue);

    if (!queue)
        return NULL;
    memset(queue, 0, sizeof *queue);
    if (xkv__monitor_init(&queue->monitor) == XKV_OK)
        return queue;
    xkv__free(queue);
    return NULL;
}

void xkv_queue_free(xkv_queue *queue) {
    if (!queue)
        return;
    xkv__monitor_destroy(&queue->monitor);
    xkv__free(queue);
}

void xkv_queue_wake(xkv_queue *queue) {
    xkv__monitor_enter(&queue->monitor);
    queue->wakes++;
    wake_collector(queue);
    xkv__monitor_leave(&queue->monitor);
}

static bool is_worth_collecting(void *context) {
    xkv_queue *queue = context;

    xkv__monitor_enter(&queue->monitor);
    bool is_worth = queue->finished.first || queue->wakes > 0;
    xkv__monitor_leave(&queue->monitor);
    return is_worth;
}

/* In the queue's monitor, which is left meanwhile: has something come by driving, if there is
 * a driver and nobody else does it for this queue. False if there is nothing to drive. */
static bool drive_for(xkv_queue *queue, int timeout_ms) {
    const xkv__driver *driver = queue->driver || timeout_ms == 0 ? NULL : borrow_driver();

    if (!driver)
        return false;
    queue->driver = driver;
    xkv__monitor_leave(&queue->monitor);
    bool driven = driver->drive(driver->context, is_worth_collecting, queue, timeout_ms);
    xkv__monitor_enter(&queue->monitor);
    queue->driver = NULL;
    return_driver();
    return driven;
}

/* Waits until there is something; false if there is nothing after all. */
static bool wait_filled(xkv_queue *queue, int timeout_ms) {
    int64_t deadline = xkv__monitor_now() + (int64_t)timeout_ms * 1000000;

    if (!queue->finished.first && queue->wakes == 0 && drive_for(queue, timeout_ms))
        timeout_ms = 0;
    while (!queue->finished.first && queue->wakes == 0) {
        if (timeout_ms == 0)
            return false;
        if (timeout_ms < 0)
            xkv__monitor_wait(&queue->monitor);
        else if (!xkv__monitor_wait_until(&queue->monitor, deadline))
            return queue->finished.first != NULL;
    }
    if (queue->finished.first)
        return true;
    queue->wakes--;
    return false;
}

size_t xkv_completions(xkv_queue *queue, xkv_completion *out, size_t max, int timeout_ms) {
    xkv__request *taken[64];
    size_t count = 0, room = max < 64 ? max : 64;

    xkv__monitor_enter(&queue->monitor);
    if (wait_filled(queue, timeout_ms)) {
        while (count < room && queue->finished.first)
            taken[count++] = xkv__requests_take(&queue->finished);
    }
    if (queue->finished.first || queue->wakes > 0) /* for another collecting thread */
        xkv__monitor_wake(&queue->monitor);
    xkv__monitor_leave(&queue->monitor);
    for (size_t i = 0; i < count; i++) {
        out[i].tag = taken[i]->tag;
        out[i].reply = taken[i]->own_reply;
        xkv__request_free(taken[i]);
    }
    return count;
}
