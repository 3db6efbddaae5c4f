/* map.c - see map.h */
#include "disk/map.h"
#include "base/sys.h"

#include <stdio.h>

/* Measured: opening, reading and closing take the same time with 1 GiB and with
 * 8 TiB, and so do the tables of pages. Nothing of it is in a core dump. */
static const size_t reserve = SIZE_MAX > UINT32_MAX ? (size_t)((uint64_t)1 << 38) : (size_t)1 << 30;

/* What may be reserved without being asked for: the rest is for the values in
 * the script, and for other stores. */
enum { SHARE = 8 };

static const size_t smallest = 256u << 10;

/* Where a file becomes as long as its map: how it begins, and the most that it grows by. */
static const size_t extending_first = 1u << 20, extending_step = 1u << 30;

/* Below a limit, to try for nearly all there is could fail another thread that
 * needs some just then: so half as much as without is taken, and twice that tried. */
static bool plenty(size_t size) {
    uint64_t limit = xkv__address_limit();

    if (size > SIZE_MAX / SHARE)
        return false;
    if (limit == UINT64_MAX)
        return xkv__addresses_free(size * SHARE);
    return size <= limit / SHARE / 2 && xkv__addresses_free(size * 2);
}

/* Whole pages, of whatever size. */
static size_t rounded(uint64_t size) {
    return size < SIZE_MAX - 65536 ? (size_t)(size + 65535) / 65536 * 65536 : 0;
}

/* Where the file becomes as long. */
static size_t first_of_file(uint64_t file_size, uint64_t asked, bool read_only) {
    uint64_t size = asked > extending_first ? asked : extending_first;

    if (read_only || size < file_size)
        size = file_size;
    size_t first = read_only && size < SIZE_MAX ? (size_t)size : rounded(size);
    return first > 0 && xkv__addresses_free(first) ? first : 0;
}

size_t xkv__map_first(uint64_t file_size, uint64_t asked, bool read_only) {
    if (xkv__map_extends_file)
        return first_of_file(file_size, asked, read_only);
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
    return first > 0 && xkv__addresses_free(first) ? first : 0;
}

size_t xkv__map_next(size_t size) {
    size_t step = xkv__map_extends_file && size > extending_step ? extending_step : size;

    return size < SIZE_MAX - step ? size + step : SIZE_MAX;
}

/* LMDB unmaps before it maps anew, and is left without a map if there is no
 * room for the larger one: so it is tried here. */
size_t xkv__map_larger(size_t least, size_t wanted) {
    while (wanted > least && !xkv__addresses_free(wanted)) {
        size_t half = rounded(least + (wanted - least) / 2);
        wanted = half < wanted ? half : least;
    }
    return xkv__addresses_free(wanted) ? wanted : 0;
}

size_t xkv__map_within_limit(size_t size) {
    uint64_t limit = xkv__file_limit();

    return limit >= size ? size : (size_t)limit / 65536 * 65536;
}

const char *xkv__map_scarcity(char out[96]) {
    uint64_t limit = xkv__address_limit();

    if (limit == UINT64_MAX)
        snprintf(out, 96, "the address space of this process is used up");
    else
        snprintf(out, 96, "the address space of this process ends at %llu MiB (ulimit -v)",
                 (unsigned long long)limit >> 20);
    return out;
}
