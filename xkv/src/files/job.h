/*
 * job.h - what the files of this room share: a command that is under way
 */
#ifndef XKV_FILES_JOB_H
#define XKV_FILES_JOB_H

#include "command/items.h"
#include "files/part.h"
#include "store/executor.h"

/* A command that reads or writes a file. */
typedef struct xkv__job {
    xkv__opened *opened; /* the store */
    const xkv_command *command;
    xkv_reply *reply;
    const _Atomic int *end;     /* see xkv__call */
    const xkv_options *options; /* of the store */
    char *path;                 /* of the file, absolute */

    xkv_progress progress; /* entries and bytes are counted here */
    uint64_t began_ms, told_ms;
    unsigned uncounted; /* entries since the clock was looked at */
} xkv__job;

/* What a command does; the reply is empty. XKV_OK or an error with its reason. */
typedef int xkv__job_body(xkv__job *job);

extern xkv__job_body xkv__backup, xkv__restore, xkv__export, xkv__import, xkv__validate;

/* One entry, of so many bytes, is done: who wants to hear of it is told now and then. XKV_OK
 * to go on, XKV_E_OPERATION_CANCELED if the command has been taken back. */
int xkv__job_count(xkv__job *job, uint64_t bytes);

/* How large a file is. XKV_OK or an error with its reason. */
int xkv__job_size(const xkv__job *job, const char *path, uint64_t *size);

/* Begins the reply with an object of so many members. */
xkv__writer xkv__job_reply(xkv__job *job, size_t members);

#endif
