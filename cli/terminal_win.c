/*
 * terminal_win.c - see terminal.h; for Windows
 */
#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN 1
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00
#endif
#endif

#include "terminal.h"

#ifdef _WIN32

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <windows.h>

#include <shellapi.h>

#ifndef ENABLE_VIRTUAL_TERMINAL_PROCESSING
#define ENABLE_VIRTUAL_TERMINAL_PROCESSING 0x0004
#endif

static HANDLE handle_of(FILE *stream) {
    return (HANDLE)_get_osfhandle(_fileno(stream));
}

/* Other devices look like terminals to isatty. */
bool terminal_is(FILE *stream) {
    DWORD mode;

    return GetConsoleMode(handle_of(stream), &mode) != 0;
}

void terminal_size(FILE *stream, int *columns, int *rows) {
    CONSOLE_SCREEN_BUFFER_INFO info;
    bool known = GetConsoleScreenBufferInfo(handle_of(stream), &info) != 0;

    *columns = known ? info.srWindow.Right - info.srWindow.Left + 1 : 80;
    *rows = known ? info.srWindow.Bottom - info.srWindow.Top + 1 : 24;
}

/* -- Beginning ---------------------------------------------------------------- */

/* How the console was before: it is others' as well. */
static struct {
    UINT code_page;
    DWORD mode;
    HANDLE console; /* NULL: its mode was not changed */
} before;

static void restore_console(void) {
    fflush(stdout);
    if (before.code_page)
        SetConsoleOutputCP(before.code_page);
    if (before.console)
        SetConsoleMode(before.console, before.mode);
}

static void prepare_console(void) {
    HANDLE console = handle_of(stdout);

    before.code_page = GetConsoleOutputCP();
    SetConsoleOutputCP(CP_UTF8);
    if (GetConsoleMode(console, &before.mode) &&
        SetConsoleMode(console, before.mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING))
        before.console = console;
    atexit(restore_console);
}

/* NULL if there is no memory. */
static char *narrow(const wchar_t *text) {
    int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *copy = malloc(size > 0 ? (size_t)size : 1);

    if (copy && WideCharToMultiByte(CP_UTF8, 0, text, -1, copy, size, NULL, NULL) <= 0)
        copy[0] = '\0';
    return copy;
}

char **terminal_begin(int *count, char **words) {
    int wide_count = 0;
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &wide_count);
    char **copies = wide ? calloc((size_t)wide_count + 1, sizeof *copies) : NULL;

    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
    prepare_console();
    for (int i = 0; copies && i < wide_count; i++) {
        copies[i] = narrow(wide[i]);
        if (!copies[i])
            return words;
    }
    if (!copies)
        return words;
    *count = wide_count;
    return copies;
}

FILE *terminal_open(const char *name) {
    wchar_t wide[4096];

    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, name, -1, wide, 4096) > 0)
        return _wfopen(wide, L"rb");
    errno = GetLastError() == ERROR_INSUFFICIENT_BUFFER ? ENAMETOOLONG : EILSEQ;
    return NULL;
}

const char *terminal_reason(void) {
    return strerror(errno);
}

/* -- Time, interruptions -------------------------------------------------------- */

int64_t terminal_now_ms(void) {
    return (int64_t)GetTickCount64();
}

const char *terminal_time(char out[TIME_TEXT]) {
    time_t now = time(NULL);

    strftime(out, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    return out;
}

static volatile LONG interrupted;

/* Runs in a thread of its own. When it returns after the window was closed, or the user has
 * logged off, the process ends: so it waits, and the system ends it if that takes too long. */
static BOOL WINAPI note_interruption(DWORD event) {
    InterlockedExchange(&interrupted, 1);
    if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT)
        Sleep(INFINITE);
    return TRUE;
}

void terminal_watch_interruptions(void) {
    SetConsoleCtrlHandler(note_interruption, TRUE);
}

bool terminal_interrupted(void) {
    return interrupted != 0;
}

bool terminal_sleep(int64_t ms) {
    int64_t end = terminal_now_ms() + ms, left;

    while (!interrupted && (left = end - terminal_now_ms()) > 0)
        Sleep((DWORD)(left < 50 ? left : 50));
    return !interrupted;
}

#endif
