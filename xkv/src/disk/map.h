/*
 * map.h - how much address space the file of a disk store is given
 *
 * While a map is made larger nobody may read. So on 64-bit systems it is made
 * much larger than any store at once: addresses cost nothing until they are
 * touched. Where they are scarce, because of a limit (ulimit -v), a small
 * machine or many stores, it is smaller and grows when it must.
 *
 * Where a map makes its file as long (xkv__map_extends_file), it begins small, and is
 * no larger than the file at the next opening, so that opening does not let it
 * grow. Who only reads maps what there is, since to touch addresses behind
 * the file ends the process.
 */
#ifndef XKV_DISK_MAP_H
#define XKV_DISK_MAP_H

#include "base/config.h"

/* The first size for a file of file_size bytes: asked, or what there is plenty
 * of if that is 0. 0: there are too few addresses. */
size_t xkv__map_first(uint64_t file_size, uint64_t asked, bool read_only);

/* What a full one should be made. */
size_t xkv__map_next(size_t size);

/* The largest size from least to wanted that is to be had beside what is mapped
 * already, of those tried; 0 if there is none. */
size_t xkv__map_larger(size_t least, size_t wanted);

/* A file that may not grow beyond a limit of the process (ulimit -f) is mapped
 * no further: a write across it would be a short one, and the next a signal. */
size_t xkv__map_within_limit(size_t size);

/* What keeps addresses scarce, for messages, as "the address space of this
 * process ends at 2441 MiB (ulimit -v)". */
const char *xkv__map_scarcity(char out[96]);

#endif
