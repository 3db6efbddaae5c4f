/*
 * tls.c - see tls.h
 *
 * A thread for each connection carries bytes between the library's socket and OpenSSL: it
 * waits for either side, and takes from one no more than the other has taken before.
 */
#include "tls.h"

#ifndef XKV_OPENSSL

void tls_begin(void) {
}

#else

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include "xkv.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

enum { PIECE = 32 * 1024 };

/* Bytes that go one way: data[from .. to) are to be handed on. */
struct way {
    unsigned char data[PIECE];
    size_t from, to;
};

struct tunnel {
    int near, far;
    SSL_CTX *context;
    SSL *ssl;
    int64_t deadline_ms;
    bool is_final; /* it failed, and would again */
    struct way out, in;
};

/* -- Failures ---------------------------------------------------------------- */

/* What is wrong, and why as OpenSSL says it. Returns false. */
static bool say(char *message, size_t size, const char *what, const char *why) {
    char text[256] = "";
    unsigned long error = ERR_peek_last_error();

    if (!why && error)
        ERR_error_string_n(error, text, sizeof text);
    ERR_clear_error();
    if (!why)
        why = text[0] ? text : "the connection has ended";
    snprintf(message, size, "%s: %s", what, why);
    return false;
}

static void tunnel_free(struct tunnel *tunnel) {
    SSL_free(tunnel->ssl);
    SSL_CTX_free(tunnel->context);
    if (tunnel->far >= 0)
        close(tunnel->far);
    close(tunnel->near);
    free(tunnel);
}

/* -- Connecting -------------------------------------------------------------- */

static int64_t now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* False once the time is over. */
static bool await_far(const struct tunnel *tunnel, short events) {
    struct pollfd watched = {.fd = tunnel->far, .events = events};
    int64_t left = tunnel->deadline_ms - now_ms();

    return left > 0 && poll(&watched, 1, (int)left) > 0;
}

static bool connect_to(struct tunnel *tunnel, const struct addrinfo *address) {
    int error = 0;
    socklen_t size = sizeof error;

    tunnel->far = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
    if (tunnel->far < 0 || fcntl(tunnel->far, F_SETFL, O_NONBLOCK) != 0)
        return false;
    if (connect(tunnel->far, address->ai_addr, address->ai_addrlen) == 0)
        return true;
    if (errno != EINPROGRESS)
        return false;
    if (!await_far(tunnel, POLLOUT)) {
        errno = ETIMEDOUT;
        return false;
    }
    if (getsockopt(tunnel->far, SOL_SOCKET, SO_ERROR, &error, &size) == 0)
        errno = error;
    return errno == 0;
}

/* A question for the resolver, which nobody can tell how long it may take: it is asked in a thread
 * of its own. Whoever leaves last frees it. */
struct lookup {
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t done;
    bool is_done, is_left;
    int error;
    struct addrinfo *all;
    const char *host, *port; /* behind the struct */
};

static void lookup_free(struct lookup *lookup) {
    if (lookup->all)
        freeaddrinfo(lookup->all);
    pthread_cond_destroy(&lookup->done);
    pthread_mutex_destroy(&lookup->lock);
    free(lookup);
}

static struct lookup *lookup_new(const xkv_dial *to) {
    size_t host = strlen(to->host) + 1, port = strlen(to->port) + 1;
    struct lookup *lookup = calloc(1, sizeof *lookup + host + port);

    if (!lookup)
        return NULL;
    lookup->host = memcpy(lookup + 1, to->host, host);
    lookup->port = memcpy((char *)(lookup + 1) + host, to->port, port);
    pthread_mutex_init(&lookup->lock, NULL);
    pthread_cond_init(&lookup->done, NULL);
    return lookup;
}

static void *look_up(void *argument) {
    struct lookup *lookup = argument;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all = NULL;
    int error = getaddrinfo(lookup->host, lookup->port, &hints, &all);

    pthread_mutex_lock(&lookup->lock);
    lookup->error = error;
    lookup->all = all;
    lookup->is_done = true;
    bool is_left = lookup->is_left;
    pthread_cond_signal(&lookup->done);
    pthread_mutex_unlock(&lookup->lock);
    if (is_left)
        lookup_free(lookup);
    return NULL;
}

/* Whether it is done in time; else it is left to its thread. */
static bool await_lookup(const struct tunnel *tunnel, struct lookup *lookup) {
    int64_t left_ms = tunnel->deadline_ms - now_ms();
    struct timespec at;

    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_nsec += left_ms > 0 ? left_ms % 1000 * 1000000 : 0;
    at.tv_sec += (left_ms > 0 ? left_ms / 1000 : 0) + at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    pthread_mutex_lock(&lookup->lock);
    while (!lookup->is_done && pthread_cond_timedwait(&lookup->done, &lookup->lock, &at) == 0)
        ;
    bool is_done = lookup->is_done;
    lookup->is_left = !is_done;
    pthread_mutex_unlock(&lookup->lock);
    return is_done;
}

/* What getaddrinfo returns; EAI_AGAIN if it takes too long. */
static int resolve(const struct tunnel *tunnel, const xkv_dial *to, struct addrinfo **all) {
    struct lookup *lookup = lookup_new(to);
    pthread_t thread;

    *all = NULL;
    if (!lookup || pthread_create(&thread, NULL, look_up, lookup) != 0) {
        free(lookup);
        return EAI_MEMORY;
    }
    if (!await_lookup(tunnel, lookup)) {
        pthread_detach(thread);
        return EAI_AGAIN;
    }
    pthread_join(thread, NULL);
    int error = lookup->error;
    *all = lookup->all;
    lookup->all = NULL;
    lookup_free(lookup);
    return error;
}

static bool connect_far(struct tunnel *tunnel, const xkv_dial *to, char *message, size_t size) {
    struct addrinfo *all;
    int error = resolve(tunnel, to, &all);
    bool connected = false;

    if (error == EAI_AGAIN)
        return say(message, size, "cannot connect through TLS",
                   "the name could not be looked up in time: see to the DNS servers of this "
                   "machine (/etc/resolv.conf), or give an address in the url");
    if (error != 0)
        return say(message, size, "cannot connect through TLS", gai_strerror(error));
    for (const struct addrinfo *one = all; one && !connected; one = one->ai_next) {
        if (tunnel->far >= 0)
            close(tunnel->far);
        connected = connect_to(tunnel, one);
    }
    int number = errno;
    freeaddrinfo(all);
    return connected || say(message, size, "cannot connect through TLS", strerror(number));
}

/* -- TLS --------------------------------------------------------------------- */

static bool is_given(const char *text) {
    return text && *text;
}

static bool take_files(SSL_CTX *context, const xkv_options *options, char *message, size_t size) {
    bool trusts = is_given(options->tls_ca)
                      ? SSL_CTX_load_verify_locations(context, options->tls_ca, NULL) == 1
                      : SSL_CTX_set_default_verify_paths(context) == 1;

    if (!trusts)
        return say(message, size, "redis.tls.ca cannot be read", NULL);
    if (!is_given(options->tls_cert))
        return true;
    if (SSL_CTX_use_certificate_chain_file(context, options->tls_cert) != 1)
        return say(message, size, "redis.tls.cert cannot be read", NULL);
    if (SSL_CTX_use_PrivateKey_file(context, options->tls_key, SSL_FILETYPE_PEM) != 1)
        return say(message, size, "redis.tls.key cannot be read, or is another's", NULL);
    return true;
}

/* What the certificate has to be for: a name, or an address. */
static bool expect_name(SSL *ssl, const char *name) {
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1)
        return true;
    ERR_clear_error();
    return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
}

static bool prepare(struct tunnel *tunnel, const xkv_dial *to, char *message, size_t size) {
    const xkv_options *options = to->options;
    const char *name = is_given(options->tls_server_name) ? options->tls_server_name : to->host;

    tunnel->context = SSL_CTX_new(TLS_client_method());
    if (!tunnel->context || SSL_CTX_set_min_proto_version(tunnel->context, TLS1_2_VERSION) != 1)
        return say(message, size, "TLS cannot be prepared", NULL);
    SSL_CTX_set_mode(tunnel->context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(tunnel->context, options->tls_insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER,
                       NULL);
    tunnel->is_final = !take_files(tunnel->context, options, message, size);
    if (tunnel->is_final)
        return false;
    tunnel->ssl = SSL_new(tunnel->context);
    if (!tunnel->ssl || !expect_name(tunnel->ssl, name) ||
        SSL_set_fd(tunnel->ssl, tunnel->far) != 1)
        return say(message, size, "TLS cannot be prepared", NULL);
    return true;
}

static bool shake_hands(struct tunnel *tunnel, char *message, size_t size) {
    for (;;) {
        int result = SSL_connect(tunnel->ssl), error = SSL_get_error(tunnel->ssl, result);
        if (result == 1)
            return true;
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
            break;
        if (!await_far(tunnel, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT))
            return say(message, size, "cannot connect through TLS",
                       "the server has not answered in TLS: if it does not speak it, let the url "
                       "begin with redis://");
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_WRONG_VERSION_NUMBER) {
        tunnel->is_final = true;
        return say(message, size, "cannot connect through TLS",
                   "the server does not speak TLS: let the url begin with redis://");
    }
    long verified = SSL_get_verify_result(tunnel->ssl);
    tunnel->is_final = verified != X509_V_OK;
    const char *why = verified == X509_V_OK ? NULL : X509_verify_cert_error_string(verified);
    return say(message, size, "cannot connect through TLS", why);
}

/* -- Carrying ---------------------------------------------------------------- */

/* Whether a call that moved no bytes may be made again. */
static bool may_go_on(const struct tunnel *tunnel, int result) {
    int error = SSL_get_error(tunnel->ssl, result);
    return result > 0 || error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static bool take_near(struct tunnel *tunnel) {
    struct way *out = &tunnel->out;

    if (out->from < out->to)
        return true;
    ssize_t got = recv(tunnel->near, out->data, PIECE, 0);
    out->from = 0;
    out->to = got > 0 ? (size_t)got : 0;
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool give_far(struct tunnel *tunnel) {
    struct way *out = &tunnel->out;

    if (out->from == out->to)
        return true;
    int sent = SSL_write(tunnel->ssl, out->data + out->from, (int)(out->to - out->from));
    out->from += sent > 0 ? (size_t)sent : 0;
    return may_go_on(tunnel, sent);
}

static bool take_far(struct tunnel *tunnel) {
    struct way *in = &tunnel->in;

    if (in->from < in->to)
        return true;
    int got = SSL_read(tunnel->ssl, in->data, PIECE);
    in->from = 0;
    in->to = got > 0 ? (size_t)got : 0;
    return may_go_on(tunnel, got);
}

static bool give_near(struct tunnel *tunnel) {
    struct way *in = &tunnel->in;

    if (in->from == in->to)
        return true;
    ssize_t sent = send(tunnel->near, in->data + in->from, in->to - in->from, MSG_NOSIGNAL);
    in->from += sent > 0 ? (size_t)sent : 0;
    return sent >= 0 || errno == EAGAIN || errno == EINTR;
}

/* Waits until one of the four may have something to do. */
static void await_both(struct tunnel *tunnel) {
    bool has_out = tunnel->out.from < tunnel->out.to, has_in = tunnel->in.from < tunnel->in.to;
    short near = (short)((has_out ? 0 : POLLIN) | (has_in ? POLLOUT : 0));
    short far = (short)((has_in ? 0 : POLLIN) | (has_out ? POLLOUT : 0));
    struct pollfd watched[] = {
        {.fd = near ? tunnel->near : -1, .events = near},
        {.fd = far ? tunnel->far : -1, .events = far},
    };

    if (!has_in && SSL_pending(tunnel->ssl) > 0)
        return;
    poll(watched, 2, -1);
}

static void *carry(void *argument) {
    struct tunnel *tunnel = argument;

    while (take_near(tunnel) && give_far(tunnel) && take_far(tunnel) && give_near(tunnel)) {
        await_both(tunnel);
        ERR_clear_error();
    }
    tunnel_free(tunnel);
    return NULL;
}

/* -- For the library ----------------------------------------------------------- */

static bool start_carrying(struct tunnel *tunnel) {
    pthread_t thread;

    if (pthread_create(&thread, NULL, carry, tunnel) != 0)
        return false;
    pthread_detach(thread);
    return true;
}

static int dial_quietly(const xkv_dial *to, intptr_t socket, char *message, size_t size) {
    struct tunnel *tunnel = calloc(1, sizeof *tunnel);

    if (!tunnel) {
        close((int)socket);
        say(message, size, "cannot connect through TLS", "the memory is used up");
        return XKV_E_SERVER_UNAVAILABLE;
    }
    tunnel->near = (int)socket;
    tunnel->far = -1;
    tunnel->deadline_ms = now_ms() + to->timeout_ms;
    bool connected = connect_far(tunnel, to, message, size) && prepare(tunnel, to, message, size) &&
                     shake_hands(tunnel, message, size);
    if (connected && start_carrying(tunnel))
        return XKV_OK;
    if (connected)
        say(message, size, "cannot connect through TLS", "there can be no more threads");
    int error = tunnel->is_final ? XKV_E_INVALID_OPTIONS : XKV_E_SERVER_UNAVAILABLE;
    tunnel_free(tunnel);
    return error;
}

/* OpenSSL writes to sockets that may have been closed: that must not end the program. Threads
 * inherit what is blocked. */
static int dial(const xkv_dial *to, intptr_t socket, void *nothing, char *message, size_t size) {
    sigset_t broken_pipe, before;

    (void)nothing;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, &before);
    int error = dial_quietly(to, socket, message, size);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

void tls_begin(void) {
    xkv_set_dialer(dial, NULL);
}

#endif
