/*
 * index.c - the index of keys changes with the file, neither sooner nor later
 *
 * The writer is stopped just before and just after LMDB's commit, where the two
 * differ, and a reader looks.
 */
#include "../lmdb_calls.h"

#include <pthread.h>
#include <semaphore.h>

/* -- A reader that looks when it is told to ---------------------------------- */

enum { PATIENCE_MS = 200 };

struct seen {
    bool value, exists; /* by the file; by the index */
    int64_t size, random;
};

static struct {
    struct client client;
    pthread_t thread;
    sem_t begin, end;
    struct seen seen;
    bool first_of_file, stop;
} reader;

static void look_at_file(struct seen *seen) {
    int status = do_get(&reader.client, LIT("new"));

    MUST(status == XKV_OK || status == XKV_E_KEY_NOT_FOUND);
    seen->value = status == XKV_OK;
}

static void look_at_index(struct seen *seen) {
    MUST(do_exists(&reader.client, LIT("new")) == XKV_OK);
    seen->exists = reader.client.reply.number == 1;
    MUST(do_plain(&reader.client, XKV_OP_SIZE) == XKV_OK);
    seen->size = reader.client.reply.number;
    MUST(do_random(&reader.client, LIT("n")) == XKV_OK);
    seen->random = reader.client.reply.number;
}

static void *read_on(void *argument) {
    (void)argument;
    for (;;) {
        sem_wait(&reader.begin);
        if (reader.stop)
            return NULL;
        if (reader.first_of_file)
            look_at_file(&reader.seen);
        look_at_index(&reader.seen);
        sem_post(&reader.end);
    }
}

static void reader_start(const xkv_options *options) {
    client_open(&reader.client, options, false);
    reader.stop = false;
    MUST(sem_init(&reader.begin, 0, 0) == 0 && sem_init(&reader.end, 0, 0) == 0);
    MUST(pthread_create(&reader.thread, NULL, read_on, NULL) == 0);
}

static void reader_stop(void) {
    reader.stop = true;
    sem_post(&reader.begin);
    pthread_join(reader.thread, NULL);
    client_close(&reader.client);
}

/* -- In the middle of a commit ----------------------------------------------- */

/* Lets the reader look. Nothing keeps it waiting yet. */
static void let_look(void) {
    lmdb_calls.before_commit = NULL;
    sem_post(&reader.begin);
    sem_wait(&reader.end);
    sem_post(&reader.end); /* for who looks at what was seen */
}

/* Lets the reader look, or rather wait until the writer goes on. */
static void let_wait(void) {
    struct timespec until;

    lmdb_calls.after_commit = NULL;
    sem_post(&reader.begin);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PATIENCE_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    if (sem_timedwait(&reader.end, &until) == 0)
        sem_post(&reader.end);
}

static xkv_options new_store(char path[PATH_SIZE], int durability) {
    static unsigned stores;
    char name[32];
    xkv_options options = disk_options(path);

    snprintf(name, sizeof name, "%u.kv", stores++);
    test_path(path, name);
    options.track_keys = true;
    options.durability = durability;
    return options;
}

/* What the reader sees while key "new" is set, beside one other key. */
static struct seen look_before_or_after(bool after, bool first_of_file, int durability) {
    char path[PATH_SIZE];
    xkv_options options = new_store(path, durability);
    struct client client;

    client_open(&client, &options, false);
    MUST(do_set(&client, LIT("old"), LIT("1")) == XKV_OK);
    reader_start(&options);
    reader.first_of_file = first_of_file;
    if (after)
        lmdb_calls.after_commit = let_wait;
    else
        lmdb_calls.before_commit = let_look;
    MUST(do_set(&client, LIT("new"), LIT("1")) == XKV_OK);
    sem_wait(&reader.end);
    reader_stop();
    client_close(&client);
    return reader.seen;
}

/* Who has seen a key in the file does not miss it in the index. */
static void test_readers_wait_for_the_index(void **state) {
    (void)state;
    for (int durability = 0; durability < 3; durability++) {
        struct seen seen = look_before_or_after(true, true, durability);
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
        struct seen seen = look_before_or_after(false, i % 2, i / 2);
        assert_false(i % 2 && seen.value);
        assert_false(seen.exists);
        assert_int_equal(seen.size, 1);
        assert_int_equal(seen.random, 0);
    }
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers_wait_for_the_index),
        cmocka_unit_test(test_index_is_not_ahead),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
