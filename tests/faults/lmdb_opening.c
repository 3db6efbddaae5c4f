/*
 * lmdb_opening.c - every call to LMDB fails in turn while a store is opened; and
 * LMDB's table of readers
 */
#include "../child.h"
#include "../subject.h"

#include <pthread.h>

#include "base/sys.h"

/* -- Opening ----------------------------------------------------------------- */

static bool open_failing(const xkv_options *options, enum lmdb_call call, int n, int code) {
    char message[XKV_MESSAGE_SIZE] = "";
    xkv_store *store;

    lmdb_fail_at(call, n, code);
    int status = xkv_open(options, &store, message, sizeof message);
    bool failed = lmdb_failed();
    if (status == XKV_OK)
        xkv_close(store);
    else
        assert_true(failed && strlen(message) > 0);
    bool asks_for_format_1 = call == CALL_get && n == 1; /* what fails, fails once more */
    if (failed && status == XKV_OK && code == EIO && !asks_for_format_1)
        fail_msg("%s number %d fails, and nothing follows", lmdb_call_names[call], n);
    assert_int_equal(lmdb_calls.live, 0);
    return failed;
}

/* How a store is opened: made, found, read only; with the index and without. */
static void test_opening(void **state) {
    static const int codes[] = {EIO, ENOMEM};

    (void)state;
    for (unsigned i = 0; i < 6 * COUNT(codes); i++) {
        struct subject subject;
        int code = codes[i / 6];
        subject_open(&subject, XKV_DURABILITY_FULL, i % 2);
        subject_close(&subject);
        subject.options.read_only = i / 2 % 3 == 2;
        for (int call = 0; call < CALL_END; call++) {
            bool failed = true;
            for (int n = 1; failed; n++) {
                if (i / 2 % 3 == 0)
                    unlink(subject.path);
                failed = open_failing(&subject.options, (enum lmdb_call)call, n, code);
            }
        }
    }
}

static const char *opened, *aside;

static void replace_file(enum lmdb_call call) {
    FILE *file;

    if (call != CALL_env_open)
        return;
    MUST(rename(opened, aside) == 0);
    MUST((file = fopen(opened, "w")) && fclose(file) == 0);
}

/* Between our look at the file and LMDB's. */
static void test_replaced_while_opening(void **state) {
    char other[PATH_SIZE], message[XKV_MESSAGE_SIZE] = "";
    struct subject subject;
    xkv_store *store;

    (void)state;
    subject_open(&subject, XKV_DURABILITY_FULL, false);
    subject_close(&subject);
    opened = subject.path;
    aside = test_path(other, "aside.kv");
    lmdb_calls.on_call = replace_file;
    assert_int_equal(xkv_open(&subject.options, &store, message, sizeof message),
                     XKV_E_DISK_STORE_OPEN);
    lmdb_calls.on_call = NULL;
    assert_non_null(strstr(message, "was replaced"));
}

static xkv__fault read_other_transaction(xkv__handle handle, void *out, size_t size, uint64_t at,
                                         size_t *got) {
    xkv__fault fault = xkv__system_files.read_at(handle, out, size, at, got);

    if (size == 152) /* a meta page; its transaction */
        ((unsigned char *)out)[149] ^= 1;
    return fault;
}

/* A writer that is always two commits ahead, or pages that do not agree. */
static void test_first_pages_that_do_not_agree(void **state) {
    char message[XKV_MESSAGE_SIZE] = "";
    struct subject subject;
    xkv_store *store;

    (void)state;
    subject_open(&subject, XKV_DURABILITY_FULL, false);
    subject_close(&subject);
    xkv__files.read_at = read_other_transaction;
    assert_int_equal(xkv_open(&subject.options, &store, message, sizeof message),
                     XKV_E_DISK_STORE_CORRUPT);
    xkv__files = xkv__system_files;
    assert_non_null(strstr(message, "do not agree"));
    assert_int_equal(lmdb_calls.live, 0);
}

/* The table of readers is full, or the map outgrown, only for a moment. */
static void test_opening_that_waits(void **state) {
    static const int codes[] = {MDB_READERS_FULL, MDB_MAP_RESIZED};

    (void)state;
    for (int i = 0; i < 12; i++) {
        struct subject subject;
        subject_open(&subject, XKV_DURABILITY_FULL, false);
        subject_close(&subject);
        subject.options.read_only = i / 2 % 2;
        lmdb_fail_at(CALL_txn_begin, 1 + i / 4, codes[i % 2]);
        client_open(&subject.client, &subject.options, false);
        assert_int_equal(do_get(&subject.client, LIT("key:02")), XKV_OK);
        lmdb_failed();
        subject_close(&subject);
    }
}

/* What is written into a new store needs room in the map. */
static void test_opening_with_a_full_map(void **state) {
    static const enum lmdb_call calls[] = {CALL_put, CALL_dbi_open, CALL_txn_commit};
    char path[PATH_SIZE], name[16];

    (void)state;
    for (size_t i = 0; i < COUNT(calls); i++) {
        struct client client;
        snprintf(name, sizeof name, "full%zu.kv", i);
        xkv_options options = disk_options(test_path(path, name));
        options.track_keys = true;
        lmdb_fail_at(calls[i], 1, MDB_MAP_FULL);
        client_open(&client, &options, false);
        assert_true(lmdb_failed());
        assert_int_equal(do_set(&client, LIT("key"), LIT("value")), XKV_OK);
        client_close(&client);
    }
}

static void test_opening_without_permission(void **state) {
    static const int codes[] = {EACCES, EROFS};
    char path[PATH_SIZE], message[XKV_MESSAGE_SIZE];
    xkv_options options = disk_options(test_path(path, "permission.kv"));
    xkv_store *store;

    (void)state;
    for (size_t i = 0; i < COUNT(codes); i++) {
        lmdb_fail_at(CALL_env_open, 1, codes[i]);
        assert_int_equal(xkv_open(&options, &store, message, sizeof message),
                         XKV_E_DISK_STORE_OPEN);
        assert_non_null(strstr(message, "permission denied"));
        lmdb_failed();
    }
}

/* -- The table of readers ---------------------------------------------------- */

enum { THREADS = 2 * SLOTS + 5 };

static pthread_barrier_t all_read;

static void meet(enum lmdb_call call) {
    if (call == CALL_get)
        pthread_barrier_wait(&all_read);
}

static void *get_one(void *argument) {
    xkv_command get = {.op = XKV_OP_GET, .key = LIT("key:02")};
    xkv_reply reply;

    xkv_reply_init(&reply, NULL, 0);
    MUST(xkv_exec(argument, &get, &reply) == XKV_OK);
    xkv_reply_clear(&reply);
    return NULL;
}

/* As many threads read at the same moment as there are, and then none: what is
 * kept of that are SLOTS transactions. */
static void test_idle_readers_are_few(void **state) {
    pthread_t threads[THREADS];
    struct subject subject;

    (void)state;
    subject_open(&subject, XKV_DURABILITY_FULL, false);
    MUST(pthread_barrier_init(&all_read, NULL, THREADS) == 0);
    lmdb_calls.on_call = meet;
    for (int i = 0; i < THREADS; i++)
        MUST(pthread_create(&threads[i], NULL, get_one, subject.client.store) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    lmdb_calls.on_call = NULL;
    assert_in_range(lmdb_calls.live, 1, SLOTS);
    pthread_barrier_destroy(&all_read);
    subject_close(&subject);
}

/* Another process that reads and then waits. */
static int read_and_wait(const char *path) {
    xkv_options options = disk_options(path);
    struct client client;

    options.serialization = XKV_STRING;
    options.read_only = true;
    client_open(&client, &options, false);
    MUST(do_get(&client, LIT("key:02")) == XKV_OK);
    printf("reads\n");
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    client_close(&client);
    return 0;
}

static void start_reader(struct child *child, const char *path) {
    const char *const arguments[] = {"read", path, NULL};

    child_start(child, arguments);
    assert_true(child_says(child, "reads"));
}

struct sought {
    long pid;
    bool found;
};

/* For mdb_reader_list: a line for each reader, which begins with its process. */
static int seek_pid(const char *line, void *context) {
    struct sought *sought = context;

    sought->found |= strtol(line, NULL, 10) == sought->pid;
    return 0;
}

static bool is_in_table(pid_t pid) {
    struct sought sought = {(long)pid, false};

    MUST(mdb_reader_list(lmdb_calls.env, seek_pid, &sought) >= 0);
    return sought.found;
}

/* Who opens a store takes the dead out of the table; the living stay. (While
 * one of those is there: who is alone makes the table anew.) */
static void test_dead_readers_are_forgotten(void **state) {
    struct child killed, living;
    struct subject subject;

    (void)state;
    subject_open(&subject, XKV_DURABILITY_FULL, false);
    subject_close(&subject);
    for (int read_only = 0; read_only < 2; read_only++) {
        start_reader(&killed, subject.path);
        start_reader(&living, subject.path);
        child_kill(&killed);
        subject.options.read_only = read_only;
        client_open(&subject.client, &subject.options, false);
        assert_false(is_in_table((pid_t)killed.pid));
        assert_true(is_in_table((pid_t)living.pid));
        subject_close(&subject);
        assert_int_equal(child_end(&living), 0);
    }
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opening),
        cmocka_unit_test(test_replaced_while_opening),
        cmocka_unit_test(test_first_pages_that_do_not_agree),
        cmocka_unit_test(test_opening_that_waits),
        cmocka_unit_test(test_opening_with_a_full_map),
        cmocka_unit_test(test_opening_without_permission),
        cmocka_unit_test(test_idle_readers_are_few),
        cmocka_unit_test(test_dead_readers_are_forgotten),
    };

    if (argc == 3 && strcmp(argv[1], "read") == 0)
        return read_and_wait(argv[2]);
    test_begin(argv);
    long_keys_make();
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
