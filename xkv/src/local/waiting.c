/*
 * waiting.c - see waiting.h
 *
 * Requests that want the same are in one queue: those for one key, or for any key with
 * one prefix. Which queues a key concerns is found in two trees: that of keys by the
 * key, that of prefixes by as many beginnings of it as there are lengths of prefixes.
 * A store where nobody waits pays for none of this: see xkv__waiting_any.
 *
 * The mutex guards the queues against those who give up: the timer, xkv_cancel and
 * xkv_close. Whether a request is theirs or the transaction's is decided by its state
 * alone; so one that is about to be forgotten may still be in its queue, and is passed
 * over.
 */
#include "local/waiting.h"

#include "base/heap.h"
#include "base/sys.h"
#include "base/text.h"
#include "command/command.h"
#include "command/items.h"
#include "tree/btree.h"

/* What requests wait for, and those that do, in the order in which they came. */
struct xkv__wanted {
    xkv__heap_node noted; /* first: the one can be got from the other */
    xkv__request *first, *last;
    size_t requests; /* that belong to it, in the queue or not */
    bool exact;
    xkv_bytes text;
    unsigned char bytes[];
};

/* How many prefixes of a length there are. */
struct length {
    size_t len, count;
};

enum { LOOK_AGAIN_MS = 1000 };

struct xkv__waiting {
    struct xkv__waiters waiters;
    xkv__mutex mutex;
    uint64_t orders; /* given out */
    xkv__tree keys, prefixes;
    struct length *lengths;
    size_t lengths_count, lengths_room;
    xkv__heap noted;              /* whose first may be satisfied: none is before its key */
    xkv__requests parked, served; /* by the transaction that is under way */
    xkv__request *sharing;        /* what this one was served with is for others, too */

    xkv__timer timer;
    bool reserved; /* for the timer */
    void (*look)(void *context);
    void *context;
};

static xkv__waiting *waiting_of_timer(xkv__timer *timer) {
    return (xkv__waiting *)(void *)((char *)timer - offsetof(xkv__waiting, timer));
}

static bool always_due(xkv__timer *timer) {
    (void)timer;
    return true;
}

/* It starts anew, since look may fail. Else that says when the next is due. */
static void fire_look(xkv__timer *timer) {
    xkv__waiting *waiting = waiting_of_timer(timer);

    if (xkv__waiting_any(waiting))
        xkv__timer_start(timer, xkv__sys.now_ms() + LOOK_AGAIN_MS);
    waiting->look(waiting->context);
}

xkv__waiting *xkv__waiting_new(void (*look)(void *context), void *context) {
    xkv__waiting *waiting = xkv__alloc(sizeof *waiting);

    if (!waiting)
        return NULL;
    memset(waiting, 0, sizeof *waiting);
    waiting->timer = (xkv__timer){.is_due = always_due, .fire = fire_look};
    waiting->look = look;
    waiting->context = context;
    if (xkv__mutex_init(&waiting->mutex) == XKV_OK)
        return waiting;
    xkv__free(waiting);
    return NULL;
}

void xkv__waiting_free(xkv__waiting *waiting) {
    if (!waiting)
        return;
    if (waiting->reserved)
        xkv__timer_unreserve();
    xkv__tree_release(&waiting->keys);
    xkv__tree_release(&waiting->prefixes);
    xkv__mutex_destroy(&waiting->mutex);
    xkv__heap_free(&waiting->noted);
    xkv__free(waiting->lengths);
    xkv__free(waiting);
}

void xkv__waiting_look_at(xkv__waiting *waiting, uint64_t at_ms) {
    if (at_ms < UINT64_MAX)
        xkv__timer_start(&waiting->timer, at_ms);
    else
        xkv__timer_stop(&waiting->timer);
}

void xkv__waiting_stop(xkv__waiting *waiting) {
    if (waiting->reserved)
        xkv__timer_end(&waiting->timer);
}

/* -- Queues -------------------------------------------------------------------- */

static xkv__tree *tree_for(xkv__waiting *waiting, bool exact) {
    return exact ? &waiting->keys : &waiting->prefixes;
}

static struct xkv__wanted *find_wanted(xkv__waiting *waiting, bool exact, xkv_bytes text) {
    const xkv__entry *entry = xkv__tree_get(tree_for(waiting, exact), text);
    struct xkv__wanted *wanted = NULL;

    if (entry)
        memcpy(&wanted, xkv__entry_value(entry).data, sizeof wanted);
    return wanted;
}

static struct xkv__wanted *wanted_new(bool exact, xkv_bytes text) {
    struct xkv__wanted *wanted = xkv__alloc(sizeof *wanted + text.len);

    if (!wanted)
        return NULL;
    memset(wanted, 0, sizeof *wanted);
    wanted->exact = exact;
    wanted->text = (xkv_bytes){wanted->bytes, text.len};
    if (text.len > 0)
        memcpy(wanted->bytes, text.data, text.len);
    return wanted;
}

static int count_length(xkv__waiting *waiting, size_t len) {
    size_t at = 0;

    while (at < waiting->lengths_count && waiting->lengths[at].len != len)
        at++;
    if (at == waiting->lengths_room) {
        size_t room = waiting->lengths_room * 2 + 4;
        struct length *lengths = xkv__resize(waiting->lengths, room * sizeof *lengths);
        if (!lengths)
            return XKV_E_STORE_FULL;
        waiting->lengths = lengths;
        waiting->lengths_room = room;
    }
    if (at == waiting->lengths_count)
        waiting->lengths[waiting->lengths_count++] = (struct length){len, 0};
    waiting->lengths[at].count++;
    return XKV_OK;
}

static void uncount_length(xkv__waiting *waiting, size_t len) {
    struct length *length = waiting->lengths;

    while (length->len != len)
        length++;
    if (--length->count == 0)
        *length = waiting->lengths[--waiting->lengths_count];
}

static int add_wanted(xkv__waiting *waiting, struct xkv__wanted *wanted) {
    xkv__entry *entry = xkv__entry_new(wanted->text, (xkv_bytes){&wanted, sizeof(wanted)});
    size_t count = (size_t)(waiting->keys.count + waiting->prefixes.count);
    int error = entry ? xkv__heap_reserve(&waiting->noted, count + 1) : XKV_E_STORE_FULL;

    if (error == XKV_OK && !wanted->exact)
        error = count_length(waiting, wanted->text.len);
    if (error != XKV_OK) {
        xkv__entry_release(entry);
        return error;
    }
    error = xkv__tree_put(tree_for(waiting, wanted->exact), entry);
    if (error == XKV_OK)
        return XKV_OK;
    xkv__entry_release(entry);
    if (!wanted->exact)
        uncount_length(waiting, wanted->text.len);
    return error;
}

/* The queue for what a command wants, made if there is none. NULL when memory is short. */
static struct xkv__wanted *want(xkv__waiting *waiting, const xkv_command *command) {
    bool exact = xkv__info(command)->arguments & XKV_ARG_KEY;
    xkv_bytes text = exact ? command->key : command->prefix;
    struct xkv__wanted *wanted = find_wanted(waiting, exact, text);

    if (wanted)
        return wanted;
    wanted = wanted_new(exact, text);
    if (wanted && add_wanted(waiting, wanted) != XKV_OK) {
        xkv__free(wanted);
        return NULL;
    }
    return wanted;
}

/* A request belongs to it no longer. It shares its tree's nodes with nobody, so to delete
 * it cannot fail. */
static void leave_wanted(xkv__waiting *waiting, struct xkv__wanted *wanted) {
    atomic_fetch_sub_explicit(&waiting->waiters.count, 1, memory_order_relaxed);
    if (--wanted->requests > 0)
        return;
    xkv__heap_remove(&waiting->noted, &wanted->noted);
    (void)xkv__tree_delete(tree_for(waiting, wanted->exact), wanted->text);
    if (!wanted->exact)
        uncount_length(waiting, wanted->text.len);
    xkv__free(wanted);
}

/* Puts a request where it belongs by its order: at one of the ends, but for a few. */
static void enter_queue(xkv__waiting *waiting, xkv__request *request) {
    struct xkv__wanted *wanted = request->wanted;
    bool is_first = wanted->first && wanted->first->order > request->order;
    xkv__request *earlier = is_first ? NULL : wanted->last;

    while (earlier && earlier->order > request->order)
        earlier = earlier->earlier;
    if (wanted->noted.place > 0 && request->order < wanted->noted.key)
        xkv__heap_put(&waiting->noted, &wanted->noted, request->order);
    request->earlier = earlier;
    request->later = earlier ? earlier->later : wanted->first;
    *(request->later ? &request->later->earlier : &wanted->last) = request;
    *(earlier ? &earlier->later : &wanted->first) = request;
}

static void leave_queue(xkv__request *request) {
    struct xkv__wanted *wanted = request->wanted;

    *(request->later ? &request->later->earlier : &wanted->last) = request->earlier;
    *(request->earlier ? &request->earlier->later : &wanted->first) = request->later;
}

/* -- Changes ------------------------------------------------------------------- */

/* Whose turn it is comes out when it is asked for: before nobody, for now. */
static void note_wanted(xkv__waiting *waiting, struct xkv__wanted *wanted) {
    if (wanted && wanted->noted.place == 0)
        xkv__heap_put(&waiting->noted, &wanted->noted, 0);
}

void xkv__waiting_note(xkv__waiting *waiting, xkv_bytes key) {
    xkv__mutex_lock(&waiting->mutex);
    note_wanted(waiting, find_wanted(waiting, true, key));
    for (size_t i = 0; i < waiting->lengths_count; i++) {
        xkv_bytes prefix = {key.data, waiting->lengths[i].len};
        if (prefix.len <= key.len)
            note_wanted(waiting, find_wanted(waiting, false, prefix));
    }
    xkv__mutex_unlock(&waiting->mutex);
}

static void note_tree(xkv__waiting *waiting, const xkv__tree *tree) {
    xkv__tree_cursor cursor;
    const xkv__entry *entry = xkv__tree_seek(tree, &cursor, (xkv_bytes){NULL, 0});

    for (; entry; entry = xkv__tree_next(&cursor)) {
        struct xkv__wanted *wanted;
        memcpy(&wanted, xkv__entry_value(entry).data, sizeof wanted);
        note_wanted(waiting, wanted);
    }
}

void xkv__waiting_note_all(xkv__waiting *waiting) {
    xkv__mutex_lock(&waiting->mutex);
    note_tree(waiting, &waiting->keys);
    note_tree(waiting, &waiting->prefixes);
    xkv__mutex_unlock(&waiting->mutex);
}

/* Makes the first of a queue the caller's, of those that have not been ended. */
static xkv__request *first_of(struct xkv__wanted *wanted) {
    xkv__request *request = wanted->first;

    while (request && atomic_load(&request->state) == XKV__ENDED)
        request = request->later;
    return request;
}

/* Of those who may be satisfied, who came first; queues where nobody is are forgotten. Who
 * is first in a queue comes later the longer it lasts, so those that have been looked at are
 * looked at again only when they are next. */
static xkv__request *find_next(xkv__waiting *waiting) {
    struct xkv__wanted *wanted;

    while ((wanted = (struct xkv__wanted *)(void *)xkv__heap_first(&waiting->noted))) {
        xkv__request *first = first_of(wanted);
        if (!first)
            xkv__heap_remove(&waiting->noted, &wanted->noted);
        else if (first->order > wanted->noted.key)
            xkv__heap_put(&waiting->noted, &wanted->noted, first->order);
        else
            return first;
    }
    return NULL;
}

static bool take_parked(xkv__request *request) {
    return xkv__request_move(request, XKV__PARKED, XKV__TAKEN) ||
           xkv__request_move(request, XKV__PARKING, XKV__TAKEN);
}

/* Who wants a claim for its owner. */
static bool is_for_owner(const xkv_command *command) {
    return xkv__info(command)->required & XKV_ARG_OWNER;
}

/* The first of a queue that wants a claim for the same owner as one that has got it: they get
 * the same, whoever came before them. Claims for owners are made seldom, so the queue is
 * walked through. */
static xkv__request *take_sharer(const xkv__request *served) {
    xkv_bytes owner = served->call.command->owner;
    xkv__request *request = served->wanted->first;

    for (; request; request = request->later) {
        const xkv_command *command = request->call.command;
        if (is_for_owner(command) && xkv__compare(command->owner, owner) == 0 &&
            take_parked(request))
            return request;
    }
    return NULL;
}

/* Makes the next of all who may be satisfied the caller's. */
static xkv__request *take_next(xkv__waiting *waiting) {
    xkv__request *next;

    do
        next = find_next(waiting);
    while (next && !take_parked(next)); /* it was ended just now */
    return next;
}

xkv__request *xkv__waiting_next(xkv__waiting *waiting) {
    xkv__request *next = NULL;

    xkv__mutex_lock(&waiting->mutex);
    if (waiting->sharing)
        next = take_sharer(waiting->sharing);
    if (!next) {
        waiting->sharing = NULL;
        next = take_next(waiting);
    }
    if (next)
        leave_queue(next);
    xkv__mutex_unlock(&waiting->mutex);
    return next;
}

/* With the mutex: it waits again, unless it was to be ended meanwhile: then it is the
 * caller's. */
static bool wait_on(xkv__request *request) {
    atomic_store(&request->state, XKV__PARKED);
    xkv__timer_start(&request->timer, request->until_ms);
    return atomic_load(&request->end) == XKV_OK ||
           !xkv__request_move(request, XKV__PARKED, XKV__ENDED);
}

static void end_waiting(xkv__waiting *waiting, xkv__request *request) {
    xkv__waiting_unpark(waiting, request);
    xkv__request_fail(request, atomic_load(&request->end));
}

void xkv__waiting_refuse(xkv__waiting *waiting, xkv__request *request) {
    bool waits = true;

    xkv__mutex_lock(&waiting->mutex);
    xkv__heap_remove(&waiting->noted, &request->wanted->noted);
    enter_queue(waiting, request);
    if (request->parking)
        atomic_store(&request->state, XKV__PARKING);
    else
        waits = wait_on(request);
    xkv__mutex_unlock(&waiting->mutex);
    if (!waits)
        end_waiting(waiting, request);
}

void xkv__waiting_serve(xkv__waiting *waiting, xkv__request *request) {
    const xkv_reply *reply = request->call.reply;

    if (is_for_owner(request->call.command) && reply->status == XKV_OK)
        waiting->sharing = request;
    if (!request->parking) /* else it is in the other list */
        xkv__requests_append(&waiting->served, request);
}

/* -- Parking ------------------------------------------------------------------- */

static xkv__request *request_of_timer(xkv__timer *timer) {
    return (xkv__request *)(void *)((char *)timer - offsetof(xkv__request, timer));
}

/* Time is over: it is the timer's, if nobody else has it. */
static bool is_due(xkv__timer *timer) {
    return xkv__request_move(request_of_timer(timer), XKV__PARKED, XKV__ENDED);
}

/* What it found when it was run, which was nothing, is its result. */
static void fire(xkv__timer *timer) {
    xkv__request *request = request_of_timer(timer);

    xkv__waiting_unpark(request->waiting, request);
    xkv__request_done(request);
}

static int reserve_look(xkv__waiting *waiting) {
    if (!waiting->reserved)
        waiting->reserved = xkv__timer_reserve() == XKV_OK;
    return waiting->reserved ? XKV_OK : XKV_E_STORE_FULL;
}

int xkv__waiting_park(xkv__waiting *waiting, xkv__request *request) {
    if (reserve_look(waiting) != XKV_OK)
        return XKV_E_STORE_FULL;
    xkv__mutex_lock(&waiting->mutex);
    struct xkv__wanted *wanted = want(waiting, request->call.command);
    if (wanted) {
        wanted->requests++;
        atomic_fetch_add_explicit(&waiting->waiters.count, 1, memory_order_relaxed);
        request->waiting = waiting;
        request->wanted = wanted;
        request->parking = true;
        request->order = waiting->orders++;
        request->timer = (xkv__timer){.is_due = is_due, .fire = fire};
        enter_queue(waiting, request);
        atomic_store(&request->state, XKV__PARKING);
        xkv__requests_append(&waiting->parked, request);
    }
    xkv__mutex_unlock(&waiting->mutex);
    return wanted ? XKV_OK : XKV_E_STORE_FULL;
}

void xkv__waiting_unpark(xkv__waiting *waiting, xkv__request *request) {
    xkv__mutex_lock(&waiting->mutex);
    leave_queue(request);
    leave_wanted(waiting, request->wanted);
    xkv__mutex_unlock(&waiting->mutex);
    xkv__timer_stop(&request->timer);
}

/* -- The end of a transaction ------------------------------------------------------ */

/* Lets go of those that the transaction has served. */
static void settle_served(xkv__waiting *waiting, xkv__requests *over) {
    for (xkv__request *request; (request = xkv__requests_take(&waiting->served));) {
        leave_wanted(waiting, request->wanted);
        xkv__timer_stop(&request->timer);
        xkv__requests_append(over, request);
    }
}

/* Has those wait that it has parked; some it has served as well. The handle's later
 * commands are free to go on before anybody can end the request. */
static xkv__requests settle_parked(xkv__waiting *waiting, xkv__requests *over) {
    xkv__requests ended = {NULL, NULL};

    for (xkv__request *request; (request = xkv__requests_take(&waiting->parked));) {
        request->parking = false;
        if (atomic_load(&request->state) == XKV__TAKEN) {
            leave_wanted(waiting, request->wanted);
            xkv__requests_append(over, request);
        } else if (!wait_on(request)) {
            xkv__requests_append(&ended, request);
        }
    }
    return ended;
}

xkv__requests xkv__waiting_settle(xkv__waiting *waiting) {
    xkv__requests over = {NULL, NULL};

    for (xkv__request *request = waiting->parked.first; request; request = request->next)
        xkv__request_overtake(request);
    xkv__mutex_lock(&waiting->mutex);
    settle_served(waiting, &over);
    xkv__requests ended = settle_parked(waiting, &over);
    xkv__mutex_unlock(&waiting->mutex);
    for (xkv__request *request; (request = xkv__requests_take(&ended));)
        end_waiting(waiting, request);
    return over;
}

/* Those that were parked are being run, as before. */
static void undo_parked(xkv__waiting *waiting) {
    for (xkv__request *request; (request = xkv__requests_take(&waiting->parked));) {
        if (atomic_load(&request->state) == XKV__PARKING)
            leave_queue(request);
        atomic_store(&request->state, XKV__TAKEN);
        request->parking = false;
        leave_wanted(waiting, request->wanted);
    }
}

/* Those that were served, the last one first: so each was the first in its queue. */
static xkv__request *served_backwards(xkv__waiting *waiting) {
    xkv__request *last = NULL;

    for (xkv__request *request; (request = xkv__requests_take(&waiting->served));) {
        request->next = last;
        last = request;
    }
    return last;
}

/* What they were served with was not to be had: should their time be over, it was nothing.
 * Returns those that end instead of waiting on. */
static xkv__requests undo_served(xkv__waiting *waiting, int error) {
    xkv__requests ended = {NULL, NULL};

    for (xkv__request *request = served_backwards(waiting), *next; request; request = next) {
        next = request->next;
        (void)xkv__reply_null(request->call.reply);
        enter_queue(waiting, request);
        if (error != XKV_OK)
            atomic_store(&request->end, error);
        if (!wait_on(request))
            xkv__requests_append(&ended, request);
    }
    return ended;
}

void xkv__waiting_undo(xkv__waiting *waiting, int error) {
    xkv__mutex_lock(&waiting->mutex);
    waiting->sharing = NULL;
    undo_parked(waiting);
    xkv__requests ended = undo_served(waiting, error);
    xkv__mutex_unlock(&waiting->mutex);
    for (xkv__request *request; (request = xkv__requests_take(&ended));)
        end_waiting(waiting, request);
}
