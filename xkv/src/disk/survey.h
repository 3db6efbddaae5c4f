/*
 * survey.h - the pages of a damaged store, by plain reads, without LMDB
 *
 * Where verify.c ends at the first fault, this goes on: a page that cannot be believed is told
 * about, and what lies behind it left out. Of a page whose nodes are not as they must be,
 * those are read that lie in it and do not overlap.
 */
#ifndef XKV_DISK_SURVEY_H
#define XKV_DISK_SURVEY_H

#include "disk/file.h"
#include "disk/pages.h"

enum { XKV__LEVELS = 16 }; /* of a tree: LMDB's have a few */

/* A tree, as its record says. */
typedef struct xkv__root {
    bool known;
    uint64_t page; /* NO_PAGE: it is empty */
    unsigned depth;
    uint64_t entries;
} xkv__root;

xkv__root xkv__root_of(const unsigned char record[TREE_SIZE]);

/* A page that has been read, for each level. */
typedef struct xkv__level {
    unsigned char *page;
    uint64_t number; /* 0: none */
} xkv__level;

typedef struct xkv__survey {
    xkv__file *file;
    size_t page_size;
    uint64_t pages; /* in the file */
    xkv_check_report *report;
    xkv_tell *tell; /* NULL: nobody listens */
    void *context;
    int error; /* ends all: no memory, or what a visitor returned */

    uint64_t page;       /* in which the last node was found */
    bool doubtful;       /* it was reached by a page that is among the free ones */
    bool quiet;          /* nothing is told or counted */
    uint64_t steps_left; /* pages that may yet be looked at by xkv__survey_find */

    unsigned char *used, *unused; /* a bit per page: reached, and among the free ones */
    unsigned char *taken;         /* a byte per byte of a page */
    xkv__level walk[XKV__LEVELS], find[XKV__LEVELS];
    unsigned char *value; /* the last one that did not lie in its page */
    size_t value_room;
} xkv__survey;

/* Begins with file, report, tell and context set, and all else zero; and with a size of pages.
 * Begins anew if that was done already. XKV_OK or an error with its reason. */
int xkv__survey_begin(xkv__survey *survey, size_t page_size);
void xkv__survey_end(xkv__survey *survey);

/* Reads from the file; NULL, or what is wrong, static text. */
const char *xkv__survey_read(xkv__survey *survey, void *out, size_t size, uint64_t at);

/* A finding, one sentence. */
void xkv__survey_tell(xkv__survey *survey, const char *format, ...) XKV__PRINTF(2, 3);

/* Shows the nodes of a tree's leaves, as they lie. */
typedef void xkv__on_node(xkv__survey *survey, const xkv__node *node, void *context);
void xkv__survey_walk(xkv__survey *survey, const xkv__root *root, xkv__on_node *show,
                      void *context);

/* Whether the root of a tree can be read. Tells nothing. */
bool xkv__survey_has_root(xkv__survey *survey, const xkv__root *root);

/* Finds the node of a tree whose key is the least of those that are not less than from;
 * false if there is none that can be read. It lies in a page until the next call. Tells
 * nothing, and does not disturb a walk. */
bool xkv__survey_find(xkv__survey *survey, const xkv__root *root, xkv_bytes from, xkv__node *node);

/* Shows the nodes of every page that looks like a leaf and is neither free nor was reached. */
void xkv__survey_scan(xkv__survey *survey, xkv__on_node *show, void *context);

/* The data of a leaf's node, until the next call; NULL, or what is wrong. */
const char *xkv__survey_data(xkv__survey *survey, const xkv__node *node, xkv_bytes *data);

/* Notes a page as one of those that are free; and whether that was done. */
void xkv__survey_note_unused(xkv__survey *survey, uint64_t number);
bool xkv__survey_is_unused(const xkv__survey *survey, uint64_t number);

#endif
