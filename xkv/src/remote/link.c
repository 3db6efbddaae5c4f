/* link.c - see link.h */
#include "remote/link_state.h"

#include "base/error.h"
#include "base/text.h"
#include "remote/lesson.h"
#include "remote/protocol.h"
#include "remote/trips.h"
#include "remote/words.h"

enum {
    RECEIVE = 64 * 1024, /* bytes at a time */
    PAUSE_MS = 20,    /* milliseconds before what a server could not do just now is asked again */
    STALE_MS = 200,   /* before one is connected to again that is no master any more */
    SILENT_MS = 1000, /* without an answer, one is not sound */
    SHARE = 64,       /* trips share a question at most, */
    SHARE_SIZE = 16 * 1024 /* unless it has become as long as that */
};

void xkv__keep_little(xkv__buffer *buffer) {
    if (buffer->room > XKV__KEEP && buffer->len == 0)
        xkv__buffer_free(buffer);
}

static const char cut_off[] =
    "the connection ended before the answer came: it may or may not have been done";
static const char late[] = "time was over before the answer came: it may or may not have been done";

/* -- Coming back --------------------------------------------------------------------- */

static const xkv_bytes no_answer;

/* It ends with an error, whose reason is known; its memory stays while the link has it. */
static void end_trip(xkv__trip *trip, int error) {
    trip->is_over = true;
    trip->ops->come_back(trip, error, no_answer);
}

void xkv__trip_fail(xkv__trip *trip, int error) {
    if (!trip->is_over)
        end_trip(trip, error);
    trip->ops->free(trip);
}

/* Takes over the text. */
static void set_reason(xkv__link *link, char *reason) {
    xkv__free(link->reason);
    link->reason = reason;
}

/* It has not been done. */
static int unavailable(const xkv__link *link) {
    return xkv__fail(XKV_E_SERVER_UNAVAILABLE, "%s",
                     link->reason ? link->reason : "the server did not answer in time");
}

int xkv__link_unknown(xkv__link *link, const char *why) {
    link->counts.unknown++;
    return xkv__fail(XKV_E_OUTCOME_UNKNOWN, "%s", why);
}

/* -- Asking ---------------------------------------------------------------------------- */

static bool is_connected(const xkv__link *link) {
    return xkv__is_open(link->socket);
}

int64_t xkv__link_time_over(const xkv__link *link) {
    return xkv__monitor_now() + link->ops.reach.timeout_ms * 1000000;
}

static bool has_waiting(const xkv__link *link) {
    return link->refused.first || link->again.first || link->waiting.first;
}

/* Adds it to the last question, if nothing of that has been sent, and the two go together. */
static int ask_along(xkv__link *link, xkv__trip *trip) {
    const xkv__trip *last = link->under_way.first ? link->under_way.last : NULL;
    size_t len = (size_t)(link->asked - link->last_begins);

    if (!last || last->ops != trip->ops || !trip->ops->ask_along || last->is_asking ||
        trip->is_asking || last->seat + 1 >= SHARE || len > SHARE_SIZE ||
        link->last_begins < link->sent)
        return XKV__APART;
    int error = trip->ops->ask_along(trip, last, link->out.len - len, &link->out);
    trip->seat = error == XKV_OK ? last->seat + 1 : 0;
    return error;
}

static int ask_apart(xkv__link *link, xkv__trip *trip) {
    link->last_begins = link->asked;
    trip->seat = 0;
    if (trip->is_asking)
        xkv__put_command(&link->out, (const char *const[]){"ASKING", NULL});
    return trip->ops->ask(trip, &link->out);
}

void xkv__link_begin(xkv__link *link, xkv__trip *trip) {
    size_t before = link->out.len;
    int error = ask_along(link, trip);

    trip->passes = trip->is_asking;
    if (error == XKV__APART)
        error = ask_apart(link, trip);
    if (error == XKV_OK)
        error = link->out.error;
    if (error != XKV_OK) {
        link->out.len = before;
        link->out.error = XKV_OK;
        xkv__trip_fail(trip, error);
        return;
    }
    link->has_changed |= trip->changes;
    link->asked += link->out.len - before;
    trip->end = link->asked;
    xkv__trips_append(&link->under_way, trip);
}

/* Whether one more may be sent. */
static bool may_send(const xkv__link *link) {
    if (!is_connected(link) || link->holds > 0)
        return false;
    if (link->under_way.first && (link->drains || link->is_careful))
        return false;
    return link->pause_ns == 0 || xkv__monitor_now() >= link->pause_ns;
}

void xkv__link_ask(xkv__link *link, xkv__trip *trip) {
    if (trip->deadline_ns != 0)
        link->has_guests = true;
    else
        trip->deadline_ns = xkv__link_time_over(link);
    trip->is_over = trip->is_sent_away = false;
    trip->next = NULL;
    if (!has_waiting(link) && may_send(link))
        xkv__link_begin(link, trip);
    else if (trip->goes_first)
        xkv__trips_put_before(&link->again, &(xkv__trips){trip, trip});
    else
        xkv__trips_append(&link->waiting, trip);
}

static void send_away(xkv__trip *trip) {
    trip->ops->come_back(trip, XKV__ELSEWHERE, no_answer);
}

/* All that waits. Who has asked may ask again right here. */
static void give_back(xkv__link *link) {
    xkv__trips all = link->waiting;

    link->waiting.first = NULL;
    xkv__trips_put_before(&all, &link->again);
    xkv__trips_put_before(&all, &link->refused);
    link->has_moved = false;
    for (xkv__trip *trip; (trip = xkv__trips_take(&all));) {
        if (trip->is_over)
            trip->ops->free(trip);
        else
            send_away(trip);
    }
}

/* The next of what waits: what was refused goes before the rest. NULL: there is none, or it is
 * to go away, and what was before it has not come back. */
static xkv__trip *take_waiting(xkv__link *link) {
    xkv__trip *first = link->again.first;

    if (!first)
        return xkv__trips_take(&link->waiting);
    if (first->is_sent_away && !first->is_over && link->under_way.first)
        return NULL;
    return xkv__trips_take(&link->again);
}

/* Of a server that has lost one script it is not known which it has: if it were told one after
 * the other, it would do what is asked later and refuse what was asked before. */
static void teach_again(xkv__link *link) {
    link->must_teach = false;
    unsigned answers = xkv__lesson_prepare(&link->lesson, xkv__link_time_over(link));
    xkv__link_begin(link, &link->lesson);
    link->lesson.passes = answers - 1;
}

static void reconnect_later(xkv__link *link);

/* Asks what has waited. */
static void go_on(xkv__link *link) {
    if (!link->under_way.first) {
        link->drains = false;
        xkv__trips_put_before(&link->again, &link->refused);
        if (link->is_stale)
            reconnect_later(link);
        if (link->has_moved)
            give_back(link);
        if (link->must_teach && may_send(link))
            teach_again(link);
    }
    for (xkv__trip *trip; may_send(link) && (trip = take_waiting(link));) {
        if (trip->is_over)
            trip->ops->free(trip);
        else if (trip->is_sent_away)
            send_away(trip);
        else
            xkv__link_begin(link, trip);
    }
}

void xkv__link_hold(xkv__link *link) {
    link->holds++;
}

void xkv__link_release(xkv__link *link) {
    link->holds--;
    go_on(link);
}

/* -- The connection --------------------------------------------------------------------- */

static void take_connection(xkv__link *link, xkv__handle socket) {
    link->socket = socket;
    link->counts.connections += link->was_connected;
    link->was_connected = true;
    go_on(link);
}

/* Whether somebody wants a connection that is not there. */
static bool wants_connection(const xkv__link *link) {
    return !is_connected(link) && (!link->ops.is_lazy || has_waiting(link));
}

static void look_for_connection(xkv__link *link) {
    char *reason;

    if (!wants_connection(link))
        return;
    xkv__handle socket = xkv__reach_look(&link->reach, &reason);
    if (reason)
        set_reason(link, reason);
    if (xkv__is_open(socket))
        take_connection(link, socket);
}

static void drop_connection(xkv__link *link) {
    xkv__net.close(link->socket);
    link->socket = XKV__NO_HANDLE;
    link->in.len = 0;
    link->out.len = link->out_at = 0;
    xkv__resp_scan_begin(&link->scan);
    xkv__reach_not_before(&link->reach, 0);
}

/* Whether all of its question was sent, with what others have added to it. */
static bool is_sent(const xkv__link *link, const xkv__trip *trip) {
    while (trip->next && trip->next->seat > 0)
        trip = trip->next;
    return trip->end <= link->sent;
}

/* What was not sent whole cannot have been done, and what changes nothing can be done again; of
 * the rest nobody knows. */
static void lose_connection(xkv__link *link) {
    xkv__trips lost = link->under_way, again = {NULL, NULL};

    drop_connection(link);
    link->wait.is_over = link->lesson.is_over = true;
    link->under_way.first = NULL;
    xkv__link_settle(link, "the connection ended before the replicas had it");
    for (xkv__trip *trip; (trip = xkv__trips_take(&lost));) {
        if (trip->is_over)
            trip->ops->free(trip);
        else if (trip->changes && is_sent(link, trip))
            xkv__trip_fail(trip, xkv__link_unknown(link, cut_off));
        else
            xkv__trips_append(&again, trip);
    }
    link->asked = link->sent;
    xkv__trips_put_before(&link->again, &again);
    xkv__trips_put_before(&link->again, &link->refused);
    link->drains = link->is_careful = link->is_stale = false;
}

static void reconnect_later(xkv__link *link) {
    lose_connection(link);
    xkv__reach_not_before(&link->reach, xkv__monitor_now() + STALE_MS * (int64_t)1000000);
}

/* Whether the server has been waited for in vain for a while. */
static bool is_silent(const xkv__link *link) {
    const xkv__trip *oldest = link->under_way.first;
    int64_t since_ns =
        oldest ? oldest->deadline_ns - link->ops.reach.timeout_ms * 1000000 : INT64_MAX;

    return oldest && xkv__monitor_now() - since_ns > SILENT_MS * (int64_t)1000000;
}

bool xkv__link_is_sound(const xkv__link *link) {
    return is_connected(link) ? !is_silent(link) : !has_waiting(link);
}

void xkv__link_give_up(xkv__link *link) {
    if (is_connected(link) && is_silent(link))
        lose_connection(link);
    give_back(link);
}

/* -- Sending and receiving ------------------------------------------------------------------ */

/* What was sent is of no use any more; but not to move much for little. */
static void forget_sent(xkv__link *link) {
    xkv__buffer *out = &link->out;

    if (link->out_at < out->len && link->out_at < XKV__KEEP)
        return;
    memmove(out->data, out->data + link->out_at, out->len - link->out_at);
    out->len -= link->out_at;
    link->out_at = 0;
    xkv__keep_little(out);
}

bool xkv__link_send(xkv__link *link, xkv__watched *watched) {
    size_t sent = 0;

    if (!is_connected(link))
        return false;
    if (link->has_changed && link->ops.replicas > 0 && !link->is_waiting)
        xkv__link_ask_replicas(link);
    size_t left = link->out.len - link->out_at;
    if (left > 0) {
        xkv__fault fault = xkv__net.send(link->socket, link->out.data + link->out_at, left, &sent);
        link->sent += sent;
        link->out_at += sent;
        if (fault.cause != XKV__FINE) {
            lose_connection(link);
            return false;
        }
    }
    if (link->out_at > 0)
        forget_sent(link);
    *watched = (xkv__watched){.socket = link->socket, .for_room = link->out.len > 0};
    return true;
}

static void set_pause(xkv__link *link, xkv_bytes text) {
    char quoted[XKV__QUOTE_SIZE];

    set_reason(link, xkv__strdup(xkv__quote(text, quoted)));
    link->pause_ns = xkv__monitor_now() + PAUSE_MS * (int64_t)1000000;
    link->is_careful = true;
}

/* It is asked again, when all that was sent behind it is back. */
static void keep_refused(xkv__link *link, xkv__trip *trip) {
    xkv__trips_append(&link->refused, trip);
    link->drains = true;
}

static void redirect_trip(xkv__link *link, xkv__trip *trip, xkv_bytes text) {
    bool moves = xkv__has_prefix(text, xkv_text("MOVED "));
    int error = trip->ops->redirect(trip, text);

    if (error != XKV_OK && error != XKV__ASK_AGAIN) {
        xkv__trip_fail(trip, error);
        return;
    }
    trip->is_sent_away = error == XKV_OK;
    if (error == XKV__ASK_AGAIN)
        set_pause(link, text);
    else if (moves)
        link->has_moved = true;
    else
        link->is_careful = true;
    keep_refused(link, trip);
}

/* An error answer: it may have to do with the server, and not with what was asked. */
static void take_refusal(xkv__link *link, xkv__trip *trip, xkv_bytes text) {
    if (trip->ops->redirect && xkv__is_redirect(text)) {
        redirect_trip(link, trip, text);
    } else if (xkv__has_prefix(text, xkv_text("NOSCRIPT"))) {
        link->must_teach = true;
        keep_refused(link, trip);
    } else if (xkv__is_for_later(text)) {
        set_pause(link, text);
        link->is_stale |= xkv__has_prefix(text, xkv_text("READONLY"));
        keep_refused(link, trip);
    } else {
        xkv__trip_fail(trip, xkv__refusal(text));
    }
}

/* The server has done what its sender asked after what was refused. A question that changes
 * nothing is asked again, too. But what has been changed cannot be taken back, so that what was
 * to come before it must not follow. */
static bool keeps_order(xkv__link *link, xkv__trip *trip) {
    xkv__trip *overtaken = xkv__trips_overtaken(link->refused.first, trip);

    if (overtaken && !trip->changes) {
        keep_refused(link, trip);
        return false;
    }
    for (; overtaken; overtaken = xkv__trips_overtaken(overtaken->next, trip))
        end_trip(overtaken, xkv__fail(XKV_E_SERVER_UNAVAILABLE,
                                      "the server refused it (%s), and then did what was asked "
                                      "after it; so it has not been done",
                                      link->reason ? link->reason : "for the moment"));
    return true;
}

static void take_answer(xkv__link *link, xkv__trip *trip, xkv_bytes reply) {
    if (link->refused.first && !keeps_order(link, trip))
        return;
    if (link->reason)
        set_reason(link, NULL);
    if (!link->drains) {
        link->is_careful = false;
        link->pause_ns = 0;
    }
    if (trip->changes && link->ops.replicas > 0) {
        xkv__link_hold_answer(link, trip, reply);
        return;
    }
    trip->ops->come_back(trip, XKV_OK, reply);
    trip->ops->free(trip);
}

static void bring_back_one(xkv__link *link, xkv_bytes reply, const xkv__resp_item *item) {
    xkv__trip *trip = xkv__trips_take(&link->under_way);

    if (trip->is_over)
        trip->ops->free(trip);
    else if (item->kind != XKV__RESP_ERROR)
        take_answer(link, trip, reply);
    else
        take_refusal(link, trip, item->text);
}

/* The first question is answered, and so are all that share it. */
static void bring_back(xkv__link *link, xkv_bytes reply) {
    xkv__resp_cursor cursor = xkv__resp_cursor_on(reply);
    xkv__resp_item item = {.kind = XKV__RESP_NULL};

    if (link->under_way.first->passes > 0) {
        link->under_way.first->passes--;
        return;
    }
    (void)xkv__resp_next(&cursor, &item);
    do
        bring_back_one(link, reply, &item);
    while (link->under_way.first && link->under_way.first->seat > 0);
}

/* Takes all replies that are whole; false: it is no server that speaks our language. */
static bool take_replies(xkv__link *link) {
    size_t begin = 0;
    xkv__resp_scanned found;

    while ((found = xkv__resp_scan_on(&link->scan, link->in.data + begin, link->in.len - begin)) ==
           XKV__RESP_WHOLE) {
        xkv_bytes reply = {link->in.data + begin, link->scan.at};
        begin += reply.len;
        xkv__resp_scan_begin(&link->scan);
        if (*(const char *)reply.data == '>')
            continue;
        if (!link->under_way.first)
            return false;
        bring_back(link, reply);
    }
    link->in.len -= begin;
    if (begin > 0 && link->in.len > 0)
        memmove(link->in.data, link->in.data + begin, link->in.len);
    xkv__keep_little(&link->in);
    return found == XKV__RESP_MORE;
}

void xkv__link_receive(xkv__link *link, xkv__handle socket) {
    size_t lacking, got = 0;
    unsigned char *room;

    if (!is_connected(link) || link->socket.value != socket.value)
        return;
    lacking = xkv__resp_lacking(&link->scan, link->in.data, link->in.len);
    room = xkv__buffer_reserve(&link->in, lacking > RECEIVE ? lacking : RECEIVE);
    xkv__fault fault = {XKV__NO_MEMORY, 0};
    if (room)
        fault = xkv__net.receive(link->socket, room, link->in.room - link->in.len - 1, &got);
    link->in.error = XKV_OK;
    link->in.len += got;
    bool fine = fault.cause == XKV__FINE && (got == 0 || take_replies(link));
    if (!fine)
        lose_connection(link);
    go_on(link);
}

/* -- Time ------------------------------------------------------------------------------------ */

/* Whether the server has let us send nothing for so long that a change is late of which nobody
 * must send the rest, since it is told as not done. */
static bool is_stuck(const xkv__link *link, int64_t now) {
    const xkv__trip *trip = link->under_way.first;

    while (trip && (trip->is_over || is_sent(link, trip)))
        trip = trip->next;
    return trip && trip->deadline_ns <= now;
}

static int64_t lesser(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Trips of a list are over in the order in which they came, as long as none has been asked
 * elsewhere before: then all are looked at. */
static int64_t end_late(xkv__link *link, xkv__trips *list, bool sent, int64_t now) {
    int64_t next = INT64_MAX;

    for (xkv__trip *trip = list->first; trip; trip = trip->next) {
        if (trip->is_over)
            continue;
        if (trip->deadline_ns <= now) {
            end_trip(trip,
                     sent && trip->changes ? xkv__link_unknown(link, late) : unavailable(link));
            continue;
        }
        next = lesser(next, trip->deadline_ns);
        if (!link->has_guests)
            break;
    }
    return next;
}

/* When there is something to be done if nothing comes. */
static int64_t next_ns(const xkv__link *link, int64_t next) {
    if (wants_connection(link))
        next = lesser(next, xkv__reach_next_ns(&link->reach));
    if (is_connected(link) && has_waiting(link) && link->pause_ns != 0)
        next = lesser(next, link->pause_ns);
    return next;
}

/* Whether the server has not answered for so long that it is taken for dead: twice as long as
 * a question may take. */
static bool is_dead(const xkv__link *link, int64_t now) {
    const xkv__trip *oldest = link->under_way.first;
    return oldest && oldest->is_over &&
           now - oldest->deadline_ns > link->ops.reach.timeout_ms * 1000000;
}

/* Ends what is late. Returns when something will be. */
static int64_t look_at_trips(xkv__link *link, int64_t now) {
    int64_t next = end_late(link, &link->under_way, true, now);

    next = lesser(next, end_late(link, &link->held, true, now));
    next = lesser(next, end_late(link, &link->refused, false, now));
    next = lesser(next, end_late(link, &link->again, false, now));
    next = lesser(next, end_late(link, &link->waiting, false, now));
    xkv__trips_forget_over(&link->refused);
    xkv__trips_forget_over(&link->again);
    xkv__trips_forget_over(&link->waiting);
    if (!has_waiting(link) && !link->under_way.first)
        link->has_guests = false;
    return next;
}

int xkv__link_look(xkv__link *link) {
    int64_t now = xkv__monitor_now(), next;

    if (is_stuck(link, now))
        lose_connection(link);
    next = look_at_trips(link, now);
    if (is_dead(link, now))
        lose_connection(link);
    if (link->pause_ns <= now)
        link->pause_ns = 0;
    look_for_connection(link);
    go_on(link);
    next = next_ns(link, next);
    if (next == INT64_MAX)
        return -1;
    return next <= now ? 0 : (int)lesser((next - now) / 1000000 + 1, 60000);
}

/* -- Beginning and end ------------------------------------------------------------------- */

xkv__link *xkv__link_new(const xkv__link_ops *ops, xkv__handle socket) {
    xkv__link *link = xkv__alloc(sizeof *link);

    if (!link)
        return NULL;
    memset(link, 0, sizeof *link);
    link->ops = *ops;
    link->socket = socket;
    link->was_connected = xkv__is_open(socket);
    if (xkv__reach_begin(&link->reach, &ops->reach) == XKV_OK)
        return link;
    xkv__free(link);
    return NULL;
}

void xkv__link_free(xkv__link *link) {
    if (!link)
        return;
    if (is_connected(link))
        lose_connection(link);
    xkv__trips_put_before(&link->again, &link->refused);
    for (xkv__trip *trip; (trip = take_waiting(link));)
        xkv__trip_fail(trip, unavailable(link));
    xkv__free(link->reason);
    xkv__buffer_free(&link->out);
    xkv__buffer_free(&link->in);
    xkv__buffer_free(&link->answers);
    xkv__reach_end(&link->reach);
    xkv__free(link);
}

xkv__link_counts xkv__link_count(const xkv__link *link) {
    return link->counts;
}
