/*
 * address.c - urls of servers, good ones and bad ones, and what options and the environment
 * add; what no message may say
 */
#include "../heap.h"

#include "base/error.h"
#include "base/sys.h"
#include "remote/address.h"

#define SECRET "s3cr3t"

static xkv_options options_of(const char *url) {
    xkv_options options;

    xkv_options_init(&options);
    options.backend = XKV_BACKEND_REDIS;
    options.url = url;
    return options;
}

static const char *or_none(const char *text) {
    return text ? text : "-";
}

/* All of an address: "tcp|tls|unix user password master db host port, host port". */
static void describe(const xkv__address *address, char out[4096]) {
    int at = snprintf(out, 4096, "%s %s %s %s %d",
                      address->is_unix  ? "unix"
                      : address->is_tls ? "tls"
                                        : "tcp",
                      or_none(address->user), or_none(address->password), or_none(address->master),
                      address->db);

    for (unsigned i = 0; i < address->count; i++)
        at += snprintf(out + at, 4096 - (size_t)at, "%s %s %s", i > 0 ? "," : "",
                       address->hosts[i].name, address->hosts[i].port);
}

/* -- Good urls --------------------------------------------------------------- */

static const struct {
    const char *url, *means, *text; /* text: NULL if it is the url */
} good[] = {
    {"redis://localhost:6379", "tcp - - - 0 localhost 6379", NULL},
    {"redis://localhost", "tcp - - - 0 localhost 6379", "redis://localhost:6379"},
    {"redis://localhost/", "tcp - - - 0 localhost 6379", "redis://localhost:6379"},
    {"redis://localhost:1/0", "tcp - - - 0 localhost 1", "redis://localhost:1"},
    {"redis://localhost:65535/15", "tcp - - - 15 localhost 65535", NULL},
    {"redis://localhost:06380", "tcp - - - 0 localhost 6380", "redis://localhost:6380"},
    {"redis://localhost?db=3", "tcp - - - 3 localhost 6379", "redis://localhost:6379/3"},
    {"redis://localhost/?db=3", "tcp - - - 3 localhost 6379", "redis://localhost:6379/3"},
    {"redis://10.0.0.7:7000", "tcp - - - 0 10.0.0.7 7000", NULL},
    {"redis://my_host-1.example.:7000", "tcp - - - 0 my_host-1.example. 7000", NULL},
    {"redis://[::1]", "tcp - - - 0 ::1 6379", "redis://[::1]:6379"},
    {"redis://[2001:db8::7]:7000/2", "tcp - - - 2 2001:db8::7 7000", NULL},
    {"redis://[::ffff:10.0.0.7]:7000", "tcp - - - 0 ::ffff:10.0.0.7 7000", NULL},
    {"redis://[fe80::1%25eth0]:7000", "tcp - - - 0 fe80::1%eth0 7000",
     "redis://[fe80::1%eth0]:7000"},
    {"valkey://localhost:6379", "tcp - - - 0 localhost 6379", "redis://localhost:6379"},
    {"rediss://localhost:6379", "tls - - - 0 localhost 6379", NULL},
    {"valkeys://localhost:6379", "tls - - - 0 localhost 6379", "rediss://localhost:6379"},
    {"redis://:" SECRET "@a:1", "tcp - " SECRET " - 0 a 1", "redis://a:1"},
    {"redis://me:" SECRET "@a:1/1", "tcp me " SECRET " - 1 a 1", "redis://a:1/1"},
    {"redis://me:@a:1", "tcp me  - 0 a 1", "redis://a:1"}, /* a user who needs no password */
    {"redis://:@a:1", "tcp - - - 0 a 1", "redis://a:1"},
    {"redis://@a:1", "tcp - - - 0 a 1", "redis://a:1"},
    {"redis://m%65:%2f%40%3A%3f%23%25@a:1", "tcp me /@:?#% - 0 a 1", "redis://a:1"},
    {"redis://me:a:b@a:1", "tcp me a:b - 0 a 1", "redis://a:1"},
    {"redis://me:a@b@a:1", "tcp me a@b - 0 a 1", "redis://a:1"},
    {"redis://a:1,b:2,c", "tcp - - - 0 a 1, b 2, c 6379", "redis://a:1,b:2,c:6379"},
    {"rediss://me:" SECRET "@[::1]:1,b:2/3", "tls me " SECRET " - 3 ::1 1, b 2",
     "rediss://[::1]:1,b:2/3"},
    {"unix:///run/redis.sock", "unix - - - 0 /run/redis.sock ", NULL},
    {"unix:///run/redis.sock?db=4", "unix - - - 4 /run/redis.sock ", NULL},
    {"unix:///tmp/a@b/my%20redis", "unix - - - 0 /tmp/a@b/my redis ", "unix:///tmp/a@b/my redis"},
    {"unix://me:" SECRET "@/tmp/r", "unix me " SECRET " - 0 /tmp/r ", "unix:///tmp/r"},
    {"redis+sentinel://a,b:2/mymaster", "tcp - - mymaster 0 a 26379, b 2",
     "redis+sentinel://a:26379,b:2/mymaster"},
    {"redis+sentinel://a:1/my%2Fmaster/5", "tcp - - my/master 5 a 1",
     "redis+sentinel://a:1/my/master/5"},
    {"redis+sentinel://a:1/m/", "tcp - - m 0 a 1", "redis+sentinel://a:1/m"},
    {"rediss+sentinel://me:" SECRET "@a:1/m", "tls me " SECRET " m 0 a 1",
     "rediss+sentinel://a:1/m"},
};

static void assert_address(const xkv_options *options, const char *means) {
    xkv__address address;
    char got[4096];

    if (xkv__address_read(options, &address) != XKV_OK)
        fail_msg("%s: %s", options->url, xkv__reason(XKV_E_INVALID_OPTIONS));
    describe(&address, got);
    assert_string_equal(got, means);
    xkv__address_free(&address);
}

static void test_good_urls(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        const xkv_options options = options_of(good[i].url);
        assert_address(&options, good[i].means);
    }
}

static void test_texts_have_no_password(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        const xkv_options options = options_of(good[i].url);
        xkv__address address;
        assert_int_equal(xkv__address_read(&options, &address), XKV_OK);
        char *text = xkv__address_text(&address);
        assert_string_equal(text, good[i].text ? good[i].text : good[i].url);
        xkv__free(text);
        xkv__address_free(&address);
    }
}

/* -- Bad urls ---------------------------------------------------------------- */

static const struct {
    const char *url, *says;
} bad[] = {
    {"localhost:6379", "must begin with redis://"},
    {"http://localhost:6379", "must begin with redis://"},
    {"REDIS://localhost:6379", "must begin with redis://"},
    {"redis:/localhost", "must begin with redis://"},
    {"redis-sentinel://" SECRET "@a", "must begin with redis://"},
    {SECRET "@localhost", "must begin with redis://"},
    {"redis://", "needs hosts"},
    {"redis:///2", "needs hosts"},
    {"redis://:6379", "needs hosts"},
    {"redis://:" SECRET "@", "needs hosts"},
    {"redis://:" SECRET "@:6379", "needs hosts"},
    {"redis://a,", "needs hosts"},
    {"redis://a,,b", "needs hosts"},
    {"redis://a b", "needs hosts"},
    {"redis://h\xC3\xB6st", "needs hosts"},
    {"redis://::1", "needs hosts"},
    {"redis://2001:db8::7", "port"},
    {"redis://[::1", "needs hosts"},
    {"redis://[]", "needs hosts"},
    {"redis://[::1]6379", "needs hosts"},
    {"redis://[localhost]", "needs hosts"},
    {"redis://[::1%eth0]", "needs hosts"},
    {"redis://[::1%25%zz]", "hexadecimal"},
    {"redis://::1]", "needs hosts"},
    {"redis://a:", "port"},
    {"redis://a:0", "port"},
    {"redis://a:65536", "port"},
    {"redis://a:99999", "port"},
    {"redis://a:100000", "port"},
    {"redis://a:-1", "port"},
    {"redis://a:+1", "port"},
    {"redis://a:1x", "port"},
    {"redis://a:1:2", "port"},
    {"redis://me:" SECRET, "port"}, /* the host is forgotten */
    {"redis://me:" SECRET "/2", "port"},
    {"redis://a/x", "database"},
    {"redis://a/-1", "database"},
    {"redis://a/1/", "database"},
    {"redis://a/1/2", "database"},
    {"redis://a/1234567890", "database"},
    {"redis://a?db=", "database"},
    {"redis://a?db=x", "database"},
    {"redis://a/1?db=1", "twice"},
    {"redis://a?password=" SECRET, "passwordEnv"},
    {"redis://a?db=1&password=" SECRET, "database"},
    {"redis://a?" SECRET, "passwordEnv"},
    {"redis://a/?timeout=5s", "passwordEnv"},
    {"redis://me:" SECRET "/" SECRET "@a", "%2F"},
    {"redis://me:" SECRET "?" SECRET "@a", "%3F"},
    {"redis://me:" SECRET "#" SECRET "@a", "%23"},
    {"redis://me:" SECRET "%" SECRET "@a", "write %25"},
    {"redis://me:%00" SECRET "@a", "write %25"},
    {"redis://m%1:" SECRET "@a", "write %25"},
    {"redis://" SECRET "@a", "redis://:password@host"},
    {"rediss://" SECRET ",@a", "redis://:password@host"},
    {"unix://", "path of a socket"},
    {"unix:///", "path of a socket"},
    {"unix://run/redis.sock", "three slashes"},
    {"unix://me:" SECRET "/redis.sock", "three slashes"},
    {"unix:///a%2", "hexadecimal"},
    {"redis+sentinel://a", "sentinels"},
    {"redis+sentinel://a/", "sentinels"},
    {"redis+sentinel://a//1", "sentinels"},
    {"redis+sentinel://a/m/x", "database"},
    {"redis+sentinel://a/m%2", "hexadecimal"},
    {"redis+sentinel://me:" SECRET "@a", "sentinels"},
};

/* Refused, with a reason that says so and shows no password. */
static void assert_refused(const xkv_options *options, const char *says) {
    static const xkv__address empty;
    xkv__address address;

    if (xkv__address_read(options, &address) != XKV_E_INVALID_OPTIONS)
        fail_msg("%s is taken", options->url);
    const char *reason = xkv__reason(XKV_E_INVALID_OPTIONS);
    if (!strstr(reason, says))
        fail_msg("%s: \"%s\" does not say \"%s\"", options->url, reason, says);
    if (strstr(reason, SECRET))
        fail_msg("%s: %s", options->url, reason);
    assert_memory_equal(&address, &empty, sizeof address);
}

static void test_bad_urls(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        const xkv_options options = options_of(bad[i].url);
        assert_refused(&options, bad[i].says);
    }
}

static void test_many_hosts(void **state) {
    char url[2000];
    xkv__address address;
    size_t at = (size_t)snprintf(url, sizeof url, "redis://h0");
    const xkv_options options = options_of(url);

    (void)state;
    for (unsigned i = 1; i < XKV__HOSTS_MAX; i++)
        at += (size_t)snprintf(url + at, sizeof url - at, ",h%u:%u", i, i);
    assert_int_equal(xkv__address_read(&options, &address), XKV_OK);
    assert_int_equal(address.count, XKV__HOSTS_MAX);
    assert_string_equal(address.hosts[63].name, "h63");
    xkv__address_free(&address);
    snprintf(url + at, sizeof url - at, ",h64");
    assert_refused(&options, "more than 64 hosts");
}

/* Whatever the bytes are, it is an address or a reason that fits. */
static void test_random_urls(void **state) {
    static const char *const pieces[] = {"redis://", "unix://", "redis+sentinel://",
                                         "a",        ":",       "@",
                                         "/",        ",",       "[",
                                         "]",        "?db=",    "1",
                                         "%",        "%41",     "#",
                                         "?",        "[::1]",   "\xFF",
                                         "65536"};
    struct rng rng = rng_for("urls");

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char url[200] = "";
        const xkv_options options = options_of(url);
        xkv__address address;
        size_t count = 1 + rng_below(&rng, 12);
        strcat(url, pieces[rng_below(&rng, 3)]);
        while (count-- > 0)
            strcat(url, pieces[rng_below(&rng, COUNT(pieces))]);
        int error = xkv__address_read(&options, &address);
        assert_true(error == XKV_OK ? address.count > 0 : error == XKV_E_INVALID_OPTIONS);
        xkv__address_free(&address);
    }
}

/* -- Options and environment --------------------------------------------------- */

static void test_environment_has_the_url(void **state) {
    xkv_options options = options_of("");

    (void)state;
    unsetenv("K6_KV_REDIS_URL");
    assert_refused(&options, "K6_KV_REDIS_URL");
    options.url = NULL;
    setenv("K6_KV_REDIS_URL", "", 1);
    assert_refused(&options, "give url: \"redis://host:6379\"");
    setenv("K6_KV_REDIS_URL", "redis://:" SECRET "@a/x", 1);
    assert_refused(&options, "K6_KV_REDIS_URL of the environment is \"redis://***@a/x\"");
    setenv("K6_KV_REDIS_URL", "redis://:" SECRET "@a", 1);
    assert_address(&options, "tcp - " SECRET " - 0 a 6379");
    options.url = "redis://b"; /* is what counts */
    assert_address(&options, "tcp - - - 0 b 6379");
    unsetenv("K6_KV_REDIS_URL");
}

static void test_options_have_user_and_password(void **state) {
    xkv_options options = options_of("redis://a");

    (void)state;
    setenv("KV_TEST_PASSWORD", SECRET, 1);
    options.redis_username = "me";
    assert_refused(&options, "no password");
    options.redis_password_env = "KV_TEST_PASSWORD";
    assert_address(&options, "tcp me " SECRET " - 0 a 6379");
    options.redis_username = "";
    assert_address(&options, "tcp - " SECRET " - 0 a 6379");
    options.url = "redis://me@a";
    assert_address(&options, "tcp me " SECRET " - 0 a 6379");
    options.url = "redis://:other@a";
    assert_refused(&options, "give one");
    options.url = "redis://a";
    options.redis_password_env = SECRET; /* the password, not the name of a variable */
    assert_refused(&options, "redis.passwordEnv must be the name of a variable");
    options = options_of("redis://you:there@a");
    options.redis_username = "me";
    assert_refused(&options, "give one");
}

/* An empty one is that of a user who needs none; without a user there is none. */
static void test_empty_password(void **state) {
    xkv_options options = options_of("redis://a");

    (void)state;
    setenv("KV_TEST_PASSWORD", "", 1);
    options.redis_password_env = "KV_TEST_PASSWORD";
    assert_address(&options, "tcp - - - 0 a 6379");
    options.redis_username = "me";
    assert_address(&options, "tcp me  - 0 a 6379");
}

static void test_options_of_tls(void **state) {
    xkv_options options = options_of("redis://a"), with = options;

    (void)state;
    with.tls_insecure = true;
    assert_refused(&with, "rediss://");
    with = options;
    with.tls_server_name = "b";
    assert_refused(&with, "rediss://");
    with = options;
    with.tls_ca = "ca.pem";
    assert_refused(&with, "rediss://");
    with.url = "rediss://a";
    assert_address(&with, "tls - - - 0 a 6379");
    with.tls_cert = "me.pem";
    assert_refused(&with, "both or none");
    with.tls_key = "me.key";
    assert_address(&with, "tls - - - 0 a 6379");
    with.tls_cert = NULL;
    assert_refused(&with, "both or none");
}

static void assert_foreseen(const xkv_options *options, const char *means) {
    xkv__address address;
    char got[4096];

    assert_int_equal(xkv__address_foresee(options, &address), XKV_OK);
    describe(&address, got);
    assert_string_equal(got, means);
    xkv__address_free(&address);
}

/* Where options are only looked at, what the environment is to have need not be there; what is
 * wrong with the rest is told all the same. */
static void test_environment_need_not_be_there(void **state) {
    xkv_options options = options_of(NULL), wrong = options_of("redis://a:b");
    xkv__address address;

    (void)state;
    unsetenv("K6_KV_REDIS_URL");
    assert_foreseen(&options, "tcp - - - 0");
    options.redis_username = "me";
    options.tls_ca = "ca.pem";
    assert_foreseen(&options, "tcp me - - 0");
    options = options_of("redis://me@a");
    options.redis_password_env = "KV_TEST_MISSING";
    assert_foreseen(&options, "tcp me - - 0 a 6379");
    setenv("KV_TEST_PASSWORD", SECRET, 1);
    options.redis_password_env = "KV_TEST_PASSWORD";
    assert_foreseen(&options, "tcp me " SECRET " - 0 a 6379");
    assert_int_equal(xkv__address_foresee(&wrong, &address), XKV_E_INVALID_OPTIONS);
    options = options_of("redis://me@a");
    assert_int_equal(xkv__address_foresee(&options, &address), XKV_E_INVALID_OPTIONS);
    options = options_of(NULL);
    options.tls_cert = "me.pem";
    assert_int_equal(xkv__address_foresee(&options, &address), XKV_E_INVALID_OPTIONS);
    assert_non_null(strstr(xkv__reason(XKV_E_INVALID_OPTIONS), "both or none"));
}

/* -- Memory ------------------------------------------------------------------ */

static void read_with_failures(const xkv_options *options) {
    bool failed = true;

    for (long n = 1; failed; n++) {
        xkv__address address;
        heap_fail_at(n, n % 2);
        int error = xkv__address_read(options, &address);
        char *text = error == XKV_OK ? xkv__address_text(&address) : NULL;
        failed = heap_failed();
        assert_int_equal(error == XKV_OK && text, !failed);
        if (error != XKV_OK)
            assert_int_equal(error, XKV_E_STORE_FULL);
        xkv__free(text);
        xkv__address_free(&address);
        assert_int_equal(atomic_load(&heap.live), 0);
    }
}

static void test_memory_is_short(void **state) {
    (void)state;
    setenv("KV_TEST_PASSWORD", SECRET, 1);
    xkv_set_hooks(&heap_hooks);
    for (size_t i = 0; i < COUNT(good); i++) {
        const xkv_options options = options_of(good[i].url);
        read_with_failures(&options);
    }
    xkv_options options = options_of("rediss://a,b,c/1");
    options.redis_username = "me";
    options.redis_password_env = "KV_TEST_PASSWORD";
    read_with_failures(&options);
    xkv_set_hooks(NULL);
}

static void test_nothing_leaks_from_bad_urls(void **state) {
    (void)state;
    xkv_set_hooks(&heap_hooks);
    for (size_t i = 0; i < COUNT(bad); i++) {
        const xkv_options options = options_of(bad[i].url);
        long before = atomic_load(&heap.live);
        assert_refused(&options, bad[i].says);
        assert_int_equal(atomic_load(&heap.live), before);
    }
    xkv_set_hooks(NULL);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_urls),
        cmocka_unit_test(test_texts_have_no_password),
        cmocka_unit_test(test_bad_urls),
        cmocka_unit_test(test_many_hosts),
        cmocka_unit_test(test_random_urls),
        cmocka_unit_test(test_environment_has_the_url),
        cmocka_unit_test(test_options_have_user_and_password),
        cmocka_unit_test(test_empty_password),
        cmocka_unit_test(test_options_of_tls),
        cmocka_unit_test(test_environment_need_not_be_there),
        cmocka_unit_test(test_memory_is_short),
        cmocka_unit_test(test_nothing_leaks_from_bad_urls),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
