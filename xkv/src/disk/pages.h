/*
 * pages.h - what is in a page of an LMDB file's tree
 *
 * Shared by verify.c, which ends at the first fault, and by inspect.c, which goes on.
 * Pages have been read whole; nothing that stands in them is trusted.
 */
#ifndef XKV_DISK_PAGES_H
#define XKV_DISK_PAGES_H

#include "disk/lmdb_format.h"

/* A node of a branch or a leaf. Its bytes lie in the page. */
typedef struct xkv__node {
    size_t at; /* its place in the page */
    xkv_bytes key;
    uint64_t child;            /* BRANCH: the number of a page */
    unsigned flags;            /* LEAF: NODE_… */
    uint64_t size;             /* LEAF: bytes of data */
    const unsigned char *data; /* LEAF: where that lies; with NODE_BIG the number of the
                                * page (8 bytes) behind whose header it does */
} xkv__node;

/* What is wrong with the header of a page, and with the places of its nodes: static text, NULL
 * if nothing. The latter only for a page whose header is sound; taken has room for as
 * many bytes as a page. */
const char *xkv__page_header_fault(const unsigned char *page, size_t page_size, uint64_t number,
                                   bool is_branch);
const char *xkv__page_nodes_fault(const unsigned char *page, size_t page_size, bool is_branch,
                                  unsigned char *taken);

/* How many nodes a page has whose header is sound. */
static inline unsigned xkv__page_count(const unsigned char *page) {
    return (xkv__get_u16(page + PAGE_LOWER_AT) - (unsigned)PAGE_HEADER) / 2;
}

/* Node i, of a page whose nodes are sound. */
void xkv__page_node(const unsigned char *page, unsigned i, bool is_branch, xkv__node *node);

/* Node i, of a page whose header is sound; what is wrong with its place, as above. Begin with
 * taken all zero: it notes what each takes. */
const char *xkv__page_take_node(const unsigned char *page, size_t page_size, unsigned i,
                                bool is_branch, unsigned char *taken, xkv__node *node);

/* How many pages a value of so many bytes takes. */
static inline uint64_t xkv__pages_of_value(uint64_t size, size_t page_size) {
    return (PAGE_HEADER + size + page_size - 1) / page_size;
}

#endif
