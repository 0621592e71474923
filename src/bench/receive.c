/* receive.c - taking in what the broker sends: packets out of bytes, and the verdict on each message. */
#include "bench/lane.h"

#include <stdlib.h>

enum { READS_A_TURN = 4, LOOKED_AT = 512 /* bytes at either end of a payload */ };

static uint32_t u16_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static void put_ack(bb_lane *lane, bb_bench_client *client, uint8_t type, const uint8_t *id)
{
    uint8_t *at = bb_lane_room(lane, client, 4);
    at[0] = (uint8_t)(type << 4);
    at[1] = 2;
    at[2] = id[0];
    at[3] = id[1];
    lane->output_len += 4;
}

/* --- A message ---------------------------------------------------------------------------------------------------- */

/* Where the properties of version 5 end; past `len` when they are not complete. */
static size_t after_properties(const uint8_t *body, size_t at, size_t len)
{
    size_t properties = 0;
    for (unsigned shift = 0; at < len && shift < 28; shift += 7) {
        uint8_t byte = body[at++];
        properties |= (size_t)(byte & 127) << shift;
        if (byte < 128)
            return at + properties;
    }
    return len + 1;
}

/* The publisher may send one more message for each that all of its receivers have got. */
static void credit(bb_lane *lane, uint32_t number)
{
    bb_bench_publisher *publisher = &lane->bench->publishers[number];
    uint64_t now = atomic_load_explicit(&lane->credits[number], memory_order_relaxed) + 1;
    atomic_store_explicit(&lane->credits[number], now, memory_order_relaxed);
    if (publisher->lane == lane) {
        bb_bench_publisher_ready(publisher);
    } else {
        lane->rings[publisher->lane->number] = true;
        lane->any_rings = true;
    }
}

/* Returns whether the message came for the first time. */
static bool count_arrival(bb_tally *tally, bb_arrival arrival)
{
    bool is_new = arrival != BB_ARRIVED_AGAIN;
    tally->unique += is_new;
    tally->duplicated += !is_new;
    tally->reordered += arrival == BB_ARRIVED_LATE;
    return is_new;
}

/* One of several receivers of a shared subscription: which messages have come is counted for all of them together. */
static bool account_shared(bb_lane *lane, uint32_t stream, uint32_t source, uint32_t number)
{
    bool is_new = bb_seen_add(&lane->seen[source], number);
    bool is_late = bb_ledger_take_rising(&lane->ledger, stream, number) == BB_ARRIVED_LATE;
    lane->tally.unique += is_new;
    lane->tally.duplicated += !is_new;
    lane->tally.reordered += is_new && is_late;
    return is_new;
}

/* Messages of a busbar bench elsewhere: we come late into its numbers. */
static void account_foreign(bb_lane *lane, uint32_t stream, uint32_t number)
{
    bb_ledger_begin(&lane->ledger, stream, number);
    (void)count_arrival(&lane->tally, bb_ledger_take(&lane->ledger, stream, number));
}

/* A message that is whole and for this client. */
static void account(bb_lane *lane, uint32_t stream, uint32_t source, uint32_t number, uint64_t sent_ns)
{
    const bb_plan *plan = &lane->bench->plan;
    if (BB_UNLIKELY(plan->may_be_alien)) {
        account_foreign(lane, stream, number);
        return;
    }
    bool is_new = BB_UNLIKELY(plan->shares)
                      ? account_shared(lane, stream, source, number)
                      : count_arrival(&lane->tally, bb_ledger_take(&lane->ledger, stream, number));
    if (BB_UNLIKELY(!is_new))
        return;
    if (sent_ns >= lane->counts_from_ns && lane->now_ns > sent_ns)
        bb_histogram_add(&lane->slot->latency, lane->now_ns - sent_ns);
    if (plan->deliveries)
        credit(lane, lane->bench->sources[source].publisher);
}

/* Whether the filler is that of this message. Of a large one only both ends are looked at: reading all of it would cost
 * more than receiving it. */
static bool has_filler(const bb_bench *bench, uint32_t number, bb_span filler)
{
    const uint8_t *expected = bb_bench_filler(bench, number);
    if (filler.len <= (size_t)2 * LOOKED_AT)
        return memcmp(filler.data, expected, filler.len) == 0;
    size_t last = filler.len - LOOKED_AT;
    return memcmp(filler.data, expected, LOOKED_AT) == 0 && memcmp(filler.data + last, expected + last, LOOKED_AT) == 0;
}

/* Whether this is the payload of a message that was really published. */
static bool is_genuine(const bb_bench *bench, uint32_t source, uint32_t number, bb_span payload)
{
    if (source >= bench->plan.sources)
        return false;
    if (!bench->plan.may_be_alien && number >= atomic_load_explicit(&bench->sources[source].next, memory_order_relaxed))
        return false;
    return has_filler(bench, number, bb_span_from(payload, BB_BENCH_PAYLOAD_MIN));
}

static bool has_topic_of(const bb_source *source, bb_span topic_with_length)
{
    return topic_with_length.len == (size_t)source->id_at - source->topic_at &&
           memcmp(source->head + source->topic_at, topic_with_length.data, topic_with_length.len) == 0;
}

static void take_payload(bb_lane *lane, bb_bench_client *client, bb_span topic_with_length, bb_span payload)
{
    const bb_bench *bench = lane->bench;
    bb_tally *tally = &lane->tally;
    uint32_t source, number, stream;
    uint64_t sent_ns;
    tally->received++;
    if (BB_UNLIKELY(payload.len != bench->options->size)) {
        *(bench->plan.may_be_alien ? &tally->alien : &tally->corrupt) += 1;
        return;
    }
    memcpy(&source, payload.data, 4);
    memcpy(&number, payload.data + 4, 4);
    memcpy(&sent_ns, payload.data + 8, 8);
    if (BB_UNLIKELY(!is_genuine(bench, source, number, payload)))
        *(bench->plan.may_be_alien ? &tally->alien : &tally->corrupt) += 1;
    else if (BB_UNLIKELY(!bench->plan.may_be_alien && !has_topic_of(&bench->sources[source], topic_with_length)))
        tally->corrupt++;
    else if (BB_UNLIKELY(!bb_plan_stream(&bench->plan, client->index, source, &stream)))
        tally->misrouted++;
    else
        account(lane, stream, source, number, sent_ns);
}

static void take_publish(bb_lane *lane, bb_bench_client *client, uint8_t first, const uint8_t *body, size_t len)
{
    unsigned qos = first >> 1 & 3;
    size_t topic_len = len >= 2 ? 2 + u16_at(body) : SIZE_MAX - 2, at = topic_len + (qos ? 2 : 0);
    if (BB_UNLIKELY(at > len || qos == 3)) {
        lane->tally.protocol++;
        return;
    }
    if (qos)
        put_ack(lane, client, qos == 1 ? BB_PUBACK : BB_PUBREC, body + topic_len);
    if (lane->bench->options->version == BB_MQTT_5)
        at = after_properties(body, at, len);
    if (BB_UNLIKELY(at > len))
        lane->tally.protocol++;
    else
        take_payload(lane, client, bb_span_of(body, topic_len), bb_span_of(body + at, len - at));
}

/* --- Packets ------------------------------------------------------------------------------------------------------ */

static void take_other(bb_lane *lane, bb_bench_client *client, uint8_t first, bb_span body)
{
    switch (first >> 4) {
    case BB_CONNACK:
        bb_client_connack(lane, client, body);
        return;
    case BB_PUBACK:
    case BB_PUBREC:
    case BB_PUBCOMP:
        if (client->publisher)
            bb_bench_publisher_ack(lane, client->publisher, first >> 4, body);
        else
            lane->tally.protocol++;
        return;
    case BB_PUBREL:
        if (body.len >= 2)
            put_ack(lane, client, BB_PUBCOMP, body.data);
        else
            lane->tally.protocol++;
        return;
    case BB_SUBACK:
        bb_client_suback(lane, client, body);
        return;
    case BB_PINGRESP:
        client->ponged = true;
        return;
    case BB_DISCONNECT:
        lane->tally.disconnects++;
        return;
    default:
        lane->tally.protocol++;
        return;
    }
}

typedef struct frame {
    uint32_t header, remaining;
} frame;

/* The lengths of the packet at `at`. False when its header is not complete, or is none (remaining is UINT32_MAX). */
static bool cut_frame(const uint8_t *at, size_t len, frame *out)
{
    *out = (frame){1, 0};
    for (unsigned shift = 0; out->header < len; shift += 7) {
        if (shift == 28) {
            out->remaining = UINT32_MAX;
            return false;
        }
        uint8_t byte = at[out->header++];
        out->remaining |= (uint32_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return false;
}

/* Handle all whole packets. Returns how many bytes they were, or SIZE_MAX when the client is gone: its bytes made no
 * sense, or what they said ended it. */
static size_t take_packets(bb_lane *lane, bb_bench_client *client, const uint8_t *bytes, size_t len)
{
    size_t done = 0;
    frame cut;
    while (cut_frame(bytes + done, len - done, &cut) && cut.header + (size_t)cut.remaining <= len - done) {
        const uint8_t *start = bytes + done, *body = start + cut.header;
        if (BB_LIKELY(start[0] >> 4 == BB_PUBLISH))
            take_publish(lane, client, start[0], body, cut.remaining);
        else
            take_other(lane, client, start[0], bb_span_of(body, cut.remaining));
        if (BB_UNLIKELY(client->transport.fd < 0))
            return SIZE_MAX;
        done += cut.header + (size_t)cut.remaining;
    }
    if (done < len && len - done >= 2 && cut.remaining > lane->input_cap - BB_LANE_READ_BYTES - 5) {
        lane->tally.protocol++;
        bb_client_lost(lane, client);
        return SIZE_MAX;
    }
    return done;
}

static void keep_part(bb_bytes *part, const uint8_t *bytes, size_t len)
{
    if (len > part->cap) {
        part->cap = (uint32_t)(len > 256 ? 2 * len : 512);
        free(part->at);
        part->at = malloc(part->cap);
        BB_CHECK(part->at);
    }
    if (len)
        memcpy(part->at, bytes, len);
    part->to = (uint32_t)len;
}

/* Read once. False when there is nothing more to be read now. */
static bool read_once(bb_lane *lane, bb_bench_client *client, bool hung_up)
{
    uint32_t kept = client->part.to;
    bb_moved moved = bb_transport_recv(&client->transport, lane->input + kept, BB_LANE_READ_BYTES);
    lane->tally.reads++;
    if (moved.io != BB_IO_OK) {
        if (moved.io != BB_IO_WAIT)
            bb_client_lost(lane, client);
        return false;
    }
    if (kept)
        memcpy(lane->input, client->part.at, kept);
    lane->now_ns = bb_bench_clock_ns();
    lane->tally.bytes_received += moved.bytes;

    uint64_t received = lane->tally.received;
    size_t len = kept + moved.bytes, done = take_packets(lane, client, lane->input, len);
    if (done == SIZE_MAX) {
        lane->output_len = 0;
        return false;
    }
    keep_part(&client->part, lane->input + done, len - done);
    if (lane->tally.received != received) {
        lane->last_received_ns = lane->now_ns;
        lane->slot->received += lane->tally.received - received;
    }
    bb_lane_flush(lane, client);
    return client->transport.fd >= 0 && (hung_up || !moved.drained);
}

void bb_client_read(bb_lane *lane, bb_bench_client *client, bool hung_up)
{
    for (unsigned reads = 0; read_once(lane, client, hung_up); reads++)
        if (reads >= READS_A_TURN && !hung_up) {
            if (!client->reads_again)
                lane->again[lane->again_count++] = client;
            client->reads_again = true;
            return;
        }
}
