/*
 * link.h - one connection to a server, and what is asked over it
 *
 * Questions go out in the order in which they come, many of them before the first is
 * answered, and answers come back in that order: a list of questions on their way is
 * all the book-keeping there is. When the connection ends, what cannot have been done,
 * or may be done twice, is asked again over the next one; of the rest nobody knows
 * whether it was.
 *
 * A server may refuse a question for now, or say that another server has to be asked. Nothing
 * is sent then until all that was sent behind it has come back, so that what was refused
 * goes out again, here or there, before what came later.
 *
 * A link belongs to one thread at a time. It makes new connections in a thread of its own.
 */
#ifndef XKV_REMOTE_LINK_H
#define XKV_REMOTE_LINK_H

#include "remote/reach.h"

/* What a question comes back with that has to be asked elsewhere: another code beside
 * those of XKV_ERROR_MAP, never seen by users. */
enum { XKV__ELSEWHERE = -102 };

/* Of ask_along: it is to be a question of its own. */
enum { XKV__APART = -103 };

/* A question, which lies in what it is for. What is below is the link's. */
typedef struct xkv__trip {
    const struct xkv__trip_ops *ops;
    const void *sender;  /* questions of one are answered in their order, or fail; NULL: of none */
    bool changes;        /* it may change something: it is asked once */
    bool is_asking;      /* of a server that is only about to get what it is about */
    bool goes_first;     /* before all that waits */
    int64_t deadline_ns; /* of xkv__monitor_now; until then it is to be over. 0: as long from
                            now on as questions may take */

    struct xkv__trip *next;
    uint64_t end;    /* where its bytes end, in all that the link was ever asked */
    unsigned seat;   /* so many before it share its question, and have its answer */
    bool is_over;    /* nobody waits for its answer any more */
    unsigned passes; /* so many answers are to come that are not its own */
    bool is_sent_away;
    size_t answer_len; /* while it waits for replicas to have what it has changed */
} xkv__trip;

typedef struct xkv__trip_ops {
    /* Appends the question: XKV_OK, or an error with its reason, and the trip is over with it. */
    int (*ask)(const xkv__trip *trip, xkv__buffer *out);

    /* Adds the question to that of another trip of the same operations, which is the last in out
     * and begins there at a place: each then gets the answer to both. As ask; or XKV__APART.
     * NULL: so it is always. */
    int (*ask_along)(const xkv__trip *trip, const xkv__trip *other, size_t begins,
                     xkv__buffer *out);

    /* What has come of it: XKV_OK and the answer, one whole reply that is no error; or an error
     * with its reason. It may be asked again, as a new question. */
    void (*come_back)(xkv__trip *trip, int error, xkv_bytes answer);

    /* After that: the link knows the question no more. Not after XKV__ELSEWHERE: then that is
     * so already. */
    void (*free)(xkv__trip *trip);

    /* The server says that another has to be asked, with an error that begins with MOVED or ASK.
     * XKV_OK: it will come back with XKV__ELSEWHERE, when its turn is. XKV__ASK_AGAIN: the
     * same server is asked again after a while. Else an error with its reason, and it is over.
     * NULL: so it is whenever that happens. */
    int (*redirect)(xkv__trip *trip, xkv_bytes text);
} xkv__trip_ops;

/* What a link is told to do, by who has it: wake has xkv__link_look called. */
typedef struct xkv__link_ops {
    xkv__reach_ops reach; /* its time is that of questions, too */
    bool is_lazy;         /* it connects only when something waits */
    int64_t replicas;     /* as many must have a change before it is answered */
} xkv__link_ops;

typedef struct xkv__link xkv__link;

/* A link over a socket, which it takes over, or without one for now. NULL when memory is
 * short; then the socket is still the caller's. */
xkv__link *xkv__link_new(const xkv__link_ops *ops, xkv__handle socket);

/* Ends the connection, and gives up what is on its way, which comes back as not having been
 * done, or unknown. NULL is allowed. */
void xkv__link_free(xkv__link *link);

/* Takes a question. */
void xkv__link_ask(xkv__link *link, xkv__trip *trip);

/* While one is asked elsewhere that stood before all that waits, that goes on waiting: from
 * hold to release. */
void xkv__link_hold(xkv__link *link);
void xkv__link_release(xkv__link *link);

/* Whether the server answers, as far as can be told: it is not waited for in vain. */
bool xkv__link_is_sound(const xkv__link *link);

/* Another server has what this one had: ends the connection if it is not sound, and has all
 * that waits come back with XKV__ELSEWHERE, in its order. */
void xkv__link_give_up(xkv__link *link);

/* Sends what can be sent. Afterwards watched says what to wait for; false: nothing. */
bool xkv__link_send(xkv__link *link, xkv__watched *watched);

/* Reads what has come, if the socket is the link's, and brings back the trips that it
 * answers. */
void xkv__link_receive(xkv__link *link, xkv__handle socket);

/* Sees to what is due: trips whose time is over, new connections. Returns how many
 * milliseconds from now on there is nothing more: -1 for ever. */
int xkv__link_look(xkv__link *link);

/* Counts, for those who watch. */
typedef struct xkv__link_counts {
    uint64_t connections; /* after the first */
    uint64_t unknown;
} xkv__link_counts;

xkv__link_counts xkv__link_count(const xkv__link *link);

#endif
