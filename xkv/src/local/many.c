/*
 * many.c - commands on many keys
 */
#include "base/reply.h"
#include "base/text.h"
#include "command/cursor.h"
#include "command/items.h"
#include "command/told.h"
#include "local/backend.h"
#include "local/change.h"
#include "local/choose.h"
#include "local/engine.h"

static const xkv_bytes every_key = {NULL, 0};

/* -- Counting, clearing ------------------------------------------------------ */

int xkv__clear(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    (void)command, (void)reply;
    return xkv__change_clear(txn);
}

static int count(xkv__txn *txn, xkv_bytes prefix, xkv_reply *reply) {
    xkv__range range;
    int error = txn->backend->ops->range(txn, prefix, &range);

    reply->number = error == XKV_OK ? (int64_t)range.count : 0;
    return error;
}

int xkv__count(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return count(txn, command->prefix, reply);
}

int xkv__size(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    (void)command;
    return count(txn, every_key, reply);
}

/* Its transaction does it: see XKV__REBUILD. */
int xkv__rebuild_key_list(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    (void)txn, (void)command, (void)reply;
    return XKV_OK;
}

/* -- Walking ----------------------------------------------------------------- */

/* A walk over the keys with a prefix, in order. */
struct walk {
    xkv_bytes prefix, key, value;
    bool with_values;
    bool more; /* key is one of them; else the walk is over */
};

static int walk_to(struct walk *walk, int error) {
    walk->more = error == XKV_OK && xkv__has_prefix(walk->key, walk->prefix);
    return error == XKV_E_KEY_NOT_FOUND ? XKV_OK : error;
}

static int walk_begin(xkv__txn *txn, struct walk *walk, xkv_bytes from) {
    return walk_to(walk, txn->backend->ops->seek(txn, from, &walk->key,
                                                 walk->with_values ? &walk->value : NULL));
}

static int walk_on(xkv__txn *txn, struct walk *walk) {
    return walk_to(
        walk, txn->backend->ops->next(txn, &walk->key, walk->with_values ? &walk->value : NULL));
}

/* The last key of a page, which must outlive the walk's next step. It lies in
 * the reply. */
static xkv_bytes last_in(const xkv_reply *reply, size_t item_at) {
    xkv_bytes items = {reply->data, reply->len};
    xkv_item item = {.kind = XKV_ITEM_NULL};

    (void)xkv_item_next(items, &item_at, &item);
    return item.text;
}

/* Appends what is left of the walk, at most limit keys; leaves it at the first
 * key that is left over. *last gets the place of the last item. */
static int put_page(xkv__txn *txn, struct walk *walk, int64_t limit, xkv_reply *reply,
                    size_t *last) {
    xkv__writer writer = xkv__writer_on(reply);
    int64_t most = limit > 0 ? limit : INT64_MAX;
    int error = XKV_OK;

    while (error == XKV_OK && walk->more && reply->number < most) {
        *last = reply->len;
        if (walk->with_values)
            xkv__put_entry(&writer, NULL, walk->key, walk->value);
        else
            xkv__put_text(&writer, NULL, walk->key);
        if (writer.error != XKV_OK)
            return writer.error;
        reply->number++;
        error = walk_on(txn, walk);
    }
    return error;
}

static int list(xkv__txn *txn, const xkv_command *command, xkv_reply *reply, bool with_values) {
    struct walk walk = {.prefix = command->prefix, .with_values = with_values};
    xkv__writer writer = xkv__writer_on(reply);
    size_t members = xkv__put_array(&writer, NULL, 0), last;
    int error = writer.error;

    if (error == XKV_OK)
        error = walk_begin(txn, &walk, command->prefix);
    if (error == XKV_OK)
        error = put_page(txn, &walk, command->limit, reply, &last);
    xkv__patch_members(&writer, members, (uint64_t)reply->number);
    return error;
}

int xkv__list(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return list(txn, command, reply, true);
}

int xkv__list_keys(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return list(txn, command, reply, false);
}

/* Begins a walk strictly after a position. */
static int walk_after(xkv__txn *txn, struct walk *walk, const xkv__position *after) {
    xkv_bytes key = {after->key, after->len};
    int error = walk_begin(txn, walk, key);

    if (error == XKV_OK && walk->more && xkv__compare(walk->key, key) == 0)
        error = walk_on(txn, walk);
    return error;
}

static int begin_scan(xkv__txn *txn, const xkv_command *command, struct walk *walk) {
    xkv__position position;

    if (command->cursor.len == 0)
        return walk_begin(txn, walk, command->prefix);
    int error = xkv__cursor_read(command->cursor, command->prefix, &position);
    return error == XKV_OK ? walk_after(txn, walk, &position) : error;
}

static int scan(xkv__txn *txn, const xkv_command *command, xkv_reply *reply, bool with_values) {
    struct walk walk = {.prefix = command->prefix, .with_values = with_values};
    xkv__writer writer = xkv__writer_on(reply);
    int error = begin_scan(txn, command, &walk);
    size_t last = 0;

    if (error != XKV_OK)
        return error;
    xkv__put_object(&writer, NULL, 3);
    size_t members = xkv__put_array(&writer, with_values ? "entries" : "keys", 0);
    if (writer.error != XKV_OK)
        return writer.error;
    error = put_page(txn, &walk, command->limit, reply, &last);
    if (error != XKV_OK)
        return error;
    xkv__patch_members(&writer, members, (uint64_t)reply->number);
    xkv_bytes last_key = last_in(reply, last);
    xkv__tell_page_end(&writer, walk.more ? &last_key : NULL);
    return writer.error;
}

int xkv__scan(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return scan(txn, command, reply, true);
}

int xkv__scan_keys(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return scan(txn, command, reply, false);
}

/* -- Lists of keys ----------------------------------------------------------- */

static int put_found(xkv__txn *txn, xkv__writer *writer, xkv_bytes key) {
    xkv_bytes value;
    int error =
        key.len > 0 ? txn->backend->ops->get(txn, XKV__DATA, key, &value) : XKV_E_KEY_NOT_FOUND;

    if (error != XKV_OK && error != XKV_E_KEY_NOT_FOUND)
        return error;
    xkv__tell_found(writer, key, error == XKV_OK ? &value : NULL);
    return writer->error;
}

int xkv__get_many(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv__writer writer = xkv__writer_on(reply);
    size_t members = xkv__put_array(&writer, NULL, 0), at = 0;
    int error = writer.error;

    for (xkv_item item; error == XKV_OK && xkv_item_next(command->items, &at, &item);
         reply->number++)
        error = put_found(txn, &writer, item.text);
    xkv__patch_members(&writer, members, (uint64_t)reply->number);
    return error;
}

int xkv__set_many(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv__writer writer = xkv__writer_on(reply);
    size_t at = 0;

    xkv__put_object(&writer, NULL, 1);
    size_t written = xkv__put_integer(&writer, "written", 0);
    int error = writer.error;
    for (xkv_item item; error == XKV_OK && xkv_item_next(command->items, &at, &item);
         reply->number++)
        error = xkv__change_put(txn, item.text, item.value);
    if (error != XKV_OK && reply->number > 0)
        txn->broken = true;
    xkv__patch_integer(&writer, written, (uint64_t)reply->number);
    return error;
}

int xkv__delete_many(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv__writer writer = xkv__writer_on(reply);
    uint64_t removed, asked = 0;
    size_t at = 0;

    xkv__put_object(&writer, NULL, 2);
    size_t deleted = xkv__put_integer(&writer, "deleted", 0);
    size_t missing = xkv__put_integer(&writer, "missing", 0);
    for (xkv_item item; xkv_item_next(command->items, &at, &item);)
        asked++;
    int error = writer.error;
    if (error == XKV_OK)
        error = xkv__change_remove_many(txn, command->items, &removed);
    if (error != XKV_OK)
        return error;
    xkv__patch_integer(&writer, deleted, removed);
    xkv__patch_integer(&writer, missing, asked - removed);
    reply->number = (int64_t)removed;
    return XKV_OK;
}

/* Collects the first keys with a prefix: what walks must not be deleted from. */
static int collect(xkv__txn *txn, xkv_bytes prefix, int64_t limit, xkv_items *keys, bool *done) {
    struct walk walk = {.prefix = prefix};
    int error = walk_begin(txn, &walk, prefix);

    for (int64_t n = 0; error == XKV_OK && walk.more && n < limit; n++) {
        error = xkv_items_add(keys, walk.key, (xkv_bytes){NULL, 0});
        if (error == XKV_OK)
            error = walk_on(txn, &walk);
    }
    *done = !walk.more;
    return error;
}

int xkv__delete_by_prefix(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv__writer writer = xkv__writer_on(reply);
    xkv_items keys = {NULL, 0, 0};
    uint64_t removed = 0;
    bool done;
    int error = collect(txn, command->prefix, command->limit, &keys, &done);

    xkv__put_object(&writer, NULL, 2);
    size_t deleted = xkv__put_integer(&writer, "deleted", 0);
    xkv__put_boolean(&writer, "done", done);
    if (error == XKV_OK)
        error = writer.error;
    if (error == XKV_OK)
        error = xkv__change_remove_many(txn, xkv_items_bytes(&keys), &removed);
    xkv_items_free(&keys);
    xkv__patch_integer(&writer, deleted, removed);
    reply->number = (int64_t)removed;
    return error;
}

/* -- Random keys ------------------------------------------------------------- */

int xkv__random_key(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv__pool pool;
    xkv_bytes key;
    int error = xkv__pool_find(txn, command->prefix, false, &pool);

    if (error != XKV_OK)
        return error;
    reply->number = (int64_t)pool.size;
    if (pool.size == 0)
        return XKV_OK;
    error = xkv__pool_choose(txn, &pool, &key);
    return error == XKV_OK ? xkv__reply_bytes(reply, key) : error;
}

int xkv__random_entry(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return xkv__reply_chosen(txn, command->prefix, xkv__choose_any, reply);
}

static int put_key(xkv__txn *txn, xkv_bytes key, void *context) {
    xkv__writer *writer = context;

    (void)txn;
    xkv__put_text(writer, NULL, key);
    writer->reply->number++;
    return writer->error;
}

int xkv__random_keys(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv__writer writer = xkv__writer_on(reply);
    size_t members = xkv__put_array(&writer, NULL, 0);
    xkv__pool pool;
    int error = writer.error;

    if (error == XKV_OK)
        error = xkv__pool_find(txn, command->prefix, false, &pool);
    if (error == XKV_OK)
        error = xkv__pool_choose_many(txn, &pool, (uint64_t)command->count, command->repeats,
                                      put_key, &writer);
    xkv__patch_members(&writer, members, (uint64_t)reply->number);
    return error;
}
