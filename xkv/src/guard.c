/* guard.c - see guard.h */
#include "guard.h"

_Thread_local struct xkv__guard xkv__guard;

/* Returning, where nothing was guarded, makes LMDB say what it says and abort. */
static void asserted(MDB_env *env, const char *message) {
    (void)env, (void)message;
    if (xkv__guard.on)
        siglongjmp(xkv__guard.at, 1);
}

void xkv__guard_env(MDB_env *env) {
    mdb_env_set_assert(env, asserted);
}
