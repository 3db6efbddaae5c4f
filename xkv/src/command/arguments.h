/*
 * arguments.h - the arguments of a command, one by one, as XKV_ARGUMENT_MAP has them
 *
 * Whatever is done with arguments walks the rows of those that an operation takes:
 *
 *     for (xkv_arguments left = xkv__taken(info); left != 0; left &= left - 1)
 *         … xkv__first_argument(left) …
 */
#ifndef XKV_COMMAND_ARGUMENTS_H
#define XKV_COMMAND_ARGUMENTS_H

#include "base/config.h"

extern const xkv_argument_info xkv__arguments[XKV_ARGUMENTS];

/* All arguments of an operation, as XKV_ARG_ bits. */
static inline xkv_arguments xkv__taken(const xkv_op_info *info) {
    return info->arguments | info->required | info->optional;
}

/* The row of the lowest bit; there must be one. */
static inline const xkv_argument_info *xkv__first_argument(xkv_arguments bits) {
    return &xkv__arguments[XKV__LOWEST_BIT(bits)];
}

/* What the field of an argument is: an xkv_bytes, an int64_t or a bool. */
typedef enum xkv__field_type { XKV__BYTES, XKV__NUMBER, XKV__FLAG } xkv__field_type;

#define XKV__TYPE_OF(kind)                                                                         \
    ((kind) <= XKV_KIND_CLAIMS ? XKV__BYTES : (kind) == XKV_KIND_BOOLEAN ? XKV__FLAG : XKV__NUMBER)

static inline xkv__field_type xkv__type_of(const xkv_argument_info *row) {
    return XKV__TYPE_OF(row->kind);
}

static inline const void *xkv__field_in(const xkv_command *command, const xkv_argument_info *row) {
    return (const char *)command + row->field;
}

static inline void *xkv__field_of(xkv_command *command, const xkv_argument_info *row) {
    return (char *)command + row->field;
}

/* For an argument that is bytes. What is expected is not looked at if that is
 * nothing. */
static inline xkv_bytes xkv__bytes_in(const xkv_command *command, const xkv_argument_info *row) {
    const xkv_bytes *bytes = xkv__field_in(command, row);
    bool is_absent = row->kind == XKV_KIND_EXPECTED && command->expect == XKV_EXPECT_ABSENT;
    return is_absent ? (xkv_bytes){NULL, 0} : *bytes;
}

/* For an argument that is a number. */
static inline int64_t xkv__number_in(const xkv_command *command, const xkv_argument_info *row) {
    const int64_t *number = xkv__field_in(command, row);
    return *number;
}

/* Sets a BOOLEAN to what scripts call it. Its field says whether that is not the
 * default. */
static inline void xkv__set_flag(xkv_command *command, const xkv_argument_info *row, bool value) {
    bool *flag = xkv__field_of(command, row);
    *flag = value != (row->standard != 0);
}

#endif
