/*
 * comma.h - a locale in which 1.5 is written 1,5
 */
#ifndef XKV_TESTS_COMMA_H
#define XKV_TESTS_COMMA_H

#include "support.h"

#include <locale.h>

static inline bool comma_is_used(void) {
    char text[8];

    snprintf(text, sizeof text, "%.1f", 1.5);
    return strcmp(text, "1,5") == 0;
}

/* Makes a locale of that kind in the test's directory; it need not succeed. */
static inline void comma_make(const char *name) {
    char source[PATH_SIZE], command[3 * PATH_SIZE];
    FILE *file = fopen(test_path(source, "comma.src"), "w");

    MUST(file);
    fputs("comment_char %\nescape_char /\nLC_CTYPE\ncopy \"POSIX\"\nEND LC_CTYPE\n"
          "LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \".\"\ngrouping 3;3\nEND LC_NUMERIC\n",
          file);
    fclose(file);
    snprintf(command, sizeof command,
             "localedef --no-archive -c -f ANSI_X3.4-1968 -i '%s' '%s/%s' >/dev/null 2>&1", source,
             test.directory, name);
    if (system(command) == -1) /* else it fails for what is left out, and makes the rest */
        perror("localedef");
    setenv("LOCPATH", test.directory, 1);
}

/* Switches to such a locale, an installed one or our own: skips the test where there
 * is none. */
static inline void comma_begin(void) {
    static const char *const installed[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "ru_RU.UTF-8"};

    for (size_t i = 0; i < COUNT(installed) && !comma_is_used(); i++)
        setlocale(LC_ALL, installed[i]);
    if (!comma_is_used()) {
        comma_make("comma");
        setlocale(LC_NUMERIC, "comma");
    }
    if (!comma_is_used())
        skip();
}

static inline void comma_end(void) {
    setlocale(LC_ALL, "C");
}

#endif
