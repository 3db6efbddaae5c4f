/*
 * partitions.c - stores of several partitions on a server: how they are opened, what becomes of
 * them when one is lost, and whether chance is fair while keys move between them
 *
 * Beside servers only: see scripts/servers.sh.
 */
#include "../chisquare.h"
#include "../items.h"
#include "../server.h"

#include "remote/spread.h"

static struct server server;
static char url[PATH_SIZE];

static xkv_options options_of(int64_t partitions) {
    static char name[PATH_SIZE];
    xkv_options options = server_options(url, fresh_path(name));

    options.redis_partitions = partitions;
    return options;
}

static int set_up(void **state) {
    (void)state;
    NEED_SERVERS();
    start_server(&server, (const char *const[]){NULL});
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", server.port);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    end_server(&server);
    return 0;
}

/* -- Opening ------------------------------------------------------------------------ */

/* What a key of a partition of the store is called on the server. */
static const char *key_there(const xkv_options *options, unsigned partition, char suffix) {
    static char name[2 * PATH_SIZE];
    xkv__dialect dialect = {.options = options};

    MUST(xkv__partitions_name(&dialect, (unsigned)options->redis_partitions) == XKV_OK);
    snprintf(name, sizeof name, "%.*s%c", (int)dialect.partitions[partition].base_len,
             dialect.partitions[partition].base, suffix);
    xkv__partitions_free(&dialect);
    return name;
}

static void forget_partition(const xkv_options *options, unsigned partition) {
    for (const char *suffix = "dkcxowt"; *suffix; suffix++)
        say(&server, "DEL %s", key_there(options, partition, *suffix));
}

static int try_open(const xkv_options *options, struct client *client) {
    char message[XKV_MESSAGE_SIZE] = "";

    *client = (struct client){.store = NULL};
    xkv_reply_init(&client->reply, NULL, 0);
    int error = xkv_open(options, &client->store, message, sizeof message);
    assert_null(strstr(message, ": the server has")); /* no command has failed */
    return error;
}

static void set_keys(struct client *client, const char *prefix, int count) {
    char key[64];

    for (int i = 0; i < count; i++) {
        int len = snprintf(key, sizeof key, "%s%d", prefix, i);
        MUST(do_set(client, bytes_of(key, (size_t)len), LIT("1")) == XKV_OK);
    }
}

/* Processes that open at one moment have one store. */
static void test_open_at_once(void **state) {
    enum { PROCESSES = 6, KEYS = 20 };
    xkv_options options = options_of(16);
    pid_t pids[PROCESSES];
    struct client client;
    char prefix[32];
    int status;

    (void)state;
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        MUST(pids[i] >= 0);
        if (pids[i] > 0)
            continue;
        client_open(&client, &options, false);
        snprintf(prefix, sizeof prefix, "%d:", i);
        set_keys(&client, prefix, KEYS);
        client_close(&client);
        _exit(0);
    }
    for (int i = 0; i < PROCESSES; i++)
        MUST(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
    client_open(&client, &options, false);
    assert_int_equal(do_plain(&client, XKV_OP_SIZE), XKV_OK);
    assert_int_equal(client.reply.number, PROCESSES * KEYS);
    assert_string_equal(say(&server, "HEXISTS %s making", key_there(&options, 0, 'm')), ":0\r\n");
    client_close(&client);
}

/* A process has ended while it made the store: the next makes the rest. */
static void test_open_half_made(void **state) {
    xkv_options options = options_of(5);
    struct client client;

    (void)state;
    client_open(&client, &options, false);
    client_close(&client);
    forget_partition(&options, 1);
    forget_partition(&options, 4);
    say(&server, "HSET %s making 1", key_there(&options, 0, 'm'));
    client_open(&client, &options, false);
    set_keys(&client, "k", 50);
    assert_int_equal(do_plain(&client, XKV_OP_SIZE), XKV_OK);
    assert_int_equal(client.reply.number, 50);
    assert_string_equal(say(&server, "EXISTS %s", key_there(&options, 4, 'd')), ":1\r\n");
    assert_string_equal(say(&server, "HEXISTS %s making", key_there(&options, 0, 'm')), ":0\r\n");
    client_close(&client);
}

/* What another store has left is not taken for a part of a new one. */
static void test_open_over_remains(void **state) {
    xkv_options options = options_of(3);
    struct client client;

    (void)state;
    say(&server, "HSET %s a b", key_there(&options, 2, 'd'));
    assert_int_equal(try_open(&options, &client), XKV_E_STORE_LOST);
    assert_int_equal(try_open(&options, &client), XKV_E_STORE_LOST);
    say(&server, "DEL %s", key_there(&options, 2, 'd'));
    client_open(&client, &options, false);
    client_close(&client);
}

static void test_open_conflict(void **state) {
    xkv_options options = options_of(3), other;
    struct client client, second;

    (void)state;
    client_open(&client, &options, false);
    client_close(&client);
    for (int64_t partitions = 1; partitions <= XKV__PARTITIONS_MAX; partitions *= 2) {
        other = options;
        other.redis_partitions = partitions;
        assert_int_equal(try_open(&other, &second), XKV_E_OPTIONS_CONFLICT);
    }
}

/* Programs may leave open how many there are. */
static void test_open_however_many(void **state) {
    xkv_options options = options_of(7), open;
    struct client client, other;

    (void)state;
    client_open(&client, &options, false);
    set_keys(&client, "key", 50);
    client_close(&client);
    options.read_only = true;
    open = options;
    open.redis_partitions = XKV_ANY;
    client_open(&client, &open, false);
    assert_int_equal(xkv_store_options(client.store)->redis_partitions, 7);
    assert_int_equal(do_plain(&client, XKV_OP_SIZE), XKV_OK);
    assert_int_equal(client.reply.number, 50);
    assert_int_equal(try_open(&options, &other), XKV_OK); /* they agree */
    client_close(&other);
    client_close(&client);
    open.read_only = false;
    open.name = "another";
    client_open(&client, &open, false);
    assert_int_equal(xkv_store_options(client.store)->redis_partitions, 1);
    client_close(&client);
}

/* A partition that was there is lost: it is never made anew, and whatever looks at it says so. */
static void test_partition_lost(void **state) {
    xkv_options options = options_of(3);
    struct client client, second;
    int lost = 0, there = 0;
    char key[16];

    (void)state;
    client_open(&client, &options, false);
    set_keys(&client, "k", 30);
    forget_partition(&options, 1);
    for (int i = 0; i < 30; i++) {
        int status = TRY(&client, .op = XKV_OP_EXISTS,
                         .key = bytes_of(key, (size_t)snprintf(key, sizeof key, "k%d", i)));
        MUST(status == XKV_OK || status == XKV_E_STORE_LOST);
        (status == XKV_OK ? there++ : lost++);
    }
    assert_true(there > 0 && lost > 0);
    assert_int_equal(TRY(&client, .op = XKV_OP_SIZE), XKV_E_STORE_LOST);
    assert_int_equal(TRY(&client, .op = XKV_OP_LIST), XKV_E_STORE_LOST);
    client_close(&client);
    assert_int_equal(try_open(&options, &second), XKV_E_STORE_LOST);
    assert_string_equal(say(&server, "EXISTS %s", key_there(&options, 1, 'd')), ":0\r\n");
}

/* A write of which one partition has refused its part: nobody knows how much of it there is. */
static void test_partly_done(void **state) {
    xkv_options options = options_of(4);
    xkv_items items = NO_ITEMS;
    struct client client;
    char key[16];

    (void)state;
    client_open(&client, &options, false);
    for (int i = 0; i < 40; i++)
        items_add(&items, bytes_of(key, (size_t)snprintf(key, sizeof key, "k%d", i)), LIT("1"));
    say(&server, "DEL %s", key_there(&options, 2, 'd'));
    xkv_command command = {.op = XKV_OP_SET_MANY, .items = xkv_items_bytes(&items)};
    assert_int_equal(client_run_unchecked(&client, &command), XKV_E_OUTCOME_UNKNOWN);
    xkv_items_free(&items);
    client_close(&client);
}

/* -- All or nothing ---------------------------------------------------------------------- */

/* Claims that some partitions have made are given back, if another cannot. */
static void test_all_or_nothing(void **state) {
    xkv_options options = options_of(8);
    xkv_items items = NO_ITEMS;
    struct client client;
    char key[16];

    (void)state;
    client_open(&client, &options, false);
    set_keys(&client, "k", 40);
    for (int i = 0; i < 40; i++)
        items_add(&items, bytes_of(key, (size_t)snprintf(key, sizeof key, "k%d", i)), NOTHING);
    items_add(&items, LIT("none"), NOTHING);
    xkv_command command = {.op = XKV_OP_CLAIM_KEYS,
                           .items = xkv_items_bytes(&items),
                           .all_or_nothing = true,
                           .ttl_ms = 60000};
    assert_int_equal(client_run(&client, &command), XKV_OK);
    assert_reply(&client, "{\"claimed\":[],\"busy\":[],\"missing\":[\"none\"]}");
    do_set(&client, LIT("none"), LIT("1"));
    assert_int_equal(client_run(&client, &command), XKV_OK);
    assert_int_equal(client.reply.number, 41);
    assert_int_equal(client_run(&client, &command), XKV_OK);
    assert_reply(&client, "{\"claimed\":[],\"busy\":[\"k0\"],\"missing\":[]}");
    xkv_items_free(&items);
    client_close(&client);
}

/* -- Chance ---------------------------------------------------------------------------- */

/*
 * Keys that stay are many in one partition and few in others; as many move all the time. Each
 * has a number; a tag says where it lies.
 */
enum { PARTS = 8, STAY = 300, MOVE = 300, NUMBERED = STAY + MOVE };

static char tags[PARTS][16]; /* of each partition */

static void find_tags(const xkv_options *options) {
    xkv__dialect dialect = {.options = options, .count = PARTS};
    char tag[16];

    for (unsigned found = 0, n = 0; found != (1u << PARTS) - 1; n++) {
        int len = snprintf(tag, sizeof tag, "n:{%u}", n);
        unsigned place = xkv__partition_of(&dialect, bytes_of(tag, (size_t)len));
        memcpy(tags[place], tag, sizeof tag);
        found |= 1u << place;
    }
}

static xkv_bytes numbered(char out[32], unsigned place, unsigned number) {
    return bytes_of(out, (size_t)snprintf(out, 32, "%s%u", tags[place], number));
}

/* Half of them in the first, half of the rest in the second, and so on. */
static unsigned place_of_number(unsigned number) {
    unsigned place = 0;

    for (unsigned left = STAY / 2; place < PARTS - 1 && number >= left; left = left / 2 + 1) {
        number -= left;
        place++;
    }
    return place;
}

struct mover {
    const xkv_options *options;
    pthread_t thread;
    unsigned place[NUMBERED];
    _Atomic bool ends;
    uint64_t moves;
};

/* It is in two places for a moment, or in none, by turns. */
static void move_one(struct client *client, struct mover *mover, struct rng *rng) {
    unsigned number = STAY + (unsigned)rng_below(rng, MOVE), from = mover->place[number];
    unsigned to = (unsigned)rng_below(rng, PARTS);
    char old[32], new[32];

    if (to == from)
        return;
    xkv_bytes old_key = numbered(old, from, number), new_key = numbered(new, to, number);
    bool first = mover->moves++ % 2;
    if (first)
        MUST(do_set(client, new_key, LIT("1")) == XKV_OK);
    MUST(do_delete(client, old_key) == XKV_OK);
    if (!first)
        MUST(do_set(client, new_key, LIT("1")) == XKV_OK);
    mover->place[number] = to;
}

static void *move_main(void *context) {
    struct mover *mover = context;
    struct rng rng = rng_for("mover");
    struct client client;

    client_open(&client, mover->options, false);
    while (!atomic_load(&mover->ends))
        move_one(&client, mover, &rng);
    client_close(&client);
    return NULL;
}

static void put_numbered(struct client *client, struct mover *mover) {
    char key[32];

    for (unsigned n = 0; n < NUMBERED; n++) {
        mover->place[n] = n < STAY ? place_of_number(n) : n % PARTS;
        MUST(do_set(client, numbered(key, mover->place[n], n), LIT("1")) == XKV_OK);
    }
}

/* Draws among all, or, wrongly, in a partition that was chosen whatever it holds. */
static void draw_many(struct client *client, uint64_t draws, bool wrongly, struct rng *rng,
                      uint64_t counts[NUMBERED]) {
    memset(counts, 0, NUMBERED * sizeof *counts);
    for (uint64_t i = 0; i < draws; i++) {
        xkv_bytes prefix = wrongly ? xkv_text(tags[rng_below(rng, PARTS)]) : LIT("n:");
        char text[32] = "";
        MUST(do_random(client, prefix) == XKV_OK);
        if (client->reply.len == 0)
            continue;
        memcpy(text, client->reply.data, client->reply.len);
        unsigned long number = strtoul(strchr(text, '}') + 1, NULL, 10);
        MUST(number < NUMBERED);
        counts[number]++;
    }
}

static void test_even_while_keys_move(void **state) {
    const uint64_t draws = test_amount("XKV_DRAWS", SANITIZED ? 30 : 100) * NUMBERED;
    xkv_options options = options_of(PARTS);
    struct mover mover = {.options = &options};
    struct rng rng = rng_for("draws");
    uint64_t counts[NUMBERED];
    struct client client;

    (void)state;
    find_tags(&options);
    client_open(&client, &options, false);
    put_numbered(&client, &mover);
    MUST(pthread_create(&mover.thread, NULL, move_main, &mover) == 0);
    draw_many(&client, draws, false, &rng, counts);
    bool even = counts_are_even(counts, NUMBERED);
    draw_many(&client, draws / 4, true, &rng, counts);
    bool wrong_is_even = counts_are_even(counts, NUMBERED);
    atomic_store(&mover.ends, true);
    pthread_join(mover.thread, NULL);
    client_close(&client);
    printf("%" PRIu64 " draws, %" PRIu64 " keys moved\n", draws, mover.moves);
    assert_true(even);
    assert_false(wrong_is_even);
    assert_true(mover.moves > NUMBERED);
}

/* Many keys in one partition and one in each of the others, where a bound is far above it. */
static void test_even_in_small_partitions(void **state) {
    enum { CROWD = 64, ALL = CROWD + PARTS - 1 };
    xkv_options options = options_of(PARTS);
    struct rng rng = rng_for("small");
    uint64_t counts[NUMBERED];
    struct client client;
    char key[32];

    (void)state;
    find_tags(&options);
    client_open(&client, &options, false);
    for (unsigned n = 0; n < ALL; n++)
        MUST(do_set(&client, numbered(key, n < CROWD ? 0 : n - CROWD + 1, n), LIT("1")) == XKV_OK);
    draw_many(&client, ALL * test_amount("XKV_DRAWS", 200), false, &rng, counts);
    assert_true(counts_are_even(counts, ALL));
    client_close(&client);
}

/* -- What a draw costs --------------------------------------------------------------------- */

/* How often, and for how many microseconds, the server has run scripts. */
static double script_calls(double *us) {
    double calls = 0;
    const char *found = strstr(say(&server, "INFO commandstats"), "cmdstat_evalsha:");

    *us = 0;
    if (found)
        MUST(sscanf(found, "cmdstat_evalsha:calls=%lf,usec=%lf", &calls, us) == 2);
    return calls;
}

static void fill_store(struct client *client, int count) {
    xkv_items items = NO_ITEMS;
    char key[32];

    for (int i = 0; i < count; i++)
        items_add(&items, bytes_of(key, (size_t)snprintf(key, sizeof key, "user:%d", i)), LIT("1"));
    do_list_of(client, XKV_OP_SET_MANY, items);
    MUST(told(client) == XKV_OK);
}

/* So many draws, many of them at a time. */
static void draw_at_once(struct client *client, int draws) {
    enum { AT_ONCE = 50 };
    xkv_command command = {.op = XKV_OP_RANDOM_KEY, .prefix = LIT("user:")};
    xkv_queue *queue = xkv_queue_new();
    xkv_completion done[AT_ONCE];
    xkv_reply reply;
    int begun = 0, ended = 0;

    MUST(queue);
    xkv_reply_init(&reply, NULL, 0);
    while (ended < draws) {
        for (; begun < draws && begun < ended + AT_ONCE; begun++)
            MUST(xkv_submit(client->store, &command, &reply, queue, 0) == XKV_PENDING);
        size_t got = xkv_completions(queue, done, AT_ONCE, -1);
        for (size_t i = 0; i < got; i++, ended++) {
            MUST(done[i].reply.status == XKV_OK && done[i].reply.len > 0);
            xkv_reply_clear(&done[i].reply);
        }
    }
    xkv_queue_free(queue);
}

static void test_cost_of_a_draw(void **state) {
    enum { DRAWS = 20000 };
    xkv_options options = options_of(64);
    double us_before, us, before, calls;
    struct client client;

    (void)state;
    client_open(&client, &options, false);
    fill_store(&client, 20000);
    draw_at_once(&client, 1000);
    before = script_calls(&us_before);
    draw_at_once(&client, DRAWS);
    calls = (script_calls(&us) - before) / DRAWS;
    printf("randomKey of 64 partitions: %.3f commands, %.1f us of the server's\n", calls,
           (us - us_before) / DRAWS);
    assert_true(calls >= 1 && (SANITIZED || calls <= 1.3));
    client_close(&client);
}

int main(int argc, char *argv[]) {
#define CASE(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(open_at_once),         CASE(open_half_made),
        CASE(open_over_remains),    CASE(open_conflict),
        CASE(open_however_many),    CASE(partition_lost),
        CASE(partly_done),          CASE(all_or_nothing),
        CASE(even_while_keys_move), CASE(even_in_small_partitions),
        CASE(cost_of_a_draw),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
