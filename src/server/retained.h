/* retained.h - the retained messages of the whole process: shards with a lock each.
 *
 * A topic lives in the shard that its hash names. Who reads or writes a topic holds the shard's lock; worker.c pushes
 * and takes posts before it lets go (broker/port.h says why). */
#ifndef BB_SERVER_RETAINED_H
#define BB_SERVER_RETAINED_H

#include <pthread.h>
#include <stdatomic.h>

#include "broker/limits.h"
#include "retain/retain.h"

enum { BB_RETAINED_SHARDS_MAX = 64 };

typedef struct bb_retained_shard {
    pthread_mutex_t mutex;
    bb_retain store;
    char apart[64]; /* keep the locks of neighbours off one cache line */
} bb_retained_shard;

typedef struct bb_retained {
    bb_retained_shard shards[BB_RETAINED_SHARDS_MAX];
    unsigned shards_count; /* a power of two; one when there is one worker */
    _Atomic uint64_t count, bytes, version;
    _Atomic uint64_t own_count, own_bytes; /* of them, the broker's own: $SYS */
} bb_retained;

void bb_retained_init(bb_retained *retained, unsigned workers);
void bb_retained_deinit(bb_retained *retained, bb_mem *mem);

/* Lock the shard of a topic, and let it go. */
bb_retained_shard *bb_retained_lock(bb_retained *retained, uint64_t topic_hash);
bb_retained_shard *bb_retained_lock_number(bb_retained *retained, unsigned shard);
void bb_retained_unlock(bb_retained_shard *shard);

/* Store or delete, with the shard's lock held. Errors as bb_retain_set. */
BB_MUST_USE bb_status bb_retained_store(bb_retained *retained, bb_retained_shard *shard, bb_mem *mem,
                                        const bb_limits *limits, const bb_content *content);

/* Delete what has expired, a bounded piece with each call; `*shard` and the cursor remember where to go on. */
void bb_retained_sweep(bb_retained *retained, bb_mem *mem, unsigned *shard, bb_retain_cursor *cursor, bb_time now);

#endif
