/* walk.c - see walk.h */
#include "remote/walk.h"

#include "base/error.h"
#include "base/sys.h"
#include "command/items.h"

enum {
    FIRST_PAGE = 100, /* entries; then as many as are likely to take */
    PAGE_BYTES = 1024 * 1024,
    BATCH_ENTRIES = 1000, /* entries that are stored at once, or */
    BATCH_BYTES = 4 * 1024 * 1024
};

/* Runs a command; XKV_OK, or its error with the reply's message as its reason. */
static int run_command(xkv__traffic *traffic, const xkv_command *command, xkv_reply *reply) {
    xkv__call call = {.command = command, .reply = reply, .seed = XKV_NO_SEED};

    xkv_reply_clear(reply);
    xkv__traffic_run(traffic, &call);
    if (reply->status == XKV_OK)
        return XKV_OK;
    return xkv__fail(reply->status, "%.*s", (int)reply->len, (const char *)reply->data);
}

/* -- Walks ----------------------------------------------------------------------------- */

/* The cursor of a page: empty after the last. */
static xkv_bytes cursor_of(const xkv_reply *reply) {
    xkv_item item, last = {.text = {NULL, 0}};
    size_t at = 0;

    while (xkv_item_next((xkv_bytes){reply->data, reply->len}, &at, &item)) {
        if (item.kind == XKV_ITEM_TEXT && item.name.len > 0)
            last = item;
    }
    return last.text;
}

/* Behind the entries there is a text that is no key. */
static int visit_page(const xkv_reply *reply, xkv__visit *visit, void *context) {
    xkv_bytes key, value;
    int error = XKV_OK;
    size_t at = 0;

    for (int64_t n = 0; error == XKV_OK && n < reply->number; n++) {
        if (!xkv_reply_next(reply, &at, &key, &value))
            return XKV_E_INTERNAL;
        error = visit(context, key, value);
    }
    return error;
}

/* So many entries of the size of those on a page that they fill one. */
static int64_t next_limit(const xkv_reply *reply) {
    int64_t size = reply->number > 0 ? (int64_t)reply->len / reply->number : PAGE_BYTES;
    int64_t limit = size > 0 ? PAGE_BYTES / size : XKV__REMOTE_PAGE;

    return limit < 1 ? 1 : limit > XKV__REMOTE_PAGE ? XKV__REMOTE_PAGE : limit;
}

static int walk_pages(xkv__traffic *traffic, xkv_command *command, xkv_reply *reply,
                      xkv__visit *visit, void *context) {
    unsigned char cursor[XKV_CURSOR_MAX];
    int error;

    do {
        error = run_command(traffic, command, reply);
        if (error == XKV_OK)
            error = visit_page(reply, visit, context);
        if (error != XKV_OK)
            return error;
        xkv_bytes next = cursor_of(reply);
        if (next.len > 0)
            memcpy(cursor, next.data, next.len);
        command->cursor = (xkv_bytes){cursor, next.len};
        command->limit = next_limit(reply);
    } while (command->cursor.len > 0);
    return XKV_OK;
}

static int walk(xkv__traffic *traffic, int op, xkv_bytes prefix, xkv__visit *visit, void *context) {
    xkv_command command = {.op = op, .prefix = prefix, .limit = FIRST_PAGE};
    xkv_reply reply;

    xkv_reply_init(&reply, NULL, 0);
    int error = walk_pages(traffic, &command, &reply, visit, context);
    xkv_reply_clear(&reply);
    return error;
}

int xkv__remote_walk(xkv__traffic *traffic, xkv_bytes prefix, xkv__visit *visit, void *context) {
    return walk(traffic, XKV_OP_SCAN, prefix, visit, context);
}

/* -- Lists ------------------------------------------------------------------------------ */

bool xkv__lists_much(const xkv_command *command) {
    bool lists = command->op == XKV_OP_LIST || command->op == XKV_OP_LIST_KEYS;
    return lists && (command->limit <= 0 || command->limit > XKV__REMOTE_PAGE);
}

struct listing {
    xkv__writer writer;
    const xkv_command *command;
    bool is_full;
};

/* What ends a walk that has got enough: no error of anybody's. */
enum { ENOUGH = -101 };

static int list_entry(void *context, xkv_bytes key, xkv_bytes value) {
    struct listing *listing = context;
    xkv__writer *writer = &listing->writer;

    if (listing->command->op == XKV_OP_LIST)
        xkv__put_entry(writer, NULL, key, value);
    else
        xkv__put_text(writer, NULL, key);
    if (writer->error != XKV_OK)
        return writer->error;
    writer->reply->number++;
    return writer->reply->number == listing->command->limit ? ENOUGH : XKV_OK;
}

void xkv__remote_list(xkv__traffic *traffic, const xkv__call *call) {
    const xkv_command *command = call->command;
    struct listing listing = {.writer = xkv__writer_on(call->reply), .command = command};
    size_t members = xkv__put_array(&listing.writer, NULL, 0);
    int op = command->op == XKV_OP_LIST ? XKV_OP_SCAN : XKV_OP_SCAN_KEYS;
    int error = listing.writer.error;

    if (error == XKV_OK)
        error = walk(traffic, op, command->prefix, list_entry, &listing);
    if (error == XKV_OK || error == ENOUGH) {
        xkv__patch_members(&listing.writer, members, (uint64_t)call->reply->number);
        return;
    }
    xkv_reply_clear(call->reply);
    xkv__call_fail(call, error);
}

/* -- Replacement --------------------------------------------------------------------------- */

struct refill {
    xkv__traffic *traffic;
    xkv_items items;
    size_t count;
};

static int store_batch(struct refill *refill) {
    xkv_command command = {.op = XKV_OP_SET_MANY, .items = xkv_items_bytes(&refill->items)};
    xkv_reply reply;

    if (refill->count == 0)
        return XKV_OK;
    xkv_reply_init(&reply, NULL, 0);
    int error = run_command(refill->traffic, &command, &reply);
    xkv_reply_clear(&reply);
    refill->items.len = 0;
    refill->count = 0;
    return error;
}

static int refill_entry(void *context, xkv_bytes key, xkv_bytes value) {
    struct refill *refill = context;
    int error = xkv_items_add(&refill->items, key, value);

    if (error != XKV_OK)
        return error;
    bool full = ++refill->count >= BATCH_ENTRIES || refill->items.len >= BATCH_BYTES;
    return full ? store_batch(refill) : XKV_OK;
}

static int clear_all(xkv__traffic *traffic) {
    xkv_command command = {.op = XKV_OP_CLEAR};
    xkv_reply reply;

    xkv_reply_init(&reply, NULL, 0);
    int error = run_command(traffic, &command, &reply);
    xkv_reply_clear(&reply);
    return error;
}

static int look_at_entry(void *context, xkv_bytes key, xkv_bytes value) {
    (void)context, (void)key, (void)value;
    return XKV_OK;
}

/* What is refused is refused before anything is changed: so all is read twice. */
int xkv__remote_replace(xkv__traffic *traffic, const xkv__source *source) {
    struct refill refill = {.traffic = traffic};
    int error = source->each(source->context, look_at_entry, NULL);

    if (error == XKV_OK)
        error = clear_all(traffic);
    if (error == XKV_OK)
        error = source->each(source->context, refill_entry, &refill);
    if (error == XKV_OK)
        error = store_batch(&refill);
    xkv_items_free(&refill.items);
    return error;
}
