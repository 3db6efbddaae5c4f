/*
 * lmdb_api.c - our declarations of LMDB's functions are LMDB's
 *
 * The compiler compares them: prototypes stand here once more behind LMDB's own; a
 * macro must not be defined twice with two meanings; for types there are assertions.
 * Those of ours would clash, so they get other names here: macros and functions that
 * are added to lmdb_api.h are compared by themselves, and whoever adds a type is
 * reminded by an error.
 *
 * "make check" compiles this with the header of the system's LMDB, too.
 */
#include "../support.h"

#include <lmdb.h>

/* Functions. The types are LMDB's. */
#include "disk/lmdb_functions.h"

/* Types, with names of their own. */
#define MDB_val       ours_MDB_val
#define MDB_stat      ours_MDB_stat
#define MDB_envinfo   ours_MDB_envinfo
#define MDB_cursor_op ours_MDB_cursor_op
#define MDB_FIRST     ours_MDB_FIRST
#define MDB_LAST      ours_MDB_LAST
#define MDB_NEXT      ours_MDB_NEXT
#define MDB_SET_KEY   ours_MDB_SET_KEY
#define MDB_SET_RANGE ours_MDB_SET_RANGE
#include "disk/lmdb_api.h"
#undef MDB_val
#undef MDB_stat
#undef MDB_envinfo
#undef MDB_cursor_op
#undef MDB_FIRST
#undef MDB_LAST
#undef MDB_NEXT
#undef MDB_SET_KEY
#undef MDB_SET_RANGE

#define SAME_SIZE(type) _Static_assert(sizeof(ours_##type) == sizeof(type), #type)
#define SAME_OP(op)     _Static_assert((int)ours_##op == (int)op, #op)
#define SAME_FIELD(type, field)                                                                    \
    _Static_assert(offsetof(ours_##type, field) == offsetof(type, field) &&                        \
                       sizeof(((ours_##type *)NULL)->field) == sizeof(((type *)NULL)->field),      \
                   #type "." #field)

SAME_SIZE(MDB_val);
SAME_FIELD(MDB_val, mv_size);
SAME_FIELD(MDB_val, mv_data);

SAME_SIZE(MDB_stat);
SAME_FIELD(MDB_stat, ms_psize);
SAME_FIELD(MDB_stat, ms_depth);
SAME_FIELD(MDB_stat, ms_branch_pages);
SAME_FIELD(MDB_stat, ms_leaf_pages);
SAME_FIELD(MDB_stat, ms_overflow_pages);
SAME_FIELD(MDB_stat, ms_entries);

SAME_SIZE(MDB_envinfo);
SAME_FIELD(MDB_envinfo, me_mapaddr);
SAME_FIELD(MDB_envinfo, me_mapsize);
SAME_FIELD(MDB_envinfo, me_last_pgno);
SAME_FIELD(MDB_envinfo, me_last_txnid);
SAME_FIELD(MDB_envinfo, me_maxreaders);
SAME_FIELD(MDB_envinfo, me_numreaders);

SAME_SIZE(MDB_cursor_op);
SAME_OP(MDB_FIRST);
SAME_OP(MDB_LAST);
SAME_OP(MDB_NEXT);
SAME_OP(MDB_SET_KEY);
SAME_OP(MDB_SET_RANGE);

/* What is linked is what the header belongs to, and not another LMDB that was there. */
static void test_version(void **state) {
    int major, minor, patch;

    (void)state;
    assert_string_equal(mdb_version(&major, &minor, &patch), MDB_VERSION_STRING);
    assert_int_equal(MDB_VERINT(major, minor, patch), MDB_VERSION_FULL);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_version)};

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
