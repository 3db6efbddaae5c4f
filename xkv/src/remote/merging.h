/*
 * merging.h - answers of many partitions while they become one: between merge.c and steps.c
 */
#ifndef XKV_REMOTE_MERGING_H
#define XKV_REMOTE_MERGING_H

#include "remote/spread.h"
#include "remote/words.h"

/* Answers to a step, and where each has been read to. */
struct xkv__merging {
    const xkv__dialect *dialect;
    xkv__exchange *exchange;
    struct xkv__spread *spread;
    const xkv_command *command; /* the call's */
    uint64_t from;
    xkv__resp_cursor of[XKV__PARTITIONS_MAX];
};

/* For a loop over those that have answered: the lowest, and the others. */
#define XKV__EACH(place, left, merging)                                                            \
    uint64_t left = (merging)->from, place;                                                        \
    left != 0 && (place = XKV__LOWEST_BIT(left), true);                                            \
    left &= left - 1

/* Makes of them spread->merged: XKV_OK, XKV__ASK_AGAIN with the next step, or an error. The names
 * are of what is merged. */
typedef int xkv__merge_step(struct xkv__merging *merging);

xkv__merge_step xkv__merge_sum, xkv__merge_stats;                               /* numbers */
xkv__merge_step xkv__merge_values, xkv__merge_settled, xkv__merge_claimed_keys; /* per item */
xkv__merge_step xkv__merge_entries, xkv__merge_keys, xkv__merge_page, xkv__merge_page_of_keys;
xkv__merge_step xkv__merge_deleted; /* of DELETE_BY_PREFIX */

/* Another step: a command, for some partitions. XKV__ASK_AGAIN, or an error: they were too many. */
int xkv__next_step(struct xkv__merging *merging, int op, uint64_t whom);

/* Appends the next so many items as they are. False if there are not so many. */
bool xkv__pass_on(xkv__resp_cursor *cursor, size_t items, xkv__buffer *out);

/* Appends a number, which is not below zero. */
static inline void xkv__put_integer_to(xkv__buffer *out, int64_t number) {
    xkv__put_count(out, ':', (size_t)number);
}

/* Lists of which the least key is taken, again and again. */
struct xkv__lists {
    struct xkv__merging *merging;
    size_t each;                          /* items of an entry: the key, and maybe a value */
    size_t left[XKV__PARTITIONS_MAX];     /* entries */
    xkv_bytes first[XKV__PARTITIONS_MAX]; /* key of those, at which the cursor is */
    size_t count;                         /* of all entries */
};

/* All answers are lists of entries, each of so many items. XKV_OK, or they are none. */
int xkv__lists_begin(struct xkv__lists *lists, struct xkv__merging *merging, size_t each);

/* Which list has the least key; XKV__PARTITIONS_MAX if all are at their ends. */
uint64_t xkv__least_of(const struct xkv__lists *lists);

/* Appends the least entry, of which there must be one, and is at the next. */
int xkv__take_least(struct xkv__lists *lists, xkv__buffer *out);

#endif
