/*
 * generate.c - the files that are installed with the tool, and the table of its manual
 *
 * "make" asks for them; nobody else need know.
 */
#include "help.h"

/* -- The manual page ------------------------------------------------------------------ */

/* What roff would take for its own is escaped. */
static void print_roff(const char *text) {
    for (bool starts = true; *text; starts = *text == '\n', text++) {
        if (starts && strchr(".'", *text))
            fputs("\\&", stdout);
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else
            putchar(*text);
    }
}

static void print_roff_paragraphs(const char *text) {
    const char *end;

    for (; (end = strstr(text, "\n\n")); text = end + 2) {
        char paragraph[1024];
        snprintf(paragraph, sizeof paragraph, "%.*s", (int)(end - text), text);
        print_roff(paragraph);
        puts("\n.PP");
    }
    print_roff(text);
    putchar('\n');
}

static void print_roff_option(const struct option *option) {
    fputs(".TP\n\\fB", stdout);
    if (option->letter)
        printf("\\-%c\\fR, \\fB", option->letter);
    printf("\\-\\-%s\\fR", option->name);
    if (option->kind == MAYBE_DURATION)
        printf("[=\\fI%s\\fR]", option->value);
    else if (option->value)
        printf(" \\fI%s\\fR", option->value);
    putchar('\n');
    print_roff(option->text);
    putchar('\n');
}

static void print_roff_command(const struct command *command) {
    size_t count = command_arguments(command);

    printf(".SS \"xkv %s", command->name);
    for (size_t i = 0; i < count; i++)
        printf(i == 0 ? " [%s]" : " %s", command->arguments[i]);
    printf("%s\"\n", command->options ? " [OPTION]..." : "");
    print_roff_paragraphs(command->text);
    for (int i = 0; i < OPTIONS_END; i++) {
        if (command->options >> i & 1)
            print_roff_option(&options_table[i]);
    }
    puts(".PP\nExamples:");
    for (size_t i = 0; i < EXAMPLES_MOST && command->examples[i].line; i++) {
        fputs(".PP\n.RS\n.nf\n", stdout);
        print_roff(command->examples[i].line);
        fputs("\n.fi\n", stdout);
        print_roff(command->examples[i].text);
        puts("\n.RE");
    }
}

static void print_man(void) {
    printf(".\\\" Made by xkv from its table of commands.\n"
           ".TH XKV 1 \"\" \"xkv %s\" \"User Commands\"\n"
           ".SH NAME\nxkv \\- look into the stores of xk6\\-kv, and change them\n"
           ".SH SYNOPSIS\n\\fBxkv\\fR \\fICOMMAND\\fR [\\fISTORE\\fR] [\\fIARGUMENT\\fR]... "
           "[\\fIOPTION\\fR]...\n.SH DESCRIPTION\n",
           xkv_version());
    print_roff_paragraphs(about_text);
    puts(".SH COMMANDS");
    for (size_t i = 0; i < commands_count; i++)
        print_roff_command(&commands_table[i]);
    puts(".SH SEE ALSO\n\\fBk6\\fR(1)");
}

/* -- Completions ---------------------------------------------------------------------- */

/* The options of a command with something before and behind each. */
static void print_each_option(const struct command *command, const char *before,
                              const char *behind) {
    for (int i = 0; i < OPTIONS_END; i++) {
        if (command->options >> i & 1)
            printf("%s--%s%s", before, options_table[i].name, behind);
    }
    printf("%s--help%s", before, behind);
}

static void print_words(const char *choices) {
    for (; *choices; choices++)
        putchar(*choices == '|' ? ' ' : *choices);
}

/* Whether no option before it has its name. */
static bool is_first_of_name(int i) {
    int first = 0;

    while (strcmp(options_table[first].name, options_table[i].name) != 0)
        first++;
    return first == i;
}

/* Values of an option that are words are completed by them, of one that is text by nothing. */
static void print_bash_values(void) {
    for (int i = 0; i < OPTIONS_END; i++) {
        const struct option *option = &options_table[i];
        if (option->kind == FLAG || option->kind == MAYBE_DURATION || !is_first_of_name(i))
            continue;
        printf("    --%s) COMPREPLY=($(compgen -W \"", option->name);
        print_words(option->choices ? option->choices : "");
        puts("\" -- \"$word\")); return ;;");
    }
}

static void print_bash(void) {
    puts("# Completion of xkv for bash, made by xkv from its table of commands.\n"
         "_xkv() {\n"
         "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options\n"
         "    COMPREPLY=()");
    fputs("    if ((COMP_CWORD == 1)); then\n        COMPREPLY=($(compgen -W \"", stdout);
    for (size_t i = 0; i < commands_count; i++)
        printf("%s ", commands_table[i].name);
    puts("--help --version\" -- \"$word\"))\n        return\n    fi\n    case $before in");
    print_bash_values();
    puts("    esac\n    case ${COMP_WORDS[1]} in");
    for (size_t i = 0; i < commands_count; i++) {
        printf("    %s) options=\"", commands_table[i].name);
        print_each_option(&commands_table[i], "", " ");
        puts("\" ;;");
    }
    puts("    *) return ;;\n    esac\n"
         "    if [[ $word == -* ]]; then\n"
         "        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
         "    else\n"
         "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
         "    fi\n"
         "}\n"
         "complete -o filenames -F _xkv xkv");
}

/* Within single quotes and brackets of an argument of _arguments. */
static void print_zsh_text(const char *text) {
    for (; *text; text++) {
        if (strchr("[]:\\", *text))
            putchar('\\');
        fputs(*text == '\'' ? "'\\''" : (const char[]){*text, '\0'}, stdout);
    }
}

static void print_zsh_option(const struct option *option) {
    bool takes = option->value && option->kind != MAYBE_DURATION;

    printf(" \\\n                '--%s%s[", option->name, takes ? "=" : "");
    print_zsh_text(option->text);
    putchar(']');
    if (takes)
        printf(":%s:", option->value);
    if (option->choices) {
        putchar('(');
        print_words(option->choices);
        putchar(')');
    }
    putchar('\'');
}

static void print_zsh_command(const struct command *command) {
    printf("            %s) _arguments", command->name);
    for (int i = 0; i < OPTIONS_END; i++) {
        if (command->options >> i & 1)
            print_zsh_option(&options_table[i]);
    }
    puts(" \\\n                '--help[print how it is used]' '*:file:_files' ;;");
}

static void print_zsh(void) {
    puts("#compdef xkv\n# Completion of xkv for zsh, made by xkv from its table of commands.\n"
         "_xkv() {\n    local -a commands=(");
    for (size_t i = 0; i < commands_count; i++) {
        printf("        '%s:", commands_table[i].name);
        print_zsh_text(commands_table[i].summary);
        puts("'");
    }
    puts("    )\n    local state\n"
         "    _arguments -C '1: :->command' '*:: :->rest'\n"
         "    case $state in\n"
         "    command) _describe command commands ;;\n"
         "    rest)\n        case $words[1] in");
    for (size_t i = 0; i < commands_count; i++)
        print_zsh_command(&commands_table[i]);
    puts("        esac ;;\n    esac\n}\n_xkv \"$@\"");
}

/* -- The table of docs/TOOL.md -------------------------------------------------------- */

static void print_cell(const char *text) {
    for (; *text; text++) {
        if (*text == '|')
            putchar('\\');
        putchar(*text);
    }
}

static void print_markdown(void) {
    puts("| command | what it does | options |\n|---|---|---|");
    for (size_t i = 0; i < commands_count; i++) {
        const struct command *command = &commands_table[i];
        const char *before = "";
        printf("| `xkv %s", command->name);
        for (size_t j = 0; j < command_arguments(command); j++)
            printf(j == 0 ? " [%s]" : " %s", command->arguments[j]);
        fputs("` | ", stdout);
        print_cell(command->summary);
        fputs(" | ", stdout);
        for (int j = 0; j < OPTIONS_END; j++) {
            if (!(command->options >> j & 1))
                continue;
            printf("%s`", before);
            print_option(stdout, &options_table[j]);
            putchar('`');
            before = ", ";
        }
        puts(" |");
    }
}

/* --------------------------------------------------------------------------------------- */

int generate(const char *what) {
    static const struct {
        const char *name;
        void (*print)(void);
    } kinds[] = {
        {"man", print_man}, {"bash", print_bash}, {"zsh", print_zsh}, {"markdown", print_markdown}};

    for (size_t i = 0; what && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, what) != 0)
            continue;
        kinds[i].print();
        return DONE;
    }
    return fail(BAD_USAGE, "xkv --generate takes man, bash, zsh or markdown");
}
