/* connection_options.h - where to connect, as whom, and how: the options that all commands have.
 *
 * What      One group of rows. Each value comes from the command line or, where it is not given there, from a profile
 *           (profile.h); then the URL is taken apart, and the password fetched from where it was said to be.
 * Memory    The settings own what they fetched; bb_cli_release frees it. */
#ifndef BB_TOOL_CONNECTION_OPTIONS_H
#define BB_TOOL_CONNECTION_OPTIONS_H

#include <busbar/url.h>

#include "tool/profile.h"

enum { BB_CLIENT_ID_TEXT_MAX = 128 };

typedef struct bb_connection_options {
    const char *url, *host, *unix_path, *profile;
    uint16_t port; /* 0: that of the scheme */

    const char *user, *password, *password_file;
    bool ask_password;
    const char *client_id, *id_prefix;

    uint8_t version; /* 4 or 5 */
    uint16_t keep_alive_s;
    bool keep_session;
    const char *session_expiry;
    uint64_t timeout_us;
    bool retry, follow_redirects, quiet, debug;

    bool tls;
    const char *ca_file, *ca_folder, *certificate, *key, *ciphers;
    uint8_t tls_version; /* 12 or 13; 0: not said */
    bool insecure, trust_all;

    const char *will_topic, *will_payload;
    uint8_t will_qos;
    bool will_retain;

    /* What follows is made of it. */
    bb_url_scheme scheme;
    const char *topic;         /* of the URL; NULL: none */
    const char *path;          /* of ws: and wss: */
    uint32_t session_expiry_s; /* UINT32_MAX: for ever */
    char *secret;              /* the password, where it was fetched; malloc'ed */
    char *text;                /* the URL's host, user, password, path; malloc'ed */
    bb_profiles *profiles;
} bb_connection_options;

extern const bb_cli_group bb_connection_group;

/* Is this word a URL that names a broker? For arguments that may be one. */
bool bb_is_broker_url(const char *word);

/* The URL that the options come down to, without user and password. False: it does not fit. */
bool bb_connection_url(const bb_connection_options *options, char text[BB_URL_MAX]);

/* The manual's chapters on URLs, profiles and passwords, as pairs of title and text. */
#define BB_CONNECTION_MANUAL                                                                                           \
    "URL",                                                                                                             \
        "`mqtt://`user:password@host:port/topic, `mqtts://` with TLS, `ws://` and `wss://`host:port/path as a "        \
        "WebSocket, `unix:`/path/of/socket. What is not said is left out: `mqtt://localhost` will do. Special "        \
        "characters are written as percent signs with two hexadecimal digits. With mqtt and mqtts, the path is the "   \
        "topic.",                                                                                                      \
        "PROFILES",                                                                                                    \
        "`~/.config/busbar/profiles.yaml` (or below $XDG_CONFIG_HOME) holds options that need not be repeated, by "    \
        "their long names:\n"                                                                                          \
        "\n"                                                                                                           \
        "default:\n"                                                                                                   \
        "  host: localhost\n"                                                                                          \
        "site:\n"                                                                                                      \
        "  url: mqtts://broker.example\n"                                                                              \
        "  username: operator\n"                                                                                       \
        "  password-file: /home/me/.site-password\n"                                                                   \
        "\n"                                                                                                           \
        "`--profile site` takes the second. The profile `default` is taken where neither a profile nor a broker is "   \
        "named, so that its password never goes to another broker. Options of the command line win.",                  \
        "PASSWORDS",                                                                                                   \
        "In this order: `--pw`, which everyone on this machine can read in the list of processes; `--password-file`; " \
        "`--ask-password`, on the terminal; the URL; the environment variable `BUSBAR_PASSWORD`, if there is a user "  \
        "name."

#endif
