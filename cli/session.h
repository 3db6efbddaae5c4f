/*
 * session.h - a store is opened for a command line, and told what to do
 */
#ifndef XKV_CLI_SESSION_H
#define XKV_CLI_SESSION_H

#include "tool.h"

#include <stdio.h>

struct session {
    const struct call *call;
    xkv_store *store;
    int serialization; /* xkv_serialization of the store */
    bool is_new;       /* there was no file at its path */
    xkv_reply reply;
};

/* What the store is opened for. */
enum purpose {
    READING,  /* it must exist; whoever writes to it goes on */
    CHANGING, /* it must exist */
    CREATING  /* it is made if it does not exist */
};

/* Opens the store of a command line, with its options. DONE, and session_close must follow; else
 * what the tool ends with, and it has been said why. */
int session_open(struct session *session, const struct call *call, enum purpose purpose);

/* Opens the file of a command line (its second word), for reading: a store, or what else can be
 * restored, which then is held in memory. As session_open. */
int session_open_source(struct session *session, const struct call *call);

/* Opens a store that does not exist: at a path, or with NULL in memory. As session_open. */
int session_open_new(struct session *session, const struct call *call, const char *path,
                     int serialization);

/* Whether there is a file that fopen opens; else terminal_reason tells why not. What a URL leads to
 * only the library knows: it is taken to be there. */
bool can_be_read(const char *name);

/* Whether there is no store yet, so that one would be made. */
bool session_would_create(const struct call *call);

/* Closes it and writes out what was printed. A store that is new, and empty, since what it was made
 * for has failed with code, is removed. Returns code, or STORE_FAILED if code is DONE and that
 * fails. */
int session_close(struct session *session, int code);

/* Runs a command. DONE, NOT_FOUND for a key that is not there, or STORE_FAILED; it has been
 * said why. */
int session_run(struct session *session, const xkv_command *command);

/* What may be shown of a store that was given: a URL without user and password. Valid until the
 * next call. */
const char *shown_store(const char *store);

/* Says in the words of this tool why the library has refused something. Returns STORE_FAILED. */
int fail_store(const char *message);

/* Whether all that was printed can be written. DONE, or it has been said why. */
int finish_output(int code);

#endif
