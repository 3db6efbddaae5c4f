/*
 * address.h - where servers are, and how one is let in
 *
 * What the option url says, as
 *
 *   redis://[user[:password]@]host[:port][,host[:port]…][/db]
 *   rediss://…                          the same through TLS
 *   unix://[user[:password]@]/path[?db=n]
 *   redis+sentinel://…/master[/db]      the hosts are sentinels, who know where the master is
 *
 * and the other options redis.… and the environment add. Ports are 6379 by default (26379
 * of sentinels), IPv6 addresses stand in brackets, user and password are
 * percent-encoded. Several hosts are nodes of one cluster, or sentinels.
 */
#ifndef XKV_REMOTE_ADDRESS_H
#define XKV_REMOTE_ADDRESS_H

#include "base/config.h"

enum { XKV__HOSTS_MAX = 64 };

typedef struct xkv__host {
    char *name; /* a name or an address without brackets, or the path of a Unix socket */
    char port[6];
} xkv__host;

typedef struct xkv__address {
    xkv__host hosts[XKV__HOSTS_MAX];
    unsigned count; /* 1 at least, but for what is only foreseen */
    bool is_unix, is_tls;
    char *master;          /* of sentinels: what they call it; else NULL */
    char *user, *password; /* NULL if there is none */
    int db;                /* 0 by default */
} xkv__address;

/* Reads the options, and the environment where those refer to it: K6_KV_REDIS_URL is the url
 * if the option is left out, the variable that redis.passwordEnv names holds the
 * password. XKV_OK and an address, freed by the next; or XKV_E_INVALID_OPTIONS with a
 * reason that says what is wrong, and has no password in it. XKV_E_STORE_FULL. */
int xkv__address_read(const xkv_options *options, xkv__address *address);

/* The same before anything is opened: what the environment is to have may be missing. Then there
 * are no hosts, or no password. */
int xkv__address_foresee(const xkv_options *options, xkv__address *address);
void xkv__address_free(xkv__address *address); /* all zero is allowed */

/* The same for people: "redis://host:6379,host:6380/2", without user and password. Freed by the
 * caller with xkv__free; NULL when memory is short. */
char *xkv__address_text(const xkv__address *address);

#endif
