/*
 * runs.h - what carries out the commands; each returns what the tool ends with
 */
#ifndef XKV_CLI_RUNS_H
#define XKV_CLI_RUNS_H

#include "tool.h"

/* single.c */
int run_get(const struct call *call);
int run_set(const struct call *call);
int run_delete(const struct call *call);
int run_exists(const struct call *call);

/* many.c */
int run_list(const struct call *call);
int run_keys(const struct call *call);
int run_count(const struct call *call);
int run_random(const struct call *call);

/* stat.c */
int run_stat(const struct call *call);

/* files.c */
int run_import(const struct call *call);
int run_export(const struct call *call);
int run_backup(const struct call *call);
int run_restore(const struct call *call);

/* check.c */
int run_check(const struct call *call);

/* watch.c */
int run_watch(const struct call *call);

#endif
