#include <stdlib.h>

#include "server/listener.h"

/* Cut a copy of some lines into zero-terminated texts; returns how many there are. */
static size_t split(char *lines, const char *out[BB_TLS_IDENTITIES_MAX])
{
    size_t n = 0;
    while (lines && *lines && n < BB_TLS_IDENTITIES_MAX) {
        out[n++] = lines;
        lines = strchr(lines, '\n');
        if (lines)
            *lines++ = 0;
    }
    return n;
}

static size_t put_identities(char *certificates, char *keys, bb_tls_identity out[BB_TLS_IDENTITIES_MAX])
{
    const char *certificate_files[BB_TLS_IDENTITIES_MAX], *key_files[BB_TLS_IDENTITIES_MAX];
    size_t n = split(certificates, certificate_files), keys_count = split(keys, key_files);
    for (size_t i = 0; i < n; i++)
        out[i] = (bb_tls_identity){certificate_files[i], i < keys_count ? key_files[i] : NULL};
    return n;
}

bb_tls_context *bb_listener_tls_context(const bb_listener_settings *settings, bb_text *error)
{
    bb_tls_identity identities[BB_TLS_IDENTITIES_MAX];
    bb_tls_context *context = NULL;
    char *certificates = strdup(settings->certificates), *keys = settings->keys ? strdup(settings->keys) : NULL;
    if (certificates && (keys || !settings->keys)) {
        const bb_tls_server_options options = {
            .identities = identities,
            .identities_count = put_identities(certificates, keys, identities),
            .ciphers = settings->ciphers,
            .suites = settings->suites,
            .groups = settings->groups,
            .alpn = settings->protocol == BB_PROTOCOL_WSS ? "http/1.1" : "mqtt",
            .client_certificate = settings->client_certificate,
            .client_ca_file = settings->client_ca,
            .tls_1_3_only = settings->tls_minimum == BB_TLS_MINIMUM_1_3,
            .resumption = settings->resumption,
        };
        context = bb_tls_server_context_new(&options, error);
    } else {
        bb_text_puts(error, "no memory for TLS");
    }
    free(certificates);
    free(keys);
    return context;
}
