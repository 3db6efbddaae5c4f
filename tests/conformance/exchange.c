/*
 * exchange.c - entries that leave a store by a file, and come back
 */
#include "exchange.h"

static const struct kind {
    const char *name;
    int backend, durability;
    bool track_keys;
} kinds[] = {
    {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false},
    {"disk, full", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, false},
    {"disk, relaxed, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_RELAXED, true},
    {"disk, none, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, true},
    {"redis", XKV_BACKEND_REDIS, XKV_DURABILITY_FULL, false}, /* the last: if there are servers */
};

static size_t kind_count(void) {
    return COUNT(kinds) - !server_url();
}

/* Beside servers, what goes on without them has been tested elsewhere. */
static bool is_of_interest(size_t from, size_t to) {
    return !server_url() || from == COUNT(kinds) - 1 || to == COUNT(kinds) - 1;
}

static const struct kind *running; /* the kind that a case is at */

static int after_kind(void **state) {
    (void)state;
    if (running)
        fprintf(stderr, "with a store of kind: %s\n", running->name);
    running = NULL;
    return 0;
}

/* -- What there is to carry ------------------------------------------------------ */

enum { LARGE = 8 << 20, RANDOM_ENTRIES = 300, LENGTH_MAX = 9000 };

static char large[LARGE];

/* UTF-8 of all lengths, NUL and what JSON and CSV have to escape. */
static size_t random_text(struct rng *rng, char *out, size_t size) {
    static const char *const pieces[] = {"a",  "key:", "\"", "\\",           "\n",
                                         "\r", ",",    "ä",  "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                         " ",  "\x01", "",   "\x7F",         "'"};
    size_t at = 0;

    while (at + 4 < size) {
        const char *piece = pieces[rng_below(rng, COUNT(pieces))];
        size_t len = *piece ? strlen(piece) : 1; /* the empty one stands for NUL */
        memcpy(out + at, piece, len);
        at += len;
    }
    return at;
}

/* A value that a store of this serialization takes, as long as one likes. */
static size_t random_value(struct rng *rng, int serialization, char *out, size_t size) {
    if (serialization == XKV_BINARY) {
        rng_fill(rng, out, size);
        return size;
    }
    if (serialization == XKV_STRING)
        return random_text(rng, out, size);
    if (size < 3)
        return (size_t)snprintf(out, 2, "%u", (unsigned)rng_below(rng, 10));
    memset(out, 'x', size);
    out[0] = out[size - 1] = '"';
    return size;
}

/* Of many models the first has a large value: that takes its time. */
static struct model random_model(struct rng *rng, int serialization, bool with_large) {
    static char key[XKV_KEY_MAX], value[LENGTH_MAX];
    struct model model = {NULL, 0, 0};

    for (int i = 0; i < RANDOM_ENTRIES; i++) {
        size_t longest = rng_chance(rng, 100) ? 5000 : rng_chance(rng, 300) ? 700 : 30;
        size_t key_len = random_text(rng, key, 6 + rng_below(rng, longest));
        size_t value_size = rng_below(rng, rng_chance(rng, 100) ? LENGTH_MAX : 60);
        size_t value_len = random_value(rng, serialization, value, value_size);
        model_put(&model, bytes_of(key, key_len), bytes_of(value, value_len));
    }
    memset(key, 'k', XKV_KEY_MAX);
    model_put(&model, bytes_of(key, XKV_KEY_MAX), LIT("1"));
    if (with_large)
        model_put(&model, LIT("large"), bytes_of(large, LARGE));
    model_put(&model, LIT("\0"), LIT("0"));
    return model;
}

static void store_model(struct client *client, const struct model *model) {
    xkv_items items = NO_ITEMS;

    for (size_t i = 0; i < model->count; i++)
        items_add(&items, pair_key(&model->pairs[i]), pair_value(&model->pairs[i]));
    do_list_of(client, XKV_OP_SET_MANY, items);
    assert_int_equal(told(client), XKV_OK);
}

/* Whether there are the same keys, in the same order, with the same values; also by the index. */
static void assert_holds(struct client *client, const struct model *model) {
    assert_size(client, (int64_t)model->count);
    do_list(client, NOTHING, 0);
    assert_int_equal(told(client), XKV_OK);
    assert_true(model_matches(model, NOTHING, 0, &client->reply));
    assert_int_equal(do_random(client, NOTHING), XKV_OK);
    assert_int_equal(client->reply.number, model->count);
    assert_int_equal(do_plain(client, XKV_OP_STATS), XKV_OK);
    assert_null(strstr(reply_text(&client->reply), "\"consistent\":false"));
}

/* -- Backup and restore ------------------------------------------------------------ */

static void open_kind(struct client *client, const struct kind *kind, int serialization,
                      bool submits) {
    static char names[4][PATH_SIZE];
    static unsigned next;

    running = kind;
    xkv_options options;
    xkv_options_init(&options);
    options.backend = kind->backend;
    options.durability = kind->durability;
    options.track_keys = kind->track_keys;
    set_place(&options, fresh_path(names[next++ % COUNT(names)]));
    options.serialization = serialization;
    client_open(client, &options, submits);
}

static void carry(struct client *from, struct client *to, const struct model *model) {
    char expected[256];

    assert_int_equal(FILED(from, BACKUP, AT("carried")), XKV_OK);
    bool at_once = xkv_store_options(from->store)->backend != XKV_BACKEND_REDIS;
    snprintf(expected, sizeof expected,
             "{\"totalEntries\":%zu,\"bytesWritten\":%zu,\"bestEffort\":%s,\"warning\":\"%s\"}",
             model->count, size_of("carried"), at_once ? "false" : "true",
             at_once ? ""
                     : "the copy is not of one moment: what was written meanwhile may be in it or "
                       "not");
    assert_reply(from, expected);
    assert_int_equal(from->reply.number, model->count);
    put(to, LIT("old"), LIT("1"));
    do_list_of(to, XKV_OP_SET_MANY, ENTRIES("a", "1", "key:a", "2"));
    FILED(to, RESTORE, AT("carried"));
    assert_int_equal(told(to), XKV_OK);
    snprintf(expected, sizeof expected, "{\"totalEntries\":%zu}", model->count);
    assert_reply(to, expected);
    assert_holds(to, model);
}

/* What came by a restore is there again when the store is opened anew. */
static void reopen(struct client *client, const struct model *model) {
    char path[PATH_SIZE];
    const xkv_options *had = xkv_store_options(client->store);
    bool submits = client->queue != NULL;

    if (had->backend != XKV_BACKEND_DISK)
        return;
    snprintf(path, sizeof path, "%s", had->path);
    xkv_options options = disk_options(path);
    options.serialization = had->serialization;
    options.track_keys = had->track_keys;
    client_close(client);
    client_open(client, &options, submits);
    assert_holds(client, model);
}

static void test_backup_everywhere(void **state) {
    struct rng rng = rng_for("backup");

    (void)state;
    for (size_t i = 0; i < kind_count() * kind_count(); i++) {
        struct client from, to;
        if (!is_of_interest(i / kind_count(), i % kind_count()))
            continue;
        int serialization = (int)(i % 3);
        struct model model = random_model(&rng, serialization, i % 5 == 0);
        open_kind(&from, &kinds[i / kind_count()], serialization, i % 2);
        open_kind(&to, &kinds[i % kind_count()], serialization, i / 2 % 2);
        store_model(&from, &model);
        carry(&from, &to, &model);
        assert_holds(&from, &model);
        reopen(&to, &model);
        client_close(&from);
        client_close(&to);
        model_free(&model);
    }
    running = NULL;
}

/* A backup is a store like any other. */
static void test_backup_opens(void **state) {
    struct model model = {NULL, 0, 0};
    struct client client, copy;
    struct stat status;

    (void)state;
    model_put(&model, LIT("a"), LIT("1"));
    open_kind(&client, &kinds[0], XKV_STRING, false);
    store_model(&client, &model);
    assert_int_equal(FILED(&client, BACKUP, AT("opens")), XKV_OK);
    MUST(stat(file("opens").data, &status) == 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    xkv_options options = disk_options(file("opens").data);
    options.serialization = XKV_STRING;
    client_open(&copy, &options, false);
    assert_holds(&copy, &model);
    client_close(&copy);
    options.serialization = XKV_JSON;
    assert_refused(&options, XKV_E_DISK_STORE_OPEN, "serialization");
    client_close(&client);
    model_free(&model);
    running = NULL;
}

/* The backup of a store that is copied back must not share its tokens' sequence, or be taken for
 * one that is open. */
static void test_backup_of_empty(void **state) {
    struct model model = {NULL, 0, 0};
    struct client client;

    (void)state;
    for (size_t i = 0; i < kind_count(); i++) {
        open_kind(&client, &kinds[i], XKV_JSON, i % 2);
        assert_int_equal(FILED(&client, BACKUP, AT("nothing")), XKV_OK);
        put(&client, LIT("a"), LIT("1"));
        assert_int_equal(FILED(&client, RESTORE, AT("nothing")), XKV_OK);
        assert_reply(&client, "{\"totalEntries\":0}");
        assert_holds(&client, &model);
        reopen(&client, &model);
        put(&client, LIT("a"), LIT("1"));
        client_close(&client);
    }
    running = NULL;
}

/* Long keys are kept in another place than short ones; here there is nothing before them. */
static void test_long_key_first(void **state) {
    static char key[XKV_KEY_MAX];
    struct client from, to;

    (void)state;
    for (size_t i = 0; i < kind_count() * 2; i++) {
        struct model model = {NULL, 0, 0};
        open_kind(&from, &kinds[i / 2], XKV_STRING, i % 2);
        open_kind(&to, &kinds[(i / 2 + 1) % kind_count()], XKV_STRING, i % 2);
        memset(key, 'a', sizeof key);
        model_put(&model, bytes_of(key, i % 2 ? 1300 : XKV_KEY_MAX), LIT("1"));
        if (i % 2)
            model_put(&model, LIT("b"), LIT("2"));
        store_model(&from, &model);
        carry(&from, &to, &model);
        reopen(&to, &model);
        client_close(&from);
        client_close(&to);
        model_free(&model);
    }
    running = NULL;
}

/* The map of the store grows while it takes in what another store's map holds. */
static void test_small_map(void **state) {
    struct rng rng = rng_for("small map");
    struct model model = random_model(&rng, XKV_STRING, true);
    struct client from, to;
    char path[PATH_SIZE];

    (void)state;
    open_kind(&from, &kinds[0], XKV_STRING, false);
    store_model(&from, &model);
    for (int durability = 0; durability < 3; durability++) {
        xkv_options options = disk_options(fresh_path(path));
        options.serialization = XKV_STRING;
        options.durability = durability;
        options.initial_map_size = 65536;
        client_open(&to, &options, false);
        carry(&from, &to, &model);
        client_close(&to);
    }
    client_close(&from);
    model_free(&model);
    running = NULL;
}

static void case_claims(struct client *client) {
    struct ticket before, after;

    put(client, LIT("a"), LIT("1"));
    assert_int_equal(FILED(client, BACKUP, AT("claims")), XKV_OK);
    assert_int_equal(do_key(client, XKV_OP_CLAIM_KEY, LIT("a")), XKV_OK);
    assert_true(take_ticket(client, &before));
    assert_int_equal(FILED(client, BACKUP, AT("claims")), XKV_OK);
    assert_int_equal(do_ticket(client, XKV_OP_RENEW_CLAIM, &before, 9000), XKV_OK);
    assert_int_equal(client->reply.number, 1); /* a backup ends none */
    assert_int_equal(FILED(client, RESTORE, AT("claims")), XKV_OK);
    assert_int_equal(do_ticket(client, XKV_OP_COMPLETE_CLAIM, &before, 0), XKV_OK);
    assert_int_equal(client->reply.number, 0);
    assert_value(client, LIT("a"), LIT("1"));
    assert_int_equal(do_key(client, XKV_OP_CLAIM_KEY, LIT("a")), XKV_OK);
    assert_true(take_ticket(client, &after));
    assert_true(after.token > before.token);
}

static void case_budgets(struct client *client) {
    struct model model = {NULL, 0, 0};

    do_list_of(client, XKV_OP_SET_MANY, ENTRIES("a", "11", "b", "22", "c", "33"));
    assert_int_equal(FILED(client, BACKUP, AT("budget")), XKV_OK);
    do_list_of(client, XKV_OP_DELETE_MANY, KEYS("a", "b"));
    put(client, LIT("d"), LIT("44"));
    model_put(&model, LIT("c"), LIT("33"));
    model_put(&model, LIT("d"), LIT("44"));
    FILED(client, RESTORE, AT("budget"), .max_entries = 2);
    assert_fails(client, XKV_E_SNAPSHOT_BUDGET, "maxEntries, 2");
    FILED(client, RESTORE, AT("budget"), .max_bytes = 8);
    assert_fails(client, XKV_E_SNAPSHOT_BUDGET, "maxBytes, 8");
    assert_holds(client, &model);
    assert_int_equal(FILED(client, RESTORE, AT("budget"), .max_entries = 3, .max_bytes = 9),
                     XKV_OK);
    assert_size(client, 3);
    assert_value(client, LIT("a"), LIT("11"));
    model_free(&model);
}

/* To the store's own file nothing is to be done, and from it nothing to be had. */
static void test_own_file(void **state) {
    struct client client;

    (void)state;
    for (size_t i = 1; i < COUNT(kinds) - 1; i++) {
        open_kind(&client, &kinds[i], XKV_JSON, i % 2);
        xkv_bytes own = xkv_text(xkv_store_options(client.store)->path);
        put(&client, LIT("a"), LIT("1"));
        assert_int_equal(RUN(&client, .op = XKV_OP_BACKUP, .file_name = own), XKV_OK);
        assert_reply(&client, "{\"totalEntries\":1,\"bytesWritten\":0,\"bestEffort\":false,"
                              "\"warning\":\"\"}");
        RUN(&client, .op = XKV_OP_RESTORE, .file_name = own);
        assert_fails(&client, XKV_E_SNAPSHOT_READ, "own file");
        RUN(&client, .op = XKV_OP_EXPORT_JSONL, .file_name = own);
        assert_fails(&client, XKV_E_SNAPSHOT_EXPORT, "store that is open");
        put(&client, LIT("b"), LIT("1")); /* it has its locks still */
        assert_size(&client, 2);
        client_close(&client);
    }
    running = NULL;
}

/* From a store that this process has open, too. */
static void test_open_file(void **state) {
    struct model model = {NULL, 0, 0};
    struct client from, to;

    (void)state;
    model_put(&model, LIT("a"), LIT("1"));
    for (size_t i = 0; i < kind_count(); i++) {
        open_kind(&from, &kinds[1], XKV_JSON, false);
        open_kind(&to, &kinds[i], XKV_JSON, i % 2);
        xkv_bytes path = xkv_text(xkv_store_options(from.store)->path);
        store_model(&from, &model);
        RUN(&to, .op = XKV_OP_BACKUP, .file_name = path);
        assert_fails(&to, XKV_E_SNAPSHOT_EXPORT, "store that is open");
        RUN(&to, .op = XKV_OP_RESTORE, .file_name = path);
        assert_int_equal(told(&to), XKV_OK);
        assert_holds(&to, &model);
        put(&from, LIT("b"), LIT("1"));
        assert_size(&from, 2);
        do_delete(&from, LIT("b"));
        client_close(&from);
        client_close(&to);
    }
    running = NULL;
    model_free(&model);
}

static void case_no_snapshot(struct client *client) {
    put(client, LIT("a"), LIT("1"));
    FILED(client, RESTORE, AT("missing"));
    assert_fails(client, XKV_E_SNAPSHOT_NOT_FOUND, "missing");
    write_text("no store", "this is no store of any kind");
    FILED(client, RESTORE, AT("no store"));
    assert_fails(client, XKV_E_SNAPSHOT_READ, "no store");
    write_text("no store", "");
    FILED(client, RESTORE, AT("no store"));
    assert_fails(client, XKV_E_SNAPSHOT_READ, "no store");
    assert_value(client, LIT("a"), LIT("1"));
    assert_size(client, 1);
}

/* What others have stored, as long as this store can hold it. */
static void case_bolt(struct client *client) {
    put(client, LIT("a"), LIT("1"));
    const char *name = "tests/fuzz/corpus/bolt/page";
    int status = RUN(client, .op = XKV_OP_RESTORE, .file_name = xkv_text(name));

    if (setting.serialization == XKV_BINARY) {
        assert_int_equal(status, XKV_OK);
        assert_true(client->reply.number > 0);
        assert_missing(client, LIT("a"));
        return;
    }
    assert_fails(client, XKV_E_VALUE_PARSE, "bolt/page");
    assert_value(client, LIT("a"), LIT("1"));
}

static void test_other_serialization(void **state) {
    struct client from, to;

    (void)state;
    for (size_t i = 0; i < kind_count(); i++) {
        open_kind(&from, &kinds[0], XKV_STRING, false);
        open_kind(&to, &kinds[i], XKV_JSON, i % 2);
        put(&from, LIT("a"), LIT("no JSON"));
        put(&to, LIT("b"), LIT("1"));
        assert_int_equal(FILED(&from, BACKUP, AT("other")), XKV_OK);
        FILED(&to, RESTORE, AT("other"));
        assert_fails(&to, XKV_E_SNAPSHOT_READ, "\"string\"");
        assert_value(&to, LIT("b"), LIT("1"));
        client_close(&from);
        open_kind(&from, &kinds[1], XKV_STRING, false); /* and one that is open */
        put(&from, LIT("a"), LIT("no JSON"));
        RUN(&to, .op = XKV_OP_RESTORE, .file_name = xkv_text(xkv_store_options(from.store)->path));
        assert_fails(&to, XKV_E_SNAPSHOT_READ, "\"string\"");
        assert_value(&to, LIT("b"), LIT("1"));
        client_close(&from);
        client_close(&to);
    }
    running = NULL;
}

/* -- Those who wait ---------------------------------------------------------------- */

/* In the order in which they came; and who comes later gets nothing before them. */
static void case_waiters(struct client *client) {
    if (traits()->asks_again) /* there is no order among them */
        return;
    struct client waiter[2];
    xkv_completion done;

    put(client, LIT("job"), LIT("1"));
    assert_int_equal(FILED(client, BACKUP, AT("waiters")), XKV_OK);
    assert_int_equal(do_plain(client, XKV_OP_CLEAR), XKV_OK);
    for (size_t i = 0; i < 2; i++) {
        client_open(&waiter[i], xkv_store_options(client->store), true);
        xkv_command pop = {.op = i ? XKV_OP_POP_RANDOM : XKV_OP_CLAIM_KEY,
                           .key = LIT("job"),
                           .timeout_ms = 600000};
        assert_int_equal(xkv_submit(waiter[i].store, &pop, &waiter[i].reply, waiter[i].queue, 1),
                         XKV_PENDING);
        /* The first has its turn before the second comes. */
        assert_size(&waiter[i], 0);
        assert_int_equal(do_plain(client, XKV_OP_STATS), XKV_OK);
    }
    FILED(client, RESTORE, AT("waiters"));
    assert_int_equal(told(client), XKV_OK);
    assert_int_equal(xkv_completions(waiter[0].queue, &done, 1, 20000), 1);
    assert_int_equal(done.reply.status, XKV_OK);
    assert_int_equal(done.reply.number, 1);
    xkv_reply_clear(&done.reply);
    assert_int_equal(xkv_completions(waiter[1].queue, &done, 1, 0), 0);
    xkv_cancel(waiter[1].store, waiter[1].queue, 1);
    assert_int_equal(xkv_completions(waiter[1].queue, &done, 1, 20000), 1);
    assert_int_equal(done.reply.status, XKV_E_OPERATION_CANCELED);
    xkv_reply_clear(&done.reply);
    client_close(&waiter[0]);
    client_close(&waiter[1]);
}

/* An import serves them, too. */
static void case_waiters_of_imports(struct client *client) {
    static const char *const lines[] = {"{\"key\":\"job\",\"value\":1}\n",
                                        "{\"key\":\"job\",\"value\":\"1\"}\n",
                                        "{\"key\":\"job\",\"value\":\"MQ==\"}\n"};
    struct client waiter;
    xkv_completion done;
    xkv_command pop = {.op = XKV_OP_POP_RANDOM, .timeout_ms = 600000};

    client_open(&waiter, xkv_store_options(client->store), true);
    assert_int_equal(xkv_submit(waiter.store, &pop, &waiter.reply, waiter.queue, 1), XKV_PENDING);
    write_text("job", lines[setting.serialization]);
    FILED(client, IMPORT_JSONL, AT("job"));
    assert_int_equal(told(client), XKV_OK);
    assert_int_equal(xkv_completions(waiter.queue, &done, 1, 20000), 1);
    assert_int_equal(done.reply.status, XKV_OK);
    xkv_reply_clear(&done.reply);
    client_close(&waiter);
    assert_size(client, 0);
}

/* -- JSONL ---------------------------------------------------------------------- */

static void test_jsonl_everywhere(void **state) {
    struct rng rng = rng_for("JSONL");
    char expected[2 * PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < kind_count() * 3; i++) {
        struct client from, to;
        if (!is_of_interest(i / 3, (i + 1) % kind_count()))
            continue;
        struct model model = random_model(&rng, (int)(i % 3), i % 4 == 0);
        open_kind(&from, &kinds[i / 3], (int)(i % 3), i % 2);
        open_kind(&to, &kinds[(i + 1) % kind_count()], (int)(i % 3), i / 2 % 2);
        store_model(&from, &model);
        FILED(&from, EXPORT_JSONL, AT("lines"));
        assert_int_equal(told(&from), XKV_OK);
        snprintf(expected, sizeof expected,
                 "{\"exported\":%zu,\"fileName\":\"%s\",\"bytesWritten\":%zu}", model.count,
                 (const char *)file("lines").data, size_of("lines"));
        assert_reply(&from, expected);
        FILED(&to, VALIDATE_JSONL, AT("lines"));
        snprintf(expected, sizeof expected,
                 "{\"valid\":true,\"records\":%zu,\"bytesRead\":%zu,\"checkedAll\":true}",
                 model.count, size_of("lines"));
        assert_reply(&to, expected);
        assert_size(&to, 0);
        FILED(&to, IMPORT_JSONL, AT("lines"), .batch_size = 1 + (int64_t)rng_below(&rng, 99));
        assert_int_equal(told(&to), XKV_OK);
        snprintf(expected, sizeof expected,
                 "{\"imported\":%zu,\"fileName\":\"%s\",\"bytesRead\":%zu}", model.count,
                 (const char *)file("lines").data, size_of("lines"));
        assert_reply(&to, expected);
        assert_holds(&to, &model);
        reopen(&to, &model);
        client_close(&from);
        client_close(&to);
        model_free(&model);
    }
    running = NULL;
}

static const struct named_case cases[] = {
    CASE(claims), CASE(budgets), CASE(no_snapshot),
    CASE(bolt),   CASE(waiters), CASE(waiters_of_imports),
};

int main(int argc, char *argv[]) {
    const struct CMUnitTest others[] = {
        cmocka_unit_test_teardown(test_backup_everywhere, after_kind),
        cmocka_unit_test_teardown(test_backup_opens, after_kind),
        cmocka_unit_test_teardown(test_backup_of_empty, after_kind),
        cmocka_unit_test_teardown(test_long_key_first, after_kind),
        cmocka_unit_test_teardown(test_small_map, after_kind),
        cmocka_unit_test_teardown(test_own_file, after_kind),
        cmocka_unit_test_teardown(test_open_file, after_kind),
        cmocka_unit_test_teardown(test_other_serialization, after_kind),
        cmocka_unit_test_teardown(test_jsonl_everywhere, after_kind),
    };

    (void)argc;
    memset(large, '7', sizeof large);
    return run_cases(argv, cases, COUNT(cases), others, COUNT(others));
}
