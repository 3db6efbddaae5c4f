/*
 * files.h - commands that read or write files, for any executor
 */
#ifndef XKV_FILES_FILES_H
#define XKV_FILES_FILES_H

#include "store/executor.h"

/*
 * Runs a command that reads or writes a file (xkv__is_of_files), in the calling thread, which
 * may have to wait for the disk. It gets at the store by what its executor offers: walk,
 * replace, and run, which it has store the batches of an import.
 */
void xkv__files_run(xkv__opened *opened, xkv__call *call);

#endif
