/*
 * names.c - servers whose names cannot be looked up: there is no such name, nobody says so, or the
 * resolver takes longer than anybody has time for
 *
 * The program has a resolver of its own, for names that end in .test.
 */
#include "../server.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>

enum { TIMEOUT_MS = 1000 };

static _Atomic bool hangs; /* the resolver; else host.test is this machine */
static _Atomic int asked, answered;

static bool ends_with(const char *text, const char *end) {
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static int resolve_test(const char *name) {
    if (strcmp(name, "missing.test") == 0)
        return EAI_NONAME;
    if (strcmp(name, "later.test") == 0)
        return EAI_AGAIN;
    while (hangs)
        usleep(2000);
    return 0;
}

int getaddrinfo(const char *restrict name, const char *restrict port,
                const struct addrinfo *restrict hints, struct addrinfo **restrict found) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");

    MUST(symbol);
    memcpy(&real, &symbol, sizeof real);
    if (!ends_with(name, ".test") || (hints->ai_flags & AI_NUMERICHOST))
        return real(name, port, hints, found);
    asked++;
    int problem = resolve_test(name);
    if (problem == 0)
        problem = real("127.0.0.1", port, hints, found);
    answered++;
    return problem;
}

/* -- What is said, and when -------------------------------------------------------- */

/* After the time, and a tenth of it later at most. */
static void assert_in_time(uint64_t began) {
    uint64_t took = clock_ms() - began;

    if (took < TIMEOUT_MS - TIMEOUT_MS / 10 || took > TIMEOUT_MS + TIMEOUT_MS / 10)
        fail_msg("it took %" PRIu64 " ms instead of %d", took, TIMEOUT_MS);
}

static void assert_not_opened(const char *url, const char *says) {
    char message[XKV_MESSAGE_SIZE] = "";
    xkv_options options = server_options(url, "names");
    xkv_store *store;
    uint64_t began = clock_ms();

    options.redis_timeout_ms = TIMEOUT_MS;
    assert_int_equal(xkv_open(&options, &store, message, sizeof message), XKV_E_SERVER_UNAVAILABLE);
    assert_in_time(began);
    if (!strstr(message, says))
        fail_msg("%s: %s", url, message);
}

static void test_no_such_name(void **state) {
    (void)state;
    assert_not_opened("redis://missing.test:6380",
                      "missing.test:6380: there is no host of that name: see whether the url");
    assert_not_opened("redis+sentinel://missing.test:26379/main",
                      "sentinel missing.test:26379: there is no host of that name");
}

static void test_nobody_knows_the_name(void **state) {
    (void)state;
    assert_not_opened("redis://later.test",
                      "later.test:6379: the name could not be looked up in time: see to the DNS");
}

static void await_resolver(void) {
    hangs = false;
    while (answered < asked)
        usleep(1000);
}

static void test_resolver_hangs(void **state) {
    (void)state;
    hangs = true;
    assert_not_opened("redis://host.test:1",
                      "host.test:1: the name could not be looked up in time: see to the DNS");
    /* The other has its part of the time. */
    assert_not_opened("redis://host.test:1,127.0.0.1:1", "127.0.0.1:1: cannot connect");
    await_resolver();
}

/* -- In the middle of a run ---------------------------------------------------------- */

static struct server server;

static int try_get(struct client *client) {
    return TRY(client, .op = XKV_OP_GET, .key = LIT("k"));
}

static void test_resolver_hangs_when_a_connection_is_lost(void **state) {
    char url[64];
    struct client client;

    (void)state;
    NEED_SERVERS();
    start_server(&server, no_words);
    snprintf(url, sizeof url, "redis://host.test:%d", server.port);
    xkv_options options = server_options(url, "names");
    options.redis_timeout_ms = TIMEOUT_MS;
    client_open(&client, &options, false);
    assert_int_equal(TRY(&client, .op = XKV_OP_SET, .key = LIT("k"), .value = LIT("v")), XKV_OK);
    hangs = true;
    say(&server, "CLIENT KILL TYPE normal");
    for (int i = 0; i < 3; i++) {
        uint64_t began = clock_ms();
        assert_int_equal(try_get(&client), XKV_E_SERVER_UNAVAILABLE);
        assert_in_time(began);
    }
    assert_true(answer_says(&client, "could not be looked up in time"));
    hangs = false;
    for (int tries = 0; try_get(&client) != XKV_OK; tries++)
        assert_true(tries < 4);
    hangs = true;
    say(&server, "CLIENT KILL TYPE normal");
    assert_int_equal(try_get(&client), XKV_E_SERVER_UNAVAILABLE);
    uint64_t began = clock_ms();
    client_close(&client);
    assert_true(clock_ms() - began <= TIMEOUT_MS + TIMEOUT_MS / 10);
    await_resolver();
}

static int end(void **state) {
    (void)state;
    end_server(&server);
    return 0;
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_such_name),
        cmocka_unit_test(test_nobody_knows_the_name),
        cmocka_unit_test(test_resolver_hangs),
        cmocka_unit_test(test_resolver_hangs_when_a_connection_is_lost),
    };

    (void)argc;
    test_begin(argv);
    srand((unsigned)test.seed);
    return test_end(cmocka_run_group_tests(tests, NULL, end));
}
