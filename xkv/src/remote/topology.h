/*
 * topology.h - the nodes of a cluster, and which of them has what
 *
 * What a node says of the cluster, by CLUSTER SLOTS, and by redirecting what is asked of it.
 * A node may leave out its own host: that is then the one by which it was reached.
 */
#ifndef XKV_REMOTE_TOPOLOGY_H
#define XKV_REMOTE_TOPOLOGY_H

#include "remote/address.h"
#include "remote/protocol.h"

enum { XKV__NOWHERE = XKV__HOSTS_MAX };

typedef struct xkv__topology {
    xkv__host hosts[XKV__HOSTS_MAX]; /* masters and replicas; what is beyond is left out */
    unsigned count;
    unsigned at[XKV__PARTITIONS_MAX]; /* the host of each partition, or XKV__NOWHERE */
} xkv__topology;

/* Appends the question. */
void xkv__ask_topology(xkv__buffer *out);

/* Fills in what a host has answered. XKV_OK, and freed by the next; or an error with its reason. */
int xkv__answer_topology(const xkv__dialect *dialect, const xkv__host *from, xkv_bytes answer,
                         xkv__topology *topology);
void xkv__topology_free(xkv__topology *topology); /* all zero is allowed */

bool xkv__host_equal(const xkv__host *a, const xkv__host *b);

/* Where a host's error sends us, that begins with MOVED or ASK. */
typedef struct xkv__redirect {
    unsigned slot;
    bool is_asking;
    xkv__host to; /* its name is in the next */
    char name[256];
} xkv__redirect;

/* False if it is none that a cluster gives. */
bool xkv__redirect_read(xkv_bytes text, const xkv__host *from, xkv__redirect *redirect);

#endif
