/*
 * answer.c - what a server has answered; see protocol.h
 *
 * The table's other half: a function for each operation, that walks over the answer and
 * writes the reply. Nothing that comes from a server is trusted: each item is looked at
 * before it is used, and what no script of ours answers makes an error. The number of
 * members is certain, since the answer is whole.
 */
#include "base/reply.h"
#include "base/text.h"
#include "command/json.h"
#include "command/told.h"
#include "remote/heard.h"
#include "remote/spread.h"

/* An answer, and whom it is for. */
struct heard {
    const xkv__dialect *dialect;
    xkv__exchange *exchange;
    const xkv_command *command;
    xkv_reply *reply;
    xkv__resp_cursor cursor;
};

/* -- Single keys ------------------------------------------------------------------ */

typedef int answer(struct heard *heard);

/* What is asked plainly begins with the id that the store has now. */
static int hear_id(struct heard *heard, size_t *members) {
    size_t count;
    xkv_bytes id;
    bool there;

    if (!xkv__hear_array(&heard->cursor, &count) || count == 0 ||
        !xkv__hear_value(&heard->cursor, &id, &there))
        return xkv__not_ours();
    *members = count - 1;
    if (!there || id.len != XKV__ID_SIZE || memcmp(id.data, heard->dialect->id, id.len) != 0)
        return xkv__refusal(xkv_text("XKVLOST"));
    return XKV_OK;
}

static int answer_get(struct heard *heard) {
    unsigned seat = heard->exchange->seat;
    xkv_bytes value;
    bool there;
    size_t members;
    int error = hear_id(heard, &members);

    if (error != XKV_OK)
        return error;
    if (members <= seat)
        return xkv__not_ours();
    for (unsigned n = 0; n <= seat; n++) {
        if (!xkv__hear_value(&heard->cursor, &value, &there))
            return xkv__not_ours();
    }
    return there ? xkv__reply_bytes(heard->reply, value) : XKV_E_KEY_NOT_FOUND;
}

/* It is done, and there is nothing to tell. */
static int answer_done(struct heard *heard) {
    int64_t number;
    return xkv__hear_number(&heard->cursor, &number) ? XKV_OK : xkv__not_ours();
}

static int answer_number(struct heard *heard) {
    return xkv__hear_number(&heard->cursor, &heard->reply->number) ? XKV_OK : xkv__not_ours();
}

static int answer_get_or_set(struct heard *heard) {
    xkv__writer writer = xkv__writer_on(heard->reply);
    xkv_bytes value;
    bool there;

    if (!xkv__hear_value(&heard->cursor, &value, &there))
        return xkv__not_ours();
    xkv__tell_loaded(&writer, "value", there ? &value : &heard->command->value, there);
    return writer.error;
}

static int answer_swap(struct heard *heard) {
    xkv__writer writer = xkv__writer_on(heard->reply);
    xkv_bytes value;
    bool there;

    if (!xkv__hear_value(&heard->cursor, &value, &there))
        return xkv__not_ours();
    xkv__tell_loaded(&writer, "previous", there ? &value : NULL, there);
    return writer.error;
}

/* The sum, or in an array why there is none. */
static int answer_increment_by(struct heard *heard) {
    xkv__resp_item item;
    int64_t why;

    if (!xkv__resp_next(&heard->cursor, &item))
        return xkv__not_ours();
    if (item.kind != XKV__RESP_ARRAY)
        return xkv__resp_integer(&item, &heard->reply->number) ? XKV_OK : xkv__not_ours();
    if (item.members != 1 || !xkv__hear_number(&heard->cursor, &why))
        return xkv__not_ours();
    return why == 1 ? xkv__tell_no_integer(heard->command->key)
                    : xkv__tell_overflow(heard->command->key);
}

/* What is there is another text than is expected. If it means the same, then that text is
 * what is expected, and the server is asked again: it may have changed meanwhile. */
static int expect_again(struct heard *heard, xkv_bytes current) {
    xkv__exchange *exchange = heard->exchange;
    bool equal;
    int error = xkv__json_equal(current, exchange->expected, &equal);

    if (error != XKV_OK || !equal)
        return error;
    exchange->kept.len = 0;
    xkv__buffer_append(&exchange->kept, current.data, current.len);
    exchange->expected = xkv__buffer_bytes(&exchange->kept);
    return exchange->kept.error == XKV_OK ? XKV__ASK_AGAIN : XKV_E_STORE_FULL;
}

/* detail is what is done where that is told: "swapped". */
static int compared(struct heard *heard, const char *detail) {
    const xkv_command *command = heard->command;
    xkv__resp_item item;
    int error = XKV_OK;

    if (!xkv__resp_next(&heard->cursor, &item))
        return xkv__not_ours();
    bool told = item.kind == XKV__RESP_TEXT, absent = item.kind == XKV__RESP_NULL;
    if (!told && !absent && item.kind != XKV__RESP_INTEGER)
        return xkv__not_ours();
    if (told && heard->dialect->serialization == XKV_JSON && command->expect != XKV_EXPECT_ABSENT)
        error = expect_again(heard, item.text);
    if (error != XKV_OK)
        return error;
    bool is_done = item.kind == XKV__RESP_INTEGER && item.integer == 1;
    heard->reply->number = is_done;
    if (!detail)
        return XKV_OK;
    return xkv__tell_compared(heard->reply, detail, is_done, absent ? NULL : &item.text,
                              command->include_current && told);
}

static int answer_compare(struct heard *heard) {
    return compared(heard, NULL);
}

static int answer_compare_and_swap(struct heard *heard) {
    return compared(heard, "swapped");
}

static int answer_compare_and_delete(struct heard *heard) {
    return compared(heard, "deleted");
}

/* -- Lists ------------------------------------------------------------------------ */

/* Appends so many keys, or keys with values. Returns the last. */
static int put_keys_heard(struct heard *heard, xkv__writer *writer, size_t count, bool with_values,
                          xkv_bytes *last) {
    xkv_bytes key, value;

    for (size_t i = 0; i < count; i++) {
        if (!xkv__hear_text(&heard->cursor, &key) ||
            (with_values && !xkv__hear_text(&heard->cursor, &value)))
            return xkv__not_ours();
        if (with_values)
            xkv__put_entry(writer, NULL, key, value);
        else
            xkv__put_text(writer, NULL, key);
        *last = key;
    }
    heard->reply->number = (int64_t)count;
    return writer->error;
}

/* How many keys, or entries, the answer has. */
static bool hear_count(struct heard *heard, bool with_values, size_t *count) {
    size_t members;
    bool is_list = xkv__hear_array(&heard->cursor, &members) && (!with_values || members % 2 == 0);

    *count = with_values ? members / 2 : members;
    return is_list;
}

static int list_of(struct heard *heard, bool with_values) {
    xkv__writer writer = xkv__writer_on(heard->reply);
    xkv_bytes last;
    size_t count;

    if (!hear_count(heard, with_values, &count))
        return xkv__not_ours();
    xkv__put_array(&writer, NULL, count);
    return put_keys_heard(heard, &writer, count, with_values, &last);
}

static int answer_entries(struct heard *heard) {
    return list_of(heard, true);
}

static int answer_keys(struct heard *heard) {
    return list_of(heard, false);
}

/* One more was asked for than the page holds. */
static int page_of(struct heard *heard, bool with_values) {
    xkv__writer writer = xkv__writer_on(heard->reply);
    int64_t limit = heard->command->limit;
    xkv_bytes last;
    size_t count;

    if (!hear_count(heard, with_values, &count))
        return xkv__not_ours();
    bool more = limit > 0 && count > (uint64_t)limit;
    if (more)
        count = (size_t)limit;
    xkv__put_object(&writer, NULL, 3);
    xkv__put_array(&writer, with_values ? "entries" : "keys", count);
    int error = put_keys_heard(heard, &writer, count, with_values, &last);
    if (error != XKV_OK)
        return error;
    xkv__tell_page_end(&writer, more ? &last : NULL);
    return writer.error;
}

static int answer_scan(struct heard *heard) {
    return page_of(heard, true);
}

static int answer_scan_keys(struct heard *heard) {
    return page_of(heard, false);
}

static size_t count_items(xkv_bytes items) {
    size_t at = 0, count = 0;

    for (xkv_item item; xkv_item_next(items, &at, &item);)
        count++;
    return count;
}

static int answer_get_many(struct heard *heard) {
    xkv__writer writer = xkv__writer_on(heard->reply);
    size_t at = 0, count = count_items(heard->command->items), members;
    int error = hear_id(heard, &members);

    if (error != XKV_OK)
        return error;
    if (members != count)
        return xkv__not_ours();
    xkv__put_array(&writer, NULL, count);
    for (xkv_item item; xkv_item_next(heard->command->items, &at, &item);) {
        xkv_bytes value;
        bool there;
        if (!xkv__hear_value(&heard->cursor, &value, &there))
            return xkv__not_ours();
        xkv__tell_found(&writer, item.text, there ? &value : NULL);
    }
    heard->reply->number = (int64_t)count;
    return writer.error;
}

static int answer_set_many(struct heard *heard) {
    xkv__writer writer = xkv__writer_on(heard->reply);
    int error = answer_number(heard);

    xkv__put_object(&writer, NULL, 1);
    xkv__put_integer(&writer, "written", heard->reply->number);
    return error == XKV_OK ? writer.error : error;
}

static int answer_delete_many(struct heard *heard) {
    xkv__writer writer = xkv__writer_on(heard->reply);
    int64_t asked = (int64_t)count_items(heard->command->items);
    int error = answer_number(heard);

    xkv__put_object(&writer, NULL, 2);
    xkv__put_integer(&writer, "deleted", heard->reply->number);
    xkv__put_integer(&writer, "missing", asked - heard->reply->number);
    return error == XKV_OK ? writer.error : error;
}

static int answer_delete_by_prefix(struct heard *heard) {
    xkv__writer writer = xkv__writer_on(heard->reply);
    size_t members;
    int64_t left;

    if (!xkv__hear_array(&heard->cursor, &members) || members != 2 ||
        answer_number(heard) != XKV_OK || !xkv__hear_number(&heard->cursor, &left))
        return xkv__not_ours();
    xkv__put_object(&writer, NULL, 2);
    xkv__put_integer(&writer, "deleted", heard->reply->number);
    xkv__put_boolean(&writer, "done", left == 0);
    return writer.error;
}

/* -- One key of several ----------------------------------------------------------- */

/* Most short answers are one text, which costs a server less than an array. */
enum { KEY_END = 255 }; /* behind a key in one: UTF-8 has no such byte */

/* Whether this is one. */
static bool hear_short(struct heard *heard, xkv_bytes *text) {
    xkv__resp_cursor cursor = heard->cursor;

    if (!xkv__hear_text(&cursor, text))
        return false;
    heard->cursor = cursor;
    return true;
}

/* Takes what is before an end, and the end, off a text. False if it has none. */
static bool split_off(xkv_bytes *text, unsigned char end, xkv_bytes *part) {
    const unsigned char *from = text->data;
    const unsigned char *at = text->len > 0 ? memchr(from, end, text->len) : NULL;

    if (!at)
        return false;
    *part = (xkv_bytes){from, (size_t)(at - from)};
    *text = (xkv_bytes){at + 1, text->len - part->len - 1};
    return true;
}

static bool split_number(xkv_bytes *text, int64_t *number) {
    xkv__resp_item item = {.kind = XKV__RESP_TEXT};

    return split_off(text, ' ', &item.text) && xkv__resp_integer(&item, number) && *number >= 0;
}

static int answer_random_key(struct heard *heard) {
    size_t members;
    xkv_bytes key;

    if (hear_short(heard, &key))
        return split_number(&key, &heard->reply->number) ? xkv__reply_bytes(heard->reply, key)
                                                         : xkv__not_ours();
    if (!xkv__hear_array(&heard->cursor, &members) || members == 0 ||
        answer_number(heard) != XKV_OK)
        return xkv__not_ours();
    if (heard->reply->number == 0)
        return XKV_OK;
    if (members != 2 || !xkv__hear_text(&heard->cursor, &key))
        return xkv__not_ours();
    return xkv__reply_bytes(heard->reply, key);
}

static int put_found(struct heard *heard, xkv_bytes key, xkv_bytes value) {
    xkv__writer writer = xkv__writer_on(heard->reply);

    xkv__put_entry(&writer, NULL, key, value);
    heard->reply->number = 1;
    return writer.error;
}

/* An entry, or null. */
static int answer_found(struct heard *heard) {
    xkv_bytes key, value;
    size_t members;

    if (hear_short(heard, &value))
        return split_off(&value, KEY_END, &key) ? put_found(heard, key, value) : xkv__not_ours();
    if (!xkv__hear_array(&heard->cursor, &members))
        return xkv__not_ours();
    if (members == 0)
        return xkv__reply_null(heard->reply);
    if (members != 2 || !xkv__hear_text(&heard->cursor, &key) ||
        !xkv__hear_text(&heard->cursor, &value))
        return xkv__not_ours();
    return put_found(heard, key, value);
}

/* A number instead: what stands at the position is no key. */
static int answer_next(struct heard *heard) {
    xkv__resp_cursor cursor = heard->cursor;
    xkv__resp_item item;

    if (xkv__resp_next(&cursor, &item) && item.kind == XKV__RESP_INTEGER)
        return xkv__tell_no_position(heard->command->key);
    return answer_found(heard);
}

/* -- Claims ----------------------------------------------------------------------- */

static int put_claim(struct heard *heard, xkv__writer *writer, xkv__told_claim *claim,
                     int64_t token, int64_t deadline) {
    claim->owner = heard->command->owner;
    claim->token = (uint64_t)token;
    claim->expires_at = (uint64_t)deadline;
    xkv__tell_claim(writer, claim);
    heard->reply->number++;
    return writer->error;
}

/* Hears token, deadline, the key if it is not known, and value; and tells the claim. */
static int put_claim_heard(struct heard *heard, xkv__writer *writer, const xkv_bytes *key) {
    xkv__told_claim claim = {0};
    int64_t token, deadline;

    if (!xkv__hear_number(&heard->cursor, &token) || !xkv__hear_number(&heard->cursor, &deadline))
        return xkv__not_ours();
    if (key)
        claim.key = *key;
    else if (!xkv__hear_text(&heard->cursor, &claim.key))
        return xkv__not_ours();
    if (!xkv__hear_text(&heard->cursor, &claim.value))
        return xkv__not_ours();
    return put_claim(heard, writer, &claim, token, deadline);
}

/* The same of a text. */
static int put_claim_in(struct heard *heard, xkv__writer *writer, xkv_bytes text) {
    xkv__told_claim claim = {0};
    int64_t token, deadline;

    if (!split_number(&text, &token) || !split_number(&text, &deadline) ||
        !split_off(&text, KEY_END, &claim.key))
        return xkv__not_ours();
    claim.value = text;
    return put_claim(heard, writer, &claim, token, deadline);
}

enum { CLAIM_MEMBERS = 4 };

static int answer_claim_one(struct heard *heard) {
    xkv__writer writer = xkv__writer_on(heard->reply);
    xkv_bytes text;
    size_t members;

    if (hear_short(heard, &text))
        return put_claim_in(heard, &writer, text);
    if (!xkv__hear_array(&heard->cursor, &members) || (members != 0 && members != CLAIM_MEMBERS))
        return xkv__not_ours();
    return members > 0 ? put_claim_heard(heard, &writer, NULL) : xkv__reply_null(heard->reply);
}

static int answer_claim_many(struct heard *heard) {
    xkv__writer writer = xkv__writer_on(heard->reply);
    size_t members;

    if (!xkv__hear_array(&heard->cursor, &members) || members % CLAIM_MEMBERS != 0)
        return xkv__not_ours();
    xkv__put_array(&writer, NULL, members / CLAIM_MEMBERS);
    int error = writer.error;
    for (size_t i = 0; error == XKV_OK && i < members; i += CLAIM_MEMBERS)
        error = put_claim_heard(heard, &writer, NULL);
    return error;
}

/* What has become of a key of CLAIM_KEYS. */
enum fate { CLAIMED, BUSY, MISSING, LEFT_ALONE };

/* The members of a claim are still to come. False if it is no such answer. */
static bool hear_fate(xkv__resp_cursor *cursor, enum fate *fate) {
    xkv__resp_item item;

    if (!xkv__resp_next(cursor, &item))
        return false;
    if (item.kind == XKV__RESP_NULL)
        *fate = LEFT_ALONE;
    else if (item.kind == XKV__RESP_ARRAY && item.members == CLAIM_MEMBERS - 1)
        *fate = CLAIMED;
    else if (item.kind == XKV__RESP_TEXT && xkv__compare(item.text, xkv_text("busy")) == 0)
        *fate = BUSY;
    else if (item.kind == XKV__RESP_TEXT && xkv__compare(item.text, xkv_text("missing")) == 0)
        *fate = MISSING;
    else
        return false;
    return true;
}

/* Appends, as one array, the keys that have had a fate. Walks over all of the answer. */
static int put_fate(struct heard *heard, xkv__writer *writer, enum fate wanted, const char *name) {
    size_t members = xkv__put_array(writer, name, 0), at = 0;
    uint64_t count = 0;
    int error = writer->error;
    enum fate fate;

    for (xkv_item item; error == XKV_OK && xkv_item_next(heard->command->items, &at, &item);) {
        if (!hear_fate(&heard->cursor, &fate))
            return xkv__not_ours();
        count += fate == wanted;
        if (fate == CLAIMED && wanted == CLAIMED) {
            error = put_claim_heard(heard, writer, &item.text);
        } else if (fate == CLAIMED) {
            for (int i = 1; i < CLAIM_MEMBERS; i++)
                xkv__resp_skip(&heard->cursor);
        } else if (fate == wanted) {
            xkv__put_text(writer, NULL, item.text);
        }
    }
    xkv__patch_members(writer, members, count);
    return error == XKV_OK ? writer->error : error;
}

static int answer_claim_keys(struct heard *heard) {
    static const char *const names[] = {"claimed", "busy", "missing"};
    xkv__writer writer = xkv__writer_on(heard->reply);
    int error = XKV_OK;
    size_t members;

    if (!xkv__hear_array(&heard->cursor, &members) || members != count_items(heard->command->items))
        return xkv__not_ours();
    xkv__put_object(&writer, NULL, 3);
    const xkv__resp_cursor first = heard->cursor;
    for (int fate = CLAIMED; error == XKV_OK && fate <= MISSING; fate++) {
        heard->cursor = first;
        error = put_fate(heard, &writer, (enum fate)fate, names[fate]);
    }
    return error;
}

/* A text of '1' and '0', one for each claim that was given back. */
static bool hear_settled(struct heard *heard, xkv_bytes *settled) {
    return xkv__hear_text(&heard->cursor, settled) &&
           settled->len == count_items(heard->command->items);
}

static int answer_settle_one(struct heard *heard) {
    xkv_bytes settled;

    if (!hear_settled(heard, &settled) || settled.len != 1)
        return xkv__not_ours();
    heard->reply->number = *(const char *)settled.data == '1';
    return XKV_OK;
}

/* verb is what becomes of a claim: "renewed". */
static int settle_many(struct heard *heard, const char *verb) {
    xkv__writer writer = xkv__writer_on(heard->reply);
    xkv__given given;
    xkv_bytes settled;
    size_t at = 0, i = 0;

    if (!hear_settled(heard, &settled))
        return xkv__not_ours();
    xkv__told_settled places = xkv__tell_settled(&writer, verb);
    for (xkv_item item; xkv_item_next(heard->command->items, &at, &item); i++) {
        bool is_settled = ((const char *)settled.data)[i] == '1';
        heard->reply->number += is_settled;
        if (!is_settled && xkv__given_in(&item, &given))
            xkv__tell_failed(&writer, i, &given);
    }
    if (writer.error == XKV_OK)
        xkv__tell_settled_end(&writer, &places, i, (uint64_t)heard->reply->number);
    return writer.error;
}

static int answer_renew_claims(struct heard *heard) {
    return settle_many(heard, "renewed");
}

static int answer_release_claims(struct heard *heard) {
    return settle_many(heard, "released");
}

static int answer_complete_claims(struct heard *heard) {
    return settle_many(heard, "completed");
}

/* -- Insight ---------------------------------------------------------------------- */

/* What the script says: keys with the prefix, claimed ones, expired claims; entries, keys. */
enum { WITH_PREFIX, HELD, EXPIRED, ENTRIES, INDEXED, STATS_MEMBERS };

static bool hear_stats(struct heard *heard, int64_t numbers[STATS_MEMBERS]) {
    size_t members;

    if (!xkv__hear_array(&heard->cursor, &members) || members != STATS_MEMBERS)
        return false;
    for (int i = 0; i < STATS_MEMBERS; i++) {
        if (!xkv__hear_number(&heard->cursor, &numbers[i]))
            return false;
    }
    return numbers[EXPIRED] <= numbers[HELD];
}

static xkv__told_stats stats_of_server(const struct heard *heard, const int64_t *numbers) {
    return (xkv__told_stats){.backend = "redis",
                             .options = heard->dialect->options,
                             .live = (uint64_t)(numbers[HELD] - numbers[EXPIRED]),
                             .expired = (uint64_t)numbers[EXPIRED],
                             .index_count = (uint64_t)numbers[INDEXED]};
}

static int answer_stats(struct heard *heard) {
    xkv__writer writer = xkv__writer_on(heard->reply);
    int64_t numbers[STATS_MEMBERS];

    if (!hear_stats(heard, numbers))
        return xkv__not_ours();
    xkv__told_stats told = stats_of_server(heard, numbers);
    told.count = (uint64_t)numbers[ENTRIES];
    xkv__tell_stats(&writer, &told);
    return writer.error;
}

static int answer_allocation_stats(struct heard *heard) {
    xkv__writer writer = xkv__writer_on(heard->reply);
    int64_t numbers[STATS_MEMBERS];

    if (!hear_stats(heard, numbers))
        return xkv__not_ours();
    xkv__told_stats told = stats_of_server(heard, numbers);
    told.count = (uint64_t)numbers[WITH_PREFIX];
    xkv__tell_allocation(&writer, heard->command->prefix, &told);
    return writer.error;
}

/* -- The table -------------------------------------------------------------------- */

static answer *const answers[XKV__OPS_END] = {
    [XKV_OP_GET] = answer_get,
    [XKV_OP_SET] = answer_done,
    [XKV_OP_DELETE] = answer_number,
    [XKV_OP_EXISTS] = answer_number,
    [XKV_OP_CLEAR] = answer_done,
    [XKV_OP_SIZE] = answer_number,
    [XKV_OP_LIST] = answer_entries,
    [XKV_OP_RANDOM_KEY] = answer_random_key,
    [XKV_OP_REBUILD_KEY_LIST] = answer_done,
    [XKV_OP_GET_MANY] = answer_get_many,
    [XKV_OP_SET_MANY] = answer_set_many,
    [XKV_OP_DELETE_MANY] = answer_delete_many,
    [XKV_OP_DELETE_BY_PREFIX] = answer_delete_by_prefix,
    [XKV_OP_SCAN] = answer_scan,
    [XKV_OP_SCAN_KEYS] = answer_scan_keys,
    [XKV_OP_LIST_KEYS] = answer_keys,
    [XKV_OP_COUNT] = answer_number,
    [XKV_OP_RANDOM_ENTRY] = answer_found,
    [XKV_OP_RANDOM_KEYS] = answer_keys,
    [XKV_OP_NEXT_CIRCULAR] = answer_found,
    [XKV_OP_NEXT] = answer_next,
    [XKV_OP_INCREMENT_BY] = answer_increment_by,
    [XKV_OP_GET_OR_SET] = answer_get_or_set,
    [XKV_OP_SWAP] = answer_swap,
    [XKV_OP_SET_IF_ABSENT] = answer_number,
    [XKV_OP_DELETE_IF_EXISTS] = answer_number,
    [XKV_OP_COMPARE_AND_SWAP] = answer_compare,
    [XKV_OP_COMPARE_AND_SWAP_DETAILED] = answer_compare_and_swap,
    [XKV_OP_COMPARE_AND_DELETE] = answer_compare,
    [XKV_OP_COMPARE_AND_DELETE_DETAILED] = answer_compare_and_delete,
    [XKV_OP_CLAIM_RANDOM] = answer_claim_one,
    [XKV_OP_CLAIM_KEY] = answer_claim_one,
    [XKV_OP_CLAIM_NEXT] = answer_claim_one,
    [XKV_OP_CLAIM_FOR_OWNER] = answer_claim_one,
    [XKV_OP_CLAIM_RANDOM_MANY] = answer_claim_many,
    [XKV_OP_CLAIM_KEYS] = answer_claim_keys,
    [XKV_OP_RENEW_CLAIM] = answer_settle_one,
    [XKV_OP_RENEW_CLAIMS] = answer_renew_claims,
    [XKV_OP_RELEASE_CLAIM] = answer_settle_one,
    [XKV_OP_RELEASE_CLAIMS] = answer_release_claims,
    [XKV_OP_COMPLETE_CLAIM] = answer_settle_one,
    [XKV_OP_COMPLETE_CLAIMS] = answer_complete_claims,
    [XKV_OP_POP_RANDOM] = answer_found,
    [XKV_OP_POP_RANDOM_MANY] = answer_entries,
    [XKV_OP_POP_NEXT] = answer_found,
    [XKV_OP_STATS] = answer_stats,
    [XKV_OP_ALLOCATION_STATS] = answer_allocation_stats,
    [XKV_OP_REPORT_STATS] = answer_stats,
    [XKV__OP_MEET] = answer_done,
    [XKV__OP_JOIN] = answer_done,
    [XKV__OP_MADE] = answer_done,
};

/* The only answer, or the one that many become. */
static int one_answer(const xkv__dialect *dialect, xkv__exchange *exchange,
                      const xkv__answers *given, xkv_bytes *one) {
    if (!exchange->spread) {
        *one = given->of[dialect->count == 1 ? 0 : XKV__LOWEST_BIT(given->from)];
        return XKV_OK;
    }
    int error = xkv__merge(dialect, exchange, given);
    *one = xkv__buffer_bytes(&exchange->spread->merged);
    return error;
}

int xkv__answer(const xkv__dialect *dialect, xkv__exchange *exchange, const xkv__answers *given) {
    const xkv__call *call = exchange->call;
    answer *hear = answers[call->command->op];
    xkv_bytes one;
    int error = hear ? one_answer(dialect, exchange, given, &one) : XKV_E_INTERNAL;

    if (error != XKV_OK)
        return error;
    struct heard heard = {dialect, exchange, call->command, call->reply, xkv__resp_cursor_on(one)};
    return hear(&heard);
}
