/* tls_inside.h - what the files of TLS share; private to this folder. tls.c moves bytes, tls_context.c reads files,
 * tls_error.c puts what went wrong into words, tls_facts.c tells what was agreed on,
 * tls_server.c makes contexts for servers. */
#ifndef BB_TRANSPORT_TLS_INSIDE_H
#define BB_TRANSPORT_TLS_INSIDE_H

#include <openssl/ssl.h>

#include "transport/tls.h"

#define BB_TLS_NAME "tls" /* of the transport */

enum { BB_TLS_ERROR_MAX = 320 };

struct bb_tls_context {
    _Atomic unsigned references; /* its owner's, and one of each connection */
    SSL_CTX *ssl;
    bool any_name, any_certificate;

    /* Of servers: */
    SSL_CTX **others; /* for further names; `ssl` is the first identity */
    size_t others_count;
    uint8_t alpn[256]; /* length, then name; length 0: anything goes */
};

/* One connection. */
typedef struct bb_tls {
    bb_mem *mem;
    bb_transport lower;
    SSL *ssl;
    bb_tls_context *context;
    bool server;        /* we are */
    bool finished;      /* we have said our last word: what still comes is thrown away */
    bool open;          /* the handshake is done */
    bool lower_drained; /* in this call: the socket had nothing more, so do not ask it again */
    bool lower_end;     /* the peer has closed below TLS */
    bool wants_write;   /* OpenSSL waits for room to go on reading or opening */
    int lower_error;
    bb_status reason;   /* why the handshake failed, where that is not just that it failed */
    uint32_t error_len; /* of `error`: why the connection failed, for people */
    char error[BB_TLS_ERROR_MAX];
    char host[256]; /* for texts */
} bb_tls;

/* A context of this method with what holds for every connection; NULL: no memory. */
bb_tls_context *bb_tls_context_make(const SSL_METHOD *method);
void bb_tls_set_common(SSL_CTX *ssl, bool tls_1_3_only);

/* Load a certificate with its key. `password` may be NULL. On failure appends why, with the file, and returns false. */
bool bb_tls_load_identity(SSL_CTX *ssl, const bb_tls_identity *identity, const char *password, bb_text *error);

/* Append "FILE: WHAT: OpenSSL's words" and return false. */
bool bb_tls_refuse_file(const char *file, const char *what, bb_text *error);

/* Whether the file can be read at all; if not, appends why. */
bool bb_tls_readable(const char *file, bb_text *error);

/* Called by OpenSSL for each certificate that does not pass; writes tls->error. */
int bb_tls_verify_failed(int passed, X509_STORE_CTX *store);

/* Put the cause of a failed call of OpenSSL into tls->error, unless there is something better already, and clear
 * OpenSSL's queue of errors. */
void bb_tls_set_error(bb_tls *tls, int ssl_error);

/* Append a name of a certificate in RFC 2253's notation: "CN=broker.example,O=Example". */
void bb_tls_put_name(bb_text *text, const X509_NAME *name);

/* Append the newest error of OpenSSL's queue and clear the queue. `server`: as a server sees it. */
void bb_tls_put_openssl_error(bb_text *text, bool server);

#endif
