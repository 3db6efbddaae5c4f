/*
 * server.h - a server of a test's own, which it may do with as it likes
 *
 * Started from the program that XKV_SERVER_BINARY names (scripts/servers.sh), on a free port
 * of the loopback interface and in a directory of its own.
 */
#ifndef XKV_TESTS_SERVER_H
#define XKV_TESTS_SERVER_H

#include "proxy.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

struct server {
    pid_t pid;
    uint16_t port;
    char directory[PATH_SIZE], url[64];
};

/* What it answers to a command, until it hangs up. "" if there is none. */
static inline const char *server_say(const struct server *server, const char *command) {
    static char answer[65536];
    size_t len = 0;
    ssize_t got;
    int fd = socket_to(server->port);

    *answer = '\0';
    if (fd < 0)
        return answer;
    if (send_all(fd, command, strlen(command)) && send_all(fd, "\r\nQUIT\r\n", 8)) {
        while ((got = recv(fd, answer + len, sizeof answer - 1 - len, 0)) > 0)
            len += (size_t)got;
    }
    answer[len] = '\0';
    close(fd);
    return answer;
}

static inline void server_exec(const struct server *server) {
    const char *binary = getenv("XKV_SERVER_BINARY");
    int null = open("/dev/null", O_RDWR);

    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    if (chdir(server->directory) == 0)
        execl(binary, binary, "conf", (char *)NULL);
    _exit(127);
}

/* Once more, with what it had. Waits until it answers, whatever it says. */
static inline void server_restart(struct server *server) {
    server->pid = fork();
    MUST(server->pid >= 0);
    if (server->pid == 0)
        server_exec(server);
    for (int tries = 0; *server_say(server, "PING") == '\0'; tries++) {
        MUST(tries < 2000);
        usleep(5000);
    }
}

static inline void server_start(struct server *server, const char *lines) {
    char path[PATH_SIZE + 16];

    close(listen_somewhere(&server->port));
    snprintf(server->url, sizeof server->url, "redis://127.0.0.1:%d", server->port);
    fresh_path(server->directory);
    MUST(mkdir(server->directory, 0700) == 0);
    snprintf(path, sizeof path, "%s/conf", server->directory);
    FILE *conf = fopen(path, "w");
    MUST(conf);
    fprintf(conf, "port %d\nbind 127.0.0.1\nsave \"\"\nlogfile log\n%s\n", server->port, lines);
    MUST(fclose(conf) == 0);
    server_restart(server);
}

static inline void server_kill(const struct server *server) {
    MUST(kill(server->pid, SIGKILL) == 0);
    MUST(waitpid(server->pid, NULL, 0) == server->pid);
}

#endif
