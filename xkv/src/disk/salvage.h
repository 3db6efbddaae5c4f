/*
 * salvage.h - the entries of a damaged store
 */
#ifndef XKV_DISK_SALVAGE_H
#define XKV_DISK_SALVAGE_H

#include "disk/records.h"
#include "disk/survey.h"

/* The trees of a store, and what was found in them. */
typedef struct xkv__salvage {
    xkv__survey survey;     /* first: the rest is found by it */
    xkv_salvaged *salvaged; /* NULL: nobody wants the entries */
    void *context;

    xkv__root data, deep, meta;
    bool has_format; /* meta says what this is: */
    int version;
    bool links_known;
    uint64_t links; /* how many the store counts */

    uint64_t deep_nodes, deep_reached; /* in the tree deep, and those that links lead to */
    bool is_scan;
    unsigned char last[LMDB_KEY_MAX]; /* the last key in data */
    size_t last_len;
    unsigned char key[XKV_KEY_MAX]; /* a long key, as far as it has been followed */
} xkv__salvage;

/* Notes the free pages, and finds the trees, as of a meta page (META_SIZE bytes); whether the root
 * of the data can be read. The survey has begun. */
bool xkv__salvage_find(xkv__salvage *salvage, const unsigned char *meta);

/* Reads all entries; with scan, those on all pages that may have some. */
void xkv__salvage_read(xkv__salvage *salvage, bool scan);

#endif
