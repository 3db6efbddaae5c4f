/*
 * files.c - every call to the file system fails in turn while a store opens
 */
#include "../child.h"
#include "../heap.h"
#include "../model.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>

/* -- Failing calls ----------------------------------------------------------- */

enum call { OPEN, FSTAT, PREAD, FSYNC, MKDIR, FLOCK, FCNTL, FALLOCATE, CALLS };

static const char *const call_names[CALLS] = {"open",  "fstat", "pread", "fsync",
                                              "mkdir", "flock", "fcntl", "posix_fallocate"};

static struct {
    enum call call;
    int at, count; /* which of them fails, how many there were */
    int number;    /* the errno */
} fault;

static bool fails(enum call call) {
    if (call != fault.call || ++fault.count != fault.at)
        return false;
    errno = fault.number;
    return true;
}

static int failing_open(const char *path, int flags, unsigned mode) {
    return fails(OPEN) ? -1 : open(path, flags, (mode_t)mode);
}

static int failing_fstat(int fd, struct stat *status) {
    return fails(FSTAT) ? -1 : fstat(fd, status);
}

static int64_t failing_pread(int fd, void *out, size_t size, int64_t at) {
    return fails(PREAD) ? -1 : pread(fd, out, size, (off_t)at);
}

static int failing_fsync(int fd) {
    return fails(FSYNC) ? -1 : fsync(fd);
}

static int failing_mkdir(const char *path, unsigned mode) {
    return fails(MKDIR) ? -1 : mkdir(path, (mode_t)mode);
}

/* These have no hooks; the library, and LMDB, call what the program defines. */

static void find_real(const char *name, void *pointer, size_t size) {
    void *found = dlsym(RTLD_NEXT, name);

    MUST(found && size == sizeof found);
    memcpy(pointer, &found, size);
}

int flock(int fd, int operation) {
    int (*real)(int, int);

    find_real("flock", &real, sizeof real);
    return fails(FLOCK) ? -1 : real(fd, operation);
}

int fcntl(int fd, int command, ...) {
    int (*real)(int, int, void *);
    va_list arguments;

    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    find_real("fcntl", &real, sizeof real);
    return fails(FCNTL) ? -1 : real(fd, command, argument);
}

int posix_fallocate(int fd, off_t at, off_t size) {
    int (*real)(int, off_t, off_t);

    find_real("posix_fallocate", &real, sizeof real);
    return fails(FALLOCATE) ? fault.number : real(fd, at, size);
}

static const xkv_hooks failing_hooks = {
    .alloc = heap_alloc,
    .resize = heap_resize,
    .release = heap_release,
    .open = failing_open,
    .fstat = failing_fstat,
    .pread = failing_pread,
    .fsync = failing_fsync,
    .mkdir = failing_mkdir,
};

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

/* Opens with one call failing. False when there was no such call. */
static bool open_failing(const xkv_options *options, enum call call, int at, int number) {
    char message[XKV_MESSAGE_SIZE] = "";
    xkv_store *store = NULL;
    long blocks = heap.live;
    int files = open_files();

    fault.call = call;
    fault.at = at;
    fault.count = 0;
    fault.number = number;
    int code = xkv_open(options, &store, message, sizeof message);
    bool failed = fault.count >= at;
    fault.at = 0;
    if (code == XKV_OK) { /* some failures do no harm */
        xkv_close(store);
    } else {
        if (!failed || !fitting(code, number))
            fail_msg("%s number %d, errno %d: %s: %s", call_names[call], at, number,
                     xkv_error_name(code), message);
        assert_true(strlen(message) > 0);
        assert_null(store);
    }
    assert_int_equal(heap.live, blocks);
    assert_int_equal(open_files(), files);
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

static void must_open_now(const xkv_options *options, enum call call, int at) {
    char message[XKV_MESSAGE_SIZE];
    xkv_store *store;

    if (xkv_open(options, &store, message, sizeof message) != XKV_OK)
        fail_msg("after %s number %d: %s", call_names[call], at, message);
    xkv_close(store);
}

static void fail_each(const xkv_options *options, preparation *prepare, enum call call) {
    static const int numbers[] = {EIO,   ENOSPC, EACCES, EPERM,  ENOENT, EEXIST,       ENOTDIR,
                                  EROFS, EDQUOT, EFBIG,  EMFILE, ENFILE, ENAMETOOLONG, EISDIR,
                                  ELOOP, ENXIO,  EINVAL, ENOMEM, EINTR,  EOPNOTSUPP,   ENOLCK};
    size_t count = options->track_keys ? 3 : COUNT(numbers); /* what is the same costs time */
    bool failed = true;

    for (int at = 1; failed; at++) {
        for (size_t i = 0; i < count; i++) {
            prepare(options->path);
            failed = open_failing(options, call, at, numbers[i]);
            if (i < 3)
                must_open_now(options, call, at);
        }
        assert_in_range(at, 1, 1000);
    }
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
            fail_each(&options, preparations[i % 2], (enum call)call);
    }
}

/* A store whose opening failed is as it was. */
static void test_content_survives(void **state) {
    char path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "content.kv"));
    struct client client;

    (void)state;
    a_store(path);
    for (int call = 0; call < CALLS; call++) {
        for (int at = 1; open_failing(&options, (enum call)call, at, EIO); at++)
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
    xkv_set_hooks(&failing_hooks);
    /* with the real clock this would be an hour, and the whole run be ended */
    assert_int_equal(child_end(&holder), 0);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opening),
        cmocka_unit_test(test_content_survives),
        cmocka_unit_test(test_clock),
    };

    if (argc == 3 && strcmp(argv[1], "hold") == 0)
        return child_hold(argv[2]);
    test_begin(argv);
    xkv_set_hooks(&failing_hooks);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
