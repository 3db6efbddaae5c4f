/*
 * salvage.c - xkv_check_file and xkv_salvage, on sound files and on damaged ones
 *
 * What salvage gives was in the store, byte for byte, and what it does not give it counts. A check
 * that finds nothing has read everything.
 */
#include "salvage.h"

#include "base/bytes.h"
#include "base/xxh64.h"

#include "disk/lmdb_api.h"

/* -- Sound files ------------------------------------------------------------- */

static void test_sound(void **state) {
    xkv_check_report report;

    (void)state;
    restore();
    must_salvage(&report);
    assert_string_equal(findings.text, "");
    assert_int_equal(report.findings, 0);
    assert_int_equal(report.bytes, sound_size);
    assert_int_equal(report.keys, model.count);
    assert_int_equal(seen_of_model(), model.count);
    assert_true(report.lost_is_known && !report.is_older && !report.is_scan);
    assert_int_equal(report.serialization, XKV_BINARY);
    assert_int_equal(report.lost_keys + report.doubtful_keys + report.broken_links, 0);
    assert_true(report.pages > 100 && report.pages <= sound_size / PAGE);
}

static void test_empty_store(void **state) {
    char name[PATH_SIZE];
    xkv_options options = disk_options(fresh_path(name));
    xkv_check_report report;

    (void)state;
    options.serialization = XKV_STRING;
    xkv_close(must_open(&options));
    assert_int_equal(xkv_check_file(name, NULL, NULL, &report, message, sizeof message), XKV_OK);
    assert_int_equal(report.findings + report.keys, 0);
    assert_int_equal(report.serialization, XKV_STRING);
}

static void test_json(void **state) {
    char name[PATH_SIZE];
    xkv_options options = disk_options(fresh_path(name));
    struct client client;
    xkv_check_report report;

    (void)state;
    options.serialization = XKV_JSON;
    client_open(&client, &options, false);
    assert_int_equal(do_set(&client, LIT("good"), LIT("{\"a\": [1]}")), XKV_OK);
    assert_int_equal(do_set(&client, LIT("bad"), LIT("{\"a\": 1,}")), XKV_OK);
    assert_int_equal(do_set(&client, LIT("more"), LIT("1 2")), XKV_OK);
    client_close(&client);
    findings.len = findings.count = 0;
    assert_int_equal(xkv_check_file(name, tell, &findings, &report, message, sizeof message),
                     XKV_OK);
    assert_int_equal(report.keys, 3);
    assert_int_equal(report.invalid_values, 2);
    assert_int_equal(report.findings, 2);
    assert_non_null(strstr(findings.text, "the value of \"bad\" is not JSON"));
}

/* -- The way to a part of the file --------------------------------------------- */

static unsigned char *bytes; /* of the file that is being damaged */

static uint64_t number_at(const unsigned char *at, size_t size) {
    uint64_t number = 0;
    memcpy(&number, at, size);
    return number;
}

static unsigned char *page(uint64_t number) {
    MUST(number < sound_size / PAGE);
    return bytes + number * PAGE;
}

static unsigned char *meta(bool newer) {
    bool second = number_at(page(1) + 144, 8) > number_at(page(0) + 144, 8);
    return page(second == newer ? 1 : 0);
}

static unsigned char *node(unsigned char *in, unsigned i) {
    return in + number_at(in + 16 + 2 * i, 2);
}

/* The record of the tree called data, deep or meta. */
static unsigned char *tree(unsigned i) {
    unsigned char *at = node(page(number_at(meta(true) + 88 + 40, 8)), i);
    return at + 8 + number_at(at + 6, 2);
}

static unsigned char *root(unsigned i) {
    return page(number_at(tree(i) + 40, 8));
}

static unsigned nodes_of(const unsigned char *in) {
    return (unsigned)(number_at(in + 12, 2) - 16) / 2;
}

static unsigned char *child(unsigned char *in, unsigned i) {
    return page(number_at(node(in, i), 6));
}

static void begin_damage(void) {
    memcpy(bytes, sound, sound_size);
}

static void end_damage(void) {
    write_file(path, bytes, sound_size);
}

/* -- Damage in a known place ----------------------------------------------------- */

static void assert_finds(const char *text) {
    if (!strstr(findings.text, text))
        fail_msg("\"%s\" is not said in:\n%s", text, findings.text);
}

/* A leaf costs its own entries. */
static void test_lost_leaf(void **state) {
    xkv_check_report report;

    (void)state;
    begin_damage();
    unsigned char *leaf = child(root(0), 3);
    unsigned lost = nodes_of(leaf);
    memset(leaf, 0, PAGE);
    end_damage();
    must_salvage(&report);
    assert_int_equal(report.damaged_pages, 1);
    assert_true(report.lost_is_known && report.lost_keys >= lost && report.lost_keys < 200);
    assert_int_equal(report.keys + report.lost_keys, model.count);
    assert_int_equal(report.doubtful_keys, 0);
    assert_finds("the structure of the file is damaged: a page has a wrong number");
    assert_finds("is damaged: a page has a wrong number");
    assert_finds("keys cannot be read");
}

/* A bit of a record costs that one. */
static void test_lost_record(void **state) {
    xkv_check_report report;

    (void)state;
    begin_damage();
    unsigned char *at = node(child(root(0), 2), 1);
    at[8 + number_at(at + 6, 2) + 12] ^= 1;
    end_damage();
    must_salvage(&report);
    assert_int_equal(report.damaged_records, 1);
    assert_int_equal(report.lost_keys, 1);
    assert_int_equal(report.keys, model.count - 1);
    assert_finds("cannot be read: its checksum is wrong");
}

/* A node whose place is wrong costs that one. */
static void test_lost_place(void **state) {
    xkv_check_report report;

    (void)state;
    begin_damage();
    child(root(0), 2)[16 + 2] ^= 1;
    end_damage();
    must_salvage(&report);
    assert_int_equal(report.damaged_pages, 1);
    assert_int_equal(report.lost_keys, 1);
    assert_finds("is damaged: a node lies outside its page");
}

static void test_turned_keys(void **state) {
    xkv_check_report report;
    unsigned char at[2];

    (void)state;
    begin_damage();
    unsigned char *in = child(root(0), 4);
    memcpy(at, in + 16 + 2 * 3, 2);
    memcpy(in + 16 + 2 * 3, in + 16 + 2 * 4, 2);
    memcpy(in + 16 + 2 * 4, at, 2);
    end_damage();
    must_salvage(&report);
    assert_int_equal(report.misplaced_keys, 1);
    assert_int_equal(report.doubtful_keys, 1);
    assert_int_equal(seen_of_model(), model.count);
    assert_finds("is not in order");
}

/* A page that is used twice is read once. */
static void test_page_twice(void **state) {
    xkv_check_report report;

    (void)state;
    begin_damage();
    memcpy(node(root(0), 3), node(root(0), 2), 6);
    end_damage();
    must_salvage(&report);
    assert_int_equal(report.keys + report.lost_keys, model.count);
    assert_finds("is used twice");
}

/* The number of the first page, and of one that is not there, in the trees of data and of long
 * keys. */
static void test_wrong_child(void **state) {
    static const uint64_t numbers[] = {0, 1, (uint64_t)1 << 40};
    xkv_check_report report;

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        begin_damage();
        MUST(number_at(root(i / 3) + 10, 2) == 1);
        memcpy(node(root(i / 3), 1), &numbers[i % 3], 6);
        end_damage();
        must_salvage(&report);
        assert_true(report.keys < model.count);
        assert_int_equal(report.keys + report.lost_keys, model.count);
        assert_finds("is damaged: it lies outside of the file");
    }
}

/* A tree that leads back to its root. */
static void test_cycle(void **state) {
    xkv_check_report report;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        begin_damage();
        uint64_t number = number_at(tree(i) + 40, 8), depth = number_at(tree(i) + 6, 2) + 1;
        if (nodes_of(root(i)) < 2 || number_at(root(i) + 10, 2) != 1)
            continue;
        memcpy(node(root(i), 1), &number, 6);
        memcpy(tree(i) + 6, &depth, 2);
        end_damage();
        must_salvage(&report);
        assert_true(report.findings > 0);
    }
}

/* A page that is in use and also free may be an old one: a list of free pages is changed. */
static void test_free_and_used(void **state) {
    xkv_check_report report;

    (void)state;
    begin_damage();
    unsigned char *in = page(number_at(meta(true) + 40 + 40, 8)), *leaf = child(root(0), 3);
    unsigned char *at = node(in, 0), *list = at + 8 + number_at(at + 6, 2);
    MUST(number_at(at + 4, 2) == 0 && number_at(list, 8) > 0);
    memcpy(list + 8, leaf, 8);
    end_damage();
    must_salvage(&report);
    assert_int_equal(report.keys, model.count);
    assert_true(report.doubtful_keys > 0 && report.doubtful_keys < 200);
    assert_int_equal(report.damaged_pages, 1);
    assert_finds("it is in use, and among the free ones");
}

/* -- Long keys that cannot be ---------------------------------------------------- */

/* A record with the checksum that it should have; a link by its chunk, or a piece of a key. */
static void put_record(MDB_txn *txn, uint64_t level, char fill, size_t len, uint64_t to) {
    unsigned char key[8 + 497], record[17] = {0};
    size_t before = level > 0 ? 8 : 0;
    MDB_dbi dbi;

    xkv__put_be64(key, level);
    memset(key + before, fill, len);
    if (len == 497)
        key[before + 496] = 1;
    MDB_val at = {before + len, key}, value = {sizeof record, record};
    xkv__put_be64(record + 9, to);
    xkv__put_be64(record, xkv__xxh64(record + 8, 9, xkv__xxh64(key, at.mv_size, 0)));
    MUST(mdb_dbi_open(txn, level > 0 ? "deep" : "data", 0, &dbi) == 0);
    MUST(mdb_put(txn, dbi, &at, &value, 0) == 0);
}

/* Makes a store with such records in it, and checks it. */
static void check_crafted(void (*craft)(MDB_txn *txn), xkv_check_report *report) {
    char name[PATH_SIZE];
    xkv_options options = disk_options(fresh_path(name));
    MDB_env *env;
    MDB_txn *txn;

    xkv_close(must_open(&options));
    MUST(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, 3) == 0);
    MUST(mdb_env_open(env, name, MDB_NOSUBDIR, 0600) == 0);
    MUST(mdb_txn_begin(env, NULL, 0, &txn) == 0);
    craft(txn);
    MUST(mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
    findings.len = findings.count = 0;
    findings.text[0] = '\0';
    assert_int_equal(xkv_check_file(name, tell, &findings, report, message, sizeof message),
                     XKV_OK);
}

static void craft_chain(MDB_txn *txn) {
    for (uint64_t level = 0; level < 70; level++)
        put_record(txn, level, 'c', 497, level + 1);
    put_record(txn, 66, 'b', 40, 0); /* 32,776 bytes in all */
}

static void craft_circle(MDB_txn *txn) {
    put_record(txn, 0, 'c', 497, 5);
    put_record(txn, 5, 'c', 497, 5);
    put_record(txn, 0, 'd', 497, 0);
}

/* 2^60 ways. */
static void craft_thicket(MDB_txn *txn) {
    for (uint64_t level = 0; level < 60; level++) {
        put_record(txn, level, 'c', 497, level + 1);
        put_record(txn, level, 'd', 497, level + 1);
    }
}

static void craft_lost(MDB_txn *txn) {
    put_record(txn, 0, 'c', 497, 5);
    put_record(txn, 7, 'c', 20, 0);
}

static void test_long_keys(void **state) {
    xkv_check_report report;

    (void)state;
    check_crafted(craft_chain, &report);
    assert_finds("its key is too long");
    assert_finds("leads back, or too far");
    check_crafted(craft_circle, &report);
    assert_int_equal(report.broken_links, 2);
    assert_finds("leads back, or too far");
    check_crafted(craft_thicket, &report);
    assert_finds("lead to each other, and were given up");
    assert_true(report.findings < 1000);
    check_crafted(craft_lost, &report);
    assert_int_equal(report.broken_links, 2);
    assert_finds("leads to nothing that can be read");
    assert_finds("1 pieces of long keys have no link that leads to them");
}

/* -- Damage to what leads to the data ------------------------------------------ */

/* The commit before is the same, in this file. */
static void test_lost_meta(void **state) {
    xkv_check_report report;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        begin_damage();
        memset(meta(i == 0), 0, PAGE);
        end_damage();
        must_salvage(&report);
        assert_int_equal(report.keys, model.count);
        assert_true(report.is_older && !report.is_scan);
        assert_finds("one of the first two pages cannot be read");
    }
}

/* The tree of names of the last commit is gone; that of the one before is another page. */
static void test_lost_names(void **state) {
    xkv_check_report report;

    (void)state;
    begin_damage();
    memset(page(number_at(meta(true) + 88 + 40, 8)), 0xFF, PAGE);
    end_damage();
    must_salvage(&report);
    assert_int_equal(report.keys, model.count);
    assert_true(report.is_older && !report.is_scan);
    assert_finds("the last commit cannot be read");
}

static size_t short_keys(void) {
    size_t count = 0;

    for (size_t i = 0; i < model.count; i++)
        count += model.pairs[i].key_len <= 496;
    return count;
}

/* Of neither commit: pages are searched, and those that are free left out. */
static void lose_both_roots(void) {
    begin_damage();
    memset(root(0), 0, PAGE);
    uint64_t txn = number_at(meta(true) + 144, 8);
    memset(meta(true) + 144, 0, 8);
    memset(root(0), 0, PAGE);
    memcpy((number_at(page(0) + 144, 8) == 0 ? page(0) : page(1)) + 144, &txn, 8);
}

static void test_lost_root(void **state) {
    xkv_check_report report;

    (void)state;
    lose_both_roots();
    end_damage();
    must_salvage(&report);
    assert_true(report.is_scan && !report.is_older);
    assert_int_equal(seen_of_model(), model.count);
    assert_int_equal(report.doubtful_keys, report.keys);
    assert_int_equal(report.lost_keys, 0);
    assert_finds("nothing leads to the entries");
}

/* Without a meta page nobody knows the free pages, nor the tree of long keys. */
static void test_lost_metas(void **state) {
    xkv_check_report report;

    (void)state;
    begin_damage();
    memset(bytes, 0, 2 * PAGE);
    end_damage();
    must_salvage(&report);
    assert_true(report.is_scan && !report.lost_is_known);
    assert_int_equal(seen_of_model(), short_keys());
    assert_true(report.doubtful_keys == report.keys && report.keys >= short_keys());
    assert_int_equal(report.serialization, -1);
}

/* Long keys go, and short ones stay. */
static void test_lost_deep(void **state) {
    xkv_check_report report;

    (void)state;
    begin_damage();
    memset(root(1), 0, PAGE);
    end_damage();
    must_salvage(&report);
    assert_int_equal(report.keys, short_keys());
    assert_int_equal(report.lost_keys, model.count - short_keys());
    assert_true(report.broken_links > 0 && report.doubtful_keys == 0);
    assert_finds("leads to nothing that can be read");
}

/* -- Damage anywhere --------------------------------------------------------- */

static struct {
    unsigned round, found, read;
    size_t damage;
} now;

static void one_round(struct rng *rng) {
    xkv_options options = disk_options(path);
    xkv_check_report report;
    size_t size = sound_size;

    memcpy(bytes, sound, sound_size);
    damages[now.damage](rng, bytes, &size);
    write_file(path, bytes, size);
    int error = check(&report);
    if (error != XKV_OK) {
        assert_int_equal(error, XKV_E_DISK_STORE_OPEN);
        assert_true(strlen(message) > 20);
        assert_int_equal(salvage(&report), error);
        assert_int_equal(given.count, 0);
    } else {
        must_salvage(&report);
        if (report.findings == 0 || seen_of_model() == 0)
            assert_int_equal(seen_of_model(), report.findings == 0 ? model.count : 0);
        now.found += report.findings > 0;
        now.read += seen_of_model() > 0;
    }
    options.read_only = true;
    if (try_open(&options, message) == XKV_E_DISK_STORE_CORRUPT)
        assert_true(error != XKV_OK || report.findings > 0);
}

static void test_damage(void **state) {
    unsigned rounds = SANITIZED ? 25 : 150;
    struct rng rng = rng_for("damage");

    (void)state;
    for (now.damage = 0; now.damage < COUNT(damages); now.damage++) {
        now.found = now.read = 0;
        for (now.round = 0; now.round < rounds; now.round++)
            one_round(&rng);
        printf("damage %zu: %u of %u found, of %u something was read\n", now.damage, now.found,
               rounds, now.read);
        assert_true(now.damage == 2 || now.found > 0);
    }
    now.round = 0;
}

static int after(void **state) {
    (void)state;
    if (now.round > 0)
        fprintf(stderr, "damage %zu, round %u:\n%s", now.damage, now.round, findings.text);
    return 0;
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),         cmocka_unit_test(test_empty_store),
        cmocka_unit_test(test_json),          cmocka_unit_test(test_lost_leaf),
        cmocka_unit_test(test_lost_record),   cmocka_unit_test(test_lost_place),
        cmocka_unit_test(test_turned_keys),   cmocka_unit_test(test_page_twice),
        cmocka_unit_test(test_wrong_child),   cmocka_unit_test(test_cycle),
        cmocka_unit_test(test_free_and_used), cmocka_unit_test(test_long_keys),
        cmocka_unit_test(test_lost_meta),     cmocka_unit_test(test_lost_names),
        cmocka_unit_test(test_lost_root),     cmocka_unit_test(test_lost_metas),
        cmocka_unit_test(test_lost_deep),     cmocka_unit_test_teardown(test_damage, after),
    };

    (void)argc;
    salvage_begin(argv);
    MUST((bytes = malloc(sound_size)));
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    free(bytes);
    return salvage_end(failures);
}
