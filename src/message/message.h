/* message.h - one published message: what an application said, once, never changed after it is made.
 *
 * What      A bb_content is a view of a message wherever its bytes are: in the read buffer, in a message, in the
 * retained store. A bb_message owns a copy, counted, for sessions that must keep it. Small payloads are copied; larger
 * ones are shared as a blob, so that a payload exists once however many workers and sessions wait for it. Used by
 * session, retain, broker. Memory    From the bb_mem passed in. A view borrows everything. Threads   A bb_message
 * belongs to one worker, so its count is plain; a message crosses to another worker as a view that is copied there, its
 * blob by reference. Start at  bb_content. */
#ifndef BB_MESSAGE_MESSAGE_H
#define BB_MESSAGE_MESSAGE_H

#include "base/blob.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/time.h"
#include "wire/wire.h"

/* Payloads above this many bytes are shared as a blob; up to it a copy is cheaper than a reference. */
enum { BB_PAYLOAD_COPY_MAX = 1024 };

typedef struct bb_content {
    bb_span topic;      /* the resolved topic name, never an alias */
    bb_span properties; /* encoded as they came, without topic alias and subscription identifiers */
    bb_span payload;    /* when blob is NULL */
    bb_blob *blob;      /* the payload, when it is large; borrowed */
    bb_time expires;    /* BB_NEVER without a Message Expiry Interval */
    uint32_t expiry_at; /* where in `properties` the interval's four bytes are; 0: there is none */
    uint8_t qos;
    bool retain;
    uint64_t topic_hash; /* bb_hash of the topic with the process's seed */
    uint64_t publisher;  /* bb_hash of the publisher's client id; 0: the broker itself */
} bb_content;

static inline size_t bb_content_payload_len(const bb_content *content)
{
    return content->blob ? bb_blob_size(content->blob) : content->payload.len;
}

static inline bool bb_content_expired(const bb_content *content, bb_time now)
{
    return content->expires != BB_NEVER && now >= content->expires;
}

/* Write topic, properties and payload (unless it is a blob) to `at`, one behind the other: how a message is kept, and
 * how it is posted to another worker. */
void bb_content_write(const bb_content *content, uint8_t *at);

typedef struct bb_message {
    uint32_t refs;
    uint16_t topic_len;
    uint8_t qos;
    bool retain;
    uint32_t properties_len, payload_len; /* of what is copied below */
    uint32_t expiry_at;
    bb_blob *blob;
    bb_time expires;
    uint64_t topic_hash, publisher;
    uint8_t bytes[]; /* topic, properties, payload */
} bb_message;

/* A message of its own with one reference, or NULL when there is no memory. Takes a reference of the blob. */
BB_MUST_USE bb_message *bb_message_new(bb_mem *mem, const bb_content *content);

static inline bb_message *bb_message_ref(bb_message *message)
{
    message->refs++;
    return message;
}

void bb_message_unref(bb_message *message, bb_mem *mem);

/* The view of a message, good as long as the message. */
bb_content bb_message_content(const bb_message *message);

/* Bytes that a message counts for in a queue: its copy and its payload, shared or not. */
uint64_t bb_message_bytes(const bb_message *message);

/* Copy the properties of a PUBLISH without its topic alias into `out` (room for properties->raw.len). Returns the
 * length; `expiry_at` is set as bb_content wants it. */
size_t bb_properties_forwardable(const bb_properties *properties, uint8_t *out, uint32_t *expiry_at);

/* The same for the properties of a will: without its delay, which is not part of the message. */
size_t bb_will_properties_forwardable(const bb_properties *properties, uint8_t *out, uint32_t *expiry_at);

/* What is left of a Message Expiry Interval, in seconds rounded up, at least 0. Spec: [MQTT-3.3.2-6]. */
uint32_t bb_content_expiry_left_s(const bb_content *content, bb_time now);

#endif
