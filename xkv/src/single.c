/*
 * single.c - commands on one key
 */
#include "engine.h"

#include <stdio.h>

/* -- Reading and writing ----------------------------------------------------- */

int xkv__get(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv_bytes value;
    int error = txn->backend->ops->get(txn, command->key, &value);

    return error == XKV_OK ? xkv__reply_bytes(reply, value) : error;
}

int xkv__set(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    (void)reply;
    return txn->backend->ops->put(txn, command->key, command->value);
}

/* Turns "not there" into the number 0, and success into 1. */
static int as_boolean(int error, xkv_reply *reply) {
    reply->number = error == XKV_OK;
    return error == XKV_E_KEY_NOT_FOUND ? XKV_OK : error;
}

int xkv__remove(xkv__txn *txn, xkv_bytes key) {
    int error = txn->backend->ops->del(txn, key);
    return error == XKV_OK ? xkv__claim_end(txn, key) : error;
}

int xkv__delete(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return as_boolean(xkv__remove(txn, command->key), reply);
}

int xkv__exists(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return as_boolean(txn->backend->ops->get(txn, command->key, NULL), reply);
}

int xkv__set_if_absent(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    int error = txn->backend->ops->get(txn, command->key, NULL);

    if (error != XKV_E_KEY_NOT_FOUND)
        return error;
    error = xkv__set(txn, command, reply);
    reply->number = error == XKV_OK;
    return error;
}

/* -- Two results ------------------------------------------------------------- */

/* Looks for a value that may be missing. */
static int look(xkv__txn *txn, xkv_bytes key, bool *exists, xkv_bytes *value) {
    int error = txn->backend->ops->get(txn, key, value);

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
    xkv__put_object(&writer, NULL, 2);
    xkv__put_value(&writer, "value", exists ? value : command->value);
    xkv__put_boolean(&writer, "loaded", exists);
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
    xkv__put_object(&writer, NULL, 2);
    if (exists)
        xkv__put_value(&writer, "previous", value);
    else
        xkv__put_null(&writer, "previous");
    xkv__put_boolean(&writer, "loaded", exists);
    return writer.error == XKV_OK ? xkv__set(txn, command, reply) : writer.error;
}

/* -- Counters ---------------------------------------------------------------- */

static bool is_json_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Leaves out the space that JSON may have around a value. */
static void trim(const char **at, const char **end) {
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
        trim(&at, &end);
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
    char text[24], quoted[XKV__QUOTE_SIZE];
    int64_t number = 0;
    xkv_bytes value;
    int error = look(txn, command->key, &exists, &value);

    if (error != XKV_OK)
        return error;
    if (exists && !read_integer(value, json, &number))
        return xkv__fail(
            XKV_E_VALUE_PARSE,
            "the value of key %s is not an integer of 64 bits; count in a key that only "
            "holds a number",
            xkv__quote(command->key, quoted));
    if (!add(&number, command->delta))
        return xkv__fail(XKV_E_VALUE_PARSE,
                         "the value of key %s would leave the range of 64 bits; it was kept",
                         xkv__quote(command->key, quoted));
    int len = snprintf(text, sizeof text, "%lld", (long long)number);
    reply->number = number;
    return txn->backend->ops->put(txn, command->key, (xkv_bytes){text, (size_t)len});
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

/* What a detailed comparison tells. done is what it does: "swapped". */
static int tell(xkv_reply *reply, const char *done, bool expected, const xkv_bytes *current,
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

/* done is NULL where only a boolean is told. */
static int compare_and(xkv__txn *txn, const xkv_command *command, xkv_reply *reply,
                       xkv__handler *change, const char *done) {
    bool exists, expected = false;
    xkv_bytes current;
    int error = look(txn, command->key, &exists, &current);

    if (error == XKV_OK)
        error = is_expected(txn, command, change == xkv__set, exists, current, &expected);
    if (error == XKV_OK && done)
        error = tell(reply, done, expected, exists ? &current : NULL, command->include_current);
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
