#include "transport/tls_inside.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <unistd.h>

/* OpenSSL would ask for a password at the terminal, in the middle of everything. */
static int key_password(char *buffer, int size, int writing, void *user)
{
    bb_text text = bb_text_on(buffer, (size_t)size);
    if (user)
        bb_text_puts(&text, user);
    return user && !text.cut ? (int)text.len : -1;
}

bool bb_tls_refuse_file(const char *file, const char *what, bb_text *error)
{
    bb_text_puts(error, file);
    bb_text_puts(error, ": ");
    bb_text_puts(error, what);
    bb_text_puts(error, ": ");
    bb_tls_put_openssl_error(error, false);
    return false;
}

bool bb_tls_readable(const char *file, bb_text *error)
{
    if (access(file, R_OK) == 0)
        return true;
    bb_text_puts(error, file);
    bb_text_puts(error, ": ");
    bb_text_puts(error, strerror(errno));
    return false;
}

static bool load_authorities(SSL_CTX *ssl, const bb_tls_client_options *options, bb_text *error)
{
    if (!options->ca_file && !options->ca_folder)
        return SSL_CTX_set_default_verify_paths(ssl) == 1 ||
               bb_tls_refuse_file("system", "cannot load its authorities", error);
    if (options->ca_file) {
        if (!bb_tls_readable(options->ca_file, error))
            return false;
        if (SSL_CTX_load_verify_file(ssl, options->ca_file) != 1)
            return bb_tls_refuse_file(options->ca_file, "not a PEM file of certificates", error);
    }
    if (options->ca_folder) {
        if (!bb_tls_readable(options->ca_folder, error))
            return false;
        if (SSL_CTX_load_verify_dir(ssl, options->ca_folder) != 1)
            return bb_tls_refuse_file(options->ca_folder, "not a folder of certificates", error);
    }
    return true;
}

/* A key for another certificate, or no key at all. */
static bool refuse_key(const char *key, const char *certificate, bb_text *error)
{
    if (ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH)
        return bb_tls_refuse_file(
            key, "not a PEM file with the key of the certificate, or its password is missing or wrong", error);
    ERR_clear_error();
    bb_text_puts(error, key);
    bb_text_puts(error, ": the key is not that of the certificate in ");
    bb_text_puts(error, certificate);
    return false;
}

bool bb_tls_load_identity(SSL_CTX *ssl, const bb_tls_identity *identity, const char *password, bb_text *error)
{
    const char *file = identity->certificate_file, *key = identity->key_file ? identity->key_file : file;
    if (!bb_tls_readable(file, error) || !bb_tls_readable(key, error))
        return false;
    if (SSL_CTX_use_certificate_chain_file(ssl, file) != 1)
        return bb_tls_refuse_file(file, "not a PEM file with a certificate", error);
    SSL_CTX_set_default_passwd_cb(ssl, key_password);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, (void *)(uintptr_t)password);
    bool loaded = SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL); /* it was borrowed */
    return loaded || refuse_key(key, file, error);
}

static bool load_certificate(SSL_CTX *ssl, const bb_tls_client_options *options, bb_text *error)
{
    const bb_tls_identity identity = {options->certificate_file, options->key_file};
    if (identity.certificate_file)
        return bb_tls_load_identity(ssl, &identity, options->key_password, error);
    if (!identity.key_file)
        return true;
    bb_text_puts(error, identity.key_file);
    bb_text_puts(error, ": a key was given, but no certificate to go with it");
    return false;
}

void bb_tls_set_common(SSL_CTX *ssl, bool tls_1_3_only)
{
    SSL_CTX_set_min_proto_version(ssl, tls_1_3_only ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ssl,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ssl, 1); /* one system call for a record instead of two */
}

static bool set_up(SSL_CTX *ssl, const bb_tls_client_options *options, bb_text *error)
{
    bb_tls_set_common(ssl, options->tls_1_3_only);
    if (options->any_certificate)
        SSL_CTX_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    else
        SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, bb_tls_verify_failed);
    if (options->ciphers && SSL_CTX_set_cipher_list(ssl, options->ciphers) != 1)
        return bb_tls_refuse_file(options->ciphers, "not a list of ciphers", error);
    return (options->any_certificate || load_authorities(ssl, options, error)) && load_certificate(ssl, options, error);
}

bb_tls_context *bb_tls_context_make(const SSL_METHOD *method)
{
    bb_tls_context *context = calloc(1, sizeof *context);
    SSL_CTX *ssl = SSL_CTX_new(method);
    if (!context || !ssl) {
        SSL_CTX_free(ssl);
        free(context);
        return NULL;
    }
    context->references = 1;
    context->ssl = ssl;
    return context;
}

bb_tls_context *bb_tls_client_context_new(const bb_tls_client_options *options, bb_text *error)
{
    ERR_clear_error();
    bb_tls_context *context = bb_tls_context_make(TLS_client_method());
    if (!context) {
        bb_text_puts(error, "no memory for TLS");
        return NULL;
    }
    context->any_name = options->any_name;
    context->any_certificate = options->any_certificate;
    if (set_up(context->ssl, options, error))
        return context;
    bb_tls_context_free(context);
    return NULL;
}

void bb_tls_context_free(bb_tls_context *context)
{
    if (!context || atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < context->others_count; i++)
        SSL_CTX_free(context->others[i]);
    free(context->others);
    SSL_CTX_free(context->ssl);
    free(context);
}
