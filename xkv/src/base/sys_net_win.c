/*
 * sys_net_win.c - see net.h; for Windows
 *
 * select is what tells of connections that fail on every version; it takes as many
 * sockets as its sets are made for.
 */
#include "base/net.h"

#ifdef _WIN32

#define FD_SETSIZE 128
#include <winsock2.h>

#include <ws2tcpip.h>

static SOCKET system_socket(xkv__handle socket) {
    return (SOCKET)socket.value;
}

static xkv__fault socket_fault(bool failed) {
    return xkv__fault_of(failed ? WSAGetLastError() : 0);
}

static void close_socket(xkv__handle socket) {
    closesocket(system_socket(socket));
}

/* They are there until the process ends. */
static void start_sockets(void) {
    WSADATA about;

    (void)WSAStartup(MAKEWORD(2, 2), &about);
}

/* One that child processes do not get. */
static SOCKET new_socket(int family) {
    static xkv__once once = XKV__ONCE;

    xkv__call_once(&once, start_sockets);
    return WSASocketW(family, SOCK_STREAM, 0, NULL, 0,
                      WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
}

static bool set_waiting(SOCKET socket, bool waits) {
    u_long at_once = !waits;

    return ioctlsocket(socket, (long)FIONBIO, &at_once) == 0;
}

/* What has failed is told by a set of its own. */
static xkv__fault wait_sockets(xkv__watched *watched, size_t count, int timeout_ms) {
    struct timeval timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    fd_set readable, writable, failed;

    if (count > FD_SETSIZE)
        return (xkv__fault){XKV__UNSUPPORTED, 0};
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_ZERO(&failed);
    for (size_t i = 0; i < count; i++) {
        SOCKET socket = system_socket(watched[i].socket);
        FD_SET(socket, &readable);
        FD_SET(socket, &failed);
        if (watched[i].for_room)
            FD_SET(socket, &writable);
    }
    if (count == 0) {
        xkv__sleep_ms(timeout_ms > 0 ? (unsigned)timeout_ms : 0);
        return xkv__fault_of(0);
    }
    int found = select(0, &readable, &writable, &failed, timeout_ms < 0 ? NULL : &timeout);
    for (size_t i = 0; i < count; i++) {
        SOCKET socket = system_socket(watched[i].socket);
        watched[i].ready = found > 0 && (FD_ISSET(socket, &readable) ||
                                         FD_ISSET(socket, &writable) || FD_ISSET(socket, &failed));
    }
    return socket_fault(found < 0);
}

/* A connection that was begun has been made, or has failed, or takes too long. */
static xkv__fault await_connection(SOCKET socket, int timeout_ms) {
    xkv__watched watched = {.socket = {(intptr_t)socket}, .for_room = true};
    int problem = 0, size = sizeof problem;
    xkv__fault fault = wait_sockets(&watched, 1, timeout_ms);

    if (fault.cause != XKV__FINE)
        return fault;
    if (!watched.ready)
        return xkv__fault_of(WSAETIMEDOUT);
    fault = socket_fault(getsockopt(socket, SOL_SOCKET, SO_ERROR, (char *)&problem, &size) != 0);
    return fault.cause != XKV__FINE ? fault : xkv__fault_of(problem);
}

static xkv__fault connect_address(int family, const struct sockaddr *address, int size,
                                  int timeout_ms, xkv__handle *out) {
    SOCKET socket = new_socket(family);
    xkv__fault fault = socket_fault(socket == INVALID_SOCKET);

    if (socket == INVALID_SOCKET)
        return fault;
    fault = socket_fault(!set_waiting(socket, false));
    if (fault.cause == XKV__FINE && connect(socket, address, size) != 0)
        fault = WSAGetLastError() == WSAEWOULDBLOCK ? await_connection(socket, timeout_ms)
                                                    : socket_fault(true);
    *out = (xkv__handle){(intptr_t)socket};
    if (fault.cause != XKV__FINE)
        close_socket(*out);
    return fault;
}

/* What is asked waits for nothing behind it; and who is gone without a word is found out. */
static void tune(xkv__handle socket) {
    const char on[4] = {1};

    (void)setsockopt(system_socket(socket), IPPROTO_TCP, TCP_NODELAY, on, sizeof on);
    (void)setsockopt(system_socket(socket), SOL_SOCKET, SO_KEEPALIVE, on, sizeof on);
}

static xkv__fault connect_any(const struct addrinfo *address, int timeout_ms, xkv__handle *socket) {
    int64_t end = xkv__monitor_now() + (int64_t)timeout_ms * 1000000;
    xkv__fault fault = {XKV__NO_HOST, 0};

    for (; address; address = address->ai_next) {
        int64_t left = (end - xkv__monitor_now()) / 1000000;
        if (left <= 0)
            return xkv__fault_of(WSAETIMEDOUT);
        fault = connect_address(address->ai_family, address->ai_addr, (int)address->ai_addrlen,
                                (int)left, socket);
        if (fault.cause == XKV__FINE) {
            tune(*socket);
            break;
        }
    }
    return fault;
}

static xkv__fault connect_host(const char *host, const char *port, int timeout_ms,
                               xkv__handle *socket) {
    static xkv__once once = XKV__ONCE;
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *found;

    xkv__call_once(&once, start_sockets); /* to start them once more counts, and no more */
    int problem = getaddrinfo(host, port, &wanted, &found);
    *socket = XKV__NO_HANDLE;
    if (problem == EAI_MEMORY)
        return xkv__fault_of(WSAENOBUFS);
    if (problem != 0)
        return (xkv__fault){XKV__NO_HOST, 0};
    xkv__fault fault = connect_any(found, timeout_ms, socket);
    freeaddrinfo(found);
    return fault;
}

/* As the system has it in afunix.h, which not every compiler brings along. */
struct local_address {
    unsigned short family;
    char path[108];
};

static xkv__fault connect_path(const char *path, xkv__handle *socket) {
    struct local_address address = {.family = AF_UNIX};

    *socket = XKV__NO_HANDLE;
    if (strlen(path) >= sizeof address.path)
        return (xkv__fault){XKV__NAME_TOO_LONG, 0};
    memcpy(address.path, path, strlen(path) + 1);
    return connect_address(AF_UNIX, (const struct sockaddr *)(const void *)&address, sizeof address,
                           1000, socket);
}

static bool would_wait(void) {
    return WSAGetLastError() == WSAEWOULDBLOCK || WSAGetLastError() == WSAEINTR;
}

static int piece_of_stream(size_t size) {
    return size < (1u << 30) ? (int)size : 1 << 30;
}

static xkv__fault send_some(xkv__handle socket, const void *data, size_t size, size_t *sent) {
    int done = send(system_socket(socket), data, piece_of_stream(size), 0);

    *sent = done > 0 ? (size_t)done : 0;
    return socket_fault(done < 0 && !would_wait());
}

static xkv__fault receive_some(xkv__handle socket, void *out, size_t size, size_t *got) {
    int done = recv(system_socket(socket), out, piece_of_stream(size), 0);

    *got = done > 0 ? (size_t)done : 0;
    if (done == 0 && size > 0)
        return (xkv__fault){XKV__CUT_OFF, 0};
    return socket_fault(done < 0 && !would_wait());
}

/* -- Pairs --------------------------------------------------------------------------
 *
 * The system has none: one end listens for a moment, at an address of this machine that no
 * other can reach, and the other connects.
 */

static struct sockaddr_in own_address(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static bool listen_here(SOCKET listener, struct sockaddr_in *at) {
    int size = sizeof *at;

    *at = own_address();
    return bind(listener, (const struct sockaddr *)(const void *)at, size) == 0 &&
           listen(listener, 1) == 0 &&
           getsockname(listener, (struct sockaddr *)(void *)at, &size) == 0;
}

/* The next to come, if it is who was called: another process may have been quicker. */
static SOCKET accept_only(SOCKET listener, SOCKET called) {
    struct sockaddr_in from, ours;
    int from_size = sizeof from, ours_size = sizeof ours;
    SOCKET accepted = accept(listener, (struct sockaddr *)(void *)&from, &from_size);

    if (accepted == INVALID_SOCKET)
        return accepted;
    if (getsockname(called, (struct sockaddr *)(void *)&ours, &ours_size) == 0 &&
        from.sin_port == ours.sin_port)
        return accepted;
    closesocket(accepted);
    WSASetLastError(WSAECONNREFUSED);
    return INVALID_SOCKET;
}

static bool join(SOCKET listener, SOCKET *near_end, SOCKET *far_end) {
    struct sockaddr_in at;

    *near_end = new_socket(AF_INET);
    *far_end = INVALID_SOCKET;
    if (*near_end != INVALID_SOCKET && listen_here(listener, &at) &&
        connect(*near_end, (const struct sockaddr *)(const void *)&at, sizeof at) == 0)
        *far_end = accept_only(listener, *near_end);
    return *far_end != INVALID_SOCKET && set_waiting(*near_end, false) &&
           set_waiting(*far_end, false);
}

static xkv__fault make_pair(xkv__handle sockets[2]) {
    SOCKET listener = new_socket(AF_INET), ends[2];

    if (listener == INVALID_SOCKET)
        return socket_fault(true);
    bool joined = join(listener, &ends[0], &ends[1]);
    xkv__fault fault = socket_fault(!joined);
    closesocket(listener);
    for (int i = 0; i < 2; i++) {
        sockets[i] = (xkv__handle){(intptr_t)ends[i]};
        if (joined)
            tune(sockets[i]);
        else if (ends[i] != INVALID_SOCKET)
            closesocket(ends[i]);
    }
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
