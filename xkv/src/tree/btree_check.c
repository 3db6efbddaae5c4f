/*
 * btree_check.c - whether a tree is what btree.c says of trees; for tests
 */
#include "base/text.h"
#include "tree/btree.h"
#include "tree/btree_search.h"

static bool below(const struct xkv__separator *fence, const unsigned char *data, size_t len) {
    struct xkv__probe at = {data, len, false};
    return !fence || xkv__probe_compare(&at, fence->bytes, fence->len, 0) < 0;
}

static const char *check_leaf(const struct xkv__leaf *leaf, struct xkv__fences around) {
    for (unsigned i = 0; i < leaf->base.n; i++) {
        const xkv__entry *entry = leaf->entry[i];
        if (around.low && below(around.low, entry->bytes, entry->key_len))
            return "a key lies before its node's lower fence";
        if (!below(around.high, entry->bytes, entry->key_len))
            return "a key lies behind its node's upper fence";
        if (i > 0 && xkv__compare(xkv__entry_key(leaf->entry[i - 1]), xkv__entry_key(entry)) >= 0)
            return "keys are out of order";
        if (leaf->base.head[i] != xkv__head_of(entry->bytes, entry->key_len, leaf->base.skip, 0))
            return "a key's head is wrong";
    }
    return NULL;
}

static const char *check_node(const struct xkv__node *node, unsigned level,
                              struct xkv__fences around, uint64_t *count) {
    if (node->n > XKV__FANOUT || node->skip != xkv__skip_between(around))
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
        if (low && node->head[i] != xkv__head_of(low->bytes, low->len, node->skip, 0))
            return "a separator's head is wrong";
        const char *wrong = check_node(branch->child[i], level - 1,
                                       xkv__fences_of_child(branch, i, around), &found);
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
        tree->root ? check_node(tree->root, tree->height, (struct xkv__fences){NULL, NULL}, &count)
                   : NULL;

    return wrong ? wrong : count != tree->count ? "the tree's count is wrong" : NULL;
}
