/*
 * sys.h - the system that the library runs on
 *
 * All that the library asks of an operating system stands here and, for threads,
 * in monitor.h. Only the files sys_*.c include what a system has of its own
 * (scripts/check.sh sees to it): another system is another of them. What tests
 * or programs may replace are tables of functions; everything goes through
 * those.
 */
#ifndef XKV_BASE_SYS_H
#define XKV_BASE_SYS_H

#include "base/config.h"
#include "base/monitor.h"

/* -- Memory, clocks, chance ------------------------------------------------- */

/* The hooks in force, every field set. */
extern xkv_hooks xkv__sys;

/* NULL when memory is short. xkv__free(NULL) is legal. */
void *xkv__alloc(size_t size);
void *xkv__resize(void *old, size_t size);
void xkv__free(void *memory);
char *xkv__strdup(const char *text);

/* What the hooks are by default: see xkv_hooks. */
uint64_t xkv__system_now_ms(void);
uint64_t xkv__system_wall_ms(void);
void xkv__system_entropy(void *out, size_t size);

/* Waits about so long: no shorter, unless a signal comes. */
void xkv__sleep_ms(unsigned milliseconds);

/* -- Failures --------------------------------------------------------------- */

/* Why a call into the system failed, and how that reads behind what was tried. */
#define XKV__CAUSE_MAP(X)                                                                          \
    X(FINE, "nothing went wrong")                                                                  \
    X(MISSING, "no such file or directory")                                                        \
    X(EXISTS, "it exists already")                                                                 \
    X(DENIED, "permission denied")                                                                 \
    X(NO_DIRECTORY, "a part of the path is not a directory")                                       \
    X(IS_DIRECTORY, "it is a directory")                                                           \
    X(IS_LINK, "it is a symbolic link, and those are not followed")                                \
    X(NO_FILE, "it is a device or a pipe that nobody reads")                                       \
    X(READ_ONLY, "the file system is read-only")                                                   \
    X(NAME_TOO_LONG, "the name is too long")                                                       \
    X(NO_SPACE, "no space left on the disk")                                                       \
    X(QUOTA, "the disk quota is used up")                                                          \
    X(TOO_LARGE, "a file may not become that large (see ulimit -f, and the file system)")          \
    X(TOO_MANY_FILES, "too many open files")                                                       \
    X(NO_MEMORY, "the memory is used up")                                                          \
    X(BUSY, "it is in use")                                                                        \
    X(UNSUPPORTED, "the system, or the file system, cannot do that")                               \
    X(IO, "an input/output error")                                                                 \
    X(REFUSED, "nobody listens there")                                                             \
    X(UNREACHABLE, "no way leads there")                                                           \
    X(NO_HOST, "there is no host of that name")                                                    \
    X(NO_RESOLVER, "the name could not be looked up in time")                                      \
    X(TIMED_OUT, "it took too long")                                                               \
    X(CUT_OFF, "the connection was ended")                                                         \
    X(OTHER, "a system error")

typedef enum xkv__cause {
#define X(name, words) XKV__##name,
    XKV__CAUSE_MAP(X)
#undef X
} xkv__cause;

/* What a call returns: a cause, and the system's own number, for messages. */
typedef struct xkv__fault {
    xkv__cause cause; /* XKV__FINE: none */
    int number;
} xkv__fault;

/* The fault that a number of the system's stands for (an errno, say), such as LMDB
 * returns, too; XKV__FINE for 0. */
xkv__fault xkv__fault_of(int number);

/* Whether there was no room for more, of whatever kind. */
bool xkv__means_full(xkv__fault fault);

/* XKV_E_STORE_FULL if the fault means that, else code, with the reason
 * "what "path": words (errno number)"; without the path if that is NULL. */
int xkv__fail_system(int code, const char *what, const char *path, xkv__fault fault);

/* The same with that code whatever the fault means. */
int xkv__fail_fault(int code, const char *what, const char *path, xkv__fault fault);

/* What the system's numbers are called. Static. */
extern const char xkv__fault_numbers[];

/* -- Files ------------------------------------------------------------------- */

/* An open file, or none. */
typedef struct xkv__handle {
    intptr_t value;
} xkv__handle;

#define XKV__NO_HANDLE ((xkv__handle){-1})

static inline bool xkv__is_open(xkv__handle handle) {
    return handle.value != -1;
}

/* Which file it is, whatever its name: the same bytes for the same file, as long as
 * it exists. */
typedef struct xkv__identity {
    unsigned char bytes[24];
} xkv__identity;

static inline bool xkv__identity_equal(const xkv__identity *a, const xkv__identity *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

typedef enum xkv__kind { XKV__REGULAR, XKV__DIRECTORY, XKV__LINK, XKV__SPECIAL } xkv__kind;
typedef enum xkv__owner { XKV__ME, XKV__SYSTEM, XKV__ANOTHER } xkv__owner;

/* What is to be known of a file. */
typedef struct xkv__status {
    xkv__identity identity;
    xkv__kind kind;
    xkv__owner owner;
    bool open_to_all; /* every user may write to it */
    uint64_t size;    /* in bytes */
    uint64_t links;   /* names that it has */
    long owner_id;    /* for messages, as the next: 0 where there are no such numbers */
    unsigned mode;
} xkv__status;

/* What a file is opened for. */
enum {
    XKV__WRITING = 1, /* and reading; else for reading only */
    XKV__CREATE = 2,  /* if there is none: for its owner alone */
    XKV__NEW = 4      /* with CREATE: there must be none (XKV__EXISTS) */
};

/*
 * The calls for files. Paths are NUL-terminated UTF-8. All fail with a fault, and
 * then have done nothing, unless it says otherwise.
 */
typedef struct xkv__file_calls {
    /* Opens a file; not a link (XKV__IS_LINK), and never waits, whatever it is. Child
     * processes do not get it. */
    xkv__fault (*open)(const char *path, unsigned how, xkv__handle *handle);

    /* Gives up its locks, too. A handle is closed whatever this does. */
    void (*close)(xkv__handle handle);

    xkv__fault (*examine)(xkv__handle handle, xkv__status *status);

    /* The same by name, without opening it. follow: what a link leads to, else itself. */
    xkv__fault (*look)(const char *path, bool follow, xkv__status *status);

    /* Reads size bytes at a place; *got is less only if the file ends before. */
    xkv__fault (*read_at)(xkv__handle handle, void *out, size_t size, uint64_t at, size_t *got);

    /* Writes all of it, or fails; then some of it may have been written. */
    xkv__fault (*write_at)(xkv__handle handle, const void *data, size_t size, uint64_t at);

    /* Gives a file at least that size, in blocks that exist, so that to write there
     * does not need any. XKV__UNSUPPORTED: the file system cannot tell. */
    xkv__fault (*allocate)(xkv__handle handle, uint64_t size);

    /* Makes sure that what was written outlasts a power cut. */
    xkv__fault (*sync)(xkv__handle handle);

    xkv__fault (*remove)(const char *path);

    /* Gives a file another name in the same directory, in the place of any that has it:
     * at no moment there is none of that name. */
    xkv__fault (*rename)(const char *from, const char *to);
    xkv__fault (*make_directory)(const char *path);

    /* Makes sure that the names in a directory outlast a power cut. */
    xkv__fault (*sync_directory)(const char *path);

    /* The absolute path of the current directory, at most size bytes with its NUL. */
    xkv__fault (*current_directory)(char *out, size_t size);

    /*
     * Locks, which last until the handle is closed; none of them waits. They are of
     * three kinds, which do not know of each other. For those with a place, a place
     * is a number of less than 2^62 that no byte of data lies at.
     *
     * Of the whole file: exclusive, or shared with others that share it. XKV__BUSY:
     * somebody else has one that does not go with it.
     */
    xkv__fault (*lock)(xkv__handle handle, bool exclusive);

    /* A mark at a place, which any number of handles may leave; and whether another
     * handle has left one from a place up to before another, where this one has none. */
    xkv__fault (*mark)(xkv__handle handle, uint64_t place);
    bool (*is_marked)(xkv__handle handle, uint64_t from, uint64_t to);

    /* A signature at a place, which a single process may leave, and which process that
     * is, or has LMDB's lock there: 0 if there is none, or that cannot be told. It is
     * lost when this process closes another handle of the file. */
    xkv__fault (*sign)(xkv__handle handle, uint64_t place);
    int64_t (*signer)(xkv__handle handle, uint64_t place);
} xkv__file_calls;

/* Those in force, and the system's. Tests replace fields of the former, and put the
 * latter back. */
extern xkv__file_calls xkv__files;
extern const xkv__file_calls xkv__system_files;

/* Paths have slashes, here and in all that follows: turns what else parts their names into those.
 */
void xkv__path_unify(char *path);

/* How long the beginning of an absolute path is that names no directory, such as "/" or "C:/": 0
 * for a relative one. */
size_t xkv__path_root(const char *path);

/* Why the system cannot have a file of that path, in words that go on a sentence about it, such as
 * "has a name that …": NULL if it can. */
const char *xkv__path_problem(const char *path);

/* The tools that mend who owns a file and who may write to it. */
extern const char xkv__mend_owner[];

/*
 * Whether to map a file makes it as long as the map. There it is made sparse before, and cut when
 * it is mapped no more; both are done if they can be. Between looking how long it is and mapping no
 * more than that, a process that does not write it has it held: then it is not cut.
 */
extern const bool xkv__map_extends_file;
void xkv__make_sparse(xkv__handle handle);
void xkv__cut_file(xkv__handle handle, uint64_t size);
void xkv__hold_size(xkv__handle handle);
void xkv__let_size(xkv__handle handle);

/* A file cannot be longer: the process's limit, UINT64_MAX for none. To write beyond it
 * may end the process. */
uint64_t xkv__file_limit(void);

/* -- The process ------------------------------------------------------------- */

int64_t xkv__process_id(void);

/* A variable of the environment that the process was started with; NULL if there is none. */
const char *xkv__environment(const char *name);

/* Whether so many bytes of addresses in one piece are to be had just now. */
bool xkv__addresses_free(size_t size);

/* How many bytes of addresses the process may use: UINT64_MAX if nothing limits it. */
uint64_t xkv__address_limit(void);

/* The number that a text of JSON's form stands for, whatever the program's locale. */
double xkv__read_double(const char *text);

#endif
