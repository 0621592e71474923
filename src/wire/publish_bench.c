/* What decoding and encoding one PUBLISH costs. Prints one line for each shape of packet: nanoseconds, best of several
 * rounds (the machine's other work only ever adds). */
#include <stdio.h>
#include <time.h>

#include "wire/wire.h"

enum { ROUNDS = 20, PACKETS = 200000 };

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Keeps the compiler from leaving out work whose result nobody looks at. */
static void use(const void *result)
{
    __asm__ volatile("" : : "r"(result) : "memory");
}

typedef struct packet_shape {
    const char *name;
    bb_version version;
    bb_publish_head head;
} packet_shape;

static void decode_one(bb_span packet, bb_version version)
{
    bb_header header;
    bb_publish publish;
    bb_status status = bb_header_decode(packet, &header, NULL);
    BB_CHECK(status == BB_OK);
    status = bb_publish_decode(&header, bb_span_from(packet, header.size), version, &publish, NULL);
    BB_CHECK(status == BB_OK);
    use(&publish);
}

static void encode_one(uint8_t *out, const packet_shape *shape)
{
    size_t head_size = 0;
    bb_publish_size(shape->version, &shape->head, &head_size);
    use(&head_size);
    bb_publish_encode(out, shape->version, &shape->head);
    use(out);
}

static double best_decode(bb_span packet, bb_version version)
{
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        for (int i = 0; i < PACKETS; i++)
            decode_one(packet, version);
        double each = (now_ns() - start) / PACKETS;
        best = each < best ? each : best;
    }
    return best;
}

static double best_encode(uint8_t *out, const packet_shape *shape)
{
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        for (int i = 0; i < PACKETS; i++)
            encode_one(out, shape);
        double each = (now_ns() - start) / PACKETS;
        best = each < best ? each : best;
    }
    return best;
}

static double best_ack(void)
{
    uint8_t out[8];
    bb_ack ack;
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        for (int i = 0; i < PACKETS; i++) {
            size_t size = bb_ack_encode(out, sizeof(out), BB_PUBACK, BB_MQTT_5, 7, 0, BB_SPAN_NONE);
            bb_status status = bb_ack_decode(BB_PUBACK, bb_span_of(out + 2, size - 2), BB_MQTT_5, &ack, NULL);
            BB_CHECK(status == BB_OK);
            use(&ack);
        }
        double each = (now_ns() - start) / PACKETS;
        best = each < best ? each : best;
    }
    return best;
}

static const uint8_t some_properties[] = {0x02, 0, 0, 0, 60, 0x26, 0, 4, 'u', 'n', 'i', 't', 0, 2, 'k', 'W'};

int main(void)
{
    bb_span topic = BB_SPAN_LITERAL("site/17/inverter/4/power");
    const packet_shape shapes[] = {
        {"3.1.1 QoS 0", BB_MQTT_311, {.topic = topic, .payload_len = 32}},
        {"3.1.1 QoS 1", BB_MQTT_311, {.qos = 1, .packet_id = 7, .topic = topic, .payload_len = 32}},
        {"5.0 QoS 1", BB_MQTT_5, {.qos = 1, .packet_id = 7, .topic = topic, .payload_len = 32}},
        {"5.0 QoS 1, expiry and a user property",
         BB_MQTT_5,
         {.qos = 1,
          .packet_id = 7,
          .topic = topic,
          .properties = bb_span_of(some_properties, sizeof(some_properties)),
          .expiry_at = 1,
          .expiry_s = 59,
          .payload_len = 32}},
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        uint8_t packet[256] = {0};
        size_t size = bb_publish_size(shapes[i].version, &shapes[i].head, NULL);
        bb_publish_encode(packet, shapes[i].version, &shapes[i].head);
        double decode = best_decode(bb_span_of(packet, size), shapes[i].version);
        double encode = best_encode(packet, &shapes[i]);
        printf("publish %-40s decode %5.1f ns  size and encode %5.1f ns\n", shapes[i].name, decode, encode);
    }
    printf("puback  %-40s encode and decode %5.1f ns\n", "5.0, short form", best_ack());
    return 0;
}
