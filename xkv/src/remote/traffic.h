/*
 * traffic.h - the commands of a store on their way to its servers and back
 *
 * Who has the lead (lead.h) takes what was submitted, sends, receives, and brings back.
 */
#ifndef XKV_REMOTE_TRAFFIC_H
#define XKV_REMOTE_TRAFFIC_H

#include "remote/nodes.h"

typedef struct xkv__traffic xkv__traffic;

/* Starts it, over what was found, whose socket becomes its own, whatever comes of it. Address
 * and dialect stay until it has stopped. NULL when memory is short. */
xkv__traffic *xkv__traffic_start(const xkv__address *address, const xkv__dialect *dialect,
                                 const xkv__found *found);

/* Nothing is under way, and nothing is parked. */
void xkv__traffic_stop(xkv__traffic *traffic);

/* Takes a request, for an executor's submit; and sees to it that what was taken goes out, for
 * its go. */
void xkv__traffic_submit(xkv__traffic *traffic, xkv__request *request);
void xkv__traffic_go(xkv__traffic *traffic);

/* Runs a call, which waits for its answer in the calling thread. Its reply says what came of
 * it. */
void xkv__traffic_run(xkv__traffic *traffic, const xkv__call *call);

/* What goes on, for an executor's look. */
void xkv__traffic_look(xkv__traffic *traffic, xkv_activity *activity);

/* For an executor's unpark. */
void xkv__traffic_unpark(xkv__traffic *traffic, xkv__request *request);

#endif
