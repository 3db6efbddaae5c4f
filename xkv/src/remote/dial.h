/*
 * dial.h - a connection to a server that is ready to be used
 *
 * Everything that happens before the first command, in the thread that calls and
 * with as much patience as it has: finding the host, TLS, being let in, getting to know
 * the server, teaching it our scripts.
 */
#ifndef XKV_REMOTE_DIAL_H
#define XKV_REMOTE_DIAL_H

#include "base/buffer.h"
#include "base/net.h"
#include "remote/address.h"

/* What a server says of itself. */
typedef struct xkv__server {
    char name[16];    /* "redis", "valkey", or what it is else */
    char version[32]; /* "7.0.15" */
    bool is_cluster;
    bool may_evict; /* it deletes what it likes when its memory is full */
} xkv__server;

typedef struct xkv__line {
    xkv__handle socket;
    int64_t deadline_ns; /* of xkv__monitor_now: what is not there by then is given up */
    bool is_final;       /* it failed, and would again */
} xkv__line;

/*
 * Connects to a host, in the way of an address, and sees to it that commands can follow. XKV_OK and
 * a socket, which the caller closes; or XKV_E_SERVER_UNAVAILABLE with a reason that names the host,
 * and no secret. line->deadline_ns is set by the caller.
 */
int xkv__dial(const xkv__address *address, const xkv__host *host, const xkv_options *options,
              xkv__line *line, xkv__server *server);

/* The first part of that: a connection over which nothing has been said yet. */
int xkv__connect(const xkv__address *address, const xkv__host *host, const xkv_options *options,
                 xkv__line *line);

/* Ends a connection, if there is one. */
void xkv__hang_up(xkv__line *line);

/* Asks what was appended to a buffer, waits for so many answers, and leaves them in
 * another: one behind the other. For the time before others use the socket. XKV_OK, or
 * XKV_E_SERVER_UNAVAILABLE with its reason. */
int xkv__converse(const xkv__line *line, const xkv__buffer *question, unsigned answers,
                  xkv__buffer *out);

/* Appends the commands that teach a server our scripts, and returns how many they are. */
unsigned xkv__put_scripts(xkv__buffer *out);

#endif
