/*
 * change.h - the one door through which the data of a store changes
 */
#ifndef XKV_LOCAL_CHANGE_H
#define XKV_LOCAL_CHANGE_H

#include "local/backend.h"

/* Puts a value under a key, in the place of any that it has. */
int xkv__change_put(xkv__txn *txn, xkv_bytes key, xkv_bytes value);

/* Removes a key and ends its claim. XKV_E_KEY_NOT_FOUND if there is none; nothing
 * is changed then. */
int xkv__change_remove(xkv__txn *txn, xkv_bytes key);

/* Removes the keys of those of items that are entries, all or none, and ends
 * their claims; *removed gets how many were there. Nothing may fail after it. */
int xkv__change_remove_many(xkv__txn *txn, xkv_bytes items, uint64_t *removed);

/* Removes all keys, and ends all claims. */
int xkv__change_clear(xkv__txn *txn);

/* Everything was replaced, and that is committed: all claims end, and all who wait are to be
 * asked, by the next transaction that has to do with them, before anybody else. */
void xkv__change_replaced(xkv__txn *txn);

/* A key is there, and may be free: who waits for it is to be asked. It follows from the
 * changes above, and from the end of a claim. */
void xkv__change_note(xkv__txn *txn, xkv_bytes key);

#endif
