/*
 * backend_mem.c - the memory backend: one counted B-tree behind one lock
 *
 * Short reads hold the lock for readers while they look and copy. Long ones
 * take a clone of the tree, which costs O(1), and let go of the lock at once:
 * they see one moment's state, and writers only pay for copying the nodes that
 * they touch meanwhile. A transaction with several writes keeps a clone, too,
 * to go back to if it cannot be finished.
 */
#include "btree.h"
#include "rwlock.h"

struct memory {
    xkv__backend base;
    xkv__rwlock lock;
    xkv__tree tree;
};

/* Transactions are short-lived and come in millions, so they are not
 * allocated: each thread has one, as it can only be in one at a time. */
struct memory_txn {
    xkv__txn base;
    xkv__tree *tree;
    xkv__tree clone; /* SNAPSHOT: what is read; BATCH: what to go back to */
    xkv__tree dead;  /* what clear removed, to be freed without the lock */
    xkv__tree_cursor cursor;
};

static _Thread_local struct memory_txn txn_of_thread;

static struct memory *memory_of(const xkv__txn *txn) {
    return (struct memory *)txn->backend;
}

static struct memory_txn *mine(xkv__txn *txn) {
    return (struct memory_txn *)txn;
}

static bool memory_waits(const xkv__backend *backend) {
    (void)backend;
    return false;
}

static void memory_close(xkv__backend *backend) {
    struct memory *memory = (struct memory *)backend;

    xkv__tree_release(&memory->tree);
    xkv__rwlock_destroy(&memory->lock);
    xkv__free(memory);
}

static int memory_begin(xkv__backend *backend, xkv__mode mode, xkv__txn **out) {
    struct memory *memory = (struct memory *)backend;
    struct memory_txn *txn = &txn_of_thread;

    txn->base = (xkv__txn){.backend = backend, .mode = mode};
    txn->tree = &memory->tree;
    txn->dead = XKV__TREE_EMPTY;
    if (mode == XKV__WRITE || mode == XKV__BATCH)
        xkv__write_lock(&memory->lock);
    else
        xkv__read_lock(&memory->lock);
    if (mode == XKV__BATCH || mode == XKV__SNAPSHOT)
        txn->clone = xkv__tree_clone(&memory->tree);
    if (mode == XKV__SNAPSHOT) {
        xkv__read_unlock(&memory->lock);
        txn->tree = &txn->clone;
    }
    *out = &txn->base;
    return XKV_OK;
}

static void end(xkv__txn *txn) {
    struct memory *memory = memory_of(txn);

    if (txn->mode == XKV__READ)
        xkv__read_unlock(&memory->lock);
    else if (txn->mode != XKV__SNAPSHOT)
        xkv__write_unlock(&memory->lock);
    if (txn->mode == XKV__SNAPSHOT || txn->mode == XKV__BATCH)
        xkv__tree_release(&mine(txn)->clone);
    xkv__tree_release(&mine(txn)->dead);
}

static int memory_commit(xkv__txn *txn) {
    end(txn);
    return XKV_OK;
}

static void memory_abort(xkv__txn *txn) {
    struct memory_txn *own = mine(txn);

    if (txn->mode == XKV__BATCH) {
        xkv__tree changed = *own->tree;
        *own->tree = own->clone;
        own->clone = changed;
    }
    end(txn);
}

static int memory_get(xkv__txn *txn, xkv_bytes key, xkv_bytes *value) {
    const xkv__entry *entry = xkv__tree_get(mine(txn)->tree, key);

    if (!entry)
        return XKV_E_KEY_NOT_FOUND;
    if (value)
        *value = xkv__entry_value(entry);
    return XKV_OK;
}

static int memory_put(xkv__txn *txn, xkv_bytes key, xkv_bytes value) {
    xkv__entry *entry = xkv__entry_new(key, value);
    int error = entry ? xkv__tree_put(mine(txn)->tree, entry) : XKV_E_STORE_FULL;

    if (error != XKV_OK)
        xkv__entry_release(entry);
    return error;
}

static int memory_del(xkv__txn *txn, xkv_bytes key) {
    return xkv__tree_delete(mine(txn)->tree, key);
}

static int memory_clear(xkv__txn *txn) {
    xkv__tree_release(&mine(txn)->dead);
    mine(txn)->dead = *mine(txn)->tree;
    *mine(txn)->tree = XKV__TREE_EMPTY;
    return XKV_OK;
}

static int give(const xkv__entry *entry, xkv_bytes *found, xkv_bytes *value) {
    if (!entry)
        return XKV_E_KEY_NOT_FOUND;
    *found = xkv__entry_key(entry);
    if (value)
        *value = xkv__entry_value(entry);
    return XKV_OK;
}

static int memory_seek(xkv__txn *txn, xkv_bytes key, xkv_bytes *found, xkv_bytes *value) {
    return give(xkv__tree_seek(mine(txn)->tree, &mine(txn)->cursor, key), found, value);
}

static int memory_next(xkv__txn *txn, xkv_bytes *found, xkv_bytes *value) {
    return give(xkv__tree_next(&mine(txn)->cursor), found, value);
}

static int memory_range(xkv__txn *txn, xkv_bytes prefix, xkv__range *range) {
    range->prefix = prefix;
    range->count = xkv__tree_count(mine(txn)->tree, prefix, &range->first);
    return XKV_OK;
}

static int memory_select(xkv__txn *txn, const xkv__range *range, uint64_t n, xkv_bytes *key) {
    return give(xkv__tree_select(mine(txn)->tree, range->first + n), key, NULL);
}

/* The tree is its own index. */
static int memory_rebuild(xkv__txn *txn) {
    (void)txn;
    return XKV_OK;
}

static const xkv__backend_ops memory_ops = {
    .name = "memory",
    .waits = memory_waits,
    .close = memory_close,
    .begin = memory_begin,
    .commit = memory_commit,
    .abort = memory_abort,
    .get = memory_get,
    .put = memory_put,
    .del = memory_del,
    .clear = memory_clear,
    .seek = memory_seek,
    .next = memory_next,
    .range = memory_range,
    .select = memory_select,
    .rebuild = memory_rebuild,
};

int xkv__mem_open(xkv__backend **backend) {
    struct memory *memory = xkv__alloc(sizeof *memory);

    if (!memory)
        return XKV_E_STORE_FULL;
    memory->base.ops = &memory_ops;
    memory->tree = XKV__TREE_EMPTY;
    if (xkv__rwlock_init(&memory->lock) != XKV_OK) {
        xkv__free(memory);
        return XKV_E_STORE_FULL;
    }
    *backend = &memory->base;
    return XKV_OK;
}
