/*
 * check.c - what the arguments of a command must be like
 *
 * A check returns XKV_OK, or an error whose message it has left to xkv__fail, without
 * the name of the operation in front. options are those of the store, or NULL where it
 * is not known: then what depends on them is not checked.
 */
#include "command/check.h"
#include "base/error.h"
#include "base/reply.h"
#include "base/sys.h"
#include "base/text.h"
#include "command/arguments.h"
#include "command/command.h"
#include "command/items.h"
#include "command/quantity.h"

#include <stdio.h>
#include <stdlib.h>

/* -- Keys, values, text -------------------------------------------------------- */

static bool is_key(xkv_bytes key) {
    return key.len > 0 && key.len <= XKV_KEY_MAX && xkv__is_utf8(key);
}

/* where names what is no key: "key", "keys[3]". */
static int refuse_key(const char *where, xkv_bytes key) {
    char quoted[XKV__QUOTE_SIZE];

    if (key.len == 0)
        return xkv__fail(XKV_E_INVALID_OPTIONS,
                         "%s must not be empty; give a string of 1 to %u bytes", where,
                         XKV_KEY_MAX);
    if (key.len > XKV_KEY_MAX)
        return xkv__fail(XKV_E_INVALID_OPTIONS, "%s %s is %zu bytes long; at most %u are allowed",
                         where, xkv__quote(key, quoted), key.len, XKV_KEY_MAX);
    return xkv__fail(XKV_E_INVALID_OPTIONS, "%s %s is not valid UTF-8", where,
                     xkv__quote(key, quoted));
}

static int check_key(const char *where, xkv_bytes key) {
    return is_key(key) ? XKV_OK : refuse_key(where, key);
}

/* What is handed out must not be where it is noted what was. */
static int check_position(const xkv_command *command) {
    char quoted[XKV__QUOTE_SIZE];

    if (!xkv__has_prefix(command->key, command->prefix))
        return XKV_OK;
    return xkv__fail(XKV_E_INVALID_OPTIONS,
                     "position %s starts with the prefix, so it would be handed out itself; name a "
                     "key that does not",
                     xkv__quote(command->key, quoted));
}

enum { VALUE_NAME_SIZE = XKV__QUOTE_SIZE + 20 };

static const char *value_name(const xkv_bytes *key, char out[VALUE_NAME_SIZE]) {
    char quoted[XKV__QUOTE_SIZE];

    if (!key)
        return "the value";
    snprintf(out, VALUE_NAME_SIZE, "the value for key %s", xkv__quote(*key, quoted));
    return out;
}

/* key is NULL where there is none. */
static int check_value(const xkv_options *options, const xkv_bytes *key, xkv_bytes value) {
    char name[VALUE_NAME_SIZE];

    if (value.len > XKV_VALUE_MAX)
        return xkv__fail(XKV_E_SERIALIZER, "%s is %zu bytes long; at most %u are allowed",
                         value_name(key, name), value.len, XKV_VALUE_MAX);
    if (options && options->serialization != XKV_BINARY && !xkv__is_utf8(value))
        return xkv__fail(XKV_E_SERIALIZER,
                         "%s is not valid UTF-8; use serialization \"binary\" for bytes",
                         value_name(key, name));
    return XKV_OK;
}

static int check_entry(const xkv_options *options, xkv_bytes key, xkv_bytes value) {
    int error = check_key("key", key);
    return error == XKV_OK ? check_value(options, &key, value) : error;
}

/* What is expected: nothing or a value, which only what stores one can both want. */
static int check_expected(const xkv_options *options, const xkv_op_info *info,
                          const xkv_command *command) {
    int last = info->arguments & XKV_ARG_NEW ? XKV_EXPECT_ABSENT_OR_VALUE : XKV_EXPECT_ABSENT;

    if (command->expect < XKV_EXPECT_VALUE || command->expect > last)
        return xkv__fail(XKV_E_INVALID_OPTIONS, "expect is %d, which is not for this command",
                         command->expect);
    if (command->expect == XKV_EXPECT_ABSENT)
        return XKV_OK;
    return check_value(options, &command->key, command->expected);
}

/* Text that is required says what a call is confined to; empty it would be confined
 * to nothing. */
static int check_text(const xkv_op_info *info, const xkv_argument_info *row, xkv_bytes text) {
    if (text.len == 0 && !(info->optional & row->argument))
        return xkv__fail(row->error, "%s must not be empty%s", row->name,
                         info == xkv_op_describe(XKV_OP_DELETE_BY_PREFIX)
                             ? "; give the first characters of the keys that are meant (to remove "
                               "every key use clear)"
                             : "");
    if (text.len > (uint64_t)row->max)
        return xkv__fail(row->error, "%s is %zu bytes long; at most %lld are allowed", row->name,
                         text.len, (long long)row->max);
    if (!xkv__is_utf8(text))
        return xkv__fail(row->error, "%s is not valid UTF-8", row->name);
    return XKV_OK;
}

/* -- Numbers ------------------------------------------------------------------- */

struct range {
    int64_t min, max;
};

/* A limit that need not be given has no least value: 0 or less means all. */
static struct range range_of(const xkv_op_info *info, const xkv_argument_info *row) {
    struct range range = {row->min, row->max};

    if (row->argument != XKV_ARG_LIMIT)
        return range;
    if (info->optional & XKV_ARG_LIMIT)
        range.min = INT64_MIN;
    if (info->limit_max != 0)
        range.max = info->limit_max;
    return range;
}

static int refuse_duration(const xkv_argument_info *row, const char *got) {
    return xkv__fail(row->error,
                     "%s is %s; it must be a whole number of milliseconds from %lld to %lld, "
                     "or " XKV__DURATION_TEXT,
                     row->name, got, (long long)row->min, (long long)row->max);
}

static int refuse_number(const xkv_argument_info *row, struct range range, int64_t number) {
    char got[24];

    snprintf(got, sizeof got, "%lld", (long long)number);
    if (row->kind == XKV_KIND_DURATION)
        return refuse_duration(row, got);
    if (range.min == INT64_MIN)
        return xkv__fail(row->error, "%s is %s; at most %lld are allowed (0 or less: all)",
                         row->name, got, (long long)range.max);
    return xkv__fail(row->error, "%s is %s; it must be an integer from %lld to %lld", row->name,
                     got, (long long)range.min, (long long)range.max);
}

int xkv__check_range(const xkv_op_info *info, const xkv_argument_info *row, int64_t number) {
    struct range range = range_of(info, row);
    bool is_in = number >= range.min && number <= range.max;
    return is_in ? XKV_OK : refuse_number(row, range, number);
}

/* Zero is what need not be given and was not. */
static int check_number(const xkv_op_info *info, const xkv_argument_info *row, int64_t number) {
    bool is_left_out = number == 0 && (info->optional & row->argument);
    return is_left_out ? XKV_OK : xkv__check_range(info, row, number);
}

int xkv__check_duration(const xkv_argument_info *row, xkv_bytes text, int64_t *ms) {
    char quoted[XKV__QUOTE_SIZE];
    int64_t read;

    if (!xkv__read_duration(text, &read) || read < row->min || read > row->max)
        return refuse_duration(row, xkv__quote(text, quoted));
    *ms = read;
    return XKV_OK;
}

/* -- Lists ------------------------------------------------------------------- */

static int check_claim(const xkv_argument_info *row, const xkv_item *item, size_t index) {
    bool is_one = row->kind == XKV_KIND_CLAIM;
    xkv__given given;
    char where[64];

    if (!xkv__given_in(item, &given) || !xkv__is_utf8(given.id)) {
        snprintf(where, sizeof where, is_one ? "%s" : "%s[%zu]", row->name, index);
        return xkv__fail(XKV_E_INVALID_OPTIONS,
                         "%s has no token or id; give back what a claim returned", where);
    }
    if (is_key(given.key))
        return XKV_OK;
    snprintf(where, sizeof where, is_one ? "%s.key" : "%s[%zu].key", row->name, index);
    return refuse_key(where, given.key);
}

/* The name of a column, say. */
static int check_text_item(const xkv_argument_info *row, xkv_bytes text, size_t index) {
    if (text.len == 0)
        return xkv__fail(row->error, "%s[%zu] must not be empty", row->name, index);
    if (!xkv__is_utf8(text))
        return xkv__fail(row->error, "%s[%zu] is not valid UTF-8", row->name, index);
    return XKV_OK;
}

static int check_item(const xkv_options *options, const xkv_op_info *info,
                      const xkv_argument_info *row, const xkv_item *item, size_t index) {
    char where[48];

    if (row->kind == XKV_KIND_ENTRIES)
        return check_entry(options, item->text, item->value);
    if (row->kind == XKV_KIND_TEXTS)
        return check_text_item(row, item->text, index);
    if (row->kind != XKV_KIND_KEYS)
        return check_claim(row, item, index);
    /* What is only read may be asked for under any name. */
    if (is_key(item->text) || (info->access == XKV_ACCESS_SCAN && item->text.len == 0))
        return XKV_OK;
    snprintf(where, sizeof where, "%s[%zu]", row->name, index);
    return refuse_key(where, item->text);
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

static int check_items(const xkv_options *options, const xkv_op_info *info,
                       const xkv_argument_info *row, xkv_bytes items) {
    size_t at = 0, next = 0, count = 0; /* at: up to where they are entries */
    int error = XKV_OK;

    if (items.len > (uint64_t)row->max)
        return xkv__fail(XKV_E_INVALID_OPTIONS, "items are %zu bytes; at most %lld are allowed",
                         items.len, (long long)row->max);
    for (xkv_item item; error == XKV_OK && xkv_item_next(items, &next, &item); at = next, count++) {
        if (item.kind != XKV_ITEM_ENTRY)
            break;
        error = check_item(options, info, row, &item, count);
    }
    if (error != XKV_OK)
        return row->kind == XKV_KIND_ENTRIES ? fail_entries(options, items) : error;
    if (at != items.len || (row->kind == XKV_KIND_CLAIM && count != 1))
        return xkv__fail(XKV_E_INVALID_OPTIONS,
                         "items is not a list of entries; make it with xkv_items_add or, for one "
                         "claim, xkv_items_add_claim");
    bool once = info->optional & XKV_ARG_ALL_OR_NOTHING;
    return once && count > 1 ? check_distinct(items, count) : XKV_OK;
}

/* -- Commands ---------------------------------------------------------------- */

/* Checks some arguments of a command. */
static int check(const xkv_options *options, const xkv_op_info *info, xkv_arguments arguments,
                 const xkv_command *command) {
    bool has_key = info->arguments & XKV_ARG_KEY;
    int error = XKV_OK;

    for (xkv_arguments left = arguments; left != 0 && error == XKV_OK; left &= left - 1) {
        const xkv_argument_info *row = xkv__first_argument(left);
        switch (row->kind) {
        case XKV_KIND_KEY:
            error = check_key(row->name, xkv__bytes_in(command, row));
            if (error == XKV_OK && options && row->argument == XKV_ARG_POSITION)
                error = check_position(command);
            break;
        case XKV_KIND_VALUE:
            error =
                check_value(options, has_key ? &command->key : NULL, xkv__bytes_in(command, row));
            break;
        case XKV_KIND_EXPECTED:
            error = check_expected(options, info, command);
            break;
        case XKV_KIND_TEXT:
            error = check_text(info, row, xkv__bytes_in(command, row));
            break;
        case XKV_KIND_INTEGER:
        case XKV_KIND_DURATION:
            error = check_number(info, row, xkv__number_in(command, row));
            break;
        case XKV_KIND_BOOLEAN:
            break;
        default:
            error = check_items(options, info, row, xkv__bytes_in(command, row));
        }
    }
    return error;
}

int xkv__check_argument(const xkv_op_info *info, const xkv_argument_info *row,
                        const xkv_command *command) {
    return check(NULL, info, row->argument, command);
}

int xkv__check(const xkv_options *options, const xkv_command *command, xkv_reply *reply) {
    const xkv_op_info *info = xkv_op_describe(command->op);

    if (!info)
        return xkv__reply_fail(reply, XKV_E_INVALID_OPTIONS, "there is no command number %d",
                               command->op);
    bool writes = info->access >= XKV_ACCESS_WRITE || info->access == XKV_ACCESS_IMPORT;
    if (writes && options->read_only)
        return xkv__reply_fail(
            reply, XKV_E_STORE_READ_ONLY,
            "%s: the store was opened with disk.readOnly; leave that out to write", info->name);
    int error = check(options, info, xkv__taken(info), command);
    if (error != XKV_OK)
        return xkv__reply_fail(reply, error, "%s: %s", info->name, xkv__reason(error));
    return XKV_OK;
}

/* -- One argument alone ---------------------------------------------------------- */

int xkv__explain_for(const xkv_op_info *info, int error, char *message, size_t size) {
    if (error == XKV_OK)
        return error;
    return xkv__explain(message, size, error, "%s: %s", info->name, xkv__reason(error));
}

/* The row of a number, if there is such an operation. */
static const xkv_argument_info *number_row(int op, xkv_arguments argument) {
    const xkv_argument_info *row = xkv_argument_describe(argument);
    return xkv_op_describe(op) && row && xkv__type_of(row) == XKV__NUMBER ? row : NULL;
}

static int no_such_argument(int op, xkv_arguments argument, char *message, size_t size) {
    return xkv__explain(message, size, XKV_E_INVALID_OPTIONS,
                        "there is no command number %d, or no such argument %#llx", op,
                        (unsigned long long)argument);
}

bool xkv_argument_range(int op, xkv_arguments argument, int64_t *min, int64_t *max) {
    const xkv_argument_info *row = number_row(op, argument);

    if (!row)
        return false;
    struct range range = range_of(xkv_op_describe(op), row);
    *min = range.min;
    *max = range.max;
    return true;
}

int xkv_check_integer(int op, xkv_arguments argument, int64_t number, char *message, size_t size) {
    const xkv_op_info *info = xkv_op_describe(op);
    const xkv_argument_info *row = number_row(op, argument);

    if (!row)
        return no_such_argument(op, argument, message, size);
    return xkv__explain_for(info, xkv__check_range(info, row, number), message, size);
}

int xkv_read_duration(int op, xkv_arguments argument, xkv_bytes text, int64_t *ms, char *message,
                      size_t size) {
    const xkv_argument_info *row = number_row(op, argument);

    if (!row || row->kind != XKV_KIND_DURATION)
        return no_such_argument(op, argument, message, size);
    return xkv__explain_for(xkv_op_describe(op), xkv__check_duration(row, text, ms), message, size);
}

int xkv__check_entry(const xkv_options *options, xkv_bytes key, xkv_bytes value, char *message,
                     size_t size) {
    int error = check_entry(options, key, value);
    return error == XKV_OK ? error : xkv__explain(message, size, error, "%s", xkv__reason(error));
}
