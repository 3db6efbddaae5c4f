/*
 * verify_file.h - a sound LMDB file, in memory, and the way to its parts
 *
 * The library reads it by its table of file calls.
 */
#ifndef XKV_TESTS_VERIFY_FILE_H
#define XKV_TESTS_VERIFY_FILE_H

#include "../files.h"
#include "../heap.h"

#include "base/error.h"
#include "disk/file.h"
#include "disk/lmdb_api.h"

/* -- The file ---------------------------------------------------------------- */

enum { PAGE = 4096, HEADER = 16, LEAVES_MIN = 4 };

static struct {
    unsigned char *bytes, *sound;
    size_t size, sound_size;
    uint64_t txn;
    int reads_left; /* before one fails, -1: none does */
    bool short_reads, unknown;
} file;

static inline xkv__fault read_edited(xkv__handle handle, void *out, size_t size, uint64_t at,
                                     size_t *got) {
    size_t from = (size_t)at, rest = from < file.size ? file.size - from : 0;

    (void)handle;
    *got = size < rest ? size : rest;
    if (file.reads_left >= 0 && file.reads_left-- == 0) {
        *got = size / 2;
        return xkv__fault_of(file.short_reads ? 0 : EIO);
    }
    memcpy(out, file.bytes + (rest ? from : 0), *got);
    return xkv__fault_of(0);
}

static inline xkv__fault examine_edited(xkv__handle handle, xkv__status *status) {
    (void)handle;
    *status = (xkv__status){.size = file.size};
    return xkv__fault_of(file.unknown ? EIO : 0);
}

static inline int verify_as_of(uint64_t txn) {
    static char path[] = "edited.kv";
    xkv__file opened = {.handle = XKV__NO_HANDLE, .lock = XKV__NO_HANDLE, .path = path};

    int code = xkv__file_verify(&opened, PAGE, txn, 0);
    assert_int_equal(heap.live, 0);
    return code;
}

static inline int verify(void) {
    return verify_as_of(file.txn);
}

static inline void restore(void) {
    memcpy(file.bytes, file.sound, file.sound_size);
    file.size = file.sound_size;
    file.reads_left = -1;
    file.short_reads = file.unknown = false;
}

/* -- A sound one ------------------------------------------------------------- */

static inline void put(MDB_txn *txn, MDB_dbi dbi, const char *key, size_t size) {
    static char room[20000];
    MDB_val name = {strlen(key), (void *)(uintptr_t)key}, value = {size, room};

    memset(room, 'v', sizeof room);
    MUST(mdb_put(txn, dbi, &name, &value, 0) == 0);
}

static inline MDB_txn *begin(MDB_env *env, unsigned flags) {
    MDB_txn *txn;

    MUST(mdb_txn_begin(env, NULL, flags, &txn) == 0);
    return txn;
}

/* Leaves and branches; large values; enough free pages at once that their list
 * is a large value, too. */
static inline void put_data(MDB_env *env, MDB_dbi *data) {
    MDB_txn *txn = begin(env, 0);
    MDB_dbi other;
    char key[32];

    MUST(mdb_dbi_open(txn, "data", MDB_CREATE, data) == 0);
    MUST(mdb_dbi_open(txn, "deep", MDB_CREATE, &other) == 0);
    MUST(mdb_dbi_open(txn, "meta", MDB_CREATE, &other) == 0);
    put(txn, other, "format", 20);
    put(txn, *data, "big1", 9000);
    put(txn, *data, "big2", 5000);
    put(txn, *data, "wide", 1000);
    for (unsigned i = 0; i < 700; i++) {
        snprintf(key, sizeof key, "key%04u", i);
        put(txn, *data, key, i < 300 ? 30 : 9000);
    }
    MUST(mdb_txn_commit(txn) == 0);
}

static inline void delete_data(MDB_env *env, MDB_dbi data) {
    MDB_txn *txn = begin(env, 0);
    char key[32];

    for (unsigned i = 320; i < 700; i++) {
        snprintf(key, sizeof key, "key%04u", i);
        MUST(mdb_del(txn, data, &(MDB_val){strlen(key), key}, NULL) == 0);
    }
    MUST(mdb_txn_commit(txn) == 0);
}

/* Transactions whose free pages a reader keeps, so that each has its own list;
 * there are some beyond number 256, where numbers and bytes differ in order. */
static inline void change_often(MDB_env *env, MDB_dbi data) {
    MDB_txn *reader = NULL;

    for (int i = 0; i < 300; i++) {
        if (i == 240)
            reader = begin(env, MDB_RDONLY);
        MDB_txn *txn = begin(env, 0);
        put(txn, data, "changed", (size_t)i);
        MUST(mdb_txn_commit(txn) == 0);
    }
    delete_data(env, data);
    mdb_txn_abort(reader);
}

static inline void read_sound(const char *path) {
    file.sound = read_file(path, &file.sound_size);
    file.bytes = malloc(file.sound_size);
    MUST(file.bytes);
    restore();
}

static inline void make_sound(void) {
    char path[PATH_SIZE];
    MDB_env *env;
    MDB_dbi data;
    MDB_envinfo info;

    test_path(path, "sound.mdb");
    MUST(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, 4) == 0);
    MUST(mdb_env_set_mapsize(env, 64 << 20) == 0);
    MUST(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOSYNC, 0600) == 0);
    put_data(env, &data);
    change_often(env, data);
    mdb_env_info(env, &info);
    file.txn = info.me_last_txnid;
    mdb_env_close(env);
    read_sound(path);
}

/* -- Finding the way in it --------------------------------------------------- */

static inline uint64_t get(const unsigned char *at, size_t bytes) {
    uint64_t number = 0;
    memcpy(&number, at, bytes); /* the machine is little-endian, see the first test */
    return number;
}

static inline void set(unsigned char *at, size_t bytes, uint64_t number) {
    memcpy(at, &number, bytes);
}

static inline void add(unsigned char *at, size_t bytes, int change) {
    set(at, bytes, get(at, bytes) + (uint64_t)(int64_t)change);
}

static inline unsigned char *page(uint64_t number) {
    MUST(number < file.size / PAGE);
    return file.bytes + number * PAGE;
}

static inline unsigned char *meta(void) {
    return page(get(page(0) + 144, 8) == file.txn ? 0 : 1);
}

static inline uint64_t last_page(void) {
    return get(meta() + 136, 8);
}

static inline unsigned nodes_of(const unsigned char *in) {
    return (unsigned)(get(in + 12, 2) - HEADER) / 2;
}

static inline unsigned char *pointer(unsigned char *in, unsigned i) {
    return in + HEADER + 2 * i;
}

static inline unsigned char *node(unsigned char *in, unsigned i) {
    return in + get(pointer(in, i), 2);
}

/* Parts of a node, and of the record of a tree. */
enum { SIZE_AT = 0, KIND_AT = 4, KEY_LEN_AT = 6, KEY_AT = 8 };
enum { FLAGS_AT = 4, DEPTH_AT = 6, BRANCHES_AT = 8, LEAVES_AT = 16, OVERFLOWS_AT = 24 };
enum { ENTRIES_AT = 32, ROOT_AT = 40 };

static inline unsigned char *data_of(unsigned char *at) {
    return at + KEY_AT + get(at + KEY_LEN_AT, 2);
}

static inline unsigned char *free_tree(void) {
    return meta() + 40;
}

static inline unsigned char *main_tree(void) {
    return meta() + 88;
}

static inline unsigned char *root(unsigned char *tree) {
    return page(get(tree + ROOT_AT, 8));
}

/* The node of a named database in the main tree, which has a single leaf. */
static inline unsigned char *name_node(unsigned i) {
    return node(root(main_tree()), i);
}

static inline unsigned char *data_tree(void) {
    return data_of(name_node(0));
}

static inline unsigned char *leaf(unsigned i) {
    return page(get(node(root(data_tree()), i), 6));
}

static inline unsigned char *find(const char *key) {
    for (unsigned i = 0; i < nodes_of(root(data_tree())); i++) {
        for (unsigned j = 0; j < nodes_of(leaf(i)); j++) {
            unsigned char *at = node(leaf(i), j);
            if (get(at + KEY_LEN_AT, 2) == strlen(key) &&
                memcmp(at + KEY_AT, key, strlen(key)) == 0)
                return at;
        }
    }
    MUST(!"there is such a key");
    return NULL;
}

/* The first page of a large value. */
static inline unsigned char *run_of(const char *key) {
    return page(get(data_of(find(key)), 8));
}

/* A list of free pages that lies in its leaf, and the one that does not. */
static inline unsigned char *free_node(bool large) {
    unsigned char *in = root(free_tree());

    for (unsigned i = 0; i < nodes_of(in); i++) {
        unsigned char *at = node(in, i);
        if ((get(at + KIND_AT, 2) == 1) == large && (large || get(data_of(at), 8) > 2))
            return at;
    }
    MUST(!"there is such a list");
    return NULL;
}

static inline unsigned char *free_list(bool large) {
    unsigned char *at = free_node(large);
    return large ? page(get(data_of(at), 8)) + HEADER : data_of(at);
}

#endif
