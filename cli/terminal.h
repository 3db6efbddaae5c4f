/*
 * terminal.h - the terminal, the clocks, the user who interrupts, and why a file cannot be
 * opened: all that the tool asks of the system
 */
#ifndef XKV_CLI_TERMINAL_H
#define XKV_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Whether a stream leads to a terminal. */
bool terminal_is(FILE *stream);

/* Its width and height in characters; 80 by 24 where nothing is known. */
void terminal_size(FILE *stream, int *columns, int *rows);

/* For main, first of all: bytes go through stdin and stdout as they are, text is UTF-8 and escape
 * sequences work, on systems where that is not so by itself. Returns the words of the command
 * line in UTF-8, which stay. */
char **terminal_begin(int *count, char **words);

/* fopen for reading bytes; the name is UTF-8. */
FILE *terminal_open(const char *name);

/* Milliseconds of a clock that only goes forward. */
int64_t terminal_now_ms(void);

/* "2026-01-31T12:00:00Z": the time by the clock on the wall. */
enum { TIME_TEXT = 32 };
const char *terminal_time(char out[TIME_TEXT]);

/* Why terminal_open has failed just now. */
const char *terminal_reason(void);

/* From now on an interruption by the user (SIGINT, SIGTERM) is not the end of the process,
 * but of terminal_sleep, and terminal_interrupted tells. */
void terminal_watch_interruptions(void);
bool terminal_interrupted(void);

/* Waits; false if it was interrupted. */
bool terminal_sleep(int64_t ms);

#endif
