/* wal.c - the way of a frame into the open segment, and of segments from one state to the next. */
#include "store/wal_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"

void bb_wal_name(char out[BB_WAL_NAME], uint64_t number)
{
    snprintf(out, BB_WAL_NAME, "segment-%012" PRIu64, number);
}

void bb_wal_push_last(bb_wal_segment **list, bb_wal_segment *segment)
{
    segment->next = NULL;
    while (*list)
        list = &(*list)->next;
    *list = segment;
}

bb_wal_segment *bb_wal_pop(bb_wal_segment **list)
{
    bb_wal_segment *first = *list;
    if (first)
        *list = first->next;
    return first;
}

bb_wal_segment *bb_wal_segment_new(bb_wal *wal, const char *name, uint64_t size)
{
    bb_wal_segment *segment = bb_mem_alloc_zeroed(wal->options.mem, sizeof *segment);
    if (!segment)
        return NULL;
    segment->size = size;
    snprintf(segment->name, sizeof segment->name, "%s", name);
    atomic_fetch_add(&wal->bytes, size);
    return segment;
}

void bb_wal_segment_free(bb_wal *wal, bb_wal_segment *segment)
{
    if (segment->file)
        wal->options.disk->close(segment->file);
    atomic_fetch_sub(&wal->bytes, segment->size);
    bb_mem_free(wal->options.mem, segment, sizeof *segment);
}

bb_store_status bb_wal_open(const bb_wal_options *options, uint64_t from_segment, uint64_t from_frame, bb_wal **out,
                            bb_wal_found *found, bb_store_error *error)
{
    BB_CHECK(options->segment_bytes >= 4096 && options->segment_bytes < UINT32_MAX && options->prepared > 0);
    bb_wal *wal = bb_mem_alloc_zeroed(options->mem, sizeof *wal);
    if (!wal)
        return bb_store_fail_system(error, ENOMEM, "open", NULL);
    wal->options = *options;
    wal->random = options->random;
    wal->room = true;
    wal->frame_used = BB_FRAME_HEAD;
    pthread_mutex_init(&wal->lock, NULL);
    *found = (bb_wal_found){0};
    bb_store_status status = bb_wal_recover(wal, from_segment, from_frame, found, error);
    if (status != BB_STORE_OK) {
        bb_wal_close(wal);
        return status;
    }
    *out = wal;
    return BB_STORE_OK;
}

static void free_list(bb_wal *wal, bb_wal_segment *list)
{
    for (bb_wal_segment *segment; (segment = bb_wal_pop(&list));)
        bb_wal_segment_free(wal, segment);
}

void bb_wal_close(bb_wal *wal)
{
    free_list(wal, wal->closed);
    free_list(wal, wal->prepared);
    free_list(wal, wal->spares);
    if (wal->open)
        bb_wal_segment_free(wal, wal->open);
    bb_mem_free(wal->options.mem, wal->frame, wal->frame_cap);
    pthread_mutex_destroy(&wal->lock);
    bb_mem_free(wal->options.mem, wal, sizeof *wal);
}

/* --- the commit role */

static bool make_room(bb_wal *wal, size_t bytes)
{
    size_t need = wal->frame_used + bytes + 8;
    if (need <= wal->frame_cap)
        return true;
    size_t cap = need * 2;
    pthread_mutex_lock(&wal->lock);
    uint8_t *frame = bb_mem_resize(wal->options.mem, wal->frame, wal->frame_cap, cap);
    pthread_mutex_unlock(&wal->lock);
    if (!frame)
        return false;
    wal->frame = frame;
    wal->frame_cap = cap;
    return true;
}

bool bb_wal_add(bb_wal *wal, bb_span records)
{
    if (records.len > BB_WAL_FRAME_MAX - wal->frame_used || !make_room(wal, records.len))
        return false;
    memcpy(wal->frame + wal->frame_used, records.data, records.len);
    wal->frame_used += records.len;
    return true;
}

size_t bb_wal_added(const bb_wal *wal)
{
    return wal->frame_used - BB_FRAME_HEAD;
}

static void close_open(bb_wal *wal)
{
    bb_wal_segment *done = wal->open;
    wal->open = NULL;
    atomic_store(&wal->open_number, 0);
    if (!done)
        return;
    wal->options.disk->close(done->file);
    done->file = NULL;
    bb_wal_push_last(&wal->closed, done);
    atomic_fetch_add(&wal->closed_count, 1);
}

/* Take a prepared segment into use in place of the open one; makes one when none is ready. The open one is closed only
 * when that went well: while the disk is full there must be something to write into. */
static bb_store_status roll(bb_wal *wal, uint64_t bytes_min, bb_store_error *error)
{
    bb_store_status status = BB_STORE_OK;
    pthread_mutex_lock(&wal->lock);
    if (!wal->prepared || wal->prepared->size < bytes_min)
        status = bb_wal_prepare_one(wal, bytes_min, error);
    if (status == BB_STORE_OK) {
        bb_wal_segment *next = bb_wal_pop(&wal->prepared);
        close_open(wal);
        wal->open = next;
        atomic_store(&wal->open_number, next->head.number);
    }
    pthread_mutex_unlock(&wal->lock);
    return status;
}

bb_store_status bb_wal_commit(bb_wal *wal, bb_store_error *error)
{
    size_t length = bb_wal_added(wal);
    BB_CHECK(length > 0 && !wal->options.read_only);
    uint64_t bytes = bb_frame_bytes(length);
    if (!wal->open || wal->open->size - wal->open->used < bytes) {
        bb_store_status status = roll(wal, BB_SEGMENT_HEAD + bytes, error);
        if (status != BB_STORE_OK)
            return status;
    }
    bb_wal_segment *open = wal->open;
    memset(wal->frame + wal->frame_used, 0, bytes - BB_FRAME_HEAD - length);
    bb_frame_seal(wal->frame, &open->head, open->used, wal->frame_next, length);
    int failed = wal->options.disk->write(open->file, open->used, bb_span_of(wal->frame, bytes), wal->options.sync);
    if (failed) { /* there was room for it, so even ENOSPC means that the disk does not do what it said */
        bb_store_fail_system(error, failed, "write and sync", open->name);
        return error->status = BB_STORE_FAILED;
    }
    open->used += bytes;
    wal->frame_next++;
    wal->frame_used = BB_FRAME_HEAD;
    return BB_STORE_OK;
}

uint64_t bb_wal_open_segment(const bb_wal *wal)
{
    return atomic_load(&wal->open_number);
}

void bb_wal_finish_segment(bb_wal *wal)
{
    pthread_mutex_lock(&wal->lock);
    close_open(wal);
    pthread_mutex_unlock(&wal->lock);
}

/* --- the checkpoint role */

uint64_t bb_wal_closed_after(bb_wal *wal, uint64_t number)
{
    pthread_mutex_lock(&wal->lock);
    bb_wal_segment *segment = wal->closed;
    while (segment && segment->head.number <= number)
        segment = segment->next;
    uint64_t found = segment ? segment->head.number : 0;
    pthread_mutex_unlock(&wal->lock);
    return found;
}

static bb_wal_segment *find_closed(bb_wal *wal, uint64_t number)
{
    bb_wal_segment *segment = wal->closed;
    while (segment && segment->head.number != number)
        segment = segment->next;
    BB_CHECK(segment);
    return segment;
}

static int read_bytes(bb_wal *wal, const bb_wal_segment *segment, uint8_t *out, size_t *got)
{
    bb_disk *disk = wal->options.disk;
    bb_file *file;
    pthread_mutex_lock(&wal->lock);
    int failed = disk->open(disk, segment->name, false, &file);
    pthread_mutex_unlock(&wal->lock);
    if (failed)
        return failed;
    failed = disk->read(file, 0, out, segment->used, got);
    pthread_mutex_lock(&wal->lock);
    disk->close(file);
    pthread_mutex_unlock(&wal->lock);
    return failed;
}

static void free_bytes(bb_wal *wal, uint8_t *bytes, size_t size)
{
    pthread_mutex_lock(&wal->lock);
    bb_mem_free(wal->options.mem, bytes, size);
    pthread_mutex_unlock(&wal->lock);
}

/* The lock is held for what takes memory, not while the disk is read: nobody writes to what is read here. */
bb_store_status bb_wal_load(bb_wal *wal, const bb_wal_segment *segment, uint8_t **out, bb_store_error *error)
{
    pthread_mutex_lock(&wal->lock);
    uint8_t *bytes = bb_mem_alloc(wal->options.mem, segment->used);
    pthread_mutex_unlock(&wal->lock);
    if (!bytes)
        return bb_store_fail_system(error, ENOMEM, "read", segment->name);
    size_t got = 0;
    int failed = read_bytes(wal, segment, bytes, &got);
    if (!failed && got == segment->used) {
        *out = bytes;
        return BB_STORE_OK;
    }
    free_bytes(wal, bytes, segment->used);
    if (failed)
        return bb_store_fail_system(error, failed, "read", segment->name);
    return bb_store_fail(error, BB_STORE_DAMAGED, segment->name, got, "%s is shorter than it was", segment->name);
}

bb_store_status bb_wal_read(bb_wal *wal, uint64_t number, bb_wal_visit *visit, void *context, bb_store_error *error)
{
    pthread_mutex_lock(&wal->lock);
    bb_wal_segment segment = *find_closed(wal, number);
    pthread_mutex_unlock(&wal->lock);
    uint8_t *bytes;
    bb_store_status status = bb_wal_load(wal, &segment, &bytes, error);
    if (status != BB_STORE_OK)
        return status;
    bb_frame frame;
    for (uint64_t at = BB_SEGMENT_HEAD; at < segment.used && status == BB_STORE_OK;) {
        if (bb_frame_take(bb_span_of(bytes, segment.used), &segment.head, at, &frame)) {
            status = visit(context, bb_position_of(number, at), &frame, error);
            at += bb_frame_bytes(frame.records.len);
        } else if (wal->options.recover) {
            at += 8; /* what was given up when the log was opened */
        } else {
            status = bb_store_fail(error, BB_STORE_DAMAGED, segment.name, at,
                                   "%s is damaged at offset %" PRIu64 ": it was whole when it was written",
                                   segment.name, at);
        }
    }
    free_bytes(wal, bytes, segment.used);
    return status;
}

/* One spare is kept for each prepared segment; more go, and so do those that were made to measure. */
static bb_store_status drop_or_keep(bb_wal *wal, bb_wal_segment *segment, bb_store_error *error)
{
    unsigned spares = 0;
    for (bb_wal_segment *s = wal->spares; s; s = s->next)
        spares++;
    if (segment->size == wal->options.segment_bytes && spares <= wal->options.prepared) {
        bb_wal_push_last(&wal->spares, segment);
        return BB_STORE_OK;
    }
    int failed = wal->options.disk->remove(wal->options.disk, segment->name);
    if (failed)
        bb_store_fail_system(error, failed, "remove", segment->name);
    bb_wal_segment_free(wal, segment);
    return failed ? error->status : BB_STORE_OK;
}

bb_store_status bb_wal_retire(bb_wal *wal, uint64_t number, bb_store_error *error)
{
    pthread_mutex_lock(&wal->lock);
    bb_wal_segment *segment = find_closed(wal, number), **at = &wal->closed;
    while (*at != segment)
        at = &(*at)->next;
    *at = segment->next;
    atomic_fetch_sub(&wal->closed_count, 1);
    bb_store_status status = drop_or_keep(wal, segment, error);
    pthread_mutex_unlock(&wal->lock);
    return status;
}

static unsigned prepared_count(const bb_wal *wal)
{
    unsigned count = 0;
    for (bb_wal_segment *s = wal->prepared; s; s = s->next)
        count++;
    return count;
}

bb_store_status bb_wal_prepare(bb_wal *wal, bb_store_error *error)
{
    bb_store_status status = BB_STORE_OK;
    pthread_mutex_lock(&wal->lock);
    while (status == BB_STORE_OK && prepared_count(wal) < wal->options.prepared)
        status = bb_wal_prepare_one(wal, 0, error);
    atomic_store(&wal->room, prepared_count(wal) > 0);
    pthread_mutex_unlock(&wal->lock);
    return status;
}

/* --- anyone */

bool bb_wal_room(const bb_wal *wal)
{
    return atomic_load_explicit(&wal->room, memory_order_relaxed);
}

uint64_t bb_wal_bytes(const bb_wal *wal)
{
    return atomic_load(&wal->bytes);
}

uint64_t bb_wal_segments(const bb_wal *wal)
{
    return atomic_load(&wal->closed_count);
}
