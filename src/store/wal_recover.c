/* wal_recover.c - what the disk holds when the log is opened.
 *
 * Frames are numbered over all segments, so the log is whole when the numbers are. Where they stop there are two cases.
 * Nothing whole comes behind: the last frame was being written when the power went; it was never acknowledged, and is
 * cut off. Something whole comes behind: what was written and synced is not there any more, and nobody but a person can
 * say what to do. (Of segments that were not synced, frames may be missing anywhere after a power loss: there the log
 * ends at the first that is.) */
#include "store/wal_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct recovery {
    bb_wal *wal;
    uint64_t from_segment;
    uint64_t frame_next;      /* the number that the next frame must have; 0: not known */
    bb_wal_segment *segments; /* in order of their numbers */
    bb_wal_found *found;
    bb_store_error *error;
    bool ended;                /* an unsynced segment had a hole: the rest does not count */
    char stopped[BB_WAL_NAME]; /* the segment with frames before the present one, and where they ended */
    uint64_t stopped_at;
    bool failed;
} recovery;

static void insert(bb_wal_segment **list, bb_wal_segment *segment)
{
    while (*list && (*list)->head.number < segment->head.number)
        list = &(*list)->next;
    segment->next = *list;
    *list = segment;
}

static void list_file(void *context, const char *name, uint64_t size)
{
    recovery *r = context;
    bool spare = strncmp(name, "spare-", 6) == 0, segment = strncmp(name, "segment-", 8) == 0;
    if (!spare && !segment)
        return;
    bb_wal_segment *added = bb_wal_segment_new(r->wal, name, size);
    if (!added) {
        r->failed = true;
        return;
    }
    if (spare) {
        bb_wal_push_last(&r->wal->spares, added);
        return;
    }
    added->head.number = strtoull(name + 8, NULL, 10);
    added->used = size;
    insert(&r->segments, added);
    if (added->head.number > r->wal->number_last)
        r->wal->number_last = added->head.number;
}

/* Segments that hold nothing are used again, under a name that promises nothing. */
static bb_store_status make_spare(recovery *r, bb_wal_segment *segment)
{
    bb_disk *disk = r->wal->options.disk;
    char name[BB_WAL_NAME];
    snprintf(name, sizeof name, "spare-%012" PRIu64, segment->head.number);
    int failed = r->wal->options.read_only ? 0 : disk->rename(disk, segment->name, name);
    if (failed) {
        bb_store_fail_system(r->error, failed, "rename", segment->name);
        bb_wal_segment_free(r->wal, segment);
        return r->error->status;
    }
    if (!r->wal->options.read_only)
        memcpy(segment->name, name, sizeof name);
    bb_wal_push_last(&r->wal->spares, segment);
    return BB_STORE_OK;
}

/* --- damage */

static bb_store_status damaged(recovery *r, const char *file, uint64_t offset, uint64_t bytes, const char *what)
{
    bb_store_error *error = r->found->given_up_places ? r->error : &r->found->damage;
    bb_store_fail(error, BB_STORE_DAMAGED, file, offset,
                  "the journal is damaged: %s in %s at offset %" PRIu64
                  ". Restore a backup, or start once with --recover, which gives up what cannot be read",
                  what, file, offset);
    if (!r->wal->options.recover) {
        *r->error = *error;
        return BB_STORE_DAMAGED;
    }
    r->found->given_up_places++;
    r->found->given_up_bytes += bytes;
    return BB_STORE_OK;
}

/* The first whole frame from `at` on, or the end of the bytes. */
static uint64_t next_frame(bb_span bytes, const bb_segment_head *head, uint64_t at)
{
    bb_frame frame;
    while (at < bytes.len && !bb_frame_take(bytes, head, at, &frame))
        at += 8;
    return at < bytes.len ? at : bytes.len;
}

/* Of what is not whole at the end of a segment: the bytes that once were something. */
static uint64_t torn_bytes(bb_span bytes, const bb_segment_head *head, uint64_t at)
{
    uint8_t position[8];
    for (unsigned i = 0; i < 8; i++)
        position[i] = (uint8_t)(bb_position_of(head->number, at) >> 8 * i);
    if (bytes.len - at < BB_FRAME_HEAD || memcmp(bytes.data + at + 8, position, sizeof position) != 0)
        return 0;
    uint64_t length = (uint64_t)bytes.data[at] | (uint64_t)bytes.data[at + 1] << 8 |
                      (uint64_t)bytes.data[at + 2] << 16 | (uint64_t)bytes.data[at + 3] << 24;
    return length < bytes.len - at ? length : bytes.len - at;
}

/* --- one segment */

static bb_store_status take_frame(recovery *r, bb_wal_segment *segment, uint64_t at, const bb_frame *frame)
{
    bb_store_status status = BB_STORE_OK;
    if (r->frame_next && frame->number != r->frame_next) {
        bool before = r->stopped[0] != '\0';
        status = damaged(r, before ? r->stopped : segment->name, before ? r->stopped_at : at, 0, "frames are missing");
    }
    r->frame_next = frame->number + 1;
    r->found->frames++;
    r->found->bytes += frame->records.len;
    segment->used = at + bb_frame_bytes(frame->records.len);
    return status;
}

static bb_store_status scan(recovery *r, bb_wal_segment *segment, bb_span bytes)
{
    bb_frame frame;
    bb_store_status status = BB_STORE_OK;
    segment->used = BB_SEGMENT_HEAD;
    for (uint64_t at = BB_SEGMENT_HEAD; at < bytes.len && status == BB_STORE_OK;) {
        if (bb_frame_take(bytes, &segment->head, at, &frame)) {
            status = take_frame(r, segment, at, &frame);
            at = segment->used;
            snprintf(r->stopped, sizeof r->stopped, "%s", segment->name);
            r->stopped_at = at;
            continue;
        }
        uint64_t next = next_frame(bytes, &segment->head, at);
        if (next == bytes.len) {
            r->found->cut_bytes += torn_bytes(bytes, &segment->head, at);
            break;
        }
        if (segment->head.flags & BB_SEGMENT_UNSYNCED) {
            r->ended = true;
            break;
        }
        status = damaged(r, segment->name, at, next - at, "bytes that were written are gone");
        r->frame_next = 0;
        at = next;
    }
    return status;
}

/* Read and check the head, then the frames. */
static bb_store_status examine(recovery *r, bb_wal_segment *segment)
{
    uint8_t *bytes;
    bb_segment_head head;
    uint64_t number = segment->head.number;
    bb_store_status status = bb_wal_load(r->wal, segment, &bytes, r->error);
    if (status != BB_STORE_OK)
        return status;
    uint64_t size = segment->used;
    if (!bb_segment_head_take(bb_span_of(bytes, size), &head) || head.number != number) {
        segment->used = BB_SEGMENT_HEAD;
        status = damaged(r, segment->name, 0, size, "the head of a segment cannot be read");
        r->frame_next = 0;
    } else if (head.version > BB_SEGMENT_VERSION) {
        status = bb_store_fail(r->error, BB_STORE_NEWER, segment->name, 8,
                               "%s has format %u, and this busbar knows up to %u: start the newer one again",
                               segment->name, head.version, BB_SEGMENT_VERSION);
    } else {
        segment->head = head;
        status = scan(r, segment, bb_span_of(bytes, size));
    }
    bb_mem_free(r->wal->options.mem, bytes, size);
    return status;
}

static bb_store_status sort_in(recovery *r, bb_wal_segment *segment)
{
    bb_wal *wal = r->wal;
    if (segment->head.number < r->from_segment || r->ended)
        return make_spare(r, segment);
    bb_store_status status = examine(r, segment);
    if (status != BB_STORE_OK) {
        bb_wal_segment_free(wal, segment);
        return status;
    }
    if (segment->used == BB_SEGMENT_HEAD)
        return make_spare(r, segment);
    bb_wal_push_last(&wal->closed, segment);
    atomic_fetch_add(&wal->closed_count, 1);
    r->found->segments++;
    return BB_STORE_OK;
}

bb_store_status bb_wal_recover(bb_wal *wal, uint64_t from_segment, uint64_t from_frame, bb_wal_found *found,
                               bb_store_error *error)
{
    bb_disk *disk = wal->options.disk;
    recovery r = {wal, from_segment, from_frame, NULL, found, error, false, "", 0, false};
    wal->number_last = from_segment ? from_segment - 1 : 0;
    int failed = disk->list(disk, list_file, &r);
    bb_store_status status = BB_STORE_OK;
    if (failed || r.failed)
        status = bb_store_fail_system(error, failed ? failed : ENOMEM, "read", "the folder of the journal");
    for (bb_wal_segment *segment; (segment = bb_wal_pop(&r.segments));) {
        if (status == BB_STORE_OK)
            status = sort_in(&r, segment);
        else
            bb_wal_segment_free(wal, segment);
    }
    if (status == BB_STORE_OK && !wal->options.read_only) {
        failed = disk->remove(disk, "new");
        failed = failed && failed != ENOENT ? failed : disk->sync_folder(disk);
        if (failed)
            status = bb_store_fail_system(error, failed, "write to", "the folder of the journal");
    }
    wal->frame_next = r.frame_next ? r.frame_next : from_frame + 1;
    return status;
}
