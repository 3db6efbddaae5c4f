/*
 * asked.h - commands that a server runs, by what protocol.h says and nothing else
 *
 * A server of its own on a Unix socket, and a client that asks one command, waits for the
 * answer, and has no patience: so scripts are tested without connections, threads and
 * order.
 */
#ifndef XKV_TESTS_ASKED_H
#define XKV_TESTS_ASKED_H

#include "child.h"

#include "base/reply.h"
#include "command/command.h"
#include "remote/protocol.h"

#include <sys/socket.h>
#include <sys/un.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

struct asked {
    xkv_options options;
    xkv__dialect dialect;
    pid_t server;
    int socket;
    xkv__buffer question, answer; /* the last ones */
    xkv_reply reply;
};

/* The program that is started, and whether it is there: XKV_SERVER names another. */
static inline const char *asked_program(void) {
    const char *given = getenv("XKV_SERVER");
    return given && *given ? given : "redis-server";
}

static inline bool asked_can(void) {
    char command[PATH_SIZE];

    snprintf(command, sizeof command, "command -v '%s' >/dev/null 2>&1", asked_program());
    bool can = system(command) == 0;
    if (!can)
        printf("not run: there is no %s here\n", asked_program());
    return can;
}

static inline pid_t start_server(const char *path) {
    pid_t pid = fork();

    MUST(pid >= 0);
    if (pid > 0)
        return pid;
    int nowhere = open("/dev/null", O_RDWR);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO); /* or whoever reads ours would wait for the server, too */
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    execlp(asked_program(), asked_program(), "--port", "0", "--unixsocket", path, "--save", "",
           "--appendonly", "no", "--dir", test.directory, (char *)NULL);
    _exit(127);
}

static inline void connect_to(struct asked *asked, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timespec pause = {0, 10000000};

    MUST(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path));
    asked->socket = socket(AF_UNIX, SOCK_STREAM, 0);
    for (int i = 0; i < 2000; i++) {
        if (connect(asked->socket, (const struct sockaddr *)&address, sizeof address) == 0)
            return;
        nanosleep(&pause, NULL);
    }
    must_failed(__FILE__, __LINE__, "a server");
}

/* Sends what was appended to question and waits for the answer: what kind it is of. */
static inline xkv__resp_item converse(struct asked *asked) {
    xkv__buffer *in = &asked->answer;
    xkv__resp_scan scan = {0};
    xkv__resp_scanned scanned;
    xkv__resp_item item;

    MUST(asked->question.error == XKV_OK);
    for (size_t sent = 0; sent < asked->question.len;) {
        ssize_t some =
            send(asked->socket, asked->question.data + sent, asked->question.len - sent, 0);
        MUST(some > 0);
        sent += (size_t)some;
    }
    asked->question.len = in->len = 0;
    do {
        unsigned char *room = xkv__buffer_reserve(in, 1 << 16);
        ssize_t some = recv(asked->socket, room, 1 << 16, 0);
        MUST(some > 0);
        in->len += (size_t)some;
        scanned = xkv__resp_scan_on(&scan, in->data, in->len);
    } while (scanned == XKV__RESP_MORE);
    MUST(scanned == XKV__RESP_WHOLE && scan.at == in->len);
    xkv__resp_cursor cursor = xkv__resp_cursor_on(xkv__buffer_bytes(in));
    MUST(xkv__resp_next(&cursor, &item));
    return item;
}

/* A command of the server's own, of words that spaces part: true, or it was refused. */
static inline bool tell_server(struct asked *asked, const char *line) {
    xkv__buffer_append(&asked->question, line, strlen(line));
    xkv__buffer_append(&asked->question, "\r\n", 2);
    return converse(asked).kind != XKV__RESP_ERROR;
}

/* Asks what the store is, and makes it if there is none. */
static inline int asked_store(struct asked *asked) {
    xkv__ask_store(&asked->dialect, true, &asked->question);
    xkv__resp_item item = converse(asked);

    if (item.kind == XKV__RESP_ERROR)
        return xkv__refusal(item.text);
    return xkv__answer_store(&asked->dialect, xkv__buffer_bytes(&asked->answer));
}

static inline void asked_open(struct asked *asked, int serialization) {
    char path[PATH_SIZE];

    *asked = (struct asked){.socket = -1};
    xkv_options_init(&asked->options);
    asked->options.backend = XKV_BACKEND_REDIS;
    asked->options.serialization = serialization;
    asked->server = start_server(fresh_path(path));
    connect_to(asked, path);
    asked->dialect =
        (xkv__dialect){.options = &asked->options, .serialization = serialization, .count = 1};
    memcpy(asked->dialect.id, "0123456789abcdef", XKV__ID_SIZE);
    MUST(xkv__partitions_name(&asked->dialect, 1) == XKV_OK);
    MUST(asked_store(asked) == XKV_OK);
    xkv_reply_init(&asked->reply, NULL, 0);
}

static inline void asked_close(struct asked *asked) {
    int status;

    close(asked->socket);
    kill(asked->server, SIGKILL);
    MUST(waitpid(asked->server, &status, 0) == asked->server);
    xkv__partitions_free(&asked->dialect);
    xkv__buffer_free(&asked->question);
    xkv__buffer_free(&asked->answer);
    xkv_reply_clear(&asked->reply);
}

/* Asks once, with the script's text if the server does not know it. */
static inline int ask_once(struct asked *asked, xkv__exchange *exchange) {
    int error = xkv__ask(&asked->dialect, exchange, 0, false, &asked->question);

    if (error != XKV_OK)
        return error;
    xkv__resp_item item = converse(asked);
    if (item.kind == XKV__RESP_ERROR && starts_with(item.text, LIT("NOSCRIPT"))) {
        MUST(xkv__ask(&asked->dialect, exchange, 0, true, &asked->question) == XKV_OK);
        item = converse(asked);
    }
    if (item.kind == XKV__RESP_ERROR)
        return xkv__refusal(item.text);
    const xkv__answers answers = {.from = 1, .of = {xkv__buffer_bytes(&asked->answer)}};
    return xkv__answer(&asked->dialect, exchange, &answers);
}

/* Runs a command as xkv_exec does. */
static inline int asked_run_call(struct asked *asked, xkv__call *call) {
    xkv__exchange exchange;
    int error;

    xkv_reply_clear(&asked->reply);
    call->reply = &asked->reply;
    if (xkv__check(&asked->options, call->command, call->reply) != XKV_OK)
        return asked->reply.status;
    xkv__exchange_begin(&exchange, call);
    while ((error = ask_once(asked, &exchange)) == XKV__ASK_AGAIN)
        MUST(asked->reply.len == 0);
    xkv__exchange_end(&exchange);
    if (error != XKV_OK) {
        xkv_reply_clear(&asked->reply);
        xkv__call_fail(call, error);
    }
    return asked->reply.status;
}

static inline int asked_run(struct asked *asked, const xkv_command *command) {
    xkv__call call = {.command = command, .seed = XKV_NO_SEED};
    return asked_run_call(asked, &call);
}

#define ASK(asked, ...) asked_run((asked), &(xkv_command){__VA_ARGS__})

#endif
