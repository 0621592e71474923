#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "transport/http_upgrade.h"

/* The example of RFC 6455, 1.3. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define STATUS "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define PROOF "Sec-WebSocket-Accept: " ACCEPT "\r\n"
#define MQTT "Sec-WebSocket-Protocol: mqtt\r\n"
#define END "\r\n"

static void the_proof_is_that_of_the_standard(void **state)
{
    char key[BB_UPGRADE_KEY_TEXT + 1], accept[BB_UPGRADE_ACCEPT_TEXT + 1];
    bb_upgrade_key((const uint8_t *)"the sample nonce", key);
    assert_string_equal(key, KEY);
    bb_upgrade_accept(BB_SPAN_LITERAL(KEY), accept);
    assert_string_equal(accept, ACCEPT);
}

static void the_request_says_what_is_wanted(void **state)
{
    char buffer[BB_UPGRADE_REQUEST_MAX];
    bb_websocket_peer peer = {.host = "broker.example", .port = 8080, .path = "/mqtt?x=1"};
    bb_text text = bb_text_on(buffer, sizeof buffer - 1);
    bb_upgrade_put_request(&text, &peer, BB_SPAN_LITERAL(KEY));
    buffer[text.len] = 0;
    assert_string_equal(buffer, "GET /mqtt?x=1 HTTP/1.1\r\nHost: broker.example:8080\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n"
                                "Sec-WebSocket-Key: " KEY "\r\n\r\n");
    peer = (bb_websocket_peer){.host = "::1", .port = 80, .standard_port = true, .path = "/"};
    text = bb_text_on(buffer, sizeof buffer - 1);
    bb_upgrade_put_request(&text, &peer, BB_SPAN_LITERAL(KEY));
    buffer[text.len] = 0;
    assert_non_null(strstr(buffer, "\r\nHost: [::1]\r\n"));
}

static void the_end_of_a_response_is_found(void **state)
{
    assert_int_equal(bb_upgrade_response_length(BB_SPAN_NONE), 0);
    assert_int_equal(bb_upgrade_response_length(BB_SPAN_LITERAL("HTTP/1.1 101\r\n\r")), 0);
    assert_int_equal(bb_upgrade_response_length(BB_SPAN_LITERAL("HTTP/1.1 101\r\n\r\n\x82\x02")), 16);
    assert_true(bb_upgrade_is_http(BB_SPAN_NONE));
    assert_true(bb_upgrade_is_http(BB_SPAN_LITERAL("HTTP/1")));
    assert_true(bb_upgrade_is_http(BB_SPAN_LITERAL("HTTP/1.1 4")));
    assert_false(bb_upgrade_is_http(BB_SPAN_LITERAL("HTTP/1.0")));
    assert_false(bb_upgrade_is_http(BB_SPAN_LITERAL("\x20\x02")));
}

static void acceptable_responses_are_accepted(void **state)
{
    static const char *const good[] = {
        STATUS UPGRADE PROOF MQTT END,
        "HTTP/1.1 101\r\n" UPGRADE PROOF MQTT END,
        STATUS "upgrade:WebSocket\r\nCONNECTION: keep-alive , upgrade \t\r\nServer: x, y\r\n" PROOF MQTT "X:\r\n" END,
        STATUS UPGRADE PROOF MQTT "Sec-WebSocket-Extensions:\r\n" END,
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char buffer[256];
        bb_text error = bb_text_on(buffer, sizeof buffer);
        if (!bb_upgrade_check(bb_span_text(good[i]), BB_SPAN_LITERAL(KEY), &error))
            fail_msg("%s gave: %.*s", good[i], (int)error.len, error.at);
    }
}

static void other_responses_are_refused_with_the_reason(void **state)
{
    static const struct {
        const char *response, *says;
    } bad[] = {
        {"HTTP/1.0 101 x\r\n" UPGRADE PROOF MQTT END, "does not speak HTTP/1.1"},
        {"\r\n\r\n", "does not speak HTTP/1.1"},
        {"HTTP/1.1 404 Not Found\r\n\r\n", "it answered: 404 Not Found"},
        {"HTTP/1.1 1010 x\r\n" UPGRADE PROOF MQTT END, "it answered: 1010 x"},
        {"HTTP/1.1 \x1b[2J\r\n\r\n", "it answered: \\x1b[2J"},
        {STATUS PROOF MQTT END, "does not upgrade"},
        {STATUS "Upgrade: h2c\r\nConnection: Upgrade\r\n" PROOF MQTT END, "does not upgrade"},
        {STATUS "Upgrade: websocket\r\nConnection: close\r\n" PROOF MQTT END, "does not upgrade"},
        {STATUS UPGRADE MQTT END, "Sec-WebSocket-Accept is wrong"},
        {STATUS UPGRADE "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n" MQTT END, "Sec-WebSocket-Accept"},
        {STATUS UPGRADE "Sec-WebSocket-Accept: \r\n" MQTT END, "Sec-WebSocket-Accept"},
        {STATUS UPGRADE PROOF END, "not for MQTT"},
        {STATUS UPGRADE PROOF "Sec-WebSocket-Protocol: mqttv3.1\r\n" END, "not for MQTT"},
        {STATUS UPGRADE PROOF MQTT "Sec-WebSocket-Extensions: permessage-deflate\r\n" END, "extension"},
        {STATUS UPGRADE PROOF PROOF MQTT END, "not valid HTTP"},
        {STATUS UPGRADE PROOF MQTT MQTT END, "not valid HTTP"},
        {STATUS UPGRADE PROOF MQTT " folded\r\n" END, "not valid HTTP"},
        {STATUS UPGRADE PROOF MQTT "no colon\r\n" END, "not valid HTTP"},
        {STATUS UPGRADE PROOF MQTT "spa ce: x\r\n" END, "not valid HTTP"},
        {STATUS UPGRADE PROOF MQTT "X: a\nb\r\n" END, "not valid HTTP"},
        {STATUS UPGRADE PROOF MQTT ": x\r\n" END, "not valid HTTP"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char buffer[256];
        bb_text error = bb_text_on(buffer, sizeof buffer - 1);
        assert_false(bb_upgrade_check(bb_span_text(bad[i].response), BB_SPAN_LITERAL(KEY), &error));
        buffer[error.len] = 0;
        if (!strstr(buffer, bad[i].says))
            fail_msg("%s gave: %s", bad[i].response, buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_proof_is_that_of_the_standard),
        cmocka_unit_test(the_request_says_what_is_wanted),
        cmocka_unit_test(the_end_of_a_response_is_found),
        cmocka_unit_test(acceptable_responses_are_accepted),
        cmocka_unit_test(other_responses_are_refused_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
