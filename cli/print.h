/*
 * print.h - keys and values as people and machines read them
 */
#ifndef XKV_CLI_PRINT_H
#define XKV_CLI_PRINT_H

#include "tool.h"

#include <stdio.h>

/* What becomes of bytes that are not printable: control characters, what changes the direction
 * of text, and bytes that are no UTF-8. */
enum care {
    AS_IT_IS,
    LINES, /* escaped, as JSON has it and \xNN for bytes; new lines and tabs are not */
    CELLS  /* these, too */
};

/* CELLS or LINES if a stream leads to a terminal, else AS_IT_IS. */
enum care care_for(FILE *to, enum care on_terminal);

void print_bytes(FILE *to, xkv_bytes bytes, enum care care);

/* As a JSON string, in which nothing but printable text stands. */
void print_json_text(FILE *to, xkv_bytes text);

/*
 * A value of a store as JSON in one line: JSON as it is, text as a string, bytes as a string in
 * base64. False, and nothing is printed, if it is not JSON and should be.
 */
bool print_json_value(FILE *to, int serialization, xkv_bytes value);

/* As a field of CSV. */
void print_csv(FILE *to, xkv_bytes field, enum care care);

/* The text of a JSON string; false, and nothing is printed, if it is none. */
bool print_json_string_text(FILE *to, xkv_bytes json, enum care care);

#endif
