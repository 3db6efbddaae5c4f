/*
 * trips.h - lists of questions, each of which is in one at most
 */
#ifndef XKV_REMOTE_TRIPS_H
#define XKV_REMOTE_TRIPS_H

#include "remote/link.h"

/* Begins with all zero. */
typedef struct xkv__trips {
    xkv__trip *first, *last;
} xkv__trips;

static inline void xkv__trips_append(xkv__trips *list, xkv__trip *trip) {
    trip->next = NULL;
    if (list->first)
        list->last->next = trip;
    else
        list->first = trip;
    list->last = trip;
}

static inline xkv__trip *xkv__trips_take(xkv__trips *list) {
    xkv__trip *first = list->first;

    if (first)
        list->first = first->next;
    return first;
}

/* Moves all of a list before another. */
static inline void xkv__trips_put_before(xkv__trips *list, xkv__trips *before) {
    if (!before->first)
        return;
    before->last->next = list->first;
    if (!list->first)
        list->last = before->last;
    list->first = before->first;
    before->first = NULL;
}

/* Gives up those that nobody waits for, of a list of which no server knows. */
static inline void xkv__trips_forget_over(xkv__trips *list) {
    xkv__trips left = {NULL, NULL};

    for (xkv__trip *trip; (trip = xkv__trips_take(list));) {
        if (trip->is_over)
            trip->ops->free(trip);
        else
            xkv__trips_append(&left, trip);
    }
    *list = left;
}

/* The next, from one on, that changes something and was to come before another; or NULL. */
static inline xkv__trip *xkv__trips_overtaken(xkv__trip *refused, const xkv__trip *by) {
    while (refused && (refused->is_over || !refused->changes || refused->sender != by->sender))
        refused = refused->next;
    return by->sender ? refused : NULL;
}

#endif
