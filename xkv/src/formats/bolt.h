/*
 * bolt.h - entries from BoltDB files
 *
 * Other key-value extensions of k6 keep their entries in a file of go.etcd.io/bbolt: in its
 * bucket "k6", or in the bucket ".k6.kv", which one release made by mistake. Such a file is
 * read here, and never written. Nothing that stands in it is trusted.
 */
#ifndef XKV_FORMATS_BOLT_H
#define XKV_FORMATS_BOLT_H

#include "formats/visit.h"

enum { XKV__BOLT_BEGINNING = 20 }; /* bytes of a file, by which it is known */

/* Whether a file that begins so is a BoltDB file, which may yet be one that cannot be read:
 * of another version, or of a machine with another byte order. False for fewer bytes. */
bool xkv__is_bolt(xkv_bytes beginning);

/* Reads size bytes at a place of the file. XKV_OK, or an error with its reason, also if the
 * file ends before. */
typedef int xkv__read_at(void *context, void *out, size_t size, uint64_t at);

typedef struct xkv__bolt xkv__bolt;

/*
 * Opens a file of so many bytes: reads what it says of itself, and finds the bucket. read and
 * context must stay until it is closed, and nobody may write to the file meanwhile. XKV_OK, or with
 * *bolt NULL:
 *   XKV_E_SNAPSHOT_READ  not a BoltDB file, one that cannot be read, damaged, or without
 *                        such a bucket; the reason names the page, or the buckets that there
 *                        are, but not the file
 *   XKV_E_STORE_FULL     no memory
 * or what read fails with.
 */
int xkv__bolt_open(xkv__bolt **bolt, xkv__read_at *read, void *context, uint64_t size);

/*
 * Visits the entries of the bucket, in the order of their keys: keys of 1 to 32,768 bytes, each
 * of them once. Takes as much memory as one page has on each level of the tree, with those
 * that are its continuation. XKV_OK, or as xkv__bolt_open, or what visit returned. A
 * bucket within the bucket is XKV_E_SNAPSHOT_READ: no extension of k6 makes one, and what is in
 * it would be lost.
 */
int xkv__bolt_walk(xkv__bolt *bolt, xkv__visit *visit, void *context);

/* NULL is allowed. */
void xkv__bolt_close(xkv__bolt *bolt);

#endif
