/*
 * told.h - what replies say, whoever carries a command out
 *
 * Each function appends to a reply what xkv.h says of the commands that are named, in
 * the order that it has there.
 */
#ifndef XKV_COMMAND_TOLD_H
#define XKV_COMMAND_TOLD_H

#include "command/items.h"

/* -- Single keys ---------------------------------------------------------------- */

/* GET_OR_SET, SWAP: {name, loaded}; without a value it is null. */
void xkv__tell_loaded(xkv__writer *writer, const char *name, const xkv_bytes *value, bool loaded);

/* A detailed comparison. done is what it does: "swapped"; current is what is there, or
 * NULL. XKV_OK or XKV_E_STORE_FULL. */
int xkv__tell_compared(xkv_reply *reply, const char *done, bool expected, const xkv_bytes *current,
                       bool include_current);

/* Why INCREMENT_BY fails: what is there is no integer, or the sum would be none. Both return
 * XKV_E_VALUE_PARSE. */
int xkv__tell_no_integer(xkv_bytes key);
int xkv__tell_overflow(xkv_bytes key);

/* Why NEXT fails: what is there is no key. Returns XKV_E_VALUE_PARSE. */
int xkv__tell_no_position(xkv_bytes key);

/* -- Many keys ------------------------------------------------------------------ */

/* A member of GET_MANY's; value is NULL if there is none. */
void xkv__tell_found(xkv__writer *writer, xkv_bytes key, const xkv_bytes *value);

/* How a page of SCAN ends: after last more are to come, or it is NULL. */
void xkv__tell_page_end(xkv__writer *writer, const xkv_bytes *last);

/* -- Claims --------------------------------------------------------------------- */

enum { XKV__CLAIM_ID_MAX = 32 };

/* The id of a claim says the same as its token, for scripts that keep texts. It lies in
 * out. */
xkv_bytes xkv__claim_id(uint64_t token, char out[XKV__CLAIM_ID_MAX]);

typedef struct xkv__told_claim {
    xkv_bytes owner, key, value;
    uint64_t token;
    uint64_t expires_at; /* milliseconds, by the clock on the wall */
} xkv__told_claim;

void xkv__tell_claim(xkv__writer *writer, const xkv__told_claim *claim);

/* RENEW_CLAIMS and the like, done is what becomes of a claim: "renewed". What comes between
 * the two are those that failed. */
typedef struct xkv__told_settled {
    size_t attempted_at, done_at, members;
} xkv__told_settled;

xkv__told_settled xkv__tell_settled(xkv__writer *writer, const char *done);
void xkv__tell_failed(xkv__writer *writer, uint64_t index, const xkv__given *given);
void xkv__tell_settled_end(xkv__writer *writer, const xkv__told_settled *at, uint64_t attempted,
                           uint64_t settled);

/* -- Insight -------------------------------------------------------------------- */

typedef struct xkv__told_stats {
    const char *backend;
    const xkv_options *options;
    uint64_t count, live, expired; /* entries, and claims */
    uint64_t index_count;          /* keys in the index, if the options say that there is one */
    bool is_behind;                /* that it has not as many may be no fault */
    bool has_file;
    int64_t file_size;
} xkv__told_stats;

/* STATS. */
void xkv__tell_stats(xkv__writer *writer, const xkv__told_stats *stats);

/* ALLOCATION_STATS: the count and claims of stats are those with prefix. */
void xkv__tell_allocation(xkv__writer *writer, xkv_bytes prefix, const xkv__told_stats *stats);

#endif
