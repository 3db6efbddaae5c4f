/* tls.c - see tls.h */
#include "remote/tls.h"

#include "base/error.h"

static xkv_dialer *dialer;
static void *dialer_context;

void xkv_set_dialer(xkv_dialer *set, void *context) {
    dialer = set;
    dialer_context = context;
}

int xkv__tls_connect(const char *host, const char *port, const xkv_options *options, int timeout_ms,
                     xkv__handle *socket) {
    const xkv_dial to = {host, port, options, timeout_ms};
    xkv__handle pair[2];
    char message[XKV_MESSAGE_SIZE] = "";

    *socket = XKV__NO_HANDLE;
    if (!dialer)
        return xkv__fail(XKV_E_SERVER_UNAVAILABLE,
                         "this program was built without TLS; use redis://, or a program that "
                         "has it, as k6 has");
    xkv__fault fault = xkv__net.pair(pair);
    if (fault.cause != XKV__FINE)
        return xkv__fail_fault(XKV_E_SERVER_UNAVAILABLE, "cannot make sockets for TLS", NULL,
                               fault);
    int error = dialer(&to, pair[1].value, dialer_context, message, sizeof message);
    if (error == XKV_OK) {
        *socket = pair[0];
        return XKV_OK;
    }
    xkv__net.close(pair[0]);
    return xkv__fail(error == XKV_E_INVALID_OPTIONS ? error : XKV_E_SERVER_UNAVAILABLE, "%s",
                     message);
}
