/*
 * commands.c - the tables of commands and arguments, and what is made of them
 */
#include "../support.h"

#include "command/command.h"

static xkv_arguments arguments_of(int op) {
    const xkv_op_info *info = xkv_op_describe(op);
    return info->arguments | info->required | info->optional;
}

static bool is_number(const xkv_argument_info *row) {
    return row->kind == XKV_KIND_INTEGER || row->kind == XKV_KIND_DURATION;
}

static bool is_bytes(const xkv_argument_info *row) {
    return !is_number(row) && row->kind != XKV_KIND_BOOLEAN;
}

/* -- The tables ----------------------------------------------------------------- */

static const xkv_op_info commands[] = {
#define X(op, name, access, arguments, required, optional, limit, reply)                           \
    {name,                                                                                         \
     XKV_ACCESS_##access,                                                                          \
     XKV_ARG_##arguments,                                                                          \
     XKV_ARG_##required,                                                                           \
     XKV_ARG_##optional,                                                                           \
     limit,                                                                                        \
     XKV_REPLY_##reply,                                                                            \
     false},
    XKV_COMMAND_MAP(X)
#undef X
};

static void test_commands(void **state) {
    (void)state;
    assert_int_equal(COUNT(commands), XKV_OP_END);
    for (int op = 0; op < XKV_OP_END; op++) {
        const xkv_op_info *info = xkv_op_describe(op);
        assert_non_null(info);
        assert_string_equal(info->name, commands[op].name);
        assert_int_equal(info->access, commands[op].access);
        assert_int_equal(info->arguments, commands[op].arguments);
        assert_int_equal(info->required, commands[op].required);
        assert_int_equal(info->optional, commands[op].optional);
        assert_int_equal(info->limit_max, commands[op].limit_max);
        assert_int_equal(info->reply, commands[op].reply);
    }
    assert_null(xkv_op_describe(-1));
    assert_null(xkv_op_describe(XKV_OP_END));
    assert_null(xkv_op_describe(INT_MAX));
}

/* The names tell which commands look for something that may not be there. */
static void test_searches(void **state) {
    (void)state;
    for (int op = 0; op < XKV_OP_END; op++) {
        const char *name = xkv_op_describe(op)->name;
        bool expected = strncmp(name, "random", 6) == 0 || strncmp(name, "claim", 5) == 0 ||
                        strncmp(name, "pop", 3) == 0 || strncmp(name, "next", 4) == 0;
        if (xkv_op_describe(op)->searches != expected)
            fail_msg("%s", name);
    }
}

/* Each argument of a command is one that exists. */
static void test_arguments(void **state) {
    xkv_arguments all = 0;

    (void)state;
    for (unsigned bit = 0; bit < XKV_ARGUMENTS; bit++) {
        const xkv_argument_info *info = xkv_argument_describe(UINT64_C(1) << bit);
        assert_non_null(info);
        assert_int_equal(info->argument, UINT64_C(1) << bit);
        assert_true(info->min < info->max);
        assert_true(info->error > XKV_OK && info->error < XKV_ERROR_END);
        all |= UINT64_C(1) << bit;
    }
    for (int op = 0; op < XKV_OP_END; op++) {
        const xkv_op_info *info = xkv_op_describe(op);
        assert_int_equal(arguments_of(op) & ~all, 0);
        assert_int_equal(info->arguments & (info->required | info->optional), 0);
        assert_int_equal(info->required & info->optional, 0);
    }
    assert_string_equal(xkv_argument_describe(XKV_ARG_TTL)->name, "ttl");
    assert_int_equal(xkv_argument_describe(XKV_ARG_TTL)->max, XKV_TTL_MAX);
    assert_int_equal(xkv_argument_describe(XKV_ARG_TTL)->standard, XKV_TTL_DEFAULT);
    assert_null(xkv_argument_describe(XKV_ARG_NONE));
    assert_null(xkv_argument_describe(XKV_ARG_KEY | XKV_ARG_VALUE));
    assert_null(xkv_argument_describe(UINT64_C(1) << XKV_ARGUMENTS));
    assert_null(xkv_argument_describe(UINT64_C(1) << 63));
}

/* What a command may fail with is said in xkv.h, once; that it is true is seen to by
 * every test that makes one fail. */
static void test_promises(void **state) {
    (void)state;
    if (!promises.known)
        skip();
    for (int op = 0; op < XKV_OP_END; op++) {
        if (promises.times[op] != 1)
            fail_msg("%s is named %u times", xkv_op_describe(op)->name, promises.times[op]);
    }
}

/* Fields and names are shared only by arguments that no command takes together. */
static void test_fields(void **state) {
    (void)state;
    for (int op = 0; op < XKV_OP_END; op++) {
        bool taken[sizeof(xkv_command)] = {false};
        const char *names[XKV_ARGUMENTS];
        size_t count = 0;
        for (unsigned bit = 0; bit < XKV_ARGUMENTS; bit++) {
            if (!(arguments_of(op) & UINT64_C(1) << bit))
                continue;
            bool *field = &taken[xkv_argument_describe(UINT64_C(1) << bit)->field];
            assert_false(*field);
            *field = true;
            names[count++] = xkv_argument_describe(UINT64_C(1) << bit)->name;
            for (size_t i = 0; i + 1 < count; i++)
                assert_string_not_equal(names[i], names[count - 1]);
        }
    }
}

static void assert_range(int op, xkv_arguments argument, int64_t min, int64_t max) {
    int64_t least = 1, most = 0;

    assert_true(xkv_argument_range(op, argument, &least, &most));
    assert_int_equal(least, min);
    assert_int_equal(most, max);
}

static void test_ranges(void **state) {
    int64_t min = 5, max = 6;

    (void)state;
    assert_range(XKV_OP_LIST, XKV_ARG_LIMIT, INT64_MIN, XKV_LIST_MAX);
    assert_range(XKV_OP_LIST_KEYS, XKV_ARG_LIMIT, INT64_MIN, INT64_MAX);
    assert_range(XKV_OP_DELETE_BY_PREFIX, XKV_ARG_LIMIT, 1, XKV_PAGE_MAX);
    assert_range(XKV_OP_RANDOM_KEYS, XKV_ARG_COUNT, 1, XKV_COUNT_MAX);
    assert_range(XKV_OP_CLAIM_KEY, XKV_ARG_TTL, 1, XKV_TTL_MAX);
    assert_range(XKV_OP_INCREMENT_BY, XKV_ARG_DELTA, INT64_MIN, INT64_MAX);
    assert_false(xkv_argument_range(-1, XKV_ARG_LIMIT, &min, &max));
    assert_false(xkv_argument_range(XKV_OP_END, XKV_ARG_LIMIT, &min, &max));
    assert_false(xkv_argument_range(XKV_OP_LIST, XKV_ARG_PREFIX, &min, &max));
    assert_false(xkv_argument_range(XKV_OP_LIST, XKV_ARG_LIMIT | XKV_ARG_TTL, &min, &max));
    assert_int_equal(min, 5);
    assert_int_equal(max, 6);
}

/* -- A command with every argument that it takes -------------------------------- */

static xkv_bytes bytes_for(const xkv_argument_info *row) {
    return xkv_text(row->name);
}

static int64_t number_for(const xkv_argument_info *row) {
    return row->max - 1;
}

static void fill_argument(xkv_command *command, const xkv_argument_info *row) {
    char *field = (char *)command + row->field;

    if (is_number(row))
        memcpy(field, &(int64_t){number_for(row)}, sizeof(int64_t));
    else if (is_bytes(row))
        memcpy(field, &(xkv_bytes){row->name, strlen(row->name)}, sizeof(xkv_bytes));
    else
        memcpy(field, &(bool){true}, sizeof(bool));
}

/* Fields that the operation does not take are left alone. */
static void fill_arguments(xkv_command *command, int op) {
    command->op = op;
    command->expect = XKV_EXPECT_VALUE;
    for (unsigned bit = 0; bit < XKV_ARGUMENTS; bit++) {
        if (arguments_of(op) & UINT64_C(1) << bit)
            fill_argument(command, xkv_argument_describe(UINT64_C(1) << bit));
    }
}

/* What a binding hands over is the same command, made without any name of a field. */
static void test_fill(void **state) {
    (void)state;
    for (int op = 0; op < XKV_OP_END; op++) {
        xkv_command expected, command;
        xkv_bytes bytes[XKV_BYTES_MOST];
        int64_t numbers[XKV_NUMBERS_MOST];
        size_t n = 0, m = 0;
        xkv_arguments flags = 0;
        memset(&expected, 0xA5, sizeof expected);
        memset(&command, 0xA5, sizeof command);
        fill_arguments(&expected, op);
        command.op = op;
        command.expect = XKV_EXPECT_VALUE;
        for (unsigned bit = 0; bit < XKV_ARGUMENTS; bit++) {
            const xkv_argument_info *row = xkv_argument_describe(UINT64_C(1) << bit);
            if (!(arguments_of(op) & UINT64_C(1) << bit))
                continue;
            if (is_bytes(row))
                bytes[n++] = bytes_for(row);
            else if (is_number(row))
                numbers[m++] = number_for(row);
            else if (!row->standard) /* a field says what is not the default */
                flags |= row->argument;
        }
        xkv_command_fill(&command, bytes, numbers, flags);
        assert_memory_equal(&command, &expected, sizeof command);
    }
}

static void test_fill_what_is_no_command(void **state) {
    xkv_command before, command;

    (void)state;
    memset(&command, 0xA5, sizeof command);
    command.op = XKV_OP_END;
    before = command;
    xkv_command_fill(&command, NULL, NULL, ~0u);
    assert_memory_equal(&command, &before, sizeof command);
}

/* -- Copies --------------------------------------------------------------------- */

/* Compares the copy's bytes with what they should be, and takes them out of it. */
static void take_bytes(xkv_command *copy, const xkv_argument_info *row, const unsigned char *room,
                       size_t size) {
    xkv_bytes bytes, nothing = {NULL, 0};
    char *field = (char *)copy + row->field;

    memcpy(&bytes, field, sizeof bytes);
    memcpy(field, &nothing, sizeof nothing);
    assert_int_equal(bytes.len, strlen(row->name));
    assert_memory_equal(bytes.data, row->name, bytes.len);
    assert_true((const unsigned char *)bytes.data >= room);
    assert_true((const unsigned char *)bytes.data + bytes.len <= room + size);
}

/* What the operation does not take is garbage in the command, as it may be, and is
 * not to be found in the copy: a pointer there would dangle. */
static void test_copy(void **state) {
    (void)state;
    for (int op = 0; op < XKV_OP_END; op++) {
        unsigned char room[64];
        xkv_command command, copy, expected;
        memset(&command, 0xA5, sizeof command);
        memset(&expected, 0, sizeof expected);
        memset(&copy, 0x5A, sizeof copy);
        fill_arguments(&command, op);
        size_t size = xkv__command_size(&command);
        assert_true(size <= sizeof room);
        xkv__command_copy(&copy, &command, room);
        expected.op = op;
        for (unsigned bit = 0; bit < XKV_ARGUMENTS; bit++) {
            const xkv_argument_info *row = xkv_argument_describe(UINT64_C(1) << bit);
            if (!(arguments_of(op) & UINT64_C(1) << bit))
                continue;
            if (is_bytes(row))
                take_bytes(&copy, row, room, size);
            else
                fill_argument(&expected, row);
        }
        assert_memory_equal(&copy, &expected, sizeof copy);
    }
}

/* Where nothing is expected, what stands there is not looked at. */
static void test_copy_of_nothing_expected(void **state) {
    unsigned char room[8];
    xkv_command copy, command = {.op = XKV_OP_COMPARE_AND_SWAP,
                                 .key = LIT("k"),
                                 .value = LIT("v"),
                                 .expect = XKV_EXPECT_ABSENT};

    (void)state;
    command.expected = (xkv_bytes){(const void *)(uintptr_t)1, SIZE_MAX};
    assert_int_equal(xkv__command_size(&command), 2);
    xkv__command_copy(&copy, &command, room);
    assert_int_equal(copy.expected.len, 0);
    assert_int_equal(copy.expect, XKV_EXPECT_ABSENT);
}

/* -- Setting by name -------------------------------------------------------------- */

#define TEXT(t)                                                                                    \
    { .type = XKV_TYPE_TEXT, .text = (t) }
#define BYTES(b)                                                                                   \
    {                                                                                              \
        .type = XKV_TYPE_BYTES, .bytes = {(b), sizeof(b) - 1 }                                     \
    }
#define NUMBER(n)                                                                                  \
    { .type = XKV_TYPE_NUMBER, .number = (n) }
#define BOOLEAN(b)                                                                                 \
    { .type = XKV_TYPE_BOOL, .boolean = (b) }
#define OTHER(t)                                                                                   \
    { .type = XKV_TYPE_OTHER, .text = (t) }

/* LIT for tables. */
#define LITERAL(t)                                                                                 \
    { (t), sizeof(t) - 1 }

static const struct {
    int op;
    const char *name;
    xkv_scalar value;
    xkv_command expected;
} settable[] = {
    {XKV_OP_GET, "key", TEXT("k"), {.key = LITERAL("k")}},
    {XKV_OP_GET, "key", BYTES("a\0b"), {.key = LITERAL("a\0b")}},
    {XKV_OP_SET, "value", TEXT(""), {.value = LITERAL("")}},
    {XKV_OP_SET, "value", BYTES("\xFF\0"), {.value = LITERAL("\xFF\0")}},
    {XKV_OP_COMPARE_AND_SWAP, "old", TEXT("1"), {.expected = LITERAL("1")}},
    {XKV_OP_COMPARE_AND_SWAP, "new", TEXT("2"), {.value = LITERAL("2")}},
    {XKV_OP_INCREMENT_BY, "delta", NUMBER(-0x1p63), {.delta = INT64_MIN}},
    {XKV_OP_LIST, "prefix", TEXT("p"), {.prefix = LITERAL("p")}},
    {XKV_OP_LIST, "prefix", TEXT(""), {.prefix = LITERAL("")}},
    {XKV_OP_LIST, "limit", NUMBER(0), {.limit = 0}},
    {XKV_OP_LIST, "limit", NUMBER(-7), {.limit = -7}},
    {XKV_OP_LIST, "limit", NUMBER(XKV_LIST_MAX), {.limit = XKV_LIST_MAX}},
    {XKV_OP_SCAN, "cursor", TEXT("abc"), {.cursor = LITERAL("abc")}},
    {XKV_OP_RANDOM_KEYS, "count", NUMBER(3), {.count = 3}},
    {XKV_OP_RANDOM_KEYS, "unique", BOOLEAN(false), {.repeats = true}},
    {XKV_OP_RANDOM_KEYS, "unique", BOOLEAN(true), {.repeats = false}},
    {XKV_OP_CLAIM_KEY, "owner", TEXT("me"), {.owner = LITERAL("me")}},
    {XKV_OP_CLAIM_KEY, "ttl", NUMBER(250), {.ttl_ms = 250}},
    {XKV_OP_CLAIM_KEY, "ttl", TEXT("1.5s"), {.ttl_ms = 1500}},
    {XKV_OP_CLAIM_KEY, "ttl", BYTES("1d"), {.ttl_ms = XKV_TTL_MAX}},
    {XKV_OP_CLAIM_KEYS, "allOrNothing", BOOLEAN(true), {.all_or_nothing = true}},
    {XKV_OP_COMPLETE_CLAIM, "deleteKey", BOOLEAN(false), {.keep_key = true}},
    {XKV_OP_COMPLETE_CLAIM, "deleteKey", BOOLEAN(true), {.keep_key = false}},
    {XKV_OP_COMPARE_AND_DELETE_DETAILED,
     "includeCurrentOnMismatch",
     BOOLEAN(true),
     {.include_current = true}},
};

/* What a command is like, but for where its bytes lie. */
static void assert_same_bytes(xkv_bytes a, xkv_bytes b) {
    assert_int_equal(a.len, b.len);
    if (a.len > 0)
        assert_memory_equal(a.data, b.data, a.len);
}

static void assert_same_command(const xkv_command *a, const xkv_command *b) {
    assert_int_equal(a->op, b->op);
    assert_int_equal(a->expect, b->expect);
    for (unsigned bit = 0; bit < XKV_ARGUMENTS; bit++) {
        const xkv_argument_info *row = xkv_argument_describe(UINT64_C(1) << bit);
        const void *one = (const char *)a + row->field, *other = (const char *)b + row->field;
        if (is_bytes(row))
            assert_same_bytes(*(const xkv_bytes *)one, *(const xkv_bytes *)other);
        else
            assert_memory_equal(one, other, is_number(row) ? sizeof(int64_t) : sizeof(bool));
    }
}

static void test_set(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(settable); i++) {
        char message[XKV_MESSAGE_SIZE] = "untouched";
        xkv_command command = {.op = settable[i].op}, expected = settable[i].expected;
        expected.op = settable[i].op;
        if (xkv_command_set(&command, settable[i].name, &settable[i].value, message,
                            sizeof message))
            fail_msg("%zu: %s", i, message);
        assert_string_equal(message, "untouched");
        assert_same_command(&command, &expected);
    }
}

/* A value that is expected is one, whatever was expected before. */
static void test_set_expected(void **state) {
    xkv_command command = {.op = XKV_OP_COMPARE_AND_SWAP, .expect = XKV_EXPECT_ABSENT};
    const xkv_scalar old = TEXT("1");

    (void)state;
    assert_int_equal(xkv_command_set(&command, "old", &old, NULL, 0), XKV_OK);
    assert_int_equal(command.expect, XKV_EXPECT_VALUE);
}

static void test_set_items(void **state) {
    xkv_items items = {0};
    assert_int_equal(xkv_items_add(&items, LIT("k"), NOTHING), XKV_OK);
    const xkv_scalar keys = {.type = XKV_TYPE_BYTES, .bytes = xkv_items_bytes(&items)};
    xkv_command command = {.op = XKV_OP_DELETE_MANY};

    (void)state;
    assert_int_equal(xkv_command_set(&command, "keys", &keys, NULL, 0), XKV_OK);
    assert_ptr_equal(command.items.data, items.data);
    assert_int_equal(command.items.len, items.len);
    xkv_items_free(&items);
}

#define O XKV_E_INVALID_OPTIONS

/* What comes back, and what the message must say. */
static const struct {
    int op;
    const char *name;
    xkv_scalar value;
    int error;
    const char *message;
} refused[] = {
    {-1, "key", TEXT("k"), O, "there is no command number -1"},
    {XKV_OP_END, "key", TEXT("k"), O, "there is no command number"},
    {XKV_OP_GET, "value", TEXT("v"), O, "get: there is no argument \"value\""},
    {XKV_OP_LIST, "limits", NUMBER(1), O,
     "list: there is no argument \"limits\"; did you mean \"limit\"?"},
    {XKV_OP_SIZE, "", NUMBER(1), O, "size: there is no argument \"\""},
    {XKV_OP_GET, "key", NUMBER(5), O, "get: key must be a string that is not empty; it is 5"},
    {XKV_OP_GET, "key", TEXT(""), O, "get: key must not be empty; give a string of 1 to 32768"},
    {XKV_OP_GET, "key", BYTES("\xFF"), O, "get: key \"\\xff\" is not valid UTF-8"},
    {XKV_OP_SET, "value", NUMBER(1.5), XKV_E_SERIALIZER, "set: value must be a value, as text or"},
    {XKV_OP_COMPARE_AND_SWAP, "old", OTHER("null"), XKV_E_SERIALIZER, "old must be a value"},
    {XKV_OP_INCREMENT_BY, "delta", TEXT("5"), XKV_E_VALUE_NUMBER_REQUIRED,
     "incrementBy: delta must be an integer of 64 bits; it is \"5\""},
    {XKV_OP_INCREMENT_BY, "delta", NUMBER(0x1p63), XKV_E_VALUE_NUMBER_REQUIRED,
     "it is 9.223372036854776e+18"},
    {XKV_OP_LIST, "prefix", BOOLEAN(true), O, "list: prefix must be a string; it is true"},
    {XKV_OP_LIST, "prefix", BYTES("\xFF"), O, "list: prefix is not valid UTF-8"},
    {XKV_OP_DELETE_BY_PREFIX, "prefix", TEXT(""), O,
     "deleteByPrefix: prefix must not be empty; give the first characters of the keys"},
    {XKV_OP_LIST, "limit", NUMBER(XKV_LIST_MAX + 1), O,
     "list: limit is 250001; at most 250000 are allowed (0 or less: all)"},
    {XKV_OP_DELETE_BY_PREFIX, "limit", NUMBER(0), O,
     "deleteByPrefix: limit is 0; it must be an integer from 1 to 100000"},
    {XKV_OP_LIST, "limit", NUMBER(1.5), O, "list: limit must be an integer; it is 1.5"},
    {XKV_OP_SCAN, "cursor", NUMBER(1), O, "scan: cursor must be a string"},
    {XKV_OP_SCAN, "cursor", BYTES("\xFF"), XKV_E_INVALID_CURSOR, "cursor is not valid UTF-8"},
    {XKV_OP_RANDOM_KEYS, "count", NUMBER(0), O,
     "randomKeys: count is 0; it must be an integer from 1 to 1000000"},
    {XKV_OP_RANDOM_KEYS, "unique", NUMBER(1), O, "unique must be true or false; it is 1"},
    {XKV_OP_CLAIM_KEY, "ttl", NUMBER(0), O, "claimKey: ttl is 0; it must be a whole number of"},
    {XKV_OP_CLAIM_KEY, "ttl", TEXT("soon"), O, "claimKey: ttl is \"soon\"; it must be a whole"},
    {XKV_OP_CLAIM_KEY, "ttl", TEXT("25h"), O, "claimKey: ttl is \"25h\"; it must be a whole"},
    {XKV_OP_CLAIM_KEY, "ttl", OTHER("an array"), O, "ttl must be a number of milliseconds, or"},
    {XKV_OP_DELETE_MANY, "keys", TEXT("k"), O, "deleteMany: items is not a list of entries"},
    {XKV_OP_DELETE_MANY, "keys", NUMBER(1), O, "keys must be an array, or another iterable, of"},
    {XKV_OP_RELEASE_CLAIM, "claim", TEXT(""), O, "releaseClaim: items is not a list of entries"},
};

static void test_set_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        char message[XKV_MESSAGE_SIZE] = "";
        xkv_command command, before;
        memset(&command, 0x5A, sizeof command);
        command.op = refused[i].op;
        before = command;
        int error =
            xkv_command_set(&command, refused[i].name, &refused[i].value, message, sizeof message);
        if (error != refused[i].error || !strstr(message, refused[i].message))
            fail_msg("%zu: %s: %s", i, xkv_error_name(error), message);
        assert_memory_equal(&command, &before, sizeof command);
    }
}

static void test_set_long_texts(void **state) {
    char message[XKV_MESSAGE_SIZE], text[XKV_KEY_MAX + 2];
    xkv_scalar value = TEXT(text);
    xkv_command command = {.op = XKV_OP_CLAIM_KEY};

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(xkv_command_set(&command, "key", &value, message, sizeof message), O);
    assert_non_null(strstr(message, "is 32769 bytes long; at most 32768 are allowed"));
    text[XKV_OWNER_MAX + 1] = '\0';
    assert_int_equal(xkv_command_set(&command, "owner", &value, message, sizeof message), O);
    assert_string_equal(message, "claimKey: owner is 257 bytes long; at most 256 are allowed");
    text[XKV_OWNER_MAX] = '\0';
    assert_int_equal(xkv_command_set(&command, "owner", &value, message, sizeof message), XKV_OK);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_searches),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_promises),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_fill),
        cmocka_unit_test(test_fill_what_is_no_command),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_copy_of_nothing_expected),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_set_expected),
        cmocka_unit_test(test_set_items),
        cmocka_unit_test(test_set_refused),
        cmocka_unit_test(test_set_long_texts),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
