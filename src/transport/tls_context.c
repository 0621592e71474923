#include "transport/tls_inside.h"

#include <errno.h>
#include <openssl/err.h>
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

static bool refuse(const char *file, const char *what, bb_text *error)
{
    bb_text_puts(error, file);
    bb_text_puts(error, ": ");
    bb_text_puts(error, what);
    bb_text_puts(error, ": ");
    bb_tls_put_openssl_error(error);
    return false;
}

static bool readable(const char *file, bb_text *error)
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
        return SSL_CTX_set_default_verify_paths(ssl) == 1 || refuse("system", "cannot load its authorities", error);
    if (options->ca_file) {
        if (!readable(options->ca_file, error))
            return false;
        if (SSL_CTX_load_verify_file(ssl, options->ca_file) != 1)
            return refuse(options->ca_file, "not a PEM file of certificates", error);
    }
    if (options->ca_folder) {
        if (!readable(options->ca_folder, error))
            return false;
        if (SSL_CTX_load_verify_dir(ssl, options->ca_folder) != 1)
            return refuse(options->ca_folder, "not a folder of certificates", error);
    }
    return true;
}

static bool load_certificate(SSL_CTX *ssl, const bb_tls_client_options *options, bb_text *error)
{
    const char *file = options->certificate_file, *key = options->key_file ? options->key_file : file;
    if (!file && !key)
        return true;
    if (!file) {
        bb_text_puts(error, key);
        bb_text_puts(error, ": a key was given, but no certificate to go with it");
        return false;
    }
    if (!readable(file, error) || !readable(key, error))
        return false;
    if (SSL_CTX_use_certificate_chain_file(ssl, file) != 1)
        return refuse(file, "not a PEM file with a certificate", error);
    SSL_CTX_set_default_passwd_cb(ssl, key_password);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, (void *)(uintptr_t)options->key_password);
    bool loaded = SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL); /* it was borrowed */
    if (!loaded)
        return refuse(key, "not a PEM file with the key of the certificate, or its password is missing or wrong",
                      error);
    return true;
}

static bool set_up(SSL_CTX *ssl, const bb_tls_client_options *options, bb_text *error)
{
    SSL_CTX_set_min_proto_version(ssl, options->tls_1_3_only ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ssl,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ssl, 1); /* one system call for a record instead of two */
    if (options->any_certificate)
        SSL_CTX_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    else
        SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, bb_tls_verify_failed);
    if (options->ciphers && SSL_CTX_set_cipher_list(ssl, options->ciphers) != 1)
        return refuse(options->ciphers, "not a list of ciphers", error);
    return (options->any_certificate || load_authorities(ssl, options, error)) && load_certificate(ssl, options, error);
}

bb_tls_context *bb_tls_client_context_new(const bb_tls_client_options *options, bb_text *error)
{
    ERR_clear_error();
    bb_tls_context *context = malloc(sizeof *context);
    SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());
    if (!context || !ssl) {
        bb_text_puts(error, "no memory for TLS");
    } else if (set_up(ssl, options, error)) {
        *context = (bb_tls_context){ssl, options->any_name, options->any_certificate};
        return context;
    }
    SSL_CTX_free(ssl);
    free(context);
    return NULL;
}

void bb_tls_context_free(bb_tls_context *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ssl);
    free(context);
}
