/*
 * regressions.c - what went wrong around a disk store's file and its records, case by
 * case: each of these was a bug once
 */
#include "../support.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>

#include "disk/file.h"
#include "disk/lmdb_api.h"

enum { LONG_KEY = 1200, CHUNK = 496 };

static char long_key[LONG_KEY];

static xkv_bytes the_long_key(void) {
    memset(long_key, 'a', sizeof long_key);
    return bytes_of(long_key, sizeof long_key);
}

/* Writes a record behind the library's back. */
static void plant(const char *path, const char *database, MDB_val key, MDB_val value) {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;

    MUST(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, 4) == 0);
    MUST(mdb_env_open(env, path, MDB_NOSUBDIR, 0600) == 0);
    MUST(mdb_txn_begin(env, NULL, 0, &txn) == 0);
    MUST(mdb_dbi_open(txn, database, 0, &dbi) == 0);
    MUST(mdb_put(txn, dbi, &key, &value, 0) == 0 && mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
}

/* Makes the link from a level of the long key lead to another level. */
static void redirect_link(const char *path, uint8_t level, uint8_t to) {
    unsigned char key[8 + CHUNK + 1] = {0, 0, 0, 0, 0, 0, 0, level}, value[8] = {0};
    size_t skip = level == 0 ? 8 : 0;

    memset(key + 8, 'a', CHUNK);
    key[8 + CHUNK] = 1;
    value[7] = to;
    plant(path, level == 0 ? "data" : "deep", (MDB_val){sizeof key - skip, key + skip},
          (MDB_val){sizeof value, value});
}

static void make_store(const xkv_options *options) {
    struct client client;

    client_open(&client, options, false);
    MUST(do_set(&client, the_long_key(), LIT("value")) == XKV_OK);
    MUST(do_set(&client, LIT("short"), LIT("value")) == XKV_OK);
    client_close(&client);
}

/* A command that meets damage fails alone, not with all that are in its group,
 * and its message says what is damaged. */
static void test_damage_fails_its_own_command_only(void **state) {
    char path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "group.kv"));
    xkv_command good = {.op = XKV_OP_SET, .key = LIT("good"), .value = LIT("v")};
    xkv_command bad = {.op = XKV_OP_SET, .key = the_long_key(), .value = LIT("v")};
    xkv_queue *queue = xkv_queue_new();
    xkv_completion done;
    xkv_reply reply;

    (void)state;
    make_store(&options);
    redirect_link(path, 0, 0);
    xkv_store *store = must_open(&options);
    xkv_reply_init(&reply, NULL, 0);
    assert_int_equal(xkv_exec(store, &bad, &reply), XKV_E_DISK_STORE_CORRUPT);
    assert_non_null(memmem(reply.data, reply.len, "group.kv", 8));
    xkv_reply_clear(&reply);
    for (uint64_t tag = 0; tag < 40; tag++)
        MUST(xkv_submit(store, tag % 8 == 3 ? &bad : &good, &reply, queue, tag) == XKV_PENDING);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(xkv_completions(queue, &done, 1, -1), 1);
        assert_int_equal(done.reply.status, done.tag % 8 == 3 ? XKV_E_DISK_STORE_CORRUPT : XKV_OK);
        xkv_reply_clear(&done.reply);
    }
    xkv_close(store);
    xkv_queue_free(queue);
}

/* The reason of a failed rebuild is told whole. */
static void test_failed_rebuild_says_why(void **state) {
    char path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "rebuild.kv"));
    struct client client;

    (void)state;
    options.track_keys = true;
    make_store(&options);
    client_open(&client, &options, false);
    redirect_link(path, 0, 0);
    assert_int_equal(do_plain(&client, XKV_OP_REBUILD_KEY_LIST), XKV_E_KEY_LIST_REBUILD);
    assert_true(answer_says(&client, "rebuild.kv"));
    assert_true(answer_says(&client, "checksum"));
    assert_int_equal(do_plain(&client, XKV_OP_SIZE), XKV_OK);
    assert_int_equal(client.reply.number, 2);
    client_close(&client);
}

/* A program's LMDB file of a kind that we do not use is not a damaged store. */
static void test_foreign_kind_of_database(void **state) {
    char path[PATH_SIZE], why[XKV_MESSAGE_SIZE];
    MDB_val key = {3, (void *)(uintptr_t) "key"}, value = {5, (void *)(uintptr_t) "value"};
    xkv_options options = disk_options(test_path(path, "dupsort.mdb"));
    xkv_store *store;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;

    (void)state;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 2), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "theirs", MDB_CREATE | MDB_DUPSORT, &dbi), 0);
    assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    assert_int_equal(xkv_open(&options, &store, why, sizeof why), XKV_E_DISK_STORE_OPEN);
    assert_non_null(strstr(why, "another program"));
}

/* What lies where the lock file would go is only overwritten if it is one. */
static void test_lock_file_of_another_kind(void **state) {
    char path[PATH_SIZE], lock[PATH_SIZE], why[XKV_MESSAGE_SIZE], text[16] = "";
    xkv_options options = disk_options(test_path(path, "mine.kv"));
    xkv_store *store;

    (void)state;
    FILE *file = fopen(test_path(lock, "mine.kv-lock"), "w");
    assert_true(file && fputs("my notes", file) >= 0 && fclose(file) == 0);
    assert_int_equal(xkv_open(&options, &store, why, sizeof why), XKV_E_DISK_PATH);
    assert_non_null(strstr(why, "mine.kv-lock"));
    file = fopen(lock, "r");
    assert_true(file && fgets(text, sizeof text, file) && fclose(file) == 0);
    assert_string_equal(text, "my notes");
}

/* An opening that fails takes away the file that it made, but not if another
 * process has begun to use it meanwhile. */
static void test_failed_opening_keeps_what_others_use(void **state) {
    char path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "raced.kv"));
    xkv__file *file;

    (void)state;
    options.timeout_ms = 0;
    assert_int_equal(xkv__file_open(&options, &file), XKV_OK);
    assert_true(file->created);
    int other = open(path, O_RDWR | O_CLOEXEC);
    assert_true(other >= 0 && flock(other, LOCK_EX) == 0 && write(other, "data", 4) == 4);
    assert_int_equal(xkv__file_lock(file, &options), XKV_E_DISK_STORE_OPEN);
    close(other);
    xkv__file_close(file, true);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(xkv__file_open(&options, &file), XKV_OK);
    xkv__file_close(file, true);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* -- Several threads that collect ---------------------------------------------- */

enum { COLLECTORS = 8 };

static void *collect_one(void *argument) {
    xkv_completion done;

    MUST(xkv_completions(argument, &done, 1, -1) == 1);
    xkv_reply_clear(&done.reply);
    return NULL;
}

static void test_each_collector_is_woken(void **state) {
    char path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "collectors.kv"));
    xkv_command set = {.op = XKV_OP_SET, .key = LIT("k"), .value = LIT("v")};
    xkv_queue *queue = xkv_queue_new();
    pthread_t threads[COLLECTORS];
    xkv_reply reply;

    (void)state;
    xkv_store *store = must_open(&options);
    xkv_reply_init(&reply, NULL, 0);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < COLLECTORS; i++)
            MUST(pthread_create(&threads[i], NULL, collect_one, queue) == 0);
        for (uint64_t i = 0; i < COLLECTORS; i++)
            MUST(xkv_submit(store, &set, &reply, queue, i) == XKV_PENDING);
        for (int i = 0; i < COLLECTORS; i++)
            pthread_join(threads[i], NULL);
    }
    xkv_close(store);
    xkv_queue_free(queue);
}

/* -- Long reads of the index ------------------------------------------------- */

struct long_read {
    const xkv_options *options;
    _Atomic int stage; /* 1: it runs, 2: it has ended */
};

static void *draw_many_keys(void *argument) {
    struct long_read *read = argument;
    xkv_command command = {.op = XKV_OP_RANDOM_KEYS, .count = XKV_COUNT_MAX, .repeats = true};
    struct client client;

    client_open(&client, read->options, false);
    read->stage = 1;
    MUST(client_run(&client, &command) == XKV_OK);
    read->stage = 2;
    client_close(&client);
    return NULL;
}

/* A million random keys were drawn under the index's lock, and every writer
 * waited for it. */
static void test_long_reads_do_not_stop_writers(void **state) {
    char path[PATH_SIZE], text[32];
    xkv_options options = disk_options(test_path(path, "long.kv"));
    struct long_read read = {&options, 0};
    struct client client;
    pthread_t thread;
    unsigned during = 0;

    (void)state;
    options.track_keys = true;
    options.durability = XKV_DURABILITY_NONE;
    client_open(&client, &options, false);
    for (int i = 0; i < 20000; i++)
        MUST(do_set(&client, bytes_of(text, (size_t)sprintf(text, "key%d", i)), NOTHING) == XKV_OK);
    MUST(pthread_create(&thread, NULL, draw_many_keys, &read) == 0);
    while (read.stage == 0)
        usleep(100);
    for (int i = 0; read.stage == 1; i++) {
        xkv_bytes key = bytes_of(text, (size_t)sprintf(text, "new%d", i));
        MUST(do_set(&client, key, NOTHING) == XKV_OK);
        during += read.stage == 1;
    }
    pthread_join(thread, NULL);
    client_close(&client);
    assert_in_range(during, 2, UINT_MAX); /* one may have come before the lock was taken */
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage_fails_its_own_command_only),
        cmocka_unit_test(test_failed_rebuild_says_why),
        cmocka_unit_test(test_foreign_kind_of_database),
        cmocka_unit_test(test_lock_file_of_another_kind),
        cmocka_unit_test(test_failed_opening_keeps_what_others_use),
        cmocka_unit_test(test_each_collector_is_woken),
        cmocka_unit_test(test_long_reads_do_not_stop_writers),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
