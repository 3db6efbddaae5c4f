/* rwlock.c - see rwlock.h */
#include "rwlock.h"

#include <sched.h>

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
    return pthread_mutex_init(&lock->mutex, NULL) == 0 ? XKV_OK : XKV_E_STORE_FULL;
}

void xkv__rwlock_destroy(xkv__rwlock *lock) {
    pthread_mutex_destroy(&lock->mutex);
}

/*
 * Who holds the lock needs it for a microsecond, and putting a thread to sleep
 * and waking it takes fifty: so one that must wait tries for a while first.
 */
enum { SPINS = 200 };

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
            pthread_mutex_trylock(&lock->mutex) == 0)
            return;
        spin();
    }
    pthread_mutex_lock(&lock->mutex);
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
        atomic_fetch_sub(readers, 1);
        /* Holding the mutex means that no writer is at work. */
        lock_mutex(lock);
        atomic_fetch_add(readers, 1);
        pthread_mutex_unlock(&lock->mutex);
    }
}

void xkv__read_unlock(xkv__rwlock *lock) {
    atomic_fetch_sub_explicit(&lock->slot[xkv__thread_slot()].readers, 1, memory_order_release);
}

void xkv__write_lock(xkv__rwlock *lock) {
    lock_mutex(lock);
    atomic_store(&lock->writing, true);
    for (unsigned i = 0; i < XKV__LOCK_SLOTS; i++) {
        /* Readers are short; one that the system has put aside needs our core. */
        for (unsigned spins = 0; atomic_load(&lock->slot[i].readers) != 0; spins++) {
            if (spins < SPINS)
                spin();
            else
                sched_yield();
        }
    }
}

void xkv__write_unlock(xkv__rwlock *lock) {
    atomic_store(&lock->writing, false);
    pthread_mutex_unlock(&lock->mutex);
}
