/*
 * command.h - the table of commands, and what their arguments must be like
 */
#ifndef XKV_COMMAND_COMMAND_H
#define XKV_COMMAND_COMMAND_H

#include "base/config.h"

/* Checks a command against the table. XKV_OK, or the reply is filled. */
int xkv__check(const xkv_options *options, const xkv_command *command, xkv_reply *reply);

/* The rows of the table of commands, by operation. */
extern const xkv_op_info xkv__operations[XKV_OP_END];

/* What is below is about commands that have passed the check. */

static inline const xkv_op_info *xkv__info(const xkv_command *command) {
    return &xkv__operations[command->op];
}

/* Whether it may wait for what is not there. */
static inline bool xkv__is_patient(const xkv_command *command) {
    return command->timeout_ms > 0 && (xkv__info(command)->optional & XKV_ARG_TIMEOUT);
}

/* Whether it reads or writes a file. */
static inline bool xkv__is_of_files(const xkv_command *command) {
    xkv_access access = xkv__info(command)->access;
    return access == XKV_ACCESS_EXPORT || access == XKV_ACCESS_IMPORT;
}

/* Of a command that scans: whether it may read much, as far as it tells itself. */
bool xkv__scans_much(const xkv_command *command);

/* Whether it may take long. */
static inline bool xkv__takes_long(const xkv_command *command) {
    xkv_access access = xkv__info(command)->access;
    return access == XKV_ACCESS_REBUILD || xkv__is_of_files(command) ||
           (access == XKV_ACCESS_SCAN && xkv__scans_much(command));
}

/*
 * Copies a command that has passed the check, and the bytes of its arguments into
 * room, of which xkv__command_size is needed. The copy is made of the arguments that
 * the operation takes, by the table, and all else in it is zero: so nothing in it
 * points to memory of the caller's.
 */
size_t xkv__command_size(const xkv_command *command);
void xkv__command_copy(xkv_command *copy, const xkv_command *command, unsigned char *room);

/* What xkv_check_entry does, for a store's options. */
int xkv__check_entry(const xkv_options *options, xkv_bytes key, xkv_bytes value, char *message,
                     size_t size);

#endif
