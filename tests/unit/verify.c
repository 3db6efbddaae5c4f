/*
 * verify.c - each rule of the structure check: a sound LMDB file is edited so that
 * one of them is broken, and no other that is looked at before
 */
#include "verify_file.h"

#include "local/backend.h"

/* -- The rules --------------------------------------------------------------- */

/* Pages. */

static void child_twice(void) {
    memcpy(node(root(data_tree()), 2), node(root(data_tree()), 1), 6);
}

static void run_twice(void) {
    set(data_of(find("big2")), 8, get(data_of(find("big1")), 8));
}

static void run_over_leaf(void) { /* the run's own second page is that of a leaf now */
    uint64_t after = get(run_of("big1"), 8) + 1;
    unsigned char *at = node(root(data_tree()), 1);

    memcpy(page(after), leaf(1), PAGE);
    set(page(after), 8, after);
    set(at, 4, after);
}

static void leaf_is_free(void) {
    unsigned char *list = free_list(true);
    uint64_t count = get(list, 8), used = get(leaf(0), 8);

    for (uint64_t i = 2; i <= count; i++) { /* where it does not disturb the order */
        if (get(list + 8 * (i - 1), 8) > used &&
            (i == count || get(list + 8 * (i + 1), 8) < used)) {
            set(list + 8 * i, 8, used);
            return;
        }
    }
    MUST(!"there is a place for it");
}

static void free_twice(void) {
    unsigned char *one = free_list(false), *in = root(free_tree());

    for (unsigned i = 0; i < nodes_of(in); i++) { /* in two lists */
        unsigned char *other = data_of(node(in, i));
        if (get(node(in, i) + KIND_AT, 2) == 1 || other == one)
            continue;
        set(one, 8, 1);
        set(other, 8, 1);
        set(other + 8, 8, get(one + 8, 8));
        return;
    }
    MUST(!"there are two lists");
}

static void child_beyond_end(void) {
    set(node(root(data_tree()), 1), 6, last_page() + 1);
}

static void child_is_meta(void) {
    set(node(root(data_tree()), 1), 6, 1);
}

static void free_beyond_end(void) {
    set(free_list(false) + 8, 8, last_page() + 1);
}

static void file_cut(void) {
    file.size = 3 * PAGE;
}

static void file_cut_in_meta(void) {
    file.size = 100;
}

static void wrong_number(void) {
    add(leaf(1), 8, 1);
}

static void leaf_is_branch(void) {
    set(leaf(1) + 10, 2, 1);
}

static void branch_is_leaf(void) {
    set(root(data_tree()) + 10, 2, 2);
}

static void lower_in_header(void) {
    set(leaf(1) + 12, 2, HEADER - 2);
}

static void lower_odd(void) {
    add(leaf(1) + 12, 2, 1);
}

static void lower_above_upper(void) {
    set(leaf(1) + 12, 2, get(leaf(1) + 14, 2) / 2 * 2 + 2);
}

static void upper_above_end(void) {
    set(leaf(1) + 14, 2, PAGE + 2);
}

static void empty_leaf(void) {
    set(leaf(1) + 12, 2, HEADER);
}

static void branch_of_one(void) {
    set(root(data_tree()) + 12, 2, HEADER + 2);
}

/* Nodes. */

static void same_node_twice(void) {
    memcpy(pointer(leaf(1), 1), pointer(leaf(1), 0), 2);
}

static void nodes_that_overlap(void) { /* one is longer, another one shorter */
    unsigned char *in = leaf(1);

    add(node(in, 1) + SIZE_AT, 2, 4);
    add(node(in, 2) + SIZE_AT, 2, -4);
}

static void node_over_end(void) {
    unsigned char *in = leaf(1), *high = node(in, 0);

    for (unsigned i = 1; i < nodes_of(in); i++)
        high = node(in, i) > high ? node(in, i) : high;
    add(high + SIZE_AT, 2, 4);
}

static void node_below_upper(void) {
    set(pointer(leaf(1), 1), 2, get(leaf(1) + 14, 2) - 2);
}

static void node_at_odd_place(void) {
    add(pointer(leaf(1), 1), 2, 1);
}

static void node_at_end(void) {
    set(pointer(leaf(1), 1), 2, PAGE - 4);
}

static void gap(void) {
    add(node(leaf(1), 1) + SIZE_AT, 2, -4);
}

static void upper_too_low(void) {
    add(leaf(1) + 14, 2, -2);
}

static void unknown_kind(void) {
    set(node(leaf(1), 1) + KIND_AT, 2, 4);
}

static void tree_among_data(void) {
    set(node(leaf(1), 1) + KIND_AT, 2, 2);
}

static void tree_among_free(void) {
    set(free_node(false) + KIND_AT, 2, 2);
}

static void tree_of_duplicates(void) {
    set(data_tree() + FLAGS_AT, 2, 4);
}

static void name_without_tree(void) {
    set(name_node(0) + KIND_AT, 2, 4);
}

static void tree_too_small(void) { /* and its key so much longer */
    add(name_node(0) + SIZE_AT, 2, -2);
    add(name_node(0) + KEY_LEN_AT, 2, 2);
}

/* Keys. */

static void equal_keys(void) {
    memcpy(node(leaf(1), 1) + KEY_AT, node(leaf(1), 0) + KEY_AT, get(node(leaf(1), 0) + 6, 2));
}

static void keys_turned(void) {
    unsigned char *in = leaf(1), at[2];

    memcpy(at, pointer(in, 1), 2);
    memcpy(pointer(in, 1), pointer(in, 2), 2);
    memcpy(pointer(in, 2), at, 2);
}

static unsigned char *last_node(unsigned char *in) {
    return node(in, nodes_of(in) - 1);
}

static void key_equal_to_bound(void) { /* of the leaf behind it */
    unsigned char *bound = node(root(data_tree()), 2);

    MUST(get(bound + KEY_LEN_AT, 2) == get(last_node(leaf(1)) + KEY_LEN_AT, 2));
    memcpy(last_node(leaf(1)) + KEY_AT, bound + KEY_AT, get(bound + KEY_LEN_AT, 2));
}

static void key_below_bound(void) {
    node(leaf(2), 0)[KEY_AT] = 'a';
}

static void empty_key(void) { /* and so much more data */
    unsigned char *at = node(leaf(1), 1);

    add(at + SIZE_AT, 2, (int)get(at + KEY_LEN_AT, 2));
    set(at + KEY_LEN_AT, 2, 0);
}

static void key_too_long(void) {
    unsigned char *at = find("wide");

    add(at + SIZE_AT, 2, (int)get(at + KEY_LEN_AT, 2) - 512);
    set(at + KEY_LEN_AT, 2, 512);
}

static void short_number(void) {
    add(free_node(false) + KEY_LEN_AT, 2, -2);
    add(free_node(false) + SIZE_AT, 2, 2);
}

static void numbers_turned(void) {
    unsigned char *in = root(free_tree()), *one = node(in, 0) + KEY_AT,
                  *other = node(in, 1) + KEY_AT;
    uint64_t number = get(one, 8);

    set(one, 8, get(other, 8));
    set(other, 8, number);
}

/* Large values. */

static void run_too_short(void) {
    add(run_of("big1") + 12, 4, -1);
}

static void run_too_long(void) {
    set(run_of("big1") + 12, 4, last_page());
}

static void run_longer_by_one(void) { /* into what is somebody else's */
    add(run_of("big1") + 12, 4, 1);
}

static void value_longer_than_run(void) {
    add(find("big1") + SIZE_AT, 2, 3 * PAGE);
}

static void value_beyond_end(void) {
    set(find("big1") + SIZE_AT + 2, 2, 0x1000);
}

static void run_beyond_end(void) {
    set(data_of(find("big1")), 8, last_page() + 1);
}

static void run_without_number(void) {
    add(run_of("big1"), 8, 1);
}

static void run_of_another_kind(void) {
    set(run_of("big1") + 10, 2, 2);
}

static void run_cut(void) { /* by the end of the file, which comes before that of the list */
    file.size = (get(run_of("big1"), 8) + 1) * PAGE;
}

/* Free pages. */

static void free_pages_turned(void) {
    unsigned char *list = free_list(false);
    uint64_t number = get(list + 8, 8);

    set(list + 8, 8, get(list + 16, 8));
    set(list + 16, 8, number);
}

static void free_page_repeated(void) {
    set(free_list(true) + 16, 8, get(free_list(true) + 8, 8));
}

static void free_pages_turned_late(void) { /* beyond what is read at once */
    unsigned char *list = free_list(true);
    uint64_t number = get(list + 8 * 64, 8);

    MUST(get(list, 8) > 130);
    set(list + 8 * 64, 8, get(list + 8 * 65, 8));
    set(list + 8 * 65, 8, number);
}

static void free_list_too_long(void) {
    set(free_list(false), 8, get(free_node(false) + SIZE_AT, 2) / 8);
}

static void free_list_endless(void) {
    set(free_list(true), 8, UINT64_MAX);
}

static void free_list_without_count(void) {
    set(free_node(true) + SIZE_AT, 4, 4);
}

/* Trees. */

static void too_deep(void) {
    set(data_tree() + DEPTH_AT, 2, 17);
}

static void depth_without_root(void) {
    set(data_of(name_node(1)) + DEPTH_AT, 2, 1);
}

static void root_without_depth(void) {
    set(data_tree() + DEPTH_AT, 2, 0);
}

static void deeper(void) {
    add(data_tree() + DEPTH_AT, 2, 1);
}

static void more_branches(void) {
    add(data_tree() + BRANCHES_AT, 8, 1);
}

static void fewer_leaves(void) {
    add(data_tree() + LEAVES_AT, 8, -1);
}

static void more_overflows(void) {
    add(data_tree() + OVERFLOWS_AT, 8, 1);
}

static void fewer_entries(void) {
    add(data_tree() + ENTRIES_AT, 8, -1);
}

static void more_names(void) {
    add(main_tree() + ENTRIES_AT, 8, 1);
}

static void fewer_lists(void) {
    add(free_tree() + ENTRIES_AT, 8, -1);
}

static void free_by_text(void) {
    set(free_tree() + FLAGS_AT, 2, 0);
}

static void names_by_number(void) {
    set(main_tree() + FLAGS_AT, 2, 8);
}

#define FOREIGN "another program"

static const struct {
    void (*edit)(void);
    const char *says;
} rules[] = {
    {child_twice, "a page is used twice"},
    {run_twice, "a page is used twice"},
    {run_over_leaf, "a page is used twice"},
    {leaf_is_free, "a page is used twice"},
    {free_twice, "a page is used twice"},
    {child_beyond_end, "a page that does not exist"},
    {child_is_meta, "a page that does not exist"},
    {free_beyond_end, "a page that does not exist"},
    {file_cut, "cut short"},
    {file_cut_in_meta, "cut short"},
    {wrong_number, "a page has a wrong number"},
    {leaf_is_branch, "a page is of the wrong kind"},
    {branch_is_leaf, "a page is of the wrong kind"},
    {lower_in_header, "bounds are wrong"},
    {lower_odd, "bounds are wrong"},
    {lower_above_upper, "bounds are wrong"},
    {upper_above_end, "bounds are wrong"},
    {empty_leaf, "too few nodes"},
    {branch_of_one, "too few nodes"},
    {same_node_twice, "nodes of a page overlap"},
    {nodes_that_overlap, "nodes of a page overlap"},
    {node_over_end, "nodes of a page overlap"},
    {node_below_upper, "lies outside its page"},
    {node_at_odd_place, "lies outside its page"},
    {node_at_end, "lies outside its page"},
    {gap, "gaps between its nodes"},
    {upper_too_low, "gaps between its nodes"},
    {unknown_kind, FOREIGN},
    {tree_among_data, FOREIGN},
    {tree_among_free, "a node has unknown flags"},
    {tree_of_duplicates, FOREIGN},
    {name_without_tree, FOREIGN},
    {tree_too_small, FOREIGN},
    {equal_keys, "keys are out of order"},
    {keys_turned, "keys are out of order"},
    {key_equal_to_bound, "keys are out of order"},
    {key_below_bound, "keys are out of order"},
    {empty_key, "a key has an impossible length"},
    {key_too_long, "a key has an impossible length"},
    {short_number, "a key has an impossible length"},
    {numbers_turned, "keys are out of order"},
    {run_too_short, "first page of a large value"},
    {run_too_long, "first page of a large value"},
    {run_longer_by_one, "a page is used twice"},
    {value_longer_than_run, "first page of a large value"},
    {value_beyond_end, "reaches beyond the end"},
    {run_beyond_end, "reaches beyond the end"},
    {run_without_number, "first page of a large value"},
    {run_of_another_kind, "first page of a large value"},
    {run_cut, "cut short"},
    {free_pages_turned, "free pages is out of order"},
    {free_page_repeated, "free pages is out of order"},
    {free_pages_turned_late, "free pages is out of order"},
    {free_list_too_long, "free pages is too long"},
    {free_list_endless, "free pages is too long"},
    {free_list_without_count, "free pages is damaged"},
    {too_deep, "impossible depth"},
    {depth_without_root, "impossible depth"},
    {root_without_depth, "impossible depth"},
    {deeper, "of the wrong kind"},
    {more_branches, "counts are wrong"},
    {fewer_leaves, "counts are wrong"},
    {more_overflows, "counts are wrong"},
    {fewer_entries, "counts are wrong"},
    {more_names, "counts are wrong"},
    {fewer_lists, "counts are wrong"},
    {free_by_text, FOREIGN},
    {names_by_number, FOREIGN},
};

static void test_sound_file(void **state) {
    const uint32_t one = 1;

    (void)state;
    assert_int_equal(*(const unsigned char *)&one, 1);
    restore();
    assert_int_equal(get(data_tree() + DEPTH_AT, 2), 2);
    assert_true(nodes_of(root(data_tree())) >= LEAVES_MIN);
    assert_true(get(node(root(free_tree()), 0) + KEY_AT, 8) < 256 && file.txn > 260);
    assert_int_equal(verify(), XKV_OK);
    assert_int_equal(verify_as_of(file.txn + 1), XKV__RETRY);
}

static void test_each_rule(void **state) {
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(rules); i++) {
        restore();
        rules[i].edit();
        int code = verify();
        const char *why = xkv__reason(code);
        bool foreign = strcmp(rules[i].says, FOREIGN) == 0;
        if (code == (foreign ? XKV_E_DISK_STORE_OPEN : XKV_E_DISK_STORE_CORRUPT) &&
            strstr(why, rules[i].says))
            continue;
        fprintf(stderr, "rule %zu: \"%s\", not \"%s\"\n", i, code ? why : "sound", rules[i].says);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

/* What fails is not the file. */
static void test_failing_reads(void **state) {
    int code = XKV_E_DISK_STORE_READ;

    (void)state;
    for (int n = 0; code != XKV_OK; n++) {
        restore();
        file.reads_left = n;
        code = verify();
        assert_true(code == XKV_E_DISK_STORE_READ || (code == XKV_OK && file.reads_left >= 0));
        restore();
        file.reads_left = n;
        file.short_reads = true;
        assert_int_equal(verify(), code == XKV_OK ? XKV_OK : XKV_E_DISK_STORE_CORRUPT);
    }
    restore();
    file.unknown = true;
    assert_int_equal(verify(), XKV_E_DISK_STORE_READ);
}

static void test_without_memory(void **state) {
    int code = XKV_E_STORE_FULL;

    (void)state;
    restore();
    for (long n = 1; code != XKV_OK; n++) {
        heap_fail_at(n, false);
        code = verify();
        assert_int_equal(code, heap_failed() ? XKV_E_STORE_FULL : XKV_OK);
    }
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound_file),
        cmocka_unit_test(test_each_rule),
        cmocka_unit_test(test_failing_reads),
        cmocka_unit_test(test_without_memory),
    };

    (void)argc;
    test_begin(argv);
    make_sound();
    xkv_set_hooks(&heap_hooks);
    xkv__files.read_at = read_edited;
    xkv__files.examine = examine_edited;
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    free(file.bytes);
    free(file.sound);
    return test_end(failures);
}
