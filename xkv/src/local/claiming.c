/*
 * claiming.c - commands that claim keys, give claims back, and pop keys
 *
 * The claims that have expired were ended before, see engine.c: a key is free if
 * it has no claim.
 */
#include "base/sys.h"
#include "base/text.h"
#include "command/items.h"
#include "command/told.h"
#include "local/backend.h"
#include "local/change.h"
#include "local/choose.h"
#include "local/claims.h"
#include "local/engine.h"

/* -- Claims in replies ------------------------------------------------------- */

/* What the claims of one command have in common. */
struct lease {
    xkv_bytes owner;
    uint64_t deadline;   /* monotonic */
    uint64_t expires_at; /* by the clock on the wall */
};

static struct lease lease_of(xkv__txn *txn, const xkv_command *command) {
    uint64_t ttl = command->ttl_ms != 0 ? (uint64_t)command->ttl_ms : XKV_TTL_DEFAULT;
    return (struct lease){
        .owner = command->owner,
        .deadline = xkv__now(txn) + ttl,
        .expires_at = xkv__sys.wall_ms() + ttl,
    };
}

static void put_claim(xkv__writer *writer, const struct lease *lease, xkv_bytes key,
                      xkv_bytes value, uint64_t token) {
    xkv__tell_claim(writer, &(xkv__told_claim){lease->owner, key, value, token, lease->expires_at});
}

/* -- Claiming one key -------------------------------------------------------- */

static int reply_claim(xkv_reply *reply, const struct lease *lease, xkv_bytes key, xkv_bytes value,
                       uint64_t token) {
    xkv__writer writer = xkv__writer_on(reply);

    put_claim(&writer, lease, key, value, token);
    reply->number = 1;
    return writer.error;
}

/* Whether the owner is to find its claim again. */
static bool binds_owner(const xkv_command *command) {
    return command->op == XKV_OP_CLAIM_FOR_OWNER;
}

/* Claims a key that is there and free, and replies with the claim. */
static int grant(xkv__txn *txn, const xkv_command *command, xkv_bytes key, xkv_bytes value,
                 xkv_reply *reply) {
    struct lease lease = lease_of(txn, command);
    xkv__claim claim = {.token = xkv__claims_token(txn), .deadline = lease.deadline};
    int error = reply_claim(reply, &lease, key, value, claim.token);

    if (binds_owner(command)) {
        claim.owner = command->owner;
        claim.prefix = command->prefix;
        claim.expires_at = lease.expires_at;
    }
    return error == XKV_OK ? xkv__claim_put(txn, key, &claim) : error;
}

static int claim_chosen(xkv__txn *txn, const xkv_command *command, xkv__chooser *choose,
                        xkv_reply *reply) {
    xkv_bytes key, value;
    int error = xkv__claims_prepare(txn, 1);

    if (error == XKV_OK)
        error = choose(txn, command->prefix, &key, &value);
    if (error == XKV_E_KEY_NOT_FOUND)
        return xkv__reply_null(reply);
    return error == XKV_OK ? grant(txn, command, key, value, reply) : error;
}

int xkv__claim_random(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return claim_chosen(txn, command, xkv__choose_free, reply);
}

int xkv__claim_next(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return claim_chosen(txn, command, xkv__choose_lowest, reply);
}

/* Replies with a claim that is held: as it was told, with the value that there is now. */
static int tell_claim(xkv__txn *txn, xkv_bytes key, xkv_reply *reply) {
    xkv__claim claim;
    xkv_bytes value;

    if (!xkv__claim_find(txn, key, &claim))
        return XKV_E_INTERNAL;
    int error = xkv__expect_key(txn->backend->ops->get(txn, XKV__DATA, key, &value));
    if (error != XKV_OK)
        return error;
    struct lease lease = {.owner = claim.owner, .expires_at = claim.expires_at};
    return reply_claim(reply, &lease, key, value, claim.token);
}

int xkv__claim_for_owner(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv_bytes key;

    if (xkv__claim_of(txn, command->owner, command->prefix, &key))
        return tell_claim(txn, key, reply);
    return claim_chosen(txn, command, xkv__choose_free, reply);
}

/* Whether somebody holds the key. */
static bool is_busy(xkv__txn *txn, xkv_bytes key) {
    xkv__claim claim;
    return xkv__claim_find(txn, key, &claim);
}

int xkv__claim_key(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv_bytes value;
    int error = xkv__claims_prepare(txn, 1);

    if (error == XKV_OK)
        error = txn->backend->ops->get(txn, XKV__DATA, command->key, &value);
    bool busy = error == XKV_OK && is_busy(txn, command->key);
    if (busy || error == XKV_E_KEY_NOT_FOUND)
        return xkv__reply_null(reply);
    return error == XKV_OK ? grant(txn, command, command->key, value, reply) : error;
}

/* -- Claiming many keys ------------------------------------------------------ */

/* Writes the claims on keys that are there and free, as members of an array. */
static int put_claims(xkv__txn *txn, const struct lease *lease, const xkv_items *keys,
                      uint64_t token, xkv__writer *writer) {
    size_t at = 0;

    for (xkv_item item; xkv_item_next(xkv_items_bytes(keys), &at, &item); token++) {
        xkv_bytes value;
        int error = xkv__expect_key(txn->backend->ops->get(txn, XKV__DATA, item.text, &value));
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
        xkv__claim claim = {.token = xkv__claims_token(txn), .deadline = lease->deadline};
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
    struct lease lease = lease_of(txn, command);
    xkv__writer writer = xkv__writer_on(reply);
    xkv_items keys = {NULL, 0, 0};
    size_t members = xkv__put_array(&writer, NULL, 0);
    int error = xkv__claims_prepare(txn, (uint64_t)command->count);

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

static int sort_key(xkv__txn *txn, xkv_bytes key, struct sorted *sorted, bool *is_free) {
    int error = txn->backend->ops->get(txn, XKV__DATA, key, NULL);

    if (error != XKV_OK && error != XKV_E_KEY_NOT_FOUND)
        return error;
    bool busy = error == XKV_OK && is_busy(txn, key);
    *is_free = error == XKV_OK && !busy;
    return add_key(txn, key, *is_free ? &sorted->free : busy ? &sorted->busy : &sorted->missing);
}

static int sort_keys(xkv__txn *txn, const xkv_command *command, struct sorted *sorted) {
    int error = XKV_OK;
    size_t at = 0;

    for (xkv_item item; error == XKV_OK && xkv_item_next(command->items, &at, &item);) {
        bool is_free = false;
        error = sort_key(txn, item.text, sorted, &is_free);
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
    struct lease lease = lease_of(txn, command);
    struct sorted sorted = {{NULL, 0, 0}, {NULL, 0, 0}, {NULL, 0, 0}};
    xkv__writer writer = xkv__writer_on(reply);
    int error = xkv__claims_prepare(txn, command->items.len / XKV__ENTRY_MIN);

    if (error == XKV_OK)
        error = sort_keys(txn, command, &sorted);
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
static bool is_held(xkv__txn *txn, const xkv__given *given) {
    xkv__claim claim;
    char id[XKV__CLAIM_ID_MAX];

    return xkv__claim_find(txn, given->key, &claim) && claim.token == given->token &&
           xkv__compare(given->id, xkv__claim_id(claim.token, id)) == 0;
}

/* What is done with a claim that is held. */
typedef int settlement(xkv__txn *txn, const xkv_command *command, const xkv__given *given);

static int renew(xkv__txn *txn, const xkv_command *command, const xkv__given *given) {
    struct lease lease = lease_of(txn, command);
    xkv__claim claim;

    if (!xkv__claim_find(txn, given->key, &claim))
        return XKV_E_INTERNAL;
    claim.deadline = lease.deadline;
    claim.expires_at = lease.expires_at;
    return xkv__claim_put(txn, given->key, &claim);
}

static int release(xkv__txn *txn, const xkv_command *command, const xkv__given *given) {
    (void)command;
    return xkv__claim_end(txn, given->key);
}

static int complete(xkv__txn *txn, const xkv_command *command, const xkv__given *given) {
    if (command->keep_key)
        return release(txn, command, given);
    return xkv__expect_key(xkv__change_remove(txn, given->key));
}

static int settle_one(xkv__txn *txn, const xkv_command *command, xkv_reply *reply,
                      settlement *settle) {
    xkv__given given;
    size_t at = 0;

    if (!next_given(command->items, &at, &given) || !is_held(txn, &given))
        return XKV_OK;
    reply->number = 1;
    return settle(txn, command, &given);
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

/* Settles each claim that is held, and writes about each that is not. The keys
 * of those that are held go to settled, unless that is NULL. */
static int settle_each(xkv__txn *txn, const xkv_command *command, settlement *settle,
                       xkv__writer *writer, uint64_t *attempted, xkv_items *settled) {
    xkv__given given;
    int error = XKV_OK;
    size_t at = 0;

    for (; error == XKV_OK && next_given(command->items, &at, &given); ++*attempted) {
        if (!is_held(txn, &given)) {
            xkv__tell_failed(writer, *attempted, &given);
            continue;
        }
        writer->reply->number++;
        if (settled)
            error = add_key(txn, given.key, settled);
        if (error == XKV_OK)
            error = settle(txn, command, &given);
    }
    return error == XKV_OK ? writer->error : error;
}

/* done is what becomes of a claim: "renewed". */
static int settle_many(xkv__txn *txn, const xkv_command *command, xkv_reply *reply,
                       settlement *settle, const char *done, bool removes) {
    xkv__writer writer = xkv__writer_on(reply);
    xkv_items settled = {NULL, 0, 0};
    uint64_t attempted = 0, removed;

    xkv__told_settled at = xkv__tell_settled(&writer, done);
    int error = writer.error;
    if (error == XKV_OK)
        error = settle_each(txn, command, settle, &writer, &attempted, removes ? &settled : NULL);
    xkv__tell_settled_end(&writer, &at, attempted, (uint64_t)reply->number);
    if (error == XKV_OK && removes)
        error = xkv__change_remove_many(txn, xkv_items_bytes(&settled), &removed);
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

/* First all claims end, then the keys go: see XKV__BATCH. */
int xkv__complete_claims(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return settle_many(txn, command, reply, release, "completed", !command->keep_key);
}

/* -- Popping ----------------------------------------------------------------- */

static int pop_chosen(xkv__txn *txn, const xkv_command *command, xkv__chooser *choose,
                      xkv_reply *reply) {
    xkv_bytes key, value;
    size_t at = 0;
    int error = xkv__reply_chosen(txn, command->prefix, choose, reply);

    /* By the reply's copy of the key: its own bytes go with it. */
    if (error == XKV_OK && xkv_reply_next(reply, &at, &key, &value))
        error = xkv__change_remove(txn, key);
    return error;
}

int xkv__pop_random(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return pop_chosen(txn, command, xkv__choose_free, reply);
}

int xkv__pop_next(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    return pop_chosen(txn, command, xkv__choose_lowest, reply);
}

static int put_popped(xkv__txn *txn, xkv_bytes key, void *context) {
    xkv__writer *writer = context;
    xkv_bytes value;
    int error = xkv__expect_key(txn->backend->ops->get(txn, XKV__DATA, key, &value));

    if (error != XKV_OK)
        return error;
    xkv__put_entry(writer, NULL, key, value);
    writer->reply->number++;
    return writer->error;
}

int xkv__pop_random_many(xkv__txn *txn, const xkv_command *command, xkv_reply *reply) {
    xkv__writer writer = xkv__writer_on(reply);
    size_t members = xkv__put_array(&writer, NULL, 0);
    uint64_t removed;
    xkv__pool pool;
    int error = writer.error;

    if (error == XKV_OK)
        error = xkv__pool_find(txn, command->prefix, true, &pool);
    if (error == XKV_OK)
        error =
            xkv__pool_choose_many(txn, &pool, (uint64_t)command->count, false, put_popped, &writer);
    xkv__patch_members(&writer, members, (uint64_t)reply->number);
    if (error != XKV_OK)
        return error;
    return xkv__change_remove_many(txn, (xkv_bytes){reply->data, reply->len}, &removed);
}
