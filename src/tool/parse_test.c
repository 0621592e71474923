#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/check.h"
#include "tool/cli.h"

typedef struct inner {
    uint8_t qos;
    bool retain;
} inner;

typedef struct settings {
    const char *topic, *payload, *file, *url;
    bool verbose, no_newline;
    uint16_t port;
    uint64_t wait_us;
    uint32_t size;
    double rate;
    uint8_t version;
    bb_cli_words filters, rest;
    inner inner;
} settings;

static const bb_cli_choice versions[] = {{"mqttv5", 5}, {"5", 5}, {"mqttv311", 4}, {NULL, 0}};

// clang-format off
static const bb_cli_option options[] = {
    {"topic", 't', BB_CLI_TEXT, BB_CLI_AT(settings, topic), .value = "TOPIC", .help = "A topic."},
    {"file", 'f', BB_CLI_FILE, BB_CLI_AT(settings, file), .value = "FILE", .help = "A file."},
    {"verbose", 'v', BB_CLI_FLAG, BB_CLI_AT(settings, verbose), .help = "More."},
    {"no-newline", 'N', BB_CLI_FLAG, BB_CLI_AT(settings, no_newline), .help = "Less.", .alias = "bare"},
    {"port", 'p', BB_CLI_NUMBER, BB_CLI_AT(settings, port), BB_CLI_BETWEEN(1, 65535), .initial = "1883", .value = "PORT", .help = "A port."},
    {"wait", 'W', BB_CLI_TIME, BB_CLI_AT(settings, wait_us), .value = "TIME", .help = "A time."},
    {"size", 0, BB_CLI_SIZE, BB_CLI_AT(settings, size), .value = "SIZE", .help = "A size."},
    {"rate", 0, BB_CLI_DECIMAL, BB_CLI_AT(settings, rate), .value = "N", .help = "A rate."},
    {"version", 'V', BB_CLI_CHOICE, BB_CLI_AT(settings, version), .choices = versions, .initial = "5", .help = "A version."},
    {"filter", 'T', BB_CLI_WORDS, BB_CLI_AT(settings, filters), .value = "FILTER", .help = "Filters."},
};
static const bb_cli_option inner_options[] = {
    {"qos", 'q', BB_CLI_NUMBER, BB_CLI_AT(inner, qos), BB_CLI_BETWEEN(0, 2), .value = "QOS", .help = "QoS."},
    {"retain", 'r', BB_CLI_FLAG, BB_CLI_AT(inner, retain), .help = "Retain."},
};
// clang-format on

static bool refuse_qos_2_with_retain(void *context, const bool *given, char *error)
{
    const inner *in = context;
    assert_int_equal(given[1], in->retain);
    if (in->qos != 2 || !in->retain)
        return true;
    strcpy(error, "not both");
    return false;
}

static bool is_url(const char *word)
{
    return strncmp(word, "mqtt://", 7) == 0;
}

static const bb_cli_group outer_group = {.title = "Outer", BB_CLI_ROWS(options)};
static const bb_cli_group inner_group = {
    .title = "Inner", BB_CLI_ROWS(inner_options), .finish = refuse_qos_2_with_retain};

static const bb_cli_command command = {
    .name = "test",
    .arguments = (const bb_cli_argument[]){{"URL", BB_CLI_TEXT, offsetof(settings, url), .takes = is_url},
                                           {"TOPIC", BB_CLI_TEXT, offsetof(settings, topic), .help = "."},
                                           {"PAYLOAD", BB_CLI_TEXT, offsetof(settings, payload), .help = "."},
                                           {.name = NULL}},
    .groups = (const bb_cli_placed[]){{&outer_group, 0}, {&inner_group, offsetof(settings, inner)}, {NULL, 0}},
    .settings_size = sizeof(settings),
};

static char error[BB_CLI_ERROR_MAX];
static settings parsed;

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
    return 0;
}

#define ASSERT_WRONG(expected, ...)                         \
    do {                                                    \
        assert_int_equal(PARSE(__VA_ARGS__), BB_CLI_WRONG); \
        assert_string_equal(error, expected);               \
        release(NULL);                                      \
    } while (0)

static void all_ways_to_write_a_value(void **state)
{
    assert_int_equal(PARSE("--topic", "a", "--file=b", "-p", "1", "-q2", "-V", "mqttv311"), BB_CLI_PARSED);
    assert_string_equal(parsed.topic, "a");
    assert_string_equal(parsed.file, "b");
    assert_int_equal(parsed.port, 1);
    assert_int_equal(parsed.inner.qos, 2);
    assert_int_equal(parsed.version, 4);
}

static void flags_may_share_a_dash(void **state)
{
    assert_int_equal(PARSE("-vNrt", "a"), BB_CLI_PARSED);
    assert_true(parsed.verbose && parsed.no_newline && parsed.inner.retain);
    assert_string_equal(parsed.topic, "a");
}

static void an_alias_is_the_same_option(void **state)
{
    assert_int_equal(PARSE("--bare"), BB_CLI_PARSED);
    assert_true(parsed.no_newline);
}

static void defaults_are_those_of_the_rows(void **state)
{
    assert_int_equal(PARSE("-v"), BB_CLI_PARSED);
    assert_int_equal(parsed.port, 1883);
    assert_int_equal(parsed.version, 5);
    assert_int_equal(parsed.inner.qos, 0);
    assert_null(parsed.topic);
}

static void lists_keep_all_in_order(void **state)
{
    assert_int_equal(PARSE("-T", "a", "-v", "-T", "b", "--filter=c"), BB_CLI_PARSED);
    assert_int_equal(parsed.filters.count, 3);
    assert_string_equal(parsed.filters.at[0], "a");
    assert_string_equal(parsed.filters.at[2], "c");
}

static void times_sizes_and_decimals_have_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t us;
    } times[] = {{"5", 5000000},    {"1.5", 1500000},     {".5", 500000}, {"5.", 5000000},
                 {"250ms", 250000}, {"2 min", 120000000}, {"7us", 7}};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        assert_int_equal(PARSE("-W", times[i].text), BB_CLI_PARSED);
        assert_int_equal(parsed.wait_us, times[i].us);
    }
    assert_int_equal(PARSE("--size", "2KB", "--rate", "0.25"), BB_CLI_PARSED);
    assert_int_equal(parsed.size, 2048);
    assert_true(parsed.rate == 0.25);
}

static void arguments_fill_the_places_that_are_free(void **state)
{
    assert_int_equal(PARSE("a", "-v", "b"), BB_CLI_PARSED);
    assert_string_equal(parsed.topic, "a");
    assert_string_equal(parsed.payload, "b");
    assert_int_equal(PARSE("b", "-t", "a"), BB_CLI_PARSED);
    assert_string_equal(parsed.topic, "a");
    assert_string_equal(parsed.payload, "b");
    assert_int_equal(PARSE("mqtt://x", "a", "mqtt://y"), BB_CLI_PARSED);
    assert_string_equal(parsed.url, "mqtt://x");
    assert_string_equal(parsed.payload, "mqtt://y");
    ASSERT_WRONG("there is no place for the argument 'c'", "a", "b", "c");
}

static void a_negative_number_is_an_argument(void **state)
{
    assert_int_equal(PARSE("a", "-5.5"), BB_CLI_PARSED);
    assert_string_equal(parsed.payload, "-5.5");
    assert_int_equal(PARSE("a", "-"), BB_CLI_PARSED);
    assert_string_equal(parsed.payload, "-");
    assert_int_equal(PARSE("a", "--", "-v"), BB_CLI_PARSED);
    assert_string_equal(parsed.payload, "-v");
}

static void the_last_of_two_wins(void **state)
{
    assert_int_equal(PARSE("-p", "1", "-p", "2"), BB_CLI_PARSED);
    assert_int_equal(parsed.port, 2);
}

static void help_is_help_wherever_it_stands(void **state)
{
    assert_int_equal(PARSE("-v", "--help", "--nonsense"), BB_CLI_HELP);
}

static void unknown_options_are_told_with_the_nearest(void **state)
{
    ASSERT_WRONG("there is no option --topci; did you mean --topic?", "--topci", "a");
    ASSERT_WRONG("there is no option --xyzzy", "--xyzzy");
    ASSERT_WRONG("there is no option -Z", "-vZ");
}

static void wrong_values_are_told_with_what_is_expected(void **state)
{
    ASSERT_WRONG("--qos: found '3', expected a whole number from 0 to 2", "-q", "3");
    ASSERT_WRONG("--port: found '1x', expected a whole number from 1 to 65535", "--port=1x");
    ASSERT_WRONG("--port: found '', expected a whole number from 1 to 65535", "--port=");
    ASSERT_WRONG("--size: found '5 GB', expected a size in bytes, KB, MB or GB from 0 to 4294967295", "--size", "5 GB");
    ASSERT_WRONG("--wait: found '-1', expected a time in seconds, or with the unit ms, s, min or h", "-W", "-1");
    ASSERT_WRONG("--rate: found 'inf', expected a number", "--rate", "inf");
    ASSERT_WRONG("--version: found '6', expected mqttv5, 5 or mqttv311", "-V", "6");
    ASSERT_WRONG("--topic needs a value: TOPIC", "-t");
    ASSERT_WRONG("--verbose takes no value", "--verbose=yes");
}

static void groups_check_what_no_row_can(void **state)
{
    ASSERT_WRONG("not both", "-q", "2", "-r");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, release)
    const struct CMUnitTest tests[] = {
        TEST(all_ways_to_write_a_value),
        TEST(flags_may_share_a_dash),
        TEST(an_alias_is_the_same_option),
        TEST(defaults_are_those_of_the_rows),
        TEST(lists_keep_all_in_order),
        TEST(times_sizes_and_decimals_have_units),
        TEST(arguments_fill_the_places_that_are_free),
        TEST(a_negative_number_is_an_argument),
        TEST(the_last_of_two_wins),
        TEST(help_is_help_wherever_it_stands),
        TEST(unknown_options_are_told_with_the_nearest),
        TEST(wrong_values_are_told_with_what_is_expected),
        TEST(groups_check_what_no_row_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
