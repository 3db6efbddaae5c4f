/*
 * btree_change.c - putting into trees and deleting from them; btree.c explains how
 */
#include "base/sys.h"
#include "tree/btree.h"
#include "tree/btree_search.h"

enum {
    THIN = 16,      /* a node with less looks for a neighbour to merge with */
    MERGED_MAX = 48 /* and does if both fit, with room to grow */
};

/* -- Nodes of one's own ------------------------------------------------------ */

static bool shared(const struct xkv__node *node) {
    return atomic_load_explicit(&node->refs, memory_order_acquire) != 1;
}

/* Takes a reference to everything that hangs from a node. */
static void refer_contents(struct xkv__node *node, unsigned level) {
    for (unsigned i = 0; i < node->n; i++) {
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

/* Copies count entries, or children with all that belongs to them, from place
 * from_at of a node to place at of another. References are the caller's matter. */
static void copy_contents(struct xkv__node *to, unsigned at, const struct xkv__node *from,
                          unsigned from_at, unsigned count, unsigned level) {
    memcpy(to->head + at, from->head + from_at, count * sizeof *to->head);
    if (level == 0) {
        memcpy(((struct xkv__leaf *)to)->entry + at,
               ((const struct xkv__leaf *)from)->entry + from_at, count * sizeof(xkv__entry *));
        return;
    }
    struct xkv__branch *into = (struct xkv__branch *)to;
    const struct xkv__branch *out = (const struct xkv__branch *)from;
    memcpy(into->low + at, out->low + from_at, count * sizeof *into->low);
    memcpy(into->child + at, out->child + from_at, count * sizeof *into->child);
    memcpy(into->count + at, out->count + from_at, count * sizeof *into->count);
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
    copy_contents(new, 0, old, 0, old->n, level);
    refer_contents(new, level);
    xkv__node_release(old, level);
    *link = new;
    return XKV_OK;
}

/* -- Fences and heads -------------------------------------------------------- */

static void set_head(struct xkv__node *node, unsigned level, unsigned i) {
    if (level == 0) {
        const xkv__entry *entry = ((struct xkv__leaf *)node)->entry[i];
        node->head[i] = xkv__head_of(entry->bytes, entry->key_len, node->skip, 0);
    } else if (i > 0) {
        const struct xkv__separator *low = ((struct xkv__branch *)node)->low[i];
        node->head[i] = xkv__head_of(low->bytes, low->len, node->skip, 0);
    }
}

/* Adapts a node to its fences; the heads before index valid were right for the
 * skip that it had. */
static void fit(struct xkv__node *node, unsigned level, struct xkv__fences around, unsigned valid) {
    uint16_t skip = xkv__skip_between(around);

    if (skip != node->skip)
        valid = 0;
    node->skip = skip;
    for (unsigned i = valid; i < node->n; i++)
        set_head(node, level, i);
}

/* The shortest string that is greater than left and at most right. */
static struct xkv__separator *separator_new(const xkv__entry *left, const xkv__entry *right) {
    size_t len = xkv__common_prefix(left->bytes, left->key_len, right->bytes, right->key_len) + 1;
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
    struct xkv__fences around;
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

    copy_contents(right, 0, left, middle, moved, level);
    if (level > 0) {
        count = 0;
        for (unsigned i = 0; i < moved; i++)
            count += ((struct xkv__branch *)right)->count[i];
    }
    right->n = (uint16_t)moved;
    right->skip = left->skip;
    left->n = (uint16_t)middle;
    return count;
}

/*
 * Splits the full child that the step takes, to put an entry into it. A leaf that is
 * about to grow at its end is left full and its right neighbour starts empty:
 * keys often come in ascending order, and half-empty leaves would stay behind.
 */
static int split_child(struct step *parent, unsigned level, const struct xkv__probe *at,
                       const xkv__entry *entry) {
    struct xkv__branch *above = parent->branch;
    unsigned i = parent->at;
    struct xkv__node *left = above->child[i];
    unsigned middle = XKV__FANOUT / 2;
    struct xkv__separator *low;
    bool found = false;

    if (level == 0) {
        struct xkv__leaf *full = (struct xkv__leaf *)left;
        unsigned place = xkv__leaf_search(full, at, &found);
        if (found)
            return XKV_OK; /* a replacement needs no room */
        middle = place == XKV__FANOUT ? XKV__FANOUT : middle;
        low = separator_new(full->entry[middle - 1],
                            middle == XKV__FANOUT ? entry : full->entry[middle]);
    } else {
        if (xkv__branch_search((struct xkv__branch *)left, at) == XKV__FANOUT - 1)
            middle = XKV__FANOUT - 1;
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
    fit(left, level, xkv__fences_of_child(above, i, parent->around), left->n);
    fit(right, level, xkv__fences_of_child(above, i + 1, parent->around), right->n);
    if (xkv__probe_compare(at, low->bytes, low->len, 0) >= 0)
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
static int descend(xkv__tree *tree, const struct xkv__probe *at, const xkv__entry *entry,
                   struct step *path, struct xkv__leaf **leaf_out) {
    struct xkv__node *here = tree->root;
    struct xkv__fences around = {NULL, NULL};

    for (unsigned level = tree->height; level > 0; level--) {
        struct step *step = &path[level];
        step->branch = (struct xkv__branch *)here;
        step->at = xkv__branch_search(step->branch, at);
        step->around = around;
        int error = unshare_node(&step->branch->child[step->at], level - 1);
        if (error == XKV_OK && entry && step->branch->child[step->at]->n == XKV__FANOUT)
            error = split_child(step, level - 1, at, entry);
        if (error != XKV_OK)
            return error;
        around = xkv__fences_of_child(step->branch, step->at, around);
        here = step->branch->child[step->at];
    }
    *leaf_out = (struct xkv__leaf *)here;
    return XKV_OK;
}

/* Whether a leaf that was walked to is the last one. */
static bool is_last_leaf(const xkv__tree *tree, const struct step *path) {
    unsigned level = 1;

    while (level <= tree->height && path[level].at + 1u == path[level].branch->base.n)
        level++;
    return level > tree->height;
}

/* *old gets what was replaced, which is then the caller's. */
static int put_at(xkv__tree *tree, const struct xkv__probe *at, xkv__entry *entry,
                  xkv__entry **old) {
    struct step path[XKV__TREE_HEIGHT_MAX];
    struct xkv__leaf *leaf;
    bool found;
    int error = prepare_root(tree);

    *old = NULL;
    if (error == XKV_OK)
        error = descend(tree, at, entry, path, &leaf);
    if (error != XKV_OK)
        return error;
    unsigned i = xkv__leaf_search(leaf, at, &found);
    if (found) {
        *old = leaf->entry[i];
        leaf->entry[i] = entry;
        return XKV_OK;
    }
    unsigned tail = leaf->base.n - i;
    tree->ascends = tail == 0 && is_last_leaf(tree, path);
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

/* Behind all keys means: down the right edge, without comparing keys. */
int xkv__tree_append(xkv__tree *tree, xkv__entry *entry) {
    struct xkv__probe end = xkv__probe_after((xkv_bytes){"", 0});
    xkv__entry *none;
    return put_at(tree, &end, entry, &none);
}

/* Whether a key comes behind all that are there. A last leaf that is empty cannot tell. */
static bool is_behind_all(const xkv__tree *tree, const struct xkv__probe *at) {
    const struct xkv__node *here = tree->root;

    for (unsigned level = tree->height; level > 0; level--)
        here = ((const struct xkv__branch *)here)->child[here->n - 1];
    if (here->n == 0)
        return false;
    const xkv__entry *last = ((const struct xkv__leaf *)here)->entry[here->n - 1];
    return xkv__probe_compare(at, last->bytes, last->key_len, 0) > 0;
}

int xkv__tree_exchange(xkv__tree *tree, xkv__entry *entry, xkv__entry **old) {
    struct xkv__probe at = xkv__probe_at(xkv__entry_key(entry));

    if (tree->ascends && is_behind_all(tree, &at)) {
        *old = NULL;
        return xkv__tree_append(tree, entry);
    }
    return put_at(tree, &at, entry, old);
}

int xkv__tree_put(xkv__tree *tree, xkv__entry *entry) {
    xkv__entry *old;
    int error = xkv__tree_exchange(tree, entry, &old);

    xkv__entry_release(old);
    return error;
}

/* Walks to the leaf of a probe, unsharing on the way; the tree is not empty. */
static int touch(xkv__tree *tree, const struct xkv__probe *at, struct step *path,
                 struct xkv__leaf **leaf) {
    int error = unshare_node(&tree->root, tree->height);
    return error == XKV_OK ? descend(tree, at, NULL, path, leaf) : error;
}

int xkv__tree_replace(xkv__tree *tree, xkv__entry *entry) {
    struct step path[XKV__TREE_HEIGHT_MAX];
    struct xkv__probe at = xkv__probe_at(xkv__entry_key(entry));
    struct xkv__leaf *leaf;
    bool found;
    int error = touch(tree, &at, path, &leaf);

    if (error != XKV_OK)
        return error;
    unsigned i = xkv__leaf_search(leaf, &at, &found);
    xkv__entry_release(leaf->entry[i]);
    leaf->entry[i] = entry;
    return XKV_OK;
}

/* -- Deleting ---------------------------------------------------------------- */

/* Appends everything of right to left. low is what separated them. */
static void append_all(struct xkv__node *left, struct xkv__node *right, unsigned level,
                       struct xkv__separator *low) {
    copy_contents(left, left->n, right, 0, right->n, level);
    if (level > 0)
        ((struct xkv__branch *)left)->low[left->n] = low;
    left->n = (uint16_t)(left->n + right->n);
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
        refer_contents(right, level);
        xkv__node_release(right, level);
    }
    above->count[i] += above->count[i + 1];
    branch_remove(above, i + 1);
    fit(left, level, xkv__fences_of_child(above, i, parent->around), 0);
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
    struct xkv__probe at = xkv__probe_at(key);
    struct xkv__leaf *leaf;
    bool found;

    if (!xkv__tree_get(tree, key))
        return XKV_E_KEY_NOT_FOUND;
    int error = touch(tree, &at, path, &leaf);
    if (error != XKV_OK)
        return error;
    unsigned i = xkv__leaf_search(leaf, &at, &found), tail = --leaf->base.n - i;
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
