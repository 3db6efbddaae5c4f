/*
 * sharing.c - calls that travel to a server in one question, and what becomes of each
 *
 * Many sets, or gets, that are under way at once are asked together and have one answer
 * (xkv/src/remote/link.h). Nobody is to notice: each call has its own outcome, and the rule of
 * servers.c holds for each. Runs beside a server of its own.
 */
#include "../items.h"
#include "../proxy.h"
#include "../server.h"

enum { CALLS = 200, CUT_CALLS = 40 };

static struct server server;
static xkv_queue *queue;

/* A store seen through a proxy, and beside it. */
static struct proxy proxy;
static struct client through, beside;

static void open_at(struct client *client, uint16_t port, const char *name) {
    char url[64];
    xkv_options options = server_options(url, name);

    snprintf(url, sizeof url, "redis://127.0.0.1:%d", port);
    client_open(client, &options, false);
}

static void scene_begin(const char *name) {
    proxy_start(&proxy, server.port);
    open_at(&through, proxy.port, name);
    open_at(&beside, server.port, name);
    MUST((queue = xkv_queue_new()));
}

static int scene_end(void **state) {
    proxy_rule(&proxy, (struct rule){.harm = NO_HARM});
    client_close(&through);
    client_close(&beside);
    proxy_end(&proxy);
    xkv_queue_free(queue);
    (void)state;
    return 0;
}

static xkv_bytes key_of(char out[16], unsigned n) {
    return bytes_of(out, (size_t)snprintf(out, 16, "k%03u", n));
}

static xkv_bytes value_of(char out[16], unsigned n, unsigned round) {
    return bytes_of(out, (size_t)snprintf(out, 16, "%u.%u", n, round));
}

/* -- Many calls at once ---------------------------------------------------------------- */

struct outcome {
    int status;
    char value[16];
};

/* Brings calls without waiting for any, and takes what becomes of each. */
static void run_all(int op, unsigned count, unsigned round, struct outcome *outcomes) {
    char key[16], value[16];
    xkv_completion done;
    xkv_reply reply;

    xkv_reply_init(&reply, NULL, 0);
    for (unsigned n = 0; n < count; n++) {
        xkv_command command = {.op = op, .key = key_of(key, n)};
        if (op == XKV_OP_SET)
            command.value = value_of(value, n, round);
        MUST(xkv_submit(through.store, &command, &reply, queue, n) == XKV_PENDING);
    }
    for (unsigned n = 0; n < count; n++) {
        MUST(xkv_completions(queue, &done, 1, 30000) == 1);
        struct outcome *outcome = &outcomes[done.tag];
        *outcome = (struct outcome){.status = done.reply.status};
        if (op == XKV_OP_GET && done.reply.status == XKV_OK)
            memcpy(outcome->value, done.reply.data, done.reply.len);
        xkv_reply_clear(&done.reply);
    }
}

static void assert_all(const struct outcome *outcomes, unsigned count, int status) {
    for (unsigned n = 0; n < count; n++)
        assert_int_equal(outcomes[n].status, status);
}

static void assert_values(const struct outcome *outcomes, unsigned count, unsigned round) {
    char value[16];

    assert_all(outcomes, count, XKV_OK);
    for (unsigned n = 0; n < count; n++) {
        value_of(value, n, round);
        assert_string_equal(outcomes[n].value, value);
    }
}

/* The bytes that it takes to bring calls to the server. */
static uint64_t carried(int op, unsigned count, unsigned round, struct outcome *outcomes) {
    assert_int_equal(do_exists(&through, LIT("settled")), XKV_OK);
    proxy_rule(&proxy, (struct rule){.harm = NO_HARM});
    run_all(op, count, round, outcomes);
    return proxy_carried(&proxy, TO_SERVER);
}

static void test_each_has_its_own(void **state) {
    static struct outcome outcomes[CALLS];

    (void)state;
    scene_begin("own");
    for (unsigned round = 0; round < 20; round++) {
        uint64_t alone = carried(XKV_OP_SET, 1, round, outcomes);
        uint64_t all = carried(XKV_OP_SET, CALLS, round, outcomes);
        assert_all(outcomes, CALLS, XKV_OK);
        assert_true(all < CALLS * alone / 2); /* or nothing here is tested */
        alone = carried(XKV_OP_GET, 1, round, outcomes);
        all = carried(XKV_OP_GET, CALLS, round, outcomes);
        assert_values(outcomes, CALLS, round);
        assert_true(all < CALLS * alone / 2);
    }
    assert_int_equal(do_plain(&beside, XKV_OP_SIZE), XKV_OK);
    assert_int_equal(beside.reply.number, CALLS);
}

/* Some are there, some are not, and some are long: those go alone. */
static void test_mixed(void **state) {
    static char large[20000];
    struct outcome outcomes[CALLS];

    (void)state;
    scene_begin("mixed");
    run_all(XKV_OP_SET, CALLS / 2, 0, outcomes);
    run_all(XKV_OP_GET, CALLS, 0, outcomes);
    assert_values(outcomes, CALLS / 2, 0);
    assert_all(outcomes + CALLS / 2, CALLS / 2, XKV_E_KEY_NOT_FOUND);
    memset(large, 'x', sizeof large);
    xkv_reply reply;
    xkv_reply_init(&reply, NULL, 0);
    for (uint64_t n = 0; n < CALLS; n++) {
        size_t len = n % 3 == 0 ? sizeof large : (size_t)n;
        xkv_command set = {.op = XKV_OP_SET, .key = LIT("one"), .value = bytes_of(large, len)};
        MUST(xkv_submit(through.store, &set, &reply, queue, n) == XKV_PENDING);
    }
    for (unsigned n = 0; n < CALLS; n++) {
        xkv_completion done;
        MUST(xkv_completions(queue, &done, 1, 30000) == 1);
        assert_int_equal(done.reply.status, XKV_OK);
    }
    assert_int_equal(do_get(&beside, LIT("one")), XKV_OK); /* the last one */
    assert_int_equal(beside.reply.len, (CALLS - 1) % 3 == 0 ? sizeof large : CALLS - 1);
}

/* -- Cuts ------------------------------------------------------------------------------- */

/* What is there of a call's key: the round that set it last. */
static unsigned round_of(unsigned n) {
    char key[16], value[16] = "";
    unsigned number, round;

    assert_int_equal(do_get(&beside, key_of(key, n)), XKV_OK);
    assert_true(beside.reply.len < sizeof value);
    memcpy(value, beside.reply.data, beside.reply.len);
    assert_int_equal(sscanf(value, "%u.%u", &number, &round), 2);
    assert_int_equal(number, n);
    return round;
}

/* Cuts the connection after so many bytes; whether it has come to that. */
static bool cut_sets(enum direction direction, uint64_t after, unsigned round) {
    static unsigned is_round[CUT_CALLS];
    struct outcome outcomes[CUT_CALLS];

    assert_int_equal(do_exists(&through, LIT("settled")), XKV_OK);
    proxy_rule(&proxy, (struct rule){.harm = CUTS, .direction = direction, .after = after});
    run_all(XKV_OP_SET, CUT_CALLS, round, outcomes);
    bool cut = proxy_has_harmed(&proxy);
    proxy_rule(&proxy, (struct rule){.harm = NO_HARM});
    for (unsigned n = 0; n < CUT_CALLS; n++) {
        unsigned is = round_of(n);
        if (outcomes[n].status == XKV_OK)
            assert_int_equal(is, round);
        else
            assert_int_equal(outcomes[n].status, XKV_E_OUTCOME_UNKNOWN);
        assert_true(is == round || is == is_round[n]);
        is_round[n] = is;
    }
    return cut;
}

static void test_sets_are_cut(void **state) {
    struct outcome outcomes[CUT_CALLS];
    unsigned round = 0;

    (void)state;
    scene_begin("cut sets");
    run_all(XKV_OP_SET, CUT_CALLS, 0, outcomes);
    assert_all(outcomes, CUT_CALLS, XKV_OK);
    for (uint64_t after = 0; cut_sets(TO_SERVER, after, ++round); after += 7)
        continue;
    assert_true(round > 20);
    unsigned cuts = round;
    for (uint64_t after = 0; cut_sets(TO_CLIENT, after, ++round); after++)
        continue;
    assert_true(round > cuts + 4);
}

/* They change nothing, so they are asked again. */
static void test_gets_are_cut(void **state) {
    struct outcome outcomes[CUT_CALLS];
    bool cut = true;

    (void)state;
    scene_begin("cut gets");
    run_all(XKV_OP_SET, CUT_CALLS, 3, outcomes);
    for (int direction = TO_SERVER; direction <= TO_CLIENT; direction++, cut = true) {
        for (uint64_t after = 0; cut; after += 11) {
            assert_int_equal(do_exists(&through, LIT("settled")), XKV_OK);
            proxy_rule(&proxy, (struct rule){.harm = CUTS,
                                             .direction = (enum direction)direction,
                                             .after = after});
            run_all(XKV_OP_GET, CUT_CALLS, 0, outcomes);
            cut = proxy_has_harmed(&proxy);
            proxy_rule(&proxy, (struct rule){.harm = NO_HARM});
            assert_values(outcomes, CUT_CALLS, 3);
        }
    }
}

/* -- Refusals ---------------------------------------------------------------------------- */

static void test_scripts_are_flushed(void **state) {
    struct outcome outcomes[CALLS];

    (void)state;
    scene_begin("flushed");
    for (unsigned round = 0; round < 30; round++) {
        say(&server, "SCRIPT FLUSH");
        run_all(XKV_OP_SET, CALLS, round, outcomes);
        assert_all(outcomes, CALLS, XKV_OK);
        run_all(XKV_OP_GET, CALLS, round, outcomes);
        assert_values(outcomes, CALLS, round);
    }
}

static void test_full_server(void **state) {
    struct outcome outcomes[CALLS];

    (void)state;
    scene_begin("full");
    run_all(XKV_OP_SET, CALLS / 2, 0, outcomes);
    say(&server, "CONFIG SET maxmemory 1");
    run_all(XKV_OP_SET, CALLS, 1, outcomes);
    say(&server, "CONFIG SET maxmemory 0");
    assert_all(outcomes, CALLS, XKV_E_STORE_FULL);
    run_all(XKV_OP_GET, CALLS, 0, outcomes);
    assert_values(outcomes, CALLS / 2, 0);
    assert_all(outcomes + CALLS / 2, CALLS / 2, XKV_E_KEY_NOT_FOUND);
}

static void test_lost_store(void **state) {
    struct outcome outcomes[CALLS];

    (void)state;
    scene_begin("lost");
    run_all(XKV_OP_SET, CALLS, 0, outcomes);
    say(&server, "FLUSHALL");
    run_all(XKV_OP_SET, CALLS, 1, outcomes);
    assert_all(outcomes, CALLS, XKV_E_STORE_LOST);
    run_all(XKV_OP_GET, CALLS, 1, outcomes);
    assert_all(outcomes, CALLS, XKV_E_STORE_LOST);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_each_has_its_own, scene_end),
        cmocka_unit_test_teardown(test_mixed, scene_end),
        cmocka_unit_test_teardown(test_sets_are_cut, scene_end),
        cmocka_unit_test_teardown(test_gets_are_cut, scene_end),
        cmocka_unit_test_teardown(test_scripts_are_flushed, scene_end),
        cmocka_unit_test_teardown(test_full_server, scene_end),
        cmocka_unit_test_teardown(test_lost_store, scene_end),
    };

    (void)argc;
    if (!getenv("XKV_SERVER_BINARY")) {
        printf("there is no server: scripts/servers.sh runs this beside one\n");
        return 0;
    }
    test_begin(argv);
    start_server(&server, no_words);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    end_server(&server);
    return test_end(failures);
}
