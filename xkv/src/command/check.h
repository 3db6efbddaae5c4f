/*
 * check.h - what one argument of a command must be like
 */
#ifndef XKV_COMMAND_CHECK_H
#define XKV_COMMAND_CHECK_H

#include "base/config.h"

/* Checks an argument that the operation takes, but for what depends on the store.
 * XKV_OK, or an error that xkv__fail remembers. */
int xkv__check_argument(const xkv_op_info *info, const xkv_argument_info *row,
                        const xkv_command *command);

/* Whether a number may be given for an INTEGER or DURATION, 0 not being the default;
 * and the same for a duration that is text: *ms gets it. Errors as above. */
int xkv__check_range(const xkv_op_info *info, const xkv_argument_info *row, int64_t number);
int xkv__check_duration(const xkv_argument_info *row, xkv_bytes text, int64_t *ms);

/* Writes what xkv__fail remembers of an error, behind the operation's name. Returns
 * the error; XKV_OK leaves the message alone. */
int xkv__explain_for(const xkv_op_info *info, int error, char *message, size_t size);

#endif
