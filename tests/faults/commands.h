/*
 * commands.h - commands of all kinds, which change a store step by step: each finds
 * what those before it have left
 */
#ifndef XKV_TESTS_COMMANDS_H
#define XKV_TESTS_COMMANDS_H

#include "content.h"

enum { COMMANDS_MAX = 160, LISTS_MAX = 30 };

static xkv_command commands[COMMANDS_MAX];
static xkv_items lists[LISTS_MAX];
static size_t command_count, list_count;

static inline void add(xkv_command command) {
    MUST(command_count < COMMANDS_MAX);
    commands[command_count++] = command;
}

/* The list must last as long as the command. */
static inline void add_with(xkv_command command, xkv_items items) {
    MUST(list_count < LISTS_MAX);
    lists[list_count++] = items;
    command.items = xkv_items_bytes(&items);
    add(command);
}

/* The claim that fill has made on key number n; held says whether it is so. */
static inline void add_claim_of(xkv_items *items, unsigned n, bool held) {
    char key[32], id[32];
    int64_t token = (int64_t)(n - CLAIMED_FROM + 1);

    snprintf(id, sizeof id, "claim-%" PRId64, token);
    MUST(xkv_items_add_claim(items, xkv_text(id), key_number(key, n), held ? token : 0) == XKV_OK);
}

static inline xkv_items claims_of(unsigned from, unsigned to) {
    xkv_items items = {NULL, 0, 0};

    for (unsigned n = from; n < to; n++)
        add_claim_of(&items, n, true);
    return items;
}

/* Keys that are repeated, there before and not: undone in the wrong order they
 * would become what they were in between. */
static inline xkv_items repeated_entries(void) {
    xkv_items items = {NULL, 0, 0};
    char key[32], value[32];

    for (unsigned i = 0; i < 12; i++) {
        xkv_bytes content = bytes_of(value, (size_t)snprintf(value, sizeof value, "time %u", i));
        items_add(&items, LIT("key:001"), content);
        items_add(&items, LIT("repeated"), content);
        items_add(&items, key_number(key, 500 + i), content);
    }
    return items;
}

static inline xkv_items many_entries(void) {
    xkv_items items = {NULL, 0, 0};
    char key[32];

    for (unsigned i = 0; i < 300; i += 3) /* some of which are there, some not */
        items_add(&items, key_number(key, i), i % 2 ? LIT("many") : bytes_of(long_value, 600));
    items_add(&items, bytes_of(long_key, 3000), LIT("many"));
    items_add(&items, bytes_of(long_key, 4500), LIT("many"));
    items_add(&items, LIT("key:000"), LIT("twice"));
    return items;
}

static inline xkv_items many_keys(unsigned from) {
    xkv_items items = {NULL, 0, 0};
    char key[32];

    for (unsigned i = from; i < 300; i += 5)
        items_add(&items, key_number(key, i), NOTHING);
    return items;
}

static inline void make_single_commands(void) {
    const xkv_bytes deep = {long_key, 3000}, deeper = {long_key, 4000};

    add((xkv_command){.op = XKV_OP_GET, .key = LIT("key:001")});
    add((xkv_command){.op = XKV_OP_GET, .key = LIT("missing")});
    add((xkv_command){.op = XKV_OP_GET, .key = deep});
    add((xkv_command){.op = XKV_OP_EXISTS, .key = LIT("key:001")});
    add((xkv_command){.op = XKV_OP_SIZE});
    add((xkv_command){.op = XKV_OP_SET, .key = LIT("key:001"), .value = LIT("new")});
    add((xkv_command){.op = XKV_OP_SET, .key = LIT("key:new"), .value = LIT("new")});
    add((xkv_command){.op = XKV_OP_SET, .key = LIT("a first"), .value = {long_value, 20000}});
    add((xkv_command){.op = XKV_OP_SET, .key = LIT("key:050"), .value = {long_value, 20000}});
    add((xkv_command){.op = XKV_OP_SET, .key = deeper, .value = LIT("deep")});
    add((xkv_command){.op = XKV_OP_GET, .key = LIT("key:050")});
    add((xkv_command){.op = XKV_OP_DELETE, .key = LIT("key:002")});
    add((xkv_command){.op = XKV_OP_DELETE, .key = LIT("missing")});
    add((xkv_command){.op = XKV_OP_DELETE, .key = LIT("key:010")}); /* claimed */
    add((xkv_command){.op = XKV_OP_DELETE, .key = deeper});
    add((xkv_command){.op = XKV_OP_REBUILD_KEY_LIST});
    add((xkv_command){.op = XKV_OP_SET_IF_ABSENT, .key = LIT("key:003"), .value = LIT("newer")});
    add((xkv_command){.op = XKV_OP_SET_IF_ABSENT, .key = LIT("key:002"), .value = LIT("newer")});
    add((xkv_command){.op = XKV_OP_SET_IF_ABSENT, .key = {long_key, 3500}, .value = LIT("deep")});
    add((xkv_command){.op = XKV_OP_DELETE_IF_EXISTS, .key = LIT("key:004")});
    add((xkv_command){.op = XKV_OP_DELETE_IF_EXISTS, .key = LIT("missing")});
    add((xkv_command){.op = XKV_OP_INCREMENT_BY, .key = LIT("count"), .delta = 5});
    add((xkv_command){.op = XKV_OP_INCREMENT_BY, .key = LIT("count"), .delta = -2});
    add((xkv_command){.op = XKV_OP_GET_OR_SET, .key = LIT("key:050"), .value = LIT("1")});
    add((xkv_command){.op = XKV_OP_GET_OR_SET, .key = LIT("got"), .value = LIT("{\"a\":1}")});
    add((xkv_command){.op = XKV_OP_SWAP, .key = LIT("key:050"), .value = LIT("swapped")});
    add((xkv_command){.op = XKV_OP_SWAP, .key = LIT("swap"), .value = LIT("swapped")});
    add((xkv_command){.op = XKV_OP_SET, .key = LIT("no text"), .value = LIT("\xFF")});
    add((xkv_command){.op = XKV_OP_SET, .key = NOTHING, .value = LIT("1")});
}

/* "got" holds an object that is given in another spelling. */
static inline void make_comparing_commands(void) {
    static const int ops[] = {XKV_OP_COMPARE_AND_SWAP, XKV_OP_COMPARE_AND_SWAP_DETAILED};
    static const int deleting[] = {XKV_OP_COMPARE_AND_DELETE, XKV_OP_COMPARE_AND_DELETE_DETAILED};

    for (size_t i = 0; i < 2; i++) {
        xkv_command command = {.op = ops[i], .key = LIT("got"), .include_current = true};
        command.value = LIT("{\"a\":1}");
        command.expected = LIT("{\"a\":2}");
        add(command);
        command.expected = LIT(" { \"a\" : 1 } ");
        add(command);
        command.key = i == 0 ? LIT("made 1") : LIT("made 2");
        command.expect = XKV_EXPECT_ABSENT;
        add(command);
    }
    for (size_t i = 0; i < 2; i++) {
        xkv_command command = {.op = deleting[i], .key = LIT("got"), .include_current = true};
        command.expected = LIT("{\"a\":2}");
        add(command);
        command.key = i == 0 ? LIT("got") : LIT("made 2");
        command.expected = LIT(" { \"a\" : 1 } ");
        add(command);
    }
    add((xkv_command){.op = XKV_OP_SET, .key = LIT("key:011"), .value = LIT("1")});
    add((xkv_command){.op = XKV_OP_COMPARE_AND_DELETE,
                      .key = LIT("key:011"), /* claimed */
                      .expected = LIT("1.0")});
}

static inline void make_reading_commands(void) {
    static const xkv_bytes prefixes[] = {{"", 0}, {"key:", 4}, {long_key, 600}};
    static const int ops[] = {XKV_OP_LIST, XKV_OP_LIST_KEYS, XKV_OP_SCAN, XKV_OP_SCAN_KEYS};

    for (size_t i = 0; i < COUNT(prefixes); i++) {
        add((xkv_command){.op = XKV_OP_RANDOM_KEY, .prefix = prefixes[i]});
        add((xkv_command){.op = XKV_OP_RANDOM_ENTRY, .prefix = prefixes[i]});
        add((xkv_command){.op = XKV_OP_NEXT_CIRCULAR, .prefix = prefixes[i]});
        add((xkv_command){.op = XKV_OP_NEXT, .key = LIT("at"), .prefix = prefixes[i]});
        add((xkv_command){.op = XKV_OP_COUNT, .prefix = prefixes[i]});
        add((xkv_command){.op = ops[i], .prefix = prefixes[i]});
        add((xkv_command){.op = ops[i + 1], .prefix = prefixes[i], .limit = 10});
        add((xkv_command){.op = XKV_OP_RANDOM_KEYS, .prefix = prefixes[i], .count = 20});
        add((xkv_command){
            .op = XKV_OP_RANDOM_KEYS, .prefix = prefixes[i], .count = 300, .repeats = true});
        add((xkv_command){.op = XKV_OP_ALLOCATION_STATS, .prefix = prefixes[i]});
    }
    add((xkv_command){.op = XKV_OP_SCAN, .cursor = LIT("AWtleTowMDU="), .limit = 3});
    add((xkv_command){.op = XKV_OP_STATS});
    add((xkv_command){.op = XKV_OP_REPORT_STATS});
    add_with((xkv_command){.op = XKV_OP_GET_MANY}, KEYS("key:001", "missing", ""));
    add_with((xkv_command){.op = XKV_OP_GET_MANY}, many_keys(0));
}

static inline void make_batches(void) {
    add_with((xkv_command){.op = XKV_OP_SET_MANY}, repeated_entries());
    add_with((xkv_command){.op = XKV_OP_SET_MANY}, many_entries());
    add_with((xkv_command){.op = XKV_OP_SET_MANY}, ENTRIES("key:001", "1", "bad", "\xFF"));
    add_with((xkv_command){.op = XKV_OP_DELETE_MANY}, KEYS("key:012", "missing", "key:012"));
    add_with((xkv_command){.op = XKV_OP_DELETE_MANY}, many_keys(2));
    add((xkv_command){.op = XKV_OP_DELETE_BY_PREFIX, .prefix = LIT("key:2"), .limit = 10});
    add((xkv_command){.op = XKV_OP_DELETE_BY_PREFIX, .prefix = {long_key, 3001}, .limit = 10});
}

static inline void make_claiming_commands(void) {
    const xkv_bytes one = LIT("key:014"), free_ones = LIT("key:12");
    xkv_items mixed = claims_of(15, 17), stale = claims_of(13, 14);

    add((xkv_command){.op = XKV_OP_CLAIM_RANDOM, .prefix = LIT("key:11"), .timeout_ms = 1000});
    add((xkv_command){.op = XKV_OP_POP_RANDOM, .prefix = LIT("key:14"), .timeout_ms = 1000});
    add((xkv_command){.op = XKV_OP_CLAIM_KEY, .key = LIT("key:100"), .owner = LIT("me")});
    add((xkv_command){.op = XKV_OP_CLAIM_KEY, .key = LIT("key:100")});
    add((xkv_command){.op = XKV_OP_CLAIM_KEY, .key = LIT("missing")});
    add((xkv_command){.op = XKV_OP_CLAIM_RANDOM});
    add((xkv_command){.op = XKV_OP_CLAIM_RANDOM, .prefix = one});
    add((xkv_command){.op = XKV_OP_CLAIM_RANDOM, .prefix = LIT("key:01")});
    add((xkv_command){.op = XKV_OP_CLAIM_NEXT, .prefix = LIT("key:0")});
    add((xkv_command){.op = XKV_OP_CLAIM_NEXT, .prefix = one, .owner = LIT("me")});
    add((xkv_command){.op = XKV_OP_CLAIM_NEXT, .prefix = {long_key, 2900}});
    add((xkv_command){.op = XKV_OP_CLAIM_FOR_OWNER, .prefix = free_ones, .owner = LIT("me")});
    add((xkv_command){.op = XKV_OP_CLAIM_FOR_OWNER, .prefix = free_ones, .owner = LIT("me")});
    add((xkv_command){.op = XKV_OP_CLAIM_FOR_OWNER, .prefix = free_ones, .owner = LIT("you")});
    add((xkv_command){.op = XKV_OP_CLAIM_FOR_OWNER, .prefix = LIT("missing"), .owner = LIT("me")});
    add((xkv_command){.op = XKV_OP_CLAIM_RANDOM_MANY, .prefix = free_ones, .count = 3});
    add((xkv_command){.op = XKV_OP_CLAIM_RANDOM_MANY, .prefix = free_ones, .count = 100});
    add_with((xkv_command){.op = XKV_OP_CLAIM_KEYS}, KEYS("key:130", "key:013", "no", "key:131"));
    add_with((xkv_command){.op = XKV_OP_CLAIM_KEYS, .all_or_nothing = true},
             KEYS("key:133", "key:134", "key:013"));
    add_with((xkv_command){.op = XKV_OP_CLAIM_KEYS, .all_or_nothing = true},
             KEYS("key:135", "key:136", "key:138"));
    add_with((xkv_command){.op = XKV_OP_CLAIM_KEYS}, KEYS("key:135", "key:136", "key:135"));
    add_with((xkv_command){.op = XKV_OP_RENEW_CLAIM, .ttl_ms = XKV_TTL_MAX - 1}, stale);
    add_claim_of(&mixed, 18, false);
    add_claim_of(&mixed, 18, true);
    add_with((xkv_command){.op = XKV_OP_RENEW_CLAIMS, .ttl_ms = XKV_TTL_MAX - 2}, mixed);
    add_with((xkv_command){.op = XKV_OP_RELEASE_CLAIM}, claims_of(15, 16));
    add_with((xkv_command){.op = XKV_OP_RELEASE_CLAIM}, claims_of(15, 16));
    add_with((xkv_command){.op = XKV_OP_RELEASE_CLAIMS}, claims_of(15, 18));
    add_with((xkv_command){.op = XKV_OP_COMPLETE_CLAIM}, claims_of(18, 19));
    add_with((xkv_command){.op = XKV_OP_COMPLETE_CLAIM, .keep_key = true}, claims_of(19, 20));
    add_with((xkv_command){.op = XKV_OP_COMPLETE_CLAIMS}, claims_of(18, 22));
    add_with((xkv_command){.op = XKV_OP_COMPLETE_CLAIMS, .keep_key = true}, claims_of(22, 25));
    add((xkv_command){.op = XKV_OP_POP_RANDOM, .prefix = LIT("key:005")});
    add((xkv_command){.op = XKV_OP_POP_RANDOM, .prefix = LIT("key:0")});
    add((xkv_command){.op = XKV_OP_POP_RANDOM, .prefix = {long_key, 2900}});
    add((xkv_command){.op = XKV_OP_POP_NEXT, .prefix = LIT("key:0")});
    add((xkv_command){.op = XKV_OP_POP_NEXT, .prefix = LIT("key:1"), .timeout_ms = 1000});
    add((xkv_command){.op = XKV_OP_POP_NEXT, .prefix = {long_key, 2900}});
    add((xkv_command){.op = XKV_OP_POP_NEXT, .prefix = LIT("missing")});
    add((xkv_command){.op = XKV_OP_POP_RANDOM_MANY, .prefix = LIT("key:02"), .count = 50});
    add((xkv_command){.op = XKV_OP_POP_RANDOM_MANY, .count = 40});
}

/* The last, clear, leaves nothing to work on. */
static inline void make_commands(void) {
    make_single_commands();
    make_comparing_commands();
    make_reading_commands();
    make_batches();
    make_claiming_commands();
    add((xkv_command){.op = XKV_OP_CLEAR});
    add((xkv_command){.op = XKV_OP_SET, .key = LIT("only"), .value = LIT("one")});
}

static inline void free_commands(void) {
    while (list_count > 0)
        xkv_items_free(&lists[--list_count]);
}

#endif
