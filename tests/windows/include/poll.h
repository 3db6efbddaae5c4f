/* poll.h - in place of the system's, for Windows: for pipes only (see posix.c) */
#ifndef XKV_TESTS_WINDOWS_POLL_H
#define XKV_TESTS_WINDOWS_POLL_H

enum { POLLIN = 1 };

struct pollfd {
    int fd;
    short events, revents;
};

int poll(struct pollfd *polled, unsigned count, int timeout_ms);

#endif
