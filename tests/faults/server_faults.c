/*
 * server_faults.c - many faults of all kinds, one after the other, each while commands are on their
 * way to a server
 *
 * Each command has keys of its own, so that it can be told afterwards how often it was done. What
 * must hold, whatever the fault: what was acknowledged was done once; what was refused was not
 * done; OUTCOME_UNKNOWN was done once or not at all; and an error comes when the time is over, or a
 * tenth of it later at most. XKV_FAULTS says how many faults: make server-faults asks for
 * hundreds.
 */
#include "../items.h"
#include "../proxy.h"
#include "../server.h"

enum {
    TIMEOUT_MS = SANITIZED ? 2000 : 1000,
    HANDLES = 3,
    COMMANDS = 24, /* of a round */
    KEYS = 3       /* of those that use several */
};

/* -- Commands ------------------------------------------------------------------------ */

enum deed { GETS, SETS, SETS_MANY, COUNTS, POPS, CLAIMS, DELETES, DEEDS };

/* What is there before, and what the deed makes of it. */
static const struct {
    const char *name;
    int op, keys_before;
} deeds[DEEDS] = {
    [GETS] = {"get", XKV_OP_GET, 1},
    [SETS] = {"set", XKV_OP_SET, 0},
    [SETS_MANY] = {"setMany", XKV_OP_SET_MANY, 0},
    [COUNTS] = {"incrementBy", XKV_OP_INCREMENT_BY, 0},
    [POPS] = {"popRandom", XKV_OP_POP_RANDOM, KEYS},
    [CLAIMS] = {"claimRandom", XKV_OP_CLAIM_RANDOM, KEYS},
    [DELETES] = {"delete", XKV_OP_DELETE, 1},
};

struct asked {
    enum deed deed;
    char base[16];  /* what its keys begin with, and no other's */
    char first[24]; /* the first of them */
    xkv_items items;
    int status;
    uint64_t began_ms, ended_ms;
};

static xkv_bytes key_of(const struct asked *asked, int n, char out[24]) {
    return bytes_of(out, (size_t)snprintf(out, 24, "%s%c", asked->base, 'a' + n));
}

static void choose_command(struct asked *asked, struct rng *rng) {
    static unsigned number;
    char key[24];

    *asked = (struct asked){.deed = (enum deed)rng_below(rng, DEEDS), .items = NO_ITEMS};
    snprintf(asked->base, sizeof asked->base, "%07u:", number++);
    key_of(asked, 0, asked->first);
    for (int i = 0; asked->deed == SETS_MANY && i < KEYS; i++)
        items_add(&asked->items, key_of(asked, i, key), LIT("v"));
}

static xkv_command command_of(const struct asked *asked) {
    xkv_command command = {.op = deeds[asked->deed].op, .value = LIT("v"), .delta = 1};

    if (asked->deed == SETS_MANY)
        command.items = xkv_items_bytes(&asked->items);
    else if (asked->deed == POPS || asked->deed == CLAIMS)
        command.prefix = xkv_text(asked->base);
    else
        command.key = xkv_text(asked->first);
    if (asked->deed == CLAIMS)
        command.ttl_ms = 600000;
    return command;
}

/* -- The scene ----------------------------------------------------------------------- */

static struct {
    struct server server;
    struct proxy proxy;
    struct client through[HANDLES], beside;
    struct asked asked[COMMANDS];
    size_t count;
    uint64_t bytes[2]; /* that a round has in either direction, about */
    struct rng rng;
} scene;

/* What came of all of it. */
static struct {
    unsigned faults, commands, done, refused, unknown, unknown_done, wrong;
    uint64_t slowest_ms; /* of errors */
} tally;

/* How late this machine lets a thread that sleeps go on: what no test can hold against a store. */
static _Atomic uint64_t lateness_ms;
static _Atomic bool is_over;

static void *measure_lateness(void *nothing) {
    enum { NAP_MS = 10 };

    while (!is_over) {
        uint64_t began = clock_ms();
        usleep(NAP_MS * 1000);
        uint64_t took = clock_ms() - began;
        if (took > NAP_MS && took - NAP_MS > lateness_ms)
            lateness_ms = took - NAP_MS;
    }
    return nothing;
}

static void wrong(const char *fault, const struct asked *asked, const char *format, ...) {
    char what[128];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    tally.wrong++;
    printf("wrong: %s: %s %s: %s: %s\n", fault, deeds[asked->deed].name, asked->base,
           xkv_error_name(asked->status), what);
}

static void open_clients(void) {
    char url[64];
    xkv_options options = server_options(url, "faults");

    snprintf(url, sizeof url, "redis://127.0.0.1:%d", scene.server.port);
    options.redis_timeout_ms = 20000;
    client_open(&scene.beside, &options, false);
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", scene.proxy.port);
    options.redis_timeout_ms = TIMEOUT_MS;
    for (int i = 0; i < HANDLES; i++)
        client_open(&scene.through[i], &options, true);
}

static void close_clients(void) {
    for (int i = 0; i < HANDLES; i++)
        client_close(&scene.through[i]);
    client_close(&scene.beside);
}

/* Keys of others that a server takes half a second to load. */
static void populate(void) {
    say_until(&scene.server, "OK", "DEBUG POPULATE 1500");
    say_until(&scene.server, "rewrit", "BGREWRITEAOF");
    say_until(&scene.server, "aof_rewrite_in_progress:0", "INFO persistence");
    say_until(&scene.server, "aof_rewrite_scheduled:0", "INFO persistence");
}

/* -- Faults -------------------------------------------------------------------------- */

enum outcome {
    ALL_DONE, /* whoever waits has what was asked for */
    ANY,      /* some have errors */
    FULL,     /* STORE_FULL, too */
    LOST      /* the store is gone */
};

static struct rule cut_at_random(enum harm harm, enum direction direction) {
    return (struct rule){.harm = harm,
                         .direction = direction,
                         .after = rng_below(&scene.rng, (size_t)scene.bytes[direction] + 1)};
}

static void cut_question(void) {
    proxy_rule(&scene.proxy, cut_at_random(CUTS, TO_SERVER));
}

static void cut_answer(void) {
    proxy_rule(&scene.proxy, cut_at_random(CUTS, TO_CLIENT));
}

static void stall_question(void) {
    proxy_rule(&scene.proxy, cut_at_random(STALLS, TO_SERVER));
}

static void stall_answer(void) {
    proxy_rule(&scene.proxy, cut_at_random(STALLS, TO_CLIENT));
}

static void send_bytes(void) {
    proxy_rule(&scene.proxy, (struct rule){.byte_by_byte = true});
}

static void send_late(void) {
    proxy_rule(&scene.proxy, (struct rule){.delay_ms = 20});
}

static void refuse_connections(void) {
    scene.proxy.refuses = true;
    cut_answer();
}

static void let_through(void) {
    scene.proxy.refuses = false;
    proxy_rule(&scene.proxy, (struct rule){.harm = NO_HARM});
}

static void flush_scripts(void) {
    say(&scene.server, "SCRIPT FLUSH");
}

static void kill_clients(void) {
    say(&scene.server, "CLIENT KILL TYPE normal");
}

static void pause_clients(void) {
    say(&scene.server, "CLIENT PAUSE 200 ALL");
}

static void stop_server(void) {
    kill(scene.server.pid, SIGSTOP);
}

static void go_on(void) {
    kill(scene.server.pid, SIGCONT);
}

static void restart(void) {
    start_again(&scene.server);
}

/* As a server does that keeps nothing. */
static void restart_empty(void) {
    char path[PATH_SIZE + 32];

    end_server(&scene.server);
    snprintf(path, sizeof path, "%s/appendonlydir", scene.server.directory);
    remove_tree(path);
    start_again(&scene.server);
}

static void flush_all(void) {
    say(&scene.server, "FLUSHALL");
}

static void fill_memory(void) {
    say(&scene.server, "CONFIG SET maxmemory 1");
}

static void free_memory(void) {
    say(&scene.server, "CONFIG SET maxmemory 0");
}

static void demote(void) {
    say(&scene.server, "REPLICAOF 127.0.0.1 1");
}

static void promote(void) {
    say_until(&scene.server, "OK", "REPLICAOF NO ONE");
}

/* Somebody else's script does not end. */
static void make_busy(void) {
    static const char script[] = "EVAL \"while true do end\" 0\r\n";
    int fd = socket_to(scene.server.port);

    MUST(fd >= 0 && send_all(fd, script, sizeof script - 1));
    close(fd);
}

static void end_busy(void) {
    say(&scene.server, "SCRIPT KILL");
}

static const struct fault {
    const char *name;
    void (*before)(void); /* the commands are brought, or */
    void (*during)(void); /* while they are on their way; */
    unsigned hold_ms;     /* for so long */
    void (*after)(void);
    enum outcome outcome;
} faults[] = {
    {"a question is cut", cut_question, NULL, 0, let_through, ANY},
    {"an answer is cut", cut_answer, NULL, 0, let_through, ANY},
    {"a question is cut", cut_question, NULL, 0, let_through, ANY}, /* these twice: there are */
    {"an answer is cut", cut_answer, NULL, 0, let_through, ANY},    /* many bytes */
    {"questions stall", stall_question, NULL, 0, let_through, ANY},
    {"answers stall", stall_answer, NULL, 0, let_through, ANY},
    {"byte by byte", send_bytes, NULL, 50, let_through, ALL_DONE},
    {"a slow network", send_late, NULL, 50, let_through, ALL_DONE},
    {"nobody is let in", refuse_connections, NULL, 300, let_through, ANY},
    {"nobody is let in for long", refuse_connections, NULL, TIMEOUT_MS + 300, let_through, ANY},
    {"SCRIPT FLUSH", NULL, flush_scripts, 0, NULL, ALL_DONE},
    {"CLIENT KILL", NULL, kill_clients, 0, NULL, ANY},
    {"CLIENT PAUSE", NULL, pause_clients, 200, NULL, ALL_DONE},
    {"a slow server", NULL, stop_server, 200, go_on, ALL_DONE},
    {"a server that hangs", NULL, stop_server, TIMEOUT_MS + 300, go_on, ANY},
    {"kill -9, with persistence", NULL, restart, 0, NULL, ANY},
    {"kill -9, without persistence", NULL, restart_empty, 0, NULL, LOST},
    {"FLUSHALL", NULL, flush_all, 0, NULL, LOST},
    {"the memory is full", fill_memory, NULL, 0, free_memory, FULL},
    {"READONLY", NULL, demote, 200, promote, ANY},
    {"BUSY", NULL, make_busy, 100, end_busy, ANY},
};

/* -- A round ----------------------------------------------------------------------- */

/* Keys that are there before. */
static void prepare(void) {
    xkv_items items = NO_ITEMS;
    char key[24];

    scene.count = 1 + rng_below(&scene.rng, COMMANDS);
    items_add(&items, LIT("settled"), LIT("v"));
    for (size_t i = 0; i < scene.count; i++) {
        choose_command(&scene.asked[i], &scene.rng);
        for (int n = 0; n < deeds[scene.asked[i].deed].keys_before; n++)
            items_add(&items, key_of(&scene.asked[i], n, key), LIT("v"));
    }
    MUST(do_list_of(&scene.beside, XKV_OP_SET_MANY, items) == XKV_OK);
}

static void bring_all(xkv_queue *queue) {
    xkv_reply reply;

    xkv_reply_init(&reply, NULL, 0);
    for (size_t i = 0; i < scene.count; i++) {
        const xkv_command command = command_of(&scene.asked[i]);
        scene.asked[i].began_ms = clock_ms();
        MUST(xkv_submit(scene.through[i % HANDLES].store, &command, &reply, queue, i) ==
             XKV_PENDING);
    }
}

/* In a thread of its own: servers end with the thread that has started them. */
static void *bring_and_collect(void *nothing) {
    xkv_queue *queue = xkv_queue_new();
    xkv_completion done;

    MUST(queue);
    bring_all(queue);
    for (size_t i = 0; i < scene.count; i++) {
        MUST(xkv_completions(queue, &done, 1, 60000) == 1);
        scene.asked[done.tag].ended_ms = clock_ms();
        scene.asked[done.tag].status = done.reply.status;
        xkv_reply_clear(&done.reply);
    }
    xkv_queue_free(queue);
    return nothing;
}

static void disturb(const struct fault *fault) {
    pthread_t thread;

    if (fault->before)
        fault->before();
    MUST(pthread_create(&thread, NULL, bring_and_collect, NULL) == 0);
    usleep((useconds_t)rng_below(&scene.rng, 3000));
    if (fault->during)
        fault->during();
    usleep(fault->hold_ms * 1000);
    if (fault->outcome == FULL) /* all are to meet it */
        pthread_join(thread, NULL);
    if (fault->after)
        fault->after();
    if (fault->outcome != FULL)
        pthread_join(thread, NULL);
}

/* Until a server has read what was under way, and connections are there again. Returns what
 * a command comes to. */
static int settle(void) {
    int status = XKV_E_SERVER_UNAVAILABLE;

    for (int i = 0; i < 3; i++)
        say_until(&scene.server, "loading:0", "INFO persistence");
    for (int tries = 0; tries < 10 && status == XKV_E_SERVER_UNAVAILABLE; tries++)
        status = TRY(&scene.through[0], .op = XKV_OP_GET, .key = LIT("settled"));
    MUST(status != XKV_E_SERVER_UNAVAILABLE);
    return TRY(&scene.beside, .op = XKV_OP_GET, .key = LIT("settled"));
}

/* -- What came of it ----------------------------------------------------------------- */

static int64_t number_beside(const xkv_command *command) {
    MUST(client_run_unchecked(&scene.beside, command) == XKV_OK);
    return scene.beside.reply.number;
}

static int64_t count_of(const struct asked *asked) {
    return number_beside(&(xkv_command){.op = XKV_OP_COUNT, .prefix = xkv_text(asked->base)});
}

static int64_t counter_of(const struct asked *asked) {
    char text[24] = "";

    if (TRY(&scene.beside, .op = XKV_OP_GET, .key = xkv_text(asked->first)) != XKV_OK)
        return 0;
    MUST(scene.beside.reply.len < sizeof text);
    memcpy(text, scene.beside.reply.data, scene.beside.reply.len);
    return strtoll(text, NULL, 10);
}

/* How many free ones there are is told by taking them. */
static int64_t free_of(const struct asked *asked) {
    return number_beside(&(xkv_command){.op = XKV_OP_CLAIM_RANDOM_MANY,
                                        .prefix = xkv_text(asked->base),
                                        .count = KEYS,
                                        .ttl_ms = 600000});
}

/* How often a command was done; -1: by half. */
static int64_t times_done(const struct asked *asked) {
    switch (asked->deed) {
    case SETS:
        return count_of(asked);
    case SETS_MANY:
        return count_of(asked) % KEYS ? -1 : count_of(asked) / KEYS;
    case COUNTS:
        return counter_of(asked);
    case POPS:
        return KEYS - count_of(asked);
    case CLAIMS:
        return KEYS - free_of(asked);
    case DELETES:
        return 1 - count_of(asked);
    default:
        return asked->status == XKV_OK;
    }
}

static bool may_end_so(const struct fault *fault, const struct asked *asked) {
    switch (asked->status) {
    case XKV_OK:
        return true;
    case XKV_E_OUTCOME_UNKNOWN:
        return fault->outcome != ALL_DONE && asked->deed != GETS;
    case XKV_E_SERVER_UNAVAILABLE:
        return fault->outcome != ALL_DONE;
    case XKV_E_STORE_FULL:
        return fault->outcome == FULL && asked->deed != GETS && asked->deed != DELETES;
    case XKV_E_STORE_LOST:
        return fault->outcome == LOST;
    default:
        return false;
    }
}

static void check_time(const struct fault *fault, const struct asked *asked) {
    uint64_t took = asked->ended_ms - asked->began_ms;

    if (asked->status == XKV_OK)
        return;
    if (took > tally.slowest_ms)
        tally.slowest_ms = took;
    if (took > TIMEOUT_MS + TIMEOUT_MS / 10 + lateness_ms)
        wrong(fault->name, asked, "the error came after %" PRIu64 " ms", took);
}

static void check_times(const struct fault *fault, const struct asked *asked) {
    int64_t times = times_done(asked);
    bool is_known = asked->status != XKV_E_OUTCOME_UNKNOWN;

    if (is_known ? times != (asked->status == XKV_OK) : times != 0 && times != 1)
        wrong(fault->name, asked, "it was done %" PRId64 " times", times);
    tally.unknown_done += !is_known && times == 1;
}

static void check_round(const struct fault *fault) {
    for (size_t i = 0; i < scene.count; i++) {
        struct asked *asked = &scene.asked[i];
        if (!may_end_so(fault, asked))
            wrong(fault->name, asked, "that must not come of it");
        check_time(fault, asked);
        if (fault->outcome != LOST)
            check_times(fault, asked);
        tally.commands++;
        tally.done += asked->status == XKV_OK;
        tally.unknown += asked->status == XKV_E_OUTCOME_UNKNOWN;
        xkv_items_free(&asked->items);
    }
    tally.refused = tally.commands - tally.done - tally.unknown;
}

/* A store that is gone is that to all, and is made anew. */
static void check_lost(int status) {
    MUST(status == XKV_E_STORE_LOST);
    for (int i = 0; i < HANDLES; i++)
        MUST(TRY(&scene.through[i], .op = XKV_OP_SIZE) == XKV_E_STORE_LOST);
    close_clients();
    populate();
    open_clients();
    MUST(number_beside(&(xkv_command){.op = XKV_OP_SIZE}) == 0);
}

static void run_round(const struct fault *fault) {
    prepare();
    proxy_rule(&scene.proxy, (struct rule){.harm = NO_HARM});
    lateness_ms = 0;
    disturb(fault);
    int status = settle();
    check_round(fault);
    if (fault->outcome == LOST)
        check_lost(status);
    else
        MUST(number_beside(&(xkv_command){.op = XKV_OP_CLEAR}) >= 0);
    tally.faults++;
}

/* How many bytes go where when there is no fault. */
static void measure_bytes(void) {
    static const struct fault none = {"no fault", NULL, NULL, 0, NULL, ALL_DONE};

    for (int i = 0; i < 10; i++) {
        run_round(&none);
        for (int direction = 0; direction < 2; direction++) {
            uint64_t carried = proxy_carried(&scene.proxy, (enum direction)direction);
            if (carried > scene.bytes[direction])
                scene.bytes[direction] = carried;
        }
    }
    tally.faults = 0;
}

/* -- Cases ---------------------------------------------------------------------------- */

static pthread_t lateness_thread;

static int begin(void **state) {
    static const char *const words[] = {"--appendonly",
                                        "yes",
                                        "--appendfsync",
                                        "no",
                                        "--key-load-delay",
                                        "300",
                                        "--enable-debug-command",
                                        "yes",
                                        "--lua-time-limit",
                                        "10",
                                        NULL};

    (void)state;
    if (server_program())
        start_server(&scene.server, words);
    return 0;
}

static int end(void **state) {
    (void)state;
    end_server(&scene.server);
    return 0;
}

static int case_begin(void **state) {
    (void)state;
    if (!server_program())
        return 0;
    memset(&tally, 0, sizeof tally);
    is_over = false;
    MUST(pthread_create(&lateness_thread, NULL, measure_lateness, NULL) == 0);
    proxy_start(&scene.proxy, scene.server.port);
    open_clients();
    populate();
    return 0;
}

static int case_end(void **state) {
    (void)state;
    if (!server_program())
        return 0;
    close_clients();
    proxy_end(&scene.proxy);
    is_over = true;
    pthread_join(lateness_thread, NULL);
    return 0;
}

static void test_faults(void **state) {
    const uint64_t wanted = test_amount("XKV_FAULTS", 2 * COUNT(faults));

    (void)state;
    NEED_SERVERS();
    scene.rng = rng_for("faults");
    measure_bytes();
    for (uint64_t n = 0; n < wanted; n++) /* all of them, then any */
        run_round(&faults[n < COUNT(faults) ? n : rng_below(&scene.rng, COUNT(faults))]);
    printf("%u faults, %u commands: %u done, %u refused, %u unknown (%u of which were done); the "
           "slowest error after %" PRIu64 " ms of %d\n",
           tally.faults, tally.commands, tally.done, tally.refused, tally.unknown,
           tally.unknown_done, tally.slowest_ms, TIMEOUT_MS);
    assert_int_equal(tally.wrong, 0);
    assert_true(tally.refused > 0 && tally.unknown > tally.unknown_done && tally.unknown_done > 0);
}

/* -- Faults of a store's, planted: they must be found -------------------------------- */

static void repeat_questions(void) {
    proxy_rule(&scene.proxy, (struct rule){.repeats = true});
}

/* As if it had sent again what it knew nothing of. */
static void test_what_is_done_twice_is_found(void **state) {
    static const struct fault twice = {"planted", repeat_questions, NULL, 0, let_through, ANY};

    (void)state;
    NEED_SERVERS();
    scene.rng = rng_for("twice");
    for (int i = 0; i < 5; i++)
        run_round(&twice);
    assert_true(tally.wrong > 0);
}

static void remove_what_was_done(void) {
    usleep(50000);
    for (size_t i = 0; i < scene.count; i++)
        TRY(&scene.beside, .op = XKV_OP_DELETE, .key = xkv_text(scene.asked[i].first));
}

/* As if it had acknowledged what was not done. */
static void test_what_is_not_there_is_found(void **state) {
    static const struct fault none = {"planted", NULL, remove_what_was_done, 0, NULL, ANY};

    (void)state;
    NEED_SERVERS();
    scene.rng = rng_for("none");
    for (int i = 0; i < 5; i++)
        run_round(&none);
    assert_true(tally.wrong > 0);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_done_twice_is_found, case_begin, case_end),
        cmocka_unit_test_setup_teardown(test_what_is_not_there_is_found, case_begin, case_end),
        cmocka_unit_test_setup_teardown(test_faults, case_begin, case_end),
    };

    (void)argc;
    test_begin(argv);
    srand((unsigned)test.seed);
    return test_end(cmocka_run_group_tests(tests, begin, end));
}
