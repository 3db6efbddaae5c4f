/*
 * waiting.c - those who wait for keys, on a disk that fails and with memory that is short
 *
 * Who was served in a transaction that could not be committed waits on, as if nothing had
 * been there; nobody is forgotten, and nobody gets what was not to be had.
 */
#include "store/timer.h"

#include "../below.h"
#include "../clock.h"
#include "../heap.h"
#include "../items.h"
#include "../kinds.h"

#include <stdatomic.h>

static const struct kind disks[] = {
    {"disk, full", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, false},
    {"disk, full, trackKeys", XKV_BACKEND_DISK, XKV_DURABILITY_FULL, true},
    {"disk, relaxed", XKV_BACKEND_DISK, XKV_DURABILITY_RELAXED, false},
    {"disk, none, trackKeys", XKV_BACKEND_DISK, XKV_DURABILITY_NONE, true},
};

enum { LONG_MS = 3600000, SHORT_MS = 5000, META_END = 2 * 4096 };

/* -- A disk ------------------------------------------------------------------------ */

static _Atomic bool is_full, is_broken, is_slow, is_held;

static void pass(uint64_t milliseconds) {
    clocks_pass(milliseconds);
    xkv__timer_look();
}

/* LMDB's meta pages are spared: after a failure there nobody knows what is on the disk. */
static int64_t write_unless_full(int fd, int64_t at, const void *data, size_t size) {
    (void)fd, (void)data;
    if (at < META_END || !atomic_load(&is_full))
        return (int64_t)size;
    while (atomic_load(&is_held))
        usleep(1000);
    if (atomic_exchange(&is_slow, false)) {
        pass(SHORT_MS);
        usleep(30000); /* for the timers to see it */
    }
    errno = ENOSPC;
    return -1;
}

static int sync_unless_broken(int fd) {
    (void)fd;
    errno = EIO;
    return atomic_load(&is_broken) ? -1 : 0;
}

/* -- A store with somebody who waits -------------------------------------------------- */

static struct client other;
static xkv_store *patient;
static xkv_queue *queue;

static void open_kind(const struct kind *kind) {
    static char name[PATH_SIZE];

    running = kind;
    xkv_options options = fresh(kind, name);
    options.serialization = XKV_BINARY;
    client_open(&other, &options, false);
    patient = must_open(&options);
    MUST((queue = xkv_queue_new()));
    if (kind->backend == XKV_BACKEND_DISK)
        below_watch(name);
}

static void close_kind(void) {
    below_ignore();
    xkv_close(patient);
    client_close(&other);
    xkv_queue_free(queue);
    running = NULL;
}

/* Has it wait for a key, and returns when it does. */
static void wait_for(int op, int64_t timeout_ms, uint64_t tag) {
    xkv_command command = {.op = op,
                           .key = LIT("job"),
                           .prefix = LIT("j"),
                           .owner = LIT("owner"),
                           .ttl_ms = SHORT_MS,
                           .timeout_ms = timeout_ms};
    xkv_command stats = {.op = XKV_OP_STATS};
    xkv_reply reply;

    xkv_reply_init(&reply, NULL, 0);
    MUST(xkv_submit(patient, &command, &reply, queue, tag) == XKV_PENDING);
    MUST(xkv_exec(patient, &stats, &reply) == XKV_OK);
    xkv_reply_clear(&reply);
}

/* Who is over next within so many milliseconds: its status and number. */
static void expect_over(uint64_t tag, int status, int64_t number) {
    xkv_completion done;

    assert_int_equal(xkv_completions(queue, &done, 1, 20000), 1);
    assert_int_equal(done.tag, tag);
    assert_int_equal(done.reply.status, status);
    assert_int_equal(done.reply.number, number);
    if (status == XKV_OK && number == 0)
        assert_string_equal(reply_text(&done.reply), "null");
    xkv_reply_clear(&done.reply);
}

static void nobody_is_over(void) {
    xkv_completion done;
    assert_int_equal(xkv_completions(queue, &done, 1, 30), 0);
}

static int set_job(void) {
    return do_set(&other, LIT("job"), LIT("1"));
}

static bool job_is_there(void) {
    MUST(do_exists(&other, LIT("job")) == XKV_OK);
    return other.reply.number == 1;
}

/* -- Commits that fail --------------------------------------------------------------- */

static const int ops[] = {XKV_OP_POP_RANDOM, XKV_OP_CLAIM_RANDOM, XKV_OP_CLAIM_KEY, XKV_OP_POP_NEXT,
                          XKV_OP_CLAIM_NEXT};

/* One is served in a transaction for which there is no room. */
static void serve_in_vain(const struct kind *kind, int op, int64_t timeout_ms) {
    open_kind(kind);
    wait_for(op, timeout_ms, 7);
    wait_for(op, LONG_MS, 8);
    atomic_store(&is_full, true);
    assert_int_equal(set_job(), XKV_E_STORE_FULL);
    atomic_store(&is_full, false);
    nobody_is_over();
    assert_false(job_is_there());
}

static void test_who_was_served_in_vain_is_served_later(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(disks) * COUNT(ops); i++) {
        serve_in_vain(&disks[i / COUNT(ops)], ops[i % COUNT(ops)], LONG_MS);
        assert_int_equal(set_job(), XKV_OK);
        expect_over(7, XKV_OK, 1); /* who came first */
        nobody_is_over();
        xkv_cancel(patient, queue, 8);
        expect_over(8, XKV_E_OPERATION_CANCELED, 0);
        bool taken = strncmp(xkv_op_describe(ops[i % COUNT(ops)])->name, "pop", 3) == 0;
        assert_true(job_is_there() == !taken);
        close_kind();
    }
}

/* Both get the same, so both were served, and both are again. */
static void test_who_shares_is_served_in_vain(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(disks); i++) {
        serve_in_vain(&disks[i], XKV_OP_CLAIM_FOR_OWNER, LONG_MS);
        assert_int_equal(set_job(), XKV_OK);
        expect_over(7, XKV_OK, 1);
        expect_over(8, XKV_OK, 1);
        close_kind();
    }
}

static void test_who_was_served_in_vain_has_found_nothing(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(disks) * COUNT(ops); i++) {
        serve_in_vain(&disks[i / COUNT(ops)], ops[i % COUNT(ops)], SHORT_MS);
        pass(SHORT_MS);
        expect_over(7, XKV_OK, 0);
        xkv_cancel(patient, queue, 8);
        expect_over(8, XKV_E_OPERATION_CANCELED, 0);
        close_kind();
    }
}

/* Its time was over while it was being served. */
static void test_time_is_over_while_served_in_vain(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(disks); i++) {
        open_kind(&disks[i]);
        wait_for(XKV_OP_POP_RANDOM, SHORT_MS, 7);
        atomic_store(&is_slow, true);
        atomic_store(&is_full, true);
        assert_int_equal(set_job(), XKV_E_STORE_FULL);
        atomic_store(&is_full, false);
        expect_over(7, XKV_OK, 0);
        close_kind();
    }
}

/* Nobody knows whether it has got what it waited for. */
static void test_nobody_knows(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(disks) * COUNT(ops); i++) {
        if (disks[i / COUNT(ops)].durability == XKV_DURABILITY_NONE)
            continue;
        open_kind(&disks[i / COUNT(ops)]);
        wait_for(ops[i % COUNT(ops)], LONG_MS, 7);
        atomic_store(&is_broken, true);
        assert_int_equal(set_job(), XKV_E_DISK_STORE_WRITE);
        atomic_store(&is_broken, false);
        xkv_cancel(patient, queue, 7); /* if it waits still */
        xkv_completion done;
        assert_int_equal(xkv_completions(queue, &done, 1, 20000), 1);
        assert_true(done.reply.status == XKV_E_DISK_STORE_WRITE ||
                    done.reply.status == XKV_E_OPERATION_CANCELED);
        assert_int_equal(done.reply.number, 0);
        xkv_reply_clear(&done.reply);
        close_kind();
    }
}

/* -- Turns among writes that fail ------------------------------------------------------ */

enum { TURNS = 12 };

static const char *const keys_in_turn[] = {"k1", "k2", "k3", "k4", "k5"};

static void expect_key(const xkv_reply *reply, const char *expected) {
    xkv_bytes key, value;
    size_t at = 0;

    assert_int_equal(reply->status, XKV_OK);
    assert_true(xkv_reply_next(reply, &at, &key, &value));
    assert_true(same_bytes(key, xkv_text(expected)));
}

static void expect_turn(uint64_t tag, const char *expected) {
    xkv_completion done;

    assert_int_equal(xkv_completions(queue, &done, 1, 20000), 1);
    assert_int_equal(done.tag, tag);
    expect_key(&done.reply, expected);
    xkv_reply_clear(&done.reply);
}

/* Returns whether it is pending; else its reply is there. */
static bool submit(const xkv_command *command, xkv_reply *reply, uint64_t tag) {
    xkv_reply_init(reply, NULL, 0);
    return xkv_submit(patient, command, reply, queue, tag) == XKV_PENDING;
}

/* A write, and a turn behind it: is the turn pending? If it is over at once, the write was
 * over before, and whoever had a turn before has had it. */
static bool submit_pair(uint64_t n, xkv_reply *turned) {
    const xkv_command set = {.op = XKV_OP_SET, .key = LIT("other"), .value = LIT("1")};
    const xkv_command turn = {.op = XKV_OP_NEXT_CIRCULAR, .prefix = LIT("k")};
    xkv_reply reply;

    MUST(submit(&set, &reply, 2 * n));
    return submit(&turn, turned, 2 * n + 1);
}

/* While the disk is held, the first write is, and all others wait and are one group. */
static void take_turns_on(const struct kind *kind, bool in_group) {
    xkv_reply turns[TURNS];
    bool pending[TURNS];

    open_kind(kind);
    for (size_t n = 0; n < COUNT(keys_in_turn); n++)
        MUST(do_set(&other, xkv_text(keys_in_turn[n]), LIT("1")) == XKV_OK);
    atomic_store(&is_held, in_group);
    atomic_store(&is_full, true);
    for (uint64_t n = 0; n < TURNS; n++) {
        pending[n] = submit_pair(n, &turns[n]);
        MUST(pending[n] || !in_group);
    }
    atomic_store(&is_held, false);
    for (uint64_t n = 0; n < TURNS; n++) {
        const char *expected = keys_in_turn[n % COUNT(keys_in_turn)];
        expect_over(2 * n, XKV_E_STORE_FULL, 0);
        if (pending[n])
            expect_turn(2 * n + 1, expected);
        else
            expect_key(&turns[n], expected);
        xkv_reply_clear(&turns[n]);
    }
    atomic_store(&is_full, false);
    close_kind();
}

/* No turn is lost with them, whether they are in one group, as those are that come while the
 * first is being committed, or in as many as it happens to be. */
static void test_turns_among_failing_writes(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(disks); i++) {
        if (disks[i].durability == XKV_DURABILITY_NONE)
            continue;
        take_turns_on(&disks[i], true);
        take_turns_on(&disks[i], false);
    }
}

/* -- What is due, and cannot be seen to ------------------------------------------------- */

/* Somebody holds the only key, and another waits for it. */
static void hold_and_wait(const struct kind *kind) {
    open_kind(kind);
    MUST(set_job() == XKV_OK);
    MUST(RUN(&other, .op = XKV_OP_CLAIM_KEY, .key = LIT("job"), .ttl_ms = SHORT_MS) == XKV_OK);
    MUST(other.reply.number == 1);
    wait_for(XKV_OP_POP_RANDOM, LONG_MS, 7);
}

/* Nobody calls anything, but time passes. */
static void served_soon(void) {
    pass(1000);
    expect_over(7, XKV_OK, 1);
    assert_false(job_is_there());
    close_kind();
}

static void test_a_full_disk_when_a_claim_expires(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(disks); i++) {
        hold_and_wait(&disks[i]);
        atomic_store(&is_full, true);
        pass(SHORT_MS);
        nobody_is_over();
        atomic_store(&is_full, false);
        served_soon();
    }
}

/* -- What is due when the committer only reads ---------------------------------------- */

static _Thread_local bool is_ours; /* the thread is the test's */
static _Atomic bool stands, stood; /* the others' stand still when they ask for memory; one has */

static void stand(void) {
    while (!is_ours && atomic_load(&stands)) {
        atomic_store(&stood, true);
        usleep(1000);
    }
}

static void *alloc_or_stand(size_t size) {
    stand();
    return heap_alloc(size);
}

static void *resize_or_stand(void *old, size_t size) {
    stand();
    return heap_resize(old, size);
}

static void submit_stats(xkv_queue *to, uint64_t tag) {
    const xkv_command stats = {.op = XKV_OP_STATS};
    xkv_reply reply;

    xkv_reply_init(&reply, NULL, 0);
    MUST(xkv_submit(other.store, &stats, &reply, to, tag) == XKV_PENDING);
}

/* A claim expires while the committer is at what only reads, with more of that to come. Time
 * does not go on after that, so nobody looks again. */
static void expire_beside_reads(const struct kind *kind) {
    xkv_queue *reads = xkv_queue_new();
    xkv_completion done;

    hold_and_wait(kind);
    atomic_store(&stood, false);
    atomic_store(&stands, true);
    submit_stats(reads, 0);
    while (!atomic_load(&stood))
        usleep(1000);
    submit_stats(reads, 1);
    pass(SHORT_MS);
    usleep(30000); /* for the timers to see it */
    atomic_store(&stands, false);
    expect_over(7, XKV_OK, 1);
    for (uint64_t tag = 0; tag < 2; tag++) {
        assert_int_equal(xkv_completions(reads, &done, 1, 20000), 1);
        assert_int_equal(done.tag, tag);
        xkv_reply_clear(&done.reply);
    }
    xkv_queue_free(reads);
    close_kind();
}

static void test_a_claim_expires_beside_reads(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(disks); i++) {
        if (disks[i].durability != XKV_DURABILITY_NONE)
            expire_beside_reads(&disks[i]);
    }
}

static const xkv_hooks hooks = {
    .alloc = alloc_or_stand,
    .resize = resize_or_stand,
    .release = heap_release,
    .now_ms = clocks_now,
    .wall_ms = clocks_wall,
};

static void test_short_memory_when_a_claim_expires(void **state) {
    static const struct kind memory = {"memory", XKV_BACKEND_MEMORY, XKV_DURABILITY_FULL, false};

    (void)state;
    hold_and_wait(&memory);
    heap_fail_at(1, true);
    pass(SHORT_MS);
    while (!heap_has_failed())
        usleep(1000);
    nobody_is_over();
    assert_true(heap_failed());
    served_soon();
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_who_was_served_in_vain_is_served_later, after_case),
        cmocka_unit_test_teardown(test_who_shares_is_served_in_vain, after_case),
        cmocka_unit_test_teardown(test_who_was_served_in_vain_has_found_nothing, after_case),
        cmocka_unit_test_teardown(test_time_is_over_while_served_in_vain, after_case),
        cmocka_unit_test_teardown(test_nobody_knows, after_case),
        cmocka_unit_test_teardown(test_turns_among_failing_writes, after_case),
        cmocka_unit_test_teardown(test_a_full_disk_when_a_claim_expires, after_case),
        cmocka_unit_test_teardown(test_a_claim_expires_beside_reads, after_case),
        cmocka_unit_test_teardown(test_short_memory_when_a_claim_expires, after_case),
    };

    (void)argc;
    test_begin(argv);
    below.on_write = write_unless_full;
    below.on_sync = sync_unless_broken;
    is_ours = true;
    xkv_set_hooks(&hooks);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
