/*
 * help.h - texts made from the tables of commands and options
 */
#ifndef XKV_CLI_HELP_H
#define XKV_CLI_HELP_H

#include "tool.h"

#include <stdio.h>

/* Of the tool (NULL), or of a command. Return what the tool ends with. */
int print_help(const char *about);
int print_version(const char *about);

/* "xkv get [STORE] KEY [OPTION]…" in one line, without its end. */
void print_usage(FILE *to, const struct command *command);

/* "-n, --number N" */
void print_option(FILE *to, const struct option *option);

/* The files that are installed with the tool: what is "man", "bash", "zsh" or "markdown". */
int generate(const char *what);

#endif
