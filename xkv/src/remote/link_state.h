/*
 * link_state.h - what a link consists of, for the files that are one
 */
#ifndef XKV_REMOTE_LINK_STATE_H
#define XKV_REMOTE_LINK_STATE_H

#include "remote/link.h"
#include "remote/resp.h"
#include "remote/trips.h"

enum { XKV__KEEP = 1024 * 1024 }; /* of a buffer that is empty, no more bytes are kept */

struct xkv__link {
    xkv__link_ops ops;
    xkv__handle socket;   /* none: there is no connection */
    uint64_t asked, sent; /* bytes, ever */
    uint64_t last_begins; /* the last question, among these bytes */
    xkv__buffer out, in;
    size_t out_at; /* up to here it was sent */
    xkv__resp_scan scan;
    xkv__trips waiting, under_way;
    xkv__trips refused; /* since something was sent that is under way; */
    xkv__trips again;   /* and before: both go before what waits */
    int64_t pause_ns;   /* until then what waits goes on waiting; and so it does while */
    bool drains;        /* something is under way that was sent before it was known of a refusal, */
    unsigned holds;     /* something is elsewhere that stood before it, */
    bool is_careful;    /* or anything is under way, until the server takes a question again */
    bool has_guests;    /* some have been asked elsewhere before, and have less time left */
    bool has_moved;     /* some of what was refused is to be asked elsewhere for good */
    bool is_stale;      /* the server is no master any more */
    xkv__trip lesson;   /* tells the server our scripts, */
    bool must_teach;    /* which it has lost */
    xkv__trip wait;     /* asks how many replicas have all that was sent before, */
    bool is_waiting;    /* and is under way; */
    bool has_changed;   /* something was sent since that changes something */
    xkv__trips held;    /* changes that are answered, and that it is waited for; */
    xkv__buffer answers; /* with what */
    bool was_connected;
    xkv__link_counts counts;

    xkv__reach reach;
    char *reason; /* why the server is of no use; NULL: it is */
};

/* -- link.c -------------------------------------------------------------------- */

/* Writes a question behind those that are under way. What fails may have appended part of it. */
void xkv__link_begin(xkv__link *link, xkv__trip *trip);

/* It ends with an error, whose reason is known, unless it is over; and the link knows it no more.
 */
void xkv__trip_fail(xkv__trip *trip, int error);

/* Counts an outcome that nobody knows, and is its error. */
int xkv__link_unknown(xkv__link *link, const char *why);

/* When a question that is asked now is to be over. */
int64_t xkv__link_time_over(const xkv__link *link);

void xkv__keep_little(xkv__buffer *buffer);

/* -- replicas.c ---------------------------------------------------------------- */

/* A change is answered, which is not passed on before enough replicas have it. */
void xkv__link_hold_answer(xkv__link *link, xkv__trip *trip, xkv_bytes reply);

/* So many have all that is held; or it is said why that is not known. */
void xkv__link_settle(xkv__link *link, const char *why_not);

/* Asks how many have what was sent. One at a time: what is sent meanwhile is for the next. */
void xkv__link_ask_replicas(xkv__link *link);

#endif
