/*
 * set.c - setting an argument of a command by its name
 */
#include "base/error.h"
#include "command/arguments.h"
#include "command/check.h"
#include "command/scalar.h"

static const xkv_argument_info *argument_named(const xkv_op_info *info, const char *name) {
    for (xkv_arguments left = xkv__taken(info); left != 0; left &= left - 1) {
        if (strcmp(xkv__first_argument(left)->name, name) == 0)
            return xkv__first_argument(left);
    }
    return NULL;
}

static int unknown_argument(const xkv_op_info *info, const char *name) {
    const char *names[XKV_ARGUMENTS], *nearest;
    char quoted[XKV__QUOTE_SIZE];
    size_t count = 0;

    for (xkv_arguments left = xkv__taken(info); left != 0; left &= left - 1)
        names[count++] = xkv__first_argument(left)->name;
    xkv__quote(xkv_text(name), quoted);
    nearest = xkv_nearest(name, names, count);
    if (nearest)
        return xkv__fail(XKV_E_INVALID_OPTIONS, "there is no argument %s; did you mean \"%s\"?",
                         quoted, nearest);
    return xkv__fail(XKV_E_INVALID_OPTIONS, "there is no argument %s", quoted);
}

static int wrong_type(const xkv_argument_info *row, const xkv_scalar *value) {
    char got[XKV__SCALAR_SIZE];

    return xkv__fail(row->type_error, "%s must be %s; it is %s", row->name, row->words,
                     xkv__scalar_text(value, got));
}

/* 0 is a number like others here, and not the default. */
static int assign_number(int64_t *number, const xkv_op_info *info, const xkv_argument_info *row,
                         const xkv_scalar *value) {
    xkv_bytes text;

    if (row->kind == XKV_KIND_DURATION && xkv__scalar_bytes(value, &text))
        return xkv__check_duration(row, text, number);
    if (!xkv__scalar_integer(value, number))
        return wrong_type(row, value);
    return xkv__check_range(info, row, *number);
}

static int assign_bytes(xkv_command *command, const xkv_op_info *info, const xkv_argument_info *row,
                        const xkv_scalar *value) {
    if (!xkv__scalar_bytes(value, xkv__field_of(command, row)))
        return wrong_type(row, value);
    if (row->kind == XKV_KIND_TEXT && row->min > 0 && xkv__bytes_in(command, row).len == 0)
        return xkv__fail(row->error, "%s must not be empty", row->name);
    if (row->kind == XKV_KIND_EXPECTED)
        command->expect = XKV_EXPECT_VALUE;
    return xkv__check_argument(info, row, command);
}

static int assign(xkv_command *command, const xkv_op_info *info, const xkv_argument_info *row,
                  const xkv_scalar *value) {
    switch (xkv__type_of(row)) {
    case XKV__BYTES:
        return assign_bytes(command, info, row, value);
    case XKV__NUMBER:
        return assign_number(xkv__field_of(command, row), info, row, value);
    case XKV__FLAG:
        break;
    }
    if (value->type != XKV_TYPE_BOOL)
        return wrong_type(row, value);
    xkv__set_flag(command, row, value->boolean);
    return XKV_OK;
}

int xkv_command_set(xkv_command *command, const char *name, const xkv_scalar *value, char *message,
                    size_t size) {
    const xkv_op_info *info = xkv_op_describe(command->op);
    xkv_command changed = *command;

    if (!info)
        return xkv__explain(message, size, XKV_E_INVALID_OPTIONS, "there is no command number %d",
                            command->op);
    const xkv_argument_info *row = argument_named(info, name);
    int error = row ? assign(&changed, info, row, value) : unknown_argument(info, name);
    if (error == XKV_OK)
        *command = changed;
    return xkv__explain_for(info, error, message, size);
}
