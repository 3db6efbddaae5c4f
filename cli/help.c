/* help.c - see help.h */
#include "help.h"
#include "terminal.h"

#include <stdarg.h>

/* -- Failing ------------------------------------------------------------------------ */

static void print_failure(const char *format, va_list arguments) {
    fflush(stdout);
    fputs("xkv: ", stderr);
    vfprintf(stderr, format, arguments);
    putc('\n', stderr);
}

int fail(int code, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    print_failure(format, arguments);
    va_end(arguments);
    return code;
}

int fail_usage(const struct command *command, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    print_failure(format, arguments);
    va_end(arguments);
    fputs("usage: ", stderr);
    print_usage(stderr, command);
    fprintf(stderr, "\nxkv %s --help tells more\n", command->name);
    return BAD_USAGE;
}

/* -- Text in lines ------------------------------------------------------------------ */

enum { WIDEST = 90, INDENT = 2, OPTION_WIDTH = 28 };

static int width(void) {
    int columns, rows;

    terminal_size(stdout, &columns, &rows);
    return columns < WIDEST ? columns : WIDEST;
}

/* How many columns text takes: characters, not bytes. */
static int columns_of(const char *text, size_t len) {
    int columns = 0;

    for (size_t i = 0; i < len; i++)
        columns += ((unsigned char)text[i] & 0xC0) != 0x80;
    return columns;
}

/* Words of a paragraph in lines that begin at a column; the first one stands at column at
 * already. */
static void print_wrapped(const char *text, int indent, int at) {
    int most = width();

    while (*text) {
        size_t len = strcspn(text, " ");
        int columns = columns_of(text, len);
        if (at > indent && at + 1 + columns > most) {
            printf("\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            putchar(' ');
            at++;
        }
        printf("%.*s", (int)len, text);
        at += columns;
        text += len + (text[len] == ' ');
    }
    putchar('\n');
}

static void print_paragraphs(const char *text) {
    char paragraph[1024];

    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t len = end ? (size_t)(end - text) : strlen(text);
        snprintf(paragraph, sizeof paragraph, "%.*s", (int)len, text);
        print_wrapped(paragraph, 0, 0);
        putchar('\n');
        text += len + (end ? 2 : 0);
    }
}

/* -- One command ---------------------------------------------------------------------- */

void print_usage(FILE *to, const struct command *command) {
    size_t count = command_arguments(command);

    fprintf(to, "xkv %s", command->name);
    for (size_t i = 0; i < count; i++)
        fprintf(to, i == 0 ? " [%s]" : " %s", command->arguments[i]);
    if (command->options)
        fputs(" [OPTION]...", to);
}

void print_option(FILE *to, const struct option *option) {
    if (option->letter)
        fprintf(to, "-%c, ", option->letter);
    fprintf(to, "--%s", option->name);
    if (option->kind == MAYBE_DURATION)
        fprintf(to, "[=%s]", option->value);
    else if (option->value)
        fprintf(to, " %s", option->value);
}

static int option_columns(const struct option *option) {
    size_t columns = strlen("--") + strlen(option->name);

    if (option->letter)
        columns += strlen("-n, ");
    if (option->value)
        columns += strlen(" ") + strlen(option->value);
    if (option->kind == MAYBE_DURATION)
        columns += strlen("[]");
    return (int)columns;
}

static void print_options(const struct command *command) {
    if (command->options)
        puts("options:");
    for (int i = 0; i < OPTIONS_END; i++) {
        const struct option *option = &options_table[i];
        if (!(command->options >> i & 1))
            continue;
        printf("%*s", INDENT, "");
        print_option(stdout, option);
        printf("%*s", OPTION_WIDTH - INDENT - option_columns(option), "");
        print_wrapped(option->text, OPTION_WIDTH, OPTION_WIDTH);
    }
    if (command->options)
        putchar('\n');
}

static void print_examples(const struct command *command) {
    puts("examples:");
    for (size_t i = 0; i < EXAMPLES_MOST && command->examples[i].line; i++) {
        printf("%*s%s\n%*s", INDENT, "", command->examples[i].line, 3 * INDENT, "");
        print_wrapped(command->examples[i].text, 3 * INDENT, 3 * INDENT);
    }
}

static int print_command(const struct command *command) {
    fputs("usage: ", stdout);
    print_usage(stdout, command);
    fputs("\n\n", stdout);
    print_paragraphs(command->text);
    print_options(command);
    print_examples(command);
    return DONE;
}

/* -- All of it ------------------------------------------------------------------------ */

static int print_all(void) {
    puts("xkv looks into the stores of xk6-kv and changes them\n\n"
         "usage: xkv COMMAND [STORE] [ARGUMENT]... [OPTION]...\n\ncommands:");
    for (size_t i = 0; i < commands_count; i++) {
        printf("%*s%-10s", INDENT, "", commands_table[i].name);
        print_wrapped(commands_table[i].summary, INDENT + 10, INDENT + 10);
    }
    putchar('\n');
    print_paragraphs(about_text);
    puts("xkv COMMAND --help tells more about one, with examples.");
    return DONE;
}

int print_help(const char *about) {
    const struct command *command = about ? command_find(about) : NULL;

    if (about && !command)
        return fail(BAD_USAGE, "there is no command \"%s\"; xkv --help lists them", about);
    return command ? print_command(command) : print_all();
}

int print_version(const char *about) {
    (void)about;
    printf("xkv %s\n", xkv_version());
    return DONE;
}
