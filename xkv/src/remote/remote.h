/*
 * remote.h - the executor of stores that lie on a Redis or Valkey server
 *
 * Every command is a request: it is written to a connection, and a thread of the store
 * sends, receives and brings replies back. What takes more than one question runs in a
 * thread of a worker and asks one after the other.
 */
#ifndef XKV_REMOTE_REMOTE_H
#define XKV_REMOTE_REMOTE_H

#include "store/executor.h"

extern const xkv__executor xkv__redis_store;

#endif
