/*
 * servers.c - what becomes of commands when connections and servers fail
 *
 * The rule for all of it: what was acknowledged is there, what was refused is not, and what
 * nobody knows (XKV_E_OUTCOME_UNKNOWN) was done once or not at all. Runs beside a server of its own
 * (../server.h), and does nothing where there is no program for one.
 */
#include "../clock.h"
#include "../items.h"
#include "../proxy.h"
#include "../server.h"

static struct server server;

static void open_at(struct client *client, uint16_t port, const char *name, int64_t timeout_ms) {
    char url[64];
    xkv_options options = server_options(url, name);

    snprintf(url, sizeof url, "redis://127.0.0.1:%d", port);
    options.redis_timeout_ms = timeout_ms;
    client_open(client, &options, false);
}

static int64_t number_at(struct client *client, const char *key) {
    char text[32] = "";

    if (do_get(client, xkv_text(key)) == XKV_E_KEY_NOT_FOUND)
        return 0;
    assert_int_equal(told(client), XKV_OK);
    memcpy(text, client->reply.data, client->reply.len);
    return strtoll(text, NULL, 10);
}

static int64_t size_of_store(struct client *client) {
    assert_int_equal(do_plain(client, XKV_OP_SIZE), XKV_OK);
    return client->reply.number;
}

static int increment(struct client *client) {
    return RUN(client, .op = XKV_OP_INCREMENT_BY, .key = LIT("n"), .delta = 1);
}

/* -- Cuts ---------------------------------------------------------------------------- */

/* A store seen through a proxy, and beside it. */
struct scene {
    struct proxy proxy;
    struct client through, beside;
};

static void scene_begin(struct scene *scene, const char *name, int64_t timeout_ms) {
    proxy_start(&scene->proxy, server.port);
    open_at(&scene->through, scene->proxy.port, name, timeout_ms);
    open_at(&scene->beside, server.port, name, 5000);
}

static void scene_end(struct scene *scene) {
    client_close(&scene->through);
    client_close(&scene->beside);
    proxy_end(&scene->proxy);
}

/* How many bytes a command has in a direction. */
static uint64_t measure(struct scene *scene, enum direction direction,
                        int (*run)(struct client *client)) {
    run(&scene->through);
    proxy_rule(&scene->proxy, (struct rule){.harm = NO_HARM});
    assert_int_equal(run(&scene->through), XKV_OK);
    return proxy_carried(&scene->proxy, direction);
}

/* The next command is to be cut, and not what makes the connection again after the last cut. */
static void set_rule(struct scene *scene, struct rule rule) {
    assert_int_equal(do_exists(&scene->through, LIT("settled")), XKV_OK);
    proxy_rule(&scene->proxy, rule);
}

/* A counter goes up by one if that is acknowledged, and by one or none if it is unknown. */
static void cut_increment(struct scene *scene, struct rule rule, uint64_t whole) {
    int64_t before = number_at(&scene->beside, "n");

    set_rule(scene, rule);
    int status = increment(&scene->through);
    int64_t done = number_at(&scene->beside, "n") - before;
    if (status == XKV_OK)
        assert_int_equal(done, 1);
    else
        assert_int_equal(status, XKV_E_OUTCOME_UNKNOWN);
    if (rule.after < whole) /* all was sent, and the answer did not come */
        assert_int_equal(status, XKV_E_OUTCOME_UNKNOWN);
    if (status != XKV_OK && rule.direction == TO_SERVER && rule.after < whole)
        assert_int_equal(done, 0); /* the server has never had it */
    if (status != XKV_OK && rule.direction == TO_CLIENT)
        assert_int_equal(done, 1);
    assert_true(proxy_has_harmed(&scene->proxy));
}

static void test_increment_is_cut(void **state) {
    static struct scene scene;

    (void)state;
    scene_begin(&scene, "increment", 5000);
    for (int direction = TO_SERVER; direction <= TO_CLIENT; direction++) {
        uint64_t whole = measure(&scene, (enum direction)direction, increment);
        assert_true(whole > 0);
        for (uint64_t n = 0; n <= whole; n++)
            cut_increment(
                &scene,
                (struct rule){.harm = CUTS, .direction = (enum direction)direction, .after = n},
                whole);
    }
    scene_end(&scene);
}

static int get(struct client *client) {
    return do_get(client, LIT("key"));
}

/* What changes nothing is asked again, and its answer is right. */
static void test_get_is_cut(void **state) {
    static struct scene scene;

    (void)state;
    scene_begin(&scene, "get", 5000);
    assert_int_equal(do_set(&scene.beside, LIT("key"), LIT("the value of it")), XKV_OK);
    for (int direction = TO_SERVER; direction <= TO_CLIENT; direction++) {
        uint64_t whole = measure(&scene, (enum direction)direction, get);
        for (uint64_t n = 0; n <= whole; n++) {
            set_rule(&scene, (struct rule){
                                 .harm = CUTS, .direction = (enum direction)direction, .after = n});
            get(&scene.through);
            assert_int_equal(told(&scene.through), XKV_OK);
            assert_true(same_bytes(answer(&scene.through), LIT("the value of it")));
        }
    }
    scene_end(&scene);
}

/* What the client cannot have sent whole was not done, and is sent again. */
static void test_part_of_a_command(void **state) {
    enum { SIZE = 32 << 20 };
    static struct scene scene;
    char *value = malloc(SIZE);

    (void)state;
    MUST(value);
    memset(value, 'v', SIZE);
    scene_begin(&scene, "part", 20000);
    for (uint64_t n = 1; n < 100000; n *= 10) {
        set_rule(&scene, (struct rule){.harm = CUTS, .direction = TO_SERVER, .after = n});
        do_set(&scene.through, LIT("large"), bytes_of(value, SIZE));
        assert_int_equal(told(&scene.through), XKV_OK);
        assert_true(proxy_has_harmed(&scene.proxy));
        assert_int_equal(do_get(&scene.beside, LIT("large")), XKV_OK);
        assert_int_equal(scene.beside.reply.len, SIZE);
    }
    scene_end(&scene);
    free(value);
}

static int pop(struct client *client) {
    return do_prefix(client, XKV_OP_POP_RANDOM, NOTHING);
}

/* Between sending and the answer: the key is gone once, or not. */
static void test_pop_is_cut(void **state) {
    static struct scene scene;
    char key[16];

    (void)state;
    scene_begin(&scene, "pop", 5000);
    for (int i = 0; i < 600; i++) {
        snprintf(key, sizeof key, "k%03d", i); /* answers of one length */
        assert_int_equal(do_set(&scene.beside, xkv_text(key), LIT("v")), XKV_OK);
    }
    uint64_t whole = measure(&scene, TO_CLIENT, pop);
    for (uint64_t n = 0; n < whole; n++) {
        int64_t before = size_of_store(&scene.beside);
        set_rule(&scene, (struct rule){.harm = CUTS, .direction = TO_CLIENT, .after = n});
        if (pop(&scene.through) != XKV_E_OUTCOME_UNKNOWN)
            fail_msg("cut behind byte %d of %d: %s", (int)n, (int)whole,
                     xkv_error_name(scene.through.reply.status));
        assert_int_equal(size_of_store(&scene.beside), before - 1);
    }
    scene_end(&scene);
}

/* Replies that come in pieces of one byte are the same replies. */
static void test_byte_by_byte(void **state) {
    static struct scene scene;

    (void)state;
    scene_begin(&scene, "bytes", 5000);
    proxy_rule(&scene.proxy, (struct rule){.harm = NO_HARM, .byte_by_byte = true});
    for (int64_t i = 1; i <= 50; i++) {
        assert_int_equal(increment(&scene.through), XKV_OK);
        assert_int_equal(number_at(&scene.through, "n"), i);
    }
    scene_end(&scene);
}

/* -- Servers that do not answer ------------------------------------------------------ */

/* Longer than the longest pause between two attempts to connect. */
enum { TIMEOUT_MS = SANITIZED ? 4000 : 2000 };

/* The error comes when the time is over, and a tenth of it later at most. */
static void assert_times_out(struct client *client, int (*run)(struct client *client),
                             int expected) {
    uint64_t start = clock_ms(), timeout = TIMEOUT_MS;

    assert_int_equal(run(client), expected);
    uint64_t took = clock_ms() - start;
    if (took < timeout - timeout / 50 || took > timeout + timeout / 10)
        fail_msg("the error came after %" PRIu64 " ms instead of %" PRIu64, took, timeout);
}

static void test_slow_server(void **state) {
    static struct scene scene;

    (void)state;
    scene_begin(&scene, "slow", TIMEOUT_MS);
    proxy_rule(&scene.proxy, (struct rule){.harm = STALLS, .direction = TO_CLIENT, .after = 0});
    assert_times_out(&scene.through, increment, XKV_E_OUTCOME_UNKNOWN);
    for (int tries = 0; do_set(&scene.through, LIT("key"), LIT("v")) != XKV_OK; tries++)
        assert_true(tries < 4); /* until the connection is taken for dead, and another made */
    proxy_rule(&scene.proxy, (struct rule){.harm = STALLS, .direction = TO_CLIENT, .after = 0});
    assert_times_out(&scene.through, get, XKV_E_SERVER_UNAVAILABLE);
    scene_end(&scene);
}

static void test_no_server(void **state) {
    static struct scene scene;

    (void)state;
    scene_begin(&scene, "refused", TIMEOUT_MS);
    assert_int_equal(do_set(&scene.through, LIT("key"), LIT("v")), XKV_OK);
    scene.proxy.refuses = true;
    proxy_rule(&scene.proxy, (struct rule){.harm = CUTS, .direction = TO_SERVER, .after = 0});
    assert_times_out(&scene.through, get, XKV_E_SERVER_UNAVAILABLE);
    assert_times_out(&scene.through, increment, XKV_E_SERVER_UNAVAILABLE); /* it was never sent */
    scene.proxy.refuses = false;
    assert_int_equal(do_get(&scene.through, LIT("key")), XKV_OK);
    scene_end(&scene);
}

/* -- Many in flight ------------------------------------------------------------------ */

enum { IN_FLIGHT = 50 };

static void submit_increments(xkv_store *store, xkv_queue *queue) {
    xkv_command command = {.op = XKV_OP_INCREMENT_BY, .key = LIT("n"), .delta = 1};
    xkv_reply reply;

    xkv_reply_init(&reply, NULL, 0);
    for (uint64_t i = 0; i < IN_FLIGHT; i++)
        MUST(xkv_submit(store, &command, &reply, queue, i) == XKV_PENDING);
}

/* How many of them were acknowledged, and of how many nothing is known. */
static void collect(xkv_queue *queue, int64_t *done, int64_t *unknown) {
    xkv_completion completion;

    for (int i = 0; i < IN_FLIGHT; i++) {
        assert_int_equal(xkv_completions(queue, &completion, 1, 30000), 1);
        if (completion.reply.status == XKV_E_OUTCOME_UNKNOWN)
            ++*unknown;
        else if (completion.reply.status == XKV_OK)
            ++*done;
        else
            fail_msg("%s", xkv_error_name(completion.reply.status));
        xkv_reply_clear(&completion.reply);
    }
}

static void disturb(const char *name, const char *command, bool may_be_unknown) {
    struct client client;
    xkv_queue *queue = xkv_queue_new();
    int64_t done = 0, unknown = 0;

    MUST(queue);
    open_at(&client, server.port, name, 5000);
    for (int round = 0; round < 40; round++) {
        submit_increments(client.store, queue);
        say(&server, "%s", command);
        collect(queue, &done, &unknown);
    }
    int64_t count = number_at(&client, "n");
    printf("%s: %" PRId64 " done, %" PRId64 " unknown, counted %" PRId64 "\n", command, done,
           unknown, count);
    assert_true(count >= done && count <= done + unknown);
    assert_true(may_be_unknown || unknown == 0);
    client_close(&client);
    xkv_queue_free(queue);
}

static void test_scripts_are_flushed(void **state) {
    (void)state;
    disturb("flushed scripts", "SCRIPT FLUSH", false);
}

static void test_clients_are_killed(void **state) {
    (void)state;
    disturb("killed", "CLIENT KILL TYPE normal", true);
}

/* What one handle brings without waiting takes effect in that order all the same. */
static void test_order_while_scripts_are_flushed(void **state) {
    struct client client;
    xkv_queue *queue = xkv_queue_new();
    xkv_completion done;
    xkv_reply reply;
    char value[16] = "";

    (void)state;
    MUST(queue);
    xkv_reply_init(&reply, NULL, 0);
    open_at(&client, server.port, "order", 5000);
    for (int round = 0; round < 60; round++) {
        for (uint64_t i = 0; i < IN_FLIGHT; i++) {
            if (i == (uint64_t)round % IN_FLIGHT)
                say(&server, "SCRIPT FLUSH");
            snprintf(value, sizeof value, "%d", (int)i);
            xkv_command set = {.op = XKV_OP_SET, .key = LIT("n"), .value = xkv_text(value)};
            MUST(xkv_submit(client.store, &set, &reply, queue, i) == XKV_PENDING);
        }
        for (int i = 0; i < IN_FLIGHT; i++) {
            assert_int_equal(xkv_completions(queue, &done, 1, 30000), 1);
            assert_int_equal(done.reply.status, XKV_OK);
            xkv_reply_clear(&done.reply);
        }
        assert_int_equal(number_at(&client, "n"), IN_FLIGHT - 1);
    }
    client_close(&client);
    xkv_queue_free(queue);
}

/* -- Stores that vanish ----------------------------------------------------------------- */

static int64_t claim_token(struct client *client) {
    struct ticket ticket = {.token = 0};

    assert_int_equal(do_set(client, LIT("claimed"), LIT("v")), XKV_OK);
    assert_int_equal(do_key(client, XKV_OP_CLAIM_KEY, LIT("claimed")), XKV_OK);
    assert_true(take_ticket(client, &ticket));
    return ticket.token;
}

static void assert_lost(struct client *client) {
    assert_int_equal(do_get(client, LIT("claimed")), XKV_E_STORE_LOST);
    assert_int_equal(do_set(client, LIT("claimed"), LIT("v")), XKV_E_STORE_LOST);
    assert_int_equal(increment(client), XKV_E_STORE_LOST);
    assert_int_equal(pop(client), XKV_E_STORE_LOST);
    assert_int_equal(do_plain(client, XKV_OP_SIZE), XKV_E_STORE_LOST);
    assert_int_equal(do_list(client, NOTHING, 0), XKV_E_STORE_LOST);
}

/* Whoever opens it anew has a new store, whose tokens are larger. */
static void assert_begins_anew(struct client *client, const char *name, int64_t token) {
    client_close(client);
    open_at(client, server.port, name, 5000);
    assert_int_equal(size_of_store(client), 0);
    assert_true(claim_token(client) > token);
    client_close(client);
}

static void test_flushed_server(void **state) {
    struct client client;

    (void)state;
    open_at(&client, server.port, "flushed", 5000);
    int64_t token = claim_token(&client);
    say(&server, "FLUSHALL");
    assert_lost(&client);
    assert_begins_anew(&client, "flushed", token);
}

static void test_restart_without_persistence(void **state) {
    struct client client;

    (void)state;
    open_at(&client, server.port, "forgotten", 5000);
    int64_t token = claim_token(&client);
    start_again(&server);
    assert_lost(&client);
    assert_begins_anew(&client, "forgotten", token);
}

/* While it loads what it has saved, it is waited for. */
static void test_restart_with_persistence(void **state) {
    struct server slow;
    struct client client;

    (void)state;
    start_server(&slow, SERVER_LINES("--key-load-delay", "300", "--enable-debug-command", "yes"));
    open_at(&client, slow.port, "kept", 10000);
    assert_non_null(strstr(say(&slow, "DEBUG POPULATE 3000"), "OK")); /* takes a second */
    assert_int_equal(do_set(&client, LIT("kept"), LIT("v")), XKV_OK);
    assert_non_null(strstr(say(&slow, "SAVE"), "OK"));
    start_again(&slow);
    do_get(&client, LIT("kept"));
    assert_int_equal(told(&client), XKV_OK);
    assert_true(same_bytes(answer(&client), LIT("v")));
    client_close(&client);
    end_server(&slow);
}

/* -- Servers that refuse ----------------------------------------------------------------- */

/* Nothing is half done, and what makes room works. */
static void test_full_server(void **state) {
    struct client client;

    (void)state;
    open_at(&client, server.port, "full", 5000);
    assert_int_equal(do_set(&client, LIT("a"), LIT("1")), XKV_OK);
    assert_int_equal(do_set(&client, LIT("b"), LIT("1")), XKV_OK);
    say(&server, "CONFIG SET maxmemory 1");
    assert_int_equal(do_set(&client, LIT("c"), LIT("1")), XKV_E_STORE_FULL);
    assert_int_equal(do_list_of(&client, XKV_OP_SET_MANY, ENTRIES("c", "1", "d", "1")),
                     XKV_E_STORE_FULL);
    assert_int_equal(do_key(&client, XKV_OP_CLAIM_KEY, LIT("a")), XKV_E_STORE_FULL);
    assert_int_equal(increment(&client), XKV_E_STORE_FULL);
    assert_int_equal(do_get(&client, LIT("a")), XKV_OK);
    assert_int_equal(do_delete(&client, LIT("b")), XKV_OK);
    assert_int_equal(client.reply.number, 1);
    say(&server, "CONFIG SET maxmemory 0");
    assert_int_equal(size_of_store(&client), 1);
    assert_int_equal(do_list(&client, NOTHING, 0), XKV_OK);
    assert_int_equal(client.reply.number, 1);
    assert_int_equal(do_key(&client, XKV_OP_CLAIM_KEY, LIT("a")), XKV_OK);
    assert_int_equal(client.reply.number, 1);
    client_close(&client);
}

static void test_wrong_password(void **state) {
    struct server locked;
    char url[96], message[XKV_MESSAGE_SIZE] = "";
    xkv_options options = server_options(url, "locked");
    xkv_store *store;

    (void)state;
    start_server(&locked, no_words);
    assert_non_null(strstr(say(&locked, "CONFIG SET requirepass sesame"), "OK"));
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", locked.port);
    assert_int_not_equal(xkv_open(&options, &store, message, sizeof message), XKV_OK);
    uint64_t start = clock_ms();
    snprintf(url, sizeof url, "redis://:barley@127.0.0.1:%d", locked.port);
    assert_int_not_equal(xkv_open(&options, &store, message, sizeof message), XKV_OK);
    assert_true(clock_ms() - start < 2000); /* it will be wrong in five seconds, too */
    assert_null(strstr(message, "barley"));
    assert_non_null(strstr(message, "password"));
    snprintf(url, sizeof url, "redis://:sesame@127.0.0.1:%d", locked.port);
    xkv_close(must_open(&options));
    end_server(&locked);
}

/* A user who may not do all that stores need is told what to ask for, and not who he is. */
static void assert_user_is_told(const char *rules, const char *says) {
    char url[96], message[XKV_MESSAGE_SIZE] = "";
    xkv_options options = server_options(url, "users");
    struct client client = {.store = NULL};

    assert_non_null(strstr(say(&server, "ACL SETUSER ann reset on >sesame %s", rules), "OK"));
    snprintf(url, sizeof url, "redis://ann:sesame@127.0.0.1:%d", server.port);
    if (xkv_open(&options, &client.store, message, sizeof message) == XKV_OK) {
        xkv_reply_init(&client.reply, NULL, 0);
        assert_int_equal(do_key(&client, XKV_OP_CLAIM_KEY, LIT("n")), XKV_E_SERVER_UNAVAILABLE);
        snprintf(message, sizeof message, "%.*s", (int)client.reply.len,
                 (const char *)client.reply.data);
    }
    if (!strstr(message, says) || !strstr(message, "+@hash") || strstr(message, "ann"))
        fail_msg("%s: %s", rules, message);
    client_close(&client);
}

static void test_users_who_may_not(void **state) {
    bool is_valkey = strstr(say(&server, "INFO server"), "valkey_version");

    (void)state;
    assert_user_is_told("~xkv:* +@all -hset", is_valkey ? "run hset" : "run a command");
    assert_user_is_told("~xkv:* +@all -time", is_valkey ? "run time" : "run a command");
    assert_user_is_told("~xkv:* +@all -info", "run info");
    assert_user_is_told("~xkv:* +@all -script", "run script");
    assert_user_is_told("~xyz:* +@all", "use the store's keys");
    say(&server, "ACL DELUSER ann");
}

/* -- Edges ------------------------------------------------------------------------------------ */

/* Whatever stands there, a server counts as memory does. */
static void test_increments_as_in_memory(void **state) {
    static const char *const values[] = {"0",
                                         "-0",
                                         "007",
                                         "\"7\"",
                                         " 7",
                                         "7 ",
                                         "+7",
                                         "",
                                         "7.0",
                                         "1e3",
                                         "-",
                                         "x",
                                         "9223372036854775807",
                                         "-9223372036854775808",
                                         "9223372036854775808",
                                         "9007199254740991",
                                         "-9007199254740991",
                                         "9007199254740992"};
    static const int64_t deltas[] = {1, -1, 0, 9007199254740991, -9007199254740991};
    xkv_options memory = memory_options("increments");
    struct client one, other;

    (void)state;
    memory.serialization = XKV_STRING;
    client_open(&one, &memory, false);
    open_at(&other, server.port, "increments", 5000);
    for (size_t i = 0; i < COUNT(values) * COUNT(deltas); i++) {
        xkv_command command = {
            .op = XKV_OP_INCREMENT_BY, .key = LIT("n"), .delta = deltas[i % COUNT(deltas)]};
        xkv_bytes value = xkv_text(values[i / COUNT(deltas)]);
        do_set(&one, LIT("n"), value);
        do_set(&other, LIT("n"), value);
        int expected = client_run(&one, &command);
        if (client_run(&other, &command) != expected || one.reply.number != other.reply.number)
            fail_msg("\"%s\" and %" PRId64 ": %s, in memory %s", values[i / COUNT(deltas)],
                     command.delta, xkv_error_name(other.reply.status), xkv_error_name(expected));
        assert_true(expected != XKV_OK || same_bytes(answer(&one), answer(&other)));
        do_get(&one, LIT("n"));
        do_get(&other, LIT("n"));
        assert_true(same_bytes(answer(&one), answer(&other)));
    }
    client_close(&one);
    client_close(&other);
}

static void test_keys(void **state) {
    static char longest[XKV_KEY_MAX];
    const xkv_bytes keys[] = {LIT("a\0b"),
                              LIT("{a}b"),
                              LIT("}{"),
                              LIT("{}"),
                              LIT("a\xF4\x8F\xBF\xBFz"),
                              bytes_of(longest, sizeof longest)};
    const xkv_bytes prefixes[] = {LIT("a\0"),
                                  LIT("{a"),
                                  LIT("}"),
                                  LIT("{}"),
                                  LIT("a\xF4\x8F\xBF\xBF"),
                                  bytes_of(longest, XKV_KEY_MAX - 1)};
    struct client client;

    (void)state;
    memset(longest, 'k', sizeof longest);
    open_at(&client, server.port, "keys {of} a }store{", 5000);
    for (size_t i = 0; i < COUNT(keys); i++)
        assert_int_equal(do_set(&client, keys[i], keys[i]), XKV_OK);
    for (size_t i = 0; i < COUNT(keys); i++) {
        assert_int_equal(do_get(&client, keys[i]), XKV_OK);
        assert_true(same_bytes(answer(&client), keys[i]));
        assert_int_equal(do_prefix(&client, XKV_OP_COUNT, prefixes[i]), XKV_OK);
        assert_int_equal(client.reply.number, 1);
        assert_int_equal(do_random(&client, prefixes[i]), XKV_OK);
        assert_true(same_bytes(answer(&client), keys[i]));
    }
    assert_int_equal(size_of_store(&client), COUNT(keys));
    client_close(&client);
}

/* Many entries at once, none at all, and claims that all end at once. */
static void test_very_many(void **state) {
    enum { MANY = SANITIZED ? 20000 : 100000 };
    xkv_items items = NO_ITEMS;
    struct client client;
    char key[16];

    (void)state;
    if (!getenv("XKV_SERVER_CLOCK"))
        skip(); /* the time cannot be told to pass */
    clocks_stop();
    xkv_options options = server_options(server_url(), "many");
    options.redis_timeout_ms = 20000;
    client_open(&client, &options, false);
    for (int i = 0; i < MANY; i++) {
        snprintf(key, sizeof key, "k%06d", i);
        items_add(&items, xkv_text(key), LIT("v"));
    }
    assert_int_equal(do_list_of(&client, XKV_OP_SET_MANY, items), XKV_OK);
    assert_int_equal(size_of_store(&client), MANY);
    assert_int_equal(do_list_of(&client, XKV_OP_GET_MANY, NO_ITEMS), XKV_OK);
    for (int64_t held = 0; held < MANY; held += client.reply.number) {
        RUN(&client, .op = XKV_OP_CLAIM_RANDOM_MANY, .count = 10000, .ttl_ms = 1000);
        assert_int_equal(told(&client), XKV_OK);
        assert_true(client.reply.number > 0);
    }
    assert_int_equal(do_prefix(&client, XKV_OP_CLAIM_RANDOM, NOTHING), XKV_OK);
    assert_int_equal(client.reply.number, 0); /* all are held */
    clocks_pass(1000);
    uint64_t start = clock_ms();
    assert_int_equal(do_prefix(&client, XKV_OP_CLAIM_RANDOM, NOTHING), XKV_OK);
    assert_int_equal(client.reply.number, 1);
    printf("the first claim after %d have expired: %" PRIu64 " ms\n", MANY, clock_ms() - start);
    client_close(&client);
}

/* Whatever became of the case: others tell the time. */
static int let_time_go(void **state) {
    (void)state;
    clocks_go();
    return 0;
}

/* Who asks for another kind of values is told so. */
static void test_other_options(void **state) {
    char message[XKV_MESSAGE_SIZE] = "", url[64];
    xkv_options options = server_options(url, "options");
    struct client client;
    xkv_store *store;

    (void)state;
    open_at(&client, server.port, "options", 5000);
    snprintf(url, sizeof url, "redis://localhost:%d", server.port); /* as from another process */
    options.serialization = XKV_JSON;
    assert_int_equal(xkv_open(&options, &store, message, sizeof message), XKV_E_OPTIONS_CONFLICT);
    assert_non_null(strstr(message, "serialization"));
    client_close(&client);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_increment_is_cut),
        cmocka_unit_test(test_get_is_cut),
        cmocka_unit_test(test_part_of_a_command),
        cmocka_unit_test(test_pop_is_cut),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_slow_server),
        cmocka_unit_test(test_no_server),
        cmocka_unit_test(test_scripts_are_flushed),
        cmocka_unit_test(test_clients_are_killed),
        cmocka_unit_test(test_order_while_scripts_are_flushed),
        cmocka_unit_test(test_full_server),
        cmocka_unit_test(test_wrong_password),
        cmocka_unit_test(test_users_who_may_not),
        cmocka_unit_test(test_increments_as_in_memory),
        cmocka_unit_test(test_keys),
        cmocka_unit_test_teardown(test_very_many, let_time_go),
        cmocka_unit_test(test_other_options),
        cmocka_unit_test(test_restart_with_persistence),
        cmocka_unit_test(test_flushed_server),
        cmocka_unit_test(test_restart_without_persistence),
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
