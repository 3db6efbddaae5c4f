/*
 * workers.h - a few threads for commands that take long
 *
 * A command that reads much would keep the thread that brings it, and in k6 that
 * is the event loop of a virtual user. So it is carried out by one of these.
 */
#ifndef XKV_STORE_WORKERS_H
#define XKV_STORE_WORKERS_H

#include "store/request.h"

/* Takes a request, and has a thread call its work. Starts one if all are busy, up
 * to a bound. False if there is none, for want of memory: the request was not
 * taken. */
bool xkv__workers_take(xkv__request *request);

/* Ends the threads, if there are any. Nothing is under way: it is for the close of
 * the last store. */
void xkv__workers_finish(void);

#endif
