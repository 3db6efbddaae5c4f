/*
 * xxh64.h - the hash XXH64
 *
 * The one hash of the library: checksums of what is on disk, and comparing JSON.
 * It is quick, and its definition will not change, so that a file that was
 * written today can be checked for ever. It protects against accidents, not
 * against people who make two texts with the same hash on purpose.
 */
#ifndef XKV_BASE_XXH64_H
#define XKV_BASE_XXH64_H

#include "base/config.h"

#include <stddef.h>
#include <stdint.h>

/* The hash of len bytes under a seed, the same on every machine. data may be
 * NULL when len is 0. */
uint64_t xkv__xxh64(const void *data, size_t len, uint64_t seed);

#endif
