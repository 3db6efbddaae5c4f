/*
 * items.h - what replies hold as text, lists for commands, and claims to keep
 */
#ifndef XKV_TESTS_ITEMS_H
#define XKV_TESTS_ITEMS_H

#include "support.h"

/* -- Replies as text --------------------------------------------------------- */

enum { SHOWN_SIZE = 1 << 20 };

struct shown {
    char *at, *end;
};

static inline void show_bytes(struct shown *shown, xkv_bytes bytes) {
    MUST((size_t)(shown->end - shown->at) > bytes.len);
    if (bytes.len > 0)
        memcpy(shown->at, bytes.data, bytes.len);
    shown->at += bytes.len;
    *shown->at = '\0';
}

static inline void show(struct shown *shown, const char *text) {
    show_bytes(shown, xkv_text(text));
}

static inline void show_quoted(struct shown *shown, xkv_bytes bytes) {
    show(shown, "\"");
    show_bytes(shown, bytes);
    show(shown, "\"");
}

static inline void show_scalar(struct shown *shown, const xkv_item *item) {
    char number[32];

    switch (item->kind) {
    case XKV_ITEM_NULL:
        show(shown, "null");
        return;
    case XKV_ITEM_FALSE:
        show(shown, "false");
        return;
    case XKV_ITEM_TRUE:
        show(shown, "true");
        return;
    case XKV_ITEM_INTEGER:
        snprintf(number, sizeof number, "%" PRId64, item->integer);
        show(shown, number);
        return;
    case XKV_ITEM_TEXT:
        show_quoted(shown, item->text);
        return;
    case XKV_ITEM_VALUE:
        show_bytes(shown, item->value);
        return;
    case XKV_ITEM_ENTRY:
        show(shown, "{\"key\":");
        show_quoted(shown, item->text);
        show(shown, ",\"value\":");
        show_bytes(shown, item->value);
        show(shown, "}");
        return;
    default:
        must_failed(__FILE__, __LINE__, "a scalar");
    }
}

/* One item with all its members; named where it belongs to an object. */
static inline void show_item(struct shown *shown, xkv_bytes items, size_t *at) {
    xkv_item item;

    MUST(xkv_item_next(items, at, &item));
    if (item.name.len > 0) {
        show_quoted(shown, item.name);
        show(shown, ":");
    }
    if (item.kind != XKV_ITEM_ARRAY && item.kind != XKV_ITEM_OBJECT) {
        show_scalar(shown, &item);
        return;
    }
    show(shown, item.kind == XKV_ITEM_ARRAY ? "[" : "{");
    for (int64_t i = 0; i < item.integer; i++) {
        if (i > 0)
            show(shown, ",");
        show_item(shown, items, at);
    }
    show(shown, item.kind == XKV_ITEM_ARRAY ? "]" : "}");
}

/* A reply of items as text like JSON: names and texts in quotes, values as
 * their bytes. A failed reply is the name of its error and its message. */
static inline const char *reply_text(const xkv_reply *reply) {
    static _Thread_local char text[SHOWN_SIZE];
    struct shown shown = {text, text + sizeof text};
    xkv_bytes bytes = {reply->data, reply->len};
    size_t at = 0;

    if (reply->status == XKV_OK) {
        show_item(&shown, bytes, &at);
        MUST(at == reply->len);
        return text;
    }
    show(&shown, xkv_error_name(reply->status));
    show(&shown, ": ");
    show_bytes(&shown, bytes);
    return text;
}

#define assert_reply(client, expected) assert_string_equal(reply_text(&(client)->reply), expected)

/* -- Lists for commands ------------------------------------------------------ */

static inline void items_add(xkv_items *items, xkv_bytes key, xkv_bytes value) {
    MUST(xkv_items_add(items, key, value) == XKV_OK);
}

static inline xkv_items keys_of(const char *const *keys) {
    xkv_items items = {NULL, 0, 0};

    for (; *keys; keys++)
        items_add(&items, xkv_text(*keys), NOTHING);
    return items;
}

static inline xkv_items entries_of(const char *const *texts) {
    xkv_items items = {NULL, 0, 0};

    for (; *texts; texts += 2)
        items_add(&items, xkv_text(texts[0]), xkv_text(texts[1]));
    return items;
}

/* KEYS("a", "b") and ENTRIES("a", "1", "b", "2"): lists that do_list_of frees. */
#define KEYS(...)    keys_of((const char *const[]){__VA_ARGS__, NULL})
#define ENTRIES(...) entries_of((const char *const[]){__VA_ARGS__, NULL})
#define NO_ITEMS     ((xkv_items){NULL, 0, 0})

/* Runs a command with a list, which it frees. */
static inline int run_with(struct client *client, xkv_command command, xkv_items items) {
    command.items = xkv_items_bytes(&items);
    int status = client_run(client, &command);
    xkv_items_free(&items);
    return status;
}

static inline int do_list_of(struct client *client, int op, xkv_items items) {
    return run_with(client, (xkv_command){.op = op}, items);
}

/* -- Claims ------------------------------------------------------------------ */

/* A claim of a reply; the bytes lie there. */
struct claim {
    xkv_bytes id, key, value, owner;
    int64_t token, expires_at;
};

enum { CLAIM_MEMBERS = 6 };

static inline void read_member(struct claim *claim, const xkv_item *item) {
    if (item->kind == XKV_ITEM_ENTRY)
        claim->value = item->value;
    else if (same_bytes(item->name, LIT("id")))
        claim->id = item->text;
    else if (same_bytes(item->name, LIT("key")))
        claim->key = item->text;
    else if (same_bytes(item->name, LIT("owner")))
        claim->owner = item->text;
    else if (same_bytes(item->name, LIT("token")))
        claim->token = item->integer;
    else if (same_bytes(item->name, LIT("expiresAt")))
        claim->expires_at = item->integer;
}

/* The next claim of a reply, from *at on; false if there are no more. */
static inline bool next_claim(const xkv_reply *reply, size_t *at, struct claim *claim) {
    xkv_bytes items = {reply->data, reply->len};
    xkv_item item;

    *claim = (struct claim){.token = 0};
    while (xkv_item_next(items, at, &item)) {
        if (item.kind != XKV_ITEM_OBJECT || item.integer != CLAIM_MEMBERS)
            continue;
        for (int i = 0; i < CLAIM_MEMBERS && xkv_item_next(items, at, &item); i++)
            read_member(claim, &item);
        return true;
    }
    return false;
}

/* A claim as its holder keeps it. */
struct ticket {
    char id[40], key[64];
    int64_t token, expires_at;
};

static inline struct ticket ticket_of(const struct claim *claim) {
    struct ticket ticket = {.token = claim->token, .expires_at = claim->expires_at};

    MUST(claim->id.len < sizeof ticket.id && claim->key.len < sizeof ticket.key);
    memcpy(ticket.id, claim->id.data, claim->id.len);
    memcpy(ticket.key, claim->key.data, claim->key.len);
    return ticket;
}

/* The first claim of the last reply; false if it has none. */
static inline bool take_ticket(const struct client *client, struct ticket *ticket) {
    struct claim claim;
    size_t at = 0;

    if (client->reply.status != XKV_OK || !next_claim(&client->reply, &at, &claim))
        return false;
    *ticket = ticket_of(&claim);
    return true;
}

static inline void add_ticket(xkv_items *items, const struct ticket *ticket) {
    MUST(xkv_items_add_claim(items, xkv_text(ticket->id), xkv_text(ticket->key), ticket->token) ==
         XKV_OK);
}

static inline xkv_items tickets(const struct ticket *list, size_t count) {
    xkv_items items = {NULL, 0, 0};

    for (size_t i = 0; i < count; i++)
        add_ticket(&items, &list[i]);
    return items;
}

/* Gives one claim back: RENEW_CLAIM (by ttl), RELEASE_CLAIM, COMPLETE_CLAIM. */
static inline int do_ticket(struct client *client, int op, const struct ticket *ticket,
                            int64_t ttl) {
    return run_with(client, (xkv_command){.op = op, .ttl_ms = ttl}, tickets(ticket, 1));
}

#endif
