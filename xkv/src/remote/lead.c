/* lead.c - see lead.h */
#include "remote/lead.h"

#include "store/driver.h"

enum {
    TICK_MS = 5,       /* so long something may lie about with nobody in the lead, */
    LOOK_MS = 20,      /* and that often it is looked whether somebody has it */
    SLEEP_MAX_MS = 200 /* what others have begun is looked at that often */
};

struct xkv__lead {
    xkv__lead_ops ops;
    xkv__mutex io;          /* who works has it */
    xkv__handle wake[2];    /* a byte in the second wakes who has the lead */
    _Atomic bool is_asleep; /* who has the lead, and has to be woken */
    _Atomic bool is_nudged; /* it is to look whether to go on */

    xkv__monitor monitor; /* of changes to what follows */
    _Atomic bool is_led;
    bool is_ours;    /* our thread has the lead */
    unsigned wanted; /* by others, from our thread */
    _Atomic unsigned needs;
    _Atomic bool is_idle; /* our thread, and is to be told of work */
    _Atomic bool is_ending;

    bool is_driver;
    xkv__driver driver;
    xkv__thread thread;
};

/* -- Sleeping ------------------------------------------------------------------------ */

/* If there is no room for the byte, it is awake. */
static void wake_up(xkv__lead *lead) {
    size_t sent;

    if (atomic_exchange(&lead->is_asleep, false))
        (void)xkv__net.send(lead->wake[1], "!", 1, &sent);
}

/* Not for what has come, which it looks for by itself. */
static void nudge(void *context) {
    xkv__lead *lead = context;

    atomic_store(&lead->is_nudged, true);
    wake_up(lead);
}

static void hear_wakes(xkv__lead *lead) {
    char bytes[256];
    size_t got;

    (void)xkv__net.receive(lead->wake[0], bytes, sizeof bytes, &got);
}

/* Sleeps until there is something to do. What comes before is_asleep is seen here, and what
 * comes after wakes. */
static void sleep_for(xkv__lead *lead, xkv__sleep *sleep, int64_t at_most_ms) {
    int64_t wait_ms = at_most_ms < SLEEP_MAX_MS ? at_most_ms : SLEEP_MAX_MS;

    if (sleep->wait_ms >= 0 && sleep->wait_ms < wait_ms)
        wait_ms = sleep->wait_ms;
    atomic_store(&lead->is_asleep, true);
    if (atomic_exchange(&lead->is_nudged, false) || lead->ops.has_come(lead->ops.context))
        wait_ms = 0;
    (void)xkv__net.wait(sleep->watched, sleep->count, (int)wait_ms);
    atomic_store(&lead->is_asleep, false);
}

/* One round of who has the lead. */
static void take_turn(xkv__lead *lead, int64_t at_most_ms) {
    xkv__sleep sleep = {.count = 1};

    sleep.watched[0] = (xkv__watched){.socket = lead->wake[0]};
    xkv__mutex_lock(&lead->io);
    lead->ops.work(lead->ops.context, &sleep);
    xkv__mutex_unlock(&lead->io);
    sleep_for(lead, &sleep, at_most_ms);
    if (sleep.watched[0].ready)
        hear_wakes(lead);
    xkv__mutex_lock(&lead->io);
    lead->ops.hear(lead->ops.context, &sleep);
    xkv__mutex_unlock(&lead->io);
}

/* -- Who has it: with the monitor ---------------------------------------------------------- */

static void take_lead(xkv__lead *lead, bool ours) {
    lead->is_led = true;
    lead->is_ours = ours;
}

static bool is_work(const xkv__lead *lead) {
    return lead->ops.has_work(lead->ops.context);
}

static void let_go(xkv__lead *lead) {
    lead->is_led = false;
    lead->is_ours = false;
    if (lead->needs > 0 || lead->wanted > 0 || lead->is_ending || (lead->is_idle && is_work(lead)))
        xkv__monitor_wake_all(&lead->monitor);
}

/* False: it is another's. */
static bool want_lead(xkv__lead *lead) {
    lead->wanted++;
    if (lead->is_ours)
        nudge(lead);
    while (lead->is_led && lead->is_ours && !lead->is_ending)
        xkv__monitor_wait(&lead->monitor);
    lead->wanted--;
    if (lead->is_led || lead->is_ending)
        return false;
    take_lead(lead, false);
    return true;
}

/* -- Those who wait for completions --------------------------------------------------------- */

static bool drive(void *context, bool (*enough)(void *), void *asker, int timeout_ms) {
    xkv__lead *lead = context;
    int64_t end = xkv__monitor_now() + (int64_t)timeout_ms * 1000000, left = SLEEP_MAX_MS;

    xkv__monitor_enter(&lead->monitor);
    bool led = want_lead(lead);
    xkv__monitor_leave(&lead->monitor);
    if (!led)
        return false;
    while (!enough(asker) && left > 0 && !lead->is_ending) {
        take_turn(lead, left);
        if (timeout_ms >= 0)
            left = (end - xkv__monitor_now() + 999999) / 1000000;
    }
    xkv__monitor_enter(&lead->monitor);
    let_go(lead);
    bool goes_on = !lead->is_ending;
    xkv__monitor_leave(&lead->monitor);
    return goes_on;
}

/* -- Our thread ------------------------------------------------------------------------------ */

static bool is_needed(const xkv__lead *lead) {
    return lead->needs > 0 || !lead->is_driver;
}

/* Waits a while; false if nothing happened. */
static bool linger(xkv__lead *lead, int64_t ms) {
    return xkv__monitor_wait_until(&lead->monitor, xkv__monitor_now() + ms * 1000000);
}

/* Until there is something that nobody works at. */
static void idle(xkv__lead *lead) {
    lead->is_idle = true;
    if (!lead->is_ending && (lead->is_led || !is_work(lead)))
        xkv__monitor_wait(&lead->monitor);
    lead->is_idle = false;
}

/* Whether there is something to lead for: somebody needs it, or there is work that nobody has
 * taken the lead for in a while. Looks again from time to time, which is cheaper than to
 * be told whenever somebody takes the lead or lets it go. */
static bool await_task(xkv__lead *lead) {
    if (!lead->is_led && is_needed(lead) && lead->wanted == 0)
        return true;
    if (!is_work(lead))
        idle(lead);
    else if (lead->is_led || lead->wanted > 0)
        (void)linger(lead, LOOK_MS);
    else
        return !linger(lead, TICK_MS) && !lead->is_led && is_work(lead);
    return false;
}

static void lead_on(xkv__lead *lead) {
    take_lead(lead, true);
    while (lead->wanted == 0 && !lead->is_ending) {
        xkv__monitor_leave(&lead->monitor);
        take_turn(lead, SLEEP_MAX_MS);
        xkv__monitor_enter(&lead->monitor);
    }
    let_go(lead);
}

static void *lead_main(void *context) {
    xkv__lead *lead = context;

    xkv__monitor_enter(&lead->monitor);
    while (!lead->is_ending) {
        if (await_task(lead))
            lead_on(lead);
    }
    xkv__monitor_leave(&lead->monitor);
    return NULL;
}

/* -- Those who bring something ---------------------------------------------------------------- */

static void call_thread(xkv__lead *lead) {
    xkv__monitor_enter(&lead->monitor);
    xkv__monitor_wake_all(&lead->monitor);
    xkv__monitor_leave(&lead->monitor);
}

void xkv__lead_call(xkv__lead *lead) {
    wake_up(lead);
    if (lead->is_idle && !lead->is_led)
        call_thread(lead);
}

/* Whoever sleeps goes on to do so, since it waits for the same. */
void xkv__lead_help(xkv__lead *lead) {
    xkv__sleep sleep = {.count = 0, .wait_ms = -1};

    if (!lead->is_asleep || !xkv__mutex_try(&lead->io)) {
        xkv__lead_call(lead);
        return;
    }
    lead->ops.work(lead->ops.context, &sleep);
    xkv__mutex_unlock(&lead->io);
    for (size_t i = 0; i < sleep.count; i++) {
        if (sleep.watched[i].for_room)
            wake_up(lead);
    }
    if (sleep.count == 0)
        wake_up(lead);
}

void xkv__lead_stop_work(xkv__lead *lead) {
    xkv__mutex_lock(&lead->io);
}

void xkv__lead_go_on(xkv__lead *lead) {
    xkv__mutex_unlock(&lead->io);
}

void xkv__lead_need(xkv__lead *lead) {
    xkv__monitor_enter(&lead->monitor);
    lead->needs++;
    if (!lead->is_led)
        xkv__monitor_wake_all(&lead->monitor);
    xkv__monitor_leave(&lead->monitor);
}

void xkv__lead_need_no_more(xkv__lead *lead) {
    atomic_fetch_sub(&lead->needs, 1);
}

/* -- Beginning and end ------------------------------------------------------------------- */

void xkv__lead_free(xkv__lead *lead) {
    xkv__net.close(lead->wake[0]);
    xkv__net.close(lead->wake[1]);
    xkv__monitor_destroy(&lead->monitor);
    xkv__mutex_destroy(&lead->io);
    xkv__free(lead);
}

static xkv__lead *new_lead(void) {
    xkv__lead *lead = xkv__alloc(sizeof *lead);

    if (!lead)
        return NULL;
    memset(lead, 0, sizeof *lead);
    if (xkv__net.pair(lead->wake).cause != XKV__FINE) {
        xkv__free(lead);
        return NULL;
    }
    bool mutex = xkv__mutex_init(&lead->io) == XKV_OK;
    if (mutex && xkv__monitor_init(&lead->monitor) == XKV_OK)
        return lead;
    if (mutex)
        xkv__mutex_destroy(&lead->io);
    xkv__net.close(lead->wake[0]);
    xkv__net.close(lead->wake[1]);
    xkv__free(lead);
    return NULL;
}

xkv__lead *xkv__lead_start(const xkv__lead_ops *ops) {
    xkv__lead *lead = new_lead();

    if (!lead)
        return NULL;
    lead->ops = *ops;
    lead->driver = (xkv__driver){drive, nudge, lead};
    lead->is_driver = xkv__driver_offer(&lead->driver);
    if (xkv__thread_start(&lead->thread, lead_main, lead) == XKV_OK)
        return lead;
    xkv__driver_withdraw(&lead->driver);
    xkv__lead_free(lead);
    return NULL;
}

void xkv__lead_stop(xkv__lead *lead) {
    xkv__monitor_enter(&lead->monitor);
    lead->is_ending = true;
    xkv__monitor_wake_all(&lead->monitor);
    xkv__monitor_leave(&lead->monitor);
    nudge(lead);
    xkv__driver_withdraw(&lead->driver);
    xkv__thread_join(lead->thread);
}
