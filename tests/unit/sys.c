/*
 * sys.c - what stands between the library and the system
 */
#include "../child.h"

#include <locale.h>
#include <sys/resource.h>

#include "base/error.h"
#include "base/sys.h"

/* -- Monitors ---------------------------------------------------------------- */

enum { MILLISECOND = 1000000 };

static xkv__monitor turns = XKV__MONITOR_STATIC;
static int turn;

static void *take_even_turns(void *argument) {
    (void)argument;
    xkv__monitor_enter(&turns);
    while (turn < 100) {
        while (turn % 2 != 0)
            xkv__monitor_wait(&turns);
        turn++;
        xkv__monitor_wake(&turns);
    }
    xkv__monitor_leave(&turns);
    return NULL;
}

static void test_two_threads_take_turns(void **state) {
    xkv__thread other;

    (void)state;
    turn = 0;
    assert_int_equal(xkv__thread_start(&other, take_even_turns, NULL), XKV_OK);
    xkv__monitor_enter(&turns);
    while (turn < 100) {
        while (turn % 2 == 0)
            xkv__monitor_wait(&turns);
        turn++;
        xkv__monitor_wake(&turns);
    }
    turn += 100; /* an even number */
    xkv__monitor_wake_all(&turns);
    xkv__monitor_leave(&turns);
    xkv__thread_join(other);
    assert_in_range(turn, 200, 201);
}

static void test_a_deadline_passes(void **state) {
    xkv__monitor monitor;

    (void)state;
    assert_int_equal(xkv__monitor_init(&monitor), XKV_OK);
    xkv__monitor_enter(&monitor);
    int64_t start = xkv__monitor_now(), deadline = start + 20 * MILLISECOND;
    while (xkv__monitor_wait_until(&monitor, deadline))
        ; /* woken for nothing */
    assert_true(xkv__monitor_now() >= deadline);
    assert_true(xkv__monitor_now() < start + 10000LL * MILLISECOND);
    assert_false(xkv__monitor_wait_until(&monitor, start)); /* long over */
    xkv__monitor_leave(&monitor);
    xkv__monitor_destroy(&monitor);
}

static void *wake_monitor(void *argument) {
    xkv__monitor *monitor = argument;

    xkv__monitor_enter(monitor); /* only once the other waits */
    xkv__monitor_wake(monitor);
    xkv__monitor_leave(monitor);
    return NULL;
}

static void test_woken_before_the_deadline(void **state) {
    xkv__monitor monitor;
    xkv__thread other;

    (void)state;
    assert_int_equal(xkv__monitor_init(&monitor), XKV_OK);
    xkv__monitor_enter(&monitor);
    assert_int_equal(xkv__thread_start(&other, wake_monitor, &monitor), XKV_OK);
    assert_true(xkv__monitor_wait_until(&monitor, xkv__monitor_now() + 60000LL * MILLISECOND));
    xkv__monitor_leave(&monitor);
    xkv__thread_join(other);
    xkv__monitor_destroy(&monitor);
}

static void test_a_mutex_is_tried(void **state) {
    xkv__mutex mutex;

    (void)state;
    assert_int_equal(xkv__mutex_init(&mutex), XKV_OK);
    assert_true(xkv__mutex_try(&mutex));
    assert_false(xkv__mutex_try(&mutex));
    xkv__mutex_unlock(&mutex);
    xkv__mutex_lock(&mutex);
    assert_false(xkv__mutex_try(&mutex));
    xkv__mutex_unlock(&mutex);
    xkv__mutex_destroy(&mutex);
}

/* -- Failures ---------------------------------------------------------------- */

static void test_faults(void **state) {
    static const struct {
        int number;
        xkv__cause cause;
        int code; /* that becomes of XKV_E_DISK_PATH */
        const char *says;
    } rows[] = {
        {ENOENT, XKV__MISSING, XKV_E_DISK_PATH, "no such file or directory (errno 2)"},
        {EPERM, XKV__DENIED, XKV_E_DISK_PATH, "permission denied"},
        {ENOSPC, XKV__NO_SPACE, XKV_E_STORE_FULL, "no space left on the disk"},
        {EDQUOT, XKV__QUOTA, XKV_E_STORE_FULL, "quota"},
        {EFBIG, XKV__TOO_LARGE, XKV_E_STORE_FULL, "ulimit -f"},
        {ENOMEM, XKV__NO_MEMORY, XKV_E_STORE_FULL, "memory"},
        {EAGAIN, XKV__BUSY, XKV_E_DISK_PATH, "in use"},
        {EXDEV, XKV__OTHER, XKV_E_DISK_PATH, "a system error"},
    };

    (void)state;
    assert_int_equal(xkv__fault_of(0).cause, XKV__FINE);
    for (size_t i = 0; i < COUNT(rows); i++) {
        xkv__fault fault = xkv__fault_of(rows[i].number);
        assert_int_equal(fault.cause, rows[i].cause);
        assert_int_equal(fault.number, rows[i].number);
        int code = xkv__fail_system(XKV_E_DISK_PATH, "cannot try", "/a/b", fault);
        assert_int_equal(code, rows[i].code);
        assert_int_equal(xkv__means_full(fault), code == XKV_E_STORE_FULL);
        const char *reason = xkv__reason(code);
        assert_non_null(strstr(reason, "cannot try \"/a/b\": "));
        assert_non_null(strstr(reason, rows[i].says));
    }
}

/* -- Files ------------------------------------------------------------------- */

static xkv__cause cause_of_opening(const char *path, unsigned how) {
    xkv__handle handle;
    xkv__cause cause = xkv__files.open(path, how, &handle).cause;

    assert_int_equal(xkv__is_open(handle), cause == XKV__FINE);
    if (cause == XKV__FINE)
        xkv__files.close(handle);
    return cause;
}

static xkv__handle opened(const char *path) {
    xkv__handle handle;

    assert_int_equal(xkv__files.open(path, XKV__WRITING | XKV__CREATE, &handle).cause, XKV__FINE);
    return handle;
}

static void test_opening_files(void **state) {
    char path[PATH_SIZE], other[PATH_SIZE];
    const unsigned create = XKV__WRITING | XKV__CREATE;

    (void)state;
    test_path(path, "opened");
    assert_int_equal(cause_of_opening(path, 0), XKV__MISSING);
    assert_int_equal(cause_of_opening(path, XKV__WRITING), XKV__MISSING);
    assert_int_equal(cause_of_opening(path, create | XKV__NEW), XKV__FINE);
    assert_int_equal(cause_of_opening(path, create | XKV__NEW), XKV__EXISTS);
    assert_int_equal(cause_of_opening(path, create), XKV__FINE);
    assert_int_equal(cause_of_opening(path, 0), XKV__FINE);
    assert_int_equal(symlink(path, test_path(other, "opened-link")), 0);
    assert_int_equal(cause_of_opening(other, 0), XKV__IS_LINK);
    assert_int_equal(cause_of_opening(test.directory, XKV__WRITING), XKV__IS_DIRECTORY);
    assert_int_equal(cause_of_opening(test_path(other, "opened/below"), create), XKV__NO_DIRECTORY);
    assert_int_equal(mkfifo(test_path(other, "opened-pipe"), 0600), 0);
    assert_int_equal(cause_of_opening(other, 0), XKV__FINE); /* and does not wait */
    assert_int_equal(xkv__files.remove(path).cause, XKV__FINE);
    assert_int_equal(xkv__files.remove(path).cause, XKV__MISSING);
}

static void test_status_of_files(void **state) {
    char path[PATH_SIZE], again[PATH_SIZE], link[PATH_SIZE];
    xkv__handle handle = opened(test_path(path, "status"));
    xkv__status status, other;

    (void)state;
    assert_int_equal(xkv__files.write_at(handle, "bytes", 5, 0).cause, XKV__FINE);
    assert_int_equal(xkv__files.examine(handle, &status).cause, XKV__FINE);
    assert_true(status.kind == XKV__REGULAR && status.owner == XKV__ME && !status.open_to_all);
    assert_true(status.size == 5 && status.links == 1 && status.mode == 0600);
    assert_int_equal(chmod(path, 0602), 0);
    MUST(xkv__files.look(path, false, &other).cause == XKV__FINE && other.open_to_all);
    assert_int_equal(rename(path, test_path(again, "status-renamed")), 0);
    MUST(xkv__files.look(again, false, &other).cause == XKV__FINE);
    assert_true(xkv__identity_equal(&status.identity, &other.identity));
    assert_int_equal(symlink(again, test_path(link, "status-link")), 0);
    MUST(xkv__files.look(link, false, &other).cause == XKV__FINE && other.kind == XKV__LINK);
    assert_false(xkv__identity_equal(&status.identity, &other.identity));
    MUST(xkv__files.look(link, true, &other).cause == XKV__FINE && other.kind == XKV__REGULAR);
    assert_true(xkv__identity_equal(&status.identity, &other.identity));
    MUST(xkv__files.look(test.directory, false, &other).cause == XKV__FINE);
    assert_int_equal(other.kind, XKV__DIRECTORY);
    assert_int_equal(xkv__files.look(path, true, &other).cause, XKV__MISSING);
    MUST(xkv__files.look("/dev/null", true, &other).cause == XKV__FINE);
    assert_int_equal(other.kind, XKV__SPECIAL);
    xkv__files.close(handle);
    assert_int_equal(xkv__files.examine(XKV__NO_HANDLE, &other).cause, XKV__OTHER);
}

static void test_reading_and_writing(void **state) {
    char path[PATH_SIZE], bytes[16] = "";
    xkv__handle handle = opened(test_path(path, "bytes"));
    xkv__status status;
    size_t got = 99;

    (void)state;
    assert_int_equal(xkv__files.read_at(handle, bytes, 4, 0, &got).cause, XKV__FINE);
    assert_int_equal(got, 0);
    assert_int_equal(xkv__files.write_at(handle, "behind a hole", 13, 100).cause, XKV__FINE);
    assert_int_equal(xkv__files.read_at(handle, bytes, sizeof bytes, 107, &got).cause, XKV__FINE);
    assert_int_equal(got, 6);
    assert_memory_equal(bytes, "a hole", 6);
    assert_int_equal(xkv__files.allocate(handle, 8192).cause, XKV__FINE);
    assert_int_equal(xkv__files.allocate(handle, 10).cause, XKV__FINE); /* it is larger */
    MUST(xkv__files.examine(handle, &status).cause == XKV__FINE);
    assert_int_equal(status.size, 8192);
    xkv__files.close(handle);
    MUST(xkv__files.open(path, 0, &handle).cause == XKV__FINE);
    assert_int_not_equal(xkv__files.write_at(handle, "x", 1, 0).cause, XKV__FINE);
    xkv__files.close(handle);
    MUST(xkv__files.open(test.directory, 0, &handle).cause == XKV__FINE);
    assert_int_equal(xkv__files.read_at(handle, bytes, 4, 0, &got).cause, XKV__IS_DIRECTORY);
    xkv__files.close(handle);
}

/* What would be a signal is a failure. */
static void test_limit_on_files(void **state) {
    char path[PATH_SIZE];
    xkv__handle handle = opened(test_path(path, "limited"));
    struct rlimit before, few;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    few = before;
    few.rlim_cur = 1 << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
    assert_int_equal(xkv__file_limit(), 1 << 20);
    assert_int_equal(xkv__files.allocate(handle, (1 << 20) + 1).cause, XKV__TOO_LARGE);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    xkv__files.close(handle);
}

static void test_limit_on_addresses(void **state) {
    struct rlimit before, few;

    (void)state;
    if (SANITIZED) /* which takes more than any limit */
        skip();
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    few.rlim_cur = (rlim_t)1 << 44;
    few.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_AS, &few), 0);
    assert_int_equal(xkv__address_limit(), (uint64_t)1 << 44);
    assert_false(xkv__addresses_free((size_t)1 << 45));
    assert_true(xkv__addresses_free(1 << 20));
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
}

static void test_directories(void **state) {
    char path[PATH_SIZE], before[PATH_SIZE], here[PATH_SIZE], little[2];

    (void)state;
    test_path(path, "folder");
    assert_int_equal(xkv__files.sync_directory(path).cause, XKV__MISSING);
    assert_int_equal(xkv__files.make_directory(path).cause, XKV__FINE);
    assert_int_equal(xkv__files.make_directory(path).cause, XKV__EXISTS);
    assert_int_equal(xkv__files.sync_directory(path).cause, XKV__FINE);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(path), 0);
    assert_int_equal(xkv__files.current_directory(here, sizeof here).cause, XKV__FINE);
    assert_int_equal(chdir(before), 0);
    assert_non_null(strstr(here, "/folder"));
    assert_int_equal(xkv__path_root(here), strchr(here, '/') - here + 1);
    assert_int_equal(xkv__path_root("folder/file"), 0);
    assert_int_equal(xkv__files.current_directory(little, sizeof little).cause, XKV__OTHER);
}

/* -- Locks ------------------------------------------------------------------- */

static void test_locks_of_a_file(void **state) {
    char path[PATH_SIZE];
    xkv__handle one = opened(test_path(path, "locked")), two = opened(path);

    (void)state;
    assert_int_equal(xkv__files.lock(one, false).cause, XKV__FINE);
    assert_int_equal(xkv__files.lock(two, false).cause, XKV__FINE);
    assert_int_equal(xkv__files.lock(two, true).cause, XKV__BUSY);
    xkv__files.close(one);
    assert_int_equal(xkv__files.lock(two, true).cause, XKV__FINE);
    one = opened(path);
    assert_int_equal(xkv__files.lock(one, false).cause, XKV__BUSY);
    xkv__files.close(one);
    one = opened(path); /* to close another handle takes nothing away */
    assert_int_equal(xkv__files.lock(one, false).cause, XKV__BUSY);
    xkv__files.close(one);
    xkv__files.close(two);
}

static void test_marks(void **state) {
    const uint64_t place = (uint64_t)1 << 61;
    char path[PATH_SIZE];
    xkv__handle one = opened(test_path(path, "marked")), two = opened(path);

    (void)state;
    assert_int_equal(xkv__files.mark(one, place).cause, XKV__FINE);
    assert_false(xkv__files.is_marked(one, 0, place) ||
                 xkv__files.is_marked(one, place + 1, place * 2)); /* by others */
#if defined(F_OFD_SETLK) || defined(_WIN32)
    assert_true(xkv__files.is_marked(two, 0, place + 1));
    assert_true(xkv__files.is_marked(two, place, place * 2));
    assert_false(xkv__files.is_marked(two, 0, place) || xkv__files.is_marked(two, place, place) ||
                 xkv__files.is_marked(two, place + 1, place * 2));
    assert_int_equal(xkv__files.mark(two, place).cause, XKV__FINE);
    xkv__files.close(two);
    two = opened(path);
    assert_true(xkv__files.is_marked(two, 0, place * 2));
    xkv__files.close(one);
    assert_false(xkv__files.is_marked(two, 0, place * 2));
#else
    xkv__files.close(one);
#endif
    assert_int_equal(xkv__files.lock(two, true).cause, XKV__FINE); /* the kinds are apart */
    xkv__files.close(two);
}

static int say_signer(const char *path, uint64_t place) {
    xkv__handle handle;

    MUST(xkv__files.open(path, 0, &handle).cause == XKV__FINE);
    printf("%lld\n", (long long)xkv__files.signer(handle, place));
    xkv__files.close(handle);
    return 0;
}

static void test_signatures(void **state) {
    const uint64_t place = (uint64_t)1 << 60;
    char path[PATH_SIZE], line[64], expected[64];
    xkv__handle handle = opened(test_path(path, "signed"));
    const char *const arguments[] = {"signer", path, NULL};
    struct child reader;

    (void)state;
    for (int i = 0; i < 2; i++) {
        snprintf(expected, sizeof expected, "%lld", i == 0 ? 0 : (long long)xkv__process_id());
        child_start(&reader, arguments);
        assert_true(child_hear(&reader, line, sizeof line));
        assert_string_equal(line, expected);
        assert_int_equal(child_end(&reader), 0);
        assert_int_equal(xkv__files.sign(handle, place).cause, XKV__FINE);
    }
    assert_int_equal(xkv__process_id(), getpid());
    xkv__files.close(handle);
    MUST(xkv__files.open(path, 0, &handle).cause == XKV__FINE);
    assert_int_not_equal(xkv__files.sign(handle, place).cause, XKV__FINE); /* a reader */
    xkv__files.close(handle);
}

/* -- Numbers, time ----------------------------------------------------------- */

static void test_doubles_in_any_locale(void **state) {
    static const char *const names[] = {"C", "de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        if (!setlocale(LC_ALL, names[i])) /* not on this machine */
            continue;
        assert_true(xkv__read_double("1.5") == 1.5);
        assert_true(xkv__read_double("-2.5e-3") == -0.0025);
    }
    setlocale(LC_ALL, "C");
}

static void test_sleeping(void **state) {
    uint64_t start = xkv__system_now_ms(), wall = xkv__system_wall_ms();

    (void)state;
    xkv__sleep_ms(30);
    assert_in_range(xkv__system_now_ms() - start, 29, 20000);
    assert_in_range(xkv__system_wall_ms() - wall, 0, 20000);
    assert_true(wall > UINT64_C(1600000000000));
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_threads_take_turns),
        cmocka_unit_test(test_a_deadline_passes),
        cmocka_unit_test(test_woken_before_the_deadline),
        cmocka_unit_test(test_a_mutex_is_tried),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_opening_files),
        cmocka_unit_test(test_status_of_files),
        cmocka_unit_test(test_reading_and_writing),
        cmocka_unit_test(test_limit_on_files),
        cmocka_unit_test(test_limit_on_addresses),
        cmocka_unit_test(test_directories),
        cmocka_unit_test(test_locks_of_a_file),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_doubles_in_any_locale),
        cmocka_unit_test(test_sleeping),
    };

    if (argc == 3 && strcmp(argv[1], "signer") == 0)
        return say_signer(argv[2], (uint64_t)1 << 60);
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
