/*
 * tool.h - what all parts of the tool share: the command line, and how to fail
 */
#ifndef XKV_CLI_TOOL_H
#define XKV_CLI_TOOL_H

#include "xkv.h"

/* What the tool ends with. */
enum { DONE = 0, NOT_FOUND = 1, BAD_USAGE = 2, STORE_FAILED = 3 };

enum { WORDS_MOST = 3, EXAMPLES_MOST = 3 }; /* arguments and examples of a command */

#define DEFAULT_STORE "./.k6.kv"

enum option_kind { FLAG, TEXT, CHOICE, COUNTED, DURATION, MAYBE_DURATION };

/*
 * The options: constant, name, letter, kind, what stands for the value in texts, its choices
 * (of a CHOICE, with | between them), and what it does. An option of the same name may stand
 * here twice, for commands in which it means something else. A MAYBE_DURATION has its value
 * behind "=" or none; COUNTED is a whole number from 1.
 */
#define OPTIONS(X)                                                                                 \
    X(PREFIX, "prefix", 0, TEXT, "P", NULL, "only keys that begin with P")                         \
    X(NEW_PREFIX, "prefix", 0, TEXT, "P", NULL, "put P before each key")                           \
    X(LIMIT, "limit", 0, COUNTED, "N", NULL, "at most N entries")                                  \
    X(DRAWS, "number", 'n', COUNTED, "N", NULL, "draw N different keys")                           \
    X(TIMES, "count", 'n', COUNTED, "N", NULL, "look N times, then end")                           \
    X(INTERVAL, "interval", 0, DURATION, "DURATION", NULL, "time between two looks (1s)")          \
    X(JSON, "json", 0, FLAG, NULL, NULL, "print one JSON value")                                   \
    X(JSONL, "jsonl", 0, FLAG, NULL, NULL, "print a line of JSON for each")                        \
    X(CSV, "csv", 0, FLAG, NULL, NULL, "print CSV, with a line of names first")                    \
    X(RAW, "raw", 'r', FLAG, NULL, NULL, "print the text of a JSON string, without its quotes")    \
    X(STRING, "string", 0, FLAG, NULL, NULL, "VALUE is text: store it as a JSON string")           \
    X(SERIALIZATION, "serialization", 0, CHOICE, "S", "json|string|binary",                        \
      "what a new store holds: json, string or binary (json)")                                     \
    X(KEY_COLUMN, "key", 0, TEXT, "COLUMN", NULL,                                                  \
      "of CSV: the column that holds the keys; with --no-header its number, from 0")               \
    X(ROW_KEYS, "keys", 0, CHOICE, "row", "row", "of CSV: make keys of the numbers of the rows")   \
    X(TYPES, "types", 0, FLAG, NULL, NULL,                                                         \
      "of CSV: cells that look like numbers, true, false or nothing become that")                  \
    X(DELIMITER, "delimiter", 0, TEXT, "C", NULL,                                                  \
      "of CSV: what stands between two cells (a comma); \\t is a tab")                             \
    X(NO_HEADER, "no-header", 0, FLAG, NULL, NULL, "of CSV: the first row has no names")           \
    X(COLUMNS, "columns", 0, TEXT, "A,B", NULL,                                                    \
      "of CSV: the members of the values that become columns, with commas between them")           \
    X(NO_KEY, "no-key", 0, FLAG, NULL, NULL, "of CSV: leave out the column \"key\"")               \
    X(SALVAGE, "salvage", 0, FLAG, NULL, NULL,                                                     \
      "write what can be read of a damaged store, to a new one (.kv), too")                        \
    X(TAKE_AS, "serialization", 0, CHOICE, "S", "json|string|binary",                              \
      "with --salvage: what the values are, whatever the store says")                              \
    X(REPORT, "json", 0, FLAG, NULL, NULL, "print what was done as JSON")                          \
    X(NAME, "name", 0, TEXT, "NAME", NULL, "of a server: the store of this name (default)")        \
    X(WAIT, "wait", 0, MAYBE_DURATION, "DURATION", NULL,                                           \
      "wait while another process has the store open for writing, at most DURATION (a day)")

enum option_number {
#define X(constant, ...) OPTION_##constant,
    OPTIONS(X)
#undef X
        OPTIONS_END
};

/* A set of options, by bits. */
#define HAS(constant) (UINT64_C(1) << OPTION_##constant)

struct option {
    const char *name;
    char letter; /* 0: none */
    enum option_kind kind;
    const char *value;   /* what stands for it in texts; NULL of a FLAG */
    const char *choices; /* of a CHOICE */
    const char *text;
};

extern const struct option options_table[OPTIONS_END];

struct call;

struct example {
    const char *line, *text; /* a command line, and what it does */
};

struct command {
    const char *name, *summary;
    const char *arguments[WORDS_MOST]; /* their names; the first is STORE, if there are any */
    uint64_t options;
    const char *text; /* paragraphs, with an empty line between them */
    struct example examples[EXAMPLES_MOST];
    int (*run)(const struct call *call); /* returns what the tool ends with */
};

extern const struct command commands_table[];
extern const size_t commands_count;

/* What is to be said of all commands: paragraphs. */
extern const char about_text[];

/* The row of a command; NULL if there is none of this name. */
const struct command *command_find(const char *name);

/* How many arguments it takes. */
size_t command_arguments(const struct command *command);

/* A command line that was understood. */
struct call {
    const struct command *command;
    const char *words[WORDS_MOST]; /* the first is the store's path, given or not */
    uint64_t given;                /* the options that are there */
    const char *texts[OPTIONS_END];
    int64_t numbers[OPTIONS_END]; /* COUNTED; DURATION, in milliseconds */
};

static inline bool has(const struct call *call, int option) {
    return (call->given >> option & 1) != 0;
}

/* The text of an option, empty if it was not given. */
static inline xkv_bytes text_of(const struct call *call, int option) {
    return xkv_text(has(call, option) ? call->texts[option] : "");
}

/* Says on stderr why it cannot be done, in a line that begins with the tool's name. Returns
 * code. */
int fail(int code, const char *format, ...);

/* The same for a command line that is wrong: the command's usage follows. */
int fail_usage(const struct command *command, const char *format, ...);

#endif
