/*
 * overwritten.c - somebody writes into the file of an open store
 *
 * When it was opened all was well, so LMDB meets what it takes for granted: it
 * would end the process. The store must say so instead; what it has read and
 * written stays, and another process finds it.
 */
#include "../child.h"
#include "../lmdb_calls.h"
#include "../model.h"

enum { PAGE = 4096, KEYS = 3000, FLAGS_AT = 10, LOWER_AT = 12, HEADER = 16, BRANCH = 1 };

static char path[PATH_SIZE];

static xkv_bytes key_number(char out[32], unsigned n) {
    return bytes_of(out, (size_t)snprintf(out, 32, "key%06u", n));
}

/* -- What is written there --------------------------------------------------- */

static struct {
    off_t at;
    unsigned char before[2];
} planted[2000];
static size_t planted_count;

/* Leaves one key to each page of branches: LMDB asserts that there are more. */
static void plant(void) {
    unsigned char page[PAGE], one_key[2] = {HEADER + 2, 0};
    int fd = open(path, O_RDWR | O_CLOEXEC);

    MUST(fd >= 0);
    planted_count = 0;
    for (off_t at = 2 * PAGE; pread(fd, page, PAGE, at) == PAGE; at += PAGE) {
        if (page[FLAGS_AT] != BRANCH || page[FLAGS_AT + 1] != 0)
            continue;
        MUST(planted_count < COUNT(planted));
        planted[planted_count].at = at + LOWER_AT;
        memcpy(planted[planted_count++].before, page + LOWER_AT, 2);
        MUST(pwrite(fd, one_key, 2, at + LOWER_AT) == 2);
    }
    MUST(planted_count > 0);
    close(fd);
}

static void take_back(void) {
    int fd = open(path, O_RDWR | O_CLOEXEC);

    MUST(fd >= 0);
    for (size_t i = 0; i < planted_count; i++)
        MUST(pwrite(fd, planted[i].before, 2, planted[i].at) == 2);
    close(fd);
}

/* -- In a process of its own ------------------------------------------------- */

static void must_be_corrupt(struct client *client, int status) {
    MUST(status == XKV_E_DISK_STORE_CORRUPT);
    MUST(answer_says(client, path) && answer_says(client, "while it was open"));
}

/* Reading ends with an error, as often as one reads; the store goes on. */
static void read_overwritten(struct client *client, bool tracked) {
    char key[32];

    plant();
    for (int i = 0; i < 5; i++) {
        must_be_corrupt(client, do_get(client, key_number(key, 7)));
        must_be_corrupt(client, do_list(client, NOTHING, 0));
        must_be_corrupt(client, do_list(client, LIT("key00"), 10));
        int status = do_random(client, LIT("key00"));
        if (tracked)
            MUST(status == XKV_OK);
        else
            must_be_corrupt(client, status);
        status = do_plain(client, XKV_OP_REBUILD_KEY_LIST);
        MUST(status == (tracked ? XKV_E_KEY_LIST_REBUILD : XKV_OK));
    }
    take_back();
    MUST(do_list(client, NOTHING, 0) == XKV_OK && client->reply.number == KEYS);
    MUST(do_set(client, LIT("after reading"), LIT("1")) == XKV_OK);
}

/* Writing ends for this process; reading does not. */
static void write_overwritten(struct client *client, int op) {
    xkv_command write = {.op = op, .key = LIT("key000007"), .value = LIT("new")};
    xkv_command next = {.op = XKV_OP_SET, .key = LIT("key"), .value = LIT("1")};

    plant();
    must_be_corrupt(client, client_run(client, &write));
    take_back();
    for (int i = 0; i < 3; i++) {
        must_be_corrupt(client, client_run(client, &next));
        MUST(answer_says(client, "until this process has ended"));
    }
    MUST(do_list(client, LIT("key0"), 0) == XKV_OK && client->reply.number == KEYS);
    MUST(do_plain(client, XKV_OP_SIZE) == XKV_OK && client->reply.number == KEYS + 1);
    MUST(do_plain(client, XKV_OP_STATS) == XKV_OK);
}

static void must_not_open(const xkv_options *options) {
    char why[XKV_MESSAGE_SIZE];
    xkv_store *store;
    uint64_t start = clock_ms();

    MUST(xkv_open(options, &store, why, sizeof why) == XKV_E_DISK_STORE_CORRUPT);
    MUST(strstr(why, "cannot open it again"));
    MUST(clock_ms() - start < (uint64_t)options->timeout_ms); /* without waiting for itself */
}

static int meet_damage(const char *op, const char *kind) {
    xkv_options options = disk_options(path);
    struct client client;
    int bits = atoi(kind);

    options.track_keys = bits & 1;
    options.timeout_ms = 60000;
    options.durability = bits & 2 ? XKV_DURABILITY_FULL : XKV_DURABILITY_NONE;
    client_open(&client, &options, bits & 4);
    read_overwritten(&client, options.track_keys);
    write_overwritten(&client, atoi(op));
    client_close(&client);
    must_not_open(&options);
    options.read_only = true;
    must_not_open(&options);
    return 0;
}

/* -- Seen from outside ------------------------------------------------------- */

static void make_store(void) {
    xkv_options options = disk_options(path);
    struct client client;
    char key[32];

    unlink(path);
    options.durability = XKV_DURABILITY_NONE;
    client_open(&client, &options, false);
    for (unsigned n = 0; n < KEYS; n++)
        MUST(do_set(&client, key_number(key, n), xkv_text(key)) == XKV_OK);
    client_close(&client);
}

/* All that was acknowledged is there, and it can be written to. */
static void check_after(void) {
    xkv_options options = disk_options(path);
    struct client client;

    client_open(&client, &options, false);
    assert_int_equal(do_list(&client, NOTHING, 0), XKV_OK);
    assert_int_equal(client.reply.number, KEYS + 1);
    assert_int_equal(do_get(&client, LIT("key000007")), XKV_OK);
    assert_true(same_bytes(answer(&client), LIT("key000007")));
    assert_int_equal(do_set(&client, LIT("key000007"), LIT("new")), XKV_OK);
    assert_int_equal(do_delete(&client, LIT("key000008")), XKV_OK);
    client_close(&client);
}

static void test_overwritten(void **state) {
    static const int ops[] = {XKV_OP_SET, XKV_OP_DELETE, XKV_OP_CLEAR};
    char op[16], kind[16];

    (void)state;
    for (int i = 0; i < 8; i++) {
        const char *const arguments[] = {"meet", path, op, kind, NULL};
        struct child child;
        make_store();
        snprintf(op, sizeof op, "%d", ops[i % 3]);
        snprintf(kind, sizeof kind, "%d", i);
        child_start(&child, arguments);
        assert_int_equal(child_end(&child), 0);
        check_after();
    }
}

/* -- What else LMDB says of such pages --------------------------------------- */

/* It was "MDB_PAGE_FULL: Internal error (code -30786)", a DiskStoreWriteError. */
static void test_codes_of_damage(void **state) {
    static const int codes[] = {MDB_BAD_TXN, MDB_PAGE_FULL, MDB_CURSOR_FULL, MDB_INCOMPATIBLE};
    xkv_options options = disk_options(path);
    struct client client;

    (void)state;
    make_store();
    client_open(&client, &options, false);
    for (size_t i = 0; i < COUNT(codes); i++) {
        lmdb_fail_at(CALL_put, 1, codes[i]);
        must_be_corrupt(&client, do_set(&client, LIT("key"), LIT("value")));
        assert_true(lmdb_failed());
        assert_int_equal(do_set(&client, LIT("key"), LIT("value")), XKV_OK);
    }
    client_close(&client);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overwritten),
        cmocka_unit_test(test_codes_of_damage),
    };

    if (argc == 5 && strcmp(argv[1], "meet") == 0) {
        snprintf(path, sizeof path, "%s", argv[2]);
        return meet_damage(argv[3], argv[4]);
    }
    test_begin(argv);
    test_path(path, "overwritten.kv");
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
