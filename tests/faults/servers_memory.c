/*
 * servers_memory.c - every allocation of commands on a server, and of opening its store, fails in
 * turn
 *
 * Whatever fails, in whichever thread: an error comes back that says so, nothing leaks, and the
 * next command works. STORE_FULL says that nothing was done, OUTCOME_UNKNOWN that it may have
 * been.
 */
#include "../heap.h"
#include "../kinds.h"
#include "commands.h"

static struct client client;
static struct content content;

/* What is there afterwards is known again. */
static void begin_anew(void) {
    heap_fail_at(0, false);
    MUST(do_plain(&client, XKV_OP_CLEAR) == XKV_OK);
    content_free(&content);
    content = (struct content){{NULL, 0, 0}, {NULL, 0, 0}};
    fill(&client, &content);
}

static bool is_for_want_of_memory(int status) {
    return status == XKV_E_STORE_FULL || status == XKV_E_OUTCOME_UNKNOWN ||
           status == XKV_E_SERVER_UNAVAILABLE;
}

/* Returns whether it came to an allocation that failed. Claims have tokens of the server's, which
 * the commands do not know: what they give back is not held. */
static bool run_failing(const xkv_command *command, long n, bool for_good) {
    int expected = expected_status(command, &content);

    xkv_reply_clear(&client.reply);
    heap_fail_at(n, for_good);
    int status = client_run(&client, command);
    bool failed = heap_failed();
    heap_fail_at(0, false);
    if (status != expected && !(failed && is_for_want_of_memory(status)))
        fail_msg("%s, allocation %ld: %s: %s", xkv_op_describe(command->op)->name, n,
                 xkv_error_name(status), reply_text(&client.reply));
    if (status != XKV_OK)
        assert_true(client.reply.len > 0);
    if (failed && status == XKV_E_STORE_FULL)
        assert_content(&client, &content);
    else
        begin_anew();
    return failed;
}

static void fail_commands(const xkv_options *options, bool submits, bool for_good) {
    long before = heap.live;
    size_t failures = 0;

    client_open(&client, options, submits);
    begin_anew();
    for (size_t i = 0; i < command_count; i++) {
        for (long n = 1; run_failing(&commands[i], n, for_good); n++) {
            assert_in_range(n, 0, 2000);
            failures++;
        }
    }
    assert_true(failures > command_count);
    client_close(&client);
    content_free(&content);
    content = (struct content){{NULL, 0, 0}, {NULL, 0, 0}};
    assert_int_equal(heap.live, before);
}

static bool next_kind(size_t n, xkv_options *options) {
    static char name[PATH_SIZE];

    if (!server_url() || !run_kind(NULL, 0, n))
        return false;
    *options = fresh(running, name);
    return true;
}

static void test_commands(void **state) {
    xkv_options options;

    (void)state;
    for (int i = 0; i < 2 && next_kind(0, &options); i++)
        fail_commands(&options, i % 2, i % 2);
    running = NULL;
}

/* The store is opened, or not, and then whoever comes next can open it. */
static void test_opening(void **state) {
    char message[XKV_MESSAGE_SIZE];
    xkv_options options;
    bool failed = true;

    (void)state;
    for (long n = 1; failed && next_kind(0, &options); n++) {
        long before = heap.live;
        xkv_store *store = NULL;
        options.redis_timeout_ms = 100; /* what fails where a connection is made is tried again */
        heap_fail_at(n, n % 2);
        int error = xkv_open(&options, &store, message, sizeof message);
        bool late = error == XKV_E_SERVER_UNAVAILABLE; /* the server, or this machine, is slow */
        failed = heap_failed() || late;
        heap_fail_at(0, false);
        if (error != XKV_OK && error != XKV_E_SERVER_UNAVAILABLE)
            assert_int_equal(error, XKV_E_STORE_FULL);
        assert_true(error == XKV_OK || (failed && *message));
        xkv_close(store);
        assert_int_equal(heap.live, before);
    }
    running = NULL;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_opening, after_case),
        cmocka_unit_test_teardown(test_commands, after_case),
    };

    xkv_set_hooks(&heap_hooks);
    make_commands();
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    free_commands();
    return result;
}
