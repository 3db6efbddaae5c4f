/*
 * cmocka.h - in place of cmocka, for Windows: what our tests use of it
 *
 * The names and what they mean are cmocka's. A check that fails jumps out of its test, as
 * there. Tests that the list of XKV_UNIX_ONLY names for this program (XKV_PROGRAM) are
 * not run, and the reason is said.
 */
#ifndef XKV_TESTS_WINDOWS_CMOCKA_H
#define XKV_TESTS_WINDOWS_CMOCKA_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void (*CMUnitTestFunction)(void **state);
typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
    const char *name;
    CMUnitTestFunction test_func;
    CMFixtureFunction setup_func, teardown_func;
    void *initial_state;
};

#define cmocka_unit_test(f)                                                                        \
    { #f, f, NULL, NULL, NULL }
#define cmocka_unit_test_setup(f, setup)                                                           \
    { #f, f, setup, NULL, NULL }
#define cmocka_unit_test_teardown(f, teardown)                                                     \
    { #f, f, NULL, teardown, NULL }
#define cmocka_unit_test_setup_teardown(f, setup, teardown)                                        \
    { #f, f, setup, teardown, NULL }
#define cmocka_unit_test_prestate(f, state)                                                        \
    { #f, f, NULL, NULL, state }
#define cmocka_unit_test_prestate_setup_teardown(f, setup, teardown, state)                        \
    { #f, f, setup, teardown, state }

/* Out of the test that runs: 1 failed, 2 skipped. */
static jmp_buf cm_out;

static inline _Noreturn void cm_leave(int how) {
    fflush(stdout);
    fflush(stderr);
    longjmp(cm_out, how);
}

#define cm_fail(file, line, ...)                                                                   \
    (fprintf(stderr, "[  ERROR   ] --- "), fprintf(stderr, __VA_ARGS__),                           \
     fprintf(stderr, "\n[   LINE   ] --- %s:%d: error: Failure!\n", (file), (line)), cm_leave(1))

#define fail_msg(...)      cm_fail(__FILE__, __LINE__, __VA_ARGS__)
#define fail()             cm_fail(__FILE__, __LINE__, "failed")
#define skip()             cm_leave(2)
#define print_message(...) printf(__VA_ARGS__)
#define print_error(...)   fprintf(stderr, __VA_ARGS__)

static inline void cm_true(bool holds, const char *what, const char *file, int line) {
    if (!holds)
        cm_fail(file, line, "%s", what);
}

static inline void cm_equal(uint64_t a, uint64_t b, bool wanted, const char *file, int line) {
    if ((a == b) != wanted)
        cm_fail(file, line, "%#llx %s %#llx", (unsigned long long)a,
                wanted ? "!=" : "==", (unsigned long long)b);
}

static inline void cm_text(const char *a, const char *b, bool wanted, const char *file, int line) {
    if ((strcmp(a, b) == 0) != wanted)
        cm_fail(file, line, "\"%s\" %s \"%s\"", a, wanted ? "!=" : "==", b);
}

static inline void cm_memory(const void *a, const void *b, size_t size, bool wanted,
                             const char *file, int line) {
    if ((memcmp(a, b, size) == 0) != wanted)
        cm_fail(file, line, "%zu bytes are %s", size, wanted ? "different" : "the same");
}

static inline void cm_range(uint64_t value, uint64_t least, uint64_t most, const char *file,
                            int line) {
    if (value < least || value > most)
        cm_fail(file, line, "%llu is not within %llu-%llu", (unsigned long long)value,
                (unsigned long long)least, (unsigned long long)most);
}

#define cm_number(a)  ((uint64_t)(uintptr_t)(a))
#define cm_integer(a) ((uint64_t)(a))
#define CM_HERE       __FILE__, __LINE__

#define assert_true(c)                   cm_true((c) ? true : false, #c, CM_HERE)
#define assert_false(c)                  cm_true(!(c), "not " #c, CM_HERE)
#define assert_non_null(c)               cm_true((c) != NULL, #c " != NULL", CM_HERE)
#define assert_null(c)                   cm_true((c) == NULL, #c " == NULL", CM_HERE)
#define assert_int_equal(a, b)           cm_equal(cm_integer(a), cm_integer(b), true, CM_HERE)
#define assert_int_not_equal(a, b)       cm_equal(cm_integer(a), cm_integer(b), false, CM_HERE)
#define assert_ptr_equal(a, b)           cm_equal(cm_number(a), cm_number(b), true, CM_HERE)
#define assert_ptr_not_equal(a, b)       cm_equal(cm_number(a), cm_number(b), false, CM_HERE)
#define assert_string_equal(a, b)        cm_text((a), (b), true, CM_HERE)
#define assert_string_not_equal(a, b)    cm_text((a), (b), false, CM_HERE)
#define assert_memory_equal(a, b, n)     cm_memory((a), (b), (n), true, CM_HERE)
#define assert_memory_not_equal(a, b, n) cm_memory((a), (b), (n), false, CM_HERE)
#define assert_in_range(v, from, to)                                                               \
    cm_range(cm_integer(v), cm_integer(from), cm_integer(to), CM_HERE)

/* Whether a line of the list is "PROGRAM TEST REASON". */
static inline const char *cm_reason_in(char *line, const char *name) {
    const char *program = getenv("XKV_PROGRAM");
    const char *first = strtok(line, " \t"), *second = strtok(NULL, " \t");
    const char *reason = strtok(NULL, "\r\n");

    if (!program || !first || !second || strcmp(first, program) != 0 || strcmp(second, name) != 0)
        return NULL;
    return reason ? reason : "";
}

/* Whether a test is not for this system: then that is said. */
static inline bool cm_is_unix_only(const char *name) {
    const char *path = getenv("XKV_UNIX_ONLY"), *reason = NULL;
    FILE *list = path ? fopen(path, "r") : NULL;
    char line[512];

    while (list && !reason && fgets(line, sizeof line, list))
        reason = cm_reason_in(line, name);
    if (list)
        fclose(list);
    if (reason)
        printf("[ UNIX ONLY ] %s %s\n", name, reason);
    return reason != NULL;
}

/* 0 passed, 1 failed, 2 skipped. */
static inline int cm_run(const struct CMUnitTest *test) {
    void *state = test->initial_state;
    int how = 0;

    printf("[ RUN      ] %s\n", test->name);
    fflush(stdout);
    if (test->setup_func && test->setup_func(&state) != 0)
        how = 1;
    if (how == 0 && (how = setjmp(cm_out)) == 0)
        test->test_func(&state);
    if (test->teardown_func && test->teardown_func(&state) != 0)
        how = 1;
    printf("%s %s\n",
           how == 0   ? "[       OK ]"
           : how == 1 ? "[  FAILED  ]"
                      : "[  SKIPPED ]",
           test->name);
    fflush(stdout);
    return how;
}

static inline int cm_run_group(const struct CMUnitTest *tests, size_t count,
                               CMFixtureFunction setup, CMFixtureFunction teardown) {
    int of[3] = {0, 0, 0}, apart = 0;
    void *state = NULL;

    if (setup && setup(&state) != 0)
        return 1;
    for (size_t i = 0; i < count; i++) {
        if (cm_is_unix_only(tests[i].name))
            apart++;
        else
            of[cm_run(&tests[i])]++;
    }
    if (teardown && teardown(&state) != 0)
        of[1]++;
    printf("[  PASSED  ] %d tests, %d failed, %d skipped, %d for Unix only\n", of[0], of[1], of[2],
           apart);
    fflush(stdout);
    return of[1];
}

#define _cmocka_run_group_tests(name, tests, count, setup, teardown)                               \
    cm_run_group((tests), (count), (setup), (teardown))
#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                  \
    cmocka_run_group_tests(tests, setup, teardown)
#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    cm_run_group((tests), sizeof(tests) / sizeof((tests)[0]), (setup), (teardown))

#endif
