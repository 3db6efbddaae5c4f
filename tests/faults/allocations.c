/*
 * allocations.c - every allocation of every command fails in turn
 *
 * Whatever fails: an error comes back that says so, content and claims are as
 * before, nothing leaks, and the next command works.
 */
#include "../clock.h"
#include "../heap.h"
#include "../kinds.h"
#include "../reader.h"
#include "commands.h"

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
    sem_t stands, goes_on;
    bool wanted;
} parking;

static _Thread_local bool parks;

static void park(void) {
    if (!parks)
        return;
    parks = false;
    sem_post(&parking.stands);
    sem_wait(&parking.goes_on);
}

static void *parking_alloc(size_t size) {
    park();
    return heap_alloc(size);
}

static void *parking_resize(void *old, size_t size) {
    park();
    return heap_resize(old, size);
}

static void read_and_park(struct client *client) {
    xkv_reply_clear(&client->reply);
    parks = true;
    MUST(do_list(client, NOTHING, 0) == XKV_OK && !parks);
}

static void parking_start(const xkv_options *options) {
    MUST(sem_init(&parking.stands, 0, 0) == 0 && sem_init(&parking.goes_on, 0, 0) == 0);
    reader_start(options, read_and_park);
    parking.wanted = true;
}

static void parking_begin(void) {
    if (!parking.wanted)
        return;
    reader_begin();
    sem_wait(&parking.stands);
}

static void parking_end(void) {
    if (!parking.wanted)
        return;
    sem_post(&parking.goes_on);
    sem_wait(&reader.end);
}

static void parking_stop(void) {
    parking.wanted = false;
    reader_stop();
}

/* Memory that fails when told to, and time that passes when told to. */
static const xkv_hooks hooks = {
    .alloc = parking_alloc,
    .resize = parking_resize,
    .release = heap_release,
    .now_ms = clocks_now,
    .wall_ms = clocks_wall,
};

/* -- Commands ---------------------------------------------------------------- */

enum { SHORT_TTL = 1000 };

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
    parking_begin();
    heap_fail_at(n, for_good);
    int status = client_run(client, command);
    bool failed = heap_failed();
    parking_end();
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

/* -- One who waits -------------------------------------------------------------- */

enum { LONG_MS = 3600000 };

static struct {
    xkv_store *store;
    xkv_queue *queue;
} waiter;

static void waiter_open(const xkv_options *options) {
    waiter.store = must_open(options);
    MUST((waiter.queue = xkv_queue_new()));
}

static void waiter_close(void) {
    xkv_close(waiter.store);
    xkv_queue_free(waiter.queue);
}

/* Until what was submitted has had its turn: it is in the queue before this, which may fail. */
static void let_settle(void) {
    const xkv_command stats = {.op = XKV_OP_STATS};
    xkv_reply reply;

    xkv_reply_init(&reply, NULL, 0);
    (void)xkv_exec(waiter.store, &stats, &reply);
    xkv_reply_clear(&reply);
}

/* Whether it waits now; else what it came to, which is not that something was there, is in
 * *status. */
static bool begin_waiting(int op, int *status) {
    const xkv_command command = {.op = op,
                                 .key = LIT("never:1"),
                                 .prefix = LIT("never:"),
                                 .owner = LIT("owner"),
                                 .ttl_ms = SHORT_TTL,
                                 .timeout_ms = LONG_MS};
    xkv_completion done;

    xkv_reply_init(&done.reply, NULL, 0);
    int how = xkv_submit(waiter.store, &command, &done.reply, waiter.queue, 1);
    let_settle();
    bool over = how == XKV_DONE || xkv_completions(waiter.queue, &done, 1, 0) == 1;
    if (over) {
        MUST(done.reply.number == 0 && done.reply.len > 0);
        *status = done.reply.status;
    }
    xkv_reply_clear(&done.reply);
    return !over;
}

static void waiter_start(const xkv_options *options) {
    int status;

    waiter_open(options);
    MUST(begin_waiting(XKV_OP_POP_RANDOM, &status));
}

/* It is waiting still. */
static void waiter_stop(void) {
    xkv_completion done;

    xkv_cancel(waiter.store, waiter.queue, 1);
    MUST(xkv_completions(waiter.queue, &done, 1, 20000) == 1);
    assert_int_equal(done.reply.status, XKV_E_OPERATION_CANCELED);
    xkv_reply_clear(&done.reply);
    waiter_close();
}

/* -- All commands ---------------------------------------------------------------- */

enum beside { NOBODY, A_READER, A_WAITER };

/* Each command; what is left allocated is compared after warming up. */
static void fail_commands(const xkv_options *options, bool submits, bool for_good,
                          enum beside beside) {
    struct content content = {{NULL, 0, 0}, {NULL, 0, 0}};
    struct client client;
    long before = heap.live;
    size_t failures = 0;

    client_open(&client, options, submits);
    fill(&client, &content);
    if (beside == A_READER)
        parking_start(options);
    if (beside == A_WAITER)
        waiter_start(options);
    for (size_t i = 0; i < command_count; i++) {
        for (long n = 1; run_failing(&client, &content, &commands[i], n, for_good); n++) {
            assert_in_range(n, 0, 2000);
            failures++;
        }
    }
    assert_true(failures > command_count);
    if (beside == A_READER)
        parking_stop();
    if (beside == A_WAITER)
        waiter_stop();
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
        fail_commands(&options, i % 2, i / 2 % 2, NOBODY);
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
        fail_commands(&options, false, for_good, A_READER);
    }
    running = NULL;
}

/* While somebody waits, for what none of them brings: then no transaction is that of one
 * command alone. */
static void test_commands_beside_a_waiter(void **state) {
    char name[PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(kinds) * 2; i++) {
        running = &kinds[i / 2];
        xkv_options options = fresh(running, name);
        fail_commands(&options, false, i % 2, A_WAITER);
    }
    running = NULL;
}

/* -- Waiting and being served ------------------------------------------------------ */

static const int patient_ops[] = {XKV_OP_POP_RANDOM, XKV_OP_CLAIM_RANDOM,    XKV_OP_CLAIM_KEY,
                                  XKV_OP_POP_NEXT,   XKV_OP_CLAIM_FOR_OWNER, XKV_OP_CLAIM_NEXT};

static bool takes_away(int op) {
    return op == XKV_OP_POP_RANDOM || op == XKV_OP_POP_NEXT;
}

static bool never_is_there(struct client *client) {
    MUST(do_exists(client, LIT("never:1")) == XKV_OK);
    return client->reply.number == 1;
}

/* What the waiter has come to, by a command that is over: 1: it has got the key, 0: it failed,
 * -1: it waits still, and is canceled. */
static int end_waiting(void) {
    xkv_completion done;
    bool over = xkv_completions(waiter.queue, &done, 1, 0) == 1;

    if (!over) {
        xkv_cancel(waiter.store, waiter.queue, 1);
        MUST(xkv_completions(waiter.queue, &done, 1, 20000) == 1);
    }
    int status = done.reply.status;
    int got = status == XKV_OK ? (int)done.reply.number : over ? 0 : -1;
    MUST(status == (got == 1 ? XKV_OK : over ? XKV_E_STORE_FULL : XKV_E_OPERATION_CANCELED));
    xkv_reply_clear(&done.reply);
    return got;
}

/* It waits, or says that it cannot; and then it is served, or the key is left. */
static bool fail_to_wait(struct client *client, int op, long n, bool for_good) {
    int status = XKV_OK;

    heap_fail_at(n, for_good);
    bool waits = begin_waiting(op, &status);
    bool failed = heap_failed();
    MUST(waits || (failed && status == XKV_E_STORE_FULL));
    MUST(do_set(client, LIT("never:1"), LIT("1")) == XKV_OK);
    if (waits)
        MUST(end_waiting() == 1);
    assert_true(never_is_there(client) == (!waits || !takes_away(op)));
    return failed;
}

/* It is served, fails by itself, or waits on: then there was nothing. */
static bool fail_to_serve(struct client *client, int op, long n, bool for_good) {
    int status;

    MUST(begin_waiting(op, &status));
    heap_fail_at(n, for_good);
    bool put = do_set(client, LIT("never:1"), LIT("1")) == XKV_OK;
    bool failed = heap_failed();
    MUST(put || (failed && client->reply.status == XKV_E_STORE_FULL));
    int got = end_waiting();
    MUST(failed || got == 1);
    MUST(got == 0 || put == (got == 1)); /* else it is there, and not given to who waits */
    assert_true(never_is_there(client) == (put && (got < 1 || !takes_away(op))));
    return failed;
}

typedef bool patient_case(struct client *client, int op, long n, bool for_good);

static void fail_patiently(patient_case *body, int op, bool for_good) {
    char name[PATH_SIZE];
    struct client client;
    xkv_options options = fresh(running, name);
    long before = heap.live;

    client_open(&client, &options, false);
    waiter_open(&options);
    for (long n = 1; body(&client, op, n, for_good); n++) {
        assert_in_range(n, 0, 2000);
        MUST(do_delete(&client, LIT("never:1")) == XKV_OK);
    }
    waiter_close();
    client_close(&client);
    assert_int_equal(heap.live, before);
}

static void test_patient_commands(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(kinds) * COUNT(patient_ops) * 2; i++) {
        int op = patient_ops[i / 2 % COUNT(patient_ops)];
        running = &kinds[i / 2 / COUNT(patient_ops)];
        fail_patiently(fail_to_wait, op, i % 2);
        fail_patiently(fail_to_serve, op, i % 2);
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
        cmocka_unit_test_teardown(test_commands_beside_a_waiter, after_case),
        cmocka_unit_test_teardown(test_patient_commands, after_case),
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
