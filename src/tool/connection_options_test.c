#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "tool/connection_options.h"
#include "tool/say.h"

static char folder[] = "/tmp/busbar-profile-XXXXXX", file[128], error[BB_CLI_ERROR_MAX], url[BB_URL_MAX];
static bb_connection_options parsed;

static const bb_cli_command command = {
    .groups = (const bb_cli_placed[]){{&bb_connection_group, 0}, {NULL, 0}},
    .settings_size = sizeof parsed,
};

#define PARSE(...) parse((const char *[]){__VA_ARGS__, NULL})

static bb_cli_outcome parse(const char **words)
{
    size_t count = 0;
    while (words[count])
        count++;
    return bb_cli_parse(&command, words, count, &parsed, error);
}

static int release(void **state)
{
    bb_cli_release(&command, &parsed);
    unlink(file);
    unsetenv("BUSBAR_PASSWORD");
    return 0;
}

static void write_file(const char *path, const char *text)
{
    FILE *to = fopen(path, "w");
    assert_non_null(to);
    fputs(text, to);
    fclose(to);
    chmod(path, 0600);
}

static void write_profiles(const char *text)
{
    write_file(file, text);
}

/* What the words come down to, as a URL. */
#define ASSERT_URL(expected, ...)                            \
    do {                                                     \
        assert_int_equal(PARSE(__VA_ARGS__), BB_CLI_PARSED); \
        assert_true(bb_connection_url(&parsed, url));        \
        assert_string_equal(url, expected);                  \
        bb_cli_release(&command, &parsed);                   \
    } while (0)

#define ASSERT_WRONG(expected, ...)                         \
    do {                                                    \
        assert_int_equal(PARSE(__VA_ARGS__), BB_CLI_WRONG); \
        assert_string_equal(error, expected);               \
        bb_cli_release(&command, &parsed);                  \
    } while (0)

static void hosts_ports_and_urls_come_to_the_same(void **state)
{
    ASSERT_URL("mqtt://localhost:1883", "-k", "60");
    ASSERT_URL("mqtt://there:1884", "-h", "there", "-p", "1884");
    ASSERT_URL("mqtt://[::1]:1883", "-h", "::1");
    ASSERT_URL("mqtts://there:8883", "-L", "mqtts://there");
    ASSERT_URL("mqtt://other:1884", "-L", "mqtt://there:1884", "-h", "other");
    ASSERT_URL("ws://there:80/mqtt?a=b", "-L", "ws://there/mqtt?a=b");
    ASSERT_URL("unix:/run/a%20b", "--unix", "/run/a b");
    ASSERT_URL("unix:/run/a", "-L", "unix:/run/a");
}

static void tls_is_on_where_it_is_meant(void **state)
{
    ASSERT_URL("mqtts://localhost:8883", "--tls");
    ASSERT_URL("mqtts://localhost:8883", "--cafile", "ca.pem");
    ASSERT_URL("mqtts://localhost:8883", "-p", "8883");
    ASSERT_URL("mqtts://localhost:1883", "-p", "1883", "--insecure");
    ASSERT_URL("wss://there:80/", "-L", "ws://there", "--trust-all");
}

static void a_url_has_user_password_and_topic(void **state)
{
    assert_int_equal(PARSE("-L", "mqtt://me:pass%40word@there/site/a"), BB_CLI_PARSED);
    assert_string_equal(parsed.user, "me");
    assert_string_equal(parsed.password, "pass@word");
    assert_string_equal(parsed.topic, "site/a");
    bb_cli_release(&command, &parsed);
    assert_int_equal(PARSE("-L", "mqtt://me:pass@there/", "-u", "you", "-P", "other"), BB_CLI_PARSED);
    assert_string_equal(parsed.user, "you");
    assert_string_equal(parsed.password, "other");
    assert_null(parsed.topic);
}

static void passwords_come_from_a_file_or_the_environment(void **state)
{
    char secret[160];
    snprintf(secret, sizeof secret, "%s.secret", file);
    write_file(secret, "secret word\r\nmore\n");
    assert_int_equal(PARSE("-u", "me", "--password-file", secret), BB_CLI_PARSED);
    unlink(secret);
    assert_string_equal(parsed.password, "secret word");
    bb_cli_release(&command, &parsed);
    setenv("BUSBAR_PASSWORD", "from outside", 1);
    assert_int_equal(PARSE("-u", "me"), BB_CLI_PARSED);
    assert_string_equal(parsed.password, "from outside");
    bb_cli_release(&command, &parsed);
    assert_int_equal(PARSE("-h", "there"), BB_CLI_PARSED);
    assert_null(parsed.password); /* nobody to whom it could belong */
}

static void sessions_expire_as_mosquitto_has_it(void **state)
{
    assert_int_equal(PARSE("-k", "1"), BB_CLI_PARSED);
    assert_int_equal(parsed.session_expiry_s, 0);
    assert_int_equal(PARSE("-c", "-i", "me"), BB_CLI_PARSED);
    assert_int_equal(parsed.session_expiry_s, UINT32_MAX);
    assert_int_equal(PARSE("-c", "-i", "me", "-x", "60"), BB_CLI_PARSED);
    assert_int_equal(parsed.session_expiry_s, 60);
    assert_int_equal(PARSE("-x", "-1"), BB_CLI_PARSED);
    assert_int_equal(parsed.session_expiry_s, UINT32_MAX);
    ASSERT_WRONG("--disable-clean-session needs --id: whose session?", "-c");
    ASSERT_WRONG("--session-expiry-interval: found 'soon', expected seconds from 0 to 4294967295, or -1 for ever", "-x",
                 "soon");
}

static void what_does_not_fit_together_is_refused(void **state)
{
    ASSERT_WRONG("--id and --id-prefix: only one of them is possible", "-i", "a", "-I", "b");
    ASSERT_WRONG("--pw: MQTT 3.1.1 wants a user name with a password", "-V", "311", "-P", "x");
    ASSERT_WRONG("--will-topic is missing; without it there is no will", "--will-payload", "x");
    ASSERT_WRONG("--cert is missing; a key alone is of no use", "--key", "x");
    ASSERT_WRONG("--unix: a socket has no host and no port", "--unix", "/x", "-h", "y");
}

static const char two_profiles[] = "default:\n"
                                   "  host: at-home\n"
                                   "  username: me\n"
                                   "  pw: at-home-only\n"
                                   "site:\n"
                                   "  url: mqtts://site.example\n"
                                   "  insecure: yes\n"
                                   "  keepalive: 10\n";

static void the_default_profile_is_for_its_own_broker_only(void **state)
{
    write_profiles(two_profiles);
    ASSERT_URL("mqtt://at-home:1883", "-k", "5");
    assert_int_equal(PARSE("-h", "elsewhere"), BB_CLI_PARSED);
    assert_string_equal(parsed.host, "elsewhere");
    assert_null(parsed.password);
}

static void a_named_profile_gives_what_the_command_line_does_not(void **state)
{
    write_profiles(two_profiles);
    ASSERT_URL("mqtts://site.example:8883", "--profile", "site");
    ASSERT_URL("mqtts://other:8883", "--profile", "site", "-h", "other");
    assert_int_equal(PARSE("--profile", "site", "-k", "20"), BB_CLI_PARSED);
    assert_true(parsed.insecure);
    assert_int_equal(parsed.keep_alive_s, 20);
    bb_cli_release(&command, &parsed);
    assert_int_equal(PARSE("--profile", "site"), BB_CLI_PARSED);
    assert_int_equal(parsed.keep_alive_s, 10);
}

static void assert_profile_wrong(const char *text, const char *expected)
{
    char whole[BB_CLI_ERROR_MAX];
    snprintf(whole, sizeof whole, "%s:%s", file, expected);
    write_profiles(text);
    assert_int_equal(PARSE("--profile", "site"), BB_CLI_WRONG);
    assert_string_equal(error, whole);
    bb_cli_release(&command, &parsed);
}

static void wrong_profiles_are_told_with_line_and_column(void **state)
{
    assert_profile_wrong("site:\n  hots: x\n", "2:3: there is no option hots; did you mean host?");
    assert_profile_wrong("site:\n  port: many\n", "2:9: port: found 'many', expected a whole number from 1 to 65535");
    assert_profile_wrong("site:\n  insecure: perhaps\n", "2:13: insecure: found 'perhaps', expected yes or no");
    assert_profile_wrong("site:\n  host: [a, b]\n", "2:9: host: found a list, expected one value");
    assert_profile_wrong("site:\n  host: a\n  host: b\n", "3:3: host was there before, in line 2");
    assert_profile_wrong("site: yes\n", "1:7: site: found 'yes', expected options, one on a line");
    assert_profile_wrong("- site\n",
                         "1:1: found 'a list', expected the name of a profile, a colon, and its options below");
    assert_profile_wrong("site: {\n", "2:1: this is not valid YAML: did not find expected node content");
}

static void missing_profiles_are_told(void **state)
{
    char expected[BB_CLI_ERROR_MAX];
    snprintf(expected, sizeof expected, "--profile: there is no file %s", file);
    ASSERT_WRONG(expected, "--profile", "site");
    write_profiles(two_profiles);
    snprintf(expected, sizeof expected, "%s has no profile siet; did you mean site?", file);
    ASSERT_WRONG(expected, "--profile", "siet");
}

static int make_folder(void **state)
{
    char inner[64];
    if (!mkdtemp(folder))
        return -1;
    snprintf(inner, sizeof inner, "%s/busbar", folder);
    snprintf(file, sizeof file, "%s/profiles.yaml", inner);
    setenv("XDG_CONFIG_HOME", folder, 1);
    return mkdir(inner, 0700);
}

static int remove_folder(void **state)
{
    char inner[64];
    snprintf(inner, sizeof inner, "%s/busbar", folder);
    return rmdir(inner) || rmdir(folder);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, release)
    const struct CMUnitTest tests[] = {
        TEST(hosts_ports_and_urls_come_to_the_same),
        TEST(tls_is_on_where_it_is_meant),
        TEST(a_url_has_user_password_and_topic),
        TEST(passwords_come_from_a_file_or_the_environment),
        TEST(sessions_expire_as_mosquitto_has_it),
        TEST(what_does_not_fit_together_is_refused),
        TEST(the_default_profile_is_for_its_own_broker_only),
        TEST(a_named_profile_gives_what_the_command_line_does_not),
        TEST(wrong_profiles_are_told_with_line_and_column),
        TEST(missing_profiles_are_told),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
