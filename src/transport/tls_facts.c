#include "transport/tls_inside.h"

static SSL *ssl_of(const bb_transport *transport)
{
    const bb_transport *part = bb_transport_part(transport, BB_TLS_NAME);
    return part ? ((const bb_tls *)part->state)->ssl : NULL;
}

const char *bb_tls_version(const bb_transport *transport)
{
    const SSL *ssl = ssl_of(transport);
    return ssl ? SSL_get_version(ssl) : NULL;
}

const char *bb_tls_cipher(const bb_transport *transport)
{
    const SSL *ssl = ssl_of(transport);
    return ssl ? SSL_get_cipher_name(ssl) : NULL;
}

bool bb_tls_alpn_agreed(const bb_transport *transport)
{
    const SSL *ssl = ssl_of(transport);
    const unsigned char *name = NULL;
    unsigned len = 0;
    if (ssl)
        SSL_get0_alpn_selected(ssl, &name, &len);
    return len > 0;
}

bool bb_tls_resumed(const bb_transport *transport)
{
    SSL *ssl = ssl_of(transport);
    return ssl && SSL_session_reused(ssl) == 1;
}

bool bb_tls_peer_subject(const bb_transport *transport, bb_text *text)
{
    const SSL *ssl = ssl_of(transport);
    const X509 *certificate = ssl ? SSL_get0_peer_certificate(ssl) : NULL;
    if (certificate)
        bb_tls_put_name(text, X509_get_subject_name(certificate));
    return certificate != NULL;
}

static STACK_OF(X509) * chain_of(const bb_transport *transport)
{
    const SSL *ssl = ssl_of(transport);
    return ssl ? SSL_get_peer_cert_chain(ssl) : NULL;
}

size_t bb_tls_certificates(const bb_transport *transport)
{
    int n = sk_X509_num(chain_of(transport)); /* -1 for NULL */
    return n > 0 ? (size_t)n : 0;
}

static void copy_name(char *into, size_t room, const X509_NAME *name)
{
    bb_text text = bb_text_on(into, room - 1);
    bb_tls_put_name(&text, name);
    into[text.len] = 0;
}

static time_t time_of(const ASN1_TIME *time)
{
    struct tm when;
    return ASN1_TIME_to_tm(time, &when) == 1 ? timegm(&when) : 0;
}

void bb_tls_certificate_get(const bb_transport *transport, size_t number, bb_tls_certificate *out)
{
    BB_CHECK(number < bb_tls_certificates(transport));
    const X509 *certificate = sk_X509_value(chain_of(transport), (int)number);
    copy_name(out->subject, sizeof out->subject, X509_get_subject_name(certificate));
    copy_name(out->issuer, sizeof out->issuer, X509_get_issuer_name(certificate));
    out->not_before = time_of(X509_get0_notBefore(certificate));
    out->not_after = time_of(X509_get0_notAfter(certificate));
}
