/*
 * scripts.c - the scripts that servers run mean what local stores do
 *
 * Random commands go to a server and to a store in memory, and both have to say the same,
 * byte for byte, but for the numbers of claims. Where chance decides, what the server has
 * chosen is looked up in memory, and then taken there, too.
 */
#include "../asked.h"
#include "../clock.h"
#include "../items.h"

enum { OPERATIONS = SANITIZED ? 4000 : 30000, TICKETS = 64, OWNED = 6 };

/* A claim, as the server and as the store in memory have it. */
struct twins {
    struct ticket server, memory;
};

struct pair_of_stores {
    struct asked server;
    struct client memory;
    struct rng rng;
    struct twins held[TICKETS];
    size_t held_count;
    char key[64], other[64], prefix[64];
    unsigned operation;
};

/* -- Both say the same -------------------------------------------------------------- */

static void differs(struct pair_of_stores *both, const xkv_command *command, const char *what) {
    const xkv_reply *one = &both->server.reply, *other = &both->memory.reply;

    fail_msg("operation %u, op %d, key %s, prefix %s, value %.*s: %s differs: %d %" PRId64
             " %.*s | %d %" PRId64 " %.*s",
             both->operation, command->op, both->key, both->prefix, (int)command->value.len,
             (const char *)command->value.data, what, one->status, one->number, (int)one->len,
             (const char *)one->data, other->status, other->number, (int)other->len,
             (const char *)other->data);
}

static bool is_of_claim(xkv_bytes name) {
    return same_bytes(name, LIT("id")) || same_bytes(name, LIT("token")) ||
           same_bytes(name, LIT("backend"));
}

static bool same_item(const xkv_item *one, const xkv_item *other) {
    return one->kind == other->kind && same_bytes(one->name, other->name) &&
           (is_of_claim(one->name) ||
            (one->integer == other->integer && same_bytes(one->text, other->text) &&
             same_bytes(one->value, other->value)));
}

static bool same_items(xkv_bytes one, xkv_bytes other) {
    size_t at = 0, other_at = 0;
    xkv_item item, other_item;

    while (xkv_item_next(one, &at, &item)) {
        if (!xkv_item_next(other, &other_at, &other_item) || !same_item(&item, &other_item))
            return false;
    }
    return at == one.len && other_at == other.len;
}

static void compare_replies(struct pair_of_stores *both, const xkv_command *command) {
    const xkv_reply *one = &both->server.reply, *other = &both->memory.reply;
    xkv_bytes mine = {one->data, one->len}, theirs = {other->data, other->len};

    if (one->status != other->status || one->number != other->number)
        differs(both, command, "status or number");
    if (!same_bytes(mine, theirs) &&
        (one->status != XKV_OK || command->op == XKV_OP_GET || !same_items(mine, theirs)))
        differs(both, command, "data");
}

static void run_both(struct pair_of_stores *both, const xkv_command *command) {
    asked_run(&both->server, command);
    client_run(&both->memory, command);
    compare_replies(both, command);
}

static void run_both_with(struct pair_of_stores *both, xkv_command command, xkv_items items) {
    command.items = xkv_items_bytes(&items);
    run_both(both, &command);
    xkv_items_free(&items);
}

/* -- What is drawn ------------------------------------------------------------------- */

static const char *const letters[] = {"a", "b", "/", "\xc3\xa9", "{", "}", "\xf4\x8f\xbf\xbf", "z"};

static const char *const values[] = {
    "1",
    "-1",
    "007",
    "-0",
    "-07",
    "\"007\"",
    "\"-0\"",
    " 5 ",
    "\"5\" ",
    "\" 5\"",
    "0",
    "00",
    "",
    "\"\"",
    "\"",
    "-",
    "\"-\"",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "00000000000000000000000001",
    "\"00000000000000000000000001\"",
    "99999999999999999999",
    "1.5",
    "+1",
    "1 2",
    "true",
    "null",
    "{\"a\":1,\"b\":[2,3]}",
    "{\"b\":[2,3],\"a\":1}",
    "{ \"a\": 1.0, \"b\": [2, 3]}",
    "[1]",
    "\"\\u0061\"",
    "\"a\"",
    "\n7\t",
    "1\xc2\xa0",
};

static xkv_bytes draw_value(struct pair_of_stores *both) {
    return xkv_text(values[rng_below(&both->rng, COUNT(values))]);
}

/* Two or three letters, so that some keys begin with others. */
static xkv_bytes draw_text(struct pair_of_stores *both, char *out, size_t least, size_t most) {
    size_t count = least + rng_below(&both->rng, most - least + 1);

    *out = '\0';
    while (count-- > 0)
        strcat(out, letters[rng_below(&both->rng, COUNT(letters))]);
    return xkv_text(out);
}

static xkv_bytes draw_key(struct pair_of_stores *both, char *out) {
    return draw_text(both, out, 1, 2);
}

static xkv_bytes draw_prefix(struct pair_of_stores *both) {
    return draw_text(both, both->prefix, 0, 1);
}

static int64_t draw_delta(struct pair_of_stores *both) {
    static const int64_t deltas[] = {1, -1, 0, 1000, INT64_MAX, INT64_MIN, INT64_C(1) << 53};
    return deltas[rng_below(&both->rng, COUNT(deltas))];
}

static xkv_items draw_list(struct pair_of_stores *both, bool with_values, bool may_be_empty) {
    size_t count = rng_below(&both->rng, 6);
    xkv_items items = NO_ITEMS;
    char key[64];

    while (count-- > 0) {
        xkv_bytes drawn = draw_key(both, key);
        if (may_be_empty && rng_chance(&both->rng, 100))
            drawn = NOTHING;
        items_add(&items, drawn, with_values ? draw_value(both) : NOTHING);
    }
    return items;
}

/* -- Claims -------------------------------------------------------------------------- */

static void hold(struct pair_of_stores *both, const struct ticket *server,
                 const struct ticket *memory) {
    size_t n = both->held_count < TICKETS ? both->held_count++ : rng_below(&both->rng, TICKETS);

    both->held[n] = (struct twins){*server, *memory};
}

/* Holds the claims that both have just given, which are the same. */
static void hold_both(struct pair_of_stores *both) {
    size_t at = 0, other_at = 0;
    struct claim claim, other;

    while (next_claim(&both->server.reply, &at, &claim)) {
        MUST(next_claim(&both->memory.reply, &other_at, &other));
        struct ticket server = ticket_of(&claim), memory = ticket_of(&other);
        hold(both, &server, &memory);
    }
}

/* How many free keys there are in memory, and so how many can be taken. */
static int64_t claimable(struct pair_of_stores *both, xkv_bytes prefix) {
    size_t at = 0;

    MUST(do_prefix(&both->memory, XKV_OP_ALLOCATION_STATS, prefix) == XKV_OK);
    for (xkv_item item; xkv_item_next(answer(&both->memory), &at, &item);) {
        if (same_bytes(item.name, LIT("claimable")))
            return item.integer;
    }
    return -1;
}

/* Claims in memory what the server has chosen there: it must be possible. */
static bool claim_in_memory(struct pair_of_stores *both, xkv_bytes key, const xkv_command *like,
                            xkv_bytes value) {
    struct claim claim;
    size_t at = 0;

    return RUN(&both->memory, .op = XKV_OP_CLAIM_KEY, .key = key, .owner = like->owner,
               .ttl_ms = like->ttl_ms) == XKV_OK &&
           both->memory.reply.number == 1 && next_claim(&both->memory.reply, &at, &claim) &&
           same_bytes(claim.value, value) && starts_with(key, like->prefix);
}

/* Nothing was there for the server, so nothing is in memory; claims that have expired are
 * ended there, too. */
static void take_nothing(struct pair_of_stores *both, const xkv_command *command) {
    if (both->server.reply.number == 0)
        run_both(both, command);
}

static void claim_at_random(struct pair_of_stores *both, xkv_command command) {
    int64_t most = command.op == XKV_OP_CLAIM_RANDOM ? 1 : command.count;
    int64_t free_keys = claimable(both, command.prefix);
    struct claim claim, other;
    size_t at = 0, other_at;

    asked_run(&both->server, &command);
    if (both->server.reply.number != (free_keys < most ? free_keys : most))
        differs(both, &command, "number");
    while (next_claim(&both->server.reply, &at, &claim)) {
        other_at = 0;
        if (!claim_in_memory(both, claim.key, &command, claim.value) ||
            !next_claim(&both->memory.reply, &other_at, &other) ||
            other.expires_at != claim.expires_at || !same_bytes(other.owner, claim.owner))
            differs(both, &command, "claim");
        struct ticket server = ticket_of(&claim), memory = ticket_of(&other);
        hold(both, &server, &memory);
    }
    take_nothing(both, &command);
}

static void pop_at_random(struct pair_of_stores *both, xkv_command command) {
    int64_t most = command.op == XKV_OP_POP_RANDOM ? 1 : command.count;
    int64_t free_keys = claimable(both, command.prefix), number = 0;
    struct ticket ticket;
    xkv_bytes key, value;
    size_t at = 0;

    asked_run(&both->server, &command);
    while (xkv_reply_next(&both->server.reply, &at, &key, &value)) {
        if (!claim_in_memory(both, key, &command, value))
            differs(both, &command, "entry");
        MUST(take_ticket(&both->memory, &ticket));
        MUST(do_ticket(&both->memory, XKV_OP_COMPLETE_CLAIM, &ticket, 0) == XKV_OK);
        number++;
    }
    if (both->server.reply.number != number || number != (free_keys < most ? free_keys : most))
        differs(both, &command, "number");
    take_nothing(both, &command);
}

static void give_back(struct pair_of_stores *both, xkv_command command, size_t most) {
    xkv_items server = NO_ITEMS, memory = NO_ITEMS;
    size_t count = most == 1 ? 1 : rng_below(&both->rng, most);

    for (size_t i = 0; i < count; i++) {
        struct twins *twins = &both->held[rng_below(&both->rng, TICKETS)];
        bool spoilt = rng_chance(&both->rng, 50);
        if (twins->server.token == 0)
            *twins = (struct twins){{"claim-1", "a", 1, 0}, {"claim-0", "a", 1, 0}};
        twins->server.id[1] = twins->memory.id[1] = spoilt ? 'x' : 'l';
        add_ticket(&server, &twins->server);
        add_ticket(&memory, &twins->memory);
    }
    command.items = xkv_items_bytes(&server);
    asked_run(&both->server, &command);
    command.items = xkv_items_bytes(&memory);
    client_run(&both->memory, &command);
    compare_replies(both, &command);
    xkv_items_free(&server);
    xkv_items_free(&memory);
}

/* -- Random keys --------------------------------------------------------------------- */

static void random_keys(struct pair_of_stores *both, xkv_command command) {
    xkv_bytes key, value;
    size_t at = 0;

    MUST(do_prefix(&both->memory, XKV_OP_COUNT, command.prefix) == XKV_OK);
    int64_t all = both->memory.reply.number, wanted = command.count;
    asked_run(&both->server, &command);
    if (all == 0 || (!command.repeats && wanted > all))
        wanted = all;
    if (both->server.reply.number != wanted)
        differs(both, &command, "number");
    while (xkv_reply_next(&both->server.reply, &at, &key, &value)) {
        if (do_exists(&both->memory, key) != XKV_OK || both->memory.reply.number != 1 ||
            !starts_with(key, command.prefix))
            differs(both, &command, "key");
    }
}

static void random_one(struct pair_of_stores *both, int op, xkv_bytes prefix) {
    const xkv_command command = {.op = op, .prefix = prefix};
    const xkv_reply *reply = &both->server.reply;
    xkv_bytes key = NOTHING, value;
    size_t at = 0;

    MUST(do_prefix(&both->memory, XKV_OP_COUNT, prefix) == XKV_OK);
    int64_t all = both->memory.reply.number;
    asked_run(&both->server, &command);
    if (op == XKV_OP_RANDOM_KEY)
        key = bytes_of(reply->data, reply->len);
    else
        (void)xkv_reply_next(reply, &at, &key, &value);
    if (reply->number != (op == XKV_OP_RANDOM_KEY ? all : all > 0) || (key.len > 0) != (all > 0))
        differs(both, &command, "number");
    if (key.len > 0 && (do_get(&both->memory, key) != XKV_OK || !starts_with(key, prefix)))
        differs(both, &command, "key");
    if (op == XKV_OP_RANDOM_ENTRY && all > 0 && !same_bytes(answer(&both->memory), value))
        differs(both, &command, "value");
}

/* -- Scans --------------------------------------------------------------------------- */

/* Walks over all pages: the same ones on both sides. */
static void scan_all(struct pair_of_stores *both, int op, xkv_bytes prefix, int64_t limit) {
    char cursor[512] = "";
    xkv_bytes items;

    do {
        const xkv_command command = {
            .op = op, .prefix = prefix, .limit = limit, .cursor = xkv_text(cursor)};
        run_both(both, &command);
        items = bytes_of(both->server.reply.data, both->server.reply.len);
        size_t at = 0;
        for (xkv_item item; xkv_item_next(items, &at, &item);) {
            if (same_bytes(item.name, LIT("cursor"))) {
                MUST(item.text.len < sizeof cursor);
                memcpy(cursor, item.text.data, item.text.len);
                cursor[item.text.len] = '\0';
            }
        }
    } while (*cursor);
}

/* -- Steps --------------------------------------------------------------------------- */

static void step_single(struct pair_of_stores *both) {
    static const int ops[] = {XKV_OP_GET,           XKV_OP_SET,
                              XKV_OP_SET,           XKV_OP_SET,
                              XKV_OP_DELETE,        XKV_OP_EXISTS,
                              XKV_OP_SET_IF_ABSENT, XKV_OP_GET_OR_SET,
                              XKV_OP_SWAP,          XKV_OP_DELETE_IF_EXISTS};
    const xkv_command command = {.op = ops[rng_below(&both->rng, COUNT(ops))],
                                 .key = draw_key(both, both->key),
                                 .value = draw_value(both)};
    run_both(both, &command);
}

static void step_increment(struct pair_of_stores *both) {
    xkv_command command = {.op = XKV_OP_SET,
                           .key = draw_key(both, both->key),
                           .value = draw_value(both),
                           .delta = draw_delta(both)};

    if (rng_chance(&both->rng, 700))
        run_both(both, &command);
    command.op = XKV_OP_INCREMENT_BY;
    run_both(both, &command);
    command.op = XKV_OP_GET;
    run_both(both, &command);
}

static void step_compare(struct pair_of_stores *both) {
    static const int ops[] = {XKV_OP_COMPARE_AND_SWAP, XKV_OP_COMPARE_AND_SWAP_DETAILED,
                              XKV_OP_COMPARE_AND_DELETE, XKV_OP_COMPARE_AND_DELETE_DETAILED};
    const xkv_command command = {.op = ops[rng_below(&both->rng, COUNT(ops))],
                                 .key = draw_key(both, both->key),
                                 .value = draw_value(both),
                                 .expect = (int)rng_below(&both->rng, 3),
                                 .expected = draw_value(both),
                                 .include_current = rng_chance(&both->rng, 500)};
    if (command.expect == XKV_EXPECT_ABSENT_OR_VALUE && command.op >= XKV_OP_COMPARE_AND_DELETE)
        return; /* no command */
    run_both(both, &command);
}

static void step_list(struct pair_of_stores *both) {
    static const int ops[] = {XKV_OP_SET_MANY, XKV_OP_GET_MANY, XKV_OP_DELETE_MANY};
    int op = ops[rng_below(&both->rng, COUNT(ops))];

    run_both_with(both, (xkv_command){.op = op},
                  draw_list(both, op == XKV_OP_SET_MANY, op == XKV_OP_GET_MANY));
}

static void step_remove(struct pair_of_stores *both) {
    const xkv_command command = {.op = rng_chance(&both->rng, 100) ? XKV_OP_CLEAR
                                                                   : XKV_OP_DELETE_BY_PREFIX,
                                 .prefix = draw_prefix(both),
                                 .limit = 1 + (int64_t)rng_below(&both->rng, 9)};

    if (rng_chance(&both->rng, 200))
        run_both(both, &command);
}

/* Often enough the position is a key that was handed out, or one that is none. */
static void step_next(struct pair_of_stores *both) {
    const xkv_command command = {.op = XKV_OP_NEXT,
                                 .key = draw_key(both, both->key),
                                 .prefix = draw_prefix(both),
                                 .cycle = rng_chance(&both->rng, 500)};
    const xkv_command look = {.op = XKV_OP_GET, .key = command.key};

    for (size_t times = rng_below(&both->rng, 4); times > 0; times--)
        run_both(both, &command);
    run_both(both, &look);
}

static void step_prefix(struct pair_of_stores *both) {
    static const int ops[] = {
        XKV_OP_SIZE,          XKV_OP_COUNT,           XKV_OP_LIST,  XKV_OP_LIST_KEYS,
        XKV_OP_NEXT_CIRCULAR, XKV_OP_NEXT_CIRCULAR,   XKV_OP_STATS, XKV_OP_ALLOCATION_STATS,
        XKV_OP_REPORT_STATS,  XKV_OP_REBUILD_KEY_LIST};
    const xkv_command command = {.op = ops[rng_below(&both->rng, COUNT(ops))],
                                 .prefix = draw_prefix(both),
                                 .limit = (int64_t)rng_below(&both->rng, 9)};
    run_both(both, &command);
}

static void step_scan(struct pair_of_stores *both) {
    xkv_bytes prefix = draw_prefix(both);
    int64_t limit = (int64_t)rng_below(&both->rng, 9);

    scan_all(both, rng_chance(&both->rng, 500) ? XKV_OP_SCAN : XKV_OP_SCAN_KEYS, prefix, limit);
}

static void step_random(struct pair_of_stores *both) {
    xkv_bytes prefix = draw_prefix(both);

    random_one(both, XKV_OP_RANDOM_KEY, prefix);
    random_one(both, XKV_OP_RANDOM_ENTRY, prefix);
    random_keys(both, (xkv_command){.op = XKV_OP_RANDOM_KEYS,
                                    .prefix = prefix,
                                    .count = 1 + (int64_t)rng_below(&both->rng, 20),
                                    .repeats = rng_chance(&both->rng, 500)});
}

/* An owner's claims are on keys of which each has a prefix of its own. */
static void claim_for_owner(struct pair_of_stores *both, xkv_command command) {
    char key[8], owner[8];

    snprintf(key, sizeof key, "o%zu", rng_below(&both->rng, OWNED));
    snprintf(owner, sizeof owner, "vu%zu", rng_below(&both->rng, 3));
    command.owner = xkv_text(owner);
    command.prefix = xkv_text(key);
    if (rng_chance(&both->rng, 500))
        run_both(both,
                 &(xkv_command){.op = XKV_OP_SET, .key = xkv_text(key), .value = draw_value(both)});
    run_both(both, &command);
    hold_both(both);
}

static void step_claim(struct pair_of_stores *both) {
    xkv_command command = {.prefix = draw_prefix(both),
                           .owner = rng_chance(&both->rng, 500) ? LIT("me") : NOTHING,
                           .count = 1 + (int64_t)rng_below(&both->rng, 5),
                           .ttl_ms = 1 + (int64_t)rng_below(&both->rng, 200)};

    switch (rng_below(&both->rng, 6)) {
    case 0:
        command.op = XKV_OP_CLAIM_RANDOM;
        claim_at_random(both, command);
        return;
    case 1:
        command.op = XKV_OP_CLAIM_RANDOM_MANY;
        claim_at_random(both, command);
        return;
    case 2:
        command.op = XKV_OP_CLAIM_KEY;
        command.key = draw_key(both, both->key);
        run_both(both, &command);
        hold_both(both);
        return;
    case 3:
        command.op = XKV_OP_CLAIM_NEXT;
        run_both(both, &command);
        hold_both(both);
        return;
    case 4:
        command.op = XKV_OP_CLAIM_FOR_OWNER;
        claim_for_owner(both, command);
        return;
    default:
        command.op = XKV_OP_CLAIM_KEYS;
        command.all_or_nothing = rng_chance(&both->rng, 300);
        run_both_with(both, command, draw_list(both, false, false));
        hold_both(both);
    }
}

static void step_settle(struct pair_of_stores *both) {
    static const int one[] = {XKV_OP_RENEW_CLAIM, XKV_OP_RELEASE_CLAIM, XKV_OP_COMPLETE_CLAIM};
    static const int many[] = {XKV_OP_RENEW_CLAIMS, XKV_OP_RELEASE_CLAIMS, XKV_OP_COMPLETE_CLAIMS};
    bool is_one = rng_chance(&both->rng, 500);
    xkv_command command = {.op = (is_one ? one : many)[rng_below(&both->rng, 3)],
                           .ttl_ms = 1 + (int64_t)rng_below(&both->rng, 200),
                           .keep_key = rng_chance(&both->rng, 500)};

    give_back(both, command, is_one ? 1 : 6);
}

static void step_pop(struct pair_of_stores *both) {
    xkv_command command = {.prefix = draw_prefix(both), .count = 3};

    if (rng_chance(&both->rng, 300)) {
        command.op = XKV_OP_POP_NEXT;
        run_both(both, &command);
        return;
    }
    command.op = rng_chance(&both->rng, 500) ? XKV_OP_POP_RANDOM : XKV_OP_POP_RANDOM_MANY;
    pop_at_random(both, command);
}

static void run_random(int serialization, const char *purpose) {
    static void (*const steps[])(struct pair_of_stores *) = {
        step_single, step_single, step_increment, step_compare, step_list,
        step_remove, step_prefix, step_prefix,    step_next,    step_scan,
        step_random, step_claim,  step_claim,     step_settle};
    struct pair_of_stores both = {.rng = rng_for(purpose)};
    xkv_options options = memory_options(purpose);

    options.serialization = serialization;
    clocks_stop();
    client_open(&both.memory, &options, false);
    asked_open(&both.server, serialization);
    for (; both.operation < OPERATIONS; both.operation++) {
        steps[rng_below(&both.rng, COUNT(steps))](&both);
        if (rng_chance(&both.rng, 20))
            step_pop(&both);
        clocks_pass(rng_below(&both.rng, 10));
    }
    asked_close(&both.server);
    client_close(&both.memory);
    clocks_go();
}

/* -- Tests --------------------------------------------------------------------------- */

static void test_random_json(void **state) {
    (void)state;
    if (asked_can())
        run_random(XKV_JSON, "json");
}

static void test_random_string(void **state) {
    (void)state;
    if (asked_can())
        run_random(XKV_STRING, "string");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_json),
        cmocka_unit_test(test_random_string),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests_name("scripts", tests, NULL, NULL));
}
