/*
 * terminal.c - see terminal.h; by POSIX. Windows: terminal_win.c
 */
#ifndef _WIN32
#define _POSIX_C_SOURCE  200809L
#define _DEFAULT_SOURCE  1 /* the size of a terminal */
#define _DARWIN_C_SOURCE 1
#endif

#include "terminal.h"

#ifndef _WIN32

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

bool terminal_is(FILE *stream) {
    return isatty(fileno(stream)) == 1;
}

void terminal_size(FILE *stream, int *columns, int *rows) {
    struct winsize size;
    bool known = ioctl(fileno(stream), TIOCGWINSZ, &size) == 0;

    *columns = known && size.ws_col > 0 ? size.ws_col : 80;
    *rows = known && size.ws_row > 0 ? size.ws_row : 24;
}

char **terminal_begin(int *count, char **words) {
    (void)count;
    return words;
}

FILE *terminal_open(const char *name) {
    return fopen(name, "rb");
}

int64_t terminal_now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const char *terminal_time(char out[TIME_TEXT]) {
    time_t now = time(NULL);

    strftime(out, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    return out;
}

const char *terminal_reason(void) {
    return strerror(errno);
}

static volatile sig_atomic_t interrupted;

static void note_interruption(int signal) {
    (void)signal;
    interrupted = 1;
}

void terminal_watch_interruptions(void) {
    struct sigaction action = {.sa_handler = note_interruption};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool terminal_interrupted(void) {
    return interrupted != 0;
}

/* In pieces: a signal that comes just before a piece is seen at its end. */
bool terminal_sleep(int64_t ms) {
    int64_t end = terminal_now_ms() + ms, left;

    while (!interrupted && (left = end - terminal_now_ms()) > 0) {
        struct timespec piece = {0, (long)(left < 50 ? left : 50) * 1000000};
        nanosleep(&piece, NULL);
    }
    return !interrupted;
}

#endif
