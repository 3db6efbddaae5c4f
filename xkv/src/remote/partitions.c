/*
 * partitions.c - the names of a store's keys on a server, and where a cluster has them
 *
 * A cluster puts a key where the CRC16 of its tag says, modulo 16384. Partition n of N is
 * to lie in the n-th of N equal parts of these slots, so that whoever spreads slots evenly
 * spreads partitions evenly, too. Which suffix leads there is found by trying numbers in
 * turn, about N of them for each partition; all clients find the same. The first
 * partition has none, so that a store of one has a simple name: the parts are counted from
 * the one that it happens to lie in.
 */
#include "base/sys.h"
#include "remote/spread.h"

#include <stdio.h>

enum { SLOTS = 16384 };

/* -- Slots ----------------------------------------------------------------------- */

/* CRC-16/XMODEM: polynomial 0x1021, begun with 0. Four bits at a time: of each value of these
 * the table has what the polynomial makes of it. */
static unsigned crc16(const unsigned char *data, size_t len) {
    static const unsigned of_four[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5,
                                         0x60c6, 0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b,
                                         0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    unsigned crc = 0;

    for (size_t i = 0; i < len; i++) {
        crc = (crc << 4 ^ of_four[(crc >> 12 ^ data[i] >> 4) & 15]) & 0xffff;
        crc = (crc << 4 ^ of_four[(crc >> 12 ^ data[i]) & 15]) & 0xffff;
    }
    return crc;
}

xkv_bytes xkv__tag_of(xkv_bytes key) {
    const char *open = key.len > 0 ? memchr(key.data, '{', key.len) : NULL;
    size_t left = open ? key.len - (size_t)(open + 1 - (const char *)key.data) : 0;
    const char *close = left > 0 ? memchr(open + 1, '}', left) : NULL;

    return close && close > open + 1 ? (xkv_bytes){open + 1, (size_t)(close - open - 1)} : key;
}

unsigned xkv__slot_of(xkv_bytes key) {
    xkv_bytes tag = xkv__tag_of(key);
    return crc16(tag.data, tag.len) % SLOTS;
}

/* -- Names ----------------------------------------------------------------------- */

enum { SUFFIX_MAX = 12 }; /* ".", digits and a NUL */

/* Writes a name without what would end the tag: "%7B" for '{'. */
static char *write_escaped(char *at, const char *name) {
    static const char hex[] = "0123456789ABCDEF";

    for (; *name; name++) {
        if (strchr("{}%", *name)) {
            *at++ = '%';
            *at++ = hex[*name >> 4];
            *at++ = hex[*name & 15];
        } else {
            *at++ = *name;
        }
    }
    return at;
}

/* "xkv:{name.suffix}:" */
static int name_partition(xkv__partition *partition, const char *name, const char *suffix) {
    static const char before[] = "xkv:{", behind[] = "}:";
    char *base = xkv__alloc(strlen(name) * 3 + SUFFIX_MAX + sizeof before + sizeof behind);

    if (!base)
        return XKV_E_STORE_FULL;
    memcpy(base, before, strlen(before));
    char *at = write_escaped(base + strlen(before), name);
    memcpy(at, suffix, strlen(suffix));
    at += strlen(suffix);
    memcpy(at, behind, sizeof behind);
    partition->base = base;
    partition->base_len = (size_t)(at - base) + strlen(behind);
    partition->slot = xkv__slot_of((xkv_bytes){base, partition->base_len});
    return XKV_OK;
}

/* In which of count equal parts of all slots one is. */
static unsigned part_of(unsigned slot, unsigned count) {
    return slot * count / SLOTS;
}

/* A partition with the first suffix, from *next on, that leads to a part of the slots. */
static int find_partition(xkv__partition *partition, const char *name, unsigned part,
                          unsigned count, unsigned *next) {
    int error;

    do {
        char suffix[SUFFIX_MAX];
        snprintf(suffix, sizeof suffix, ".%u", (*next)++);
        xkv__free(partition->base);
        partition->base = NULL;
        error = name_partition(partition, name, suffix);
    } while (error == XKV_OK && part_of(partition->slot, count) != part);
    return error;
}

int xkv__partitions_name(xkv__dialect *dialect, unsigned count) {
    const char *name = dialect->options->name;
    size_t size = count * sizeof *dialect->partitions;
    unsigned next = 1;

    dialect->partitions = xkv__alloc(size);
    if (!dialect->partitions)
        return XKV_E_STORE_FULL;
    memset(dialect->partitions, 0, size);
    dialect->count = count;
    dialect->bounds = count > 1 ? xkv__bounds_new() : NULL;
    if (count > 1 && !dialect->bounds) {
        xkv__partitions_free(dialect);
        return XKV_E_STORE_FULL;
    }
    int error = name_partition(&dialect->partitions[0], name, "");
    unsigned first = part_of(dialect->partitions[0].slot, count);
    for (unsigned n = 1; error == XKV_OK && n < count; n++)
        error = find_partition(&dialect->partitions[n], name, (first + n) % count, count, &next);
    if (error != XKV_OK)
        xkv__partitions_free(dialect);
    return error;
}

void xkv__partitions_free(xkv__dialect *dialect) {
    for (unsigned n = 0; dialect->partitions && n < dialect->count; n++)
        xkv__free(dialect->partitions[n].base);
    xkv__free(dialect->partitions);
    xkv__bounds_free(dialect->bounds);
    dialect->partitions = NULL;
    dialect->bounds = NULL;
    dialect->count = 0;
}
