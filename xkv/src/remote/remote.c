/* remote.c - see remote.h */
#include "remote/remote.h"

#include "base/error.h"
#include "base/sys.h"
#include "base/text.h"
#include "command/command.h"
#include "files/files.h"
#include "remote/heard.h"
#include "remote/seek.h"
#include "remote/spread.h"
#include "remote/traffic.h"
#include "remote/walk.h"
#include "remote/words.h"

#include <stdio.h>

struct remote {
    xkv__opened base;
    xkv__address address;
    xkv__dialect dialect;
    xkv__traffic *traffic;
};

static struct remote *remote_of(const xkv__opened *opened) {
    return (struct remote *)(uintptr_t)opened;
}

/* -- Sites ------------------------------------------------------------------------------- */

/* Where the servers are, and the store's name there. Options are checked by this, too, where
 * nobody has said yet where the servers are (k6 inspect): opening is when that must be known. */
static int remote_locate(const xkv_options *options, xkv__site *site) {
    xkv__address address;
    int error = xkv__address_foresee(options, &address);

    if (error != XKV_OK)
        return error;
    char *where = xkv__address_text(&address);
    size_t size = (where ? strlen(where) : 0) + strlen(options->name) + 2;
    site->name = where ? xkv__alloc(size) : NULL;
    if (site->name)
        snprintf(site->name, size, "%s#%s", where, options->name);
    xkv__free(where);
    xkv__address_free(&address);
    return site->name ? XKV_OK : XKV_E_STORE_FULL;
}

/* What there is to prepare is done when the server is there, in open. */
static int remote_prepare(const xkv_options *options, xkv__site *site) {
    (void)options, (void)site;
    return XKV_OK;
}

static void remote_leave(xkv__site *site, xkv__opened *same) {
    (void)site, (void)same;
}

/* -- Opening --------------------------------------------------------------------------------- */

/* What a question for a server is answered with, or an error that the answer is. */
static int ask(xkv__line *line, const xkv__buffer *question, xkv__buffer *answer) {
    xkv__resp_item item;
    int error = xkv__converse(line, question, 1, answer);
    xkv__resp_cursor cursor = xkv__resp_cursor_on(xkv__buffer_bytes(answer));

    if (error != XKV_OK || !xkv__resp_next(&cursor, &item) || item.kind != XKV__RESP_ERROR)
        return error;
    line->is_final = !xkv__is_for_later(item.text) && !xkv__is_redirect(item.text);
    return xkv__refusal(item.text);
}

static int ask_for_topology(const struct remote *remote, xkv__line *line, const xkv__host *from,
                            xkv__topology *topology) {
    xkv__buffer question = {.len = 0}, answer = {.len = 0};

    xkv__ask_topology(&question);
    int error = ask(line, &question, &answer);
    if (error == XKV_OK)
        error = xkv__answer_topology(&remote->dialect, from, xkv__buffer_bytes(&answer), topology);
    xkv__buffer_free(&question);
    xkv__buffer_free(&answer);
    return error;
}

/* Of a cluster, the node that has the first partition. */
static int go_to_first(const struct remote *remote, xkv__line *line, const xkv__host *from,
                       xkv__topology *topology) {
    xkv__server server;
    int error = ask_for_topology(remote, line, from, topology);

    if (error != XKV_OK)
        return error;
    if (topology->at[0] == XKV__NOWHERE)
        return xkv__fail(XKV_E_SERVER_UNAVAILABLE, "no node of the cluster has slot %u",
                         remote->dialect.partitions[0].slot);
    const xkv__host *first = &topology->hosts[topology->at[0]];
    if (xkv__host_equal(first, from))
        return XKV_OK;
    xkv__hang_up(line);
    return xkv__dial(&remote->address, first, remote->base.options, line, &server);
}

static void ask_whether_there(const struct remote *remote, xkv__buffer *question) {
    const xkv__partition *first = &remote->dialect.partitions[0];

    xkv__put_head(question, 2);
    xkv__put_word(question, xkv_text("EXISTS"));
    xkv__put_count(question, '$', first->base_len + 1);
    xkv__buffer_append(question, first->base, first->base_len);
    xkv__buffer_append(question, "m\r\n", 3);
}

/* Who only reads makes no store. */
static int must_be_there(const struct remote *remote, xkv__line *line) {
    xkv__buffer question = {.len = 0}, answer = {.len = 0};
    char quoted[XKV__QUOTE_SIZE];
    int64_t there = 0;

    ask_whether_there(remote, &question);
    int error = ask(line, &question, &answer);
    xkv__resp_cursor cursor = xkv__resp_cursor_on(xkv__buffer_bytes(&answer));
    if (error == XKV_OK && !xkv__hear_number(&cursor, &there))
        error = xkv__not_ours();
    xkv__buffer_free(&question);
    xkv__buffer_free(&answer);
    if (error != XKV_OK || there)
        return error;
    return xkv__fail(XKV_E_STORE_LOST,
                     "the server has no store of the name %s, and who only reads makes none",
                     xkv__quote(xkv_text(remote->base.options->name), quoted));
}

/* What the store is: that of this name, which is made if there is none. */
static int meet_store(struct remote *remote, xkv__line *line) {
    xkv__buffer question = {.len = 0}, answer = {.len = 0};

    xkv__ask_store(&remote->dialect, true, &question);
    int error = ask(line, &question, &answer);
    if (error == XKV_OK)
        error = xkv__answer_store(&remote->dialect, xkv__buffer_bytes(&answer));
    xkv__buffer_free(&question);
    xkv__buffer_free(&answer);
    return error;
}

static int find_store(struct remote *remote, xkv__line *line, xkv__topology *topology) {
    const xkv__host *host;
    xkv__server server = {.is_cluster = false};
    int error = xkv__seek(&remote->address, remote->base.options, line, &server, &host);

    if (error == XKV_OK && server.is_cluster && host)
        error = go_to_first(remote, line, host, topology);
    if (error == XKV_OK && remote->base.options->read_only)
        error = must_be_there(remote, line);
    if (error == XKV_OK)
        error = meet_store(remote, line);
    if (error != XKV_OK) {
        xkv__hang_up(line);
        xkv__topology_free(topology);
    }
    return error;
}

/* A server that is just being started, or a cluster that is just changing, is waited for, within
 * the time that a command has. An attempt that the end of the time has cut short says less of what
 * is wrong than the one before. */
static int find_patiently(struct remote *remote, xkv__line *line, xkv__topology *topology) {
    enum { BETWEEN_MS = 50 };
    char why[XKV_MESSAGE_SIZE] = "";
    int error;

    line->deadline_ns =
        xkv__monitor_now() + remote->base.options->redis_timeout_ms * (int64_t)1000000;
    while ((error = find_store(remote, line, topology)) == XKV_E_SERVER_UNAVAILABLE &&
           !line->is_final &&
           xkv__monitor_now() + BETWEEN_MS * (int64_t)1000000 < line->deadline_ns) {
        snprintf(why, sizeof why, "%s", xkv__reason(error));
        xkv__sleep_ms(BETWEEN_MS);
    }
    bool is_cut_short = xkv__monitor_now() >= line->deadline_ns && !line->is_final;
    if (error == XKV_E_SERVER_UNAVAILABLE && *why && is_cut_short)
        return xkv__fail(error, "%s", why);
    return error;
}

static void make_id(char id[XKV__ID_SIZE + 1]) {
    unsigned char random[XKV__ID_SIZE / 2];

    xkv__sys.entropy(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(id + 2 * i, 3, "%02x", random[i]);
}

/* Runs a command in all partitions; XKV_OK, or its error with its reason. */
static int ask_partitions(struct remote *remote, int op) {
    const xkv_command command = {.op = op};
    xkv_reply reply;
    xkv__call call = {.command = &command, .reply = &reply, .seed = XKV_NO_SEED};

    xkv_reply_init(&reply, NULL, 0);
    xkv__traffic_run(remote->traffic, &call);
    int error = reply.status;
    if (error != XKV_OK)
        error = xkv__fail(error, "%.*s", (int)reply.len, (const char *)reply.data);
    xkv_reply_clear(&reply);
    return error;
}

/* Whoever opens a store goes on to make it, if another has begun and not ended: all partitions
 * get the id of the first, and then the first says that they have. After that one without it
 * is lost. */
static int meet_partitions(struct remote *remote) {
    if (remote->dialect.count == 1)
        return XKV_OK;
    if (!remote->dialect.is_being_made)
        return ask_partitions(remote, XKV__OP_MEET);
    int error = ask_partitions(remote, XKV__OP_JOIN);
    return error == XKV_OK ? ask_partitions(remote, XKV__OP_MADE) : error;
}

/* How many partitions a store has is known when it is found: then it is looked for with all of
 * them. */
static int find_with_partitions(struct remote *remote, xkv__line *line, xkv__topology *topology) {
    int error = find_patiently(remote, line, topology);

    while (error == XKV_OK && remote->dialect.found != remote->dialect.count) {
        xkv__hang_up(line);
        xkv__topology_free(topology);
        xkv__partitions_free(&remote->dialect);
        error = xkv__partitions_name(&remote->dialect, remote->dialect.found);
        if (error == XKV_OK)
            error = find_patiently(remote, line, topology);
    }
    return error;
}

static int connect_store(struct remote *remote) {
    xkv__line line = {.socket = XKV__NO_HANDLE};
    xkv__found found = {.topology.count = 0};
    int error = find_with_partitions(remote, &line, &found.topology);

    if (error != XKV_OK)
        return error;
    found.socket = line.socket;
    remote->base.serialization = remote->dialect.serialization;
    remote->base.partitions = remote->dialect.count;
    remote->traffic = xkv__traffic_start(&remote->address, &remote->dialect, &found);
    xkv__topology_free(&found.topology);
    if (!remote->traffic)
        return XKV_E_STORE_FULL;
    error = meet_partitions(remote);
    if (error != XKV_OK)
        xkv__traffic_stop(remote->traffic);
    return error;
}

static void free_remote(struct remote *remote) {
    xkv__partitions_free(&remote->dialect);
    xkv__address_free(&remote->address);
    xkv__free(remote);
}

static int remote_open(const xkv__executor *self, const xkv_options *options, xkv__site *site,
                       xkv__opened **opened) {
    struct remote *remote = xkv__alloc(sizeof *remote);

    (void)site;
    if (!remote)
        return XKV_E_STORE_FULL;
    memset(remote, 0, sizeof *remote);
    remote->base.executor = self;
    remote->base.options = remote->dialect.options = options;
    remote->dialect.serialization = options->serialization;
    make_id(remote->dialect.id);
    int error = xkv__address_read(options, &remote->address);
    if (error == XKV_OK)
        error = xkv__partitions_name(&remote->dialect, options->redis_partitions == XKV_ANY
                                                           ? 1
                                                           : (unsigned)options->redis_partitions);
    if (error == XKV_OK)
        error = connect_store(remote);
    if (error == XKV_OK)
        *opened = &remote->base;
    else
        free_remote(remote);
    return error;
}

static void remote_close(xkv__opened *opened) {
    struct remote *remote = remote_of(opened);

    xkv__traffic_stop(remote->traffic);
    free_remote(remote);
}

/* -- Commands ---------------------------------------------------------------------------- */

static bool remote_waits_for(const xkv__opened *opened, xkv_access access) {
    (void)opened, (void)access;
    return true;
}

static bool remote_takes_long(const xkv_command *command) {
    return xkv__is_of_files(command) || xkv__lists_much(command);
}

/* Values of JSON may be compared twice; and where a store has partitions, only what is about one
 * key is sure to need one. */
static bool remote_takes_steps(const xkv__opened *opened, const xkv_command *command) {
    const xkv__dialect *dialect = &remote_of(opened)->dialect;
    bool compares = xkv__info(command)->arguments & XKV_ARG_OLD;

    return (compares && dialect->serialization == XKV_JSON) ||
           (dialect->count > 1 && !(xkv__info(command)->arguments & XKV_ARG_KEY));
}

static xkv__ran remote_run(xkv__opened *opened, xkv__call *call) {
    struct remote *remote = remote_of(opened);

    if (xkv__is_of_files(call->command))
        xkv__files_run(opened, call);
    else if (xkv__lists_much(call->command))
        xkv__remote_list(remote->traffic, call);
    else
        xkv__traffic_run(remote->traffic, call);
    return XKV__RAN;
}

static void remote_submit(xkv__opened *opened, xkv__request *request) {
    xkv__traffic_submit(remote_of(opened)->traffic, request);
}

static void remote_go(xkv__opened *opened) {
    xkv__traffic_go(remote_of(opened)->traffic);
}

static void remote_unpark(xkv__opened *opened, xkv__request *request) {
    xkv__traffic_unpark(remote_of(opened)->traffic, request);
}

static int remote_walk(xkv__opened *opened, xkv_bytes prefix, xkv__visit *visit, void *context) {
    return xkv__remote_walk(remote_of(opened)->traffic, prefix, visit, context);
}

static int remote_replace(xkv__opened *opened, const xkv__source *source) {
    return xkv__remote_replace(remote_of(opened)->traffic, source);
}

static int remote_look(xkv__opened *opened, xkv_activity *activity) {
    xkv__traffic_look(remote_of(opened)->traffic, activity);
    return XKV_OK;
}

const xkv__executor xkv__redis_store = {
    .name = "redis",
    .where = "name",
    .locate = remote_locate,
    .prepare = remote_prepare,
    .leave = remote_leave,
    .open = remote_open,
    .close = remote_close,
    .waits_for = remote_waits_for,
    .takes_long = remote_takes_long,
    .takes_steps = remote_takes_steps,
    .run = remote_run,
    .submit = remote_submit,
    .go = remote_go,
    .unpark = remote_unpark,
    .walk = remote_walk,
    .replace = remote_replace,
    .look = remote_look,
};
