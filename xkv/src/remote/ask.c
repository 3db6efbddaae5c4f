/*
 * ask.c - what a server is asked; see protocol.h
 *
 * A row of the table says, for each operation, what it is on the server, how many of the
 * partition's keys it uses, and what follows them. What is said is first put together as
 * pieces, each of which becomes one bulk string, so that it is known how many they are
 * and how much room they take; then they are written without looking at that again. Lists
 * are written from the command's items, behind all else.
 */
#include "base/error.h"
#include "base/random.h"
#include "base/sys.h"
#include "command/cursor.h"
#include "command/told.h"
#include "remote/bulk.h"
#include "remote/scripts.h"
#include "remote/spread.h"

enum {
    SHARED_VALUE_MAX = 4096, /* bytes; what is longer is a question of its own */
    PIECES_MAX = 24,
    NUMBERS_MAX = 8
};

/* -- Pieces ---------------------------------------------------------------------- */

/* One bulk string: bytes, with one more before or behind them if that is not 0. */
struct piece {
    xkv_bytes bytes;
    char before, behind;
    bool is_bound; /* the least text behind all that start with the bytes */
};

/* Writes the members that one item of a list becomes. */
typedef unsigned char *item_writer(unsigned char *at, const xkv_item *item);

/* What is to be said. */
struct speech {
    const xkv__dialect *dialect;
    const xkv__exchange *exchange;
    const struct xkv__spread *spread; /* of what others are asked, too; or NULL */
    const xkv_command *command;
    const xkv__partition *partition;
    unsigned place;          /* of the partition */
    xkv__position *position; /* room for a cursor's */
    int error;

    size_t count, size;     /* of pieces, and the room that they take at most */
    item_writer *list;      /* behind them, or NULL; */
    size_t members;         /* so many bulk strings more */
    unsigned char *numbers; /* the free room for digits */
    struct piece pieces[PIECES_MAX];
    unsigned char digits[NUMBERS_MAX * (XKV__DIGITS_MAX + 1)];
};

static void speech_begin(struct speech *speech, const xkv__dialect *dialect, unsigned partition) {
    speech->dialect = dialect;
    speech->exchange = NULL;
    speech->spread = NULL;
    speech->command = NULL;
    speech->partition = &dialect->partitions[partition];
    speech->place = partition;
    speech->position = NULL;
    speech->error = XKV_OK;
    speech->count = speech->members = 0;
    speech->size = XKV__HEAD_MAX;
    speech->list = NULL;
    speech->numbers = speech->digits;
}

static void refuse_length(struct speech *speech, size_t len) {
    if (len > XKV__RESP_BULK_MAX)
        speech->error = xkv__fail(XKV_E_STORE_FULL,
                                  "a value of %zu bytes is longer than the 512 MiB that a server "
                                  "takes; store less under one key",
                                  len);
}

static struct piece *say(struct speech *speech, xkv_bytes bytes) {
    struct piece *piece = &speech->pieces[speech->count++];

    *piece = (struct piece){.bytes = bytes};
    speech->size += XKV__FRAME_MAX + 2 + bytes.len;
    if (bytes.len > XKV__RESP_BULK_MAX)
        refuse_length(speech, bytes.len);
    return piece;
}

static void say_number(struct speech *speech, int64_t number) {
    unsigned char *from = speech->numbers;

    speech->numbers = xkv__write_signed(from, number);
    say(speech, (xkv_bytes){from, (size_t)(speech->numbers - from)});
}

static void say_flag(struct speech *speech, bool flag) {
    say(speech, (xkv_bytes){flag ? "1" : "0", 1});
}

static unsigned char *write_piece(unsigned char *at, const struct piece *piece) {
    size_t len = piece->bytes.len + (piece->before != 0) + (piece->behind != 0);

    at = xkv__write_head(at, '$', len);
    if (piece->before)
        *at++ = (unsigned char)piece->before;
    at = xkv__write_bytes(at, piece->bytes);
    if (piece->is_bound)
        at[-1]++; /* UTF-8 has no 0xFF */
    if (piece->behind)
        *at++ = (unsigned char)piece->behind;
    return xkv__write_end(at);
}

/* Where a walk over the items is that are for the partition. */
struct walk {
    size_t at; /* the next in the command, or */
    size_t n;  /* of several partitions, which of the sorted ones */
};

static struct walk walk_begin(const struct speech *speech) {
    return (struct walk){0, speech->spread ? speech->spread->first[speech->place] : 0};
}

static bool walk_next(const struct speech *speech, struct walk *walk, xkv_item *item) {
    const struct xkv__spread *spread = speech->spread;

    if (spread && walk->n == spread->first[speech->place + 1])
        return false;
    if (spread)
        walk->at = ((const size_t *)(const void *)spread->offsets.data)[walk->n++];
    return xkv_item_next(speech->command->items, &walk->at, item);
}

static unsigned char *write_list(unsigned char *at, const struct speech *speech) {
    struct walk walk = walk_begin(speech);

    for (xkv_item item; walk_next(speech, &walk, &item);)
        at = speech->list(at, &item);
    return at;
}

/* Appends what is to be said, or nothing; a whole command begins with how much it is. */
static int write_speech(struct speech *speech, bool is_whole, xkv__buffer *out) {
    if (speech->error != XKV_OK)
        return speech->error;
    unsigned char *at = xkv__buffer_reserve(out, speech->size);
    if (!at)
        return XKV_E_STORE_FULL;
    if (is_whole)
        at = xkv__write_head(at, '*', speech->count + speech->members);
    for (size_t i = 0; i < speech->count; i++)
        at = write_piece(at, &speech->pieces[i]);
    if (speech->list)
        at = write_list(at, speech);
    out->len = (size_t)(at - out->data);
    return XKV_OK;
}

static int speak(struct speech *speech, xkv__buffer *out) {
    return write_speech(speech, true, out);
}

/* A command that begins somewhere has grown by so many bulk strings, and its head with them: there
 * is room for one that is longer. */
static void grow_head(xkv__buffer *out, size_t begins, size_t by) {
    unsigned char *head = out->data + begins, *rest = memchr(head, '\r', XKV__HEAD_MAX),
                  grown[XKV__HEAD_MAX];
    size_t count = 0;

    for (const unsigned char *digit = head + 1; digit < rest; digit++)
        count = count * 10 + (size_t)(*digit - '0');
    size_t len = (size_t)(xkv__write_digits(grown, count + by) - grown),
           was = (size_t)(rest - head - 1);
    if (len > was)
        memmove(rest + len - was, rest, (size_t)(out->data + out->len - rest));
    out->len += len - was;
    memcpy(head + 1, grown, len);
}

/* -- Arguments ------------------------------------------------------------------- */

/* Says what a command has for an argument of a script. */
typedef void argument(struct speech *speech);

static void say_key(struct speech *speech) {
    say(speech, speech->command->key);
}

static void say_value(struct speech *speech) {
    say(speech, speech->command->value);
}

static void say_delta(struct speech *speech) {
    say_number(speech, speech->command->delta);
}

static void say_json(struct speech *speech) {
    say_flag(speech, speech->dialect->serialization == XKV_JSON);
}

static void say_expect(struct speech *speech) {
    say_number(speech, speech->command->expect);
}

static void say_expected(struct speech *speech) {
    say(speech, speech->exchange->expected);
}

/* Whether the answer has to say what is there: a script compares bytes, not meanings. */
static void say_curious(struct speech *speech) {
    say_flag(speech,
             speech->command->include_current || (speech->dialect->serialization == XKV_JSON &&
                                                  speech->command->expect != XKV_EXPECT_ABSENT));
}

/* No key starts with a prefix that is longer than keys may be: its beginning will do. */
static struct piece *say_cut(struct speech *speech) {
    xkv_bytes prefix = speech->command->prefix;

    if (prefix.len > XKV_KEY_MAX + 1)
        prefix.len = XKV_KEY_MAX + 1;
    return say(speech, prefix);
}

static void say_prefix(struct speech *speech) {
    (void)say_cut(speech);
}

/* What keys with the prefix come behind. */
static void say_before(struct speech *speech) {
    say_cut(speech)->before = '(';
}

/* As bounds of a walk are written: inclusive, exclusive, or without end. */
static void mark(struct piece *piece, char before, char without) {
    piece->before = piece->bytes.len > 0 ? before : without;
}

static void say_low(struct speech *speech) {
    mark(say_cut(speech), '[', '-');
}

/* The least text behind all that start with the prefix. */
static void say_high(struct speech *speech) {
    struct piece *piece = say_cut(speech);

    piece->is_bound = piece->bytes.len > 0;
    mark(piece, '(', '+');
}

static void say_place(struct speech *speech) {
    const xkv_command *command = speech->command;
    xkv__position *position = speech->position;

    if (speech->spread && speech->spread->after.len > 0) {
        say(speech, speech->spread->after)->before = '(';
        return;
    }
    if (command->cursor.len == 0) {
        say_low(speech);
        return;
    }
    int error = xkv__cursor_read(command->cursor, command->prefix, position);
    if (error == XKV_OK)
        say(speech, (xkv_bytes){position->key, position->len})->before = '(';
    else
        speech->error = error;
}

static void say_limit(struct speech *speech) {
    say_number(speech, speech->command->limit > 0 ? speech->command->limit : -1);
}

/* One more, which tells whether there is more. */
static void say_page(struct speech *speech) {
    int64_t limit = speech->command->limit;
    say_number(speech, limit > 0 ? limit + 1 : -1);
}

static void say_count(struct speech *speech) {
    const struct xkv__spread *spread = speech->spread;
    say_number(speech, spread ? spread->share[speech->place] : speech->command->count);
}

/* Where one of several partitions draws: below which number. */
static void say_share(struct speech *speech) {
    if (speech->spread)
        say_number(speech, speech->spread->share[speech->place]);
}

/* The key that is to be taken, where it has been looked for in several partitions. */
static void say_next(struct speech *speech) {
    if (speech->spread)
        say(speech, xkv__buffer_bytes(&speech->spread->next));
}

/* What stands at a position must be that still, if it stood there. */
static void say_seen(struct speech *speech) {
    if (speech->spread->is_there)
        say(speech, xkv__buffer_bytes(&speech->spread->seen));
}

static void say_cycle(struct speech *speech) {
    say_flag(speech, speech->command->cycle);
}

static void say_last(struct speech *speech) {
    say(speech, xkv__buffer_bytes(&speech->spread->last));
}

static void say_repeats(struct speech *speech) {
    say_flag(speech, speech->command->repeats);
}

static void say_chance(struct speech *speech) {
    xkv__draws_begin(speech->exchange, speech->place + 1);
    say_number(speech, (int64_t)xkv__random_below(UINT64_C(1) << 53)); /* a double holds them */
    xkv__draws_end(speech->exchange);
}

static void say_seeds(struct speech *speech) {
    xkv__draws_begin(speech->exchange, speech->place + 1);
    say_number(speech, (int64_t)xkv__random_below(UINT64_C(1) << 31));
    say_number(speech, (int64_t)xkv__random_below(UINT64_C(1) << 31));
    xkv__draws_end(speech->exchange);
}

/* The server's own clock, unless this process has another than the system's, as tests do. */
static void say_clock(struct speech *speech) {
    bool own = xkv__sys.now_ms != xkv__system_now_ms || xkv__sys.wall_ms != xkv__system_wall_ms;

    if (own)
        say_number(speech, (int64_t)xkv__sys.wall_ms());
    else
        say(speech, (xkv_bytes){NULL, 0});
}

static void say_ttl(struct speech *speech) {
    int64_t ttl = speech->command->ttl_ms;
    say_number(speech, ttl != 0 ? ttl : XKV_TTL_DEFAULT);
}

static void say_owner(struct speech *speech) {
    say(speech, speech->command->owner);
}

static void say_all_or_nothing(struct speech *speech) {
    say_flag(speech, speech->command->all_or_nothing);
}

static void say_nothing(struct speech *speech) {
    say(speech, (xkv_bytes){NULL, 0});
}

static void say_place_number(struct speech *speech) {
    say_number(speech, speech->place);
}

static void say_partitions(struct speech *speech) {
    say_number(speech, speech->dialect->count);
}

static void say_renew(struct speech *speech) {
    say(speech, (xkv_bytes){"n", 1});
}

static void say_release(struct speech *speech) {
    say(speech, (xkv_bytes){"r", 1});
}

static void say_complete(struct speech *speech) {
    say(speech, (xkv_bytes){speech->command->keep_key ? "r" : "c", 1});
}

/* -- Lists ----------------------------------------------------------------------- */

/* The store's id stands under the empty key: one that is no UTF-8 stands for that. */
static xkv_bytes askable(xkv_bytes key) {
    return key.len > 0 ? key : (xkv_bytes){"\xff", 1};
}

static unsigned char *write_key(unsigned char *at, const xkv_item *item) {
    return xkv__write_bulk(at, askable(item->text));
}

static unsigned char *write_entry(unsigned char *at, const xkv_item *item) {
    return xkv__write_bulk(xkv__write_bulk(at, item->text), item->value);
}

/* An id that does not say the same as the token is no claim's. */
static unsigned char *write_claim(unsigned char *at, const xkv_item *item) {
    xkv__given given = {{NULL, 0}, {NULL, 0}, 0};
    unsigned char token[XKV__DIGITS_MAX];
    size_t len = 0;

    if (xkv__given_in(item, &given))
        len = (size_t)(xkv__write_digits(token, given.token) - token);
    if (given.id.len != len + 6 || memcmp(given.id.data, "claim-", 6) != 0 ||
        memcmp((const char *)given.id.data + 6, token, len) != 0)
        len = 0;
    return xkv__write_bulk(xkv__write_bulk(at, given.key), (xkv_bytes){token, len});
}

/* A list whose items become so many bulk strings each. */
static void say_list(struct speech *speech, item_writer *writer, size_t each) {
    struct walk walk = walk_begin(speech);
    size_t count = 0;

    for (xkv_item item; walk_next(speech, &walk, &item); count++) {
        refuse_length(speech, item.value.len);
        speech->size += item.text.len + item.value.len + 2 * XKV__FRAME_MAX + XKV__DIGITS_MAX;
    }
    speech->list = writer;
    speech->members = count * each;
}

static void say_keys(struct speech *speech) {
    say_list(speech, write_key, 1);
}

static void say_entries(struct speech *speech) {
    say_list(speech, write_entry, 2);
}

static void say_claims(struct speech *speech) {
    say_list(speech, write_claim, 2);
}

/* -- The table ------------------------------------------------------------------- */

enum { ARGUMENTS_MAX = 8 };

/* Keys of a partition, in the order that scripts/helpers.lua has. */
#define KEYS_OF_CLAIMS "dkcxowt"

struct row {
    const char *plain; /* a command of the server's that is no script; else NULL */
    enum script_number script;
    const char *keys;                   /* the names of those that are used */
    argument *arguments[ARGUMENTS_MAX]; /* behind the store's id */
};

static const struct row rows[XKV__OPS_END] = {
    [XKV_OP_GET] = {"HMGET", 0, "d", {say_key}},
    [XKV_OP_GET_MANY] = {"HMGET", 0, "d", {say_keys}},
    [XKV_OP_SET] = {NULL, SCRIPT_SET, "dk", {say_key, say_value}},
    [XKV_OP_DELETE] = {NULL, SCRIPT_DELETE, "dkcxow", {say_key}},
    [XKV_OP_DELETE_IF_EXISTS] = {NULL, SCRIPT_DELETE, "dkcxow", {say_key}},
    [XKV_OP_EXISTS] = {NULL, SCRIPT_EXISTS, "d", {say_key}},
    [XKV_OP_SET_IF_ABSENT] = {NULL, SCRIPT_SET_IF_ABSENT, "dk", {say_key, say_value}},
    [XKV_OP_GET_OR_SET] = {NULL, SCRIPT_GET_OR_SET, "dk", {say_key, say_value}},
    [XKV_OP_SWAP] = {NULL, SCRIPT_SWAP, "dk", {say_key, say_value}},
    [XKV_OP_INCREMENT_BY] = {NULL, SCRIPT_INCREMENT_BY, "dk", {say_key, say_delta, say_json}},

#define SPAN       say_before, say_high
#define COMPARISON say_key, say_expect, say_expected, say_curious
    [XKV_OP_COMPARE_AND_SWAP] = {NULL, SCRIPT_COMPARE, "dkcxow", {COMPARISON, say_value}},
    [XKV_OP_COMPARE_AND_SWAP_DETAILED] = {NULL, SCRIPT_COMPARE, "dkcxow", {COMPARISON, say_value}},
    [XKV_OP_COMPARE_AND_DELETE] = {NULL, SCRIPT_COMPARE, "dkcxow", {COMPARISON}},
    [XKV_OP_COMPARE_AND_DELETE_DETAILED] = {NULL, SCRIPT_COMPARE, "dkcxow", {COMPARISON}},

    [XKV_OP_CLEAR] = {NULL, SCRIPT_CLEAR, "dkcxow", {NULL}},
    [XKV_OP_SIZE] = {NULL, SCRIPT_SIZE, "d", {NULL}},
    [XKV_OP_COUNT] = {NULL, SCRIPT_COUNT, "dk", {SPAN}},
    [XKV_OP_LIST] = {NULL, SCRIPT_LIST, "dk", {say_low, say_high, say_limit}},
    [XKV_OP_LIST_KEYS] = {NULL, SCRIPT_LIST_KEYS, "dk", {say_low, say_high, say_limit}},
    [XKV_OP_SCAN] = {NULL, SCRIPT_LIST, "dk", {say_place, say_high, say_page}},
    [XKV_OP_SCAN_KEYS] = {NULL, SCRIPT_LIST_KEYS, "dk", {say_place, say_high, say_page}},
    [XKV_OP_SET_MANY] = {NULL, SCRIPT_SET_MANY, "dk", {say_entries}},
    [XKV_OP_DELETE_MANY] = {NULL, SCRIPT_DELETE_MANY, "dkcxow", {say_keys}},
    [XKV_OP_DELETE_BY_PREFIX] = {NULL,
                                 SCRIPT_DELETE_BY_PREFIX,
                                 "dkcxow",
                                 {say_low, say_high, say_limit}},
    [XKV_OP_REBUILD_KEY_LIST] = {NULL, SCRIPT_REBUILD, "dkcxow", {NULL}},

#define CHOICE  SPAN, say_chance
#define CHOICES SPAN, say_seeds
    [XKV_OP_RANDOM_KEY] = {NULL, SCRIPT_RANDOM_KEY, "dk", {CHOICE, say_share}},
    [XKV_OP_RANDOM_ENTRY] = {NULL, SCRIPT_RANDOM_ENTRY, "dk", {CHOICE, say_share}},
    [XKV_OP_RANDOM_KEYS] = {NULL, SCRIPT_RANDOM_KEYS, "dk", {CHOICES, say_count, say_repeats}},
    [XKV_OP_NEXT] = {NULL,
                     SCRIPT_NEXT,
                     "dk",
                     {say_key, say_prefix, say_low, say_high, say_cycle, say_json}},
    [XKV_OP_NEXT_CIRCULAR] = {NULL, SCRIPT_NEXT_CIRCULAR, "dkr", {say_prefix, say_low, say_high}},

    [XKV_OP_CLAIM_RANDOM] = {NULL,
                             SCRIPT_CLAIM_RANDOM,
                             KEYS_OF_CLAIMS,
                             {say_clock, CHOICE, say_ttl, say_share}},
    [XKV_OP_CLAIM_NEXT] = {NULL,
                           SCRIPT_CLAIM_NEXT,
                           KEYS_OF_CLAIMS,
                           {say_clock, SPAN, say_ttl, say_next}},
    [XKV_OP_CLAIM_FOR_OWNER] = {NULL,
                                SCRIPT_CLAIM_FOR_OWNER,
                                KEYS_OF_CLAIMS,
                                {say_clock, CHOICE, say_ttl, say_owner, say_share}},
    [XKV_OP_CLAIM_KEY] = {NULL, SCRIPT_CLAIM_KEY, KEYS_OF_CLAIMS, {say_clock, say_ttl, say_key}},
    [XKV_OP_CLAIM_RANDOM_MANY] = {NULL,
                                  SCRIPT_CLAIM_RANDOM_MANY,
                                  KEYS_OF_CLAIMS,
                                  {say_clock, CHOICES, say_ttl, say_count}},
    [XKV_OP_CLAIM_KEYS] = {NULL,
                           SCRIPT_CLAIM_KEYS,
                           KEYS_OF_CLAIMS,
                           {say_clock, say_ttl, say_all_or_nothing, say_keys}},

#define GIVEN say_ttl, say_claims
    [XKV_OP_RENEW_CLAIM] = {NULL, SCRIPT_SETTLE, "dkcxow", {say_clock, say_renew, GIVEN}},
    [XKV_OP_RENEW_CLAIMS] = {NULL, SCRIPT_SETTLE, "dkcxow", {say_clock, say_renew, GIVEN}},
    [XKV_OP_RELEASE_CLAIM] = {NULL, SCRIPT_SETTLE, "dkcxow", {say_clock, say_release, GIVEN}},
    [XKV_OP_RELEASE_CLAIMS] = {NULL, SCRIPT_SETTLE, "dkcxow", {say_clock, say_release, GIVEN}},
    [XKV_OP_COMPLETE_CLAIM] = {NULL, SCRIPT_SETTLE, "dkcxow", {say_clock, say_complete, GIVEN}},
    [XKV_OP_COMPLETE_CLAIMS] = {NULL, SCRIPT_SETTLE, "dkcxow", {say_clock, say_complete, GIVEN}},
    [XKV_OP_POP_RANDOM] = {NULL, SCRIPT_POP_RANDOM, "dkcxow", {say_clock, CHOICE, say_share}},
    [XKV_OP_POP_RANDOM_MANY] = {NULL,
                                SCRIPT_POP_RANDOM_MANY,
                                "dkcxow",
                                {say_clock, CHOICES, say_count}},
    [XKV_OP_POP_NEXT] = {NULL, SCRIPT_POP_NEXT, "dkcxow", {say_clock, SPAN, say_next}},

    [XKV_OP_STATS] = {NULL, SCRIPT_STATS, "dkcx", {say_clock, say_nothing, say_nothing}},
    [XKV_OP_REPORT_STATS] = {NULL, SCRIPT_STATS, "dkcx", {say_clock, say_nothing, say_nothing}},
    [XKV_OP_ALLOCATION_STATS] = {NULL, SCRIPT_STATS, "dkcx", {say_clock, SPAN}},

    [XKV__OP_MEET] = {NULL, SCRIPT_SIZE, "d", {NULL}},
    [XKV__OP_JOIN] = {NULL, SCRIPT_JOIN, KEYS_OF_CLAIMS, {say_place_number, say_partitions}},
    [XKV__OP_MADE] = {NULL, SCRIPT_MADE, "dm", {NULL}},
    [XKV__OP_LOOK_FREE] = {NULL, SCRIPT_POP_RANDOM, "dkcxow", {say_clock, CHOICE, say_share}},
    [XKV__OP_LOOK_NEXT] = {NULL, SCRIPT_POP_NEXT, "dkcxow", {say_clock, SPAN, say_nothing}},
    [XKV__OP_LOOK_OWNER] = {NULL,
                            SCRIPT_CLAIM_FOR_OWNER,
                            KEYS_OF_CLAIMS,
                            {say_clock, CHOICE, say_ttl, say_owner, say_share}},
    [XKV__OP_LOOK_POSITION] = {NULL, SCRIPT_LOOK_POSITION, "d", {say_key}},
    [XKV__OP_TAKE_POSITION] = {NULL, SCRIPT_TAKE_POSITION, "dk", {say_key, say_next, say_seen}},
    [XKV__OP_LOOK_TURN] = {NULL, SCRIPT_LOOK_TURN, "dr", {say_prefix}},
    [XKV__OP_TAKE_TURN] = {NULL, SCRIPT_TAKE_TURN, "dr", {say_prefix, say_last, say_next}},
};

/* -- Asking ---------------------------------------------------------------------- */

const char *xkv__script(size_t n) {
    return n < SCRIPTS ? scripts[n].text : NULL;
}

static xkv_bytes own_id(const xkv__dialect *dialect) {
    return (xkv_bytes){dialect->id, XKV__ID_SIZE};
}

static void say_names(struct speech *speech, const char *names) {
    xkv_bytes base = {speech->partition->base, speech->partition->base_len};

    for (; *names; names++)
        say(speech, base)->behind = *names;
}

static void say_script(struct speech *speech, enum script_number script, const char *names,
                       bool whole) {
    static const xkv_bytes eval = {"EVAL", 4}, evalsha = {"EVALSHA", 7};

    say(speech, whole ? eval : evalsha);
    say(speech, whole ? xkv_text(scripts[script].text) : (xkv_bytes){scripts[script].sha1, 40});
    say_number(speech, (int64_t)strlen(names));
    say_names(speech, names);
    say(speech, own_id(speech->dialect));
}

/* A plain command asks for the store's id, too. */
static void say_plain(struct speech *speech, const struct row *row) {
    say(speech, xkv_text(row->plain));
    say_names(speech, row->keys);
    say(speech, (xkv_bytes){NULL, 0});
}

static void exchange_speech_begin(struct speech *speech, const xkv__dialect *dialect,
                                  const xkv__exchange *exchange, unsigned partition) {
    speech_begin(speech, dialect, partition);
    speech->exchange = exchange;
    speech->spread = exchange->spread;
    speech->command = exchange->command;
}

static void say_arguments(struct speech *speech, const struct row *row) {
    for (argument *const *say_next = row->arguments; *say_next; say_next++)
        (*say_next)(speech);
}

int xkv__ask(const xkv__dialect *dialect, const xkv__exchange *exchange, unsigned partition,
             bool whole, xkv__buffer *out) {
    const struct row *row = &rows[exchange->command->op];
    xkv__position position;
    struct speech speech;

    if (exchange->error != XKV_OK || !row->keys) /* a command of files has no row */
        return exchange->error != XKV_OK ? exchange->error : XKV_E_INTERNAL;
    exchange_speech_begin(&speech, dialect, exchange, partition);
    speech.position = &position;
    if (row->plain)
        say_plain(&speech, row);
    else
        say_script(&speech, row->script, row->keys, whole);
    say_arguments(&speech, row);
    return speak(&speech, out);
}

/* As many of these as are asked at once cost a server little more than one. */
static bool is_shared(int op) {
    return op == XKV_OP_GET || op == XKV_OP_SET;
}

bool xkv__may_share(const xkv__exchange *one, const xkv__exchange *other) {
    return one->command->op == other->command->op && is_shared(one->command->op) &&
           other->command->value.len <= SHARED_VALUE_MAX && !one->spread && !other->spread;
}

int xkv__ask_along(const xkv__dialect *dialect, const xkv__exchange *exchange, unsigned partition,
                   size_t begins, xkv__buffer *out) {
    struct speech speech;

    exchange_speech_begin(&speech, dialect, exchange, partition);
    say_arguments(&speech, &rows[exchange->command->op]);
    int error = write_speech(&speech, false, out);
    if (error == XKV_OK)
        grow_head(out, begins, speech.count);
    return error;
}

void xkv__ask_store(const xkv__dialect *dialect, bool whole, xkv__buffer *out) {
    struct speech speech;
    int serialization = dialect->serialization == XKV_ANY ? XKV_JSON : dialect->serialization;

    speech_begin(&speech, dialect, 0);
    say_script(&speech, SCRIPT_OPEN, "dmt", whole);
    say_number(&speech, XKV__REMOTE_FORMAT);
    say_number(&speech, serialization);
    say_number(&speech, dialect->count);
    (void)speak(&speech, out); /* the buffer remembers that memory was short */
}

/* -- Exchanges ------------------------------------------------------------------- */

void xkv__exchange_begin(xkv__exchange *exchange, const xkv__call *call) {
    *exchange = (xkv__exchange){
        .call = call, .command = call->command, .expected = call->command->expected};
}

void xkv__exchange_end(xkv__exchange *exchange) {
    xkv__buffer_free(&exchange->kept);
    xkv__spread_free(exchange->spread);
}
