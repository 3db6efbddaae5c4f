/*
 * tree.c - clones of a tree in other threads, and the readers-writer lock
 */
#include "../support.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/rwlock.h"
#include "tree/btree.h"

/* -- Clones ------------------------------------------------------------------ */

enum { READERS = 4, TREE_KEYS = 3000 };

/* A clone handed to a reader: the slot is the reader's while full. */
struct handover {
    xkv__tree tree;
    uint64_t sum; /* of the values, when it was cloned */
    _Atomic bool full, stop;
};

static uint64_t sum_of(const xkv__tree *tree) {
    xkv__tree_cursor cursor;
    const xkv__entry *entry = xkv__tree_seek(tree, &cursor, NOTHING);
    uint64_t sum = 0, value;

    for (; entry; entry = xkv__tree_next(&cursor)) {
        memcpy(&value, xkv__entry_value(entry).data, sizeof value);
        sum += value;
    }
    return sum;
}

/* Reads each clone while the owner changes the tree it came from, then drops it. */
static void *read_clones(void *argument) {
    struct handover *handover = argument;

    while (!atomic_load(&handover->stop)) {
        if (!atomic_load(&handover->full)) {
            sched_yield();
            continue;
        }
        MUST(sum_of(&handover->tree) == handover->sum);
        MUST(!xkv__tree_check(&handover->tree));
        xkv__tree_release(&handover->tree);
        atomic_store(&handover->full, false);
    }
    return NULL;
}

static void change(xkv__tree *tree, struct rng *rng, uint64_t *sum) {
    char text[32];
    uint64_t value = rng_next(rng) >> 8, old = 0;
    xkv_bytes key = bytes_of(
        text, (size_t)snprintf(text, sizeof text, "key%u", (unsigned)rng_below(rng, TREE_KEYS)));
    const xkv__entry *there = xkv__tree_get(tree, key);

    if (there)
        memcpy(&old, xkv__entry_value(there).data, sizeof old);
    *sum -= old;
    if (rng_chance(rng, 400)) {
        xkv__tree_delete(tree, key);
        return;
    }
    MUST(xkv__tree_put(tree, xkv__entry_new(key, bytes_of(&value, sizeof value))) == XKV_OK);
    *sum += value;
}

static void test_clones(void **state) {
    static struct handover handovers[READERS];
    pthread_t threads[READERS];
    struct rng rng = rng_for("clones");
    xkv__tree tree = XKV__TREE_EMPTY;
    uint64_t sum = 0;

    (void)state;
    for (size_t i = 0; i < READERS; i++)
        MUST(pthread_create(&threads[i], NULL, read_clones, &handovers[i]) == 0);
    for (int i = 0; i < (SANITIZED ? 60000 : 600000); i++) {
        struct handover *handover = &handovers[rng_below(&rng, READERS)];
        change(&tree, &rng, &sum);
        if (i % 10 != 0 || atomic_load(&handover->full))
            continue;
        handover->tree = xkv__tree_clone(&tree);
        handover->sum = sum;
        atomic_store(&handover->full, true);
    }
    for (size_t i = 0; i < READERS; i++) {
        atomic_store(&handovers[i].stop, true);
        pthread_join(threads[i], NULL);
        if (handovers[i].full)
            xkv__tree_release(&handovers[i].tree);
    }
    assert_true(sum_of(&tree) == sum);
    xkv__tree_release(&tree);
}

/* -- The lock ---------------------------------------------------------------- */

enum { LOCK_THREADS = 12, LOCK_ROUNDS = SANITIZED ? 3000 : 30000 };

static xkv__rwlock lock;
static uint64_t guarded[8]; /* equal whenever no writer is at work */

static void *lock_and_look(void *argument) {
    struct rng rng = {test.seed + (uintptr_t)argument};

    for (int i = 0; i < LOCK_ROUNDS; i++) {
        if (rng_chance(&rng, 100)) {
            xkv__write_lock(&lock);
            for (size_t j = 0; j < COUNT(guarded); j++)
                guarded[j]++;
            xkv__write_unlock(&lock);
            continue;
        }
        xkv__read_lock(&lock);
        for (size_t j = 1; j < COUNT(guarded); j++)
            MUST(guarded[j] == guarded[0]);
        xkv__read_unlock(&lock);
    }
    return NULL;
}

static void test_lock(void **state) {
    pthread_t threads[LOCK_THREADS];

    (void)state;
    assert_int_equal(xkv__rwlock_init(&lock), XKV_OK);
    for (uintptr_t i = 0; i < LOCK_THREADS; i++)
        MUST(pthread_create(&threads[i], NULL, lock_and_look, (void *)i) == 0);
    for (size_t i = 0; i < LOCK_THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_in_range(guarded[0], LOCK_THREADS * LOCK_ROUNDS / 20, LOCK_THREADS * LOCK_ROUNDS / 5);
    xkv__rwlock_destroy(&lock);
}

int main(int argc, char *argv[]) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clones),
        cmocka_unit_test(test_lock),
    };

    (void)argc;
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
