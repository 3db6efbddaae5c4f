/*
 * promises.h - the errors that xkv.h promises of each command, read from its comment
 *
 * Whatever fails in any test is compared with them, so that the comment stays true. A
 * statement there is "NAMES: ERRORS", each name a command or, in small letters, a group
 * of errors; what follows a full stop is for people.
 */
#ifndef XKV_TESTS_PROMISES_H
#define XKV_TESTS_PROMISES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xkv.h"

#define PROMISES_FILE  "xkv/include/xkv.h" /* programs start in the project's folder */
#define PROMISES_BEGIN "\n * Errors\n *\n * A command that has failed"

static struct {
    bool known;
    uint64_t errors[XKV_OP_END]; /* a bit for each code */
    unsigned times[XKV_OP_END];  /* that the command is named */
    struct {
        char name[16];
        uint64_t errors;
    } groups[8];
    size_t group_count;
} promises;

static inline _Noreturn void promises_broken(const char *what, const char *where) {
    fprintf(stderr, PROMISES_FILE ": %s: \"%s\"\n", what, where);
    abort();
}

static inline int promises_op(const char *name) {
    static const char *const names[] = {
#define X(op, ...) #op,
        XKV_COMMAND_MAP(X)
#undef X
    };

    for (int op = 0; op < XKV_OP_END; op++) {
        if (strcmp(names[op], name) == 0)
            return op;
    }
    promises_broken("there is no such command", name);
}

/* An error, or a group of them. */
static inline uint64_t promises_error(const char *name) {
    static const char *const names[] = {"",
#define X(code, ...) #code,
                                        XKV_ERROR_MAP(X)
#undef X
    };

    for (size_t i = 0; i < promises.group_count; i++) {
        if (strcmp(promises.groups[i].name, name) == 0)
            return promises.groups[i].errors;
    }
    for (int code = 1; code < XKV_ERROR_END; code++) {
        if (strcmp(names[code], name) == 0)
            return (uint64_t)1 << code;
    }
    promises_broken("there is no such error", name);
}

static inline void promises_add(const char *name, uint64_t errors) {
    if (*name >= 'a') {
        snprintf(promises.groups[promises.group_count].name, sizeof promises.groups[0].name, "%s",
                 name);
        promises.groups[promises.group_count++].errors = errors;
        return;
    }
    int op = promises_op(name);
    promises.errors[op] |= errors;
    promises.times[op]++;
}

static inline void promises_statement(char *text) {
    uint64_t errors = 0;
    char *names = strtok(text, ":"), *list = strtok(NULL, ".");

    if (!list)
        promises_broken("this is no statement", text);
    for (char *name = strtok(list, ", "); name; name = strtok(NULL, ", "))
        errors |= promises_error(name);
    for (char *name = strtok(names, ", "); name; name = strtok(NULL, ", "))
        promises_add(name, errors);
}

/* A statement begins three spaces behind the star, and goes on further behind it. */
static inline void promises_lines(char *at) {
    char statement[2048] = "";

    for (char *line = strtok_r(at, "\n", &at); line && strcmp(line, " */") != 0;
         line = strtok_r(NULL, "\n", &at)) {
        bool begins = strncmp(line, " *   ", 5) == 0 && line[5] != ' ';
        bool goes_on = strncmp(line, " *     ", 7) == 0;
        if (!goes_on && *statement)
            promises_statement(statement);
        if (!goes_on)
            *statement = '\0';
        if (begins || goes_on)
            snprintf(statement + strlen(statement), sizeof statement - strlen(statement), " %s",
                     line + 5);
    }
    if (*statement)
        promises_statement(statement);
}

/* Once, in the folder in which the program starts. */
static inline void promises_read(void) {
    static char text[1 << 20];
    FILE *file = fopen(PROMISES_FILE, "r");

    if (!file) {
        printf("errors are not compared: there is no " PROMISES_FILE " here\n");
        return;
    }
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    char *begin = strstr(text, PROMISES_BEGIN);
    if (!begin)
        promises_broken("this is missing", PROMISES_BEGIN);
    promises_lines(strstr(begin, "\n *\n *   "));
    promises.known = true;
}

/* Ends the program if a command may not fail in this way. */
static inline void promises_check(const xkv_command *command, int status) {
    const xkv_op_info *info = xkv_op_describe(command->op);
    uint64_t errors = info ? promises.errors[command->op] : (uint64_t)1 << XKV_E_INVALID_OPTIONS;

    if (status != XKV_OK && promises.known && !(errors >> status & 1))
        promises_broken(info ? info->name : "no command", xkv_error_name(status));
}

#endif
