/* digest.h - what the closed segments of the log say about each other: which deliveries are settled before they ever
 * reach the table. Private to store.
 *
 * What      A checkpoint looks at a segment when the next one is closed too, so a delivery that is acknowledged while
 *           either was filled costs the table nothing. And because the order of what is looked up here does not count,
 *           an acknowledgement may stand before the PUBLISH that it answers: it waits here until that comes.
 * Forgets   What has met its PUBLISH, when its segment is in the table; the rest `late` segments later.
 * Threads   The checkpoint's. */
#ifndef BB_STORE_DIGEST_H
#define BB_STORE_DIGEST_H

#include "base/map.h"
#include "store/rows.h"

/* What has become of a delivery; the greatest counts. */
typedef enum bb_fate_state { BB_FATE_SENT = 1, BB_FATE_RELEASED, BB_FATE_SETTLED } bb_fate_state;

typedef struct bb_fate {
    bb_map_node node;
    uint64_t session, sequence;
    uint64_t segment;   /* of the record that says so */
    uint16_t packet_id; /* with SENT and RELEASED */
    uint8_t state;      /* bb_fate_state */
    bool met;           /* its PUBLISH was found, and the table says what this says */
    bool moved;         /* settled by MOVED, which names the same payload file */
} bb_fate;

/* Of a session: gone, or settled up to a sequence. */
typedef struct bb_session_fate {
    bb_map_node node;
    uint64_t session;
    uint64_t segment;
    uint64_t settled_to;
    bool ended;
} bb_session_fate;

/* Of a topic: the greatest version of its retained message. */
typedef struct bb_topic_fate {
    bb_map_node node;
    uint64_t segment, version;
    size_t len;
    uint8_t topic[];
} bb_topic_fate;

typedef struct bb_digest {
    bb_mem *mem;
    bb_map fates, sessions, topics;
    bb_fate *free_fates;
    uint64_t scanned; /* the last segment that was taken in */
    uint64_t late;
} bb_digest;

void bb_digest_init(bb_digest *digest, bb_mem *mem, uint64_t late);
void bb_digest_deinit(bb_digest *digest);

/* Take in one record of `segment`; false: no memory. */
BB_MUST_USE bool bb_digest_take(bb_digest *digest, uint64_t segment, const bb_record *record);

/* The segment is in the table: forget what is not needed any more. */
void bb_digest_forget(bb_digest *digest, uint64_t segment);

bb_fate *bb_digest_fate(const bb_digest *digest, uint64_t session, uint64_t sequence); /* NULL: none is known */
bb_session_fate *bb_digest_session(const bb_digest *digest, uint64_t session);
/* The greatest version that is known here, or 0. */
uint64_t bb_digest_retained(const bb_digest *digest, bb_span topic);

#endif
