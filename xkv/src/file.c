/* file.c - see file.h */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "map.h"

/* -- Paths ------------------------------------------------------------------- */

/* The words for an errno; strerror is not safe in threads, strerror_r comes in
 * two kinds. */
static const char *system_error(int number) {
    switch (number) {
    case EACCES:
    case EPERM:
        return "permission denied";
    case ENOENT:
        return "no such file or directory";
    case ENOTDIR:
        return "a part of the path is not a directory";
    case EISDIR:
        return "it is a directory";
    case ELOOP:
        return "it is a symbolic link, and those are not followed";
    case EROFS:
        return "the file system is read-only";
    case ENOSPC:
        return "no space left on the disk";
    case EDQUOT:
        return "the disk quota is used up";
    case ENAMETOOLONG:
        return "the name is too long";
    case EMFILE:
    case ENFILE:
        return "too many open files";
    case EIO:
        return "an input/output error";
    case EFBIG:
        return "a file may not become that large (see ulimit -f, and the file system)";
    default:
        return "a system error";
    }
}

static bool means_full(int number) {
    return number == ENOSPC || number == EDQUOT || number == EFBIG || number == ENOMEM;
}

static int fail_system(int code, const char *what, const char *path, int number) {
    return xkv__fail(means_full(number) ? XKV_E_STORE_FULL : code, "%s \"%s\": %s (errno %d)", what,
                     path, system_error(number), number);
}

/* An absolute copy of path, as text: the file need not exist yet. */
static int absolute_path(const char *path, char **absolute) {
    char directory[4096] = "";

    if (path[0] != '/' && !getcwd(directory, sizeof directory))
        return fail_system(XKV_E_DISK_PATH, "the current directory cannot be told, which leads to",
                           path, errno);
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    size_t size = strlen(directory) + strlen(path) + 2;
    *absolute = xkv__alloc(size);
    if (!*absolute)
        return XKV_E_STORE_FULL;
    snprintf(*absolute, size, "%s%s%s", directory, path[0] == '/' ? "" : "/", path);
    return XKV_OK;
}

static bool starts_with(const char *path, const char *start) {
    return strncasecmp(path, start, strlen(start)) == 0;
}

/* Whether it starts as "https://" does. */
static bool is_url(const char *path) {
    size_t scheme =
        strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

    return scheme > 1 && starts_with(path + scheme, "://");
}

/* Turns %20 into a space, and so on, in place. */
static bool decode_percent(char *text) {
    char *to = text;

    for (const char *at = text; *at; at++) {
        if (*at != '%') {
            *to++ = *at;
            continue;
        }
        int high = xkv__hex((unsigned char)at[1]);
        int low = high < 0 ? -1 : xkv__hex((unsigned char)at[2]);
        if (low < 0 || high + low == 0)
            return false;
        *to++ = (char)(high << 4 | low);
        at += 2;
    }
    *to = '\0';
    return true;
}

/* A copy of the path in a file URL, which is what import.meta.resolve gives scripts. */
static int path_of_url(const char *url, char **path) {
    const char *at = url + strlen("file:");
    char quoted[XKV__QUOTE_SIZE];

    xkv__quote(xkv_text(url), quoted);
    if (starts_with(at, "//"))
        at += starts_with(at, "//localhost/") ? strlen("//localhost") : strlen("//");
    if (*at != '/')
        return xkv__fail(XKV_E_DISK_PATH, "%s has a host; write file:/// and an absolute path",
                         quoted);
    if (strpbrk(at, "?#"))
        return xkv__fail(XKV_E_DISK_PATH,
                         "%s has a ? or # that ends its path; write %%3F for ?, %%23 for #",
                         quoted);
    *path = xkv__strdup(at);
    if (*path && !decode_percent(*path))
        return xkv__fail(XKV_E_DISK_PATH,
                         "%s has a %% that two hexadecimal digits, not 00, do not follow; write "
                         "%%25 for %%",
                         quoted);
    return *path ? XKV_OK : XKV_E_STORE_FULL;
}

/* The absolute path that an option stands for. */
static int resolve(const char *path, char **absolute) {
    char quoted[XKV__QUOTE_SIZE];

    if (strcmp(path, "~") == 0 || starts_with(path, "~/"))
        return xkv__fail(XKV_E_DISK_PATH,
                         "%s starts with ~, which only a shell turns into the home directory; "
                         "write the path in full, in a script with __ENV.HOME",
                         xkv__quote(xkv_text(path), quoted));
    if (starts_with(path, "file:/"))
        return path_of_url(path, absolute);
    if (is_url(path))
        return xkv__fail(XKV_E_DISK_PATH, "%s is a URL; of those only file: leads to a store",
                         xkv__quote(xkv_text(path), quoted));
    return absolute_path(path, absolute);
}

/* After a power cut, a new file is only there if its directory was synced. */
static int sync_directory(const char *path) {
    const char *slash = strrchr(path, '/');
    char *directory = xkv__strdup(path);

    if (!directory)
        return XKV_E_STORE_FULL;
    directory[slash == path ? 1 : slash - path] = '\0';
    int fd = xkv__sys.open(directory, O_RDONLY | O_CLOEXEC, 0);
    int failed = fd < 0 || xkv__sys.fsync(fd) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    xkv__free(directory);
    if (failed && failed != EINVAL) /* EINVAL: a file system that needs none */
        return fail_system(XKV_E_DISK_PATH, "cannot sync the directory of", path, failed);
    return XKV_OK;
}

/* Creates the directories above the last component. */
static int make_parents(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int failed = xkv__sys.mkdir(path, 0755) != 0 ? errno : 0;
        int unsynced = failed ? XKV_OK : sync_directory(path);
        if (failed && failed != EEXIST) {
            struct stat status; /* such as a read-only file system above an existing one */
            if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
                failed = 0;
        }
        int error = failed && failed != EEXIST
                        ? fail_system(XKV_E_DISK_PATH, "cannot create the directory", path, failed)
                        : XKV_OK;
        *slash = '/';
        if (error == XKV_OK)
            error = unsynced;
        if (error != XKV_OK)
            return error;
    }
    return XKV_OK;
}

static const uint32_t lmdb_magic = 0xBEEFC0DE, bolt_magic = 0xED0CDAED;

/* What LMDB makes of its lock file with the readers that we ask for. */
enum { LOCK_FILE_SIZE = 32 << 10 };

/* -- Opening ----------------------------------------------------------------- */

static int fail_open(const char *path, int number) {
    if (number == ENOENT) /* else it would have been created */
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "there is no store at \"%s\", and disk.readOnly does not create one",
                         path);
    bool bad_path = number == ELOOP || number == EISDIR || number == ENOTDIR ||
                    number == ENAMETOOLONG || number == ENXIO;
    return fail_system(bad_path ? XKV_E_DISK_PATH : XKV_E_DISK_STORE_OPEN, "cannot open", path,
                       number);
}

/* Opens an existing file or creates it. O_NONBLOCK: a FIFO must not hang us. */
static int open_or_create(xkv__file *file, bool read_only) {
    int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (read_only ? O_RDONLY : O_RDWR);

    file->fd = xkv__sys.open(file->path, flags, 0);
    if (file->fd >= 0 || errno != ENOENT || read_only)
        return file->fd >= 0 ? XKV_OK : fail_open(file->path, errno);
    int error = make_parents(file->path);
    if (error != XKV_OK)
        return error;
    file->fd = xkv__sys.open(file->path, flags | O_CREAT | O_EXCL, 0600);
    if (file->fd < 0 && errno == EEXIST) /* somebody else was quicker */
        file->fd = xkv__sys.open(file->path, flags, 0);
    else if (file->fd >= 0)
        file->created = true;
    if (file->fd < 0)
        return fail_system(XKV_E_DISK_PATH, "cannot create", file->path, errno);
    return XKV_OK;
}

/* In a folder that all may write to, another user may have made the file first:
 * he would read what is stored, and could end this process by cutting it short. */
static int check_owner(const xkv__file *file, const struct stat *status, bool read_only) {
    bool foreign = status->st_uid != geteuid() && status->st_uid != 0;

    if ((!foreign || read_only) && !(status->st_mode & S_IWOTH))
        return XKV_OK;
    return xkv__fail(XKV_E_DISK_PATH,
                     "\"%s\" %s (owner %ld, mode %03o), who could read and change what is stored; "
                     "give a path in a folder of your own, or mend it with chown and chmod",
                     file->path,
                     foreign ? "belongs to another user" : "may be written to by every user",
                     (long)status->st_uid, (unsigned)status->st_mode & 0777);
}

/* Those of this process whose lock file is open. To open one twice and close it
 * once would take away LMDB's locks on it. */
static xkv__file *bonded;
static pthread_mutex_t bonded_mutex = PTHREAD_MUTEX_INITIALIZER;

/* LMDB would wait for itself. */
static int check_kept(const xkv__file *file) {
    bool kept = false;

    pthread_mutex_lock(&bonded_mutex);
    for (const xkv__file *other = bonded; other && !kept; other = other->next)
        kept = other->kept && other->device == file->device && other->inode == file->inode;
    pthread_mutex_unlock(&bonded_mutex);
    return kept ? xkv__file_corrupt(file, "a page was overwritten while it was open, and this "
                                          "process cannot open it again")
                : XKV_OK;
}

static int check_kind(xkv__file *file, bool read_only) {
    struct stat status;

    if (xkv__sys.fstat(file->fd, &status) != 0)
        return fail_system(XKV_E_DISK_STORE_OPEN, "cannot examine", file->path, errno);
    if (!S_ISREG(status.st_mode))
        return xkv__fail(XKV_E_DISK_PATH, "\"%s\" is %s; give the path of a file", file->path,
                         S_ISDIR(status.st_mode) ? "a directory" : "not a regular file");
    if (status.st_nlink > 1) /* by another name the lock file is another one */
        return xkv__fail(XKV_E_DISK_PATH,
                         "\"%s\" has %ld hard links, under which processes would not notice each "
                         "other; copy the file, and use the copy",
                         file->path, (long)status.st_nlink);
    file->device = status.st_dev;
    file->inode = status.st_ino;
    int error = check_kept(file);
    return error == XKV_OK ? check_owner(file, &status, read_only) : error;
}

/* Gives a file its size in blocks that exist, not in holes. Beyond a limit of
 * the process that would be a signal. */
static int allocate_blocks(int fd, off_t size) {
    if (xkv__map_within_limit((size_t)size) < (size_t)size)
        return EFBIG;
#ifdef __APPLE__
    char zeros[4096] = {0};
    for (off_t at = lseek(fd, 0, SEEK_END); at < size; at += (off_t)sizeof zeros) {
        if (pwrite(fd, zeros, sizeof zeros, at) != (ssize_t)sizeof zeros)
            return ENOSPC;
    }
    return 0;
#else
    return posix_fallocate(fd, 0, size);
#endif
}

/*
 * LMDB opens its lock file by name, follows links, makes it long by a hole, and
 * then writes to it through a map: on a full disk that is the end of the
 * process. So the file is made here.
 */
static int open_lock_file(const char *name) {
    return xkv__sys.open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
}

/* Whether all of a file is zeros. */
static bool is_blank(int fd) {
    char bytes[4096];
    int64_t got, at = 0;

    while ((got = xkv__sys.pread(fd, bytes, sizeof bytes, at)) > 0) {
        at += got;
        for (int64_t i = 0; i < got; i++) {
            if (bytes[i] != 0)
                return false;
        }
    }
    return got == 0;
}

/* LMDB's lock files start with its magic number, where no file of data has it;
 * or it had no time to write to what was made here. */
static bool is_lock_file(int fd) {
    uint32_t magic = 0;
    int64_t got = xkv__sys.pread(fd, &magic, sizeof magic, 0);

    if (got == (int64_t)sizeof magic && magic == lmdb_magic)
        return true;
    return lseek(fd, 0, SEEK_END) <= LOCK_FILE_SIZE && is_blank(fd);
}

/* What LMDB makes of it last, its magic number, is there first, so that the file is
 * known for what it is if the process ends in between. (LMDB makes all of it anew
 * when nobody else has it open, and waits for others to be ready.) */
static int fill_lock_file(int fd) {
    int failed = allocate_blocks(fd, LOCK_FILE_SIZE);

    if (failed && failed != EOPNOTSUPP && failed != EINVAL) /* these: holes will do */
        return failed;
    return pwrite(fd, &lmdb_magic, sizeof lmdb_magic, 0) == sizeof lmdb_magic ? 0 : errno;
}

/* -- Bonds -------------------------------------------------------------------
 *
 * LMDB finds its lock file by the name of the data. So when a file is replaced
 * while somebody has the old one open, old and new share one lock file, and with
 * it the counter of transactions; and when the lock file is deleted, or the data
 * is renamed, processes that have one file open do not see each other. Either
 * loses what was written.
 *
 * So who has a store open holds a shared lock on each of the two files, far
 * behind their bytes, at a place that is made from the identity of the other
 * one. A lock at any other place there means that the two do not belong
 * together. The locks are those of open file descriptions, where the system has
 * them: they last until the descriptor is closed, and no longer than the
 * process. Where it has not, they are lost if the process opens and closes the
 * file once more.
 */
#ifdef F_OFD_SETLK
enum { BOND_SET = F_OFD_SETLK, BOND_GET = F_OFD_GETLK };
#else
enum { BOND_SET = F_SETLK, BOND_GET = F_GETLK };
#endif

static const off_t bonds_at = (off_t)1 << 61, bonds_end = ((off_t)1 << 61) + ((off_t)1 << 60);

static off_t bond_place(dev_t device, ino_t inode) {
    uint64_t mixed = (uint64_t)inode * 0x9e3779b97f4a7c15u ^ (uint64_t)device * 0xbf58476d1ce4e5b9u;
    return bonds_at + (off_t)(mixed >> 4);
}

static struct flock lock_of(short type, off_t start, off_t len) {
    struct flock lock;

    memset(&lock, 0, sizeof lock);
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = start;
    lock.l_len = len;
    return lock;
}

static bool is_held(int fd, off_t start, off_t end) {
    struct flock other = lock_of(F_WRLCK, start, end - start);

    return end > start && fcntl(fd, BOND_GET, &other) == 0 && other.l_type != F_UNLCK;
}

/* Whether nobody holds fd together with another file than the one at place. */
static bool bond(int fd, off_t place) {
    struct flock mine = lock_of(F_RDLCK, place, 1);

    (void)fcntl(fd, BOND_SET, &mine); /* a file system without locks has no bonds */
    return !is_held(fd, bonds_at, place) && !is_held(fd, place + 1, bonds_end);
}

/* The process that has a lock at a place of a file, as text for a message. */
static const char *holder_at(int fd, off_t place, char out[32]) {
    struct flock holder = lock_of(F_WRLCK, place, 1);

    if (fd >= 0 && fcntl(fd, F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK && holder.l_pid > 0)
        snprintf(out, 32, "process %ld", (long)holder.l_pid);
    else
        snprintf(out, 32, "another process");
    return out;
}

enum { LMDB_LOCK_AT = 0 }; /* LMDB's own lock on its lock file */
static const off_t label_at = (off_t)1 << 60;

static int make_bond(xkv__file *file, const char *name) {
    char holder[32];

    if (!bond(file->lock_fd, bond_place(file->device, file->inode)))
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" was replaced while %s has the file open that was there before; "
                         "end that process first",
                         file->path, holder_at(file->lock_fd, LMDB_LOCK_AT, holder));
    if (!bond(file->fd, bond_place(file->lock_device, file->lock_inode)))
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "%s has \"%s\" open with another lock file than \"%s\": that was deleted, "
                         "or the store was renamed; end that process first",
                         holder_at(file->fd, label_at, holder), file->path, name);
    return XKV_OK;
}

static int check_unused(const xkv__file *file, const struct stat *status) {
    for (const xkv__file *other = bonded; other; other = other->next) {
        if (other->lock_device == status->st_dev && other->lock_inode == status->st_ino)
            return xkv__fail(XKV_E_DISK_STORE_OPEN,
                             "\"%s\" was replaced while this process has the file open that was "
                             "there before; close that first",
                             file->path);
    }
    return XKV_OK;
}

/* -- The lock file ----------------------------------------------------------- */

static int lock_data(xkv__file *file, const xkv_options *options, int kind);

/* A reader that LMDB's table of readers has no place for: on a read-only mount,
 * or another user's. Writers must not be at work while it reads. */
static int read_without_lock(xkv__file *file, const xkv_options *options) {
    file->without_lock = true;
    return lock_data(file, options, LOCK_SH);
}

/* XKV_OK and no lock_fd: it may not be used. With bonded_mutex, so that no other
 * thread opens it for another file meanwhile. */
static int open_lock(xkv__file *file, bool read_only, const char *name) {
    struct stat status;
    bool exists = lstat(name, &status) == 0;

    if (exists && !S_ISREG(status.st_mode))
        return xkv__fail(
            XKV_E_DISK_PATH,
            "the lock file \"%s\" is not a regular file; move it away, or give the store "
            "another path",
            name);
    int error = exists ? check_unused(file, &status) : XKV_OK;
    if (error != XKV_OK)
        return error;
    file->lock_fd = open_lock_file(name);
    if (file->lock_fd < 0 && read_only && (errno == EROFS || errno == EACCES))
        return XKV_OK;
    if (file->lock_fd < 0)
        return fail_system(XKV_E_DISK_STORE_OPEN, "cannot prepare the lock file", name, errno);
    if (!is_lock_file(file->lock_fd))
        return xkv__fail(XKV_E_DISK_PATH,
                         "the lock file \"%s\" would overwrite a file that is none; give the store "
                         "another path",
                         name);
    if (xkv__sys.fstat(file->lock_fd, &status) != 0)
        return fail_system(XKV_E_DISK_STORE_OPEN, "cannot examine", name, errno);
    file->lock_device = status.st_dev;
    file->lock_inode = status.st_ino;
    file->next = bonded;
    bonded = file;
    return XKV_OK;
}

static int prepare_lock(xkv__file *file, const xkv_options *options, const char *name) {
    pthread_mutex_lock(&bonded_mutex);
    int error = open_lock(file, options->read_only, name);
    pthread_mutex_unlock(&bonded_mutex);
    if (error != XKV_OK)
        return error;
    if (file->lock_fd < 0)
        return read_without_lock(file, options);
    int failed = fill_lock_file(file->lock_fd);
    if (failed)
        return fail_system(XKV_E_DISK_STORE_OPEN, "cannot prepare the lock file", name, failed);
    return make_bond(file, name);
}

/* Closes the lock file before another thread may open it again. */
static void leave_bonded(const xkv__file *file) {
    pthread_mutex_lock(&bonded_mutex);
    xkv__file **link = &bonded;
    while (*link && *link != file)
        link = &(*link)->next;
    if (*link)
        *link = file->next;
    if (file->lock_fd >= 0)
        close(file->lock_fd);
    pthread_mutex_unlock(&bonded_mutex);
}

int xkv__file_prepare_lock(xkv__file *file, const xkv_options *options) {
    size_t size = strlen(file->path) + sizeof "-lock";
    char *name = xkv__alloc(size);

    if (!name)
        return XKV_E_STORE_FULL;
    snprintf(name, size, "%s-lock", file->path);
    int error = prepare_lock(file, options, name);
    xkv__free(name);
    return error;
}

bool xkv__file_identify(const char *path, dev_t *device, ino_t *inode) {
    struct stat status;

    if (lstat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    *device = status.st_dev;
    *inode = status.st_ino;
    return true;
}

int xkv__file_path(const char *given, char **path) {
    char quoted[XKV__QUOTE_SIZE];
    size_t len = strlen(given);

    *path = NULL;
    if (len > XKV_PATH_MAX)
        return xkv__fail(XKV_E_DISK_PATH, "the path %s is %zu bytes long; at most %u are allowed",
                         xkv__quote(xkv_text(given), quoted), len, XKV_PATH_MAX);
    int error = resolve(given, path);
    if (error == XKV_OK && (*path)[strlen(*path) - 1] == '/')
        return xkv__fail(XKV_E_DISK_PATH, "\"%s\" names a directory; give the path of a file",
                         *path);
    return error;
}

int xkv__file_open(const xkv_options *options, xkv__file **out) {
    xkv__file *file = xkv__alloc(sizeof *file);
    if (!file)
        return XKV_E_STORE_FULL;
    *file = (xkv__file){.fd = -1, .lock_fd = -1};
    int error = xkv__file_path(options->path, &file->path);
    if (error == XKV_OK)
        error = open_or_create(file, options->read_only);
    if (error == XKV_OK)
        error = check_kind(file, options->read_only);
    if (error != XKV_OK) {
        xkv__file_close(file, true);
        return error;
    }
    *out = file;
    return XKV_OK;
}

/* Whether the path still leads to the file. */
static bool is_still_there(const xkv__file *file) {
    dev_t device;
    ino_t inode;

    return xkv__file_identify(file->path, &device, &inode) && device == file->device &&
           inode == file->inode;
}

/* Whether nobody else has used the file that we created: we have the lock since
 * before anything was written, or can get it and nothing was. */
static bool is_ours_alone(const xkv__file *file) {
    return file->locked ||
           (flock(file->fd, LOCK_EX | LOCK_NB) == 0 && lseek(file->fd, 0, SEEK_END) == 0);
}

void xkv__file_close(xkv__file *file, bool undo) {
    if (!file)
        return;
    if (undo && file->created && is_ours_alone(file) && is_still_there(file))
        unlink(file->path);
    leave_bonded(file);
    if (file->fd >= 0)
        close(file->fd);
    xkv__free(file->path);
    xkv__free(file);
}

void xkv__file_keep(xkv__file *file) {
    file->kept = true;
}

/* -- Locking ----------------------------------------------------------------- */

/*
 * flock keeps the second writer out: it belongs to the open file, so nothing
 * else that this process does with the path gives it up. It does not tell who
 * holds it, so the holder also takes a record lock, far behind the data, which
 * F_GETLK reports with the process id. That one is a label only: it is lost if
 * the process closes the file by another descriptor, and then the id is not
 * known.
 */
static int fail_locked(const xkv__file *file, int64_t waited_ms) {
    char holder[32];

    if (file->without_lock)
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" is open for writing in %s, and its lock file cannot be used from "
                         "here, where it is read-only or another user's (waited %lld ms); end that "
                         "process, or let this one write to the folder",
                         file->path, holder_at(file->fd, label_at, holder), (long long)waited_ms);
    return xkv__fail(
        XKV_E_DISK_STORE_OPEN,
        "\"%s\" is open for writing in %s (waited %lld ms), or for reading where its "
        "lock file cannot be used; end it, wait longer with disk.timeout, or open with "
        "disk.readOnly",
        file->path, holder_at(file->fd, label_at, holder), (long long)waited_ms);
}

/* Whether somebody should hear now that this takes its time: once. */
static bool is_long(int64_t waited_ms, bool *told) {
    bool now = waited_ms >= 1000 && !*told;

    *told = *told || now;
    return now;
}

static void tell_waiting(const xkv__file *file, int64_t timeout_ms) {
    char holder[32];

    xkv__notice("waiting for %s, which has \"%s\" open for writing; disk.timeout allows for %lld "
                "ms",
                holder_at(file->fd, label_at, holder), file->path, (long long)timeout_ms);
}

static int lock_data(xkv__file *file, const xkv_options *options, int kind) {
    uint64_t start = xkv__sys.now_ms();
    struct timespec pause = {0, 10000000};
    bool told = false;

    while (flock(file->fd, kind | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fail_system(XKV_E_DISK_STORE_OPEN, "cannot lock", file->path, errno);
        int64_t waited = (int64_t)(xkv__sys.now_ms() - start);
        if (waited >= options->timeout_ms)
            return fail_locked(file, options->timeout_ms);
        if (is_long(waited, &told))
            tell_waiting(file, options->timeout_ms);
        nanosleep(&pause, NULL);
    }
    return XKV_OK;
}

int xkv__file_lock(xkv__file *file, const xkv_options *options) {
    int error = lock_data(file, options, LOCK_EX);

    if (error == XKV_OK) {
        file->locked = true;
        xkv__file_label(file);
    }
    return error;
}

void xkv__file_label(const xkv__file *file) {
    struct flock mine = lock_of(F_WRLCK, label_at, 1);

    (void)fcntl(file->fd, F_SETLK, &mine); /* fails for readers, who need none */
}

/* -- Growing ----------------------------------------------------------------- */

int xkv__file_growth(const xkv__file *file) {
    static const char block[4096];
    off_t end = lseek(file->fd, 0, SEEK_END), at = end;

    if (end < 0)
        return errno;
    if (xkv__map_within_limit((size_t)end + sizeof block) < (size_t)end + sizeof block)
        return EFBIG; /* to try would be a signal */
    while (at < end + (off_t)sizeof block) {
        ssize_t written = pwrite(file->fd, block, sizeof block - (size_t)(at - end), at);
        if (written <= 0)
            return written < 0 ? errno : ENOSPC;
        at += written;
    }
    return 0;
}

/* -- Examining --------------------------------------------------------------- */

/* An LMDB file starts with two meta pages. These are the fields we look at, at
 * their places on a 64-bit machine (LMDB 0.9, data version 1). */
enum {
    META_SIZE = 152,
    META_MAGIC_AT = 16,
    META_VERSION_AT = 20,
    META_PAGE_SIZE_AT = 40,
    META_FLAGS_AT = 44,
    META_LAST_PAGE_AT = 136,
    META_TXN_AT = 144,
    UNWRITTEN_PAGES_MAX = 1 << 18,
    FLAG_FIXED_MAP = 1 /* LMDB would map the file to wherever the page says */
};

static uint32_t read_u32(const unsigned char *at) {
    uint32_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

static uint64_t read_u64(const unsigned char *at) {
    uint64_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

int xkv__file_corrupt(const xkv__file *file, const char *what) {
    return xkv__fail(XKV_E_DISK_STORE_CORRUPT,
                     "\"%s\" is damaged: %s; keep a copy of it before anything else, then restore "
                     "a backup, or give another path",
                     file->path, what);
}

static int read_at(xkv__file *file, void *out, size_t size, uint64_t at, bool *whole) {
    int64_t got = xkv__sys.pread(file->fd, out, size, (int64_t)at);

    if (got < 0)
        return fail_system(XKV_E_DISK_STORE_OPEN, "cannot read", file->path, errno);
    *whole = got == (int64_t)size;
    return XKV_OK;
}

static int check_first_page(xkv__file *file, const unsigned char *meta, bool whole) {
    uint32_t magic = whole ? read_u32(meta + META_MAGIC_AT) : 0;

    if (magic == bolt_magic)
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" is a BoltDB file, which another extension wrote; give another "
                         "path, or export it there and import it here",
                         file->path);
    if (magic != lmdb_magic)
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" is not a store of this extension; it was left as it is, give "
                         "another path",
                         file->path);
    if (read_u32(meta + META_VERSION_AT) != 1)
        return xkv__fail(XKV_E_DISK_STORE_OPEN, "\"%s\" has LMDB data version %u; only 1 is known",
                         file->path, read_u32(meta + META_VERSION_AT));
    uint32_t page = read_u32(meta + META_PAGE_SIZE_AT);
    if (page < 512 || page > 65536 || (page & (page - 1)) != 0)
        return xkv__file_corrupt(file, "its page size is not one that exists");
    return XKV_OK;
}

/*
 * Checks the second meta page, and the number of the last page. That may lie
 * beyond the end of the file: LMDB does not write pages that a transaction
 * allocated and gave back. So only nonsense is refused here; that the pages in
 * use are all there is for xkv__file_verify to see.
 */
static int check_size(xkv__file *file, const unsigned char *first) {
    unsigned char second[META_SIZE];
    uint64_t page = read_u32(first + META_PAGE_SIZE_AT);
    struct stat status;
    bool whole = false;
    int error = read_at(file, second, sizeof second, page, &whole);

    if (error != XKV_OK)
        return error;
    if (!whole || read_u32(second + META_MAGIC_AT) != lmdb_magic)
        return xkv__file_corrupt(file, "its second page is missing");
    if (read_u32(second + META_PAGE_SIZE_AT) != page ||
        ((first[META_FLAGS_AT] | second[META_FLAGS_AT]) & FLAG_FIXED_MAP))
        return xkv__file_corrupt(file, "its first pages contradict each other");
    bool newer = read_u64(second + META_TXN_AT) > read_u64(first + META_TXN_AT);
    uint64_t last = read_u64((newer ? second : first) + META_LAST_PAGE_AT);
    if (xkv__sys.fstat(file->fd, &status) != 0)
        return fail_system(XKV_E_DISK_STORE_OPEN, "cannot examine", file->path, errno);
    if (last > (uint64_t)status.st_size / page * 2 + UNWRITTEN_PAGES_MAX)
        return xkv__file_corrupt(file, "it was cut short");
    return XKV_OK;
}

int xkv__file_check(xkv__file *file, const xkv_options *options) {
    unsigned char meta[META_SIZE];
    struct stat status;
    bool whole = false;

    if (xkv__sys.fstat(file->fd, &status) != 0)
        return fail_system(XKV_E_DISK_STORE_OPEN, "cannot examine", file->path, errno);
    if (status.st_size == 0 && !options->read_only)
        return sync_directory(file->path);
    if (status.st_size == 0)
        return xkv__fail(XKV_E_DISK_STORE_OPEN,
                         "\"%s\" is empty; open it for writing once to make it a store",
                         file->path);
    int error = read_at(file, meta, sizeof meta, 0, &whole);
    if (error == XKV_OK)
        error = check_first_page(file, meta, whole);
    return error == XKV_OK ? check_size(file, meta) : error;
}
