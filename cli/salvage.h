/*
 * salvage.h - what can be read of a damaged store is saved
 */
#ifndef XKV_CLI_SALVAGE_H
#define XKV_CLI_SALVAGE_H

#include "tool.h"

/* Saves what can be read of a command line's store: by a command that writes its file from a
 * store, or with NULL as a new store there. DONE if that is all; NOT_FOUND if something was lost,
 * which was said; else it has been said why not. */
int salvage(const struct call *call, xkv_command *command);

#endif
