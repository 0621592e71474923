/* tls.h - TLS by OpenSSL: a filter that is put on top of another transport and owns it.
 *
 * What      A bb_tls_context holds what connections share: certificates, keys, which authorities are trusted. It is
 * made once; a connection is bb_tls_client on a transport, then bb_transport_step until the handshake is done. Trust A
 * client checks the server's certificate and that it is for the name that was dialled, unless it was told not to.
 * TLS 1.2 is the least version. Errors    In words: what is wrong with which certificate, who refused whom.
 * bb_transport_explain tells them. Memory    OpenSSL allocates for itself; the state of a connection comes from the
 * bb_mem given to bb_tls_client. Buffers of an idle connection are given back. Threads   A context may be used by
 * several threads once it is made; a connection belongs to one. */
#ifndef BB_TRANSPORT_TLS_H
#define BB_TRANSPORT_TLS_H

#include <time.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/text.h"
#include "transport/transport.h"

typedef struct bb_tls_context bb_tls_context;

/* Zero-terminated texts; NULL where nothing is given. Files are PEM, and are read when the context is made. */
typedef struct bb_tls_client_options {
    const char *ca_file, *ca_folder; /* whom to trust; where both are NULL: the authorities of the system */
    const char *certificate_file;    /* ours, with the chain behind it */
    const char *key_file;            /* its key; where NULL, it is in certificate_file too */
    const char *key_password;        /* of an encrypted key; without it such a key is refused, never asked for */
    const char *ciphers;             /* of TLS 1.2, in OpenSSL's notation */
    bool tls_1_3_only;
    bool any_name;        /* the certificate must be trusted, but may be for another name */
    bool any_certificate; /* check nothing: for tests only, anyone can pose as the server */
} bb_tls_client_options;

/* On failure appends what is wrong, with the name of the file, to `error` and returns NULL. */
BB_MUST_USE bb_tls_context *bb_tls_client_context_new(const bb_tls_client_options *options, bb_text *error);
void bb_tls_context_free(
    bb_tls_context *context); /* NULL is allowed; connections that still live keep what they need */

typedef struct bb_tls_identity {
    const char *certificate_file; /* with the chain behind it */
    const char *key_file;         /* where NULL, the key is in certificate_file too */
} bb_tls_identity;

typedef enum bb_tls_client_certificate {
    BB_TLS_CLIENT_NONE,     /* none is asked for */
    BB_TLS_CLIENT_OPTIONAL, /* who sends one must send a good one */
    BB_TLS_CLIENT_REQUIRED,
} bb_tls_client_certificate;

typedef struct bb_tls_server_options {
    const bb_tls_identity *identities; /* the first is for clients that name no server, or none of ours */
    size_t identities_count;           /* 1 to BB_TLS_IDENTITIES_MAX */
    const char *ciphers, *suites;      /* of TLS 1.2 and 1.3, in OpenSSL's notation; NULL: good ones of today */
    const char *groups;                /* for the key exchange, likewise */
    const char *alpn; /* the one protocol of this listener; a client that offers only others is refused */
    bb_tls_client_certificate client_certificate;
    const char *client_ca_file; /* PEM: who may issue them */
    bool tls_1_3_only;
    bool resumption; /* give tickets to clients, so that they may resume their session */
} bb_tls_server_options;

enum { BB_TLS_IDENTITIES_MAX = 64 };

/* On failure appends what is wrong, with the name of the file, to `error` and returns NULL. */
BB_MUST_USE bb_tls_context *bb_tls_server_context_new(const bb_tls_server_options *options, bb_text *error);

/* Put TLS on top of `lower`, which was accepted. As bb_tls_client, but for the other side. */
BB_MUST_USE bb_status bb_tls_server(bb_tls_context *context, bb_mem *mem, const bb_transport *lower, bb_transport *out);

typedef struct bb_tls_peer {
    const char *host; /* the name or IP address that was dialled: for SNI, and what the certificate must be for */
    const char *alpn; /* the protocol to agree on, at most 255 bytes: "mqtt", "http/1.1"; NULL: none is offered */
} bb_tls_peer;

/* Put TLS on top of `lower`, which need not be open yet. On success `out` owns `lower`; on failure (BB_E_NO_MEMORY) it
 * stays the caller's. `out` may be the same object as `lower`. `peer` is borrowed for the call. */
BB_MUST_USE bb_status bb_tls_client(bb_tls_context *context, const bb_tls_peer *peer, bb_mem *mem,
                                    const bb_transport *lower, bb_transport *out);

/* --- what a connection has agreed on, once it is open; for transports that are not TLS these say NULL and 0 */

const char *bb_tls_version(const bb_transport *transport); /* "TLSv1.3" */
const char *bb_tls_cipher(const bb_transport *transport);
bool bb_tls_alpn_agreed(const bb_transport *transport);

typedef struct bb_tls_certificate {
    char subject[256], issuer[256]; /* RFC 2253 notation; cut where they are longer */
    time_t not_before, not_after;
} bb_tls_certificate;

/* Append whom the peer's certificate is for, in RFC 2253 notation. False: it has sent none. */
bool bb_tls_peer_subject(const bb_transport *transport, bb_text *text);

/* Whether this session goes on with one of earlier. */
bool bb_tls_resumed(const bb_transport *transport);

/* The certificates that the server sent, its own first: how many, and the one with this number. */
size_t bb_tls_certificates(const bb_transport *transport);
void bb_tls_certificate_get(const bb_transport *transport, size_t number, bb_tls_certificate *out);

#endif
