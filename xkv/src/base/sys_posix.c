/* sys_posix.c - see sys.h; for POSIX systems */
#include "base/sys.h"

#ifndef _WIN32

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

/* -- Clocks, chance ----------------------------------------------------------- */

#ifdef CLOCK_BOOTTIME /* goes on while the machine sleeps */
#define AGING_CLOCK CLOCK_BOOTTIME
#else
#define AGING_CLOCK CLOCK_MONOTONIC
#endif

static uint64_t milliseconds_of(clockid_t clock) {
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t xkv__system_now_ms(void) {
    return milliseconds_of(AGING_CLOCK);
}

uint64_t xkv__system_wall_ms(void) {
    return milliseconds_of(CLOCK_REALTIME);
}

/* Seeds need to differ, not to be secret: without /dev/urandom, the clock and
 * an address will do. */
void xkv__system_entropy(void *out, size_t size) {
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, out, size);

    if (fd >= 0)
        close(fd);
    if (got == (ssize_t)size)
        return;
    for (size_t i = 0; i < size; i++) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        ((unsigned char *)out)[i] = (unsigned char)(now.tv_nsec ^ (long)((uintptr_t)&now >> 4));
    }
}

void xkv__sleep_ms(unsigned milliseconds) {
    struct timespec pause = {.tv_sec = milliseconds / 1000,
                             .tv_nsec = (long)(milliseconds % 1000) * 1000000};

    nanosleep(&pause, NULL);
}

/* -- Failures --------------------------------------------------------------- */

const char xkv__fault_numbers[] = "errno";

static const struct {
    int number;
    xkv__cause cause;
} causes[] = {
    {0, XKV__FINE},
    {ENOENT, XKV__MISSING},
    {EEXIST, XKV__EXISTS},
    {EACCES, XKV__DENIED},
    {EPERM, XKV__DENIED},
    {ENOTDIR, XKV__NO_DIRECTORY},
    {EISDIR, XKV__IS_DIRECTORY},
    {ELOOP, XKV__IS_LINK},
    {ENXIO, XKV__NO_FILE},
    {EROFS, XKV__READ_ONLY},
    {ENAMETOOLONG, XKV__NAME_TOO_LONG},
    {ENOSPC, XKV__NO_SPACE},
    {EDQUOT, XKV__QUOTA},
    {EFBIG, XKV__TOO_LARGE},
    {EMFILE, XKV__TOO_MANY_FILES},
    {ENFILE, XKV__TOO_MANY_FILES},
    {ENOMEM, XKV__NO_MEMORY},
    {EAGAIN, XKV__BUSY},
    {EWOULDBLOCK, XKV__BUSY},
    {EOPNOTSUPP, XKV__UNSUPPORTED},
    {EINVAL, XKV__UNSUPPORTED},
    {ENOSYS, XKV__UNSUPPORTED},
    {ENOLCK, XKV__UNSUPPORTED},
    {EIO, XKV__IO},
    {ECONNREFUSED, XKV__REFUSED},
    {ENETUNREACH, XKV__UNREACHABLE},
    {EHOSTUNREACH, XKV__UNREACHABLE},
    {ENETDOWN, XKV__UNREACHABLE},
    {ETIMEDOUT, XKV__TIMED_OUT},
    {ECONNRESET, XKV__CUT_OFF},
    {ECONNABORTED, XKV__CUT_OFF},
    {EPIPE, XKV__CUT_OFF},
};

xkv__fault xkv__fault_of(int number) {
    size_t i = 0, count = sizeof causes / sizeof causes[0];

    while (i < count && causes[i].number != number)
        i++;
    return (xkv__fault){i < count ? causes[i].cause : XKV__OTHER, number};
}

/* For what returns something negative, and sets errno, when it fails. */
static xkv__fault fault_if(bool failed) {
    return xkv__fault_of(failed ? errno : 0);
}

/* -- Files ------------------------------------------------------------------- */

static int fd_of(xkv__handle handle) {
    return (int)handle.value;
}

/* O_NONBLOCK: a FIFO must not hang us. */
static xkv__fault open_file(const char *path, unsigned how, xkv__handle *handle) {
    int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

    flags |= how & XKV__WRITING ? O_RDWR : O_RDONLY;
    flags |= how & XKV__CREATE ? O_CREAT : 0;
    flags |= how & XKV__NEW ? O_EXCL : 0;
    int fd = open(path, flags, 0600);
    *handle = fd < 0 ? XKV__NO_HANDLE : (xkv__handle){fd};
    return fault_if(fd < 0);
}

static void close_file(xkv__handle handle) {
    close(fd_of(handle));
}

static xkv__kind kind_of(mode_t mode) {
    if (S_ISREG(mode))
        return XKV__REGULAR;
    if (S_ISDIR(mode))
        return XKV__DIRECTORY;
    return S_ISLNK(mode) ? XKV__LINK : XKV__SPECIAL;
}

static xkv__identity identity_of(const struct stat *found) {
    xkv__identity identity = {{0}};

    memcpy(identity.bytes, &found->st_dev, sizeof found->st_dev);
    memcpy(identity.bytes + 8, &found->st_ino, sizeof found->st_ino);
    return identity;
}
_Static_assert(sizeof(dev_t) <= 8 && sizeof(ino_t) <= 16, "identities are too short");

static xkv__owner owner_of(uid_t user) {
    if (user == geteuid())
        return XKV__ME;
    return user == 0 ? XKV__SYSTEM : XKV__ANOTHER;
}

static xkv__status status_of(const struct stat *found) {
    return (xkv__status){.identity = identity_of(found),
                         .kind = kind_of(found->st_mode),
                         .owner = owner_of(found->st_uid),
                         .open_to_all = (found->st_mode & S_IWOTH) != 0,
                         .size = (uint64_t)found->st_size,
                         .links = (uint64_t)found->st_nlink,
                         .owner_id = (long)found->st_uid,
                         .mode = (unsigned)found->st_mode & 0777};
}

static xkv__fault examine_file(xkv__handle handle, xkv__status *status) {
    struct stat found;

    if (fstat(fd_of(handle), &found) != 0)
        return fault_if(true);
    *status = status_of(&found);
    return fault_if(false);
}

static xkv__fault look_at(const char *path, bool follow, xkv__status *status) {
    struct stat found;

    if ((follow ? stat : lstat)(path, &found) != 0)
        return fault_if(true);
    *status = status_of(&found);
    return fault_if(false);
}

static xkv__fault read_file_at(xkv__handle handle, void *out, size_t size, uint64_t at,
                               size_t *got) {
    ssize_t more = 1;

    for (*got = 0; *got < size && more > 0; *got += more > 0 ? (size_t)more : 0) {
        do
            more = pread(fd_of(handle), (char *)out + *got, size - *got, (off_t)(at + *got));
        while (more < 0 && errno == EINTR);
    }
    return fault_if(more < 0);
}

/* Who may write nothing, and is not told why, has no room. */
static xkv__fault write_file_at(xkv__handle handle, const void *data, size_t size, uint64_t at) {
    for (size_t done = 0; done < size;) {
        ssize_t more =
            pwrite(fd_of(handle), (const char *)data + done, size - done, (off_t)(at + done));
        if (more == 0)
            return xkv__fault_of(ENOSPC);
        if (more < 0 && errno != EINTR)
            return fault_if(true);
        done += more > 0 ? (size_t)more : 0;
    }
    return fault_if(false);
}

/* Beyond the limit of the process it would be a signal. */
static xkv__fault allocate_blocks(xkv__handle handle, uint64_t size) {
    if (size > xkv__file_limit())
        return xkv__fault_of(EFBIG);
#ifdef __APPLE__
    static const char zeros[4096];
    off_t end = lseek(fd_of(handle), 0, SEEK_END);
    xkv__fault fault = fault_if(end < 0);
    for (uint64_t at = (uint64_t)end; fault.cause == XKV__FINE && at < size; at += sizeof zeros)
        fault = write_file_at(handle, zeros, sizeof zeros, at);
    return fault;
#else
    return xkv__fault_of(posix_fallocate(fd_of(handle), 0, (off_t)size));
#endif
}

/* EINVAL: a file system that needs none. On macOS fsync leaves it in the disk's cache. */
static xkv__fault sync_file(xkv__handle handle) {
#ifdef F_FULLFSYNC
    if (fcntl(fd_of(handle), F_FULLFSYNC) == 0)
        return fault_if(false);
#endif
    return fault_if(fsync(fd_of(handle)) != 0 && errno != EINVAL);
}

static xkv__fault rename_file(const char *from, const char *to) {
    return fault_if(rename(from, to) != 0);
}

static xkv__fault remove_file(const char *path) {
    return fault_if(unlink(path) != 0);
}

static xkv__fault make_directory(const char *path) {
    return fault_if(mkdir(path, 0755) != 0);
}

/* EINVAL: a file system that needs none. */
static xkv__fault sync_directory(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return fault_if(true);
    xkv__fault fault = fault_if(fsync(fd) != 0 && errno != EINVAL);
    close(fd);
    return fault;
}

static xkv__fault current_directory(char *out, size_t size) {
    return fault_if(!getcwd(out, size));
}

void xkv__path_unify(char *path) {
    (void)path;
}

size_t xkv__path_root(const char *path) {
    return path[0] == '/' ? 1 : 0;
}

const char *xkv__path_problem(const char *path) {
    (void)path;
    return NULL;
}

const char xkv__mend_owner[] = "chown and chmod";

const bool xkv__map_extends_file = false;

void xkv__make_sparse(xkv__handle handle) {
    (void)handle;
}

void xkv__cut_file(xkv__handle handle, uint64_t size) {
    (void)handle, (void)size;
}

void xkv__hold_size(xkv__handle handle) {
    (void)handle;
}

void xkv__let_size(xkv__handle handle) {
    (void)handle;
}

/* -- Locks -------------------------------------------------------------------
 *
 * The whole file's are those of flock: they belong to the open file, so nothing
 * else that this process does with the path gives them up. Marks are those of
 * open file descriptions, where the system has them. Where it has not, they are
 * lost if the process opens and closes the file once more, as a signature is
 * everywhere: that is an ordinary record lock, since the system tells who holds
 * one, and nothing else.
 */
#ifdef F_OFD_SETLK
enum { MARK_SET = F_OFD_SETLK, MARK_GET = F_OFD_GETLK };
#else
enum { MARK_SET = F_SETLK, MARK_GET = F_GETLK };
#endif

static xkv__fault lock_file(xkv__handle handle, bool exclusive) {
    int result;

    do
        result = flock(fd_of(handle), (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB);
    while (result != 0 && errno == EINTR);
    return fault_if(result != 0);
}

static struct flock record_lock(short type, uint64_t from, uint64_t to) {
    struct flock lock;

    memset(&lock, 0, sizeof lock);
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = (off_t)from;
    lock.l_len = (off_t)(to - from);
    return lock;
}

static xkv__fault mark_file(xkv__handle handle, uint64_t place) {
    struct flock mine = record_lock(F_RDLCK, place, place + 1);
    return fault_if(fcntl(fd_of(handle), MARK_SET, &mine) != 0);
}

static bool is_file_marked(xkv__handle handle, uint64_t from, uint64_t to) {
    struct flock other = record_lock(F_WRLCK, from, to);

    return to > from && fcntl(fd_of(handle), MARK_GET, &other) == 0 && other.l_type != F_UNLCK;
}

static xkv__fault sign_file(xkv__handle handle, uint64_t place) {
    struct flock mine = record_lock(F_WRLCK, place, place + 1);
    return fault_if(fcntl(fd_of(handle), F_SETLK, &mine) != 0);
}

static int64_t signer_of(xkv__handle handle, uint64_t place) {
    struct flock holder = record_lock(F_WRLCK, place, place + 1);

    if (fcntl(fd_of(handle), F_GETLK, &holder) != 0 || holder.l_type == F_UNLCK)
        return 0;
    return holder.l_pid > 0 ? (int64_t)holder.l_pid : 0;
}

#define SYSTEM_FILES                                                                               \
    {                                                                                              \
        .open = open_file, .close = close_file, .examine = examine_file, .look = look_at,          \
        .read_at = read_file_at, .write_at = write_file_at, .allocate = allocate_blocks,           \
        .sync = sync_file, .remove = remove_file, .rename = rename_file,                           \
        .make_directory = make_directory, .sync_directory = sync_directory,                        \
        .current_directory = current_directory, .lock = lock_file, .mark = mark_file,              \
        .is_marked = is_file_marked, .sign = sign_file, .signer = signer_of                        \
    }

xkv__file_calls xkv__files = SYSTEM_FILES;
const xkv__file_calls xkv__system_files = SYSTEM_FILES;

/* -- The process ------------------------------------------------------------- */

/* A limit that getrlimit has found, or not. */
static uint64_t found_limit(bool found, const struct rlimit *limit) {
    return found && limit->rlim_cur != RLIM_INFINITY ? limit->rlim_cur : UINT64_MAX;
}

uint64_t xkv__file_limit(void) {
    struct rlimit limit;
    return found_limit(getrlimit(RLIMIT_FSIZE, &limit) == 0, &limit);
}

uint64_t xkv__address_limit(void) {
    struct rlimit limit;
    return found_limit(getrlimit(RLIMIT_AS, &limit) == 0, &limit);
}

bool xkv__addresses_free(size_t size) {
    void *range = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0);

    if (range == MAP_FAILED)
        return false;
    munmap(range, size);
    return true;
}

int64_t xkv__process_id(void) {
    return getpid();
}

const char *xkv__environment(const char *name) {
    return getenv(name);
}

/* strtod goes by the program's locale, in which 1.5 may be written 1,5. */
static locale_t c_locale; /* 0 if it could not be made: then by the program's */

static void make_c_locale(void) {
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

double xkv__read_double(const char *text) {
    static xkv__once once = XKV__ONCE;

    xkv__call_once(&once, make_c_locale);
    return c_locale ? strtod_l(text, NULL, c_locale) : strtod(text, NULL);
}

#endif
