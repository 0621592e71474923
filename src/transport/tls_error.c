#include "transport/tls_inside.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "transport/socket.h"

/* --- what is wrong with a certificate */

void bb_tls_put_name(bb_text *text, const X509_NAME *name)
{
    char line[256];
    BIO *memory = BIO_new(BIO_s_mem());
    int n = 0;
    if (memory && X509_NAME_print_ex(memory, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
        n = BIO_read(memory, line, sizeof line);
    BIO_free(memory);
    bb_text_put(text, bb_span_of(line, n > 0 ? (size_t)n : 0));
}

static void put_time(bb_text *text, const ASN1_TIME *time)
{
    struct tm when;
    char line[32];
    if (ASN1_TIME_to_tm(time, &when) == 1 && strftime(line, sizeof line, "%Y-%m-%d %H:%M:%S UTC", &when))
        bb_text_puts(text, line);
}

static void put_general_name(bb_text *text, const GENERAL_NAME *name)
{
    if (name->type == GEN_DNS) {
        const ASN1_STRING *dns = name->d.dNSName;
        bb_text_put(text, bb_span_of(ASN1_STRING_get0_data(dns), (size_t)ASN1_STRING_length(dns)));
    } else if (name->type == GEN_IPADD) {
        const ASN1_STRING *ip = name->d.iPAddress;
        char digits[INET6_ADDRSTRLEN] = "of unknown kind";
        int len = ASN1_STRING_length(ip);
        if (len == 4 || len == 16)
            inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip), digits, sizeof digits);
        bb_text_puts(text, "the IP address ");
        bb_text_puts(text, digits);
    } else {
        bb_text_puts(text, "something that is not a host");
    }
}

/* The names that a certificate is for: "a.example, the IP address 192.0.2.1". */
static void put_names(bb_text *text, const X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int n = sk_GENERAL_NAME_num(names); /* -1 for NULL */
    for (int i = 0; i < n; i++) {
        bb_text_puts(text, i ? ", " : "");
        put_general_name(text, sk_GENERAL_NAME_value(names, i));
    }
    if (n <= 0)
        bb_tls_put_name(text, X509_get_subject_name(certificate));
    GENERAL_NAMES_free(names);
}

static void put_wrong_name(bb_text *text, const bb_tls *tls, const X509 *certificate)
{
    bb_text_puts(text, "the server's certificate is not for ");
    bb_text_puts(text, tls->host);
    bb_text_puts(text, ", but for ");
    put_names(text, certificate);
}

static void put_untrusted(bb_text *text, const char *whose, const X509 *certificate, const char *why)
{
    bb_text_puts(text, whose);
    bb_text_puts(text, " certificate is not trusted: ");
    bb_text_puts(text, why);
    bb_text_puts(text, " (");
    bb_tls_put_name(text, X509_get_subject_name(certificate));
    bb_text_puts(text, ", issued by ");
    bb_tls_put_name(text, X509_get_issuer_name(certificate));
    bb_text_puts(text, ")");
}

static void put_time_error(bb_text *text, const char *whose, const X509 *certificate, int depth, bool expired)
{
    bb_text_puts(text, depth ? "a certificate in " : "");
    bb_text_puts(text, whose);
    bb_text_puts(text, depth ? " chain (" : " certificate (");
    bb_tls_put_name(text, X509_get_subject_name(certificate));
    bb_text_puts(text, expired ? ") expired at " : ") is not valid before ");
    put_time(text, expired ? X509_get0_notAfter(certificate) : X509_get0_notBefore(certificate));
}

static void put_verify_error(bb_text *text, const bb_tls *tls, X509_STORE_CTX *store)
{
    const X509 *certificate = X509_STORE_CTX_get_current_cert(store);
    const char *whose = tls->server ? "the client's" : "the server's";
    int error = X509_STORE_CTX_get_error(store), depth = X509_STORE_CTX_get_error_depth(store);
    switch (certificate ? error : -1) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        put_wrong_name(text, tls, certificate);
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        put_time_error(text, whose, certificate, depth, true);
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        put_time_error(text, whose, certificate, depth, false);
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        put_untrusted(text, whose, certificate, "its issuer is not among the authorities that are trusted here");
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        put_untrusted(text, whose, certificate,
                      "it has signed itself, and is not among the authorities that are trusted here");
        break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        put_untrusted(text, whose, certificate, "the authority of its chain is not among those that are trusted here");
        break;
    default:
        bb_text_puts(text, whose);
        bb_text_puts(text, " certificate is not trusted: ");
        bb_text_puts(text, X509_verify_cert_error_string(error));
    }
}

static void keep(bb_tls *tls, const bb_text *text)
{
    tls->error_len = (uint32_t)text->len;
}

int bb_tls_verify_failed(int passed, X509_STORE_CTX *store)
{
    if (passed)
        return 1;
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    bb_tls *tls = SSL_get_app_data(ssl);
    tls->reason = tls->server ? BB_E_CLIENT_CERTIFICATE : BB_OK;
    if (!tls->error_len) {
        bb_text text = bb_text_on(tls->error, sizeof tls->error);
        put_verify_error(&text, tls, store);
        keep(tls, &text);
    }
    return 0;
}

/* --- what OpenSSL reports otherwise */

/* The reasons that people meet, in words that say what to do; NULL for all others. First as a client sees them. */
static const char *client_words_for(int reason)
{
    switch (reason) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
        return "the server does not speak TLS on this port";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        return "the server and we have no version of TLS in common";
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return "the server has refused the handshake: it may want a client certificate, or there is no cipher in "
               "common";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return "the server wants a client certificate";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        return "the server does not trust our certificate: it does not know who issued it";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
        return "the server has refused our certificate";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        return "the server has refused our certificate: it has expired";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
        return "the server has refused our certificate: it is revoked";
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
        return "the server has refused our certificate: access denied";
    case SSL_R_TLSV1_UNRECOGNIZED_NAME:
        return "the server does not know the name that was dialled";
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
        return "the server does not offer MQTT on this port (ALPN)";
    default:
        return NULL;
    }
}

static const char *server_words_for(int reason)
{
    switch (reason) {
    case SSL_R_HTTP_REQUEST:
        return "the client speaks HTTP without TLS";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
        return "the client does not speak TLS: it may be an MQTT client without it";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        return "the client and we have no version of TLS in common";
    case SSL_R_NO_SHARED_CIPHER:
        return "the client and we have no cipher in common";
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
        return "the client and we have no group for the key exchange in common";
    case SSL_R_NO_APPLICATION_PROTOCOL:
        return "the client offers protocols (ALPN), and not the one of this listener";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return "the client has sent no certificate, and this listener requires one";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        return "the client does not trust our certificate: it does not know who issued it";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        return "the client has refused our certificate: it may dial another name than the certificate is for";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        return "the client has refused our certificate: it has expired";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
        return "the client has refused our certificate: it is revoked";
    default:
        return NULL;
    }
}

void bb_tls_put_openssl_error(bb_text *text, bool server)
{
    unsigned long error = ERR_peek_last_error();
    const char *words = NULL;
    if (error && ERR_GET_LIB(error) == ERR_LIB_SSL)
        words = server ? server_words_for(ERR_GET_REASON(error)) : client_words_for(ERR_GET_REASON(error));
    if (!words)
        words = error ? ERR_reason_error_string(error) : "unknown cause";
    bb_text_puts(text, words ? words : "an error of TLS without a text");
    ERR_clear_error();
}

static void put_closed(bb_text *text, const bb_tls *tls)
{
    bb_text_puts(text, tls->server ? "the client" : "the server");
    bb_text_puts(text, tls->open ? " closed the connection" : " closed the connection during the TLS handshake");
}

void bb_tls_set_error(bb_tls *tls, int ssl_error)
{
    if (tls->error_len) {
        ERR_clear_error();
        return;
    }
    bb_text text = bb_text_on(tls->error, sizeof tls->error);
    if (tls->server && ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        tls->reason = BB_E_CLIENT_CERTIFICATE;
    if (ssl_error == SSL_ERROR_SSL && ERR_peek_last_error())
        bb_tls_put_openssl_error(&text, tls->server);
    else if (tls->lower_error) /* the transport below explains it; an alert that is still unread would be better */
        text.len = 0;
    else
        put_closed(&text, tls);
    keep(tls, &text);
    ERR_clear_error();
}
