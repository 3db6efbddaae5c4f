/*
 * btree.c - a counted B+tree of byte-string keys, copied on write
 *
 * Entries hang from the leaves, in order. A branch holds for each child the
 * number of keys below it (order statistics: Knuth, "The Art of Computer
 * Programming", vol. 3, 6.2.3) and, from the second child on, a separator: the
 * shortest string that is greater than all keys left of it and not greater
 * than the keys right of it (Bayer and Unterauer, "Prefix B-trees", 1977).
 *
 * What a search costs is cache misses, and those are spent on keys, which lie
 * elsewhere. So each node keeps a head per key: four bytes of it, as a number,
 * in one array that a binary search stays within. Four bytes only tell keys
 * apart if they are the right ones. All keys that a search can bring to a node
 * lie between the separators around it, its fences, and so share the fences'
 * common prefix; that many bytes are skipped before the head is taken (Graefe,
 * "Modern B-tree techniques", 2011, 3.4-3.5). The prefix needs no comparison:
 * the way down has made sure of it. A node at the left or right edge of the
 * tree lacks a fence and skips nothing.
 *
 * Copy on write: nodes, separators and entries count their references. Who
 * changes a tree walks down from the root and replaces each node that others
 * refer to by a copy, which then holds references to the same children; so the
 * nodes below become shared and are copied in turn (Rodeh, "B-trees, shadowing
 * and clones", 2008). Nodes are split on the way down and merged on the way
 * up. Each single step (copy, split, merge) leaves a whole tree with the same
 * content, so running out of memory between two of them does no harm.
 *
 * There is no redistribution between siblings. A node that is thin tries, each
 * time it loses a key, to become one with a neighbour; where both are too full
 * for that it stays, and a leaf may even become empty. It goes when a neighbour
 * has become thin, too: two of them always fit, unless memory is short.
 *
 * Reading is in this file, changing in btree_change.c; what both need to find
 * the way in a node, in btree_search.h. reclaim.c frees.
 */
#include "tree/btree.h"
#include "base/sys.h"
#include "tree/btree_search.h"
#include "tree/reclaim.h"

/* -- Entries ----------------------------------------------------------------- */

xkv__entry *xkv__entry_new(xkv_bytes key, xkv_bytes value) {
    xkv__entry *entry = xkv__alloc(offsetof(xkv__entry, bytes) + key.len + value.len);

    if (XKV__UNLIKELY(atomic_load_explicit(&xkv__reclaim_waits, memory_order_relaxed)))
        xkv__reclaim_pay(value.len);
    if (!entry)
        return NULL;
    atomic_init(&entry->refs, 1);
    entry->key_len = (uint16_t)key.len;
    entry->value_len = (uint32_t)value.len;
    if (key.len > 0)
        memcpy(entry->bytes, key.data, key.len);
    if (value.len > 0)
        memcpy(entry->bytes + key.len, value.data, value.len);
    return entry;
}

xkv__entry *xkv__entry_refer(xkv__entry *entry) {
    xkv__refer(&entry->refs);
    return entry;
}

/* -- Reading ----------------------------------------------------------------- */

xkv__tree xkv__tree_clone(const xkv__tree *tree) {
    if (tree->root)
        xkv__refer(&tree->root->refs);
    return *tree;
}

/* Brings a range of memory on its way: what lies on several cache lines is then
 * waited for once. */
static void prefetch(const void *from, size_t size) {
    for (size_t at = 0; at < size; at += XKV__CACHE_LINE)
        XKV__PREFETCH((const char *)from + at);
}

/*
 * Child i, at level, with all that a search of it will look at already on its
 * way from memory. A binary search would wait for its heads line by line, and
 * then for the one pointer that they lead to.
 */
static const struct xkv__node *child_for(const struct xkv__branch *branch, unsigned i,
                                         unsigned level) {
    const struct xkv__node *child = branch->child[i];

    prefetch(child, sizeof *child);
    if (level == 0)
        prefetch(((const struct xkv__leaf *)child)->entry,
                 sizeof((const struct xkv__leaf *)child)->entry);
    else
        prefetch(((const struct xkv__branch *)child)->child,
                 sizeof((const struct xkv__branch *)child)->child);
    return child;
}

const xkv__entry *xkv__tree_get(const xkv__tree *tree, xkv_bytes key) {
    const struct xkv__node *here = tree->root;
    struct xkv__probe at = xkv__probe_at(key);
    bool found;

    if (!here)
        return NULL;
    for (unsigned level = tree->height; level > 0; level--)
        here = child_for((const struct xkv__branch *)here,
                         xkv__branch_search((const struct xkv__branch *)here, &at), level - 1);
    unsigned i = xkv__leaf_search((const struct xkv__leaf *)here, &at, &found);
    return found ? ((const struct xkv__leaf *)here)->entry[i] : NULL;
}

/* How many keys lie before the probe. */
static uint64_t rank_of(const xkv__tree *tree, const struct xkv__probe *at) {
    const struct xkv__node *here = tree->root;
    uint64_t rank = 0;
    bool found;

    if (!here)
        return 0;
    for (unsigned level = tree->height; level > 0; level--) {
        const struct xkv__branch *branch = (const struct xkv__branch *)here;
        unsigned taken = xkv__branch_search(branch, at);
        for (unsigned i = 0; i < taken; i++)
            rank += branch->count[i];
        here = child_for(branch, taken, level - 1);
    }
    return rank + xkv__leaf_search((const struct xkv__leaf *)here, at, &found);
}

uint64_t xkv__tree_rank(const xkv__tree *tree, xkv_bytes key) {
    struct xkv__probe at = xkv__probe_at(key);
    return rank_of(tree, &at);
}

uint64_t xkv__tree_count(const xkv__tree *tree, xkv_bytes prefix, uint64_t *first) {
    struct xkv__probe from = xkv__probe_at(prefix), to = xkv__probe_after(prefix);

    if (prefix.len == 0) {
        *first = 0;
        return tree->count;
    }
    *first = rank_of(tree, &from);
    return rank_of(tree, &to) - *first;
}

const xkv__entry *xkv__tree_select(const xkv__tree *tree, uint64_t n) {
    const struct xkv__node *here = tree->root;

    if (n >= tree->count)
        return NULL;
    for (unsigned level = tree->height; level > 0; level--) {
        const struct xkv__branch *branch = (const struct xkv__branch *)here;
        unsigned i = 0;
        while (n >= branch->count[i])
            n -= branch->count[i++];
        here = branch->child[i];
    }
    return ((const struct xkv__leaf *)here)->entry[n];
}

/* The entry that the cursor stands on, moving on over the ends of nodes. */
static const xkv__entry *settle(xkv__tree_cursor *cursor) {
    unsigned level = 0;

    for (;;) {
        if (cursor->path[level].at < cursor->path[level].node->n) {
            if (level == 0)
                return ((const struct xkv__leaf *)cursor->path[0].node)->entry[cursor->path[0].at];
            const struct xkv__branch *branch = (const struct xkv__branch *)cursor->path[level].node;
            const struct xkv__node *child = branch->child[cursor->path[level].at];
            level--;
            cursor->path[level].node = child;
            cursor->path[level].at = 0;
        } else {
            if (level == cursor->height)
                return NULL;
            level++;
            cursor->path[level].at++;
        }
    }
}

const xkv__entry *xkv__tree_seek(const xkv__tree *tree, xkv__tree_cursor *cursor, xkv_bytes key) {
    const struct xkv__node *here = tree->root;
    struct xkv__probe at = xkv__probe_at(key);
    bool found;

    cursor->height = tree->height;
    cursor->path[tree->height].node = here;
    if (!here)
        return NULL;
    for (unsigned level = tree->height; level > 0; level--) {
        const struct xkv__branch *branch = (const struct xkv__branch *)here;
        cursor->path[level].node = here;
        cursor->path[level].at = xkv__branch_search(branch, &at);
        here = branch->child[cursor->path[level].at];
    }
    cursor->path[0].node = here;
    cursor->path[0].at = xkv__leaf_search((const struct xkv__leaf *)here, &at, &found);
    return settle(cursor);
}

const xkv__entry *xkv__tree_next(xkv__tree_cursor *cursor) {
    if (!cursor->path[cursor->height].node)
        return NULL;
    cursor->path[0].at++;
    return settle(cursor);
}
