/* guard.c - see guard.h */
#include "disk/guard.h"

_Thread_local struct xkv__guard xkv__guard;

/* Returning, where nothing was guarded, makes LMDB say what it says and abort. */
static void asserted(MDB_env *env, const char *message) {
    (void)env, (void)message;
    if (xkv__guard.on)
        XKV__JUMP(xkv__guard.at);
}

void xkv__guard_env(MDB_env *env) {
    mdb_env_set_assert(env, asserted);
}

int xkv__guarded_seek(xkv__record_cursor *cursor, MDB_txn *mdb, const xkv__records *in,
                      xkv_bytes from, xkv_bytes *key, xkv_bytes *value) {
    int code;

    XKV__GUARD(code, xkv__record_seek(cursor, mdb, in, from, key, value));
    return code;
}

int xkv__guarded_next(xkv__record_cursor *cursor, MDB_txn *mdb, const xkv__records *in,
                      xkv_bytes *key, xkv_bytes *value) {
    int code;

    XKV__GUARD(code, xkv__record_next(cursor, mdb, in, key, value));
    return code;
}

int xkv__guarded_count(MDB_txn *mdb, const xkv__records *in, uint64_t *count) {
    int code;

    XKV__GUARD(code, xkv__record_count(mdb, in, count));
    return code;
}
