/* property.h - the table of MQTT 5.0 properties: decoder, encoder, checks, documentation and tests read it.
 *
 * A decoded list is one bb_properties: `present` has one bit for each property that occurred, the fields hold the
 * values. User properties and subscription identifiers may repeat; they are counted and stay in `raw`.
 * Spec: MQTT 5.0 2.2.2. Private part of wire: others include wire/wire.h. */
#ifndef BB_WIRE_PROPERTY_H
#define BB_WIRE_PROPERTY_H

#include <busbar/property.h> /* identifiers, bb_property, bb_property_writer: libbusbar's users have them too */

#include "base/check.h"
#include "base/reason.h"
#include "base/span.h"

/* Where a property is allowed: one bit for each packet type (1 << type), and one for the properties of a will. */
enum {
    BB_IN_CONNECT = 1 << 1,
    BB_IN_CONNACK = 1 << 2,
    BB_IN_PUBLISH = 1 << 3,
    BB_IN_PUBACK = 1 << 4,
    BB_IN_PUBREC = 1 << 5,
    BB_IN_PUBREL = 1 << 6,
    BB_IN_PUBCOMP = 1 << 7,
    BB_IN_SUBSCRIBE = 1 << 8,
    BB_IN_SUBACK = 1 << 9,
    BB_IN_UNSUBSCRIBE = 1 << 10,
    BB_IN_UNSUBACK = 1 << 11,
    BB_IN_DISCONNECT = 1 << 14,
    BB_IN_AUTH = 1 << 15,
    BB_IN_WILL = 1 << 16,
    BB_IN_ACKS = BB_IN_PUBACK | BB_IN_PUBREC | BB_IN_PUBREL | BB_IN_PUBCOMP | BB_IN_SUBACK | BB_IN_UNSUBACK,
    BB_IN_ANY = BB_IN_CONNECT | BB_IN_CONNACK | BB_IN_PUBLISH | BB_IN_ACKS | BB_IN_SUBSCRIBE | BB_IN_UNSUBSCRIBE |
                BB_IN_DISCONNECT | BB_IN_AUTH | BB_IN_WILL,
};

/* Types: BOOL is a byte that must be 0 or 1; U16, U32, VARINT; TEXT is UTF-8; BINARY; PAIR is two TEXTs. */
#define BB_PROPERTY_MAP(X) /* id, name, type, allowed in, zero is allowed */                       \
    X(0x01, payload_format, BOOL, BB_IN_PUBLISH | BB_IN_WILL, true)                                \
    X(0x02, message_expiry_s, U32, BB_IN_PUBLISH | BB_IN_WILL, true)                               \
    X(0x03, content_type, TEXT, BB_IN_PUBLISH | BB_IN_WILL, true)                                  \
    X(0x08, response_topic, TEXT, BB_IN_PUBLISH | BB_IN_WILL, true)                                \
    X(0x09, correlation_data, BINARY, BB_IN_PUBLISH | BB_IN_WILL, true)                            \
    X(0x0B, subscription_id, VARINT, BB_IN_PUBLISH | BB_IN_SUBSCRIBE, false)                       \
    X(0x11, session_expiry_s, U32, BB_IN_CONNECT | BB_IN_CONNACK | BB_IN_DISCONNECT, true)         \
    X(0x12, assigned_client_id, TEXT, BB_IN_CONNACK, true)                                         \
    X(0x13, server_keep_alive_s, U16, BB_IN_CONNACK, true)                                         \
    X(0x15, auth_method, TEXT, BB_IN_CONNECT | BB_IN_CONNACK | BB_IN_AUTH, true)                   \
    X(0x16, auth_data, BINARY, BB_IN_CONNECT | BB_IN_CONNACK | BB_IN_AUTH, true)                   \
    X(0x17, request_problem_info, BOOL, BB_IN_CONNECT, true)                                       \
    X(0x18, will_delay_s, U32, BB_IN_WILL, true)                                                   \
    X(0x19, request_response_info, BOOL, BB_IN_CONNECT, true)                                      \
    X(0x1A, response_info, TEXT, BB_IN_CONNACK, true)                                              \
    X(0x1C, server_reference, TEXT, BB_IN_CONNACK | BB_IN_DISCONNECT, true)                        \
    X(0x1F, reason_string, TEXT, BB_IN_CONNACK | BB_IN_ACKS | BB_IN_DISCONNECT | BB_IN_AUTH, true) \
    X(0x21, receive_maximum, U16, BB_IN_CONNECT | BB_IN_CONNACK, false)                            \
    X(0x22, topic_alias_maximum, U16, BB_IN_CONNECT | BB_IN_CONNACK, true)                         \
    X(0x23, topic_alias, U16, BB_IN_PUBLISH, true)                                                 \
    X(0x24, maximum_qos, BOOL, BB_IN_CONNACK, true)                                                \
    X(0x25, retain_available, BOOL, BB_IN_CONNACK, true)                                           \
    X(0x26, user_property, PAIR, BB_IN_ANY, true)                                                  \
    X(0x27, maximum_packet_size, U32, BB_IN_CONNECT | BB_IN_CONNACK, false)                        \
    X(0x28, wildcard_available, BOOL, BB_IN_CONNACK, true)                                         \
    X(0x29, subscription_id_available, BOOL, BB_IN_CONNACK, true)                                  \
    X(0x2A, shared_available, BOOL, BB_IN_CONNACK, true)

/* One number for each property, in table order: bb_property_index_<name>, and a bit BB_HAS(<name>) of `present`. */
enum {
#define X(id, name, type, allowed, zero) bb_property_index_##name,
    BB_PROPERTY_MAP(X)
#undef X
        bb_property_count
};

#define BB_HAS(name) (1u << bb_property_index_##name)

/* The number of the row of an identifier that occurred in a list that was decoded. */
unsigned bb_property_index(uint8_t id);

enum { BB_PROPERTIES_LEN_MAX = 268435455 }; /* of an encoded list */

#define BB_PROPERTY_FIELD_BOOL uint8_t
#define BB_PROPERTY_FIELD_U16 uint16_t
#define BB_PROPERTY_FIELD_U32 uint32_t
#define BB_PROPERTY_FIELD_VARINT uint32_t
#define BB_PROPERTY_FIELD_TEXT bb_span
#define BB_PROPERTY_FIELD_BINARY bb_span
#define BB_PROPERTY_FIELD_PAIR uint32_t /* how many there are; they are in `raw` */

typedef struct bb_properties {
    uint32_t present;   /* bits BB_HAS(...). A field whose bit is not set holds nothing of meaning */
    uint32_t expiry_at; /* offset in `raw` of the four bytes of message_expiry_s; 0 without it */
    uint32_t alias_at;  /* offset in `raw` of the identifier byte of topic_alias (3 bytes long), if that is present */
    uint32_t delay_at;  /* likewise of will_delay_s (5 bytes long) */
    bb_span raw;        /* the encoded list, without its length */
#define X(id, name, type, allowed, zero) BB_PROPERTY_FIELD_##type name;
    BB_PROPERTY_MAP(X)
#undef X
} bb_properties;

/* Decode a property list with its length at the start of `in`. `where` is one of BB_IN_*. `used` is how many bytes
 * length and list take. A property that does not belong there, occurs twice (unless it may), or has a value that is not
 * allowed is BB_E_PROTOCOL; bytes that break the format are BB_E_MALFORMED; BB_MORE when the list ends after `in`. A
 * user property or, in a PUBLISH, a subscription identifier may repeat: the field of the one counts them, the field of
 * the other has the last; bb_property_next (in busbar/property.h) finds them all. An identifier that no property has is
 * BB_E_MALFORMED. A response topic that is empty or has wildcards is BB_E_PROTOCOL [MQTT-3.3.2-14]. Never allocates.
 * Spec: 5.0 2.2.2. */
BB_MUST_USE bb_status bb_properties_decode(bb_span in, uint32_t where, bb_properties *out, size_t *used,
                                           bb_fault *fault);

/* Copy a raw list that was decoded, in its order, without the properties in `without` (bits BB_HAS(...)). `out` has
 * room for list.len bytes. Returns how many were written. */
size_t bb_properties_copy(bb_span list, uint32_t without, uint8_t *out);

#endif
