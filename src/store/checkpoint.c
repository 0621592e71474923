#include "store/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "store/spill.h"

void bb_payload_name(char out[40], uint64_t number)
{
    snprintf(out, 40, "payload-%012" PRIu64, number);
}

void bb_checkpoint_init(bb_checkpoint *c, bb_mem *mem, bb_wal *wal, bb_table *table, bb_disk *payloads, uint64_t late)
{
    *c = (bb_checkpoint){.mem = mem, .wal = wal, .table = table, .payloads = payloads};
    bb_digest_init(&c->digest, mem, late);
}

void bb_checkpoint_deinit(bb_checkpoint *c)
{
    bb_digest_deinit(&c->digest);
}

/* Every record of a frame, with the place in the file where one cannot be understood. */
static bb_store_status each_record(const bb_frame *frame, uint64_t position, int (*take)(void *, const bb_record *),
                                   void *context, bb_store_error *error)
{
    bb_record record;
    bb_record_fault fault;
    for (bb_span rest = frame->records; rest.len > 0;) {
        uint64_t offset = (position & UINT32_MAX) + BB_FRAME_HEAD + (frame->records.len - rest.len);
        if (bb_record_decode(&rest, &record, &fault) != BB_OK)
            return bb_store_fail(error, BB_STORE_DAMAGED, "the journal", offset,
                                 "a record in segment %" PRIu64 " at offset %" PRIu64 " is not understood: %s%s%s",
                                 position >> 32, offset, fault.what, fault.field ? " in " : "",
                                 fault.field ? fault.field : "");
        int failed = take(context, &record);
        if (failed) {
            bb_store_fail_system(error, failed, "write to", "the table");
            return error->status;
        }
    }
    return BB_STORE_OK;
}

/* --- looking at a segment */

static int take_in(void *context, const bb_record *record)
{
    bb_digest *digest = context;
    return bb_digest_take(digest, digest->scanned, record) ? 0 : ENOMEM;
}

static bb_store_status scan_frame(void *context, uint64_t position, const bb_frame *frame, bb_store_error *error)
{
    return each_record(frame, position, take_in, context, error);
}

static bb_store_status scan(bb_checkpoint *c, uint64_t segment, bb_store_error *error)
{
    c->digest.scanned = segment;
    return bb_wal_read(c->wal, segment, scan_frame, &c->digest, error);
}

/* --- taking it into the table */

typedef struct spilling {
    bb_spill spill;
    bool grow;
} spilling;

static int spill_record(void *context, const bb_record *record)
{
    spilling *s = context;
    int failed = bb_spill_record(&s->spill, record);
    s->grow = failed == BB_TABLE_GROW;
    return failed;
}

static bb_store_status spill_frame(void *context, uint64_t position, const bb_frame *frame, bb_store_error *error)
{
    spilling *s = context;
    s->spill.frame_last = frame->number;
    return each_record(frame, position, spill_record, s, error);
}

static void remove_files(bb_checkpoint *c, const bb_spill *spill)
{
    for (size_t i = 0; i < spill->files_count && c->payloads; i++) {
        char name[40];
        bb_payload_name(name, spill->files[i]);
        c->payloads->remove(c->payloads, name); /* one that stays is an orphan, and goes at the next start */
    }
}

/* One try; `grow` is set when the table had no room, and nothing happened then. */
static bb_store_status try_spill(bb_checkpoint *c, uint64_t segment, bool *grow, bb_store_error *error)
{
    bb_txn *txn;
    spilling s = {.grow = false};
    int failed = c->table->begin(c->table, true, &txn);
    if (failed) {
        *grow = failed == BB_TABLE_GROW;
        return bb_store_fail_system(error, failed, "write to", "the table");
    }
    bb_store_status status = BB_STORE_OK;
    failed = bb_spill_init(&s.spill, c->mem, txn, &c->digest, segment);
    if (!failed) {
        status = bb_wal_read(c->wal, segment, spill_frame, &s, error);
        if (status == BB_STORE_OK)
            failed = bb_spill_finish(&s.spill);
    }
    if (status != BB_STORE_OK || failed)
        c->table->abort(txn);
    else
        failed = c->table->commit(txn);
    *grow = s.grow || failed == BB_TABLE_GROW;
    if (failed)
        status = bb_store_fail_system(error, failed, "write to", "the table");
    if (status == BB_STORE_OK)
        remove_files(c, &s.spill);
    bb_spill_deinit(&s.spill);
    return status;
}

static bb_store_status spill(bb_checkpoint *c, uint64_t segment, bb_store_error *error)
{
    for (;;) {
        bool grow = false;
        bb_store_status status = try_spill(c, segment, &grow, error);
        if (!grow)
            return status;
        int failed = c->table->grow(c->table);
        if (failed)
            return bb_store_fail_system(error, failed, "enlarge", "the table");
    }
}

bb_store_status bb_checkpoint_step(bb_checkpoint *c, bool all, bool *moved, bb_store_error *error)
{
    uint64_t unseen = bb_wal_closed_after(c->wal, c->digest.scanned);
    uint64_t oldest = bb_wal_closed_after(c->wal, 0);
    bb_store_status status = BB_STORE_OK;
    *moved = false;
    if (unseen) {
        status = scan(c, unseen, error);
        *moved = true;
    } else if (oldest && (all || oldest < c->digest.scanned)) {
        status = spill(c, oldest, error);
        if (status == BB_STORE_OK)
            status = bb_wal_retire(c->wal, oldest, error);
        if (status == BB_STORE_OK) {
            c->contained = oldest;
            bb_digest_forget(&c->digest, oldest);
        }
        *moved = status == BB_STORE_OK;
    }
    return status;
}
