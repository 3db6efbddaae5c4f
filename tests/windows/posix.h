/*
 * posix.h - for Windows: what our tests use of POSIX and its compilers do not bring
 *
 * Included before everything else in the tests that are built for Windows. Files are
 * bytes there too, names are UTF-8, and a rename replaces. What the system cannot do
 * fails with ENOSYS; tests that need it are in unix-only.txt.
 */
#ifndef XKV_TESTS_WINDOWS_POSIX_H
#define XKV_TESTS_WINDOWS_POSIX_H

#define __USE_MINGW_ANSI_STDIO 1
#define _WIN32_WINNT           0x0A00

#define tell tell_of_file /* a name that tests have for something else */

#include <direct.h>
#include <fcntl.h>
#include <io.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#undef tell

#define O_CLOEXEC 0
#define SIGKILL   9
#define EDQUOT    122

void *memmem(const void *in, size_t size, const void *what, size_t what_size);
char *mkdtemp(char *template);
int setenv(const char *name, const char *value, int replace);
int unsetenv(const char *name);
ssize_t pread(int fd, void *out, size_t size, int64_t at);
ssize_t pwrite(int fd, const void *data, size_t size, int64_t at);
int posix_truncate(const char *path, int64_t size);
int link(const char *path, const char *name);
int posix_rename(const char *from, const char *to);
int posix_unlink(const char *path);
int posix_mkdir(const char *path, int mode);
int posix_open(const char *path, int flags, ...);
FILE *posix_fopen(const char *path, const char *mode);
int posix_stat(const char *path, struct stat *status);

#define rename   posix_rename
#define unlink   posix_unlink
#define remove   posix_unlink
#define mkdir    posix_mkdir
#define open     posix_open
#define fopen    posix_fopen
#define lstat    stat
#define truncate posix_truncate

/* Memory that a child of fork would share; there is no fork. */
enum { PROT_READ = 1, PROT_WRITE = 2, MAP_SHARED = 1, MAP_ANONYMOUS = 2 };
#define MAP_FAILED ((void *)-1)
void *mmap(void *at, size_t size, int protection, int flags, int fd, int64_t offset);

/* Who runs this. */
typedef int uid_t, gid_t;
uid_t geteuid(void);
uid_t getuid(void);
int seteuid(uid_t user);
enum { AT_FDCWD = -100, AT_EACCESS = 1 };
int faccessat(int directory, const char *path, int how, int flags);

/* What the system has not got. */
int symlink(const char *path, const char *name);
int mkfifo(const char *path, int mode);
int chown(const char *path, uid_t user, gid_t group);

struct rlimit {
    uint64_t rlim_cur, rlim_max;
};
typedef uint64_t rlim_t;
enum { RLIMIT_FSIZE, RLIMIT_AS, RLIMIT_NOFILE };
int getrlimit(int what, struct rlimit *limit);
int setrlimit(int what, const struct rlimit *limit);

/* -- Processes (child.h) -- */

void process_start(const char *const *words, intptr_t *process, int *to, int *from);
int process_end(intptr_t process); /* waits for it: its exit status */
void process_kill(intptr_t process);

#endif
