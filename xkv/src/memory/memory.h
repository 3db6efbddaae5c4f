/*
 * memory.h - stores in memory
 */
#ifndef XKV_MEMORY_MEMORY_H
#define XKV_MEMORY_MEMORY_H

#include "local/local.h"

/* Told apart by their names; they last as long as somebody has them open. */
extern const xkv__executor xkv__memory_store;

#endif
