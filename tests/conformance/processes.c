/*
 * processes.c - one file and several processes: who may open it, what they see of
 * each other, and files that are exchanged below them
 */
#include "../child.h"
#include "../files.h"

#include "../items.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

/* -- A writer ---------------------------------------------------------------- */

/* A writing process that does as it is told. */
static int serve(const char *path, const char *durability) {
    xkv_options options = disk_options(path);
    struct client client;
    char line[256], key[64], value[64];

    options.durability = atoi(durability);
    client_open(&client, &options, false);
    printf("open\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "set %63s %63s", key, value) == 2)
            MUST(do_set(&client, xkv_text(key), xkv_text(value)) == XKV_OK);
        else if (sscanf(line, "delete %63s", key) == 1)
            MUST(do_delete(&client, xkv_text(key)) == XKV_OK);
        else
            break;
        printf("done\n");
        fflush(stdout);
    }
    client_close(&client);
    return 0;
}

static void start_writer(struct child *child, const char *path, int durability) {
    const char digit[2] = {(char)('0' + durability), '\0'};
    const char *const arguments[] = {"serve", path, digit, NULL};

    child_start(child, arguments);
    assert_true(child_says(child, "open"));
}

static void tell(struct child *child, const char *line) {
    child_say(child, line);
    assert_true(child_says(child, "done"));
}

/* -- Readers ----------------------------------------------------------------- */

static void assert_writes_refused(struct client *client) {
    char name[PATH_SIZE];

    for (int op = 0; op < XKV_OP_END; op++) {
        int status = RUN(client, .op = op, .key = LIT("key"), .value = LIT("1"),
                         .file_name = xkv_text(test_path(name, "no file")));
        xkv_access access = xkv_op_describe(op)->access;
        if (access >= XKV_ACCESS_WRITE || access == XKV_ACCESS_IMPORT)
            assert_int_equal(status, XKV_E_STORE_READ_ONLY);
        else
            assert_int_not_equal(status, XKV_E_STORE_READ_ONLY);
    }
}

/* Looks while another process writes: each commit is seen at once. */
static void watch(const char *path, int durability, bool track_keys, bool submits) {
    xkv_options options = disk_options(path);
    struct client reader;
    struct child writer;
    char line[64];

    start_writer(&writer, path, durability);
    tell(&writer, "set base 0");
    options.read_only = true;
    options.track_keys = track_keys;
    client_open(&reader, &options, submits);
    assert_writes_refused(&reader);
    for (int i = 1; i <= 50; i++) {
        snprintf(line, sizeof line, "set n%d %d", i, i);
        tell(&writer, line);
        assert_int_equal(do_get(&reader, xkv_text(strchr(line, 'n'))), XKV_E_KEY_NOT_FOUND);
        *strrchr(line, ' ') = '\0';
        assert_int_equal(do_get(&reader, xkv_text(line + 4)), XKV_OK);
        assert_int_equal(do_plain(&reader, XKV_OP_SIZE), XKV_OK);
        assert_int_equal(reader.reply.number, i + 1);
        assert_int_equal(do_random(&reader, LIT("n")), XKV_OK);
        assert_int_equal(reader.reply.number, i);
        assert_int_equal(do_exists(&reader, xkv_text(line + 4)), XKV_OK);
        assert_int_equal(reader.reply.number, 1);
        if (i % 10 == 0)
            assert_int_equal(do_plain(&reader, XKV_OP_REBUILD_KEY_LIST), XKV_OK);
    }
    tell(&writer, "delete base");
    assert_int_equal(do_get(&reader, LIT("base")), XKV_E_KEY_NOT_FOUND);
    assert_int_equal(do_list(&reader, NOTHING, 0), XKV_OK);
    assert_int_equal(reader.reply.number, 50);
    assert_int_equal(child_end(&writer), 0);
    assert_int_equal(do_get(&reader, LIT("n50")), XKV_OK); /* the writer has gone */
    client_close(&reader);
}

static void test_readers_beside_a_writer(void **state) {
    char path[PATH_SIZE];

    (void)state;
    for (int i = 0; i < 12; i++)
        watch(fresh_path(path), i / 4, i % 2, i / 2 % 2);
}

/* A reader in another process has its map outgrown. */
static void test_growth_under_a_reader(void **state) {
    char path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "outgrown.kv"));
    struct client reader;
    struct child writer;
    char line[80];

    (void)state;
    start_writer(&writer, path, XKV_DURABILITY_NONE);
    options.read_only = true;
    options.initial_map_size = 65536;
    client_open(&reader, &options, false);
    for (int i = 0; i < 5000; i++) {
        snprintf(line, sizeof line, "set key%d 0123456789012345678901234567890123456789", i);
        tell(&writer, line);
        if (i % 50 == 0) {
            do_list(&reader, NOTHING, 0);
            assert_int_equal(told(&reader), XKV_OK);
            assert_int_equal(reader.reply.number, i + 1);
        }
    }
    assert_int_equal(child_end(&writer), 0);
    client_close(&reader);
}

/* -- Writers ----------------------------------------------------------------- */

static void test_second_writer(void **state) {
    char path[PATH_SIZE], pid[32], message[XKV_MESSAGE_SIZE];
    struct child writer;

    (void)state;
    start_writer(&writer, test_path(path, "locked.kv"), XKV_DURABILITY_FULL);
    snprintf(pid, sizeof pid, "%ld", (long)writer.pid);
    xkv_options options = disk_options(path);
    for (int i = 0; i < 3; i++) { /* being refused must not lose the label */
        uint64_t start = clock_ms();
        options.timeout_ms = 100 * i;
        assert_refused(&options, XKV_E_DISK_STORE_OPEN, pid);
        assert_true(clock_ms() - start >= (uint64_t)options.timeout_ms);
    }
    tell(&writer, "set still works");
    child_kill(&writer); /* a dead process holds nothing */
    assert_int_equal(try_open(&options, message), XKV_OK);
}

static unsigned notices;
static char last_notice[XKV_MESSAGE_SIZE];

static void take_notice(const char *text) {
    notices++;
    snprintf(last_notice, sizeof last_notice, "%s", text);
}

static _Atomic uint64_t stepping_ms;

static uint64_t stepping_clock(void) {
    return atomic_fetch_add(&stepping_ms, 100);
}

/* Who waits for long says so, once, and for whom. By a clock that goes on by a tenth of a second
 * with each look: another might, on a busy machine, go from before all to after it. */
static void test_notice(void **state) {
    const xkv_hooks stepping = {.now_ms = stepping_clock};
    char path[PATH_SIZE], holder[32];
    struct child writer;

    (void)state;
    start_writer(&writer, test_path(path, "noticed.kv"), XKV_DURABILITY_FULL);
    snprintf(holder, sizeof holder, "process %ld", (long)writer.pid);
    xkv_options options = disk_options(path);
    xkv_set_hooks(&stepping);
    xkv_set_notice(take_notice);
    options.timeout_ms = 900;
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, holder);
    assert_int_equal(notices, 0);
    options.timeout_ms = 1300;
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, holder);
    assert_int_equal(notices, 1);
    assert_non_null(strstr(last_notice, holder));
    assert_non_null(strstr(last_notice, "noticed.kv"));
    assert_non_null(strstr(last_notice, "1300 ms"));
    xkv_set_notice(NULL);
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, holder);
    assert_int_equal(notices, 1);
    xkv_set_hooks(NULL);
    assert_int_equal(child_end(&writer), 0);
}

struct waiting {
    const xkv_options *options;
    _Atomic bool started;
    int code;
};

static void *open_and_wait(void *argument) {
    struct waiting *waiting = argument;
    char message[XKV_MESSAGE_SIZE];
    xkv_store *store;

    atomic_store(&waiting->started, true);
    waiting->code = xkv_open(waiting->options, &store, message, sizeof message);
    if (waiting->code == XKV_OK)
        xkv_close(store);
    return NULL;
}

/* Who waits gets the store when the other process lets go. */
static void test_waiting_writer(void **state) {
    char path[PATH_SIZE];
    struct child writer;
    pthread_t thread;

    (void)state;
    start_writer(&writer, test_path(path, "awaited.kv"), XKV_DURABILITY_NONE);
    xkv_options options = disk_options(path);
    options.timeout_ms = 60000;
    struct waiting waiting = {.options = &options, .started = false};
    assert_int_equal(pthread_create(&thread, NULL, open_and_wait, &waiting), 0);
    while (!atomic_load(&waiting.started))
        usleep(1000);
    tell(&writer, "set one more");
    assert_int_equal(child_end(&writer), 0);
    pthread_join(thread, NULL);
    assert_int_equal(waiting.code, XKV_OK);
}

/* -- Files that do not belong together --------------------------------------- */

static void copy_file(const char *from, const char *to) {
    size_t size;
    void *data = read_file(from, &size);

    write_file(to, data, size);
    assert_int_equal(chmod(to, 0600), 0);
    free(data);
}

/* A sound file has taken the place of one that is open: in this process, then
 * in another. They must not share a lock file; with nobody left, it is free. */
static void test_replaced_file(void **state) {
    char path[PATH_SIZE], other[PATH_SIZE], pid[32], message[XKV_MESSAGE_SIZE];
    struct client client;
    struct child writer;

    (void)state;
    xkv_options options = disk_options(test_path(path, "replaced.kv"));
    xkv_close(must_open(&options));
    copy_file(path, test_path(other, "new.kv"));
    client_open(&client, &options, false);
    assert_int_equal(rename(other, path), 0);
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, "this process has the file open");
    assert_int_equal(do_set(&client, LIT("still"), LIT("works")), XKV_OK);
    client_close(&client);
    assert_int_equal(try_open(&options, message), XKV_OK);

    start_writer(&writer, path, XKV_DURABILITY_FULL);
    snprintf(pid, sizeof pid, "process %ld", (long)writer.pid);
    copy_file(path, other);
    assert_int_equal(rename(other, path), 0);
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, pid);
    options.read_only = true;
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, pid);
    tell(&writer, "set still works");
    assert_int_equal(child_end(&writer), 0);
    assert_int_equal(try_open(&options, message), XKV_OK);
}

/* Who would make another lock file for a file in use, by its old name or a new
 * one, is refused. */
static void test_lock_file_deleted(void **state) {
    char path[PATH_SIZE], lock[PATH_SIZE], renamed[PATH_SIZE], pid[32], message[XKV_MESSAGE_SIZE];
    struct child writer;

    (void)state;
    start_writer(&writer, test_path(path, "unlocked.kv"), XKV_DURABILITY_NONE);
    snprintf(pid, sizeof pid, "process %ld", (long)writer.pid);
    xkv_options options = disk_options(path);
    options.read_only = true;
    assert_int_equal(unlink(test_path(lock, "unlocked.kv-lock")), 0);
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, pid);
    assert_int_equal(rename(path, test_path(renamed, "renamed.kv")), 0);
    options.path = renamed;
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, "another lock file");
    tell(&writer, "set still works");
    assert_int_equal(child_end(&writer), 0);
    assert_int_equal(try_open(&options, message), XKV_OK);
}

/* -- Restores beside a writer -------------------------------------------------- */

enum { CHURNED = 1500 }; /* so many that a restore is told of now and then */

/* A writing process that gives all keys the same value, and then all of them another one, each
 * time in one step, and tells how often it has done so. */
static int churn(const char *path, const char *durability) {
    xkv_options options = disk_options(path);
    struct pollfd asked = {.fd = STDIN_FILENO, .events = POLLIN};
    struct client client;
    char key[32], value[32], line[16];

    options.durability = atoi(durability);
    client_open(&client, &options, false);
    for (int commits = 0;; commits++) {
        xkv_items items = NO_ITEMS;
        snprintf(value, sizeof value, "%d", commits);
        for (int i = 0; i < CHURNED; i++) {
            snprintf(key, sizeof key, "key%d", i);
            items_add(&items, xkv_text(key), xkv_text(value));
        }
        MUST(do_list_of(&client, XKV_OP_SET_MANY, items) == XKV_OK);
        if (poll(&asked, 1, 0) == 0)
            continue;
        if (read(STDIN_FILENO, line, sizeof line) <= 0)
            break;
        printf("%d\n", commits);
        fflush(stdout);
    }
    client_close(&client);
    return 0;
}

static int commits_of(struct child *writer) {
    char line[32] = "";

    child_say(writer, "?");
    MUST(child_hear(writer, line, sizeof line));
    return atoi(line);
}

/* In the midst of a restore: it does not go on before the writer has. */
static void wait_for_writer(const xkv_progress *progress, void *context) {
    struct child *writer = context;
    int commits = commits_of(writer);

    MUST(progress->op == XKV_OP_RESTORE && progress->entries < CHURNED);
    while (commits_of(writer) < commits + 2)
        continue;
}

/* The number that all keys have, which is that of one commit. */
static int number_of_all(struct client *client) {
    xkv_bytes key, value;
    size_t at = 0;
    int count = 0, number = -1;

    do_list(client, NOTHING, 0);
    assert_int_equal(told(client), XKV_OK);
    for (; xkv_reply_next(&client->reply, &at, &key, &value); count++) {
        char text[32] = "";
        MUST(value.len < sizeof text);
        memcpy(text, value.data, value.len);
        if (count > 0)
            assert_int_equal(atoi(text), number);
        number = atoi(text);
    }
    assert_int_equal(count, CHURNED);
    return number;
}

static void restore_beside(struct child *writer, const char *path, const xkv_options *options) {
    struct rng rng = rng_for("restores");
    struct client client;

    client_open(&client, options, false);
    for (int i = 0; i < 5; i++) {
        int before = commits_of(writer);
        usleep((useconds_t)rng_below(&rng, 5000)); /* it may be in the midst of a step then */
        xkv_set_progress(wait_for_writer, writer, 0);
        RUN(&client, .op = XKV_OP_RESTORE, .file_name = xkv_text(path));
        xkv_set_progress(NULL, NULL, 0);
        assert_int_equal(told(&client), XKV_OK);
        int number = number_of_all(&client);
        assert_in_range(number, before, commits_of(writer) - 2);
    }
    client_close(&client);
}

/* What is restored is one moment's, and who writes the file goes on writing. */
static void test_restore_beside_a_writer(void **state) {
    char path[PATH_SIZE], target[PATH_SIZE];

    (void)state;
    for (int durability = XKV_DURABILITY_FULL; durability <= XKV_DURABILITY_NONE; durability++) {
        const char digit[2] = {(char)('0' + durability), '\0'};
        const char *const arguments[] = {"churn", fresh_path(path), digit, NULL};
        struct child writer;
        child_start(&writer, arguments);
        commits_of(&writer); /* there is a store now */
        xkv_options memory = memory_options("restored"), disk = disk_options(fresh_path(target));
        restore_beside(&writer, path, &memory);
        restore_beside(&writer, path, &disk);
        assert_int_equal(child_end(&writer), 0);
    }
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers_beside_a_writer),
        cmocka_unit_test(test_second_writer),
        cmocka_unit_test(test_notice),
        cmocka_unit_test(test_waiting_writer),
        cmocka_unit_test(test_growth_under_a_reader),
        cmocka_unit_test(test_replaced_file),
        cmocka_unit_test(test_lock_file_deleted),
        cmocka_unit_test(test_restore_beside_a_writer),
    };

    if (argc == 4 && strcmp(argv[1], "serve") == 0)
        return serve(argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "churn") == 0)
        return churn(argv[2], argv[3]);
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
