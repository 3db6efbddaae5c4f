/*
 * insight.c - commands that tell about the store
 */
#include "command/told.h"
#include "local/backend.h"
#include "local/claims.h"
#include "local/engine.h"
#include "tree/btree.h"

/* Claims that count as live, and those that only wait to be removed. */
struct held {
    uint64_t live, expired;
};

static struct held held_with(xkv__txn *txn, xkv_bytes prefix) {
    uint64_t first, all = xkv__tree_count(xkv__claims_keys(txn), prefix, &first);
    uint64_t expired = all > 0 ? xkv__claims_expired(txn, prefix, xkv__now(txn)) : 0;

    return (struct held){all - expired, expired};
}

static xkv__told_stats stats_of(xkv__txn *txn, uint64_t count, struct held held) {
    return (xkv__told_stats){.backend = txn->backend->ops->name,
                             .options = txn->backend->options,
                             .count = count,
                             .live = held.live,
                             .expired = held.expired};
}

/* A reader's index is of the moment when it was built. That the writer has gone
 * on since is no fault, and the index is left alone then. */
int xkv__stats(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    struct held held = held_with(txn, (xkv_bytes){NULL, 0});
    xkv__writer writer = xkv__writer_on(reply);
    xkv__facts facts;
    int error = txn->backend->ops->measure(txn, &facts);

    (void)command;
    if (error != XKV_OK)
        return error;
    xkv__told_stats stats = stats_of(txn, facts.count, held);
    stats.index_count = facts.index_count;
    stats.is_behind = stats.options->read_only;
    stats.has_file = stats.options->backend == XKV_BACKEND_DISK;
    stats.file_size = facts.size;
    xkv__tell_stats(&writer, &stats);
    return writer.error;
}

int xkv__look(xkv__backend *backend, xkv_activity *activity) {
    xkv__txn_room room;
    xkv__facts facts;
    int error;

    do {
        error = backend->ops->begin(backend, XKV__READ, &room);
        if (error != XKV_OK)
            continue;
        error = backend->ops->measure(&room.txn, &facts);
        backend->ops->end(&room.txn);
    } while (error == XKV__RETRY);
    if (error == XKV_OK)
        *activity = facts.activity;
    return error;
}

int xkv__allocation_stats(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    struct held held = held_with(txn, command->prefix);
    xkv__writer writer = xkv__writer_on(reply);
    xkv__range range;
    int error = txn->backend->ops->range(txn, command->prefix, &range);

    if (error != XKV_OK)
        return error;
    xkv__told_stats stats = stats_of(txn, range.count, held);
    xkv__tell_allocation(&writer, command->prefix, &stats);
    return writer.error;
}
