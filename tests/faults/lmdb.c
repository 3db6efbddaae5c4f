/*
 * lmdb.c - every call to LMDB fails in turn, and in many ways
 *
 * Whatever fails: an error comes back, what the store held is as it was, no
 * transaction of LMDB's is left behind, and the store goes on, or says that it
 * must be opened anew.
 */
#include "../subject.h"

#include <pthread.h>
#include <semaphore.h>

#include "base/sys.h"

/* Everything that can be seen of it, as text that the caller frees. */
static char *view(struct subject *subject) {
    struct client *client = &subject->client;
    char *text;

    MUST(do_list(client, NOTHING, 0) == XKV_OK);
    char *list = strdup(reply_text(&client->reply));
    MUST(do_random(client, NOTHING) == XKV_OK);
    int64_t pool = client->reply.number;
    MUST(do_prefix(client, XKV_OP_ALLOCATION_STATS, NOTHING) == XKV_OK);
    MUST(list &&
         asprintf(&text, "%s\n%" PRId64 "\n%s", list, pool, reply_text(&client->reply)) > 0);
    free(list);
    return text;
}
/* -- Commands ---------------------------------------------------------------- */

static xkv_items some_entries(void) {
    xkv_items items = ENTRIES("key:01", "8", "new", "8", "key:01", "9");
    items_add(&items, bytes_of(long_key, LONG - 1), LIT("8"));
    return items;
}

static xkv_items entries, keys;

/* All of them, to be freed. */
static xkv_command *make_commands(size_t *count) {
    const xkv_bytes deep = {long_key, LONG}, deeper = {long_key, LONG - 9};
    const xkv_command commands[] = {
        {.op = XKV_OP_GET, .key = LIT("key:02")},
        {.op = XKV_OP_GET, .key = deep},
        {.op = XKV_OP_EXISTS, .key = deep},
        {.op = XKV_OP_LIST},
        {.op = XKV_OP_LIST, .prefix = deep},
        {.op = XKV_OP_SIZE},
        {.op = XKV_OP_COUNT, .prefix = LIT("key")},
        {.op = XKV_OP_RANDOM_KEY},
        {.op = XKV_OP_RANDOM_KEY, .prefix = LIT("key:1")},
        {.op = XKV_OP_RANDOM_ENTRY, .prefix = LIT("key:1")},
        {.op = XKV_OP_STATS},
        {.op = XKV_OP_ALLOCATION_STATS, .prefix = LIT("key:0")},
        {.op = XKV_OP_REBUILD_KEY_LIST},
        {.op = XKV_OP_SET, .key = LIT("key:02"), .value = LIT("8")},
        {.op = XKV_OP_SET, .key = deeper, .value = LIT("8")},
        {.op = XKV_OP_DELETE, .key = deep},
        {.op = XKV_OP_INCREMENT_BY, .key = LIT("key:03"), .delta = 1},
        {.op = XKV_OP_COMPARE_AND_DELETE, .key = LIT("key:01"), .expected = LIT("7")},
        {.op = XKV_OP_DELETE_BY_PREFIX, .prefix = LIT("key:1"), .limit = 100},
        {.op = XKV_OP_SET_MANY, .items = xkv_items_bytes(&entries)},
        {.op = XKV_OP_GET_MANY, .items = xkv_items_bytes(&keys)},
        {.op = XKV_OP_DELETE_MANY, .items = xkv_items_bytes(&keys)},
        {.op = XKV_OP_CLAIM_RANDOM, .prefix = LIT("key")},
        {.op = XKV_OP_POP_RANDOM, .prefix = LIT("key")},
        {.op = XKV_OP_NEXT_CIRCULAR, .prefix = LIT("key")},
        {.op = XKV_OP_NEXT, .key = LIT("at"), .prefix = LIT("key")},
        {.op = XKV_OP_NEXT, .key = LIT("at"), .prefix = LIT("key")},
        {.op = XKV_OP_CLAIM_NEXT, .prefix = LIT("key")},
        {.op = XKV_OP_CLAIM_FOR_OWNER, .prefix = LIT("key"), .owner = LIT("me")},
        {.op = XKV_OP_CLAIM_FOR_OWNER, .prefix = LIT("key"), .owner = LIT("me")},
        {.op = XKV_OP_POP_NEXT, .prefix = LIT("key")},
        {.op = XKV_OP_SET, .key = {new_key, sizeof new_key}, .value = LIT("8")},
        {.op = XKV_OP_DELETE, .key = {lone_key, sizeof lone_key}},
        {.op = XKV_OP_CLAIM_RANDOM_MANY, .prefix = LIT("key"), .count = XKV_COUNT_MAX},
        {.op = XKV_OP_CLAIM_KEYS, .items = xkv_items_bytes(&keys)},
        {.op = XKV_OP_CLAIM_KEY, .key = deep},
        {.op = XKV_OP_CLEAR},
    };

    xkv_command *copy = malloc(sizeof commands);
    MUST(copy);
    *count = COUNT(commands);
    return memcpy(copy, commands, sizeof commands);
}

/* -- Each call fails --------------------------------------------------------- */

static bool is_error_of_disk(int status) {
    return status == XKV_E_DISK_STORE_READ || status == XKV_E_DISK_STORE_WRITE ||
           status == XKV_E_DISK_STORE_CORRUPT || status == XKV_E_KEY_LIST_REBUILD;
}

static void assert_as_before(struct subject *subject, const char *before) {
    char *after = view(subject);

    assert_string_equal(after, before);
    free(after);
}

static void reopen(struct subject *subject) {
    subject_close(subject);
    client_open(&subject->client, &subject->options, false);
    fill(subject);
}

/* What only looks is run once more without the writes of its group; a reader that
 * could not begin for its index begins once more for the file. */
static bool is_tried_again(const struct subject *subject, const xkv_command *command,
                           enum lmdb_call call) {
    bool renews = call == CALL_txn_renew || call == CALL_txn_begin;

    return xkv_op_describe(command->op)->access == XKV_ACCESS_ORDERED ||
           (subject->options.read_only && subject->options.track_keys && renews);
}

static bool met[CALL_END]; /* which calls failed in any command */

/* Each has an idle reader: this one, the committer, and four workers, of which another begins
 * when a command comes before those that there are have come to rest. */
enum { THREADS_MOST = 6 };

/* What may follow from call number n failing. Whether it came to that. */
static bool run_failing(struct subject *subject, const xkv_command *command, enum lmdb_call call,
                        int n) {
    char *before = view(subject);

    lmdb_fail_at(call, n, EIO);
    int status = client_run(&subject->client, command);
    bool failed = lmdb_failed();
    met[call] |= failed;
    if (failed && status == XKV_OK && !is_tried_again(subject, command, call))
        fail_msg("%s: %s number %d fails, and nothing follows", xkv_op_describe(command->op)->name,
                 lmdb_call_names[call], n);
    assert_true(status == XKV_OK || (is_error_of_disk(status) && subject->client.reply.len > 0));
    assert_in_range(lmdb_calls.live, 0, THREADS_MOST);
    bool done = status == XKV_OK || call == CALL_env_sync; /* which comes after the commit */
    if (!done)
        assert_as_before(subject, before);
    free(before);
    if (subject->options.read_only)
        return failed;
    if (call == CALL_txn_commit || call == CALL_env_sync)
        reopen(subject);
    else if (done)
        fill(subject);
    return failed;
}

static void fail_all_calls(int durability, bool track_keys, bool read_only) {
    size_t count;
    xkv_command *commands = make_commands(&count);
    struct subject subject;

    subject_open(&subject, durability, track_keys);
    if (read_only) {
        subject_close(&subject);
        subject.options.read_only = true;
        client_open(&subject.client, &subject.options, false);
    }
    for (size_t i = 0; i < count; i++) {
        if (read_only && xkv_op_describe(commands[i].op)->access >= XKV_ACCESS_WRITE)
            continue;
        for (int call = 0; call < CALL_END; call++) {
            if (call == CALL_env_sync && !read_only)
                reopen(&subject); /* whoever wants many tokens has them saved, and synced */
            for (int n = 1; run_failing(&subject, &commands[i], (enum lmdb_call)call, n); n++)
                assert_in_range(n, 0, 2000);
        }
    }
    free(commands);
    subject_close(&subject);
}

/* The others are for opening a store. */
static void assert_all_met(void) {
    static const enum lmdb_call calls[] = {
        CALL_env_sync, CALL_txn_renew,   CALL_stat,       CALL_get,       CALL_put,       CALL_del,
        CALL_drop,     CALL_cursor_open, CALL_cursor_get, CALL_txn_begin, CALL_txn_commit};

    for (size_t i = 0; i < COUNT(calls); i++) {
        if (!met[calls[i]])
            fail_msg("no command calls %s", lmdb_call_names[calls[i]]);
    }
}

static void test_commands(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++)
        fail_all_calls(i / 2 ? XKV_DURABILITY_NONE : XKV_DURABILITY_FULL, i % 2, false);
    for (int track_keys = 0; track_keys < 2; track_keys++)
        fail_all_calls(XKV_DURABILITY_FULL, track_keys, true);
    assert_all_met();
}

/* -- Restores ------------------------------------------------------------------ */

/* What the store met is an error of the store, and what the file met that it reads is one of a
 * file. XKV_OK when it does not come to a failure. */
static int restore_failing(struct subject *subject, xkv_bytes file, enum lmdb_call call, int n) {
    char *before = view(subject);

    lmdb_fail_at(call, n, EIO);
    int status = RUN(&subject->client, .op = XKV_OP_RESTORE, .file_name = file);
    bool failed = lmdb_failed();
    if (failed && status == XKV_OK)
        fail_msg("%s number %d fails, and nothing follows", lmdb_call_names[call], n);
    if (failed)
        assert_as_before(subject, before);
    free(before);
    return status;
}

static void test_restores(void **state) {
    static const enum lmdb_call writing[] = {CALL_put, CALL_cursor_put, CALL_drop};
    char path[PATH_SIZE];
    struct subject subject;
    int status, walks = 0;

    (void)state;
    xkv_bytes file = xkv_text(test_path(path, "restored"));
    subject_open(&subject, XKV_DURABILITY_FULL, false);
    MUST(RUN(&subject.client, .op = XKV_OP_BACKUP, .file_name = file) == XKV_OK);
    for (size_t i = 0; i < COUNT(writing); i++) {
        int n = 1;
        for (; (status = restore_failing(&subject, file, writing[i], n)) != XKV_OK; n++)
            assert_int_equal(status, XKV_E_DISK_STORE_WRITE);
        assert_true(n > 1);
    }
    for (int n = 1; status != XKV_OK || n == 1; n++) {
        status = restore_failing(&subject, file, CALL_cursor_get, n);
        walks += status == XKV_E_SNAPSHOT_IO;
    }
    assert_in_range(walks, NUMBERS, 2 * NUMBERS);
    subject_close(&subject);
}

/* -- What an error of LMDB's becomes ------------------------------------------ */

static void test_errors(void **state) {
    static const struct {
        int code, error;
        const char *says;
    } rows[] = {
        {MDB_NOTFOUND, XKV_E_KEY_NOT_FOUND, "key:02"},
        {MDB_TXN_FULL, XKV_E_STORE_FULL, "in one step"},
        {ENOMEM, XKV_E_STORE_FULL, "memory"},
        {ENOSPC, XKV_E_STORE_FULL, "disk is full"},
        {EDQUOT, XKV_E_STORE_FULL, "quota"},
        {EFBIG, XKV_E_STORE_FULL, "grow"},
        {EAGAIN, XKV_E_DISK_STORE_OPEN, "PID namespace"},
        {MDB_PANIC, XKV_E_DISK_STORE_READ, "reopen"},
        {MDB_BAD_TXN, XKV_E_DISK_STORE_CORRUPT, "while it was open"},
        {MDB_CORRUPTED, XKV_E_DISK_STORE_CORRUPT, "damaged"},
        {MDB_PAGE_NOTFOUND, XKV_E_DISK_STORE_CORRUPT, "damaged"},
        {MDB_INVALID, XKV_E_DISK_STORE_CORRUPT, "damaged"},
        {MDB_VERSION_MISMATCH, XKV_E_DISK_STORE_CORRUPT, "damaged"},
        {EIO, XKV_E_DISK_STORE_READ, "code 5"},
    };
    struct subject subject;

    (void)state;
    subject_open(&subject, XKV_DURABILITY_FULL, false);
    for (size_t i = 0; i < COUNT(rows); i++) {
        lmdb_fail_at(CALL_get, 1, rows[i].code);
        assert_int_equal(do_get(&subject.client, LIT("key:02")), rows[i].error);
        assert_true(lmdb_failed());
        if (!answer_says(&subject.client, rows[i].says))
            fail_msg("%d: %.*s", rows[i].code, (int)subject.client.reply.len,
                     (const char *)subject.client.reply.data);
    }
    subject_close(&subject);
}

/* What only means "wait" or "grow" is no error. */
static void test_what_passes(void **state) {
    static const struct {
        enum lmdb_call call;
        int code;
        int op;
    } rows[] = {
        {CALL_txn_renew, MDB_READERS_FULL, XKV_OP_GET},
        {CALL_txn_renew, MDB_MAP_RESIZED, XKV_OP_GET},
        {CALL_put, MDB_MAP_FULL, XKV_OP_SET},
        {CALL_txn_commit, MDB_MAP_FULL, XKV_OP_SET},
        {CALL_del, MDB_MAP_FULL, XKV_OP_DELETE},
        {CALL_drop, MDB_MAP_FULL, XKV_OP_CLEAR},
    };

    (void)state;
    for (size_t i = 0; i < 2 * COUNT(rows); i++) {
        struct subject subject;
        const xkv_command command = {.op = rows[i / 2].op, .key = LIT("key:02"), .value = LIT("8")};
        subject_open(&subject, i % 2 ? XKV_DURABILITY_NONE : XKV_DURABILITY_FULL, i % 2);
        MUST(do_get(&subject.client, LIT("key:02")) == XKV_OK);
        lmdb_fail_at(rows[i / 2].call, 1, rows[i / 2].code);
        client_run(&subject.client, &command);
        assert_int_equal(told(&subject.client), XKV_OK);
        assert_true(lmdb_failed());
        subject_close(&subject);
    }
}

/* LMDB refuses to commit what met a damaged page, and the commands do not know of
 * it: nothing of that may be acknowledged. */
static void test_commit_refused(void **state) {
    (void)state;
    for (int durability = 0; durability < 3; durability++) {
        struct subject subject;
        subject_open(&subject, durability, durability % 2);
        lmdb_fail_at(CALL_txn_commit, 1, MDB_BAD_TXN);
        int status = do_set(&subject.client, LIT("key:02"), LIT("8"));
        assert_true(lmdb_failed());
        assert_true(is_error_of_disk(status));
        assert_int_equal(do_get(&subject.client, LIT("key:02")), XKV_OK);
        assert_true(same_bytes(answer(&subject.client), LIT("7")));
        subject_close(&subject);
    }
}

static sem_t first_commits, all_submitted;

static void wait_for_all(void) {
    lmdb_calls.before_commit = NULL;
    sem_post(&first_commits);
    sem_wait(&all_submitted);
}

/* A group that fails with an outcome unknown fails as a whole. */
static void test_group_with_unknown_outcome(void **state) {
    xkv_command set = {.op = XKV_OP_SET, .key = LIT("key:02"), .value = LIT("8")};
    xkv_queue *queue = xkv_queue_new();
    struct subject subject;
    xkv_completion done;
    xkv_reply reply;

    (void)state;
    xkv_reply_init(&reply, NULL, 0);
    subject_open(&subject, XKV_DURABILITY_FULL, true);
    MUST(sem_init(&first_commits, 0, 0) == 0 && sem_init(&all_submitted, 0, 0) == 0);
    lmdb_calls.before_commit = wait_for_all;
    lmdb_fail_at(CALL_txn_commit, 2, EIO);
    for (uint64_t i = 0; i < 40; i++) {
        MUST(xkv_submit(subject.client.store, &set, &reply, queue, i) == XKV_PENDING);
        if (i == 0) /* the others will be one group */
            sem_wait(&first_commits);
    }
    sem_post(&all_submitted);
    unsigned failed = 0;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(xkv_completions(queue, &done, 1, -1), 1);
        failed += done.reply.status == XKV_E_DISK_STORE_WRITE;
        xkv_reply_clear(&done.reply);
    }
    lmdb_failed();
    assert_int_equal(failed, 39);
    xkv_queue_free(queue);
    subject_close(&subject);
}

static xkv__fault fail_to_examine(xkv__handle handle, xkv__status *status) {
    (void)handle, (void)status;
    return xkv__fault_of(EIO);
}

static void test_file_that_cannot_be_examined(void **state) {
    struct subject subject;

    (void)state;
    subject_open(&subject, XKV_DURABILITY_FULL, false);
    xkv__files.examine = fail_to_examine;
    assert_int_equal(do_plain(&subject.client, XKV_OP_STATS), XKV_E_DISK_STORE_READ);
    MUST(do_get(&subject.client, LIT("key:02")) == XKV_OK);
    lmdb_fail_at(CALL_txn_renew, 1, MDB_MAP_RESIZED);
    assert_int_equal(do_get(&subject.client, LIT("key:02")), XKV_E_DISK_STORE_READ);
    assert_true(lmdb_failed());
    xkv__files = xkv__system_files;
    subject_close(&subject);
}

/* The larger map cannot be had; with luck, the smaller one again. */
static void test_map_that_cannot_grow(void **state) {
    static char value[65536];

    (void)state;
    memset(value, 'v', sizeof value);
    for (int times = 1; times <= 2; times++) {
        struct subject subject;
        int status = XKV_OK;
        subject_open(&subject, XKV_DURABILITY_NONE, false);
        lmdb_calls.times = times;
        lmdb_fail_at(CALL_env_set_mapsize, 1, EINVAL);
        for (int i = 0; i < 300 && status == XKV_OK; i++) {
            char key[32];
            status = do_set(&subject.client, number_key(key, (unsigned)i),
                            bytes_of(value, sizeof value));
        }
        lmdb_calls.times = 1;
        assert_true(lmdb_failed());
        assert_int_not_equal(status, XKV_OK);
        int after = do_get(&subject.client, LIT("key:00"));
        assert_int_equal(after, times == 1 ? XKV_OK : XKV_E_STORE_FULL);
        after = do_set(&subject.client, LIT("key:00"), LIT("8"));
        assert_int_equal(after, times == 1 ? XKV_OK : XKV_E_STORE_FULL);
        subject_close(&subject);
        client_open(&subject.client, &subject.options, false);
        assert_int_equal(do_get(&subject.client, LIT("key:00")), XKV_OK);
        subject_close(&subject);
    }
}

enum { FOR_EVER = 1 << 20 };

/* A table of readers that stays full. */
static void test_too_many_readers(void **state) {
    char message[XKV_MESSAGE_SIZE] = "";
    struct subject subject;
    xkv_store *store;

    (void)state;
    subject_open(&subject, XKV_DURABILITY_FULL, false);
    MUST(do_get(&subject.client, LIT("key:02")) == XKV_OK);
    lmdb_fail_at(CALL_txn_renew, 1, MDB_READERS_FULL); /* then there is no idle one */
    assert_int_equal(do_get(&subject.client, LIT("key:02")), XKV_OK);
    lmdb_failed();
    client_close(&subject.client);
    lmdb_calls.times = FOR_EVER;
    lmdb_fail_at(CALL_txn_begin, 1, MDB_READERS_FULL);
    assert_int_equal(xkv_open(&subject.options, &store, message, sizeof message),
                     XKV_E_DISK_STORE_READ);
    lmdb_failed();
    assert_non_null(strstr(message, "510 readers"));
    client_open(&subject.client, &subject.options, false);
    lmdb_fail_at(CALL_txn_begin, 1, MDB_READERS_FULL);
    assert_int_equal(do_get(&subject.client, LIT("key:02")), XKV_E_DISK_STORE_READ);
    assert_true(answer_says(&subject.client, "510 readers"));
    lmdb_failed();
    lmdb_calls.times = 1;
    assert_int_equal(do_get(&subject.client, LIT("key:02")), XKV_OK);
    subject_close(&subject);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_restores),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_what_passes),
        cmocka_unit_test(test_commit_refused),
        cmocka_unit_test(test_group_with_unknown_outcome),
        cmocka_unit_test(test_file_that_cannot_be_examined),
        cmocka_unit_test(test_map_that_cannot_grow),
        cmocka_unit_test(test_too_many_readers),
    };

    (void)argc;
    test_begin(argv);
    long_keys_make();
    entries = some_entries();
    keys = KEYS("key:01", "key:05", "no", "key:06");
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    xkv_items_free(&entries);
    xkv_items_free(&keys);
    return test_end(failures);
}
