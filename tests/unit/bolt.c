/*
 * bolt.c - each rule of the reader of BoltDB files: a sound file, made by hand, is edited so
 * that one of them is broken. What bbolt makes is read by tests/bolt.
 */
#include "../heap.h"

#include "base/error.h"
#include "formats/bolt.h"

enum { PAGE = 1024, PAGES = 12, HEADER = 16, ELEMENT = 16 };
enum { FLAGS_AT = 8, COUNT_AT = 10, OVERFLOW_AT = 12 };
enum { BRANCH = 1, LEAF = 2 };

/* The file: meta pages 0 and 1, the tree of buckets in page 2, the bucket "k6" in pages 3 (its
 * root) to 6, of which 6 goes on in 7 and 8; nothing in the others. */
static struct {
    unsigned char bytes[PAGES * PAGE];
    size_t size;
    unsigned reads, fail_at; /* calls, and which of them fails: 0 for none */
} file;

static void put(unsigned char *at, size_t size, uint64_t number) {
    memcpy(at, &number, size); /* the machine is little-endian, as those of k6 are */
}

static uint64_t get(const unsigned char *at, size_t size) {
    uint64_t number = 0;
    memcpy(&number, at, size);
    return number;
}

static unsigned char *page(unsigned number) {
    return file.bytes + (size_t)number * PAGE;
}

static unsigned char *element(unsigned char *in, unsigned i) {
    return in + HEADER + i * ELEMENT;
}

/* -- A sound file ------------------------------------------------------------ */

static void sum(unsigned number) {
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 16; i < 72; i++)
        hash = (hash ^ page(number)[i]) * 1099511628211u;
    put(page(number) + 72, 8, hash);
}

static void make_meta(unsigned number, uint64_t txn, uint64_t root) {
    put(page(number), 8, number);
    put(page(number) + FLAGS_AT, 2, 4);
    put(page(number) + 16, 4, 0xED0CDAED);
    put(page(number) + 20, 4, 2);
    put(page(number) + 24, 4, PAGE);
    put(page(number) + 32, 8, root);
    put(page(number) + 56, 8, PAGES - 1);
    put(page(number) + 64, 8, txn);
    sum(number);
}

/* Begins a page, which gets so many elements; *data is where theirs goes. */
static void begin(unsigned char *in, unsigned number, unsigned flags, unsigned count,
                  unsigned char **data) {
    put(in, 8, number);
    put(in + FLAGS_AT, 2, flags);
    put(in + COUNT_AT, 2, count);
    *data = in + HEADER + count * ELEMENT;
}

static void make_leaf(unsigned char *in, unsigned i, unsigned flags, xkv_bytes key, xkv_bytes value,
                      unsigned char **data) {
    put(element(in, i), 4, flags);
    put(element(in, i) + 4, 4, (uint64_t)(*data - element(in, i)));
    put(element(in, i) + 8, 4, key.len);
    put(element(in, i) + 12, 4, value.len);
    memcpy(*data, key.data, key.len);
    memcpy(*data + key.len, value.data, value.len);
    *data += key.len + value.len;
}

static void make_branch(unsigned i, const char *key, uint64_t child, unsigned char **data) {
    put(element(page(3), i), 4, (uint64_t)(*data - element(page(3), i)));
    put(element(page(3), i) + 4, 4, strlen(key));
    put(element(page(3), i) + 8, 8, child);
    memcpy(*data, key, strlen(key));
    *data += strlen(key);
}

static void make_bucket(unsigned number, uint64_t root) {
    unsigned char header[16] = {0}, *data;

    put(header, 8, root);
    begin(page(number), number, LEAF, 1, &data);
    make_leaf(page(number), 0, 1, LIT("k6"), bytes_of(header, sizeof header), &data);
}

static void make_file(void) {
    static unsigned char large[2 * PAGE];
    unsigned char *data;

    memset(&file, 0, sizeof file);
    file.size = sizeof file.bytes;
    make_meta(0, 6, 2);
    make_meta(1, 7, 2);
    make_bucket(2, 3);
    begin(page(3), 3, BRANCH, 3, &data);
    make_branch(0, "a", 4, &data);
    make_branch(1, "k", 5, &data);
    make_branch(2, "t", 6, &data);
    begin(page(4), 4, LEAF, 2, &data);
    make_leaf(page(4), 0, 0, LIT("b"), LIT("1"), &data);
    make_leaf(page(4), 1, 0, LIT("c"), LIT(""), &data);
    begin(page(5), 5, LEAF, 2, &data);
    make_leaf(page(5), 0, 0, LIT("k"), LIT("333"), &data);
    make_leaf(page(5), 1, 0, LIT("s\0s"), LIT("4"), &data);
    begin(page(6), 6, LEAF, 2, &data);
    put(page(6) + OVERFLOW_AT, 4, 2);
    memset(large, 'x', sizeof large);
    make_leaf(page(6), 0, 0, LIT("t"), bytes_of(large, sizeof large), &data);
    make_leaf(page(6), 1, 0, LIT("u"), LIT("6"), &data);
}

/* An inline bucket of one entry, of which so many bytes are there. */
static void make_inline(size_t len) {
    unsigned char value[16 + 64] = {0}, *in = value + 16, *data;

    begin(in, 0, LEAF, 1, &data);
    make_leaf(in, 0, 0, LIT("one"), LIT("value"), &data);
    begin(page(2), 2, LEAF, 1, &data);
    make_leaf(page(2), 0, 1, LIT("k6"), bytes_of(value, len), &data);
}

/* -- Reading it --------------------------------------------------------------- */

static int read_bytes(void *context, void *out, size_t size, uint64_t at) {
    (void)context;
    if (++file.reads == file.fail_at)
        return xkv__fail(XKV_E_SNAPSHOT_IO, "the disk is gone");
    MUST(size > 0 && at <= file.size && size <= file.size - at);
    memcpy(out, file.bytes + at, size);
    return XKV_OK;
}

/* What was visited: the keys, with the length of each value. */
static struct {
    char text[200];
    int fail_at, visits;
} seen;

static int see(void *context, xkv_bytes key, xkv_bytes value) {
    MUST(context == &seen);
    size_t len = strlen(seen.text);
    if (++seen.visits == seen.fail_at)
        return XKV_E_STORE_READ_ONLY;
    snprintf(seen.text + len, sizeof seen.text - len, "%.*s:%zu ", (int)key.len,
             (const char *)key.data, value.len);
    return XKV_OK;
}

static int read_all(void) {
    xkv__bolt *bolt = NULL;
    int error = xkv__bolt_open(&bolt, read_bytes, NULL, file.size);

    MUST((error == XKV_OK) == (bolt != NULL));
    seen.text[0] = '\0';
    seen.visits = 0;
    if (error == XKV_OK)
        error = xkv__bolt_walk(bolt, see, &seen);
    xkv__bolt_close(bolt);
    return error;
}

static void assert_reads(const char *text) {
    int error = read_all();

    if (error != XKV_OK)
        fail_msg("%s", xkv__reason(error));
    assert_string_equal(seen.text, text);
    assert_int_equal(heap.live, 0);
}

static const char all[] = "b:1 c:0 k:3 s:1 t:2048 u:1 ";

static void test_sound(void **state) {
    (void)state;
    make_file();
    assert_reads(all);
    make_inline(16 + HEADER + ELEMENT + 8);
    assert_reads("one:5 ");
    make_file();
    put(page(4) + COUNT_AT, 2, 0); /* a root without entries */
    make_bucket(2, 4);
    assert_reads("");
}

/* -- Damage ------------------------------------------------------------------ */

#define EDIT(name, ...)                                                                            \
    static void name(void) {                                                                       \
        __VA_ARGS__;                                                                               \
    }

EDIT(wrong_number, put(page(5), 8, 4))
EDIT(wrong_kind, put(page(5) + FLAGS_AT, 2, 16))
EDIT(two_kinds, put(page(5) + FLAGS_AT, 2, 3))
EDIT(no_entries, put(page(5) + COUNT_AT, 2, 0))
EDIT(no_children, put(page(3) + COUNT_AT, 2, 0))
EDIT(fewer_entries, put(page(5) + COUNT_AT, 2, 1))
EDIT(more_entries, put(page(5) + COUNT_AT, 2, 3))
EDIT(too_many_entries, put(page(5) + COUNT_AT, 2, 64))
EDIT(wrong_place, put(element(page(5), 1) + 4, 4, get(element(page(5), 1) + 4, 4) + 1))
EDIT(endless_place, put(element(page(5), 0) + 4, 4, UINT32_MAX))
EDIT(longer_key, put(element(page(5), 0) + 8, 4, 2))
EDIT(longer_value, put(element(page(5), 0) + 12, 4, 4))
EDIT(value_over_end, put(element(page(5), 1) + 12, 4, PAGE))
EDIT(endless_value, put(element(page(5), 1) + 12, 4, UINT32_MAX))
EDIT(endless_both, put(element(page(5), 1) + 8, 8, UINT64_MAX))
EDIT(branch_key_over_end, put(element(page(3), 2) + 4, 4, PAGE))
EDIT(branch_key_moved, put(element(page(3), 1), 4, 1))
EDIT(empty_key, put(element(page(4), 1) + 8, 4, 0))
EDIT(unknown_kind, put(element(page(5), 1), 4, 2))
EDIT(keys_turned, page(5)[HEADER + 2 * ELEMENT] = 'z')
EDIT(key_below_bound, page(5)[HEADER + 2 * ELEMENT] = 'j')
EDIT(key_is_next_bound, page(5)[HEADER + 2 * ELEMENT + 4] = 't';
     put(element(page(5), 1) + 8, 8, 1 | UINT64_C(3) << 32))
EDIT(child_twice, put(element(page(3), 2) + 8, 8, 5))
EDIT(child_itself, put(element(page(3), 0) + 8, 8, 3))
EDIT(child_is_meta, put(element(page(3), 1) + 8, 8, 1))
EDIT(child_beyond_end, put(element(page(3), 1) + 8, 8, PAGES - 1))
EDIT(child_far_away, put(element(page(3), 1) + 8, 8, UINT64_MAX))
EDIT(overflow_beyond_end, put(page(6) + OVERFLOW_AT, 4, PAGES - 1 - 6))
EDIT(endless_overflow, put(page(6) + OVERFLOW_AT, 4, UINT32_MAX))
EDIT(overflow_too_short, put(page(6) + OVERFLOW_AT, 4, 1))
EDIT(leaf_cut, file.size = 5 * PAGE + 100)
EDIT(overflow_cut, file.size = 9 * PAGE - 1)
EDIT(entry_among_buckets, put(element(page(2), 0), 4, 0))
EDIT(bucket_without_root, make_inline(15))
EDIT(inline_without_page, make_inline(16))
EDIT(inline_cut_in_header, make_inline(16 + 10))
EDIT(inline_cut, make_inline(16 + HEADER + ELEMENT + 7))
EDIT(inline_branch, make_inline(80); put(page(2) + HEADER + ELEMENT + 2 + 16 + FLAGS_AT, 2, BRANCH))
EDIT(nested, put(element(page(5), 1), 4, 1))
EDIT(other_name, page(2)[HEADER + ELEMENT] = '\n')
EDIT(no_buckets, put(page(2) + COUNT_AT, 2, 0))

/* Of all that can be said about meta pages, in both. */
static void in_metas(size_t at, size_t size, uint64_t number) {
    for (unsigned i = 0; i < 2; i++) {
        put(page(i) + at, size, number);
        sum(i);
    }
}

EDIT(both_metas, page(0)[72] ^= 1; page(1)[72] ^= 1)
EDIT(not_bolt, in_metas(16, 4, 0xBEEFC0DE))
EDIT(turned_bytes, in_metas(16, 4, 0xEDDA0CED))
EDIT(version_3, in_metas(20, 4, 3))
EDIT(small_pages, in_metas(24, 4, 256))
EDIT(odd_pages, in_metas(24, 4, PAGE + 2))
EDIT(large_pages, in_metas(24, 4, 1 << 17))
EDIT(no_root, in_metas(32, 8, 0))
EDIT(root_is_meta, in_metas(32, 8, 1))
EDIT(no_pages, in_metas(56, 8, 0))
EDIT(cut_in_meta, file.size = 79)
EDIT(nothing, file.size = 0)

static const struct {
    void (*edit)(void);
    const char *says;
} rules[] = {
    {wrong_number, "page 5 of the BoltDB file is damaged: it has another number"},
    {wrong_kind, "page 5 of the BoltDB file is damaged: it is neither"},
    {two_kinds, "page 5 of the BoltDB file is damaged: it is neither"},
    {no_entries, "page 5 of the BoltDB file is damaged: it has no entries"},
    {no_children, "page 3 of the BoltDB file is damaged: it has no entries"},
    {fewer_entries, "side by side"},
    {more_entries, "side by side"},
    {too_many_entries, "page 5 of the BoltDB file is damaged: it has more entries"},
    {wrong_place, "side by side"},
    {endless_place, "side by side"},
    {longer_key, "side by side"},
    {longer_value, "side by side"},
    {value_over_end, "page 5 of the BoltDB file is damaged: an entry reaches beyond its end"},
    {endless_value, "an entry reaches beyond its end"},
    {endless_both, "an entry reaches beyond its end"},
    {branch_key_over_end, "page 3 of the BoltDB file is damaged: an entry reaches beyond its end"},
    {branch_key_moved, "page 3 of the BoltDB file is damaged: its entries do not lie side by side"},
    {empty_key, "page 4 of the BoltDB file is damaged: a key has an impossible length"},
    {unknown_kind, "page 5 of the BoltDB file is damaged: an entry is of an unknown kind"},
    {keys_turned, "page 5 of the BoltDB file is damaged: its keys are out of order"},
    {key_below_bound, "page 5 of the BoltDB file is damaged: its keys are out of order"},
    {key_is_next_bound, "page 3 of the BoltDB file is damaged: its keys are out of order"},
    {child_twice, "page 5 of the BoltDB file is damaged: its keys are out of order"},
    {child_itself, "more pages are used than there are"},
    {child_is_meta, "page 1 of the BoltDB file is damaged: it lies outside"},
    {child_beyond_end, "page 11 of the BoltDB file is damaged: it lies outside"},
    {child_far_away, "it lies outside"},
    {overflow_beyond_end, "page 6 of the BoltDB file is damaged: it lies outside"},
    {endless_overflow, "page 6 of the BoltDB file is damaged: it lies outside"},
    {overflow_too_short, "page 6 of the BoltDB file is damaged: an entry reaches beyond its end"},
    {leaf_cut, "page 5 of the BoltDB file is damaged: the file was cut short"},
    {overflow_cut, "page 6 of the BoltDB file is damaged: the file was cut short"},
    {entry_among_buckets, "page 2 of the BoltDB file is damaged: there is an entry outside"},
    {bucket_without_root, "page 2 of the BoltDB file is damaged: a bucket has no root"},
    {inline_without_page, "page 2 of the BoltDB file is damaged: the bucket within it"},
    {inline_cut_in_header, "page 2 of the BoltDB file is damaged: the bucket within it"},
    {inline_cut, "page 2 of the BoltDB file is damaged: an entry reaches beyond its end"},
    {inline_branch, "page 2 of the BoltDB file is damaged: the bucket within it"},
    {nested, "the bucket \"k6\" of the BoltDB file has another bucket within it, \"s"},
    {other_name, "has 1 other buckets: \"\\"},
    {no_buckets, "no bucket \"k6\", nor any other"},
    {both_metas, "both meta pages"},
    {not_bolt, "it is not a BoltDB file"},
    {turned_bytes, "another byte order"},
    {version_3, "version 3; only 2 is known"},
    {small_pages, "pages of 256 bytes"},
    {odd_pages, "pages of 1026 bytes"},
    {large_pages, "pages of 131072 bytes"},
    {no_root, "page 0 of the BoltDB file is damaged: it has no root"},
    {root_is_meta, "page 1 of the BoltDB file is damaged: it lies outside"},
    {no_pages, "page 2 of the BoltDB file is damaged: it lies outside"},
    {cut_in_meta, "it is not a BoltDB file"},
    {nothing, "it is not a BoltDB file"},
};

static void test_damage(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(rules); i++) {
        make_file();
        rules[i].edit();
        int error = read_all();
        assert_int_equal(heap.live, 0);
        const char *reason = xkv__reason(error);
        if (error != XKV_E_SNAPSHOT_READ || !strstr(reason, rules[i].says))
            fail_msg("rule %zu: \"%s\" does not say \"%s\"", i, reason, rules[i].says);
    }
}

/* A branch that leads to itself by its first element, with as many pages as one likes. */
static void test_depth(void **state) {
    (void)state;
    make_file();
    put(element(page(3), 0) + 8, 8, 3);
    in_metas(56, 8, 1000);
    assert_int_equal(read_all(), XKV_E_SNAPSHOT_READ);
    assert_non_null(strstr(xkv__reason(XKV_E_SNAPSHOT_READ),
                           "page 3 of the BoltDB file is damaged: "
                           "it lies too deep"));
}

/* -- Meta pages ----------------------------------------------------------------- */

/* The newer one counts, the other one if that is damaged, wherever it lies. */
static void test_metas(void **state) {
    (void)state;
    for (unsigned newer = 0; newer < 2; newer++) {
        make_file();
        make_bucket(9, 4);
        make_meta(newer, 8, 9);
        assert_reads("b:1 c:0 ");
        page(newer)[40] ^= 1;
        assert_reads(all);
        sum(newer);
        page(1 - newer)[40] ^= 1;
        assert_reads("b:1 c:0 ");
    }
}

/* Only at the size of pages that it names. */
static void test_second_meta_elsewhere(void **state) {
    (void)state;
    make_file();
    memcpy(page(2), page(1), PAGE);
    page(0)[40] ^= 1;
    page(1)[40] ^= 1;
    assert_int_equal(read_all(), XKV_E_SNAPSHOT_READ);
}

/* Which beginnings are BoltDB files. */
static void test_is_bolt(void **state) {
    (void)state;
    make_file();
    assert_true(xkv__is_bolt(bytes_of(file.bytes, XKV__BOLT_BEGINNING)));
    assert_false(xkv__is_bolt(bytes_of(file.bytes, XKV__BOLT_BEGINNING - 1)));
    turned_bytes();
    assert_true(xkv__is_bolt(bytes_of(file.bytes, XKV__BOLT_BEGINNING)));
    not_bolt();
    assert_false(xkv__is_bolt(bytes_of(file.bytes, XKV__BOLT_BEGINNING)));
    assert_false(xkv__is_bolt(NOTHING));
}

/* Of two buckets "k6" counts, though the other one comes first; which is read if it is alone. */
static void test_two_buckets(void **state) {
    unsigned char header[2][16] = {{4}, {5}}, *data;

    (void)state;
    make_file();
    for (unsigned count = 2; count > 0; count--) {
        begin(page(2), 2, LEAF, count, &data);
        make_leaf(page(2), 0, 1, LIT(".k6.kv"), bytes_of(header[0], 16), &data);
        if (count == 2)
            make_leaf(page(2), 1, 1, LIT("k6"), bytes_of(header[1], 16), &data);
        assert_reads(count == 2 ? "k:3 s:1 " : "b:1 c:0 ");
    }
}

/* -- Failures ---------------------------------------------------------------- */

static void test_visit_fails(void **state) {
    (void)state;
    make_file();
    seen.fail_at = 4;
    int error = read_all();
    seen.fail_at = 0;
    assert_int_equal(error, XKV_E_STORE_READ_ONLY);
    assert_string_equal(seen.text, "b:1 c:0 k:3 ");
}

static void test_reads_fail(void **state) {
    int error = XKV_E_INTERNAL;

    (void)state;
    make_file();
    for (unsigned n = 1; error != XKV_OK; n++) {
        file.reads = 0;
        file.fail_at = n;
        error = read_all();
        assert_int_equal(error, file.reads < n ? XKV_OK : XKV_E_SNAPSHOT_IO);
        assert_int_equal(heap.live, 0);
    }
    assert_true(file.reads >= 8);
}

static void test_without_memory(void **state) {
    int error = XKV_E_INTERNAL;

    (void)state;
    for (unsigned kind = 0; kind < 2; kind++, error = XKV_E_INTERNAL) {
        make_file();
        if (kind == 1)
            make_inline(80);
        for (long n = 1; error != XKV_OK; n++) {
            heap_fail_at(n, n % 2);
            error = read_all();
            assert_int_equal(error, heap_failed() ? XKV_E_STORE_FULL : XKV_OK);
            assert_int_equal(heap.live, 0);
        }
        assert_string_equal(seen.text, kind == 0 ? all : "one:5 ");
    }
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),       cmocka_unit_test(test_damage),
        cmocka_unit_test(test_depth),       cmocka_unit_test(test_metas),
        cmocka_unit_test(test_is_bolt),     cmocka_unit_test(test_second_meta_elsewhere),
        cmocka_unit_test(test_two_buckets), cmocka_unit_test(test_visit_fails),
        cmocka_unit_test(test_reads_fail),  cmocka_unit_test(test_without_memory),
    };

    (void)argc;
    test_begin(argv);
    xkv_set_hooks(&heap_hooks);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
