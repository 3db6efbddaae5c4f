/*
 * nodes.h - the servers that have a store, and the links to them
 *
 * One, or those of a cluster: then each partition lies at one of them, and may move to another,
 * which the nodes themselves tell. What is new for a partition that moves waits at its old
 * node until all that was sent there has come back (link.h), and then follows in order.
 *
 * All but new and free belong to one thread at a time.
 */
#ifndef XKV_REMOTE_NODES_H
#define XKV_REMOTE_NODES_H

#include "remote/lead.h"
#include "remote/link.h"
#include "remote/topology.h"

enum { XKV__REDIRECTS_MAX = 5 };

typedef struct xkv__node xkv__node;
typedef struct xkv__nodes xkv__nodes;

/* A trip to where a partition is. */
typedef struct xkv__tour {
    xkv__trip trip; /* first: the one can be got from the other */
    unsigned partition;
    unsigned redirects; /* of it so far; what follows is the nodes' */
    xkv__node *at;      /* where it is, */
    xkv__node *to;      /* where it is to be asked, this time only, */
    xkv__node *from;    /* and where others wait meanwhile */
} xkv__tour;

/* What was found when the store was opened. */
typedef struct xkv__found {
    xkv__handle socket;     /* to where partition 0 is */
    xkv__topology topology; /* of a cluster; else all zero */
} xkv__found;

/* What they are told. address and dialect stay, as long as there are nodes. */
typedef struct xkv__nodes_ops {
    const xkv__address *address;
    const xkv__dialect *dialect;
    void (*wake)(void *context); /* as xkv__reach_ops has it */
    void *wake_context;
} xkv__nodes_ops;

/* Takes over the socket, whatever comes of it. NULL when memory is short. */
xkv__nodes *xkv__nodes_new(const xkv__nodes_ops *ops, const xkv__found *found);
void xkv__nodes_free(xkv__nodes *nodes); /* NULL is allowed */

/* Asks a new question where its partition is. */
void xkv__nodes_ask(xkv__nodes *nodes, xkv__tour *tour);

/* For the trip's redirect; for its coming back with XKV__ELSEWHERE; and for its free. */
int xkv__nodes_redirect(xkv__nodes *nodes, xkv__tour *tour, xkv_bytes text);
void xkv__nodes_ask_elsewhere(xkv__nodes *nodes, xkv__tour *tour);
void xkv__nodes_forget(xkv__tour *tour);

/* Sees to what is due, and sends: adds to a sleep what to wait for, and sets how long. */
void xkv__nodes_work(xkv__nodes *nodes, xkv__sleep *sleep);

/* Reads what has come. */
void xkv__nodes_hear(xkv__nodes *nodes, const xkv__sleep *sleep);

/* Counts of all links together. */
xkv__link_counts xkv__nodes_count(const xkv__nodes *nodes);

#endif
