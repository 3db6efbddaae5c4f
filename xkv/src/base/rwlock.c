/* rwlock.c - see rwlock.h */
#include "base/rwlock.h"

unsigned xkv__thread_slot(void) {
    static _Atomic unsigned threads;
    static _Thread_local unsigned mine; /* one more than the slot, 0 = none yet */

    if (XKV__UNLIKELY(mine == 0))
        mine = atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % XKV__LOCK_SLOTS + 1;
    return mine - 1;
}

int xkv__rwlock_init(xkv__rwlock *lock) {
    for (unsigned i = 0; i < XKV__LOCK_SLOTS; i++)
        atomic_init(&lock->slot[i].readers, 0);
    atomic_init(&lock->writing, false);
    atomic_init(&lock->asleep, false);
    if (xkv__mutex_init(&lock->mutex) != XKV_OK)
        return XKV_E_STORE_FULL;
    int error = xkv__monitor_init(&lock->left);
    if (error != XKV_OK)
        xkv__mutex_destroy(&lock->mutex);
    return error;
}

void xkv__rwlock_destroy(xkv__rwlock *lock) {
    xkv__monitor_destroy(&lock->left);
    xkv__mutex_destroy(&lock->mutex);
}

/*
 * Who holds the lock needs it for a microsecond, and putting a thread to sleep
 * and waking it takes fifty: so one that must wait tries for a while first.
 */
enum { SPINS = 200, YIELDS = 50 };

static void spin(void) {
#if XKV__EXTENSIONS && (defined(__x86_64__) || defined(__i386__))
    __builtin_ia32_pause();
#elif XKV__EXTENSIONS && defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void lock_mutex(xkv__rwlock *lock) {
    for (int i = 0; i < SPINS; i++) {
        if (!atomic_load_explicit(&lock->writing, memory_order_relaxed) &&
            xkv__mutex_try(&lock->mutex))
            return;
        spin();
    }
    xkv__mutex_lock(&lock->mutex);
}

static void wake_writer(xkv__rwlock *lock) {
    xkv__monitor_enter(&lock->left);
    xkv__monitor_wake(&lock->left);
    xkv__monitor_leave(&lock->left);
}

void xkv__read_unlock(xkv__rwlock *lock) {
    atomic_fetch_sub(&lock->slot[xkv__thread_slot()].readers, 1);
    if (XKV__UNLIKELY(atomic_load(&lock->asleep)))
        wake_writer(lock);
}

/*
 * Reader: count in, then look for a writer. Writer: announce, then look for
 * readers. Both pairs are sequentially consistent, so at least one of the two
 * sees the other: either the reader steps back or the writer waits for it.
 */
void xkv__read_lock(xkv__rwlock *lock) {
    _Atomic uint32_t *readers = &lock->slot[xkv__thread_slot()].readers;

    atomic_fetch_add(readers, 1);
    if (XKV__UNLIKELY(atomic_load(&lock->writing))) {
        xkv__read_unlock(lock);
        /* Holding the mutex means that no writer is at work. */
        lock_mutex(lock);
        atomic_fetch_add(readers, 1);
        xkv__mutex_unlock(&lock->mutex);
    }
}

/* Reader: count out, then look for one who sleeps. Writer: announce that, then
 * look for readers. So no wake-up is missed, for the same reason as above. */
static void sleep_until_left(xkv__rwlock *lock, unsigned slot) {
    xkv__monitor_enter(&lock->left);
    atomic_store(&lock->asleep, true);
    while (atomic_load(&lock->slot[slot].readers) != 0)
        xkv__monitor_wait(&lock->left);
    atomic_store(&lock->asleep, false);
    xkv__monitor_leave(&lock->left);
}

/* Readers are short; one that the system has put aside needs our core. One that
 * is still there then is long. */
static void wait_until_left(xkv__rwlock *lock, unsigned slot) {
    for (unsigned tries = 0; tries < SPINS + YIELDS; tries++) {
        if (atomic_load(&lock->slot[slot].readers) == 0)
            return;
        if (tries < SPINS)
            spin();
        else
            xkv__thread_yield();
    }
    sleep_until_left(lock, slot);
}

void xkv__write_lock(xkv__rwlock *lock) {
    lock_mutex(lock);
    atomic_store(&lock->writing, true);
    for (unsigned i = 0; i < XKV__LOCK_SLOTS; i++)
        wait_until_left(lock, i);
}

void xkv__write_unlock(xkv__rwlock *lock) {
    atomic_store(&lock->writing, false);
    xkv__mutex_unlock(&lock->mutex);
}
