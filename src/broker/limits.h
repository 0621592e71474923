/* limits.h - what one broker allows, and which features it offers. Filled by server/config from the YAML file; a value
 * that changes while the broker runs (reload) holds for what comes after the change. Sizes are in bytes, times in
 * seconds. */
#ifndef BB_BROKER_LIMITS_H
#define BB_BROKER_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum bb_shared_strategy {
    BB_SHARED_ROUND_ROBIN, /* each message to the next member that can take it now */
    BB_SHARED_STICKY,      /* the same member as long as it can take messages */
    BB_SHARED_HASH,        /* by publisher: one publisher's messages stay with one member */
} bb_shared_strategy;

typedef struct bb_limits {
    /* The whole process */
    uint32_t connections_max;  /* links, whether connected or not */
    uint32_t sessions_max;     /* sessions, connected or away */
    uint64_t memory_bytes_max; /* of broker state and messages; 0: three quarters of what the process may use */
    uint64_t retained_messages_max;
    uint64_t retained_bytes_max; /* topics, properties and payloads */
    /* One packet */
    uint32_t packet_bytes_max; /* whole packet, both announced (Maximum Packet Size) and enforced; at most 268435460 */
    uint32_t payload_bytes_max;
    uint32_t topic_bytes_max;
    uint32_t topic_levels_max;
    /* One link */
    uint32_t connect_timeout_s;       /* from accept to the end of CONNECT */
    uint32_t keep_alive_max_s;        /* 0: no maximum; else longer ones and 0 are lowered to it (Server Keep Alive) */
    uint16_t receive_maximum;         /* inbound QoS 1 and 2 in flight, 1..65535 */
    uint16_t topic_alias_maximum;     /* inbound aliases, 0..65535 */
    uint16_t topic_alias_maximum_out; /* most outbound aliases that we use with one client */
    uint32_t output_bytes_max;        /* encoded bytes waiting in one link before messages wait in the queue */
    /* One session */
    uint32_t session_expiry_max_s; /* UINT32_MAX: sessions may live for ever */
    uint32_t subscriptions_max;
    uint16_t inflight_max; /* outbound QoS 1 and 2 in flight, 1..65535; the client's Receive Maximum may be lower */
    uint32_t queue_messages_max;
    uint64_t queue_bytes_max;
    bool queue_qos0_offline; /* keep QoS 0 messages for persistent sessions that are away */
    /* Features */
    bool retain_available, wildcard_available, shared_available, subscription_id_available;
    uint8_t qos_max; /* 0..2 */
    bb_shared_strategy shared_strategy;
} bb_limits;

/* The defaults, which docs/configuration.md documents. */
void bb_limits_default(bb_limits *limits);

#endif
