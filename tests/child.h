/*
 * child.h - this program once more, as another process
 *
 * A child is started with arguments of its own, after fork and exec: a store
 * does not survive a plain fork. It hears lines on its standard input and says
 * lines on its standard output.
 */
#ifndef XKV_TESTS_CHILD_H
#define XKV_TESTS_CHILD_H

#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

struct child {
    intptr_t pid;
    FILE *to, *from;
};

#ifdef _WIN32 /* see windows/posix.h */

static inline void child_run(struct child *child, const char *const *all) {
    int to, from;

    process_start(all, &child->pid, &to, &from);
    child->to = fdopen(to, "w");
    child->from = fdopen(from, "r");
}

static inline int child_await(struct child *child) {
    return process_end(child->pid);
}

static inline void child_stop(struct child *child) {
    process_kill(child->pid);
}

#else

static inline void child_run(struct child *child, const char *const *all) {
    int down[2], up[2];

    MUST(pipe2(down, O_CLOEXEC) == 0 && pipe2(up, O_CLOEXEC) == 0);
    fflush(NULL);
    pid_t pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        dup2(down[0], STDIN_FILENO);
        dup2(up[1], STDOUT_FILENO);
        execv(all[0], (char *const *)(uintptr_t)all);
        _exit(127);
    }
    close(down[0]);
    close(up[1]);
    child->pid = pid;
    child->to = fdopen(down[1], "w");
    child->from = fdopen(up[0], "r");
}

static inline int child_await(struct child *child) {
    int status = -1;

    MUST(waitpid((pid_t)child->pid, &status, 0) == child->pid);
    return status;
}

static inline void child_stop(struct child *child) {
    kill((pid_t)child->pid, SIGKILL);
}

#endif

/* arguments end with NULL and do not hold the program's name. */
static inline void child_start(struct child *child, const char *const *arguments) {
    const char *all[10] = {test.program};

    for (size_t i = 0; arguments[i]; i++)
        all[i + 1] = arguments[i];
    child_run(child, all);
    MUST(child->to && child->from);
}

static inline void child_say(struct child *child, const char *line) {
    MUST(fprintf(child->to, "%s\n", line) > 0 && fflush(child->to) == 0);
}

/* The next line without its end; false when there are no more. */
static inline bool child_hear(struct child *child, char *line, size_t size) {
    if (!fgets(line, (int)size, child->from))
        return false;
    line[strcspn(line, "\n")] = '\0';
    return true;
}

static inline bool child_says(struct child *child, const char *expected) {
    char line[256];
    bool heard = child_hear(child, line, sizeof line);

    if (heard && strcmp(line, expected) != 0)
        fprintf(stderr, "the child says \"%s\" instead of \"%s\"\n", line, expected);
    return heard && strcmp(line, expected) == 0;
}

/* Lets it end; its status as of waitpid. */
static inline int child_end(struct child *child) {
    fclose(child->to);
    int status = child_await(child);
    fclose(child->from);
    return status;
}

static inline void child_kill(struct child *child) {
    child_stop(child);
    child_end(child);
}

/* In the child: holds a store for writing until its input ends. */
static inline int child_hold(const char *path) {
    xkv_options options = disk_options(path);
    xkv_store *store = must_open(&options);

    printf("open\n");
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    xkv_close(store);
    return 0;
}

#endif
