/*
 * main.c - xkv, a tool to look into stores of xk6-kv and to change them
 */
#include "help.h"
#include "parse.h"
#include "terminal.h"
#include "tls.h"
#include "tool.h"

#include <stdio.h>

/* What is not a command by itself, and yet asked for. */
static const struct {
    const char *word;
    int (*print)(const char *about);
} questions[] = {
    {"--help", print_help},       {"-h", print_help},       {"help", print_help},
    {"--version", print_version}, {"--generate", generate},
};

static int unknown_command(const char *word) {
    const char *names[64];
    size_t count = 0;

    for (; count < commands_count; count++)
        names[count] = commands_table[count].name;
    const char *nearest = xkv_nearest(word, names, count);
    if (nearest)
        return fail(BAD_USAGE, "there is no command \"%s\"; did you mean \"%s\"?", word, nearest);
    return fail(BAD_USAGE, "there is no command \"%s\"; xkv --help lists them", word);
}

static int run(const char *word, int count, char *const words[]) {
    const struct command *command = command_find(word);
    bool wants_help;
    struct call call;

    if (!command)
        return unknown_command(word);
    int code = parse(command, count, words, &call, &wants_help);
    if (code == DONE && wants_help)
        return print_help(command->name);
    return code == DONE ? command->run(&call) : code;
}

int main(int argc, char *argv[]) {
    argv = terminal_begin(&argc, argv);
    tls_begin();
    if (argc < 2)
        return fail(BAD_USAGE, "a command is missing; xkv --help lists them");
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        if (strcmp(argv[1], questions[i].word) == 0)
            return questions[i].print(argc > 2 ? argv[2] : NULL);
    }
    return run(argv[1], argc - 2, argv + 2);
}
