/*
 * salvage_beside.c - xkv_check_file and xkv_salvage, on what is no store, beside others who have
 * it open, and where memory and the disk fail
 */
#include "../child.h"
#include "../file_calls.h"
#include "salvage.h"

#include "disk/lmdb_api.h"

/* -- What is no store -------------------------------------------------------- */

static void assert_no_store(const char *name, int expected, const char *says) {
    xkv_check_report report;
    int error = xkv_check_file(name, NULL, NULL, &report, message, sizeof message);

    if (error != expected || !strstr(message, says))
        fail_msg("%s: %s: \"%s\" does not say \"%s\"", name, xkv_error_name(error), message, says);
}

static void make_foreign(const char *name) {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val key = {3, (void *)(uintptr_t) "key"};

    MUST(mdb_env_create(&env) == 0);
    MUST(mdb_env_open(env, name, MDB_NOSUBDIR, 0600) == 0);
    MUST(mdb_txn_begin(env, NULL, 0, &txn) == 0);
    MUST(mdb_dbi_open(txn, NULL, 0, &dbi) == 0);
    MUST(mdb_put(txn, dbi, &key, &key, 0) == 0);
    MUST(mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
}

static void test_no_store(void **state) {
    static unsigned char junk[300000];
    static const unsigned char bolt[4096] = {[8] = 4, [16] = 0xED, 0xDA, 0x0C, 0xED, 2};
    struct rng rng = rng_for("junk");
    char name[PATH_SIZE], other[PATH_SIZE];

    (void)state;
    assert_no_store(test.directory, XKV_E_DISK_PATH, "directory");
    assert_no_store(fresh_path(name), XKV_E_DISK_STORE_OPEN, "there is no store");
    MUST(mkfifo(name, 0600) == 0);
    assert_no_store(name, XKV_E_DISK_PATH, "not a regular file");
    MUST(symlink(path, fresh_path(other)) == 0);
    assert_no_store(other, XKV_E_DISK_PATH, "symbolic link");
    assert_no_store("/dev/null", XKV_E_DISK_PATH, "not a regular file");
    assert_no_store("~/store.kv", XKV_E_DISK_PATH, "~");
    write_file(fresh_path(name), "", 0);
    assert_no_store(name, XKV_E_DISK_STORE_OPEN, "is empty");
    rng_fill(&rng, junk, sizeof junk);
    for (size_t size = 1; size < sizeof junk; size *= 3) {
        write_file(fresh_path(name), junk, size);
        assert_no_store(name, XKV_E_DISK_STORE_OPEN, "is not a store of this extension");
    }
    write_file(fresh_path(name), bolt, sizeof bolt);
    assert_no_store(name, XKV_E_DISK_STORE_OPEN, "BoltDB");
    make_foreign(fresh_path(name));
    assert_no_store(name, XKV_E_DISK_STORE_OPEN, "LMDB file of another program");
}

/* -- Others who have it open ------------------------------------------------------ */

static void test_open_here(void **state) {
    xkv_options options = disk_options(path);

    (void)state;
    restore();
    xkv_store *store = must_open(&options);
    assert_no_store(path, XKV_E_DISK_STORE_OPEN, "is open in this process");
    xkv_close(store);
    assert_no_store(path, XKV_OK, "");
}

/* In the child: writes all it can until it is told to end. */
static int child_write(const char *name) {
    xkv_options options = disk_options(name);
    struct client client;
    char key[40];

    options.durability = XKV_DURABILITY_NONE;
    client_open(&client, &options, false);
    printf("open\n");
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    char end;
    for (unsigned n = 0; read(STDIN_FILENO, &end, 1) < 0; n++) {
        snprintf(key, sizeof key, "new:%u", n % 500);
        MUST(do_set(&client, xkv_text(key), LIT("value")) == XKV_OK);
        if (n % 3 == 0)
            MUST(do_delete(&client, xkv_text(key)) == XKV_OK);
    }
    client_close(&client);
    return 0;
}

static void test_beside_writer(void **state) {
    struct child writer;
    xkv_check_report report;

    (void)state;
    restore();
    child_start(&writer, (const char *const[]){"write", path, NULL});
    assert_true(child_says(&writer, "open"));
    for (unsigned i = 0; i < (SANITIZED ? 10 : 60); i++) {
        must_check(&report);
        assert_string_equal(findings.text, "");
        assert_true(report.keys >= model.count && report.keys <= model.count + 500);
    }
    assert_int_equal(child_end(&writer), 0);
    must_check(&report);
    assert_string_equal(findings.text, "");
}

static int try_to_write(void *context, xkv_bytes key, xkv_bytes value, bool doubtful) {
    struct child *writer = context;

    (void)key;
    (void)value;
    (void)doubtful;
    child_start(writer, (const char *const[]){"try", path, NULL});
    assert_true(child_says(writer, "DiskStoreOpenError"));
    assert_int_equal(child_end(writer), 0);
    return XKV_E_OPERATION_CANCELED;
}

static int child_try(const char *name) {
    xkv_options options = disk_options(name);

    options.timeout_ms = 0;
    printf("%s\n", xkv_error_name(try_open(&options, message)));
    return 0;
}

/* Nobody can open it for writing meanwhile. */
static void test_keeps_writers_out(void **state) {
    struct child writer;
    xkv_check_report report;

    (void)state;
    restore();
    assert_int_equal(xkv_salvage(path, try_to_write, &writer, &report, message, sizeof message),
                     XKV_E_OPERATION_CANCELED);
}

/* -- Failures ---------------------------------------------------------------- */

static void test_visitor_fails(void **state) {
    xkv_check_report report;

    (void)state;
    restore();
    given.fail_at = 10;
    int error = salvage(&report);
    given.fail_at = 0;
    assert_int_equal(error, XKV_E_OPERATION_CANCELED);
    assert_int_equal(given.count, 9);
}

static void test_without_memory(void **state) {
    xkv_check_report report;
    int error = XKV_E_STORE_FULL;
    long live = heap.live;

    (void)state;
    restore();
    for (long n = 1; error != XKV_OK; n++) {
        heap_fail_at(n, n % 2);
        error = xkv_check_file(path, NULL, NULL, &report, message, sizeof message);
        assert_int_equal(error, heap_failed() ? XKV_E_STORE_FULL : XKV_OK);
        assert_int_equal(heap.live, live);
    }
    assert_int_equal(report.findings, 0);
}

static unsigned reads_left;

static xkv__fault read_or_fail(xkv__handle handle, void *out, size_t size, uint64_t at,
                               size_t *got) {
    if (reads_left > 0 && --reads_left == 0)
        return xkv__fault_of(EIO);
    return xkv__system_files.read_at(handle, out, size, at, got);
}

/* What the disk does not give is told, unless nothing was lost by it: that the keys behind a link
 * are over may be told by a page, too. */
static void test_failing_reads(void **state) {
    xkv_check_report report;

    (void)state;
    restore();
    xkv__files.read_at = read_or_fail;
    for (unsigned n = 1;; n += n < 20 ? 1 : 37) {
        reads_left = n;
        int error = check(&report);
        if (reads_left > 0)
            break;
        if (error == XKV_OK && report.findings == 0 && report.keys < model.count)
            fail_msg("nothing is said of read %u", n);
        if (error != XKV_OK)
            assert_true(error == XKV_E_DISK_STORE_OPEN || error == XKV_E_DISK_STORE_READ);
    }
    xkv__files = xkv__system_files;
    assert_int_equal(report.findings, 0);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_store),      cmocka_unit_test(test_open_here),
        cmocka_unit_test(test_beside_writer), cmocka_unit_test(test_keeps_writers_out),
        cmocka_unit_test(test_visitor_fails), cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_failing_reads),
    };

    if (argc == 3 && strcmp(argv[1], "write") == 0)
        return setvbuf(stdout, NULL, _IOLBF, 0) || child_write(argv[2]);
    if (argc == 3 && strcmp(argv[1], "try") == 0)
        return child_try(argv[2]);
    salvage_begin(argv);
    return salvage_end(cmocka_run_group_tests(tests, NULL, NULL));
}
