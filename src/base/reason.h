/* reason.h - the one table of reasons: why something was refused, dropped, expired or ended.
 *
 * What      Each row has a name (and in lower case for counters, $SYS and the log), the MQTT 5.0 reason code that a
 * peer is told, and a text for people. A status is a row of this table, or BB_OK, or BB_MORE. Rule      Nothing is
 * refused, dropped or disconnected without naming a row (architecture: every drop has a reason). Several rows may share
 * a code: a peer is told 0x97, an operator is told which limit it was. */
#ifndef BB_BASE_REASON_H
#define BB_BASE_REASON_H

#include <stddef.h>
#include <stdint.h>

#define BB_REASON_MAP(X)                                                                                             \
    /* --- the peer broke the protocol */                                                                            \
    X(MALFORMED, "malformed", 0x81, "the bytes do not follow the packet format")                                     \
    X(PROTOCOL, "protocol", 0x82, "the packet, property or value is not allowed here")                               \
    X(VERSION, "version", 0x84, "this version of MQTT is not supported")                                             \
    X(NOT_MQTT, "not_mqtt", 0x84, "the first bytes are not an MQTT CONNECT")                                         \
    X(CLIENT_ID, "client_id", 0x85, "the client identifier is not valid")                                            \
    X(FILTER_INVALID, "filter_invalid", 0x8F, "the topic filter is not valid")                                       \
    X(TOPIC_INVALID, "topic_invalid", 0x90, "the topic name is not valid")                                           \
    X(TOPIC_DEEP, "topic_deep", 0x90, "the topic has more levels than the limit allows")                             \
    X(TOPIC_LONG, "topic_long", 0x90, "the topic is longer than the limit allows")                                   \
    X(PACKET_ID_IN_USE, "packet_id_in_use", 0x91, "the packet identifier is already in use")                         \
    X(PACKET_ID_UNKNOWN, "packet_id_unknown", 0x92, "the packet identifier is not known")                            \
    X(RECEIVE_MAXIMUM, "receive_maximum", 0x93, "more unacknowledged messages than the receive maximum allows")      \
    X(TOPIC_ALIAS, "topic_alias", 0x94, "the topic alias is zero or above the maximum")                              \
    X(PACKET_TOO_LARGE, "packet_too_large", 0x95, "the packet is larger than the limit allows")                      \
    X(PAYLOAD_FORMAT, "payload_format", 0x99, "the payload is not what its format indicator says")                   \
    X(RETAIN_UNSUPPORTED, "retain_unsupported", 0x9A, "retained messages are switched off")                          \
    X(QOS_UNSUPPORTED, "qos_unsupported", 0x9B, "this QoS is above the maximum")                                     \
    X(SHARED_UNSUPPORTED, "shared_unsupported", 0x9E, "shared subscriptions are switched off")                       \
    X(SUBSCRIPTION_ID_UNSUPPORTED, "subscription_id_unsupported", 0xA1, "subscription identifiers are switched off") \
    X(WILDCARD_UNSUPPORTED, "wildcard_unsupported", 0xA2, "wildcard subscriptions are switched off")                 \
    /* --- who are you, what may you do */                                                                           \
    X(CREDENTIALS, "credentials", 0x86, "the user name or password is wrong")                                        \
    X(NOT_AUTHORIZED, "not_authorized", 0x87, "the access rules do not permit this")                                 \
    X(SYS_TOPIC, "sys_topic", 0x87, "topics that start with $ belong to the broker")                                 \
    X(BANNED, "banned", 0x8A, "this client is banned")                                                               \
    X(AUTH_METHOD, "auth_method", 0x8C, "this authentication method is not offered")                                 \
    /* --- limits */                                                                                                 \
    X(TOO_MANY_CONNECTIONS, "too_many_connections", 0x97, "the limit on connections was reached")                    \
    X(LISTENER_FULL, "listener_full", 0x97, "the limit on connections of this listener was reached")                 \
    X(TOO_MANY_SUBSCRIPTIONS, "too_many_subscriptions", 0x97, "the limit on subscriptions of a session was reached") \
    X(TOO_MANY_RETAINED, "too_many_retained", 0x97, "the limit on retained messages was reached")                    \
    X(TOO_MANY_SESSIONS, "too_many_sessions", 0x97, "the limit on sessions was reached")                             \
    X(NO_MEMORY, "no_memory", 0x97, "the memory limit was reached")                                                  \
    X(NO_FILES, "no_files", 0x97, "the process has no file descriptors left")                                        \
    X(CONNECT_TIMEOUT, "connect_timeout", 0x80, "no CONNECT came in time")                                           \
    X(QUEUE_MESSAGES, "queue_messages", 0x97, "the session's queue holds as many messages as its limit allows")      \
    X(QUEUE_BYTES, "queue_bytes", 0x97, "the session's queue holds as many bytes as its limit allows")               \
    X(SLOW_QOS0, "slow_qos0", 0x97, "the subscriber is too slow for its QoS 0 messages")                             \
    X(OFFLINE_QOS0, "offline_qos0", 0x97, "the subscriber is away, and QoS 0 messages are not kept for it")          \
    X(TOO_LARGE_FOR_CLIENT, "too_large_for_client", 0x95, "the packet is larger than the subscriber accepts")        \
    X(RATE, "rate", 0x96, "messages come faster than the limit allows")                                              \
    /* --- the way of all messages */                                                                                \
    X(NO_SUBSCRIBERS, "no_subscribers", 0x10, "nobody subscribes to this topic")                                     \
    X(NO_MEMBER, "no_member", 0x97, "no member of the shared subscription can take the message")                     \
    X(EXPIRED, "expired", 0x80, "the message expired")                                                               \
    X(SESSION_ENDED, "session_ended", 0x80, "the session ended with messages still queued")                          \
    X(SUBSCRIBER_REFUSED, "subscriber_refused", 0x80, "the subscriber refused the message")                          \
    /* --- how a link ends */                                                                                        \
    X(BY_CLIENT, "by_client", 0x00, "the client disconnected")                                                       \
    X(BY_CLIENT_WITH_WILL, "by_client_with_will", 0x04, "the client disconnected and asked for its will")            \
    X(LINK_LOST, "link_lost", 0x80, "the connection was closed without DISCONNECT")                                  \
    X(LINK_ERROR, "link_error", 0x80, "the connection failed")                                                       \
    X(TLS_HANDSHAKE, "tls_handshake", 0x80, "the TLS handshake failed")                                              \
    X(CLIENT_CERTIFICATE, "client_certificate", 0x87, "the client's certificate is missing or not good")             \
    X(NOT_WEBSOCKET, "not_websocket", 0x80, "what came first is not a request for a WebSocket")                      \
    X(WEB_PATH, "web_path", 0x80, "the WebSocket was asked for at another path")                                     \
    X(ORIGIN, "origin", 0x87, "pages of this origin may not connect here")                                           \
    X(SUBPROTOCOL, "subprotocol", 0x80, "the WebSocket is not for MQTT")                                             \
    X(WEBSOCKET_FRAME, "websocket_frame", 0x82, "the WebSocket frames break the protocol, or are text")              \
    X(KEEP_ALIVE, "keep_alive", 0x8D, "nothing came within one and a half times the keep alive")                     \
    X(TAKEN_OVER, "taken_over", 0x8E, "another connection uses the same client identifier")                          \
    X(SESSION_EXPIRED, "session_expired", 0x80, "the session expired")                                               \
    X(SHUTTING_DOWN, "shutting_down", 0x8B, "the broker is shutting down")                                           \
    X(BUSY, "busy", 0x89, "the broker is too busy")                                                                  \
    X(ADMIN, "admin", 0x98, "an operator asked for it")                                                              \
    X(UNSPECIFIED, "unspecified", 0x80, "an unspecified error")                                                      \
    X(IMPLEMENTATION, "implementation", 0x83, "the packet is valid, and this broker does not do what it asks")

typedef enum bb_status {
    BB_OK = 0,
    BB_MORE, /* not an error: the bytes at hand end before the packet does */
#define X(name, lower, code, text) BB_E_##name,
    BB_REASON_MAP(X)
#undef X
        BB_STATUS_COUNT /* not a status */
} bb_status;

/* Name of a status in lower case with underscores, as counters, $SYS and the log show it. Static text. */
const char *bb_status_name(bb_status status);

/* MQTT 5.0 reason code of a status: 0x00 for BB_OK. */
uint8_t bb_status_code(bb_status status);

/* One line for people. Static text. */
const char *bb_status_text(bb_status status);

/* Where and why a packet was refused. Static text only: filling it never allocates. */
typedef struct bb_fault {
    bb_status status;
    uint32_t offset;    /* bytes from the start of the packet's body (after the fixed header) */
    const char *clause; /* the normative statement, for instance "MQTT-3.3.1-4"; NULL where there is none */
} bb_fault;

/* Fill `fault` (NULL is allowed) and return its status, so that a check is one line. */
static inline bb_status bb_fault_set(bb_fault *fault, bb_status status, size_t offset, const char *clause)
{
#ifndef BB_TERSE
    if (fault)
        *fault = (bb_fault){status, (uint32_t)offset, clause};
#endif
    return status;
}

#endif
