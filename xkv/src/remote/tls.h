/*
 * tls.h - connections through TLS, which others make
 */
#ifndef XKV_REMOTE_TLS_H
#define XKV_REMOTE_TLS_H

#include "base/net.h"

/* Connects to a host with TLS as the options say: the socket is one end of a pair, whose
 * other end somebody copies to and from the server. XKV_OK; XKV_E_SERVER_UNAVAILABLE
 * with a reason, also where nobody can; or XKV_E_INVALID_OPTIONS with one, if it would fail
 * again. */
int xkv__tls_connect(const char *host, const char *port, const xkv_options *options, int timeout_ms,
                     xkv__handle *socket);

#endif
