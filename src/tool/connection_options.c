#include "tool/connection_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/quantity.h"
#include "base/text.h"
#include "tool/say.h"
#include "tool/secret.h"

enum { PORT_MQTT = 1883, PORT_MQTTS = 8883, TLS_12 = 12, TLS_13 = 13 };

static const bb_cli_choice versions[] = {{"mqttv5", 5}, {"5", 5}, {"mqttv311", 4}, {"311", 4}, {NULL, 0}};
static const bb_cli_choice tls_versions[] = {{"tlsv1.2", TLS_12}, {"tlsv1.3", TLS_13}, {NULL, 0}};

#define IN(member) BB_CLI_AT(bb_connection_options, member)

// clang-format off
static const bb_cli_option rows[] = {
    {"url", 'L', BB_CLI_TEXT, IN(url), .value = "URL",
     .help = "Where to connect, and as whom: mqtt://user@host:1883/topic, mqtts://, ws://, wss:// or unix:/path."},
    {"host", 'h', BB_CLI_TEXT, IN(host), .value = "HOST",
     .help = "The broker's name or address; localhost where nothing is said."},
    {"port", 'p', BB_CLI_NUMBER, IN(port), BB_CLI_BETWEEN(1, 65535), .value = "PORT",
     .help = "The broker's port; 1883 where nothing is said, and 8883 with TLS. Port 8883 means TLS."},
    {"unix", 0, BB_CLI_FILE, IN(unix_path), .value = "PATH",
     .help = "Connect to this Unix socket."},
    {"profile", 0, BB_CLI_TEXT, IN(profile), .value = "NAME",
     .help = "Take options that are not given here from this profile in ~/.config/busbar/profiles.yaml."},
    {"username", 'u', BB_CLI_TEXT, IN(user), .value = "NAME", .alias = "user",
     .help = "The user name."},
    {"pw", 'P', BB_CLI_TEXT, IN(password), .value = "PASSWORD", .alias = "password",
     .help = "The password. Everyone on this machine can read it in the list of processes; the next two and the "
             "environment variable `BUSBAR_PASSWORD` are safer."},
    {"password-file", 0, BB_CLI_FILE, IN(password_file), .value = "FILE",
     .help = "Take the password from the first line of this file."},
    {"ask-password", 0, BB_CLI_FLAG, IN(ask_password),
     .help = "Ask for the password on the terminal, without showing it."},
    {"id", 'i', BB_CLI_TEXT, IN(client_id), .value = "ID",
     .help = "The client identifier; without it, one is made up."},
    {"id-prefix", 'I', BB_CLI_TEXT, IN(id_prefix), .value = "PREFIX",
     .help = "Make the client identifier of this text and the number of the process."},
    {"protocol-version", 'V', BB_CLI_CHOICE, IN(version), .choices = versions, .initial = "mqttv5",
     .help = "The version of MQTT: 5.0 or 3.1.1."},
    {"keepalive", 'k', BB_CLI_NUMBER, IN(keep_alive_s), BB_CLI_BETWEEN(0, 65535), .initial = "60", .value = "SECONDS",
     .help = "Show the broker every so often that we are there; 0: never."},
    {"disable-clean-session", 'c', BB_CLI_FLAG, IN(keep_session), .alias = "keep-session",
     .help = "Go on with the session that the broker has for this `--id`, and leave it one."},
    {"session-expiry-interval", 'x', BB_CLI_TEXT, IN(session_expiry), .value = "SECONDS",
     .help = "How long the broker keeps the session after the connection has ended; `-1`: for ever. MQTT 5.0 only."},
    {"connect-timeout", 0, BB_CLI_TIME, IN(timeout_us), .min = 0.001, .max = 3600, .initial = "10", .value = "TIME",
     .help = "How long the broker may take to accept the connection."},
    {"retry", 0, BB_CLI_FLAG, IN(retry),
     .help = "Keep trying where the first connection does not succeed, too."},
    {"follow-redirects", 0, BB_CLI_FLAG, IN(follow_redirects),
     .help = "Go where the broker says when it wants us to use another one; the password goes there, too."},
    {"quiet", 0, BB_CLI_FLAG, IN(quiet),
     .help = "No messages about errors; the exit code still tells."},
    {"debug", 'd', BB_CLI_FLAG, IN(debug),
     .help = "Say on standard error what happens on the connection."},

    {"tls", 0, BB_CLI_FLAG, IN(tls), .alias = "tls-use-os-certs", .heading = "TLS",
     .help = "Encrypt, and trust the authorities of this system; the same as a URL with mqtts. The options below "
             "mean TLS, too."},
    {"cafile", 0, BB_CLI_FILE, IN(ca_file), .value = "FILE",
     .help = "Trust the authorities in this PEM file, and no others."},
    {"capath", 0, BB_CLI_FOLDER, IN(ca_folder), .value = "FOLDER",
     .help = "Trust the authorities in this folder, which `openssl rehash` has prepared."},
    {"cert", 0, BB_CLI_FILE, IN(certificate), .value = "FILE",
     .help = "Our certificate, for brokers that ask for one: PEM, with its chain behind it."},
    {"key", 0, BB_CLI_FILE, IN(key), .value = "FILE",
     .help = "Its private key; without it, the key is in the file of `--cert`."},
    {"tls-version", 0, BB_CLI_CHOICE, IN(tls_version), .choices = tls_versions,
     .help = "The oldest version that is accepted; `tlsv1.2` where nothing is said."},
    {"ciphers", 0, BB_CLI_TEXT, IN(ciphers), .value = "LIST",
     .help = "The ciphers for TLS 1.2, as OpenSSL writes them."},
    {"insecure", 0, BB_CLI_FLAG, IN(insecure),
     .help = "Accept trusted certificates that are for another host. Anyone with such a one can read along."},
    {"trust-all", 0, BB_CLI_FLAG, IN(trust_all),
     .help = "Accept every certificate. Anyone at all can read along; for experiments only."},

    {"will-topic", 0, BB_CLI_TEXT, IN(will_topic), .value = "TOPIC", .heading = "Will",
     .help = "Where the broker publishes our will when the connection ends without a goodbye."},
    {"will-payload", 0, BB_CLI_TEXT, IN(will_payload), .value = "TEXT",
     .help = "The payload of the will; empty where nothing is said."},
    {"will-qos", 0, BB_CLI_NUMBER, IN(will_qos), BB_CLI_BETWEEN(0, 2), .value = "QOS",
     .help = "The QoS of the will."},
    {"will-retain", 0, BB_CLI_FLAG, IN(will_retain),
     .help = "The will is a retained message."},
};
// clang-format on

/* The number of the row that sets `member`. */
#define ROW(member) row_of(offsetof(bb_connection_options, member))
enum { ROWS = sizeof rows / sizeof *rows };

static size_t row_of(size_t offset)
{
    size_t i = 0;
    while (i < ROWS && rows[i].offset != offset)
        i++;
    BB_CHECK(i < ROWS);
    return i;
}

/* --- profile */

static bool names_broker(const bb_connection_options *o)
{
    return o->url || o->host || o->unix_path || o->port;
}

static bool apply_profile(bb_connection_options *o, bool *given, char *error)
{
    char path[BB_PROFILES_PATH_MAX];
    if (!o->profile && names_broker(o))
        return true;
    if (!bb_profiles_open(&o->profiles, error))
        return false;
    if (o->profile && !o->profiles) {
        snprintf(error, BB_CLI_ERROR_MAX, "--profile: there is no file %s", bb_profiles_path(path));
        return false;
    }
    const char *name = o->profile ? o->profile : "default";
    if (!o->profile && !bb_profiles_have(o->profiles, name))
        return true;
    if (names_broker(o)) /* where to, is said once: here or there */
        given[ROW(url)] = given[ROW(host)] = given[ROW(port)] = given[ROW(unix_path)] = true;
    return bb_profiles_apply(o->profiles, name, &bb_connection_group, given, o, error);
}

/* --- URL */

bool bb_is_broker_url(const char *word)
{
    static const char *const schemes[] = {"mqtt://", "mqtts://", "ws://", "wss://", "unix:"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncmp(word, schemes[i], strlen(schemes[i])) == 0)
            return true;
    return false;
}

/* Copy a text to the end of the settings' own; NULL stays NULL. */
static const char *keep(char **end, const char *text)
{
    if (!text)
        return NULL;
    char *copy = *end;
    *end = stpcpy(copy, text) + 1;
    return copy;
}

static void take_url(bb_connection_options *o, const bb_url *url, char *end)
{
    const char *host = keep(&end, url->host), *user = keep(&end, url->user), *password = keep(&end, url->password),
               *path = keep(&end, url->path);
    o->scheme = url->scheme;
    if (url->scheme == BB_URL_UNIX)
        o->unix_path = o->unix_path ? o->unix_path : path;
    else if (!o->host)
        o->host = host;
    if (!o->port)
        o->port = url->port;
    if (!o->user)
        o->user = user;
    if (!o->password && !o->password_file && !o->ask_password)
        o->password = password;
    if (bb_url_is_websocket(url))
        o->path = path;
    else if (url->scheme != BB_URL_UNIX && path && path[0] == '/' && path[1])
        o->topic = path + 1;
}

static bool split_url(bb_connection_options *o, char *error)
{
    char why[BB_URL_ERROR_MAX];
    if (!o->url)
        return true;
    bb_url *url = malloc(sizeof *url);
    o->text = malloc(sizeof url->memory + 8);
    bool parsed = url && o->text && bb_url_parse(o->url, url, why, sizeof why);
    if (parsed)
        take_url(o, url, o->text);
    else
        snprintf(error, BB_CLI_ERROR_MAX, "--url: %s", url && o->text ? why : "there is no memory");
    free(url);
    return parsed;
}

/* --- what depends on several options */

static bool wants_tls(const bb_connection_options *o)
{
    return o->tls || o->ca_file || o->ca_folder || o->certificate || o->key || o->tls_version || o->ciphers ||
           o->insecure || o->trust_all || o->port == PORT_MQTTS;
}

static bool settle_place(bb_connection_options *o, char *error)
{
    if (o->unix_path) {
        o->scheme = BB_URL_UNIX;
        if (!o->host && !o->port)
            return true;
        snprintf(error, BB_CLI_ERROR_MAX, "--unix: a socket has no host and no port");
        return false;
    }
    if (!o->host)
        o->host = "localhost";
    if (wants_tls(o) && o->scheme == BB_URL_MQTT)
        o->scheme = BB_URL_MQTTS;
    if (wants_tls(o) && o->scheme == BB_URL_WS)
        o->scheme = BB_URL_WSS;
    if (!o->port)
        o->port = o->scheme == BB_URL_MQTTS ? PORT_MQTTS : PORT_MQTT;
    return true;
}

static bool settle_session(bb_connection_options *o, char *error)
{
    uint64_t seconds;
    char shown[BB_SAY_SHOWN_MAX];
    o->session_expiry_s = o->keep_session ? UINT32_MAX : 0;
    if (o->keep_session && !o->client_id) {
        snprintf(error, BB_CLI_ERROR_MAX, "--disable-clean-session needs --id: whose session?");
        return false;
    }
    if (!o->session_expiry)
        return true;
    bb_span text = bb_span_text(o->session_expiry);
    if (strcmp(o->session_expiry, "-1") == 0 || strcmp(o->session_expiry, "∞") == 0) {
        o->session_expiry_s = UINT32_MAX;
    } else if (bb_digits_parse(text, &seconds) == text.len && text.len && seconds <= UINT32_MAX) {
        o->session_expiry_s = (uint32_t)seconds;
    } else {
        snprintf(error, BB_CLI_ERROR_MAX,
                 "--session-expiry-interval: found '%s', expected seconds from 0 to 4294967295, or -1 for ever",
                 bb_say_shown(text, shown));
        return false;
    }
    return true;
}

static bool fetch_password(bb_connection_options *o, char *error)
{
    if (o->password)
        return true;
    if (o->password_file)
        o->secret = bb_secret_read(o->password_file, error);
    else if (o->ask_password)
        o->secret = bb_secret_ask("Password: ", error);
    else if (o->user && getenv("BUSBAR_PASSWORD"))
        o->secret = strdup(getenv("BUSBAR_PASSWORD"));
    else
        return true;
    o->password = o->secret;
    return o->secret != NULL;
}

static bool check_rest(const bb_connection_options *o, char *error)
{
    const char *wrong = NULL;
    if (o->client_id && o->id_prefix)
        wrong = "--id and --id-prefix: only one of them is possible";
    else if (o->version < 5 && o->password && !o->user)
        wrong = "--pw: MQTT 3.1.1 wants a user name with a password";
    else if (!o->will_topic && (o->will_payload || o->will_qos || o->will_retain))
        wrong = "--will-topic is missing; without it there is no will";
    else if (o->will_payload && strlen(o->will_payload) > UINT16_MAX)
        wrong = "--will-payload: MQTT allows 65535 bytes";
    else if (o->key && !o->certificate)
        wrong = "--cert is missing; a key alone is of no use";
    if (wrong)
        snprintf(error, BB_CLI_ERROR_MAX, "%s", wrong);
    return !wrong;
}

static bool finish(void *settings, const bool *given_by_words, char *error)
{
    bb_connection_options *o = settings;
    bool given[BB_CLI_OPTIONS_MAX];
    memcpy(given, given_by_words, sizeof given);
    if (!apply_profile(o, given, error) || !split_url(o, error) || !settle_place(o, error) ||
        !settle_session(o, error) || !check_rest(o, error) || !fetch_password(o, error))
        return false;
    if (o->quiet)
        bb_say_quiet();
    return true;
}

static void release(void *settings)
{
    bb_connection_options *o = settings;
    bb_secret_free(o->secret);
    free(o->text);
    bb_profiles_close(o->profiles);
    o->secret = o->text = NULL;
    o->profiles = NULL;
}

const bb_cli_group bb_connection_group = {
    .title = "Connection", BB_CLI_ROWS(rows), .finish = finish, .release = release};

/* --- the URL that it comes down to */

/* Everything but letters, digits and what paths are made of stands as %XX. */
static bool put_escaped(char **at, const char *end, const char *text)
{
    for (; *text; text++) {
        uint8_t byte = (uint8_t)*text;
        bool plain =
            (bb_lower(byte) >= 'a' && bb_lower(byte) <= 'z') || (byte >= '0' && byte <= '9') || strchr("/._-~:", byte);
        if (end - *at < 4)
            return false;
        *at += plain ? sprintf(*at, "%c", byte) : sprintf(*at, "%%%02X", byte);
    }
    return true;
}

bool bb_connection_url(const bb_connection_options *o, char text[BB_URL_MAX])
{
    static const char *const schemes[] = {
        [BB_URL_MQTT] = "mqtt", [BB_URL_MQTTS] = "mqtts", [BB_URL_WS] = "ws", [BB_URL_WSS] = "wss"};
    char *at = text;
    if (o->scheme == BB_URL_UNIX) {
        at += sprintf(at, "unix:");
        return put_escaped(&at, text + BB_URL_MAX, o->unix_path);
    }
    bool is_ipv6 = strchr(o->host, ':') && o->host[0] != '[';
    int len = snprintf(text, BB_URL_MAX, "%s://%s%s%s:%u%s", schemes[o->scheme], is_ipv6 ? "[" : "", o->host,
                       is_ipv6 ? "]" : "", o->port, o->path ? o->path : "");
    return len < BB_URL_MAX;
}
