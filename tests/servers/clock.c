/*
 * clock.c - for a server that is under test: the time of day is what the test says
 *
 * Loaded into the server (LD_PRELOAD). The test writes milliseconds into the file that
 * XKV_SERVER_CLOCK names (../clock.h); as long as these are 0, time is what it always is.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const _Atomic uint64_t *clock_ms;

__attribute__((constructor)) static void map_clock(void) {
    const char *path = getenv("XKV_SERVER_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);

    if (file >= 0)
        close(file);
    if (mapped != MAP_FAILED)
        clock_ms = mapped;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    uint64_t ms = clock_ms ? atomic_load(clock_ms) : 0;
    struct timespec now = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)zone;
    if (ms == 0)
        clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}
