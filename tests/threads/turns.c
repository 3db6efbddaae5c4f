/*
 * turns.c - many threads take turns, while others write: each key comes once in a round;
 * and many ask for one owner's claim: there is one
 */
#include "../items.h"
#include "../kinds.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 6, KEYS_COUNT = 40, ROUNDS = SANITIZED ? 30 : 300, OWNERS = 50 };

static const struct kind kinds[] = {
    {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false},
    {"disk, none, untracked", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, false},
    {"disk, none, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, true},
    {"disk, full, tracked", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, true},
};

static xkv_options options;
static atomic_int turns_left, times[KEYS_COUNT];
static _Atomic int64_t tokens[OWNERS];
static atomic_bool over;

static xkv_bytes key_number(char out[32], const char *prefix, size_t n) {
    return bytes_of(out, (size_t)snprintf(out, 32, "%s%03zu", prefix, n));
}

static void take_turn(struct client *client) {
    xkv_bytes key, value;
    char digits[4] = "";
    size_t at = 0;

    MUST(do_prefix(client, XKV_OP_NEXT_CIRCULAR, LIT("t:")) == XKV_OK);
    MUST(xkv_reply_next(&client->reply, &at, &key, &value) && key.len == 5);
    memcpy(digits, (const char *)key.data + 2, 3);
    atomic_fetch_add(&times[strtoul(digits, NULL, 10)], 1);
}

static void *take_turns(void *argument) {
    struct client client;

    (void)argument;
    client_open(&client, &options, false);
    while (atomic_fetch_sub(&turns_left, 1) > 0)
        take_turn(&client);
    client_close(&client);
    return NULL;
}

/* Around the keys that are handed out, and the values of those. */
static void *write_beside(void *argument) {
    struct rng rng = rng_for("beside turns");
    struct client client;
    char text[32];

    (void)argument;
    client_open(&client, &options, false);
    while (!atomic_load(&over)) {
        size_t n = rng_below(&rng, KEYS_COUNT);
        bool inside = rng_chance(&rng, 300);
        xkv_bytes key = key_number(text, inside ? "t:" : n % 2 ? "s:" : "u:", n);
        if (inside || rng_chance(&rng, 500))
            MUST(do_set(&client, key, LIT("2")) == XKV_OK);
        else
            MUST(do_delete(&client, key) == XKV_OK);
    }
    client_close(&client);
    return NULL;
}

/* Whoever asks for an owner's claim, at the same time as others, gets the same one. */
static void *claim_for_owners(void *argument) {
    struct client client;

    (void)argument;
    client_open(&client, &options, false);
    for (size_t n = 0; n < OWNERS; n++) {
        struct ticket ticket;
        int64_t none = 0;
        char owner[32];
        MUST(RUN(&client, .op = XKV_OP_CLAIM_FOR_OWNER, .prefix = LIT("o:"),
                 .owner = key_number(owner, "owner ", n)) == XKV_OK);
        MUST(take_ticket(&client, &ticket));
        if (!atomic_compare_exchange_strong(&tokens[n], &none, ticket.token))
            MUST(none == ticket.token);
    }
    client_close(&client);
    return NULL;
}

static void fill(struct client *client, const char *prefix, size_t count) {
    xkv_items entries = {NULL, 0, 0};
    char text[32];

    for (size_t n = 0; n < count; n++)
        items_add(&entries, key_number(text, prefix, n), LIT("1"));
    MUST(do_list_of(client, XKV_OP_SET_MANY, entries) == XKV_OK);
}

/* All threads do the one, while another writes. */
static void run_all(void *(*run)(void *)) {
    pthread_t threads[THREADS], writer;

    atomic_store(&over, false);
    MUST(pthread_create(&writer, NULL, write_beside, NULL) == 0);
    for (size_t i = 0; i < THREADS; i++)
        MUST(pthread_create(&threads[i], NULL, run, NULL) == 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&over, true);
    pthread_join(writer, NULL);
}

static void check_kind(const struct kind *kind) {
    char name[PATH_SIZE];
    struct client client;

    running = kind;
    options = fresh(kind, name);
    options.serialization = XKV_BINARY;
    client_open(&client, &options, false);
    fill(&client, "t:", KEYS_COUNT);
    fill(&client, "o:", OWNERS);
    atomic_store(&turns_left, KEYS_COUNT * ROUNDS);
    run_all(take_turns);
    for (size_t n = 0; n < KEYS_COUNT; n++)
        assert_int_equal(atomic_exchange(&times[n], 0), ROUNDS);
    run_all(claim_for_owners);
    for (size_t n = 0; n < OWNERS; n++)
        MUST(atomic_exchange(&tokens[n], 0) > 0);
    MUST(do_prefix(&client, XKV_OP_CLAIM_NEXT, LIT("o:")) == XKV_OK);
    assert_int_equal(client.reply.number, 0); /* each has one, and no more than that */
    client_close(&client);
}

static void test_turns(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++)
        check_kind(&kinds[i]);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(test_turns, after_case)};

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
