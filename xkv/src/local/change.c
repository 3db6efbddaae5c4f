/*
 * change.c - the one door through which the data of a store changes
 *
 * No command puts, removes or clears by itself. So what must follow from a change
 * is done here, whatever changes: claims end with their keys, and who waits for a
 * key is asked.
 *
 * It is part of the transaction. The engine makes it stand, or undoes it, between
 * the backend's commit and the end: see engine.c.
 */
#include "local/change.h"
#include "command/items.h"
#include "local/claims.h"
#include "local/waiting.h"

void xkv__change_note(xkv__txn *txn, xkv_bytes key) {
    if (xkv__waiting_any(txn->backend->waiting))
        xkv__waiting_note(txn->backend->waiting, key);
}

int xkv__change_put(xkv__txn *txn, xkv_bytes key, xkv_bytes value) {
    int error = txn->backend->ops->put(txn, XKV__DATA, key, value);

    if (error == XKV_OK)
        xkv__change_note(txn, key);
    return error;
}

int xkv__change_remove(xkv__txn *txn, xkv_bytes key) {
    int error = txn->backend->ops->del(txn, key);
    return error == XKV_OK ? xkv__claim_end(txn, key) : error;
}

int xkv__change_clear(xkv__txn *txn) {
    int error = txn->backend->ops->clear(txn);

    if (error == XKV_OK)
        xkv__claims_clear(txn);
    return error;
}

void xkv__change_replaced(xkv__txn *txn) {
    xkv__claims_clear(txn);
    if (xkv__waiting_any(txn->backend->waiting))
        xkv__waiting_note_all(txn->backend->waiting);
}

static bool next_entry(xkv_bytes items, size_t *at, xkv_item *item) {
    while (xkv_item_next(items, at, item)) {
        if (item->kind == XKV_ITEM_ENTRY)
            return true;
    }
    return false;
}

/* All claims end first: that may fail, and nothing but a del may fail after one. */
int xkv__change_remove_many(xkv__txn *txn, xkv_bytes items, uint64_t *removed) {
    int error = XKV_OK;
    size_t at = 0;

    *removed = 0;
    for (xkv_item item; error == XKV_OK && next_entry(items, &at, &item);)
        error = xkv__claim_end(txn, item.text);
    at = 0;
    for (xkv_item item; error == XKV_OK && next_entry(items, &at, &item);) {
        error = txn->backend->ops->del(txn, item.text);
        *removed += error == XKV_OK;
        if (error == XKV_E_KEY_NOT_FOUND)
            error = XKV_OK;
    }
    if (error != XKV_OK) /* keys may be gone, and claims on keys that are not */
        txn->broken = true;
    return error;
}
