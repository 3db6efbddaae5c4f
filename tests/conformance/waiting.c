/*
 * waiting.c - commands with a timeout wait for keys, on every kind of store
 */
#include "store/timer.h"

#include "../clock.h"
#include "../items.h"
#include "../kinds.h"

#include <pthread.h>
#include <sched.h>

static const struct kind kinds[] = {
    {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false},
    {"disk, full", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, false},
    {"disk, full, trackKeys", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, true},
    {"disk, relaxed", XKV_BACKEND_DISK, XKV_DURABILITY_RELAXED, false},
    {"disk, none", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, true},
};

enum { LONG_MS = 3600000, SHORT_MS = 500 };

/* -- A store with those who wait -------------------------------------------------- */

static struct client other; /* who changes things */
static xkv_queue *queue;
static xkv_options options;

typedef void waiting_case(void);

static void run_case(void **state) {
    waiting_case *body;
    char name[PATH_SIZE];

    memcpy(&body, state, sizeof body);
    clocks_stop();
    for (size_t i = 0; run_kind(kinds, COUNT(kinds), i); i++) {
        options = fresh(running, name);
        options.serialization = XKV_STRING;
        client_open(&other, &options, false);
        MUST((queue = xkv_queue_new()));
        body();
        client_close(&other);
        xkv_queue_free(queue);
    }
    running = NULL;
    clocks_go();
}

static const struct traits *traits(void) {
    return traits_for(options.backend);
}

/* One who waits has a handle of its own. */
static xkv_store *patient(void) {
    return must_open(&options);
}

static int ask(xkv_store *store, const xkv_command *command, uint64_t tag) {
    xkv_reply reply;

    xkv_reply_init(&reply, NULL, 0);
    int how = xkv_submit(store, command, &reply, queue, tag);
    xkv_reply_clear(&reply);
    return how;
}

static void ask_pop(xkv_store *store, const char *prefix, int64_t timeout_ms, uint64_t tag) {
    xkv_command pop = {
        .op = XKV_OP_POP_RANDOM, .prefix = xkv_text(prefix), .timeout_ms = timeout_ms};
    MUST(ask(store, &pop, tag) == XKV_PENDING);
}

/* Waits until all that was asked for so far has had its turn: a command that nothing
 * satisfies is in the queue before this one. */
static void let_settle(xkv_store *store) {
    struct client client = {.store = store};

    xkv_reply_init(&client.reply, NULL, 0);
    MUST(do_plain(&client, XKV_OP_STATS) == XKV_OK);
    xkv_reply_clear(&client.reply);
}

static void set(const char *key, const char *value) {
    MUST(do_set(&other, xkv_text(key), xkv_text(value)) == XKV_OK);
}

static bool exists(const char *key) {
    MUST(do_exists(&other, xkv_text(key)) == XKV_OK);
    return other.reply.number != 0;
}

/* Time passes, and the timers notice. */
static void pass(uint64_t milliseconds) {
    clocks_pass(milliseconds);
    xkv__timer_look();
}

/* The next that is over, within a minute; its reply lies in a static place. */
static const xkv_completion *next_over(void) {
    static xkv_completion done;

    xkv_reply_clear(&done.reply);
    for (int i = 0; i < 100 && traits()->asks_again; i++) { /* half a second, which is enough */
        if (xkv_completions(queue, &done, 1, 10) == 1)
            return &done;
        pass(5);
    }
    MUST(xkv_completions(queue, &done, 1, 60000) == 1);
    return &done;
}

static void nobody_is_over(void) {
    xkv_completion done;
    assert_int_equal(xkv_completions(queue, &done, 1, 20), 0);
}

static void expect_key(const xkv_completion *done, uint64_t tag, const char *key) {
    xkv_bytes found, value;
    size_t at = 0;

    assert_int_equal(done->reply.status, XKV_OK);
    assert_int_equal(done->tag, tag);
    assert_true(xkv_reply_next(&done->reply, &at, &found, &value));
    assert_true(same_bytes(found, xkv_text(key)));
}

static void expect_nothing(const xkv_completion *done, uint64_t tag) {
    assert_int_equal(done->tag, tag);
    assert_int_equal(done->reply.status, XKV_OK);
    assert_int_equal(done->reply.number, 0);
}

static void expect_error(const xkv_completion *done, uint64_t tag, int error) {
    assert_int_equal(done->tag, tag);
    assert_int_equal(done->reply.status, error);
}

/* -- Being served ------------------------------------------------------------------ */

static void what_is_there_is_not_waited_for(void) {
    xkv_command pop = {.op = XKV_OP_POP_RANDOM, .timeout_ms = LONG_MS};

    set("a", "1");
    assert_int_equal(client_run(&other, &pop), XKV_OK);
    assert_int_equal(other.reply.number, 1);
    assert_false(exists("a"));
}

static void a_pop_waits_for_a_key(void) {
    xkv_store *store = patient();

    ask_pop(store, "job:", LONG_MS, 7);
    let_settle(store);
    set("other", "0");
    nobody_is_over();
    set("job:1", "one");
    expect_key(next_over(), 7, "job:1");
    assert_false(exists("job:1"));
    assert_true(exists("other"));
    xkv_close(store);
}

static void a_claim_waits_for_its_key(void) {
    xkv_store *store = patient();
    xkv_command claim = {
        .op = XKV_OP_CLAIM_KEY, .key = LIT("k"), .timeout_ms = LONG_MS, .ttl_ms = 1000};

    MUST(ask(store, &claim, 1) == XKV_PENDING);
    let_settle(store);
    set("k2", "0");
    nobody_is_over();
    set("k", "v");
    const xkv_completion *done = next_over();
    assert_int_equal(done->tag, 1);
    assert_int_equal(done->reply.number, 1);
    assert_int_equal(do_key(&other, XKV_OP_CLAIM_KEY, LIT("k")), XKV_OK);
    assert_int_equal(other.reply.number, 0);
    xkv_close(store);
}

static void what_is_given_back_is_waited_for(void) {
    xkv_store *store = patient();
    xkv_command claim = {.op = XKV_OP_CLAIM_RANDOM, .timeout_ms = LONG_MS};
    struct ticket ticket;

    set("k", "v");
    MUST(client_run(&other, &claim) == XKV_OK && take_ticket(&other, &ticket));
    MUST(ask(store, &claim, 3) == XKV_PENDING);
    let_settle(store);
    set("k", "another value of a key that is claimed");
    nobody_is_over();
    MUST(do_ticket(&other, XKV_OP_RELEASE_CLAIM, &ticket, 0) == XKV_OK);
    const xkv_completion *done = next_over();
    assert_int_equal(done->tag, 3);
    assert_int_equal(done->reply.number, 1);
    xkv_close(store);
}

static void what_expires_is_waited_for(void) {
    xkv_store *store = patient();
    xkv_command claim = {.op = XKV_OP_CLAIM_RANDOM, .timeout_ms = LONG_MS, .ttl_ms = 5000};

    set("k", "v");
    MUST(client_run(&other, &claim) == XKV_OK && other.reply.number == 1);
    MUST(ask(store, &claim, 4) == XKV_PENDING);
    let_settle(store);
    pass(4999);
    nobody_is_over();
    pass(1);
    const xkv_completion *done = next_over(); /* and nobody has called anything */
    assert_int_equal(done->tag, 4);
    assert_int_equal(done->reply.number, 1);
    xkv_close(store);
}

/* -- Order -------------------------------------------------------------------------- */

static void who_came_first_is_served_first(void) {
    enum { WAITERS = 5 };
    const char *const prefixes[WAITERS] = {"job:", "", "job:", "job:1", "j"};
    xkv_store *stores[WAITERS];
    char key[16];

    if (traits()->asks_again)
        return;
    for (uint64_t i = 0; i < WAITERS; i++) {
        stores[i] = patient();
        ask_pop(stores[i], prefixes[i], LONG_MS, i);
        let_settle(stores[i]);
    }
    for (uint64_t i = 0; i < WAITERS; i++) {
        snprintf(key, sizeof key, "job:1%d", (int)i);
        set(key, "v");
        expect_key(next_over(), i, key);
    }
    for (uint64_t i = 0; i < WAITERS; i++)
        xkv_close(stores[i]);
}

static void one_step_serves_many(void) {
    enum { WAITERS = 8, KEYS = 5 };
    xkv_store *stores[WAITERS];
    xkv_items items = {NULL, 0, 0};
    bool seen[KEYS] = {false};
    char key[16];

    for (uint64_t i = 0; i < WAITERS; i++) {
        stores[i] = patient();
        ask_pop(stores[i], "p", LONG_MS, i);
        let_settle(stores[i]);
    }
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "p%d", i);
        MUST(xkv_items_add(&items, xkv_text(key), LIT("v")) == XKV_OK);
    }
    MUST(run_with(&other, (xkv_command){.op = XKV_OP_SET_MANY}, items) == XKV_OK);
    for (uint64_t i = 0; i < KEYS; i++) { /* those who came first, each with another key */
        const xkv_completion *done = next_over();
        xkv_bytes found, value;
        size_t at = 0;
        assert_true(done->tag < KEYS || traits()->asks_again);
        assert_true(xkv_reply_next(&done->reply, &at, &found, &value));
        int which = ((const char *)found.data)[1] - '0';
        assert_false(seen[which]);
        seen[which] = true;
    }
    nobody_is_over();
    MUST(do_plain(&other, XKV_OP_SIZE) == XKV_OK);
    assert_int_equal(other.reply.number, 0);
    for (uint64_t i = 0; i < WAITERS; i++)
        xkv_close(stores[i]); /* three of them wait still */
    for (int i = 0; i < WAITERS - KEYS; i++)
        assert_int_equal(next_over()->reply.status, XKV_E_STORE_CLOSED);
}

static void what_comes_later_overtakes(void) {
    xkv_store *store = patient();
    xkv_command put = {.op = XKV_OP_SET, .key = LIT("q"), .value = LIT("v")};
    xkv_reply reply;

    xkv_reply_init(&reply, NULL, 0);
    ask_pop(store, "q", LONG_MS, 1);
    assert_int_equal(xkv_exec(store, &put, &reply), XKV_OK); /* by the same handle */
    expect_key(next_over(), 1, "q");
    xkv_reply_clear(&reply);
    xkv_close(store);
}

/* Among those who want any key, each gets what it asked for when its turn comes. */
static void the_lowest_is_waited_for(void) {
    static const int ops[] = {XKV_OP_POP_NEXT, XKV_OP_POP_RANDOM, XKV_OP_CLAIM_NEXT,
                              XKV_OP_POP_NEXT};
    xkv_store *stores[COUNT(ops)];
    char keys[COUNT(ops)][8] = {""};

    if (traits()->asks_again)
        return;
    for (uint64_t i = 0; i < COUNT(ops); i++) {
        xkv_command command = {.op = ops[i], .prefix = LIT("p"), .timeout_ms = LONG_MS};
        stores[i] = patient();
        MUST(ask(stores[i], &command, i) == XKV_PENDING);
        let_settle(stores[i]);
    }
    MUST(do_list_of(&other, XKV_OP_SET_MANY, ENTRIES("p4", "v", "p2", "v", "p3", "v", "p1", "v")) ==
         XKV_OK);
    for (size_t i = 0; i < COUNT(ops); i++) {
        const xkv_completion *done = next_over();
        xkv_bytes key, value;
        size_t at = 0;
        assert_int_equal(done->tag, i);
        if (ops[i] == XKV_OP_CLAIM_NEXT)
            continue;
        assert_true(xkv_reply_next(&done->reply, &at, &key, &value));
        memcpy(keys[i], key.data, key.len);
    }
    assert_string_equal(keys[0], "p1");
    const char *claimed = strcmp(keys[1], "p2") == 0 ? "p3" : "p2";
    assert_string_equal(keys[3], strcmp(keys[1], "p4") == 0 ? "p3" : "p4");
    assert_true(exists(claimed)); /* the only one that is left */
    MUST(do_plain(&other, XKV_OP_SIZE) == XKV_OK);
    assert_int_equal(other.reply.number, 1);
    for (size_t i = 0; i < COUNT(ops); i++)
        xkv_close(stores[i]);
}

/* A claim for an owner is for all who want it for the same one, whoever stands between. */
static void owners_share_what_one_gets(void) {
    static const char *const owners[] = {"one", "two", "one", "one", "two"};
    static const uint64_t first[] = {0, 2, 3}, then[] = {1, 4};
    xkv_store *stores[COUNT(owners)];
    int64_t token = 0;

    if (traits()->asks_again)
        return;
    for (uint64_t i = 0; i < COUNT(owners); i++) {
        xkv_command command = {.op = XKV_OP_CLAIM_FOR_OWNER,
                               .owner = xkv_text(owners[i]),
                               .prefix = LIT("p"),
                               .timeout_ms = LONG_MS};
        stores[i] = patient();
        MUST(ask(stores[i], &command, i) == XKV_PENDING);
        let_settle(stores[i]);
    }
    for (size_t i = 0; i < COUNT(first) + COUNT(then); i++) {
        bool is_first = i < COUNT(first);
        struct claim claim;
        size_t at = 0;
        if (i == 0)
            set("p1", "v");
        if (i == COUNT(first)) {
            nobody_is_over();
            set("p2", "v");
        }
        const xkv_completion *done = next_over();
        assert_int_equal(done->tag, is_first ? first[i] : then[i - COUNT(first)]);
        assert_true(next_claim(&done->reply, &at, &claim));
        assert_int_equal(claim.token != token, i == 0 || i == COUNT(first));
        token = claim.token;
    }
    for (size_t i = 0; i < COUNT(owners); i++)
        xkv_close(stores[i]);
}

/* -- Not being served ------------------------------------------------------------------ */

static void time_is_over(void) {
    xkv_store *store = patient();

    ask_pop(store, "a", SHORT_MS, 1);
    ask_pop(store, "b", SHORT_MS * 2, 2);
    let_settle(store);
    pass(SHORT_MS - 1);
    nobody_is_over();
    pass(1);
    expect_nothing(next_over(), 1);
    nobody_is_over();
    set("b", "in time");
    expect_key(next_over(), 2, "b");
    set("a", "too late");
    pass(LONG_MS);
    nobody_is_over();
    assert_true(exists("a"));
    xkv_close(store);
}

static void who_is_canceled_gets_nothing(void) {
    xkv_store *store = patient();

    ask_pop(store, "a", LONG_MS, 1);
    ask_pop(store, "a", LONG_MS, 2);
    let_settle(store);
    xkv_cancel(store, queue, 3); /* nobody */
    xkv_cancel(store, queue, 1);
    expect_error(next_over(), 1, XKV_E_OPERATION_CANCELED);
    set("a", "v");
    expect_key(next_over(), 2, "a");
    set("a", "v");
    nobody_is_over();
    assert_true(exists("a"));
    xkv_close(store);
}

static void a_closed_handle_waits_no_longer(void) {
    xkv_store *store = patient(), *second = patient();

    ask_pop(store, "a", LONG_MS, 1);
    ask_pop(second, "a", LONG_MS, 2);
    let_settle(store);
    let_settle(second);
    xkv_close(store);
    expect_error(next_over(), 1, XKV_E_STORE_CLOSED);
    nobody_is_over();
    set("a", "v");
    expect_key(next_over(), 2, "a");
    xkv_close(second);
}

/* The last handle of a store closes it: nobody is left behind. */
static void the_last_handle_leaves_nobody(void) {
    xkv_store *store = patient();

    ask_pop(store, "a", LONG_MS, 1);
    client_close(&other);
    xkv_close(store);
    expect_error(next_over(), 1, XKV_E_STORE_CLOSED);
    client_open(&other, &options, false);
}

/* -- xkv_exec ----------------------------------------------------------------------------- */

static void *wait_for_key(void *argument) {
    xkv_command pop = {.op = XKV_OP_POP_RANDOM, .prefix = LIT("x"), .timeout_ms = LONG_MS};
    struct client client;

    (void)argument;
    client_open(&client, &options, false);
    MUST(client_run(&client, &pop) == XKV_OK && client.reply.number == 1);
    client_close(&client);
    return NULL;
}

static void a_thread_waits(void) {
    pthread_t thread;

    MUST(pthread_create(&thread, NULL, wait_for_key, NULL) == 0);
    set("x", "v"); /* before it waits, or after */
    MUST(pthread_join(thread, NULL) == 0);
    assert_false(exists("x"));
}

int main(int argc, char *argv[]) {
    (void)argc;
#define CASE(name)                                                                                 \
    { #name, run_case, NULL, after_case, (void *)(uintptr_t)name }
    const struct CMUnitTest tests[] = {
        CASE(what_is_there_is_not_waited_for),
        CASE(a_pop_waits_for_a_key),
        CASE(a_claim_waits_for_its_key),
        CASE(what_is_given_back_is_waited_for),
        CASE(what_expires_is_waited_for),
        CASE(who_came_first_is_served_first),
        CASE(one_step_serves_many),
        CASE(the_lowest_is_waited_for),
        CASE(owners_share_what_one_gets),
        CASE(what_comes_later_overtakes),
        CASE(time_is_over),
        CASE(who_is_canceled_gets_nothing),
        CASE(a_closed_handle_waits_no_longer),
        CASE(the_last_handle_leaves_nobody),
        CASE(a_thread_waits),
    };
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
