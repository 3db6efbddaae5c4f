/*
 * replicas.c - a store on a master that has a replica: changes that wait for the replica, a
 * master that is one no more, and sentinels that name another
 */
#include "../items.h"
#include "../proxy.h"
#include "../server.h"

static struct server master, replica, sentinel;

static const char *const server_words[] = {"--repl-diskless-sync-delay", "0", NULL};

/* -- Servers ----------------------------------------------------------------------- */

static int start_servers(void **state) {
    char command[64];
    (void)state;

    if (!server_program())
        return 0;
    start_server(&master, server_words);
    start_server(&replica, server_words);
    snprintf(command, sizeof command, "REPLICAOF 127.0.0.1 %d", master.port);
    say_until(&replica, "+OK", command);
    say_until(&replica, "master_link_status:up", "INFO replication");
    return 0;
}

static int end_servers(void **state) {
    (void)state;

    end_server(&sentinel);
    end_server(&replica);
    end_server(&master);
    return 0;
}

static xkv_options options_of(char url[64], const char *name) {
    snprintf(url, 64, "redis://127.0.0.1:%d", master.port);
    return server_options(url, name);
}

static int try_set(struct client *client, xkv_bytes value) {
    int status = TRY(client, .op = XKV_OP_SET, .key = LIT("k"), .value = value);

    if (status != XKV_OK)
        print_message("%.*s\n", (int)client->reply.len, (const char *)client->reply.data);
    return status;
}

/* -- Waiting for replicas ------------------------------------------------------------- */

static _Atomic bool goes_on;

static void *go_on_soon(void *context) {
    (void)context;
    usleep(30000);
    goes_on = true;
    kill(replica.pid, SIGCONT);
    return NULL;
}

/* What is acknowledged is there: not before the replica can have it. */
static void test_a_change_waits_for_the_replica(void **state) {
    char url[64], value[32], wanted[40];
    struct client client;
    pthread_t thread;
    (void)state;

    NEED_SERVERS();
    xkv_options options = options_of(url, "waits");
    options.redis_replicas = 1;
    client_open(&client, &options, false);
    for (int i = 0; i < 20; i++) {
        int len = snprintf(value, sizeof value, "value-%d", i);
        snprintf(wanted, sizeof wanted, "%s\r\n", value);
        goes_on = false;
        kill(replica.pid, SIGSTOP);
        assert_int_equal(pthread_create(&thread, NULL, go_on_soon, NULL), 0);
        assert_int_equal(try_set(&client, bytes_of(value, (size_t)len)), XKV_OK);
        assert_true(goes_on);
        assert_non_null(strstr(say(&replica, "HGET xkv:{waits}:d k"), wanted));
        pthread_join(thread, NULL);
    }
    client_close(&client);
}

static void test_without_it_nobody_knows(void **state) {
    char url[64];
    struct client client;
    (void)state;

    NEED_SERVERS();
    xkv_options options = options_of(url, "unknown");
    options.redis_replicas = 1;
    options.redis_timeout_ms = 2000;
    client_open(&client, &options, false);
    assert_int_equal(try_set(&client, LIT("one")), XKV_OK);
    kill(replica.pid, SIGSTOP);
    uint64_t begin = clock_ms();
    assert_int_equal(try_set(&client, LIT("two")), XKV_E_OUTCOME_UNKNOWN);
    assert_true(answer_says(&client, "only 0 of 1 replicas"));
    assert_true(clock_ms() - begin < 1500);
    assert_int_equal(TRY(&client, .op = XKV_OP_GET, .key = LIT("k")), XKV_OK);
    assert_true(same_bytes(answer(&client), LIT("two")));
    kill(replica.pid, SIGCONT);
    assert_int_equal(try_set(&client, LIT("three")), XKV_OK);
    client_close(&client);
}

/* Many at once, answered together; with what they say. */
static void test_many_wait_together(void **state) {
    enum { MANY = 500 };
    char url[64];
    struct client client;
    xkv_completion done[64];
    xkv_reply reply;
    int64_t sum = 0;
    (void)state;

    NEED_SERVERS();
    xkv_options options = options_of(url, "many");
    options.redis_replicas = 1;
    client_open(&client, &options, true);
    xkv_reply_init(&reply, NULL, 0);
    for (uint64_t tag = 1; tag <= MANY; tag++) {
        xkv_command command = {.op = XKV_OP_INCREMENT_BY, .key = LIT("n"), .delta = 1};
        assert_int_equal(xkv_submit(client.store, &command, &reply, client.queue, tag),
                         XKV_PENDING);
    }
    for (size_t left = MANY, got; left > 0; left -= got) {
        got = xkv_completions(client.queue, done, 64, -1);
        for (size_t i = 0; i < got; i++) {
            assert_int_equal(done[i].reply.status, XKV_OK);
            assert_int_equal(done[i].reply.number, done[i].tag);
            sum += done[i].reply.number;
            xkv_reply_clear(&done[i].reply);
        }
    }
    assert_int_equal(sum, MANY * (MANY + 1) / 2);
    client_close(&client);
}

/* -- Masters that are none any more ------------------------------------------------------ */

static void *promote_soon(void *context) {
    (void)context;
    usleep(700000);
    return strstr(say(&master, "REPLICAOF NO ONE"), "OK") ? NULL : &master;
}

static int64_t reconnects_of(const struct client *client) {
    xkv_activity activity;
    char message[XKV_MESSAGE_SIZE];

    MUST(xkv_store_activity(client->store, &activity, message, sizeof message) == XKV_OK);
    return activity.reconnects;
}

static void test_a_demoted_master_is_left_and_found_again(void **state) {
    char url[64];
    struct client client;
    pthread_t thread;
    void *failed;
    (void)state;

    NEED_SERVERS();
    xkv_options options = options_of(url, "demoted");
    client_open(&client, &options, false);
    assert_int_equal(try_set(&client, LIT("one")), XKV_OK);
    say(&replica, "REPLICAOF NO ONE");
    say(&master, "REPLICAOF 127.0.0.1 %d", replica.port);
    say_until(&master, "master_link_status:up", "INFO replication");
    int64_t before = reconnects_of(&client);
    assert_int_equal(pthread_create(&thread, NULL, promote_soon, NULL), 0);
    assert_int_equal(try_set(&client, LIT("two")), XKV_OK);
    pthread_join(thread, &failed);
    assert_null(failed);
    assert_true(before + reconnects_of(&client) > 0);
    client_close(&client);
    say(&replica, "REPLICAOF 127.0.0.1 %d", master.port);
    say_until(&replica, "master_link_status:up", "INFO replication");
}

/* -- Replicas that lag ------------------------------------------------------------------- */

/* A master of its own, and a replica that has what it says through a proxy. */
struct pair {
    struct server first, second;
    struct proxy between;
    char url[96];
};

static void pair_begin(struct pair *pair) {
    char command[64];

    start_server(&pair->first, server_words);
    start_server(&pair->second, server_words);
    proxy_start(&pair->between, pair->first.port);
    snprintf(command, sizeof command, "REPLICAOF 127.0.0.1 %d", pair->between.port);
    say_until(&pair->second, "+OK", command);
    say_until(&pair->second, "master_link_status:up", "INFO replication");
    snprintf(pair->url, sizeof pair->url, "redis://127.0.0.1:%d,127.0.0.1:%d", pair->first.port,
             pair->second.port);
}

static void pair_end(struct pair *pair) {
    end_server(&pair->first);
    end_server(&pair->second);
    proxy_end(&pair->between);
}

/* From now on the replica hears nothing, though its connection is there. */
static void pair_lag(struct pair *pair) {
    proxy_rule(&pair->between, (struct rule){.harm = STALLS, .direction = TO_CLIENT});
    say_until(&pair->first, "+PONG", "PING");
}

static void pair_fail_over(struct pair *pair) {
    end_server(&pair->first);
    say_until(&pair->second, "+OK", "REPLICAOF NO ONE");
}

static struct ticket claim_at(struct client *client, xkv_bytes key) {
    struct ticket ticket = {.token = 0};

    assert_int_equal(TRY(client, .op = XKV_OP_SET, .key = key, .value = LIT("v")), XKV_OK);
    assert_int_equal(TRY(client, .op = XKV_OP_CLAIM_KEY, .key = key, .ttl_ms = 600000), XKV_OK);
    assert_true(take_ticket(client, &ticket));
    return ticket;
}

static bool release(struct client *client, const struct ticket *ticket) {
    assert_int_equal(do_ticket(client, XKV_OP_RELEASE_CLAIM, ticket, 0), XKV_OK);
    return client->reply.number != 0;
}

/* A claim that the replica never heard of is nobody's there; who claims after it has a larger token
 * than whoever claimed before. */
static void test_claims_after_a_failover_to_one_that_lags(void **state) {
    static struct pair pair;
    struct client client;
    (void)state;

    NEED_SERVERS();
    pair_begin(&pair);
    xkv_options options = server_options(pair.url, "lags");
    client_open(&client, &options, false);
    struct ticket known = claim_at(&client, LIT("known"));
    say_until(&pair.second, known.key, "HKEYS xkv:{lags}:o");
    assert_int_equal(TRY(&client, .op = XKV_OP_SET, .key = LIT("free"), .value = LIT("v")), XKV_OK);
    say_until(&pair.second, "free", "HKEYS xkv:{lags}:d");
    pair_lag(&pair);
    struct ticket unheard = claim_at(&client, LIT("free")), last = {.token = 0};
    for (int i = 0; i < 50; i++)
        last = claim_at(&client, xkv_text((const char[]){(char)('A' + i), 0}));
    assert_true(last.token > unheard.token && unheard.token > known.token);
    assert_null(strstr(say(&pair.second, "HKEYS xkv:{lags}:o"), "free"));

    pair_fail_over(&pair);
    assert_false(release(&client, &unheard));
    assert_false(release(&client, &last));
    struct ticket anew = claim_at(&client, LIT("free"));
    assert_true(anew.token > last.token);
    assert_false(release(&client, &unheard));
    assert_true(release(&client, &anew));
    assert_true(release(&client, &known)); /* which it has heard of */
    client_close(&client);
    pair_end(&pair);
}

/* What was acknowledged when the replica had it is there, and what was not may be. */
static void test_waiting_for_replicas_outlasts_a_failover(void **state) {
    enum { HEARD = 200, UNHEARD = 3 };
    static struct pair pair;
    struct client client;
    char key[16];
    (void)state;

    NEED_SERVERS();
    pair_begin(&pair);
    xkv_options options = server_options(pair.url, "waits");
    options.redis_replicas = 1;
    options.redis_timeout_ms = 8000; /* of which replicas have a quarter */
    client_open(&client, &options, false);
    for (int i = 0; i < HEARD + UNHEARD; i++) {
        if (i == HEARD)
            pair_lag(&pair);
        snprintf(key, sizeof key, "%03d", i);
        int status = TRY(&client, .op = XKV_OP_SET, .key = xkv_text(key), .value = LIT("v"));
        assert_int_equal(status, i < HEARD ? XKV_OK : XKV_E_OUTCOME_UNKNOWN);
    }
    pair_fail_over(&pair);
    for (int i = 0; i < HEARD; i++) {
        snprintf(key, sizeof key, "%03d", i);
        assert_int_equal(TRY(&client, .op = XKV_OP_GET, .key = xkv_text(key)), XKV_OK);
    }
    assert_int_equal(TRY(&client, .op = XKV_OP_SIZE), XKV_OK);
    assert_in_range(client.reply.number, HEARD, HEARD + UNHEARD);
    client_close(&client);
    pair_end(&pair);
}

/* -- Sentinels ----------------------------------------------------------------------------- */

static _Noreturn void run_sentinel(int port) {
    char conf[PATH_SIZE];

    FILE *file = fopen(test_path(conf, "sentinel.conf"), "w");
    fprintf(file,
            "port %d\nbind 127.0.0.1\ndir %s\nlogfile %s/sentinel.log\n"
            "sentinel monitor main 127.0.0.1 %d 1\n"
            "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 5000\n",
            port, test.directory, test.directory, master.port);
    fclose(file);
    end_with_parent();
    execl(server_program(), server_program(), conf, "--sentinel", (char *)NULL);
    _exit(127);
}

static void start_sentinel(void) {
    char wanted[32];

    sentinel.port = master.port + 1;
    sentinel.pid = fork();
    MUST(sentinel.pid >= 0);
    if (sentinel.pid == 0)
        run_sentinel(sentinel.port);
    MUST(is_up(&sentinel));
    snprintf(wanted, sizeof wanted, "%d", replica.port);
    say_until(&sentinel, wanted, "SENTINEL replicas main");
}

static void test_sentinels_name_the_master(void **state) {
    char url[128], wanted[32];
    struct client client;
    (void)state;

    NEED_SERVERS();
    start_sentinel();
    snprintf(url, sizeof url, "redis+sentinel://127.0.0.1:1,127.0.0.1:%d/main", sentinel.port);
    xkv_options options = server_options(url, "named");
    options.redis_timeout_ms = 30000;
    client_open(&client, &options, false);
    assert_int_equal(try_set(&client, LIT("one")), XKV_OK);

    /* As somebody asks for it: both are there. */
    snprintf(wanted, sizeof wanted, "%d", replica.port);
    say_until(&sentinel, "+OK", "SENTINEL FAILOVER main");
    say_until(&sentinel, wanted, "SENTINEL get-master-addr-by-name main");
    say_until(&master, "role:slave", "INFO replication");
    int status = try_set(&client, LIT("two"));
    assert_true(status == XKV_OK || status == XKV_E_OUTCOME_UNKNOWN);
    assert_int_equal(try_set(&client, LIT("three")), XKV_OK);
    assert_non_null(strstr(say(&replica, "HGET xkv:{named}:d k"), "three"));

    /* As it happens: the master is gone. */
    say_until(&master, "master_link_status:up", "INFO replication");
    end_server(&replica);
    status = try_set(&client, LIT("four"));
    assert_true(status == XKV_OK || status == XKV_E_OUTCOME_UNKNOWN);
    assert_int_equal(try_set(&client, LIT("five")), XKV_OK);
    assert_non_null(strstr(say(&master, "HGET xkv:{named}:d k"), "five"));
    client_close(&client);
}

static void test_sentinels_know_no_such_master(void **state) {
    char url[128], message[XKV_MESSAGE_SIZE];
    xkv_store *store;
    (void)state;

    NEED_SERVERS();
    snprintf(url, sizeof url, "redis+sentinel://127.0.0.1:%d/other", sentinel.port);
    xkv_options options = server_options(url, "named");
    uint64_t begin = clock_ms();
    assert_int_equal(xkv_open(&options, &store, message, sizeof message), XKV_E_SERVER_UNAVAILABLE);
    assert_non_null(strstr(message, "knows no master of the name \"other\""));
    assert_true(clock_ms() - begin < 2000);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_change_waits_for_the_replica),
        cmocka_unit_test(test_without_it_nobody_knows),
        cmocka_unit_test(test_many_wait_together),
        cmocka_unit_test(test_a_demoted_master_is_left_and_found_again),
        cmocka_unit_test(test_claims_after_a_failover_to_one_that_lags),
        cmocka_unit_test(test_waiting_for_replicas_outlasts_a_failover),
        cmocka_unit_test(test_sentinels_name_the_master),
        cmocka_unit_test(test_sentinels_know_no_such_master),
    };
    (void)argc;

    test_begin(argv);
    srand((unsigned)test.seed);
    return test_end(cmocka_run_group_tests(tests, start_servers, end_servers));
}
