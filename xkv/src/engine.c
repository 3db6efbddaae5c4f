/*
 * engine.c - runs commands in transactions
 */
#include "engine.h"

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
    [XKV_OP_RANDOM_KEYS] = xkv__random_keys,
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
    [XKV_OP_STATS] = xkv__stats,
    [XKV_OP_ALLOCATION_STATS] = xkv__allocation_stats,
    [XKV_OP_REPORT_STATS] = xkv__stats,
};

/* -- Modes ------------------------------------------------------------------- */

/* A command that reads no more keys than this is done before a snapshot pays. */
enum { SHORT_SCAN = 256 };

static bool is_short(const xkv_command *command) {
    switch (command->op) {
    case XKV_OP_GET_MANY:
        return command->items.len <= SHORT_SCAN * XKV__ENTRY_MIN;
    case XKV_OP_RANDOM_KEYS:
        return command->count <= SHORT_SCAN;
    default:
        return command->limit > 0 && command->limit <= SHORT_SCAN;
    }
}

static xkv__mode mode_of(const xkv_command *command) {
    switch (xkv_op_describe(command->op)->access) {
    case XKV_ACCESS_READ:
        return XKV__READ;
    case XKV_ACCESS_SCAN:
        return is_short(command) ? XKV__READ : XKV__SNAPSHOT;
    case XKV_ACCESS_ORDERED:
        return XKV__INSPECT;
    case XKV_ACCESS_BATCH:
        return XKV__BATCH;
    default:
        return XKV__WRITE;
    }
}

/* -- Running ----------------------------------------------------------------- */

int xkv__run_failed(int code, const xkv_command *command, xkv_reply *reply) {
    const char *name = xkv_op_describe(command->op)->name;
    char quoted[XKV__QUOTE_SIZE];

    if (code == XKV_E_KEY_NOT_FOUND)
        return xkv__reply_fail(reply, code, "%s: key %s does not exist", name,
                               xkv__quote(command->key, quoted));
    return xkv__reply_fail(reply, code, "%s: %s", name, xkv__reason(code));
}

int xkv__run_in(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    int error = handlers[command->op](txn, command, reply);

    if (error == XKV__RETRY)
        xkv_reply_clear(reply);
    else if (error != XKV_OK)
        xkv__run_failed(error, command, reply);
    return error;
}

static int run_once(xkv__backend *backend, const xkv_command *command, xkv_reply *reply) {
    xkv__txn *txn;
    int error = backend->ops->begin(backend, mode_of(command), &txn);

    if (error == XKV_OK) {
        error = xkv__run_in(txn, command, reply);
        if (error != XKV_OK) {
            backend->ops->abort(txn);
            return error;
        }
        error = backend->ops->commit(txn);
    }
    if (error == XKV__BROKEN)
        error = XKV_E_DISK_STORE_READ;
    if (error == XKV__RETRY)
        xkv_reply_clear(reply);
    else if (error != XKV_OK)
        xkv__run_failed(error, command, reply);
    return error;
}

int xkv__run(xkv__backend *backend, const xkv_command *command, xkv_reply *reply) {
    int error;

    do
        error = run_once(backend, command, reply);
    while (error == XKV__RETRY);
    return error;
}
