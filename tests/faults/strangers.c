/*
 * strangers.c - what answers there is no server of Redis or Valkey, or one that is too old
 */
#include "../items.h"
#include "../sockets.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

static int stranger_listener;
static _Atomic bool stranger_ends;
static const char *stranger_words; /* what it says, if not whatever comes to its mind */

static size_t stranger_bytes(struct rng *rng, char out[256]) {
    static const char *const beginnings[] = {
        "$99999999999999999999\r\n", "*2147483647\r\n",          "$536870912\r\nabc", "*-2\r\n",
        "%1000000000\r\n",           "*1\r\n*1\r\n*1\r\n*1\r\n", "+OK\r\n+OK\r\n"};
    size_t which = rng_below(rng, COUNT(beginnings) * 2);

    if (which < COUNT(beginnings))
        return (size_t)snprintf(out, 256, "%s", beginnings[which]);
    rng_fill(rng, out, 256);
    return 256;
}

static void *stranger_run(void *argument) {
    struct rng *rng = argument;
    char bytes[256], heard[4096];

    while (!stranger_ends) {
        struct pollfd polled = {stranger_listener, POLLIN, 0};
        if (poll(&polled, 1, 10) != 1)
            continue;
        int fd = accept(stranger_listener, NULL, NULL);
        (void)!recv(fd, heard, sizeof heard, 0);
        if (stranger_words)
            send_all(fd, stranger_words, strlen(stranger_words));
        else
            send_all(fd, bytes, stranger_bytes(rng, bytes));
        usleep(2000);
        close(fd);
    }
    return NULL;
}

/* Begins one, and returns options that lead there. */
static xkv_options stranger_begin(pthread_t *thread, struct rng *rng, const char *words,
                                  char url[64]) {
    xkv_options options = server_options(url, "stranger");
    uint16_t port;

    stranger_words = words;
    stranger_ends = false;
    stranger_listener = listen_somewhere(&port);
    snprintf(url, 64, "redis://127.0.0.1:%d", port);
    MUST(pthread_create(thread, NULL, stranger_run, rng) == 0);
    return options;
}

static void stranger_end(pthread_t thread) {
    stranger_ends = true;
    pthread_join(thread, NULL);
    close(stranger_listener);
}

static void test_any_bytes(void **state) {
    struct rng its = rng_for("its bytes");
    char url[64], message[XKV_MESSAGE_SIZE];
    pthread_t thread;
    xkv_options options = stranger_begin(&thread, &its, NULL, url);

    (void)state;
    options.redis_timeout_ms = 150;
    for (int i = 0; i < 20; i++) {
        xkv_store *store;
        assert_int_equal(xkv_open(&options, &store, message, sizeof message),
                         XKV_E_SERVER_UNAVAILABLE);
        assert_true(*message != '\0');
    }
    stranger_end(thread);
}

/* Those that are too old are told so, at once. */
static void test_old_server(void **state) {
    static const char *const words[] = {
        "%0\r\n$21\r\nredis_version:6.0.16\n\r\n$12\r\nmaxmemory:0\n\r\n",
        "-ERR unknown command `HELLO`\r\n-NOAUTH\r\n-NOAUTH\r\n", "-NOPROTO sorry\r\n+\r\n+\r\n"};
    struct rng its = rng_for("old");
    char url[64], message[XKV_MESSAGE_SIZE];

    (void)state;
    for (size_t i = 0; i < COUNT(words); i++) {
        pthread_t thread;
        xkv_store *store;
        xkv_options options = stranger_begin(&thread, &its, words[i], url);
        uint64_t began = clock_ms();
        assert_int_equal(xkv_open(&options, &store, message, sizeof message),
                         XKV_E_SERVER_UNAVAILABLE);
        assert_true(strstr(message, "6.2"));
        assert_in_range(clock_ms() - began, 0, 4000);
        stranger_end(thread);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_old_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
