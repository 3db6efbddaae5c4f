/* sys_threads.c - see monitor.h; for POSIX systems */
#include "base/error.h"
#include "base/monitor.h"

#ifndef _WIN32

#include <sched.h>
#include <signal.h>
#include <time.h>

/* Where a condition can go by a clock that nobody sets. */
#ifdef __APPLE__
#define CONDITION_CLOCK CLOCK_REALTIME
#else
#define CONDITION_CLOCK CLOCK_MONOTONIC
#endif

int xkv__mutex_init(xkv__mutex *mutex) {
    return pthread_mutex_init(&mutex->system, NULL) == 0 ? XKV_OK : XKV_E_STORE_FULL;
}

void xkv__mutex_destroy(xkv__mutex *mutex) {
    pthread_mutex_destroy(&mutex->system);
}

void xkv__mutex_lock(xkv__mutex *mutex) {
    pthread_mutex_lock(&mutex->system);
}

bool xkv__mutex_try(xkv__mutex *mutex) {
    return pthread_mutex_trylock(&mutex->system) == 0;
}

void xkv__mutex_unlock(xkv__mutex *mutex) {
    pthread_mutex_unlock(&mutex->system);
}

static int condition_init(xkv__system_condition *condition) {
    pthread_condattr_t attributes;

    if (pthread_condattr_init(&attributes) != 0)
        return XKV_E_STORE_FULL;
#ifndef __APPLE__ /* which has the one clock, and no such call */
    pthread_condattr_setclock(&attributes, CONDITION_CLOCK);
#endif
    int error = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return error == 0 ? XKV_OK : XKV_E_STORE_FULL;
}

int xkv__monitor_init(xkv__monitor *monitor) {
    if (pthread_mutex_init(&monitor->mutex, NULL) != 0)
        return XKV_E_STORE_FULL;
    int error = condition_init(&monitor->changed);
    if (error != XKV_OK)
        pthread_mutex_destroy(&monitor->mutex);
    return error;
}

void xkv__monitor_destroy(xkv__monitor *monitor) {
    pthread_cond_destroy(&monitor->changed);
    pthread_mutex_destroy(&monitor->mutex);
}

void xkv__monitor_enter(xkv__monitor *monitor) {
    pthread_mutex_lock(&monitor->mutex);
}

void xkv__monitor_leave(xkv__monitor *monitor) {
    pthread_mutex_unlock(&monitor->mutex);
}

void xkv__monitor_wait(xkv__monitor *monitor) {
    pthread_cond_wait(&monitor->changed, &monitor->mutex);
}

bool xkv__monitor_wait_until(xkv__monitor *monitor, int64_t deadline_ns) {
    struct timespec at = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                          .tv_nsec = (long)(deadline_ns % 1000000000)};

    return pthread_cond_timedwait(&monitor->changed, &monitor->mutex, &at) == 0;
}

void xkv__monitor_wake(xkv__monitor *monitor) {
    pthread_cond_signal(&monitor->changed);
}

void xkv__monitor_wake_all(xkv__monitor *monitor) {
    pthread_cond_broadcast(&monitor->changed);
}

int64_t xkv__monitor_now(void) {
    struct timespec now;

    clock_gettime(CONDITION_CLOCK, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void xkv__monitor_renew(xkv__monitor *monitor) {
    pthread_mutex_init(&monitor->mutex, NULL);
    (void)condition_init(&monitor->changed);
}

/* Signals are the business of the program's own threads. */
int xkv__thread_start(xkv__thread *thread, void *(*run)(void *), void *argument) {
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? XKV_OK : xkv__fail(XKV_E_STORE_FULL, "a thread could not be started");
}

void xkv__thread_join(xkv__thread thread) {
    pthread_join(thread, NULL);
}

void xkv__thread_yield(void) {
    sched_yield();
}

void xkv__call_once(xkv__once *once, void (*call)(void)) {
    pthread_once(once, call);
}

void xkv__watch_forks(void (*before)(void), void (*parent)(void), void (*child)(void)) {
    pthread_atfork(before, parent, child);
}

#endif
