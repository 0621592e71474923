/* tls_inside.h - what the files of TLS share; private to this folder. tls.c moves bytes, tls_context.c reads files,
 * tls_error.c puts what went wrong into words, tls_facts.c tells what was agreed on. */
#ifndef BB_TRANSPORT_TLS_INSIDE_H
#define BB_TRANSPORT_TLS_INSIDE_H

#include <openssl/ssl.h>

#include "transport/tls.h"

#define BB_TLS_NAME "tls" /* of the transport */

enum { BB_TLS_ERROR_MAX = 320 };

struct bb_tls_context {
    SSL_CTX *ssl;
    bool any_name, any_certificate;
};

/* One connection. */
typedef struct bb_tls {
    bb_mem *mem;
    bb_transport lower;
    SSL *ssl;
    bool open;          /* the handshake is done */
    bool lower_drained; /* in this call: the socket had nothing more, so do not ask it again */
    bool lower_end;     /* the peer has closed below TLS */
    bool wants_write;   /* OpenSSL waits for room to go on reading or opening */
    int lower_error;
    uint32_t error_len; /* of `error`: why the connection failed, for people */
    char error[BB_TLS_ERROR_MAX];
    char host[256]; /* for texts */
} bb_tls;

/* Called by OpenSSL for each certificate that does not pass; writes tls->error. */
int bb_tls_verify_failed(int passed, X509_STORE_CTX *store);

/* Put the cause of a failed call of OpenSSL into tls->error, unless there is something better already, and clear
 * OpenSSL's queue of errors. */
void bb_tls_set_error(bb_tls *tls, int ssl_error);

/* Append a name of a certificate in RFC 2253's notation: "CN=broker.example,O=Example". */
void bb_tls_put_name(bb_text *text, const X509_NAME *name);

/* Append the newest error of OpenSSL's queue and clear the queue. */
void bb_tls_put_openssl_error(bb_text *text);

#endif
