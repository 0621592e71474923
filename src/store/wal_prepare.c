/* wal_prepare.c - a segment is made ready before it is needed: filled with zeros or used again, with a head of its own,
 * and only then under its name. */
#include "store/wal_inside.h"

#include <errno.h>

#include "base/hash.h"

/* A new file of zeros, still called "new". */
static int make_file(bb_wal *wal, uint64_t size, bb_file **out)
{
    bb_disk *disk = wal->options.disk;
    int failed = disk->open(disk, "new", true, out);
    if (failed == EEXIST) { /* left from a try that failed */
        disk->remove(disk, "new");
        failed = disk->open(disk, "new", true, out);
    }
    if (failed)
        return failed;
    failed = bb_disk_zero(*out, size);
    if (failed) {
        disk->close(*out);
        disk->remove(disk, "new");
    }
    return failed;
}

/* A spare that is large enough, with its file open; else a new one. */
static bb_store_status get_file(bb_wal *wal, uint64_t size, bb_wal_segment **out, bb_store_error *error)
{
    bb_disk *disk = wal->options.disk;
    if (wal->spares && wal->spares->size >= size) {
        int failed = disk->open(disk, wal->spares->name, false, &wal->spares->file);
        if (failed)
            return bb_store_fail_system(error, failed, "open", wal->spares->name);
        *out = bb_wal_pop(&wal->spares);
        return BB_STORE_OK;
    }
    if (atomic_load(&wal->bytes) + size > wal->options.bytes_max)
        return bb_store_fail(error, BB_STORE_FULL, NULL, 0, "the limit for the disk space is reached");
    bb_file *file;
    int failed = make_file(wal, size, &file);
    if (failed)
        return bb_store_fail_system(error, failed, "make", "a segment of the journal");
    *out = bb_wal_segment_new(wal, "new", size);
    if (!*out) {
        disk->close(file);
        return bb_store_fail_system(error, ENOMEM, "make", "a segment of the journal");
    }
    (*out)->file = file;
    return BB_STORE_OK;
}

/* Head first, name second: see wal.h. */
static int give_name(bb_wal *wal, bb_wal_segment *segment)
{
    bb_disk *disk = wal->options.disk;
    uint8_t head[BB_SEGMENT_HEAD];
    bb_segment_head_put(head, &segment->head);
    int failed = disk->write(segment->file, 0, bb_span_of(head, sizeof head), true);
    char name[BB_WAL_NAME];
    bb_wal_name(name, segment->head.number);
    if (!failed)
        failed = disk->rename(disk, segment->name, name);
    if (failed)
        return failed;
    memcpy(segment->name, name, sizeof name);
    return disk->sync_folder(disk);
}

static bb_store_status drop_prepared(bb_wal *wal, bb_store_error *error)
{
    int failed = 0;
    for (bb_wal_segment *segment; !failed && (segment = bb_wal_pop(&wal->prepared));) {
        failed = wal->options.disk->remove(wal->options.disk, segment->name);
        if (failed)
            bb_store_fail_system(error, failed, "remove", segment->name);
        bb_wal_segment_free(wal, segment);
    }
    return failed ? error->status : BB_STORE_OK;
}

bb_store_status bb_wal_prepare_one(bb_wal *wal, uint64_t bytes_min, bb_store_error *error)
{
    uint64_t size = wal->options.segment_bytes;
    bb_wal_segment *segment;
    bb_store_status status = get_file(wal, bytes_min > size ? bytes_min : size, &segment, error);
    if (status != BB_STORE_OK)
        return status;
    wal->random = bb_hash_mix(wal->random, wal->number_last + 1);
    segment->head = (bb_segment_head){
        .version = BB_SEGMENT_VERSION,
        .flags = wal->options.sync ? 0 : BB_SEGMENT_UNSYNCED,
        .number = ++wal->number_last,
        .salt = wal->random,
    };
    segment->used = BB_SEGMENT_HEAD;
    int failed = give_name(wal, segment);
    if (failed) {
        bb_store_fail_system(error, failed, "prepare", segment->name);
        bb_wal_segment_free(wal, segment);
        return error->status = BB_STORE_FAILED;
    }
    if (bytes_min > size) /* wanted now, and numbers must stay in order: those that were prepared before it go */
        status = drop_prepared(wal, error);
    bb_wal_push_last(&wal->prepared, segment);
    return status;
}
