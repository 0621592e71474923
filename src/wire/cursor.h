/* cursor.h - reads the fields of one packet, never past its end. Private to wire.
 *
 * What      A position in the bytes at hand. Each read takes one field, or says why it cannot: BB_E_MALFORMED when the
 *           packet ends before the field does, BB_MORE when only the bytes at hand do (`missing` of the packet's bytes
 *           are still to come). After a failure the cursor is not used any more.
 * Faults    Offsets count from `start`. BB_MORE is no failure and leaves the fault alone. */
#ifndef BB_WIRE_CURSOR_H
#define BB_WIRE_CURSOR_H

#include "base/check.h"
#include "base/reason.h"
#include "base/span.h"
#include "base/swar.h"

typedef struct bb_cursor {
    const uint8_t *start, *at, *end;
    size_t missing; /* bytes of the packet that come after `end` */
    bb_fault *fault;
} bb_cursor;

/* Return from the calling function unless `call` went well. */
#define BB_TRY(call)                          \
    do {                                      \
        bb_status try_status = (call);        \
        if (BB_UNLIKELY(try_status != BB_OK)) \
            return try_status;                \
    } while (0)

static inline bb_cursor bb_cursor_on(bb_span bytes, size_t missing, bb_fault *fault)
{
    static const uint8_t nothing[1];
    const uint8_t *start = bytes.data ? bytes.data : nothing;
    return (bb_cursor){start, start, start + bytes.len, missing, fault};
}

static inline size_t bb_cursor_left(const bb_cursor *in)
{
    return (size_t)(in->end - in->at);
}

static inline size_t bb_cursor_offset(const bb_cursor *in)
{
    return (size_t)(in->at - in->start);
}

/* The packet is refused because of the byte at `at`. */
static inline bb_status bb_cursor_refuse(const bb_cursor *in, const uint8_t *at, bb_status status, const char *clause)
{
    return bb_fault_set(in->fault, status, (size_t)(at - in->start), clause);
}

/* What a read returns that needs `size` bytes and does not find them. */
bb_status bb_cursor_short(const bb_cursor *in, size_t size);

/* The failure of a text that bb_utf8_valid refuses: the status is BB_E_MALFORMED, the clause tells which rule. */
bb_status bb_cursor_bad_text(const bb_cursor *in, bb_span text);

/* Take a topic name: not empty, valid UTF-8, no wildcards; else BB_E_MALFORMED or BB_E_TOPIC_INVALID. */
bb_status bb_cursor_topic(bb_cursor *in, bb_span *out);

/* True when `topic`, which is not empty, is printable ASCII without wildcards, which is what nearly every topic is. */
static inline bool bb_topic_is_plain(bb_span topic)
{
    const uint8_t *at = topic.data;
    if (topic.len < 8) {
        uint64_t word = bb_swar_load_short(at, topic.len);
        return (bb_swar_unprintable(word) | bb_swar_wildcard(word)) == 0;
    }
    uint64_t last = bb_swar_load(at + topic.len - 8);
    uint64_t refused = bb_swar_unprintable(last) | bb_swar_wildcard(last);
    for (size_t left = topic.len; left > 8; left -= 8, at += 8) {
        uint64_t word = bb_swar_load(at);
        refused |= bb_swar_unprintable(word) | bb_swar_wildcard(word);
    }
    return refused == 0;
}

/* As bb_cursor_check_topic, for what is not plain. */
bb_status bb_cursor_check_odd_topic(const bb_cursor *in, bb_span topic);

/* Check a topic name that was taken already, as bb_cursor_topic does; an empty one passes. */
static inline bb_status bb_cursor_check_topic(const bb_cursor *in, bb_span topic)
{
    return topic.len == 0 || BB_LIKELY(bb_topic_is_plain(topic)) ? BB_OK : bb_cursor_check_odd_topic(in, topic);
}

/* BB_E_MALFORMED unless everything has been read. */
bb_status bb_cursor_finish(const bb_cursor *in);

static inline bb_status bb_cursor_need(const bb_cursor *in, size_t size)
{
    return BB_LIKELY(size <= bb_cursor_left(in)) ? BB_OK : bb_cursor_short(in, size);
}

static inline bb_status bb_cursor_u8(bb_cursor *in, uint8_t *out)
{
    BB_TRY(bb_cursor_need(in, 1));
    *out = in->at[0];
    in->at += 1;
    return BB_OK;
}

static inline bb_status bb_cursor_u16(bb_cursor *in, uint16_t *out)
{
    BB_TRY(bb_cursor_need(in, 2));
    *out = (uint16_t)(in->at[0] << 8 | in->at[1]);
    in->at += 2;
    return BB_OK;
}

static inline bb_status bb_cursor_u32(bb_cursor *in, uint32_t *out)
{
    BB_TRY(bb_cursor_need(in, 4));
    *out = (uint32_t)in->at[0] << 24 | (uint32_t)in->at[1] << 16 | (uint32_t)in->at[2] << 8 | in->at[3];
    in->at += 4;
    return BB_OK;
}

/* A variable byte integer of one byte to four, in as few bytes as it needs [MQTT-1.5.5-1]. */
bb_status bb_cursor_varint(bb_cursor *in, uint32_t *out);

static inline bb_status bb_cursor_bytes(bb_cursor *in, size_t len, bb_span *out)
{
    BB_TRY(bb_cursor_need(in, len));
    *out = bb_span_of(in->at, len);
    in->at += len;
    return BB_OK;
}

/* Binary data: a length of two bytes, then that many bytes. */
static inline bb_status bb_cursor_binary(bb_cursor *in, bb_span *out)
{
    uint16_t len;
    BB_TRY(bb_cursor_u16(in, &len));
    return bb_cursor_bytes(in, len, out);
}

/* A UTF-8 encoded string: binary data that bb_utf8_valid accepts. */
bb_status bb_cursor_text(bb_cursor *in, bb_span *out);

/* A packet identifier, which is never 0 [MQTT-2.2.1-3]. */
static inline bb_status bb_cursor_packet_id(bb_cursor *in, uint16_t *out)
{
    BB_TRY(bb_cursor_u16(in, out));
    return BB_LIKELY(*out != 0) ? BB_OK : bb_cursor_refuse(in, in->at - 2, BB_E_PROTOCOL, "MQTT-2.2.1-3");
}

#endif
