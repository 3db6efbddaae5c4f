/*
 * order.c - keys in their order: the lowest free one is claimed or popped, all in turn;
 * and the claim that its owner finds again
 */
#include "claims.h"

static void fill(struct client *client, size_t count) {
    xkv_items entries = {NULL, 0, 0};
    char key[32];

    for (size_t i = count; i > 0; i--) { /* not in their order */
        snprintf(key, sizeof key, "k:%02zu", i - 1);
        items_add(&entries, xkv_text(key), xkv_text(key + 2));
    }
    assert_int_equal(do_list_of(client, XKV_OP_SET_MANY, entries), XKV_OK);
}

static void assert_null_reply(struct client *client) {
    assert_int_equal(told(client), XKV_OK);
    assert_reply(client, "null");
    assert_int_equal(client->reply.number, 0);
}

/* -- The lowest free key ------------------------------------------------------- */

static struct ticket claim_by(struct client *client, const xkv_command *command, const char *key) {
    struct ticket ticket = {.token = 0};

    client_run(client, command);
    assert_int_equal(told(client), XKV_OK);
    assert_int_equal(client->reply.number, 1);
    if (!take_ticket(client, &ticket))
        fail_msg("not claimed: %s", reply_text(&client->reply));
    assert_string_equal(ticket.key, key);
    return ticket;
}

static xkv_command next_claim_of(const char *prefix) {
    return (xkv_command){.op = XKV_OP_CLAIM_NEXT, .prefix = xkv_text(prefix), .ttl_ms = TTL};
}

static void case_claim_next(struct client *client) {
    enum { MANY = 20 };
    xkv_command command = next_claim_of("k:");
    struct ticket held[MANY];
    char key[32];

    client_run(client, &command);
    assert_null_reply(client);
    fill(client, MANY);
    put(client, LIT("a"), LIT("before"));
    put(client, LIT("k"), LIT("before, too"));
    put(client, LIT("l"), LIT("behind"));
    for (size_t i = 0; i < MANY; i++) {
        snprintf(key, sizeof key, "k:%02zu", i);
        held[i] = claim_by(client, &command, key);
        assert_true(is_token(held[i].token, (int64_t)i));
        assert_int_equal(held[i].expires_at, clocks_wall() + TTL);
    }
    client_run(client, &command);
    assert_null_reply(client);
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &held[13], true);
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &held[4], true);
    claim_by(client, &command, "k:04");
    claim_by(client, &command, "k:13");
    put(client, LIT("k:035"), LIT("new"));
    claim_by(client, &command, "k:035");
    assert_ends(client, XKV_OP_COMPLETE_CLAIM, &held[0], true);
    clocks_pass(TTL);
    claim_by(client, &command, "k:01");
    assert_held(client, NOTHING, 1, 0);
}

static void case_claim_next_says(struct client *client) {
    xkv_command command = {.op = XKV_OP_CLAIM_NEXT, .owner = LIT("vu 1")};
    struct claim claim;
    char text[256];
    size_t at = 0;

    put(client, LIT("b"), LIT("2"));
    put(client, LIT("a"), LIT("1"));
    client_run(client, &command);
    assert_true(next_claim(&client->reply, &at, &claim) && is_token(claim.token, 0));
    snprintf(text, sizeof text,
             "{\"id\":\"claim-%" PRId64 "\",\"key\":\"a\",\"entry\":{\"key\":\"a\",\"value\":1},"
             "\"owner\":\"vu 1\",\"token\":%" PRId64 ",\"expiresAt\":%" PRIu64 "}",
             claim.token, claim.token, clocks_wall() + XKV_TTL_DEFAULT);
    assert_reply(client, text);
}

static void pop_next(struct client *client, const char *prefix, const char *key,
                     const char *value) {
    assert_int_equal(do_prefix(client, XKV_OP_POP_NEXT, xkv_text(prefix)), XKV_OK);
    assert_only_entry(client, xkv_text(key), xkv_text(value));
    assert_missing(client, xkv_text(key));
}

static void case_pop_next(struct client *client) {
    enum { MANY = 12 };
    char key[32];

    do_prefix(client, XKV_OP_POP_NEXT, NOTHING);
    assert_null_reply(client);
    fill(client, MANY);
    put(client, LIT("a"), LIT("1"));
    put(client, LIT("l"), LIT("2"));
    struct ticket zero = claim(client, LIT("k:00")), four = claim(client, LIT("k:04"));
    for (size_t i = 1; i < MANY; i++) {
        snprintf(key, sizeof key, "k:%02zu", i);
        if (i != 4)
            pop_next(client, "k:", key, key + 2);
    }
    do_prefix(client, XKV_OP_POP_NEXT, LIT("k:"));
    assert_null_reply(client);
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &four, true);
    pop_next(client, "k:", "k:04", "04");
    pop_next(client, "", "a", "1");
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &zero, true);
    pop_next(client, "", "k:00", "00");
    pop_next(client, "", "l", "2");
    assert_size(client, 0);
}

/* Claimed keys in runs and alone, at the beginning and the end of what has the prefix. */
static void case_lowest_behind_gaps(struct client *client) {
    enum { MANY = 30 };
    struct rng rng = rng_for("gaps");
    bool taken[MANY] = {false};
    char key[32];

    fill(client, MANY);
    put(client, LIT("j"), LIT("1"));
    claim(client, LIT("j"));
    for (size_t round = 0; round < MANY; round++) {
        size_t n = rng_below(&rng, MANY), lowest = 0;
        snprintf(key, sizeof key, "k:%02zu", n);
        if (!taken[n])
            claim(client, xkv_text(key));
        taken[n] = true;
        while (lowest < MANY && taken[lowest])
            lowest++;
        if (lowest == MANY)
            break;
        snprintf(key, sizeof key, "k:%02zu", lowest);
        xkv_command command = next_claim_of(round % 2 ? "k" : "k:");
        struct ticket ticket = claim_by(client, &command, key);
        taken[lowest] = round % 3 == 0;
        if (!taken[lowest])
            assert_ends(client, XKV_OP_RELEASE_CLAIM, &ticket, true);
    }
}

/* -- Claims of owners ------------------------------------------------------------ */

static xkv_command owners_claim(const char *owner, const char *prefix) {
    return (xkv_command){.op = XKV_OP_CLAIM_FOR_OWNER,
                         .owner = xkv_text(owner),
                         .prefix = xkv_text(prefix),
                         .ttl_ms = TTL};
}

static struct ticket claim_for(struct client *client, const char *owner, const char *prefix) {
    xkv_command command = owners_claim(owner, prefix);
    struct ticket ticket;

    client_run(client, &command);
    assert_int_equal(told(client), XKV_OK);
    if (!take_ticket(client, &ticket))
        fail_msg("not claimed: %s", reply_text(&client->reply));
    return ticket;
}

static void assert_same_claim(struct client *client, const char *owner, const char *prefix,
                              const struct ticket *first) {
    struct ticket again = claim_for(client, owner, prefix);

    assert_string_equal(again.id, first->id);
    assert_string_equal(again.key, first->key);
    assert_int_equal(again.token, first->token);
    assert_int_equal(again.expires_at, first->expires_at);
}

static void case_claim_for_owner(struct client *client) {
    xkv_command command = owners_claim("vu 1", "k:");
    char text[256];

    client_run(client, &command);
    assert_null_reply(client);
    put(client, LIT("k:1"), LIT("1"));
    struct ticket first = claim_for(client, "vu 1", "k:");
    clocks_pass(TTL / 2);
    assert_same_claim(client, "vu 1", "k:", &first);
    put(client, LIT("k:1"), LIT("2"));
    client_run(client, &command);
    snprintf(text, sizeof text,
             "{\"id\":\"claim-%" PRId64
             "\",\"key\":\"k:1\",\"entry\":{\"key\":\"k:1\",\"value\":2},"
             "\"owner\":\"vu 1\",\"token\":%" PRId64 ",\"expiresAt\":%" PRIu64 "}",
             first.token, first.token, clocks_wall() - TTL / 2 + TTL);
    assert_reply(client, text);
    assert_int_equal(client->reply.number, 1);
    command.owner = LIT("vu 2");
    client_run(client, &command);
    assert_null_reply(client);
    clocks_pass(TTL / 2); /* it was not renewed */
    client_run(client, &command);
    assert_int_equal(client->reply.number, 1);
    command.owner = LIT("vu 1");
    client_run(client, &command);
    assert_null_reply(client);
}

/* Exactly this owner and exactly this prefix, however the two are put together. */
static void case_exactly_this_prefix(struct client *client) {
    static const char *const pairs[][2] = {{"vuk", ":"}, {"vu", "k:"}, {"vu", "k"}, {"vu", ""},
                                           {"v", "k:"},  {"vuk:", ""}, {"k", "k:"}, {"vu", "k:0"}};
    struct ticket first[COUNT(pairs)];

    fill(client, 30);
    put(client, LIT(":"), LIT("1"));
    for (size_t i = 0; i < COUNT(pairs); i++)
        first[i] = claim_for(client, pairs[i][0], pairs[i][1]);
    assert_held(client, NOTHING, COUNT(pairs), 0);
    for (size_t i = 0; i < COUNT(pairs); i++)
        assert_same_claim(client, pairs[i][0], pairs[i][1], &first[i]);
    assert_held(client, NOTHING, COUNT(pairs), 0);
}

/* What other commands have claimed is not found, though it has an owner. */
static void case_other_claims_of_owner(struct client *client) {
    xkv_command command = {.op = XKV_OP_CLAIM_KEY, .key = LIT("k:00"), .owner = LIT("vu")};

    fill(client, 5);
    assert_int_equal(client_run(client, &command), XKV_OK);
    command = (xkv_command){
        .op = XKV_OP_CLAIM_RANDOM, .prefix = LIT("k:01"), .owner = LIT("vu"), .ttl_ms = TTL};
    assert_int_equal(client_run(client, &command), XKV_OK);
    command.op = XKV_OP_CLAIM_NEXT;
    command.prefix = LIT("k:");
    claim_by(client, &command, "k:02");
    struct ticket ticket = claim_for(client, "vu", "k:");
    assert_true(is_token(ticket.token, 3));
    assert_same_claim(client, "vu", "k:", &ticket);
}

/* All that ends a claim ends it for its owner, too. */
static void case_owners_claim_ends(struct client *client) {
    static const int ops[] = {XKV_OP_RELEASE_CLAIM, XKV_OP_COMPLETE_CLAIM, XKV_OP_DELETE,
                              XKV_OP_CLEAR, XKV_OP_DELETE_BY_PREFIX};
    struct ticket last = {.token = 0};

    for (size_t i = 0; i <= COUNT(ops); i++) {
        put(client, LIT("k:1"), LIT("1"));
        struct ticket ticket = claim_for(client, "vu", "k:");
        assert_true(ticket.token > last.token);
        last = ticket;
        assert_same_claim(client, "vu", "k:", &ticket);
        if (i == COUNT(ops))
            clocks_pass(TTL);
        else if (ops[i] == XKV_OP_RELEASE_CLAIM || ops[i] == XKV_OP_COMPLETE_CLAIM)
            assert_ends(client, ops[i], &ticket, true);
        else
            client_run(
                client,
                &(xkv_command){.op = ops[i], .key = LIT("k:1"), .prefix = LIT("k"), .limit = 5});
        assert_int_equal(told(client), XKV_OK);
    }
    assert_true(claim_for(client, "vu", "k:").token > last.token);
}

/* Renewed it stays the owner's, until its new time; and that is told from then on. */
static void case_owners_claim_renewed(struct client *client) {
    put(client, LIT("k:1"), LIT("1"));
    struct ticket ticket = claim_for(client, "vu", "k:");
    clocks_pass(TTL / 2);
    assert_true(renews(client, &ticket, 3 * TTL));
    ticket.expires_at = (int64_t)clocks_wall() + 3 * TTL;
    assert_same_claim(client, "vu", "k:", &ticket);
    clocks_pass(3 * TTL - 1);
    assert_same_claim(client, "vu", "k:", &ticket);
    clocks_pass(1);
    assert_true(claim_for(client, "vu", "k:").token > ticket.token);
}

static void case_owner_is_needed(struct client *client) {
    xkv_command command = owners_claim("", "k:");

    put(client, LIT("k:1"), LIT("1"));
    assert_int_equal(client_run(client, &command), XKV_E_INVALID_OPTIONS);
    assert_true(answer_says(client, "claimForOwner") && answer_says(client, "owner"));
    assert_held(client, NOTHING, 0, 0);
}

/* -- In turn ----------------------------------------------------------------------- */

static void in_turn(struct client *client, const char *prefix, const char *key) {
    xkv_bytes found, value;
    size_t at = 0;

    do_prefix(client, XKV_OP_NEXT_CIRCULAR, xkv_text(prefix));
    assert_int_equal(told(client), XKV_OK);
    assert_int_equal(client->reply.number, 1);
    assert_true(xkv_reply_next(&client->reply, &at, &found, &value));
    assert_int_equal(at, client->reply.len);
    if (!same_bytes(found, xkv_text(key)))
        fail_msg("%s instead of %s", reply_text(&client->reply), key);
}

static void case_next_circular(struct client *client) {
    enum { MANY = 8 };
    char key[32];

    do_prefix(client, XKV_OP_NEXT_CIRCULAR, LIT("k:"));
    assert_null_reply(client);
    fill(client, MANY);
    put(client, LIT("a"), LIT("1"));
    put(client, LIT("l"), LIT("2"));
    for (size_t i = 0; i < 3 * MANY; i++) {
        snprintf(key, sizeof key, "k:%02zu", i % MANY);
        in_turn(client, "k:", key);
        assert_only_entry(client, xkv_text(key), xkv_text(key + 2));
    }
    in_turn(client, "", "a"); /* each prefix has its own */
    in_turn(client, "k:0", "k:00");
    in_turn(client, "", "k:00");
    in_turn(client, "k:0", "k:01");
    in_turn(client, "k:", "k:00");
    in_turn(client, "l", "l");
    in_turn(client, "l", "l"); /* one is in turn with itself */
    claim(client, LIT("k:01"));
    in_turn(client, "k:", "k:01");
    assert_size(client, MANY + 2);
}

/* Keys that come and go, the one that was last among them. */
static void case_in_turn_meanwhile(struct client *client) {
    fill(client, 4);
    in_turn(client, "k:", "k:00");
    in_turn(client, "k:", "k:01");
    assert_int_equal(do_delete(client, LIT("k:01")), XKV_OK);
    assert_int_equal(do_delete(client, LIT("k:02")), XKV_OK);
    put(client, LIT("k:005"), LIT("too low"));
    put(client, LIT("k:011"), LIT("just behind"));
    in_turn(client, "k:", "k:011");
    in_turn(client, "k:", "k:03");
    in_turn(client, "k:", "k:00");
    in_turn(client, "k:", "k:005");
    assert_int_equal(do_plain(client, XKV_OP_CLEAR), XKV_OK);
    do_prefix(client, XKV_OP_NEXT_CIRCULAR, LIT("k:"));
    assert_null_reply(client);
    fill(client, 4);
    in_turn(client, "k:", "k:01"); /* where it was */
}

/* -- From a position on -------------------------------------------------------------- */

static int run_next(struct client *client, const char *position, const char *prefix, bool cycle) {
    return RUN(client, .op = XKV_OP_NEXT, .key = xkv_text(position), .prefix = xkv_text(prefix),
               .cycle = cycle);
}

static void assert_next(struct client *client, const char *prefix, bool cycle, const char *key) {
    xkv_bytes found, value;
    size_t at = 0;

    run_next(client, "at", prefix, cycle);
    assert_int_equal(told(client), XKV_OK);
    if (!key) {
        assert_null_reply(client);
        return;
    }
    assert_int_equal(client->reply.number, 1);
    assert_true(xkv_reply_next(&client->reply, &at, &found, &value));
    assert_int_equal(at, client->reply.len);
    if (!same_bytes(found, xkv_text(key)))
        fail_msg("%s instead of %s", reply_text(&client->reply), key);
}

/* Sets the position to a key, as the store's kind of values has it. */
static void put_position(struct client *client, const char *key) {
    char text[64];
    bool json = xkv_store_options(client->store)->serialization == XKV_JSON;

    snprintf(text, sizeof text, json ? " \"%s\" " : "%s", key);
    put(client, LIT("at"), xkv_text(text));
}

static void case_next(struct client *client) {
    enum { MANY = 5 };
    char key[32];

    assert_next(client, "k:", false, NULL);
    assert_next(client, "k:", true, NULL);
    assert_size(client, 0);
    fill(client, MANY);
    put(client, LIT("b"), LIT("1"));
    put(client, LIT("l"), LIT("2"));
    for (size_t i = 0; i < MANY; i++) {
        snprintf(key, sizeof key, "k:%02zu", i);
        assert_next(client, "k:", false, key);
    }
    assert_next(client, "k:", false, NULL);
    assert_next(client, "k:", false, NULL);
    put(client, LIT("k:07"), LIT("added"));
    assert_next(client, "k:", false, "k:07"); /* what comes behind the last is next */
    put(client, LIT("k:06"), LIT("before"));
    assert_next(client, "k:", false, NULL);
    assert_next(client, "k:", true, "k:00");
    assert_next(client, "k:", false, "k:01");
    assert_next(client, "l", false, "l"); /* the position is one, whatever the prefix: */
    assert_next(client, "l", false, NULL);
    assert_next(client, "l", true, "l"); /* and one alone comes again and again */
    assert_next(client, "k:", false, NULL);
    assert_next(client, "b", false, NULL);
    assert_next(client, "k:", true, "k:00");
    assert_size(client, MANY + 5);
}

static void case_next_from_a_set_position(struct client *client) {
    fill(client, 4);
    put_position(client, "k:01");
    assert_next(client, "k:", false, "k:02");
    put_position(client, "k:015"); /* need not be there */
    assert_next(client, "k:", false, "k:02");
    put_position(client, "a");
    assert_next(client, "k:", false, "k:00");
    put_position(client, "z");
    assert_next(client, "k:", false, NULL);
    assert_next(client, "k:", true, "k:00");
    put(client, LIT("k:"), LIT("the prefix itself"));
    put_position(client, "k:");
    assert_next(client, "k:", false, "k:00");
    assert_int_equal(do_delete(client, LIT("at")), XKV_OK);
    assert_next(client, "k:", false, "k:");
    assert_int_equal(do_delete(client, LIT("k:")), XKV_OK);
    assert_next(client, "k:", false, "k:00");
}

/* Keys of all bytes come, and are where it goes on. */
static void case_next_of_strange_keys(struct client *client) {
    static const char *const keys[] = {"k:\x01", "k:\"",       "k:/\\",
                                       "k:\x7f", "k:\xc3\xa9", "k:\xf0\x9f\x98\x80"};
    static char longest[XKV_KEY_MAX + 1];

    for (size_t i = 0; i < COUNT(keys); i++)
        put(client, xkv_text(keys[i]), LIT("1"));
    put(client, LIT("k:\0"), LIT("1"));
    memset(longest, '~', XKV_KEY_MAX);
    memcpy(longest, "k:", 2);
    put(client, bytes_of(longest, XKV_KEY_MAX), LIT("1"));
    run_next(client, "at", "k:", false);
    assert_int_equal(client->reply.number, 1);
    for (size_t i = 0; i < 3; i++)
        assert_next(client, "k:", false, keys[i]);
    assert_next(client, "k:", false, longest);
    for (size_t i = 3; i < COUNT(keys); i++)
        assert_next(client, "k:", false, keys[i]);
    assert_next(client, "k:", false, NULL);
}

static void case_next_of_no_position(struct client *client) {
    fill(client, 2);
    put(client, LIT("at"), LIT("17"));
    if (xkv_store_options(client->store)->serialization == XKV_JSON) {
        static const char *const none[] = {"17", "null", "\"\"", "[\"k:00\"]", "\"\\ud800\""};
        for (size_t i = 0; i < COUNT(none); i++) {
            put(client, LIT("at"), xkv_text(none[i]));
            assert_int_equal(run_next(client, "at", "k:", false), XKV_E_VALUE_PARSE);
            assert_true(answer_says(client, "position \"at\"") && answer_says(client, "delete"));
        }
    } else {
        assert_next(client, "k:", false, "k:00");
        put(client, LIT("at"), NOTHING);
        assert_int_equal(run_next(client, "at", "k:", false), XKV_E_VALUE_PARSE);
    }
    assert_int_equal(run_next(client, "k:at", "k:", false), XKV_E_INVALID_OPTIONS);
    assert_true(answer_says(client, "k:at") && answer_says(client, "prefix"));
    assert_int_equal(run_next(client, "", "k:", false), XKV_E_INVALID_OPTIONS);
    assert_int_equal(run_next(client, "at", "", false), XKV_E_INVALID_OPTIONS);
    assert_true(answer_says(client, "prefix"));
}

static void case_prefix_longer_than_keys(struct client *client) {
    static const int ops[] = {XKV_OP_NEXT_CIRCULAR, XKV_OP_CLAIM_NEXT, XKV_OP_POP_NEXT,
                              XKV_OP_CLAIM_FOR_OWNER};
    static char prefix[XKV_KEY_MAX + 1], longest[1 << 20];

    memset(longest, 'p', sizeof longest);
    RUN(client, .op = XKV_OP_NEXT, .key = LIT("at"), .prefix = bytes_of(longest, sizeof longest));
    assert_null_reply(client);
    memset(prefix, 'p', sizeof prefix);
    RUN(client, .op = XKV_OP_NEXT, .key = LIT("at"), .prefix = bytes_of(prefix, sizeof prefix));
    assert_null_reply(client);
    put(client, bytes_of(prefix, XKV_KEY_MAX), LIT("1"));
    for (size_t i = 0; i < COUNT(ops); i++) {
        xkv_command command = {
            .op = ops[i], .prefix = bytes_of(prefix, sizeof prefix), .owner = LIT("o")};
        client_run(client, &command);
        assert_null_reply(client);
        command.prefix.len--;
        client_run(client, &command);
        assert_int_equal(told(client), XKV_OK);
        assert_int_equal(client->reply.number, 1 - (i == 3));
        clocks_pass(XKV_TTL_DEFAULT);
    }
}

/* The turn is the store's, and that of a claim's owner, too, whatever the handle. */
static void case_turns_of_two_handles(struct client *client) {
    struct client other;
    char key[32];

    fill(client, 6);
    client_open(&other, xkv_store_options(client->store), !setting.submits);
    for (int i = 0; i < 12; i++) {
        snprintf(key, sizeof key, "k:%02d", i % 6);
        in_turn(i % 2 ? client : &other, "k:", key);
    }
    struct ticket ticket = claim_for(client, "vu", "k:");
    assert_same_claim(&other, "vu", "k:", &ticket);
    client_close(&other);
    in_turn(client, "k:", "k:00");
    assert_same_claim(client, "vu", "k:", &ticket);
}

/* A store that was closed begins anew; that of a process that only reads has a turn, too. */
static void case_turns_begin_anew(struct client *client) {
    char path[PATH_SIZE];

    if (!traits()->is_file)
        return;
    snprintf(path, sizeof path, "%s", xkv_store_options(client->store)->path);
    xkv_options options = disk_options(path);
    options.serialization = setting.serialization;
    options.track_keys = setting.track_keys;
    options.durability = setting.durability;
    fill(client, 3);
    in_turn(client, "k:", "k:00");
    in_turn(client, "k:", "k:01");
    for (int round = 0; round < 2; round++) {
        client_close(client);
        options.read_only = round == 0;
        client_open(client, &options, setting.submits);
        for (int i = 0; i < 4; i++)
            in_turn(client, "k:", i == 1 ? "k:01" : i == 2 ? "k:02" : "k:00");
    }
}

/* Behind writes that nobody has waited for, in one group with them: each call sees what came
 * before it, and none of what came behind. */
static void case_turns_among_writes(struct client *client) {
    enum { CALLS = 8 };
    static const char *const keys[CALLS / 2] = {"k:1", "k:3", "k:2", "k:4"};
    static const char *const turns[CALLS / 2] = {"k:1", "k:3", "k:1", "k:2"};
    xkv_completion done;
    xkv_queue *queue = xkv_queue_new();
    xkv_reply replies[CALLS];
    bool pending[CALLS]; /* a turn is, unless the writes before it are over already */

    for (uint64_t i = 0; i < CALLS; i++) {
        xkv_command command = {.op = i % 2 ? XKV_OP_NEXT_CIRCULAR : XKV_OP_SET,
                               .key = xkv_text(keys[i / 2]),
                               .value = LIT("1"),
                               .prefix = LIT("k:")};
        xkv_reply_init(&replies[i], NULL, 0);
        pending[i] = xkv_submit(client->store, &command, &replies[i], queue, i) == XKV_PENDING;
    }
    for (size_t i = 0; i < CALLS; i++) {
        if (!pending[i])
            continue;
        MUST(xkv_completions(queue, &done, 1, 60000) == 1);
        assert_int_equal(done.tag, i);
        replies[i] = done.reply;
    }
    for (size_t i = 0; i < CALLS; i++) {
        xkv_bytes key, value;
        size_t at = 0;
        assert_int_equal(replies[i].status, XKV_OK);
        if (i % 2)
            assert_true(xkv_reply_next(&replies[i], &at, &key, &value) &&
                        same_bytes(key, xkv_text(turns[i / 2])));
        xkv_reply_clear(&replies[i]);
    }
    xkv_queue_free(queue);
}

static const struct named_case cases[] = {
    CASE(claim_next),
    CASE(claim_next_says),
    CASE(pop_next),
    CASE(lowest_behind_gaps),
    CASE(claim_for_owner),
    CASE(exactly_this_prefix),
    CASE(other_claims_of_owner),
    CASE(owners_claim_ends),
    CASE(owners_claim_renewed),
    CASE(owner_is_needed),
    CASE(next),
    CASE(next_from_a_set_position),
    CASE(next_of_strange_keys),
    CASE(next_of_no_position),
    CASE(next_circular),
    CASE(in_turn_meanwhile),
    CASE(prefix_longer_than_keys),
    CASE(turns_of_two_handles),
    CASE(turns_begin_anew),
    CASE(turns_among_writes),
};

int main(int argc, char *argv[]) {
    (void)argc;
    clocks_stop();
    return run_cases(argv, cases, COUNT(cases), NULL, 0);
}
