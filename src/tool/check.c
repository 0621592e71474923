/* check.c - `busbar check`: what can this broker do, and does anything look wrong?
 *
 * It connects as told, takes down what the broker says about itself, and tries what can be tried without harm, on
 * topics of its own below busbar-check/. What was found is a list of facts; text and JSON are two ways to print it. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "net/net.h"
#include "tool/commands.h"
#include "tool/findings.h"
#include "tool/probe.h"
#include "tool/say.h"
#include "transport/tls.h"

enum { DAY_S = 86400, SLOW_US = 1000000 };

/* --- options */

typedef struct report_options {
    bool json;
    uint64_t days; /* before the end of a certificate that are too few */
} report_options;

typedef struct check_settings {
    report_options report;
    bb_connection_options connection;
} check_settings;

#define IN(member) BB_CLI_AT(report_options, member)

// clang-format off
static const bb_cli_option report_rows[] = {
    {"json", 0, BB_CLI_FLAG, IN(json),
     .help = "Print one JSON object."},
    {"days", 0, BB_CLI_NUMBER, IN(days), BB_CLI_BETWEEN(0, 3650), .initial = "14", .value = "N",
     .help = "A certificate that ends in fewer days looks wrong."},
};
// clang-format on

static const bb_cli_group report_group = {.title = "Report", BB_CLI_ROWS(report_rows)};

/* --- one run */

typedef struct run {
    const check_settings *settings;
    bb_findings findings;
    bb_probe probe;
} run;

static bool is_local(const run *r)
{
    const bb_connection_options *o = &r->settings->connection;
    return o->scheme == BB_URL_UNIX || strcmp(o->host, "localhost") == 0 || strncmp(o->host, "127.", 4) == 0 ||
           strcmp(o->host, "::1") == 0;
}

static bool is_encrypted(const run *r)
{
    return r->settings->connection.scheme == BB_URL_MQTTS || r->settings->connection.scheme == BB_URL_WSS;
}

/* --- TLS */

static void add_certificate(run *r, json_t *chain, size_t number, const bb_tls_certificate *certificate)
{
    char until[32], text[640];
    time_t now = time(NULL);
    struct tm day;
    long days = (long)((certificate->not_after - now) / DAY_S);
    gmtime_r(&certificate->not_after, &day);
    strftime(until, sizeof until, "%Y-%m-%d", &day);
    snprintf(text, sizeof text, "%s, until %s (%ld days), by %s", certificate->subject, until, days,
             certificate->issuer);
    bb_findings_add(&r->findings, NULL, number == 0 ? "certificate" : "signed by", NULL, "%s", text);
    json_array_append_new(chain, json_pack("{s:s, s:s, s:s, s:I}", "subject", certificate->subject, "issuer",
                                           certificate->issuer, "not_after", until, "days_left", (json_int_t)days));
    if (certificate->not_after < now)
        bb_findings_wrong(&r->findings, "the certificate of %s ended on %s", certificate->subject, until);
    else if (days < (long)r->settings->report.days)
        bb_findings_wrong(&r->findings, "the certificate of %s ends in %ld days", certificate->subject, days);
    if (certificate->not_before > now)
        bb_findings_wrong(&r->findings, "the certificate of %s is not valid yet", certificate->subject);
}

static void describe_tls(run *r)
{
    const bb_transport *transport = bb_net_transport(r->probe.net);
    const char *version = bb_tls_version(transport);
    if (!version)
        return;
    bb_findings_add(&r->findings, "tls_version", "TLS", json_string(version), "%s, %s", version,
                    bb_tls_cipher(transport));
    bb_findings_add(&r->findings, "tls_cipher", NULL, json_string(bb_tls_cipher(transport)), "%s", "");
    json_t *chain = json_array();
    for (size_t i = 0; i < bb_tls_certificates(transport); i++) {
        bb_tls_certificate certificate;
        bb_tls_certificate_get(transport, i, &certificate);
        add_certificate(r, chain, i, &certificate);
    }
    bb_findings_add(&r->findings, "certificates", NULL, chain, "%s", "");
}

/* --- connecting */

static bool open_as_told(run *r)
{
    bb_connection_options trusting = r->settings->connection;
    if (bb_probe_open(&r->probe, &trusting, trusting.version))
        return true;
    if (!is_encrypted(r) || trusting.trust_all || r->probe.cause == BB_CLIENT_REFUSED)
        return false;
    /* Where the certificate is at fault, look at it without believing it. */
    char why[BB_PROBE_ERROR_MAX];
    memcpy(why, r->probe.error, sizeof why);
    bb_probe_close(&r->probe);
    trusting.trust_all = true;
    if (!bb_probe_open(&r->probe, &trusting, trusting.version)) {
        memcpy(r->probe.error, why, sizeof why);
        return false;
    }
    bb_findings_wrong(&r->findings, "%s", why);
    return true;
}

/* Does it speak this version? The user's own choice has been tried already. */
static void try_version(run *r, uint8_t version, const char *key, const char *name)
{
    bb_probe other = {.net = NULL};
    bb_connection_options o = r->settings->connection;
    bool yes = version == o.version;
    if (!yes) {
        o.trust_all = is_encrypted(r);
        yes = bb_probe_open(&other, &o, version);
        bb_probe_close(&other);
    }
    bb_findings_add(&r->findings, key, name, json_boolean(yes), yes ? "yes" : "no: %s", other.error);
}

/* Would it let anyone in? */
static void try_anonymous(run *r)
{
    bb_probe other = {.net = NULL};
    bb_connection_options o = r->settings->connection;
    bool yes = !o.user;
    if (!yes) {
        o.user = o.password = NULL;
        o.trust_all = is_encrypted(r);
        yes = bb_probe_open(&other, &o, o.version);
        bb_probe_close(&other);
    }
    bb_findings_add(&r->findings, "anonymous", "without user name", json_boolean(yes), "%s",
                    yes ? "may connect" : "refused");
    if (yes && !is_local(r) && !r->settings->connection.certificate)
        bb_findings_wrong(&r->findings, "anyone can connect without a user name, from outside of this machine");
}

/* --- what it offers */

static void add_feature(run *r, const char *key, const char *name, bool said, bb_tried tried)
{
    static const char *const texts[] = {[BB_TRIED_WORKS] = "yes, tried",
                                        [BB_TRIED_FAILS] = "said to be there, but it does not work",
                                        [BB_TRIED_FORBIDDEN] = "yes; not tried, this user may not",
                                        [BB_TRIED_NOT] = "yes, not tried"};
    bb_findings_add(&r->findings, key, name, json_boolean(said && tried != BB_TRIED_FAILS), "%s",
                    said ? texts[tried] : "no");
    if (said && tried == BB_TRIED_FAILS)
        bb_findings_wrong(&r->findings, "%s: the broker says that it has them, but they do not work", name);
}

static void describe_qos(run *r, const bb_tries *tries)
{
    unsigned maximum = r->probe.server.maximum_qos;
    bool works = tries->qos_works >= (int)maximum;
    bb_findings_add(&r->findings, "maximum_qos", "highest QoS", json_integer(maximum), "%u%s", maximum,
                    tries->forbidden ? "; not tried, this user may not publish to busbar-check/..."
                    : works          ? ", tried"
                                     : ", but it does not work");
    if (!tries->forbidden && !works)
        bb_findings_wrong(&r->findings, "a message of QoS %d did not come back", tries->qos_works + 1);
}

static void add_limit(run *r, const char *key, const char *name, uint64_t limit, uint64_t none, const char *unit)
{
    if (limit >= none)
        bb_findings_add(&r->findings, key, name, json_null(), "no limit");
    else
        bb_findings_add(&r->findings, key, name, json_integer((json_int_t)limit), "%llu%s", (unsigned long long)limit,
                        unit);
}

static void describe_limits(run *r)
{
    const bb_client_server *server = &r->probe.server;
    unsigned asked = r->settings->connection.keep_alive_s;
    add_limit(r, "maximum_packet_size", "largest packet", server->maximum_packet_size, 268435460, " bytes");
    add_limit(r, "receive_maximum", "unacknowledged", server->receive_maximum, UINT32_MAX, " messages at a time");
    bb_findings_add(&r->findings, "keep_alive_s", "keep alive", json_integer(server->keep_alive_s), "%u s%s",
                    server->keep_alive_s, server->keep_alive_s == asked ? "" : ", by order of the broker");
    bb_findings_add(&r->findings, "response_information", "response information",
                    json_boolean(r->probe.has_response_info), "%s", r->probe.has_response_info ? "yes" : "no");
}

static void describe_speed(run *r, const bb_tries *tries)
{
    if (!tries->round_trip_us)
        return;
    bb_findings_add(&r->findings, "round_trip_ms", "there and back", json_real((double)tries->round_trip_us / 1000),
                    "%.2f ms (QoS 0)", (double)tries->round_trip_us / 1000);
    if (tries->round_trip_us > SLOW_US)
        bb_findings_wrong(&r->findings, "a message needs more than a second to come back");
}

static void describe_features(run *r, const bb_tries *tries)
{
    const bb_client_server *server = &r->probe.server;
    bool five = r->settings->connection.version == 5;
    describe_qos(r, tries);
    add_feature(r, "retain", "retained messages", server->retain_available, tries->retain);
    add_feature(r, "wildcard", "wildcards", server->wildcard_available, tries->wildcard);
    if (!five)
        return;
    add_feature(r, "shared", "shared subscriptions", server->shared_available, tries->shared);
    add_feature(r, "subscription_id", "subscription ids", server->subscription_id_available, tries->subscription_id);
    bb_findings_add(&r->findings, "topic_alias_maximum", "topic aliases", json_integer(server->topic_alias_maximum),
                    "%u%s", server->topic_alias_maximum, tries->alias == BB_TRIED_WORKS ? ", tried" : "");
    if (tries->alias == BB_TRIED_FAILS)
        bb_findings_wrong(&r->findings, "a message with a topic alias did not come back");
    describe_limits(r);
}

/* --- the whole */

static void look_at_safety(run *r)
{
    const bb_connection_options *o = &r->settings->connection;
    if (is_encrypted(r) || is_local(r))
        return;
    bb_findings_wrong(&r->findings, o->password ? "the connection is not encrypted, and the password goes over it"
                                                : "the connection is not encrypted");
}

static int fail(run *r)
{
    bb_findings_wrong(&r->findings, "%s", r->probe.error);
    bb_findings_print(&r->findings, r->probe.url, r->settings->report.json);
    return r->probe.cause == BB_CLIENT_REFUSED ? BB_EXIT_REFUSED : BB_EXIT_CONNECT;
}

static int check_broker(run *r)
{
    bb_tries tries;
    char version[BB_PROBE_TEXT_MAX];
    if (!open_as_told(r))
        return fail(r);
    bb_probe_broker_version(&r->probe, version);
    bb_findings_add(&r->findings, "broker", "broker", *version ? json_string(version) : json_null(), "%s",
                    *version ? version : "does not say what it is");
    describe_tls(r);
    try_version(r, 5, "mqtt_5", "MQTT 5.0");
    try_version(r, 4, "mqtt_311", "MQTT 3.1.1");
    try_anonymous(r);
    bb_probe_try(&r->probe, &tries);
    describe_features(r, &tries);
    describe_speed(r, &tries);
    look_at_safety(r);
    bb_findings_print(&r->findings, r->probe.url, r->settings->report.json);
    return r->findings.wrong_count ? BB_EXIT_FINDING : BB_EXIT_OK;
}

static int run_check(void *settings)
{
    run r = {.settings = settings};
    bb_findings_init(&r.findings);
    int code = check_broker(&r);
    bb_probe_close(&r.probe);
    bb_findings_free(&r.findings);
    return code;
}

const bb_cli_command bb_command_check = {
    .name = "check",
    .summary = "say what a broker can do, and what looks wrong",
    .synopsis = (const char *const[]){"[OPTION]... [HOST | URL]", NULL},
    .description =
        (const char *const[]){
            "Connects, says what the broker offers, and tries what can be tried without harm: messages "
            "of each QoS, retained messages, wildcards, shared subscriptions, subscription "
            "identifiers and topic aliases, on topics of its own below busbar-check/, of which "
            "nothing remains. With TLS, also version, cipher and the chain of certificates.",
            "The exit code is 7 when something looks wrong.", NULL},
    .arguments = (const bb_cli_argument[]){{"URL", BB_CLI_TEXT, offsetof(check_settings, connection.url),
                                            .takes = bb_is_broker_url, .help = "The same as `--url`."},
                                           {"HOST", BB_CLI_TEXT, offsetof(check_settings, connection.host),
                                            .help = "The same as `--host`."},
                                           {.name = NULL}},
    .groups = (const bb_cli_placed[]){{&report_group, offsetof(check_settings, report)},
                                      {&bb_connection_group, offsetof(check_settings, connection)},
                                      {NULL, 0}},
    .examples =
        (const bb_cli_example[]){
            {"busbar check broker.example", "On port 1883."},
            {"busbar check mqtts://me@broker.example", "With TLS, as a user."},
            {"busbar check --json mqtts://broker.example | jq '.certificates[0].days_left'", "For a monitor."},
            {NULL, NULL}},
    .manual = (const char *const[]){BB_CONNECTION_MANUAL, NULL},
    .settings_size = sizeof(check_settings),
    .run = run_check,
};
