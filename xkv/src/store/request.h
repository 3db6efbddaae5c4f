/*
 * request.h - commands on their way: calls, requests, and where they come back
 *
 * A call is a command with the reply that it fills. Most are run at once, by the
 * thread that brings them, and need nothing more. What has to wait, for the disk,
 * for its turn or for a key, is a request: a call with copies of its arguments, and
 * with the one who wants to hear of it.
 */
#ifndef XKV_STORE_REQUEST_H
#define XKV_STORE_REQUEST_H

#include "base/monitor.h"
#include "store/timer.h"

/* A call of a command: what is to be run, and where its reply goes. */
typedef struct xkv__call {
    struct xkv__call *next;     /* of a group, NULL at its end; else of no account */
    const xkv_command *command; /* has been checked */
    xkv_reply *reply;           /* empty until it has run */
    int64_t seed;               /* XKV_NO_SEED; or what the call draws at random */
    uint64_t stream, number;    /* is a function of these three */
    const _Atomic int *end; /* of a request: not XKV_OK once it is to stop, if it can; else NULL */
    bool may_take_long;     /* nobody's event loop stands still for it */
    bool may_park;          /* it is a request's, and may wait for what it wants; */
    bool parked;            /* it does: it may be over at any time */
} xkv__call;

/* Fills the reply, which is empty, for what failed: with the reason of the code. */
void xkv__call_fail(const xkv__call *call, int code);

/* Whether it has found nothing of what it may wait for. */
static inline bool xkv__call_missed(const xkv__call *call) {
    return call->reply->status == XKV_OK && call->reply->number == 0;
}

/*
 * Who has moved a request out of one of the first two states, by compare-and-swap,
 * goes on with it, and nobody else: so it is run once, or ended once.
 */
typedef enum xkv__request_state {
    XKV__QUEUED,  /* it waits for its turn */
    XKV__PARKED,  /* it was run, and waits for what was not there */
    XKV__TAKEN,   /* it is being run */
    XKV__PARKING, /* it has been run, in a transaction that is not over */
    XKV__ENDED    /* it has had no effect, and never will */
} xkv__request_state;

/* For a thread that waits for its one request. */
typedef struct xkv__waiter {
    xkv__monitor monitor;
    bool done;
} xkv__waiter;

typedef struct xkv__request {
    xkv__call call;            /* first: the one can be got from the other */
    struct xkv__request *next; /* in the one list that it is in */
    _Atomic int state;
    _Atomic int end; /* XKV_OK, or the error that it is to end with instead of waiting */

    xkv_store *store; /* the handle's own, handle.c */
    struct xkv__request *before, *after;
    enum xkv__counted { XKV__NOT_COUNTED, XKV__IN_ORDER, XKV__ALONE } counted;

    xkv__waiter *waiter; /* of the two, */
    xkv_queue *queue;    /* one is set */
    uint64_t tag;

    void (*work)(struct xkv__request *request); /* for workers.c */

    uint64_t until_ms; /* for those that may be parked, */
    xkv__timer timer;
    struct xkv__waiting *waiting; /* by local/waiting.c */
    struct xkv__wanted *wanted;
    struct xkv__request *earlier, *later;
    uint64_t order;
    bool parking;

    xkv_command command;
    xkv_reply own_reply;
    unsigned char bytes[]; /* copies of the command's arguments */
} xkv__request;

static inline xkv__request *xkv__request_of(xkv__call *call) {
    return (xkv__request *)(void *)call;
}

/* A list, in the order in which they came; begins with all zero. */
typedef struct xkv__requests {
    xkv__request *first, *last;
} xkv__requests;

static inline void xkv__requests_append(xkv__requests *list, xkv__request *request) {
    request->next = NULL;
    if (list->first)
        list->last->next = request;
    else
        list->first = request;
    list->last = request;
}

/* The first, which is in the list no more; NULL if there is none. */
static inline xkv__request *xkv__requests_take(xkv__requests *list) {
    xkv__request *first = list->first;

    if (first)
        list->first = first->next;
    return first;
}

/* A request that is queued, with copies of the arguments of a command that has been
 * checked. NULL when memory is short; freed with xkv__request_free. */
xkv__request *xkv__request_new(const xkv_command *command);
void xkv__request_free(xkv__request *request); /* NULL is allowed */

/* Makes a request of zeroed memory, without copies: command and reply must be there
 * until it is over. XKV_OK, and xkv__request_destroy ends it; or XKV_E_STORE_FULL. */
int xkv__request_init(xkv__request *request, const xkv_command *command, xkv_reply *reply);
void xkv__request_destroy(xkv__request *request);

/* Moves it from one state to another; false if it is in a third. */
bool xkv__request_move(xkv__request *request, xkv__request_state from, xkv__request_state to);

/* It may be run now: true, or it has been ended before its turn came. */
static inline bool xkv__request_take(xkv__request *request) {
    return xkv__request_move(request, XKV__QUEUED, XKV__TAKEN);
}

/* It is over: its reply goes to who wants to hear of it. */
void xkv__request_done(xkv__request *request);

/* It is over without an effect: fills the reply with the error and the same. */
void xkv__request_fail(xkv__request *request, int error);

/* It waits for a key now: what its handle brings next need not wait for it. */
void xkv__request_overtake(xkv__request *request);

/* Hands over to the queue or the thread that waits. For handle.c. */
void xkv__request_deliver(xkv__request *request);

#endif
