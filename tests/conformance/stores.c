/*
 * stores.c - handles, the order of commands, queues, options of open stores
 */
#include "../kinds.h"
#include "../model.h"

#include <pthread.h>

/* -- Kinds of stores --------------------------------------------------------- */

static const struct kind kinds[] = {
    {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false},
    {"disk, full", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, false},
    {"disk, full, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, true},
    {"disk, relaxed", XKV_BACKEND_DISK, XKV_DURABILITY_RELAXED, true},
    {"disk, none", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, true},
};

typedef void store_case(const xkv_options *options);

static void run_case(void **state) {
    char name[PATH_SIZE];
    store_case *body;

    memcpy(&body, state, sizeof body);
    for (size_t i = 0; run_kind(kinds, COUNT(kinds), i); i++) {
        xkv_options options = fresh(running, name);
        body(&options);
    }
    running = NULL;
}

/* -- Handles ----------------------------------------------------------------- */

static void assert_value(struct client *client, const char *key, const char *value) {
    do_get(client, xkv_text(key));
    assert_int_equal(told(client), XKV_OK);
    assert_true(same_bytes(answer(client), xkv_text(value)));
}

static void case_many_handles(const xkv_options *options) {
    struct client clients[20];
    char key[16];

    for (size_t i = 0; i < COUNT(clients); i++) {
        client_open(&clients[i], options, i % 2);
        assert_true(xkv_same_store(clients[0].store, clients[i].store));
        snprintf(key, sizeof key, "k%zu", i);
        assert_int_equal(do_set(&clients[i], xkv_text(key), LIT("1")), XKV_OK);
    }
    for (size_t i = 0; i < COUNT(clients); i++) {
        assert_int_equal(do_plain(&clients[i], XKV_OP_SIZE), XKV_OK);
        assert_int_equal(clients[i].reply.number, COUNT(clients));
    }
    for (size_t i = 0; i + 1 < COUNT(clients); i++) /* the store lives with the last */
        client_close(&clients[i]);
    assert_value(&clients[COUNT(clients) - 1], "k0", "1");
    client_close(&clients[COUNT(clients) - 1]);
    xkv_close(NULL);
    xkv_queue_free(NULL);
}

static void case_stores_apart(const xkv_options *options) {
    char name[PATH_SIZE];
    xkv_options others = fresh(running, name);
    struct client one, other;

    client_open(&one, options, false);
    client_open(&other, &others, false);
    assert_false(xkv_same_store(one.store, other.store));
    assert_int_equal(do_set(&one, LIT("key"), LIT("1")), XKV_OK);
    assert_int_equal(do_set(&other, LIT("key"), LIT("2")), XKV_OK);
    assert_value(&one, "key", "1");
    assert_value(&other, "key", "2");
    assert_int_equal(do_plain(&one, XKV_OP_CLEAR), XKV_OK);
    assert_value(&other, "key", "2");
    client_close(&one);
    client_close(&other);
}

static void case_reopening(const xkv_options *options) {
    bool stays = traits_for(options->backend)->stays;
    struct client client;

    client_open(&client, options, false);
    assert_int_equal(do_set(&client, LIT("kept"), LIT("\"until later\"")), XKV_OK);
    client_close(&client);
    for (int round = 0; round < 3; round++) {
        client_open(&client, options, round % 2);
        assert_int_equal(do_get(&client, LIT("kept")), stays ? XKV_OK : XKV_E_KEY_NOT_FOUND);
        assert_int_equal(do_plain(&client, XKV_OP_SIZE), XKV_OK);
        assert_int_equal(client.reply.number, stays);
        assert_int_equal(do_random(&client, LIT("ke")), XKV_OK);
        assert_int_equal(client.reply.number, stays);
        client_close(&client);
    }
}

/* The library copies what it keeps: options and their texts may go. */
static void case_options_may_go(const xkv_options *options) {
    xkv_options *copy = malloc(sizeof *copy);
    char *name = strdup(place_of(options));
    struct client client;

    assert_non_null(copy);
    assert_non_null(name);
    *copy = *options;
    set_place(copy, name);
    client_open(&client, copy, false);
    memset(name, '?', strlen(name));
    free(name);
    free(copy);
    const xkv_options *kept = xkv_store_options(client.store);
    assert_string_equal(place_of(kept), place_of(options));
    client_close(&client);
}

/* -- The order of one handle's commands -------------------------------------- */

static const struct {
    xkv_command command;
    int status;
    int64_t number;
    const char *data;
} program[] = {
#define ON(op_name) .command.op = XKV_OP_##op_name, .command.key = {"k", 1}
    {ON(EXISTS), .number = 0},
    {ON(SET), .command.value = {"1", 1}},
    {ON(GET), .data = "1"},
    {ON(SET), .command.value = {"2", 1}},
    {ON(GET), .data = "2"},
    {ON(EXISTS), .number = 1},
    {ON(SIZE), .number = 1},
    {ON(RANDOM_KEY), .number = 1, .data = "k"},
    {ON(LIST), .number = 1},
    {ON(DELETE), .number = 1},
    {ON(GET), .status = XKV_E_KEY_NOT_FOUND},
    {ON(DELETE), .number = 0},
    {ON(RANDOM_KEY), .number = 0, .data = ""},
    {ON(SET), .command.value = {"3", 1}},
    {ON(REBUILD_KEY_LIST)},
    {ON(RANDOM_KEY), .number = 1, .data = "k"},
    {ON(CLEAR)},
    {ON(EXISTS), .number = 0},
    {ON(SIZE), .number = 0},
    {ON(SET), .command.value = {"4", 1}},
    {ON(GET), .data = "4"},
};

static void check_step(size_t i, const xkv_reply *reply) {
    assert_int_equal(reply->status, program[i].status);
    if (reply->status != XKV_OK)
        return;
    if (program[i].command.op != XKV_OP_GET)
        assert_int_equal(reply->number, program[i].number);
    if (program[i].data)
        assert_true(same_bytes(bytes_of(reply->data, reply->len), xkv_text(program[i].data)));
}

/* Gives all commands without waiting for any, then looks at the answers. */
static void case_program_order(const xkv_options *options) {
    struct client other;
    xkv_completion done[COUNT(program)];
    xkv_queue *queue = xkv_queue_new();
    xkv_store *store = must_open(options);
    size_t pending = 0, got = 0;
    uint64_t last = 0;
    xkv_reply reply;

    assert_non_null(queue);
    xkv_reply_init(&reply, NULL, 0);
    for (size_t i = 0; i < COUNT(program); i++) {
        if (xkv_submit(store, &program[i].command, &reply, queue, i) == XKV_DONE)
            check_step(i, &reply);
        else
            pending++;
    }
    while (got < pending)
        got += xkv_completions(queue, done + got, COUNT(done) - got, -1);
    for (size_t i = 0; i < got; i++) {
        assert_true(i == 0 || done[i].tag > last); /* oldest first */
        last = done[i].tag;
        check_step(last, &done[i].reply);
        xkv_reply_clear(&done[i].reply);
    }
    client_open(&other, options, false); /* what has been collected is seen by all */
    assert_value(&other, "k", "4");
    client_close(&other);
    xkv_reply_clear(&reply);
    xkv_close(store);
    xkv_queue_free(queue);
}

/* xkv_exec waits its turn behind what its handle has submitted. */
static void case_exec_after_submit(const xkv_options *options) {
    xkv_store *store = must_open(options);
    xkv_queue *queue = xkv_queue_new();
    xkv_completion done;
    size_t pending = 0;
    char value[16];
    xkv_reply reply;

    assert_non_null(queue);
    xkv_reply_init(&reply, NULL, 0);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(value, sizeof value, "%u", i);
        xkv_command set = {.op = XKV_OP_SET, .key = LIT("k"), .value = xkv_text(value)};
        pending += xkv_submit(store, &set, &reply, queue, i) == XKV_PENDING;
        if (i % 7 != 0)
            continue;
        xkv_command get = {.op = XKV_OP_GET, .key = LIT("k")};
        assert_int_equal(xkv_exec(store, &get, &reply), XKV_OK);
        assert_true(same_bytes(bytes_of(reply.data, reply.len), xkv_text(value)));
    }
    for (; pending > 0; pending--) {
        assert_int_equal(xkv_completions(queue, &done, 1, -1), 1);
        xkv_reply_clear(&done.reply);
    }
    xkv_reply_clear(&reply);
    xkv_close(store);
    xkv_queue_free(queue);
}

/* -- Queues ------------------------------------------------------------------ */

/* Submits sets of key000, key001, …; returns how many are pending. */
static size_t submit_sets(xkv_store *store, xkv_queue *queue, unsigned count) {
    size_t pending = 0;
    char key[16];
    xkv_reply reply;

    xkv_reply_init(&reply, NULL, 0);
    for (unsigned i = 0; i < count; i++) {
        snprintf(key, sizeof key, "key%03u", i);
        xkv_command set = {.op = XKV_OP_SET, .key = xkv_text(key), .value = LIT("1")};
        pending += xkv_submit(store, &set, &reply, queue, i) == XKV_PENDING;
    }
    xkv_reply_clear(&reply);
    return pending;
}

static void collect(xkv_queue *queue, size_t pending) {
    xkv_completion done[7];

    while (pending > 0) {
        size_t got = xkv_completions(queue, done, COUNT(done), -1);
        assert_in_range(got, 1, COUNT(done));
        for (size_t i = 0; i < got; i++) {
            assert_int_equal(done[i].reply.status, XKV_OK);
            xkv_reply_clear(&done[i].reply);
        }
        pending -= got;
    }
}

/* A closed handle's commands still take effect and complete. */
static void case_closing_with_commands_queued(const xkv_options *options) {
    xkv_queue *queue = xkv_queue_new();
    struct client client;
    xkv_store *store = must_open(options);

    assert_non_null(queue);
    client_open(&client, options, false);
    size_t pending = submit_sets(store, queue, 300);
    xkv_close(store);
    collect(queue, pending);
    assert_int_equal(do_plain(&client, XKV_OP_SIZE), XKV_OK);
    assert_int_equal(client.reply.number, 300);
    client_close(&client);
    xkv_queue_free(queue);
}

/* Closing the last handle waits for everything that is queued. */
static void case_closing_the_last_handle(const xkv_options *options) {
    xkv_queue *queue = xkv_queue_new();
    struct client client;
    xkv_store *store = must_open(options);

    assert_non_null(queue);
    size_t pending = submit_sets(store, queue, 300);
    xkv_close(store);
    collect(queue, pending);
    client_open(&client, options, false);
    assert_int_equal(do_plain(&client, XKV_OP_SIZE), XKV_OK);
    assert_int_equal(client.reply.number, traits_for(options->backend)->stays ? 300 : 0);
    client_close(&client);
    xkv_queue_free(queue);
}

static void case_one_queue_for_two_stores(const xkv_options *options) {
    char name[PATH_SIZE];
    xkv_options others = fresh(running, name);
    xkv_store *one = must_open(options), *other = must_open(&others);
    xkv_queue *queue = xkv_queue_new();

    assert_non_null(queue);
    size_t pending = submit_sets(one, queue, 50);
    pending += submit_sets(other, queue, 50);
    collect(queue, pending);
    xkv_close(one);
    xkv_close(other);
    xkv_queue_free(queue);
}

static void test_queue_timeouts(void **state) {
    xkv_queue *queue = xkv_queue_new();
    xkv_completion done;
    uint64_t start = clock_ms();

    (void)state;
    assert_non_null(queue);
    assert_int_equal(xkv_completions(queue, &done, 1, 0), 0);
    assert_int_equal(xkv_completions(queue, &done, 1, 50), 0);
    assert_true(clock_ms() - start >= 49);
    xkv_queue_wake(queue); /* the next call returns at once */
    assert_int_equal(xkv_completions(queue, &done, 1, -1), 0);
    xkv_queue_free(queue);
}

static void *wake(void *queue) {
    xkv_queue_wake(queue);
    return NULL;
}

static void test_queue_wake(void **state) {
    xkv_queue *queue = xkv_queue_new();
    xkv_completion done;
    pthread_t thread;

    (void)state;
    assert_non_null(queue);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(pthread_create(&thread, NULL, wake, queue), 0);
        assert_int_equal(xkv_completions(queue, &done, 1, -1), 0);
        pthread_join(thread, NULL);
    }
    xkv_queue_free(queue);
}

/* -- Options of a store that is open ----------------------------------------- */

static void assert_conflict(const xkv_options *other, const char *name) {
    char message[XKV_MESSAGE_SIZE] = "";
    xkv_store *store = (xkv_store *)(void *)message;
    int code = xkv_open(other, &store, message, sizeof message);

    if (code != XKV_E_OPTIONS_CONFLICT)
        fail_msg("%s: %s %s", name, xkv_error_name(code), message);
    assert_null(store);
    if (!strstr(message, name))
        fail_msg("\"%s\" does not mention %s", message, name);
}

/* The same before any store is open. */
static void assert_conflict_foreseen(const xkv_options *options, const xkv_options *other,
                                     const char *name) {
    char message[XKV_MESSAGE_SIZE] = "";
    int code = xkv_check_options(other, options, message, sizeof message);

    if (code != XKV_E_OPTIONS_CONFLICT || !strstr(message, name))
        fail_msg("%s: %s %s", name, xkv_error_name(code), message);
}

static const struct {
    const char *name;
    xkv_scalar value;
} changes[] = {
#define FLAG(name)                                                                                 \
    {                                                                                              \
        name, {                                                                                    \
            .type = XKV_TYPE_BOOL, .boolean = true                                                 \
        }                                                                                          \
    }
#define NUMBER(name, n)                                                                            \
    {                                                                                              \
        name, {                                                                                    \
            .type = XKV_TYPE_NUMBER, .number = (n)                                                 \
        }                                                                                          \
    }
#define TEXT(name, word)                                                                           \
    {                                                                                              \
        name, {                                                                                    \
            .type = XKV_TYPE_TEXT, .text = (word)                                                  \
        }                                                                                          \
    }
    TEXT("serialization", "string"),
    NUMBER("memory.shardCount", 16),
    NUMBER("disk.timeout", 77),
    NUMBER("disk.initialMmapSize", 1048576),
    FLAG("disk.readOnly"),
    FLAG("disk.noGrowSync"),
    FLAG("disk.noFreelistSync"),
    FLAG("disk.preLoadFreelist"),
    FLAG("disk.mlock"),
    TEXT("disk.freelistType", "map"),
    FLAG("metrics.operations"),
#undef FLAG
#undef NUMBER
#undef TEXT
};

static void case_conflicts(const xkv_options *options) {
    char message[XKV_MESSAGE_SIZE];
    struct client client, second;
    xkv_options other;

    client_open(&client, options, false);
    for (size_t i = 0; i < COUNT(changes); i++) {
        other = *options;
        assert_int_equal(
            xkv_options_set(&other, changes[i].name, &changes[i].value, message, sizeof message),
            XKV_OK);
        assert_conflict(&other, changes[i].name);
        assert_conflict_foreseen(options, &other, changes[i].name);
    }
    other = *options;
    other.track_keys = !other.track_keys;
    assert_conflict(&other, "trackKeys");
    other = *options;
    other.durability = (other.durability + 1) % 3;
    assert_conflict(&other, "disk.durability");
    client_open(&second, options, false); /* the conflicts have done no harm */
    assert_int_equal(do_set(&second, LIT("k"), LIT("1")), XKV_OK);
    assert_value(&client, "k", "1");
    client_close(&second);
    client_close(&client);
    client_open(&client, options, false);
    client_close(&client);
}

/* Who leaves the serialization open gets what is there, and json where nothing is. */
static void case_any_serialization(const xkv_options *options) {
    bool stays = traits_for(options->backend)->stays;
    xkv_options any = *options, made = *options, other = *options;

    any.serialization = XKV_ANY;
    made.serialization = XKV_BINARY;
    other.serialization = XKV_STRING;
    for (int i = 0; i < 2; i++) {
        xkv_store *first = must_open(i == 0 ? &made : &any), *second = must_open(&any);
        int expected = i == 0 || stays ? XKV_BINARY : XKV_JSON;
        assert_int_equal(xkv_store_options(second)->serialization, expected);
        assert_int_equal(xkv_store_options(first)->serialization, expected);
        assert_true(xkv_same_store(first, second));
        assert_conflict(&other, "serialization");
        xkv_close(first);
        xkv_close(second);
    }
}

/* What was changed is counted, whoever has changed it; of others there are none here. */
static void case_activity(const xkv_options *options) {
    xkv_activity before = {.commits = -1, .writer = -1}, after = before;
    char message[XKV_MESSAGE_SIZE];
    struct client client;

    client_open(&client, options, false);
    assert_int_equal(xkv_store_activity(client.store, &before, message, sizeof message), XKV_OK);
    assert_int_equal(do_set(&client, LIT("k"), LIT("1")), XKV_OK);
    assert_value(&client, "k", "1");
    assert_int_equal(xkv_store_activity(client.store, &after, message, sizeof message), XKV_OK);
    bool counts = traits_for(options->backend)->is_file;
    assert_int_equal(after.commits - before.commits, counts ? 1 : 0);
    assert_int_equal(after.writer, 0);
    client_close(&client);
}

static void assert_one_store(const xkv_options *a, const xkv_options *b) {
    char message[XKV_MESSAGE_SIZE] = "";
    xkv_store *one = must_open(a), *two;

    if (xkv_open(b, &two, message, sizeof message) != XKV_OK) {
        xkv_close(one);
        fail_msg("%s", message);
    }
    assert_true(xkv_same_store(one, two));
    xkv_close(one);
    xkv_close(two);
}

static void assert_passes(const xkv_options *options, const xkv_options *before) {
    char message[XKV_MESSAGE_SIZE] = "";

    if (xkv_check_options(options, before, message, sizeof message) != XKV_OK)
        fail_msg("%s", message);
}

static void assert_refused(const xkv_options *options, int code, const char *word) {
    char message[XKV_MESSAGE_SIZE] = "";

    assert_int_equal(xkv_check_options(options, NULL, message, sizeof message), code);
    if (!strstr(message, word))
        fail_msg("\"%s\" does not mention %s", message, word);
}

/* Options are checked without a file, and none is made. */
static void test_check_options(void **state) {
    char path[PATH_SIZE], other_path[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "unborn/checked.kv")), other = options;
    xkv_options memory = memory_options(NULL), bad = options;

    (void)state;
    other.track_keys = true;
    memory.track_keys = true;
    assert_passes(&options, NULL);
    assert_passes(&options, &options);
    assert_conflict_foreseen(&options, &other, "trackKeys");
    assert_passes(&memory, &options);
    other.path = test_path(other_path, "unborn/another.kv");
    assert_passes(&other, &options);
    other.path = NULL;
    assert_passes(&other, &options);
    bad.path = "~/checked.kv";
    assert_refused(&bad, XKV_E_DISK_PATH, "~");
    bad.path = "directory/";
    assert_refused(&bad, XKV_E_DISK_PATH, "directory");
    bad.path = path;
    bad.timeout_ms = -1;
    assert_refused(&bad, XKV_E_INVALID_OPTIONS, "disk.timeout");
    assert_int_equal(access(test_path(path, "unborn"), F_OK), -1);
}

/* Equal after defaults is equal. */
static void test_equal_options(void **state) {
    char path[PATH_SIZE], name[PATH_SIZE];
    xkv_options options = disk_options(test_path(path, "equal.kv")), other = options;
    xkv_options memory = memory_options("default"), unnamed = memory_options(NULL);

    (void)state;
    unnamed.path = test_path(name, "a path means nothing here");
    assert_one_store(&memory, &unnamed);
    options.durability = XKV_DURABILITY_NONE;
    other.no_sync = true;
    assert_one_store(&options, &other);
    assert_one_store(&other, &options);
}

/* -- The program ------------------------------------------------------------- */

static const struct {
    const char *name;
    store_case *body;
} cases[] = {
#define CASE(name)                                                                                 \
    { #name, case_##name }
    CASE(many_handles),
    CASE(stores_apart),
    CASE(reopening),
    CASE(options_may_go),
    CASE(program_order),
    CASE(exec_after_submit),
    CASE(closing_with_commands_queued),
    CASE(closing_the_last_handle),
    CASE(one_queue_for_two_stores),
    CASE(any_serialization),
    CASE(activity),
    CASE(conflicts),
};

static const struct CMUnitTest others[] = {
    cmocka_unit_test(test_queue_timeouts),
    cmocka_unit_test(test_queue_wake),
    cmocka_unit_test(test_equal_options),
    cmocka_unit_test(test_check_options),
};

int main(int argc, char *argv[]) {
    struct CMUnitTest tests[COUNT(cases) + COUNT(others)];

    (void)argc;
    test_begin(argv);
    for (size_t i = 0; i < COUNT(cases); i++) {
        tests[i] = (struct CMUnitTest){cases[i].name, run_case, NULL, after_case, NULL};
        memcpy(&tests[i].initial_state, &cases[i].body, sizeof cases[i].body);
    }
    memcpy(tests + COUNT(cases), others, sizeof others);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
