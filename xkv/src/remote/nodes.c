/* nodes.c - see nodes.h */
#include "remote/nodes.h"

#include "base/error.h"
#include "base/text.h"
#include "remote/seek.h"

enum {
    NODES_MAX = XKV__WATCHED_MAX - 1, /* as many as can be waited for */
    TELL_MS = 500,                    /* how long a node has to tell of the others, */
    TELL_AGAIN_MS = 200               /* and until the next is asked */
};

struct xkv__node {
    xkv__nodes *nodes;
    xkv__host host; /* of a cluster; else none */
    xkv__link *link;
};

struct xkv__nodes {
    xkv__nodes_ops ops;
    bool is_cluster, is_ending;
    xkv__node *all[NODES_MAX];
    unsigned count;

    struct lane {
        xkv__node *at;
        xkv__node *next; /* where it moves to, when what waits at the former is given back */
    } lanes[XKV__PARTITIONS_MAX];

    xkv__trip telling; /* the question for all nodes, */
    xkv__node *teller; /* whom it was asked; NULL: nobody */
    unsigned turn;     /* who will be next, if nobody knows better, */
    int64_t tell_ns;   /* and when, at the earliest */
};

/* -- Nodes ----------------------------------------------------------------------- */

static int dial_node(void *context, xkv__line *line) {
    const xkv__node *node = context;
    const xkv__nodes_ops *ops = &node->nodes->ops;
    const xkv__host *host;
    xkv__server server;

    if (node->nodes->is_cluster)
        return xkv__dial(ops->address, &node->host, ops->dialect->options, line, &server);
    return xkv__seek(ops->address, ops->dialect->options, line, &server, &host);
}

static bool make_link(xkv__node *node, xkv__handle socket) {
    const xkv__nodes *nodes = node->nodes;
    const xkv_options *options = nodes->ops.dialect->options;
    const xkv__link_ops ops = {
        .reach = {dial_node, node, nodes->ops.wake, nodes->ops.wake_context,
                  options->redis_timeout_ms},
        .is_lazy = nodes->is_cluster,
        .replicas = options->redis_replicas,
    };

    node->link = xkv__link_new(&ops, socket);
    return node->link != NULL;
}

static void free_node(xkv__node *node) {
    if (!node)
        return;
    xkv__link_free(node->link);
    xkv__free(node->host.name);
    xkv__free(node);
}

/* One more, at a host or at the only one. NULL: there is no room, or no memory. */
static xkv__node *add_node(xkv__nodes *nodes, const xkv__host *host, xkv__handle socket) {
    xkv__node *node = nodes->count < NODES_MAX ? xkv__alloc(sizeof *node) : NULL;

    if (!node)
        return NULL;
    *node = (xkv__node){.nodes = nodes};
    if (host)
        node->host = *host;
    node->host.name = host ? xkv__strdup(host->name) : NULL;
    if ((host && !node->host.name) || !make_link(node, socket)) {
        free_node(node);
        return NULL;
    }
    nodes->all[nodes->count++] = node;
    return node;
}

static xkv__node *find_node(const xkv__nodes *nodes, const xkv__host *host) {
    for (unsigned i = 0; i < nodes->count; i++) {
        if (xkv__host_equal(&nodes->all[i]->host, host))
            return nodes->all[i];
    }
    return NULL;
}

static xkv__node *find_or_add(xkv__nodes *nodes, const xkv__host *host) {
    xkv__node *node = find_node(nodes, host);
    return node ? node : add_node(nodes, host, XKV__NO_HANDLE);
}

/* -- What nodes tell of each other -------------------------------------------------- */

static xkv__nodes *nodes_of(const xkv__trip *telling) {
    return (xkv__nodes *)(uintptr_t)((const char *)telling - offsetof(xkv__nodes, telling));
}

static int ask_teller(const xkv__trip *trip, xkv__buffer *out) {
    (void)trip;
    xkv__ask_topology(out);
    return out->error;
}

/* What lies elsewhere now goes there from a node that cannot tell so itself. */
static void leave_node(xkv__nodes *nodes, xkv__node *node, const xkv__topology *topology) {
    bool has_left = false;

    for (unsigned n = 0; n < nodes->ops.dialect->count; n++) {
        const xkv__host *host =
            topology->at[n] == XKV__NOWHERE ? NULL : &topology->hosts[topology->at[n]];
        xkv__node *to = host && nodes->lanes[n].at == node ? find_node(nodes, host) : NULL;
        if (!to || to == node)
            continue;
        nodes->lanes[n] = (struct lane){.at = to};
        has_left = true;
    }
    if (has_left)
        xkv__link_give_up(node->link);
}

static void take_topology(xkv__nodes *nodes, const xkv__topology *topology) {
    for (unsigned i = 0; i < topology->count; i++)
        (void)find_or_add(nodes, &topology->hosts[i]);
    for (unsigned i = 0; i < nodes->count; i++) {
        if (!xkv__link_is_sound(nodes->all[i]->link))
            leave_node(nodes, nodes->all[i], topology);
    }
}

static void forget_teller(xkv__trip *trip) {
    xkv__nodes *nodes = nodes_of(trip);

    nodes->teller = NULL;
    nodes->tell_ns = xkv__monitor_now() + TELL_AGAIN_MS * (int64_t)1000000;
}

static void hear_teller(xkv__trip *trip, int error, xkv_bytes answer) {
    xkv__nodes *nodes = nodes_of(trip);
    xkv__topology topology;

    if (error == XKV_OK)
        error = xkv__answer_topology(nodes->ops.dialect, &nodes->teller->host, answer, &topology);
    if (error == XKV_OK) {
        take_topology(nodes, &topology);
        xkv__topology_free(&topology);
    } else if (error == XKV__ELSEWHERE) {
        forget_teller(trip);
    } else {
        (void)xkv__reason(error);
    }
}

static const xkv__trip_ops telling_ops = {
    .ask = ask_teller, .come_back = hear_teller, .free = forget_teller};

/* Asks a node about all, unless one is being asked, or was just now. */
static void ask_about_all(xkv__nodes *nodes, xkv__node *node) {
    int64_t now = xkv__monitor_now();

    if (nodes->teller || now < nodes->tell_ns)
        return;
    nodes->teller = node;
    nodes->telling = (xkv__trip){
        .ops = &telling_ops, .goes_first = true, .deadline_ns = now + TELL_MS * (int64_t)1000000};
    xkv__link_ask(node->link, &nodes->telling);
}

/* As long as a node is waited for in vain, the others are asked whether it has still what it
 * had: in turn, and those first that answer. */
static void ask_others(xkv__nodes *nodes) {
    xkv__node *next = NULL;
    bool is_in_vain = false;

    if (!nodes->is_cluster || nodes->teller)
        return;
    for (unsigned i = 0; i < nodes->count; i++) {
        xkv__node *node = nodes->all[(nodes->turn + i) % nodes->count];
        if (!xkv__link_is_sound(node->link))
            is_in_vain = true;
        else if (!next)
            next = node;
    }
    if (is_in_vain && xkv__monitor_now() >= nodes->tell_ns) {
        nodes->turn++;
        ask_about_all(nodes, next ? next : nodes->all[nodes->turn % nodes->count]);
    }
}

/* -- Tours ---------------------------------------------------------------------------- */

void xkv__nodes_ask(xkv__nodes *nodes, xkv__tour *tour) {
    tour->redirects = 0;
    tour->to = tour->from = NULL;
    tour->at = nodes->lanes[tour->partition].at;
    tour->trip.is_asking = tour->trip.goes_first = false;
    tour->trip.deadline_ns = 0;
    xkv__link_ask(tour->at->link, &tour->trip);
}

static int no_redirect(xkv_bytes text) {
    char quoted[XKV__QUOTE_SIZE];

    return xkv__fail(XKV_E_SERVER_UNAVAILABLE, "the server redirects as no cluster does: %s",
                     xkv__quote(text, quoted));
}

static int too_many_redirects(const xkv__node *to, xkv_bytes text) {
    char quoted[XKV__QUOTE_SIZE];

    xkv__quote(text, quoted);
    if (!to)
        return xkv__fail(XKV_E_SERVER_UNAVAILABLE,
                         "a node of the cluster redirects to one that it does not know: %s",
                         quoted);
    return xkv__fail(XKV_E_SERVER_UNAVAILABLE,
                     "the nodes of the cluster have redirected it %d times, and then again: %s",
                     XKV__REDIRECTS_MAX, quoted);
}

/* Who is asked behind an ASKING and knows nothing of it leaves the question to the node where
 * the partition is. */
int xkv__nodes_redirect(xkv__nodes *nodes, xkv__tour *tour, xkv_bytes text) {
    struct lane *lane = &nodes->lanes[tour->partition];
    xkv__redirect redirect;

    if (!nodes->is_cluster || !xkv__redirect_read(text, &tour->at->host, &redirect) ||
        redirect.slot != nodes->ops.dialect->partitions[tour->partition].slot)
        return no_redirect(text);
    xkv__node *to = find_node(nodes, &redirect.to);
    if (++tour->redirects > XKV__REDIRECTS_MAX)
        return too_many_redirects(to, text);
    if (!to) {
        ask_about_all(nodes, tour->at);
        return XKV__ASK_AGAIN;
    }
    if (redirect.is_asking && to == tour->at)
        return no_redirect(text);
    if (redirect.is_asking)
        tour->to = to;
    else if (!tour->from)
        lane->next = to;
    return XKV_OK;
}

void xkv__nodes_ask_elsewhere(xkv__nodes *nodes, xkv__tour *tour) {
    struct lane *lane = &nodes->lanes[tour->partition];
    xkv__node *from = tour->from, *to = tour->to;

    if (lane->next && tour->at == lane->at)
        *lane = (struct lane){.at = lane->next};
    if (to)
        xkv__link_hold(tour->at->link);
    tour->from = to ? tour->at : NULL;
    tour->to = NULL;
    tour->at = to ? to : lane->at;
    tour->trip.is_asking = to != NULL;
    tour->trip.goes_first = from != NULL;
    xkv__link_ask(tour->at->link, &tour->trip);
    if (from)
        xkv__link_release(from->link);
}

void xkv__nodes_forget(xkv__tour *tour) {
    xkv__node *from = tour->from;

    tour->from = NULL;
    if (from && !from->nodes->is_ending)
        xkv__link_release(from->link);
}

/* -- The work ---------------------------------------------------------------------------- */

/* For how many milliseconds there is nothing to do: -1 for ever. */
static int look_at_all(xkv__nodes *nodes) {
    int wait_ms = nodes->teller ? TELL_AGAIN_MS : -1;

    for (unsigned i = 0; i < nodes->count; i++) {
        int next_ms = xkv__link_look(nodes->all[i]->link);
        if (next_ms >= 0 && (wait_ms < 0 || next_ms < wait_ms))
            wait_ms = next_ms;
    }
    return wait_ms;
}

/* One that cannot be sent to has lost its connection, maybe just now. */
void xkv__nodes_work(xkv__nodes *nodes, xkv__sleep *sleep) {
    bool is_lost = false;

    ask_others(nodes);
    sleep->wait_ms = look_at_all(nodes);
    for (unsigned i = 0; i < nodes->count; i++) {
        if (xkv__link_send(nodes->all[i]->link, &sleep->watched[sleep->count]))
            sleep->count++;
        else
            is_lost = true;
    }
    if (is_lost)
        sleep->wait_ms = look_at_all(nodes);
}

void xkv__nodes_hear(xkv__nodes *nodes, const xkv__sleep *sleep) {
    for (size_t at = 0; at < sleep->count; at++) {
        for (unsigned i = 0; sleep->watched[at].ready && i < nodes->count; i++)
            xkv__link_receive(nodes->all[i]->link, sleep->watched[at].socket);
    }
}

xkv__link_counts xkv__nodes_count(const xkv__nodes *nodes) {
    xkv__link_counts sum = {0, 0};

    for (unsigned i = 0; i < nodes->count; i++) {
        xkv__link_counts counts = xkv__link_count(nodes->all[i]->link);
        sum.connections += counts.connections;
        sum.unknown += counts.unknown;
    }
    return sum;
}

/* -- Beginning and end -------------------------------------------------------------------- */

void xkv__nodes_free(xkv__nodes *nodes) {
    if (!nodes)
        return;
    nodes->is_ending = true;
    for (unsigned i = 0; i < nodes->count; i++) {
        xkv__link_free(nodes->all[i]->link);
        nodes->all[i]->link = NULL;
    }
    for (unsigned i = 0; i < nodes->count; i++)
        free_node(nodes->all[i]);
    xkv__free(nodes);
}

/* Where the partitions are, who else there is, and where the way in was. */
static bool add_cluster(xkv__nodes *nodes, const xkv__found *found) {
    const xkv__topology *topology = &found->topology;
    const xkv__address *address = nodes->ops.address;

    if (!add_node(nodes, &topology->hosts[topology->at[0]], found->socket))
        return false;
    for (unsigned n = 0; n < nodes->ops.dialect->count; n++) {
        unsigned host = topology->at[topology->at[n] == XKV__NOWHERE ? 0 : n];
        nodes->lanes[n].at = find_or_add(nodes, &topology->hosts[host]);
        if (!nodes->lanes[n].at)
            return false;
    }
    for (unsigned i = 0; i < topology->count; i++)
        (void)find_or_add(nodes, &topology->hosts[i]);
    for (unsigned i = 0; i < address->count; i++)
        (void)find_or_add(nodes, &address->hosts[i]);
    return true;
}

static bool add_only(xkv__nodes *nodes, const xkv__found *found) {
    xkv__node *node = add_node(nodes, NULL, found->socket);

    for (unsigned n = 0; n < nodes->ops.dialect->count; n++)
        nodes->lanes[n].at = node;
    return node != NULL;
}

xkv__nodes *xkv__nodes_new(const xkv__nodes_ops *ops, const xkv__found *found) {
    xkv__nodes *nodes = xkv__alloc(sizeof *nodes);

    if (nodes) {
        *nodes = (xkv__nodes){.ops = *ops, .is_cluster = found->topology.count > 0};
        if (nodes->is_cluster ? add_cluster(nodes, found) : add_only(nodes, found))
            return nodes;
    }
    if (!nodes || nodes->count == 0)
        xkv__net.close(found->socket);
    xkv__nodes_free(nodes);
    return NULL;
}
