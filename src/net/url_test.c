#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <busbar/url.h>

static bb_url url;
static char error[BB_URL_ERROR_MAX];

static void equal_or_null(const char *got, const char *expected)
{
    if (expected)
        assert_string_equal(got, expected);
    else
        assert_null(got);
}

static void urls_are_taken_apart(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        bb_url_scheme scheme;
        uint16_t port;
        const char *path, *user, *password;
    } good[] = {
        {"mqtt://broker.example", "broker.example", BB_URL_MQTT, 1883, "", NULL, NULL},
        {"mqtt://broker.example/", "broker.example", BB_URL_MQTT, 1883, "/", NULL, NULL},
        {"MQTTS://broker.example:1/a/b%20c", "broker.example", BB_URL_MQTTS, 1, "/a/b c", NULL, NULL},
        {"mqtt://user:pw@host:1883/", "host", BB_URL_MQTT, 1883, "/", "user", "pw"},
        {"mqtt://user@host", "host", BB_URL_MQTT, 1883, "", "user", NULL},
        {"mqtt://user:@host", "host", BB_URL_MQTT, 1883, "", "user", ""},
        {"mqtt://@host", "host", BB_URL_MQTT, 1883, "", "", NULL},
        {"mqtt://:pw@host", "host", BB_URL_MQTT, 1883, "", "", "pw"},
        {"mqtt://u%40x:p%3Aq%2Fr@host", "host", BB_URL_MQTT, 1883, "", "u@x", "p:q/r"},
        {"mqtt://user:p@ss:word@host", "host", BB_URL_MQTT, 1883, "", "user", "p@ss:word"},
        {"mqtt://host/site/+/#", "host", BB_URL_MQTT, 1883, "/site/+/#", NULL, NULL},
        {"mqtt://[::1]", "::1", BB_URL_MQTT, 1883, "", NULL, NULL},
        {"mqtts://[2001:db8::7]:65535/", "2001:db8::7", BB_URL_MQTTS, 65535, "/", NULL, NULL},
        {"mqtts://127.0.0.1", "127.0.0.1", BB_URL_MQTTS, 8883, "", NULL, NULL},
        {"ws://host", "host", BB_URL_WS, 80, "/", NULL, NULL},
        {"ws://host:8080?key=1", "host", BB_URL_WS, 8080, "/?key=1", NULL, NULL},
        {"wss://u:p@host/mqtt%20x?key=1&b=/", "host", BB_URL_WSS, 443, "/mqtt%20x?key=1&b=/", "u", "p"},
        {"unix:/run/busbar.sock", "", BB_URL_UNIX, 0, "/run/busbar.sock", NULL, NULL},
        {"unix:///run/a%20b", "", BB_URL_UNIX, 0, "/run/a b", NULL, NULL},
        {"unix://u:p@/run/x", "", BB_URL_UNIX, 0, "/run/x", "u", "p"},
        {"unix:here.sock", "", BB_URL_UNIX, 0, "here.sock", NULL, NULL},
        {"unix:@abstract", "", BB_URL_UNIX, 0, "@abstract", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!bb_url_parse(good[i].text, &url, error, sizeof error))
            fail_msg("%s: %s", good[i].text, error);
        assert_string_equal(error, "");
        assert_int_equal(url.scheme, good[i].scheme);
        assert_string_equal(url.host, good[i].host);
        assert_int_equal(url.port, good[i].port);
        assert_string_equal(url.path, good[i].path);
        equal_or_null(url.user, good[i].user);
        equal_or_null(url.password, good[i].password);
    }
}

static void what_is_wrong_is_said_and_where(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "character 1: must begin with mqtt://"},
        {"broker.example", "character 1: must begin with mqtt://"},
        {"http://host", "character 1: must begin with mqtt://"},
        {"mqtt:host", "character 6: expected //"},
        {"mqtt://", "character 8: a host is missing"},
        {"mqtt:///topic", "character 8: a host is missing"},
        {"mqtt://user@:1883", "character 13: a host is missing"},
        {"mqtt://host:", "character 13: the port must be a number from 1 to 65535"},
        {"mqtt://host:0", "character 13: the port"},
        {"mqtt://host:65536", "character 13: the port"},
        {"mqtt://host:123456", "character 13: the port"},
        {"mqtt://host:18x3", "character 13: the port"},
        {"mqtt://ho st", "character 10: a host name has letters"},
        {"mqtt://h\xc3\xb6st", "character 9: write names"},
        {"mqtt://::1", "character 8: an IPv6 address must stand in brackets"},
        {"mqtt://2001:db8::1:1883", "character 8: an IPv6 address must stand in brackets"},
        {"mqtt://[::1", "character 12: the ] behind"},
        {"mqtt://[::1]x", "character 13: expected :PORT"},
        {"mqtt://[127.0.0.1]", "character 9: what stands in brackets must be an IPv6 address"},
        {"mqtt://[]", "character 9: what stands in brackets"},
        {"mqtt://us%4", "character 10: a host name"},
        {"mqtt://us%4@host", "character 10: a % must be followed"},
        {"mqtt://us%4gx@host", "character 10: a % must be followed"},
        {"mqtt://host/%", "character 13: a % must be followed"},
        {"mqtt://host/%00", "character 13: a zero byte"},
        {"ws://host/a#b", "character 12: a fragment"},
        {"ws://host/a b", "character 12: must be percent-encoded"},
        {"ws://host/\xc3\xa4", "character 11: must be percent-encoded"},
        {"unix:", "character 6: the path of the socket is missing"},
        {"unix://host/path", "character 8: a Unix socket has no host"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (bb_url_parse(bad[i].text, &url, error, sizeof error))
            fail_msg("%s was accepted", bad[i].text);
        if (strncmp(error, bad[i].says, strlen(bad[i].says)) != 0)
            fail_msg("%s gave: %s", bad[i].text, error);
    }
}

static void long_urls_fit_or_are_refused(void **state)
{
    static char text[BB_URL_MAX + 2];
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "mqtt://u:p@h/", 13);
    text[BB_URL_MAX] = 0;
    assert_true(bb_url_parse(text, &url, error, sizeof error));
    assert_int_equal(strlen(url.path), BB_URL_MAX - 12);
    text[BB_URL_MAX] = 'x';
    assert_false(bb_url_parse(text, &url, error, sizeof error));
    assert_string_equal(error, "character 4097: a URL has at most 4096 characters");
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "mqtt://", 7);
    text[7 + BB_URL_HOST_MAX] = 0;
    assert_true(bb_url_parse(text, &url, error, sizeof error));
    text[7 + BB_URL_HOST_MAX] = 'x';
    text[8 + BB_URL_HOST_MAX] = 0;
    assert_false(bb_url_parse(text, &url, error, sizeof error));
}

static void an_error_that_does_not_fit_is_cut(void **state)
{
    char small[10];
    assert_false(bb_url_parse("http://host", &url, small, sizeof small));
    assert_string_equal(small, "character");
    assert_false(bb_url_parse("http://host", &url, NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(what_is_wrong_is_said_and_where),
        cmocka_unit_test(long_urls_fit_or_are_refused),
        cmocka_unit_test(an_error_that_does_not_fit_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
