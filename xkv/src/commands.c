/*
 * commands.c - the table of commands, and what their arguments must be like
 */
#include <stdio.h>
#include <stdlib.h>

#include "items.h"

/* -- The tables -------------------------------------------------------------- */

static const xkv_op_info table[XKV_OP_END] = {
#define X(op, name, access, arguments, required, optional, limit, reply)                           \
    [XKV_OP_##op] = {                                                                              \
        name,  XKV_ACCESS_##access, XKV_ARG_##arguments, XKV_ARG_##required, XKV_ARG_##optional,   \
        limit, XKV_REPLY_##reply},
    XKV_COMMAND_MAP(X)
#undef X
};

static const xkv_argument_info arguments[XKV_ARGUMENTS] = {
#define X(argument, bit, name, kind, min, max) [bit] = {name, XKV_KIND_##kind, min, max},
    XKV_ARGUMENT_MAP(X)
#undef X
};

const xkv_op_info *xkv_op_describe(int op) {
    return op >= 0 && op < XKV_OP_END ? &table[op] : NULL;
}

const xkv_argument_info *xkv_argument_describe(unsigned argument) {
    for (unsigned bit = 0; bit < XKV_ARGUMENTS; bit++) {
        if (argument == 1u << bit)
            return &arguments[bit];
    }
    return NULL;
}

/* -- Checking ----------------------------------------------------------------
 *
 * A check returns XKV_OK, or an error whose message it has left to xkv__fail,
 * without the name of the operation in front.
 */

/* where names the argument: "key", "keys[3]". */
static int check_key(const char *where, xkv_bytes key) {
    char quoted[XKV__QUOTE_SIZE];

    if (key.len == 0)
        return xkv__fail(XKV_E_INVALID_OPTIONS,
                         "%s must not be empty; give a string of 1 to %u bytes", where,
                         XKV_KEY_MAX);
    if (key.len > XKV_KEY_MAX)
        return xkv__fail(XKV_E_INVALID_OPTIONS, "%s %s is %zu bytes long; at most %u are allowed",
                         where, xkv__quote(key, quoted), key.len, XKV_KEY_MAX);
    if (!xkv__is_utf8(key))
        return xkv__fail(XKV_E_INVALID_OPTIONS, "%s %s is not valid UTF-8", where,
                         xkv__quote(key, quoted));
    return XKV_OK;
}

static int check_value(const xkv_options *options, xkv_bytes key, xkv_bytes value) {
    char quoted[XKV__QUOTE_SIZE];

    if (value.len > XKV_VALUE_MAX)
        return xkv__fail(XKV_E_SERIALIZER,
                         "the value for key %s is %zu bytes long; at most %u are allowed",
                         xkv__quote(key, quoted), value.len, XKV_VALUE_MAX);
    if (options->serialization != XKV_BINARY && !xkv__is_utf8(value))
        return xkv__fail(XKV_E_SERIALIZER,
                         "the value for key %s is not valid UTF-8; use serialization "
                         "\"binary\" for bytes",
                         xkv__quote(key, quoted));
    return XKV_OK;
}

static int check_entry(const xkv_options *options, xkv_bytes key, xkv_bytes value) {
    int error = check_key("key", key);
    return error == XKV_OK ? check_value(options, key, value) : error;
}

static int check_range(const char *name, int64_t number, int64_t min, int64_t max) {
    if (number >= min && number <= max)
        return XKV_OK;
    return xkv__fail(XKV_E_INVALID_OPTIONS, "%s is %lld; it must be an integer from %lld to %lld",
                     name, (long long)number, (long long)min, (long long)max);
}

static int refuse_duration(const xkv_argument_info *row, const char *got) {
    return xkv__fail(XKV_E_INVALID_OPTIONS,
                     "%s is %s; it must be a whole number of milliseconds from %lld to %lld, "
                     "or " XKV__DURATION_TEXT,
                     row->name, got, (long long)row->min, (long long)row->max);
}

static int check_duration(const xkv_argument_info *row, int64_t ms) {
    char got[24];

    if (ms >= row->min && ms <= row->max)
        return XKV_OK;
    snprintf(got, sizeof got, "%lld", (long long)ms);
    return refuse_duration(row, got);
}

static int read_duration(const xkv_argument_info *row, xkv_bytes text, int64_t *ms) {
    char quoted[XKV__QUOTE_SIZE];

    if (xkv__read_duration(text, ms) && *ms >= row->min && *ms <= row->max)
        return XKV_OK;
    return refuse_duration(row, xkv__quote(text, quoted));
}

/* A limit that need not be given has no least value: 0 or less means all. */
static int check_limit(const xkv_op_info *info, int64_t limit) {
    if (info->required & XKV_ARG_LIMIT)
        return check_range("limit", limit, 1, info->limit_max);
    if (info->limit_max == 0 || limit <= info->limit_max)
        return XKV_OK;
    return xkv__fail(XKV_E_INVALID_OPTIONS,
                     "limit is %lld; at most %lld are allowed (0 or less: all)", (long long)limit,
                     (long long)info->limit_max);
}

static int check_integer(const xkv_op_info *info, unsigned argument, int64_t number) {
    const xkv_argument_info *row = xkv_argument_describe(argument);

    if (argument == XKV_ARG_LIMIT)
        return check_limit(info, number);
    return row->kind == XKV_KIND_DURATION ? check_duration(row, number)
                                          : check_range(row->name, number, row->min, row->max);
}

/* -- Lists ------------------------------------------------------------------- */

static int check_claim(const char *where, const xkv_item *item) {
    xkv__given given;
    char name[64];

    snprintf(name, sizeof name, "%s.key", where);
    if (!xkv__given_in(item, &given) || !xkv__is_utf8(given.id))
        return xkv__fail(XKV_E_INVALID_OPTIONS,
                         "%s has no token or id; give back what a claim returned", where);
    return check_key(name, given.key);
}

static int check_item(const xkv_options *options, const xkv_op_info *info, const xkv_item *item,
                      size_t index) {
    char where[48];

    if (info->arguments & (XKV_ARG_CLAIM | XKV_ARG_CLAIMS)) {
        snprintf(where, sizeof where, info->arguments & XKV_ARG_CLAIM ? "claim" : "claims[%zu]",
                 index);
        return check_claim(where, item);
    }
    if (info->arguments & XKV_ARG_ENTRIES)
        return check_entry(options, item->text, item->value);
    /* What is only read may be asked for under any name. */
    if (info->access == XKV_ACCESS_SCAN && item->text.len == 0)
        return XKV_OK;
    snprintf(where, sizeof where, "keys[%zu]", index);
    return check_key(where, item->text);
}

static int compare_keys(const void *a, const void *b) {
    return xkv__compare(*(const xkv_bytes *)a, *(const xkv_bytes *)b);
}

static int find_repeated(xkv_bytes *keys, size_t count) {
    char quoted[XKV__QUOTE_SIZE];

    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++) {
        if (xkv__compare(keys[i - 1], keys[i]) == 0)
            return xkv__fail(XKV_E_INVALID_OPTIONS,
                             "keys has %s more than once; give each key one time",
                             xkv__quote(keys[i], quoted));
    }
    return XKV_OK;
}

/* A key can be claimed once only. */
static int check_distinct(xkv_bytes items, size_t count) {
    xkv_bytes *keys = xkv__alloc(count * sizeof *keys);
    xkv_item item;
    size_t at = 0;

    if (!keys)
        return XKV_E_STORE_FULL;
    for (size_t i = 0; i < count && xkv_item_next(items, &at, &item); i++)
        keys[i] = item.text;
    int error = find_repeated(keys, count);
    xkv__free(keys);
    return error;
}

/* All bad entries are counted, the first is told. */
static int fail_entries(const xkv_options *options, xkv_bytes items) {
    char first[XKV_MESSAGE_SIZE] = "";
    size_t at = 0, bad = 0, all = 0;

    for (xkv_item item; xkv_item_next(items, &at, &item); all++) {
        int error = check_entry(options, item.text, item.value);
        if (error == XKV_OK || bad++ > 0)
            continue;
        snprintf(first, sizeof first, "%s", xkv__reason(error));
    }
    return xkv__fail(XKV_E_INVALID_OPTIONS,
                     "%zu of %zu entries cannot be stored, so none was; the first: %.4000s", bad,
                     all, first);
}

static int check_items(const xkv_options *options, const xkv_op_info *info, xkv_bytes items) {
    size_t at = 0, next = 0, count = 0; /* at: up to where they are entries */
    int error = XKV_OK;

    if (items.len > UINT32_MAX)
        return xkv__fail(XKV_E_INVALID_OPTIONS, "items are %zu bytes; at most %lu are allowed",
                         items.len, (unsigned long)UINT32_MAX);
    for (xkv_item item; error == XKV_OK && xkv_item_next(items, &next, &item); at = next, count++) {
        if (item.kind != XKV_ITEM_ENTRY)
            break;
        error = check_item(options, info, &item, count);
    }
    if (error != XKV_OK)
        return info->arguments & XKV_ARG_ENTRIES ? fail_entries(options, items) : error;
    if (at != items.len || ((info->arguments & XKV_ARG_CLAIM) && count != 1))
        return xkv__fail(XKV_E_INVALID_OPTIONS,
                         "items is not a list of entries; make it with xkv_items_add or, for one "
                         "claim, xkv_items_add_claim");
    bool once = info->optional & XKV_ARG_ALL_OR_NOTHING;
    return once && count > 1 ? check_distinct(items, count) : XKV_OK;
}

/* -- Commands ---------------------------------------------------------------- */

enum { LISTS = XKV_ARG_KEYS | XKV_ARG_ENTRIES | XKV_ARG_CLAIM | XKV_ARG_CLAIMS };

static int check_text(int code, const char *name, xkv_bytes text, size_t most) {
    if (text.len > most)
        return xkv__fail(code, "%s is %zu bytes long; at most %zu are allowed", name, text.len,
                         most);
    if (!xkv__is_utf8(text))
        return xkv__fail(code, "%s is not valid UTF-8", name);
    return XKV_OK;
}

/* A prefix that is required says what a call is confined to; empty it would be
 * every key. */
static int check_prefix(const xkv_op_info *info, xkv_bytes prefix) {
    if (prefix.len == 0 && (info->required & XKV_ARG_PREFIX))
        return xkv__fail(XKV_E_INVALID_OPTIONS,
                         "prefix must not be empty; give the first characters of the keys that are "
                         "meant (to remove every key use clear)");
    return check_text(XKV_E_INVALID_OPTIONS, "prefix", prefix, XKV_VALUE_MAX);
}

/* The fields of the options argument. */
static int check_fields(const xkv_op_info *info, const xkv_command *command) {
    unsigned fields = info->required | info->optional;
    bool ttl_given = (info->required & XKV_ARG_TTL) || command->ttl_ms != 0;
    int error = XKV_OK;

    if (fields & XKV_ARG_LIMIT)
        error = check_limit(info, command->limit);
    if (error == XKV_OK && (fields & XKV_ARG_COUNT))
        error = check_integer(info, XKV_ARG_COUNT, command->count);
    if (error == XKV_OK && (fields & XKV_ARG_TTL) && ttl_given)
        error = check_integer(info, XKV_ARG_TTL, command->ttl_ms);
    if (error == XKV_OK && (fields & XKV_ARG_PREFIX))
        error = check_prefix(info, command->prefix);
    if (error == XKV_OK && (fields & XKV_ARG_CURSOR))
        error = check_text(XKV_E_INVALID_CURSOR, "the cursor", command->cursor, XKV_CURSOR_MAX);
    if (error == XKV_OK && (fields & XKV_ARG_OWNER))
        error = check_text(XKV_E_INVALID_OPTIONS, "owner", command->owner, XKV_OWNER_MAX);
    return error;
}

/* What is expected: nothing or a value, which only a swap can both want. */
static int check_expected(const xkv_options *options, const xkv_op_info *info,
                          const xkv_command *command) {
    int last = info->arguments & XKV_ARG_NEW ? XKV_EXPECT_ABSENT_OR_VALUE : XKV_EXPECT_ABSENT;

    if (command->expect < XKV_EXPECT_VALUE || command->expect > last)
        return xkv__fail(XKV_E_INVALID_OPTIONS, "expect is %d, which is not for this command",
                         command->expect);
    if (command->expect == XKV_EXPECT_ABSENT)
        return XKV_OK;
    return check_value(options, command->key, command->expected);
}

static int check(const xkv_options *options, const xkv_op_info *info, const xkv_command *command) {
    unsigned takes = info->arguments;
    int error = XKV_OK;

    if (takes & XKV_ARG_KEY)
        error = check_key("key", command->key);
    if (error == XKV_OK && (takes & XKV_ARG_OLD))
        error = check_expected(options, info, command);
    if (error == XKV_OK && (takes & (XKV_ARG_VALUE | XKV_ARG_NEW)))
        error = check_value(options, command->key, command->value);
    if (error == XKV_OK && (takes & LISTS))
        error = check_items(options, info, command->items);
    if (error == XKV_OK && (info->required | info->optional))
        error = check_fields(info, command);
    return error;
}

int xkv__check(const xkv_options *options, const xkv_command *command, xkv_reply *reply) {
    const xkv_op_info *info = xkv_op_describe(command->op);

    if (!info)
        return xkv__reply_fail(reply, XKV_E_INVALID_OPTIONS, "there is no command number %d",
                               command->op);
    if (info->access >= XKV_ACCESS_WRITE && options->read_only)
        return xkv__reply_fail(
            reply, XKV_E_STORE_READ_ONLY,
            "%s: the store was opened with disk.readOnly; leave that out to write", info->name);
    int error = check(options, info, command);
    if (error != XKV_OK)
        return xkv__reply_fail(reply, error, "%s: %s", info->name, xkv__reason(error));
    return XKV_OK;
}

static int no_such_argument(int op, unsigned argument, char *message, size_t size) {
    return xkv__explain(message, size, XKV_E_INVALID_OPTIONS,
                        "there is no command number %d, or no such argument %#x", op, argument);
}

/* What is wrong with an argument, for a message. */
static int explain(const xkv_op_info *info, int error, char *message, size_t size) {
    if (error == XKV_OK)
        return error;
    return xkv__explain(message, size, error, "%s: %s", info->name, xkv__reason(error));
}

int xkv_check_integer(int op, unsigned argument, int64_t number, char *message, size_t size) {
    const xkv_op_info *info = xkv_op_describe(op);
    const xkv_argument_info *row = xkv_argument_describe(argument);

    if (!info || !row || (row->kind != XKV_KIND_INTEGER && row->kind != XKV_KIND_DURATION))
        return no_such_argument(op, argument, message, size);
    return explain(info, check_integer(info, argument, number), message, size);
}

int xkv_read_duration(int op, unsigned argument, xkv_bytes text, int64_t *ms, char *message,
                      size_t size) {
    const xkv_op_info *info = xkv_op_describe(op);
    const xkv_argument_info *row = xkv_argument_describe(argument);

    if (!info || !row || row->kind != XKV_KIND_DURATION)
        return no_such_argument(op, argument, message, size);
    return explain(info, read_duration(row, text, ms), message, size);
}

int xkv__check_entry(const xkv_options *options, xkv_bytes key, xkv_bytes value, char *message,
                     size_t size) {
    int error = check_entry(options, key, value);
    return error == XKV_OK ? error : xkv__explain(message, size, error, "%s", xkv__reason(error));
}
