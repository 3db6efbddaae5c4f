/*
 * replicas.c - a store on a master that has a replica: changes that wait for the replica, a
 * master that is one no more, and sentinels that name another
 */
#include "../server.h"

#include <pthread.h>

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
        cmocka_unit_test(test_sentinels_name_the_master),
        cmocka_unit_test(test_sentinels_know_no_such_master),
    };
    (void)argc;

    test_begin(argv);
    srand((unsigned)test.seed);
    return test_end(cmocka_run_group_tests(tests, start_servers, end_servers));
}
