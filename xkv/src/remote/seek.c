/* seek.c - see seek.h */
#include "remote/seek.h"

#include "base/error.h"
#include "base/text.h"
#include "remote/heard.h"
#include "remote/words.h"

#include <stdio.h>

enum { MASTER_NAME_MAX = 255 };

/* The master that a sentinel knows. */
struct master {
    xkv__host host;
    char name[MASTER_NAME_MAX + 1];
};

/* -- Questions ------------------------------------------------------------------- */

/* Asks one thing, and waits for its answer, which may be an error. */
static int ask_one(const xkv__line *line, const char *const *words, xkv__buffer *answer,
                   xkv__resp_item *item, xkv__resp_cursor *cursor) {
    xkv__buffer question = {.len = 0};

    xkv__put_command(&question, words);
    int error = xkv__converse(line, &question, 1, answer);
    xkv__buffer_free(&question);
    if (error != XKV_OK)
        return error;
    *cursor = xkv__resp_cursor_on(xkv__buffer_bytes(answer));
    return xkv__resp_next(cursor, item) ? XKV_OK : xkv__not_ours();
}

/* It says so itself: a sentinel may be late. */
static int check_role(const xkv__line *line) {
    xkv__buffer answer = {.len = 0};
    xkv__resp_item item;
    xkv__resp_cursor cursor;
    int error = ask_one(line, (const char *const[]){"ROLE", NULL}, &answer, &item, &cursor);
    bool is_master = error == XKV_OK && item.kind == XKV__RESP_ARRAY &&
                     xkv__resp_next(&cursor, &item) && item.kind == XKV__RESP_TEXT &&
                     xkv__compare(item.text, xkv_text("master")) == 0;

    xkv__buffer_free(&answer);
    if (error != XKV_OK || is_master)
        return error;
    return xkv__fail(XKV_E_SERVER_UNAVAILABLE, "the server that the sentinels call the master is "
                                               "none; they may be about to choose another");
}

/* -- Sentinels ---------------------------------------------------------------------- */

static int take_master(const xkv__resp_item *item, xkv__resp_cursor *cursor,
                       struct master *master) {
    xkv_bytes name;
    int64_t port;

    if (item->kind != XKV__RESP_ARRAY || item->members != 2 || !xkv__hear_text(cursor, &name) ||
        !xkv__hear_number(cursor, &port) || port > 65535 || name.len == 0 ||
        name.len > MASTER_NAME_MAX || memchr(name.data, 0, name.len))
        return xkv__not_ours();
    memcpy(master->name, name.data, name.len);
    master->name[name.len] = 0;
    master->host.name = master->name;
    snprintf(master->host.port, sizeof master->host.port, "%u", (unsigned)port & 0xffff);
    return XKV_OK;
}

static int ask_master(const xkv__address *address, xkv__line *line, struct master *master) {
    const char *const words[] = {"SENTINEL", "get-master-addr-by-name", address->master, NULL};
    char quoted[XKV__QUOTE_SIZE];
    xkv__buffer answer = {.len = 0};
    xkv__resp_item item;
    xkv__resp_cursor cursor;
    int error = ask_one(line, words, &answer, &item, &cursor);

    if (error == XKV_OK && item.kind == XKV__RESP_NULL) {
        line->is_final = true;
        error = xkv__fail(XKV_E_SERVER_UNAVAILABLE, "the sentinel knows no master of the name %s",
                          xkv__quote(xkv_text(address->master), quoted));
    } else if (error == XKV_OK && item.kind == XKV__RESP_ERROR) {
        error = xkv__refusal(item.text);
    } else if (error == XKV_OK) {
        error = take_master(&item, &cursor, master);
    }
    xkv__buffer_free(&answer);
    return error;
}

/* Sentinels that want a password are told the one that there is; others do not mind. */
static int tell_password(const xkv__address *address, const xkv__line *line) {
    const char *with_user[] = {"AUTH", address->user, address->password, NULL};
    const char *without[] = {"AUTH", address->password, NULL};
    xkv__buffer answer = {.len = 0};
    xkv__resp_item item;
    xkv__resp_cursor cursor;

    if (!address->password)
        return XKV_OK;
    int error = ask_one(line, address->user ? with_user : without, &answer, &item, &cursor);
    xkv__buffer_free(&answer);
    return error;
}

static int ask_sentinel(const xkv__address *address, const xkv__host *sentinel,
                        const xkv_options *options, xkv__line *line, struct master *master) {
    int error = xkv__connect(address, sentinel, options, line);

    if (error == XKV_OK)
        error = tell_password(address, line);
    if (error == XKV_OK)
        error = ask_master(address, line, master);
    xkv__hang_up(line);
    if (error == XKV_OK)
        return XKV_OK;
    return xkv__fail_about(xkv__fail_as(error, XKV_E_SERVER_UNAVAILABLE), "sentinel %s:%s",
                           sentinel->name, sentinel->port);
}

static int dial_master(const xkv__address *address, const xkv__host *sentinel,
                       const xkv_options *options, xkv__line *line, xkv__server *server) {
    struct master master;
    int error = ask_sentinel(address, sentinel, options, line, &master);

    if (error != XKV_OK)
        return error;
    error = xkv__dial(address, &master.host, options, line, server);
    if (error == XKV_OK)
        error = check_role(line);
    if (error != XKV_OK)
        xkv__hang_up(line);
    return error;
}

/* -- Seeking --------------------------------------------------------------------------- */

/* Each host has an equal part of the time that is left: one that says nothing must not use
 * up that of the others. */
int xkv__seek(const xkv__address *address, const xkv_options *options, xkv__line *line,
              xkv__server *server, const xkv__host **host) {
    int64_t deadline_ns = line->deadline_ns;
    int error = XKV_E_SERVER_UNAVAILABLE;

    for (unsigned i = 0; i < address->count && error != XKV_OK; i++) {
        int64_t now = xkv__monitor_now();
        const xkv__host *to = &address->hosts[i];
        line->deadline_ns = now + (deadline_ns - now) / (address->count - i);
        *host = address->master ? NULL : to;
        error = address->master ? dial_master(address, to, options, line, server)
                                : xkv__dial(address, to, options, line, server);
    }
    line->deadline_ns = deadline_ns;
    return error;
}
