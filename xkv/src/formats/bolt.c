/*
 * bolt.c - see bolt.h
 *
 * A BoltDB file consists of pages of one size, in the byte order of the machine that wrote it.
 * Page 0 and page 1 are meta pages; of those that are whole, the one with the newer transaction
 * counts. It names the root of a B+tree whose leaves hold the names of buckets, and the roots
 * of theirs. A bucket that is small has no page of its own: its only leaf lies in the place of the
 * root's number (it is inline). A page whose elements need more room goes on in the pages
 * behind it. Pages that no tree leads to are free, or the list of those that are, and of no
 * interest.
 *
 * What is checked: each page lies in the file and below the number from which on there are none,
 * has its own number, is of a kind that is expected there, and has the data of its elements side by
 * side; keys grow throughout the tree. No more pages are read than there can be, and no deeper than
 * DEPTH_MAX, so pages that lead to each other end the walk.
 */
#include "formats/bolt.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/sys.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>

static const uint32_t bolt_magic = 0xED0CDAED, bolt_magic_turned = 0xEDDA0CED;

enum {
    BOLT_HEADER = 16, /* of a page: number (8), flags (2), count (2), continuations (4) */
    BOLT_FLAGS_AT = 8,
    BOLT_COUNT_AT = 10,
    BOLT_OVERFLOW_AT = 12,
    BOLT_BRANCH = 1,
    BOLT_LEAF = 2,
    BOLT_ELEMENT = 16, /* branch: place (4), key size (4), page (8);
                        * leaf: flags (4), place (4), key size (4), value size (4) */
    BOLT_IS_BUCKET = 1,
    BOLT_BUCKET = 16, /* root (8), sequence (8); then, if the root is 0, a page */

    BOLT_MAGIC_AT = 16,
    BOLT_VERSION_AT = 20,
    BOLT_VERSION = 2,
    BOLT_PAGE_SIZE_AT = 24,
    BOLT_ROOT_AT = 32,
    BOLT_PAGES_AT = 56, /* the number from which on there are no pages */
    BOLT_TXN_AT = 64,
    BOLT_SUM_AT = 72, /* FNV-1a of what lies from the magic number up to here */
    BOLT_META = 80,

    BOLT_PAGE_MIN = 512,
    BOLT_PAGE_MAX = 65536,
    BOLT_KEY_MAX = 32768,
    BOLT_DEPTH_MAX = 64
};

/* A page, with those that are its continuation. */
struct bolt_page {
    uint64_t number; /* of an inline one, that which it lies in */
    const unsigned char *data;
    size_t len;
    unsigned level; /* 0: the root */
    size_t next;    /* where the data of its next element must lie */
};

struct xkv__bolt {
    xkv__read_at *read;
    void *context;
    uint64_t size; /* of the file */
    uint64_t page_size, pages;

    /* The bucket. */
    const char *name; /* NULL: not found yet */
    uint64_t root;    /* 0: it is inline, in holder, */
    uint64_t holder;
    xkv_bytes in_line; /* and this is its page, in memory of ours */

    /* A walk. */
    uint64_t left; /* pages that may yet be read */
    unsigned char *page[BOLT_DEPTH_MAX];
    size_t room[BOLT_DEPTH_MAX];
    unsigned char key[BOLT_KEY_MAX]; /* what the next key must not be less than, */
    size_t key_len;
    bool has_key, equal_allowed; /* nor, unless allowed, equal to */
};

/* An element of a leaf. */
struct bolt_found {
    uint64_t page;
    bool is_bucket;
    xkv_bytes key, value;
};

/* What a walk does with each. */
struct bolt_each {
    int (*found)(xkv__bolt *bolt, const struct bolt_found *found, void *context);
    void *context;
};

static int bolt_damaged(uint64_t page, const char *what) {
    return xkv__fail(XKV_E_SNAPSHOT_READ, "page %" PRIu64 " of the BoltDB file is damaged: %s",
                     page, what);
}

/* -- Pages ------------------------------------------------------------------- */

/* Sees to it that the buffer of a level has so much room. What is in it stays. */
static int bolt_reserve(xkv__bolt *bolt, unsigned level, size_t size) {
    if (bolt->room[level] >= size)
        return XKV_OK;
    unsigned char *page = xkv__resize(bolt->page[level], size);
    if (!page)
        return XKV_E_STORE_FULL;
    bolt->page[level] = page;
    bolt->room[level] = size;
    return XKV_OK;
}

/* Reads what follows in the buffer of a level, up to an end. */
static int bolt_read(xkv__bolt *bolt, uint64_t number, unsigned level, size_t from, size_t to) {
    int error = bolt_reserve(bolt, level, to);

    if (error != XKV_OK || from == to)
        return error;
    return bolt->read(bolt->context, bolt->page[level] + from, to - from,
                      number * bolt->page_size + from);
}

/* Whether so many pages from one on may be read. */
static int bolt_admit(xkv__bolt *bolt, uint64_t number, uint64_t count) {
    if (number < 2 || number >= bolt->pages || count > bolt->pages - number)
        return bolt_damaged(number, "it lies outside of the pages that are in use");
    if (number + count > bolt->size / bolt->page_size)
        return bolt_damaged(number, "the file was cut short before its end");
    if (count > bolt->left)
        return bolt_damaged(number, "more pages are used than there are");
    return XKV_OK;
}

/* Reads a page into the buffer of its level. */
static int bolt_load(xkv__bolt *bolt, uint64_t number, struct bolt_page *page) {
    size_t size = (size_t)bolt->page_size;
    unsigned level = page->level;
    int error = bolt_admit(bolt, number, 1);

    if (error == XKV_OK)
        error = bolt_read(bolt, number, level, 0, size);
    if (error != XKV_OK)
        return error;
    if (xkv__get_u64(bolt->page[level]) != number)
        return bolt_damaged(number, "it has another number");
    uint64_t count = (uint64_t)xkv__get_u32(bolt->page[level] + BOLT_OVERFLOW_AT) + 1;
    error = bolt_admit(bolt, number, count);
    if (error == XKV_OK && count > SIZE_MAX / size)
        error = XKV_E_STORE_FULL;
    if (error == XKV_OK)
        error = bolt_read(bolt, number, level, size, (size_t)count * size);
    bolt->left -= error == XKV_OK ? count : 0;
    page->number = number;
    page->data = bolt->page[level];
    page->len = (size_t)count * size;
    return error;
}

/* -- Elements ---------------------------------------------------------------- */

/* Checks that a key follows what came before. From a branch it is a bound: the keys before
 * it must be less, those behind it may be equal. */
static int bolt_follow(xkv__bolt *bolt, const struct bolt_page *page, xkv_bytes key,
                       bool is_bound) {
    int order = bolt->has_key ? xkv__compare(key, (xkv_bytes){bolt->key, bolt->key_len}) : 1;

    if (key.len == 0 || key.len > BOLT_KEY_MAX)
        return bolt_damaged(page->number, "a key has an impossible length");
    if (order < 0 || (order == 0 && !bolt->equal_allowed))
        return bolt_damaged(page->number, "its keys are out of order");
    memcpy(bolt->key, key.data, key.len);
    bolt->key_len = key.len;
    bolt->has_key = true;
    bolt->equal_allowed = is_bound;
    return XKV_OK;
}

/* Where the data of the next element lies: bolt writes that of one behind that of another, the
 * first behind the elements themselves. So a count or a size that was changed is seen. */
static int bolt_next(struct bolt_page *page, unsigned i, uint64_t place, uint64_t size,
                     const unsigned char **data) {
    uint64_t at = BOLT_HEADER + (uint64_t)i * BOLT_ELEMENT + place;

    if (at != page->next)
        return bolt_damaged(page->number, "its entries do not lie side by side");
    if (size > page->len - page->next)
        return bolt_damaged(page->number, "an entry reaches beyond its end");
    *data = page->data + page->next;
    page->next += (size_t)size;
    return XKV_OK;
}

static int bolt_leaf(xkv__bolt *bolt, struct bolt_page *page, unsigned i,
                     const struct bolt_each *each) {
    const unsigned char *element = page->data + BOLT_HEADER + (size_t)i * BOLT_ELEMENT,
                        *data = NULL;
    uint32_t flags = xkv__get_u32(element), key_len = xkv__get_u32(element + 8),
             value_len = xkv__get_u32(element + 12);
    int error = bolt_next(page, i, xkv__get_u32(element + 4), (uint64_t)key_len + value_len, &data);

    if (error != XKV_OK)
        return error;
    if (flags != 0 && flags != BOLT_IS_BUCKET)
        return bolt_damaged(page->number, "an entry is of an unknown kind");
    struct bolt_found found = {
        page->number, flags == BOLT_IS_BUCKET, {data, key_len}, {data + key_len, value_len}};
    error = bolt_follow(bolt, page, found.key, false);
    return error == XKV_OK ? each->found(bolt, &found, each->context) : error;
}

static int bolt_tree(xkv__bolt *bolt, uint64_t number, unsigned level,
                     const struct bolt_each *each);

static int bolt_branch(xkv__bolt *bolt, struct bolt_page *page, unsigned i,
                       const struct bolt_each *each) {
    const unsigned char *element = page->data + BOLT_HEADER + (size_t)i * BOLT_ELEMENT,
                        *data = NULL;
    uint32_t key_len = xkv__get_u32(element + 4);
    int error = bolt_next(page, i, xkv__get_u32(element), key_len, &data);

    if (error == XKV_OK)
        error = bolt_follow(bolt, page, (xkv_bytes){data, key_len}, true);
    if (error != XKV_OK)
        return error;
    return bolt_tree(bolt, xkv__get_u64(element + 8), page->level + 1, each);
}

static int bolt_walk_page(xkv__bolt *bolt, struct bolt_page *page, const struct bolt_each *each) {
    unsigned flags = xkv__get_u16(page->data + BOLT_FLAGS_AT),
             count = xkv__get_u16(page->data + BOLT_COUNT_AT);
    int error = XKV_OK;

    if (flags != BOLT_BRANCH && flags != BOLT_LEAF)
        return bolt_damaged(page->number, "it is neither a branch nor a leaf of a tree");
    if (count == 0 && (flags == BOLT_BRANCH || page->level > 0))
        return bolt_damaged(page->number, "it has no entries");
    page->next = BOLT_HEADER + (size_t)count * BOLT_ELEMENT;
    if (page->next > page->len)
        return bolt_damaged(page->number, "it has more entries than there is room for");
    for (unsigned i = 0; i < count && error == XKV_OK; i++)
        error = (flags == BOLT_LEAF ? bolt_leaf : bolt_branch)(bolt, page, i, each);
    return error;
}

static int bolt_tree(xkv__bolt *bolt, uint64_t number, unsigned level,
                     const struct bolt_each *each) {
    struct bolt_page page = {.level = level};

    if (level == BOLT_DEPTH_MAX)
        return bolt_damaged(number, "it lies too deep in its tree");
    int error = bolt_load(bolt, number, &page);
    return error == XKV_OK ? bolt_walk_page(bolt, &page, each) : error;
}

/* A walk through a whole tree. */
static int bolt_walk(xkv__bolt *bolt, uint64_t root, const struct bolt_each *each) {
    struct bolt_page page = {bolt->holder, bolt->in_line.data, bolt->in_line.len, 0, 0};

    bolt->left = bolt->pages;
    bolt->has_key = false;
    if (root != 0)
        return bolt_tree(bolt, root, 0, each);
    if (page.len < BOLT_HEADER || xkv__get_u16(page.data + BOLT_FLAGS_AT) != BOLT_LEAF)
        return bolt_damaged(page.number, "the bucket within it is not a leaf");
    return bolt_walk_page(bolt, &page, each);
}

/* -- The meta pages ----------------------------------------------------------- */

/* What a meta page holds, and how far it can be believed. */
struct bolt_meta {
    unsigned char bytes[BOLT_META];
    uint64_t page_size;
    enum { BOLT_NO_META, BOLT_BROKEN, BOLT_TURNED, BOLT_OTHER_VERSION, BOLT_WHOLE } state;
};

static uint64_t bolt_sum(const unsigned char *bytes) {
    uint64_t sum = UINT64_C(0xCBF29CE484222325);

    for (size_t i = BOLT_MAGIC_AT; i < BOLT_SUM_AT; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001B3);
    return sum;
}

static void bolt_judge(struct bolt_meta *meta) {
    const unsigned char *bytes = meta->bytes;
    uint32_t magic = xkv__get_u32(bytes + BOLT_MAGIC_AT);

    meta->page_size = xkv__get_u32(bytes + BOLT_PAGE_SIZE_AT);
    if (magic == bolt_magic_turned)
        meta->state = BOLT_TURNED;
    else if (magic != bolt_magic)
        meta->state = BOLT_NO_META;
    else if (xkv__get_u32(bytes + BOLT_VERSION_AT) != BOLT_VERSION)
        meta->state = BOLT_OTHER_VERSION;
    else
        meta->state =
            bolt_sum(bytes) == xkv__get_u64(bytes + BOLT_SUM_AT) ? BOLT_WHOLE : BOLT_BROKEN;
}

/* Reads the meta page at a place: there is none if the file ends before. */
static int bolt_read_meta(const xkv__bolt *bolt, uint64_t at, struct bolt_meta *meta) {
    int error = XKV_OK;

    *meta = (struct bolt_meta){.state = BOLT_NO_META};
    if (bolt->size >= BOLT_META && at <= bolt->size - BOLT_META) {
        error = bolt->read(bolt->context, meta->bytes, BOLT_META, at);
        if (error == XKV_OK)
            bolt_judge(meta);
    }
    return error;
}

/* Finds the second meta page: at the page size that the first one names, or, if that cannot
 * be believed, at the one of the possible sizes that it names itself. */
static int bolt_second_meta(const xkv__bolt *bolt, const struct bolt_meta *first,
                            struct bolt_meta *second) {
    int error = XKV_OK;

    if (first->state == BOLT_WHOLE)
        return bolt_read_meta(bolt, first->page_size, second);
    second->state = BOLT_NO_META;
    for (uint64_t size = BOLT_PAGE_MIN; size <= BOLT_PAGE_MAX && error == XKV_OK; size *= 2) {
        error = bolt_read_meta(bolt, size, second);
        if (second->state == BOLT_WHOLE && second->page_size == size)
            break;
        second->state = BOLT_NO_META;
    }
    return error;
}

static int bolt_no_meta(const struct bolt_meta *first) {
    switch (first->state) {
    case BOLT_TURNED:
        return xkv__fail(XKV_E_SNAPSHOT_READ,
                         "the BoltDB file is of a machine with another byte order; it can be read "
                         "on such a machine only");
    case BOLT_OTHER_VERSION:
        return xkv__fail(XKV_E_SNAPSHOT_READ, "the BoltDB file has version %u; only %d is known",
                         xkv__get_u32(first->bytes + BOLT_VERSION_AT), BOLT_VERSION);
    case BOLT_NO_META:
        return xkv__fail(XKV_E_SNAPSHOT_READ, "it is not a BoltDB file");
    default:
        return xkv__fail(XKV_E_SNAPSHOT_READ, "both meta pages of the BoltDB file are damaged");
    }
}

/* Takes what the meta page that counts says; *root gets that of the buckets. */
static int bolt_use_meta(xkv__bolt *bolt, const struct bolt_meta *meta, uint64_t *root) {
    bolt->page_size = meta->page_size;
    bolt->pages = xkv__get_u64(meta->bytes + BOLT_PAGES_AT);
    *root = xkv__get_u64(meta->bytes + BOLT_ROOT_AT);
    if (meta->page_size < BOLT_PAGE_MIN || meta->page_size > BOLT_PAGE_MAX ||
        (meta->page_size & (meta->page_size - 1)) != 0)
        return xkv__fail(XKV_E_SNAPSHOT_READ,
                         "the BoltDB file has pages of %" PRIu64
                         " bytes; those that can be read have a power of two from %d to %d",
                         meta->page_size, BOLT_PAGE_MIN, BOLT_PAGE_MAX);
    return *root == 0 ? bolt_damaged(0, "it has no root") : XKV_OK;
}

static int bolt_read_metas(xkv__bolt *bolt, uint64_t *root) {
    struct bolt_meta first, second;
    int error = bolt_read_meta(bolt, 0, &first);

    if (error == XKV_OK)
        error = bolt_second_meta(bolt, &first, &second);
    if (error != XKV_OK)
        return error;
    if (first.state != BOLT_WHOLE && second.state != BOLT_WHOLE)
        return bolt_no_meta(&first);
    bool is_second = first.state != BOLT_WHOLE ||
                     (second.state == BOLT_WHOLE && xkv__get_u64(second.bytes + BOLT_TXN_AT) >
                                                        xkv__get_u64(first.bytes + BOLT_TXN_AT));
    return bolt_use_meta(bolt, is_second ? &second : &first, root);
}

/* -- Buckets ----------------------------------------------------------------- */

/* In the order in which they are found; the last counts. */
static const char *const bolt_buckets[] = {".k6.kv", "k6"};

/* The names of all buckets, for a message. */
struct bolt_names {
    char text[400];
    size_t len, count;
};

static void bolt_note_name(struct bolt_names *names, xkv_bytes name) {
    char quoted[XKV__QUOTE_SIZE];
    size_t left = sizeof names->text - names->len;
    int len = snprintf(names->text + names->len, left, "%s%s", names->count ? ", " : "",
                       xkv__quote(name, quoted));

    if (len > 0 && (size_t)len < left)
        names->len += (size_t)len;
    names->text[names->len] = '\0'; /* a name is there entirely, or not at all */
    names->count++;
}

/* Takes a bucket as the one that is read. An inline one is copied. */
static int bolt_take(xkv__bolt *bolt, const struct bolt_found *found, const char *name) {
    if (found->value.len < BOLT_BUCKET)
        return bolt_damaged(found->page, "a bucket has no root");
    xkv__free((void *)bolt->in_line.data);
    bolt->in_line = (xkv_bytes){NULL, 0};
    bolt->name = name;
    bolt->holder = found->page;
    bolt->root = xkv__get_u64(found->value.data);
    size_t len = found->value.len - BOLT_BUCKET;
    if (bolt->root != 0 || len == 0)
        return XKV_OK;
    void *copy = xkv__alloc(len);
    if (!copy)
        return XKV_E_STORE_FULL;
    memcpy(copy, (const unsigned char *)found->value.data + BOLT_BUCKET, len);
    bolt->in_line = (xkv_bytes){copy, len};
    return XKV_OK;
}

static int bolt_see_bucket(xkv__bolt *bolt, const struct bolt_found *found, void *context) {
    if (!found->is_bucket)
        return bolt_damaged(found->page, "there is an entry outside of the buckets");
    bolt_note_name(context, found->key);
    for (size_t i = 0; i < sizeof bolt_buckets / sizeof *bolt_buckets; i++) {
        if (xkv__compare(found->key, xkv_text(bolt_buckets[i])) == 0)
            return bolt_take(bolt, found, bolt_buckets[i]);
    }
    return XKV_OK;
}

static int bolt_find_bucket(xkv__bolt *bolt, uint64_t root) {
    struct bolt_names names = {.len = 0};
    struct bolt_each each = {bolt_see_bucket, &names};
    int error = bolt_walk(bolt, root, &each);

    if (error != XKV_OK || bolt->name)
        return error;
    if (names.count == 0)
        return xkv__fail(XKV_E_SNAPSHOT_READ, "the BoltDB file has no bucket \"%s\", nor any other",
                         bolt_buckets[1]);
    return xkv__fail(
        XKV_E_SNAPSHOT_READ,
        "the BoltDB file has no bucket \"%s\"; it is not of an extension of k6, and has "
        "%zu other buckets: %s",
        bolt_buckets[1], names.count, names.text);
}

/* -- Interface ----------------------------------------------------------------- */

bool xkv__is_bolt(xkv_bytes beginning) {
    if (beginning.len < XKV__BOLT_BEGINNING)
        return false;
    uint32_t magic = xkv__get_u32((const unsigned char *)beginning.data + BOLT_MAGIC_AT);
    return magic == bolt_magic || magic == bolt_magic_turned;
}

int xkv__bolt_open(xkv__bolt **bolt, xkv__read_at *read, void *context, uint64_t size) {
    xkv__bolt *made = xkv__alloc(sizeof *made);
    uint64_t root = 0;

    *bolt = NULL;
    if (!made)
        return XKV_E_STORE_FULL;
    memset(made, 0, sizeof *made);
    made->read = read;
    made->context = context;
    made->size = size;
    int error = bolt_read_metas(made, &root);
    if (error == XKV_OK)
        error = bolt_find_bucket(made, root);
    if (error != XKV_OK) {
        xkv__bolt_close(made);
        return error;
    }
    *bolt = made;
    return XKV_OK;
}

/* Who is shown the entries. */
struct bolt_visitor {
    xkv__visit *visit;
    void *context;
};

static int bolt_show(xkv__bolt *bolt, const struct bolt_found *found, void *context) {
    const struct bolt_visitor *visitor = context;
    char quoted[XKV__QUOTE_SIZE];

    if (!found->is_bucket)
        return visitor->visit(visitor->context, found->key, found->value);
    return xkv__fail(XKV_E_SNAPSHOT_READ,
                     "the bucket \"%s\" of the BoltDB file has another bucket within it, %s, which "
                     "no store can hold",
                     bolt->name, xkv__quote(found->key, quoted));
}

int xkv__bolt_walk(xkv__bolt *bolt, xkv__visit *visit, void *context) {
    struct bolt_visitor visitor = {visit, context};

    return bolt_walk(bolt, bolt->root, &(struct bolt_each){bolt_show, &visitor});
}

void xkv__bolt_close(xkv__bolt *bolt) {
    if (!bolt)
        return;
    for (unsigned level = 0; level < BOLT_DEPTH_MAX; level++)
        xkv__free(bolt->page[level]);
    xkv__free((void *)bolt->in_line.data);
    xkv__free(bolt);
}
