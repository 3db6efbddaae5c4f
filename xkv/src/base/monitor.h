/*
 * monitor.h - threads, and how they wait for each other
 *
 * A monitor is a mutex with one condition: whoever changes what it guards, and
 * what others may wait for, wakes them. (Hoare, "Monitors", 1974, with the
 * semantics of Mesa: who was woken looks again, and may have been woken for
 * nothing.)
 *
 * These are POSIX threads (sys_threads.c), or those of Windows (sys_threads_win.c),
 * whose locks are a pointer each, NULL at first.
 */
#ifndef XKV_BASE_MONITOR_H
#define XKV_BASE_MONITOR_H

#include "base/config.h"

#ifdef _WIN32
typedef void *xkv__system_mutex, *xkv__system_condition, *xkv__thread, *xkv__once;
#define XKV__ONCE NULL
#else
#include <pthread.h>
typedef pthread_mutex_t xkv__system_mutex;
typedef pthread_cond_t xkv__system_condition;
typedef pthread_t xkv__thread;
typedef pthread_once_t xkv__once;
#define XKV__ONCE PTHREAD_ONCE_INIT
#endif

typedef struct xkv__mutex {
    xkv__system_mutex system;
} xkv__mutex;

typedef struct xkv__monitor {
    xkv__system_mutex mutex;
    xkv__system_condition changed;
} xkv__monitor;

/* For those in static memory, which need neither init nor destroy. Such a
 * monitor knows no deadlines: who needs some calls xkv__monitor_init. */
#ifdef _WIN32
#define XKV__MUTEX_STATIC                                                                          \
    { NULL }
#define XKV__MONITOR_STATIC                                                                        \
    { NULL, NULL }
#else
#define XKV__MUTEX_STATIC                                                                          \
    { PTHREAD_MUTEX_INITIALIZER }
#define XKV__MONITOR_STATIC                                                                        \
    { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER }
#endif

int xkv__mutex_init(xkv__mutex *mutex); /* XKV_OK or XKV_E_STORE_FULL */
void xkv__mutex_destroy(xkv__mutex *mutex);
void xkv__mutex_lock(xkv__mutex *mutex);
bool xkv__mutex_try(xkv__mutex *mutex); /* whether it was free, and is locked now */
void xkv__mutex_unlock(xkv__mutex *mutex);

int xkv__monitor_init(xkv__monitor *monitor); /* XKV_OK or XKV_E_STORE_FULL */

/* Nobody may be inside, or about to leave. */
void xkv__monitor_destroy(xkv__monitor *monitor);

void xkv__monitor_enter(xkv__monitor *monitor);
void xkv__monitor_leave(xkv__monitor *monitor);

/* Inside: leaves the monitor until woken, and enters it again. */
void xkv__monitor_wait(xkv__monitor *monitor);

/* The same until a time of xkv__monitor_now at the latest; false once that is
 * over, be it that somebody woke the thread as well. */
bool xkv__monitor_wait_until(xkv__monitor *monitor, int64_t deadline_ns);

/* Wakes one of those who wait, or all. From inside or outside. */
void xkv__monitor_wake(xkv__monitor *monitor);
void xkv__monitor_wake_all(xkv__monitor *monitor);

/* The clock of the deadlines, in nanoseconds. It does not go backwards, and only
 * its differences mean anything. (It may stand still while the machine sleeps:
 * claims go by the clock of xkv_hooks.) */
int64_t xkv__monitor_now(void);

/* For the child of a fork, which has one thread: makes the monitor anew, with
 * nobody inside, whatever the threads of the parent were about to do. */
void xkv__monitor_renew(xkv__monitor *monitor);

/* Starts a thread, which gets no signals and must be joined. XKV_OK, or
 * XKV_E_STORE_FULL with a reason. */
int xkv__thread_start(xkv__thread *thread, void *(*run)(void *), void *argument);

/* Waits until it has ended. */
void xkv__thread_join(xkv__thread thread);

/* Lets other threads have the processor first. */
void xkv__thread_yield(void);

/* Calls once in the life of the process, even if many ask at the same time. */
void xkv__call_once(xkv__once *once, void (*call)(void));

/* Has these called around each fork: before it, and after it in the parent and
 * in the child. Nothing where processes do not fork. */
void xkv__watch_forks(void (*before)(void), void (*parent)(void), void (*child)(void));

#endif
