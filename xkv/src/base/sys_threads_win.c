/*
 * sys_threads_win.c - see monitor.h; for Windows
 *
 * Slim locks and condition variables are a pointer each, need no clean-up, and may lie
 * anywhere; so nothing of theirs can fail.
 */
#include "base/error.h"
#include "base/monitor.h"

#ifdef _WIN32

#include "base/sys.h"

#include <process.h>
#include <windows.h>

_Static_assert(sizeof(SRWLOCK) == sizeof(xkv__system_mutex) &&
                   sizeof(CONDITION_VARIABLE) == sizeof(xkv__system_condition) &&
                   sizeof(INIT_ONCE) == sizeof(xkv__once),
               "locks of the system have another size");

static SRWLOCK *lock_of(xkv__system_mutex *mutex) {
    return (SRWLOCK *)(void *)mutex;
}

static CONDITION_VARIABLE *condition_of(xkv__monitor *monitor) {
    return (CONDITION_VARIABLE *)(void *)&monitor->changed;
}

int xkv__mutex_init(xkv__mutex *mutex) {
    mutex->system = NULL;
    return XKV_OK;
}

void xkv__mutex_destroy(xkv__mutex *mutex) {
    (void)mutex;
}

void xkv__mutex_lock(xkv__mutex *mutex) {
    AcquireSRWLockExclusive(lock_of(&mutex->system));
}

bool xkv__mutex_try(xkv__mutex *mutex) {
    return TryAcquireSRWLockExclusive(lock_of(&mutex->system)) != 0;
}

void xkv__mutex_unlock(xkv__mutex *mutex) {
    ReleaseSRWLockExclusive(lock_of(&mutex->system));
}

int xkv__monitor_init(xkv__monitor *monitor) {
    *monitor = (xkv__monitor)XKV__MONITOR_STATIC;
    return XKV_OK;
}

void xkv__monitor_destroy(xkv__monitor *monitor) {
    (void)monitor;
}

void xkv__monitor_enter(xkv__monitor *monitor) {
    AcquireSRWLockExclusive(lock_of(&monitor->mutex));
}

void xkv__monitor_leave(xkv__monitor *monitor) {
    ReleaseSRWLockExclusive(lock_of(&monitor->mutex));
}

void xkv__monitor_wait(xkv__monitor *monitor) {
    SleepConditionVariableSRW(condition_of(monitor), lock_of(&monitor->mutex), INFINITE, 0);
}

/* The system counts in milliseconds, of which one that has begun is waited for. What it takes
 * for the end may come a tick too early, so the clock has the last word. */
bool xkv__monitor_wait_until(xkv__monitor *monitor, int64_t deadline_ns) {
    for (;;) {
        int64_t left = deadline_ns - xkv__monitor_now(),
                ms = left > 0 ? (left + 999999) / 1000000 : 0;

        if (ms > 60000) /* far from what would be "for ever" */
            ms = 60000;
        if (SleepConditionVariableSRW(condition_of(monitor), lock_of(&monitor->mutex), (DWORD)ms,
                                      0))
            return true;
        if (deadline_ns - xkv__monitor_now() <= 0)
            return false;
    }
}

void xkv__monitor_wake(xkv__monitor *monitor) {
    WakeConditionVariable(condition_of(monitor));
}

void xkv__monitor_wake_all(xkv__monitor *monitor) {
    WakeAllConditionVariable(condition_of(monitor));
}

/* In two parts: a product of the counter and 10^9 would soon be too large. */
int64_t xkv__monitor_now(void) {
    LARGE_INTEGER ticks, per_second;

    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    int64_t rest = ticks.QuadPart % per_second.QuadPart;
    return ticks.QuadPart / per_second.QuadPart * 1000000000 +
           rest * 1000000000 / per_second.QuadPart;
}

void xkv__monitor_renew(xkv__monitor *monitor) {
    (void)xkv__monitor_init(monitor);
}

/* What a thread is to do, until it has begun. */
struct errand {
    void *(*run)(void *);
    void *argument;
};

static unsigned __stdcall run_errand(void *given) {
    struct errand errand = *(struct errand *)given;

    xkv__free(given);
    errand.run(errand.argument);
    return 0;
}

int xkv__thread_start(xkv__thread *thread, void *(*run)(void *), void *argument) {
    struct errand *errand = xkv__alloc(sizeof *errand);
    uintptr_t started = 0;

    if (errand) {
        *errand = (struct errand){run, argument};
        started = _beginthreadex(NULL, 0, run_errand, errand, 0, NULL);
    }
    if (started == 0) {
        xkv__free(errand);
        return xkv__fail(XKV_E_STORE_FULL, "a thread could not be started");
    }
    *thread = (void *)started;
    return XKV_OK;
}

void xkv__thread_join(xkv__thread thread) {
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

void xkv__thread_yield(void) {
    SwitchToThread();
}

static BOOL CALLBACK call_it(INIT_ONCE *once, void *call, void **context) {
    (void)once, (void)context;
    (*(void (**)(void))call)();
    return TRUE;
}

void xkv__call_once(xkv__once *once, void (*call)(void)) {
    InitOnceExecuteOnce((INIT_ONCE *)(void *)once, call_it, &call, NULL);
}

void xkv__watch_forks(void (*before)(void), void (*parent)(void), void (*child)(void)) {
    (void)before, (void)parent, (void)child;
}

#endif
