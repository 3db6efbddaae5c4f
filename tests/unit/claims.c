/*
 * claims.c - the claims of a store against a plain array: changes, commit,
 * rollback, want of memory, tokens
 */
#include "../heap.h"
#include "../support.h"

#include "local/backend.h"
#include "local/claims.h"
#include "local/waiting.h"
#include "tree/btree.h"
#include "tree/reclaim.h"

/* -- A backend that only keeps tokens ---------------------------------------- */

static uint64_t saved, saved_in_txn; /* what is on the "disk", and will be by commit */
static int saves;
static int load_status, save_status;
static size_t number_size;

static unsigned char number[8];

static int get_meta(xkv__txn *txn, xkv__space space, xkv_bytes key, xkv_bytes *value) {
    (void)txn;
    assert_int_equal(space, XKV__META);
    assert_true(same_bytes(key, LIT("tokens")));
    if (load_status == XKV_OK && saved_in_txn == 1)
        return XKV_E_KEY_NOT_FOUND;
    for (int i = 0; i < 8; i++)
        number[i] = (unsigned char)(saved_in_txn >> (56 - 8 * i));
    *value = bytes_of(number, number_size);
    return load_status;
}

static int put_meta(xkv__txn *txn, xkv__space space, xkv_bytes key, xkv_bytes value) {
    uint64_t end = 0;

    (void)txn;
    assert_int_equal(space, XKV__META);
    assert_true(same_bytes(key, LIT("tokens")));
    assert_int_equal(value.len, 8);
    for (size_t i = 0; i < 8; i++)
        end = end << 8 | ((const unsigned char *)value.data)[i];
    saves++;
    if (save_status == XKV_OK)
        saved_in_txn = end;
    return save_status;
}

static const xkv__backend_ops ops = {.get = get_meta, .put = put_meta};
static xkv__backend backend = {.ops = &ops};

static xkv__txn begin(bool undoes) {
    return (xkv__txn){.backend = &backend, .mode = XKV__BATCH, .undoes = undoes};
}

static void commit(xkv__txn *txn) {
    xkv__claims_commit(txn);
    saved = saved_in_txn;
}

static void rollback(xkv__txn *txn) {
    xkv__claims_rollback(txn);
    saved_in_txn = saved;
}

static int set_up(void **state) {
    (void)state;
    saved = saved_in_txn = 1;
    saves = 0;
    load_status = save_status = XKV_OK;
    number_size = 8;
    backend.claims = xkv__claims_new();
    backend.waiting = xkv__waiting_new(NULL, NULL); /* where nobody waits */
    return backend.claims && backend.waiting ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    xkv__claims_free(backend.claims);
    xkv__waiting_free(backend.waiting);
    xkv__reclaim_finish();
    return heap.live == 0 ? 0 : -1;
}

/* -- The model --------------------------------------------------------------- */

enum { KEYS = 300 };

struct slot {
    bool held;
    xkv__claim claim;
};

static struct slot slots[KEYS], before[KEYS];

static xkv_bytes key_number(char out[32], size_t n) {
    return bytes_of(out, (size_t)snprintf(out, 32, "k:%03zu", n));
}

static size_t model_expired(uint64_t now, size_t from, size_t end) {
    size_t count = 0;

    for (size_t i = from; i < end; i++)
        count += slots[i].held && slots[i].claim.deadline <= now;
    return count;
}

/* -- Owners ------------------------------------------------------------------ */

static const char *const owners[] = {"", "vu 1", "vu 2", "v", "vu 1k:"};
static const char *const prefixes[] = {"k:0", "k:1", "k:2", "k:", ""}; /* the first, by hundreds */

enum { OWNERS = sizeof owners / sizeof *owners, PREFIXES = sizeof prefixes / sizeof *prefixes };

/* Number of the slot whose claim an owner is to find with a prefix; KEYS if there is none. */
static size_t slot_of(xkv_bytes owner, xkv_bytes prefix) {
    size_t n = 0;

    while (n < KEYS && !(slots[n].held && same_bytes(slots[n].claim.owner, owner) &&
                         same_bytes(slots[n].claim.prefix, prefix)))
        n++;
    return n;
}

/* One that is held keeps its owner; a new one gets one that has none, or nobody. */
static void choose_owner(struct rng *rng, size_t n, xkv__claim *claim) {
    size_t which = rng_below(rng, 3);
    xkv_bytes owner = xkv_text(owners[rng_below(rng, OWNERS)]);
    xkv_bytes prefix = xkv_text(prefixes[which == 0 ? n / 100 : 2 + which]);

    if (slots[n].held || (owner.len > 0 && slot_of(owner, prefix) < KEYS)) {
        claim->owner = slots[n].held ? slots[n].claim.owner : NOTHING;
        claim->prefix = slots[n].held ? slots[n].claim.prefix : NOTHING;
        return;
    }
    claim->owner = owner;
    claim->prefix = owner.len > 0 ? prefix : NOTHING;
}

static void assert_owners(xkv__txn *txn) {
    char text[32];

    for (size_t i = 0; i < OWNERS * PREFIXES; i++) {
        xkv_bytes owner = xkv_text(owners[i / PREFIXES]), key;
        xkv_bytes prefix = xkv_text(prefixes[i % PREFIXES]);
        size_t n = owner.len > 0 ? slot_of(owner, prefix) : KEYS;
        assert_int_equal(xkv__claim_of(txn, owner, prefix, &key), n < KEYS);
        if (n < KEYS)
            assert_true(same_bytes(key, key_number(text, n)));
    }
}

static void assert_claims(xkv__txn *txn) {
    const xkv__tree *keys = xkv__claims_keys(txn);
    size_t count = 0;
    char text[32];

    for (size_t i = 0; i < KEYS; i++) {
        xkv__claim claim = {.token = 0};
        bool found = xkv__claim_find(txn, key_number(text, i), &claim);
        assert_int_equal(found, slots[i].held);
        if (found) {
            assert_int_equal(claim.token, slots[i].claim.token);
            assert_int_equal(claim.deadline, slots[i].claim.deadline);
            assert_true(same_bytes(claim.owner, slots[i].claim.owner));
            if (claim.owner.len > 0) {
                assert_true(same_bytes(claim.prefix, slots[i].claim.prefix));
                assert_int_equal(claim.expires_at, slots[i].claim.expires_at);
            }
        }
        count += found;
    }
    assert_int_equal(keys->count, count);
    assert_null(xkv__tree_check(keys));
    assert_owners(txn);
    for (uint64_t now = 0; now < 1100; now += 100) {
        assert_int_equal(xkv__claims_expired(txn, NOTHING, now), model_expired(now, 0, KEYS));
        assert_int_equal(xkv__claims_expired(txn, LIT("k:1"), now), model_expired(now, 100, 200));
    }
}

/* -- Changes ----------------------------------------------------------------- */

static int change(xkv__txn *txn, struct rng *rng, uint64_t *token) {
    size_t n = rng_below(rng, KEYS);
    char text[32];
    xkv_bytes key = key_number(text, n);
    struct slot *slot = &slots[n];
    int error;

    if (rng_chance(rng, 300)) {
        error = xkv__claim_end(txn, key);
        slot->held = error == XKV_OK ? false : slot->held;
        return error;
    }
    /* A renewed claim keeps its token; now and then nothing changes at all. */
    xkv__claim claim = {
        .token = slot->held && rng_chance(rng, 500) ? slot->claim.token : ++*token,
        .deadline = rng_below(rng, 1000),
    };
    claim.expires_at = claim.deadline + 7; /* the same deadline is the same claim */
    choose_owner(rng, n, &claim);
    if (slot->held && rng_chance(rng, 50))
        claim = slot->claim;
    error = xkv__claim_put(txn, key, &claim);
    if (error == XKV_OK)
        *slot = (struct slot){true, claim};
    return error;
}

static void expire(xkv__txn *txn, uint64_t now) {
    assert_int_equal(xkv__claims_expire(txn, now), XKV_OK);
    for (size_t i = 0; i < KEYS; i++) {
        if (slots[i].held && slots[i].claim.deadline <= now)
            slots[i].held = false;
    }
}

static void one_transaction(struct rng *rng, uint64_t *token) {
    xkv__txn txn = begin(rng_chance(rng, 800));
    size_t changes = rng_below(rng, 30);

    memcpy(before, slots, sizeof slots);
    for (size_t i = 0; i < changes; i++)
        assert_int_equal(change(&txn, rng, token), XKV_OK);
    if (rng_chance(rng, 200))
        expire(&txn, rng_below(rng, 300));
    if (rng_chance(rng, 10)) {
        xkv__claims_clear(&txn);
        memset(slots, 0, sizeof slots);
    }
    if (txn.undoes && rng_chance(rng, 400)) {
        rollback(&txn);
        memcpy(slots, before, sizeof slots);
    } else {
        commit(&txn);
    }
    txn = begin(true);
    assert_claims(&txn);
    commit(&txn);
}

static void test_random_transactions(void **state) {
    struct rng rng = rng_for("claims");
    uint64_t token = 0;

    (void)state;
    memset(slots, 0, sizeof slots);
    for (int i = 0; i < (SANITIZED ? 200 : 2000); i++)
        one_transaction(&rng, &token);
}

/* Exactly at the deadline it has ended. */
static void test_deadline(void **state) {
    xkv__txn txn = begin(false);
    xkv__claim claim = {.token = 1, .deadline = 100};

    (void)state;
    assert_int_equal(xkv__claim_put(&txn, LIT("a"), &claim), XKV_OK);
    assert_int_equal(xkv__claims_expired(&txn, NOTHING, 99), 0);
    assert_int_equal(xkv__claims_expired(&txn, NOTHING, 100), 1);
    assert_int_equal(xkv__claims_expired(&txn, LIT("b"), 100), 0);
    assert_int_equal(xkv__claims_expire(&txn, 99), XKV_OK);
    assert_true(xkv__claim_find(&txn, LIT("a"), &claim));
    assert_int_equal(xkv__claims_expire(&txn, 100), XKV_OK);
    assert_false(xkv__claim_find(&txn, LIT("a"), &claim));
    commit(&txn);
}

static void test_longest_key(void **state) {
    static unsigned char key[XKV_KEY_MAX + 1];
    xkv_bytes all = bytes_of(key, XKV_KEY_MAX), owner = bytes_of(key, XKV_OWNER_MAX), found;
    xkv__txn txn = begin(true);
    xkv__claim claim = {.token = 1, .deadline = 100, .owner = owner, .prefix = all};

    (void)state;
    memset(key, 'k', sizeof key);
    assert_int_equal(xkv__claim_put(&txn, all, &claim), XKV_OK);
    assert_true(xkv__claim_of(&txn, owner, all, &found));
    assert_true(same_bytes(found, all));
    assert_false(xkv__claim_of(&txn, owner, bytes_of(key, sizeof key), &found));
    assert_int_equal(xkv__claims_expired(&txn, all, 100), 1);
    assert_int_equal(xkv__claims_expire(&txn, 100), XKV_OK);
    assert_int_equal(xkv__claims_keys(&txn)->count, 0);
    assert_false(xkv__claim_of(&txn, owner, all, &found));
    commit(&txn);
}

/* -- Want of memory ---------------------------------------------------------- */

/* Changes with allocation n failing. One that undoes says that it is broken and
 * goes back; the other has changed nothing. */
static bool fail_changes(struct rng *rng, bool undoes, long n, uint64_t *token) {
    xkv__txn txn = begin(undoes);
    int error = XKV_OK;

    memcpy(before, slots, sizeof slots);
    heap_fail_at(n, rng_chance(rng, 500));
    for (int i = 0; i < 20 && error == XKV_OK; i++)
        error = change(&txn, rng, token);
    bool failed = heap_failed();
    assert_int_equal(error != XKV_OK, failed && error == XKV_E_STORE_FULL);
    assert_int_equal(txn.broken, undoes && error != XKV_OK);
    if (error != XKV_OK && undoes) {
        rollback(&txn);
        memcpy(slots, before, sizeof slots);
    } else {
        commit(&txn);
    }
    txn = begin(undoes);
    assert_claims(&txn);
    commit(&txn);
    return failed;
}

static void test_without_memory(void **state) {
    struct rng rng = rng_for("claims without memory");
    uint64_t token = 0;

    (void)state;
    memset(slots, 0, sizeof slots);
    for (int round = 0; round < 6; round++) {
        for (long n = 1; fail_changes(&rng, round % 2, n, &token); n++)
            assert_in_range(n, 0, 1000);
    }
}

/* Where nothing is kept to go back to, ending claims needs no memory. */
static void test_ending_needs_no_memory(void **state) {
    char text[32], owner[32];

    (void)state;
    xkv__txn txn = begin(false);
    for (size_t i = 0; i < KEYS; i++) {
        xkv__claim claim = {.token = i + 1, .deadline = i * 7 % 100, .prefix = LIT("k")};
        if (i % 2)
            claim.owner = key_number(owner, i);
        assert_int_equal(xkv__claim_put(&txn, key_number(text, i), &claim), XKV_OK);
    }
    heap_fail_at(1, true);
    for (size_t i = 0; i < KEYS; i += 3)
        assert_int_equal(xkv__claim_end(&txn, key_number(text, i)), XKV_OK);
    assert_int_equal(xkv__claims_expire(&txn, 100), XKV_OK);
    heap_failed();
    assert_int_equal(xkv__claims_keys(&txn)->count, 0);
    commit(&txn);
}

static void test_new_without_memory(void **state) {
    (void)state;
    heap_fail_at(1, false);
    assert_null(xkv__claims_new());
    heap_failed();
    xkv__claims_free(NULL);
}

/* -- Tokens ------------------------------------------------------------------ */

/* Tokens are taken only below what is saved. */
static uint64_t take(xkv__txn *txn, uint64_t count) {
    uint64_t last = 0;

    assert_int_equal(xkv__claims_prepare(txn, count), XKV_OK);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t next = xkv__claims_next_token(txn), token = xkv__claims_token(txn);
        assert_true(token == next && token > last);
        assert_true(token < saved_in_txn);
        last = token;
    }
    return last;
}

static void restart(void) {
    xkv__claims_free(backend.claims);
    backend.claims = xkv__claims_new();
    assert_non_null(backend.claims);
    saved_in_txn = saved;
}

static void test_tokens(void **state) {
    xkv__txn txn = begin(true);
    uint64_t last = 0;

    (void)state;
    assert_int_equal(take(&txn, 1), 1);
    assert_int_equal(take(&txn, 10), 11);
    assert_int_equal(saves, 1);
    commit(&txn);
    for (int i = 0; i < 300; i++) {
        txn = begin(true);
        uint64_t token = take(&txn, (uint64_t)i * 37 % 2000 + 1);
        assert_true(token > last);
        last = token;
        commit(&txn);
        if (i % 50 == 49)
            restart();
    }
    assert_in_range(saves, 6, 20); /* not each time */
    txn = begin(true);
    last = take(&txn, XKV_COUNT_MAX);
    commit(&txn);
    restart();
    txn = begin(true);
    assert_true(take(&txn, 1) > last);
    commit(&txn);
}

/* Rolled back, what was saved is as if it never was; the next saves again. */
static void test_tokens_after_rollback(void **state) {
    uint64_t last = 0;

    (void)state;
    for (int round = 0; round < 4; round++) {
        xkv__txn txn = begin(true);
        uint64_t token = take(&txn, 3);
        assert_true(token > last);
        last = token;
        rollback(&txn);
        txn = begin(true);
        token = take(&txn, 1);
        assert_true(token > last);
        last = token;
        commit(&txn);
        assert_true(last < saved);
        restart();
    }
}

static void test_tokens_that_cannot_be_saved(void **state) {
    xkv__txn txn = begin(true);

    (void)state;
    load_status = XKV_E_DISK_STORE_READ;
    assert_int_equal(xkv__claims_prepare(&txn, 1), XKV_E_DISK_STORE_READ);
    load_status = XKV_OK;
    saved_in_txn = 7;
    number_size = 7;
    assert_int_equal(xkv__claims_prepare(&txn, 1), XKV_E_DISK_STORE_CORRUPT);
    saved_in_txn = 1;
    save_status = XKV_E_STORE_FULL;
    assert_int_equal(xkv__claims_prepare(&txn, 1), XKV_E_STORE_FULL);
    assert_int_equal(xkv__claims_prepare(&txn, 1), XKV_E_STORE_FULL);
    save_status = XKV_OK;
    assert_int_equal(take(&txn, 1), 1);
    commit(&txn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        TEST(random_transactions),
        TEST(deadline),
        TEST(longest_key),
        TEST(without_memory),
        TEST(ending_needs_no_memory),
        TEST(new_without_memory),
        TEST(tokens),
        TEST(tokens_after_rollback),
        TEST(tokens_that_cannot_be_saved),
    };

    (void)argc;
    test_begin(argv);
    xkv_set_hooks(&heap_hooks);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
