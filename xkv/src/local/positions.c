/*
 * positions.c - see positions.h; and the commands that hand out keys in order
 *
 * A step of nextCircular reads the store and writes its position, so it takes a lock of its
 * own around both. If the lock came after the beginning of the transaction, two calls could
 * read states of the store in one order and move the position in the other: a key that is
 * written between them would be passed over by the later one, though it came after the
 * write. For the same reason such a command is never run within a group of writes
 * (engine.c): it would see what is not committed yet, and others would not.
 *
 * A position takes the memory of its prefix and of a key, and lasts as long as the store is
 * open. Prefixes are of the script, so there are few; ten thousand take about a megabyte.
 */
#include "local/positions.h"
#include "base/reply.h"
#include "base/sys.h"
#include "base/text.h"
#include "command/items.h"
#include "command/told.h"
#include "formats/position.h"
#include "local/change.h"
#include "local/engine.h"
#include "tree/btree.h"

struct xkv__positions {
    xkv__mutex mutex;
    xkv__tree last; /* prefix: the key that was handed out last */
};

xkv__positions *xkv__positions_new(void) {
    xkv__positions *positions = xkv__alloc(sizeof *positions);

    if (!positions)
        return NULL;
    positions->last = XKV__TREE_EMPTY;
    if (xkv__mutex_init(&positions->mutex) == XKV_OK)
        return positions;
    xkv__free(positions);
    return NULL;
}

void xkv__positions_free(xkv__positions *positions) {
    if (!positions)
        return;
    xkv__tree_release(&positions->last);
    xkv__mutex_destroy(&positions->mutex);
    xkv__free(positions);
}

void xkv__positions_lock(xkv__positions *positions) {
    xkv__mutex_lock(&positions->mutex);
}

void xkv__positions_unlock(xkv__positions *positions) {
    xkv__mutex_unlock(&positions->mutex);
}

/* The first key with a prefix that is not before from, and not from itself if it is behind. */
static int seek_with(xkv__txn *txn, xkv_bytes prefix, xkv_bytes from, bool behind,
                     xkv_item *found) {
    const xkv__backend_ops *ops = txn->backend->ops;
    int error = ops->seek(txn, from, &found->text, &found->value);

    if (error == XKV_OK && behind && xkv__compare(found->text, from) == 0)
        error = ops->next(txn, &found->text, &found->value);
    if (error == XKV_OK && !xkv__has_prefix(found->text, prefix))
        return XKV_E_KEY_NOT_FOUND;
    return error;
}

static int seek_in_turn(xkv__txn *txn, xkv_bytes prefix, xkv_item *found) {
    const xkv__entry *last = xkv__tree_get(&txn->backend->positions->last, prefix);
    int error = XKV_E_KEY_NOT_FOUND;

    if (last)
        error = seek_with(txn, prefix, xkv__entry_value(last), true, found);
    return error == XKV_E_KEY_NOT_FOUND ? seek_with(txn, prefix, prefix, false, found) : error;
}

static int move(xkv__positions *positions, xkv_bytes prefix, xkv_bytes key) {
    xkv__entry *entry = xkv__entry_new(prefix, key);
    int error = entry ? xkv__tree_put(&positions->last, entry) : XKV_E_STORE_FULL;

    if (error != XKV_OK)
        xkv__entry_release(entry);
    return error;
}

/* The position moves last, so that a call that fails has handed out nothing. (No key begins
 * with a prefix that is longer than keys may be, so there is never a position for it.) */
int xkv__next_circular(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv__writer writer = xkv__writer_on(reply);
    xkv_item found = {.kind = XKV_ITEM_ENTRY};
    int error = XKV_E_KEY_NOT_FOUND;

    if (command->prefix.len <= XKV_KEY_MAX)
        error = seek_in_turn(txn, command->prefix, &found);
    if (error == XKV_E_KEY_NOT_FOUND)
        return xkv__reply_null(reply);
    if (error != XKV_OK)
        return error;
    xkv__put_entry(&writer, NULL, found.text, found.value);
    reply->number = 1;
    return writer.error == XKV_OK ? move(txn->backend->positions, command->prefix, found.text)
                                  : writer.error;
}

/* -- Positions that are values -------------------------------------------------- */

/* The next entry behind a key, which may be anything; behind the last one, if it is in turns,
 * the first. Without a key the first. */
static int seek_next(xkv__txn *txn, const xkv_command *command, const xkv_bytes *last,
                     xkv_item *found) {
    xkv_bytes prefix = command->prefix;
    bool behind = last && xkv__compare(*last, prefix) >= 0;
    int error = seek_with(txn, prefix, behind ? *last : prefix, behind, found);

    if (error == XKV_E_KEY_NOT_FOUND && behind && command->cycle)
        return seek_with(txn, prefix, prefix, false, found);
    return error;
}

/* Notes what is handed out, as a value of the store's kind. */
static int put_position(xkv__txn *txn, xkv_bytes position, xkv_bytes key, xkv__buffer *text) {
    text->len = 0;
    xkv__position_write(txn->backend->options->serialization, key, text);
    return text->error == XKV_OK ? xkv__change_put(txn, position, xkv__buffer_bytes(text))
                                 : text->error;
}

/* The reply is written before the store is, where what was found may lie no longer. */
static int give_next(xkv__txn *txn, const xkv_command *command, const xkv_bytes *last,
                     xkv__buffer *text, xkv_reply *reply) {
    xkv__writer writer = xkv__writer_on(reply);
    xkv_item found = {.kind = XKV_ITEM_ENTRY};
    int error = seek_next(txn, command, last, &found);

    if (error == XKV_E_KEY_NOT_FOUND)
        return xkv__reply_null(reply);
    if (error != XKV_OK)
        return error;
    xkv__put_entry(&writer, NULL, found.text, found.value);
    reply->number = 1;
    return writer.error == XKV_OK ? put_position(txn, command->key, found.text, text)
                                  : writer.error;
}

int xkv__next(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    int serialization = txn->backend->options->serialization;
    xkv__buffer room = {.len = 0}, text = {.len = 0};
    xkv_bytes value, last;
    int error = txn->backend->ops->get(txn, XKV__DATA, command->key, &value);

    if (error == XKV_E_KEY_NOT_FOUND)
        error = give_next(txn, command, NULL, &text, reply);
    else if (error == XKV_OK && xkv__position_read(serialization, value, &room, &last))
        error = give_next(txn, command, &last, &text, reply);
    else if (error == XKV_OK)
        error = room.error == XKV_OK ? xkv__tell_no_position(command->key) : room.error;
    xkv__buffer_free(&room);
    xkv__buffer_free(&text);
    return error;
}
