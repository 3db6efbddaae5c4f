/*
 * tls.h - connections through TLS for the library, by OpenSSL where that is found
 */
#ifndef XKV_CLI_TLS_H
#define XKV_CLI_TLS_H

/* Has the library make connections through TLS, if this program was built with OpenSSL
 * (XKV_OPENSSL). */
void tls_begin(void);

#endif
