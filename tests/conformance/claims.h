/*
 * claims.h - steps with claims, and what is expected of them, under a clock that
 * moves when told to
 */
#ifndef XKV_TESTS_CLAIMS_H
#define XKV_TESTS_CLAIMS_H

#include "../clock.h"
#include "conformance.h"

enum { TTL = 1000 };

/* -- Steps ------------------------------------------------------------------- */

static inline xkv_command claim_of(xkv_bytes key, int64_t ttl) {
    return (xkv_command){.op = XKV_OP_CLAIM_KEY, .key = key, .ttl_ms = ttl};
}

/* Claims a key that is there and free. */
static inline struct ticket claim(struct client *client, xkv_bytes key) {
    struct ticket ticket = {.token = 0};
    xkv_command command = claim_of(key, TTL);

    client_run(client, &command);
    assert_int_equal(told(client), XKV_OK);
    if (!take_ticket(client, &ticket))
        fail_msg("not claimed: %s", reply_text(&client->reply));
    assert_true(same_bytes(key, xkv_text(ticket.key)));
    return ticket;
}

/* Whether it is the token of claim number n from 0 of a new store, as long as time stands still:
 * they follow each other, or each partition has its own. */
static inline bool is_token(int64_t token, int64_t n) {
    int64_t first = traits()->token_is_time ? (int64_t)clocks_wall() * 1000 : 1;

    if (!traits()->in_parts)
        return token == first + n;
    return token >= first && token < first + (n + 1) * server_partitions();
}

static inline void assert_not_claimable(struct client *client, xkv_bytes key) {
    xkv_command command = claim_of(key, TTL);

    assert_int_equal(client_run(client, &command), XKV_OK);
    assert_reply(client, "null");
    assert_int_equal(client->reply.number, 0);
}

static inline void assert_ends(struct client *client, int op, const struct ticket *ticket,
                               bool held) {
    do_ticket(client, op, ticket, TTL);
    assert_int_equal(told(client), XKV_OK);
    assert_int_equal(client->reply.number, held);
    assert_int_equal(client->reply.len, 0);
}

static inline bool renews(struct client *client, const struct ticket *ticket, int64_t ttl) {
    assert_int_equal(do_ticket(client, XKV_OP_RENEW_CLAIM, ticket, ttl), XKV_OK);
    return client->reply.number == 1;
}

/* How many claims with prefix are live, and how many have expired. */
static inline void assert_held(struct client *client, xkv_bytes prefix, int64_t live,
                               int64_t expired) {
    char text[128];

    assert_int_equal(do_prefix(client, XKV_OP_ALLOCATION_STATS, prefix), XKV_OK);
    snprintf(text, sizeof text, "\"claimedLive\":%" PRId64 ",\"claimedExpired\":%" PRId64 ",", live,
             expired);
    if (!strstr(reply_text(&client->reply), text))
        fail_msg("%s is not in %s", text, reply_text(&client->reply));
}

#endif
