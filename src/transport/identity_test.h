/* identity_test.h - certificates made in the test, and a server that speaks TLS from the other end of a socket. */
#ifndef BB_TRANSPORT_IDENTITY_TEST_H
#define BB_TRANSPORT_IDENTITY_TEST_H

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "transport/peer_test.h"

enum { TEMPORARY_MAX = 64 }; /* bytes of the path of a temporary file */

/* A certificate and its key, also as files. */
typedef struct identity {
    EVP_PKEY *key;
    X509 *certificate;
    char certificate_file[TEMPORARY_MAX], key_file[TEMPORARY_MAX];
} identity;

typedef struct identity_options {
    const char *name;         /* CN */
    const char *alternatives; /* "DNS:a.example,IP:127.0.0.1"; NULL: none */
    const identity *issuer;   /* NULL: signs itself */
    bool authority;
    long from_s, until_s; /* from now */
} identity_options;

static inline void add_extension(X509 *certificate, const identity *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer->certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static inline FILE *open_temporary(char path[TEMPORARY_MAX], const char *template)
{
    snprintf(path, TEMPORARY_MAX, "%s", template);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    return fdopen(fd, "w");
}

static inline identity identity_new(const identity_options *options)
{
    identity made = {.key = EVP_EC_gen("P-256"), .certificate = X509_new()};
    const identity *issuer = options->issuer ? options->issuer : &made;
    X509 *certificate = made.certificate;
    static long serial = 1;
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(certificate), options->from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), options->until_s);
    X509_set_pubkey(certificate, made.key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)options->name, -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer->certificate));
    add_extension(certificate, issuer, NID_basic_constraints, options->authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (options->alternatives)
        add_extension(certificate, issuer, NID_subject_alt_name, options->alternatives);
    assert_true(X509_sign(certificate, issuer->key, EVP_sha256()) > 0);

    FILE *file = open_temporary(made.certificate_file, "/tmp/busbar-test-crt-XXXXXX");
    PEM_write_X509(file, certificate);
    fclose(file);
    file = open_temporary(made.key_file, "/tmp/busbar-test-key-XXXXXX");
    PEM_write_PrivateKey(file, made.key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    return made;
}

static inline void identity_free(identity *gone)
{
    EVP_PKEY_free(gone->key);
    X509_free(gone->certificate);
    unlink(gone->certificate_file);
    unlink(gone->key_file);
}

/* Agrees to "mqtt" and "http/1.1". */
static inline int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                              unsigned in_len, void *user)
{
    static const unsigned char ours[] = "\x04mqtt\x08http/1.1";
    unsigned char *chosen;
    int result = SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, in, in_len);
    *out = chosen;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* A server's context: `who` proves itself; clients must do so with a certificate of `authority`, if there is one. */
static inline SSL_CTX *server_context_new(const identity *who, const identity *authority)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(context, who->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, who->key), 1);
    SSL_CTX_set_alpn_select_cb(context, choose_alpn, NULL);
    if (authority) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority->certificate);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return context;
}

#endif
