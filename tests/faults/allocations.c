/*
 * allocations.c - every allocation of every command fails in turn
 *
 * Whatever fails: an error comes back that says so, content and claims are as
 * before, nothing leaks, and the next command works.
 */
#include "../clock.h"
#include "../heap.h"
#include "../items.h"
#include "../kinds.h"
#include "../model.h"

#include <pthread.h>
#include <semaphore.h>

/* -- Stores ------------------------------------------------------------------ */

static const struct kind kinds[] = {
    {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false},
    {"disk, none", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, false},
    {"disk, none, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, true},
    {"disk, full", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, false},
    {"disk, full, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, true},
};

/* -- A reader that stands still ---------------------------------------------- */

/* It reads the whole store in a snapshot, and within that, when it asks for
 * memory, stands still until it is told to go on. */
static struct {
    struct client client;
    pthread_t thread;
    sem_t begin, parked, resume, finished;
    bool runs, stop;
} reader;

static _Thread_local bool parks;

static void park(void) {
    if (!parks)
        return;
    parks = false;
    sem_post(&reader.parked);
    sem_wait(&reader.resume);
}

static void *parking_alloc(size_t size) {
    park();
    return heap_alloc(size);
}

static void *parking_resize(void *old, size_t size) {
    park();
    return heap_resize(old, size);
}

static void *read_on(void *argument) {
    (void)argument;
    for (;;) {
        sem_wait(&reader.begin);
        if (reader.stop)
            return NULL;
        xkv_reply_clear(&reader.client.reply);
        parks = true;
        MUST(do_list(&reader.client, NOTHING, 0) == XKV_OK && !parks);
        sem_post(&reader.finished);
    }
}

static void reader_start(const xkv_options *options) {
    client_open(&reader.client, options, false);
    reader.runs = true;
    reader.stop = false;
    MUST(sem_init(&reader.begin, 0, 0) == 0 && sem_init(&reader.parked, 0, 0) == 0 &&
         sem_init(&reader.resume, 0, 0) == 0 && sem_init(&reader.finished, 0, 0) == 0);
    MUST(pthread_create(&reader.thread, NULL, read_on, NULL) == 0);
}

static void reader_park(void) {
    if (!reader.runs)
        return;
    sem_post(&reader.begin);
    sem_wait(&reader.parked);
}

static void reader_resume(void) {
    if (!reader.runs)
        return;
    sem_post(&reader.resume);
    sem_wait(&reader.finished);
}

static void reader_stop(void) {
    reader.stop = true;
    reader.runs = false;
    sem_post(&reader.begin);
    pthread_join(reader.thread, NULL);
    client_close(&reader.client);
}

/* Memory that fails when told to, and time that passes when told to. */
static const xkv_hooks hooks = {
    .alloc = parking_alloc,
    .resize = parking_resize,
    .release = heap_release,
    .now_ms = clocks_now,
    .wall_ms = clocks_wall,
};

/* -- Content ----------------------------------------------------------------- */

static char long_key[5000], long_value[20000];

enum { KEYS_COUNT = 150, CLAIMED_FROM = 10, CLAIMED_TO = 30, SHORT_TTL = 1000 };

/* What the store must hold: keys with values, and claimed keys with the ids of
 * their claims. */
struct content {
    struct model keys, claims;
};

static xkv_bytes key_number(char out[32], unsigned n) {
    return bytes_of(out, (size_t)snprintf(out, 32, "key:%03u", n));
}

static void content_free(struct content *content) {
    model_free(&content->keys);
    model_free(&content->claims);
}

/* Takes in what claims the reply grants. */
static void note_claims(struct content *content, const xkv_reply *reply) {
    struct claim claim;

    for (size_t at = 0; next_claim(reply, &at, &claim);)
        model_put(&content->claims, claim.key, claim.id);
}

static void claim(struct client *client, struct content *content, xkv_bytes key, int64_t ttl) {
    xkv_command command = {.op = XKV_OP_CLAIM_KEY, .key = key, .ttl_ms = ttl};

    MUST(client_run(client, &command) == XKV_OK && client->reply.number == 1);
    note_claims(content, &client->reply);
}

/* Keys, some of them claimed; the ids of those are claim-1, claim-2 and so on. */
static void fill(struct client *client, struct content *content) {
    const xkv_bytes deep = {long_key, 3000};
    char key[32];

    for (unsigned i = 0; i < KEYS_COUNT; i++) {
        MUST(do_set(client, key_number(key, i), LIT("old")) == XKV_OK);
        model_put(&content->keys, key_number(key, i), LIT("old"));
    }
    MUST(do_set(client, deep, LIT("old")) == XKV_OK);
    model_put(&content->keys, deep, LIT("old"));
    for (unsigned i = CLAIMED_FROM; i < CLAIMED_TO; i++)
        claim(client, content, key_number(key, i), XKV_TTL_MAX);
    claim(client, content, deep, XKV_TTL_MAX);
}

static int64_t live_claims(struct client *client, xkv_bytes prefix) {
    size_t at = 0;
    xkv_item item;

    assert_int_equal(do_prefix(client, XKV_OP_ALLOCATION_STATS, prefix), XKV_OK);
    while (xkv_item_next(answer(client), &at, &item)) {
        if (same_bytes(item.name, LIT("claimedLive")))
            return item.integer;
    }
    fail();
    return -1;
}

/* The content is what it should be, and so are index, size and claims. */
static void assert_content(struct client *client, const struct content *content) {
    size_t first;

    do_list(client, NOTHING, 0);
    assert_int_equal(told(client), XKV_OK);
    assert_true(model_matches(&content->keys, NOTHING, 0, &client->reply));
    assert_int_equal(do_plain(client, XKV_OP_SIZE), XKV_OK);
    assert_int_equal(client->reply.number, content->keys.count);
    assert_int_equal(do_random(client, LIT("key:")), XKV_OK);
    assert_int_equal(client->reply.number, model_count(&content->keys, LIT("key:"), &first));
    assert_int_equal(live_claims(client, NOTHING), content->claims.count);
    assert_int_equal(live_claims(client, LIT("key:01")),
                     model_count(&content->claims, LIT("key:01"), &first));
    xkv_reply_clear(&client->reply);
}

/* -- Commands ---------------------------------------------------------------- */

enum { COMMANDS_MAX = 120, LISTS_MAX = 30 };

static xkv_command commands[COMMANDS_MAX];
static xkv_items lists[LISTS_MAX];
static size_t command_count, list_count;

static void add(xkv_command command) {
    MUST(command_count < COMMANDS_MAX);
    commands[command_count++] = command;
}

/* The list must last as long as the command. */
static void add_with(xkv_command command, xkv_items items) {
    MUST(list_count < LISTS_MAX);
    lists[list_count++] = items;
    command.items = xkv_items_bytes(&items);
    add(command);
}

/* The claim that fill has made on key number n; held says whether it is so. */
static void add_claim_of(xkv_items *items, unsigned n, bool held) {
    char key[32], id[32];
    int64_t token = (int64_t)(n - CLAIMED_FROM + 1);

    snprintf(id, sizeof id, "claim-%" PRId64, token);
    MUST(xkv_items_add_claim(items, xkv_text(id), key_number(key, n), held ? token : 0) == XKV_OK);
}

static xkv_items claims_of(unsigned from, unsigned to) {
    xkv_items items = {NULL, 0, 0};

    for (unsigned n = from; n < to; n++)
        add_claim_of(&items, n, true);
    return items;
}

/* Keys that are repeated, there before and not: undone in the wrong order they
 * would become what they were in between. */
static xkv_items repeated_entries(void) {
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

static xkv_items many_entries(void) {
    xkv_items items = {NULL, 0, 0};
    char key[32];

    for (unsigned i = 0; i < 300; i += 3) /* some of which are there, some not */
        items_add(&items, key_number(key, i), i % 2 ? LIT("many") : bytes_of(long_value, 600));
    items_add(&items, bytes_of(long_key, 3000), LIT("many"));
    items_add(&items, bytes_of(long_key, 4500), LIT("many"));
    items_add(&items, LIT("key:000"), LIT("twice"));
    return items;
}

static xkv_items many_keys(unsigned from) {
    xkv_items items = {NULL, 0, 0};
    char key[32];

    for (unsigned i = from; i < 300; i += 5)
        items_add(&items, key_number(key, i), NOTHING);
    return items;
}

static void make_single_commands(void) {
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
static void make_comparing_commands(void) {
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

static void make_reading_commands(void) {
    static const xkv_bytes prefixes[] = {{"", 0}, {"key:", 4}, {long_key, 600}};
    static const int ops[] = {XKV_OP_LIST, XKV_OP_LIST_KEYS, XKV_OP_SCAN, XKV_OP_SCAN_KEYS};

    for (size_t i = 0; i < COUNT(prefixes); i++) {
        add((xkv_command){.op = XKV_OP_RANDOM_KEY, .prefix = prefixes[i]});
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

static void make_batches(void) {
    add_with((xkv_command){.op = XKV_OP_SET_MANY}, repeated_entries());
    add_with((xkv_command){.op = XKV_OP_SET_MANY}, many_entries());
    add_with((xkv_command){.op = XKV_OP_SET_MANY}, ENTRIES("key:001", "1", "bad", "\xFF"));
    add_with((xkv_command){.op = XKV_OP_DELETE_MANY}, KEYS("key:012", "missing", "key:012"));
    add_with((xkv_command){.op = XKV_OP_DELETE_MANY}, many_keys(2));
    add((xkv_command){.op = XKV_OP_DELETE_BY_PREFIX, .prefix = LIT("key:2"), .limit = 10});
    add((xkv_command){.op = XKV_OP_DELETE_BY_PREFIX, .prefix = {long_key, 3001}, .limit = 10});
}

static void make_claiming_commands(void) {
    const xkv_bytes one = LIT("key:014"), free_ones = LIT("key:12");
    xkv_items mixed = claims_of(15, 17), stale = claims_of(13, 14);

    add((xkv_command){.op = XKV_OP_CLAIM_KEY, .key = LIT("key:100"), .owner = LIT("me")});
    add((xkv_command){.op = XKV_OP_CLAIM_KEY, .key = LIT("key:100")});
    add((xkv_command){.op = XKV_OP_CLAIM_KEY, .key = LIT("missing")});
    add((xkv_command){.op = XKV_OP_CLAIM_RANDOM});
    add((xkv_command){.op = XKV_OP_CLAIM_RANDOM, .prefix = one});
    add((xkv_command){.op = XKV_OP_CLAIM_RANDOM, .prefix = LIT("key:01")});
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
    add((xkv_command){.op = XKV_OP_POP_RANDOM_MANY, .prefix = LIT("key:02"), .count = 50});
    add((xkv_command){.op = XKV_OP_POP_RANDOM_MANY, .count = 40});
}

/* The last, clear, leaves nothing to work on. */
static void make_commands(void) {
    make_single_commands();
    make_comparing_commands();
    make_reading_commands();
    make_batches();
    make_claiming_commands();
    add((xkv_command){.op = XKV_OP_CLEAR});
    add((xkv_command){.op = XKV_OP_SET, .key = LIT("only"), .value = LIT("one")});
}

static void free_commands(void) {
    while (list_count > 0)
        xkv_items_free(&lists[--list_count]);
}

/* -- What they do ------------------------------------------------------------ */

static void drop(struct content *content, xkv_bytes key) {
    model_delete(&content->keys, key);
    model_delete(&content->claims, key);
}

/* Claims that are given back and held. */
static void apply_ends(struct content *content, const xkv_command *command, bool deletes) {
    size_t at = 0;

    for (xkv_item item; xkv_item_next(command->items, &at, &item);) {
        const struct pair *held = model_get(&content->claims, item.text);
        int64_t token;
        memcpy(&token, item.value.data, sizeof token);
        if (!held || token == 0)
            continue;
        if (deletes)
            drop(content, item.text);
        else
            model_delete(&content->claims, item.text);
    }
}

static void apply_list(struct content *content, const xkv_command *command) {
    size_t at = 0;

    for (xkv_item item; xkv_item_next(command->items, &at, &item);) {
        if (command->op == XKV_OP_SET_MANY)
            model_put(&content->keys, item.text, item.value);
        else
            drop(content, item.text);
    }
}

static void apply_prefix(struct content *content, const xkv_command *command) {
    size_t first, count = model_count(&content->keys, command->prefix, &first);

    for (size_t i = 0; i < count && i < (size_t)command->limit; i++) {
        struct pair pair = pair_new(pair_key(&content->keys.pairs[first]), NOTHING);
        drop(content, pair_key(&pair));
        free(pair.bytes);
    }
}

static void apply_popped(struct content *content, const xkv_reply *reply) {
    xkv_bytes key, value;

    for (size_t at = 0; xkv_reply_next(reply, &at, &key, &value);) {
        MUST(!model_get(&content->claims, key));
        drop(content, key);
    }
}

static void apply(struct content *content, const xkv_command *command, const xkv_reply *reply) {
    bool absent = !model_get(&content->keys, command->key);

    switch (command->op) {
    case XKV_OP_SET_IF_ABSENT:
    case XKV_OP_GET_OR_SET:
        if (!absent)
            break;
        /* fall through */
    case XKV_OP_SET:
    case XKV_OP_SWAP:
        model_put(&content->keys, command->key, command->value);
        break;
    case XKV_OP_COMPARE_AND_SWAP:
    case XKV_OP_COMPARE_AND_SWAP_DETAILED:
        if (reply->number == 1)
            model_put(&content->keys, command->key, command->value);
        break;
    case XKV_OP_DELETE:
    case XKV_OP_DELETE_IF_EXISTS:
    case XKV_OP_COMPARE_AND_DELETE:
    case XKV_OP_COMPARE_AND_DELETE_DETAILED:
        if (reply->number == 1)
            drop(content, command->key);
        break;
    case XKV_OP_INCREMENT_BY:
        model_put(&content->keys, command->key, command->delta > 0 ? LIT("5") : LIT("3"));
        break;
    case XKV_OP_CLEAR:
        model_clear(&content->keys);
        model_clear(&content->claims);
        break;
    case XKV_OP_SET_MANY:
    case XKV_OP_DELETE_MANY:
        apply_list(content, command);
        break;
    case XKV_OP_DELETE_BY_PREFIX:
        apply_prefix(content, command);
        break;
    case XKV_OP_RELEASE_CLAIM:
    case XKV_OP_RELEASE_CLAIMS:
    case XKV_OP_COMPLETE_CLAIM:
    case XKV_OP_COMPLETE_CLAIMS:
        apply_ends(content, command, command->op >= XKV_OP_COMPLETE_CLAIM && !command->keep_key);
        break;
    case XKV_OP_POP_RANDOM:
    case XKV_OP_POP_RANDOM_MANY:
        apply_popped(content, reply);
        break;
    default:
        note_claims(content, reply);
    }
}

/* Which errors the command would have with all the memory of the world. */
static int expected_status(const xkv_command *command, const struct content *content) {
    bool twice = command->op == XKV_OP_CLAIM_KEYS && command->items.len > 0 &&
                 memmem(command->items.data, command->items.len, "key:135", 7) &&
                 !command->all_or_nothing;

    if (command->key.len == 0 && (xkv_op_describe(command->op)->arguments & XKV_ARG_KEY))
        return XKV_E_INVALID_OPTIONS;
    if (command->op == XKV_OP_SET && same_bytes(command->value, LIT("\xFF")))
        return XKV_E_SERIALIZER;
    if (command->op == XKV_OP_SET_MANY && memchr(command->items.data, 0xFF, command->items.len))
        return XKV_E_INVALID_OPTIONS;
    if (command->op == XKV_OP_GET && !model_get(&content->keys, command->key))
        return XKV_E_KEY_NOT_FOUND;
    return twice ? XKV_E_INVALID_OPTIONS : XKV_OK;
}

static bool means_no_memory(const xkv_command *command, int status) {
    return status == XKV_E_STORE_FULL ||
           (command->op == XKV_OP_REBUILD_KEY_LIST && status == XKV_E_KEY_LIST_REBUILD);
}

/* One command with allocation n, or all from it on, failing. Returns whether
 * it came to that. */
static bool run_failing(struct client *client, struct content *content, const xkv_command *command,
                        long n, bool for_good) {
    int expected = expected_status(command, content);

    xkv_reply_clear(&client->reply);
    reader_park();
    heap_fail_at(n, for_good);
    int status = client_run(client, command);
    bool failed = heap_failed();
    reader_resume();
    if (status == XKV_OK) /* it may have found a way round */
        apply(content, command, &client->reply);
    if (status != expected && (!failed || !means_no_memory(command, status)))
        fail_msg("%s, allocation %ld: %s: %.*s", xkv_op_describe(command->op)->name, n,
                 xkv_error_name(status), (int)client->reply.len, (const char *)client->reply.data);
    if (status != XKV_OK)
        assert_true(client->reply.len > 0);
    assert_content(client, content);
    return failed;
}

/* Each command; what is left allocated is compared after warming up. */
static void fail_commands(const xkv_options *options, bool submits, bool for_good,
                          bool with_reader) {
    struct content content = {{NULL, 0, 0}, {NULL, 0, 0}};
    struct client client;
    long before = heap.live;

    client_open(&client, options, submits);
    fill(&client, &content);
    if (with_reader)
        reader_start(options);
    for (size_t i = 0; i < command_count; i++) {
        for (long n = 1; run_failing(&client, &content, &commands[i], n, for_good); n++)
            assert_in_range(n, 0, 2000);
    }
    if (with_reader)
        reader_stop();
    client_close(&client);
    content_free(&content);
    assert_int_equal(heap.live, before);
}

static void test_commands(void **state) {
    char name[PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(kinds) * 4; i++) {
        running = &kinds[i / 4];
        xkv_options options = fresh(running, name);
        fail_commands(&options, i % 2, i / 2 % 2, false);
    }
    running = NULL;
}

/* While a snapshot is read, which shares all nodes of the tree. */
static void test_commands_beside_a_reader(void **state) {
    char name[PATH_SIZE];

    (void)state;
    running = &kinds[0];
    for (int for_good = 0; for_good < 2; for_good++) {
        xkv_options options = fresh(running, name);
        fail_commands(&options, false, for_good, true);
    }
    running = NULL;
}

/* Expired claims go when somebody looks for free keys: all, or none of those. */
static void test_expired_claims(void **state) {
    static const int ops[] = {XKV_OP_CLAIM_RANDOM, XKV_OP_POP_RANDOM, XKV_OP_POP_RANDOM_MANY,
                              XKV_OP_CLAIM_RANDOM_MANY};
    char name[PATH_SIZE], key[32];

    (void)state;
    for (size_t i = 0; i < COUNT(kinds) * COUNT(ops); i++) {
        struct content content = {{NULL, 0, 0}, {NULL, 0, 0}};
        struct client client;
        running = &kinds[i / COUNT(ops)];
        xkv_options options = fresh(running, name);
        xkv_command command = {.op = ops[i % COUNT(ops)], .prefix = LIT("key:13"), .count = 3};
        client_open(&client, &options, false);
        fill(&client, &content);
        bool failed = true;
        for (long n = 1; failed; n++) {
            struct content ignored = {{NULL, 0, 0}, {NULL, 0, 0}};
            for (unsigned j = 40; j < 80; j++)
                claim(&client, &ignored, key_number(key, j), SHORT_TTL);
            content_free(&ignored);
            clocks_pass(SHORT_TTL);
            failed = run_failing(&client, &content, &command, n, false);
        }
        client_close(&client);
        content_free(&content);
    }
    running = NULL;
}

/* Whatever failed, a token is given out once, also when the store was closed. */
static void test_tokens(void **state) {
    char name[PATH_SIZE];
    struct ticket ticket;

    (void)state;
    for (size_t i = 1; i < COUNT(kinds); i++) {
        running = &kinds[i];
        xkv_options options = fresh(running, name);
        int64_t last = 0;
        bool failed = true;
        for (long n = 1; failed; n++) {
            struct client client;
            client_open(&client, &options, n % 2);
            MUST(do_set(&client, LIT("a"), LIT("1")) == XKV_OK);
            xkv_command command = {.op = XKV_OP_CLAIM_KEY, .key = LIT("a"), .ttl_ms = SHORT_TTL};
            heap_fail_at(n, false);
            client_run(&client, &command);
            failed = heap_failed();
            for (int round = 0; round < 2; round++, client_run(&client, &command)) {
                if (!take_ticket(&client, &ticket))
                    continue;
                assert_true(ticket.token > last);
                last = ticket.token;
            }
            client_close(&client);
            clocks_pass(SHORT_TTL);
        }
    }
    running = NULL;
}

/* The same command failing a thousand times takes no more memory than once. */
static void test_failing_again_and_again(void **state) {
    char name[PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        running = &kinds[i];
        xkv_options options = fresh(running, name);
        struct content content = {{NULL, 0, 0}, {NULL, 0, 0}};
        struct client client;
        long after_one = 0;
        client_open(&client, &options, i % 2);
        fill(&client, &content);
        for (int round = 0; round < 1000; round++) {
            xkv_command command = {.op = XKV_OP_SET, .key = LIT("key:new"), .value = LIT("new")};
            heap_fail_at(1, true);
            int status = client_run(&client, &command);
            bool failed = heap_failed();
            assert_int_equal(status, failed ? XKV_E_STORE_FULL : XKV_OK);
            xkv_reply_clear(&client.reply);
            if (round == 0)
                after_one = heap.live;
        }
        assert_int_equal(heap.live, after_one);
        client_close(&client);
        content_free(&content);
    }
    running = NULL;
}

/* -- Opening ----------------------------------------------------------------- */

/* What a failed opening leaves behind must not be in the way of the next. */
static bool open_failing(const xkv_options *options, long n, bool for_good) {
    char message[XKV_MESSAGE_SIZE] = "";
    xkv_store *store = NULL;
    long before = heap.live;

    heap_fail_at(n, for_good);
    int status = xkv_open(options, &store, message, sizeof message);
    bool failed = heap_failed();
    if (status == XKV_OK) {
        xkv_close(store);
    } else {
        if (!failed || status != XKV_E_STORE_FULL)
            fail_msg("allocation %ld: %s: %s", n, xkv_error_name(status), message);
        assert_null(store);
        assert_true(strlen(message) > 0);
    }
    assert_int_equal(heap.live, before);
    return failed;
}

static void fail_opening(const xkv_options *options, bool with_another) {
    xkv_store *another = with_another ? must_open(options) : NULL;

    for (int for_good = 0; for_good < 2; for_good++) {
        for (long n = 1; open_failing(options, n, for_good); n++)
            assert_in_range(n, 0, 2000);
    }
    xkv_close(another);
}

static void test_opening(void **state) {
    char name[PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct content content = {{NULL, 0, 0}, {NULL, 0, 0}};
        struct client client;
        running = &kinds[i];
        xkv_options options = fresh(running, name);
        fail_opening(&options, false); /* a new store */
        fail_opening(&options, true);  /* one more handle */
        client_open(&client, &options, false);
        fill(&client, &content);
        client_close(&client);
        fail_opening(&options, false); /* a store with data, and an index to build */
        client_open(&client, &options, false);
        model_clear(&content.claims); /* those end with the process */
        if (options.backend == XKV_BACKEND_DISK)
            assert_content(&client, &content);
        client_close(&client);
        content_free(&content);
    }
    running = NULL;
}

/* A store that could not be made leaves no file. */
static void test_opening_leaves_no_file(void **state) {
    char name[PATH_SIZE], message[XKV_MESSAGE_SIZE];
    xkv_options options = fresh(&kinds[4], name);
    xkv_store *store;

    (void)state;
    for (long n = 1; n < 2000; n++) {
        heap_fail_at(n, true);
        int status = xkv_open(&options, &store, message, sizeof message);
        heap_failed();
        if (status == XKV_OK)
            break;
        assert_int_equal(access(name, F_OK), -1);
    }
    xkv_close(store);
}

static void test_queues(void **state) {
    (void)state;
    for (long n = 1; n < 2000; n++) {
        heap_fail_at(n, false);
        xkv_queue *queue = xkv_queue_new();
        bool failed = heap_failed();
        assert_true(failed == !queue);
        xkv_queue_free(queue);
        if (!failed)
            return;
    }
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_commands, after_case),
        cmocka_unit_test_teardown(test_commands_beside_a_reader, after_case),
        cmocka_unit_test_teardown(test_expired_claims, after_case),
        cmocka_unit_test_teardown(test_tokens, after_case),
        cmocka_unit_test_teardown(test_failing_again_and_again, after_case),
        cmocka_unit_test_teardown(test_opening, after_case),
        cmocka_unit_test(test_opening_leaves_no_file),
        cmocka_unit_test(test_queues),
    };

    (void)argc;
    test_begin(argv);
    memset(long_key, 'k', sizeof long_key);
    memset(long_value, 'v', sizeof long_value);
    xkv_set_hooks(&hooks);
    make_commands();
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    free_commands();
    if (failures == 0 && heap.live != 0) {
        fprintf(stderr, "%ld blocks are still allocated\n", (long)heap.live);
        failures = 1;
    }
    return test_end(failures);
}
