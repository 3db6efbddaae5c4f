/*
 * files.c - disk stores as files: what is refused, how they are made and grow
 */
#include "../files.h"
#include "../model.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "disk/lmdb_api.h"

/* A store with some data; small values and large. */
static void make_store(const char *path, unsigned keys) {
    static char large[20000];
    xkv_options options = disk_options(path);
    struct client client;
    char key[32];

    options.durability = XKV_DURABILITY_NONE;
    memset(large, 'L', sizeof large);
    client_open(&client, &options, false);
    for (unsigned i = 0; i < keys; i++) {
        snprintf(key, sizeof key, "key%04u", i);
        xkv_bytes value = i % 10 == 0 ? bytes_of(large, sizeof large) : xkv_text(key);
        assert_int_equal(do_set(&client, xkv_text(key), value), XKV_OK);
    }
    client_close(&client);
}

/* Refused, for writing and for reading, and not a byte of it has changed. */
static void assert_refused_as_it_is(const char *path, int expected, const char *says) {
    xkv_options options = disk_options(path);
    size_t before_size, after_size;
    void *before = read_file(path, &before_size), *after;

    assert_refused(&options, expected, says);
    options.track_keys = true;
    assert_refused(&options, expected, says);
    options.read_only = true;
    assert_refused(&options, expected, says);
    after = read_file(path, &after_size);
    assert_true(same_bytes(bytes_of(before, before_size), bytes_of(after, after_size)));
    free(before);
    free(after);
}

/* -- What is not a store ----------------------------------------------------- */

static void test_bolt_file(void **state) {
    static unsigned char file[16384];
    const uint32_t magic = 0xED0CDAED;
    char path[PATH_SIZE];

    (void)state;
    memcpy(file + 16, &magic, sizeof magic);
    write_file(test_path(path, "bolt.db"), file, sizeof file);
    assert_refused_as_it_is(path, XKV_E_DISK_STORE_OPEN, "BoltDB");
}

static void test_other_files(void **state) {
    static const char *const texts[] = {"x", "hello, this is a text file\n", "{\"json\": true}"};
    static unsigned char zeros[40000];
    char path[PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        write_file(test_path(path, "other.txt"), texts[i], strlen(texts[i]));
        assert_refused_as_it_is(path, XKV_E_DISK_STORE_OPEN, "other.txt");
    }
    write_file(path, zeros, sizeof zeros);
    assert_refused_as_it_is(path, XKV_E_DISK_STORE_OPEN, "other.txt");
}

static void test_foreign_lmdb_file(void **state) {
    char path[PATH_SIZE];
    MDB_val key = {3, (void *)(uintptr_t) "key"}, value = {5, (void *)(uintptr_t) "value"};
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;

    (void)state;
    test_path(path, "foreign.mdb");
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    assert_refused_as_it_is(path, XKV_E_DISK_STORE_OPEN, "foreign.mdb");
}

/* An LMDB file's first page, but of nonsense. */
static void test_garbage_with_the_right_magic(void **state) {
    struct rng rng = rng_for("garbage");
    static unsigned char file[65536];
    const uint32_t magic = 0xBEEFC0DE, version = 1, page = 4096;
    char path[PATH_SIZE], message[XKV_MESSAGE_SIZE];

    (void)state;
    test_path(path, "garbage.kv");
    for (int i = 0; i < 300; i++) {
        rng_fill(&rng, file, sizeof file);
        for (size_t at = 16; at <= 16 + 4096 * (size_t)(i % 2); at += 4096) {
            memcpy(file + at, &magic, 4);
            if (i % 3 > 0)
                memcpy(file + at + 4, &version, 4);
            if (i % 3 > 1)
                memcpy(file + at + 24, &page, 4);
        }
        write_file(path, file, sizeof file - (size_t)i);
        xkv_options options = disk_options(path);
        options.read_only = i % 4 == 0;
        int code = try_open(&options, message);
        assert_true(code == XKV_E_DISK_STORE_CORRUPT || code == XKV_E_DISK_STORE_OPEN);
        size_t size;
        void *after = read_file(path, &size);
        assert_true(same_bytes(bytes_of(after, size), bytes_of(file, sizeof file - (size_t)i)));
        free(after);
    }
}

/* Whether a store holds what make_store put there. */
static bool is_complete(const char *path, int64_t keys) {
    xkv_options options = disk_options(path);
    struct client client;

    client_open(&client, &options, false);
    bool complete = do_list(&client, NOTHING, 0) == XKV_OK && client.reply.number == keys;
    client_close(&client);
    return complete;
}

/* What was cut off may have been free pages only: then nothing is lost, and
 * either answer will do. */
static void check_truncated(const char *path, size_t length) {
    char message[XKV_MESSAGE_SIZE];
    xkv_options options = disk_options(path);

    options.read_only = true;
    if (try_open(&options, message) == XKV_OK)
        assert_true(is_complete(path, 200));
    else if (length < 152) /* without a whole first page of facts it might be anything */
        assert_refused_as_it_is(path, XKV_E_DISK_STORE_OPEN, "cut.kv");
    else
        assert_refused_as_it_is(path, XKV_E_DISK_STORE_CORRUPT, "cut.kv");
}

static void test_truncated_stores(void **state) {
    char whole[PATH_SIZE], path[PATH_SIZE];
    size_t size;
    struct rng rng = rng_for("truncated");

    (void)state;
    make_store(test_path(whole, "whole.kv"), 200);
    void *data = read_file(whole, &size);
    size_t lengths[40] = {1, 16, 151, 4095, 4096, 4097, 8191, 8192, 8193, size - 1, size - 4096};
    for (size_t i = 11; i < COUNT(lengths); i++)
        lengths[i] = 1 + rng_below(&rng, size - 1);
    test_path(path, "cut.kv");
    for (size_t i = 0; i < COUNT(lengths); i++) {
        write_file(path, data, lengths[i]);
        check_truncated(path, lengths[i]);
    }
    free(data);
}

/* -- What is not a file ------------------------------------------------------ */

static void test_not_a_file(void **state) {
    char directory[PATH_SIZE], fifo[PATH_SIZE], below[PATH_SIZE], slash[PATH_SIZE + 2];

    (void)state;
    assert_int_equal(mkdir(test_path(directory, "directory"), 0755), 0);
    assert_int_equal(mkfifo(test_path(fifo, "fifo"), 0644), 0);
    test_path(below, "fifo/store.kv");
    snprintf(slash, sizeof slash, "%s/", directory);
    const char *const paths[] = {directory, fifo, below, "/dev/null", "/dev/zero", slash, "/", "."};
    for (size_t i = 0; i < COUNT(paths); i++) {
        xkv_options options = disk_options(paths[i]);
        assert_refused(&options, XKV_E_DISK_PATH, paths[i][0] == '.' ? "" : paths[i]);
    }
    assert_int_equal(rmdir(directory), 0); /* nothing was put there */
}

/* What looks like the path of a file, and would be one with another name. */
static void test_not_a_path(void **state) {
    static const struct {
        const char *path, *says;
    } rows[] = {
        {"~", "__ENV.HOME"},
        {"~/store.kv", "__ENV.HOME"},
        {"https://localhost/store.kv", "start with file:"},
        {"file://elsewhere/store.kv", "host"},
        {"file://localhost.elsewhere/store.kv", "host"},
        {"file://store.kv", "host"},
        {"file:///store.kv?", "%3F"},
        {"file:///store#.kv", "%23"},
        {"file:///store%2.kv", "%25"},
        {"file:///store%", "%25"},
        {"file:///store%g0", "%25"},
        {"file:///store%00.kv", "%25"},
        {"file:///", "directory"},
    };
    char before[PATH_SIZE];

    (void)state;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(test.directory), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        xkv_options options = disk_options(rows[i].path);
        assert_refused(&options, XKV_E_DISK_PATH, rows[i].says);
    }
    assert_int_equal(access("~", F_OK), -1);
    assert_int_equal(access("file:", F_OK), -1);
    assert_int_equal(access("https:", F_OK), -1);
    assert_int_equal(chdir(before), 0);
}

static void test_symbolic_links(void **state) {
    char store[PATH_SIZE], link[PATH_SIZE], dangling[PATH_SIZE], nowhere[PATH_SIZE];
    char directory[PATH_SIZE], through[PATH_SIZE], message[XKV_MESSAGE_SIZE];

    (void)state;
    make_store(test_path(store, "target.kv"), 1);
    assert_int_equal(symlink(store, test_path(link, "link.kv")), 0);
    assert_int_equal(symlink(test_path(nowhere, "nowhere.kv"), test_path(dangling, "dangling.kv")),
                     0);
    xkv_options options = disk_options(link);
    assert_refused(&options, XKV_E_DISK_PATH, "link.kv");
    options.read_only = true;
    assert_refused(&options, XKV_E_DISK_PATH, "link.kv");
    options = disk_options(dangling);
    assert_refused(&options, XKV_E_DISK_PATH, "dangling.kv");
    assert_int_equal(access(nowhere, F_OK), -1);
    /* A link on the way is another matter: only the last component counts. */
    assert_int_equal(symlink(test.directory, test_path(directory, "here")), 0);
    snprintf(through, sizeof through, "%.900s/target.kv", directory);
    options = disk_options(through);
    assert_int_equal(try_open(&options, message), XKV_OK);
}

static void test_missing_and_empty(void **state) {
    char path[PATH_SIZE], deep[PATH_SIZE], message[XKV_MESSAGE_SIZE];
    xkv_options options = disk_options(test_path(path, "missing.kv"));

    (void)state;
    options.read_only = true;
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, "missing.kv");
    assert_int_equal(access(path, F_OK), -1);
    options.path = test_path(deep, "no/such/directory/missing.kv");
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, "missing.kv");
    assert_int_equal(access(test_path(deep, "no"), F_OK), -1);
    write_file(path, "", 0);
    options.path = path;
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, "missing.kv");
    make_store(path, 1); /* an empty file may become a store */
    assert_int_equal(try_open(&options, message), XKV_OK);
}

/* Permissions mean nothing to root, who steps down for the while. False where
 * nobody may not get as far as to the tests' directory, or root is not allowed to. */
static bool become_nobody(void) {
    enum { NOBODY = 65534 };

    if (geteuid() != 0)
        return true;
    return chown(test.directory, NOBODY, (gid_t)-1) == 0 && seteuid(NOBODY) == 0 &&
           faccessat(AT_FDCWD, test.directory, W_OK | X_OK, AT_EACCESS) == 0;
}

static int become_oneself(void **state) {
    (void)state;
    return seteuid(getuid());
}

static void test_no_permission(void **state) {
    char directory[PATH_SIZE], path[PATH_SIZE];

    (void)state;
    if (!become_nobody())
        skip();
    assert_int_equal(mkdir(test_path(directory, "locked"), 0500), 0);
    xkv_options options = disk_options(test_path(path, "locked/store.kv"));
    assert_refused(&options, XKV_E_DISK_PATH, "permission");
    make_store(test_path(path, "unreadable.kv"), 1);
    assert_int_equal(chmod(path, 0), 0);
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, "permission");
}

/* -- How stores are created -------------------------------------------------- */

static void test_creation(void **state) {
    char path[PATH_SIZE];
    struct stat status;
    mode_t mask = umask(0);

    (void)state;
    make_store(test_path(path, "new/parents/as/needed/store.kv"), 1);
    umask(mask);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(stat(test_path(path, "new/parents/as"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0755);
}

/* Percent signs mean something in URLs only. */
static void test_urls(void **state) {
    static const char *const starts[] = {"file://", "file://localhost", "file:", "FILE://"};
    char path[PATH_SIZE], url[PATH_SIZE + 20];
    xkv_options options = disk_options(test_path(path, "a b%20?~.kv"));
    xkv_store *one = must_open(&options);

    (void)state;
    options.path = url;
    for (size_t i = 0; i < COUNT(starts); i++) {
        snprintf(url, sizeof url, "%s%.900s/a%%20b%%2520%%3f~.kv", starts[i], test.directory);
        xkv_store *other = must_open(&options);
        assert_true(xkv_same_store(one, other));
        xkv_close(other);
    }
    xkv_close(one);
}

/* All paths to a file lead to one store. */
static void test_paths_to_one_file(void **state) {
    char path[PATH_SIZE], hard[PATH_SIZE], dots[PATH_SIZE], before[PATH_SIZE];

    (void)state;
    make_store(test_path(path, "one.kv"), 1);
    test_path(dots, "./new/../one.kv");
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(test.directory), 0);
    const char *const paths[] = {hard, dots, "one.kv", "./one.kv", ".//./one.kv"};
    xkv_options options = disk_options(path);
    xkv_store *one = must_open(&options);
    assert_int_equal(link(path, test_path(hard, "two.kv")), 0);
    for (size_t i = 0; i < COUNT(paths); i++) {
        options.path = paths[i];
        xkv_store *other = must_open(&options);
        assert_true(xkv_same_store(one, other));
        xkv_close(other);
    }
    xkv_close(one);
    /* Other processes would not notice each other by two names. */
    options.path = path;
    assert_refused(&options, XKV_E_DISK_PATH, "2 hard links");
    assert_int_equal(unlink(hard), 0);
    xkv_close(must_open(&options));
    assert_int_equal(chdir(before), 0);
}

static void test_serialization_belongs_to_the_file(void **state) {
    char path[PATH_SIZE], message[XKV_MESSAGE_SIZE];
    xkv_options options = disk_options(test_path(path, "serialization.kv"));
    static const char *const names[] = {"json", "string", "binary"};

    (void)state;
    for (int kept = 0; kept < 3; kept++) {
        unlink(path);
        options.serialization = kept;
        assert_int_equal(try_open(&options, message), XKV_OK);
        for (int other = 0; other < 3; other++) {
            options.serialization = other;
            if (other != kept)
                assert_refused(&options, XKV_E_DISK_STORE_OPEN, names[kept]);
        }
    }
}

/* A value whose bytes on the disk have changed is noticed. */
static void test_damaged_value(void **state) {
    char path[PATH_SIZE], *found;
    struct client client;
    size_t size;

    (void)state;
    make_store(test_path(path, "damaged.kv"), 11);
    char *data = read_file(path, &size);
    found = memmem(data, size, "LLLLLLLLLLLLLLLL", 16);
    assert_non_null(found);
    found[9000] ^= 1;
    write_file(path, data, size);
    free(data);
    xkv_options options = disk_options(path);
    client_open(&client, &options, false);
    int first = do_get(&client, LIT("key0000"));
    bool tells = first == XKV_OK || answer_says(&client, "of key \"key0000\"");
    int second = do_get(&client, LIT("key0010"));
    assert_true(tells && (second == XKV_OK || answer_says(&client, "of key \"key0010\"")));
    assert_true(first == XKV_OK || second == XKV_OK);
    assert_true((first == XKV_E_DISK_STORE_CORRUPT) != (second == XKV_E_DISK_STORE_CORRUPT));
    assert_int_equal(do_list(&client, NOTHING, 0), XKV_E_DISK_STORE_CORRUPT);
    assert_true(answer_says(&client, first == XKV_OK ? "key0010" : "key0000"));
    assert_true(answer_says(&client, "keep a copy of it"));
    assert_int_equal(do_get(&client, LIT("key0001")), XKV_OK);
    assert_int_equal(do_set(&client, LIT("key0001"), LIT("new")), XKV_OK);
    client_close(&client);
}

/* -- Growth ------------------------------------------------------------------ */

enum { GROWTH_VALUES = 2500, GROWTH_VALUE = 8192 };

struct growth {
    const xkv_options *options;
    _Atomic bool done;
    _Atomic bool failed;
};

/* Lists again and again: what it sees is in order, and never less than before. */
static void *list_while_growing(void *argument) {
    struct growth *growth = argument;
    struct client client;
    int64_t last = 0;

    client_open(&client, growth->options, false);
    while (!atomic_load(&growth->done)) {
        xkv_bytes key = NOTHING, value, previous = NOTHING;
        size_t at = 0;
        MUST(do_list(&client, NOTHING, last % 2 ? 300 : 0) == XKV_OK);
        while (xkv_reply_next(&client.reply, &at, &key, &value)) {
            if (order_of(previous, key) >= 0 || value.len != GROWTH_VALUE)
                atomic_store(&growth->failed, true);
            previous = key;
        }
        MUST(do_plain(&client, XKV_OP_SIZE) == XKV_OK);
        if (client.reply.number < last)
            atomic_store(&growth->failed, true);
        last = client.reply.number;
    }
    client_close(&client);
    return NULL;
}

static void grow(const xkv_options *options) {
    static char value[GROWTH_VALUE];
    struct growth growth = {.options = options, .done = false};
    pthread_t readers[3];
    struct client client;
    char key[32];

    client_open(&client, options, false);
    for (size_t i = 0; i < COUNT(readers); i++)
        assert_int_equal(pthread_create(&readers[i], NULL, list_while_growing, &growth), 0);
    for (unsigned i = 0; i < GROWTH_VALUES; i++) {
        snprintf(key, sizeof key, "k%06u", i * 7919 % GROWTH_VALUES);
        memset(value, (int)('a' + i % 26), sizeof value);
        do_set(&client, xkv_text(key), bytes_of(value, sizeof value));
        assert_int_equal(told(&client), XKV_OK);
    }
    atomic_store(&growth.done, true);
    for (size_t i = 0; i < COUNT(readers); i++)
        pthread_join(readers[i], NULL);
    assert_false(growth.failed);
    assert_int_equal(do_plain(&client, XKV_OP_SIZE), XKV_OK);
    assert_int_equal(client.reply.number, GROWTH_VALUES);
    client_close(&client);
}

static void test_growth(void **state) {
    char path[PATH_SIZE], message[XKV_MESSAGE_SIZE];

    (void)state;
    for (int durability = 0; durability < 3; durability++) {
        xkv_options options = disk_options(test_path(path, "growing.kv"));
        options.durability = durability;
        options.initial_map_size = 65536;
        options.track_keys = durability != 0;
        unlink(path);
        grow(&options);
        assert_int_equal(try_open(&options, message), XKV_OK);
    }
}

/* -- Its neighbours ---------------------------------------------------------- */

/* A store whose name is that of another one's lock file is data, and stays. */
static void test_lock_file_of_that_name(void **state) {
    char taken[PATH_SIZE], path[PATH_SIZE], message[XKV_MESSAGE_SIZE];
    char zeros[40000] = {0};
    xkv_options options = disk_options(test_path(taken, "users-lock"));

    (void)state;
    make_store(taken, 30);
    options = disk_options(test_path(path, "users"));
    assert_refused(&options, XKV_E_DISK_PATH, "users-lock\" would overwrite");
    options = disk_options(taken);
    assert_int_equal(try_open(&options, message), XKV_OK);
    options = disk_options(test_path(path, "zeros"));
    write_file(test_path(taken, "zeros-lock"), zeros, sizeof zeros); /* longer than a lock file */
    assert_refused(&options, XKV_E_DISK_PATH, "zeros-lock\" would overwrite");
    write_file(taken, zeros, 8192); /* what a process leaves that ends before LMDB begins */
    assert_int_equal(try_open(&options, message), XKV_OK);
}

/* Zeros only, no more of them than a lock file has bytes, are what a process has
 * left that ended early. One other byte, anywhere, and it is somebody's file. */
static void test_lock_file_of_zeros(void **state) {
    static const size_t lock_size = 32768, blank[] = {0, 1, 4, 4096, 8192, 32768};
    static const size_t others[] = {0, 1, 3, 4, 15, 16, 4095, 4096, 8191, 20000, 32767};
    char taken[PATH_SIZE], path[PATH_SIZE], message[XKV_MESSAGE_SIZE], zeros[32769] = {0};
    xkv_options options = disk_options(test_path(path, "blank"));
    size_t size;

    (void)state;
    test_path(taken, "blank-lock");
    for (size_t i = 0; i < COUNT(blank); i++) {
        write_file(taken, zeros, blank[i]);
        assert_int_equal(try_open(&options, message), XKV_OK);
    }
    for (size_t i = 0; i < COUNT(others); i++) {
        zeros[others[i]] = 1;
        write_file(taken, zeros, i % 2 ? lock_size : others[i] + 1);
        assert_refused(&options, XKV_E_DISK_PATH, "blank-lock\" would overwrite");
        char *after = read_file(taken, &size);
        assert_true(same_bytes(bytes_of(after, size), bytes_of(zeros, size)));
        assert_int_equal(size, i % 2 ? lock_size : others[i] + 1);
        free(after);
        zeros[others[i]] = 0;
    }
    write_file(taken, zeros, lock_size + 1);
    assert_refused(&options, XKV_E_DISK_PATH, "blank-lock\" would overwrite");
}

static void test_file_that_all_may_write(void **state) {
    char path[PATH_SIZE], message[XKV_MESSAGE_SIZE];

    (void)state;
    make_store(test_path(path, "open-to-all.kv"), 1);
    xkv_options options = disk_options(path);
    assert_int_equal(chmod(path, 0666), 0);
    assert_refused(&options, XKV_E_DISK_PATH, "by every user");
    options.read_only = true;
    assert_refused(&options, XKV_E_DISK_PATH, "by every user");
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(try_open(&options, message), XKV_OK);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bolt_file),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_foreign_lmdb_file),
        cmocka_unit_test(test_garbage_with_the_right_magic),
        cmocka_unit_test(test_truncated_stores),
        cmocka_unit_test(test_not_a_file),
        cmocka_unit_test(test_not_a_path),
        cmocka_unit_test(test_symbolic_links),
        cmocka_unit_test(test_missing_and_empty),
        cmocka_unit_test_teardown(test_no_permission, become_oneself),
        cmocka_unit_test(test_creation),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_paths_to_one_file),
        cmocka_unit_test(test_serialization_belongs_to_the_file),
        cmocka_unit_test(test_damaged_value),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_lock_file_of_that_name),
        cmocka_unit_test(test_lock_file_of_zeros),
        cmocka_unit_test(test_file_that_all_may_write),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
