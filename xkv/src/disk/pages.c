/* pages.c - see pages.h */
#include "disk/pages.h"

const char *xkv__page_header_fault(const unsigned char *page, size_t page_size, uint64_t number,
                                   bool is_branch) {
    unsigned lower = xkv__get_u16(page + PAGE_LOWER_AT), upper = xkv__get_u16(page + PAGE_UPPER_AT);

    if (xkv__get_u64(page) != number)
        return "a page has a wrong number";
    if (xkv__get_u16(page + PAGE_FLAGS_AT) != (is_branch ? PAGE_BRANCH : PAGE_LEAF))
        return "a page is of the wrong kind";
    if (lower < PAGE_HEADER || lower > upper || upper > page_size || lower % 2 != 0)
        return "a page's bounds are wrong";
    return xkv__page_count(page) < (is_branch ? 2u : 1u) ? "a page has too few nodes" : NULL;
}

static size_t node_place(const unsigned char *page, unsigned i) {
    return xkv__get_u16(page + PAGE_HEADER + 2 * i);
}

/* What a node takes in its page: LMDB keeps nodes at even places. */
static size_t node_size(const unsigned char *node, bool is_branch) {
    size_t data = xkv__get_u16(node) | (size_t)xkv__get_u16(node + 2) << 16;

    if (is_branch)
        data = 0;
    else if (xkv__get_u16(node + 4) & NODE_BIG)
        data = sizeof(uint64_t);
    return (NODE_HEADER + xkv__get_u16(node + 6) + data + 1) / 2 * 2;
}

void xkv__page_node(const unsigned char *page, unsigned i, bool is_branch, xkv__node *node) {
    size_t at = node_place(page, i);
    const unsigned char *bytes = page + at;
    uint64_t low = xkv__get_u16(bytes), high = xkv__get_u16(bytes + 2);
    unsigned flags = xkv__get_u16(bytes + 4);

    *node = (xkv__node){.at = at, .key = {bytes + NODE_HEADER, xkv__get_u16(bytes + 6)}};
    if (is_branch) {
        node->child = low | high << 16 | (uint64_t)flags << 32;
        return;
    }
    node->flags = flags;
    node->size = low | high << 16;
    node->data = bytes + NODE_HEADER + node->key.len;
}

const char *xkv__page_take_node(const unsigned char *page, size_t page_size, unsigned i,
                                bool is_branch, unsigned char *taken, xkv__node *node) {
    size_t at = node_place(page, i), upper = xkv__get_u16(page + PAGE_UPPER_AT);

    if (at < upper || at % 2 != 0 || at + NODE_HEADER > page_size)
        return "a node lies outside its page";
    size_t size = node_size(page + at, is_branch);
    if (size > page_size - at || memchr(taken + at, 1, size))
        return "the nodes of a page overlap";
    memset(taken + at, 1, size);
    xkv__page_node(page, i, is_branch, node);
    return NULL;
}

/* Nodes lie side by side and fill the page to its end: LMDB moves them by what they say of
 * their sizes. */
const char *xkv__page_nodes_fault(const unsigned char *page, size_t page_size, bool is_branch,
                                  unsigned char *taken) {
    const char *wrong = NULL;
    xkv__node node;

    memset(taken, 0, page_size);
    for (unsigned i = 0; i < xkv__page_count(page) && !wrong; i++)
        wrong = xkv__page_take_node(page, page_size, i, is_branch, taken, &node);
    size_t upper = xkv__get_u16(page + PAGE_UPPER_AT);
    if (!wrong && memchr(taken + upper, 0, page_size - upper))
        wrong = "a page has gaps between its nodes";
    return wrong;
}
