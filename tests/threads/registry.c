/*
 * registry.c - opening and closing a store keeps nobody from another one
 *
 * What takes long is made to last until the test has seen that others get on:
 * the wait for a locked file by a clock that stands still, the last sync of a
 * store by one that does not return.
 */
#include "../clock.h"
#include "../kinds.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/file.h>

enum { JOINERS = 7, PATIENCE_S = 120 };

/* -- What lasts -------------------------------------------------------------- */

static _Atomic unsigned looks; /* at the clock: who waits for a file looks again and again */
static _Atomic bool hurries;   /* each look takes a second */

static uint64_t watched_now(void) {
    atomic_fetch_add(&looks, 1);
    if (atomic_load(&hurries))
        clocks_pass(1000);
    return clocks_now();
}

static const xkv_hooks hooks = {.now_ms = watched_now, .wall_ms = clocks_wall};

static _Atomic bool holds_syncs, in_sync;
static ino_t held_inode;

/* Stands before the one that LMDB would call. */
int fdatasync(int fd) {
    int (*real)(int);
    void *symbol = dlsym(RTLD_NEXT, "fdatasync");
    struct stat status;

    MUST(symbol != NULL && fstat(fd, &status) == 0);
    memcpy(&real, &symbol, sizeof real);
    while (status.st_ino == held_inode && atomic_load(&holds_syncs)) {
        atomic_store(&in_sync, true);
        sched_yield();
    }
    return real(fd);
}

/* -- Others ------------------------------------------------------------------ */

struct opener {
    xkv_options options;
    pthread_t thread;
    xkv_store *store;
    int error;
    char message[XKV_MESSAGE_SIZE];
    _Atomic bool done;
};

static void *open_main(void *argument) {
    struct opener *opener = argument;

    opener->error =
        xkv_open(&opener->options, &opener->store, opener->message, sizeof opener->message);
    atomic_store(&opener->done, true);
    return NULL;
}

static void opener_start(struct opener *opener, const xkv_options *options) {
    opener->options = *options;
    atomic_store(&opener->done, false);
    MUST(pthread_create(&opener->thread, NULL, open_main, opener) == 0);
}

static void opener_join(struct opener *opener, int error) {
    pthread_join(opener->thread, NULL);
    if (opener->error != error)
        fail_msg("%d instead of %d: %s", opener->error, error, opener->message);
}

static void *close_main(void *store) {
    xkv_close(store);
    return NULL;
}

static void assert_works(const xkv_options *options) {
    struct client client;

    client_open(&client, options, false);
    assert_int_equal(do_set(&client, LIT("key"), LIT("1")), XKV_OK);
    client_close(&client);
}

/* Stores of all kinds open, work and close, those of the same kind twice. */
static void assert_others_get_on(void) {
    char path[PATH_SIZE];

    for (int i = 0; i < 2; i++) {
        xkv_options memory, disk = disk_options(test_path(path, "other.kv"));
        xkv_options_init(&memory);
        memory.backend = XKV_BACKEND_MEMORY;
        assert_works(&memory);
        assert_works(&disk);
    }
}

/* The file of a store that somebody else has. */
static int locked_file(const char *path) {
    xkv_options options = disk_options(path);

    assert_works(&options);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    MUST(fd >= 0 && flock(fd, LOCK_EX) == 0);
    return fd;
}

static void wait_for_looks(unsigned more) {
    for (unsigned from = atomic_load(&looks); atomic_load(&looks) - from < more;)
        sched_yield();
}

/* -- Tests ------------------------------------------------------------------- */

static void test_opening(void **state) {
    char path[PATH_SIZE], message[XKV_MESSAGE_SIZE];
    struct opener first, second;
    xkv_store *store;

    (void)state;
    int fd = locked_file(test_path(path, "opening.kv"));
    xkv_options options = disk_options(path), different = options;
    opener_start(&first, &options);
    wait_for_looks(5);
    opener_start(&second, &options);
    assert_others_get_on();
    different.track_keys = !options.track_keys;
    assert_int_equal(xkv_open(&different, &store, message, sizeof message), XKV_E_OPTIONS_CONFLICT);
    assert_false(atomic_load(&first.done));
    assert_false(atomic_load(&second.done));
    flock(fd, LOCK_UN);
    opener_join(&first, XKV_OK);
    opener_join(&second, XKV_OK);
    assert_true(xkv_same_store(first.store, second.store));
    xkv_close(first.store);
    xkv_close(second.store);
    close(fd);
}

/* All that wait for the same store share one wait, and what comes of it. */
static void test_opening_that_fails(void **state) {
    char path[PATH_SIZE];
    struct opener openers[1 + JOINERS];

    (void)state;
    int fd = locked_file(test_path(path, "failing.kv"));
    xkv_options options = disk_options(path);
    opener_start(&openers[0], &options);
    wait_for_looks(5);
    for (int i = 1; i <= JOINERS; i++)
        opener_start(&openers[i], &options);
    wait_for_looks(5);
    atomic_store(&hurries, true);
    for (int i = 0; i <= JOINERS; i++) {
        opener_join(&openers[i], XKV_E_DISK_STORE_OPEN);
        if (!strstr(openers[i].message, "failing.kv"))
            fail_msg("%d: %s", i, openers[i].message);
    }
    atomic_store(&hurries, false);
    flock(fd, LOCK_UN);
    assert_works(&options);
    close(fd);
}

static void test_closing(void **state) {
    char path[PATH_SIZE];
    struct opener again;
    struct stat status;
    pthread_t closer;
    xkv_store *store;
    char message[XKV_MESSAGE_SIZE];

    (void)state;
    xkv_options options = disk_options(test_path(path, "closing.kv"));
    options.durability = XKV_DURABILITY_NONE;
    assert_works(&options);
    MUST(stat(path, &status) == 0);
    held_inode = status.st_ino;
    assert_int_equal(xkv_open(&options, &store, message, sizeof message), XKV_OK);
    atomic_store(&holds_syncs, true);
    MUST(pthread_create(&closer, NULL, close_main, store) == 0);
    while (!atomic_load(&in_sync))
        sched_yield();
    opener_start(&again, &options);
    assert_others_get_on();
    assert_false(atomic_load(&again.done));
    atomic_store(&holds_syncs, false);
    pthread_join(closer, NULL);
    opener_join(&again, XKV_OK);
    xkv_close(again.store);
}

/* Many threads that open and close a few stores: whoever has one can use it. */
static void *hammer(void *argument) {
    struct rng rng = rng_for(argument);
    char path[PATH_SIZE], name[] = "hammer0.kv";

    for (int i = 0; i < (SANITIZED ? 100 : 400); i++) {
        name[6] = (char)('0' + rng_below(&rng, 3));
        xkv_options options = disk_options(test_path(path, name));
        options.durability = XKV_DURABILITY_NONE;
        assert_works(&options);
    }
    return NULL;
}

static void test_hammer(void **state) {
    static char names[][16] = {"opener 0", "opener 1", "opener 2", "opener 3"};
    enum { THREADS = sizeof names / sizeof names[0] };
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        MUST(pthread_create(&threads[i], NULL, hammer, names[i]) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opening),
        cmocka_unit_test(test_opening_that_fails),
        cmocka_unit_test(test_closing),
        cmocka_unit_test(test_hammer),
    };

    (void)argc;
    test_begin(argv);
    xkv_set_hooks(&hooks);
    alarm(PATIENCE_S); /* who waits for what never comes */
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
