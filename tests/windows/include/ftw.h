/* ftw.h - in place of the system's, for Windows: what support.h uses of it (see posix.c) */
#ifndef XKV_TESTS_WINDOWS_FTW_H
#define XKV_TESTS_WINDOWS_FTW_H

#include <sys/stat.h>

enum { FTW_DEPTH = 1, FTW_PHYS = 2 };

struct FTW {
    int base, level;
};

int nftw(const char *path, int (*visit)(const char *, const struct stat *, int, struct FTW *),
         int handles, int flags);

#endif
