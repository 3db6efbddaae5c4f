/*
 * engine.c - runs calls of commands in transactions
 *
 * One transaction holds one call, or as many as wait for the same commit (group
 * commit). It ends in four steps: the backend commits; what hangs on the data
 * but is not in it (claims, and who was served of those who wait) stands, too, or
 * goes back; then the backend lets the next writer in; and then the replies are
 * handed out.
 *
 * A transaction that cannot be carried through as it is (XKV__RETRY) begins
 * again with empty replies, and draws the same.
 */
#include "local/engine.h"
#include "base/error.h"
#include "base/random.h"
#include "base/reply.h"
#include "base/sys.h"
#include "base/text.h"
#include "command/command.h"
#include "command/items.h"
#include "local/change.h"
#include "local/claims.h"
#include "local/positions.h"
#include "local/waiting.h"

#include <stdio.h>

static xkv__handler *const handlers[XKV_OP_END] = {
    [XKV_OP_GET] = xkv__get,
    [XKV_OP_SET] = xkv__set,
    [XKV_OP_DELETE] = xkv__delete,
    [XKV_OP_EXISTS] = xkv__exists,
    [XKV_OP_CLEAR] = xkv__clear,
    [XKV_OP_SIZE] = xkv__size,
    [XKV_OP_LIST] = xkv__list,
    [XKV_OP_RANDOM_KEY] = xkv__random_key,
    [XKV_OP_REBUILD_KEY_LIST] = xkv__rebuild_key_list,
    [XKV_OP_GET_MANY] = xkv__get_many,
    [XKV_OP_SET_MANY] = xkv__set_many,
    [XKV_OP_DELETE_MANY] = xkv__delete_many,
    [XKV_OP_DELETE_BY_PREFIX] = xkv__delete_by_prefix,
    [XKV_OP_SCAN] = xkv__scan,
    [XKV_OP_SCAN_KEYS] = xkv__scan_keys,
    [XKV_OP_LIST_KEYS] = xkv__list_keys,
    [XKV_OP_COUNT] = xkv__count,
    [XKV_OP_RANDOM_ENTRY] = xkv__random_entry,
    [XKV_OP_RANDOM_KEYS] = xkv__random_keys,
    [XKV_OP_NEXT_CIRCULAR] = xkv__next_circular,
    [XKV_OP_NEXT] = xkv__next,
    [XKV_OP_INCREMENT_BY] = xkv__increment_by,
    [XKV_OP_GET_OR_SET] = xkv__get_or_set,
    [XKV_OP_SWAP] = xkv__swap,
    [XKV_OP_SET_IF_ABSENT] = xkv__set_if_absent,
    [XKV_OP_DELETE_IF_EXISTS] = xkv__delete,
    [XKV_OP_COMPARE_AND_SWAP] = xkv__compare_and_swap,
    [XKV_OP_COMPARE_AND_SWAP_DETAILED] = xkv__compare_and_swap_detailed,
    [XKV_OP_COMPARE_AND_DELETE] = xkv__compare_and_delete,
    [XKV_OP_COMPARE_AND_DELETE_DETAILED] = xkv__compare_and_delete_detailed,
    [XKV_OP_CLAIM_RANDOM] = xkv__claim_random,
    [XKV_OP_CLAIM_KEY] = xkv__claim_key,
    [XKV_OP_CLAIM_NEXT] = xkv__claim_next,
    [XKV_OP_CLAIM_FOR_OWNER] = xkv__claim_for_owner,
    [XKV_OP_CLAIM_RANDOM_MANY] = xkv__claim_random_many,
    [XKV_OP_CLAIM_KEYS] = xkv__claim_keys,
    [XKV_OP_RENEW_CLAIM] = xkv__renew_claim,
    [XKV_OP_RENEW_CLAIMS] = xkv__renew_claims,
    [XKV_OP_RELEASE_CLAIM] = xkv__release_claim,
    [XKV_OP_RELEASE_CLAIMS] = xkv__release_claims,
    [XKV_OP_COMPLETE_CLAIM] = xkv__complete_claim,
    [XKV_OP_COMPLETE_CLAIMS] = xkv__complete_claims,
    [XKV_OP_POP_RANDOM] = xkv__pop_random,
    [XKV_OP_POP_RANDOM_MANY] = xkv__pop_random_many,
    [XKV_OP_POP_NEXT] = xkv__pop_next,
    [XKV_OP_STATS] = xkv__stats,
    [XKV_OP_ALLOCATION_STATS] = xkv__allocation_stats,
    [XKV_OP_REPORT_STATS] = xkv__stats,
};

/* Those that look at claims, or change them. STATS and ALLOCATION_STATS only count
 * them, and tell of those that have expired. */
static const bool minds_claims[XKV_OP_END] = {
    [XKV_OP_CLAIM_RANDOM] = true,      [XKV_OP_CLAIM_KEY] = true,
    [XKV_OP_CLAIM_NEXT] = true,        [XKV_OP_CLAIM_FOR_OWNER] = true,
    [XKV_OP_CLAIM_RANDOM_MANY] = true, [XKV_OP_CLAIM_KEYS] = true,
    [XKV_OP_RENEW_CLAIM] = true,       [XKV_OP_RENEW_CLAIMS] = true,
    [XKV_OP_RELEASE_CLAIM] = true,     [XKV_OP_RELEASE_CLAIMS] = true,
    [XKV_OP_COMPLETE_CLAIM] = true,    [XKV_OP_COMPLETE_CLAIMS] = true,
    [XKV_OP_POP_RANDOM] = true,        [XKV_OP_POP_RANDOM_MANY] = true,
    [XKV_OP_POP_NEXT] = true,
};

/* Whether it moves a position: one at a time does, and never among writes that are not
 * committed yet. See positions.c. */
static bool takes_turns(const xkv_command *command) {
    return command->op == XKV_OP_NEXT_CIRCULAR;
}

/* -- Modes ------------------------------------------------------------------- */

static xkv__mode mode_of(const xkv_command *command) {
    switch (xkv__info(command)->access) {
    case XKV_ACCESS_READ:
        return XKV__READ;
    case XKV_ACCESS_SCAN:
        return xkv__takes_long(command) ? XKV__SNAPSHOT : XKV__READ;
    case XKV_ACCESS_ORDERED:
        return XKV__INSPECT;
    case XKV_ACCESS_REBUILD:
        return XKV__REBUILD;
    case XKV_ACCESS_BATCH:
        return XKV__BATCH;
    default:
        return XKV__WRITE;
    }
}

/* -- One call ---------------------------------------------------------------- */

uint64_t xkv__now(xkv__txn *txn) {
    if (txn->now_ms == 0)
        txn->now_ms = xkv__sys.now_ms();
    return txn->now_ms;
}

/* Fills the reply for what failed. No reply has XKV__RETRY, whatever becomes of this file. */
static void fail_call(const xkv__call *call, int code) {
    xkv__call_fail(call, code == XKV__RETRY ? XKV_E_INTERNAL : code);
}

/* Runs a call in a transaction. Its reply says what failed, but not XKV__RETRY. */
static int attempt(xkv__txn *txn, const xkv__call *call) {
    bool seeded = call->seed != XKV_NO_SEED;

    if (seeded)
        xkv__draw_for((uint64_t)call->seed, call->stream, call->number);
    int error = handlers[call->command->op](txn, call->command, call->reply);
    if (seeded)
        xkv__draw_freely();
    if (error != XKV_OK && error != XKV__RETRY)
        fail_call(call, error);
    return error;
}

/* -- Those who wait ------------------------------------------------------------ */

/* Runs the call of one who waits. What goes wrong is its own affair; if that has broken the
 * transaction, it ends with the error, and the transaction is begun again without it. */
static int serve_one(xkv__txn *txn, xkv__request *request) {
    xkv__waiting *waiting = txn->backend->waiting;

    xkv_reply_clear(request->call.reply);
    int error = attempt(txn, &request->call);
    if (error == XKV_OK && xkv__call_missed(&request->call)) {
        xkv__waiting_refuse(waiting, request);
        return XKV_OK;
    }
    xkv__waiting_serve(waiting, request);
    if (error == XKV__RETRY || !txn->broken)
        return error == XKV__RETRY ? error : XKV_OK;
    atomic_store(&request->end, error);
    return XKV__RETRY;
}

/* Serves all who can be satisfied now. It returns XKV_OK or XKV__RETRY. */
static int serve(xkv__txn *txn) {
    xkv__waiting *waiting = txn->backend->waiting;
    xkv__request *request;
    int error = XKV_OK;

    if (!xkv__waiting_any(waiting) || !xkv__writes(txn->mode))
        return XKV_OK;
    while (error == XKV_OK && (request = xkv__waiting_next(waiting)))
        error = serve_one(txn, request);
    return error;
}

/* What is due is ended first, so that a command meets none of it; and what becomes free
 * by that is for those who have waited for it. */
static int end_due(xkv__txn *txn) {
    txn->now_ms = 0;
    int error = xkv__claims_end_due(txn);
    return error == XKV_OK ? serve(txn) : error;
}

static int park(xkv__txn *txn, xkv__call *call) {
    int error = xkv__waiting_park(txn->backend->waiting, xkv__request_of(call));

    call->parked = error == XKV_OK;
    if (error != XKV_OK)
        fail_call(call, error);
    return error;
}

static int run_call(xkv__txn *txn, xkv__call *call) {
    txn->now_ms = 0;
    int error = minds_claims[call->command->op] ? end_due(txn) : XKV_OK;
    if (error == XKV_OK)
        error = attempt(txn, call);
    if (error != XKV_OK)
        return error;
    return call->may_park && xkv__call_missed(call) ? park(txn, call) : serve(txn);
}

/* -- One transaction --------------------------------------------------------- */

/* Calls in the order in which they are over; begins with end = &first. */
struct calls {
    xkv__call *first, **end;
};

static void add_call(struct calls *calls, xkv__call *call) {
    *calls->end = call;
    calls->end = &call->next;
}

/* Calls that are run together, from first to before end; where those are put that are over
 * when it is. */
struct portion {
    xkv__backend *backend;
    xkv__call *first, *end;
    struct calls *over;
};

/* How a transaction went. XKV_OK: each call has its own reply. XKV__RETRY: begin
 * again. Else nothing was done, unless for a disk that nobody knows the state of: the error
 * is why, and that of one of the calls if that has broken it. */
struct outcome {
    int error;
    bool broken;
};

/* A call that fails has changed nothing, so the others go on; one that is alone needs no
 * commit then, unless it has served others. */
static int run_calls(xkv__txn *txn, const struct portion *portion) {
    bool alone = portion->first && portion->first->next == portion->end &&
                 !xkv__waiting_any(txn->backend->waiting);
    int error = portion->first ? XKV_OK : end_due(txn);

    for (xkv__call *call = portion->first; error == XKV_OK && call != portion->end;
         call = call->next) {
        int failed = run_call(txn, call);
        if (failed == XKV__RETRY || txn->broken || (alone && failed != XKV_OK))
            error = failed;
    }
    return error;
}

/* Those that are parked are not to be touched any more once they have been settled. */
static void collect_over(const struct portion *portion) {
    for (xkv__call *call = portion->first, *next; call != portion->end; call = next) {
        next = call->next;
        if (!call->parked)
            add_call(portion->over, call);
    }
}

static void unpark_calls(const struct portion *portion) {
    for (xkv__call *call = portion->first; call != portion->end; call = call->next)
        call->parked = false;
}

/* What hangs on the changes stands with them, or falls. Returns those that were served. */
static xkv__requests settle(xkv__txn *txn, const struct portion *portion, int error) {
    xkv__waiting *waiting = txn->backend->waiting;
    bool waited_for = xkv__waiting_any(waiting);
    xkv__requests served = {NULL, NULL};

    if (txn->committed)
        xkv__claims_commit(txn);
    else
        xkv__claims_rollback(txn);
    if (!waited_for)
        return served;
    if (error != XKV_OK) {
        unpark_calls(portion);
        xkv__waiting_undo(waiting, txn->committed ? error : XKV_OK);
        return served;
    }
    served = xkv__waiting_settle(waiting);
    if (xkv__waiting_any(waiting))
        xkv__waiting_look_at(waiting, xkv__claims_due(txn));
    return served;
}

static void end_transaction(xkv__txn *txn, const struct portion *portion, int error) {
    xkv__requests served = {NULL, NULL};

    if (error == XKV_OK)
        collect_over(portion);
    if (xkv__writes(txn->mode))
        served = settle(txn, portion, error);
    txn->backend->ops->end(txn);
    for (xkv__request *request; (request = xkv__requests_take(&served));)
        xkv__request_done(request);
}

/* While somebody waits, a command may take several steps: its own, and those of whom it
 * serves. Whether somebody does is only certain once it has begun. */
static int begin(xkv__backend *backend, xkv__mode mode, xkv__txn_room *room) {
    bool may_serve = xkv__writes(mode) && xkv__waiting_any(backend->waiting);
    int error = backend->ops->begin(backend, may_serve ? XKV__STEPS : mode, room);

    if (error != XKV_OK || !xkv__writes(mode) || room->txn.mode == XKV__STEPS ||
        !xkv__waiting_any(backend->waiting))
        return error;
    backend->ops->end(&room->txn);
    return XKV__RETRY;
}

/* Runs a portion in one transaction. */
static struct outcome run_together(const struct portion *portion, xkv__mode mode) {
    xkv__txn_room room;
    xkv__txn *txn = &room.txn;
    int error = begin(portion->backend, mode, &room);

    if (error != XKV_OK)
        return (struct outcome){error, false};
    error = run_calls(txn, portion);
    if (error == XKV_OK && mode >= XKV__REBUILD)
        error = portion->backend->ops->commit(txn);
    bool broken = txn->broken;
    end_transaction(txn, portion, error);
    return (struct outcome){error, broken};
}

/* Runs a call that only reads: there is nothing to commit, and nothing hangs on it. */
static void run_reading(xkv__backend *backend, xkv__mode mode, const xkv__call *call) {
    bool in_turn = takes_turns(call->command);
    xkv__txn_room room;
    int error;

    if (in_turn)
        xkv__positions_lock(backend->positions);
    do {
        error = backend->ops->begin(backend, mode, &room);
        if (error == XKV_OK) {
            room.txn.now_ms = 0;
            error = attempt(&room.txn, call);
            backend->ops->end(&room.txn);
        }
        if (error == XKV__RETRY)
            xkv_reply_clear(call->reply);
    } while (error == XKV__RETRY);
    if (in_turn)
        xkv__positions_unlock(backend->positions);
    if (error != XKV_OK && call->reply->status == XKV_OK) /* else it says why */
        fail_call(call, error);
}

/* Runs the one call of a portion. If it is parked it may be over at any time. */
static void run_alone(const struct portion *portion) {
    xkv__call *call = portion->first;
    xkv__mode mode = mode_of(call->command);
    int error;

    if (mode < XKV__REBUILD) {
        run_reading(portion->backend, mode, call);
        add_call(portion->over, call);
        return;
    }
    while ((error = run_together(portion, mode).error) == XKV__RETRY)
        xkv_reply_clear(call->reply);
    if (error == XKV_OK)
        return;
    if (call->reply->status == XKV_OK) /* else it says why */
        fail_call(call, error);
    add_call(portion->over, call);
}

/* -- What takes long ------------------------------------------------------------ */

/* About a millisecond's worth of keys. */
enum { MUCH = 1000 };

static int count_keys(xkv__txn *txn, xkv_bytes prefix, uint64_t *count) {
    xkv__range range;
    int error = txn->backend->ops->range(txn, (xkv_bytes){NULL, 0}, &range);

    /* Without ranks the keys with a prefix would have to be walked over. */
    if (error == XKV_OK && range.count > MUCH && range.ranked)
        error = txn->backend->ops->range(txn, prefix, &range);
    *count = range.count;
    return error;
}

/* Whether a scan would meet many keys. What goes wrong is for the scan to tell. */
static bool meets_many(xkv__backend *backend, xkv_bytes prefix) {
    xkv__txn_room room;
    uint64_t count = 0;

    if (backend->ops->begin(backend, XKV__READ, &room) != XKV_OK)
        return false;
    int error = count_keys(&room.txn, prefix, &count);
    backend->ops->end(&room.txn);
    return error == XKV_OK && count > MUCH;
}

static bool is_long(xkv__backend *backend, const xkv_command *command) {
    if (!xkv__takes_long(command))
        return false;
    switch (command->op) {
    case XKV_OP_REBUILD_KEY_LIST:
        return backend->indexed && meets_many(backend, (xkv_bytes){NULL, 0});
    case XKV_OP_GET_MANY:
        return command->items.len > MUCH * XKV__ENTRY_MIN;
    case XKV_OP_RANDOM_KEYS:
        return command->count > MUCH;
    default:
        return (command->limit <= 0 || command->limit > MUCH) &&
               meets_many(backend, command->prefix);
    }
}

xkv__ran xkv__run(xkv__backend *backend, xkv__call *call) {
    struct calls over = {NULL, &over.first};
    struct portion portion = {backend, call, call->next, &over};

    if (!call->may_take_long && is_long(backend, call->command))
        return XKV__LONG;
    run_alone(&portion);
    return over.first ? XKV__RAN : XKV__WAITS;
}

/* -- Everything ---------------------------------------------------------------- */

/* Begins a snapshot with the first entry that is not less than prefix. XKV__RETRY: it is only
 * then that it turns out not to be of one moment. */
static int begin_walk(xkv__backend *backend, xkv_bytes prefix, xkv__txn_room *room, xkv_bytes *key,
                      xkv_bytes *value) {
    int error = backend->ops->begin(backend, XKV__SNAPSHOT, room);

    if (error != XKV_OK)
        return error;
    error = backend->ops->seek(&room->txn, prefix, key, value);
    if (error != XKV_OK)
        backend->ops->end(&room->txn);
    return error;
}

/* What visit returns is not looked at: XKV__RETRY may be that of another store. */
int xkv__walk(xkv__backend *backend, xkv_bytes prefix, xkv__visit *visit, void *context) {
    xkv__txn_room room;
    xkv_bytes key, value;
    int error;

    while ((error = begin_walk(backend, prefix, &room, &key, &value)) == XKV__RETRY)
        ;
    if (error != XKV_OK)
        return error == XKV_E_KEY_NOT_FOUND ? XKV_OK : error;
    while (error == XKV_OK && xkv__has_prefix(key, prefix)) {
        error = visit(context, key, value);
        if (error == XKV_OK)
            error = backend->ops->next(&room.txn, &key, &value);
    }
    backend->ops->end(&room.txn);
    return error == XKV_E_KEY_NOT_FOUND ? XKV_OK : error;
}

/* A transaction that replaces everything, or, where that may be seen, one of several. */
struct replacement {
    xkv__backend *backend;
    xkv__txn_room room;
    bool begun;
    size_t part, left; /* bytes in one, SIZE_MAX for all in one; and that fit in this one still */
};

enum { PART_BYTES = 16 << 20 };

static int begin_part(struct replacement *to, xkv__mode mode) {
    to->left = to->part;
    int error = to->backend->ops->begin(to->backend, mode, &to->room);
    to->begun = error == XKV_OK;
    if (to->begun)
        to->room.txn.now_ms = 0;
    return error;
}

/* Leaves the transaction, whatever becomes of it. */
static int end_part(struct replacement *to, int error) {
    struct portion nobody = {to->backend, NULL, NULL, NULL};
    xkv__txn *txn = &to->room.txn;

    if (error == XKV_OK)
        error = to->backend->ops->commit(txn);
    if (txn->committed)
        xkv__change_replaced(txn);
    end_transaction(txn, &nobody, error);
    to->begun = false;
    return error;
}

static int put_in_part(void *context, xkv_bytes key, xkv_bytes value) {
    struct replacement *to = context;
    size_t size = key.len + value.len;
    int error = XKV_OK;

    if (size > to->left) {
        error = end_part(to, XKV_OK);
        if (error == XKV_OK)
            error = begin_part(to, XKV__APPEND);
    }
    if (error != XKV_OK)
        return error;
    to->left -= size < to->left ? size : to->left;
    return to->backend->ops->put(&to->room.txn, XKV__DATA, key, value);
}

static int replace_once(xkv__backend *backend, const xkv__source *source) {
    struct replacement to = {.backend = backend, .part = source->in_parts ? PART_BYTES : SIZE_MAX};
    int error = begin_part(&to, XKV__REPLACE);

    if (error != XKV_OK)
        return error;
    error = source->each(source->context, put_in_part, &to);
    return to.begun ? end_part(&to, error) : error;
}

int xkv__replace(xkv__backend *backend, const xkv__source *source) {
    int error;

    while ((error = replace_once(backend, source)) == XKV__RETRY)
        ;
    return error;
}

/* -- Groups ------------------------------------------------------------------- */

static bool writes(const xkv__call *call) {
    return xkv__writes(mode_of(call->command));
}

static bool is_by_itself(const xkv__call *call) {
    return mode_of(call->command) == XKV__REBUILD || takes_turns(call->command);
}

/* Where those end that go into one transaction with the first. */
static xkv__call *end_of_portion(const xkv__call *first) {
    xkv__call *end = first->next;

    if (is_by_itself(first))
        return end;
    while (end && !is_by_itself(end))
        end = end->next;
    return end;
}

static void clear_replies(const struct portion *portion) {
    for (const xkv__call *call = portion->first; call != portion->end; call = call->next)
        xkv_reply_clear(call->reply);
}

/* Each call for itself, or fails it if it writes and could not be written. What only looks
 * need not fail with it. */
static void run_separately(const struct portion *portion, int error) {
    char words[XKV_MESSAGE_SIZE];

    snprintf(words, sizeof words, "%s", xkv__reason(error));
    clear_replies(portion);
    for (xkv__call *call = portion->first, *next; call != portion->end; call = next) {
        next = call->next;
        if (error == XKV_OK || !writes(call)) {
            run_alone(&(struct portion){portion->backend, call, next, portion->over});
            continue;
        }
        fail_call(call, xkv__fail(error, "%s", words));
        add_call(portion->over, call);
    }
}

/* What is too much together may fit in part: a delete, a smaller value. And what
 * broke the transaction must not be the ruin of the others. */
static void run_portion(const struct portion *portion) {
    struct outcome outcome;

    if (portion->first && portion->first->next == portion->end) {
        run_alone(portion);
        return;
    }
    while ((outcome = run_together(portion, XKV__STEPS)).error == XKV__RETRY)
        clear_replies(portion);
    if (outcome.broken || outcome.error == XKV_E_STORE_FULL)
        run_separately(portion, XKV_OK);
    else if (outcome.error != XKV_OK)
        run_separately(portion, outcome.error);
}

xkv__call *xkv__run_group(xkv__backend *backend, xkv__call *group) {
    struct calls over = {NULL, &over.first};

    do {
        xkv__call *end = group ? end_of_portion(group) : NULL;
        run_portion(&(struct portion){backend, group, end, &over});
        group = end;
    } while (group);
    *over.end = NULL;
    return over.first;
}
