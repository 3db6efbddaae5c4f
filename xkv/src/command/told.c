/* told.c - see told.h */
#include "command/told.h"
#include "base/error.h"
#include "base/text.h"
#include "command/cursor.h"

#include <stdio.h>

/* -- Single keys ---------------------------------------------------------------- */

static void tell_value(xkv__writer *writer, const char *name, const xkv_bytes *value) {
    if (value)
        xkv__put_value(writer, name, *value);
    else
        xkv__put_null(writer, name);
}

void xkv__tell_loaded(xkv__writer *writer, const char *name, const xkv_bytes *value, bool loaded) {
    xkv__put_object(writer, NULL, 2);
    tell_value(writer, name, value);
    xkv__put_boolean(writer, "loaded", loaded);
}

int xkv__tell_compared(xkv_reply *reply, const char *done, bool expected, const xkv_bytes *current,
                       bool include_current) {
    xkv__writer writer = xkv__writer_on(reply);
    bool included = include_current && current;

    xkv__put_object(&writer, NULL, expected ? 2 : included ? 4 : 3);
    xkv__put_boolean(&writer, done, expected);
    xkv__put_text(&writer, "reason", xkv_text(expected ? done : "mismatch"));
    if (!expected)
        xkv__put_boolean(&writer, "existed", current != NULL);
    if (!expected && included)
        xkv__put_value(&writer, "current", *current);
    return writer.error;
}

int xkv__tell_no_integer(xkv_bytes key) {
    char quoted[XKV__QUOTE_SIZE];

    return xkv__fail(XKV_E_VALUE_PARSE,
                     "the value of key %s is not an integer of 64 bits; count in a key that only "
                     "holds a number",
                     xkv__quote(key, quoted));
}

int xkv__tell_no_position(xkv_bytes key) {
    char quoted[XKV__QUOTE_SIZE];

    return xkv__fail(XKV_E_VALUE_PARSE,
                     "the value of position %s is no key; set it to the key that was handed out "
                     "last, or delete it to begin anew",
                     xkv__quote(key, quoted));
}

int xkv__tell_overflow(xkv_bytes key) {
    char quoted[XKV__QUOTE_SIZE];

    return xkv__fail(XKV_E_VALUE_PARSE,
                     "the value of key %s would leave the range of 64 bits; it was kept",
                     xkv__quote(key, quoted));
}

/* -- Many keys ------------------------------------------------------------------ */

void xkv__tell_found(xkv__writer *writer, xkv_bytes key, const xkv_bytes *value) {
    xkv__put_object(writer, NULL, 3);
    xkv__put_text(writer, "key", key);
    xkv__put_boolean(writer, "exists", value != NULL);
    tell_value(writer, "value", value);
}

void xkv__tell_page_end(xkv__writer *writer, const xkv_bytes *last) {
    if (last)
        xkv__put_cursor(writer, "cursor", *last);
    else
        xkv__put_text(writer, "cursor", (xkv_bytes){NULL, 0});
    xkv__put_boolean(writer, "done", last == NULL);
}

/* -- Claims --------------------------------------------------------------------- */

xkv_bytes xkv__claim_id(uint64_t token, char out[XKV__CLAIM_ID_MAX]) {
    int len = snprintf(out, XKV__CLAIM_ID_MAX, "claim-%llu", (unsigned long long)token);
    return (xkv_bytes){out, (size_t)len};
}

void xkv__tell_claim(xkv__writer *writer, const xkv__told_claim *claim) {
    char id[XKV__CLAIM_ID_MAX];

    xkv__put_object(writer, NULL, 6);
    xkv__put_text(writer, "id", xkv__claim_id(claim->token, id));
    xkv__put_text(writer, "key", claim->key);
    xkv__put_entry(writer, "entry", claim->key, claim->value);
    xkv__put_text(writer, "owner", claim->owner);
    xkv__put_integer(writer, "token", (int64_t)claim->token);
    xkv__put_integer(writer, "expiresAt", (int64_t)claim->expires_at);
}

xkv__told_settled xkv__tell_settled(xkv__writer *writer, const char *done) {
    xkv__told_settled at;

    xkv__put_object(writer, NULL, 3);
    at.attempted_at = xkv__put_integer(writer, "attempted", 0);
    at.done_at = xkv__put_integer(writer, done, 0);
    at.members = xkv__put_array(writer, "failed", 0);
    return at;
}

void xkv__tell_failed(xkv__writer *writer, uint64_t index, const xkv__given *given) {
    char message[256], quoted[XKV__QUOTE_SIZE];

    snprintf(message, sizeof message,
             "the claim on key %s has ended: it expired, was given back, or the key was deleted",
             xkv__quote(given->key, quoted));
    xkv__put_object(writer, NULL, 5);
    xkv__put_integer(writer, "index", (int64_t)index);
    xkv__put_text(writer, "id", given->id);
    xkv__put_text(writer, "key", given->key);
    xkv__put_text(writer, "name", xkv_text("ClaimNotUpdated"));
    xkv__put_text(writer, "message", xkv_text(message));
}

void xkv__tell_settled_end(xkv__writer *writer, const xkv__told_settled *at, uint64_t attempted,
                           uint64_t settled) {
    xkv__patch_integer(writer, at->attempted_at, attempted);
    xkv__patch_integer(writer, at->done_at, settled);
    xkv__patch_members(writer, at->members, attempted - settled);
}

/* -- Insight -------------------------------------------------------------------- */

static void tell_count(xkv__writer *writer, const char *name, uint64_t count) {
    xkv__put_integer(writer, name, (int64_t)count);
}

static void tell_index(xkv__writer *writer, const xkv__told_stats *stats) {
    bool same = stats->index_count == stats->count;

    if (!stats->options->track_keys) {
        xkv__put_null(writer, "index");
        return;
    }
    xkv__put_object(writer, "index", 5);
    xkv__put_boolean(writer, "enabled", true);
    tell_count(writer, "keysList", stats->index_count);
    tell_count(writer, "keysMap", stats->index_count);
    tell_count(writer, "ost", stats->index_count);
    if (!same && stats->is_behind)
        xkv__put_null(writer, "consistent");
    else
        xkv__put_boolean(writer, "consistent", same);
}

static void tell_disk(xkv__writer *writer, const xkv__told_stats *stats) {
    if (!stats->has_file) {
        xkv__put_null(writer, "disk");
        return;
    }
    xkv__put_object(writer, "disk", 3);
    xkv__put_text(writer, "path", xkv_text(stats->options->path));
    xkv__put_integer(writer, "sizeBytes", stats->file_size);
    xkv__put_boolean(writer, "readOnly", stats->options->read_only);
}

void xkv__tell_stats(xkv__writer *writer, const xkv__told_stats *stats) {
    xkv__put_object(writer, NULL, 7);
    xkv__put_text(writer, "backend", xkv_text(stats->backend));
    xkv__put_text(writer, "serialization",
                  xkv_text(xkv_serialization_name(stats->options->serialization)));
    xkv__put_boolean(writer, "trackKeys", stats->options->track_keys);
    tell_count(writer, "count", stats->count);
    xkv__put_object(writer, "claims", 2);
    tell_count(writer, "live", stats->live);
    tell_count(writer, "expired", stats->expired);
    tell_index(writer, stats);
    tell_disk(writer, stats);
}

void xkv__tell_allocation(xkv__writer *writer, xkv_bytes prefix, const xkv__told_stats *stats) {
    xkv__put_object(writer, NULL, 7);
    xkv__put_text(writer, "prefix", prefix);
    tell_count(writer, "total", stats->count);
    tell_count(writer, "claimable", stats->count - stats->live);
    tell_count(writer, "claimedLive", stats->live);
    tell_count(writer, "claimedExpired", stats->expired);
    xkv__put_text(writer, "backend", xkv_text(stats->backend));
    xkv__put_boolean(writer, "trackKeys", stats->options->track_keys);
}
