/*
 * records.c - see records.h
 *
 * Long keys. LMDB's keys end at 511 bytes. A longer key is cut into chunks of
 * XKV__CHUNK bytes, and the chunks form a trie of levels. Level 0 is the
 * database "data"; the others share the database "deep", where each key is
 * preceded by its level's number, eight bytes with the most significant first:
 *
 *     data   <rest>                   the last piece of a key: its record
 *     data   <chunk> 0x01             there are longer keys: number of a level
 *     deep   <level> <rest>           the same, one chunk further on
 *     deep   <level> <chunk> 0x01
 *
 * A rest has 1 to XKV__CHUNK bytes; only a link has one more, so its length
 * tells it apart. Order is that of the keys: all that begin with a chunk are
 * either that chunk itself, which comes first, or lie behind its link, and
 * anything else differs from the chunk and sorts before or after both. A key
 * of up to XKV__CHUNK bytes costs nothing extra; a longer one a look-up per
 * chunk. A level whose last record goes is removed with its link.
 *
 * "meta" counts the links, so that the number of keys is the number of records
 * less that. It is looked at only when there are long keys.
 *
 * Records. Everything of ours in the file, links and what is in "meta" included,
 * is a record:
 *
 *     sum (8)   XXH64 over what follows, with that of the key as its seed
 *     flags (1) what else the record has; none is defined yet
 *     value
 *
 * So a damaged page, or a value under the wrong key, is noticed when it is read.
 * The key of a link, and of what is in "meta", is the one that LMDB has. Numbers
 * have the most significant byte first.
 */
#include "disk/records.h"
#include "base/bytes.h"
#include "base/sys.h"
#include "base/xxh64.h"

enum {
    LEVEL_SIZE = XKV__LEVEL_SIZE,
    SUM_SIZE = 8,
    HEADER_SIZE = SUM_SIZE + 1,
    LINK_MARK = XKV__LINK_MARK
};

static const char links_name[] = "links";

/* A key as LMDB gets it. */
struct place {
    unsigned char bytes[LEVEL_SIZE + XKV__CHUNK + 1];
    MDB_val val;
};

/* -- Places ------------------------------------------------------------------ */

static MDB_dbi database(const xkv__records *in, uint64_t level) {
    return level == 0 ? in->data : in->deep;
}

/* The place of a piece on a level. On level 0 a record's key is used as it
 * lies, without a copy. */
static MDB_val *place(struct place *place, uint64_t level, xkv_bytes piece, bool link) {
    unsigned char *at = place->bytes;

    if (level == 0 && !link) {
        place->val = (MDB_val){piece.len, (void *)(uintptr_t)piece.data};
        return &place->val;
    }
    if (level != 0) {
        xkv__put_be64(at, level);
        at += LEVEL_SIZE;
    }
    memcpy(at, piece.data, piece.len);
    at += piece.len;
    if (link)
        *at++ = LINK_MARK;
    place->val = (MDB_val){(size_t)(at - place->bytes), place->bytes};
    return &place->val;
}

static bool is_deep(xkv_bytes key) {
    return key.len > XKV__CHUNK;
}

static xkv_bytes first_chunk(xkv_bytes key) {
    return (xkv_bytes){key.data, XKV__CHUNK};
}

static xkv_bytes after_chunk(xkv_bytes key) {
    return (xkv_bytes){(const unsigned char *)key.data + XKV__CHUNK, key.len - XKV__CHUNK};
}

/* -- Records ----------------------------------------------------------------- */

static uint64_t checksum(xkv_bytes key, const unsigned char *record, size_t size) {
    return xkv__xxh64(record + SUM_SIZE, size - SUM_SIZE, xkv__xxh64(key.data, key.len, 0));
}

int xkv__record_unpack(xkv_bytes key, xkv_bytes record, xkv_bytes *value) {
    const unsigned char *bytes = record.data;

    if (!value)
        return MDB_SUCCESS;
    if (record.len < HEADER_SIZE || xkv__get_be64(bytes) != checksum(key, bytes, record.len))
        return XKV__DAMAGED;
    if (bytes[SUM_SIZE] != 0)
        return XKV__NEWER;
    *value = (xkv_bytes){bytes + HEADER_SIZE, record.len - HEADER_SIZE};
    return MDB_SUCCESS;
}

static xkv_bytes bytes_of(const MDB_val *val) {
    return (xkv_bytes){val->mv_data, val->mv_size};
}

static int unpack(xkv_bytes key, const MDB_val *record, xkv_bytes *value) {
    return xkv__record_unpack(key, bytes_of(record), value);
}

/* Into room that LMDB has made for it. */
static void fill_record(const MDB_val *record, xkv_bytes key, xkv_bytes value) {
    unsigned char *bytes = record->mv_data;

    bytes[SUM_SIZE] = 0;
    if (value.len > 0)
        memcpy(bytes + HEADER_SIZE, value.data, value.len);
    xkv__put_be64(bytes, checksum(key, bytes, record->mv_size));
}

static int write_record(MDB_txn *txn, MDB_dbi dbi, MDB_val *at, xkv_bytes key, xkv_bytes value) {
    MDB_val record = {HEADER_SIZE + value.len, NULL};
    int code = mdb_put(txn, dbi, at, &record, MDB_RESERVE);

    if (code == MDB_SUCCESS)
        fill_record(&record, key, value);
    return code;
}

/* Of a record whose value is a number. */
static int unpack_number(const MDB_val *key, const MDB_val *record, uint64_t *number) {
    xkv_bytes value;
    int code = unpack(bytes_of(key), record, &value);

    if (code == MDB_SUCCESS && value.len != sizeof *number)
        code = XKV__DAMAGED;
    if (code == MDB_SUCCESS)
        *number = xkv__get_be64(value.data);
    return code;
}

static int write_number(MDB_txn *txn, MDB_dbi dbi, MDB_val *at, uint64_t number) {
    unsigned char bytes[sizeof number];

    xkv__put_be64(bytes, number);
    return write_record(txn, dbi, at, bytes_of(at), (xkv_bytes){bytes, sizeof bytes});
}

/* A level is always made after the one that links to it, so links lead upwards
 * only; a damaged one cannot lead in a circle. */
static int read_link(const MDB_val *at, const MDB_val *link, uint64_t from, uint64_t *to) {
    int code = unpack_number(at, link, to);
    return code == MDB_SUCCESS && *to <= from ? XKV__DAMAGED : code;
}

/* Follows a key's links as far as they go. Levels passed through are noted in
 * levels (XKV__DEPTH of them), *depth says how many; *rest is what is left. */
static int follow(MDB_txn *txn, const xkv__records *in, xkv_bytes key, uint64_t *levels,
                  unsigned *depth, xkv_bytes *rest) {
    struct place at;
    MDB_val link;

    levels[0] = 0;
    *depth = 0;
    *rest = key;
    while (is_deep(*rest)) {
        uint64_t level = levels[*depth];
        place(&at, level, first_chunk(*rest), true);
        int code = mdb_get(txn, database(in, level), &at.val, &link);
        if (code == MDB_SUCCESS)
            code = read_link(&at.val, &link, level, &levels[*depth + 1]);
        if (code != MDB_SUCCESS)
            return code;
        ++*depth;
        *rest = after_chunk(*rest);
    }
    return MDB_SUCCESS;
}

int xkv__record_get(MDB_txn *txn, const xkv__records *in, xkv_bytes key, xkv_bytes *value) {
    uint64_t levels[XKV__DEPTH];
    unsigned depth;
    xkv_bytes rest;
    struct place at;
    MDB_val record;
    int code = follow(txn, in, key, levels, &depth, &rest);

    if (code == MDB_SUCCESS)
        code = mdb_get(txn, database(in, levels[depth]), place(&at, levels[depth], rest, false),
                       &record);
    return code == MDB_SUCCESS ? unpack(key, &record, value) : code;
}

/* -- What is beside the data --------------------------------------------------- */

static MDB_val name_of(const char *name) {
    return (MDB_val){strlen(name) + 1, (void *)(uintptr_t)name};
}

int xkv__meta_get(MDB_txn *txn, const xkv__records *in, const char *name, xkv_bytes *value) {
    MDB_val at = name_of(name), record;
    int code = mdb_get(txn, in->meta, &at, &record);

    return code == MDB_SUCCESS ? unpack(bytes_of(&at), &record, value) : code;
}

int xkv__meta_put(MDB_txn *txn, const xkv__records *in, const char *name, xkv_bytes value) {
    MDB_val at = name_of(name);
    return write_record(txn, in->meta, &at, bytes_of(&at), value);
}

int xkv__meta_check(MDB_txn *txn, const xkv__records *in) {
    MDB_cursor *cursor;
    MDB_val at, record;
    xkv_bytes value;
    int code = mdb_cursor_open(txn, in->meta, &cursor);

    if (code != MDB_SUCCESS)
        return code;
    while ((code = mdb_cursor_get(cursor, &at, &record, MDB_NEXT)) == MDB_SUCCESS) {
        code = unpack(bytes_of(&at), &record, &value);
        if (code != MDB_SUCCESS)
            break;
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

/* -- Links ------------------------------------------------------------------- */

static int links_count(MDB_txn *txn, const xkv__records *in, uint64_t *count) {
    MDB_val at = name_of(links_name), record;
    int code = mdb_get(txn, in->meta, &at, &record);

    *count = 0;
    if (code == MDB_SUCCESS)
        code = unpack_number(&at, &record, count);
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

static int links_add(MDB_txn *txn, const xkv__records *in, int change) {
    MDB_val at = name_of(links_name);
    uint64_t count;
    int code = links_count(txn, in, &count);

    if (code != MDB_SUCCESS)
        return code;
    return write_number(txn, in->meta, &at, count + (uint64_t)(int64_t)change);
}

/* A number that no level has: one more than the last. */
static int free_level(MDB_txn *txn, const xkv__records *in, uint64_t *level) {
    MDB_cursor *cursor;
    MDB_val key;
    int code = mdb_cursor_open(txn, in->deep, &cursor);

    if (code != MDB_SUCCESS)
        return code;
    code = mdb_cursor_get(cursor, &key, NULL, MDB_LAST);
    *level = code == MDB_SUCCESS && key.mv_size > LEVEL_SIZE ? xkv__get_be64(key.mv_data) + 1 : 1;
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

static int add_link(MDB_txn *txn, const xkv__records *in, uint64_t level, xkv_bytes chunk,
                    uint64_t to) {
    struct place at;
    int code = write_number(txn, database(in, level), place(&at, level, chunk, true), to);

    return code == MDB_SUCCESS ? links_add(txn, in, 1) : code;
}

/* Makes the levels that a long key lacks; *level and *rest are where it got to. */
static int add_levels(MDB_txn *txn, const xkv__records *in, uint64_t *level, xkv_bytes *rest) {
    uint64_t unused;
    int code = free_level(txn, in, &unused);

    for (; code == MDB_SUCCESS && is_deep(*rest); unused++) {
        code = add_link(txn, in, *level, first_chunk(*rest), unused);
        *level = unused;
        *rest = after_chunk(*rest);
    }
    return code;
}

int xkv__record_put(MDB_txn *txn, const xkv__records *in, xkv_bytes key, xkv_bytes value) {
    uint64_t levels[XKV__DEPTH];
    unsigned depth;
    xkv_bytes rest;
    struct place at;
    int code = follow(txn, in, key, levels, &depth, &rest);
    uint64_t level = levels[depth];

    if (code == MDB_NOTFOUND)
        code = add_levels(txn, in, &level, &rest);
    if (code != MDB_SUCCESS)
        return code;
    return write_record(txn, database(in, level), place(&at, level, rest, false), key, value);
}

/* A cursor that stays at the last page need not look for it. */
int xkv__record_append(xkv__record_cursor *cursor, MDB_txn *txn, const xkv__records *in,
                       xkv_bytes key, xkv_bytes value) {
    MDB_val at = {key.len, (void *)(uintptr_t)key.data}, record = {HEADER_SIZE + value.len, NULL};
    int code = MDB_SUCCESS;

    if (key.len > XKV__CHUNK)
        return xkv__record_put(txn, in, key, value);
    if (!cursor->data)
        code = mdb_cursor_open(txn, in->data, &cursor->data);
    if (code == MDB_SUCCESS)
        code = mdb_cursor_put(cursor->data, &at, &record, MDB_RESERVE | MDB_APPEND);
    if (code == MDB_SUCCESS)
        fill_record(&record, key, value);
    return code == MDB_KEYEXIST ? xkv__record_put(txn, in, key, value) : code;
}

static int level_is_empty(MDB_txn *txn, const xkv__records *in, uint64_t level, bool *empty) {
    unsigned char bytes[LEVEL_SIZE];
    MDB_val key = {LEVEL_SIZE, bytes};
    MDB_cursor *cursor;
    int code = mdb_cursor_open(txn, in->deep, &cursor);

    if (code != MDB_SUCCESS)
        return code;
    xkv__put_be64(bytes, level);
    code = mdb_cursor_get(cursor, &key, NULL, MDB_SET_RANGE);
    *empty = code == MDB_NOTFOUND ||
             (code == MDB_SUCCESS && memcmp(key.mv_data, bytes, LEVEL_SIZE) != 0);
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

/* Removes the links to levels that have become empty, from the inside out. */
static int prune(MDB_txn *txn, const xkv__records *in, xkv_bytes key, const uint64_t *levels,
                 unsigned depth) {
    struct place at;
    bool empty = true;
    int code = MDB_SUCCESS;

    while (depth > 0 && code == MDB_SUCCESS) {
        code = level_is_empty(txn, in, levels[depth], &empty);
        if (code != MDB_SUCCESS || !empty)
            return code;
        depth--;
        xkv_bytes chunk = {(const unsigned char *)key.data + (size_t)depth * XKV__CHUNK,
                           XKV__CHUNK};
        code =
            mdb_del(txn, database(in, levels[depth]), place(&at, levels[depth], chunk, true), NULL);
        if (code == MDB_SUCCESS)
            code = links_add(txn, in, -1);
    }
    return code;
}

int xkv__record_del(MDB_txn *txn, const xkv__records *in, xkv_bytes key) {
    uint64_t levels[XKV__DEPTH];
    unsigned depth;
    xkv_bytes rest;
    struct place at;
    int code = follow(txn, in, key, levels, &depth, &rest);

    if (code == MDB_SUCCESS)
        code =
            mdb_del(txn, database(in, levels[depth]), place(&at, levels[depth], rest, false), NULL);
    return code == MDB_SUCCESS ? prune(txn, in, key, levels, depth) : code;
}

int xkv__record_clear(MDB_txn *txn, const xkv__records *in) {
    MDB_val name = name_of(links_name);
    int code = mdb_drop(txn, in->data, 0);

    if (code == MDB_SUCCESS)
        code = mdb_drop(txn, in->deep, 0);
    if (code == MDB_SUCCESS)
        code = mdb_del(txn, in->meta, &name, NULL);
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

int xkv__record_count(MDB_txn *txn, const xkv__records *in, uint64_t *count) {
    MDB_stat data, deep;
    uint64_t links = 0;
    int code = mdb_stat(txn, in->data, &data);

    if (code == MDB_SUCCESS)
        code = mdb_stat(txn, in->deep, &deep);
    if (code == MDB_SUCCESS && deep.ms_entries > 0)
        code = links_count(txn, in, &links);
    if (code == MDB_SUCCESS)
        *count = data.ms_entries + deep.ms_entries - links;
    return code;
}

/* -- Walking ----------------------------------------------------------------- */

static MDB_cursor *cursor_here(const xkv__record_cursor *cursor) {
    return cursor->depth == 0 ? cursor->data : cursor->deep;
}

/* Makes sure that the LMDB cursor of a depth is open. */
static int open_cursor(xkv__record_cursor *cursor, MDB_txn *txn, const xkv__records *in,
                       unsigned depth) {
    if (depth == 0)
        return cursor->data ? MDB_SUCCESS : mdb_cursor_open(txn, in->data, &cursor->data);
    if (!cursor->key) {
        cursor->key = xkv__alloc(XKV_KEY_MAX);
        if (!cursor->key)
            return XKV__NO_ROOM;
    }
    return cursor->deep ? MDB_SUCCESS : mdb_cursor_open(txn, in->deep, &cursor->deep);
}

/* Splits the key of an LMDB record on the cursor's level; MDB_NOTFOUND if it
 * belongs to another level. */
static int piece_of(const xkv__record_cursor *cursor, const MDB_val *val, xkv_bytes *piece) {
    *piece = (xkv_bytes){val->mv_data, val->mv_size};
    if (cursor->depth == 0)
        return MDB_SUCCESS;
    if (val->mv_size <= LEVEL_SIZE)
        return XKV__DAMAGED;
    if (xkv__get_be64(val->mv_data) != cursor->level[cursor->depth])
        return MDB_NOTFOUND;
    *piece = (xkv_bytes){(unsigned char *)val->mv_data + LEVEL_SIZE, val->mv_size - LEVEL_SIZE};
    return MDB_SUCCESS;
}

/* Steps down through the link that the cursor stands on. */
static int enter(xkv__record_cursor *cursor, MDB_txn *txn, const xkv__records *in, xkv_bytes chunk,
                 const MDB_val *at, const MDB_val *link) {
    if (((size_t)cursor->depth + 1) * XKV__CHUNK >= XKV_KEY_MAX)
        return XKV__DAMAGED;
    int code = open_cursor(cursor, txn, in, cursor->depth + 1);
    if (code == MDB_SUCCESS)
        code = read_link(at, link, cursor->level[cursor->depth], &cursor->level[cursor->depth + 1]);
    if (code != MDB_SUCCESS)
        return code;
    memcpy(cursor->key + (size_t)cursor->depth * XKV__CHUNK, chunk.data, XKV__CHUNK);
    cursor->depth++;
    return MDB_SUCCESS;
}

/* Steps up to the link through which the cursor came down, and past it. */
static int leave(xkv__record_cursor *cursor, MDB_val *key, MDB_val *record) {
    struct place at;

    cursor->depth--;
    uint64_t level = cursor->level[cursor->depth];
    xkv_bytes chunk = {cursor->key + (size_t)cursor->depth * XKV__CHUNK, XKV__CHUNK};
    MDB_val *link = place(&at, level, chunk, true);
    int code = mdb_cursor_get(cursor_here(cursor), link, NULL, MDB_SET_KEY);
    if (code != MDB_SUCCESS)
        return code == MDB_NOTFOUND ? XKV__DAMAGED : code;
    return mdb_cursor_get(cursor_here(cursor), key, record, MDB_NEXT);
}

static int first_of_level(xkv__record_cursor *cursor, MDB_val *key, MDB_val *record) {
    unsigned char bytes[LEVEL_SIZE];

    xkv__put_be64(bytes, cursor->level[cursor->depth]);
    *key = (MDB_val){LEVEL_SIZE, bytes};
    return mdb_cursor_get(cursor->deep, key, record, MDB_SET_RANGE);
}

/* From where the LMDB cursor stands (code says whether on a record), goes on
 * to the next record that ends a key, down and up through levels. */
static int settle_on(xkv__record_cursor *cursor, MDB_txn *txn, const xkv__records *in, int code,
                     MDB_val *at, MDB_val *record, xkv_bytes *key, xkv_bytes *value) {
    xkv_bytes piece = {NULL, 0};

    for (;;) {
        if (code == MDB_SUCCESS)
            code = piece_of(cursor, at, &piece);
        if (code == MDB_NOTFOUND && cursor->depth > 0) {
            code = leave(cursor, at, record);
            continue;
        }
        if (code != MDB_SUCCESS)
            return code;
        if (piece.len <= XKV__CHUNK)
            break;
        piece.len = XKV__CHUNK;
        code = enter(cursor, txn, in, piece, at, record);
        if (code != MDB_SUCCESS)
            return code;
        code = first_of_level(cursor, at, record);
    }
    if (cursor->depth > 0) {
        size_t before = (size_t)cursor->depth * XKV__CHUNK;
        if (before + piece.len > XKV_KEY_MAX)
            return XKV__DAMAGED;
        memcpy(cursor->key + before, piece.data, piece.len);
        piece = (xkv_bytes){cursor->key, before + piece.len};
    }
    *key = piece;
    return unpack(*key, record, value);
}

int xkv__record_seek(xkv__record_cursor *cursor, MDB_txn *txn, const xkv__records *in,
                     xkv_bytes from, xkv_bytes *key, xkv_bytes *value) {
    struct place where;
    MDB_val at, record;
    int code = open_cursor(cursor, txn, in, 0);

    cursor->depth = 0;
    cursor->level[0] = 0;
    while (code == MDB_SUCCESS) {
        bool deep = is_deep(from);
        xkv_bytes piece = deep ? first_chunk(from) : from;
        if (cursor->depth == 0 && piece.len == 0) { /* LMDB takes no empty key */
            code = mdb_cursor_get(cursor->data, &at, &record, MDB_FIRST);
            break;
        }
        at = *place(&where, cursor->level[cursor->depth], piece, deep);
        size_t size = at.mv_size;
        code = mdb_cursor_get(cursor_here(cursor), &at, &record, MDB_SET_RANGE);
        bool exact = code == MDB_SUCCESS && deep && at.mv_size == size &&
                     memcmp(at.mv_data, where.bytes, size) == 0;
        if (!exact)
            break;
        code = enter(cursor, txn, in, piece, &at, &record);
        from = after_chunk(from);
    }
    return settle_on(cursor, txn, in, code, &at, &record, key, value);
}

int xkv__record_next(xkv__record_cursor *cursor, MDB_txn *txn, const xkv__records *in,
                     xkv_bytes *key, xkv_bytes *value) {
    MDB_val at, record;

    if (!cursor_here(cursor))
        return MDB_NOTFOUND;
    int code = mdb_cursor_get(cursor_here(cursor), &at, &record, MDB_NEXT);
    if (code == MDB_SUCCESS && cursor->depth == 0 && at.mv_size <= XKV__CHUNK) { /* nearly always */
        *key = (xkv_bytes){at.mv_data, at.mv_size};
        return unpack(*key, &record, value);
    }
    return settle_on(cursor, txn, in, code, &at, &record, key, value);
}

void xkv__record_cursor_close(xkv__record_cursor *cursor) {
    if (cursor->data)
        mdb_cursor_close(cursor->data);
    if (cursor->deep)
        mdb_cursor_close(cursor->deep);
    xkv__free(cursor->key);
    cursor->data = cursor->deep = NULL;
    cursor->key = NULL;
}
