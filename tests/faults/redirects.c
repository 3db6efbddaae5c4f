/*
 * redirects.c - nodes of a cluster that redirect as none should: to strangers, to
 * themselves, in circles, in words that make no sense; and servers that refuse some of what
 * they are asked, and do the rest
 *
 * They are threads of this program, which know just enough for a store to be opened.
 */
#include "../heap.h"
#include "../server.h"

#include <pthread.h>

#define NAME "redirects"

struct fake {
    int listener, port;
    const char *_Atomic error;   /* what commands are answered with */
    _Atomic int other;           /* the port of another node, 0: there is none */
    _Atomic int commands;        /* how many have been, */
    char heard[16];              /* and the last letter of the first of them */
    const char *_Atomic refuses; /* if it is not NULL: which of them are refused ('-'), else done */
};

/* -- What a node says ------------------------------------------------------------- */

/* Whether the text of a word is in a question. */
static bool asks(const char *question, size_t len, const char *word) {
    return memmem(question, len, word, strlen(word)) != NULL;
}

static int say_slots(const struct fake *fake, char *out, size_t size) {
    int len = snprintf(out, size,
                       "*%d\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n$1\r\na\r\n",
                       fake->other ? 2 : 1, fake->port);
    if (fake->other)
        len +=
            snprintf(out + len, size - (size_t)len,
                     "*3\r\n:16384\r\n:16384\r\n*3\r\n$0\r\n\r\n:%d\r\n$1\r\nb\r\n", fake->other);
    return len;
}

static int answer_question(struct fake *fake, const char *question, size_t len, char *out,
                           size_t size) {
    static const char info[] = "redis_version:7.0.15\r\nredis_mode:cluster\r\n";

    if (asks(question, len, "HELLO"))
        return snprintf(out, size, "*0\r\n");
    if (asks(question, len, "INFO"))
        return snprintf(out, size, "$%zu\r\n%s\r\n", strlen(info), info);
    if (asks(question, len, "LOAD"))
        return snprintf(out, size, "+OK\r\n");
    if (asks(question, len, "SLOTS"))
        return say_slots(fake, out, size);
    if (asks(question, len, "EVAL\r\n"))
        return snprintf(out, size, "*4\r\n:1\r\n$16\r\n0123456789abcdef\r\n:1\r\n:1\r\n");
    if (asks(question, len, "ASKING"))
        return snprintf(out, size, "+OK\r\n");
    size_t n = (size_t)atomic_fetch_add(&fake->commands, 1);
    if (n < sizeof fake->heard - 1)
        fake->heard[n] = question[len - 3];
    if (fake->refuses && (n >= strlen(fake->refuses) || fake->refuses[n] != '-'))
        return snprintf(out, size,
                        asks(question, len, "HMGET")
                            ? "*2\r\n$16\r\n0123456789abcdef\r\n$1\r\nv\r\n"
                            : ":1\r\n");
    return snprintf(out, size, "-%s\r\n", fake->error);
}

/* -- Nodes -------------------------------------------------------------------------- */

struct visitor {
    struct fake *fake;
    int fd;
};

/* Three questions are answered together: so all are sent before the first comes back. */
static bool holds_back(const struct fake *fake) {
    return fake->refuses && fake->commands > 0 && fake->commands < 3;
}

static void *serve(void *context) {
    enum { ROOM = 256 * 1024 };
    struct visitor visitor = *(struct visitor *)context;
    char *in = malloc(ROOM), out[4096];
    size_t len = 0, out_len = 0;
    ssize_t got;

    free(context);
    while ((got = recv(visitor.fd, in + len, ROOM - len, 0)) > 0) {
        xkv__resp_scan scan = {.at = 0};
        len += (size_t)got;
        while (xkv__resp_scan_on(&scan, (unsigned char *)in, len) == XKV__RESP_WHOLE) {
            out_len += (size_t)answer_question(visitor.fake, in, scan.at, out + out_len,
                                               sizeof out - out_len);
            memmove(in, in + scan.at, len - scan.at);
            len -= scan.at;
            scan = (xkv__resp_scan){.at = 0};
        }
        if (holds_back(visitor.fake))
            continue;
        (void)!send(visitor.fd, out, out_len, MSG_NOSIGNAL);
        out_len = 0;
    }
    close(visitor.fd);
    free(in);
    return NULL;
}

static void *listen_on(void *context) {
    struct fake *fake = context;
    pthread_t thread;

    for (int fd; (fd = accept(fake->listener, NULL, NULL)) >= 0;) {
        struct visitor *visitor = malloc(sizeof *visitor);
        *visitor = (struct visitor){fake, fd};
        MUST(pthread_create(&thread, NULL, serve, visitor) == 0);
        pthread_detach(thread);
    }
    return NULL;
}

static void start_fake(struct fake *fake) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    pthread_t thread;

    *fake = (struct fake){.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    MUST(bind(fake->listener, (struct sockaddr *)&address, sizeof address) == 0);
    MUST(listen(fake->listener, 16) == 0);
    MUST(getsockname(fake->listener, (struct sockaddr *)&address, &size) == 0);
    fake->port = ntohs(address.sin_port);
    MUST(pthread_create(&thread, NULL, listen_on, fake) == 0);
    pthread_detach(thread);
}

/* -- Cases ---------------------------------------------------------------------------- */

static struct fake one, two;

/* Opens the store by node one, and has a set and a get refused, in words with a text in them,
 * long before their time is over. Returns how often the nodes were asked. */
static int refuse(const char *error, const char *words) {
    char url[64];
    struct client client;

    snprintf(url, sizeof url, "redis://127.0.0.1:%d", one.port);
    xkv_options options = server_options(url, NAME);
    one.error = error;
    client_open(&client, &options, false);
    one.commands = two.commands = 0;
    uint64_t begin = clock_ms();
    for (int i = 0; i < 2; i++) {
        int status = i == 0 ? TRY(&client, .op = XKV_OP_SET, .key = LIT("k"), .value = LIT("v"))
                            : TRY(&client, .op = XKV_OP_GET, .key = LIT("k"));
        assert_int_equal(status, XKV_E_SERVER_UNAVAILABLE);
        if (!answer_says(&client, words))
            print_error("%s: %.*s\n", error, (int)client.reply.len, (char *)client.reply.data);
        assert_true(answer_says(&client, words));
    }
    assert_true(clock_ms() - begin < 4000);
    client_close(&client);
    return one.commands + two.commands;
}

static void test_nobody_follows_to_a_stranger(void **state) {
    char error[128];
    (void)state;

    one.other = 0;
    snprintf(error, sizeof error, "MOVED %u 127.0.0.1:%d", slot_of_store(NAME), two.port);
    assert_int_equal(refuse(error, "one that it does not know"), 12);
    assert_int_equal(two.commands, 0);
    snprintf(error, sizeof error, "ASK %u 127.0.0.1:%d", slot_of_store(NAME), two.port);
    assert_int_equal(refuse(error, "one that it does not know"), 12);
    assert_int_equal(two.commands, 0);
}

static void test_who_sends_in_circles_is_left(void **state) {
    char error[128], back[128];
    (void)state;

    one.other = 0;
    snprintf(error, sizeof error, "MOVED %u 127.0.0.1:%d", slot_of_store(NAME), one.port);
    assert_int_equal(refuse(error, "redirected it 5 times"), 12);
    snprintf(error, sizeof error, "MOVED %u :%d", slot_of_store(NAME), one.port);
    assert_int_equal(refuse(error, "redirected it 5 times"), 12);
    one.other = two.port;
    snprintf(error, sizeof error, "MOVED %u :%d", slot_of_store(NAME), two.port);
    snprintf(back, sizeof back, "MOVED %u 127.0.0.1:%d", slot_of_store(NAME), one.port);
    two.error = back;
    assert_int_equal(refuse(error, "redirected it 5 times"), 12);
    snprintf(error, sizeof error, "ASK %u :%d", slot_of_store(NAME), two.port);
    assert_int_equal(refuse(error, "redirected it 5 times"), 12);
    snprintf(back, sizeof back, "ASK %u 127.0.0.1:%d", slot_of_store(NAME), one.port);
    assert_int_equal(refuse(error, "redirected it 5 times"), 12);
}

static void test_what_makes_no_sense_is_no_redirect(void **state) {
    static const char *const errors[] = {
        "MOVED ",
        "MOVED x 127.0.0.1:1",
        "MOVED 16384 127.0.0.1:1",
        "MOVED 1",
        "MOVED 1 ",
        "MOVED 1 127.0.0.1",
        "MOVED 1 :",
        "MOVED 1 127.0.0.1:x",
        "MOVED 1 127.0.0.1:0",
        "MOVED 1 h:70000",
        "MOVED 99999999999999 h:1",
        "MOVED 1 h:1 ",
        "ASK ",
        "ASK -1 127.0.0.1:1",
        "ASK 1 127.0.0.1:99999999999",
    };
    char error[1024];
    (void)state;

    for (size_t i = 0; i < COUNT(errors); i++)
        assert_int_equal(refuse(errors[i], "redirects as no cluster does"), 2);
    memset(error, 'h', sizeof error);
    int len = snprintf(error, sizeof error, "MOVED %u ", slot_of_store(NAME));
    error[len] = 'h';
    snprintf(error + 900, 100, ":6379");
    assert_int_equal(refuse(error, "redirects as no cluster does"), 2);
    snprintf(error, sizeof error, "MOVED %u 127.0.0.1:%d", slot_of_store(NAME) ^ 1, one.port);
    assert_int_equal(refuse(error, "redirects as no cluster does"), 2);
    snprintf(error, sizeof error, "ASK %u 127.0.0.1:%d", slot_of_store(NAME), one.port);
    assert_int_equal(refuse(error, "redirects as no cluster does"), 2);
    assert_int_equal(refuse("MOVED", "the server refuses"), 2);
}

/* -- Refusals ---------------------------------------------------------------------------- */

/* Has a handle set A and B and get C without awaiting them, and has those refused that the
 * text says, of what the server is asked. Tells what it was asked, in order, and what has
 * become of the three. */
static void refuse_some(const char *error, const char *refuses, const char *heard,
                        const int wanted[3]) {
    static const char *const letters = "ABC";
    static const int ops[] = {XKV_OP_SET, XKV_OP_SET_IF_ABSENT, XKV_OP_GET}; /* a question each */
    char url[64];
    struct client client;
    xkv_completion done[3];
    size_t got = 0;

    snprintf(url, sizeof url, "redis://127.0.0.1:%d", one.port);
    xkv_options options = server_options(url, NAME);
    one.other = 0;
    one.commands = 0;
    one.error = error;
    one.refuses = refuses;
    memset(one.heard, 0, sizeof one.heard);
    client_open(&client, &options, true);
    for (uint64_t tag = 0; tag < 3; tag++) {
        xkv_bytes letter = bytes_of(letters + tag, 1);
        xkv_command command = {.op = ops[tag], .key = letter, .value = letter};
        assert_int_equal(xkv_submit(client.store, &command, &client.reply, client.queue, tag),
                         XKV_PENDING);
    }
    while (got < 3)
        got += xkv_completions(client.queue, done + got, 3 - got, -1);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(done[i].reply.status, wanted[done[i].tag]);
        xkv_reply_clear(&done[i].reply);
    }
    assert_string_equal(one.heard, heard);
    client_close(&client);
    one.refuses = NULL;
}

static void test_what_is_refused_keeps_its_place(void **state) {
    static const int all[] = {XKV_OK, XKV_OK, XKV_OK};
    static const int none_first[] = {XKV_E_SERVER_UNAVAILABLE, XKV_OK, XKV_OK};
    (void)state;

    /* A get that has overtaken is asked again; a set cannot be taken back. */
    refuse_some("LOADING x", "   ", "ABC", all);
    refuse_some("LOADING x", "---", "ABCABC", all);
    refuse_some("TRYAGAIN x", "----", "ABCAABC", all);
    refuse_some("LOADING x", " --", "ABCBC", all);
    refuse_some("LOADING x", " - ", "ABCBC", all);
    refuse_some("CLUSTERDOWN x", "-- --", "ABCAAABC", all);
    refuse_some("LOADING x", "-  ", "ABC", none_first);
    refuse_some("LOADING x", "- -", "ABCC", none_first);
}

/* -- Short memory ------------------------------------------------------------------------- */

/* A node that does what it is asked. */
static void do_all(struct fake *node) {
    node->refuses = "";
    node->commands = 100; /* far beyond what is held back */
}

static bool is_for_want_of_memory(int status) {
    return status == XKV_E_STORE_FULL || status == XKV_E_OUTCOME_UNKNOWN ||
           status == XKV_E_SERVER_UNAVAILABLE;
}

/* However slow this machine is. */
static void open_in_time(struct client *client, const xkv_options *options) {
    char message[XKV_MESSAGE_SIZE];

    *client = (struct client){.store = NULL};
    xkv_reply_init(&client->reply, NULL, 0);
    for (int tries = 0; !client->store; tries++) {
        assert_true(tries < 50);
        (void)xkv_open(options, &client->store, message, sizeof message);
    }
}

/* A set and a get are sent from node one to the other, which is known or has to be asked for, and
 * one allocation fails meanwhile, or all from there on: then what comes later gets there. Returns
 * whether it came to that. */
static bool redirect_failing(const char *error, bool is_known, long n) {
    char url[64];
    struct client client;
    long before = heap.live;

    snprintf(url, sizeof url, "redis://127.0.0.1:%d", one.port);
    xkv_options options = server_options(url, NAME);
    do_all(&one);
    do_all(&two);
    one.other = is_known ? two.port : 0;
    options.redis_timeout_ms = 300; /* where no connection can be made it is over then */
    open_in_time(&client, &options);
    one.refuses = NULL;
    one.error = error;
    one.other = two.port;
    heap_fail_at(n, n % 2);
    int status = TRY(&client, .op = XKV_OP_SET, .key = LIT("k"), .value = LIT("v"));
    bool failed = heap_failed() || status == XKV_E_SERVER_UNAVAILABLE; /* or all is slow */
    heap_fail_at(0, false);
    if (status != XKV_OK && !(failed && is_for_want_of_memory(status)))
        fail_msg("allocation %ld: %s", n, xkv_error_name(status));
    for (int tries = 0; TRY(&client, .op = XKV_OP_GET, .key = LIT("k")) != XKV_OK; tries++) {
        assert_true(tries < 20); /* a node is not asked about all others again and again */
        usleep(50000);
    }
    assert_true(two.commands > 100);
    client_close(&client);
    assert_int_equal(heap.live, before);
    return failed;
}

static void test_memory_is_short_on_the_way(void **state) {
    static const char *const words[] = {"MOVED", "ASK"};
    char error[64];
    (void)state;

    for (size_t i = 0; i < 2 * COUNT(words); i++) {
        snprintf(error, sizeof error, "%s %u 127.0.0.1:%d", words[i / 2], slot_of_store(NAME),
                 two.port);
        long n = 1;
        while (redirect_failing(error, i % 2, n))
            n++;
        assert_in_range(n, 5, 500);
    }
    one.refuses = two.refuses = NULL;
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_follows_to_a_stranger),
        cmocka_unit_test(test_who_sends_in_circles_is_left),
        cmocka_unit_test(test_what_makes_no_sense_is_no_redirect),
        cmocka_unit_test(test_what_is_refused_keeps_its_place),
        cmocka_unit_test(test_memory_is_short_on_the_way),
    };
    (void)argc;

    test_begin(argv);
    xkv_set_hooks(&heap_hooks);
    start_fake(&one);
    start_fake(&two);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
