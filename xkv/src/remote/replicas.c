/* replicas.c - a change is told as done when as many replicas have it as are asked for */
#include "base/error.h"
#include "remote/heard.h"
#include "remote/link_state.h"
#include "remote/words.h"

#include <stdio.h>

void xkv__link_hold_answer(xkv__link *link, xkv__trip *trip, xkv_bytes reply) {
    trip->answer_len = reply.len;
    xkv__buffer_append(&link->answers, reply.data, reply.len);
    xkv__trips_append(&link->held, trip);
}

void xkv__link_settle(xkv__link *link, const char *why_not) {
    xkv__trips held = link->held;
    size_t at = 0;

    if (link->answers.error != XKV_OK)
        why_not = "memory was short, so that the answer is lost";
    link->held.first = NULL;
    for (xkv__trip *trip; (trip = xkv__trips_take(&held));) {
        xkv_bytes reply = {link->answers.data + at, trip->answer_len};
        at += reply.len;
        if (!why_not && !trip->is_over)
            trip->ops->come_back(trip, XKV_OK, reply);
        if (!why_not)
            trip->ops->free(trip);
        else
            xkv__trip_fail(trip, trip->is_over ? XKV_OK : xkv__link_unknown(link, why_not));
    }
    link->answers.len = 0;
    link->answers.error = XKV_OK;
    xkv__keep_little(&link->answers);
}

static xkv__link *link_of_wait(const xkv__trip *wait) {
    return (xkv__link *)(uintptr_t)((const char *)wait - offsetof(xkv__link, wait));
}

/* A quarter of the time that there is: a change may have to wait for the one before it, too. */
static int ask_wait(const xkv__trip *wait, xkv__buffer *out) {
    const xkv__link *link = link_of_wait(wait);
    char replicas[24], wait_ms[24];

    snprintf(replicas, sizeof replicas, "%lld", (long long)link->ops.replicas);
    snprintf(wait_ms, sizeof wait_ms, "%lld", (long long)link->ops.reach.timeout_ms / 4 + 1);
    xkv__put_command(out, (const char *const[]){"WAIT", replicas, wait_ms, NULL});
    return out->error;
}

static void hear_wait(xkv__trip *wait, int error, xkv_bytes answer) {
    xkv__link *link = link_of_wait(wait);
    xkv__resp_cursor cursor = xkv__resp_cursor_on(answer);
    char why[256];
    int64_t count;

    if (error == XKV_OK && !xkv__hear_number(&cursor, &count))
        error = xkv__not_ours();
    if (error != XKV_OK)
        snprintf(why, sizeof why, "it is done, but not known to be on the replicas: %s",
                 xkv__reason(error));
    else
        snprintf(why, sizeof why, "it is done, but only %lld of %lld replicas have it",
                 (long long)count, (long long)link->ops.replicas);
    xkv__link_settle(link, error == XKV_OK && count >= link->ops.replicas ? NULL : why);
}

static void forget_wait(xkv__trip *wait) {
    link_of_wait(wait)->is_waiting = false;
}

static const xkv__trip_ops wait_ops = {
    .ask = ask_wait, .come_back = hear_wait, .free = forget_wait};

void xkv__link_ask_replicas(xkv__link *link) {
    link->has_changed = false;
    link->is_waiting = true;
    link->wait = (xkv__trip){.ops = &wait_ops, .deadline_ns = xkv__link_time_over(link)};
    xkv__link_begin(link, &link->wait);
}
