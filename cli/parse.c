/*
 * parse.c - see parse.h
 *
 * Options may stand anywhere behind the command. "--" ends them; what begins with "-" and a
 * digit is a word, as "-" alone is.
 */
#include "parse.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

struct words {
    int count, at;
    char *const *list;
};

static const char *next_word(struct words *words) {
    return words->at < words->count ? words->list[words->at++] : NULL;
}

/* -- Options ---------------------------------------------------------------------- */

static bool takes(const struct command *command, int i) {
    return (command->options >> i & 1) != 0;
}

/* The number of an option that a command takes, by its name; OPTIONS_END if it takes none of
 * that name. */
static int find_name(const struct command *command, const char *name, size_t len) {
    int i = 0;

    while (i < OPTIONS_END && !(takes(command, i) && strlen(options_table[i].name) == len &&
                                memcmp(options_table[i].name, name, len) == 0))
        i++;
    return i;
}

static int find_letter(const struct command *command, char letter) {
    int i = 0;

    while (i < OPTIONS_END && !(takes(command, i) && options_table[i].letter == letter))
        i++;
    return i;
}

static int unknown(const struct command *command, const char *word, size_t len) {
    const char *names[OPTIONS_END];
    size_t count = 0;
    char name[64];

    for (int i = 0; i < OPTIONS_END; i++) {
        if (takes(command, i))
            names[count++] = options_table[i].name;
    }
    snprintf(name, sizeof name, "%.*s", (int)len, word);
    const char *nearest = xkv_nearest(name + strspn(name, "-"), names, count);
    if (nearest)
        return fail_usage(command, "%s takes no option %s; did you mean --%s?", command->name, name,
                          nearest);
    return fail_usage(command, "%s takes no option %s; if it is no option, put -- before the words",
                      command->name, name);
}

static bool read_count(const char *text, int64_t *number) {
    char *end;

    *number = strtoll(text, &end, 10);
    return isdigit((unsigned char)*text) && *end == '\0' && *number >= 1 && *number < INT64_MAX;
}

/* In milliseconds, as the library reads those of its options. */
static bool read_duration(const char *text, int64_t *number) {
    char message[XKV_MESSAGE_SIZE];
    xkv_scalar scalar = {.type = XKV_TYPE_TEXT, .text = text};
    xkv_options options;

    xkv_options_init(&options);
    int error = xkv_options_set(&options, "disk.timeout", &scalar, message, sizeof message);
    *number = options.timeout_ms;
    return error == XKV_OK;
}

static bool is_choice(const char *choices, const char *text) {
    size_t len = strlen(text);

    while (len > 0 && choices) {
        if (strncmp(choices, text, len) == 0 && (choices[len] == '|' || choices[len] == '\0'))
            return true;
        choices = strchr(choices, '|');
        choices = choices ? choices + 1 : NULL;
    }
    return false;
}

static int bad_value(const struct command *command, const struct option *option, const char *text) {
    static const char *const must[] = {
        [COUNTED] = "a whole number from 1",
        [DURATION] = "a duration such as 500ms, 30s or 1m30s, at most a day",
        [MAYBE_DURATION] = "a duration such as 500ms, 30s or 1m30s, at most a day",
    };

    if (option->kind == CHOICE)
        return fail_usage(command, "--%s must be one of %s; it is \"%s\"", option->name,
                          option->choices, text);
    return fail_usage(command, "--%s must be %s; it is \"%s\"", option->name, must[option->kind],
                      text);
}

/* Sets an option to a text, NULL where none came with it. */
static int set(struct call *call, int i, const char *text) {
    const struct option *option = &options_table[i];
    bool good = true;

    call->given |= UINT64_C(1) << i;
    call->texts[i] = text;
    if (option->kind == CHOICE)
        good = is_choice(option->choices, text);
    if (option->kind == COUNTED)
        good = read_count(text, &call->numbers[i]);
    if (option->kind == DURATION || (option->kind == MAYBE_DURATION && text))
        good = read_duration(text, &call->numbers[i]);
    return good ? DONE : bad_value(call->command, option, text);
}

/* An option with what came with it, behind "=" or a letter, or else the next word. */
static int take(struct call *call, int i, const char *with, struct words *words) {
    const struct option *option = &options_table[i];

    if (option->kind == FLAG && with)
        return fail_usage(call->command, "--%s takes no value", option->name);
    if (option->kind != FLAG && option->kind != MAYBE_DURATION && !with) {
        with = next_word(words);
        if (!with)
            return fail_usage(call->command, "--%s needs a value: --%s %s", option->name,
                              option->name, option->value);
    }
    return set(call, i, with);
}

static int take_long(struct call *call, const char *word, struct words *words) {
    const char *name = word + 2;
    size_t len = strcspn(name, "=");
    int i = find_name(call->command, name, len);

    if (i == OPTIONS_END)
        return unknown(call->command, word, len + 2);
    return take(call, i, name[len] == '=' ? name + len + 1 : NULL, words);
}

/* -n5, -n 5; of flags there may be several in a word. */
static int take_letters(struct call *call, const char *word, struct words *words) {
    int code = DONE;

    for (const char *at = word + 1; *at != '\0' && code == DONE; at++) {
        int i = find_letter(call->command, *at);
        if (i == OPTIONS_END)
            return unknown(call->command, word, strlen(word));
        if (options_table[i].kind != FLAG)
            return take(call, i, at[1] ? at + 1 : NULL, words);
        code = set(call, i, NULL);
    }
    return code;
}

/* -- Words ------------------------------------------------------------------------ */

static bool is_option(const char *word) {
    return word[0] == '-' && word[1] != '\0' && !isdigit((unsigned char)word[1]);
}

static bool is_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Who gives one word less than a command takes means the store that openKv() opens, too. */
static int place_words(struct call *call, const char *const *given, size_t count) {
    const struct command *command = call->command;
    size_t needed = command_arguments(command);

    if (count + 1 < needed)
        return fail_usage(command, "%s needs %s", command->name, command->arguments[count + 1]);
    if (count > needed)
        return fail_usage(command, "%s takes no more than %zu words, and \"%s\" is one more",
                          command->name, needed, given[needed]);
    if (needed == 0)
        return DONE;
    call->words[0] = count < needed ? DEFAULT_STORE : given[0];
    for (size_t i = 1; i < needed; i++)
        call->words[i] = given[i - (needed - count)];
    return DONE;
}

int parse(const struct command *command, int count, char *const list[], struct call *call,
          bool *wants_help) {
    struct words words = {.count = count, .list = list};
    const char *given[WORDS_MOST + 1] = {NULL}, *word;
    size_t given_count = 0;
    bool options_end = false;
    int code = DONE;

    *call = (struct call){.command = command};
    *wants_help = false;
    while (code == DONE && (word = next_word(&words))) {
        if (!options_end && is_help(word)) {
            *wants_help = true;
            return DONE;
        }
        if (!options_end && strcmp(word, "--") == 0)
            options_end = true;
        else if (options_end || !is_option(word))
            given[given_count < WORDS_MOST ? given_count++ : WORDS_MOST] = word;
        else if (word[1] == '-')
            code = take_long(call, word, &words);
        else
            code = take_letters(call, word, &words);
    }
    if (given[WORDS_MOST])
        given_count = WORDS_MOST + 1;
    return code == DONE ? place_words(call, given, given_count) : code;
}
