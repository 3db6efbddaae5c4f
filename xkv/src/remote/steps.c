/*
 * steps.c - how spread commands begin, and what they do next; see spread.h
 *
 * A row of the table says of each command how it begins, and what is done with the answers to
 * a step: they are merged, or tell what the next step is.
 */
#include "base/error.h"
#include "base/text.h"
#include "command/told.h"
#include "formats/position.h"
#include "remote/heard.h"
#include "remote/merging.h"

enum { READ_AGAIN_MAX = 8 }; /* how often what is only read is read anew, since keys were removed */

/* -- What is next ---------------------------------------------------------------------- */

/* The answer of whoever was asked is the one answer. */
static int merge_one(struct xkv__merging *merging) {
    return xkv__pass_on(&merging->of[XKV__LOWEST_BIT(merging->from)], 1, &merging->spread->merged)
               ? XKV_OK
               : xkv__not_ours();
}

/* Remembers bytes, which may lie in an answer. */
static int keep_bytes(xkv__buffer *buffer, xkv_bytes bytes) {
    buffer->len = 0;
    xkv__buffer_append(buffer, bytes.data, bytes.len);
    return buffer->error;
}

static int found_nothing(struct xkv__merging *merging) {
    xkv__put_head(&merging->spread->merged, 0);
    return XKV_OK;
}

/* The first free key of all is taken where it lies, unless it is gone. */
static int take_next(struct xkv__merging *merging) {
    struct xkv__lists lists;
    int error = xkv__lists_begin(&lists, merging, 1);

    if (error != XKV_OK)
        return error;
    uint64_t least = xkv__least_of(&lists);
    if (least == XKV__PARTITIONS_MAX)
        return found_nothing(merging);
    error = keep_bytes(&merging->spread->next, lists.first[least]);
    return error == XKV_OK ? xkv__next_step(merging, merging->command->op, UINT64_C(1) << least)
                           : error;
}

static int merge_next(struct xkv__merging *merging) {
    xkv__resp_cursor cursor = merging->of[XKV__LOWEST_BIT(merging->from)];
    size_t members;

    if (merging->spread->command.op == XKV__OP_LOOK_NEXT)
        return take_next(merging);
    if (!xkv__hear_array(&cursor, &members))
        return xkv__not_ours();
    return members > 0 ? merge_one(merging)
                       : xkv__next_step(merging, XKV__OP_LOOK_NEXT, xkv__all(merging->dialect));
}

/* Whose turn is remembered for a prefix, the partition knows that would have it for a key; or it is
 * the value of a key. */
static uint64_t turn_place(const xkv__dialect *dialect, const xkv_command *command) {
    bool is_value = command->op == XKV_OP_NEXT;
    return UINT64_C(1) << xkv__partition_of(dialect, is_value ? command->key : command->prefix);
}

static int look_at_turn(struct xkv__merging *merging) {
    bool is_value = merging->command->op == XKV_OP_NEXT;
    return xkv__next_step(merging, is_value ? XKV__OP_LOOK_POSITION : XKV__OP_LOOK_TURN,
                          turn_place(merging->dialect, merging->command));
}

/* The key that stands at a position. */
static int hear_position(struct xkv__merging *merging, xkv_bytes value, bool there) {
    struct xkv__spread *spread = merging->spread;
    xkv_bytes key = value;

    spread->is_there = there;
    spread->last.len = 0;
    int error = keep_bytes(&spread->seen, value);
    if (error != XKV_OK || !there)
        return error;
    xkv__buffer room = {.len = 0};
    if (xkv__position_read(merging->dialect->serialization, value, &room, &key))
        error = keep_bytes(&spread->last, key);
    else
        error = room.error == XKV_OK ? xkv__tell_no_position(merging->command->key) : room.error;
    xkv__buffer_free(&room);
    return error;
}

/* Which entry comes after the last? */
static int hear_turn(struct xkv__merging *merging) {
    struct xkv__spread *spread = merging->spread;
    xkv_bytes last;
    bool there;

    if (!xkv__hear_value(&merging->of[XKV__LOWEST_BIT(merging->from)], &last, &there))
        return xkv__not_ours();
    int error = merging->command->op == XKV_OP_NEXT ? hear_position(merging, last, there)
                                                    : keep_bytes(&spread->last, last);
    spread->after = xkv__buffer_bytes(&spread->last);
    if (xkv__compare(spread->after, merging->command->prefix) < 0)
        spread->after = (xkv_bytes){NULL, 0};
    spread->command.limit = 1;
    return error == XKV_OK ? xkv__next_step(merging, XKV_OP_SCAN, xkv__all(merging->dialect))
                           : error;
}

static int take_this_turn(struct xkv__merging *merging, struct xkv__lists *lists) {
    struct xkv__spread *spread = merging->spread;
    bool is_value = merging->command->op == XKV_OP_NEXT;
    int serialization = is_value ? merging->dialect->serialization : XKV_STRING;

    spread->next.len = spread->taken.len = 0;
    xkv__position_write(serialization, lists->first[xkv__least_of(lists)], &spread->next);
    int error = spread->next.error;
    if (error == XKV_OK)
        error = xkv__take_least(lists, &spread->taken);
    if (error == XKV_OK)
        error = spread->taken.error;
    return error == XKV_OK
               ? xkv__next_step(merging, is_value ? XKV__OP_TAKE_POSITION : XKV__OP_TAKE_TURN,
                                turn_place(merging->dialect, merging->command))
               : error;
}

/* Behind the last comes the first, if it is in turns. */
static int hear_entry(struct xkv__merging *merging) {
    struct xkv__spread *spread = merging->spread;
    bool ends = merging->command->op == XKV_OP_NEXT && !merging->command->cycle;
    struct xkv__lists lists;
    int error = xkv__lists_begin(&lists, merging, 2);

    if (error != XKV_OK)
        return error;
    if (lists.count > 0)
        return take_this_turn(merging, &lists);
    if (spread->after.len == 0 || ends)
        return found_nothing(merging);
    spread->after = (xkv_bytes){NULL, 0};
    return xkv__next_step(merging, XKV_OP_SCAN, xkv__all(merging->dialect));
}

static int merge_turn(struct xkv__merging *merging) {
    struct xkv__spread *spread = merging->spread;
    int64_t is_taken;

    if (spread->command.op == XKV__OP_LOOK_TURN || spread->command.op == XKV__OP_LOOK_POSITION)
        return hear_turn(merging);
    if (spread->command.op == XKV_OP_SCAN)
        return hear_entry(merging);
    if (!xkv__hear_number(&merging->of[XKV__LOWEST_BIT(merging->from)], &is_taken))
        return xkv__not_ours();
    if (!is_taken)
        return look_at_turn(merging);
    xkv__put_head(&spread->merged, 2);
    xkv__buffer_append(&spread->merged, spread->taken.data, spread->taken.len);
    return XKV_OK;
}

/* -- Draws ------------------------------------------------------------------------------- */

/* How a command that draws counts, what a key that it draws is told as, and whether the keys
 * must have no claim. */
static const struct drawing {
    int look;
    size_t each;
    bool free, is_one;
} drawings[XKV__OPS_END] = {
    [XKV_OP_RANDOM_KEY] = {XKV_OP_COUNT, 1, false, true},
    [XKV_OP_RANDOM_ENTRY] = {XKV_OP_COUNT, 2, false, true},
    [XKV_OP_RANDOM_KEYS] = {XKV_OP_COUNT, 1, false, false},
    [XKV_OP_POP_RANDOM] = {XKV__OP_LOOK_FREE, 2, true, true},
    [XKV_OP_POP_RANDOM_MANY] = {XKV__OP_LOOK_FREE, 2, true, false},
    [XKV_OP_CLAIM_RANDOM] = {XKV__OP_LOOK_FREE, 4, true, true},
    [XKV_OP_CLAIM_RANDOM_MANY] = {XKV__OP_LOOK_FREE, 4, true, false},
    [XKV_OP_CLAIM_FOR_OWNER] = {XKV__OP_LOOK_OWNER, 4, true, true},
};

static const struct drawing *drawing_of(const struct xkv__merging *merging) {
    return &drawings[merging->command->op];
}

/* Of several keys less, what is there already. */
static int look_for_keys(struct xkv__merging *merging) {
    memset(merging->spread->share, 0, sizeof merging->spread->share);
    return xkv__next_step(merging, drawing_of(merging)->look, xkv__all(merging->dialect));
}

/* A count: a number, or the first of an array, of which members are left. */
static bool hear_count_of(xkv__resp_cursor *cursor, int64_t *count, size_t *members) {
    xkv__resp_item item;
    bool is_item = xkv__resp_next(cursor, &item);

    *members = 0;
    if (is_item && item.kind == XKV__RESP_ARRAY) {
        if (item.members == 0)
            return false;
        *members = item.members - 1;
        is_item = xkv__resp_next(cursor, &item);
    }
    return is_item && xkv__resp_integer(&item, count) && *count >= 0 &&
           *count <= INT64_MAX / XKV__PARTITIONS_MAX / 2;
}

/* The one that was drawn, or found. */
static int tell_drawn(struct xkv__merging *merging, xkv__resp_cursor *cursor, size_t members) {
    struct xkv__spread *spread = merging->spread;
    bool is_counted = merging->command->op == XKV_OP_RANDOM_KEY;

    if (members != 0 && members != drawing_of(merging)->each)
        return xkv__not_ours();
    xkv__put_head(&spread->merged, members + is_counted);
    if (is_counted)
        xkv__put_integer_to(&spread->merged, members > 0 && spread->total == 0 ? 1 : spread->total);
    return members == 0 || xkv__pass_on(cursor, members, &spread->merged) ? XKV_OK
                                                                          : xkv__not_ours();
}

static int draw_one(struct xkv__merging *merging) {
    uint64_t whom = xkv__draw_place(merging->exchange);

    return whom != 0 ? xkv__next_step(merging, merging->command->op, whom)
                     : tell_drawn(merging, NULL, 0);
}

static int tell_several(struct xkv__merging *merging) {
    struct xkv__spread *spread = merging->spread;
    size_t each = drawing_of(merging)->each;

    xkv__put_head(&spread->merged, spread->groups * each);
    return xkv__draw_shuffled(merging->exchange, each);
}

static int draw_several(struct xkv__merging *merging) {
    int64_t count = merging->command->count - (int64_t)merging->spread->groups;
    uint64_t whom = xkv__draw_split(merging->exchange, count, merging->command->repeats);

    return whom != 0 ? xkv__next_step(merging, merging->command->op, whom) : tell_several(merging);
}

/* All partitions say what they have. */
static int hear_counts(struct xkv__merging *merging) {
    struct xkv__spread *spread = merging->spread;
    const struct drawing *drawing = drawing_of(merging);
    size_t members;

    spread->total = 0;
    for (XKV__EACH(place, left, merging)) {
        if (!hear_count_of(&merging->of[place], &spread->share[place], &members))
            return xkv__not_ours();
        if (members > 0)
            return tell_drawn(merging, &merging->of[place], members);
        spread->total += spread->share[place];
    }
    xkv__bounds_remember(merging->dialect, spread, drawing->free);
    spread->is_remembered = false;
    return drawing->is_one ? draw_one(merging) : draw_several(merging);
}

/* In vain: by chance, or since the keys are others now. */
static int draw_again(struct xkv__merging *merging) {
    struct xkv__spread *spread = merging->spread;

    spread->is_remembered = spread->is_remembered &&
                            xkv__bounds_recall(merging->dialect, spread, drawing_of(merging)->free);
    return spread->is_remembered ? draw_one(merging) : look_for_keys(merging);
}

static int hear_drawn(struct xkv__merging *merging) {
    struct xkv__spread *spread = merging->spread;
    unsigned place = XKV__LOWEST_BIT(merging->from);
    xkv__resp_cursor *cursor = &merging->of[place];
    size_t members;
    int64_t count;

    if (!hear_count_of(cursor, &count, &members))
        return xkv__not_ours();
    xkv__bounds_correct(merging->dialect, spread, drawing_of(merging)->free, place, count);
    if (members > 0)
        return tell_drawn(merging, cursor, members);
    if (count > spread->share[place])
        return look_for_keys(merging);
    return draw_again(merging);
}

static int take_several(struct xkv__merging *merging) {
    struct xkv__spread *spread = merging->spread;
    size_t each = drawing_of(merging)->each, members;

    for (XKV__EACH(place, left, merging)) {
        xkv__resp_cursor *cursor = &merging->of[place];
        if (!xkv__hear_array(cursor, &members) || members % each != 0 ||
            members / each > (uint64_t)spread->share[place] ||
            !xkv__pass_on(cursor, members, &spread->taken))
            return xkv__not_ours();
        spread->groups += members / each;
    }
    return spread->taken.error;
}

/* Fewer than were counted are there, since others have taken some: there may be more
 * elsewhere. */
static int hear_several(struct xkv__merging *merging) {
    struct xkv__spread *spread = merging->spread;
    bool reads = merging->command->op == XKV_OP_RANDOM_KEYS;
    int64_t wanted = 0;

    for (XKV__EACH(place, left, merging))
        wanted += spread->share[place];
    int64_t before = (int64_t)spread->groups;
    int error = take_several(merging);
    if (error != XKV_OK)
        return error;
    if ((int64_t)spread->groups - before == wanted || (reads && spread->round > 2 * READ_AGAIN_MAX))
        return tell_several(merging);
    if (reads)
        spread->taken.len = spread->groups = 0;
    merging->exchange->has_changed = spread->groups > 0;
    return look_for_keys(merging);
}

static int merge_draws(struct xkv__merging *merging) {
    const struct drawing *drawing = drawing_of(merging);

    if (merging->spread->command.op == drawing->look)
        return hear_counts(merging);
    return drawing->is_one ? hear_drawn(merging) : hear_several(merging);
}

/* -- Beginnings -------------------------------------------------------------------------- */

typedef int begin_step(const xkv__dialect *dialect, xkv__exchange *exchange);

static int begin_in_all(const xkv__dialect *dialect, xkv__exchange *exchange) {
    exchange->spread->whom = xkv__all(dialect);
    return XKV_OK;
}

static int begin_items(const xkv__dialect *dialect, xkv__exchange *exchange) {
    return xkv__spread_items(dialect, exchange->spread, exchange->call->command->items);
}

static int begin_deletion(const xkv__dialect *dialect, xkv__exchange *exchange) {
    exchange->spread->command.op = XKV_OP_LIST_KEYS;
    exchange->spread->command.limit++;
    return begin_in_all(dialect, exchange);
}

static int begin_next(const xkv__dialect *dialect, xkv__exchange *exchange) {
    exchange->spread->command.op = XKV__OP_LOOK_NEXT;
    return begin_in_all(dialect, exchange);
}

static int begin_turn(const xkv__dialect *dialect, xkv__exchange *exchange) {
    const xkv_command *command = exchange->call->command;

    exchange->spread->command.op =
        command->op == XKV_OP_NEXT ? XKV__OP_LOOK_POSITION : XKV__OP_LOOK_TURN;
    exchange->spread->whom = turn_place(dialect, command);
    return XKV_OK;
}

/* With a seed the same keys give the same draw: what is remembered must not matter. */
static int begin_draw(const xkv__dialect *dialect, xkv__exchange *exchange) {
    const struct drawing *drawing = &drawings[exchange->call->command->op];
    struct xkv__spread *spread = exchange->spread;

    spread->is_remembered = drawing->is_one && drawing->look != XKV__OP_LOOK_OWNER &&
                            exchange->call->seed == XKV_NO_SEED &&
                            xkv__bounds_recall(dialect, spread, drawing->free);
    if (spread->is_remembered) {
        spread->whom = xkv__draw_place(exchange);
        return XKV_OK;
    }
    spread->command.op = drawing->look;
    return begin_in_all(dialect, exchange);
}

static int begin_join(const xkv__dialect *dialect, xkv__exchange *exchange) {
    exchange->spread->whom = xkv__all(dialect) - 1;
    return XKV_OK;
}

static int begin_in_first(const xkv__dialect *dialect, xkv__exchange *exchange) {
    (void)dialect;
    exchange->spread->whom = 1;
    return XKV_OK;
}

/* -- The table ------------------------------------------------------------------------------ */

static const struct {
    begin_step *begin;
    xkv__merge_step *merge;
} spreads[XKV__OPS_END] = {
    [XKV_OP_GET_MANY] = {begin_items, xkv__merge_values},
    [XKV_OP_SET_MANY] = {begin_items, xkv__merge_sum},
    [XKV_OP_DELETE_MANY] = {begin_items, xkv__merge_sum},
    [XKV_OP_CLAIM_KEYS] = {begin_items, xkv__merge_claimed_keys},
    [XKV_OP_RENEW_CLAIMS] = {begin_items, xkv__merge_settled},
    [XKV_OP_RELEASE_CLAIMS] = {begin_items, xkv__merge_settled},
    [XKV_OP_COMPLETE_CLAIMS] = {begin_items, xkv__merge_settled},

    [XKV_OP_CLEAR] = {begin_in_all, xkv__merge_sum},
    [XKV_OP_SIZE] = {begin_in_all, xkv__merge_sum},
    [XKV_OP_COUNT] = {begin_in_all, xkv__merge_sum},
    [XKV_OP_REBUILD_KEY_LIST] = {begin_in_all, xkv__merge_sum},
    [XKV_OP_STATS] = {begin_in_all, xkv__merge_stats},
    [XKV_OP_REPORT_STATS] = {begin_in_all, xkv__merge_stats},
    [XKV_OP_ALLOCATION_STATS] = {begin_in_all, xkv__merge_stats},

    [XKV_OP_LIST] = {begin_in_all, xkv__merge_entries},
    [XKV_OP_LIST_KEYS] = {begin_in_all, xkv__merge_keys},
    [XKV_OP_SCAN] = {begin_in_all, xkv__merge_page},
    [XKV_OP_SCAN_KEYS] = {begin_in_all, xkv__merge_page_of_keys},
    [XKV_OP_DELETE_BY_PREFIX] = {begin_deletion, xkv__merge_deleted},

    [XKV_OP_CLAIM_NEXT] = {begin_next, merge_next},
    [XKV_OP_POP_NEXT] = {begin_next, merge_next},
    [XKV_OP_NEXT_CIRCULAR] = {begin_turn, merge_turn},
    [XKV_OP_NEXT] = {begin_turn, merge_turn},

    [XKV_OP_RANDOM_KEY] = {begin_draw, merge_draws},
    [XKV_OP_RANDOM_ENTRY] = {begin_draw, merge_draws},
    [XKV_OP_RANDOM_KEYS] = {begin_draw, merge_draws},
    [XKV_OP_POP_RANDOM] = {begin_draw, merge_draws},
    [XKV_OP_POP_RANDOM_MANY] = {begin_draw, merge_draws},
    [XKV_OP_CLAIM_RANDOM] = {begin_draw, merge_draws},
    [XKV_OP_CLAIM_RANDOM_MANY] = {begin_draw, merge_draws},
    [XKV_OP_CLAIM_FOR_OWNER] = {begin_draw, merge_draws},

    [XKV__OP_MEET] = {begin_in_all, xkv__merge_sum},
    [XKV__OP_JOIN] = {begin_join, xkv__merge_sum},
    [XKV__OP_MADE] = {begin_in_first, xkv__merge_sum},
};

int xkv__spread_begin(const xkv__dialect *dialect, xkv__exchange *exchange) {
    begin_step *begin = spreads[exchange->call->command->op].begin;
    return begin ? begin(dialect, exchange) : XKV_E_INTERNAL;
}

int xkv__merge(const xkv__dialect *dialect, xkv__exchange *exchange, const xkv__answers *given) {
    struct xkv__spread *spread = exchange->spread;
    struct xkv__merging merging = {.dialect = dialect,
                                   .exchange = exchange,
                                   .spread = spread,
                                   .command = exchange->call->command,
                                   .from = given->from};

    for (XKV__EACH(place, left, &merging))
        merging.of[place] = xkv__resp_cursor_on(given->of[place]);
    int error = spreads[merging.command->op].merge(&merging);
    return error == XKV_OK ? spread->merged.error : error;
}
