/*
 * opening.c - what a server says that is no answer to a command: which store it has, and
 * why it refuses; see protocol.h
 */
#include "base/error.h"
#include "base/text.h"
#include "remote/heard.h"

int xkv__not_ours(void) {
    return xkv__fail(XKV_E_SERVER_UNAVAILABLE,
                     "the server's answer is none that a Redis or Valkey server gives; see whether "
                     "url is that of one");
}

/* -- The store -------------------------------------------------------------------- */

/* Copies an id, if it is one. */
static bool take_id(xkv_bytes text, char id[XKV__ID_SIZE + 1]) {
    if (text.len != XKV__ID_SIZE || memchr(text.data, 0, text.len))
        return false;
    memcpy(id, text.data, text.len);
    id[XKV__ID_SIZE] = 0;
    return true;
}

static int agree(const xkv__dialect *dialect, int64_t serialization, int64_t partitions) {
    const xkv_options *options = dialect->options;

    if (options->serialization != XKV_ANY && options->serialization != serialization)
        return xkv__fail(XKV_E_OPTIONS_CONFLICT,
                         "the server's store has serialization \"%s\", and the option says \"%s\"",
                         xkv_serialization_name((int)serialization),
                         xkv_serialization_name(options->serialization));
    if (options->redis_partitions != XKV_ANY && options->redis_partitions != partitions)
        return xkv__fail(XKV_E_OPTIONS_CONFLICT,
                         "the server's store was made with redis.partitions %lld, and the option "
                         "says %lld",
                         (long long)partitions, (long long)options->redis_partitions);
    return XKV_OK;
}

int xkv__answer_store(xkv__dialect *dialect, xkv_bytes answer_bytes) {
    xkv__resp_cursor cursor = xkv__resp_cursor_on(answer_bytes);
    int64_t format, serialization, partitions;
    size_t members;
    xkv_bytes id;

    if (!xkv__hear_array(&cursor, &members) || (members != 4 && members != 5) ||
        !xkv__hear_number(&cursor, &format) || !xkv__hear_text(&cursor, &id))
        return xkv__not_ours();
    if (format != XKV__REMOTE_FORMAT)
        return xkv__fail(XKV_E_OPTIONS_CONFLICT,
                         "the server's store has format %lld, which another version of this "
                         "program has made; this one knows format %d",
                         (long long)format, XKV__REMOTE_FORMAT);
    if (!xkv__hear_number(&cursor, &serialization) || !xkv__hear_number(&cursor, &partitions) ||
        serialization > XKV_BINARY || partitions < 1 || partitions > XKV__PARTITIONS_MAX)
        return xkv__not_ours();
    int error = agree(dialect, serialization, partitions);
    if (error != XKV_OK)
        return error;
    if (!take_id(id, dialect->id))
        return xkv__not_ours();
    dialect->serialization = (int)serialization;
    dialect->found = (unsigned)partitions;
    dialect->is_being_made = members == 5;
    return XKV_OK;
}

/* -- Refusals --------------------------------------------------------------------- */

bool xkv__is_for_later(xkv_bytes text) {
    static const char *const words[] = {
        "LOADING ",    "CLUSTERDOWN ", "TRYAGAIN ", "MASTERDOWN ",
        "NOREPLICAS ", "READONLY ",    "BUSY ",     "ERR max number of clients"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (xkv__has_prefix(text, xkv_text(words[i])))
            return true;
    }
    return false;
}

bool xkv__is_redirect(xkv_bytes text) {
    return xkv__has_prefix(text, xkv_text("MOVED ")) || xkv__has_prefix(text, xkv_text("ASK "));
}

/* What errors begin with, what they are of ours, and what there is to do. */
static const struct refusal {
    const char *word;
    int code;
    const char *advice;
} refusals[] = {
    {"XKVLOST", XKV_E_STORE_LOST,
     "the server has no longer the store that was opened: it was deleted, or the server was "
     "started again without its data; open it again"},
    {"XKVTORN", XKV_E_STORE_LOST,
     "the server has only a part of the store, the rest was deleted or evicted; delete the keys "
     "that begin with \"xkv:{\" and the store's name to begin anew, and let the server evict "
     "nothing (maxmemory-policy noeviction)"},
    {"OOM", XKV_E_STORE_FULL,
     "the server's memory is full; raise its maxmemory, or delete something"},
    {"MISCONF", XKV_E_SERVER_UNAVAILABLE, "the server refuses writes, as it cannot save its data"},
    {"WRONGTYPE", XKV_E_STORE_LOST,
     "the server has something else under the name of one of the store's keys; use another name"},
};

static const struct refusal *find_refusal(xkv_bytes text) {
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        xkv_bytes word = xkv_text(refusals[i].word);
        if (xkv__has_prefix(text, word) &&
            (text.len == word.len || ((const char *)text.data)[word.len] == ' '))
            return &refusals[i];
    }
    return NULL;
}

static const char *find_text(xkv_bytes text, const char *word) {
    size_t len = strlen(word);

    for (size_t at = 0; at + len <= text.len; at++) {
        if (memcmp((const char *)text.data + at, word, len) == 0)
            return (const char *)text.data + at;
    }
    return NULL;
}

/* Whether the user may not do something. Of what a script may not do Redis and Valkey tell
 * each in its own words. */
static bool is_denied(xkv_bytes text) {
    return xkv__has_prefix(text, xkv_text("NOPERM ")) || find_text(text, "ACL failure in script") ||
           find_text(text, "The user executing the script can't");
}

/* Which it is: the command if the server names that. All of its words would show the user. */
static int deny(xkv_bytes text) {
    static const char start[] = "run the '";
    const char *end = (const char *)text.data + text.len, *at = find_text(text, start);
    const char *name = at ? at + sizeof start - 1 : end;
    const char *quote = memchr(name, '\'', (size_t)(end - name));
    const char *what = quote                       ? "run "
                       : find_text(text, "access") ? "use the store's keys"
                                                   : "run a command that a store needs";

    return xkv__fail(XKV_E_SERVER_UNAVAILABLE,
                     "the server does not let this user %s%.*s; have it allow (ACL SETUSER) ~xkv:* "
                     "+@hash +@sortedset +@string +@scripting +unlink +exists +time +hello +auth "
                     "+info +select +client|setname +cluster|slots +asking",
                     what, quote ? (int)(quote - name) : 0, name);
}

int xkv__refusal(xkv_bytes text) {
    const struct refusal *refusal = find_refusal(text);
    char quoted[XKV__QUOTE_SIZE];

    if (is_denied(text))
        return deny(text);
    if (refusal)
        return xkv__fail(refusal->code, "%s", refusal->advice);
    return xkv__fail(XKV_E_SERVER_UNAVAILABLE, "the server refuses: %s", xkv__quote(text, quoted));
}
