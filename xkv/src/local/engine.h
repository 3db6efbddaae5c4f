/*
 * engine.h - what the files that give commands their meaning share
 */
#ifndef XKV_LOCAL_ENGINE_H
#define XKV_LOCAL_ENGINE_H

#include "local/backend.h"
#include "store/executor.h"

/*
 * How one command works on a transaction. The reply is empty. What fails returns
 * an error; xkv__fail gives it words.
 *
 * A handler that changes many keys finishes its reply first, so that nothing
 * can fail half way but the store itself; see also XKV__BATCH.
 */
typedef int xkv__handler(xkv__txn *txn, const xkv_command *command, xkv_reply *reply);

/* The handler of every operation, by file. */
extern xkv__handler xkv__get, xkv__set, xkv__delete, xkv__exists, xkv__set_if_absent,
    xkv__get_or_set, xkv__swap, xkv__increment_by, xkv__compare_and_swap,
    xkv__compare_and_swap_detailed, xkv__compare_and_delete, xkv__compare_and_delete_detailed;

extern xkv__handler xkv__clear, xkv__size, xkv__count, xkv__list, xkv__list_keys, xkv__scan,
    xkv__scan_keys, xkv__get_many, xkv__set_many, xkv__delete_many, xkv__delete_by_prefix,
    xkv__random_key, xkv__random_entry, xkv__random_keys, xkv__rebuild_key_list, xkv__next_circular,
    xkv__next;

extern xkv__handler xkv__claim_random, xkv__claim_key, xkv__claim_next, xkv__claim_for_owner,
    xkv__claim_random_many, xkv__claim_keys, xkv__renew_claim, xkv__release_claim,
    xkv__complete_claim, xkv__renew_claims, xkv__release_claims, xkv__complete_claims,
    xkv__pop_random, xkv__pop_random_many, xkv__pop_next;

extern xkv__handler xkv__stats, xkv__allocation_stats;

/* -- For handlers ------------------------------------------------------------- */

/* What was counted must be there: without it, the store is damaged. */
int xkv__expect_key(int error);

/* The time in milliseconds, by the monotonic clock, that holds for all of one
 * command. The clock is only read by the first who asks. */
uint64_t xkv__now(xkv__txn *txn);

/* -- Running ------------------------------------------------------------------ */

/* Runs a call in a transaction of its own. XKV__WAITS: it is a request's that may be
 * parked, and is. XKV__LONG: only if it may not take long. */
xkv__ran xkv__run(xkv__backend *backend, xkv__call *call);

/* What an executor's walk and replace do, in a transaction of their own. */
int xkv__walk(xkv__backend *backend, xkv_bytes prefix, xkv__visit *visit, void *context);
int xkv__replace(xkv__backend *backend, const xkv__source *source);

/* The activity of a backend's facts. */
int xkv__look(xkv__backend *backend, xkv_activity *activity);

/* Runs the calls of a group (NULL: none, but what is due is seen to), in their order and
 * as far as can be in one transaction. They are those of requests, and each gets its own
 * reply. One that fails takes no other with it, except where the store cannot be written at
 * all: then all fail that write. Returns those that are over, in their order; the others
 * wait. */
xkv__call *xkv__run_group(xkv__backend *backend, xkv__call *group);

#endif
