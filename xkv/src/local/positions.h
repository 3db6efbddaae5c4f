/*
 * positions.h - how far a store's keys have been handed out in turn
 *
 * One position for each prefix that was asked for, which is the key that was handed out
 * last. They are the process's, of one store while it is open, and nothing that is done to
 * the data changes them: what comes behind a key can be told whether it is there or not.
 */
#ifndef XKV_LOCAL_POSITIONS_H
#define XKV_LOCAL_POSITIONS_H

#include "local/backend.h"

/* NULL if memory is short. Free with the store; NULL is allowed. */
xkv__positions *xkv__positions_new(void);
void xkv__positions_free(xkv__positions *positions);

/* Around the whole transaction that moves a position, begin and end included: whose turn it
 * is then sees no older state of the store than whoever had the turn before. It is a short
 * one that reads, and waits for nobody who waits for a disk. */
void xkv__positions_lock(xkv__positions *positions);
void xkv__positions_unlock(xkv__positions *positions);

#endif
