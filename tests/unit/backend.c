/*
 * backend.c - what backends promise the engine, and the engine those who give it
 * groups: transactions side by side, undoing, what is beside the data
 */
#include "../backends.h"
#include "../heap.h"

#include "local/engine.h"
#include "tree/reclaim.h"

/* -- Kinds of stores --------------------------------------------------------- */

enum { MEMORY, DISK, TRACKED_DISK, KINDS };

struct store {
    xkv_options options;
    char path[PATH_SIZE];
    xkv__backend *backend;
};

static void store_open(struct store *store, int kind) {
    store->options = disk_options(fresh_path(store->path));
    if (kind == MEMORY)
        store->options = memory_options("m");
    store->options.track_keys = kind == TRACKED_DISK;
    store->options.durability = XKV_DURABILITY_NONE;
    store->backend = backend_open(&store->options);
}

static void store_close(struct store *store) {
    backend_close(store->backend);
}

/* -- Side by side ------------------------------------------------------------ */

/* In the middle of reading one store, a thread writes another. */
static void copy_all(xkv__mode mode, struct store *from, struct store *to) {
    xkv__txn_room reading, writing;
    xkv__txn *in = txn_begin(from->backend, mode, &reading), *out;
    xkv_bytes key, value;
    int copied = 0;

    for (int error = from->backend->ops->seek(in, NOTHING, &key, &value); error == XKV_OK;
         error = from->backend->ops->next(in, &key, &value), copied++) {
        out = txn_begin(to->backend, copied % 2 ? XKV__STEPS : XKV__WRITE, &writing);
        assert_int_equal(txn_count(out), copied);
        assert_int_equal(txn_put(out, key, value), XKV_OK);
        txn_end(out, true);
    }
    assert_int_equal(copied, 20);
    assert_true(same_bytes(txn_get(in, LIT("key:07")), LIT("key:07")));
    txn_end(in, false);
    out = txn_begin(to->backend, XKV__READ, &reading);
    assert_true(same_bytes(txn_get(out, LIT("key:19")), LIT("key:19")));
    txn_end(out, false);
}

static void copy_between(int from_kind, int to_kind, xkv__mode mode) {
    struct store from, to;
    char text[16];

    store_open(&from, from_kind);
    store_open(&to, to_kind);
    for (int i = 0; i < 20; i++) {
        xkv_bytes key = bytes_of(text, (size_t)snprintf(text, sizeof text, "key:%02d", i));
        backend_put(from.backend, key, key);
    }
    copy_all(mode, &from, &to);
    store_close(&to);
    store_close(&from);
}

static void test_two_stores(void **state) {
    (void)state;
    for (int from = 0; from < KINDS; from++) {
        for (int to = 0; to < KINDS; to++) {
            copy_between(from, to, XKV__READ);
            copy_between(from, to, XKV__SNAPSHOT);
        }
    }
}

/* -- Undoing ------------------------------------------------------------------ */

static void put_numbers(xkv__backend *backend, int from, int end) {
    char text[16];

    for (int i = from; i < end; i++)
        backend_put(backend, bytes_of(text, (size_t)snprintf(text, sizeof text, "key:%03d", i)),
                    LIT("old"));
}

/* All of 300 keys are there, with their first values. */
static void assert_as_before(xkv__backend *backend) {
    xkv__txn_room room;
    xkv__txn *txn = txn_begin(backend, XKV__READ, &room);
    char text[16];

    assert_int_equal(txn_count(txn), 300);
    for (int i = 0; i < 300; i++) {
        xkv_bytes key = bytes_of(text, (size_t)snprintf(text, sizeof text, "key:%03d", i));
        assert_true(same_bytes(txn_get(txn, key), LIT("old")));
        assert_true(txn_has(txn, key));
    }
    txn_end(txn, false);
}

/* Steps of every kind, in any order; the first error ends them. */
static int take_steps(xkv__txn *txn, bool clears) {
    const xkv__backend_ops *ops = txn->backend->ops;
    int error = XKV_OK;
    char text[16];

    for (int i = 0; error == XKV_OK && i < 300; i += 7) {
        xkv_bytes key = bytes_of(text, (size_t)snprintf(text, sizeof text, "key:%03d", i));
        error = i % 2 ? ops->del(txn, key) : txn_put(txn, key, LIT("new"));
        if (error == XKV_OK)
            error = txn_put(txn, bytes_of(text, 5), LIT("another"));
    }
    if (error == XKV_OK && clears)
        error = ops->clear(txn);
    return error == XKV_OK && clears ? txn_put(txn, LIT("a"), LIT("b")) : error;
}

static void test_steps_are_undone(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct store store;
        store_open(&store, kind);
        put_numbers(store.backend, 0, 300);
        for (int clears = 0; clears < 2; clears++) {
            xkv__txn_room room;
            xkv__txn *txn = txn_begin(store.backend, XKV__STEPS, &room);
            assert_int_equal(take_steps(txn, clears), XKV_OK);
            assert_int_equal(txn_has(txn, LIT("key:007")), false);
            txn_end(txn, false);
            assert_as_before(store.backend);
        }
        store_close(&store);
    }
}

static void test_steps_without_memory(void **state) {
    struct store store;
    bool failed = true;

    (void)state;
    store_open(&store, MEMORY);
    put_numbers(store.backend, 0, 300);
    for (long n = 1; failed; n++) {
        xkv__txn_room room;
        xkv__txn *txn = txn_begin(store.backend, XKV__STEPS, &room);
        heap_fail_at(n, false);
        int error = take_steps(txn, true);
        failed = heap_failed();
        assert_int_equal(error, failed ? XKV_E_STORE_FULL : XKV_OK);
        txn_end(txn, false);
        assert_as_before(store.backend);
        assert_in_range(n, 1, 2000);
    }
    store_close(&store);
}

/* Puts, then dels. */
static int run_batch(xkv__txn *txn) {
    int error = txn_put(txn, LIT("key:100"), LIT("new"));
    char text[16];

    if (error == XKV_OK)
        error = txn_put(txn, LIT("another"), LIT("new"));
    for (int i = 0; error == XKV_OK && i < 300; i += 3)
        error = txn->backend->ops->del(
            txn, bytes_of(text, (size_t)snprintf(text, sizeof text, "key:%03d", i)));
    return error;
}

/* Beside a snapshot (which holds no lock in memory, so one thread may have both)
 * a del needs memory, and may lack it half way. */
static void test_batch_beside_a_snapshot(void **state) {
    struct store store;
    bool failed = true;
    long n = 0;

    (void)state;
    store_open(&store, MEMORY);
    put_numbers(store.backend, 0, 300);
    while (failed) {
        xkv__txn_room reading, writing;
        xkv__txn *reader = txn_begin(store.backend, XKV__SNAPSHOT, &reading);
        xkv__txn *txn = txn_begin(store.backend, XKV__BATCH, &writing);
        heap_fail_at(++n, true);
        int error = run_batch(txn);
        failed = heap_failed();
        assert_int_equal(error, failed ? XKV_E_STORE_FULL : XKV_OK);
        txn_end(txn, false);
        assert_as_before(store.backend);
        assert_int_equal(txn_count(reader), 300);
        txn_end(reader, false);
    }
    assert_in_range(n, 5, 2000);
    store_close(&store);
}

/* -- Beside the data ---------------------------------------------------------- */

static void set_meta(xkv__backend *backend, xkv_bytes value, bool commits) {
    xkv__txn_room room;
    xkv__txn *txn = txn_begin(backend, XKV__WRITE, &room);

    assert_int_equal(backend->ops->put(txn, XKV__META, LIT("name"), value), XKV_OK);
    assert_int_equal(backend->ops->put(txn, XKV__META, LIT("name 2"), value), XKV_OK);
    txn_end(txn, commits);
}

static void assert_meta(xkv__backend *backend, xkv_bytes value) {
    xkv__txn_room room;
    xkv__txn *txn = txn_begin(backend, XKV__INSPECT, &room);
    xkv_bytes found = NOTHING;
    int error = backend->ops->get(txn, XKV__META, LIT("name"), &found);

    assert_int_equal(error, value.len > 0 ? XKV_OK : XKV_E_KEY_NOT_FOUND);
    assert_true(same_bytes(found, value));
    assert_int_equal(backend->ops->get(txn, XKV__META, LIT("nam"), &found), XKV_E_KEY_NOT_FOUND);
    txn_end(txn, false);
}

static void test_meta(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct store store;
        xkv__txn_room room;
        store_open(&store, kind);
        set_meta(store.backend, LIT("lost"), false);
        assert_meta(store.backend, NOTHING);
        set_meta(store.backend, LIT("1"), true);
        assert_meta(store.backend, LIT("1"));
        set_meta(store.backend, LIT("lost"), false);
        assert_meta(store.backend, LIT("1"));
        set_meta(store.backend, LIT("2"), true);
        xkv__txn *txn = txn_begin(store.backend, XKV__WRITE, &room);
        assert_int_equal(txn_count(txn), 0);
        assert_false(txn_has(txn, LIT("name")));
        assert_int_equal(store.backend->ops->clear(txn), XKV_OK);
        txn_end(txn, true);
        assert_meta(store.backend, LIT("2"));
        store_close(&store);
    }
}

/* -- Groups ------------------------------------------------------------------- */

enum { CALLS = 9 };

struct group {
    xkv_command commands[CALLS];
    xkv_reply replies[CALLS];
    xkv__call calls[CALLS];
};

static void group_make(struct group *group) {
    static const int ops[CALLS] = {
        XKV_OP_SET,  XKV_OP_INCREMENT_BY, XKV_OP_SIZE, XKV_OP_REBUILD_KEY_LIST, XKV_OP_SET,
        XKV_OP_SIZE, XKV_OP_CLEAR,        XKV_OP_SIZE, XKV_OP_REBUILD_KEY_LIST,
    };

    for (int i = 0; i < CALLS; i++) {
        group->commands[i] =
            (xkv_command){.op = ops[i], .key = LIT("text"), .value = LIT("text"), .delta = 1};
        xkv_reply_init(&group->replies[i], NULL, 0);
        group->calls[i] = (xkv__call){.next = i + 1 < CALLS ? &group->calls[i + 1] : NULL,
                                      .command = &group->commands[i],
                                      .reply = &group->replies[i],
                                      .seed = XKV_NO_SEED};
    }
    group->commands[4].key = LIT("more");
}

static const xkv__backend_ops *real_ops;
static xkv__mode begun[CALLS]; /* the modes of the transactions */
static int begun_count;

static int note_begin(xkv__backend *backend, xkv__mode mode, xkv__txn_room *room) {
    begun[begun_count++] = mode;
    return real_ops->begin(backend, mode, room);
}

static void run_noted(xkv__backend *backend, xkv__call *group) {
    xkv__backend_ops noting = *backend->ops;

    real_ops = backend->ops;
    noting.begin = note_begin;
    backend->ops = &noting;
    begun_count = 0;
    xkv__run_group(backend, group);
    backend->ops = real_ops;
}

/* Each call sees those before it, and gets its own reply; a rebuild comes between
 * those before and after it. */
static void test_groups(void **state) {
    static const int statuses[CALLS] = {[1] = XKV_E_VALUE_PARSE};
    static const xkv__mode modes[] = {XKV__STEPS, XKV__REBUILD, XKV__STEPS, XKV__REBUILD};

    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct store store;
        struct group group;
        store_open(&store, kind);
        group_make(&group);
        run_noted(store.backend, group.calls);
        assert_int_equal(begun_count, 4);
        assert_memory_equal(begun, modes, sizeof modes);
        for (int i = 0; i < CALLS; i++)
            assert_int_equal(group.replies[i].status, statuses[i]);
        assert_int_equal(group.replies[2].number, 1);
        assert_int_equal(group.replies[5].number, 2);
        assert_int_equal(group.replies[7].number, 0);
        for (int i = 0; i < CALLS; i++)
            xkv_reply_clear(&group.replies[i]);
        store_close(&store);
    }
}

/* A group for which there is no memory is run one by one, and one of them fails. */
static void test_group_without_memory(void **state) {
    struct store store;
    struct group group;
    bool failed = true;

    (void)state;
    store_open(&store, MEMORY);
    for (long n = 1; failed; n++) {
        unsigned full = 0;
        group_make(&group);
        heap_fail_at(n, false);
        xkv__run_group(store.backend, group.calls);
        failed = heap_failed();
        for (int i = 0; i < CALLS; i++) {
            full += group.replies[i].status == XKV_E_STORE_FULL;
            xkv_reply_clear(&group.replies[i]);
        }
        assert_in_range(full, 0, failed);
        assert_in_range(n, 1, 200);
    }
    store_close(&store);
}

static int tear_down(void **state) {
    (void)state;
    xkv__reclaim_finish();
    return heap.live == 0 ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_teardown(test_##name, tear_down)

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        TEST(two_stores),
        TEST(steps_are_undone),
        TEST(steps_without_memory),
        TEST(batch_beside_a_snapshot),
        TEST(meta),
        TEST(groups),
        TEST(group_without_memory),
    };

    (void)argc;
    test_begin(argv);
    xkv_set_hooks(&heap_hooks);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
