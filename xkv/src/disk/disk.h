/*
 * disk.h - stores in files
 */
#ifndef XKV_DISK_DISK_H
#define XKV_DISK_DISK_H

#include "local/local.h"

/* Told apart by the identity of their files. */
extern const xkv__executor xkv__disk_store;

#endif
