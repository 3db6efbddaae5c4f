/*
 * lmdb_api.h - what we use of LMDB, in place of its own header
 *
 * LMDB comes as the C source of a Go module (see LMDB in CONTRIBUTING.md), and cgo
 * finds no headers in other modules. So these are our declarations, good for LMDB
 * 0.9.x from 0.9.24 on; tests/unit/lmdb_api.c compares them with LMDB's header. What
 * each of them means stands there, and at http://www.lmdb.tech/doc.
 *
 * The constants are macros that read as LMDB's do: the compiler refuses to define
 * one twice with two meanings, which is how they are compared.
 */
#ifndef XKV_DISK_LMDB_API_H
#define XKV_DISK_LMDB_API_H

#include <stddef.h>

typedef struct MDB_env MDB_env;
typedef struct MDB_txn MDB_txn;
typedef struct MDB_cursor MDB_cursor;
typedef unsigned int MDB_dbi;

/* Bytes: a key or what it has. */
typedef struct MDB_val {
    size_t mv_size;
    void *mv_data;
} MDB_val;

typedef struct MDB_stat {
    unsigned int ms_psize, ms_depth;
    size_t ms_branch_pages, ms_leaf_pages, ms_overflow_pages, ms_entries;
} MDB_stat;

typedef struct MDB_envinfo {
    void *me_mapaddr;
    size_t me_mapsize, me_last_pgno, me_last_txnid;
    unsigned int me_maxreaders, me_numreaders;
} MDB_envinfo;

typedef enum MDB_cursor_op {
    MDB_FIRST = 0,
    MDB_LAST = 6,
    MDB_NEXT = 8,
    MDB_SET_KEY = 16,
    MDB_SET_RANGE = 17
} MDB_cursor_op;

typedef void MDB_assert_func(MDB_env *env, const char *msg);
typedef int(MDB_msg_func)(const char *msg, void *ctx);

#ifdef _WIN32
typedef void *mdb_filehandle_t;
#else
typedef int mdb_filehandle_t;
#endif

/* The system's mode_t, without its header. */
#ifdef _MSC_VER
typedef int mdb_mode_t;
#elif defined _WIN32 || defined __APPLE__ || defined __FreeBSD__
typedef unsigned short mdb_mode_t;
#else
typedef unsigned int mdb_mode_t;
#endif

/* Of mdb_env_open; MDB_RDONLY also of mdb_txn_begin. */
#define MDB_NOSUBDIR   0x4000
#define MDB_NOSYNC     0x10000
#define MDB_RDONLY     0x20000
#define MDB_NOMETASYNC 0x40000
#define MDB_NOTLS      0x200000
#define MDB_NOLOCK     0x400000

/* Of mdb_dbi_open. */
#define MDB_DUPSORT 0x04
#define MDB_CREATE  0x40000

/* Of mdb_put and mdb_cursor_put. */
#define MDB_RESERVE 0x10000
#define MDB_APPEND  0x20000

/* What calls return, if it is not the system's error number. */
#define MDB_SUCCESS          0
#define MDB_KEYEXIST         (-30799)
#define MDB_NOTFOUND         (-30798)
#define MDB_PAGE_NOTFOUND    (-30797)
#define MDB_CORRUPTED        (-30796)
#define MDB_PANIC            (-30795)
#define MDB_VERSION_MISMATCH (-30794)
#define MDB_INVALID          (-30793)
#define MDB_MAP_FULL         (-30792)
#define MDB_READERS_FULL     (-30790)
#define MDB_TXN_FULL         (-30788)
#define MDB_CURSOR_FULL      (-30787)
#define MDB_PAGE_FULL        (-30786)
#define MDB_MAP_RESIZED      (-30785)
#define MDB_INCOMPATIBLE     (-30784)
#define MDB_BAD_TXN          (-30782)

#include "disk/lmdb_functions.h"

#endif
