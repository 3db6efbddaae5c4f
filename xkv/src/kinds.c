/*
 * kinds.c - the kinds of stores there are
 *
 * The one file that knows them all. What is below knows an interface; a new kind is a
 * room of its own, a row here, and a value of the option "backend".
 */
#include "disk/disk.h"
#include "memory/memory.h"
#include "remote/remote.h"

const xkv__executor *const xkv__executors[] = {
    [XKV_BACKEND_DISK] = &xkv__disk_store,
    [XKV_BACKEND_MEMORY] = &xkv__memory_store,
    [XKV_BACKEND_REDIS] = &xkv__redis_store,
};
