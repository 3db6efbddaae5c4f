/*
 * reclaim.c - large trees are freed in the background, and within bounds
 *
 * All by counts of blocks: who frees how many, and how many there are.
 */
#include "../heap.h"
#include "../kinds.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "tree/reclaim.h"

enum {
    KEYS = SANITIZED ? 10000 : 30000,
    FEW = 500,
    VALUE_SIZE = 100,
    NODE_SIZE = 700,                 /* nodes are larger, entries smaller */
    LITTLE = 4 * XKV__FREED_AT_ONCE, /* the data, two trees of claims, and what is over */
};

static const struct kind kinds[] = {
    {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false},
    {"disk, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, true},
};

/* -- Watching who frees ------------------------------------------------------ */

static _Thread_local bool is_ours;    /* the thread is the test's */
static _Thread_local long freed_here; /* blocks */
static _Atomic long freed_elsewhere;
static _Atomic bool held;     /* threads of the library do not get on */
static _Atomic bool disturbs; /* one of them lets signals in */

/* Lets it be held with a leaf only: all else is there for others to free. */
static void library_thread(size_t size) {
    sigset_t blocked;

    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    if (!sigismember(&blocked, SIGPROF) || !sigismember(&blocked, SIGURG))
        atomic_store(&disturbs, true);
    while (size < NODE_SIZE && atomic_load(&held))
        sched_yield();
    atomic_fetch_add(&freed_elsewhere, 1);
}

static void watched_release(void *memory) {
    if (is_ours)
        freed_here++;
    else
        library_thread(((struct heap_block *)memory - 1)->size);
    heap_release(memory);
}

static const xkv_hooks hooks = {
    .alloc = heap_alloc,
    .resize = heap_resize,
    .release = watched_release,
};

static int set_up(void **state) {
    (void)state;
    is_ours = true;
    xkv_set_hooks(&hooks);
    return 0;
}

/* -- Stores ------------------------------------------------------------------ */

static void fill(struct client *client, unsigned count) {
    static const char value[VALUE_SIZE];
    char key[32];

    for (unsigned i = 0; i < count; i++) {
        snprintf(key, sizeof key, "key:%05u", i * 7919 % count);
        MUST(do_set(client, xkv_text(key), bytes_of(value, sizeof value)) == XKV_OK);
    }
}

static void claim_all(struct client *client, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        MUST(RUN(client, .op = XKV_OP_CLAIM_RANDOM, .ttl_ms = 60000) == XKV_OK &&
             client->reply.number != 0);
    }
}

static void open_filled(struct client *client, const struct kind *kind, unsigned count) {
    char name[PATH_SIZE];
    xkv_options options = fresh(kind, name);

    options.serialization = XKV_BINARY;
    client_open(client, &options, false);
    fill(client, count);
}

/* How many blocks this thread frees in a plain command. */
static long frees(struct client *client, int op) {
    long before = freed_here;

    MUST(do_plain(client, op) == XKV_OK);
    return freed_here - before;
}

/* -- Tests ------------------------------------------------------------------- */

/* Whatever drops the tree, its caller frees little, and with the last store
 * all is gone. */
static void test_callers_free_little(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct client client, other;
        running = &kinds[i];
        atomic_store(&freed_elsewhere, 0);
        open_filled(&client, running, KEYS);
        open_filled(&other, running, KEYS);
        claim_all(&client, KEYS);
        /* First, since what is made pays for what waits to be freed. */
        if (running->track_keys)
            assert_in_range(frees(&other, XKV_OP_REBUILD_KEY_LIST), 1, LITTLE);
        assert_in_range(frees(&client, XKV_OP_CLEAR), 1, LITTLE);
        long before = freed_here;
        client_close(&other);
        assert_in_range(freed_here - before, 1, LITTLE);
        client_close(&client);
        assert_true(atomic_load(&freed_elsewhere) > 0);
        assert_int_equal(heap.live, 0);
        assert_false(atomic_load(&disturbs));
    }
}

/* What is small is gone when the call returns. */
static void test_small_trees_are_freed_at_once(void **state) {
    struct client client;

    (void)state;
    running = &kinds[0];
    open_filled(&client, running, 0);
    long empty = heap.live;
    fill(&client, FEW);
    assert_true(heap.live > empty + FEW);
    MUST(do_plain(&client, XKV_OP_CLEAR) == XKV_OK);
    assert_int_equal(heap.live, empty);
    client_close(&client);
    assert_int_equal(heap.live, 0);
}

/* Filling and clearing in a loop, with a thread that never gets on. */
static void test_dead_memory_is_bounded(void **state) {
    static const unsigned sizes[] = {KEYS, KEYS, KEYS, KEYS / 10, KEYS / 10, KEYS, KEYS / 2, KEYS};
    struct client client;

    (void)state;
    running = &kinds[0];
    open_filled(&client, running, KEYS);
    long content = heap.bytes, most = 0;
    atomic_store(&held, true);
    MUST(do_plain(&client, XKV_OP_CLEAR) == XKV_OK);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        fill(&client, sizes[i]);
        most = heap.bytes > most ? heap.bytes : most;
        MUST(do_plain(&client, XKV_OP_CLEAR) == XKV_OK);
    }
    assert_in_range(most, content, 2 * content);
    atomic_store(&held, false);
    client_close(&client);
    assert_int_equal(heap.live, 0);
}

/* Runs in the child of a fork: the parent's thread is not there. */
static _Noreturn void clear_in_child(void) {
    struct client client;

    alarm(60);
    atomic_store(&held, false);
    atomic_store(&freed_elsewhere, 0);
    open_filled(&client, &kinds[0], KEYS);
    MUST(frees(&client, XKV_OP_CLEAR) <= LITTLE);
    while (atomic_load(&freed_elsewhere) == 0)
        sched_yield();
    client_close(&client);
    xkv__reclaim_finish();
    _exit(0);
}

static void test_fork(void **state) {
    struct client client;
    int status = -1;

    (void)state;
    if (SANITIZED) /* which would not have threads started there */
        skip();
    running = &kinds[0];
    open_filled(&client, running, KEYS);
    atomic_store(&held, true);
    MUST(do_plain(&client, XKV_OP_CLEAR) == XKV_OK);
    pid_t pid = fork();
    if (pid == 0)
        clear_in_child();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    atomic_store(&held, false);
    client_close(&client);
    assert_int_equal(heap.live, 0);
}

/* Lets new threads ask for more stack than there is, or for what they did before;
 * whether that can be done here. Sanitizers need to start threads of their own way. */
static bool let_threads_start(bool can) {
#if defined(__GLIBC__) && !SANITIZED
    static pthread_attr_t before, huge;

    if (can)
        return pthread_setattr_default_np(&before) == 0;
    return pthread_getattr_default_np(&before) == 0 && pthread_attr_init(&huge) == 0 &&
           pthread_attr_setstacksize(&huge, (size_t)1 << 47) == 0 &&
           pthread_setattr_default_np(&huge) == 0;
#else
    return can;
#endif
}

/* Without a thread to be had, the caller frees all. */
static void test_no_thread(void **state) {
    struct client client;

    (void)state;
    running = &kinds[0];
    if (!let_threads_start(false))
        skip();
    open_filled(&client, running, KEYS);
    long all = frees(&client, XKV_OP_CLEAR);
    MUST(let_threads_start(true));
    assert_true(all > KEYS);
    client_close(&client);
    assert_int_equal(heap.live, 0);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_callers_free_little, after_case),
        cmocka_unit_test_teardown(test_small_trees_are_freed_at_once, after_case),
        cmocka_unit_test_teardown(test_dead_memory_is_bounded, after_case),
        cmocka_unit_test_teardown(test_fork, after_case),
        cmocka_unit_test_teardown(test_no_thread, after_case),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, set_up, NULL));
}
