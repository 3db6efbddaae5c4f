/*
 * progress.h - how far long work has come, on a terminal
 */
#ifndef XKV_CLI_PROGRESS_H
#define XKV_CLI_PROGRESS_H

#include "xkv.h"

/* From now on, commands that read or write files show how far they are, on stderr, if that is a
 * terminal and they take their time. What they have shown is gone after progress_end. */
void progress_begin(void);
void progress_end(void);

/* The same for work that is not one command. Shows something now and then only, whenever it is
 * called. */
void progress_show(const xkv_progress *progress, void *context);

#endif
