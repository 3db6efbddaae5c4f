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

/* First thing in main. */
static inline void test_begin(char *const argv[]) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    test.program = argv[0];
    test.seed = seed_of_run();
    printf("seed=%" PRIu64 "\n", test.seed);
    xkv_seed(test.seed);
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

static inline uint64_t clock_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* -- Options ----------------------------------------------------------------- */

/* Where the store is: its path, or in memory its name. */
static inline void set_place(xkv_options *options, const char *place) {
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

static inline int client_run(struct client *client, const xkv_command *command) {
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

static inline xkv_command command_of(int op, xkv_bytes key) {
    return (xkv_command){.op = op, .key = key};
}

/* Commands by what they take. */

static inline int do_plain(struct client *client, int op) {
    xkv_command command = {.op = op};
    return client_run(client, &command);
}

static inline int do_key(struct client *client, int op, xkv_bytes key) {
    xkv_command command = command_of(op, key);
    return client_run(client, &command);
}

static inline int do_value(struct client *client, int op, xkv_bytes key, xkv_bytes value) {
    xkv_command command = {.op = op, .key = key, .value = value};
    return client_run(client, &command);
}

static inline int do_prefix(struct client *client, int op, xkv_bytes prefix) {
    xkv_command command = {.op = op, .prefix = prefix};
    return client_run(client, &command);
}

static inline int do_limit(struct client *client, int op, xkv_bytes prefix, int64_t limit) {
    xkv_command command = {.op = op, .prefix = prefix, .limit = limit};
    return client_run(client, &command);
}

static inline int do_count(struct client *client, int op, xkv_bytes prefix, int64_t count) {
    xkv_command command = {.op = op, .prefix = prefix, .count = count};
    return client_run(client, &command);
}

static inline int do_items(struct client *client, int op, const xkv_items *items) {
    xkv_command command = {.op = op, .items = xkv_items_bytes(items)};
    return client_run(client, &command);
}

static inline int do_increment(struct client *client, xkv_bytes key, int64_t delta) {
    xkv_command command = {.op = XKV_OP_INCREMENT_BY, .key = key, .delta = delta};
    return client_run(client, &command);
}

/* The most usual. */

static inline int do_get(struct client *client, xkv_bytes key) {
    return do_key(client, XKV_OP_GET, key);
}

static inline int do_set(struct client *client, xkv_bytes key, xkv_bytes value) {
    return do_value(client, XKV_OP_SET, key, value);
}

static inline int do_delete(struct client *client, xkv_bytes key) {
    return do_key(client, XKV_OP_DELETE, key);
}

static inline int do_exists(struct client *client, xkv_bytes key) {
    return do_key(client, XKV_OP_EXISTS, key);
}

static inline int do_list(struct client *client, xkv_bytes prefix, int64_t limit) {
    return do_limit(client, XKV_OP_LIST, prefix, limit);
}

static inline int do_random(struct client *client, xkv_bytes prefix) {
    return do_prefix(client, XKV_OP_RANDOM_KEY, prefix);
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
