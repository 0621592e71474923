#include "net/inside.h"

bb_tls_context *bb_net_tls_context_new(const bb_net_tls *options, bb_text *error)
{
    const bb_tls_client_options tls = {
        .ca_file = options->ca_file,
        .ca_folder = options->ca_folder,
        .certificate_file = options->certificate_file,
        .key_file = options->key_file,
        .key_password = options->key_password,
        .ciphers = options->ciphers,
        .tls_1_3_only = options->tls_1_3_only,
        .any_name = options->any_name,
        .any_certificate = options->any_certificate,
    };
    return bb_tls_client_context_new(&tls, error);
}

void bb_net_target_fill(bb_net_target *target, size_t addresses_count, bb_tls_context *tls)
{
    const bb_url *url = &target->url;
    target->dial = (bb_dial_options){
        .addresses = target->addresses,
        .addresses_count = addresses_count,
        .unix_path = url->scheme == BB_URL_UNIX ? url->path : NULL,
        .tls = bb_url_is_tls(url) ? tls : NULL,
        .host = url->host,
        .port = url->port,
        .web_path = bb_url_is_websocket(url) ? url->path : NULL,
    };
    BB_CHECK(tls || !bb_url_is_tls(url));
}

bool bb_net_target_parse(bb_net_target *out, const char *url, bb_text *error)
{
    char wrong[BB_URL_ERROR_MAX];
    if (bb_url_parse(url, &out->url, wrong, sizeof wrong))
        return true;
    bb_text_puts(error, "the URL, ");
    bb_text_puts(error, wrong);
    return false;
}

bool bb_net_target_open(bb_net_target *out, const char *url, bb_tls_context *tls, bb_text *error)
{
    if (!bb_net_target_parse(out, url, error))
        return false;
    size_t n = 0;
    if (out->url.scheme != BB_URL_UNIX) {
        n = bb_resolve(out->url.host, out->url.port, out->addresses, BB_RESOLVE_MAX, error);
        if (!n)
            return false;
    }
    bb_net_target_fill(out, n, tls);
    return true;
}
