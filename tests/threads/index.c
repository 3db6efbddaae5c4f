/*
 * index.c - the index of keys changes with the file, neither sooner nor later
 *
 * The writer is stopped just before and just after LMDB's commit, where the two
 * differ, and a reader looks.
 */
#include "../backends.h"
#include "../lmdb_calls.h"
#include "../reader.h"

/* -- What a reader sees ------------------------------------------------------ */

enum { PATIENCE_MS = 200 };

static struct seen {
    bool value, exists; /* by the file; by the index */
    int64_t size, random;
} seen;

static void look_at_file(struct client *client) {
    int status = do_get(client, LIT("new"));

    MUST(status == XKV_OK || status == XKV_E_KEY_NOT_FOUND);
    seen.value = status == XKV_OK;
}

static void look_at_index(struct client *client) {
    MUST(do_exists(client, LIT("new")) == XKV_OK);
    seen.exists = client->reply.number == 1;
    MUST(do_plain(client, XKV_OP_SIZE) == XKV_OK);
    seen.size = client->reply.number;
    MUST(do_random(client, LIT("n")) == XKV_OK);
    seen.random = client->reply.number;
}

static void look_at_both(struct client *client) {
    look_at_file(client);
    look_at_index(client);
}

/* -- In the middle of a commit ----------------------------------------------- */

/* Lets the reader look. Nothing keeps it waiting yet. */
static void let_look(void) {
    lmdb_calls.before_commit = NULL;
    reader_begin();
    sem_wait(&reader.end);
    sem_post(&reader.end); /* for who looks at what was seen */
}

/* Lets the reader look, or rather wait until the writer goes on. */
static void let_wait(void) {
    struct timespec until;

    lmdb_calls.after_commit = NULL;
    reader_begin();
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PATIENCE_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    if (sem_timedwait(&reader.end, &until) == 0)
        sem_post(&reader.end);
}

/* What the reader sees while key "new" is set, beside one other key. */
static void look_before_or_after(bool after, bool first_of_file, int durability) {
    char path[PATH_SIZE];
    xkv_options options = disk_options(fresh_path(path));
    struct client client;

    options.track_keys = true;
    options.durability = durability;
    client_open(&client, &options, false);
    MUST(do_set(&client, LIT("old"), LIT("1")) == XKV_OK);
    seen = (struct seen){.value = false};
    reader_start(&options, first_of_file ? look_at_both : look_at_index);
    if (after)
        lmdb_calls.after_commit = let_wait;
    else
        lmdb_calls.before_commit = let_look;
    MUST(do_set(&client, LIT("new"), LIT("1")) == XKV_OK);
    sem_wait(&reader.end);
    reader_stop();
    client_close(&client);
}

/* Who has seen a key in the file does not miss it in the index. */
static void test_readers_wait_for_the_index(void **state) {
    (void)state;
    for (int durability = 0; durability < 3; durability++) {
        look_before_or_after(true, true, durability);
        assert_true(seen.value);
        assert_true(seen.exists);
        assert_int_equal(seen.size, 2);
        assert_int_equal(seen.random, 1);
    }
}

/* A key that is not in the file yet, and may never be, is in no index. */
static void test_index_is_not_ahead(void **state) {
    (void)state;
    for (int i = 0; i < 6; i++) {
        look_before_or_after(false, i % 2, i / 2);
        assert_false(i % 2 && seen.value);
        assert_false(seen.exists);
        assert_int_equal(seen.size, 1);
        assert_int_equal(seen.random, 0);
    }
}

/* -- One moment --------------------------------------------------------------- */

/* A commit by another thread, and a transaction that reads beside it. */
static struct {
    xkv_options options;
    char path[PATH_SIZE];
    xkv__backend *backend;
    pthread_t writer;
    sem_t committed;
    xkv__txn_room room;
} beside;

static void tell_committed(void) {
    lmdb_calls.after_commit = NULL;
    sem_post(&beside.committed);
}

static void *put_new(void *argument) {
    (void)argument;
    backend_put(beside.backend, LIT("new"), LIT("1"));
    return NULL;
}

static xkv__txn *begin_beside(xkv__mode mode) {
    beside.options = disk_options(fresh_path(beside.path));
    beside.options.durability = XKV_DURABILITY_NONE;
    beside.options.track_keys = true;
    beside.backend = backend_open(&beside.options);
    backend_put(beside.backend, LIT("old"), LIT("1"));
    MUST(sem_init(&beside.committed, 0, 0) == 0);
    return txn_begin(beside.backend, mode, &beside.room);
}

/* Until the file has the new key. */
static void commit_beside(void) {
    lmdb_calls.after_commit = tell_committed;
    MUST(pthread_create(&beside.writer, NULL, put_new, NULL) == 0);
    sem_wait(&beside.committed);
}

static void end_beside(xkv__txn *txn) {
    txn_end(txn, false);
    backend_close(beside.backend);
}

/* It has the index, so the writer waits for it, and it must not wait for the
 * writer: it begins again. */
static void test_index_first(void **state) {
    xkv_bytes value;

    (void)state;
    xkv__txn *txn = begin_beside(XKV__READ);
    assert_false(txn_has(txn, LIT("new")));
    commit_beside();
    assert_int_equal(beside.backend->ops->get(txn, XKV__DATA, LIT("new"), &value), XKV__RETRY);
    txn_end(txn, false);
    pthread_join(beside.writer, NULL);
    txn = txn_begin(beside.backend, XKV__READ, &beside.room);
    assert_true(txn_has(txn, LIT("new")));
    assert_true(same_bytes(txn_get(txn, LIT("new")), LIT("1")));
    assert_int_equal(txn_count(txn), 2);
    end_beside(txn);
}

/* It goes on with the file as it was. */
static void test_file_first(void **state) {
    xkv__range range;
    xkv_bytes key;

    (void)state;
    xkv__txn *txn = begin_beside(XKV__READ);
    assert_true(same_bytes(txn_get(txn, LIT("old")), LIT("1")));
    commit_beside();
    pthread_join(beside.writer, NULL);
    assert_false(txn_has(txn, LIT("new")));
    assert_int_equal(beside.backend->ops->range(txn, LIT("n"), &range), XKV_OK);
    assert_int_equal(range.count, 0);
    assert_int_equal(beside.backend->ops->range(txn, NOTHING, &range), XKV_OK);
    assert_int_equal(range.count, 1);
    assert_false(range.ranked);
    assert_int_equal(beside.backend->ops->select(txn, &range, 0, &key), XKV_OK);
    assert_true(same_bytes(key, LIT("old")));
    end_beside(txn);
}

/* It has both from its beginning, and keeps nobody waiting. */
static void test_snapshot(void **state) {
    (void)state;
    xkv__txn *txn = begin_beside(XKV__SNAPSHOT);
    commit_beside();
    pthread_join(beside.writer, NULL);
    assert_false(txn_has(txn, LIT("new")));
    assert_int_equal(txn_get(txn, LIT("new")).len, 0);
    assert_int_equal(txn_count(txn), 1);
    end_beside(txn);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers_wait_for_the_index),
        cmocka_unit_test(test_index_is_not_ahead),
        cmocka_unit_test(test_index_first),
        cmocka_unit_test(test_file_first),
        cmocka_unit_test(test_snapshot),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
