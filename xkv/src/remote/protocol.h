/*
 * protocol.h - the commands of a store, as a server is asked and as it answers
 *
 * Every command is one command of the server's, mostly a script (scripts/) that runs
 * there in one step. A row of a table says which, with what arguments, and how the answer
 * becomes a reply: rules are in the scripts, and here is how they are spoken to. Bytes
 * go in and out; nothing here knows of connections.
 *
 * A store's data lie in partitions. The names of a partition's keys on the server share a
 * tag, so that a cluster has them all in one place and a script may use them together:
 *
 *   d  HASH    key -> value; and under the empty key, which no entry has, the store's id
 *   k  ZSET    all keys, score 0: the order of bytes
 *   c  ZSET    claimed keys, score 0
 *   x  ZSET    claimed keys, by deadline: milliseconds of the server's clock
 *   o  HASH    claimed key -> token
 *   t  STRING  the last token, a space and how many partitions there are
 *   w  HASH    owner, length and prefix -> key, of claims that are found again by owner
 *   r  HASH    prefix -> the key that nextCircular gave last
 *   m  HASH    of partition 0: format, id, serialization, partitions; and making, until all
 *              partitions have the id
 *
 * A store that is no longer there, or is another of its name, is told from an empty one
 * by its id: every command looks at it in the same step.
 */
#ifndef XKV_REMOTE_PROTOCOL_H
#define XKV_REMOTE_PROTOCOL_H

#include "base/buffer.h"
#include "remote/resp.h"
#include "store/request.h"

enum {
    XKV__REMOTE_FORMAT = 1,
    XKV__ID_SIZE = 16, /* hexadecimal digits of a store's id */
    XKV__PARTITIONS_MAX = 64,
    XKV__REMOTE_PAGE = 10000 /* entries that a script reads at most, not to stop the server */
};

/* What the names of a partition's keys begin with: "xkv:{name}:", where the name of
 * the store has what would end the tag escaped; with ".suffix" from the second on. */
typedef struct xkv__partition {
    char *base;
    size_t base_len;
    unsigned slot; /* of a cluster, 0 to 16383 */
} xkv__partition;

/* What the commands of a store are written with. */
typedef struct xkv__dialect {
    const xkv_options *options;
    int serialization; /* of the store that is there */
    char id[XKV__ID_SIZE + 1];
    unsigned count; /* of partitions, */
    unsigned found; /* and how many the store has: as many, unless options leave that open */
    xkv__partition *partitions;
    struct xkv__bounds *bounds; /* of several partitions, spread.h; of who has the lead */
    bool is_being_made;         /* partitions behind the first may not be there yet */
} xkv__dialect;

/* Another code beside those of XKV_ERROR_MAP, never seen by users: the command is to be
 * asked again, see xkv__exchange. */
enum { XKV__ASK_AGAIN = -100 };

/* A command on its way through a server. */
typedef struct xkv__exchange {
    const xkv__call *call;
    const xkv_command *command; /* what is asked now: the call's, or a step of it */
    xkv_bytes expected;         /* what is to be there, of a comparison: the command's own, or after
                                   XKV__ASK_AGAIN text that means the same, which lies in kept */
    xkv__buffer kept;
    struct xkv__spread *spread; /* of what more than one partition is asked, spread.h; or NULL */
    unsigned seat; /* so many exchanges that were asked with it have their answer before its own */
    int error;     /* why it cannot be asked */
    bool has_changed; /* a step before this one has changed something */
} xkv__exchange;

/* All of a new exchange; ended by xkv__exchange_end. */
void xkv__exchange_begin(xkv__exchange *exchange, const xkv__call *call);
void xkv__exchange_end(xkv__exchange *exchange);

/* Which partitions are to be asked, a bit for each: at least one. */
uint64_t xkv__whom(const xkv__dialect *dialect, xkv__exchange *exchange);

/* Whether what is asked may change something that matters: such a question is asked once. */
bool xkv__changes(const xkv_command *command);

/* What partitions have answered. */
typedef struct xkv__answers {
    uint64_t from;                     /* those that were asked, a bit for each */
    xkv_bytes of[XKV__PARTITIONS_MAX]; /* of each: one whole reply that is no error */
} xkv__answers;

/* Appends what the server is asked, in one partition. whole: with the script's text, for a
 * server that has lost it. XKV_OK, or an error with its reason (XKV_E_INVALID_CURSOR,
 * XKV_E_STORE_FULL), and nothing is appended. */
int xkv__ask(const xkv__dialect *dialect, const xkv__exchange *exchange, unsigned partition,
             bool whole, xkv__buffer *out);

/* Whether one can be asked in the same question as another, both in one partition. They have one
 * answer then, in which each has a seat: its number among them, from 0. */
bool xkv__may_share(const xkv__exchange *one, const xkv__exchange *other);

/* Adds to a question that begins at a place of what is sent, and ends there: what another adds
 * that may share it. Returns as xkv__ask. */
int xkv__ask_along(const xkv__dialect *dialect, const xkv__exchange *exchange, unsigned partition,
                   size_t begins, xkv__buffer *out);

/* Makes the answers of all that were asked the call's reply.
 * XKV_OK; an error with its reason; or XKV__ASK_AGAIN: there is another step, or what is
 * there means what is expected but is another text, which is now expected. An answer that no
 * script gives is XKV_E_SERVER_UNAVAILABLE: that is no server of ours. */
int xkv__answer(const xkv__dialect *dialect, xkv__exchange *exchange, const xkv__answers *given);

/* What a server's error answer means: XKV_E_STORE_LOST, XKV_E_STORE_FULL (OOM) and others,
 * with the reason. What is to be tried again is not for this: see link.h. */
int xkv__refusal(xkv_bytes text);

/* Whether a server says that it has done nothing, and will before long. */
bool xkv__is_for_later(xkv_bytes text);

/* Whether a node of a cluster says that another has to be asked: MOVED, or ASK. */
bool xkv__is_redirect(xkv_bytes text);

/* The answers of what is no command of scripts'. */

/* Appends the question what the store of this name is, which makes it if there is none: with
 * the dialect's id, serialization and count. */
void xkv__ask_store(const xkv__dialect *dialect, bool whole, xkv__buffer *out);

/* Sets the dialect's id, serialization and found to those of the store. XKV_E_OPTIONS_CONFLICT
 * if it is of another serialization or has other partitions than the options say. */
int xkv__answer_store(xkv__dialect *dialect, xkv_bytes answer);

/* Every script's text, for SCRIPT LOAD: number n, NULL past the last. Static. */
const char *xkv__script(size_t n);

/* -- The names of partitions --------------------------------------------------- */

/* Fills in the names of count partitions of the store; XKV_OK or XKV_E_STORE_FULL. */
int xkv__partitions_name(xkv__dialect *dialect, unsigned count);
void xkv__partitions_free(xkv__dialect *dialect);

/* The slot of a key of the server's: CRC16 of it, or of its first tag, modulo 16384.
 * (CRC-16/XMODEM, as the cluster specification of Redis has it.) */
unsigned xkv__slot_of(xkv_bytes key);

/* The part of a key that the slot is reckoned of: what is between the first '{' and the next
 * '}', unless it is nothing; else all. */
xkv_bytes xkv__tag_of(xkv_bytes key);

#endif
