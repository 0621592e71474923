/* journal.h - the records in which a change of state is written down.
 *
 * What      Bytes to records and back. A record says one thing that happened, whole: replayed in order on an empty
 *           state, the records of a journal give the state that must survive. docs/journal-format.md shows the bytes.
 * Used by   broker (encodes what changed), store (takes the bytes to the disk, and moves what is alive to the table).
 * Memory    None is allocated: the caller gives the buffer, a decoded record points into the bytes it came from.
 * Threads   Pure functions.
 * Start at  BB_RECORD_MAP, then struct bb_record.
 *
 * A record is one byte for its kind, the length of its body, and the body: the fields of its kind, one behind the
 * other, all of them always. Every field has a limit, every number the one shortest encoding, and what does not keep
 * to that is refused, as is a kind that this version does not know: state that is understood by half is worse than a
 * start that is refused. */
#ifndef BB_JOURNAL_JOURNAL_H
#define BB_JOURNAL_JOURNAL_H

#include "base/check.h"
#include "base/reason.h"
#include "base/span.h"

/* Of the kinds and fields below. A field or kind that comes, goes or changes makes it one more. */
enum { BB_JOURNAL_VERSION = 1 };

/* What a record holds: the fields by name, of which each kind has some. Types:
 *   NUMBER   an unsigned number, 7 bits a byte, the lowest first
 *   SECONDS  a NUMBER, one more than the seconds; 0 stands for none or never (UINT32_MAX in the struct)
 *   BYTES    the length as a NUMBER, then the bytes */
#define BB_RECORD_FIELD_MAP(X) /* name, type, most, what it is */                                                    \
    X(session, NUMBER, UINT64_MAX, "number of a session, never 0; of PUBLISH: the publisher's, 0 without packet_id") \
    X(sequence, NUMBER, UINT64_MAX, "place in the session's queue, counted up from 1")                               \
    X(packet_id, NUMBER, UINT16_MAX, "packet identifier; of PUBLISH: the QoS 2 one that is now taken, or 0")         \
    X(from_session, NUMBER, UINT64_MAX, "session that the delivery leaves")                                          \
    X(from_sequence, NUMBER, UINT64_MAX, "its place there")                                                          \
    X(client_id, BYTES, UINT16_MAX, "client identifier")                                                             \
    X(user, BYTES, UINT16_MAX, "user name, or empty")                                                                \
    X(mqtt, NUMBER, UINT8_MAX, "protocol version of the last CONNECT: 3, 4 or 5")                                    \
    X(session_expiry_s, SECONDS, UINT32_MAX, "session expiry; of DISCONNECTED: what is left of it")                  \
    X(has_will, NUMBER, 1, "1: the message fields are the will")                                                     \
    X(will_delay_s, SECONDS, UINT32_MAX, "will delay; of DISCONNECTED: what is left of it, or none")                 \
    X(topic, BYTES, UINT16_MAX, "topic name")                                                                        \
    X(properties, BYTES, 268435455, "properties as they are forwarded")                                              \
    X(expiry_s, SECONDS, UINT32_MAX, "what remains of the message expiry interval, or none")                         \
    X(expiry_at, NUMBER, 268435455, "where in `properties` the interval stands, or 0")                               \
    X(publisher, BYTES, UINT16_MAX, "client identifier of the publisher, or empty")                                  \
    X(qos, NUMBER, 2, "QoS of the message")                                                                          \
    X(retain, NUMBER, 1, "retain flag of the message")                                                               \
    X(payload, BYTES, 268435455, "payload, or empty when it is in a file")                                           \
    X(payload_file, NUMBER, UINT64_MAX, "number of the file that holds the payload, or 0")                           \
    X(payload_size, NUMBER, 268435455, "its size in bytes")                                                          \
    X(retain_version, NUMBER, UINT64_MAX, "version of the retained message that this is; 0: not retained")           \
    X(owed, BYTES, 268435455, "whom it is owed to: a list, see below")                                               \
    X(filter, BYTES, UINT16_MAX, "topic filter, with $share/name/")                                                  \
    X(options, NUMBER, UINT8_MAX, "subscription options, as in SUBSCRIBE")                                           \
    X(subscription_id, NUMBER, 268435455, "subscription identifier, or 0")                                           \
    X(clock_ms, NUMBER, UINT64_MAX, "the store's clock: counts on while the broker is down, never goes back")        \
    X(wall_ms, NUMBER, UINT64_MAX, "the wall clock at that moment, since 1970")

#define BB_RECORD_MESSAGE_FIELDS(F) \
    F(topic)                        \
    F(properties) F(expiry_s) F(expiry_at) F(publisher) F(qos) F(retain) F(payload) F(payload_file) F(payload_size)

/* The kinds. Numbers never change their meaning. */
#define BB_RECORD_MAP(X, F) /* number, name, fields in order, what happened */                                        \
    X(1, PUBLISH, BB_RECORD_MESSAGE_FIELDS(F) F(retain_version) F(owed) F(session) F(packet_id),                      \
      "a message was published: all that this does, at once")                                                         \
    X(2, MOVED, F(from_session) F(from_sequence) BB_RECORD_MESSAGE_FIELDS(F) F(owed),                                 \
      "a delivery of a shared subscription went to another session: added there, removed here, at once")              \
    X(3, ACKNOWLEDGED, F(session) F(sequence), "a delivery is done with: acknowledged, expired or dropped")           \
    X(4, ACKNOWLEDGED_TO, F(session) F(sequence), "so are all deliveries of the session up to this one")              \
    X(5, SENT, F(session) F(sequence) F(packet_id), "a delivery is in flight under this packet identifier")           \
    X(6, RELEASED, F(session) F(sequence) F(packet_id), "PUBREC came for it: PUBREL is owed, no longer the message")  \
    X(7, INBOUND_RELEASED, F(session) F(packet_id), "PUBREL came: the identifier is free for a new message")          \
    X(8, SESSION,                                                                                                     \
      F(session) F(client_id) F(user) F(mqtt) F(session_expiry_s) F(has_will) F(will_delay_s)                         \
          BB_RECORD_MESSAGE_FIELDS(F),                                                                                \
      "a session was made or resumed, or its expiry or will changed; its client is connected")                        \
    X(9, ENDED, F(session), "a session is gone, with all that it held")                                               \
    X(10, DISCONNECTED, F(session) F(session_expiry_s) F(will_delay_s), "its client left; the expiry runs")           \
    X(11, SUBSCRIBED, F(session) F(filter) F(options) F(subscription_id), "a subscription is new or has new options") \
    X(12, UNSUBSCRIBED, F(session) F(filter), "a subscription is gone")                                               \
    X(13, RETAINED_DELETED, F(topic) F(retain_version), "a topic has no retained message any more")                   \
    X(14, CLOCK, F(clock_ms) F(wall_ms), "what follows happened then, or up to a second later")

typedef enum bb_record_kind {
#define X(number, name, fields, text) BB_RECORD_##name = (number),
#define F(name)
    BB_RECORD_MAP(X, F)
#undef X
#undef F
} bb_record_kind;

/* One record. Only the fields of its kind count. */
typedef struct bb_record {
    bb_record_kind kind;
#define BB_RECORD_TYPE_NUMBER uint64_t
#define BB_RECORD_TYPE_SECONDS uint32_t
#define BB_RECORD_TYPE_BYTES bb_span
#define X(name, type, most, text) BB_RECORD_TYPE_##type name;
    BB_RECORD_FIELD_MAP(X)
#undef X
} bb_record;

/* Where and why a record was refused. Static text only. */
typedef struct bb_record_fault {
    const char *what;  /* for instance "a number above its limit" */
    const char *field; /* its name, or NULL where it is the record as a whole */
    unsigned kind;     /* as it stands in the bytes */
    size_t offset;     /* from the start of the bytes that were given */
} bb_record_fault;

/* Bytes that the record takes encoded, or 0: a field is above its limit. */
size_t bb_record_size(const bb_record *record);

/* Encode into `out`, which has room for `size` bytes, as bb_record_size returned it. Returns what follows it. */
uint8_t *bb_record_encode(uint8_t *out, const bb_record *record, size_t size);

/* Take the record at the front of `rest`, which moves on. Fields that the kind does not have are zero. BB_E_MALFORMED:
 * `rest` and `out` are untouched, and `fault` (NULL is allowed) says why. */
BB_MUST_USE bb_status bb_record_decode(bb_span *rest, bb_record *out, bb_record_fault *fault);

/* Name of a kind, as the documentation writes it, or NULL. Static text. */
const char *bb_record_name(unsigned kind);

/* --- whom a message is owed to: the list in `owed` */

enum { BB_OWED_IDS_MAX = 64 }; /* subscription identifiers of one delivery, as a session keeps them */

/* One delivery: the session and the place in its queue, and how it is sent. In bytes: session, sequence (NUMBERs, not
 * 0), one byte of flags (0x03 QoS 1 or 2, 0x04 retain, 0x08 packet identifier, 0x10 subscription identifiers), then if
 * the flags say so the packet identifier, and the count of the identifiers and the identifiers. */
typedef struct bb_owed {
    uint64_t session, sequence;
    uint16_t packet_id; /* 0: not sent yet */
    uint8_t qos;
    bool retain;
    uint8_t ids_count;
    uint32_t ids[BB_OWED_IDS_MAX];
} bb_owed;

/* Bytes that one more entry of a list takes. */
size_t bb_owed_size(const bb_owed *owed);

/* Write it at `at`; returns what follows it. Lists that several workers wrote may be put one behind the other. */
uint8_t *bb_owed_put(uint8_t *at, const bb_owed *owed);

/* Take the next entry of a list that bb_record_decode has checked; false at its end. */
bool bb_owed_next(bb_span *rest, bb_owed *out);

#endif
