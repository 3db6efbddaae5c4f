/*
 * files.h - commands that write or read a file, and what they say at the end
 */
#ifndef XKV_CLI_FILES_H
#define XKV_CLI_FILES_H

#include "session.h"

/* Runs a command on the file of the command line, and says "1000 entries WHAT users.csv", or
 * its reply as JSON if that was asked for. DONE, or what the tool ends with. */
int files_run(struct session *session, xkv_command *command, const char *what);

/* Says the same of what was done without a command. */
int files_tell(const struct call *call, int64_t count, const char *what);

#endif
