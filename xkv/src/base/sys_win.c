/*
 * sys_win.c - see sys.h; for Windows, but for its files (sys_files_win.c)
 *
 * Text is UTF-8 in the library and UTF-16 in the system, whose calls with a W at the
 * end are used, so that nothing depends on a code page.
 */
#include "base/sys_win.h"
#include "base/sys.h"

#ifdef _WIN32

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <winsock2.h>

#include <ntsecapi.h> /* behind windows.h */

/* -- Clocks, chance ----------------------------------------------------------- */

/* This counter goes on while the machine sleeps, and is finer than the system's ticks. */
uint64_t xkv__system_now_ms(void) {
    return (uint64_t)xkv__monitor_now() / 1000000;
}

/* The system counts tenths of microseconds since 1601. */
uint64_t xkv__system_wall_ms(void) {
    const uint64_t from_1601_to_1970_ms = UINT64_C(11644473600000);
    FILETIME now;

    GetSystemTimePreciseAsFileTime(&now);
    return ((uint64_t)now.dwHighDateTime << 32 | now.dwLowDateTime) / 10000 - from_1601_to_1970_ms;
}

/* Seeds need to differ, not to be secret: without the generator, the clock and an address
 * will do. */
void xkv__system_entropy(void *out, size_t size) {
    if (RtlGenRandom(out, (ULONG)size))
        return;
    for (size_t i = 0; i < size; i++) {
        int64_t now = xkv__monitor_now();
        ((unsigned char *)out)[i] = (unsigned char)(now / 100 ^ (int64_t)((uintptr_t)&now >> 4));
    }
}

/* The system may wake a thread a tick too early. */
void xkv__sleep_ms(unsigned milliseconds) {
    int64_t end = xkv__monitor_now() + (int64_t)milliseconds * 1000000, left;

    while ((left = end - xkv__monitor_now()) > 0)
        Sleep((DWORD)((left + 999999) / 1000000));
}

/* -- Failures --------------------------------------------------------------- */

const char xkv__fault_numbers[] = "Windows error";

/* LMDB says some with numbers of C's library: of those, 5 and 2 mean something else to the
 * system, and the system's meaning is taken; 12, 22 and 28 the system does not use for
 * files any more. */
#ifndef ERROR_DISK_QUOTA_EXCEEDED
#define ERROR_DISK_QUOTA_EXCEEDED 1295
#endif

static const struct {
    DWORD number;
    xkv__cause cause;
} causes[] = {
    {0, XKV__FINE},
    {ERROR_FILE_NOT_FOUND, XKV__MISSING},
    {ERROR_PATH_NOT_FOUND, XKV__MISSING},
    {ERROR_INVALID_DRIVE, XKV__MISSING},
    {ERROR_BAD_NETPATH, XKV__MISSING},
    {ERROR_BAD_NET_NAME, XKV__MISSING},
    {ERROR_FILE_EXISTS, XKV__EXISTS},
    {ERROR_ALREADY_EXISTS, XKV__EXISTS},
    {ERROR_ACCESS_DENIED, XKV__DENIED},
    {ERROR_PRIVILEGE_NOT_HELD, XKV__DENIED},
    {ERROR_DIRECTORY, XKV__NO_DIRECTORY},
    {ERROR_CANT_ACCESS_FILE, XKV__NO_FILE},
    {ERROR_WRITE_PROTECT, XKV__READ_ONLY},
    {ERROR_FILENAME_EXCED_RANGE, XKV__NAME_TOO_LONG},
    {ERROR_BUFFER_OVERFLOW, XKV__NAME_TOO_LONG},
    {ERROR_DISK_FULL, XKV__NO_SPACE},
    {ERROR_HANDLE_DISK_FULL, XKV__NO_SPACE},
    {ENOSPC, XKV__NO_SPACE},
    {ERROR_DISK_QUOTA_EXCEEDED, XKV__QUOTA},
    {ERROR_FILE_TOO_LARGE, XKV__TOO_LARGE},
    {ERROR_TOO_MANY_OPEN_FILES, XKV__TOO_MANY_FILES},
    {ERROR_NOT_ENOUGH_MEMORY, XKV__NO_MEMORY},
    {ERROR_OUTOFMEMORY, XKV__NO_MEMORY},
    {ERROR_COMMITMENT_LIMIT, XKV__NO_MEMORY},
    {ERROR_NO_SYSTEM_RESOURCES, XKV__NO_MEMORY},
    {ENOMEM, XKV__NO_MEMORY},
    {ERROR_SHARING_VIOLATION, XKV__BUSY},
    {ERROR_LOCK_VIOLATION, XKV__BUSY},
    {ERROR_USER_MAPPED_FILE, XKV__BUSY},
    {ERROR_BUSY, XKV__BUSY},
    {ERROR_DELETE_PENDING, XKV__BUSY},
    {ERROR_INVALID_FUNCTION, XKV__UNSUPPORTED},
    {ERROR_NOT_SUPPORTED, XKV__UNSUPPORTED},
    {ERROR_CALL_NOT_IMPLEMENTED, XKV__UNSUPPORTED},
    {EINVAL, XKV__UNSUPPORTED},
    {ERROR_CRC, XKV__IO},
    {ERROR_SEEK, XKV__IO},
    {ERROR_WRITE_FAULT, XKV__IO},
    {ERROR_READ_FAULT, XKV__IO},
    {ERROR_GEN_FAILURE, XKV__IO},
    {ERROR_NOT_READY, XKV__IO},
    {ERROR_IO_DEVICE, XKV__IO},
    {WSAECONNREFUSED, XKV__REFUSED},
    {WSAENETUNREACH, XKV__UNREACHABLE},
    {WSAEHOSTUNREACH, XKV__UNREACHABLE},
    {WSAENETDOWN, XKV__UNREACHABLE},
    {WSAHOST_NOT_FOUND, XKV__NO_HOST},
    {WSAETIMEDOUT, XKV__TIMED_OUT},
    {WSAECONNRESET, XKV__CUT_OFF},
    {WSAECONNABORTED, XKV__CUT_OFF},
    {WSAENETRESET, XKV__CUT_OFF},
    {WSAESHUTDOWN, XKV__CUT_OFF},
    {WSAEAFNOSUPPORT, XKV__UNSUPPORTED},
    {WSAEACCES, XKV__DENIED},
    {WSAEMFILE, XKV__TOO_MANY_FILES},
    {WSAENOBUFS, XKV__NO_MEMORY},
};

xkv__fault xkv__fault_of(int number) {
    size_t i = 0, count = sizeof causes / sizeof causes[0];

    while (i < count && causes[i].number != (DWORD)number)
        i++;
    return (xkv__fault){i < count ? causes[i].cause : XKV__OTHER, number};
}

xkv__fault xkv__last_fault(bool failed) {
    return xkv__fault_of(failed ? (int)GetLastError() : 0);
}

/* -- Text --------------------------------------------------------------------- */

xkv__fault xkv__widen(const char *text, xkv__wide *wide) {
    const int room = sizeof wide->text / sizeof wide->text[0];

    wide->text[0] = L'\0';
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide->text, room) > 0)
        return xkv__last_fault(false);
    if (GetLastError() == ERROR_INSUFFICIENT_BUFFER)
        return xkv__fault_of(ERROR_FILENAME_EXCED_RANGE);
    return xkv__last_fault(true);
}

/* -- The process ------------------------------------------------------------- */

uint64_t xkv__file_limit(void) {
    return UINT64_MAX;
}

uint64_t xkv__address_limit(void) {
    return UINT64_MAX;
}

bool xkv__addresses_free(size_t size) {
    void *range = VirtualAlloc(NULL, size, MEM_RESERVE, PAGE_NOACCESS);

    if (!range)
        return false;
    VirtualFree(range, 0, MEM_RELEASE);
    return true;
}

int64_t xkv__process_id(void) {
    return (int64_t)GetCurrentProcessId();
}

/* What variables were found to hold stays as long as the process: it is little. */
static struct found {
    struct found *next;
    char value[];
} * all_found;

static xkv__mutex found_mutex = XKV__MUTEX_STATIC;

/* The value in UTF-8, at most size bytes with its NUL. */
static bool read_variable(const char *name, char *value, int size) {
    xkv__wide wide, text;
    const DWORD room = sizeof text.text / sizeof text.text[0];

    if (xkv__widen(name, &wide).cause != XKV__FINE)
        return false;
    SetLastError(0);
    DWORD len = GetEnvironmentVariableW(wide.text, text.text, room);
    if (len >= room || (len == 0 && GetLastError() != 0))
        return false;
    text.text[len] = L'\0';
    return WideCharToMultiByte(CP_UTF8, 0, text.text, -1, value, size, NULL, NULL) > 0;
}

static const char *keep_found(const char *value) {
    struct found *found;

    for (found = all_found; found && strcmp(found->value, value) != 0;)
        found = found->next;
    if (found)
        return found->value;
    found = malloc(sizeof *found + strlen(value) + 1);
    if (!found)
        return NULL;
    memcpy(found->value, value, strlen(value) + 1);
    found->next = all_found;
    all_found = found;
    return found->value;
}

const char *xkv__environment(const char *name) {
    char value[3 * XKV_PATH_MAX];

    if (!read_variable(name, value, sizeof value))
        return NULL;
    xkv__mutex_lock(&found_mutex);
    const char *kept = keep_found(value);
    xkv__mutex_unlock(&found_mutex);
    return kept;
}

/* strtod goes by the program's locale, in which 1.5 may be written 1,5. */
static _locale_t c_locale; /* NULL if it could not be made: then by the program's */

static void make_c_locale(void) {
    c_locale = _create_locale(LC_ALL, "C");
}

double xkv__read_double(const char *text) {
    static xkv__once once = XKV__ONCE;

    xkv__call_once(&once, make_c_locale);
    return c_locale ? _strtod_l(text, NULL, c_locale) : strtod(text, NULL);
}

#endif
