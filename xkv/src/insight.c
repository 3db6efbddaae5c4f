/*
 * insight.c - commands that tell about the store
 */
#include "engine.h"

/* Claims that count as live, and those that only wait to be removed. */
struct held {
    uint64_t live, expired;
};

static struct held held_with(xkv__txn *txn, xkv_bytes prefix) {
    uint64_t first, all = xkv__tree_count(xkv__claims_keys(txn), prefix, &first);
    uint64_t expired = xkv__claims_expired(txn, prefix, xkv__sys.now_ms());

    return (struct held){all - expired, expired};
}

static void put_count(xkv__writer *writer, const char *name, uint64_t count) {
    xkv__put_integer(writer, name, (int64_t)count);
}

/* A reader's index is of the moment when it was built. That the writer has gone
 * on since is no fault, and the index is left alone then. */
static void put_consistent(xkv__writer *writer, const xkv__facts *facts, bool read_only) {
    bool same = facts->index_count == facts->count;

    if (!same && read_only)
        xkv__put_null(writer, "consistent");
    else
        xkv__put_boolean(writer, "consistent", same);
}

static void put_index(xkv__writer *writer, const xkv__facts *facts, bool read_only) {
    if (!facts->indexed) {
        xkv__put_null(writer, "index");
        return;
    }
    xkv__put_object(writer, "index", 5);
    xkv__put_boolean(writer, "enabled", true);
    put_count(writer, "keysList", facts->index_count);
    put_count(writer, "keysMap", facts->index_count);
    put_count(writer, "ost", facts->index_count);
    put_consistent(writer, facts, read_only);
}

static void put_disk(xkv__writer *writer, const xkv__facts *facts, bool read_only) {
    if (!facts->path) {
        xkv__put_null(writer, "disk");
        return;
    }
    xkv__put_object(writer, "disk", 3);
    xkv__put_text(writer, "path", xkv_text(facts->path));
    xkv__put_integer(writer, "sizeBytes", facts->size);
    xkv__put_boolean(writer, "readOnly", read_only);
}

int xkv__stats(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    const xkv_options *options = txn->backend->options;
    struct held held = held_with(txn, (xkv_bytes){NULL, 0});
    xkv__writer writer = xkv__writer_on(reply);
    xkv__facts facts;
    int error = txn->backend->ops->describe(txn, &facts);

    (void)command;
    if (error != XKV_OK)
        return error;
    xkv__put_object(&writer, NULL, 7);
    xkv__put_text(&writer, "backend", xkv_text(txn->backend->ops->name));
    xkv__put_text(&writer, "serialization",
                  xkv_text(xkv__serialization_name(options->serialization)));
    xkv__put_boolean(&writer, "trackKeys", options->track_keys);
    put_count(&writer, "count", facts.count);
    xkv__put_object(&writer, "claims", 2);
    put_count(&writer, "live", held.live);
    put_count(&writer, "expired", held.expired);
    put_index(&writer, &facts, options->read_only);
    put_disk(&writer, &facts, options->read_only);
    return writer.error;
}

int xkv__allocation_stats(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    struct held held = held_with(txn, command->prefix);
    xkv__writer writer = xkv__writer_on(reply);
    xkv__range range;
    int error = txn->backend->ops->range(txn, command->prefix, &range);

    if (error != XKV_OK)
        return error;
    xkv__put_object(&writer, NULL, 7);
    xkv__put_text(&writer, "prefix", command->prefix);
    put_count(&writer, "total", range.count);
    put_count(&writer, "claimable", range.count - held.live);
    put_count(&writer, "claimedLive", held.live);
    put_count(&writer, "claimedExpired", held.expired);
    xkv__put_text(&writer, "backend", xkv_text(txn->backend->ops->name));
    xkv__put_boolean(&writer, "trackKeys", txn->backend->options->track_keys);
    return writer.error;
}
