/*
 * parse.h - a command line is understood
 */
#ifndef XKV_CLI_PARSE_H
#define XKV_CLI_PARSE_H

#include "tool.h"

/* Reads the words behind a command's name. DONE, or BAD_USAGE and a message. *wants_help: it
 * asked for that, and nothing else was looked at. */
int parse(const struct command *command, int count, char *const words[], struct call *call,
          bool *wants_help);

#endif
