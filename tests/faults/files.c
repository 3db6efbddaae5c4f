/*
 * files.c - every call to the file system fails in turn while a store opens
 */
#include "../child.h"
#include "../file_calls.h"
#include "../heap.h"
#include "../model.h"

#include <dirent.h>
#include <dlfcn.h>
#include <sys/file.h>

/* -- Failing calls ----------------------------------------------------------- */

/* What LMDB calls by itself, and the library only through its table. */
static struct { int at, count, number; /* as in file_calls */ } lock_calls;

int fcntl(int fd, int command, ...) {
    int (*real)(int, int, void *);
    va_list arguments;

    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    void *found = dlsym(RTLD_NEXT, "fcntl");
    memcpy(&real, &found, sizeof real);
    if (lock_calls.at == 0 || ++lock_calls.count != lock_calls.at)
        return real(fd, command, argument);
    errno = lock_calls.number;
    return -1;
}

/* One more than those of the table. */
enum { FCNTL = FILE_CALLS_END, CALLS };

static const char *name_of(int call) {
    return call == FCNTL ? "fcntl" : file_call_names[call];
}

static void fail_at(int call, int at, int number) {
    if (call != FCNTL)
        file_fail_at((enum file_call)call, at, number);
    lock_calls.at = call == FCNTL ? at : 0;
    lock_calls.count = 0;
    lock_calls.number = number;
}

/* Ends the failing; whether it came to that. */
static bool has_failed(void) {
    bool failed = lock_calls.at > 0 && lock_calls.count >= lock_calls.at;

    lock_calls.at = 0;
    return file_failed() || failed;
}

/* -- Openings ---------------------------------------------------------------- */

static int open_files(void) {
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    if (!directory)
        return 0; /* not on this system */
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* Which codes an error of the system may become. */
static bool fitting(int code, int number) {
    bool full = number == ENOSPC || number == EDQUOT || number == EFBIG || number == ENOMEM;

    if (full && code == XKV_E_STORE_FULL)
        return true;
    return code == XKV_E_DISK_PATH || code == XKV_E_DISK_STORE_OPEN ||
           code == XKV_E_DISK_STORE_READ || code == XKV_E_DISK_STORE_WRITE;
}

/* Whether this process, or any other, holds a lock of any kind on a file. */
static bool is_locked(const char *path) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDWR | O_CLOEXEC);
    bool free = true;

    if (fd < 0)
        return false;
#ifdef F_OFD_SETLK
    free = fcntl(fd, F_OFD_SETLK, &whole) == 0;
#endif
    free = flock(fd, LOCK_EX | LOCK_NB) == 0 && free;
    close(fd);
    return !free;
}

static void assert_unlocked(const char *path) {
    char lock[PATH_SIZE];

    snprintf(lock, sizeof lock, "%s-lock", path);
    assert_false(is_locked(path) || is_locked(lock));
}

/* Opens with one call failing. False when there was no such call. */
static bool open_failing(const xkv_options *options, int call, int at, int number) {
    char message[XKV_MESSAGE_SIZE] = "";
    xkv_store *store = NULL;
    long blocks = heap.live;
    int files = open_files();

    fail_at(call, at, number);
    int code = xkv_open(options, &store, message, sizeof message);
    bool failed = has_failed();
    if (code == XKV_OK) { /* some failures do no harm */
        xkv_close(store);
    } else {
        if (!failed || !fitting(code, number) ||
            (!strstr(message, test.directory) && !strstr(message, options->path)))
            fail_msg("%s number %d, errno %d: %s: %s", name_of(call), at, number,
                     xkv_error_name(code), message);
        if (call != FCNTL && number == EIO && !strstr(message, "(errno 5)"))
            fail_msg("%s number %d: nothing of the cause in \"%s\"", name_of(call), at, message);
        assert_null(store);
    }
    assert_int_equal(heap.live, blocks);
    assert_int_equal(open_files(), files);
    assert_int_equal(file_calls.open_handles, 0);
    assert_unlocked(options->path);
    return failed;
}

typedef void preparation(const char *path);

static void nothing_there(const char *path) {
    char parents[PATH_SIZE];

    unlink(path);
    remove_tree(test_path(parents, "parents"));
}

static void a_store(const char *path) {
    xkv_options options = disk_options(path);
    struct client client;

    if (access(path, F_OK) == 0)
        return;
    client_open(&client, &options, false);
    MUST(do_set(&client, LIT("key"), LIT("value")) == XKV_OK);
    client_close(&client);
}

static void must_open_now(const xkv_options *options, int call, int at) {
    char message[XKV_MESSAGE_SIZE];
    xkv_store *store;

    if (xkv_open(options, &store, message, sizeof message) != XKV_OK)
        fail_msg("after %s number %d: %s", name_of(call), at, message);
    xkv_close(store);
}

static bool met[CALLS]; /* which calls failed in any opening */

static void fail_each(const xkv_options *options, preparation *prepare, int call) {
    static const int numbers[] = {EIO,   ENOSPC, EACCES, EPERM,  ENOENT, EEXIST,       ENOTDIR,
                                  EROFS, EDQUOT, EFBIG,  EMFILE, ENFILE, ENAMETOOLONG, EISDIR,
                                  ELOOP, ENXIO,  EINVAL, ENOMEM, EINTR,  EOPNOTSUPP,   ENOLCK};
    size_t count = options->track_keys ? 3 : COUNT(numbers); /* what is the same costs time */
    bool failed = true;

    for (int at = 1; failed; at++) {
        for (size_t i = 0; i < count; i++) {
            prepare(options->path);
            failed = open_failing(options, call, at, numbers[i]);
            met[call] |= failed;
            if (i < 3)
                must_open_now(options, call, at);
        }
        assert_in_range(at, 1, 1000);
    }
}

/* What no opening needs that has no rival, or a relative path alone; what only exports do; and
 * closing has nothing to say. */
static bool is_rare(int call) {
    return call == FILE_CALL_remove || call == FILE_CALL_sync || call == FILE_CALL_rename ||
           call == FILE_CALL_current_directory || call == FILE_CALL_signer ||
           call == FILE_CALL_close;
}

static void test_opening(void **state) {
    static preparation *const preparations[] = {nothing_there, a_store};
    char path[PATH_SIZE];

    (void)state;
    for (int i = 0; i < 8; i++) {
        if (i / 2 % 2 && i % 2 == 0)
            continue; /* read_only, and nothing there: an error in any case */
        xkv_options options = disk_options(test_path(path, "parents/of/store.kv"));
        options.read_only = i / 2 % 2;
        options.track_keys = i / 4;
        options.initial_map_size = 65536;
        for (int call = 0; call < CALLS; call++)
            fail_each(&options, preparations[i % 2], call);
    }
    for (int call = 0; call < CALLS; call++) {
        if (!met[call] && !is_rare(call))
            fail_msg("no opening calls %s", name_of(call));
    }
}

/* It is found by way of the current directory. */
static void test_opening_by_a_relative_path(void **state) {
    char before[PATH_SIZE];
    xkv_options options = disk_options("relative.kv");

    (void)state;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(test.directory), 0);
    fail_each(&options, a_store, FILE_CALL_current_directory);
    assert_true(met[FILE_CALL_current_directory]);
    assert_int_equal(chdir(before), 0);
}

/* A store whose opening failed is as it was. */
static void test_content_survives(void **state) {
    char path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "content.kv"));
    struct client client;

    (void)state;
    a_store(path);
    for (int call = 0; call < CALLS; call++) {
        for (int at = 1; open_failing(&options, call, at, EIO); at++)
            continue;
    }
    client_open(&client, &options, false);
    assert_int_equal(do_get(&client, LIT("key")), XKV_OK);
    assert_true(same_bytes(answer(&client), LIT("value")));
    client_close(&client);
}

/* -- Waiting by the library's own clock -------------------------------------- */

static _Atomic uint64_t fake_ms;

static uint64_t fast_clock(void) {
    return atomic_fetch_add(&fake_ms, 60000);
}

/* An hour's timeout, by a clock on which every look takes a minute. */
static void test_clock(void **state) {
    const xkv_hooks hooks = {.now_ms = fast_clock};
    char path[PATH_SIZE], message[XKV_MESSAGE_SIZE];
    struct child holder;
    xkv_store *store;

    (void)state;
    const char *const arguments[] = {"hold", test_path(path, "clock.kv"), NULL};
    child_start(&holder, arguments);
    assert_true(child_says(&holder, "open"));
    xkv_set_hooks(&hooks);
    xkv_options options = disk_options(path);
    options.timeout_ms = 3600000;
    assert_int_equal(xkv_open(&options, &store, message, sizeof message), XKV_E_DISK_STORE_OPEN);
    xkv_set_hooks(&heap_hooks);
    /* with the real clock this would be an hour, and the whole run be ended */
    assert_int_equal(child_end(&holder), 0);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opening),
        cmocka_unit_test(test_opening_by_a_relative_path),
        cmocka_unit_test(test_content_survives),
        cmocka_unit_test(test_clock),
    };

    if (argc == 3 && strcmp(argv[1], "hold") == 0)
        return child_hold(argv[2]);
    test_begin(argv);
    xkv_set_hooks(&heap_hooks);
    file_calls_begin();
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
