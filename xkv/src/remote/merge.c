/*
 * merge.c - the answers of many partitions become one, in one step; see merging.h
 *
 * Answers are looked at here only as far as needed: what is passed on is looked at by whoever
 * reads the one answer.
 */
#include "base/error.h"
#include "base/text.h"
#include "command/told.h"
#include "remote/heard.h"
#include "remote/merging.h"

enum { ROUNDS_MAX = 1000 }; /* steps that a command has: others may be quicker, but not always */

/* -- Passing on ------------------------------------------------------------------- */

bool xkv__pass_on(xkv__resp_cursor *cursor, size_t items, xkv__buffer *out) {
    const unsigned char *from = cursor->at;

    for (; items > 0; items--) {
        if (cursor->at == cursor->end)
            return false;
        xkv__resp_skip(cursor);
    }
    xkv__buffer_append(out, from, (size_t)(cursor->at - from));
    return true;
}

int xkv__next_step(struct xkv__merging *merging, int op, uint64_t whom) {
    struct xkv__spread *spread = merging->spread;

    if (++spread->round >= ROUNDS_MAX)
        return xkv__fail(XKV_E_SERVER_UNAVAILABLE,
                         "what was found in the store was gone %d times, when it was to be taken",
                         ROUNDS_MAX);
    spread->command.op = op;
    spread->whom = whom;
    return XKV__ASK_AGAIN;
}

/* -- Numbers ---------------------------------------------------------------------- */

enum { STATS_NUMBERS = 5 };

/* Adds what all have said: numbers, or arrays of so many. */
static bool add_numbers(struct xkv__merging *merging, int64_t *sums, size_t count, bool in_array) {
    const int64_t most = INT64_MAX / XKV__PARTITIONS_MAX;
    int64_t number;
    size_t members;

    for (XKV__EACH(place, left, merging)) {
        xkv__resp_cursor *cursor = &merging->of[place];
        if (in_array && (!xkv__hear_array(cursor, &members) || members != count))
            return false;
        for (size_t i = 0; i < count; i++) {
            if (!xkv__hear_number(cursor, &number) || number > most)
                return false;
            sums[i] += number;
        }
    }
    return true;
}

int xkv__merge_sum(struct xkv__merging *merging) {
    int64_t sum = 0;

    if (!add_numbers(merging, &sum, 1, false))
        return xkv__not_ours();
    xkv__put_integer_to(&merging->spread->merged, sum);
    return XKV_OK;
}

int xkv__merge_stats(struct xkv__merging *merging) {
    int64_t sums[STATS_NUMBERS] = {0};

    if (!add_numbers(merging, sums, STATS_NUMBERS, true))
        return xkv__not_ours();
    xkv__put_head(&merging->spread->merged, STATS_NUMBERS);
    for (int i = 0; i < STATS_NUMBERS; i++)
        xkv__put_integer_to(&merging->spread->merged, sums[i]);
    return XKV_OK;
}

/* -- Answers per item, in their order ------------------------------------------------ */

/* Of what is asked plainly, the id comes first. */
static int begin_values(struct xkv__merging *merging, unsigned char place) {
    xkv__resp_cursor *cursor = &merging->of[place];
    size_t members;
    xkv_bytes id;
    bool there;

    if (!xkv__hear_array(cursor, &members) ||
        members != xkv__items_in(merging->spread, place) + 1 ||
        !xkv__hear_value(cursor, &id, &there))
        return xkv__not_ours();
    if (!there || xkv__compare(id, (xkv_bytes){merging->dialect->id, XKV__ID_SIZE}) != 0)
        return xkv__refusal(xkv_text("XKVLOST"));
    return XKV_OK;
}

/* Passes on the next item of each item's partition. */
static int pass_on_items(struct xkv__merging *merging) {
    const xkv__buffer *places = &merging->spread->places;

    for (size_t i = 0; i < places->len; i++) {
        if (!xkv__pass_on(&merging->of[places->data[i]], 1, &merging->spread->merged))
            return xkv__not_ours();
    }
    return XKV_OK;
}

int xkv__merge_values(struct xkv__merging *merging) {
    xkv__buffer *out = &merging->spread->merged;
    int error = XKV_OK;

    for (XKV__EACH(place, left, merging)) {
        error = begin_values(merging, (unsigned char)place);
        if (error != XKV_OK)
            return error;
    }
    xkv__put_head(out, merging->spread->places.len + 1);
    xkv__put_word(out, (xkv_bytes){merging->dialect->id, XKV__ID_SIZE});
    return pass_on_items(merging);
}

/* Texts of '1' and '0'. */
int xkv__merge_settled(struct xkv__merging *merging) {
    const xkv__buffer *places = &merging->spread->places;
    xkv__buffer *out = &merging->spread->merged;
    xkv_bytes texts[XKV__PARTITIONS_MAX];
    size_t at[XKV__PARTITIONS_MAX] = {0};

    for (XKV__EACH(place, left, merging)) {
        if (!xkv__hear_text(&merging->of[place], &texts[place]) ||
            texts[place].len != xkv__items_in(merging->spread, place))
            return xkv__not_ours();
    }
    xkv__put_count(out, '$', places->len);
    for (size_t i = 0; i < places->len; i++) {
        unsigned char place = places->data[i];
        xkv__buffer_append_byte(out, ((const unsigned char *)texts[place].data)[at[place]++]);
    }
    xkv__buffer_append(out, "\r\n", 2);
    return XKV_OK;
}

/* -- Claims on keys that are named ------------------------------------------------- */

static int begin_fates(struct xkv__merging *merging) {
    size_t members;

    for (XKV__EACH(place, left, merging)) {
        if (!xkv__hear_array(&merging->of[place], &members) ||
            members != xkv__items_in(merging->spread, place))
            return xkv__not_ours();
    }
    return XKV_OK;
}

/* What has come of one key, among all or nothing. */
static int look_at_fate(struct xkv__merging *merging, const xkv_item *item, unsigned char place,
                        bool *is_refused) {
    xkv__resp_cursor *cursor = &merging->of[place], inside = *cursor;
    char id[XKV__CLAIM_ID_MAX];
    xkv__resp_item fate;
    int64_t token;

    if (!xkv__resp_next(&inside, &fate))
        return xkv__not_ours();
    xkv__resp_skip(cursor);
    *is_refused = fate.kind == XKV__RESP_TEXT;
    if (fate.kind != XKV__RESP_ARRAY)
        return XKV_OK;
    if (!xkv__hear_number(&inside, &token))
        return xkv__not_ours();
    return xkv_items_add_claim(&merging->spread->items, xkv__claim_id((uint64_t)token, id),
                               item->text, token);
}

/* Which item is the first that could not be claimed, or how many there are; the claims that were
 * got are noted. */
static int look_at_fates(struct xkv__merging *merging, size_t *first) {
    size_t at = 0, i = 0, count = merging->spread->places.len;
    bool is_refused = false;
    int error = XKV_OK;

    *first = count;
    for (xkv_item item;
         error == XKV_OK && xkv_item_next(merging->command->items, &at, &item) && i < count; i++) {
        error = look_at_fate(merging, &item, merging->spread->places.data[i], &is_refused);
        if (is_refused && *first == count)
            *first = i;
    }
    return error;
}

/* Only the first that could not be claimed is told. */
static int tell_refused(struct xkv__merging *merging, size_t first) {
    const xkv__buffer *places = &merging->spread->places;
    xkv__buffer *out = &merging->spread->merged;

    xkv__put_head(out, places->len);
    for (size_t i = 0; i < places->len; i++) {
        xkv__resp_cursor *cursor = &merging->of[places->data[i]];
        if (i == first) {
            if (!xkv__pass_on(cursor, 1, out))
                return xkv__not_ours();
            continue;
        }
        xkv__resp_skip(cursor);
        xkv__buffer_append(out, "$-1\r\n", 5);
    }
    return XKV_OK;
}

/* What some partitions have claimed, since they know nothing of the others, is given back. */
static int give_back_claims(struct xkv__merging *merging) {
    struct xkv__spread *spread = merging->spread;
    xkv_bytes claims = xkv_items_bytes(&spread->items);

    if (claims.len == 0)
        return XKV_OK;
    merging->exchange->has_changed = true;
    spread->command.items = claims;
    int error = xkv__spread_items(merging->dialect, spread, claims);
    return error == XKV_OK ? xkv__next_step(merging, XKV_OP_RELEASE_CLAIMS, spread->whom) : error;
}

static int claim_all_or_nothing(struct xkv__merging *merging) {
    size_t first;

    xkv__resp_cursor of[XKV__PARTITIONS_MAX];
    memcpy(of, merging->of, sizeof of);
    int error = look_at_fates(merging, &first);
    memcpy(merging->of, of, sizeof of);
    if (error != XKV_OK)
        return error;
    if (first < merging->spread->places.len) {
        error = tell_refused(merging, first);
        return error == XKV_OK ? give_back_claims(merging) : error;
    }
    xkv__put_head(&merging->spread->merged, merging->spread->places.len);
    return pass_on_items(merging);
}

int xkv__merge_claimed_keys(struct xkv__merging *merging) {
    if (merging->spread->command.op == XKV_OP_RELEASE_CLAIMS)
        return XKV_OK; /* the answer is made already */
    int error = begin_fates(merging);
    if (error == XKV_OK && merging->command->all_or_nothing)
        return claim_all_or_nothing(merging);
    if (error != XKV_OK)
        return error;
    xkv__put_head(&merging->spread->merged, merging->spread->places.len);
    return pass_on_items(merging);
}

/* -- Lists in order ---------------------------------------------------------------- */

/* Looks at the key that is next. */
static bool look_ahead(struct xkv__lists *lists, uint64_t place) {
    xkv__resp_cursor cursor = lists->merging->of[place];

    return lists->left[place] == 0 || xkv__hear_text(&cursor, &lists->first[place]);
}

int xkv__lists_begin(struct xkv__lists *lists, struct xkv__merging *merging, size_t each) {
    size_t members;

    *lists = (struct xkv__lists){.merging = merging, .each = each};
    for (XKV__EACH(place, left, merging)) {
        if (!xkv__hear_array(&merging->of[place], &members) || members % each != 0)
            return xkv__not_ours();
        lists->left[place] = members / each;
        lists->count += members / each;
        if (!look_ahead(lists, place))
            return xkv__not_ours();
    }
    return XKV_OK;
}

uint64_t xkv__least_of(const struct xkv__lists *lists) {
    uint64_t least = XKV__PARTITIONS_MAX;

    for (XKV__EACH(place, left, lists->merging)) {
        if (lists->left[place] > 0 && (least == XKV__PARTITIONS_MAX ||
                                       xkv__compare(lists->first[place], lists->first[least]) < 0))
            least = place;
    }
    return least;
}

int xkv__take_least(struct xkv__lists *lists, xkv__buffer *out) {
    uint64_t least = xkv__least_of(lists);

    if (!xkv__pass_on(&lists->merging->of[least], lists->each, out))
        return xkv__not_ours();
    lists->left[least]--;
    return look_ahead(lists, least) ? XKV_OK : xkv__not_ours();
}

/* limit: 0 for all. */
static int merge_lists(struct xkv__merging *merging, size_t each, int64_t limit) {
    struct xkv__lists lists;
    int error = xkv__lists_begin(&lists, merging, each);

    if (error != XKV_OK)
        return error;
    size_t count = limit > 0 && (uint64_t)limit < lists.count ? (size_t)limit : lists.count;
    xkv__put_head(&merging->spread->merged, count * each);
    for (; error == XKV_OK && count > 0; count--)
        error = xkv__take_least(&lists, &merging->spread->merged);
    return error;
}

/* One more than a page holds tells whether there is more. */
static int64_t page_limit(const xkv_command *command) {
    return command->limit > 0 ? command->limit + 1 : 0;
}

int xkv__merge_entries(struct xkv__merging *merging) {
    return merge_lists(merging, 2, merging->command->limit);
}

int xkv__merge_keys(struct xkv__merging *merging) {
    return merge_lists(merging, 1, merging->command->limit);
}

int xkv__merge_page(struct xkv__merging *merging) {
    return merge_lists(merging, 2, page_limit(merging->command));
}

int xkv__merge_page_of_keys(struct xkv__merging *merging) {
    return merge_lists(merging, 1, page_limit(merging->command));
}

/* -- The first keys of all ---------------------------------------------------------- */

/* Notes the first keys of all, up to the limit. */
static int note_first(struct xkv__lists *lists, struct xkv__spread *spread, size_t count) {
    int error = XKV_OK;

    for (; error == XKV_OK && count > 0; count--) {
        uint64_t least = xkv__least_of(lists);
        error = xkv_items_add(&spread->items, lists->first[least], (xkv_bytes){NULL, 0});
        xkv__resp_skip(&lists->merging->of[least]);
        lists->left[least]--;
        if (error == XKV_OK && !look_ahead(lists, least))
            error = xkv__not_ours();
    }
    return error;
}

static int delete_first(struct xkv__merging *merging) {
    struct xkv__spread *spread = merging->spread;
    size_t limit = (size_t)merging->command->limit;
    struct xkv__lists lists;
    int error = xkv__lists_begin(&lists, merging, 1);

    if (error != XKV_OK)
        return error;
    spread->has_more = lists.count > limit;
    error = note_first(&lists, spread, spread->has_more ? limit : lists.count);
    if (error != XKV_OK)
        return error;
    spread->command.items = xkv_items_bytes(&spread->items);
    error = xkv__spread_items(merging->dialect, spread, spread->command.items);
    return error == XKV_OK ? xkv__next_step(merging, XKV_OP_DELETE_MANY, spread->whom) : error;
}

int xkv__merge_deleted(struct xkv__merging *merging) {
    int64_t sum = 0;

    if (merging->spread->command.op == XKV_OP_LIST_KEYS)
        return delete_first(merging);
    if (!add_numbers(merging, &sum, 1, false))
        return xkv__not_ours();
    xkv__put_head(&merging->spread->merged, 2);
    xkv__put_integer_to(&merging->spread->merged, sum);
    xkv__put_integer_to(&merging->spread->merged, merging->spread->has_more);
    return XKV_OK;
}
