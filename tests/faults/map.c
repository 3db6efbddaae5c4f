/*
 * map.c - a store's map into memory: how often it is made, how large it is, and
 * what threads do that wait for it
 *
 * LMDB is a shared library and calls mmap by name, so this program sees each
 * call; sched_yield is defined here for the library, which is part of it.
 */
#include "../child.h"
#include "../clock.h"
#include "../model.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/rwlock.h"
#include "disk/lmdb_api.h"

/* -- What is counted --------------------------------------------------------- */

static struct {
    _Atomic int maps;      /* of a file that is not a lock file */
    _Atomic size_t size;   /* of the last of them */
    _Atomic size_t scarce; /* larger ranges than this are not to be had, 0: all are */
    _Atomic int yields;
} seen;

static bool is_data(int fd) {
    char link[64], path[PATH_SIZE];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = fd < 0 ? -1 : readlink(link, path, sizeof path - 1);
    return len > 3 && memcmp(path + len - 3, ".kv", 3) == 0;
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
    static void *(*real)(void *, size_t, int, int, int, off_t);
    size_t scarce = atomic_load(&seen.scarce);

    if (!real) {
        void *found = dlsym(RTLD_NEXT, "mmap");
        memcpy(&real, &found, sizeof real);
    }
    if (scarce > 0 && size > scarce) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    if (is_data(fd)) {
        atomic_fetch_add(&seen.maps, 1);
        atomic_store(&seen.size, size);
    }
    return real(at, size, protection, flags, fd, offset);
}

int sched_yield(void) {
    static const struct timespec moment = {0, 1000};

    atomic_fetch_add(&seen.yields, 1);
    return nanosleep(&moment, NULL);
}

static void wait_for_yields(int count) {
    for (int i = 0; i < 10000 && atomic_load(&seen.yields) < count; i++)
        usleep(1000);
}

/* -- Those who wait ---------------------------------------------------------- */

static xkv__rwlock lock;
static _Atomic bool written;

static void *write_once(void *argument) {
    (void)argument;
    xkv__write_lock(&lock);
    atomic_store(&written, true);
    xkv__write_unlock(&lock);
    return NULL;
}

/* A writer that waited for a long reader gave its core away for ever, in a loop. */
static void test_writer_sleeps(void **state) {
    pthread_t writer;

    (void)state;
    MUST(xkv__rwlock_init(&lock) == XKV_OK);
    for (int round = 0; round < 20; round++) {
        atomic_store(&written, false);
        atomic_store(&seen.yields, 0);
        xkv__read_lock(&lock);
        MUST(pthread_create(&writer, NULL, write_once, NULL) == 0);
        wait_for_yields(1);
        usleep(round == 0 ? 200000 : (unsigned)round * 500); /* some before it sleeps */
        assert_false(written);
        assert_in_range(seen.yields, 1, 100);
        xkv__read_unlock(&lock);
        pthread_join(writer, NULL);
        assert_true(written);
    }
    xkv__rwlock_destroy(&lock);
}

/* -- A map that was outgrown ------------------------------------------------- */

enum { READERS = 64, VALUE = 1000, BEFORE = 10, AFTER = 2000, SMALL_MAP = 256 << 10 };

static void put_some(const xkv_options *options, unsigned from, unsigned to) {
    static char value[VALUE];
    struct client client;
    char key[32];

    client_open(&client, options, false);
    for (unsigned i = from; i < to; i++) {
        memset(value, (int)('a' + i % 26), sizeof value);
        snprintf(key, sizeof key, "key%06u", i);
        MUST(do_set(&client, xkv_text(key), bytes_of(value, sizeof value)) == XKV_OK);
    }
    client_close(&client);
}

/* Another process puts more into the file than our map has room for. */
static void outgrow(const char *path) {
    const char *const arguments[] = {"put", path, NULL};
    struct child child;

    child_start(&child, arguments);
    assert_int_equal(child_end(&child), 0);
}

static pthread_barrier_t together;

static void *read_together(void *argument) {
    struct client client;

    client_open(&client, argument, false);
    MUST(do_get(&client, LIT("key000001")) == XKV_OK);
    pthread_barrier_wait(&together); /* all have begun, with the small map */
    pthread_barrier_wait(&together); /* it is outgrown */
    MUST(do_list(&client, NOTHING, 0) == XKV_OK);
    MUST(client.reply.number == AFTER);
    client_close(&client);
    return NULL;
}

/* Each of them doubled it once: 2^64 times its size. */
static void test_readers_adopt_a_map_once(void **state) {
    pthread_t threads[READERS];
    char path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "outgrown.kv"));

    (void)state;
    put_some(&options, 0, BEFORE);
    options.read_only = true;
    options.initial_map_size = SMALL_MAP;
    xkv_store *store = must_open(&options);
    MUST(pthread_barrier_init(&together, NULL, READERS + 1) == 0);
    for (int i = 0; i < READERS; i++)
        MUST(pthread_create(&threads[i], NULL, read_together, &options) == 0);
    pthread_barrier_wait(&together);
    outgrow(path);
    atomic_store(&seen.maps, 0);
    pthread_barrier_wait(&together);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(seen.maps, 1);
    assert_in_range(seen.size, AFTER * VALUE, 16 * AFTER * VALUE);
    pthread_barrier_destroy(&together);
    xkv_close(store);
}

/* -- Growing ----------------------------------------------------------------- */

struct reading {
    const xkv_options *options;
    _Atomic bool done;
    _Atomic uint64_t lists;
};

static void *list_until_done(void *argument) {
    struct reading *reading = argument;
    struct client client;
    xkv_bytes key, value;

    client_open(&client, reading->options, false);
    while (!atomic_load(&reading->done)) {
        size_t at = 0;
        MUST(do_list(&client, NOTHING, 0) == XKV_OK);
        while (xkv_reply_next(&client.reply, &at, &key, &value)) {
            const char *bytes = value.data;
            unsigned n = (unsigned)atoi((const char *)key.data + 3);
            MUST(value.len == VALUE && bytes[0] == (char)('a' + n % 26) &&
                 memcmp(bytes, bytes + 1, VALUE - 1) == 0);
        }
        atomic_fetch_add(&reading->lists, 1);
    }
    client_close(&client);
    return NULL;
}

/* How often a store is mapped, opening included, while it grows to 2 MB below
 * threads that read it. */
static int maps_while_growing(const char *path, int64_t initial_map_size) {
    xkv_options options = disk_options(path);
    struct reading reading = {.options = &options};
    pthread_t threads[4];

    options.durability = XKV_DURABILITY_NONE;
    options.initial_map_size = initial_map_size;
    atomic_store(&seen.maps, 0);
    xkv_store *store = must_open(&options);
    for (size_t i = 0; i < COUNT(threads); i++)
        MUST(pthread_create(&threads[i], NULL, list_until_done, &reading) == 0);
    put_some(&options, 0, AFTER);
    uint64_t lists = reading.lists;
    while (reading.lists < lists + 4) /* of all that there is */
        usleep(1000);
    atomic_store(&reading.done, true);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    xkv_close(store);
    return seen.maps;
}

static void test_growing(void **state) {
    char path[PATH_SIZE];

    (void)state;
    int maps = maps_while_growing(test_path(path, "small.kv"), SMALL_MAP);
    assert_in_range(maps, 5, 12); /* readers keep old pages in use */
    assert_int_equal(seen.size, SMALL_MAP << (maps - 1));
#if SIZE_MAX > UINT32_MAX
    assert_int_equal(maps_while_growing(test_path(path, "large.kv"), 0), 1);
    assert_in_range(seen.size, (size_t)1 << 36, (size_t)1 << 46);
#endif
}

/* With fewer addresses a store takes an eighth of them, and grows by what there
 * is, until it is full. It goes on then. */
static void test_few_addresses(void **state) {
    static char value[100000];
    char path[PATH_SIZE], key[32];
    xkv_options options = disk_options(test_path(path, "scarce.kv"));
    struct client client;
    unsigned count = 0;

    (void)state;
    options.durability = XKV_DURABILITY_NONE;
    atomic_store(&seen.scarce, 5 << 20);
    client_open(&client, &options, false);
    assert_int_equal(seen.size, 512 << 10);
    do
        snprintf(key, sizeof key, "key%u", count++);
    while (do_set(&client, xkv_text(key), bytes_of(value, sizeof value)) == XKV_OK);
    assert_int_equal(told(&client), XKV_E_STORE_FULL);
    assert_true(answer_says(&client, "address space"));
    assert_true(answer_says(&client, "goes on"));
    assert_in_range(seen.size, 4 << 20, 5 << 20);
    assert_in_range(count, 35, 55);
    assert_int_equal(do_delete(&client, LIT("key0")), XKV_OK);
    assert_int_equal(do_set(&client, LIT("new"), LIT("value")), XKV_OK);
    atomic_store(&seen.scarce, 0);
    assert_int_equal(do_set(&client, xkv_text(key), bytes_of(value, sizeof value)), XKV_OK);
    client_close(&client);
}

static void assert_not_mapped(const xkv_options *options, const char *says, const char *also) {
    char why[XKV_MESSAGE_SIZE];
    xkv_store *store;

    assert_int_equal(xkv_open(options, &store, why, sizeof why), XKV_E_STORE_FULL);
    if (!strstr(why, says) || !strstr(why, also))
        fail_msg("\"%s\" does not mention \"%s\" and \"%s\"", why, says, also);
}

/* A real limit on addresses: a sixteenth of it, if so much is left. */
static void test_address_limit(void **state) {
    struct rlimit before, few;
    char path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "below-limit.kv"));

    (void)state;
    MUST(getrlimit(RLIMIT_AS, &before) == 0);
    few = before;
    few.rlim_cur = (rlim_t)1 << 32;
    MUST(setrlimit(RLIMIT_AS, &few) == 0);
    xkv_close(must_open(&options));
    MUST(setrlimit(RLIMIT_AS, &before) == 0);
    assert_in_range(seen.size, 1 << 20, 1 << 28);
}

/* "The memory is used up; the store goes on", it said, of one that was not open. */
static void test_too_few_addresses_to_open(void **state) {
    const rlim_t limit = (rlim_t)1 << 40;
    struct rlimit before, few;
    char path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "none.kv"));

    (void)state;
    atomic_store(&seen.scarce, 100 << 10);
    assert_not_mapped(&options, "address space", "none.kv");
    atomic_store(&seen.scarce, 5 << 20);
    options.initial_map_size = 64 << 20;
    assert_not_mapped(&options, "disk.initialMmapSize asks for 64 MiB", "leave it out");
    MUST(getrlimit(RLIMIT_AS, &before) == 0);
    few = before;
    few.rlim_cur = limit;
    MUST(setrlimit(RLIMIT_AS, &few) == 0);
    assert_not_mapped(&options, "ends at 1048576 MiB (ulimit -v)", "disk.initialMmapSize");
    MUST(setrlimit(RLIMIT_AS, &before) == 0);
    atomic_store(&seen.scarce, 0);
    xkv_close(must_open(&options));
    assert_int_equal(seen.size, 64 << 20);
}

/* -- A limit on files -------------------------------------------------------- */

/* The map ends at the limit; below the smallest file there is nothing to open. */
static void test_file_size_limit(void **state) {
    static char value[50000];
    char path[PATH_SIZE], key[32];
    xkv_options options = disk_options(test_path(path, "limited.kv"));
    struct rlimit before, few;
    struct client client;
    unsigned count = 0;

    (void)state;
    options.durability = XKV_DURABILITY_NONE;
    MUST(getrlimit(RLIMIT_FSIZE, &before) == 0);
    few = before;
    few.rlim_cur = 16 << 10;
    MUST(setrlimit(RLIMIT_FSIZE, &few) == 0);
    assert_not_mapped(&options, "ulimit -f", "limited.kv");
    few.rlim_cur = 1 << 20;
    MUST(setrlimit(RLIMIT_FSIZE, &few) == 0);
    client_open(&client, &options, false);
    assert_int_equal(seen.size, 1 << 20);
    do
        snprintf(key, sizeof key, "key%u", count++);
    while (do_set(&client, xkv_text(key), bytes_of(value, sizeof value)) == XKV_OK);
    assert_int_equal(told(&client), XKV_E_STORE_FULL);
    assert_true(answer_says(&client, "ulimit -f"));
    assert_in_range(count, 15, 25);
    MUST(setrlimit(RLIMIT_FSIZE, &before) == 0);
    assert_int_equal(do_set(&client, xkv_text(key), bytes_of(value, sizeof value)), XKV_OK);
    client_close(&client);
}

/* -- Readers that were killed ------------------------------------------------ */

/* Begins to read with LMDB alone, and never ends. */
static int read_for_ever(const char *path) {
    MDB_env *env;
    MDB_txn *txn;

    MUST(mdb_env_create(&env) == 0);
    MUST(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_RDONLY, 0600) == 0);
    MUST(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0);
    printf("reading\n");
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    return 0;
}

/* The writer looked for dead readers every 250 ms, and when the map was full:
 * in a large one a quick writer filled the disk in between. */
static void test_killed_reader_keeps_little(void **state) {
    static char value[100000];
    char path[PATH_SIZE];
    const char *const arguments[] = {"read", test_path(path, "killed.kv"), NULL};
    xkv_options options = disk_options(path);
    struct client client;
    struct child reader;
    struct stat before, after;

    (void)state;
    clocks_stop();
    options.durability = XKV_DURABILITY_NONE;
    client_open(&client, &options, false);
    for (int i = 0; i < 1000; i++) {
        MUST(do_set(&client, LIT("key"), bytes_of(value, sizeof value)) == XKV_OK);
        if (i != 10)
            continue;
        child_start(&reader, arguments);
        MUST(child_says(&reader, "reading"));
        child_kill(&reader);
        MUST(stat(path, &before) == 0);
    }
    MUST(stat(path, &after) == 0);
    client_close(&client);
    xkv_set_hooks(NULL);
    assert_in_range(after.st_size, 0, before.st_size + (3 << 20));
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writer_sleeps),   cmocka_unit_test(test_readers_adopt_a_map_once),
        cmocka_unit_test(test_growing),         cmocka_unit_test(test_few_addresses),
        cmocka_unit_test(test_address_limit),   cmocka_unit_test(test_too_few_addresses_to_open),
        cmocka_unit_test(test_file_size_limit), cmocka_unit_test(test_killed_reader_keeps_little),
    };

    if (argc == 3 && strcmp(argv[1], "read") == 0)
        return read_for_ever(argv[2]);
    if (argc == 3 && strcmp(argv[1], "put") == 0) {
        xkv_options options = disk_options(argv[2]);
        options.durability = XKV_DURABILITY_NONE;
        put_some(&options, BEFORE, AFTER);
        return 0;
    }
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
