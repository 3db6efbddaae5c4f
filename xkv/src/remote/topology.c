/* topology.c - see topology.h */
#include "remote/topology.h"

#include "base/error.h"
#include "base/sys.h"
#include "base/text.h"
#include "remote/heard.h"
#include "remote/words.h"

#include <stdio.h>

enum { PORTS = 65536, CLUSTER_SLOTS = 16384, NAME_MAX_LEN = 255 };

bool xkv__host_equal(const xkv__host *a, const xkv__host *b) {
    return strcmp(a->name, b->name) == 0 && strcmp(a->port, b->port) == 0;
}

void xkv__ask_topology(xkv__buffer *out) {
    xkv__put_command(out, (const char *const[]){"CLUSTER", "SLOTS", NULL});
}

void xkv__topology_free(xkv__topology *topology) {
    for (unsigned i = 0; i < topology->count; i++)
        xkv__free(topology->hosts[i].name);
    topology->count = 0;
}

/* -- Hosts ------------------------------------------------------------------------ */

/* Whether text can be the name of a host, and is copied; the other host's if it is left out. */
static bool take_name(xkv_bytes text, const xkv__host *from, char name[NAME_MAX_LEN + 1]) {
    bool left_out = text.len == 0 || (text.len == 1 && *(const char *)text.data == '?');
    xkv_bytes source = left_out ? xkv_text(from->name) : text;

    if (source.len > NAME_MAX_LEN || memchr(source.data, 0, source.len))
        return false;
    memcpy(name, source.data, source.len);
    name[source.len] = 0;
    return true;
}

/* The number of a host, which is added if it is new; XKV__NOWHERE if there is no room. */
static int add_to_topology(xkv__topology *topology, const xkv__host *host, unsigned *number) {
    unsigned i = 0;

    while (i < topology->count && !xkv__host_equal(&topology->hosts[i], host))
        i++;
    *number = i;
    if (i < topology->count || i == XKV__HOSTS_MAX)
        return XKV_OK;
    topology->hosts[i] = *host;
    topology->hosts[i].name = xkv__strdup(host->name);
    if (!topology->hosts[i].name)
        return XKV_E_STORE_FULL;
    topology->count++;
    return XKV_OK;
}

/* -- What a node says of all ------------------------------------------------------- */

/* Hears one node of a range: host, port, and what else there is. */
static int hear_host(xkv__topology *topology, const xkv__host *from, xkv__resp_cursor *cursor,
                     unsigned *number) {
    char name[NAME_MAX_LEN + 1];
    xkv__host host = {.name = name};
    size_t members;
    int64_t port;
    xkv_bytes text;
    bool there;

    if (!xkv__hear_array(cursor, &members) || members < 2 ||
        !xkv__hear_value(cursor, &text, &there) || !take_name(text, from, name) ||
        !xkv__hear_number(cursor, &port) || port >= PORTS)
        return xkv__not_ours();
    snprintf(host.port, sizeof host.port, "%d", (int)port);
    for (; members > 2; members--)
        xkv__resp_skip(cursor);
    return add_to_topology(topology, &host, number);
}

static void set_range(const xkv__dialect *dialect, xkv__topology *topology, int64_t first,
                      int64_t last, unsigned host) {
    for (unsigned n = 0; n < dialect->count; n++) {
        if (dialect->partitions[n].slot >= first && dialect->partitions[n].slot <= last)
            topology->at[n] = host;
    }
}

/* Hears a range of slots: first, last, the master, and its replicas. */
static int hear_range(const xkv__dialect *dialect, const xkv__host *from, xkv__resp_cursor *cursor,
                      xkv__topology *topology) {
    size_t members;
    int64_t first, last;
    unsigned master, replica;

    if (!xkv__hear_array(cursor, &members) || members < 3 || !xkv__hear_number(cursor, &first) ||
        !xkv__hear_number(cursor, &last))
        return xkv__not_ours();
    int error = hear_host(topology, from, cursor, &master);
    for (size_t i = 3; error == XKV_OK && i < members; i++)
        error = hear_host(topology, from, cursor, &replica);
    if (error == XKV_OK)
        set_range(dialect, topology, first, last, master);
    return error;
}

int xkv__answer_topology(const xkv__dialect *dialect, const xkv__host *from, xkv_bytes answer,
                         xkv__topology *topology) {
    xkv__resp_cursor cursor = xkv__resp_cursor_on(answer);
    size_t ranges;
    int error = xkv__hear_array(&cursor, &ranges) ? XKV_OK : xkv__not_ours();

    topology->count = 0;
    for (unsigned n = 0; n < XKV__PARTITIONS_MAX; n++)
        topology->at[n] = XKV__NOWHERE;
    for (size_t i = 0; error == XKV_OK && i < ranges; i++)
        error = hear_range(dialect, from, &cursor, topology);
    if (error != XKV_OK)
        xkv__topology_free(topology);
    return error;
}

/* -- Redirects ------------------------------------------------------------------------ */

/* A number of at most five digits, which are passed over; -1 if there is none. */
static int take_number(const char **at, const char *end) {
    int number = -1;

    for (int digits = 0; *at < end && **at >= '0' && **at <= '9' && digits < 5; digits++, ++*at)
        number = (number < 0 ? 0 : number * 10) + (**at - '0');
    return number;
}

/* "MOVED 3999 10.0.0.1:6379", or with an address that has colons itself. */
bool xkv__redirect_read(xkv_bytes text, const xkv__host *from, xkv__redirect *redirect) {
    const char *at = text.data, *end = at + text.len, *colon = end;

    redirect->is_asking = xkv__has_prefix(text, xkv_text("ASK "));
    at += redirect->is_asking ? 4 : 6;
    int slot = at < end ? take_number(&at, end) : -1;
    if (slot < 0 || slot >= CLUSTER_SLOTS || at == end || *at != ' ')
        return false;
    for (at++; colon > at && colon[-1] != ':';)
        colon--;
    if (colon == at || !take_name((xkv_bytes){at, (size_t)(colon - 1 - at)}, from, redirect->name))
        return false;
    int port = take_number(&colon, end);
    if (port <= 0 || port >= PORTS || colon != end)
        return false;
    redirect->slot = (unsigned)slot;
    redirect->to.name = redirect->name;
    snprintf(redirect->to.port, sizeof redirect->to.port, "%d", port);
    return true;
}
