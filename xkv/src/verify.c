/*
 * verify.c - the structure of an LMDB file, checked before LMDB trusts it
 *
 * LMDB believes what its pages say. A damaged one sends it to addresses outside
 * the file, and the process ends. So when a store is opened its pages are read
 * once, by plain reads, and everything that LMDB would follow is checked: page
 * numbers, sizes, the places of nodes in their page, the order of keys, the
 * counts, the list of free pages; and that no page is used twice, which also
 * keeps the walk from going round in circles. Values are not read; they have
 * checksums of their own (records.c).
 *
 * Measured on a shared machine: 0.12 s for a million small entries, 143 MB, from
 * the page cache.
 *
 * The layout is that of LMDB 0.9 with 64-bit words, data version 1, in the
 * machine's byte order.
 */
#include "file.h"

#include <sys/stat.h>

enum {
    PAGE_HEADER = 16, /* number (8), pad (2), flags (2), lower (2), upper (2) */
    PAGE_FLAGS_AT = 10,
    PAGE_LOWER_AT = 12,
    PAGE_UPPER_AT = 14,
    PAGE_COUNT_AT = 12, /* overflow pages: how many follow each other (4) */
    FLAG_BRANCH = 1,
    FLAG_LEAF = 2,
    FLAG_OVERFLOW = 4,

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

    META_FREE_AT = 40, /* the tree of free pages, */
    META_MAIN_AT = 88, /* and that of named databases */
    META_LAST_AT = 136,
    META_TXN_AT = 144,
    META_SIZE = 152,

    KEY_MAX = 511,
    DEPTH_MAX = 32
};

static const uint64_t no_page = UINT64_MAX;

/* A walk through the file; what is wrong ends it at once. */
struct walk {
    xkv__file *file;
    const char *wrong; /* static text */
    bool foreign;      /* it is sound, as far as seen, but not of our making */
    int error;         /* set with the reason, if it was not the file's content */
    size_t page_size;
    uint64_t last_page;
    uint64_t pages;                 /* in the file; free ones may lie behind its end */
    unsigned char *seen;            /* a bit per page */
    unsigned char *page[DEPTH_MAX]; /* the one being walked, per level */
    unsigned char *taken;           /* a byte per byte of a page */
};

/* A tree, while it is walked. */
struct tree {
    bool integer_keys, has_names, is_free_list;
    unsigned depth;
    uint64_t branches, leaves, overflows, entries; /* found so far */
    unsigned char key[KEY_MAX];                    /* what the next key must not be less than, */
    size_t key_len;
    bool has_key, equal_allowed; /* nor, unless allowed, equal to */
};

static uint16_t u16(const unsigned char *at) {
    uint16_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

static uint32_t u32(const unsigned char *at) {
    uint32_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

static uint64_t u64(const unsigned char *at) {
    uint64_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

static bool fault(struct walk *walk, const char *what) {
    walk->wrong = what;
    return false;
}

/* -- Pages ------------------------------------------------------------------- */

static bool read_at(struct walk *walk, void *out, size_t size, uint64_t at) {
    int64_t got = xkv__sys.pread(walk->file->fd, out, size, (int64_t)at);

    if (got == (int64_t)size)
        return true;
    if (got >= 0)
        return fault(walk, "it was cut short");
    walk->error = xkv__fail(XKV_E_DISK_STORE_READ, "\"%s\" cannot be read", walk->file->path);
    return false;
}

/* Notes what a page is used for; false if it is for the second time. */
static bool take_page(struct walk *walk, uint64_t number, bool is_free) {
    if (number < 2 || number > walk->last_page)
        return fault(walk, "it refers to a page that does not exist");
    if (number >= walk->pages && !is_free)
        return fault(walk, "it was cut short");
    unsigned char bit = (unsigned char)(1u << (number % 8));
    if (walk->seen[number / 8] & bit)
        return fault(walk, "a page is used twice");
    walk->seen[number / 8] |= bit;
    return true;
}

static bool read_page(struct walk *walk, uint64_t number, unsigned level) {
    if (!take_page(walk, number, false))
        return false;
    if (!walk->page[level])
        walk->page[level] = xkv__alloc(walk->page_size);
    if (!walk->page[level]) {
        walk->error = XKV_E_STORE_FULL;
        return false;
    }
    if (!read_at(walk, walk->page[level], walk->page_size, number * walk->page_size))
        return false;
    return u64(walk->page[level]) == number || fault(walk, "a page has a wrong number");
}

/* The pages of a large value. */
static bool check_overflow(struct walk *walk, struct tree *tree, uint64_t first, uint64_t size) {
    unsigned char header[PAGE_HEADER];
    uint64_t count = (PAGE_HEADER + size + walk->page_size - 1) / walk->page_size;

    if (first > walk->last_page || count > walk->last_page - first + 1)
        return fault(walk, "a large value reaches beyond the end");
    if (!read_at(walk, header, sizeof header, first * walk->page_size))
        return false;
    if (u64(header) != first || u16(header + PAGE_FLAGS_AT) != FLAG_OVERFLOW ||
        u32(header + PAGE_COUNT_AT) < count ||
        u32(header + PAGE_COUNT_AT) > walk->last_page - first + 1)
        return fault(walk, "the first page of a large value is damaged");
    count = u32(header + PAGE_COUNT_AT);
    tree->overflows += count;
    for (uint64_t i = 0; i < count; i++) {
        if (!take_page(walk, first + i, false))
            return false;
    }
    return true;
}

/* -- Keys -------------------------------------------------------------------- */

static int compare_keys(const struct tree *tree, const unsigned char *a, size_t a_len,
                        const unsigned char *b, size_t b_len) {
    if (tree->integer_keys) {
        uint64_t x = u64(a), y = u64(b);
        return (x > y) - (x < y);
    }
    return xkv__compare((xkv_bytes){a, a_len}, (xkv_bytes){b, b_len});
}

/* Checks that a key follows what came before. From a branch it is a bound:
 * the keys before it must be less, those behind it may be equal. */
static bool check_order(struct walk *walk, struct tree *tree, const unsigned char *key, size_t len,
                        bool is_bound) {
    if (len == 0 || len > KEY_MAX || (tree->integer_keys && len != sizeof(uint64_t)))
        return fault(walk, "a key has an impossible length");
    int order = tree->has_key ? compare_keys(tree, key, len, tree->key, tree->key_len) : 1;
    if (order < 0 || (order == 0 && !tree->equal_allowed))
        return fault(walk, "keys are out of order");
    memcpy(tree->key, key, len);
    tree->key_len = len;
    tree->has_key = true;
    tree->equal_allowed = is_bound;
    return true;
}

/* -- Nodes ------------------------------------------------------------------- */

static bool check_tree(struct walk *walk, const unsigned char *record, struct tree *tree);

/* A record of the free list: a count, and that many page numbers, falling. */
static bool check_free_pages(struct walk *walk, uint64_t at, uint64_t size) {
    uint64_t numbers[64], count, before = no_page;

    if (size < sizeof count)
        return fault(walk, "a list of free pages is damaged");
    if (!read_at(walk, &count, sizeof count, at))
        return false;
    if (count > size / sizeof count - 1)
        return fault(walk, "a list of free pages is too long");
    for (uint64_t done = 0; done < count;) {
        uint64_t n = count - done < 64 ? count - done : 64;
        at += done == 0 ? sizeof count : sizeof numbers;
        if (!read_at(walk, numbers, n * sizeof *numbers, at))
            return false;
        for (uint64_t i = 0; i < n; i++) {
            if (numbers[i] >= before)
                return fault(walk, "a list of free pages is out of order");
            if (!take_page(walk, numbers[i], true))
                return false;
            before = numbers[i];
        }
        done += n;
    }
    return true;
}

/* The data of a leaf's node; at is where the data lies in the page. */
static bool check_data(struct walk *walk, struct tree *tree, const unsigned char *page,
                       const unsigned char *node, size_t at) {
    uint64_t size = u16(node) | (uint64_t)u16(node + 2) << 16, place = u64(page);
    unsigned flags = u16(node + 4);

    place = place * walk->page_size + at;
    if (flags & NODE_BIG) {
        uint64_t first = u64(page + at);
        if (!check_overflow(walk, tree, first, size))
            return false;
        place = first * walk->page_size + PAGE_HEADER;
    }
    if (tree->is_free_list)
        return (flags & ~(unsigned)NODE_BIG) == 0 ? check_free_pages(walk, place, size)
                                                  : fault(walk, "a node has unknown flags");
    if (tree->has_names && flags == NODE_TREE && size == TREE_SIZE) {
        struct tree named = {.depth = 0};
        unsigned char record[TREE_SIZE];
        memcpy(record, page + at, sizeof record);
        if (u16(record + TREE_FLAGS_AT) == 0)
            return check_tree(walk, record, &named);
    }
    if ((flags & ~(unsigned)NODE_BIG) == 0)
        return true;
    walk->foreign = true; /* kinds of databases and nodes that we do not use */
    return fault(walk, "a node has unknown flags");
}

/* What a node takes in its page: LMDB keeps nodes at even places. */
static size_t node_size(const unsigned char *node, bool is_branch) {
    size_t data = u16(node) | (size_t)u16(node + 2) << 16;

    if (is_branch)
        data = 0;
    else if (u16(node + 4) & NODE_BIG)
        data = sizeof(uint64_t);
    return (NODE_HEADER + u16(node + 6) + data + 1) / 2 * 2;
}

/* Checks that the nodes of a page lie side by side and fill it to its end: LMDB
 * moves them by what they say of their sizes. */
static bool check_layout(struct walk *walk, const unsigned char *page, unsigned n, bool is_branch) {
    size_t upper = u16(page + PAGE_UPPER_AT), left = walk->page_size - upper;

    memset(walk->taken, 0, walk->page_size);
    for (unsigned i = 0; i < n; i++) {
        size_t at = u16(page + PAGE_HEADER + 2 * i);
        if (at < upper || at % 2 != 0 || at + NODE_HEADER > walk->page_size)
            return fault(walk, "a node lies outside its page");
        size_t size = node_size(page + at, is_branch);
        if (size > left || at + size > walk->page_size || memchr(walk->taken + at, 1, size))
            return fault(walk, "the nodes of a page overlap");
        memset(walk->taken + at, 1, size);
        left -= size;
    }
    return left == 0 || fault(walk, "a page has gaps between its nodes");
}

static bool check_page(struct walk *walk, struct tree *tree, uint64_t number, unsigned level);

static bool check_node(struct walk *walk, struct tree *tree, unsigned level, unsigned i,
                       bool is_branch) {
    const unsigned char *page = walk->page[level];
    size_t at = u16(page + PAGE_HEADER + 2 * i);
    const unsigned char *node = page + at;
    size_t key_len = u16(node + 6);

    /* The first key of a branch means "whatever comes first". */
    if ((!is_branch || i > 0) && !check_order(walk, tree, node + NODE_HEADER, key_len, is_branch))
        return false;
    if (!is_branch) {
        tree->entries++;
        return check_data(walk, tree, page, node, at + NODE_HEADER + key_len);
    }
    uint64_t child = u16(node) | (uint64_t)u16(node + 2) << 16 | (uint64_t)u16(node + 4) << 32;
    return check_page(walk, tree, child, level + 1);
}

/* Levels of the file's own tree and of a named one within it follow each
 * other in walk->page. */
static bool check_page(struct walk *walk, struct tree *tree, uint64_t number, unsigned level) {
    unsigned base = tree->has_names || tree->is_free_list ? 0 : DEPTH_MAX / 2;
    bool is_branch = level + 1 < base + tree->depth;

    if (!read_page(walk, number, level))
        return false;
    const unsigned char *page = walk->page[level];
    unsigned lower = u16(page + PAGE_LOWER_AT), upper = u16(page + PAGE_UPPER_AT);
    if (u16(page + PAGE_FLAGS_AT) != (is_branch ? FLAG_BRANCH : FLAG_LEAF))
        return fault(walk, "a page is of the wrong kind");
    if (lower < PAGE_HEADER || lower > upper || upper > walk->page_size || lower % 2 != 0)
        return fault(walk, "a page's bounds are wrong");
    unsigned n = (lower - PAGE_HEADER) / 2;
    if (n < (is_branch ? 2u : 1u))
        return fault(walk, "a page has too few nodes");
    if (!check_layout(walk, page, n, is_branch))
        return false;
    *(is_branch ? &tree->branches : &tree->leaves) += 1;
    for (unsigned i = 0; i < n; i++) {
        if (!check_node(walk, tree, level, i, is_branch))
            return false;
    }
    return true;
}

static bool check_tree(struct walk *walk, const unsigned char *record, struct tree *tree) {
    uint64_t root = u64(record + TREE_ROOT_AT);
    unsigned base = tree->has_names || tree->is_free_list ? 0 : DEPTH_MAX / 2;

    tree->depth = u16(record + TREE_DEPTH_AT);
    if (tree->depth > DEPTH_MAX / 2 || (root == no_page) != (tree->depth == 0))
        return fault(walk, "a tree has an impossible depth");
    if (root != no_page && !check_page(walk, tree, root, base))
        return false;
    if (tree->branches != u64(record + TREE_BRANCHES_AT) ||
        tree->leaves != u64(record + TREE_LEAVES_AT) ||
        tree->overflows != u64(record + TREE_OVERFLOWS_AT) ||
        tree->entries != u64(record + TREE_ENTRIES_AT))
        return fault(walk, "a tree's counts are wrong");
    return true;
}

/* -- The file ---------------------------------------------------------------- */

/* Finds the meta page of a transaction; whether it did. */
static bool find_meta(struct walk *walk, uint64_t txn, unsigned char meta[META_SIZE]) {
    for (uint64_t page = 0; page < 2; page++) {
        if (!read_at(walk, meta, META_SIZE, page * walk->page_size))
            return false;
        if (u64(meta + META_TXN_AT) == txn)
            return true;
    }
    walk->error = XKV__RETRY;
    return false;
}

static void check_file(struct walk *walk, const unsigned char *meta) {
    struct tree free_list = {.integer_keys = true, .is_free_list = true};
    struct tree names = {.has_names = true};

    struct stat status;

    if (xkv__sys.fstat(walk->file->fd, &status) != 0) {
        walk->error = XKV_E_DISK_STORE_READ;
        return;
    }
    walk->pages = (uint64_t)status.st_size / walk->page_size;
    walk->last_page = u64(meta + META_LAST_AT);
    walk->seen = xkv__alloc(walk->last_page / 8 + 1);
    walk->taken = xkv__alloc(walk->page_size);
    if (!walk->seen || !walk->taken) {
        walk->error = XKV_E_STORE_FULL;
        return;
    }
    memset(walk->seen, 0, walk->last_page / 8 + 1);
    if ((u16(meta + META_FREE_AT + TREE_FLAGS_AT) & TREE_KINDS) != TREE_INTEGER_KEYS ||
        u16(meta + META_MAIN_AT + TREE_FLAGS_AT) != 0) {
        walk->foreign = true;
        return;
    }
    if (check_tree(walk, meta + META_FREE_AT, &free_list))
        (void)check_tree(walk, meta + META_MAIN_AT, &names);
}

int xkv__file_verify(xkv__file *file, size_t page_size, uint64_t txn) {
    struct walk walk = {.file = file, .page_size = page_size};
    unsigned char meta[META_SIZE];

    if (find_meta(&walk, txn, meta))
        check_file(&walk, meta);
    for (unsigned i = 0; i < DEPTH_MAX; i++)
        xkv__free(walk.page[i]);
    xkv__free(walk.taken);
    xkv__free(walk.seen);
    if (walk.foreign)
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" is an LMDB file of another program, or damaged; it was left as it "
                         "is, give another path",
                         file->path);
    return walk.wrong ? xkv__file_corrupt(file, walk.wrong) : walk.error;
}
