/* survey.c - see survey.h */
#include "disk/survey.h"

#include "base/error.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>

xkv__root xkv__root_of(const unsigned char record[TREE_SIZE]) {
    return (xkv__root){.known = true,
                       .page = xkv__get_u64(record + TREE_ROOT_AT),
                       .depth = xkv__get_u16(record + TREE_DEPTH_AT),
                       .entries = xkv__get_u64(record + TREE_ENTRIES_AT)};
}

/* -- Beginning and end --------------------------------------------------------- */

static void free_levels(xkv__level *levels) {
    for (unsigned i = 0; i < XKV__LEVELS; i++) {
        xkv__free(levels[i].page);
        levels[i] = (xkv__level){NULL, 0};
    }
}

void xkv__survey_end(xkv__survey *survey) {
    xkv__free(survey->used);
    xkv__free(survey->unused);
    xkv__free(survey->taken);
    xkv__free(survey->value);
    survey->used = survey->unused = survey->taken = survey->value = NULL;
    survey->value_room = 0;
    free_levels(survey->walk);
    free_levels(survey->find);
}

int xkv__survey_begin(xkv__survey *survey, size_t page_size) {
    xkv__status status;
    int error = xkv__file_examine(survey->file, XKV_E_DISK_STORE_READ, &status);

    xkv__survey_end(survey);
    if (error != XKV_OK)
        return error;
    survey->page_size = page_size;
    survey->pages = status.size / page_size;
    survey->report->bytes = status.size;
    size_t size = (size_t)(survey->pages / 8) + 1;
    survey->used = xkv__alloc(size);
    survey->unused = xkv__alloc(size);
    survey->taken = xkv__alloc(page_size);
    if (!survey->used || !survey->unused || !survey->taken)
        return XKV_E_STORE_FULL;
    memset(survey->used, 0, size);
    memset(survey->unused, 0, size);
    return XKV_OK;
}

void xkv__survey_tell(xkv__survey *survey, const char *format, ...) {
    char text[XKV_MESSAGE_SIZE];
    va_list arguments;

    if (survey->quiet)
        return;
    survey->report->findings++;
    if (!survey->tell)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    survey->tell(survey->context, text);
}

/* -- Bits ---------------------------------------------------------------------- */

static bool has_bit(const unsigned char *bits, uint64_t number) {
    return bits[number / 8] >> number % 8 & 1;
}

static void set_bit(unsigned char *bits, uint64_t number) {
    bits[number / 8] |= (unsigned char)(1u << number % 8);
}

static bool is_in_file(const xkv__survey *survey, uint64_t number) {
    return number >= 2 && number < survey->pages;
}

void xkv__survey_note_unused(xkv__survey *survey, uint64_t number) {
    if (is_in_file(survey, number))
        set_bit(survey->unused, number);
}

bool xkv__survey_is_unused(const xkv__survey *survey, uint64_t number) {
    return is_in_file(survey, number) && has_bit(survey->unused, number);
}

/* -- Reading ------------------------------------------------------------------- */

const char *xkv__survey_read(xkv__survey *survey, void *out, size_t size, uint64_t at) {
    size_t got = 0;
    xkv__fault fault = xkv__files.read_at(survey->file->handle, out, size, at, &got);

    if (fault.cause != XKV__FINE)
        return "the system cannot read it";
    return got == size ? NULL : "it was cut short";
}

/* Leaves those nodes of a page that can be believed. */
static void mend(xkv__survey *survey, unsigned char *page, bool is_branch) {
    unsigned count = xkv__page_count(page), kept = 0;
    xkv__node node;

    memset(survey->taken, 0, survey->page_size);
    for (unsigned i = 0; i < count; i++) {
        if (xkv__page_take_node(page, survey->page_size, i, is_branch, survey->taken, &node))
            continue;
        memmove(page + PAGE_HEADER + 2 * kept, page + PAGE_HEADER + 2 * i, 2);
        kept++;
    }
    uint16_t lower = (uint16_t)(PAGE_HEADER + 2 * kept);
    memcpy(page + PAGE_LOWER_AT, &lower, sizeof lower);
}

/* Reads a page into its level, unless it is there. NULL, or what is wrong with it. *usable: some of
 * it can be read all the same. */
static const char *load_page(xkv__survey *survey, xkv__level *level, uint64_t number,
                             bool is_branch, bool *usable) {
    *usable = number != 0 && level->number == number;
    if (*usable)
        return NULL;
    level->number = 0;
    if (!is_in_file(survey, number))
        return "it lies outside of the file";
    if (!level->page)
        level->page = xkv__alloc(survey->page_size);
    if (!level->page) {
        survey->error = XKV_E_STORE_FULL;
        return "there is no memory for it";
    }
    const char *wrong =
        xkv__survey_read(survey, level->page, survey->page_size, number * survey->page_size);
    if (!wrong)
        wrong = xkv__page_header_fault(level->page, survey->page_size, number, is_branch);
    if (wrong)
        return wrong;
    *usable = true;
    level->number = number;
    wrong = xkv__page_nodes_fault(level->page, survey->page_size, is_branch, survey->taken);
    if (wrong)
        mend(survey, level->page, is_branch);
    return wrong;
}

/* Room for a value; false if memory is short. */
static bool reserve_value(xkv__survey *survey, size_t size) {
    if (survey->value_room >= size)
        return true;
    xkv__free(survey->value);
    survey->value = xkv__alloc(size);
    survey->value_room = survey->value ? size : 0;
    if (!survey->value)
        survey->error = XKV_E_STORE_FULL;
    return survey->value != NULL;
}

const char *xkv__survey_data(xkv__survey *survey, const xkv__node *node, xkv_bytes *data) {
    *data = (xkv_bytes){node->data, (size_t)node->size};
    if (!(node->flags & NODE_BIG))
        return NULL;
    uint64_t first = xkv__get_u64(node->data),
             count = xkv__pages_of_value(node->size, survey->page_size);
    if (!is_in_file(survey, first) || count > survey->pages - first)
        return "its value lies outside of the file";
    if (!reserve_value(survey, PAGE_HEADER + (size_t)node->size))
        return "there is no memory for its value";
    survey->report->pages += survey->quiet ? 0 : count;
    *data = (xkv_bytes){survey->value + PAGE_HEADER, (size_t)node->size};
    return xkv__survey_read(survey, survey->value, PAGE_HEADER + (size_t)node->size,
                            first * survey->page_size);
}

/* -- Walking ------------------------------------------------------------------- */

struct tour {
    const xkv__root *root;
    xkv__on_node *show;
    void *context;
};

/* Reads a page for a walk, and tells what is wrong with it; whether any of it can be used. */
static bool enter_page(xkv__survey *survey, uint64_t number, unsigned level, bool is_branch) {
    bool usable = false;
    const char *wrong = NULL;

    if (is_in_file(survey, number) && has_bit(survey->used, number))
        wrong = "it is used twice";
    else
        wrong = load_page(survey, &survey->walk[level], number, is_branch, &usable);
    if (survey->error != XKV_OK)
        return false;
    if (usable) {
        set_bit(survey->used, number);
        survey->report->pages += !survey->quiet;
    }
    if (usable && !wrong && has_bit(survey->unused, number))
        wrong = "it is in use, and among the free ones";
    if (wrong) {
        survey->report->damaged_pages += !survey->quiet;
        xkv__survey_tell(survey, "page %" PRIu64 " is damaged: %s", number, wrong);
    }
    return usable;
}

static void walk_page(xkv__survey *survey, const struct tour *tour, uint64_t number,
                      unsigned level) {
    bool is_branch = level + 1 < tour->root->depth, before = survey->doubtful;
    xkv__node node;

    if (!enter_page(survey, number, level, is_branch))
        return;
    const unsigned char *page = survey->walk[level].page;
    survey->doubtful = before || has_bit(survey->unused, number);
    for (unsigned i = 0; i < xkv__page_count(page) && survey->error == XKV_OK; i++) {
        xkv__page_node(page, i, is_branch, &node);
        survey->page = number;
        if (is_branch)
            walk_page(survey, tour, node.child, level + 1);
        else
            tour->show(survey, &node, tour->context);
    }
    survey->doubtful = before;
    survey->walk[level].number = 0; /* the next one may be another tree's */
}

static bool has_pages(const xkv__root *root) {
    return root->known && root->page != NO_PAGE && root->depth > 0 && root->depth <= XKV__LEVELS;
}

void xkv__survey_walk(xkv__survey *survey, const xkv__root *root, xkv__on_node *show,
                      void *context) {
    struct tour tour = {root, show, context};

    if (has_pages(root))
        walk_page(survey, &tour, root->page, 0);
}

bool xkv__survey_has_root(xkv__survey *survey, const xkv__root *root) {
    bool usable = false;

    if (!root->known || !has_pages(root))
        return root->known && root->page == NO_PAGE && root->depth == 0;
    (void)load_page(survey, &survey->walk[0], root->page, root->depth > 1, &usable);
    survey->walk[0].number = 0;
    return usable;
}

/* -- Finding ------------------------------------------------------------------- */

struct search {
    const xkv__root *root;
    xkv_bytes from;
    xkv__node *node;
};

static bool find_in_page(xkv__survey *survey, const struct search *search, uint64_t number,
                         unsigned level);

/* In the children of a branch, from the one on in which it should be. */
static bool find_in_branch(xkv__survey *survey, const struct search *search, unsigned level) {
    const unsigned char *page = survey->find[level].page;
    unsigned count = xkv__page_count(page);
    xkv__node node, next;

    for (unsigned i = 0; i < count; i++) {
        if (i + 1 < count) {
            xkv__page_node(page, i + 1, true, &next);
            if (xkv__compare(next.key, search->from) <= 0)
                continue;
        }
        xkv__page_node(page, i, true, &node);
        if (find_in_page(survey, search, node.child, level + 1))
            return true;
    }
    return false;
}

static bool find_in_leaf(xkv__survey *survey, const struct search *search, unsigned level) {
    const xkv__level *leaf = &survey->find[level];

    for (unsigned i = 0; i < xkv__page_count(leaf->page); i++) {
        xkv__page_node(leaf->page, i, false, search->node);
        if (xkv__compare(search->node->key, search->from) < 0)
            continue;
        survey->page = leaf->number;
        return true;
    }
    return false;
}

static bool find_in_page(xkv__survey *survey, const struct search *search, uint64_t number,
                         unsigned level) {
    bool is_branch = level + 1 < search->root->depth, usable;

    if (survey->steps_left == 0 || survey->error != XKV_OK)
        return false;
    survey->steps_left--;
    (void)load_page(survey, &survey->find[level], number, is_branch, &usable);
    return usable && (is_branch ? find_in_branch : find_in_leaf)(survey, search, level);
}

bool xkv__survey_find(xkv__survey *survey, const xkv__root *root, xkv_bytes from, xkv__node *node) {
    struct search search = {root, from, node};

    return has_pages(root) && find_in_page(survey, &search, root->page, 0);
}

/* -- Scanning ------------------------------------------------------------------ */

void xkv__survey_scan(xkv__survey *survey, xkv__on_node *show, void *context) {
    xkv__level *level = &survey->walk[0];
    xkv__node node;
    bool usable;

    for (uint64_t number = 2; number < survey->pages && survey->error == XKV_OK; number++) {
        if (has_bit(survey->used, number) || has_bit(survey->unused, number))
            continue;
        if (load_page(survey, level, number, false, &usable) || !usable)
            continue; /* nobody says that this is a leaf: it must be one without a fault */
        for (unsigned i = 0; i < xkv__page_count(level->page) && survey->error == XKV_OK; i++) {
            xkv__page_node(level->page, i, false, &node);
            survey->page = number;
            show(survey, &node, context);
        }
        level->number = 0;
    }
}
