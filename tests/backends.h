/*
 * backends.h - stores by their backend's interface, for what commands do not do
 */
#ifndef XKV_TESTS_BACKENDS_H
#define XKV_TESTS_BACKENDS_H

#include "support.h"

#include "base/sys.h"
#include "local/claims.h"
#include "local/local.h"
#include "local/waiting.h"

/* Nobody waits for a time here. */
static inline void look_in_vain(void *context) {
    (void)context;
}

/* Opens a backend as the library does; options must last as long. */
static inline xkv__backend *backend_open(const xkv_options *options) {
    const xkv__executor *executor = xkv__executors[options->backend];
    const xkv__local_kind *kind = executor->own;
    xkv__site site = {.name = NULL};
    xkv__backend *backend = NULL;

    MUST(executor->locate(options, &site) == XKV_OK);
    MUST(executor->prepare(options, &site) == XKV_OK);
    MUST(kind->open(options, &site, &backend) == XKV_OK);
    xkv__free(site.name);
    backend->options = options;
    MUST((backend->claims = xkv__claims_new()));
    MUST((backend->waiting = xkv__waiting_new(look_in_vain, NULL)));
    return backend;
}

static inline void backend_close(xkv__backend *backend) {
    xkv__claims_free(backend->claims);
    xkv__waiting_free(backend->waiting);
    backend->ops->close(backend);
}

static inline xkv__txn *txn_begin(xkv__backend *backend, xkv__mode mode, xkv__txn_room *room) {
    MUST(backend->ops->begin(backend, mode, room) == XKV_OK);
    return &room->txn;
}

static inline void txn_end(xkv__txn *txn, bool commits) {
    MUST(!commits || txn->backend->ops->commit(txn) == XKV_OK);
    txn->backend->ops->end(txn);
}

static inline int txn_put(xkv__txn *txn, xkv_bytes key, xkv_bytes value) {
    return txn->backend->ops->put(txn, XKV__DATA, key, value);
}

/* What is under a key; without data if there is nothing. */
static inline xkv_bytes txn_get(xkv__txn *txn, xkv_bytes key) {
    xkv_bytes value = NOTHING;
    int error = txn->backend->ops->get(txn, XKV__DATA, key, &value);

    MUST(error == XKV_OK || error == XKV_E_KEY_NOT_FOUND);
    return error == XKV_OK ? value : NOTHING;
}

/* Whether there is a key, by the index if there is one. */
static inline bool txn_has(xkv__txn *txn, xkv_bytes key) {
    int error = txn->backend->ops->get(txn, XKV__DATA, key, NULL);

    MUST(error == XKV_OK || error == XKV_E_KEY_NOT_FOUND);
    return error == XKV_OK;
}

static inline uint64_t txn_count(xkv__txn *txn) {
    xkv__range range;

    MUST(txn->backend->ops->range(txn, NOTHING, &range) == XKV_OK);
    return range.count;
}

/* Puts one entry in a transaction of its own. */
static inline void backend_put(xkv__backend *backend, xkv_bytes key, xkv_bytes value) {
    xkv__txn_room room;
    xkv__txn *txn = txn_begin(backend, XKV__WRITE, &room);

    MUST(txn_put(txn, key, value) == XKV_OK);
    txn_end(txn, true);
}

#endif
