/*
 * server.h - servers that a test starts itself, since it does things to them
 *
 * They listen on the loopback interface, each in a directory of its own, and end with the test.
 * The program is what XKV_SERVER_BINARY names (scripts/servers.sh), else the redis-server that
 * there is; where there is none, the tests that need one are skipped.
 */
#ifndef XKV_TESTS_SERVER_H
#define XKV_TESTS_SERVER_H

#include "sockets.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "remote/protocol.h"

struct server {
    pid_t pid;
    uint16_t port;
    const char *const *words; /* what it was started with, which stays */
    char directory[PATH_SIZE], url[64];
};

/* -- Programs ---------------------------------------------------------------- */

static inline bool find_in_path(const char *name, char out[PATH_SIZE]) {
    const char *path = getenv("PATH");

    for (size_t len; path && *path; path += len + (path[len] == ':')) {
        len = strcspn(path, ":");
        snprintf(out, PATH_SIZE, "%.*s/%s", (int)len, path, name);
        if (access(out, X_OK) == 0)
            return true;
    }
    return false;
}

/* Where the server's program is; NULL if there is none. */
static inline const char *server_program(void) {
    static char found[PATH_SIZE];
    const char *given = getenv("XKV_SERVER_BINARY");

    if (given && *given)
        return given;
    if (access("build/servers/redis-server", X_OK) == 0 &&
        realpath("build/servers", found)) { /* by its name: it tells what the program does */
        strncat(found, "/redis-server", PATH_SIZE - strlen(found) - 1);
        return found;
    }
    return find_in_path("redis-server", found) ? found : NULL;
}

/* For a case's setup: skips it if there is no server to be had. */
#define NEED_SERVERS()                                                                             \
    do {                                                                                           \
        if (!server_program())                                                                     \
            skip();                                                                                \
    } while (0)

/* -- Talking to them ------------------------------------------------------------ */

/* Receives one reply, cut to the size; "" if the connection ends before. */
static inline void receive_reply(int fd, char *out, size_t size) {
    xkv__resp_scan scan = {.at = 0};
    size_t len = 0;
    ssize_t got;

    while (xkv__resp_scan_on(&scan, (unsigned char *)out, len) != XKV__RESP_WHOLE) {
        got = recv(fd, out + len, size - len - 1, 0);
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    out[len] = '\0';
}

/* What a server answers to a command of words; static, until the next. "": nothing. */
static inline const char *say(const struct server *server, const char *format, ...) {
    static char reply[64 * 1024];
    char line[1024];
    va_list arguments;

    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line - 2, format, arguments);
    va_end(arguments);
    memcpy(line + len, "\r\n", 2);
    reply[0] = '\0';
    int fd = socket_to(server->port);
    if (fd < 0)
        return reply;
    if (send_all(fd, line, (size_t)len + 2))
        receive_reply(fd, reply, sizeof reply);
    close(fd);
    return reply;
}

/* Says it until the answer has a text in it. */
static inline void say_until(const struct server *server, const char *text, const char *command) {
    for (int tries = 0; tries < 600; tries++) {
        if (strstr(say(server, "%s", command), text))
            return;
        usleep(50000);
    }
    fprintf(stderr, "%s: %s\n", command, say(server, "%s", command));
    must_failed(__FILE__, __LINE__, "the server has not said it");
}

/* -- Starting and ending ----------------------------------------------------------- */

enum { SERVER_WORDS = 40 };

/* What a server is started with, for the rest of the block: SERVER_LINES("--appendonly", "yes") */
#define SERVER_LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *const no_words[] = {NULL};

static inline void end_with_parent(void) {
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
}

/* It keeps nothing, unless the words, which come last, say so. */
static inline _Noreturn void run_server(const struct server *server) {
    char number[16], log[PATH_SIZE + 8];
    const char *program = server_program(), *const *extra = server->words;
    const char *words[SERVER_WORDS] = {
        program,  "--port", number,         "--bind", "127.0.0.1", "--dir", server->directory,
        "--save", "",       "--appendonly", "no",     "--logfile", log};
    size_t count = 13;

    end_with_parent();
    snprintf(number, sizeof number, "%d", server->port);
    snprintf(log, sizeof log, "%s/log", server->directory);
    for (; *extra && count < SERVER_WORDS - 1; extra++)
        words[count++] = *extra;
    execv(program, (char *const *)(uintptr_t)words);
    _exit(127);
}

/* Whether it answers, if only that it is loading. Who does must be this one: another's may be on
 * that port. */
static inline bool is_up(const struct server *server) {
    char own[64];

    snprintf(own, sizeof own, "process_id:%d\r", (int)server->pid);
    for (int tries = 0; tries < 500; tries++) {
        if (strstr(say(server, "INFO server"), own))
            return true;
        if (waitpid(server->pid, NULL, WNOHANG) != 0)
            return false;
        usleep(tries < 50 ? 5000 : 20000);
    }
    return false;
}

/* On that port, as said by words that stay. */
static inline bool start_on(struct server *server, int port, const char *const *words) {
    server->port = (uint16_t)port;
    server->words = words;
    snprintf(server->url, sizeof server->url, "redis://127.0.0.1:%d", port);
    snprintf(server->directory, sizeof server->directory, "%s/%d", test.directory, port);
    mkdir(server->directory, 0700);
    server->pid = fork();
    MUST(server->pid >= 0);
    if (server->pid == 0)
        run_server(server);
    return is_up(server);
}

/* On a port that is free, as the one is that is 10000 above, which nodes of clusters use. */
static inline void start_server(struct server *server, const char *const *words) {
    for (int tries = 0; tries < 20; tries++) {
        if (start_on(server, 10000 + (int)((unsigned)rand() % 12000), words))
            return;
    }
    must_failed(__FILE__, __LINE__, "no server has started");
}

static inline void end_server(struct server *server) {
    if (server->pid <= 0)
        return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

/* Once more, with what it had kept. */
static inline void start_again(struct server *server) {
    end_server(server);
    MUST(start_on(server, server->port, server->words));
}

/* -- Stores on them ------------------------------------------------------------------- */

/* A command that may fail for reasons that only servers have. */
#define TRY(client, ...) client_run_unchecked((client), &(xkv_command){__VA_ARGS__})

static inline unsigned slot_of_store(const char *name) {
    char key[PATH_SIZE];

    return xkv__slot_of(bytes_of(key, (size_t)snprintf(key, sizeof key, "xkv:{%s}:", name)));
}

#endif
