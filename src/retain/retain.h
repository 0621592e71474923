/* retain.h - the last message of each topic, in the order of their names.
 *
 * What      One shard of the retained messages: a crit-bit tree over topic names. Being ordered, it answers a wildcard
 *           filter by walking only the part that can match, and a walk can stop after any message and go on later from
 *           the name where it stopped, whatever was stored or deleted in between.
 * Used by   the shell's side of the broker's port, which keeps several shards with a lock each.
 * Memory    From the bb_mem passed to each call (different threads use one shard in turn).
 * Threads   One at a time: the caller holds the shard's lock. What a call returns is valid until the lock is let go.
 * Start at  bb_retain_set, bb_retain_walk. Spec: MQTT 5.0 3.3.1.3. */
#ifndef BB_RETAIN_RETAIN_H
#define BB_RETAIN_RETAIN_H

#include "message/message.h"

typedef struct bb_retain {
    void *root;     /* private: a tagged pointer to a node or a leaf; NULL when empty */
    uint64_t count; /* retained messages */
    uint64_t bytes; /* of their topics, properties and payloads */
} bb_retain;

typedef struct bb_retain_limits {
    uint64_t count_max, bytes_max; /* for this shard */
} bb_retain_limits;

/* Store the message for its topic, or delete the stored one when the payload is empty [MQTT-3.3.1-6]. `version` must be
 * greater than that of every earlier call for the topic. BB_E_TOO_MANY_RETAINED, BB_E_NO_MEMORY: nothing changed. */
BB_MUST_USE bb_status bb_retain_set(bb_retain *retain, bb_mem *mem, const bb_retain_limits *limits,
                                    const bb_content *content, uint64_t version);

/* The message of one topic; false when there is none or it has expired. */
bool bb_retain_get(const bb_retain *retain, bb_span topic, bb_time now, bb_content *out);

/* Where a walk stands. Zeroed at the start; bb_retain_cursor_deinit gives its memory back. */
typedef struct bb_retain_cursor {
    uint8_t *from; /* go on with the first topic that is not before this name */
    size_t from_len, from_cap;
    bool started;
} bb_retain_cursor;

void bb_retain_cursor_deinit(bb_retain_cursor *cursor, bb_mem *mem);

/* Called for each message that matches; false stops the walk after it. */
typedef bool bb_retain_visit(void *context, const bb_content *content);

typedef enum bb_retain_walked { BB_RETAIN_DONE, BB_RETAIN_STOPPED, BB_RETAIN_NO_MEMORY } bb_retain_walked;

/* Visit the messages that match `filter` from where the cursor stands, looking at no more than `steps` of the tree's
 * leaves. STOPPED when there may be more. */
BB_MUST_USE bb_retain_walked bb_retain_walk(const bb_retain *retain, bb_mem *mem, bb_span filter,
                                            bb_retain_cursor *cursor, bb_time now, unsigned steps,
                                            bb_retain_visit *visit, void *context);

/* Delete expired messages, looking at no more than `steps` leaves from where the cursor stands; `removed` counts them.
 */
BB_MUST_USE bb_retain_walked bb_retain_sweep(bb_retain *retain, bb_mem *mem, bb_retain_cursor *cursor, bb_time now,
                                             unsigned steps, uint64_t *removed);

/* Delete everything. */
void bb_retain_clear(bb_retain *retain, bb_mem *mem);

#endif
