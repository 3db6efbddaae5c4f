/*
 * lmdb_calls.h - stands between the library and LMDB
 *
 * A program that defines LMDB's functions sees each call of the library's, and may
 * answer it as a failing LMDB would. The real ones are compiled once more, with real_
 * before their names (scripts/lmdb.sh), and call each other by these. All that the
 * library uses must be defined here: if one is missing, the linker takes it from the
 * other LMDB, and finds the rest defined twice.
 */
#ifndef XKV_TESTS_LMDB_CALLS_H
#define XKV_TESTS_LMDB_CALLS_H

#include "support.h"

#include <stdatomic.h>

#include "disk/lmdb_api.h"

#define LMDB_CALLS(_)                                                                              \
    _(env_create, (MDB_env * *env), (env))                                                         \
    _(env_set_maxdbs, (MDB_env * env, MDB_dbi dbs), (env, dbs))                                    \
    _(env_set_maxreaders, (MDB_env * env, unsigned n), (env, n))                                   \
    _(env_set_mapsize, (MDB_env * env, size_t size), (env, size))                                  \
    _(env_get_fd, (MDB_env * env, mdb_filehandle_t * fd), (env, fd))                               \
    _(env_sync, (MDB_env * env, int force), (env, force))                                          \
    _(txn_renew, (MDB_txn * txn), (txn))                                                           \
    _(dbi_open, (MDB_txn * txn, const char *name, unsigned flags, MDB_dbi *dbi),                   \
      (txn, name, flags, dbi))                                                                     \
    _(stat, (MDB_txn * txn, MDB_dbi dbi, MDB_stat * stat), (txn, dbi, stat))                       \
    _(get, (MDB_txn * txn, MDB_dbi dbi, MDB_val * key, MDB_val * data), (txn, dbi, key, data))     \
    _(put, (MDB_txn * txn, MDB_dbi dbi, MDB_val * key, MDB_val * data, unsigned flags),            \
      (txn, dbi, key, data, flags))                                                                \
    _(del, (MDB_txn * txn, MDB_dbi dbi, MDB_val * key, MDB_val * data), (txn, dbi, key, data))     \
    _(drop, (MDB_txn * txn, MDB_dbi dbi, int deletes), (txn, dbi, deletes))                        \
    _(cursor_open, (MDB_txn * txn, MDB_dbi dbi, MDB_cursor * *cursor), (txn, dbi, cursor))         \
    _(cursor_get, (MDB_cursor * cursor, MDB_val * key, MDB_val * data, MDB_cursor_op op),          \
      (cursor, key, data, op))                                                                     \
    _(cursor_put, (MDB_cursor * cursor, MDB_val * key, MDB_val * data, unsigned flags),            \
      (cursor, key, data, flags))

/* Those that are only passed on. */
#define LMDB_PASSES(_)                                                                             \
    _(char *, version, (int *major, int *minor, int *patch), (major, minor, patch))                \
    _(char *, strerror, (int code), (code))                                                        \
    _(int, env_stat, (MDB_env * env, MDB_stat * stat), (env, stat))                                \
    _(int, env_info, (MDB_env * env, MDB_envinfo * info), (env, info))                             \
    _(int, env_set_assert, (MDB_env * env, MDB_assert_func * func), (env, func))                   \
    _(size_t, txn_id, (MDB_txn * txn), (txn))                                                      \
    _(int, reader_list, (MDB_env * env, MDB_msg_func * func, void *context), (env, func, context)) \
    _(int, reader_check, (MDB_env * env, int *dead), (env, dead))

/* Those that return nothing. */
#define LMDB_ENDS(_)                                                                               \
    _(env_close, (MDB_env * env), (env))                                                           \
    _(txn_reset, (MDB_txn * txn), (txn))                                                           \
    _(cursor_close, (MDB_cursor * cursor), (cursor))

#define LMDB_NAME(name, parameters, arguments) CALL_##name,
enum lmdb_call { LMDB_CALLS(LMDB_NAME) CALL_env_open, CALL_txn_begin, CALL_txn_commit, CALL_END };
#undef LMDB_NAME

#define LMDB_NAME(name, parameters, arguments) "mdb_" #name,
static const char *const lmdb_call_names[CALL_END] = {LMDB_CALLS(LMDB_NAME) "mdb_env_open",
                                                      "mdb_txn_begin", "mdb_txn_commit"};
#undef LMDB_NAME

static struct {
    enum lmdb_call call;
    _Atomic int at, count;                /* which of those fails, 0: none; how many there were */
    _Atomic int times;                    /* how many fail from there on */
    int code;                             /* what it returns */
    _Atomic long live;                    /* transactions that have begun and not ended */
    MDB_env *env;                         /* the last one that was opened */
    void (*on_call)(enum lmdb_call call); /* before each of them */
    /* Around a commit: nothing of it can be seen yet; all of it can. */
    void (*before_commit)(void), (*after_commit)(void);
} lmdb_calls = {.times = 1};

static inline void lmdb_fail_at(enum lmdb_call call, int at, int code) {
    atomic_store(&lmdb_calls.at, 0);
    lmdb_calls.call = call;
    lmdb_calls.code = code;
    atomic_store(&lmdb_calls.count, 0);
    atomic_store(&lmdb_calls.at, at);
}

/* Ends the failing; whether it came to that. */
static inline bool lmdb_failed(void) {
    int at = atomic_exchange(&lmdb_calls.at, 0);
    return at != 0 && atomic_load(&lmdb_calls.count) >= at;
}

static inline bool lmdb_call_fails(enum lmdb_call call) {
    int at = atomic_load(&lmdb_calls.at);

    if (lmdb_calls.on_call)
        lmdb_calls.on_call(call);
    if (at == 0 || call != lmdb_calls.call)
        return false;
    int count = atomic_fetch_add(&lmdb_calls.count, 1) + 1;
    return count >= at && count < at + atomic_load(&lmdb_calls.times);
}

#define LMDB_DEFINE(name, parameters, arguments)                                                   \
    int real_mdb_##name parameters;                                                                \
    int mdb_##name parameters {                                                                    \
        return lmdb_call_fails(CALL_##name) ? lmdb_calls.code : real_mdb_##name arguments;         \
    }
LMDB_CALLS(LMDB_DEFINE)
#undef LMDB_DEFINE

#define LMDB_PASS(type, name, parameters, arguments)                                               \
    type real_mdb_##name parameters;                                                               \
    type mdb_##name parameters {                                                                   \
        return real_mdb_##name arguments;                                                          \
    }
LMDB_PASSES(LMDB_PASS)
#undef LMDB_PASS

#define LMDB_END(name, parameters, arguments)                                                      \
    void real_mdb_##name parameters;                                                               \
    void mdb_##name parameters {                                                                   \
        real_mdb_##name arguments;                                                                 \
    }
LMDB_ENDS(LMDB_END)
#undef LMDB_END

int real_mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode);
int real_mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **txn);
void real_mdb_txn_abort(MDB_txn *txn);
int real_mdb_txn_commit(MDB_txn *txn);

int mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode) {
    if (lmdb_call_fails(CALL_env_open))
        return lmdb_calls.code;
    lmdb_calls.env = env;
    return real_mdb_env_open(env, path, flags, mode);
}

int mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **txn) {
    if (lmdb_call_fails(CALL_txn_begin))
        return lmdb_calls.code;
    int code = real_mdb_txn_begin(env, parent, flags, txn);
    lmdb_calls.live += code == MDB_SUCCESS;
    return code;
}

void mdb_txn_abort(MDB_txn *txn) {
    lmdb_calls.live -= txn != NULL;
    real_mdb_txn_abort(txn);
}

int mdb_txn_commit(MDB_txn *txn) {
    if (lmdb_call_fails(CALL_txn_commit)) {
        mdb_txn_abort(txn);
        return lmdb_calls.code;
    }
    if (lmdb_calls.before_commit)
        lmdb_calls.before_commit();
    lmdb_calls.live--;
    int code = real_mdb_txn_commit(txn);
    if (lmdb_calls.after_commit)
        lmdb_calls.after_commit();
    return code;
}

#endif
