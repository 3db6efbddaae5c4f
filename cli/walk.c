/*
 * walk.c - see walk.h
 *
 * Entries are read in pages, so that a store of any size can be walked. A page is asked for by
 * the number of its entries, which is adapted to their size.
 */
#include "walk.h"

#include <stdlib.h>

enum { FIRST_PAGE = 64, PAGE_BYTES = 1 << 20 };

struct walker {
    struct session *session;
    xkv_command scan;
    int64_t left; /* how many may come still; INT64_MAX: all */
    int64_t page; /* how many a page may have */
    char *cursor; /* of the next page; to be freed */
    bool done;
};

/* What stands behind the entries of a page: where the next one begins. */
static int note_cursor(struct walker *walker) {
    xkv_bytes items = {walker->session->reply.data, walker->session->reply.len};
    xkv_item item;
    size_t at = 0;

    while (xkv_item_next(items, &at, &item)) {
        if (item.kind == XKV_ITEM_TRUE)
            walker->done = true;
        if (item.kind != XKV_ITEM_TEXT || item.name.len == 0)
            continue;
        char *cursor = realloc(walker->cursor, item.text.len + 1);
        if (!cursor)
            return fail(STORE_FAILED, "there is not enough memory");
        walker->cursor = memcpy(cursor, item.text.data, item.text.len);
        walker->scan.cursor = (xkv_bytes){cursor, item.text.len};
    }
    return DONE;
}

static int take_page(struct walker *walker, int (*take)(void *, xkv_bytes, xkv_bytes),
                     void *context) {
    const xkv_reply *reply = &walker->session->reply;
    xkv_item item;
    size_t at = 0;
    int code = note_cursor(walker);

    while (code == DONE && xkv_item_next((xkv_bytes){reply->data, reply->len}, &at, &item)) {
        if (item.name.len > 0 || (item.kind != XKV_ITEM_ENTRY && item.kind != XKV_ITEM_TEXT))
            continue;
        code = take(context, item.text, item.value);
        walker->left--;
    }
    return code;
}

/* About as many as fill a page. */
static void adapt(struct walker *walker) {
    size_t bytes = walker->session->reply.len;

    if (bytes < PAGE_BYTES / 2 && walker->page * 2 <= XKV_PAGE_MAX)
        walker->page *= 2;
    while (bytes > PAGE_BYTES * 2 && walker->page > 1) {
        walker->page /= 2;
        bytes /= 2;
    }
}

int walk(struct session *session, bool with_values, int (*take)(void *, xkv_bytes, xkv_bytes),
         void *context) {
    const struct call *call = session->call;
    struct walker walker = {.session = session,
                            .left =
                                has(call, OPTION_LIMIT) ? call->numbers[OPTION_LIMIT] : INT64_MAX,
                            .page = FIRST_PAGE};
    int code = DONE;

    walker.scan.op = with_values ? XKV_OP_SCAN : XKV_OP_SCAN_KEYS;
    walker.scan.prefix = text_of(call, OPTION_PREFIX);
    while (code == DONE && !walker.done && walker.left > 0) {
        walker.scan.limit = walker.page < walker.left ? walker.page : walker.left;
        code = session_run(session, &walker.scan);
        if (code == DONE)
            code = take_page(&walker, take, context);
        adapt(&walker);
    }
    free(walker.cursor);
    return code;
}
