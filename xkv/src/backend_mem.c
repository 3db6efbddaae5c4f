/*
 * backend_mem.c - the memory backend: one counted B-tree behind one lock
 *
 * Short reads hold the lock for readers while they look and copy. Long ones
 * take a clone of the tree, which costs O(1), and let go of the lock at once:
 * they see one moment's state, and writers only pay for copying the nodes that
 * they touch meanwhile.
 *
 * A batch notes what each put replaces, and abort puts that back. (A clone to go
 * back to would be simpler, but make each put in another leaf copy that leaf
 * and count a reference to each of its 64 entries.) Putting back needs no
 * memory, since the nodes on the way have been unshared by the put. Deletes are
 * not noted: see touch.
 */
#include "btree.h"
#include "claims.h"
#include "rwlock.h"

struct memory {
    xkv__backend base;
    xkv__rwlock lock;
    xkv__tree tree;
    _Atomic uint32_t snapshots; /* clones of the tree that are being read */
};

/* What a put of a batch has changed. */
struct undo {
    xkv__entry *entry; /* the old one, or if there was none the new one */
    bool replaced;
};

/* Transactions are short-lived and come in millions, so they are not
 * allocated: each thread has one, as it can only be in one at a time. */
struct memory_txn {
    xkv__txn base;
    xkv__tree *tree;
    xkv__tree clone; /* SNAPSHOT: what is read */
    xkv__tree dead;  /* what clear removed, to be freed without the lock */
    xkv__tree_cursor cursor;
    struct undo *undo; /* BATCH: of the puts so far */
    size_t undo_count, undo_room;
};

static _Thread_local struct memory_txn txn_of_thread;

static struct memory *memory_of(const xkv__txn *txn) {
    return (struct memory *)txn->backend;
}

static struct memory_txn *mine(xkv__txn *txn) {
    return (struct memory_txn *)txn;
}

static bool is_writer(const xkv__txn *txn) {
    return txn->mode == XKV__WRITE || txn->mode == XKV__BATCH;
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

    txn->base = (xkv__txn){.backend = backend, .mode = mode, .undoes = mode == XKV__BATCH};
    txn->tree = &memory->tree;
    txn->dead = XKV__TREE_EMPTY;
    if (is_writer(&txn->base))
        xkv__write_lock(&memory->lock);
    else
        xkv__read_lock(&memory->lock);
    if (mode == XKV__SNAPSHOT) {
        atomic_fetch_add(&memory->snapshots, 1);
        txn->clone = xkv__tree_clone(&memory->tree);
        xkv__read_unlock(&memory->lock);
        txn->tree = &txn->clone;
    }
    *out = &txn->base;
    return XKV_OK;
}

static void end_snapshot(struct memory_txn *txn, struct memory *memory) {
    xkv__tree_release(&txn->clone);
    atomic_fetch_sub(&memory->snapshots, 1);
}

static void end_write(struct memory_txn *txn, struct memory *memory) {
    xkv__write_unlock(&memory->lock);
    xkv__tree_release(&txn->dead);
    for (size_t i = 0; i < txn->undo_count; i++)
        xkv__entry_release(txn->undo[i].entry);
    xkv__free(txn->undo);
    txn->undo = NULL;
    txn->undo_count = txn->undo_room = 0;
}

static void end(xkv__txn *txn) {
    if (is_writer(txn))
        end_write(mine(txn), memory_of(txn));
    else if (txn->mode == XKV__SNAPSHOT)
        end_snapshot(mine(txn), memory_of(txn));
    else
        xkv__read_unlock(&memory_of(txn)->lock);
}

static int memory_commit(xkv__txn *txn) {
    if (is_writer(txn))
        xkv__claims_commit(txn);
    end(txn);
    return XKV_OK;
}

/* Neither can fail: the nodes on the way are the tree's own since the put. */
static void undo_one(xkv__tree *tree, struct undo *undo) {
    if (!undo->replaced) {
        (void)xkv__tree_delete(tree, xkv__entry_key(undo->entry));
        return;
    }
    if (xkv__tree_replace(tree, undo->entry) == XKV_OK)
        undo->entry = NULL; /* its reference went back */
}

static void memory_abort(xkv__txn *txn) {
    struct memory_txn *own = mine(txn);

    for (size_t i = own->undo_count; i > 0; i--)
        undo_one(own->tree, &own->undo[i - 1]);
    if (is_writer(txn))
        xkv__claims_rollback(txn);
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

/* Room for one more undo, so that noting it cannot fail. */
static int make_undo_room(struct memory_txn *txn) {
    size_t room = txn->undo_room ? txn->undo_room * 2 : 64;

    if (txn->undo_count < txn->undo_room)
        return XKV_OK;
    struct undo *undo = xkv__resize(txn->undo, room * sizeof *undo);
    if (!undo)
        return XKV_E_STORE_FULL;
    txn->undo = undo;
    txn->undo_room = room;
    return XKV_OK;
}

static void note_undo(struct memory_txn *txn, xkv__entry *new, xkv__entry *old) {
    txn->undo[txn->undo_count++] = (struct undo){old ? old : xkv__entry_refer(new), old != NULL};
}

static int memory_put(xkv__txn *txn, xkv_bytes key, xkv_bytes value) {
    struct memory_txn *own = mine(txn);
    int error = txn->mode == XKV__BATCH ? make_undo_room(own) : XKV_OK;
    xkv__entry *entry = error == XKV_OK ? xkv__entry_new(key, value) : NULL, *old;

    error = entry ? xkv__tree_exchange(own->tree, entry, &old) : XKV_E_STORE_FULL;
    if (error != XKV_OK) {
        xkv__entry_release(entry);
        return error;
    }
    if (txn->mode == XKV__BATCH)
        note_undo(own, entry, old);
    else
        xkv__entry_release(old);
    return XKV_OK;
}

/* Only a snapshot shares nodes, and none begins during a write. */
static int memory_touch(xkv__txn *txn, xkv_bytes key) {
    if (atomic_load(&memory_of(txn)->snapshots) == 0)
        return XKV_OK;
    return xkv__tree_touch(mine(txn)->tree, key);
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
    range->ranked = true;
    range->count = xkv__tree_count(mine(txn)->tree, prefix, &range->first);
    return XKV_OK;
}

static int memory_select(xkv__txn *txn, const xkv__range *range, uint64_t n, xkv_bytes *key) {
    return give(xkv__tree_select(mine(txn)->tree, range->first + n), key, NULL);
}

static uint64_t memory_rank(xkv__txn *txn, xkv_bytes key) {
    return xkv__tree_rank(mine(txn)->tree, key);
}

/* The tree is its own index. */
static int memory_rebuild(xkv__txn *txn) {
    (void)txn;
    return XKV_OK;
}

/* The store's life is that of the process. */
static int memory_load_tokens(xkv__txn *txn, uint64_t *end) {
    (void)txn;
    *end = 1;
    return XKV_OK;
}

static int memory_save_tokens(xkv__txn *txn, uint64_t end) {
    (void)txn, (void)end;
    return XKV_OK;
}

static int memory_describe(xkv__txn *txn, xkv__facts *facts) {
    *facts = (xkv__facts){.count = mine(txn)->tree->count,
                          .indexed = txn->backend->options->track_keys,
                          .index_count = mine(txn)->tree->count};
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
    .touch = memory_touch,
    .seek = memory_seek,
    .next = memory_next,
    .range = memory_range,
    .select = memory_select,
    .rank = memory_rank,
    .rebuild = memory_rebuild,
    .load_tokens = memory_load_tokens,
    .save_tokens = memory_save_tokens,
    .describe = memory_describe,
};

int xkv__mem_open(xkv__backend **backend) {
    struct memory *memory = xkv__alloc(sizeof *memory);

    if (!memory)
        return XKV_E_STORE_FULL;
    memory->base = (xkv__backend){.ops = &memory_ops};
    atomic_init(&memory->snapshots, 0);
    memory->tree = XKV__TREE_EMPTY;
    if (xkv__rwlock_init(&memory->lock) != XKV_OK) {
        xkv__free(memory);
        return XKV_E_STORE_FULL;
    }
    *backend = &memory->base;
    return XKV_OK;
}
