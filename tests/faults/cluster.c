/*
 * cluster.c - a store on a cluster whose slots move and whose masters fail, under writes that
 * nobody awaits: all are done, once, and in their order
 */
#include "../items.h"
#include "../server.h"

#include <pthread.h>

enum { MASTERS = 3, NODES = MASTERS + 1, WRITERS = 4, BATCH = 20, MIGRATIONS = 12 };

static struct server nodes[NODES]; /* the last is a replica, for whoever needs one */

static const char *const node_words[] = {"--cluster-enabled",
                                         "yes",
                                         "--cluster-config-file",
                                         "nodes.conf",
                                         "--cluster-node-timeout",
                                         "2000",
                                         "--repl-diskless-sync-delay",
                                         "0",
                                         NULL};

/* -- The cluster ------------------------------------------------------------------- */

/* The id of a node. */
static void id_of(const struct server *node, char out[64]) {
    const char *text = strchr(say(node, "CLUSTER MYID"), '\n');

    MUST(text);
    snprintf(out, 64, "%.40s", text + 1);
}

static int start_cluster(void **state) {
    (void)state;

    if (!server_program())
        return 0;
    for (int i = 0; i < NODES; i++)
        start_server(&nodes[i], node_words);
    for (int i = 0; i < MASTERS; i++)
        say(&nodes[i], "CLUSTER ADDSLOTSRANGE %d %d", i * 5461, i == 2 ? 16383 : i * 5461 + 5460);
    for (int i = 1; i < NODES; i++)
        say(&nodes[0], "CLUSTER MEET 127.0.0.1 %d", nodes[i].port);
    for (int i = 0; i < NODES; i++) {
        say_until(&nodes[i], "cluster_known_nodes:4", "CLUSTER INFO");
        say_until(&nodes[i], "cluster_state:ok", "CLUSTER INFO");
    }
    return 0;
}

static int end_cluster(void **state) {
    (void)state;

    for (int i = 0; i < NODES; i++)
        end_server(&nodes[i]);
    return 0;
}

static int owner_of(unsigned slot) {
    return slot < 5461 ? 0 : slot < 10922 ? 1 : 2;
}

/* A store, by an entry that need not have it. */
static xkv_options open_options(char url[64], const char *name, const struct server *entry) {
    snprintf(url, 64, "redis://127.0.0.1:%d", entry->port);
    return server_options(url, name);
}

/* How often the nodes have answered with an error so far. */
static int errors_of(const char *word) {
    char line[64];
    int sum = 0;

    snprintf(line, sizeof line, "errorstat_%s:count=", word);
    for (int i = 0; i < NODES; i++) {
        const char *at = strstr(say(&nodes[i], "INFO errorstats"), line);
        sum += at ? atoi(at + strlen(line)) : 0;
    }
    return sum;
}

/* -- Writers: each with a handle and keys of its own --------------------------------- */

struct writer {
    const xkv_options *options;
    pthread_t thread;
    struct client client;
    int number;
    int64_t done; /* of each kind of command */
    int wrong;
    xkv_items many;
    char counter[32], last[32];
};

static _Atomic bool is_over;

static void submit(struct client *client, const xkv_command *command) {
    int how = xkv_submit(client->store, command, &client->reply, client->queue, ++client->tag);
    MUST(how == XKV_PENDING);
}

/* The next of those that were submitted; they come in their order. */
static void collect(struct writer *writer, uint64_t tag) {
    struct client *client = &writer->client;
    xkv_completion done;

    MUST(xkv_completions(client->queue, &done, 1, -1) == 1);
    writer->wrong += done.tag != tag || done.reply.status != XKV_OK;
    if (done.reply.status != XKV_OK)
        fprintf(stderr, "%.*s\n", (int)done.reply.len, (const char *)done.reply.data);
    xkv_reply_clear(&client->reply);
    client->reply = done.reply;
}

static xkv_bytes digits_of(char out[32], int64_t number) {
    return bytes_of(out, (size_t)snprintf(out, 32, "%" PRId64, number));
}

/* Counts up, in several ways: what is done out of its order, twice or never is seen. */
static void write_batch(struct writer *writer) {
    struct client *client = &writer->client;
    xkv_bytes counter = bytes_of(writer->counter, strlen(writer->counter));
    xkv_bytes last = bytes_of(writer->last, strlen(writer->last));
    uint64_t tag = client->tag;
    char digits[32];

    for (int i = 1; i <= BATCH; i++) {
        xkv_bytes value = digits_of(digits, writer->done + i);
        submit(client, &(xkv_command){.op = XKV_OP_INCREMENT_BY, .key = counter, .delta = 1});
        submit(client, &(xkv_command){.op = XKV_OP_SET, .key = last, .value = value});
        submit(client,
               &(xkv_command){.op = XKV_OP_SET_MANY, .items = xkv_items_bytes(&writer->many)});
        submit(client, &(xkv_command){.op = XKV_OP_GET, .key = last});
    }
    for (int i = 1; i <= BATCH; i++) {
        collect(writer, ++tag);
        writer->wrong += client->reply.number != writer->done + i;
        collect(writer, ++tag);
        collect(writer, ++tag);
        collect(writer, ++tag);
        writer->wrong += !same_bytes(answer(client), digits_of(digits, writer->done + i));
    }
    writer->done += BATCH;
}

static void *write_on(void *context) {
    struct writer *writer = context;
    char text[32];

    client_open(&writer->client, writer->options, true);
    for (int i = 0; i < 20; i++) {
        int len = snprintf(text, sizeof text, "m:%d:%d", writer->number, i);
        items_add(&writer->many, bytes_of(text, (size_t)len), LIT("v"));
    }
    snprintf(writer->counter, sizeof writer->counter, "n:%d", writer->number);
    snprintf(writer->last, sizeof writer->last, "l:%d", writer->number);
    while (!is_over && writer->wrong == 0)
        write_batch(writer);
    client_close(&writer->client);
    xkv_items_free(&writer->many);
    return NULL;
}

/* Claims, in the meantime: they use keys of the server's that are not there yet, which it does
 * not like while a slot moves. */
static void *claim_on(void *context) {
    struct writer *writer = context;
    struct client *client = &writer->client;

    client_open(client, writer->options, false);
    MUST(do_set(client, LIT("c:1"), LIT("v")) == XKV_OK);
    for (; !is_over && writer->wrong == 0; writer->done++) {
        int status = TRY(client, .op = XKV_OP_POP_RANDOM, .prefix = LIT("c:"));
        writer->wrong += status != XKV_OK || client->reply.number != 1;
        writer->wrong += TRY(client, .op = XKV_OP_SET, .key = LIT("c:1"), .value = LIT("v"));
    }
    client_close(client);
    return NULL;
}

static void start_writers(struct writer writers[WRITERS], const xkv_options *options) {
    is_over = false;
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.options = options, .number = i};
        void *(*run)(void *) = i == WRITERS - 1 ? claim_on : write_on;
        MUST(pthread_create(&writers[i].thread, NULL, run, &writers[i]) == 0);
    }
}

/* Each has written something, and all as it should be. */
static void end_writers(struct writer writers[WRITERS]) {
    is_over = true;
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i].thread, NULL);
    for (int i = 0; i < WRITERS; i++) {
        printf("writer %d: %" PRId64 " of each\n", i, writers[i].done);
        assert_int_equal(writers[i].wrong, 0);
        assert_true(writers[i].done > 0);
    }
}

/* -- Slots that move --------------------------------------------------------------------- */

/* Moves one key of the slot; false when there is none left. */
static bool move_key(unsigned slot, const struct server *from, const struct server *to) {
    char key[256];
    const char *text = strchr(say(from, "CLUSTER GETKEYSINSLOT %u 1", slot), '$');

    if (!text)
        return false;
    text = strchr(text, '\n') + 1;
    snprintf(key, sizeof key, "%.*s", (int)strcspn(text, "\r"), text);
    MUST(strstr(say(from, "MIGRATE 127.0.0.1 %d %s 0 5000", to->port, key), "OK"));
    return true;
}

/* As redis-cli --cluster reshard does it, with pauses between. */
static void migrate(unsigned slot, const struct server *from, const struct server *to) {
    char from_id[64], to_id[64];

    id_of(from, from_id);
    id_of(to, to_id);
    MUST(strstr(say(to, "CLUSTER SETSLOT %u IMPORTING %s", slot, from_id), "OK"));
    MUST(strstr(say(from, "CLUSTER SETSLOT %u MIGRATING %s", slot, to_id), "OK"));
    while (move_key(slot, from, to))
        usleep(20000);
    usleep(20000);
    MUST(strstr(say(to, "CLUSTER SETSLOT %u NODE %s", slot, to_id), "OK"));
    MUST(strstr(say(from, "CLUSTER SETSLOT %u NODE %s", slot, to_id), "OK"));
}

static void test_order_is_kept_while_a_slot_moves(void **state) {
    struct writer writers[WRITERS];
    char url[64];
    const char *name = "moves";
    unsigned slot = slot_of_store(name);
    int at = owner_of(slot);
    (void)state;

    NEED_SERVERS();
    xkv_options options = open_options(url, name, &nodes[(at + 1) % MASTERS]);
    start_writers(writers, &options);
    for (int i = 0; i < MIGRATIONS; i++, at = (at + 1) % MASTERS) {
        usleep(100000);
        migrate(slot, &nodes[at], &nodes[(at + 1) % MASTERS]);
    }
    end_writers(writers);
    assert_true(errors_of("MOVED") > 0);
    assert_true(errors_of("ASK") > 0);
    assert_true(errors_of("TRYAGAIN") > 0);
}

/* A server that has lost our scripts is told their text again. */
static void test_order_is_kept_without_scripts(void **state) {
    struct writer writers[WRITERS];
    char url[64];
    char cached[64];
    const char *name = "flushed";
    struct server *node = &nodes[owner_of(slot_of_store(name))];
    (void)state;

    NEED_SERVERS();
    xkv_options options = open_options(url, name, node);
    start_writers(writers, &options);
    usleep(100000);
    snprintf(cached, sizeof cached, "%.*s",
             (int)strcspn(strstr(say(node, "INFO memory"), "number_of_cached_scripts:"), "\n"),
             strstr(say(node, "INFO memory"), "number_of_cached_scripts:"));
    for (int i = 0; i < 20; i++) {
        MUST(strstr(say(node, "SCRIPT FLUSH"), "OK"));
        say_until(node, cached, "INFO memory");
    }
    end_writers(writers);
    assert_true(errors_of("NOSCRIPT") > 0);
}

/* -- Masters that fail ---------------------------------------------------------------------- */

/* Makes a node a replica of another, which has all of its data. */
static void follow(const struct server *master, const struct server *replica) {
    char id[64], command[128];

    id_of(master, id);
    snprintf(command, sizeof command, "CLUSTER REPLICATE %s", id);
    say_until(replica, "+OK", command);
    say_until(replica, "master_link_status:up", "INFO replication");
}

static void take_over(const struct server *replica) {
    assert_non_null(strstr(say(replica, "CLUSTER FAILOVER TAKEOVER"), "OK"));
}

static int try_set(struct client *client) {
    int status = TRY(client, .op = XKV_OP_SET, .key = LIT("k"), .value = LIT("v"));

    if (status != XKV_OK)
        print_message("%.*s\n", (int)client->reply.len, (const char *)client->reply.data);
    return status;
}

static void test_a_replica_takes_over(void **state) {
    char url[64];
    const char *name = "fails";
    int at = owner_of(slot_of_store(name));
    struct client client;
    (void)state;

    NEED_SERVERS();
    xkv_options options = open_options(url, name, &nodes[(at + 1) % MASTERS]);
    client_open(&client, &options, false);
    assert_int_equal(do_set(&client, LIT("before"), LIT("v")), XKV_OK);
    follow(&nodes[at], &nodes[MASTERS]);

    /* The old master is there, and sends to the new one. */
    take_over(&nodes[MASTERS]);
    assert_int_equal(TRY(&client, .op = XKV_OP_GET, .key = LIT("before")), XKV_OK);
    assert_int_equal(try_set(&client), XKV_OK);
    say_until(&nodes[at], "master_link_status:up", "INFO replication");

    /* The master is gone: the others tell who has taken over. */
    end_server(&nodes[MASTERS]);
    take_over(&nodes[at]);
    uint64_t begin = clock_ms();
    int status = try_set(&client);
    assert_true(status == XKV_OK || status == XKV_E_OUTCOME_UNKNOWN);
    for (int i = 0; i < 100; i++)
        assert_int_equal(try_set(&client), XKV_OK);
    assert_true(clock_ms() - begin < 5000);
    assert_int_equal(TRY(&client, .op = XKV_OP_GET, .key = LIT("before")), XKV_OK);
    client_close(&client);
}

/* It must not be waited for until time is over. */
static void test_a_silent_master_is_left(void **state) {
    char url[64], name[32], keys[64];
    struct client client;
    (void)state;

    NEED_SERVERS();
    for (int i = 0; owner_of((snprintf(name, 32, "silent%d", i), slot_of_store(name))) != 0;)
        i++;
    snprintf(keys, sizeof keys, "CLUSTER COUNTKEYSINSLOT %u", slot_of_store(name));
    xkv_options options = open_options(url, name, &nodes[1]);
    assert_true(start_on(&nodes[MASTERS], nodes[MASTERS].port, node_words));
    say_until(&nodes[MASTERS], "cluster_state:ok", "CLUSTER INFO");
    follow(&nodes[0], &nodes[MASTERS]);
    client_open(&client, &options, false);
    assert_int_equal(do_set(&client, LIT("k"), LIT("v")), XKV_OK);
    say_until(&nodes[MASTERS], ":3", keys);
    kill(nodes[0].pid, SIGSTOP);
    take_over(&nodes[MASTERS]);
    uint64_t begin = clock_ms();
    assert_int_equal(TRY(&client, .op = XKV_OP_GET, .key = LIT("k")), XKV_OK);
    assert_true(clock_ms() - begin < 4500);
    assert_int_equal(try_set(&client), XKV_OK);
    kill(nodes[0].pid, SIGCONT);
    client_close(&client);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_is_kept_while_a_slot_moves),
        cmocka_unit_test(test_order_is_kept_without_scripts),
        cmocka_unit_test(test_a_replica_takes_over),
        cmocka_unit_test(test_a_silent_master_is_left),
    };
    (void)argc;

    test_begin(argv);
    srand((unsigned)test.seed);
    return test_end(cmocka_run_group_tests(tests, start_cluster, end_cluster));
}
