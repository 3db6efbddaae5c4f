/*
 * tokens.c - the tokens of claims grow as long as there is the file, whoever opens
 * it and however it is closed
 */
#include "../child.h"
#include "claims.h"

static xkv_options store_of_child(const char *path, const char *durability, const char *tracked) {
    xkv_options options = disk_options(path);

    options.durability = atoi(durability);
    options.track_keys = atoi(tracked);
    return options;
}

/* Claims until told to end, and dies without closing the store. */
static int child_main(char *argv[]) {
    xkv_options options = store_of_child(argv[2], argv[3], argv[4]);
    struct client client;
    struct ticket ticket;
    char key[16];

    client_open(&client, &options, false);
    for (int i = 0; i < atoi(argv[5]); i++) {
        snprintf(key, sizeof key, "k:%02d", i);
        MUST(do_set(&client, xkv_text(key), LIT("1")) == XKV_OK);
        xkv_command command = claim_of(xkv_text(key), TTL);
        MUST(client_run(&client, &command) == XKV_OK && take_ticket(&client, &ticket));
        printf("%" PRId64 "\n", ticket.token);
    }
    fflush(stdout);
    _exit(0);
}

/* The tokens of a child grow from *last on; *last gets the largest. */
static void tokens_of_child(const char *path, int durability, bool tracked, const char *claims,
                            int64_t *last) {
    const char numbers[2][2] = {{(char)('0' + durability), 0}, {(char)('0' + tracked), 0}};
    const char *const arguments[] = {"claim", path, numbers[0], numbers[1], claims, NULL};
    struct child child;
    char line[64];

    child_start(&child, arguments);
    while (child_hear(&child, line, sizeof line)) {
        assert_true(strtoll(line, NULL, 10) > *last);
        *last = strtoll(line, NULL, 10);
    }
    assert_int_equal(child_end(&child), 0);
}

static void tokens_over_openings(const char *path, int durability, bool tracked) {
    xkv_options options = disk_options(path);
    int64_t last = 0;
    struct client client;

    options.durability = durability;
    options.track_keys = tracked;
    for (int round = 0; round < 4; round++) {
        client_open(&client, &options, round % 2);
        put(&client, LIT("k:00"), LIT("1"));
        assert_held(&client, NOTHING, 0, 0); /* they end with the process */
        for (int i = 0; i < 3; i++) {
            struct ticket ticket = claim(&client, LIT("k:00"));
            assert_true(ticket.token > last);
            last = ticket.token;
            assert_ends(&client, XKV_OP_RELEASE_CLAIM, &ticket, true);
        }
        if (round == 2) { /* many at once, more than are set aside */
            assert_int_equal(RUN(&client, .op = XKV_OP_CLAIM_RANDOM_MANY, .count = XKV_COUNT_MAX),
                             XKV_OK);
            struct ticket ticket;
            assert_true(take_ticket(&client, &ticket) && ticket.token > last);
            last = ticket.token;
        }
        client_close(&client);
        tokens_of_child(path, durability, tracked, round == 0 ? "0" : "5", &last);
    }
}

static void test_tokens_never_repeat(void **state) {
    char path[PATH_SIZE];

    (void)state;
    for (int i = 0; i < 6; i++)
        tokens_over_openings(fresh_path(path), i / 2, i % 2);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tokens_never_repeat)};

    if (argc == 6)
        return child_main(argv);
    clocks_stop();
    return run_cases(argv, NULL, 0, tests, COUNT(tests));
}
