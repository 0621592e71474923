/* property.h - properties of MQTT 5.0: write a list into memory of yours, read one that was received.
 *
 * What      A list is the bytes as they travel, without its length in front. Messages, wills, subscriptions and CONNECT
 *           take such a list, events carry one. No allocation: a list is written into a buffer of the caller, and read
 *           where it lies.
 * Start at  bb_property_writer_on, bb_property_find. Spec: MQTT 5.0 2.2.2. */
#ifndef BUSBAR_PROPERTY_H
#define BUSBAR_PROPERTY_H

#include <busbar/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The identifiers, with the kind of value that each has. */
enum {
    BB_PAYLOAD_FORMAT = 0x01,            /* byte: 1 says that the payload is UTF-8 text */
    BB_MESSAGE_EXPIRY_S = 0x02,          /* u32 */
    BB_CONTENT_TYPE = 0x03,              /* text */
    BB_RESPONSE_TOPIC = 0x08,            /* text */
    BB_CORRELATION_DATA = 0x09,          /* binary */
    BB_SUBSCRIPTION_ID = 0x0B,           /* varint */
    BB_SESSION_EXPIRY_S = 0x11,          /* u32 */
    BB_ASSIGNED_CLIENT_ID = 0x12,        /* text */
    BB_SERVER_KEEP_ALIVE_S = 0x13,       /* u16 */
    BB_AUTH_METHOD = 0x15,               /* text */
    BB_AUTH_DATA = 0x16,                 /* binary */
    BB_REQUEST_PROBLEM_INFO = 0x17,      /* byte */
    BB_WILL_DELAY_S = 0x18,              /* u32 */
    BB_REQUEST_RESPONSE_INFO = 0x19,     /* byte */
    BB_RESPONSE_INFO = 0x1A,             /* text */
    BB_SERVER_REFERENCE = 0x1C,          /* text */
    BB_REASON_STRING = 0x1F,             /* text */
    BB_RECEIVE_MAXIMUM = 0x21,           /* u16 */
    BB_TOPIC_ALIAS_MAXIMUM = 0x22,       /* u16 */
    BB_TOPIC_ALIAS = 0x23,               /* u16 */
    BB_MAXIMUM_QOS = 0x24,               /* byte */
    BB_RETAIN_AVAILABLE = 0x25,          /* byte */
    BB_USER_PROPERTY = 0x26,             /* pair of texts */
    BB_MAXIMUM_PACKET_SIZE = 0x27,       /* u32 */
    BB_WILDCARD_AVAILABLE = 0x28,        /* byte */
    BB_SUBSCRIPTION_ID_AVAILABLE = 0x29, /* byte */
    BB_SHARED_AVAILABLE = 0x2A           /* byte */
};

/* ---- Writing. */

/* A list that is being written. What does not fit sets `full` and is left out whole. The list so far is the `len` bytes
 * at `at`. */
typedef struct bb_property_writer {
    uint8_t *at;
    size_t len, cap;
    bool full;
} bb_property_writer;

/* An empty list in the `cap` bytes at `memory`. */
static inline bb_property_writer bb_property_writer_on(uint8_t *memory, size_t cap)
{
    bb_property_writer writer;
    writer.at = memory;
    writer.len = 0;
    writer.cap = cap;
    writer.full = false;
    return writer;
}

/* The list as it stands; it lies in the writer's memory. */
static inline bb_span bb_property_list(const bb_property_writer *writer)
{
    bb_span list;
    list.data = writer->at;
    list.len = writer->len;
    return list;
}

/* Add one property. Which of them fits an identifier is told above; that is not checked here, and neither is whether
 * the property belongs into the packet for which the list is meant: the server would refuse it. Texts and binary data
 * are at most 65535 bytes long, and a varint is at most 268435455. */
BB_API void bb_property_put_byte(bb_property_writer *writer, uint8_t id, uint8_t value);
BB_API void bb_property_put_u16(bb_property_writer *writer, uint8_t id, uint16_t value);
BB_API void bb_property_put_u32(bb_property_writer *writer, uint8_t id, uint32_t value);
BB_API void bb_property_put_varint(bb_property_writer *writer, uint8_t id, uint32_t value);
BB_API void bb_property_put_bytes(bb_property_writer *writer, uint8_t id, bb_span value);  /* text and binary */
BB_API void bb_property_put_pair(bb_property_writer *writer, bb_span name, bb_span value); /* a user property */

/* ---- Reading. */

/* One property of a list. Which field holds its value depends on its kind. */
typedef struct bb_property {
    uint8_t id;
    uint32_t number; /* byte, u16, u32, varint */
    bb_span name;    /* pair */
    bb_span value;   /* pair, text, binary */
    bb_span encoded; /* identifier and value as they stand in the list */
} bb_property;

/* Take the next property from the front of `list`, which came with an event; false at its end. */
BB_API bool bb_property_next(bb_span *list, bb_property *out);

/* The first property `id` of `list`, which came with an event. False: there is none, and `out` is untouched. */
BB_API bool bb_property_find(bb_span list, uint8_t id, bb_property *out);

#ifdef __cplusplus
}
#endif

#endif
