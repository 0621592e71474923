/* commit.c - the commit thread: gathers what all lanes have flushed, writes one frame, tells the lanes. While one
 * commit waits for the disk the next one gathers, so the slower the disk, the larger the frames. */
#include <errno.h>
#include <time.h>

#include "store/commit.h"
#include "store/lane.h"

enum { CLOCK_EVERY_MS = 1000, RETRY_MS = 50 };

static bool add_clock(bb_store *store)
{
    uint8_t bytes[32];
    bb_record record = {.kind = BB_RECORD_CLOCK,
                        .clock_ms = bb_store_clock_ms(store),
                        .wall_ms = store->options.wall_ms(store->options.context)};
    size_t size = bb_record_size(&record);
    bb_record_encode(bytes, &record, size);
    store->clock_noted_ms = record.clock_ms;
    return bb_wal_add(store->wal, bb_span_of(bytes, size));
}

/* Once a second is enough: what remains of an expiry is counted in seconds. */
static bool tells_time(bb_store *store)
{
    return store->segment_last == 0 || bb_store_clock_ms(store) - store->clock_noted_ms >= CLOCK_EVERY_MS;
}

/* Fill the frame with what was taken, up to about a segment. */
static bool gather(bb_store *store)
{
    bb_wal *wal = store->wal;
    if (!store->taken)
        store->taken = bb_blocks_take(store);
    if (store->taken && bb_wal_added(wal) == 0 && tells_time(store) && !add_clock(store))
        return false;
    while (store->taken) {
        bb_block *block = store->taken;
        size_t added = bb_wal_added(wal);
        if (added > 64 && added + block->used > store->options.segment_bytes / 2)
            break;
        if (!bb_wal_add(wal, bb_span_of(block->bytes, block->used)))
            return false;
        store->taken = block->next;
        block->lane->taken = block->ticket;
        atomic_fetch_sub_explicit(&store->pending_bytes, (int64_t)block->used, memory_order_relaxed);
        bb_block_return(block);
    }
    return true;
}

/* The frame went into another segment than the one before: remember where the lanes stood. */
static void mark_segment(bb_store *store, const uint64_t *before)
{
    uint64_t segment = bb_wal_open_segment(store->wal);
    if (segment == store->segment_last)
        return;
    size_t bytes = sizeof(bb_mark) + store->options.lanes * sizeof(uint64_t);
    pthread_mutex_lock(&store->lock);
    bb_mark *mark = store->segment_last ? bb_mem_alloc(&store->locked_mem, bytes) : NULL;
    if (mark) { /* without memory for it, bb_lane_tabled grows with the next mark */
        mark->segment = store->segment_last;
        memcpy(mark->tickets, before, store->options.lanes * sizeof(uint64_t));
        bb_mark **at = &store->marks;
        while (*at)
            at = &(*at)->next;
        mark->next = NULL;
        *at = mark;
    }
    pthread_mutex_unlock(&store->lock);
    store->segment_last = segment;
    sem_post(&store->checkpoint_wake);
}

static void tell_lanes(bb_store *store)
{
    uint64_t before[256];
    unsigned lanes = store->options.lanes;
    for (unsigned i = 0; i < lanes; i++)
        before[i] = atomic_load_explicit(&store->lanes[i].durable, memory_order_relaxed);
    mark_segment(store, before);
    for (unsigned i = 0; i < lanes; i++) {
        bb_lane *lane = &store->lanes[i];
        if (lane->taken == before[i])
            continue;
        atomic_store_explicit(&lane->durable, lane->taken, memory_order_release);
        if (store->options.committed)
            store->options.committed(store->options.context, i);
    }
}

bool bb_store_step_commit(bb_store *store)
{
    bb_store_error error;
    if (!store->wal || atomic_load(&store->failed))
        return false;
    if (!store->frame_waits && !gather(store)) {
        bb_store_fail_system(&error, ENOMEM, "commit to", "the journal");
        bb_store_set_failed(store, &error);
        return false;
    }
    if (bb_wal_added(store->wal) == 0)
        return false;
    bb_store_status status = bb_wal_commit(store->wal, &error);
    store->frame_waits = status == BB_STORE_FULL;
    atomic_store_explicit(&store->full, store->frame_waits, memory_order_relaxed);
    if (status == BB_STORE_OK)
        tell_lanes(store);
    else if (!store->frame_waits)
        bb_store_set_failed(store, &error);
    return status == BB_STORE_OK;
}

static void wait_ms(sem_t *wake, long ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (sem_timedwait(wake, &until) != 0 && errno == EINTR)
        ;
}

void *bb_commit_thread(void *context)
{
    bb_store *store = context;
    while (!atomic_load(&store->failed)) {
        if (bb_store_step_commit(store))
            continue;
        if (store->frame_waits) {
            if (atomic_load(&store->stopping))
                break; /* a full disk does not keep the broker from ending; nothing of it was acknowledged */
            wait_ms(&store->commit_wake, RETRY_MS);
        } else if (bb_blocks_sleep(store)) {
            if (atomic_load(&store->stopping))
                break;
            while (sem_wait(&store->commit_wake) != 0)
                ;
            bb_blocks_awake(store);
        }
    }
    return NULL;
}

/* --- the checkpoint thread */

static void pass_marks(bb_store *store, uint64_t segment)
{
    pthread_mutex_lock(&store->lock);
    for (bb_mark *mark; (mark = store->marks) != NULL && mark->segment <= segment;) {
        for (unsigned i = 0; i < store->options.lanes; i++)
            atomic_store_explicit(&store->lanes[i].tabled, mark->tickets[i], memory_order_release);
        store->marks = mark->next;
        bb_mem_free(&store->locked_mem, mark, sizeof *mark + store->options.lanes * sizeof(uint64_t));
    }
    pthread_mutex_unlock(&store->lock);
}

bool bb_store_step_checkpoint(bb_store *store)
{
    bb_store_error error;
    bool moved = false;
    if (!store->wal || atomic_load(&store->failed))
        return false;
    bb_store_status status = bb_checkpoint_step(&store->checkpoint, false, &moved, &error);
    if (status == BB_STORE_OK && moved)
        pass_marks(store, store->checkpoint.contained);
    if (status == BB_STORE_OK || status == BB_STORE_FULL) { /* a full table: segments are kept until there is room */
        bb_store_status prepared = bb_wal_prepare(store->wal, &error);
        if (prepared == BB_STORE_FAILED)
            status = prepared;
    }
    if (status != BB_STORE_OK && status != BB_STORE_FULL)
        bb_store_set_failed(store, &error);
    return moved;
}

void *bb_checkpoint_thread(void *context)
{
    bb_store *store = context;
    while (!atomic_load(&store->failed) && !atomic_load(&store->stopping)) {
        if (bb_store_step_checkpoint(store))
            continue;
        if (bb_store_has_room(store))
            while (sem_wait(&store->checkpoint_wake) != 0)
                ;
        else
            wait_ms(&store->checkpoint_wake, RETRY_MS);
    }
    return NULL;
}
