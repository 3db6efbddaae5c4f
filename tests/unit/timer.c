/*
 * timer.c - tests of the timers
 */
#include "store/timer.h"
#include "base/sys.h"

#include "../clock.h"

#include <sched.h>

enum { TIMERS = 200 };

struct probe {
    xkv__timer timer;
    _Atomic bool refuses, fired, held;
    _Atomic uint64_t at;    /* when it was fired, */
    _Atomic unsigned place; /* as which */
};

static struct probe probes[TIMERS];
static _Atomic unsigned fired;

static struct probe *probe_of(xkv__timer *timer) {
    return (struct probe *)(void *)((char *)timer - offsetof(struct probe, timer));
}

static bool is_due(xkv__timer *timer) {
    return !atomic_load(&probe_of(timer)->refuses);
}

static void fire(xkv__timer *timer) {
    struct probe *probe = probe_of(timer);

    atomic_store(&probe->at, clocks_now());
    atomic_store(&probe->place, atomic_fetch_add(&fired, 1));
    atomic_store(&probe->fired, true);
    while (atomic_load(&probe->held))
        sched_yield();
}

static struct probe *fresh_probe(size_t i) {
    struct probe *probe = &probes[i];

    memset(probe, 0, sizeof *probe);
    probe->timer.is_due = is_due;
    probe->timer.fire = fire;
    MUST(xkv__timer_reserve() == XKV_OK);
    return probe;
}

static void pass(uint64_t milliseconds) {
    clocks_pass(milliseconds);
    xkv__timer_look();
}

static void await(_Atomic bool *flag) {
    uint64_t start = clock_ms();

    while (!atomic_load(flag))
        MUST(clock_ms() - start < 60000);
}

static int setup(void **state) {
    (void)state;
    clocks_stop();
    atomic_store(&fired, 0);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    xkv__timer_finish();
    xkv_set_hooks(NULL);
    return 0;
}

/* Times in no order, some of them twice, and each is fired at its own. */
static void fired_in_order(void **state) {
    struct rng rng = rng_for("fired_in_order");
    uint64_t start = clocks_now(), due[TIMERS];

    (void)state;
    for (size_t i = 0; i < TIMERS; i++) {
        due[i] = start + 1 + rng_below(&rng, 100);
        xkv__timer_start(&fresh_probe(i)->timer, due[i]);
    }
    for (int step = 0; step < 101; step++) {
        pass(1);
        for (size_t i = 0; i < TIMERS; i++) {
            if (due[i] <= clocks_now())
                await(&probes[i].fired);
            else
                assert_false(atomic_load(&probes[i].fired));
        }
    }
    assert_int_equal(atomic_load(&fired), TIMERS);
    for (size_t i = 0; i < TIMERS; i++)
        assert_int_equal(atomic_load(&probes[i].at), due[i]);
}

/* Many are stopped or moved, from anywhere in the heap. */
static void stopped_and_moved(void **state) {
    struct rng rng = rng_for("stopped_and_moved");
    bool stopped[TIMERS] = {false};

    (void)state;
    for (size_t i = 0; i < TIMERS; i++)
        xkv__timer_start(&fresh_probe(i)->timer, clocks_now() + 10 + rng_below(&rng, 1000));
    for (int n = 0; n < TIMERS; n++) {
        size_t i = rng_below(&rng, TIMERS);
        stopped[i] = rng_chance(&rng, 500);
        if (stopped[i])
            xkv__timer_stop(&probes[i].timer);
        else
            xkv__timer_start(&probes[i].timer, clocks_now() + 10 + rng_below(&rng, 1000));
    }
    pass(2000);
    for (size_t i = 0; i < TIMERS; i++) {
        if (!stopped[i])
            await(&probes[i].fired);
    }
    for (size_t i = 0; i < TIMERS; i++)
        assert_int_equal(atomic_load(&probes[i].fired), !stopped[i]);
}

/* One that nobody wants any more is passed over, and can be started again. */
static void refused(void **state) {
    struct probe *probe = fresh_probe(0), *later = fresh_probe(1);

    (void)state;
    atomic_store(&probe->refuses, true);
    xkv__timer_start(&probe->timer, clocks_now() + 10);
    xkv__timer_start(&later->timer, clocks_now() + 20);
    pass(20);
    await(&later->fired);
    assert_false(atomic_load(&probe->fired));
    atomic_store(&probe->refuses, false);
    xkv__timer_start(&probe->timer, clocks_now());
    await(&probe->fired);
}

static void *release_later(void *argument) {
    struct probe *probe = argument;
    struct timespec a_while = {0, 50000000};

    nanosleep(&a_while, NULL);
    atomic_store(&probe->held, false);
    return NULL;
}

/* To end a timer that is being fired takes until that is over. */
static void ended_while_fired(void **state) {
    struct probe *probe = fresh_probe(0);
    pthread_t thread;

    (void)state;
    atomic_store(&probe->held, true);
    xkv__timer_start(&probe->timer, clocks_now());
    await(&probe->fired);
    MUST(pthread_create(&thread, NULL, release_later, probe) == 0);
    xkv__timer_end(&probe->timer);
    assert_false(atomic_load(&probe->held));
    MUST(pthread_join(thread, NULL) == 0);
}

/* By the true clock, and without anybody who looks. */
static void by_itself(void **state) {
    struct probe *probe = fresh_probe(0);
    uint64_t start = clock_ms();

    (void)state;
    xkv_set_hooks(NULL);
    xkv__timer_start(&probe->timer, xkv__sys.now_ms() + 30);
    await(&probe->fired);
    assert_in_range(clock_ms() - start, 29, 50000);
}

int main(int argc, char *argv[]) {
    (void)argc;
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(fired_in_order),    TEST(stopped_and_moved), TEST(refused),
        TEST(ended_while_fired), TEST(by_itself),
    };
    test_begin(argv);
    return test_end(cmocka_run_group_tests(tests, NULL, NULL));
}
