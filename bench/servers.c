/*
 * servers.c - a store on a Redis or Valkey server, as a C program sees it
 *
 *     build/release/bench/servers redis://127.0.0.1:6379 [in flight [seconds [keys [calls]]]]
 *
 * So many calls are in flight at a time (default 50), each of a handle of its own; whoever is
 * answered calls again. One thread submits and collects. `calls` names those to measure, as
 * "get/randomKey". One JSON object per line goes to the file named by XKV_BENCH_JSON, if it is
 * set: "from" and "to" are when it was measured, in seconds since 1970. The store has as many
 * partitions as XKV_BENCH_PARTITIONS says, if that is set.
 */
#define _GNU_SOURCE 1
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "xkv.h"

enum { CALLERS_MAX = 1000 };

/* What is measured. Of what uses up free keys only a quarter is taken, so that the pool
 * remains about what it was. */
static const struct call {
    const char *name;
    int op;
    bool releases, uses_up;
} calls[] = {
    {"get", XKV_OP_GET, false, false},
    {"set", XKV_OP_SET, false, false},
    {"incrementBy", XKV_OP_INCREMENT_BY, false, false},
    {"randomKey, prefix", XKV_OP_RANDOM_KEY, false, false},
    {"claimRandom and releaseClaim", XKV_OP_CLAIM_RANDOM, true, false},
    {"claimRandom", XKV_OP_CLAIM_RANDOM, false, true},
    {"popRandom", XKV_OP_POP_RANDOM, false, true},
};

static xkv_store *stores[CALLERS_MAX];
static xkv_items claims[CALLERS_MAX]; /* what each has claimed, which its next call releases */
static xkv_queue *queue;
static size_t callers = 50, keys = 20000;
static int64_t partitions = 1;
static double seconds = 1;

static double now_s(void) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void die(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void open_all(const char *url) {
    char message[XKV_MESSAGE_SIZE];
    xkv_options options;

    xkv_options_init(&options);
    options.backend = XKV_BACKEND_REDIS;
    options.url = url;
    options.name = "bench";
    options.serialization = XKV_STRING;
    options.redis_partitions = partitions;
    for (size_t i = 0; i < callers; i++) {
        if (xkv_open(&options, &stores[i], message, sizeof message) != XKV_OK)
            die(message);
    }
    if (!(queue = xkv_queue_new()))
        die("no memory");
}

static xkv_bytes key_of(size_t n, char out[32]) {
    int len = snprintf(out, 32, "user:%08zu", n % keys);
    return (xkv_bytes){out, (size_t)len};
}

static const char value[] =
    "{\"name\":\"Ada Lovelace\",\"email\":\"ada@example.com\",\"age\":36,\"n\":1}";

/* The next call of a caller, number n of all. */
static void submit(size_t caller, const struct call *call, size_t n) {
    xkv_items *held = &claims[caller];
    char key[32];
    xkv_reply reply;
    xkv_command command = {.op = call->op,
                           .key = key_of(n * 7919, key),
                           .value = xkv_text(value),
                           .prefix = xkv_text("user:"),
                           .delta = 1,
                           .ttl_ms = 60000};

    if (held->len > 0) {
        command.op = XKV_OP_RELEASE_CLAIM;
        command.items = xkv_items_bytes(held);
        held->len = 0;
    } else if (call->op == XKV_OP_INCREMENT_BY) {
        command.key = xkv_text("counter");
    }
    xkv_reply_init(&reply, NULL, 0);
    if (xkv_submit(stores[caller], &command, &reply, queue, caller) == XKV_DONE)
        die((const char *)reply.data);
}

static bool same(xkv_bytes text, const char *other) {
    return text.len == strlen(other) && memcmp(text.data, other, text.len) == 0;
}

/* Keeps the claim of a reply; a release has none. */
static void hold(xkv_items *held, const xkv_reply *reply) {
    xkv_bytes bytes = {reply->data, reply->len}, id = {NULL, 0}, key = {NULL, 0};
    xkv_item item;
    size_t at = 0;

    while (xkv_item_next(bytes, &at, &item)) {
        if (item.kind == XKV_ITEM_ENTRY)
            key = item.text;
        else if (item.kind == XKV_ITEM_TEXT && same(item.name, "id"))
            id = item.text;
        else if (item.kind == XKV_ITEM_TEXT && same(item.name, "key"))
            key = item.text;
        else if (item.kind == XKV_ITEM_INTEGER && same(item.name, "token"))
            (void)xkv_items_add_claim(held, id, key, item.integer);
    }
    if (reply->len > 0 && held->len == 0)
        die("this reply has no claim");
}

static void fill(void) {
    xkv_items items = {NULL, 0, 0};
    xkv_reply reply;
    char key[32];

    xkv_reply_init(&reply, NULL, 0);
    (void)xkv_exec(stores[0], &(xkv_command){.op = XKV_OP_CLEAR}, &reply);
    for (size_t i = 0; i < keys; i++) {
        (void)xkv_items_add(&items, key_of(i, key), xkv_text(value));
        if (i % 1000 != 999 && i + 1 != keys)
            continue;
        xkv_command set = {.op = XKV_OP_SET_MANY, .items = xkv_items_bytes(&items)};
        if (xkv_exec(stores[0], &set, &reply) != XKV_OK)
            die((const char *)reply.data);
        items.len = 0;
    }
    xkv_items_free(&items);
    xkv_reply_clear(&reply);
}

static void check(const xkv_reply *reply, const struct call *call) {
    if (reply->status != XKV_OK)
        die((const char *)reply->data);
    bool is_text = call->op == XKV_OP_GET || call->op == XKV_OP_RANDOM_KEY;
    bool is_step = call->releases || call->uses_up;
    if ((is_text && reply->len == 0) || (is_step && reply->number != 1))
        die("there was nothing, or a claim had ended");
}

/* Makes a call again and again, until the time is over or enough is used up: how often. */
static size_t repeat(const struct call *call, double end) {
    xkv_completion done[64];
    size_t count = 0, flying = callers, most = call->uses_up ? keys / 4 : SIZE_MAX;

    for (size_t i = 0; i < callers; i++)
        submit(i, call, i);
    while (flying > 0) {
        size_t got = xkv_completions(queue, done, 64, -1);
        bool goes_on = now_s() < end && count < most;
        for (size_t i = 0; i < got; i++) {
            size_t caller = (size_t)done[i].tag;
            check(&done[i].reply, call);
            if (call->releases)
                hold(&claims[caller], &done[i].reply);
            xkv_reply_clear(&done[i].reply);
            count++;
            if (goes_on || claims[caller].len > 0)
                submit(caller, call, callers + count);
            else
                flying--;
        }
    }
    return count;
}

/* Measures a call, tells it, and writes it down. */
static void measure(const struct call *call, FILE *json) {
    double from = now_s();
    size_t count = repeat(call, from + seconds);
    double to = now_s(), rate = (double)count / (to - from);

    printf("%-30s %9.0f calls/s with %zu in flight\n", call->name, rate, callers);
    if (json)
        fprintf(json,
                "{\"part\":\"servers\",\"store\":\"%s\",\"call\":\"%s\",\"vus\":%zu,"
                "\"keys\":%zu,\"calls\":%zu,\"rate\":%.0f,\"from\":%.6f,\"to\":%.6f}\n",
                partitions > 1 ? "cluster" : "library", call->name, callers, keys, count, rate,
                from, to);
}

/* What has been used up is put back before the next. */
static void measure_all(const char *names, FILE *json) {
    bool is_full = false;

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (names && !strstr(names, xkv_op_describe(calls[i].op)->name))
            continue;
        if (!is_full)
            fill();
        measure(&calls[i], json);
        is_full = !calls[i].uses_up;
    }
}

int main(int argc, char **argv) {
    const char *path = getenv("XKV_BENCH_JSON");
    FILE *json = path ? fopen(path, "a") : NULL;

    if (getenv("XKV_BENCH_PARTITIONS"))
        partitions = strtoll(getenv("XKV_BENCH_PARTITIONS"), NULL, 10);
    if (argc < 2)
        die("give the url of a server");
    if (argc > 2)
        callers = strtoul(argv[2], NULL, 10);
    if (argc > 3)
        seconds = strtod(argv[3], NULL);
    if (argc > 4)
        keys = strtoul(argv[4], NULL, 10);
    if (callers < 1 || callers > CALLERS_MAX || keys < 1)
        die("1 to 1000 calls in flight, and one key or more");
    open_all(argv[1]);
    measure_all(argc > 5 ? argv[5] : NULL, json);
    if (json)
        fclose(json);
    for (size_t i = 0; i < callers; i++) {
        xkv_items_free(&claims[i]);
        xkv_close(stores[i]);
    }
    xkv_queue_free(queue);
    return 0;
}
