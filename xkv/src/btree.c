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
 * There is no redistribution between siblings: a thin node waits until it fits
 * together with a neighbour. Two neighbours then hold more than MERGED_MAX
 * keys between them, or have not shrunk below THIN since they were split. A
 * node may even become empty, when memory to merge it was short.
 */
#include "btree_nodes.h"
#include "reclaim.h"

enum {
    THIN = 16,      /* a node with less looks for a neighbour to merge with */
    MERGED_MAX = 48 /* and does if both fit, with room to grow */
};

/* A place to look for: a key, or what follows all keys with that prefix. */
struct probe {
    const unsigned char *data;
    size_t len;
    bool after;
};

struct fences {
    const struct xkv__separator *low, *high; /* NULL: none */
};

/* -- References -------------------------------------------------------------- */

static bool shared(const struct xkv__node *node) {
    return atomic_load_explicit(&node->refs, memory_order_acquire) != 1;
}

xkv__entry *xkv__entry_new(xkv_bytes key, xkv_bytes value) {
    xkv__entry *entry = xkv__alloc(offsetof(xkv__entry, bytes) + key.len + value.len);

    if (XKV__UNLIKELY(atomic_load_explicit(&xkv__reclaim_waits, memory_order_relaxed)))
        xkv__reclaim_pay(value.len);
    if (!entry)
        return NULL;
    atomic_init(&entry->refs, 1);
    entry->key_len = (uint16_t)key.len;
    entry->value_len = (uint32_t)value.len;
    memcpy(entry->bytes, key.data, key.len);
    if (value.len > 0)
        memcpy(entry->bytes + key.len, value.data, value.len);
    return entry;
}

xkv__entry *xkv__entry_refer(xkv__entry *entry) {
    xkv__refer(&entry->refs);
    return entry;
}

/* Takes a reference to everything that nodes i to end - 1 of a node hang on. */
static void refer_contents(struct xkv__node *node, unsigned level, unsigned i, unsigned end) {
    for (; i < end; i++) {
        if (level == 0) {
            xkv__refer(&((struct xkv__leaf *)node)->entry[i]->refs);
        } else {
            if (i > 0)
                xkv__refer(&((struct xkv__branch *)node)->low[i]->refs);
            xkv__refer(&((struct xkv__branch *)node)->child[i]->refs);
        }
    }
}

static struct xkv__node *node_new(unsigned level) {
    struct xkv__node *new =
        xkv__alloc(level == 0 ? sizeof(struct xkv__leaf) : sizeof(struct xkv__branch));

    if (new) {
        atomic_init(&new->refs, 1);
        new->n = new->skip = 0;
    }
    return new;
}

/* Makes the node at *link one that nobody else refers to. */
static int unshare_node(struct xkv__node **link, unsigned level) {
    struct xkv__node *old = *link;

    if (!shared(old))
        return XKV_OK;
    struct xkv__node *new = node_new(level);
    if (!new)
        return XKV_E_STORE_FULL;
    new->n = old->n;
    new->skip = old->skip;
    memcpy(new->head, old->head, sizeof old->head);
    if (level == 0) {
        memcpy(((struct xkv__leaf *)new)->entry, ((struct xkv__leaf *)old)->entry,
               old->n * sizeof(xkv__entry *));
    } else {
        struct xkv__branch *to = (struct xkv__branch *)new, *from = (struct xkv__branch *)old;
        memcpy(to->low, from->low, old->n * sizeof *to->low);
        memcpy(to->child, from->child, old->n * sizeof *to->child);
        memcpy(to->count, from->count, old->n * sizeof *to->count);
    }
    refer_contents(new, level, 0, new->n);
    xkv__node_release(old, level);
    *link = new;
    return XKV_OK;
}

/* -- Comparing --------------------------------------------------------------- */

static struct probe probe_at(xkv_bytes key) {
    return (struct probe){key.data, key.len, false};
}

static struct probe probe_after(xkv_bytes prefix) {
    return (struct probe){prefix.data, prefix.len, true};
}

/* Four bytes from skip on, the first the most significant; what is missing
 * counts as pad. Keeps order: a < b implies head(a) <= head(b). */
static uint32_t head_of(const unsigned char *data, size_t len, size_t skip, unsigned char pad) {
    unsigned char four[4] = {pad, pad, pad, pad};

    if (len >= skip + 4)
        memcpy(four, data + skip, 4);
    else if (len > skip)
        memcpy(four, data + skip, len - skip);
    return (uint32_t)four[0] << 24 | (uint32_t)four[1] << 16 | (uint32_t)four[2] << 8 | four[3];
}

static uint32_t probe_head(const struct probe *at, size_t skip) {
    return head_of(at->data, at->len, skip, at->after ? 0xFF : 0);
}

/* Compares the rest after skip bytes, which are known to be the same. */
static int probe_compare(const struct probe *at, const unsigned char *data, size_t len,
                         size_t skip) {
    size_t common = at->len < len ? at->len : len;
    int order = common > skip ? memcmp(at->data + skip, data + skip, common - skip) : 0;

    if (order != 0)
        return order;
    if (at->after && at->len <= len)
        return 1;
    return (at->len > len) - (at->len < len);
}

/* The first entry that is not less than the probe. */
static unsigned leaf_search(const struct xkv__leaf *leaf, const struct probe *at, bool *found) {
    size_t skip = leaf->base.skip;
    uint32_t head = probe_head(at, skip);
    unsigned low = 0, high = leaf->base.n;

    *found = false;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        uint32_t other = leaf->base.head[middle];
        int order = (head > other) - (head < other);
        if (order == 0) {
            const xkv__entry *entry = leaf->entry[middle];
            order = probe_compare(at, entry->bytes, entry->key_len, skip);
        }
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The child in whose range the probe falls. */
static unsigned branch_search(const struct xkv__branch *branch, const struct probe *at) {
    size_t skip = branch->base.skip;
    uint32_t head = probe_head(at, skip);
    unsigned low = 1, high = branch->base.n;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        uint32_t other = branch->base.head[middle];
        int order = (head > other) - (head < other);
        if (order == 0) {
            const struct xkv__separator *fence = branch->low[middle];
            order = probe_compare(at, fence->bytes, fence->len, skip);
        }
        if (order >= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
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

/* -- Fences and heads -------------------------------------------------------- */

static size_t common_prefix(const unsigned char *a, size_t a_len, const unsigned char *b,
                            size_t b_len) {
    size_t end = a_len < b_len ? a_len : b_len, i = 0;

    while (i < end && a[i] == b[i])
        i++;
    return i;
}

static struct fences fences_of_child(const struct xkv__branch *parent, unsigned i,
                                     struct fences around) {
    return (struct fences){i > 0 ? parent->low[i] : around.low,
                           i + 1u < parent->base.n ? parent->low[i + 1] : around.high};
}

static uint16_t skip_between(struct fences around) {
    if (!around.low || !around.high)
        return 0;
    return (uint16_t)common_prefix(around.low->bytes, around.low->len, around.high->bytes,
                                   around.high->len);
}

static void set_head(struct xkv__node *node, unsigned level, unsigned i) {
    if (level == 0) {
        const xkv__entry *entry = ((struct xkv__leaf *)node)->entry[i];
        node->head[i] = head_of(entry->bytes, entry->key_len, node->skip, 0);
    } else if (i > 0) {
        const struct xkv__separator *low = ((struct xkv__branch *)node)->low[i];
        node->head[i] = head_of(low->bytes, low->len, node->skip, 0);
    }
}

/* Adapts a node to its fences; the heads before index valid were right for the
 * skip that it had. */
static void fit(struct xkv__node *node, unsigned level, struct fences around, unsigned valid) {
    uint16_t skip = skip_between(around);

    if (skip != node->skip)
        valid = 0;
    node->skip = skip;
    for (unsigned i = valid; i < node->n; i++)
        set_head(node, level, i);
}

/* The shortest string that is greater than left and at most right. */
static struct xkv__separator *separator_new(const xkv__entry *left, const xkv__entry *right) {
    size_t len = common_prefix(left->bytes, left->key_len, right->bytes, right->key_len) + 1;
    struct xkv__separator *new = xkv__alloc(offsetof(struct xkv__separator, bytes) + len);

    if (!new)
        return NULL;
    atomic_init(&new->refs, 1);
    new->len = (uint16_t)len;
    memcpy(new->bytes, right->bytes, len);
    return new;
}

/* -- Putting ----------------------------------------------------------------- */

struct step {
    struct xkv__branch *branch;
    unsigned at; /* the child that was taken */
    struct fences around;
};

static void branch_insert(struct xkv__branch *parent, unsigned i, struct xkv__separator *low,
                          struct xkv__node *child, uint64_t count) {
    unsigned tail = parent->base.n - i;

    memmove(parent->base.head + i + 1, parent->base.head + i, tail * sizeof *parent->base.head);
    memmove(parent->low + i + 1, parent->low + i, tail * sizeof *parent->low);
    memmove(parent->child + i + 1, parent->child + i, tail * sizeof *parent->child);
    memmove(parent->count + i + 1, parent->count + i, tail * sizeof *parent->count);
    parent->low[i] = low;
    parent->child[i] = child;
    parent->count[i] = count;
    parent->base.n++;
    set_head(&parent->base, 1, i);
}

static void branch_remove(struct xkv__branch *parent, unsigned i) {
    unsigned tail = --parent->base.n - i;

    memmove(parent->base.head + i, parent->base.head + i + 1, tail * sizeof *parent->base.head);
    memmove(parent->low + i, parent->low + i + 1, tail * sizeof *parent->low);
    memmove(parent->child + i, parent->child + i + 1, tail * sizeof *parent->child);
    memmove(parent->count + i, parent->count + i + 1, tail * sizeof *parent->count);
}

/* Moves the upper part of a node, from middle on, to a new one; returns how
 * many keys went with it. */
static uint64_t move_upper(struct xkv__node *left, struct xkv__node *right, unsigned level,
                           unsigned middle) {
    unsigned moved = left->n - middle;
    uint64_t count = moved;

    memcpy(right->head, left->head + middle, moved * sizeof *left->head);
    if (level == 0) {
        memcpy(((struct xkv__leaf *)right)->entry, ((struct xkv__leaf *)left)->entry + middle,
               moved * sizeof(xkv__entry *));
    } else {
        struct xkv__branch *from = (struct xkv__branch *)left, *to = (struct xkv__branch *)right;
        memcpy(to->low, from->low + middle, moved * sizeof *to->low);
        memcpy(to->child, from->child + middle, moved * sizeof *to->child);
        memcpy(to->count, from->count + middle, moved * sizeof *to->count);
        count = 0;
        for (unsigned i = 0; i < moved; i++)
            count += to->count[i];
    }
    right->n = (uint16_t)moved;
    right->skip = left->skip;
    left->n = (uint16_t)middle;
    return count;
}

/*
 * Splits the full child i, on the way to put an entry into it. A leaf that is
 * about to grow at its end is left full and its right neighbour starts empty:
 * keys often come in ascending order, and half-empty leaves would stay behind.
 */
static int split_child(struct step *parent, unsigned level, const struct probe *at,
                       const xkv__entry *entry) {
    struct xkv__branch *above = parent->branch;
    unsigned i = parent->at;
    struct xkv__node *left = above->child[i];
    unsigned middle = XKV__FANOUT / 2;
    struct xkv__separator *low;
    bool found = false;

    if (level == 0) {
        struct xkv__leaf *full = (struct xkv__leaf *)left;
        unsigned place = leaf_search(full, at, &found);
        if (found)
            return XKV_OK; /* a replacement needs no room */
        middle = place == XKV__FANOUT ? XKV__FANOUT : middle;
        low = separator_new(full->entry[middle - 1],
                            middle == XKV__FANOUT ? entry : full->entry[middle]);
    } else {
        middle = branch_search((struct xkv__branch *)left, at) == XKV__FANOUT - 1 ? XKV__FANOUT - 1
                                                                                  : middle;
        low = ((struct xkv__branch *)left)->low[middle];
    }
    struct xkv__node *right = low ? node_new(level) : NULL;
    if (!right) {
        if (level == 0)
            xkv__separator_release(low);
        return XKV_E_STORE_FULL;
    }
    uint64_t count = move_upper(left, right, level, middle);
    above->count[i] -= count;
    branch_insert(above, i + 1, low, right, count);
    fit(left, level, fences_of_child(above, i, parent->around), left->n);
    fit(right, level, fences_of_child(above, i + 1, parent->around), right->n);
    if (probe_compare(at, low->bytes, low->len, 0) >= 0)
        parent->at = i + 1;
    return XKV_OK;
}

/* Puts a new root over the old one, which is full. */
static int grow(xkv__tree *tree) {
    struct xkv__branch *root =
        tree->height + 2 < XKV__TREE_HEIGHT_MAX ? (struct xkv__branch *)node_new(1) : NULL;

    if (!root)
        return XKV_E_STORE_FULL;
    root->base.n = 1;
    root->child[0] = tree->root;
    root->count[0] = tree->count;
    root->low[0] = NULL;
    tree->root = &root->base;
    tree->height++;
    return XKV_OK;
}

/* Makes the tree's root exist, unshared and with room. */
static int prepare_root(xkv__tree *tree) {
    if (!tree->root) {
        tree->root = node_new(0);
        tree->height = 0;
        return tree->root ? XKV_OK : XKV_E_STORE_FULL;
    }
    int error = unshare_node(&tree->root, tree->height);
    if (error == XKV_OK && tree->root->n == XKV__FANOUT)
        error = grow(tree);
    return error;
}

/* Walks down to the leaf for a probe, unsharing on the way and, with an entry
 * to be put, splitting what is full. path[level] is the step from that level. */
static int descend(xkv__tree *tree, const struct probe *at, const xkv__entry *entry,
                   struct step *path, struct xkv__leaf **leaf_out) {
    struct xkv__node *here = tree->root;
    struct fences around = {NULL, NULL};

    for (unsigned level = tree->height; level > 0; level--) {
        struct step *step = &path[level];
        step->branch = (struct xkv__branch *)here;
        step->at = branch_search(step->branch, at);
        step->around = around;
        int error = unshare_node(&step->branch->child[step->at], level - 1);
        if (error == XKV_OK && entry && step->branch->child[step->at]->n == XKV__FANOUT)
            error = split_child(step, level - 1, at, entry);
        if (error != XKV_OK)
            return error;
        around = fences_of_child(step->branch, step->at, around);
        here = step->branch->child[step->at];
    }
    *leaf_out = (struct xkv__leaf *)here;
    return XKV_OK;
}

/* *old gets what was replaced, which is then the caller's. */
static int put_at(xkv__tree *tree, const struct probe *at, xkv__entry *entry, xkv__entry **old) {
    struct step path[XKV__TREE_HEIGHT_MAX];
    struct xkv__leaf *leaf;
    bool found;
    int error = prepare_root(tree);

    *old = NULL;
    if (error == XKV_OK)
        error = descend(tree, at, entry, path, &leaf);
    if (error != XKV_OK)
        return error;
    unsigned i = leaf_search(leaf, at, &found);
    if (found) {
        *old = leaf->entry[i];
        leaf->entry[i] = entry;
        return XKV_OK;
    }
    unsigned tail = leaf->base.n - i;
    memmove(leaf->base.head + i + 1, leaf->base.head + i, tail * sizeof *leaf->base.head);
    memmove(leaf->entry + i + 1, leaf->entry + i, tail * sizeof *leaf->entry);
    leaf->entry[i] = entry;
    leaf->base.n++;
    set_head(&leaf->base, 0, i);
    for (unsigned level = 1; level <= tree->height; level++)
        path[level].branch->count[path[level].at]++;
    tree->count++;
    return XKV_OK;
}

int xkv__tree_exchange(xkv__tree *tree, xkv__entry *entry, xkv__entry **old) {
    struct probe at = probe_at(xkv__entry_key(entry));
    return put_at(tree, &at, entry, old);
}

int xkv__tree_put(xkv__tree *tree, xkv__entry *entry) {
    xkv__entry *old;
    int error = xkv__tree_exchange(tree, entry, &old);

    xkv__entry_release(old);
    return error;
}

/* Behind all keys means: down the right edge, without comparing keys. */
int xkv__tree_append(xkv__tree *tree, xkv__entry *entry) {
    struct probe end = probe_after((xkv_bytes){"", 0});
    xkv__entry *none;
    return put_at(tree, &end, entry, &none);
}

/* Walks to the leaf of a probe, unsharing on the way; the tree is not empty. */
static int touch(xkv__tree *tree, const struct probe *at, struct step *path,
                 struct xkv__leaf **leaf) {
    int error = unshare_node(&tree->root, tree->height);
    return error == XKV_OK ? descend(tree, at, NULL, path, leaf) : error;
}

int xkv__tree_touch(xkv__tree *tree, xkv_bytes key) {
    struct step path[XKV__TREE_HEIGHT_MAX];
    struct probe at = probe_at(key);
    struct xkv__leaf *leaf;

    return tree->root ? touch(tree, &at, path, &leaf) : XKV_OK;
}

int xkv__tree_replace(xkv__tree *tree, xkv__entry *entry) {
    struct step path[XKV__TREE_HEIGHT_MAX];
    struct probe at = probe_at(xkv__entry_key(entry));
    struct xkv__leaf *leaf;
    bool found;
    int error = touch(tree, &at, path, &leaf);

    if (error != XKV_OK)
        return error;
    unsigned i = leaf_search(leaf, &at, &found);
    xkv__entry_release(leaf->entry[i]);
    leaf->entry[i] = entry;
    return XKV_OK;
}

/* -- Deleting ---------------------------------------------------------------- */

/* Appends everything of right to left. low is what separated them. */
static void append_all(struct xkv__node *left, struct xkv__node *right, unsigned level,
                       struct xkv__separator *low) {
    unsigned n = left->n;

    if (level == 0) {
        memcpy(((struct xkv__leaf *)left)->entry + n, ((struct xkv__leaf *)right)->entry,
               right->n * sizeof(xkv__entry *));
    } else {
        struct xkv__branch *to = (struct xkv__branch *)left, *from = (struct xkv__branch *)right;
        memcpy(to->low + n, from->low, right->n * sizeof *to->low);
        memcpy(to->child + n, from->child, right->n * sizeof *to->child);
        memcpy(to->count + n, from->count, right->n * sizeof *to->count);
        to->low[n] = low;
    }
    left->n = (uint16_t)(n + right->n);
}

/* Merges child i with the one right of it if they fit; whether it did. When
 * memory to unshare is short they stay two, which is as good. */
static bool merge(const struct step *parent, unsigned i, unsigned level) {
    struct xkv__branch *above = parent->branch;

    if (i + 1u >= above->base.n)
        return false;
    struct xkv__node *right = above->child[i + 1];
    if (above->child[i]->n + right->n > MERGED_MAX ||
        unshare_node(&above->child[i], level) != XKV_OK)
        return false;
    struct xkv__node *left = above->child[i];
    bool ours = !shared(right);
    append_all(left, right, level, above->low[i + 1]);
    if (level == 0)
        xkv__separator_release(above->low[i + 1]);
    if (ours) {
        xkv__free(right); /* its contents have moved, references and all */
    } else {
        refer_contents(right, level, 0, right->n);
        xkv__node_release(right, level);
    }
    above->count[i] += above->count[i + 1];
    branch_remove(above, i + 1);
    fit(left, level, fences_of_child(above, i, parent->around), 0);
    return true;
}

/* Takes away roots that have but one child. */
static void shrink(xkv__tree *tree) {
    while (tree->height > 0 && tree->root->n == 1 && !shared(tree->root)) {
        struct xkv__branch *root = (struct xkv__branch *)tree->root;
        tree->root = root->child[0];
        tree->height--;
        xkv__free(root);
    }
}

int xkv__tree_delete(xkv__tree *tree, xkv_bytes key) {
    struct step path[XKV__TREE_HEIGHT_MAX];
    struct probe at = probe_at(key);
    struct xkv__leaf *leaf;
    bool found;

    if (!xkv__tree_get(tree, key))
        return XKV_E_KEY_NOT_FOUND;
    int error = touch(tree, &at, path, &leaf);
    if (error != XKV_OK)
        return error;
    unsigned i = leaf_search(leaf, &at, &found), tail = --leaf->base.n - i;
    xkv__entry_release(leaf->entry[i]);
    memmove(leaf->base.head + i, leaf->base.head + i + 1, tail * sizeof *leaf->base.head);
    memmove(leaf->entry + i, leaf->entry + i + 1, tail * sizeof *leaf->entry);
    tree->count--;
    for (unsigned level = 1; level <= tree->height; level++)
        path[level].branch->count[path[level].at]--;
    for (unsigned level = 1; level <= tree->height; level++) {
        const struct step *up = &path[level];
        if (up->branch->child[up->at]->n >= THIN)
            break;
        if (!merge(up, up->at, level - 1) && (up->at == 0 || !merge(up, up->at - 1, level - 1)))
            break;
    }
    shrink(tree);
    return XKV_OK;
}

/* -- Reading ----------------------------------------------------------------- */

xkv__tree xkv__tree_clone(const xkv__tree *tree) {
    if (tree->root)
        xkv__refer(&tree->root->refs);
    return *tree;
}

const xkv__entry *xkv__tree_get(const xkv__tree *tree, xkv_bytes key) {
    const struct xkv__node *here = tree->root;
    struct probe at = probe_at(key);
    bool found;

    if (!here)
        return NULL;
    for (unsigned level = tree->height; level > 0; level--)
        here = child_for((const struct xkv__branch *)here,
                         branch_search((const struct xkv__branch *)here, &at), level - 1);
    unsigned i = leaf_search((const struct xkv__leaf *)here, &at, &found);
    return found ? ((const struct xkv__leaf *)here)->entry[i] : NULL;
}

/* How many keys lie before the probe. */
static uint64_t rank_of(const xkv__tree *tree, const struct probe *at) {
    const struct xkv__node *here = tree->root;
    uint64_t rank = 0;
    bool found;

    if (!here)
        return 0;
    for (unsigned level = tree->height; level > 0; level--) {
        const struct xkv__branch *branch = (const struct xkv__branch *)here;
        unsigned taken = branch_search(branch, at);
        for (unsigned i = 0; i < taken; i++)
            rank += branch->count[i];
        here = child_for(branch, taken, level - 1);
    }
    return rank + leaf_search((const struct xkv__leaf *)here, at, &found);
}

uint64_t xkv__tree_rank(const xkv__tree *tree, xkv_bytes key) {
    struct probe at = probe_at(key);
    return rank_of(tree, &at);
}

uint64_t xkv__tree_count(const xkv__tree *tree, xkv_bytes prefix, uint64_t *first) {
    struct probe from = probe_at(prefix), to = probe_after(prefix);

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
    struct probe at = probe_at(key);
    bool found;

    cursor->height = tree->height;
    cursor->path[tree->height].node = here;
    if (!here)
        return NULL;
    for (unsigned level = tree->height; level > 0; level--) {
        const struct xkv__branch *branch = (const struct xkv__branch *)here;
        cursor->path[level].node = here;
        cursor->path[level].at = branch_search(branch, &at);
        here = branch->child[cursor->path[level].at];
    }
    cursor->path[0].node = here;
    cursor->path[0].at = leaf_search((const struct xkv__leaf *)here, &at, &found);
    return settle(cursor);
}

const xkv__entry *xkv__tree_next(xkv__tree_cursor *cursor) {
    if (!cursor->path[cursor->height].node)
        return NULL;
    cursor->path[0].at++;
    return settle(cursor);
}

/* -- Checking ---------------------------------------------------------------- */

static bool below(const struct xkv__separator *fence, const unsigned char *data, size_t len) {
    struct probe at = {data, len, false};
    return !fence || probe_compare(&at, fence->bytes, fence->len, 0) < 0;
}

static const char *check_leaf(const struct xkv__leaf *leaf, struct fences around) {
    for (unsigned i = 0; i < leaf->base.n; i++) {
        const xkv__entry *entry = leaf->entry[i];
        if (around.low && below(around.low, entry->bytes, entry->key_len))
            return "a key lies before its node's lower fence";
        if (!below(around.high, entry->bytes, entry->key_len))
            return "a key lies behind its node's upper fence";
        if (i > 0 && xkv__compare(xkv__entry_key(leaf->entry[i - 1]), xkv__entry_key(entry)) >= 0)
            return "keys are out of order";
        if (leaf->base.head[i] != head_of(entry->bytes, entry->key_len, leaf->base.skip, 0))
            return "a key's head is wrong";
    }
    return NULL;
}

static const char *check_node(const struct xkv__node *node, unsigned level, struct fences around,
                              uint64_t *count) {
    if (node->n > XKV__FANOUT || node->skip > skip_between(around))
        return "a node's size or skip is wrong";
    if (level == 0) {
        *count = node->n;
        return check_leaf((const struct xkv__leaf *)node, around);
    }
    const struct xkv__branch *branch = (const struct xkv__branch *)node;
    *count = 0;
    if (node->n == 0)
        return "a branch has no child";
    for (unsigned i = 0; i < node->n; i++) {
        uint64_t found;
        const struct xkv__separator *low = i > 0 ? branch->low[i] : NULL;
        if (low && node->head[i] != head_of(low->bytes, low->len, node->skip, 0))
            return "a separator's head is wrong";
        const char *wrong =
            check_node(branch->child[i], level - 1, fences_of_child(branch, i, around), &found);
        if (wrong)
            return wrong;
        if (found != branch->count[i])
            return "a subtree's count is wrong";
        *count += found;
    }
    return NULL;
}

const char *xkv__tree_check(const xkv__tree *tree) {
    uint64_t count = 0;
    const char *wrong =
        tree->root ? check_node(tree->root, tree->height, (struct fences){NULL, NULL}, &count)
                   : NULL;

    return wrong ? wrong : count != tree->count ? "the tree's count is wrong" : NULL;
}
