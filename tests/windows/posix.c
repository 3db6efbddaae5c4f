/*
 * posix.c - see posix.h
 */
#include "posix.h"

#undef rename
#undef unlink
#undef remove
#undef mkdir
#undef open
#undef fopen

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <process.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

enum { PATH_MOST = 2048 };

static wchar_t *wide(const char *text, wchar_t out[PATH_MOST]) {
    if (MultiByteToWideChar(CP_UTF8, 0, text, -1, out, PATH_MOST) == 0)
        out[0] = L'\0';
    return out;
}

/* Returns -1, or 0 if it has not failed. */
static int result(bool fine) {
    if (fine)
        return 0;
    DWORD error = GetLastError();
    errno = error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND ? ENOENT
            : error == ERROR_ALREADY_EXISTS || error == ERROR_FILE_EXISTS  ? EEXIST
                                                                           : EACCES;
    return -1;
}

static int missing_call(void) {
    errno = ENOSYS;
    return -1;
}

/* The folder for what is temporary in full, as the library writes paths. */
static void name_temporary(void) {
    char folder[MAX_PATH], full[MAX_PATH];
    const char *given = getenv("TMPDIR");

    if (!given && GetTempPathA(sizeof folder, folder) > 0)
        given = folder;
    if (!given || GetFullPathNameA(given, sizeof full, full, NULL) == 0)
        return;
    for (char *at = full; *at; at++) {
        if (*at == '\\')
            *at = '/';
    }
    full[strlen(full) - (full[strlen(full) - 1] == '/')] = '\0';
    setenv("TMPDIR", full, 1);
}

/* Files are bytes, whoever opens them. */
__attribute__((constructor)) static void begin(void) {
    name_temporary();
    _fmode = _O_BINARY;
    _setmode(0, _O_BINARY);
    _setmode(1, _O_BINARY);
    _setmode(2, _O_BINARY);
}

/* -- Memory, environment ---------------------------------------------------------- */

void *memmem(const void *in, size_t size, const void *what, size_t what_size) {
    const char *at = in;

    for (; size >= what_size; at++, size--) {
        if (memcmp(at, what, what_size) == 0)
            return (void *)(uintptr_t)at;
    }
    return NULL;
}

int setenv(const char *name, const char *value, int replace) {
    if (!replace && getenv(name))
        return 0;
    _putenv_s(name, value); /* for getenv; one that is empty it would remove */
    return result(SetEnvironmentVariableA(name, value) != 0);
}

int unsetenv(const char *name) {
    return _putenv_s(name, "");
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, int64_t offset) {
    (void)at, (void)protection, (void)flags, (void)fd, (void)offset;
    void *memory = calloc(1, size);
    return memory ? memory : MAP_FAILED;
}

uid_t geteuid(void) {
    return 1000;
}

uid_t getuid(void) {
    return 1000;
}

int seteuid(uid_t user) {
    (void)user;
    return missing_call();
}

int faccessat(int directory, const char *path, int how, int flags) {
    (void)directory, (void)path, (void)how, (void)flags;
    return missing_call();
}

/* -- Files -------------------------------------------------------------------------- */

char *mkdtemp(char *template) {
    static unsigned made;
    char *end = template + strlen(template) - 6;

    for (int tries = 0; tries < 1000; tries++) {
        snprintf(
            end, 7, "%06x",
            (unsigned)((GetCurrentProcessId() * 2654435761u + GetTickCount() + made++) & 0xffffff));
        if (posix_mkdir(template, 0700) == 0)
            return template;
    }
    return NULL;
}

ssize_t pread(int fd, void *out, size_t size, int64_t at) {
    OVERLAPPED place = {0};
    DWORD got = 0;

    place.Offset = (DWORD)at;
    place.OffsetHigh = (DWORD)(at >> 32);
    if (!ReadFile((HANDLE)_get_osfhandle(fd), out, (DWORD)size, &got, &place) &&
        GetLastError() != ERROR_HANDLE_EOF)
        return result(false);
    return (ssize_t)got;
}

ssize_t pwrite(int fd, const void *data, size_t size, int64_t at) {
    OVERLAPPED place = {0};
    DWORD done = 0;

    place.Offset = (DWORD)at;
    place.OffsetHigh = (DWORD)(at >> 32);
    if (!WriteFile((HANDLE)_get_osfhandle(fd), data, (DWORD)size, &done, &place))
        return result(false);
    return (ssize_t)done;
}

int posix_truncate(const char *path, int64_t size) {
    int fd = posix_open(path, O_RDWR);
    int code = fd < 0 ? -1 : ftruncate64(fd, size);

    if (fd >= 0)
        close(fd);
    return code;
}

int link(const char *path, const char *name) {
    wchar_t a[PATH_MOST], b[PATH_MOST];

    return result(CreateHardLinkW(wide(name, b), wide(path, a), NULL) != 0);
}

int posix_rename(const char *from, const char *to) {
    wchar_t a[PATH_MOST], b[PATH_MOST];

    return result(MoveFileExW(wide(from, a), wide(to, b), MOVEFILE_REPLACE_EXISTING) != 0);
}

int posix_unlink(const char *path) {
    wchar_t a[PATH_MOST];

    wide(path, a);
    return result(DeleteFileW(a) || RemoveDirectoryW(a));
}

int posix_mkdir(const char *path, int mode) {
    wchar_t a[PATH_MOST];

    (void)mode;
    return result(CreateDirectoryW(wide(path, a), NULL) != 0);
}

/* With the rights to share that files have on POSIX systems. */
int posix_open(const char *path, int flags, ...) {
    DWORD access = flags & O_RDWR     ? GENERIC_READ | GENERIC_WRITE
                   : flags & O_WRONLY ? GENERIC_WRITE
                                      : GENERIC_READ;
    DWORD how = flags & O_CREAT ? OPEN_ALWAYS : OPEN_EXISTING;
    wchar_t a[PATH_MOST];

    if (flags & O_EXCL)
        how = CREATE_NEW;
    else if (flags & O_TRUNC)
        how = flags & O_CREAT ? CREATE_ALWAYS : TRUNCATE_EXISTING;
    HANDLE file =
        CreateFileW(wide(path, a), access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    NULL, how, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return result(false);
    return _open_osfhandle((intptr_t)file, (flags & O_APPEND) | _O_BINARY);
}

FILE *posix_fopen(const char *path, const char *mode) {
    int flags = strchr(mode, '+') ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY;

    flags |= mode[0] == 'r' ? 0 : O_CREAT;
    flags |= mode[0] == 'w' ? O_TRUNC : mode[0] == 'a' ? O_APPEND : 0;
    int fd = posix_open(path, flags);
    return fd < 0 ? NULL : _fdopen(fd, mode);
}

/* Depth first. */
int nftw(const char *path, int (*visit)(const char *, const struct stat *, int, struct FTW *),
         int handles, int flags) {
    char text[PATH_MOST];
    wchar_t a[PATH_MOST];
    WIN32_FIND_DATAW found;
    struct stat status = {0};
    struct FTW where = {0, 0};

    snprintf(text, sizeof text, "%s/*", path);
    HANDLE search = FindFirstFileW(wide(text, a), &found);
    for (bool more = search != INVALID_HANDLE_VALUE; more; more = FindNextFileW(search, &found)) {
        char name[PATH_MOST];
        WideCharToMultiByte(CP_UTF8, 0, found.cFileName, -1, name, sizeof name, NULL, NULL);
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        snprintf(text, sizeof text, "%s/%s", path, name);
        if (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)
            nftw(text, visit, handles, flags);
        else
            visit(text, &status, 0, &where);
    }
    if (search != INVALID_HANDLE_VALUE)
        FindClose(search);
    return visit(path, &status, 0, &where);
}

/* -- What is missing ------------------------------------------------------------------ */

int symlink(const char *path, const char *name) {
    (void)path, (void)name;
    return missing_call();
}

int mkfifo(const char *path, int mode) {
    (void)path, (void)mode;
    return missing_call();
}

int chown(const char *path, uid_t user, gid_t group) {
    (void)path, (void)user, (void)group;
    return missing_call();
}

int getrlimit(int what, struct rlimit *limit) {
    (void)what;
    *limit = (struct rlimit){UINT64_MAX, UINT64_MAX};
    return missing_call();
}

int setrlimit(int what, const struct rlimit *limit) {
    (void)what, (void)limit;
    return missing_call();
}

/* -- Processes -------------------------------------------------------------------------- */

/* Words without spaces or quotes, which is what tests give. */
static void join_words(const char *const *words, wchar_t out[PATH_MOST]) {
    char line[PATH_MOST] = "";

    for (size_t i = 0; words[i]; i++) {
        strcat(line, i == 0 ? "\"" : " \"");
        strcat(line, words[i]);
        strcat(line, "\"");
    }
    wide(line, out);
}

/* The children that have not been waited for: their numbers are theirs as long as a handle is open.
 */
enum { CHILDREN = 64 };

static struct {
    DWORD number;
    HANDLE handle;
} children[CHILDREN];

static void note_process(DWORD number, HANDLE handle) {
    int i = 0;

    while (i < CHILDREN && children[i].handle)
        i++;
    if (i == CHILDREN)
        abort();
    children[i].number = number;
    children[i].handle = handle;
}

static int place_of_process(intptr_t number) {
    int i = 0;

    while (i < CHILDREN && !(children[i].handle && children[i].number == (DWORD)number))
        i++;
    if (i == CHILDREN)
        abort();
    return i;
}

static HANDLE handle_of(intptr_t process) {
    return children[place_of_process(process)].handle;
}

static void forget_process(intptr_t process) {
    int i = place_of_process(process);

    CloseHandle(children[i].handle);
    children[i].handle = NULL;
}

static HANDLE pipe_end(HANDLE handle, bool inherited) {
    SetHandleInformation(handle, HANDLE_FLAG_INHERIT, inherited ? HANDLE_FLAG_INHERIT : 0);
    return handle;
}

void process_start(const char *const *words, intptr_t *process, int *to, int *from) {
    STARTUPINFOW start = {.cb = sizeof start, .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION made;
    HANDLE down[2], up[2];
    wchar_t line[PATH_MOST];

    join_words(words, line);
    if (!CreatePipe(&down[0], &down[1], NULL, 0) || !CreatePipe(&up[0], &up[1], NULL, 0))
        abort();
    start.hStdInput = pipe_end(down[0], true);
    start.hStdOutput = pipe_end(up[1], true);
    start.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &start, &made)) {
        fprintf(stderr, "a process could not be started: %lu\n", GetLastError());
        abort();
    }
    CloseHandle(made.hThread);
    CloseHandle(down[0]);
    CloseHandle(up[1]);
    note_process(made.dwProcessId, made.hProcess);
    *process = (intptr_t)made.dwProcessId;
    *to = _open_osfhandle((intptr_t)down[1], _O_BINARY);
    *from = _open_osfhandle((intptr_t)up[0], _O_BINARY);
}

int process_end(intptr_t process) {
    HANDLE handle = handle_of(process);
    DWORD code = 0;

    WaitForSingleObject(handle, INFINITE);
    GetExitCodeProcess(handle, &code);
    forget_process(process);
    return (int)code;
}

void process_kill(intptr_t process) {
    TerminateProcess(handle_of(process), 9);
}

int poll(struct pollfd *polled, unsigned count, int timeout_ms) {
    int ready = 0;

    if (timeout_ms != 0)
        abort();
    for (unsigned i = 0; i < count; i++) {
        DWORD there = 0;
        bool open =
            PeekNamedPipe((HANDLE)_get_osfhandle(polled[i].fd), NULL, 0, NULL, &there, NULL);
        polled[i].revents = !open || there > 0 ? POLLIN : 0; /* as at the end */
        ready += polled[i].revents != 0;
    }
    return ready;
}
