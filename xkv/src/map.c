/* map.c - see map.h */
#include "map.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* Measured: opening, reading and closing take the same time with 1 GiB and with
 * 8 TiB, and so do the tables of pages. Nothing of it is in a core dump. */
static const size_t reserve = SIZE_MAX > UINT32_MAX ? (size_t)((uint64_t)1 << 38) : (size_t)1 << 30;

/* What may be reserved without being asked for: the rest is for the values in
 * the script, and for other stores. */
enum { SHARE = 8 };

static const size_t smallest = 256u << 10;

/* LMDB unmaps before it maps anew, and is left without a map if there is no
 * room for the larger one: so it is tried here. */
static bool available(size_t size) {
    void *range = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0);

    if (range == MAP_FAILED)
        return false;
    munmap(range, size);
    return true;
}

/* 0: there is none. */
static uint64_t address_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur
                                                                                : 0;
}

/* Below a limit, to try for nearly all there is could fail another thread that
 * needs some just then: so half as much as without is taken, and twice that tried. */
static bool plenty(size_t size) {
    uint64_t limit = address_limit();

    if (size > SIZE_MAX / SHARE)
        return false;
    return limit > 0 ? size <= limit / SHARE / 2 && available(size * 2) : available(size * SHARE);
}

/* Whole pages, of whatever size. */
static size_t rounded(uint64_t size) {
    return size < SIZE_MAX - 65536 ? (size_t)(size + 65535) / 65536 * 65536 : 0;
}

size_t xkv__map_first(uint64_t file_size, uint64_t asked) {
    uint64_t least = file_size + file_size / 4, size = asked > 0 ? asked : reserve;

    if (least < smallest)
        least = smallest;
    if (asked > 0 && size < smallest)
        size = smallest;
    while (asked > 0 && size < least)
        size *= 2;
    while (asked == 0 && size > least && !plenty((size_t)size))
        size /= 2;
    size_t first = rounded(size > least ? size : least);
    return first > 0 && available(first) ? first : 0;
}

size_t xkv__map_larger(size_t least, size_t wanted) {
    while (wanted > least && !available(wanted)) {
        size_t half = rounded(least + (wanted - least) / 2);
        wanted = half < wanted ? half : least;
    }
    return available(wanted) ? wanted : 0;
}

size_t xkv__map_within_limit(size_t size) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        limit.rlim_cur >= size)
        return size;
    return (size_t)limit.rlim_cur / 65536 * 65536;
}

const char *xkv__map_scarcity(char out[96]) {
    uint64_t limit = address_limit();

    if (limit == 0)
        snprintf(out, 96, "the address space of this process is used up");
    else
        snprintf(out, 96, "the address space of this process ends at %llu MiB (ulimit -v)",
                 (unsigned long long)limit >> 20);
    return out;
}
