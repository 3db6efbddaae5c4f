/*
 * engine.c - the meaning of every command, written once over the backend interface
 */
#include "internal.h"

#include <stdio.h>

/* How one command works on a transaction that its caller begins and ends. The
 * reply is empty. What fails returns an error; xkv__fail gives it words. */
typedef int handler(xkv__txn *txn, const xkv_command *command, xkv_reply *reply);

static int run_get(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv_bytes value;
    int error = txn->backend->ops->get(txn, command->key, &value);

    return error == XKV_OK ? xkv__reply_bytes(reply, value) : error;
}

static int run_set(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    (void)reply;
    return txn->backend->ops->put(txn, command->key, command->value);
}

/* Turns "not there" into the number 0, and success into 1. */
static int as_boolean(int error, xkv_reply *reply) {
    reply->number = error == XKV_OK;
    return error == XKV_E_KEY_NOT_FOUND ? XKV_OK : error;
}

static int run_delete(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return as_boolean(txn->backend->ops->del(txn, command->key), reply);
}

static int run_exists(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return as_boolean(txn->backend->ops->get(txn, command->key, NULL), reply);
}

static int run_clear(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    (void)command, (void)reply;
    return txn->backend->ops->clear(txn);
}

static int run_count(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv__range range;
    int error = txn->backend->ops->range(txn, command->prefix, &range);

    reply->number = error == XKV_OK ? (int64_t)range.count : 0;
    return error;
}

static int run_size(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    (void)command; /* a prefix in it would not count */
    return run_count(txn, &(xkv_command){.op = XKV_OP_SIZE}, reply);
}

static int run_set_if_absent(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    int error = txn->backend->ops->get(txn, command->key, NULL);

    if (error != XKV_E_KEY_NOT_FOUND)
        return error;
    error = run_set(txn, command, reply);
    reply->number = error == XKV_OK;
    return error;
}

static int run_list(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    const xkv__backend_ops *ops = txn->backend->ops;
    int64_t limit = command->limit > 0 ? command->limit : INT64_MAX;
    xkv_bytes key, value;
    int error = ops->seek(txn, command->prefix, &key, &value);

    while (error == XKV_OK && reply->number < limit && xkv__has_prefix(key, command->prefix)) {
        error = xkv__reply_entry(reply, key, value);
        reply->number++;
        if (error == XKV_OK && reply->number < limit)
            error = ops->next(txn, &key, &value);
    }
    return error == XKV_E_KEY_NOT_FOUND ? XKV_OK : error;
}

/* What was counted must be there. */
static int expect_key(int error) {
    return error == XKV_E_KEY_NOT_FOUND ? XKV_E_DISK_STORE_CORRUPT : error;
}

static int run_random_key(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    const xkv__backend_ops *ops = txn->backend->ops;
    xkv__range range;
    xkv_bytes key;
    int error = ops->range(txn, command->prefix, &range);

    if (error != XKV_OK)
        return error;
    reply->number = (int64_t)range.count;
    if (range.count == 0)
        return XKV_OK;
    error = expect_key(ops->select(txn, &range, xkv__random_below(range.count), &key));
    return error == XKV_OK ? xkv__reply_bytes(reply, key) : error;
}

/* Reads an integer: digits with or without a minus, and in JSON also as the
 * text of a string. False if that is not what it is, or beyond 64 bits. */
static bool read_integer(xkv_bytes text, bool json, int64_t *number) {
    const char *at = text.data, *end = at + text.len;
    int64_t result = 0;

    if (json && text.len >= 2 && *at == '"' && end[-1] == '"')
        at++, end--;
    bool negative = at < end && *at == '-';
    if (negative)
        at++;
    if (at == end)
        return false;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9' || __builtin_mul_overflow(result, 10, &result) ||
            __builtin_sub_overflow(result, *at - '0', &result))
            return false; /* summed up below zero: there is one more of those */
    }
    if (!negative && result == INT64_MIN)
        return false;
    *number = negative ? result : -result;
    return true;
}

static int run_increment_by(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    const xkv__backend_ops *ops = txn->backend->ops;
    char text[24], quoted[XKV__QUOTE_SIZE];
    int64_t number = 0;
    xkv_bytes value;
    int error = ops->get(txn, command->key, &value);

    if (error != XKV_OK && error != XKV_E_KEY_NOT_FOUND)
        return error;
    if (error == XKV_OK && !read_integer(value, txn->backend->serialization == XKV_JSON, &number))
        return xkv__fail(XKV_E_VALUE_PARSE, "the value of key %s is not an integer of 64 bits",
                         xkv__quote(command->key, quoted));
    if (__builtin_add_overflow(number, command->delta, &number))
        return xkv__fail(XKV_E_VALUE_PARSE,
                         "the value of key %s would leave the range of 64 bits; it was kept",
                         xkv__quote(command->key, quoted));
    int len = snprintf(text, sizeof text, "%lld", (long long)number);
    reply->number = number;
    return ops->put(txn, command->key, (xkv_bytes){text, (size_t)len});
}

static int run_pop_random(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    const xkv__backend_ops *ops = txn->backend->ops;
    xkv__range range;
    xkv_bytes key, value;
    size_t at = 0;
    int error = ops->range(txn, command->prefix, &range);

    if (error != XKV_OK || range.count == 0)
        return error;
    error = expect_key(ops->select(txn, &range, xkv__random_below(range.count), &key));
    if (error == XKV_OK)
        error = expect_key(ops->get(txn, key, &value));
    if (error == XKV_OK)
        error = xkv__reply_entry(reply, key, value);
    /* By the reply's copy of the key: its own bytes go with it. */
    if (error == XKV_OK && xkv_reply_next(reply, &at, &key, &value))
        error = ops->del(txn, key);
    reply->number = 1;
    return error;
}

static int run_rebuild_key_list(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    (void)command, (void)reply;
    return txn->backend->ops->rebuild(txn);
}

/* -- The table --------------------------------------------------------------- */

static const xkv_op_info table[XKV_OP_END] = {
#define X(op, name, access, arguments, fields, limit, reply)                                       \
    [XKV_OP_##op] = {name,  XKV_ACCESS_##access, XKV_ARG_##arguments, XKV_ARG_##fields,            \
                     limit, XKV_REPLY_##reply},
    XKV_COMMAND_MAP(X)
#undef X
};

static handler *const handlers[XKV_OP_END] = {
    [XKV_OP_GET] = run_get,
    [XKV_OP_SET] = run_set,
    [XKV_OP_DELETE] = run_delete,
    [XKV_OP_EXISTS] = run_exists,
    [XKV_OP_CLEAR] = run_clear,
    [XKV_OP_SIZE] = run_size,
    [XKV_OP_LIST] = run_list,
    [XKV_OP_RANDOM_KEY] = run_random_key,
    [XKV_OP_REBUILD_KEY_LIST] = run_rebuild_key_list,
    [XKV_OP_COUNT] = run_count,
    [XKV_OP_SET_IF_ABSENT] = run_set_if_absent,
    [XKV_OP_DELETE_IF_EXISTS] = run_delete,
    [XKV_OP_INCREMENT_BY] = run_increment_by,
    [XKV_OP_POP_RANDOM] = run_pop_random,
};

const xkv_op_info *xkv_op_describe(int op) {
    return op >= 0 && op < XKV_OP_END ? &table[op] : NULL;
}

const char *xkv_argument_name(unsigned argument) {
    switch (argument) {
    case XKV_ARG_KEY:
        return "key";
    case XKV_ARG_VALUE:
        return "value";
    case XKV_ARG_PREFIX:
        return "prefix";
    case XKV_ARG_LIMIT:
        return "limit";
    case XKV_ARG_DELTA:
        return "delta";
    default:
        return NULL;
    }
}

/* -- Checking ---------------------------------------------------------------- */

static int check_key(const xkv_op_info *info, xkv_bytes key, xkv_reply *reply) {
    char quoted[XKV__QUOTE_SIZE];

    if (key.len == 0)
        return xkv__reply_fail(reply, XKV_E_INVALID_OPTIONS,
                               "%s: key must not be empty; give a string of 1 to %u bytes",
                               info->name, XKV_KEY_MAX);
    if (key.len > XKV_KEY_MAX)
        return xkv__reply_fail(reply, XKV_E_INVALID_OPTIONS,
                               "%s: key %s is %zu bytes long; at most %u are allowed", info->name,
                               xkv__quote(key, quoted), key.len, XKV_KEY_MAX);
    if (!xkv__is_utf8(key))
        return xkv__reply_fail(reply, XKV_E_INVALID_OPTIONS, "%s: key %s is not valid UTF-8",
                               info->name, xkv__quote(key, quoted));
    return XKV_OK;
}

static int check_value(const xkv_options *options, const xkv_op_info *info,
                       const xkv_command *command, xkv_reply *reply) {
    char quoted[XKV__QUOTE_SIZE];

    if (command->value.len > XKV_VALUE_MAX)
        return xkv__reply_fail(reply, XKV_E_SERIALIZER,
                               "%s: the value for key %s is %zu bytes long; at most %u are "
                               "allowed",
                               info->name, xkv__quote(command->key, quoted), command->value.len,
                               XKV_VALUE_MAX);
    if (options->serialization != XKV_BINARY && !xkv__is_utf8(command->value))
        return xkv__reply_fail(reply, XKV_E_SERIALIZER,
                               "%s: the value for key %s is not valid UTF-8; use serialization "
                               "\"binary\" for bytes",
                               info->name, xkv__quote(command->key, quoted));
    return XKV_OK;
}

int xkv__check(const xkv_options *options, const xkv_command *command, xkv_reply *reply) {
    const xkv_op_info *info = xkv_op_describe(command->op);
    int error = XKV_OK;

    if (!info)
        return xkv__reply_fail(reply, XKV_E_INVALID_OPTIONS, "there is no command number %d",
                               command->op);
    if (info->access == XKV_ACCESS_WRITE && options->read_only)
        return xkv__reply_fail(reply, XKV_E_STORE_READ_ONLY,
                               "%s: the store was opened with disk.readOnly", info->name);
    if (info->arguments & XKV_ARG_KEY)
        error = check_key(info, command->key, reply);
    if (error == XKV_OK && (info->arguments & XKV_ARG_VALUE))
        error = check_value(options, info, command, reply);
    if (error == XKV_OK && info->limit_max > 0 && command->limit > info->limit_max)
        error = xkv__reply_fail(reply, XKV_E_INVALID_OPTIONS,
                                "%s: limit is %lld; at most %lld are allowed (0 or less: all)",
                                info->name, (long long)command->limit, (long long)info->limit_max);
    return error;
}

/* -- Running ----------------------------------------------------------------- */

/* A list that asks for no more than this is done before a snapshot pays. */
enum { SHORT_LIST = 256 };

static xkv__mode mode_of(const xkv_command *command) {
    if (table[command->op].access != XKV_ACCESS_READ)
        return XKV__WRITE;
    bool is_long =
        command->op == XKV_OP_LIST && (command->limit <= 0 || command->limit > SHORT_LIST);
    return is_long ? XKV__SNAPSHOT : XKV__READ;
}

int xkv__run_failed(int code, const xkv_command *command, xkv_reply *reply) {
    const char *name = table[command->op].name;
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
