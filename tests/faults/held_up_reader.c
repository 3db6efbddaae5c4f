/*
 * held_up_reader.c - a reader that loses its processor while LMDB begins it
 *
 * LMDB's readers take the number of the last commit, and then read what that commit
 * wrote into one of two meta pages that are used in turn. Who is held up between the
 * two for longer than a commit takes reads the page of the next commit but one, which
 * may not be done: it has seen the future, and the reader after it would see the past
 * again. Here a reader is held up just there: the meta pages cannot be read, so it
 * faults, and goes on when the test wants it to.
 */
#include "../support.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { META_PAGES = 2 * 4096 };

static struct {
    void *meta;                            /* where the file's meta pages are mapped */
    _Atomic bool reader_held, reader_goes; /* in the fault */
    _Atomic bool holds_writer;             /* the next one that writes a meta page */
    _Atomic bool writer_held, writer_goes; /* which can be read by then */
    const xkv_options *options;
    int64_t seen;
} stage;

static void await(_Atomic bool *flag) {
    while (!atomic_load(flag))
        sched_yield();
}

/* -- What holds them ----------------------------------------------------------- */

static ssize_t write_at(const char *name, int fd, const void *data, size_t size, off_t at) {
    ssize_t (*real)(int, const void *, size_t, off_t);
    void *found = dlsym(RTLD_NEXT, name);

    MUST(found);
    memcpy(&real, &found, sizeof real);
    ssize_t written = real(fd, data, size, at);
    if (at < META_PAGES && atomic_exchange(&stage.holds_writer, false)) {
        atomic_store(&stage.writer_held, true);
        await(&stage.writer_goes);
    }
    return written;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    return write_at("pwrite", fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    return write_at("pwrite64", fd, data, size, at);
}

static void on_fault(int signal, siginfo_t *info, void *context) {
    (void)context;
    if (info->si_addr < stage.meta || (char *)info->si_addr >= (char *)stage.meta + META_PAGES ||
        atomic_load(&stage.reader_held)) {
        struct sigaction usual = {.sa_handler = SIG_DFL};
        sigaction(signal, &usual, NULL); /* it faults again, and ends the program */
        return;
    }
    mprotect(stage.meta, META_PAGES, PROT_READ);
    atomic_store(&stage.reader_held, true);
    await(&stage.reader_goes);
}

static void *map_of(const char *path) {
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[PATH_SIZE + 100];
    void *start = NULL;

    MUST(maps);
    while (!start && fgets(line, sizeof line, maps))
        if (strstr(line, path) && !strstr(line, "-lock"))
            MUST(sscanf(line, "%p-", &start) == 1);
    fclose(maps);
    return start;
}

/* -- Those who are held -------------------------------------------------------- */

static void *ask_size(void *unused) {
    struct client client;

    client_open(&client, stage.options, false);
    MUST(do_plain(&client, XKV_OP_SIZE) == XKV_OK);
    stage.seen = client.reply.number;
    client_close(&client);
    return unused;
}

static void *set_last(void *unused) {
    struct client client;

    client_open(&client, stage.options, false);
    MUST(do_set(&client, LIT("last"), LIT("1")) == XKV_OK);
    client_close(&client);
    return unused;
}

static int64_t size_of(struct client *client) {
    MUST(do_plain(client, XKV_OP_SIZE) == XKV_OK);
    return client->reply.number;
}

static void test_sees_what_is_committed(void **state) {
    char path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "held.kv"));
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, before;
    struct client client;
    pthread_t reader, writer;

    (void)state;
    options.durability = XKV_DURABILITY_NONE;
    options.track_keys = false;
    stage.options = &options;
    client_open(&client, &options, false);
    assert_int_equal(do_set(&client, LIT("first"), LIT("1")), XKV_OK);
    assert_non_null(stage.meta = map_of(path));
    assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
    assert_int_equal(mprotect(stage.meta, META_PAGES, PROT_NONE), 0);
    assert_int_equal(pthread_create(&reader, NULL, ask_size, NULL), 0);
    await(&stage.reader_held);
    assert_int_equal(do_set(&client, LIT("second"), LIT("1")), XKV_OK);
    atomic_store(&stage.holds_writer, true);
    assert_int_equal(pthread_create(&writer, NULL, set_last, NULL), 0);
    await(&stage.writer_held);
    atomic_store(&stage.reader_goes, true);
    pthread_join(reader, NULL);
    int64_t after = size_of(&client);
    atomic_store(&stage.writer_goes, true);
    pthread_join(writer, NULL);
    assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
    assert_int_equal(stage.seen, 2);
    assert_int_equal(after, 2);
    assert_int_equal(size_of(&client), 3);
    client_close(&client);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sees_what_is_committed)};

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
