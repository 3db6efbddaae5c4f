/*
 * tls.c - who is asked for connections through TLS, what is said then, and what becomes of
 * the sockets
 */
#include "../support.h"

#include "base/error.h"
#include "remote/tls.h"

static xkv_dial asked;
static intptr_t given;

static int accepts(const xkv_dial *to, intptr_t socket, void *context, char *message, size_t size) {
    (void)message, (void)size;
    asked = *to;
    given = socket;
    *(int *)context += 1;
    return XKV_OK;
}

static int refuses(const xkv_dial *to, intptr_t socket, void *context, char *message, size_t size) {
    (void)to;
    snprintf(message, size, "the certificate is not trusted");
    close((int)socket);
    return *(const int *)context;
}

static void assert_unavailable(int error, const char *says) {
    assert_int_equal(error, XKV_E_SERVER_UNAVAILABLE);
    const char *reason = xkv__reason(error);
    if (!strstr(reason, says))
        fail_msg("%s", reason);
}

static void test_nobody_can(void **state) {
    xkv_options options;
    xkv__handle socket;

    (void)state;
    xkv_options_init(&options);
    assert_unavailable(xkv__tls_connect("host", "1", &options, 100, &socket), "built without TLS");
    assert_false(xkv__is_open(socket));
}

static void test_somebody_can(void **state) {
    xkv_options options;
    xkv__handle socket;
    int times = 0;
    char got[4];
    size_t size;

    (void)state;
    xkv_options_init(&options);
    xkv_set_dialer(accepts, &times);
    assert_int_equal(xkv__tls_connect("host", "6380", &options, 100, &socket), XKV_OK);
    assert_int_equal(times, 1);
    assert_string_equal(asked.host, "host");
    assert_string_equal(asked.port, "6380");
    assert_ptr_equal(asked.options, &options);
    assert_int_equal(asked.timeout_ms, 100);
    xkv__handle theirs = {given};
    xkv__watched watched = {.socket = socket};
    assert_int_equal(xkv__net.send(theirs, "PING", 4, &size).cause, XKV__FINE);
    assert_int_equal(size, 4);
    assert_int_equal(xkv__net.wait(&watched, 1, 10000).cause, XKV__FINE);
    assert_int_equal(xkv__net.receive(socket, got, 4, &size).cause, XKV__FINE);
    assert_memory_equal(got, "PING", 4);
    assert_int_equal(xkv__net.receive(socket, got, 4, &size).cause, XKV__FINE);
    assert_int_equal(size, 0); /* it does not block */
    xkv__net.close(socket);
    watched.socket = theirs;
    assert_int_equal(xkv__net.wait(&watched, 1, 10000).cause, XKV__FINE);
    assert_int_equal(xkv__net.receive(theirs, got, 4, &size).cause, XKV__CUT_OFF);
    xkv__net.close(theirs);
    xkv_set_dialer(NULL, NULL);
}

static xkv__fault no_pair(xkv__handle sockets[2]) {
    (void)sockets;
    return (xkv__fault){XKV__TOO_MANY_FILES, EMFILE};
}

static void test_failures(void **state) {
    xkv_options options;
    xkv__handle socket;
    int next = dup(0);

    (void)state;
    close(next);
    xkv_options_init(&options);
    int code = XKV_E_SERVER_UNAVAILABLE;
    xkv_set_dialer(refuses, &code);
    assert_unavailable(xkv__tls_connect("host", "1", &options, 100, &socket), "is not trusted");
    assert_false(xkv__is_open(socket));
    code = XKV_E_INTERNAL; /* not one of the two */
    assert_unavailable(xkv__tls_connect("host", "1", &options, 100, &socket), "is not trusted");
    code = XKV_E_INVALID_OPTIONS;
    assert_int_equal(xkv__tls_connect("host", "1", &options, 100, &socket), code);
    assert_non_null(strstr(xkv__reason(code), "is not trusted"));
    xkv__net.pair = no_pair;
    assert_unavailable(xkv__tls_connect("host", "1", &options, 100, &socket),
                       "too many open files");
    xkv__net = xkv__system_net;
    xkv_set_dialer(NULL, NULL);
    int free_now = dup(0); /* all that was opened is closed */
    assert_int_equal(free_now, next);
    close(free_now);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_can),
        cmocka_unit_test(test_somebody_can),
        cmocka_unit_test(test_failures),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
