/*
 * proxy.h - a relay between a client and a server that does harm when told to
 *
 * It listens on a port of its own and carries each connection to the server, in a thread
 * for each. What it does to the bytes of one direction is a rule: carry n of them and
 * then cut the connection or carry no more, carry them one by one, or late. A rule holds for
 * all connections from when it is set, and bytes are counted from there; harm is done once.
 */
#ifndef XKV_TESTS_PROXY_H
#define XKV_TESTS_PROXY_H

#include "sockets.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

enum direction { TO_SERVER, TO_CLIENT };

/* What happens when so many bytes have gone in a direction. */
enum harm { NO_HARM, CUTS, STALLS };

struct rule {
    enum harm harm;
    enum direction direction;
    uint64_t after;    /* bytes of that direction, since the rule was set */
    bool byte_by_byte; /* each in a packet of its own */
    unsigned delay_ms; /* of each piece to the client */
    bool repeats;      /* each piece to the server goes there twice, as no network does it */
};

struct proxy {
    int listener;
    uint16_t port, server_port;
    pthread_t thread;
    _Atomic bool ends, refuses;

    pthread_mutex_t lock; /* of what follows */
    struct rule rule;
    bool has_harmed;     /* the rule has done its harm: from then on all is well */
    uint64_t carried[2]; /* since the rule was set */
    unsigned connections;
    _Atomic unsigned living; /* threads */
};

struct relay {
    struct proxy *proxy;
    int ends[2]; /* whom it reads to send TO_SERVER, and TO_CLIENT */
};

/* -- Carrying ---------------------------------------------------------------------- */

/* Of size bytes, how many may go; and whether harm is done behind them. */
static inline size_t proxy_allows(struct proxy *proxy, enum direction direction, size_t size,
                                  enum harm *harm) {
    const struct rule *rule = &proxy->rule;

    pthread_mutex_lock(&proxy->lock);
    uint64_t before = proxy->carried[direction];
    *harm = NO_HARM;
    if (rule->harm != NO_HARM && direction == rule->direction && before + size >= rule->after &&
        !proxy->has_harmed) {
        size = rule->after > before ? (size_t)(rule->after - before) : 0;
        *harm = rule->harm;
        proxy->has_harmed = true;
    }
    proxy->carried[direction] += size;
    pthread_mutex_unlock(&proxy->lock);
    return size;
}

static inline struct rule rule_now(struct proxy *proxy) {
    pthread_mutex_lock(&proxy->lock);
    struct rule rule = proxy->rule;
    pthread_mutex_unlock(&proxy->lock);
    return rule;
}

static inline bool carry_bytes(struct relay *relay, enum direction direction, const char *data,
                               size_t size) {
    const struct rule rule = rule_now(relay->proxy);
    int to = relay->ends[!direction];

    if (direction == TO_CLIENT && rule.delay_ms > 0)
        usleep(rule.delay_ms * 1000);
    if (direction == TO_SERVER && rule.repeats && !send_all(to, data, size))
        return false;
    if (!rule.byte_by_byte)
        return send_all(to, data, size);
    for (size_t i = 0; i < size; i++) {
        if (!send_all(to, data + i, 1))
            return false;
    }
    return true;
}

static inline void stall(const struct proxy *proxy) {
    while (!proxy->ends)
        usleep(2000);
}

/* One piece; false at the end. */
static inline bool carry_piece(struct relay *relay, enum direction direction) {
    static _Thread_local char bytes[65536];
    enum harm harm;
    ssize_t got = recv(relay->ends[direction], bytes, sizeof bytes, 0);

    if (got <= 0)
        return false;
    size_t size = proxy_allows(relay->proxy, direction, (size_t)got, &harm);
    bool sent = carry_bytes(relay, direction, bytes, size);
    if (harm == STALLS)
        stall(relay->proxy);
    return sent && harm == NO_HARM;
}

static inline void *relay_run(void *argument) {
    struct relay *relay = argument;
    struct pollfd polled[2] = {{relay->ends[0], POLLIN, 0}, {relay->ends[1], POLLIN, 0}};
    bool goes_on = true;

    while (goes_on && !relay->proxy->ends) {
        if (poll(polled, 2, 20) < 0)
            break;
        for (int i = 0; i < 2 && goes_on; i++) {
            if (polled[i].revents)
                goes_on = carry_piece(relay, (enum direction)i);
        }
    }
    close(relay->ends[0]);
    close(relay->ends[1]);
    atomic_fetch_sub(&relay->proxy->living, 1);
    free(relay);
    return NULL;
}

/* -- The proxy -------------------------------------------------------------------- */

static inline void proxy_accept(struct proxy *proxy, int client) {
    struct relay *relay = malloc(sizeof *relay);
    int server = proxy->refuses ? -1 : socket_to(proxy->server_port);
    pthread_t thread;

    MUST(relay);
    if (server < 0) {
        free(relay);
        close(client);
        return;
    }
    *relay = (struct relay){proxy, {client, server}};
    pthread_mutex_lock(&proxy->lock);
    proxy->connections++;
    pthread_mutex_unlock(&proxy->lock);
    atomic_fetch_add(&proxy->living, 1);
    MUST(pthread_create(&thread, NULL, relay_run, relay) == 0);
    pthread_detach(thread);
}

static inline void *proxy_run(void *argument) {
    struct proxy *proxy = argument;
    struct pollfd polled = {proxy->listener, POLLIN, 0};

    while (!proxy->ends) {
        if (poll(&polled, 1, 10) == 1)
            proxy_accept(proxy, accept(proxy->listener, NULL, NULL));
    }
    return NULL;
}

static inline void proxy_start(struct proxy *proxy, uint16_t server_port) {
    *proxy = (struct proxy){.server_port = server_port};
    proxy->listener = listen_somewhere(&proxy->port);
    MUST(pthread_mutex_init(&proxy->lock, NULL) == 0);
    MUST(pthread_create(&proxy->thread, NULL, proxy_run, proxy) == 0);
}

static inline void proxy_end(struct proxy *proxy) {
    proxy->ends = true;
    pthread_join(proxy->thread, NULL);
    while (proxy->living > 0)
        usleep(1000);
    close(proxy->listener);
    pthread_mutex_destroy(&proxy->lock);
}

/* From here on, and bytes count from here. */
static inline void proxy_rule(struct proxy *proxy, struct rule rule) {
    pthread_mutex_lock(&proxy->lock);
    proxy->rule = rule;
    proxy->has_harmed = false;
    proxy->carried[0] = proxy->carried[1] = 0;
    pthread_mutex_unlock(&proxy->lock);
}

static inline uint64_t proxy_carried(struct proxy *proxy, enum direction direction) {
    pthread_mutex_lock(&proxy->lock);
    uint64_t carried = proxy->carried[direction];
    pthread_mutex_unlock(&proxy->lock);
    return carried;
}

static inline bool proxy_has_harmed(struct proxy *proxy) {
    pthread_mutex_lock(&proxy->lock);
    bool has = proxy->has_harmed;
    pthread_mutex_unlock(&proxy->lock);
    return has;
}

#endif
