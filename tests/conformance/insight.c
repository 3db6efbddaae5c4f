/*
 * insight.c - stats and allocationStats, what arguments may be, read-only stores
 */
#include "../clock.h"
#include "../files.h"
#include "conformance.h"

/* -- Stats ------------------------------------------------------------------- */

/* What stats must say, put together from the setting. */
static void expected_stats(char out[2 * PATH_SIZE], const struct client *client, int64_t count,
                           int64_t live, int64_t expired, int64_t size) {
    static const char *const serializations[] = {"json", "string", "binary"};
    char index[160] = "null", file[PATH_SIZE + 64] = "null";

    if (setting.track_keys)
        snprintf(index, sizeof index,
                 "{\"enabled\":true,\"keysList\":%" PRId64 ",\"keysMap\":%" PRId64
                 ",\"ost\":%" PRId64 ",\"consistent\":true}",
                 count, count, count);
    if (traits()->is_file)
        snprintf(file, sizeof file,
                 "{\"path\":\"%s\",\"sizeBytes\":%" PRId64 ",\"readOnly\":false}",
                 xkv_store_options(client->store)->path, size);
    snprintf(out, 2 * PATH_SIZE,
             "{\"backend\":\"%s\",\"serialization\":\"%s\",\"trackKeys\":%s,\"count\":%" PRId64
             ",\"claims\":{\"live\":%" PRId64 ",\"expired\":%" PRId64 "},\"index\":%s,\"disk\":%s}",
             traits()->name, serializations[setting.serialization],
             setting.track_keys ? "true" : "false", count, live, expired, index, file);
}

static int64_t file_size(const struct client *client) {
    struct stat status;

    if (!traits()->is_file)
        return 0;
    assert_int_equal(stat(xkv_store_options(client->store)->path, &status), 0);
    return (int64_t)status.st_size;
}

static void assert_stats(struct client *client, int64_t count, int64_t live, int64_t expired) {
    char expected[2 * PATH_SIZE];

    expected_stats(expected, client, count, live, expired, file_size(client));
    assert_int_equal(do_plain(client, XKV_OP_STATS), XKV_OK);
    assert_reply(client, expected);
    assert_int_equal(do_plain(client, XKV_OP_REPORT_STATS), XKV_OK);
    assert_reply(client, expected);
}

static void claim(struct client *client, xkv_bytes key, int64_t ttl) {
    assert_int_equal(RUN(client, .op = XKV_OP_CLAIM_KEY, .key = key, .ttl_ms = ttl), XKV_OK);
    assert_int_equal(client->reply.number, 1);
}

static void case_stats(struct client *client) {
    static char long_key[2000];

    assert_stats(client, 0, 0, 0);
    memset(long_key, 'k', sizeof long_key);
    put(client, LIT("a"), LIT("1"));
    put(client, LIT("b"), LIT("1"));
    put(client, bytes_of(long_key, sizeof long_key), LIT("1"));
    assert_stats(client, 3, 0, 0);
    claim(client, LIT("a"), 10);
    claim(client, LIT("b"), 20);
    assert_stats(client, 3, 2, 0);
    clocks_pass(10);
    assert_stats(client, 3, 1, 1);
    assert_int_equal(do_delete(client, LIT("a")), XKV_OK);
    assert_stats(client, 2, 1, 0);
    assert_int_equal(do_plain(client, XKV_OP_REBUILD_KEY_LIST), XKV_OK);
    assert_stats(client, 2, 1, 0);
    assert_int_equal(do_plain(client, XKV_OP_CLEAR), XKV_OK);
    assert_stats(client, 0, 0, 0);
}

static void assert_allocation(struct client *client, const char *prefix, int64_t total,
                              int64_t live, int64_t expired) {
    char expected[256];

    snprintf(expected, sizeof expected,
             "{\"prefix\":\"%s\",\"total\":%" PRId64 ",\"claimable\":%" PRId64
             ",\"claimedLive\":%" PRId64 ",\"claimedExpired\":%" PRId64
             ",\"backend\":\"%s\",\"trackKeys\":%s}",
             prefix, total, total - live, live, expired, traits()->name,
             setting.track_keys ? "true" : "false");
    assert_int_equal(do_prefix(client, XKV_OP_ALLOCATION_STATS, xkv_text(prefix)), XKV_OK);
    assert_reply(client, expected);
}

static void case_allocation_stats(struct client *client) {
    assert_allocation(client, "", 0, 0, 0);
    assert_int_equal(do_list_of(client, XKV_OP_SET_MANY,
                                ENTRIES("a", "1", "u:1", "1", "u:2", "1", "u:3", "1", "z", "1")),
                     XKV_OK);
    claim(client, LIT("a"), 5);
    claim(client, LIT("u:1"), 10);
    claim(client, LIT("u:3"), 20);
    assert_allocation(client, "", 5, 3, 0);
    assert_allocation(client, "u:", 3, 2, 0);
    assert_allocation(client, "u:2", 1, 0, 0);
    assert_allocation(client, "none", 0, 0, 0);
    clocks_pass(10);
    assert_allocation(client, "", 5, 1, 2);
    assert_allocation(client, "u:", 3, 1, 1);
    assert_allocation(client, "u:1", 1, 0, 1);
}

/* -- Integers ---------------------------------------------------------------- */

/* Gives a command that needs a file one, which holds nothing when it is read. */
static void with_file(xkv_command *command, char name[PATH_SIZE]) {
    const xkv_op_info *info = xkv_op_describe(command->op);

    if (!((info->required | info->optional) & XKV_ARG_FILE_NAME))
        return;
    bool written = info->access == XKV_ACCESS_EXPORT && !strstr(info->name, "validate");
    command->file_name = xkv_text(test_path(name, written ? "written" : "empty"));
    if (!written)
        write_file(name, "", 0);
    if (command->op == XKV_OP_IMPORT_CSV)
        command->row_keys = LIT("row");
}

/* Runs what is right but for one number. */
static int run_number(struct client *client, int op, xkv_arguments argument, int64_t number) {
    xkv_command command = {
        .op = op, .key = LIT("k"), .prefix = LIT("k"), .limit = 1, .count = 1, .ttl_ms = 1};
    bool one = xkv_op_describe(op)->arguments & XKV_ARG_CLAIM;
    struct ticket ticket = {"claim-0", "k", 0, 0};
    char name[PATH_SIZE];

    with_file(&command, name);
    command.owner = LIT("o");
    if (argument == XKV_ARG_LIMIT)
        command.limit = number;
    else if (argument == XKV_ARG_COUNT)
        command.count = number;
    else
        command.ttl_ms = number;
    if (op == XKV_OP_EXPORT_CSV)
        return run_with(client, command, KEYS("column"));
    return run_with(client, command, one ? tickets(&ticket, 1) : NO_ITEMS);
}

/* xkv_check_integer says the same as running the command, which says the name
 * of command and argument, and the range. */
static void assert_number(struct client *client, int op, xkv_arguments argument, int64_t number,
                          bool good) {
    char message[XKV_MESSAGE_SIZE] = "", range[32];
    int expected = good ? XKV_OK : XKV_E_INVALID_OPTIONS;
    const xkv_op_info *info = xkv_op_describe(op);
    const xkv_argument_info *row = xkv_argument_describe(argument);

    if (run_number(client, op, argument, number) != expected)
        fail_msg("%s with %s %" PRId64, info->name, row->name, number);
    assert_int_equal(xkv_check_integer(op, argument, number, message, sizeof message), expected);
    if (good)
        return;
    assert_true(same_bytes(answer(client), xkv_text(message)));
    assert_non_null(strstr(message, info->name));
    assert_non_null(strstr(message, row->name));
    snprintf(range, sizeof range, "%" PRId64,
             argument == XKV_ARG_LIMIT ? info->limit_max : row->max);
    assert_non_null(strstr(message, range));
}

static void assert_range(struct client *client, int op, xkv_arguments argument, int64_t min,
                         int64_t max) {
    assert_number(client, op, argument, min, true);
    assert_number(client, op, argument, max, true);
    if (min > INT64_MIN)
        assert_number(client, op, argument, min - 1, false);
    if (max < INT64_MAX) {
        assert_number(client, op, argument, max + 1, false);
        assert_number(client, op, argument, INT64_MAX, false);
    }
}

/* A command without ttl has 0, which means the default if it is optional; so
 * only xkv_check_integer can refuse it then. */
static void assert_ttl(struct client *client, int op, bool required) {
    char message[XKV_MESSAGE_SIZE];

    assert_number(client, op, XKV_ARG_TTL, 1, true);
    assert_number(client, op, XKV_ARG_TTL, XKV_TTL_MAX, true);
    assert_number(client, op, XKV_ARG_TTL, -1, false);
    assert_number(client, op, XKV_ARG_TTL, INT64_MIN, false);
    assert_number(client, op, XKV_ARG_TTL, XKV_TTL_MAX + 1, false);
    assert_int_equal(xkv_check_integer(op, XKV_ARG_TTL, 0, message, sizeof message),
                     XKV_E_INVALID_OPTIONS);
    assert_int_equal(run_number(client, op, XKV_ARG_TTL, 0),
                     required ? XKV_E_INVALID_OPTIONS : XKV_OK);
}

/* xkv_read_duration takes text of the range that numbers have. */
static void assert_duration(int op, const char *text, int64_t expected) {
    char message[XKV_MESSAGE_SIZE] = "";
    int64_t ms = 0;
    int error = xkv_read_duration(op, XKV_ARG_TTL, xkv_text(text), &ms, message, sizeof message);

    assert_int_equal(error, expected ? XKV_OK : XKV_E_INVALID_OPTIONS);
    if (expected) {
        assert_int_equal(ms, expected);
        return;
    }
    assert_non_null(strstr(message, xkv_op_describe(op)->name));
    assert_non_null(strstr(message, "ttl"));
    assert_non_null(strstr(message, "\"1m30s\""));
    assert_non_null(strstr(message, "86400000"));
}

static void case_durations(struct client *client) {
    static const char *const bad[] = {"", "0s", "30", "-1s", "1d1ms", "0.5ms", "soon"};
    char message[XKV_MESSAGE_SIZE];
    int ops[XKV_OP_END];
    int64_t ms;

    (void)client;
    for (size_t count = ops_taking(XKV_ARG_TTL, ops); count-- > 0;) {
        assert_duration(ops[count], "1ms", 1);
        assert_duration(ops[count], "1m30s", 90000);
        assert_duration(ops[count], "1d", XKV_TTL_MAX);
        for (size_t i = 0; i < COUNT(bad); i++)
            assert_duration(ops[count], bad[i], 0);
    }
    assert_int_equal(xkv_read_duration(XKV_OP_GET, XKV_ARG_KEY, LIT("1s"), &ms, message, 9),
                     XKV_E_INVALID_OPTIONS);
    assert_int_equal(xkv_read_duration(-1, XKV_ARG_TTL, LIT("1s"), &ms, NULL, 0),
                     XKV_E_INVALID_OPTIONS);
}

static void case_integers(struct client *client) {
    int ops[XKV_OP_END];

    for (size_t count = ops_taking(XKV_ARG_LIMIT | XKV_ARG_COUNT | XKV_ARG_TTL, ops);
         count-- > 0;) {
        int op = ops[count];
        if (op == XKV_OP_EXPORT_CSV && setting.serialization == XKV_BINARY)
            continue; /* it is refused, whatever the limit */
        const xkv_op_info *info = xkv_op_describe(op);
        xkv_arguments fields = info->required | info->optional;
        int64_t most = info->limit_max ? info->limit_max : INT64_MAX;
        if (info->required & XKV_ARG_LIMIT)
            assert_range(client, op, XKV_ARG_LIMIT, 1, most);
        else if (fields & XKV_ARG_LIMIT)
            assert_range(client, op, XKV_ARG_LIMIT, INT64_MIN, most);
        if (fields & XKV_ARG_COUNT)
            assert_range(client, op, XKV_ARG_COUNT, 1, XKV_COUNT_MAX);
        if (fields & XKV_ARG_TTL)
            assert_ttl(client, op, info->required & XKV_ARG_TTL);
    }
}

/* -- Owners, entries --------------------------------------------------------- */

static void case_owners(struct client *client) {
    static char owner[XKV_OWNER_MAX + 1];
    int ops[XKV_OP_END];

    memset(owner, 'o', sizeof owner);
    put(client, LIT("k"), LIT("1"));
    for (size_t count = ops_taking(XKV_ARG_OWNER, ops); count-- > 0;) {
        const xkv_op_info *info = xkv_op_describe(ops[count]);
        xkv_command command = {.op = ops[count], .key = LIT("k"), .count = 1, .ttl_ms = 1};
        command.owner = bytes_of(owner, XKV_OWNER_MAX + 1);
        assert_int_equal(run_with(client, command, KEYS("k")), XKV_E_INVALID_OPTIONS);
        assert_true(answer_says(client, info->name) && answer_says(client, "owner") &&
                    answer_says(client, "256"));
        command.owner = LIT("\xC3");
        assert_int_equal(run_with(client, command, KEYS("k")), XKV_E_INVALID_OPTIONS);
        assert_true(answer_says(client, "owner") && answer_says(client, "UTF-8"));
        command.owner = bytes_of(owner, XKV_OWNER_MAX);
        assert_int_equal(run_with(client, command, KEYS("k")), XKV_OK);
        struct claim got;
        size_t at = 0;
        assert_true(next_claim(&client->reply, &at, &got));
        assert_true(same_bytes(got.owner, bytes_of(owner, XKV_OWNER_MAX)));
        clocks_pass(1);
    }
}

static void case_check_entry(struct client *client) {
    static char key[XKV_KEY_MAX + 1];
    char message[XKV_MESSAGE_SIZE];
    bool binary = setting.serialization == XKV_BINARY;

    memset(key, 'k', sizeof key);
    const struct {
        xkv_bytes key, value;
        int expected;
        const char *says;
    } entries[] = {
        {LIT("k"), NOTHING, XKV_OK, ""},
        {bytes_of(key, XKV_KEY_MAX), LIT("1"), XKV_OK, ""},
        {LIT("k"), LIT("\xFF"), binary ? XKV_OK : XKV_E_SERIALIZER, binary ? "" : "UTF-8"},
        {LIT("k"), bytes_of(key, (size_t)XKV_VALUE_MAX + 1), XKV_E_SERIALIZER, "1073741824"},
        {NOTHING, LIT("1"), XKV_E_INVALID_OPTIONS, "empty"},
        {LIT("\xFF"), LIT("1"), XKV_E_INVALID_OPTIONS, "UTF-8"},
        {bytes_of(key, sizeof key), LIT("1"), XKV_E_INVALID_OPTIONS, "32768"},
    };
    for (size_t i = 0; i < COUNT(entries); i++) {
        message[0] = '\0';
        assert_int_equal(xkv_check_entry(client->store, entries[i].key, entries[i].value, message,
                                         sizeof message),
                         entries[i].expected);
        assert_non_null(strstr(message, entries[i].says));
        char little[8] = "+++++++"; /* cut to what there is room for */
        xkv_check_entry(client->store, entries[i].key, entries[i].value, little, 4);
        assert_int_equal(little[4], '+');
    }
    assert_size(client, 0);
}

/* -- Read-only stores -------------------------------------------------------- */

static xkv_command harmless(int op) {
    return (xkv_command){
        .op = op, .key = LIT("a"), .value = LIT("5"), .limit = 5, .count = 1, .ttl_ms = 1};
}

static void assert_read_only(struct client *client, bool tracked) {
    char text[128], name[PATH_SIZE];

    for (int op = 0; op < XKV_OP_END; op++) {
        const xkv_op_info *info = xkv_op_describe(op);
        struct ticket ticket = {"claim-1", "a", 1, 0};
        bool gives_back = info->arguments & (XKV_ARG_CLAIM | XKV_ARG_CLAIMS);
        xkv_command command = harmless(op);
        with_file(&command, name);
        if (op == XKV_OP_EXPORT_CSV)
            command.prefix = LIT("none"); /* these values are no objects */
        run_with(client, command, gives_back ? tickets(&ticket, 1) : KEYS("a"));
        if (info->access < XKV_ACCESS_WRITE && info->access != XKV_ACCESS_IMPORT) {
            assert_int_equal(told(client), XKV_OK);
            continue;
        }
        assert_int_equal(client->reply.status, XKV_E_STORE_READ_ONLY);
        assert_true(answer_says(client, info->name) && answer_says(client, "readOnly"));
    }
    assert_int_equal(do_prefix(client, XKV_OP_ALLOCATION_STATS, LIT("b")), XKV_OK);
    snprintf(text, sizeof text,
             "{\"prefix\":\"b\",\"total\":2,\"claimable\":2,\"claimedLive\":0,"
             "\"claimedExpired\":0,\"backend\":\"disk\",\"trackKeys\":%s}",
             tracked ? "true" : "false");
    assert_reply(client, text);
    assert_int_equal(do_plain(client, XKV_OP_STATS), XKV_OK);
    assert_non_null(strstr(reply_text(&client->reply), "\"count\":3,"));
    assert_non_null(strstr(reply_text(&client->reply), "\"readOnly\":true}}"));
    assert_true(!tracked || strstr(reply_text(&client->reply), "\"ost\":3,\"consistent\":true"));
    assert_int_equal(do_limit(client, XKV_OP_SCAN_KEYS, NOTHING, 2), XKV_OK);
    assert_reply(client, "{\"keys\":[\"a\",\"b\"],\"cursor\":\"AWI=\",\"done\":false}");
}

static void test_read_only(void **state) {
    char path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "read-only.kv"));
    struct client client;

    (void)state;
    options.serialization = XKV_JSON; /* CSV has no bytes */
    client_open(&client, &options, false);
    do_list_of(&client, XKV_OP_SET_MANY, ENTRIES("a", "1", "b", "2", "bb", "3"));
    assert_int_equal(told(&client), XKV_OK);
    client_close(&client);
    options.read_only = true;
    for (int i = 0; i < 4; i++) {
        options.track_keys = i / 2;
        client_open(&client, &options, i % 2);
        assert_read_only(&client, options.track_keys);
        client_close(&client);
    }
}

static const struct named_case cases[] = {
    CASE(stats),     CASE(allocation_stats), CASE(integers),
    CASE(durations), CASE(owners),           CASE(check_entry),
};

int main(int argc, char *argv[]) {
    const struct CMUnitTest others[] = {cmocka_unit_test(test_read_only)};

    (void)argc;
    clocks_stop();
    return run_cases(argv, cases, COUNT(cases), others, COUNT(others));
}
