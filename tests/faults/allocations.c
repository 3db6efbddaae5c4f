/*
 * allocations.c - every allocation of every command fails in turn
 *
 * Whatever fails: an error comes back that says so, the content is as before,
 * nothing leaks, and the next command works.
 */
#include "../heap.h"
#include "../model.h"

/* -- Stores ------------------------------------------------------------------ */

static const struct kind {
    const char *name;
    int backend, durability;
    bool track_keys;
} kinds[] = {
    {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false},
    {"disk, none", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, false},
    {"disk, none, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, true},
    {"disk, full", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, false},
    {"disk, full, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, true},
};

static const struct kind *running;

static int after_case(void **state) {
    (void)state;
    if (running)
        fprintf(stderr, "with a store of kind: %s\n", running->name);
    running = NULL;
    return 0;
}

static xkv_options fresh(const struct kind *kind, char name[PATH_SIZE]) {
    static unsigned stores;
    char file[32];
    xkv_options options;

    snprintf(file, sizeof file, "%u.kv", stores++);
    test_path(name, file);
    xkv_options_init(&options);
    options.backend = kind->backend;
    options.durability = kind->durability;
    options.track_keys = kind->track_keys;
    options.name = options.path = name;
    return options;
}

/* -- Content ----------------------------------------------------------------- */

static char long_key[5000], long_value[20000];

enum { KEYS = 150 };

static xkv_bytes key_number(char out[32], unsigned n) {
    return bytes_of(out, (size_t)snprintf(out, 32, "key:%03u", n));
}

static void fill(struct client *client, struct model *model) {
    char key[32];

    for (unsigned i = 0; i < KEYS; i++) {
        MUST(do_set(client, key_number(key, i), LIT("old")) == XKV_OK);
        model_put(model, key_number(key, i), LIT("old"));
    }
    xkv_bytes deep = {long_key, 3000};
    MUST(do_set(client, deep, LIT("old")) == XKV_OK);
    model_put(model, deep, LIT("old"));
}

/* The content is the model's, and so are index and size. */
static void assert_content(struct client *client, const struct model *model) {
    do_list(client, NOTHING, 0);
    assert_int_equal(told(client), XKV_OK);
    assert_true(model_matches(model, NOTHING, 0, &client->reply));
    assert_int_equal(do_plain(client, XKV_OP_SIZE), XKV_OK);
    assert_int_equal(client->reply.number, model->count);
    assert_int_equal(do_random(client, LIT("key:")), XKV_OK);
    size_t first;
    assert_int_equal(client->reply.number, model_count(model, LIT("key:"), &first));
    xkv_reply_clear(&client->reply);
}

/* -- Commands ---------------------------------------------------------------- */

static void apply(struct model *model, const xkv_command *command) {
    bool absent = command->op == XKV_OP_SET_IF_ABSENT && !model_get(model, command->key);

    if (command->op == XKV_OP_SET || absent)
        model_put(model, command->key, command->value);
    else if (command->op == XKV_OP_DELETE || command->op == XKV_OP_DELETE_IF_EXISTS)
        model_delete(model, command->key);
    else if (command->op == XKV_OP_CLEAR)
        model_clear(model);
    else if (command->op == XKV_OP_INCREMENT_BY)
        model_put(model, command->key, command->delta > 0 ? LIT("5") : LIT("3"));
    else if (command->op == XKV_OP_POP_RANDOM)
        model_delete(model, command->prefix);
}

/* The last, clear, leaves nothing to work on. */
static const xkv_command commands[] = {
    {.op = XKV_OP_GET, .key = {"key:001", 7}},
    {.op = XKV_OP_GET, .key = {"missing", 7}},
    {.op = XKV_OP_GET, .key = {long_key, 3000}},
    {.op = XKV_OP_EXISTS, .key = {"key:001", 7}},
    {.op = XKV_OP_SIZE},
    {.op = XKV_OP_LIST},
    {.op = XKV_OP_LIST, .prefix = {"key:", 4}, .limit = 10},
    {.op = XKV_OP_LIST, .prefix = {long_key, 600}},
    {.op = XKV_OP_RANDOM_KEY},
    {.op = XKV_OP_RANDOM_KEY, .prefix = {"key:", 4}},
    {.op = XKV_OP_RANDOM_KEY, .prefix = {long_key, 600}},
    {.op = XKV_OP_SET, .key = {"key:001", 7}, .value = {"new", 3}},
    {.op = XKV_OP_SET, .key = {"key:new", 7}, .value = {"new", 3}},
    {.op = XKV_OP_SET, .key = {"a first key", 11}, .value = {long_value, sizeof long_value}},
    {.op = XKV_OP_SET, .key = {"key:050", 7}, .value = {long_value, sizeof long_value}},
    {.op = XKV_OP_SET, .key = {long_key, 4000}, .value = {"deep", 4}},
    {.op = XKV_OP_GET, .key = {"key:050", 7}},
    {.op = XKV_OP_DELETE, .key = {"key:002", 7}},
    {.op = XKV_OP_DELETE, .key = {"missing", 7}},
    {.op = XKV_OP_DELETE, .key = {long_key, 3000}},
    {.op = XKV_OP_REBUILD_KEY_LIST},
    {.op = XKV_OP_COUNT, .prefix = {"key:", 4}},
    {.op = XKV_OP_COUNT, .prefix = {long_key, 600}},
    {.op = XKV_OP_SET_IF_ABSENT, .key = {"key:003", 7}, .value = {"newer", 5}},
    {.op = XKV_OP_SET_IF_ABSENT, .key = {"key:002", 7}, .value = {"newer", 5}},
    {.op = XKV_OP_SET_IF_ABSENT, .key = {long_key, 3500}, .value = {"deep", 4}},
    {.op = XKV_OP_DELETE_IF_EXISTS, .key = {"key:004", 7}},
    {.op = XKV_OP_DELETE_IF_EXISTS, .key = {"missing", 7}},
    {.op = XKV_OP_INCREMENT_BY, .key = {"count", 5}, .delta = 5},
    {.op = XKV_OP_INCREMENT_BY, .key = {"count", 5}, .delta = -2},
    {.op = XKV_OP_POP_RANDOM, .prefix = {"key:005", 7}},
    {.op = XKV_OP_SET, .key = {"no text", 7}, .value = {"\xFF", 1}},
    {.op = XKV_OP_SET, .key = {"", 0}, .value = {"1", 1}},
    {.op = XKV_OP_CLEAR},
    {.op = XKV_OP_SET, .key = {"only", 4}, .value = {"one", 3}},
};

/* Which errors the command would have with all the memory of the world. */
static int expected_status(const xkv_command *command, const struct model *model) {
    if (command->key.len == 0 && (xkv_op_describe(command->op)->arguments & XKV_ARG_KEY))
        return XKV_E_INVALID_OPTIONS;
    if (command->op == XKV_OP_SET && same_bytes(command->value, LIT("\xFF")))
        return XKV_E_SERIALIZER;
    if (command->op == XKV_OP_GET && !model_get(model, command->key))
        return XKV_E_KEY_NOT_FOUND;
    return XKV_OK;
}

static bool means_no_memory(const xkv_command *command, int status) {
    return status == XKV_E_STORE_FULL ||
           (command->op == XKV_OP_REBUILD_KEY_LIST && status == XKV_E_KEY_LIST_REBUILD);
}

/* One command with allocation n, or all from it on, failing. Returns whether
 * it came to that. */
static bool run_failing(struct client *client, struct model *model, const xkv_command *command,
                        long n, bool for_good) {
    int expected = expected_status(command, model);

    xkv_reply_clear(&client->reply);
    heap_fail_at(n, for_good);
    int status = client_run(client, command);
    bool failed = heap_failed();
    if (status == XKV_OK) /* it may have found a way round */
        apply(model, command);
    if (status != expected && (!failed || !means_no_memory(command, status)))
        fail_msg("%s, allocation %ld: %s: %.*s", xkv_op_describe(command->op)->name, n,
                 xkv_error_name(status), (int)client->reply.len, (const char *)client->reply.data);
    if (status != XKV_OK)
        assert_true(client->reply.len > 0);
    assert_content(client, model);
    return failed;
}

/* Each command; what is left allocated is compared after warming up. */
static void fail_commands(const xkv_options *options, bool submits, bool for_good) {
    struct model model = {NULL, 0, 0};
    struct client client;
    long before = heap.live;

    client_open(&client, options, submits);
    fill(&client, &model);
    for (size_t i = 0; i < COUNT(commands); i++) {
        for (long n = 1; run_failing(&client, &model, &commands[i], n, for_good); n++)
            assert_in_range(n, 0, 2000);
    }
    client_close(&client);
    model_free(&model);
    assert_int_equal(heap.live, before);
}

static void test_commands(void **state) {
    char name[PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(kinds) * 4; i++) {
        running = &kinds[i / 4];
        xkv_options options = fresh(running, name);
        fail_commands(&options, i % 2, i / 2 % 2);
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
        struct model model = {NULL, 0, 0};
        struct client client;
        long after_one = 0;
        client_open(&client, &options, i % 2);
        fill(&client, &model);
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
        model_free(&model);
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
        struct model model = {NULL, 0, 0};
        struct client client;
        running = &kinds[i];
        xkv_options options = fresh(running, name);
        fail_opening(&options, false); /* a new store */
        fail_opening(&options, true);  /* one more handle */
        client_open(&client, &options, false);
        fill(&client, &model);
        client_close(&client);
        fail_opening(&options, false); /* a store with data, and an index to build */
        client_open(&client, &options, false);
        if (options.backend == XKV_BACKEND_DISK)
            assert_content(&client, &model);
        client_close(&client);
        model_free(&model);
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
        cmocka_unit_test_teardown(test_failing_again_and_again, after_case),
        cmocka_unit_test_teardown(test_opening, after_case),
        cmocka_unit_test(test_opening_leaves_no_file),
        cmocka_unit_test(test_queues),
    };

    (void)argc;
    test_begin(argv);
    memset(long_key, 'k', sizeof long_key);
    memset(long_value, 'v', sizeof long_value);
    xkv_set_hooks(&heap_hooks);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    if (failures == 0 && heap.live != 0) {
        fprintf(stderr, "%ld blocks are still allocated\n", (long)heap.live);
        failures = 1;
    }
    return test_end(failures);
}
