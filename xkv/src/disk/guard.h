/*
 * guard.h - what LMDB takes for granted, and is not so, ends a call of LMDB's and
 * not the process
 *
 * LMDB asserts what must be true of its pages, and ends the process where it is
 * not: where somebody has written into the file of an open store. It lets a
 * function be called before that, which must not return; so that one jumps out,
 * over frames of LMDB and of records.c only. Those hold nothing but memory, which
 * is lost, and LMDB's own state:
 *
 * A reader's transaction changes nothing that it shares. It can be ended as ever.
 * A writer's is in pieces: cursors on the stack that is gone are in its lists, so
 * that neither abort nor commit may touch it, and the environment cannot be
 * closed any more, since the writer's mutex is held by a thread that goes on.
 */
#ifndef XKV_DISK_GUARD_H
#define XKV_DISK_GUARD_H

#include "disk/records.h"

#include <setjmp.h>

enum { XKV__ASSERTED = -29997 }; /* beside XKV__DAMAGED */

#ifdef _WIN32 /* without a frame to unwind to: it only goes back */
typedef jmp_buf xkv__jump;
#if defined(__aarch64__)
#define XKV__SET_JUMP(at) __mingw_setjmp(at)
#define XKV__JUMP(at)     __mingw_longjmp(at, 1)
#else
#define XKV__SET_JUMP(at) _setjmp(at, NULL)
#define XKV__JUMP(at)     longjmp(at, 1)
#endif
#else
typedef sigjmp_buf xkv__jump;
#define XKV__SET_JUMP(at) sigsetjmp(at, 0)
#define XKV__JUMP(at)     siglongjmp(at, 1)
#endif

/* code = call, or XKV__ASSERTED. Not within each other; call must hold no lock
 * or memory of ours when it calls LMDB. */
#define XKV__GUARD(code, call)                                                                     \
    do {                                                                                           \
        xkv__guard.on = true;                                                                      \
        if (XKV__SET_JUMP(xkv__guard.at) == 0)                                                     \
            code = (call);                                                                         \
        else                                                                                       \
            code = XKV__ASSERTED;                                                                  \
        xkv__guard.on = false;                                                                     \
    } while (0)

extern _Thread_local struct xkv__guard {
    xkv__jump at;
    bool on;
} xkv__guard;

/* Makes an environment jump. */
void xkv__guard_env(MDB_env *env);

/* Calls of records.h with a guard, for where it must not stand: what setjmp stands in
 * must change no variable. */
int xkv__guarded_seek(xkv__record_cursor *cursor, MDB_txn *mdb, const xkv__records *in,
                      xkv_bytes from, xkv_bytes *key, xkv_bytes *value);
int xkv__guarded_next(xkv__record_cursor *cursor, MDB_txn *mdb, const xkv__records *in,
                      xkv_bytes *key, xkv_bytes *value);
int xkv__guarded_count(MDB_txn *mdb, const xkv__records *in, uint64_t *count);

#endif
