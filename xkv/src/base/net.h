/*
 * net.h - connections to servers
 *
 * Beside sys.h: what the library asks of a system's sockets. Streams only, by TCP or a
 * local socket, and one thread that waits for many of them.
 */
#ifndef XKV_BASE_NET_H
#define XKV_BASE_NET_H

#include "base/sys.h"

/* One of those that a thread waits for. */
typedef struct xkv__watched {
    xkv__handle socket;
    bool for_room; /* also until something can be sent */
    bool ready;    /* it can be read or written, or is broken: set by wait */
} xkv__watched;

/* The calls for sockets. All fail with a fault. Sockets neither wait nor get to child
 * processes, and are closed by close. */
typedef struct xkv__net_calls {
    /* Connects to a host by name or address, to whichever of its addresses answers first in
     * their order; within so many milliseconds. XKV__NO_HOST: there is none of that name;
     * XKV__NO_RESOLVER: nobody has said yet whether there is. XKV__TIMED_OUT. */
    xkv__fault (*connect)(const char *host, const char *port, int timeout_ms, xkv__handle *socket);

    /* Connects to a local socket by its path. */
    xkv__fault (*connect_local)(const char *path, xkv__handle *socket);

    /* Sends what goes out at once: *sent may be less than size, and 0. */
    xkv__fault (*send)(xkv__handle socket, const void *data, size_t size, size_t *sent);

    /* Receives what is there: *got may be 0. XKV__CUT_OFF: nothing will come any more. */
    xkv__fault (*receive)(xkv__handle socket, void *out, size_t size, size_t *got);

    /* Waits until one is ready, or so many milliseconds: -1 for ever. */
    xkv__fault (*wait)(xkv__watched *watched, size_t count, int timeout_ms);

    /* Two sockets that are connected with each other. */
    xkv__fault (*pair)(xkv__handle sockets[2]);

    void (*close)(xkv__handle socket);
} xkv__net_calls;

/* Those in force, and the system's. Tests replace fields of the former, and put the latter
 * back. */
extern xkv__net_calls xkv__net;
extern const xkv__net_calls xkv__system_net;

#endif
