/*
 * topology.c - what nodes say of their cluster, whoever they are: it is understood or refused
 */
#include "../support.h"

#include "remote/topology.h"

static const xkv__host asked = {"entry", "7000"};

/* Three partitions: slots 100, 200 and 16383. */
static xkv__partition partitions[3] = {{.slot = 100}, {.slot = 200}, {.slot = 16383}};
static const xkv__dialect dialect = {.count = 3, .partitions = partitions};

static int read_topology(const char *answer, xkv__topology *topology) {
    return xkv__answer_topology(&dialect, &asked, bytes_of(answer, strlen(answer)), topology);
}

static void check_host(const xkv__topology *topology, unsigned partition, const char *name,
                       const char *port) {
    const xkv__host host = {(char *)(uintptr_t)name, ""};
    xkv__host wanted = host;

    strcpy(wanted.port, port);
    assert_true(topology->at[partition] < topology->count);
    assert_true(xkv__host_equal(&topology->hosts[topology->at[partition]], &wanted));
}

#define NODE(name, port) "*3\r\n$" name "\r\n:" port "\r\n$1\r\nx\r\n"

static void test_each_partition_has_its_node(void **state) {
    xkv__topology topology;
    (void)state;

    /* A replica, a name that is left out in three ways, what else there is, a slot alone. */
    assert_int_equal(
        read_topology("*3\r\n*4\r\n:0\r\n:150\r\n" NODE("1\r\na", "1") NODE(
                          "1\r\nr", "2") "*3\r\n:151\r\n:16382\r\n*4\r\n$-1\r\n:3\r\n$1\r\nx\r\n"
                                         "%1\r\n$1\r\nh\r\n$1\r\nn\r\n"
                                         "*3\r\n:16383\r\n:16383\r\n" NODE("1\r\n?", "4"),
                      &topology),
        XKV_OK);
    assert_int_equal(topology.count, 4);
    check_host(&topology, 0, "a", "1");
    check_host(&topology, 1, "entry", "3");
    check_host(&topology, 2, "entry", "4");
    xkv__topology_free(&topology);

    assert_int_equal(read_topology("*1\r\n*3\r\n:0\r\n:150\r\n" NODE("0\r\n", "1"), &topology),
                     XKV_OK);
    check_host(&topology, 0, "entry", "1");
    assert_int_equal(topology.at[1], XKV__NOWHERE);
    assert_int_equal(topology.at[2], XKV__NOWHERE);
    xkv__topology_free(&topology);
    assert_int_equal(read_topology("*0\r\n", &topology), XKV_OK);
    assert_int_equal(topology.at[0], XKV__NOWHERE);
}

static void test_what_no_node_says_is_refused(void **state) {
    static const char *const answers[] = {
        "$-1\r\n",
        ":1\r\n",
        "+OK\r\n",
        "*1\r\n:1\r\n",
        "*1\r\n*0\r\n",
        "*1\r\n*2\r\n:0\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n:2\r\n",
        "*1\r\n*3\r\n:0\r\n$1\r\na\r\n" NODE("1\r\na", "1"),
        "*1\r\n*3\r\n:-1\r\n:1\r\n" NODE("1\r\na", "1"),
        "*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n$1\r\na\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n:1\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:65536\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:99999999999999\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n" NODE("300\r\n%0300d", "1"),
    };
    char answer[1024];
    xkv__topology topology;
    (void)state;

    for (size_t i = 0; i < COUNT(answers); i++) {
        const char *long_name = strstr(answers[i], "%0300d");
        size_t before = long_name ? (size_t)(long_name - answers[i]) : strlen(answers[i]);
        snprintf(answer, sizeof answer, "%.*s", (int)before, answers[i]);
        if (long_name)
            snprintf(answer + before, sizeof answer - before, "%0300d%s", 0, long_name + 6);
        assert_int_equal(read_topology(answer, &topology), XKV_E_SERVER_UNAVAILABLE);
        assert_int_equal(topology.count, 0);
    }
}

/* More nodes than we can know: those that come first are known. */
static void test_a_large_cluster_is_cut(void **state) {
    enum { NODES = 200 };
    static char answer[NODES * 64];
    xkv__topology topology;
    (void)state;

    int len = snprintf(answer, sizeof answer, "*%d\r\n", NODES);
    for (int i = 0; i < NODES; i++)
        len += snprintf(answer + len, sizeof answer - (size_t)len,
                        "*3\r\n:%d\r\n:%d\r\n*2\r\n$1\r\nh\r\n:%d\r\n", i * 82, i * 82 + 81, i + 1);
    assert_int_equal(read_topology(answer, &topology), XKV_OK);
    assert_int_equal(topology.count, XKV__HOSTS_MAX);
    check_host(&topology, 0, "h", "2");
    assert_int_equal(topology.at[2], XKV__NOWHERE);
    xkv__topology_free(&topology);
}

/* Redirects: what a cluster says is read, all that is cut off or changed in one place is that,
 * or none; and nobody reads beyond its end. */
static void test_redirects_are_read_to_the_letter(void **state) {
    struct rng rng = rng_for("redirects");
    xkv__redirect redirect;
    static const char text[] = "MOVED 3999 10.0.0.1:6381";
    (void)state;

    assert_true(xkv__redirect_read(xkv_text(text), &asked, &redirect));
    assert_int_equal(redirect.slot, 3999);
    assert_false(redirect.is_asking);
    assert_string_equal(redirect.to.name, "10.0.0.1");
    assert_string_equal(redirect.to.port, "6381");
    assert_true(xkv__redirect_read(xkv_text("ASK 0 ::1:1"), &asked, &redirect));
    assert_true(redirect.is_asking);
    assert_string_equal(redirect.to.name, "::1");
    assert_true(xkv__redirect_read(xkv_text("MOVED 16383 :65535"), &asked, &redirect));
    assert_string_equal(redirect.to.name, "entry");
    for (int i = 0; i < 20000; i++) {
        size_t len = 6 + rng_below(&rng, strlen(text) - 5);
        char *copy = malloc(len);
        memcpy(copy, text, len);
        if (len > 6)
            copy[6 + rng_below(&rng, len - 6)] = (char)rng_next(&rng);
        if (xkv__redirect_read(bytes_of(copy, len), &asked, &redirect)) {
            assert_true(redirect.slot < 16384);
            assert_true(strlen(redirect.to.name) < len);
        }
        free(copy);
    }
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_partition_has_its_node),
        cmocka_unit_test(test_what_no_node_says_is_refused),
        cmocka_unit_test(test_a_large_cluster_is_cut),
        cmocka_unit_test(test_redirects_are_read_to_the_letter),
    };
    (void)argc;

    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
