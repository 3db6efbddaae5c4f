/*
 * system.c - what the system may answer while stores are opened and used: no
 * threads, no locks, files that are somebody else's or change meanwhile
 */
#include "../child.h"
#include "../heap.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/resource.h>

#include "base/sys.h"

/* -- Threads and their locks cannot be made ---------------------------------- */

static _Atomic int calls_left = -1; /* before one fails, -1: none does */

static bool fails(void) {
    int left = calls_left;

    if (left >= 0)
        calls_left = left - 1;
    return left == 0;
}

static void find_real(const char *name, void *pointer, size_t size) {
    void *found = dlsym(RTLD_NEXT, name);

    MUST(found && size == sizeof found);
    memcpy(pointer, &found, size);
}

/* Mutexes and conditions that were made and not destroyed. LMDB's own, which lie in
 * its lock file and have attributes, are not looked at. */
static const void *live[256];

static int locks_alive(void) {
    int count = 0;

    for (size_t i = 0; i < COUNT(live); i++)
        count += live[i] != NULL;
    return count;
}

static void replace_live(const void *from, const void *to) {
    for (size_t i = 0; i < COUNT(live); i++) {
        if (live[i] == from) {
            live[i] = to;
            return;
        }
    }
    MUST(to == NULL); /* else there are too many */
}

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes) {
    int (*real)(pthread_mutex_t *, const pthread_mutexattr_t *);

    find_real("pthread_mutex_init", &real, sizeof real);
    if (fails())
        return EAGAIN;
    if (!attributes)
        replace_live(NULL, mutex);
    return real(mutex, attributes);
}

int pthread_mutex_destroy(pthread_mutex_t *mutex) {
    int (*real)(pthread_mutex_t *);

    find_real("pthread_mutex_destroy", &real, sizeof real);
    replace_live(mutex, NULL);
    return real(mutex);
}

int pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes) {
    int (*real)(pthread_cond_t *, const pthread_condattr_t *);

    find_real("pthread_cond_init", &real, sizeof real);
    if (fails())
        return EAGAIN;
    replace_live(NULL, condition);
    return real(condition, attributes);
}

int pthread_cond_destroy(pthread_cond_t *condition) {
    int (*real)(pthread_cond_t *);

    find_real("pthread_cond_destroy", &real, sizeof real);
    replace_live(condition, NULL);
    return real(condition);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument) {
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

    find_real("pthread_create", &real, sizeof real);
    return fails() ? EAGAIN : real(thread, attributes, run, argument);
}

/* Whether a call that fails was met; ends the failing. */
static bool was_met(void) {
    return atomic_exchange(&calls_left, -1) < 0;
}

static void open_without_threads(const xkv_options *options) {
    char message[XKV_MESSAGE_SIZE];
    bool met = true;

    for (int n = 0; met; n++) {
        long blocks = heap.live;
        int locks = locks_alive();
        xkv_store *store;
        calls_left = n;
        int code = xkv_open(options, &store, message, sizeof message);
        met = was_met();
        if (code == XKV_OK)
            xkv_close(store);
        else if (!met || (code != XKV_E_STORE_FULL && code != XKV_E_DISK_STORE_OPEN))
            fail_msg("call %d: %s: %s", n, xkv_error_name(code), message);
        assert_int_equal(met, code != XKV_OK);
        assert_int_equal(heap.live, blocks);
        assert_int_equal(locks_alive(), locks);
    }
}

static void test_no_threads(void **state) {
    char path[PATH_SIZE];
    xkv_options disk = disk_options(test_path(path, "threads.kv")), memory = memory_options("t");
    struct client client;
    bool met = true;

    (void)state;
    open_without_threads(&disk);
    open_without_threads(&memory);
    client_open(&client, &disk, false);
    for (int n = 0; met; n++) {
        calls_left = n;
        int status = do_set(&client, LIT("key"), LIT("value"));
        met = was_met();
        assert_int_equal(status, met ? XKV_E_STORE_FULL : XKV_OK);
        calls_left = n;
        xkv_queue *queue = xkv_queue_new();
        assert_int_equal(was_met(), !queue);
        xkv_queue_free(queue);
    }
    client_close(&client);
}

/* -- Files ------------------------------------------------------------------- */

/* What the next opening of a file, or a look at one, answers. */
static struct {
    const char *suffix;  /* of the path that is meant */
    const char *refused; /* of one that fails in any case */
    int number;          /* the errno */
    const char *instead; /* or what is opened */
    void (*meanwhile)(void);
    bool foreign; /* all files belong to another user */
    char path[PATH_SIZE], other[PATH_SIZE];
} answer_with;

static bool ends_with(const char *path, const char *suffix) {
    size_t len = strlen(path), end = suffix ? strlen(suffix) : 0;
    return end > 0 && len >= end && strcmp(path + len - end, suffix) == 0;
}

static xkv__fault open_answering(const char *path, unsigned how, xkv__handle *handle) {
    *handle = XKV__NO_HANDLE;
    if (ends_with(path, answer_with.refused))
        return xkv__fault_of(EIO);
    if (!ends_with(path, answer_with.suffix))
        return xkv__system_files.open(path, how, handle);
    if (answer_with.meanwhile)
        answer_with.meanwhile();
    if (answer_with.instead)
        return xkv__system_files.open(answer_with.instead, how, handle);
    return xkv__fault_of(answer_with.number);
}

static xkv__fault examine_answering(xkv__handle handle, xkv__status *status) {
    xkv__fault fault = xkv__system_files.examine(handle, status);

    if (answer_with.foreign) {
        status->owner = XKV__ANOTHER;
        status->owner_id = 4242;
    }
    return fault;
}

static void assert_refused(const xkv_options *options, int expected, const char *says) {
    char message[XKV_MESSAGE_SIZE] = "";
    int locks = locks_alive();
    xkv_store *store;
    int code = xkv_open(options, &store, message, sizeof message);

    if (code != expected || !strstr(message, says))
        fail_msg("%s: %s, not \"%s\"", xkv_error_name(code), message, says);
    assert_int_equal(locks_alive(), locks);
}

static xkv_options new_store(const char *name) {
    xkv_options options = disk_options(test_path(answer_with.path, name));

    xkv_close(must_open(&options));
    return options;
}

static int as_it_is(void **state) {
    (void)state;
    memset(&answer_with, 0, sizeof answer_with);
    return 0;
}

static void test_another_users_file(void **state) {
    xkv_options options = new_store("theirs.kv");

    (void)state;
    answer_with.foreign = true;
    assert_refused(&options, XKV_E_DISK_PATH, "belongs to another user (owner 4242, mode 600)");
    options.read_only = true;
    xkv_close(must_open(&options));
    assert_int_equal(chmod(options.path, 0606), 0);
    assert_refused(&options, XKV_E_DISK_PATH, "belongs to another user (owner 4242, mode 606)");
}

/* Relative paths need the current directory, which may have been removed. */
static void test_relative_paths(void **state) {
    static const char *const paths[] = {"./rel.kv", ".rel.kv", ".//rel.kv", "rel:x.kv"};
    char before[PATH_SIZE], here[PATH_SIZE];
    xkv_options options = disk_options("./rel.kv");

    (void)state;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(mkdir(test_path(here, "here"), 0755), 0);
    assert_int_equal(chdir(here), 0);
    for (size_t i = 0; i < COUNT(paths); i++) {
        options.path = paths[i];
        xkv_close(must_open(&options));
    }
    remove_tree(here);
    assert_refused(&options, XKV_E_DISK_PATH, "current directory");
    assert_int_equal(chdir(before), 0);
}

/* Each allocation for a path that must be put together. */
static void test_paths_without_memory(void **state) {
    char url[PATH_SIZE + 20], before[PATH_SIZE], message[XKV_MESSAGE_SIZE];
    const char *const paths[] = {url, "short-of-memory.kv"};

    (void)state;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(test.directory), 0);
    snprintf(url, sizeof url, "file://%.900s/url.kv", test.directory);
    for (size_t i = 0; i < COUNT(paths); i++) {
        xkv_options options = disk_options(paths[i]);
        xkv_store *store;
        int code = XKV_E_STORE_FULL;
        for (long n = 1; code != XKV_OK; n++) {
            heap_fail_at(n, false);
            code = xkv_open(&options, &store, message, sizeof message);
            assert_int_equal(code, heap_failed() ? XKV_E_STORE_FULL : XKV_OK);
        }
        xkv_close(store);
    }
    assert_int_equal(chdir(before), 0);
}

static void test_path_too_long(void **state) {
    static char path[XKV_PATH_MAX + 2];
    xkv_options options = disk_options(path);

    (void)state;
    memset(path, 'p', sizeof path - 1);
    path[0] = '/';
    assert_refused(&options, XKV_E_DISK_PATH, "bytes long");
}

static void test_directory_for_reading(void **state) {
    char path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "folder"));

    (void)state;
    assert_int_equal(mkdir(path, 0755), 0);
    options.read_only = true;
    assert_refused(&options, XKV_E_DISK_PATH, "is a directory");
}

static void test_lock_file_that_is_no_file(void **state) {
    char lock[PATH_SIZE];
    xkv_options options = new_store("special.kv");

    (void)state;
    test_path(lock, "special.kv-lock");
    assert_int_equal(unlink(lock), 0);
    assert_int_equal(mkdir(lock, 0755), 0);
    assert_refused(&options, XKV_E_DISK_PATH, "is not a regular file");
    assert_int_equal(rmdir(lock), 0);
    assert_int_equal(symlink("elsewhere", lock), 0);
    assert_refused(&options, XKV_E_DISK_PATH, "is not a regular file");
}

/* A store right below "/", or so it seems: that is the directory which is synced. */
static void test_file_in_the_root(void **state) {
    char path[PATH_SIZE];
    xkv_options options = disk_options("/xkv-test-of-the-root.kv");

    (void)state;
    answer_with.suffix = "-root.kv";
    answer_with.instead = test_path(path, "root.kv");
    answer_with.refused = "-root.kv-lock";
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, "lock file");
    assert_int_equal(access(options.path, F_OK), -1);
}

/* -- Files that change meanwhile --------------------------------------------- */

static void replace_it(void) {
    FILE *file;

    MUST(rename(answer_with.path, answer_with.other) == 0);
    MUST((file = fopen(answer_with.path, "w")) && fputs("mine", file) >= 0 && fclose(file) == 0);
}

static void remove_it(void) {
    MUST(unlink(answer_with.path) == 0);
}

/* An opening that fails takes away the file it made, not what has its name now. */
static void test_replaced_during_a_failing_opening(void **state) {
    xkv_options options = disk_options(test_path(answer_with.path, "changing.kv"));

    (void)state;
    test_path(answer_with.other, "aside.kv");
    answer_with.suffix = "-lock";
    answer_with.number = EIO;
    answer_with.meanwhile = replace_it;
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, "lock file");
    assert_int_equal(access(answer_with.path, F_OK), 0);
    assert_int_equal(unlink(answer_with.path), 0);
    answer_with.meanwhile = remove_it;
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, "lock file");
    assert_int_equal(access(answer_with.path, F_OK), -1);
    answer_with.meanwhile = NULL;
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, "lock file");
    assert_int_equal(access(answer_with.path, F_OK), -1);
}

/* Beside other stores that are open. */
static void test_several_stores(void **state) {
    xkv_options options = new_store("several.kv"), again = options, second, memory;
    char path[PATH_SIZE];

    (void)state;
    second = disk_options(test_path(path, "second.kv"));
    memory = memory_options("several");
    xkv_store *one = must_open(&options), *other = must_open(&memory), *third = must_open(&second);
    xkv_store *same = must_open(&again), *other_same = must_open(&memory);
    memory.name = "another";
    xkv_store *another = must_open(&memory);
    assert_true(xkv_same_store(one, same) && xkv_same_store(other, other_same));
    assert_false(xkv_same_store(one, third) || xkv_same_store(other, another));
    xkv_close(one);
    xkv_close(third);
    xkv_close(third = must_open(&second));
    xkv_close(another);
    xkv_close(same);
    xkv_close(other);
    xkv_close(other_same);
}

/* -- Readers without the lock file ------------------------------------------- */

/* Where it may not be opened, a reader keeps writers out, or is kept out. */
static void test_reader_without_the_lock_file(void **state) {
    static const int numbers[] = {EROFS, EACCES};
    xkv_options options = new_store("unlockable.kv");
    const char *const arguments[] = {"hold", options.path, NULL};
    struct child writer;
    struct client client;

    (void)state;
    options.read_only = true;
    options.timeout_ms = 0;
    answer_with.suffix = "-lock";
    for (size_t i = 0; i < COUNT(numbers); i++) {
        answer_with.number = numbers[i];
        client_open(&client, &options, false);
        assert_int_equal(do_plain(&client, XKV_OP_SIZE), XKV_OK);
        client_close(&client);
        child_start(&writer, arguments);
        assert_true(child_says(&writer, "open"));
        assert_refused(&options, XKV_E_DISK_STORE_OPEN, "its lock file cannot be used from here");
        assert_int_equal(child_end(&writer), 0);
    }
    answer_with.number = EIO;
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, "cannot prepare the lock file");
}

/* -- The first pages --------------------------------------------------------- */

static void test_first_pages(void **state) {
    static const struct {
        size_t at, size;
        uint64_t value;
        int error;
        const char *says;
    } rows[] = {
        {20, 4, 2, XKV_E_DISK_STORE_OPEN, "data version 2"},
        {40, 4, 256, XKV_E_DISK_STORE_CORRUPT, "page size"},
        {40, 4, 131072, XKV_E_DISK_STORE_CORRUPT, "page size"},
        {40, 4, 5000, XKV_E_DISK_STORE_CORRUPT, "page size"},
        {40, 4, 8192, XKV_E_DISK_STORE_CORRUPT, "second page"},
        {44, 2, 9, XKV_E_DISK_STORE_CORRUPT, "contradict"},
        {4096 + 44, 2, 9, XKV_E_DISK_STORE_CORRUPT, "contradict"},
        {4096 + 16, 4, 1, XKV_E_DISK_STORE_CORRUPT, "second page"},
        {4096 + 40, 4, 8192, XKV_E_DISK_STORE_CORRUPT, "contradict"},
    };
    unsigned char sound[2 * 4096], edited[sizeof sound];
    xkv_options options = new_store("first.kv");
    FILE *file = fopen(options.path, "r+");

    (void)state;
    assert_true(file && fread(sound, 1, sizeof sound, file) == sizeof sound);
    for (size_t i = 0; i < COUNT(rows); i++) {
        memcpy(edited, sound, sizeof sound);
        memcpy(edited + rows[i].at, &rows[i].value, rows[i].size);
        rewind(file);
        assert_int_equal(fwrite(edited, 1, sizeof edited, file), sizeof edited);
        assert_int_equal(fflush(file), 0);
        assert_refused(&options, rows[i].error, rows[i].says);
    }
    fclose(file);
}

/* -- Waiting for completions ------------------------------------------------- */

static void *wake_later(void *argument) {
    usleep(20000);
    xkv_queue_wake(argument);
    xkv_queue_wake(argument);
    return NULL;
}

/* Who waits with a timeout is woken before it; wakes are not lost. */
static void test_waiting_with_a_timeout(void **state) {
    xkv_queue *queue = xkv_queue_new();
    uint64_t start = clock_ms();
    xkv_completion done;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, wake_later, queue), 0);
    assert_int_equal(xkv_completions(queue, &done, 1, 60000), 0);
    assert_int_equal(xkv_completions(queue, &done, 1, 60000), 0);
    assert_in_range(clock_ms() - start, 10, 50000);
    pthread_join(thread, NULL);
    assert_int_equal(xkv_completions(queue, &done, 1, 1), 0);
    xkv_queue_free(queue);
}

/* -- Limits on files --------------------------------------------------------- */

/* The file may not grow: what does not fit is refused, and the store goes on. */
static void test_limit_on_files(void **state) {
    static char value[100000];
    struct rlimit before, limit;
    xkv_options options = new_store("limited.kv");
    struct client client;
    int status = XKV_OK;
    char key[32];

    (void)state;
    options.initial_map_size = 1 << 20;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){3 << 20, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    client_open(&client, &options, false);
    for (int i = 0; status == XKV_OK && i < 100; i++)
        status = do_set(&client, bytes_of(key, (size_t)snprintf(key, sizeof key, "key%d", i)),
                        bytes_of(value, sizeof value));
    assert_int_equal(status, XKV_E_STORE_FULL);
    assert_true(answer_says(&client, "ulimit -f"));
    assert_int_equal(do_get(&client, LIT("key0")), XKV_OK);
    assert_int_equal(do_delete(&client, LIT("key0")), XKV_OK);
    assert_int_equal(do_delete(&client, LIT("key1")), XKV_OK);
    assert_int_equal(do_set(&client, LIT("small"), LIT("fits")), XKV_OK);
    client_close(&client);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_threads),
        cmocka_unit_test_teardown(test_another_users_file, as_it_is),
        cmocka_unit_test(test_relative_paths),
        cmocka_unit_test(test_paths_without_memory),
        cmocka_unit_test(test_path_too_long),
        cmocka_unit_test(test_directory_for_reading),
        cmocka_unit_test_teardown(test_lock_file_that_is_no_file, as_it_is),
        cmocka_unit_test_teardown(test_file_in_the_root, as_it_is),
        cmocka_unit_test_teardown(test_replaced_during_a_failing_opening, as_it_is),
        cmocka_unit_test_teardown(test_several_stores, as_it_is),
        cmocka_unit_test_teardown(test_reader_without_the_lock_file, as_it_is),
        cmocka_unit_test_teardown(test_first_pages, as_it_is),
        cmocka_unit_test(test_waiting_with_a_timeout),
        cmocka_unit_test_teardown(test_limit_on_files, as_it_is),
    };

    if (argc == 3 && strcmp(argv[1], "hold") == 0)
        return child_hold(argv[2]);
    test_begin(argv);
    xkv_set_hooks(&heap_hooks);
    xkv__files.open = open_answering;
    xkv__files.examine = examine_answering;
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
