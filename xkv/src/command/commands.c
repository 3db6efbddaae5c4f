/*
 * commands.c - the tables of commands and of their arguments, and what is done to all
 * arguments of a command at once
 */
#include "command/arguments.h"
#include "command/command.h"
#include "command/items.h"

/* -- The tables -------------------------------------------------------------- */

const xkv_op_info xkv__operations[XKV_OP_END] = {
#define X(op, name, access, arguments, required, optional, limit, reply)                           \
    [XKV_OP_##op] = {                                                                              \
        name,                                                                                      \
        XKV_ACCESS_##access,                                                                       \
        XKV_ARG_##arguments,                                                                       \
        XKV_ARG_##required,                                                                        \
        XKV_ARG_##optional,                                                                        \
        limit,                                                                                     \
        XKV_REPLY_##reply,                                                                         \
        XKV_REPLY_##reply == XKV_REPLY_KEY || XKV_REPLY_##reply == XKV_REPLY_FOUND,                \
    },
    XKV_COMMAND_MAP(X)
#undef X
};

/* What an argument must be, by kind. */
#define WORDS_KEY                  "a string that is not empty"
#define WORDS_VALUE                "a value, as text or bytes"
#define WORDS_EXPECTED             WORDS_VALUE
#define WORDS_TEXT                 "a string"
#define WORDS_INTEGER              "an integer"
#define WORDS_DURATION             "a number of milliseconds, or text such as \"500ms\" or \"1m30s\""
#define WORDS_BOOLEAN              "true or false"
#define WORDS_KEYS                 "an array, or another iterable, of strings"
#define WORDS_TEXTS                "an array, or another iterable, of strings"
#define WORDS_ENTRIES              "a plain object {key: value, …}"
#define WORDS_CLAIM                "a claim {id, key, token}"
#define WORDS_CLAIMS               "an array, or another iterable, of claims {id, key, token}"
#define IS_LONG_INTEGER(kind, min) (XKV_KIND_##kind == XKV_KIND_INTEGER && (min) == INT64_MIN)

const xkv_argument_info xkv__arguments[XKV_ARGUMENTS] = {
#define X(argument, name, kind, field, min, max, standard, error)                                  \
    [XKV_NTH_##argument] = {                                                                       \
        XKV_ARG_##argument,                                                                        \
        name,                                                                                      \
        XKV_KIND_##kind,                                                                           \
        IS_LONG_INTEGER(kind, min) ? "an integer of 64 bits" : WORDS_##kind,                       \
        offsetof(xkv_command, field),                                                              \
        min,                                                                                       \
        max,                                                                                       \
        standard,                                                                                  \
        XKV_E_##error,                                                                             \
        XKV_KIND_##kind == XKV_KIND_TEXT ? XKV_E_INVALID_OPTIONS : XKV_E_##error,                  \
    },
    XKV_ARGUMENT_MAP(X)
#undef X
};

const xkv_op_info *xkv_op_describe(int op) {
    return op >= 0 && op < XKV_OP_END ? &xkv__operations[op] : NULL;
}

const xkv_argument_info *xkv_argument_describe(xkv_arguments argument) {
    bool is_one = argument != 0 && (argument & (argument - 1)) == 0;
    return is_one && argument < UINT64_C(1) << XKV_ARGUMENTS ? xkv__first_argument(argument) : NULL;
}

/* -- What the tables must be like ---------------------------------------------
 *
 * Here, so that a row that breaks what the others rely on is not compiled.
 */

/* A field has the type that its kind says. */
#define X(argument, name, kind, field, min, max, standard, error)                                  \
    _Static_assert(_Generic(((xkv_command *)0)->field, xkv_bytes                                   \
                            : XKV__BYTES, int64_t                                                  \
                            : XKV__NUMBER, bool                                                    \
                            : XKV__FLAG) == XKV__TYPE_OF(XKV_KIND_##kind),                         \
                   name " is of another kind than its field");
XKV_ARGUMENT_MAP(X)
#undef X

/* Zero in a field is the default, so a default that is not 0 must not hide a 0 that
 * somebody may want. */
#define X(argument, name, kind, field, min, max, standard, error)                                  \
    _Static_assert((standard) == 0 || (min) > 0 || XKV_KIND_##kind == XKV_KIND_BOOLEAN,            \
                   name " could not be set to 0");
XKV_ARGUMENT_MAP(X)
#undef X

/* The arguments of a type, by halves: an enum has no room for all their bits. */
enum { HALF = 31 };
#define IN_HALF(half, argument, kind, type)                                                        \
    (XKV__TYPE_OF(XKV_KIND_##kind) == (type) && XKV_NTH_##argument / HALF == (half)                \
         ? 1 << XKV_NTH_##argument % HALF                                                          \
         : 0)
enum {
#define X(argument, name, kind, field, min, max, standard, error)                                  \
    +IN_HALF(0, argument, kind, XKV__BYTES)
    LOW_BYTES = 0 XKV_ARGUMENT_MAP(X),
#undef X
#define X(argument, name, kind, field, min, max, standard, error)                                  \
    +IN_HALF(1, argument, kind, XKV__BYTES)
    HIGH_BYTES = 0 XKV_ARGUMENT_MAP(X),
#undef X
#define X(argument, name, kind, field, min, max, standard, error)                                  \
    +IN_HALF(0, argument, kind, XKV__NUMBER)
    LOW_NUMBERS = 0 XKV_ARGUMENT_MAP(X),
#undef X
#define X(argument, name, kind, field, min, max, standard, error)                                  \
    +IN_HALF(1, argument, kind, XKV__NUMBER)
    HIGH_NUMBERS = 0 XKV_ARGUMENT_MAP(X),
#undef X
};
_Static_assert(XKV_ARGUMENTS <= 2 * HALF, "there are more halves");

/* How many bits are set in a constant. */
#define IN_TWOS(x)    ((x) - ((x) >> 1 & 0x55555555u))
#define IN_FOURS(x)   ((IN_TWOS(x) & 0x33333333u) + (IN_TWOS(x) >> 2 & 0x33333333u))
#define COUNT_BITS(x) (((IN_FOURS(x) + (IN_FOURS(x) >> 4)) & 0x0F0F0F0Fu) * 0x01010101u >> 24)

/* Bindings have room for the arguments of each command. */
#define TAKEN(half, arguments, required, optional)                                                 \
    ((unsigned)((XKV_ARG_##arguments | XKV_ARG_##required | XKV_ARG_##optional) >> (half)*HALF &   \
                INT32_MAX))
#define X(op, name, access, arguments, required, optional, limit, reply)                           \
    _Static_assert(COUNT_BITS(LOW_BYTES & TAKEN(0, arguments, required, optional)) +               \
                           COUNT_BITS(HIGH_BYTES & TAKEN(1, arguments, required, optional)) <=     \
                       XKV_BYTES_MOST,                                                             \
                   name " has more bytes than XKV_BYTES_MOST");                                    \
    _Static_assert(COUNT_BITS(LOW_NUMBERS & TAKEN(0, arguments, required, optional)) +             \
                           COUNT_BITS(HIGH_NUMBERS & TAKEN(1, arguments, required, optional)) <=   \
                       XKV_NUMBERS_MOST,                                                           \
                   name " has more numbers than XKV_NUMBERS_MOST");
XKV_COMMAND_MAP(X)
#undef X

/* -- All arguments of a command ----------------------------------------------- */

void xkv_command_fill(xkv_command *command, const xkv_bytes *bytes, const int64_t *numbers,
                      xkv_arguments flags) {
    const xkv_op_info *info = xkv_op_describe(command->op);

    if (!info)
        return;
    for (xkv_arguments left = xkv__taken(info); left != 0; left &= left - 1) {
        const xkv_argument_info *row = xkv__first_argument(left);
        switch (xkv__type_of(row)) {
        case XKV__BYTES:
            *(xkv_bytes *)xkv__field_of(command, row) = *bytes++;
            break;
        case XKV__NUMBER:
            *(int64_t *)xkv__field_of(command, row) = *numbers++;
            break;
        case XKV__FLAG:
            xkv__set_flag(command, row, flags & row->argument);
            break;
        }
    }
}

/* A command that reads no more keys than this is done before others would notice. */
enum { SHORT = 256 };

bool xkv__scans_much(const xkv_command *command) {
    switch (command->op) {
    case XKV_OP_GET_MANY:
        return command->items.len > SHORT * XKV__ENTRY_MIN;
    case XKV_OP_RANDOM_KEYS:
        return command->count > SHORT;
    default:
        return command->limit <= 0 || command->limit > SHORT;
    }
}

size_t xkv__command_size(const xkv_command *command) {
    size_t size = 0;

    for (xkv_arguments left = xkv__taken(xkv__info(command)); left != 0; left &= left - 1) {
        const xkv_argument_info *row = xkv__first_argument(left);
        if (xkv__type_of(row) == XKV__BYTES)
            size += xkv__bytes_in(command, row).len;
    }
    return size;
}

/* Returns what is left of the room. */
static unsigned char *copy_bytes(xkv_bytes *copy, xkv_bytes bytes, unsigned char *room) {
    if (bytes.len > 0)
        memcpy(room, bytes.data, bytes.len);
    *copy = (xkv_bytes){room, bytes.len};
    return room + bytes.len;
}

void xkv__command_copy(xkv_command *copy, const xkv_command *command, unsigned char *room) {
    memset(copy, 0, sizeof *copy);
    copy->op = command->op;
    copy->expect = command->expect;
    for (xkv_arguments left = xkv__taken(xkv__info(command)); left != 0; left &= left - 1) {
        const xkv_argument_info *row = xkv__first_argument(left);
        void *to = xkv__field_of(copy, row);
        switch (xkv__type_of(row)) {
        case XKV__BYTES:
            room = copy_bytes(to, xkv__bytes_in(command, row), room);
            break;
        case XKV__NUMBER:
            memcpy(to, xkv__field_in(command, row), sizeof(int64_t));
            break;
        case XKV__FLAG:
            memcpy(to, xkv__field_in(command, row), sizeof(bool));
            break;
        }
    }
}
