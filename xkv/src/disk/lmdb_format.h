/*
 * lmdb_format.h - the layout of an LMDB file, as far as it is checked
 *
 * That of LMDB 0.9 with 64-bit words, data version 1: pages of one size, all
 * numbers in the machine's byte order. Pages 0 and 1 are meta pages, of which the
 * one with the newer transaction counts.
 */
#ifndef XKV_DISK_LMDB_FORMAT_H
#define XKV_DISK_LMDB_FORMAT_H

#include "base/bytes.h"

/* Of meta pages, at META_MAGIC_AT, and of lock files, at their beginning. */
#define LMDB_MAGIC UINT32_C(0xBEEFC0DE)

/* In the place of a page's number. */
#define NO_PAGE UINT64_MAX

enum {
    PAGE_HEADER = 16, /* number (8), pad (2), flags (2), lower (2), upper (2) */
    PAGE_FLAGS_AT = 10,
    PAGE_LOWER_AT = 12,
    PAGE_UPPER_AT = 14,
    PAGE_COUNT_AT = 12, /* overflow pages: how many follow each other (4) */
    PAGE_BRANCH = 1,
    PAGE_LEAF = 2,
    PAGE_OVERFLOW = 4,

    NODE_HEADER = 8, /* low (2), high (2), flags (2), key size (2) */
    NODE_BIG = 1,    /* the data is on overflow pages */
    NODE_TREE = 2,   /* the data describes a named database */

    TREE_FLAGS_AT = 4,
    TREE_SIZE = 48, /* pad (4), flags (2), depth (2), branches, leaves, overflows, entries, root */
    TREE_DEPTH_AT = 6,
    TREE_BRANCHES_AT = 8,
    TREE_LEAVES_AT = 16,
    TREE_OVERFLOWS_AT = 24,
    TREE_ENTRIES_AT = 32,
    TREE_ROOT_AT = 40,
    TREE_INTEGER_KEYS = 8,
    TREE_KINDS = 0x7F, /* flags of keys and duplicates; the rest are the file's */

    META_MAGIC_AT = 16,
    META_VERSION_AT = 20,
    META_VERSION = 1,
    META_FREE_AT = 40,      /* the tree of free pages, */
    META_PAGE_SIZE_AT = 40, /* whose pad is the size of pages, */
    META_FLAGS_AT = 44,     /* and whose flags are those of the file, too; */
    META_MAIN_AT = 88,      /* the tree of named databases */
    META_LAST_AT = 136,     /* the number of the last page */
    META_TXN_AT = 144,
    META_SIZE = 152,
    META_FIXED_MAP = 1, /* in its flags: LMDB would map the file to wherever the page says */

    LMDB_KEY_MAX = 511
};

#endif
