/*
 * seek.h - which host has a store, found anew for each connection
 *
 * The first that answers of those that the url names; or the one of which sentinels say that
 * it is the master now, and which says so itself. Of a cluster that is only where one is
 * told about all: see topology.h.
 */
#ifndef XKV_REMOTE_SEEK_H
#define XKV_REMOTE_SEEK_H

#include "remote/dial.h"

/* As xkv__dial. *host is the one of the address that it was, or NULL: another that a
 * sentinel knows. */
int xkv__seek(const xkv__address *address, const xkv_options *options, xkv__line *line,
              xkv__server *server, const xkv__host **host);

#endif
