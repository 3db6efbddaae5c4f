/*
 * paths.h - where an option leads, and the directories on the way
 */
#ifndef XKV_BASE_PATHS_H
#define XKV_BASE_PATHS_H

#include "base/config.h"

/* The absolute path, to be freed, that an option stands for: a path, or a file URL.
 * Whether there is a file is not looked at. XKV_OK, or an error with its reason;
 * *path may be set even then. */
int xkv__file_path(const char *given, char **path);

/* Creates the directories above a file. The path is as before afterwards. */
int xkv__make_parents(char *path);

/* After a power cut, a new file is only there if its directory was synced. */
int xkv__sync_parent(const char *path);

#endif
