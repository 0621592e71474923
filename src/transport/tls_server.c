#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "transport/tls_inside.h"

/* Forward secrecy and authenticated encryption; what every client of the last ten years can do. */
static const char modern_ciphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                     "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
                                     "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
static const char modern_suites[] = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";
static const char modern_groups[] = "X25519:P-256:P-384";

/* --- what is chosen during a handshake */

static bool is_for(SSL_CTX *ssl, const char *name)
{
    return X509_check_host(SSL_CTX_get0_certificate(ssl), name, strlen(name), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
                           NULL) == 1;
}

/* The certificate for the name that the client asks for. Another name is no error: it is the client who checks names.
 */
static int choose_identity(SSL *ssl, int *alert, void *user)
{
    const bb_tls_context *context = user;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (!name || is_for(context->ssl, name))
        return SSL_TLSEXT_ERR_OK;
    for (size_t i = 0; i < context->others_count; i++)
        if (is_for(context->others[i], name)) {
            SSL_set_SSL_CTX(ssl, context->others[i]);
            break;
        }
    return SSL_TLSEXT_ERR_OK;
}

/* RFC 7301, 3.2: a client that offers protocols, and not ours, is refused. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                           unsigned in_len, void *user)
{
    const bb_tls_context *context = user;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_len, context->alpn, context->alpn[0] + 1U, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* --- making a context */

static bool set_algorithms(SSL_CTX *ssl, const bb_tls_server_options *options, bb_text *error)
{
    const char *ciphers = options->ciphers ? options->ciphers : modern_ciphers;
    const char *suites = options->suites ? options->suites : modern_suites;
    const char *groups = options->groups ? options->groups : modern_groups;
    if (SSL_CTX_set_cipher_list(ssl, ciphers) != 1)
        return bb_tls_refuse_file(ciphers, "not a list of ciphers of TLS 1.2", error);
    if (SSL_CTX_set_ciphersuites(ssl, suites) != 1)
        return bb_tls_refuse_file(suites, "not a list of cipher suites of TLS 1.3", error);
    if (SSL_CTX_set1_groups_list(ssl, groups) != 1)
        return bb_tls_refuse_file(groups, "not a list of groups for the key exchange", error);
    SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    return true;
}

static bool set_clients(SSL_CTX *ssl, const bb_tls_server_options *options, bb_text *error)
{
    const char *file = options->client_ca_file;
    int mode = SSL_VERIFY_PEER;
    if (options->client_certificate == BB_TLS_CLIENT_NONE)
        return true;
    if (!bb_tls_readable(file, error))
        return false;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);
    if (!names || SSL_CTX_load_verify_file(ssl, file) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return bb_tls_refuse_file(file, "not a PEM file of certificates", error);
    }
    SSL_CTX_set_client_CA_list(ssl, names);
    if (options->client_certificate == BB_TLS_CLIENT_REQUIRED)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(ssl, mode, bb_tls_verify_failed);
    return true;
}

/* Tickets hold the whole session, so a resumption costs us no memory and workers share nothing for it. Their key lives
 * with the context: new certificates and authorities make all of them void. */
static bool set_resumption(SSL_CTX *ssl, bool resumption)
{
    static const unsigned char id[] = "busbar";
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    if (!resumption) {
        SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET);
        return SSL_CTX_set_num_tickets(ssl, 0) == 1;
    }
    return SSL_CTX_set_num_tickets(ssl, 1) == 1 && SSL_CTX_set_session_id_context(ssl, id, sizeof id - 1) == 1;
}

static bool set_up(SSL_CTX *ssl, const bb_tls_server_options *options, const bb_tls_identity *identity, bb_text *error)
{
    bb_tls_set_common(ssl, options->tls_1_3_only);
    if (!set_resumption(ssl, options->resumption)) {
        bb_text_puts(error, "no memory for TLS");
        return false;
    }
    return set_algorithms(ssl, options, error) && set_clients(ssl, options, error) &&
           bb_tls_load_identity(ssl, identity, NULL, error);
}

static void set_alpn(bb_tls_context *context, const char *name)
{
    size_t len = name ? strlen(name) : 0;
    if (!len)
        return;
    BB_CHECK(len < sizeof context->alpn);
    context->alpn[0] = (uint8_t)len;
    memcpy(context->alpn + 1, name, len);
    SSL_CTX_set_alpn_select_cb(context->ssl, choose_protocol, context);
    for (size_t i = 0; i < context->others_count; i++) /* OpenSSL asks that of the name, which was chosen before */
        SSL_CTX_set_alpn_select_cb(context->others[i], choose_protocol, context);
}

static bool add_others(bb_tls_context *context, const bb_tls_server_options *options, bb_text *error)
{
    context->others = calloc(options->identities_count, sizeof(SSL_CTX *));
    for (size_t i = 1; i < options->identities_count; i++) {
        SSL_CTX *ssl = context->others ? SSL_CTX_new(TLS_server_method()) : NULL;
        if (!ssl) {
            bb_text_puts(error, "no memory for TLS");
            return false;
        }
        context->others[context->others_count++] = ssl;
        if (!set_up(ssl, options, &options->identities[i], error))
            return false;
    }
    return true;
}

bb_tls_context *bb_tls_server_context_new(const bb_tls_server_options *options, bb_text *error)
{
    BB_CHECK(options->identities_count >= 1 && options->identities_count <= BB_TLS_IDENTITIES_MAX);
    ERR_clear_error();
    bb_tls_context *context = bb_tls_context_make(TLS_server_method());
    if (!context) {
        bb_text_puts(error, "no memory for TLS");
        return NULL;
    }
    if (!set_up(context->ssl, options, &options->identities[0], error) || !add_others(context, options, error)) {
        bb_tls_context_free(context);
        return NULL;
    }
    SSL_CTX_set_tlsext_servername_callback(context->ssl, choose_identity);
    SSL_CTX_set_tlsext_servername_arg(context->ssl, context);
    set_alpn(context, options->alpn);
    return context;
}
