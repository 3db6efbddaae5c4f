/*
 * lesson.h - a question that tells a server our scripts again
 */
#ifndef XKV_REMOTE_LESSON_H
#define XKV_REMOTE_LESSON_H

#include "remote/link.h"

/* Makes a trip such a question; how it ends is of no account: a server that has not learnt the
 * scripts says so when it is asked for one. Returns how many answers it has. */
unsigned xkv__lesson_prepare(xkv__trip *lesson, int64_t deadline_ns);

#endif
