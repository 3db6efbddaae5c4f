/*
 * claims.c - claims, under a clock that moves when told to: one holder at a time
 */
#include "claims.h"

static void fill(struct client *client, size_t count) {
    xkv_items entries = {NULL, 0, 0};
    char key[32];

    for (size_t i = 0; i < count; i++) {
        snprintf(key, sizeof key, "k:%02zu", i);
        items_add(&entries, xkv_text(key), xkv_text(key + 2));
    }
    assert_int_equal(do_list_of(client, XKV_OP_SET_MANY, entries), XKV_OK);
}

/* -- Claiming ---------------------------------------------------------------- */

static void case_claim_key(struct client *client) {
    xkv_command command = claim_of(LIT("a"), 0);
    struct claim first;
    char text[256];
    size_t at = 0;

    assert_not_claimable(client, LIT("a"));
    put(client, LIT("a"), LIT("1"));
    command.owner = LIT("vu 1");
    assert_int_equal(client_run(client, &command), XKV_OK);
    assert_true(next_claim(&client->reply, &at, &first) && is_token(first.token, 0));
    snprintf(text, sizeof text,
             "{\"id\":\"claim-%" PRId64 "\",\"key\":\"a\",\"entry\":{\"key\":\"a\",\"value\":1},"
             "\"owner\":\"vu 1\",\"token\":%" PRId64 ",\"expiresAt\":%" PRIu64 "}",
             first.token, first.token, clocks_wall() + XKV_TTL_DEFAULT);
    assert_reply(client, text);
    assert_int_equal(client->reply.number, 1);
    assert_not_claimable(client, LIT("a"));
    assert_not_claimable(client, LIT("b"));
    put(client, LIT("b"), LIT("2"));
    struct ticket b = claim(client, LIT("b"));
    assert_true(is_token(b.token, 1));
    assert_int_equal(b.expires_at, clocks_wall() + TTL);
    assert_held(client, NOTHING, 2, 0);
}

static void case_claim_random(struct client *client) {
    enum { MANY = 20 };
    xkv_command command = {.op = XKV_OP_CLAIM_RANDOM, .prefix = LIT("k:"), .owner = LIT("o")};
    bool seen[MANY] = {false};

    assert_int_equal(client_run(client, &command), XKV_OK);
    assert_reply(client, "null");
    fill(client, MANY);
    put(client, LIT("other"), LIT("1"));
    for (int64_t i = 0; i < MANY; i++) {
        struct claim got;
        size_t at = 0;
        assert_int_equal(client_run(client, &command), XKV_OK);
        assert_true(next_claim(&client->reply, &at, &got));
        assert_int_equal(at, client->reply.len);
        assert_true(got.key.len == 4 && same_bytes(got.owner, LIT("o")));
        assert_true(same_bytes(got.value, bytes_of((const char *)got.key.data + 2, 2)));
        assert_true(is_token(got.token, (int64_t)i));
        struct ticket ticket = ticket_of(&got);
        size_t n = strtoul(ticket.key + 2, NULL, 10);
        assert_true(n < MANY && !seen[n]);
        seen[n] = true;
    }
    assert_int_equal(client_run(client, &command), XKV_OK);
    assert_reply(client, "null");
    clocks_pass(XKV_TTL_DEFAULT - 1);
    assert_int_equal(client_run(client, &command), XKV_OK);
    assert_reply(client, "null");
    clocks_pass(1);
    assert_int_equal(client_run(client, &command), XKV_OK);
    assert_int_equal(client->reply.number, 1);
}

static int64_t claim_many(struct client *client, xkv_bytes prefix, int64_t count,
                          struct ticket *out) {
    xkv_command command = {
        .op = XKV_OP_CLAIM_RANDOM_MANY, .prefix = prefix, .count = count, .ttl_ms = TTL};
    struct claim got;
    size_t at = 0;
    int64_t n = 0;

    client_run(client, &command);
    assert_int_equal(told(client), XKV_OK);
    for (; next_claim(&client->reply, &at, &got); n++) {
        out[n] = ticket_of(&got);
        if (n > 0)
            assert_true(out[n].token > out[n - 1].token || traits()->in_parts);
    }
    assert_int_equal(client->reply.number, n);
    return n;
}

static void case_claim_random_many(struct client *client) {
    enum { MANY = 30 };
    struct ticket got[MANY];
    bool seen[MANY] = {false};
    int64_t last = 0;

    assert_int_equal(claim_many(client, NOTHING, 5, got), 0);
    assert_reply(client, "[]");
    fill(client, MANY);
    for (int64_t left = MANY; left > 0; left -= 7) {
        int64_t n = claim_many(client, LIT("k:"), 7, got);
        assert_int_equal(n, left < 7 ? left : 7);
        for (int64_t i = 0; i < n; i++) {
            size_t key = strtoul(got[i].key + 2, NULL, 10);
            assert_true(key < MANY && !seen[key] && (got[i].token > last || traits()->in_parts));
            seen[key] = true;
            last = got[i].token;
        }
    }
    assert_int_equal(claim_many(client, LIT("k:"), 1, got), 0);
    assert_held(client, LIT("k:"), MANY, 0);
    clocks_pass(TTL);
    assert_int_equal(claim_many(client, LIT("k:"), XKV_COUNT_MAX, got), MANY);
}

static void claim_keys(struct client *client, bool all_or_nothing, xkv_items keys) {
    xkv_command command = {
        .op = XKV_OP_CLAIM_KEYS, .ttl_ms = TTL, .all_or_nothing = all_or_nothing};
    run_with(client, command, keys);
}

static void case_claim_keys(struct client *client) {
    char text[512];

    fill(client, 4);
    int64_t next = claim(client, LIT("k:01")).token + 1;
    claim_keys(client, false, KEYS("k:03", "k:01", "no 2", "k:00", "no 1"));
    assert_int_equal(client->reply.number, 2);
    if (traits()->in_parts)
        return;
    snprintf(
        text, sizeof text,
        "{\"claimed\":["
        "{\"id\":\"claim-%" PRId64 "\",\"key\":\"k:03\",\"entry\":{\"key\":\"k:03\",\"value\":03},"
        "\"owner\":\"\",\"token\":%" PRId64 ",\"expiresAt\":%" PRIu64 "},"
        "{\"id\":\"claim-%" PRId64 "\",\"key\":\"k:00\",\"entry\":{\"key\":\"k:00\",\"value\":00},"
        "\"owner\":\"\",\"token\":%" PRId64 ",\"expiresAt\":%" PRIu64 "}],"
        "\"busy\":[\"k:01\"],\"missing\":[\"no 2\",\"no 1\"]}",
        next, next, clocks_wall() + TTL, next + 1, next + 1, clocks_wall() + TTL);
    assert_reply(client, text);
    claim_keys(client, false, NO_ITEMS);
    assert_reply(client, "{\"claimed\":[],\"busy\":[],\"missing\":[]}");
}

/* Nothing is claimed, and only the first that cannot be is told. */
static void case_claim_keys_all_or_nothing(struct client *client) {
    fill(client, 4);
    struct ticket one = claim(client, LIT("k:01"));
    claim_keys(client, true, KEYS("k:00", "k:01", "none"));
    assert_reply(client, "{\"claimed\":[],\"busy\":[\"k:01\"],\"missing\":[]}");
    claim_keys(client, true, KEYS("k:00", "none", "k:01"));
    assert_reply(client, "{\"claimed\":[],\"busy\":[],\"missing\":[\"none\"]}");
    assert_int_equal(client->reply.number, 0);
    assert_held(client, NOTHING, 1, 0);
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &one, true);
    claim_keys(client, true, KEYS("k:00", "k:01"));
    assert_int_equal(client->reply.number, 2);
    assert_held(client, NOTHING, 2, 0);
}

static void case_claim_keys_bad(struct client *client) {
    static const char *const says[] = {"claimKeys", "more than once"};

    fill(client, 3);
    for (int all_or_nothing = 0; all_or_nothing < 2; all_or_nothing++) {
        claim_keys(client, all_or_nothing, KEYS("k:01", "k:00", "k:01"));
        assert_int_equal(client->reply.status, XKV_E_INVALID_OPTIONS);
        assert_true(answer_says(client, says[0]) && answer_says(client, says[1]));
        assert_true(answer_says(client, "k:01"));
        claim_keys(client, all_or_nothing, KEYS("k:01", ""));
        assert_int_equal(client->reply.status, XKV_E_INVALID_OPTIONS);
        assert_true(answer_says(client, "keys[1]"));
    }
    assert_held(client, NOTHING, 0, 0);
}

/* -- Giving back ------------------------------------------------------------- */

static void case_release(struct client *client) {
    put(client, LIT("a"), LIT("1"));
    struct ticket first = claim(client, LIT("a"));
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &first, true);
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &first, false);
    assert_value(client, LIT("a"), LIT("1"));
    struct ticket second = claim(client, LIT("a"));
    assert_true(second.token > first.token);
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &first, false);
    assert_not_claimable(client, LIT("a"));
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &second, true);
}

static void case_complete(struct client *client) {
    fill(client, 2);
    struct ticket zero = claim(client, LIT("k:00")), one = claim(client, LIT("k:01"));
    assert_ends(client, XKV_OP_COMPLETE_CLAIM, &zero, true);
    assert_missing(client, LIT("k:00"));
    assert_ends(client, XKV_OP_COMPLETE_CLAIM, &zero, false);
    xkv_command keep = {.op = XKV_OP_COMPLETE_CLAIM, .keep_key = true};
    assert_int_equal(run_with(client, keep, tickets(&one, 1)), XKV_OK);
    assert_int_equal(client->reply.number, 1);
    assert_value(client, LIT("k:01"), LIT("01"));
    assert_held(client, NOTHING, 0, 0);
    assert_int_equal(run_with(client, keep, tickets(&one, 1)), XKV_OK);
    assert_int_equal(client->reply.number, 0);
    put(client, LIT("k:00"), LIT("again"));
    assert_ends(client, XKV_OP_COMPLETE_CLAIM, &zero, false);
    assert_value(client, LIT("k:00"), LIT("again"));
}

/* What names the claim must all be right. */
static void case_not_the_claim(struct client *client) {
    static const int ops[] = {XKV_OP_RENEW_CLAIM, XKV_OP_RELEASE_CLAIM, XKV_OP_COMPLETE_CLAIM};

    fill(client, 2);
    struct ticket good = claim(client, LIT("k:00"));
    struct ticket wrong[] = {good, good, good, good, good, good};
    wrong[0].token++;
    wrong[1].token = 0;
    wrong[2].token = -1;
    snprintf(wrong[3].id, sizeof wrong[3].id, "claim-0");
    wrong[4].id[0] = '\0';
    snprintf(wrong[5].key, sizeof wrong[5].key, "k:01");
    for (size_t i = 0; i < COUNT(wrong) * COUNT(ops); i++)
        assert_ends(client, ops[i % COUNT(ops)], &wrong[i / COUNT(ops)], false);
    snprintf(wrong[0].key, sizeof wrong[0].key, "nobody");
    assert_ends(client, XKV_OP_COMPLETE_CLAIM, &wrong[0], false);
    assert_held(client, NOTHING, 1, 0);
    assert_size(client, 2);
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &good, true);
}

/* -- Time -------------------------------------------------------------------- */

static void case_expiry(struct client *client) {
    put(client, LIT("a"), LIT("1"));
    struct ticket first = claim(client, LIT("a"));
    clocks_pass(TTL - 1);
    assert_not_claimable(client, LIT("a"));
    assert_held(client, NOTHING, 1, 0);
    clocks_pass(1);                     /* exactly at the deadline it has ended */
    assert_held(client, NOTHING, 0, 1); /* telling of it does not end it */
    assert_held(client, NOTHING, 0, 1);
    assert_false(renews(client, &first, TTL));
    assert_held(client, NOTHING, 0, 0);
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &first, false);
    assert_ends(client, XKV_OP_COMPLETE_CLAIM, &first, false);
    struct ticket second = claim(client, LIT("a"));
    assert_held(client, NOTHING, 1, 0);
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &first, false);
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &second, true);
}

/* The new time counts from now, and may be shorter. */
static void case_renew(struct client *client) {
    put(client, LIT("a"), LIT("1"));
    struct ticket ticket = claim(client, LIT("a"));
    clocks_pass(TTL - 1);
    assert_true(renews(client, &ticket, TTL));
    clocks_pass(TTL - 1);
    assert_not_claimable(client, LIT("a"));
    assert_true(renews(client, &ticket, 10 * TTL));
    clocks_pass(5 * TTL);
    assert_not_claimable(client, LIT("a"));
    assert_true(renews(client, &ticket, 10)); /* shorter */
    assert_true(renews(client, &ticket, 10)); /* and the same once more */
    clocks_pass(9);
    assert_not_claimable(client, LIT("a"));
    clocks_pass(1);
    assert_false(renews(client, &ticket, TTL));
    assert_true(is_token(claim(client, LIT("a")).token, traits()->token_is_time ? 0 : 1));
}

/* The clock on the wall is for people. */
static void case_wall_clock_jumps(struct client *client) {
    enum { DAY = 86400000 };

    if (traits()->own_clock) /* which is the one on the wall */
        return;
    put(client, LIT("a"), LIT("1"));
    struct ticket ticket = claim(client, LIT("a"));
    atomic_fetch_add(&clocks.wall, DAY);
    assert_not_claimable(client, LIT("a"));
    assert_true(renews(client, &ticket, TTL));
    atomic_fetch_sub(&clocks.wall, 2 * (uint64_t)DAY);
    assert_not_claimable(client, LIT("a"));
    atomic_fetch_add(&clocks.now, TTL); /* the other stands still */
    assert_int_equal(claim(client, LIT("a")).expires_at, clocks_wall() + TTL);
    atomic_fetch_add(&clocks.wall, DAY);
}

static void case_many_expire(struct client *client) {
    enum { MANY = 90 };
    struct ticket got[MANY];

    fill(client, MANY);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(claim_many(client, NOTHING, MANY / 3, got), MANY / 3);
        clocks_pass(TTL / 3);
    }
    clocks_pass(TTL % 3);
    assert_held(client, NOTHING, MANY * 2 / 3, MANY / 3);
    assert_int_equal(claim_many(client, NOTHING, MANY, got), MANY / 3);
    assert_held(client, NOTHING, MANY, 0);
    clocks_pass(2 * TTL);
    assert_held(client, NOTHING, 0, MANY);
    assert_int_equal(do_prefix(client, XKV_OP_POP_RANDOM, NOTHING), XKV_OK);
    assert_held(client, NOTHING, 0, 0); /* whoever looks for free keys ends them */
}

/* -- What ends a claim, and what does not ------------------------------------ */

/* All that writes and leaves the key there. */
static const xkv_command keepers[] = {
    {.op = XKV_OP_SET, .key = {"a", 1}, .value = {"1", 1}},
    {.op = XKV_OP_SET_IF_ABSENT, .key = {"a", 1}, .value = {"9", 1}},
    {.op = XKV_OP_INCREMENT_BY, .key = {"a", 1}, .delta = 0},
    {.op = XKV_OP_GET_OR_SET, .key = {"a", 1}, .value = {"9", 1}},
    {.op = XKV_OP_SWAP, .key = {"a", 1}, .value = {"1", 1}},
    {.op = XKV_OP_COMPARE_AND_SWAP, .key = {"a", 1}, .value = {"1", 1}, .expected = {"1", 1}},
    {.op = XKV_OP_COMPARE_AND_DELETE, .key = {"a", 1}, .expected = {"2", 1}},
    {.op = XKV_OP_COMPARE_AND_DELETE_DETAILED, .key = {"a", 1}, .expected = {"2", 1}},
    {.op = XKV_OP_REBUILD_KEY_LIST},
    {.op = XKV_OP_DELETE, .key = {"ab", 2}},
    {.op = XKV_OP_DELETE_BY_PREFIX, .prefix = {"aa", 2}, .limit = 10},
    {.op = XKV_OP_POP_RANDOM},
    {.op = XKV_OP_POP_RANDOM_MANY, .count = 10},
    {.op = XKV_OP_STATS},
};

static void case_what_claims_survive(struct client *client) {
    put(client, LIT("a"), LIT("1"));
    struct ticket ticket = claim(client, LIT("a"));
    for (size_t i = 0; i < COUNT(keepers); i++) {
        client_run(client, &keepers[i]);
        assert_int_equal(told(client), XKV_OK);
        assert_value(client, LIT("a"), LIT("1"));
        assert_held(client, NOTHING, 1, 0);
    }
    assert_int_equal(do_list_of(client, XKV_OP_SET_MANY, ENTRIES("a", "5", "b", "6")), XKV_OK);
    assert_int_equal(do_list_of(client, XKV_OP_DELETE_MANY, KEYS("b", "c")), XKV_OK);
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &ticket, true);
}

static const xkv_command enders[] = {
    {.op = XKV_OP_DELETE, .key = {"a", 1}},
    {.op = XKV_OP_DELETE_IF_EXISTS, .key = {"a", 1}},
    {.op = XKV_OP_CLEAR},
    {.op = XKV_OP_DELETE_BY_PREFIX, .prefix = {"a", 1}, .limit = 10},
    {.op = XKV_OP_COMPARE_AND_DELETE, .key = {"a", 1}, .expected = {"1", 1}},
    {.op = XKV_OP_COMPARE_AND_DELETE_DETAILED, .key = {"a", 1}, .expected = {"1", 1}},
    {.op = XKV_OP_DELETE_MANY}, /* with a list of its own */
};

/* A key that is deleted in any way and comes back is nobody's. */
static void case_what_ends_claims(struct client *client) {
    for (size_t i = 0; i < COUNT(enders); i++) {
        put(client, LIT("a"), LIT("1"));
        put(client, LIT("b"), LIT("2"));
        struct ticket a = claim(client, LIT("a")), b = claim(client, LIT("b"));
        if (enders[i].op == XKV_OP_DELETE_MANY)
            run_with(client, enders[i], KEYS("x", "a"));
        else
            client_run(client, &enders[i]);
        assert_int_equal(told(client), XKV_OK);
        assert_missing(client, LIT("a"));
        assert_held(client, LIT("a"), 0, 0);
        put(client, LIT("a"), LIT("1"));
        assert_ends(client, XKV_OP_COMPLETE_CLAIM, &a, false);
        struct ticket new = claim(client, LIT("a"));
        assert_true(new.token > b.token);
        assert_ends(client, XKV_OP_RELEASE_CLAIM, &b, enders[i].op != XKV_OP_CLEAR);
        assert_ends(client, XKV_OP_RELEASE_CLAIM, &new, true);
    }
}

/* An expired claim ends with its key, too. */
static void case_expired_and_deleted(struct client *client) {
    put(client, LIT("a"), LIT("1"));
    claim(client, LIT("a"));
    clocks_pass(TTL);
    assert_int_equal(do_delete(client, LIT("a")), XKV_OK);
    assert_held(client, NOTHING, 0, 0);
    assert_int_equal(do_prefix(client, XKV_OP_POP_RANDOM, NOTHING), XKV_OK);
    assert_reply(client, "null");
}

/* -- Popping beside claims --------------------------------------------------- */

static void case_pop_leaves_claimed(struct client *client) {
    enum { MANY = 12, FREE = 3 };
    struct ticket held[MANY];
    xkv_bytes key, value;

    fill(client, MANY);
    assert_int_equal(claim_many(client, LIT("k:"), MANY - FREE, held), MANY - FREE);
    for (int i = 0; i < FREE; i++) {
        size_t at = 0;
        assert_int_equal(do_prefix(client, XKV_OP_POP_RANDOM, i % 2 ? LIT("k:") : NOTHING), XKV_OK);
        assert_true(xkv_reply_next(&client->reply, &at, &key, &value));
        for (int j = 0; j < MANY - FREE; j++)
            assert_false(same_bytes(key, xkv_text(held[j].key)));
    }
    assert_int_equal(do_prefix(client, XKV_OP_POP_RANDOM, LIT("k:")), XKV_OK);
    assert_reply(client, "null");
    assert_int_equal(do_count(client, XKV_OP_POP_RANDOM_MANY, NOTHING, 5), XKV_OK);
    assert_reply(client, "[]");
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &held[4], true);
    assert_int_equal(do_count(client, XKV_OP_POP_RANDOM_MANY, NOTHING, 5), XKV_OK);
    assert_int_equal(client->reply.number, 1);
    assert_missing(client, xkv_text(held[4].key));
    clocks_pass(TTL);
    assert_int_equal(do_count(client, XKV_OP_POP_RANDOM_MANY, NOTHING, 50), XKV_OK);
    assert_int_equal(client->reply.number, MANY - FREE - 1);
    assert_size(client, 0);
}

/* What is only read may be claimed. */
static void case_random_entry_of_claimed(struct client *client) {
    bool seen[2] = {false};
    xkv_bytes key, value;

    put(client, LIT("a"), LIT("1"));
    put(client, LIT("b"), LIT("2"));
    struct ticket ticket = claim(client, LIT("a"));
    for (int i = 0; i < 100; i++) { /* a miss: less than once in 10^29 */
        size_t at = 0;
        assert_int_equal(do_prefix(client, XKV_OP_RANDOM_ENTRY, NOTHING), XKV_OK);
        assert_true(xkv_reply_next(&client->reply, &at, &key, &value));
        seen[same_bytes(key, LIT("a"))] = true;
    }
    assert_true(seen[0] && seen[1]);
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &ticket, true);
}

/* -- Batches ----------------------------------------------------------------- */

static const char ended[] =
    "\"name\":\"ClaimNotUpdated\",\"message\":\"the claim on key \"%s\" has "
    "ended: it expired, was given back, or the key was deleted\"}";

/* What is told about a claim of a batch that is not held any more. */
static const char *failed(char out[512], int64_t index, const struct ticket *ticket) {
    char why[256];

    snprintf(why, sizeof why, ended, ticket->key);
    snprintf(out, 512, "{\"index\":%" PRId64 ",\"id\":\"%s\",\"key\":\"%s\",%s", index, ticket->id,
             ticket->key, why);
    return out;
}

static void give_back(struct client *client, int op, const struct ticket *list, size_t count) {
    run_with(client, (xkv_command){.op = op, .ttl_ms = 3 * TTL}, tickets(list, count));
    assert_int_equal(told(client), XKV_OK);
}

static void case_renew_many(struct client *client) {
    char text[1024], why[512];

    fill(client, 3);
    struct ticket list[] = {claim(client, LIT("k:00")),
                            claim(client, LIT("k:01")),
                            claim(client, LIT("k:02")),
                            {.token = 0}};
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &list[1], true);
    list[3] = list[0]; /* twice does no harm */
    give_back(client, XKV_OP_RENEW_CLAIMS, list, 4);
    snprintf(text, sizeof text, "{\"attempted\":4,\"renewed\":3,\"failed\":[%s]}",
             failed(why, 1, &list[1]));
    assert_reply(client, text);
    assert_int_equal(client->reply.number, 3);
    clocks_pass(3 * TTL - 1);
    assert_held(client, NOTHING, 2, 0);
    clocks_pass(1);
    assert_held(client, NOTHING, 0, 2);
    give_back(client, XKV_OP_RENEW_CLAIMS, list, 1);
    snprintf(text, sizeof text, "{\"attempted\":1,\"renewed\":0,\"failed\":[%s]}",
             failed(why, 0, &list[0]));
    assert_reply(client, text);
    give_back(client, XKV_OP_RENEW_CLAIMS, list, 0);
    assert_reply(client, "{\"attempted\":0,\"renewed\":0,\"failed\":[]}");
}

static void case_release_many(struct client *client) {
    char text[2048], first[512], second[512];

    fill(client, 3);
    struct ticket list[] = {
        claim(client, LIT("k:00")), claim(client, LIT("k:01")), {.token = 0}, {.token = 0}};
    list[2] = list[0]; /* the second time it has ended */
    snprintf(list[3].id, sizeof list[3].id, "mine");
    snprintf(list[3].key, sizeof list[3].key, "nowhere");
    give_back(client, XKV_OP_RELEASE_CLAIMS, list, 4);
    snprintf(text, sizeof text, "{\"attempted\":4,\"released\":2,\"failed\":[%s,%s]}",
             failed(first, 2, &list[2]), failed(second, 3, &list[3]));
    assert_reply(client, text);
    assert_held(client, NOTHING, 0, 0);
    assert_size(client, 3);
}

static void case_complete_many(struct client *client) {
    char text[2048], first[512], second[512];

    fill(client, 4);
    struct ticket list[] = {claim(client, LIT("k:00")),
                            claim(client, LIT("k:01")),
                            claim(client, LIT("k:02")),
                            {.token = 0}};
    list[3] = list[0];
    list[1].token += 100;
    give_back(client, XKV_OP_COMPLETE_CLAIMS, list, 4);
    snprintf(text, sizeof text, "{\"attempted\":4,\"completed\":2,\"failed\":[%s,%s]}",
             failed(first, 1, &list[1]), failed(second, 3, &list[3]));
    assert_reply(client, text);
    assert_missing(client, LIT("k:00"));
    assert_missing(client, LIT("k:02"));
    assert_size(client, 2);
    assert_held(client, NOTHING, 1, 0);
    list[1].token -= 100;
    run_with(client, (xkv_command){.op = XKV_OP_COMPLETE_CLAIMS, .keep_key = true},
             tickets(&list[1], 1));
    assert_reply(client, "{\"attempted\":1,\"completed\":1,\"failed\":[]}");
    assert_value(client, LIT("k:01"), LIT("01"));
    assert_held(client, NOTHING, 0, 0);
}

/* A claim without a token, or with a key that is none, rejects the whole list. */
static void case_malformed_claims(struct client *client) {
    static const int ops[] = {XKV_OP_RENEW_CLAIMS, XKV_OP_RELEASE_CLAIMS, XKV_OP_COMPLETE_CLAIMS,
                              XKV_OP_RENEW_CLAIM,  XKV_OP_RELEASE_CLAIM,  XKV_OP_COMPLETE_CLAIM};

    put(client, LIT("a"), LIT("1"));
    struct ticket good = claim(client, LIT("a"));
    for (size_t i = 0; i < COUNT(ops); i++) {
        bool many = i < 3;
        for (int how = 0; how < 3; how++) {
            xkv_items items = tickets(&good, many);
            if (how == 0)
                items_add(&items, LIT("a"), LIT("1234567"));
            else if (how == 1)
                MUST(xkv_items_add_claim(&items, LIT("claim-1"), NOTHING, 1) == XKV_OK);
            else
                MUST(xkv_items_add_claim(&items, LIT("claim-1"), LIT("\xFF"), 1) == XKV_OK);
            xkv_command command = {.op = ops[i], .ttl_ms = 1};
            assert_int_equal(run_with(client, command, items), XKV_E_INVALID_OPTIONS);
            assert_true(answer_says(client, xkv_op_describe(ops[i])->name));
            assert_true(answer_says(client, many ? "claims[1]" : "claim"));
            assert_true(answer_says(client, how == 0 ? "token" : "key"));
        }
        if (!many) { /* one is one */
            struct ticket two[] = {good, good};
            xkv_command command = {.op = ops[i], .ttl_ms = 1};
            assert_int_equal(run_with(client, command, NO_ITEMS), XKV_E_INVALID_OPTIONS);
            assert_int_equal(run_with(client, command, tickets(two, 2)), XKV_E_INVALID_OPTIONS);
        }
    }
    assert_held(client, NOTHING, 1, 0);
    assert_ends(client, XKV_OP_RELEASE_CLAIM, &good, true);
}

/* -- Other handles ----------------------------------------------------------- */

/* Claims are the store's, not the handle's. */
static void case_two_handles(struct client *client) {
    struct client other;

    put(client, LIT("a"), LIT("1"));
    struct ticket ticket = claim(client, LIT("a"));
    client_open(&other, xkv_store_options(client->store), !setting.submits);
    assert_not_claimable(&other, LIT("a"));
    assert_ends(&other, XKV_OP_RELEASE_CLAIM, &ticket, true);
    claim(&other, LIT("a"));
    assert_not_claimable(client, LIT("a"));
    client_close(&other);
    assert_not_claimable(client, LIT("a"));
}

static const struct named_case cases[] = {
    CASE(claim_key),
    CASE(claim_random),
    CASE(claim_random_many),
    CASE(claim_keys),
    CASE(claim_keys_all_or_nothing),
    CASE(claim_keys_bad),
    CASE(release),
    CASE(complete),
    CASE(not_the_claim),
    CASE(expiry),
    CASE(renew),
    CASE(wall_clock_jumps),
    CASE(many_expire),
    CASE(what_claims_survive),
    CASE(what_ends_claims),
    CASE(expired_and_deleted),
    CASE(pop_leaves_claimed),
    CASE(random_entry_of_claimed),
    CASE(renew_many),
    CASE(release_many),
    CASE(complete_many),
    CASE(malformed_claims),
    CASE(two_handles),
};

int main(int argc, char *argv[]) {
    (void)argc;
    clocks_stop();
    return run_cases(argv, cases, COUNT(cases), NULL, 0);
}
