/*
 * memory.c - the memory backend: one counted B-tree behind one lock
 *
 * Short reads hold the lock for readers while they look and copy. Long ones
 * take a clone of the tree, which costs O(1), and let go of the lock at once:
 * they see one moment's state, and writers only pay for copying the nodes that
 * they touch meanwhile.
 *
 * Undoing. STEPS begins with a clone to go back to. That makes each put in
 * another leaf copy that leaf, and count a reference to each of its 64 entries;
 * so BATCH notes what each put replaces instead, and end puts that back. That
 * needs no memory, since the nodes on the way have been unshared by the put.
 * Nor does a del, which is why none is noted: it copies nodes only if they are
 * shared. Where a clone is being read when a BATCH begins, they are, and nothing
 * is lost by making one more to go back to. REPLACE touches nothing before it is
 * committed.
 */
#include "memory/memory.h"

#include "base/rwlock.h"
#include "base/sys.h"
#include "local/backend.h"
#include "tree/btree.h"

struct memory {
    xkv__backend base;
    xkv__rwlock lock;
    xkv__tree tree, meta;
    _Atomic uint32_t clones; /* of the tree, that are read or to go back to */
};

/* What a put of a batch has changed. */
struct undo {
    xkv__entry *entry; /* the old one, or if there was none the new one */
    bool replaced;
};

struct memory_txn {
    xkv__txn base;
    xkv__tree *tree;
    xkv__tree clone; /* what is read, or to go back to */
    bool cloned;     /* there is one */

    /* Of writers only. */
    bool meta_kept;        /* there is one: */
    xkv__tree meta_before; /* to go back to */
    xkv__tree dead; /* what clear removed, or REPLACE makes or replaces: freed without the lock */
    struct undo *undo; /* of the puts so far */
    size_t undo_count, undo_room;

    xkv__tree_cursor cursor;
};

_Static_assert(sizeof(struct memory_txn) <= sizeof(xkv__txn_room), "it needs more room");

static struct memory *memory_of(const xkv__txn *txn) {
    return (struct memory *)txn->backend;
}

static struct memory_txn *mine(xkv__txn *txn) {
    return (struct memory_txn *)txn;
}

static void memory_close(xkv__backend *backend) {
    struct memory *memory = (struct memory *)backend;

    xkv__tree_release(&memory->tree);
    xkv__tree_release(&memory->meta);
    xkv__rwlock_destroy(&memory->lock);
    xkv__free(memory);
}

/* With the lock, for reading at least. */
static void clone_tree(struct memory *memory, struct memory_txn *txn) {
    atomic_fetch_add(&memory->clones, 1);
    txn->clone = xkv__tree_clone(&memory->tree);
    txn->cloned = true;
}

/* What takes the place of the tree is made aside, so that nobody has to wait for it. No
 * clone is made while another thread writes. */
static void begin_write(struct memory *memory, struct memory_txn *txn) {
    xkv__mode mode = txn->base.mode;

    txn->base.undoes = mode != XKV__WRITE;
    txn->meta_kept = false;
    txn->dead = XKV__TREE_EMPTY;
    txn->undo = NULL;
    txn->undo_count = txn->undo_room = 0;
    if (mode == XKV__REPLACE) {
        txn->tree = &txn->dead;
        return;
    }
    xkv__write_lock(&memory->lock);
    if (mode == XKV__STEPS || mode == XKV__APPEND ||
        (mode == XKV__BATCH && atomic_load(&memory->clones) > 0))
        clone_tree(memory, txn);
}

static void begin_read(struct memory *memory, struct memory_txn *txn) {
    xkv__read_lock(&memory->lock);
    if (txn->base.mode != XKV__SNAPSHOT)
        return;
    clone_tree(memory, txn);
    xkv__read_unlock(&memory->lock);
    txn->tree = &txn->clone;
}

/* Field by field: most of it is a cursor that most commands do not use. */
static int memory_begin(xkv__backend *backend, xkv__mode mode, xkv__txn_room *room) {
    struct memory *memory = (struct memory *)backend;
    struct memory_txn *txn = mine(&room->txn);

    txn->base = (xkv__txn){.backend = backend, .mode = mode};
    txn->tree = &memory->tree;
    txn->cloned = false;
    if (xkv__writes(mode))
        begin_write(memory, txn);
    else
        begin_read(memory, txn);
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

static void exchange_trees(xkv__tree *one, xkv__tree *other) {
    xkv__tree tree = *one;

    *one = *other;
    *other = tree;
}

/* What was made aside changes places with what it replaces. */
static int memory_commit(xkv__txn *txn) {
    struct memory *memory = memory_of(txn);

    if (txn->mode == XKV__REPLACE) {
        xkv__write_lock(&memory->lock);
        exchange_trees(&memory->tree, &mine(txn)->dead);
    }
    txn->committed = true;
    return XKV_OK;
}

static void undo_all(struct memory *memory, struct memory_txn *txn) {
    for (size_t i = txn->undo_count; i > 0; i--)
        undo_one(&memory->tree, &txn->undo[i - 1]);
    if (txn->cloned)
        exchange_trees(&memory->tree, &txn->clone);
    if (txn->meta_kept)
        exchange_trees(&memory->meta, &txn->meta_before);
}

static void end_write(struct memory *memory, struct memory_txn *txn) {
    if (!txn->base.committed)
        undo_all(memory, txn);
    if (txn->base.committed || txn->base.mode != XKV__REPLACE)
        xkv__write_unlock(&memory->lock);
    xkv__tree_release(&txn->dead);
    if (txn->meta_kept)
        xkv__tree_release(&txn->meta_before);
    for (size_t i = 0; i < txn->undo_count; i++)
        xkv__entry_release(txn->undo[i].entry);
    xkv__free(txn->undo);
}

static void memory_end(xkv__txn *txn) {
    struct memory *memory = memory_of(txn);
    struct memory_txn *own = mine(txn);

    if (xkv__writes(txn->mode))
        end_write(memory, own);
    else if (!own->cloned)
        xkv__read_unlock(&memory->lock);
    if (own->cloned) {
        xkv__tree_release(&own->clone);
        atomic_fetch_sub(&memory->clones, 1);
    }
}

static const xkv__tree *tree_of(xkv__txn *txn, xkv__space space) {
    return space == XKV__DATA ? mine(txn)->tree : &memory_of(txn)->meta;
}

static int memory_get(xkv__txn *txn, xkv__space space, xkv_bytes key, xkv_bytes *value) {
    const xkv__entry *entry = xkv__tree_get(tree_of(txn, space), key);

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

/* *replaced gets the entry that was there, *put the one that is; both may be NULL. */
static int put_in(xkv__tree *tree, xkv_bytes key, xkv_bytes value, xkv__entry **put,
                  xkv__entry **replaced) {
    xkv__entry *entry = xkv__entry_new(key, value);
    int error = entry ? xkv__tree_exchange(tree, entry, replaced) : XKV_E_STORE_FULL;

    if (error != XKV_OK)
        xkv__entry_release(entry);
    *put = entry;
    return error;
}

/* It comes seldom, so a clone to go back to is as good as free. */
static int put_meta(xkv__txn *txn, xkv_bytes key, xkv_bytes value) {
    struct memory *memory = memory_of(txn);
    struct memory_txn *own = mine(txn);
    xkv__entry *put, *replaced;

    if (!own->meta_kept)
        own->meta_before = xkv__tree_clone(&memory->meta);
    own->meta_kept = true;
    int error = put_in(&memory->meta, key, value, &put, &replaced);
    if (error == XKV_OK)
        xkv__entry_release(replaced);
    return error;
}

static int memory_put(xkv__txn *txn, xkv__space space, xkv_bytes key, xkv_bytes value) {
    struct memory_txn *own = mine(txn);
    bool notes = txn->mode == XKV__BATCH && !own->cloned;
    xkv__entry *put, *replaced;

    if (space == XKV__META)
        return put_meta(txn, key, value);
    int error = notes ? make_undo_room(own) : XKV_OK;
    if (error == XKV_OK)
        error = put_in(own->tree, key, value, &put, &replaced);
    if (error != XKV_OK)
        return error;
    if (notes)
        note_undo(own, put, replaced);
    else
        xkv__entry_release(replaced);
    return XKV_OK;
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
static int memory_measure(xkv__txn *txn, xkv__facts *facts) {
    uint64_t count = mine(txn)->tree->count;

    *facts = (xkv__facts){.count = count, .index_count = count};
    return XKV_OK;
}

static const xkv__backend_ops memory_ops = {
    .name = "memory",
    .close = memory_close,
    .begin = memory_begin,
    .commit = memory_commit,
    .end = memory_end,
    .get = memory_get,
    .put = memory_put,
    .del = memory_del,
    .clear = memory_clear,
    .seek = memory_seek,
    .next = memory_next,
    .range = memory_range,
    .select = memory_select,
    .rank = memory_rank,
    .measure = memory_measure,
};

static int memory_open(const xkv_options *options, xkv__site *site, xkv__backend **backend) {
    struct memory *memory = xkv__alloc(sizeof *memory);

    (void)options, (void)site;
    if (!memory)
        return XKV_E_STORE_FULL;
    memory->base = (xkv__backend){.ops = &memory_ops, .aside = true};
    atomic_init(&memory->clones, 0);
    memory->tree = memory->meta = XKV__TREE_EMPTY;
    if (xkv__rwlock_init(&memory->lock) != XKV_OK) {
        xkv__free(memory);
        return XKV_E_STORE_FULL;
    }
    *backend = &memory->base;
    return XKV_OK;
}

/* -- The store ------------------------------------------------------------------ */

static int memory_locate(const xkv_options *options, xkv__site *site) {
    site->name = xkv__strdup(options->name);
    return site->name ? XKV_OK : XKV_E_STORE_FULL;
}

/* There is nothing to prepare, and so nothing to leave. */
static int memory_prepare(const xkv_options *options, xkv__site *site) {
    (void)options, (void)site;
    return XKV_OK;
}

static void memory_leave(xkv__site *site, xkv__opened *same) {
    (void)site, (void)same;
}

static const xkv__local_kind memory_kind = {memory_open};

const xkv__executor xkv__memory_store = {
    .name = "memory",
    .where = "name",
    .where_at = offsetof(xkv_options, name),
    .locate = memory_locate,
    .prepare = memory_prepare,
    .leave = memory_leave,
    XKV__LOCAL,
    .own = &memory_kind,
};
