/*
 * claiming.c - commands that claim keys, give claims back, and pop keys
 *
 * Whatever looks for any free key first ends the claims that have expired.
 * Commands that need to know about certain claims look at their deadlines.
 */
#include "engine.h"

#include <stdio.h>

/* -- Claims in replies ------------------------------------------------------- */

enum { ID_MAX = 32 };

/* The id of a claim says the same as its token, for scripts that keep texts. */
static xkv_bytes id_of(uint64_t token, char out[ID_MAX]) {
    int len = snprintf(out, ID_MAX, "claim-%llu", (unsigned long long)token);
    return (xkv_bytes){out, (size_t)len};
}

/* What the claims of one command have in common. */
struct lease {
    xkv_bytes owner;
    uint64_t deadline;   /* monotonic */
    uint64_t expires_at; /* by the clock on the wall */
};

static struct lease lease_of(const xkv_command *command, uint64_t now) {
    uint64_t ttl = command->ttl_ms != 0 ? (uint64_t)command->ttl_ms : XKV_TTL_DEFAULT;
    return (struct lease){command->owner, now + ttl, xkv__sys.wall_ms() + ttl};
}

static void put_claim(xkv__writer *writer, const struct lease *lease, xkv_bytes key,
                      xkv_bytes value, uint64_t token) {
    char id[ID_MAX];

    xkv__put_object(writer, NULL, 6);
    xkv__put_text(writer, "id", id_of(token, id));
    xkv__put_text(writer, "key", key);
    xkv__put_entry(writer, "entry", key, value);
    xkv__put_text(writer, "owner", lease->owner);
    xkv__put_integer(writer, "token", (int64_t)token);
    xkv__put_integer(writer, "expiresAt", (int64_t)lease->expires_at);
}

static int put_nothing(xkv_reply *reply) {
    xkv__writer writer = xkv__writer_on(reply);

    xkv__put_null(&writer, NULL);
    return writer.error;
}

/* -- Claiming one key -------------------------------------------------------- */

/* Claims a key that is there and free, and replies with the claim. */
static int grant(xkv__txn *txn, const xkv_command *command, uint64_t now, xkv_bytes key,
                 xkv_bytes value, xkv_reply *reply) {
    struct lease lease = lease_of(command, now);
    xkv__claim claim = {xkv__claims_token(txn), lease.deadline};
    xkv__writer writer = xkv__writer_on(reply);

    put_claim(&writer, &lease, key, value, claim.token);
    reply->number = 1;
    return writer.error == XKV_OK ? xkv__claim_put(txn, key, &claim) : writer.error;
}

/* Before anything is looked for: expired claims end, and tokens are there. */
static int prepare(xkv__txn *txn, uint64_t now, uint64_t tokens) {
    int error = xkv__claims_prepare(txn, tokens);
    return error == XKV_OK ? xkv__claims_expire(txn, now) : error;
}

int xkv__claim_random(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    uint64_t now = xkv__sys.now_ms();
    xkv__pool pool;
    xkv_bytes key, value;
    int error = prepare(txn, now, 1);

    if (error == XKV_OK)
        error = xkv__pool_find(txn, command->prefix, true, &pool);
    if (error == XKV_OK && pool.size == 0)
        return put_nothing(reply);
    if (error == XKV_OK)
        error = xkv__pool_choose(txn, &pool, &key);
    if (error == XKV_OK)
        error = xkv__expect_key(txn->backend->ops->get(txn, key, &value));
    return error == XKV_OK ? grant(txn, command, now, key, value, reply) : error;
}

/* Whether somebody holds the key now. */
static bool is_busy(xkv__txn *txn, xkv_bytes key, uint64_t now) {
    xkv__claim claim;
    return xkv__claim_find(txn, key, &claim) && claim.deadline > now;
}

int xkv__claim_key(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    uint64_t now = xkv__sys.now_ms();
    xkv_bytes value;
    int error = xkv__claims_prepare(txn, 1);

    if (error == XKV_OK)
        error = txn->backend->ops->get(txn, command->key, &value);
    bool busy = error == XKV_OK && is_busy(txn, command->key, now);
    if (busy || error == XKV_E_KEY_NOT_FOUND)
        return put_nothing(reply);
    return error == XKV_OK ? grant(txn, command, now, command->key, value, reply) : error;
}

/* -- Claiming many keys ------------------------------------------------------ */

/* Writes the claims on keys that are there and free, as members of an array. */
static int put_claims(xkv__txn *txn, const struct lease *lease, const xkv_items *keys,
                      uint64_t token, xkv__writer *writer) {
    size_t at = 0;

    for (xkv_item item; xkv_item_next(xkv_items_bytes(keys), &at, &item); token++) {
        xkv_bytes value;
        int error = xkv__expect_key(txn->backend->ops->get(txn, item.text, &value));
        if (error != XKV_OK)
            return error;
        put_claim(writer, lease, item.text, value, token);
        writer->reply->number++;
    }
    return writer->error;
}

/* Claims the keys that put_claims has written about. */
static int grant_all(xkv__txn *txn, const struct lease *lease, const xkv_items *keys) {
    int error = XKV_OK;
    size_t at = 0;

    for (xkv_item item; error == XKV_OK && xkv_item_next(xkv_items_bytes(keys), &at, &item);) {
        xkv__claim claim = {xkv__claims_token(txn), lease->deadline};
        error = xkv__claim_put(txn, item.text, &claim);
    }
    return error;
}

static int add_key(xkv__txn *txn, xkv_bytes key, void *keys) {
    (void)txn;
    return xkv_items_add(keys, key, (xkv_bytes){NULL, 0});
}

/* Chooses free keys, for claiming. */
static int choose_free(xkv__txn *txn, const xkv_command *command, xkv_items *keys) {
    xkv__pool pool;
    int error = xkv__pool_find(txn, command->prefix, true, &pool);

    if (error != XKV_OK)
        return error;
    return xkv__pool_choose_many(txn, &pool, (uint64_t)command->count, false, add_key, keys);
}

int xkv__claim_random_many(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    uint64_t now = xkv__sys.now_ms();
    struct lease lease = lease_of(command, now);
    xkv__writer writer = xkv__writer_on(reply);
    xkv_items keys = {NULL, 0, 0};
    size_t members = xkv__put_array(&writer, NULL, 0);
    int error = prepare(txn, now, (uint64_t)command->count);

    if (error == XKV_OK)
        error = choose_free(txn, command, &keys);
    if (error == XKV_OK)
        error = put_claims(txn, &lease, &keys, xkv__claims_next_token(txn), &writer);
    xkv__patch_members(&writer, members, (uint64_t)reply->number);
    if (error == XKV_OK)
        error = grant_all(txn, &lease, &keys);
    xkv_items_free(&keys);
    return error;
}

/* The keys of CLAIM_KEYS, by what becomes of them. */
struct sorted {
    xkv_items free, busy, missing;
};

static void sorted_free(struct sorted *sorted) {
    xkv_items_free(&sorted->free);
    xkv_items_free(&sorted->busy);
    xkv_items_free(&sorted->missing);
}

static int sort_key(xkv__txn *txn, xkv_bytes key, uint64_t now, struct sorted *sorted,
                    bool *is_free) {
    int error = txn->backend->ops->get(txn, key, NULL);

    if (error != XKV_OK && error != XKV_E_KEY_NOT_FOUND)
        return error;
    bool busy = error == XKV_OK && is_busy(txn, key, now);
    *is_free = error == XKV_OK && !busy;
    return add_key(txn, key, *is_free ? &sorted->free : busy ? &sorted->busy : &sorted->missing);
}

static int sort_keys(xkv__txn *txn, const xkv_command *command, uint64_t now,
                     struct sorted *sorted) {
    int error = XKV_OK;
    size_t at = 0;

    for (xkv_item item; error == XKV_OK && xkv_item_next(command->items, &at, &item);) {
        bool is_free = false;
        error = sort_key(txn, item.text, now, sorted, &is_free);
        if (command->all_or_nothing && !is_free) {
            xkv_items_free(&sorted->free); /* nothing, then */
            break;
        }
    }
    return error;
}

static void put_keys(xkv__writer *writer, const char *name, const xkv_items *keys) {
    size_t members = xkv__put_array(writer, name, 0), at = 0;
    uint64_t count = 0;

    for (xkv_item item; xkv_item_next(xkv_items_bytes(keys), &at, &item); count++)
        xkv__put_text(writer, NULL, item.text);
    xkv__patch_members(writer, members, count);
}

static int put_sorted(xkv__txn *txn, const struct lease *lease, const struct sorted *sorted,
                      xkv__writer *writer) {
    xkv__put_object(writer, NULL, 3);
    size_t members = xkv__put_array(writer, "claimed", 0);
    int error = put_claims(txn, lease, &sorted->free, xkv__claims_next_token(txn), writer);

    xkv__patch_members(writer, members, (uint64_t)writer->reply->number);
    put_keys(writer, "busy", &sorted->busy);
    put_keys(writer, "missing", &sorted->missing);
    return error == XKV_OK ? writer->error : error;
}

int xkv__claim_keys(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    uint64_t now = xkv__sys.now_ms();
    struct lease lease = lease_of(command, now);
    struct sorted sorted = {{NULL, 0, 0}, {NULL, 0, 0}, {NULL, 0, 0}};
    xkv__writer writer = xkv__writer_on(reply);
    int error = xkv__claims_prepare(txn, command->items.len / XKV__ENTRY_MIN);

    if (error == XKV_OK)
        error = sort_keys(txn, command, now, &sorted);
    if (error == XKV_OK)
        error = put_sorted(txn, &lease, &sorted, &writer);
    if (error == XKV_OK)
        error = grant_all(txn, &lease, &sorted.free);
    sorted_free(&sorted);
    return error;
}

/* -- Giving back ------------------------------------------------------------- */

static bool next_given(xkv_bytes items, size_t *at, xkv__given *given) {
    xkv_item item;
    return xkv_item_next(items, at, &item) && xkv__given_in(&item, given);
}

/* Whether it is the claim that its key has now. */
static bool is_held(xkv__txn *txn, const xkv__given *given, uint64_t now) {
    xkv__claim claim;
    char id[ID_MAX];

    return xkv__claim_find(txn, given->key, &claim) && claim.token == given->token &&
           claim.deadline > now && xkv__compare(given->id, id_of(claim.token, id)) == 0;
}

/* What is done with a claim that is held. */
typedef int settlement(xkv__txn *txn, const xkv_command *command, const xkv__given *given,
                       uint64_t now);

static int renew(xkv__txn *txn, const xkv_command *command, const xkv__given *given, uint64_t now) {
    xkv__claim claim = {given->token, now + (uint64_t)command->ttl_ms};
    return xkv__claim_put(txn, given->key, &claim);
}

static int release(xkv__txn *txn, const xkv_command *command, const xkv__given *given,
                   uint64_t now) {
    (void)command, (void)now;
    return xkv__claim_end(txn, given->key);
}

static int complete(xkv__txn *txn, const xkv_command *command, const xkv__given *given,
                    uint64_t now) {
    if (command->keep_key)
        return release(txn, command, given, now);
    return xkv__expect_key(xkv__remove(txn, given->key));
}

static int settle_one(xkv__txn *txn, const xkv_command *command, xkv_reply *reply,
                      settlement *settle) {
    uint64_t now = xkv__sys.now_ms();
    xkv__given given;
    size_t at = 0;

    if (!next_given(command->items, &at, &given) || !is_held(txn, &given, now))
        return XKV_OK;
    reply->number = 1;
    return settle(txn, command, &given, now);
}

int xkv__renew_claim(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return settle_one(txn, command, reply, renew);
}

int xkv__release_claim(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return settle_one(txn, command, reply, release);
}

int xkv__complete_claim(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return settle_one(txn, command, reply, complete);
}

/* -- Giving back many -------------------------------------------------------- */

static void put_failed(xkv__writer *writer, uint64_t index, const xkv__given *given) {
    char message[256], quoted[XKV__QUOTE_SIZE];

    snprintf(message, sizeof message,
             "the claim on key %s has ended: it expired, was given back, or the key was deleted",
             xkv__quote(given->key, quoted));
    xkv__put_object(writer, NULL, 5);
    xkv__put_integer(writer, "index", (int64_t)index);
    xkv__put_text(writer, "id", given->id);
    xkv__put_text(writer, "key", given->key);
    xkv__put_text(writer, "name", xkv_text("ClaimNotUpdated"));
    xkv__put_text(writer, "message", xkv_text(message));
}

/* Settles each claim that is held, and writes about each that is not. The keys
 * of those that are held go to settled, unless that is NULL. */
static int settle_each(xkv__txn *txn, const xkv_command *command, settlement *settle,
                       xkv__writer *writer, uint64_t *attempted, xkv_items *settled) {
    uint64_t now = xkv__sys.now_ms();
    xkv__given given;
    int error = XKV_OK;
    size_t at = 0;

    for (; error == XKV_OK && next_given(command->items, &at, &given); ++*attempted) {
        if (!is_held(txn, &given, now)) {
            put_failed(writer, *attempted, &given);
            continue;
        }
        writer->reply->number++;
        if (settled)
            error = add_key(txn, given.key, settled);
        if (error == XKV_OK)
            error = settle(txn, command, &given, now);
    }
    return error == XKV_OK ? writer->error : error;
}

/* done is what becomes of a claim: "renewed". */
static int settle_many(xkv__txn *txn, const xkv_command *command, xkv_reply *reply,
                       settlement *settle, const char *done, bool removes) {
    xkv__writer writer = xkv__writer_on(reply);
    xkv_items settled = {NULL, 0, 0};
    uint64_t attempted = 0, removed;

    xkv__put_object(&writer, NULL, 3);
    size_t attempted_at = xkv__put_integer(&writer, "attempted", 0);
    size_t done_at = xkv__put_integer(&writer, done, 0);
    size_t members = xkv__put_array(&writer, "failed", 0);
    int error = writer.error;
    if (error == XKV_OK)
        error = settle_each(txn, command, settle, &writer, &attempted, removes ? &settled : NULL);
    xkv__patch_integer(&writer, attempted_at, attempted);
    xkv__patch_integer(&writer, done_at, (uint64_t)reply->number);
    xkv__patch_members(&writer, members, attempted - (uint64_t)reply->number);
    if (error == XKV_OK && removes)
        error = xkv__remove_all(txn, xkv_items_bytes(&settled), &removed);
    if (error != XKV_OK && reply->number > 0)
        txn->broken = true;
    xkv_items_free(&settled);
    return error;
}

int xkv__renew_claims(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return settle_many(txn, command, reply, renew, "renewed", false);
}

int xkv__release_claims(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return settle_many(txn, command, reply, release, "released", false);
}

/* First all claims end, then the keys go: see touch. */
int xkv__complete_claims(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return settle_many(txn, command, reply, release, "completed", !command->keep_key);
}

/* -- Popping ----------------------------------------------------------------- */

static int put_popped(xkv__txn *txn, xkv_bytes key, void *context) {
    xkv__writer *writer = context;
    xkv_bytes value;
    int error = xkv__expect_key(txn->backend->ops->get(txn, key, &value));

    if (error != XKV_OK)
        return error;
    xkv__put_entry(writer, NULL, key, value);
    writer->reply->number++;
    return writer->error;
}

/* The keys to pop from. */
static int find_free(xkv__txn *txn, xkv_bytes prefix, xkv__pool *pool) {
    int error = xkv__claims_expire(txn, xkv__sys.now_ms());
    return error == XKV_OK ? xkv__pool_find(txn, prefix, true, pool) : error;
}

int xkv__pop_random(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv__writer writer = xkv__writer_on(reply);
    xkv__pool pool;
    xkv_bytes key, value;
    size_t at = 0;
    int error = find_free(txn, command->prefix, &pool);

    if (error == XKV_OK && pool.size == 0)
        return put_nothing(reply);
    if (error == XKV_OK)
        error = xkv__pool_choose(txn, &pool, &key);
    if (error == XKV_OK)
        error = put_popped(txn, key, &writer);
    /* By the reply's copy of the key: its own bytes go with it. */
    if (error == XKV_OK && xkv_reply_next(reply, &at, &key, &value))
        error = txn->backend->ops->del(txn, key);
    return error;
}

int xkv__pop_random_many(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv__writer writer = xkv__writer_on(reply);
    size_t members = xkv__put_array(&writer, NULL, 0);
    uint64_t removed;
    xkv__pool pool;
    int error = writer.error;

    if (error == XKV_OK)
        error = find_free(txn, command->prefix, &pool);
    if (error == XKV_OK)
        error =
            xkv__pool_choose_many(txn, &pool, (uint64_t)command->count, false, put_popped, &writer);
    xkv__patch_members(&writer, members, (uint64_t)reply->number);
    if (error != XKV_OK)
        return error;
    return xkv__remove_all(txn, (xkv_bytes){reply->data, reply->len}, &removed);
}
