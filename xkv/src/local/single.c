/*
 * single.c - commands on one key
 */
#include "base/reply.h"
#include "base/text.h"
#include "command/items.h"
#include "command/json.h"
#include "command/told.h"
#include "local/backend.h"
#include "local/change.h"
#include "local/engine.h"

#include <stdio.h>

/* -- Reading and writing ----------------------------------------------------- */

int xkv__get(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv_bytes value;
    int error = txn->backend->ops->get(txn, XKV__DATA, command->key, &value);

    return error == XKV_OK ? xkv__reply_bytes(reply, value) : error;
}

int xkv__set(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    (void)reply;
    return xkv__change_put(txn, command->key, command->value);
}

/* Turns "not there" into the number 0, and success into 1. */
static int as_boolean(int error, xkv_reply *reply) {
    reply->number = error == XKV_OK;
    return error == XKV_E_KEY_NOT_FOUND ? XKV_OK : error;
}

int xkv__delete(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return as_boolean(xkv__change_remove(txn, command->key), reply);
}

int xkv__exists(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return as_boolean(txn->backend->ops->get(txn, XKV__DATA, command->key, NULL), reply);
}

int xkv__set_if_absent(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    int error = txn->backend->ops->get(txn, XKV__DATA, command->key, NULL);

    if (error != XKV_E_KEY_NOT_FOUND)
        return error;
    error = xkv__set(txn, command, reply);
    reply->number = error == XKV_OK;
    return error;
}

/* -- Two results ------------------------------------------------------------- */

/* Looks for a value that may be missing. */
static int look(xkv__txn *txn, xkv_bytes key, bool *exists, xkv_bytes *value) {
    int error = txn->backend->ops->get(txn, XKV__DATA, key, value);

    *exists = error == XKV_OK;
    return error == XKV_E_KEY_NOT_FOUND ? XKV_OK : error;
}

int xkv__get_or_set(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv__writer writer = xkv__writer_on(reply);
    xkv_bytes value;
    bool exists;
    int error = look(txn, command->key, &exists, &value);

    if (error != XKV_OK)
        return error;
    xkv__tell_loaded(&writer, "value", exists ? &value : &command->value, exists);
    if (writer.error != XKV_OK || exists)
        return writer.error;
    return xkv__set(txn, command, reply);
}

int xkv__swap(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv__writer writer = xkv__writer_on(reply);
    xkv_bytes value;
    bool exists;
    int error = look(txn, command->key, &exists, &value);

    if (error != XKV_OK)
        return error;
    xkv__tell_loaded(&writer, "previous", exists ? &value : NULL, exists);
    return writer.error == XKV_OK ? xkv__set(txn, command, reply) : writer.error;
}

/* -- Counters ---------------------------------------------------------------- */

static bool is_json_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Leaves out the space that JSON may have around a value. */
static void trim_space(const char **at, const char **end) {
    while (*at < *end && is_json_space(**at))
        ++*at;
    while (*at < *end && is_json_space((*end)[-1]))
        --*end;
}

/* Adds b to *a; false, and nothing is done, if the sum would leave 64 bits. */
static bool add(int64_t *a, int64_t b) {
    if (b > 0 ? *a > INT64_MAX - b : *a < INT64_MIN - b)
        return false;
    *a += b;
    return true;
}

/* Appends a digit to a number that is not positive: below zero there is one
 * number more than above. */
static bool append_digit(int64_t *number, char digit) {
    if (digit < '0' || digit > '9' || *number < INT64_MIN / 10)
        return false;
    *number *= 10;
    return add(number, '0' - digit);
}

/* Reads an integer: digits with or without a minus, and in JSON also as the
 * text of a string. False if that is not what it is, or beyond 64 bits. */
static bool read_integer(xkv_bytes text, bool json, int64_t *number) {
    const char *at = text.data, *end = at + text.len;
    int64_t result = 0;

    if (json)
        trim_space(&at, &end);
    bool quoted = json && end - at >= 2 && *at == '"' && end[-1] == '"';
    if (quoted)
        at++, end--;
    bool negative = at < end && *at == '-';
    if (negative)
        at++;
    if (at == end || (json && !quoted && *at == '0' && end - at > 1))
        return false; /* JSON has no zeros in front */
    for (; at < end; at++) {
        if (!append_digit(&result, *at))
            return false;
    }
    if (!negative && result == INT64_MIN)
        return false;
    *number = negative ? result : -result;
    return true;
}

int xkv__increment_by(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    bool json = txn->backend->options->serialization == XKV_JSON, exists;
    char text[24];
    int64_t number = 0;
    xkv_bytes value;
    int error = look(txn, command->key, &exists, &value);

    if (error != XKV_OK)
        return error;
    if (exists && !read_integer(value, json, &number))
        return xkv__tell_no_integer(command->key);
    if (!add(&number, command->delta))
        return xkv__tell_overflow(command->key);
    int len = snprintf(text, sizeof text, "%lld", (long long)number);
    reply->number = number;
    return xkv__change_put(txn, command->key, (xkv_bytes){text, (size_t)len});
}

/* -- Compare and … ----------------------------------------------------------- */

/* Whether what is there is what the command expects. Nothing can be replaced,
 * but not deleted. */
static int is_expected(xkv__txn *txn, const xkv_command *command, bool replaces, bool exists,
                       xkv_bytes current, bool *expected) {
    if (!exists || command->expect == XKV_EXPECT_ABSENT) {
        *expected = replaces && !exists && command->expect != XKV_EXPECT_VALUE;
        return XKV_OK;
    }
    if (txn->backend->options->serialization == XKV_JSON)
        return xkv__json_equal(current, command->expected, expected);
    *expected = xkv__compare(current, command->expected) == 0;
    return XKV_OK;
}

/* done is NULL where only a boolean is told. */
static int compare_and(xkv__txn *txn, const xkv_command *command, xkv_reply *reply,
                       xkv__handler *change, const char *done) {
    bool exists, expected = false;
    xkv_bytes current;
    int error = look(txn, command->key, &exists, &current);

    if (error == XKV_OK)
        error = is_expected(txn, command, change == xkv__set, exists, current, &expected);
    if (error == XKV_OK && done)
        error = xkv__tell_compared(reply, done, expected, exists ? &current : NULL,
                                   command->include_current);
    if (error == XKV_OK && expected)
        error = change(txn, command, reply);
    reply->number = expected;
    return error;
}

int xkv__compare_and_swap(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return compare_and(txn, command, reply, xkv__set, NULL);
}

int xkv__compare_and_swap_detailed(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return compare_and(txn, command, reply, xkv__set, "swapped");
}

int xkv__compare_and_delete(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return compare_and(txn, command, reply, xkv__delete, NULL);
}

int xkv__compare_and_delete_detailed(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return compare_and(txn, command, reply, xkv__delete, "deleted");
}
