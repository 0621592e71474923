#include "server/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka needs the four before it */
#include <cmocka.h>

#include "server/option.h"
#include "transport/tls.h"

static bb_config_report report;

/* --- helpers */

static void expect_ok(const char *yaml, bb_settings *out)
{
    bool ok = bb_config_parse("f.yaml", bb_span_text(yaml), NULL, 0, out, &report);
    if (!ok)
        print_error("%s", report.problems[0].text);
    assert_true(ok);
}

/* `yaml` has exactly one problem, and it reads `message`. */
static void expect_problem(const char *yaml, const char *message)
{
    bb_settings settings;
    assert_false(bb_config_parse("f.yaml", bb_span_text(yaml), NULL, 0, &settings, &report));
    assert_string_equal(report.problems[0].text, message);
    assert_int_equal(report.count, 1);
}

static void expect_override_problem(const char *option, const char *key, const char *value, const char *message)
{
    bb_settings settings;
    bb_override override = {option, key, value};
    assert_false(bb_config_parse("f.yaml", BB_SPAN_NONE, &override, 1, &settings, &report));
    assert_string_equal(report.problems[0].text, message);
    assert_int_equal(report.count, 1);
}

/* --- good files */

static void nothing_in_the_file_means_defaults(void **state)
{
    static const char *const files[] = {"",       "\n\n", "# only a comment\n", "---\n", "~",
                                        "null\n", "{}",   "limits:\nlog:\n"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        bb_settings settings;
        expect_ok(files[i], &settings);
        assert_true(settings.listeners_are_default);
        assert_int_equal(settings.listener_count, 2);
        assert_string_equal(settings.listeners[0].address, "127.0.0.1");
        assert_false(settings.listeners[0].optional);
        assert_string_equal(settings.listeners[1].address, "::1");
        assert_true(settings.listeners[1].optional);
        assert_true(settings.anonymous);
        assert_int_equal(settings.sys_interval_s, 10);
        assert_true(bb_settings_workers(&settings) >= 1);
        bb_settings_deinit(&settings);
    }
}

static void a_whole_file_is_read(void **state)
{
    bb_settings s;
    expect_ok("listeners:\n"
              "  - 127.0.0.1:1883\n"
              "  - \"[::]:1884\"\n"
              "  - {address: 192.0.2.1, port: 0, optional: yes}\n"
              "  - address: fe80::1%eth0\n"
              "workers: 3\n"
              "io_uring: off\n"
              "anonymous: false\n"
              "shutdown_timeout: 1 min\n"
              "limits: {connections: 10, packet_size: 1 MB, memory: 2GiB, session_expiry: 7 days, keep_alive: 1h}\n"
              "features: {retain: no, maximum_qos: 1, shared_strategy: sticky}\n"
              "tcp: {keep_alive_idle: off, user_timeout: 1500 ms}\n"
              "log: {level: debug, format: json, file: /var/log/busbard.log, rate: unlimited}\n"
              "sys:\n"
              "  interval: off\n",
              &s);
    assert_int_equal(s.listener_count, 4);
    assert_false(s.listeners_are_default);
    assert_string_equal(s.listeners[1].address, "::");
    assert_int_equal(s.listeners[1].port, 1884);
    assert_int_equal(s.listeners[2].port, 0);
    assert_true(s.listeners[2].optional);
    assert_string_equal(s.listeners[3].address, "fe80::1%eth0");
    assert_int_equal(s.listeners[3].port, 1883);
    assert_int_equal(s.workers, 3);
    assert_int_equal(s.io_uring, BB_URING_OFF);
    assert_false(s.anonymous);
    assert_int_equal(s.shutdown_timeout_s, 60);
    assert_int_equal(s.limits.connections_max, 10);
    assert_int_equal(s.limits.packet_bytes_max, 1024 * 1024);
    assert_true(s.limits.memory_bytes_max == UINT64_C(2) * 1024 * 1024 * 1024);
    assert_int_equal(s.limits.session_expiry_max_s, 7 * 86400);
    assert_int_equal(s.limits.keep_alive_max_s, 3600);
    assert_false(s.limits.retain_available);
    assert_true(s.limits.wildcard_available);
    assert_int_equal(s.limits.qos_max, 1);
    assert_int_equal(s.limits.shared_strategy, BB_SHARED_STICKY);
    assert_int_equal(s.tcp.keep_idle_s, 0);
    assert_int_equal(s.tcp.user_timeout_ms, 1500);
    assert_int_equal(s.log.level, BB_LOG_DEBUG);
    assert_int_equal(s.log.format, BB_LOG_JSON);
    assert_string_equal(s.log.file, "/var/log/busbard.log");
    assert_int_equal(s.log.rate_max, 0);
    assert_int_equal(s.sys_interval_s, 0);
    bb_settings_deinit(&s);
}

static void one_listener_needs_no_list(void **state)
{
    bb_settings s;
    expect_ok("listeners: 0.0.0.0:1885\n", &s);
    assert_int_equal(s.listener_count, 1);
    assert_int_equal(s.listeners[0].port, 1885);
    bb_settings_deinit(&s);
    expect_ok("listeners: {address: '[::1]'}\n", &s);
    assert_string_equal(s.listeners[0].address, "::1");
    bb_settings_deinit(&s);
}

/* Each row's own text of its value must be read back as the same value. */
static void every_default_can_be_written_into_a_file(void **state)
{
    bb_settings defaults;
    assert_true(bb_settings_init(&defaults));
    for (size_t i = 0; i < bb_option_count; i++) {
        const bb_option *option = &bb_options[i];
        char value[BB_CONFIG_VALUE_TEXT_MAX], yaml[256];
        bb_settings s;
        if (option->type == BB_OPTION_LISTENERS)
            continue;
        bb_option_value(option, &defaults, value, sizeof value);
        bool top = !*option->section;
        snprintf(yaml, sizeof yaml, "%s%s%s: %s%s", option->section, top ? "" : ": {", option->name, value,
                 top ? "" : "}");
        expect_ok(yaml, &s);
        assert_true(bb_option_equal(option, &defaults, &s));
        bb_settings_deinit(&s);
    }
    bb_settings_deinit(&defaults);
}

static void rows_are_unique_and_their_bounds_fit_their_width(void **state)
{
    for (size_t i = 0; i < bb_option_count; i++) {
        const bb_option *option = &bb_options[i];
        assert_ptr_equal(bb_option_find(option->section, bb_span_text(option->name)), option);
        assert_true(option->min <= option->max);
        if (option->width < 8)
            assert_true(option->max >> (8 * option->width) == 0 && option->word_value >> (8 * option->width) == 0);
        char text[BB_OPTION_TEXT_MAX];
        assert_true(strlen(bb_option_allowed(option, text)) < BB_OPTION_TEXT_MAX - sizeof "...");
    }
}

/* --- what is wrong with keys */

static void unknown_keys_name_the_nearest(void **state)
{
    expect_problem("limits:\n  conections: 10\n",
                   "f.yaml:2:3: unknown key 'conections' in 'limits'; did you mean 'connections'?");
    expect_problem("workres: 4", "f.yaml:1:1: unknown key 'workres'; did you mean 'workers'?");
    expect_problem("limit: {a: {b: [c]}}", "f.yaml:1:1: unknown key 'limit'; did you mean 'limits'?");
    expect_problem("level: info", "f.yaml:1:1: unknown key 'level'; did you mean 'log.level'?");
    expect_problem("allow_anonymous: true", "f.yaml:1:1: unknown key 'allow_anonymous'; did you mean 'anonymous'?");
    expect_problem("max_connections: 5",
                   "f.yaml:1:1: unknown key 'max_connections'; did you mean 'limits.connections'?");
    expect_problem("log: {colour: red}",
                   "f.yaml:1:7: unknown key 'colour' in 'log'; known keys: level, format, file, rate");
    expect_problem("zzz: 1", "f.yaml:1:1: unknown key 'zzz'; known keys: listeners, workers, io_uring, anonymous, "
                             "access, groups, shutdown_timeout, limits, features, tcp, log, sys");
    expect_problem("limits: {zzz: 1}",
                   "f.yaml:1:10: unknown key 'zzz' in 'limits'; known keys: see `busbard --help-config`");
    expect_problem("listeners:\n - {adress: 0.0.0.0}\n",
                   "f.yaml:2:5: unknown key 'adress' in 'listeners'; did you mean 'address'?");
}

static void keys_come_once(void **state)
{
    expect_problem("workers: 1\nanonymous: no\nworkers: 2\n",
                   "f.yaml:3:1: key 'workers' is here for the second time, first in line 1");
    expect_problem("log: {level: info}\nlog: {format: json}\n",
                   "f.yaml:2:1: key 'log' is here for the second time, first in line 1");
    expect_problem("listeners: {address: '::', address: '::1'}\n",
                   "f.yaml:1:28: key 'address' is here for the second time, first in line 1");
}

static void keys_are_words(void **state)
{
    expect_problem("? [a, b]\n: 4\n", "f.yaml:1:3: a key must be a word, found a list");
    expect_problem("\"a\\e[31m\\nb\": 4\n",
                   "f.yaml:1:1: unknown key 'a\\x1b[31m\\nb'; known keys: listeners, workers, io_uring, anonymous, "
                   "access, groups, shutdown_timeout, limits, features, tcp, log, sys");
}

/* --- what is wrong with values */

static void values_are_of_their_type(void **state)
{
    expect_problem("workers: four", "f.yaml:1:10: workers: found 'four', allowed is a number from 1 to 64, or auto");
    expect_problem("workers: 65", "f.yaml:1:10: workers: found '65', allowed is a number from 1 to 64, or auto");
    expect_problem("workers: 0", "f.yaml:1:10: workers: found '0', allowed is a number from 1 to 64, or auto");
    expect_problem("workers: -1", "f.yaml:1:10: workers: found '-1', allowed is a number from 1 to 64, or auto");
    expect_problem("workers: 99999999999999999999",
                   "f.yaml:1:10: workers: found '99999999999999999999', allowed is a number from 1 to 64, or auto");
    expect_problem("workers:", "f.yaml:1:9: workers: found nothing, allowed is a number from 1 to 64, or auto");
    expect_problem("workers: [1]", "f.yaml:1:10: workers: found a list, allowed is a number from 1 to 64, or auto");
    expect_problem("workers: {a: 1}", "f.yaml:1:10: workers: found a map, allowed is a number from 1 to 64, or auto");
    expect_problem("anonymous: maybe", "f.yaml:1:12: anonymous: found 'maybe', allowed is yes or no");
    expect_problem("io_uring: perhaps", "f.yaml:1:11: io_uring: found 'perhaps', allowed is auto, on or off");
    expect_problem("features: {maximum_qos: 3}",
                   "f.yaml:1:25: features.maximum_qos: found '3', allowed is a number from 0 to 2");
    expect_problem("log: {file: ''}", "f.yaml:1:13: log.file: found '', allowed is the path of a file, or stderr");
}

static void sizes_and_times_have_units(void **state)
{
    expect_problem(
        "limits: {packet_size: 300 MB}",
        "f.yaml:1:23: limits.packet_size: found '300 MB', allowed is a size from 128 bytes to 268435460 bytes");
    expect_problem("limits: {queued_bytes: 3 mice}",
                   "f.yaml:1:24: limits.queued_bytes: found '3 mice', allowed is a size from 1 KB to 64 TB; units are "
                   "bytes, KB, MB and GB");
    expect_problem("limits: {keep_alive: 5 m}",
                   "f.yaml:1:22: limits.keep_alive: found '5 m', allowed is a time from 1 s to 65535 s, or unlimited; "
                   "units are s, min, h and days");
    expect_problem("sys: {interval: 500 ms}",
                   "f.yaml:1:17: sys.interval: found '500 ms', allowed is a time from 1 s to 1 day, or off; only whole "
                   "seconds are possible here");
    expect_problem("tcp: {user_timeout: 18446744073709551615 days}",
                   "f.yaml:1:21: tcp.user_timeout: found '18446744073709551615 days', allowed is a time from 1 s to 1 "
                   "day, or off; units are ms, s, min and h");
}

static void sections_are_maps(void **state)
{
    expect_problem("log: debug", "f.yaml:1:6: log: found 'debug', allowed is a map of keys, each on a line of its own "
                                 "below 'log:' and indented");
    expect_problem(
        "limits:\n  - connections: 4\n",
        "f.yaml:2:3: limits: found a list, allowed is a map of keys, each on a line of its own below 'limits:' "
        "and indented");
}

#define PROTOCOLS_ALLOWED "tcp, tls, ws, wss or unix"
#define LISTENER_ALLOWED "allowed is ADDRESS:PORT, for instance 127.0.0.1:1883 or \"[::1]:1883\""

static void listeners_are_numeric_addresses(void **state)
{
    expect_problem(
        "listeners:\n  - localhost:1883\n",
        "f.yaml:2:5: listeners: found 'localhost:1883', " LISTENER_ALLOWED
        "; names are not looked up: for this machine only write 127.0.0.1 or ::1, for everybody 0.0.0.0 or ::");
    expect_problem("listeners: 1883", "f.yaml:1:12: listeners: found '1883', " LISTENER_ALLOWED
                                      "; an address must come before the port: 127.0.0.1:1883 for this machine only, "
                                      "0.0.0.0:1883 for everybody");
    expect_problem("listeners: '*:1883'", "f.yaml:1:12: listeners: found '*:1883', " LISTENER_ALLOWED
                                          "; for all addresses of this machine write 0.0.0.0 (IPv4) or :: (IPv6)");
    expect_problem("listeners: ::1:1883", "f.yaml:1:12: listeners: found '::1:1883', " LISTENER_ALLOWED
                                          "; an IPv6 address needs brackets: [::1]:1883");
    expect_problem("listeners: 0.0.0.0:70000", "f.yaml:1:12: listeners: found '0.0.0.0:70000', " LISTENER_ALLOWED
                                               "; the port is a number from 0 to 65535");
    expect_problem("listeners: [{port: 1883}]",
                   "f.yaml:1:13: listeners: an address is missing; for this machine only, 127.0.0.1");
    expect_problem("listeners: []",
                   "f.yaml:1:12: listeners: the list is empty; without the key, busbard listens on this "
                   "machine only");
    expect_problem("listeners: [127.0.0.1:1, 127.0.0.1:1]", "f.yaml:1:26: listeners: 127.0.0.1:1 is in the list twice");
    expect_problem("listeners: {address: here}",
                   "f.yaml:1:22: listeners.address: found 'here', allowed is an IPv4 or IPv6 address; names are not "
                   "looked up: for this machine only write 127.0.0.1 or ::1, for everybody 0.0.0.0 or ::");
}

static void listeners_of_every_protocol(void **state)
{
    bb_settings s;
    expect_ok("listeners:\n"
              "  - protocol: tls\n"
              "    address: 0.0.0.0\n"
              "    certificate: [a.pem, b.pem]\n"
              "    key: [a.key, b.key]\n"
              "    client_certificate: required\n"
              "    client_ca: ca.pem\n"
              "    tls_minimum: 1.3\n"
              "    connections: 10\n"
              "  - {path: /run/x.sock, mode: 0600, protocol: unix}\n"
              "  - tls://[::1]?certificate=c.pem&certificate=d.pem&session_resumption=no\n"
              "  - unix://@abstract\n",
              &s);
    char text[BB_ENDPOINT_TEXT_MAX];
    assert_int_equal(s.listener_count, 4);
    assert_string_equal(bb_listener_text(&s.listeners[0], text), "tls://0.0.0.0:8883");
    assert_string_equal(s.listeners[0].certificates, "a.pem\nb.pem");
    assert_string_equal(s.listeners[0].keys, "a.key\nb.key");
    assert_int_equal(s.listeners[0].client_certificate, BB_TLS_CLIENT_REQUIRED);
    assert_int_equal(s.listeners[0].tls_minimum, BB_TLS_MINIMUM_1_3);
    assert_int_equal(s.listeners[0].connections_max, 10);
    assert_true(s.listeners[0].resumption);
    assert_string_equal(bb_listener_text(&s.listeners[1], text), "unix:///run/x.sock");
    assert_int_equal(s.listeners[1].mode, 0600);
    assert_string_equal(bb_listener_text(&s.listeners[2], text), "tls://[::1]:8883");
    assert_string_equal(s.listeners[2].certificates, "c.pem\nd.pem");
    assert_false(s.listeners[2].resumption);
    assert_string_equal(bb_listener_text(&s.listeners[3], text), "unix://@abstract");
    assert_int_equal(s.listeners[3].mode, 0660);

    bb_settings copy;
    bb_config_change changes[BB_CONFIG_CHANGES_MAX];
    assert_true(bb_settings_copy(&s, &copy));
    assert_int_equal(bb_config_changes(&s, &copy, changes), 0);
    copy.listeners[0].certificates[0] = 'x';
    assert_int_equal(bb_config_changes(&s, &copy, changes), 1);
    bb_settings_deinit(&copy);
    bb_settings_deinit(&s);
}

static void keys_of_listeners_fit_together(void **state)
{
    expect_problem("listeners: {address: '::', mode: 0600}",
                   "f.yaml:1:28: listeners.mode: is for protocol unix, and this listener has protocol tcp");
    expect_problem("listeners: {address: '::', protocol: tls}",
                   "f.yaml:1:12: listeners: a certificate is missing, which tls needs");
    expect_problem("listeners: {address: '::', protocol: tls, certificate: a, key: [b, c]}",
                   "f.yaml:1:12: listeners.key: found 2 keys, allowed is one for each certificate: 1");
    expect_problem("listeners: {address: '::', protocol: tls, certificate: a, client_certificate: optional}",
                   "f.yaml:1:12: listeners: a client_ca is missing, which says whose client certificates are good");
    expect_problem("listeners: {address: '::', protocol: tls, certificate: a, client_ca: b}",
                   "f.yaml:1:12: listeners.client_ca: is of no use, because client_certificate is none");
    expect_problem("listeners: {protocol: unix}",
                   "f.yaml:1:12: listeners: a path is missing, for instance /run/busbard.sock");
    expect_problem("listeners: {protocol: unix, path: a, mode: 0999}",
                   "f.yaml:1:44: listeners.mode: found '0999', allowed is permissions in octal, from 0000 to 0777");
    expect_problem("listeners: {protocol: ssl, address: '::'}",
                   "f.yaml:1:23: listeners.protocol: found 'ssl', allowed is " PROTOCOLS_ALLOWED);
    expect_problem("listeners: ['unix:///a', 'unix:///a']", "f.yaml:1:26: listeners: unix:///a is in the list twice");
    expect_problem("listeners: ssl://127.0.0.1", "f.yaml:1:12: listeners: found 'ssl://127.0.0.1', " LISTENER_ALLOWED
                                                 "; what stands before :// is " PROTOCOLS_ALLOWED);
    expect_problem("listeners: tcp://127.0.0.1?colour=red",
                   "f.yaml:1:12: found 'colour=red' behind '?', allowed are keys of a listener with their values, for "
                   "instance connections=100");
    expect_problem(
        "listeners: tcp://127.0.0.1?connections=0",
        "f.yaml:1:12: listeners.connections: found '0', allowed is a number from 1 to 10000000, or unlimited");
}

static void an_address_in_brackets_needs_quotes(void **state)
{
    bb_settings s;
    const char *yaml = "listeners:\n  - [::1]:1883\n";
    assert_false(bb_config_parse("f.yaml", bb_span_text(yaml), NULL, 0, &s, &report));
    assert_string_equal(report.problems[0].text, "f.yaml:2:5: listeners: found a list, " LISTENER_ALLOWED
                                                 "; an address with brackets needs quotes");
}

/* --- what is not YAML, or not ours */

static void what_is_not_yaml_says_where(void **state)
{
    expect_problem("limits:\n\tconnections: 4\n", "f.yaml:2:1: a tab indents this line; YAML allows only spaces there");
    expect_problem("anonymous: \"no\n", "f.yaml:2:1: this is not valid YAML: found unexpected end of stream (while "
                                        "scanning a quoted scalar that starts in line 1)");
    expect_problem("workers: 4\nanonymous no\n",
                   "f.yaml:3:1: this is not valid YAML: could not find expected ':' (while "
                   "scanning a simple key that starts in line 2); every key needs a colon and a space after it");
    expect_problem("workers 4\nanonymous no\n",
                   "f.yaml:1:1: found 'workers 4 anonymous no', allowed are lines like 'workers: 4'");
    expect_problem("limits:\n  inflight: 5\n workers: 3\n",
                   "f.yaml:3:2: this is not valid YAML: did not find expected key (while parsing a block mapping that "
                   "starts in line 1); is the line indented exactly like its neighbours?");
    expect_problem("- workers\n", "f.yaml:1:1: found a list, allowed are lines like 'workers: 4'");
    expect_problem("workers: 4\n---\nworkers: 5\n", "f.yaml:2:1: a second document starts here; one file has one");
    expect_problem("workers: 4\n# \xff\n", "f.yaml:2:3: this is not text in UTF-8: invalid leading UTF-8 octet (0xff)");
}

static void a_mosquitto_conf_is_recognised(void **state)
{
    static const char hint[] = "this looks like a mosquitto.conf, but busbard reads YAML, for instance "
                               "'listeners: [0.0.0.0:1883]' for 'listener 1883'; `busbard --help-config` describes all "
                               "keys";
    char message[512];
    snprintf(message, sizeof message, "f.yaml:2:1: %s", hint);
    expect_problem("# mosquitto\nlistener 1883\nallow_anonymous true\n", message);
    snprintf(message, sizeof message, "f.yaml:1:1: %s", hint);
    expect_problem("listener 1883\npassword_file /etc/x: y\n", message);
}

static void aliases_anchors_and_tags_are_refused(void **state)
{
    expect_problem(
        "workers: &a 4\n",
        "f.yaml:1:10: anchors (&name) and aliases (*name) are not supported; put the text in quotes if it is "
        "meant to start with that character");
    expect_problem("workers: !!int 4\n", "f.yaml:1:10: tags (!name) are not supported");

    bb_settings s;
    const char *bomb = "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n";
    assert_false(bb_config_parse("f.yaml", bb_span_text(bomb), NULL, 0, &s, &report));
}

static void deep_nesting_ends_reading(void **state)
{
    static char yaml[4000];
    memset(yaml, '[', sizeof yaml - 1);
    memcpy(yaml, "zzz: ", 5);
    bb_settings s;
    assert_false(bb_config_parse("f.yaml", bb_span_text(yaml), NULL, 0, &s, &report));
    assert_int_equal(report.count, 2);
    assert_string_equal(report.problems[1].text, "f.yaml:1:21: maps and lists are nested deeper than 16 levels");
}

static void all_problems_are_told_up_to_a_number(void **state)
{
    char yaml[1024] = "";
    for (int i = 0; i < 30; i++)
        snprintf(yaml + strlen(yaml), sizeof yaml - strlen(yaml), "zz%d: 1\n", i);
    bb_settings s;
    assert_false(bb_config_parse("f.yaml", bb_span_text(yaml), NULL, 0, &s, &report));
    assert_int_equal(report.count, BB_CONFIG_PROBLEMS_MAX);
    assert_int_equal(report.untold, 30 - BB_CONFIG_PROBLEMS_MAX);
    assert_int_equal(report.problems[19].line, 20);
}

static void a_huge_file_is_refused(void **state)
{
    size_t len = BB_CONFIG_BYTES_MAX + 1;
    uint8_t *bytes = malloc(len);
    bb_settings s;
    assert_non_null(bytes);
    memset(bytes, '\n', len);
    assert_false(bb_config_parse("f.yaml", bb_span_of(bytes, len), NULL, 0, &s, &report));
    assert_string_equal(report.problems[0].text,
                        "f.yaml: the file is larger than 1048576 bytes; is this a configuration?");
    assert_true(bb_config_parse("f.yaml", bb_span_of(bytes, len - 1), NULL, 0, &s, &report));
    bb_settings_deinit(&s);
    free(bytes);
}

static void files_that_cannot_be_read_say_why(void **state)
{
    bb_settings s;
    assert_false(bb_config_load("no/such.yaml", NULL, 0, &s, &report));
    assert_string_equal(report.problems[0].text, "no/such.yaml: cannot read the file: No such file or directory");
    assert_false(bb_config_load("/", NULL, 0, &s, &report));
    assert_string_equal(report.problems[0].text, "/: cannot read the file: Is a directory");
}

/* --- the command line */

static void the_command_line_wins(void **state)
{
    static const bb_override overrides[] = {
        {"--listen", "listeners", "127.0.0.1:1"},
        {"--workers", "workers", "7"},
        {"--listen", "listeners", "[::1]:2"},
        {"--log-level", "log.level", "error"},
    };
    bb_settings s;
    bb_span yaml = bb_span_text("listeners: [0.0.0.0:9]\nworkers: 2\nlog: {level: debug, format: json}\n");
    assert_true(bb_config_parse("f.yaml", yaml, overrides, 4, &s, &report));
    assert_int_equal(s.listener_count, 2);
    assert_string_equal(s.listeners[0].address, "127.0.0.1");
    assert_string_equal(s.listeners[1].address, "::1");
    assert_int_equal(s.workers, 7);
    assert_int_equal(s.log.level, BB_LOG_ERROR);
    assert_int_equal(s.log.format, BB_LOG_JSON);
    assert_ptr_equal(s.overrides, overrides);
    bb_settings_deinit(&s);
}

static void the_command_line_has_clear_errors(void **state)
{
    expect_override_problem("--workers", "workers", "x",
                            "--workers: found 'x', allowed is a number from 1 to 64, or auto");
    expect_override_problem(
        "--listen", "listeners", "[::1",
        "--listen: found '[::1', allowed is ADDRESS:PORT, for instance 127.0.0.1:1883 or [::1]:1883; "
        "an IPv6 address needs brackets: [::1]:1883");
    expect_override_problem("--log-level", "log.level", "loud",
                            "--log-level: found 'loud', allowed is error, warning, info or debug");
}

/* --- reload */

static void changes_say_what_a_reload_can_do(void **state)
{
    bb_settings running, next;
    bb_config_change changes[BB_CONFIG_CHANGES_MAX];
    expect_ok("workers: 2\nlimits: {connections: 5}\nlog: {file: a.log}", &running);
    expect_ok("workers: 3\nlimits: {connections: 6}\nlisteners: 0.0.0.0:1", &next);

    assert_int_equal(bb_config_changes(&running, &running, changes), 0);
    assert_int_equal(bb_config_changes(&running, &next, changes), 4);
    assert_string_equal(changes[0].key, "listeners");
    assert_string_equal(changes[0].before, "127.0.0.1:1883, [::1]:1883 (optional)");
    assert_string_equal(changes[0].after, "0.0.0.0:1");
    assert_true(changes[0].at_once);
    assert_string_equal(changes[1].key, "workers");
    assert_false(changes[1].at_once);
    assert_string_equal(changes[2].key, "limits.connections");
    assert_true(changes[2].at_once);
    assert_string_equal(changes[3].before, "a.log");
    assert_string_equal(changes[3].after, "stderr");

    assert_true(bb_config_apply(&running, &next));
    assert_int_equal(running.workers, 2);
    assert_int_equal(running.listener_count, 1);
    assert_int_equal(running.limits.connections_max, 6);
    assert_null(running.log.file);
    assert_int_equal(bb_config_changes(&running, &next, changes), 1);
    bb_settings_deinit(&running);
    bb_settings_deinit(&next);
}

/* --- the manual */

static char *read_whole(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;
    assert_non_null(file);
    assert_true(getdelim(&text, &size, '\0', file) > 0);
    fclose(file);
    return text;
}

/* docs/configuration.md is the output of `busbard --help-config`. */
static void the_manual_agrees_with_the_table(void **state)
{
    char *manual = read_whole("docs/configuration.md");
    char *help = bb_config_help();
    assert_non_null(help);
    assert_string_equal(manual, help);
    free(manual);
    free(help);
}

/* The example shows every key with its default, some of them commented out; it must be right with and without these. */
static void expect_defaults(const char *yaml)
{
    bb_settings s, defaults;
    bb_config_change changes[BB_CONFIG_CHANGES_MAX];
    expect_ok(yaml, &s);
    assert_true(bb_settings_init(&defaults));
    assert_int_equal(bb_config_changes(&defaults, &s, changes), 0);
    bb_settings_deinit(&defaults);
    bb_settings_deinit(&s);
}

static void the_example_shows_the_defaults(void **state)
{
    char *yaml = read_whole("docs/busbard.example.yaml");
    expect_defaults(yaml);
    for (char *hash = strstr(yaml, "\n  #"); hash; hash = strstr(hash, "\n  #"))
        hash[3] = ' ';
    expect_defaults(yaml);
    for (size_t i = 0; i < bb_option_count; i++) {
        char key[BB_OPTION_PATH_MAX];
        snprintf(key, sizeof key, "%s:", bb_options[i].name);
        assert_non_null(strstr(yaml, key));
    }
    free(yaml);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_in_the_file_means_defaults),
        cmocka_unit_test(a_whole_file_is_read),
        cmocka_unit_test(one_listener_needs_no_list),
        cmocka_unit_test(every_default_can_be_written_into_a_file),
        cmocka_unit_test(rows_are_unique_and_their_bounds_fit_their_width),
        cmocka_unit_test(unknown_keys_name_the_nearest),
        cmocka_unit_test(keys_come_once),
        cmocka_unit_test(keys_are_words),
        cmocka_unit_test(values_are_of_their_type),
        cmocka_unit_test(sizes_and_times_have_units),
        cmocka_unit_test(sections_are_maps),
        cmocka_unit_test(listeners_are_numeric_addresses),
        cmocka_unit_test(listeners_of_every_protocol),
        cmocka_unit_test(keys_of_listeners_fit_together),
        cmocka_unit_test(an_address_in_brackets_needs_quotes),
        cmocka_unit_test(what_is_not_yaml_says_where),
        cmocka_unit_test(a_mosquitto_conf_is_recognised),
        cmocka_unit_test(aliases_anchors_and_tags_are_refused),
        cmocka_unit_test(deep_nesting_ends_reading),
        cmocka_unit_test(all_problems_are_told_up_to_a_number),
        cmocka_unit_test(a_huge_file_is_refused),
        cmocka_unit_test(files_that_cannot_be_read_say_why),
        cmocka_unit_test(the_command_line_wins),
        cmocka_unit_test(the_command_line_has_clear_errors),
        cmocka_unit_test(changes_say_what_a_reload_can_do),
        cmocka_unit_test(the_manual_agrees_with_the_table),
        cmocka_unit_test(the_example_shows_the_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
