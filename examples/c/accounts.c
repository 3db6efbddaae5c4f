/*
 * accounts.c - libxkv from C: a store of test accounts
 *
 * Loads a hundred accounts into a store on disk, picks some at random, lists
 * some by prefix, and then records logins without waiting for each to reach
 * the disk. README.md says how to compile it.
 *
 *     accounts [PATH]     PATH is the store's file, accounts.kv by default
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "xkv.h"

enum { ACCOUNTS = 100, LOGINS = 1000 };

/* Everything that one client needs: its handle, and a reply to use again and
 * again, with a buffer that usual values fit in. */
struct client {
    xkv_store *store;
    xkv_reply reply;
    char buffer[256];
};

/* Runs a command; says why if it fails. */
static bool run(struct client *client, const xkv_command *command) {
    if (xkv_exec(client->store, command, &client->reply) == XKV_OK)
        return true;
    fprintf(stderr, "accounts: %s: %.*s\n", xkv_error_name(client->reply.status),
            (int)client->reply.len, (const char *)client->reply.data);
    return false;
}

static bool open_store(struct client *client, const char *path) {
    char why[XKV_MESSAGE_SIZE];
    xkv_options options;

    xkv_options_init(&options);
    options.path = path;
    options.track_keys = true; /* keep an index of the keys: random keys in O(log n) */
    int error = xkv_open(&options, &client->store, why, sizeof why);
    if (error != XKV_OK) {
        fprintf(stderr, "accounts: %s: %s\n", xkv_error_name(error), why);
        return false;
    }
    xkv_reply_init(&client->reply, client->buffer, sizeof client->buffer);
    return true;
}

static void close_store(struct client *client) {
    xkv_reply_clear(&client->reply);
    xkv_close(client->store);
}

/* -- Commands that wait ------------------------------------------------------ */

static bool load(struct client *client) {
    static const char *const plans[] = {"free", "team", "firm"};
    char key[64], value[128];

    for (int i = 0; i < ACCOUNTS; i++) {
        snprintf(key, sizeof key, "account:%s:%03d", plans[i % 3], i);
        snprintf(value, sizeof value, "{\"id\":%d,\"plan\":\"%s\"}", i, plans[i % 3]);
        xkv_command set = {.op = XKV_OP_SET, .key = xkv_text(key), .value = xkv_text(value)};
        if (!run(client, &set))
            return false;
    }
    xkv_command size = {.op = XKV_OP_SIZE};
    if (!run(client, &size))
        return false;
    printf("loaded %d accounts; the store holds %" PRId64 " keys\n", ACCOUNTS,
           client->reply.number);
    return true;
}

static bool pick(struct client *client, const char *prefix) {
    xkv_command draw = {.op = XKV_OP_RANDOM_KEY, .prefix = xkv_text(prefix)};
    char key[64];

    if (!run(client, &draw))
        return false;
    int64_t choices = client->reply.number;
    /* The reply is used again below, so what it holds must be copied. */
    snprintf(key, sizeof key, "%.*s", (int)client->reply.len, (const char *)client->reply.data);
    xkv_command get = {.op = XKV_OP_GET, .key = xkv_text(key)};
    if (!run(client, &get))
        return false;
    printf("one of %" PRId64 ": %s = %.*s\n", choices, key, (int)client->reply.len,
           (const char *)client->reply.data);
    return true;
}

static bool list(struct client *client, const char *prefix, int64_t limit) {
    xkv_command command = {.op = XKV_OP_LIST, .prefix = xkv_text(prefix), .limit = limit};
    xkv_bytes key, value;
    size_t at = 0;

    if (!run(client, &command))
        return false;
    printf("the first %" PRId64 " that start with \"%s\"\n", client->reply.number, prefix);
    while (xkv_reply_next(&client->reply, &at, &key, &value))
        printf("    %.*s = %.*s\n", (int)key.len, (const char *)key.data, (int)value.len,
               (const char *)value.data);
    return true;
}

/* -- Commands that do not wait ----------------------------------------------- */

/* Collects what is finished, waiting for at least one. Counts it off pending;
 * whether all of it succeeded. */
static bool collect(xkv_queue *queue, size_t *pending) {
    xkv_completion done[64];
    size_t count = xkv_completions(queue, done, 64, -1);
    bool good = true;

    for (size_t i = 0; i < count; i++) {
        if (done[i].reply.status != XKV_OK) {
            fprintf(stderr, "accounts: login %" PRIu64 ": %.*s\n", done[i].tag,
                    (int)done[i].reply.len, (const char *)done[i].reply.data);
            good = false;
        }
        xkv_reply_clear(&done[i].reply);
    }
    *pending -= count;
    return good;
}

/* Submits one login; its number is the tag by which we would know it again. */
static bool submit_login(struct client *client, xkv_queue *queue, int number, size_t *pending) {
    char key[64], value[64];

    snprintf(key, sizeof key, "login:%05d", number);
    snprintf(value, sizeof value, "{\"account\":%d}", number % ACCOUNTS);
    xkv_command set = {.op = XKV_OP_SET, .key = xkv_text(key), .value = xkv_text(value)};
    int how = xkv_submit(client->store, &set, &client->reply, queue, (uint64_t)number);
    if (how == XKV_PENDING) {
        ++*pending;
        return true;
    }
    if (client->reply.status == XKV_OK) /* done at once, as in memory */
        return true;
    fprintf(stderr, "accounts: login %d: %.*s\n", number, (int)client->reply.len,
            (const char *)client->reply.data);
    return false;
}

/* Each of these writes is as durable as any other, but the store syncs once
 * for all that have come in meanwhile. */
static bool record_logins(struct client *client) {
    xkv_queue *queue = xkv_queue_new();
    size_t pending = 0;
    bool good = queue != NULL;

    if (!good)
        fprintf(stderr, "accounts: memory is short\n");
    for (int i = 0; i < LOGINS && good; i++)
        good = submit_login(client, queue, i, &pending);
    while (pending > 0) /* a queue may only be freed when all is collected */
        good = collect(queue, &pending) && good;
    xkv_queue_free(queue);
    if (good)
        printf("recorded %d logins\n", LOGINS);
    return good;
}

int main(int argc, char *argv[]) {
    struct client client;

    if (argc > 2) {
        fprintf(stderr, "usage: accounts [PATH]\n");
        return EXIT_FAILURE;
    }
    if (!open_store(&client, argc == 2 ? argv[1] : "accounts.kv"))
        return EXIT_FAILURE;
    bool good = load(&client) && pick(&client, "account:") && pick(&client, "account:team:") &&
                list(&client, "account:firm:", 3) && record_logins(&client) &&
                list(&client, "login:0000", 2);
    close_store(&client);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
