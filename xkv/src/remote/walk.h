/*
 * walk.h - what takes many questions: walks over all entries, and their replacement
 *
 * In the thread of a worker, which waits for one answer after the other. A walk is not of
 * one moment: an entry that is there throughout is met once, and of what is written
 * meanwhile some is met.
 */
#ifndef XKV_REMOTE_WALK_H
#define XKV_REMOTE_WALK_H

#include "remote/traffic.h"
#include "store/executor.h"

/* As an executor's walk, and replace. */
int xkv__remote_walk(xkv__traffic *traffic, xkv_bytes prefix, xkv__visit *visit, void *context);
int xkv__remote_replace(xkv__traffic *traffic, const xkv__source *source);

/* Whether a command lists so much that it is to be a walk. */
bool xkv__lists_much(const xkv_command *command);

/* Runs such a command, and fills its reply. */
void xkv__remote_list(xkv__traffic *traffic, const xkv__call *call);

#endif
