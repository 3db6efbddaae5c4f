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
 */
#include "base/error.h"
#include "base/sys.h"
#include "base/text.h"
#include "disk/file.h"
#include "disk/pages.h"
#include "local/backend.h"

enum { DEPTH_MAX = 32 };

/* A walk through the file; what is wrong ends it at once. */
struct walk {
    xkv__file *file;
    const char *wrong; /* static text */
    bool foreign;      /* it is sound, as far as seen, but not of our making */
    int error;         /* set with the reason, if it was not the file's content */
    size_t page_size;
    uint64_t end; /* of what is the file's own, where a map has made it longer; 0: it has not */
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
    unsigned char key[LMDB_KEY_MAX];               /* what the next key must not be less than, */
    size_t key_len;
    bool has_key, equal_allowed; /* nor, unless allowed, equal to */
};

static bool fault(struct walk *walk, const char *what) {
    walk->wrong = what;
    return false;
}

/* -- Pages ------------------------------------------------------------------- */

static bool read_at(struct walk *walk, void *out, size_t size, uint64_t at) {
    size_t got = 0;
    xkv__fault failed = {XKV__FINE, 0};

    if (walk->end == 0 || at + size <= walk->end)
        failed = xkv__files.read_at(walk->file->handle, out, size, at, &got);

    if (failed.cause == XKV__FINE)
        return got == size || fault(walk, "it was cut short");
    walk->error = xkv__fail_system(XKV_E_DISK_STORE_READ, "cannot read", walk->file->path, failed);
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
    return read_at(walk, walk->page[level], walk->page_size, number * walk->page_size);
}

/* The pages of a large value. */
static bool check_overflow(struct walk *walk, struct tree *tree, uint64_t first, uint64_t size) {
    unsigned char header[PAGE_HEADER];
    uint64_t count = xkv__pages_of_value(size, walk->page_size);

    if (first > walk->last_page || count > walk->last_page - first + 1)
        return fault(walk, "a large value reaches beyond the end");
    if (!read_at(walk, header, sizeof header, first * walk->page_size))
        return false;
    if (xkv__get_u64(header) != first || xkv__get_u16(header + PAGE_FLAGS_AT) != PAGE_OVERFLOW ||
        xkv__get_u32(header + PAGE_COUNT_AT) < count ||
        xkv__get_u32(header + PAGE_COUNT_AT) > walk->last_page - first + 1)
        return fault(walk, "the first page of a large value is damaged");
    count = xkv__get_u32(header + PAGE_COUNT_AT);
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
        uint64_t x = xkv__get_u64(a), y = xkv__get_u64(b);
        return (x > y) - (x < y);
    }
    return xkv__compare((xkv_bytes){a, a_len}, (xkv_bytes){b, b_len});
}

/* Checks that a key follows what came before. From a branch it is a bound:
 * the keys before it must be less, those behind it may be equal. */
static bool check_order(struct walk *walk, struct tree *tree, const unsigned char *key, size_t len,
                        bool is_bound) {
    if (len == 0 || len > LMDB_KEY_MAX || (tree->integer_keys && len != sizeof(uint64_t)))
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
    uint64_t numbers[64], count, before = NO_PAGE;

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

/* The data of a leaf's node. */
static bool check_data(struct walk *walk, struct tree *tree, const unsigned char *page,
                       const xkv__node *node) {
    uint64_t place = xkv__get_u64(page) * walk->page_size + (uint64_t)(node->data - page);
    unsigned flags = node->flags;

    if (flags & NODE_BIG) {
        uint64_t first = xkv__get_u64(node->data);
        if (!check_overflow(walk, tree, first, node->size))
            return false;
        place = first * walk->page_size + PAGE_HEADER;
    }
    if (tree->is_free_list)
        return (flags & ~(unsigned)NODE_BIG) == 0 ? check_free_pages(walk, place, node->size)
                                                  : fault(walk, "a node has unknown flags");
    if (tree->has_names && flags == NODE_TREE && node->size == TREE_SIZE) {
        struct tree named = {.depth = 0};
        unsigned char record[TREE_SIZE];
        memcpy(record, node->data, sizeof record);
        if (xkv__get_u16(record + TREE_FLAGS_AT) == 0)
            return check_tree(walk, record, &named);
    }
    if ((flags & ~(unsigned)NODE_BIG) == 0)
        return true;
    walk->foreign = true; /* kinds of databases and nodes that we do not use */
    return fault(walk, "a node has unknown flags");
}

static bool check_page(struct walk *walk, struct tree *tree, uint64_t number, unsigned level);

static bool check_node(struct walk *walk, struct tree *tree, unsigned level, unsigned i,
                       bool is_branch) {
    xkv__node node;

    xkv__page_node(walk->page[level], i, is_branch, &node);
    /* The first key of a branch means "whatever comes first". */
    if ((!is_branch || i > 0) && !check_order(walk, tree, node.key.data, node.key.len, is_branch))
        return false;
    if (is_branch)
        return check_page(walk, tree, node.child, level + 1);
    tree->entries++;
    return check_data(walk, tree, walk->page[level], &node);
}

/* Levels of the file's own tree and of a named one within it follow each
 * other in walk->page. */
static bool check_page(struct walk *walk, struct tree *tree, uint64_t number, unsigned level) {
    unsigned base = tree->has_names || tree->is_free_list ? 0 : DEPTH_MAX / 2;
    bool is_branch = level + 1 < base + tree->depth;

    if (!read_page(walk, number, level))
        return false;
    const unsigned char *page = walk->page[level];
    const char *wrong = xkv__page_header_fault(page, walk->page_size, number, is_branch);
    if (!wrong)
        wrong = xkv__page_nodes_fault(page, walk->page_size, is_branch, walk->taken);
    if (wrong)
        return fault(walk, wrong);
    *(is_branch ? &tree->branches : &tree->leaves) += 1;
    for (unsigned i = 0; i < xkv__page_count(page); i++) {
        if (!check_node(walk, tree, level, i, is_branch))
            return false;
    }
    return true;
}

static bool check_tree(struct walk *walk, const unsigned char *record, struct tree *tree) {
    uint64_t root = xkv__get_u64(record + TREE_ROOT_AT);
    unsigned base = tree->has_names || tree->is_free_list ? 0 : DEPTH_MAX / 2;

    tree->depth = xkv__get_u16(record + TREE_DEPTH_AT);
    if (tree->depth > DEPTH_MAX / 2 || (root == NO_PAGE) != (tree->depth == 0))
        return fault(walk, "a tree has an impossible depth");
    if (root != NO_PAGE && !check_page(walk, tree, root, base))
        return false;
    if (tree->branches != xkv__get_u64(record + TREE_BRANCHES_AT) ||
        tree->leaves != xkv__get_u64(record + TREE_LEAVES_AT) ||
        tree->overflows != xkv__get_u64(record + TREE_OVERFLOWS_AT) ||
        tree->entries != xkv__get_u64(record + TREE_ENTRIES_AT))
        return fault(walk, "a tree's counts are wrong");
    return true;
}

/* -- The file ---------------------------------------------------------------- */

/* Finds the meta page of a transaction; whether it did. */
static bool find_meta(struct walk *walk, uint64_t txn, unsigned char meta[META_SIZE]) {
    for (uint64_t page = 0; page < 2; page++) {
        if (!read_at(walk, meta, META_SIZE, page * walk->page_size))
            return false;
        if (xkv__get_u64(meta + META_TXN_AT) == txn)
            return true;
    }
    walk->error = XKV__RETRY;
    return false;
}

static void check_file(struct walk *walk, const unsigned char *meta) {
    struct tree free_list = {.integer_keys = true, .is_free_list = true};
    struct tree names = {.has_names = true};
    xkv__status status;

    walk->error = xkv__file_examine(walk->file, XKV_E_DISK_STORE_READ, &status);
    if (walk->error != XKV_OK)
        return;
    walk->pages = (walk->end > 0 ? walk->end : status.size) / walk->page_size;
    walk->last_page = xkv__get_u64(meta + META_LAST_AT);
    walk->seen = xkv__alloc(walk->last_page / 8 + 1);
    walk->taken = xkv__alloc(walk->page_size);
    if (!walk->seen || !walk->taken) {
        walk->error = XKV_E_STORE_FULL;
        return;
    }
    memset(walk->seen, 0, walk->last_page / 8 + 1);
    if ((xkv__get_u16(meta + META_FREE_AT + TREE_FLAGS_AT) & TREE_KINDS) != TREE_INTEGER_KEYS ||
        xkv__get_u16(meta + META_MAIN_AT + TREE_FLAGS_AT) != 0) {
        walk->foreign = true;
        return;
    }
    if (check_tree(walk, meta + META_FREE_AT, &free_list))
        (void)check_tree(walk, meta + META_MAIN_AT, &names);
}

/* Gives back what the walk has taken. */
static int end_walk(struct walk *walk) {
    for (unsigned i = 0; i < DEPTH_MAX; i++)
        xkv__free(walk->page[i]);
    xkv__free(walk->taken);
    xkv__free(walk->seen);
    return walk->error;
}

int xkv__file_find_fault(xkv__file *file, size_t page_size, const unsigned char *meta,
                         const char **what) {
    struct walk walk = {.file = file, .page_size = page_size};

    check_file(&walk, meta);
    *what = walk.foreign ? "it is not of this extension's making" : walk.wrong;
    return end_walk(&walk);
}

int xkv__file_verify(xkv__file *file, size_t page_size, uint64_t txn, uint64_t end) {
    struct walk walk = {.file = file, .page_size = page_size, .end = end};
    unsigned char meta[META_SIZE];

    if (find_meta(&walk, txn, meta))
        check_file(&walk, meta);
    int error = end_walk(&walk);
    if (walk.foreign)
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" is an LMDB file of another program, or damaged; it was left as it "
                         "is, give another path",
                         file->path);
    return walk.wrong ? xkv__file_corrupt(file, walk.wrong) : error;
}
