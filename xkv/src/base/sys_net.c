/* sys_net.c - see net.h; for POSIX systems */
#include "base/net.h"

#include "base/monitor.h"

#ifndef _WIN32

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL /* macOS has a socket option instead */
#define MSG_NOSIGNAL 0
#endif

static int fd_of_socket(xkv__handle socket) {
    return (int)socket.value;
}

static xkv__fault socket_fault(bool failed) {
    return xkv__fault_of(failed ? errno : 0);
}

static bool would_wait(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void close_socket(xkv__handle socket) {
    close(fd_of_socket(socket));
}

/* A socket must not wait, nor get to child processes, nor have the process ended when the other
 * side is gone. */
static bool prepare_socket(int fd) {
    int flags = fcntl(fd, F_GETFL);
    bool fine = flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
                fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
#ifdef SO_NOSIGPIPE
    int on = 1;
    fine = fine && setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) == 0;
#endif
    return fine;
}

/* Signals, which some programs send to their threads all the time, do not end it. */
static int poll_on(struct pollfd *polled, size_t count, int timeout_ms) {
    int64_t end = xkv__monitor_now() + (int64_t)timeout_ms * 1000000;
    int found, left = timeout_ms;

    while ((found = poll(polled, (nfds_t)count, left)) < 0 && errno == EINTR) {
        int64_t rest = (end - xkv__monitor_now()) / 1000000;
        if (timeout_ms >= 0)
            left = rest > 0 ? (int)rest : 0;
    }
    return found;
}

static xkv__fault wait_sockets(xkv__watched *watched, size_t count, int timeout_ms) {
    enum { MANY = 128 };
    struct pollfd polled[MANY];

    if (count > MANY)
        return (xkv__fault){XKV__UNSUPPORTED, 0};
    for (size_t i = 0; i < count; i++) {
        short events = (short)(POLLIN | (watched[i].for_room ? POLLOUT : 0));
        polled[i] = (struct pollfd){fd_of_socket(watched[i].socket), events, 0};
        watched[i].ready = false;
    }
    int found = poll_on(polled, count, timeout_ms);
    for (size_t i = 0; found > 0 && i < count; i++)
        watched[i].ready = polled[i].revents != 0;
    return socket_fault(found < 0);
}

/* A connection that was begun has been made, or has failed, or takes too long. */
static xkv__fault await_connection(int fd, int timeout_ms) {
    xkv__watched watched = {.socket = {fd}, .for_room = true};
    int problem = 0;
    socklen_t size = sizeof problem;
    xkv__fault fault = wait_sockets(&watched, 1, timeout_ms);

    if (fault.cause != XKV__FINE)
        return fault;
    if (!watched.ready)
        return xkv__fault_of(ETIMEDOUT);
    fault = socket_fault(getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size) != 0);
    return fault.cause != XKV__FINE ? fault : xkv__fault_of(problem);
}

static xkv__fault connect_address(int family, const struct sockaddr *address, socklen_t size,
                                  int timeout_ms, xkv__handle *out) {
    int fd = socket(family, SOCK_STREAM, 0);
    xkv__fault fault = socket_fault(fd < 0);

    if (fd < 0)
        return fault;
    fault = socket_fault(!prepare_socket(fd));
    if (fault.cause == XKV__FINE && connect(fd, address, size) != 0)
        fault = errno == EINPROGRESS ? await_connection(fd, timeout_ms) : socket_fault(true);
    *out = (xkv__handle){fd};
    if (fault.cause != XKV__FINE)
        close_socket(*out);
    return fault;
}

/* What is asked waits for nothing behind it; and who is gone without a word is found out. */
static void tune(xkv__handle socket) {
    int fd = fd_of_socket(socket), on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static xkv__fault connect_any(const struct addrinfo *address, int timeout_ms, xkv__handle *socket) {
    int64_t end = xkv__monitor_now() + (int64_t)timeout_ms * 1000000;
    xkv__fault fault = {XKV__NO_HOST, 0};

    for (; address; address = address->ai_next) {
        int64_t left = (end - xkv__monitor_now()) / 1000000;
        if (left <= 0)
            return xkv__fault_of(ETIMEDOUT);
        fault = connect_address(address->ai_family, address->ai_addr, address->ai_addrlen,
                                (int)left, socket);
        if (fault.cause == XKV__FINE) {
            tune(*socket);
            break;
        }
    }
    return fault;
}

/* -- Names --------------------------------------------------------------------- */

/* A question for the resolver. That cannot be told how long it may take, so it is asked in a
 * thread of its own; one that nobody waits for any more ends by itself. */
struct lookup {
    xkv__monitor monitor; /* of what follows */
    bool is_done, is_left;
    int problem, number; /* of getaddrinfo, and errno */
    struct addrinfo *found;
    const char *host, *port; /* behind the struct */
};

static int look_up_now(const char *host, const char *port, int more, struct addrinfo **found) {
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG | more};

    *found = NULL;
    return getaddrinfo(host, port, &wanted, found);
}

static struct lookup *lookup_new(const char *host, const char *port) {
    size_t host_size = strlen(host) + 1, port_size = strlen(port) + 1;
    struct lookup *lookup = xkv__alloc(sizeof *lookup + host_size + port_size);
    char *texts = (char *)(lookup + 1);

    if (!lookup)
        return NULL;
    *lookup = (struct lookup){.host = texts, .port = texts + host_size};
    memcpy(texts, host, host_size);
    memcpy(texts + host_size, port, port_size);
    if (xkv__monitor_init(&lookup->monitor) == XKV_OK)
        return lookup;
    xkv__free(lookup);
    return NULL;
}

static void lookup_free(struct lookup *lookup) {
    if (lookup->found)
        freeaddrinfo(lookup->found);
    xkv__monitor_destroy(&lookup->monitor);
    xkv__free(lookup);
}

static void *lookup_main(void *argument) {
    struct lookup *lookup = argument;
    struct addrinfo *found;
    int problem = look_up_now(lookup->host, lookup->port, 0, &found), number = errno;

    xkv__monitor_enter(&lookup->monitor);
    lookup->found = found;
    lookup->problem = problem;
    lookup->number = number;
    lookup->is_done = true;
    bool is_left = lookup->is_left;
    xkv__monitor_wake(&lookup->monitor);
    xkv__monitor_leave(&lookup->monitor);
    if (is_left)
        lookup_free(lookup);
    return NULL;
}

/* False, and it is left to its thread, if that takes too long. */
static bool await_lookup(struct lookup *lookup, int timeout_ms) {
    int64_t end = xkv__monitor_now() + (int64_t)timeout_ms * 1000000;

    xkv__monitor_enter(&lookup->monitor);
    while (!lookup->is_done && xkv__monitor_wait_until(&lookup->monitor, end))
        ;
    bool is_done = lookup->is_done;
    lookup->is_left = !is_done;
    xkv__monitor_leave(&lookup->monitor);
    return is_done;
}

static int look_up(const char *host, const char *port, int timeout_ms, struct addrinfo **found) {
    struct lookup *lookup = lookup_new(host, port);
    xkv__thread thread;

    if (!lookup)
        return EAI_MEMORY;
    if (xkv__thread_start(&thread, lookup_main, lookup) != XKV_OK) {
        lookup_free(lookup);
        return EAI_MEMORY;
    }
    if (!await_lookup(lookup, timeout_ms)) {
        pthread_detach(thread);
        return EAI_AGAIN;
    }
    xkv__thread_join(thread);
    int problem = lookup->problem;
    *found = lookup->found;
    lookup->found = NULL;
    errno = lookup->number;
    lookup_free(lookup);
    return problem;
}

static xkv__fault lookup_fault(int problem) {
    switch (problem) {
    case EAI_SYSTEM:
        return socket_fault(true);
    case EAI_MEMORY:
        return xkv__fault_of(ENOMEM);
    case EAI_AGAIN:
        return (xkv__fault){XKV__NO_RESOLVER, 0};
    default:
        return (xkv__fault){XKV__NO_HOST, 0};
    }
}

/* An address needs no resolver. */
static xkv__fault connect_host(const char *host, const char *port, int timeout_ms,
                               xkv__handle *socket) {
    int64_t end = xkv__monitor_now() + (int64_t)timeout_ms * 1000000;
    struct addrinfo *found;
    int problem = look_up_now(host, port, AI_NUMERICHOST, &found);

    *socket = XKV__NO_HANDLE;
    if (problem == EAI_NONAME)
        problem = look_up(host, port, timeout_ms, &found);
    if (problem != 0)
        return lookup_fault(problem);
    int64_t left = (end - xkv__monitor_now()) / 1000000;
    xkv__fault fault = connect_any(found, left > 0 ? (int)left : 0, socket);
    freeaddrinfo(found);
    return fault;
}

static xkv__fault connect_path(const char *path, xkv__handle *socket) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    *socket = XKV__NO_HANDLE;
    if (strlen(path) >= sizeof address.sun_path)
        return xkv__fault_of(ENAMETOOLONG);
    memcpy(address.sun_path, path, strlen(path) + 1);
    return connect_address(AF_UNIX, (const struct sockaddr *)&address, sizeof address, 1000,
                           socket);
}

static xkv__fault send_some(xkv__handle socket, const void *data, size_t size, size_t *sent) {
    ssize_t done = send(fd_of_socket(socket), data, size, MSG_NOSIGNAL);

    *sent = done > 0 ? (size_t)done : 0;
    return socket_fault(done < 0 && !would_wait());
}

static xkv__fault receive_some(xkv__handle socket, void *out, size_t size, size_t *got) {
    ssize_t done = recv(fd_of_socket(socket), out, size, 0);

    *got = done > 0 ? (size_t)done : 0;
    if (done == 0 && size > 0)
        return (xkv__fault){XKV__CUT_OFF, 0};
    return socket_fault(done < 0 && !would_wait());
}

static xkv__fault make_pair(xkv__handle sockets[2]) {
    int fds[2];
    xkv__fault fault = socket_fault(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0);

    if (fault.cause != XKV__FINE)
        return fault;
    for (int i = 0; i < 2; i++)
        sockets[i] = (xkv__handle){fds[i]};
    if (prepare_socket(fds[0]) && prepare_socket(fds[1]))
        return fault;
    fault = socket_fault(true);
    close_socket(sockets[0]);
    close_socket(sockets[1]);
    return fault;
}

#define SYSTEM_NET                                                                                 \
    {                                                                                              \
        .connect = connect_host, .connect_local = connect_path, .send = send_some,                 \
        .receive = receive_some, .wait = wait_sockets, .pair = make_pair, .close = close_socket,   \
    }

const xkv__net_calls xkv__system_net = SYSTEM_NET;
xkv__net_calls xkv__net = SYSTEM_NET;

#endif
