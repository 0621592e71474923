/* format.h - how a received message is printed: mosquitto_sub's format strings, with long names.
 *
 *     %t            a letter, as mosquitto_sub knows it
 *     %{topic}      the same by name; some have a name only
 *     %-010l        flags and a width before either, and a maximum after a dot: %-20.20{topic}
 *     @H            a letter of strftime, for the time of arrival; @N: its nanoseconds
 *     \n            \\ \0 \a \e \n \r \t \v
 *
 * Memory    Payload as JSON needs memory of its size while it is checked; everything else none.
 * Threads   Pure functions, but for the stream that is written to and the time zone of the process.
 * Start at  BB_FORMAT_MAP, then bb_format_print. */
#ifndef BB_TOOL_FORMAT_H
#define BB_TOOL_FORMAT_H

#include <stdio.h>
#include <time.h>

#include "base/span.h"

/* A message that has arrived, whole. */
typedef struct bb_received {
    bb_span topic, payload;
    bb_span properties; /* encoded list; empty before 5.0 */
    struct timespec at;
    uint16_t packet_id; /* 0 with QoS 0 */
    uint8_t qos;
    bool retain, dup;
} bb_received;

#define BB_FORMAT_MAP(                                                                                          \
    X) /* letter, with its percent sign ("": none), name, its function in format.c, text for the manual */      \
    X("%t", "topic", topic, "the topic")                                                                        \
    X("%p", "payload", payload, "the payload, byte for byte")                                                   \
    X("%l", "length", length, "the length of the payload in bytes")                                             \
    X("%x", "hex", hex, "the payload as hexadecimal numbers, small letters")                                    \
    X("%X", "HEX", hex_capital, "the same with capitals")                                                       \
    X("", "base64", base64, "the payload in base64")                                                            \
    X("%q", "qos", qos, "the QoS")                                                                              \
    X("%r", "retain", retain, "1 for a message that was retained, else 0")                                      \
    X("", "dup", dup, "1 for a message that may have come before, else 0")                                      \
    X("%m", "packet-id", packet_id, "the packet identifier; 0 with QoS 0")                                      \
    X("%j", "json", json, "one JSON object with time, topic, QoS, properties and payload")                      \
    X("%J", "json-payload", json_payload, "the same, with a payload that is JSON itself, unquoted")             \
    X("", "json-pretty", json_pretty, "the object over several lines")                                          \
    X("%I", "time", time, "when it arrived: 2026-08-10T09:47:38+0100")                                          \
    X("%U", "unix-time", unix_time, "when it arrived: seconds since 1970, with nanoseconds")                    \
    X("%A", "topic-alias", topic_alias, "the topic alias, if there is one")                                     \
    X("%C", "content-type", content_type, "the content type, if there is one")                                  \
    X("%D", "correlation-data", correlation_data, "the correlation data, byte for byte")                        \
    X("", "correlation-hex", correlation_hex, "the same as hexadecimal numbers")                                \
    X("%E", "expiry", expiry, "what is left of the message expiry interval, in seconds")                        \
    X("%F", "payload-format", payload_format, "the payload format indicator: 1 says that the payload is UTF-8") \
    X("%P", "user-properties", user_properties, "the user properties: `name:value name:value`")                 \
    X("%R", "response-topic", response_topic, "where a response is expected, if one is")                        \
    X("%S", "subscription-id", subscription_id, "the subscription identifier, if there is one")

enum { BB_FORMAT_ERROR_MAX = 160 };

/* Is `format` one? If not, `error` says what was found and what is possible. */
bool bb_format_check(const char *format, char error[BB_FORMAT_ERROR_MAX]);

/* Print `message`; `format` has been checked. `pretty`: %j over several lines. False: the payload should have been JSON
 * and is not; what came before it has been printed. Errors of the stream are for the caller to find. */
bool bb_format_print(FILE *to, const char *format, const bb_received *message, bool pretty);

/* A text of JSON, with its quotes. Bytes that are not UTF-8 are passed on as they are. */
void bb_json_text(FILE *to, bb_span text);

/* Bytes in base64, with padding. */
void bb_base64_print(FILE *to, bb_span bytes);

#endif
