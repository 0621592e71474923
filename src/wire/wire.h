/* wire.h - MQTT packets: bytes to structs and back, for 3.1, 3.1.1 and 5.0, for server and client.
 *
 * What      Pure functions. Decoded strings, properties and payloads are spans into the bytes that were passed in and
 *           live as long as those. Encoders write into memory of the caller and say how many bytes they need.
 * Used by   message, session, broker, client.
 * Memory    None: nothing is allocated, no input can make the codec use more than its stack frame.
 * Errors    Decoders fill a bb_fault that names the clause. BB_E_MALFORMED for bytes that break the format (0x81),
 *           BB_E_PROTOCOL for a packet, property or value that is not allowed there (0x82), and the more exact rows
 *           where the standard has a code of its own. BB_MORE: the header (or a publish's head) is not complete yet.
 * Start at  bb_header_decode, bb_publish_decode; property.h holds the table of properties. */
#ifndef BB_WIRE_WIRE_H
#define BB_WIRE_WIRE_H

#include "base/check.h"
#include "base/reason.h"
#include "base/span.h"
#include "wire/frame.h"
#include "wire/property.h"

typedef enum bb_version { BB_MQTT_31 = 3, BB_MQTT_311 = 4, BB_MQTT_5 = 5 } bb_version;

typedef enum bb_packet_type {
    BB_CONNECT = 1,
    BB_CONNACK,
    BB_PUBLISH,
    BB_PUBACK,
    BB_PUBREC,
    BB_PUBREL,
    BB_PUBCOMP,
    BB_SUBSCRIBE,
    BB_SUBACK,
    BB_UNSUBSCRIBE,
    BB_UNSUBACK,
    BB_PINGREQ,
    BB_PINGRESP,
    BB_DISCONNECT,
    BB_AUTH,
} bb_packet_type;

enum { BB_REMAINING_MAX = 268435455, BB_SUBSCRIPTION_ID_MAX = 268435455 };

/* ---- The fixed header. */
typedef struct bb_header {
    uint8_t type;       /* 1..15 */
    uint8_t flags;      /* the low four bits */
    uint8_t size;       /* bytes of this header: 2..5 */
    uint32_t remaining; /* bytes that follow it */
} bb_header;

/* Decode the fixed header at the start of `in`. Type 0 and, where a type has fixed flags, wrong flags are malformed
 * [MQTT-2.1.3-1]; so is a length in more bytes than needed or than four [MQTT-1.5.5-1]. BB_MORE: `in` is too short. */
BB_MUST_USE bb_status bb_header_decode(bb_span in, bb_header *out, bb_fault *fault);

/* The same for a link that speaks 3.1, where SUBSCRIBE, UNSUBSCRIBE and PUBREL carry DUP when they are sent again. */
BB_MUST_USE bb_status bb_header_decode_31(bb_span in, bb_header *out, bb_fault *fault);

/* Does a text hold + or #, as no topic name does? */
bool bb_has_wildcard(bb_span text);

/* ---- CONNECT. */
typedef struct bb_will {
    uint8_t qos;
    bool retain;
    bb_span topic, payload;
    bb_properties properties; /* only those of a will */
} bb_will;

typedef struct bb_connect {
    bb_version version;
    bool clean_start; /* 3.1 and 3.1.1: Clean Session */
    bool has_will, has_user_name, has_password;
    uint16_t keep_alive_s;
    bb_span client_id, user_name, password;
    bb_properties properties;
    bb_will will;
} bb_connect;

/* Decode the body of a CONNECT. BB_E_NOT_MQTT for an unknown protocol name, BB_E_VERSION for a known name with a level
 * that is not served (out->version then holds the raw level, so that the answer can fit). A 3.1 client id of more than
 * 23 bytes and an empty one are BB_E_CLIENT_ID, and so is an empty one of 3.1.1 without Clean Session [MQTT-3.1.3-8
 * (3.1.1)]; else those of 3.1.1 and 5.0 may be empty. On failure only out->version means something: the raw level, or 0
 * when the bytes did not get that far. */
BB_MUST_USE bb_status bb_connect_decode(bb_span body, bb_connect *out, bb_fault *fault);

/* What an outgoing CONNECT is made of. A span whose data is NULL is not sent, except for the client id, which is empty
 * then. The version is 3.1.1 or 5.0. */
typedef struct bb_connect_parts {
    bb_version version;
    bool clean_start;
    uint16_t keep_alive_s;
    bb_span client_id, user_name, password;
    bb_span properties;      /* encoded list; 5.0 only, as are those of the will */
    bb_span more_properties; /* which follow them, encoded, too */
    bb_span will_topic;      /* data NULL: no will */
    bb_span will_payload, will_properties;
    uint8_t will_qos;
    bool will_retain;
} bb_connect_parts;

/* Make a frame of a CONNECT. False: something in it has more bytes than MQTT allows. */
BB_MUST_USE bool bb_connect_frame(bb_frame *out, const bb_connect_parts *parts);

/* Write a CONNECT. 0 if it exceeds cap, or if a text, the password or the payload of the will has more than 65535
 * bytes. What texts and topics hold is for the caller to check. */
size_t bb_connect_encode(uint8_t *out, size_t cap, const bb_connect_parts *parts);

/* ---- PUBLISH. */
typedef struct bb_publish {
    uint8_t qos;
    bool retain, dup;
    uint16_t packet_id;       /* 0 with QoS 0 */
    bb_span topic;            /* may be empty in 5.0 when an alias stands for it */
    bb_properties properties; /* .raw is the encoded list without its length */
    size_t payload_offset;    /* in the body */
    bb_span payload;          /* as much of it as was passed in */
} bb_publish;

/* Decode a PUBLISH. `body` may end anywhere after the properties when the payload is still on its way: `header` tells
 * the whole length. BB_MORE when even topic or properties are not complete. The topic is checked for UTF-8 and
 * wildcards, not for depth or length limits. An alias of 0 is BB_E_TOPIC_ALIAS; whether a larger one is within the
 * maximum, and that a client sent no subscription identifier, is for the caller to check. */
BB_MUST_USE bb_status bb_publish_decode(const bb_header *header, bb_span body, bb_version version, bb_publish *out,
                                        bb_fault *fault);

/* What the head of an outgoing PUBLISH (all before the payload) is made of. */
typedef struct bb_publish_head {
    uint8_t qos;
    bool retain, dup;
    uint16_t packet_id;
    bb_span topic;       /* empty when the alias alone stands for it */
    bb_span properties;  /* encoded, to be copied unchanged; without alias and subscription identifiers */
    uint32_t expiry_at;  /* where in `properties` the four bytes of Message Expiry Interval are; */
    uint32_t expiry_s;   /* and what to put there. expiry_at == 0: no such property (its value cannot be first) */
    uint16_t alias;      /* 0: none */
    const uint32_t *ids; /* subscription identifiers, in the order they are written */
    size_t ids_count;
    size_t payload_len;
} bb_publish_head;

/* Bytes of the whole PUBLISH, payload included, and of its head; `head_size` may be NULL. A total above
 * BB_REMAINING_MAX + 5 is returned as SIZE_MAX. */
size_t bb_publish_size(bb_version version, const bb_publish_head *head, size_t *head_size);

/* Write the head into `out`, which must have room for its head_size. Returns the bytes written. */
size_t bb_publish_encode(uint8_t *out, bb_version version, const bb_publish_head *head);

/* ---- PUBACK, PUBREC, PUBREL, PUBCOMP. */
typedef struct bb_ack {
    uint16_t packet_id;
    uint8_t code; /* reason code; 0x00 before 5.0 */
    bb_properties properties;
} bb_ack;

/* Decode the body of one of the four (`type` says which: it decides the reason codes that are allowed). */
BB_MUST_USE bb_status bb_ack_decode(bb_packet_type type, bb_span body, bb_version version, bb_ack *out,
                                    bb_fault *fault);

/* Write an acknowledgement; at most 6 bytes without a reason string. Before 5.0 the code is not sent. With code 0x00
 * and no reason the short form is used. `reason` is a reason string (empty: none). Returns the size, 0 if above cap. */
size_t bb_ack_encode(uint8_t *out, size_t cap, bb_packet_type type, bb_version version, uint16_t packet_id,
                     uint8_t code, bb_span reason);

/* Make a frame of one without reason string. */
void bb_ack_frame(bb_frame *out, bb_packet_type type, bb_version version, uint16_t packet_id, uint8_t code);

/* ---- SUBSCRIBE, UNSUBSCRIBE: a head, then one entry after the other. */
typedef struct bb_subscribe {
    uint16_t packet_id;
    bb_properties properties;
    bb_span entries; /* what bb_filter_next reads; never empty */
} bb_subscribe;

typedef struct bb_filter_entry {
    bb_span filter;
    uint8_t qos; /* SUBSCRIBE only, as are all that follow */
    bool no_local, retain_as_published;
    uint8_t retain_handling; /* 0..2 */
} bb_filter_entry;

/* `type` is BB_SUBSCRIBE or BB_UNSUBSCRIBE. All entries are checked here, so bb_filter_next cannot fail on them. */
BB_MUST_USE bb_status bb_subscribe_decode(bb_packet_type type, bb_span body, bb_version version, bb_subscribe *out,
                                          bb_fault *fault);

/* Take the next entry from the front of `entries`; false when it is empty. Filters are valid UTF-8 and not empty;
 * whether they are filters is for topic to say. */
bool bb_filter_next(bb_packet_type type, bb_span *entries, bb_filter_entry *out);

/* Write a SUBSCRIBE or an UNSUBSCRIBE of `count` entries, at least one. `properties` is the encoded list (5.0 only), as
 * are the options of an entry beside its QoS. 0 if it exceeds cap. */
size_t bb_subscribe_encode(uint8_t *out, size_t cap, bb_packet_type type, bb_version version, uint16_t packet_id,
                           bb_span properties, const bb_filter_entry *entries, size_t count);

/* SUBACK (codes: one byte for each filter), and UNSUBACK (the codes are not sent before 5.0). Before 5.0 every code of
 * 0x80 and above is sent as 0x80. 0 if it exceeds cap. */
size_t bb_suback_encode(uint8_t *out, size_t cap, bb_packet_type type, bb_version version, uint16_t packet_id,
                        bb_span codes);

typedef struct bb_suback {
    uint16_t packet_id;
    bb_properties properties;
    bb_span codes; /* one for each filter, in their order; none in an UNSUBACK before 5.0 */
} bb_suback;

/* Decode the body of a SUBACK or UNSUBACK. Whether there are as many codes as there were filters is for the caller to
 * check. */
BB_MUST_USE bb_status bb_suback_decode(bb_packet_type type, bb_span body, bb_version version, bb_suback *out,
                                       bb_fault *fault);

/* ---- DISCONNECT and AUTH. */
typedef struct bb_disconnect {
    uint8_t code;
    bb_properties properties;
} bb_disconnect;

/* From a client (from_client true): codes that only a server may send are a protocol error. AUTH likewise. */
BB_MUST_USE bb_status bb_disconnect_decode(bb_packet_type type, bb_span body, bb_version version, bool from_client,
                                           bb_disconnect *out, bb_fault *fault);

/* Write a DISCONNECT or AUTH of 5.0 with `properties` (encoded list, may be empty). 0 if it exceeds cap. */
size_t bb_disconnect_encode(uint8_t *out, size_t cap, bb_packet_type type, uint8_t code, bb_span properties);

/* ---- CONNACK. */
/* Write a CONNACK. `code` is an MQTT 5.0 reason code; for 3.x it is translated (0x84 -> 1, 0x85 -> 2, 0x86 -> 4,
 * 0x87 -> 5, other errors -> 3). `properties` is the encoded list (5.0 only). 0 if it exceeds cap. */
size_t bb_connack_encode(uint8_t *out, size_t cap, bb_version version, bool session_present, uint8_t code,
                         bb_span properties);

typedef struct bb_connack {
    bool session_present;
    uint8_t code; /* reason code of 5.0; return codes of 3.x are translated: 1 -> 0x84, 2 -> 0x85, 3 -> 0x88, 4 -> 0x86,
                   * 5 -> 0x87 */
    bb_properties properties;
} bb_connack;

/* Decode the body of a CONNACK. */
BB_MUST_USE bb_status bb_connack_decode(bb_span body, bb_version version, bb_connack *out, bb_fault *fault);

/* ---- PINGREQ, PINGRESP. */
static const uint8_t bb_pingreq[2] = {0xC0, 0x00};
static const uint8_t bb_pingresp[2] = {0xD0, 0x00};

/* ---- What a client of 3.1.1 receives, decoded by functions that know nothing of properties, so that a small device
 * need not carry their table. Each does what the function without _311 does for that version, and has its faults. */
BB_MUST_USE bb_status bb_connack_decode_311(bb_span body, bool *session_present, uint8_t *code, bb_fault *fault);
BB_MUST_USE bb_status bb_ack_decode_311(bb_span body, uint16_t *packet_id, bb_fault *fault);
BB_MUST_USE bb_status bb_suback_decode_311(bb_packet_type type, bb_span body, uint16_t *packet_id, bb_span *codes,
                                           bb_fault *fault);

/* Of a PUBLISH, topic (which may be empty in 5.0) and packet identifier: all that stands before the properties of 5.0.
 * `used`: the bytes of it. */
BB_MUST_USE bb_status bb_publish_decode_start(const bb_header *header, bb_span body, bb_span *topic,
                                              uint16_t *packet_id, size_t *used, bb_fault *fault);
BB_MUST_USE bb_status bb_publish_decode_311(const bb_header *header, bb_span body, bb_span *topic, uint16_t *packet_id,
                                            size_t *payload_offset, bb_fault *fault);

#endif
