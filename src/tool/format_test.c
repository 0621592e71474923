#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <busbar/property.h>

#include "tool/format.h"

static uint8_t property_memory[256];

/* A message with one property of each kind, that arrived one second after 1970 began. */
static bb_received example(void)
{
    bb_property_writer writer = bb_property_writer_on(property_memory, sizeof property_memory);
    bb_property_put_byte(&writer, BB_PAYLOAD_FORMAT, 1);
    bb_property_put_u32(&writer, BB_MESSAGE_EXPIRY_S, 100);
    bb_property_put_bytes(&writer, BB_CONTENT_TYPE, BB_SPAN_LITERAL("text/plain"));
    bb_property_put_bytes(&writer, BB_RESPONSE_TOPIC, BB_SPAN_LITERAL("re/sp"));
    bb_property_put_bytes(&writer, BB_CORRELATION_DATA, BB_SPAN_LITERAL("\x01\xff"));
    bb_property_put_varint(&writer, BB_SUBSCRIPTION_ID, 7);
    bb_property_put_pair(&writer, BB_SPAN_LITERAL("a"), BB_SPAN_LITERAL("b"));
    bb_property_put_pair(&writer, BB_SPAN_LITERAL("a"), BB_SPAN_LITERAL("c"));
    return (bb_received){.topic = BB_SPAN_LITERAL("site/a"),
                         .payload = BB_SPAN_LITERAL("4\"2"),
                         .properties = bb_property_list(&writer),
                         .at = {1, 5000},
                         .packet_id = 9,
                         .qos = 1,
                         .retain = true};
}

static void assert_print_of(const bb_received *message, const char *format, bool pretty, const char *expected)
{
    char *text = NULL, error[BB_FORMAT_ERROR_MAX];
    size_t len;
    FILE *to = open_memstream(&text, &len);
    assert_true(bb_format_check(format, error));
    assert_true(bb_format_print(to, format, message, pretty));
    fclose(to);
    assert_string_equal(text, expected);
    free(text);
}

static void assert_print(const char *format, const char *expected)
{
    bb_received message = example();
    assert_print_of(&message, format, false, expected);
}

static void letters_are_those_of_mosquitto_sub(void **state)
{
    assert_print("%t %p %l %q %r %m %x %X", "site/a 4\"2 3 1 1 9 342232 342232");
    assert_print("%C|%E|%F|%R|%S|%P|%A", "text/plain|100|1|re/sp|7|a:b a:c|");
    assert_print("%%%I %U", "%1970-01-01T00:00:01+0000 1.000005000");
    assert_print("@Y-@m @N @@", "1970-01 000005000 @");
    assert_print("\\\\\\t\\n\\e", "\\\t\n\033");
}

static void names_say_the_same(void **state)
{
    assert_print("%{topic} %{payload} %{hex} %{base64}", "site/a 4\"2 342232 NCIy");
    assert_print("%{correlation-hex} %{user-properties} %{dup}", "01ff a:b a:c 0");
    assert_print("%-8{topic}|%8{topic}|%.4{topic}|", "site/a  |  site/a|site|");
}

static void widths_are_those_of_mosquitto_sub(void **state)
{
    assert_print("%10t|%-10t|%.2t|%5.2t|", "    site/a|site/a    |si|   si|");
    assert_print("%05l|%-5l|%5l|%-05l|", "00003|3    |    3|3    |");
    assert_print("%5p|%-5p|%2p|%5x|%1x|", "  4\"2|4\"2  |4\"| 3422| |");
    assert_print("%5.2q|", "1|");
}

static void base64_pads(void **state)
{
    static const struct {
        const char *bytes, *expected;
    } examples[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        bb_received message = {.payload = bb_span_text(examples[i].bytes)};
        assert_print_of(&message, "%{base64}", false, examples[i].expected);
    }
}

static void json_is_that_of_mosquitto_sub(void **state)
{
    assert_print("%j", "{\"tst\":\"1970-01-01T00:00:01.000005Z+0000\",\"topic\":\"site/a\",\"qos\":1,\"retain\":1,"
                       "\"payloadlen\":3,\"mid\":9,\"properties\":{\"payload-format-indicator\":1,"
                       "\"message-expiry-interval\":100,\"content-type\":\"text/plain\",\"response-topic\":\"re/sp\","
                       "\"correlation-data-base64\":\"Af8=\",\"subscription-identifier\":7,"
                       "\"user-properties\":{\"a\":\"b\",\"a\":\"c\"}},\"payload\":\"4\\\"2\"}");
    bb_received message = {.topic = BB_SPAN_LITERAL("a"), .payload = BB_SPAN_LITERAL("\x01\xff")};
    assert_print_of(&message, "%j", false,
                    "{\"tst\":\"1970-01-01T00:00:00.000000Z+0000\",\"topic\":\"a\",\"qos\":0,\"retain\":0,"
                    "\"payloadlen\":2,\"payload_base64\":\"Af8=\"}");
    message.payload = BB_SPAN_NONE;
    assert_print_of(&message, "%j", true,
                    "{\n\t\"tst\":\t\"1970-01-01T00:00:00.000000Z+0000\",\n\t\"topic\":\t\"a\",\n\t\"qos\":\t0,\n\t"
                    "\"retain\":\t0,\n\t\"payloadlen\":\t0,\n\t\"payload\":\tnull\n}");
}

static void json_payloads_are_put_in_as_they_are(void **state)
{
    bb_received message = {.topic = BB_SPAN_LITERAL("a"),
                           .payload = BB_SPAN_LITERAL("{ \"x y\" : 1.10,\n \"\\\"z\": [ 12345678901234567890.5 ] }")};
    assert_print_of(&message, "%J", false,
                    "{\"tst\":\"1970-01-01T00:00:00.000000Z+0000\",\"topic\":\"a\",\"qos\":0,\"retain\":0,"
                    "\"payloadlen\":52,\"payload\":{\"x y\":1.10,\"\\\"z\":[12345678901234567890.5]}}");
    message.payload = BB_SPAN_LITERAL("{no");
    FILE *nowhere = fopen("/dev/null", "w");
    assert_false(bb_format_print(nowhere, "%J", &message, false));
    fclose(nowhere);
}

static void wrong_formats_are_told(void **state)
{
    static const struct {
        const char *format, *expected;
    } wrong[] = {
        {"a%", "found '%' at character 2, which means nothing; the manual lists what does, and %% is a %"},
        {"%z", "found '%z' at character 1, which means nothing; the manual lists what does, and %% is a %"},
        {"%{topci}", "found '%{topci}' at character 1, which means nothing; the manual lists what does, and %% is a %"},
        {"%{topic", "found '%{topic' at character 1, which means nothing; the manual lists what does, and %% is a %"},
        {"x@", "found '@' at character 2, which means nothing; the manual lists what does, and @@ is a @"},
        {"\\q", "found '\\q' at character 1, which means nothing; the manual lists what does, and \\\\ is a \\"},
        {"%5", "found '%5' at character 1, which means nothing; the manual lists what does, and %% is a %"},
    };
    char error[BB_FORMAT_ERROR_MAX];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(bb_format_check(wrong[i].format, error));
        assert_string_equal(error, wrong[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_are_those_of_mosquitto_sub),
        cmocka_unit_test(names_say_the_same),
        cmocka_unit_test(widths_are_those_of_mosquitto_sub),
        cmocka_unit_test(base64_pads),
        cmocka_unit_test(json_is_that_of_mosquitto_sub),
        cmocka_unit_test(json_payloads_are_put_in_as_they_are),
        cmocka_unit_test(wrong_formats_are_told),
    };
    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
