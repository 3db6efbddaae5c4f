/*
 * support.h - what the tests share: a seed, a directory, a client of a store
 *
 * Every program prints the seed of its random choices; XKV_SEED sets it. Every
 * program works in a directory of its own, which it removes at the end.
 */
#ifndef XKV_TESTS_SUPPORT_H
#define XKV_TESTS_SUPPORT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "promises.h"
#include "xkv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LIT(text)    ((xkv_bytes){(text), sizeof(text) - 1}) /* a literal, NUL bytes and all */
#define NOTHING      ((xkv_bytes){NULL, 0})
#define PATH_SIZE    1024

/* Whether ThreadSanitizer or AddressSanitizer looks on: then do less. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* For what may run in any thread or child, where cmocka's checks cannot. */
#define MUST(condition) ((condition) ? (void)0 : must_failed(__FILE__, __LINE__, #condition))

static inline _Noreturn void must_failed(const char *file, int line, const char *condition) {
    fprintf(stderr, "%s:%d: %s does not hold (errno %d)\n", file, line, condition, errno);
    abort();
}

/* -- Chance ------------------------------------------------------------------ */

/* SplitMix64: small, and good enough to choose test cases. */
struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng) {
    uint64_t z = (rng->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline size_t rng_below(struct rng *rng, size_t bound) {
    return (size_t)(rng_next(rng) % bound);
}

static inline bool rng_chance(struct rng *rng, unsigned in_thousand) {
    return rng_below(rng, 1000) < in_thousand;
}

static inline void rng_fill(struct rng *rng, void *out, size_t size) {
    unsigned char *at = out;

    for (size_t i = 0; i < size; i += 8) {
        uint64_t eight = rng_next(rng);
        memcpy(at + i, &eight, size - i < 8 ? size - i : 8);
    }
}

/* -- The program's frame ----------------------------------------------------- */

static struct {
    const char *program; /* argv[0] */
    uint64_t seed;
    char directory[PATH_SIZE / 2];
} test;

static inline uint64_t seed_of_run(void) {
    const char *given = getenv("XKV_SEED");
    struct timespec now;

    if (given && *given)
        return strtoull(given, NULL, 0);
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000003 ^ (uint64_t)now.tv_nsec ^ (uint64_t)getpid() << 32;
}

/* How much of something a test does, more than 0; the environment may ask for more or less. */
static inline uint64_t test_amount(const char *variable, uint64_t usual) {
    const char *given = getenv(variable);
    uint64_t amount = given && *given ? strtoull(given, NULL, 10) : usual;

    MUST(amount > 0);
    return amount;
}

static inline void test_make_directory(void) {
    const char *parent = getenv("TMPDIR");

    snprintf(test.directory, sizeof test.directory, "%s/xkv-test-XXXXXX",
             parent && *parent ? parent : "/tmp");
    MUST(mkdtemp(test.directory));
}

static inline int remove_one(const char *path, const struct stat *status, int kind,
                             struct FTW *where) {
    (void)status, (void)kind, (void)where;
    return remove(path);
}

static inline void remove_tree(const char *path) {
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* First thing in main. XKV_TEST=name* runs only such cases. */
static inline void test_begin(char *const argv[]) {
    if (getenv("XKV_TEST"))
        cmocka_set_test_filter(getenv("XKV_TEST"));
    setvbuf(stdout, NULL, _IOLBF, 0);
    test.program = argv[0];
    test.seed = seed_of_run();
    printf("seed=%" PRIu64 "\n", test.seed);
    xkv_seed(test.seed);
    promises_read();
    test_make_directory();
}

/* Last thing in main: its result, from the number of failures. */
static inline int test_end(int failures) {
    remove_tree(test.directory);
    if (failures != 0)
        fprintf(stderr, "failed with seed=%" PRIu64 "\n", test.seed);
    return failures != 0;
}

/* Each use of random choices starts its own sequence, so that one test's
 * choices do not depend on the tests before it. */
static inline struct rng rng_for(const char *purpose) {
    struct rng rng = {test.seed};

    for (const char *at = purpose; *at; at++)
        rng.state = rng_next(&rng) ^ (unsigned char)*at;
    return rng;
}

/* A path in the test's directory. */
static inline const char *test_path(char out[PATH_SIZE], const char *name) {
    snprintf(out, PATH_SIZE, "%s/%s", test.directory, name);
    return out;
}

/* One that no store of this program has had, or its name. */
static inline const char *fresh_path(char out[PATH_SIZE]) {
    static unsigned stores;
    char name[32];

    snprintf(name, sizeof name, "%u.kv", stores++);
    return test_path(out, name);
}

/* By the library's clock: another, such as one that stands still while the machine sleeps, may
 * be at another part of a millisecond, so that a time by the one is shorter by the other. */
static inline uint64_t clock_ms(void) {
    struct timespec now;

#ifdef CLOCK_BOOTTIME
    clock_gettime(CLOCK_BOOTTIME, &now);
#else
    clock_gettime(CLOCK_MONOTONIC, &now);
#endif
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* -- Options ----------------------------------------------------------------- */

/* The servers that scripts/servers.sh runs this program beside; NULL: none. Then tests that
 * go by kinds of stores do so with stores on servers only. */
static inline const char *server_url(void) {
    return getenv("XKV_REDIS_URL");
}

/* What tells backends apart by contract: all else holds for each of them. */
static const struct traits {
    const char *name;
    bool stays;       /* closed, a store and its claims' tokens are there still, */
    bool turns_stay;  /* claims and the turns of nextCircular, too */
    bool is_file;     /* it has a path, a size, and counts its commits */
    bool answers_now; /* reads are done by who brings them */
    bool own_clock;   /* claims are by the clock of a server */
    bool
        asks_again; /* who waits for keys asks now and then, and who came first need not be first */
    bool token_is_time; /* tokens are microseconds at least, else they count from 1 */
    bool in_parts; /* tokens of different partitions have no order among them; how many keys one
                      was drawn from is of a moment ago; and expired claims stay until their
                      partition has to do with claims */
} traits_of[] = {
    [XKV_BACKEND_DISK] = {"disk", .stays = true, .is_file = true, .answers_now = true},
    [XKV_BACKEND_MEMORY] = {"memory", .answers_now = true},
    [XKV_BACKEND_REDIS] = {"redis", .stays = true, .turns_stay = true, .own_clock = true,
                           .asks_again = true, .token_is_time = true},
    /* and where a store has several partitions there */
    {"redis", .stays = true, .turns_stay = true, .own_clock = true, .asks_again = true,
     .token_is_time = true, .in_parts = true},
};

/* Of how many partitions stores there are. */
static inline int64_t server_partitions(void) {
    const char *given = getenv("XKV_PARTITIONS");
    return given && *given ? atoll(given) : 1;
}

static inline const struct traits *traits_for(int backend) {
    bool in_parts = backend == XKV_BACKEND_REDIS && server_partitions() > 1;
    return &traits_of[backend + in_parts];
}

/* Of a store on a server. Both texts stay the caller's. */
static inline xkv_options server_options(const char *url, const char *name) {
    xkv_options options;

    xkv_options_init(&options);
    options.backend = XKV_BACKEND_REDIS;
    options.url = url;
    options.name = name;
    options.serialization = XKV_STRING;
    return options;
}

/* Where the store is: its path, or its name, in memory or on a server. */
static inline void set_place(xkv_options *options, const char *place) {
    if (options->backend == XKV_BACKEND_REDIS) {
        options->url = server_url();
        options->redis_partitions = server_partitions();
    }
    if (options->backend == XKV_BACKEND_DISK)
        options->path = place;
    else
        options->name = place;
}

static inline const char *place_of(const xkv_options *options) {
    return options->backend == XKV_BACKEND_DISK ? options->path : options->name;
}

static inline xkv_options memory_options(const char *name) {
    xkv_options options;

    xkv_options_init(&options);
    options.backend = XKV_BACKEND_MEMORY;
    options.name = name;
    options.serialization = XKV_BINARY;
    return options;
}

static inline xkv_options disk_options(const char *path) {
    xkv_options options;

    xkv_options_init(&options);
    options.path = path;
    options.serialization = XKV_BINARY;
    return options;
}

static inline xkv_store *must_open(const xkv_options *options) {
    char message[XKV_MESSAGE_SIZE] = "";
    xkv_store *store;

    int error = xkv_open(options, &store, message, sizeof message);
    if (error != XKV_OK)
        fprintf(stderr, "xkv_open: %s\n", message);
    MUST(error == XKV_OK);
    return store;
}

/* -- Bytes ------------------------------------------------------------------- */

static inline xkv_bytes bytes_of(const void *data, size_t len) {
    return (xkv_bytes){data, len};
}

/* The order that the library promises, written down once more. */
static inline int order_of(xkv_bytes a, xkv_bytes b) {
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared > 0 ? memcmp(a.data, b.data, shared) : 0;

    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

static inline bool same_bytes(xkv_bytes a, xkv_bytes b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool starts_with(xkv_bytes key, xkv_bytes prefix) {
    return key.len >= prefix.len && same_bytes(bytes_of(key.data, prefix.len), prefix);
}

/* -- A client ---------------------------------------------------------------- */

/* A handle, the way to give it commands, and the reply to the last one. */
struct client {
    xkv_store *store;
    xkv_queue *queue; /* NULL: by xkv_exec; else by xkv_submit and xkv_completions */
    uint64_t tag;
    xkv_reply reply;
};

static inline void client_open(struct client *client, const xkv_options *options, bool submits) {
    *client = (struct client){.store = must_open(options)};
    if (submits)
        MUST((client->queue = xkv_queue_new()));
    xkv_reply_init(&client->reply, NULL, 0);
}

static inline void client_close(struct client *client) {
    xkv_reply_clear(&client->reply);
    xkv_close(client->store);
    xkv_queue_free(client->queue);
    client->store = NULL;
    client->queue = NULL;
}

static inline int client_run_unchecked(struct client *client, const xkv_command *command) {
    xkv_completion done;

    if (!client->queue) {
        int status = xkv_exec(client->store, command, &client->reply);
        MUST(status == client->reply.status);
        return status;
    }
    int how = xkv_submit(client->store, command, &client->reply, client->queue, ++client->tag);
    if (how == XKV_DONE)
        return client->reply.status;
    MUST(how == XKV_PENDING);
    MUST(xkv_completions(client->queue, &done, 1, -1) == 1);
    MUST(done.tag == client->tag);
    xkv_reply_clear(&client->reply);
    client->reply = done.reply;
    return client->reply.status;
}

static inline int client_run(struct client *client, const xkv_command *command) {
    int status = client_run_unchecked(client, command);

    promises_check(command, status);
    return status;
}

/* One command, by its fields: RUN(client, .op = XKV_OP_SET, .key = key, .value = value) */
#define RUN(client, ...) client_run((client), &(xkv_command){__VA_ARGS__})

static inline int do_plain(struct client *client, int op) {
    return RUN(client, .op = op);
}

static inline int do_key(struct client *client, int op, xkv_bytes key) {
    return RUN(client, .op = op, .key = key);
}

static inline int do_value(struct client *client, int op, xkv_bytes key, xkv_bytes value) {
    return RUN(client, .op = op, .key = key, .value = value);
}

static inline int do_prefix(struct client *client, int op, xkv_bytes prefix) {
    return RUN(client, .op = op, .prefix = prefix);
}

static inline int do_limit(struct client *client, int op, xkv_bytes prefix, int64_t limit) {
    return RUN(client, .op = op, .prefix = prefix, .limit = limit);
}

static inline int do_count(struct client *client, int op, xkv_bytes prefix, int64_t count) {
    return RUN(client, .op = op, .prefix = prefix, .count = count);
}

/* The most usual. */

static inline int do_get(struct client *client, xkv_bytes key) {
    return RUN(client, .op = XKV_OP_GET, .key = key);
}

static inline int do_set(struct client *client, xkv_bytes key, xkv_bytes value) {
    return RUN(client, .op = XKV_OP_SET, .key = key, .value = value);
}

static inline int do_delete(struct client *client, xkv_bytes key) {
    return RUN(client, .op = XKV_OP_DELETE, .key = key);
}

static inline int do_exists(struct client *client, xkv_bytes key) {
    return RUN(client, .op = XKV_OP_EXISTS, .key = key);
}

static inline int do_list(struct client *client, xkv_bytes prefix, int64_t limit) {
    return RUN(client, .op = XKV_OP_LIST, .prefix = prefix, .limit = limit);
}

static inline int do_random(struct client *client, xkv_bytes prefix) {
    return RUN(client, .op = XKV_OP_RANDOM_KEY, .prefix = prefix);
}

/* The bytes of the last reply. */
static inline xkv_bytes answer(const struct client *client) {
    return bytes_of(client->reply.data, client->reply.len);
}

/* Whether the last reply's bytes, such as a message, contain a text. */
static inline bool answer_says(const struct client *client, const char *text) {
    return memmem(client->reply.data, client->reply.len, text, strlen(text)) != NULL;
}

/* Prints an unexpected reply; returns its status, for use in a check. */
static inline int told(const struct client *client) {
    if (client->reply.status != XKV_OK)
        fprintf(stderr, "%s: %.*s\n", xkv_error_name(client->reply.status), (int)client->reply.len,
                (const char *)client->reply.data);
    return client->reply.status;
}

#endif
