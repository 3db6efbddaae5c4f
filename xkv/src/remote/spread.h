/*
 * spread.h - commands on a store of several partitions
 *
 * What concerns one key is asked where that key lies, as if there were no other partition. All
 * else is spread: asked in many partitions, often in several steps, until what they have
 * answered is one answer, in bytes, that a single partition might have given. Who reads
 * it (answer.c) need not know.
 */
#ifndef XKV_REMOTE_SPREAD_H
#define XKV_REMOTE_SPREAD_H

#include "remote/protocol.h"

/* What is asked in steps, beside the commands that there are. */
enum {
    XKV__OP_MEET = XKV_OP_END, /* whether all partitions are there */
    XKV__OP_JOIN,              /* makes a partition of a store that is being made */
    XKV__OP_MADE,              /* the store has all its partitions now */
    XKV__OP_LOOK_FREE,         /* how many keys have no claim */
    XKV__OP_LOOK_NEXT,         /* the first that has none */
    XKV__OP_LOOK_OWNER,        /* an owner's claim, and as LOOK_FREE */
    XKV__OP_LOOK_TURN,         /* the key that nextCircular gave last, */
    XKV__OP_TAKE_TURN,         /* and the next, if it is still that one */
    XKV__OP_LOOK_POSITION,     /* the same of a position that is a value */
    XKV__OP_TAKE_POSITION,
    XKV__OPS_END
};

/* Where a spread command is. */
struct xkv__spread {
    xkv_command command; /* the step's */
    unsigned round;      /* of steps so far */
    uint64_t whom;       /* whom the step is for, a bit for each */
    bool is_remembered;  /* the shares are bounds that were remembered */
    bool has_more;       /* behind the keys that are to be deleted */

    int64_t share[XKV__PARTITIONS_MAX];    /* of each: below what number to draw, or how many */
    int64_t total;                         /* as many as there were to choose from */
    xkv_items items;                       /* a step's own, */
    xkv__buffer places;                    /* and for each item the partition that has it, a byte */
    xkv__buffer offsets;                   /* where items begin, size_t: those of one partition */
    size_t first[XKV__PARTITIONS_MAX + 1]; /* behind each other, the first of each */

    xkv__buffer last, next; /* keys: what was given last, what is to be taken */
    xkv__buffer seen;       /* a position's value; */
    bool is_there;          /* there is one */
    xkv_bytes after;        /* behind which a page begins: empty, or last */
    xkv__buffer taken;      /* members that have been got, as they came: */
    size_t groups;          /* of so many keys */
    xkv__buffer merged;     /* the one answer */
};

/* -- route.c -------------------------------------------------------------------- */

/* In which partition a key lies: a tag in it, as clusters have it, decides alone. */
unsigned xkv__partition_of(const xkv__dialect *dialect, xkv_bytes key);

/* Begins a step with items: notes which partition each is in, and asks those that have one.
 * XKV_OK, or XKV_E_STORE_FULL. */
int xkv__spread_items(const xkv__dialect *dialect, struct xkv__spread *spread, xkv_bytes items);

static inline uint64_t xkv__all(const xkv__dialect *dialect) {
    return ~UINT64_C(0) >> (64 - dialect->count);
}

void xkv__spread_free(struct xkv__spread *spread); /* NULL is allowed */

/* How many items a partition has. */
static inline size_t xkv__items_in(const struct xkv__spread *spread, uint64_t place) {
    return spread->first[place + 1] - spread->first[place];
}

/* -- steps.c -------------------------------------------------------------------- */

/* The command's first step. */
int xkv__spread_begin(const xkv__dialect *dialect, xkv__exchange *exchange);

/* What partitions have answered to a step becomes the one answer, in merged; or
 * XKV__ASK_AGAIN, when there is another step. */
int xkv__merge(const xkv__dialect *dialect, xkv__exchange *exchange, const xkv__answers *given);

/* -- draw.c --------------------------------------------------------------------- */

/* Until the next, the thread's random numbers are those of the call's seed, if it has one: others
 * for each step of it, and each place in it. */
void xkv__draws_begin(const xkv__exchange *exchange, unsigned place);
void xkv__draws_end(const xkv__exchange *exchange);

/* Makes shares, which are counts, the bounds for one draw: which partition it is made in, a
 * bit; 0 if there is nothing. */
uint64_t xkv__draw_place(const xkv__exchange *exchange);

/* Shares, which are counts, become how many of count keys come from each: different ones, of
 * which every set has the same chance, or as if each were drawn by itself. */
uint64_t xkv__draw_split(const xkv__exchange *exchange, int64_t count, bool repeats);

/* Appends the groups that were taken, each of so many items, to merged in random order. */
int xkv__draw_shuffled(const xkv__exchange *exchange, size_t each);

/* How many keys partitions had lately, and bounds for them. NULL when memory is short. */
struct xkv__bounds *xkv__bounds_new(void);
void xkv__bounds_free(struct xkv__bounds *bounds); /* NULL is allowed */

/* Sets the shares to bounds of the keys with the prefix, claimed ones or not, and the total to
 * the keys. False: nothing of use is known. */
bool xkv__bounds_recall(const xkv__dialect *dialect, struct xkv__spread *spread, bool free);

/* What all partitions have: the shares. */
void xkv__bounds_remember(const xkv__dialect *dialect, const struct xkv__spread *spread, bool free);

/* What one has. */
void xkv__bounds_correct(const xkv__dialect *dialect, const struct xkv__spread *spread, bool free,
                         unsigned partition, int64_t count);

#endif
