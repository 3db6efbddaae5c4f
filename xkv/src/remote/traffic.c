/*
 * traffic.c - see traffic.h
 *
 * Who brings a command does not write it: that is left to the one thread that has the lead,
 * and the connection, so there is nothing to lock but the list of what has come, and what
 * comes while that thread is busy goes out together. Who waits for completions takes the lead
 * (driver.h). A thread of our own has it when somebody waits for a call of his own, and
 * where nobody has taken it for a while.
 *
 * While who has the lead sleeps, a thread that brings the only command there is sends it by
 * itself: that is sooner than to wake the other.
 *
 * What waits for a key is parked here, and asked again now and then: the intervals become
 * longer. See API.md for what that means to scripts.
 */
#include "remote/traffic.h"

#include "base/error.h"
#include "base/reply.h"
#include "command/command.h"
#include "remote/lead.h"
#include "store/timer.h"

enum {
    SPARE = 1024,        /* orders that are kept, so that few are allocated */
    ASK_AGAIN_MIN = 10,  /* milliseconds between two questions of one who waits, */
    ASK_AGAIN_MAX = 200, /* half as many again each time, and up to */
    MANY = 8,            /* so many under way, and none has to be woken for what comes; */
    MANY_MS = 1          /* who has the lead looks that often then */
};

/* A command on its way in one partition. */
struct leg {
    xkv__tour tour; /* first: the one can be got from the other */
    struct order *order;
    int error;          /* what it came back with, */
    xkv__buffer answer; /* or this, where there are others to wait for */
};

/* A command on its way. */
struct order {
    struct order *next; /* in the one list that it is in */
    xkv__traffic *traffic;
    xkv__exchange exchange;
    xkv__request *request; /* of the two, */
    xkv__waiter *waiter;   /* one is set, until it is over */
    int64_t began_ns;
    unsigned left;         /* legs that have not come back, */
    unsigned held;         /* that some link has still; and one more until it is over */
    uint64_t asked;        /* partitions, a bit for each */
    struct leg one, *legs; /* the one, or as many as there are partitions */
};

struct xkv__traffic {
    const xkv__dialect *dialect;
    xkv__lead *lead;

    xkv__nodes *nodes;   /* of who has the lead, as what follows */
    struct order *spare; /* orders of one leg */
    unsigned spares;
    int64_t now_ns;  /* when it last looked at the clock */
    uint64_t orders; /* ever */
    xkv_activity activity;
    xkv__link_counts told;

    _Atomic unsigned under_way; /* how many orders are not over */

    xkv__mutex mutex; /* of what follows */
    xkv__requests requests;
    struct order *asked, **asked_end; /* of threads that wait */

    xkv__mutex parking; /* between a request that is parked and its timer */
    xkv__mutex firing;  /* while the timer's thread is in here */
};

static const struct xkv__trip_ops leg_ops;
static void come_home(struct order *order);

static struct leg *leg_of(const xkv__trip *trip) {
    return (struct leg *)(uintptr_t)trip;
}

/* -- Bringing commands ------------------------------------------------------------------ */

void xkv__traffic_submit(xkv__traffic *traffic, xkv__request *request) {
    if (request->waiter)
        xkv__lead_need(traffic->lead);
    xkv__mutex_lock(&traffic->mutex);
    xkv__requests_append(&traffic->requests, request);
    xkv__mutex_unlock(&traffic->mutex);
}

/* A command that is alone is sent by who brings it: that is sooner than to wake another. Where many
 * are under way the next answer comes before long, and wakes who has the lead: what has come by
 * then is sent together, which is much less work for both sides. (As Nagle, "Congestion control
 * in IP/TCP internetworks", RFC 896, waits for what is acknowledged.) */
void xkv__traffic_go(xkv__traffic *traffic) {
    unsigned under_way = atomic_load_explicit(&traffic->under_way, memory_order_relaxed);

    if (under_way == 0)
        xkv__lead_help(traffic->lead);
    else if (under_way < MANY)
        xkv__lead_call(traffic->lead);
}

static void submit_order(xkv__traffic *traffic, struct order *order) {
    order->next = NULL;
    xkv__lead_need(traffic->lead);
    xkv__mutex_lock(&traffic->mutex);
    *traffic->asked_end = order;
    traffic->asked_end = &order->next;
    xkv__mutex_unlock(&traffic->mutex);
    xkv__traffic_go(traffic);
}

static void order_init(struct order *order, xkv__traffic *traffic, const xkv__call *call) {
    order->traffic = traffic;
    order->request = NULL;
    order->waiter = NULL;
    order->held = 1;
    order->legs = NULL;
    order->one.answer = (xkv__buffer){.len = 0};
    xkv__exchange_begin(&order->exchange, call);
}

/* What opening asks is no command, and has no name. */
static void fail_call(const xkv__call *call, int error) {
    if (call->command->op < XKV_OP_END)
        xkv__call_fail(call, error);
    else
        xkv__reply_fail(call->reply, error, "%s", xkv__reason(error));
}

/* The thread that waits may be given up by the link while the order is still its: so that
 * is never the caller's memory. */
void xkv__traffic_run(xkv__traffic *traffic, const xkv__call *call) {
    xkv__waiter waiter = {.done = false};
    struct order *order = xkv__alloc(sizeof *order);
    int error = order ? xkv__monitor_init(&waiter.monitor) : XKV_E_STORE_FULL;

    if (error != XKV_OK) {
        xkv__free(order);
        fail_call(call, error);
        return;
    }
    order_init(order, traffic, call);
    order->waiter = &waiter;
    submit_order(traffic, order);
    xkv__monitor_enter(&waiter.monitor);
    while (!waiter.done)
        xkv__monitor_wait(&waiter.monitor);
    xkv__monitor_leave(&waiter.monitor);
    xkv__monitor_destroy(&waiter.monitor);
}

/* -- Those who wait for a key --------------------------------------------------------------- */

static xkv__request *request_of_timer(xkv__timer *timer) {
    return (xkv__request *)(void *)((char *)timer - offsetof(xkv__request, timer));
}

static bool is_due(xkv__timer *timer) {
    return xkv__request_move(request_of_timer(timer), XKV__PARKED, XKV__TAKEN);
}

/* It is asked again: it is taken already, and overtakes nothing. It may be over, and the last of
 * its store, before this thread has gone on. */
static void fire(xkv__timer *timer) {
    xkv__request *request = request_of_timer(timer);
    xkv__traffic *traffic = (xkv__traffic *)(void *)request->waiting;

    xkv__mutex_lock(&traffic->firing);
    xkv__traffic_submit(traffic, request);
    xkv__traffic_go(traffic);
    xkv__mutex_unlock(&traffic->firing);
}

static uint64_t next_interval(xkv__request *request) {
    uint64_t last = request->order;

    request->order = last == 0 ? ASK_AGAIN_MIN : last + last / 2;
    if (request->order > ASK_AGAIN_MAX)
        request->order = ASK_AGAIN_MAX;
    return request->order;
}

/* Parks a request that has found nothing, until it is asked again. Then it may be over at any
 * time. False: it has been ended meanwhile. */
static bool park(xkv__traffic *traffic, xkv__request *request, uint64_t now_ms) {
    uint64_t at_ms = now_ms + next_interval(request);
    bool overtaken = request->order > ASK_AGAIN_MIN;

    request->timer = (xkv__timer){.is_due = is_due, .fire = fire};
    request->waiting = (struct xkv__waiting *)(void *)traffic;
    xkv_reply_clear(request->call.reply);
    if (!overtaken)
        xkv__request_overtake(request);
    xkv__mutex_lock(&traffic->parking);
    atomic_store(&request->state, XKV__PARKED);
    bool ended =
        atomic_load(&request->end) != XKV_OK && xkv__request_move(request, XKV__PARKED, XKV__TAKEN);
    if (!ended)
        xkv__timer_start(&request->timer, at_ms < request->until_ms ? at_ms : request->until_ms);
    xkv__mutex_unlock(&traffic->parking);
    return !ended;
}

void xkv__traffic_unpark(xkv__traffic *traffic, xkv__request *request) {
    xkv__mutex_lock(&traffic->parking);
    xkv__timer_stop(&request->timer);
    xkv__mutex_unlock(&traffic->parking);
}

/* -- Coming back ------------------------------------------------------------------------------ */

/* A request is answered: it is over, unless it has found nothing and waits. */
static void finish_request(xkv__traffic *traffic, xkv__request *request) {
    uint64_t now_ms = request->call.may_park ? xkv__sys.now_ms() : 0;
    bool waits = request->call.may_park && xkv__call_missed(&request->call);

    if (!waits || (now_ms >= request->until_ms && atomic_load(&request->end) == XKV_OK))
        xkv__request_done(request);
    else if (!park(traffic, request, now_ms))
        xkv__request_fail(request, atomic_load(&request->end));
}

static void finish_waiter(xkv__waiter *waiter) {
    xkv__monitor_enter(&waiter->monitor);
    waiter->done = true;
    xkv__monitor_wake(&waiter->monitor);
    xkv__monitor_leave(&waiter->monitor);
}

/* Gives up one of those that hold an order. */
static void release_order(struct order *order) {
    xkv__traffic *traffic = order->traffic;

    if (--order->held > 0)
        return;
    xkv__exchange_end(&order->exchange);
    if (order->legs) {
        for (unsigned i = 0; i < traffic->dialect->count; i++)
            xkv__buffer_free(&order->legs[i].answer);
        xkv__free(order->legs);
    }
    if (traffic->spares == SPARE) {
        xkv__free(order);
        return;
    }
    order->next = traffic->spare;
    traffic->spare = order;
    traffic->spares++;
}

/* Every sixteenth is measured: that is enough to tell how long they take. */
static void measure_order(xkv__traffic *traffic, const struct order *order) {
    enum { EACH = 16 };
    xkv_activity *activity = &traffic->activity;

    if (traffic->orders++ % EACH != 0)
        return;
    size_t at = (size_t)(activity->round_trips++ % XKV_ROUND_TRIPS);
    activity->round_trip_ns[at] = traffic->now_ns - order->began_ns;
}

void xkv__traffic_look(xkv__traffic *traffic, xkv_activity *activity) {
    xkv__lead_stop_work(traffic->lead);
    xkv__link_counts counts = xkv__nodes_count(traffic->nodes), told = traffic->told;
    traffic->told = counts;
    *activity = traffic->activity;
    traffic->activity.round_trips = 0;
    xkv__lead_go_on(traffic->lead);
    activity->in_flight = atomic_load(&traffic->under_way);
    activity->reconnects = (int64_t)(counts.connections - told.connections);
    activity->unknown = (int64_t)(counts.unknown - told.unknown);
    if (activity->round_trips > XKV_ROUND_TRIPS)
        activity->round_trips = XKV_ROUND_TRIPS;
}

static void finish_order(struct order *order, int error) {
    const xkv__call *call = order->exchange.call;
    xkv__request *request = order->request;
    xkv__waiter *waiter = order->waiter;

    order->request = NULL;
    order->waiter = NULL;
    measure_order(order->traffic, order);
    if (error != XKV_OK) {
        xkv_reply_clear(call->reply);
        fail_call(call, error);
    }
    atomic_fetch_sub_explicit(&order->traffic->under_way, 1, memory_order_relaxed);
    if (waiter || request->waiter)
        xkv__lead_need_no_more(order->traffic->lead);
    if (request)
        finish_request(order->traffic, request);
    else
        finish_waiter(waiter);
    release_order(order);
}

/* -- Asking ------------------------------------------------------------------------------ */

static int ask_leg(const xkv__trip *trip, xkv__buffer *out) {
    const struct leg *leg = leg_of(trip);
    const struct order *order = leg->order;

    return xkv__ask(order->traffic->dialect, &order->exchange, leg->tour.partition, false, out);
}

static int ask_leg_along(const xkv__trip *trip, const xkv__trip *other, size_t begins,
                         xkv__buffer *out) {
    const struct leg *leg = leg_of(trip), *with = leg_of(other);
    const struct order *order = leg->order;

    if (order->legs || with->order->legs || leg->tour.partition != with->tour.partition ||
        !xkv__may_share(&order->exchange, &with->order->exchange))
        return XKV__APART;
    return xkv__ask_along(order->traffic->dialect, &order->exchange, leg->tour.partition, begins,
                          out);
}

static struct leg *leg_in(struct order *order, unsigned partition) {
    return order->legs ? &order->legs[partition] : &order->one;
}

static void send_leg(struct order *order, unsigned partition) {
    struct leg *leg = leg_in(order, partition);

    leg->tour.trip.ops = &leg_ops;
    leg->tour.trip.changes = xkv__changes(order->exchange.command);
    leg->tour.trip.sender = order->request ? order->request->store : NULL;
    leg->tour.partition = partition;
    leg->order = order;
    leg->error = XKV_OK;
    leg->answer.len = 0;
    xkv__nodes_ask(order->traffic->nodes, &leg->tour);
}

/* Room for the legs to more than one partition. */
static int make_legs(struct order *order) {
    unsigned count = order->traffic->dialect->count;

    if (order->legs || (order->asked & (order->asked - 1)) == 0)
        return XKV_OK;
    order->legs = xkv__alloc(count * sizeof *order->legs);
    if (!order->legs)
        return XKV_E_STORE_FULL;
    memset(order->legs, 0, count * sizeof *order->legs);
    return XKV_OK;
}

/* What fails after another step has changed something was not refused. */
static int after_changes(const struct order *order, int error) {
    return order->exchange.has_changed ? xkv__fail_as(error, XKV_E_OUTCOME_UNKNOWN) : error;
}

/* They come back when all have been sent: a link has them fail at once, if it has to. */
static void send_order(struct order *order) {
    order->asked = xkv__whom(order->traffic->dialect, &order->exchange);
    int error = make_legs(order);

    if (error != XKV_OK) {
        finish_order(order, after_changes(order, error));
        return;
    }
    order->left = 1;
    for (uint64_t left = order->asked; left != 0; left &= left - 1) {
        order->left++;
        order->held++;
        send_leg(order, XKV__LOWEST_BIT(left));
    }
    come_home(order);
}

/* -- Answers ----------------------------------------------------------------------------- */

/* What has come of those that failed. If part of a change was made, or may have been, that is not
 * known to have been all or nothing. */
static int gather_errors(const struct order *order) {
    unsigned failed = 0, asked = 0;
    int error = XKV_OK;
    bool changes = false;

    for (uint64_t left = order->asked; left != 0; left &= left - 1, asked++) {
        const struct leg *leg = leg_in((struct order *)(uintptr_t)order, XKV__LOWEST_BIT(left));
        changes = leg->tour.trip.changes;
        if (leg->error == XKV_OK)
            continue;
        failed++;
        if (error != XKV_E_OUTCOME_UNKNOWN)
            error = leg->error;
    }
    if (changes && failed > 0 && failed < asked)
        return xkv__fail(XKV_E_OUTCOME_UNKNOWN, "it was done in %u of %u partitions of the store",
                         asked - failed, asked);
    return failed > 0 ? after_changes(order, error) : XKV_OK;
}

static void gather(const struct order *order, xkv__answers *answers) {
    answers->from = order->asked;
    for (uint64_t left = order->asked; left != 0; left &= left - 1) {
        unsigned partition = XKV__LOWEST_BIT(left);
        answers->of[partition] =
            xkv__buffer_bytes(&leg_in((struct order *)(uintptr_t)order, partition)->answer);
    }
}

/* A change that was made and cannot be told for want of memory is not one that was refused. */
static int told_or_unknown(const struct order *order, const struct leg *leg, int error) {
    if (error == XKV_E_STORE_FULL && leg->tour.trip.changes)
        return xkv__fail(XKV_E_OUTCOME_UNKNOWN,
                         "it was done, but there is no memory for the answer");
    return error == XKV_OK ? XKV_OK : after_changes(order, error);
}

static void take_answers(struct order *order, const xkv__answers *answers) {
    int error = xkv__answer(order->traffic->dialect, &order->exchange, answers);

    if (error == XKV__ASK_AGAIN)
        send_order(order);
    else
        finish_order(order,
                     told_or_unknown(order, leg_in(order, XKV__LOWEST_BIT(order->asked)), error));
}

/* A leg is back: if it was the last, it is known what has come of the order. */
static void come_home(struct order *order) {
    xkv__answers answers;

    if (--order->left > 0)
        return;
    int error = gather_errors(order);
    if (error != XKV_OK) {
        finish_order(order, error);
        return;
    }
    gather(order, &answers);
    take_answers(order, &answers);
}

/* The answer of the only leg need not be kept. */
static bool is_alone(const struct order *order) {
    return !order->legs && order->left == 1;
}

static void come_back(xkv__trip *trip, int error, xkv_bytes answer) {
    struct leg *leg = leg_of(trip);
    struct order *order = leg->order;
    xkv__answers answers;

    if (error == XKV__ELSEWHERE) {
        xkv__nodes_ask_elsewhere(order->traffic->nodes, &leg->tour);
        return;
    }
    if (error == XKV_OK)
        xkv__nodes_forget(&leg->tour); /* it may be asked again at once */
    if (error == XKV_OK && is_alone(order)) {
        answers.from = order->asked;
        answers.of[leg->tour.partition] = answer;
        order->exchange.seat = trip->seat;
        take_answers(order, &answers);
        return;
    }
    if (error == XKV_OK)
        xkv__buffer_append(&leg->answer, answer.data, answer.len);
    leg->error = error == XKV_OK ? told_or_unknown(order, leg, leg->answer.error) : error;
    come_home(order);
}

static void free_leg(xkv__trip *trip) {
    xkv__nodes_forget(&leg_of(trip)->tour);
    release_order(leg_of(trip)->order);
}

static int redirect_leg(xkv__trip *trip, xkv_bytes text) {
    struct leg *leg = leg_of(trip);
    return xkv__nodes_redirect(leg->order->traffic->nodes, &leg->tour, text);
}

static const struct xkv__trip_ops leg_ops = {ask_leg, ask_leg_along, come_back, free_leg,
                                             redirect_leg};

/* -- The work ---------------------------------------------------------------------------- */

static struct order *order_new(xkv__traffic *traffic) {
    struct order *order = traffic->spare;

    if (!order)
        return xkv__alloc(sizeof *order);
    traffic->spare = order->next;
    traffic->spares--;
    return order;
}

static bool may_begin(xkv__request *request) {
    return atomic_load(&request->state) == XKV__TAKEN || xkv__request_take(request);
}

static void give_up_request(xkv__traffic *traffic, xkv__request *request, int error) {
    if (request->waiter)
        xkv__lead_need_no_more(traffic->lead);
    xkv__request_fail(request, error);
}

static void begin_order(xkv__traffic *traffic, struct order *order) {
    atomic_fetch_add_explicit(&traffic->under_way, 1, memory_order_relaxed);
    order->began_ns = traffic->now_ns;
    send_order(order);
}

static void begin_request(xkv__traffic *traffic, xkv__request *request) {
    struct order *order = may_begin(request) ? order_new(traffic) : NULL;

    if (!order) {
        int end = atomic_load(&request->end);
        give_up_request(traffic, request, end != XKV_OK ? end : XKV_E_STORE_FULL);
        return;
    }
    order_init(order, traffic, &request->call);
    order->request = request;
    begin_order(traffic, order);
}

static void begin_all(xkv__traffic *traffic) {
    xkv__mutex_lock(&traffic->mutex);
    xkv__requests requests = traffic->requests;
    struct order *asked = traffic->asked;
    traffic->requests = (xkv__requests){NULL, NULL};
    traffic->asked = NULL;
    traffic->asked_end = &traffic->asked;
    xkv__mutex_unlock(&traffic->mutex);
    traffic->now_ns = xkv__monitor_now();
    for (xkv__request *request; (request = xkv__requests_take(&requests));)
        begin_request(traffic, request);
    for (struct order *next; asked; asked = next) {
        next = asked->next;
        begin_order(traffic, asked);
    }
}

static void work(void *context, xkv__sleep *sleep) {
    xkv__traffic *traffic = context;

    begin_all(traffic);
    xkv__nodes_work(traffic->nodes, sleep);
    if (atomic_load(&traffic->under_way) >= MANY &&
        (sleep->wait_ms < 0 || sleep->wait_ms > MANY_MS))
        sleep->wait_ms = MANY_MS;
}

static bool has_come(void *context) {
    xkv__traffic *traffic = context;

    xkv__mutex_lock(&traffic->mutex);
    bool come = traffic->requests.first || traffic->asked;
    xkv__mutex_unlock(&traffic->mutex);
    return come;
}

static bool has_trips(void *context) {
    xkv__traffic *traffic = context;
    return atomic_load(&traffic->under_way) > 0 || has_come(traffic);
}

static void hear(void *context, const xkv__sleep *sleep) {
    xkv__traffic *traffic = context;

    traffic->now_ns = xkv__monitor_now();
    xkv__nodes_hear(traffic->nodes, sleep);
}

static void wake_lead(void *context) {
    xkv__traffic *traffic = context;
    xkv__lead_call(traffic->lead);
}

/* -- Beginning and end
 * -------------------------------------------------------------------------------- */

static void free_traffic(xkv__traffic *traffic) {
    xkv__nodes_free(traffic->nodes);
    for (struct order *next; traffic->spare; traffic->spare = next) {
        next = traffic->spare->next;
        xkv__free(traffic->spare);
    }
    xkv__mutex_destroy(&traffic->firing);
    xkv__mutex_destroy(&traffic->parking);
    xkv__mutex_destroy(&traffic->mutex);
    xkv__free(traffic);
}

static xkv__traffic *new_traffic(const xkv__dialect *dialect) {
    xkv__traffic *traffic = xkv__alloc(sizeof *traffic);

    if (!traffic)
        return NULL;
    memset(traffic, 0, sizeof *traffic);
    traffic->dialect = dialect;
    traffic->asked_end = &traffic->asked;
    bool mutex = xkv__mutex_init(&traffic->mutex) == XKV_OK;
    bool parking = mutex && xkv__mutex_init(&traffic->parking) == XKV_OK;
    if (parking && xkv__mutex_init(&traffic->firing) == XKV_OK)
        return traffic;
    if (parking)
        xkv__mutex_destroy(&traffic->parking);
    if (mutex)
        xkv__mutex_destroy(&traffic->mutex);
    xkv__free(traffic);
    return NULL;
}

xkv__traffic *xkv__traffic_start(const xkv__address *address, const xkv__dialect *dialect,
                                 const xkv__found *found) {
    xkv__traffic *traffic = new_traffic(dialect);
    xkv__nodes_ops ops = {address, dialect, wake_lead, traffic};
    xkv__lead_ops lead = {work, has_come, has_trips, hear, traffic};

    if (!traffic) {
        xkv__net.close(found->socket);
        return NULL;
    }
    traffic->nodes = xkv__nodes_new(&ops, found);
    traffic->lead = traffic->nodes ? xkv__lead_start(&lead) : NULL;
    if (traffic->lead)
        return traffic;
    free_traffic(traffic);
    return NULL;
}

/* The links' own threads may want to wake who leads, so that goes last. */
void xkv__traffic_stop(xkv__traffic *traffic) {
    xkv__lead *lead = traffic->lead;

    xkv__mutex_lock(&traffic->firing); /* waits for the timer's thread */
    xkv__mutex_unlock(&traffic->firing);
    xkv__lead_stop(lead);
    free_traffic(traffic);
    xkv__lead_free(lead);
}
